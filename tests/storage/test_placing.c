/* Who gets the shards: one a host and network, the better ones first, and a
 * clear word when they do not suffice. */
#include "storage/rent/placing.h"
#include "tests/check.h"

#include <stdlib.h>
#include <string.h>

static struct placing_host host_of(uint16_t number, uint16_t net)
{
	struct placing_host h = {.rent = amount_from_u64(1000), .room = 100};
	uint8_t ip[16] = {[10] = 0xff, [11] = 0xff, [12] = 10};

	ip[13] = (uint8_t)(net >> 8);
	ip[14] = (uint8_t)net;
	ip[15] = (uint8_t)number;
	h.net = placing_net_of(ip);
	memcpy(h.address.bytes, &number, sizeof(number));
	return h;
}

static struct placing *placing_for(uint16_t shards, uint16_t per_host,
				   uint16_t per_net)
{
	const struct placing_policy y = {
		.shards = shards, .per_host = per_host, .per_net = per_net};
	struct rng rng = rng_seeded(1);
	struct placing *p = NULL;

	CHECK(placing_new(&p, &y, &rng, NULL) == ERR_NONE, "new");
	if (!p)
		abort();
	return p;
}

static uint16_t add(struct placing *p, struct placing_host h)
{
	uint16_t host;

	CHECK(placing_add(p, &host, &h, NULL) == ERR_NONE, "add");
	return host;
}

static void empty(uint16_t seat[255])
{
	for (unsigned i = 0; i < 255; i++)
		seat[i] = PLACING_NONE;
}

static void networks_are_24_and_48(void)
{
	static const struct {
		const char *name;
		uint8_t a[16], b[16];
		bool same;
	} rows[] = {
		{"one /24",
		 {[10] = 0xff, [11] = 0xff, 1, 2, 3, 4},
		 {[10] = 0xff, [11] = 0xff, 1, 2, 3, 200},
		 true},
		{"two /24",
		 {[10] = 0xff, [11] = 0xff, 1, 2, 3, 4},
		 {[10] = 0xff, [11] = 0xff, 1, 2, 4, 4},
		 false},
		{"one /48",
		 {32, 1, 1, 2, 3, 4, 5},
		 {32, 1, 1, 2, 3, 4, 6},
		 true},
		{"two /48", {32, 1, 1, 2, 3, 4}, {32, 1, 1, 2, 3, 5}, false},
		{"IPv4 is not the IPv6 prefix that looks like it",
		 {[10] = 0xff, [11] = 0xff, 1, 2, 3, 4},
		 {1, 2, 3},
		 false},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct placing_net a = placing_net_of(rows[i].a);
		struct placing_net b = placing_net_of(rows[i].b);

		CHECK((memcmp(&a, &b, sizeof(a)) == 0) == rows[i].same, "%s",
		      rows[i].name);
	}
}

/* hosts: how many, over how many networks; seats that stay empty */
static void seats_are_spread(void)
{
	static const struct {
		const char *name;
		uint16_t shards, per_host, per_net, hosts, nets;
		unsigned without;
		const char *says; /* NULL: enough */
	} rows[] = {
		{"enough", 12, 1, 1, 18, 18, 0, NULL},
		{"too few hosts", 12, 1, 1, 9, 9, 3,
		 "3 more hosts and 3 more networks"},
		{"too few networks", 12, 1, 1, 18, 7, 5,
		 "0 more hosts and 5 more networks"},
		{"several a network on the user's word", 12, 1, 2, 18, 7, 0,
		 NULL},
		{"several a host on the user's word", 12, 2, 2, 6, 6, 0, NULL},
		{"and still too few", 12, 2, 2, 5, 5, 2,
		 "1 more hosts and 1 more networks"},
		{"none", 1, 1, 1, 0, 0, 1, "1 more hosts"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct placing *p = placing_for(
			rows[i].shards, rows[i].per_host, rows[i].per_net);
		uint16_t seat[255], at[64] = {0};
		struct err e = {0};

		for (uint16_t h = 0; h < rows[i].hosts; h++)
			(void)add(p, host_of(h, h % rows[i].nets));
		CHECK(placing_check(p, &e) ==
			      (rows[i].says ? ERR_STATE : ERR_NONE),
		      "%s", rows[i].name);
		if (rows[i].says)
			CHECK(strstr(e.msg, rows[i].says), "%s: %s",
			      rows[i].name, e.msg);
		empty(seat);
		CHECK(placing_fill(p, seat, 5) == rows[i].without, "%s",
		      rows[i].name);
		for (unsigned s = 0; s < rows[i].shards; s++)
			if (seat[s] != PLACING_NONE)
				CHECK(++at[seat[s]] <= rows[i].per_host, "%s",
				      rows[i].name);
		placing_free(p);
	}
}

static void several_at_a_host_only_after_one_at_each(void)
{
	struct placing *p = placing_for(4, 4, 4);
	uint16_t seat[255];
	unsigned sum = 0;

	for (uint16_t h = 0; h < 4; h++)
		(void)add(p, host_of(h, h));
	empty(seat);
	CHECK(placing_fill(p, seat, 0) == 0, "seated");
	for (unsigned i = 0; i < 4; i++)
		sum |= 1U << seat[i];
	CHECK(sum == 15, "each of the four has one: %x", sum);
	placing_free(p);
}

static void the_better_come_first(void)
{
	static const struct {
		const char *name;
		struct placing_host worse; /* what differs from the others */
	} rows[] = {
		{"dearer", {.rent = {0, 1400}, .good = 50, .room = 9}},
		{"often wrong",
		 {.rent = {0, 1000}, .good = 50, .bad = 20, .room = 9}},
		{"never seen", {.rent = {0, 1000}, .room = 9}},
		{"far away",
		 {.rent = {0, 1000}, .good = 50, .rtt_ms = 900, .room = 9}},
		{"full", {.rent = {0, 1000}, .good = 50, .room = 0}},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct placing *p = placing_for(5, 1, 1);
		struct placing_host h = rows[i].worse;
		uint16_t seat[255], worse;

		h.net = host_of(0, 0).net;
		worse = add(p, h);
		for (uint16_t n = 1; n <= 5; n++) {
			h = host_of(n, n);
			h.good = 50;
			(void)add(p, h);
		}
		empty(seat);
		CHECK(placing_fill(p, seat, 0) == 0, "%s", rows[i].name);
		for (unsigned s = 0; s < 5; s++)
			CHECK(seat[s] != worse, "%s", rows[i].name);
		placing_free(p);
	}
}

static void all_segments_have_the_same_hosts_in_turn(void)
{
	struct placing *p = placing_for(3, 1, 1);
	unsigned seen[3] = {0};

	for (uint16_t n = 0; n < 9; n++)
		(void)add(p, host_of(n, n));
	for (uint32_t s = 0; s < 3; s++) {
		uint16_t seat[255];

		empty(seat);
		CHECK(placing_fill(p, seat, s) == 0, "seated");
		for (unsigned i = 0; i < 3; i++)
			seen[i] |= 1U << seat[i];
	}
	CHECK(seen[0] == seen[1] && seen[1] == seen[2], "the same hosts");
	CHECK(__builtin_popcount(seen[0]) == 3, "each has each shard once");
	placing_free(p);
}

static void who_is_dropped_is_replaced_from_another_network(void)
{
	struct placing *p = placing_for(3, 1, 1);
	uint16_t seat[255], gone = 0;

	for (uint16_t n = 0; n < 3; n++)
		(void)add(p, host_of(n, n));
	(void)add(p, host_of(3, 1)); /* shares a network */
	empty(seat);
	CHECK(placing_fill(p, seat, 0) == 0, "seated");
	for (unsigned i = 0; i < 3; i++)
		if (placing_get(p, seat[i])->address.bytes[0] == 0)
			gone = (uint16_t)i;
	CHECK(placing_get(p, seat[gone])->address.bytes[0] == 0,
	      "who is to go has a seat");
	placing_drop(p, seat[gone]);
	seat[gone] = PLACING_NONE;
	CHECK(placing_fill(p, seat, 0) == 1, "no host in a free network");
	CHECK(placing_check(p, NULL) == ERR_STATE, "says so");
	(void)add(p, host_of(4, 7));
	CHECK(placing_fill(p, seat, 0) == 0, "a spare");
	CHECK(placing_get(p, seat[gone])->address.bytes[0] == 4, "that one");
	placing_free(p);
}

static void what_a_segment_has_besides_counts(void)
{
	struct placing *p = placing_for(2, 2, 1);
	uint16_t seat[255], at[4], host;
	struct placing_beside b = {
		.taken = &at[0], .taken_n = 1, .barred = &at[2], .barred_n = 1};

	for (uint8_t n = 0; n < 4; n++)
		at[n] = add(p, host_of(n, n == 1 ? 0 : n));
	empty(seat);
	seat[0] = PLACING_ELSEWHERE;
	CHECK(placing_fill_beside(p, seat, &b, 0) == 0 && seat[1] == at[3],
	      "not where one is, nor in its network, nor where one was: %u",
	      seat[1]);
	placing_drop(p, at[3]);
	seat[1] = PLACING_NONE;
	CHECK(placing_fill_beside(p, seat, &b, 0) == 1, "nobody else");
	host = PLACING_ELSEWHERE;
	b.taken = b.barred = &host;
	CHECK(placing_fill_beside(p, seat, &b, 0) == 0, "hosts unknown here");
	placing_free(p);
}

static void room_is_counted(void)
{
	struct placing *p = placing_for(1, 1, 1);
	struct placing_host h = host_of(1, 1);
	uint16_t seat[255], host;

	h.room = 1;
	host = add(p, h);
	empty(seat);
	CHECK(placing_fill(p, seat, 0) == 0, "one fits");
	empty(seat);
	CHECK(placing_fill(p, seat, 1) == 1, "no second");
	placing_return(p, host);
	CHECK(placing_fill(p, seat, 1) == 0, "given back");
	placing_free(p);
}

static void rents_near_the_limit_rank(void)
{
	struct placing *p = placing_for(1, 1, 1);
	struct placing_host h = host_of(1, 1);
	uint16_t seat[255], cheap;

	h.rent = amount_max112();
	(void)add(p, h);
	h = host_of(2, 2);
	CHECK(amount_mul_div(&h.rent, NULL, amount_max112(), 1, 0, 4), "rent");
	cheap = add(p, h);
	empty(seat);
	CHECK(placing_fill(p, seat, 0) == 0 && seat[0] == cheap, "cheaper");
	placing_free(p);
}

int main(void)
{
	networks_are_24_and_48();
	seats_are_spread();
	several_at_a_host_only_after_one_at_each();
	the_better_come_first();
	all_segments_have_the_same_hosts_in_turn();
	who_is_dropped_is_replaced_from_another_network();
	what_a_segment_has_besides_counts();
	room_is_counted();
	rents_near_the_limit_rank();
	return CHECK_EXIT();
}
