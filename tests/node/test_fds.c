#include "node/core/fds.h"
#include "tests/check.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* In the child: 0 when the next file is none of the first three, and what was
 * closed fails. */
static int closed_and_filled(int fd)
{
	char c = 'x';
	int next;

	(void)close(fd);
	fds_fill();
	next = open("/dev/null", O_RDWR);
	if (next <= STDERR_FILENO)
		return 1;
	if (fd == STDIN_FILENO)
		return read(fd, &c, 1) < 0 && errno == EBADF ? 0 : 2;
	return write(fd, &c, 1) < 0 && errno == EBADF ? 0 : 3;
}

static void no_file_is_taken_for_standard_output(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		int status = 0;
		pid_t pid = fork();

		if (pid == 0)
			_exit(closed_and_filled(fd));
		CHECK(waitpid(pid, &status, 0) == pid && status == 0, "%d: %d",
		      fd, WEXITSTATUS(status));
	}
}

int main(void)
{
	no_file_is_taken_for_standard_output();
	connections_fit_in_the_limit();
	the_soft_limit_is_raised();
	return CHECK_EXIT();
}
