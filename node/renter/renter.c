#include "node/renter/renter.h"

#include "base/clock.h"
#include "node/money/money.h"
#include "node/renter/meetings.h"
#include "node/renter/renter_unopened.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define MET_MS 1000 /* what hosts answered is written so long after */

/* Who waits for the renter; one allocation each. */
struct waiter {
	struct waiter *next;
	enum renting_need need;
	renter_fn *fn;
	void *ctx;
};

/* The renter being made, with those that wait for it. */
struct renter_all {
	struct renter r; /* first: the engine's struct renter */
	struct waiter *waiters;
	bool asking[RENTING_HEAD + 1]; /* renting_open(), by need */
	bool there[RENTING_HEAD + 1]; /* it answered well; the key is awaited */
	bool asking_key;
	struct meetings met;
	struct loop_timer *met_timer;
	bool met_waits; /* the timer is set */
};

static struct renter_all *all_of(struct renter *r)
{
	return (struct renter_all *)r;
}

/* e NULL: all whose need is met; else those that have just this one. */
static void tell(struct renter_all *a, enum renting_need need,
		 const struct err *e)
{
	struct waiter **at = &a->waiters, *w;

	while ((w = *at)) {
		if (e ? w->need != need : w->need > need) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		w->fn(w->ctx, e ? NULL : &a->r, e);
		free(w);
		at = &a->waiters; /* the list may be another by now */
	}
}

static void tell_there(struct renter_all *a, const struct err *e)
{
	for (unsigned need = 0; need <= RENTING_HEAD; need++) {
		bool there = a->there[need];

		a->there[need] = false;
		if (there)
			tell(a, (enum renting_need)need, e);
	}
}

static void on_key(void *ctx, const struct signer_reply *reply,
		   const struct err *error)
{
	struct renter_all *a = ctx;
	struct renter *r = &a->r;
	struct err e = {0};

	a->asking_key = false;
	if (error) {
		tell_there(a, error);
		return;
	}
	r->master = sodium_malloc(OBJECT_KEY_LEN);
	if (!r->master ||
	    rent_peers_new(&r->peers, r->engine, &e) != ERR_NONE) {
		sodium_free(r->master);
		r->master = NULL;
		if (e.code == ERR_NONE)
			(void)err_fail(&e, ERR_NOMEM, "renter");
		tell_there(a, &e);
		return;
	}
	memcpy(r->master, reply->u.storage_key, OBJECT_KEY_LEN);
	r->db = renting_db(r->renting);
	unopened_recall_dues(r);
	tell_there(a, NULL);
}

/* Our files, or the chain too, are there: now the key. */
static void on_renting(struct renter_all *a, enum renting_need need,
		       const struct err *error)
{
	const struct signer_request q = {.type = SIGNER_STORAGE_KEY};
	struct err e = {0};

	a->asking[need] = false;
	if (error) {
		tell(a, need, error);
		return;
	}
	a->there[need] = true;
	if (a->r.master) {
		tell_there(a, NULL);
	} else if (!a->asking_key) {
		a->asking_key = true;
		if (signer_ask(a->r.engine->money->signer, &q, on_key, a, &e) !=
		    ERR_NONE) {
			a->asking_key = false;
			tell_there(a, &e);
		}
	}
}

static void on_files(void *ctx, const struct err *error)
{
	on_renting(ctx, RENTING_FILES, error);
}

static void on_chain(void *ctx, const struct err *error)
{
	on_renting(ctx, RENTING_HEAD, error);
}

static void write_met(struct renter_all *a)
{
	if (meetings_write(&a->met, a->r.db))
		renting_want_commit(a->r.renting);
}

static void on_met(void *ctx)
{
	struct renter_all *a = ctx;

	a->met_waits = false;
	write_met(a);
}

static void make(struct engine *en)
{
	struct renter_all *a = calloc(1, sizeof(*a));

	if (a)
		a->met_timer = loop_timer_new(en->loop, on_met, a);
	if (!a || !a->met_timer) {
		free(a);
		return;
	}
	a->r.engine = en;
	a->r.renting = en->renting;
	en->renter = &a->r;
}

void renter_open(struct engine *en, enum renting_need need, renter_fn *fn,
		 void *ctx)
{
	struct waiter *w = calloc(1, sizeof(*w));
	struct renter_all *a;
	struct err e = {0};

	if (!en->renter)
		make(en);
	if (!w || !en->renter) {
		free(w);
		(void)err_fail(&e, ERR_NOMEM, "renter");
		fn(ctx, NULL, &e);
		return;
	}
	a = all_of(en->renter);
	*w = (struct waiter){
		.next = a->waiters, .need = need, .fn = fn, .ctx = ctx};
	a->waiters = w;
	if (!a->asking[need]) {
		a->asking[need] = true;
		renting_open(en->renting, need,
			     need == RENTING_FILES ? on_files : on_chain, a);
	}
}

void renter_forget(struct engine *en, void *ctx)
{
	struct waiter **at, *w;

	if (!en->renter)
		return;
	at = &all_of(en->renter)->waiters;
	while ((w = *at)) {
		if (w->ctx != ctx) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		free(w);
	}
}

void renter_free(struct renter *r)
{
	struct waiter *w;

	if (!r)
		return;
	renting_forget(r->renting, r);
	if (r->engine->money && r->engine->money->signer)
		signer_forget(r->engine->money->signer, r);
	while ((w = all_of(r)->waiters)) {
		all_of(r)->waiters = w->next;
		free(w);
	}
	rent_peers_free(r->peers);
	write_met(all_of(r));
	loop_timer_free(all_of(r)->met_timer);
	sodium_free(r->master);
	r->engine->renter = NULL;
	free(r);
}

enum err_code renter_begin(struct renter *r, const char *what, struct err *e)
{
	if (r->busy)
		return err_fail(e, ERR_STATE,
				"%s is under way here: try again when it has "
				"ended",
				r->busy);
	r->busy = what;
	return ERR_NONE;
}

void renter_end(struct renter *r)
{
	r->busy = NULL;
}

enum err_code renter_is_old_copy(unsigned newer, unsigned hosts, struct err *e)
{
	return err_fail(e, ERR_STATE,
			"%u of %u hosts have a newer list of what is stored: "
			"this renter.db is an old copy, or another home uses "
			"the account. Use that one, or `seedbank restore` into "
			"a new --home",
			newer, hosts);
}

void renter_met(struct renter *r, const struct address *host, bool good,
		uint32_t ms)
{
	struct renter_all *a = all_of(r);
	int64_t now_s = clock_unix_s();

	if (!meetings_note(&a->met, host, good, ms, now_s)) {
		write_met(a);
		(void)meetings_note(&a->met, host, good, ms, now_s);
	}
	if (a->met_waits)
		return;
	a->met_waits = true;
	loop_timer_set(a->met_timer, MET_MS);
}
