/* host_pay.c - what receipts cover, and what they are owed for: the session's
 * till (node/rent/rent_pay.h). */
#include "node/host/host_int.h"

#include "base/clock.h"

enum err_code pay_begin(struct host *h, struct err *e)
{
	h->pay = rent_pay_of(h->en, e);
	if (!h->pay)
		return e->code;
	if (h->has_offer)
		rent_pay_sheet(h->pay, &h->offer.sheet, true);
	for (unsigned i = 0; i < h->n_old; i++)
		pay_old_offer(h, &h->old[i]);
	return rent_pay_sell(h->pay, rent_door_key(h->door), &h->key_sig, e);
}

void pay_new_offer(struct host *h)
{
	if (h->pay)
		rent_pay_sheet(h->pay, &h->offer.sheet, true);
}

void pay_old_offer(struct host *h, const struct rent_offer *o)
{
	if (h->pay && o->sheet.expires > (uint64_t)clock_unix_s())
		rent_pay_sheet(h->pay, &o->sheet, false);
}

bool host_covered(void *ctx, void *session_ctx, struct amount due)
{
	const struct host_session *s = session_ctx;

	(void)ctx;
	return rent_till_covered(s->till, due);
}

void host_add_due(void *ctx, void *session_ctx, const struct address *renter,
		  struct amount due)
{
	struct host *h = ctx;
	const struct host_session *s = session_ctx;

	if (s)
		rent_till_add_due(s->till, due);
	else
		rent_pay_add_due(h->pay, renter, due);
}

bool host_charge(void *ctx, void *session_ctx, uint32_t len)
{
	const struct host_session *s = session_ctx;

	(void)ctx;
	return rent_till_charge(s->till, len);
}
