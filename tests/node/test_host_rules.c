/* What a host does about an agreement: 10 .. 30, spans of 4 periods, the first
 * proof due in 13. */
#include "node/host/host_rules.h"

#include "contracts-abi/bank.h"
#include "storage/rent/rent_rules.h"
#include "tests/check.h"

static struct agreement signed_as(uint32_t revision, uint32_t through,
				  uint64_t earned, uint64_t rate)
{
	return (struct agreement){.revision = revision,
				  .sectors = 1,
				  .through = through,
				  .earned = amount_from_u64(earned),
				  .rate = amount_from_u64(rate),
				  .start = 10,
				  .end = 30,
				  .span = 4};
}

static struct bank_agreement on_chain(uint32_t revision, uint32_t through,
				      uint64_t earned, uint64_t rate)
{
	return (struct bank_agreement){.state = BANK_AGREEMENT_OPEN,
				       .revision = revision,
				       .through = through,
				       .earned = amount_from_u64(earned),
				       .rate = amount_from_u64(rate),
				       .start = 10,
				       .end = 30,
				       .span = 4};
}

static void what_the_prover_takes_as_settled(void)
{
	static const struct {
		const char *name;
		uint32_t agreed, chain, now, want;
	} rows[] = {
		{"nothing yet", 10, 10, 11, 10},
		{"what both signed", 16, 10, 11, 16},
		{"what a proof settled, in a later span", 10, 14, 15, 14},
		{"a span proved in this period stays to be counted", 10, 14, 13,
		 10},
		{"but not below what was signed", 12, 14, 13, 12},
		{"proved to the end: to be closed", 26, 30, 29, 30},
		{"the span after it was missed", 10, 14, 19, 14},
		{"signed to the end, and posted", 30, 30, 12, 30},
		{"signed to the end, not posted: not to be closed", 30, 14, 15,
		 14},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct agreement a = signed_as(3, rows[i].agreed, 0, 5);
		struct bank_agreement v = on_chain(3, rows[i].chain, 0, 5);
		uint32_t got = host_rule_settled(&a, &v, rows[i].now);

		CHECK(got == rows[i].want, "%s: %u", rows[i].name, got);
	}
}

static void when_a_host_posts(void)
{
	static const struct {
		const char *name;
		uint32_t agreed, chain; /* through */
		uint64_t earned, rate, next_rate;
		uint32_t now;
		bool want;
	} rows[] = {
		{"nothing new", 10, 10, 0, 5, 0, 13, false},
		{"paid ahead, no proof near", 20, 10, 50, 5, 0, 15, false},
		{"paid up to here, and a proof is due now", 13, 10, 15, 5, 0,
		 13, true},
		{"paid up to here, and a proof is due next", 12, 10, 10, 5, 0,
		 12, true},
		{"paid for this span, and the next one's proof is near", 18, 10,
		 40, 5, 0, 20, true},
		{"the same, and the chain knows", 18, 18, 40, 5, 0, 20, false},
		{"a higher rate with time", 20, 10, 50, 9, 0, 15, false},
		{"a higher rate that can soon not be posted", 17, 10, 35, 9, 0,
		 15, true},
		{"a higher rate that cannot be posted any more", 15, 10, 25, 9,
		 0, 15, false},
		{"a rate that waits on the chain already", 17, 17, 35, 9, 9, 15,
		 false},
		{"over, and it brings something", 28, 10, 90, 5, 0, 31, true},
		{"over, and it brings nothing", 10, 10, 0, 5, 0, 31, false},
		{"settled to the end: collateral waits for it", 30, 10, 100, 5,
		 0, 12, true},
		{"a lower rate alone is the renter's to post", 10, 10, 0, 3, 0,
		 11, false},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct agreement a = signed_as(4, rows[i].agreed,
					       rows[i].earned, rows[i].rate);
		struct bank_agreement v = on_chain(3, rows[i].chain, 0, 5);

		if (rows[i].chain == rows[i].agreed)
			v.earned = a.earned;
		if (rows[i].next_rate) {
			v.from = rows[i].now + 1;
			v.next_rate = amount_from_u64(rows[i].next_rate);
		}
		CHECK(host_rule_post(&a, &v, rows[i].now, true) == rows[i].want,
		      "%s", rows[i].name);
		CHECK(host_rule_post(&a, &v, rows[i].now, false) ==
			      (rows[i].want && rows[i].rate <= 5),
		      "%s: at once", rows[i].name);
		a.revision = v.revision;
		CHECK(!host_rule_post(&a, &v, rows[i].now, true),
		      "%s: the same revision again", rows[i].name);
	}
}

static void when_it_may_be_forgotten(void)
{
	static const struct {
		const char *name;
		bool unopened, known;
		uint8_t state;
		uint32_t through, view_period, now;
		bool want;
	} rows[] = {
		{"unopened, paid for", true, false, 0, 20, 0, 21, false},
		{"unopened, in its time of grace", true, false, 0, 20, 0, 26,
		 false},
		{"unopened, behind it", true, false, 0, 20, 0, 27, true},
		{"what the chain says is not known", false, false, 0, 20, 0, 99,
		 false},
		{"not opened, and can still be", false, true,
		 BANK_AGREEMENT_NONE, 10, 10, 12, false},
		{"not opened, and never will be", false, true,
		 BANK_AGREEMENT_NONE, 10, 11, 12, true},
		{"open, long over", false, true, BANK_AGREEMENT_OPEN, 30, 60,
		 60, false},
		{"closed before its end: it was paid to the end", false, true,
		 BANK_AGREEMENT_CLOSED, 30, 20, 20, false},
		{"closed, in its time of grace", false, true,
		 BANK_AGREEMENT_CLOSED, 30, 36, 36, false},
		{"closed, behind it", false, true, BANK_AGREEMENT_CLOSED, 30,
		 37, 37, true},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct agreement a = signed_as(1, rows[i].through, 0, 5);
		struct bank_agreement v = {.state = rows[i].state};

		a.number = rows[i].unopened ? RENT_UNOPENED : 0;
		CHECK(host_rule_over(&a, rows[i].known ? &v : NULL,
				     rows[i].view_period,
				     rows[i].now) == rows[i].want,
		      "%s", rows[i].name);
	}
}

int main(void)
{
	what_the_prover_takes_as_settled();
	when_a_host_posts();
	when_it_may_be_forgotten();
	return CHECK_EXIT();
}
