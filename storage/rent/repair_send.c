#include "storage/rent/repair_int.h"

/* The rules are those of upload_send.c, but for hosts that are gone. */
#define BACKOFF_MAX_MS 60000
#define BUSY_MS 2000
#define INDEX_BITS 16

static uint64_t cookie_of(const struct repair *r, unsigned slot)
{
	return (uint64_t)r->slots[slot].generation << INDEX_BITS | slot;
}

static struct repair_slot *slot_of(struct repair *r, uint64_t cookie)
{
	uint64_t i = cookie & ((1U << INDEX_BITS) - 1);

	if (r->ended || i >= r->slots_n || r->slots[i].state != SLOT_SENT ||
	    cookie_of(r, (unsigned)i) != cookie)
		return NULL;
	return &r->slots[i];
}

static uint16_t host_of(const struct repair_slot *slot)
{
	return slot->segment->seat[slot->row];
}

/* It is not on its way any more; what was asked under its cookie is stale. */
static void unsend(struct repair *r, struct repair_slot *slot)
{
	r->hosts[host_of(slot)].sent--;
	slot->state = SLOT_READY;
	slot->generation++;
}

static void cancel(struct repair *r, struct repair_slot *slot)
{
	r->cfg.ops->put_cancel(r->cfg.ctx, repair_address(r, host_of(slot)),
			       cookie_of(r, (unsigned)(slot - r->slots)));
	unsend(r, slot);
}

void repair_cancel_all(struct repair *r)
{
	for (unsigned i = 0; i < r->slots_n; i++)
		if (r->slots[i].state == SLOT_SENT)
			cancel(r, &r->slots[i]);
}

static void did(struct repair *r, uint16_t host, enum upload_deed deed,
		int64_t ms)
{
	if (r->cfg.ops->put_did)
		r->cfg.ops->put_did(r->cfg.ctx, repair_address(r, host), deed,
				    ms < 0 ? 0 : (uint32_t)ms);
}

static void drop_host(struct repair *r, uint16_t host, const char *why)
{
	if (!placing_usable(r->cfg.placing, host))
		return;
	for (unsigned i = 0; i < r->slots_n; i++)
		if (r->slots[i].state == SLOT_SENT &&
		    host_of(&r->slots[i]) == host)
			cancel(r, &r->slots[i]);
	placing_drop(r->cfg.placing, host);
	r->hosts[host] = (struct repair_host){0};
	log_line(r->cfg.log, LOG_INFO, "repair", "host-dropped host=%u why=%s",
		 host, why);
	did(r, host, UPLOAD_GIVEN_UP, 0);
}

/* --- sending --- */

static bool may_send(const struct repair *r, uint16_t host)
{
	const struct repair_host *h;

	if (host == PLACING_NONE)
		return false;
	h = &r->hosts[host];
	return !h->parked && h->sent < UPLOAD_PER_HOST &&
	       h->not_before_ms <= r->now_ms;
}

void repair_send(struct repair *r)
{
	for (unsigned i = 0; i < r->slots_n; i++) {
		struct repair_slot *slot = &r->slots[i];

		if (slot->state != SLOT_READY || !may_send(r, host_of(slot)))
			continue;
		slot->state = SLOT_SENT;
		slot->sent_ms = slot->moved_ms = r->now_ms;
		r->hosts[host_of(slot)].sent++;
		r->cfg.ops->put_sector(
			r->cfg.ctx, repair_address(r, host_of(slot)),
			&slot->root, r->pool + (size_t)i * SECTOR_LEN,
			cookie_of(r, i));
	}
}

/* --- answers --- */

static void note_ack(struct repair *r, uint16_t host, int64_t ms)
{
	struct repair_host *h = &r->hosts[host];

	r->acks++;
	r->last_ack_ms = r->now_ms;
	r->mean_ms = r->mean_ms ? (r->mean_ms * 15 + ms) / 16 : ms;
	h->tries = 0;
	h->not_before_ms = 0;
	did(r, host, UPLOAD_GOOD, ms);
}

void repair_on_stored(struct repair *r, uint64_t cookie, int64_t now_ms)
{
	struct repair_slot *slot = slot_of(r, cookie);
	struct repair_segment *s;
	uint16_t host;

	if (!slot)
		return;
	r->now_ms = now_ms;
	s = slot->segment;
	host = host_of(slot);
	note_ack(r, host, now_ms - slot->sent_ms);
	unsend(r, slot);
	slot->state = SLOT_FREE;
	s->at[slot->row] = ROW_LIVES;
	s->made--;
	r->progress.placed++;
	r->cfg.ops->placed(r->cfg.ctx, s->index, slot->row, &slot->root,
			   repair_address(r, host));
	if (r->cfg.ops->progress)
		r->cfg.ops->progress(r->cfg.ctx, &r->progress);
	repair_pump(r);
}

/* Tried again later, then dropped. An upload asks first whether it is our own
 * line; here that was heard on by reads, and who repairs does so again. */
static void host_gone(struct repair *r, uint16_t host)
{
	struct repair_host *h = &r->hosts[host];
	int64_t wait = UPLOAD_BACKOFF_MS;

	if (h->not_before_ms > r->now_ms)
		return;
	h->tries++;
	did(r, host, UPLOAD_FAILED, 0);
	if (h->tries >= UPLOAD_TRIES) {
		drop_host(r, host, "gone");
		return;
	}
	for (unsigned i = 1; i < h->tries && wait < BACKOFF_MAX_MS; i++)
		wait *= 2;
	h->not_before_ms =
		r->now_ms + (wait < BACKOFF_MAX_MS ? wait : BACKOFF_MAX_MS);
}

void repair_on_refused(struct repair *r, uint64_t cookie, enum upload_no no,
		       const struct err *why, int64_t now_ms)
{
	struct repair_slot *slot = slot_of(r, cookie);
	struct err e = {0};
	uint16_t host;

	if (!slot)
		return;
	r->now_ms = now_ms;
	host = host_of(slot);
	unsend(r, slot);
	switch (no) {
	case UPLOAD_GONE:
		host_gone(r, host);
		break;
	case UPLOAD_BUSY:
		r->hosts[host].not_before_ms = now_ms + BUSY_MS;
		break;
	case UPLOAD_PARKED:
		if (!r->hosts[host].parked)
			did(r, host, UPLOAD_WAITS, 0);
		r->hosts[host].parked = true;
		break;
	case UPLOAD_DROP:
		drop_host(r, host, "refused");
		break;
	case UPLOAD_STOP:
		if (why)
			e = *why;
		(void)err_fail(&e, ERR_STATE, "a host refuses a sector");
		repair_fail(r, &e);
		return;
	}
	repair_pump(r);
}

void repair_on_moving(struct repair *r, uint64_t cookie, int64_t now_ms)
{
	const struct repair_slot *moved = slot_of(r, cookie);

	for (unsigned i = 0; moved && i < r->slots_n; i++)
		if (r->slots[i].state == SLOT_SENT &&
		    host_of(&r->slots[i]) == host_of(moved))
			r->slots[i].moved_ms = now_ms;
}

void repair_host_ready(struct repair *r, const struct address *host,
		       int64_t now_ms)
{
	uint16_t i = placing_find(r->cfg.placing, host);

	if (i == PLACING_NONE || r->ended)
		return;
	r->now_ms = now_ms;
	r->hosts[i].parked = false;
	repair_pump(r);
}

/* --- time --- */

static int64_t slow_ms(const struct repair *r)
{
	int64_t ms = r->mean_ms * UPLOAD_SLOW_TIMES;

	return ms > UPLOAD_SLOW_MS ? ms : UPLOAD_SLOW_MS;
}

static int64_t deadline(const struct repair *r, const struct repair_slot *slot)
{
	int64_t stall = slot->moved_ms + UPLOAD_STALL_MS;
	int64_t slow = slot->sent_ms + slow_ms(r);

	return stall < slow ? stall : slow;
}

/* What waits because our own line is dead is not the host's fault: then nobody
 * acknowledged anything since. */
static void check_slot(struct repair *r, struct repair_slot *slot)
{
	uint16_t host = host_of(slot);

	if (r->last_ack_ms > slot->moved_ms ||
	    (r->acks && r->now_ms >= slot->sent_ms + slow_ms(r))) {
		drop_host(r, host, "slow");
		return;
	}
	cancel(r, slot);
	host_gone(r, host);
}

void repair_check_times(struct repair *r)
{
	for (unsigned i = 0; i < r->slots_n; i++)
		if (r->slots[i].state == SLOT_SENT &&
		    deadline(r, &r->slots[i]) <= r->now_ms)
			check_slot(r, &r->slots[i]);
}

int64_t repair_send_next_ms(const struct repair *r)
{
	int64_t next = INT64_MAX, at;

	for (unsigned i = 0; i < r->slots_n; i++) {
		const struct repair_slot *slot = &r->slots[i];

		if (slot->state == SLOT_SENT)
			at = deadline(r, slot);
		else if (slot->state == SLOT_READY &&
			 host_of(slot) != PLACING_NONE &&
			 r->hosts[host_of(slot)].not_before_ms > r->now_ms)
			at = r->hosts[host_of(slot)].not_before_ms;
		else
			continue;
		if (at < next)
			next = at;
	}
	return next;
}
