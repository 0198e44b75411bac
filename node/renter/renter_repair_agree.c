/* renter_repair_agree.c - what was put is signed by its hosts; who does not
 * sign loses it. */
#include "node/renter/renter_repair_int.h"

#include "base/clock.h"
#include "node/renter/renter_agree.h"

/* ---- what came of it ---- */

struct checking {
	const struct mend_put *put;
	enum shard_state state;
};

static bool find_state(void *ctx, const struct renter_place *x)
{
	struct checking *c = ctx;

	if (x->shard != c->put->row || !address_eq(&x->host, &c->put->host))
		return true;
	c->state = x->state;
	return false;
}

static bool is_signed(const struct mend *m, const struct mend_put *put)
{
	struct checking c = {.put = put, .state = SHARD_WANTED};

	return renter_db_places(m->renter->db, put->object, put->segment,
				find_state, &c, NULL) == ERR_NONE &&
	       c.state == SHARD_SIGNED;
}

static void note_failed(struct mend *m, const struct address *host)
{
	for (unsigned i = 0; i < m->failed_n; i++)
		if (address_eq(&m->failed[i], host))
			return;
	if (m->failed_n < MEND_FAILED_MAX)
		m->failed[m->failed_n++] = *host;
}

/* Which rows were put for good, and what for. */
static void count_puts(struct mend *m)
{
	m->result.repaired = 0;
	m->result.cost = AMOUNT_ZERO;
	for (size_t i = 0; i < m->puts_n; i++) {
		if (!is_signed(m, &m->puts[i])) {
			note_failed(m, &m->puts[i].host);
			continue;
		}
		m->result.repaired++;
		m->result.cost =
			amount_add_cap(m->result.cost, m->puts[i].cost);
	}
}

/* ---- signing ---- */

static void on_agreed(void *ctx, unsigned done, unsigned failed,
		      const struct err *error)
{
	struct mend *m = ctx;
	struct err e = {0};

	m->result.agreements += done;
	if (error)
		e = *error; /* of the run that goes now */
	agree_free(m->agree);
	m->agree = NULL;
	if (e.code != ERR_NONE) {
		mend_end(m, &e);
		return;
	}
	count_puts(m);
	if (failed == 0) {
		mend_go(m, MEND_TELL);
	} else if (++m->round == REPAIR_ROUNDS) {
		(void)err_fail(&e, ERR_STATE,
			       "%u hosts did not sign or could not be paid",
			       failed);
		mend_leave(m, &e);
		mend_go(m, MEND_TELL);
	} else {
		m->ops->step(m->ctx, "rows that lost their host go to others");
		m->at = 0;
		m->changed_n = 0;
		mend_go(m, MEND_OPEN);
	}
}

static const struct agree_ops agree_ops = {.step = mend_step,
					   .ended = on_agreed};

static bool count_staged(void *ctx, const struct address *host, bool unopened,
			 uint32_t n)
{
	(void)host;
	(void)unopened;
	*(uint64_t *)ctx += n;
	return true;
}

/* What it costs is noted before it is spent. */
void mend_agree(struct mend *m)
{
	struct agree_cfg cfg = {.periods = m->periods ? m->periods
						      : REPAIR_PERIODS_MIN};
	uint64_t staged = 0;
	struct err e = {0};
	enum err_code code = renter_db_staged_hosts(m->renter->db, count_staged,
						    &staged, &e);

	if (code == ERR_NONE && staged == 0) {
		count_puts(m);
		mend_go(m, MEND_TELL);
		return;
	}
	m->ops->step(m->ctx, "signing with the hosts");
	if (code == ERR_NONE && m->round == 0)
		code = renter_db_add_repair(m->renter->db,
					    clock_unix_s() / 86400,
					    mend_spent(m), &e);
	if (code == ERR_NONE)
		code = agree_start(&m->agree, m->renter, &cfg, &agree_ops, m,
				   &e);
	if (code != ERR_NONE)
		mend_end(m, &e);
}
