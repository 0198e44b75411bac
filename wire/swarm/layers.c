#include "wire/swarm/layers.h"

#include "base/bits.h"
#include "base/merkle.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_LEVELS 9U /* merkle_levels(LAYERS_CHUNK) */
#define ASKED_MAX 256U	/* of all peers together */
#define LOOKS_MAX 1024U /* chunks that one pick looks at */
#define REFUSED_MS 1000 /* a chunk that was refused waits */

_Static_assert(1U << CHUNK_LEVELS == LAYERS_CHUNK, "levels of a chunk");

struct file {
	struct layers_file f;
	uint32_t n;	/* pieces */
	uint32_t chunk; /* of those that are missing, the first of its own */
	uint32_t left;	/* of them not known */
	unsigned height, top;
	struct hash32 *own;	   /* where missing hashes are gathered */
	struct merkle_tree *upper; /* over whole chunks; made when first asked
				    * for */
};

struct chunk {
	uint32_t file;
	bool have, asked;
	int64_t not_before_ms;
};

struct asked {
	uint64_t serial;
	uint32_t chunk;
	int64_t at_ms;
};

struct layers {
	struct file *files; /* by root, each root once */
	uint32_t n_files, missing;
	struct chunk *chunks;
	uint32_t n_chunks, from; /* where the next pick looks first */
	struct asked asked[ASKED_MAX];
	uint32_t n_asked;
};

/* --- life --- */

static int by_root(const void *pa, const void *pb)
{
	const struct file *a = pa, *b = pb;

	return memcmp(a->f.root, b->f.root, sizeof(struct hash32));
}

/* Of those with one root the longest first, which has a layer to be asked for.
 * (Of one root they are of one length, where nobody lies.) */
static int root_order(const void *pa, const void *pb)
{
	const struct file *a = pa, *b = pb;
	int order = by_root(a, b);

	return order ? order : (b->n > a->n) - (b->n < a->n);
}

static uint32_t chunks_of(const struct file *f)
{
	return (f->n + LAYERS_CHUNK - 1) / LAYERS_CHUNK;
}

static void take_files(struct layers *y, const struct layers_file *files,
		       size_t n, uint32_t piece_len)
{
	uint32_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		struct file *f = &y->files[y->n_files];
		uint64_t pieces = (files[i].length + piece_len - 1) / piece_len;

		if (merkle_blocks(files[i].length) < 2)
			continue;
		f->f = files[i];
		if (pieces == 1)
			f->f.pieces = f->f.root;
		f->n = (uint32_t)pieces;
		f->height = merkle_piece_top(files[i].length, piece_len);
		f->top = merkle_file_top(files[i].length);
		y->n_files++;
	}
	qsort(y->files, y->n_files, sizeof(*y->files), root_order);
	for (uint32_t i = 0; i < y->n_files; i++)
		if (kept == 0 ||
		    by_root(&y->files[kept - 1], &y->files[i]) != 0)
			y->files[kept++] = y->files[i];
	y->n_files = kept;
}

static bool make_chunks(struct layers *y)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < y->n_files; i++) {
		struct file *f = &y->files[i];

		if (f->f.pieces)
			continue;
		f->own = calloc(f->n, sizeof(*f->own));
		if (!f->own)
			return false;
		f->chunk = n;
		f->left = chunks_of(f);
		n += f->left;
		y->missing++;
	}
	y->chunks = calloc(n ? n : 1, sizeof(*y->chunks));
	if (!y->chunks)
		return false;
	y->n_chunks = n;
	for (uint32_t i = 0; i < y->n_files; i++)
		for (uint32_t k = 0; k < y->files[i].left; k++)
			y->chunks[y->files[i].chunk + k].file = i;
	return true;
}

enum err_code layers_new(struct layers **out, const struct layers_file *files,
			 size_t n, uint32_t piece_len, struct err *e)
{
	struct layers *y = calloc(1, sizeof(*y));

	*out = NULL;
	if (y)
		y->files = calloc(n ? n : 1, sizeof(*y->files));
	if (!y || !y->files) {
		free(y);
		return err_fail(e, ERR_NOMEM, "hashes of %zu files", n);
	}
	take_files(y, files, n, piece_len);
	if (!make_chunks(y)) {
		layers_free(y);
		return err_fail(e, ERR_NOMEM, "hashes of %zu files", n);
	}
	*out = y;
	return ERR_NONE;
}

void layers_free(struct layers *y)
{
	if (!y)
		return;
	for (uint32_t i = 0; i < y->n_files; i++) {
		merkle_tree_free(y->files[i].upper);
		free(y->files[i].own);
	}
	free(y->chunks);
	free(y->files);
	free(y);
}

uint32_t layers_missing(const struct layers *y)
{
	return y->missing;
}

static struct file *find(const struct layers *y, const struct hash32 *root)
{
	const struct file key = {.f.root = root->bytes};

	return bsearch(&key, y->files, y->n_files, sizeof(key), by_root);
}

/* --- answers --- */

/* The node over hashes [at, at + span) of the layer and padding. */
static void node_over(const struct file *f, struct hash32 *out, uint64_t at,
		      uint32_t span, unsigned height)
{
	const struct hash32 *all =
		(const struct hash32 *)(const void *)f->f.pieces;
	uint64_t left = at < f->n ? f->n - at : 0;
	struct merkle tree;

	merkle_init(&tree, f->height);
	if (left)
		merkle_add(&tree, all + at, left < span ? left : span);
	merkle_end(&tree, out, height);
}

static bool need_upper(struct file *f)
{
	uint32_t n = chunks_of(f);
	struct hash32 *roots;

	if (f->upper)
		return true;
	roots = calloc(n, sizeof(*roots));
	if (!roots)
		return false;
	for (uint32_t i = 0; i < n; i++)
		node_over(f, &roots[i], (uint64_t)i * LAYERS_CHUNK,
			  LAYERS_CHUNK, f->height + CHUNK_LEVELS);
	f->upper = merkle_tree_new(roots, n, f->height + CHUNK_LEVELS, f->top);
	free(roots);
	return f->upper != NULL;
}

static bool node_at(struct file *f, struct hash32 *out, unsigned height,
		    uint64_t index)
{
	uint32_t up = height - f->height;

	if (up >= CHUNK_LEVELS)
		return need_upper(f) &&
		       merkle_tree_nodes(f->upper, out, height, index, 1);
	node_over(f, out, index << up, 1U << up, height);
	return true;
}

/* Heights and indexes within the file's tree, and not much work. */
static bool may_ask(const struct file *f, const struct hash_ask *ask)
{
	return f->f.pieces && ask->base >= f->height && ask->base < f->top &&
	       (uint64_t)ask->count << (ask->base - f->height) <=
		       LAYERS_CHUNK &&
	       (uint64_t)ask->index + ask->count <=
		       (uint64_t)1 << (f->top - ask->base) &&
	       ask->proofs < f->top - ask->base;
}

bool layers_answer(struct layers *y, const struct hash_ask *ask,
		   struct hash32 *out)
{
	struct file *f = find(y, &ask->root);
	uint32_t uncles = hash_ask_uncles(ask);
	unsigned height;
	uint64_t at;

	if (!f || !may_ask(f, ask))
		return false;
	for (uint32_t i = 0; i < ask->count; i++)
		if (!node_at(f, out++, ask->base, (uint64_t)ask->index + i))
			return false;
	height = ask->base + merkle_levels(ask->count);
	at = ask->index / ask->count;
	for (uint32_t i = 0; i < uncles; i++, at /= 2)
		if (!node_at(f, out++, height + i, at ^ 1))
			return false;
	return true;
}

/* --- questions --- */

static void ask_for(const struct layers *y, uint32_t chunk,
		    struct hash_ask *ask)
{
	const struct file *f = &y->files[y->chunks[chunk].file];
	uint32_t index = (chunk - f->chunk) * LAYERS_CHUNK;
	uint32_t left = f->n - index;

	memcpy(ask->root.bytes, f->f.root, sizeof(ask->root.bytes));
	ask->base = f->height;
	ask->index = index;
	ask->count =
		left >= LAYERS_CHUNK ? LAYERS_CHUNK : 1U << merkle_levels(left);
	if (ask->count < 2) /* BEP 52 */
		ask->count = 2;
	ask->proofs = f->top - f->height - 1;
}

static void drop_asked(struct layers *y, uint32_t at)
{
	y->chunks[y->asked[at].chunk].asked = false;
	y->asked[at] = y->asked[--y->n_asked];
}

static void forget_late(struct layers *y, int64_t now_ms)
{
	for (uint32_t i = y->n_asked; i-- > 0;)
		if (now_ms - y->asked[i].at_ms >= LAYERS_ANSWER_MS)
			drop_asked(y, i);
}

static uint32_t asked_of(const struct layers *y, uint64_t serial)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < y->n_asked; i++)
		n += y->asked[i].serial == serial;
	return n;
}

/* Who has a piece has its hash. */
static bool has_any(const struct layers *y, uint32_t chunk, const uint8_t *bits)
{
	const struct file *f = &y->files[y->chunks[chunk].file];
	uint32_t from = (chunk - f->chunk) * LAYERS_CHUNK;

	for (uint32_t i = from; i < f->n && i < from + LAYERS_CHUNK; i++)
		if (!bits || bits_get(bits, f->f.first_piece + i))
			return true;
	return false;
}

bool layers_pick(struct layers *y, struct hash_ask *ask, uint64_t serial,
		 const uint8_t *bits, int64_t now_ms)
{
	uint32_t looks = y->n_chunks < LOOKS_MAX ? y->n_chunks : LOOKS_MAX;

	forget_late(y, now_ms);
	if (y->missing == 0 || y->n_asked == ASKED_MAX ||
	    asked_of(y, serial) >= LAYERS_ASKS_MAX)
		return false;
	for (; looks > 0; looks--) {
		uint32_t i = y->from++ % y->n_chunks;
		struct chunk *c = &y->chunks[i];

		if (c->have || c->asked || now_ms < c->not_before_ms ||
		    !has_any(y, i, bits))
			continue;
		c->asked = true;
		y->asked[y->n_asked++] = (struct asked){serial, i, now_ms};
		ask_for(y, i, ask);
		return true;
	}
	return false;
}

static void end_asked(struct layers *y, uint32_t chunk)
{
	for (uint32_t i = y->n_asked; i-- > 0;)
		if (y->asked[i].chunk == chunk)
			drop_asked(y, i);
}

/* Which missing chunk an answer is for; UINT32_MAX: none. */
static uint32_t chunk_of(const struct layers *y, const struct file *f,
			 const struct hash_ask *ask)
{
	uint32_t chunk;
	struct hash_ask own;

	if (!f || f->left == 0 || ask->index >= f->n)
		return UINT32_MAX;
	chunk = f->chunk + ask->index / LAYERS_CHUNK;
	ask_for(y, chunk, &own);
	return !y->chunks[chunk].have && hash_ask_eq(&own, ask) ? chunk
								: UINT32_MAX;
}

enum layers_verdict layers_take(struct layers *y, const struct hash_ask *ask,
				const struct hash32 *hashes,
				const struct hash32 *uncles,
				const struct layers_file **done)
{
	struct file *f = find(y, &ask->root);
	uint32_t chunk = chunk_of(y, f, ask), left;

	*done = NULL;
	if (chunk == UINT32_MAX)
		return LAYERS_UNASKED;
	end_asked(y, chunk);
	if (!merkle_verify(&ask->root, f->top, f->height, ask->index, hashes,
			   ask->count, uncles, hash_ask_uncles(ask)))
		return LAYERS_FALSE;
	left = f->n - ask->index;
	memcpy(f->own + ask->index, hashes,
	       (left < ask->count ? left : ask->count) * sizeof(*hashes));
	y->chunks[chunk].have = true;
	if (--f->left == 0) {
		f->f.pieces = f->own->bytes;
		y->missing--;
		*done = &f->f;
	}
	return LAYERS_TAKEN;
}

void layers_refused(struct layers *y, uint64_t serial,
		    const struct hash_ask *ask, int64_t now_ms)
{
	struct hash_ask own;

	for (uint32_t i = 0; i < y->n_asked; i++) {
		ask_for(y, y->asked[i].chunk, &own);
		if (y->asked[i].serial != serial || !hash_ask_eq(&own, ask))
			continue;
		y->chunks[y->asked[i].chunk].not_before_ms =
			now_ms + REFUSED_MS;
		drop_asked(y, i);
		return;
	}
}

void layers_gone(struct layers *y, uint64_t serial)
{
	for (uint32_t i = y->n_asked; i-- > 0;)
		if (y->asked[i].serial == serial)
			drop_asked(y, i);
}

/* --- below pieces --- */

bool layers_below(const struct layers *y, const struct hash_ask *ask,
		  uint32_t *piece)
{
	const struct file *f = find(y, &ask->root);
	uint64_t first, index;

	if (!f || !f->f.pieces || ask->base >= f->height ||
	    ask->proofs >= f->top - ask->base ||
	    (uint64_t)ask->count << ask->base > (uint64_t)1 << f->height)
		return false;
	first = (uint64_t)ask->index << ask->base; /* block */
	index = first >> f->height;
	if (index >= f->n || first >= merkle_blocks(f->f.length))
		return false;
	*piece = f->f.first_piece + (uint32_t)index;
	return true;
}

/* Who holds this piece; *index: which of its pieces it is. */
static const struct file *file_of(const struct layers *y, uint32_t piece,
				  uint32_t *index)
{
	for (uint32_t i = 0; i < y->n_files; i++) {
		const struct file *f = &y->files[i];

		*index = piece - f->f.first_piece;
		if (piece >= f->f.first_piece && *index < f->n)
			return f->f.pieces && f->height > 0 ? f : NULL;
	}
	return NULL;
}

static const struct hash32 *piece_hash(const struct file *f, uint32_t index)
{
	return (const struct hash32 *)(const void *)f->f.pieces + index;
}

static uint32_t leaves_of(const struct file *f, uint32_t index)
{
	uint64_t left =
		merkle_blocks(f->f.length) - ((uint64_t)index << f->height);
	uint32_t most = 1U << f->height;

	return left < most ? (uint32_t)left : most;
}

struct merkle_tree *layers_leaf_tree(const struct layers *y, uint32_t piece,
				     const struct hash32 *leaves, uint32_t n)
{
	uint32_t index;
	const struct file *f = file_of(y, piece, &index);
	struct merkle_tree *tree;
	struct hash32 root;

	if (!f || n != leaves_of(f, index))
		return NULL;
	tree = merkle_tree_new(leaves, n, 0, f->height);
	if (!tree)
		return NULL;
	merkle_tree_root(tree, &root);
	if (memcmp(&root, piece_hash(f, index), sizeof(root)) == 0)
		return tree;
	merkle_tree_free(tree);
	return NULL;
}

bool layers_answer_below(struct layers *y, const struct hash_ask *ask,
			 const struct merkle_tree *tree, struct hash32 *out)
{
	struct file *f = find(y, &ask->root);
	uint32_t uncles = hash_ask_uncles(ask), piece;
	unsigned height = ask->base + merkle_levels(ask->count);
	uint64_t at = ask->index / ask->count;
	uint64_t within = (uint64_t)1 << (f ? f->height - ask->base : 0);

	if (!f || !layers_below(y, ask, &piece) ||
	    !merkle_tree_nodes(tree, out, ask->base, ask->index % within,
			       ask->count))
		return false;
	out += ask->count;
	for (uint32_t i = 0; i < uncles; i++, at /= 2, height++, out++) {
		uint64_t mask =
			((uint64_t)1
			 << (f->height > height ? f->height - height : 0)) -
			1;

		if (height < f->height ? !merkle_tree_nodes(tree, out, height,
							    (at ^ 1) & mask, 1)
				       : !node_at(f, out, height, at ^ 1))
			return false;
	}
	return true;
}

uint32_t layers_leaves(const struct layers *y, uint32_t piece)
{
	uint32_t index;
	const struct file *f = file_of(y, piece, &index);
	uint32_t n = f ? leaves_of(f, index) : 0;

	/* a question counts in 32 bits: 64 TiB */
	return n > 1 && ((uint64_t)index + 1) << f->height <= UINT32_MAX ? n
									 : 0;
}

/* Leaves of a question about a piece of this file. */
static uint32_t leaf_chunk(const struct file *f)
{
	return f->height < CHUNK_LEVELS ? 1U << f->height : LAYERS_CHUNK;
}

uint32_t layers_leaf_parts(const struct layers *y, uint32_t piece)
{
	uint32_t index;
	const struct file *f = file_of(y, piece, &index);
	uint32_t chunk = f ? leaf_chunk(f) : 1;

	return f ? (leaves_of(f, index) + chunk - 1) / chunk : 0;
}

void layers_ask_leaves(const struct layers *y, uint32_t piece, uint32_t part,
		       struct hash_ask *ask)
{
	uint32_t index;
	const struct file *f = file_of(y, piece, &index);

	*ask = (struct hash_ask){.count = 1};
	if (!f)
		return;
	memcpy(ask->root.bytes, f->f.root, sizeof(ask->root.bytes));
	ask->count = leaf_chunk(f);
	ask->index = (index << f->height) + part * ask->count;
	if (f->height > CHUNK_LEVELS)
		ask->proofs = f->height - 1;
}

bool layers_take_leaves(const struct layers *y, uint32_t piece, uint32_t part,
			const struct hash32 *hashes,
			const struct hash32 *uncles, struct hash32 *leaves)
{
	uint32_t index;
	const struct file *f = file_of(y, piece, &index);
	struct hash_ask ask;
	uint32_t at, left;

	if (!f || part >= layers_leaf_parts(y, piece))
		return false;
	layers_ask_leaves(y, piece, part, &ask);
	at = part * ask.count;
	left = leaves_of(f, index) - at;
	if (!merkle_verify(piece_hash(f, index), f->height, 0, at, hashes,
			   ask.count, uncles, hash_ask_uncles(&ask)))
		return false;
	memcpy(leaves + at, hashes,
	       (left < ask.count ? left : ask.count) * sizeof(*leaves));
	return true;
}
