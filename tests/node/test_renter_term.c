#include "contracts-abi/bank.h"
#include "node/renter/renter_close.h"
#include "node/renter/renter_term.h"

#include "tests/check.h"

static const struct {
	const char *name;
	uint32_t start, end, now;
	bool near;
} terms[] = {
	{"a tenth is left", 100, 300, 280, false},
	{"less than a tenth", 100, 300, 281, true},
	{"eight periods of a short term", 100, 140, 132, false},
	{"less than eight", 100, 140, 133, true},
	{"a third of a shorter one", 100, 109, 106, false},
	{"less than a third", 100, 109, 107, true},
	{"a term of one period", 100, 101, 100, false},
	{"it is over", 100, 300, 300, true},
	{"long ago", 100, 300, 1000, true},
	{"it has not begun", 100, 300, 90, false},
};

static const struct {
	const char *name;
	uint8_t state;
	uint32_t through, now;
	bool due;
} closings[] = {
	{"it runs", BANK_AGREEMENT_OPEN, 20, 25, false},
	{"settled to its end", BANK_AGREEMENT_OPEN, 30, 25, false},
	{"over: the host closes it", BANK_AGREEMENT_OPEN, 30, 30, false},
	{"it did not", BANK_AGREEMENT_OPEN, 30, 31, true},
	{"over, but the host may still post", BANK_AGREEMENT_OPEN, 20, 36,
	 false},
	{"seven periods later: the host", BANK_AGREEMENT_OPEN, 20, 37, false},
	{"eight", BANK_AGREEMENT_OPEN, 20, 38, true},
	{"closed", BANK_AGREEMENT_CLOSED, 30, 40, false},
	{"never opened", BANK_AGREEMENT_NONE, 0, 40, false},
};

static const struct {
	const char *name;
	struct renter_term own;
	uint32_t lasts;
	struct renter_term catalogue, then; /* then: own */
} lists[] = {
	{"nothing else is stored", {30, 0}, 0, {30, 30}, {30, 30}},
	{"all of it ends before", {30, 22}, 20, {30, 22}, {30, 22}},
	{"what takes it has to last as long",
	 {365, 273},
	 350,
	 {365, 315},
	 {365, 315}},
	{"a tenth longer", {27, 0}, 30, {27, 27}, {27, 27}},
	{"much longer", {30, 0}, 364, {364, 328}, {30, 0}},
	{"a renewal for less", {30, 23}, 100, {100, 90}, {30, 23}},
	{"removed: as long as what is left", {1, 0}, 20, {20, 17}, {1, 0}},
	{"what ends now", {1, 0}, 3, {1, 1}, {1, 1}},
};

static bool same(struct renter_term a, struct renter_term b)
{
	return a.periods == b.periods && a.least == b.least;
}

int main(void)
{
	for (size_t i = 0; i < ROWS(terms); i++)
		CHECK(renter_term_is_near(terms[i].start, terms[i].end,
					  terms[i].now) == terms[i].near,
		      "%s", terms[i].name);
	for (size_t i = 0; i < ROWS(closings); i++) {
		const struct bank_agreement v = {.state = closings[i].state,
						 .start = 10,
						 .end = 30,
						 .through =
							 closings[i].through};

		CHECK(closing_is_due(&v, closings[i].now) == closings[i].due,
		      "%s", closings[i].name);
	}
	for (size_t i = 0; i < ROWS(lists); i++) {
		struct renter_term own = lists[i].own;

		CHECK(same(renter_term_catalogue(&own, lists[i].lasts),
			   lists[i].catalogue) &&
			      same(own, lists[i].then),
		      "%s", lists[i].name);
	}
	return CHECK_EXIT();
}
