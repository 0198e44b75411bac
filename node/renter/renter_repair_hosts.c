/* renter_repair_hosts.c - hosts for what is to be made: until when, at what
 * price, and whether that can be paid. */
#include "node/renter/renter_repair_int.h"

#include "node/money/money.h"
#include "node/renter/renter_agree.h"
#include "node/renter/renter_alive.h"
#include "node/renter/renter_funds.h"
#include "node/renter/renter_quote.h"
#include "storage/rent/rent_rules.h"

#define LINK_DAYS 30
#define DAY_MS INT64_C(86400000)

/* ---- what it costs ---- */

static const struct sheet *sheet_of(struct mend *m, const struct address *host)
{
	struct rent_peer *p = rent_peers_get(m->renter->peers, host, true);
	const struct rent_offer *o =
		p ? rent_client_offer(rent_peer_client(p)) : NULL;

	return o ? &o->sheet : NULL;
}

bool mend_cost_of(struct mend *m, const struct address *host,
		  struct amount *out)
{
	const struct sheet *s = sheet_of(m, host);
	struct amount ingress;

	return s && amount_mul_u64(out, s->rent, m->periods) &&
	       rent_ingress(&ingress, s, 1) && amount_add(out, *out, ingress);
}

struct amount mend_spent(const struct mend *m)
{
	struct amount sum = AMOUNT_ZERO;

	for (size_t i = 0; i < m->puts_n; i++)
		sum = amount_add_cap(sum, m->puts[i].cost);
	return sum;
}

/* Whatever hosts so many rows come to, so much at most. */
enum err_code mend_check_cost(struct mend *m, uint64_t rows, struct amount *out,
			      struct err *e)
{
	const struct money *money = m->renter->engine->money;
	struct amount dearest = AMOUNT_ZERO, one, all, have = AMOUNT_ZERO;
	char a[MONEY_TEXT_MAX], b[MONEY_TEXT_MAX];

	for (unsigned i = 0; i < placing_count(m->placing); i++)
		if (placing_usable(m->placing, (uint16_t)i) &&
		    mend_cost_of(m,
				 &placing_get(m->placing, (uint16_t)i)->address,
				 &one))
			dearest = amount_max(dearest, one);
	if (!amount_mul_u64(&all, dearest, rows))
		return err_fail(e, ERR_LIMIT, "the cost passes 128 bits");
	*out = all;
	if (m->cfg.has_budget &&
	    amount_cmp(amount_add_cap(mend_spent(m), all), m->cfg.budget) > 0)
		return err_fail(e, ERR_FUNDS,
				"it may cost %s more, over the budget of %s",
				money_text(money, all, a),
				money_text(money, m->cfg.budget, b));
	if (!renter_funds(m->renter, &have) || amount_cmp(have, all) < 0)
		return err_fail(e, ERR_FUNDS,
				"it may cost %s and %s are free in the bank: "
				"`seedbank deposit TOKENS --account storage`",
				money_text(money, all, a),
				money_text(money, have, b));
	return ERR_NONE;
}

/* ---- how long, and where ---- */

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
enum err_code mend_set_periods(struct mend *m, struct err *e)
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

enum err_code mend_set_placing(struct mend *m, struct err *e)
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

/* ---- who is there ---- */

static void on_scouted(void *ctx)
{
	struct mend *m = ctx;

	scout_free(m->scout);
	m->scout = NULL;
	m->scouted = true;
	mend_go(m, m->phase);
}

/* Hosts for what is missing, once; then the next phase. */
void mend_want_hosts(struct mend *m, enum mend_phase next)
{
	struct err e = {0};

	m->phase = next;
	if (m->scouted) {
		mend_go(m, next);
		return;
	}
	m->ops->step(m->ctx, "asking hosts for their prices");
	if (scout_start(&m->scout, m->renter, &m->cfg.scout, on_scouted, m,
			&e) != ERR_NONE)
		mend_end(m, &e);
}
