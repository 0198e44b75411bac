/* A seedbank that neither pays nor is paid, in swarms with others: with plain
 * clients (four slots by what they get, no sb_pay), with free riders, with
 * payers who buy the seeder's rank slots, with the fast and the slow. It must
 * get the file no later than plain clients with the same line. */
#include "tests/wire/sim.h"

#define KB 1000U
#define PIECES 48U
#define PIECE_LEN (4 * PICKER_BLOCK)
#define MOST_MS 600000

static struct sim sim;

enum kind { SEED, PLAIN, OURS, RIDER, PAYER, KINDS };

struct party {
	enum kind kind;
	unsigned count;
	uint32_t up; /* bytes a second */
};

#define PARTIES 6

static enum kind kinds[SIM_NODES];
static uint32_t ups[SIM_NODES];
static int64_t done_ms[SIM_NODES];

static void add(enum kind kind, uint32_t up)
{
	struct sim_node *n;

	sim.plain = kind != OURS && kind != PAYER && kind != SEED;
	sim.slots = sim.plain ? 4 : 0;
	n = sim_add(&sim, kind == SEED);
	rate_set_limit(n->rate, RATE_UP, up);
	if (kind == RIDER)
		swarm_set_upload(n->s, sim.now, false);
	kinds[n->index] = kind;
	ups[n->index] = up;
	done_ms[n->index] = -1;
}

/* The seeder's side of a connection to a payer has a rank. */
static void rank_payers(void)
{
	for (unsigned c = 0; c < sim.n_conns; c++) {
		for (unsigned side = 0; side < 2; side++) {
			struct sim_end *end = &sim.ends[c][side];
			const struct sim_node *other =
				sim.ends[c][1 - side].node;

			if (end->p && kinds[end->node->index] == SEED &&
			    kinds[other->index] == PAYER)
				swarm_peer_set_rank(end->p, sim.now, 100);
		}
	}
}

static void connect_all(void)
{
	for (unsigned a = 0; a < sim.n_nodes; a++)
		for (unsigned b = 0; b < a; b++)
			(void)sim_connect(&sim, &sim.nodes[a], &sim.nodes[b]);
}

static bool all_done(void)
{
	bool all = true;

	for (unsigned i = 0; i < sim.n_nodes; i++) {
		if (done_ms[i] < 0 && sim_has_all(&sim.nodes[i]))
			done_ms[i] = sim.now;
		all &= done_ms[i] >= 0 || kinds[i] == RIDER;
	}
	return all;
}

/* The mean over nodes of a kind with this line, ms since the start; riders
 * that are not done count as if they were done now. */
static int64_t mean_ms(enum kind kind, uint32_t up, int64_t from)
{
	int64_t sum = 0, n = 0;

	for (unsigned i = 0; i < sim.n_nodes; i++) {
		if (kinds[i] != kind || (up && ups[i] != up))
			continue;
		sum += (done_ms[i] >= 0 ? done_ms[i] : sim.now) - from;
		n++;
	}
	return n ? sum / n : -1;
}

static void play(const struct party *parties, uint64_t seed)
{
	sim_init(&sim, seed, PIECES, PIECE_LEN, 1000);
	for (unsigned i = 0; i < PARTIES; i++)
		for (unsigned k = 0; k < parties[i].count; k++)
			add(parties[i].kind, parties[i].up);
	connect_all();
}

static const struct {
	const char *name;
	struct party parties[PARTIES];
	uint32_t line; /* ours, and that of the plain ones it is held against */
} rows[] = {
	{"among plain clients",
	 {{SEED, 1, 300 * KB}, {PLAIN, 5, 100 * KB}, {OURS, 2, 100 * KB}},
	 100 * KB},
	{"with free riders",
	 {{SEED, 1, 300 * KB},
	  {PLAIN, 4, 100 * KB},
	  {OURS, 2, 100 * KB},
	  {RIDER, 3, 100 * KB}},
	 100 * KB},
	{"beside a payer",
	 {{SEED, 1, 300 * KB},
	  {PLAIN, 4, 100 * KB},
	  {OURS, 2, 100 * KB},
	  {PAYER, 1, 100 * KB}},
	 100 * KB},
	{"payers and free riders",
	 {{SEED, 1, 300 * KB},
	  {PLAIN, 3, 100 * KB},
	  {OURS, 2, 100 * KB},
	  {PAYER, 2, 100 * KB},
	  {RIDER, 2, 100 * KB}},
	 100 * KB},
	{"the fast and the slow",
	 {{SEED, 1, 300 * KB},
	  {PLAIN, 2, 400 * KB},
	  {PLAIN, 2, 100 * KB},
	  {PLAIN, 2, 20 * KB},
	  {OURS, 2, 100 * KB}},
	 100 * KB},
	{"slow among plain clients",
	 {{SEED, 1, 300 * KB},
	  {PLAIN, 3, 100 * KB},
	  {PLAIN, 2, 20 * KB},
	  {OURS, 2, 20 * KB}},
	 20 * KB},
};

/* Several runs, so that chance weighs less. */
#define RUNS 5

static void we_hold_our_own(void)
{
	for (size_t i = 0; i < ROWS(rows); i++) {
		int64_t ours = 0, plain = 0, riders = 0, payers = 0;

		for (uint64_t seed = 1; seed <= RUNS; seed++) {
			int64_t from;

			play(rows[i].parties, seed);
			from = sim.now;
			while (sim.now < from + MOST_MS && !all_done()) {
				sim_step(&sim);
				rank_payers();
			}
			ours += mean_ms(OURS, rows[i].line, from);
			plain += mean_ms(PLAIN, rows[i].line, from);
			riders += mean_ms(RIDER, 0, from);
			payers += mean_ms(PAYER, 0, from);
			sim_free(&sim);
		}
		(void)printf("%-26s ours %lld ms, plain %lld, riders %lld, "
			     "payers %lld\n",
			     rows[i].name, (long long)ours / RUNS,
			     (long long)plain / RUNS, (long long)riders / RUNS,
			     (long long)payers / RUNS);
		CHECK(ours <= plain + plain / 20, "%s: slower than plain ones",
		      rows[i].name);
		CHECK(riders < 0 || riders >= ours,
		      "%s: a free rider is faster", rows[i].name);
		CHECK(payers < 0 || payers <= ours, "%s: paying is slower",
		      rows[i].name);
	}
}

int main(void)
{
	we_hold_our_own();
	return CHECK_EXIT();
}
