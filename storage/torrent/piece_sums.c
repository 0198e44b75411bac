#include "storage/torrent/piece_sums.h"

#include "base/merkle.h"

#include <string.h>

unsigned piece_sums_kinds(const struct piece_sums *s)
{
	return (s->sha1s ? PIECE_SHA1 : 0) | (s->roots ? PIECE_ROOT : 0);
}

enum piece_fit piece_sums_fit(const struct piece_sums *s, uint32_t piece,
			      const struct piece_digest *d)
{
	bool v1 = s->sha1s && memcmp(s->sha1s + (size_t)piece * SHA1_LEN,
				     d->sha1, SHA1_LEN) == 0;
	bool v2 = s->roots && memcmp(s->roots + (size_t)piece * SHA256_LEN,
				     d->root.bytes, SHA256_LEN) == 0;

	if (s->sha1s && s->roots && v1 != v2)
		return PIECE_CONTRADICTS;
	return v1 || v2 ? PIECE_FITS : PIECE_FALSE;
}

void piece_sums_zero(struct piece_digest *d, const struct layout *l,
		     uint32_t piece, unsigned kinds)
{
	static const uint8_t zeroes[MERKLE_BLOCK];
	uint32_t place = layout_piece_size(l, piece);
	struct merkle tree;
	struct sha1 sha;
	uint32_t data;
	unsigned top;

	if (kinds & PIECE_SHA1) {
		sha1_init(&sha);
		for (uint32_t at = 0; at < place; at += MERKLE_BLOCK)
			sha1_update(&sha, zeroes,
				    place - at < MERKLE_BLOCK ? place - at
							      : MERKLE_BLOCK);
		sha1_final(&sha, d->sha1);
	}
	if (kinds & PIECE_ROOT) {
		data = layout_piece_data(l, piece, &top);
		merkle_init(&tree, 0);
		for (uint32_t at = 0; at < data; at += MERKLE_BLOCK)
			merkle_add_data(&tree, zeroes,
					data - at < MERKLE_BLOCK
						? data - at
						: MERKLE_BLOCK);
		merkle_end(&tree, &d->root, top);
	}
}
