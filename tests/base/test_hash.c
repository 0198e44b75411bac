#include "base/hash.h"
#include "base/rng.h"
#include "base/sha1_many.h"
#include "base/sha256_many.h"
#include "tests/check.h"

#include <stdlib.h>
#include <string.h>

static void hex(char *out, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		(void)snprintf(out + 2 * i, 3, "%02x", p[i]);
}

/* FIPS 180-4 examples, and the empty message. */
static void published_vectors_hold(void)
{
	static const struct {
		const char *text, *sha1, *sha256;
	} rows[] = {
		{"", "da39a3ee5e6b4b0d3255bfef95601890afd80709",
		 "e3b0c44298fc1c149afbf4c8996fb924"
		 "27ae41e4649b934ca495991b7852b855"},
		{"abc", "a9993e364706816aba3e25717850c26c9cd0d89d",
		 "ba7816bf8f01cfea414140de5dae2223"
		 "b00361a396177a9cb410ff61f20015ad"},
		{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		 "84983e441c3bd26ebaae4aa1f95129e5e54670f1",
		 "248d6a61d20638b8e5c026930c3e6039"
		 "a33ce45964ff2167f6ecedd419db06c1"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		uint8_t d1[SHA1_LEN], d256[SHA256_LEN];
		char text[65];
		size_t len = strlen(rows[i].text);

		sha1_once(d1, rows[i].text, len);
		hex(text, d1, sizeof(d1));
		CHECK(strcmp(text, rows[i].sha1) == 0, "%s", text);
		sha256_once(d256, rows[i].text, len);
		hex(text, d256, sizeof(d256));
		CHECK(strcmp(text, rows[i].sha256) == 0, "%s", text);
	}
}

static void a_stream_in_parts_is_the_whole(void)
{
	struct rng rng = rng_seeded(1);
	uint8_t data[5000], whole[32], parts[32];

	rng_fill(&rng, data, sizeof(data));
	for (int turn = 0; turn < 50; turn++) {
		struct sha256 s;
		size_t at = 0;

		sha256_init(&s);
		while (at < sizeof(data)) {
			size_t n = rng_below(&rng, 300);

			if (n > sizeof(data) - at)
				n = sizeof(data) - at;
			sha256_update(&s, data + at, n);
			at += n;
		}
		sha256_final(&s, parts);
		sha256_once(whole, data, sizeof(data));
		CHECK(memcmp(whole, parts, 32) == 0, "turn %d", turn);
	}
}

/* Whatever the lengths are, also when a stream stands inside a block. */
static void a_pair_is_two_streams(void)
{
	struct rng rng = rng_seeded(2);
	static uint8_t a[70000], b[70000];
	uint8_t want[SHA1_LEN], got[SHA1_LEN];

	rng_fill(&rng, a, sizeof(a));
	rng_fill(&rng, b, sizeof(b));
	for (int turn = 0; turn < 200; turn++) {
		size_t head = turn % 4 ? 0 : rng_below(&rng, 200);
		size_t len = 0, parts = 1 + rng_below(&rng, 4);
		struct sha1 sa, sb;

		sha1_init(&sa);
		sha1_init(&sb);
		sha1_update(&sa, a, head);
		while (parts--) {
			size_t n = rng_below(&rng, 16000);

			sha1_update_pair(&sa, a + head + len, &sb, b + len, n);
			len += n;
		}
		sha1_final(&sa, got);
		sha1_once(want, a, head + len);
		CHECK(memcmp(want, got, SHA1_LEN) == 0, "a, turn %d", turn);
		sha1_final(&sb, got);
		sha1_once(want, b, len);
		CHECK(memcmp(want, got, SHA1_LEN) == 0, "b, turn %d", turn);
	}
}

/* Any number of streams, each way, beside libcrypto: some stand inside a block,
 * all are continued, and every one may have another start. */
static void many_streams_are_each_by_itself(void)
{
	enum { MOST = 40, LEN = 3000 };
	static uint8_t data[MOST][LEN];
	struct rng rng = rng_seeded(5);
	uint8_t want[SHA1_LEN], got[SHA1_LEN];

	rng_fill(&rng, data, sizeof(data));
	for (unsigned turn = 0; turn < 300; turn++) {
		enum sha1_way way = (enum sha1_way)(turn % 3);
		size_t n = rng_below(&rng, MOST + 1), at[MOST];
		struct sha1 streams[MOST], *s[MOST];
		const uint8_t *p[MOST];

		if (!sha1_has_way(way))
			continue;
		for (size_t i = 0; i < n; i++) {
			s[i] = &streams[i];
			at[i] = rng_below(&rng, 4) ? 64 * rng_below(&rng, 4)
						   : rng_below(&rng, 200);
			sha1_init(s[i]);
			sha1_update(s[i], data[i], at[i]);
		}
		for (unsigned part = 0; part < 3; part++) {
			size_t len = rng_below(&rng, 900);

			for (size_t i = 0; i < n; i++)
				p[i] = data[i] + at[i];
			sha1_update_many_by(way, s, p, len, n);
			for (size_t i = 0; i < n; i++)
				at[i] += len;
		}
		for (size_t i = 0; i < n; i++) {
			sha1_once(want, data[i], at[i]);
			sha1_final(s[i], got);
			CHECK(memcmp(want, got, SHA1_LEN) == 0,
			      "way %u, %zu of %zu, %zu bytes", turn % 3, i, n,
			      at[i]);
		}
	}
}

/* A stream's length is counted over 32 bits of it, too. */
static void long_streams_keep_their_length(void)
{
	static uint8_t zeros[1 << 20];
	struct sha1 want, streams[16], *s[16];
	const uint8_t *p[16];
	uint8_t a[SHA1_LEN], b[SHA1_LEN];

	sha1_init(&want);
	for (unsigned i = 0; i < 16; i++) {
		s[i] = &streams[i];
		sha1_init(s[i]);
		p[i] = zeros;
	}
	for (unsigned i = 0; i < 513; i++) { /* 2^32 bits are 512 MiB */
		sha1_update(&want, zeros, sizeof(zeros));
		if (i == 0)
			continue;
		streams[0] = want; /* near the end of the count */
	}
	sha1_update_many(s, p, sizeof(zeros), 16);
	sha1_update(&want, zeros, sizeof(zeros));
	sha1_final(&want, a);
	sha1_final(s[0], b);
	CHECK(memcmp(a, b, SHA1_LEN) == 0, "after 514 MiB");
}

/* Any number, length and place in memory, each way, beside libcrypto. */
static void many_are_each_by_itself(void)
{
	enum { MOST = 70, LONGEST = 2048 };
	static const size_t lens[] = {0,  1,   32,  63,	 64,
				      65, 128, 512, 960, LONGEST};
	uint8_t *in = malloc(MOST * LONGEST + 7), out[MOST * 32 + 7], want[32];
	struct rng rng = rng_seeded(3);

	if (!in)
		abort();
	for (int way = SHA256_ONE; way <= SHA256_LANES; way++) {
		for (size_t turn = 0; turn < 20 * ROWS(lens); turn++) {
			size_t len = lens[turn % ROWS(lens)];
			size_t n = rng_below(&rng, MOST + 1);
			size_t shift = rng_below(&rng, 8);

			if (!sha256_has_way((enum sha256_way)way))
				continue;
			rng_fill(&rng, in, MOST * LONGEST + 7);
			sha256_many_by((enum sha256_way)way, out + shift,
				       in + shift, len, n);
			for (size_t i = 0; i < n; i++) {
				sha256_once(want, in + shift + i * len, len);
				CHECK(memcmp(want, out + shift + i * 32, 32) ==
					      0,
				      "way %d, %zu of %zu, length %zu", way, i,
				      n, len);
			}
		}
	}
	free(in);
}

/* In no order, and one of them twice. */
static void many_may_stand_anywhere(void)
{
	enum { MOST = 50, LEN = 1088 };
	static uint8_t data[MOST * LEN];
	const uint8_t *in[MOST];
	uint8_t out[MOST * 32], want[32];
	struct rng rng = rng_seeded(6);

	rng_fill(&rng, data, sizeof(data));
	for (unsigned turn = 0; turn < 150; turn++) {
		enum sha256_way way = (enum sha256_way)(turn % 3);
		size_t n = turn / 3, len = turn % 2 ? LEN : 64;

		if (!sha256_has_way(way))
			continue;
		for (size_t i = 0; i < n; i++)
			in[i] = data + rng_below(&rng, (MOST - 1) * LEN);
		sha256_each_by(way, out, in, len, n);
		for (size_t i = 0; i < n; i++) {
			sha256_once(want, in[i], len);
			CHECK(memcmp(want, out + i * 32, 32) == 0,
			      "way %u, %zu of %zu", turn % 3, i, n);
		}
	}
}

static void many_may_take_the_place_of_what_they_hash(void)
{
	uint8_t nodes[300 * 64], copy[sizeof(nodes)], want[300 * 32];
	struct rng rng = rng_seeded(4);

	rng_fill(&rng, nodes, sizeof(nodes));
	for (int way = SHA256_ONE; way <= SHA256_LANES; way++) {
		if (!sha256_has_way((enum sha256_way)way))
			continue;
		memcpy(copy, nodes, sizeof(nodes));
		sha256_many_by(SHA256_ONE, want, nodes, 64, 299);
		sha256_many_by((enum sha256_way)way, copy, copy, 64, 299);
		CHECK(memcmp(want, copy, 299 * 32) == 0, "way %d", way);
		CHECK(memcmp(copy + 300 * 32, nodes + 300 * 32, 300 * 32) == 0,
		      "way %d wrote behind", way);
	}
}

int main(void)
{
	many_are_each_by_itself();
	many_may_stand_anywhere();
	many_streams_are_each_by_itself();
	long_streams_keep_their_length();
	many_may_take_the_place_of_what_they_hash();
	published_vectors_hold();
	a_stream_in_parts_is_the_whole();
	a_pair_is_two_streams();
	return CHECK_EXIT();
}
