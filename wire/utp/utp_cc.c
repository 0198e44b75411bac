#include "wire/utp/utp_cc.h"

#define SLOW_START_END_US (UTP_TARGET_US / 4 * 3)
#define BACKOFF_MAX 6U

static uint32_t floor_of(const struct utp_cc *c)
{
	return c->mss * UTP_CWND_MIN_PACKETS;
}

void utp_cc_init(struct utp_cc *c, uint32_t mss, uint32_t max)
{
	*c = (struct utp_cc){.mss = mss,
			     .cwnd = mss * UTP_CWND_FIRST_PACKETS,
			     .max = max,
			     .ssthresh = max,
			     .slow_start = true};
	if (c->cwnd > max)
		c->cwnd = max;
}

void utp_cc_set_mss(struct utp_cc *c, uint32_t mss)
{
	c->mss = mss;
	if (c->cwnd < mss)
		c->cwnd = mss;
}

static void grow(struct utp_cc *c, int64_t by)
{
	int64_t cwnd = (int64_t)c->cwnd + by;

	if (cwnd < floor_of(c))
		cwnd = floor_of(c);
	c->cwnd = cwnd > c->max ? c->max : (uint32_t)cwnd;
}

/* The window gains UTP_GAIN_BYTES in a round trip when nothing is queued, and
 * loses as much when twice the target is. */
static void follow_delay(struct utp_cc *c, uint32_t acked, uint32_t queued_us)
{
	int64_t off = (int64_t)UTP_TARGET_US - queued_us;
	int64_t by;

	if (off < -4 * (int64_t)UTP_TARGET_US)
		off = -4 * (int64_t)UTP_TARGET_US;
	c->credit += (int64_t)UTP_GAIN_BYTES * acked * off / UTP_TARGET_US;
	by = c->credit / c->cwnd;
	c->credit -= by * c->cwnd;
	if (by < -(int64_t)(c->cwnd / 2))
		by = -(int64_t)(c->cwnd / 2);
	grow(c, by);
}

void utp_cc_acked(struct utp_cc *c, uint32_t acked, bool used,
		  uint32_t queued_us)
{
	if (c->slow_start &&
	    (queued_us > SLOW_START_END_US || c->cwnd >= c->ssthresh)) {
		c->slow_start = false;
		c->ssthresh = c->cwnd;
	}
	if (c->slow_start) {
		if (used)
			grow(c, acked);
		return;
	}
	if (used || queued_us > UTP_TARGET_US)
		follow_delay(c, acked, queued_us);
}

void utp_cc_lost(struct utp_cc *c)
{
	c->slow_start = false;
	grow(c, -(int64_t)(c->cwnd / 2));
	c->ssthresh = c->cwnd;
}

void utp_cc_timeout(struct utp_cc *c)
{
	c->ssthresh = c->cwnd / 2 > floor_of(c) ? c->cwnd / 2 : floor_of(c);
	c->cwnd = c->mss;
	c->slow_start = true;
	c->credit = 0;
}

void utp_rtt_add(struct utp_rtt *r, int64_t sample_us)
{
	int64_t off;

	if (sample_us < 1)
		sample_us = 1;
	if (r->srtt_us == 0) {
		r->srtt_us = sample_us;
		r->var_us = sample_us / 2;
		r->min_us = sample_us;
		return;
	}
	off = sample_us - r->srtt_us;
	r->srtt_us += off / 8;
	if (r->srtt_us < 1)
		r->srtt_us = 1;
	r->var_us += ((off < 0 ? -off : off) - r->var_us) / 4;
	if (sample_us < r->min_us)
		r->min_us = sample_us;
}

int64_t utp_rtt_rto_us(const struct utp_rtt *r)
{
	int64_t rto =
		r->srtt_us ? r->srtt_us + 4 * r->var_us : UTP_RTO_FIRST_US;
	unsigned backoff = r->backoff < BACKOFF_MAX ? r->backoff : BACKOFF_MAX;

	if (rto < UTP_RTO_MIN_US)
		rto = UTP_RTO_MIN_US;
	rto <<= backoff;
	return rto > UTP_RTO_MAX_US ? UTP_RTO_MAX_US : rto;
}
