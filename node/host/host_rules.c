#include "node/host/host_rules.h"

#include "contracts-abi/bank.h"
#include "ledger/settle/duty.h"
#include "storage/rent/rent_rules.h"

uint32_t host_rule_settled(const struct agreement *a,
			   const struct bank_agreement *view, uint32_t now)
{
	uint32_t through = a->through, span;

	if (through >= a->end && view->through < a->end)
		return view->through;
	if (view->through <= through)
		return through;
	if (view->through <= now || view->through >= a->end || now < a->start)
		return view->through;
	span = a->start + agreement_span_of(a, now) * a->span;
	return span > through ? span : through;
}

/* ---- posting ---- */

/* In force, or from the next period on. */
static struct amount rate_on_chain(const struct bank_agreement *view)
{
	return view->from ? view->next_rate : view->rate;
}

static bool brings(const struct agreement *a, const struct bank_agreement *view)
{
	return a->revision > view->revision &&
	       (amount_cmp(a->earned, view->earned) > 0 ||
		amount_cmp(a->rate, rate_on_chain(view)) > 0);
}

/* Would the bank take it? Another rate only with all settled up to now. */
static bool can_post(const struct agreement *a, bool same_rate, uint32_t now)
{
	return same_rate || now < a->start || a->through > now ||
	       a->through == a->end;
}

static bool proof_is_near(const struct agreement *a,
			  const struct bank_agreement *view, uint32_t now)
{
	struct duty d;

	return a->through > view->through && duty_next(&d, a, now) &&
	       d.due <= now + 1;
}

bool host_rule_post(const struct agreement *a,
		    const struct bank_agreement *view, uint32_t now,
		    bool waited)
{
	const bool same_rate = amount_cmp(a->rate, rate_on_chain(view)) == 0;

	if (!brings(a, view) || !can_post(a, same_rate, now))
		return false;
	return now >= a->end || a->through >= a->end ||
	       proof_is_near(a, view, now) ||
	       (!same_rate && waited && a->through <= now + HOST_POST_SOON);
}

/* ---- the end ---- */

bool host_rule_over(const struct agreement *a,
		    const struct bank_agreement *view, uint32_t view_period,
		    uint32_t now)
{
	const bool kept = now < rent_kept_until(a);

	if (rent_unopened(a))
		return !kept;
	if (!view)
		return false;
	if (view->state == BANK_AGREEMENT_NONE) /* too late to open it */
		return view_period > a->start;
	return view->state == BANK_AGREEMENT_CLOSED && !kept;
}
