/* What is written to nodes, and how their words are tamed. */
#include "ledger/chain/node_text.h"
#include "tests/check.h"

#include <string.h>

static void a_text_grows_up_to_its_end(void)
{
	static uint8_t half[NODE_MAX_REQUEST / 4];
	struct node_text t = {0};

	node_text_str(&t, "{\"a\":\"");
	node_text_digits(&t, "\x00\x9f", 2);
	node_text_str(&t, "\",\"n\":");
	node_text_u64(&t, UINT64_MAX);
	node_text_str(&t, "}");
	CHECK(!t.bad && strcmp(t.s, "{\"a\":\"009f\",\"n\":"
				    "18446744073709551615}") == 0,
	      "%s", t.s);
	node_text_digits(&t, half, sizeof(half));
	CHECK(!t.bad, "half of the most");
	node_text_digits(&t, half, sizeof(half));
	CHECK(t.bad, "over the most");
	node_text_str(&t, "x");
	CHECK(t.bad, "and it stays so");
	node_text_clear(&t);
}

static void hex_is_whole_pairs(void)
{
	static const struct {
		const char *name, *text;
		bool good;
		size_t len;
	} rows[] = {
		{"nothing", "", true, 0},
		{"two bytes", "00fF", true, 2},
		{"half a byte", "0", false, 0},
		{"with 0x", "0x00", false, 0},
		{"a letter", "0g", false, 0},
		{"too long", "0102030405", false, 0},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		uint8_t out[4];
		size_t len = 0;

		CHECK(node_unhex(out, &len, sizeof(out), rows[i].text) ==
				      rows[i].good &&
			      len == rows[i].len,
		      "%s", rows[i].name);
	}
}

static void strange_words_are_tamed(void)
{
	char out[8];

	node_tame(out, sizeof(out), "a\nb\x7f\xc3too long");
	CHECK(strcmp(out, "a?b??to") == 0, "%s", out);
}

int main(void)
{
	a_text_grows_up_to_its_end();
	hex_is_whole_pairs();
	strange_words_are_tamed();
	return CHECK_EXIT();
}
