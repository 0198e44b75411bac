#include "node/renter/renter_put_int.h"

#include "node/money/money.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- ending ---- */

void put_end(struct put *p, const struct err *why)
{
	if (p->ended)
		return;
	p->ended = true;
	if (why)
		p->why = *why;
	put_end_budget(p, !why);
	loop_timer_set(p->timer, 0);
}

static void on_timer(void *ctx)
{
	struct put *p = ctx;
	struct put_result result;
	struct err why;

	if (!p->ended || p->told)
		return;
	/* it may be freed while these are read */
	result = p->result;
	why = p->why;
	p->told = true;
	p->ops->ended(p->ctx, &result, why.code == ERR_NONE ? NULL : &why);
}

/* ---- publish ---- */

static void on_step(void *ctx, const char *text)
{
	struct put *p = ctx;

	p->ops->step(p->ctx, text);
}

static void on_again(void *ctx)
{
	struct put *p = ctx;

	p->at = 0;
	put_go_on(p);
}

static void on_published(void *ctx, const struct publish_result *r,
			 const struct err *error)
{
	struct put *p = ctx;
	struct err e = {0};

	/* both are the publishing's own, which goes now */
	p->result.agreements = r->agreements;
	p->result.told = r->told;
	if (error)
		e = *error;
	publish_free(p->publish);
	p->publish = NULL;
	put_end(p, e.code == ERR_NONE ? NULL : &e);
}

static const struct publish_ops publish_ops = {
	.step = on_step,
	.again = on_again,
	.ended = on_published,
};

static void publish(struct put *p)
{
	struct publish_cfg cfg = {.placing = p->placing,
				  .k = p->cfg.k,
				  .n = p->cfg.n,
				  .periods = p->cfg.periods,
				  .least = p->cfg.least,
				  .catalogue = p->quoting.catalogue,
				  .objects_n = p->n_parts};
	struct err e = {0};

	for (size_t i = 0; i < p->n_parts; i++)
		cfg.objects[i] = p->parts[i].object.id;
	if (publish_start(&p->publish, p->renter, &cfg, &publish_ops, p, &e) !=
	    ERR_NONE)
		put_end(p, &e);
}

static void on_commit(void *ctx, bool ok)
{
	struct put *p = ctx;
	struct err e = {0};

	if (!p->committing || p->ended)
		return;
	p->committing = false;
	if (!ok) {
		(void)err_fail(&e, ERR_DB, "renter.db could not be written");
		put_end(p, &e);
	} else if (p->at == 0) {
		put_go_on(p);
	} else {
		publish(p);
	}
}

/* ---- life ---- */

enum err_code put_start(struct put **out, struct renter *r,
			const struct put_cfg *cfg, const struct put_ops *ops,
			void *ctx, struct err *e)
{
	struct put *p = calloc(1, sizeof(*p));

	if (p) {
		p->timer = loop_timer_new(r->engine->loop, on_timer, p);
		p->parts = calloc(PUBLISH_OBJECTS_MAX, sizeof(*p->parts));
		p->path = strdup(cfg->path ? cfg->path : "-");
		p->name = strdup(cfg->name ? cfg->name : "");
	}
	if (!p || !p->timer || !p->parts || !p->path || !p->name) {
		if (cfg->pipe >= 0)
			(void)close(cfg->pipe);
		if (p)
			put_dispose(p);
		return err_fail(e, ERR_NOMEM, "storing");
	}
	p->renter = r;
	p->cfg = *cfg;
	p->cfg.path = cfg->path ? p->path : NULL;
	p->cfg.name = p->name;
	if (cfg->scout.named_n <= SCOUT_NAMED_MAX && cfg->scout.named_n > 0)
		memcpy(p->named, cfg->scout.named,
		       cfg->scout.named_n * sizeof(*p->named));
	p->cfg.scout.named = p->named;
	p->ops = ops;
	p->ctx = ctx;
	renting_on_commit(r->renting, on_commit, p);
	*out = p;
	put_begin(p);
	return ERR_NONE;
}

void put_dispose(struct put *p)
{
	for (size_t i = 0; i < p->n_parts; i++)
		put_stream_unref(p->parts[i].stream);
	put_shared_unref(p->shared);
	placing_free(p->placing);
	loop_timer_free(p->timer);
	free(p->parts);
	free(p->path);
	free(p->name);
	free(p);
}

void put_free(struct put *p)
{
	if (!p)
		return;
	renting_forget(p->renter->renting, p);
	if (p->renter->engine->money->storage.settle)
		settle_forget(p->renter->engine->money->storage.settle, p);
	put_end_budget(p, false);
	if (p->shared)
		source_stop(p->shared->source);
	scout_free(p->scout);
	object_put_free(p->upload);
	publish_free(p->publish);
	p->scout = NULL;
	p->upload = NULL;
	p->publish = NULL;
	if (p->working)
		p->doomed = true;
	else
		put_dispose(p);
}
