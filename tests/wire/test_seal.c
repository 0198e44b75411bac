#include "wire/peer/seal.h"

#include "tests/check.h"

#include <sodium.h>
#include <string.h>

static struct seal_keypair seller_key, buyer_key;

static struct seal_transcript transcript(void)
{
	struct seal_transcript t = {
		.seller_ext = (const uint8_t *)"d1:ai1ee",
		.seller_ext_len = 8,
		.buyer_ext = (const uint8_t *)"de",
		.buyer_ext_len = 2,
	};

	memset(&t.seller_id, 's', sizeof(t.seller_id));
	memset(&t.buyer_id, 'b', sizeof(t.buyer_id));
	memset(&t.hash, 'h', sizeof(t.hash));
	return t;
}

static void pair(struct seal *seller, struct seal *buyer)
{
	struct seal_transcript t = transcript();

	CHECK(seal_seller_new(seller, &seller_key, buyer_key.pk, &t, NULL) ==
		      ERR_NONE,
	      "seller");
	CHECK(seal_buyer_new(buyer, &buyer_key, seller_key.pk, &t, NULL) ==
		      ERR_NONE,
	      "buyer");
}

static enum err_code send(struct seal *from, struct seal *to, uint8_t name,
			  const char *text)
{
	uint8_t box[256], plain[256];
	size_t box_len, len;
	enum err_code rc;

	rc = seal_box(from, name, box, sizeof(box), &box_len,
		      (const uint8_t *)text, strlen(text), NULL);
	if (rc != ERR_NONE)
		return rc;
	rc = seal_open(to, name, plain, sizeof(plain), &len, box, box_len,
		       NULL);
	if (rc == ERR_NONE)
		CHECK(len == strlen(text) && memcmp(plain, text, len) == 0,
		      "another text");
	return rc;
}

static void both_directions_open(void)
{
	struct seal seller, buyer;

	pair(&seller, &buyer);
	for (int i = 0; i < 3; i++) {
		CHECK(send(&buyer, &seller, 'p', "to the seller") == ERR_NONE,
		      "%d", i);
		CHECK(send(&seller, &buyer, 's', "to the buyer") == ERR_NONE,
		      "%d", i);
	}
	CHECK(send(&buyer, &seller, 'p', "") == ERR_NONE, "empty");
}

enum harm { FLIP, REPLAY, REORDER, OTHER_NAME, SHORT, OWN_BOX };

static enum err_code harmed(enum harm harm)
{
	struct seal seller, buyer;
	uint8_t a[64], b[64], plain[64];
	size_t a_len, b_len, len;

	pair(&seller, &buyer);
	(void)seal_box(&buyer, 'p', a, sizeof(a), &a_len,
		       (const uint8_t *)"one", 3, NULL);
	(void)seal_box(&buyer, 'p', b, sizeof(b), &b_len,
		       (const uint8_t *)"two", 3, NULL);
	switch (harm) {
	case FLIP:
		a[1] ^= 4;
		break;
	case REPLAY:
		(void)seal_open(&seller, 'p', plain, sizeof(plain), &len, a,
				a_len, NULL);
		break;
	case REORDER:
		return seal_open(&seller, 'p', plain, sizeof(plain), &len, b,
				 b_len, NULL);
	case OTHER_NAME:
		return seal_open(&seller, 's', plain, sizeof(plain), &len, a,
				 a_len, NULL);
	case SHORT:
		return seal_open(&seller, 'p', plain, sizeof(plain), &len, a,
				 SEAL_MAC_LEN - 1, NULL);
	case OWN_BOX: /* reflected */
		return seal_open(&buyer, 'p', plain, sizeof(plain), &len, a,
				 a_len, NULL);
	}
	return seal_open(&seller, 'p', plain, sizeof(plain), &len, a, a_len,
			 NULL);
}

static void harm_is_seen(void)
{
	static const struct {
		const char *name;
		enum harm harm;
		enum err_code want;
	} rows[] = {
		{"one bit", FLIP, ERR_SIG},
		{"a box again", REPLAY, ERR_SIG},
		{"the second before the first", REORDER, ERR_SIG},
		{"for the other extension", OTHER_NAME, ERR_SIG},
		{"shorter than a MAC", SHORT, ERR_LIMIT},
		{"one's own box", OWN_BOX, ERR_SIG},
	};

	for (size_t i = 0; i < ROWS(rows); i++)
		CHECK(harmed(rows[i].harm) == rows[i].want, "%s", rows[i].name);
}

static void a_box_that_does_not_open_changes_nothing(void)
{
	struct seal seller, buyer, before;
	uint8_t box[64] = {0}, plain[64];
	size_t len;

	pair(&seller, &buyer);
	before = seller;
	CHECK(seal_open(&seller, 'p', plain, sizeof(plain), &len, box,
			sizeof(box), NULL) == ERR_SIG,
	      "opened");
	CHECK(memcmp(&before, &seller, sizeof(seller)) == 0, "changed");
}

/* Every part of the transcript is in the keys: change it on one side only. */
static void the_transcript_binds(void)
{
	static const char *names[] = {
		"seller's handshake", "buyer's handshake", "length",
		"seller's id",	      "buyer's id",	   "info hash"};

	for (unsigned i = 0; i < ROWS(names); i++) {
		struct seal_transcript t = transcript();
		struct seal seller, buyer;

		pair(&seller, &buyer);
		if (i == 0)
			t.seller_ext = (const uint8_t *)"d1:ai2ee";
		if (i == 1)
			t.buyer_ext = (const uint8_t *)"dx";
		if (i == 2)
			t.buyer_ext_len = 0;
		if (i == 3)
			t.seller_id.bytes[19] ^= 1;
		if (i == 4)
			t.buyer_id.bytes[19] ^= 1;
		if (i == 5)
			t.hash.bytes[19] ^= 1;
		(void)seal_buyer_new(&buyer, &buyer_key, seller_key.pk, &t,
				     NULL);
		CHECK(send(&buyer, &seller, 'p', "x") == ERR_SIG, "%s",
		      names[i]);
	}
}

static void keys_of_low_order_are_refused(void)
{
	static const uint8_t zero[SEAL_KEY_LEN];
	struct seal_transcript t = transcript();
	struct seal s;

	CHECK(seal_seller_new(&s, &seller_key, zero, &t, NULL) == ERR_SIG,
	      "seller");
	CHECK(seal_buyer_new(&s, &buyer_key, zero, &t, NULL) == ERR_SIG,
	      "buyer");
}

static void sizes_are_bounded(void)
{
	static uint8_t plain[SEAL_PLAIN_MAX + 1], box[SEAL_PLAIN_MAX + 100];
	struct seal seller, buyer;
	size_t len;

	pair(&seller, &buyer);
	CHECK(seal_box(&buyer, 'p', box, sizeof(box), &len, plain,
		       SEAL_PLAIN_MAX, NULL) == ERR_NONE,
	      "the longest");
	CHECK(seal_box(&buyer, 'p', box, sizeof(box), &len, plain,
		       sizeof(plain), NULL) == ERR_LIMIT,
	      "one over");
	CHECK(seal_box(&buyer, 'p', box, 10, &len, plain, 10, NULL) ==
		      ERR_LIMIT,
	      "no room");
	CHECK(seal_open(&seller, 'p', plain, 4, &len, box, 64, NULL) ==
		      ERR_LIMIT,
	      "no room to open");
}

/* The keys made the long way, from the header's words and libsodium's
 * description of crypto_kx (client: first half to receive). */
static void the_derivation_is_the_one_written_down(void)
{
	struct seal_transcript t = transcript();
	uint8_t shared[32], want[32], hash[32], kx[64], msg[16 + 32];
	uint8_t parts[512], in[32 + 32 + 32];
	struct seal seller;
	size_t n = 0;
	const struct {
		const uint8_t *p;
		uint8_t len;
	} list[] = {{t.seller_ext, 8},	     {t.buyer_ext, 2},
		    {seller_key.pk, 32},     {buyer_key.pk, 32},
		    {t.seller_id.bytes, 20}, {t.buyer_id.bytes, 20},
		    {t.hash.bytes, 20}};

	for (size_t i = 0; i < ROWS(list); i++) {
		memset(parts + n, 0, 3);
		parts[n + 3] = list[i].len;
		memcpy(parts + n + 4, list[i].p, list[i].len);
		n += 4U + list[i].len;
	}
	(void)crypto_hash_sha256(hash, parts, n);
	CHECK(crypto_scalarmult(shared, seller_key.sk, buyer_key.pk) == 0,
	      "shared");
	memcpy(in, shared, 32);
	memcpy(in + 32, buyer_key.pk, 32);
	memcpy(in + 64, seller_key.pk, 32);
	(void)crypto_generichash(kx, 64, in, sizeof(in), NULL, 0);
	memcpy(msg, "seedbank seal v1", 16);
	memcpy(msg + 16, hash, 32);
	(void)seal_seller_new(&seller, &seller_key, buyer_key.pk, &t, NULL);
	(void)crypto_generichash(want, 32, msg, sizeof(msg), kx, 32);
	CHECK(memcmp(seller.tx, want, 32) == 0, "the seller's sending key");
	(void)crypto_generichash(want, 32, msg, sizeof(msg), kx + 32, 32);
	CHECK(memcmp(seller.rx, want, 32) == 0, "its receiving key");
}

static void each_extension_has_its_own_length(void)
{
	static uint8_t plain[SEAL_STORE_PLAIN_MAX + 1],
		box[SEAL_STORE_PLAIN_MAX + 100];
	struct seal seller, buyer;
	size_t len;

	pair(&seller, &buyer);
	CHECK(seal_box(&buyer, 's', box, sizeof(box), &len, plain,
		       SEAL_STORE_PLAIN_MAX, NULL) == ERR_NONE &&
		      seal_open(&seller, 's', plain, sizeof(plain), &len, box,
				len, NULL) == ERR_NONE &&
		      len == SEAL_STORE_PLAIN_MAX,
	      "the longest of sb_store");
	CHECK(seal_box(&buyer, 's', box, sizeof(box), &len, plain,
		       sizeof(plain), NULL) == ERR_LIMIT,
	      "one over");
	CHECK(seal_box(&buyer, 's', box, sizeof(box), &len, plain,
		       SEAL_PLAIN_MAX + 1, NULL) == ERR_NONE &&
		      seal_open(&seller, 'p', plain, sizeof(plain), &len, box,
				len, NULL) == ERR_LIMIT,
	      "in sb_pay");
}

static void outer_messages_come_back(void)
{
	static const size_t lengths[] = {0,
					 1,
					 3,
					 83,
					 84,
					 983,
					 984,
					 9983,
					 9984,
					 65536,
					 SEAL_STORE_PLAIN_MAX};
	static uint8_t plain[SEAL_STORE_PLAIN_MAX],
		out[SEAL_STORE_PLAIN_MAX + SEAL_OUTER_MORE],
		back[SEAL_STORE_PLAIN_MAX];
	struct seal seller, buyer;
	struct seal_outer o;
	size_t n, len;

	pair(&seller, &buyer);
	for (size_t i = 0; i < ROWS(lengths); i++) {
		memset(plain, (int)('a' + i), lengths[i]);
		CHECK(seal_outer_box(&buyer, SEAL_OUTER_BUYER, 's', out,
				     lengths[i] + SEAL_OUTER_MORE, &n, plain,
				     lengths[i], NULL) == ERR_NONE,
		      "%zu", lengths[i]);
		CHECK(seal_outer_read(&o, out, n, NULL) == ERR_NONE &&
			      o.kind == SEAL_OUTER_BUYER,
		      "%zu: no outer message", lengths[i]);
		CHECK(seal_open(&seller, 's', back, sizeof(back), &len, o.p,
				o.len, NULL) == ERR_NONE &&
			      len == lengths[i] &&
			      memcmp(back, plain, len) == 0,
		      "%zu: another text", lengths[i]);
	}
	CHECK(seal_outer_box(&buyer, SEAL_OUTER_BUYER, 's', out, 47, &n, plain,
			     0, NULL) == ERR_LIMIT,
	      "into too little");
	n = seal_outer_key(out, buyer_key.pk);
	CHECK(n == 40 && memcmp(out, "d1:k32:", 7) == 0 &&
		      seal_outer_read(&o, out, n, NULL) == ERR_NONE &&
		      o.kind == SEAL_OUTER_KEY && o.len == SEAL_KEY_LEN &&
		      memcmp(o.p, buyer_key.pk, o.len) == 0,
	      "a key");
}

static void outer_messages_that_are_none(void)
{
	static const struct {
		const char *name, *in;
		enum err_code want;
	} rows[] = {
		{"a box of the buyer", "d1:b3:xyze", ERR_NONE},
		{"with a key that is not known", "d1:ai1e1:s3:xyze", ERR_NONE},
		{"nothing of ours", "d1:a3:xyze", ERR_PARSE},
		{"two at once", "d1:b3:xyz1:s3:xyze", ERR_PARSE},
		{"a key that is short", "d1:k3:xyze", ERR_PARSE},
		{"no string", "d1:bi3ee", ERR_PARSE},
		{"a list", "l1:be", ERR_PARSE},
		{"bytes after it", "d1:b3:xyzex", ERR_PARSE},
		{"nothing", "", ERR_PARSE},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct seal_outer o;

		CHECK(seal_outer_read(&o, (const uint8_t *)rows[i].in,
				      strlen(rows[i].in), NULL) == rows[i].want,
		      "%s", rows[i].name);
	}
}

int main(void)
{
	seal_keypair_new(&seller_key);
	seal_keypair_new(&buyer_key);
	both_directions_open();
	harm_is_seen();
	a_box_that_does_not_open_changes_nothing();
	the_transcript_binds();
	keys_of_low_order_are_refused();
	sizes_are_bounded();
	each_extension_has_its_own_length();
	outer_messages_come_back();
	outer_messages_that_are_none();
	the_derivation_is_the_one_written_down();
	return CHECK_EXIT();
}
