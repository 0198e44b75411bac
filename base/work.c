#include "base/work.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_THREADS 8

struct work {
	struct loop *loop;
	pthread_mutex_t lock; /* guards queue, stop */
	pthread_cond_t wake;
	struct work_job *head;
	struct work_job **tail;
	bool stop;
	bool draining; /* the last job that comes back stops the loop */
	unsigned threads;
	unsigned idle; /* guarded by lock */
	unsigned pending;
	pthread_t tids[MAX_THREADS];
};

static void job_done(void *ctx)
{
	struct work_job *job = ctx;
	struct work *w = job->work;
	struct work_lane *lane = job->lane;

	w->pending--;
	if (lane) {
		struct work_job *next = lane->head;

		lane->busy = false;
		if (next) {
			lane->head = next->next;
			if (!lane->head)
				lane->tail = &lane->head;
			w->pending--; /* work_submit counts it again */
			work_submit(w, lane, next);
		}
	}
	job->done(job); /* may submit more */
	if (w->draining && w->pending == 0)
		loop_stop(w->loop);
}

static struct work_job *take(struct work *w)
{
	struct work_job *job;

	(void)pthread_mutex_lock(&w->lock);
	w->idle++;
	while (!w->head && !w->stop)
		(void)pthread_cond_wait(&w->wake, &w->lock);
	w->idle--;
	job = w->head;
	if (job) {
		w->head = job->next;
		if (!w->head)
			w->tail = &w->head;
	}
	(void)pthread_mutex_unlock(&w->lock);
	return job;
}

static void *worker(void *arg)
{
	struct work *w = arg;
	struct work_job *job;

	while ((job = take(w))) {
		job->run(job);
		job->post.fn = job_done;
		job->post.ctx = job;
		loop_post(w->loop, &job->post);
	}
	return NULL;
}

static unsigned default_threads(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	if (n < 1)
		return 1;
	return n > MAX_THREADS ? MAX_THREADS : (unsigned)n;
}

struct work *work_new(struct loop *l, unsigned threads, struct err *e)
{
	struct work *w = calloc(1, sizeof(*w));

	if (!w) {
		(void)err_fail(e, ERR_NOMEM, "workers");
		return NULL;
	}
	if (threads == 0 || threads > MAX_THREADS)
		threads = default_threads();
	w->loop = l;
	w->tail = &w->head;
	(void)pthread_mutex_init(&w->lock, NULL);
	(void)pthread_cond_init(&w->wake, NULL);
	while (w->threads < threads &&
	       pthread_create(&w->tids[w->threads], NULL, worker, w) == 0)
		w->threads++;
	if (w->threads == 0) {
		work_free(w);
		(void)err_fail(e, ERR_IO, "cannot start a worker thread");
		return NULL;
	}
	return w;
}

/* Runs the loop until every submitted job has come back. */
static void drain(struct work *w)
{
	w->draining = true;
	while (w->pending > 0)
		loop_run(w->loop);
}

void work_free(struct work *w)
{
	if (!w)
		return;
	drain(w);
	(void)pthread_mutex_lock(&w->lock);
	w->stop = true;
	(void)pthread_cond_broadcast(&w->wake);
	(void)pthread_mutex_unlock(&w->lock);
	for (unsigned i = 0; i < w->threads; i++)
		(void)pthread_join(w->tids[i], NULL);
	(void)pthread_cond_destroy(&w->wake);
	(void)pthread_mutex_destroy(&w->lock);
	free(w);
}

void work_submit(struct work *w, struct work_lane *lane, struct work_job *job)
{
	job->work = w;
	job->lane = lane;
	job->next = NULL;
	w->pending++;
	if (lane && lane->busy) {
		if (!lane->head)
			lane->tail = &lane->head;
		*lane->tail = job;
		lane->tail = &job->next;
		return;
	}
	if (lane)
		lane->busy = true;
	(void)pthread_mutex_lock(&w->lock);
	*w->tail = job;
	w->tail = &job->next;
	if (w->idle)
		(void)pthread_cond_signal(&w->wake);
	(void)pthread_mutex_unlock(&w->lock);
}

unsigned work_threads(const struct work *w)
{
	return w->threads;
}

unsigned work_pending(const struct work *w)
{
	return w->pending;
}
