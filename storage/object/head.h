/* head.h - the one record from which a phrase finds everything again.
 *
 * Source: docs/protocol.md, section 14. Each host of a renter keeps the head
 * with the highest sequence under the renter's account. It opens with the head
 * key and names the object that holds the catalogue. Thread: any.
 */
#ifndef STORAGE_OBJECT_HEAD_H
#define STORAGE_OBJECT_HEAD_H

#include "base/err.h"
#include "base/rng.h"
#include "storage/object/keys.h"

#include <stddef.h>
#include <stdint.h>

#define HEAD_LEN 101 /* always */

struct object_head {
	uint64_t sequence;	      /* 1 .. 2^63 - 1 */
	uint8_t full[OBJECT_KEY_LEN]; /* of the catalogue's object */
	uint8_t k, n;
	uint16_t segments;
	uint64_t size;	/* bytes of the encoded catalogue */
	int64_t time_s; /* when it was made, Unix, not negative */
};

/* ERR_STATE: a value out of range. ERR_NOMEM. */
enum err_code head_seal(uint8_t out[HEAD_LEN], const struct object_head *h,
			const uint8_t head_key[OBJECT_KEY_LEN], struct rng *rng,
			struct err *e) __attribute__((warn_unused_result));
/* ERR_PARSE: no head of a version known here, or values out of range. ERR_SIG:
 * it does not open with this key. */
enum err_code head_open(struct object_head *out,
			const uint8_t head_key[OBJECT_KEY_LEN],
			const uint8_t *head, size_t len, struct err *e)
	__attribute__((warn_unused_result));

#endif
