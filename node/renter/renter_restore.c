#include "node/renter/renter_restore_int.h"

#include "base/address.h"
#include "node/money/money.h"
#include "storage/object/segment.h"
#include "storage/rent/renter_catalogue.h"
#include "storage/rent/renter_placement.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ITEMS_MAX (CATALOGUE_OBJECTS_MAX + 1024U)

static void text_unref(struct restore_text *t)
{
	if (!t || --t->refs > 0)
		return;
	placement_free(t->placement);
	free(t->bytes);
	free(t);
}

static void end(struct restore *x, const struct err *why)
{
	if (x->ended)
		return;
	x->ended = true;
	if (why)
		x->why = *why;
	loop_timer_set(x->timer, 0);
}

static void end_state(struct restore *x, const char *text)
{
	struct err e = {0};

	(void)err_fail(&e, ERR_STATE, "%s", text);
	end(x, &e);
}

static void on_timer(void *ctx)
{
	struct restore *x = ctx;

	if (!x->ended || x->told)
		return;
	x->told = true;
	x->ops->ended(x->ctx, &x->result,
		      x->why.code == ERR_NONE ? NULL : &x->why);
}

/* ---- the last steps: commit, and the book ---- */

static void on_book(void *ctx, const struct err *e)
{
	struct restore *x = ctx;
	char line[160];

	if (e) {
		(void)snprintf(line, sizeof(line),
			       "the book follows the chain later: %.110s",
			       e->msg);
		x->ops->step(x->ctx, line);
	}
	end(x, NULL);
}

static void on_commit(void *ctx, bool ok)
{
	struct restore *x = ctx;
	struct err e = {0};

	if (x->phase != RESTORE_COMMIT || x->ended)
		return;
	if (!ok) {
		(void)err_fail(&e, ERR_DB, "renter.db could not be written");
		end(x, &e);
		return;
	}
	x->phase = RESTORE_BOOK;
	x->ops->step(x->ctx, "reading what the agreements hold");
	settle_refresh(x->renter->engine->money->storage.settle, on_book, x);
}

static void keep(struct restore *x)
{
	struct err e = {0};

	x->ops->step(x->ctx, "writing down what was found");
	if (restore_keep(x, &e) != ERR_NONE ||
	    restore_count(x, &e) != ERR_NONE) {
		renter_db_rollback(x->renter->db);
		end(x, &e);
		return;
	}
	x->phase = RESTORE_COMMIT;
	renting_want_commit(x->renter->renting);
}

/* ---- records of objects ---- */

static void tend_looks(struct restore *x);
static void fetch_catalogue(struct restore *x);
static void begin_unopened(struct restore *x);

static void ask_on(struct restore_look *k, struct err *e);

/* Hosts that were not asked yet; none: the next object. */
static void look_done(struct restore_look *k)
{
	struct restore *x = k->all;
	struct err e = {0};

	if (k->asked < x->hosts_n) {
		ask_on(k, &e);
		if (e.code == ERR_NONE)
			return;
	}
	x->looking--;
	if (e.code != ERR_NONE)
		end(x, &e);
	else if (x->phase == RESTORE_CATALOGUE)
		fetch_catalogue(x);
	else
		tend_looks(x);
}

/* What a host made up does not open; of the others the newest counts. */
static void on_look(void *ctx, struct linked *take, const struct err *error)
{
	struct restore_look *k = ctx;
	struct restore_item *item = &k->all->items[k->item];

	link_look_free(k->look);
	k->look = NULL;
	if (!error && (!item->placement || take->sequence > item->sequence)) {
		placement_free(item->placement);
		item->placement = take->placement;
		item->sequence = take->sequence;
		take->placement = NULL;
	}
	linked_free(take);
	look_done(k);
}

static void ask_on(struct restore_look *k, struct err *e)
{
	struct restore *x = k->all;
	size_t n = x->hosts_n - k->asked;
	const struct address *hosts = &x->hosts[k->asked];
	struct object_keys keys;

	n = n < RESTORE_ASKED ? n : RESTORE_ASKED;
	k->asked += n;
	if (renter_unwrap_key(&keys, &x->items[k->item].o, x->renter->master,
			      e) == ERR_NONE)
		(void)!link_look_own(&k->look, x->renter, &keys, hosts,
				     (unsigned)n, on_look, k, e);
	object_keys_clear(&keys);
}

static void look(struct restore *x, struct restore_look *k, size_t item)
{
	struct err e = {0};

	*k = (struct restore_look){.all = x, .item = item};
	x->looking++;
	ask_on(k, &e);
	if (e.code != ERR_NONE)
		end(x, &e);
}

static void tend_looks(struct restore *x)
{
	for (size_t i = 0; i < RESTORE_LOOKS && !x->ended; i++)
		if (!x->looks[i].look && x->next_item < x->items_n)
			look(x, &x->looks[i], x->next_item++);
	if (!x->ended && x->looking == 0)
		keep(x);
}

static void begin_records(struct restore *x)
{
	char line[160];

	(void)snprintf(line, sizeof(line),
		       "asking %zu hosts where the sectors of %zu objects lie",
		       x->hosts_n, x->items_n - x->next_item);
	x->ops->step(x->ctx, line);
	x->phase = RESTORE_RECORDS;
	tend_looks(x);
}

static enum err_code add_item(struct restore *x, const struct renter_object *o,
			      struct err *e)
{
	if (x->items_n == x->items_cap) {
		size_t cap = x->items_cap ? x->items_cap * 2 : 64;
		struct restore_item *more =
			realloc(x->items, cap * sizeof(*more));

		if (!more || cap > 2 * ITEMS_MAX)
			return err_fail(e, ERR_NOMEM, "objects");
		x->items = more;
		x->items_cap = cap;
	}
	x->items[x->items_n++] = (struct restore_item){.o = *o};
	return ERR_NONE;
}

/* ---- the catalogue ---- */

static enum err_code write_text(void *stream, uint64_t off, const uint8_t *p,
				size_t len, struct err *e)
{
	struct restore_text *t = stream;

	if (off > t->len || len > t->len - off)
		return err_fail(e, ERR_LIMIT, "more than the catalogue");
	memcpy(t->bytes + off, p, len);
	return ERR_NONE;
}

static void on_text_freed(void *stream)
{
	text_unref(stream);
}

static enum err_code add_objects(struct restore *x, struct err *e)
{
	struct rng rng = rng_system();
	enum err_code code = ERR_NONE;

	for (uint32_t i = 0; code == ERR_NONE && i < x->catalogue->objects_n;
	     i++) {
		const struct catalogue_object *c = &x->catalogue->objects[i];
		struct renter_object o = {
			.k = c->k, .n = c->n, .segments = c->segments};

		code = renter_wrap_key(&o, NULL, x->renter->master, c->full,
				       &rng, e);
		if (code == ERR_NONE)
			code = add_item(x, &o, e);
	}
	return code;
}

static void on_fetched(void *ctx, const struct err *error)
{
	struct restore *x = ctx;
	struct err e = {0};

	object_get_free(x->fetch);
	x->fetch = NULL;
	if (error) {
		end(x, error);
		return;
	}
	if (catalogue_decode(&x->catalogue, x->text->bytes, x->text->len, &e) !=
		    ERR_NONE ||
	    add_objects(x, &e) != ERR_NONE) {
		end(x, &e);
		return;
	}
	if (x->catalogue->sequence != x->head.sequence)
		end_state(x, "the catalogue is not the one of its head record");
	else
		begin_unopened(x);
}

static const struct object_get_ops fetch_ops = {
	.write = write_text, .freed = on_text_freed, .ended = on_fetched};

static enum err_code make_text(struct restore *x, struct err *e)
{
	struct restore_item *item = &x->items[0];

	x->text = calloc(1, sizeof(*x->text));
	if (!x->text)
		return err_fail(e, ERR_NOMEM, "the catalogue");
	x->text->refs = 1;
	x->text->len = (size_t)x->head.size;
	x->text->bytes = malloc(x->text->len ? x->text->len : 1);
	if (!x->text->bytes)
		return err_fail(e, ERR_NOMEM, "the catalogue");
	x->text->placement = item->placement;
	item->placement = NULL;
	return ERR_NONE;
}

static void fetch_catalogue(struct restore *x)
{
	const struct restore_item *item = &x->items[0];
	struct object_get_cfg cfg = {.len = x->head.size,
				     .shown = true,
				     .ops = &fetch_ops,
				     .ctx = x};
	struct err e = {0};
	enum err_code code;

	if (!item->placement) {
		end_state(x, "no host that answered has the record of the "
			     "catalogue: try again when more of them are up");
		return;
	}
	x->ops->step(x->ctx, "fetching the catalogue");
	code = make_text(x, &e);
	if (code == ERR_NONE)
		code = renter_unwrap_key(&cfg.keys, &item->o, x->renter->master,
					 &e);
	if (code == ERR_NONE) {
		cfg.placement = x->text->placement;
		cfg.stream = x->text;
		x->text->refs++;
		code = object_get_start(&x->fetch, x->renter, &cfg, &e);
		if (code != ERR_NONE)
			text_unref(x->text);
	}
	object_keys_clear(&cfg.keys);
	if (code != ERR_NONE)
		end(x, &e);
}

static void begin_catalogue(struct restore *x)
{
	const struct recall_host *best = recall_best(recall_all(x->recall));
	struct rng rng = rng_system();
	struct renter_object o;
	struct err e = {0};

	if (!best) {
		end_state(x, "no host that answered has a head record of this "
			     "account: try again when more of them are up");
		return;
	}
	x->head = best->head;
	if (x->head.size > CATALOGUE_MAX ||
	    x->head.size >
		    (uint64_t)x->head.segments * segment_plain_len(x->head.k))
		(void)err_fail(&e, ERR_LIMIT, "a catalogue of %llu bytes",
			       (unsigned long long)x->head.size);
	if (e.code != ERR_NONE ||
	    renter_catalogue_object(&o, NULL, &x->head, x->renter->master, &rng,
				    &e) != ERR_NONE ||
	    add_item(x, &o, &e) != ERR_NONE) {
		end(x, &e);
		return;
	}
	x->phase = RESTORE_CATALOGUE;
	look(x, &x->looks[0], x->next_item++);
}

/* ---- hosts ---- */

static void on_host(void *ctx, const struct recall_host *h, size_t done,
		    size_t all)
{
	struct restore *x = ctx;
	char line[320], who[ADDRESS_TEXT_MAX];

	(void)address_text(who, &h->address,
			   x->renter->engine->money->profile.address);
	if (h->reached && !h->why[0])
		(void)snprintf(line, sizeof(line), "%zu of %zu hosts: %s", done,
			       all, who);
	else
		(void)snprintf(line, sizeof(line), "%zu of %zu hosts: %s: %s",
			       done, all, who, h->why);
	x->ops->step(x->ctx, line);
}

/* Those that have the newest head have the catalogue's record, too. */
static enum err_code note_hosts(struct restore *x, struct err *e)
{
	const struct recalled *all = recall_all(x->recall);
	const struct recall_host *best = recall_best(all);
	size_t front = 0;

	x->hosts = calloc(all->hosts_n + 1, sizeof(*x->hosts));
	if (!x->hosts)
		return err_fail(e, ERR_NOMEM, "hosts");
	for (size_t i = 0; i < all->hosts_n; i++) {
		const struct recall_host *h = &all->hosts[i];

		x->result.unreachable += !h->reached;
		if (!h->reached)
			continue;
		x->hosts[x->hosts_n++] = h->address;
		if (h->has_head && h->head.sequence == best->head.sequence) {
			x->hosts[x->hosts_n - 1] = x->hosts[front];
			x->hosts[front++] = h->address;
		}
	}
	x->result.hosts = (unsigned)x->hosts_n;
	return ERR_NONE;
}

static void on_recalled(void *ctx)
{
	struct restore *x = ctx;
	struct err e = {0};

	if (note_hosts(x, &e) != ERR_NONE)
		end(x, &e);
	else if (x->hosts_n == 0)
		end_state(x, "none of the hosts of this account's agreements "
			     "could be reached");
	else if (x->again)
		begin_unopened(x);
	else
		begin_catalogue(x);
}

static const struct recall_ops recall_ops = {.host = on_host,
					     .ended = on_recalled};

const struct renter_agreement *restore_row(const struct restore *x,
					   const struct renter_lease *l)
{
	const struct renter_agreement key = {
		.signed_ = {.host = l->host, .number = l->number}};

	if (x->rows_n == 0)
		return NULL;
	return bsearch(&key, x->rows, x->rows_n, sizeof(key),
		       restore_row_order);
}

/* ---- what the chain does not list ---- */

/* Hosts that were not asked before have records, too. */
static enum err_code note_more_hosts(struct restore *x, struct err *e)
{
	const struct recalled *all = recall_all(x->more);
	struct address *hosts = realloc(
		x->hosts, (x->hosts_n + all->hosts_n + 1) * sizeof(*x->hosts));
	const size_t before = x->hosts_n;

	if (!hosts)
		return err_fail(e, ERR_NOMEM, "hosts");
	x->hosts = hosts;
	for (size_t i = 0; i < all->hosts_n; i++) {
		const struct recall_host *h = &all->hosts[i];
		bool there = !h->reached;

		for (size_t k = 0; !there && k < before; k++)
			there = address_eq(&hosts[k], &h->address);
		if (!there)
			hosts[x->hosts_n++] = h->address;
	}
	x->result.hosts = (unsigned)x->hosts_n;
	return ERR_NONE;
}

static void on_recalled_more(void *ctx)
{
	struct restore *x = ctx;
	struct err e = {0};

	if (note_more_hosts(x, &e) != ERR_NONE)
		end(x, &e);
	else
		begin_records(x);
}

static void begin_unopened(struct restore *x)
{
	static const struct recall_ops ops = {.host = on_host,
					      .ended = on_recalled_more};
	struct err e = {0};
	char line[160];

	if (restore_find_unopened(x, &e) != ERR_NONE) {
		end(x, &e);
		return;
	}
	if (x->unopened_n == 0) {
		begin_records(x);
		return;
	}
	(void)snprintf(line, sizeof(line),
		       "asking for %zu agreements that were never opened",
		       x->unopened_n);
	x->ops->step(x->ctx, line);
	x->phase = RESTORE_UNOPENED;
	if (recall_start(&x->more, x->renter, x->unopened, x->unopened_n, &ops,
			 x, &e) != ERR_NONE)
		end(x, &e);
}

static void recall(struct restore *x)
{
	struct recalled *all;
	struct err e = {0};

	x->phase = RESTORE_RECALL;
	x->ops->step(x->ctx, "asking the hosts what they hold");
	if (recall_start(&x->recall, x->renter, x->found, x->found_n,
			 &recall_ops, x, &e) != ERR_NONE) {
		end(x, &e);
		return;
	}
	all = recall_all(x->recall);
	for (size_t i = 0; i < all->leases_n; i++)
		all->leases[i].known = restore_row(x, &all->leases[i].lease);
}

static void on_scouted(void *ctx)
{
	struct restore *x = ctx;

	scout_free(x->scout);
	x->scout = NULL;
	recall(x);
}

static void begin_scout(struct restore *x)
{
	struct address wanted[SCOUT_WANTED_MAX];
	struct scout_cfg cfg = {
		.named = x->named, .named_n = x->named_n, .wanted = wanted};
	struct err e = {0};

	for (size_t i = 0; i < x->found_n && cfg.wanted_n < SCOUT_WANTED_MAX;
	     i++) /* by host: the same stand together */
		if (i == 0 ||
		    !address_eq(&x->found[i].host, &x->found[i - 1].host))
			wanted[cfg.wanted_n++] = x->found[i].host;

	x->phase = RESTORE_SCOUT;
	x->ops->step(x->ctx, "looking for hosts");
	if (scout_start(&x->scout, x->renter, &cfg, on_scouted, x, &e) !=
	    ERR_NONE)
		end(x, &e);
}

/* ---- the chain ---- */

/* What a `store` of this home has begun and not opened is its own to mend, and
 * what has ended here holds nothing. */
static bool is_wanted(const struct restore *x, const struct renter_lease *l)
{
	const struct renter_agreement *row = restore_row(x, l);

	return !l->over && (!row || row->state == RENTER_OPENED);
}

static void on_leases(void *ctx, struct renter_lease *take_leases, size_t n,
		      const struct err *error)
{
	struct restore *x = ctx;
	struct err e = {0};
	char line[160];

	leases_free(x->leases);
	x->leases = NULL;
	if (error) {
		end(x, error);
		return;
	}
	x->open = take_leases;
	x->open_n = n;
	x->found = calloc(n + 1, sizeof(*x->found));
	if (!x->found) {
		(void)err_fail(&e, ERR_NOMEM, "agreements");
		end(x, &e);
		return;
	}
	for (size_t i = 0; i < n; i++)
		if (is_wanted(x, &take_leases[i]))
			x->found[x->found_n++] = take_leases[i];
	if (x->found_n == 0) {
		end_state(x,
			  "the bank knows no agreement of this account that "
			  "is kept still: is it the phrase, the wallet-index "
			  "and the bank that the files were stored with?");
		return;
	}
	(void)snprintf(line, sizeof(line), "the bank lists %zu agreements",
		       x->found_n);
	x->ops->step(x->ctx, line);
	begin_scout(x);
}

static void begin(struct restore *x)
{
	struct err e = {0};
	char line[256], who[ADDRESS_TEXT_MAX];
	const struct address me = renting_me(x->renter->renting);

	(void)snprintf(
		line, sizeof(line),
		"this home takes over the account %s: the home that had it "
		"before must not be used any more",
		address_text(who, &me,
			     x->renter->engine->money->profile.address));
	x->ops->step(x->ctx, line);
	if (leases_start(&x->leases, x->renter, on_leases, x, &e) != ERR_NONE)
		end(x, &e);
}

/* ---- what this home has already ---- */

struct present {
	struct restore *x;
	bool any; /* objects with keys: of files */
	struct err e;
};

static bool take_object(void *ctx, const struct renter_object *o)
{
	struct present *h = ctx;

	if (o->wrapped_len == 0)
		return true;
	h->any |= !o->catalogue;
	if (!h->x->again || o->state != RENTER_STORED)
		return true;
	return add_item(h->x, o, &h->e) == ERR_NONE;
}

static bool take_row(void *ctx, const struct renter_agreement *row)
{
	struct present *h = ctx;
	struct restore *x = h->x;
	const struct address me = renting_me(x->renter->renting);

	if (!address_eq(&row->signed_.renter, &me))
		return true;
	if (x->rows_n == x->rows_cap) {
		size_t cap = x->rows_cap ? x->rows_cap * 2 : 64;
		struct renter_agreement *more =
			realloc(x->rows, cap * sizeof(*more));

		if (!more) {
			(void)err_fail(&h->e, ERR_NOMEM, "agreements");
			return false;
		}
		x->rows = more;
		x->rows_cap = cap;
	}
	x->rows[x->rows_n++] = *row;
	return true;
}

static enum err_code read_home(struct restore *x, struct err *e)
{
	struct present h = {.x = x};
	uint64_t restored = 0;
	enum err_code code =
		renter_db_number(x->renter->db, RENTER_RESTORED, &restored, e);

	x->again = restored > 0;
	if (code == ERR_NONE)
		code = renter_db_objects(x->renter->db, take_object, &h, e);
	if (code == ERR_NONE)
		code = renter_db_agreements(x->renter->db, take_row, &h, e);
	if (code == ERR_NONE && h.e.code != ERR_NONE) {
		*e = h.e;
		code = e->code;
	}
	if (code == ERR_NONE && h.any && !x->again)
		code = err_fail(e, ERR_STATE,
				"this home has stored files already: restore "
				"into one that has none (--home)");
	if (x->rows_n)
		qsort(x->rows, x->rows_n, sizeof(*x->rows), restore_row_order);
	return code;
}

/* ---- life ---- */

enum err_code restore_start(struct restore **out, struct renter *r,
			    const struct scout_cfg *scout,
			    const struct restore_ops *ops, void *ctx,
			    struct err *e)
{
	struct restore *x;
	enum err_code code;

	if (scout->named_n > SCOUT_NAMED_MAX)
		return err_fail(e, ERR_LIMIT, "more than %u hosts are named",
				SCOUT_NAMED_MAX);
	x = calloc(1, sizeof(*x));
	if (!x)
		return err_fail(e, ERR_NOMEM, "a restore");
	x->renter = r;
	x->ops = ops;
	x->ctx = ctx;
	x->named_n = scout->named_n;
	if (scout->named_n)
		memcpy(x->named, scout->named,
		       scout->named_n * sizeof(*x->named));
	renting_on_commit(r->renting, on_commit, x);
	x->timer = loop_timer_new(r->engine->loop, on_timer, x);
	code = x->timer ? read_home(x, e) : err_fail(e, ERR_NOMEM, "a restore");
	if (code != ERR_NONE) {
		restore_free(x);
		return code;
	}
	*out = x;
	begin(x);
	return ERR_NONE;
}

const struct recalled *restore_hosts(const struct restore *x)
{
	return recall_all(x->recall);
}

void restore_free(struct restore *x)
{
	if (!x)
		return;
	renting_forget(x->renter->renting, x);
	settle_forget(x->renter->engine->money->storage.settle, x);
	leases_free(x->leases);
	scout_free(x->scout);
	for (size_t i = 0; i < RESTORE_LOOKS; i++)
		link_look_free(x->looks[i].look);
	object_get_free(x->fetch);
	text_unref(x->text);
	catalogue_free(x->catalogue);
	for (size_t i = 0; i < x->items_n; i++)
		placement_free(x->items[i].placement);
	recall_free(x->recall);
	recall_free(x->more);
	loop_timer_free(x->timer);
	sodium_memzero(&x->head, sizeof(x->head));
	free(x->hosts);
	free(x->items);
	free(x->rows);
	free(x->unopened);
	free(x->found);
	free(x->open);
	free(x);
}
