#include "wire/peer/hash_msg.h"

#include "base/bytes.h"
#include "tests/check.h"

#include <string.h>

static size_t encode(uint8_t *out, size_t cap, uint32_t base, uint32_t index,
		     uint32_t count, uint32_t proofs)
{
	struct wr w = wr_into(out, cap);
	uint8_t root[32];

	memset(root, 0xab, sizeof(root));
	wr_copy(&w, root, sizeof(root));
	wr_u32(&w, base);
	wr_u32(&w, index);
	wr_u32(&w, count);
	wr_u32(&w, proofs);
	return wr_len(&w);
}

static void questions_are_checked(void)
{
	static const struct {
		const char *name;
		uint32_t base, index, count, proofs;
		bool ok;
		uint32_t uncles;
	} rows[] = {
		{"leaves, no proof", 0, 0, 2, 0, true, 0},
		{"two and their parent's uncle", 0, 2, 2, 1, true, 1},
		{"512, below ten layers", 6, 512, 512, 9, true, 1},
		{"512, whose proof is in them", 6, 0, 512, 8, true, 0},
		{"four, up to the top", 3, 8, 4, 9, true, 8},
		/* BEP 52 wants two; of one its own uncle is the first */
		{"one", 3, 5, 1, 4, true, 5},
		{"none", 3, 0, 0, 4, false, 0},
		{"no power of two", 3, 0, 3, 4, false, 0},
		{"over 512", 3, 0, 1024, 4, false, 0},
		{"between their places", 3, 1, 2, 4, false, 0},
		{"as high as no tree", 34, 0, 2, 0, false, 0},
		{"proofs as high as no tree", 0, 0, 2, 34, false, 0},
		{"the largest numbers", UINT32_MAX, UINT32_MAX, UINT32_MAX,
		 UINT32_MAX, false, 0},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		uint8_t body[HASH_ASK_LEN], again[HASH_ASK_LEN];
		struct hash_ask ask;
		size_t n = encode(body, sizeof(body), rows[i].base,
				  rows[i].index, rows[i].count, rows[i].proofs);

		CHECK(n == HASH_ASK_LEN, "length");
		CHECK(hash_ask_decode(&ask, body, n) == rows[i].ok, "%s",
		      rows[i].name);
		CHECK(!hash_ask_decode(&ask, body, n - 1), "%s: cut",
		      rows[i].name);
		if (!rows[i].ok || !hash_ask_decode(&ask, body, n))
			continue;
		CHECK(hash_ask_uncles(&ask) == rows[i].uncles, "%s: %u uncles",
		      rows[i].name, hash_ask_uncles(&ask));
		hash_ask_encode(again, &ask);
		CHECK(memcmp(body, again, n) == 0, "%s: again", rows[i].name);
	}
}

static void answers_have_as_many_hashes_as_were_asked_for(void)
{
	static uint8_t body[HASH_MSG_MAX + 64];
	const struct hash32 *hashes, *uncles;
	struct hash_ask ask;
	size_t n;

	n = encode(body, sizeof(body), 3, 8, 4, 3); /* 4 and 2 uncles */
	for (size_t more = 0; more <= 8 * 32; more += 16)
		CHECK(hashes_decode(&ask, &hashes, &uncles, body, n + more) ==
			      (more == 6 * 32),
		      "%zu bytes", more);
	CHECK(hashes_decode(&ask, &hashes, &uncles, body, n + 6 * 32) &&
		      hashes->bytes == body + n &&
		      uncles->bytes == body + n + 4 * 32,
	      "places");
	CHECK(!hashes_decode(&ask, &hashes, &uncles, body, n - 1), "cut");
}

int main(void)
{
	questions_are_checked();
	answers_have_as_many_hashes_as_were_asked_for();
	return CHECK_EXIT();
}
