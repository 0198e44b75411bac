#include "storage/rent/renter_next.h"

#include "tests/check.h"

#include <string.h>

#define RENT 10

/* 10 sectors at 10 a period, 101 to 131, of a fund of `funded`. */
static struct renter_running running(uint32_t through, uint64_t earned,
				     uint64_t funded)
{
	struct renter_running r = {
		.last = {.sectors = 10,
			 .revision = 3,
			 .through = 101,
			 .rate = amount_from_u64(100),
			 .start = 101,
			 .end = 131,
			 .span = 7,
			 .fund = amount_from_u64(3600),
			 .collateral = amount_from_u64(600)},
		.facts = {.known = true,
			  .opened = true,
			  .through = through,
			  .earned = amount_from_u64(earned),
			  .funded = amount_from_u64(funded)},
		.rent = amount_from_u64(RENT),
	};

	return r;
}

static struct sheet sheet_of_today(void)
{
	struct sheet s = {.rent = amount_from_u64(RENT),
			  .collateral = amount_from_u64(50),
			  .min_periods = 1,
			  .max_periods = 100,
			  .span = 7};

	return s;
}

/* What the host says of it, once its fund is there. */
static enum rent_no judge(const struct renter_running *r,
			  const struct renter_step *c, uint32_t now, char *why)
{
	struct sheet sheet = sheet_of_today();
	struct rent_facts facts = r->facts;
	struct rent_policy policy = {.ahead = 3};
	struct rent_case k = {.next = &c->next,
			      .last = &r->last,
			      .sheet = &sheet,
			      .facts = &facts,
			      .policy = &policy,
			      .now = now,
			      .adds = 1};
	struct amount due;

	facts.funded = amount_add_cap(facts.funded, c->missing);
	return rent_rule(&due, why, &k);
}

static const struct {
	const char *name;
	uint32_t now, sectors;
	uint32_t through0; /* proved */
	uint64_t earned0, funded;
	/* want */
	uint32_t through;
	uint64_t earned, more, missing;
} rows[] = {
	{"before the start nothing is paid", 100, 12, 101, 0, 3600, 101, 0, 600,
	 0},
	{"then the fund may lack something", 100, 13, 101, 0, 3600, 101, 0, 900,
	 300},
	{"the same number is as good as no change", 105, 10, 101, 0, 3600, 101,
	 0, 0, 0},
	/* 101 to 105 at 100, 106 at 120 */
	{"after it periods are settled ahead", 105, 12, 101, 0, 3600, 107, 620,
	 500, 0},
	{"what was proved is settled", 108, 12, 108, 700, 3600, 110, 920, 440,
	 0},
	{"and is paid to the end at the new rate", 108, 20, 108, 700, 3600, 110,
	 1000, 2200, 1600},
	{"fewer sectors cost less", 105, 5, 101, 0, 3600, 107, 550, 0, 0},
	{"at the end it is settled to the end", 130, 12, 129, 2800, 3600, 131,
	 3000, 0, 0},
};

static void test_changes(void)
{
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct renter_running r = running(
			rows[i].through0, rows[i].earned0, rows[i].funded);
		struct renter_step c;
		struct err e = {0};
		char why[RENT_WHY_MAX + 1];

		CHECK(renter_step(&c, &r, 4, rows[i].sectors, rows[i].now,
				  &e) == ERR_NONE,
		      "%s: %s", rows[i].name, e.msg);
		CHECK(c.next.through == rows[i].through, "%s: through %u",
		      rows[i].name, c.next.through);
		CHECK(amount_cmp(c.next.earned,
				 amount_from_u64(rows[i].earned)) == 0,
		      "%s: earned %llu", rows[i].name,
		      (unsigned long long)c.next.earned.lo);
		CHECK(amount_cmp(c.more, amount_from_u64(rows[i].more)) == 0,
		      "%s: more %llu", rows[i].name,
		      (unsigned long long)c.more.lo);
		CHECK(amount_cmp(c.missing, amount_from_u64(rows[i].missing)) ==
			      0,
		      "%s: missing %llu", rows[i].name,
		      (unsigned long long)c.missing.lo);
		CHECK(judge(&r, &c, rows[i].now, why) == RENT_NO_NONE, "%s: %s",
		      rows[i].name, why);
	}
}

/* One after another in every period, whatever was proved: a host signs each. */
static void test_hosts_sign(void)
{
	for (uint32_t now = 99; now < 131; now++)
		for (uint32_t proved = 101; proved <= now; proved += 7)
			for (uint32_t n = 1; n < 40; n += 3) {
				struct renter_running r = running(
					proved, (proved - 101) * 100, 3600);
				struct renter_step c;
				struct err e = {0};
				char why[RENT_WHY_MAX + 1];

				for (uint32_t k = 0; k < 3; k++) {
					if (renter_step(&c, &r, 4 + k,
							n + k * 5, now,
							&e) != ERR_NONE) {
						CHECK(now + 3 + k > 131,
						      "at %u: %s", now, e.msg);
						break;
					}
					CHECK(judge(&r, &c, now, why) ==
						      RENT_NO_NONE,
					      "at %u, %u proved, %u: %s", now,
					      proved, n, why);
					CHECK(agreement_check_next(
						      &c.next, &r.last, now,
						      &e) == ERR_NONE,
					      "at %u: %s", now, e.msg);
					r.last = c.next;
					r.facts.funded = amount_add_cap(
						r.facts.funded, c.missing);
				}
			}
}

static void test_refusals(void)
{
	struct renter_running r = running(101, 0, 3600);
	struct renter_step c;
	struct err e = {0};

	CHECK(renter_step(&c, &r, 4, 12, 131, &e) == ERR_STATE, "over");
	r.facts.closed = true;
	CHECK(renter_step(&c, &r, 4, 12, 105, &e) == ERR_STATE, "closed");
	r = running(101, 0, 3600);
	r.facts.known = false;
	CHECK(renter_step(&c, &r, 4, 12, 105, &e) == ERR_STATE, "unknown");
	r = running(131, 3000, 3600);
	r.last.through = 131;
	CHECK(renter_step(&c, &r, 4, 12, 130, &e) == ERR_NONE,
	      "nothing is left to pay");
	r = running(101, 0, 3600);
	r.rent = amount_max112();
	e = (struct err){0};
	CHECK(renter_step(&c, &r, 4, 12, 105, &e) == ERR_LIMIT, "112 bits");
}

static void test_rent(void)
{
	struct agreement a = {.sectors = 3, .rate = amount_from_u64(31)};

	CHECK(amount_cmp(renter_rent_of(&a), amount_from_u64(11)) == 0, "up");
	a.rate = amount_from_u64(30);
	CHECK(amount_cmp(renter_rent_of(&a), amount_from_u64(10)) == 0, "even");
	a.sectors = 0;
	CHECK(amount_is_zero(renter_rent_of(&a)), "none");
}

static const struct {
	const char *name;
	uint32_t add, from, to;
	uint64_t rent_max, rent_now, collateral_now;
	bool takes;
} takes[] = {
	{"one that ends when it should", 2, 131, 131, 0, 10, 50, true},
	{"not one that ends earlier", 2, 132, 140, 0, 10, 50, false},
	{"nor much later", 2, 120, 130, 0, 10, 50, false},
	{"not above the price limit", 2, 131, 131, 9, 10, 50, false},
	{"but at it", 2, 131, 131, 10, 10, 50, true},
	{"not when new ones are cheaper by more than a fifth", 2, 131, 131, 0,
	 7, 50, false},
	{"but a little dearer", 2, 131, 131, 0, 8, 50, true},
	{"collateral stands for twice its sectors", 14, 131, 131, 0, 10, 50,
	 true},
	{"and no more", 15, 131, 131, 0, 10, 50, false},
	{"which is not looked at where there is little", 6, 131, 131, 0, 10,
	 1000, true},
	{"and then is", 7, 131, 131, 0, 10, 1000, false},
	{"free hosts take any", 1000, 131, 131, 0, 10, 0, true},
};

static void test_takes(void)
{
	for (size_t i = 0; i < ROWS(takes); i++) {
		struct renter_running r = running(101, 0, 3600);
		struct sheet s = sheet_of_today();
		struct renter_want w = {
			.sectors = takes[i].add,
			.from = takes[i].from,
			.to = takes[i].to,
			.rent_max = amount_from_u64(takes[i].rent_max),
			.now = &s,
			.period = 105};
		struct renter_step c;

		s.rent = amount_from_u64(takes[i].rent_now);
		s.collateral = amount_from_u64(takes[i].collateral_now);
		CHECK(renter_takes(&c, &r, &w) == takes[i].takes, "%s",
		      takes[i].name);
		w.period = 129;
		CHECK(!renter_takes(&c, &r, &w), "%s, at its end",
		      takes[i].name);
	}
}

static void test_going(void)
{
	struct renter_running r = running(101, 0, 3600);
	struct sheet s = sheet_of_today();
	struct renter_want w = {.sectors = 15,
				.from = 131,
				.to = 131,
				.now = &s,
				.period = 105};
	struct renter_step c;

	CHECK(!renter_takes(&c, &r, &w), "25 are too many");
	r.going = 1;
	CHECK(renter_takes(&c, &r, &w) && c.next.sectors == 24,
	      "one goes meanwhile");
}

static void test_rather(void)
{
	struct renter_running a = running(101, 0, 3600),
			      b = running(101, 0, 3600);
	struct renter_step ca = {.missing = AMOUNT_ZERO}, cb = ca;

	b.last.number = 1;
	CHECK(renter_rather(&a, &ca, &b, &cb), "the older");
	b.last.sectors = 11;
	CHECK(!renter_rather(&a, &ca, &b, &cb), "the larger");
	b.rent = amount_from_u64(11);
	CHECK(renter_rather(&a, &ca, &b, &cb), "the cheaper");
	ca.missing = amount_from_u64(1);
	CHECK(!renter_rather(&a, &ca, &b, &cb), "whose fund reaches");
}

static void test_stale(void)
{
	struct renter_running r = running(101, 0, 3600);
	struct amount rate = amount_from_u64(90);

	CHECK(!renter_stale(&r, rate, 100), "before the start");
	CHECK(renter_stale(&r, rate, 101), "nothing is settled");
	r.last.through = 107;
	CHECK(!renter_stale(&r, rate, 106), "the last period");
	CHECK(renter_stale(&r, rate, 107), "one too late");
	CHECK(!renter_stale(&r, r.last.rate, 107), "the same rate");
	r.last.through = 131;
	CHECK(!renter_stale(&r, rate, 133), "all is settled");
}

/* ---- settled by revisions instead of proofs ---- */

static const struct {
	const char *name;
	uint32_t now;
	uint32_t through; /* as both signed */
	uint64_t earned;
	uint32_t through0; /* proved */
	uint64_t earned0;
	bool due;
	/* want */
	uint32_t to;
	uint64_t more;
} settling[] = {
	{"before its start", 100, 101, 0, 101, 0, false, 0, 0},
	{"its first period, and one ahead", 101, 101, 0, 101, 0, true, 103,
	 200},
	{"one more each period", 105, 106, 500, 101, 0, true, 107, 100},
	{"not twice in a period", 105, 107, 600, 101, 0, false, 0, 0},
	{"what was missed", 110, 106, 500, 101, 0, true, 112, 600},
	{"what was proved is not paid again", 110, 106, 500, 108, 700, true,
	 112, 400},
	{"a proof that is ahead", 105, 106, 500, 108, 700, false, 0, 0},
	{"the last", 129, 130, 2900, 101, 0, true, 131, 100},
	{"settled to its end", 130, 131, 3000, 101, 0, false, 0, 0},
	{"over", 131, 130, 2900, 101, 0, false, 0, 0},
};

static void test_settling(void)
{
	for (size_t i = 0; i < sizeof(settling) / sizeof(*settling); i++) {
		struct renter_running r = running(settling[i].through0,
						  settling[i].earned0, 3600);
		struct renter_step s;
		char why[RENT_WHY_MAX + 1] = "";
		struct err e = {0};

		r.last.through = settling[i].through;
		r.last.earned = amount_from_u64(settling[i].earned);
		CHECK(renter_unsettled(&r, settling[i].now) == settling[i].due,
		      "%s: is it due", settling[i].name);
		if (!settling[i].due)
			continue;
		CHECK(renter_settle(&s, &r, 4, settling[i].now, &e) == ERR_NONE,
		      "%s: %s", settling[i].name, e.msg);
		CHECK(s.next.through == settling[i].to, "%s: to %u",
		      settling[i].name, s.next.through);
		CHECK(amount_cmp(s.more, amount_from_u64(settling[i].more)) ==
			      0,
		      "%s: the sum", settling[i].name);
		CHECK(judge(&r, &s, settling[i].now, why) == RENT_NO_NONE,
		      "%s: %s", settling[i].name, why);
	}
}

/* ---- those that are never opened ---- */

static struct agreement unopened(uint32_t through, uint64_t earned)
{
	struct agreement a = running(101, 0, 0).last;

	a.number = RENT_UNOPENED;
	a.fund = a.collateral = AMOUNT_ZERO;
	a.through = through;
	a.earned = amount_from_u64(earned);
	return a;
}

static const struct {
	const char *name;
	uint32_t now, sectors;
	uint32_t through0;
	uint64_t earned0;
	enum err_code code;
	/* want */
	uint32_t through;
	uint64_t more;
} prepaid[] = {
	{"the period that runs is paid", 105, 10, 105, 400, ERR_NONE, 106, 100},
	{"those that were missed too", 107, 10, 104, 300, ERR_NONE, 108, 400},
	{"a paid one is not paid again", 105, 10, 106, 500, ERR_NONE, 106, 0},
	{"more of it costs more from the next one on", 105, 12, 106, 500,
	 ERR_NONE, 106, 0},
	{"what was missed goes by the old rate", 107, 12, 107, 600, ERR_NONE,
	 108, 100},
	{"what is paid ahead gets dearer", 105, 12, 108, 700, ERR_NONE, 109,
	 2 * 20 + 120},
	{"less of it brings nothing back", 105, 5, 108, 700, ERR_NONE, 108, 0},
	{"before its start the first one is paid", 100, 10, 101, 0, ERR_NONE,
	 102, 100},
	{"the last one", 130, 10, 130, 2900, ERR_NONE, 131, 100},
	{"not after the end", 131, 10, 131, 3000, ERR_STATE, 0, 0},
	{"nor when its host may have dropped it", 112, 10, 105, 400, ERR_STATE,
	 0, 0},
	{"a period before that it is", 111, 10, 105, 400, ERR_NONE, 112, 700},
	{"settled to its end nothing is added to it", 129, 12, 131, 3000,
	 ERR_STATE, 0, 0},
};

/* What the renter makes the host signs, and for this sum. */
static void test_prepaid(void)
{
	const struct amount rent = amount_from_u64(RENT);

	for (size_t i = 0; i < sizeof(prepaid) / sizeof(*prepaid); i++) {
		struct agreement last =
			unopened(prepaid[i].through0, prepaid[i].earned0);
		struct sheet sheet = sheet_of_today();
		struct rent_policy policy = {.ahead = 3};
		struct renter_step s;
		char why[RENT_WHY_MAX + 1] = "";
		struct rent_case k = {.next = &s.next,
				      .last = &last,
				      .sheet = &sheet,
				      .policy = &policy,
				      .now = prepaid[i].now};
		struct amount due = AMOUNT_ZERO;
		struct err e = {0};
		enum err_code code =
			renter_prepay(&s, &last, rent, 4, prepaid[i].sectors,
				      prepaid[i].now, &e);

		CHECK(code == prepaid[i].code, "%s: %s", prepaid[i].name,
		      e.msg);
		if (code != ERR_NONE)
			continue;
		CHECK(s.next.through == prepaid[i].through, "%s: to %u",
		      prepaid[i].name, s.next.through);
		CHECK(amount_cmp(s.more, amount_from_u64(prepaid[i].more)) == 0,
		      "%s: the sum", prepaid[i].name);
		CHECK(rent_rule(&due, why, &k) == RENT_NO_NONE, "%s: %s",
		      prepaid[i].name, why);
		CHECK(amount_cmp(due, s.more) == 0, "%s: what the host asks",
		      prepaid[i].name);
	}
}

static void test_lapsed(void)
{
	struct agreement a = unopened(105, 400);

	CHECK(!renter_lapsed(&a, 111) && renter_lapsed(&a, 112),
	      "seven periods past what is paid");
	a.through = 131;
	CHECK(!renter_lapsed(&a, 130) && renter_lapsed(&a, 131), "at the end");
}

int main(void)
{
	test_changes();
	test_hosts_sign();
	test_refusals();
	test_rent();
	test_takes();
	test_going();
	test_rather();
	test_stale();
	test_settling();
	test_prepaid();
	test_lapsed();
	return CHECK_EXIT();
}
