#include "base/bits.h"
#include "wire/swarm/swarm_int.h"

#include <stdlib.h>
#include <string.h>

#define HAVES_AHEAD 4096U /* small output over this waits with more haves */

static const struct peer_ops link_ops;

static void enter(struct link *l)
{
	swarm_enter(l->s, l->peer.now_ms);
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
	if (!swarm_has_room(s) || !grow_links(s))
		return false;
	if (s->n_links == 0) /* the clockwork stood still */
		s->second_ms = s->round_ms = s->optimistic_ms = 0;
	l->s = s;
	l->index = s->n_links;
	s->links[s->n_links++] = l;
	l->peer.serial = s->next_serial++;
	l->peer.bounds = s->bounds;
	if (swarm_is_bare(s))
		rate_flow_set(s->cfg.rate, &l->flow_up, RATE_RENT, 1);
	if (s->cfg.local_unlimited && wire_addr_is_private(&l->peer.cfg.addr)) {
		rate_flow_let_off(s->cfg.rate, &l->flow_up, true);
		rate_flow_let_off(s->cfg.rate, &l->flow_down, true);
	}
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
	const struct swarm_cfg *c = &l->s->cfg;
	struct handshake hs = {
		.dht = l->s->cfg.dht_port != 0,
		.fast = true,
		.extended = true,
		/* of a link nobody knows whether it is a hybrid's, and some
		 * close on who says the bit of v1's torrents */
		.v2 = c->v2,
		.hash = *swarm_hash_for(l->s, l->v2),
		.id = c->self,
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
	l->v2 = cfg->by_v2 && s->cfg.v2;
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

const struct info_hash *peer_info_hash(const struct peer *p)
{
	const struct link *l = (const struct link *)p;

	return swarm_hash_for(l->s, l->v2);
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
	if (l->peer.payload_in == 0 && !s->cfg.waits_for_metadata)
		return;
	if (!s->gone)
		s->gone = calloc(GONE_MAX, sizeof(*s->gone));
	if (!s->gone) /* it will not be banned, if it lied */
		return;
	s->gone[s->n_gone++ % GONE_MAX] =
		(struct gone){l->peer.serial, l->peer.cfg.addr, l->banned};
}

static void on_closed(struct peer *p)
{
	struct link *l = link_of(p);
	struct swarm *s = l->s;

	if (!s)
		return;
	enter(l);
	remember_gone(s, l);
	pex_left(l);
	down_release_all(l);
	meta_gone(l);
	hash_gone(l);
	if (s->picker && l->bits && !l->early_bytes)
		picker_peer_bits(s->picker, l->bits, true);
	early_clear(l);
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
	free(l->meta_up);
	free(l->bits);
	super_clear(l);
	free(l);
}

void swarm_peer_close(struct peer *p, enum peer_close why, const char *text)
{
	peer_shut(p, why, "%s", text);
}

/* ---- handshakes ---- */

static void say_pieces(struct link *l)
{
	struct swarm *s = l->s;
	bool hidden;

	l->greeted = true;
	l->haves = s->n_log;
	if (swarm_is_bare(s))
		return;
	hidden = super_greet(l);
	if (l->peer.fast && (hidden || s->n_have == 0))
		(void)peer_send_id(&l->peer, MSG_HAVE_NONE);
	else if (hidden)
		return;
	else if (l->peer.fast && s->n_have == s->cfg.pieces)
		(void)peer_send_id(&l->peer, MSG_HAVE_ALL);
	else if (s->n_have)
		(void)peer_send_body(&l->peer, MSG_BITFIELD, s->have,
				     bits_bytes(s->cfg.pieces));
}

static void say_dht_port(struct link *l)
{
	struct msg m = {.id = MSG_PORT, .port = l->s->cfg.dht_port};

	if (m.port)
		(void)peer_send(&l->peer, &m);
}

/* Once is enough: a peer that names many ports has others asked for it. */
static void on_dht_port(struct link *l, const struct msg *m)
{
	const struct swarm_cfg *c = &l->s->cfg;

	if (l->dht_told || !c->dht_port || !c->ops->dht_port || m->port == 0) {
		peer_nuisance(&l->peer, "port");
		return;
	}
	l->dht_told = true;
	c->ops->dht_port(c->ctx, &l->peer, m->port);
}

void link_become_ready(struct link *l, const struct ext_handshake *ext)
{
	struct swarm *s = l->s;

	if (l->ready || l->peer.closed)
		return;
	l->ready = true;
	s->choke_soon = true;
	pex_joined(l);
	s->cfg.ops->peer_ready(s->cfg.ctx, &l->peer, ext);
	super_offer(l);
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

	l->knows_v2 = hs->v2;
	if (l->s) {
		l->v2 = l->s->cfg.v2 && info_hash_eq(&l->s->hash_v2, &hs->hash);
		*text = "another info hash than the one connected for";
		return swarm_goes_by(l->s, &hs->hash) ? PEER_CLOSE_NONE
						      : PEER_CLOSE_HASH;
	}
	s = l->find(l->find_ctx, &hs->hash);
	*text = "no such torrent here";
	if (!s)
		return PEER_CLOSE_NO_TORRENT;
	/* what a peer says of v2 counts where the torrent is of v2 only */
	l->v2 = s->cfg.v2 && (hs->v2 || info_hash_eq(&s->hash_v2, &hs->hash));
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
			ext_say(l);
		say_pieces(l);
		if (hs->dht)
			say_dht_port(l);
		fast_say(l);
		if (!p->extended)
			link_become_ready(l, NULL);
	}
	swarm_leave(l->s);
	return why;
}

/* ---- what they have ---- */

bool link_has(const struct link *l, uint32_t piece)
{
	return l->seed || (l->bits && bits_get(l->bits, piece));
}

bool link_has_all(const struct link *l)
{
	return l->seed ||
	       (l->s && l->s->cfg.pieces && l->n_pieces == l->s->cfg.pieces);
}

void link_update_interest(struct link *l)
{
	struct swarm *s = l->s;
	/* whatever it has is wanted while we do not know the torrent: so it may
	 * serve us as soon as we do */
	bool want = s->download_on &&
		    (s->cfg.waits_for_metadata ? l->seed || l->bits
					       : l->wanted > 0);

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
	l->wanted = s->n_wanted;
	link_update_interest(l);
}

/* BEP 3 has it said once, first; aria2 says a bitfield instead of many haves
 * later on, so what is new in it counts. */
static void on_have_all(struct link *l)
{
	if (l->seed)
		peer_nuisance(&l->peer, "have all, again");
	else if (l->s->cfg.waits_for_metadata)
		early_have_all(l);
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
	l->wanted += swarm_wants(s, piece);
}

static void on_bitfield(struct link *l, const struct msg *m)
{
	uint32_t n = l->s->cfg.pieces;

	if (l->s->cfg.waits_for_metadata) {
		early_bitfield(l, m);
		return;
	}
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
	if (l->s->cfg.waits_for_metadata) {
		early_have(l, piece);
		return;
	}
	if (link_has(l, piece)) {
		peer_nuisance(&l->peer, "have, told before");
		return;
	}
	if (!need_bits(l))
		return;
	add_piece(l, piece);
	link_update_interest(l);
	super_has(l, piece);
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

/* Who speaks has read our handshake. What it read with it, transmission 4.0
 * looks at only when more comes, which from a seeder would be the keep-alive
 * after two minutes. So one comes now. */
static void note_heard(struct link *l)
{
	if (l->heard)
		return;
	l->heard = true;
	swarm_keep_alive(l);
}

static void on_message(struct peer *p, const struct msg *m)
{
	struct link *l = link_of(p);

	note_heard(l);
	if (swarm_is_bare(l->s) && m->id != MSG_EXTENDED) {
		peer_nuisance(p, "a message about pieces, without any");
		return;
	}
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
		hash_ask_more(l);
		break;
	case MSG_BITFIELD:
		on_bitfield(l, m);
		hash_ask_more(l);
		break;
	case MSG_HAVE_ALL:
		on_have_all(l);
		hash_ask_more(l);
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
		ext_take(l, m);
		break;
	case MSG_HASH_REQUEST:
		hash_request(l, m);
		break;
	case MSG_HASHES:
		hash_hashes(l, m);
		break;
	case MSG_HASH_REJECT:
		hash_reject(l, m);
		break;
	case MSG_PORT:
		on_dht_port(l, m);
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

		/* a seed could not use it; who has this one too may be a super
		 * seed that waits to hear it before it shows the next; or it is
		 * lost again */
		if (!link_has_all(l) && bits_get(s->have, piece))
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
	super_fill(l);
	if (!p->closed && l->s->cfg.pieces)
		up_fill(l);
	if (!p->closed)
		meta_fill(l);
	if (!p->closed)
		ext_fill(l);
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
	if (l->blocked || (l->s->blocked && l->down.active))
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
