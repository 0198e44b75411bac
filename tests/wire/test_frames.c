#include "wire/veil/frames.h"

#include "base/hex.h"
#include "base/rng.h"
#include "tests/check.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* Two ends; `one` seals what `other` opens. */
static void ends(struct frames **one, struct frames **other,
		 enum frames_suite suite)
{
	struct frames_keys k = {.suite = suite};
	uint8_t t[32];

	for (uint8_t i = 0; i < 32; i++)
		k.out[i] = i;
	memset(k.in, 0xaa, sizeof(k.in));
	*one = frames_new(&k);
	memcpy(t, k.out, 32);
	memcpy(k.out, k.in, 32);
	memcpy(k.in, t, 32);
	*other = frames_new(&k);
}

static size_t seal(struct frames *f, uint8_t *out, const void *p, size_t len)
{
	/* in two pieces, one of which may be empty */
	struct iovec iov[2] = {
		{(void *)(uintptr_t)p, len / 3},
		{(uint8_t *)(uintptr_t)p + len / 3, len - len / 3}};

	CHECK(frames_seal(f, out, iov, 2, len), "seal %zu", len);
	return len + FRAMES_MORE;
}

static bool open(struct frames *f, uint8_t *frame, size_t len)
{
	size_t inside = frames_next_len(f, frame);

	return inside + FRAMES_MORE == len &&
	       frames_open(f, frame + FRAMES_HEAD_LEN, inside);
}

static const enum frames_suite suites[] = {FRAMES_AES_256_GCM,
					   FRAMES_CHACHA20_POLY1305};

static void frames_of_all_sizes_open(void)
{
	static const size_t sizes[] = {1,     2,     15,    16,	  17,
				       16397, 32794, 65535, 65536};
	uint8_t *plain = malloc(FRAMES_PLAIN_MAX);
	uint8_t *box = malloc(FRAMES_PLAIN_MAX + FRAMES_MORE);
	struct rng rng = rng_seeded(1);
	struct frames *a, *b;

	rng_fill(&rng, plain, FRAMES_PLAIN_MAX);
	for (size_t s = 0; s < ROWS(suites); s++) {
		ends(&a, &b, suites[s]);
		for (size_t i = 0; i < ROWS(sizes); i++) {
			size_t n = seal(a, box, plain, sizes[i]);

			CHECK(open(b, box, n), "%zu bytes", sizes[i]);
			CHECK(memcmp(box + FRAMES_HEAD_LEN, plain, sizes[i]) ==
				      0,
			      "%zu other bytes", sizes[i]);
		}
		frames_free(a);
		frames_free(b);
	}
	free(plain);
	free(box);
}

static void is_hex(const uint8_t *p, size_t len, const char *want)
{
	char text[256];

	hex_encode(text, p, len);
	CHECK(strcmp(text, want) == 0, "%s, not %s", text, want);
}

/* Made by another implementation, of docs/protocol.md. */
static const struct {
	enum frames_suite suite;
	const char *first, *second, *rekeyed;
} vectors[] = {
	{FRAMES_AES_256_GCM, "481ac5e7889f8e2697bb79cc8ebc488d076f88dc26",
	 "ece0b8b5034875e74b5f1791e92487f7180929",
	 "2d0b106307377f97e2109566520f46d4c2e55c"},
	{FRAMES_CHACHA20_POLY1305, "481a04b3e79df554c58fafe4a7d36f6e18dc32604f",
	 "ece0897aaa0fc6b655e44ca051386bbe47c665",
	 "2d0b1abf94153c5a7050e91f2143280fdef780"},
};

/* And the key of the frame after 2^20 of them follows from the first. */
static void bytes_are_those_of_another_implementation(void)
{
	uint8_t box[32];
	struct frames *a, *b;

	for (size_t i = 0; i < ROWS(vectors); i++) {
		ends(&a, &b, vectors[i].suite);
		is_hex(box, seal(a, box, "abc", 3), vectors[i].first);
		CHECK(open(b, box, 21), "the first");
		is_hex(box, seal(a, box, "d", 1), vectors[i].second);
		CHECK(open(b, box, 19), "the second");
		for (uint32_t n = 2; n < FRAMES_REKEY; n++)
			if (!open(b, box, seal(a, box, "x", 1)))
				CHECK(false, "frame %u", n);
		is_hex(box, seal(a, box, "e", 1), vectors[i].rekeyed);
		CHECK(open(b, box, 19), "the first of the second key");
		frames_free(a);
		frames_free(b);
	}
}

enum harm { NONE, HEAD, BODY, TAG, REPEAT, SKIP, OWN };

static bool harmed(enum frames_suite suite, enum harm harm)
{
	uint8_t one[64], two[64], again[64];
	struct frames *a, *b;
	bool opens = true;
	size_t n;

	ends(&a, &b, suite);
	n = seal(a, one, "the first", 9);
	(void)seal(a, two, "the other", 9);
	memcpy(again, one, n);
	one[0] ^= harm == HEAD;
	one[5] ^= harm == BODY;
	one[n - 1] ^= harm == TAG;
	if (harm == OWN) /* reflected to who made it */
		opens = open(a, one, n);
	else if (harm == SKIP)
		opens = open(b, two, n);
	else
		opens = open(b, one, n);
	if (harm == REPEAT) {
		memcpy(two, again, n);
		opens = open(b, two, n);
	}
	frames_free(a);
	frames_free(b);
	return opens;
}

static void what_was_changed_does_not_open(void)
{
	static const char *const names[] = {"none",   "head", "body", "tag",
					    "repeat", "skip", "own"};

	for (size_t s = 0; s < ROWS(suites); s++)
		for (int h = NONE; h <= OWN; h++)
			CHECK(harmed(suites[s], (enum harm)h) == (h == NONE),
			      "suite %d: %s", (int)suites[s], names[h]);
}

static void nothing_of_a_forged_frame_is_left(void)
{
	uint8_t box[64], zero[64] = {0};
	struct frames *a, *b;

	ends(&a, &b, FRAMES_AES_256_GCM);
	(void)seal(a, box, "secret", 6);
	box[8] ^= 1;
	CHECK(!open(b, box, 6 + FRAMES_MORE), "opened");
	CHECK(memcmp(box + FRAMES_HEAD_LEN, zero, 6) == 0, "plain bytes");
	frames_free(a);
	frames_free(b);
}

int main(void)
{
	if (sodium_init() < 0)
		return 1;
	frames_of_all_sizes_open();
	bytes_are_those_of_another_implementation();
	what_was_changed_does_not_open();
	nothing_of_a_forged_frame_is_left();
	return CHECK_EXIT();
}
