/* Receipts that their payer did not sign for this payee, at this bank: each
 * costs its bringer the connection, is not kept, and nothing is served on it.
 */
#include "tests/sim/expect.h"
#include "tests/sim/sim.h"

#include <string.h>

static const uint8_t ip[4] = {192, 0, 2, 1};

enum lie { TRUE, NOISE, BANK, PAYEE, AMOUNT, PAYER, OURS, FLIPPED, ZERO };

static const struct {
	const char *name;
	enum lie lie;
	bool taken;
} rows[] = {
	{"an honest one is taken", TRUE, true},
	{"noise for a signature", NOISE, false},
	{"signed for another bank or chain", BANK, false},
	{"signed for another payee", PAYEE, false},
	{"signed for another amount", AMOUNT, false},
	{"signed by another payer", PAYER, false},
	{"the payee's own name as payer", OURS, false},
	{"one bit flipped", FLIPPED, false},
	{"a signature of zeros", ZERO, false},
};

static struct pay_msg receipt(enum lie lie, const struct address *payee)
{
	struct pay_msg m = {.kind = PAY_MSG_RECEIPT};
	struct receipt *r = &m.u.receipt.r;
	struct address bank = sim_bank(), to = *payee, by;
	struct amount signed_amount = sim_tokens(1);

	r->payer = lie == OURS ? *payee : sim_address(1000);
	r->amount = sim_tokens(1);
	by = r->payer;
	if (lie == BANK)
		bank.bytes[3] ^= 1;
	if (lie == PAYEE)
		to = sim_address(77);
	if (lie == AMOUNT)
		signed_amount = amount_from_u64(1);
	if (lie == PAYER)
		by = sim_address(1001);
	sim_sign(r->sig, &bank, &by, &to, signed_amount);
	if (lie == NOISE)
		memset(r->sig, 0x5a, sizeof(r->sig));
	if (lie == FLIPPED)
		r->sig[63] ^= 1;
	if (lie == ZERO)
		memset(r->sig, 0, sizeof(r->sig));
	return m;
}

int main(void)
{
	const struct sim_node_config cfg = {
		.sell = true, .floor = 1024, .trust_start = 100};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct sim *sim = sim_new();
		struct sim_node *seller = sim_node(sim, &cfg);
		struct address me = sim_node_address(seller);
		struct pay_msg m = receipt(rows[i].lie, &me);
		struct sim_raw *r = sim_raw(sim, seller, PAY_SELL, NULL, ip);
		struct book_totals t;
		struct address payer = sim_address(1000);

		sim_deposit(sim, &payer, sim_tokens(50));
		EXPECT(sim_raw_agree(r, sim_tokens(1024)), "no terms");
		EXPECT(sim_raw_send(r, &m) == rows[i].taken, "%s",
		       rows[i].name);
		sim_run(sim, 1000);
		EXPECT((sim_raw_pull(r, 1 << 20) > 0) == rows[i].taken,
		       "%s: served", rows[i].name);
		MUST(book_totals(sim_book(seller), &t, NULL));
		EXPECT(amount_is_zero(t.promised) != rows[i].taken, "%s: kept",
		       rows[i].name);
		sim_check_books(sim);
		sim_free(sim);
	}
	return EXPECT_EXIT();
}
