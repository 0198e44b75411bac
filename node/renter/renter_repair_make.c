/* renter_repair_make.c - rows of one object made again and put. */
#include "node/renter/renter_repair_int.h"

#include "base/clock.h"
#include "node/rent/object_repair.h"
#include "node/renter/renter_alive.h"
#include "node/renter/renter_ward.h"

#include <stdlib.h>

static bool is_alive(void *ctx, uint32_t segment, uint16_t row,
		     const struct address *host)
{
	struct mend *m = ctx;

	return alive_place(m->alive, segment, row, host);
}

static enum err_code note_put(struct mend *m, const struct renter_place *p,
			      struct err *e)
{
	struct mend_put *more;

	if (m->puts_n == m->puts_cap) {
		size_t cap = m->puts_cap ? m->puts_cap * 2 : 64;

		more = realloc(m->puts, cap * sizeof(*more));
		if (!more)
			return err_fail(e, ERR_NOMEM, "a repair");
		m->puts = more;
		m->puts_cap = cap;
	}
	m->puts[m->puts_n] = (struct mend_put){.object = p->object,
					       .segment = p->segment,
					       .row = p->shard,
					       .host = p->host};
	(void)mend_cost_of(m, &p->host, &m->puts[m->puts_n++].cost);
	return ERR_NONE;
}

static void on_placed(void *ctx, uint32_t segment, uint16_t row,
		      const struct hash32 *root, const struct address *host)
{
	struct mend *m = ctx;
	struct holding *h = m->kept->h;
	const struct renter_place p = {.object = h->own ? h->object.id
							: m->ward.object,
				       .segment = segment,
				       .shard = row,
				       .root = *root,
				       .host = *host,
				       .since_s = clock_unix_s()};
	struct err e = {0};

	if (note_put(m, &p, &e) != ERR_NONE ||
	    renter_db_stage(m->renter->db, &p, &e) != ERR_NONE ||
	    placement_add(h->placement, segment, row, host, &e) != ERR_NONE) {
		mend_end(m, &e);
		return;
	}
	renting_want_commit(m->renter->renting);
}

static void on_progress(void *ctx, const struct repair_progress *p)
{
	(void)ctx;
	(void)p;
}

static void on_made(void *ctx, const struct err *e)
{
	struct mend *m = ctx;

	if (e)
		mend_leave(m, e);
	if (!m->ended)
		mend_finish_object(m);
}

static void on_freed(void *kept)
{
	mend_kept_unref(kept);
}

static const struct object_repair_ops make_ops = {
	.alive = is_alive,
	.placed = on_placed,
	.progress = on_progress,
	.ended = on_made,
	.freed = on_freed,
};

static void make(struct mend *m)
{
	struct object_repair_cfg cfg = {.placement = m->kept->h->placement,
					.placing = m->placing,
					.keys = m->kept->h->keys,
					.due_only = !m->cfg.all,
					.ops = &make_ops,
					.ctx = m,
					.kept = m->kept};
	struct err e = {0};

	m->ops->step(m->ctx, "making rows again and putting them");
	if (object_repair_start(&m->repair, m->renter, &cfg, &e) == ERR_NONE)
		m->kept->refs++;
	object_keys_clear(&cfg.keys);
	if (e.code != ERR_NONE)
		mend_end(m, &e);
}

void mend_make(struct mend *m)
{
	struct holding *h = m->kept->h;
	struct amount most;
	struct err e = {0};
	enum err_code code = mend_set_periods(m, &e);

	if (code == ERR_NONE)
		code = mend_set_placing(m, &e);
	if (code == ERR_NONE)
		code = mend_check_cost(m, m->survey.missing, &most, &e);
	if (code == ERR_NONE && !h->own)
		code = ward_note(m->renter, h, &m->ward, &e);
	if (code == ERR_NONE) {
		make(m);
	} else if (code == ERR_FUNDS) {
		mend_leave(m, &e);
		mend_finish_object(m);
	} else {
		mend_end(m, &e);
	}
}
