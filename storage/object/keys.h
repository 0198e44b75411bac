/* keys.h - the keys of an object: who can read, who can mend, who can look.
 *
 * Source: docs/protocol.md, section 13. All come from one random key (FK) and
 * each shows only what is below it:
 *
 *   FK  full       opens the frames
 *   RK  repair     takes the whitening off and puts it on, signs as a steward
 *   PK  placement  opens placement records: hosts and roots
 *
 * What an owner says of an object is signed by a key made from its master key,
 * which no link holds, so that neither reader nor steward can speak for it. The
 * owner's public key is the object's id; records lie at hosts under the public
 * key of who signed them. Everything but public keys
 * is secret; object_keys_clear() forgets. Thread: any.
 */
#ifndef STORAGE_OBJECT_KEYS_H
#define STORAGE_OBJECT_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OBJECT_KEY_LEN 32
#define OBJECT_SIG_LEN 64 /* Ed25519 */

/* Ordered: each may what those before it may. Values of links, so numbered. */
enum object_access {
	OBJECT_SAMPLE = 1,
	OBJECT_REPAIR = 2,
	OBJECT_FULL = 3,
};

struct object_keys {
	enum object_access access;
	uint8_t full[OBJECT_KEY_LEN];	    /* OBJECT_FULL */
	uint8_t repair[OBJECT_KEY_LEN];	    /* OBJECT_REPAIR and above */
	uint8_t placement[OBJECT_KEY_LEN];  /* always */
	uint8_t owner_pk[OBJECT_KEY_LEN];   /* always: the object's id */
	uint8_t steward_pk[OBJECT_KEY_LEN]; /* OBJECT_REPAIR and above; who has
					     * less finds it in the owner's
					     * placement record */
};

/* The renter's own: of its storage master key and the object's full key. */
void object_keys_own(struct object_keys *out,
		     const uint8_t master[OBJECT_KEY_LEN],
		     const uint8_t full[OBJECT_KEY_LEN]);
/* From a full, a repair, a sample link. */
void object_keys_from_full(struct object_keys *out,
			   const uint8_t full[OBJECT_KEY_LEN],
			   const uint8_t owner_pk[OBJECT_KEY_LEN]);
void object_keys_from_repair(struct object_keys *out,
			     const uint8_t repair[OBJECT_KEY_LEN],
			     const uint8_t owner_pk[OBJECT_KEY_LEN]);
void object_keys_from_sample(struct object_keys *out,
			     const uint8_t placement[OBJECT_KEY_LEN],
			     const uint8_t owner_pk[OBJECT_KEY_LEN]);
void object_keys_clear(struct object_keys *k);

/* The key of head records. */
void object_head_key(uint8_t out[OBJECT_KEY_LEN],
		     const uint8_t master[OBJECT_KEY_LEN]);

/* The key under which a renter's own database keeps full keys. */
void object_wrap_key(uint8_t out[OBJECT_KEY_LEN],
		     const uint8_t master[OBJECT_KEY_LEN]);

/* Signs as the owner of the object with these keys. */
void object_sign_owner(uint8_t sig[OBJECT_SIG_LEN], const struct object_keys *k,
		       const uint8_t master[OBJECT_KEY_LEN],
		       const uint8_t *message, size_t len);
/* Signs as a steward; k's access is OBJECT_REPAIR at least. */
void object_sign_steward(uint8_t sig[OBJECT_SIG_LEN],
			 const struct object_keys *k, const uint8_t *message,
			 size_t len);
bool object_verify(const uint8_t sig[OBJECT_SIG_LEN],
		   const uint8_t pk[OBJECT_KEY_LEN], const uint8_t *message,
		   size_t len) __attribute__((warn_unused_result));

#endif
