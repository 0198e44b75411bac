#include "storage/object/placement.h"
#include "storage/object/source_int.h"

#include <stdlib.h>
#include <string.h>

/* Encoded, an entry takes less than this and its texts; all else less than
 * that. */
#define ENTRY_MOST 40U
#define HEAD_MOST 128U

struct source_object {
	struct source *s;
	uint64_t from;
	uint64_t len; /* of files; of a pipe, at most */
	bool sized;   /* len is exact, the table is made */
	struct catalogue_object about;
	uint8_t *table;
	size_t table_len;
};

/* --- where it is cut --- */

static uint64_t table_most(const struct source *s)
{
	uint64_t most = HEAD_MOST + s->text_len +
			(uint64_t)s->list->entries_n * ENTRY_MOST;

	return most < CATALOGUE_MAX ? most : CATALOGUE_MAX;
}

static bool shape_ok(unsigned k, unsigned n)
{
	return k >= 1 && k <= CODER_K_MAX && n >= k && n <= CODER_N_MAX;
}

uint64_t source_cut(const struct source *s, uint64_t from, unsigned k,
		    unsigned n)
{
	uint64_t most, left = from < s->size ? s->size - from : 0;

	if (!shape_ok(k, n))
		return 0;
	most = (uint64_t)placement_segments_max(n) * segment_plain_len(k) -
	       CATALOGUE_FOOTER_LEN - table_most(s);
	return s->path && left < most ? left : most;
}

/* --- its table --- */

struct part {
	uint64_t from, end;
	bool last;
};

/* pos: where the entry stands in the stream, with bytes or without. */
static bool lies_in(const struct part *p, const struct catalogue_entry *f,
		    uint64_t pos)
{
	if (f->size)
		return pos < p->end && pos + f->size > p->from;
	return pos >= p->from && (pos < p->end || p->last);
}

static void mark_parents(const struct catalogue *c, uint32_t i, uint8_t *marks)
{
	const char *path = c->entries[i].path;
	size_t len = strlen(path);

	for (;;) {
		const struct catalogue_entry *parent;
		char above[CATALOGUE_PATH_MAX + 1];

		while (len && path[len - 1] != '/')
			len--;
		if (len == 0)
			return;
		len--;
		memcpy(above, path, len);
		above[len] = '\0';
		parent = catalogue_find(c, above);
		if (!parent || marks[parent - c->entries])
			return;
		marks[parent - c->entries] = 1;
	}
}

static uint8_t *mark(const struct catalogue *c, const struct part *p)
{
	uint8_t *marks = calloc(c->entries_n ? c->entries_n : 1, 1);
	uint64_t pos = 0;

	if (!marks)
		return NULL;
	for (uint32_t i = 0; i < c->entries_n; i++) {
		const struct catalogue_entry *f = &c->entries[i];

		if (lies_in(p, f, pos)) {
			marks[i] = 1;
			mark_parents(c, i, marks);
		}
		pos += f->size;
	}
	return marks;
}

/* As the object that it lies in knows it. */
static struct catalogue_entry cut_entry(const struct catalogue_entry *f,
					const struct part *p)
{
	struct catalogue_entry cut = *f;
	uint64_t end = f->offset + f->size;

	if (f->size == 0)
		return cut;
	cut.offset = f->offset > p->from ? f->offset - p->from : 0;
	end = end < p->end ? end : p->end;
	cut.size = end - p->from - cut.offset;
	return cut;
}

static enum err_code list(const struct source_object *o, struct catalogue *t,
			  struct err *e)
{
	const struct catalogue *c = o->s->list;
	const struct part p = {.from = o->from,
			       .end = o->from + o->len,
			       .last = o->from + o->len >= o->s->size};
	enum err_code code = catalogue_add_object(t, &o->about, e);
	uint8_t *marks = mark(c, &p);

	if (!marks)
		return err_fail(e, ERR_NOMEM, "source: no memory");
	for (uint32_t i = 0; i < c->entries_n && code == ERR_NONE; i++) {
		struct catalogue_entry f;

		if (!marks[i])
			continue;
		f = cut_entry(&c->entries[i], &p);
		code = catalogue_add_entry(t, &f, e);
	}
	free(marks);
	return code;
}

static uint64_t segments_for(const struct source_object *o)
{
	uint64_t one = segment_plain_len(o->about.k);

	return (o->len + o->table_len + CATALOGUE_FOOTER_LEN + one - 1) / one;
}

/* How many segments it has stands in the table, whose length does not depend
 * on it: so once to know the length, once as it is. */
static enum err_code encode(struct source_object *o, struct catalogue *t,
			    struct err *e)
{
	uint64_t max = placement_segments_max(o->about.n), segments;
	enum err_code code;

	t->objects[0].segments = (uint16_t)max;
	code = catalogue_encode(&o->table, &o->table_len, t, e);
	if (code != ERR_NONE)
		return code;
	segments = segments_for(o);
	if (segments > max)
		return err_fail(e, ERR_LIMIT,
				"source: %llu segments of an object's %llu",
				(unsigned long long)segments,
				(unsigned long long)max);
	o->about.segments = (uint16_t)segments;
	t->objects[0].segments = o->about.segments;
	free(o->table);
	return catalogue_encode(&o->table, &o->table_len, t, e);
}

static enum err_code make_table(struct source_object *o, struct err *e)
{
	struct catalogue *t = catalogue_new();
	enum err_code code;

	if (!t)
		return err_fail(e, ERR_NOMEM, "source: no memory");
	o->about.size = o->len;
	code = list(o, t, e);
	if (code == ERR_NONE)
		code = encode(o, t, e);
	catalogue_free(t);
	o->sized = code == ERR_NONE;
	return code;
}

/* --- life --- */

enum err_code source_object_new(struct source_object **out, struct source *s,
				uint64_t from, uint64_t len, unsigned k,
				unsigned n, int64_t put_s, struct err *e)
{
	struct source_object *o;
	enum err_code code = ERR_NONE;

	*out = NULL;
	if (!shape_ok(k, n) || len > source_cut(s, from, k, n))
		return err_fail(e, ERR_LIMIT,
				"source: no object of %u of %u has %llu bytes",
				k, n, (unsigned long long)len);
	o = calloc(1, sizeof(*o));
	if (!o)
		return err_fail(e, ERR_NOMEM, "source: no memory");
	o->s = s;
	o->from = from;
	o->len = len;
	o->about.k = (uint8_t)k;
	o->about.n = (uint8_t)n;
	o->about.segments = 1;
	o->about.put_s = put_s;
	if (s->path)
		code = make_table(o, e);
	if (code != ERR_NONE) {
		source_object_free(o);
		return code;
	}
	*out = o;
	return ERR_NONE;
}

void source_object_free(struct source_object *o)
{
	if (!o)
		return;
	free(o->table);
	free(o);
}

/* --- reading --- */

enum err_code source_object_read(struct source_object *o, uint64_t off,
				 uint8_t *buf, size_t len, size_t *got,
				 struct err *e)
{
	enum err_code code = ERR_NONE;
	uint64_t at;
	size_t n;

	*got = 0;
	if (off < o->len || !o->sized) {
		uint64_t left = o->len - off;
		size_t want = left < len ? (size_t)left : len;

		code = source_read(o->s, o->from + off, buf, want, got, e);
		if (code == ERR_NONE && !o->sized &&
		    (*got < want || off + *got == o->len)) {
			o->len = off + *got;
			code = make_table(o, e);
		}
	}
	at = off + *got - o->len;
	if (code != ERR_NONE || off + *got < o->len || at >= o->table_len)
		return code;
	n = o->table_len - (size_t)at < len - *got ? o->table_len - (size_t)at
						   : len - *got;
	memcpy(buf + *got, o->table + at, n);
	*got += n;
	return ERR_NONE;
}

size_t source_object_tail(const struct source_object *o, uint8_t *buf)
{
	const struct catalogue_footer f = {.offset = o->len,
					   .len = o->table_len};

	if (!o->sized)
		return 0;
	catalogue_footer_encode(buf, &f);
	return CATALOGUE_FOOTER_LEN;
}

uint64_t source_object_size(const struct source_object *o)
{
	return o->sized ? o->len : 0;
}

uint32_t source_object_segments(const struct source_object *o)
{
	return o->sized ? o->about.segments : 0;
}
