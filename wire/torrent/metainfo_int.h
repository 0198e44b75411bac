/* metainfo_int.h - what metainfo.c (v1 and all that both versions share) and
 * metainfo_v2.c (file tree, piece layers) share. Nobody else includes it.
 */
#ifndef WIRE_METAINFO_INT_H
#define WIRE_METAINFO_INT_H

#include "base/bencode.h"
#include "wire/torrent/metainfo.h"

/* A file of a hybrid torrent takes about 25 values; 80 MiB of tokens at most */
#define METAINFO_TOKENS 2000000U

/* Strings are copied into one block whose size is known before: every string
 * comes from the input once and grows by its NUL or '/' only, which replace
 * at least two bytes of length prefix. (Paths of a file tree repeat their
 * directories: they have a block of their own, see metainfo_v2.c.) */
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

void metainfo_put(struct text_block *t, char c);
/* One component of a path, mended where that is harmless, refused where not;
 * `what` names it. */
enum err_code metainfo_put_component(struct text_block *t, struct ben_view v,
				     const char *what, struct err *e);
/* Where one of these keys stands twice, one reader takes the first and another
 * the last: they would see different torrents of one name. ERR_PARSE says
 * `what` and the key. At most 32 keys. */
enum err_code metainfo_check_once(struct ben dict, const char *const *keys,
				  size_t n, const char *what, struct err *e);
bool metainfo_has_attr(struct ben file, char c);
/* What BEP 47 says of a file, but that it is padding. */
void metainfo_read_attr(struct metainfo_file *f, struct ben file);
/* Appends to m->files, which has room. */
enum err_code metainfo_add_file(struct reader *r, const char *path,
				int64_t length, bool pad, const char *what);

/* info.file tree: of v2 alone makes the list of files, of a hybrid compares it
 * with that of v1. Then the hashes of pieces, as far as the torrent has them.
 * Piece length, version and v1's part were read. */
enum err_code metainfo_read_v2(struct reader *r);

#endif
