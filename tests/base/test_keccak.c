/* Vectors: the Keccak team's for "" and "abc"; the others (lengths around the
 * block of 136 bytes, byte i is i mod 256) from an independent implementation.
 */
#include "base/keccak.h"
#include "tests/base/vec.h"
#include "tests/check.h"

static const struct {
	const char *name;
	size_t len;
	const char *want;
} rows[] = {
	{"nothing", 0,
	 "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"},
	{"one byte", 1,
	 "bc36789e7a1e281436464229828f817d6612f7b477d66591ff96a9e064bcc98a"},
	{"one short of a block", 135,
	 "cbdfd9dee5faad3818d6b06f95a219fd290b0e1706f6a82e5a595b9ce9faca62"},
	{"a whole block", 136,
	 "7ce759f1ab7f9ce437719970c26b0a66ff11fe3e38e17df89cf5d29c7d7f807e"},
	{"one over a block", 137,
	 "ac73d4fae68b8453f764007c1a20ce95994187861f0c3227a3a8e99a73a3b1db"},
	{"between blocks", 200,
	 "bfb0aa97863e797943cf7c33bb7e880bb4543f3d2703c0923c6901c2af57b890"},
	{"two blocks", 272,
	 "fdf2ec49e749960d3c8521a0219af8d03e30e2b3bf19bd16150ee0eaf133d66e"},
};

int main(void)
{
	uint8_t in[272];
	struct hash32 h = keccak256("abc", 3);

	CHECK(vec_is(h.bytes, 32,
		     "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58"
		     "fa12d6c45"),
	      "abc");
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)i;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct keccak k;

		h = keccak256(in, rows[i].len);
		CHECK(vec_is(h.bytes, 32, rows[i].want), "%s", rows[i].name);
		keccak_init(&k);
		for (size_t at = 0; at < rows[i].len; at += 7)
			keccak_add(&k, in + at,
				   rows[i].len - at < 7 ? rows[i].len - at : 7);
		h = keccak_end(&k);
		CHECK(vec_is(h.bytes, 32, rows[i].want), "%s, by sevens",
		      rows[i].name);
	}
	return CHECK_EXIT();
}
