#include "base/loop.h"

#include "base/clock.h"

#include <event2/event.h>
#include <event2/thread.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define MAX_SIGNALS 8

struct signal_slot {
	struct event *ev;
	loop_fn *fn;
	void *ctx;
};

struct loop {
	struct event_base *base;
	struct event *wake;
	struct event *turn_end;
	int wake_fd;
	pthread_mutex_t lock; /* guards posted */
	struct loop_post *posted;
	struct loop_post **posted_tail;
	loop_fn *turn_fn;
	void *turn_ctx;
	int64_t now_ms;
	struct signal_slot signals[MAX_SIGNALS];
	unsigned signal_count;
};

struct loop_timer {
	struct event *ev;
	loop_fn *fn;
	void *ctx;
};

struct loop_watch {
	struct loop *loop;
	struct event *ev;
	int fd;
	unsigned what;
	loop_fd_fn *fn;
	void *ctx;
};

static void on_wake(evutil_socket_t fd, short what, void *ctx)
{
	struct loop *l = ctx;
	struct loop_post *list;
	uint64_t count;

	(void)what;
	(void)!read(fd, &count, sizeof(count));
	(void)pthread_mutex_lock(&l->lock);
	list = l->posted;
	l->posted = NULL;
	l->posted_tail = &l->posted;
	(void)pthread_mutex_unlock(&l->lock);
	while (list) {
		struct loop_post *post = list;

		list = post->next; /* fn may free or post it again */
		post->fn(post->ctx);
	}
}

static void on_turn_end(evutil_socket_t fd, short what, void *ctx)
{
	struct loop *l = ctx;

	(void)fd;
	(void)what;
	if (l->turn_fn)
		l->turn_fn(l->turn_ctx);
}

struct loop *loop_new(struct err *e)
{
	struct loop *l = calloc(1, sizeof(*l));
	struct event_config *config = event_config_new();

	if (!l || !config)
		goto fail;
	l->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	l->posted_tail = &l->posted;
	(void)pthread_mutex_init(&l->lock, NULL);
	(void)event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	l->base = event_base_new_with_config(config);
	if (!l->base || l->wake_fd < 0)
		goto fail;
	l->wake = event_new(l->base, l->wake_fd, EV_READ | EV_PERSIST, on_wake,
			    l);
	l->turn_end = event_new(l->base, -1, 0, on_turn_end, l);
	if (!l->wake || !l->turn_end)
		goto fail;
	(void)event_add(l->wake, NULL);
	event_config_free(config);
	return l;
fail:
	if (config)
		event_config_free(config);
	loop_free(l);
	(void)err_fail(e, ERR_NOMEM, "cannot make an event loop");
	return NULL;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	for (unsigned i = 0; i < l->signal_count; i++)
		event_free(l->signals[i].ev);
	if (l->turn_end)
		event_free(l->turn_end);
	if (l->wake)
		event_free(l->wake);
	if (l->base)
		event_base_free(l->base);
	if (l->wake_fd > 0)
		(void)close(l->wake_fd);
	(void)pthread_mutex_destroy(&l->lock);
	free(l);
}

void loop_run(struct loop *l)
{
	(void)event_base_loop(l->base, EVLOOP_NO_EXIT_ON_EMPTY);
}

void loop_stop(struct loop *l)
{
	(void)event_base_loopbreak(l->base);
}

int64_t loop_now_ms(struct loop *l)
{
	(void)l;
	return clock_now_ms(); /* a vDSO call; fresh beats cached here */
}

void loop_on_turn_end(struct loop *l, loop_fn *fn, void *ctx)
{
	l->turn_fn = fn;
	l->turn_ctx = ctx;
}

void loop_want_turn_end(struct loop *l)
{
	/* joins the tail of the queue that is being run, so it comes last */
	event_active(l->turn_end, EV_TIMEOUT, 1);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct loop_timer *t = ctx;

	(void)fd;
	(void)what;
	t->fn(t->ctx);
}

struct loop_timer *loop_timer_new(struct loop *l, loop_fn *fn, void *ctx)
{
	struct loop_timer *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->fn = fn;
	t->ctx = ctx;
	t->ev = event_new(l->base, -1, 0, on_timer, t);
	if (!t->ev) {
		free(t);
		return NULL;
	}
	return t;
}

void loop_timer_set(struct loop_timer *t, int64_t delay_ms)
{
	struct timeval tv;

	if (delay_ms < 0)
		delay_ms = 0;
	tv.tv_sec = (time_t)(delay_ms / 1000);
	tv.tv_usec = (suseconds_t)(delay_ms % 1000 * 1000);
	(void)event_add(t->ev, &tv);
}

void loop_timer_cancel(struct loop_timer *t)
{
	if (t)
		(void)event_del(t->ev);
}

void loop_timer_free(struct loop_timer *t)
{
	if (!t)
		return;
	event_free(t->ev);
	free(t);
}

static void on_fd(evutil_socket_t fd, short what, void *ctx)
{
	struct loop_watch *w = ctx;
	unsigned got = 0;

	(void)fd;
	if (what & EV_READ)
		got |= LOOP_READ;
	if (what & EV_WRITE)
		got |= LOOP_WRITE;
	w->fn(w->ctx, got);
}

struct loop_watch *loop_watch_new(struct loop *l, int fd, loop_fd_fn *fn,
				  void *ctx)
{
	struct loop_watch *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->loop = l;
	w->fd = fd;
	w->fn = fn;
	w->ctx = ctx;
	w->ev = event_new(l->base, fd, 0, on_fd, w);
	if (!w->ev) {
		free(w);
		return NULL;
	}
	return w;
}

void loop_watch_set(struct loop_watch *w, unsigned what)
{
	short ev = EV_PERSIST;

	if (what == w->what)
		return;
	if (w->what)
		(void)event_del(w->ev);
	w->what = what;
	if (!what)
		return;
	if (what & LOOP_READ)
		ev |= EV_READ;
	if (what & LOOP_WRITE)
		ev |= EV_WRITE;
	(void)event_assign(w->ev, w->loop->base, w->fd, ev, on_fd, w);
	(void)event_add(w->ev, NULL);
}

void loop_watch_free(struct loop_watch *w)
{
	if (!w)
		return;
	event_free(w->ev);
	free(w);
}

static void on_signal(evutil_socket_t signo, short what, void *ctx)
{
	struct signal_slot *slot = ctx;

	(void)signo;
	(void)what;
	slot->fn(slot->ctx);
}

enum err_code loop_on_signal(struct loop *l, int signo, loop_fn *fn, void *ctx,
			     struct err *e)
{
	struct signal_slot *slot;

	if (l->signal_count == MAX_SIGNALS)
		return err_fail(e, ERR_LIMIT, "more than %d signals",
				MAX_SIGNALS);
	slot = &l->signals[l->signal_count];
	slot->fn = fn;
	slot->ctx = ctx;
	slot->ev = evsignal_new(l->base, signo, on_signal, slot);
	if (!slot->ev)
		return err_fail(e, ERR_NOMEM, "signal %d", signo);
	l->signal_count++;
	(void)event_add(slot->ev, NULL);
	return ERR_NONE;
}

void loop_post(struct loop *l, struct loop_post *post)
{
	const uint64_t one = 1;
	bool first;

	post->next = NULL;
	(void)pthread_mutex_lock(&l->lock);
	first = !l->posted;
	*l->posted_tail = post;
	l->posted_tail = &post->next;
	(void)pthread_mutex_unlock(&l->lock);
	if (first) /* one wake-up for a whole batch */
		(void)!write(l->wake_fd, &one, sizeof(one));
}
