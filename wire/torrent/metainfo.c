#include "wire/torrent/metainfo.h"

#include "base/bencode.h"
#include "wire/torrent/text.h"

#include <inttypes.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A file of a hybrid torrent takes about 25 values; 80 MiB of tokens at most */
#define MAX_TOKENS 2000000U
#define MAX_TEXT 4096U
#define MAX_TIERS 64U

/* Strings are copied into one block whose size is known before: every string
 * comes from the input once and grows by its NUL or '/' only, which replace
 * at least two bytes of length prefix. */
struct text_block {
	char *p;
	size_t cap;
	size_t len;
};

struct reader {
	struct metainfo *m;
	struct ben root;
	struct ben info;
	struct text_block text;
	struct err *e;
};

static void text_put(struct text_block *t, char c)
{
	if (t->len < t->cap)
		t->p[t->len++] = c;
}

static void text_put_clean(struct text_block *t, struct ben_view v)
{
	if (v.len <= t->cap - t->len)
		t->len += text_clean(t->p + t->len, v.p, v.len);
}

static const char *text_copy(struct text_block *t, struct ben_view v)
{
	const char *start = t->p + t->len;

	text_put_clean(t, v);
	text_put(t, '\0');
	return start;
}

static enum err_code put_component(struct reader *r, struct ben_view v,
				   const char *what)
{
	if (v.len == 0)
		return err_fail(r->e, ERR_PARSE, "torrent: %s is empty", what);
	if (v.len > METAINFO_MAX_COMPONENT)
		return err_fail(r->e, ERR_LIMIT,
				"torrent: %s has %zu bytes, more than %u", what,
				v.len, METAINFO_MAX_COMPONENT);
	if ((v.len == 1 && v.p[0] == '.') ||
	    (v.len == 2 && memcmp(v.p, "..", 2) == 0))
		return err_fail(r->e, ERR_PARSE, "torrent: %s is \"%.*s\"",
				what, (int)v.len, (const char *)v.p);
	if (memchr(v.p, '/', v.len) || memchr(v.p, '\0', v.len))
		return err_fail(r->e, ERR_PARSE,
				"torrent: %s holds a slash or a zero byte",
				what);
	text_put_clean(&r->text, v);
	return ERR_NONE;
}

static enum err_code read_name(struct reader *r)
{
	struct ben_view v;
	enum err_code code;

	if (!ben_str(ben_get(r->info, "name.utf-8"), &v) ||
	    !text_is_utf8(v.p, v.len)) {
		if (!ben_str(ben_get(r->info, "name"), &v))
			return err_fail(r->e, ERR_PARSE,
					"torrent: info.name is missing");
	}
	r->m->name = r->text.p + r->text.len;
	code = put_component(r, v, "info.name");
	text_put(&r->text, '\0');
	return code;
}

static bool all_utf8(struct ben list)
{
	struct ben_view v;
	struct ben it;

	for (it = ben_first(list); ben_type(it); it = ben_next(it))
		if (!ben_str(it, &v) || !text_is_utf8(v.p, v.len))
			return false;
	return ben_count(list) > 0;
}

static enum err_code read_path(struct reader *r, struct ben file,
			       uint32_t index, const char **out)
{
	struct ben path = ben_get(file, "path.utf-8");
	size_t start = r->text.len;
	uint32_t at = 0;
	char what[64];
	struct ben it;

	if (ben_type(path) != BEN_LIST || !all_utf8(path))
		path = ben_get(file, "path");
	if (ben_type(path) != BEN_LIST || ben_count(path) == 0)
		return err_fail(r->e, ERR_PARSE,
				"torrent: info.files[%" PRIu32
				"].path is missing or empty",
				index);
	for (it = ben_first(path); ben_type(it); it = ben_next(it), at++) {
		struct ben_view v = {NULL, 0};
		enum err_code code;

		(void)snprintf(what, sizeof(what),
			       "info.files[%" PRIu32 "].path[%" PRIu32 "]",
			       index, at);
		if (at)
			text_put(&r->text, '/');
		(void)ben_str(it, &v); /* no string: refused as empty */
		code = put_component(r, v, what);
		if (code != ERR_NONE)
			return code;
	}
	if (r->text.len - start > METAINFO_MAX_PATH)
		return err_fail(r->e, ERR_LIMIT,
				"torrent: info.files[%" PRIu32
				"].path has over %u bytes",
				index, METAINFO_MAX_PATH);
	text_put(&r->text, '\0');
	*out = r->text.p + start;
	return ERR_NONE;
}

static bool has_attr(struct ben file, char c)
{
	struct ben_view v;

	return ben_str(ben_get(file, "attr"), &v) && v.len &&
	       memchr(v.p, c, v.len);
}

static enum err_code add_file(struct reader *r, const char *path,
			      int64_t length, bool pad, const char *what)
{
	struct metainfo *m = r->m;

	if (length < 0 || (uint64_t)length > INT64_MAX - m->total)
		return err_fail(r->e, ERR_PARSE,
				"torrent: %s is out of range: %" PRId64, what,
				length);
	m->files[m->file_count++] = (struct metainfo_file){
		.path = path,
		.length = (uint64_t)length,
		.offset = m->total,
		.pad = pad,
	};
	m->total += (uint64_t)length;
	return ERR_NONE;
}

static enum err_code read_file(struct reader *r, struct ben file,
			       uint32_t index)
{
	const char *path = NULL;
	enum err_code code;
	char what[48];
	int64_t length;

	(void)snprintf(what, sizeof(what), "info.files[%" PRIu32 "].length",
		       index);
	if (!ben_int(ben_get(file, "length"), &length))
		return err_fail(r->e, ERR_PARSE, "torrent: %s is missing",
				what);
	if (length == 0 && has_attr(file, 'l'))
		return ERR_NONE; /* a link */
	code = read_path(r, file, index, &path);
	if (code != ERR_NONE)
		return code;
	return add_file(r, path, length, has_attr(file, 'p'), what);
}

static enum err_code read_files(struct reader *r)
{
	struct ben files = ben_get(r->info, "files");
	uint32_t count = ben_count(files), index = 0;
	enum err_code code;
	struct ben it;

	r->m->multi = true;
	if (ben_type(files) != BEN_LIST || count == 0)
		return err_fail(r->e, ERR_PARSE,
				"torrent: info has neither length nor files");
	if (count > METAINFO_MAX_FILES)
		return err_fail(r->e, ERR_LIMIT,
				"torrent: info.files names %" PRIu32
				" files, more than %u",
				count, METAINFO_MAX_FILES);
	r->m->files = calloc(count, sizeof(*r->m->files));
	if (!r->m->files)
		return err_fail(r->e, ERR_NOMEM, "torrent");
	for (it = ben_first(files); ben_type(it); it = ben_next(it)) {
		code = read_file(r, it, index++);
		if (code != ERR_NONE)
			return code;
	}
	return ERR_NONE;
}

static enum err_code read_content(struct reader *r)
{
	int64_t length;

	if (!ben_int(ben_get(r->info, "length"), &length))
		return read_files(r);
	r->m->files = calloc(1, sizeof(*r->m->files));
	if (!r->m->files)
		return err_fail(r->e, ERR_NOMEM, "torrent");
	return add_file(r, r->m->name, length, false, "info.length");
}

/* '/' sorts before all else, so a directory's files follow its name. */
static int path_order(const void *pa, const void *pb)
{
	const unsigned char *a = *(const unsigned char *const *)pa;
	const unsigned char *b = *(const unsigned char *const *)pb;
	int x, y;

	while (*a && *a == *b) {
		a++;
		b++;
	}
	x = *a == '/' ? 1 : *a ? *a + 1 : 0;
	y = *b == '/' ? 1 : *b ? *b + 1 : 0;
	return x - y;
}

static enum err_code check_paths(struct reader *r)
{
	const struct metainfo *m = r->m;
	enum err_code code = ERR_NONE;
	const char **paths;
	size_t n = 0;

	paths = calloc(m->file_count ? m->file_count : 1, sizeof(*paths));
	if (!paths)
		return err_fail(r->e, ERR_NOMEM, "torrent");
	for (uint32_t i = 0; i < m->file_count; i++)
		if (!m->files[i].pad)
			paths[n++] = m->files[i].path;
	qsort(paths, n, sizeof(*paths), path_order);
	for (size_t i = 1; i < n && code == ERR_NONE; i++) {
		size_t len = strlen(paths[i - 1]);

		if (strncmp(paths[i - 1], paths[i], len) == 0 &&
		    (paths[i][len] == '\0' || paths[i][len] == '/'))
			code = err_fail(r->e, ERR_PARSE,
					"torrent: two files want the path "
					"\"%.80s\"",
					paths[i - 1]);
	}
	free(paths);
	return code;
}

static enum err_code read_pieces(struct reader *r)
{
	struct metainfo *m = r->m;
	struct ben_view v;
	int64_t length;
	uint64_t want;

	if (!ben_int(ben_get(r->info, "piece length"), &length))
		return err_fail(r->e, ERR_PARSE,
				"torrent: info.piece length is missing");
	if (length < METAINFO_MIN_PIECE || length > METAINFO_MAX_PIECE)
		return err_fail(r->e, ERR_LIMIT,
				"torrent: info.piece length %" PRId64
				" is not in %u..%u",
				length, METAINFO_MIN_PIECE, METAINFO_MAX_PIECE);
	if (!ben_str(ben_get(r->info, "pieces"), &v))
		return err_fail(r->e, ERR_PARSE,
				"torrent: info.pieces is missing");
	m->piece_length = (uint32_t)length;
	want = m->total / m->piece_length + (m->total % m->piece_length != 0);
	if (m->total == 0)
		return err_fail(r->e, ERR_PARSE, "torrent: holds no data");
	if (v.len % METAINFO_HASH_LEN || v.len / METAINFO_HASH_LEN != want)
		return err_fail(r->e, ERR_PARSE,
				"torrent: info.pieces has %zu bytes, but "
				"%" PRIu64 " pieces are %" PRIu64,
				v.len, want, want * METAINFO_HASH_LEN);
	m->piece_count = (uint32_t)want;
	m->pieces = m->info + (v.p - ben_raw(r->info).p);
	return ERR_NONE;
}

static bool usable_url(struct ben_view v)
{
	if (v.len == 0 || v.len > METAINFO_MAX_URL)
		return false;
	for (size_t i = 0; i < v.len; i++)
		if (v.p[i] <= 0x20 || v.p[i] >= 0x7f)
			return false;
	return true;
}

static void add_tracker(struct reader *r, struct ben url, uint32_t tier)
{
	struct metainfo *m = r->m;
	struct ben_view v;

	if (m->tracker_count == METAINFO_MAX_TRACKERS || !ben_str(url, &v) ||
	    !usable_url(v))
		return;
	m->trackers[m->tracker_count++] = (struct metainfo_tracker){
		.url = text_copy(&r->text, v), .tier = tier};
}

static enum err_code read_trackers(struct reader *r)
{
	struct ben tiers = ben_get(r->root, "announce-list");
	uint32_t tier = 0;
	struct ben it, url;

	r->m->trackers = calloc(METAINFO_MAX_TRACKERS, sizeof(*r->m->trackers));
	if (!r->m->trackers)
		return err_fail(r->e, ERR_NOMEM, "torrent");
	for (it = ben_first(tiers);
	     ben_type(it) == BEN_LIST && tier < MAX_TIERS; it = ben_next(it)) {
		uint32_t before = r->m->tracker_count;

		for (url = ben_first(it); ben_type(url); url = ben_next(url))
			add_tracker(r, url, tier);
		tier += r->m->tracker_count > before;
	}
	if (r->m->tracker_count == 0) /* BEP 12: else announce is ignored */
		add_tracker(r, ben_get(r->root, "announce"), 0);
	return ERR_NONE;
}

static void add_web_seed(struct reader *r, struct ben url)
{
	struct metainfo *m = r->m;
	struct ben_view v;

	if (m->web_seed_count == METAINFO_MAX_WEB_SEEDS || !ben_str(url, &v) ||
	    !usable_url(v))
		return;
	for (uint32_t i = 0; i < m->web_seed_count; i++)
		if (strlen(m->web_seeds[i]) == v.len &&
		    memcmp(m->web_seeds[i], v.p, v.len) == 0)
			return;
	m->web_seeds[m->web_seed_count++] = text_copy(&r->text, v);
}

/* A list, or where there is one alone, often a string (BEP 19). */
static enum err_code read_web_seeds(struct reader *r)
{
	struct ben urls = ben_get(r->root, "url-list");
	struct ben it;

	if (ben_type(urls) == BEN_NONE)
		return ERR_NONE;
	r->m->web_seeds =
		calloc(METAINFO_MAX_WEB_SEEDS, sizeof(*r->m->web_seeds));
	if (!r->m->web_seeds)
		return err_fail(r->e, ERR_NOMEM, "torrent");
	if (ben_type(urls) != BEN_LIST)
		add_web_seed(r, urls);
	else
		for (it = ben_first(urls); ben_type(it); it = ben_next(it))
			add_web_seed(r, it);
	return ERR_NONE;
}

static const char *read_text(struct reader *r, struct ben dict, const char *key)
{
	struct ben_view v;

	if (!ben_str(ben_get(dict, key), &v) || v.len == 0)
		return NULL;
	if (v.len > MAX_TEXT)
		v.len = MAX_TEXT;
	return text_copy(&r->text, v);
}

static void read_extras(struct reader *r)
{
	int64_t n;

	r->m->comment = read_text(r, r->root, "comment");
	r->m->created_by = read_text(r, r->root, "created by");
	r->m->source = read_text(r, r->info, "source");
	r->m->is_private = ben_int(ben_get(r->info, "private"), &n) && n == 1;
	if (ben_int(ben_get(r->root, "creation date"), &n) && n > 0)
		r->m->creation_date = n;
}

static enum err_code check_version(struct reader *r)
{
	int64_t version;

	if (ben_int(ben_get(r->info, "meta version"), &version) &&
	    ben_type(ben_get(r->info, "pieces")) == BEN_NONE)
		return err_fail(r->e, ERR_STATE,
				"torrent: of version %" PRId64
				" only, which is not supported yet",
				version);
	return ERR_NONE;
}

/* One block: the info dictionary, then all strings but the piece hashes. */
static enum err_code take_info(struct reader *r, size_t input_len)
{
	struct ben_view raw, pieces = {NULL, 0};
	uint8_t *block;

	r->info = ben_get(r->root, "info");
	if (ben_type(r->info) != BEN_DICT)
		return err_fail(r->e, ERR_PARSE,
				"torrent: has no info dictionary");
	raw = ben_raw(r->info);
	(void)ben_str(ben_get(r->info, "pieces"), &pieces);
	r->text.cap = input_len - pieces.len;
	block = malloc(raw.len + r->text.cap);
	if (!block)
		return err_fail(r->e, ERR_NOMEM, "torrent");
	memcpy(block, raw.p, raw.len);
	r->m->owned = block;
	r->m->info = block;
	r->m->info_len = raw.len;
	r->text.p = (char *)block + raw.len;
	(void)SHA1(raw.p, raw.len, r->m->info_hash.bytes);
	return ERR_NONE;
}

static void give_back_unused(struct reader *r)
{
	struct metainfo *m = r->m;
	struct metainfo_tracker *fewer;

	if (m->tracker_count == 0) {
		free(m->trackers);
		m->trackers = NULL;
		return;
	}
	fewer = realloc(m->trackers, m->tracker_count * sizeof(*fewer));
	if (fewer)
		m->trackers = fewer;
}

static enum err_code read_all(struct reader *r, size_t input_len)
{
	enum err_code code = take_info(r, input_len);

	if (code == ERR_NONE)
		code = check_version(r);
	if (code == ERR_NONE)
		code = read_name(r);
	if (code == ERR_NONE)
		code = read_content(r);
	if (code == ERR_NONE)
		code = read_pieces(r);
	if (code == ERR_NONE)
		code = check_paths(r);
	if (code == ERR_NONE)
		code = read_trackers(r);
	if (code == ERR_NONE)
		code = read_web_seeds(r);
	if (code == ERR_NONE) {
		read_extras(r);
		give_back_unused(r);
	}
	return code;
}

enum err_code metainfo_parse(struct metainfo *out, const uint8_t *buf,
			     size_t len, struct err *e)
{
	struct reader r = {.m = out, .e = e};
	struct ben_doc *doc;
	enum err_code code;

	*out = (struct metainfo){0};
	if (len > METAINFO_MAX_BYTES)
		return err_fail(e, ERR_LIMIT,
				"torrent: %zu bytes, more than %u", len,
				METAINFO_MAX_BYTES);
	/* old torrents have unsorted keys, some a newline at the end */
	code = ben_parse(&doc, buf, len, MAX_TOKENS, BEN_TRAILING, e);
	if (code != ERR_NONE)
		return code;
	r.root = ben_root(doc);
	code = read_all(&r, len);
	ben_doc_free(doc);
	if (code != ERR_NONE)
		metainfo_clear(out);
	return code;
}

void metainfo_clear(struct metainfo *m)
{
	free((void *)m->web_seeds);
	free(m->trackers);
	free(m->files);
	free(m->owned);
	*m = (struct metainfo){0};
}

uint32_t metainfo_piece_size(const struct metainfo *m, uint32_t index)
{
	uint64_t start = (uint64_t)index * m->piece_length;
	uint64_t left = m->total - start;

	return left < m->piece_length ? (uint32_t)left : m->piece_length;
}

uint32_t metainfo_suggest_piece_length(uint64_t total)
{
	uint32_t length = 16U << 10;

	while (length < 16U << 20 && total / length > 1024)
		length *= 2;
	return length;
}

static void write_path(struct wr *w, const char *path)
{
	ben_w_list(w);
	for (;;) {
		size_t n = strcspn(path, "/");

		ben_w_bytes(w, path, n);
		if (!path[n])
			break;
		path += n + 1;
	}
	ben_w_end(w);
}

static void write_files(struct wr *w, const struct metainfo *m)
{
	ben_w_str(w, "files");
	ben_w_list(w);
	for (uint32_t i = 0; i < m->file_count; i++) {
		ben_w_dict(w);
		if (m->files[i].pad) {
			ben_w_str(w, "attr");
			ben_w_str(w, "p");
		}
		ben_w_str(w, "length");
		ben_w_int(w, (int64_t)m->files[i].length);
		ben_w_str(w, "path");
		write_path(w, m->files[i].path);
		ben_w_end(w);
	}
	ben_w_end(w);
}

static void write_pair(struct wr *w, const char *key, const char *value)
{
	if (!value)
		return;
	ben_w_str(w, key);
	ben_w_str(w, value);
}

static void write_info(struct wr *w, const struct metainfo *m)
{
	ben_w_str(w, "info");
	ben_w_dict(w);
	if (m->multi) {
		write_files(w, m);
	} else if (m->file_count == 1) {
		ben_w_str(w, "length");
		ben_w_int(w, (int64_t)m->files[0].length);
	}
	write_pair(w, "name", m->name);
	ben_w_str(w, "piece length");
	ben_w_int(w, m->piece_length);
	ben_w_str(w, "pieces");
	ben_w_bytes(w, m->pieces, (size_t)m->piece_count * METAINFO_HASH_LEN);
	if (m->is_private) {
		ben_w_str(w, "private");
		ben_w_int(w, 1);
	}
	write_pair(w, "source", m->source);
	ben_w_end(w);
}

static void write_tiers(struct wr *w, const struct metainfo *m)
{
	ben_w_str(w, "announce-list");
	ben_w_list(w);
	for (uint32_t i = 0; i < m->tracker_count; i++) {
		bool first = i == 0 ||
			     m->trackers[i].tier != m->trackers[i - 1].tier;
		bool last = i + 1 == m->tracker_count ||
			    m->trackers[i].tier != m->trackers[i + 1].tier;

		if (first)
			ben_w_list(w);
		ben_w_str(w, m->trackers[i].url);
		if (last)
			ben_w_end(w);
	}
	ben_w_end(w);
}

static void write_torrent(struct wr *w, const struct metainfo *m)
{
	ben_w_dict(w);
	if (m->tracker_count)
		write_pair(w, "announce", m->trackers[0].url);
	if (m->tracker_count > 1)
		write_tiers(w, m);
	write_pair(w, "comment", m->comment);
	write_pair(w, "created by", m->created_by);
	if (m->creation_date > 0) {
		ben_w_str(w, "creation date");
		ben_w_int(w, m->creation_date);
	}
	write_info(w, m);
	ben_w_end(w);
}

static size_t text_room(const char *s)
{
	return s ? strlen(s) + 64 : 0;
}

/* Generous: 64 bytes for the punctuation of each thing that is written. */
static size_t room_for(const struct metainfo *m)
{
	size_t n = 1024 + (size_t)m->piece_count * METAINFO_HASH_LEN;

	n += text_room(m->name) + text_room(m->comment) +
	     text_room(m->created_by) + text_room(m->source);
	for (uint32_t i = 0; i < m->tracker_count; i++)
		n += 2 * text_room(m->trackers[i].url);
	/* "a/b" becomes "1:a1:b": at most 4 bytes more for each slash */
	for (uint32_t i = 0; i < m->file_count; i++)
		n += 64 + 4 * text_room(m->files[i].path);
	return n;
}

static enum err_code check_again(const struct metainfo *m,
				 const struct metainfo *again, struct err *e)
{
	if (strcmp(m->name, again->name) != 0)
		return err_fail(e, ERR_PARSE,
				"torrent: its name is no valid UTF-8");
	for (uint32_t i = 0; i < m->file_count; i++)
		if (strcmp(m->files[i].path, again->files[i].path) != 0)
			return err_fail(e, ERR_PARSE,
					"torrent: path of file %" PRIu32
					" is no valid UTF-8",
					i);
	return ERR_NONE;
}

enum err_code metainfo_build(uint8_t **out, size_t *out_len,
			     const struct metainfo *m, struct err *e)
{
	size_t cap = room_for(m);
	struct metainfo again;
	enum err_code code;
	struct wr w;

	*out = NULL;
	w = wr_into(malloc(cap), cap);
	if (!w.buf)
		return err_fail(e, ERR_NOMEM, "torrent");
	write_torrent(&w, m);
	code = metainfo_parse(&again, w.buf, wr_len(&w), e);
	if (code == ERR_NONE)
		code = check_again(m, &again, e);
	metainfo_clear(&again);
	if (code != ERR_NONE) {
		free(w.buf);
		return code;
	}
	*out = w.buf;
	*out_len = wr_len(&w);
	return ERR_NONE;
}
