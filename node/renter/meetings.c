#include "node/renter/meetings.h"

#define WEIGHT 8U /* a time counts for an eighth, many for all but one */

static struct meeting *meeting_of(struct meetings *m,
				  const struct address *host)
{
	for (unsigned i = 0; i < m->n; i++)
		if (address_eq(&m->at[i].host, host))
			return &m->at[i];
	if (m->n == MEETINGS_MAX)
		return NULL;
	m->at[m->n] = (struct meeting){.host = *host};
	return &m->at[m->n++];
}

bool meetings_note(struct meetings *m, const struct address *host, bool good,
		   uint32_t ms, int64_t now_s)
{
	struct meeting *at = meeting_of(m, host);

	if (!at)
		return false;
	at->good += good;
	at->bad += !good;
	if (good)
		at->seen_s = now_s;
	if (ms) {
		at->timed++;
		at->ms += ms;
	}
	return true;
}

static uint32_t smoothed(uint32_t before, const struct meeting *m)
{
	uint64_t mean = m->ms / m->timed;
	unsigned share = m->timed < WEIGHT ? m->timed : WEIGHT - 1;

	if (before)
		mean = (before * (uint64_t)(WEIGHT - share) + mean * share) /
		       WEIGHT;
	return mean < UINT32_MAX ? (uint32_t)mean : UINT32_MAX;
}

static void write_one(const struct meeting *m, struct renter_db *r)
{
	struct renter_host h;

	if (renter_db_host(r, &h, &m->host, NULL) != ERR_NONE)
		return;
	h.good += m->good;
	h.bad += m->bad;
	if (m->seen_s)
		h.seen_s = m->seen_s;
	if (m->timed)
		h.rtt_ms = smoothed(h.rtt_ms, m);
	(void)!renter_db_set_host(r, &h, NULL);
}

bool meetings_write(struct meetings *m, struct renter_db *r)
{
	bool any = m->n > 0;

	for (unsigned i = 0; i < m->n; i++)
		write_one(&m->at[i], r);
	m->n = 0;
	return any;
}
