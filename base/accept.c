#include "base/accept.h"

#include <errno.h>
#include <stdlib.h>

struct acceptor {
	int fd;
	const struct accept_ops *ops;
	void *ctx;
	struct loop_watch *watch;
	struct loop_timer *pause;
};

static bool is_short(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS ||
	       error == ENOMEM;
}

static void on_pause_over(void *ctx)
{
	struct acceptor *a = ctx;

	loop_watch_set(a->watch, LOOP_READ);
}

static void leave_alone(struct acceptor *a, int error)
{
	loop_watch_set(a->watch, 0);
	loop_timer_set(a->pause, ACCEPT_PAUSE_MS);
	if (a->ops->short_of)
		a->ops->short_of(a->ctx, error);
}

static void on_readable(void *ctx, unsigned what)
{
	struct acceptor *a = ctx;

	(void)what;
	for (int i = 0; i < ACCEPT_A_TURN; i++) {
		struct sockaddr_storage from = {0};
		socklen_t len = sizeof(from);
		int fd = accept4(a->fd, (struct sockaddr *)&from, &len,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			a->ops->came(a->ctx, fd, &from, len);
			continue;
		}
		if (is_short(errno))
			leave_alone(a, errno);
		/* who has gone before it was taken is no reason to stop */
		if (errno != ECONNABORTED && errno != EINTR)
			return;
	}
}

struct acceptor *acceptor_new(struct loop *loop, int fd,
			      const struct accept_ops *ops, void *ctx)
{
	struct acceptor *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->fd = fd;
	a->ops = ops;
	a->ctx = ctx;
	a->watch = loop_watch_new(loop, fd, on_readable, a);
	a->pause = loop_timer_new(loop, on_pause_over, a);
	if (!a->watch || !a->pause) {
		acceptor_free(a);
		return NULL;
	}
	loop_watch_set(a->watch, LOOP_READ);
	return a;
}

void acceptor_free(struct acceptor *a)
{
	if (!a)
		return;
	loop_watch_free(a->watch);
	loop_timer_free(a->pause);
	free(a);
}
