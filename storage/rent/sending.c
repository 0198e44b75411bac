#include "storage/rent/sending.h"

#include "storage/sector/tree.h"

#include <stdlib.h>

#define BACKOFF_MAX_MS 60000
#define BUSY_MS 2000
#define INDEX_BITS 16
#define PROBE_TRIES 5
#define PROBE_MS 180000

/* --- slots --- */

enum err_code sending_init(struct sending *s, const struct sending_cfg *cfg,
			   unsigned slots, int64_t now_ms, struct err *e)
{
	s->cfg = *cfg;
	s->now_ms = now_ms;
	s->slots_n = slots ? slots : UPLOAD_SLOTS;
	s->pool = malloc((size_t)s->slots_n * SECTOR_LEN);
	s->slots = calloc(s->slots_n, sizeof(*s->slots));
	s->hosts = calloc(PLACING_HOSTS_MAX, sizeof(*s->hosts));
	if (!s->pool || !s->slots || !s->hosts)
		return err_fail(e, ERR_NOMEM, "%s: no memory", cfg->name);
	return ERR_NONE;
}

void sending_clear(struct sending *s)
{
	free(s->hosts);
	free(s->slots);
	free(s->pool);
	*s = (struct sending){.slots_n = 0};
}

void sending_fill(struct sending *s, unsigned slot, void *segment, uint16_t row,
		  const uint16_t *seat)
{
	s->slots[slot] = (struct sending_slot){
		.state = SLOT_MAKING,
		.row = row,
		.generation = s->slots[slot].generation,
		.segment = segment,
		.seat = seat,
	};
}

uint8_t *sending_sector(const struct sending *s, unsigned slot)
{
	return s->pool + (size_t)slot * SECTOR_LEN;
}

static uint64_t cookie_of(const struct sending *s, unsigned slot)
{
	return (uint64_t)s->slots[slot].generation << INDEX_BITS | slot;
}

struct sending_slot *sending_find(struct sending *s, uint64_t cookie)
{
	uint64_t i = cookie & ((1U << INDEX_BITS) - 1);

	if (i >= s->slots_n || s->slots[i].state != SLOT_SENT ||
	    cookie_of(s, (unsigned)i) != cookie)
		return NULL;
	return &s->slots[i];
}

/* It is not on its way any more; what was asked under its cookie is stale. */
static void unsend(struct sending *s, struct sending_slot *slot)
{
	s->hosts[*slot->seat].sent--;
	slot->state = SLOT_READY;
	slot->generation++;
}

static void cancel(struct sending *s, struct sending_slot *slot)
{
	s->cfg.cancel(s->cfg.ctx, sending_address(s, *slot->seat),
		      cookie_of(s, (unsigned)(slot - s->slots)));
	unsend(s, slot);
}

void sending_cancel_all(struct sending *s)
{
	for (unsigned i = 0; i < s->slots_n; i++)
		if (s->slots[i].state == SLOT_SENT)
			cancel(s, &s->slots[i]);
}

static void did(struct sending *s, uint16_t host, enum upload_deed deed,
		int64_t ms)
{
	if (s->cfg.did)
		s->cfg.did(s->cfg.ctx, sending_address(s, host), deed,
			   ms < 0 ? 0 : (uint32_t)ms);
}

static void drop_host(struct sending *s, uint16_t host, const char *why)
{
	if (!placing_usable(s->cfg.placing, host))
		return;
	for (unsigned i = 0; i < s->slots_n; i++)
		if (s->slots[i].state == SLOT_SENT && *s->slots[i].seat == host)
			cancel(s, &s->slots[i]);
	placing_drop(s->cfg.placing, host);
	s->hosts[host] = (struct sending_host){0};
	log_line(s->cfg.log, LOG_INFO, s->cfg.name,
		 "host-dropped host=%u why=%s", host, why);
	did(s, host, UPLOAD_GIVEN_UP, 0);
}

/* --- sending --- */

static bool may_send(const struct sending *s, uint16_t host)
{
	const struct sending_host *h;

	if (host == PLACING_NONE)
		return false;
	h = &s->hosts[host];
	return !h->parked && h->sent < UPLOAD_PER_HOST &&
	       h->not_before_ms <= s->now_ms;
}

void sending_go(struct sending *s)
{
	for (unsigned i = 0; i < s->slots_n; i++) {
		struct sending_slot *slot = &s->slots[i];

		if (slot->state != SLOT_READY || !may_send(s, *slot->seat))
			continue;
		slot->state = SLOT_SENT;
		slot->sent_ms = slot->moved_ms = s->now_ms;
		s->hosts[*slot->seat].sent++;
		s->cfg.put(s->cfg.ctx, sending_address(s, *slot->seat),
			   &slot->root, sending_sector(s, i), cookie_of(s, i));
	}
}

/* --- answers --- */

static void note_ack(struct sending *s, uint16_t host, int64_t ms)
{
	struct sending_host *h = &s->hosts[host];

	s->acks++;
	s->last_ack_ms = s->now_ms;
	s->mean_ms = s->mean_ms ? (s->mean_ms * 15 + ms) / 16 : ms;
	h->tries = 0;
	h->not_before_ms = 0;
	did(s, host, UPLOAD_GOOD, ms);
}

uint16_t sending_stored(struct sending *s, struct sending_slot *slot)
{
	uint16_t host = *slot->seat;

	note_ack(s, host, s->now_ms - slot->sent_ms);
	unsend(s, slot);
	slot->state = SLOT_FREE;
	return host;
}

/* Does any other host have something of ours to answer? */
static bool others_wait(const struct sending *s, uint16_t host)
{
	for (unsigned i = 0; i < s->slots_n; i++)
		if ((s->slots[i].state == SLOT_READY ||
		     s->slots[i].state == SLOT_SENT) &&
		    *s->slots[i].seat != host &&
		    *s->slots[i].seat != PLACING_NONE)
			return true;
	return false;
}

/* Is the host at fault? Yes when others answered meanwhile, or nobody else has
 * anything to answer. Else it may be our own line, or the last hosts are all
 * gone (the others have acknowledged theirs already): one is given up in so
 * many minutes, to see whether another in its place answers. */
static bool is_at_fault(struct sending *s, uint16_t host)
{
	const struct sending_host *h = &s->hosts[host];

	if (h->tries < UPLOAD_TRIES)
		return false;
	if (!s->cfg.doubts_line || s->acks > h->acks_then ||
	    !others_wait(s, host))
		return true;
	if (s->acks == 0 || h->tries < PROBE_TRIES || s->now_ms < s->probe_ms)
		return false;
	s->probe_ms = s->now_ms + PROBE_MS;
	return true;
}

/* Tried again later, and dropped when it is at fault. All sectors on their way
 * to it fail in one go: that counts once. */
static void host_gone(struct sending *s, uint16_t host)
{
	struct sending_host *h = &s->hosts[host];
	int64_t wait = UPLOAD_BACKOFF_MS;

	if (h->not_before_ms > s->now_ms)
		return;
	if (h->tries == 0)
		h->acks_then = s->acks;
	h->tries++;
	did(s, host, UPLOAD_FAILED, 0);
	if (is_at_fault(s, host)) {
		drop_host(s, host, "gone");
		return;
	}
	for (unsigned i = 1; i < h->tries && wait < BACKOFF_MAX_MS; i++)
		wait *= 2;
	h->not_before_ms =
		s->now_ms + (wait < BACKOFF_MAX_MS ? wait : BACKOFF_MAX_MS);
}

enum err_code sending_refused(struct sending *s, struct sending_slot *slot,
			      enum upload_no no, const struct err *why,
			      struct err *e)
{
	uint16_t host = *slot->seat;

	unsend(s, slot);
	switch (no) {
	case UPLOAD_GONE:
		host_gone(s, host);
		break;
	case UPLOAD_BUSY:
		s->hosts[host].not_before_ms = s->now_ms + BUSY_MS;
		break;
	case UPLOAD_PARKED:
		if (!s->hosts[host].parked)
			did(s, host, UPLOAD_WAITS, 0);
		s->hosts[host].parked = true;
		break;
	case UPLOAD_DROP:
		drop_host(s, host, "refused");
		break;
	case UPLOAD_STOP:
		if (why)
			*e = *why;
		return err_fail(e, ERR_STATE, "a host refuses a sector");
	}
	return ERR_NONE;
}

void sending_moving(struct sending *s, const struct sending_slot *slot,
		    int64_t now_ms)
{
	for (unsigned i = 0; i < s->slots_n; i++)
		if (s->slots[i].state == SLOT_SENT &&
		    *s->slots[i].seat == *slot->seat)
			s->slots[i].moved_ms = now_ms;
}

bool sending_host_ready(struct sending *s, const struct address *host)
{
	uint16_t i = placing_find(s->cfg.placing, host);

	if (i == PLACING_NONE)
		return false;
	s->hosts[i].parked = false;
	return true;
}

/* --- time --- */

static int64_t slow_ms(const struct sending *s)
{
	int64_t ms = s->mean_ms * UPLOAD_SLOW_TIMES;

	return ms > UPLOAD_SLOW_MS ? ms : UPLOAD_SLOW_MS;
}

/* When it is late. What waits because our own line is dead is not the host's
 * fault: then nobody acknowledged anything since. */
static int64_t deadline(const struct sending *s,
			const struct sending_slot *slot)
{
	int64_t stall = slot->moved_ms + UPLOAD_STALL_MS;
	int64_t slow = slot->sent_ms + slow_ms(s);

	return stall < slow ? stall : slow;
}

static void check_slot(struct sending *s, struct sending_slot *slot)
{
	uint16_t host = *slot->seat;

	if (s->last_ack_ms > slot->moved_ms ||
	    (s->acks && s->now_ms >= slot->sent_ms + slow_ms(s))) {
		drop_host(s, host, "slow");
		return;
	}
	cancel(s, slot);
	host_gone(s, host);
}

void sending_check_times(struct sending *s)
{
	for (unsigned i = 0; i < s->slots_n; i++)
		if (s->slots[i].state == SLOT_SENT &&
		    deadline(s, &s->slots[i]) <= s->now_ms)
			check_slot(s, &s->slots[i]);
}

int64_t sending_next_ms(const struct sending *s)
{
	int64_t next = INT64_MAX, at;

	for (unsigned i = 0; i < s->slots_n; i++) {
		const struct sending_slot *slot = &s->slots[i];

		if (slot->state == SLOT_SENT)
			at = deadline(s, slot);
		else if (slot->state == SLOT_READY &&
			 *slot->seat != PLACING_NONE &&
			 s->hosts[*slot->seat].not_before_ms > s->now_ms)
			at = s->hosts[*slot->seat].not_before_ms;
		else
			continue;
		if (at < next)
			next = at;
	}
	return next;
}
