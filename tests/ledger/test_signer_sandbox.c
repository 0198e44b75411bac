/* Behind the door: what a process can still do, tried in a child of the test.
 */
#include "ledger/signer/signer_sandbox.h"
#include "tests/check.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Each tries one thing: 0 when it worked, else errno. */
static int try_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) < 0 ? errno : 0;
}

static int try_unix_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0) < 0 ? errno : 0;
}

static int try_open(void)
{
	return open("/etc/hostname", O_RDONLY) < 0 ? errno : 0;
}

static int try_create(void)
{
	return open("/tmp/seedbank-test-sandbox", O_WRONLY | O_CREAT, 0600) < 0
		       ? errno
		       : 0;
}

static int try_unlink(void)
{
	return unlink("/tmp/seedbank-test-none") < 0 ? errno : 0;
}

static int try_exec(void)
{
	char *argv[] = {(char *)"/bin/true", NULL};

	return execv(argv[0], argv) < 0 ? errno : 0;
}

static int try_fork(void)
{
	long pid = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid == 0)
		_exit(0);
	return pid < 0 ? errno : 0;
}

static int try_kill(void)
{
	return kill(getppid(), 0) < 0 ? errno : 0;
}

static int try_ptrace(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 ? errno : 0;
}

static int try_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? errno : 0;
}

static int try_make_code(void)
{
	static _Alignas(4096) char page[4096];

	return mprotect(page, sizeof(page), PROT_READ | PROT_EXEC) < 0 ? errno
								       : 0;
}

static int try_dumpable(void)
{
	return prctl(PR_SET_DUMPABLE, 1) < 0 ? errno : 0;
}

static int try_memory(void)
{
	void *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED || munmap(p, 1 << 20) != 0 ? errno : 0;
}

static int try_time(void)
{
	struct timespec t;

	return syscall(SYS_clock_gettime, CLOCK_REALTIME, &t) < 0 ? errno : 0;
}

static const struct {
	const char *name;
	int (*run)(void);
	int before, after; /* before: of a process without the filter */
} rows[] = {
	{"a TCP socket", try_socket, 0, EPERM},
	{"a socket of this machine", try_unix_socket, 0, EPERM},
	{"reading a file", try_open, 0, EPERM},
	{"making a file", try_create, 0, EPERM},
	{"removing a file", try_unlink, ENOENT, EPERM},
	{"running a program", try_exec, -1, EPERM},
	{"a process", try_fork, 0, EPERM},
	{"signalling its parent", try_kill, 0, EPERM},
	{"being traced", try_ptrace, -1, EPERM},
	{"memory that is code", try_code, 0, EPERM},
	{"turning memory into code", try_make_code, -1, EPERM},
	{"dumping core after all", try_dumpable, -1, EPERM},
	{"memory", try_memory, 0, 0},
	{"the time", try_time, 0, 0},
};

/* Runs all in a child, which tells what each gave. */
static void run(bool sandboxed, int got[ROWS(rows)])
{
	int tell[2];
	pid_t pid;

	if (pipe(tell) != 0)
		abort();
	pid = fork();
	if (pid == 0) {
		if (sandboxed) {
			signer_sandbox_begin(tell[1]);
			if (signer_sandbox_enter(NULL) != ERR_NONE)
				_exit(1);
		}
		for (size_t i = 0; i < ROWS(rows); i++)
			got[i] = sandboxed || rows[i].before >= 0
					 ? rows[i].run()
					 : -1;
		if (write(tell[1], got, ROWS(rows) * sizeof(got[0])) < 0)
			_exit(1);
		_exit(0);
	}
	(void)close(tell[1]);
	CHECK(read(tell[0], got, ROWS(rows) * sizeof(got[0])) ==
		      (ssize_t)(ROWS(rows) * sizeof(got[0])),
	      "the child told nothing");
	(void)close(tell[0]);
	(void)waitpid(pid, NULL, 0);
}

static void only_what_serving_takes_is_left(void)
{
	int got[ROWS(rows)] = {0};

	run(false, got); /* or the rows below would prove nothing */
	for (size_t i = 0; i < ROWS(rows); i++)
		CHECK(got[i] == rows[i].before, "%s, outside: %s", rows[i].name,
		      strerror(got[i]));
	(void)unlink("/tmp/seedbank-test-sandbox");
	run(true, got);
	for (size_t i = 0; i < ROWS(rows); i++)
		CHECK(got[i] == rows[i].after, "%s, inside: %s", rows[i].name,
		      strerror(got[i]));
}

/* Descriptors of the parent do not come along. */
static void nothing_stays_open(void)
{
	int other = open("/dev/null", O_RDWR), tell[2], status = 1;
	pid_t pid;

	if (pipe(tell) != 0)
		abort();
	pid = fork();
	if (pid == 0) {
		signer_sandbox_begin(tell[1]);
		_exit(fcntl(other, F_GETFD) == -1 &&
				      fcntl(tell[0], F_GETFD) == -1 &&
				      fcntl(tell[1], F_GETFD) != -1
			      ? 0
			      : 1);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0, "status %x",
	      (unsigned)status);
	(void)close(other);
	(void)close(tell[0]);
	(void)close(tell[1]);
}

int main(void)
{
	only_what_serving_takes_is_left();
	nothing_stays_open();
	return CHECK_EXIT();
}
