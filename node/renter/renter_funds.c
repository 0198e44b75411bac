#include "node/renter/renter_funds.h"

#include "node/money/money.h"

bool renter_funds(const struct renter *r, struct amount *out)
{
	struct amount have, read, promised = AMOUNT_ZERO;

	if (!renting_free_balance(r->renting, &have))
		return false;
	(void)book_own_funds(r->engine->money->storage.book, &read, &promised);
	*out = amount_sub_floor(have, promised);
	return true;
}

enum err_code renter_need_funds(const struct renter *r, struct amount need,
				bool goes_on, struct err *e)
{
	const struct money *m = r->engine->money;
	struct amount have = AMOUNT_ZERO;
	char a[MONEY_TEXT_MAX], b[MONEY_TEXT_MAX], c[MONEY_TEXT_MAX];

	if ((goes_on ? renting_free_balance(r->renting, &have)
		     : renter_funds(r, &have)) &&
	    amount_cmp(have, need) >= 0)
		return ERR_NONE;
	return err_fail(e, ERR_FUNDS,
			"%s are to be locked or promised and %s are free in "
			"the bank: `seedbank deposit %s --account storage`",
			money_text(m, need, a), money_text(m, have, b),
			money_text(m, amount_sub_floor(need, have), c));
}
