#include "base/merkle.h"

#include "base/hash.h"

#include <stdlib.h>

#define BATCH 256U /* nodes that merkle_add() folds at once */

_Static_assert(sizeof(struct hash32) == SHA256_LEN, "nodes lie in a row");

/* --- shapes --- */

unsigned merkle_levels(uint64_t n)
{
	unsigned levels = 0;

	while (levels < 63 && (uint64_t)1 << levels < n)
		levels++;
	return levels;
}

uint64_t merkle_blocks(uint64_t length)
{
	return length / MERKLE_BLOCK + (length % MERKLE_BLOCK != 0);
}

unsigned merkle_file_top(uint64_t length)
{
	return merkle_levels(merkle_blocks(length));
}

unsigned merkle_piece_top(uint64_t length, uint32_t piece_len)
{
	return length <= piece_len ? merkle_file_top(length)
				   : merkle_levels(piece_len / MERKLE_BLOCK);
}

static void join(struct hash32 *out, const struct hash32 *left,
		 const struct hash32 *right)
{
	struct hash32 two[2] = {*left, *right};

	sha256_once(out->bytes, two, sizeof(two));
}

void merkle_pad(struct hash32 *out, unsigned height)
{
	memset(out, 0, sizeof(*out));
	while (height--)
		join(out, out, out);
}

/* --- hashing --- */

void merkle_leaves(struct hash32 *leaves, const uint8_t *data, size_t len)
{
	size_t whole = len / MERKLE_BLOCK, rest = len % MERKLE_BLOCK;

	sha256_many(leaves->bytes, data, MERKLE_BLOCK, whole);
	if (rest)
		sha256_once(leaves[whole].bytes, data + len - rest, rest);
}

/* Pairs of nodes become one each, in place. */
static void halve(struct hash32 *nodes, size_t pairs)
{
	sha256_many(nodes->bytes, nodes->bytes, sizeof(*nodes) * 2, pairs);
}

/* As merkle_up(), for who knows the padding of that height. */
static size_t up(struct hash32 *nodes, size_t n, const struct hash32 *pad)
{
	struct hash32 last;

	if (n % 2) /* there is no room behind it */
		join(&last, &nodes[n - 1], pad);
	halve(nodes, n / 2);
	if (n % 2)
		nodes[n / 2] = last;
	return n / 2 + n % 2;
}

size_t merkle_up(struct hash32 *nodes, size_t n, unsigned height)
{
	struct hash32 pad;

	merkle_pad(&pad, height);
	return up(nodes, n, &pad);
}

void merkle_root(struct hash32 *root, struct hash32 *nodes, size_t n,
		 unsigned height, unsigned top)
{
	struct hash32 pad;

	merkle_pad(&pad, height);
	for (; height < top; height++) {
		n = up(nodes, n, &pad);
		join(&pad, &pad, &pad);
	}
	*root = nodes[0];
}

void merkle_init(struct merkle *m, unsigned height)
{
	m->count = 0;
	m->height = height;
}

/* A node that stands for 2^level of those that go in. */
static void push(struct merkle *m, struct hash32 node, unsigned level)
{
	uint64_t count = m->count;

	m->count += (uint64_t)1 << level;
	for (; count >> level & 1; level++)
		join(&node, &m->stack[level], &node);
	m->stack[level] = node;
}

void merkle_add(struct merkle *m, const struct hash32 *nodes, size_t n)
{
	while (n > 0) {
		struct hash32 part[BATCH];
		unsigned level = 0;

		/* as many as stand under one node here */
		while ((2U << level) <= n && (2U << level) <= BATCH &&
		       !(m->count >> level & 1))
			level++;
		memcpy(part, nodes, sizeof(*part) << level);
		for (unsigned i = level; i > 0; i--)
			halve(part, (size_t)1 << (i - 1));
		push(m, part[0], level);
		nodes += (size_t)1 << level;
		n -= (size_t)1 << level;
	}
}

void merkle_add_data(struct merkle *m, const uint8_t *data, size_t len)
{
	struct hash32 leaves[BATCH];
	const size_t most = (size_t)BATCH * MERKLE_BLOCK;

	while (len > 0) {
		size_t n = len < most ? len : most;

		merkle_leaves(leaves, data, n);
		merkle_add(m, leaves, (size_t)merkle_blocks(n));
		data += n;
		len -= n;
	}
}

void merkle_end(struct merkle *m, struct hash32 *root, unsigned top)
{
	struct hash32 pad, node;
	unsigned level = 0, levels = top - m->height;

	merkle_pad(&pad, m->height);
	node = pad; /* over nothing that went in, as long as it is padding */
	for (; level < levels; level++) {
		if (m->count >> level & 1)
			join(&node, &m->stack[level], &node);
		else
			join(&node, &node, &pad);
		join(&pad, &pad, &pad);
	}
	*root = m->count >> level & 1 ? m->stack[level] : node;
}

/* --- proofs --- */

void merkle_climb(struct hash32 *root, const struct hash32 *node,
		  uint64_t index, const struct hash32 *uncles, size_t n)
{
	struct hash32 at = *node;

	for (size_t i = 0; i < n; i++, index >>= 1)
		if (index & 1)
			join(&at, &uncles[i], &at);
		else
			join(&at, &at, &uncles[i]);
	*root = at;
}

bool merkle_verify(const struct hash32 *root, unsigned top, unsigned height,
		   uint64_t index, const struct hash32 *nodes, size_t n,
		   const struct hash32 *uncles, size_t uncle_count)
{
	unsigned levels = merkle_levels(n);
	struct hash32 node;
	struct merkle m;

	if (top > MERKLE_TOP || height > top || n == 0 ||
	    levels > top - height || n != (size_t)1 << levels ||
	    index % n != 0 || index >> (top - height) != 0 ||
	    uncle_count != top - height - levels)
		return false;
	merkle_init(&m, height);
	merkle_add(&m, nodes, n);
	merkle_end(&m, &node, height + levels);
	merkle_climb(&node, &node, index >> levels, uncles, uncle_count);
	return memcmp(&node, root, sizeof(node)) == 0;
}

/* --- a tree --- */

struct merkle_tree {
	unsigned height, top;
	struct hash32 *layers[MERKLE_TOP + 1]; /* [i]: height + i */
	size_t counts[MERKLE_TOP + 1];
	struct hash32 pads[MERKLE_TOP + 1];
	struct hash32 nodes[]; /* the layers, one after another */
};

struct merkle_tree *merkle_tree_new(const struct hash32 *nodes, size_t n,
				    unsigned height, unsigned top)
{
	struct merkle_tree *t;
	size_t all = 0, count = n, at = 0;

	if (n == 0 || top > MERKLE_TOP || height > top ||
	    merkle_levels(n) > top - height ||
	    n > SIZE_MAX / 4 / sizeof(*nodes))
		return NULL;
	for (unsigned i = height; i <= top; i++, count = count / 2 + count % 2)
		all += count;
	t = malloc(sizeof(*t) + all * sizeof(*nodes));
	if (!t)
		return NULL;
	t->height = height;
	t->top = top;
	memcpy(t->nodes, nodes, n * sizeof(*nodes));
	merkle_pad(&t->pads[0], height);
	for (unsigned i = 0; i <= top - height; i++) {
		t->layers[i] = t->nodes + at;
		t->counts[i] = n;
		at += n;
		if (i == top - height)
			break;
		sha256_many(t->nodes[at].bytes, t->layers[i]->bytes,
			    sizeof(*nodes) * 2, n / 2);
		if (n % 2)
			join(&t->nodes[at + n / 2], &t->layers[i][n - 1],
			     &t->pads[i]);
		join(&t->pads[i + 1], &t->pads[i], &t->pads[i]);
		n = n / 2 + n % 2;
	}
	return t;
}

void merkle_tree_free(struct merkle_tree *t)
{
	free(t);
}

void merkle_tree_root(const struct merkle_tree *t, struct hash32 *root)
{
	*root = t->layers[t->top - t->height][0];
}

static const struct hash32 *node_of(const struct merkle_tree *t, unsigned level,
				    uint64_t index)
{
	return index < t->counts[level] ? &t->layers[level][index]
					: &t->pads[level];
}

bool merkle_tree_nodes(const struct merkle_tree *t, struct hash32 *out,
		       unsigned height, uint64_t index, size_t n)
{
	uint64_t width;

	if (height < t->height || height > t->top)
		return false;
	width = (uint64_t)1 << (t->top - height);
	if (index > width || n > width - index)
		return false;
	for (size_t i = 0; i < n; i++)
		out[i] = *node_of(t, height - t->height, index + i);
	return true;
}

bool merkle_tree_prove(const struct merkle_tree *t, struct hash32 *uncles,
		       size_t n, unsigned height, uint64_t index)
{
	if (height < t->height || height > t->top || n > t->top - height ||
	    index >> (t->top - height) != 0)
		return false;
	for (size_t i = 0; i < n; i++, index >>= 1)
		uncles[i] = *node_of(t, height - t->height + (unsigned)i,
				     index ^ 1);
	return true;
}
