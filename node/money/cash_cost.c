#include "node/money/cash_cost.h"

#include <stdio.h>
#include <string.h>

/* Gas or energy, and bytes, of a receipt of a known pair that is kept in the
 * bank: alone, and in a full batch. `costs.mjs --check` reads these lines. */
#define EVM_ALONE 45640
#define EVM_FULL 15430
#define TRON_ALONE 22199
#define TRON_FULL 14224
#define TRON_ALONE_BYTES 540
#define TRON_FULL_BYTES 120

#define DIGITS 3 /* of a guess */

static const struct units {
	uint64_t alone, each;
	unsigned receipts;
	uint64_t alone_bytes, each_bytes;
} of_kind[] = {
	[PROFILE_EVM] = {EVM_ALONE, EVM_FULL, 200, 0, 0},
	[PROFILE_TRON] = {TRON_ALONE, TRON_FULL, 20, TRON_ALONE_BYTES,
			  TRON_FULL_BYTES},
};

/* The least sum of which the fee is no more than its share. */
static bool from_which(struct amount *out, struct amount fee,
		       const struct settle_price *price, unsigned fee_share)
{
	struct amount coin;

	return amount_mul_div(&coin, NULL, fee, 100, fee_share - 1,
			      fee_share) &&
	       settle_in_token(out, coin, price);
}

/* At the chain's prices, or as much a unit as the other call pays. */
static bool fee_of(struct amount *out, uint64_t units, uint64_t bytes,
		   const struct cash_price *at)
{
	struct amount of_bytes;

	if (!at->unit_price)
		return !amount_is_zero(at->fee) &&
		       amount_mul_div(out, NULL, at->fee, units, 0, at->units);
	return amount_mul_u64(out, amount_from_u64(units), at->unit_price) &&
	       amount_mul_u64(&of_bytes, amount_from_u64(bytes),
			      at->byte_price) &&
	       amount_add(out, *out, of_bytes);
}

bool cash_cost_of(struct cash_cost *out, enum profile_kind kind,
		  const struct cash_price *at, const struct settle_price *price,
		  unsigned fee_share)
{
	const struct units *u = &of_kind[kind];

	*out = (struct cash_cost){.receipts = u->receipts,
				  .fee_share = fee_share};
	if (!fee_of(&out->alone, u->alone, u->alone_bytes, at) ||
	    !fee_of(&out->each, u->each, u->each_bytes, at))
		return false;
	out->priced =
		fee_share &&
		from_which(&out->alone_from, out->alone, price, fee_share) &&
		from_which(&out->each_from, out->each, price, fee_share);
	return true;
}

/* The first digits, the rest zeros or nothing. */
static void round_off(char *text)
{
	char *point = strchr(text, '.');
	unsigned seen = 0;

	for (char *c = text; *c; c++) {
		if (*c == '.')
			continue;
		if (seen == DIGITS && point && c > point) {
			*c = 0;
			break;
		}
		if (seen == DIGITS)
			*c = '0';
		else if (seen || *c != '0')
			seen++;
	}
	point = strchr(text, '.');
	if (point && !point[1])
		*point = 0;
}

static const char *about(struct amount a, unsigned decimals,
			 char out[AMOUNT_DEC_MAX])
{
	(void)amount_to_dec(out, a, decimals);
	round_off(out);
	return out;
}

const char *cash_cost_text(const struct cash_cost *c, const struct profile *p,
			   unsigned token_decimals, const char *token_symbol,
			   char out[CASH_COST_TEXT_MAX])
{
	const char *tokens = token_symbol[0] ? token_symbol : "tokens";
	char alone[AMOUNT_DEC_MAX], each[AMOUNT_DEC_MAX];
	int n = snprintf(out, CASH_COST_TEXT_MAX,
			 "cashing a receipt costs the payee about %s %s, each "
			 "of %u at once %s %s",
			 about(c->alone, p->coin_decimals, alone),
			 p->coin_symbol, c->receipts,
			 about(c->each, p->coin_decimals, each),
			 p->coin_symbol);

	if (c->priced)
		(void)snprintf(
			out + n, CASH_COST_TEXT_MAX - (size_t)n,
			"; that is under %u %% from %s %s on, in such a "
			"batch from %s %s",
			c->fee_share,
			about(c->alone_from, token_decimals, alone), tokens,
			about(c->each_from, token_decimals, each), tokens);
	else
		(void)snprintf(out + n, CASH_COST_TEXT_MAX - (size_t)n,
			       "; from which sum that is under %u %% is known "
			       "once coin-price is set",
			       c->fee_share);
	return out;
}
