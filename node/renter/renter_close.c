#include "node/renter/renter_close.h"

#include "contracts-abi/bank.h"
#include "node/money/money.h"

#include <stdlib.h>

#define AT_ONCE 16U /* transactions that wait in the outbox */

struct due {
	struct closing *all;
	struct book_lease lease;
	struct amount left;
};

struct closing {
	struct renter *renter;
	closing_fn *fn;
	void *ctx;
	struct due *due; /* heap */
	size_t n, cap, at;
	unsigned open; /* that were sent and have not ended */
	uint32_t now;
	struct closing_result result;
};

/* A host closes it for its collateral, in the first period in which that can
 * be; who comes second pays for nothing. */
bool closing_is_due(const struct bank_agreement *view, uint32_t now)
{
	const uint64_t first =
		view->through == view->end
			? view->end
			: (uint64_t)view->end + AGREEMENT_CLOSE_WAIT;

	return view->state == BANK_AGREEMENT_OPEN && now > first;
}

static bool collect(void *ctx, const struct book_agreement *a)
{
	struct closing *c = ctx;
	struct address me = renting_me(c->renter->renting);

	if (!a->known || !address_eq(&a->lease.renter, &me) ||
	    !closing_is_due(&a->view, c->now) ||
	    settle_is_closing(c->renter->engine->money->storage.settle,
			      &a->lease))
		return true;
	if (c->n == c->cap) {
		size_t cap = c->cap ? c->cap * 2 : 16;
		struct due *at = realloc(c->due, cap * sizeof(*at));

		if (!at)
			return false; /* the rest another time */
		c->due = at;
		c->cap = cap;
	}
	c->due[c->n++] = (struct due){c, a->lease, book_fund_left(&a->view)};
	return true;
}

static void fill(struct closing *c);

static void on_closed(void *ctx, const struct settle_result *r,
		      const struct err *e)
{
	struct due *d = ctx;
	struct closing *c = d->all;

	(void)r;
	c->open--;
	if (e) {
		c->result.failed++;
		log_line(c->renter->engine->log, LOG_INFO, "rent",
			 "agreement not closed number=%u text=\"%s\"",
			 d->lease.number, e->msg);
	} else {
		c->result.closed++;
		c->result.back = amount_add_cap(c->result.back, d->left);
	}
	fill(c);
}

static void fill(struct closing *c)
{
	struct settle *s = c->renter->engine->money->storage.settle;

	while (c->at < c->n && c->open < AT_ONCE) {
		struct due *d = &c->due[c->at++];

		c->open++;
		settle_close(s, &d->lease, NULL, on_closed, d);
	}
	if (c->open == 0)
		c->fn(c->ctx, &c->result); /* c may be gone */
}

static void on_fresh(void *ctx, const struct err *e)
{
	struct closing *c = ctx;

	if (!e && renting_period(c->renter->renting, &c->now))
		(void)!book_agreement_list(
			c->renter->engine->money->storage.book, collect, c,
			NULL);
	fill(c);
}

enum err_code closing_start(struct closing **out, struct renter *r,
			    closing_fn *fn, void *ctx, struct err *e)
{
	struct closing *c = calloc(1, sizeof(*c));

	if (!c)
		return err_fail(e, ERR_NOMEM, "agreements");
	c->renter = r;
	c->fn = fn;
	c->ctx = ctx;
	settle_refresh(r->engine->money->storage.settle, on_fresh, c);
	*out = c;
	return ERR_NONE;
}

void closing_free(struct closing *c)
{
	if (!c)
		return;
	settle_forget(c->renter->engine->money->storage.settle, c);
	for (size_t i = 0; i < c->at; i++)
		settle_forget(c->renter->engine->money->storage.settle,
			      &c->due[i]);
	free(c->due);
	free(c);
}
