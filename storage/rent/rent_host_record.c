#include "storage/rent/rent_host_int.h"

#include <stdlib.h>
#include <string.h>

void place_release(struct req *r)
{
	struct rent_session *s = r->s;

	if (s->record == r)
		s->record = NULL;
	if (!r->bytes)
		return;
	free(r->bytes);
	r->bytes = NULL;
	s->net->records--;
	s->h->n_records--;
}

/* As with sectors: decided at the first part, said after the last. */
static enum rent_no admit(struct req *r)
{
	struct rent_session *s = r->s;
	struct rent_host *h = s->h;

	if (s->state != SESSION_KNOWN)
		return RENT_NO_ACCOUNT;
	if (h->n_records >= RENT_RECORDS_MAX ||
	    s->net->records >= RECORDS_PER_NET)
		return RENT_NO_BUSY;
	r->bytes = malloc(r->size);
	if (!r->bytes)
		return RENT_NO_BUSY;
	s->net->records++;
	h->n_records++;
	return RENT_NO_NONE;
}

static enum err_code begin(struct rent_session *s, const struct rent_msg *m,
			   struct err *e)
{
	const struct rent_place *p = &m->u.place;
	struct req *r;

	if (s->record)
		return err_fail(e, ERR_STATE,
				"sb_store: a record within a record");

	if (s->n_small >= RENT_SMALL_MAX)
		return err_fail(e, ERR_LIMIT, "sb_store: %u requests at once",
				s->n_small);
	r = host_req(s, m);
	if (!r)
		return err_fail(e, ERR_NOMEM, "sb_store: a record");
	r->state = REQ_FILLING;
	memcpy(r->id32, p->id, sizeof(r->id32));
	r->seq = p->seq;
	r->size = p->size;
	r->sink = admit(r);
	s->record = r;
	return ERR_NONE;
}

static void whole(struct req *r)
{
	struct rent_ask q = {
		.kind = RENT_ASK_PLACE,
		.seq = r->seq,
		.bytes = r->bytes,
		.n_bytes = r->size,
		.expires_s = r->s->h->now_s + RENT_RECORD_S,
	};

	r->s->record = NULL;
	if (r->sink != RENT_NO_NONE) {
		host_refuse(r, r->sink,
			    r->sink == RENT_NO_ACCOUNT
				    ? "show an account first"
				    : "too many records at once");
		return;
	}
	memcpy(q.id, r->id32, sizeof(q.id));
	if (host_ask(r, &q))
		place_release(r);
}

enum err_code place_part(struct rent_session *s, const struct rent_msg *m,
			 struct err *e)
{
	const struct rent_place *p = &m->u.place;
	struct req *r = s->record;

	if (!r || r->id != m->id) {
		enum err_code rc = begin(s, m, e);

		if (rc != ERR_NONE)
			return rc;
		r = s->record;
	}
	if (p->off != r->got || p->size != r->size || p->seq != r->seq ||
	    memcmp(p->id, r->id32, sizeof(r->id32)) != 0)
		return err_fail(e, ERR_STATE,
				"sb_store: a part at %u of a record that has "
				"%u bytes, or of another",
				p->off, r->got);
	if (r->bytes)
		memcpy(r->bytes + p->off, m->bulk.p, m->bulk.len);
	r->got += (uint32_t)m->bulk.len;
	r->since_ms = s->h->now_ms;
	if (r->got == r->size)
		whole(r);
	return ERR_NONE;
}

void place_answer(struct req *r, const struct rent_answer *a)
{
	struct rent_session *s = r->s;
	struct rent_msg m = {.kind = RENT_STORED, .id = r->id};

	if (a->code == ERR_NONE && a->old) {
		host_refuse(r, RENT_NO_OLD, "a newer one is here");
		return;
	}
	if (a->code != ERR_NONE) {
		host_refuse(r,
			    a->code == ERR_LIMIT
				    ? RENT_NO_FULL
				    : host_no_of(a->code, RENT_NO_ACCOUNT),
			    a->code == ERR_STATE
				    ? "only for who stores sectors here"
				    : "could not be stored");
		return;
	}
	s->refused = 0;
	host_end(r);
	host_send(s, &m);
}

/* ---- the head record ---- */

enum err_code keep_request(struct rent_session *s, const struct rent_msg *m,
			   struct err *e)
{
	struct rent_ask q = {
		.kind = RENT_ASK_KEEP,
		.seq = m->u.keep.seq,
		.bytes = m->bulk.p,
		.n_bytes = m->bulk.len,
		.expires_s = s->h->now_s + RENT_RECORD_S,
	};
	struct req *r = host_req(s, m);

	if (!r)
		return err_fail(e, ERR_NOMEM, "sb_store: a request");
	(void)host_ask(r, &q);
	return ERR_NONE;
}

enum err_code head_request(struct rent_session *s, const struct rent_msg *m,
			   struct err *e)
{
	struct rent_ask q = {.kind = RENT_ASK_HEAD};
	struct req *r = host_req(s, m);

	if (!r)
		return err_fail(e, ERR_NOMEM, "sb_store: a request");
	(void)host_ask(r, &q);
	return ERR_NONE;
}

void head_answer(struct req *r, const struct rent_answer *a)
{
	struct rent_session *s = r->s;
	struct rent_msg m = {.kind = RENT_KEPT, .id = r->id};

	if (a->code != ERR_NONE || a->seq == 0 || a->n_bytes == 0 ||
	    a->n_bytes > RENT_HEAD_MAX) {
		host_refuse(r,
			    host_no_of(a->code ? a->code : ERR_STATE,
				       RENT_NO_UNKNOWN),
			    "no head record");
		return;
	}
	m.u.keep.seq = a->seq;
	m.bulk = (struct rent_view){a->bytes, a->n_bytes};
	s->refused = 0;
	host_end(r);
	host_send(s, &m);
}
