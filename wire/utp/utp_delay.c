#include "wire/utp/utp_delay.h"

#include <stdbool.h>
#include <string.h>

/* In a space that wraps. */
static bool lower(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

void utp_delay_init(struct utp_delay *d)
{
	memset(d, 0, sizeof(*d));
}

static void find_lowest(struct utp_delay *d)
{
	d->lowest = d->base[d->minute];
	for (unsigned i = 0; i < d->minutes; i++)
		if (lower(d->base[i], d->lowest))
			d->lowest = d->base[i];
}

static void begin(struct utp_delay *d, uint32_t sample_us, int64_t now_us)
{
	d->minutes = 1;
	d->minute = 0;
	d->minute_us = now_us;
	d->base[0] = d->lowest = sample_us;
	for (unsigned i = 0; i < UTP_DELAY_RECENT; i++)
		d->recent[i] = sample_us;
}

static void next_minute(struct utp_delay *d, uint32_t sample_us, int64_t now_us)
{
	d->minute = (d->minute + 1) % UTP_BASE_MINUTES;
	if (d->minutes < UTP_BASE_MINUTES)
		d->minutes++;
	d->minute_us = now_us;
	d->base[d->minute] = sample_us;
	find_lowest(d);
}

void utp_delay_add(struct utp_delay *d, uint32_t sample_us, int64_t now_us)
{
	/* after a silence longer than the history nothing of it holds */
	if (d->minutes == 0 ||
	    now_us - d->minute_us >=
		    (int64_t)UTP_BASE_MINUTES * UTP_MINUTE_US) {
		begin(d, sample_us, now_us);
		return;
	}
	if (now_us - d->minute_us >= UTP_MINUTE_US)
		next_minute(d, sample_us, now_us);
	if (lower(sample_us, d->base[d->minute])) {
		d->base[d->minute] = sample_us;
		if (lower(sample_us, d->lowest))
			d->lowest = sample_us;
	}
	d->recent[d->at] = sample_us;
	d->at = (d->at + 1) % UTP_DELAY_RECENT;
}

uint32_t utp_delay_queued(const struct utp_delay *d)
{
	uint32_t now = d->recent[0];

	if (d->minutes == 0)
		return 0;
	for (unsigned i = 1; i < UTP_DELAY_RECENT; i++)
		if (lower(d->recent[i], now))
			now = d->recent[i];
	return lower(now, d->lowest) ? 0 : now - d->lowest;
}

uint32_t utp_delay_base(const struct utp_delay *d)
{
	return d->lowest;
}

void utp_delay_shift(struct utp_delay *d, uint32_t by_us)
{
	for (unsigned i = 0; i < d->minutes; i++)
		d->base[i] += by_us;
	d->lowest += by_us;
}
