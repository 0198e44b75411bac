/* The index: slots and refs against a model and against a recount of all; lists
 * against a fold of all their roots, also as they were at earlier revisions;
 * records.
 */
#include "base/hash.h"
#include "base/rng.h"
#include "storage/sector/list_db.h"
#include "storage/sector/record_db.h"
#include "tests/check.h"

#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAMES 40U /* different sectors */
#define LISTS 3U
#define OWNERS 3U
#define SLOTS 120U /* of each of two volumes */
#define KEPT 8U	   /* earlier revisions that the model remembers */

struct version {
	uint32_t *names;
	uint32_t n, revision;
	struct hash32 root;
};

struct model_list {
	struct list_key key;
	bool there, keep;
	struct version now;
	struct version old[KEPT]; /* kept ones, oldest first */
	unsigned old_n;
};

struct model {
	char dir[64], path[96];
	struct sector_db *d;
	struct rng rng;
	struct model_list lists[LISTS];
	bool taken[3][SLOTS]; /* by volume and slot */
	bool gone[3][SLOTS];  /* retired */
	int64_t now_s;
	unsigned proofs, old_proofs, refused;
};

static struct hash32 name_root(uint32_t name)
{
	struct hash32 h;

	sha256_once(h.bytes, &name, sizeof(name));
	return h;
}

static struct address owner_of(uint32_t i)
{
	struct address a = {{0}};

	a.bytes[3] = (uint8_t)(i + 1);
	return a;
}

static struct hash32 fold_all(const struct version *v)
{
	static struct tree_fold f;
	struct hash32 root = {{0}};

	tree_fold_init(&f, 0);
	for (uint32_t i = 0; i < v->n; i++) {
		struct hash32 h = name_root(v->names[i]);

		tree_fold_add(&f, &h, 1);
	}
	if (v->n && !tree_fold_end(&f, &root))
		abort();
	return root;
}

static bool same_root(const struct hash32 *a, const struct hash32 *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

static struct version copy_version(const struct version *v)
{
	struct version c = *v;

	c.names = malloc((v->n ? v->n : 1) * sizeof(*c.names));
	if (!c.names)
		abort();
	if (v->n)
		memcpy(c.names, v->names, v->n * sizeof(*c.names));
	return c;
}

static void reopen(struct model *m)
{
	struct err e = {0};

	sector_db_close(m->d);
	CHECK(sector_db_open(&m->d, m->path, true, &e) == ERR_NONE, "%s",
	      e.msg);
}

static void start(struct model *m, uint64_t seed)
{
	const char *tmp = getenv("TMPDIR");
	struct err e = {0};

	memset(m, 0, sizeof(*m));
	m->rng = rng_seeded(seed);
	(void)snprintf(m->dir, sizeof(m->dir), "%.30s/sb-index-XXXXXX",
		       tmp ? tmp : "/tmp");
	if (!mkdtemp(m->dir))
		abort();
	(void)snprintf(m->path, sizeof(m->path), "%s/sectors.db", m->dir);
	CHECK(sector_db_open(&m->d, m->path, false, &e) == ERR_IO &&
		      e.os == ENOENT,
	      "none is made unless asked for");
	reopen(m);
	CHECK(sector_db_begin(m->d, &e) == ERR_NONE, "%s", e.msg);
	for (uint32_t v = 1; v <= 2; v++) {
		uint8_t name[16] = {(uint8_t)v};
		char dir[8];
		uint32_t id;

		(void)snprintf(dir, sizeof(dir), "/v%u", v);
		CHECK(sector_db_volume_add(m->d, dir, name, &id, &e) ==
				      ERR_NONE &&
			      id == v &&
			      sector_db_volume_size(m->d, id, SLOTS, SLOTS,
						    &e) == ERR_NONE,
		      "%s", e.msg);
	}
	CHECK(sector_db_commit(m->d, &e) == ERR_NONE, "%s", e.msg);
	for (uint32_t i = 0; i < LISTS; i++) {
		m->lists[i].key.renter = owner_of(i % OWNERS);
		m->lists[i].key.host = owner_of(100);
		m->lists[i].key.number = i;
		m->lists[i].keep = i != 1;
	}
}

static int unlink_any(const char *path, const struct stat *st, int kind,
		      struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

static void forget_versions(struct model_list *l)
{
	for (unsigned i = 0; i < l->old_n; i++)
		free(l->old[i].names);
	l->old_n = 0;
}

static void stop(struct model *m)
{
	sector_db_close(m->d);
	(void)nftw(m->dir, unlink_any, 16, FTW_DEPTH | FTW_PHYS);
	for (unsigned i = 0; i < LISTS; i++) {
		forget_versions(&m->lists[i]);
		free(m->lists[i].now.names);
	}
}

/* --- slots --- */

static bool pick_free(struct model *m, struct sector_at *at)
{
	for (unsigned i = 0; i < 2000; i++) {
		at->volume = 1 + rng_below(&m->rng, 2);
		at->slot = rng_below(&m->rng, SLOTS);
		if (!m->taken[at->volume][at->slot])
			return true;
	}
	return false;
}

static void note_freed(struct model *m, struct sector_freed *f)
{
	for (size_t i = 0; i < f->n; i++) {
		bool *bit = &m->taken[f->at[i].volume][f->at[i].slot];

		CHECK(*bit, "freed twice: %u %u", f->at[i].volume,
		      f->at[i].slot);
		*bit = false;
	}
	sector_freed_clear(f);
}

static void stage(struct model *m, uint32_t name, uint32_t owner)
{
	struct hash32 root = name_root(name);
	struct address who = owner_of(owner);
	struct sector_found was, is;
	struct sector_at at;
	struct err e = {0};
	bool placed;

	if (!pick_free(m, &at))
		return;
	CHECK(sector_db_find(m->d, &root, &was, &e) == ERR_NONE, "%s", e.msg);
	CHECK(sector_db_stage(m->d, &root, &at, &who,
			      m->now_s + 1 + rng_below(&m->rng, 50), &placed,
			      &e) == ERR_NONE,
	      "%s", e.msg);
	CHECK(placed == (was.state != SECTOR_THERE), "a second copy");
	if (placed)
		m->taken[at.volume][at.slot] = true;
	CHECK(sector_db_find(m->d, &root, &is, &e) == ERR_NONE &&
		      is.state == SECTOR_THERE,
	      "%s", e.msg);
}

static void expire(struct model *m)
{
	struct sector_freed freed = {0};
	struct err e = {0};
	uint32_t n;

	m->now_s += rng_below(&m->rng, 30);
	CHECK(sector_db_expire(m->d, m->now_s, 1 + rng_below(&m->rng, 20), &n,
			       &freed, &e) == ERR_NONE,
	      "%s", e.msg);
	note_freed(m, &freed);
}

static void lose(struct model *m, uint32_t name)
{
	struct hash32 root = name_root(name);
	struct sector_found f;
	struct err e = {0};
	bool lost;

	CHECK(sector_db_find(m->d, &root, &f, &e) == ERR_NONE, "%s", e.msg);
	if (f.state != SECTOR_THERE)
		return;
	CHECK(sector_db_lose(m->d, &root, &f.at, 1, &lost, &e) == ERR_NONE &&
		      lost,
	      "%s", e.msg);
	CHECK(sector_db_lose(m->d, &root, &f.at, 1, &lost, &e) == ERR_NONE &&
		      !lost,
	      "lost once");
	m->gone[f.at.volume][f.at.slot] = true;
}

static void move(struct model *m, uint32_t name)
{
	struct hash32 root = name_root(name);
	struct sector_freed freed = {0};
	struct sector_found f;
	struct sector_at to, wrong;
	struct err e = {0};
	bool moved;

	CHECK(sector_db_find(m->d, &root, &f, &e) == ERR_NONE, "%s", e.msg);
	if (f.state != SECTOR_THERE || !pick_free(m, &to))
		return;
	wrong = (struct sector_at){f.at.volume, f.at.slot + 1};
	CHECK(sector_db_move(m->d, &root, &wrong, &to, &moved, &freed, &e) ==
			      ERR_NONE &&
		      !moved && freed.n == 0,
	      "%s", e.msg);
	CHECK(sector_db_move(m->d, &root, &f.at, &to, &moved, &freed, &e) ==
			      ERR_NONE &&
		      moved && freed.n == 1,
	      "%s", e.msg);
	m->taken[to.volume][to.slot] = true;
	note_freed(m, &freed);
}

/* --- lists --- */

static void remember(struct model_list *l)
{
	if (!l->keep || l->now.n == 0)
		return;
	if (l->old_n == KEPT) {
		free(l->old[0].names);
		memmove(l->old, l->old + 1, (KEPT - 1) * sizeof(l->old[0]));
		l->old_n--;
	}
	l->old[l->old_n++] = copy_version(&l->now);
}

static bool is_there(struct model *m, uint32_t name)
{
	struct hash32 root = name_root(name);
	struct sector_found f;

	return sector_db_find(m->d, &root, &f, NULL) == ERR_NONE &&
	       f.state == SECTOR_THERE;
}

static size_t make_ops(struct model *m, struct version *v, struct list_op *ops,
		       size_t want, unsigned appends_in_8)
{
	size_t n = 0;

	v->names = realloc(v->names, (v->n + want + 1) * sizeof(*v->names));
	if (!v->names)
		abort();
	while (n < want) {
		uint32_t name = rng_below(&m->rng, NAMES);

		if (rng_below(&m->rng, 8) < appends_in_8 || v->n == 0) {
			if (!is_there(m, name))
				return n;
			ops[n++] = (struct list_op){.kind = LIST_APPEND,
						    .root = name_root(name)};
			v->names[v->n++] = name;
		} else {
			uint32_t i = rng_below(&m->rng, v->n);

			ops[n++] =
				(struct list_op){.kind = LIST_CUT, .index = i};
			v->names[i] = v->names[--v->n];
		}
	}
	return n;
}

static enum err_code send(struct model *m, const struct list_change *c,
			  struct err *e)
{
	struct sector_freed freed = {0};
	enum err_code code;

	CHECK(sector_db_mark(m->d, e) == ERR_NONE, "%s", e->msg);
	code = list_change(m->d, c, &freed, e);
	if (code == ERR_NONE) {
		sector_db_mark_keep(m->d);
		note_freed(m, &freed);
	} else {
		sector_db_mark_undo(m->d);
		sector_freed_clear(&freed);
	}
	return code;
}

static void change(struct model *m, struct model_list *l, size_t want,
		   unsigned appends_in_8)
{
	static struct list_op ops[LIST_MAX_OPS];
	struct version next = copy_version(&l->now);
	struct list_change c = {.key = l->key, .ops = ops, .keep = l->keep};
	struct err e = {0};
	bool lie = rng_below(&m->rng, 8) == 0;

	c.op_count = make_ops(m, &next, ops, want, appends_in_8);
	next.revision += 1 + rng_below(&m->rng, 3);
	next.root = fold_all(&next);
	c.revision = next.revision;
	c.sectors = next.n;
	c.root = next.root;
	c.blob = (const uint8_t *)&next.revision;
	c.blob_len = sizeof(next.revision);
	if (lie) {
		c.root.bytes[5] ^= 1;
		CHECK(send(m, &c, &e) == ERR_SIG, "a wrong root: %s", e.msg);
		m->refused++;
		free(next.names);
		return;
	}
	CHECK(send(m, &c, &e) == ERR_NONE, "%s", e.msg);
	if (c.op_count)
		remember(l);
	free(l->now.names);
	l->now = next;
	l->there = true;
}

static void prove(struct model *m, struct model_list *l,
		  const struct version *v, uint32_t position)
{
	struct list_proof p;
	struct hash32 root, sector = name_root(v->names[position]);
	struct err e = {0};

	CHECK(list_prove(m->d, &l->key, &v->root, v->n, position, &p, &e) ==
		      ERR_NONE,
	      "revision %u of %u, %u of %u: %s", v->revision, l->now.revision,
	      position, v->n, e.msg);
	CHECK(p.path_len == tree_depth(v->n), "%u nodes", p.path_len);
	CHECK(same_root(&p.sector, &sector), "another sector");
	tree_climb(&root, &p.sector, position, p.path, p.path_len);
	CHECK(same_root(&root, &v->root), "leads elsewhere");
	m->proofs++;
	m->old_proofs += v != &l->now;
}

static void prove_any(struct model *m, struct model_list *l)
{
	unsigned i = rng_below(&m->rng, l->old_n + 1);
	const struct version *v = i < l->old_n ? &l->old[i] : &l->now;

	if (v->n)
		prove(m, l, v, rng_below(&m->rng, v->n));
}

static void settle(struct model *m, struct model_list *l)
{
	unsigned i = rng_below(&m->rng, l->old_n + 1), kept = 0;
	uint32_t revision = i < l->old_n ? l->old[i].revision : l->now.revision;
	struct err e = {0};

	CHECK(list_settle(m->d, &l->key, revision, &e) == ERR_NONE, "%s",
	      e.msg);
	CHECK(list_settle(m->d, &l->key, l->now.revision + 1, NULL) ==
		      ERR_STATE,
	      "a revision that is not there yet");
	for (unsigned j = 0; j < l->old_n; j++)
		if (l->old[j].revision < revision)
			free(l->old[j].names);
		else
			l->old[kept++] = l->old[j];
	l->old_n = kept;
}

static void drop(struct model *m, struct model_list *l)
{
	struct err e = {0};

	CHECK(list_drop(m->d, &l->key, &e) == ERR_NONE, "%s", e.msg);
	CHECK(list_drop(m->d, &l->key, NULL) == ERR_STATE, "it is gone");
	forget_versions(l);
	l->now.n = 0;
	l->now.revision = 0;
	l->there = false;
}

static bool purge(struct model *m)
{
	struct sector_freed freed = {0};
	struct err e = {0};
	bool more;

	CHECK(list_purge(m->d, 1 + rng_below(&m->rng, 100), &more, &freed,
			 &e) == ERR_NONE,
	      "%s", e.msg);
	note_freed(m, &freed);
	return more;
}

static void check_roots(struct model *m, struct model_list *l)
{
	static struct hash32 out[1000];
	uint32_t from = rng_below(&m->rng, l->now.n + 1);
	struct err e = {0};
	uint32_t total;
	size_t n;

	CHECK(list_roots(m->d, &l->key, from, out, ROWS(out), &n, &total, &e) ==
			      ERR_NONE &&
		      total == l->now.n,
	      "%s", e.msg);
	CHECK(n == (l->now.n - from < ROWS(out) ? l->now.n - from : ROWS(out)),
	      "%zu roots", n);
	for (size_t i = 0; i < n; i++) {
		struct hash32 h = name_root(l->now.names[from + i]);

		CHECK(same_root(&h, &out[i]), "root %zu", i);
	}
}

static void check_index(struct model *m)
{
	struct err e = {0};

	CHECK(sector_db_check(m->d, &e) == ERR_NONE, "%s", e.msg);
}

static void step(struct model *m)
{
	struct model_list *l = &m->lists[rng_below(&m->rng, LISTS)];
	uint32_t name = rng_below(&m->rng, NAMES);
	unsigned big = rng_below(&m->rng, 4) == 0;
	unsigned what = rng_below(&m->rng, 100);

	if (what < 30)
		stage(m, name, rng_below(&m->rng, OWNERS));
	else if (what < 34)
		expire(m);
	else if (what < 36)
		lose(m, name);
	else if (what < 42)
		move(m, name);
	else if (what < 62)
		change(m, l, rng_below(&m->rng, big ? 600 : 6),
		       1 + rng_below(&m->rng, 7));
	else if (!l->there)
		return;
	else if (what < 80)
		prove_any(m, l);
	else if (what < 86)
		check_roots(m, l);
	else if (what < 90)
		settle(m, l);
	else if (what < 91)
		drop(m, l);
	else
		(void)purge(m);
}

/* When all is over, all is free. */
static void end_all(struct model *m)
{
	struct sector_totals t;
	struct err e = {0};
	unsigned taken = 0;

	CHECK(sector_db_begin(m->d, &e) == ERR_NONE, "%s", e.msg);
	for (unsigned i = 0; i < LISTS; i++)
		if (m->lists[i].there)
			drop(m, &m->lists[i]);
	while (purge(m))
		continue;
	for (int i = 0; i < 40; i++) {
		m->now_s += 10;
		expire(m);
	}
	CHECK(sector_db_unretire(m->d, 1, 0, &e) == ERR_NONE &&
		      sector_db_unretire(m->d, 2, 0, &e) == ERR_NONE,
	      "%s", e.msg);
	CHECK(sector_db_commit(m->d, &e) == ERR_NONE, "%s", e.msg);
	check_index(m);
	CHECK(sector_db_totals(m->d, &t, &e) == ERR_NONE, "%s", e.msg);
	CHECK(t.sectors == 0 && t.lost == 0 && t.staged == 0 &&
		      t.agreements == 0,
	      "left over");
	for (unsigned i = 0; i < SLOTS; i++)
		taken += (m->taken[1][i] && !m->gone[1][i]) ||
			 (m->taken[2][i] && !m->gone[2][i]);
	CHECK(taken == 0, "%u slots leaked", taken);
}

static void random_walk(uint64_t seed)
{
	static struct model m;
	struct err e = {0};

	start(&m, seed);
	for (int round = 0; round < 8; round++) {
		CHECK(sector_db_begin(m.d, &e) == ERR_NONE, "%s", e.msg);
		for (int i = 0; i < 60; i++)
			step(&m);
		CHECK(sector_db_commit(m.d, &e) == ERR_NONE, "%s", e.msg);
		check_index(&m);
		if (round % 4 == 3)
			reopen(&m);
	}
	end_all(&m);
	CHECK(m.proofs > 20 && m.old_proofs > 5 && m.refused > 0,
	      "%u proofs, %u old, %u refused", m.proofs, m.old_proofs,
	      m.refused);
	stop(&m);
}

/* Three levels of blocks, up and down over both edges. */
static void a_long_list_comes_and_goes(void)
{
	static const uint32_t goals[] = {255,	256,   257,   65535, 65536,
					 65537, 66000, 65536, 65537, 65500,
					 257,	256,   3,     700};
	static struct model m;
	struct model_list *l = &m.lists[0];
	struct err e = {0};

	start(&m, 7);
	CHECK(sector_db_begin(m.d, &e) == ERR_NONE, "%s", e.msg);
	for (uint32_t i = 0; i < NAMES; i++)
		stage(&m, i, 0);
	for (size_t g = 0; g < ROWS(goals); g++) {
		while (l->now.n != goals[g]) {
			bool up = l->now.n < goals[g];
			uint32_t left =
				up ? goals[g] - l->now.n : l->now.n - goals[g];

			change(&m, l, left < LIST_MAX_OPS ? left : LIST_MAX_OPS,
			       up ? 8 : 0);
			if (l->old_n > 6) { /* the rest would take long */
				settle(&m, l);
				(void)purge(&m);
			}
		}
		for (int i = 0; i < 6; i++)
			prove_any(&m, l);
		prove(&m, l, &l->now, l->now.n - 1);
		check_roots(&m, l);
	}
	CHECK(sector_db_commit(m.d, &e) == ERR_NONE, "%s", e.msg);
	check_index(&m);
	end_all(&m);
	stop(&m);
}

/* --- refusals --- */

static void a_list_refuses_what_it_must(void)
{
	static struct model m;
	struct list_op op = {.kind = LIST_APPEND, .root = name_root(1)};
	struct list_change c = {.ops = &op, .op_count = 1, .sectors = 1};
	static struct list_op many[LIST_MAX_OPS + 1];
	struct err e = {0};

	start(&m, 9);
	c.key = m.lists[0].key;
	c.root = op.root;
	c.revision = 4;
	c.blob = c.root.bytes;
	c.blob_len = 8;
	CHECK(sector_db_begin(m.d, &e) == ERR_NONE, "%s", e.msg);
	CHECK(send(&m, &c, &e) == ERR_STATE, "a sector that is not here");
	stage(&m, 1, 2);
	CHECK(send(&m, &c, &(struct err){0}) == ERR_NONE,
	      "staged by another is good enough");
	CHECK(send(&m, &c, &(struct err){0}) == ERR_STATE,
	      "the same revision with operations");
	c.op_count = 0;
	CHECK(send(&m, &c, &(struct err){0}) == ERR_NONE,
	      "the same revision, signed anew");
	c.revision = 3;
	CHECK(send(&m, &c, &(struct err){0}) == ERR_STATE, "an older one");
	c.revision = 5;
	c.sectors = 2;
	CHECK(send(&m, &c, &(struct err){0}) == ERR_SIG,
	      "another number of sectors");
	c.op_count = 1;
	op = (struct list_op){.kind = LIST_CUT, .index = 1};
	CHECK(send(&m, &c, &(struct err){0}) == ERR_STATE,
	      "a position that is not there");
	c.ops = many;
	c.op_count = ROWS(many);
	CHECK(send(&m, &c, &(struct err){0}) == ERR_LIMIT, "too many");
	lose(&m, 1);
	c.ops = &op;
	c.op_count = 1;
	op = (struct list_op){.kind = LIST_APPEND, .root = name_root(1)};
	CHECK(send(&m, &c, &(struct err){0}) == ERR_STATE, "a lost sector");
	CHECK(sector_db_commit(m.d, &e) == ERR_NONE, "%s", e.msg);
	check_index(&m);
	stop(&m);
}

static void what_is_lost_is_listed(void)
{
	static struct model m;
	struct model_list *l = &m.lists[0];
	struct hash32 out[8], want = name_root(7);
	struct err e = {0};
	uint32_t next, total;
	size_t n;

	start(&m, 11);
	CHECK(sector_db_begin(m.d, &e) == ERR_NONE, "%s", e.msg);
	for (uint32_t i = 0; i < NAMES; i++)
		stage(&m, i, 0);
	while (l->now.n < 2000)
		change(&m, l, 500, 8);
	CHECK(list_lost(m.d, &l->key, 0, out, ROWS(out), &n, &next, &total,
			&e) == ERR_NONE &&
		      n == 0 && next == l->now.n,
	      "nothing is");
	lose(&m, 7);
	CHECK(list_lost(m.d, &l->key, 0, out, ROWS(out), &n, &next, &total,
			&e) == ERR_NONE &&
		      n == ROWS(out) && next < l->now.n &&
		      same_root(&out[0], &want) && same_root(&out[7], &want),
	      "as often as it is in the list");
	stage(&m, 7, 1);
	CHECK(list_lost(m.d, &l->key, 0, out, ROWS(out), &n, &next, &total,
			&e) == ERR_NONE &&
		      n == 0,
	      "found again");
	CHECK(sector_db_commit(m.d, &e) == ERR_NONE, "%s", e.msg);
	check_index(&m);
	stop(&m);
}

/* --- records --- */

static bool reads_back(struct model *m, const struct record_put *p)
{
	uint8_t *buf = malloc(p->len + 10);
	uint32_t at = 0;
	bool same;

	if (!buf)
		abort();
	while (at < p->len) {
		uint32_t len = 1 + rng_below(&m->rng, 200000);

		if (len > p->len + 10 - at)
			len = (uint32_t)p->len + 10 - at;
		if (record_read_placement(m->d, &p->object, p->sequence, at,
					  buf + at, &len, NULL) != ERR_NONE ||
		    len == 0)
			break;
		at += len;
	}
	same = at == p->len && memcmp(buf, p->bytes, p->len) == 0;
	free(buf);
	return same;
}

static void the_highest_sequence_wins(void)
{
	static uint8_t bytes[RECORD_MAX_PLACEMENT + 1];
	static struct model m;
	struct record_put p = {.sequence = 5, .expires_s = 100, .bytes = bytes};
	uint8_t head[RECORD_MAX_HEAD];
	struct record_info info;
	struct err e = {0};
	uint64_t owned;
	uint32_t n;
	bool stored;

	start(&m, 13);
	rng_fill(&m.rng, bytes, sizeof(bytes));
	p.object = name_root(1);
	p.owner = owner_of(1);
	CHECK(sector_db_begin(m.d, &e) == ERR_NONE, "%s", e.msg);
	p.len = sizeof(bytes);
	CHECK(record_put_placement(m.d, &p, &stored, NULL) == ERR_LIMIT,
	      "over 16 MiB");
	p.len--;
	CHECK(record_put_placement(m.d, &p, &stored, &e) == ERR_NONE && stored,
	      "%s", e.msg);
	CHECK(reads_back(&m, &p), "16 MiB");
	p.len = 70000;
	CHECK(record_put_placement(m.d, &p, &stored, &e) == ERR_NONE && !stored,
	      "the same sequence");
	p.sequence = 6;
	CHECK(record_put_placement(m.d, &p, &stored, &e) == ERR_NONE && stored,
	      "a higher one");
	CHECK(reads_back(&m, &p), "the new one");
	CHECK(record_owned(m.d, &p.owner, &owned, &e) == ERR_NONE &&
		      owned == 70000,
	      "counted");
	p.sequence = 5;
	CHECK(record_put_placement(m.d, &p, &stored, &e) == ERR_NONE && !stored,
	      "a lower one");
	n = 10;
	CHECK(record_read_placement(m.d, &p.object, 5, 0, head, &n, NULL) ==
		      ERR_STATE,
	      "the replaced one is gone");
	p.len = RECORD_MAX_HEAD + 1;
	CHECK(record_put_head(m.d, &p, &stored, NULL) == ERR_LIMIT, "a head");
	p.len--;
	p.sequence = RECORD_MAX_SEQUENCE + 1;
	CHECK(record_put_head(m.d, &p, &stored, NULL) == ERR_LIMIT, "too high");
	p.sequence--;
	CHECK(record_put_head(m.d, &p, &stored, &e) == ERR_NONE && stored, "%s",
	      e.msg);
	p.sequence--;
	CHECK(record_put_head(m.d, &p, &stored, &e) == ERR_NONE && !stored,
	      "lower");
	CHECK(record_head(m.d, &p.owner, &info, head, &e) == ERR_NONE &&
		      info.size == RECORD_MAX_HEAD &&
		      info.sequence == RECORD_MAX_SEQUENCE &&
		      memcmp(head, bytes, sizeof(head)) == 0,
	      "%s", e.msg);
	CHECK(sector_db_commit(m.d, &e) == ERR_NONE, "%s", e.msg);
	check_index(&m);
	CHECK(sector_db_begin(m.d, &e) == ERR_NONE, "%s", e.msg);
	CHECK(record_expire(m.d, 99, 10, &n, &e) == ERR_NONE && n == 0,
	      "not yet");
	CHECK(record_expire(m.d, 100, 10, &n, &e) == ERR_NONE && n == 1,
	      "its time");
	CHECK(record_placement(m.d, &p.object, &info, &e) == ERR_NONE &&
		      info.size == 0,
	      "gone");
	CHECK(sector_db_commit(m.d, &e) == ERR_NONE, "%s", e.msg);
	check_index(&m);
	stop(&m);
}

/* An agreement of owner 1 with one sector. */
static void agree(struct model *m)
{
	const struct list_op op = {.kind = LIST_APPEND, .root = name_root(1)};
	struct list_change c = {.key = {owner_of(1), owner_of(9), 1},
				.revision = 1,
				.ops = &op,
				.op_count = 1,
				.sectors = 1,
				.root = name_root(1),
				.blob = (const uint8_t *)"signed",
				.blob_len = 6};
	struct sector_freed freed = {0};
	struct sector_at at = {1, 0};
	struct address owner = owner_of(1);
	struct err e = {0};
	bool placed;

	CHECK(sector_db_stage(m->d, &op.root, &at, &owner, 1000, &placed, &e) ==
			      ERR_NONE &&
		      list_change(m->d, &c, &freed, &e) == ERR_NONE,
	      "%s", e.msg);
}

static bool is_of(struct model *m, const struct record_put *p, uint32_t owner)
{
	const struct address who = owner_of(owner);
	struct record_info info;

	return record_placement(m->d, &p->object, &info, NULL) == ERR_NONE &&
	       info.size == p->len && address_eq(&info.owner, &who);
}

/* A steward without agreements goes on with a record: it stays that account's
 * by whose agreement it is kept, up to what its sectors allow. */
static void agreements_keep_records_of_their_accounts(void)
{
	static const uint8_t bytes[RECORD_ROOM];
	static struct model m;
	struct record_put p = {.sequence = 1, .expires_s = 5, .bytes = bytes};
	struct err e = {0};
	uint32_t n;
	bool stored;

	start(&m, 14);
	CHECK(sector_db_begin(m.d, &e) == ERR_NONE, "%s", e.msg);
	p.len = 10;
	p.owner = owner_of(2);
	CHECK(record_put_placement(m.d, &p, &stored, &e) == ERR_NONE &&
		      is_of(&m, &p, 2),
	      "%s", e.msg);
	agree(&m);
	p.sequence++;
	p.owner = owner_of(1);
	CHECK(record_put_placement(m.d, &p, &stored, &e) == ERR_NONE &&
		      is_of(&m, &p, 1),
	      "who has an agreement takes it over");
	p.sequence++;
	p.owner = owner_of(2);
	CHECK(record_put_placement(m.d, &p, &stored, &e) == ERR_NONE &&
		      stored && is_of(&m, &p, 1),
	      "and keeps it");
	CHECK(record_expire(m.d, 5, 1, &n, &e) == ERR_NONE && n == 1 &&
		      is_of(&m, &p, 1),
	      "kept");
	p.owner = owner_of(1);
	p.object.bytes[0] = 1;
	p.len = RECORD_ROOM;
	CHECK(record_put_placement(m.d, &p, &stored, &e) == ERR_NONE, "%s",
	      e.msg);
	CHECK(record_expire(m.d, 5, 9, &n, &e) == ERR_NONE && n == 1 &&
		      is_of(&m, &p, 1),
	      "a MiB for its sector, and one more");
	p.expires_s = 6;
	p.object.bytes[0] = 2;
	CHECK(record_put_placement(m.d, &p, &stored, &e) == ERR_NONE &&
		      record_expire(m.d, 6, 9, &n, &e) == ERR_NONE && n == 1,
	      "%s", e.msg);
	CHECK(!is_of(&m, &p, 1), "more is not kept");
	CHECK(sector_db_commit(m.d, &e) == ERR_NONE, "%s", e.msg);
	check_index(&m);
	stop(&m);
}

/* --- agreements in order --- */

static void count_info(void *ctx, const struct list_info *info)
{
	struct list_key *last = ctx;

	*last = info->key;
	last->number += 1000; /* a sign that it was called */
}

static void agreements_are_listed_in_order(void)
{
	static struct model m;
	struct list_key key;
	struct err e = {0};

	start(&m, 15);
	CHECK(sector_db_begin(m.d, &e) == ERR_NONE, "%s", e.msg);
	for (uint32_t i = 0; i < LISTS; i++)
		while (!m.lists[i].there)
			change(&m, &m.lists[i], 0, 0);
	CHECK(list_each(m.d, NULL, 1, count_info, &key, &e) == ERR_NONE &&
		      key.number == 1000,
	      "the first");
	for (uint32_t i = 1; i < LISTS; i++) {
		key.number -= 1000;
		CHECK(list_each(m.d, &key, 1, count_info, &key, &e) ==
				      ERR_NONE &&
			      key.number == 1000 + i,
		      "after it");
	}
	CHECK(list_get(m.d, &m.lists[2].key, count_info, &key, &e) ==
			      ERR_NONE &&
		      key.number == 1002,
	      "%s", e.msg);
	m.lists[2].key.number = 77;
	CHECK(list_get(m.d, &m.lists[2].key, count_info, &key, NULL) ==
		      ERR_STATE,
	      "no such one");
	CHECK(sector_db_commit(m.d, &e) == ERR_NONE, "%s", e.msg);
	stop(&m);
}

int main(void)
{
	for (uint64_t seed = 1; seed <= 5; seed++)
		random_walk(seed);
	a_long_list_comes_and_goes();
	a_list_refuses_what_it_must();
	what_is_lost_is_listed();
	the_highest_sequence_wins();
	agreements_keep_records_of_their_accounts();
	agreements_are_listed_in_order();
	return CHECK_EXIT();
}
