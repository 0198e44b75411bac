#include "wire/swarm.h"

#include "wire/bits.h"
#include "wire/swarm_int.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define HAVES_AHEAD 4096U /* small output over this waits with more haves */
#define BLOCK_BUFFERS_MAX 65536U

static const struct peer_ops link_ops;

/* ---- entering and leaving ---- */

void swarm_enter(struct swarm *s, int64_t now_ms)
{
	s->now_ms = now_ms;
	s->depth++;
}

void swarm_leave(struct swarm *s)
{
	/* what is done here may ask for more, but each round has less to do */
	for (int i = 0; s->depth == 1 && i < 4; i++) {
		if (s->refill_soon) {
			s->refill_soon = false;
			down_fill_all(s);
		}
		if (s->choke_soon) {
			s->choke_soon = false;
			choke_run(s, CHOKER_FILL);
		}
	}
	s->depth--;
}

static void enter(struct link *l)
{
	swarm_enter(l->s, l->peer.now_ms);
}

/* ---- life ---- */

static void set_defaults(struct swarm_cfg *c)
{
	if (c->max_peers == 0)
		c->max_peers = 200;
	if (c->slots == 0)
		c->slots = 8;
	if (c->free_slots == 0)
		c->free_slots = (c->slots + 3) / 4;
	if (c->free_slots > c->slots)
		c->free_slots = c->slots;
}

static uint8_t *copy_bytes(const uint8_t *p, size_t len)
{
	uint8_t *copy = p ? malloc(len ? len : 1) : NULL;

	if (copy && len)
		memcpy(copy, p, len);
	return copy;
}

static enum err_code init_pieces(struct swarm *s, struct err *e)
{
	const struct swarm_cfg *c = &s->cfg;

	if (c->pieces == 0)
		return ERR_NONE; /* a connection without content */
	if (picker_check_sizes(c->pieces, c->piece_len, c->total_len, e) !=
	    ERR_NONE)
		return ERR_LIMIT;
	s->bounds = (struct msg_bounds){c->pieces, c->piece_len, c->total_len};
	s->have = calloc(1, bits_bytes(c->pieces));
	if (!s->have)
		return err_fail(e, ERR_NOMEM, "swarm of %u pieces", c->pieces);
	if (c->have)
		for (uint32_t i = 0; i < c->pieces; i++)
			if (bits_get(c->have, i))
				bits_set(s->have, i);
	s->n_have = bits_count(s->have, c->pieces);
	if (s->n_have == c->pieces)
		return ERR_NONE;
	return picker_new(&s->picker, c->pieces, c->piece_len, c->total_len,
			  s->have, &s->cfg.rng, e);
}

static enum err_code init_extensions(struct swarm *s, struct err *e)
{
	struct swarm_cfg *c = &s->cfg;
	const uint8_t *pay = c->sb_pay, *store = c->sb_store;

	c->sb_pay = copy_bytes(pay, c->sb_pay_len);
	c->sb_store = copy_bytes(store, c->sb_store_len);
	if ((pay && !c->sb_pay) || (store && !c->sb_store))
		return err_fail(e, ERR_NOMEM, "swarm");
	return ERR_NONE;
}

enum err_code swarm_new(struct swarm **out, const struct swarm_cfg *cfg,
			int64_t now_ms, struct err *e)
{
	struct swarm *s = calloc(1, sizeof(*s));
	uint32_t high;
	enum err_code rc;

	if (!s)
		return err_fail(e, ERR_NOMEM, "swarm");
	s->cfg = *cfg;
	s->now_ms = now_ms;
	s->upload_on = s->download_on = true;
	s->free_read = UINT32_MAX;
	set_defaults(&s->cfg);
	rng_fill(&s->cfg.rng, &high, sizeof(high));
	s->next_serial = ((uint64_t)high << 32) + 1;
	rc = init_extensions(s, e);
	if (rc == ERR_NONE)
		rc = init_pieces(s, e);
	s->cfg.have = NULL;
	if (rc == ERR_NONE && !s->cfg.blocks) {
		s->own_blocks =
			cbuf_pool_new(PICKER_BLOCK, BLOCK_BUFFERS_MAX, 4);
		s->cfg.blocks = s->own_blocks;
		if (!s->own_blocks)
			rc = err_fail(e, ERR_NOMEM, "swarm");
	}
	if (rc != ERR_NONE) {
		swarm_free(s);
		return rc;
	}
	*out = s;
	return ERR_NONE;
}

void swarm_free(struct swarm *s)
{
	if (!s)
		return;
	assert(s->n_links == 0);
	check_clear(s);
	blame_free(s->blame);
	picker_free(s->picker);
	cbuf_pool_free(s->own_blocks);
	free((void *)(uintptr_t)s->cfg.sb_pay);
	free((void *)(uintptr_t)s->cfg.sb_store);
	free(s->row_links);
	free(s->rows);
	free(s->reads);
	free(s->have_log);
	free(s->links);
	free(s->have);
	free(s);
}

void *swarm_ctx(const struct swarm *s)
{
	return s->cfg.ctx;
}

const struct info_hash *swarm_info_hash(const struct swarm *s)
{
	return &s->cfg.info_hash;
}

uint32_t swarm_piece_bytes(const struct swarm *s, uint32_t piece)
{
	return msg_piece_bytes(&s->bounds, piece);
}

struct link *swarm_find_serial(const struct swarm *s, uint64_t serial)
{
	for (uint32_t i = 0; i < s->n_links; i++)
		if (s->links[i]->peer.serial == serial &&
		    !s->links[i]->peer.closed)
			return s->links[i];
	return NULL;
}

/* ---- peers come and go ---- */

static bool grow_links(struct swarm *s)
{
	uint32_t cap = s->cap_links ? s->cap_links * 2 : 8;
	struct link **links, **row_links;
	struct choker_row *rows;

	if (s->n_links < s->cap_links)
		return true;
	links = realloc(s->links, cap * sizeof(struct link *));
	if (links)
		s->links = links;
	row_links = realloc(s->row_links, cap * sizeof(struct link *));
	if (row_links)
		s->row_links = row_links;
	rows = realloc(s->rows, cap * sizeof(*rows));
	if (rows)
		s->rows = rows;
	if (!links || !row_links || !rows)
		return false;
	s->cap_links = cap;
	return true;
}

static void wake_up(void *ctx, int64_t now_ms)
{
	struct link *l = ctx;

	l->peer.now_ms = now_ms;
	peer_want_write(&l->peer);
}

static void wake_down(void *ctx, int64_t now_ms)
{
	struct link *l = ctx;

	l->peer.now_ms = now_ms;
	peer_want_read(&l->peer);
}

static bool attach(struct link *l, struct swarm *s)
{
	if (s->n_links >= s->cfg.max_peers || !grow_links(s))
		return false;
	if (s->n_links == 0) /* the clockwork stood still */
		s->second_ms = s->round_ms = s->optimistic_ms = 0;
	l->s = s;
	l->index = s->n_links;
	s->links[s->n_links++] = l;
	l->peer.serial = s->next_serial++;
	l->peer.bounds = s->bounds;
	return true;
}

static struct link *link_new(const struct peer_cfg *cfg, bool outgoing,
			     int64_t now_ms)
{
	struct link *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	peer_init(&l->peer, &link_ops, cfg, outgoing, now_ms);
	l->they_choke = true;
	l->slot_since_ms = INT64_MIN;
	l->useless_since_ms = INT64_MIN;
	rate_flow_init(&l->flow_up, RATE_UP, wake_up, l);
	rate_flow_init(&l->flow_down, RATE_DOWN, wake_down, l);
	down_init(l);
	return l;
}

static void say_handshake(struct link *l)
{
	struct handshake hs = {
		.fast = true,
		.extended = true,
		.hash = l->s->cfg.info_hash,
		.id = l->s->cfg.self,
	};

	peer_send_handshake(&l->peer, &hs);
}

struct peer *swarm_connect(struct swarm *s, const struct peer_cfg *cfg,
			   int64_t now_ms)
{
	struct link *l = link_new(cfg, true, now_ms);

	if (!l)
		return NULL;
	swarm_enter(s, now_ms);
	if (!attach(l, s)) {
		free(l);
		swarm_leave(s);
		return NULL;
	}
	say_handshake(l);
	swarm_leave(s);
	return &l->peer;
}

struct peer *swarm_accept(swarm_find_fn *find, void *ctx,
			  const struct peer_cfg *cfg, int64_t now_ms)
{
	struct link *l = link_new(cfg, false, now_ms);

	if (!l)
		return NULL;
	l->find = find;
	l->find_ctx = ctx;
	return &l->peer;
}

void peer_check_timeout(struct peer *p, int64_t now_ms)
{
	p->now_ms = now_ms;
	if (!p->id_known && now_ms - p->born_ms >= PEER_HANDSHAKE_MS)
		peer_shut(p, PEER_CLOSE_TIMEOUT, "no handshake in %d s",
			  PEER_HANDSHAKE_MS / 1000);
}

struct swarm *peer_swarm(const struct peer *p)
{
	return ((const struct link *)p)->s;
}

static void uncharge(void *ctx, uint32_t len, bool paid)
{
	struct link *l = ctx;

	if (paid)
		l->s->cfg.ops->uncharge(l->s->cfg.ctx, &l->peer, len);
}

static void remember_gone(struct swarm *s, const struct link *l)
{
	if (l->peer.payload_in == 0)
		return;
	s->gone[s->n_gone++ % GONE_MAX] =
		(struct gone){l->peer.serial, l->peer.cfg.addr};
}

static void on_closed(struct peer *p)
{
	struct link *l = link_of(p);
	struct swarm *s = l->s;

	if (!s)
		return;
	enter(l);
	remember_gone(s, l);
	down_release_all(l);
	if (s->picker && l->bits)
		picker_peer_bits(s->picker, l->bits, true);
	up_clear(l);
	outq_clear(&p->out, uncharge, l);
	rate_flow_clear(s->cfg.rate, &l->flow_up);
	rate_flow_clear(s->cfg.rate, &l->flow_down);
	if (l->ready)
		s->cfg.ops->peer_gone(s->cfg.ctx, p);
	s->choke_soon |= l->slot != PEER_SLOT_NONE;
	s->refill_soon = true;
	swarm_leave(s);
}

static void on_destroy(struct peer *p)
{
	struct link *l = link_of(p);
	struct swarm *s = l->s;

	if (s) {
		s->links[l->index] = s->links[--s->n_links];
		s->links[l->index]->index = l->index;
	}
	down_clear(l);
	up_clear(l);
	free(l->ext_sent);
	free(l->ext_received);
	free(l->bits);
	free(l);
}

void swarm_peer_close(struct peer *p, enum peer_close why, const char *text)
{
	peer_shut(p, why, "%s", text);
}

/* ---- handshakes ---- */

static void say_extensions(struct link *l)
{
	const struct swarm_cfg *c = &l->s->cfg;
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0,    0,
					   0, 0, 0, 0, 0xff, 0xff};
	struct ext_handshake hs = {
		.reqq = PEER_REQQ,
		.port = c->listen_port,
		.client = "seedbank " SEEDBANK_VERSION,
		.upload_only = c->pieces > 0 && !l->s->picker,
		.sb_pay = c->sb_pay,
		.sb_pay_len = c->sb_pay_len,
		.sb_store = c->sb_store,
		.sb_store_len = c->sb_store_len,
	};
	uint8_t buf[EXT_HANDSHAKE_MAX];
	bool v4 = memcmp(l->peer.cfg.addr.ip, mapped, sizeof(mapped)) == 0;
	size_t len;

	hs.id[EXT_SB_PAY] = c->sb_pay != NULL;
	hs.id[EXT_SB_STORE] = c->sb_store != NULL;
	hs.yourip_len = v4 ? 4 : 16;
	memcpy(hs.yourip, l->peer.cfg.addr.ip + (v4 ? 12 : 0), hs.yourip_len);
	len = ext_encode(&hs, buf, sizeof(buf));
	if (len == 0) /* the caller's values are too long */
		return;
	if (c->sb_pay || c->sb_store) { /* sealing needs it */
		l->ext_sent = copy_bytes(buf, len);
		l->ext_sent_len = l->ext_sent ? len : 0;
	}
	(void)peer_send_extended(&l->peer, EXT_HANDSHAKE, buf, len);
}

static void say_pieces(struct link *l)
{
	struct swarm *s = l->s;

	l->greeted = true;
	l->haves = s->n_log;
	if (l->peer.fast && s->n_have == 0)
		(void)peer_send_id(&l->peer, MSG_HAVE_NONE);
	else if (l->peer.fast && s->n_have == s->cfg.pieces)
		(void)peer_send_id(&l->peer, MSG_HAVE_ALL);
	else if (s->n_have)
		(void)peer_send_bitfield(&l->peer, s->have,
					 bits_bytes(s->cfg.pieces));
}

static void become_ready(struct link *l, const struct ext_handshake *ext)
{
	struct swarm *s = l->s;

	if (l->ready || l->peer.closed)
		return;
	l->ready = true;
	s->choke_soon = true;
	s->cfg.ops->peer_ready(s->cfg.ctx, &l->peer, ext);
}

/* Two sides that connect to each other at once must both keep the same one of
 * the two connections: that of the side with the higher peer id. Only against a
 * connection that is young: else anybody could end one by using its id. */
static bool replaces(const struct link *old, const struct link *l)
{
	const struct swarm_cfg *c = &l->s->cfg;
	bool we_are_higher = memcmp(c->self.bytes, l->peer.id.bytes,
				    sizeof(c->self.bytes)) > 0;

	return old->peer.outgoing != l->peer.outgoing &&
	       l->peer.now_ms - old->peer.born_ms < PEER_HANDSHAKE_MS &&
	       l->peer.outgoing == we_are_higher;
}

static enum peer_close check_identity(struct link *l, const char **text)
{
	struct swarm *s = l->s;

	if (memcmp(l->peer.id.bytes, s->cfg.self.bytes,
		   sizeof(s->cfg.self.bytes)) == 0) {
		*text = "this is our own peer id";
		return PEER_CLOSE_SELF;
	}
	for (uint32_t i = 0; i < s->n_links; i++) {
		struct link *o = s->links[i];

		if (o == l || o->peer.closed || !o->peer.id_known ||
		    memcmp(o->peer.id.bytes, l->peer.id.bytes,
			   sizeof(l->peer.id.bytes)) != 0)
			continue;
		if (!replaces(o, l)) {
			*text = "this peer id is connected already";
			return PEER_CLOSE_DUPLICATE;
		}
		peer_shut(&o->peer, PEER_CLOSE_DUPLICATE,
			  "both sides connected; the other one is kept");
	}
	return PEER_CLOSE_NONE;
}

static enum peer_close find_swarm(struct link *l, const struct handshake *hs,
				  const char **text)
{
	struct swarm *s;

	if (l->s) {
		*text = "another info hash than the one connected for";
		return info_hash_eq(&l->s->cfg.info_hash, &hs->hash)
			       ? PEER_CLOSE_NONE
			       : PEER_CLOSE_HASH;
	}
	s = l->find(l->find_ctx, &hs->hash);
	*text = "no such torrent here";
	if (!s)
		return PEER_CLOSE_NO_TORRENT;
	*text = "too many peers";
	return attach(l, s) ? PEER_CLOSE_NONE : PEER_CLOSE_FULL;
}

static enum peer_close on_handshake(struct peer *p, const struct handshake *hs,
				    const char **text)
{
	struct link *l = link_of(p);
	enum peer_close why = find_swarm(l, hs, text);

	if (why != PEER_CLOSE_NONE)
		return why;
	enter(l);
	why = check_identity(l, text);
	if (why == PEER_CLOSE_NONE) {
		if (!p->outgoing)
			say_handshake(l);
		if (p->extended)
			say_extensions(l);
		say_pieces(l);
		if (!p->extended)
			become_ready(l, NULL);
	}
	swarm_leave(l->s);
	return why;
}

static void on_ext_handshake(struct link *l, const struct msg *m)
{
	struct ext_handshake hs;
	struct err e = {0};

	if (ext_decode(&hs, m->body, m->body_len, &e) != ERR_NONE) {
		peer_shut(&l->peer, PEER_CLOSE_PROTOCOL, "%s", e.msg);
		return;
	}
	memcpy(l->ext_id, hs.id, sizeof(l->ext_id));
	if (l->ext_got) { /* BEP 10: it may come again, with changes */
		peer_nuisance(&l->peer, "extension handshake again");
		return;
	}
	l->ext_got = true;
	l->reqq = hs.reqq;
	l->upload_only = hs.upload_only;
	memcpy(l->client, hs.client, sizeof(l->client));
	if (l->s->cfg.sb_pay || l->s->cfg.sb_store) {
		l->ext_received = copy_bytes(m->body, m->body_len);
		l->ext_received_len = l->ext_received ? m->body_len : 0;
	}
	become_ready(l, &hs);
}

static void on_extended(struct link *l, const struct msg *m)
{
	struct swarm *s = l->s;
	bool ours = (m->ext == EXT_SB_PAY && s->cfg.sb_pay) ||
		    (m->ext == EXT_SB_STORE && s->cfg.sb_store);

	if (m->ext == EXT_HANDSHAKE) {
		on_ext_handshake(l, m);
		return;
	}
	if (!ours || !l->ext_got || !l->ready) {
		peer_nuisance(&l->peer, "extension message of no use");
		return;
	}
	if (m->body_len > EXT_MSG_MAX) {
		peer_shut(&l->peer, PEER_CLOSE_PROTOCOL,
			  "%s message of %zu bytes",
			  ext_name((enum ext_id)m->ext), m->body_len);
		return;
	}
	s->cfg.ops->ext_message(s->cfg.ctx, &l->peer, (enum ext_id)m->ext,
				m->body, m->body_len);
}

const uint8_t *peer_ext_sent(const struct peer *p, size_t *len)
{
	const struct link *l = (const struct link *)p;

	*len = l->ext_sent_len;
	return l->ext_sent;
}

const uint8_t *peer_ext_received(const struct peer *p, size_t *len)
{
	const struct link *l = (const struct link *)p;

	*len = l->ext_received_len;
	return l->ext_received;
}

enum err_code swarm_peer_send_ext(struct peer *p, enum ext_id ext,
				  const uint8_t *bytes, size_t len,
				  struct err *e)
{
	struct link *l = link_of(p);

	if (p->closed || ext == EXT_HANDSHAKE || ext >= EXT_COUNT ||
	    !l->ext_id[ext])
		return err_fail(e, ERR_STATE, "peer does not speak %s",
				ext < EXT_COUNT && ext_name(ext) ? ext_name(ext)
								 : "it");
	if (len > EXT_MSG_MAX)
		return err_fail(e, ERR_LIMIT, "%s message of %zu bytes",
				ext_name(ext), len);
	if (!outq_room(&p->out, (uint32_t)len + 6))
		return err_fail(e, ERR_LIMIT, "peer's output is full");
	if (!peer_send_extended(p, l->ext_id[ext], bytes, len))
		return err_fail(e, ERR_NOMEM, "extension message");
	return ERR_NONE;
}

/* ---- what they have ---- */

bool link_has(const struct link *l, uint32_t piece)
{
	return l->seed || (l->bits && bits_get(l->bits, piece));
}

static bool has_all(const struct link *l)
{
	return l->seed ||
	       (l->s && l->s->cfg.pieces && l->n_pieces == l->s->cfg.pieces);
}

void link_update_interest(struct link *l)
{
	struct swarm *s = l->s;
	bool want = s->picker && s->download_on && l->wanted > 0;

	if (!l->greeted || l->peer.closed || want == l->am_interested)
		return;
	l->am_interested = want;
	(void)peer_send_id(&l->peer,
			   want ? MSG_INTERESTED : MSG_NOT_INTERESTED);
}

/* All that they may have beyond what they told before. */
static void now_has_all(struct link *l)
{
	struct swarm *s = l->s;

	if (s->picker && l->bits)
		picker_peer_bits(s->picker, l->bits, true);
	free(l->bits);
	l->bits = NULL;
	l->seed = true;
	l->n_pieces = s->cfg.pieces;
	l->wanted = s->cfg.pieces - s->n_have;
	link_update_interest(l);
}

/* BEP 3 has it said once, first; aria2 says a bitfield instead of many haves
 * later on, so what is new in it counts. */
static void on_have_all(struct link *l)
{
	if (l->seed || l->s->cfg.pieces == 0)
		peer_nuisance(&l->peer, "have all, again");
	else
		now_has_all(l);
}

static bool need_bits(struct link *l)
{
	if (!l->bits)
		l->bits = calloc(1, bits_bytes(l->s->cfg.pieces));
	if (!l->bits)
		peer_shut(&l->peer, PEER_CLOSE_NOMEM, "no memory for haves");
	return l->bits != NULL;
}

static void add_piece(struct link *l, uint32_t piece)
{
	struct swarm *s = l->s;

	bits_set(l->bits, piece);
	l->n_pieces++;
	if (s->picker)
		picker_peer_has(s->picker, piece);
	l->wanted += !bits_get(s->have, piece);
}

static void on_bitfield(struct link *l, const struct msg *m)
{
	uint32_t n = l->s->cfg.pieces;

	if (l->n_pieces)
		peer_nuisance(&l->peer, "bitfield, again");
	if (l->seed || l->peer.closed)
		return;
	if (bits_count(m->body, n) == n) {
		now_has_all(l);
		return;
	}
	if (!need_bits(l))
		return;
	for (size_t at = 0; at < m->body_len; at++) {
		uint8_t fresh = (uint8_t)(m->body[at] & ~l->bits[at]);

		for (uint32_t i = (uint32_t)at * 8; fresh;
		     i++, fresh = (uint8_t)(fresh << 1))
			if (fresh & 0x80)
				add_piece(l, i);
	}
	link_update_interest(l);
}

static void on_have(struct link *l, uint32_t piece)
{
	if (link_has(l, piece)) {
		peer_nuisance(&l->peer, "have, told before");
		return;
	}
	if (!need_bits(l))
		return;
	add_piece(l, piece);
	link_update_interest(l);
}

/* ---- messages ---- */

static void on_choke(struct link *l, bool choked)
{
	if (l->they_choke == choked) {
		peer_nuisance(&l->peer, "choke or unchoke again");
		return;
	}
	l->they_choke = choked;
	if (choked)
		peer_nuisance(&l->peer, "choke");
	down_choked(l, choked);
	if (l->ready && !l->peer.closed)
		l->s->cfg.ops->peer_choked(l->s->cfg.ctx, &l->peer, choked);
}

static void on_interest(struct link *l, bool interested)
{
	if (l->they_interested == interested)
		peer_nuisance(&l->peer, "interest again");
	if (!interested)
		peer_nuisance(&l->peer, "interest lost");
	l->they_interested = interested;
	l->s->choke_soon = true;
}

static void on_message(struct peer *p, const struct msg *m)
{
	struct link *l = link_of(p);

	enter(l);
	switch (m->id) {
	case MSG_CHOKE:
	case MSG_UNCHOKE:
		on_choke(l, m->id == MSG_CHOKE);
		break;
	case MSG_INTERESTED:
	case MSG_NOT_INTERESTED:
		on_interest(l, m->id == MSG_INTERESTED);
		break;
	case MSG_HAVE:
		on_have(l, m->piece);
		break;
	case MSG_BITFIELD:
		on_bitfield(l, m);
		break;
	case MSG_HAVE_ALL:
		on_have_all(l);
		break;
	case MSG_HAVE_NONE:
		peer_nuisance(p, "have none");
		break;
	case MSG_REQUEST:
		up_request(l, m);
		break;
	case MSG_CANCEL:
		up_cancel(l, m);
		break;
	case MSG_REJECT:
		down_reject(l, m);
		break;
	case MSG_SUGGEST:
		down_suggest(l, m->piece);
		break;
	case MSG_ALLOWED_FAST:
		down_allowed_fast(l, m->piece);
		break;
	case MSG_EXTENDED:
		on_extended(l, m);
		break;
	case MSG_PORT:
		peer_nuisance(p, "port");
		break;
	case MSG_PIECE:
	case MSG_UNKNOWN:
		break;
	}
	swarm_leave(l->s);
}

static bool on_block_begin(struct peer *p, const struct msg *m)
{
	return down_block_begin(link_of(p), m);
}

static void on_block(struct peer *p, const struct msg *m,
		     const struct span *spans, size_t n)
{
	struct link *l = link_of(p);

	enter(l);
	down_block(l, m, spans, n);
	swarm_leave(l->s);
}

static struct cbuf *on_gather(struct peer *p)
{
	return cbuf_get(link_of(p)->s->cfg.blocks);
}

static void on_fed(struct peer *p, size_t n)
{
	struct link *l = link_of(p);

	if (!l->s)
		return;
	enter(l);
	rate_spend(l->s->cfg.rate, &l->flow_down, n);
	down_fill(l);
	swarm_leave(l->s);
}

static void tell_haves(struct link *l)
{
	struct swarm *s = l->s;

	while (l->haves < s->n_log && l->peer.out.used < HAVES_AHEAD &&
	       !l->peer.closed) {
		uint32_t piece = s->have_log[l->haves++];

		if (!link_has(l, piece)) /* it could not use it */
			(void)peer_send(
				&l->peer,
				&(struct msg){.id = MSG_HAVE, .piece = piece});
	}
}

static void on_fill(struct peer *p)
{
	struct link *l = link_of(p);

	if (!l->s || !l->greeted)
		return;
	enter(l);
	tell_haves(l);
	if (!p->closed)
		up_fill(l);
	swarm_leave(l->s);
}

static void on_sent(struct peer *p, size_t bytes, size_t block_bytes)
{
	struct link *l = link_of(p);

	(void)bytes;
	if (!l->s)
		return;
	l->out.total += block_bytes;
	l->s->out.total += block_bytes;
}

static size_t on_quota(struct peer *p)
{
	struct link *l = link_of(p);

	if (!l->s)
		return SIZE_MAX;
	if (l->s->blocked && l->down.active)
		return 0;
	return rate_quota(l->s->cfg.rate, &l->flow_down);
}

static const struct peer_ops link_ops = {
	.handshake = on_handshake,
	.message = on_message,
	.block_begin = on_block_begin,
	.block = on_block,
	.gather = on_gather,
	.fed = on_fed,
	.fill = on_fill,
	.sent = on_sent,
	.quota = on_quota,
	.closed = on_closed,
	.destroy = on_destroy,
};

/* ---- pending reads ---- */

uint32_t swarm_read_begin(struct swarm *s, struct link *l, bool job,
			  uint32_t job_index)
{
	uint32_t i = s->free_read;

	if (i != UINT32_MAX) {
		s->free_read = s->reads[i].next_free;
	} else {
		if (s->n_reads == s->cap_reads) {
			uint32_t cap = s->cap_reads ? s->cap_reads * 2 : 16;
			struct read *reads;

			if (cap > READS_MAX)
				return UINT32_MAX;
			reads = realloc(s->reads, cap * sizeof(*reads));
			if (!reads)
				return UINT32_MAX;
			s->reads = reads;
			s->cap_reads = cap;
		}
		i = s->n_reads++;
		s->reads[i].gen = 0;
	}
	s->reads[i] = (struct read){.gen = s->reads[i].gen + 1,
				    .used = true,
				    .link = l,
				    .job = job,
				    .job_index = job_index};
	return i;
}

uint64_t swarm_read_cookie(const struct swarm *s, uint32_t index)
{
	return (uint64_t)s->reads[index].gen << 32 | index;
}

void swarm_read_end(struct swarm *s, uint32_t index)
{
	s->reads[index].used = false;
	s->reads[index].link = NULL;
	s->reads[index].next_free = s->free_read;
	s->free_read = index;
}

void swarm_read_done(struct swarm *s, int64_t now_ms, uint64_t cookie,
		     const struct span *data)
{
	uint32_t i = (uint32_t)cookie;
	struct read r;

	swarm_enter(s, now_ms);
	if (i < s->n_reads && s->reads[i].used &&
	    s->reads[i].gen == (uint32_t)(cookie >> 32)) {
		r = s->reads[i];
		swarm_read_end(s, i);
		if (r.job)
			check_read_done(s, r.job_index, data);
		else if (r.link)
			up_read_done(r.link, i, data);
	}
	if (data)
		span_unref(data);
	swarm_leave(s);
}

/* ---- verdicts ---- */

enum err_code swarm_need_picker(struct swarm *s)
{
	enum err_code rc;

	if (s->picker)
		return ERR_NONE;
	rc = picker_new(&s->picker, s->cfg.pieces, s->cfg.piece_len,
			s->cfg.total_len, s->have, &s->cfg.rng, NULL);
	if (rc != ERR_NONE)
		return rc;
	for (uint32_t i = 0; i < s->n_links; i++)
		if (s->links[i]->bits && !s->links[i]->peer.closed)
			picker_peer_bits(s->picker, s->links[i]->bits, false);
	return ERR_NONE;
}

static void log_have(struct swarm *s, uint32_t piece)
{
	if (s->n_log == s->cap_log) {
		uint32_t cap = s->cap_log ? s->cap_log * 2 : 64;
		uint32_t *grown = realloc(s->have_log, cap * sizeof(*grown));

		if (!grown)
			return; /* peers learn it when they connect again */
		s->have_log = grown;
		s->cap_log = cap;
	}
	s->have_log[s->n_log++] = piece;
}

static void piece_is_had(struct swarm *s, uint32_t piece)
{
	bits_set(s->have, piece);
	s->n_have++;
	log_have(s, piece);
	for (uint32_t i = 0; i < s->n_links; i++) {
		struct link *l = s->links[i];

		if (l->peer.closed || !l->greeted)
			continue;
		if (!link_has(l, piece)) {
			peer_want_write(&l->peer);
			continue;
		}
		l->wanted--;
		link_update_interest(l);
	}
}

void swarm_piece_verified(struct swarm *s, int64_t now_ms, uint32_t piece)
{
	if (piece >= s->cfg.pieces || bits_get(s->have, piece))
		return;
	swarm_enter(s, now_ms);
	picker_verified(s->picker, piece);
	if (s->n_have + 1 == s->cfg.pieces) {
		picker_free(s->picker);
		s->picker = NULL;
	}
	piece_is_had(s, piece);
	s->cfg.ops->piece_done(s->cfg.ctx, piece, true);
	check_verified(s, piece);
	if (!s->picker) {
		s->choke_soon = true;
		s->cfg.ops->complete(s->cfg.ctx);
	}
	swarm_leave(s);
}

void swarm_piece_failed(struct swarm *s, int64_t now_ms, uint32_t piece)
{
	if (piece >= s->cfg.pieces || bits_get(s->have, piece) || !s->picker)
		return;
	swarm_enter(s, now_ms);
	s->failed++;
	log_line(s->cfg.log, LOG_INFO, "wire", "piece-failed piece=%u", piece);
	s->cfg.ops->piece_done(s->cfg.ctx, piece, false);
	check_failed(s, piece);
	swarm_leave(s);
}

void swarm_piece_lost(struct swarm *s, int64_t now_ms, uint32_t piece)
{
	if (piece >= s->cfg.pieces)
		return;
	swarm_enter(s, now_ms);
	if (bits_get(s->have, piece)) {
		bits_clear(s->have, piece);
		s->n_have--;
		for (uint32_t i = 0; i < s->n_links; i++)
			s->links[i]->wanted += link_has(s->links[i], piece);
		if (s->picker)
			picker_want(s->picker, piece);
		else if (swarm_need_picker(s) != ERR_NONE)
			log_line(s->cfg.log, LOG_ERROR, "wire",
				 "no-memory piece=%u", piece);
	} else if (s->picker) {
		picker_retry(s->picker, piece, false, now_ms);
	}
	for (uint32_t i = 0; i < s->n_links; i++)
		link_update_interest(s->links[i]);
	s->refill_soon = true;
	swarm_leave(s);
}

/* ---- the caller's knobs ---- */

void swarm_set_write_blocked(struct swarm *s, int64_t now_ms, bool blocked)
{
	if (s->blocked == blocked)
		return;
	swarm_enter(s, now_ms);
	s->blocked = blocked;
	for (uint32_t i = 0; i < s->n_links && !blocked; i++)
		peer_want_read(&s->links[i]->peer);
	s->refill_soon = true;
	swarm_leave(s);
}

void swarm_peer_set_rank(struct peer *p, int64_t now_ms, uint64_t rank)
{
	struct link *l = link_of(p);

	if (!l->s || p->closed || l->rank == rank)
		return;
	swarm_enter(l->s, now_ms);
	l->rank = rank;
	l->s->choke_soon = true;
	swarm_leave(l->s);
}

void swarm_peer_resume(struct peer *p, int64_t now_ms)
{
	p->now_ms = now_ms;
	link_of(p)->up.held = false;
	if (!p->closed && up_wants(link_of(p)))
		peer_want_write(p);
}

void swarm_peer_set_quiet(struct peer *p, int64_t now_ms, bool quiet)
{
	struct link *l = link_of(p);

	if (!l->s || p->closed || l->down.quiet == quiet)
		return;
	swarm_enter(l->s, now_ms);
	l->down.quiet = quiet;
	if (!quiet)
		down_fill(l);
	swarm_leave(l->s);
}

void swarm_set_upload(struct swarm *s, int64_t now_ms, bool on)
{
	swarm_enter(s, now_ms);
	s->upload_on = on;
	s->choke_soon = true;
	swarm_leave(s);
}

void swarm_set_download(struct swarm *s, int64_t now_ms, bool on)
{
	swarm_enter(s, now_ms);
	s->download_on = on;
	for (uint32_t i = 0; i < s->n_links; i++)
		link_update_interest(s->links[i]);
	s->refill_soon = true;
	swarm_leave(s);
}

void swarm_set_slots(struct swarm *s, int64_t now_ms, uint32_t slots,
		     uint32_t free_slots)
{
	swarm_enter(s, now_ms);
	s->cfg.slots = slots;
	s->cfg.free_slots = free_slots;
	set_defaults(&s->cfg);
	s->choke_soon = true;
	swarm_leave(s);
}

/* ---- time ---- */

static void meter_second(struct meter *m, int64_t dt_ms)
{
	uint64_t bytes = m->total - m->seen, sum = 0;
	uint64_t per_s = bytes * 1000 / (uint64_t)(dt_ms > 0 ? dt_ms : 1);

	m->seen = m->total;
	m->last = per_s < UINT32_MAX ? (uint32_t)per_s : UINT32_MAX;
	m->slots[m->at] = m->last;
	m->at = (m->at + 1) % RATE_SECONDS;
	if (m->filled < RATE_SECONDS)
		m->filled++;
	for (unsigned i = 0; i < m->filled; i++)
		sum += m->slots[i];
	m->rate = (uint32_t)(sum / m->filled);
}

static void check_useless(struct link *l)
{
	bool useless = l->s->cfg.pieces && !l->s->picker && has_all(l);

	if (!useless) {
		l->useless_since_ms = INT64_MIN;
	} else if (l->useless_since_ms == INT64_MIN) {
		l->useless_since_ms = l->s->now_ms;
	} else if (l->s->now_ms - l->useless_since_ms >= USELESS_MS) {
		peer_shut(&l->peer, PEER_CLOSE_USELESS, "both have everything");
	}
}

static void check_times(struct link *l)
{
	struct peer *p = &l->peer;
	int64_t now = l->s->now_ms;
	static const uint8_t keep_alive[4];

	if (p->read_paused) /* its silence is our doing */
		p->last_in_ms = now;
	peer_check_timeout(p, now);
	if (!p->closed && now - p->last_in_ms >= PEER_IDLE_MS)
		peer_shut(p, PEER_CLOSE_TIMEOUT, "silent for %d s",
			  PEER_IDLE_MS / 1000);
	if (p->closed || !l->greeted)
		return;
	if (!l->ready && now - p->born_ms >= READY_WAIT_MS)
		become_ready(l, NULL);
	if (now - p->last_out_ms >= PEER_KEEPALIVE_MS && outq_empty(&p->out)) {
		p->last_out_ms = now;
		(void)peer_put(p, keep_alive, sizeof(keep_alive));
	}
}

static void link_second(struct link *l, int64_t dt_ms)
{
	struct peer *p = &l->peer;

	if (p->closed)
		return;
	p->now_ms = l->s->now_ms;
	p->nuisance -= p->nuisance < PEER_NUISANCE_PER_S ? p->nuisance
							 : PEER_NUISANCE_PER_S;
	meter_second(&l->in, dt_ms);
	meter_second(&l->out, dt_ms);
	check_times(l);
	if (!p->closed && l->greeted)
		down_second(l);
	if (!p->closed)
		check_useless(l);
}

/* When all peers have been told of all pieces the log starts again. */
static void shorten_log(struct swarm *s)
{
	for (uint32_t i = 0; i < s->n_links; i++)
		if (s->links[i]->greeted && !s->links[i]->peer.closed &&
		    s->links[i]->haves < s->n_log)
			return;
	for (uint32_t i = 0; i < s->n_links; i++)
		s->links[i]->haves = 0;
	s->n_log = 0;
	if (!s->picker) {
		free(s->have_log);
		s->have_log = NULL;
		s->cap_log = 0;
	}
}

static void second(struct swarm *s)
{
	int64_t dt =
		s->second_ms ? s->now_ms - s->second_ms + SECOND_MS : SECOND_MS;

	s->second_ms = s->now_ms + SECOND_MS;
	meter_second(&s->in, dt);
	meter_second(&s->out, dt);
	for (uint32_t i = 0; i < s->n_links; i++)
		link_second(s->links[i], dt);
	shorten_log(s);
}

int64_t swarm_tick(struct swarm *s, int64_t now_ms)
{
	if (s->n_links == 0)
		return INT64_MAX;
	swarm_enter(s, now_ms);
	if (now_ms >= s->second_ms)
		second(s);
	if (now_ms >= s->round_ms) {
		s->round_ms = now_ms + CHOKER_ROUND_MS;
		choke_run(s, CHOKER_ROUND);
	}
	swarm_leave(s);
	return s->second_ms < s->round_ms ? s->second_ms : s->round_ms;
}

/* ---- looking in ---- */

static uint64_t bytes_left(const struct swarm *s)
{
	uint32_t last = s->cfg.pieces - 1;
	uint64_t have = (uint64_t)s->n_have * s->cfg.piece_len;

	if (s->cfg.pieces == 0)
		return 0;
	if (bits_get(s->have, last))
		have -= s->cfg.piece_len - swarm_piece_bytes(s, last);
	return s->cfg.total_len - have;
}

void swarm_stats_get(const struct swarm *s, struct swarm_stats *out)
{
	*out = (struct swarm_stats){
		.left = bytes_left(s),
		.downloaded = s->in.total,
		.uploaded = s->out.total,
		.wasted = s->wasted,
		.rate_in = s->in.rate,
		.rate_out = s->out.rate,
		.have = s->n_have,
		.pieces = s->cfg.pieces,
		.failed = s->failed,
	};
	for (uint32_t i = 0; i < s->n_links; i++) {
		const struct link *l = s->links[i];

		if (!l->ready || l->peer.closed)
			continue;
		out->peers++;
		out->seeds += has_all(l);
	}
}

void peer_stats_get(const struct peer *p, struct peer_stats *out)
{
	const struct link *l = (const struct link *)p;

	*out = (struct peer_stats){
		.payload_in = p->payload_in,
		.payload_out = p->payload_out,
		.wasted_in = p->wasted_in,
		.rate_in = l->in.rate,
		.rate_out = l->out.rate,
		.requests_in = l->up.n + l->up.n_slots,
		.requests_out = l->down.active,
		.pieces = l->n_pieces,
		.slot = l->slot,
		.ready = l->ready,
		.seed = has_all(l),
		.am_interested = l->am_interested,
		.they_choke = l->they_choke,
		.they_interested = l->they_interested,
		.snubbed = l->down.snubbed,
		.fast = p->fast,
		.extended = p->extended,
	};
	memcpy(out->client, l->client, sizeof(out->client));
}

const uint8_t *swarm_have(const struct swarm *s, size_t *len)
{
	*len = bits_bytes(s->cfg.pieces);
	return s->have;
}

void swarm_each_peer(struct swarm *s, void (*fn)(void *ctx, struct peer *p),
		     void *ctx)
{
	for (uint32_t i = 0; i < s->n_links; i++)
		if (!s->links[i]->peer.closed)
			fn(ctx, &s->links[i]->peer);
}
