/* Sellers of bad data, alone or among honest ones: banned at the first block
 * that is proved false, never paid again, not after a restart either. Who is to
 * blame in a v1 piece is the wire's to find (tests/wire); here it has found. */
#include "tests/ledger/scratch.h"
#include "tests/sim/expect.h"
#include "tests/sim/sim.h"

#define MIB (UINT64_C(1) << 20)

static const struct sim_node_config seller_cfg = {
	.sell = true, .floor = 1024, .trust_start = 100};

static struct amount taken(struct sim_node *seller)
{
	struct book_totals t;

	MUST(book_totals(sim_book(seller), &t, NULL));
	return t.promised;
}

static void alone(void)
{
	struct scratch dir;
	const char *path;
	struct sim *sim = sim_new();
	struct sim_node_config bc = {.balance = 1000};
	const struct sim_link_config bad = {.bad_every = 200};
	struct sim_node *seller = sim_node(sim, &seller_cfg), *buyer;
	struct amount lost, arrived;
	struct sim_link *l;
	unsigned sent;

	scratch_make(&dir);
	path = scratch_path(&dir, "book.db");
	bc.path = path;
	buyer = sim_node(sim, &bc);
	l = sim_connect(sim, buyer, sim_job(buyer, 1, 1024, 100), seller, &bad);
	sim_run(sim, 10000);
	lost = taken(seller);
	EXPECT(amount_mul_div(&arrived, NULL, sim_tokens(1024), sim_got_paid(l),
			      0, PAY_GIB),
	       "cost");
	EXPECT(amount_cmp(lost, amount_add_cap(arrived, sim_tokens(8))) <= 0,
	       "more than a step ahead");
	sent = sim_events(buyer, PAY_EV_SENT);
	EXPECT(sent > 0, "never tried");
	for (int i = 0; i < 3; i++) {
		if (i == 2)
			sim_restart(buyer, path);
		(void)sim_connect(sim, buyer,
				  sim_job(buyer, (uint8_t)(2 + i), 1024, 100),
				  seller, &bad);
		sim_run(sim, 700000);
	}
	EXPECT(amount_cmp(taken(seller), lost) == 0 &&
		       sim_events(buyer, PAY_EV_SENT) == sent,
	       "it was paid, or shown a receipt, again");
	sim_check_books(sim);
	sim_free(sim);
	scratch_remove(&dir);
}

static void among_honest_ones(void)
{
	struct sim *sim = sim_new();
	const struct sim_node_config bc = {.balance = 1000};
	struct sim_node *buyer = sim_node(sim, &bc);
	struct pay_job *job = sim_job(buyer, 1, 1024, 500);
	const struct sim_link_config bad = {.bad_every = 40};
	struct sim_node *liar = sim_node(sim, &seller_cfg), *honest[2];
	struct sim_link *l[2], *lb;
	struct amount at_ban;

	lb = sim_connect(sim, buyer, job, liar, &bad);
	for (int i = 0; i < 2; i++) {
		honest[i] = sim_node(sim, &seller_cfg);
		l[i] = sim_connect(sim, buyer, job, honest[i], NULL);
	}
	sim_run(sim, 5000);
	EXPECT(sim_link_closed(lb), "not found out");
	at_ban = taken(liar);
	sim_run(sim, 10000);
	EXPECT(amount_cmp(taken(liar), at_ban) == 0, "paid after the ban");
	EXPECT(sim_got_paid(l[0]) > 20 * MIB && sim_got_paid(l[1]) > 20 * MIB,
	       "the honest ones suffer");
	sim_check_books(sim);
	sim_free(sim);
}

int main(void)
{
	alone();
	among_honest_ones();
	return EXPECT_EXIT();
}
