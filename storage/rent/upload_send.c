#include "storage/rent/upload_int.h"

#define BACKOFF_MAX_MS 60000
#define BUSY_MS 2000
#define INDEX_BITS 16
#define PROBE_TRIES 5
#define PROBE_MS 180000

static uint64_t cookie_of(const struct upload *u, unsigned slot)
{
	return (uint64_t)u->slots[slot].generation << INDEX_BITS | slot;
}

static struct upload_slot *slot_of(struct upload *u, uint64_t cookie)
{
	uint64_t i = cookie & ((1U << INDEX_BITS) - 1);

	if (u->phase == UP_ENDED || i >= u->slots_n ||
	    u->slots[i].state != SLOT_SENT ||
	    cookie_of(u, (unsigned)i) != cookie)
		return NULL;
	return &u->slots[i];
}

static uint16_t host_of(const struct upload_slot *slot)
{
	return slot->segment->seat[slot->shard];
}

/* It is not on its way any more; what was asked under its cookie is stale. */
static void unsend(struct upload *u, struct upload_slot *slot)
{
	u->hosts[host_of(slot)].sent--;
	slot->state = SLOT_READY;
	slot->generation++;
}

static void cancel(struct upload *u, struct upload_slot *slot)
{
	u->cfg.ops->put_cancel(u->cfg.ctx, upload_address(u, host_of(slot)),
			       cookie_of(u, (unsigned)(slot - u->slots)));
	unsend(u, slot);
}

void upload_cancel_all(struct upload *u)
{
	for (unsigned i = 0; i < u->slots_n; i++)
		if (u->slots[i].state == SLOT_SENT)
			cancel(u, &u->slots[i]);
}

/* --- seats --- */

static unsigned seat_segment(struct upload *u, struct upload_segment *s)
{
	for (unsigned i = 0; i < u->n; i++) {
		if (s->at[i] == AT_ACKED || s->at[i] == AT_DONE)
			continue;
		if (s->seat[i] != PLACING_NONE &&
		    !placing_usable(u->cfg.placing, s->seat[i]))
			s->seat[i] = PLACING_NONE;
	}
	return placing_fill(u->cfg.placing, s->seat, s->index);
}

void upload_seat(struct upload *u)
{
	const struct upload_segment *first = NULL;
	unsigned without = 0;
	struct err e = {0};

	for (struct upload_segment *s = u->segments; s; s = s->next) {
		unsigned more = seat_segment(u, s);

		if (more && !first)
			first = s;
		without += more;
	}
	if (!without || u->starved) {
		u->starved = without > 0;
		return;
	}
	u->starved = true;
	if (placing_check(u->cfg.placing, &e) == ERR_NONE)
		(void)err_fail(&e, ERR_STATE,
			       "%u sectors wait for hosts in other networks "
			       "than segment %u has",
			       without, first->index);
	log_line(u->cfg.log, LOG_WARN, "upload",
		 "starved sectors=%u why=\"%s\"", without, e.msg);
	u->cfg.ops->starved(u->cfg.ctx, &e);
}

static void drop_host(struct upload *u, uint16_t host, const char *why)
{
	if (!placing_usable(u->cfg.placing, host))
		return;
	for (unsigned i = 0; i < u->slots_n; i++)
		if (u->slots[i].state == SLOT_SENT &&
		    host_of(&u->slots[i]) == host)
			cancel(u, &u->slots[i]);
	placing_drop(u->cfg.placing, host);
	u->hosts[host] = (struct upload_host){0};
	log_line(u->cfg.log, LOG_INFO, "upload", "host-dropped host=%u why=%s",
		 host, why);
	upload_did(u, host, UPLOAD_GIVEN_UP, 0);
}

/* --- sending --- */

static bool may_send(const struct upload *u, uint16_t host)
{
	const struct upload_host *h;

	if (host == PLACING_NONE)
		return false;
	h = &u->hosts[host];
	return !h->parked && h->sent < UPLOAD_PER_HOST &&
	       h->not_before_ms <= u->now_ms;
}

void upload_send(struct upload *u)
{
	for (unsigned i = 0; i < u->slots_n; i++) {
		struct upload_slot *slot = &u->slots[i];

		if (slot->state != SLOT_READY || !may_send(u, host_of(slot)))
			continue;
		slot->state = SLOT_SENT;
		slot->sent_ms = slot->moved_ms = u->now_ms;
		u->hosts[host_of(slot)].sent++;
		u->cfg.ops->put_sector(
			u->cfg.ctx, upload_address(u, host_of(slot)),
			&slot->root, u->pool + (size_t)i * SECTOR_LEN,
			cookie_of(u, i));
	}
}

/* --- answers --- */

static void note_ack(struct upload *u, uint16_t host, int64_t ms)
{
	struct upload_host *h = &u->hosts[host];

	u->acks++;
	u->last_ack_ms = u->now_ms;
	u->mean_ms = u->mean_ms ? (u->mean_ms * 15 + ms) / 16 : ms;
	h->tries = 0;
	h->not_before_ms = 0;
	upload_did(u, host, UPLOAD_GOOD, ms);
}

void upload_on_stored(struct upload *u, uint64_t cookie, int64_t now_s,
		      int64_t now_ms)
{
	struct upload_slot *slot = slot_of(u, cookie);
	struct renter_place p = {.since_s = now_s, .object = u->object.id};
	struct upload_segment *s;
	struct err e = {0};
	uint16_t host;

	if (!slot)
		return;
	u->now_ms = now_ms;
	s = slot->segment;
	host = host_of(slot);
	note_ack(u, host, now_ms - slot->sent_ms);
	unsend(u, slot);
	p.segment = s->index;
	p.shard = slot->shard;
	p.root = slot->root;
	p.host = *upload_address(u, host);
	s->at[slot->shard] = AT_ACKED;
	slot->state = SLOT_FREE;
	if (renter_db_stage(u->cfg.db, &p, &e) != ERR_NONE) {
		upload_fail(u, &e);
		return;
	}
	u->cfg.ops->want_commit(u->cfg.ctx);
	upload_pump(u);
}

/* Does any other host have something of ours to answer? */
static bool others_wait(const struct upload *u, uint16_t host)
{
	for (unsigned i = 0; i < u->slots_n; i++)
		if ((u->slots[i].state == SLOT_READY ||
		     u->slots[i].state == SLOT_SENT) &&
		    host_of(&u->slots[i]) != host &&
		    host_of(&u->slots[i]) != PLACING_NONE)
			return true;
	return false;
}

/* Is the host at fault? Yes when others answered meanwhile, or nobody else has
 * anything to answer. Else it may be our own line, or the last hosts are all
 * gone (the others have acknowledged theirs already): one is given up in so
 * many minutes, to see whether another in its place answers. */
static bool is_at_fault(struct upload *u, uint16_t host)
{
	const struct upload_host *h = &u->hosts[host];

	if (h->tries < UPLOAD_TRIES)
		return false;
	if (u->acks > h->acks_then || !others_wait(u, host))
		return true;
	if (u->acks == 0 || h->tries < PROBE_TRIES || u->now_ms < u->probe_ms)
		return false;
	u->probe_ms = u->now_ms + PROBE_MS;
	return true;
}

/* Tried again later, and dropped when it is at fault. All sectors on their way
 * to it fail in one go: that counts once. */
static void host_gone(struct upload *u, uint16_t host)
{
	struct upload_host *h = &u->hosts[host];
	int64_t wait = UPLOAD_BACKOFF_MS;

	if (h->not_before_ms > u->now_ms)
		return;
	if (h->tries == 0)
		h->acks_then = u->acks;
	h->tries++;
	upload_did(u, host, UPLOAD_FAILED, 0);
	if (is_at_fault(u, host)) {
		drop_host(u, host, "gone");
		return;
	}
	for (unsigned i = 1; i < h->tries && wait < BACKOFF_MAX_MS; i++)
		wait *= 2;
	h->not_before_ms =
		u->now_ms + (wait < BACKOFF_MAX_MS ? wait : BACKOFF_MAX_MS);
}

void upload_on_refused(struct upload *u, uint64_t cookie, enum upload_no no,
		       const struct err *why, int64_t now_ms)
{
	struct upload_slot *slot = slot_of(u, cookie);
	struct err e = {0};
	uint16_t host;

	if (!slot)
		return;
	u->now_ms = now_ms;
	host = host_of(slot);
	unsend(u, slot);
	switch (no) {
	case UPLOAD_GONE:
		host_gone(u, host);
		break;
	case UPLOAD_BUSY:
		u->hosts[host].not_before_ms = now_ms + BUSY_MS;
		break;
	case UPLOAD_PARKED:
		if (!u->hosts[host].parked)
			upload_did(u, host, UPLOAD_WAITS, 0);
		u->hosts[host].parked = true;
		break;
	case UPLOAD_DROP:
		drop_host(u, host, "refused");
		break;
	case UPLOAD_STOP:
		if (why)
			e = *why;
		(void)err_fail(&e, ERR_STATE, "a host refuses a sector");
		upload_fail(u, &e);
		return;
	}
	upload_pump(u);
}

void upload_on_moving(struct upload *u, uint64_t cookie, int64_t now_ms)
{
	const struct upload_slot *moved = slot_of(u, cookie);

	for (unsigned i = 0; moved && i < u->slots_n; i++)
		if (u->slots[i].state == SLOT_SENT &&
		    host_of(&u->slots[i]) == host_of(moved))
			u->slots[i].moved_ms = now_ms;
}

void upload_host_ready(struct upload *u, const struct address *host,
		       int64_t now_ms)
{
	uint16_t i = placing_find(u->cfg.placing, host);

	if (i == PLACING_NONE || u->phase == UP_ENDED)
		return;
	u->now_ms = now_ms;
	u->hosts[i].parked = false;
	upload_pump(u);
}

enum upload_no upload_no_of(enum rent_no no)
{
	switch (no) {
	case RENT_NO_BUSY:
	case RENT_NO_CHAIN:
	case RENT_NO_NONE:
		return UPLOAD_BUSY;
	case RENT_NO_STAGE:
	case RENT_NO_FUNDS:
		return UPLOAD_PARKED;
	case RENT_NO_BANK:
	case RENT_NO_ACCOUNT:
	case RENT_NO_UNKNOWN:
	case RENT_NO_FULL:
	case RENT_NO_STORE:
	case RENT_NO_ROOT:
	case RENT_NO_TERMS:
	case RENT_NO_PRICE:
	case RENT_NO_REVISION:
	case RENT_NO_LIST:
	case RENT_NO_PERIODS:
	case RENT_NO_LOST:
	case RENT_NO_OLD:
	case RENT_NO_CLOSED:
		break;
	}
	return UPLOAD_DROP;
}

/* --- time --- */

static int64_t slow_ms(const struct upload *u)
{
	int64_t ms = u->mean_ms * UPLOAD_SLOW_TIMES;

	return ms > UPLOAD_SLOW_MS ? ms : UPLOAD_SLOW_MS;
}

/* When it is late. What waits because our own line is dead is not the host's
 * fault: then nobody acknowledged anything since. */
static int64_t deadline(const struct upload *u, const struct upload_slot *slot)
{
	int64_t stall = slot->moved_ms + UPLOAD_STALL_MS;
	int64_t slow = slot->sent_ms + slow_ms(u);

	return stall < slow ? stall : slow;
}

static void check_slot(struct upload *u, struct upload_slot *slot)
{
	uint16_t host = host_of(slot);

	if (u->last_ack_ms > slot->moved_ms ||
	    (u->acks && u->now_ms >= slot->sent_ms + slow_ms(u))) {
		drop_host(u, host, "slow");
		return;
	}
	cancel(u, slot);
	host_gone(u, host);
}

void upload_check_times(struct upload *u)
{
	for (unsigned i = 0; i < u->slots_n; i++)
		if (u->slots[i].state == SLOT_SENT &&
		    deadline(u, &u->slots[i]) <= u->now_ms)
			check_slot(u, &u->slots[i]);
}

int64_t upload_next_ms(const struct upload *u)
{
	int64_t next = INT64_MAX, at;

	for (unsigned i = 0; i < u->slots_n; i++) {
		const struct upload_slot *slot = &u->slots[i];

		if (slot->state == SLOT_SENT)
			at = deadline(u, slot);
		else if (slot->state == SLOT_READY &&
			 host_of(slot) != PLACING_NONE &&
			 u->hosts[host_of(slot)].not_before_ms > u->now_ms)
			at = u->hosts[host_of(slot)].not_before_ms;
		else
			continue;
		if (at < next)
			next = at;
	}
	return u->phase == UP_ENDED ? INT64_MAX : next;
}
