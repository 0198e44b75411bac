/* rc4.h - RC4, for message stream encryption only (mse.h). It hides what a
 * stream is from who looks on; it is no cipher to keep a secret with.
 *
 * Our own because it is the price of every encrypted byte from and to others:
 * 0.9 s/GiB where libcrypto takes 1.3 (Zen 5). Plain values; the caller wipes
 * them. Thread: any.
 */
#ifndef WIRE_RC4_H
#define WIRE_RC4_H

#include <stddef.h>
#include <stdint.h>

struct rc4 {
	uint8_t i, j;
	uint8_t s[256]; /* a permutation of 0..255 */
};

/* Keyed, and the first `discard` bytes of its stream thrown away. */
void rc4_init(struct rc4 *c, const uint8_t *key, size_t len, size_t discard);
/* The next n bytes of the stream over `in`; out may be in. */
void rc4_run(struct rc4 *c, uint8_t *out, const uint8_t *in, size_t n);

#endif
