#include "node/renter/renter_recall.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICK_MS 500

/* One host while it is asked. */
struct asking {
	struct recall *all;
	struct recall_host *host;
	struct rent_peer *peer; /* NULL: not begun */
	struct rent_call *call;
	uint32_t at; /* its lease under way */
	bool ended;
	int64_t since_ms; /* of the last that it did */
};

struct recall {
	struct renter *renter;
	const struct recall_ops *ops;
	void *ctx;
	struct recalled found;
	struct asking *asking; /* heap, one for each host */
	size_t begun, done;
	struct loop_timer *timer;
	struct rent_listener listener;
	uint8_t head_key[OBJECT_KEY_LEN];
	bool told;
};

static int64_t now_of(const struct recall *q)
{
	return loop_now_ms(q->renter->engine->loop);
}

static void note(struct asking *a, const char *why)
{
	if (!a->host->why[0])
		(void)snprintf(a->host->why, sizeof(a->host->why), "%.*s",
			       (int)sizeof(a->host->why) - 1, why ? why : "");
}

static void host_end(struct asking *a)
{
	struct recall *q = a->all;

	if (a->ended)
		return;
	if (a->call)
		rent_call_cancel(a->call);
	a->call = NULL;
	a->ended = true;
	q->done++;
	q->ops->host(q->ctx, a->host, q->done, q->found.hosts_n);
	loop_timer_set(q->timer, 0);
}

/* ---- heads ---- */

bool recall_take_head(struct recall_host *h,
		      const uint8_t head_key[OBJECT_KEY_LEN],
		      const uint8_t *record, size_t len)
{
	struct object_head head;

	if (head_open(&head, head_key, record, len, NULL) != ERR_NONE)
		return false;
	h->head = head;
	h->has_head = true;
	return true;
}

const struct recall_host *recall_best(const struct recalled *all)
{
	const struct recall_host *best = NULL;

	for (size_t i = 0; i < all->hosts_n; i++) {
		const struct recall_host *h = &all->hosts[i];

		if (h->has_head &&
		    (!best || h->head.sequence > best->head.sequence))
			best = h;
	}
	return best;
}

/* ---- agreements ---- */

static struct recall_lease *lease_of(const struct asking *a)
{
	return &a->all->found.leases[a->host->first + a->at];
}

static void next_lease(struct asking *a);

/* The host is there, whatever it says; false: it is not. */
static bool answered(struct asking *a, const struct rent_result *r)
{
	a->call = NULL;
	a->since_ms = now_of(a->all);
	if (r->fate == RENT_DONE || r->fate == RENT_REFUSED) {
		a->host->reached = true;
		return true;
	}
	note(a, r->why);
	host_end(a);
	return false;
}

static void on_list(void *ctx, const struct rent_result *r)
{
	struct asking *a = ctx;
	struct recall_lease *l;

	if (!answered(a, r))
		return;
	l = lease_of(a);
	if (r->fate == RENT_DONE && r->n_roots == l->revision.a.sectors)
		l->roots = malloc(((size_t)r->n_roots + 1) * sizeof(*l->roots));
	if (l->roots) {
		memcpy(l->roots, r->roots, r->n_roots * sizeof(*l->roots));
		l->held = true;
	} else {
		note(a, r->why ? r->why : "its list of sectors is not whole");
	}
	a->at++;
	next_lease(a);
}

static void ask_list(struct asking *a)
{
	struct err e = {0};

	a->call = rent_call_list(rent_peer_client(a->peer),
				 &lease_of(a)->revision.a, on_list, a, &e);
	if (a->call)
		return;
	note(a, e.msg);
	a->at++;
	next_lease(a);
}

/* Is it one that we can go on from? */
static bool fits(struct asking *a, const struct rent_result *r)
{
	const struct recall_lease *l = lease_of(a);
	struct err e = {0};

	if (r->fate == RENT_REFUSED) {
		note(a, r->why);
		return false;
	}
	if (lease_check(&l->lease, &r->revision->a, &e) != ERR_NONE) {
		note(a, e.msg);
		renter_met(a->all->renter, &a->host->address, false, 0);
		return false;
	}
	return !l->known ||
	       r->revision->a.revision == l->known->signed_.revision;
}

static void on_newest(void *ctx, const struct rent_result *r)
{
	struct asking *a = ctx;

	if (!answered(a, r))
		return;
	if (fits(a, r)) {
		lease_of(a)->revision = *r->revision;
		ask_list(a);
	} else {
		a->at++;
		next_lease(a);
	}
}

static void next_lease(struct asking *a)
{
	struct err e = {0};
	const struct recall_lease *l;

	if (a->at == a->host->n) {
		host_end(a);
		return;
	}
	l = lease_of(a);
	a->call = rent_call_newest(rent_peer_client(a->peer), l->lease.number,
				   l->known ? &l->known->signed_ : NULL,
				   on_newest, a, &e);
	if (!a->call) {
		note(a, e.msg);
		host_end(a);
	}
}

static void on_head(void *ctx, const struct rent_result *r)
{
	struct asking *a = ctx;

	if (!answered(a, r))
		return;
	if (r->fate == RENT_DONE &&
	    !recall_take_head(a->host, a->all->head_key, r->data, r->len)) {
		note(a, "its head record is not ours");
		renter_met(a->all->renter, &a->host->address, false, 0);
	}
	next_lease(a);
}

/* ---- hosts ---- */

static void begin(struct asking *a)
{
	struct recall *q = a->all;
	struct err e = {0};

	a->since_ms = now_of(q);
	a->peer = rent_peers_get(q->renter->peers, &a->host->address, true);
	if (!a->peer || rent_peer_is_gone(a->peer)) {
		note(a, a->peer ? rent_peer_why(a->peer) : "too many hosts");
		host_end(a);
		return;
	}
	a->call = rent_call_head(rent_peer_client(a->peer), on_head, a, &e);
	if (!a->call) {
		note(a, e.msg);
		host_end(a);
		return;
	}
	rent_peer_wake(a->peer);
}

static void on_peer(void *ctx, struct rent_peer *p, enum rent_peer_event ev,
		    const char *why)
{
	struct recall *q = ctx;

	if (ev != RENT_PEER_AWAY && ev != RENT_PEER_GONE)
		return;
	for (size_t i = 0; i < q->begun; i++) {
		struct asking *a = &q->asking[i];

		if (a->peer != p || a->ended)
			continue;
		note(a, why);
		host_end(a);
	}
}

static void on_timer(void *ctx)
{
	struct recall *q = ctx;
	const int64_t now = now_of(q);

	while (q->begun < q->found.hosts_n && q->begun - q->done < RECALL_HOSTS)
		begin(&q->asking[q->begun++]);
	for (size_t i = 0; i < q->begun; i++) {
		struct asking *a = &q->asking[i];

		if (a->ended || rent_peer_is_up(a->peer) ||
		    now - a->since_ms < RECALL_REACH_MS)
			continue;
		note(a, "it does not answer");
		host_end(a);
	}
	if (q->done < q->found.hosts_n) {
		loop_timer_set(q->timer,
			       q->begun - q->done < RECALL_HOSTS &&
					       q->begun < q->found.hosts_n
				       ? 0
				       : TICK_MS);
	} else if (!q->told) {
		q->told = true;
		q->ops->ended(q->ctx); /* q may be gone */
	}
}

/* ---- life ---- */

static enum err_code fill(struct recall *q, const struct renter_lease *leases,
			  size_t n, struct err *e)
{
	struct recalled *f = &q->found;

	f->leases = calloc(n + 1, sizeof(*f->leases));
	f->hosts = calloc(n + 1, sizeof(*f->hosts));
	q->asking = calloc(n + 1, sizeof(*q->asking));
	if (!f->leases || !f->hosts || !q->asking)
		return err_fail(e, ERR_NOMEM, "hosts");
	f->leases_n = n;
	for (size_t i = 0; i < n; i++) {
		struct recall_host *h = &f->hosts[f->hosts_n];

		f->leases[i].lease = leases[i];
		if (i == 0 || !address_eq(&h[-1].address, &leases[i].host)) {
			h->address = leases[i].host;
			h->first = (uint32_t)i;
			q->asking[f->hosts_n] =
				(struct asking){.all = q, .host = h};
			f->hosts_n++;
			h++;
		}
		h[-1].n++;
	}
	return ERR_NONE;
}

enum err_code recall_start(struct recall **out, struct renter *r,
			   const struct renter_lease *leases, size_t n,
			   const struct recall_ops *ops, void *ctx,
			   struct err *e)
{
	struct recall *q = calloc(1, sizeof(*q));
	enum err_code code;

	if (!q)
		return err_fail(e, ERR_NOMEM, "hosts");
	q->renter = r;
	q->ops = ops;
	q->ctx = ctx;
	q->listener = (struct rent_listener){.ctx = q, .event = on_peer};
	rent_peers_listen(r->peers, &q->listener);
	object_head_key(q->head_key, r->master);
	q->timer = loop_timer_new(r->engine->loop, on_timer, q);
	code = q->timer ? fill(q, leases, n, e)
			: err_fail(e, ERR_NOMEM, "hosts");
	if (code != ERR_NONE) {
		recall_free(q);
		return code;
	}
	loop_timer_set(q->timer, 0);
	*out = q;
	return ERR_NONE;
}

struct recalled *recall_all(struct recall *q)
{
	return &q->found;
}

void recall_free(struct recall *q)
{
	if (!q)
		return;
	rent_peers_unlisten(q->renter->peers, &q->listener);
	for (size_t i = 0; i < q->begun; i++)
		if (q->asking[i].call)
			rent_call_cancel(q->asking[i].call);
	for (size_t i = 0; i < q->found.leases_n; i++)
		free(q->found.leases[i].roots);
	loop_timer_free(q->timer);
	sodium_memzero(q->head_key, sizeof(q->head_key));
	for (size_t i = 0; i < q->found.hosts_n; i++)
		sodium_memzero(&q->found.hosts[i].head,
			       sizeof(q->found.hosts[i].head));
	free(q->asking);
	free(q->found.hosts);
	free(q->found.leases);
	free(q);
}
