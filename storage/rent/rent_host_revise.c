#include "storage/rent/rent_host_int.h"

#include "base/bytes.h"
#include "base/eip712.h"

#include <stdlib.h>
#include <string.h>

/* One on its way. Its steps are questions, each asked when the one before was
 * answered well:
 *
 *   AGREEMENT  what is the newest?   -> the rules (rent_rules.h)
 *   PREVIEW    do the changes give this list, of sectors that are here?
 *   SIGN       the host's signature
 *   CHANGE     all of it durable     -> owed, `signed`
 *
 * Signed before it is stored: a signature that never leaves does no harm, a
 * list that was cut and not signed would. */
struct revision {
	struct rent_signed_revision r;
	struct hash32 digest;
	uint8_t *roots; /* what is appended, then what is cut */
	uint8_t *cuts;
	size_t n_roots, n_cuts;
};

bool rent_blob_put(uint8_t out[RENT_BLOB_LEN],
		   const struct rent_signed_revision *r)
{
	struct wr w = wr_into(out, RENT_BLOB_LEN);

	agreement_put(&w, &r->a);
	wr_copy(&w, r->renter_sig.bytes, sizeof(r->renter_sig.bytes));
	wr_copy(&w, r->host_sig.bytes, sizeof(r->host_sig.bytes));
	amount_put14(&w, r->due);
	return wr_len(&w) == RENT_BLOB_LEN;
}

enum err_code rent_blob_get(struct rent_signed_revision *out,
			    const uint8_t *blob, size_t len, struct err *e)
{
	struct rd r = rd_from(blob, len);

	memset(out, 0, sizeof(*out));
	agreement_get(&r, &out->a);
	rd_copy(&r, out->renter_sig.bytes, sizeof(out->renter_sig.bytes));
	rd_copy(&r, out->host_sig.bytes, sizeof(out->host_sig.bytes));
	out->due = amount_get14(&r);
	if (!rd_done(&r))
		return err_fail(e, ERR_PARSE, "a revision of %zu bytes", len);
	return ERR_NONE;
}

void revise_free(struct revision *v)
{
	if (!v)
		return;
	free(v->roots);
	free(v);
}

static struct revision *revision_new(const struct rent_revise *m)
{
	struct revision *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	v->roots = malloc(m->add.len + m->cut.len + 1);
	if (!v->roots) {
		free(v);
		return NULL;
	}
	v->r.a = m->a;
	v->r.renter_sig = m->sig;
	v->n_roots = m->add.len / 32;
	v->n_cuts = m->cut.len / 4;
	v->cuts = v->roots + m->add.len;
	memcpy(v->roots, m->add.p, m->add.len);
	memcpy(v->cuts, m->cut.p, m->cut.len);
	return v;
}

/* Somebody is revising this agreement on another of the renter's sessions. */
static bool is_busy(const struct rent_session *s, uint32_t number)
{
	for (const struct rent_session *o = s->h->sessions; o; o = o->next)
		if (o->revise && address_eq(&o->renter, &s->renter) &&
		    o->revise->revision->r.a.number == number)
			return true;
	return false;
}

enum err_code revise_request(struct rent_session *s, const struct rent_msg *m,
			     struct err *e)
{
	const struct rent_revise *rev = &m->u.revise;
	struct hash32 digest = eip712_agreement(&s->h->domain, &rev->a);
	struct rent_ask q = {.kind = RENT_ASK_AGREEMENT,
			     .number = rev->a.number};
	struct req *r;

	if (!address_eq(&rev->a.renter, &s->renter) ||
	    !address_eq(&rev->a.host, &s->h->cfg.me))
		return err_fail(e, ERR_STATE,
				"sb_store: an agreement of others");
	if (!sig64_is_by(&rev->sig, &digest, &s->renter))
		return err_fail(e, ERR_SIG,
				"sb_store: a revision that its renter did not "
				"sign");
	if (s->revise || is_busy(s, rev->a.number))
		return host_refuse_id(s, m->id, RENT_NO_BUSY,
				      "another revision is under way", e);
	r = host_req(s, m);
	if (!r)
		return err_fail(e, ERR_NOMEM, "sb_store: a revision");
	r->revision = revision_new(rev);
	if (!r->revision) {
		host_end(r);
		return err_fail(e, ERR_NOMEM, "sb_store: a revision");
	}
	r->revision->digest = digest;
	s->revise = r;
	(void)host_ask(r, &q);
	return ERR_NONE;
}

/* ---- the steps ---- */

static void say_signed(struct req *r, const struct sig64 *sig,
		       struct amount due)
{
	struct rent_session *s = r->s;
	struct rent_msg m = {.kind = RENT_SIGNED, .id = r->id};

	m.u.sign.sig = *sig;
	m.u.sign.due = due;
	s->refused = 0;
	host_end(r);
	host_send(s, &m);
}

/* The very same revision was signed before, and the answer got lost: it was
 * counted then. */
static bool is_repeat(struct rent_host *h, const struct revision *v,
		      const struct rent_signed_revision *last)
{
	struct hash32 digest = eip712_agreement(&h->domain, &last->a);

	return memcmp(&digest, &v->digest, sizeof(digest)) == 0;
}

static const struct rent_offer *offer_of(struct rent_host *h,
					 const struct agreement *a)
{
	return h->ops.offer(h->ops.ctx, &a->terms);
}

static enum rent_no judge(struct req *r,
			  const struct rent_signed_revision *last, char *why)
{
	struct rent_host *h = r->s->h;
	struct revision *v = r->revision;
	const struct rent_offer *o = offer_of(h, &v->r.a);
	struct rent_policy policy = {.proof_fee = h->ops.proof_fee(h->ops.ctx),
				     .ahead = h->cfg.ahead};
	struct rent_facts facts = {.known = false};
	struct rent_case c = {
		.next = &v->r.a,
		.last = last ? &last->a : NULL,
		.sheet = o ? &o->sheet : NULL,
		.sheet_live = o && (int64_t)o->sheet.expires > h->now_s,
		.facts = &facts,
		.policy = &policy,
		.adds = (uint32_t)v->n_roots,
	};

	why[0] = 0;
	if (h->closed && (!last || v->n_roots))
		return RENT_NO_CLOSED;
	if (!h->ops.period(h->ops.ctx, &c.now))
		return RENT_NO_CHAIN;
	if (!rent_unopened(&v->r.a))
		h->ops.facts(h->ops.ctx, &v->r.a.renter, v->r.a.number, &facts);
	return rent_rule(&v->r.due, why, &c);
}

static void ask_change(struct req *r, enum rent_ask_kind kind,
		       const uint8_t *blob)
{
	struct revision *v = r->revision;
	struct rent_ask q = {
		.kind = kind,
		.roots = v->roots,
		.n_roots = v->n_roots,
		.cuts = v->cuts,
		.n_cuts = v->n_cuts,
		.number = v->r.a.number,
		.a = &v->r.a,
		.blob = blob,
	};

	(void)host_ask(r, &q);
}

static void on_newest(struct req *r, const struct rent_answer *a)
{
	struct rent_host *h = r->s->h;
	struct revision *v = r->revision;
	struct rent_signed_revision last;
	bool have = a->code == ERR_NONE;
	char why[RENT_WHY_MAX + 1];
	enum rent_no no;

	if (a->code != ERR_NONE && a->code != ERR_STATE) {
		host_refuse(r, host_no_of(a->code, RENT_NO_STORE),
			    "the agreement cannot be read");
		return;
	}
	if (have && rent_blob_get(&last, a->bytes, a->n_bytes, NULL)) {
		host_refuse(r, RENT_NO_STORE, "the agreement is damaged here");
		return;
	}
	if (have && is_repeat(h, v, &last)) {
		say_signed(r, &last.host_sig, last.due);
		return;
	}
	no = judge(r, have ? &last : NULL, why);
	if (no == RENT_NO_NONE && !have && !amount_is_zero(v->r.a.collateral) &&
	    !h->ops.collateral(h->ops.ctx, v->r.a.collateral)) {
		host_refuse(r, RENT_NO_PRICE,
			    "no more collateral can be locked at present");
		return;
	}
	if (no == RENT_NO_NONE && !amount_is_zero(v->r.due) &&
	    !h->ops.covered(h->ops.ctx, r->s->ctx,
			    amount_add_cap(r->s->dues, v->r.due))) {
		host_refuse(r, RENT_NO_FUNDS, "receipts do not cover it");
		return;
	}
	if (no == RENT_NO_NONE) { /* owed once it is stored, whoever is there */
		r->due = v->r.due;
		r->s->dues = amount_add_cap(r->s->dues, r->due);
	}
	if (no != RENT_NO_NONE)
		host_refuse(r, no, why[0] ? why : rent_no_name(no));
	else
		ask_change(r, RENT_ASK_PREVIEW, NULL);
}

static void refuse_list(struct req *r, const struct rent_answer *a)
{
	if (a->code == ERR_STATE || a->code == ERR_SIG || a->code == ERR_PARSE)
		host_refuse(r, RENT_NO_LIST,
			    "the changes do not give this list of sectors "
			    "that are here");
	else if (a->code == ERR_LIMIT)
		host_refuse(r, RENT_NO_FULL, "the list grows too long");
	else
		host_refuse(r, host_no_of(a->code, RENT_NO_STORE),
			    "could not be stored");
}

static void on_signature(struct req *r, const struct rent_answer *a)
{
	struct revision *v = r->revision;
	uint8_t blob[RENT_BLOB_LEN];

	if (a->code != ERR_NONE || a->n_bytes != sizeof(v->r.host_sig.bytes)) {
		host_refuse(r, RENT_NO_BUSY, "cannot be signed at present");
		return;
	}
	memcpy(v->r.host_sig.bytes, a->bytes, a->n_bytes);
	if (!rent_blob_put(blob, &v->r)) {
		host_refuse(r, RENT_NO_PRICE, "an amount is too large");
		return;
	}
	ask_change(r, RENT_ASK_CHANGE, blob);
}

static void on_changed(struct req *r)
{
	struct rent_session *s = r->s;
	struct rent_host *h = s->h;
	struct rent_signed_revision done = r->revision->r;
	struct rent_event ev = {.kind = RENT_EV_REVISED, .a = &done.a};

	if (!amount_is_zero(done.due))
		h->ops.add_due(h->ops.ctx, s->ctx, &s->renter, done.due);
	say_signed(r, &done.host_sig, done.due);
	host_tell(s, &ev);
}

void revise_answer(struct req *r, enum rent_ask_kind kind,
		   const struct rent_answer *a)
{
	if (kind == RENT_ASK_AGREEMENT)
		on_newest(r, a);
	else if (kind == RENT_ASK_SIGN)
		on_signature(r, a);
	else if (a->code != ERR_NONE)
		refuse_list(r, a);
	else if (kind == RENT_ASK_PREVIEW)
		ask_change(r, RENT_ASK_SIGN, NULL);
	else
		on_changed(r);
}

/* ---- newest ---- */

enum err_code newest_request(struct rent_session *s, const struct rent_msg *m,
			     struct err *e)
{
	struct rent_ask q = {.kind = RENT_ASK_AGREEMENT,
			     .number = m->u.page.number};
	struct req *r = host_req(s, m);

	if (!r)
		return err_fail(e, ERR_NOMEM, "sb_store: a request");
	(void)host_ask(r, &q);
	return ERR_NONE;
}

void newest_answer(struct req *r, const struct rent_answer *a)
{
	struct rent_session *s = r->s;
	struct rent_msg m = {.kind = RENT_HELD, .id = r->id};
	struct rent_signed_revision last;

	if (a->code != ERR_NONE ||
	    rent_blob_get(&last, a->bytes, a->n_bytes, NULL) != ERR_NONE) {
		host_refuse(
			r,
			host_no_of(a->code ? a->code : ERR_DB, RENT_NO_UNKNOWN),
			a->code == ERR_STATE ? "no such agreement"
					     : "the agreement cannot be read");
		return;
	}
	m.u.held.a = last.a;
	m.u.held.renter_sig = last.renter_sig;
	m.u.held.host_sig = last.host_sig;
	m.u.held.due = last.due;
	s->refused = 0;
	host_end(r);
	host_send(s, &m);
}
