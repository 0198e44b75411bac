#include "base/bencode.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_TOKENS 16
#define NO_PARENT UINT32_MAX

struct token {
	uint32_t start;	 /* offset of the value's first byte */
	uint32_t end;	 /* offset after its last byte */
	uint32_t next;	 /* index of the first token after its subtree */
	uint32_t parent; /* NO_PARENT for the root */
	uint32_t count;	 /* items or pairs; for a string: its length */
	uint8_t type;
	bool is_key;
	int64_t value; /* integers */
};

struct ben_doc {
	const uint8_t *buf;
	struct token *tokens;
	uint32_t count;
	uint32_t cap;
};

struct parser {
	struct ben_doc *doc;
	size_t len;
	size_t pos;
	uint32_t max_tokens;
	unsigned flags;
	struct err *e;
	unsigned depth;
	struct {
		uint32_t token;
		uint32_t key; /* the last key; NO_PARENT before the first */
		bool wants_value;
	} stack[BEN_MAX_DEPTH];
};

static enum err_code refuse(struct parser *p, const char *what)
{
	return err_fail(p->e, ERR_PARSE, "bencode: %s at byte %zu", what,
			p->pos);
}

static enum err_code add_token(struct parser *p, enum ben_type type,
			       uint32_t *out)
{
	struct ben_doc *d = p->doc;
	struct token *grown;
	uint32_t cap;

	if (d->count == p->max_tokens)
		return err_fail(p->e, ERR_LIMIT,
				"bencode: more than %" PRIu32
				" values at byte %zu",
				p->max_tokens, p->pos);
	if (d->count == d->cap) {
		cap = d->cap ? d->cap : FIRST_TOKENS / 2;
		cap = cap > p->max_tokens / 2 ? p->max_tokens : cap * 2;
		grown = realloc(d->tokens, cap * sizeof(*grown));
		if (!grown)
			return err_fail(p->e, ERR_NOMEM, "bencode");
		d->tokens = grown;
		d->cap = cap;
	}
	*out = d->count++;
	d->tokens[*out] = (struct token){
		.start = (uint32_t)p->pos,
		.next = d->count,
		.parent = p->depth ? p->stack[p->depth - 1].token : NO_PARENT,
		.type = (uint8_t)type,
	};
	return ERR_NONE;
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* Digits without leading zeros up to `max`; false leaves pos at the culprit. */
static bool read_digits(struct parser *p, uint64_t max, uint64_t *out)
{
	const uint8_t *b = p->doc->buf;
	size_t first = p->pos;
	uint64_t v = 0;

	while (p->pos < p->len && is_digit(b[p->pos])) {
		uint64_t digit = (uint64_t)(b[p->pos] - '0');

		if ((p->pos > first && b[first] == '0') || digit > max ||
		    v > (max - digit) / 10)
			return false;
		v = v * 10 + digit;
		p->pos++;
	}
	*out = v;
	return p->pos > first;
}

static enum err_code read_int(struct parser *p)
{
	const uint8_t *b = p->doc->buf;
	enum err_code code;
	bool negative;
	uint32_t token;
	uint64_t v;

	code = add_token(p, BEN_INT, &token);
	if (code != ERR_NONE)
		return code;
	p->pos++;
	negative = p->pos < p->len && b[p->pos] == '-';
	if (negative)
		p->pos++;
	if (!read_digits(p, (uint64_t)INT64_MAX + negative, &v) ||
	    (negative && v == 0))
		return refuse(p, "bad integer");
	if (p->pos == p->len || b[p->pos] != 'e')
		return refuse(p, "integer without end");
	p->pos++;
	/* -(v - 1) - 1 reaches INT64_MIN without passing INT64_MAX */
	p->doc->tokens[token].value =
		negative ? -(int64_t)(v - 1) - 1 : (int64_t)v;
	p->doc->tokens[token].end = (uint32_t)p->pos;
	return ERR_NONE;
}

static enum err_code read_str(struct parser *p)
{
	enum err_code code;
	uint32_t token;
	uint64_t n;

	code = add_token(p, BEN_STR, &token);
	if (code != ERR_NONE)
		return code;
	if (!read_digits(p, p->len, &n))
		return refuse(p, "bad string length");
	if (p->pos == p->len || p->doc->buf[p->pos] != ':')
		return refuse(p, "string length without colon");
	p->pos++;
	if (n > p->len - p->pos)
		return refuse(p, "string longer than the input");
	p->pos += (size_t)n;
	p->doc->tokens[token].count = (uint32_t)n;
	p->doc->tokens[token].end = (uint32_t)p->pos;
	return ERR_NONE;
}

static struct ben_view str_view(const struct ben_doc *d, uint32_t token)
{
	const struct token *t = &d->tokens[token];

	return (struct ben_view){.p = d->buf + t->end - t->count,
				 .len = t->count};
}

static bool keys_ascend(const struct ben_doc *d, uint32_t first, uint32_t then)
{
	struct ben_view a = str_view(d, first), b = str_view(d, then);
	size_t n = a.len < b.len ? a.len : b.len;
	int order = n ? memcmp(a.p, b.p, n) : 0;

	return order < 0 || (order == 0 && a.len < b.len);
}

/* Called when the value `token` is whole: counts it in its container. */
static enum err_code place(struct parser *p, uint32_t token)
{
	struct ben_doc *d = p->doc;
	struct token *parent;
	uint32_t previous;

	d->tokens[token].next = d->count;
	if (p->depth == 0)
		return ERR_NONE;
	parent = &d->tokens[p->stack[p->depth - 1].token];
	if (parent->type == BEN_LIST || p->stack[p->depth - 1].wants_value) {
		parent->count++;
		p->stack[p->depth - 1].wants_value = false;
		return ERR_NONE;
	}
	previous = p->stack[p->depth - 1].key;
	if (p->flags & BEN_SORTED_KEYS && previous != NO_PARENT &&
	    !keys_ascend(d, previous, token)) {
		p->pos = d->tokens[token].start;
		return refuse(p, "unsorted or duplicate key");
	}
	d->tokens[token].is_key = true;
	p->stack[p->depth - 1].key = token;
	p->stack[p->depth - 1].wants_value = true;
	return ERR_NONE;
}

static enum err_code open_container(struct parser *p, enum ben_type type)
{
	enum err_code code;
	uint32_t token;

	if (p->depth == BEN_MAX_DEPTH)
		return err_fail(p->e, ERR_LIMIT,
				"bencode: nested deeper than %d at byte %zu",
				BEN_MAX_DEPTH, p->pos);
	code = add_token(p, type, &token);
	if (code != ERR_NONE)
		return code;
	p->stack[p->depth].token = token;
	p->stack[p->depth].key = NO_PARENT;
	p->stack[p->depth].wants_value = false;
	p->depth++;
	p->pos++;
	return ERR_NONE;
}

static enum err_code close_container(struct parser *p)
{
	uint32_t token;

	if (p->depth == 0)
		return refuse(p, "end of nothing");
	if (p->stack[p->depth - 1].wants_value)
		return refuse(p, "key without value");
	token = p->stack[--p->depth].token;
	p->pos++;
	p->doc->tokens[token].end = (uint32_t)p->pos;
	return place(p, token);
}

/* One token: a scalar, or the start or end of a container. */
static enum err_code step(struct parser *p)
{
	uint8_t c = p->doc->buf[p->pos];
	uint32_t token = p->doc->count;
	enum err_code code;

	if (c == 'e')
		return close_container(p);
	if (p->depth && !is_digit(c) && !p->stack[p->depth - 1].wants_value &&
	    p->doc->tokens[p->stack[p->depth - 1].token].type == BEN_DICT)
		return refuse(p, "key is no string");
	if (c == 'l')
		return open_container(p, BEN_LIST);
	if (c == 'd')
		return open_container(p, BEN_DICT);
	if (c == 'i')
		code = read_int(p);
	else if (is_digit(c))
		code = read_str(p);
	else
		return refuse(p, "no value");
	return code == ERR_NONE ? place(p, token) : code;
}

static enum err_code parse(struct parser *p)
{
	enum err_code code;

	do {
		if (p->pos == p->len)
			return refuse(p, "input ends");
		code = step(p);
		if (code != ERR_NONE)
			return code;
	} while (p->depth);
	if (p->pos != p->len && !(p->flags & BEN_TRAILING))
		return refuse(p, "bytes after the value");
	return ERR_NONE;
}

enum err_code ben_parse(struct ben_doc **out, const uint8_t *buf, size_t len,
			uint32_t max_tokens, unsigned flags, struct err *e)
{
	struct parser p = {
		.len = len, .max_tokens = max_tokens, .flags = flags, .e = e};
	enum err_code code;

	*out = NULL;
	if (len >= UINT32_MAX) /* offsets are 32 bits */
		return err_fail(e, ERR_LIMIT, "bencode: %zu bytes", len);
	p.doc = calloc(1, sizeof(*p.doc));
	if (!p.doc)
		return err_fail(e, ERR_NOMEM, "bencode");
	p.doc->buf = buf;
	code = parse(&p);
	if (code != ERR_NONE) {
		ben_doc_free(p.doc);
		return code;
	}
	*out = p.doc;
	return ERR_NONE;
}

void ben_doc_free(struct ben_doc *doc)
{
	if (!doc)
		return;
	free(doc->tokens);
	free(doc);
}

struct ben ben_root(const struct ben_doc *doc)
{
	return (struct ben){.doc = doc, .token = 0};
}

size_t ben_end(const struct ben_doc *doc)
{
	return doc->tokens[0].end;
}

static const struct token *token_of(struct ben v)
{
	return v.doc ? &v.doc->tokens[v.token] : NULL;
}

enum ben_type ben_type(struct ben v)
{
	const struct token *t = token_of(v);

	return t ? (enum ben_type)t->type : BEN_NONE;
}

struct ben_view ben_raw(struct ben v)
{
	const struct token *t = token_of(v);

	if (!t)
		return (struct ben_view){NULL, 0};
	return (struct ben_view){v.doc->buf + t->start,
				 (size_t)(t->end - t->start)};
}

struct ben ben_first(struct ben v)
{
	const struct token *t = token_of(v);

	if (!t || t->count == 0 || (t->type != BEN_LIST && t->type != BEN_DICT))
		return (struct ben){NULL, 0};
	return (struct ben){v.doc, v.token + 1};
}

struct ben ben_value(struct ben key)
{
	const struct token *t = token_of(key);

	if (!t || !t->is_key)
		return (struct ben){NULL, 0};
	return (struct ben){key.doc, t->next};
}

struct ben ben_next(struct ben v)
{
	const struct token *t = token_of(v);
	uint32_t next;

	if (!t || t->parent == NO_PARENT)
		return (struct ben){NULL, 0};
	next = t->is_key ? v.doc->tokens[t->next].next : t->next;
	if (next >= v.doc->tokens[t->parent].next)
		return (struct ben){NULL, 0};
	return (struct ben){v.doc, next};
}

struct ben ben_get(struct ben v, const char *key)
{
	size_t len = strlen(key);
	struct ben it;

	if (ben_type(v) != BEN_DICT)
		return (struct ben){NULL, 0};
	for (it = ben_first(v); ben_type(it); it = ben_next(it)) {
		struct ben_view name = str_view(it.doc, it.token);

		if (name.len == len && memcmp(name.p, key, len) == 0)
			return ben_value(it);
	}
	return (struct ben){NULL, 0};
}

bool ben_int(struct ben v, int64_t *out)
{
	if (ben_type(v) != BEN_INT)
		return false;
	*out = token_of(v)->value;
	return true;
}

bool ben_str(struct ben v, struct ben_view *out)
{
	if (ben_type(v) != BEN_STR)
		return false;
	*out = str_view(v.doc, v.token);
	return true;
}

bool ben_fixed(struct ben v, void *out, size_t len)
{
	struct ben_view s;

	if (!ben_str(v, &s) || s.len != len)
		return false;
	memcpy(out, s.p, len);
	return true;
}

bool ben_line(struct ben v, char *out, size_t max)
{
	struct ben_view s;

	if (!ben_str(v, &s) || s.len > max)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] < 0x20 || s.p[i] > 0x7e)
			return false;
	memcpy(out, s.p, s.len);
	out[s.len] = 0;
	return true;
}

uint32_t ben_count(struct ben v)
{
	enum ben_type type = ben_type(v);

	return type == BEN_LIST || type == BEN_DICT ? token_of(v)->count : 0;
}

static void write_text(struct wr *w, const char *s, int n)
{
	wr_copy(w, (const uint8_t *)s, (size_t)n);
}

void ben_w_int(struct wr *w, int64_t v)
{
	char text[32];

	write_text(w, text, snprintf(text, sizeof(text), "i%" PRId64 "e", v));
}

void ben_w_bytes(struct wr *w, const void *p, size_t len)
{
	char text[32];

	write_text(w, text, snprintf(text, sizeof(text), "%zu:", len));
	wr_copy(w, p, len);
}

void ben_w_str(struct wr *w, const char *s)
{
	ben_w_bytes(w, s, strlen(s));
}

void ben_w_list(struct wr *w)
{
	wr_u8(w, 'l');
}

void ben_w_dict(struct wr *w)
{
	wr_u8(w, 'd');
}

void ben_w_end(struct wr *w)
{
	wr_u8(w, 'e');
}
