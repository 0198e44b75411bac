/* seal.h - the sealed session inside an extension (protocol section 1).
 *
 * Keys: the seller's X25519 key comes in its BEP 10 handshake, the buyer's in
 * its first message. kx = libsodium's crypto_kx, the seller as server. Each
 * direction's key = BLAKE2b-256(key = its kx key, message =
 * "seedbank seal v1" || SHA-256(transcript)).
 *
 * transcript = each of these with its length before it as 4 bytes big-endian:
 *   seller's BEP 10 handshake payload as sent (the bencoded dictionary)
 *   buyer's BEP 10 handshake payload as sent (empty when it sent none)
 *   seller's X25519 public key (32)
 *   buyer's X25519 public key (32)
 *   seller's peer id (20)
 *   buyer's peer id (20)
 *   info hash (20)
 * where a side's BEP 10 payload is its first one of the connection.
 *
 * A box is XChaCha20-Poly1305 (IETF) of one message; nonce = 16 zero bytes and
 * the direction's counter as 8 bytes big-endian, from 0; associated data = the
 * extension's name byte, 'p' for sb_pay and 's' for sb_store. Boxes therefore
 * open only in the order they were made in, once. Both extensions share the
 * session's counters.
 *
 * Outer messages (sb_pay, sb_store): a bencoded dictionary; {"k": 32 bytes}
 * opens a session as its buyer, {"b": box} is from the session's buyer,
 * {"s": box} from its seller. One connection holds at most two sessions, each
 * side the seller of one. A session that was opened in one extension carries
 * the messages of both.
 *
 * A session is a plain value without pointers; clear it with seal_clear().
 * Thread: any, one at a time.
 */
#ifndef WIRE_SEAL_H
#define WIRE_SEAL_H

#include "base/err.h"
#include "base/ids.h"

#include <stddef.h>
#include <stdint.h>

#define SEAL_KEY_LEN 32
#define SEAL_MAC_LEN 16
/* So that an outer message fits its extension's maximum (ext.h). */
#define SEAL_PLAIN_MAX (16U * 1024U - 64U)	 /* 'p' */
#define SEAL_STORE_PLAIN_MAX (80U * 1024U - 64U) /* 's' */
/* What an outer message adds to its plaintext, at most. */
#define SEAL_OUTER_MORE 48U

struct seal_keypair {
	uint8_t pk[SEAL_KEY_LEN];
	uint8_t sk[SEAL_KEY_LEN];
};

struct seal_transcript { /* everything borrowed for the call */
	const uint8_t *seller_ext, *buyer_ext;
	size_t seller_ext_len, buyer_ext_len;
	struct peer_id seller_id, buyer_id;
	struct info_hash hash;
};

struct seal {
	uint8_t tx[32], rx[32];
	uint64_t tx_count, rx_count;
};

/* Fresh from the system's randomness. */
void seal_keypair_new(struct seal_keypair *out);
/* ERR_SIG: the other side's key is a point of low order. */
enum err_code seal_seller_new(struct seal *out, const struct seal_keypair *own,
			      const uint8_t buyer_pk[SEAL_KEY_LEN],
			      const struct seal_transcript *t, struct err *e);
enum err_code seal_buyer_new(struct seal *out, const struct seal_keypair *own,
			     const uint8_t seller_pk[SEAL_KEY_LEN],
			     const struct seal_transcript *t, struct err *e);
/* box gets len + SEAL_MAC_LEN bytes and may be `plain`. ERR_LIMIT: over the
 * extension's maximum or cap, or the counter is used up; ERR_NOMEM. name: 'p'
 * or 's'. */
enum err_code seal_box(struct seal *s, uint8_t name, uint8_t *box, size_t cap,
		       size_t *box_len, const uint8_t *plain, size_t len,
		       struct err *e);
/* plain may be `box`. ERR_SIG: forged, replayed, reordered or for another
 * extension: close the connection. ERR_LIMIT: shorter than a MAC, over the
 * maximum, or cap. */
enum err_code seal_open(struct seal *s, uint8_t name, uint8_t *plain,
			size_t cap, size_t *plain_len, const uint8_t *box,
			size_t len, struct err *e);
void seal_clear(struct seal *s);

enum seal_outer_kind { SEAL_OUTER_KEY, SEAL_OUTER_BUYER, SEAL_OUTER_SELLER };

struct seal_outer {
	enum seal_outer_kind kind;
	const uint8_t *p; /* the key or the box, borrowed */
	size_t len;
};

/* The outer message of one key, or of one box made here and now from `plain`,
 * which is copied but once. `out` has len + SEAL_OUTER_MORE bytes. Errors of
 * seal_box(). */
size_t seal_outer_key(uint8_t out[64], const uint8_t pk[SEAL_KEY_LEN]);
enum err_code seal_outer_box(struct seal *s, enum seal_outer_kind kind,
			     uint8_t name, uint8_t *out, size_t cap,
			     size_t *out_len, const uint8_t *plain, size_t len,
			     struct err *e);
/* ERR_PARSE: no dictionary with exactly one of these keys, or a key that has
 * not SEAL_KEY_LEN bytes. Unknown keys are skipped. */
enum err_code seal_outer_read(struct seal_outer *out, const uint8_t *buf,
			      size_t len, struct err *e);

#endif
