#include "wire/torrent/metainfo_int.h"

#include "base/hash.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TEXT 4096U
#define MAX_TIERS 64U
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

void metainfo_put(struct text_block *t, char c)
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
	metainfo_put(t, '\0');
	return start;
}

enum err_code metainfo_put_component(struct text_block *t, struct ben_view v,
				     const char *what, struct err *e)
{
	if (v.len == 0)
		return err_fail(e, ERR_PARSE, "torrent: %s is empty", what);
	if (v.len > METAINFO_MAX_COMPONENT)
		return err_fail(e, ERR_LIMIT,
				"torrent: %s has %zu bytes, more than %u", what,
				v.len, METAINFO_MAX_COMPONENT);
	if ((v.len == 1 && v.p[0] == '.') ||
	    (v.len == 2 && memcmp(v.p, "..", 2) == 0))
		return err_fail(e, ERR_PARSE, "torrent: %s is \"%.*s\"", what,
				(int)v.len, (const char *)v.p);
	if (memchr(v.p, '/', v.len) || memchr(v.p, '\0', v.len))
		return err_fail(e, ERR_PARSE,
				"torrent: %s holds a slash or a zero byte",
				what);
	text_put_clean(t, v);
	return ERR_NONE;
}

enum err_code metainfo_check_once(struct ben dict, const char *const *keys,
				  size_t n, const char *what, struct err *e)
{
	unsigned seen = 0;
	struct ben it;

	for (it = ben_first(dict); ben_type(it); it = ben_next(it)) {
		struct ben_view key = {NULL, 0};

		(void)ben_str(it, &key);
		for (size_t i = 0; i < n; i++) {
			if (strlen(keys[i]) != key.len ||
			    memcmp(keys[i], key.p, key.len) != 0)
				continue;
			if (seen >> i & 1)
				return err_fail(e, ERR_PARSE,
						"torrent: %s%s stands there "
						"twice",
						what, keys[i]);
			seen |= 1U << i;
		}
	}
	return ERR_NONE;
}

static enum err_code check_info_once(struct reader *r)
{
	static const char *const root[] = {"info", "piece layers"};
	static const char *const info[] = {
		"name",	 "name.utf-8",	 "piece length", "pieces",  "length",
		"files", "meta version", "file tree",	 "private",
	};
	enum err_code code =
		metainfo_check_once(r->root, root, COUNT(root), "", r->e);

	return code == ERR_NONE
		       ? metainfo_check_once(r->info, info, COUNT(info),
					     "info.", r->e)
		       : code;
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
	code = metainfo_put_component(&r->text, v, "info.name", r->e);
	metainfo_put(&r->text, '\0');
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
			metainfo_put(&r->text, '/');
		(void)ben_str(it, &v); /* no string: refused as empty */
		code = metainfo_put_component(&r->text, v, what, r->e);
		if (code != ERR_NONE)
			return code;
	}
	if (r->text.len - start > METAINFO_MAX_PATH)
		return err_fail(r->e, ERR_LIMIT,
				"torrent: info.files[%" PRIu32
				"].path has over %u bytes",
				index, METAINFO_MAX_PATH);
	metainfo_put(&r->text, '\0');
	*out = r->text.p + start;
	return ERR_NONE;
}

bool metainfo_has_attr(struct ben file, char c)
{
	struct ben_view v;

	return ben_str(ben_get(file, "attr"), &v) && v.len &&
	       memchr(v.p, c, v.len);
}

void metainfo_read_attr(struct metainfo_file *f, struct ben file)
{
	f->executable = !f->pad && metainfo_has_attr(file, 'x');
	f->hidden = !f->pad && metainfo_has_attr(file, 'h');
}

enum err_code metainfo_add_file(struct reader *r, const char *path,
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
	static const char *const once[] = {"length", "path", "path.utf-8",
					   "attr"};
	const char *path = NULL;
	enum err_code code;
	char what[48];
	int64_t length;

	(void)snprintf(what, sizeof(what), "info.files[%" PRIu32 "].", index);
	code = metainfo_check_once(file, once, COUNT(once), what, r->e);
	if (code != ERR_NONE)
		return code;
	(void)snprintf(what, sizeof(what), "info.files[%" PRIu32 "].length",
		       index);
	if (!ben_int(ben_get(file, "length"), &length))
		return err_fail(r->e, ERR_PARSE, "torrent: %s is missing",
				what);
	if (length == 0 && metainfo_has_attr(file, 'l'))
		return ERR_NONE; /* a link */
	code = read_path(r, file, index, &path);
	if (code != ERR_NONE)
		return code;
	code = metainfo_add_file(r, path, length, metainfo_has_attr(file, 'p'),
				 what);
	if (code == ERR_NONE)
		metainfo_read_attr(&r->m->files[r->m->file_count - 1], file);
	return code;
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
	enum err_code code;
	int64_t length;

	if (!ben_int(ben_get(r->info, "length"), &length))
		return read_files(r);
	r->m->files = calloc(1, sizeof(*r->m->files));
	if (!r->m->files)
		return err_fail(r->e, ERR_NOMEM, "torrent");
	code = metainfo_add_file(r, r->m->name, length, false, "info.length");
	metainfo_read_attr(&r->m->files[0], r->info);
	return code;
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

static enum err_code read_piece_length(struct reader *r)
{
	struct metainfo *m = r->m;
	int64_t length;

	if (!ben_int(ben_get(r->info, "piece length"), &length))
		return err_fail(r->e, ERR_PARSE,
				"torrent: info.piece length is missing");
	if (length < METAINFO_MIN_PIECE || length > METAINFO_MAX_PIECE)
		return err_fail(r->e, ERR_LIMIT,
				"torrent: info.piece length %" PRId64
				" is not in %u..%u",
				length, METAINFO_MIN_PIECE, METAINFO_MAX_PIECE);
	if (m->v2 && (length < METAINFO_BLOCK || (length & (length - 1))))
		return err_fail(r->e, ERR_PARSE,
				"torrent: info.piece length %" PRId64
				" is no power of two of at least %u",
				length, METAINFO_BLOCK);
	m->piece_length = (uint32_t)length;
	return ERR_NONE;
}

static enum err_code read_pieces(struct reader *r)
{
	struct metainfo *m = r->m;
	struct ben_view v;
	uint64_t want;

	if (!ben_str(ben_get(r->info, "pieces"), &v))
		return err_fail(r->e, ERR_PARSE,
				"torrent: info.pieces is missing");
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

/* The piece that padding from this offset on ends, if it is a short one; size
 * 0 if not: nothing real is in it, or its last block is needed anyway. */
static struct piece_short short_at(const struct metainfo *m, uint64_t data_end)
{
	uint32_t in_piece = (uint32_t)(data_end % m->piece_length);
	struct piece_short s = {.piece = (uint32_t)(data_end / m->piece_length),
				.size = in_piece};

	if (in_piece == 0)
		return (struct piece_short){0};
	if (m->v1)
		s.size = (in_piece + METAINFO_BLOCK - 1) / METAINFO_BLOCK *
			 METAINFO_BLOCK;
	if (s.size >= metainfo_piece_size(m, s.piece))
		s.size = 0;
	return s;
}

/* Padding counts where it reaches the end of the piece it begins in. */
static enum err_code find_shorts(struct reader *r)
{
	struct metainfo *m = r->m;
	uint32_t pads = 0;

	for (uint32_t i = 0; i < m->file_count; i++)
		pads += m->files[i].pad;
	if (pads == 0)
		return ERR_NONE;
	m->shorts = calloc(pads, sizeof(*m->shorts));
	if (!m->shorts)
		return err_fail(r->e, ERR_NOMEM, "torrent");
	for (uint32_t i = 0; i < m->file_count; i++) {
		const struct metainfo_file *f = &m->files[i];
		uint64_t end = f->offset + f->length;
		struct piece_short s;

		if (!f->pad || f->length == 0 ||
		    (end % m->piece_length && end != m->total) ||
		    f->offset / m->piece_length != (end - 1) / m->piece_length)
			continue;
		s = short_at(m, f->offset);
		if (s.size)
			m->shorts[m->short_count++] = s;
	}
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

/* ["host", port] */
static void add_node(struct reader *r, struct ben pair)
{
	struct ben host = ben_first(pair);
	struct metainfo *m = r->m;
	struct ben_view v;
	int64_t port;

	if (m->node_count == METAINFO_MAX_NODES || ben_type(pair) != BEN_LIST ||
	    !ben_str(host, &v) || !usable_url(v) ||
	    !ben_int(ben_next(host), &port) || port < 1 || port > UINT16_MAX)
		return;
	m->nodes[m->node_count++] = (struct metainfo_node){
		.host = text_copy(&r->text, v), .port = (uint16_t)port};
}

static enum err_code read_nodes(struct reader *r)
{
	struct ben nodes = ben_get(r->root, "nodes");
	struct ben it;

	if (ben_type(nodes) != BEN_LIST)
		return ERR_NONE;
	r->m->nodes = calloc(METAINFO_MAX_NODES, sizeof(*r->m->nodes));
	if (!r->m->nodes)
		return err_fail(r->e, ERR_NOMEM, "torrent");
	for (it = ben_first(nodes); ben_type(it); it = ben_next(it))
		add_node(r, it);
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

/* Which of the two a torrent is stands in what its info dictionary has. */
static enum err_code check_version(struct reader *r)
{
	struct metainfo *m = r->m;
	int64_t version = 1;

	(void)ben_int(ben_get(r->info, "meta version"), &version);
	if (version < 1 || version > 2)
		return err_fail(r->e, ERR_STATE,
				"torrent: of version %" PRId64
				", which is not known here",
				version);
	m->v2 = version == 2;
	/* one key of v1 asks for all of them */
	m->v1 = !m->v2 || ben_type(ben_get(r->info, "pieces")) ||
		ben_type(ben_get(r->info, "files")) ||
		ben_type(ben_get(r->info, "length"));
	if (m->v2)
		sha256_once(m->info_hash_v2.bytes, m->info, m->info_len);
	if (m->v1)
		sha1_once(m->info_hash.bytes, m->info, m->info_len);
	else
		memcpy(m->info_hash.bytes, m->info_hash_v2.bytes,
		       sizeof(m->info_hash.bytes));
	return ERR_NONE;
}

/* Two blocks: the file, and all strings but hashes, which stay when
 * metainfo_rest() lets go of the file. */
static enum err_code take_info(struct reader *r, const uint8_t *buf, size_t len)
{
	struct ben layers = ben_get(r->root, "piece layers");
	struct ben_view raw, pieces = {NULL, 0};
	uint8_t *block;

	r->info = ben_get(r->root, "info");
	if (ben_type(r->info) != BEN_DICT)
		return err_fail(r->e, ERR_PARSE,
				"torrent: has no info dictionary");
	raw = ben_raw(r->info);
	(void)ben_str(ben_get(r->info, "pieces"), &pieces);
	r->text.cap = len - pieces.len;
	if (ben_type(layers))
		r->text.cap -= ben_raw(layers).len;
	r->m->file = block = malloc(len);
	r->m->owned = r->text.p = malloc(r->text.cap);
	if (!block || !r->text.p)
		return err_fail(r->e, ERR_NOMEM, "torrent");
	memcpy(block, buf, len);
	r->m->file_len = len;
	r->m->info = block + (raw.p - buf);
	r->m->info_len = raw.len;
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

static enum err_code read_v1(struct reader *r)
{
	enum err_code code = read_content(r);

	return code == ERR_NONE ? read_pieces(r) : code;
}

static enum err_code read_all(struct reader *r, const uint8_t *buf, size_t len)
{
	enum err_code code = take_info(r, buf, len);

	if (code == ERR_NONE)
		code = check_info_once(r);
	if (code == ERR_NONE)
		code = check_version(r);
	if (code == ERR_NONE)
		code = read_name(r);
	if (code == ERR_NONE)
		code = read_piece_length(r);
	if (code == ERR_NONE && r->m->v1)
		code = read_v1(r);
	if (code == ERR_NONE && r->m->v2)
		code = metainfo_read_v2(r);
	if (code == ERR_NONE)
		code = check_paths(r);
	if (code == ERR_NONE)
		code = find_shorts(r);
	if (code == ERR_NONE) {
		struct pieces p = metainfo_pieces(r->m);

		r->m->wanted = pieces_bytes(&p);
	}
	if (code == ERR_NONE)
		code = read_trackers(r);
	if (code == ERR_NONE)
		code = read_web_seeds(r);
	if (code == ERR_NONE)
		code = read_nodes(r);
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
	code = ben_parse(&doc, buf, len, METAINFO_TOKENS, BEN_TRAILING, e);
	if (code != ERR_NONE)
		return code;
	r.root = ben_root(doc);
	code = read_all(&r, buf, len);
	ben_doc_free(doc);
	if (code != ERR_NONE)
		metainfo_clear(out);
	return code;
}

void metainfo_clear(struct metainfo *m)
{
	free(m->nodes);
	free((void *)m->web_seeds);
	free(m->trackers);
	free(m->shorts);
	free(m->roots);
	free(m->files);
	free(m->owned_paths);
	free(m->owned);
	free((void *)m->file);
	*m = (struct metainfo){0};
}

bool metainfo_rests(const struct metainfo *m)
{
	return m->piece_count > 0 && !m->file;
}

void metainfo_rest(struct metainfo *m)
{
	if (!m->file || m->layers_missing)
		return;
	free((void *)m->file);
	free(m->roots);
	m->file = m->info = m->pieces = NULL;
	m->roots = NULL;
	for (uint32_t i = 0; i < m->file_count; i++)
		m->files[i].root = NULL;
}

/* With the same info dictionary files, and all that was read of them, are the
 * same. */
static bool same_info(const struct metainfo *a, const struct metainfo *b)
{
	return info_hash_eq(&a->info_hash, &b->info_hash) && a->v2 == b->v2 &&
	       a->file_count == b->file_count &&
	       a->piece_count == b->piece_count &&
	       memcmp(a->info_hash_v2.bytes, b->info_hash_v2.bytes,
		      sizeof(a->info_hash_v2.bytes)) == 0;
}

enum err_code metainfo_recall(struct metainfo *m, const uint8_t *buf,
			      size_t len, struct err *e)
{
	struct metainfo again;
	enum err_code code = metainfo_parse(&again, buf, len, e);

	if (code == ERR_NONE && (!same_info(m, &again) || again.layers_missing))
		code = err_fail(e, ERR_SIG,
				"torrent: what was kept is not \"%.80s\"",
				m->name);
	if (code == ERR_NONE) {
		m->file = again.file;
		m->file_len = again.file_len;
		m->info = again.info;
		m->info_len = again.info_len;
		m->pieces = again.pieces;
		m->roots = again.roots;
		for (uint32_t i = 0; i < m->file_count; i++)
			m->files[i].root = again.files[i].root;
		again.file = NULL;
		again.roots = NULL;
	}
	metainfo_clear(&again);
	return code;
}

uint32_t metainfo_piece_size(const struct metainfo *m, uint32_t index)
{
	uint64_t start = (uint64_t)index * m->piece_length;
	uint64_t left = m->total - start;

	return left < m->piece_length ? (uint32_t)left : m->piece_length;
}

struct pieces metainfo_pieces(const struct metainfo *m)
{
	return (struct pieces){
		.count = m->piece_count,
		.len = m->piece_length,
		.total = m->total,
		.shorts = m->shorts,
		.short_count = m->short_count,
	};
}

struct info_hash metainfo_hash_v2(const struct metainfo *m)
{
	struct info_hash cut;

	memcpy(cut.bytes, m->info_hash_v2.bytes, sizeof(cut.bytes));
	return cut;
}

unsigned metainfo_names(const struct metainfo *m,
			struct info_hash out[METAINFO_NAMES_MAX])
{
	out[0] = m->info_hash;
	if (!m->v1 || !m->v2)
		return 1;
	out[1] = metainfo_hash_v2(m);
	return 2;
}

uint32_t metainfo_suggest_piece_length(uint64_t total)
{
	uint32_t length = 16U << 10;

	while (length < 16U << 20 && total / length > 1024)
		length *= 2;
	return length;
}
