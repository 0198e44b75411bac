/* Honest nodes in bad weather: connections break, nodes are killed and started
 * again on their own books, the chain goes away, receipts are cashed, prices
 * change, disks refuse; for hours of fake time, with several seeds. At no
 * moment is a rule broken (sim.c), the books stay sound, nobody loses more than
 * breaking connections explain, and when the weather clears everyone is served
 * for pay again. */
#include "base/rng.h"
#include "tests/sim/expect.h"
#include "tests/sim/sim.h"

#include <string.h>
#include <unistd.h>

#define MIB (UINT64_C(1) << 20)
#define SELLERS 2
#define BUYERS 3
#define NODES (SELLERS + BUYERS)

struct town {
	struct sim *sim;
	struct sim_node *node[NODES];
	char dir[NODES][40], path[NODES][64];
	struct pay_job *job[BUYERS];
	struct sim_link *link[BUYERS][SELLERS];
	uint64_t got[BUYERS]; /* paid bytes on links that are gone */
	unsigned broken, price;
};

static void connect(struct town *t, int b, int s)
{
	struct sim_link_config cfg = {.rate = 2 * MIB};

	t->link[b][s] = sim_connect(t->sim, t->node[SELLERS + b], t->job[b],
				    t->node[s], &cfg);
}

static void cut(struct town *t, int b, int s)
{
	if (!t->link[b][s])
		return;
	EXPECT(!sim_link_closed(t->link[b][s]), "honest peers fell out");
	t->got[b] += sim_got_paid(t->link[b][s]);
	sim_disconnect(t->link[b][s]);
	t->link[b][s] = NULL;
	t->broken++;
}

static void open_town(struct town *t)
{
	const struct sim_node_config sc = {.sell = true,
					   .floor = 1024,
					   .trust_start = 300,
					   .paid_slots = 3};
	const struct sim_node_config bc = {.balance = 1000000};

	memset(t, 0, sizeof(*t));
	t->sim = sim_new();
	t->price = 1024;
	for (int i = 0; i < NODES; i++) {
		struct sim_node_config cfg = i < SELLERS ? sc : bc;

		(void)snprintf(t->dir[i], sizeof(t->dir[i]),
			       "/tmp/seedbank-days-XXXXXX");
		if (!mkdtemp(t->dir[i]))
			abort();
		(void)snprintf(t->path[i], sizeof(t->path[i]), "%s/b",
			       t->dir[i]);
		cfg.path = t->path[i];
		t->node[i] = sim_node(t->sim, &cfg);
	}
	for (int b = 0; b < BUYERS; b++) {
		t->job[b] = sim_job(t->node[SELLERS + b], 1, 1800, 900000);
		for (int s = 0; s < SELLERS; s++)
			connect(t, b, s);
	}
}

static void kill_node(struct town *t, int i)
{
	for (int b = 0; b < BUYERS; b++)
		for (int s = 0; s < SELLERS; s++)
			if (i == s || i == SELLERS + b)
				cut(t, b, s);
	sim_restart(t->node[i], t->path[i]);
	if (i < SELLERS)
		pay_set_floor(sim_pay(t->node[i]), sim_tokens(t->price));
	else
		t->job[i - SELLERS] = sim_job(t->node[i], 1, 1800, 900000);
}

static void weather(struct town *t, struct rng *rng)
{
	int b = (int)rng_below(rng, BUYERS), s = (int)rng_below(rng, SELLERS);
	struct sim_node *n = t->node[rng_below(rng, NODES)];

	switch (rng_below(rng, 12)) {
	case 0:
	case 1:
	case 2:
		cut(t, b, s);
		break;
	case 3:
		kill_node(t, (int)rng_below(rng, NODES));
		break;
	case 4:
		sim_chain_reachable(t->sim, rng_below(rng, 2));
		break;
	case 5:
	case 6:
		(void)sim_cash(t->sim, t->node[s]);
		break;
	case 7:
		t->price = 800 + rng_below(rng, 1000);
		for (int i = 0; i < SELLERS; i++)
			pay_set_floor(sim_pay(t->node[i]),
				      sim_tokens(t->price));
		break;
	case 8:
		sim_fail_commits(n, true);
		break;
	default: /* allowed: a number, not an enum */
		for (int i = 0; i < NODES; i++)
			sim_fail_commits(t->node[i], false);
		if (!t->link[b][s])
			connect(t, b, s);
		break;
	}
}

static void clear_up(struct town *t)
{
	sim_chain_reachable(t->sim, true);
	for (int i = 0; i < NODES; i++)
		sim_fail_commits(t->node[i], false);
	sim_run(t->sim, 1000);
	for (int s = 0; s < SELLERS; s++)
		(void)sim_cash(t->sim, t->node[s]);
	for (int b = 0; b < BUYERS; b++)
		for (int s = 0; s < SELLERS; s++)
			if (!t->link[b][s])
				connect(t, b, s);
}

static uint64_t paid_bytes(const struct town *t, int b)
{
	uint64_t sum = t->got[b];

	for (int s = 0; s < SELLERS; s++)
		if (t->link[b][s])
			sum += sim_got_paid(t->link[b][s]);
	return sum;
}

/* What was promised against what arrived: not above the highest price, but for
 * what is ahead and what broken connections swallowed. */
static void fair(struct town *t, int b)
{
	struct book_totals totals;
	struct amount most;
	uint64_t bytes = paid_bytes(t, b);

	MUST(book_totals(sim_book(t->node[SELLERS + b]), &totals, NULL));
	bytes += SELLERS * PAY_STEP_MAX + t->broken * MIB / 2;
	if (!amount_mul_div(&most, NULL, sim_tokens(1800), bytes, 0, PAY_GIB))
		abort();
	EXPECT(amount_cmp(totals.spent, most) <= 0,
	       "buyer %d promised far more than arrived", b);
}

static void close_town(struct town *t)
{
	static const char *const tails[] = {"", "-wal", "-shm"};
	char path[80];

	sim_check_books(t->sim);
	sim_free(t->sim);
	for (int i = 0; i < NODES; i++) {
		for (size_t k = 0; k < ROWS(tails); k++) {
			(void)snprintf(path, sizeof(path), "%s%s", t->path[i],
				       tails[k]);
			(void)unlink(path);
		}
		(void)rmdir(t->dir[i]);
	}
}

static void live_through(uint64_t seed)
{
	struct rng rng = rng_seeded(seed);
	struct town t;
	uint64_t before[BUYERS];

	open_town(&t);
	for (int i = 0; i < 120; i++) {
		sim_run(t.sim, 100 + rng_below(&rng, 4000));
		weather(&t, &rng);
	}
	clear_up(&t);
	sim_run(t.sim, 700000); /* whoever was dropped is forgiven by then */
	for (int s = 0; s < SELLERS; s++)
		(void)sim_cash(t.sim, t.node[s]);
	for (int b = 0; b < BUYERS; b++)
		before[b] = paid_bytes(&t, b);
	sim_run(t.sim, 60000);
	for (int b = 0; b < BUYERS; b++) {
		EXPECT(paid_bytes(&t, b) > before[b] + 16 * MIB,
		       "seed %llu: buyer %d is served no more for pay",
		       (unsigned long long)seed, b);
		fair(&t, b);
	}
	close_town(&t);
}

int main(void)
{
	for (uint64_t seed = 1; seed <= 2; seed++)
		live_through(seed);
	return EXPECT_EXIT();
}
