/* methods_store_look.c - what is stored, and getting it back: ls, get, cat,
 * share. */
#include "node/renter/methods_store.h"

#include "base/address.h"
#include "base/hex.h"
#include "node/core/name_text.h"
#include "node/money/money.h"
#include "node/renter/renter_get.h"
#include "storage/object/link.h"
#include "storage/rent/renter_placement.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- ls ---- */

static const char *kind_name(enum renter_file_kind kind)
{
	switch (kind) {
	case RENTER_FILE:
		return "file";
	case RENTER_DIR:
		return "directory";
	case RENTER_LINK:
		return "link";
	}
	return "";
}

static bool list_file(void *ctx, const struct renter_file *f)
{
	json_t *files = ctx;
	json_t *o = json_pack("{so so ss sI si sI}", "path", name_json(f->path),
			      "target", name_json(f->target ? f->target : ""),
			      "kind", kind_name(f->kind), "size",
			      (json_int_t)f->size, "mode", (int)f->mode,
			      "mtime_ns", (json_int_t)f->mtime_ns);

	(void)json_array_append_new(files, o);
	return true;
}

struct counting {
	struct store_call *call;
	json_t *objects;
	struct renter_object *at; /* heap */
	size_t n, cap;
	bool failed;
};

static bool collect_object(void *ctx, const struct renter_object *o)
{
	struct counting *c = ctx;

	if (c->n == c->cap) {
		size_t cap = c->cap ? c->cap * 2 : 64;
		struct renter_object *more =
			realloc(c->at, cap * sizeof(*more));

		c->failed = !more;
		if (!more)
			return false;
		c->at = more;
		c->cap = cap;
	}
	c->at[c->n++] = *o;
	return true;
}

/* Shards of one segment that lists of agreements name. */
struct shards {
	uint16_t last;
	unsigned n;
	bool any;
	bool stored; /* what a renewal has staged is there, too */
};

static bool count_shard(void *ctx, const struct renter_place *p)
{
	struct shards *s = ctx;

	const bool there = p->state == SHARD_SIGNED ||
			   (s->stored && p->state == SHARD_STAGED);

	if (!there || (s->any && p->shard == s->last))
		return true;
	s->any = true;
	s->last = p->shard;
	s->n++;
	return true;
}

static enum err_code add_object(struct counting *c,
				const struct renter_object *o, struct err *e)
{
	static const char *const states[] = {"", "being put", "stored",
					     "being removed"};
	char id[HEX_LEN(32) + 1];
	unsigned least = UINT32_MAX;
	uint64_t all = 0;
	enum err_code code = ERR_NONE;

	for (uint32_t i = 0; code == ERR_NONE && i < o->segments; i++) {
		struct shards s = {.stored = o->state == RENTER_STORED};

		code = renter_db_places(c->call->renter->db, o->id, i,
					count_shard, &s, e);
		all += s.n;
		least = s.n < least ? s.n : least;
	}
	hex_encode(id, o->name.bytes, sizeof(o->name.bytes));
	(void)json_array_append_new(
		c->objects,
		json_pack("{ss ss sb si si sI sI sI si}", "id", id, "state",
			  states[o->state], "catalogue", (int)o->catalogue, "k",
			  (int)o->k, "n", (int)o->n, "segments",
			  (json_int_t)o->segments, "size", (json_int_t)o->size,
			  "shards", (json_int_t)all, "least",
			  o->segments ? (int)least : 0));
	return code;
}

static enum err_code begin_ls(struct store_call *s, struct err *e)
{
	struct counting c = {.call = s, .objects = json_array()};
	json_t *files = json_array();
	enum err_code code = renter_db_files(
		s->renter->db, store_text(s, "name"), list_file, files, e);

	if (code == ERR_NONE)
		code = renter_db_objects(s->renter->db, collect_object, &c, e);
	if (code == ERR_NONE && c.failed)
		code = err_fail(e, ERR_NOMEM, "objects");
	if (code == ERR_NONE && store_text(s, "name") &&
	    json_array_size(files) == 0)
		code = err_fail(e, ERR_STATE, "nothing of that name is stored");
	for (size_t i = 0; code == ERR_NONE && i < c.n; i++)
		code = add_object(&c, &c.at[i], e);
	free(c.at);
	if (code != ERR_NONE) {
		json_decref(files);
		json_decref(c.objects);
		return code;
	}
	store_call_result(
		s, json_pack("{so so}", "files", files, "objects", c.objects));
	return ERR_NONE;
}

void method_store_ls(struct engine *en, const json_t *params, struct call *c)
{
	const struct store_call ls = {.begin = begin_ls, .reads = true};

	store_call_start(en, params, c, &ls);
}

/* ---- get and cat ---- */

static void on_got(void *ctx, const struct get_result *r, const struct err *e)
{
	struct store_call *s = ctx;

	if (e)
		store_call_error(s, e);
	else
		store_call_result(s, json_pack("{sI sI sI sI sI}", "files",
					       (json_int_t)r->files, "bytes",
					       (json_int_t)r->bytes, "there",
					       (json_int_t)r->there, "fetched",
					       (json_int_t)r->fetched, "unset",
					       (json_int_t)r->unset));
}

static const struct get_ops get_ops = {
	.step = store_call_step, .progress = store_call_read, .ended = on_got};

/* The other end is held open by who asks, until it hears that we have it: then
 * a reader that goes away is noticed. */
static enum err_code open_pipe(struct get_cfg *cfg, const char *path,
			       struct err *e)
{
	cfg->pipe = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	if (cfg->pipe < 0)
		return err_fail(e, ERR_IO, "the pipe %.100s", path);
	return ERR_NONE;
}

static enum err_code begin_get(struct store_call *s, struct err *e)
{
	const char *pipe = store_text(s, "pipe");
	struct get_cfg cfg = {.name = store_text(s, "name"),
			      .dir = store_text(s, "out"),
			      .pipe = -1,
			      .from = (uint64_t)store_int(s, "from", 0),
			      .len = (uint64_t)store_int(s, "bytes", 0),
			      .scout = store_scout(s, 0)};
	struct get *g = NULL;
	enum err_code code = ERR_NONE;

	if (!cfg.dir && !pipe)
		return err_fail(e, ERR_PARSE, "want out or pipe");
	if (pipe) {
		cfg.dir = NULL;
		code = open_pipe(&cfg, pipe, e);
	}
	if (code == ERR_NONE && pipe)
		call_event(s->call, json_pack("{ss}", "type", "pipe"));
	if (code == ERR_NONE)
		code = get_start(&g, s->renter, &cfg, &get_ops, s, e);
	s->journey = g;
	return code;
}

static void stop_get(struct store_call *s)
{
	get_free(s->journey);
}

void method_store_get(struct engine *en, const json_t *params, struct call *c)
{
	const struct store_call get = {
		.begin = begin_get,
		.reads = true,
		.stop = stop_get,
		.cut_off = "interrupted; the same command goes on from here"};

	store_call_start(en, params, c, &get);
}

/* ---- share ---- */

struct sharing {
	int64_t object;
	unsigned objects;
	bool whole; /* all of the object's files are asked for */
};

static bool share_file(void *ctx, const struct renter_file *f)
{
	struct sharing *s = ctx;

	if (f->size && f->object != s->object) {
		s->object = f->object;
		s->objects++;
	}
	return true;
}

static enum err_code make_link(struct store_call *s,
			       const struct renter_object *o, char *text,
			       struct err *e)
{
	static const char *const names[] = {"", "sample", "repair", "full"};
	const char *access = store_text(s, "access");
	const struct signer_domain *d = &s->engine->money->domain;
	struct object_keys keys;
	struct object_link link;
	struct placement *p = NULL;
	int level = OBJECT_FULL;
	enum err_code code;

	while (access && level > 0 && strcmp(access, names[level]) != 0)
		level--;
	if (level == 0)
		return err_fail(e, ERR_PARSE,
				"--access: want full, repair or sample");
	code = renter_unwrap_key(&keys, o, s->renter->master, e);
	if (code == ERR_NONE)
		code = renter_placement(&p, s->renter->db, o, &keys,
					RENTER_COUNT_STAGED, e);
	if (code == ERR_NONE)
		code = link_from_keys(&link, &keys, (enum object_access)level,
				      e);
	if (code == ERR_NONE) {
		link.chain = d->chain_id;
		link.bank = d->bank;
		link.hosts_n =
			(uint8_t)(p->hosts_n < LINK_HOSTS_MAX ? p->hosts_n
							      : LINK_HOSTS_MAX);
		memcpy(link.hosts, p->hosts,
		       link.hosts_n * sizeof(*link.hosts));
		code = link_encode(text, &link, e);
	}
	placement_free(p);
	object_keys_clear(&keys);
	return code;
}

static enum err_code begin_share(struct store_call *s, struct err *e)
{
	struct sharing v = {.object = 0};
	struct renter_object o;
	char text[LINK_TEXT_MAX];
	enum err_code code = renter_db_files(
		s->renter->db, store_text(s, "name"), share_file, &v, e);

	if (code == ERR_NONE && v.objects != 1)
		code = err_fail(e, ERR_STATE,
				v.objects ? "it lies in %u objects: share "
					    "parts of it that were put at "
					    "once"
					  : "nothing of that name is stored",
				v.objects);
	if (code == ERR_NONE)
		code = renter_db_object(s->renter->db, v.object, &o, e);
	if (code == ERR_NONE)
		code = make_link(s, &o, text, e);
	if (code == ERR_NONE)
		store_call_result(s, json_pack("{ss}", "link", text));
	return code;
}

void method_store_share(struct engine *en, const json_t *params, struct call *c)
{
	const struct store_call share = {.begin = begin_share, .reads = true};

	store_call_start(en, params, c, &share);
}
