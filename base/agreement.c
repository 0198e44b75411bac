#include "base/agreement.h"

#include "base/keccak.h"

void agreement_put(struct wr *w, const struct agreement *a)
{
	wr_copy(w, a->renter.bytes, sizeof(a->renter.bytes));
	wr_copy(w, a->host.bytes, sizeof(a->host.bytes));
	wr_u32(w, a->number);
	wr_u32(w, a->revision);
	wr_copy(w, a->root.bytes, sizeof(a->root.bytes));
	wr_u32(w, a->sectors);
	wr_u32(w, a->through);
	amount_put14(w, a->earned);
	amount_put14(w, a->rate);
	wr_u32(w, a->start);
	wr_u32(w, a->end);
	wr_u16(w, a->span);
	amount_put14(w, a->fund);
	amount_put14(w, a->collateral);
	amount_put14(w, a->penalty);
	wr_copy(w, a->terms.bytes, sizeof(a->terms.bytes));
}

void agreement_get(struct rd *r, struct agreement *out)
{
	rd_copy(r, out->renter.bytes, sizeof(out->renter.bytes));
	rd_copy(r, out->host.bytes, sizeof(out->host.bytes));
	out->number = rd_u32(r);
	out->revision = rd_u32(r);
	rd_copy(r, out->root.bytes, sizeof(out->root.bytes));
	out->sectors = rd_u32(r);
	out->through = rd_u32(r);
	out->earned = amount_get14(r);
	out->rate = amount_get14(r);
	out->start = rd_u32(r);
	out->end = rd_u32(r);
	out->span = rd_u16(r);
	out->fund = amount_get14(r);
	out->collateral = amount_get14(r);
	out->penalty = amount_get14(r);
	rd_copy(r, out->terms.bytes, sizeof(out->terms.bytes));
}

enum err_code agreement_check(const struct agreement *a, struct err *e)
{
	if (!amount_fits112(a->earned) || !amount_fits112(a->rate) ||
	    !amount_fits112(a->fund) || !amount_fits112(a->collateral) ||
	    !amount_fits112(a->penalty))
		return err_fail(e, ERR_LIMIT,
				"agreement: an amount passes 112 bits");
	if (a->sectors == 0)
		return err_fail(e, ERR_LIMIT, "agreement without sectors");
	if (a->start >= a->end)
		return err_fail(e, ERR_LIMIT,
				"agreement ends (%u) before it starts (%u)",
				a->end, a->start);
	if (a->span == 0 || agreement_spans(a) > AGREEMENT_SPANS_MAX)
		return err_fail(e, ERR_LIMIT,
				"agreement: spans of %u of %u periods are "
				"none, or over %d",
				a->span, a->end - a->start,
				AGREEMENT_SPANS_MAX);
	if (a->through < a->start || a->through > a->end)
		return err_fail(e, ERR_LIMIT,
				"agreement settled through %u, outside %u..%u",
				a->through, a->start, a->end);
	return ERR_NONE;
}

enum err_code agreement_check_open(const struct agreement *a, uint32_t now,
				   struct err *e)
{
	enum err_code code = agreement_check(a, e);

	if (code)
		return code;
	if (a->start <= now)
		return err_fail(e, ERR_STATE,
				"agreement starts at period %u, it is %u",
				a->start, now);
	if (a->through != a->start || !amount_is_zero(a->earned))
		return err_fail(e, ERR_STATE,
				"agreement is settled before it is opened");
	return ERR_NONE;
}

static bool same_agreement(const struct agreement *a, const struct agreement *b)
{
	return address_eq(&a->renter, &b->renter) &&
	       address_eq(&a->host, &b->host) && a->number == b->number;
}

static bool same_frame(const struct agreement *a, const struct agreement *b)
{
	return a->start == b->start && a->end == b->end && a->span == b->span &&
	       amount_cmp(a->collateral, b->collateral) == 0 &&
	       amount_cmp(a->penalty, b->penalty) == 0 &&
	       memcmp(&a->terms, &b->terms, sizeof(a->terms)) == 0;
}

enum err_code agreement_check_next(const struct agreement *next,
				   const struct agreement *last, uint32_t now,
				   struct err *e)
{
	enum err_code code = agreement_check(next, e);
	int earned = amount_cmp(next->earned, last->earned);

	if (code)
		return code;
	if (!same_agreement(next, last))
		return err_fail(e, ERR_STATE, "of another agreement");
	if (next->revision <= last->revision)
		return err_fail(e, ERR_STATE, "revision %u after %u",
				next->revision, last->revision);
	if (!same_frame(next, last))
		return err_fail(e, ERR_STATE,
				"revision changes what was fixed");
	if (next->through < last->through || earned < 0)
		return err_fail(e, ERR_STATE,
				"revision takes back what was settled");
	if (earned > 0 && next->through == last->through)
		return err_fail(e, ERR_STATE,
				"revision pays a settled period again");
	if (amount_cmp(next->rate, last->rate) != 0 && next->through <= now &&
	    next->through != next->end)
		return err_fail(e, ERR_STATE,
				"another rate with periods unsettled");
	return ERR_NONE;
}

uint32_t agreement_spans(const struct agreement *a)
{
	uint32_t periods = a->end - a->start;

	return periods / a->span + (periods % a->span != 0);
}

uint32_t agreement_span_of(const struct agreement *a, uint32_t period)
{
	return (period - a->start) / a->span;
}

uint32_t agreement_span_end(const struct agreement *a, uint32_t k)
{
	uint64_t end = a->start + ((uint64_t)k + 1) * a->span;

	return end < a->end ? (uint32_t)end : a->end;
}

uint32_t agreement_misses_free(const struct agreement *a)
{
	return agreement_spans(a) / 10;
}

bool agreement_rent(struct amount *out, const struct agreement *a,
		    uint32_t periods)
{
	struct amount rent;

	if (!amount_mul_u64(&rent, a->rate, periods) || !amount_fits112(rent))
		return false;
	*out = rent;
	return true;
}

unsigned agreement_path_nodes(uint32_t sectors)
{
	unsigned depth = 0;

	while (depth < 32 && sectors > 1ULL << depth)
		depth++;
	return sectors ? 11 + depth : 0;
}

uint64_t agreement_challenge(const struct hash32 *beacon,
			     const struct address *renter,
			     const struct address *host, uint32_t number,
			     uint32_t sectors)
{
	uint8_t buf[32 + 20 + 20 + 4];
	struct wr w = wr_into(buf, sizeof(buf));
	uint64_t leaves = (uint64_t)sectors * AGREEMENT_LEAVES, leaf = 0;
	struct hash32 h;

	wr_copy(&w, beacon->bytes, sizeof(beacon->bytes));
	wr_copy(&w, renter->bytes, sizeof(renter->bytes));
	wr_copy(&w, host->bytes, sizeof(host->bytes));
	wr_u32(&w, number);
	h = keccak256(buf, sizeof(buf));
	for (size_t i = 0; i < sizeof(h.bytes); i++)
		leaf = (leaf << 8 | h.bytes[i]) % leaves;
	return leaf;
}
