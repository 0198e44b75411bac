#include "node/renter/renter_close.h"

#include "contracts-abi/bank.h"
#include "node/money/money.h"

#include <stdlib.h>

struct due {
	struct book_lease lease;
	struct amount left;
};

struct closing {
	struct renter *renter;
	closing_fn *fn;
	void *ctx;
	struct due *due; /* heap */
	size_t n, cap, at;
	uint32_t now;
	struct closing_result result;
};

bool closing_is_due(const struct bank_agreement *view, uint32_t now)
{
	return view->state == BANK_AGREEMENT_OPEN &&
	       (view->through == view->end ||
		now >= view->end + AGREEMENT_CLOSE_WAIT);
}

static bool collect(void *ctx, const struct book_agreement *a)
{
	struct closing *c = ctx;
	struct address me = renting_me(c->renter->renting);

	if (!a->known || !address_eq(&a->lease.renter, &me) ||
	    !closing_is_due(&a->view, c->now))
		return true;
	if (c->n == c->cap) {
		size_t cap = c->cap ? c->cap * 2 : 16;
		struct due *at = realloc(c->due, cap * sizeof(*at));

		if (!at)
			return false; /* the rest another time */
		c->due = at;
		c->cap = cap;
	}
	c->due[c->n++] = (struct due){a->lease, book_fund_left(&a->view)};
	return true;
}

static void next(struct closing *c);

static void on_closed(void *ctx, const struct settle_result *r,
		      const struct err *e)
{
	struct closing *c = ctx;

	(void)r;
	if (e) {
		c->result.failed++;
		log_line(c->renter->engine->log, LOG_INFO, "rent",
			 "agreement not closed number=%u text=\"%s\"",
			 c->due[c->at].lease.number, e->msg);
	} else {
		c->result.closed++;
		c->result.back =
			amount_add_cap(c->result.back, c->due[c->at].left);
	}
	c->at++;
	next(c);
}

static void next(struct closing *c)
{
	if (c->at == c->n)
		c->fn(c->ctx, &c->result); /* c may be gone */
	else
		settle_close(c->renter->engine->money->storage.settle,
			     &c->due[c->at].lease, NULL, on_closed, c);
}

static void on_fresh(void *ctx, const struct err *e)
{
	struct closing *c = ctx;

	if (!e && renting_period(c->renter->renting, &c->now))
		(void)!book_agreement_list(
			c->renter->engine->money->storage.book, collect, c,
			NULL);
	next(c);
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
	free(c->due);
	free(c);
}
