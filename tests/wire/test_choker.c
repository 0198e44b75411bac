#include "wire/swarm/choker.h"

#include "tests/check.h"

#include <string.h>

#define PEERS 8
#define NEVER INT64_MIN
/* interested, without a slot */
#define IN(rank, rate_in) \
	{ \
		rank, rate_in, true, false, PEER_SLOT_NONE, 0, false \
	}

struct in {
	uint64_t rank;
	uint32_t rate_in;
	bool interested, snubbed;
	enum peer_slot slot;
	int64_t since_ms;
	bool optimistic;
};

static void fill(struct choker_row *rows, const struct in *in)
{
	memset(rows, 0, PEERS * sizeof(*rows));
	for (unsigned i = 0; i < PEERS; i++) {
		rows[i].rank = in[i].rank;
		rows[i].rate_in = in[i].rate_in;
		rows[i].interested = in[i].interested;
		rows[i].snubbed = in[i].snubbed;
		rows[i].optimistic = in[i].optimistic;
		rows[i].slot = in[i].slot;
		rows[i].since_ms = in[i].since_ms ? in[i].since_ms : NEVER;
	}
}

/* want: one letter a peer; R rank slot, F free slot, - none, * either F or -
 * (the optimistic slot goes by chance); n_free counts all free slots given. */
static void slots_go_where_they_should(void)
{
	static const struct {
		const char *name;
		struct choker_cfg cfg;
		struct in in[PEERS];
		const char *want;
		unsigned n_rank, n_free;
	} rows[] = {
		{"nobody interested",
		 {CHOKER_ROUND, 4, 1, false, false, 0},
		 {{.rank = 5}, {.rate_in = 100}},
		 "--------",
		 0,
		 0},
		{"rank first, a free slot kept",
		 {CHOKER_ROUND, 4, 1, false, false, 0},
		 {IN(10, 0), IN(20, 0), IN(30, 0), IN(40, 0), IN(0, 0)},
		 "*RRR****",
		 3,
		 1},
		{"tit-for-tat by what they send us",
		 {CHOKER_ROUND, 3, 1, false, false, 0},
		 {IN(0, 10), IN(0, 30), IN(0, 20), IN(0, 5)},
		 "*FF*----",
		 0,
		 3},
		{"no ranks: all slots are free ones",
		 {CHOKER_ROUND, 4, 1, false, false, 0},
		 {IN(0, 1), IN(0, 2), IN(0, 3), IN(0, 4)},
		 "FFFF----",
		 0,
		 4},
		{"no others: ranks get the free slots too",
		 {CHOKER_ROUND, 3, 1, false, false, 0},
		 {IN(1, 0), IN(2, 0), IN(3, 0)},
		 "RRR-----",
		 3,
		 0},
		{"a rank that got no slot competes for the free ones",
		 {CHOKER_ROUND, 3, 2, false, false, 0},
		 {IN(9, 0), IN(1, 99), IN(0, 50), IN(0, 40)},
		 "RF**----",
		 1,
		 2},
		{"a snubbed peer gets at most the optimistic slot",
		 {CHOKER_ROUND, 2, 1, false, false, 0},
		 {{0, 99, true, true, PEER_SLOT_NONE, 0, false},
		  IN(0, 1),
		  IN(0, 2)},
		 "**F-----",
		 0,
		 2},
		{"seeding: turns of 30 s go on",
		 {CHOKER_ROUND, 2, 1, true, false, 100000},
		 {{0, 0, true, false, PEER_SLOT_FREE, 90000, false},
		  {0, 0, true, false, PEER_SLOT_NONE, 1000, false}},
		 "FF------",
		 0,
		 2},
		{"seeding: a turn that is over goes to who waits longest",
		 {CHOKER_ROUND, 2, 1, true, false, 100000},
		 {{0, 0, true, false, PEER_SLOT_FREE, 60000, false},
		  {0, 0, true, false, PEER_SLOT_NONE, 50000, false},
		  {0, 0, true, false, PEER_SLOT_NONE, 20000, false}},
		 "**F-----",
		 0,
		 2},
		{"filling keeps who is in, whoever sends more",
		 {CHOKER_FILL, 3, 1, false, false, 0},
		 {{0, 1, true, false, PEER_SLOT_FREE, 5, false},
		  {0, 2, true, false, PEER_SLOT_FREE, 5, false},
		  {0, 99, true, false, PEER_SLOT_NONE, 5, false},
		  {0, 98, true, false, PEER_SLOT_NONE, 5, false}},
		 "FF**----",
		 0,
		 3},
		{"filling keeps the optimistic one and the others",
		 {CHOKER_FILL, 3, 1, false, false, 0},
		 {{0, 90, true, false, PEER_SLOT_FREE, 5, true},
		  {0, 2, true, false, PEER_SLOT_FREE, 5, false},
		  {0, 1, true, false, PEER_SLOT_FREE, 5, false},
		  {0, 98, true, false, PEER_SLOT_NONE, 5, false},
		  {0, 97, true, false, PEER_SLOT_NONE, 5, false}},
		 "FFF-----",
		 0,
		 3},
		{"filling lets a higher rank in at once",
		 {CHOKER_FILL, 2, 1, false, false, 0},
		 {{5, 0, true, false, PEER_SLOT_RANK, 5, false},
		  {6, 0, true, false, PEER_SLOT_NONE, 5, false},
		  {0, 1, true, false, PEER_SLOT_FREE, 5, false}},
		 "*R*-----",
		 1,
		 1},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct choker_row table[PEERS];
		struct rng rng = rng_seeded(i);
		unsigned ranks = 0, frees = 0;

		fill(table, rows[i].in);
		choker_run(table, PEERS, &rows[i].cfg, &rng);
		for (unsigned j = 0; j < PEERS; j++) {
			char want = rows[i].want[j];
			char got = "-FR"[table[j].slot];

			CHECK(want == got || (want == '*' && got != 'R'),
			      "%s: peer %u got %c", rows[i].name, j, got);
			ranks += got == 'R';
			frees += got == 'F';
		}
		CHECK(ranks == rows[i].n_rank && frees == rows[i].n_free,
		      "%s: %u by rank, %u free", rows[i].name, ranks, frees);
	}
}

static void the_optimistic_slot_goes_round(void)
{
	struct in in[PEERS] = {IN(0, 99), IN(0, 98)};
	struct choker_row table[PEERS];
	struct rng rng = rng_seeded(1);
	struct choker_cfg cfg = {CHOKER_ROUND, 3, 1, false, true, 0};
	bool seen[PEERS] = {0};
	unsigned changes = 0, before = PEERS;

	for (unsigned i = 2; i < PEERS; i++)
		in[i] = (struct in){.interested = true};
	fill(table, in);
	for (unsigned round = 0; round < 60; round++) {
		unsigned at = PEERS;

		cfg.rotate = round % 3 == 0;
		choker_run(table, PEERS, &cfg, &rng);
		for (unsigned i = 0; i < PEERS; i++)
			if (table[i].optimistic)
				at = i;
		CHECK(at >= 2 && at < PEERS, "round %u: peer %u", round, at);
		if (at == PEERS)
			return;
		CHECK(cfg.rotate || at == before, "round %u: changed", round);
		changes += at != before;
		before = at;
		seen[at] = true;
	}
	CHECK(changes == 20, "%u changes", changes);
	for (unsigned i = 2; i < PEERS; i++)
		CHECK(seen[i], "peer %u never", i);
}

int main(void)
{
	slots_go_where_they_should();
	the_optimistic_slot_goes_round();
	return CHECK_EXIT();
}
