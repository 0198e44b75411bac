#include "node/renter/renter.h"

#include "base/clock.h"
#include "node/money/money.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* Who waits for the renter; one allocation each. */
struct waiter {
	struct waiter *next;
	renter_fn *fn;
	void *ctx;
};

/* The renter being made, with those that wait for it. */
struct renter_all {
	struct renter r; /* first: the engine's struct renter */
	struct waiter *waiters;
	bool asking;
};

static struct renter_all *all_of(struct renter *r)
{
	return (struct renter_all *)r;
}

static void tell(struct renter_all *a, const struct err *e)
{
	struct waiter *w;

	while ((w = a->waiters)) {
		a->waiters = w->next;
		w->fn(w->ctx, e ? NULL : &a->r, e);
		free(w);
	}
}

static void on_key(void *ctx, const struct signer_reply *reply,
		   const struct err *error)
{
	struct renter_all *a = ctx;
	struct renter *r = &a->r;
	struct err e = {0};

	a->asking = false;
	if (error) {
		tell(a, error);
		return;
	}
	r->master = sodium_malloc(OBJECT_KEY_LEN);
	if (!r->master ||
	    rent_peers_new(&r->peers, r->engine, &e) != ERR_NONE) {
		sodium_free(r->master);
		r->master = NULL;
		if (e.code == ERR_NONE)
			(void)err_fail(&e, ERR_NOMEM, "renter");
		tell(a, &e);
		return;
	}
	memcpy(r->master, reply->u.storage_key, OBJECT_KEY_LEN);
	r->db = renting_db(r->renting);
	tell(a, NULL);
}

static void on_renting(void *ctx, const struct err *error)
{
	struct renter_all *a = ctx;
	const struct signer_request q = {.type = SIGNER_STORAGE_KEY};
	struct err e = {0};

	if (error) {
		a->asking = false;
		tell(a, error);
	} else if (a->r.master) {
		a->asking = false;
		tell(a, NULL);
	} else if (signer_ask(a->r.engine->money->signer, &q, on_key, a, &e) !=
		   ERR_NONE) {
		a->asking = false;
		tell(a, &e);
	}
}

void renter_open(struct engine *en, renter_fn *fn, void *ctx)
{
	struct waiter *w = calloc(1, sizeof(*w));
	struct renter_all *a;
	struct err e = {0};

	if (!en->renter && (a = calloc(1, sizeof(*a)))) {
		a->r.engine = en;
		a->r.renting = en->renting;
		en->renter = &a->r;
	}
	if (!w || !en->renter) {
		free(w);
		(void)err_fail(&e, ERR_NOMEM, "renter");
		fn(ctx, NULL, &e);
		return;
	}
	a = all_of(en->renter);
	*w = (struct waiter){.next = a->waiters, .fn = fn, .ctx = ctx};
	a->waiters = w;
	if (!a->asking) {
		a->asking = true;
		renting_open(en->renting, on_renting, a);
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

void renter_met(struct renter *r, const struct address *host, bool good,
		uint32_t ms)
{
	struct renter_host h;

	if (renter_db_host(r->db, &h, host, NULL) != ERR_NONE)
		return;
	h.good += good;
	h.bad += !good;
	if (good)
		h.seen_s = clock_unix_s();
	if (ms)
		h.rtt_ms = h.rtt_ms ? (h.rtt_ms * 7 + ms) / 8 : ms;
	if (renter_db_set_host(r->db, &h, NULL) == ERR_NONE)
		renting_want_commit(r->renting);
}
