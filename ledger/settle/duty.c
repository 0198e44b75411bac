#include "ledger/settle/duty.h"

bool duty_next(struct duty *out, const struct agreement *a, uint32_t now)
{
	uint32_t from = a->through > now ? a->through : now;
	uint32_t span;

	if (from < a->start)
		from = a->start;
	if (from >= a->end)
		return false;
	span = agreement_span_of(a, from);
	out->due = agreement_span_end(a, span) - 1;
	out->first = a->start + span * a->span;
	if (out->first < a->through)
		out->first = a->through;
	return true;
}

bool duty_pay(struct amount *out, const struct duty *d,
	      const struct agreement *a)
{
	return agreement_rent(out, a, d->due - d->first + 1);
}

struct duty_time duty_time_at(uint64_t block, uint32_t period_blocks)
{
	uint32_t into = (uint32_t)(block % period_blocks);

	return (struct duty_time){
		.period = (uint32_t)(block / period_blocks),
		.into = into,
		.left = period_blocks - 1 - into,
	};
}

/* A multiplicative hash will do: nobody gains by being early. */
uint32_t duty_anchor_from(const struct address *host, uint32_t period,
			  uint32_t period_blocks)
{
	const uint32_t most = period_blocks / 16 < DUTY_ANCHOR_BY / 2
				      ? period_blocks / 16
				      : DUTY_ANCHOR_BY / 2;
	uint32_t h = period;

	for (size_t i = 0; i < sizeof(host->bytes); i++)
		h = (h ^ host->bytes[i]) * UINT32_C(16777619);
	return 1 + (most ? (h >> 8) % most : 0);
}

enum duty_alarm duty_alarm_at(const struct duty_time *now)
{
	uint64_t length = (uint64_t)now->into + now->left + 1;

	if ((uint64_t)now->left * 8 < length)
		return DUTY_GRAVE;
	return (uint64_t)now->into * 2 >= length ? DUTY_LATE : DUTY_CALM;
}
