#include "wire/torrent/metainfo_int.h"

#include "base/bencode.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LAYERS_KEY "piece layers"

/* BEP 47. */
static void write_attr(struct wr *w, const struct metainfo_file *f)
{
	char attr[4];
	size_t n = 0;

	if (f->hidden)
		attr[n++] = 'h';
	if (f->pad)
		attr[n++] = 'p';
	if (f->executable)
		attr[n++] = 'x';
	if (n == 0)
		return;
	ben_w_str(w, "attr");
	ben_w_bytes(w, attr, n);
}

/* --- v1 --- */

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
		write_attr(w, &m->files[i]);
		ben_w_str(w, "length");
		ben_w_int(w, (int64_t)m->files[i].length);
		ben_w_str(w, "path");
		write_path(w, m->files[i].path);
		ben_w_end(w);
	}
	ben_w_end(w);
}

/* --- v2 --- */

static void write_leaf(struct wr *w, const struct metainfo_file *f)
{
	ben_w_dict(w);
	ben_w_str(w, "");
	ben_w_dict(w);
	write_attr(w, f);
	ben_w_str(w, "length");
	ben_w_int(w, (int64_t)f->length);
	if (f->root) {
		ben_w_str(w, "pieces root");
		ben_w_bytes(w, f->root, METAINFO_ROOT_LEN);
	}
	ben_w_end(w);
	ben_w_end(w);
}

/* Bytes of the directories that two paths share, the last slash included. */
static size_t shared_dirs(const char *a, const char *b)
{
	size_t shared = 0;

	for (size_t i = 0; a[i] && a[i] == b[i]; i++)
		if (a[i] == '/')
			shared = i + 1;
	return shared;
}

/* Closes what the file before has open and this one has not. */
static void leave_dirs(struct wr *w, const char *path, size_t shared)
{
	for (const char *p = path + shared; (p = strchr(p, '/')); p++)
		ben_w_end(w);
}

/* Files are in the order of the tree, so a directory's follow each other. */
static void write_tree(struct wr *w, const struct metainfo *m)
{
	const char *before = "";

	ben_w_str(w, "file tree");
	ben_w_dict(w);
	for (uint32_t i = 0; i < m->file_count; i++) {
		const char *path = m->files[i].path;
		size_t at = shared_dirs(before, path), n;

		if (m->files[i].pad)
			continue;
		leave_dirs(w, before, at);
		for (; path[at + (n = strcspn(path + at, "/"))]; at += n + 1) {
			ben_w_bytes(w, path + at, n);
			ben_w_dict(w);
		}
		ben_w_bytes(w, path + at, n);
		write_leaf(w, &m->files[i]);
		before = path;
	}
	leave_dirs(w, before, 0);
	ben_w_end(w);
}

/* The hashes of a file's pieces, by its root. */
struct layer {
	const uint8_t *root, *hashes;
	size_t len;
};

static int by_root(const void *a, const void *b)
{
	const struct layer *x = a, *y = b;

	return memcmp(x->root, y->root, METAINFO_ROOT_LEN);
}

/* Of files of more than one piece, where they are known; sorted. */
static size_t list_layers(const struct metainfo *m, struct layer *out)
{
	const uint8_t *at = m->roots;
	size_t n = 0;

	for (uint32_t i = 0; i < m->file_count; i++) {
		const struct metainfo_file *f = &m->files[i];
		size_t len =
			(size_t)metainfo_file_pieces(m, i) * METAINFO_ROOT_LEN;

		if (f->pad)
			continue;
		if (len > METAINFO_ROOT_LEN && f->root && !f->layer_missing)
			out[n++] = (struct layer){f->root, at, len};
		at += len;
	}
	qsort(out, n, sizeof(*out), by_root);
	return n;
}

static void write_layers(struct wr *w, const struct metainfo *m,
			 struct layer *layers)
{
	size_t n = list_layers(m, layers);

	ben_w_str(w, LAYERS_KEY);
	ben_w_dict(w);
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && by_root(&layers[i - 1], &layers[i]) == 0)
			continue; /* files of the same bytes */
		ben_w_bytes(w, layers[i].root, METAINFO_ROOT_LEN);
		ben_w_bytes(w, layers[i].hashes, layers[i].len);
	}
	ben_w_end(w);
}

/* --- both --- */

static void write_pair(struct wr *w, const char *key, const char *value)
{
	if (!value)
		return;
	ben_w_str(w, key);
	ben_w_str(w, value);
}

static void write_number(struct wr *w, const char *key, int64_t value)
{
	ben_w_str(w, key);
	ben_w_int(w, value);
}

static void write_info(struct wr *w, const struct metainfo *m)
{
	ben_w_str(w, "info");
	ben_w_dict(w);
	if (m->pieces && !m->multi && m->file_count == 1)
		write_attr(w, &m->files[0]);
	if (m->roots)
		write_tree(w, m);
	if (m->pieces && m->multi)
		write_files(w, m);
	else if (m->pieces && m->file_count == 1)
		write_number(w, "length", (int64_t)m->files[0].length);
	if (m->roots)
		write_number(w, "meta version", 2);
	write_pair(w, "name", m->name);
	write_number(w, "piece length", m->piece_length);
	if (m->pieces) {
		ben_w_str(w, "pieces");
		ben_w_bytes(w, m->pieces,
			    (size_t)m->piece_count * METAINFO_HASH_LEN);
	}
	if (m->is_private)
		write_number(w, "private", 1);
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

static void write_nodes(struct wr *w, const struct metainfo *m)
{
	ben_w_str(w, "nodes");
	ben_w_list(w);
	for (uint32_t i = 0; i < m->node_count; i++) {
		ben_w_list(w);
		ben_w_str(w, m->nodes[i].host);
		ben_w_int(w, m->nodes[i].port);
		ben_w_end(w);
	}
	ben_w_end(w);
}

static void write_web_seeds(struct wr *w, const struct metainfo *m)
{
	ben_w_str(w, "url-list");
	ben_w_list(w);
	for (uint32_t i = 0; i < m->web_seed_count; i++)
		ben_w_str(w, m->web_seeds[i]);
	ben_w_end(w);
}

static void write_torrent(struct wr *w, const struct metainfo *m,
			  struct layer *layers)
{
	ben_w_dict(w);
	if (m->tracker_count)
		write_pair(w, "announce", m->trackers[0].url);
	if (m->tracker_count > 1)
		write_tiers(w, m);
	write_pair(w, "comment", m->comment);
	write_pair(w, "created by", m->created_by);
	if (m->creation_date > 0)
		write_number(w, "creation date", m->creation_date);
	write_info(w, m);
	if (m->node_count)
		write_nodes(w, m);
	if (m->roots)
		write_layers(w, m, layers);
	if (m->web_seed_count)
		write_web_seeds(w, m);
	ben_w_end(w);
}

static size_t text_room(const char *s)
{
	return s ? strlen(s) + 64 : 0;
}

/* Generous: 64 bytes for the punctuation of each thing that is written. */
static size_t room_for(const struct metainfo *m)
{
	size_t n = 1024;

	if (m->pieces)
		n += (size_t)m->piece_count * METAINFO_HASH_LEN;
	if (m->roots)
		n += (size_t)m->piece_count * METAINFO_ROOT_LEN;
	n += text_room(m->name) + text_room(m->comment) +
	     text_room(m->created_by) + text_room(m->source);
	for (uint32_t i = 0; i < m->tracker_count; i++)
		n += 2 * text_room(m->trackers[i].url);
	for (uint32_t i = 0; i < m->web_seed_count; i++)
		n += text_room(m->web_seeds[i]);
	for (uint32_t i = 0; i < m->node_count; i++)
		n += text_room(m->nodes[i].host);
	/* "a/b" becomes "1:a1:b", in a tree "1:ad1:bd...ee": at most 6 bytes
	 * more for each slash, in each of the two; a root twice */
	for (uint32_t i = 0; i < m->file_count; i++)
		n += 256 + 12 * text_room(m->files[i].path);
	return n;
}

/* The next file that is none of padding: where v2 alone has pads is each
 * reader's own choice. */
static const struct metainfo_file *next_file(const struct metainfo *m,
					     uint32_t *i)
{
	while (*i < m->file_count && m->files[*i].pad)
		(*i)++;
	return *i < m->file_count ? &m->files[(*i)++] : NULL;
}

static enum err_code check_again(const struct metainfo *m,
				 const struct metainfo *again, struct err *e)
{
	const struct metainfo_file *f, *g;
	uint32_t i = 0, k = 0;

	if (strcmp(m->name, again->name) != 0)
		return err_fail(e, ERR_PARSE,
				"torrent: its name is no valid UTF-8");
	while ((f = next_file(m, &i))) {
		g = next_file(again, &k);
		if (!g || strcmp(f->path, g->path) != 0)
			return err_fail(e, ERR_PARSE,
					"torrent: path of file %" PRIu32
					" is no valid UTF-8",
					i - 1);
	}
	if (m->multi != again->multi)
		return err_fail(e, ERR_STATE,
				"torrent: a v2 torrent cannot tell a directory "
				"with one file in it from that file");
	if (m->tracker_count != again->tracker_count ||
	    m->web_seed_count != again->web_seed_count ||
	    m->node_count != again->node_count)
		return err_fail(e, ERR_PARSE,
				"torrent: a tracker, web seed or node cannot "
				"be read back: too long, no URL, twice or too "
				"many");
	return ERR_NONE;
}

enum err_code metainfo_build(uint8_t **out, size_t *out_len,
			     const struct metainfo *m, struct err *e)
{
	size_t cap = room_for(m);
	struct layer *layers =
		calloc((size_t)m->file_count + 1, sizeof(*layers));
	struct metainfo again;
	enum err_code code;
	struct wr w;

	*out = NULL;
	w = wr_into(malloc(cap), cap);
	if (!w.buf || !layers) {
		free(w.buf);
		free(layers);
		return err_fail(e, ERR_NOMEM, "torrent");
	}
	write_torrent(&w, m, layers);
	free(layers);
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

/* --- with layers that came later --- */

static bool before_layers(struct ben_view key)
{
	static const char ours[] = LAYERS_KEY;
	size_t n = key.len < sizeof(ours) - 1 ? key.len : sizeof(ours) - 1;
	int order = memcmp(key.p, ours, n);

	return order < 0 || (order == 0 && key.len < sizeof(ours) - 1);
}

/* All other keys as they were, and ours in its place among them. */
static void write_again(struct wr *w, const struct metainfo *m, struct ben root,
			struct layer *layers)
{
	const struct ben_view ours = ben_raw(ben_get(root, LAYERS_KEY));
	bool wrote = false;

	ben_w_dict(w);
	for (struct ben it = ben_first(root); ben_type(it); it = ben_next(it)) {
		const struct ben_view raw = ben_raw(ben_value(it));
		struct ben_view key = {NULL, 0};

		(void)ben_str(it, &key);
		if (!wrote && !before_layers(key)) {
			write_layers(w, m, layers);
			wrote = true;
		}
		if (ours.p && raw.p == ours.p)
			continue;
		ben_w_bytes(w, key.p, key.len);
		wr_copy(w, raw.p, raw.len);
	}
	if (!wrote)
		write_layers(w, m, layers);
	ben_w_end(w);
}

enum err_code metainfo_with_layers(uint8_t **out, size_t *out_len,
				   const struct metainfo *m, struct err *e)
{
	size_t cap = m->file_len + 64 + (size_t)m->file_count * 64 +
		     (size_t)m->piece_count * METAINFO_ROOT_LEN;
	struct layer *layers;
	struct ben_doc *doc;
	enum err_code code;
	struct wr w;

	*out = NULL;
	if (m->layers_missing)
		return err_fail(e, ERR_STATE,
				"torrent: %u of its piece layers are missing",
				m->layers_missing);
	code = ben_parse(&doc, m->file, m->file_len, METAINFO_TOKENS,
			 BEN_TRAILING, e);
	if (code != ERR_NONE)
		return code;
	layers = calloc((size_t)m->file_count + 1, sizeof(*layers));
	w = wr_into(layers ? malloc(cap) : NULL, cap);
	if (w.buf)
		write_again(&w, m, ben_root(doc), layers);
	free(layers);
	ben_doc_free(doc);
	if (!w.buf)
		return err_fail(e, ERR_NOMEM, "torrent");
	*out = w.buf;
	*out_len = wr_len(&w);
	return ERR_NONE;
}
