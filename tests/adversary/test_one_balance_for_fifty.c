/* A payer with 60 tokens promises them to fifty payees at once, or takes them
 * back before anyone cashes. No payee loses more than the trust it starts with,
 * nor counts the promises as earned. */
#include "tests/sim/expect.h"
#include "tests/sim/sim.h"

#define PAYEES 50
#define MIB (UINT64_C(1) << 20)
#define TRUST 5 /* tokens; at 1024 a GiB as many MiB */

static const struct sim_node_config seller_cfg = {
	.sell = true, .floor = 1024, .trust_start = TRUST};

/* Pays 60 tokens in steps of one, takes all it can get. */
static uint64_t milk(struct sim *sim, struct sim_node *seller,
		     const struct address *payer, uint8_t n)
{
	const uint8_t ip[4] = {10, n, 1, 1};
	struct sim_raw *r = sim_raw(sim, seller, PAY_SELL, NULL, ip);
	uint64_t got = 0;

	EXPECT(sim_raw_agree(r, sim_tokens(1024)), "terms");
	for (uint64_t i = 1; i <= 60; i++) {
		EXPECT(sim_raw_pay(r, payer, sim_tokens(i), AMOUNT_ZERO),
		       "pay");
		sim_run(sim, i == 1 ? 500 : 10);
		got += sim_raw_pull(r, 100 * MIB);
	}
	return got;
}

static void promise_and(bool withdraw)
{
	struct sim *sim = sim_new();
	struct sim_node *sellers[PAYEES];
	struct address payer = sim_address(1000);
	struct amount cashed = AMOUNT_ZERO;
	uint64_t served = 0;

	sim_deposit(sim, &payer, sim_tokens(60));
	for (uint8_t i = 0; i < PAYEES; i++) {
		uint64_t got;

		sellers[i] = sim_node(sim, &seller_cfg);
		got = milk(sim, sellers[i], &payer, i);
		EXPECT(got <= TRUST * MIB, "payee %u served %llu MiB", i,
		       (unsigned long long)(got / MIB));
		served += got;
	}
	EXPECT(served == PAYEES * TRUST * MIB, "served %llu MiB",
	       (unsigned long long)(served / MIB));
	if (withdraw)
		sim_withdraw_all(sim, &payer);
	for (uint8_t i = 0; i < PAYEES; i++) {
		struct book_totals t;

		MUST(book_totals(sim_book(sellers[i]), &t, NULL));
		EXPECT(amount_is_zero(t.final) && amount_is_zero(t.secured),
		       "promises count as earned");
		cashed = amount_add_cap(cashed, sim_cash(sim, sellers[i]));
	}
	EXPECT(amount_cmp(cashed, sim_tokens(withdraw ? 0 : 60)) == 0,
	       "more came than there was");
	sim_check_books(sim);
	sim_free(sim);
}

/* Whoever bounced once is served only within a reserve, until it made good. */
static void a_bounce_ends_trust(void)
{
	struct sim *sim = sim_new();
	struct sim_node *seller = sim_node(sim, &seller_cfg);
	struct address payer = sim_address(1000);
	const uint8_t ip[4] = {10, 9, 9, 9};
	struct sim_raw *r = sim_raw(sim, seller, PAY_SELL, NULL, ip);

	sim_deposit(sim, &payer, sim_tokens(60));
	EXPECT(sim_raw_agree(r, sim_tokens(1024)), "terms");
	EXPECT(sim_raw_pay(r, &payer, sim_tokens(2), AMOUNT_ZERO), "pay");
	sim_run(sim, 1000);
	EXPECT(sim_raw_pull(r, 8 * MIB) == 2 * MIB, "trust");
	sim_withdraw_all(sim, &payer);
	EXPECT(amount_is_zero(sim_cash(sim, seller)), "nothing was there");
	sim_deposit(sim, &payer, sim_tokens(1000));
	sim_refresh(sim, seller);
	EXPECT(sim_raw_pay(r, &payer, sim_tokens(4), AMOUNT_ZERO), "pay");
	sim_run(sim, 1000);
	EXPECT(sim_raw_pull(r, 8 * MIB) == 0, "trusted again");
	(void)sim_cash(sim, seller);
	sim_run(sim, 1000);
	EXPECT(sim_raw_pull(r, 8 * MIB) == 2 * MIB, "it made good");
	sim_check_books(sim);
	sim_free(sim);
}

/* Trust grows by a part of what came, so paying in order to cheat costs more
 * than it brings. */
static void cheating_after_paying_loses(void)
{
	struct sim *sim = sim_new();
	struct sim_node *seller = sim_node(sim, &seller_cfg);
	struct address payer = sim_address(1000);
	const uint8_t ip[4] = {10, 1, 1, 1};
	struct sim_raw *r = sim_raw(sim, seller, PAY_SELL, NULL, ip);
	uint64_t got = 0, paid = 0;

	EXPECT(sim_raw_agree(r, sim_tokens(1024)), "terms");
	sim_deposit(sim, &payer, sim_tokens(10000));
	for (uint64_t i = 1; i <= 100; i++) {
		EXPECT(sim_raw_pay(r, &payer, sim_tokens(i), AMOUNT_ZERO), "p");
		sim_run(sim, i == 1 ? 500 : 10);
		got += sim_raw_pull(r, 100 * MIB);
		if (i % 5 == 0) {
			(void)sim_cash(sim, seller);
			paid = i;
		}
	}
	EXPECT(got == 100 * MIB && paid == 100, "honest so far");
	for (uint64_t i = 101; i <= 200; i++) { /* and now it cheats */
		EXPECT(sim_raw_pay(r, &payer, sim_tokens(i), AMOUNT_ZERO), "p");
		sim_run(sim, 10);
		got += sim_raw_pull(r, 100 * MIB);
	}
	sim_withdraw_all(sim, &payer);
	EXPECT(got - 100 * MIB <= (TRUST + 25) * MIB, "gained %llu MiB",
	       (unsigned long long)((got - 100 * MIB) / MIB));
	EXPECT(got > 100 * MIB, "trust did not grow");
	sim_check_books(sim);
	sim_free(sim);
}

int main(void)
{
	promise_and(false);
	promise_and(true);
	a_bounce_ends_trust();
	cheating_after_paying_loses();
	return EXPECT_EXIT();
}
