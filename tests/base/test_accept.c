/* What becomes of a listening socket when there are no descriptors left. */
#include "base/accept.h"
#include "tests/check.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <unistd.h>

struct seen {
	struct loop *loop;
	unsigned came, paused;
	int error, fd;
};

static void on_came(void *ctx, int fd, const struct sockaddr_storage *from,
		    socklen_t len)
{
	struct seen *s = ctx;

	CHECK(from->ss_family == AF_INET && len == sizeof(struct sockaddr_in),
	      "who it was");
	s->came++;
	s->fd = fd;
	loop_stop(s->loop);
}

static void on_short_of(void *ctx, int error)
{
	struct seen *s = ctx;

	s->paused++;
	s->error = error;
}

static void on_limit(void *ctx)
{
	loop_stop(ctx);
}

static const struct accept_ops ops = {.came = on_came, .short_of = on_short_of};

static int listen_somewhere(struct sockaddr_in *at)
{
	socklen_t len = sizeof(*at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	*at = (struct sockaddr_in){.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	CHECK(bind(fd, (struct sockaddr *)at, sizeof(*at)) == 0 &&
		      listen(fd, 16) == 0 &&
		      getsockname(fd, (struct sockaddr *)at, &len) == 0,
	      "listen");
	return fd;
}

static void turn(struct seen *s, struct loop_timer *limit, int ms)
{
	loop_timer_set(limit, ms);
	loop_run(s->loop);
}

static void without_descriptors_it_rests_and_then_goes_on(void)
{
	struct seen s = {.loop = loop_new(NULL)};
	struct loop_timer *limit = loop_timer_new(s.loop, on_limit, s.loop);
	struct sockaddr_in at;
	int fd = listen_somewhere(&at), probe;
	struct acceptor *a = acceptor_new(s.loop, fd, &ops, &s);
	int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct rlimit was, none;

	CHECK(getrlimit(RLIMIT_NOFILE, &was) == 0, "limit");
	probe = dup(client); /* the lowest that is free */
	(void)close(probe);
	none = (struct rlimit){.rlim_cur = (rlim_t)probe,
			       .rlim_max = was.rlim_max};
	turn(&s, limit, 1); /* the loop has what it needs by now */
	CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0, "none left");
	CHECK(connect(client, (struct sockaddr *)&at, sizeof(at)) == 0,
	      "connect");
	turn(&s, limit, ACCEPT_PAUSE_MS / 4);
	CHECK(s.came == 0 && s.paused == 1 && s.error == EMFILE,
	      "%u came, %u times asked in vain, errno %d", s.came, s.paused,
	      s.error);
	CHECK(setrlimit(RLIMIT_NOFILE, &was) == 0, "as before");
	turn(&s, limit, 20 * ACCEPT_PAUSE_MS);
	CHECK(s.came == 1, "who waited is let in");
	if (s.came)
		(void)close(s.fd);
	acceptor_free(a);
	(void)close(client);
	(void)close(fd);
	loop_timer_free(limit);
	loop_free(s.loop);
}

int main(void)
{
	without_descriptors_it_rests_and_then_goes_on();
	return CHECK_EXIT();
}
