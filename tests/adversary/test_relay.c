/* A relay in the middle: it opens a channel of its own to each side and passes
 * on what suits it. A seller's terms are signed for the seller's own channel
 * key, so through the relay's they are worth nothing: no bid, no receipt, not a
 * byte at the buyer's cost. */
#include "tests/sim/expect.h"
#include "tests/sim/sim.h"

static const uint8_t ip[4] = {192, 0, 2, 1};

int main(void)
{
	const struct sim_node_config sc = {
		.sell = true, .floor = 1024, .trust_start = 100};
	const struct sim_node_config bc = {.balance = 1000};
	struct sim *sim = sim_new();
	struct sim_node *seller = sim_node(sim, &sc);
	struct sim_node *buyer = sim_node(sim, &bc);
	struct pay_job *job = sim_job(buyer, 1, 2048, 100);
	struct sim_raw *to_seller = sim_raw(sim, seller, PAY_SELL, NULL, ip);
	struct sim_raw *to_buyer = sim_raw(sim, buyer, PAY_BUY, job, ip);
	struct pay_msg m;

	EXPECT(sim_raw_take(to_buyer, PAY_MSG_ASK, &m), "the buyer asks");
	EXPECT(sim_raw_send(to_seller, &m), "passed on");
	EXPECT(sim_raw_take(to_seller, PAY_MSG_TERMS, &m),
	       "the seller answers");
	EXPECT(!sim_raw_send(to_buyer, &m), "terms of another channel taken");
	EXPECT(sim_raw_closed(to_buyer), "the connection goes on");
	EXPECT(!sim_raw_take(to_buyer, PAY_MSG_BID, NULL), "a bid");
	sim_run(sim, 20000);
	EXPECT(!sim_raw_take(to_buyer, PAY_MSG_RECEIPT, NULL), "a receipt");
	EXPECT(sim_signatures(buyer) == 0, "signed");
	EXPECT(sim_raw_pull(to_seller, 1 << 20) == 0, "served");
	EXPECT(pay_rank(sim_raw_session(to_seller)) == 0, "ranked");
	sim_check_books(sim);
	sim_free(sim);
	return EXPECT_EXIT();
}
