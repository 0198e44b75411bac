#include "storage/rent/rent_host_int.h"

#include <stdlib.h>
#include <string.h>

/* ---- requests ---- */

enum err_code bulk_request(struct rent_session *s, const struct rent_msg *m,
			   struct err *e)
{
	struct req *r;

	if (s->n_bulk >= RENT_READS_MAX)
		return err_fail(e, ERR_LIMIT, "sb_store: %u reads at once",
				s->n_bulk);
	r = host_req(s, m);
	if (!r)
		return err_fail(e, ERR_NOMEM, "sb_store: a request");
	r->state = REQ_WAITING;
	if (m->kind == RENT_READ) {
		r->root = m->u.read.root;
		r->off = m->u.read.off;
		r->len = m->u.read.len;
	} else if (m->kind == RENT_FETCH) {
		memcpy(r->id32, m->u.fetch.id, sizeof(r->id32));
		r->off = m->u.fetch.off;
	} else {
		r->number = m->u.page.number;
		r->from = m->u.page.from;
		r->n = m->kind == RENT_LIST ? m->u.page.n : RENT_ROOTS_MAX;
	}
	return ERR_NONE;
}

void bulk_release(struct req *r)
{
	if (r->open) {
		r->open = false;
		r->s->n_open--;
		r->s->h->n_open--;
	}
	span_unref(&r->data);
	r->data = (struct span){0};
}

/* One at a time until it has shown that it reads and pays; one in any case, so
 * that nobody's slowness shuts the others out. */
static bool may_open(const struct rent_session *s)
{
	const struct rent_host *h = s->h;

	if (s->n_open == 0)
		return true;
	return s->bytes_out > 0 && s->n_open < RENT_OPEN_MAX &&
	       h->n_open < h->cfg.buffers;
}

static void open_one(struct req *r)
{
	struct rent_ask q = {
		.root = r->root,
		.off = r->off,
		.len = r->kind == RENT_FETCH ? RENT_PART : r->len,
		.number = r->number,
		.from = r->from,
		.n = r->n,
	};

	switch (r->kind) {
	case RENT_READ:
		q.kind = RENT_ASK_READ;
		break;
	case RENT_LIST:
		q.kind = RENT_ASK_ROOTS;
		break;
	case RENT_LOST:
		q.kind = RENT_ASK_LOST;
		break;
	case RENT_FETCH:
	case RENT_HELLO:
	case RENT_OFFER:
	case RENT_PEERS:
	case RENT_TELL:
	case RENT_HAVE:
	case RENT_WRITE:
	case RENT_REVISE:
	case RENT_NEWEST:
	case RENT_PLACE:
	case RENT_KEEP:
	case RENT_HEAD:
	case RENT_WELCOME:
	case RENT_SHEET:
	case RENT_NODES:
	case RENT_STORED:
	case RENT_HAS:
	case RENT_SIGNED:
	case RENT_DATA:
	case RENT_ROOTS:
	case RENT_HELD:
	case RENT_LOSSES:
	case RENT_RECORD:
	case RENT_KEPT:
	case RENT_ERROR:
		q.kind = RENT_ASK_FETCH;
		memcpy(q.id, r->id32, sizeof(q.id));
		break;
	}
	r->open = true;
	r->s->n_open++;
	r->s->h->n_open++;
	(void)host_ask(r, &q);
}

/* ---- answers ---- */

static bool take_data(struct req *r, const struct rent_answer *a)
{
	if (a->data.len != r->len || a->n_bytes % 32 ||
	    a->n_bytes > sizeof(r->proof))
		return false;
	r->data = a->data;
	span_ref(&r->data);
	if (a->n_bytes)
		memcpy(r->proof, a->bytes, a->n_bytes);
	r->proof_len = a->n_bytes;
	r->state = REQ_SENDING;
	r->since_ms = r->s->h->now_ms;
	return true;
}

static void read_answer(struct req *r, const struct rent_answer *a)
{
	struct rent_event ev = {.kind = RENT_EV_LOST, .root = r->root};

	if (a->code == ERR_NONE && take_data(r, a))
		return;
	if (a->code == ERR_STATE && a->lost) {
		host_tell(r->s, &ev);
		host_refuse(r, RENT_NO_LOST, "it is lost");
		return;
	}
	host_refuse(r,
		    a->code == ERR_NONE ? RENT_NO_STORE
					: host_no_of(a->code, RENT_NO_UNKNOWN),
		    a->code == ERR_STATE ? "not here" : "could not be read");
}

static bool page_fits(const struct req *r, const struct rent_answer *a)
{
	size_t n = a->n_bytes / 32;

	if (a->n_bytes % 32 || n > r->n || a->next < r->from ||
	    a->next > a->total)
		return false;
	return r->kind == RENT_LIST ? n == a->next - r->from
				    : n <= a->next - r->from;
}

static void page_answer(struct req *r, const struct rent_answer *a)
{
	struct rent_session *s = r->s;
	struct rent_msg m = {.kind = r->kind == RENT_LIST ? RENT_ROOTS
							  : RENT_LOSSES,
			     .id = r->id};

	if (a->code != ERR_NONE || !page_fits(r, a)) {
		host_refuse(
			r,
			host_no_of(a->code ? a->code : ERR_DB, RENT_NO_UNKNOWN),
			"no such part of such an agreement");
		return;
	}
	m.u.list = (struct rent_list){r->from, a->next, a->total};
	m.bulk = (struct rent_view){a->bytes, a->n_bytes};
	s->refused = 0;
	host_end(r);
	host_send(s, &m);
}

/* A record is charged like a block: it is as long. */
static void fetch_answer(struct req *r, const struct rent_answer *a)
{
	struct rent_session *s = r->s;
	struct rent_host *h = s->h;
	struct rent_msg m = {.kind = RENT_RECORD, .id = r->id};

	if (a->code != ERR_NONE || a->seq == 0 || a->n_bytes == 0 ||
	    a->n_bytes > RENT_PART) {
		host_refuse(r,
			    host_no_of(a->code ? a->code : ERR_STATE,
				       RENT_NO_UNKNOWN),
			    "no such record, or not so long");
		return;
	}
	if (!h->ops.charge(h->ops.ctx, s->ctx, (uint32_t)a->n_bytes)) {
		host_refuse(r, RENT_NO_FUNDS, "receipts do not cover it");
		return;
	}
	m.u.place.seq = a->seq;
	m.u.place.size = a->size;
	m.u.place.off = r->off;
	m.bulk = (struct rent_view){a->bytes, a->n_bytes};
	s->refused = 0;
	host_end(r);
	host_send(s, &m);
}

void bulk_answer(struct req *r, const struct rent_answer *a)
{
	if (r->kind == RENT_READ)
		read_answer(r, a);
	else if (r->kind == RENT_FETCH)
		fetch_answer(r, a);
	else
		page_answer(r, a);
}

/* ---- what goes out ---- */

static void hold(struct rent_session *s)
{
	if (!s->held)
		s->held_ms = s->h->now_ms;
	s->held = true;
}

/* One message of a read. False: not now. */
static bool send_some(struct req *r)
{
	struct rent_session *s = r->s;
	struct rent_host *h = s->h;
	uint32_t n = r->len - r->sent;
	struct rent_msg m = {.kind = RENT_DATA, .id = r->id};
	struct rent_event ev = {
		.kind = RENT_EV_SERVED, .root = r->root, .bytes = r->len};

	if (n > RENT_PART)
		n = RENT_PART;
	if (!h->ops.room(h->ops.ctx, s->ctx))
		return false;
	if (!h->ops.charge(h->ops.ctx, s->ctx, n)) {
		hold(s);
		return false;
	}
	m.u.data.off = r->off + r->sent;
	m.bulk = (struct rent_view){r->data.p + r->sent, n};
	r->sent += n;
	r->since_ms = h->now_ms;
	if (r->sent == r->len)
		m.u.data.proof = (struct rent_view){r->proof, r->proof_len};
	else
		m.u.data.proof = (struct rent_view){r->proof, 0};
	host_send(s, &m);
	if (r->sent < r->len)
		return true;
	s->refused = 0;
	/* how much of this there can be is for the renter's receipts and its
	 * reading to say: a count of requests would bound the rate */
	if (r->len == RENT_SECTOR)
		limit_give(s, READ_COST);
	host_end(r);
	host_tell(s, &ev);
	return true;
}

static struct req *in_state(const struct rent_session *s, enum req_state state)
{
	struct req *r = s->first;

	while (r && !(r->state == state &&
		      (r->kind == RENT_READ || r->kind == RENT_LIST ||
		       r->kind == RENT_LOST || r->kind == RENT_FETCH)))
		r = r->next;
	return r;
}

/* Sends what may be sent, then begins what may be begun. */
void bulk_pump(struct rent_session *s)
{
	struct req *r;

	if (s->pumping || s->dead)
		return;
	s->pumping = true;
	while (!s->dead && !s->held && (r = in_state(s, REQ_SENDING)))
		if (!send_some(r))
			break;
	while (!s->dead && !s->held && may_open(s) &&
	       s->h->ops.room(s->h->ops.ctx, s->ctx) &&
	       (r = in_state(s, REQ_WAITING)))
		open_one(r);
	s->pumping = false;
}

/* Who neither pays nor reads does not keep sectors in memory. */
void bulk_tick(struct rent_session *s)
{
	int64_t now = s->h->now_ms;
	struct req *r;

	if (s->held && now - s->held_ms >= RENT_HOLD_MS) {
		s->held = false;
		while (!s->dead && (r = in_state(s, REQ_SENDING)))
			host_refuse(r, RENT_NO_FUNDS,
				    "receipts do not cover it");
		bulk_pump(s);
		return;
	}
	r = in_state(s, REQ_SENDING);
	if (r && !s->held && now - r->since_ms >= RENT_HOLD_MS)
		host_close(s, ERR_LIMIT, "does not read what it asked for");
}
