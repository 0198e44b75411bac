#include "base/loop.h"
#include "tests/check.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct seen {
	struct loop *loop;
	char order[64];
	unsigned turns;
	unsigned what;
	int fd;
	struct loop_watch *watch;
	struct loop_timer *timer;
};

static void add(struct seen *s, char c)
{
	size_t n = strlen(s->order);

	if (n + 1 < sizeof(s->order))
		s->order[n] = c;
}

struct mark {
	struct seen *s;
	char c;
	bool last;
};

static void on_mark(void *ctx)
{
	struct mark *m = ctx;

	add(m->s, m->c);
	if (m->last)
		loop_stop(m->s->loop);
}

static void start(struct seen *s)
{
	struct err e = {0};

	memset(s, 0, sizeof(*s));
	s->loop = loop_new(&e);
	CHECK(s->loop, "%s", e.msg);
}

static void timers_fire_in_the_order_of_their_time(void)
{
	struct seen s;
	struct mark marks[] = {{&s, 'c', true},
			       {&s, 'a', false},
			       {&s, 'b', false},
			       {&s, 'x', false}};
	struct loop_timer *t[ROWS(marks)];

	start(&s);
	for (size_t i = 0; i < ROWS(marks); i++)
		t[i] = loop_timer_new(s.loop, on_mark, &marks[i]);
	loop_timer_set(t[0], 30);
	loop_timer_set(t[1], -5); /* at once */
	loop_timer_set(t[2], 500);
	loop_timer_set(t[2], 15); /* set again: the new time counts */
	loop_timer_set(t[3], 5);
	loop_timer_cancel(t[3]);
	loop_timer_cancel(NULL);
	loop_run(s.loop);
	CHECK(strcmp(s.order, "abc") == 0, "%s", s.order);
	for (size_t i = 0; i < ROWS(marks); i++)
		loop_timer_free(t[i]);
	loop_timer_free(NULL);
	loop_free(s.loop);
}

struct poster {
	struct loop *loop;
	struct loop_post posts[100];
	struct mark marks[100];
};

static void *post_all(void *ctx)
{
	struct poster *p = ctx;

	for (size_t i = 0; i < ROWS(p->posts); i++)
		loop_post(p->loop, &p->posts[i]);
	return NULL;
}

static unsigned posted;

static void on_post(void *ctx)
{
	struct mark *m = ctx;

	posted++;
	CHECK(m->c == (char)(posted - 1), "order");
	if (m->last)
		loop_stop(m->s->loop);
}

static void posts_come_in_order_and_once(void)
{
	static struct poster p;
	struct seen s;
	pthread_t tid;

	start(&s);
	p.loop = s.loop;
	posted = 0;
	for (size_t i = 0; i < ROWS(p.posts); i++) {
		p.marks[i] = (struct mark){&s, (char)i, i + 1 == ROWS(p.posts)};
		p.posts[i].fn = on_post;
		p.posts[i].ctx = &p.marks[i];
	}
	CHECK(pthread_create(&tid, NULL, post_all, &p) == 0, "thread");
	loop_run(s.loop);
	CHECK(posted == ROWS(p.posts), "%u", posted);
	(void)pthread_join(tid, NULL);
	loop_free(s.loop);
}

static void on_turn_end(void *ctx)
{
	struct seen *s = ctx;

	s->turns++;
	add(s, 'E');
}

static void wants_end(void *ctx)
{
	struct mark *m = ctx;

	add(m->s, m->c);
	loop_want_turn_end(m->s->loop);
	loop_want_turn_end(m->s->loop); /* twice asked is once done */
	if (m->last)
		loop_stop(m->s->loop);
}

/* Both posts are of one turn: one commit for both, behind them. */
static void the_end_of_a_turn_comes_once_and_last(void)
{
	struct seen s;
	struct mark marks[] = {
		{&s, 'a', false}, {&s, 'b', false}, {&s, 'c', true}};
	struct loop_post posts[2];
	struct loop_timer *t;

	start(&s);
	loop_on_turn_end(s.loop, on_turn_end, &s);
	for (int i = 0; i < 2; i++) {
		posts[i].fn = wants_end;
		posts[i].ctx = &marks[i];
		loop_post(s.loop, &posts[i]);
	}
	t = loop_timer_new(s.loop, on_mark, &marks[2]);
	loop_timer_set(t, 20);
	loop_run(s.loop);
	CHECK(strcmp(s.order, "abEc") == 0, "%s", s.order);
	loop_timer_free(t);
	loop_free(s.loop);
}

static void on_fd(void *ctx, unsigned what)
{
	struct seen *s = ctx;
	char c;

	s->what |= what;
	if (what & LOOP_READ) {
		CHECK(read(s->fd, &c, 1) == 1, "read");
		add(s, c);
		loop_watch_set(s->watch, LOOP_WRITE);
	}
	if (what & LOOP_WRITE) {
		add(s, 'w');
		loop_watch_set(s->watch, 0); /* paused */
		loop_timer_set(s->timer, 10);
	}
}

static void stop(void *ctx)
{
	struct seen *s = ctx;

	loop_stop(s->loop);
}

static void watches_say_what_they_were_asked(void)
{
	struct seen s;
	int fds[2];

	start(&s);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0, "pair");
	s.fd = fds[0];
	s.watch = loop_watch_new(s.loop, fds[0], on_fd, &s);
	s.timer = loop_timer_new(s.loop, stop, &s);
	loop_watch_set(s.watch, LOOP_READ);
	loop_watch_set(s.watch, LOOP_READ);
	CHECK(write(fds[1], "rx", 2) == 2, "write");
	loop_run(s.loop);
	CHECK(strcmp(s.order, "rw") == 0, "%s", s.order);
	CHECK(s.what == (LOOP_READ | LOOP_WRITE), "%u", s.what);
	loop_watch_free(s.watch);
	loop_watch_free(NULL);
	loop_timer_free(s.timer);
	(void)close(fds[0]);
	(void)close(fds[1]);
	loop_free(s.loop);
}

static void signals_come_on_the_loop(void)
{
	struct seen s;
	struct mark mark = {&s, 's', true};
	struct err e = {0};

	start(&s);
	CHECK(loop_on_signal(s.loop, SIGUSR1, on_mark, &mark, &e) == ERR_NONE,
	      "%s", e.msg);
	CHECK(raise(SIGUSR1) == 0, "raise");
	loop_run(s.loop);
	CHECK(strcmp(s.order, "s") == 0, "%s", s.order);
	loop_free(s.loop);
	loop_free(NULL);
}

int main(void)
{
	timers_fire_in_the_order_of_their_time();
	posts_come_in_order_and_once();
	the_end_of_a_turn_comes_once_and_last();
	watches_say_what_they_were_asked();
	signals_come_on_the_loop();
	return CHECK_EXIT();
}
