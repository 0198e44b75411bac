/* hash.h - SHA-1 and SHA-256, streaming and one-shot, at the processor's speed.
 *
 * States are plain values: no allocation, may be copied to fork a stream.
 * SHA-1 stands only where BitTorrent v1 asks for it (BEP 3). Thread: any.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define SHA1_LEN 20
#define SHA256_LEN 32

struct sha1 {
	uint32_t state[24]; /* hash.c knows what is in it */
};

struct sha256 {
	uint32_t state[28];
};

void sha1_init(struct sha1 *s);
void sha1_update(struct sha1 *s, const void *p, size_t len);
/* Two streams in step, len bytes each: where the processor can, both together
 * take little longer than one alone. */
void sha1_update_pair(struct sha1 *a, const void *pa, struct sha1 *b,
		      const void *pb, size_t len);
/* n streams in step, len bytes to each, s[i] from p[i]; none of them twice.
 * Pays from two on, and most from sixteen, where the processor can. */
void sha1_update_many(struct sha1 *const *s, const uint8_t *const *p,
		      size_t len, size_t n);
/* As many streams as that does best. */
unsigned sha1_in_step(void);
void sha1_final(struct sha1 *s, uint8_t out[SHA1_LEN]);
void sha1_once(uint8_t out[SHA1_LEN], const void *p, size_t len);

void sha256_init(struct sha256 *s);
void sha256_update(struct sha256 *s, const void *p, size_t len);
void sha256_final(struct sha256 *s, uint8_t out[SHA256_LEN]);
void sha256_once(uint8_t out[SHA256_LEN], const void *p, size_t len);
/* Digests of n messages of len bytes each that stand one after another at `in`,
 * to out[0 .. 32 n), in the same order. Where the processor can, several are
 * hashed at once. When len >= 64, out may be in. */
void sha256_many(uint8_t *out, const uint8_t *in, size_t len, size_t n);
/* The same of messages that stand anywhere; out is none of them. */
void sha256_each(uint8_t *out, const uint8_t *const *in, size_t len, size_t n);

#endif
