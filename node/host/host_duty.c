/* host_duty.c - the prover's questions and events; what is posted, given up and
 * ended (by host_rules.h); and the signer's word under revisions. */
#include "node/host/host_int.h"

#include "base/clock.h"
#include "node/money/step_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FEES_MS 600000
#define POST_AGAIN_MS 60000
#define SIGN_WITHIN_MS 300000 /* a signed revision is stored within */
#define RENTER_POSTS_MS 60000
#define NOTE_EARNED "host earned"

static struct settle *settle_of(const struct host *h)
{
	return h->en->money->storage.settle;
}

static struct list_key key_of(const struct host *h, const struct host_lease *l)
{
	return (struct list_key){l->renter, renting_me(h->en->renting),
				 l->number};
}

static bool is_open(const struct host_lease *l)
{
	return l->known && l->view.state == BANK_AGREEMENT_OPEN;
}

/* ---- signatures ---- */

static void sign_unlink(struct host_sign *s)
{
	if (s->prev)
		s->prev->next = s->next;
	else
		s->h->signs = s->next;
	if (s->next)
		s->next->prev = s->prev;
	free(s);
}

static void on_signed(void *ctx, const struct signer_reply *r,
		      const struct err *e)
{
	struct host_sign *s = ctx;
	struct host *h = s->h;
	uint64_t token = s->token;
	struct rent_answer a = {.code = e ? e->code : ERR_NONE};

	sign_unlink(s);
	if (e) {
		host_alarm(h, true, "an agreement was not signed: %s", e->msg);
	} else {
		a.bytes = r->u.sig.bytes;
		a.n_bytes = sizeof(r->u.sig.bytes);
	}
	rent_host_answer(h->machine, token, &a, host_now(h));
}

static enum err_code ask_signer(struct host_sign *s, const struct agreement *a,
				struct err *e)
{
	struct host *h = s->h;
	struct money *m = h->en->money;
	struct signer_request q = {
		.type = SIGNER_AGREEMENT,
		.u.agreement = {.chain_id = m->domain.chain_id,
				.bank = m->domain.bank,
				.agreement = *a}};
	enum err_code code = ERR_NONE;

	/* a first revision: its sheet stays, its collateral counts */
	if (!lease_find(h, &a->renter, a->number)) {
		code = offer_keep(h, &a->terms, e);
		/* asked before; another may have been signed meanwhile */
		if (code == ERR_NONE && !lease_collateral(h, a->collateral))
			code = err_fail(e, ERR_FUNDS,
					"no more collateral can be locked");
		if (code == ERR_NONE && !lease_put(h, a, false))
			code = err_fail(e, ERR_LIMIT, "too many agreements");
	}
	if (code == ERR_NONE) /* whoever has it can open it */
		code = purse_follow(&m->storage, a, e);
	if (code == ERR_NONE)
		code = signer_ask(m->signer, &q, on_signed, s, e);
	return code;
}

void duty_sign(void *ctx, uint64_t token, const struct rent_ask *q)
{
	struct host *h = ctx;
	struct host_sign *s = calloc(1, sizeof(*s));
	struct err e = {0};

	if (!s) {
		host_alarm(h, true, "no memory to sign an agreement");
		return; /* the session ends by its own time */
	}
	s->h = h;
	s->token = token;
	s->next = h->signs;
	if (s->next)
		s->next->prev = s;
	h->signs = s;
	if (ask_signer(s, q->a, &e) == ERR_NONE)
		return;
	host_alarm(h, true, "an agreement was not signed: %s", e.msg);
	s->late.code = e.code;
	s->is_late = true;
	host_soon(h);
}

/* Signed, or about to be, and never stored. */
static bool never_stored(const struct host *h, const struct host_lease *l)
{
	return !l->stored && host_now(h) - l->since_ms >= SIGN_WITHIN_MS;
}

/* ---- proofs ---- */

static void proof_unlink(struct host_proof *p)
{
	if (p->prev)
		p->prev->next = p->next;
	else
		p->h->proofs = p->next;
	if (p->next)
		p->next->prev = p->prev;
	free(p);
}

static void on_proof(void *ctx, const struct sectors_answer *a,
		     const struct err *e)
{
	struct host_proof *p = ctx;
	struct host *h = p->h;
	struct prover_ask ask = p->ask;

	proof_unlink(p);
	if (!h->prover)
		return;
	if (e)
		prover_on_proof(h->prover, &ask, NULL, NULL, 0, e);
	else
		prover_on_proof(h->prover, &ask, a->data,
				(const uint8_t *)a->nodes,
				(unsigned)a->node_count, NULL);
}

static void on_want_proof(void *ctx, const struct prover_ask *ask)
{
	struct host *h = ctx;
	struct list_key key = {ask->renter, renting_me(h->en->renting),
			       ask->number};
	struct host_proof *p = calloc(1, sizeof(*p));

	if (!p) {
		host_alarm(h, true, "no memory for a proof");
		return;
	}
	p->h = h;
	p->ask = *ask;
	p->next = h->proofs;
	if (p->next)
		p->next->prev = p;
	h->proofs = p;
	if (sectors_prove(h->sectors, &key, &ask->root, ask->sectors, ask->leaf,
			  on_proof, p, &p->late) != ERR_NONE)
		host_soon(h);
}

static void on_each(void *ctx, prover_each_fn *fn, void *fn_ctx)
{
	struct host *h = ctx;
	uint32_t now = 0;

	(void)renting_period(h->en->renting, &now);
	for (size_t i = 0; i < h->n_leases; i++) {
		const struct host_lease *l = h->leases[i];
		struct agreement a = l->a;

		if (!l->stored || !is_open(l))
			continue;
		a.through = host_rule_settled(&a, &l->view, now);
		fn(fn_ctx, &a);
	}
}

static void tell_prover_event(struct host *h, const struct prover_event *ev)
{
	static const struct {
		bool alarm, grave;
		const char *what;
	} rows[] = {
		[PROVER_PROVED] = {false, false, "proved"},
		[PROVER_LATE] = {true, false, "a proof is late"},
		[PROVER_GRAVE] = {true, true, "a proof is very late"},
		[PROVER_MISSED] = {true, true, "a proof was missed"},
		[PROVER_UNREADABLE] = {true, true, "a leaf cannot be read"},
		[PROVER_REFUSED] = {true, true,
				    "the bank would not take a proof"},
		[PROVER_NO_BEACON] = {true, false, "no beacon"},
		[PROVER_CLOSED] = {false, false, "closed"},
		[PROVER_SEEN] = {false, false, "seen"},
		[PROVER_TROUBLE] = {true, true, "the chain gives trouble"},
	};
	const struct money *m = h->en->money;
	char who[ADDRESS_TEXT_MAX], amount[MONEY_TEXT_MAX];

	(void)address_text(who, &ev->renter, m->profile.address);
	if (rows[ev->kind].alarm && address_is_zero(&ev->renter))
		host_alarm(h, rows[ev->kind].grave, "%s: %s",
			   rows[ev->kind].what, ev->text ? ev->text : "");
	else if (rows[ev->kind].alarm)
		host_alarm(h, rows[ev->kind].grave,
			   "%s: agreement %u with %.48s: %s",
			   rows[ev->kind].what, ev->number, who,
			   ev->text ? ev->text : "");
	else if (ev->kind != PROVER_SEEN)
		log_line(h->en->log, LOG_INFO, "host",
			 "%s renter=%s number=%u amount=%s",
			 rows[ev->kind].what, who, ev->number,
			 money_text(m, ev->amount, amount));
}

static void on_prover_event(void *ctx, const struct prover_event *ev)
{
	struct host *h = ctx;
	struct host_lease *l = lease_find(h, &ev->renter, ev->number);

	/* it is final, which the prover has still to look at */
	if (l && l->proved_due == ev->duty.due &&
	    (ev->kind == PROVER_LATE || ev->kind == PROVER_GRAVE ||
	     ev->kind == PROVER_MISSED))
		return;
	if (l && ev->kind == PROVER_PROVED)
		l->proved_due = ev->duty.due;
	h->proved += ev->kind == PROVER_PROVED;
	h->missed += ev->kind == PROVER_MISSED;
	tell_prover_event(h, ev);
	if (ev->kind == PROVER_LATE || ev->kind == PROVER_GRAVE)
		host_alarm_of(h, &ev->renter, ev->number);
	if (ev->kind == PROVER_PROVED)
		host_alarm_over(h, &ev->renter, ev->number);
	if (l && ev->kind != PROVER_LATE && ev->kind != PROVER_GRAVE) {
		l->dirty = true;
		lease_read(h);
	}
}

void duty_late(struct host *h)
{
	struct host_sign *s = h->signs, *next_sign;
	struct host_proof *p = h->proofs, *next_proof;

	for (; s; s = next_sign) {
		struct rent_answer a = s->late;
		uint64_t token = s->token;

		next_sign = s->next;
		if (!s->is_late)
			continue;
		sign_unlink(s);
		rent_host_answer(h->machine, token, &a, host_now(h));
		next_sign = h->signs; /* the answer may have asked again */
	}
	for (; p; p = next_proof) {
		next_proof = p->next;
		if (p->late.code == ERR_NONE)
			continue;
		if (h->prover)
			prover_on_proof(h->prover, &p->ask, NULL, NULL, 0,
					&p->late);
		proof_unlink(p);
	}
}

/* ---- posting ---- */

/* The renter posts at the end of what it does; a while is left to it. */
static bool had_time(const struct host *h, const struct host_lease *l)
{
	int64_t wait = renting_period_ms(h->en->renting) / 4;

	if (wait > RENTER_POSTS_MS)
		wait = RENTER_POSTS_MS;
	return host_now(h) - l->revised_ms >= wait;
}

static void post_unlink(struct host_post *p)
{
	if (p->prev)
		p->prev->next = p->next;
	else
		p->h->posts = p->next;
	if (p->next)
		p->next->prev = p->prev;
	free(p);
}

static void end_post(struct host_post *p, const struct err *e)
{
	struct host *h = p->h;
	struct host_lease *l = lease_find(h, &p->key.renter, p->key.number);

	if (l) {
		l->posting = false;
		l->dirty = true;
		l->post_after_ms = host_now(h) + POST_AGAIN_MS;
	}
	post_unlink(p);
	if (h->closing)
		return;
	if (e)
		host_alarm(h, true, "a revision was not posted: %s", e->msg);
	lease_read(h);
	if (h->prover)
		prover_wake(h->prover);
}

static void on_posted(void *ctx, const struct settle_result *r,
		      const struct err *e)
{
	struct host_post *p = ctx;

	(void)r;
	if (!e)
		log_line(p->h->en->log, LOG_INFO, "host",
			 "posted a revision number=%u", p->key.number);
	end_post(p, e);
}

static void on_blob(void *ctx, const struct sectors_answer *a,
		    const struct err *error)
{
	struct host_post *p = ctx;
	struct rent_signed_revision r;
	struct settle_signed what;
	struct err e = {0};

	if (p->h->closing || error) {
		end_post(p, error);
		return;
	}
	if (rent_blob_get(&r, a->info->blob, a->info->blob_len, &e) !=
	    ERR_NONE) {
		end_post(p, &e);
		return;
	}
	what = (struct settle_signed){r.a, r.renter_sig, r.host_sig};
	settle_revise(settle_of(p->h), &what, NULL, on_posted, p);
}

static void post(struct host *h, struct host_lease *l)
{
	struct host_post *p = calloc(1, sizeof(*p));
	struct err e = {0};

	if (!p)
		return; /* the next head tries again */
	p->h = h;
	p->key = key_of(h, l);
	p->next = h->posts;
	if (p->next)
		p->next->prev = p;
	h->posts = p;
	l->posting = true;
	if (sectors_agreement(h->sectors, &p->key, on_blob, p, &e) != ERR_NONE)
		end_post(p, &e);
}

/* ---- lists that are over ---- */

/* No answer is waited for: after a restart it is asked again. */
static void settle_list(struct host *h, struct host_lease *l)
{
	struct list_key key = key_of(h, l);
	struct err e = {0};

	if (!l->stored || l->view.from != 0 || l->view.revision <= l->settled ||
	    l->view.revision > l->a.revision)
		return;
	if (sectors_settle(h->sectors, &key, l->view.revision, NULL, NULL,
			   &e) == ERR_NONE)
		l->settled = l->view.revision;
}

static struct amount earned_of(const struct host_lease *l)
{
	if (rent_unopened(&l->a))
		return l->a.earned;
	return l->known ? l->view.earned : AMOUNT_ZERO;
}

static void note_earned(struct host *h)
{
	struct book *b = h->en->money->storage.book;
	uint8_t note[16];
	struct err e = {0};

	amount_to_be16(note, h->earned_before);
	if (book_note_set(b, NOTE_EARNED, note, sizeof(note), &e) != ERR_NONE ||
	    book_commit_now(b, &e) != ERR_NONE)
		host_alarm(h, false, "the sum of rent was not noted: %s",
			   e.msg);
}

static void on_dropped(void *ctx, const struct sectors_answer *a,
		       const struct err *e)
{
	struct host *h = ctx;

	(void)a;
	if (e && !h->closing)
		host_alarm(h, true, "an agreement that is over stays: %s",
			   e->msg);
}

static bool is_over(const struct host_lease *l, uint32_t now)
{
	return l->stored && host_rule_over(&l->a, l->known ? &l->view : NULL,
					   l->view_period, now);
}

/* True: the lease is gone. */
static bool end_lease(struct host *h, struct host_lease *l)
{
	const struct money *m = h->en->money;
	struct list_key key = key_of(h, l);
	char who[ADDRESS_TEXT_MAX], earned[MONEY_TEXT_MAX];
	struct err e = {0};

	if (sectors_drop(h->sectors, &key, on_dropped, h, &e) != ERR_NONE)
		return false;
	log_line(h->en->log, LOG_INFO, "host",
		 "ended renter=%s number=%u earned=%s",
		 address_text(who, &l->renter, m->profile.address), l->number,
		 money_text(m, earned_of(l), earned));
	h->earned_before = amount_add_cap(h->earned_before, earned_of(l));
	lease_remove(h, l);
	note_earned(h);
	return true;
}

void duty_seen(struct host *h, struct host_lease *l, bool was_open)
{
	const struct money *m = h->en->money;
	const bool news = !l->from_disk;
	char who[ADDRESS_TEXT_MAX];

	l->from_disk = false;
	settle_list(h, l);
	if (l->stored && l->view.revision > l->a.revision)
		host_alarm(h, true,
			   "the chain has revision %u of agreement %u with "
			   "%.48s, and this disk %u: sectors.db is an old copy",
			   l->view.revision, l->number,
			   address_text(who, &l->renter, m->profile.address),
			   l->a.revision);
	if (is_open(l) == was_open)
		return;
	if (h->prover)
		prover_wake(h->prover);
	if (!news)
		return;
	log_line(h->en->log, LOG_INFO, "host",
		 "agreement %s renter=%s number=%u",
		 is_open(l) ? "opened" : "closed",
		 address_text(who, &l->renter, m->profile.address), l->number);
	renting_read_head(h->en->renting); /* collateral moved */
}

/* ---- what transactions cost ---- */

static void on_fees(void *ctx, const struct chain_trial *t, const struct err *e)
{
	struct host *h = ctx;
	struct host_fees *f = &h->fees;

	h->asking_fees = false;
	if (e || !t->ok || t->units == 0)
		return;
	f->known = amount_mul_div(&f->per_million, NULL, t->fee, 1000000, 0,
				  t->units);
	f->in_token = f->known &&
		      purse_in_token(&h->en->money->storage, f->per_million,
				     &f->token_per_million);
}

/* An anchor costs nothing to try, and is always possible. */
static void ask_fees(struct host *h)
{
	const struct money *m = h->en->money;
	uint8_t data[BANK_ANCHOR_LEN];
	struct wr w = wr_into(data, sizeof(data));
	struct chain_call call = {.from = renting_me(h->en->renting),
				  .to = m->domain.bank,
				  .data = data};
	int64_t now = host_now(h);

	if (h->asking_fees || (h->fees_ms && now - h->fees_ms < FEES_MS))
		return;
	h->fees_ms = now ? now : 1;
	h->asking_fees = true;
	bank_enc_anchor(&w);
	call.len = wr_len(&w);
	chain_try(m->chain, &call, on_fees, h);
}

struct amount duty_proof_fee(void *ctx)
{
	const struct host *h = ctx;
	struct amount fee;

	if (!h->fees.in_token ||
	    !amount_mul_div(&fee, NULL, h->fees.token_per_million,
			    HOST_PROOF_UNITS, 0, 1000000))
		return AMOUNT_ZERO;
	return fee;
}

/* ---- now and then ---- */

/* The prover paces itself by how often blocks should come; they come when they
 * come. */
static void keep_pace(struct host *h, uint32_t now)
{
	struct prover_state s;

	prover_state(h->prover, &s);
	if (!s.known || s.now.period != now)
		prover_wake(h->prover);
}

void duty_step(struct host *h)
{
	uint32_t now;

	ask_fees(h);
	if (!renting_period(h->en->renting, &now))
		return;
	keep_pace(h, now);
	for (size_t i = 0; i < h->n_leases;) {
		struct host_lease *l = h->leases[i];

		if (never_stored(h, l)) {
			lease_remove(h, l);
			continue;
		}
		if (is_over(l, now) && !l->posting && end_lease(h, l))
			continue;
		if (l->stored && !rent_unopened(&l->a) && !l->posting &&
		    host_now(h) >= l->post_after_ms && is_open(l) &&
		    host_rule_post(&l->a, &l->view, now, had_time(h, l)))
			post(h, l);
		i++;
	}
}

enum err_code duty_begin(struct host *h, struct err *e)
{
	const struct money *m = h->en->money;
	struct prover_config cfg = {
		.bank = m->domain.bank,
		.host = renting_me(h->en->renting),
		.block_ms = m->profile.block_ms,
		.most_proofs = m->profile.proofs,
		.most_bytes = m->profile.proof_bytes,
		.node = {.ctx = h,
			 .each = on_each,
			 .want_proof = on_want_proof,
			 .event = on_prover_event},
	};
	uint8_t note[16];
	size_t len = sizeof(note);

	if (h->prover)
		return ERR_NONE;
	if (book_note_get(m->storage.book, NOTE_EARNED, note, &len, NULL) ==
		    ERR_NONE &&
	    len == sizeof(note))
		h->earned_before = amount_from_be16(note);
	return prover_new(&h->prover, h->en->loop, m->chain, settle_of(h), &cfg,
			  h->en->log, e);
}

void duty_end(struct host *h)
{
	struct money *m = h->en->money;

	prover_free(h->prover);
	h->prover = NULL;
	for (struct host_post *p = h->posts; p; p = p->next)
		if (m->storage.settle)
			settle_forget(m->storage.settle, p);
	for (struct host_sign *s = h->signs; s; s = s->next)
		signer_forget(m->signer, s);
}

void duty_forget(struct host *h)
{
	while (h->posts)
		post_unlink(h->posts);
	while (h->signs)
		sign_unlink(h->signs);
	while (h->proofs)
		proof_unlink(h->proofs);
}
