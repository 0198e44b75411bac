/* renter_funds.h - what a journey may lock or promise: the free balance in the
 * bank without what receipts have promised of it already. Thread: the loop.
 */
#ifndef NODE_RENTER_FUNDS_H
#define NODE_RENTER_FUNDS_H

#include "base/amount.h"
#include "node/renter/renter.h"

/* The balance as last read. False: it never was. */
bool renter_funds(const struct renter *r, struct amount *out)
	__attribute__((warn_unused_result));
/* ERR_FUNDS: there is less, and how much is to be deposited. goes_on: part of
 * `need` may be promised already, so that promises are not counted. */
enum err_code renter_need_funds(const struct renter *r, struct amount need,
				bool goes_on, struct err *e)
	__attribute__((warn_unused_result));

#endif
