#include "contracts-abi/bank.h"
#include "contracts-abi/bank_abi.h"
#include "ledger/settle/settle_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void cash_clear(struct job *j)
{
	free(j->due);
	free(j->plan);
	j->due = NULL;
	j->plan = NULL;
}

/* ------------------------------------------------------------ calls and events
 */

bool cash_decode(const struct chain_call *call, struct address *to,
		 const uint8_t **receipts, size_t *len)
{
	struct rd r = rd_from(call->data, call->len);

	if (call->create || rd_u32(&r) != BANK_SEL_CASH)
		return false;
	(void)abi_get_address(&r);
	*to = abi_get_address(&r);
	abi_get_offset(&r, 3);
	*receipts = abi_get_tail(&r, len);
	return rd_done(&r) && *receipts && *len % BANK_RECEIPT_LEN == 0;
}

unsigned cash_count(const struct chain_call *call)
{
	const uint8_t *receipts;
	struct address to;
	size_t len;

	return cash_decode(call, &to, &receipts, &len)
		       ? (unsigned)(len / BANK_RECEIPT_LEN)
		       : 0;
}

static enum book_to book_place(const struct settle *s, const struct address *to)
{
	if (address_is_zero(to))
		return BOOK_TO_BANK;
	return address_eq(to, &s->cfg.me) ? BOOK_TO_WALLET : BOOK_TO_OTHER;
}

enum book_to cash_destination(struct settle *s, const struct address *payer)
{
	const struct outbox_record *r;

	for (size_t i = 0; (r = outbox_open(s->outbox, i)); i++) {
		const uint8_t *receipts;
		struct address to;
		size_t len;

		if (r->kind != OUTBOX_CASH ||
		    !cash_decode(&r->call, &to, &receipts, &len))
			continue;
		for (size_t at = 0; at < len; at += BANK_RECEIPT_LEN)
			if (memcmp(receipts + at, payer->bytes, 20) == 0)
				return book_place(s, &to);
	}
	return BOOK_TO_UNKNOWN;
}

/* ------------------------------------------------------- booking a final cash
 */

/* What its events said, kept until its pairs have been read. */
struct cash_end {
	struct settle *s;
	struct cash_sum sum;
	struct address *bounced; /* heap */
};

void cash_end_free(struct cash_end *c)
{
	if (c)
		free(c->bounced);
	free(c);
}

static void read_event(struct cash_end *c, const struct chain_log *l)
{
	const struct settle *s = c->s;
	struct abi_log log = {l->topics, l->n_topics, l->data, l->len};
	struct bank_ev_bounced bounced;
	struct bank_ev_cashed cashed;

	if (!address_eq(&l->where, &s->profile.bank))
		return;
	if (bank_ev_cashed_read(&cashed, &log, NULL) == ERR_NONE &&
	    address_eq(&cashed.payee, &s->cfg.me)) {
		c->sum.moved = amount_add_cap(c->sum.moved, cashed.total);
		c->sum.draws += cashed.receipts;
	} else if (bank_ev_bounced_read(&bounced, &log, NULL) == ERR_NONE &&
		   address_eq(&bounced.payee, &s->cfg.me)) {
		c->bounced[c->sum.bounced++] = bounced.payer;
	}
}

/* The pairs are staged as they are now: mark who was short, and end it. Both
 * become durable with the end of the transaction, in one commit. */
static void on_pairs(void *ctx, const struct book_chain *chain,
		     const struct err *e)
{
	struct cash_end *c = ctx;
	struct settle *s = c->s;
	enum err_code rc = e ? e->code : ERR_NONE;

	(void)chain;
	for (unsigned i = 0; i < c->sum.bounced && rc == ERR_NONE; i++)
		rc = book_bounced(s->book, &c->bounced[i], NULL);
	s->last = c->sum;
	cash_end_free(c);
	outbox_ended(s->outbox, s->last.id, rc);
}

static struct settle_dir *payers_of(const struct outbox_record *r, size_t *n)
{
	const uint8_t *receipts = NULL;
	struct settle_dir *dirs;
	struct address to;
	size_t len = 0;

	if (!cash_decode(&r->call, &to, &receipts, &len))
		return NULL;
	*n = len / BANK_RECEIPT_LEN;
	dirs = calloc(*n + 1, sizeof(*dirs));
	for (size_t i = 0; dirs && i < *n; i++) {
		memcpy(dirs[i].peer.bytes, receipts + i * BANK_RECEIPT_LEN, 20);
		dirs[i].in = true;
	}
	return dirs;
}

void cash_final(struct settle *s, int64_t id, const struct outbox_record *r,
		const struct chain_outcome *o)
{
	struct cash_end *c = calloc(1, sizeof(*c));
	size_t n = 0;
	struct settle_dir *dirs = payers_of(r, &n);

	if (c)
		c->bounced = calloc(o->n_logs + 1, sizeof(*c->bounced));
	if (!c || !c->bounced || !dirs) {
		cash_end_free(c);
		free(dirs);
		outbox_ended(s->outbox, id, ERR_NOMEM);
		return;
	}
	c->s = s;
	c->sum.id = id;
	for (size_t i = 0; i < o->n_logs; i++)
		read_event(c, &o->logs[i]);
	if (!reading_start(s, dirs, n, false, false, o->block, on_pairs, c)) {
		cash_end_free(c);
		outbox_ended(s->outbox, id, ERR_NOMEM);
	}
}

/* ------------------------------------------------------------------ planning
 */

static void plan_batch(struct job *j);
static void plan_next(struct job *j);
static void plan_on(struct job *j);

static int by_weight(const void *a, const void *b)
{
	const struct due *x = a, *y = b;

	return amount_cmp(y->weight, x->weight);
}

struct collect {
	struct job *j;
	int64_t now_s;
	bool full;
};

static bool on_due(void *ctx, const struct book_due *d)
{
	struct collect *c = ctx;
	struct job *j = c->j;

	if (amount_is_zero(d->uncashed))
		return true;
	if (j->n_due == SETTLE_MAX_DUE) {
		c->full = true;
		return false;
	}
	j->due[j->n_due++] = (struct due){.r = d->receipt};
	return true;
}

/* What cashing it would draw: from the reserve, whenever that ends, then from
 * the free balance. */
static enum err_code weigh(struct job *j, struct due *d, int64_t now_s,
			   struct err *e)
{
	struct book_pair pair;
	const struct book_facts *f = &pair.in.facts;
	enum err_code rc = book_pair_load(j->s->book, &pair, &d->r.payer, e);
	struct amount uncashed;

	if (rc != ERR_NONE)
		return rc;
	uncashed = amount_sub_floor(d->r.amount, f->paid);
	d->worth = f->known ? amount_min(uncashed,
					 amount_add_cap(f->reserve, f->free))
			    : AMOUNT_ZERO;
	d->weight = d->worth;
	d->cover = cover_of(uncashed, f, &pair.in.drain, now_s);
	if (amount_is_zero(d->worth) && f->known) {
		j->plan->uncovered++;
		j->plan->uncovered_amount =
			amount_add_cap(j->plan->uncovered_amount, uncashed);
	}
	return ERR_NONE;
}

static int by_address(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct address));
}

/* Payers whose receipts are in transactions that have not ended, also of
 * another run or of before a restart; sorted, heap. */
struct under_way {
	struct address *payers;
	size_t n;
};

static enum err_code find_under_way(const struct settle *s, struct under_way *u,
				    struct err *e)
{
	const struct outbox_record *r;
	const uint8_t *receipts = NULL;
	struct address to;
	size_t most = 0, len = 0;

	for (size_t i = 0; (r = outbox_open(s->outbox, i)); i++)
		most += cash_count(&r->call);
	u->payers = calloc(most + 1, sizeof(*u->payers));
	if (!u->payers)
		return err_fail(e, ERR_NOMEM, "no memory");
	for (size_t i = 0; (r = outbox_open(s->outbox, i)); i++) {
		if (!cash_decode(&r->call, &to, &receipts, &len))
			continue;
		for (size_t at = 0; at < len; at += BANK_RECEIPT_LEN)
			memcpy(&u->payers[u->n++], receipts + at,
			       sizeof(*u->payers));
	}
	qsort(u->payers, u->n, sizeof(*u->payers), by_address);
	return ERR_NONE;
}

static bool is_under_way(const struct under_way *u, const struct due *d)
{
	return bsearch(&d->r.payer, u->payers, u->n, sizeof(*u->payers),
		       by_address) != NULL;
}

static enum err_code collect_due(struct job *j, struct err *e)
{
	struct collect c = {.j = j, .now_s = j->s->cfg.unix_s()};
	struct under_way u = {.n = 0};
	enum err_code rc;
	size_t kept = 0;

	j->due = calloc(SETTLE_MAX_DUE, sizeof(*j->due));
	if (!j->due)
		return err_fail(e, ERR_NOMEM, "no memory");
	rc = book_due_list(j->s->book, c.now_s, on_due, &c, e);
	if (rc == ERR_NONE)
		rc = find_under_way(j->s, &u, e);
	for (size_t i = 0; i < j->n_due && rc == ERR_NONE; i++) {
		if (is_under_way(&u, &j->due[i])) {
			j->plan->under_way++;
			continue;
		}
		rc = weigh(j, &j->due[i], c.now_s, e);
		if (!amount_is_zero(j->due[i].worth))
			j->due[kept++] = j->due[i];
	}
	free(u.payers);
	j->n_all = j->n_due = kept;
	qsort(j->due, kept, sizeof(*j->due), by_weight);
	return rc;
}

static void leave(struct job *j, size_t from, size_t n)
{
	for (size_t i = from; i < from + n; i++) {
		j->due[i].left = true;
		j->plan->waiting_worth =
			amount_add_cap(j->plan->waiting_worth, j->due[i].worth);
	}
	j->plan->waiting += n;
}

/* Those left that may be lost by waiting come first, as heavy as their reason
 * is good. How many. */
static size_t pick_hurried(struct job *j)
{
	struct settle_plan *p = j->plan;
	size_t n = 0;

	for (size_t i = 0; i < j->n_all; i++) {
		struct due d = j->due[i];

		if (!d.left || !cover_times(d.cover))
			continue;
		if (cover_times(d.cover) == 1)
			d.weight = amount_add_cap(d.worth, d.worth);
		d.left = false;
		p->waiting--;
		p->waiting_worth = amount_sub_floor(p->waiting_worth, d.worth);
		j->due[i] = j->due[n];
		j->due[n++] = d;
	}
	qsort(j->due, n, sizeof(*j->due), by_weight);
	return n;
}

static bool encode_batch(const struct job *j, uint8_t *buf, size_t cap,
			 struct wr *out)
{
	static uint8_t packed[SETTLE_MAX_BATCH * BANK_RECEIPT_LEN];

	for (size_t i = 0; i < j->n; i++)
		if (receipt_pack(&j->due[j->at + i].r,
				 packed + i * BANK_RECEIPT_LEN,
				 BANK_RECEIPT_LEN) != BANK_RECEIPT_LEN)
			return false;
	*out = wr_into(buf, cap);
	bank_enc_cash(out, &j->s->cfg.me, &j->options.to, packed,
		      j->n * BANK_RECEIPT_LEN);
	return !out->bad;
}

/* The signer's limits, the user's, or the coin are at their end; or a block
 * showed what no trial had. The next would meet the same. */
static bool ends_it(const struct outbox_event *ev)
{
	if (ev->step == OUTBOX_MINED)
		return !ev->outcome->ok;
	return ev->step == OUTBOX_REFUSED &&
	       (ev->e->code == ERR_FUNDS || ev->e->code == ERR_LIMIT ||
		ev->e->code == ERR_STATE);
}

/* How many are worth the risk that all of them fail in their blocks for the
 * same reason: one more for each that did not. */
static void widen(struct job *j, const struct outbox_event *ev)
{
	if (ev->step == OUTBOX_MINED && ev->outcome->ok &&
	    j->width < SETTLE_ABREAST)
		j->width++;
}

static void on_submitted(void *ctx, const struct outbox_event *ev)
{
	struct job *j = ctx;

	if (ev->step == OUTBOX_REFUSED && ev->trial && ev->trial->out_of_time)
		batch_too_long(&j->s->cash_size, cash_count(&ev->record->call));
	widen(j, ev);
	if (ends_it(ev))
		j->stop = true;
	if (!job_event(j, ev)) {
		if (ev->step == OUTBOX_MINED)
			plan_on(j);
		return;
	}
	if (ev->step == OUTBOX_FINAL && ev->outcome->ok &&
	    j->s->last.id == ev->record->id) {
		const struct cash_sum *sum = &j->s->last;

		j->r.moved = amount_add_cap(j->r.moved, sum->moved);
		j->r.bounced += sum->bounced;
		j->r.receipts += sum->draws > sum->bounced
					 ? sum->draws - sum->bounced
					 : 0;
	}
	if (j->has_more)
		plan_on(j);
	else if (j->open == 0 && !j->submitting)
		job_end(j);
}

static void submit_batch(struct job *j, struct amount worth)
{
	static uint8_t data[BANK_CASH_LEN(SETTLE_MAX_BATCH * BANK_RECEIPT_LEN)];
	unsigned open = j->open;
	struct wr w;

	if (encode_batch(j, data, sizeof(data), &w))
		(void)job_submit(j, OUTBOX_CASH, &j->s->profile.bank, &w,
				 AMOUNT_ZERO, worth, &j->options.to,
				 on_submitted);
	j->stop = j->open == open; /* no room in the outbox, or no memory */
}

static void plan_end(struct job *j)
{
	j->submitting = false;
	if (j->open == 0)
		job_end(j);
}

/* All that is worth it for its own sake is planned: what may be lost by waiting
 * goes through once more, at any fee that leaves something. */
static void plan_done(struct job *j)
{
	size_t n = j->hurry ? 0 : pick_hurried(j);

	if (n == 0) {
		plan_end(j);
		return;
	}
	j->hurry = true;
	j->n_due = n;
	j->at = 0;
	j->n = 0;
	plan_next(j);
}

static void leave_rest(struct job *j)
{
	leave(j, j->at, j->n_due - j->at);
	plan_done(j);
}

/* Is it worth doing now? By itself the node waits for a good price. */
static bool pays(const struct job *j, const struct settle_batch *b)
{
	struct amount share, brings;

	if (j->hurry)
		return b->fee_known && amount_cmp(b->brings, b->fee_token) > 0;
	if (!j->options.by_itself)
		return true;
	return b->fee_known && amount_mul_u64(&share, b->fee_token, 100) &&
	       amount_mul_u64(&brings, b->brings, j->s->cfg.fee_share) &&
	       amount_cmp(share, brings) <= 0;
}

/* Receipts at the batch's end that are worth no more than twice their share of
 * the fee: how many stay. */
static size_t worth_it(struct job *j, const struct settle_batch *b)
{
	struct amount least;
	size_t n = j->n;

	if (j->options.all || !b->fee_known)
		return n;
	if (!amount_mul_div(&least, NULL, b->fee_token, 2, 0, j->n))
		return 0;
	if (!j->hurry)
		j->plan->worth_from = least;
	while (n && amount_cmp(j->due[j->at + n - 1].weight, least) <= 0)
		n--;
	return n;
}

static void add_to_plan(struct job *j, const struct settle_batch *b)
{
	struct settle_plan *p = j->plan;

	p->batches[p->n_batches++] = *b;
	if (!b->ok && !b->no_funds)
		return;
	p->brings = amount_add_cap(p->brings, b->brings);
	p->fee = amount_add_cap(p->fee, b->fee);
	p->fee_max = amount_add_cap(p->fee_max, b->fee_max);
	p->units += b->units;
}

static bool has_room(const struct job *j)
{
	return j->open < SETTLE_OPEN &&
	       outbox_under_way(j->s->outbox, j->run) < j->width;
}

static void plan_next(struct job *j)
{
	if (j->stop || j->plan->n_batches == SETTLE_MAX_BATCHES)
		plan_end(j);
	else if (j->at == j->n_due)
		plan_done(j);
	else if (has_room(j))
		plan_batch(j);
	else
		j->has_more = true;
}

/* One of ours has moved on. */
static void plan_on(struct job *j)
{
	if (!j->has_more)
		return;
	j->has_more = false;
	plan_next(j);
}

static void keep_batch(struct job *j, const struct settle_batch *b)
{
	if (b->ok && !amount_is_zero(b->brings) && !pays(j, b)) {
		leave_rest(j); /* no lighter one does either */
		return;
	}
	if (b->ok && amount_is_zero(b->brings)) {
		leave(j, j->at, j->n);
	} else {
		add_to_plan(j, b);
		if (b->ok)
			j->means = j->left;
		if (b->ok && j->send)
			submit_batch(j, b->brings);
		else if (j->send && j->e.code == ERR_NONE)
			(void)err_fail(
				&j->e, b->no_funds ? ERR_FUNDS : ERR_CHAIN,
				"%s%s",
				b->no_funds ? "" : "a batch would fail: ",
				b->reason);
	}
	j->at += j->n;
	j->n = 0;
	/* what the first cannot pay for the next could, and bring less */
	if (j->send && b->no_funds)
		j->stop = true;
	plan_next(j);
}

/* What is left of the sender's means is what the batches before leave, whether
 * these are mined already or not. */
static void weigh_fee(struct job *j, struct settle_batch *b,
		      const struct chain_trial *t)
{
	const struct chain *ch = j->s->chain;

	if (!j->means.known)
		j->means = j->plan->means = t->means;
	j->left = j->means;
	if (!t->ok && !t->no_funds)
		return;
	if (!chain_means_pay(&j->left, &b->fee, t) && b->ok) {
		b->ok = false;
		b->no_funds = true;
		chain_no_funds_words(b->reason, &ch->coin, &j->s->cfg.me,
				     t->unit_price ? b->fee : t->fee_max,
				     j->means.coin);
	}
	b->units_staked = j->means.units - j->left.units;
	b->bytes_staked = j->means.bytes - j->left.bytes + j->means.free_bytes -
			  j->left.free_bytes;
}

static struct settle_batch weigh_batch(struct job *j,
				       const struct chain_trial *t)
{
	struct settle_batch b = {.receipts = j->n,
				 .units = t->units,
				 .bytes = t->bytes,
				 .fee = t->fee,
				 .fee_max = t->fee_max,
				 .ok = t->ok,
				 .no_funds = t->no_funds};

	memcpy(b.reason, t->reason, sizeof(b.reason));
	weigh_fee(j, &b, t);
	for (size_t i = 0; i < j->n; i++) {
		b.worth = amount_add_cap(b.worth, j->due[j->at + i].worth);
		b.at_risk += cover_times(j->due[j->at + i].cover) != 0;
	}
	if (!t->has_ret ||
	    bank_ret_cash(&b.brings, t->ret, sizeof(t->ret), NULL) != ERR_NONE)
		b.brings = AMOUNT_ZERO;
	b.fee_known = settle_in_token(&b.fee_token, b.fee, &j->s->cfg.price) &&
		      amount_mul_div(&b.by_itself, NULL, b.fee_token, 100, 0,
				     j->s->cfg.fee_share);
	return b;
}

static void on_trial(void *ctx, const struct chain_trial *t,
		     const struct err *e)
{
	struct job *j = ctx;
	struct settle_batch b;
	size_t n;

	if (e) {
		if (j->e.code == ERR_NONE)
			j->e = *e;
		plan_end(j);
		return;
	}
	if (j->stop) {
		plan_end(j);
		return;
	}
	if (!t->ok && t->out_of_time && j->n > 1) {
		batch_too_long(&j->s->cash_size, (unsigned)j->n);
		plan_batch(j);
		return;
	}
	b = weigh_batch(j, t);
	if (t->ok && j->n) {
		j->s->fee[j->hurry].known = amount_mul_div(
			&j->s->fee[j->hurry].each, NULL, t->fee, 1, 0, j->n);
	}
	n = t->ok ? worth_it(j, &b) : j->n;
	if (n == j->n) {
		keep_batch(j, &b);
		return;
	}
	if (n == 0) { /* sorted: nothing after it is worth it either */
		leave_rest(j);
		return;
	}
	/* fewer share the fixed part of the fee: try again without the rest */
	leave(j, j->at + n, j->n_due - j->at - n);
	j->n_due = j->at + n;
	plan_batch(j);
}

static void plan_batch(struct job *j)
{
	static uint8_t data[BANK_CASH_LEN(SETTLE_MAX_BATCH * BANK_RECEIPT_LEN)];
	struct settle *s = j->s;
	struct chain_call call = {.from = s->cfg.me, .to = s->profile.bank};
	size_t most = s->cash_size.now;
	struct wr w;

	j->n = j->n_due - j->at < most ? j->n_due - j->at : most;
	if (!encode_batch(j, data, sizeof(data), &w)) {
		(void)err_fail(&j->e, ERR_STATE,
			       "a receipt in the book cannot be packed");
		plan_end(j);
		return;
	}
	call.data = w.buf;
	call.len = w.len;
	chain_try(s->chain, &call, on_trial, j);
}

static void on_refreshed(void *ctx, const struct book_chain *chain,
			 const struct err *e)
{
	struct job *j = ctx;
	struct settle *s = j->s;

	(void)chain;
	if (book_commit_now(s->book, &j->e) == ERR_NONE && e)
		j->e = *e;
	if (j->e.code == ERR_NONE && s->cfg.on_facts)
		s->cfg.on_facts(s->cfg.ctx);
	j->submitting = true;
	if (j->e.code != ERR_NONE || collect_due(j, &j->e) != ERR_NONE ||
	    j->n_due == 0)
		plan_end(j);
	else
		plan_batch(j);
}

static void plan_start(struct job *j, const struct settle_options *o, bool send)
{
	struct settle *s = j->s;
	struct settle_dir *dirs;
	size_t n;

	j->options = *o;
	j->send = send;
	j->run = ++s->runs;
	j->width = 1;
	j->plan = calloc(1, sizeof(*j->plan));
	if (!j->plan) {
		job_fail_later(j, ERR_NOMEM, "no memory");
		return;
	}
	j->plan->by_hand = !s->cfg.price.known;
	if (profile_need_token(&s->profile, &j->e) != ERR_NONE ||
	    settle_all_dirs(s, &dirs, &n, false, &j->e) != ERR_NONE)
		job_fail_later(j, ERR_NONE, NULL);
	else if (!reading_start(s, dirs, n, true, false, 0, on_refreshed, j))
		job_fail_later(j, ERR_NOMEM, "no memory");
}

void settle_dry_run(struct settle *s, const struct settle_options *o,
		    settle_plan_fn *fn, void *ctx)
{
	struct job *j = job_new(s, JOB_PLAN, ctx, NULL);

	if (!j)
		return;
	j->fn.plan = fn;
	plan_start(j, o, false);
}

void settle_cash(struct settle *s, const struct settle_options *o,
		 settle_step_fn *step, settle_done_fn *fn, void *ctx)
{
	struct job *j = job_new(s, JOB_MONEY, ctx, step);

	if (!j)
		return;
	j->fn.done = fn;
	if (o->by_itself && !s->cfg.price.known)
		job_fail_later(j, ERR_STATE,
			       "the coin has no price: set `coin-price`, or "
			       "settle by hand");
	else
		plan_start(j, o, true);
}

/* ------------------------------------------------------------------ when to */

struct due_sum {
	struct amount worth;
	uint64_t n;
	struct amount heaviest; /* of those that may be lost by waiting */
};

static bool sum_due(void *ctx, const struct book_due *d)
{
	struct due_sum *sum = ctx;
	struct amount worth =
		amount_min(d->uncashed, amount_add_cap(d->reserve, d->free));
	unsigned times = cover_times(d->cover);

	if (!d->known || amount_is_zero(worth))
		return true;
	sum->worth = amount_add_cap(sum->worth, worth);
	sum->n++;
	if (times == 1)
		worth = amount_add_cap(worth, worth);
	if (times)
		sum->heaviest = amount_max(sum->heaviest, worth);
	return true;
}

/* As the newest trial had it, which a plan in a hurry makes last. */
static bool hurry_due(const struct settle *s, const struct due_sum *sum)
{
	struct amount fee;

	if (amount_is_zero(sum->heaviest) || !s->fee[true].known)
		return !amount_is_zero(sum->heaviest);
	return settle_in_token(&fee, s->fee[true].each, &s->cfg.price) &&
	       amount_cmp(sum->heaviest, amount_add_cap(fee, fee)) > 0;
}

bool settle_due(struct settle *s, int64_t now_s)
{
	struct due_sum sum = {.n = 0};
	struct amount fee, cost, brings;

	if (!s->cfg.price.known ||
	    book_due_list(s->book, now_s, sum_due, &sum, NULL) != ERR_NONE ||
	    sum.n == 0)
		return false;
	if (hurry_due(s, &sum) || !s->fee[false].known)
		return true; /* the dry run says what it costs */
	if (!amount_mul_u64(&fee, s->fee[false].each, sum.n) ||
	    !settle_in_token(&fee, fee, &s->cfg.price) ||
	    !amount_mul_u64(&cost, fee, 100) ||
	    !amount_mul_u64(&brings, sum.worth, s->cfg.fee_share))
		return false;
	return amount_cmp(cost, brings) <= 0;
}
