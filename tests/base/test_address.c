/* Vectors: EIP-55's own list; TRON addresses as tronweb 6 writes them. */
#include "base/address.h"
#include "base/base58.h"
#include "base/hex.h"
#include "tests/base/vec.h"
#include "tests/check.h"

static void addresses_read_back_as_written(void)
{
	static const struct {
		const char *text;
		enum address_kind kind;
		const char *hex;
	} rows[] = {
		{"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", ADDRESS_EVM,
		 "5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"},
		{"0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359", ADDRESS_EVM,
		 "fb6916095ca1df60bb79ce92ce3ea74c37c5d359"},
		{"0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", ADDRESS_EVM,
		 "dbf03b407c01e7cd3cbea99509d93f8dddc8c6fb"},
		{"0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb", ADDRESS_EVM,
		 "d1220a0cf47c7b9be7a2e6ba89f429762e7b9adb"},
		{"0x52908400098527886E0F7030069857D2E4169EE7", ADDRESS_EVM,
		 "52908400098527886e0f7030069857d2e4169ee7"},
		{"TNhWvctD24Ju9C8qpp9T9bQpGPPw5gjA96", ADDRESS_TRON,
		 "8ba1f109551bd432803012645ac136ddd64dba72"},
		{"T9yD14Nj9j7xAB4dbGeiX9h8unkKHxuWwb", ADDRESS_TRON,
		 "0000000000000000000000000000000000000000"},
		{"TZJozAg1ruapycCicgz31GxvYJ1FraLjZa", ADDRESS_TRON,
		 "ffffffffffffffffffffffffffffffffffffffff"},
		{"TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYdH", ADDRESS_TRON,
		 "c8599111f29c1e1e061265b4af93ea1f274ad78a"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct address want, got;
		enum address_kind kind;
		char text[ADDRESS_TEXT_MAX];
		struct err e = {0};

		vec(want.bytes, 20, rows[i].hex);
		CHECK(strcmp(address_text(text, &want, rows[i].kind),
			     rows[i].text) == 0,
		      "%s: written as %s", rows[i].text, text);
		CHECK(address_parse(&got, &kind, rows[i].text, &e) == ERR_NONE,
		      "%s: %s", rows[i].text, e.msg);
		CHECK(kind == rows[i].kind && address_eq(&got, &want), "%s",
		      rows[i].text);
	}
}

static void what_is_no_address_is_refused(void)
{
	static const struct {
		const char *name, *text, *says;
	} rows[] = {
		{"nothing", "", "neither"},
		{"another letter first", "X123", "neither"},
		{"0x alone", "0x", "got 0"},
		{"a digit short", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe",
		 "got 39"},
		{"a digit over", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAedd",
		 "got 41"},
		{"not hexadecimal",
		 "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeg", "hexadecimal"},
		{"EIP-55 broken by one letter",
		 "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD", "EIP-55"},
		{"base58check broken by one letter",
		 "TNhWvctD24Ju9C8qpp9T9bQpGPPw5gjA95", "checksum"},
		{"two letters swapped", "TNhWvctD42Ju9C8qpp9T9bQpGPPw5gjA96",
		 "checksum"},
		{"a letter outside base58",
		 "TNhWvctD24Ju9C8qpp9T9bQpGPPw5gjA0O", "alphabet"},
		{"a T address cut short", "TNhWvctD24Ju9C8qpp9T9bQpGPPw5gjA9",
		 "33 more"},
		{"a blank behind", "TNhWvctD24Ju9C8qpp9T9bQpGPPw5gjA96 ",
		 "33 more"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct address got;
		enum address_kind kind;
		struct err e = {0};

		CHECK(address_parse(&got, &kind, rows[i].text, &e) == ERR_PARSE,
		      "%s: taken", rows[i].name);
		CHECK(strstr(e.msg, rows[i].says), "%s: says \"%s\"",
		      rows[i].name, e.msg);
	}
}

static void one_case_carries_no_checksum(void)
{
	struct address a, b;
	struct err e = {0};

	CHECK(address_parse_as(&a, ADDRESS_EVM,
			       "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
			       &e) == ERR_NONE,
	      "lower: %s", e.msg);
	CHECK(address_parse_as(&b, ADDRESS_EVM,
			       "0x5AAEB6053F3E94C9B9A09F33669435E7EF1BEAED",
			       &e) == ERR_NONE,
	      "upper: %s", e.msg);
	CHECK(address_eq(&a, &b), "the same account");
}

static void the_other_chains_kind_is_named(void)
{
	struct address a;
	struct err e = {0};

	CHECK(address_parse_as(&a, ADDRESS_EVM,
			       "TNhWvctD24Ju9C8qpp9T9bQpGPPw5gjA96",
			       &e) == ERR_PARSE,
	      "taken");
	CHECK(strstr(e.msg, "this is a T (TRON) address"), "%s", e.msg);
	e = (struct err){0};
	CHECK(address_parse_as(&a, ADDRESS_TRON,
			       "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
			       &e) == ERR_PARSE,
	      "taken");
	CHECK(strstr(e.msg, "this is a 0x (EVM) address"), "%s", e.msg);
}

/* Bitcoin's genesis address, and payloads whose leading zeros are ones. */
static void base58_keeps_leading_zeros(void)
{
	uint8_t payload[21] = {0}, back[21], bare[1];
	char text[BASE58_TEXT_MAX];

	vec(payload + 1, 20, "62e907b15cbf27d5425399ebf6f0fb50ebb88f18");
	CHECK(strcmp(base58check_encode(text, payload, 21),
		     "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa") == 0,
	      "%s", text);
	CHECK(base58check_decode(back, 21, text, NULL) == ERR_NONE &&
		      memcmp(back, payload, 21) == 0,
	      "back");
	CHECK(base58check_decode(back, 20, text, NULL) == ERR_PARSE,
	      "one byte less than it holds");
	CHECK(base58check_decode(back, 21, text + 1, NULL) == ERR_PARSE,
	      "without its leading one");
	CHECK(base58check_decode(bare, 0, "3QJmnh", NULL) == ERR_NONE,
	      "an empty payload is its checksum");
}

static void hex_takes_exactly_its_length(void)
{
	static const struct {
		const char *text;
		bool want;
	} rows[] = {
		{"00ff", true},	 {"0x00FF", true}, {"0X00fF", true},
		{"00f", false},	 {"00ff0", false}, {"00fg", false},
		{"0x00", false}, {"", false},	   {"0x", false},
		{"/0:9", false}, {"@a`g", false},  {"00\xff\xff", false},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		uint8_t out[2];

		CHECK(hex_decode(out, 2, rows[i].text) == rows[i].want, "%s",
		      rows[i].text);
	}
	for (unsigned v = 0; v < 256; v++) {
		uint8_t byte = (uint8_t)v, back = 0;
		char text[HEX_LEN(1)], want[3];

		(void)snprintf(want, sizeof(want), "%02x", v);
		CHECK(strcmp(hex_encode(text, &byte, 1), want) == 0, "%s",
		      want);
		CHECK(hex_decode(&back, 1, text) && back == byte, "%s", want);
	}
}

int main(void)
{
	addresses_read_back_as_written();
	what_is_no_address_is_refused();
	one_case_carries_no_checksum();
	the_other_chains_kind_is_named();
	base58_keeps_leading_zeros();
	hex_takes_exactly_its_length();
	return CHECK_EXIT();
}
