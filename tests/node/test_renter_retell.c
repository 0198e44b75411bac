/* When records are told again. */
#include "node/renter/renter_retell.h"

#include "tests/check.h"

static const struct {
	const char *name;
	int64_t last_s, now_s;
	bool is;
} times[] = {
	{"never told", 0, 1800000000, true},
	{"a moment ago", 1800000000, 1800000001, false},
	{"not quite so long ago", 1800000000, 1800000000 + RETELL_S - 1, false},
	{"so long ago", 1800000000, 1800000000 + RETELL_S, true},
	{"noted by a clock that ran ahead", 1900000000, 1800000000, true},
};

int main(void)
{
	for (size_t i = 0; i < ROWS(times); i++)
		CHECK(retell_is_time(times[i].last_s, times[i].now_s) ==
			      times[i].is,
		      "%s", times[i].name);
	return CHECK_EXIT();
}
