/* Absurd values in every field, in every state, from either side; bytes that
 * are no message; too many messages. A peer loses its connection by it and
 * nothing else happens: no service, no promise, no crash. */
#include "base/rng.h"
#include "tests/sim/expect.h"
#include "tests/sim/sim.h"

#include <string.h>

#define MIB (UINT64_C(1) << 20)

static const uint8_t ip[4] = {192, 0, 2, 1};
static const struct sim_node_config seller_cfg = {
	.sell = true, .floor = 1024, .trust_start = 8};
static const struct sim_node_config buyer_cfg = {.balance = 1000};

static struct amount pick_amount(struct rng *rng)
{
	switch (rng_below(rng, 8)) {
	case 0:
		return AMOUNT_ZERO;
	case 1:
		return amount_from_u64(1);
	case 2:
		return amount_max112();
	case 3:
		return amount_sub_floor(amount_max112(), amount_from_u64(1));
	case 4:
		return amount_from_u64(UINT64_MAX);
	case 5:
		return sim_tokens(1024);
	case 6:
		return sim_tokens(rng_below(rng, 3000));
	default: /* allowed: a number, not an enum */
		return sim_tokens(1);
	}
}

static struct amount pick_price(struct rng *rng)
{
	struct amount a = pick_amount(rng);

	return amount_is_zero(a) ? amount_from_u64(1) : a;
}

static uint64_t pick_bytes(struct rng *rng)
{
	static const uint64_t some[] = {
		0, 1, 16384, 262144, UINT32_MAX, (uint64_t)PAY_BYTES_MAX};

	return some[rng_below(rng, ROWS(some))];
}

/* Any message with any values; receipts are signed, so that only their values
 * are wrong. */
static struct pay_msg any(struct rng *rng, const struct address *payer,
			  const struct address *payee)
{
	struct pay_msg m = {0};
	struct address bank = sim_bank();

	m.kind = (enum pay_msg_kind)(1 + rng_below(rng, PAY_MSG_METER));
	switch (m.kind) {
	case PAY_MSG_ASK:
		m.u.ask = (struct pay_msg_ask){
			.version = (uint8_t)(1 + rng_below(rng, 255)),
			.chain_id = rng_below(rng, 2) ? SIM_CHAIN : INT64_MAX,
			.bank = rng_below(rng, 4) ? bank : *payer};
		break;
	case PAY_MSG_TERMS:
		m.u.terms = (struct pay_msg_terms){
			.version = 1,
			.chain_id = rng_below(rng, 8) ? SIM_CHAIN : INT64_MAX,
			.bank = bank,
			.payee = rng_below(rng, 8) ? *payee : *payer,
			.price = pick_price(rng),
			.step = 1 + rng_below(rng, PAY_STEP_MIN)};
		sim_sign_channel(m.u.terms.key_sig, payee,
				 (const uint8_t[32]){0xcc});
		break;
	case PAY_MSG_BID:
	case PAY_MSG_OK:
		m.u.price.price = pick_price(rng);
		break;
	case PAY_MSG_NO:
		m.u.no.code = (enum pay_no)(1 + rng_below(rng, PAY_NO_LAST));
		m.u.no.price = pick_amount(rng);
		break;
	case PAY_MSG_RECEIPT:
		m.u.receipt.r.payer = *payer;
		m.u.receipt.r.amount = pick_amount(rng);
		m.u.receipt.owed =
			rng_below(rng, 2) ? AMOUNT_ZERO : pick_amount(rng);
		m.u.receipt.bytes = rng_below(rng, 2) ? 0 : pick_bytes(rng);
		sim_sign(m.u.receipt.r.sig, &bank, payer, payee,
			 m.u.receipt.r.amount);
		break;
	case PAY_MSG_ACK:
		m.u.ack = (struct pay_msg_ack){.amount = pick_amount(rng),
					       .limit = pick_amount(rng),
					       .owed = pick_amount(rng),
					       .hold = rng_below(rng, 2)};
		break;
	case PAY_MSG_HELD:
		m.u.held.amount = pick_amount(rng);
		break;
	case PAY_MSG_METER:
		m.u.meter.price = pick_amount(rng);
		m.u.meter.paid = !amount_is_zero(m.u.meter.price);
		m.u.meter.bytes = pick_bytes(rng);
		break;
	}
	return m;
}

/* A seller is told anything, by a payer with 8 tokens of worth. */
static void sellers_serve_what_is_covered(void)
{
	struct rng rng = rng_seeded(1);

	for (unsigned run = 0; run < 300; run++) {
		struct sim *sim = sim_new();
		struct sim_node *seller = sim_node(sim, &seller_cfg);
		struct address me = sim_node_address(seller);
		struct address payer = sim_address(1000);
		struct sim_raw *r = sim_raw(sim, seller, PAY_SELL, NULL, ip);
		uint64_t got = 0;

		sim_deposit(sim, &payer, sim_tokens(100));
		(void)sim_raw_agree(r, sim_tokens(1024));
		for (unsigned i = 0; i < 40 && !sim_raw_closed(r); i++) {
			struct pay_msg m = any(&rng, &payer, &me);

			(void)sim_raw_send(r, &m);
			if (i % 4 == 0)
				sim_run(sim, 300);
			got += sim_raw_pull(r, 64 * MIB);
		}
		EXPECT(got <= 8 * MIB, "run %u: %llu KiB served", run,
		       (unsigned long long)(got / 1024));
		sim_check_books(sim);
		sim_free(sim);
	}
}

/* A buyer is told anything, with a budget of 10 tokens. */
static void buyers_promise_a_step(void)
{
	struct rng rng = rng_seeded(2);

	for (unsigned run = 0; run < 300; run++) {
		struct sim *sim = sim_new();
		struct sim_node *buyer = sim_node(sim, &buyer_cfg);
		struct pay_job *job = sim_job(buyer, 1, 1500, 10);
		struct address me = sim_node_address(buyer);
		struct address payee = sim_address(2000);
		struct sim_raw *r = sim_raw(sim, buyer, PAY_BUY, job, ip);
		struct book_totals t;

		if (run % 2)
			(void)sim_raw_sell(r, &payee, sim_tokens(1024));
		for (unsigned i = 0; i < 40 && !sim_raw_closed(r); i++) {
			struct pay_msg m = any(&rng, &me, &payee);

			(void)sim_raw_send(r, &m);
			if (i % 4 == 0)
				sim_run(sim, 300);
		}
		MUST(book_totals(sim_book(buyer), &t, NULL));
		/* 256 KiB at the highest bid, and rounding */
		EXPECT(amount_cmp(t.spent, amount_from_u64(366210938 + 8)) <= 0,
		       "run %u promised more than a step", run);
		sim_check_books(sim);
		sim_free(sim);
	}
}

static void bytes_that_are_no_message(void)
{
	static uint8_t big[PAY_MSG_MAX + 1];
	static const struct {
		const char *name;
		const char *bytes;
		size_t len;
	} rows[] = {
		{"nothing", "", 0},
		{"half a dictionary", "d1:t3:as", 8},
		{"a number", "i1e", 3},
		{"nesting", "llllllllllllllllllllllllllllllllllllllll", 40},
		{"a length that is not there", "99999999999:", 12},
		{"too long", NULL, sizeof(big)},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct sim *sim = sim_new();
		struct sim_node *seller = sim_node(sim, &seller_cfg);
		struct sim_raw *r = sim_raw(sim, seller, PAY_SELL, NULL, ip);
		const void *p = rows[i].bytes;

		EXPECT(!sim_raw_bytes(r, p ? p : big, rows[i].len), "%s",
		       rows[i].name);
		sim_free(sim);
	}
}

static void a_flood_ends_the_connection(void)
{
	struct sim *sim = sim_new();
	struct sim_node *seller = sim_node(sim, &seller_cfg);
	struct address payer = sim_address(1000);
	struct sim_raw *r = sim_raw(sim, seller, PAY_SELL, NULL, ip);
	unsigned n = 0;

	EXPECT(sim_raw_agree(r, sim_tokens(1024)), "terms");
	while (n < 1000 &&
	       sim_raw_pay(r, &payer, amount_from_u64(n + 1), AMOUNT_ZERO))
		n++;
	EXPECT(n < 200, "%u signatures were checked in no time", n);
	sim_run(sim, 1000);
	sim_check_books(sim);
	sim_free(sim);
}

int main(void)
{
	sellers_serve_what_is_covered();
	buyers_promise_a_step();
	bytes_that_are_no_message();
	a_flood_ends_the_connection();
	return EXPECT_EXIT();
}
