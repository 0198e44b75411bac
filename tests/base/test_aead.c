#include "base/aead.h"

#include "base/rng.h"
#include "tests/check.h"

#include <sodium.h>
#include <string.h>

#define LONGEST 70000U

static uint8_t plain[LONGEST], box[LONGEST + AEAD_TAG_LEN],
	want[LONGEST + AEAD_TAG_LEN], back[LONGEST];
static uint8_t key[AEAD_KEY_LEN], nonce[AEAD_NONCE_LEN];

static const size_t lengths[] = {0,    1,    15,   16,	  1023,	 1024,
				 1025, 4096, 9999, 65520, 65536, LONGEST};

static void the_bytes_are_libsodiums(void)
{
	for (size_t i = 0; i < ROWS(lengths); i++)
		for (size_t ad = 0; ad < 3; ad++) {
			size_t len = lengths[i];

			nonce[3] = (uint8_t)i;
			nonce[20] = (uint8_t)ad;
			(void)crypto_aead_xchacha20poly1305_ietf_encrypt(
				want, NULL, plain, len, (const uint8_t *)"ad",
				ad, NULL, nonce, key);
			CHECK(aead_seal(box, plain, len, (const uint8_t *)"ad",
					ad, nonce, key),
			      "%zu", len);
			CHECK(memcmp(box, want, len + AEAD_TAG_LEN) == 0,
			      "%zu bytes, %zu of associated data", len, ad);
			CHECK(aead_open(back, want, len + AEAD_TAG_LEN,
					(const uint8_t *)"ad", ad, nonce,
					key) &&
				      memcmp(back, plain, len) == 0,
			      "%zu does not open", len);
		}
}

static void it_works_in_place(void)
{
	for (size_t i = 0; i < ROWS(lengths); i++) {
		size_t len = lengths[i];

		memcpy(box, plain, len);
		CHECK(aead_seal(box, box, len, NULL, 0, nonce, key) &&
			      aead_open(box, box, len + AEAD_TAG_LEN, NULL, 0,
					nonce, key) &&
			      memcmp(box, plain, len) == 0,
		      "%zu", len);
	}
}

static void what_is_forged_stays_shut(void)
{
	static const struct {
		const char *name;
		size_t len;
		size_t flip; /* byte of the box; SIZE_MAX: none */
		size_t cut;
		const char *ad;
	} rows[] = {
		{"a bit of a short text", 100, 5, 0, "s"},
		{"a bit of a long text", 5000, 4999, 0, "s"},
		{"a bit of a short one's tag", 100, 100, 0, "s"},
		{"a bit of a long one's tag", 5000, 5015, 0, "s"},
		{"a byte short", 5000, SIZE_MAX, 1, "s"},
		{"less than a tag", 0, SIZE_MAX, 1, "s"},
		{"other associated data, short", 100, SIZE_MAX, 0, "p"},
		{"other associated data, long", 5000, SIZE_MAX, 0, "p"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		size_t len = rows[i].len, left = 0;

		CHECK(aead_seal(box, plain, len, (const uint8_t *)"s", 1, nonce,
				key),
		      "%s", rows[i].name);
		if (rows[i].flip != SIZE_MAX)
			box[rows[i].flip] ^= 0x10;
		memset(back, 0, sizeof(back));
		CHECK(!aead_open(back, box, len + AEAD_TAG_LEN - rows[i].cut,
				 (const uint8_t *)rows[i].ad, 1, nonce, key),
		      "%s: opened", rows[i].name);
		for (size_t k = 0; k < len; k++)
			left += back[k] != 0;
		CHECK(left == 0, "%s: %zu bytes let out", rows[i].name, left);
	}
}

int main(void)
{
	struct rng rng = rng_seeded(5);

	rng_fill(&rng, plain, sizeof(plain));
	rng_fill(&rng, key, sizeof(key));
	rng_fill(&rng, nonce, sizeof(nonce));
	the_bytes_are_libsodiums();
	it_works_in_place();
	what_is_forged_stays_shut();
	return CHECK_EXIT();
}
