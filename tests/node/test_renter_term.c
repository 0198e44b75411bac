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
	return CHECK_EXIT();
}
