#include "storage/rent/rent_host_int.h"

#include <string.h>

/* What a sector costs to bring: as was told on this session, until that sheet
 * ends, or the present price. */
static struct amount ingress_of(struct rent_session *s)
{
	struct rent_host *h = s->h;
	const struct rent_offer *o = h->ops.offer(h->ops.ctx, NULL);
	struct amount due = AMOUNT_ZERO;

	if (h->now_s < s->priced_until_s)
		return s->ingress;
	if (o && !rent_ingress(&due, &o->sheet, 1))
		due = amount_max112(); /* dearer than all money */
	return due;
}

void write_release(struct req *r)
{
	struct rent_session *s = r->s;

	if (r->kind != RENT_WRITE)
		return;
	if (s->filling == r)
		s->filling = NULL;
	if (r->sector)
		s->h->n_sectors--;
	cbuf_unref(r->sector);
	r->sector = NULL;
}

/* Taken, or refused with what is returned, once all its parts have passed. It
 * is decided at the first part, so that nothing is held for who cannot pay. */
static enum rent_no admit(struct req *r)
{
	struct rent_session *s = r->s;
	struct rent_host *h = s->h;
	struct amount all;

	if (s->state != SESSION_KNOWN)
		return RENT_NO_ACCOUNT;
	if (h->closed)
		return RENT_NO_CLOSED;
	if (h->ops.space(h->ops.ctx) <= h->n_sectors)
		return RENT_NO_FULL;
	r->due = ingress_of(s);
	if (!amount_add(&all, s->dues, r->due) || !amount_fits112(all) ||
	    !h->ops.covered(h->ops.ctx, s->ctx, all)) {
		r->due = AMOUNT_ZERO;
		return RENT_NO_FUNDS;
	}
	s->dues = all;
	r->sector = cbuf_get(h->sectors);
	h->n_sectors += r->sector != NULL;
	return r->sector ? RENT_NO_NONE : RENT_NO_BUSY;
}

static const char *why_not(enum rent_no code)
{
	switch (code) {
	case RENT_NO_ACCOUNT:
		return "show an account first";
	case RENT_NO_CLOSED:
		return "takes nothing new";
	case RENT_NO_FULL:
		return "no space left";
	case RENT_NO_FUNDS:
		return "receipts do not cover it";
	case RENT_NO_NONE:
	case RENT_NO_BUSY:
	case RENT_NO_BANK:
	case RENT_NO_UNKNOWN:
	case RENT_NO_STORE:
	case RENT_NO_ROOT:
	case RENT_NO_TERMS:
	case RENT_NO_PRICE:
	case RENT_NO_REVISION:
	case RENT_NO_LIST:
	case RENT_NO_PERIODS:
	case RENT_NO_CHAIN:
	case RENT_NO_LOST:
	case RENT_NO_STAGE:
	case RENT_NO_OLD:
		break;
	}
	return "too much at once";
}

static enum err_code begin(struct rent_session *s, const struct rent_msg *m,
			   struct err *e)
{
	struct req *r;

	if (s->filling)
		return err_fail(e, ERR_STATE,
				"sb_store: a sector within a sector");

	if (s->n_writes >= RENT_WRITES_MAX)
		return err_fail(e, ERR_LIMIT, "sb_store: %u sectors at once",
				s->n_writes);
	r = host_req(s, m);
	if (!r)
		return err_fail(e, ERR_NOMEM, "sb_store: a sector");
	r->state = REQ_FILLING;
	r->root = m->u.part.root;
	r->sink = admit(r);
	s->filling = r;
	return ERR_NONE;
}

/* When the memory for sectors is used up, sessions between two sectors are not
 * read until some are on the disk. Those within one are: else all could wait
 * for each other. */
static void maybe_block(struct rent_session *s)
{
	struct rent_host *h = s->h;

	if (s->blocked || h->n_sectors < h->cfg.buffers)
		return;
	s->blocked = true;
	h->ops.block(h->ops.ctx, s->ctx, true);
}

void write_unblock(struct rent_host *h)
{
	if (h->n_sectors > h->cfg.buffers * 3 / 4)
		return;
	for (struct rent_session *s = h->sessions; s; s = s->next) {
		if (!s->blocked)
			continue;
		s->blocked = false;
		if (!s->dead)
			h->ops.block(h->ops.ctx, s->ctx, false);
	}
}

static void whole(struct req *r)
{
	struct rent_session *s = r->s;
	struct rent_ask q = {
		.kind = RENT_ASK_PUT,
		.root = r->root,
		.expires_s = s->h->now_s + RENT_STAGED_S,
	};

	s->filling = NULL;
	if (r->sink != RENT_NO_NONE) {
		host_refuse(r, r->sink, why_not(r->sink));
		return;
	}
	q.data = (struct span){r->sector, r->sector->data, RENT_SECTOR};
	if (host_ask(r, &q))
		maybe_block(s);
}

enum err_code write_part(struct rent_session *s, const struct rent_msg *m,
			 struct err *e)
{
	const struct rent_part *p = &m->u.part;
	struct req *r = s->filling;

	if (!r || r->id != m->id) {
		enum err_code rc = begin(s, m, e);

		if (rc != ERR_NONE)
			return rc;
		r = s->filling;
	}
	if (p->off != r->got ||
	    memcmp(p->root.bytes, r->root.bytes, sizeof(p->root.bytes)) != 0)
		return err_fail(e, ERR_STATE,
				"sb_store: a part at %u of a sector that has "
				"%u bytes, or of another",
				p->off, r->got);
	if (r->sector)
		memcpy(r->sector->data + p->off, m->bulk.p, m->bulk.len);
	r->got += (uint32_t)m->bulk.len;
	r->since_ms = s->h->now_ms;
	if (r->got == RENT_SECTOR)
		whole(r);
	return ERR_NONE;
}

void write_answer(struct req *r, const struct rent_answer *a)
{
	struct rent_session *s = r->s;
	struct rent_host *h = s->h;
	struct rent_msg m = {.kind = RENT_STORED, .id = r->id};
	struct rent_event ev = {.kind = RENT_EV_STORED, .root = r->root};

	if (a->code == ERR_LIMIT) {
		host_refuse(r, RENT_NO_STAGE,
			    "too many sectors that no revision names, or full");
		return;
	}
	if (a->code != ERR_NONE) {
		host_refuse(r, host_no_of(a->code, RENT_NO_STORE),
			    a->code == ERR_SIG
				    ? "other bytes than the root says"
				    : "could not be stored");
		return;
	}
	m.u.sign.due = r->due;
	if (!amount_is_zero(r->due))
		h->ops.add_due(h->ops.ctx, s->ctx, &s->renter, r->due);
	s->refused = 0;
	host_end(r);
	host_send(s, &m);
	host_tell(s, &ev);
}

/* ---- have ---- */

enum err_code have_ask(struct rent_session *s, const struct rent_msg *m,
		       struct err *e)
{
	struct rent_ask q = {
		.kind = RENT_ASK_HAVE,
		.roots = m->u.have.roots.p,
		.n_roots = m->u.have.roots.len / 32,
		.expires_s = s->h->now_s + RENT_STAGED_S,
	};
	struct req *r = host_req(s, m);

	if (!r)
		return err_fail(e, ERR_NOMEM, "sb_store: a request");
	r->n = (uint32_t)q.n_roots;
	(void)host_ask(r, &q);
	return ERR_NONE;
}

void have_answer(struct req *r, const struct rent_answer *a)
{
	struct rent_session *s = r->s;
	struct rent_msg m = {.kind = RENT_HAS, .id = r->id};
	uint8_t bits[RENT_HAVE_MAX / 8] = {0};

	if (a->code != ERR_NONE || a->n_bytes != (r->n + 7) / 8) {
		host_refuse(r, host_no_of(a->code, RENT_NO_STORE),
			    "could not be looked up");
		return;
	}
	memcpy(bits, a->bytes, a->n_bytes);

	m.u.has.bits = (struct rent_view){bits, a->n_bytes};
	s->refused = 0;
	host_end(r);
	host_send(s, &m);
}
