#include "wire/peer/hash_msg.h"

#include "base/bytes.h"
#include "base/merkle.h"

#include <string.h>

_Static_assert(HASH_HEIGHT_MAX == MERKLE_TOP, "height of a tree");
_Static_assert(sizeof(struct hash32) == 32 && _Alignof(struct hash32) == 1,
	       "hashes stand in messages as they are");

bool hash_ask_decode(struct hash_ask *out, const uint8_t *body, size_t len)
{
	struct rd r = rd_from(body, len < HASH_ASK_LEN ? len : HASH_ASK_LEN);

	rd_copy(&r, out->root.bytes, sizeof(out->root.bytes));
	out->base = rd_u32(&r);
	out->index = rd_u32(&r);
	out->count = rd_u32(&r);
	out->proofs = rd_u32(&r);
	return rd_done(&r) && out->count > 0 && out->count <= HASH_COUNT_MAX &&
	       (out->count & (out->count - 1)) == 0 &&
	       out->index % out->count == 0 && out->base <= HASH_HEIGHT_MAX &&
	       out->proofs <= HASH_HEIGHT_MAX;
}

void hash_ask_encode(uint8_t out[HASH_ASK_LEN], const struct hash_ask *ask)
{
	struct wr w = wr_into(out, HASH_ASK_LEN);

	wr_copy(&w, ask->root.bytes, sizeof(ask->root.bytes));
	wr_u32(&w, ask->base);
	wr_u32(&w, ask->index);
	wr_u32(&w, ask->count);
	wr_u32(&w, ask->proofs);
}

bool hash_ask_eq(const struct hash_ask *a, const struct hash_ask *b)
{
	return memcmp(a->root.bytes, b->root.bytes, sizeof(a->root.bytes)) ==
		       0 &&
	       a->base == b->base && a->index == b->index &&
	       a->count == b->count && a->proofs == b->proofs;
}

/* The hashes make a node that is merkle_levels(count) higher; its own uncle is
 * the first. */
uint32_t hash_ask_uncles(const struct hash_ask *ask)
{
	uint32_t made = merkle_levels(ask->count);

	return ask->proofs + 1 > made ? ask->proofs + 1 - made : 0;
}

bool hashes_decode(struct hash_ask *ask, const struct hash32 **hashes,
		   const struct hash32 **uncles, const uint8_t *body,
		   size_t len)
{
	if (!hash_ask_decode(ask, body, len) ||
	    len - HASH_ASK_LEN !=
		    (size_t)(ask->count + hash_ask_uncles(ask)) * 32)
		return false;
	*hashes = (const struct hash32 *)(const void *)(body + HASH_ASK_LEN);
	*uncles = *hashes + ask->count;
	return true;
}
