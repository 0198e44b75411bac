#include "wire/veil/mse.h"

#include "base/hex.h"
#include "tests/wire/mse_pair.h"

#include <sodium.h>

/* ---- the pieces ---- */

static void is_hex(const uint8_t *p, size_t len, const char *want,
		   const char *what)
{
	char text[256];

	hex_encode(text, p, len);
	CHECK(strcmp(text, want) == 0, "%s: %s", what, text);
}

static void rc4_gives_the_bytes_of_rfc_6229(void)
{
	static const uint8_t key[] = {1, 2, 3, 4, 5};
	uint8_t bytes[1040] = {0};
	struct rc4 c;

	rc4_init(&c, key, sizeof(key), 0);
	for (size_t at = 0; at < sizeof(bytes); at += 13) /* in crumbs */
		rc4_run(&c, bytes + at, bytes + at, 13);
	is_hex(bytes, 16, "b2396305f03dc027ccc3524a0a1118a8", "at 0");
	is_hex(bytes + 1024, 16, "30abbcc7c20b01609f23ee2d5f6bb7df", "at 1024");
	memset(bytes, 0, 16);
	rc4_init(&c, key, sizeof(key), 1024);
	rc4_run(&c, bytes, bytes, 16);
	is_hex(bytes, 16, "30abbcc7c20b01609f23ee2d5f6bb7df", "discarded");
}

/* Step by step as the definition has it, over every kind of clash. */
static void rc4_is_the_same_at_any_length(void)
{
	uint8_t s[256], i = 0, j = 0, in[4099], got[4099];
	struct rng rng = rng_seeded(5);
	struct rc4 c;
	size_t bad = 0;

	rng_fill(&rng, in, sizeof(in));
	rc4_init(&c, in, 20, 0);
	memcpy(s, c.s, sizeof(s));
	rc4_run(&c, got, in, sizeof(in));
	for (size_t n = 0; n < sizeof(in); n++) {
		uint8_t t;

		i++;
		j = (uint8_t)(j + s[i]);
		t = s[i];
		s[i] = s[j];
		s[j] = t;
		bad += got[n] != (in[n] ^ s[(uint8_t)(s[i] + s[j])]);
	}
	CHECK(bad == 0, "%zu bytes", bad);
}

static void a_public_key_is_2_to_the_exponent(void)
{
	struct dh768 a, b;
	struct rng rng = rng_seeded(1), other = rng_seeded(2);
	uint8_t x[DH768_LEN], y[DH768_LEN];

	CHECK(dh768_make(&a, &rng) && dh768_make(&b, &other), "make");
	CHECK(dh768_shared(x, &a, b.pub) && dh768_shared(y, &b, a.pub),
	      "shared");
	CHECK(memcmp(x, y, sizeof(x)) == 0, "they differ");
	memset(x, 0, sizeof(x));
	x[DH768_LEN - 1] = 2;
	for (uint8_t i = 0; i < DH768_EXPONENT_LEN; i++)
		a.exponent[i] = i + 1;
	CHECK(dh768_shared(y, &a, x), "2^x");
	is_hex(y, sizeof(y),
	       "96e112dab29e8c5272accb9b17b26887ce54a144a4e3b697c7d159b7a817e5"
	       "56b0918db2b4c658e02a87f7e5fb14b18a553e084cbf3dad2d30f16596ccb9"
	       "82d406258c61b30c5c1dae2ddc60bdbd48d79896312aad63238c39e1a63382"
	       "1eb693",
	       "2^x");
}

/* p itself, read back from a group element: p - 2^x is no secret, so it is
 * written down once more. */
static const char *const weak_keys[] = {
	"000000000000000000000000000000000000000000000000000000000000000000000"
	"000000000000000000000000000000000000000000000000000000000000000000000"
	"000000000000000000000000000000000000000000000000000000",
	"000000000000000000000000000000000000000000000000000000000000000000000"
	"000000000000000000000000000000000000000000000000000000000000000000000"
	"000000000000000000000000000000000000000000000000000001",
	"ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bb"
	"ea63b139b22514a08798e3404ddef9519b3cd3a431b302b0a6df25f14374fe1356d6d"
	"51c245e485b576625e7ec6f44c42e9a63a36210000000000090562",
	"ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bb"
	"ea63b139b22514a08798e3404ddef9519b3cd3a431b302b0a6df25f14374fe1356d6d"
	"51c245e485b576625e7ec6f44c42e9a63a36210000000000090563",
	"fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
	"fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
	"ffffffffffffffffffffffffffffffffffffffffffffffffffffff",
};

static void weak_public_keys_are_refused_by_both_sides(void)
{
	for (size_t i = 0; i < ROWS(weak_keys); i++) {
		struct mse_cfg cfg = pair_cfg(MSE_RC4, false, 1);
		struct mse *m[2] = {mse_accept(&cfg),
				    mse_open(&cfg, &pair_skey, NULL, 0)};
		uint8_t y[DH768_LEN];

		CHECK(hex_decode(y, sizeof(y), weak_keys[i]), "hex %zu", i);
		for (int side = 0; side < 2; side++) {
			(void)pair_feed(m[side], y, sizeof(y), 4096);
			CHECK(mse_state(m[side]) == MSE_FAILED,
			      "key %zu, side %d", i, side);
			mse_free(m[side]);
		}
	}
}

/* ---- whole handshakes ---- */

static const struct {
	const char *name;
	unsigned opener, accepter;
	bool plain_first;
	enum mse_method want; /* 0: none */
} meetings[] = {
	{"all against all, encryption wanted", 7, 7, false, MSE_FRAMES},
	{"all against all, the cheapest wanted", 7, 7, true, MSE_PLAIN},
	{"no plain bytes are offered", 6, 7, true, MSE_FRAMES},
	{"frames against a stranger", 7, 3, false, MSE_RC4},
	{"frames against a stranger that likes it plain", 7, 3, true,
	 MSE_PLAIN},
	{"a stranger against frames", 3, 7, false, MSE_RC4},
	{"a stranger that has plain bytes only", 1, 7, false, MSE_PLAIN},
	{"rc4 alone", 2, 2, false, MSE_RC4},
	{"frames alone", 4, 4, false, MSE_FRAMES},
	{"nothing in common", 1, 2, false, (enum mse_method)0},
	{"frames against rc4", 4, 2, false, (enum mse_method)0},
};

static void same_keys(const struct mse *opener, const struct mse *accepter,
		      const char *name)
{
	struct mse_keys a, b;
	const uint8_t *p;

	mse_take(opener, &a);
	mse_take(accepter, &b);
	CHECK(a.method == b.method, "%s", name);
	if (a.method == MSE_RC4)
		CHECK(memcmp(&a.in, &b.out, sizeof(a.in)) == 0 &&
			      memcmp(&a.out, &b.in, sizeof(a.in)) == 0,
		      "%s", name);
	if (a.method == MSE_FRAMES)
		CHECK(memcmp(a.frames.in, b.frames.out, 32) == 0 &&
			      memcmp(a.frames.out, b.frames.in, 32) == 0 &&
			      memcmp(a.frames.in, a.frames.out, 32) != 0 &&
			      a.frames.suite == b.frames.suite,
		      "%s", name);
	CHECK(mse_early(accepter, &p) == sizeof(PAIR_IA) - 1 &&
		      memcmp(p, PAIR_IA, sizeof(PAIR_IA) - 1) == 0,
	      "%s: what the opener said first", name);
	CHECK(mse_early(opener, &p) == 0, "%s", name);
}

static void meet(size_t row, uint64_t seed, size_t chop)
{
	struct mse_cfg a = pair_cfg(meetings[row].opener, false, seed);
	struct mse_cfg b = pair_cfg(meetings[row].accepter,
				    meetings[row].plain_first, seed + 1000);
	struct mse *opener = mse_open(&a, &pair_skey, (const uint8_t *)PAIR_IA,
				      sizeof(PAIR_IA) - 1);
	struct mse *accepter = mse_accept(&b);
	const char *name = meetings[row].name;
	struct mse_keys keys;

	pair_run(opener, accepter, chop);
	if (!meetings[row].want) {
		CHECK(mse_state(accepter) == MSE_FAILED, "%s", name);
	} else {
		CHECK(mse_state(opener) == MSE_DONE &&
			      mse_state(accepter) == MSE_DONE,
		      "%s, %zu bytes at a time: %s, %s", name, chop,
		      mse_why(opener), mse_why(accepter));
		mse_take(opener, &keys);
		CHECK(keys.method == meetings[row].want, "%s: %u", name,
		      (unsigned)keys.method);
		same_keys(opener, accepter, name);
	}
	mse_free(opener);
	mse_free(accepter);
}

static void both_come_to_the_best_that_both_take(void)
{
	for (size_t i = 0; i < ROWS(meetings); i++) {
		meet(i, 1, 4096);
		meet(i, 2, 1);
		meet(i, 3, 97);
	}
}

static void pads_of_any_length_are_read(void)
{
	for (uint64_t seed = 10; seed < 40; seed++)
		meet(seed % 2 ? 0 : 7, seed, seed % 3 ? 4096 : 7);
}

static void digest_is(const struct mse *m, const char *want, const char *what)
{
	const uint8_t *p;
	uint8_t digest[32];
	size_t n = mse_output(m, &p);

	sha256_once(digest, p, n);
	is_hex(digest, sizeof(digest), want, what);
}

static void frame_is(struct frames *f, const char *text, const char *want)
{
	uint8_t box[64];
	struct iovec iov = {(void *)(uintptr_t)text, strlen(text)};

	CHECK(frames_seal(f, box, &iov, 1, iov.iov_len), "seal");
	is_hex(box, iov.iov_len + FRAMES_MORE, want, text);
}

/* The numbers are those of a second implementation, of docs/protocol.md alone.
 */
static void all_bytes_are_those_of_another_implementation(void)
{
	struct mse_cfg a = pair_cfg(MSE_RC4 | MSE_FRAMES, false, 1);
	struct mse_cfg b = pair_cfg(MSE_RC4 | MSE_FRAMES, false, 2);
	struct mse *opener = mse_open(&a, &pair_skey, (const uint8_t *)PAIR_IA,
				      sizeof(PAIR_IA) - 1);
	struct mse *accepter = mse_accept(&b);
	struct mse_keys keys[2];
	struct frames *f[2];

	digest_is(opener,
		  "9c82ec8db7a2e57f323e6e88f3f9790e9dcb9b60278fc5cbecec6d0407f9"
		  "5d7f",
		  "step 1");
	pair_move(opener, accepter, 4096);
	digest_is(accepter,
		  "24b5eadfdecf57cc562684e7a7404db159139d95c264c2b13f038d0f0938"
		  "c26d",
		  "step 2");
	pair_move(accepter, opener, 4096);
	digest_is(opener,
		  "f068d28fb7efbdf042cb5eef003c523a6e71cdedde95589450fad2d380c0"
		  "948b",
		  "step 3");
	pair_move(opener, accepter, 4096);
	digest_is(accepter,
		  "8ae00a6336ff3120f9c3b0f6b3d11868a1a278360a7eabf98a1e1bd20b6d"
		  "fe30",
		  "step 4");
	pair_move(accepter, opener, 4096);
	mse_take(opener, &keys[0]);
	mse_take(accepter, &keys[1]);
	f[0] = frames_new(&keys[0].frames);
	f[1] = frames_new(&keys[1].frames);
	frame_is(f[0], "to the accepter",
		 "799f00fc8595c9345286b6d7a8ce8a2cc95583ede1951fbbff565da46d40"
		 "79021d");
	frame_is(f[1], "to the opener",
		 "129a34869348ee006e284e77b02576637002b619678470e8fb8a070db9a0"
		 "55");
	frames_free(f[0]);
	frames_free(f[1]);
	mse_free(opener);
	mse_free(accepter);
}

/* ---- handshakes that are none ---- */

static const struct {
	const char *name, *bytes;
	size_t len, used;
	enum mse_state want;
} firsts[] = {
	{"a handshake of BEP 3 is told by its 20 bytes",
	 "\x13"
	 "BitTorrent protocolXXXX",
	 24, 20, MSE_BARE},
	{"a beginning of one is not enough",
	 "\x13"
	 "BitTorrent",
	 11, 11, MSE_MORE},
	{"a key may begin with 19",
	 "\x13"
	 "Bit!",
	 5, 5, MSE_MORE},
	{"nothing is nothing", "", 0, 0, MSE_MORE},
};

static void a_plain_handshake_is_told_from_a_key(void)
{
	for (size_t i = 0; i < ROWS(firsts); i++) {
		for (size_t chop = 1; chop < 30; chop += 28) {
			struct mse_cfg cfg = pair_cfg(MSE_RC4, false, 1);
			struct mse *m = mse_accept(&cfg);
			const uint8_t *p;

			CHECK(pair_feed(m, (const uint8_t *)firsts[i].bytes,
					firsts[i].len, chop) == firsts[i].used,
			      "%s: used", firsts[i].name);
			CHECK(mse_state(m) == firsts[i].want, "%s",
			      firsts[i].name);
			if (firsts[i].want == MSE_BARE)
				CHECK(mse_early(m, &p) == 20 &&
					      memcmp(p, firsts[i].bytes, 20) ==
						      0,
				      "%s: early", firsts[i].name);
			mse_free(m);
		}
	}
}

#define GOOD .provide = 2

static const struct {
	const char *name;
	struct forgery how;
	const char *why; /* "": it is taken */
} forgeries[] = {
	{"as it should be", {GOOD}, ""},
	{"the longest pads",
	 {GOOD, .pad_a = 512, .pad_c = 512, .pad_c_sent = 512},
	 ""},
	{"PadA of 513 bytes", {GOOD, .pad_a = 513}, "no end of its pad"},
	{"PadA of 3000 bytes", {GOOD, .pad_a = 3000}, "no end of its pad"},
	{"PadC of 513 bytes",
	 {GOOD, .pad_c = 513, .pad_c_sent = 513},
	 "a pad that is too long"},
	{"PadC said to have 65535 bytes",
	 {GOOD, .pad_c = 65535},
	 "a pad that is too long"},
	{"the longest IA", {GOOD, .ia = 512}, ""},
	{"IA of 513 bytes",
	 {GOOD, .ia = 513},
	 "an initial payload that is too long"},
	{"a wrong verification constant",
	 {GOOD, .vc = 1},
	 "a wrong verification constant"},
	{"an info hash that nobody has",
	 {GOOD, .skey = 1},
	 "an info hash that nobody here has"},
	{"nothing that we take",
	 {.provide = 1},
	 "nothing that both sides take"},
	{"nothing at all", {.provide = 0}, "nothing that both sides take"},
	{"bits that nobody knows besides", {.provide = 0xffffffff}, ""},
	{"frames without a key",
	 {.provide = MSE_OFFER | 2, .pad_c = 32, .pad_c_sent = 32},
	 "an offer without a key"},
	{"frames with a key of zeroes and no suite",
	 {.provide = MSE_OFFER | 2, .pad_c = 33, .pad_c_sent = 33},
	 ""},
};

static void an_accepter_takes_what_is_right_only(void)
{
	for (size_t i = 0; i < ROWS(forgeries); i++) {
		struct mse_cfg cfg = pair_cfg(MSE_RC4 | MSE_FRAMES, false, 1);
		struct mse *m = mse_accept(&cfg);
		struct forged f = {0};
		bool good = *forgeries[i].why == 0;
		const uint8_t *p;

		forge_open(&f, m, &forgeries[i].how);
		forge_ask(&f, m, &forgeries[i].how);
		CHECK((mse_state(m) == MSE_DONE) == good, "%s",
		      forgeries[i].name);
		CHECK(strcmp(mse_why(m), forgeries[i].why) == 0, "%s: %s",
		      forgeries[i].name, mse_why(m));
		if (!good)
			CHECK(mse_output(m, &p) == 0, "%s: says more",
			      forgeries[i].name);
		mse_free(m);
	}
}

/* An accepter's answer, changed on its way: bytes of it, of step 2 or 4. */
static void answer_to(struct mse *opener, size_t at, uint8_t flip)
{
	struct mse_cfg b = pair_cfg(MSE_RC4 | MSE_FRAMES, false, 2);
	struct mse *accepter = mse_accept(&b);
	uint8_t step[2048];
	const uint8_t *p;
	size_t n;

	pair_move(opener, accepter, 4096);
	pair_move(accepter, opener, 4096);
	pair_move(opener, accepter, 4096);
	n = mse_output(accepter, &p);
	memcpy(step, p, n);
	step[at] ^= flip;
	(void)pair_feed(opener, step, n, 4096);
	mse_free(accepter);
}

static const struct {
	const char *name;
	unsigned methods;
	size_t at;
	uint8_t flip;
	const char *why;
} answers[] = {
	{"as it should be", MSE_RC4, 0, 0, ""},
	{"VC is changed", MSE_RC4, 0, 1, "no end of its pad"},
	{"a method that was not offered", MSE_RC4, 11, 3,
	 "chose what was not offered"},
	{"two methods", MSE_RC4, 11, 1, "chose what was not offered"},
	{"a bit that nobody knows", MSE_RC4, 9, 1,
	 "chose what was not offered"},
	{"PadD over 512 bytes", MSE_RC4, 12, 0x80, "a pad that is too long"},
	{"a suite that there is not", MSE_FRAMES, 14 + 32, 4,
	 "an answer without a key"},
	{"both suites", MSE_FRAMES, 14 + 32, 3, "an answer without a key"},
};

static void an_opener_takes_what_it_offered_only(void)
{
	for (size_t i = 0; i < ROWS(answers); i++) {
		struct mse_cfg a = pair_cfg(answers[i].methods, false, 1);
		struct mse *m = mse_open(&a, &pair_skey, NULL, 0);
		uint8_t more[600] = {0};
		bool good = *answers[i].why == 0;

		answer_to(m, answers[i].at, answers[i].flip);
		(void)pair_feed(m, more, sizeof(more), 4096);
		if (strcmp(answers[i].name, "both suites") == 0 &&
		    mse_state(m) == MSE_DONE) /* no AES here: 2 ^ 3 is 1 */
			good = true;
		CHECK((mse_state(m) == MSE_DONE) == good, "%s",
		      answers[i].name);
		CHECK(good || strcmp(mse_why(m), answers[i].why) == 0, "%s: %s",
		      answers[i].name, mse_why(m));
		mse_free(m);
	}
}

/* What a man in between changes of the pads changes the keys. */
static void a_changed_offer_gives_other_keys(void)
{
	struct mse_cfg a = pair_cfg(MSE_FRAMES | MSE_RC4, false, 1);
	struct mse_cfg b = pair_cfg(MSE_FRAMES | MSE_RC4, false, 2);
	struct mse *opener = mse_open(&a, &pair_skey, NULL, 0);
	struct mse *accepter = mse_accept(&b);
	struct mse_keys x, y;
	uint8_t step[2048];
	const uint8_t *p;
	size_t n;

	pair_move(opener, accepter, 4096);
	pair_move(accepter, opener, 4096);
	n = mse_output(opener, &p);
	memcpy(step, p, n);
	step[40 + 11] ^= 1; /* offers plain bytes, too */
	(void)pair_feed(accepter, step, n, 4096);
	pair_move(accepter, opener, 4096);
	CHECK(mse_state(opener) == MSE_DONE && mse_state(accepter) == MSE_DONE,
	      "%s, %s", mse_why(opener), mse_why(accepter));
	mse_take(opener, &x);
	mse_take(accepter, &y);
	CHECK(memcmp(x.frames.in, y.frames.out, 32) != 0, "the same keys");
	mse_free(opener);
	mse_free(accepter);
}

static void no_work_is_done_when_there_is_too_much(void)
{
	struct mse_cfg cfg = pair_cfg(MSE_RC4, false, 1);
	uint8_t key[DH768_LEN] = {2};
	bool busy = true;
	struct mse *m;
	const uint8_t *p;

	cfg.ctx = &busy;
	m = mse_accept(&cfg);
	(void)pair_feed(m, key, sizeof(key), 4096);
	CHECK(mse_state(m) == MSE_FAILED && mse_output(m, &p) == 0, "%s",
	      mse_why(m));
	mse_free(m);
}

int main(void)
{
	if (sodium_init() < 0)
		return 1;
	rc4_gives_the_bytes_of_rfc_6229();
	rc4_is_the_same_at_any_length();
	a_public_key_is_2_to_the_exponent();
	weak_public_keys_are_refused_by_both_sides();
	both_come_to_the_best_that_both_take();
	pads_of_any_length_are_read();
	if (crypto_aead_aes256gcm_is_available())
		all_bytes_are_those_of_another_implementation();
	a_plain_handshake_is_told_from_a_key();
	an_accepter_takes_what_is_right_only();
	an_opener_takes_what_it_offered_only();
	a_changed_offer_gives_other_keys();
	no_work_is_done_when_there_is_too_much();
	return CHECK_EXIT();
}
