#include "node/net/door.h"

#include "tests/check.h"

#include <string.h>

#define MAX 200
#define NOW 1000000
#define OLD (NOW - 500000)

static struct door_row rows[MAX];
static unsigned n;

/* Every one at an address of its own. */
static struct wire_addr addr(unsigned i)
{
	return (struct wire_addr){
		.ip = {[10] = 0xff, 0xff, 11, 0, (uint8_t)(i >> 8), (uint8_t)i},
		.port = 6881};
}

static struct wire_addr in_private(unsigned i)
{
	struct wire_addr a = addr(i);

	a.ip[12] = 10;
	return a;
}

static void put(struct wire_addr a, enum door_use use, int64_t since_ms)
{
	rows[n++] = (struct door_row){.addr = a,
				      .use = use,
				      .came = true,
				      .since_ms = since_ms,
				      .prio = 1000 - n};
}

static void fill(unsigned count, enum door_use use, int64_t since_ms)
{
	for (n = 0; n < count;)
		put(addr(n), use, since_ms);
}

static long ask(struct wire_addr from)
{
	return door_ask(rows, n, MAX, &from, NOW);
}

static void whoever_comes_is_let_in(void)
{
	n = 0;
	CHECK(ask(addr(1)) == DOOR_OPEN, "the first");
	fill(MAX - 1, DOOR_OF_USE, OLD);
	CHECK(ask(addr(999)) == DOOR_OPEN, "the last");
}

static void those_of_use_stay(void)
{
	fill(MAX, DOOR_OF_USE, OLD);
	CHECK(ask(addr(999)) == DOOR_SHUT, "full");
	rows[7].use = DOOR_IDLE;
	rows[7].since_ms = NOW - DOOR_IDLE_MS + 1;
	CHECK(ask(addr(999)) == DOOR_SHUT, "idle for a while only");
	rows[7].since_ms--;
	CHECK(ask(addr(999)) == 7, "idle");
	rows[9].use = DOOR_IDLE;
	CHECK(ask(addr(999)) == 9, "the one with the lower priority");
	rows[12].use = DOOR_HOPED;
	rows[12].since_ms = NOW - DOOR_HOPE_MS + 1;
	CHECK(ask(addr(999)) == 9, "one that may still serve us");
	rows[12].since_ms--;
	CHECK(ask(addr(999)) == 12, "one that never does");
	CHECK(door_give_way(rows, n, NOW) == 12, "for one we go to, too");
	rows[3].use = DOOR_SILENT;
	CHECK(ask(addr(999)) == 3, "a silent one before them");
}

static void what_is_of_use(void)
{
	static const struct {
		const char *name;
		struct peer_stats st;
		enum door_use want;
	} of[] = {
		{"neither wants anything", {.ready = true}, DOOR_IDLE},
		{"it wants something", {.they_interested = true}, DOOR_OF_USE},
		{"it says so, and asks for nothing",
		 {.they_interested = true, .mute = true},
		 DOOR_IDLE},
		{"it chokes us",
		 {.am_interested = true, .they_choke = true},
		 DOOR_HOPED},
		{"it owes us blocks",
		 {.am_interested = true, .requests_out = 3},
		 DOOR_OF_USE},
		{"for too long",
		 {.am_interested = true, .requests_out = 3, .snubbed = true},
		 DOOR_HOPED},
		{"it serves us",
		 {.am_interested = true, .they_choke = true, .rate_in = 1},
		 DOOR_OF_USE},
	};

	for (size_t i = 0; i < ROWS(of); i++)
		CHECK(door_use_of(&of[i].st) == of[i].want, "%s", of[i].name);
}

static void the_silent_take_a_third(void)
{
	fill(MAX / 3 - 1, DOOR_SILENT, OLD);
	CHECK(ask(addr(999)) == DOOR_OPEN, "one less");
	put(addr(998), DOOR_SILENT, OLD);
	rows[5].since_ms = OLD - 1;
	CHECK(ask(addr(999)) == 5, "the oldest");
	rows[8].addr = rows[9].addr;
	rows[9].since_ms--;
	CHECK(ask(addr(999)) == 9, "of whom has most of them");
}

static void one_address_does_not_take_it_all(void)
{
	n = 0;
	for (unsigned i = 0; i < DOOR_ADDR_SILENT; i++)
		put(addr(1), DOOR_SILENT, OLD);
	CHECK(ask(addr(1)) == DOOR_SHUT, "silent ones");
	CHECK(ask(addr(2)) == DOOR_OPEN, "another address");
	n--;
	CHECK(ask(addr(1)) == DOOR_OPEN, "one less");
	for (n = 0; n < MAX / 8;)
		put(addr(1), DOOR_OF_USE, OLD);
	CHECK(ask(addr(1)) == DOOR_SHUT, "and those that are of use");
	rows[0].came = false;
	CHECK(ask(addr(1)) == DOOR_OPEN, "we went to one of them");
	for (n = 0; n < MAX / 8;)
		put(in_private(1), DOOR_OF_USE, OLD);
	CHECK(ask(in_private(1)) == DOOR_OPEN, "in the own network");
}

static void an_ipv6_host_is_its_network(void)
{
	struct wire_addr a = {.ip = {0x20, 1, 2, 3, 4, 5, 6, 7}, .port = 1};

	n = 0;
	for (unsigned i = 0; i < DOOR_ADDR_SILENT; i++) {
		a.ip[15] = (uint8_t)i;
		put(a, DOOR_SILENT, OLD);
	}
	a.ip[15] = 99;
	CHECK(ask(a) == DOOR_SHUT, "one /64");
	a.ip[7] = 8;
	CHECK(ask(a) == DOOR_OPEN, "another");
}

static void many_connections_have_a_bound_of_their_own(void)
{
	static struct door_row many[5000];
	struct wire_addr from = addr(9999);

	for (unsigned i = 0; i < ROWS(many); i++)
		many[i] = (struct door_row){.addr = addr(i),
					    .use = i % 2 ? DOOR_OF_USE
							 : DOOR_SILENT,
					    .came = true,
					    .since_ms = OLD + i};
	CHECK(door_ask(many, 2 * DOOR_SILENT_MOST - 2, 10000, &from, NOW) ==
		      DOOR_OPEN,
	      "one less");
	CHECK(door_ask(many, 2 * DOOR_SILENT_MOST, 10000, &from, NOW) == 0,
	      "the oldest gives way");
	CHECK(door_ask(many, ROWS(many), 10000, &from, NOW) == 0,
	      "however many there are");
}

static void few_connections_have_room_too(void)
{
	struct wire_addr from = addr(999);

	fill(DOOR_SILENT_LEAST - 1, DOOR_SILENT, NOW);
	CHECK(door_ask(rows, n, 10, &from, NOW) == DOOR_OPEN, "eight of ten");
	put(addr(50), DOOR_SILENT, NOW);
	CHECK(door_ask(rows, n, 10, &from, NOW) == 0, "nine");
}

int main(void)
{
	whoever_comes_is_let_in();
	those_of_use_stay();
	what_is_of_use();
	the_silent_take_a_third();
	one_address_does_not_take_it_all();
	an_ipv6_host_is_its_network();
	few_connections_have_room_too();
	many_connections_have_a_bound_of_their_own();
	return CHECK_EXIT();
}
