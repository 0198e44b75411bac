#include "node/rent/rent_link.h"

#include "base/bencode.h"
#include "base/hash.h"
#include "node/core/engine.h"
#include "wire/peer/handshake.h"
#include "wire/swarm/swarm.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERSION 1
#define NAME_STORE 's'
#define NAME_PAY 'p'
#define OFFER_MAX 80
#define OUTER_MAX (SEAL_STORE_PLAIN_MAX + SEAL_MAC_LEN + SEAL_OUTER_MORE)
#define TICK_MS 1000
#define WHY_MAX 96

struct rent_link {
	struct rent_links *net;
	struct rent_link *next, **at; /* of the net's list */
	struct rent_link *next_dead;
	struct rent_door *door; /* NULL: we opened it */
	struct swarm *swarm;	/* ours when we opened it */
	struct peer *peer;	/* NULL: not yet, or gone */
	struct peer_id self;	/* what we called ourselves */
	struct net_addr addr;
	const struct rent_link_ops *ops;
	void *ctx;
	struct seal_keypair own; /* when we opened it */
	uint8_t peer_key[SEAL_KEY_LEN];
	struct seal seal;
	bool sealed, dead;
	bool pays; /* it speaks sb_pay */
	char why[WHY_MAX];
};

/* A name by which renters come in. */
struct entrance {
	struct rent_door *door;
	struct info_hash name;
	struct swarm *swarm;
};

struct rent_door {
	struct rent_links *net;
	struct rent_door *next;
	struct entrance at[RENT_DOOR_NAMES];
	unsigned names;
	struct peer_id self;
	struct seal_keypair key;
	const struct rent_link_ops *ops;
	void *ctx;
};

struct rent_links {
	struct engine *engine;
	struct rent_door *doors;
	struct rent_link *links;
	struct rent_link *dead;
	struct loop_timer *timer;
	uint8_t *outer; /* OUTER_MAX */
	uint8_t *plain; /* SEAL_STORE_PLAIN_MAX */
};

static const struct swarm_ops swarm_callbacks;

/* Of the host; of all hosts of this bank when it is NULL. */
static struct info_hash name_of(uint64_t chain_id, const struct address *bank,
				const struct address *host)
{
	static const char label[] = "seedbank host v1";
	uint8_t id[8];
	struct wr w = wr_into(id, sizeof(id));
	struct info_hash out;
	struct sha1 s;

	wr_u64(&w, chain_id);
	sha1_init(&s);
	sha1_update(&s, label, sizeof(label) - 1);
	sha1_update(&s, id, sizeof(id));
	sha1_update(&s, bank->bytes, sizeof(bank->bytes));
	if (host)
		sha1_update(&s, host->bytes, sizeof(host->bytes));
	sha1_final(&s, out.bytes);
	return out;
}

struct info_hash rent_name(uint64_t chain_id, const struct address *bank,
			   const struct address *host)
{
	return name_of(chain_id, bank, host);
}

struct info_hash rent_name_any(uint64_t chain_id, const struct address *bank)
{
	return name_of(chain_id, bank, NULL);
}

static int64_t now_of(const struct rent_links *n)
{
	return loop_now_ms(n->engine->loop);
}

/* ------------------------------------------------------------------ the net */

static void on_tick(void *ctx)
{
	struct rent_links *n = ctx;
	int64_t now = now_of(n);

	for (struct rent_door *d = n->doors; d; d = d->next)
		for (unsigned i = 0; i < d->names; i++)
			(void)swarm_tick(d->at[i].swarm, now);
	for (struct rent_link *k = n->links; k; k = k->next)
		if (!k->door && !k->dead)
			(void)swarm_tick(k->swarm, now);
	if (n->doors || n->links)
		loop_timer_set(n->timer, TICK_MS);
}

struct rent_links *rent_links_new(struct engine *en, struct err *e)
{
	struct rent_links *n = calloc(1, sizeof(*n));

	if (n) {
		n->engine = en;
		n->timer = loop_timer_new(en->loop, on_tick, n);
	}
	if (!n || !n->timer) {
		(void)err_fail(e, ERR_NOMEM, "renting connections");
		rent_links_free(n);
		return NULL;
	}
	return n;
}

/* The buffers are there only while something is rented. */
static enum err_code need_buffers(struct rent_links *n, struct err *e)
{
	if (!n->outer)
		n->outer = malloc(OUTER_MAX);
	if (!n->plain)
		n->plain = malloc(SEAL_STORE_PLAIN_MAX);
	if (!n->outer || !n->plain)
		return err_fail(e, ERR_NOMEM, "renting connections");
	loop_timer_set(n->timer, TICK_MS);
	return ERR_NONE;
}

struct swarm *rent_links_find(struct rent_links *n,
			      const struct info_hash *name)
{
	for (struct rent_door *d = n->doors; d; d = d->next)
		for (unsigned i = 0; i < d->names; i++)
			if (info_hash_eq(&d->at[i].name, name))
				return d->at[i].swarm;
	return NULL;
}

/* -------------------------------------------------------------------- links */

static struct rent_link *link_new(struct rent_links *n,
				  const struct rent_link_ops *ops, void *ctx)
{
	struct rent_link *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->net = n;
	k->ops = ops;
	k->ctx = ctx;
	k->next = n->links;
	k->at = &n->links;
	if (k->next)
		k->next->at = &k->next;
	n->links = k;
	return k;
}

/* Told and freed at the end of the turn. */
static void die(struct rent_link *k, const char *why)
{
	if (k->dead)
		return;
	k->dead = true;
	/* an error's text may be longer: its beginning says enough */
	(void)snprintf(k->why, sizeof(k->why), "%.*s", WHY_MAX - 1, why);
	k->next_dead = k->net->dead;
	k->net->dead = k;
	loop_want_turn_end(k->net->engine->loop);
}

static void link_free(struct rent_link *k)
{
	struct rent_links *n = k->net;

	*k->at = k->next;
	if (k->next)
		k->next->at = k->at;
	if (!k->door && k->swarm) {
		links_close_swarm(n->engine->links, k->swarm, k);
		swarm_free(k->swarm);
	}
	seal_clear(&k->seal);
	sodium_memzero(&k->own, sizeof(k->own));
	free(k);
}

void rent_links_turn_end(struct rent_links *n)
{
	while (n->dead) {
		struct rent_link *k = n->dead;

		n->dead = k->next_dead;
		if (k->peer) { /* an incoming one that we close */
			struct peer *p = k->peer;

			link_set_rent(peer_user(p), NULL);
			k->peer = NULL;
			swarm_peer_close(p, PEER_CLOSE_LOCAL, k->why);
		}
		k->ops->down(k->ctx, k, k->why);
		link_free(k);
	}
}

void rent_links_free(struct rent_links *n)
{
	if (!n)
		return;
	while (n->doors)
		rent_door_free(n->doors);
	for (struct rent_link *k = n->links; k; k = k->next)
		die(k, "the node stops");
	rent_links_turn_end(n);
	loop_timer_free(n->timer);
	free(n->outer);
	free(n->plain);
	free(n);
}

void rent_link_close(struct rent_link *k, const char *why)
{
	die(k, why);
}

void *rent_link_ctx(const struct rent_link *k)
{
	return k->ctx;
}

size_t rent_link_room(struct rent_link *k)
{
	if (!k->peer || k->dead)
		return 0;
	return swarm_peer_ext_room(k->peer, now_of(k->net));
}

void rent_link_block(struct rent_link *k, bool blocked)
{
	if (k->peer && !k->dead)
		swarm_peer_set_blocked(k->peer, now_of(k->net), blocked);
}

const uint8_t *rent_link_own_key(const struct rent_link *k)
{
	return k->door ? k->door->key.pk : k->own.pk;
}

const uint8_t *rent_link_peer_key(const struct rent_link *k)
{
	return k->peer_key;
}

void rent_link_ip(const struct rent_link *k, uint8_t ip[16])
{
	struct wire_addr a = wire_addr_of(&k->addr);

	memcpy(ip, a.ip, sizeof(a.ip));
}

const struct net_addr *rent_link_addr(const struct rent_link *k)
{
	return &k->addr;
}

static void send_outer(struct rent_link *k, enum ext_id ext,
		       const uint8_t *bytes, size_t len)
{
	struct err e = {0};

	if (swarm_peer_send_ext(k->peer, ext, bytes, len, &e) != ERR_NONE)
		die(k, e.msg);
}

/* Both extensions' boxes are of one session: sealed in the order they are
 * queued in. */
static bool send_box(struct rent_link *k, enum ext_id ext, uint8_t name,
		     const uint8_t *msg, size_t len)
{
	enum seal_outer_kind kind =
		k->door ? SEAL_OUTER_SELLER : SEAL_OUTER_BUYER;
	struct err e = {0};
	size_t n = 0;

	if (!k->peer || k->dead || !k->sealed)
		return false;
	if (seal_outer_box(&k->seal, kind, name, k->net->outer, OUTER_MAX, &n,
			   msg, len, &e) != ERR_NONE) {
		die(k, e.msg);
		return false;
	}
	send_outer(k, ext, k->net->outer, n);
	return !k->dead;
}

bool rent_link_send(struct rent_link *k, const uint8_t *msg, size_t len)
{
	return send_box(k, EXT_SB_STORE, NAME_STORE, msg, len);
}

bool rent_link_send_pay(struct rent_link *k, const uint8_t *msg, size_t len)
{
	return send_box(k, EXT_SB_PAY, NAME_PAY, msg, len);
}

bool rent_link_pays(const struct rent_link *k)
{
	return k->pays;
}

/* ------------------------------------------------------------------ sealing */

static struct seal_transcript transcript(const struct rent_link *k)
{
	const bool host = k->door != NULL;
	struct seal_transcript s = {.hash = *swarm_info_hash(k->swarm)};
	size_t sent_len, got_len;
	const uint8_t *sent = peer_ext_sent(k->peer, &sent_len);
	const uint8_t *got = peer_ext_received(k->peer, &got_len);
	struct peer_id own = k->self, theirs = {0};

	(void)peer_id(k->peer, &theirs);
	s.seller_ext = host ? sent : got;
	s.seller_ext_len = host ? sent_len : got_len;
	s.buyer_ext = host ? got : sent;
	s.buyer_ext_len = host ? got_len : sent_len;
	s.seller_id = host ? own : theirs;
	s.buyer_id = host ? theirs : own;
	return s;
}

static void come_up(struct rent_link *k)
{
	void *ctx;

	k->sealed = true;
	ctx = k->ops->up(k->ctx, k);
	if (k->door)
		k->ctx = ctx;
}

/* The host's key stands in its handshake. */
static bool read_key(struct rent_link *k, const struct ext_handshake *ext)
{
	struct ben_doc *doc = NULL;
	struct ben_view key;
	bool good = false;

	if (!ext || !ext->sb_store ||
	    ben_parse(&doc, ext->sb_store, ext->sb_store_len, 64, 0, NULL) !=
		    ERR_NONE)
		return false;
	if (ben_str(ben_get(ben_root(doc), "k"), &key) &&
	    key.len == SEAL_KEY_LEN) {
		memcpy(k->peer_key, key.p, key.len);
		good = true;
	}
	ben_doc_free(doc);
	return good;
}

static void begin_renting(struct rent_link *k, const struct ext_handshake *ext)
{
	struct seal_transcript s = transcript(k);
	uint8_t outer[64];
	struct err e = {0};

	if (!read_key(k, ext)) {
		die(k, "it does not rent out space (any more)");
		return;
	}
	seal_keypair_new(&k->own);
	if (seal_buyer_new(&k->seal, &k->own, k->peer_key, &s, &e) !=
	    ERR_NONE) {
		die(k, e.msg);
		return;
	}
	send_outer(k, EXT_SB_STORE, outer, seal_outer_key(outer, k->own.pk));
	if (!k->dead)
		come_up(k);
}

static void take_key(struct rent_link *k, const struct seal_outer *o)
{
	struct seal_transcript s = transcript(k);
	struct err e = {0};

	if (k->sealed || !k->door) {
		die(k, "sb_store: a key that is out of place");
		return;
	}
	memcpy(k->peer_key, o->p, SEAL_KEY_LEN);
	if (seal_seller_new(&k->seal, &k->door->key, k->peer_key, &s, &e) !=
	    ERR_NONE)
		die(k, e.msg);
	else
		come_up(k);
}

static void take_box(struct rent_link *k, enum ext_id ext,
		     const struct seal_outer *o)
{
	const bool pay = ext == EXT_SB_PAY;
	struct err e = {0};
	size_t len = 0;

	if (!k->sealed ||
	    o->kind != (k->door ? SEAL_OUTER_BUYER : SEAL_OUTER_SELLER)) {
		die(k, "a box that is out of place");
		return;
	}
	if (seal_open(&k->seal, pay ? NAME_PAY : NAME_STORE, k->net->plain,
		      SEAL_STORE_PLAIN_MAX, &len, o->p, o->len, &e) != ERR_NONE)
		die(k, e.msg);
	else if (pay && k->ops->pay)
		k->ops->pay(k->ctx, k, k->net->plain, len);
	else if (!pay)
		k->ops->message(k->ctx, k, k->net->plain, len);
}

/* -------------------------------------------------------- the swarm's calls */

static struct rent_link *link_of(struct peer *p)
{
	return link_rent(peer_user(p));
}

static void on_ready(void *ctx, struct peer *p, const struct ext_handshake *ext)
{
	struct entrance *at = ctx; /* NULL: we opened it */
	struct rent_door *d = at ? at->door : NULL;
	struct rent_link *k = link_of(p);
	struct wire_addr addr = peer_addr(p);

	link_set_ready(peer_user(p));
	if (d) {
		k = link_new(d->net, d->ops, d->ctx);
		if (!k) {
			swarm_peer_close(p, PEER_CLOSE_NOMEM, "no memory");
			return;
		}
		k->door = d;
		k->self = d->self;
		k->swarm = at->swarm;
		link_set_rent(peer_user(p), k);
	}
	k->peer = p;
	k->pays = ext && ext->id[EXT_SB_PAY];
	net_addr_of_wire(&k->addr, &addr);
	if (!d)
		begin_renting(k, ext);
}

/* Of a swarm that we made for one connection: ctx is the link. */
static void on_ready_out(void *ctx, struct peer *p,
			 const struct ext_handshake *ext)
{
	link_set_rent(peer_user(p), ctx);
	on_ready(NULL, p, ext);
}

static void on_gone(void *ctx, struct peer *p)
{
	struct rent_link *k = link_of(p);

	(void)ctx;
	if (!k)
		return;
	k->peer = NULL;
	die(k, "the connection ended");
}

static void on_ext_message(void *ctx, struct peer *p, enum ext_id ext,
			   const uint8_t *bytes, size_t len)
{
	struct rent_link *k = link_of(p);
	struct seal_outer o;
	struct err e = {0};

	(void)ctx;
	if (!k || k->dead || (ext != EXT_SB_STORE && ext != EXT_SB_PAY))
		return;
	if (seal_outer_read(&o, bytes, len, &e) != ERR_NONE)
		die(k, e.msg);
	else if (o.kind == SEAL_OUTER_KEY && ext == EXT_SB_PAY)
		die(k, "sb_pay: a key on a renting connection");
	else if (o.kind == SEAL_OUTER_KEY)
		take_key(k, &o);
	else
		take_box(k, ext, &o);
}

static void on_drained(void *ctx, struct peer *p)
{
	struct rent_link *k = link_of(p);

	(void)ctx;
	if (k && !k->dead && k->sealed)
		k->ops->drained(k->ctx, k);
}

static const struct swarm_ops swarm_callbacks = {
	.ext_message = on_ext_message,
	.ext_drained = on_drained,
	.peer_ready = on_ready,
	.peer_gone = on_gone,
};

static const struct swarm_ops out_callbacks = {
	.ext_message = on_ext_message,
	.ext_drained = on_drained,
	.peer_ready = on_ready_out,
	.peer_gone = on_gone,
};

static enum err_code swarm_of(struct swarm **out, struct rent_links *n,
			      const struct info_hash *name,
			      const struct peer_id *self, const uint8_t *key,
			      const struct swarm_ops *ops, void *ctx,
			      struct err *e)
{
	struct engine *en = n->engine;
	uint8_t offer[OFFER_MAX];
	struct wr w = wr_into(offer, sizeof(offer));
	struct swarm_cfg cfg = {
		.info_hash = *name,
		.self = *self,
		.max_peers = en->max_peers,
		.listen_port = key ? en->listen_port : 0,
		.rate = en->rate,
		.local_unlimited = !engine_flag(en, "limit-local"),
		.rng = en->rng,
		.log = en->log,
		.ops = ops,
		.ctx = ctx,
	};

	ben_w_dict(&w);
	if (key) {
		ben_w_str(&w, "k");
		ben_w_bytes(&w, key, SEAL_KEY_LEN);
	}
	ben_w_str(&w, "v");
	ben_w_int(&w, VERSION);
	ben_w_end(&w);
	cfg.sb_store = offer;
	cfg.sb_store_len = wr_len(&w);
	/* the same key in both; what it costs stands in the price sheet */
	cfg.sb_pay = offer;
	cfg.sb_pay_len = wr_len(&w);
	return swarm_new(out, &cfg, now_of(n), e);
}

/* -------------------------------------------------------------------- doors */

static void close_entrances(struct rent_door *d)
{
	for (unsigned i = 0; i < d->names; i++) {
		links_unlist(d->net->engine->links, &d->at[i].name);
		links_close_swarm(d->net->engine->links, d->at[i].swarm, d);
		swarm_free(d->at[i].swarm);
	}
}

static enum err_code open_entrance(struct rent_door *d,
				   const struct info_hash *name, struct err *e)
{
	struct entrance *at = &d->at[d->names];
	enum err_code code;

	*at = (struct entrance){.door = d, .name = *name};
	code = swarm_of(&at->swarm, d->net, name, &d->self, d->key.pk,
			&swarm_callbacks, at, e);
	if (code == ERR_NONE) {
		links_list(d->net->engine->links, name);
		d->names++;
	}
	return code;
}

enum err_code rent_door_new(struct rent_door **out, struct rent_links *n,
			    const struct info_hash *names, unsigned count,
			    const struct rent_link_ops *ops, void *ctx,
			    struct err *e)
{
	struct rent_door *d = calloc(1, sizeof(*d));
	enum err_code code;

	*out = NULL;
	if (!d)
		return err_fail(e, ERR_NOMEM, "a host's door");
	*d = (struct rent_door){
		.net = n, .self = n->engine->peer_id, .ops = ops, .ctx = ctx};
	seal_keypair_new(&d->key);
	code = count > RENT_DOOR_NAMES ? err_fail(e, ERR_LIMIT, "door names")
				       : need_buffers(n, e);
	for (unsigned i = 0; code == ERR_NONE && i < count; i++)
		code = open_entrance(d, &names[i], e);
	if (code != ERR_NONE) {
		close_entrances(d);
		sodium_memzero(d, sizeof(*d));
		free(d);
		return code;
	}
	d->next = n->doors;
	n->doors = d;
	*out = d;
	return ERR_NONE;
}

void rent_door_free(struct rent_door *d)
{
	struct rent_door **at;

	if (!d)
		return;
	for (struct rent_link *k = d->net->links; k; k = k->next)
		if (k->door == d)
			die(k, "this host closes");
	rent_links_turn_end(d->net);
	close_entrances(d);
	for (at = &d->net->doors; *at != d; at = &(*at)->next)
		;
	*at = d->next;
	sodium_memzero(d, sizeof(*d));
	free(d);
}

const uint8_t *rent_door_key(const struct rent_door *d)
{
	return d->key.pk;
}

/* ------------------------------------------------------------------ opening */

static void on_ended(void *owner, const struct net_addr *to, bool lasted,
		     enum peer_close why)
{
	(void)to;
	(void)lasted;
	die(owner, why == PEER_CLOSE_NONE ? "it cannot be reached"
					  : peer_close_name(why));
}

enum err_code rent_link_open(struct rent_link **out, struct rent_links *n,
			     const struct info_hash *name,
			     const struct net_addr *to,
			     const struct rent_link_ops *ops, void *ctx,
			     struct err *e)
{
	struct rent_link *k = link_new(n, ops, ctx);
	enum err_code code;

	*out = NULL;
	if (!k)
		return err_fail(e, ERR_NOMEM, "a renting connection");
	k->addr = *to;
	/* of its own: two connections to one host are no duplicates, and do not
	 * tell that they are one node's */
	handshake_make_id(&k->self, &n->engine->rng);
	code = need_buffers(n, e);
	if (code == ERR_NONE)
		code = swarm_of(&k->swarm, n, name, &k->self, NULL,
				&out_callbacks, k, e);
	if (code == ERR_NONE &&
	    !links_open(n->engine->links, k->swarm, to, on_ended, k))
		code = err_fail(e, ERR_LIMIT, "no more connections");
	if (code != ERR_NONE) {
		link_free(k);
		return code;
	}
	*out = k;
	return ERR_NONE;
}
