#include "storage/rent/download_int.h"

#include <stdio.h>

#define INDEX_BITS 16
#define UNKNOWN_MS 100 /* taken of hosts before any was asked */
/* Rows of parity must be solved for, which is work for us: where hosts are so
 * fast that we are what bounds it, data rows are waited for so long. */
#define PARITY_MS 30

static const struct address *address_of(const struct download *d, uint16_t host)
{
	return &d->cfg.placement->hosts[host];
}

static void did(struct download *d, uint16_t host, enum download_deed deed,
		int64_t ms)
{
	if (d->cfg.ops->host_did)
		d->cfg.ops->host_did(d->cfg.ctx, address_of(d, host), deed,
				     ms < 0 ? 0 : (uint32_t)ms);
}

/* --- what can still be had --- */

static bool place_left(const struct download *d, uint16_t host)
{
	return host < d->cfg.placement->hosts_n && !d->peers[host].dropped;
}

/* u: NULL, nothing of this segment was tried yet. */
static bool row_left(const struct download *d, uint32_t segment, unsigned row,
		     const struct unit *u)
{
	const struct placement_row *r = unit_row(d, segment, row);

	if (u && u->row[row])
		return true;
	for (unsigned i = 0; i < r->places; i++)
		if (place_left(d, r->host[i]) &&
		    !(u && u->failed[row] & 1U << i))
			return true;
	return false;
}

static unsigned rows_left(const struct download *d, uint32_t segment,
			  const struct unit *u)
{
	unsigned have = 0;

	for (unsigned i = 0; i < d->n; i++)
		have += row_left(d, segment, i, u);
	return have;
}

/* A frame alone needs one row only. */
static void judge(struct download *d, uint32_t segment, const struct unit *u)
{
	unsigned have = rows_left(d, segment, u);

	if (have >= d->k)
		return;
	if (u && u->direct &&
	    row_left(d, segment, u->frame / FRAMES_PER_ROW, u))
		return;
	if (!d->lost)
		d->loss = (struct download_loss){segment, have, d->k, 0};
	d->lost = true;
	d->loss.segments++;
}

static unsigned silent_hosts(const struct download *d)
{
	unsigned n = 0;

	for (unsigned i = 0; i < d->cfg.placement->hosts_n; i++)
		n += d->peers[i].silent;
	return n;
}

static void say_lost(struct download *d)
{
	const struct download_loss *l = &d->loss;
	const unsigned silent = silent_hosts(d);
	char back[64] = "";
	struct err e = {0};

	if (silent)
		(void)snprintf(back, sizeof(back),
			       "; %u hosts do not answer: they may come back",
			       silent);

	if (d->heard == 0 && d->silences > 0)
		(void)err_fail(&e, ERR_IO,
			       "none of the hosts answers: is this machine "
			       "online?");
	else
		(void)err_fail(&e, ERR_IO,
			       "unrecoverable%s: of segment %u %u of %u "
			       "shards can be had, %u are needed, %u are "
			       "missing; segments like this: %u%s",
			       silent ? " now" : "", l->segment, l->have, d->n,
			       l->need, l->need - l->have, l->segments, back);
	download_fail(d, &e);
}

bool download_possible(struct download *d)
{
	uint32_t begun = 0;

	if (d->over)
		return false;
	d->lost = false;
	for (unsigned i = 0; i < d->units_n; i++) {
		const struct unit *u = d->units[i];

		if (!unit_complete(d, u))
			judge(d, u->segment, u);
		begun = u->segment + 1;
	}
	for (uint64_t at = d->at; at < d->end; at += d->plain - at % d->plain) {
		uint32_t segment = (uint32_t)(at / d->plain);

		if (segment >= begun)
			judge(d, segment, NULL);
	}
	if (d->lost)
		say_lost(d);
	return !d->lost;
}

static void drop(struct download *d, uint16_t host, const char *why)
{
	if (d->peers[host].dropped)
		return;
	d->peers[host].dropped = true;
	log_line(d->cfg.log, LOG_INFO, "download",
		 "host-dropped host=%u why=%s", host, why);
	did(d, host, DOWNLOAD_GIVEN_UP, 0);
}

/* --- reads --- */

static uint64_t cookie_of(const struct download *d, const struct read_slot *r)
{
	return (uint64_t)r->generation << INDEX_BITS | (uint64_t)(r - d->reads);
}

static struct read_slot *read_of(struct download *d, uint64_t cookie)
{
	uint64_t i = cookie & ((1U << INDEX_BITS) - 1);

	if (i >= READS_MAX || !d->reads[i].used ||
	    cookie_of(d, &d->reads[i]) != cookie)
		return NULL;
	return &d->reads[i];
}

/* Its buffer stays with the caller. */
static void close_read(struct download *d, struct read_slot *r)
{
	r->used = false;
	r->generation++;
	r->unit->asked--;
	r->unit->waiting[r->row]--;
	d->peers[r->host].reads--;
}

static void give_back(struct download *d, struct read_slot *r)
{
	row_put(d, r->buf, r->unit->width);
	r->buf = NULL;
}

static void cancel(struct download *d, struct read_slot *r)
{
	d->cfg.ops->cancel(d->cfg.ctx, address_of(d, r->host), cookie_of(d, r));
	close_read(d, r);
	give_back(d, r);
}

void download_cancel_unit(struct download *d, const struct unit *u)
{
	for (unsigned i = 0; i < READS_MAX; i++)
		if (d->reads[i].used && (!u || d->reads[i].unit == u))
			cancel(d, &d->reads[i]);
}

static int64_t cost(const struct download *d, const struct unit *u,
		    unsigned row, uint16_t host)
{
	const struct peer *p = &d->peers[host];
	int64_t ms = p->ms[unit_class(u)];

	if (!ms)
		ms = d->mean_ms[unit_class(u)];
	return (ms ? ms : UNKNOWN_MS) * (p->reads + 1) +
	       (row < d->k ? 0 : PARITY_MS);
}

struct choice {
	unsigned row;
	uint8_t place;
	uint16_t host;
	int64_t cost;
};

static void choose_of_row(const struct download *d, const struct unit *u,
			  unsigned row, struct choice *best)
{
	const struct placement_row *r = unit_row(d, u->segment, row);

	if (u->row[row] || u->waiting[row])
		return;
	for (uint8_t i = 0; i < r->places; i++) {
		uint16_t host = r->host[i];
		const struct peer *p;
		int64_t c;

		if (!place_left(d, host) || u->failed[row] & 1U << i)
			continue;
		p = &d->peers[host];
		if (p->reads >= DOWNLOAD_PER_HOST ||
		    p->not_before_ms > d->now_ms)
			continue;
		c = cost(d, u, row, host);
		if (c < best->cost)
			*best = (struct choice){row, i, host, c};
	}
}

static bool choose(const struct download *d, const struct unit *u,
		   struct choice *best)
{
	*best = (struct choice){.cost = INT64_MAX};
	if (u->direct && u->want == 1) {
		choose_of_row(d, u, u->frame / FRAMES_PER_ROW, best);
		return best->cost != INT64_MAX;
	}
	for (unsigned row = 0; row < d->n; row++)
		choose_of_row(d, u, row, best);
	return best->cost != INT64_MAX;
}

static struct read_slot *free_read(struct download *d)
{
	for (unsigned i = 0; i < READS_MAX; i++)
		if (!d->reads[i].used)
			return &d->reads[i];
	return NULL;
}

static bool ask_one(struct download *d, struct unit *u)
{
	struct read_slot *r = free_read(d);
	struct choice c;
	uint8_t *buf;

	if (!r || !choose(d, u, &c))
		return false;
	buf = row_get(d, u->width);
	if (!buf) {
		struct err e = {0};

		(void)err_fail(&e, ERR_NOMEM, "download: no memory");
		download_fail(d, &e);
		return false;
	}
	*r = (struct read_slot){
		.used = true,
		.generation = r->generation,
		.unit = u,
		.row = (uint16_t)c.row,
		.host = c.host,
		.place = c.place,
		.buf = buf,
		.asked_ms = d->now_ms,
	};
	u->asked++;
	u->waiting[c.row]++;
	d->peers[c.host].reads++;
	d->cfg.ops->read(d->cfg.ctx, address_of(d, c.host),
			 &unit_row(d, u->segment, c.row)->root, u->offset,
			 u->width, buf, cookie_of(d, r));
	return true;
}

/* A frame is had from k other rows when nobody can be asked for its own. */
static void widen(const struct download *d, struct unit *u)
{
	unsigned row = u->frame / FRAMES_PER_ROW;
	const struct placement_row *r = unit_row(d, u->segment, row);

	if (!u->direct || u->want > 1 || u->waiting[row])
		return;
	for (unsigned i = 0; i < r->places; i++)
		if (place_left(d, r->host[i]) && !(u->failed[row] & 1U << i) &&
		    d->peers[r->host[i]].not_before_ms <= d->now_ms)
			return;
	u->want = d->k;
}

void download_ask(struct download *d)
{
	for (unsigned i = 0; i < d->units_n && !d->over; i++) {
		struct unit *u = d->units[i];
		uint64_t most = (uint64_t)d->buffers * SECTOR_LEN;

		if (i > 0)
			most -= (uint64_t)EXTRA * SECTOR_LEN;
		widen(d, u);
		while (!unit_complete(d, u) && u->rows + u->asked < u->want &&
		       d->lent + u->width <= most && ask_one(d, u))
			;
	}
}

/* --- answers --- */

static void smooth(int64_t *mean, int64_t ms)
{
	if (ms < 1)
		ms = 1;
	*mean = *mean ? (*mean * 7 + ms) / 8 : ms;
}

void download_on_read(struct download *d, uint64_t cookie, int64_t now_ms)
{
	struct read_slot *r = read_of(d, cookie);
	struct unit *u;
	int64_t ms;

	if (!r)
		return;
	d->now_ms = now_ms;
	u = r->unit;
	ms = now_ms - r->asked_ms;
	d->heard++;
	d->peers[r->host].tries = 0;
	smooth(&d->peers[r->host].ms[unit_class(u)], ms);
	smooth(&d->mean_ms[unit_class(u)], ms);
	did(d, r->host, DOWNLOAD_GOOD, ms);
	close_read(d, r);
	u->row[r->row] = r->buf;
	u->rows++;
	if (unit_complete(d, u))
		download_cancel_unit(d, u);
	download_pump(d);
}

/* All its reads fail in one go: that counts once. */
static void gone(struct download *d, uint16_t host)
{
	struct peer *p = &d->peers[host];

	if (p->not_before_ms > d->now_ms)
		return;
	p->tries++;
	d->silences++;
	did(d, host, DOWNLOAD_FAILED, 0);
	p->not_before_ms =
		d->now_ms + ((int64_t)DOWNLOAD_BACKOFF_MS << (p->tries - 1));
	if (p->tries < DOWNLOAD_TRIES)
		return;
	p->silent = true;
	drop(d, host, "gone");
}

/* What was asked for lags: one row more than would do. */
static void race(struct download *d, struct unit *u)
{
	unsigned want = (u->want < d->k ? d->k : u->want) + 1;

	u->want = want < d->n ? want : d->n;
}

void download_on_failed(struct download *d, uint64_t cookie,
			enum download_no no, const struct err *why,
			int64_t now_ms)
{
	struct read_slot *r = read_of(d, cookie);
	struct err e = {0};
	struct unit *u;

	if (!r)
		return;
	d->now_ms = now_ms;
	u = r->unit;
	d->heard += no != DOWNLOAD_GONE;
	close_read(d, r);
	give_back(d, r);
	switch (no) {
	case DOWNLOAD_GONE:
		gone(d, r->host);
		break;
	case DOWNLOAD_BUSY:
		d->peers[r->host].not_before_ms = now_ms + DOWNLOAD_BACKOFF_MS;
		break;
	case DOWNLOAD_LOST:
		u->failed[r->row] |= (uint8_t)(1U << r->place);
		did(d, r->host, DOWNLOAD_MISSING, 0);
		break;
	case DOWNLOAD_LIED:
		did(d, r->host, DOWNLOAD_FALSE, 0);
		drop(d, r->host, "lied");
		break;
	case DOWNLOAD_DROP:
		drop(d, r->host, "refused");
		break;
	case DOWNLOAD_STOP:
		if (why)
			e = *why;
		(void)err_fail(&e, ERR_STATE, "a host refuses a read");
		download_fail(d, &e);
		return;
	}
	if (u->want < d->k)
		u->want = d->k;
	if (download_possible(d))
		download_pump(d);
}

enum download_no download_no_of(enum rent_no no)
{
	switch (no) {
	case RENT_NO_BUSY:
	case RENT_NO_CHAIN:
	case RENT_NO_STAGE:
	case RENT_NO_NONE:
		return DOWNLOAD_BUSY;
	case RENT_NO_UNKNOWN:
	case RENT_NO_STORE:
	case RENT_NO_LOST:
		return DOWNLOAD_LOST;
	case RENT_NO_BANK:
	case RENT_NO_ACCOUNT:
	case RENT_NO_FULL:
	case RENT_NO_ROOT:
	case RENT_NO_TERMS:
	case RENT_NO_PRICE:
	case RENT_NO_REVISION:
	case RENT_NO_LIST:
	case RENT_NO_PERIODS:
	case RENT_NO_FUNDS:
	case RENT_NO_OLD:
	case RENT_NO_CLOSED:
		break;
	}
	return DOWNLOAD_DROP;
}

/* --- time --- */

static int64_t lag_ms(const struct download *d, const struct read_slot *r)
{
	int64_t ms = d->mean_ms[unit_class(r->unit)] * DOWNLOAD_LAG_TIMES;

	return ms > DOWNLOAD_LAG_MS ? ms : DOWNLOAD_LAG_MS;
}

static int64_t due_ms(const struct download *d, const struct read_slot *r)
{
	return r->asked_ms + (r->lagged ? DOWNLOAD_STALL_MS : lag_ms(d, r));
}

void download_check_times(struct download *d)
{
	bool stalled = false;

	for (unsigned i = 0; i < READS_MAX; i++) {
		struct read_slot *r = &d->reads[i];

		if (!r->used || due_ms(d, r) > d->now_ms)
			continue;
		if (!r->lagged) {
			r->lagged = true;
			race(d, r->unit);
			continue;
		}
		stalled = true;
		cancel(d, r);
		gone(d, r->host);
	}
	if (stalled)
		(void)download_possible(d);
}

/* Hosts that wait, while something could be asked of them. */
static int64_t backoff_ms(const struct download *d)
{
	int64_t next = INT64_MAX;

	for (unsigned i = 0; i < d->cfg.placement->hosts_n; i++) {
		const struct peer *p = &d->peers[i];

		if (!p->dropped && p->not_before_ms > d->now_ms &&
		    p->not_before_ms < next)
			next = p->not_before_ms;
	}
	return next;
}

int64_t download_next_ms(const struct download *d)
{
	int64_t next = INT64_MAX;

	if (d->over)
		return next;
	for (unsigned i = 0; i < READS_MAX; i++)
		if (d->reads[i].used && due_ms(d, &d->reads[i]) < next)
			next = due_ms(d, &d->reads[i]);
	if (d->units_n) {
		int64_t wait = backoff_ms(d);

		if (wait < next)
			next = wait;
	}
	return next;
}
