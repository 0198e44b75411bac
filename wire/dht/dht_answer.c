/* Questions of others, answered. */
#include "wire/dht/dht_int.h"

#include <string.h>

#define MOST_VALUE_BYTES 600U /* 75 IPv4 peers */
#define MOST_SAMPLES 20U
#define HEAD_BYTES 128U /* an answer without lists and transaction id */
#define SAMPLE_INTERVAL_S 600

/* One answer being made, with the memory that its views are of. */
struct making {
	struct krpc_msg m;
	size_t cap;
	size_t room; /* for peers, nodes and samples */
	uint8_t token[DHT_GATE_TOKEN_LEN];
	uint8_t nodes[DHT_FAMILIES][TABLE_K * (DHT_ID_LEN + 18)];
	uint8_t values[MOST_VALUE_BYTES];
	struct dht_id samples[MOST_SAMPLES];
};

static void send_made(struct dht *d, struct making *a,
		      const struct wire_addr *to)
{
	uint8_t buf[DHT_MAX_ANSWER];
	size_t len = krpc_write(&a->m, buf, a->cap);

	/* what it can do without: a value is what was asked for */
	if (!len) {
		a->m.nodes6 = (struct ben_view){NULL, 0};
		len = krpc_write(&a->m, buf, a->cap);
	}
	if (!len) {
		a->m.nodes = (struct ben_view){NULL, 0};
		len = krpc_write(&a->m, buf, a->cap);
	}
	if (len)
		d->cfg.send(d->cfg.ctx, to, buf, len);
}

static void refuse(struct dht *d, struct making *a, const struct wire_addr *to,
		   int code, const char *text)
{
	struct ben_view tid = a->m.tid;

	a->m = (struct krpc_msg){
		.type = KRPC_ERROR,
		.tid = tid,
		.code = code,
		.text = {(const uint8_t *)text, strlen(text)},
	};
	send_made(d, a, to);
}

static void put_nodes_of(struct dht *d, struct making *a,
			 enum dht_family family, const struct wire_addr *to,
			 const struct dht_id *target)
{
	size_t len = DHT_ID_LEN + dht_compact_len(family);
	struct ben_view *view = family == DHT_V4 ? &a->m.nodes : &a->m.nodes6;
	struct table_node near[TABLE_K];
	size_t n, kept = 0;

	if (!d->sides[family].on)
		return;
	n = table_closest(d->sides[family].table, near, TABLE_K, target);
	for (size_t i = 0; i < n && (kept + 1) * len <= a->room; i++) {
		uint8_t *at = a->nodes[family] + kept * len;

		/* of our own network only who is in it is told */
		if (dht_place_of(&near[i].addr) == DHT_LOCAL &&
		    dht_place_of(to) != DHT_LOCAL)
			continue;
		memcpy(at, near[i].id.bytes, DHT_ID_LEN);
		dht_compact_write(at + DHT_ID_LEN, &near[i].addr);
		kept++;
	}
	a->room -= kept * len;
	*view = (struct ben_view){a->nodes[family], kept * len};
}

/* BEP 32: of the families that are wanted, or else of the one that asks. */
static void put_nodes(struct dht *d, struct making *a,
		      const struct wire_addr *to, const struct krpc_msg *q)
{
	unsigned want = q->want;

	if (!want)
		want = dht_family_of(to) == DHT_V4 ? KRPC_WANT4 : KRPC_WANT6;
	if (want & KRPC_WANT4)
		put_nodes_of(d, a, DHT_V4, to, &q->target);
	if (want & KRPC_WANT6)
		put_nodes_of(d, a, DHT_V6, to, &q->target);
}

static void put_token(struct dht *d, struct making *a,
		      const struct wire_addr *to, const struct dht_id *target,
		      int64_t now_ms)
{
	dht_gate_token(d->gate, a->token, to, target, &d->cfg.rng, now_ms);
	a->m.token = (struct ben_view){a->token, sizeof(a->token)};
}

static uint32_t chance(struct dht *d)
{
	uint32_t v;

	rng_fill(&d->cfg.rng, &v, sizeof(v));
	return v;
}

static void put_peers(struct dht *d, struct making *a,
		      const struct wire_addr *to, const struct krpc_msg *q,
		      int64_t now_ms)
{
	size_t most = a->room / 2 < sizeof(a->values) ? a->room / 2
						      : sizeof(a->values);
	size_t len = kept_peers_write(d->peers, a->values, most, &q->target,
				      dht_family_of(to), q->noseed, chance(d),
				      now_ms);

	if (len)
		a->m.values = (struct ben_view){a->values, len};
	a->room -= len;
}

static void put_item(struct dht *d, struct making *a, const struct krpc_msg *q,
		     int64_t now_ms)
{
	const struct dht_item *item =
		kept_items_get(d->items, &q->target, now_ms);

	if (!item)
		return;
	if (item->is_mutable && q->has_seq && item->seq <= q->seq) {
		a->m.has_seq = true; /* BEP 44: known there already */
		a->m.seq = item->seq;
		return;
	}
	dht_item_write(&a->m, item);
}

static void put_samples(struct dht *d, struct making *a)
{
	size_t most = a->room / 2 / DHT_ID_LEN;
	size_t n = kept_peers_sample(d->peers, a->samples,
				     most < MOST_SAMPLES ? most : MOST_SAMPLES,
				     chance(d));

	a->m.samples = (struct ben_view){a->samples[0].bytes, n * DHT_ID_LEN};
	a->m.has_num = a->m.has_interval = true;
	a->m.num = (int64_t)kept_peers_torrents(d->peers);
	a->room -= n * DHT_ID_LEN;
	a->m.interval = SAMPLE_INTERVAL_S;
}

/* 0, or what to refuse with. */
static int take_peer(struct dht *d, const struct wire_addr *from,
		     const struct krpc_msg *q, int64_t now_ms)
{
	struct wire_addr peer = *from;

	if (!q->implied_port) {
		if (!q->has_port || q->port == 0)
			return KRPC_PROTOCOL;
		peer.port = q->port;
	}
	if (!dht_gate_token_ok(d->gate, q->token.p, q->token.len, from,
			       &q->target, &d->cfg.rng, now_ms))
		return KRPC_PROTOCOL;
	if (!kept_peers_add(d->peers, &q->target, &peer, q->seed, now_ms))
		return KRPC_SERVER;
	return 0;
}

static int take_item(struct dht *d, const struct wire_addr *from,
		     const struct krpc_msg *q, int64_t now_ms)
{
	struct dht_item item;
	struct dht_id target;
	int refused;

	refused = dht_item_read(&item, q);
	if (refused)
		return refused;
	target = dht_item_target(&item);
	if (!dht_gate_token_ok(d->gate, q->token.p, q->token.len, from, &target,
			       &d->cfg.rng, now_ms))
		return KRPC_PROTOCOL;
	if (!dht_item_is_signed(&item)) /* last: it costs most */
		return KRPC_BAD_SIGNATURE;
	return kept_items_put(d->items, &item, q->has_cas ? &q->cas : NULL,
			      now_ms);
}

static const char *refusal_text(int code)
{
	switch (code) {
	case KRPC_TOO_BIG:
		return "value too big";
	case KRPC_BAD_SIGNATURE:
		return "bad signature";
	case KRPC_SALT_TOO_BIG:
		return "salt too big";
	case KRPC_CAS:
		return "cas mismatch";
	case KRPC_OLD_SEQ:
		return "seq too old";
	case KRPC_SERVER:
		return "full";
	}
	return "bad arguments or token";
}

/* Fills the answer. 0, or what to refuse with. */
static int fill(struct dht *d, struct making *a, const struct wire_addr *from,
		const struct krpc_msg *q, int64_t now_ms)
{
	switch (q->method) {
	case KRPC_UNKNOWN:
		return KRPC_NO_METHOD;
	case KRPC_PING:
		return 0;
	case KRPC_FIND_NODE:
		put_nodes(d, a, from, q);
		return 0;
	case KRPC_GET_PEERS:
		put_peers(d, a, from, q, now_ms);
		put_token(d, a, from, &q->target, now_ms);
		put_nodes(d, a, from, q);
		return 0;
	case KRPC_GET:
		put_item(d, a, q, now_ms);
		put_token(d, a, from, &q->target, now_ms);
		put_nodes(d, a, from, q);
		return 0;
	case KRPC_SAMPLE:
		put_samples(d, a);
		put_nodes(d, a, from, q);
		return 0;
	case KRPC_ANNOUNCE_PEER:
		return take_peer(d, from, q, now_ms);
	case KRPC_PUT:
		return take_item(d, from, q, now_ms);
	}
	return KRPC_NO_METHOD;
}

static bool needs_target(enum krpc_method m)
{
	return m != KRPC_UNKNOWN && m != KRPC_PING && m != KRPC_PUT;
}

/* What an answer to `len` bytes may hold. To an address that may be forged it
 * is little, but for an item, which is of no use in part: whoever wants one
 * sent to another had to put it here first. */
static void set_bounds(struct making *a, const struct side *side,
		       const struct wire_addr *from, size_t tid_len, size_t len)
{
	size_t gain = table_knows(side->table, from) ? DHT_MAX_GAIN
						     : DHT_UNKNOWN_GAIN;
	size_t lists =
		len * gain < DHT_MAX_ANSWER ? len * gain : DHT_MAX_ANSWER;

	a->cap = len * DHT_MAX_GAIN < DHT_MAX_ANSWER ? len * DHT_MAX_GAIN
						     : DHT_MAX_ANSWER;
	a->room =
		lists > HEAD_BYTES + tid_len ? lists - HEAD_BYTES - tid_len : 0;
}

void dht_answer(struct dht *d, const struct wire_addr *from,
		const struct krpc_msg *q, size_t len, int64_t now_ms)
{
	struct side *side = &d->sides[dht_family_of(from)];
	struct making a;
	int refused;

	d->questions++;
	if (d->cfg.read_only || !dht_gate_admits(d->gate, from, now_ms)) {
		d->refused++;
		return;
	}
	memset(&a.m, 0, sizeof(a.m));
	a.m.type = KRPC_ANSWER;
	a.m.tid = q->tid;
	a.m.has_id = true;
	a.m.id = side->id;
	a.m.has_ip = true;
	a.m.ip = *from;
	set_bounds(&a, side, from, q->tid.len, len);
	refused = !q->has_id || (needs_target(q->method) && !q->has_target)
			  ? KRPC_PROTOCOL
			  : fill(d, &a, from, q, now_ms);
	if (refused) {
		refuse(d, &a, from, refused,
		       refused == KRPC_NO_METHOD ? "no such method"
						 : refusal_text(refused));
		return;
	}
	send_made(d, &a, from);
	if (q->read_only)
		return;
	table_asked_us(side->table, &q->id, from, now_ms);
	dht_heard_of(d, &q->id, from);
}
