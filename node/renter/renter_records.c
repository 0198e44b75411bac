#include "node/renter/renter_records.h"

#include "base/clock.h"
#include "storage/rent/renter_placement.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define AT_A_TIME 4U /* hosts: each takes copies of the records */
#define TICK_MS 500

struct record {
	uint8_t id[OBJECT_KEY_LEN]; /* whose key signed it */
	uint64_t sequence;
	uint8_t *bytes; /* heap */
	size_t len;
	struct address *hosts; /* heap, rising */
	unsigned hosts_n;
};

struct told { /* one call */
	struct target *target;
	bool head;
	struct rent_call *call; /* NULL: ended */
};

struct target { /* one host */
	struct records *all;
	struct address host;
	struct rent_peer *peer;
	struct told *calls; /* heap, while begun */
	size_t n_calls, left;
	bool begun, ended, failed, newer;
	int64_t since_ms;
};

struct records {
	struct renter *renter;
	records_fn *fn;
	void *ctx;
	struct loop_timer *timer;
	struct rent_listener listener;
	struct record record[RECORDS_OBJECTS_MAX * 2]; /* the stewards' too */
	size_t n;
	bool with_head;
	uint64_t head_sequence;
	uint8_t head[HEAD_LEN];
	struct target *targets; /* heap */
	unsigned n_targets, running;
	bool committed, ended;
	struct err why;
};

/* ---- making them ---- */

static enum err_code copy_hosts(struct record *out, const struct address *hosts,
				unsigned n, struct err *e)
{
	out->hosts = calloc(n + 1U, sizeof(*out->hosts));
	if (!out->hosts)
		return err_fail(e, ERR_NOMEM, "a record");
	memcpy(out->hosts, hosts, n * sizeof(*hosts));
	out->hosts_n = n;
	return ERR_NONE;
}

/* What stewards say has to begin somewhere. */
static enum err_code seal_empty(struct record *out,
				const struct object_keys *keys,
				const struct placement *p, struct err *e)
{
	struct placement_addition none = {0};
	struct rng rng = rng_system();
	enum err_code code = renter_additions_seal(&out->bytes, &out->len, keys,
						   1, &none, 0, &rng, e);

	out->sequence = 1;
	memcpy(out->id, keys->steward_pk, sizeof(out->id));
	return code == ERR_NONE ? copy_hosts(out, p->hosts, p->hosts_n, e)
				: code;
}

/* Two: the owner's and the stewards'. */
static enum err_code seal_record(struct records *s, struct record *out,
				 struct renter_object *o, struct err *e)
{
	struct renter *r = s->renter;
	struct rng rng = rng_system();
	struct object_keys keys;
	struct placement *p = NULL;
	enum err_code code = renter_unwrap_key(&keys, o, r->master, e);

	if (code == ERR_NONE)
		code = renter_placement(&p, r->db, o, &keys,
					RENTER_COUNT_STAGED, e);
	o->sequence++;
	if (code == ERR_NONE)
		code = renter_placement_seal(&out->bytes, &out->len, p, &keys,
					     r->master, o->sequence, &rng, e);
	if (code == ERR_NONE) {
		memcpy(out->id, keys.owner_pk, sizeof(out->id));
		out->sequence = o->sequence;
		code = copy_hosts(out, p->hosts, p->hosts_n, e);
	}
	if (code == ERR_NONE)
		code = seal_empty(out + 1, &keys, p, e);
	placement_free(p);
	object_keys_clear(&keys);
	return code;
}

static enum err_code add_record(struct records *s, int64_t id, struct err *e)
{
	struct renter_object o;
	enum err_code code = renter_db_object(s->renter->db, id, &o, e);

	if (code == ERR_NONE)
		code = seal_record(s, &s->record[s->n], &o, e);
	s->n += 2;
	if (code == ERR_NONE)
		code = renter_db_set_object(s->renter->db, &o, e);
	return code;
}

static enum err_code add_targets(struct records *s, struct err *e)
{
	size_t most = 0;

	for (size_t i = 0; i < s->n; i++)
		most += s->record[i].hosts_n;
	s->targets = calloc(most + 1, sizeof(*s->targets));
	if (!s->targets)
		return err_fail(e, ERR_NOMEM, "records");
	for (size_t i = 0; i < s->n; i++)
		for (unsigned h = 0; h < s->record[i].hosts_n; h++) {
			const struct address *a = &s->record[i].hosts[h];
			unsigned t = 0;

			while (t < s->n_targets &&
			       !address_eq(&s->targets[t].host, a))
				t++;
			if (t == s->n_targets)
				s->targets[s->n_targets++] =
					(struct target){.all = s, .host = *a};
		}
	return ERR_NONE;
}

/* ---- telling them ---- */

/* What has not ended is not wanted any more. */
static void drop_calls(struct target *t)
{
	for (size_t i = 0; i < t->n_calls; i++)
		if (t->calls[i].call)
			rent_call_cancel(t->calls[i].call);
	free(t->calls);
	t->calls = NULL;
	t->n_calls = 0;
}

static void target_end(struct target *t, bool failed)
{
	if (t->ended)
		return;
	drop_calls(t);
	t->ended = true;
	t->failed = failed;
	t->all->running--;
	loop_timer_set(t->all->timer, 0);
}

static void on_told(void *ctx, const struct rent_result *r)
{
	struct told *told = ctx;
	struct target *t = told->target;

	told->call = NULL;
	t->left--;
	t->newer |=
		told->head && r->fate == RENT_REFUSED && r->code == RENT_NO_OLD;
	/* OLD: what is there is newer, or this very one */
	if (r->fate != RENT_DONE &&
	    !(r->fate == RENT_REFUSED && r->code == RENT_NO_OLD))
		t->failed = true;
	if (t->left == 0)
		target_end(t, t->failed);
}

static bool holds(const struct record *r, const struct address *host)
{
	for (unsigned i = 0; i < r->hosts_n; i++)
		if (address_eq(&r->hosts[i], host))
			return true;
	return false;
}

static struct rent_call *place(const struct record *r, struct rent_client *c,
			       struct told *k)
{
	return rent_call_place(c, r->id, r->sequence, r->bytes,
			       (uint32_t)r->len, on_told, k, NULL);
}

static void begin(struct target *t)
{
	struct records *s = t->all;
	struct rent_client *c;
	struct told *k;

	t->begun = true;
	t->since_ms = loop_now_ms(s->renter->engine->loop);
	s->running++;
	t->peer = rent_peers_get(s->renter->peers, &t->host, true);
	t->calls = calloc(s->n + 1, sizeof(*t->calls));
	if (!t->calls || !t->peer || rent_peer_is_gone(t->peer)) {
		target_end(t, true);
		return;
	}
	c = rent_peer_client(t->peer);
	for (size_t i = 0; i <= s->n; i++) {
		k = &t->calls[t->n_calls];
		*k = (struct told){.target = t, .head = i == s->n};
		if (i == s->n && s->with_head)
			k->call = rent_call_keep(c, s->head_sequence, s->head,
						 HEAD_LEN, on_told, k, NULL);
		else if (i < s->n && holds(&s->record[i], &t->host))
			k->call = place(&s->record[i], c, k);
		t->n_calls += k->call != NULL;
	}
	t->left = t->n_calls;
	if (t->left == 0)
		target_end(t, true);
	else
		rent_peer_wake(t->peer);
}

static void on_peer(void *ctx, struct rent_peer *p, enum rent_peer_event ev,
		    const char *why)
{
	struct records *s = ctx;

	(void)why;
	if (ev != RENT_PEER_AWAY && ev != RENT_PEER_GONE)
		return;
	for (unsigned i = 0; i < s->n_targets; i++)
		if (s->targets[i].peer == p && s->targets[i].begun)
			target_end(&s->targets[i], true);
}

static void finish(struct records *s)
{
	struct records_result r = {.hosts = s->n_targets};
	struct err why = s->why; /* s may be gone when it is read */

	if (s->ended)
		return;
	s->ended = true;
	for (unsigned i = 0; i < s->n_targets; i++)
		r.told += !s->targets[i].failed;
	for (unsigned i = 0; i < s->n_targets; i++)
		r.newer += s->targets[i].newer;
	s->fn(s->ctx, &r, why.code == ERR_NONE ? NULL : &why);
}

static void go_on(struct records *s)
{
	int64_t now = loop_now_ms(s->renter->engine->loop);
	bool open = false;

	if (s->why.code != ERR_NONE) {
		finish(s);
		return;
	}
	if (!s->committed)
		return;
	for (unsigned i = 0; i < s->n_targets; i++) {
		struct target *t = &s->targets[i];

		if (!t->begun && s->running < AT_A_TIME)
			begin(t);
		if (t->begun && !t->ended &&
		    now - t->since_ms >= RECORDS_HOST_MS)
			target_end(t, true);
		open |= !t->ended;
	}
	if (open)
		loop_timer_set(s->timer, TICK_MS);
	else
		finish(s); /* s may be gone */
}

static void on_timer(void *ctx)
{
	go_on(ctx);
}

static void on_commit(void *ctx, bool ok)
{
	struct records *s = ctx;

	if (s->committed)
		return;
	s->committed = true;
	if (!ok)
		(void)err_fail(&s->why, ERR_DB,
			       "renter.db could not be written");
	loop_timer_set(s->timer, 0);
}

/* ---- life ---- */

static enum err_code prepare(struct records *s, const int64_t *objects,
			     size_t n, const struct object_head *head,
			     struct err *e)
{
	uint8_t key[OBJECT_KEY_LEN];
	struct rng rng = rng_system();
	enum err_code code = ERR_NONE;

	for (size_t i = 0; code == ERR_NONE && i < n; i++)
		code = add_record(s, objects[i], e);
	if (code == ERR_NONE && head) {
		object_head_key(key, s->renter->master);
		s->with_head = true;
		s->head_sequence = head->sequence;
		code = head_seal(s->head, head, key, &rng, e);
		sodium_memzero(key, sizeof(key));
	}
	return code == ERR_NONE ? add_targets(s, e) : code;
}

static enum err_code records_new(struct records **out, struct renter *r,
				 records_fn *fn, void *ctx, struct err *e)
{
	struct records *s = calloc(1, sizeof(*s));

	if (s) {
		s->renter = r;
		s->fn = fn;
		s->ctx = ctx;
		s->timer = loop_timer_new(r->engine->loop, on_timer, s);
	}
	if (!s || !s->timer) {
		free(s);
		return err_fail(e, ERR_NOMEM, "records");
	}
	s->listener = (struct rent_listener){.ctx = s, .event = on_peer};
	rent_peers_listen(r->peers, &s->listener);
	*out = s;
	return ERR_NONE;
}

/* What is made waits for the commit; what is not is gone. Returns code. */
static enum err_code launch(struct records *take, struct records **out,
			    enum err_code code)
{
	struct renting *rent = take->renter->renting;

	if (code != ERR_NONE) {
		records_free(take);
		return code;
	}
	renting_on_commit(rent, on_commit, take);
	renting_want_commit(rent);
	*out = take;
	return ERR_NONE;
}

enum err_code records_start(struct records **out, struct renter *r,
			    const int64_t *objects, size_t n,
			    const struct object_head *head, records_fn *fn,
			    void *ctx, struct err *e)
{
	struct records *s = NULL;
	enum err_code code;

	if (n > RECORDS_OBJECTS_MAX)
		return err_fail(e, ERR_LIMIT, "more than %u objects at a time",
				RECORDS_OBJECTS_MAX);
	code = records_new(&s, r, fn, ctx, e);
	if (code != ERR_NONE)
		return code;
	code = prepare(s, objects, n, head, e);
	return launch(s, out, code);
}

enum err_code records_head(struct renter *r, struct object_head *head,
			   bool *there, struct err *e)
{
	struct renter_object o;
	struct object_keys keys;
	enum err_code code = renter_db_catalogue(r->db, &o, e);

	*there = code == ERR_NONE && o.id;
	if (!*there)
		return code;
	*head = (struct object_head){.k = (uint8_t)o.k,
				     .n = (uint8_t)o.n,
				     .segments = (uint16_t)o.segments,
				     .size = o.size,
				     .time_s = clock_unix_s()};
	code = renter_db_number(r->db, RENTER_CATALOGUE, &head->sequence, e);
	if (code == ERR_NONE)
		code = renter_unwrap_key(&keys, &o, r->master, e);
	if (code != ERR_NONE)
		return code;
	memcpy(head->full, keys.full, sizeof(head->full));
	object_keys_clear(&keys);
	return ERR_NONE;
}

enum err_code records_tell(struct records **out, struct renter *r,
			   const struct records_item *item, records_fn *fn,
			   void *ctx, struct err *e)
{
	struct records *s = NULL;
	enum err_code code = records_new(&s, r, fn, ctx, e);

	if (code != ERR_NONE) {
		free(item->bytes);
		return code;
	}
	memcpy(s->record[0].id, item->id, sizeof(item->id));
	s->record[0].sequence = item->sequence;
	s->record[0].bytes = item->bytes;
	s->record[0].len = item->len;
	s->n = 1;
	code = copy_hosts(&s->record[0], item->hosts, item->hosts_n, e);
	if (code == ERR_NONE)
		code = add_targets(s, e);
	return launch(s, out, code);
}

void records_free(struct records *s)
{
	if (!s)
		return;
	rent_peers_unlisten(s->renter->peers, &s->listener);
	renting_forget(s->renter->renting, s);
	for (size_t i = 0; i < s->n; i++) {
		free(s->record[i].bytes);
		free(s->record[i].hosts);
	}
	for (unsigned i = 0; i < s->n_targets; i++)
		drop_calls(&s->targets[i]);
	free(s->targets);
	loop_timer_free(s->timer);
	free(s);
}
