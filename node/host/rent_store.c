#include "node/host/rent_store.h"

#include "storage/object/record.h"

#include <stdlib.h>
#include <string.h>

#define BROKE_MAX 256U /* questions without memory for them, of one turn */
#define CHECKING_MAX (64U << 20) /* bytes of records that wait */
#define MIB (UINT32_C(1) << 20)
/* Of a placement record from an account that stores nothing here. */
#define RECORD_STRANGER_MAX (256U << 10)

_Static_assert(RENT_RECORD_S == RECORD_LASTS_S, "a record has one term");

struct pend {		       /* one question that is not answered */
	struct work_job job;   /* PLACE: the check of its signature */
	struct rent_store *st; /* NULL: it is gone, the job is not */
	struct pend *prev, *next;
	struct pend *next_put; /* PUT: waits until the disk has room */
	uint64_t token;
	enum rent_ask_kind kind;
	struct list_key key;
	struct list_key at; /* PLACE: the agreement looked at last */
	uint32_t from, n;
	struct hash32 root; /* PUT; PLACE: its key */
	struct span data;   /* PUT, while it waits */
	int64_t expires_s;
	uint64_t seq;
	uint8_t *bytes; /* PLACE */
	size_t len;
	uint64_t owned;	  /* PLACE: MiB, with this one */
	uint64_t sectors; /* PLACE: stored by this account, as far as seen */
	bool job_runs;
	struct err err; /* of the job; of what is answered in the next turn */
	bool late;
};

struct rent_store {
	struct rent_store_cfg cfg;
	struct pend *pends;
	struct pend *puts, **puts_end; /* wait for room */
	unsigned putting;	       /* at the disk */
	size_t checking;	       /* bytes of records */
	struct loop_timer *timer;
	uint64_t broke[BROKE_MAX];
	unsigned n_broke;
};

static void on_answer(void *ctx, const struct sectors_answer *a,
		      const struct err *e);

/* ---- questions under way ---- */

static struct pend *pend_new(struct rent_store *st, uint64_t token,
			     const struct rent_ask *q)
{
	struct pend *p = calloc(1, sizeof(*p));

	if (!p) {
		if (st->n_broke < BROKE_MAX)
			st->broke[st->n_broke++] = token;
		loop_timer_set(st->timer, 0);
		return NULL;
	}
	p->st = st;
	p->token = token;
	p->kind = q->kind;
	p->key = (struct list_key){q->renter, st->cfg.me, q->number};
	p->from = q->from;
	p->n = q->n;
	p->root = q->root;
	p->expires_s = q->expires_s;
	p->next = st->pends;
	if (p->next)
		p->next->prev = p;
	st->pends = p;
	return p;
}

static void pend_free(struct pend *p)
{
	struct rent_store *st = p->st;

	if (st) {
		if (p->prev)
			p->prev->next = p->next;
		else
			st->pends = p->next;
		if (p->next)
			p->next->prev = p->prev;
		st->checking -= p->len;
	}
	span_unref(&p->data);
	free(p->bytes);
	free(p);
}

static void answer(struct pend *p, const struct rent_answer *a)
{
	struct rent_store *st = p->st;
	uint64_t token = p->token;

	pend_free(p);
	st->cfg.answer(st->cfg.ctx, token, a);
}

static void fail(struct pend *p, enum err_code code)
{
	struct rent_answer a = {.code = code};

	answer(p, &a);
}

/* Nobody is answered from inside a call. */
static void fail_later(struct pend *p, const struct err *e)
{
	p->err = *e;
	p->late = true;
	loop_timer_set(p->st->timer, 0);
}

static struct pend *first_late(const struct rent_store *st)
{
	struct pend *p = st->pends;

	while (p && !p->late)
		p = p->next;
	return p;
}

static void on_timer(void *ctx)
{
	static const struct rent_answer no_memory = {.code = ERR_NOMEM};
	struct rent_store *st = ctx;
	struct pend *p;

	while (st->n_broke)
		st->cfg.answer(st->cfg.ctx, st->broke[--st->n_broke],
			       &no_memory);
	while ((p = first_late(st)))
		fail(p, p->err.code);
}

/* ---- answers ---- */

static void log_fault(const struct pend *p, const struct err *e)
{
	if (e->code != ERR_IO && e->code != ERR_DB)
		return;
	if (p->st->cfg.fault)
		p->st->cfg.fault(p->st->cfg.ctx, e);
	else
		log_line(p->st->cfg.log, LOG_ERROR, "host",
			 "the disk failed question=%d text=\"%s\"",
			 (int)p->kind, e->msg);
}

static void fill_roots(const struct pend *p, const struct sectors_answer *a,
		       struct rent_answer *out)
{
	size_t n = a->node_count;

	out->next = a->next;
	out->total = a->count;
	if (p->from > a->count) {
		out->code = ERR_STATE;
		return;
	}
	if (p->kind == RENT_ASK_ROOTS && n > p->n) {
		n = p->n;
		out->next = p->from + p->n;
	}
	out->bytes = (const uint8_t *)a->nodes;
	out->n_bytes = n * sizeof(*a->nodes);
}

static void fill_record(const struct sectors_answer *a, struct rent_answer *out)
{
	if (a->record.size == 0)
		return;
	out->seq = a->record.sequence;
	out->size = a->record.size;
	out->bytes = a->data;
	out->n_bytes = a->len;
}

static void fill(const struct pend *p, const struct sectors_answer *a,
		 struct rent_answer *out)
{
	switch (p->kind) {
	case RENT_ASK_PUT:
	case RENT_ASK_PREVIEW:
	case RENT_ASK_CHANGE:
	case RENT_ASK_SIGN:
		break;
	case RENT_ASK_HAVE:
		out->bytes = a->data;
		out->n_bytes = a->len;
		break;
	case RENT_ASK_READ:
		out->data = a->span;
		out->bytes = (const uint8_t *)a->nodes;
		out->n_bytes = a->node_count * sizeof(*a->nodes);
		break;
	case RENT_ASK_AGREEMENT:
		out->bytes = a->info->blob;
		out->n_bytes = a->info->blob_len;
		break;
	case RENT_ASK_ROOTS:
	case RENT_ASK_LOST:
		fill_roots(p, a, out);
		break;
	case RENT_ASK_PLACE:
	case RENT_ASK_KEEP:
		out->old = !a->stored;
		break;
	case RENT_ASK_FETCH:
	case RENT_ASK_HEAD:
		fill_record(a, out);
		break;
	}
}

static void put_waiting(struct rent_store *st);

static void on_answer(void *ctx, const struct sectors_answer *a,
		      const struct err *e)
{
	struct pend *p = ctx;
	struct rent_store *st = p->st;
	struct rent_answer out = {.code = e ? e->code : ERR_NONE,
				  .lost = a->lost};
	const bool put = p->kind == RENT_ASK_PUT;

	if (e)
		log_fault(p, e);
	else
		fill(p, a, &out);
	st->putting -= put;
	answer(p, &out);
	if (put)
		put_waiting(st);
}

/* ---- sectors ---- */

static enum err_code put(struct pend *p, struct err *e)
{
	struct sectors_put q = {.root = p->root,
				.spans = &p->data,
				.span_count = 1,
				.owner = p->key.renter,
				.expires_s = p->expires_s};
	enum err_code code =
		sectors_put(p->st->cfg.sectors, &q, on_answer, p, e);

	if (code != ERR_NONE)
		return code;
	p->st->putting++;
	span_unref(&p->data); /* the disk has its own */
	p->data = (struct span){0};
	return ERR_NONE;
}

/* False: no room yet, and there will be when one is answered. */
static bool try_put(struct pend *p)
{
	struct err e = {0};
	enum err_code code = put(p, &e);

	if (code == ERR_LIMIT && p->st->putting > 0)
		return false;
	if (code == ERR_LIMIT) /* too much at once, not too much here */
		e.code = ERR_NOMEM;
	if (code != ERR_NONE)
		fail_later(p, &e);
	return true;
}

static void put_waiting(struct rent_store *st)
{
	while (st->puts) {
		struct pend *p = st->puts;

		if (!try_put(p))
			return;
		st->puts = p->next_put;
		if (!st->puts)
			st->puts_end = &st->puts;
	}
}

static void ask_put(struct pend *p, const struct rent_ask *q)
{
	struct rent_store *st = p->st;

	p->data = q->data;
	span_ref(&p->data);
	if (!st->puts && try_put(p))
		return;
	*st->puts_end = p;
	st->puts_end = &p->next_put;
}

/* ---- agreements ---- */

static struct list_op *ops_of(const struct rent_ask *q)
{
	struct list_op *ops = calloc(q->n_cuts + q->n_roots + 1, sizeof(*ops));
	struct rd r = rd_from(q->cuts, 4 * q->n_cuts);

	for (size_t i = 0; ops && i < q->n_cuts; i++)
		ops[i] =
			(struct list_op){.kind = LIST_CUT, .index = rd_u32(&r)};
	for (size_t i = 0; ops && i < q->n_roots; i++) {
		struct list_op *op = &ops[q->n_cuts + i];

		op->kind = LIST_APPEND;
		memcpy(op->root.bytes, q->roots + 32 * i, 32);
	}
	return ops;
}

static enum err_code ask_change(struct pend *p, const struct rent_ask *q,
				struct err *e)
{
	struct list_op *ops = ops_of(q);
	struct list_change c = {
		.key = p->key,
		.revision = q->a->revision,
		.ops = ops,
		.op_count = q->n_cuts + q->n_roots,
		.sectors = q->a->sectors,
		.root = q->a->root,
		.blob = q->blob,
		.blob_len = q->blob ? RENT_BLOB_LEN : 0,
		.keep = !rent_unopened(q->a),
	};
	enum err_code code;

	if (!ops)
		return err_fail(e, ERR_NOMEM, "a revision");
	code = sectors_change(p->st->cfg.sectors, &c,
			      q->kind == RENT_ASK_PREVIEW, on_answer, p, e);
	free(ops);
	return code;
}

/* ---- placement records ---- */

static void on_agreement(void *ctx, const struct sectors_answer *a,
			 const struct err *e);

static void store_record(struct pend *p)
{
	struct record_put r = {
		.object = p->root,
		.owner = p->key.renter,
		.sequence = p->seq,
		.expires_s = p->expires_s,
		.bytes = p->bytes,
		.len = p->len,
	};
	struct err e = {0};

	if (sectors_put_placement(p->st->cfg.sectors, &r, on_answer, p, &e) !=
	    ERR_NONE)
		fail_later(p, &e);
}

static void next_agreement(struct pend *p)
{
	struct err e = {0};

	if (sectors_next_agreement(p->st->cfg.sectors, &p->at, on_agreement, p,
				   &e) != ERR_NONE)
		fail_later(p, &e);
}

static void on_known(void *ctx, const struct sectors_answer *a,
		     const struct err *e)
{
	struct pend *p = ctx;

	if (e && e->code != ERR_STATE)
		log_fault(p, e);
	if (e)
		fail(p, e->code);
	else if (a->record.size == 0)
		fail(p, ERR_STATE);
	else
		store_record(p);
}

/* Whoever stores here brought the key: a steward may go on with its record,
 * as far as that takes little. */
static void ask_known(struct pend *p)
{
	struct err e = {0};

	if (p->len > RECORD_STRANGER_MAX)
		fail(p, ERR_STATE);
	else if (sectors_placement(p->st->cfg.sectors, &p->root, 0, 0, 1,
				   on_known, p, &e) != ERR_NONE)
		fail_later(p, &e);
}

/* Does what this account stores allow for so many records? */
static void on_agreement(void *ctx, const struct sectors_answer *a,
			 const struct err *e)
{
	struct pend *p = ctx;

	if (e && e->code != ERR_STATE) {
		log_fault(p, e);
		fail(p, e->code);
		return;
	}
	if (e || !address_eq(&a->info->key.renter, &p->key.renter)) {
		/* no agreement at all, or too little in them */
		if (p->sectors == 0)
			ask_known(p);
		else
			fail(p, ERR_LIMIT);
		return;
	}
	p->at = a->info->key;
	p->sectors += a->info->sectors;
	if (p->owned <= p->sectors + 1)
		store_record(p);
	else
		next_agreement(p);
}

static void on_owned(void *ctx, const struct sectors_answer *a,
		     const struct err *e)
{
	struct pend *p = ctx;

	if (e) {
		log_fault(p, e);
		fail(p, e->code);
		return;
	}
	p->owned = a->count + (uint64_t)(p->len + MIB - 1) / MIB;
	p->at = (struct list_key){.renter = p->key.renter};
	next_agreement(p);
}

static void run_check(struct work_job *job)
{
	struct pend *p = (struct pend *)(void *)job;
	struct record_head head;
	enum err_code code = record_check(&head, p->bytes, p->len, &p->err);

	if (code == ERR_NONE &&
	    (memcmp(head.signer, p->root.bytes, sizeof(head.signer)) != 0 ||
	     head.sequence != p->seq))
		(void)err_fail(&p->err, ERR_SIG,
			       "a record of another key or sequence");
}

static void on_checked(struct work_job *job)
{
	struct pend *p = (struct pend *)(void *)job;
	struct err e = {0};

	p->job_runs = false;
	if (!p->st) {
		pend_free(p);
		return;
	}
	if (p->err.code != ERR_NONE) { /* whatever is wrong: not that key's */
		fail(p, ERR_SIG);
		return;
	}
	if (sectors_owned(p->st->cfg.sectors, &p->key.renter, on_owned, p,
			  &e) != ERR_NONE)
		fail_later(p, &e);
}

static enum err_code ask_place(struct pend *p, const struct rent_ask *q,
			       struct err *e)
{
	struct rent_store *st = p->st;

	if (q->n_bytes > CHECKING_MAX - st->checking)
		return err_fail(e, ERR_NOMEM, "too many records at once");
	p->bytes = malloc(q->n_bytes + 1);
	if (!p->bytes)
		return err_fail(e, ERR_NOMEM, "a record");
	memcpy(p->bytes, q->bytes, q->n_bytes);
	memcpy(p->root.bytes, q->id, sizeof(p->root.bytes));
	p->len = q->n_bytes;
	p->seq = q->seq;
	st->checking += p->len;
	p->job.run = run_check;
	p->job.done = on_checked;
	p->job_runs = true;
	work_submit(st->cfg.work, NULL, &p->job);
	return ERR_NONE;
}

static enum err_code ask_keep(struct pend *p, const struct rent_ask *q,
			      struct err *e)
{
	struct record_put r = {
		.owner = p->key.renter,
		.sequence = q->seq,
		.expires_s = q->expires_s,
		.bytes = q->bytes,
		.len = q->n_bytes,
	};

	return sectors_put_head(p->st->cfg.sectors, &r, on_answer, p, e);
}

static enum err_code ask_fetch(struct pend *p, const struct rent_ask *q,
			       struct err *e)
{
	struct hash32 id;

	memcpy(id.bytes, q->id, sizeof(id.bytes));
	return sectors_placement(p->st->cfg.sectors, &id, 0, q->off,
				 q->len ? q->len : RENT_PART, on_answer, p, e);
}

/* ---- life ---- */

static enum err_code begin(struct pend *p, const struct rent_ask *q,
			   struct err *e)
{
	struct sectors *s = p->st->cfg.sectors;

	switch (q->kind) {
	case RENT_ASK_PUT:
		ask_put(p, q);
		return ERR_NONE;
	case RENT_ASK_HAVE:
		return sectors_have(s, (const struct hash32 *)q->roots,
				    q->n_roots, &q->renter, q->expires_s,
				    on_answer, p, e);
	case RENT_ASK_READ:
		return sectors_read(s, &q->root, q->off, q->len, on_answer, p,
				    e);
	case RENT_ASK_AGREEMENT:
		return sectors_agreement(s, &p->key, on_answer, p, e);
	case RENT_ASK_PREVIEW:
	case RENT_ASK_CHANGE:
		return ask_change(p, q, e);
	case RENT_ASK_ROOTS:
		return sectors_roots(s, &p->key, q->from, on_answer, p, e);
	case RENT_ASK_LOST:
		return sectors_lost(s, &p->key, q->from, on_answer, p, e);
	case RENT_ASK_PLACE:
		return ask_place(p, q, e);
	case RENT_ASK_FETCH:
		return ask_fetch(p, q, e);
	case RENT_ASK_KEEP:
		return ask_keep(p, q, e);
	case RENT_ASK_HEAD:
		return sectors_head(s, &q->renter, on_answer, p, e);
	case RENT_ASK_SIGN:
		break;
	}
	return err_fail(e, ERR_STATE, "not the disk's to answer");
}

void rent_store_ask(struct rent_store *st, uint64_t token,
		    const struct rent_ask *q)
{
	struct err e = {0};
	struct pend *p;

	if (q->kind == RENT_ASK_SIGN) {
		st->cfg.sign(st->cfg.ctx, token, q);
		return;
	}
	p = pend_new(st, token, q);
	if (p && begin(p, q, &e) != ERR_NONE)
		fail_later(p, &e);
}

enum err_code rent_store_new(struct rent_store **out,
			     const struct rent_store_cfg *cfg, struct err *e)
{
	struct rent_store *st = calloc(1, sizeof(*st));

	*out = NULL;
	if (!st)
		return err_fail(e, ERR_NOMEM, "the host's store");
	st->cfg = *cfg;
	st->puts_end = &st->puts;
	st->timer = loop_timer_new(cfg->loop, on_timer, st);
	if (!st->timer) {
		free(st);
		return err_fail(e, ERR_NOMEM, "the host's store");
	}
	*out = st;
	return ERR_NONE;
}

void rent_store_free(struct rent_store *st)
{
	struct pend *next;

	if (!st)
		return;
	for (struct pend *p = st->pends; p; p = next) {
		next = p->next;
		p->st = NULL;
		if (!p->job_runs)
			pend_free(p);
	}
	loop_timer_free(st->timer);
	free(st);
}
