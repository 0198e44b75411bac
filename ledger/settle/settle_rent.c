#include "contracts-abi/bank.h"
#include "contracts-abi/bank_abi.h"
#include "ledger/settle/settle_impl.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------- what both signed */

static void post(struct settle *s, enum outbox_kind kind,
		 const struct settle_signed *what, settle_step_fn *step,
		 settle_done_fn *fn, void *ctx)
{
	struct job *j = job_begin(s, step, fn, ctx);
	bool open = kind == OUTBOX_OPEN;
	uint8_t packed[BANK_SIGNED_LEN], data[BANK_OPEN_LEN(BANK_SIGNED_LEN)];
	struct wr w = wr_into(packed, sizeof(packed));

	if (!j)
		return;
	if (open)
		j->amount = what->a.fund;
	bank_put_signed(&w, &what->a, &what->renter, &what->host);
	if (agreement_check(&what->a, &j->e) == ERR_NONE)
		(void)profile_need_token(&s->profile, &j->e);
	if (job_refused(j))
		return;
	w = wr_into(data, sizeof(data));
	if (open)
		bank_enc_open(&w, packed, sizeof(packed));
	else
		bank_enc_revise(&w, packed, sizeof(packed));
	job_submit_bank(j, kind, &w, AMOUNT_ZERO, &what->a.host);
}

void settle_open(struct settle *s, const struct settle_signed *what,
		 settle_step_fn *step, settle_done_fn *fn, void *ctx)
{
	post(s, OUTBOX_OPEN, what, step, fn, ctx);
}

void settle_revise(struct settle *s, const struct settle_signed *what,
		   settle_step_fn *step, settle_done_fn *fn, void *ctx)
{
	post(s, OUTBOX_REVISE, what, step, fn, ctx);
}

/* ------------------------------------------------------------ fund and end */

void settle_top_up(struct settle *s, const struct book_lease *which,
		   struct amount amount, settle_step_fn *step,
		   settle_done_fn *fn, void *ctx)
{
	struct job *j = job_begin(s, step, fn, ctx);
	uint8_t data[BANK_TOP_UP_LEN];
	struct wr w = wr_into(data, sizeof(data));

	if (!j)
		return;
	j->amount = amount;
	if (amount_is_zero(amount))
		(void)err_fail(&j->e, ERR_PARSE, "an amount of zero");
	else if (!amount_fits112(amount))
		(void)err_fail(&j->e, ERR_LIMIT, "2^112 units or more");
	else
		(void)profile_need_token(&s->profile, &j->e);
	if (job_refused(j))
		return;
	bank_enc_top_up(&w, &which->renter, &which->host, which->number,
			amount);
	job_submit_bank(j, OUTBOX_TOP_UP, &w, AMOUNT_ZERO, &which->host);
}

void settle_close(struct settle *s, const struct book_lease *which,
		  settle_step_fn *step, settle_done_fn *fn, void *ctx)
{
	struct job *j = job_begin(s, step, fn, ctx);
	uint8_t data[BANK_CLOSE_LEN];
	struct wr w = wr_into(data, sizeof(data));

	if (!j)
		return;
	(void)profile_need_token(&s->profile, &j->e);
	if (job_refused(j))
		return;
	bank_enc_close(&w, &which->renter, &which->host, which->number);
	job_submit_bank(j, OUTBOX_CLOSE, &w, AMOUNT_ZERO, &which->host);
}

unsigned settle_room(const struct settle *s)
{
	return outbox_room(s->outbox);
}

bool settle_is_closing(const struct settle *s, const struct book_lease *which)
{
	uint8_t data[BANK_CLOSE_LEN];
	struct wr w = wr_into(data, sizeof(data));
	void *ctx;

	bank_enc_close(&w, &which->renter, &which->host, which->number);
	return outbox_find_call(s->outbox, OUTBOX_CLOSE, data, wr_len(&w),
				&ctx);
}

/* -------------------------------------------------------------------- proofs
 */

void settle_anchor(struct settle *s, settle_step_fn *step, settle_done_fn *fn,
		   void *ctx)
{
	struct job *j = job_begin(s, step, fn, ctx);
	uint8_t data[BANK_ANCHOR_LEN];
	struct wr w = wr_into(data, sizeof(data));

	if (!j)
		return;
	(void)profile_need_token(&s->profile, &j->e);
	if (job_refused(j))
		return;
	bank_enc_anchor(&w);
	job_submit_bank(j, OUTBOX_ANCHOR, &w, AMOUNT_ZERO, &s->profile.bank);
}

/* What the event says, as far as it is the bank's and can be read. */
void prove_final(struct settle *s, const struct chain_outcome *o)
{
	for (size_t i = 0; i < o->n_logs; i++) {
		const struct chain_log *l = &o->logs[i];
		struct abi_log log = {l->topics, l->n_topics, l->data, l->len};
		struct bank_ev_proved ev;

		if (!address_eq(&l->where, &s->profile.bank) ||
		    bank_ev_proved_read(&ev, &log, NULL) != ERR_NONE)
			continue;
		s->last.draws += (unsigned)(ev.proofs_len / BANK_PROVED_LEN);
		s->last.moved = amount_add_cap(s->last.moved, ev.total);
	}
}

/* ------------------------------------------------- which agreements a call is
 * about */

static void add_lease(struct settle *s, struct settle_dir *dirs, size_t *n,
		      const struct address *renter, const struct address *host,
		      uint32_t number)
{
	bool in = !address_eq(renter, &s->cfg.me);

	if (in && !address_eq(host, &s->cfg.me))
		return; /* others' */
	dirs[(*n)++] = (struct settle_dir){.peer = in ? *renter : *host,
					   .in = in,
					   .rent = true,
					   .number = number};
}

/* prove(host, proofs): their renters and numbers, see bank_put_proof(). */
static void add_proved(struct settle *s, struct settle_dir *dirs, size_t *n,
		       struct rd *r)
{
	struct address host = abi_get_address(r);
	const uint8_t *p;
	size_t len = 0;

	abi_get_offset(r, 2);
	p = abi_get_tail(r, &len);
	while (p && len >= BANK_PROOF_LEN(0)) {
		struct rd one = rd_from(p, len);
		struct address renter;
		uint32_t number;
		size_t size;

		rd_copy(&one, renter.bytes, sizeof(renter.bytes));
		number = rd_u32(&one);
		size = BANK_PROOF_LEN((size_t)rd_u8(&one));
		add_lease(s, dirs, n, &renter, &host, number);
		if (size > len)
			break;
		p += size;
		len -= size;
	}
}

struct settle_dir *rent_dirs(struct settle *s, const struct outbox_record *rec,
			     size_t *n)
{
	size_t most = rec->call.len / BANK_PROOF_LEN(0) + 1;
	struct settle_dir *dirs = calloc(most, sizeof(*dirs));
	struct rd r = rd_from(rec->call.data, rec->call.len);
	struct address renter, host;
	struct agreement a;

	*n = 0;
	if (!dirs)
		return NULL;
	switch (rd_u32(&r)) {
	case BANK_SEL_OPEN:
	case BANK_SEL_REVISE:
		abi_get_offset(&r, 1);
		(void)abi_get_uint(&r, 64); /* length */
		agreement_get(&r, &a);
		if (!r.bad)
			add_lease(s, dirs, n, &a.renter, &a.host, a.number);
		break;
	case BANK_SEL_TOP_UP:
	case BANK_SEL_CLOSE:
		renter = abi_get_address(&r);
		host = abi_get_address(&r);
		a.number = (uint32_t)abi_get_uint(&r, 32);
		if (!r.bad)
			add_lease(s, dirs, n, &renter, &host, a.number);
		break;
	case BANK_SEL_PROVE:
		add_proved(s, dirs, n, &r);
		break;
	default: /* allowed: a selector, not an enum */
		break;
	}
	return dirs;
}

static void on_prove(void *ctx, const struct outbox_event *ev)
{
	struct job *j = ctx;

	if (!job_event(j, ev))
		return;
	if (ev->step == OUTBOX_FINAL && ev->outcome->ok &&
	    j->s->last.id == ev->record->id) {
		j->r.receipts = j->s->last.draws;
		j->r.moved = j->s->last.moved;
	}
	if (j->open == 0)
		job_end(j);
}

void settle_prove(struct settle *s, const struct address *host,
		  const uint8_t *proofs, size_t len, settle_step_fn *step,
		  settle_done_fn *fn, void *ctx)
{
	struct job *j = job_begin(s, step, fn, ctx);
	struct wr w;
	uint8_t *data;
	size_t cap = BANK_PROVE_LEN(len);

	if (!j)
		return;
	if (len == 0 || len > SETTLE_MAX_PROOFS)
		(void)err_fail(&j->e, ERR_LIMIT, "%zu bytes of proofs", len);
	else
		(void)profile_need_token(&s->profile, &j->e);
	if (job_refused(j))
		return;
	data = malloc(cap);
	if (!data) {
		job_fail_later(j, ERR_NOMEM, "no memory for the proofs");
		return;
	}
	w = wr_into(data, cap);
	bank_enc_prove(&w, host, proofs, len);
	if (!job_submit(j, OUTBOX_PROVE, &s->profile.bank, &w, AMOUNT_ZERO,
			AMOUNT_ZERO, host, on_prove))
		job_fail_later(j, ERR_NONE, NULL);
	free(data);
}
