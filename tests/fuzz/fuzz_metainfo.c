/* Parsing never crashes and keeps its promises; what parses is built again into
 * a torrent of the same content. */
#include "wire/torrent/metainfo.h"

#include <stdlib.h>
#include <string.h>

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void check_path(const char *path)
{
	must(path[0] && path[0] != '/' && strlen(path) <= METAINFO_MAX_PATH);
	for (const char *p = path;;) {
		size_t n = strcspn(p, "/");

		must(n > 0 && n <= METAINFO_MAX_COMPONENT);
		must(!(n == 1 && p[0] == '.') &&
		     !(n == 2 && p[0] == '.' && p[1] == '.'));
		for (size_t i = 0; i < n; i++)
			must((unsigned char)p[i] >= 0x20 && p[i] != 0x7f);
		if (!p[n])
			return;
		p += n + 1;
	}
}

static void check_sizes(const struct metainfo *m)
{
	struct pieces p = metainfo_pieces(m);

	for (uint32_t i = 0; i < m->short_count; i++) {
		must(m->shorts[i].piece < m->piece_count);
		must(m->shorts[i].size > 0 &&
		     m->shorts[i].size <
			     metainfo_piece_size(m, m->shorts[i].piece));
		must(i == 0 || m->shorts[i - 1].piece < m->shorts[i].piece);
	}
	must(pieces_bytes(&p) <= m->total);
}

static void check_roots(const struct metainfo *m)
{
	uint32_t missing = 0, pieces = 0;

	for (uint32_t i = 0; i < m->file_count; i++) {
		const struct metainfo_file *f = &m->files[i];

		must((f->root != NULL) == (!f->pad && f->length > 0));
		if (!f->root)
			continue;
		must(f->offset == (uint64_t)pieces * m->piece_length);
		must(f->root >= m->info &&
		     f->root + METAINFO_ROOT_LEN <= m->info + m->info_len);
		missing += f->layer_missing;
		pieces += metainfo_file_pieces(m, i);
	}
	must(missing == m->layers_missing && pieces == m->piece_count);
}

static void check_promises(const struct metainfo *m)
{
	uint64_t sum = 0;

	must(strchr(m->name, '/') == NULL);
	check_path(m->name);
	for (uint32_t i = 0; i < m->file_count; i++) {
		check_path(m->files[i].path);
		must(m->files[i].offset == sum);
		sum += m->files[i].length;
	}
	must(sum == m->total && sum > 0);
	must((m->total - 1) / m->piece_length + 1 == m->piece_count);
	must(metainfo_piece_size(m, m->piece_count - 1) > 0);
	must(m->v1 || m->v2);
	must(!m->v1 == !m->pieces && !m->v2 == !m->roots);
	must(!m->v1 ||
	     (m->pieces >= m->info &&
	      m->pieces + (size_t)m->piece_count * METAINFO_HASH_LEN <=
		      m->info + m->info_len));
	check_sizes(m);
	if (m->v2)
		check_roots(m);
}

static const struct metainfo_file *next_file(const struct metainfo *m,
					     uint32_t *i)
{
	while (*i < m->file_count && m->files[*i].pad)
		(*i)++;
	return *i < m->file_count ? &m->files[(*i)++] : NULL;
}

/* It is had again from the same bytes, whatever they were. */
static void check_rest(struct metainfo *m, const uint8_t *data, size_t size)
{
	metainfo_rest(m);
	must(metainfo_rests(m) == (m->layers_missing == 0));
	if (metainfo_rests(m))
		must(metainfo_recall(m, data, size, NULL) == ERR_NONE);
	check_promises(m);
}

/* Pads apart, which v2 alone has anywhere, all is as it was. */
static void check_again(const struct metainfo *m, const struct metainfo *again)
{
	uint32_t i = 0, k = 0;
	const struct metainfo_file *f, *g;

	must(again->v1 == m->v1 && again->v2 == m->v2);
	must(again->piece_count == m->piece_count);
	must(again->layers_missing == m->layers_missing);
	must(again->tracker_count == m->tracker_count &&
	     again->web_seed_count == m->web_seed_count &&
	     again->node_count == m->node_count &&
	     strcmp(again->name, m->name) == 0);
	while ((f = next_file(m, &i))) {
		g = next_file(again, &k);
		must(g && strcmp(f->path, g->path) == 0 &&
		     f->length == g->length && f->executable == g->executable &&
		     f->hidden == g->hidden && !f->root == !g->root);
		must(!f->root ||
		     memcmp(f->root, g->root, METAINFO_ROOT_LEN) == 0);
	}
	must(!next_file(again, &k));
	must(!m->v2 || memcmp(m->roots, again->roots,
			      (size_t)m->piece_count * METAINFO_ROOT_LEN) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct metainfo m, again;
	enum err_code code;
	uint8_t *out;
	size_t len;

	if (metainfo_parse(&m, data, size, NULL) != ERR_NONE)
		return 0;
	check_promises(&m);
	check_rest(&m, data, size);
	if (m.v2 && m.layers_missing == 0) {
		must(metainfo_with_layers(&out, &len, &m, NULL) == ERR_NONE);
		must(metainfo_parse(&again, out, len, NULL) == ERR_NONE);
		must(info_hash_eq(&again.info_hash, &m.info_hash) &&
		     again.layers_missing == 0);
		metainfo_clear(&again);
		free(out);
	}
	code = metainfo_build(&out, &len, &m, NULL);
	/* names of a tree that were mended are in another order; a link left
	 * out can leave a directory with one file */
	must(code == ERR_NONE ||
	     (m.v2 && (code == ERR_PARSE || (!m.v1 && code == ERR_STATE))));
	if (code != ERR_NONE) {
		metainfo_clear(&m);
		return 0;
	}
	must(metainfo_parse(&again, out, len, NULL) == ERR_NONE);
	check_again(&m, &again);
	metainfo_clear(&again);
	metainfo_clear(&m);
	free(out);
	return 0;
}
