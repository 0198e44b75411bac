#include "node/renter/renter_repair.h"

#include "base/clock.h"
#include "node/money/money.h"
#include "node/rent/object_repair.h"
#include "node/renter/renter_agree.h"
#include "node/renter/renter_alive.h"
#include "node/renter/renter_lost.h"
#include "node/renter/renter_publish.h"
#include "node/renter/renter_quote.h"
#include "node/renter/renter_reconcile.h"
#include "node/renter/renter_records.h"
#include "node/renter/renter_ward.h"
#include "storage/rent/rent_rules.h"
#include "storage/rent/renter_placement.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define LINK_DAYS 30
#define DAY_MS INT64_C(86400000)
#define FAILED_MAX 256U /* hosts that did not sign */

/* A holding, for as long as a repair of it is read by workers. */
struct kept {
	struct holding *h;
	unsigned refs;
};

struct put { /* a row that was put in this run */
	int64_t object;
	uint32_t segment;
	uint16_t row;
	struct address host;
	struct amount cost;
};

enum mend_phase {
	MEND_RECONCILE,
	MEND_LOST,
	MEND_OPEN,
	MEND_MAKE,
	MEND_AGREE,
	MEND_TELL,
	MEND_PUBLISH,
};

struct mend {
	struct renter *renter;
	struct mend_cfg cfg;
	char *name;
	bool link;
	struct net_addr named[SCOUT_NAMED_MAX];
	const struct mend_ops *ops;
	void *ctx;
	struct loop_timer *timer; /* every phase begins there */
	enum mend_phase phase;
	unsigned round;
	struct reconcile *reconcile;
	struct lost *lost;
	struct holding_list list;
	size_t at;
	struct holding_open *opening;
	struct kept *kept;
	struct renter_steward ward; /* of a link: object 0, none yet */
	bool untold;		    /* the one that is held */
	struct alive *alive;
	struct repair_survey survey;
	struct scout *scout;
	bool scouted;
	struct placing *placing;
	uint32_t periods; /* of the agreements; the longest of the objects */
	struct object_repair *repair;
	struct agree *agree;
	struct records *records;
	struct publish *publish;
	struct renter_object catalogue;	     /* hopeless; id 0: it is not */
	int64_t changed[REPAIR_OBJECTS_MAX]; /* ours */
	size_t changed_n;
	bool tell_ward;
	struct put *puts;		      /* heap */
	size_t puts_n, puts_cap, puts_before; /* before: of other objects */
	struct address failed[FAILED_MAX];
	unsigned failed_n;
	bool ended, told;
	struct mend_result result;
	struct err why;
};

static void kept_unref(struct kept *k)
{
	if (!k || --k->refs > 0)
		return;
	holding_free(k->h);
	free(k);
}

static void end(struct mend *m, const struct err *why)
{
	if (m->ended)
		return;
	m->ended = true;
	if (why)
		m->why = *why;
	loop_timer_set(m->timer, 0);
}

static void go(struct mend *m, enum mend_phase phase)
{
	m->phase = phase;
	loop_timer_set(m->timer, 0);
}

static void leave(struct mend *m, const struct err *why)
{
	if (m->result.left.code == ERR_NONE)
		m->result.left = *why;
}

/* ---- what is found at first ---- */

static void on_reconciled(void *ctx, const struct err *e)
{
	struct mend *m = ctx;

	reconcile_free(m->reconcile);
	m->reconcile = NULL;
	if (e)
		end(m, e);
	else
		go(m, m->link ? MEND_OPEN : MEND_LOST);
}

static void on_lost(void *ctx, const struct err *e)
{
	struct mend *m = ctx;

	lost_free(m->lost);
	m->lost = NULL;
	if (e)
		end(m, e);
	else
		go(m, MEND_OPEN);
}

/* ---- one object ---- */

static void drop_object(struct mend *m)
{
	object_repair_free(m->repair);
	m->repair = NULL;
	alive_free(m->alive);
	m->alive = NULL;
	placing_free(m->placing);
	m->placing = NULL;
}

/* What is wrong with one does not keep the others from being looked after. */
static void finish_object(struct mend *m)
{
	bool put = m->puts_n > m->puts_before;

	m->result.changed += put;
	if (!m->kept->h->own)
		m->tell_ward |= put || m->untold;
	else if (put || m->untold)
		m->changed[m->changed_n++] = m->kept->h->object.id;
	m->puts_before = m->puts_n;
	drop_object(m);
	go(m, MEND_OPEN);
}

static const struct sheet *sheet_of(struct mend *m, const struct address *host)
{
	struct rent_peer *p = rent_peers_get(m->renter->peers, host, true);
	const struct rent_offer *o =
		p ? rent_client_offer(rent_peer_client(p)) : NULL;

	return o ? &o->sheet : NULL;
}

/* Of one sector there, to the end. */
static bool cost_of(struct mend *m, const struct address *host,
		    struct amount *out)
{
	const struct sheet *s = sheet_of(m, host);
	struct amount ingress;

	return s && amount_mul_u64(out, s->rent, m->periods) &&
	       rent_ingress(&ingress, s, 1) && amount_add(out, *out, ingress);
}

static bool is_alive(void *ctx, uint32_t segment, uint16_t row,
		     const struct address *host)
{
	struct mend *m = ctx;

	return alive_place(m->alive, segment, row, host);
}

static enum err_code note_put(struct mend *m, const struct renter_place *p,
			      struct err *e)
{
	struct put *more;

	if (m->puts_n == m->puts_cap) {
		size_t cap = m->puts_cap ? m->puts_cap * 2 : 64;

		more = realloc(m->puts, cap * sizeof(*more));
		if (!more)
			return err_fail(e, ERR_NOMEM, "a repair");
		m->puts = more;
		m->puts_cap = cap;
	}
	m->puts[m->puts_n] = (struct put){.object = p->object,
					  .segment = p->segment,
					  .row = p->shard,
					  .host = p->host};
	(void)cost_of(m, &p->host, &m->puts[m->puts_n++].cost);
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
		end(m, &e);
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
		leave(m, e);
	if (!m->ended)
		finish_object(m);
}

static void on_freed(void *kept)
{
	kept_unref(kept);
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
		end(m, &e);
}

/* ---- how long, where, and what for ---- */

struct lasting {
	const struct placement *p;
	uint32_t end;
};

static bool find_end(void *ctx, const struct renter_agreement *row)
{
	struct lasting *l = ctx;

	if (row->state != RENTER_OPENED && row->state != RENTER_UNOPENED)
		return true;
	for (unsigned i = 0; i < l->p->hosts_n; i++)
		if (address_eq(&l->p->hosts[i], &row->signed_.host) &&
		    row->signed_.end > l->end)
			l->end = row->signed_.end;
	return true;
}

/* As long as the object's other sectors are paid for. */
static enum err_code set_periods(struct mend *m, struct err *e)
{
	const struct holding *h = m->kept->h;
	struct renting *rent = m->renter->renting;
	struct lasting l = {.p = h->placement};
	uint32_t periods = m->cfg.periods, start;
	int64_t each = renting_period_ms(rent);
	enum err_code code = ERR_NONE;

	if (!agree_start_period(m->renter, h->placement->n, &start))
		return err_fail(e, ERR_CHAIN, "the chain is not known");
	if (periods == 0 && h->own)
		code = renter_db_agreements(m->renter->db, find_end, &l, e);
	if (periods == 0)
		periods = l.end > start ? l.end - start : 0;
	if (periods == 0 && !h->own && each > 0)
		periods = (uint32_t)((LINK_DAYS * DAY_MS + each - 1) / each);
	if (periods > AGREEMENT_SPANS_MAX && m->cfg.periods == 0)
		periods = AGREEMENT_SPANS_MAX; /* where a span is a period */
	if (periods < REPAIR_PERIODS_MIN && m->cfg.periods == 0)
		periods = REPAIR_PERIODS_MIN;
	if (periods > m->periods)
		m->periods = periods;
	return code;
}

static void drop_host(struct mend *m, const struct address *a)
{
	uint16_t host = placing_find(m->placing, a);

	if (host != PLACING_NONE)
		placing_drop(m->placing, host);
}

static enum err_code set_placing(struct mend *m, struct err *e)
{
	const struct placement *p = m->kept->h->placement;
	struct quote_cfg cfg = {.k = p->k,
				.n = p->n,
				.per_host = 1,
				.per_net = 1,
				.rent_max = m->cfg.rent_max,
				.periods = m->periods,
				.partly = true};
	enum err_code code;

	rng_fill(&m->renter->engine->rng, &cfg.seed, sizeof(cfg.seed));
	code = quote_placing(&m->placing, m->renter, &cfg, e);
	if (code != ERR_NONE)
		return code;
	for (unsigned i = 0; i < p->hosts_n; i++)
		if (!alive_host(m->alive, &p->hosts[i]))
			drop_host(m, &p->hosts[i]);
	for (unsigned i = 0; i < m->failed_n; i++)
		drop_host(m, &m->failed[i]);
	return ERR_NONE;
}

static struct amount spent_so_far(const struct mend *m)
{
	struct amount sum = AMOUNT_ZERO;

	for (size_t i = 0; i < m->puts_n; i++)
		sum = amount_add_cap(sum, m->puts[i].cost);
	return sum;
}

/* Whatever hosts so many rows come to, so much at most. */
static enum err_code check_cost(struct mend *m, uint64_t rows,
				struct amount *out, struct err *e)
{
	const struct money *money = m->renter->engine->money;
	struct amount dearest = AMOUNT_ZERO, one, all, have = AMOUNT_ZERO;
	char a[MONEY_TEXT_MAX], b[MONEY_TEXT_MAX];

	for (unsigned i = 0; i < placing_count(m->placing); i++)
		if (placing_usable(m->placing, (uint16_t)i) &&
		    cost_of(m, &placing_get(m->placing, (uint16_t)i)->address,
			    &one))
			dearest = amount_max(dearest, one);
	if (!amount_mul_u64(&all, dearest, rows))
		return err_fail(e, ERR_LIMIT, "the cost passes 128 bits");
	*out = all;
	if (m->cfg.has_budget &&
	    amount_cmp(amount_add_cap(spent_so_far(m), all), m->cfg.budget) > 0)
		return err_fail(e, ERR_FUNDS,
				"it may cost %s more, over the budget of %s",
				money_text(money, all, a),
				money_text(money, m->cfg.budget, b));
	if (!renting_free_balance(m->renter->renting, &have) ||
	    amount_cmp(have, all) < 0)
		return err_fail(e, ERR_FUNDS,
				"it may cost %s and %s are free in the bank: "
				"`seedbank deposit TOKENS --account storage`",
				money_text(money, all, a),
				money_text(money, have, b));
	return ERR_NONE;
}

static void prepare(struct mend *m)
{
	struct holding *h = m->kept->h;
	struct amount most;
	struct err e = {0};
	enum err_code code = set_periods(m, &e);

	if (code == ERR_NONE)
		code = set_placing(m, &e);
	if (code == ERR_NONE)
		code = check_cost(m, m->survey.missing, &most, &e);
	if (code == ERR_NONE && !h->own)
		code = ward_note(m->renter, h, &m->ward, &e);
	if (code == ERR_NONE) {
		make(m);
	} else if (code == ERR_FUNDS) {
		leave(m, &e);
		finish_object(m);
	} else {
		end(m, &e);
	}
}

static void on_scouted(void *ctx)
{
	struct mend *m = ctx;

	scout_free(m->scout);
	m->scout = NULL;
	m->scouted = true;
	go(m, m->phase);
}

/* Hosts for what is missing, once; then the next phase. */
static void want_hosts(struct mend *m, enum mend_phase next)
{
	struct err e = {0};

	m->phase = next;
	if (m->scouted) {
		go(m, next);
		return;
	}
	m->ops->step(m->ctx, "asking hosts for their prices");
	if (scout_start(&m->scout, m->renter, &m->cfg.scout, on_scouted, m,
			&e) != ERR_NONE)
		end(m, &e);
}

/* ---- looking ---- */

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
	finish_object(m);
}

static void on_alive(void *ctx)
{
	struct mend *m = ctx;
	const struct repair_survey *s = &m->survey;
	struct err e = {0};

	repair_look(&m->survey, m->kept->h->placement, alive_place, m->alive);
	if (mark_dead(m, &e) != ERR_NONE) {
		end(m, &e);
		return;
	}
	count(m);
	if (m->kept->h->own && m->kept->h->object.catalogue && s->lost > 0) {
		replace_catalogue(m);
		return;
	}
	if (m->cfg.all ? s->missing > 0 : s->due > 0)
		want_hosts(m, MEND_MAKE);
	else
		finish_object(m);
}

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

static void on_held(void *ctx, struct holding *take, const struct err *error)
{
	struct mend *m = ctx;
	struct err e = {0};

	holding_open_free(m->opening);
	m->opening = NULL;
	if (error) {
		end(m, error);
		return;
	}
	m->kept = calloc(1, sizeof(*m->kept));
	if (!m->kept) {
		holding_free(take);
		(void)err_fail(&e, ERR_NOMEM, "a repair");
		end(m, &e);
		return;
	}
	*m->kept = (struct kept){.h = take, .refs = 1};
	if (take->keys.access < OBJECT_REPAIR)
		(void)err_fail(&e, ERR_STATE,
			       "this link does not repair: it is one to audit");
	else if (look_untold(m, &e) == ERR_NONE)
		(void)!alive_start(&m->alive, m->renter, take, on_alive, m, &e);
	if (e.code != ERR_NONE)
		end(m, &e);
}

/* A link's object stays held: what was put of it is told at the end. */
static void open_next(struct mend *m)
{
	size_t n = m->link ? 1 : m->list.n;
	struct err e = {0};

	if (m->at == n || m->changed_n == REPAIR_OBJECTS_MAX) {
		go(m, MEND_AGREE);
		return;
	}
	kept_unref(m->kept);
	m->kept = NULL;
	m->at++;
	if (m->link)
		(void)!holding_open_link(&m->opening, m->renter, m->name,
					 &m->cfg.scout, on_held, m, &e);
	else
		(void)!holding_open_own(&m->opening, m->renter,
					&m->list.at[m->at - 1], on_held, m, &e);
	if (e.code != ERR_NONE)
		end(m, &e);
}

/* ---- agreements ---- */

struct checking {
	const struct put *put;
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

static bool is_signed(const struct mend *m, const struct put *put)
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
	if (m->failed_n < FAILED_MAX)
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

static void on_step(void *ctx, const char *text)
{
	struct mend *m = ctx;

	m->ops->step(m->ctx, text);
}

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
		end(m, &e);
		return;
	}
	count_puts(m);
	if (failed == 0) {
		go(m, MEND_TELL);
	} else if (++m->round == REPAIR_ROUNDS) {
		(void)err_fail(&e, ERR_STATE,
			       "%u hosts did not sign or could not be paid",
			       failed);
		leave(m, &e);
		go(m, MEND_TELL);
	} else {
		m->ops->step(m->ctx, "rows that lost their host go to others");
		m->at = 0;
		m->changed_n = 0;
		go(m, MEND_OPEN);
	}
}

static const struct agree_ops agree_ops = {.step = on_step, .ended = on_agreed};

static bool count_staged(void *ctx, const struct address *host, uint32_t n)
{
	(void)host;
	*(uint64_t *)ctx += n;
	return true;
}

/* What it costs is noted before it is spent. */
static void agree(struct mend *m)
{
	struct agree_cfg cfg = {.periods = m->periods ? m->periods
						      : REPAIR_PERIODS_MIN};
	uint64_t staged = 0;
	struct err e = {0};
	enum err_code code = renter_db_staged_hosts(m->renter->db, count_staged,
						    &staged, &e);

	if (code == ERR_NONE && staged == 0) {
		count_puts(m);
		go(m, MEND_TELL);
		return;
	}
	m->ops->step(m->ctx, "signing with the hosts");
	if (code == ERR_NONE && m->round == 0)
		code = renter_db_add_repair(m->renter->db,
					    clock_unix_s() / 86400,
					    spent_so_far(m), &e);
	if (code == ERR_NONE)
		code = agree_start(&m->agree, m->renter, &cfg, &agree_ops, m,
				   &e);
	if (code != ERR_NONE)
		end(m, &e);
}

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
	end(m, e.code == ERR_NONE ? NULL : &e);
}

static bool find_catalogue(void *ctx, const struct renter_object *o)
{
	struct renter_object *out = ctx;

	if (o->catalogue && o->state == RENTER_STORED)
		*out = *o;
	return true;
}

/* The head as it is: hosts that are new to us get it, too. */
static enum err_code make_head(struct renter *r, struct object_head *head,
			       bool *there, struct err *e)
{
	struct renter_object o = {.id = 0};
	struct object_keys keys;
	enum err_code code = renter_db_objects(r->db, find_catalogue, &o, e);

	*there = code == ERR_NONE && o.id;
	if (!*there)
		return code;
	*head = (struct object_head){.k = (uint8_t)o.k,
				     .n = (uint8_t)o.n,
				     .segments = (uint16_t)o.segments,
				     .size = o.size,
				     .time_s = clock_unix_s()};
	code = renter_db_number(r->db, RENTER_CATALOGUE, &head->sequence, e);
	if (code == ERR_NONE)
		code = renter_unwrap_key(&keys, &o, r->master, e);
	if (code != ERR_NONE)
		return code;
	memcpy(head->full, keys.full, sizeof(head->full));
	object_keys_clear(&keys);
	return ERR_NONE;
}

static void tell_own(struct mend *m)
{
	struct object_head head;
	struct err e = {0};
	bool with_head;
	enum err_code code = make_head(m->renter, &head, &with_head, &e);

	m->ops->step(m->ctx, "telling the hosts where everything lies");
	if (code == ERR_NONE)
		code = records_start(&m->records, m->renter, m->changed,
				     m->changed_n, with_head ? &head : NULL,
				     on_told, m, &e);
	if (code != ERR_NONE)
		end(m, &e);
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
		end(m, &e);
		return;
	}
	item.sequence = m->ward.sequence;
	if (records_tell(&m->records, m->renter, &item, on_told, m, &e) !=
	    ERR_NONE)
		end(m, &e);
}

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
	end(m, e.code == ERR_NONE ? NULL : &e);
}

static const struct publish_ops publish_ops = {.step = on_step,
					       .ended = on_published};

static enum err_code place_catalogue(struct mend *m, struct err *e)
{
	struct quote_cfg cfg = {.k = m->catalogue.k,
				.n = m->catalogue.n,
				.per_host = 1,
				.per_net = 1,
				.rent_max = m->cfg.rent_max,
				.periods = m->periods};
	struct amount most;
	enum err_code code;

	if (m->periods < REPAIR_PERIODS_MIN)
		m->periods = cfg.periods = REPAIR_PERIODS_MIN;
	rng_fill(&m->renter->engine->rng, &cfg.seed, sizeof(cfg.seed));
	placing_free(m->placing);
	m->placing = NULL;
	code = quote_placing(&m->placing, m->renter, &cfg, e);
	if (code == ERR_NONE)
		code = check_cost(
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
static void publish(struct mend *m)
{
	struct publish_cfg cfg = {.k = m->catalogue.k,
				  .n = m->catalogue.n,
				  .objects_n = m->changed_n};
	struct err e = {0};
	enum err_code code = place_catalogue(m, &e);

	m->ops->step(m->ctx, "the catalogue is lost: a new one is put");
	cfg.placing = m->placing;
	cfg.periods = m->periods;
	if (cfg.objects_n > PUBLISH_OBJECTS_MAX)
		cfg.objects_n = PUBLISH_OBJECTS_MAX;
	memcpy(cfg.objects, m->changed, cfg.objects_n * sizeof(*cfg.objects));
	if (code == ERR_NONE)
		code = publish_start(&m->publish, m->renter, &cfg, &publish_ops,
				     m, &e);
	if (code != ERR_NONE)
		end(m, &e);
}

static void tell(struct mend *m)
{
	if (m->catalogue.id)
		want_hosts(m, MEND_PUBLISH);
	else if (m->changed_n)
		tell_own(m);
	else if (m->tell_ward && m->ward.object)
		tell_ward(m);
	else
		end(m,
		    m->result.left.code == ERR_NONE ? NULL : &m->result.left);
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
		open_next(m);
		break;
	case MEND_MAKE:
		prepare(m);
		break;
	case MEND_AGREE:
		agree(m);
		break;
	case MEND_TELL:
		tell(m);
		break;
	case MEND_PUBLISH:
		publish(m);
		break;
	}
	if (e.code != ERR_NONE)
		end(m, &e);
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
	end(m, &e);
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
	go(m, MEND_RECONCILE);
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
	drop_object(m);
	agree_free(m->agree);
	records_free(m->records);
	kept_unref(m->kept);
	holding_list_clear(&m->list);
	loop_timer_free(m->timer);
	if (m->name)
		sodium_memzero(m->name, strlen(m->name));
	free(m->name);
	free(m->puts);
	free(m);
}
