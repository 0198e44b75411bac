/* host_rules.h - what a host does about an agreement, by what both signed and
 * what the chain has of it.
 *
 * Pure; periods as in base/agreement.h, `view` is the chain's final state of an
 * agreement that is open. Thread: any.
 */
#ifndef NODE_HOST_RULES_H
#define NODE_HOST_RULES_H

#include "base/agreement.h"
#include "contracts-abi/bank_abi.h"

#include <stdbool.h>
#include <stdint.h>

/* Periods before a revision with another rate cannot be posted any more, in
 * which the host posts it. */
#define HOST_POST_SOON 2U

/* Up to where the prover shall take it as settled: as both signed or as the
 * chain says, whichever is more. Two exceptions: a span that was proved in the
 * running period is left to the prover, which sees that it is done and counts
 * it; what only a revision settles to the end is not closed before that is
 * posted. */
uint32_t host_rule_settled(const struct agreement *a,
			   const struct bank_agreement *view, uint32_t now);

/* Shall the host post the newest revision? The renter should, and the host does
 * where money hangs on it:
 *   - it is over, or settled to its end, and the revision brings something
 *   - a proof is due within a period, and the revision has settled more than
 *     the chain knows (!: else the chain counts as missed what was paid)
 *   - another rate, which can be posted only while `through` is ahead, once
 *     the renter had time to post it (`waited`) */
bool host_rule_post(const struct agreement *a,
		    const struct bank_agreement *view, uint32_t now,
		    bool waited);

/* May it be forgotten, sectors and all? `view` NULL: of an agreement that goes
 * to the chain it is not known what became of it, so no. `view_period`: of the
 * block that it was read at. */
bool host_rule_over(const struct agreement *a,
		    const struct bank_agreement *view, uint32_t view_period,
		    uint32_t now);

#endif
