/* Any hash messages to who has the hashes of a file, to who has its blocks and
 * to who has neither: never crashes, no answer that is not asked for so, and
 * nothing is taken but the hashes that there are. The input: messages'
 * payloads, each with two bytes of length before it, for `hashes` where bit 15
 * is set, else for a request. */
#include "base/merkle.h"
#include "wire/swarm/layers.h"

#include <stdlib.h>
#include <string.h>

#define PIECES 700U
#define PIECE 16384U
#define BLOCKS 4U /* of a piece, where the same hashes are those of blocks */

static struct hash32 layer[PIECES], root, above[PIECES / BLOCKS];

static void make(void)
{
	struct merkle tree;

	for (uint32_t i = 0; i < PIECES; i++)
		for (uint32_t k = 0; k < sizeof(layer[i].bytes); k++)
			layer[i].bytes[k] = (uint8_t)(k ? i + k : i >> 8);
	merkle_init(&tree, 0);
	merkle_add(&tree, layer, PIECES);
	merkle_end(&tree, &root, merkle_levels(PIECES));
	for (uint32_t i = 0; i < PIECES / BLOCKS; i++) {
		merkle_init(&tree, 0);
		merkle_add(&tree, layer + i * BLOCKS, BLOCKS);
		merkle_end(&tree, &above[i], merkle_levels(BLOCKS));
	}
}

static struct layers *open_file(const struct hash32 *pieces, uint32_t blocks)
{
	const struct layers_file file = {.root = root.bytes,
					 .length = PIECES * PIECE - 5,
					 .pieces =
						 pieces ? pieces->bytes : NULL};
	struct layers *y;

	if (layers_new(&y, &file, 1, blocks * PIECE, NULL) != ERR_NONE)
		abort();
	return y;
}

/* What is answered is proved, where it is proved up to the root. */
static void check_answer(const struct hash_ask *ask, const struct hash32 *out)
{
	if (!merkle_verify(&root, merkle_levels(PIECES), ask->base, ask->index,
			   out, ask->count, out + ask->count,
			   hash_ask_uncles(ask)) &&
	    ask->proofs + ask->base + 1 == merkle_levels(PIECES))
		abort();
}

static void request_below(struct layers *y, const uint8_t *p, size_t len)
{
	struct hash32 out[HASH_COUNT_MAX + HASH_HEIGHT_MAX];
	struct merkle_tree *tree;
	struct hash_ask ask;
	uint32_t piece;

	if (!hash_ask_decode(&ask, p, len) || !layers_below(y, &ask, &piece))
		return;
	tree = layers_leaf_tree(y, piece, layer + piece * BLOCKS, BLOCKS);
	if (!tree || !layers_answer_below(y, &ask, tree, out))
		abort();
	check_answer(&ask, out);
	merkle_tree_free(tree);
}

static void request(struct layers *y, const uint8_t *p, size_t len)
{
	struct hash32 out[HASH_COUNT_MAX + HASH_HEIGHT_MAX];
	struct hash_ask ask;

	if (!hash_ask_decode(&ask, p, len) || !layers_answer(y, &ask, out))
		return;
	check_answer(&ask, out);
}

static void hashes(struct layers *y, const uint8_t *p, size_t len)
{
	const struct layers_file *done = NULL;
	const struct hash32 *all, *uncles;
	struct hash_ask ask;

	if (hashes_decode(&ask, &all, &uncles, p, len) &&
	    layers_take(y, &ask, all, uncles, &done) == LAYERS_TAKEN && done &&
	    memcmp(done->pieces, layer, sizeof(layer)) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct layers *has, *wants, *blocks;
	struct hash_ask ask;

	make();
	has = open_file(layer, 1);
	blocks = open_file(above, BLOCKS);
	wants = open_file(NULL, 1);
	(void)layers_pick(wants, &ask, 1, NULL, 0);
	while (size >= 2) {
		bool answer = data[0] & 0x80;
		size_t len = (size_t)(data[0] & 0x7f) << 8 | data[1];

		data += 2;
		size -= 2;
		if (len > size)
			len = size;
		if (answer) {
			hashes(wants, data, len);
		} else {
			request(has, data, len);
			request_below(blocks, data, len);
		}
		data += len;
		size -= len;
	}
	layers_free(blocks);
	layers_free(has);
	layers_free(wants);
	return 0;
}
