#include "node/host/host_figures.h"

#include "storage/rent/rent_rules.h"

#include <string.h>

static enum err_code parse(struct amount *out, const char *text,
			   const char *what, const struct host_scale *scale,
			   struct err *e)
{
	struct err why = {0};

	*out = AMOUNT_ZERO;
	if (!*text)
		return ERR_NONE;
	if (amount_from_dec(out, text, scale->decimals, &why) != ERR_NONE)
		return err_fail(e, why.code, "%s '%.40s': %s", what, text,
				why.msg);
	return ERR_NONE;
}

/* a x mul / div, rounded down; what passes 128 bits is as much as there is. */
static struct amount times(struct amount a, uint64_t mul, uint64_t div)
{
	struct amount out;

	return amount_mul_div(&out, NULL, a, mul, 0, div) ? out
							  : amount_max112();
}

/* A GiB's amount as a sector's, rounded up. */
static struct amount of_sector(struct amount gib)
{
	struct amount out;

	return amount_mul_div(&out, NULL, gib, 1, HOST_GIB_SECTORS - 1,
			      HOST_GIB_SECTORS)
		       ? out
		       : amount_max112();
}

static enum err_code parse_all(struct sheet *out, struct amount *price,
			       const struct host_conf *c,
			       const struct host_scale *scale, struct err *e)
{
	struct amount collateral = AMOUNT_ZERO, penalty = AMOUNT_ZERO;
	enum err_code code = parse(price, c->price, "price", scale, e);

	if (code == ERR_NONE)
		code = parse(&out->ingress, c->ingress, "ingress", scale, e);
	if (code == ERR_NONE)
		code = parse(&out->egress, c->egress, "egress", scale, e);
	if (code == ERR_NONE)
		code = parse(&collateral, c->collateral, "collateral", scale,
			     e);
	if (code == ERR_NONE)
		code = parse(&penalty, c->penalty, "penalty", scale, e);
	if (code != ERR_NONE)
		return code;
	if (!*c->collateral)
		collateral = *price; /* 30 days' rent */
	if (!*c->penalty)
		penalty = times(collateral, 1, 10);
	if (amount_cmp(penalty, collateral) > 0)
		return err_fail(e, ERR_LIMIT,
				"the penalty is above the collateral");
	out->collateral = of_sector(collateral);
	out->penalty = of_sector(penalty);
	return ERR_NONE;
}

enum err_code host_sheet(struct sheet *out, const struct host_conf *c,
			 const struct host_scale *scale, struct err *e)
{
	const uint64_t div = (uint64_t)HOST_MONTH_MS * HOST_GIB_SECTORS;
	struct amount price;
	enum err_code code;

	memset(out, 0, sizeof(*out));
	if (!*c->price)
		return err_fail(e, ERR_PARSE,
				"no price: --price TOKENS (a GiB for 30 days)");
	if (scale->period_ms <= 0)
		return err_fail(e, ERR_STATE,
				"how long the bank's periods are is not known");
	code = parse_all(out, &price, c, scale, e);
	if (code != ERR_NONE)
		return code;
	if (!amount_mul_div(&out->rent, NULL, price, (uint64_t)scale->period_ms,
			    div - 1, div))
		return err_fail(e, ERR_LIMIT, "the price is too high");
	if (amount_is_zero(out->rent))
		out->rent = amount_from_u64(1);
	out->span = (uint16_t)c->span;
	out->min_periods = c->min_term;
	out->max_periods = c->max_term;
	return sheet_check(out, e);
}

/* ---- what it comes to ---- */

static struct amount units(struct amount per_million, uint64_t n)
{
	return times(per_million, n, 1000000);
}

/* The least GiB of which `rent` (a GiB) makes up `cost`. 0: none does. */
static uint64_t gib_for(struct amount cost, struct amount rent)
{
	uint64_t low = 1, high = UINT32_MAX, mid;
	struct amount all;

	if (amount_is_zero(rent))
		return 0;
	while (low < high) {
		mid = low + (high - low) / 2;
		if (!amount_mul_u64(&all, rent, mid) ||
		    amount_cmp(all, cost) >= 0)
			high = mid;
		else
			low = mid + 1;
	}
	return low == UINT32_MAX ? 0 : low;
}

void host_quote_of(struct host_quote *out, const struct sheet *s,
		   uint64_t sectors, const struct host_fees *fees,
		   const struct host_scale *scale)
{
	struct amount span_gib = times(s->rent, HOST_GIB_SECTORS, 1);
	struct amount twenty = AMOUNT_ZERO;

	memset(out, 0, sizeof(*out));
	out->collateral = times(s->collateral, sectors, 1);
	out->income = times(times(s->rent, sectors, 1), (uint64_t)HOST_MONTH_MS,
			    (uint64_t)scale->period_ms);
	if (!fees->known)
		return;
	out->proof = units(fees->per_million, HOST_PROOF_UNITS);
	out->anchor = units(fees->per_million, HOST_ANCHOR_UNITS);
	if (!fees->in_token)
		return;
	out->proof_token = units(fees->token_per_million, HOST_PROOF_UNITS);
	out->anchor_token = units(fees->token_per_million, HOST_ANCHOR_UNITS);
	span_gib = times(span_gib, s->span, 1);
	if (amount_mul_u64(&twenty, out->proof_token, RENT_FEES_PER_SPAN))
		out->least_gib = gib_for(twenty, span_gib);
	out->break_even_gib = gib_for(
		amount_add_cap(out->proof_token, out->anchor_token), span_gib);
}
