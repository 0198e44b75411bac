#include "node/renter/renter_leases.h"

#include "node/money/money.h"

#include <stdlib.h>
#include <string.h>

#define PAGES 16U  /* of the list, in one read */
#define VIEWS 512U /* agreements, in one read */

struct leases {
	struct renter *renter;
	leases_fn *fn;
	void *ctx;
	uint32_t count;		 /* as the chain says */
	struct renter_lease *at; /* heap, count of them */
	uint32_t listed, viewed;
	uint32_t now; /* period */
};

static void ask_more(struct leases *l);

static void end(struct leases *l, const struct err *why)
{
	struct renter_lease *at = l->at;

	l->at = NULL;
	if (why) {
		free(at);
		l->fn(l->ctx, NULL, 0, why);
	} else {
		l->fn(l->ctx, at, l->viewed, NULL);
	}
}

static void end_unknown(struct leases *l, const char *what, const char *why)
{
	struct err e = {0};

	(void)err_fail(&e, ERR_CHAIN, "%s: %.110s", what, why);
	end(l, &e);
}

/* ---- views ---- */

static int by_host(const void *a, const void *b)
{
	const struct renter_lease *x = a, *y = b;
	int c = memcmp(x->host.bytes, y->host.bytes, sizeof(x->host.bytes));

	if (c)
		return c;
	return x->number < y->number ? -1 : x->number > y->number;
}

static void end_viewed(struct leases *l)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < l->count; i++) {
		struct renter_lease *x = &l->at[i];

		x->over =
			l->now >= (uint64_t)x->view.end + AGREEMENT_CLOSE_WAIT;
		/* closed by its host, which has to keep it still */
		if (x->view.state == BANK_AGREEMENT_OPEN ||
		    (x->view.state == BANK_AGREEMENT_CLOSED && !x->over))
			l->at[kept++] = *x;
	}
	l->viewed = kept;
	if (kept)
		qsort(l->at, kept, sizeof(*l->at), by_host);
	end(l, NULL);
}

static void on_views(void *ctx, const struct chain_view *at,
		     const struct chain_answer *answers, size_t n,
		     const struct err *e)
{
	struct leases *l = ctx;

	if (e) {
		end(l, e);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (!answers[i].known) {
			end_unknown(l, "an agreement", answers[i].why);
			return;
		}
		l->at[l->viewed++].view = answers[i].agreement;
	}
	l->now = (uint32_t)(at->block / l->renter->engine->money->period);
	ask_more(l);
}

static void ask_views(struct leases *l)
{
	const struct money *m = l->renter->engine->money;
	struct chain_ask asks[VIEWS];
	size_t n = 0;

	while (n < VIEWS && l->viewed + n < l->count) {
		const struct renter_lease *x = &l->at[l->viewed + n];

		asks[n++] =
			(struct chain_ask){.what = CHAIN_ASK_AGREEMENT,
					   .c = m->domain.bank,
					   .a = renting_me(l->renter->renting),
					   .b = x->host,
					   .n = {x->number}};
	}
	chain_read(m->chain, CHAIN_FINAL, asks, n, on_views, l);
}

/* ---- the list ---- */

static bool take_page(struct leases *l, const struct chain_answer *a)
{
	struct rd r = rd_from(a->data, a->len);
	struct bank_listed x;
	uint32_t left = CHAIN_MAX_LIST;

	while (left > 0 && l->listed < l->count && bank_next_listed(&r, &x)) {
		l->at[l->listed++] = (struct renter_lease){.host = x.host,
							   .number = x.number};
		left--;
	}
	return left == 0 || l->listed == l->count;
}

static void on_pages(void *ctx, const struct chain_view *at,
		     const struct chain_answer *answers, size_t n,
		     const struct err *e)
{
	struct leases *l = ctx;

	(void)at;
	if (e) {
		end(l, e);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (!answers[i].known || !take_page(l, &answers[i])) {
			end_unknown(l, "the list of agreements",
				    answers[i].known ? "it is shorter than the "
						       "bank says"
						     : answers[i].why);
			return;
		}
	}
	ask_more(l);
}

static void ask_pages(struct leases *l)
{
	const struct money *m = l->renter->engine->money;
	struct chain_ask asks[PAGES];
	uint32_t from = l->listed;
	size_t n = 0;

	for (; n < PAGES && from < l->count; from += CHAIN_MAX_LIST)
		asks[n++] =
			(struct chain_ask){.what = CHAIN_ASK_LIST,
					   .c = m->domain.bank,
					   .a = renting_me(l->renter->renting),
					   .n = {from, CHAIN_MAX_LIST}};
	chain_read(m->chain, CHAIN_FINAL, asks, n, on_pages, l);
}

static void ask_more(struct leases *l)
{
	if (l->listed < l->count)
		ask_pages(l);
	else if (l->viewed < l->count)
		ask_views(l);
	else
		end_viewed(l);
}

/* ---- how many ---- */

static void on_count(void *ctx, const struct chain_view *at,
		     const struct chain_answer *answers, size_t n,
		     const struct err *error)
{
	struct leases *l = ctx;
	struct err e = {0};

	(void)at;
	if (error) {
		end(l, error);
	} else if (n != 1 || !answers[0].known) {
		end_unknown(l, "how many agreements there are",
			    n ? answers[0].why : "");
	} else if (answers[0].number > LEASES_MAX) {
		(void)err_fail(&e, ERR_LIMIT, "more than %u agreements",
			       LEASES_MAX);
		end(l, &e);
	} else {
		l->count = (uint32_t)answers[0].number;
		l->at = calloc(l->count + 1U, sizeof(*l->at));
		if (l->at) {
			ask_more(l);
			return;
		}
		(void)err_fail(&e, ERR_NOMEM, "agreements");
		end(l, &e);
	}
}

/* ---- life ---- */

enum err_code leases_start(struct leases **out, struct renter *r, leases_fn *fn,
			   void *ctx, struct err *e)
{
	const struct money *m = r->engine->money;
	const struct chain_ask ask = {.what = CHAIN_ASK_COUNT,
				      .c = m->domain.bank,
				      .a = renting_me(r->renting)};
	struct leases *l;

	if (!m->chain || m->period == 0)
		return err_fail(e, ERR_CHAIN, "the chain is not known");
	l = calloc(1, sizeof(*l));
	if (!l)
		return err_fail(e, ERR_NOMEM, "agreements");
	l->renter = r;
	l->fn = fn;
	l->ctx = ctx;
	*out = l;
	chain_read(m->chain, CHAIN_FINAL, &ask, 1, on_count, l);
	return ERR_NONE;
}

void leases_free(struct leases *l)
{
	if (!l)
		return;
	chain_forget(l->renter->engine->money->chain, l);
	free(l->at);
	free(l);
}

/* ---- what a host holds of one ---- */

static const char *fault(const struct bank_agreement *v,
			 const struct agreement *a)
{
	if (a->revision < v->revision)
		return "it gives an older revision than the chain has";
	if (a->start != v->start || a->end != v->end || a->span != v->span ||
	    amount_cmp(a->collateral, v->collateral) != 0 ||
	    amount_cmp(a->penalty, v->penalty) != 0)
		return "it gives other terms than the chain has";
	if (a->revision == v->revision &&
	    memcmp(&a->root, &v->root, sizeof(a->root)) != 0 &&
	    memcmp(&a->root, &v->next_root, sizeof(a->root)) != 0)
		return "it gives another list than the chain has";
	return NULL;
}

enum err_code lease_check(const struct renter_lease *l,
			  const struct agreement *held, struct err *e)
{
	const char *why =
		l->number >= RENT_UNOPENED ? NULL : fault(&l->view, held);

	if (address_eq(&held->host, &l->host) && held->number == l->number &&
	    !why)
		return ERR_NONE;
	return err_fail(e, ERR_SIG, "%s",
			why ? why : "it gives another agreement");
}
