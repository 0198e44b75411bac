#include "base/work.h"

#include "base/clock.h"
#include "tests/check.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { JOBS = 400, LANES = 4 };

struct job {
	struct work_job job;
	struct rig *rig;
	unsigned number, lane;
	unsigned before; /* of the lane, when it ran: written by a worker */
	bool ran;
};

struct rig {
	struct loop *loop;
	struct work *work;
	struct work_lane lanes[LANES];
	unsigned
		ran_in_lane[LANES]; /* only one worker at a time, by the lane */
	unsigned done, in_order[LANES];
	pthread_t loop_thread;
	bool wrong_thread;
	struct job jobs[JOBS];
};

static void run(struct work_job *job)
{
	struct job *j = (struct job *)(void *)job;

	j->before = j->rig->ran_in_lane[j->lane]++;
	j->ran = true;
}

static void done(struct work_job *job)
{
	struct job *j = (struct job *)(void *)job;
	struct rig *r = j->rig;

	if (!pthread_equal(pthread_self(), r->loop_thread))
		r->wrong_thread = true;
	CHECK(j->ran, "done before it ran");
	CHECK(j->before == r->in_order[j->lane], "lane %u: %u ran as %u",
	      j->lane, r->in_order[j->lane], j->before);
	r->in_order[j->lane]++;
	if (++r->done == JOBS)
		loop_stop(r->loop);
}

static void start(struct rig *r, unsigned threads)
{
	struct err e = {0};

	memset(r, 0, sizeof(*r));
	r->loop = loop_new(&e);
	r->work = work_new(r->loop, threads, &e);
	r->loop_thread = pthread_self();
	CHECK(r->loop && r->work, "%s", e.msg);
	for (unsigned i = 0; i < JOBS; i++) {
		struct job *j = &r->jobs[i];

		j->rig = r;
		j->number = i;
		j->lane = i % LANES;
		j->job.run = run;
		j->job.done = done;
		work_submit(r->work, &r->lanes[j->lane], &j->job);
	}
}

/* The lane's counter is not locked: the lane itself must be the lock (the
 * thread sanitizer checks that it is). */
static void jobs_of_a_lane_run_one_after_another(void)
{
	static struct rig r;

	for (unsigned threads = 0; threads <= 4; threads++) {
		start(&r, threads);
		CHECK(work_pending(r.work) == JOBS, "pending");
		loop_run(r.loop);
		CHECK(r.done == JOBS && work_pending(r.work) == 0, "all");
		CHECK(!r.wrong_thread, "done() came on another thread");
		work_free(r.work);
		loop_free(r.loop);
	}
}

static void freeing_finishes_what_was_submitted(void)
{
	static struct rig r;

	start(&r, 2);
	work_free(r.work); /* the loop never ran */
	CHECK(r.done == JOBS, "%u done", r.done);
	loop_free(r.loop);
	work_free(NULL);
}

struct chain {
	struct work_job job;
	struct work *work;
	struct work_lane *lane;
	struct loop *loop;
	unsigned left;
};

static void nothing(struct work_job *job)
{
	(void)job;
}

static void again(struct work_job *job)
{
	struct chain *c = (struct chain *)(void *)job;

	if (--c->left > 0)
		work_submit(c->work, c->lane, &c->job);
	else
		loop_stop(c->loop);
}

static void a_job_may_be_submitted_again_when_it_is_done(void)
{
	struct work_lane lane = {0};
	struct chain c = {.left = 50, .lane = &lane};
	struct err e = {0};

	c.loop = loop_new(&e);
	c.work = work_new(c.loop, 2, &e);
	c.job.run = nothing;
	c.job.done = again;
	work_submit(c.work, c.lane, &c.job);
	loop_run(c.loop);
	CHECK(c.left == 0, "%u left", c.left);
	work_free(c.work);
	loop_free(c.loop);
}

/* Longer than any wait of a loop that has just begun. */
static void take_long(struct work_job *job)
{
	int64_t end = clock_now_ms() + 40;

	(void)job;
	while (clock_now_ms() < end)
		;
}

static void freeing_waits_for_a_job_that_takes_long(void)
{
	struct err e = {0};
	struct loop *l = loop_new(&e);
	struct work *w = work_new(l, 1, &e);
	struct work_job job = {.run = take_long, .done = nothing};

	work_submit(w, NULL, &job);
	work_free(w);
	loop_free(l);
}

int main(void)
{
	jobs_of_a_lane_run_one_after_another();
	freeing_finishes_what_was_submitted();
	freeing_waits_for_a_job_that_takes_long();
	a_job_may_be_submitted_again_when_it_is_done();
	return CHECK_EXIT();
}
