/* host_lease.c - the agreements in memory, and what the chain says of them.
 *
 * One read at a time, of one final block, for all that is marked: agreements
 * that may have been opened, proved, revised or closed, and the next number of
 * renters who are here. */
#include "node/host/host_int.h"

#include <stdlib.h>
#include <string.h>

struct host_question {
	bool next; /* the next number; else this agreement */
	struct address renter;
	uint32_t number;
};

struct host_asked {
	size_t n;
	struct host_question q[];
};

/* ---- the table ---- */

static int order(const struct host_lease *l, const struct address *renter,
		 uint32_t number)
{
	int c = memcmp(l->renter.bytes, renter->bytes, sizeof(renter->bytes));

	if (c)
		return c;
	return l->number < number ? -1 : l->number > number;
}

/* Where it stands, or belongs. */
static size_t place_of(const struct host *h, const struct address *renter,
		       uint32_t number)
{
	size_t low = 0, high = h->n_leases;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (order(h->leases[mid], renter, number) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct host_lease *lease_find(const struct host *h,
			      const struct address *renter, uint32_t number)
{
	size_t at = place_of(h, renter, number);

	return at < h->n_leases && order(h->leases[at], renter, number) == 0
		       ? h->leases[at]
		       : NULL;
}

static bool make_room(struct host *h)
{
	size_t cap = h->cap_leases ? 2 * h->cap_leases : 64;
	struct host_lease **grown;

	if (h->n_leases < h->cap_leases)
		return true;
	if (h->n_leases >= HOST_LEASES_MAX)
		return false;
	grown = realloc(h->leases, cap * sizeof(struct host_lease *));
	if (!grown)
		return false;
	h->leases = grown;
	h->cap_leases = cap;
	return true;
}

static struct host_lease *lease_new(struct host *h, const struct agreement *a)
{
	size_t at = place_of(h, &a->renter, a->number);
	struct host_lease *l;

	if (!make_room(h))
		return NULL;
	l = calloc(1, sizeof(*l));
	if (!l)
		return NULL;
	l->renter = a->renter;
	l->number = a->number;
	l->since_ms = host_now(h);
	memmove(&h->leases[at + 1], &h->leases[at],
		(h->n_leases - at) * sizeof(struct host_lease *));
	h->leases[at] = l;
	h->n_leases++;
	return l;
}

struct host_lease *lease_put(struct host *h, const struct agreement *a,
			     bool stored)
{
	struct host_lease *l = lease_find(h, &a->renter, a->number);

	if (!l)
		l = lease_new(h, a);
	if (!l)
		return NULL;
	if (stored || !l->stored) {
		l->a = *a;
		l->stored = stored;
		l->revised_ms = host_now(h);
	}
	l->dirty = !rent_unopened(a);
	return l;
}

void lease_remove(struct host *h, struct host_lease *l)
{
	size_t at = place_of(h, &l->renter, l->number);

	memmove(&h->leases[at], &h->leases[at + 1],
		(h->n_leases - at - 1) * sizeof(struct host_lease *));
	h->n_leases--;
	free(l);
}

void lease_free_all(struct host *h)
{
	for (size_t i = 0; i < h->n_leases; i++)
		free(h->leases[i]);
	free(h->leases);
	free(h->pairs);
	free(h->asked);
}

/* ---- from the disk ---- */

static void on_loaded(void *ctx, const struct sectors_answer *a,
		      const struct err *e);

static void load_next(struct host *h, const struct list_key *after)
{
	struct err e = {0};

	if (sectors_next_agreement(h->sectors, after, on_loaded, h, &e) ==
	    ERR_NONE)
		return;
	h->loading = false; /* the next tick tries again */
	host_trouble(h, e.msg);
}

static void on_loaded(void *ctx, const struct sectors_answer *a,
		      const struct err *e)
{
	struct host *h = ctx;
	struct rent_signed_revision r;
	struct host_lease *l;
	struct list_key key;

	if (h->closing)
		return;
	if (e && e->code == ERR_STATE) { /* behind the last */
		h->loading = false;
		h->loaded = true;
		lease_on_head(h);
		host_maybe_up(h);
		return;
	}
	if (e) {
		h->loading = false;
		host_trouble(h, e->msg);
		return;
	}
	key = a->info->key;
	if (rent_blob_get(&r, a->info->blob, a->info->blob_len, NULL) !=
	    ERR_NONE) {
		host_alarm(h, true, "an agreement is damaged on the disk");
	} else {
		l = lease_put(h, &r.a, true);
		if (l) {
			l->settled = a->info->settled;
			l->from_disk = true;
		} else {
			host_alarm(h, true, "too many agreements");
		}
	}
	load_next(h, &key);
}

void lease_load(struct host *h)
{
	if (h->loaded || h->loading)
		return;
	h->loading = true;
	load_next(h, NULL);
}

/* ---- who is here ---- */

static struct host_pair *pair_of(struct host *h, const struct address *renter)
{
	struct host_pair *oldest = NULL;

	if (!h->pairs)
		h->pairs = calloc(HOST_PAIRS_MAX, sizeof(*h->pairs));
	if (!h->pairs)
		return NULL;
	for (unsigned i = 0; i < HOST_PAIRS_MAX; i++) {
		struct host_pair *p = &h->pairs[i];

		if (p->used && address_eq(&p->renter, renter))
			return p;
		if (!oldest || !p->used ||
		    (oldest->used && p->used_ms < oldest->used_ms))
			oldest = p;
	}
	*oldest = (struct host_pair){
		.renter = *renter, .used = true, .dirty = true};
	return oldest;
}

void lease_renter_came(struct host *h, const struct address *renter)
{
	struct host_pair *p = pair_of(h, renter);

	if (!p)
		return;
	p->used_ms = host_now(h);
	p->dirty = true;
	lease_read(h);
}

static bool is_here(const struct host *h, const struct address *renter)
{
	for (const struct host_session *s = h->sessions; s; s = s->next)
		if (address_eq(&s->renter, renter))
			return true;
	return false;
}

/* ---- reading the chain ---- */

static void take_view(struct host *h, struct host_lease *l,
		      const struct bank_agreement *v, uint32_t period)
{
	const bool was_open = l->known && l->view.state == BANK_AGREEMENT_OPEN;

	l->view = *v;
	l->view_period = period;
	l->known = true;
	l->dirty = false;
	duty_seen(h, l, was_open);
}

static void take_answer(struct host *h, const struct host_question *q,
			const struct chain_answer *a, uint64_t block)
{
	struct host_lease *l;
	struct host_pair *p;

	if (!a->known)
		return;
	if (q->next) {
		p = pair_of(h, &q->renter);
		if (p && a->number <= UINT32_MAX && block >= p->block) {
			p->count = (uint32_t)a->number;
			p->block = block;
			p->known = true;
			p->dirty = false;
		}
		return;
	}
	l = lease_find(h, &q->renter, q->number);
	if (l)
		take_view(h, l, &a->agreement,
			  (uint32_t)(block / h->en->money->period));
}

static void on_read(void *ctx, const struct chain_view *at,
		    const struct chain_answer *answers, size_t n,
		    const struct err *e)
{
	struct host *h = ctx;
	struct host_asked *asked = h->asked;

	h->asked = NULL;
	for (size_t i = 0; !e && i < n && i < asked->n; i++)
		take_answer(h, &asked->q[i], &answers[i], at->block);
	free(asked);
	if (h->ask_again && !e)
		lease_read(h);
}

static void add(struct host *h, struct chain_ask *asks, bool next,
		const struct address *renter, uint32_t number)
{
	const struct money *m = h->en->money;
	struct host_asked *to = h->asked;

	if (to->n == CHAIN_MAX_ASKS) {
		h->ask_again = true;
		return;
	}
	to->q[to->n] = (struct host_question){next, *renter, number};
	asks[to->n++] = (struct chain_ask){.what = next ? CHAIN_ASK_NEXT
							: CHAIN_ASK_AGREEMENT,
					   .c = m->domain.bank,
					   .a = *renter,
					   .b = renting_me(h->en->renting),
					   .n = {number}};
}

static void collect(struct host *h, struct chain_ask *asks)
{
	for (unsigned i = 0; h->pairs && i < HOST_PAIRS_MAX; i++)
		if (h->pairs[i].used && h->pairs[i].dirty)
			add(h, asks, true, &h->pairs[i].renter, 0);
	for (size_t i = 0; i < h->n_leases; i++)
		if (h->leases[i]->dirty && !rent_unopened(&h->leases[i]->a))
			add(h, asks, false, &h->leases[i]->renter,
			    h->leases[i]->number);
}

void lease_read(struct host *h)
{
	struct chain *chain = h->en->money->chain;
	struct chain_ask *asks;

	h->ask_again = true;
	if (h->asked || h->closing || !chain || !h->loaded)
		return;
	asks = calloc(CHAIN_MAX_ASKS, sizeof(*asks));
	h->asked = calloc(1, sizeof(*h->asked) +
				     CHAIN_MAX_ASKS * sizeof(h->asked->q[0]));
	h->ask_again = false;
	if (asks && h->asked)
		collect(h, asks);
	if (asks && h->asked && h->asked->n) {
		chain_read(chain, CHAIN_FINAL, asks, h->asked->n, on_read, h);
	} else {
		free(h->asked);
		h->asked = NULL;
	}
	free(asks);
}

/* What a new block may have changed: agreements that can still be opened, those
 * of renters who are here, and once a period all that are not over. */
static bool may_change(const struct host *h, const struct host_lease *l,
		       bool all)
{
	if (rent_unopened(&l->a) ||
	    (l->known && l->view.state == BANK_AGREEMENT_CLOSED))
		return false;
	return all || !l->known || l->view.state == BANK_AGREEMENT_NONE ||
	       l->posting || is_here(h, &l->renter);
}

void lease_on_head(struct host *h)
{
	uint32_t now = 0;
	bool all =
		renting_period(h->en->renting, &now) && now != h->period_read;

	h->period_read = now;
	for (size_t i = 0; i < h->n_leases; i++)
		if (may_change(h, h->leases[i], all))
			h->leases[i]->dirty = true;
	for (unsigned i = 0; h->pairs && i < HOST_PAIRS_MAX; i++) {
		struct host_pair *p = &h->pairs[i];

		if (p->used && is_here(h, &p->renter))
			p->dirty = true;
	}
	lease_read(h);
}

/* ---- what the machine asks ---- */

void lease_facts(void *ctx, const struct address *renter, uint32_t number,
		 struct rent_facts *out)
{
	struct host *h = ctx;
	const struct host_lease *l = lease_find(h, renter, number);
	struct host_pair *p = pair_of(h, renter);

	memset(out, 0, sizeof(*out));
	if (!p)
		return;
	p->used_ms = host_now(h);
	out->count = p->count;
	if (l && l->stored) {
		out->known = l->known;
		out->opened = l->view.state != BANK_AGREEMENT_NONE;
		out->closed = l->view.state == BANK_AGREEMENT_CLOSED;
		out->through = l->view.through;
		out->earned = l->view.earned;
		out->funded = l->view.fund; /* all ever locked */
	} else {
		/* the one before may just have been opened: it is read again */
		out->known = p->known && number <= p->count;
	}
	if (!out->known) {
		p->dirty = true;
		lease_read(h);
	}
}

/* What was signed and is not locked yet, as far as it still can be. */
static struct amount promised(const struct host *h)
{
	struct amount sum = AMOUNT_ZERO;
	uint32_t now = 0;

	(void)renting_period(h->en->renting, &now);
	for (size_t i = 0; i < h->n_leases; i++) {
		const struct host_lease *l = h->leases[i];

		if (!rent_unopened(&l->a) && l->a.start > now &&
		    (!l->known || l->view.state == BANK_AGREEMENT_NONE))
			sum = amount_add_cap(sum, l->a.collateral);
	}
	return sum;
}

bool lease_collateral(void *ctx, struct amount more)
{
	struct host *h = ctx;
	struct amount have;

	return renting_free_balance(h->en->renting, &have) &&
	       amount_cmp(amount_add_cap(promised(h), more), have) <= 0;
}
