/* host_pay.c - what receipts cover. Where ingress and egress cost nothing all
 * is covered; what has a price is refused until a payment machine is joined to
 * the session. */
#include "node/host_int.h"

bool host_covered(void *ctx, void *session_ctx, struct amount due)
{
	(void)ctx;
	(void)session_ctx;
	return amount_is_zero(due);
}

/* Nothing that costs anything was covered, so nothing is owed. */
void host_add_due(void *ctx, void *session_ctx, const struct address *renter,
		  struct amount due)
{
	(void)ctx;
	(void)session_ctx;
	(void)renter;
	(void)due;
}

bool host_charge(void *ctx, void *session_ctx, uint32_t len)
{
	struct host *h = ctx;

	(void)session_ctx;
	(void)len;
	return h->has_offer && amount_is_zero(h->offer.sheet.egress);
}
