/* A payer that stops paying: it is served what it paid for and not a block
 * more, holds the slot for seconds only, and others take its place. */
#include "tests/sim/expect.h"
#include "tests/sim/sim.h"

#define MIB (UINT64_C(1) << 20)

static const struct sim_node_config seller_cfg = {
	.sell = true, .floor = 1024, .trust_start = 100, .paid_slots = 1};
static const uint8_t ip[4] = {192, 0, 2, 1};

static void served_to_the_block(void)
{
	struct sim *sim = sim_new();
	struct sim_node *seller = sim_node(sim, &seller_cfg);
	struct address payer = sim_address(1000);
	struct sim_raw *r = sim_raw(sim, seller, PAY_SELL, NULL, ip);

	sim_deposit(sim, &payer, sim_tokens(50));
	EXPECT(sim_raw_agree(r, sim_tokens(1024)), "terms");
	/* a token buys a MiB; one unit less does not buy the last block */
	EXPECT(sim_raw_pay(r, &payer,
			   amount_sub_floor(sim_tokens(1), amount_from_u64(1)),
			   AMOUNT_ZERO),
	       "pay");
	sim_run(sim, 1000);
	EXPECT(pay_rank(sim_raw_session(r)) > 0, "paid up, and no rank");
	EXPECT(sim_raw_pull(r, 16 * MIB) == MIB - 16384, "not to the block");
	EXPECT(pay_rank(sim_raw_session(r)) > 0,
	       "no time for the next receipt");
	sim_run(sim, 4000);
	EXPECT(pay_rank(sim_raw_session(r)) == 0, "holds the slot");
	EXPECT(sim_raw_pull(r, 16 * MIB) == 0, "served for nothing");
	EXPECT(sim_raw_pay(r, &payer, sim_tokens(2), AMOUNT_ZERO), "pay again");
	sim_run(sim, 1000);
	EXPECT(pay_rank(sim_raw_session(r)) > 0, "paid again, and no rank");
	sim_check_books(sim);
	sim_free(sim);
}

/* A high bid that is not followed by money blocks nobody. */
static void bidding_alone_takes_no_slot(void)
{
	struct sim *sim = sim_new();
	struct sim_node *seller = sim_node(sim, &seller_cfg);
	struct sim_node_config bc = {.balance = 1000};
	struct sim_node *honest = sim_node(sim, &bc);
	struct sim_link *l = sim_connect(
		sim, honest, sim_job(honest, 1, 1024, 500), seller, NULL);
	struct sim_raw *r = sim_raw(sim, seller, PAY_SELL, NULL, ip);

	EXPECT(sim_raw_agree(r, sim_tokens(1000000)), "terms");
	sim_run(sim, 10000);
	EXPECT(pay_rank(sim_raw_session(r)) == 0, "a rank for words");
	EXPECT(sim_got_paid(l) > 20 * MIB, "the honest one waits: %llu",
	       (unsigned long long)sim_got_paid(l));
	sim_free(sim);
}

int main(void)
{
	served_to_the_block();
	bidding_alone_takes_no_slot();
	return EXPECT_EXIT();
}
