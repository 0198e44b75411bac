#include "node/renter/renter_lost.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

#define AGREEMENTS_MAX 65536U

struct asking {
	struct lost *all;
	struct rent_peer *peer;
	struct rent_call *call; /* NULL: ended */
	struct address host;
	uint32_t number;
	int64_t agreement;
};

struct lost {
	struct renter *renter;
	lost_fn *fn;
	void *ctx;
	struct rent_listener listener;
	struct loop_timer *timer;
	struct asking *asking; /* heap */
	size_t n, cap, open;
	bool ended, told;
	struct err why;
};

static void end(struct lost *l)
{
	l->ended = true;
	loop_timer_set(l->timer, 0);
}

static void drop(struct lost *l, struct asking *a)
{
	if (!a->call)
		return;
	rent_call_cancel(a->call);
	a->call = NULL;
	l->open--;
}

static void on_timer(void *ctx)
{
	struct lost *l = ctx;

	for (size_t i = 0; i < l->n; i++)
		drop(l, &l->asking[i]);
	if (l->told)
		return;
	l->told = true;
	l->fn(l->ctx, l->why.code == ERR_NONE ? NULL : &l->why);
}

/* ---- marking ---- */

struct marking {
	const struct hash32 *roots;
	size_t n;
	uint32_t *at; /* heap: positions */
	size_t at_n;
};

static bool find_lost(void *ctx, const struct renter_place *p)
{
	struct marking *m = ctx;

	for (size_t i = 0; p->state == SHARD_SIGNED && i < m->n; i++)
		if (memcmp(&m->roots[i], &p->root, sizeof(p->root)) == 0) {
			m->at[m->at_n++] = p->position;
			break;
		}
	return m->at_n < m->n;
}

/* A root may stand in the list more than once: so many are marked as were
 * told. */
static enum err_code mark(struct lost *l, const struct asking *a,
			  const struct rent_result *r, struct err *e)
{
	struct marking m = {.roots = r->roots, .n = r->n_roots};
	struct renter_db *db = l->renter->db;
	enum err_code code;

	if (m.n == 0)
		return ERR_NONE;
	m.at = calloc(m.n, sizeof(*m.at));
	if (!m.at)
		return err_fail(e, ERR_NOMEM, "lost sectors");
	code = renter_db_places_at(db, a->agreement, find_lost, &m, e);
	for (size_t i = 0; code == ERR_NONE && i < m.at_n; i++)
		code = renter_db_mark_place(db, a->agreement, m.at[i],
					    SHARD_LOST, clock_unix_s(), e);
	free(m.at);
	renting_want_commit(l->renter->renting);
	return code;
}

static void on_lost(void *ctx, const struct rent_result *r)
{
	struct asking *a = ctx;
	struct lost *l = a->all;

	a->call = NULL;
	l->open--;
	if (r->fate == RENT_DONE && mark(l, a, r, &l->why) != ERR_NONE)
		end(l);
	else if (l->open == 0)
		end(l);
}

static void on_peer(void *ctx, struct rent_peer *p, enum rent_peer_event ev,
		    const char *why)
{
	struct lost *l = ctx;

	(void)why;
	if (ev != RENT_PEER_AWAY && ev != RENT_PEER_GONE)
		return;
	for (size_t i = 0; i < l->n; i++)
		if (l->asking[i].peer == p)
			drop(l, &l->asking[i]);
	if (l->open == 0)
		end(l);
}

/* ---- asking ---- */

static bool add(void *ctx, const struct renter_agreement *row)
{
	struct lost *l = ctx;

	if (row->state != RENTER_OPENED && row->state != RENTER_UNOPENED)
		return true;
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 64;
		struct asking *more =
			cap > AGREEMENTS_MAX
				? NULL
				: realloc(l->asking, cap * sizeof(*more));

		if (!more) {
			(void)err_fail(&l->why, ERR_NOMEM, "agreements");
			return false;
		}
		l->asking = more;
		l->cap = cap;
	}
	l->asking[l->n++] = (struct asking){.all = l,
					    .host = row->signed_.host,
					    .number = row->signed_.number,
					    .agreement = row->id};
	return true;
}

static void ask(struct lost *l, struct asking *a)
{
	a->peer = rent_peers_get(l->renter->peers, &a->host, true);
	if (!a->peer || rent_peer_is_gone(a->peer) ||
	    rent_peer_is_away(a->peer))
		return;
	l->open++;
	a->call = rent_call_lost(rent_peer_client(a->peer), a->number, on_lost,
				 a, NULL);
	if (a->call)
		rent_peer_wake(a->peer);
	else
		l->open--;
}

enum err_code lost_start(struct lost **out, struct renter *r, lost_fn *fn,
			 void *ctx, struct err *e)
{
	struct lost *l = calloc(1, sizeof(*l));
	enum err_code code = ERR_NONE;

	if (!l)
		return err_fail(e, ERR_NOMEM, "lost sectors");
	l->renter = r;
	l->fn = fn;
	l->ctx = ctx;
	l->timer = loop_timer_new(r->engine->loop, on_timer, l);
	l->listener = (struct rent_listener){.ctx = l, .event = on_peer};
	rent_peers_listen(r->peers, &l->listener);
	if (!l->timer)
		code = err_fail(e, ERR_NOMEM, "lost sectors");
	if (code == ERR_NONE)
		code = renter_db_agreements(r->db, add, l, e);
	if (code == ERR_NONE && l->why.code != ERR_NONE) {
		*e = l->why;
		code = e->code;
	}
	if (code != ERR_NONE) {
		lost_free(l);
		return code;
	}
	loop_timer_set(l->timer, LOST_LIMIT_MS);
	for (size_t i = 0; i < l->n; i++)
		ask(l, &l->asking[i]);
	if (l->open == 0)
		end(l);
	*out = l;
	return ERR_NONE;
}

void lost_free(struct lost *l)
{
	if (!l)
		return;
	rent_peers_unlisten(l->renter->peers, &l->listener);
	for (size_t i = 0; i < l->n; i++)
		drop(l, &l->asking[i]);
	loop_timer_free(l->timer);
	free(l->asking);
	free(l);
}
