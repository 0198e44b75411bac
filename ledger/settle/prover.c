#include "ledger/settle/prover.h"

#include "ledger/settle/batch.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IDLE_MS 60000
#define PROOF_ENTRY_MAX BANK_PROOF_LEN(AGREEMENT_PATH_MAX)

enum stage {
	DUE_NEW,    /* what the bank has of it is not known yet */
	DUE_WAIT,   /* the disk was asked */
	DUE_READY,  /* packed, to be sent */
	DUE_TRYING, /* in the batch that is being tried or sent */
	DUE_TESTED, /* good alone, while a bad one is looked for */
	DUE_DONE,   /* proved, or settled otherwise */
	DUE_FAILED, /* told once; asked again in the next round */
};

struct due {
	struct agreement a; /* what the node says */
	struct duty duty;
	enum stage stage;
	bool rehearsed;
	bool failed_told;
	uint32_t failed_into; /* blocks into the period when it failed */
	enum duty_alarm told; /* the highest alarm that was told */
	bool looked; /* a round has ended with it: the bank's view was read if
		      * the chain answers at all */
	struct prover_ask ask;
	uint8_t *packed; /* heap; one entry of prove() */
	size_t packed_len;
};

struct list {
	struct due *at;
	size_t n, cap;
};

struct prover {
	struct loop *loop;
	struct chain *chain;
	struct settle *settle;
	struct prover_config cfg;
	struct log *log;
	struct rng rng;
	struct loop_timer *timer;
	struct prover_state state;
	struct list now;  /* due in the running period */
	struct list next; /* due in the next one */
	struct list over; /* to be closed */
	bool busy;	  /* a read or a transaction is under way */
	bool again;	  /* begin a round as soon as it is not */
	bool no_beacon_told, trouble_told;
	struct hash32 beacon;
	uint32_t beacon_of; /* period */
	bool beacon_asked, beacon_known;
	bool missable;	/* the period of the last round had a beacon */
	uint8_t *batch; /* SETTLE_MAX_PROOFS */
	size_t batch_len;
	unsigned batch_n;
	struct batch_size size; /* proofs in one transaction */
	bool single;		/* a bad one is looked for: one at a time */
};

/* ------------------------------------------------------------------- lists */

static void list_clear(struct list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->at[i].packed);
	free(l->at);
	*l = (struct list){0};
}

static bool same_lease(const struct agreement *a, const struct agreement *b)
{
	return address_eq(&a->renter, &b->renter) && a->number == b->number;
}

static struct due *list_find(const struct list *l, const struct agreement *a)
{
	for (size_t i = 0; i < l->n; i++)
		if (same_lease(&l->at[i].a, a))
			return &l->at[i];
	return NULL;
}

static void list_add(struct list *l, const struct due *d)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 16;
		struct due *at;

		if (l->n >= PROVER_MAX_DUE)
			return;
		at = realloc(l->at, cap * sizeof(*at));
		if (!at)
			return; /* the next round sees it again */
		l->at = at;
		l->cap = cap;
	}
	l->at[l->n++] = *d;
}

static void tell(struct prover *p, enum prover_event_kind kind,
		 const struct due *d, const char *text)
{
	struct prover_event ev = {
		.kind = kind, .blocks_left = p->state.now.left, .text = text};

	if (d) {
		ev.renter = d->a.renter;
		ev.number = d->a.number;
		ev.duty = d->duty;
		ev.rehearsal = kind == PROVER_UNREADABLE && d->ask.rehearsal;
	}
	p->cfg.node.event(p->cfg.node.ctx, &ev);
}

static void trouble(struct prover *p, const struct err *e)
{
	if (!p->trouble_told)
		tell(p, PROVER_TROUBLE, NULL, e->msg);
	p->trouble_told = true;
}

/* -------------------------------------------------------------- what is due */

static void sort_in(void *ctx, const struct agreement *a)
{
	struct prover *p = ctx;
	uint32_t now = p->state.now.period;
	struct due d = {.a = *a};

	if (a->through >= a->end || now >= a->end + DUTY_CLOSE_AFTER) {
		list_add(&p->over, &d);
		return;
	}
	if (!duty_next(&d.duty, a, now))
		return;
	if (d.duty.due == now)
		list_add(&p->now, &d);
	else if (d.duty.due == now + 1)
		list_add(&p->next, &d);
}

/* What was under way for the same period goes on. */
static void keep_old(struct list *fresh, struct list *old)
{
	for (size_t i = 0; i < fresh->n; i++) {
		struct due *d = &fresh->at[i], *was = list_find(old, &d->a);
		struct agreement a = d->a;

		if (!was || was->duty.due != d->duty.due)
			continue;
		*d = *was;
		d->a = a;
		was->packed = NULL;
	}
}

/* What failed is tried again some sixteen times a period. */
static void retry_failed(struct prover *p)
{
	uint32_t wait = p->state.period_blocks / 16 + 1;

	for (size_t i = 0; i < p->now.n; i++) {
		struct due *d = &p->now.at[i];

		if (d->stage == DUE_FAILED &&
		    p->state.now.into >= d->failed_into + wait)
			d->stage = DUE_NEW;
	}
}

/* The node knows already that it is settled; it still counts as done. */
static void keep_done(struct list *fresh, const struct list *old,
		      uint32_t period)
{
	for (size_t i = 0; i < old->n; i++) {
		struct due d = old->at[i];

		d.packed = NULL;
		if (d.stage == DUE_DONE && d.duty.due == period &&
		    !list_find(fresh, &d.a))
			list_add(fresh, &d);
	}
}

/* A duty of an older period that is not done was missed. */
static void tell_missed(struct prover *p, const struct list *old)
{
	for (size_t i = 0; i < old->n; i++) {
		const struct due *d = &old->at[i];

		if (d->stage != DUE_DONE && d->duty.due < p->state.now.period &&
		    p->missable)
			tell(p, PROVER_MISSED, d,
			     "the period in which it was due went by");
	}
}

static void collect(struct prover *p)
{
	struct list now = p->now, next = p->next;

	list_clear(&p->over);
	p->now = p->next = (struct list){0};
	p->cfg.node.each(p->cfg.node.ctx, sort_in, p);
	tell_missed(p, &now);
	keep_old(&p->now, &now);
	keep_old(&p->next, &next);
	keep_done(&p->now, &now, p->state.now.period);
	list_clear(&now);
	list_clear(&next);
	retry_failed(p);
}

static void tell_alarms(struct prover *p)
{
	enum duty_alarm alarm = duty_alarm_at(&p->state.now);

	for (size_t i = 0; i < p->now.n; i++) {
		struct due *d = &p->now.at[i];

		if (d->stage == DUE_DONE || !d->looked || alarm <= d->told ||
		    p->no_beacon_told)
			continue;
		d->told = alarm;
		tell(p, alarm == DUTY_GRAVE ? PROVER_GRAVE : PROVER_LATE, d,
		     "a proof is due and not given yet");
	}
}

static void count(struct prover *p)
{
	p->state.due = (unsigned)p->now.n;
	p->state.due_next = (unsigned)p->next.n;
	p->state.proved = 0;
	for (size_t i = 0; i < p->now.n; i++)
		if (p->now.at[i].stage == DUE_DONE)
			p->state.proved++;
}

/* -------------------------------------------------------------------- rounds
 */

static void act(struct prover *p);

static int64_t pause_of(const struct prover *p)
{
	int64_t block = p->cfg.block_ms > 20 ? p->cfg.block_ms : 20;
	int64_t to_next = ((int64_t)p->state.now.left + 1) * block;

	if (!p->state.known || p->state.due > p->state.proved || p->over.n)
		return block;
	return to_next < IDLE_MS ? to_next : IDLE_MS;
}

static void round_end(struct prover *p)
{
	p->busy = false;
	for (size_t i = 0; i < p->now.n; i++)
		p->now.at[i].looked = true;
	count(p);
	loop_timer_set(p->timer, p->again ? 0 : pause_of(p));
	p->again = false;
}

static void on_head(void *ctx, const struct chain_view *at,
		    const struct chain_answer *a, size_t n, const struct err *e)
{
	struct prover *p = ctx;
	struct err why = {0};

	(void)n;
	if (e)
		why = *e;
	else if (!a[0].known || a[0].number < BANK_PERIOD_MIN ||
		 a[0].number > UINT32_MAX)
		(void)err_fail(&why, ERR_CHAIN,
			       "the bank's period is unknown: %.100s",
			       a[0].why);
	if (why.code != ERR_NONE) {
		trouble(p, &why);
		round_end(p);
		return;
	}
	p->trouble_told = false;
	p->state.period_blocks = (uint32_t)a[0].number;
	p->state.block = at->block;
	p->state.now = duty_time_at(at->block, p->state.period_blocks);
	p->state.known = true;
	p->missable = p->beacon_known;
	if (p->beacon_of != p->state.now.period) {
		p->beacon_of = p->state.now.period;
		p->beacon_asked = p->beacon_known = p->no_beacon_told = false;
	}
	if (!p->beacon_known)
		p->beacon_asked = false;
	collect(p);
	act(p);
}

static void on_beacon(void *ctx, const struct chain_view *at,
		      const struct chain_answer *a, size_t n,
		      const struct err *e)
{
	static const struct hash32 none;
	struct prover *p = ctx;

	(void)at;
	(void)n;
	if (e || !a[0].known) {
		round_end(p);
		return;
	}
	p->beacon_known =
		memcmp(a[0].hash.bytes, none.bytes, sizeof(none.bytes)) != 0;
	p->beacon = a[0].hash;
	act(p);
}

static void on_timer(void *ctx)
{
	struct prover *p = ctx;
	struct chain_ask ask = {.what = CHAIN_ASK_PERIOD, .c = p->cfg.bank};

	if (p->busy)
		return;
	p->busy = true;
	chain_read(p->chain, CHAIN_LATEST, &ask, 1, on_head, p);
}

void prover_wake(struct prover *p)
{
	if (p->busy)
		p->again = true;
	else
		loop_timer_set(p->timer, 0);
}

/* ------------------------------------------------------------------- anchors
 */

static void on_anchored(void *ctx, const struct settle_result *r,
			const struct err *e)
{
	struct prover *p = ctx;

	(void)r;
	if (e)
		trouble(p, e);
	p->again = !e;
	round_end(p);
}

static void ask_beacon(struct prover *p)
{
	struct chain_ask ask = {.what = CHAIN_ASK_BEACON,
				.c = p->cfg.bank,
				.n = {p->state.now.period}};

	chain_read(p->chain, CHAIN_LATEST, &ask, 1, on_beacon, p);
}

/* The beacon was asked for and is not recorded. */
static void anchor(struct prover *p)
{
	if (p->state.now.into > DUTY_ANCHOR_MAX) {
		if (!p->no_beacon_told)
			tell(p, PROVER_NO_BEACON, NULL,
			     "this period was not anchored in time: what is "
			     "due in it is neither paid nor missed");
		p->no_beacon_told = true;
		round_end(p);
		return;
	}
	/* a beacon is known one block later at the earliest */
	if (p->state.now.into < duty_anchor_from(&p->cfg.host,
						 p->state.now.period,
						 p->state.period_blocks)) {
		round_end(p);
		return;
	}
	settle_anchor(p->settle, NULL, on_anchored, p);
}

/* -------------------------------------------------------------------- proofs
 */

static struct due *first_in(struct list *l, enum stage stage)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->at[i].stage == stage)
			return &l->at[i];
	return NULL;
}

static void put_back(struct prover *p, enum stage from, enum stage to)
{
	for (size_t i = 0; i < p->now.n; i++)
		if (p->now.at[i].stage == from)
			p->now.at[i].stage = to;
}

static struct duty_time time_at(const struct prover *p, uint64_t block)
{
	return duty_time_at(block, p->state.period_blocks);
}

/* What the bank has of one agreement: settled already, or a leaf is wanted. */
static void look_at(struct prover *p, struct due *d,
		    const struct bank_agreement *v, uint32_t period)
{
	struct prover_event ev = {.kind = PROVER_SEEN,
				  .renter = d->a.renter,
				  .number = d->a.number,
				  .duty = d->duty,
				  .view = v};

	p->cfg.node.event(p->cfg.node.ctx, &ev);
	if (v->state != BANK_AGREEMENT_OPEN || v->through > period) {
		d->stage = DUE_DONE;
		return;
	}
	d->ask = (struct prover_ask){
		.renter = d->a.renter,
		.number = d->a.number,
		.root = v->root,
		.sectors = v->sectors,
		.leaf = agreement_challenge(&p->beacon, &d->a.renter,
					    &p->cfg.host, d->a.number,
					    v->sectors)};
	d->stage = DUE_WAIT;
}

static void on_views(void *ctx, const struct chain_view *at,
		     const struct chain_answer *a, size_t n,
		     const struct err *e)
{
	struct prover *p = ctx;
	size_t k = 0;

	if (e) {
		trouble(p, e);
		round_end(p);
		return;
	}
	if (time_at(p, at->block).period != p->state.now.period) {
		p->again = true; /* a new one began meanwhile */
		round_end(p);
		return;
	}
	for (size_t i = 0; i < p->now.n && k < n; i++) {
		struct due *d = &p->now.at[i];

		if (d->stage != DUE_NEW)
			continue;
		if (a[k].known)
			look_at(p, d, &a[k].agreement, p->state.now.period);
		k++;
	}
	for (size_t i = 0; i < p->now.n; i++)
		if (p->now.at[i].stage == DUE_WAIT)
			p->cfg.node.want_proof(p->cfg.node.ctx,
					       &p->now.at[i].ask);
	round_end(p); /* the answers wake the next */
}

static void ask_views(struct prover *p)
{
	struct chain_ask *asks = calloc(p->now.n, sizeof(*asks));
	size_t n = 0;

	for (size_t i = 0; asks && i < p->now.n; i++)
		if (p->now.at[i].stage == DUE_NEW)
			asks[n++] = (struct chain_ask){
				.what = CHAIN_ASK_AGREEMENT,
				.c = p->cfg.bank,
				.a = p->now.at[i].a.renter,
				.b = p->cfg.host,
				.n = {p->now.at[i].a.number}};
	if (n)
		chain_read(p->chain, CHAIN_LATEST, asks, n, on_views, p);
	else
		round_end(p);
	free(asks);
}

static bool same_ask(const struct prover_ask *a, const struct prover_ask *b)
{
	return address_eq(&a->renter, &b->renter) && a->number == b->number &&
	       a->leaf == b->leaf && a->sectors == b->sectors &&
	       a->rehearsal == b->rehearsal &&
	       memcmp(&a->root, &b->root, sizeof(a->root)) == 0;
}

static struct due *waiting_for(struct list *l, const struct prover_ask *ask)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->at[i].stage == DUE_WAIT && same_ask(&l->at[i].ask, ask))
			return &l->at[i];
	return NULL;
}

/* Told once; the next round tries again. */
static void fail(struct prover *p, struct due *d, enum prover_event_kind kind,
		 const char *why)
{
	d->stage = DUE_FAILED;
	d->failed_into = p->state.now.into;
	if (!d->failed_told)
		tell(p, kind, d, why);
	d->failed_told = true;
}

static bool pack(struct due *d, const uint8_t *leaf, const uint8_t *path,
		 unsigned nodes)
{
	struct bank_proof proof = {.renter = d->a.renter,
				   .number = d->a.number,
				   .leaf = leaf,
				   .path = path,
				   .nodes = nodes};
	struct wr w;

	free(d->packed);
	d->packed = malloc(PROOF_ENTRY_MAX);
	if (!d->packed || nodes != agreement_path_nodes(d->ask.sectors))
		return false;
	w = wr_into(d->packed, PROOF_ENTRY_MAX);
	bank_put_proof(&w, &proof);
	d->packed_len = wr_len(&w);
	return d->packed_len > 0;
}

void prover_on_proof(struct prover *p, const struct prover_ask *ask,
		     const uint8_t *leaf, const uint8_t *path, unsigned nodes,
		     const struct err *e)
{
	struct due *d = waiting_for(ask->rehearsal ? &p->next : &p->now, ask);

	if (!d)
		return; /* of a period that is over */
	if (ask->rehearsal) {
		d->stage = DUE_NEW;
		if (!leaf)
			tell(p, PROVER_UNREADABLE, d,
			     e ? e->msg : "a leaf cannot be read");
		return;
	}
	if (!leaf || !pack(d, leaf, path, nodes)) {
		fail(p, d, PROVER_UNREADABLE,
		     e ? e->msg : "a leaf cannot be read");
		return;
	}
	d->stage = DUE_READY;
	prover_wake(p);
}

/* ---- sending */

static void send_batch(struct prover *p);

static void on_proved(void *ctx, const struct settle_result *r,
		      const struct err *e)
{
	struct prover *p = ctx;

	if (e) {
		if (r->out_of_time)
			batch_too_long(&p->size, p->batch_n);
		trouble(p, e);
		put_back(p, DUE_TRYING, DUE_READY);
		round_end(p);
		return;
	}
	batch_went_well(&p->size, p->batch_n);
	for (size_t i = 0; i < p->now.n; i++) {
		struct prover_event ev = {.kind = PROVER_PROVED,
					  .amount = r->moved};
		struct due *d = &p->now.at[i];

		if (d->stage != DUE_TRYING)
			continue;
		/* the next round reads whether the bank has it */
		d->stage = DUE_NEW;
		ev.renter = d->a.renter;
		ev.number = d->a.number;
		ev.duty = d->duty;
		(void)duty_pay(&ev.amount, &d->duty, &d->a);
		p->cfg.node.event(p->cfg.node.ctx, &ev);
	}
	p->again = true;
	round_end(p);
}

/* The first word is how many the bank would take. */
static uint64_t would_take(const struct chain_trial *t)
{
	struct rd r = rd_from(t->ret + 24, 8);

	return t->ok && t->has_ret ? rd_u64(&r) : 0;
}

static void on_tried(void *ctx, const struct chain_trial *t,
		     const struct err *e)
{
	struct prover *p = ctx;
	bool good = !e && would_take(t) == p->batch_n;

	if (e) {
		trouble(p, e);
		put_back(p, DUE_TRYING, DUE_READY);
		round_end(p);
	} else if (!t->ok && t->out_of_time && p->batch_n > 1) {
		batch_too_long(&p->size, p->batch_n);
		put_back(p, DUE_TRYING, DUE_READY);
		send_batch(p);
	} else if (p->single || (!good && p->batch_n == 1)) {
		struct due *d = first_in(&p->now, DUE_TRYING);

		if (good)
			d->stage = DUE_TESTED;
		else
			fail(p, d, PROVER_REFUSED,
			     t->ok ? "the bank would not take this proof"
				   : t->reason);
		send_batch(p);
	} else if (good) {
		settle_prove(p->settle, &p->cfg.host, p->batch, p->batch_len,
			     NULL, on_proved, p);
	} else { /* at least one is bad */
		put_back(p, DUE_TRYING, DUE_READY);
		p->single = true;
		send_batch(p);
	}
}

/* One alone always has. */
static bool has_room(const struct prover *p, const struct due *d)
{
	return !p->single && p->batch_n < p->size.now &&
	       p->batch_len + d->packed_len <= p->cfg.most_bytes;
}

static void fill_batch(struct prover *p)
{
	p->batch_len = 0;
	p->batch_n = 0;
	for (size_t i = 0; i < p->now.n; i++) {
		struct due *d = &p->now.at[i];

		if (d->stage != DUE_READY)
			continue;
		if (p->batch_n && !has_room(p, d))
			break;
		memcpy(p->batch + p->batch_len, d->packed, d->packed_len);
		p->batch_len += d->packed_len;
		p->batch_n++;
		d->stage = DUE_TRYING;
	}
}

static void send_batch(struct prover *p)
{
	uint8_t *data;
	size_t cap;
	struct wr w;
	struct chain_call call = {.from = settle_account(p->settle),
				  .to = p->cfg.bank};

	fill_batch(p);
	if (p->batch_n == 0 && p->single) { /* every one was tried alone */
		p->single = false;
		put_back(p, DUE_TESTED, DUE_READY);
		fill_batch(p);
	}
	if (p->batch_n == 0) {
		round_end(p);
		return;
	}
	cap = BANK_PROVE_LEN(p->batch_len);
	data = malloc(cap);
	if (!data) {
		put_back(p, DUE_TRYING, DUE_READY);
		round_end(p);
		return;
	}
	w = wr_into(data, cap);
	bank_enc_prove(&w, &p->cfg.host, p->batch, p->batch_len);
	call.data = data;
	call.len = wr_len(&w);
	chain_try(p->chain, &call, on_tried, p);
	free(data);
}

/* ------------------------------------------------------- rehearsal and close
 */

static uint64_t random_leaf(struct prover *p, uint32_t sectors)
{
	uint64_t r;

	rng_fill(&p->rng, &r, sizeof(r));
	return r % ((uint64_t)sectors * AGREEMENT_LEAVES);
}

/* Tomorrow's proofs, with a leaf of our own choice. */
static void rehearse(struct prover *p)
{
	for (size_t i = 0; i < p->next.n; i++) {
		struct due *d = &p->next.at[i];

		if (d->rehearsed)
			continue;
		d->rehearsed = true;
		d->stage = DUE_WAIT;
		d->ask = (struct prover_ask){
			.renter = d->a.renter,
			.number = d->a.number,
			.root = d->a.root,
			.sectors = d->a.sectors,
			.leaf = random_leaf(p, d->a.sectors),
			.rehearsal = true};
		p->cfg.node.want_proof(p->cfg.node.ctx, &d->ask);
	}
}

static void on_closed(void *ctx, const struct settle_result *r,
		      const struct err *e)
{
	struct prover *p = ctx;

	(void)r;
	if (e)
		trouble(p, e);
	else if (p->over.n)
		tell(p, PROVER_CLOSED, &p->over.at[0], NULL);
	round_end(p);
}

static void on_over_view(void *ctx, const struct chain_view *at,
			 const struct chain_answer *a, size_t n,
			 const struct err *e)
{
	struct prover *p = ctx;
	struct book_lease which = {.host = p->cfg.host};
	const struct due *d = p->over.n ? &p->over.at[0] : NULL;

	(void)at;
	(void)n;
	if (e || !d || !a[0].known) {
		round_end(p);
		return;
	}
	if (a[0].agreement.state != BANK_AGREEMENT_OPEN) {
		tell(p, PROVER_CLOSED, d, NULL); /* somebody else did */
		round_end(p);
		return;
	}
	which.renter = d->a.renter;
	which.number = d->a.number;
	settle_close(p->settle, &which, NULL, on_closed, p);
}

static void close_one(struct prover *p)
{
	struct chain_ask ask = {.what = CHAIN_ASK_AGREEMENT,
				.c = p->cfg.bank,
				.a = p->over.at[0].a.renter,
				.b = p->cfg.host,
				.n = {p->over.at[0].a.number}};

	chain_read(p->chain, CHAIN_LATEST, &ask, 1, on_over_view, p);
}

/* ------------------------------------------------------------ what to do next
 */

/* Ends the round, or begins something that does. */
static void act(struct prover *p)
{
	count(p);
	tell_alarms(p);
	rehearse(p);
	if (p->now.n && p->state.proved < p->now.n) {
		if (!p->beacon_asked) {
			p->beacon_asked = true;
			ask_beacon(p);
		} else if (!p->beacon_known) {
			anchor(p);
		} else if (first_in(&p->now, DUE_READY) &&
			   !first_in(&p->now, DUE_WAIT)) {
			send_batch(p);
		} else if (first_in(&p->now, DUE_NEW)) {
			ask_views(p);
		} else {
			round_end(p);
		}
		return;
	}
	if (p->over.n)
		close_one(p);
	else
		round_end(p);
}

/* ----------------------------------------------------------------- life */

enum err_code prover_new(struct prover **out, struct loop *loop,
			 struct chain *chain, struct settle *settle,
			 const struct prover_config *cfg, struct log *log,
			 struct err *e)
{
	struct prover *p = calloc(1, sizeof(*p));

	*out = NULL;
	if (p) {
		p->batch = malloc(SETTLE_MAX_PROOFS);
		p->timer = loop_timer_new(loop, on_timer, p);
	}
	if (!p || !p->batch || !p->timer) {
		prover_free(p);
		return err_fail(e, ERR_NOMEM, "the prover");
	}
	p->loop = loop;
	p->chain = chain;
	p->settle = settle;
	p->cfg = *cfg;
	if (p->cfg.most_bytes == 0 || p->cfg.most_bytes > SETTLE_MAX_PROOFS)
		p->cfg.most_bytes = SETTLE_MAX_PROOFS;
	batch_init(&p->size, cfg->most_proofs ? cfg->most_proofs : UINT_MAX);
	p->log = log;
	p->rng = rng_system();
	p->beacon_of = UINT32_MAX;
	loop_timer_set(p->timer, 0);
	*out = p;
	return ERR_NONE;
}

void prover_free(struct prover *p)
{
	if (!p)
		return;
	if (p->chain)
		chain_forget(p->chain, p);
	if (p->settle)
		settle_forget(p->settle, p);
	list_clear(&p->now);
	list_clear(&p->next);
	list_clear(&p->over);
	loop_timer_free(p->timer);
	free(p->batch);
	free(p);
}

void prover_state(const struct prover *p, struct prover_state *out)
{
	*out = p->state;
}
