#include "base/bip32.h"

#include "base/kdf.h"

#include <sodium.h>
#include <string.h>

static const uint32_t coin_type[] = {
	[ADDRESS_EVM] = 60,
	[ADDRESS_TRON] = 195,
};

enum err_code bip32_master(struct bip32_node *out, const uint8_t *seed,
			   size_t len, struct err *e)
{
	static const char salt[] = "Bitcoin seed";
	uint8_t i[64];
	enum err_code code;

	if (len < 16 || len > 64)
		return err_fail(e, ERR_LIMIT, "seed: 16 to 64 bytes");
	if (!kdf_hmac_sha512(i, salt, sizeof(salt) - 1, seed, len))
		return err_fail(e, ERR_NOMEM, "seed: no memory");
	code = ecc_key_read(&out->key, i, e);
	memcpy(out->chain, i + 32, sizeof(out->chain));
	sodium_memzero(i, sizeof(i));
	return code;
}

enum err_code bip32_child(struct bip32_node *n, const struct ecc *c,
			  uint32_t index, struct err *e)
{
	uint8_t data[37], i[64];
	bool good;

	if (index & BIP32_HARD) {
		data[0] = 0;
		memcpy(data + 1, n->key.bytes, 32);
	} else {
		ecc_public(data, c, &n->key);
	}
	for (unsigned k = 0; k < 4; k++)
		data[33 + k] = (uint8_t)(index >> (24 - 8 * k));
	good = kdf_hmac_sha512(i, n->chain, sizeof(n->chain), data,
			       sizeof(data)) &&
	       ecc_key_add(&n->key, i);
	memcpy(n->chain, i + 32, sizeof(n->chain));
	sodium_memzero(i, sizeof(i));
	sodium_memzero(data, sizeof(data));
	if (!good) /* one index in 2^127; BIP-32 says to take the next */
		return err_fail(e, ERR_LIMIT, "no key at this index");
	return ERR_NONE;
}

enum err_code bip32_account(struct ecc_key *out, const struct ecc *c,
			    const uint8_t *seed, size_t seed_len,
			    enum address_kind kind, uint32_t index,
			    struct err *e)
{
	const uint32_t path[] = {44 | BIP32_HARD, coin_type[kind] | BIP32_HARD,
				 0 | BIP32_HARD, 0, index};
	struct bip32_node node;
	enum err_code code;

	if (index & BIP32_HARD)
		return err_fail(e, ERR_LIMIT, "account index: below 2^31");
	code = bip32_master(&node, seed, seed_len, e);
	for (size_t i = 0; code == ERR_NONE && i < 5; i++)
		code = bip32_child(&node, c, path[i], e);
	if (code == ERR_NONE)
		*out = node.key;
	sodium_memzero(&node, sizeof(node));
	return code;
}
