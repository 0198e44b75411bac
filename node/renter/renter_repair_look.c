/* renter_repair_look.c - one object after another is held and looked at: which
 * of its places live, and whether something is to be made. */
#include "node/renter/renter_repair_int.h"

#include "node/rent/object_repair.h"
#include "node/renter/renter_alive.h"
#include "node/renter/renter_ward.h"

#include <stdlib.h>

/* ---- an object is done with ---- */

void mend_kept_unref(struct mend_kept *k)
{
	if (!k || --k->refs > 0)
		return;
	holding_free(k->h);
	free(k);
}

void mend_drop_object(struct mend *m)
{
	object_repair_free(m->repair);
	m->repair = NULL;
	alive_free(m->alive);
	m->alive = NULL;
	placing_free(m->placing);
	m->placing = NULL;
}

/* What is wrong with one does not keep the others from being looked after. */
void mend_finish_object(struct mend *m)
{
	bool put = m->puts_n > m->puts_before;

	m->result.changed += put;
	if (!m->kept->h->own)
		m->tell_ward |= put || m->untold;
	else if (put || m->untold)
		m->changed[m->changed_n++] = m->kept->h->object.id;
	m->puts_before = m->puts_n;
	mend_drop_object(m);
	mend_go(m, MEND_OPEN);
}

/* ---- what lives ---- */

static enum err_code mark_dead(struct mend *m, struct err *e)
{
	struct holding *h = m->kept->h;
	struct address host;
	uint32_t segment;
	uint16_t row;
	size_t at = 0;
	enum err_code code = ERR_NONE;

	while (code == ERR_NONE &&
	       alive_dead(m->alive, &at, &segment, &row, &host)) {
		code = holding_mark_lost(m->renter, h, segment, row, &host, e);
		renting_want_commit(m->renter->renting);
	}
	return code;
}

static void count(struct mend *m)
{
	const struct placement *p = m->kept->h->placement;
	unsigned away = 0;

	for (unsigned i = 0; i < p->hosts_n; i++)
		away += !alive_host(m->alive, &p->hosts[i]);
	if (away > m->result.away)
		m->result.away = away;
	if (m->round > 0)
		return;
	m->result.objects++;
	m->result.missing += m->survey.missing;
	m->result.due += m->survey.due;
	m->result.hopeless += m->survey.lost;
}

/* It cannot be made again, but what it said is in the database. */
static void replace_catalogue(struct mend *m)
{
	m->catalogue = m->kept->h->object;
	m->untold = false;
	if (m->round == 0)
		m->result.hopeless -= m->survey.lost;
	mend_finish_object(m);
}

static void on_alive(void *ctx)
{
	struct mend *m = ctx;
	const struct repair_survey *s = &m->survey;
	struct err e = {0};

	repair_look(&m->survey, m->kept->h->placement, alive_place, m->alive);
	if (mark_dead(m, &e) != ERR_NONE) {
		mend_end(m, &e);
		return;
	}
	count(m);
	if (m->kept->h->own && m->kept->h->object.catalogue && s->lost > 0) {
		replace_catalogue(m);
		return;
	}
	if (m->cfg.all ? s->missing > 0 : s->due > 0)
		mend_want_hosts(m, MEND_MAKE);
	else
		mend_finish_object(m);
}

/* ---- what is told ---- */

struct telling {
	const struct placement *told;
	bool untold;
};

static bool find_untold(void *ctx, const struct renter_place *x)
{
	struct telling *t = ctx;
	const struct placement_row *row;

	if (x->state != SHARD_SIGNED)
		return true;
	row = &t->told->rows[(size_t)x->segment * t->told->n + x->shard];
	t->untold = true;
	for (unsigned i = 0; i < row->places; i++)
		if (address_eq(&t->told->hosts[row->host[i]], &x->host))
			t->untold = false;
	return !t->untold;
}

/* Is there a place that both signed and no record tells of? */
static enum err_code look_untold(struct mend *m, struct err *e)
{
	struct holding *h = m->kept->h;
	struct renter *r = m->renter;
	struct telling t = {0};
	enum err_code code = ERR_NONE;
	bool found;

	m->untold = false;
	if (!h->own) {
		code = ward_find(r, h->keys.owner_pk, &m->ward, &found, e);
		return code == ERR_NONE && found
			       ? ward_merge(r, h, m->ward.object, &m->untold, e)
			       : code;
	}
	if (!h->linked || h->linked->placement->n != h->placement->n ||
	    h->linked->placement->segments != h->placement->segments) {
		m->untold = true;
		return ERR_NONE;
	}
	t.told = h->linked->placement;
	for (uint32_t s = 0;
	     code == ERR_NONE && s < h->placement->segments && !t.untold; s++)
		code = renter_db_places(r->db, h->object.id, s, find_untold, &t,
					e);
	m->untold = t.untold;
	return code;
}

/* ---- one after another ---- */

static void on_held(void *ctx, struct holding *take, const struct err *error)
{
	struct mend *m = ctx;
	struct err e = {0};

	holding_open_free(m->opening);
	m->opening = NULL;
	if (error) {
		mend_end(m, error);
		return;
	}
	m->kept = calloc(1, sizeof(*m->kept));
	if (!m->kept) {
		holding_free(take);
		(void)err_fail(&e, ERR_NOMEM, "a repair");
		mend_end(m, &e);
		return;
	}
	*m->kept = (struct mend_kept){.h = take, .refs = 1};
	if (take->keys.access < OBJECT_REPAIR)
		(void)err_fail(&e, ERR_STATE,
			       "this link does not repair: it is one to audit");
	else if (look_untold(m, &e) == ERR_NONE)
		(void)!alive_start(&m->alive, m->renter, take, on_alive, m, &e);
	if (e.code != ERR_NONE)
		mend_end(m, &e);
}

/* A link's object stays held: what was put of it is told at the end. */
void mend_open_next(struct mend *m)
{
	size_t n = m->link ? 1 : m->list.n;
	struct err e = {0};

	if (m->at == n || m->changed_n == REPAIR_OBJECTS_MAX) {
		mend_go(m, MEND_AGREE);
		return;
	}
	mend_kept_unref(m->kept);
	m->kept = NULL;
	m->at++;
	if (m->link)
		(void)!holding_open_link(&m->opening, m->renter, m->name,
					 &m->cfg.scout, on_held, m, &e);
	else
		(void)!holding_open_own(&m->opening, m->renter,
					&m->list.at[m->at - 1], on_held, m, &e);
	if (e.code != ERR_NONE)
		mend_end(m, &e);
}
