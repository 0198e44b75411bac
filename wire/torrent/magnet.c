#include "wire/torrent/magnet.h"

#include "base/bencode.h"
#include "base/bytes.h"
#include "base/hex.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SCHEME "magnet:?"
#define BTIH "urn:btih:"
#define BTMH "urn:btmh:"
#define SHA256_MULTIHASH "1220" /* its code and length, in hexadecimal */
#define HEX_V1 (2 * sizeof(((struct magnet *)0)->hash.bytes))
#define HEX_V2 (2 * sizeof(((struct magnet *)0)->hash_v2.bytes))
#define BASE32_V1 32U

/* One block. A decoded value is never longer than it was, and its NUL stands
 * for the separator behind it. */
struct storage {
	const char *trackers[MAGNET_MAX_TRACKERS];
	const char *seeds[MAGNET_MAX_SEEDS];
	const char *peers[MAGNET_MAX_PEERS];
	struct magnet_range ranges[MAGNET_MAX_RANGES];
	size_t used;
	char text[];
};

struct reader {
	struct magnet *m;
	struct storage *store;
	struct err *e;
};

bool magnet_is(const char *text)
{
	return strncasecmp(text, SCHEME, strlen(SCHEME) - 1) == 0;
}

/* ---- values ---- */

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Undoes percent-encoding; what is none stays as it stands. */
static char *decode(struct reader *r, const char *p, size_t len, bool plus)
{
	char *out = r->store->text + r->store->used;
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (p[i] == '%' && i + 2 < len && digit(p[i + 1]) >= 0 &&
		    digit(p[i + 2]) >= 0) {
			out[n++] =
				(char)(digit(p[i + 1]) << 4 | digit(p[i + 2]));
			i += 2;
		} else {
			out[n++] = plus && p[i] == '+' ? ' ' : p[i];
		}
	}
	out[n] = '\0';
	return out;
}

static void keep(struct reader *r, const char *text)
{
	r->store->used += strlen(text) + 1;
}

static bool base32_decode(uint8_t out[20], const char *text)
{
	uint64_t bits = 0;
	unsigned have = 0;
	size_t n = 0;

	for (size_t i = 0; i < BASE32_V1; i++) {
		char c = text[i];
		int v = c >= 'a' && c <= 'z'   ? c - 'a'
			: c >= 'A' && c <= 'Z' ? c - 'A'
			: c >= '2' && c <= '7' ? c - '2' + 26
					       : -1;

		if (v < 0)
			return false;
		bits = bits << 5 | (uint64_t)v;
		have += 5;
		if (have >= 8) {
			have -= 8;
			out[n++] = (uint8_t)(bits >> have);
		}
	}
	return true;
}

static enum err_code take_v1(struct reader *r, const char *text)
{
	struct magnet *m = r->m;
	struct info_hash hash;
	size_t len = strlen(text);
	bool good = len == HEX_V1 ? digit(text[1]) >= 0 &&
					    hex_decode(hash.bytes,
						       sizeof(hash.bytes), text)
				  : len == BASE32_V1 &&
					    base32_decode(hash.bytes, text);

	if (!good)
		return err_fail(r->e, ERR_PARSE,
				"magnet link: '%.70s' is no info hash", text);
	if (m->has_v1 && !info_hash_eq(&m->hash, &hash))
		return err_fail(r->e, ERR_PARSE,
				"magnet link: names two torrents");
	m->has_v1 = true;
	m->hash = hash;
	return ERR_NONE;
}

static enum err_code take_v2(struct reader *r, const char *text)
{
	struct magnet *m = r->m;
	const char *hex = text + strlen(SHA256_MULTIHASH);
	struct hash32 hash;

	if (strlen(text) != strlen(SHA256_MULTIHASH) + HEX_V2 ||
	    strncmp(text, SHA256_MULTIHASH, strlen(SHA256_MULTIHASH)) != 0 ||
	    digit(hex[1]) < 0 ||
	    !hex_decode(hash.bytes, sizeof(hash.bytes), hex))
		return err_fail(r->e, ERR_PARSE,
				"magnet link: '%.70s' is no SHA-256 multihash",
				text);
	if (m->has_v2 && memcmp(&m->hash_v2, &hash, sizeof(hash)) != 0)
		return err_fail(r->e, ERR_PARSE,
				"magnet link: names two torrents");
	m->has_v2 = true;
	m->hash_v2 = hash;
	return ERR_NONE;
}

static enum err_code take_topic(struct reader *r, const char *text)
{
	if (strncasecmp(text, BTIH, strlen(BTIH)) == 0)
		return take_v1(r, text + strlen(BTIH));
	if (strncasecmp(text, BTMH, strlen(BTMH)) == 0)
		return take_v2(r, text + strlen(BTMH));
	return ERR_NONE; /* of another network */
}

static void take_name(struct reader *r, char *text)
{
	size_t len = strlen(text), cut = MAGNET_MAX_NAME;

	if (r->m->name || len == 0)
		return;
	if (len > cut) {
		while (cut > 0 && ((uint8_t)text[cut] & 0xc0) == 0x80)
			cut--; /* not within a character */
		len = cut;
	}
	len = text_clean(text, (const uint8_t *)text, len);
	text[len] = '\0';
	r->m->name = text;
	keep(r, text);
}

static bool is_word(const char *text, size_t max)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++)
		if ((uint8_t)text[i] <= 0x20 || (uint8_t)text[i] >= 0x7f)
			return false;
	return len > 0 && len <= max;
}

static void take_word(struct reader *r, const char *text, const char **list,
		      uint32_t *n, uint32_t max)
{
	for (uint32_t i = 0; i < *n; i++)
		if (strcmp(list[i], text) == 0)
			return;
	if (*n == max)
		return;
	list[(*n)++] = text;
	keep(r, text);
}

static bool is_port(const char *text)
{
	unsigned port = 0;

	if (!*text || strlen(text) > 5)
		return false;
	for (; *text >= '0' && *text <= '9'; text++)
		port = port * 10 + (unsigned)(*text - '0');
	return !*text && port > 0 && port <= UINT16_MAX;
}

static bool is_endpoint(const char *text)
{
	const char *colon = strrchr(text, ':'), *end;
	size_t host;

	if (!is_word(text, MAGNET_MAX_HOST + 8) || !colon ||
	    !is_port(colon + 1))
		return false;
	host = (size_t)(colon - text);
	if (text[0] != '[')
		return host > 0 && !memchr(text, ':', host) &&
		       !memchr(text, ']', host);
	end = strchr(text, ']');
	return end && end + 1 == colon && end > text + 1;
}

/* ---- select only ---- */

static bool read_number(const char **p, uint32_t *out)
{
	uint32_t n = 0;

	if (**p < '0' || **p > '9')
		return false;
	for (; **p >= '0' && **p <= '9'; (*p)++) {
		n = n * 10 + (uint32_t)(**p - '0');
		if (n >= METAINFO_MAX_FILES)
			return false;
	}
	*out = n;
	return true;
}

static bool read_range(const char **p, struct magnet_range *out)
{
	if (!read_number(p, &out->first))
		return false;
	out->last = out->first;
	if (**p == '-') {
		(*p)++;
		if (!read_number(p, &out->last))
			return false;
	}
	if (**p && **p != ',')
		return false;
	return out->first <= out->last;
}

static int by_first(const void *pa, const void *pb)
{
	const struct magnet_range *a = pa, *b = pb;

	return a->first < b->first ? -1 : a->first > b->first;
}

static void merge_ranges(struct magnet *m)
{
	uint32_t n = 0;

	qsort(m->ranges, m->range_count, sizeof(*m->ranges), by_first);
	for (uint32_t i = 1; i < m->range_count; i++) {
		struct magnet_range *last = &m->ranges[n], r = m->ranges[i];

		if (r.first > last->last + 1)
			m->ranges[++n] = r;
		else if (r.last > last->last)
			last->last = r.last;
	}
	if (m->range_count)
		m->range_count = n + 1;
}

static enum err_code take_ranges(struct reader *r, const char *text)
{
	struct magnet *m = r->m;
	const char *p = text;

	while (*p) {
		if (m->range_count == MAGNET_MAX_RANGES)
			return err_fail(r->e, ERR_LIMIT,
					"magnet link: so names over %u ranges",
					MAGNET_MAX_RANGES);
		if (!read_range(&p, &m->ranges[m->range_count++]))
			return err_fail(r->e, ERR_PARSE,
					"magnet link: so=%.60s is no list of "
					"file numbers",
					text);
		if (*p && !*++p)
			return err_fail(r->e, ERR_PARSE,
					"magnet link: so=%.60s ends with a "
					"comma",
					text);
	}
	return ERR_NONE;
}

/* ---- the link ---- */

static bool key_is(const char *key, size_t len, const char *name)
{
	size_t n = strlen(name);

	if (len < n || strncasecmp(key, name, n) != 0)
		return false;
	if (len > n && key[n] == '.') /* xt.1 */
		for (n++; n < len && key[n] >= '0' && key[n] <= '9';)
			n++;
	return n == len;
}

static enum err_code take_pair(struct reader *r, const char *key, size_t n,
			       const char *value, size_t len)
{
	struct magnet *m = r->m;
	char *text = decode(r, value, len, key_is(key, n, "dn"));

	if (key_is(key, n, "xt"))
		return take_topic(r, text);
	if (key_is(key, n, "so"))
		return take_ranges(r, text);
	if (key_is(key, n, "dn"))
		take_name(r, text);
	else if (key_is(key, n, "tr") && is_word(text, METAINFO_MAX_URL))
		take_word(r, text, m->trackers, &m->tracker_count,
			  MAGNET_MAX_TRACKERS);
	else if (key_is(key, n, "ws") && is_word(text, METAINFO_MAX_URL))
		take_word(r, text, m->seeds, &m->seed_count, MAGNET_MAX_SEEDS);
	else if (key_is(key, n, "x.pe") && is_endpoint(text))
		take_word(r, text, m->peers, &m->peer_count, MAGNET_MAX_PEERS);
	return ERR_NONE;
}

static enum err_code read_pairs(struct reader *r, const char *p)
{
	enum err_code code = ERR_NONE;

	while (*p && code == ERR_NONE) {
		size_t len = strcspn(p, "&"), key;

		if (len > 4 && strncasecmp(p, "amp;", 4) == 0) {
			p += 4;
			len -= 4;
		}
		key = strcspn(p, "=&");
		if (key < len)
			code = take_pair(r, p, key, p + key + 1, len - key - 1);
		p += len;
		p += *p == '&';
	}
	return code;
}

static enum err_code begin(struct reader *r, size_t len)
{
	r->store = calloc(1, sizeof(*r->store) + len + 1);
	if (!r->store)
		return err_fail(r->e, ERR_NOMEM, "magnet link");
	r->m->owned = r->store;
	r->m->trackers = r->store->trackers;
	r->m->seeds = r->store->seeds;
	r->m->peers = r->store->peers;
	r->m->ranges = r->store->ranges;
	return ERR_NONE;
}

enum err_code magnet_parse(struct magnet *out, const char *text, struct err *e)
{
	struct reader r = {.m = out, .e = e};
	size_t len = strlen(text);
	enum err_code code;

	*out = (struct magnet){0};
	if (len > MAGNET_MAX_BYTES)
		return err_fail(e, ERR_LIMIT,
				"magnet link: %zu bytes, more than %u", len,
				MAGNET_MAX_BYTES);
	if (strncasecmp(text, SCHEME, strlen(SCHEME)) != 0)
		return err_fail(e, ERR_PARSE,
				"'%.40s' is no magnet link (magnet:?xt=...)",
				text);
	code = begin(&r, len);
	if (code == ERR_NONE)
		code = read_pairs(&r, text + strlen(SCHEME));
	if (code == ERR_NONE && !out->has_v1 && !out->has_v2)
		code = err_fail(e, ERR_PARSE,
				"magnet link: names no torrent "
				"(xt=urn:btih:...)");
	if (code == ERR_NONE)
		merge_ranges(out);
	else
		magnet_clear(out);
	return code;
}

void magnet_clear(struct magnet *m)
{
	free(m->owned);
	*m = (struct magnet){0};
}

bool magnet_wants(const struct magnet *m, uint32_t file)
{
	for (uint32_t i = 0; i < m->range_count; i++)
		if (file >= m->ranges[i].first && file <= m->ranges[i].last)
			return true;
	return m->range_count == 0;
}

/* ---- writing ---- */

static void put(struct wr *w, const char *text)
{
	wr_copy(w, (const uint8_t *)text, strlen(text));
}

static void put_coded(struct wr *w, const char *key, const char *text)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz0123456789-._~";
	char code[4];

	put(w, key);
	for (; *text; text++) {
		if (strchr(plain, *text)) {
			wr_u8(w, (uint8_t)*text);
			continue;
		}
		(void)snprintf(code, sizeof(code), "%%%02X", (uint8_t)*text);
		put(w, code);
	}
}

static void put_hashes(struct wr *w, const struct magnet *m)
{
	char hex[HEX_LEN(sizeof(m->hash_v2.bytes))];

	if (m->has_v1) {
		put(w, "xt=" BTIH);
		put(w, hex_encode(hex, m->hash.bytes, sizeof(m->hash.bytes)));
	}
	if (m->has_v2) {
		put(w, m->has_v1 ? "&xt=" BTMH : "xt=" BTMH);
		put(w, SHA256_MULTIHASH);
		put(w, hex_encode(hex, m->hash_v2.bytes,
				  sizeof(m->hash_v2.bytes)));
	}
}

static void put_ranges(struct wr *w, const struct magnet *m)
{
	char text[32];

	for (uint32_t i = 0; i < m->range_count; i++) {
		const struct magnet_range *r = &m->ranges[i];

		if (r->first == r->last)
			(void)snprintf(text, sizeof(text), "%s%u",
				       i ? "," : "&so=", r->first);
		else
			(void)snprintf(text, sizeof(text), "%s%u-%u",
				       i ? "," : "&so=", r->first, r->last);
		put(w, text);
	}
}

static size_t room_for(const struct magnet *m)
{
	size_t n = 256 + (size_t)m->range_count * sizeof("100000-100000");

	n += m->name ? 3 * strlen(m->name) : 0;
	for (uint32_t i = 0; i < m->tracker_count; i++)
		n += 3 * strlen(m->trackers[i]) + sizeof("&tr=");
	for (uint32_t i = 0; i < m->seed_count; i++)
		n += 3 * strlen(m->seeds[i]) + sizeof("&ws=");
	for (uint32_t i = 0; i < m->peer_count; i++)
		n += 3 * strlen(m->peers[i]) + sizeof("&x.pe=");
	return n;
}

enum err_code magnet_print(char **out, const struct magnet *m, struct err *e)
{
	size_t cap = room_for(m);
	struct wr w = wr_into(malloc(cap), cap);

	*out = NULL;
	if (!w.buf)
		return err_fail(e, ERR_NOMEM, "magnet link");
	put(&w, SCHEME);
	put_hashes(&w, m);
	if (m->name)
		put_coded(&w, "&dn=", m->name);
	for (uint32_t i = 0; i < m->tracker_count; i++)
		put_coded(&w, "&tr=", m->trackers[i]);
	for (uint32_t i = 0; i < m->seed_count; i++)
		put_coded(&w, "&ws=", m->seeds[i]);
	for (uint32_t i = 0; i < m->peer_count; i++)
		put_coded(&w, "&x.pe=", m->peers[i]);
	put_ranges(&w, m);
	wr_u8(&w, 0);
	*out = (char *)w.buf;
	return ERR_NONE;
}

enum err_code magnet_of(char **out, const struct metainfo *m,
			const char **peers, uint32_t peer_count, struct err *e)
{
	const char *trackers[METAINFO_MAX_TRACKERS];
	struct magnet link = {.has_v1 = m->v1,
			      .has_v2 = m->v2,
			      .hash = m->info_hash,
			      .hash_v2 = m->info_hash_v2,
			      .name = m->name,
			      .trackers = trackers,
			      .tracker_count = m->tracker_count,
			      .seeds = m->web_seeds,
			      .seed_count = m->web_seed_count,
			      .peers = peers,
			      .peer_count = peer_count};

	for (uint32_t i = 0; i < m->tracker_count; i++)
		trackers[i] = m->trackers[i].url;
	return magnet_print(out, &link, e);
}

/* ---- as a torrent ---- */

static const char *copy(char **at, const char *text)
{
	size_t n = strlen(text) + 1;
	char *start = *at;

	memcpy(start, text, n);
	*at += n;
	return start;
}

static size_t text_bytes(const struct magnet *m)
{
	size_t n = m->name ? strlen(m->name) + 1 : HEX_LEN(32);

	for (uint32_t i = 0; i < m->tracker_count; i++)
		n += strlen(m->trackers[i]) + 1;
	for (uint32_t i = 0; i < m->seed_count; i++)
		n += strlen(m->seeds[i]) + 1;
	return n;
}

enum err_code magnet_metainfo(struct metainfo *out, const struct magnet *m,
			      struct err *e)
{
	char hex[HEX_LEN(20)], *at;

	*out = (struct metainfo){.v1 = m->has_v1,
				 .v2 = m->has_v2,
				 .info_hash = m->hash,
				 .info_hash_v2 = m->hash_v2,
				 .tracker_count = m->tracker_count,
				 .web_seed_count = m->seed_count};
	if (!m->has_v1)
		out->info_hash = metainfo_hash_v2(out);
	out->owned = at = malloc(text_bytes(m));
	out->trackers = calloc(m->tracker_count + 1, sizeof(*out->trackers));
	out->web_seeds = calloc(m->seed_count + 1, sizeof(*out->web_seeds));
	if (!at || !out->trackers || !out->web_seeds) {
		metainfo_clear(out);
		return err_fail(e, ERR_NOMEM, "magnet link");
	}
	out->name = copy(&at, m->name ? m->name
				      : hex_encode(hex, out->info_hash.bytes,
						   sizeof(out->info_hash)));
	for (uint32_t i = 0; i < m->tracker_count; i++)
		out->trackers[i] = (struct metainfo_tracker){
			.url = copy(&at, m->trackers[i]), .tier = i};
	for (uint32_t i = 0; i < m->seed_count; i++)
		out->web_seeds[i] = copy(&at, m->seeds[i]);
	return ERR_NONE;
}

static void write_trackers(struct wr *w, const struct metainfo *m)
{
	if (m->tracker_count == 0)
		return;
	ben_w_str(w, "announce");
	ben_w_str(w, m->trackers[0].url);
	if (m->tracker_count == 1)
		return;
	ben_w_str(w, "announce-list");
	ben_w_list(w);
	for (uint32_t i = 0; i < m->tracker_count; i++) {
		ben_w_list(w); /* each is a tier of its own */
		ben_w_str(w, m->trackers[i].url);
		ben_w_end(w);
	}
	ben_w_end(w);
}

static void write_seeds(struct wr *w, const struct metainfo *m)
{
	if (m->web_seed_count == 0)
		return;
	ben_w_str(w, "url-list");
	ben_w_list(w);
	for (uint32_t i = 0; i < m->web_seed_count; i++)
		ben_w_str(w, m->web_seeds[i]);
	ben_w_end(w);
}

enum err_code magnet_make_torrent(uint8_t **out, size_t *out_len,
				  const struct metainfo *m, const uint8_t *info,
				  size_t info_len, struct err *e)
{
	size_t cap = 256 + info_len;
	struct wr w;

	for (uint32_t i = 0; i < m->tracker_count; i++)
		cap += 2 * (strlen(m->trackers[i].url) + 16);
	for (uint32_t i = 0; i < m->web_seed_count; i++)
		cap += strlen(m->web_seeds[i]) + 16;
	w = wr_into(malloc(cap), cap);
	*out = w.buf;
	if (!w.buf)
		return err_fail(e, ERR_NOMEM, "torrent");
	ben_w_dict(&w);
	write_trackers(&w, m);
	ben_w_str(&w, "info");
	wr_copy(&w, info, info_len);
	write_seeds(&w, m);
	ben_w_end(&w);
	*out_len = wr_len(&w);
	return ERR_NONE;
}
