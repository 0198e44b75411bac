#include "node/renter_quote.h"

#include "node/renter_agree.h"
#include "node/renter_scout.h"
#include "storage/rent/rent_rules.h"

#include <stdlib.h>
#include <string.h>

/* Where a host does not tell its room: it says no when it has none. */
#define ROOM (1U << 24)

struct adding {
	struct renter *renter;
	struct placing *placing;
	const struct quote_cfg *cfg;
	struct err e;
};

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
	uint16_t number;

	if (v->e.code != ERR_NONE || v->cfg->periods < o->sheet.min_periods ||
	    v->cfg->periods > o->sheet.max_periods)
		return;
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
	if (code == ERR_NONE)
		code = placing_check(v.placing, e);
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

/* What a host with so many sectors of it costs. */
static bool add_one(struct quote *q, const struct sheet *sheet,
		    uint32_t sectors, uint32_t periods)
{
	struct amount rent, fund, ingress;

	return agree_cost(&rent, &fund, sheet, sectors, periods) &&
	       rent_ingress(&ingress, sheet, sectors) &&
	       add_cost(&q->rent, rent) && add_cost(&q->fund, fund) &&
	       add_cost(&q->ingress, ingress);
}

static const struct sheet *sheet_of(struct renter *r, const struct address *a)
{
	struct rent_peer *p = rent_peers_get(r->peers, a, true);
	const struct rent_offer *o =
		p ? rent_client_offer(rent_peer_client(p)) : NULL;

	return o ? &o->sheet : NULL;
}

enum err_code quote_make(struct quote *out, struct renter *r,
			 const struct quote_cfg *cfg,
			 const struct placing *placing, struct err *e)
{
	unsigned count = placing_count(placing);
	uint32_t *sectors = calloc(count + 1U, sizeof(*sectors));
	uint16_t seats[UINT8_MAX];
	struct placing *copy = NULL;
	bool good = true;
	enum err_code code = sectors ? quote_placing(&copy, r, cfg, e)
				     : err_fail(e, ERR_NOMEM, "a quote");

	memset(out, 0, sizeof(*out));
	for (uint32_t s = 0; code == ERR_NONE && s < cfg->segments; s++) {
		for (unsigned i = 0; i < cfg->n; i++)
			seats[i] = PLACING_NONE;
		if (placing_fill(copy, seats, s) > 0)
			code = err_fail(e, ERR_STATE,
					"the hosts have no room for it");
		for (unsigned i = 0; code == ERR_NONE && i < cfg->n; i++)
			sectors[seats[i]]++;
	}
	for (unsigned h = 0; code == ERR_NONE && h < count; h++) {
		const struct sheet *sheet =
			sectors[h] ? sheet_of(r, &placing_get(copy, (uint16_t)h)
							  ->address)
				   : NULL;

		if (!sectors[h])
			continue;
		out->hosts++;
		out->sectors += sectors[h];
		good = good && sheet &&
		       add_one(out, sheet, sectors[h], cfg->periods);
	}
	if (code == ERR_NONE && !good)
		code = err_fail(e, ERR_LIMIT, "the cost passes 112 bits");
	if (code == ERR_NONE && !agree_start_period(r, out->hosts, &out->start))
		code = err_fail(e, ERR_CHAIN, "the chain is not known");
	out->end = out->start + cfg->periods;
	placing_free(copy);
	free(sectors);
	return code;
}
