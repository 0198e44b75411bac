#include "wire/torrent/metainfo_int.h"

#include "base/merkle.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(METAINFO_BLOCK == MERKLE_BLOCK, "a leaf's block");
_Static_assert(METAINFO_ROOT_LEN == sizeof(struct hash32), "a root");

#define PAD_PATH ".pad"

/* A file as the tree has it. */
struct leaf {
	const char *path; /* for the call */
	size_t path_len;
	uint64_t length;
	const uint8_t *root; /* NULL: empty */
	struct ben file;     /* its dictionary */
};

/* A walk through the tree, depth first, which is the order of the files. */
struct walk {
	struct reader *r;
	struct text_block path; /* of the present node, without a NUL */
	enum err_code (*leaf)(struct walk *w, const struct leaf *f);
	uint32_t files;
	uint64_t pieces;
	uint64_t text; /* bytes of all paths, with NULs */
	uint32_t pads;
	/* of a hybrid: the next file of v1's list, and where it must begin */
	uint32_t at;
	uint64_t offset;
};

static uint64_t align_up(uint64_t n, uint32_t piece_length)
{
	return (n + piece_length - 1) / piece_length * piece_length;
}

static bool view_before(struct ben_view a, struct ben_view b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int order = n ? memcmp(a.p, b.p, n) : 0;

	return order < 0 || (order == 0 && a.len < b.len);
}

static enum err_code walk_bad(const struct walk *w, enum err_code code,
			      const char *what)
{
	int len = w->path.len < 80 ? (int)w->path.len : 80;

	return err_fail(w->r->e, code, "torrent: info.file tree: \"%.*s\" %s",
			len, w->path.p, what);
}

static enum err_code walk_leaf(struct walk *w, struct ben file)
{
	struct leaf f = {
		.path = w->path.p, .path_len = w->path.len, .file = file};
	static const char *const once[] = {"length", "pieces root", "attr"};
	struct ben_view root;
	int64_t length;

	if (metainfo_check_once(file, once, 3, "", NULL) != ERR_NONE)
		return walk_bad(w, ERR_PARSE, "says something twice");
	if (metainfo_has_attr(file, 'l'))
		return ERR_NONE; /* a link */
	if (metainfo_has_attr(file, 'p'))
		return walk_bad(w, ERR_PARSE, "is padding");
	if (!ben_int(ben_get(file, "length"), &length))
		return walk_bad(w, ERR_PARSE, "has no length");
	if (length < 0)
		return walk_bad(w, ERR_PARSE, "has a length below 0");
	f.length = (uint64_t)length;
	w->pieces += f.length / w->r->m->piece_length +
		     (f.length % w->r->m->piece_length != 0);
	if (w->pieces > METAINFO_MAX_PIECES)
		return walk_bad(w, ERR_LIMIT, "makes too many pieces");
	if (++w->files > METAINFO_MAX_FILES)
		return walk_bad(w, ERR_LIMIT, "is one file too many");
	w->text += w->path.len + 1;
	if (w->text > METAINFO_MAX_BYTES)
		return walk_bad(w, ERR_LIMIT, "makes the paths too long");
	if (f.length > 0) {
		if (!ben_str(ben_get(file, "pieces root"), &root) ||
		    root.len != METAINFO_ROOT_LEN)
			return walk_bad(w, ERR_PARSE, "has no pieces root");
		/* in our copy of the info dictionary */
		f.root = w->r->m->info + (root.p - ben_raw(w->r->info).p);
	}
	return w->leaf(w, &f);
}

static enum err_code walk_dir(struct walk *w, struct ben dir);

static enum err_code walk_entry(struct walk *w, struct ben_view name,
				struct ben value)
{
	size_t before = w->path.len;
	enum err_code code;
	struct ben file;

	/* a component never gets longer when it is mended */
	if (before + 1 + name.len > METAINFO_MAX_PATH)
		return walk_bad(w, ERR_LIMIT, "holds a path that is too long");
	if (before)
		metainfo_put(&w->path, '/');
	code = metainfo_put_component(&w->path, name, "a name in the file tree",
				      w->r->e);
	if (code != ERR_NONE)
		return code;
	file = ben_get(value, "");
	if (ben_type(value) != BEN_DICT)
		code = walk_bad(w, ERR_PARSE, "is no dictionary");
	else if (!ben_type(file))
		code = walk_dir(w, value);
	else if (ben_count(value) != 1)
		code = walk_bad(w, ERR_PARSE, "is a file and a directory");
	else if (ben_type(file) != BEN_DICT)
		code = walk_bad(w, ERR_PARSE, "is no file");
	else
		code = walk_leaf(w, file);
	w->path.len = before;
	return code;
}

/* Recurses as deep as the tree is, which BEN_MAX_DEPTH bounds. Keys must be in
 * order and differ: they decide which piece is whose. */
static enum err_code walk_dir(struct walk *w, struct ben dir)
{
	struct ben_view last = {NULL, 0}, name = {NULL, 0};
	enum err_code code = ERR_NONE;
	bool first = true;

	for (struct ben it = ben_first(dir); ben_type(it) && code == ERR_NONE;
	     it = ben_next(it)) {
		(void)ben_str(it, &name);
		if (!first && !view_before(last, name))
			return walk_bad(w, ERR_PARSE,
					"has names out of order, or twice");
		code = walk_entry(w, name, ben_value(it));
		last = name;
		first = false;
	}
	return code;
}

static enum err_code walk_tree(struct walk *w, struct reader *r,
			       enum err_code (*leaf)(struct walk *w,
						     const struct leaf *f))
{
	char path[METAINFO_MAX_PATH + 1];

	memset(w, 0, sizeof(*w));
	w->r = r;
	w->leaf = leaf;
	w->path = (struct text_block){.p = path, .cap = sizeof(path)};
	return walk_dir(w, ben_get(r->info, "file tree"));
}

/* --- of v2 alone: the tree is the list --- */

/* Padding to the next piece, when a file is to begin. */
static uint64_t gap_before(const struct leaf *f, uint64_t offset,
			   uint32_t piece_length)
{
	return f->length ? align_up(offset, piece_length) - offset : 0;
}

static enum err_code count_leaf(struct walk *w, const struct leaf *f)
{
	uint32_t piece_length = w->r->m->piece_length;
	uint64_t gap = gap_before(f, w->offset, piece_length);

	w->pads += gap > 0;
	w->offset += gap + f->length;
	return ERR_NONE;
}

static enum err_code take_pad(struct reader *r, uint64_t len)
{
	return len ? metainfo_add_file(r, PAD_PATH, (int64_t)len, true,
				       "padding")
		   : ERR_NONE;
}

static enum err_code take_leaf(struct walk *w, const struct leaf *f)
{
	struct reader *r = w->r;
	struct metainfo *m = r->m;
	uint64_t gap = gap_before(f, m->total, m->piece_length);
	char *path = (char *)m->owned_paths + w->text - f->path_len - 1;
	enum err_code code;

	code = take_pad(r, gap);
	if (code != ERR_NONE)
		return code;
	memcpy(path, f->path, f->path_len);
	path[f->path_len] = '\0';
	code = metainfo_add_file(r, path, (int64_t)f->length, false,
				 "a file's length");
	if (code == ERR_NONE) {
		m->files[m->file_count - 1].root = f->root;
		metainfo_read_attr(&m->files[m->file_count - 1], f->file);
	}
	return code;
}

/* One entry that is a file: the torrent is that file. */
static bool is_single(struct ben tree)
{
	return ben_count(tree) == 1 &&
	       ben_type(ben_get(ben_value(ben_first(tree)), "")) != BEN_NONE;
}

static enum err_code read_tree(struct reader *r)
{
	struct metainfo *m = r->m;
	struct walk w;
	enum err_code code = walk_tree(&w, r, count_leaf);

	if (code != ERR_NONE)
		return code;
	if (w.offset == 0)
		return err_fail(r->e, ERR_PARSE, "torrent: holds no data");
	m->multi = !is_single(ben_get(r->info, "file tree"));
	m->piece_count = (uint32_t)w.pieces;
	m->files = calloc((size_t)w.files + w.pads + 1, sizeof(*m->files));
	m->owned_paths = malloc(w.text);
	if (!m->files || !m->owned_paths)
		return err_fail(r->e, ERR_NOMEM, "torrent");
	code = walk_tree(&w, r, take_leaf);
	if (code != ERR_NONE)
		return code;
	/* libtorrent 2.0 asks for whole blocks of the last piece too */
	return take_pad(r, align_up(m->total, m->piece_length) - m->total);
}

/* --- of a hybrid: the tree is what the list is --- */

static enum err_code match_leaf(struct walk *w, const struct leaf *f)
{
	struct metainfo *m = w->r->m;
	struct metainfo_file *v1;

	while (w->at < m->file_count && m->files[w->at].pad)
		w->at++;
	if (w->at == m->file_count)
		return walk_bad(w, ERR_PARSE, "is no file of version 1");
	v1 = &m->files[w->at++];
	if (strlen(v1->path) != f->path_len ||
	    memcmp(v1->path, f->path, f->path_len) != 0 ||
	    v1->length != f->length)
		return walk_bad(w, ERR_PARSE, "is another file in version 1");
	if (f->length == 0)
		return ERR_NONE;
	if (v1->offset != align_up(w->offset, m->piece_length))
		return walk_bad(w, ERR_PARSE, "begins elsewhere in version 1");
	w->offset = v1->offset + v1->length;
	v1->root = f->root;
	return ERR_NONE;
}

static enum err_code match_tree(struct reader *r)
{
	struct metainfo *m = r->m;
	struct walk w;
	enum err_code code = walk_tree(&w, r, match_leaf);

	if (code != ERR_NONE)
		return code;
	while (w.at < m->file_count && m->files[w.at].pad)
		w.at++;
	/* padding behind the last file is common, but to its piece only */
	if (w.at != m->file_count ||
	    m->total > align_up(w.offset, m->piece_length))
		return err_fail(r->e, ERR_PARSE,
				"torrent: version 1 has more files than "
				"info.file tree");
	return ERR_NONE;
}

/* --- what the pieces are checked against --- */

static uint8_t *roots_of(const struct metainfo *m, uint32_t file)
{
	return m->roots +
	       m->files[file].offset / m->piece_length * METAINFO_ROOT_LEN;
}

uint32_t metainfo_file_pieces(const struct metainfo *m, uint32_t file)
{
	uint64_t len = m->files[file].length;

	return (uint32_t)(len / m->piece_length + (len % m->piece_length != 0));
}

static bool leads_to_root(const struct metainfo *m, uint32_t file,
			  const uint8_t *layer)
{
	const struct metainfo_file *f = &m->files[file];
	uint32_t n = metainfo_file_pieces(m, file);
	struct merkle tree;
	struct hash32 node;

	merkle_init(&tree, merkle_piece_top(f->length, m->piece_length));
	for (uint32_t i = 0; i < n; i++) {
		memcpy(node.bytes, layer + (size_t)i * METAINFO_ROOT_LEN,
		       sizeof(node.bytes));
		merkle_add(&tree, &node, 1);
	}
	merkle_end(&tree, &node, merkle_file_top(f->length));
	return memcmp(node.bytes, f->root, sizeof(node.bytes)) == 0;
}

enum err_code metainfo_set_layer(struct metainfo *m, uint32_t file,
				 const uint8_t *layer, struct err *e)
{
	struct metainfo_file *f = &m->files[file];

	if (!leads_to_root(m, file, layer))
		return err_fail(e, ERR_SIG,
				"torrent: the piece layer of \"%.80s\" does "
				"not lead to its root",
				f->path);
	memcpy(roots_of(m, file), layer,
	       (size_t)metainfo_file_pieces(m, file) * METAINFO_ROOT_LEN);
	m->layers_missing -= f->layer_missing;
	f->layer_missing = false;
	return ERR_NONE;
}

/* "piece layers", by root. */
struct layers {
	struct layer {
		struct ben_view root, hashes;
	} * list;
	size_t n;
};

static int layer_order(const void *pa, const void *pb)
{
	const struct layer *a = pa, *b = pb;

	return memcmp(a->root.p, b->root.p, METAINFO_ROOT_LEN);
}

static enum err_code list_layers(struct reader *r, struct layers *out)
{
	struct ben dict = ben_get(r->root, "piece layers");
	struct layer l;

	out->list = calloc((size_t)ben_count(dict) + 1, sizeof(*out->list));
	if (!out->list)
		return err_fail(r->e, ERR_NOMEM, "torrent");
	for (struct ben it = ben_first(dict);
	     ben_type(dict) == BEN_DICT && ben_type(it); it = ben_next(it))
		if (ben_str(it, &l.root) && l.root.len == METAINFO_ROOT_LEN &&
		    ben_str(ben_value(it), &l.hashes))
			out->list[out->n++] = l;
	qsort(out->list, out->n, sizeof(*out->list), layer_order);
	return ERR_NONE;
}

static enum err_code read_layer(struct reader *r, uint32_t file,
				const struct layers *layers)
{
	struct metainfo *m = r->m;
	struct metainfo_file *f = &m->files[file];
	size_t want = (size_t)metainfo_file_pieces(m, file) * METAINFO_ROOT_LEN;
	const struct layer *l, key = {.root = {f->root, METAINFO_ROOT_LEN}};

	if (!f->root)
		return ERR_NONE;
	if (want == METAINFO_ROOT_LEN) {
		memcpy(roots_of(m, file), f->root, METAINFO_ROOT_LEN);
		return ERR_NONE;
	}
	f->layer_missing = true;
	m->layers_missing++;
	l = bsearch(&key, layers->list, layers->n, sizeof(*l), layer_order);
	if (!l)
		return ERR_NONE;
	if (l->hashes.len != want)
		return err_fail(r->e, ERR_PARSE,
				"torrent: the piece layer of \"%.80s\" has %zu "
				"bytes, not %zu",
				f->path, l->hashes.len, want);
	return metainfo_set_layer(m, file, l->hashes.p, r->e);
}

static enum err_code read_roots(struct reader *r)
{
	struct metainfo *m = r->m;
	struct layers layers = {0};
	enum err_code code;

	m->roots = calloc(m->piece_count, METAINFO_ROOT_LEN);
	if (!m->roots)
		return err_fail(r->e, ERR_NOMEM, "torrent");
	code = list_layers(r, &layers);
	for (uint32_t i = 0; i < m->file_count && code == ERR_NONE; i++)
		code = read_layer(r, i, &layers);
	free(layers.list);
	return code;
}

enum err_code metainfo_read_v2(struct reader *r)
{
	enum err_code code;

	if (ben_type(ben_get(r->info, "file tree")) != BEN_DICT)
		return err_fail(r->e, ERR_PARSE,
				"torrent: info.file tree is missing");
	code = r->m->v1 ? match_tree(r) : read_tree(r);
	return code == ERR_NONE ? read_roots(r) : code;
}
