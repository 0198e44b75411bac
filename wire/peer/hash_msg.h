/* hash_msg.h - the payload of BEP 52's messages about hash trees: hash request
 * (21), hashes (22) and hash reject (23), after the id.
 *
 * All three begin with what was asked for: which file (its root), the height of
 * the lowest layer (0: leaves), `count` hashes of it from number `index` on,
 * and how many layers above it are to be proved. `hashes` goes on with the
 * hashes and then with uncles, from below upwards: those of the lowest layers
 * can be made from the hashes themselves and are left out, so there are
 * hash_ask_uncles() of them.
 *
 * Thread: any; pure functions.
 */
#ifndef WIRE_HASH_MSG_H
#define WIRE_HASH_MSG_H

#include "base/ids.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HASH_ASK_LEN 48U    /* bytes, without the id */
#define HASH_COUNT_MAX 512U /* hashes of one answer (BEP 52) */
#define HASH_HEIGHT_MAX 33U /* of a tree, see base/merkle.h */
#define HASH_MSG_MAX (HASH_ASK_LEN + (HASH_COUNT_MAX + HASH_HEIGHT_MAX) * 32U)

struct hash_ask {
	struct hash32 root;
	uint32_t base; /* height */
	uint32_t index;
	uint32_t count;
	uint32_t proofs;
};

/* From the first HASH_ASK_LEN bytes. False: no question that anybody should
 * ask: count no power of two or over HASH_COUNT_MAX, index no multiple of it,
 * heights over HASH_HEIGHT_MAX. */
bool hash_ask_decode(struct hash_ask *out, const uint8_t *body, size_t len);
void hash_ask_encode(uint8_t out[HASH_ASK_LEN], const struct hash_ask *ask);
bool hash_ask_eq(const struct hash_ask *a, const struct hash_ask *b);
/* Only for what hash_ask_decode() takes. */
uint32_t hash_ask_uncles(const struct hash_ask *ask);

/* The payload of `hashes`: true when it holds exactly the hashes and uncles of
 * *ask, which are then borrowed. */
bool hashes_decode(struct hash_ask *ask, const struct hash32 **hashes,
		   const struct hash32 **uncles, const uint8_t *body,
		   size_t len);

#endif
