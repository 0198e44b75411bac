/* A reserve that is used up, that ends, or that ends too soon. Within it a
 * payee is served and loses nothing, whatever the payer does meanwhile. */
#include "tests/sim/expect.h"
#include "tests/sim/sim.h"

#define MIB (UINT64_C(1) << 20)
#define DAY INT64_C(86400)

static const struct sim_node_config seller_cfg = {
	.sell = true, .floor = 1024, .trust_start = 5};
static const uint8_t ip[4] = {192, 0, 2, 1};

static const struct {
	const char *name;
	uint64_t reserve, rest; /* tokens */
	int64_t days;
	uint64_t served; /* MiB of 100 that are paid for */
} rows[] = {
	{"no reserve: the trust", 0, 1000, 0, 5},
	{"a reserve and a full balance", 40, 1000, 30, 45},
	{"a reserve and nothing else", 40, 0, 30, 40},
	{"a balance smaller than the trust", 40, 2, 30, 42},
	{"it ends in just over three days", 40, 0, 4, 40},
	{"it ends in two days: not secured", 40, 0, 2, 0},
	{"it ended yesterday", 40, 0, -1, 0},
};

static void served_as_far_as_covered(void)
{
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct sim *sim = sim_new();
		struct sim_node *seller = sim_node(sim, &seller_cfg);
		struct address me = sim_node_address(seller);
		struct address payer = sim_address(1000);
		struct sim_raw *r = sim_raw(sim, seller, PAY_SELL, NULL, ip);
		uint64_t got = 0;
		struct amount came;

		sim_deposit(sim, &payer,
			    sim_tokens(rows[i].reserve + rows[i].rest));
		sim_reserve(sim, &payer, &me, sim_tokens(rows[i].reserve),
			    SIM_START_S + rows[i].days * DAY);
		EXPECT(sim_raw_agree(r, sim_tokens(1024)), "terms");
		for (uint64_t n = 1; n <= 100; n++) {
			EXPECT(sim_raw_pay(r, &payer, sim_tokens(n),
					   AMOUNT_ZERO),
			       "pay");
			sim_run(sim, n == 1 ? 500 : 10);
			got += sim_raw_pull(r, 200 * MIB);
		}
		EXPECT(got == rows[i].served * MIB, "%s: %llu MiB",
		       rows[i].name, (unsigned long long)(got / MIB));
		sim_withdraw_all(sim, &payer);
		came = sim_cash(sim, seller);
		EXPECT(amount_cmp(came, sim_tokens(rows[i].reserve)) == 0,
		       "%s: the reserve did not hold", rows[i].name);
		sim_check_books(sim);
		sim_free(sim);
	}
}

/* Served on and on until it is near its end; then only the trust counts. */
static void time_takes_the_security(void)
{
	struct sim *sim = sim_new();
	struct sim_node *seller = sim_node(sim, &seller_cfg);
	struct address me = sim_node_address(seller);
	struct address payer = sim_address(1000);
	struct sim_raw *r = sim_raw(sim, seller, PAY_SELL, NULL, ip);
	struct book_totals t;

	sim_deposit(sim, &payer, sim_tokens(100));
	sim_reserve(sim, &payer, &me, sim_tokens(100),
		    SIM_START_S + 3 * DAY + 60);
	EXPECT(sim_raw_agree(r, sim_tokens(1024)), "terms");
	EXPECT(sim_raw_pay(r, &payer, sim_tokens(8), AMOUNT_ZERO), "pay");
	sim_run(sim, 1000);
	EXPECT(sim_raw_pull(r, 4 * MIB) == 4 * MIB, "secured");
	sim_run(sim, 61000);
	EXPECT(sim_raw_pull(r, 4 * MIB) == 0, "served on a reserve that ends");
	MUST(book_tick(sim_book(seller), SIM_START_S + sim_now_ms(sim) / 1000,
		       NULL));
	MUST(book_totals(sim_book(seller), &t, NULL));
	EXPECT(amount_is_zero(t.secured) &&
		       amount_cmp(t.promised, sim_tokens(8)) == 0,
	       "still called secured");
	sim_check_books(sim);
	sim_free(sim);
}

int main(void)
{
	served_as_far_as_covered();
	time_takes_the_security();
	return EXPECT_EXIT();
}
