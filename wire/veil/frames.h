/* frames.h - a stream in sealed frames: what two seedbank nodes say to each
 * other over an encrypted connection (docs/protocol.md, Encrypted streams).
 *
 * A frame is 2 bytes of length, hidden by a keyed mask, up to 64 KiB sealed
 * with AES-256-GCM or ChaCha20-Poly1305, and a tag of 16 bytes. The frame's
 * number is the nonce; every FRAMES_REKEY of them a direction's key is replaced
 * by one from which it does not follow. A frame that was changed, left out,
 * repeated or reordered does not open, and nothing of it is handed on.
 *
 * Keys: both exchanges' secrets, bound to all that was said before
 * (frames_derive()). Ownership: frames_new() wipes nothing of the caller's.
 * Thread: one at a time.
 */
#ifndef WIRE_FRAMES_H
#define WIRE_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define FRAMES_HEAD_LEN 2U
#define FRAMES_TAG_LEN 16U
#define FRAMES_MORE (FRAMES_HEAD_LEN + FRAMES_TAG_LEN)
#define FRAMES_PLAIN_MAX 65536U
#define FRAMES_SECRET_LEN 32U
#define FRAMES_REKEY (1U << 20) /* frames: 64 GiB at the most */

enum frames_suite { FRAMES_AES_256_GCM = 1, FRAMES_CHACHA20_POLY1305 = 2 };

struct frames_keys {
	enum frames_suite suite;
	uint8_t in[FRAMES_SECRET_LEN], out[FRAMES_SECRET_LEN];
};

/* The directions' secrets of who opened the connection (opener) or accepted it:
 * from the two shared secrets and the digest of what both said. */
void frames_derive(struct frames_keys *out, bool opener, const uint8_t *dh,
		   size_t dh_len, const uint8_t x25519[32],
		   const uint8_t transcript[32]);

struct frames;

/* NULL: no memory. */
struct frames *frames_new(const struct frames_keys *keys);
void frames_free(struct frames *f); /* wipes; NULL is a no-op */

/* Seals n pieces, `len` bytes together (1 to FRAMES_PLAIN_MAX), into the
 * len + FRAMES_MORE bytes at out, which overlap none of them. False: no memory;
 * the stream is then of no more use. */
bool frames_seal(struct frames *f, uint8_t *out, const struct iovec *iov,
		 size_t n, size_t len) __attribute__((warn_unused_result));

/* How many bytes the next frame that comes in has inside. Whoever changed the
 * two bytes on their way chooses what this says, and then the frame does not
 * open. */
size_t frames_next_len(const struct frames *f,
		       const uint8_t head[FRAMES_HEAD_LEN]);
/* Opens it where it lies: `len` bytes (of frames_next_len()) and the tag at
 * box. False: it is not what was sealed; then what lies there is zeroes. */
bool frames_open(struct frames *f, uint8_t *box, size_t len)
	__attribute__((warn_unused_result));

#endif
