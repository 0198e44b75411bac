/* dht_item.h - what BEP 44 stores: any bencoded value of at most 1,000 bytes,
 * under its own SHA-1, or under a key that signs it (ed25519, by libsodium).
 *
 * Plain value. Thread: any.
 */
#ifndef WIRE_DHT_ITEM_H
#define WIRE_DHT_ITEM_H

#include "base/err.h"
#include "wire/dht/krpc.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dht_item {
	bool is_mutable; /* else key, sig, seq and salt are nothing */
	uint8_t key[32];
	uint8_t sig[64];
	int64_t seq;
	uint8_t salt[KRPC_MAX_SALT];
	size_t salt_len;
	uint8_t value[KRPC_MAX_VALUE]; /* bencoded */
	size_t value_len;
};

/* SHA-1 of the value, or of key and salt. */
struct dht_id dht_item_target(const struct dht_item *item);
/* The target of a mutable item of this key and salt. */
struct dht_id dht_item_target_of(const uint8_t key[32], const uint8_t *salt,
				 size_t salt_len);
/* Fills key and sig of a mutable item; secret: 64 bytes as libsodium has it. */
void dht_item_sign(struct dht_item *item, const uint8_t secret[64]);
/* Takes what a put or an answer to a get says, not yet its signature. Of an
 * answer the salt is not said: it comes from who asked. 0, or the KRPC_* to
 * refuse it with. */
int dht_item_read(struct dht_item *out, const struct krpc_msg *m);
/* Is it signed by its key? Immutable ones are. */
bool dht_item_is_signed(const struct dht_item *item);
/* Puts it into a message; the views are of the item. */
void dht_item_write(struct krpc_msg *m, const struct dht_item *item);

#endif
