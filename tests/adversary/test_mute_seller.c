/* Sellers that take a step and serve nothing, one or fifty of them, gone at
 * once or there for good. Each gets one step at most, once; all together a
 * part of the budget that is known before. */
#include "tests/sim/expect.h"
#include "tests/sim/sim.h"

#define MIB (UINT64_C(1) << 20)
#define MUTES 50

static const struct sim_node_config seller_cfg = {
	.sell = true, .floor = 1024, .trust_start = 100};
static const struct sim_node_config buyer_cfg = {.balance = 100000};

/* at 1024 tokens a GiB a step of 256 KiB is a quarter token */
static struct amount quarters(uint64_t n)
{
	struct amount a;

	if (!amount_mul_div(&a, NULL, sim_tokens(n), 1, 0, 4))
		abort();
	return a;
}

static struct amount taken(struct sim_node *seller)
{
	struct book_totals t;

	MUST(book_totals(sim_book(seller), &t, NULL));
	return t.promised;
}

/* A percent of 1000 tokens is forty steps: so many sellers are tried four at a
 * time, the ten after them one at a time, each for PAY_STALL_MS, 20 s, and then
 * some: 220 s and 200 s. The honest one earns all the while, up to its exposure
 * limit: the 100 tokens of trust_start, which buy 100 MiB. */
static void one_step_each(void)
{
	struct sim *sim = sim_new();
	struct sim_node *buyer = sim_node(sim, &buyer_cfg), *mute[MUTES];
	struct pay_job *job = sim_job(buyer, 1, 1024, 1000);
	const struct sim_link_config silent = {.mute = true};
	struct sim_node *honest = sim_node(sim, &seller_cfg);
	struct amount lost = AMOUNT_ZERO;
	struct sim_link *l;
	unsigned paid = 0;

	for (int i = 0; i < MUTES; i++) {
		mute[i] = sim_node(sim, &seller_cfg);
		(void)sim_connect(sim, buyer, job, mute[i], &silent);
	}
	l = sim_connect(sim, buyer, job, honest, NULL);
	sim_run(sim, 5000);
	for (int i = 0; i < MUTES; i++)
		paid += !amount_is_zero(taken(mute[i]));
	EXPECT(paid <= 4, "%u unknown sellers are paid at a time", paid);
	sim_run(sim, 245000); /* ten times four, and two */
	EXPECT(sim_events(buyer, PAY_EV_SELLER_DROPPED) == 42,
	       "%u were dropped after 250 s",
	       sim_events(buyer, PAY_EV_SELLER_DROPPED));
	sim_run(sim, 180000);
	for (int i = 0; i < MUTES; i++) {
		EXPECT(amount_cmp(taken(mute[i]), quarters(1)) <= 0,
		       "seller %d took more than a step", i);
		lost = amount_add_cap(lost, taken(mute[i]));
	}
	EXPECT(amount_cmp(lost, quarters(MUTES)) <= 0, "lost more");
	EXPECT(sim_events(buyer, PAY_EV_SELLER_DROPPED) == MUTES,
	       "%u were dropped", sim_events(buyer, PAY_EV_SELLER_DROPPED));
	EXPECT(sim_got_paid(l) == 100 * MIB, "the honest one was paid %llu KiB",
	       (unsigned long long)(sim_got_paid(l) / 1024));
	sim_check_books(sim);
	sim_free(sim);
}

/* A budget of 10 tokens: a percent is less than a step, so one seller at a
 * time, and no new one once a tenth is lost. */
static void a_small_budget_loses_a_tenth(void)
{
	struct sim *sim = sim_new();
	struct sim_node *buyer = sim_node(sim, &buyer_cfg), *mute[MUTES];
	struct pay_job *job = sim_job(buyer, 1, 1024, 10);
	const struct sim_link_config silent = {.mute = true};
	struct amount lost = AMOUNT_ZERO;
	unsigned paid = 0;

	for (int i = 0; i < MUTES; i++) {
		mute[i] = sim_node(sim, &seller_cfg);
		(void)sim_connect(sim, buyer, job, mute[i], &silent);
	}
	sim_run(sim, 5000);
	for (int i = 0; i < MUTES; i++)
		paid += !amount_is_zero(taken(mute[i]));
	EXPECT(paid == 1, "%u at a time", paid);
	sim_run(sim, 300000);
	for (int i = 0; i < MUTES; i++)
		lost = amount_add_cap(lost, taken(mute[i]));
	EXPECT(amount_cmp(lost, amount_add_cap(sim_tokens(1), quarters(1))) <=
		       0,
	       "lost more than a tenth and a step");
	sim_check_books(sim);
	sim_free(sim);
}

/* It takes a step, hangs up, comes back, a hundred times. */
static void coming_back_brings_no_second_step(void)
{
	struct sim *sim = sim_new();
	struct sim_node *buyer = sim_node(sim, &buyer_cfg);
	struct sim_node *mute = sim_node(sim, &seller_cfg);
	struct pay_job *job = sim_job(buyer, 1, 1024, 1000);
	const struct sim_link_config silent = {.mute = true};

	for (int i = 0; i < 100; i++) {
		struct sim_link *l =
			sim_connect(sim, buyer, job, mute, &silent);

		sim_run(sim, 1000 + 700 * (i % 5));
		sim_disconnect(l);
		if (i % 10 == 0)
			sim_run(sim, 700000);
	}
	/* and a unit a connection, which makes a receipt a new one */
	EXPECT(amount_cmp(taken(mute),
			  amount_add_cap(quarters(1), amount_from_u64(100))) <=
		       0,
	       "more than a step in all");
	EXPECT(!amount_is_zero(taken(mute)), "nothing was tried");
	sim_check_books(sim);
	sim_free(sim);
}

/* It cashes each receipt at once; that makes no room for the next. */
static void cashing_brings_no_second_step(void)
{
	struct sim *sim = sim_new();
	struct sim_node *buyer = sim_node(sim, &buyer_cfg);
	struct sim_node *mute = sim_node(sim, &seller_cfg);
	struct pay_job *job = sim_job(buyer, 1, 1024, 1000);
	const struct sim_link_config silent = {.mute = true};
	struct amount cashed = AMOUNT_ZERO;

	for (int i = 0; i < 50; i++) {
		struct sim_link *l =
			sim_connect(sim, buyer, job, mute, &silent);

		sim_run(sim, 3000);
		cashed = amount_add_cap(cashed, sim_cash(sim, mute));
		sim_run(sim, 15000);
		sim_disconnect(l);
		if (i % 10 == 0)
			sim_run(sim, 700000);
	}
	EXPECT(amount_cmp(cashed, amount_add_cap(quarters(1),
						 amount_from_u64(50))) <= 0,
	       "more than a step was cashed");
	sim_check_books(sim);
	sim_free(sim);
}

/* It served well, and stops: then the last step is lost, no more. */
static void a_seller_with_history_takes_one_step(void)
{
	struct sim *sim = sim_new();
	struct sim_node *buyer = sim_node(sim, &buyer_cfg);
	struct sim_node *seller = sim_node(sim, &seller_cfg);
	struct pay_job *job = sim_job(buyer, 1, 1024, 1000);
	struct sim_link_config cfg = {.want = 0};
	struct sim_link *l = sim_connect(sim, buyer, job, seller, &cfg);
	struct amount served, before;

	sim_run(sim, 10000);
	sim_mute(l, true);
	sim_run(sim, 1000); /* what was on its way */
	EXPECT(amount_mul_div(&served, NULL, sim_tokens(1024), sim_got_paid(l),
			      0, PAY_GIB),
	       "cost");
	sim_run(sim, 120000);
	before = taken(seller);
	EXPECT(amount_cmp(before, amount_add_cap(served, sim_tokens(8))) <= 0,
	       "more than 8 MiB ahead");
	EXPECT(sim_events(buyer, PAY_EV_SELLER_DROPPED) == 1, "not dropped");
	sim_check_books(sim);
	sim_free(sim);
}

int main(void)
{
	one_step_each();
	a_small_budget_loses_a_tenth();
	coming_back_brings_no_second_step();
	cashing_brings_no_second_step();
	a_seller_with_history_takes_one_step();
	return EXPECT_EXIT();
}
