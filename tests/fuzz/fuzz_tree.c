/* A range proof of any shape is refused or right; nothing outside is read. The
 * input: first, count, nodes of the proof, then the proof. With a first byte of
 * 0xff the honest proof of that range is altered by one byte of the input, and
 * must fail. */
#include "storage/sector/tree.h"

#include <stdlib.h>
#include <string.h>

static uint8_t sector[SECTOR_LEN];

static void any(const uint8_t *data, size_t size, const struct hash32 *root)
{
	size_t n = (size - 2) / sizeof(struct hash32);
	struct hash32 *proof = malloc(n * sizeof(*proof) + 1);
	uint8_t *part = malloc(SECTOR_LEN);

	if (!proof || !part)
		abort();
	memcpy(proof, data + 2, n * sizeof(*proof));
	memset(part, 1, SECTOR_LEN);
	if (tree_range_verify(root, data[0], data[1], part, proof, n))
		abort(); /* it is not what stands there */
	free(part);
	free(proof);
}

static void altered(const uint8_t *data, const struct hash32 *nodes,
		    const struct hash32 *root)
{
	uint32_t first = data[1] % SECTOR_TILES;
	uint32_t count = 1 + data[2] % (SECTOR_TILES - first);
	struct hash32 proof[TREE_TILE_PROOF];
	size_t n = tree_range_prove(proof, nodes, first, count);
	bool wrong = n && data[4];

	if (wrong)
		proof[data[3] % n].bytes[data[3] % 32] ^= data[4];
	if (tree_range_verify(root, first, count,
			      sector + (size_t)first * TREE_TILE, proof,
			      n) == wrong)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct hash32 nodes[SECTOR_TILES], root;
	static bool ready;

	if (!ready) {
		tree_tile_nodes(nodes, sector, SECTOR_TILES);
		tree_root_of_tiles(&root, nodes);
		ready = true;
	}
	if (size < 5)
		return 0;
	if (data[0] == 0xff)
		altered(data, nodes, &root);
	else
		any(data, size, &root);
	return 0;
}
