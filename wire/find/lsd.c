#include "wire/find/lsd.h"

#include "base/hash_map.h"
#include "base/hex.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- the datagram ----------------------------------------------------------
 */

struct text {
	char *p;
	size_t len;
	bool full;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *t,
						      const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->p + t->len, LSD_BYTES_MAX - t->len, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= LSD_BYTES_MAX - t->len)
		t->full = true;
	else
		t->len += (size_t)n;
}

size_t lsd_encode(char buf[LSD_BYTES_MAX], const struct lsd_msg *m,
		  const char *host)
{
	struct text t = {.p = buf};

	add(&t, "BT-SEARCH * HTTP/1.1\r\nHost: %s:%d\r\nPort: %u\r\n", host,
	    LSD_PORT, m->port);
	for (uint32_t i = 0; i < m->n_hashes && !t.full; i++) {
		char hex[HEX_LEN(sizeof(m->hashes[i].bytes))];

		hex_encode(hex, m->hashes[i].bytes, sizeof(m->hashes[i].bytes));
		add(&t, "Infohash: %s\r\n", hex);
	}
	if (m->cookie[0])
		add(&t, "cookie: %s\r\n", m->cookie);
	add(&t, "\r\n\r\n");
	return t.full ? 0 : t.len;
}

struct line {
	const char *p;
	size_t len;
};

/* Takes the next line, without its end; false: there is none. */
static bool next_line(struct line *rest, struct line *out)
{
	const char *nl;

	if (rest->len == 0)
		return false;
	nl = memchr(rest->p, '\n', rest->len);
	*out = (struct line){rest->p, nl ? (size_t)(nl - rest->p) : rest->len};
	rest->p += out->len + (nl != NULL);
	rest->len -= out->len + (nl != NULL);
	if (out->len && out->p[out->len - 1] == '\r')
		out->len--;
	return true;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

/* "name: value" with that name; the value without spaces around it. */
static bool header(struct line line, const char *name, struct line *value)
{
	size_t n = strlen(name);

	if (line.len <= n || strncasecmp(line.p, name, n) != 0 ||
	    line.p[n] != ':')
		return false;
	line.p += n + 1;
	line.len -= n + 1;
	while (line.len && is_space(line.p[0])) {
		line.p++;
		line.len--;
	}
	while (line.len && is_space(line.p[line.len - 1]))
		line.len--;
	*value = line;
	return true;
}

static uint16_t read_port(struct line v)
{
	uint32_t port = 0;

	for (size_t i = 0; i < v.len; i++) {
		if (v.p[i] < '0' || v.p[i] > '9' || port > UINT16_MAX)
			return 0;
		port = port * 10 + (uint32_t)(v.p[i] - '0');
	}
	return port > UINT16_MAX ? 0 : (uint16_t)port;
}

static void read_hash(struct lsd_msg *out, struct line v)
{
	struct info_hash *h = &out->hashes[out->n_hashes];
	char hex[HEX_LEN(sizeof(h->bytes))];

	if (out->n_hashes == LSD_HEAR_MAX || v.len != sizeof(hex) - 1)
		return;
	memcpy(hex, v.p, v.len);
	hex[v.len] = '\0';
	out->n_hashes += hex_decode(h->bytes, sizeof(h->bytes), hex);
}

static void read_header(struct lsd_msg *out, struct line line)
{
	struct line v;

	if (header(line, "Port", &v)) {
		out->port = read_port(v);
	} else if (header(line, "Infohash", &v)) {
		read_hash(out, v);
	} else if (header(line, "cookie", &v) && v.len <= LSD_COOKIE_MAX) {
		memcpy(out->cookie, v.p, v.len);
		out->cookie[v.len] = '\0';
	}
}

enum err_code lsd_decode(struct lsd_msg *out, const uint8_t *buf, size_t len,
			 struct err *e)
{
	static const char first[] = "BT-SEARCH * HTTP/1.1";
	struct line rest = {(const char *)buf, len}, line;

	memset(out, 0, sizeof(*out));
	if (len > LSD_BYTES_MAX)
		return err_fail(e, ERR_LIMIT, "lsd: %zu bytes", len);
	if (!next_line(&rest, &line) || line.len != sizeof(first) - 1 ||
	    memcmp(line.p, first, line.len) != 0)
		return err_fail(e, ERR_PARSE, "lsd: no BT-SEARCH");
	while (next_line(&rest, &line) && line.len)
		read_header(out, line);
	if (!out->port || !out->n_hashes)
		return err_fail(e, ERR_PARSE, "lsd: neither port nor hash");
	return ERR_NONE;
}

/* --- what to say, and what to hear -----------------------------------------
 */

struct bucket {		 /* so many at once, one more each `every_ms` */
	int64_t full_ms; /* when it is (or was) full again */
};

static int64_t bucket_ready_ms(const struct bucket *b, int64_t every_ms,
			       int64_t size)
{
	return b->full_ms - (size - 1) * every_ms;
}

static void bucket_take(struct bucket *b, int64_t every_ms, int64_t now_ms)
{
	b->full_ms = (b->full_ms > now_ms ? b->full_ms : now_ms) + every_ms;
}

struct torrent {
	struct torrent *next, *prev;
	struct info_hash hash;
	int64_t due_ms;
};

struct lsd {
	char cookie[LSD_COOKIE_MAX + 1];
	/* by due_ms: who was told longest ago first */
	struct torrent *first, *last;
	struct hash_map *by_hash;
	struct bucket said, heard;
};

struct lsd *lsd_new(struct rng rng)
{
	struct lsd *l = calloc(1, sizeof(*l));
	uint8_t drawn[8];

	if (!l)
		return NULL;
	rng_fill(&rng, drawn, sizeof(drawn));
	hex_encode(l->cookie, drawn, sizeof(drawn));
	l->said.full_ms = l->heard.full_ms = INT64_MIN / 2;
	l->by_hash = hash_map_new(rng, LSD_TORRENTS_MAX);
	if (!l->by_hash) {
		free(l);
		return NULL;
	}
	return l;
}

static void cut(struct lsd *l, struct torrent *t)
{
	*(t->prev ? &t->prev->next : &l->first) = t->next;
	*(t->next ? &t->next->prev : &l->last) = t->prev;
	t->next = t->prev = NULL;
}

/* Before all that were told once. */
static void put_first(struct lsd *l, struct torrent *t)
{
	t->next = l->first;
	*(t->next ? &t->next->prev : &l->last) = t;
	l->first = t;
}

static void put_last(struct lsd *l, struct torrent *t)
{
	t->prev = l->last;
	*(t->prev ? &t->prev->next : &l->first) = t;
	l->last = t;
}

void lsd_free(struct lsd *l)
{
	if (!l)
		return;
	while (l->first) {
		struct torrent *t = l->first;

		cut(l, t);
		free(t);
	}
	hash_map_free(l->by_hash, NULL);
	free(l);
}

enum err_code lsd_add(struct lsd *l, const struct info_hash *hash,
		      struct err *e)
{
	struct torrent *t;

	if (hash_map_get(l->by_hash, hash))
		return ERR_NONE;
	t = calloc(1, sizeof(*t));
	if (!t || !hash_map_put(l->by_hash, hash, t)) {
		free(t);
		return err_fail(e, ERR_NOMEM, "lsd");
	}
	t->hash = *hash;
	t->due_ms = INT64_MIN;
	put_first(l, t);
	return ERR_NONE;
}

void lsd_remove(struct lsd *l, const struct info_hash *hash)
{
	struct torrent *t = hash_map_take(l->by_hash, hash);

	if (!t)
		return;
	cut(l, t);
	free(t);
}

int64_t lsd_wake_ms(const struct lsd *l)
{
	int64_t ready = bucket_ready_ms(&l->said, LSD_MINUTE_MS, LSD_SAY_BURST);

	if (!l->first)
		return INT64_MAX;
	return l->first->due_ms > ready ? l->first->due_ms : ready;
}

bool lsd_next(struct lsd *l, struct lsd_msg *out, int64_t now_ms)
{
	memset(out, 0, sizeof(*out));
	if (lsd_wake_ms(l) > now_ms)
		return false;
	while (l->first && l->first->due_ms <= now_ms &&
	       out->n_hashes < LSD_SAY_MAX) {
		struct torrent *t = l->first;

		cut(l, t);
		put_last(l, t);
		t->due_ms = now_ms + LSD_AGAIN_MS;
		out->hashes[out->n_hashes++] = t->hash;
	}
	memcpy(out->cookie, l->cookie, sizeof(out->cookie));
	bucket_take(&l->said, LSD_MINUTE_MS, now_ms);
	return true;
}

bool lsd_hear(struct lsd *l, struct lsd_msg *out, int64_t now_ms,
	      const uint8_t *bytes, size_t len)
{
	if (bucket_ready_ms(&l->heard, LSD_HEAR_EVERY_MS, LSD_HEAR_BURST) >
	    now_ms)
		return false;
	bucket_take(&l->heard, LSD_HEAR_EVERY_MS, now_ms);
	return lsd_decode(out, bytes, len, NULL) == ERR_NONE &&
	       strcmp(out->cookie, l->cookie) != 0;
}
