#include "base/bytes.h"
#include "storage/object/catalogue_int.h"

#include <stdlib.h>
#include <string.h>

#define VERSION 1
#define OBJECT_BYTES (OBJECT_KEY_LEN + 1U + 1U + 2U + 8U + 8U)
#define AGREEMENT_BYTES (20U + 4U + 1U)
/* kind, mode, time, two lengths of the path */
#define ENTRY_BYTES (1U + 2U + 8U + 2U + 2U)
#define FILE_BYTES (4U + 8U + 8U)
#define HEAD_BYTES (1U + 8U + 3U * 4U)

int catalogue_agreement_compare(const void *a, const void *b)
{
	const struct catalogue_agreement *x = a, *y = b;
	int c = memcmp(x->host.bytes, y->host.bytes, sizeof(x->host.bytes));

	if (c == 0 && x->number != y->number)
		c = x->number < y->number ? -1 : 1;
	return c;
}

static int compare_entries(const void *a, const void *b)
{
	const struct catalogue_entry *x = a, *y = b;

	return strcmp(x->path, y->path); /* bytes, shorter first: as memcmp */
}

/* --- encoding --- */

/* Bytes that a path has in common with the one before it. */
static size_t shared_with_last(const struct catalogue *c, uint32_t i)
{
	const char *path = c->entries[i].path, *last;
	size_t n = 0;

	if (i == 0)
		return 0;
	last = c->entries[i - 1].path;
	while (path[n] && path[n] == last[n])
		n++;
	return n;
}

static enum err_code check_before(const struct catalogue *c, struct err *e)
{
	const char *fault = NULL;

	for (uint32_t i = 0; i < c->objects_n && !fault; i++)
		fault = catalogue_object_fault(&c->objects[i]);
	if (fault)
		return err_fail(e, ERR_STATE, "catalogue: %s", fault);
	for (uint32_t i = 1; i < c->agreements_n; i++)
		if (catalogue_agreement_compare(&c->agreements[i - 1],
						&c->agreements[i]) == 0)
			return err_fail(e, ERR_STATE,
					"catalogue: an agreement twice");
	for (uint32_t i = 0; i < c->entries_n; i++) {
		fault = catalogue_entry_fault(c, i);
		if (fault)
			return err_fail(e, ERR_STATE, "%.80s: %s",
					c->entries[i].path, fault);
	}
	return ERR_NONE;
}

static size_t encoded_len(const struct catalogue *c)
{
	size_t len = HEAD_BYTES + (size_t)c->objects_n * OBJECT_BYTES +
		     (size_t)c->agreements_n * AGREEMENT_BYTES;

	for (uint32_t i = 0; i < c->entries_n; i++) {
		const struct catalogue_entry *f = &c->entries[i];

		len += ENTRY_BYTES + strlen(f->path) - shared_with_last(c, i);
		if (f->kind == CATALOGUE_FILE)
			len += FILE_BYTES;
		if (f->kind == CATALOGUE_LINK)
			len += 2 + strlen(f->target);
	}
	return len;
}

static void write_object(struct wr *w, const struct catalogue_object *o)
{
	wr_copy(w, o->full, sizeof(o->full));
	wr_u8(w, o->k);
	wr_u8(w, o->n);
	wr_u16(w, o->segments);
	wr_u64(w, o->size);
	wr_u64(w, (uint64_t)o->put_s);
}

static void write_agreement(struct wr *w, const struct catalogue_agreement *a)
{
	wr_copy(w, a->host.bytes, sizeof(a->host.bytes));
	wr_u32(w, a->number);
	wr_u8(w, a->opened);
}

static void write_text(struct wr *w, const char *s, size_t from)
{
	size_t len = strlen(s);

	wr_u16(w, (uint16_t)(len - from));
	wr_copy(w, (const uint8_t *)s + from, len - from);
}

static void write_entry(struct wr *w, const struct catalogue *c, uint32_t i)
{
	const struct catalogue_entry *f = &c->entries[i];
	size_t shared = shared_with_last(c, i);

	wr_u16(w, (uint16_t)shared);
	write_text(w, f->path, shared);
	wr_u8(w, (uint8_t)f->kind);
	wr_u16(w, f->mode);
	wr_u64(w, (uint64_t)f->mtime_ns);
	if (f->kind == CATALOGUE_FILE) {
		wr_u32(w, f->object);
		wr_u64(w, f->offset);
		wr_u64(w, f->size);
	}
	if (f->kind == CATALOGUE_LINK)
		write_text(w, f->target, 0);
}

static void write_all(struct wr *w, const struct catalogue *c)
{
	wr_u8(w, VERSION);
	wr_u64(w, c->sequence);
	wr_u32(w, c->objects_n);
	for (uint32_t i = 0; i < c->objects_n; i++)
		write_object(w, &c->objects[i]);
	wr_u32(w, c->agreements_n);
	for (uint32_t i = 0; i < c->agreements_n; i++)
		write_agreement(w, &c->agreements[i]);
	wr_u32(w, c->entries_n);
	for (uint32_t i = 0; i < c->entries_n; i++)
		write_entry(w, c, i);
}

enum err_code catalogue_encode(uint8_t **take_out, size_t *len,
			       struct catalogue *c, struct err *e)
{
	enum err_code code;
	struct wr w;

	*take_out = NULL;
	if (c->agreements_n)
		qsort(c->agreements, c->agreements_n, sizeof(*c->agreements),
		      catalogue_agreement_compare);
	if (c->entries_n)
		qsort(c->entries, c->entries_n, sizeof(*c->entries),
		      compare_entries);
	code = check_before(c, e);
	if (code != ERR_NONE)
		return code;
	*len = encoded_len(c);
	if (*len > CATALOGUE_MAX)
		return err_fail(e, ERR_LIMIT, "catalogue: %zu bytes", *len);
	*take_out = malloc(*len);
	if (!*take_out)
		return err_fail(e, ERR_NOMEM, "catalogue: no memory");
	w = wr_into(*take_out, *len);
	write_all(&w, c);
	return ERR_NONE;
}

/* --- decoding --- */

static enum err_code read_objects(struct rd *r, struct catalogue *c,
				  struct err *e)
{
	uint32_t n = rd_u32(r);
	enum err_code code = ERR_NONE;

	for (uint32_t i = 0; i < n && code == ERR_NONE; i++) {
		struct catalogue_object o = {.k = 0};
		const char *fault;

		rd_copy(r, o.full, sizeof(o.full));
		o.k = rd_u8(r);
		o.n = rd_u8(r);
		o.segments = rd_u16(r);
		o.size = rd_u64(r);
		o.put_s = (int64_t)rd_u64(r);
		fault = catalogue_object_fault(&o);
		code = fault ? err_fail(e, ERR_PARSE, "catalogue: %s", fault)
			     : catalogue_add_object(c, &o, e);
		explicit_bzero(o.full, sizeof(o.full));
	}
	return code;
}

static enum err_code read_agreements(struct rd *r, struct catalogue *c,
				     struct err *e)
{
	uint32_t n = rd_u32(r);
	enum err_code code = ERR_NONE;

	for (uint32_t i = 0; i < n && code == ERR_NONE; i++) {
		struct catalogue_agreement a;
		uint8_t opened;

		rd_copy(r, a.host.bytes, sizeof(a.host.bytes));
		a.number = rd_u32(r);
		opened = rd_u8(r);
		a.opened = opened == 1;
		if (opened > 1 ||
		    (i && catalogue_agreement_compare(&c->agreements[i - 1],
						      &a) >= 0))
			return err_fail(e, ERR_PARSE,
					"catalogue: agreements out of order");
		code = catalogue_add_agreement(c, &a, e);
	}
	return code;
}

/* A length and a text that follows what is `shared` with another one. */
static const char *read_text(struct rd *r, struct catalogue *c,
			     const char *other, size_t shared, struct err *e)
{
	size_t len = rd_u16(r);
	const uint8_t *p = rd_view(r, len, CATALOGUE_PATH_MAX);
	char *text;

	if (!p || len + shared > CATALOGUE_PATH_MAX || memchr(p, 0, len)) {
		(void)err_fail(e, ERR_PARSE, "catalogue: a name");
		return NULL;
	}
	text = catalogue_text_take(c, shared + len, e);
	if (!text)
		return NULL;
	if (shared)
		memcpy(text, other, shared);
	memcpy(text + shared, p, len);
	return text;
}

static bool read_path(struct rd *r, struct catalogue *c,
		      struct catalogue_entry *f, struct err *e)
{
	size_t shared = rd_u16(r);
	const char *last =
		c->entries_n ? c->entries[c->entries_n - 1].path : "";

	if (shared > strlen(last)) {
		(void)err_fail(e, ERR_PARSE, "catalogue: a name");
		return false;
	}
	f->path = read_text(r, c, last, shared, e);
	/* as much as possible is shared: one encoding for each */
	if (f->path && f->path[shared] && f->path[shared] == last[shared]) {
		(void)err_fail(e, ERR_PARSE, "catalogue: a name");
		return false;
	}
	return f->path != NULL;
}

static bool read_entry(struct rd *r, struct catalogue *c,
		       struct catalogue_entry *f, struct err *e)
{
	memset(f, 0, sizeof(*f));
	if (!read_path(r, c, f, e))
		return false;
	f->kind = (enum catalogue_kind)rd_u8(r);
	f->mode = rd_u16(r);
	f->mtime_ns = (int64_t)rd_u64(r);
	if (f->kind == CATALOGUE_FILE) {
		f->object = rd_u32(r);
		f->offset = rd_u64(r);
		f->size = rd_u64(r);
	}
	if (f->kind == CATALOGUE_LINK) {
		f->target = read_text(r, c, "", 0, e);
		return f->target != NULL;
	}
	return true;
}

static enum err_code read_entries(struct rd *r, struct catalogue *c,
				  struct err *e)
{
	uint32_t n = rd_u32(r);
	struct err own = {.code = ERR_NONE};

	for (uint32_t i = 0; i < n; i++) {
		struct catalogue_entry f;
		const char *fault;
		enum err_code code;

		if (!read_entry(r, c, &f, &own))
			return err_fail(e, own.code, "%s", own.msg);
		code = catalogue_push_entry(c, &f, e);
		if (code != ERR_NONE)
			return code;
		fault = catalogue_entry_fault(c, i);
		if (fault)
			return err_fail(e, ERR_PARSE, "catalogue: entry %u: %s",
					i, fault);
	}
	return ERR_NONE;
}

enum err_code catalogue_decode(struct catalogue **out, const uint8_t *p,
			       size_t len, struct err *e)
{
	struct rd r = rd_from(p, len);
	struct catalogue *c;
	enum err_code code;

	*out = NULL;
	if (len > CATALOGUE_MAX)
		return err_fail(e, ERR_LIMIT, "catalogue: %zu bytes", len);
	if (rd_u8(&r) != VERSION)
		return err_fail(e, ERR_PARSE, "catalogue: no such version");
	c = catalogue_new();
	if (!c)
		return err_fail(e, ERR_NOMEM, "catalogue: no memory");
	c->sequence = rd_u64(&r);
	code = read_objects(&r, c, e);
	if (code == ERR_NONE)
		code = read_agreements(&r, c, e);
	if (code == ERR_NONE)
		code = read_entries(&r, c, e);
	if (code == ERR_NONE && !rd_done(&r))
		code = err_fail(e, ERR_PARSE, "catalogue: too short or long");
	if (code != ERR_NONE) {
		catalogue_free(c);
		return code;
	}
	*out = c;
	return ERR_NONE;
}
