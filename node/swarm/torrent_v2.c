/* torrent_v2.c - what a torrent of version 2 has besides (BEP 52): hashes of
 * pieces that peers tell when it came without them. */
#include "node/swarm/torrent_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

const char *torrent_kind(const struct torrent *t)
{
	return t->meta.v1 && t->meta.v2 ? "hybrid" : t->meta.v2 ? "v2" : "v1";
}

static bool has_layer(const struct metainfo *m, uint32_t file)
{
	return m->files[file].root && m->files[file].length > m->piece_length;
}

/* Of one block the root is all there is to know. */
static bool has_tree(const struct metainfo *m, uint32_t file)
{
	return m->files[file].root && m->files[file].length > METAINFO_BLOCK;
}

static const uint8_t *piece_hashes(const struct metainfo *m, uint32_t file)
{
	uint64_t piece = m->files[file].offset / m->piece_length;

	return has_layer(m, file) && !m->files[file].layer_missing
		       ? m->roots + (size_t)piece * METAINFO_ROOT_LEN
		       : NULL;
}

enum err_code torrent_layers(const struct torrent *t, struct layers_file **out,
			     uint32_t *count, struct err *e)
{
	const struct metainfo *m = &t->meta;
	uint32_t n = 0;

	*out = NULL;
	*count = 0;
	for (uint32_t i = 0; i < m->file_count; i++)
		n += has_tree(m, i);
	if (n == 0)
		return ERR_NONE;
	*out = calloc(n, sizeof(**out));
	if (!*out)
		return err_fail(e, ERR_NOMEM, "hashes of %u files", n);
	for (uint32_t i = 0; i < m->file_count; i++) {
		const struct metainfo_file *f = &m->files[i];

		if (!has_tree(m, i))
			continue;
		(*out)[(*count)++] = (struct layers_file){
			.root = f->root,
			.length = f->length,
			.first_piece = (uint32_t)(f->offset / m->piece_length),
			.number = i,
			.pieces = piece_hashes(m, i),
		};
	}
	return ERR_NONE;
}

/* Is anything of the files that could not be checked so far on the disk? */
static bool any_file_there(const struct torrent *t)
{
	const struct metainfo *m = &t->meta;

	for (uint32_t i = 0; i < m->file_count; i++) {
		char path[8192];
		struct stat st;

		if (!has_layer(m, i))
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s%s%s", t->dir,
			       m->multi ? m->name : "", m->multi ? "/" : "",
			       m->files[i].path);
		if (lstat(path, &st) == 0)
			return true;
	}
	return false;
}

/* Files of one root have one layer. */
void torrent_layer_came(struct torrent *t, uint32_t file, const uint8_t *pieces)
{
	struct metainfo *m = &t->meta;
	const uint8_t *root = m->files[file].root;
	struct err e = {0};

	for (uint32_t i = file; i < m->file_count; i++)
		if (m->files[i].layer_missing &&
		    memcmp(m->files[i].root, root, METAINFO_ROOT_LEN) == 0 &&
		    metainfo_set_layer(m, i, pieces, &e) != ERR_NONE)
			torrent_tell(t, "note", "%s", e.msg);
	if (m->layers_missing > 0)
		return;
	log_line(t->engine->log, LOG_INFO, "torrent",
		 "hashes of all pieces are known name=\"%s\"", m->name);
	torrent_keep_file(t);
	torrent_rest_soon(t);
	/* of a hybrid v1's hashes did until now */
	t->check_soon = !m->v1 && any_file_there(t);
	t->roots_soon = m->v1;
	torrent_wake(t);
}

void torrent_add_roots(struct torrent *t)
{
	struct err e = {0};

	if (torrent_recall(t, &e) != ERR_NONE || !t->store ||
	    store_add_roots(t->store, t->meta.roots, &e) != ERR_NONE)
		return;
	t->roots_soon = false;
	log_line(t->engine->log, LOG_INFO, "torrent",
		 "checked by both hashes from now on name=\"%s\"",
		 t->meta.name);
}
