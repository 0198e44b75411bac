/* mse.h - the handshake of message stream encryption (MSE/PE): how two sides
 * that know an info hash come to keys while all that others see is noise.
 *
 *   1  opener    Ya, PadA
 *   2  accepter  Yb, PadB
 *   3  opener    HASH('req1', S), HASH('req2', SKEY) ^ HASH('req3', S),
 *                RC4(VC, crypto_provide, len(PadC), PadC, len(IA)), RC4(IA)
 *   4  accepter  RC4(VC, crypto_select, len(PadD), PadD), then what was chosen
 *
 * S is the secret of dh768.h, SKEY the info hash, VC 8 zero bytes, IA what the
 * opener says first; RC4 keys are HASH('keyA' or 'keyB', S, SKEY), 1024 bytes
 * discarded; HASH is SHA-1, numbers are big-endian, pads 0 to 512 bytes. It
 * hides; it tells nobody who the other is, and who knows the info hash can sit
 * between the two.
 *
 * Besides plain bytes and RC4 two of our nodes agree on frames.h:
 * crypto_provide then has MSE_OFFER above the standard bits, which all others
 * leave aside, and PadC, PadD carry X25519 keys (docs/protocol.md, Encrypted
 * streams).
 *
 * A machine for one connection's handshake: bytes go in and come out, it owns
 * no socket, no clock and no peer. It also tells a handshake of BEP 3 from one
 * of these by its first bytes. All memory is of fixed size and is wiped.
 * Thread: the loop.
 */
#ifndef WIRE_MSE_H
#define WIRE_MSE_H

#include "base/ids.h"
#include "base/rng.h"
#include "wire/veil/frames.h"
#include "wire/veil/rc4.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What follows the handshake; also bits of what is acceptable. The first two
 * are those of crypto_provide. */
enum mse_method { MSE_PLAIN = 1, MSE_RC4 = 2, MSE_FRAMES = 4 };

#define MSE_PAD_MAX 512U
/* The longest IA that is taken; others send their 68 bytes of handshake. */
#define MSE_IA_MAX 512U
/* The upper half of crypto_provide and crypto_select, "SE": frames. */
#define MSE_OFFER 0x53450000U

struct mse_cfg {
	unsigned methods; /* MSE_* that may be used, at least one */
	/* Accepting: plain bytes when they are offered, before anything else;
	 * otherwise last. */
	bool plain_first;
	struct rng rng;
	/* Accepting. The SKEY with this HASH('req2', SKEY); false: nobody here
	 * has it. */
	bool (*find)(void *ctx, const uint8_t req2[20], struct info_hash *skey);
	/* Accepting. May some 70 us be spent on a stranger now? */
	bool (*may_work)(void *ctx);
	void *ctx;
};

enum mse_state {
	MSE_MORE,   /* the handshake goes on */
	MSE_DONE,   /* mse_take() has the keys */
	MSE_BARE,   /* accepting: what comes is a handshake of BEP 3 */
	MSE_FAILED, /* mse_why() */
};

struct mse;

/* The HASH('req2', SKEY) by which `find` looks. */
void mse_req2(uint8_t out[20], const struct info_hash *skey);

/* Opens, with the first ia_len (at most MSE_IA_MAX) bytes of the stream to go
 * with step 3. NULL: no memory. */
struct mse *mse_open(const struct mse_cfg *cfg, const struct info_hash *skey,
		     const uint8_t *ia, size_t ia_len);
struct mse *mse_accept(const struct mse_cfg *cfg);
void mse_free(struct mse *m); /* NULL is a no-op */

/* Takes bytes of the handshake and no more: *used of len. What is left of them
 * at MSE_DONE or MSE_BARE is the stream's. */
enum mse_state mse_feed(struct mse *m, const uint8_t *p, size_t len,
			size_t *used);
enum mse_state mse_state(const struct mse *m);
/* Some words, for the log. */
const char *mse_why(const struct mse *m);

/* What is to be sent: *p and how much. It may be there after MSE_DONE, too, and
 * goes before all else. Valid until the next call on m. */
size_t mse_output(const struct mse *m, const uint8_t **p);
void mse_sent(struct mse *m, size_t n);

/* At MSE_DONE or MSE_BARE, what the other side said already, before what comes
 * next: IA, or the first bytes of its handshake. */
size_t mse_early(const struct mse *m, const uint8_t **p);

struct mse_keys {
	enum mse_method method;
	struct rc4 in, out;	   /* MSE_RC4 */
	struct frames_keys frames; /* MSE_FRAMES */
};

/* At MSE_DONE. The caller wipes it. */
void mse_take(const struct mse *m, struct mse_keys *out);

#endif
