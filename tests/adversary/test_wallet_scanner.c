/* A scanner that wants to know whose wallet sits behind which IP. It learns an
 * address only by asking, and asking is counted per network and in all. */
#include "tests/sim/expect.h"
#include "tests/sim/sim.h"

#include <string.h>

#define MINUTE 60000

static const struct sim_node_config seller_cfg = {
	.sell = true, .floor = 1024, .trust_start = 5};

static bool ask(struct sim *sim, struct sim_node *seller, const uint8_t ip[4])
{
	struct pay_msg m = {.kind = PAY_MSG_ASK,
			    .u.ask = {.version = PAY_VERSION,
				      .chain_id = SIM_CHAIN,
				      .bank = sim_bank()}};
	struct sim_raw *r = sim_raw(sim, seller, PAY_SELL, NULL, ip);
	struct pay_msg no;

	EXPECT(sim_raw_send(r, &m), "closed");
	if (sim_raw_take(r, PAY_MSG_TERMS, NULL))
		return true;
	EXPECT(sim_raw_take(r, PAY_MSG_NO, &no) && no.u.no.code == PAY_NO_BUSY,
	       "neither terms nor no");
	return false;
}

static void one_network_learns_little(void)
{
	struct sim *sim = sim_new();
	struct sim_node *seller = sim_node(sim, &seller_cfg);
	unsigned told = 0;

	for (unsigned i = 0; i < 250; i++) {
		const uint8_t ip[4] = {203, 0, 113, (uint8_t)i};

		told += ask(sim, seller, ip);
	}
	EXPECT(told == 4, "a /24 was told %u times in a minute", told);
	sim_run(sim, MINUTE);
	for (unsigned i = 0; i < 250; i++) {
		const uint8_t ip[4] = {203, 0, 113, (uint8_t)i};

		told += ask(sim, seller, ip);
	}
	EXPECT(told == 8, "and %u in two", told);
	sim_free(sim);
}

static void many_networks_learn_little(void)
{
	struct sim *sim = sim_new();
	struct sim_node *seller = sim_node(sim, &seller_cfg);
	unsigned told = 0;

	for (unsigned i = 0; i < 1000; i++) {
		const uint8_t ip[4] = {10, (uint8_t)(i >> 8), (uint8_t)i, 1};

		told += ask(sim, seller, ip);
	}
	EXPECT(told == 60, "%u were told in a minute", told);
	sim_free(sim);
}

/* A /48 is one network, however many addresses it has. */
static void ipv6_is_counted_by_48(void)
{
	struct sim *sim = sim_new();
	struct sim_node *seller = sim_node(sim, &seller_cfg);
	unsigned told = 0;

	for (unsigned i = 0; i < 100; i++) {
		uint8_t ip[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 1};
		struct sim_raw *r;

		memcpy(ip + 8, &i, sizeof(i));
		r = sim_raw_at(sim, seller, ip);
		told += sim_raw_agree(r, sim_tokens(1024));
	}
	EXPECT(told == 4, "a /48 was told %u times", told);
	sim_free(sim);
}

/* Who names another bank is not told who we are; and the hint of the plain
 * handshake is coarse (test_pay.c). */
static void another_bank_is_told_nothing(void)
{
	struct sim *sim = sim_new();
	struct sim_node *seller = sim_node(sim, &seller_cfg);
	const uint8_t ip[4] = {192, 0, 2, 1};
	struct sim_raw *r = sim_raw(sim, seller, PAY_SELL, NULL, ip);
	struct pay_msg m = {.kind = PAY_MSG_ASK,
			    .u.ask = {.version = PAY_VERSION,
				      .chain_id = SIM_CHAIN + 1,
				      .bank = sim_bank()}};

	EXPECT(sim_raw_send(r, &m), "closed");
	EXPECT(!sim_raw_take(r, PAY_MSG_TERMS, NULL), "told");
	EXPECT(sim_raw_take(r, PAY_MSG_NO, &m) && m.u.no.code == PAY_NO_BANK,
	       "no word");
	sim_free(sim);
}

int main(void)
{
	one_network_learns_little();
	many_networks_learn_little();
	ipv6_is_counted_by_48();
	another_bank_is_told_nothing();
	return EXPECT_EXIT();
}
