/* Who gets into a DHT node's table and who counts in a lookup. */
#include "tests/wire/dht_sim.h"

#include "wire/dht/lookup.h"
#include "wire/dht/table.h"

static struct dht_id own; /* zeroes */

/* An id that shares exactly `prefix` bits with our own; `n` tells it from
 * others. */
static struct dht_id id_at(unsigned prefix, uint32_t n)
{
	struct dht_id id = {{0}};

	id.bytes[prefix / 8] = (uint8_t)(0x80 >> prefix % 8);
	memcpy(id.bytes + 16, &n, sizeof(n));
	return id;
}

static struct table *new_table(void)
{
	struct table *t;

	if (table_new(&t, &own, NULL) != ERR_NONE)
		abort();
	return t;
}

static bool answers(struct table *t, unsigned prefix, uint32_t n,
		    const struct wire_addr *at, int64_t now)
{
	struct dht_id id = id_at(prefix, n);

	return table_answered(t, &id, at, now);
}

/* A host in a net of its own. */
static struct wire_addr host(uint32_t n)
{
	return sim_v4((30U << 24) + n * 256 + 1, 1000);
}

static void one_place_fills_nothing(void)
{
	static const struct {
		const char *name;
		uint32_t ip[4]; /* that answer, one after another */
		bool in[4];
	} rows[] = {
		{"one node of a host",
		 {0x1e000001, 0x1e000001, 0x1e000201, 0},
		 {true, false, true, false}},
		{"two of a net",
		 {0x1e000001, 0x1e000002, 0x1e000003, 0x1e000103},
		 {true, true, false, true}},
		{"as many as like on this machine",
		 {0x7f000001, 0x7f000001, 0x7f000001, 0x7f000001},
		 {true, true, true, true}},
		{"and at home",
		 {0xc0a80001, 0xc0a80001, 0xc0a80002, 0xc0a80003},
		 {true, true, true, true}},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct table *t = new_table();

		for (uint32_t n = 0; n < 4; n++) {
			struct wire_addr a =
				sim_v4(rows[i].ip[n], (uint16_t)(100 + n));

			CHECK(answers(t, 0, n, &a, 0) == rows[i].in[n],
			      "%s: %u", rows[i].name, n);
		}
		table_free(t);
	}
}

static void buckets_divide_and_are_bounded(void)
{
	struct table *t = new_table();
	uint32_t n = 0;

	for (unsigned prefix = 0; prefix < 12; prefix++)
		for (int k = 0; k < 300; k++, n++) {
			struct wire_addr a = host(n);

			(void)answers(t, prefix, n, &a, 0);
		}
	CHECK(table_buckets(t) == 13, "%zu buckets", table_buckets(t));
	CHECK(table_count(t) == 128 + 64 + 32 + 16 + 8 * 8, "%zu nodes",
	      table_count(t));
	table_free(t);
}

static void the_nearest_are_given(void)
{
	struct table *t = new_table();
	struct table_node out[TABLE_K];
	struct dht_id target = id_at(3, 0);
	struct wire_addr a;

	for (uint32_t n = 0; n < 100; n++) {
		a = host(n);
		(void)answers(t, n % 5, n, &a, 0);
	}
	CHECK(table_closest(t, out, TABLE_K, &target) == TABLE_K, "eight");
	for (size_t i = 0; i < TABLE_K; i++)
		CHECK(dht_id_prefix(&out[i].id, &target) > 100,
		      "%zu is of its bucket", i);
	for (size_t i = 1; i < TABLE_K; i++)
		CHECK(dht_id_nearer(&target, &out[i - 1].id, &out[i].id) < 0,
		      "%zu is nearer than the next", i - 1);
	CHECK(table_closest(t, out, 3, &target) == 3, "no more than asked for");
	a = out[0].addr;
	table_failed(t, &a);
	(void)table_closest(t, out, TABLE_K, &target);
	CHECK(!dht_addr_eq(&out[0].addr, &a), "who fails is told of no more");
	table_free(t);
}

static void a_node_keeps_its_place_while_it_answers(void)
{
	struct table *t = new_table();
	struct wire_addr first = host(0), other = host(500), a;
	struct dht_id id = id_at(4, 0), more = id_at(4, 99);

	/* one deeper, so that bucket 4 is not the last */
	for (uint32_t n = 0; n < 200; n++) {
		a = host(1000 + n);
		(void)answers(t, n % 4, 1000 + n, &a, 0);
	}
	for (uint32_t n = 0; n < 8; n++) {
		a = host(n);
		(void)answers(t, 4, n, &a, 0);
		a = host(50 + n);
		(void)answers(t, 5, 50 + n, &a, 0);
	}
	a = host(99);
	CHECK(!table_wants(t, &more, &a), "a full bucket wants nobody");
	CHECK(!answers(t, 4, 99, &a, 0), "nor takes it");
	CHECK(!table_answered(t, &id, &other, 0),
	      "its id elsewhere is not believed");
	table_failed(t, &first);
	CHECK(!table_wants(t, &id, &first) || table_count(t) > 0, "there");
	/* the spare one has its place */
	CHECK(table_answered(t, &more, &a, 1), "a spare one waits for this");
	CHECK(!table_wants(t, &more, &a), "and is in");
	table_free(t);
}

static void three_failures_and_it_is_bad(void)
{
	struct table *t = new_table();
	struct wire_addr a = host(1);

	(void)answers(t, 0, 1, &a, 0);
	table_failed(t, &a);
	table_failed(t, &a);
	CHECK(table_count(t) == 1, "twice is no reason");
	(void)answers(t, 0, 1, &a, 0);
	table_failed(t, &a);
	table_failed(t, &a);
	CHECK(table_count(t) == 1, "an answer counts them anew");
	table_failed(t, &a);
	CHECK(table_count(t) == 0, "the third time");
	table_free(t);
}

static void who_is_quiet_is_asked(void)
{
	struct table *t = new_table();
	struct wire_addr a = host(1);
	struct dht_id id = id_at(0, 1);
	struct table_node out;

	(void)answers(t, 0, 1, &a, 0);
	CHECK(!table_questionable(t, &out, TABLE_QUIET_MS - 1), "not yet");
	CHECK(table_questionable(t, &out, TABLE_QUIET_MS), "now");
	CHECK(!table_questionable(t, &out, TABLE_QUIET_MS + 1), "once");
	CHECK(table_questionable(t, &out, TABLE_QUIET_MS + 60000),
	      "again in a minute");
	table_asked_us(t, &id, &a, TABLE_QUIET_MS + 60000);
	CHECK(!table_questionable(t, &out, TABLE_QUIET_MS + 130000),
	      "its own question shows that it is there");
	table_free(t);
}

static void an_idle_bucket_is_looked_up(void)
{
	struct table *t = new_table();
	struct rng rng = rng_seeded(1);
	struct dht_id target;
	struct wire_addr a;

	for (uint32_t n = 0; n < 300; n++) {
		a = host(n);
		(void)answers(t, n % 4, n, &a, 1000);
	}
	CHECK(!table_idle_bucket(t, &target, &rng, 1000), "all are fresh");
	for (unsigned i = 0; i < table_buckets(t); i++) {
		CHECK(table_idle_bucket(t, &target, &rng,
					1000 + TABLE_QUIET_MS),
		      "bucket %u", i);
		CHECK(dht_id_prefix(&own, &target) == i, "%u bits",
		      dht_id_prefix(&own, &target));
	}
	CHECK(!table_idle_bucket(t, &target, &rng, 1000 + TABLE_QUIET_MS),
	      "each once");
	table_free(t);
}

static void another_id_of_ours_keeps_the_nodes(void)
{
	struct table *t = new_table();
	struct dht_id new_own = id_at(2, 7);
	struct wire_addr a;

	for (uint32_t n = 0; n < 60; n++) {
		a = host(n);
		(void)answers(t, n % 6, n, &a, 0);
	}
	table_set_own(t, &new_own, 0);
	CHECK(table_count(t) == 60, "%zu of 60", table_count(t));
	CHECK(!table_answered(t, &new_own, &a, 0), "but not ourselves");
	table_free(t);
}

static void nobody_is_nowhere(void)
{
	struct table *t = new_table();
	struct dht_id id = id_at(0, 1);
	struct wire_addr none = sim_v4(0x1e000001, 0);
	struct wire_addr many = sim_v4(0xe0000001, 5);

	CHECK(!table_answered(t, &id, &none, 0), "port 0");
	CHECK(!table_answered(t, &id, &many, 0), "multicast");
	CHECK(!table_wants(t, &id, &none) && !table_wants(t, &id, &many),
	      "nor is it asked");
	table_free(t);
}

/* --- lookups ---------------------------------------------------------------
 */

/* An id in which the first `prefix` bits are the target's (zeroes). */
static void add(struct lookup *l, unsigned prefix, uint32_t n,
		const struct wire_addr *at)
{
	struct dht_id id = id_at(prefix, n);

	(void)lookup_add(l, &id, at);
}

static struct lookup_node *ask(struct lookup *l)
{
	return lookup_next(l);
}

static void answer(struct lookup *l, struct lookup_node *n)
{
	struct wire_addr a = n->addr;
	struct dht_id id = n->id;

	(void)lookup_answered(l, &a, &id, (const uint8_t *)"token", 5);
}

static void the_nearest_are_asked_first(void)
{
	static struct lookup l;
	struct lookup_node *n;
	struct wire_addr a;

	lookup_init(&l, &own);
	for (uint32_t i = 0; i < 20; i++) {
		a = sim_v4(0x0a000001 + i, 1);
		add(&l, i, i, &a);
	}
	for (uint32_t i = 0; i < LOOKUP_ALPHA; i++) {
		n = ask(&l);
		CHECK(n && dht_id_prefix(&n->id, &own) == 19 - i, "%u", i);
	}
	CHECK(!ask(&l), "no more at a time");
	CHECK(!lookup_done(&l), "not yet");
	a = l.nodes[0].addr;
	lookup_slow(&l, &a);
	CHECK(ask(&l), "for a slow one the next");
	for (uint32_t i = 0; i < l.count; i++)
		if (l.nodes[i].state == LOOKUP_ASKED)
			answer(&l, &l.nodes[i]);
	while ((n = ask(&l)))
		answer(&l, n);
	CHECK(lookup_done(&l), "eight have answered");
	CHECK(l.asked == 9, "%u were asked", l.asked);
}

static void a_crowd_pushes_nobody_out(void)
{
	static struct lookup l;
	const struct lookup_node *near[2 * LOOKUP_K];
	struct rng rng = rng_seeded(7);
	struct lookup_node *n;
	size_t honest = 0, count;
	struct wire_addr a;

	lookup_init(&l, &own);
	for (uint32_t i = 0; i < 10; i++) { /* ids that fit */
		struct dht_id id;

		a = host(i);
		do
			id = dht_id_for(a.ip, &rng);
		while (id.bytes[0] & 0x80);
		(void)lookup_add(&l, &id, &a);
	}
	for (uint32_t i = 0; i < 60; i++) { /* ids around the target */
		a = host(100 + i);
		add(&l, 100 + i % 50, i, &a);
	}
	while ((n = ask(&l)))
		answer(&l, n);
	CHECK(lookup_done(&l), "it ends");
	count = lookup_nearest(&l, near);
	for (size_t i = 0; i < count; i++)
		honest += near[i]->fits;
	CHECK(count == 16 && honest == 8, "%zu of %zu are honest", honest,
	      count);
}

static void one_candidate_of_a_host(void)
{
	static struct lookup l;
	struct wire_addr a;

	lookup_init(&l, &own);
	for (uint32_t i = 0; i < 5; i++) {
		a = sim_v4(0x1e000001, (uint16_t)(1 + i));
		add(&l, i, i, &a);
	}
	CHECK(l.count == 1, "one port of it");
	for (uint32_t i = 0; i < 5; i++) {
		a = sim_v4(0x1e000002 + i, 1);
		add(&l, i, 10 + i, &a);
	}
	CHECK(l.count == 2, "two of the net");
}

/* An id that is the nearer the greater n is. */
static struct dht_id ever_nearer(uint32_t n)
{
	struct dht_id id = {{0}};

	for (int i = 0; i < 4; i++)
		id.bytes[i] = (uint8_t)(~n >> (24 - 8 * i));
	return id;
}

static void ever_nearer_inventions_end(void)
{
	static struct lookup l;
	struct lookup_node *n;
	uint32_t asked = 0;
	struct wire_addr a = sim_v4(0x0a000001, 1);
	struct dht_id id = ever_nearer(0);

	lookup_init(&l, &own);
	(void)lookup_add(&l, &id, &a);
	while (asked < 1000 && (n = ask(&l))) {
		answer(&l, n);
		asked++;
		for (uint32_t i = 0; i < 8; i++) {
			a = sim_v4(0x0a000100 + asked * 8 + i, 1);
			id = ever_nearer(asked * 8 + i);
			(void)lookup_add(&l, &id, &a);
		}
	}
	CHECK(asked == LOOKUP_MAX_ASKED, "%u were asked", asked);
	CHECK(l.count <= LOOKUP_MAX, "%u are kept", l.count);
	CHECK(lookup_done(&l), "it ends");
}

static void another_name_is_another_place(void)
{
	static struct lookup l;
	const struct lookup_node *near[2 * LOOKUP_K];
	struct wire_addr a = sim_v4(0x0a000001, 1), b = sim_v4(0x0a000002, 1);
	struct dht_id far = id_at(0, 1);

	lookup_init(&l, &own);
	add(&l, 50, 1, &a);
	(void)lookup_add(&l, NULL, &b);
	CHECK(ask(&l) && ask(&l), "both are asked");
	CHECK(lookup_answered(&l, &a, &far, NULL, 0), "under another name");
	far = id_at(60, 2);
	CHECK(lookup_answered(&l, &b, &far, NULL, 0), "under its first");
	CHECK(!lookup_answered(&l, &b, &far, NULL, 0), "only once");
	CHECK(lookup_nearest(&l, near) == 2 && dht_addr_eq(&near[0]->addr, &b),
	      "the second is nearer now");
}

int main(void)
{
	one_place_fills_nothing();
	buckets_divide_and_are_bounded();
	the_nearest_are_given();
	a_node_keeps_its_place_while_it_answers();
	three_failures_and_it_is_bad();
	who_is_quiet_is_asked();
	an_idle_bucket_is_looked_up();
	another_id_of_ours_keeps_the_nodes();
	nobody_is_nowhere();
	the_nearest_are_asked_first();
	a_crowd_pushes_nobody_out();
	one_candidate_of_a_host();
	ever_nearer_inventions_end();
	another_name_is_another_place();
	return CHECK_EXIT();
}
