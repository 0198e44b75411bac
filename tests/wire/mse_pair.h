/* mse_pair.h - two handshakes against each other, and a forger of the opener's
 * side that may say anything. */
#ifndef TESTS_WIRE_MSE_PAIR_H
#define TESTS_WIRE_MSE_PAIR_H

#include "base/bytes.h"
#include "base/hash.h"
#include "tests/check.h"
#include "wire/veil/dh768.h"
#include "wire/veil/mse.h"

#include <stdlib.h>
#include <string.h>

#define PAIR_IA "hello, this is what the opener says first"

static struct info_hash pair_skey;

static inline bool pair_find(void *ctx, const uint8_t req2[20],
			     struct info_hash *skey)
{
	uint8_t own[20];

	(void)ctx;
	mse_req2(own, &pair_skey);
	*skey = pair_skey;
	return memcmp(own, req2, sizeof(own)) == 0;
}

static inline bool pair_may_work(void *ctx)
{
	bool *busy = ctx;

	return !busy || !*busy;
}

static inline struct mse_cfg pair_cfg(unsigned methods, bool plain_first,
				      uint64_t seed)
{
	memset(&pair_skey, 0x5b, sizeof(pair_skey));
	return (struct mse_cfg){.methods = methods,
				.plain_first = plain_first,
				.rng = rng_seeded(seed),
				.find = pair_find,
				.may_work = pair_may_work};
}

/* Feeds all of it, at most `chop` bytes at a time; returns how much was the
 * handshake's. */
static inline size_t pair_feed(struct mse *m, const uint8_t *p, size_t len,
			       size_t chop)
{
	size_t at = 0;

	while (at < len && mse_state(m) == MSE_MORE) {
		size_t n = len - at < chop ? len - at : chop, used;
		uint8_t *crumb = malloc(n); /* its bounds are watched */

		memcpy(crumb, p + at, n);
		(void)mse_feed(m, crumb, n, &used);
		free(crumb);
		at += used;
		if (used < n)
			break;
	}
	return at;
}

/* What `from` has to say goes to `to`. */
static inline void pair_move(struct mse *from, struct mse *to, size_t chop)
{
	const uint8_t *p;
	size_t n = mse_output(from, &p);

	CHECK(pair_feed(to, p, n, chop) == n || mse_state(to) == MSE_FAILED,
	      "bytes of the handshake are left over");
	mse_sent(from, n);
}

static inline void pair_run(struct mse *opener, struct mse *accepter,
			    size_t chop)
{
	for (int i = 0; i < 2; i++) {
		pair_move(opener, accepter, chop);
		pair_move(accepter, opener, chop);
	}
}

/* An opener's side that is written down here once more, to be wrong where it
 * is told to. */
struct forged {
	uint8_t bytes[4096];
	size_t len;
	uint8_t secret[DH768_LEN];
	struct dh768 dh;
	struct rc4 out, in;
};

struct forgery {
	size_t pad_a, pad_c, pad_c_sent, ia;
	uint8_t vc, skey;
	uint32_t provide;
};

static inline void forge_hash(uint8_t out[20], const char *name,
			      const struct forged *f, bool with_skey)
{
	struct sha1 s;

	sha1_init(&s);
	sha1_update(&s, name, strlen(name));
	sha1_update(&s, f->secret, sizeof(f->secret));
	if (with_skey)
		sha1_update(&s, pair_skey.bytes, 20);
	sha1_final(&s, out);
}

/* Step 1, after which the accepter's key is read from its output. */
static inline void forge_open(struct forged *f, struct mse *accepter,
			      const struct forgery *how)
{
	struct rng rng = rng_seeded(99);
	static const uint8_t pad[4096];
	const uint8_t *p;

	CHECK(dh768_make(&f->dh, &rng), "dh");
	memcpy(f->bytes, f->dh.pub, DH768_LEN);
	memcpy(f->bytes + DH768_LEN, pad, how->pad_a);
	(void)pair_feed(accepter, f->bytes, DH768_LEN + how->pad_a, 4096);
	if (mse_output(accepter, &p) >= DH768_LEN)
		CHECK(dh768_shared(f->secret, &f->dh, p), "shared");
}

/* Step 3. */
static inline void forge_ask(struct forged *f, struct mse *accepter,
			     const struct forgery *how)
{
	struct wr w = wr_into(f->bytes, sizeof(f->bytes));
	uint8_t req[20], mask[20], zero[1024] = {0};

	forge_hash(req, "req1", f, false);
	wr_copy(&w, req, 20);
	mse_req2(req, &pair_skey);
	forge_hash(mask, "req3", f, false);
	for (int i = 0; i < 20; i++)
		req[i] ^= (uint8_t)(mask[i] ^ how->skey);
	wr_copy(&w, req, 20);
	wr_u32(&w, 0);
	wr_u32(&w, how->vc);
	wr_u32(&w, how->provide);
	wr_u16(&w, (uint16_t)how->pad_c);
	wr_copy(&w, zero, how->pad_c_sent);
	wr_u16(&w, (uint16_t)how->ia);
	wr_copy(&w, zero, how->ia < 512 ? how->ia : 512);
	forge_hash(mask, "keyA", f, true);
	rc4_init(&f->out, mask, 20, 1024);
	rc4_run(&f->out, w.buf + 40, w.buf + 40, w.len - 40);
	(void)pair_feed(accepter, f->bytes, w.len, 4096);
}

#endif
