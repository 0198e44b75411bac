#include "node/cli/cli_pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PUMP_BYTES (256U << 10)
#define FIFO_BYTES (1 << 20) /* as much as Linux gives to anybody */

static bool write_all(int fd, const char *p, ssize_t n)
{
	while (n > 0) {
		ssize_t w = write(fd, p, (size_t)n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return false;
		p += w;
		n -= w;
	}
	return true;
}

/* Without a copy, until the end (0) or an error; EINVAL and the like before the
 * first byte: the kernel cannot, between these two. */
static ssize_t move(int from, int to)
{
	ssize_t n;

	do
		n = splice(from, NULL, to, NULL, FIFO_BYTES, SPLICE_F_MOVE);
	while (n > 0 || (n < 0 && errno == EINTR));
	return n;
}

/* The child: from one to the other until the end. What cannot be moved is
 * copied: a terminal, a file that is appended to. */
static int pump(int from, int to)
{
	char *buf;
	ssize_t n = 0;
	bool good;

	if (move(from, to) == 0)
		return EXIT_SUCCESS;
	buf = malloc(PUMP_BYTES);
	good = buf != NULL;

	while (good) {
		n = read(from, buf, PUMP_BYTES);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		good = write_all(to, buf, n);
	}
	free(buf);
	return good && n == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void run_pump(const struct cli_pipe *p, bool input, int fd)
{
	/* Ctrl-C ends the command, which ends us; a reader that went away is
	 * told by the write */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (p->held >= 0)
		(void)close(p->held);
	_exit(input ? pump(STDIN_FILENO, fd) : pump(fd, STDOUT_FILENO));
}

enum err_code cli_pipe_open(struct cli_pipe *p, const struct home *home,
			    bool input, struct err *e)
{
	char name[32];
	int fd;

	(void)snprintf(name, sizeof(name), "pipe.%ld", (long)getpid());
	home_file(home, name, p->path);
	(void)unlink(p->path);
	if (mkfifo(p->path, 0600) != 0)
		return err_fail(e, ERR_IO, "cannot make %.100s", p->path);
	/* both ends, so that opening does not wait for the node */
	p->held = open(p->path, O_RDWR | O_CLOEXEC);
	p->input = input;
	fd = input ? open(p->path, O_WRONLY | O_CLOEXEC)
		   : open(p->path, O_RDONLY | O_CLOEXEC);
	p->pump = p->held >= 0 && fd >= 0 ? fork() : -1;
	if (fd >= 0) /* what it has by itself is 16 times less */
		(void)fcntl(fd, F_SETPIPE_SZ, FIFO_BYTES);
	if (p->pump == 0)
		run_pump(p, input, fd);
	if (fd >= 0)
		(void)close(fd);
	if (p->pump > 0)
		return ERR_NONE;
	if (p->held >= 0)
		(void)close(p->held);
	(void)unlink(p->path);
	return err_fail(e, ERR_IO, "cannot pump %.100s", p->path);
}

void cli_pipe_opened(struct cli_pipe *p)
{
	if (p->held >= 0)
		(void)close(p->held);
	p->held = -1;
}

enum err_code cli_pipe_close(struct cli_pipe *p, bool ok, struct err *e)
{
	int status = 0;

	cli_pipe_opened(p);
	(void)unlink(p->path);
	if (!ok)
		(void)kill(p->pump, SIGKILL);
	while (waitpid(p->pump, &status, 0) < 0 && errno == EINTR)
		;
	if (ok && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
		return err_fail(e, ERR_IO, "%s",
				p->input ? "standard input could not be read "
					   "to its end: what came of it is "
					   "stored"
					 : "standard output was closed");
	return ERR_NONE;
}
