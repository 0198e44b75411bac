#include "storage/rent/rent_client_int.h"

#include "base/eip712.h"
#include "storage/sector/tree.h"

#include <stdlib.h>
#include <string.h>

#define MAY_BE_LATE_S 3600 /* a sheet that has just expired is no lie */

/* ---- lies, and what is none of ours ---- */

/* What is said is proved false: the call ends so, and the connection. */
static enum err_code lie(struct rent_call *k, const char *why, struct err *e)
{
	struct rent_client *c = k->c;

	client_fail(k, RENT_LIED, RENT_NO_NONE, why);
	client_event(c, RENT_CLIENT_LIED, RENT_NO_NONE, why);
	return err_fail(e, ERR_SIG, "sb_store: %s", why);
}

static enum err_code odd(const struct rent_msg *m, const char *why,
			 struct err *e)
{
	return err_fail(e, ERR_STATE, "sb_store: %s: %s",
			rent_kind_name(m->kind), why);
}

/* ---- hello ---- */

static enum err_code on_welcome(struct rent_client *c,
				const struct rent_hello *h, struct err *e)
{
	const char *why = NULL;
	struct hash32 digest;

	if (c->state != LINK_HELLO)
		return err_fail(e, ERR_STATE, "sb_store: welcome again");
	if (address_is_zero(&c->cfg.host)) /* whoever proves to be one */
		c->cfg.host = h->account;
	digest = eip712_channel(&c->domain, &c->cfg.host, c->host_key);
	if (h->chain_id != c->cfg.chain_id ||
	    !address_eq(&h->bank, &c->cfg.bank))
		why = "welcome of another chain or bank";
	else if (!address_eq(&h->account, &c->cfg.host) ||
		 !sig64_is_by(&h->sig, &digest, &c->cfg.host))
		why = "not the host that it says it is";
	if (why) {
		client_event(c, RENT_CLIENT_LIED, RENT_NO_NONE, why);
		return err_fail(e, ERR_SIG, "sb_store: %s", why);
	}
	c->state = LINK_UP;
	c->since_ms = c->now_ms;
	client_event(c, RENT_CLIENT_UP, RENT_NO_NONE, "");
	return ERR_NONE;
}

static enum err_code on_general_error(struct rent_client *c,
				      const struct rent_error *no,
				      struct err *e)
{
	if (c->state != LINK_HELLO)
		return ERR_NONE; /* for the log of who reads it */
	client_event(c, RENT_CLIENT_REFUSED, no->code, no->why);
	return err_fail(e, ERR_STATE, "sb_store: refused: %s",
			rent_no_name(no->code));
}

/* ---- answers, by kind ---- */

static enum err_code on_error(struct rent_call *k, const struct rent_error *no,
			      struct err *e)
{
	enum rent_remedy remedy = rent_remedy(no->code);

	if (k->state == CALL_SENDING)
		return err_fail(e, ERR_STATE,
				"sb_store: answered before it was asked");
	if (k->kind == RENT_REVISE)
		client_settled(k->c, k->number);
	if (k->kind == RENT_NEWEST && no->code == RENT_NO_UNKNOWN) {
		client_settled(k->c, k->number);
		if (k->known)
			return lie(k, "forgot an agreement that it signed", e);
	}
	if (k->kind == RENT_FETCH && k->got && no->code == RENT_NO_UNKNOWN &&
	    ++k->restarts < FETCH_RESTARTS) {
		k->got = 0; /* another record by now, and shorter */
		client_ask_more(k);
		return ERR_NONE;
	}
	if (remedy == RENT_REMEDY_LATER)
		client_later(k, no->code, no->why);
	else
		client_fail(k, RENT_REFUSED, no->code, no->why);
	return ERR_NONE;
}

static enum err_code on_sheet(struct rent_call *k, const struct rent_sheet *m,
			      struct err *e)
{
	struct rent_client *c = k->c;
	struct rent_result r = {.fate = RENT_DONE};
	struct hash32 digest = eip712_sheet(&c->domain, &m->sheet);

	if (!address_eq(&m->sheet.host, &c->cfg.host) ||
	    sheet_check(&m->sheet, NULL) != ERR_NONE ||
	    !sig64_is_by(&m->sig, &digest, &c->cfg.host))
		return lie(k, "a price sheet that is not its own", e);
	if (m->sheet.expires > INT64_MAX / 2 ||
	    (int64_t)m->sheet.expires + MAY_BE_LATE_S < c->now_s)
		return lie(k, "a price sheet that expired", e);
	c->offer = (struct rent_offer){m->sheet, m->sig, digest};
	c->has_offer = true;
	c->room = m->room;
	if (!rent_client_offer(c)) { /* too short to be of use */
		c->has_offer = false;
		client_fail(k, RENT_REFUSED, RENT_NO_TERMS,
			    "the price sheet is about to expire");
		return ERR_NONE;
	}
	client_event(c, RENT_CLIENT_OFFER, RENT_NO_NONE, "");
	client_end(k, &r);
	return ERR_NONE;
}

static enum err_code on_nodes(struct rent_call *k, const struct rent_tell *m,
			      struct err *e)
{
	struct rent_result r = {
		.fate = RENT_DONE, .data = m->nodes.p, .len = m->nodes.len};

	if (m->nodes.len / RENT_NODE_LEN > k->len)
		return err_fail(e, ERR_STATE, "sb_store: more than asked for");
	client_end(k, &r);
	return ERR_NONE;
}

static enum err_code on_has(struct rent_call *k, const struct rent_has *m,
			    struct err *e)
{
	uint32_t n = k->kind == RENT_WRITE ? 1 : k->n_bits;
	const struct rent_offer *offer = rent_client_offer(k->c);
	struct amount due;
	struct rent_result r = {
		.fate = RENT_DONE, .data = m->bits.p, .len = m->bits.len};

	if (m->bits.len != (n + 7) / 8 ||
	    (n % 8 && (m->bits.p[n / 8] & (0xff >> n % 8))))
		return err_fail(e, ERR_STATE, "sb_store: has: not those bits");
	if (k->kind == RENT_WRITE && !(m->bits.p[0] & 0x80) && k->done) {
		k->maybe = false;
		k->attempts--; /* this was none */
		client_back(k);
		return ERR_NONE;
	}
	r.had = k->kind == RENT_WRITE && (m->bits.p[0] & 0x80);
	if (r.had && k->c->ops.found && offer &&
	    rent_ingress(&due, &offer->sheet, 1) && !amount_is_zero(due))
		k->c->ops.found(k->c->ops.ctx, due);
	client_end(k, &r);
	return ERR_NONE;
}

static enum err_code on_stored(struct rent_call *k, struct amount due,
			       struct err *e)
{
	struct rent_client *c = k->c;
	struct rent_result r = {.fate = RENT_DONE, .due = due};

	if (k->state == CALL_SENDING)
		return err_fail(e, ERR_STATE,
				"sb_store: stored before it was sent");
	if (amount_cmp(due, k->due) > 0)
		return lie(k, "asks more than its price sheet says", e);
	if (!amount_is_zero(due))
		c->ops.add_due(c->ops.ctx, due);
	r.seq = k->seq;
	client_end(k, &r);
	return ERR_NONE;
}

static enum err_code on_signed(struct rent_call *k, const struct rent_signed *m,
			       struct err *e)
{
	struct rent_client *c = k->c;
	struct hash32 digest = eip712_agreement(&c->domain, &k->revision.a);
	struct rent_result r = {.fate = RENT_DONE, .due = m->due};

	if (!sig64_is_by(&m->sig, &digest, &c->cfg.host))
		return lie(k, "a signature that is not its own", e);
	if (amount_cmp(m->due, k->revision.due) != 0)
		return lie(k, "asks another sum than agreed on", e);
	if (!amount_is_zero(m->due))
		c->ops.add_due(c->ops.ctx, m->due);
	client_settled(c, k->number);
	k->revision.host_sig = m->sig;
	r.revision = &k->revision;
	client_end(k, &r);
	return ERR_NONE;
}

/* ---- bytes ---- */

static bool is_proved(const struct rent_call *k, const struct rent_view *proof)
{
	struct hash32 nodes[RENT_PROOF_MAX];

	memcpy(nodes, proof->p, proof->len);
	return tree_range_verify_nodes(&k->root, k->off / RENT_TILE,
				       k->len / RENT_TILE, k->tiles, nodes,
				       proof->len / 32);
}

/* What has just come is not wanted any more, though the call says so later. */
static void charged(struct rent_client *c, const struct rent_msg *m)
{
	c->coming = (uint32_t)m->bulk.len;
	c->ops.charged(c->ops.ctx, c->coming);
	c->coming = 0;
}

static enum err_code on_data(struct rent_call *k, const struct rent_msg *m,
			     struct err *e)
{
	const struct rent_data *d = &m->u.data;
	struct rent_client *c = k->c;
	struct rent_result r = {
		.fate = RENT_DONE, .data = k->buf, .len = k->len};

	if (d->off != k->off + k->got || m->bulk.len > k->len - k->got)
		return odd(m, "not the bytes that come next", e);
	charged(c, m);
	if (k->buf) {
		/* hashed while it is in the cache */
		tree_tile_nodes(k->tiles + k->got / RENT_TILE, m->bulk.p,
				m->bulk.len / RENT_TILE);
		memcpy(k->buf + k->got, m->bulk.p, m->bulk.len);
	}
	k->got += (uint32_t)m->bulk.len;
	k->progress_ms = c->now_ms;
	if (k->got < k->len)
		return d->proof.len ? odd(m, "a proof too early", e) : ERR_NONE;
	if (k->buf && !is_proved(k, &d->proof))
		return lie(k, "bytes that do not have the root asked for", e);
	client_end(k, &r);
	return ERR_NONE;
}

static enum err_code on_record(struct rent_call *k, const struct rent_msg *m,
			       struct err *e)
{
	const struct rent_place *p = &m->u.place;
	struct rent_client *c = k->c;
	struct rent_result r = {.fate = RENT_DONE};
	uint8_t *buf;

	charged(c, m);
	k->progress_ms = c->now_ms;
	if (p->off != k->got)
		return odd(m, "not the bytes that come next", e);
	if (k->got && (p->seq != k->seq || p->size != k->buf_len)) {
		if (++k->restarts >= FETCH_RESTARTS) {
			client_fail(k, RENT_LATE, RENT_NO_NONE,
				    "the record changes all the time");
			return ERR_NONE;
		}
		k->got = 0;
		client_ask_more(k);
		return ERR_NONE;
	}
	if (k->got == 0) {
		buf = realloc(k->buf, p->size);
		if (!buf)
			return err_fail(e, ERR_NOMEM, "rent: a record");
		k->buf = buf;
		k->buf_len = p->size;
		k->seq = p->seq;
	}
	memcpy(k->buf + k->got, m->bulk.p, m->bulk.len);
	k->got += (uint32_t)m->bulk.len;
	if (k->got < k->buf_len) {
		client_ask_more(k);
		return ERR_NONE;
	}
	r.data = k->buf;
	r.len = k->buf_len;
	r.seq = k->seq;
	client_end(k, &r);
	return ERR_NONE;
}

static enum err_code on_kept(struct rent_call *k, const struct rent_msg *m)
{
	struct rent_result r = {.fate = RENT_DONE,
				.data = m->bulk.p,
				.len = m->bulk.len,
				.seq = m->u.keep.seq};

	client_end(k, &r);
	return ERR_NONE;
}

/* ---- agreements ---- */

static enum err_code on_held(struct rent_call *k, const struct rent_held *m,
			     struct err *e)
{
	struct rent_client *c = k->c;
	struct hash32 digest = eip712_agreement(&c->domain, &m->a), known;
	struct rent_result r = {.fate = RENT_DONE, .due = m->due};

	if (!address_eq(&m->a.host, &c->cfg.host) ||
	    !address_eq(&m->a.renter, &c->cfg.me) || m->a.number != k->number)
		return lie(k, "an agreement that was not asked for", e);
	if (!sig64_is_by(&m->host_sig, &digest, &c->cfg.host) ||
	    !sig64_is_by(&m->renter_sig, &digest, &c->cfg.me))
		return lie(k, "an agreement that not both signed", e);
	if (k->known && m->a.revision < k->agreement.revision)
		return lie(k, "an older revision than it signed", e);
	known = eip712_agreement(&c->domain, &k->agreement);
	if (k->known && m->a.revision == k->agreement.revision &&
	    memcmp(&known, &digest, sizeof(known)) != 0)
		return lie(k, "another revision of this number", e);
	client_settled(c, k->number);
	k->revision = (struct rent_signed_revision){m->a, m->renter_sig,
						    m->host_sig, m->due};
	r.revision = &k->revision;
	client_end(k, &r);
	return ERR_NONE;
}

static bool add_roots(struct rent_call *k, const struct rent_view *bulk)
{
	uint32_t n = (uint32_t)(bulk->len / 32);

	if (k->n_roots + n > k->cap_roots) {
		uint32_t cap = k->cap_roots ? k->cap_roots : 256;
		struct hash32 *grown;

		while (cap < k->n_roots + n)
			cap *= 2;
		grown = realloc(k->roots, cap * sizeof(*grown));
		if (!grown)
			return false;
		k->roots = grown;
		k->cap_roots = cap;
	}
	if (n)
		memcpy(k->roots + k->n_roots, bulk->p, bulk->len);
	k->n_roots += n;
	return true;
}

static bool folds_to(const struct rent_call *k)
{
	struct tree_fold f;
	struct hash32 root;

	tree_fold_init(&f, 0);
	tree_fold_add(&f, k->roots, k->n_roots);
	return tree_fold_end(&f, &root) &&
	       memcmp(&root, &k->agreement.root, sizeof(root)) == 0;
}

static enum err_code on_page(struct rent_call *k, const struct rent_msg *m,
			     struct err *e)
{
	const struct rent_list *l = &m->u.list;
	bool list = k->kind == RENT_LIST;
	struct rent_result r = {.fate = RENT_DONE};

	if (list && l->total != k->agreement.sectors)
		return lie(k, "a list of another length than signed", e);
	if (l->from != k->from || l->total > RENT_LIST_ROOTS_MAX ||
	    (l->next == l->from && l->next < l->total))
		return odd(m, "not the page that comes next", e);
	if (!add_roots(k, &m->bulk))
		return err_fail(e, ERR_NOMEM, "rent: a list");
	k->from = l->next;
	if (k->from < l->total) {
		client_ask_more(k);
		return ERR_NONE;
	}
	if (list && !folds_to(k))
		return lie(k, "a list that is not the one signed", e);
	r.roots = k->roots;
	r.n_roots = k->n_roots;
	client_end(k, &r);
	return ERR_NONE;
}

/* ---- all of them ---- */

/* What answers a call of this kind, besides an error. */
static enum rent_kind answer_of(const struct rent_call *k)
{
	switch (k->kind) {
	case RENT_OFFER:
		return RENT_SHEET;
	case RENT_PEERS:
		return RENT_NODES;
	case RENT_HAVE:
		return RENT_HAS;
	case RENT_WRITE:
		return k->have_first ? RENT_HAS : RENT_STORED;
	case RENT_REVISE:
		return RENT_SIGNED;
	case RENT_READ:
		return RENT_DATA;
	case RENT_LIST:
		return RENT_ROOTS;
	case RENT_NEWEST:
		return RENT_HELD;
	case RENT_LOST:
		return RENT_LOSSES;
	case RENT_PLACE:
	case RENT_KEEP:
		return RENT_STORED;
	case RENT_FETCH:
		return RENT_RECORD;
	case RENT_HEAD:
		return RENT_KEPT;
	case RENT_HELLO:
	case RENT_TELL:
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
		break;
	}
	return RENT_ERROR;
}

static enum err_code answer(struct rent_call *k, const struct rent_msg *m,
			    struct err *e)
{
	switch (m->kind) {
	case RENT_ERROR:
		return on_error(k, &m->u.error, e);
	case RENT_SHEET:
		return on_sheet(k, &m->u.sheet, e);
	case RENT_NODES:
		return on_nodes(k, &m->u.tell, e);
	case RENT_HAS:
		return on_has(k, &m->u.has, e);
	case RENT_STORED:
		return on_stored(k, m->u.sign.due, e);
	case RENT_SIGNED:
		return on_signed(k, &m->u.sign, e);
	case RENT_DATA:
		return on_data(k, m, e);
	case RENT_RECORD:
		return on_record(k, m, e);
	case RENT_KEPT:
		return on_kept(k, m);
	case RENT_HELD:
		return on_held(k, &m->u.held, e);
	case RENT_ROOTS:
	case RENT_LOSSES:
		return on_page(k, m, e);
	case RENT_WELCOME:
	case RENT_HELLO:
	case RENT_OFFER:
	case RENT_PEERS:
	case RENT_TELL:
	case RENT_HAVE:
	case RENT_WRITE:
	case RENT_REVISE:
	case RENT_READ:
	case RENT_LIST:
	case RENT_NEWEST:
	case RENT_LOST:
	case RENT_PLACE:
	case RENT_FETCH:
	case RENT_KEEP:
	case RENT_HEAD:
		break;
	}
	return odd(m, "not an answer", e);
}

enum err_code client_hear(struct rent_client *c, const struct rent_msg *m,
			  struct err *e)
{
	struct rent_call *k = c->queues[Q_ACTIVE].first;

	if (m->kind == RENT_WELCOME)
		return on_welcome(c, &m->u.hello, e);
	if (m->kind == RENT_ERROR && m->id == 0)
		return on_general_error(c, &m->u.error, e);
	if (c->state != LINK_UP)
		return odd(m, "before welcome", e);
	while (k && k->id != m->id)
		k = k->next;
	if (!k)
		return odd(m, "nobody asked", e);
	if (m->kind != RENT_ERROR && m->kind != answer_of(k))
		return odd(m, "not what was asked for", e);
	return answer(k, m, e);
}
