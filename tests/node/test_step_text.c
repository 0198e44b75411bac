/* Each step of a transaction as the user reads it. */
#include "node/money/step_text.h"
#include "tests/check.h"

#include <string.h>

int main(void)
{
	static const struct {
		const char *name;
		enum outbox_kind kind;
		const char *other;
		enum outbox_step step;
		uint64_t amount, fee;
		bool has_txid;
		const char *text, *want;
	} rows[] = {
		{"a step without amount and fee ends with its words",
		 OUTBOX_CASH, NULL, OUTBOX_STORED, 0, 0, false,
		 "signed and stored", "cash: signed and stored"},
		{"an amount stands with what is done, in tokens",
		 OUTBOX_DEPOSIT, NULL, OUTBOX_SENT, 1500, 0, false, "sent",
		 "deposit 1.5: sent"},
		{"a fee stands last, in coin", OUTBOX_WITHDRAW, NULL,
		 OUTBOX_TRIED, 2000, 25, false, "tried: it would succeed",
		 "withdraw 2: tried: it would succeed, fee 0.25 ETH"},
		{"a transaction is named", OUTBOX_RELEASE, NULL, OUTBOX_FINAL,
		 0, 100, true, "final",
		 "release: final, tx "
		 "0x0000000000000000000000000000000000000000000000000000000000"
		 "000007, fee 1 ETH"},
		{"what was refused costs nothing", OUTBOX_RESERVE, NULL,
		 OUTBOX_REFUSED, 1000, 25, false, "not done: TooSoon",
		 "reserve 1: not done: TooSoon"},
		{"what never came into a block costs nothing", OUTBOX_APPROVE,
		 NULL, OUTBOX_GONE, 1000, 25, false, "not done: gone",
		 "approve 1: not done: gone"},
		{"a call without a kind is named by who began it", OUTBOX_OTHER,
		 "mint", OUTBOX_SENT, 1000, 0, false, "sent", "mint 1: sent"},
		{"one that nobody named is a call", OUTBOX_OTHER, NULL,
		 OUTBOX_SENT, 0, 0, false, "sent", "call: sent"},
		{"what has a kind keeps its name", OUTBOX_APPROVE, "mint",
		 OUTBOX_SENT, 0, 0, false, "sent", "approve: sent"},
	};
	struct money m = {
		.decimals = 3,
		.profile = {.coin_decimals = 2, .coin_symbol = "ETH"}};
	struct hash32 txid = {{0}};
	char out[STEP_TEXT_MAX], tx[TX_TEXT_MAX];

	txid.bytes[31] = 7;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct settle_step st = {
			.kind = rows[i].kind,
			.step = rows[i].step,
			.amount = amount_from_u64(rows[i].amount),
			.fee = amount_from_u64(rows[i].fee),
			.txid = rows[i].has_txid ? &txid : NULL,
			.text = rows[i].text};

		CHECK(strcmp(step_text(&m, &st, rows[i].other, out),
			     rows[i].want) == 0,
		      "%s: \"%s\"", rows[i].name, out);
	}
	CHECK(strlen(tx_text(&m, &txid, tx)) == 66 &&
		      strncmp(tx, "0x00", 4) == 0,
	      "EVM: %s", tx);
	m.profile.kind = PROFILE_TRON;
	CHECK(strlen(tx_text(&m, &txid, tx)) == 64 && tx[63] == '7', "TRON: %s",
	      tx);
	return CHECK_EXIT();
}
