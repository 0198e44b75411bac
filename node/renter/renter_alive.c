#include "node/renter/renter_alive.h"

#include "node/renter/renter_probe.h"

#include <stdlib.h>

struct at_host {
	uint32_t places; /* seen so far */
	uint32_t right;
	bool liar;
};

struct alive {
	struct renter *renter;
	const struct holding *h;
	alive_fn *fn;
	void *ctx;
	struct probe *probe;
	struct probe_question *questions; /* heap: ALIVE_PER_HOST of each, then
					   * those that are asked */
	size_t n, dead_n;		  /* the dead ones come first */
	struct at_host *hosts;		  /* heap, hosts_n */
	uint16_t hosts_n;		  /* of the placement when it began */
};

/* ---- what is asked ---- */

/* Each place of a host has the same chance. */
static void consider(struct alive *a, struct rng *rng, uint32_t segment,
		     unsigned row, uint16_t host)
{
	struct at_host *x = &a->hosts[host];
	struct probe_question *q = a->questions + (size_t)host * ALIVE_PER_HOST;
	uint32_t at = x->places++;

	if (at >= ALIVE_PER_HOST)
		at = rng_below(rng, x->places);
	if (at < ALIVE_PER_HOST)
		q[at] = probe_ask(rng, segment, row, host);
}

static void gather(struct alive *a)
{
	const struct placement *p = a->h->placement;
	struct rng rng = rng_system();

	for (uint32_t s = 0; s < p->segments; s++)
		for (unsigned i = 0; i < p->n; i++) {
			const struct placement_row *x =
				&p->rows[(size_t)s * p->n + i];

			for (unsigned j = 0; j < x->places; j++)
				if (!holding_is_lost(a->h, s, i,
						     &p->hosts[x->host[j]]))
					consider(a, &rng, s, i, x->host[j]);
		}
	for (uint16_t h = 0; h < a->hosts_n; h++)
		for (uint32_t i = 0;
		     i < a->hosts[h].places && i < ALIVE_PER_HOST; i++)
			a->questions[a->n++] =
				a->questions[(size_t)h * ALIVE_PER_HOST + i];
}

/* ---- what is answered ---- */

static void on_progress(void *ctx, size_t done)
{
	(void)ctx;
	(void)done;
}

static bool is_dead(const struct probe_question *q)
{
	return q->verdict == PROBE_LOST || q->verdict == PROBE_FALSE;
}

static void on_probed(void *ctx)
{
	struct alive *a = ctx;

	for (size_t i = 0; i < a->n; i++) {
		const struct probe_question q = a->questions[i];

		a->hosts[q.host].right += q.verdict == PROBE_RIGHT;
		a->hosts[q.host].liar |= q.verdict == PROBE_FALSE;
		if (!is_dead(&q))
			continue;
		a->questions[i] = a->questions[a->dead_n];
		a->questions[a->dead_n++] = q;
	}
	a->fn(a->ctx); /* a may be gone */
}

static const struct at_host *find(const struct alive *a,
				  const struct address *host)
{
	for (uint16_t i = 0; i < a->hosts_n; i++)
		if (address_eq(&a->h->placement->hosts[i], host))
			return &a->hosts[i];
	return NULL;
}

bool alive_host(const struct alive *a, const struct address *host)
{
	const struct at_host *x = find(a, host);

	return x && x->right > 0 && !x->liar;
}

bool alive_place(void *ctx, uint32_t segment, uint16_t row,
		 const struct address *host)
{
	const struct alive *a = ctx;
	const struct at_host *x = find(a, host);

	if (!x)
		return true;
	if (x->right == 0 || x->liar ||
	    holding_is_lost(a->h, segment, row, host))
		return false;
	for (size_t i = 0; i < a->dead_n; i++) {
		const struct probe_question *q = &a->questions[i];

		if (q->segment == segment && q->row == row &&
		    address_eq(&a->h->placement->hosts[q->host], host))
			return false;
	}
	return true;
}

bool alive_dead(const struct alive *a, size_t *at, uint32_t *segment,
		uint16_t *row, struct address *host)
{
	const struct probe_question *q = &a->questions[*at];

	if (*at == a->dead_n)
		return false;
	++*at;
	*segment = q->segment;
	*row = q->row;
	*host = a->h->placement->hosts[q->host];
	return true;
}

/* ---- life ---- */

enum err_code alive_start(struct alive **out, struct renter *r,
			  const struct holding *h, alive_fn *fn, void *ctx,
			  struct err *e)
{
	struct alive *a = calloc(1, sizeof(*a));
	struct probe_cfg cfg = {.placement = h->placement,
				.shown = true,
				.progress = on_progress,
				.ended = on_probed};
	enum err_code code;

	if (!a)
		return err_fail(e, ERR_NOMEM, "questions");
	a->renter = r;
	a->h = h;
	a->fn = fn;
	a->ctx = ctx;
	a->hosts_n = h->placement->hosts_n;
	a->hosts = calloc(a->hosts_n + 1U, sizeof(*a->hosts));
	a->questions =
		calloc(a->hosts_n + 1U, ALIVE_PER_HOST * sizeof(*a->questions));
	if (!a->hosts || !a->questions) {
		alive_free(a);
		return err_fail(e, ERR_NOMEM, "questions");
	}
	gather(a);
	cfg.questions = a->questions;
	cfg.n = a->n;
	cfg.ctx = a;
	code = probe_start(&a->probe, r, &cfg, e);
	if (code != ERR_NONE) {
		alive_free(a);
		return code;
	}
	*out = a;
	return ERR_NONE;
}

void alive_free(struct alive *a)
{
	if (!a)
		return;
	probe_free(a->probe);
	free(a->questions);
	free(a->hosts);
	free(a);
}
