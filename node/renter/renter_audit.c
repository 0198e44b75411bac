#include "node/renter/renter_audit.h"

#include "node/renter/renter_holding.h"
#include "node/renter/renter_probe.h"
#include "storage/rent/sampling.h"

#include <stdlib.h>
#include <string.h>

struct audit {
	struct renter *renter;
	const struct audit_ops *ops;
	void *ctx;
	struct holding_list list; /* of a link: empty */
	size_t at;		  /* object of the list */
	uint64_t samples, each;	  /* each: of a segment */
	uint64_t done, total;
	struct holding_open *opening;
	struct holding *holding;
	struct probe *probe;
	struct probe_question *questions; /* heap */
	size_t questions_n;
	struct loop_timer *timer;
	bool ended, told;
	struct audit_result result;
	struct err why;
};

uint32_t audit_at_most(const struct audit_count *c, unsigned confidence)
{
	return sampling_at_most(c->samples, c->samples - c->right, confidence);
}

static void end(struct audit *a, const struct err *why)
{
	if (a->ended)
		return;
	a->ended = true;
	if (why)
		a->why = *why;
	loop_timer_set(a->timer, 0);
}

static void next_object(struct audit *a);

static void on_timer(void *ctx)
{
	struct audit *a = ctx;

	if (a->ended && !a->told) {
		a->told = true;
		a->ops->ended(a->ctx, &a->result,
			      a->why.code == ERR_NONE ? NULL : &a->why);
	} else if (!a->ended && !a->opening && !a->probe) {
		next_object(a);
	}
}

/* ---- counting ---- */

static void count(struct audit_count *c, uint8_t verdict)
{
	c->samples++;
	c->right += verdict == PROBE_RIGHT;
	c->lost += verdict == PROBE_LOST;
	c->lies += verdict == PROBE_FALSE;
	c->unanswered += verdict == PROBE_SILENT;
}

static struct audit_host *host_of(struct audit_result *r,
				  const struct address *address)
{
	struct audit_host *more;

	for (size_t i = 0; i < r->hosts_n; i++)
		if (address_eq(&r->hosts[i].address, address))
			return &r->hosts[i];
	if (r->hosts_n == r->hosts_cap) {
		size_t cap = r->hosts_cap ? r->hosts_cap * 2 : 64;

		more = realloc(r->hosts, cap * sizeof(*more));
		if (!more)
			return NULL;
		r->hosts = more;
		r->hosts_cap = cap;
	}
	r->hosts[r->hosts_n] = (struct audit_host){.address = *address};
	return &r->hosts[r->hosts_n++];
}

static enum err_code note(struct audit *a, const struct probe_question *q,
			  struct audit_object *o, struct err *e)
{
	struct holding *h = a->holding;
	struct audit_host *host;

	count(&a->result.all, q->verdict);
	count(&o->count, q->verdict);
	if (q->host == PROBE_NOWHERE)
		return ERR_NONE;
	host = host_of(&a->result, &h->placement->hosts[q->host]);
	if (!host)
		return err_fail(e, ERR_NOMEM, "an audit");
	count(&host->count, q->verdict);
	if (q->verdict != PROBE_LOST && q->verdict != PROBE_FALSE)
		return ERR_NONE;
	renting_want_commit(a->renter->renting);
	return holding_mark_lost(a->renter, h, q->segment, q->row,
				 &h->placement->hosts[q->host], e);
}

static void on_probed(void *ctx)
{
	struct audit *a = ctx;
	struct audit_object *o = &a->result.objects[a->result.objects_n++];
	struct err e = {0};
	enum err_code code = ERR_NONE;

	memcpy(o->id.bytes, a->holding->keys.owner_pk, sizeof(o->id.bytes));
	o->segments = a->holding->placement->segments;
	for (size_t i = 0; code == ERR_NONE && i < a->questions_n; i++)
		code = note(a, &a->questions[i], o, &e);
	probe_free(a->probe);
	a->probe = NULL;
	a->done += a->questions_n;
	holding_free(a->holding);
	a->holding = NULL;
	free(a->questions);
	a->questions = NULL;
	if (code != ERR_NONE)
		end(a, &e);
	else
		loop_timer_set(a->timer, 0);
}

static void on_progress(void *ctx, size_t done)
{
	struct audit *a = ctx;

	a->ops->progress(a->ctx, a->done + done, a->total);
}

/* ---- what is asked ---- */

/* One of the hosts that should have it. */
static uint16_t choose_host(struct rng *rng, const struct holding *h,
			    uint32_t segment, unsigned row)
{
	const struct placement_row *x =
		placement_row(h->placement, segment, row);
	uint16_t hosts[PLACEMENT_PLACES_MAX];
	unsigned n = 0;

	for (unsigned i = 0; i < x->places; i++)
		if (!holding_is_lost(h, segment, row,
				     &h->placement->hosts[x->host[i]]))
			hosts[n++] = x->host[i];
	return n ? hosts[rng_below(rng, n)] : PROBE_NOWHERE;
}

static enum err_code make_questions(struct audit *a, struct err *e)
{
	const struct holding *h = a->holding;
	const struct placement *p = h->placement;
	struct rng rng = rng_system();
	size_t at = 0;

	a->questions_n = (size_t)(p->segments * a->each);
	a->questions = calloc(a->questions_n + 1, sizeof(*a->questions));
	if (!a->questions)
		return err_fail(e, ERR_NOMEM, "an audit");
	for (uint32_t s = 0; s < p->segments; s++)
		for (uint64_t i = 0; i < a->each; i++) {
			unsigned row = rng_below(&rng, p->n);

			a->questions[at++] = probe_ask(
				&rng, s, row, choose_host(&rng, h, s, row));
		}
	return ERR_NONE;
}

/* As many of each segment of all that is audited. */
static enum err_code set_share(struct audit *a, uint64_t segments,
			       struct err *e)
{
	if (segments == 0)
		segments = 1;
	a->each = (a->samples + segments - 1) / segments;
	a->total = a->each * segments;
	if (a->total > AUDIT_SAMPLES_MAX)
		return err_fail(
			e, ERR_LIMIT, "%llu samples, %u are the most at once",
			(unsigned long long)a->total, AUDIT_SAMPLES_MAX);
	return ERR_NONE;
}

static void on_held(void *ctx, struct holding *take, const struct err *error)
{
	struct audit *a = ctx;
	struct probe_cfg cfg = {
		.progress = on_progress, .ended = on_probed, .ctx = a};
	struct err e = {0};
	enum err_code code = ERR_NONE;

	holding_open_free(a->opening);
	a->opening = NULL;
	if (error) {
		end(a, error);
		return;
	}
	a->holding = take;
	if (a->list.n == 0)
		code = set_share(a, take->placement->segments, &e);
	if (code == ERR_NONE)
		code = make_questions(a, &e);
	cfg.placement = take->placement;
	cfg.questions = a->questions;
	cfg.n = a->questions_n;
	cfg.shown = take->own;
	if (code == ERR_NONE)
		code = probe_start(&a->probe, a->renter, &cfg, &e);
	if (code != ERR_NONE)
		end(a, &e);
}

static void next_object(struct audit *a)
{
	struct err e = {0};

	if (a->at >= a->list.n) {
		end(a, NULL);
		return;
	}
	if (holding_open_own(&a->opening, a->renter, &a->list.at[a->at++],
			     on_held, a, &e) != ERR_NONE)
		end(a, &e);
}

/* ---- life ---- */

static enum err_code begin_own(struct audit *a, const char *name, struct err *e)
{
	uint64_t segments = 0;
	enum err_code code = holding_list(&a->list, a->renter, name, e);

	if (code == ERR_NONE && a->list.n == 0)
		code = err_fail(e, ERR_STATE, "nothing is stored");
	for (size_t i = 0; i < a->list.n; i++) {
		segments += a->list.at[i].segments;
		a->result.alike &= a->list.at[i].n == a->list.at[0].n;
	}
	if (code == ERR_NONE)
		code = set_share(a, segments, e);
	if (code == ERR_NONE)
		loop_timer_set(a->timer, 0);
	return code;
}

static enum err_code begin(struct audit *a, const struct audit_cfg *cfg,
			   struct err *e)
{
	bool link = cfg->name &&
		    strncmp(cfg->name, HOLDING_LINK, strlen(HOLDING_LINK)) == 0;
	enum err_code code;

	a->samples = cfg->samples ? cfg->samples : AUDIT_SAMPLES;
	a->result.alike = true;
	a->ops->step(a->ctx, link ? "following the link"
				  : "asking hosts for random parts of it");
	code = link ? holding_open_link(&a->opening, a->renter, cfg->name,
					&cfg->scout, on_held, a, e)
		    : begin_own(a, cfg->name, e);
	if (code != ERR_NONE)
		return code;
	a->result.objects = calloc(a->list.n + 1, sizeof(*a->result.objects));
	return a->result.objects ? ERR_NONE
				 : err_fail(e, ERR_NOMEM, "an audit");
}

enum err_code audit_start(struct audit **out, struct renter *r,
			  const struct audit_cfg *cfg,
			  const struct audit_ops *ops, void *ctx, struct err *e)
{
	struct audit *a = calloc(1, sizeof(*a));
	enum err_code code;

	if (!a)
		return err_fail(e, ERR_NOMEM, "an audit");
	a->renter = r;
	a->ops = ops;
	a->ctx = ctx;
	a->timer = loop_timer_new(r->engine->loop, on_timer, a);
	code = a->timer ? begin(a, cfg, e) : err_fail(e, ERR_NOMEM, "an audit");
	if (code != ERR_NONE) {
		audit_free(a);
		return code;
	}
	*out = a;
	return ERR_NONE;
}

void audit_free(struct audit *a)
{
	if (!a)
		return;
	holding_open_free(a->opening);
	probe_free(a->probe);
	holding_free(a->holding);
	holding_list_clear(&a->list);
	loop_timer_free(a->timer);
	free(a->questions);
	free(a->result.hosts);
	free(a->result.objects);
	free(a);
}
