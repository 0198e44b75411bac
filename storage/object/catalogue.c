#include "storage/object/catalogue.h"

#include "base/bytes.h"
#include "storage/object/catalogue_int.h"
#include "storage/object/segment.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_CHUNK 65536U

/* Strings live in chunks that never move. */
struct catalogue_text {
	struct catalogue_text *next;
	size_t used, cap;
	char bytes[];
};

struct catalogue *catalogue_new(void)
{
	return calloc(1, sizeof(struct catalogue));
}

void catalogue_free(struct catalogue *c)
{
	struct catalogue_text *t, *next;

	if (!c)
		return;
	for (t = c->text; t; t = next) {
		next = t->next;
		free(t);
	}
	for (uint32_t i = 0; i < c->objects_n; i++)
		explicit_bzero(c->objects[i].full, OBJECT_KEY_LEN);
	free(c->entries);
	free(c->agreements);
	free(c->objects);
	free(c);
}

char *catalogue_text_take(struct catalogue *c, size_t len, struct err *e)
{
	struct catalogue_text *t = c->text;
	size_t cap = len + 1 > TEXT_CHUNK ? len + 1 : TEXT_CHUNK;
	char *p;

	if (len > CATALOGUE_MAX - c->text_len) {
		(void)err_fail(e, ERR_LIMIT, "catalogue: too many names");
		return NULL;
	}
	if (!t || t->cap - t->used < len + 1) {
		t = malloc(sizeof(*t) + cap);
		if (!t) {
			(void)err_fail(e, ERR_NOMEM, "catalogue: no memory");
			return NULL;
		}
		*t = (struct catalogue_text){.next = c->text, .cap = cap};
		c->text = t;
	}
	p = t->bytes + t->used;
	t->used += len + 1;
	c->text_len += len;
	p[len] = '\0';
	return p;
}

/* Room for one more; doubles, up to max. */
static enum err_code grow(void **items, uint32_t n, uint32_t *cap, size_t size,
			  uint32_t max, struct err *e)
{
	uint32_t more;
	void *p;

	if (n < *cap)
		return ERR_NONE;
	if (n >= max)
		return err_fail(e, ERR_LIMIT, "catalogue: more than %u of them",
				max);
	more = *cap ? *cap * 2 : 16;
	more = more > max ? max : more;
	p = realloc(*items, more * size);
	if (!p)
		return err_fail(e, ERR_NOMEM, "catalogue: no memory");
	*items = p;
	*cap = more;
	return ERR_NONE;
}

enum err_code catalogue_add_object(struct catalogue *c,
				   const struct catalogue_object *o,
				   struct err *e)
{
	void *items = c->objects;
	enum err_code code = grow(&items, c->objects_n, &c->objects_cap,
				  sizeof(*o), CATALOGUE_OBJECTS_MAX, e);

	c->objects = items;
	if (code != ERR_NONE)
		return code;
	c->objects[c->objects_n] = *o;
	c->objects[c->objects_n++].before = c->size;
	c->size += o->size;
	return ERR_NONE;
}

enum err_code catalogue_add_agreement(struct catalogue *c,
				      const struct catalogue_agreement *a,
				      struct err *e)
{
	void *items = c->agreements;
	enum err_code code = grow(&items, c->agreements_n, &c->agreements_cap,
				  sizeof(*a), CATALOGUE_AGREEMENTS_MAX, e);

	c->agreements = items;
	if (code == ERR_NONE)
		c->agreements[c->agreements_n++] = *a;
	return code;
}

enum err_code catalogue_push_entry(struct catalogue *c,
				   const struct catalogue_entry *entry,
				   struct err *e)
{
	void *items = c->entries;
	enum err_code code = grow(&items, c->entries_n, &c->entries_cap,
				  sizeof(*entry), CATALOGUE_ENTRIES_MAX, e);

	c->entries = items;
	if (code == ERR_NONE)
		c->entries[c->entries_n++] = *entry;
	return code;
}

static const char *copy_text(struct catalogue *c, const char *s, struct err *e)
{
	char *copy = catalogue_text_take(c, strlen(s), e);

	return copy ? memcpy(copy, s, strlen(s)) : NULL;
}

enum err_code catalogue_add_entry(struct catalogue *c,
				  const struct catalogue_entry *entry,
				  struct err *e)
{
	struct catalogue_entry copy = *entry;
	struct err own = {.code = ERR_NONE};

	copy.path = copy_text(c, entry->path, &own);
	if (copy.path && entry->target)
		copy.target = copy_text(c, entry->target, &own);
	if (own.code != ERR_NONE)
		return err_fail(e, own.code, "%s", own.msg);
	return catalogue_push_entry(c, &copy, e);
}

/* --- what may be in it --- */

const char *catalogue_path_fault(const char *path, size_t len)
{
	size_t start = 0;

	if (len == 0 || len > CATALOGUE_PATH_MAX)
		return "it is empty or too long";
	for (size_t i = 0; i <= len; i++) {
		size_t part = i - start;

		if (i < len && path[i] == '\0')
			return "it has a zero byte";
		if (i < len && path[i] != '/')
			continue;
		if (part == 0 || part > 255)
			return "a component is empty or too long";
		if (path[start] == '.' &&
		    (part == 1 || (part == 2 && path[start + 1] == '.')))
			return "a component is \".\" or \"..\"";
		start = i + 1;
	}
	return NULL;
}

static int compare_path(const char *a, size_t a_len, const char *b,
			size_t b_len)
{
	int c = memcmp(a, b, a_len < b_len ? a_len : b_len);

	if (c == 0 && a_len != b_len)
		c = a_len < b_len ? -1 : 1;
	return c;
}

static const struct catalogue_entry *find(const struct catalogue_entry *entries,
					  uint32_t n, const char *path,
					  size_t len)
{
	uint32_t low = 0, high = n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		int c = compare_path(entries[mid].path,
				     strlen(entries[mid].path), path, len);

		if (c == 0)
			return &entries[mid];
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

const struct catalogue_entry *catalogue_find(const struct catalogue *c,
					     const char *path)
{
	return find(c->entries, c->entries_n, path, strlen(path));
}

const char *catalogue_object_fault(const struct catalogue_object *o)
{
	if (o->k < 1 || o->k > CODER_K_MAX || o->n < o->k)
		return "an object's k or n";
	if (o->segments < 1 || o->segments > SEGMENTS_MAX)
		return "an object's segments";
	if (o->size > (uint64_t)o->segments * segment_plain_len(o->k))
		return "an object's size";
	return o->put_s < 0 ? "an object's time" : NULL;
}

static const char *file_fault(const struct catalogue *c,
			      const struct catalogue_entry *f)
{
	const struct catalogue_object *o;

	if (f->size == 0)
		return f->object || f->offset ? "an empty file's place" : NULL;
	if (f->object >= c->objects_n)
		return "a file's object";
	o = &c->objects[f->object];
	if (f->offset >= o->size || f->size > c->size - o->before - f->offset)
		return "a file's place";
	return NULL;
}

static const char *kind_fault(const struct catalogue *c,
			      const struct catalogue_entry *f)
{
	if (f->kind == CATALOGUE_FILE)
		return f->target ? "a file's target" : file_fault(c, f);
	if (f->object || f->offset || f->size)
		return "a place of what is no file";
	if (f->kind == CATALOGUE_DIR)
		return f->target ? "a directory's target" : NULL;
	if (f->kind != CATALOGUE_LINK)
		return "a kind";
	if (!f->target || !*f->target || strlen(f->target) > CATALOGUE_PATH_MAX)
		return "a link's target";
	return NULL;
}

const char *catalogue_entry_fault(const struct catalogue *c, uint32_t i)
{
	const struct catalogue_entry *f = &c->entries[i], *parent;
	size_t len = strlen(f->path);
	const char *fault = catalogue_path_fault(f->path, len), *slash;

	if (fault)
		return fault;
	if (i &&
	    compare_path(c->entries[i - 1].path, strlen(c->entries[i - 1].path),
			 f->path, len) >= 0)
		return "it is there twice, or out of order";
	slash = strrchr(f->path, '/');
	parent = slash ? find(c->entries, i, f->path, (size_t)(slash - f->path))
		       : NULL;
	if (slash && (!parent || parent->kind != CATALOGUE_DIR))
		return "its parent is not listed as a directory";
	if (f->mode > 07777)
		return "its mode";
	return kind_fault(c, f);
}

/* --- where a table stands --- */

static const uint8_t footer_mark[8] = "sbtable1";

void catalogue_footer_encode(uint8_t out[CATALOGUE_FOOTER_LEN],
			     const struct catalogue_footer *f)
{
	struct wr w = wr_into(out, CATALOGUE_FOOTER_LEN);

	wr_copy(&w, footer_mark, sizeof(footer_mark));
	wr_u64(&w, f->offset);
	wr_u64(&w, f->len);
}

bool catalogue_footer_decode(struct catalogue_footer *out,
			     const uint8_t footer[CATALOGUE_FOOTER_LEN],
			     uint64_t stream_len)
{
	struct rd r = rd_from(footer, CATALOGUE_FOOTER_LEN);
	uint8_t mark[sizeof(footer_mark)];

	rd_copy(&r, mark, sizeof(mark));
	out->offset = rd_u64(&r);
	out->len = rd_u64(&r);
	return memcmp(mark, footer_mark, sizeof(mark)) == 0 && out->len &&
	       out->len <= CATALOGUE_MAX &&
	       stream_len >= CATALOGUE_FOOTER_LEN &&
	       out->offset <= stream_len - CATALOGUE_FOOTER_LEN &&
	       out->len <= stream_len - CATALOGUE_FOOTER_LEN - out->offset;
}
