#include "node/renter/renter_quote.h"

#include "node/renter/renter_agree.h"
#include "node/renter/renter_running.h"
#include "node/renter/renter_scout.h"
#include "node/renter/renter_unopened.h"
#include "storage/rent/rent_rules.h"

#include <stdlib.h>
#include <string.h>

/* Of a put that goes on: what it has at a host already takes no room again. */
#define ROOM (1U << 24)

struct adding {
	struct renter *renter;
	struct placing *placing;
	const struct quote_cfg *cfg;
	unsigned other_terms; /* hosts that rent for others only */
	uint32_t least, most; /* periods, of any of them */
	struct err e;
};

/* Does an agreement with it take more? */
static bool is_agreed(struct adding *v, const struct address *host)
{
	struct renter_want want;
	struct running best;
	uint32_t start;
	bool found = false;

	if (!agree_start_period(v->renter, v->cfg->n, &start))
		return false;
	want = running_want(start, v->cfg->periods, v->cfg->least);
	want.sectors = 1;
	if (running_choose(&best, &found, v->renter, host, &want, &v->e) !=
	    ERR_NONE)
		return false;
	return found;
}

static void other_terms(struct adding *v, const struct sheet *s)
{
	if (v->other_terms++ == 0 || s->min_periods < v->least)
		v->least = s->min_periods;
	if (s->max_periods > v->most)
		v->most = s->max_periods;
}

/* Hosts have to take the catalogue, too. */
static uint32_t longest(const struct quote_cfg *cfg)
{
	return cfg->catalogue.periods > cfg->periods ? cfg->catalogue.periods
						     : cfg->periods;
}

/* Too few, and why: what can be done about it. */
static enum err_code check_hosts(const struct adding *v, struct err *e)
{
	struct err why = {0};

	if (placing_check(v->placing, &why) == ERR_NONE)
		return ERR_NONE;
	if (v->other_terms && longest(v->cfg) > v->cfg->periods)
		return err_fail(e, ERR_STATE,
				"%u hosts rent for %u to %u periods, and the "
				"list of files has to last for %u, as what is "
				"stored: name more hosts with --host",
				v->other_terms, v->least, v->most,
				longest(v->cfg));
	if (v->other_terms)
		return err_fail(e, ERR_STATE,
				"%u hosts rent for %u to %u periods, not for "
				"%u: give another --term or --periods, or name "
				"more hosts with --host",
				v->other_terms, v->least, v->most,
				v->cfg->periods);
	if (placing_count(v->placing) == 0)
		return err_fail(e, ERR_STATE,
				"no host answered: --host IP:PORT names one "
				"that knows others");
	*e = why;
	return why.code;
}

static void add_host(void *ctx, const struct rent_offer *o,
		     const struct renter_host *h)
{
	struct adding *v = ctx;
	struct placing_host p = {.address = h->address,
				 .net = placing_net_of(h->endpoint.ip),
				 .rent = o->sheet.rent,
				 .good = h->good,
				 .bad = h->bad,
				 .rtt_ms = h->rtt_ms,
				 .room = ROOM};
	struct rent_peer *peer =
		rent_peers_get(v->renter->peers, &h->address, true);
	uint16_t number;

	if (peer && !v->cfg->goes_on)
		p.room = rent_client_room(rent_peer_client(peer));
	if (v->e.code != ERR_NONE)
		return;
	if (v->cfg->periods < o->sheet.min_periods ||
	    longest(v->cfg) > o->sheet.max_periods) {
		other_terms(v, &o->sheet);
		return;
	}
	p.agreed = is_agreed(v, &h->address);
	(void)!placing_add(v->placing, &number, &p, &v->e);
}

enum err_code quote_placing(struct placing **out, struct renter *r,
			    const struct quote_cfg *cfg, struct err *e)
{
	const struct placing_policy policy = {
		.shards = (uint16_t)cfg->n,
		.per_host = (uint16_t)cfg->per_host,
		.per_net = (uint16_t)cfg->per_net,
		.rent_max = cfg->rent_max,
	};
	struct rng rng = rng_seeded(cfg->seed);
	struct adding v = {.renter = r, .cfg = cfg};
	enum err_code code = placing_new(&v.placing, &policy, &rng, e);

	if (code == ERR_NONE)
		code = scout_each(r, add_host, &v, e);
	if (code == ERR_NONE && v.e.code != ERR_NONE) {
		*e = v.e;
		code = v.e.code;
	}
	if (code == ERR_NONE && !cfg->partly)
		code = check_hosts(&v, e);
	if (code != ERR_NONE) {
		placing_free(v.placing);
		v.placing = NULL;
	}
	*out = v.placing;
	return code;
}

static bool add_cost(struct amount *sum, struct amount more)
{
	return amount_add(sum, *sum, more) && amount_fits112(*sum);
}

/* What a host with so many sectors of it costs, in a new agreement. */
static bool add_new(struct quote *q, const struct sheet *sheet,
		    uint32_t sectors, uint32_t periods)
{
	struct amount rent, fund;

	return agree_cost(&rent, &fund, sheet, sectors, periods) &&
	       add_cost(&q->rent, rent) && add_cost(&q->fund, fund);
}

/* In one that runs. */
static bool add_running(struct quote *q, const struct running *r,
			uint32_t sectors)
{
	struct amount fund;

	return running_top_up(&fund, &r->run, &r->step, sectors) &&
	       add_cost(&q->rent, r->step.more) && add_cost(&q->fund, fund);
}

/* One that is never opened: paid by the period, nothing is locked. */
static enum err_code add_unopened(struct quote *q, struct renter *r,
				  const struct quote_cfg *cfg,
				  const struct address *host, uint32_t sectors,
				  struct err *e)
{
	struct renter_want want =
		running_want(q->start, cfg->periods, cfg->least);
	struct amount period, rent, ingress;
	struct renter_agreement row;
	struct sheet sheet;
	bool unfit;
	enum err_code code;

	want.sectors = sectors;
	want.rent_max = cfg->rent_max;
	code = unopened_choose(&row, &unfit, r, host, &want, e);
	if (code != ERR_NONE)
		return code;
	if (!running_sheet(r, host, &sheet) ||
	    !rent_ingress(&ingress, &sheet, sectors) ||
	    !add_cost(&q->ingress, ingress))
		return err_fail(e, ERR_LIMIT, "the cost passes 112 bits");
	if (row.id && row.state == RENTER_UNOPENED && !unfit) {
		q->running++;
		sheet.rent = renter_rent_of(&row.signed_);
		if (row.signed_.end < q->end)
			q->end = row.signed_.end;
	}
	return amount_mul_u64(&period, sheet.rent, sectors) &&
			       amount_mul_u64(&rent, period, cfg->periods) &&
			       add_cost(&q->period, period) &&
			       add_cost(&q->rent, rent)
		       ? ERR_NONE
		       : err_fail(e, ERR_LIMIT, "the cost passes 112 bits");
}

/* Sectors of one term at a host, and where they go. */
struct lot {
	struct renter_term term;
	uint32_t sectors;
	struct renter_want want;
	struct running best;
	bool found;
};

static enum err_code choose(struct lot *l, const struct quote *q,
			    struct renter *r, const struct address *host,
			    struct err *e)
{
	l->found = false;
	if (l->sectors == 0)
		return ERR_NONE;
	l->want = running_want(q->start, l->term.periods, l->term.least);
	l->want.sectors = l->sectors;
	return running_choose(&l->best, &l->found, r, host, &l->want, e);
}

static bool add_lot(struct quote *q, const struct lot *l,
		    const struct sheet *sheet)
{
	struct amount ingress;

	if (l->sectors == 0)
		return true;
	return rent_ingress(&ingress, sheet, l->sectors) &&
	       add_cost(&q->ingress, ingress) &&
	       (l->found ? add_running(q, &l->best, l->sectors)
			 : add_new(q, sheet, l->sectors, l->term.periods));
}

/* Two of them in one agreement: what the second comes to, after the first. */
static bool follow(struct lot *second, const struct lot *first,
		   struct renter *r, const struct sheet *sheet)
{
	struct running *b = &second->best;
	struct renter_want want = second->want;
	struct amount fund;

	if (!first->found || !second->found || first->best.row.id != b->row.id)
		return true;
	if (!running_top_up(&fund, &first->best.run, &first->best.step,
			    first->sectors) ||
	    !renting_period(r->renting, &want.period))
		return false;
	want.now = sheet;
	b->run.last = first->best.step.next;
	b->run.going = 0;
	b->run.facts.funded = amount_add_cap(b->run.facts.funded, fund);
	second->found = renter_takes(&b->step, &b->run, &want);
	return true;
}

/* What is put, and the catalogue, which may have a term of its own. */
static enum err_code add_opened(struct quote *q, struct renter *r,
				const struct address *host, struct lot *put,
				struct lot *catalogue, struct err *e)
{
	const struct lot *first = put->sectors ? put : catalogue;
	struct sheet sheet;
	enum err_code code = choose(put, q, r, host, e);

	if (code == ERR_NONE)
		code = choose(catalogue, q, r, host, e);
	if (code != ERR_NONE)
		return code;
	if (!running_sheet(r, host, &sheet) ||
	    !follow(catalogue, put, r, &sheet) || !add_lot(q, put, &sheet) ||
	    !add_lot(q, catalogue, &sheet))
		return err_fail(e, ERR_LIMIT, "the cost passes 112 bits");
	if (first->found && first->best.row.signed_.end < q->end)
		q->end = first->best.row.signed_.end;
	if ((put->sectors == 0 || put->found) &&
	    (catalogue->sectors == 0 || catalogue->found)) {
		q->running++;
		q->growing += (put->found &&
			       !amount_is_zero(put->best.step.missing)) ||
			      (catalogue->found &&
			       !amount_is_zero(catalogue->best.step.missing));
	}
	return ERR_NONE;
}

/* What a host gets, by kind of agreement. */
struct share {
	uint32_t opened, unopened, catalogue;
};

/* As publish decides: has the catalogue agreements, or revisions, of its own?
 */
static enum err_code is_apart(bool *out, const struct quote *q,
			      struct renter *r, const struct quote_cfg *cfg,
			      const struct placing *placing,
			      const struct share *shares, struct err *e)
{
	const struct renter_term own = {cfg->periods, cfg->least};
	bool together = true;
	enum err_code code = ERR_NONE;

	*out = false;
	if (longest(cfg) == cfg->periods)
		return ERR_NONE;
	for (unsigned h = 0;
	     code == ERR_NONE && together && h < placing_count(placing); h++) {
		if (shares[h].unopened)
			together = false;
		else if (shares[h].opened)
			code = running_lasts_as(
				&together, r,
				&placing_get(placing, (uint16_t)h)->address,
				shares[h].opened, q->start, &own,
				&cfg->catalogue, e);
	}
	*out = !together;
	return code;
}

/* Which host gets how many: the same placing decides when it is uploaded, and
 * the catalogue comes last. */
static enum err_code count_sectors(struct share *shares,
				   struct placing *placing,
				   const struct quote_cfg *cfg, struct err *e)
{
	const uint32_t objects =
		cfg->unopened + cfg->segments - cfg->catalogue_segments;
	uint16_t seats[UINT8_MAX];

	for (uint32_t s = 0; s < cfg->unopened + cfg->segments; s++) {
		for (unsigned i = 0; i < cfg->n; i++)
			seats[i] = PLACING_NONE;
		if (placing_fill(placing, seats, s) > 0)
			return err_fail(e, ERR_STATE,
					"the hosts have no room for it: name "
					"more with --host, or take a smaller "
					"--n or less at once");
		for (unsigned i = 0; i < cfg->n; i++)
			if (s < cfg->unopened)
				shares[seats[i]].unopened++;
			else if (s < objects)
				shares[seats[i]].opened++;
			else
				shares[seats[i]].catalogue++;
	}
	return ERR_NONE;
}

static enum err_code add_share(struct quote *q, struct renter *r,
			       const struct quote_cfg *cfg, bool apart,
			       const struct address *host,
			       const struct share *share, struct err *e)
{
	const struct renter_term own = {cfg->periods, cfg->least};
	struct lot put = {.term = own, .sectors = share->opened};
	struct lot catalogue = {
		.term = longest(cfg) > cfg->periods ? cfg->catalogue : own,
		.sectors = share->catalogue};
	enum err_code code = ERR_NONE;

	if (!apart) {
		catalogue.sectors += put.sectors;
		put.sectors = 0;
	}
	if (put.sectors + catalogue.sectors)
		code = add_opened(q, r, host, &put, &catalogue, e);
	if (code == ERR_NONE && share->unopened)
		code = add_unopened(q, r, cfg, host, share->unopened, e);
	return code;
}

enum err_code quote_make(struct quote *out, struct renter *r,
			 const struct quote_cfg *cfg,
			 const struct placing *placing, struct err *e)
{
	unsigned count = placing_count(placing);
	struct share *shares = calloc(count + 1U, sizeof(*shares));
	struct placing *copy = NULL;
	bool apart = false;
	enum err_code code = shares ? quote_placing(&copy, r, cfg, e)
				    : err_fail(e, ERR_NOMEM, "a quote");

	memset(out, 0, sizeof(*out));
	if (code == ERR_NONE)
		code = count_sectors(shares, copy, cfg, e);
	for (unsigned h = 0; code == ERR_NONE && h < count; h++) {
		const uint64_t all = (uint64_t)shares[h].opened +
				     shares[h].unopened + shares[h].catalogue;

		out->hosts += all != 0;
		out->sectors += all;
	}
	if (code == ERR_NONE && !agree_start_period(r, out->hosts, &out->start))
		code = err_fail(e, ERR_CHAIN, "the chain is not known");
	out->end = out->start + cfg->periods;
	if (code == ERR_NONE)
		code = is_apart(&apart, out, r, cfg, copy, shares, e);
	for (unsigned h = 0; code == ERR_NONE && h < count; h++)
		code = add_share(out, r, cfg, apart,
				 &placing_get(copy, (uint16_t)h)->address,
				 &shares[h], e);
	placing_free(copy);
	free(shares);
	return code;
}
