#include "ledger/settle/settle.h"

#include "base/hex.h"
#include "ledger/settle/settle_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -------------------------------------------------------------------- prices
 */

struct settle_price settle_price_same(void)
{
	return (struct settle_price){.known = true, .num = 1, .den = 1};
}

/* Both sides lose a digit at a time until the price fits. */
struct settle_price settle_price_of(struct amount token_units_per_coin,
				    unsigned coin_decimals)
{
	struct settle_price p = {.known = true, .den = 1};
	struct amount num = token_units_per_coin;

	for (unsigned i = 0; i < coin_decimals && i < 19; i++)
		p.den *= 10;
	while (!amount_to_u64(&p.num, num) && p.den >= 10) {
		if (!amount_mul_div(&num, NULL, num, 1, 0, 10))
			break;
		p.den /= 10;
	}
	p.known = p.num != 0 && coin_decimals <= 19;
	return p;
}

bool settle_in_token(struct amount *out, struct amount coin,
		     const struct settle_price *price)
{
	uint64_t rem = 0;

	if (!price->known ||
	    !amount_mul_div(out, &rem, coin, price->num, 0, price->den))
		return false;
	return rem == 0 || amount_add(out, *out, amount_from_u64(1));
}

bool settle_even_price(struct amount *out, struct amount brings,
		       struct amount fee, unsigned coin_decimals)
{
	uint64_t coin = 1, each;

	for (unsigned i = 0; i < coin_decimals && i < 19; i++)
		coin *= 10;
	while (!amount_to_u64(&each, fee) && coin >= 10) {
		if (!amount_mul_div(&fee, NULL, fee, 1, 0, 10))
			return false;
		coin /= 10;
	}
	return amount_to_u64(&each, fee) && each && coin_decimals <= 19 &&
	       amount_mul_div(out, NULL, brings, coin, 0, each);
}

/* ---------------------------------------- the outbox's store is the book */

/* What a record holds beyond the book's own columns, big-endian: version 1,
 * create, from, to, value 16, units 8, length of the data 4, data. */
#define META_VERSION 1
#define META_HEAD (1 + 1 + 20 + 20 + 16 + 8 + 4)

static size_t meta_encode(uint8_t *buf, size_t cap,
			  const struct outbox_record *r)
{
	struct wr w = wr_into(buf, cap);
	uint8_t value[16];

	amount_to_be16(value, r->call.value);
	wr_u8(&w, META_VERSION);
	wr_u8(&w, r->call.create);
	wr_copy(&w, r->call.from.bytes, 20);
	wr_copy(&w, r->call.to.bytes, 20);
	wr_copy(&w, value, 16);
	wr_u64(&w, r->units);
	wr_u32(&w, (uint32_t)r->call.len);
	wr_copy(&w, r->call.data, r->call.len);
	return wr_len(&w);
}

static bool meta_decode(struct outbox_record *r, const uint8_t *p, size_t len)
{
	struct rd d = rd_from(p, len);
	uint8_t value[16];

	if (rd_u8(&d) != META_VERSION)
		return false;
	r->call.create = rd_u8(&d) != 0;
	rd_copy(&d, r->call.from.bytes, 20);
	rd_copy(&d, r->call.to.bytes, 20);
	rd_copy(&d, value, 16);
	r->call.value = amount_from_be16(value);
	r->units = rd_u64(&d);
	r->call.len = rd_u32(&d);
	r->call.data = rd_view(&d, r->call.len, CHAIN_MAX_DATA);
	return rd_done(&d);
}

static enum err_code store_add(void *ctx, struct outbox_record *r,
			       struct err *e)
{
	struct settle *s = ctx;
	size_t cap = META_HEAD + r->call.len;
	uint8_t *meta = malloc(cap);
	struct book_tx tx = {.kind = (enum book_tx_kind)r->kind,
			     .state = BOOK_TX_PENDING,
			     .slot = r->slot,
			     .amount = r->amount,
			     .to = r->party,
			     .made_s = s->cfg.unix_s(),
			     .meta = meta};
	const struct chain_form *f = &r->forms[0];
	struct book_tx_form form = {f->txid, f->fee_max, f->raw, f->raw_len};
	enum err_code rc;

	if (!meta)
		return err_fail(e, ERR_NOMEM, "no memory");
	tx.meta_len = meta_encode(meta, cap, r);
	rc = book_tx_add(s->book, &tx, &form, e);
	if (rc == ERR_NONE)
		rc = book_commit_now(s->book, e);
	free(meta);
	r->id = tx.id;
	return rc;
}

static enum err_code store_form(void *ctx, int64_t id,
				const struct chain_form *f, struct err *e)
{
	struct settle *s = ctx;
	struct book_tx_form form = {f->txid, f->fee_max, f->raw, f->raw_len};
	enum err_code rc = book_tx_add_form(s->book, id, &form, e);

	return rc == ERR_NONE ? book_commit_now(s->book, e) : rc;
}

static enum err_code store_end(void *ctx, const struct outbox_record *r,
			       const struct chain_outcome *o, struct err *e)
{
	struct settle *s = ctx;
	enum book_tx_state state = !o	   ? BOOK_TX_GONE
				   : o->ok ? BOOK_TX_FINAL
					   : BOOK_TX_FAILED;
	enum err_code rc =
		book_tx_end(s->book, r->id, state, o ? o->block : 0,
			    o ? o->fee : AMOUNT_ZERO, s->cfg.unix_s(), e);

	return rc == ERR_NONE ? book_commit_now(s->book, e) : rc;
}

struct load {
	outbox_load_fn *fn;
	void *ctx;
	bool bad;
};

static bool on_tx(void *ctx, const struct book_tx *tx,
		  const struct book_tx_form *forms, size_t n_forms)
{
	struct load *l = ctx;
	struct outbox_record r = {.id = tx->id,
				  .kind = (enum outbox_kind)tx->kind,
				  .amount = tx->amount,
				  .party = tx->to,
				  .slot = tx->slot};

	if (!meta_decode(&r, tx->meta, tx->meta_len) || n_forms == 0 ||
	    n_forms > CHAIN_MAX_FORMS) {
		l->bad = true;
		return false;
	}
	for (size_t i = 0; i < n_forms; i++)
		r.forms[r.n_forms++] =
			(struct chain_form){.txid = forms[i].txid,
					    .slot = tx->slot,
					    .fee_max = forms[i].fee_max,
					    .raw = forms[i].raw,
					    .raw_len = forms[i].raw_len};
	l->fn(l->ctx, &r);
	return true;
}

static enum err_code store_load(void *ctx, outbox_load_fn *fn, void *fn_ctx,
				struct err *e)
{
	struct settle *s = ctx;
	struct load l = {.fn = fn, .ctx = fn_ctx};
	enum err_code rc =
		book_tx_list(s->book, BOOK_TX_PENDING, 0, on_tx, &l, e);

	if (rc == ERR_NONE && l.bad)
		return err_fail(e, ERR_DB,
				"a pending transaction in the book cannot be "
				"read; restore the book from a copy, then run "
				"`seedbank ledger check`");
	return rc;
}

/* ------------------------------------------------- booking what is final */

struct ending {
	struct settle *s;
	int64_t id;
};

static void on_dirs_booked(void *ctx, const struct book_chain *chain,
			   const struct err *e)
{
	struct ending *end = ctx;
	struct settle *s = end->s;
	int64_t id = end->id;

	(void)chain;
	free(end);
	outbox_ended(s->outbox, id, e ? e->code : ERR_NONE);
}

/* What a transaction changed is read at the block it is in, or later. Takes
 * dirs. */
static void read_then_end(struct settle *s, int64_t id, uint64_t block,
			  struct settle_dir *take_dirs, size_t n)
{
	struct ending *end = calloc(1, sizeof(*end));

	if (!end || !take_dirs) {
		free(end);
		free(take_dirs);
		outbox_ended(s->outbox, id, ERR_NOMEM);
		return;
	}
	*end = (struct ending){s, id};
	if (!reading_start(s, take_dirs, n, false, false, block, on_dirs_booked,
			   end)) {
		free(end);
		outbox_ended(s->outbox, id, ERR_NOMEM);
	}
}

/* A reserve or release shows in the pair. */
static void pair_final(struct settle *s, int64_t id,
		       const struct outbox_record *r,
		       const struct chain_outcome *o)
{
	struct settle_dir *dir = calloc(1, sizeof(*dir));

	if (dir) {
		dir->peer = r->party;
		/* release(payer, payee): bytes 16.. are the payer */
		dir->in = r->kind == OUTBOX_RELEASE && r->call.len == 68 &&
			  memcmp(r->call.data + 16, r->party.bytes, 20) == 0;
	}
	read_then_end(s, id, o->block, dir, 1);
}

/* What was done to agreements shows in them. */
static void rent_final(struct settle *s, int64_t id,
		       const struct outbox_record *r,
		       const struct chain_outcome *o)
{
	size_t n = 0;
	struct settle_dir *dirs = rent_dirs(s, r, &n);

	if (dirs && n == 0) {
		free(dirs);
		outbox_ended(s->outbox, id, ERR_NONE);
		return;
	}
	read_then_end(s, id, o->block, dirs, n);
}

static bool is_rent(enum outbox_kind kind)
{
	return kind == OUTBOX_OPEN || kind == OUTBOX_REVISE ||
	       kind == OUTBOX_TOP_UP || kind == OUTBOX_CLOSE ||
	       kind == OUTBOX_PROVE;
}

static void on_final(void *ctx, struct outbox *ob, int64_t id,
		     const struct outbox_record *r,
		     const struct chain_outcome *o)
{
	struct settle *s = ctx;

	s->last = (struct cash_sum){.id = id};
	if (o->block > s->seen)
		s->seen = o->block;
	if (r->kind == OUTBOX_CASH && o->out_of_time)
		batch_too_long(&s->cash_size, cash_count(&r->call));
	else if (r->kind == OUTBOX_CASH && o->ok)
		batch_went_well(&s->cash_size, cash_count(&r->call));
	if (o->ok && r->kind == OUTBOX_PROVE)
		prove_final(s, o);
	if (o->ok && r->kind == OUTBOX_CASH)
		cash_final(s, id, r, o);
	else if (o->ok &&
		 (r->kind == OUTBOX_RESERVE || r->kind == OUTBOX_RELEASE))
		pair_final(s, id, r, o);
	else if (o->ok && is_rent(r->kind))
		rent_final(s, id, r, o);
	else
		outbox_ended(ob, id, ERR_NONE);
}

/* --------------------------------------------------------------------- jobs */

struct job *job_new(struct settle *s, enum job_kind kind, void *ctx,
		    settle_step_fn *step)
{
	struct job *j = calloc(1, sizeof(*j));

	if (!j) {
		log_line(s->log, LOG_ERROR, "chain", "out-of-memory journey=%d",
			 (int)kind);
		return NULL;
	}
	j->s = s;
	j->kind = kind;
	j->ctx = ctx;
	j->step = step;
	j->next = s->jobs;
	s->jobs = j;
	return j;
}

static void job_free(struct job *j)
{
	struct settle *s = j->s;
	struct job **at = &s->jobs;
	struct reading *next;

	while (*at && *at != j)
		at = &(*at)->next;
	if (*at)
		*at = j->next;
	if (s->deploying == j)
		s->deploying = NULL;
	for (struct reading *rd = s->readings; rd; rd = next) {
		next = rd->next;
		if (rd->ctx == j)
			reading_free(rd);
	}
	outbox_forget(s->outbox, j);
	chain_forget(s->chain, j);
	cash_clear(j);
	free(j->code);
	free(j);
}

void job_end(struct job *j)
{
	const struct err *e = j->e.code == ERR_NONE ? NULL : &j->e;
	struct job **at = &j->s->jobs;

	while (*at && *at != j)
		at = &(*at)->next;
	if (*at)
		*at = j->next;
	switch (j->kind) {
	case JOB_READ:
		if (j->fn.read)
			j->fn.read(j->ctx, e);
		break;
	case JOB_CHAIN:
		if (j->fn.chain)
			j->fn.chain(j->ctx, NULL, e);
		break;
	case JOB_BANK:
		if (j->fn.bank)
			j->fn.bank(j->ctx, e ? NULL : &j->bank, e);
		break;
	case JOB_PLAN:
		if (j->fn.plan)
			j->fn.plan(j->ctx, e ? NULL : j->plan, e);
		break;
	case JOB_MONEY:
		if (j->fn.done)
			j->fn.done(j->ctx, &j->r, e);
		break;
	}
	job_free(j);
}

void job_fail_later(struct job *j, enum err_code code, const char *what)
{
	if (code != ERR_NONE)
		(void)err_fail(&j->e, code, "%s", what);
	j->failed = true;
	loop_timer_set(j->s->later, 0);
}

static void on_later(void *ctx)
{
	struct settle *s = ctx;
	struct job *j = s->jobs;

	while (j) {
		if (!j->failed) {
			j = j->next;
			continue;
		}
		job_end(j);
		j = s->jobs; /* the list may be another now */
	}
}

bool job_submit(struct job *j, enum outbox_kind kind, const struct address *to,
		const struct wr *data, struct amount value,
		struct amount amount, const struct address *party,
		outbox_fn *fn)
{
	struct outbox_order o = {.kind = kind,
				 .call = {.from = j->s->cfg.me,
					  .create = to == NULL,
					  .value = value,
					  .data = data->buf,
					  .len = data->len},
				 .amount = amount,
				 .party = *party,
				 .run = j->run};

	if (to)
		o.call.to = *to;
	if (data->bad)
		(void)err_fail(&j->e, ERR_LIMIT, "a call too long");
	else if (outbox_submit(j->s->outbox, &o, fn, j, &j->e) == ERR_NONE)
		j->open++;
	return j->e.code == ERR_NONE;
}

static const char *step_text(const struct outbox_event *ev, char *buf,
			     size_t cap)
{
	switch (ev->step) {
	case OUTBOX_TRIED:
		return "tried: it would succeed";
	case OUTBOX_STORED:
		return "signed and stored";
	case OUTBOX_SENT:
		return "sent";
	case OUTBOX_RAISED:
		return "waited long: signed again with a higher fee";
	case OUTBOX_MINED:
		return "in a block";
	case OUTBOX_UNDONE:
		return "its block was undone; sent again";
	case OUTBOX_FINAL:
		return ev->outcome->ok ? "final"
				       : "final, but it failed: only the fee "
					 "is spent";
	case OUTBOX_TROUBLE:
		(void)snprintf(buf, cap, "waiting: %s", ev->e->msg);
		return buf;
	case OUTBOX_REFUSED:
	case OUTBOX_GONE:
		break;
	}
	(void)snprintf(buf, cap, "not done: %s", ev->e->msg);
	return buf;
}

static void tell(struct job *j, const struct outbox_event *ev)
{
	char buf[200];
	struct settle_step st = {.kind = ev->record->kind,
				 .step = ev->step,
				 .target = ev->record->call.to,
				 .amount = ev->record->amount,
				 .txid = ev->txid,
				 .text = step_text(ev, buf, sizeof(buf))};

	if (ev->outcome) {
		st.units = ev->outcome->units;
		st.fee = ev->outcome->fee;
	} else if (ev->trial) {
		st.units = ev->trial->units;
		st.fee = ev->trial->fee;
		st.unit_price = ev->trial->unit_price;
		st.byte_price = ev->trial->byte_price;
	}
	if (j->step)
		j->step(j->ctx, &st);
}

/* The first trouble of several transactions is the journey's own. */
static void job_failed(struct job *j, enum err_code code, const char *what)
{
	if (j->e.code == ERR_NONE)
		(void)err_fail(&j->e, code, "%s", what);
}

bool job_event(struct job *j, const struct outbox_event *ev)
{
	tell(j, ev);
	switch (ev->step) {
	case OUTBOX_TRIED:
	case OUTBOX_STORED:
	case OUTBOX_SENT:
	case OUTBOX_RAISED:
	case OUTBOX_MINED:
	case OUTBOX_UNDONE:
	case OUTBOX_TROUBLE:
		return false;
	case OUTBOX_REFUSED:
	case OUTBOX_GONE:
		j->r.out_of_time = j->r.out_of_time ||
				   (ev->trial && ev->trial->out_of_time);
		job_failed(j, ev->e->code, ev->e->msg);
		break;
	case OUTBOX_FINAL:
		j->r.out_of_time = j->r.out_of_time || ev->outcome->out_of_time;
		j->r.fee = amount_add_cap(j->r.fee, ev->outcome->fee);
		j->r.units += ev->outcome->units;
		j->r.txid = ev->outcome->txid;
		if (ev->outcome->ok)
			j->r.transactions++;
		else
			job_failed(j, ERR_CHAIN,
				   ev->outcome->out_of_time
					   ? "the transaction took longer than "
					     "the chain lets one take; only "
					     "its fee is spent, and fewer go "
					     "into the next"
					   : "the transaction failed in its "
					     "block; only its fee is spent");
		break;
	}
	j->open--;
	return true;
}

/* ------------------------------------------------------------------ reading */

static void on_refreshed(void *ctx, const struct book_chain *chain,
			 const struct err *e)
{
	struct job *j = ctx;
	struct settle *s = j->s;

	(void)chain;
	/* what was read is kept even if something else was not */
	if (book_commit_now(s->book, &j->e) == ERR_NONE) {
		if (e)
			j->e = *e;
		if (s->cfg.on_facts)
			s->cfg.on_facts(s->cfg.ctx);
	}
	job_end(j);
}

void settle_refresh(struct settle *s, settle_read_fn *fn, void *ctx)
{
	struct job *j = job_new(s, JOB_READ, ctx, NULL);
	struct settle_dir *dirs;
	size_t n;

	if (!j)
		return;
	j->fn.read = fn;
	if (profile_need_token(&s->profile, &j->e) != ERR_NONE ||
	    settle_all_dirs(s, &dirs, &n, false, &j->e) != ERR_NONE)
		job_fail_later(j, ERR_NONE, NULL);
	else if (!reading_start(s, dirs, n, true, false, 0, on_refreshed, j))
		job_fail_later(j, ERR_NOMEM, "no memory");
}

void settle_refresh_pair(struct settle *s, const struct address *payer,
			 const struct address *payee, settle_read_fn *fn,
			 void *ctx)
{
	struct job *j = job_new(s, JOB_READ, ctx, NULL);
	struct settle_dir *dir = calloc(1, sizeof(*dir));
	bool in = address_eq(payee, &s->cfg.me);

	if (!j) {
		free(dir);
		return;
	}
	j->fn.read = fn;
	if (!dir || profile_need_token(&s->profile, &j->e) != ERR_NONE) {
		free(dir);
		job_fail_later(j, dir ? ERR_NONE : ERR_NOMEM, "no memory");
		return;
	}
	*dir = (struct settle_dir){.peer = in ? *payer : *payee, .in = in};
	if (!reading_start(s, dir, 1, false, false, 0, on_refreshed, j))
		job_fail_later(j, ERR_NOMEM, "no memory");
}

static void on_collected(void *ctx, const struct book_chain *chain,
			 const struct err *e)
{
	struct job *j = ctx;

	if (!e && j->fn.chain) {
		j->fn.chain(j->ctx, chain, NULL);
		j->fn.chain = NULL;
	}
	if (e)
		j->e = *e;
	job_end(j);
}

void settle_read_chain(struct settle *s, settle_chain_fn *fn, void *ctx)
{
	struct job *j = job_new(s, JOB_CHAIN, ctx, NULL);
	struct settle_dir *dirs;
	size_t n;

	if (!j)
		return;
	j->fn.chain = fn;
	if (profile_need_token(&s->profile, &j->e) != ERR_NONE ||
	    settle_all_dirs(s, &dirs, &n, true, &j->e) != ERR_NONE)
		job_fail_later(j, ERR_NONE, NULL);
	else if (!reading_start(s, dirs, n, true, true, s->seen, on_collected,
				j))
		job_fail_later(j, ERR_NOMEM, "no memory");
}

/* --------------------------------------------------------------------- life */

static void on_tick(void *ctx)
{
	struct settle *s = ctx;
	int64_t now = loop_now_ms(s->loop);
	int64_t next = outbox_tick(s->outbox, now);

	if (next != INT64_MAX)
		loop_timer_set(s->tick, next > now ? next - now : 0);
}

static void on_wake(void *ctx)
{
	struct settle *s = ctx;

	loop_timer_set(s->tick, 0);
}

static struct outbox_config outbox_settings(struct settle *s)
{
	int64_t poll = s->cfg.poll_ms ? s->cfg.poll_ms : s->profile.block_ms;

	return (struct outbox_config){.poll_ms = poll,
				      .resend_ms = 10 * poll,
				      .stuck_ms = 60 * poll,
				      .gone_ms = 60 * poll,
				      .wake = on_wake,
				      .on_final = on_final,
				      .ctx = s};
}

static unsigned cash_most(const struct profile *p)
{
	return p->batch < SETTLE_MAX_BATCH ? p->batch : SETTLE_MAX_BATCH;
}

enum err_code settle_new(struct settle **out, struct loop *loop,
			 struct chain *chain, struct book *book,
			 const struct profile *profile,
			 const struct settle_config *cfg, struct log *log,
			 struct err *e)
{
	struct settle *s = calloc(1, sizeof(*s));
	struct outbox_store store = {.add = store_add,
				     .add_form = store_form,
				     .end = store_end,
				     .load = store_load,
				     .ctx = s};
	struct outbox_config settings;
	enum err_code rc;

	if (!s)
		return err_fail(e, ERR_NOMEM, "no memory");
	*s = (struct settle){.loop = loop,
			     .chain = chain,
			     .book = book,
			     .profile = *profile,
			     .cfg = *cfg,
			     .log = log};
	s->tick = loop_timer_new(loop, on_tick, s);
	s->later = loop_timer_new(loop, on_later, s);
	batch_init(&s->cash_size, cash_most(profile));
	settings = outbox_settings(s);
	rc = s->tick && s->later
		     ? outbox_new(&s->outbox, chain, &store, &settings, log, e)
		     : err_fail(e, ERR_NOMEM, "no memory");
	if (rc != ERR_NONE) {
		settle_free(s);
		return rc;
	}
	/* Staged: durable with the next thing that is. Where the token is not
	 * known yet, a deployment tells it, or the bank when it is verified. */
	if (profile->has_token)
		rc = book_set_coin_is_token(book,
					    profile_coin_is_token(profile), e);
	if (rc != ERR_NONE) {
		settle_free(s);
		return rc;
	}
	loop_timer_set(s->tick, 0);
	*out = s;
	return ERR_NONE;
}

void settle_free(struct settle *s)
{
	if (!s)
		return;
	while (s->jobs)
		job_free(s->jobs);
	while (s->readings) {
		struct reading *rd = s->readings;

		/* those of jobs went with them */
		if (rd->fn == on_dirs_booked)
			free(rd->ctx);
		else
			cash_end_free(rd->ctx);
		reading_free(rd);
	}
	outbox_free(s->outbox);
	loop_timer_free(s->tick);
	loop_timer_free(s->later);
	free(s);
}

enum err_code settle_set_profile(struct settle *s,
				 const struct profile *profile, struct err *e)
{
	enum err_code rc = ERR_NONE;

	if (profile->has_token)
		rc = book_set_coin_is_token(s->book,
					    profile_coin_is_token(profile), e);
	if (rc != ERR_NONE)
		return rc;
	s->profile = *profile;
	batch_set_most(&s->cash_size, cash_most(profile));
	return ERR_NONE;
}

struct address settle_account(const struct settle *s)
{
	return s->cfg.me;
}

void settle_set_price(struct settle *s, const struct settle_price *price)
{
	s->cfg.price = *price;
}

void settle_forget(struct settle *s, void *ctx)
{
	for (struct job *j = s->jobs; j; j = j->next)
		if (j->ctx == ctx) {
			j->step = NULL;
			memset(&j->fn, 0, sizeof(j->fn));
		}
}

const struct outbox_record *settle_pending(const struct settle *s, size_t i)
{
	return outbox_open(s->outbox, i);
}
