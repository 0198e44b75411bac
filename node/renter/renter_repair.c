/* renter_repair.c - a repair from beginning to end: its phases, one after
 * another. Each has a file (renter_repair_int.h). */
#include "node/renter/renter_repair_int.h"

#include "node/renter/renter_agree.h"
#include "node/renter/renter_lost.h"
#include "node/renter/renter_publish.h"
#include "node/renter/renter_reconcile.h"
#include "node/renter/renter_records.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* ---- ends and phases ---- */

void mend_end(struct mend *m, const struct err *why)
{
	if (m->ended)
		return;
	m->ended = true;
	if (why)
		m->why = *why;
	loop_timer_set(m->timer, 0);
}

void mend_go(struct mend *m, enum mend_phase phase)
{
	m->phase = phase;
	loop_timer_set(m->timer, 0);
}

void mend_leave(struct mend *m, const struct err *why)
{
	if (m->result.left.code == ERR_NONE)
		m->result.left = *why;
}

void mend_step(void *ctx, const char *text)
{
	struct mend *m = ctx;

	m->ops->step(m->ctx, text);
}

/* ---- what is found at first ---- */

static void on_reconciled(void *ctx, const struct err *e)
{
	struct mend *m = ctx;

	reconcile_free(m->reconcile);
	m->reconcile = NULL;
	if (e)
		mend_end(m, e);
	else
		mend_go(m, m->link ? MEND_OPEN : MEND_LOST);
}

static void on_lost(void *ctx, const struct err *e)
{
	struct mend *m = ctx;

	lost_free(m->lost);
	m->lost = NULL;
	if (e)
		mend_end(m, e);
	else
		mend_go(m, MEND_OPEN);
}

/* ---- life ---- */

static void begin_phase(struct mend *m)
{
	struct err e = {0};

	switch (m->phase) {
	case MEND_RECONCILE:
		m->ops->step(m->ctx, "looking at the agreements");
		(void)!reconcile_start(&m->reconcile, m->renter, on_reconciled,
				       m, &e);
		break;
	case MEND_LOST:
		m->ops->step(m->ctx, "asking hosts what they lost");
		(void)!lost_start(&m->lost, m->renter, on_lost, m, &e);
		break;
	case MEND_OPEN:
		mend_open_next(m);
		break;
	case MEND_MAKE:
		mend_make(m);
		break;
	case MEND_AGREE:
		mend_agree(m);
		break;
	case MEND_TELL:
		mend_tell(m);
		break;
	case MEND_PUBLISH:
		mend_publish(m);
		break;
	}
	if (e.code != ERR_NONE)
		mend_end(m, &e);
}

static void on_timer(void *ctx)
{
	struct mend *m = ctx;

	if (!m->ended) {
		begin_phase(m);
	} else if (!m->told) {
		m->told = true;
		m->ops->ended(m->ctx, &m->result,
			      m->why.code == ERR_NONE ? NULL : &m->why);
	}
}

static void on_commit(void *ctx, bool ok)
{
	struct mend *m = ctx;
	struct err e = {0};

	if (ok)
		return;
	(void)err_fail(&e, ERR_DB, "renter.db could not be written");
	mend_end(m, &e);
}

static enum err_code begin(struct mend *m, const struct mend_cfg *cfg,
			   struct err *e)
{
	m->cfg = *cfg;
	m->name = cfg->name ? strdup(cfg->name) : NULL;
	m->timer = loop_timer_new(m->renter->engine->loop, on_timer, m);
	if (!m->timer || (cfg->name && !m->name))
		return err_fail(e, ERR_NOMEM, "a repair");
	if (cfg->scout.named_n > SCOUT_NAMED_MAX)
		return err_fail(e, ERR_LIMIT, "too many hosts are named");
	if (cfg->scout.named_n)
		memcpy(m->named, cfg->scout.named,
		       cfg->scout.named_n * sizeof(*m->named));
	m->cfg.scout.named = m->named;
	m->link = m->name &&
		  strncmp(m->name, HOLDING_LINK, strlen(HOLDING_LINK)) == 0;
	return m->link ? ERR_NONE
		       : holding_list(&m->list, m->renter, m->name, e);
}

enum err_code mend_start(struct mend **out, struct renter *r,
			 const struct mend_cfg *cfg, const struct mend_ops *ops,
			 void *ctx, struct err *e)
{
	struct mend *m = calloc(1, sizeof(*m));
	enum err_code code;

	if (!m)
		return err_fail(e, ERR_NOMEM, "a repair");
	m->renter = r;
	m->ops = ops;
	m->ctx = ctx;
	code = begin(m, cfg, e);
	if (code != ERR_NONE) {
		mend_free(m);
		return code;
	}
	renting_on_commit(r->renting, on_commit, m);
	mend_go(m, MEND_RECONCILE);
	*out = m;
	return ERR_NONE;
}

void mend_free(struct mend *m)
{
	if (!m)
		return;
	renting_forget(m->renter->renting, m);
	reconcile_free(m->reconcile);
	lost_free(m->lost);
	holding_open_free(m->opening);
	scout_free(m->scout);
	publish_free(m->publish); /* it borrows the placing */
	mend_drop_object(m);
	agree_free(m->agree);
	records_free(m->records);
	mend_kept_unref(m->kept);
	holding_list_clear(&m->list);
	loop_timer_free(m->timer);
	if (m->name)
		sodium_memzero(m->name, strlen(m->name));
	free(m->name);
	free(m->puts);
	free(m);
}
