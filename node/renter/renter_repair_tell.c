/* renter_repair_tell.c - records of where everything lies now; a catalogue of
 * which too little is left is put anew. */
#include "node/renter/renter_repair_int.h"

#include "base/clock.h"
#include "node/renter/renter_publish.h"
#include "node/renter/renter_quote.h"
#include "node/renter/renter_records.h"
#include "node/renter/renter_running.h"
#include "node/renter/renter_ward.h"
#include "storage/rent/renter_placement.h"

#include <string.h>

/* ---- records ---- */

static void on_told(void *ctx, const struct records_result *r,
		    const struct err *error)
{
	struct mend *m = ctx;
	struct err e = {0};

	m->result.told = r->told;
	if (error)
		e = *error;
	else if (r->told == 0)
		(void)err_fail(&e, ERR_STATE,
			       "no host took the records of where the sectors "
			       "lie; run the command again");
	mend_end(m, e.code == ERR_NONE ? NULL : &e);
}

/* The head as it is: hosts that are new to us get it, too. */
static void tell_own(struct mend *m)
{
	struct object_head head;
	struct err e = {0};
	bool with_head;
	enum err_code code = records_head(m->renter, &head, &with_head, &e);

	m->ops->step(m->ctx, "telling the hosts where everything lies");
	if (code == ERR_NONE)
		code = records_start(&m->records, m->renter, m->changed,
				     m->changed_n, with_head ? &head : NULL,
				     on_told, m, &e);
	if (code != ERR_NONE)
		mend_end(m, &e);
}

static void tell_ward(struct mend *m)
{
	const struct holding *h = m->kept->h;
	struct records_item item = {.hosts = h->placement->hosts,
				    .hosts_n = h->placement->hosts_n};
	struct err e = {0};

	m->ops->step(m->ctx, "telling the hosts what was added");
	memcpy(item.id, h->keys.steward_pk, sizeof(item.id));
	if (ward_seal(m->renter, h, &m->ward, &item.bytes, &item.len, &e) !=
	    ERR_NONE) {
		mend_end(m, &e);
		return;
	}
	item.sequence = m->ward.sequence;
	if (records_tell(&m->records, m->renter, &item, on_told, m, &e) !=
	    ERR_NONE)
		mend_end(m, &e);
}

/* ---- a catalogue that is lost, or lacks something ---- */

static void on_published(void *ctx, const struct publish_result *r,
			 const struct err *error)
{
	struct mend *m = ctx;
	struct err e = {0};

	m->result.told = r->told;
	m->result.agreements += r->agreements;
	if (error)
		e = *error; /* of what goes now */
	publish_free(m->publish);
	m->publish = NULL;
	mend_end(m, e.code == ERR_NONE ? NULL : &e);
}

static const struct publish_ops publish_ops = {.step = mend_step,
					       .ended = on_published};

/* As long as what it tells of. */
static enum err_code set_term(struct mend *m, struct renter_term *term,
			      struct err *e)
{
	struct renter_term own = {m->periods, 0};
	uint32_t lasts;
	enum err_code code =
		running_lasts(&lasts, m->renter, m->catalogue.n, e);

	if (own.periods < REPAIR_PERIODS_MIN)
		own.periods = REPAIR_PERIODS_MIN;
	if (code == ERR_NONE)
		*term = renter_term_catalogue(&own, lasts);
	return code;
}

static enum err_code
place_catalogue(struct mend *m, const struct renter_term *term, struct err *e)
{
	struct quote_cfg cfg = {.k = m->catalogue.k,
				.n = m->catalogue.n,
				.per_host = 1,
				.per_net = 1,
				.rent_max = m->cfg.rent_max,
				.periods = term->periods,
				.least = term->least};
	struct amount most;
	enum err_code code;

	m->periods = term->periods;
	rng_fill(&m->renter->engine->rng, &cfg.seed, sizeof(cfg.seed));
	placing_free(m->placing);
	m->placing = NULL;
	code = quote_placing(&m->placing, m->renter, &cfg, e);
	if (code == ERR_NONE)
		code = mend_check_cost(
			m,
			(uint64_t)m->catalogue.n *
				publish_catalogue_segments(
					m->renter, m->catalogue.k, 0, 0),
			&most, e);
	return code == ERR_NONE
		       ? renter_db_add_repair(m->renter->db,
					      clock_unix_s() / 86400, most, e)
		       : code;
}

/* What it said is all in the database: a new one takes its place. */
void mend_publish(struct mend *m)
{
	struct publish_cfg cfg = {.k = m->catalogue.k,
				  .n = m->catalogue.n,
				  .objects_n = m->changed_n};
	struct renter_term term;
	struct err e = {0};
	enum err_code code = set_term(m, &term, &e);

	m->ops->step(m->ctx, "a new list of what is stored is put");
	if (code == ERR_NONE)
		code = place_catalogue(m, &term, &e);
	cfg.placing = m->placing;
	if (code == ERR_NONE) {
		cfg.periods = term.periods;
		cfg.least = term.least;
	}
	if (cfg.objects_n > PUBLISH_OBJECTS_MAX)
		cfg.objects_n = PUBLISH_OBJECTS_MAX;
	memcpy(cfg.objects, m->changed, cfg.objects_n * sizeof(*cfg.objects));
	if (code == ERR_NONE)
		code = publish_start(&m->publish, m->renter, &cfg, &publish_ops,
				     m, &e);
	if (code != ERR_NONE)
		mend_end(m, &e);
}

/* ---- which of them ---- */

/* What was put needed an agreement that no chain knows: the catalogue has to
 * list it. Who has none, as a steward, lists nothing. */
static void want_catalogue(struct mend *m)
{
	uint64_t unpublished = 0;
	struct err e = {0};

	if (m->catalogue.id || m->link || m->puts_n == 0)
		return;
	if (renter_db_number(m->renter->db, RENTER_UNPUBLISHED, &unpublished,
			     &e) != ERR_NONE ||
	    (unpublished &&
	     renter_db_catalogue(m->renter->db, &m->catalogue, &e) != ERR_NONE))
		mend_leave(m, &e);
}

void mend_tell(struct mend *m)
{
	want_catalogue(m);
	if (m->catalogue.id)
		mend_want_hosts(m, MEND_PUBLISH);
	else if (m->changed_n)
		tell_own(m);
	else if (m->tell_ward && m->ward.object)
		tell_ward(m);
	else
		mend_end(m, m->result.left.code == ERR_NONE ? NULL
							    : &m->result.left);
}
