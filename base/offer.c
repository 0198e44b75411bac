#include "base/offer.h"

void sheet_put(struct wr *w, const struct sheet *s)
{
	wr_copy(w, s->host.bytes, sizeof(s->host.bytes));
	amount_put14(w, s->rent);
	amount_put14(w, s->ingress);
	amount_put14(w, s->egress);
	amount_put14(w, s->collateral);
	amount_put14(w, s->penalty);
	wr_u32(w, s->min_periods);
	wr_u32(w, s->max_periods);
	wr_u16(w, s->span);
	wr_u64(w, s->expires);
}

void sheet_get(struct rd *r, struct sheet *out)
{
	rd_copy(r, out->host.bytes, sizeof(out->host.bytes));
	out->rent = amount_get14(r);
	out->ingress = amount_get14(r);
	out->egress = amount_get14(r);
	out->collateral = amount_get14(r);
	out->penalty = amount_get14(r);
	out->min_periods = rd_u32(r);
	out->max_periods = rd_u32(r);
	out->span = rd_u16(r);
	out->expires = rd_u64(r);
}

void endpoint_put(struct wr *w, const struct endpoint *p)
{
	wr_copy(w, p->host.bytes, sizeof(p->host.bytes));
	wr_copy(w, p->ip, sizeof(p->ip));
	wr_u16(w, p->port);
	wr_u64(w, p->time);
}

void endpoint_get(struct rd *r, struct endpoint *out)
{
	rd_copy(r, out->host.bytes, sizeof(out->host.bytes));
	rd_copy(r, out->ip, sizeof(out->ip));
	out->port = rd_u16(r);
	out->time = rd_u64(r);
}

enum err_code sheet_check(const struct sheet *s, struct err *e)
{
	if (!amount_fits112(s->rent) || !amount_fits112(s->ingress) ||
	    !amount_fits112(s->egress) || !amount_fits112(s->collateral) ||
	    !amount_fits112(s->penalty))
		return err_fail(e, ERR_LIMIT,
				"price sheet: an amount passes 112 bits");
	if (s->min_periods == 0 || s->min_periods > s->max_periods)
		return err_fail(e, ERR_LIMIT,
				"price sheet: terms of %u to %u periods",
				s->min_periods, s->max_periods);
	if (s->span == 0)
		return err_fail(e, ERR_LIMIT, "price sheet: spans of 0");
	return ERR_NONE;
}
