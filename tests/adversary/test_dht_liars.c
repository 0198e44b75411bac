/* What others may do to a DHT node: invent nodes, forge addresses, ask for too
 * much, answer what was not asked, send bencode that is odd. */
#include "tests/wire/dht_sim.h"

#include <stdio.h>

/* --- one node that is asked ------------------------------------------------
 */

struct seen {
	size_t count, last_len, bytes;
	uint8_t last[KRPC_MAX];
	struct wire_addr to;
};

static void see(void *ctx, const struct wire_addr *to, const uint8_t *p,
		size_t len)
{
	struct seen *s = ctx;

	s->count++;
	s->bytes += len;
	s->last_len = len;
	s->to = *to;
	memcpy(s->last, p, len);
}

static struct dht *new_node(struct seen *seen)
{
	struct dht_cfg cfg = {
		.rng = rng_seeded(5),
		.family = {true, true},
		.send = see,
		.ctx = seen,
	};
	struct dht *d;

	memset(seen, 0, sizeof(*seen));
	if (dht_new(&d, &cfg, 0, NULL) != ERR_NONE)
		abort();
	return d;
}

static void feed(struct dht *d, const struct wire_addr *from,
		 const struct krpc_msg *m, int64_t now)
{
	uint8_t buf[KRPC_MAX];
	size_t len = krpc_write(m, buf, sizeof(buf));

	CHECK(len, "it is written");
	dht_feed(d, from, buf, len, now);
}

static struct krpc_msg question(enum krpc_method method)
{
	return (struct krpc_msg){
		.type = KRPC_QUERY,
		.method = method,
		.tid = {(const uint8_t *)"aa", 2},
		.has_id = true,
		.id = {{9}},
		.has_target = true,
		.target = {{8}},
		.read_only = true, /* so that nobody is asked back */
	};
}

/* What was answered last; its views are of `seen`. */
static struct krpc_msg answer_of(const struct seen *seen)
{
	struct krpc_msg m;

	CHECK(krpc_read(&m, seen->last, seen->last_len, NULL) == ERR_NONE,
	      "an answer");
	return m;
}

static void arguments_are_checked(void)
{
	static const struct {
		const char *name, *text;
		int want; /* 0: an answer, -1: silence */
	} rows[] = {
		{"a ping",
		 "d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t1:a1:"
		 "y1:qe",
		 0},
		{"no id", "d1:ade1:q4:ping1:t1:a1:y1:qe", KRPC_PROTOCOL},
		{"a short id", "d1:ad2:id2:abe1:q4:ping1:t1:a1:y1:qe",
		 KRPC_PROTOCOL},
		{"no target",
		 "d1:ad2:id20:abcdefghij0123456789e1:q9:find_node1:t1:a1:y1:qe",
		 KRPC_PROTOCOL},
		{"no info hash",
		 "d1:ad2:id20:abcdefghij01234567896:target20:abcdefghij01234567"
		 "89e1:q9:get_peers1:t1:a1:y1:qe",
		 KRPC_PROTOCOL},
		{"a method that nobody knows",
		 "d1:ad2:id20:abcdefghij0123456789e1:q4:vote1:t1:a1:y1:qe",
		 KRPC_NO_METHOD},
		{"an announce without a token",
		 "d1:ad2:id20:abcdefghij01234567899:info_hash20:abcdefghij01234"
		 "567894:porti5ee1:q13:announce_peer1:t1:a1:y1:qe",
		 KRPC_PROTOCOL},
		{"an announce of port 0",
		 "d1:ad2:id20:abcdefghij01234567899:info_hash20:abcdefghij01234"
		 "567894:porti0ee1:q13:announce_peer1:t1:a1:y1:qe",
		 KRPC_PROTOCOL},
		{"a put of nothing",
		 "d1:ad2:id20:abcdefghij01234567895:token1:xe1:q3:put1:t1:a1:"
		 "y1:qe",
		 KRPC_PROTOCOL},
		{"no bencoding", "d1:ad2:id20:", -1},
		{"bytes behind it",
		 "d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t1:a1:y1:qejunk",
		 -1},
		{"an answer to nothing",
		 "d1:rd2:id20:abcdefghij0123456789e1:t4:aaaa1:y1:re", -1},
		{"an error to nothing", "d1:eli201e1:xe1:t4:aaaa1:y1:ee", -1},
	};
	struct wire_addr from = sim_v4(0x1e000001, 7);

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct seen seen;
		struct dht *d = new_node(&seen);

		dht_feed(d, &from, (const uint8_t *)rows[i].text,
			 strlen(rows[i].text), 0);
		CHECK(seen.count == (rows[i].want >= 0), "%s: %zu sent",
		      rows[i].name, seen.count);
		if (seen.count) {
			struct krpc_msg m = answer_of(&seen);

			CHECK(rows[i].want ? m.type == KRPC_ERROR &&
						     m.code == rows[i].want
					   : m.type == KRPC_ANSWER,
			      "%s: %lld", rows[i].name, (long long)m.code);
		}
		dht_free(d);
	}
}

static void nowhere_is_not_answered(void)
{
	struct krpc_msg q = question(KRPC_PING);
	struct wire_addr places[] = {sim_v4(0x1e000001, 0), sim_v4(0, 5),
				     sim_v4(0xe0000001, 5),
				     sim_v4(0xffffffff, 5)};
	struct seen seen;
	struct dht *d = new_node(&seen);

	for (size_t i = 0; i < ROWS(places); i++)
		feed(d, &places[i], &q, 0);
	CHECK(seen.count == 0, "%zu were answered", seen.count);
	dht_free(d);
}

/* A forged address gets no more than it could have asked for itself. */
static void a_flood_is_not_answered(void)
{
	struct krpc_msg q = question(KRPC_FIND_NODE);
	struct krpc_msg bad = question(KRPC_ANNOUNCE_PEER);
	struct wire_addr victim = sim_v4(0x1e000001, 7);
	struct seen seen;
	struct dht *d = new_node(&seen);

	for (int i = 0; i < 10000; i++) {
		victim.port = (uint16_t)(1 + i);
		feed(d, &victim, i % 2 ? &q : &bad, 1000 + i / 10);
	}
	CHECK(seen.count <= 60 + 15, "%zu answers in a second", seen.count);
	CHECK(dht_status(d).refused > 9000, "the rest is dropped");
	dht_free(d);
}

/* Fills a node with peers, an item, and nodes, then asks each question as short
 * as it can be. */
/* The answer to q, as the sender at `from` gets it; NULL: none. */
static const struct sim_packet *answer_to(struct sim *s, struct dht *d,
					  const struct krpc_msg *q,
					  const struct wire_addr *from,
					  size_t *asked)
{
	uint64_t before = s->packets;
	const struct sim_packet *found = NULL;
	uint8_t buf[KRPC_MAX];

	*asked = krpc_write(q, buf, sizeof(buf));
	dht_feed(d, from, buf, *asked, s->now_ms);
	CHECK(s->packets == before + 1, "one answer");
	for (int k = 0; k < SIM_SLOTS; k++)
		for (struct sim_packet *p = s->slots[k]; p; p = p->next)
			if (dht_addr_eq(&p->to, from))
				found = p;
	return found;
}

/* A hundred hosts are kept as peers of the target of question(). */
static void announce_hundred(struct sim *s, struct dht *d)
{
	for (uint32_t i = 0; i < 100; i++) {
		struct wire_addr from = sim_v4(0x60000001 + i * 256, 7);
		struct krpc_msg get = question(KRPC_GET_PEERS), m;
		struct krpc_msg put = question(KRPC_ANNOUNCE_PEER);
		const struct sim_packet *p;
		size_t asked;

		p = answer_to(s, d, &get, &from, &asked);
		CHECK(p && krpc_read(&m, p->bytes, p->len, NULL) == ERR_NONE,
		      "a token");
		put.token = m.token;
		put.has_port = true;
		put.port = 7;
		(void)answer_to(s, d, &put, &from, &asked);
		sim_run(s, 100);
	}
}

/* Few may be told much: an address that never answered us may be forged. */
static void an_answer_is_bounded_by_its_question(void)
{
	static const enum krpc_method methods[] = {
		KRPC_PING, KRPC_FIND_NODE, KRPC_GET_PEERS,
		KRPC_GET,  KRPC_SAMPLE,	   KRPC_UNKNOWN};
	struct sim s;
	struct sim_node *n;

	sim_init(&s, 60, 9);
	sim_grow(&s, 60, true, true);
	n = &s.nodes[5];
	announce_hundred(&s, n->dht);
	for (size_t i = 0; i < ROWS(methods); i++) {
		struct krpc_msg q = question(methods[i]);
		struct wire_addr from =
			sim_v4(0x50000001 + (uint32_t)i * 256, 7);
		const struct sim_packet *p;
		size_t asked, most = 0;

		q.want = KRPC_WANT4 | KRPC_WANT6;
		p = answer_to(&s, n->dht, &q, &from, &asked);
		CHECK(p && p->len <= asked * DHT_UNKNOWN_GAIN,
		      "method %d: %zu bytes for %zu", (int)methods[i],
		      p ? p->len : 0, asked);
		for (uint32_t k = 0; k < 60; k++) {
			p = answer_to(&s, n->dht, &q, &s.nodes[k].addr[DHT_V4],
				      &asked);
			most = p && p->len > most ? p->len : most;
		}
		CHECK(most <= asked * DHT_MAX_GAIN && most <= DHT_MAX_ANSWER,
		      "%zu bytes for %zu", most, asked);
		CHECK(methods[i] != KRPC_GET_PEERS || most > 1000,
		      "who is known is told more: %zu", most);
	}
	sim_free(&s);
}

static void a_token_is_needed(void)
{
	struct krpc_msg get = question(KRPC_GET_PEERS), m;
	struct krpc_msg put = question(KRPC_ANNOUNCE_PEER);
	struct wire_addr a = sim_v4(0x1e000001, 7), b = sim_v4(0x1f000001, 7);
	uint8_t token[KRPC_MAX_TOKEN];
	struct seen seen;
	struct dht *d = new_node(&seen);

	feed(d, &a, &get, 0);
	m = answer_of(&seen);
	CHECK(m.token.len && m.token.len <= sizeof(token), "a token");
	memcpy(token, m.token.p, m.token.len);
	put.token = (struct ben_view){token, m.token.len};
	put.has_port = true;
	feed(d, &a, &put, 0);
	CHECK(answer_of(&seen).code == KRPC_PROTOCOL, "nobody is at port 0");
	put.port = 77;
	feed(d, &b, &put, 0);
	CHECK(answer_of(&seen).code == KRPC_PROTOCOL, "not from elsewhere");
	put.target.bytes[0]++;
	feed(d, &a, &put, 0);
	CHECK(answer_of(&seen).code == KRPC_PROTOCOL, "nor for another");
	put.target.bytes[0]--;
	CHECK(dht_status(d).peers == 0, "nobody is kept");
	feed(d, &a, &put, 0);
	CHECK(answer_of(&seen).type == KRPC_ANSWER, "this is good");
	CHECK(dht_status(d).peers == 1, "and kept");
	feed(d, &b, &get, 0);
	m = answer_of(&seen);
	CHECK(m.values.len == 10 &&
		      memcmp(m.values.p, "l6:\x1e\0\0\1\0Me", 10) == 0,
	      "and told, with the port that it said");
	put.implied_port = true;
	feed(d, &a, &put, 0);
	feed(d, &b, &get, 0);
	m = answer_of(&seen);
	CHECK(m.values.len == 18, "implied: the port that it speaks from");
	dht_free(d);
}

static void an_item_is_checked(void)
{
	static const struct {
		const char *name;
		size_t value, salt;
		bool key, sig, seq, token;
		int want;
	} rows[] = {
		{"an immutable one", 1000, 0, false, false, false, true, 0},
		{"too long", 1001, 0, false, false, false, true, KRPC_TOO_BIG},
		{"without a token", 10, 0, false, false, false, false,
		 KRPC_PROTOCOL},
		{"a key and no signature", 10, 0, true, false, true, true,
		 KRPC_PROTOCOL},
		{"a key and no sequence", 10, 0, true, true, false, true,
		 KRPC_PROTOCOL},
		{"a salt of 65", 10, 65, true, true, true, true,
		 KRPC_SALT_TOO_BIG},
		{"a false signature", 10, 64, true, true, true, true,
		 KRPC_BAD_SIGNATURE},
	};
	static uint8_t value[1001], salt[65], key[32], sig[64];
	struct wire_addr a = sim_v4(0x1e000001, 7);

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct krpc_msg get = question(KRPC_GET), m;
		struct krpc_msg put = question(KRPC_PUT);
		size_t n = rows[i].value - (rows[i].value > 102 ? 4 : 3);
		uint8_t token[KRPC_MAX_TOKEN];
		struct dht_item item = {0};
		struct seen seen;
		struct dht *d = new_node(&seen);

		if (rows[i].value > 999) /* "996:" or "997:" and so many */
			(void)snprintf((char *)value, sizeof(value), "%zu:", n);
		else
			(void)snprintf((char *)value, sizeof(value), "8:");
		n = rows[i].value > 999 ? rows[i].value : 10;
		put.value = (struct ben_view){value, n};
		if (rows[i].salt)
			put.salt = (struct ben_view){salt, rows[i].salt};
		put.key = rows[i].key ? key : NULL;
		put.sig = rows[i].sig ? sig : NULL;
		put.has_seq = rows[i].seq;
		(void)dht_item_read(&item, &put);
		get.target = dht_item_target(&item);
		feed(d, &a, &get, 0);
		m = answer_of(&seen);
		memcpy(token, m.token.p, m.token.len);
		if (rows[i].token)
			put.token = (struct ben_view){token, m.token.len};
		feed(d, &a, &put, 0);
		m = answer_of(&seen);
		CHECK((m.type == KRPC_ERROR ? m.code : 0) == rows[i].want,
		      "%s: %lld", rows[i].name, (long long)m.code);
		dht_free(d);
	}
}

/* Only who was asked can answer, with the bytes that it was asked with. */
static void an_answer_must_have_been_asked_for(void)
{
	struct wire_addr a = sim_v4(0x1e000001, 7), b = sim_v4(0x1f000001, 7);
	struct krpc_msg m,
		r = {.type = KRPC_ANSWER, .has_id = true, .id = {{7}}};
	uint8_t tid[4];
	struct seen seen;
	struct dht *d = new_node(&seen);

	CHECK(dht_add_contact(d, &a, NULL, 0), "somebody to ask");
	dht_tick(d, 0);
	m = answer_of(&seen); /* the question */
	CHECK(m.tid.len == 4 && m.method == KRPC_FIND_NODE, "is asked");
	memcpy(tid, m.tid.p, 4);
	r.tid = (struct ben_view){tid, 4};
	feed(d, &b, &r, 1);
	CHECK(dht_status(d).nodes[DHT_V4] == 0, "not from elsewhere");
	tid[2]++;
	feed(d, &a, &r, 1);
	CHECK(dht_status(d).nodes[DHT_V4] == 0, "nor with other bytes");
	tid[2]--;
	r.id = dht_own_id(d, DHT_V4);
	feed(d, &a, &r, 1);
	CHECK(dht_status(d).nodes[DHT_V4] == 0, "nor by ourselves");
	dht_free(d);

	d = new_node(&seen);
	(void)dht_add_contact(d, &a, NULL, 0);
	dht_tick(d, 0);
	m = answer_of(&seen);
	memcpy(tid, m.tid.p, 4);
	r.id.bytes[0] = 7;
	feed(d, &a, &r, 1);
	CHECK(dht_status(d).nodes[DHT_V4] == 1, "but so");
	feed(d, &a, &r, 2);
	CHECK(dht_status(d).answers == 1, "and once");
	dht_free(d);
}

/* Somebody who asks is asked back, but not everybody at once. */
static void who_asks_is_asked_back_slowly(void)
{
	struct krpc_msg q = question(KRPC_PING);
	struct seen seen;
	struct dht *d = new_node(&seen);
	size_t answers = 0;

	q.read_only = false;
	for (uint32_t i = 0; i < 5000; i++) {
		struct wire_addr a = sim_v4((30U << 24) + i * 256 + 1, 7);

		memcpy(q.id.bytes, &i, sizeof(i));
		feed(d, &a, &q, 1000);
		answers++;
	}
	for (int64_t ms = 1000; ms < 11000; ms += 100) {
		dht_tick(d, ms);
		CHECK(dht_status(d).asked <= 24, "%zu at once",
		      dht_status(d).asked);
	}
	CHECK(seen.count - answers <= 24 + 200, "%zu in ten seconds",
	      seen.count - answers);
	CHECK(dht_status(d).nodes[DHT_V4] == 0, "and believed when it answers");
	dht_free(d);
}

/* Even when all of them answer at once. */
static void contacts_are_asked_slowly(void)
{
	struct seen seen;
	struct dht *d = new_node(&seen);
	size_t asked = 0;

	for (int64_t ms = 0; ms < 10000; ms += 100) {
		for (uint32_t i = 0; i < 30; i++) {
			struct wire_addr a = sim_v4(
				(30U << 24) + ((uint32_t)ms + i) * 256 + 1, 7);
			struct krpc_msg m;
			size_t before = seen.count;

			(void)dht_add_contact(d, &a, NULL, ms);
			dht_tick(d, ms);
			if (seen.count == before)
				continue;
			asked += seen.count - before;
			m = answer_of(&seen);
			m.type = KRPC_ANSWER;
			memcpy(m.id.bytes, &ms, 4);
			m.id.bytes[5] = (uint8_t)i;
			feed(d, &seen.to, &m, ms);
		}
	}
	CHECK(asked < 24 + 200 + 60, "%zu in ten seconds", asked);
	dht_free(d);
}

/* --- networks with liars ---------------------------------------------------
 */

#define HONEST 200U
#define LIARS 50U

static struct dht_id liar_target;

/* Says that it, and its friends, are right around the target; and knows false
 * peers. */
static void lie(struct sim *s, struct sim_node *n, const struct wire_addr *from,
		const uint8_t *p, size_t len)
{
	uint8_t nodes[8 * 26], buf[KRPC_MAX];
	struct krpc_msg q;
	struct krpc_msg r = {
		.type = KRPC_ANSWER,
		.has_id = true,
		.token = {(const uint8_t *)"lies", 4},
		.nodes = {nodes, sizeof(nodes)},
		.values = {(const uint8_t *)"l6:\x1e\1\1\1\0\7e", 10},
	};

	if (krpc_read(&q, p, len, NULL) != ERR_NONE || q.type != KRPC_QUERY)
		return;
	r.tid = q.tid;
	r.id = liar_target;
	memcpy(r.id.bytes + 8, n->addr[0].ip + 8, 12);
	for (uint32_t i = 0; i < 8; i++) {
		const struct sim_node *friend =
			&s->nodes[HONEST + rng_below(&s->rng, LIARS)];
		uint8_t *at = nodes + i * 26;

		memcpy(at, liar_target.bytes, 20);
		memcpy(at + 8, friend->addr[0].ip + 8, 12);
		dht_compact_write(at + 20, &friend->addr[0]);
	}
	len = krpc_write(&r, buf, sizeof(buf));
	sim_post(s, &n->addr[0], from, buf, len);
}

/* A fifth of the network lies about one target: what is announced there by
 * honest nodes is found all the same. */
static void a_target_is_not_taken_over(void)
{
	struct sim s;
	uint32_t met = 0;

	sim_init(&s, HONEST + LIARS, 11);
	sim_grow(&s, HONEST, true, false);
	liar_target = sim_target(&s);
	s.liar = lie;
	for (uint32_t i = 0; i < LIARS; i++) {
		struct sim_node *n = sim_place(&s, true, false);

		for (uint32_t k = 0; k < 20; k++)
			(void)dht_add_contact(
				s.nodes[rng_below(&s.rng, HONEST)].dht,
				&n->addr[0], NULL, s.now_ms);
	}
	sim_run(&s, 20000);
	for (uint32_t i = 0; i < 10; i++) {
		struct sim_node *a = &s.nodes[i * 7 + 1],
				*b = &s.nodes[i * 11 + 90];
		struct dht_search what = {
			.aim = DHT_FIND_PEERS,
			.target = liar_target,
			.announce = true,
			.port = (uint16_t)(1000 + i),
		};
		struct sim_found f = {.wanted = a->addr[0]};

		sim_search(&s, a, what, &f);
		f.wanted.port = what.port;
		what.announce = false;
		sim_search(&s, b, what, &f);
		met += f.saw_wanted;
	}
	CHECK(met == 10, "%u of 10 meet in spite of them", met);
	sim_free(&s);
}

/* Names of nodes that are not there do not fill tables. */
static void inventions_fill_no_table(void)
{
	struct seen seen;
	struct dht *d = new_node(&seen);
	struct wire_addr a = sim_v4(0x1e000001, 7);
	struct krpc_msg m,
		r = {.type = KRPC_ANSWER, .has_id = true, .id = {{7}}};
	uint8_t nodes[60 * 26], tid[4];
	struct rng rng = rng_seeded(1);

	(void)dht_add_contact(d, &a, NULL, 0);
	dht_tick(d, 0);
	m = answer_of(&seen);
	memcpy(tid, m.tid.p, 4);
	r.tid = (struct ben_view){tid, 4};
	rng_fill(&rng, nodes, sizeof(nodes));
	r.nodes = (struct ben_view){nodes, sizeof(nodes)};
	feed(d, &a, &r, 1);
	for (int64_t ms = 0; ms < 60000; ms += 250)
		dht_tick(d, ms);
	CHECK(dht_status(d).nodes[DHT_V4] <= 1, "only who answered is in");
	CHECK(seen.count < 120, "%zu questions", seen.count);
	dht_free(d);
}

/* Who is outside does not send us into our own network. */
static void the_public_does_not_tell_of_home(void)
{
	static const struct {
		const char *name;
		uint32_t teller, told;
		bool asked;
	} rows[] = {
		{"public of public", 0x1e000001, 0x1f000001, true},
		{"public of home", 0x1e000001, 0xc0a80002, false},
		{"public of this machine", 0x1e000001, 0x7f000001, false},
		{"home of home", 0xc0a80001, 0xc0a80002, true},
		{"home of public", 0xc0a80001, 0x1f000001, true},
		{"home of nowhere", 0xc0a80001, 0xe0000001, false},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct seen seen;
		struct dht *d = new_node(&seen);
		struct wire_addr a = sim_v4(rows[i].teller, 7);
		struct wire_addr b = sim_v4(rows[i].told, 8);
		struct krpc_msg m,
			r = {.type = KRPC_ANSWER, .has_id = true, .id = {{7}}};
		uint8_t node[26] = {0x80, 1}, tid[4];
		bool asked = false;

		(void)dht_add_contact(d, &a, NULL, 0);
		dht_tick(d, 0);
		m = answer_of(&seen);
		memcpy(tid, m.tid.p, 4);
		dht_compact_write(node + 20, &b);
		r.tid = (struct ben_view){tid, 4};
		r.nodes = (struct ben_view){node, 26};
		feed(d, &a, &r, 1);
		for (int64_t ms = 250; ms < 3000; ms += 250) {
			dht_tick(d, ms);
			asked |= dht_addr_eq(&seen.to, &b);
		}
		CHECK(asked == rows[i].asked, "%s", rows[i].name);
		dht_free(d);
	}
}

int main(void)
{
	arguments_are_checked();
	nowhere_is_not_answered();
	a_flood_is_not_answered();
	an_answer_is_bounded_by_its_question();
	a_token_is_needed();
	an_item_is_checked();
	an_answer_must_have_been_asked_for();
	who_asks_is_asked_back_slowly();
	contacts_are_asked_slowly();
	a_target_is_not_taken_over();
	inventions_fill_no_table();
	the_public_does_not_tell_of_home();
	return CHECK_EXIT();
}
