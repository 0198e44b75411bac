#include "storage/rent/upload_int.h"

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

/* --- answers --- */

static struct sending_slot *slot_of(struct upload *u, uint64_t cookie)
{
	return u->phase == UP_ENDED ? NULL : sending_find(&u->sending, cookie);
}

void upload_on_stored(struct upload *u, uint64_t cookie, int64_t now_s,
		      int64_t now_ms)
{
	struct sending_slot *slot = slot_of(u, cookie);
	struct renter_place p = {.since_s = now_s, .object = u->object.id};
	struct upload_segment *s;
	struct err e = {0};

	if (!slot)
		return;
	u->sending.now_ms = now_ms;
	s = slot->segment;
	p.segment = s->index;
	p.shard = slot->row;
	p.root = slot->root;
	p.host = *sending_address(&u->sending,
				  sending_stored(&u->sending, slot));
	s->at[slot->row] = AT_ACKED;
	if (renter_db_stage(u->cfg.db, &p, &e) != ERR_NONE) {
		upload_fail(u, &e);
		return;
	}
	u->cfg.ops->want_commit(u->cfg.ctx);
	upload_pump(u);
}

void upload_on_refused(struct upload *u, uint64_t cookie, enum upload_no no,
		       const struct err *why, int64_t now_ms)
{
	struct sending_slot *slot = slot_of(u, cookie);
	struct err e = {0};

	if (!slot)
		return;
	u->sending.now_ms = now_ms;
	if (sending_refused(&u->sending, slot, no, why, &e) == ERR_NONE)
		upload_pump(u);
	else
		upload_fail(u, &e);
}

void upload_on_moving(struct upload *u, uint64_t cookie, int64_t now_ms)
{
	const struct sending_slot *slot = slot_of(u, cookie);

	if (slot)
		sending_moving(&u->sending, slot, now_ms);
}

void upload_host_ready(struct upload *u, const struct address *host,
		       int64_t now_ms)
{
	if (u->phase == UP_ENDED || !sending_host_ready(&u->sending, host))
		return;
	u->sending.now_ms = now_ms;
	upload_pump(u);
}

int64_t upload_next_ms(const struct upload *u)
{
	return u->phase == UP_ENDED ? INT64_MAX : sending_next_ms(&u->sending);
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
