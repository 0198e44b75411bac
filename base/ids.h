/* ids.h - fixed-size names that must not be mixed up.
 *
 * Each is a one-member struct, so that passing one where another is meant does
 * not compile. Plain values: copy, compare with memcmp, keep on the stack.
 * Thread: any.
 */
#ifndef BASE_IDS_H
#define BASE_IDS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct address { /* an account: last 20 bytes of keccak256(public key) */
	uint8_t bytes[20];
};

struct hash32 { /* keccak256 or SHA-256 digest, transaction id, block hash */
	uint8_t bytes[32];
};

struct info_hash { /* BEP 3: SHA-1 of the info dictionary as it was found */
	uint8_t bytes[20];
};

struct peer_id { /* BEP 3 / BEP 20 */
	uint8_t bytes[20];
};

static inline bool address_eq(const struct address *a, const struct address *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

static inline bool address_is_zero(const struct address *a)
{
	static const struct address zero;

	return address_eq(a, &zero);
}

static inline bool info_hash_eq(const struct info_hash *a,
				const struct info_hash *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

#endif
