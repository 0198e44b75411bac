/* Thousands of fresh identities, each as good as a new customer. Without money
 * they get nothing while the chain answers, and a fixed sum in all while it
 * does not. Buyers that meet fresh sellers are test_mute_seller.c's. */
#include "tests/sim/expect.h"
#include "tests/sim/sim.h"

#define MIB (UINT64_C(1) << 20)
#define TRUST 5
#define IDENTITIES 2000
#define PLACES 16 /* of payers whose balance could not be read */

static const struct sim_node_config seller_cfg = {.sell = true,
						  .floor = 1024,
						  .trust_start = TRUST,
						  .asks_per_net = 1000,
						  .asks_in_all = 1000};

/* All of them at once, in batches that fit a minute's asks. */
static uint64_t all_come(struct sim *sim, struct sim_node *seller)
{
	static struct sim_raw *r[IDENTITIES];
	uint64_t got = 0;

	for (unsigned i = 0; i < IDENTITIES; i++) {
		const uint8_t ip[4] = {10, (uint8_t)(i >> 8), (uint8_t)i, 1};
		struct address who = sim_address(1000 + i);

		if (i % 900 == 899)
			sim_run(sim, 60000);
		r[i] = sim_raw(sim, seller, PAY_SELL, NULL, ip);
		EXPECT(sim_raw_agree(r[i], sim_tokens(1024)), "terms");
		EXPECT(sim_raw_pay(r[i], &who, sim_tokens(8), AMOUNT_ZERO),
		       "pay");
		if (i % 20 == 19)
			sim_run(sim, 10);
		got += sim_raw_pull(r[i], 8 * MIB);
	}
	for (int n = 0; n < 20; n++) {
		sim_run(sim, 2000);
		for (unsigned i = 0; i < IDENTITIES; i++)
			got += sim_raw_pull(r[i], 8 * MIB);
	}
	return got;
}

static void penniless(bool reachable)
{
	struct sim *sim = sim_new();
	struct sim_node *seller = sim_node(sim, &seller_cfg);
	uint64_t got;

	sim_chain_reachable(sim, reachable);
	got = all_come(sim, seller);
	if (reachable)
		EXPECT(got == 0, "served %llu MiB for nothing",
		       (unsigned long long)(got / MIB));
	else
		EXPECT(got == PLACES * TRUST * MIB, "served %llu MiB blind",
		       (unsigned long long)(got / MIB));
	sim_check_books(sim);
	sim_free(sim);
}

/* The places are not freed by learning that nothing is there. */
static void the_chain_comes_back_and_goes(void)
{
	struct sim *sim = sim_new();
	struct sim_node *seller = sim_node(sim, &seller_cfg);
	uint64_t got = 0;

	for (unsigned i = 0; i < 200; i++) {
		const uint8_t ip[4] = {10, 0, (uint8_t)i, 1};
		struct address who = sim_address(1000 + i);
		struct sim_raw *r = sim_raw(sim, seller, PAY_SELL, NULL, ip);

		sim_chain_reachable(sim, false);
		EXPECT(sim_raw_agree(r, sim_tokens(1024)), "terms");
		EXPECT(sim_raw_pay(r, &who, sim_tokens(8), AMOUNT_ZERO), "pay");
		sim_run(sim, 6000);
		got += sim_raw_pull(r, 8 * MIB);
		sim_chain_reachable(sim, true);
		sim_run(sim, 1000);
		got += sim_raw_pull(r, 8 * MIB);
	}
	EXPECT(got == PLACES * TRUST * MIB, "%llu MiB in all",
	       (unsigned long long)(got / MIB));
	sim_free(sim);
}

/* An honest newcomer is served though no node of the chain can be reached, and
 * its place is free again when it proves good. */
static void an_honest_newcomer_is_served_offline(void)
{
	struct sim *sim = sim_new();
	struct sim_node *seller = sim_node(sim, &seller_cfg);
	uint64_t got = 0;

	for (unsigned i = 0; i < 40; i++) {
		const uint8_t ip[4] = {10, 0, (uint8_t)i, 1};
		struct address who = sim_address(1000 + i);
		struct sim_raw *r = sim_raw(sim, seller, PAY_SELL, NULL, ip);

		sim_deposit(sim, &who, sim_tokens(50));
		sim_chain_reachable(sim, false);
		EXPECT(sim_raw_agree(r, sim_tokens(1024)), "terms");
		EXPECT(sim_raw_pay(r, &who, sim_tokens(1), AMOUNT_ZERO), "pay");
		sim_run(sim, 6000);
		got += sim_raw_pull(r, MIB);
		sim_chain_reachable(sim, true);
		sim_run(sim, 31000);
	}
	EXPECT(got == 40 * MIB, "%llu MiB", (unsigned long long)(got / MIB));
	sim_free(sim);
}

int main(void)
{
	penniless(true);
	penniless(false);
	the_chain_comes_back_and_goes();
	an_honest_newcomer_is_served_offline();
	return EXPECT_EXIT();
}
