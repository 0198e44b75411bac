#include "node/renter/renter_link.h"

#include "node/money/money.h"
#include "storage/rent/renter_placement.h"

#include <stdlib.h>
#include <string.h>

#define ASKED_MAX 64U /* hosts that are asked for a record */

enum look_phase { LOOK_SCOUT, LOOK_OWNER, LOOK_STEWARD };

struct asking {
	struct link_look *look;
	struct rent_peer *peer;
	struct rent_call *call; /* NULL: ended */
};

struct link_look {
	struct renter *renter;
	link_look_fn *fn;
	void *ctx;
	struct linked *found;
	bool shown;
	struct scout *scout;
	struct rent_listener listener;
	struct loop_timer *timer;
	enum look_phase phase;
	struct address hosts[ASKED_MAX];
	unsigned hosts_n;
	struct asking asking[ASKED_MAX];
	unsigned n, open, forged;
	bool ended, told;
	struct err why;
};

void linked_free(struct linked *l)
{
	if (!l)
		return;
	placement_free(l->placement);
	object_keys_clear(&l->keys);
	free(l->additions);
	free(l);
}

/* ---- ending ---- */

static void end(struct link_look *l)
{
	l->ended = true;
	loop_timer_set(l->timer, 0);
}

static void cancel_all(struct link_look *l)
{
	for (unsigned i = 0; i < l->n; i++)
		if (l->asking[i].call)
			rent_call_cancel(l->asking[i].call);
	l->n = l->open = 0;
}

static void tell(struct link_look *l)
{
	struct linked *found = l->found;
	struct err why = l->why; /* l may be gone when it is read */

	l->told = true;
	l->found = NULL;
	if (why.code != ERR_NONE) {
		linked_free(found);
		l->fn(l->ctx, NULL, &why);
	} else {
		l->fn(l->ctx, found, NULL);
	}
}

/* ---- records ---- */

static void take_owner(struct link_look *l, const struct rent_result *r)
{
	struct linked *f = l->found;
	struct placement *p = NULL;
	uint64_t sequence;

	if (renter_placement_open(&p, &sequence, &f->keys, r->data, r->len,
				  NULL) != ERR_NONE) {
		l->forged++;
		return;
	}
	if (f->placement && sequence <= f->sequence) {
		placement_free(p);
		return;
	}
	placement_free(f->placement);
	f->placement = p;
	f->sequence = sequence;
	if (f->keys.access < OBJECT_REPAIR)
		memcpy(f->keys.steward_pk, p->steward_pk,
		       sizeof(f->keys.steward_pk));
}

/* So that who adds to them can say them again. */
static void keep_additions(struct linked *f, const struct placement_addition *a,
			   size_t n)
{
	struct placement_addition *all;

	if (n == 0 || n > PLACEMENT_ADDITIONS_MAX - f->additions_n)
		return;
	all = realloc(f->additions, (f->additions_n + n) * sizeof(*all));
	if (!all)
		return;
	memcpy(all + f->additions_n, a, n * sizeof(*a));
	f->additions = all;
	f->additions_n += n;
}

/* All of them are merged: each adds places, none takes any away. A sequence
 * that is seen again is of the same record. */
static void take_steward(struct link_look *l, const struct rent_result *r)
{
	struct linked *f = l->found;
	struct placement_addition *a = NULL;
	uint64_t sequence;
	size_t n;

	if (renter_additions_open(&a, &n, &sequence, f->placement, &f->keys,
				  r->data, r->len, NULL) != ERR_NONE)
		return;
	(void)placement_merge(f->placement, a, n);
	if (sequence != f->steward_sequence)
		keep_additions(f, a, n);
	if (sequence > f->steward_sequence)
		f->steward_sequence = sequence;
	free(a);
}

static void go_on(struct link_look *l);

static void on_record(void *ctx, const struct rent_result *r)
{
	struct asking *a = ctx;
	struct link_look *l = a->look;

	a->call = NULL;
	l->open--;
	if (r->fate == RENT_DONE && l->phase == LOOK_OWNER)
		take_owner(l, r);
	else if (r->fate == RENT_DONE)
		take_steward(l, r);
	go_on(l);
}

static void ask(struct link_look *l, const struct address *host,
		const uint8_t id[32])
{
	struct asking *a = &l->asking[l->n];

	if (l->n == ASKED_MAX)
		return;
	*a = (struct asking){.look = l};
	a->peer = rent_peers_get(l->renter->peers, host, l->shown);
	if (!a->peer || rent_peer_is_gone(a->peer) ||
	    (l->phase == LOOK_STEWARD && rent_peer_is_away(a->peer)))
		return;
	a->call = rent_call_fetch(rent_peer_client(a->peer), id, on_record, a,
				  NULL);
	if (!a->call)
		return;
	l->n++;
	l->open++;
	rent_peer_wake(a->peer);
}

static void ask_owner(struct link_look *l)
{
	l->phase = LOOK_OWNER;
	loop_timer_set(l->timer, LINK_LOOK_MS);
	for (unsigned i = 0; i < l->hosts_n; i++)
		ask(l, &l->hosts[i], l->found->keys.owner_pk);
	go_on(l);
}

static void ask_steward(struct link_look *l)
{
	const struct placement *p = l->found->placement;

	l->phase = LOOK_STEWARD;
	l->n = 0;
	loop_timer_set(l->timer, LINK_LOOK_MS);
	for (unsigned i = 0; i < p->hosts_n; i++)
		ask(l, &p->hosts[i], l->found->keys.steward_pk);
	go_on(l);
}

static void fail_owner(struct link_look *l)
{
	if (l->forged)
		(void)err_fail(&l->why, ERR_SIG,
			       "%u hosts gave records that are not its "
			       "owner's",
			       l->forged);
	else
		(void)err_fail(&l->why, ERR_STATE,
			       "no host that is known has its records; --host "
			       "IP:PORT names one to begin with");
	end(l);
}

static void go_on(struct link_look *l)
{
	if (l->ended || l->open > 0)
		return;
	if (l->phase == LOOK_STEWARD)
		end(l);
	else if (!l->found->placement)
		fail_owner(l);
	else
		ask_steward(l);
}

static void on_peer(void *ctx, struct rent_peer *p, enum rent_peer_event ev,
		    const char *why)
{
	struct link_look *l = ctx;
	bool any = false;

	(void)why;
	if (ev != RENT_PEER_AWAY && ev != RENT_PEER_GONE)
		return;
	for (unsigned i = 0; i < l->n; i++) {
		struct asking *a = &l->asking[i];

		if (a->peer != p || !a->call)
			continue;
		rent_call_cancel(a->call);
		a->call = NULL;
		l->open--;
		any = true;
	}
	if (any)
		go_on(l);
}

static void on_timer(void *ctx)
{
	struct link_look *l = ctx;

	if (l->ended) {
		if (!l->told)
			tell(l); /* l may be gone */
		return;
	}
	cancel_all(l); /* the time is up: with what there is */
	go_on(l);
}

static void on_scouted(void *ctx)
{
	struct link_look *l = ctx;

	scout_free(l->scout);
	l->scout = NULL;
	ask_owner(l);
}

/* ---- life ---- */

static enum err_code look_new(struct link_look **out, struct renter *r,
			      link_look_fn *fn, void *ctx, struct err *e)
{
	struct link_look *l = calloc(1, sizeof(*l));

	if (l) {
		l->renter = r;
		l->fn = fn;
		l->ctx = ctx;
		l->found = calloc(1, sizeof(*l->found));
		l->timer = loop_timer_new(r->engine->loop, on_timer, l);
	}
	if (!l || !l->found || !l->timer) {
		if (l) {
			free(l->found);
			loop_timer_free(l->timer);
		}
		free(l);
		return err_fail(e, ERR_NOMEM, "a link");
	}
	l->listener = (struct rent_listener){.ctx = l, .event = on_peer};
	rent_peers_listen(r->peers, &l->listener);
	*out = l;
	return ERR_NONE;
}

static enum err_code read_link(struct link_look *l, const char *text,
			       struct err *e)
{
	const struct signer_domain *d = &l->renter->engine->money->domain;
	struct object_link *link = &l->found->link;
	enum err_code code = link_decode(link, text, e);

	if (code != ERR_NONE)
		return code;
	if (link->chain != d->chain_id || !address_eq(&link->bank, &d->bank))
		return err_fail(e, ERR_STATE,
				"the link is of another chain or bank");
	link_to_keys(&l->found->keys, link);
	memcpy(l->hosts, link->hosts, link->hosts_n * sizeof(*l->hosts));
	l->hosts_n = link->hosts_n;
	return ERR_NONE;
}

enum err_code link_look_start(struct link_look **out, struct renter *r,
			      const char *text, const struct scout_cfg *scout,
			      link_look_fn *fn, void *ctx, struct err *e)
{
	struct link_look *l = NULL;
	enum err_code code = look_new(&l, r, fn, ctx, e);

	if (code != ERR_NONE)
		return code;
	code = read_link(l, text, e);
	if (code == ERR_NONE && scout->named_n)
		code = scout_start(&l->scout, r, scout, on_scouted, l, e);
	if (code != ERR_NONE) {
		link_look_free(l);
		return code;
	}
	*out = l;
	if (!scout->named_n)
		ask_owner(l);
	return ERR_NONE;
}

enum err_code link_look_own(struct link_look **out, struct renter *r,
			    const struct object_keys *keys,
			    const struct address *hosts, unsigned hosts_n,
			    link_look_fn *fn, void *ctx, struct err *e)
{
	struct link_look *l = NULL;
	enum err_code code = look_new(&l, r, fn, ctx, e);

	if (code != ERR_NONE)
		return code;
	l->shown = true;
	l->found->keys = *keys;
	l->hosts_n = hosts_n < ASKED_MAX ? hosts_n : ASKED_MAX;
	memcpy(l->hosts, hosts, l->hosts_n * sizeof(*hosts));
	*out = l;
	ask_owner(l);
	return ERR_NONE;
}

void link_look_free(struct link_look *l)
{
	if (!l)
		return;
	rent_peers_unlisten(l->renter->peers, &l->listener);
	cancel_all(l);
	scout_free(l->scout);
	linked_free(l->found);
	loop_timer_free(l->timer);
	free(l);
}
