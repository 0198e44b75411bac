#include "wire/peer/seal.h"

#include "base/aead.h"
#include "base/bencode.h"
#include "base/bytes.h"

#include <sodium.h>
#include <string.h>

static const char label[] = "seedbank seal v1";

void seal_keypair_new(struct seal_keypair *out)
{
	(void)crypto_kx_keypair(out->pk, out->sk);
}

static void hash_part(crypto_hash_sha256_state *h, const uint8_t *p, size_t len)
{
	uint8_t be[4];
	struct wr w = wr_into(be, sizeof(be));

	wr_u32(&w, (uint32_t)len);
	(void)crypto_hash_sha256_update(h, be, sizeof(be));
	if (len)
		(void)crypto_hash_sha256_update(h, p, len);
}

static void transcript_hash(uint8_t out[32], const struct seal_transcript *t,
			    const uint8_t *seller_pk, const uint8_t *buyer_pk)
{
	crypto_hash_sha256_state h;

	(void)crypto_hash_sha256_init(&h);
	hash_part(&h, t->seller_ext, t->seller_ext_len);
	hash_part(&h, t->buyer_ext, t->buyer_ext_len);
	hash_part(&h, seller_pk, SEAL_KEY_LEN);
	hash_part(&h, buyer_pk, SEAL_KEY_LEN);
	hash_part(&h, t->seller_id.bytes, sizeof(t->seller_id.bytes));
	hash_part(&h, t->buyer_id.bytes, sizeof(t->buyer_id.bytes));
	hash_part(&h, t->hash.bytes, sizeof(t->hash.bytes));
	(void)crypto_hash_sha256_final(&h, out);
}

/* Binds a kx key to all that was said in the clear before. */
static void bind_key(uint8_t out[32], const uint8_t kx[32],
		     const uint8_t transcript[32])
{
	crypto_generichash_state h;

	(void)crypto_generichash_init(&h, kx, 32, 32);
	(void)crypto_generichash_update(&h, (const uint8_t *)label,
					sizeof(label) - 1);
	(void)crypto_generichash_update(&h, transcript, 32);
	(void)crypto_generichash_final(&h, out, 32);
}

static void finish(struct seal *out, const uint8_t rx[32], const uint8_t tx[32],
		   const uint8_t transcript[32])
{
	memset(out, 0, sizeof(*out));
	bind_key(out->rx, rx, transcript);
	bind_key(out->tx, tx, transcript);
}

enum err_code seal_seller_new(struct seal *out, const struct seal_keypair *own,
			      const uint8_t buyer_pk[SEAL_KEY_LEN],
			      const struct seal_transcript *t, struct err *e)
{
	uint8_t rx[32], tx[32], hash[32];

	if (crypto_kx_server_session_keys(rx, tx, own->pk, own->sk, buyer_pk))
		return err_fail(e, ERR_SIG, "seal: buyer's key is unusable");
	transcript_hash(hash, t, own->pk, buyer_pk);
	finish(out, rx, tx, hash);
	sodium_memzero(rx, sizeof(rx));
	sodium_memzero(tx, sizeof(tx));
	return ERR_NONE;
}

enum err_code seal_buyer_new(struct seal *out, const struct seal_keypair *own,
			     const uint8_t seller_pk[SEAL_KEY_LEN],
			     const struct seal_transcript *t, struct err *e)
{
	uint8_t rx[32], tx[32], hash[32];

	if (crypto_kx_client_session_keys(rx, tx, own->pk, own->sk, seller_pk))
		return err_fail(e, ERR_SIG, "seal: seller's key is unusable");
	transcript_hash(hash, t, seller_pk, own->pk);
	finish(out, rx, tx, hash);
	sodium_memzero(rx, sizeof(rx));
	sodium_memzero(tx, sizeof(tx));
	return ERR_NONE;
}

static void make_nonce(uint8_t nonce[24], uint64_t count)
{
	struct wr w = wr_into(nonce + 16, 8);

	memset(nonce, 0, 16);
	wr_u64(&w, count);
}

static size_t plain_max(uint8_t name)
{
	return name == 's' ? SEAL_STORE_PLAIN_MAX : SEAL_PLAIN_MAX;
}

enum err_code seal_box(struct seal *s, uint8_t name, uint8_t *box, size_t cap,
		       size_t *box_len, const uint8_t *plain, size_t len,
		       struct err *e)
{
	uint8_t nonce[24];

	if (len > plain_max(name) || cap < len + SEAL_MAC_LEN ||
	    s->tx_count == UINT64_MAX)
		return err_fail(e, ERR_LIMIT, "seal: message of %zu bytes",
				len);
	make_nonce(nonce, s->tx_count++);
	if (!aead_seal(box, plain, len, &name, 1, nonce, s->tx))
		return err_fail(e, ERR_NOMEM, "seal");
	*box_len = len + SEAL_MAC_LEN;
	return ERR_NONE;
}

enum err_code seal_open(struct seal *s, uint8_t name, uint8_t *plain,
			size_t cap, size_t *plain_len, const uint8_t *box,
			size_t len, struct err *e)
{
	uint8_t nonce[24];

	if (len < SEAL_MAC_LEN || len - SEAL_MAC_LEN > plain_max(name) ||
	    len - SEAL_MAC_LEN > cap || s->rx_count == UINT64_MAX)
		return err_fail(e, ERR_LIMIT, "seal: box of %zu bytes", len);
	make_nonce(nonce, s->rx_count);
	if (!aead_open(plain, box, len, &name, 1, nonce, s->rx))
		return err_fail(e, ERR_SIG, "seal: box %llu does not open",
				(unsigned long long)s->rx_count);
	s->rx_count++;
	*plain_len = len - SEAL_MAC_LEN;
	return ERR_NONE;
}

void seal_clear(struct seal *s)
{
	sodium_memzero(s, sizeof(*s));
}

/* ---- outer messages ---- */

#define OUTER_TOKENS_MAX 64U

static const char *const outer_keys[] = {
	[SEAL_OUTER_KEY] = "k",
	[SEAL_OUTER_BUYER] = "b",
	[SEAL_OUTER_SELLER] = "s",
};

size_t seal_outer_key(uint8_t out[64], const uint8_t pk[SEAL_KEY_LEN])
{
	struct wr w = wr_into(out, 64);

	ben_w_dict(&w);
	ben_w_str(&w, outer_keys[SEAL_OUTER_KEY]);
	ben_w_bytes(&w, pk, SEAL_KEY_LEN);
	ben_w_end(&w);
	return wr_len(&w);
}

/* "d1:b<n>:" <n bytes> "e": written around the place of the box. */
enum err_code seal_outer_box(struct seal *s, enum seal_outer_kind kind,
			     uint8_t name, uint8_t *out, size_t cap,
			     size_t *out_len, const uint8_t *plain, size_t len,
			     struct err *e)
{
	struct wr w = wr_into(out, cap);
	size_t box_len = len + SEAL_MAC_LEN;
	enum err_code rc;
	char digits[24];
	size_t n = 0;

	if (len > plain_max(name) || cap < len + SEAL_OUTER_MORE)
		return err_fail(e, ERR_LIMIT, "seal: message of %zu bytes",
				len);
	ben_w_dict(&w);
	ben_w_str(&w, outer_keys[kind]);
	for (size_t left = box_len; left; left /= 10)
		digits[n++] = (char)('0' + left % 10);
	while (n)
		wr_u8(&w, (uint8_t)digits[--n]);
	wr_u8(&w, ':');
	rc = seal_box(s, name, out + w.len, cap - w.len - 1, &box_len, plain,
		      len, e);
	if (rc != ERR_NONE)
		return rc;
	w.len += box_len;
	ben_w_end(&w);
	*out_len = wr_len(&w);
	return ERR_NONE;
}

static enum err_code read_outer(struct seal_outer *out, struct ben root,
				struct err *e)
{
	unsigned found = 0;

	for (unsigned i = SEAL_OUTER_KEY; i <= SEAL_OUTER_SELLER; i++) {
		struct ben v = ben_get(root, outer_keys[i]);
		struct ben_view s;

		if (ben_type(v) == BEN_NONE)
			continue;
		if (!ben_str(v, &s))
			return err_fail(e, ERR_PARSE,
					"outer message: no string");
		found++;
		*out = (struct seal_outer){(enum seal_outer_kind)i, s.p, s.len};
	}
	if (found != 1)
		return err_fail(e, ERR_PARSE, "outer message: none of ours");
	if (out->kind == SEAL_OUTER_KEY && out->len != SEAL_KEY_LEN)
		return err_fail(e, ERR_PARSE, "outer message: key of %zu bytes",
				out->len);
	return ERR_NONE;
}

enum err_code seal_outer_read(struct seal_outer *out, const uint8_t *buf,
			      size_t len, struct err *e)
{
	struct ben_doc *doc = NULL;
	enum err_code rc;

	rc = ben_parse(&doc, buf, len, OUTER_TOKENS_MAX, BEN_SORTED_KEYS, e);
	if (rc == ERR_LIMIT) /* as blameworthy as bad bytes */
		rc = ERR_PARSE;
	if (rc == ERR_NONE)
		rc = read_outer(out, ben_root(doc), e);
	ben_doc_free(doc);
	return rc;
}
