/* keccak.h - Keccak-256 as Ethereum and TRON use it.
 *
 * The original Keccak submission (padding byte 0x01), not FIPS 202 SHA3-256
 * (0x06), which differs in every digest; Debian 12's libraries only have the
 * latter. Source: Keccak reference, version 3.0, section 1 and the Keccak-256
 * known-answer tests. Thread: any.
 */
#ifndef BASE_KECCAK_H
#define BASE_KECCAK_H

#include "base/ids.h"

#include <stddef.h>
#include <stdint.h>

#define KECCAK_RATE 136

struct keccak {
	uint64_t lane[25];
	size_t at; /* bytes of the current block absorbed, below KECCAK_RATE */
};

void keccak_init(struct keccak *k);
void keccak_add(struct keccak *k, const void *data, size_t len);
/* Ends the sum; init again before the next. */
struct hash32 keccak_end(struct keccak *k);

struct hash32 keccak256(const void *data, size_t len);

#endif
