/* Vectors: those published with BIP-39 (passphrase "TREZOR") and BIP-32 (test
 * vector 1); accounts of the all-"abandon" phrase as ethers 6 and tronweb 6
 * derive them. */
#include "base/bip32.h"
#include "base/bip39.h"
#include "tests/base/vec.h"
#include "tests/check.h"

#define ABANDON11 \
	"abandon abandon abandon abandon abandon abandon abandon abandon " \
	"abandon abandon abandon "

static void phrases_are_the_published_ones(void)
{
	static const struct {
		const char *entropy;
		size_t len;
		const char *phrase, *seed;
	} rows[] = {
		{"00000000000000000000000000000000", 16, ABANDON11 "about",
		 "c55257c360c07c72029aebc1b53c05ed0362ada38ead3e3e9efa3708e534"
		 "95531f09a6987599d18264c1e1c92f2cf141630c7a3c4ab7c81b2f001698"
		 "e7463b04"},
		{"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		 "ffff",
		 32,
		 "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo "
		 "zoo zoo zoo zoo zoo zoo zoo zoo vote",
		 "dd48c104698c30cfe2b6142103248622fb7bb0ff692eebb00089b32d2248"
		 "4e1613912f0a5b694407be899ffd31ed3992c456cdf60f5d4564b8ba3f05"
		 "a69890ad"},
		{"f585c11aec520db57dd353c69554b21a89b20fb0650966fa0a9d6f74fd98"
		 "9d8f",
		 32,
		 "void come effort suffer camp survey warrior heavy shoot "
		 "primary clutch crush open amazing screen patrol group space "
		 "point ten exist slush involve unfold",
		 "01f5bced59dec48e362f2c45b5de68b9fd6c92c6634f44d6d40aab690565"
		 "06f0e35524a518034ddc1192e1dacd32c1ed3eaa3c3b131c88ed8e7e54c4"
		 "9a5d0998"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		uint8_t entropy[32], back[32], seed[64];
		char phrase[BIP39_PHRASE_MAX];
		struct err e = {0};
		size_t len = 0;

		vec(entropy, rows[i].len, rows[i].entropy);
		CHECK(bip39_from_entropy(phrase, entropy, rows[i].len, &e) ==
			      ERR_NONE,
		      "%s", e.msg);
		CHECK(strcmp(phrase, rows[i].phrase) == 0, "got %s", phrase);
		CHECK(bip39_to_entropy(back, &len, phrase, &e) == ERR_NONE,
		      "%s", e.msg);
		CHECK(len == rows[i].len && memcmp(back, entropy, len) == 0,
		      "row %zu: back", i);
		CHECK(bip39_seed(seed, phrase, "TREZOR", &e) == ERR_NONE &&
			      vec_is(seed, 64, rows[i].seed),
		      "row %zu: seed", i);
	}
}

static void phrases_are_read_as_people_type_them(void)
{
	static const struct {
		const char *name, *phrase;
		enum err_code want;
		const char *says;
	} rows[] = {
		{"plain", ABANDON11 "about", ERR_NONE, ""},
		{"capitals, tabs and a newline",
		 "  Abandon\tABANDON abandon abandon abandon abandon abandon "
		 "abandon abandon abandon\n abandon   aBout\r\n",
		 ERR_NONE, ""},
		{"nothing", "", ERR_PARSE, "got 0"},
		{"eleven words", ABANDON11, ERR_PARSE, "got 11"},
		{"thirteen words", ABANDON11 "about about", ERR_PARSE,
		 "got 13"},
		{"fifteen words, which the BIP allows",
		 ABANDON11 "abandon abandon abandon address", ERR_PARSE,
		 "got 15"},
		{"twenty-five words",
		 ABANDON11 ABANDON11 "abandon abandon abandon", ERR_PARSE,
		 "more than 24"},
		{"the last word wrong", ABANDON11 "zoo", ERR_PARSE, "checksum"},
		{"two words swapped",
		 "come void effort suffer camp survey warrior heavy shoot "
		 "primary clutch crush open amazing screen patrol group space "
		 "point ten exist slush involve unfold",
		 ERR_PARSE, "checksum"},
		{"a word of another list",
		 "abandon abaisser abandon abandon abandon abandon abandon "
		 "abandon abandon abandon abandon about",
		 ERR_PARSE, "word 2 is not"},
		{"a word cut short", "aban " ABANDON11, ERR_PARSE,
		 "word 1 is not"},
		{"a word that starts like one",
		 "abandonabandonabandonabandon " ABANDON11, ERR_PARSE,
		 "word 1 is not"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		uint8_t out[32];
		size_t len;
		struct err e = {0};

		CHECK(bip39_to_entropy(out, &len, rows[i].phrase, &e) ==
			      rows[i].want,
		      "%s: %s", rows[i].name, e.msg);
		CHECK(strstr(e.msg, rows[i].says), "%s: says \"%s\"",
		      rows[i].name, e.msg);
	}
}

static void odd_lengths_make_no_phrase(void)
{
	char phrase[BIP39_PHRASE_MAX];
	uint8_t entropy[33] = {0};

	for (size_t len = 0; len <= 33; len++)
		CHECK((bip39_from_entropy(phrase, entropy, len, NULL) ==
		       ERR_NONE) == (len == 16 || len == 32),
		      "%zu bytes", len);
}

static void the_tree_is_bip_32s(const struct ecc *c)
{
	static const struct {
		uint32_t index; /* of the step before */
		const char *key;
	} rows[] = {
		{0, "e8f32e723decf4051aefac8e2c93c9c5b214313817cdb01a1494b917c"
		    "8436b35"},
		{0 | BIP32_HARD, "edb2e14f9ee77d26dd93b4ecede8d16ed408ce149b6c"
				 "d80b0715a2d911a0afea"},
		{1, "3c6cb8d0f6a264c91ea8b5030fadaa8e538b020f0a387421a12de9319"
		    "dc93368"},
		{2 | BIP32_HARD, "cbce0d719ecf7431d88e6a89fa1483e02e35092af60c"
				 "042b1df2ff59fa424dca"},
		{2, "0f479245fb19a38a1954c5c7c0ebab2f9bdfd96a17563ef28a6a4b1a2"
		    "a764ef4"},
		{1000000000, "471b76e389e528d6de6d816857e012c5455051cad6660850"
			     "e58372a6c3e6e7c8"},
	};
	struct bip32_node n;
	uint8_t seed[16];

	vec(seed, 16, "000102030405060708090a0b0c0d0e0f");
	CHECK(bip32_master(&n, seed, 16, NULL) == ERR_NONE, "master");
	CHECK(vec_is(n.chain, 32,
		     "873dff81c02f525623fd1fe5167eac3a55a049de3d314bb42ee227ff"
		     "ed37d508"),
	      "chain code");
	for (size_t i = 0; i < ROWS(rows); i++) {
		if (i)
			CHECK(bip32_child(&n, c, rows[i].index, NULL) ==
				      ERR_NONE,
			      "step %zu", i);
		CHECK(vec_is(n.key.bytes, 32, rows[i].key), "step %zu", i);
	}
	CHECK(bip32_master(&n, seed, 15, NULL) == ERR_LIMIT, "short seed");
}

static void accounts_are_those_of_other_wallets(const struct ecc *c)
{
	static const struct {
		enum address_kind kind;
		uint32_t index;
		const char *text;
	} rows[] = {
		{ADDRESS_EVM, 0, "0x9858EfFD232B4033E47d90003D41EC34EcaEda94"},
		{ADDRESS_EVM, 1, "0x6Fac4D18c912343BF86fa7049364Dd4E424Ab9C0"},
		{ADDRESS_EVM, 2147483647,
		 "0x8848bfC75a28756B521b09afDC120BdDddC7d7c9"},
		{ADDRESS_TRON, 0, "TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYdH"},
	};
	uint8_t seed[64];

	CHECK(bip39_seed(seed, ABANDON11 "about", "", NULL) == ERR_NONE,
	      "seed");
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct ecc_key k;
		struct address a;
		char text[ADDRESS_TEXT_MAX];

		CHECK(bip32_account(&k, c, seed, 64, rows[i].kind,
				    rows[i].index, NULL) == ERR_NONE,
		      "row %zu", i);
		a = ecc_address(c, &k);
		CHECK(strcmp(address_text(text, &a, rows[i].kind),
			     rows[i].text) == 0,
		      "index %u: %s", rows[i].index, text);
	}
	CHECK(bip32_account(&(struct ecc_key){{0}}, c, seed, 64, ADDRESS_EVM,
			    BIP32_HARD, NULL) == ERR_LIMIT,
	      "an index of 2^31");
}

int main(void)
{
	struct ecc *c = ecc_new(NULL);

	phrases_are_the_published_ones();
	phrases_are_read_as_people_type_them();
	odd_lengths_make_no_phrase();
	the_tree_is_bip_32s(c);
	accounts_are_those_of_other_wallets(c);
	ecc_free(c);
	return CHECK_EXIT();
}
