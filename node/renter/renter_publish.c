#include "node/renter/renter_publish.h"

#include "base/clock.h"
#include "node/rent/object_put.h"
#include "node/renter/renter_agree.h"
#include "node/renter/renter_records.h"
#include "node/renter/renter_running.h"
#include "node/renter/renter_unopened.h"
#include "storage/object/segment.h"
#include "storage/rent/renter_catalogue.h"
#include "storage/rent/renter_placement.h"

#include <stdlib.h>
#include <string.h>

#define ENTRY_BYTES 64	/* of an entry, with a path as long again */
#define OBJECT_BYTES 64 /* of an object, of an agreement */

/* What the catalogue's upload reads: it may outlive the publish. */
struct text {
	uint8_t *bytes;
	size_t len;
	unsigned refs;
};

struct publish {
	struct renter *renter;
	struct publish_cfg cfg;
	const struct publish_ops *ops;
	void *ctx;
	struct text *text;
	int64_t *named; /* heap: agreements that it lists, no chain does */
	size_t named_n, named_cap;
	uint64_t sequence;
	struct renter_object object; /* the catalogue's */
	struct object_keys keys;
	struct object_put *put;
	struct agree *agree;
	struct records *records;
	struct loop_timer *timer; /* ends are told from there */
	unsigned round;
	struct renter_term own, all; /* all: of what is agreed on together */
	bool apart;		     /* what was put is, before the catalogue */
	bool parted;		     /* and that was done */
	bool ended, told, marking;
	struct publish_result result;
	struct err why;
};

static void text_unref(struct text *t)
{
	if (!t || --t->refs > 0)
		return;
	free(t->bytes);
	free(t);
}

/* ---- ending ---- */

static void end(struct publish *p, const struct err *why)
{
	if (p->ended)
		return;
	p->ended = true;
	if (why)
		p->why = *why;
	loop_timer_set(p->timer, 0);
}

static void on_timer(void *ctx)
{
	struct publish *p = ctx;
	struct publish_result result;
	struct err why;

	if (!p->ended || p->told)
		return;
	/* it may be freed while these are read */
	result = p->result;
	why = p->why;
	p->told = true;
	p->ops->ended(p->ctx, &result, why.code == ERR_NONE ? NULL : &why);
}

/* ---- the end: what was put is stored ---- */

struct marking {
	struct publish *p;
	struct renter_object found[PUBLISH_OBJECTS_MAX + 16];
	size_t n;
	int64_t put; /* that ours are of; 0: of none */
};

static bool is_published(const struct publish *p, int64_t id)
{
	for (size_t i = 0; i < p->cfg.objects_n; i++)
		if (p->cfg.objects[i] == id)
			return true;
	return id == p->object.id;
}

/* Ours become STORED; a catalogue of before has done its work. */
static bool find_marked(void *ctx, const struct renter_object *o)
{
	struct marking *m = ctx;
	bool ours = is_published(m->p, o->id);

	if (!ours && !(o->catalogue && o->state != RENTER_DROPPING))
		return true;
	if (m->n == sizeof(m->found) / sizeof(*m->found))
		return false;
	if (o->put)
		m->put = o->put;
	m->found[m->n] = *o;
	m->found[m->n].state = ours ? RENTER_STORED : RENTER_DROPPING;
	m->found[m->n++].put = 0;
	return true;
}

static void mark(struct publish *p)
{
	struct marking *m = calloc(1, sizeof(*m));
	struct err e = {0};
	uint64_t n;
	enum err_code code = m ? ERR_NONE : err_fail(&e, ERR_NOMEM, "a change");

	if (m)
		m->p = p;
	if (code == ERR_NONE)
		code = renter_db_objects(p->renter->db, find_marked, m, &e);
	for (size_t i = 0; code == ERR_NONE && i < m->n; i++)
		code = renter_db_set_object(p->renter->db, &m->found[i], &e);
	if (code == ERR_NONE && m->put)
		code = renter_db_finish_put(p->renter->db, m->put, &e);
	/* files that were replaced leave objects behind */
	if (code == ERR_NONE)
		code = renter_db_drop_unused(p->renter->db, &n, &e);
	if (code == ERR_NONE)
		code = renter_db_remove_dropped(p->renter->db, &n, &e);
	if (code == ERR_NONE)
		code = renter_db_set_number(p->renter->db, RENTER_UNPUBLISHED,
					    0, &e);
	if (code == ERR_NONE)
		code = renter_db_set_number(p->renter->db, RENTER_CATALOGUE,
					    p->sequence, &e);
	free(m);
	if (code != ERR_NONE) {
		end(p, &e);
		return;
	}
	p->marking = true;
	renting_want_commit(p->renter->renting);
}

static void on_commit(void *ctx, bool ok)
{
	struct publish *p = ctx;
	struct err e = {0};

	if (!p->marking)
		return;
	p->marking = false;
	if (!ok)
		(void)err_fail(&e, ERR_DB, "renter.db could not be written");
	end(p, ok ? NULL : &e);
}

/* ---- records ---- */

static void on_records(void *ctx, const struct records_result *r,
		       const struct err *error)
{
	struct publish *p = ctx;
	struct err e = {0};

	p->result.hosts = r->hosts;
	p->result.told = r->told;
	if (error)
		e = *error;
	else if (r->newer * 2 > r->hosts)
		(void)renter_is_old_copy(r->newer, r->hosts, &e);
	else if (r->told * 2 < r->hosts ||
		 (r->told < p->cfg.k && r->told < r->hosts))
		(void)err_fail(&e, ERR_STATE,
			       "only %u of %u hosts took the records of where "
			       "the sectors lie; run the command again",
			       r->told, r->hosts);
	if (e.code != ERR_NONE)
		end(p, &e);
	else
		mark(p);
}

static void tell_records(struct publish *p)
{
	int64_t ids[PUBLISH_OBJECTS_MAX + 1];
	struct object_head head = {.sequence = p->sequence,
				   .k = (uint8_t)p->object.k,
				   .n = (uint8_t)p->object.n,
				   .segments = (uint16_t)p->object.segments,
				   .size = p->text->len,
				   .time_s = clock_unix_s()};
	struct err e = {0};

	memcpy(head.full, p->keys.full, sizeof(head.full));
	memcpy(ids, p->cfg.objects, p->cfg.objects_n * sizeof(*ids));
	ids[p->cfg.objects_n] = p->object.id;
	p->ops->step(p->ctx, "telling the hosts where everything lies");
	if (records_start(&p->records, p->renter, ids, p->cfg.objects_n + 1,
			  &head, on_records, p, &e) != ERR_NONE)
		end(p, &e);
}

/* ---- agreements ---- */

static void put_catalogue(struct publish *p);
static enum err_code make_catalogue(struct publish *p, struct err *e);
static enum err_code begin_round(struct publish *p, struct err *e);

static void on_step(void *ctx, const char *text)
{
	struct publish *p = ctx;

	p->ops->step(p->ctx, text);
}

struct naming {
	struct publish *p;
	bool all, failed;
};

static bool is_named(const struct publish *p, int64_t id)
{
	for (size_t i = 0; i < p->named_n; i++)
		if (p->named[i] == id)
			return true;
	return false;
}

static bool find_unnamed(void *ctx, const struct renter_agreement *row)
{
	struct naming *n = ctx;

	if (unopened_is(row) && row->state == RENTER_UNOPENED &&
	    !is_named(n->p, row->id))
		n->all = false;
	return n->all;
}

/* A host that came in late has an agreement that this catalogue does not list,
 * and nothing else would: a restore could not ask for it. */
static void tell_or_publish_anew(struct publish *p)
{
	struct naming n = {.p = p, .all = true};
	struct err e = {0};
	enum err_code code =
		renter_db_agreements(p->renter->db, find_unnamed, &n, &e);

	if (code == ERR_NONE && n.all) {
		tell_records(p);
		return;
	}
	if (code == ERR_NONE && ++p->round == PUBLISH_ROUNDS)
		code = err_fail(&e, ERR_STATE,
				"hosts changed all the time: run the command "
				"again");
	if (code == ERR_NONE)
		code = make_catalogue(p, &e);
	if (code != ERR_NONE)
		end(p, &e);
	else
		put_catalogue(p);
}

/* What was put has its agreements; the catalogue is to have others. */
static void go_on(struct publish *p)
{
	struct err e = {0};

	p->parted |= p->apart;
	if (!p->apart)
		tell_or_publish_anew(p);
	else if (begin_round(p, &e) != ERR_NONE)
		end(p, &e);
}

static void on_agreed(void *ctx, unsigned done, unsigned failed,
		      const struct err *error)
{
	struct publish *p = ctx;
	struct err e = {0};

	agree_free(p->agree);
	p->agree = NULL;
	p->result.agreements += done;
	if (error) {
		end(p, error);
	} else if (failed == 0) {
		go_on(p);
	} else if (++p->round == PUBLISH_ROUNDS) {
		(void)err_fail(&e, ERR_STATE,
			       "%u hosts did not sign or could not be paid; "
			       "what others signed stays: run the command "
			       "again",
			       failed);
		end(p, &e);
	} else {
		p->ops->step(p->ctx, "shards that lost their host go to "
				     "others");
		if (p->ops->again)
			p->ops->again(p->ctx);
		else
			publish_again(p);
	}
}

static struct agree_cfg agree_cfg_of(const struct publish *p)
{
	const struct renter_term *t = p->apart ? &p->own : &p->all;

	/* what goes is cut once, by the last of them */
	return (struct agree_cfg){.periods = t->periods,
				  .least = t->least,
				  .cut = p->cfg.cut && !p->apart};
}

static const struct agree_ops agree_ops = {.step = on_step, .ended = on_agreed};

static enum err_code agree(struct publish *p, struct err *e)
{
	const struct agree_cfg cfg = agree_cfg_of(p);

	p->ops->step(p->ctx, "signing with the hosts");
	return agree_start(&p->agree, p->renter, &cfg, &agree_ops, p, e);
}

/* ---- the catalogue ---- */

static enum err_code read_text(void *stream, uint64_t off, uint8_t *buf,
			       size_t len, size_t *got, struct err *e)
{
	const struct text *t = stream;
	size_t left = off < t->len ? t->len - (size_t)off : 0;

	(void)e;
	*got = len < left ? len : left;
	memcpy(buf, t->bytes + (off < t->len ? off : 0), *got);
	return ERR_NONE;
}

static void on_progress(void *ctx, const struct upload_progress *progress)
{
	(void)ctx;
	(void)progress;
}

static void on_starved(void *ctx, const struct err *why)
{
	struct publish *p = ctx;

	p->result.starved = true;
	end(p, why);
}

static void on_put(void *ctx, const struct renter_object *o,
		   const struct err *e)
{
	struct publish *p = ctx;
	struct err why = {0};

	object_put_free(p->put);
	p->put = NULL;
	if (e)
		why = *e;
	else
		p->object = *o;
	if (why.code != ERR_NONE || agree(p, &why) != ERR_NONE)
		end(p, &why);
}

static void on_text_freed(void *stream)
{
	text_unref(stream);
}

static const struct object_put_ops put_ops = {
	.read = read_text,
	.progress = on_progress,
	.starved = on_starved,
	.ended = on_put,
	.freed = on_text_freed,
};

static void put_catalogue(struct publish *p)
{
	struct object_put_cfg cfg = {.placing = p->cfg.placing,
				     .keys = p->keys,
				     .object = p->object,
				     .ops = &put_ops,
				     .ctx = p,
				     .stream = p->text};
	struct err e = {0};

	if (object_put_start(&p->put, p->renter, &cfg, &e) == ERR_NONE)
		p->text->refs++;
	else
		end(p, &e);
	object_keys_clear(&cfg.keys);
}

/* A new one, noted long before a head with it leaves: after a run that was cut
 * off no two heads are alike. */
static enum err_code take_sequence(struct publish *p, struct err *e)
{
	struct renter_db *db = p->renter->db;
	uint64_t taken = 0;
	enum err_code code =
		renter_db_number(db, RENTER_CATALOGUE, &p->sequence, e);

	if (code == ERR_NONE)
		code = renter_db_number(db, RENTER_SEQUENCE, &taken, e);
	if (taken > p->sequence)
		p->sequence = taken;
	p->sequence++;
	return code == ERR_NONE ? renter_db_set_number(db, RENTER_SEQUENCE,
						       p->sequence, e)
				: code;
}

static bool note_named(void *ctx, const struct renter_agreement *row)
{
	struct naming *n = ctx;
	struct publish *p = n->p;

	if (!unopened_is(row))
		return true;
	if (p->named_n == p->named_cap) {
		size_t cap = p->named_cap ? p->named_cap * 2 : 64;
		int64_t *more = realloc(p->named, cap * sizeof(*more));

		n->failed = !more;
		if (!more)
			return false;
		p->named = more;
		p->named_cap = cap;
	}
	p->named[p->named_n++] = row->id;
	return true;
}

/* Which agreements that are never opened there will be is settled before: they
 * are listed here, or nowhere. */
static enum err_code name_agreements(struct publish *p, struct err *e)
{
	const struct agree_cfg cfg = agree_cfg_of(p);
	struct naming n = {.p = p};
	enum err_code code = agree_draft_unopened(p->renter, &cfg, e);

	p->named_n = 0;
	if (code == ERR_NONE)
		code = renter_db_agreements(p->renter->db, note_named, &n, e);
	return code == ERR_NONE && n.failed
		       ? err_fail(e, ERR_NOMEM, "a catalogue")
		       : code;
}

static enum err_code encode(struct publish *p, struct err *e)
{
	enum err_code code = take_sequence(p, e);
	struct catalogue *c = NULL;

	if (code == ERR_NONE)
		code = name_agreements(p, e);
	text_unref(p->text);
	p->text = calloc(1, sizeof(*p->text));
	if (!p->text)
		return err_fail(e, ERR_NOMEM, "a catalogue");
	p->text->refs = 1;
	if (code == ERR_NONE)
		code = renter_catalogue_build(
			&c, p->renter->db, p->renter->master, p->sequence,
			p->cfg.objects, p->cfg.objects_n, e);
	if (code == ERR_NONE)
		code = catalogue_encode(&p->text->bytes, &p->text->len, c, e);
	catalogue_free(c);
	return code;
}

static enum err_code make_object(struct publish *p, struct err *e)
{
	uint8_t full[OBJECT_KEY_LEN];
	struct rng rng = rng_system();
	enum err_code code;

	p->object = (struct renter_object){.state = RENTER_PUTTING,
					   .catalogue = true,
					   .k = (uint16_t)p->cfg.k,
					   .n = (uint16_t)p->cfg.n};
	rng_fill(&rng, full, sizeof(full));
	code = renter_wrap_key(&p->object, &p->keys, p->renter->master, full,
			       &rng, e);
	if (code == ERR_NONE)
		code = renter_db_add_object(p->renter->db, &p->object, e);
	memset(full, 0, sizeof(full));
	return code;
}

static bool count_entry(void *ctx, const struct renter_file *f)
{
	uint64_t *bytes = ctx;

	*bytes += ENTRY_BYTES + strlen(f->path) +
		  (f->target ? strlen(f->target) : 0);
	return true;
}

static bool count_object(void *ctx, const struct renter_object *o)
{
	uint64_t *bytes = ctx;

	(void)o;
	*bytes += OBJECT_BYTES;
	return true;
}

uint32_t publish_catalogue_segments(struct renter *r, unsigned k,
				    uint64_t entries, uint64_t path_bytes)
{
	uint64_t bytes = 65536 + entries * ENTRY_BYTES + path_bytes;

	/* a guess: what cannot be counted is told by the upload */
	(void)!renter_db_files(r->db, NULL, count_entry, &bytes, NULL);
	(void)!renter_db_objects(r->db, count_object, &bytes, NULL);
	return (uint32_t)(1 + bytes / segment_plain_len(k));
}

/* ---- catalogues of runs that were cut off ---- */

struct leftover {
	struct renter_object at[16];
	size_t n;
};

static bool find_leftover(void *ctx, const struct renter_object *o)
{
	struct leftover *l = ctx;

	if (o->catalogue && o->state == RENTER_PUTTING &&
	    l->n < sizeof(l->at) / sizeof(*l->at))
		l->at[l->n++] = *o;
	return true;
}

/* Nothing of them need be agreed on any more. */
static enum err_code drop_leftovers(struct renter *r, struct err *e)
{
	struct leftover l = {.n = 0};
	enum err_code code = renter_db_objects(r->db, find_leftover, &l, e);

	for (size_t i = 0; code == ERR_NONE && i < l.n; i++) {
		struct err why = {0};

		code = renter_db_remove_object(r->db, l.at[i].id, &why);
		if (code == ERR_STATE) { /* lists name its sectors */
			l.at[i].state = RENTER_DROPPING;
			code = renter_db_set_object(r->db, &l.at[i], &why);
		}
		if (code != ERR_NONE)
			*e = why;
	}
	return code;
}

static enum err_code make_catalogue(struct publish *p, struct err *e)
{
	enum err_code code = drop_leftovers(p->renter, e);

	if (code == ERR_NONE)
		code = encode(p, e);
	return code == ERR_NONE ? make_object(p, e) : code;
}

/* ---- which term ---- */

struct dividing {
	struct publish *p;
	uint32_t start;
	bool together;
	struct err e;
};

static bool look_at_host(void *ctx, const struct address *host, bool unopened,
			 uint32_t sectors)
{
	struct dividing *d = ctx;
	struct publish *p = d->p;

	d->together = !unopened &&
		      running_lasts_as(&d->together, p->renter, host, sectors,
				       d->start, &p->own, &p->cfg.catalogue,
				       &d->e) == ERR_NONE &&
		      d->together;
	return d->together;
}

/* A catalogue that lasts longer than what was put is agreed on after it, so
 * that each is paid for as long as it is kept; but together, by one revision a
 * host, where all of it goes into agreements that run so long anyway. */
static enum err_code divide(struct publish *p, struct err *e)
{
	struct dividing d = {.p = p, .together = true};
	enum err_code code = ERR_NONE;

	p->own = (struct renter_term){p->cfg.periods, p->cfg.least};
	p->all = p->own;
	p->apart = false;
	if (p->cfg.catalogue.periods <= p->own.periods)
		return ERR_NONE;
	p->all = p->cfg.catalogue;
	if (!agree_start_period(p->renter, p->cfg.n, &d.start))
		return err_fail(e, ERR_CHAIN, "the chain is not known");
	code = renter_db_staged_hosts(p->renter->db, look_at_host, &d, e);
	if (code == ERR_NONE && d.e.code != ERR_NONE) {
		*e = d.e;
		code = e->code;
	}
	p->apart = !d.together && !p->parted;
	return code;
}

static enum err_code begin_round(struct publish *p, struct err *e)
{
	enum err_code code = drop_leftovers(p->renter, e);

	if (code == ERR_NONE)
		code = divide(p, e);
	if (code == ERR_NONE && p->apart)
		return agree(p, e);
	if (code == ERR_NONE)
		code = make_catalogue(p, e);
	if (code == ERR_NONE)
		put_catalogue(p);
	return code;
}

/* ---- life ---- */

enum err_code publish_start(struct publish **out, struct renter *r,
			    const struct publish_cfg *cfg,
			    const struct publish_ops *ops, void *ctx,
			    struct err *e)
{
	struct publish *p = calloc(1, sizeof(*p));
	enum err_code code = ERR_NONE;

	if (!p)
		return err_fail(e, ERR_NOMEM, "a change");
	p->renter = r;
	p->cfg = *cfg;
	p->ops = ops;
	p->ctx = ctx;
	p->timer = loop_timer_new(r->engine->loop, on_timer, p);
	if (!p->timer)
		code = err_fail(e, ERR_NOMEM, "a change");
	if (code == ERR_NONE) {
		renting_on_commit(r->renting, on_commit, p);
		code = begin_round(p, e);
	}
	if (code != ERR_NONE) {
		publish_free(p);
		return code;
	}
	*out = p;
	return ERR_NONE;
}

void publish_again(struct publish *p)
{
	struct err e = {0};

	if (p->object.id)
		put_catalogue(p);
	else if (begin_round(p, &e) != ERR_NONE)
		end(p, &e);
}

void publish_free(struct publish *p)
{
	if (!p)
		return;
	renting_forget(p->renter->renting, p);
	object_put_free(p->put);
	agree_free(p->agree);
	records_free(p->records);
	object_keys_clear(&p->keys);
	text_unref(p->text);
	free(p->named);
	loop_timer_free(p->timer);
	free(p);
}
