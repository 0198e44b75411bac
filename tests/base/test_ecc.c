/* Vectors: RFC 6979 on secp256k1 as widely published (key 1, "Satoshi
 * Nakamoto"); EIP-2098's two examples; receipts as ethers 6 signs them. */
#include "base/ecc.h"
#include "base/eip712.h"
#include "base/keccak.h"
#include "base/rlp.h"
#include "tests/base/vec.h"
#include "tests/check.h"

#include <openssl/sha.h>

#define BANK "8ba1f109551bd432803012645ac136ddd64dba72"
#define PAYEE "5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"
#define KEY "4646464646464646464646464646464646464646464646464646464646464646"
#define PAYER "9d8a62f656a8d1615c1294fd71e9cfb3e4855a4f"

static struct ecc_key key_of(const char *hex)
{
	struct ecc_key k;

	vec(k.bytes, 32, hex);
	return k;
}

static void signing_is_deterministic(const struct ecc *c)
{
	struct ecc_key one = key_of("00000000000000000000000000000000000000000"
				    "00000000000000000000001");
	struct hash32 digest;
	struct ecc_sig sig;

	(void)SHA256((const unsigned char *)"Satoshi Nakamoto", 16,
		     digest.bytes);
	sig = ecc_sign(c, &one, &digest);
	CHECK(vec_is(sig.r, 32,
		     "934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab"
		     "210ee3d8"),
	      "r");
	CHECK(vec_is(sig.s, 32,
		     "2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a51"
		     "2aafd9e5"),
	      "s");
}

static void eip_2098_packs_the_parity(const struct ecc *c)
{
	static const struct {
		const char *text, *want;
		uint8_t v;
	} rows[] = {
		{"\x19"
		 "Ethereum Signed Message:\n11Hello World",
		 "68a020a209d3d56c46f38cc50a33f704f4a9a10a59377f8dd762ac66910e"
		 "9b907e865ad05c4035ab5792787d4a0297a43617ae897930a6fe4d822b8f"
		 "aea52064",
		 0},
		{"\x19"
		 "Ethereum Signed Message:\n22It's a small(er) world",
		 "9328da16089fcba9bececa81663203989f2df5fe1faa6291a45381c81bd1"
		 "7f76939c6d6b623b42da56557e5e734a43dc83345ddfadec52cbe24d0cc6"
		 "4f550793",
		 1},
	};
	struct ecc_key k = key_of("1234567890123456789012345678901234567890123"
				  "456789012345678901234");

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hash32 d = keccak256(rows[i].text, strlen(rows[i].text));
		struct ecc_sig sig = ecc_sign(c, &k, &d), back;
		struct sig64 packed = sig64_pack(&sig);
		struct address who, own = ecc_address(c, &k);

		CHECK(sig.v == rows[i].v, "row %zu: v", i);
		CHECK(vec_is(packed.bytes, 64, rows[i].want), "row %zu", i);
		back = sig64_unpack(&packed);
		CHECK(memcmp(&back, &sig, sizeof(sig)) == 0, "row %zu: back",
		      i);
		CHECK(sig64_recover(&who, &d, &packed, NULL) == ERR_NONE &&
			      address_eq(&who, &own),
		      "row %zu: recovered", i);
		CHECK(sig64_is_by(&packed, &d, &own), "row %zu: its own", i);
		who.bytes[19] ^= 1;
		CHECK(!sig64_is_by(&packed, &d, &who), "row %zu: another's", i);
		memset(packed.bytes, 0xff, sizeof(packed.bytes));
		CHECK(!sig64_is_by(&packed, &d, &own), "row %zu: nobody's", i);
	}
}

static void receipts_are_signed_as_the_contract_reads_them(const struct ecc *c)
{
	static const struct {
		const char *name;
		uint64_t amount; /* 0 with max: 2^112-1 */
		bool max;
		const char *digest, *sig;
	} rows[] = {
		{"the largest amount", 0, true,
		 "b42720d74e0bdaa8d2866716cddf66dbedc2e1c722610d04888a9814ae5d"
		 "9c11",
		 "e2092b8901f36c796626d80e4a7ac83747906c8808d95ada8a8727b51e77"
		 "046f254c5fd999bf42f11e4f603e20fceaf920f84f749c5f797435aa972e"
		 "b975d92f"},
		{"nothing", 0, false,
		 "d39a08e755d1c68c5ade137cdc5234519b6abb7bb8a18cec8da6f5cc33d6"
		 "cd0d",
		 "7a27b356473d8dfb35e212f58ea725f1488d07e48444d1d865a67dee170e"
		 "360169f5c304a7cf90ba3a8eaf07f1f95550166cbb72a48cd03ed677d486"
		 "e4b2a058"},
		{"one unit", 1, false,
		 "5e549043a2778f01bc8b5652ef572861952660b1d5ca3c38c97eb59d185c"
		 "ee33",
		 "92b2ba42a5d40f58878c0502035380982927dab0c9a39e1f8cf4dcfa5a1b"
		 "fc11faa80e992b2aaa6a579caafeea11522a8ad53d44a2cdbebcb8d7d622"
		 "5f612fb7"},
		{"a middling amount", 12345678901234567890U, false,
		 "9f7e86695c5511a1e7ea6b9a69a0b66ae3927eee518e924674b7babbea7c"
		 "a898",
		 "0c2876e84cef9905eddea92c3b25c00784595307823101483674a7ca0329"
		 "bdc6830373f150aa72657907818747b0d99a16a7e1a3733b9ce5145cacfb"
		 "ccbfe13d"},
	};
	struct ecc_key k = key_of(KEY);
	struct address bank, payee, payer = ecc_address(c, &k);
	struct hash32 domain;

	vec(bank.bytes, 20, BANK);
	vec(payee.bytes, 20, PAYEE);
	CHECK(vec_is(payer.bytes, 20, PAYER), "address of the key");
	domain = eip712_domain(199, &bank);
	CHECK(vec_is(domain.bytes, 32,
		     "876c3c44980dcd882636f47b1b4fadd2a3d1dbe1719f51f1c5b7739fb"
		     "41be8b0"),
	      "domain separator");
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct amount a = rows[i].max ? amount_max112()
					      : amount_from_u64(rows[i].amount);
		struct hash32 d = eip712_receipt(&domain, &payer, &payee, a);
		struct ecc_sig sig = ecc_sign(c, &k, &d);
		struct sig64 packed = sig64_pack(&sig);

		CHECK(vec_is(d.bytes, 32, rows[i].digest), "%s: digest",
		      rows[i].name);
		CHECK(vec_is(packed.bytes, 64, rows[i].sig), "%s: signature",
		      rows[i].name);
	}
}

static void bad_signatures_are_nobodys(const struct ecc *c)
{
	static const struct {
		const char *name, *r, *s;
		uint8_t v;
	} rows[] = {
		{"r is zero",
		 "000000000000000000000000000000000000000000000000000000000000"
		 "0000",
		 "2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aaf"
		 "d9e5",
		 0},
		{"s is zero",
		 "934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210e"
		 "e3d8",
		 "000000000000000000000000000000000000000000000000000000000000"
		 "0000",
		 0},
		{"s is one over half the order",
		 "934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210e"
		 "e3d8",
		 "7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b"
		 "20a1",
		 0},
		{"r is the order",
		 "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd036"
		 "4141",
		 "2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aaf"
		 "d9e5",
		 0},
		{"r is no point's x",
		 "000000000000000000000000000000000000000000000000000000000000"
		 "0005",
		 "2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aaf"
		 "d9e5",
		 0},
		{"v is 2",
		 "934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210e"
		 "e3d8",
		 "2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aaf"
		 "d9e5",
		 2},
	};
	struct hash32 d = keccak256("x", 1);

	(void)c;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct ecc_sig sig = {.v = rows[i].v};
		struct address who;

		vec(sig.r, 32, rows[i].r);
		vec(sig.s, 32, rows[i].s);
		CHECK(ecc_recover(&who, &d, &sig, NULL) == ERR_SIG, "%s",
		      rows[i].name);
	}
}

/* The other s also recovers in ecrecover; here it must not, or a receipt has
 * two forms. */
static void the_high_twin_of_a_signature_is_refused(const struct ecc *c)
{
	static const char order[] = "fffffffffffffffffffffffffffffffebaaedce6af"
				    "48a03bbfd25e8cd0364141";
	struct ecc_key k = key_of(KEY);
	struct hash32 d = keccak256("y", 1);
	struct ecc_sig sig = ecc_sign(c, &k, &d);
	uint8_t n[32];
	int borrow = 0;
	struct address who;

	vec(n, 32, order);
	for (size_t i = 32; i-- > 0;) {
		int v = n[i] - sig.s[i] - borrow;

		borrow = v < 0;
		sig.s[i] = (uint8_t)v;
	}
	sig.v ^= 1;
	CHECK(ecc_recover(&who, &d, &sig, NULL) == ERR_SIG, "taken");
}

static void keys_outside_the_curve_are_refused(void)
{
	struct ecc_key k;
	uint8_t raw[32] = {0};

	CHECK(ecc_key_read(&k, raw, NULL) == ERR_PARSE, "zero");
	vec(raw, 32,
	    "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd036414"
	    "1");
	CHECK(ecc_key_read(&k, raw, NULL) == ERR_PARSE, "the order");
	raw[31] = 0x40;
	CHECK(ecc_key_read(&k, raw, NULL) == ERR_NONE, "one below it");
}

/* Yellow Paper, appendix B; contract addresses as ethers 6 gives them. */
static void rlp_is_the_shortest_form(void)
{
	static const char list[] =
		"f83f80007f8180b83861616161616161616161616161"
		"616161616161616161616161616161616161616161"
		"616161616161616161616161616161616161616161"
		"61";
	uint8_t items[128], whole[512], text[300];
	struct wr w = wr_into(items, sizeof(items));
	struct wr all = wr_into(whole, sizeof(whole));
	struct address from, made;

	memset(text, 'a', sizeof(text));
	rlp_bytes(&w, text, 0);
	rlp_bytes(&w, (const uint8_t *)"\0", 1);
	rlp_u64(&w, 0x7f);
	rlp_u64(&w, 0x80);
	rlp_bytes(&w, text, 56);
	rlp_list(&all, items, wr_len(&w));
	CHECK(wr_len(&all) == 65 && vec_is(whole, 65, list), "list");
	all = wr_into(whole, sizeof(whole));
	rlp_bytes(&all, text, sizeof(text));
	CHECK(wr_len(&all) == 303 && vec_is(whole, 4, "b9012c61"), "long");
	w = wr_into(items, sizeof(items));
	rlp_u64(&w, 0);
	rlp_amount(&w, amount_from_parts(1, 2));
	CHECK(wr_len(&w) == 11 && vec_is(items, 11, "8089010000000000000002"),
	      "numbers");
	vec(from.bytes, 20, PAYER);
	made = rlp_create_address(&from, 0);
	CHECK(vec_is(made.bytes, 20,
		     "72665d3e94cb4f374b7728f1ab21a3115c4d50eb"),
	      "nonce 0");
	made = rlp_create_address(&from, 128);
	CHECK(vec_is(made.bytes, 20,
		     "330edd805d34afcb7c5f87c87cb886945714ccb7"),
	      "nonce 128");
	made = rlp_create_address(&from, 70000);
	CHECK(vec_is(made.bytes, 20,
		     "916ed69c86b262f1d7d7a98cacb1d2484586734a"),
	      "nonce 70000");
}

int main(void)
{
	struct ecc *c = ecc_new(NULL);

	signing_is_deterministic(c);
	eip_2098_packs_the_parity(c);
	receipts_are_signed_as_the_contract_reads_them(c);
	bad_signatures_are_nobodys(c);
	the_high_twin_of_a_signature_is_refused(c);
	keys_outside_the_curve_are_refused();
	rlp_is_the_shortest_form();
	ecc_free(c);
	return CHECK_EXIT();
}
