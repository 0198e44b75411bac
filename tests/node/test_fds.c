#include "node/core/fds.h"
#include "tests/check.h"

#include <limits.h>
#include <sys/resource.h>

static const struct {
	const char *name;
	unsigned limit, want, have;
} rows[] = {
	{"the usual", 1024, 200, 200},
	{"as many as the rest needs stay free", 1024, 4000,
	 1024 - FDS_RESERVED},
	{"many", 20000, 4000, 4000},
	{"no limit", UINT_MAX, 100000, 100000},
	{"a small limit leaves a quarter", 256, 200, 64},
	{"next to none", 3, 200, 1},
};

static void connections_fit_in_the_limit(void)
{
	for (size_t i = 0; i < ROWS(rows); i++) {
		unsigned have = fds_peers(rows[i].limit, rows[i].want);

		CHECK(have == rows[i].have, "%s: %u", rows[i].name, have);
	}
}

static void the_soft_limit_is_raised(void)
{
	struct rlimit was, low;

	CHECK(getrlimit(RLIMIT_NOFILE, &was) == 0, "limit");
	low = (struct rlimit){.rlim_cur = 64, .rlim_max = was.rlim_max};
	CHECK(setrlimit(RLIMIT_NOFILE, &low) == 0, "lower");
	CHECK(fds_raise() == was.rlim_max, "to the hard one");
	CHECK(getrlimit(RLIMIT_NOFILE, &low) == 0 &&
		      low.rlim_cur == was.rlim_max,
	      "it holds");
}

int main(void)
{
	connections_fit_in_the_limit();
	the_soft_limit_is_raised();
	return CHECK_EXIT();
}
