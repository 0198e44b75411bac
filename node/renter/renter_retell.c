#include "node/renter/renter_retell.h"

#include "base/clock.h"
#include "node/renter/renter_records.h"

#include <sodium.h>
#include <stdlib.h>

#define AT_A_TIME 64U /* objects: their records are in memory */

struct retell {
	struct renter *renter;
	retell_fn *fn;
	void *ctx;
	struct loop_timer
		*timer; /* portions begin, and the end is told there */
	int64_t *ids;	/* heap */
	size_t n, cap, at, portion;
	bool with_head, noting, ended;
	struct object_head head;
	struct records *records;
	struct retell_result result;
	struct err why;
};

bool retell_is_time(int64_t last_s, int64_t now_s)
{
	return last_s > now_s || now_s - last_s >= RETELL_S;
}

enum err_code retell_is_due(bool *due, struct renter *r, struct err *e)
{
	uint64_t last = 0;
	enum err_code code = renter_db_number(r->db, RENTER_RETOLD, &last, e);

	*due = code == ERR_NONE &&
	       retell_is_time((int64_t)last, clock_unix_s());
	return code;
}

/* ---- what there is ---- */

static bool add_object(void *ctx, const struct renter_object *o)
{
	struct retell *t = ctx;

	if (o->state != RENTER_STORED)
		return true;
	if (t->n == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : AT_A_TIME;
		int64_t *more = realloc(t->ids, cap * sizeof(*more));

		if (!more) {
			(void)err_fail(&t->why, ERR_NOMEM, "records");
			return false;
		}
		t->ids = more;
		t->cap = cap;
	}
	t->ids[t->n++] = o->id;
	return true;
}

static enum err_code collect(struct retell *t, struct err *e)
{
	enum err_code code = renter_db_objects(t->renter->db, add_object, t, e);

	if (code == ERR_NONE && t->why.code != ERR_NONE) {
		*e = t->why;
		code = e->code;
	}
	return code == ERR_NONE
		       ? records_head(t->renter, &t->head, &t->with_head, e)
		       : code;
}

/* ---- telling it ---- */

static void end(struct retell *t, const struct err *why)
{
	t->ended = true;
	if (why)
		t->why = *why;
	loop_timer_set(t->timer, 0);
}

static void on_told(void *ctx, const struct records_result *r,
		    const struct err *error)
{
	struct retell *t = ctx;
	struct err e = {0};

	t->result.hosts += r->hosts;
	t->result.told += r->told;
	t->result.objects += (unsigned)t->portion;
	if (error)
		e = *error; /* it is the records', which go now */
	records_free(t->records);
	t->records = NULL;
	t->at += t->portion;
	if (e.code != ERR_NONE)
		end(t, &e);
	else
		loop_timer_set(t->timer, 0);
}

/* One of which something is not noted is passed over, alone. */
static void tell_next(struct retell *t)
{
	const struct object_head *head = t->with_head ? &t->head : NULL;
	size_t most = t->portion == 1 ? 1 : AT_A_TIME;
	struct err e = {0};
	enum err_code code;

	t->portion = t->n - t->at < most ? t->n - t->at : most;
	code = records_start(&t->records, t->renter, t->ids + t->at, t->portion,
			     head, on_told, t, &e);
	if (code == ERR_STATE && t->portion > 1) {
		t->portion = 1;
	} else if (code == ERR_STATE) {
		t->result.left++;
		t->at++;
	} else if (code != ERR_NONE) {
		end(t, &e);
	}
	if (code == ERR_STATE)
		loop_timer_set(t->timer, 0);
}

static void note(struct retell *t)
{
	struct err e = {0};

	if (t->result.told * 2 < t->result.hosts)
		(void)err_fail(&e, ERR_STATE,
			       "only %u of %u hosts took the records of where "
			       "the sectors lie",
			       t->result.told, t->result.hosts);
	else
		(void)!renter_db_set_number(t->renter->db, RENTER_RETOLD,
					    (uint64_t)clock_unix_s(), &e);
	if (e.code != ERR_NONE) {
		end(t, &e);
		return;
	}
	t->noting = true;
	renting_want_commit(t->renter->renting);
}

static void on_commit(void *ctx, bool ok)
{
	struct retell *t = ctx;
	struct err e = {0};

	if (!t->noting)
		return;
	t->noting = false;
	if (!ok)
		(void)err_fail(&e, ERR_DB, "renter.db could not be written");
	end(t, ok ? NULL : &e);
}

static void on_timer(void *ctx)
{
	struct retell *t = ctx;

	if (t->ended) {
		const struct retell_result result = t->result;
		const struct err why = t->why; /* t may go while it is read */

		t->fn(t->ctx, &result, why.code == ERR_NONE ? NULL : &why);
	} else if (t->at < t->n) {
		tell_next(t);
	} else {
		note(t);
	}
}

/* ---- life ---- */

enum err_code retell_start(struct retell **out, struct renter *r, retell_fn *fn,
			   void *ctx, struct err *e)
{
	struct retell *t = calloc(1, sizeof(*t));
	enum err_code code = ERR_NONE;

	if (t)
		t->timer = loop_timer_new(r->engine->loop, on_timer, t);
	if (!t || !t->timer) {
		free(t);
		return err_fail(e, ERR_NOMEM, "records");
	}
	t->renter = r;
	t->fn = fn;
	t->ctx = ctx;
	code = collect(t, e);
	if (code != ERR_NONE) {
		retell_free(t);
		return code;
	}
	renting_on_commit(r->renting, on_commit, t);
	loop_timer_set(t->timer, 0);
	*out = t;
	return ERR_NONE;
}

void retell_free(struct retell *t)
{
	if (!t)
		return;
	renting_forget(t->renter->renting, t);
	records_free(t->records);
	loop_timer_free(t->timer);
	sodium_memzero(&t->head, sizeof(t->head));
	free(t->ids);
	free(t);
}
