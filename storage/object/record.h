/* record.h - the envelope of placement records: sealed, signed, numbered.
 *
 * Source: docs/protocol.md, section 14. A host keeps the record with the
 * highest sequence under the public key that signs it, and checks it without
 * any secret. What is inside opens with the object's placement key. Thread:
 * any.
 *
 *   version 1 | signer 32 | sequence 8 | nonce 24 | box | signature 64
 */
#ifndef STORAGE_OBJECT_RECORD_H
#define STORAGE_OBJECT_RECORD_H

#include "base/err.h"
#include "base/rng.h"
#include "storage/object/keys.h"

#include <stddef.h>
#include <stdint.h>

#define RECORD_MAX (16U << 20)
#define RECORD_OVERHEAD (1 + 32 + 8 + 24 + 16 + 64)
#define RECORD_CONTENT_MAX (RECORD_MAX - RECORD_OVERHEAD)
#define RECORD_SEQUENCE_MAX (UINT64_MAX >> 1)

struct record_head {
	uint8_t signer[OBJECT_KEY_LEN];
	uint64_t sequence; /* 1 .. RECORD_SEQUENCE_MAX */
};

/* As a host does it. ERR_PARSE: no such record. ERR_LIMIT: too long. ERR_SIG:
 * its signer did not sign it. */
enum err_code record_check(struct record_head *out, const uint8_t *record,
			   size_t len, struct err *e)
	__attribute__((warn_unused_result));

/* Makes a record of content, len at most RECORD_CONTENT_MAX; *take_out is heap,
 * the caller's. As the owner when there is a master key, else (NULL) as a
 * steward. ERR_LIMIT: len, or the sequence. ERR_STATE: the keys may not.
 * ERR_NOMEM. */
enum err_code record_seal(uint8_t **take_out, size_t *out_len,
			  const struct object_keys *keys, const uint8_t *master,
			  uint64_t sequence, const uint8_t *content, size_t len,
			  struct rng *rng, struct err *e)
	__attribute__((warn_unused_result));

/* Opens one that record_check() takes; *take_content is heap, the caller's.
 * ERR_SIG besides: it does not open with this key. ERR_NOMEM. */
enum err_code record_open(uint8_t **take_content, size_t *content_len,
			  const uint8_t placement_key[OBJECT_KEY_LEN],
			  const uint8_t *record, size_t len, struct err *e)
	__attribute__((warn_unused_result));

#endif
