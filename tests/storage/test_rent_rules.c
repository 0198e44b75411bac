#include "storage/rent/rent_rules.h"

#include "tests/check.h"

#include <stdlib.h>
#include <string.h>

/* A case as numbers that a row can change by name. Sheet: 10 a sector and
 * period, 1 a sector written, 50 and 5 a sector of collateral and penalty, 10
 * to 100 periods, spans of 7; a proof costs 10. */
struct numbers {
	uint64_t now, adds, live, known, count, opened, closed, cthrough,
		cearned, cfunded, nosheet, fee, rent;
	struct side {
		uint64_t number, revision, sectors, through, earned, rate,
			start, end, span, fund, collateral, penalty, terms;
	} a, last; /* of names that end in 0: last */
};

#define FIRST 1
#define NEXT 2
#define CHAIN 4
#define PREPAID 8

static struct numbers base(unsigned kind)
{
	struct numbers n = {.now = 100,
			    .adds = 10,
			    .live = 1,
			    .known = 1,
			    .fee = 10,
			    .rent = 10};

	n.a = (struct side){.sectors = 10,
			    .through = 101,
			    .rate = 100,
			    .start = 101,
			    .end = 131,
			    .span = 7,
			    .fund = 3000,
			    .collateral = 500,
			    .penalty = 50};
	if (kind & PREPAID) {
		n.a.number = RENT_UNOPENED;
		n.a.fund = n.a.collateral = n.a.penalty = 0;
		n.a.start = 100;
		n.a.earned = 100;
	}
	n.last = n.a;
	if (kind & NEXT) {
		n.a.revision = 1;
		n.opened = !(kind & PREPAID);
		n.count = 1;
		n.cthrough = n.a.through;
		n.cfunded = n.a.fund;
	}
	return n;
}

static void set(struct numbers *n, const char *name, size_t len, uint64_t v)
{
	const struct {
		const char *name;
		uint64_t *at;
	} all[] = {
		{"now", &n->now},
		{"adds", &n->adds},
		{"live", &n->live},
		{"known", &n->known},
		{"count", &n->count},
		{"opened", &n->opened},
		{"closed", &n->closed},
		{"cthrough", &n->cthrough},
		{"cearned", &n->cearned},
		{"cfunded", &n->cfunded},
		{"nosheet", &n->nosheet},
		{"fee", &n->fee},
		{"rent", &n->rent},
		{"number", &n->a.number},
		{"revision", &n->a.revision},
		{"sectors", &n->a.sectors},
		{"through", &n->a.through},
		{"earned", &n->a.earned},
		{"rate", &n->a.rate},
		{"start", &n->a.start},
		{"end", &n->a.end},
		{"span", &n->a.span},
		{"fund", &n->a.fund},
		{"collateral", &n->a.collateral},
		{"penalty", &n->a.penalty},
		{"terms", &n->a.terms},
		{"revision0", &n->last.revision},
		{"sectors0", &n->last.sectors},
		{"through0", &n->last.through},
		{"earned0", &n->last.earned},
		{"rate0", &n->last.rate},
		{"start0", &n->last.start},
		{"end0", &n->last.end},
		{"fund0", &n->last.fund},
	};

	for (size_t i = 0; i < ROWS(all); i++)
		if (strlen(all[i].name) == len &&
		    memcmp(all[i].name, name, len) == 0) {
			*all[i].at = v;
			return;
		}
	CHECK(0, "no number is called %s", name);
}

/* "a=1 b=2" */
static void apply(struct numbers *n, const char *changes)
{
	while (*changes) {
		const char *eq = strchr(changes, '=');
		char *end;

		if (!eq)
			return;
		set(n, changes, (size_t)(eq - changes),
		    strtoull(eq + 1, &end, 10));
		changes = end + (*end == ' ');
	}
}

static struct agreement made(const struct side *s)
{
	struct agreement a = {
		.number = (uint32_t)s->number,
		.revision = (uint32_t)s->revision,
		.sectors = (uint32_t)s->sectors,
		.through = (uint32_t)s->through,
		.earned = amount_from_u64(s->earned),
		.rate = amount_from_u64(s->rate),
		.start = (uint32_t)s->start,
		.end = (uint32_t)s->end,
		.span = (uint16_t)s->span,
		.fund = amount_from_u64(s->fund),
		.collateral = amount_from_u64(s->collateral),
		.penalty = amount_from_u64(s->penalty),
	};

	a.terms.bytes[0] = (uint8_t)s->terms;
	return a;
}

static enum rent_no judge(const struct numbers *n, bool first,
			  struct amount *due, char *why)
{
	struct agreement a = made(&n->a), last = made(&n->last);
	struct sheet sheet = {
		.rent = amount_from_u64(n->rent),
		.ingress = amount_from_u64(1024),
		.collateral = amount_from_u64(50),
		.penalty = amount_from_u64(5),
		.min_periods = 10,
		.max_periods = 100,
		.span = 7,
	};
	struct rent_facts facts = {
		.known = n->known,
		.count = (uint32_t)n->count,
		.opened = n->opened,
		.closed = n->closed,
		.through = (uint32_t)n->cthrough,
		.earned = amount_from_u64(n->cearned),
		.funded = amount_from_u64(n->cfunded),
	};
	struct rent_policy policy = {amount_from_u64(n->fee), 3};
	struct rent_case c = {
		.next = &a,
		.last = first ? NULL : &last,
		.sheet = n->nosheet ? NULL : &sheet,
		.sheet_live = n->live,
		.facts = &facts,
		.policy = &policy,
		.now = (uint32_t)n->now,
		.adds = (uint32_t)n->adds,
	};

	return rent_rule(due, why, &c);
}

static const struct row {
	const char *name;
	unsigned kind;
	const char *changes;
	enum rent_no want;
	uint64_t due;
} rows[] = {
	{"a first one for the chain", FIRST | CHAIN, "", RENT_NO_NONE, 0},
	{"a sheet that is not ours", FIRST | CHAIN, "nosheet=1", RENT_NO_TERMS,
	 0},
	{"a sheet that expired", FIRST | CHAIN, "live=0", RENT_NO_TERMS, 0},
	{"no sectors", FIRST | CHAIN, "sectors=0", RENT_NO_PERIODS, 0},
	{"an end before the start", FIRST | CHAIN, "end=101", RENT_NO_PERIODS,
	 0},
	{"a start in this period", FIRST | CHAIN, "start=100 through=100",
	 RENT_NO_PERIODS, 0},
	{"a start far ahead", FIRST | CHAIN, "start=104 through=104 end=134",
	 RENT_NO_PERIODS, 0},
	{"a start as far as may be", FIRST | CHAIN,
	 "start=103 through=103 end=133", RENT_NO_NONE, 0},
	{"too short", FIRST | CHAIN, "end=110", RENT_NO_PERIODS, 0},
	{"as short as may be", FIRST | CHAIN, "end=111", RENT_NO_NONE, 0},
	{"as long as may be", FIRST | CHAIN, "end=201 fund=10000", RENT_NO_NONE,
	 0},
	{"too long", FIRST | CHAIN, "end=202 fund=20000", RENT_NO_PERIODS, 0},
	{"settled before it begins", FIRST | CHAIN, "through=102 earned=100",
	 RENT_NO_PERIODS, 0},
	{"earned before it begins", FIRST | CHAIN, "earned=1", RENT_NO_PERIODS,
	 0},
	{"another number than the bank's", FIRST | CHAIN, "number=1",
	 RENT_NO_REVISION, 0},
	{"the bank's next number", FIRST | CHAIN, "number=1 count=1",
	 RENT_NO_NONE, 0},
	{"the chain is away", FIRST | CHAIN, "known=0", RENT_NO_CHAIN, 0},
	{"a rate below the price", FIRST | CHAIN, "rate=99", RENT_NO_PRICE, 0},
	{"a rate above it", FIRST | CHAIN, "rate=101 fund=3030", RENT_NO_NONE,
	 0},
	{"a fund that ends early", FIRST | CHAIN, "fund=2999", RENT_NO_FUNDS,
	 0},
	{"another span", FIRST | CHAIN, "span=8", RENT_NO_PERIODS, 0},
	{"no span", FIRST | CHAIN, "span=0", RENT_NO_PERIODS, 0},
	{"more collateral than the sheet's", FIRST | CHAIN, "collateral=501",
	 RENT_NO_PRICE, 0},
	{"more collateral, for a larger fund", FIRST | CHAIN,
	 "collateral=1000 fund=6000", RENT_NO_NONE, 0},
	{"a fund that pays for a sector less than that", FIRST | CHAIN,
	 "collateral=1000 fund=5999", RENT_NO_PRICE, 0},
	{"more penalty than the sheet's", FIRST | CHAIN, "penalty=51",
	 RENT_NO_PRICE, 0},
	{"more penalty than collateral", FIRST | CHAIN,
	 "collateral=40 penalty=41", RENT_NO_PRICE, 0},
	{"a host that asks nothing", FIRST | CHAIN,
	 "rent=0 rate=0 fund=0 fee=0", RENT_NO_NONE, 0},
	{"spans that do not pay for their proofs", FIRST | CHAIN, "fee=36",
	 RENT_NO_PRICE, 0},
	{"spans that just do", FIRST | CHAIN, "fee=35", RENT_NO_NONE, 0},

	{"the next one, before the start", NEXT | CHAIN, "", RENT_NO_NONE, 0},
	{"the same revision", NEXT | CHAIN, "revision=0", RENT_NO_REVISION, 0},
	{"a lower revision", NEXT | CHAIN, "revision=4 revision0=5",
	 RENT_NO_REVISION, 0},
	{"an expired sheet stays", NEXT | CHAIN, "live=0", RENT_NO_NONE, 0},
	{"another sheet", NEXT | CHAIN, "terms=1", RENT_NO_PERIODS, 0},
	{"another end", NEXT | CHAIN, "end=132", RENT_NO_PERIODS, 0},
	{"another span later", NEXT | CHAIN, "span=6", RENT_NO_PERIODS, 0},
	{"another collateral", NEXT | CHAIN, "collateral=499", RENT_NO_PERIODS,
	 0},
	{"another fund", NEXT | CHAIN, "fund=3001", RENT_NO_FUNDS, 0},
	{"a rate that the fund does not cover", NEXT | CHAIN, "rate=101",
	 RENT_NO_FUNDS, 0},
	{"a fund that was topped up", NEXT | CHAIN,
	 "rate=200 sectors=20 cfunded=6000", RENT_NO_NONE, 0},
	{"a fund that somehow sank", NEXT | CHAIN, "cfunded=2999",
	 RENT_NO_FUNDS, 0},
	{"not opened, and too late for it", NEXT | CHAIN, "opened=0 now=101",
	 RENT_NO_PERIODS, 0},
	{"not opened, in time", NEXT | CHAIN, "opened=0", RENT_NO_NONE, 0},
	{"not opened, but paid", NEXT | CHAIN,
	 "opened=0 through=102 earned=100", RENT_NO_PERIODS, 0},
	{"closed", NEXT | CHAIN, "closed=1", RENT_NO_PERIODS, 0},
	{"the chain is away later", NEXT | CHAIN, "known=0", RENT_NO_CHAIN, 0},
	{"paid through this period", NEXT | CHAIN,
	 "now=110 through=111 earned=1000", RENT_NO_NONE, 0},
	{"paid through it, a unit short", NEXT | CHAIN,
	 "now=110 through=111 earned=999", RENT_NO_PERIODS, 0},
	{"nothing paid, at the same rate", NEXT | CHAIN, "now=110",
	 RENT_NO_NONE, 0},
	{"nothing paid, at another rate", NEXT | CHAIN,
	 "now=110 rate=110 cfunded=9999", RENT_NO_PERIODS, 0},
	{"periods to come at the new rate", NEXT | CHAIN,
	 "now=110 through=113 rate=200 sectors=20 earned=1400 cfunded=9999",
	 RENT_NO_NONE, 0},
	{"periods to come at the old rate", NEXT | CHAIN,
	 "now=110 through=113 rate=200 sectors=20 earned=1399 cfunded=9999",
	 RENT_NO_PERIODS, 0},
	{"a proof settled a span meanwhile", NEXT | CHAIN,
	 "now=110 cthrough=108 cearned=700 through=111 earned=1000",
	 RENT_NO_NONE, 0},
	{"what a proof settled is taken back", NEXT | CHAIN,
	 "now=110 cthrough=112 cearned=1100 through=111 earned=1100",
	 RENT_NO_PERIODS, 0},
	{"what a proof earned is forgotten", NEXT | CHAIN,
	 "now=110 cthrough=108 cearned=700 through=111 earned=999",
	 RENT_NO_PERIODS, 0},
	{"earned without periods", NEXT | CHAIN, "earned=1", RENT_NO_PERIODS,
	 0},
	{"less earned than before", NEXT | CHAIN,
	 "now=110 through0=108 earned0=700 through=111 earned=699",
	 RENT_NO_PERIODS, 0},
	{"less settled than before", NEXT | CHAIN,
	 "now=110 through0=108 earned0=700 through=107 earned=700",
	 RENT_NO_PERIODS, 0},
	{"new sectors after the end", NEXT | CHAIN,
	 "now=131 through=131 earned=3000", RENT_NO_PERIODS, 0},
	{"the last payment after the end", NEXT | CHAIN,
	 "now=131 through=131 earned=3000 adds=0", RENT_NO_NONE, 0},
	{"ended early, and paid", NEXT | CHAIN,
	 "now=110 through=131 earned=3000 adds=0", RENT_NO_NONE, 0},
	{"ended early, and not paid", NEXT | CHAIN,
	 "now=110 through=131 earned=0 adds=0", RENT_NO_PERIODS, 0},

	{"prepaid by receipts", FIRST | PREPAID, "", RENT_NO_NONE, 100},
	{"prepaid, with a fund", FIRST | PREPAID, "fund=1", RENT_NO_PRICE, 0},
	{"prepaid, with collateral", FIRST | PREPAID, "collateral=1",
	 RENT_NO_PRICE, 0},
	{"prepaid, with a penalty", FIRST | PREPAID, "penalty=1", RENT_NO_PRICE,
	 0},
	{"prepaid, not at all", FIRST | PREPAID, "through=100 earned=0",
	 RENT_NO_PERIODS, 0},
	{"prepaid, a unit short", FIRST | PREPAID, "earned=99", RENT_NO_PERIODS,
	 0},
	{"prepaid, from the past", FIRST | PREPAID, "start=99 earned=200",
	 RENT_NO_PERIODS, 0},
	{"prepaid, as short as it likes", FIRST | PREPAID, "end=101",
	 RENT_NO_NONE, 100},
	{"prepaid, too long", FIRST | PREPAID, "end=201", RENT_NO_PERIODS, 0},
	{"prepaid, without the chain", FIRST | PREPAID, "known=0", RENT_NO_NONE,
	 100},
	{"prepaid, below what proofs cost", FIRST | PREPAID, "fee=1000",
	 RENT_NO_NONE, 100},
	{"prepaid, below the price", FIRST | PREPAID, "rate=99 earned=99",
	 RENT_NO_PRICE, 0},
	{"the next period is prepaid", NEXT | PREPAID,
	 "now=101 through=102 earned=200 adds=0", RENT_NO_NONE, 100},
	{"the running period is not", NEXT | PREPAID, "now=101 adds=0",
	 RENT_NO_PERIODS, 0},
	{"all periods up to now are", NEXT | PREPAID,
	 "now=104 through=105 earned=500 adds=0", RENT_NO_NONE, 400},
	{"a period in between is left out", NEXT | PREPAID,
	 "now=104 through=105 earned=400 adds=0", RENT_NO_PERIODS, 0},
	{"more sectors while a period runs", NEXT | PREPAID,
	 "sectors=20 rate=200", RENT_NO_NONE, 0},
	{"more sectors for periods that were prepaid cheaply", NEXT | PREPAID,
	 "through0=110 earned0=1000 through=110 earned=1000 sectors=20 "
	 "rate=200",
	 RENT_NO_PERIODS, 0},
	{"more sectors, and the difference paid", NEXT | PREPAID,
	 "through0=110 earned0=1000 through=111 earned=2100 sectors=20 "
	 "rate=200",
	 RENT_NO_NONE, 1100},
	{"more sectors, and a unit less", NEXT | PREPAID,
	 "through0=110 earned0=1000 through=111 earned=2099 sectors=20 "
	 "rate=200",
	 RENT_NO_PERIODS, 0},
	{"fewer sectors give nothing back", NEXT | PREPAID,
	 "through0=110 earned0=1000 through=110 earned=1000 sectors=5 rate=50 "
	 "adds=0",
	 RENT_NO_NONE, 0},
};

static void each_rule_bites(void)
{
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct numbers n = base(rows[i].kind);
		char why[RENT_WHY_MAX + 1];
		struct amount due;
		uint64_t v = 0;
		enum rent_no no;

		apply(&n, rows[i].changes);
		no = judge(&n, rows[i].kind & FIRST, &due, why);
		CHECK(no == rows[i].want, "%s: %s (%s)", rows[i].name,
		      rent_no_name(no), why);
		CHECK(amount_to_u64(&v, due) && v == rows[i].due,
		      "%s: due %llu", rows[i].name, (unsigned long long)v);
		CHECK((why[0] != 0) == (no != RENT_NO_NONE), "%s: \"%s\"",
		      rows[i].name, why);
	}
}

/* Values at the edge of their types neither overflow nor pass. */
static void absurd_values_are_refused(void)
{
	static const char *const fields[] = {
		"revision", "sectors", "through", "earned",   "rate",
		"start",    "end",     "span",	  "fund",     "collateral",
		"penalty",  "number",  "now",	  "cthrough", "cearned",
		"cfunded",  "count",   "fee",	  "rent",
	};
	static const char *const values[] = {"0", "1", "4294967295",
					     "4294967294", "65535"};
	static const unsigned kinds[] = {FIRST | CHAIN, NEXT | CHAIN,
					 FIRST | PREPAID, NEXT | PREPAID};
	unsigned refused = 0, all = 0;

	for (size_t i = 0; i < ROWS(fields); i++)
		for (size_t k = 0; k < ROWS(fields); k++)
			for (size_t v = 0; v < 25; v++)
				for (size_t x = 0; x < ROWS(kinds); x++) {
					struct numbers n = base(kinds[x]);
					char text[80], why[RENT_WHY_MAX + 1];
					struct amount due;

					(void)snprintf(text, sizeof(text),
						       "%s=%s %s=%s", fields[i],
						       values[v % 5], fields[k],
						       values[v / 5]);
					apply(&n, text);
					all++;
					refused += judge(&n, kinds[x] & FIRST,
							 &due,
							 why) != RENT_NO_NONE;
					CHECK(amount_fits112(due), "%s", text);
				}
	CHECK(refused > all / 2, "%u of %u", refused, all);
}

static void amounts_near_the_end_do_not_wrap(void)
{
	struct numbers n = base(NEXT | PREPAID);
	struct agreement a = made(&n.a), last = made(&n.last);
	struct sheet sheet = {.rent = amount_max112(),
			      .ingress = amount_max112()};
	struct amount v = amount_from_u64(7);

	CHECK(!rent_rate_min(&v, &sheet, 2), "rate");
	CHECK(rent_ingress(&v, &sheet, 1024) &&
		      amount_cmp(v, amount_max112()) == 0,
	      "ingress");
	CHECK(!rent_ingress(&v, &sheet, 1025), "ingress of more");
	a.rate = amount_max112();
	a.through = 120;
	CHECK(!rent_cost(&v, &a, &last, last.through, 100), "cost");
	CHECK(rent_cost(&v, &a, &last, a.through, UINT32_MAX), "no cost");
}

static void sectors_are_kept_so_long(void)
{
	struct numbers n = base(FIRST | CHAIN);
	struct agreement a = made(&n.a);

	CHECK(rent_kept_until(&a) == 138, "%u", rent_kept_until(&a));
	a.number = RENT_UNOPENED;
	CHECK(rent_kept_until(&a) == 108, "%u", rent_kept_until(&a));
	a.through = 131;
	CHECK(rent_kept_until(&a) == 138, "%u", rent_kept_until(&a));
	a.end = a.through = UINT32_MAX;
	CHECK(rent_kept_until(&a) == UINT32_MAX, "%u", rent_kept_until(&a));
}

int main(void)
{
	each_rule_bites();
	absurd_values_are_refused();
	amounts_near_the_end_do_not_wrap();
	sectors_are_kept_so_long();
	return CHECK_EXIT();
}
