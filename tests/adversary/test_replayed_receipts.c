/* Receipts that are true, but not new. What was cashed is public on the chain,
 * so anyone can bring it: that gains no byte. One below the kept receipt brings
 * the kept one back, a few times, then the connection ends. */
#include "tests/sim/expect.h"
#include "tests/sim/sim.h"

#define MIB (UINT64_C(1) << 20)

static const struct sim_node_config seller_cfg = {
	.sell = true, .floor = 1024, .trust_start = 100};
static const uint8_t home[4] = {192, 0, 2, 1}, away[4] = {198, 51, 100, 1};

struct scene {
	struct sim *sim;
	struct sim_node *seller;
	struct address payer;
	struct sim_raw *owner;
};

/* The owner has paid 8 tokens (8 MiB) and was served 2 MiB of it. */
static struct scene set_up(void)
{
	struct scene s = {.sim = sim_new(), .payer = sim_address(1000)};

	s.seller = sim_node(s.sim, &seller_cfg);
	sim_deposit(s.sim, &s.payer, sim_tokens(50));
	s.owner = sim_raw(s.sim, s.seller, PAY_SELL, NULL, home);
	EXPECT(sim_raw_agree(s.owner, sim_tokens(1024)), "terms");
	for (uint64_t i = 1; i <= 8; i++) {
		EXPECT(sim_raw_pay(s.owner, &s.payer, sim_tokens(i),
				   AMOUNT_ZERO),
		       "receipt");
		sim_run(s.sim, 500);
	}
	EXPECT(sim_raw_pull(s.owner, 2 * MIB) == 2 * MIB, "owner not served");
	return s;
}

static void a_stranger_brings_the_newest(void)
{
	struct scene s = set_up();
	struct sim_raw *thief = sim_raw(s.sim, s.seller, PAY_SELL, NULL, away);

	EXPECT(sim_raw_agree(thief, sim_tokens(9999)), "terms");
	EXPECT(sim_raw_pay(thief, &s.payer, sim_tokens(8), AMOUNT_ZERO),
	       "closed");
	sim_run(s.sim, 1000);
	EXPECT(pay_rank(sim_raw_session(thief)) == 0, "it has a rank");
	EXPECT(sim_raw_pull(thief, MIB) == 0, "served on another's money");
	EXPECT(sim_raw_pull(s.owner, 8 * MIB) == 6 * MIB,
	       "the owner's money is gone");
	sim_check_books(s.sim);
	sim_free(s.sim);
}

/* It cannot spoil the owner's count either. */
static void a_stranger_claims_that_all_was_served(void)
{
	struct scene s = set_up();
	struct sim_raw *thief = sim_raw(s.sim, s.seller, PAY_SELL, NULL, away);

	EXPECT(sim_raw_agree(thief, sim_tokens(1024)), "terms");
	EXPECT(sim_raw_pay(thief, &s.payer, sim_tokens(8), sim_tokens(8)),
	       "closed");
	sim_run(s.sim, 1000);
	EXPECT(sim_raw_pull(s.owner, 8 * MIB) == 6 * MIB,
	       "the owner's money is gone");
	sim_free(s.sim);
}

static void sinking_receipts_end_the_connection(void)
{
	struct scene s = set_up();
	struct sim_raw *r = sim_raw(s.sim, s.seller, PAY_SELL, NULL, away);
	struct pay_msg m;
	unsigned n = 0;

	EXPECT(sim_raw_agree(r, sim_tokens(1024)), "terms");
	while (n < 20 &&
	       sim_raw_pay(r, &s.payer, sim_tokens(7 - n % 3), AMOUNT_ZERO)) {
		EXPECT(sim_raw_take(r, PAY_MSG_HELD, &m) &&
			       amount_cmp(m.u.held.amount, sim_tokens(8)) == 0,
		       "the kept one did not come back");
		n++;
	}
	EXPECT(n == 3, "%u sinking receipts were answered", n);
	EXPECT(sim_raw_pull(r, MIB) == 0, "served");
	sim_check_books(s.sim);
	sim_free(s.sim);
}

/* The owner itself, on a second connection, with a receipt that is new. */
static void the_owner_is_served_wherever_it_is(void)
{
	struct scene s = set_up();
	struct sim_raw *r = sim_raw(s.sim, s.seller, PAY_SELL, NULL, away);

	EXPECT(sim_raw_agree(r, sim_tokens(1024)), "terms");
	EXPECT(sim_raw_pay(r, &s.payer, sim_tokens(9), AMOUNT_ZERO), "pay");
	sim_run(s.sim, 1000);
	EXPECT(sim_raw_pull(r, 8 * MIB) == 7 * MIB, "one debt, two doors");
	EXPECT(sim_raw_pull(s.owner, MIB) == 0, "served twice");
	sim_check_books(s.sim);
	sim_free(s.sim);
}

int main(void)
{
	a_stranger_brings_the_newest();
	a_stranger_claims_that_all_was_served();
	sinking_receipts_end_the_connection();
	the_owner_is_served_wherever_it_is();
	return EXPECT_EXIT();
}
