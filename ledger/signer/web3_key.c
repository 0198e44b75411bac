#include "ledger/signer/web3_key.h"

#include "base/hex.h"
#include "base/kdf.h"
#include "base/keccak.h"

#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define SCRYPT_MEM_MAX (UINT64_C(300) << 20)
#define SCRYPT_P_MAX 16
#define ROUNDS_MAX 10000000
#define SALT_MAX 64

struct sealed {
	bool scrypt;
	uint64_t n; /* scrypt's cost, or PBKDF2's rounds */
	uint32_t r, p;
	uint8_t salt[SALT_MAX];
	size_t salt_len;
	uint8_t iv[16];
	uint8_t cipher[32];
	uint8_t mac[32];
};

static enum err_code malformed(struct err *e, const char *what)
{
	return err_fail(e, ERR_PARSE, "Web3 key: %s missing or malformed",
			what);
}

static bool get_bytes(void *out, size_t len, const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s && hex_decode(out, len, s);
}

static bool get_number(uint64_t *out, uint64_t max, const json_t *o,
		       const char *name)
{
	const json_t *v = json_object_get(o, name);
	json_int_t n = json_integer_value(v);

	if (!json_is_integer(v) || n <= 0 || (uint64_t)n > max)
		return false;
	*out = (uint64_t)n;
	return true;
}

static bool name_is(const json_t *o, const char *name, const char *want)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s && strcmp(s, want) == 0;
}

static enum err_code read_scrypt(struct sealed *k, const json_t *params,
				 struct err *e)
{
	uint64_t r, p;

	if (!get_number(&k->n, UINT32_MAX, params, "n") ||
	    !get_number(&r, UINT16_MAX, params, "r") ||
	    !get_number(&p, UINT16_MAX, params, "p"))
		return malformed(e, "scrypt's n, r or p");
	if (k->n > WEB3_SCRYPT_N || p > SCRYPT_P_MAX ||
	    128 * k->n * r > SCRYPT_MEM_MAX)
		return err_fail(e, ERR_LIMIT,
				"Web3 key: scrypt n %llu, r %llu, p %llu costs "
				"too much (n up to %d)",
				(unsigned long long)k->n, (unsigned long long)r,
				(unsigned long long)p, WEB3_SCRYPT_N);
	if (k->n < 2 || (k->n & (k->n - 1)))
		return err_fail(e, ERR_PARSE,
				"Web3 key: scrypt n is no power of two");
	k->scrypt = true;
	k->r = (uint32_t)r;
	k->p = (uint32_t)p;
	return ERR_NONE;
}

static enum err_code read_pbkdf2(struct sealed *k, const json_t *params,
				 struct err *e)
{
	if (!name_is(params, "prf", "hmac-sha256"))
		return malformed(e, "pbkdf2's prf");
	if (!get_number(&k->n, UINT32_MAX, params, "c"))
		return malformed(e, "pbkdf2's c");
	if (k->n > ROUNDS_MAX)
		return err_fail(e, ERR_LIMIT,
				"Web3 key: more than %d PBKDF2 rounds",
				ROUNDS_MAX);
	return ERR_NONE;
}

static enum err_code read_kdf(struct sealed *k, const json_t *crypto,
			      struct err *e)
{
	const json_t *params = json_object_get(crypto, "kdfparams");
	const char *salt = json_string_value(json_object_get(params, "salt"));
	uint64_t dklen;

	if (!get_number(&dklen, 32, params, "dklen") || dklen != 32)
		return malformed(e, "kdfparams.dklen (32)");
	k->salt_len = salt ? strlen(salt) / 2 : 0;
	if (salt && strncmp(salt, "0x", 2) == 0)
		k->salt_len--;
	if (!salt || k->salt_len > SALT_MAX ||
	    !hex_decode(k->salt, k->salt_len, salt))
		return malformed(e, "kdfparams.salt");
	if (name_is(crypto, "kdf", "scrypt"))
		return read_scrypt(k, params, e);
	if (name_is(crypto, "kdf", "pbkdf2"))
		return read_pbkdf2(k, params, e);
	return malformed(e, "kdf (scrypt or pbkdf2)");
}

static enum err_code read_file(struct sealed *k, const json_t *root,
			       struct err *e)
{
	const json_t *crypto = json_object_get(root, "crypto");

	if (!crypto)
		crypto = json_object_get(root, "Crypto");
	if (json_integer_value(json_object_get(root, "version")) != 3)
		return malformed(e, "version (3)");
	if (!name_is(crypto, "cipher", "aes-128-ctr"))
		return malformed(e, "cipher (aes-128-ctr)");
	if (!get_bytes(k->iv, sizeof(k->iv),
		       json_object_get(crypto, "cipherparams"), "iv"))
		return malformed(e, "cipherparams.iv");
	if (!get_bytes(k->cipher, sizeof(k->cipher), crypto, "ciphertext"))
		return malformed(e, "ciphertext (32 bytes)");
	if (!get_bytes(k->mac, sizeof(k->mac), crypto, "mac"))
		return malformed(e, "mac");
	return read_kdf(k, crypto, e);
}

static bool derive(uint8_t out[32], const struct sealed *k, const char *pass)
{
	size_t len = strlen(pass);

	if (k->scrypt)
		return kdf_scrypt(out, 32, pass, len, k->salt, k->salt_len,
				  k->n, k->r, k->p);
	return kdf_pbkdf2(out, 32, KDF_SHA256, pass, len, k->salt, k->salt_len,
			  (uint32_t)k->n);
}

static struct hash32 mac_of(const uint8_t derived[32], const uint8_t cipher[32])
{
	uint8_t in[48];
	struct hash32 mac;

	memcpy(in, derived + 16, 16);
	memcpy(in + 16, cipher, 32);
	mac = keccak256(in, sizeof(in));
	sodium_memzero(in, sizeof(in));
	return mac;
}

static enum err_code unseal(uint8_t raw[32], const struct sealed *k,
			    const char *pass, struct err *e)
{
	uint8_t derived[32];
	struct hash32 mac;
	enum err_code code = ERR_NONE;

	if (!derive(derived, k, pass))
		return err_fail(e, ERR_NOMEM, "Web3 key: not enough memory");
	mac = mac_of(derived, k->cipher);
	if (sodium_memcmp(mac.bytes, k->mac, sizeof(k->mac)) != 0)
		code = err_fail(e, ERR_SIG,
				"Web3 key: wrong passphrase, or damaged");
	else if (!kdf_aes128_ctr(raw, k->cipher, 32, derived, k->iv))
		code = err_fail(e, ERR_NOMEM, "Web3 key: no memory");
	sodium_memzero(derived, sizeof(derived));
	return code;
}

/* The file may say whose key it is; then it must be. */
static enum err_code check_address(const json_t *root, const struct ecc_key *k,
				   struct err *e)
{
	const char *s = json_string_value(json_object_get(root, "address"));
	struct address named, own;
	struct ecc *c;

	if (!s || !*s)
		return ERR_NONE;
	if (!hex_decode(named.bytes, sizeof(named.bytes), s))
		return malformed(e, "address");
	c = ecc_new(e);
	if (!c)
		return ERR_NOMEM;
	own = ecc_address(c, k);
	ecc_free(c);
	if (!address_eq(&own, &named))
		return err_fail(e, ERR_PARSE,
				"Web3 key: the address it names is not its "
				"key's");
	return ERR_NONE;
}

enum err_code web3_key_open(struct ecc_key *out, const char *json, size_t len,
			    const char *passphrase, struct err *e)
{
	json_t *root =
		len <= WEB3_KEY_MAX
			? json_loadb(json, len, JSON_REJECT_DUPLICATES, NULL)
			: NULL;
	struct sealed k = {0};
	uint8_t raw[32];
	enum err_code code;

	if (!json_is_object(root)) {
		json_decref(root);
		return err_fail(e, ERR_PARSE, "Web3 key: not a JSON object");
	}
	code = read_file(&k, root, e);
	if (code == ERR_NONE)
		code = unseal(raw, &k, passphrase, e);
	if (code == ERR_NONE)
		code = ecc_key_read(out, raw, e);
	if (code == ERR_NONE) {
		code = check_address(root, out, e);
		if (code != ERR_NONE)
			ecc_key_clear(out);
	}
	sodium_memzero(raw, sizeof(raw));
	json_decref(root);
	return code;
}

/* Version 4, variant 1 of RFC 9562, which the format asks for. */
static void make_uuid(char out[37], struct rng *rng)
{
	uint8_t b[16];
	char h[HEX_LEN(16)];

	rng_fill(rng, b, sizeof(b));
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	(void)hex_encode(h, b, sizeof(b));
	(void)snprintf(out, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", h, h + 8, h + 12,
		       h + 16, h + 20);
}

static void write_file(char out[WEB3_KEY_OUT], const struct sealed *k,
		       struct rng *rng)
{
	char id[37], salt[HEX_LEN(32)], iv[HEX_LEN(16)], cipher[HEX_LEN(32)],
		mac[HEX_LEN(32)];

	make_uuid(id, rng);
	(void)snprintf(
		out, WEB3_KEY_OUT,
		"{\"version\":3,\"id\":\"%s\",\"crypto\":{"
		"\"cipher\":\"aes-128-ctr\",\"cipherparams\":{\"iv\":\"%s\"},"
		"\"ciphertext\":\"%s\",\"kdf\":\"scrypt\",\"kdfparams\":{"
		"\"dklen\":32,\"n\":%llu,\"r\":%u,\"p\":%u,\"salt\":\"%s\"},"
		"\"mac\":\"%s\"}}\n",
		id, hex_encode(iv, k->iv, 16),
		hex_encode(cipher, k->cipher, 32), (unsigned long long)k->n,
		k->r, k->p, hex_encode(salt, k->salt, k->salt_len),
		hex_encode(mac, k->mac, 32));
}

enum err_code web3_key_seal(char out[WEB3_KEY_OUT], const struct ecc_key *key,
			    const char *passphrase, uint32_t scrypt_n,
			    struct rng *rng, struct err *e)
{
	struct sealed k = {
		.scrypt = true, .n = scrypt_n, .r = 8, .p = 1, .salt_len = 32};
	uint8_t derived[32];
	struct hash32 mac;
	bool good;

	if (scrypt_n < 2 || scrypt_n > WEB3_SCRYPT_N ||
	    (scrypt_n & (scrypt_n - 1)))
		return err_fail(e, ERR_LIMIT,
				"Web3 key: scrypt n: a power of two up to %d",
				WEB3_SCRYPT_N);
	rng_fill(rng, k.salt, k.salt_len);
	rng_fill(rng, k.iv, sizeof(k.iv));
	good = derive(derived, &k, passphrase) &&
	       kdf_aes128_ctr(k.cipher, key->bytes, 32, derived, k.iv);
	mac = mac_of(derived, k.cipher);
	sodium_memzero(derived, sizeof(derived));
	if (!good)
		return err_fail(e, ERR_NOMEM, "Web3 key: not enough memory");
	memcpy(k.mac, mac.bytes, sizeof(k.mac));
	write_file(out, &k, rng);
	return ERR_NONE;
}
