#include "ledger/settle/outbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GONE_TIMES 3 /* answers in a row before GONE is believed */
#define ANEW_TIMES 3 /* that what expired is tried again */

enum ob_state {
	OB_QUEUED,
	OB_TRYING,
	OB_FORMING,
	OB_STORED, /* also after its block was undone */
	OB_SENT,
	OB_MINED,
	OB_ENDING,
};

struct item {
	struct outbox *ob;
	struct item *next;
	enum ob_state state;
	struct outbox_record r;
	uint8_t *data;		       /* r.call.data */
	uint8_t *raw[CHAIN_MAX_FORMS]; /* r.forms[].raw */
	struct amount fee_cap;
	uint64_t run; /* 0: of none */
	outbox_fn *fn;
	void *ctx;
	bool asking, sending, raising; /* an answer is awaited */
	bool send_now, raise_now;
	bool unseen; /* formed in this run, and refused by every node so far */
	int64_t ask_at, send_at, raise_at; /* monotonic ms; 0: at once */
	int64_t asked_ms, gone_ms;	   /* of this question; first GONE */
	unsigned gone;			   /* in a row */
	unsigned anew; /* times that it expired and was tried again */
	char no[120];  /* why every node refused it, while `unseen` */
	struct chain_trial trial;
	struct chain_outcome outcome; /* while ENDING; without logs */
};

struct outbox {
	struct chain *ch;
	struct outbox_store store;
	struct outbox_config cfg;
	struct log *log;
	struct item *items; /* oldest first */
	size_t count;
	bool load_failed;
};

const char *outbox_kind_name(enum outbox_kind k)
{
	switch (k) {
	case OUTBOX_DEPLOY:
		return "deploy";
	case OUTBOX_APPROVE:
		return "approve";
	case OUTBOX_DEPOSIT:
		return "deposit";
	case OUTBOX_WITHDRAW:
		return "withdraw";
	case OUTBOX_RESERVE:
		return "reserve";
	case OUTBOX_RELEASE:
		return "release";
	case OUTBOX_CASH:
		return "cash";
	case OUTBOX_OPEN:
		return "open";
	case OUTBOX_REVISE:
		return "revise";
	case OUTBOX_TOP_UP:
		return "top up";
	case OUTBOX_CLOSE:
		return "close";
	case OUTBOX_ANCHOR:
		return "anchor";
	case OUTBOX_PROVE:
		return "prove";
	case OUTBOX_OTHER:
		return "call";
	}
	return "call";
}

/* ------------------------------------------------------------------- items */

static struct item *item_new(struct outbox *ob, const struct chain_call *call)
{
	struct item *it = calloc(1, sizeof(*it)), **at;

	if (!it)
		return NULL;
	it->data = malloc(call->len + 1);
	if (!it->data) {
		free(it);
		return NULL;
	}
	memcpy(it->data, call->data ? call->data : (const uint8_t *)"",
	       call->len);
	it->ob = ob;
	it->r.call = *call;
	it->r.call.data = it->data;
	for (at = &ob->items; *at; at = &(*at)->next)
		;
	*at = it;
	ob->count++;
	return it;
}

static void item_free(struct item *it)
{
	struct item **at = &it->ob->items;

	while (*at != it)
		at = &(*at)->next;
	*at = it->next;
	it->ob->count--;
	chain_forget(it->ob->ch, it);
	for (size_t i = 0; i < it->r.n_forms; i++)
		free(it->raw[i]);
	free(it->data);
	free(it);
}

static bool item_add_form(struct item *it, const struct chain_form *f)
{
	size_t n = it->r.n_forms;

	if (n >= CHAIN_MAX_FORMS)
		return false;
	it->raw[n] = malloc(f->raw_len + 1);
	if (!it->raw[n])
		return false;
	memcpy(it->raw[n], f->raw, f->raw_len);
	it->r.forms[n] = *f;
	it->r.forms[n].raw = it->raw[n];
	it->r.slot = f->slot;
	it->r.n_forms++;
	return true;
}

static const struct chain_form *newest(const struct item *it)
{
	return &it->r.forms[it->r.n_forms - 1];
}

static void tell(struct item *it, struct outbox_event ev)
{
	ev.record = &it->r;
	if (it->fn)
		it->fn(it->ctx, &ev);
}

static void trouble(struct item *it, const struct err *e)
{
	log_line(it->ob->log, LOG_WARN, "chain", "trouble tx=%s why=\"%s\"",
		 outbox_kind_name(it->r.kind), e->msg);
	tell(it, (struct outbox_event){.step = OUTBOX_TROUBLE, .e = e});
}

/* Whoever is told may ask how many of its run are under way. */
static void tell_last(struct item *it, struct outbox_event ev)
{
	it->run = 0;
	tell(it, ev);
	item_free(it);
}

/* The last step of something that was never stored. */
static void refuse(struct item *it, const struct err *e)
{
	log_line(it->ob->log, LOG_WARN, "chain", "refused tx=%s why=\"%s\"",
		 outbox_kind_name(it->r.kind), e->msg);
	tell_last(it, (struct outbox_event){.step = OUTBOX_REFUSED,
					    .trial = &it->trial,
					    .e = e});
}

/* After every answer: what is due next may be another thing now. */
static void wake(struct outbox *ob)
{
	ob->cfg.wake(ob->cfg.ctx);
}

/* ------------------------------------------------- from queued to stored */

static void on_form(void *ctx, const struct chain_form *f, const struct err *e)
{
	struct item *it = ctx;
	struct outbox *ob = it->ob;
	struct err why = {0};

	wake(ob);
	if (e) {
		refuse(it, e);
		return;
	}
	if (!item_add_form(it, f)) {
		(void)err_fail(&why, ERR_NOMEM, "no memory for a transaction");
		refuse(it, &why);
		return;
	}
	if (ob->store.add(ob->store.ctx, &it->r, &why) != ERR_NONE) {
		refuse(it, &why); /* the signed bytes die here, unsent */
		return;
	}
	it->state = OB_STORED;
	it->send_now = true;
	it->unseen = true;
	tell(it,
	     (struct outbox_event){.step = OUTBOX_STORED, .txid = &f->txid});
}

/* One past the highest slot that is stored and not ended; slots of ended ones
 * are the chain's own knowledge. */
static uint64_t slot_floor(const struct outbox *ob, const struct address *from)
{
	uint64_t floor = 0;

	for (const struct item *it = ob->items; it; it = it->next)
		if (it->r.n_forms && address_eq(&it->r.call.from, from) &&
		    it->r.slot + 1 > floor)
			floor = it->r.slot + 1;
	return floor;
}

/* Another has cashed the same receipts: no failure, but a fee for nothing. */
static bool brings_nothing(const struct chain_trial *t)
{
	static const uint8_t zero[sizeof(t->ret)];

	return t->has_ret && memcmp(t->ret, zero, sizeof(zero)) == 0;
}

static void on_trial(void *ctx, const struct chain_trial *t,
		     const struct err *e)
{
	struct item *it = ctx;
	struct err why = {0};

	if (e) {
		wake(it->ob);
		refuse(it, e);
		return;
	}
	it->trial = *t;
	if (!t->ok)
		(void)err_fail(&why, t->no_funds ? ERR_FUNDS : ERR_CHAIN,
			       "%s%s",
			       t->no_funds ? "" : "it would fail: ", t->reason);
	else if (it->r.kind == OUTBOX_CASH && brings_nothing(t))
		(void)err_fail(&why, ERR_CHAIN, "it would bring nothing");
	else if (!amount_is_zero(it->fee_cap) &&
		 amount_cmp(t->fee, it->fee_cap) > 0)
		(void)err_fail(&why, ERR_FUNDS, "the fee is over its limit");
	if (why.code != ERR_NONE) {
		wake(it->ob);
		refuse(it, &why);
		return;
	}
	it->r.units = t->units;
	it->state = OB_FORMING;
	tell(it, (struct outbox_event){.step = OUTBOX_TRIED, .trial = t});
	chain_form_tx(it->ob->ch, &it->r.call, t->units, NULL,
		      slot_floor(it->ob, &it->r.call.from), on_form, it);
}

/* --------------------------------------------------- from stored to ended */

/* Its slot was taken, or no node ever took it: nothing happened. */
static void end_gone(struct item *it, const char *why)
{
	struct outbox *ob = it->ob;
	struct err e = {0};

	if (ob->store.end(ob->store.ctx, &it->r, NULL, &e) != ERR_NONE) {
		trouble(it, &e);
		return;
	}
	log_line(ob->log, LOG_WARN, "chain", "gone tx=%s slot=%llu why=\"%s\"",
		 outbox_kind_name(it->r.kind), (unsigned long long)it->r.slot,
		 why);
	(void)err_fail(&e, ERR_CHAIN, "%s", why);
	tell_last(it, (struct outbox_event){.step = OUTBOX_GONE, .e = &e});
	wake(ob);
}

static struct item *find(struct outbox *ob, int64_t id)
{
	struct item *it = ob->items;

	while (it && (it->r.id != id || it->r.n_forms == 0))
		it = it->next;
	return it;
}

void outbox_ended(struct outbox *ob, int64_t id, enum err_code rc)
{
	struct item *it = find(ob, id);
	struct err e = {0};

	if (!it || it->state != OB_ENDING)
		return;
	wake(ob);
	it->state = OB_MINED; /* asked for again, unless it ends here */
	if (rc != ERR_NONE)
		return;
	if (ob->store.end(ob->store.ctx, &it->r, &it->outcome, &e) !=
	    ERR_NONE) {
		trouble(it, &e);
		return;
	}
	log_line(ob->log, LOG_INFO, "chain",
		 "final tx=%s ok=%d block=%llu units=%llu",
		 outbox_kind_name(it->r.kind), it->outcome.ok,
		 (unsigned long long)it->outcome.block,
		 (unsigned long long)it->outcome.units);
	tell_last(it, (struct outbox_event){.step = OUTBOX_FINAL,
					    .txid = &it->outcome.txid,
					    .outcome = &it->outcome});
}

static void on_mined(struct item *it, const struct chain_outcome *o)
{
	if (it->state == OB_MINED)
		return;
	it->state = OB_MINED;
	tell(it, (struct outbox_event){
			 .step = OUTBOX_MINED, .txid = &o->txid, .outcome = o});
	wake(it->ob); /* the next may be tried */
}

static void on_final(struct item *it, const struct chain_outcome *o)
{
	struct outbox *ob = it->ob;

	on_mined(it, o);
	it->state = OB_ENDING;
	it->outcome = *o;
	it->outcome.logs = NULL;
	it->outcome.n_logs = 0;
	if (ob->cfg.on_final)
		ob->cfg.on_final(ob->cfg.ctx, ob, it->r.id, &it->r, o);
	else
		outbox_ended(ob, it->r.id, ERR_NONE);
}

static void on_pending(struct item *it)
{
	if (it->state != OB_MINED)
		return;
	log_line(it->ob->log, LOG_WARN, "chain", "undone tx=%s",
		 outbox_kind_name(it->r.kind));
	it->state = OB_SENT;
	it->send_now = true;
	tell(it, (struct outbox_event){.step = OUTBOX_UNDONE});
}

/* Its bytes can never be mined: the same call is tried, formed and stored as
 * another transaction. Ended first, so that a crash in between loses it as it
 * would lose one that was just queued. */
static void try_anew(struct item *it)
{
	struct outbox *ob = it->ob;
	struct err e = {0};

	if (ob->store.end(ob->store.ctx, &it->r, NULL, &e) != ERR_NONE) {
		trouble(it, &e);
		return;
	}
	chain_forget(ob->ch, it); /* of the old bytes */
	it->asking = it->sending = false;
	for (size_t i = 0; i < it->r.n_forms; i++)
		free(it->raw[i]);
	it->r.n_forms = 0;
	it->r.id = 0;
	it->r.slot = 0;
	it->state = OB_QUEUED;
	it->send_now = it->unseen = false;
	it->ask_at = it->send_at = it->raise_at = 0;
	it->gone = 0;
	it->anew++;
	(void)err_fail(&e, ERR_CHAIN,
		       "it expired before a block took it, and is tried anew");
	trouble(it, &e);
	wake(ob);
}

/* Behind one URL there may be several machines, some a little behind: believed
 * only when it is said again and again. */
static void on_gone(struct item *it)
{
	if (it->gone++ == 0)
		it->gone_ms = it->asked_ms;
	if (it->gone < GONE_TIMES ||
	    it->asked_ms - it->gone_ms < it->ob->cfg.gone_ms)
		return;
	if (!it->ob->ch->expires)
		end_gone(it, "its slot was taken by another transaction");
	else if (it->unseen && it->no[0])
		end_gone(it, it->no);
	else if (it->anew == ANEW_TIMES)
		end_gone(it, "it expired again and again before a block took "
			     "it");
	else
		try_anew(it);
}

/* Bytes that every node refuses for good and that none ever took are over; but
 * not where another transaction would not take their place: a node that lies
 * can keep them, and send them on until they expire. */
static bool refused_for_good(struct item *it, enum chain_send_result r,
			     const char *why)
{
	if (r != CHAIN_SEND_NO || !it->unseen)
		return false;
	if (!it->ob->ch->expires) {
		end_gone(it, why);
		return true;
	}
	if (!it->no[0])
		(void)snprintf(it->no, sizeof(it->no), "%s", why);
	return false;
}

static void on_fate(void *ctx, enum chain_fate fate,
		    const struct chain_outcome *o)
{
	struct item *it = ctx;

	it->asking = false;
	wake(it->ob);
	if (it->state == OB_ENDING)
		return;
	if (fate != CHAIN_FATE_GONE && fate != CHAIN_FATE_UNKNOWN)
		it->gone = 0;
	switch (fate) {
	case CHAIN_FATE_UNKNOWN:
		break;
	case CHAIN_FATE_PENDING:
		on_pending(it);
		break;
	case CHAIN_FATE_MINED:
		on_mined(it, o);
		break;
	case CHAIN_FATE_FINAL:
		on_final(it, o);
		break;
	case CHAIN_FATE_GONE:
		on_gone(it);
		break;
	}
}

static void on_sent(void *ctx, enum chain_send_result r, const char *why)
{
	struct item *it = ctx;
	struct err e = {0};

	it->sending = false;
	wake(it->ob);
	if (refused_for_good(it, r, why))
		return;
	it->unseen = it->unseen && r == CHAIN_SEND_NO;
	switch (r) {
	case CHAIN_SENT:
		if (it->state == OB_STORED) {
			it->state = OB_SENT;
			tell(it,
			     (struct outbox_event){.step = OUTBOX_SENT,
						   .txid = &newest(it)->txid});
		}
		return;
	case CHAIN_SEND_SLOT:
		it->ask_at = 0;
		return;
	case CHAIN_SEND_FEE:
		it->raise_now = true;
		break;
	case CHAIN_SEND_LATER:
	case CHAIN_SEND_FUNDS:
	case CHAIN_SEND_NO:
		break;
	}
	(void)err_fail(&e, r == CHAIN_SEND_FUNDS ? ERR_FUNDS : ERR_CHAIN, "%s",
		       why);
	trouble(it, &e);
}

static void on_raised(void *ctx, const struct chain_form *f,
		      const struct err *e)
{
	struct item *it = ctx;
	struct outbox *ob = it->ob;
	struct err why = {0};

	it->raising = false;
	wake(ob);
	if (e) {
		trouble(it, e);
		return;
	}
	if (f->slot != it->r.slot) {
		(void)err_fail(&why, ERR_STATE, "a raised form changed slot");
		trouble(it, &why);
		return;
	}
	if (ob->store.add_form(ob->store.ctx, it->r.id, f, &why) != ERR_NONE) {
		trouble(it, &why);
		return;
	}
	if (!item_add_form(it, f))
		return; /* stored; the next start sends it */
	it->send_now = true;
	tell(it,
	     (struct outbox_event){.step = OUTBOX_RAISED, .txid = &f->txid});
}

/* ------------------------------------------------------------------- ticks */

static void ask(struct item *it, int64_t now_ms)
{
	struct hash32 ids[CHAIN_MAX_FORMS];

	for (size_t i = 0; i < it->r.n_forms; i++)
		ids[i] = it->r.forms[i].txid;
	it->asking = true;
	it->asked_ms = now_ms;
	it->ask_at = now_ms + it->ob->cfg.poll_ms;
	chain_ask_fate(it->ob->ch, &it->r.call.from, it->r.slot, ids,
		       it->r.n_forms, on_fate, it);
}

static void raise_fee(struct item *it, int64_t now_ms)
{
	it->raise_now = false;
	it->raise_at = now_ms + it->ob->cfg.stuck_ms;
	if (it->r.n_forms == CHAIN_MAX_FORMS)
		return;
	it->raising = true;
	chain_form_tx(it->ob->ch, &it->r.call, it->r.units, newest(it), 0,
		      on_raised, it);
}

static void tick_stored(struct item *it, int64_t now_ms)
{
	const struct outbox_config *cfg = &it->ob->cfg;
	bool waiting = (it->state == OB_STORED || it->state == OB_SENT) &&
		       it->gone == 0;

	if (waiting && !it->sending &&
	    (it->send_now || now_ms >= it->send_at)) {
		it->send_now = false;
		it->send_at = now_ms + cfg->resend_ms;
		if (!it->raise_at && !it->ob->ch->expires)
			it->raise_at = now_ms + cfg->stuck_ms;
		it->sending = true;
		chain_send(it->ob->ch, newest(it)->raw, newest(it)->raw_len,
			   on_sent, it);
	}
	if (waiting && !it->raising && it->raise_at &&
	    (it->raise_now || now_ms >= it->raise_at))
		raise_fee(it, now_ms);
	if (!it->asking && it->state != OB_ENDING && now_ms >= it->ask_at)
		ask(it, now_ms);
}

static void start_trial(struct item *it)
{
	it->state = OB_TRYING;
	chain_try(it->ob->ch, &it->r.call, on_trial, it);
}

static int64_t due(const struct item *it)
{
	int64_t at = INT64_MAX;

	if (it->r.n_forms == 0 || it->state == OB_ENDING)
		return at;
	if (!it->asking)
		at = it->ask_at;
	if (it->state == OB_MINED || it->gone)
		return at;
	if (!it->sending && it->send_at < at)
		at = it->send_at;
	if (!it->raising && it->raise_at && it->raise_at < at)
		at = it->raise_at;
	return at;
}

/* Neither trial asks for what the other does. */
static bool is_apart(const struct item *a, const struct item *b)
{
	if (a->r.kind != b->r.kind)
		return false;
	if (a->r.kind == OUTBOX_OPEN || a->r.kind == OUTBOX_REVISE ||
	    a->r.kind == OUTBOX_CLOSE)
		return !address_eq(&a->r.party, &b->r.party);
	return a->run && a->run == b->run;
}

static bool is_in_block(const struct item *it)
{
	return it->state == OB_MINED || it->state == OB_ENDING;
}

/* Those before it are in blocks, or beside it on their way there. */
static bool may_begin(const struct outbox *ob, const struct item *it)
{
	unsigned abreast = 0;

	for (const struct item *b = ob->items; b != it; b = b->next) {
		if (is_in_block(b))
			continue;
		if (b->state != OB_SENT || !is_apart(b, it) ||
		    ++abreast == OUTBOX_ABREAST)
			return false;
	}
	return true;
}

unsigned outbox_under_way(const struct outbox *ob, uint64_t run)
{
	unsigned n = 0;

	for (const struct item *it = ob->items; it; it = it->next)
		n += it->run == run && !is_in_block(it);
	return n;
}

int64_t outbox_tick(struct outbox *ob, int64_t now_ms)
{
	int64_t next = INT64_MAX;

	for (struct item *it = ob->items; it; it = it->next) {
		if (it->r.n_forms)
			tick_stored(it, now_ms);
		else if (it->state == OB_QUEUED && may_begin(ob, it))
			start_trial(it);
		if (due(it) < next)
			next = due(it);
	}
	return next;
}

/* --------------------------------------------------------- life and queue */

static void on_load(void *ctx, const struct outbox_record *r)
{
	struct outbox *ob = ctx;
	struct item *it;

	if (r->n_forms == 0 || r->n_forms > CHAIN_MAX_FORMS)
		return;
	it = item_new(ob, &r->call);
	if (!it) {
		ob->load_failed = true;
		return;
	}
	it->r.id = r->id;
	it->r.kind = r->kind;
	it->r.amount = r->amount;
	it->r.party = r->party;
	it->r.units = r->units;
	for (size_t i = 0; i < r->n_forms; i++)
		if (!item_add_form(it, &r->forms[i]))
			break;
	ob->load_failed = ob->load_failed || it->r.n_forms != r->n_forms;
	it->r.slot = r->slot;
	it->state = OB_STORED;
}

enum err_code outbox_new(struct outbox **out, struct chain *ch,
			 const struct outbox_store *store,
			 const struct outbox_config *cfg, struct log *log,
			 struct err *e)
{
	struct outbox *ob = calloc(1, sizeof(*ob));
	enum err_code rc;

	if (!ob)
		return err_fail(e, ERR_NOMEM, "no memory");
	*ob = (struct outbox){
		.ch = ch, .store = *store, .cfg = *cfg, .log = log};
	rc = store->load(store->ctx, on_load, ob, e);
	if (rc == ERR_NONE && ob->load_failed)
		rc = err_fail(e, ERR_NOMEM, "no memory for transactions");
	if (rc != ERR_NONE) {
		outbox_free(ob);
		return rc;
	}
	*out = ob;
	return ERR_NONE;
}

void outbox_free(struct outbox *ob)
{
	if (!ob)
		return;
	while (ob->items)
		item_free(ob->items);
	free(ob);
}

enum err_code outbox_submit(struct outbox *ob, const struct outbox_order *o,
			    outbox_fn *fn, void *ctx, struct err *e)
{
	struct item *it;

	if (ob->count >= OUTBOX_MAX)
		return err_fail(e, ERR_LIMIT,
				"%d transactions are under way already",
				OUTBOX_MAX);
	if (o->call.len > CHAIN_MAX_DATA)
		return err_fail(e, ERR_LIMIT, "%zu bytes of calldata",
				o->call.len);
	it = item_new(ob, &o->call);
	if (!it)
		return err_fail(e, ERR_NOMEM, "no memory");
	it->r.kind = o->kind;
	it->r.amount = o->amount;
	it->r.party = o->party;
	it->fee_cap = o->fee_cap;
	it->run = o->run;
	it->fn = fn;
	it->ctx = ctx;
	wake(ob);
	return ERR_NONE;
}

void outbox_forget(struct outbox *ob, void *ctx)
{
	for (struct item *it = ob->items; it; it = it->next)
		if (it->ctx == ctx)
			it->fn = NULL;
}

const struct outbox_record *outbox_open(const struct outbox *ob, size_t i)
{
	for (const struct item *it = ob->items; it; it = it->next)
		if (it->r.n_forms && i-- == 0)
			return &it->r;
	return NULL;
}

static bool is_call(const struct item *it, enum outbox_kind kind,
		    const uint8_t *data, size_t len)
{
	return it->r.kind == kind && it->r.call.len == len &&
	       memcmp(it->r.call.data, data, len) == 0;
}

bool outbox_find_call(const struct outbox *ob, enum outbox_kind kind,
		      const uint8_t *data, size_t len, void **ctx)
{
	for (const struct item *it = ob->items; it; it = it->next)
		if (is_call(it, kind, data, len)) {
			*ctx = it->fn ? it->ctx : NULL;
			return true;
		}
	return false;
}

void outbox_adopt(struct outbox *ob, enum outbox_kind kind, const uint8_t *data,
		  size_t len, outbox_fn *fn, void *ctx)
{
	struct item *it = ob->items;

	while (it && !is_call(it, kind, data, len))
		it = it->next;
	if (it) {
		it->fn = fn;
		it->ctx = ctx;
	}
}

unsigned outbox_room(const struct outbox *ob)
{
	return ob->count < OUTBOX_MAX ? OUTBOX_MAX - (unsigned)ob->count : 0;
}
