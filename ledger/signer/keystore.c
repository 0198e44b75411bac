#include "ledger/signer/keystore.h"

#include "base/bip32.h"
#include "base/bytes.h"
#include "base/file.h"

#include <sodium.h>
#include <string.h>

#define SECRET_LEN \
	32 /* entropy, zeros behind the 16 bytes of 12 words; or key */
#define SALT_LEN crypto_pwhash_argon2id_SALTBYTES
#define NONCE_LEN crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_LEN crypto_aead_xchacha20poly1305_ietf_ABYTES
#define KEY_LEN crypto_aead_xchacha20poly1305_ietf_KEYBYTES
#define HEAD_LEN (8 + 1 + 4 + 4 + SALT_LEN + NONCE_LEN)
#define FILE_LEN (HEAD_LEN + SECRET_LEN + TAG_LEN)
#define PASSES_MAX 20
#define MEM_KIB_MIN 8
#define MEM_KIB_MAX (1U << 20)

static const uint8_t magic[8] = {'s', 'b', 'k', 'e', 'y', ' ', 'v', '1'};
static const char storage_label[] = "seedbank storage master v1";

struct keystore { /* in sodium_malloc memory */
	enum keystore_kind kind;
	uint8_t secret[SECRET_LEN];
};

struct head {
	enum keystore_kind kind;
	struct keystore_cost cost;
	uint8_t salt[SALT_LEN];
	uint8_t nonce[NONCE_LEN];
};

struct keystore_cost keystore_cost_default(void)
{
	return (struct keystore_cost){.passes = 12, .mem_kib = 64U << 10};
}

static size_t secret_len(enum keystore_kind kind)
{
	return kind == KEYSTORE_12_WORDS ? 16 : 32;
}

static struct keystore *alloc(enum keystore_kind kind, const uint8_t *secret,
			      struct err *e)
{
	struct keystore *ks =
		sodium_init() < 0 ? NULL : sodium_malloc(sizeof(*ks));

	if (!ks) {
		(void)err_fail(e, ERR_NOMEM, "no locked memory for a key");
		return NULL;
	}
	memset(ks, 0, sizeof(*ks));
	ks->kind = kind;
	memcpy(ks->secret, secret, secret_len(kind));
	return ks;
}

void keystore_free(struct keystore *ks)
{
	sodium_free(ks); /* wipes; NULL is fine */
}

enum err_code keystore_new(struct keystore **out, unsigned words,
			   struct rng *rng, struct err *e)
{
	uint8_t entropy[SECRET_LEN];
	struct keystore *ks;

	if (words != 12 && words != 24)
		return err_fail(e, ERR_LIMIT, "phrase: 12 or 24 words");
	rng_fill(rng, entropy, sizeof(entropy));
	ks = alloc(words == 12 ? KEYSTORE_12_WORDS : KEYSTORE_24_WORDS, entropy,
		   e);
	sodium_memzero(entropy, sizeof(entropy));
	if (!ks)
		return ERR_NOMEM;
	*out = ks;
	return ERR_NONE;
}

enum err_code keystore_from_phrase(struct keystore **out, const char *phrase,
				   struct err *e)
{
	uint8_t entropy[BIP39_ENTROPY_MAX];
	size_t len = 0;
	enum err_code code = bip39_to_entropy(entropy, &len, phrase, e);
	struct keystore *ks;

	if (code != ERR_NONE)
		return code;
	ks = alloc(len == 16 ? KEYSTORE_12_WORDS : KEYSTORE_24_WORDS, entropy,
		   e);
	sodium_memzero(entropy, sizeof(entropy));
	if (!ks)
		return ERR_NOMEM;
	*out = ks;
	return ERR_NONE;
}

static enum err_code from_key(struct keystore **out, struct ecc_key *take_key,
			      struct err *e)
{
	struct keystore *ks = alloc(KEYSTORE_RAW, take_key->bytes, e);

	ecc_key_clear(take_key);
	if (!ks)
		return ERR_NOMEM;
	*out = ks;
	return ERR_NONE;
}

enum err_code keystore_from_hex(struct keystore **out, const char *hex,
				struct err *e)
{
	char digits[2 + 64 + 1] = {0};
	uint8_t raw[32];
	struct ecc_key key;
	enum err_code code;
	size_t len;
	bool good;

	hex += strspn(hex, " \t\r\n");
	len = strcspn(hex, " \t\r\n");
	good = len < sizeof(digits) &&
	       hex[len + strspn(hex + len, " \t\r\n")] == '\0';
	if (good)
		memcpy(digits, hex, len);
	good = good && hex_decode(raw, sizeof(raw), digits);
	code = good ? ecc_key_read(&key, raw, e)
		    : err_fail(e, ERR_PARSE,
			       "private key: 64 hexadecimal digits wanted");
	sodium_memzero(digits, sizeof(digits));
	sodium_memzero(raw, sizeof(raw));
	return code == ERR_NONE ? from_key(out, &key, e) : code;
}

enum err_code keystore_from_web3(struct keystore **out, const char *json,
				 size_t len, const char *passphrase,
				 struct err *e)
{
	struct ecc_key key;
	enum err_code code = web3_key_open(&key, json, len, passphrase, e);

	return code == ERR_NONE ? from_key(out, &key, e) : code;
}

/* ---- the file */

static enum err_code check_cost(const struct keystore_cost *c, const char *name,
				struct err *e)
{
	if (c->passes < 1 || c->passes > PASSES_MAX ||
	    c->mem_kib < MEM_KIB_MIN || c->mem_kib > MEM_KIB_MAX)
		return err_fail(e, ERR_LIMIT,
				"%s: argon2id cost out of range (%u passes, "
				"%u KiB)",
				name, c->passes, c->mem_kib);
	return ERR_NONE;
}

static void head_write(struct wr *w, const struct head *h)
{
	wr_copy(w, magic, sizeof(magic));
	wr_u8(w, (uint8_t)h->kind);
	wr_u32(w, h->cost.passes);
	wr_u32(w, h->cost.mem_kib);
	wr_copy(w, h->salt, sizeof(h->salt));
	wr_copy(w, h->nonce, sizeof(h->nonce));
}

static enum err_code head_read(struct head *h, const uint8_t *file, size_t len,
			       const char *name, struct err *e)
{
	struct rd r = rd_from(file, len);
	uint8_t seen[sizeof(magic)], kind;

	rd_copy(&r, seen, sizeof(seen));
	kind = rd_u8(&r);
	h->cost.passes = rd_u32(&r);
	h->cost.mem_kib = rd_u32(&r);
	rd_copy(&r, h->salt, sizeof(h->salt));
	rd_copy(&r, h->nonce, sizeof(h->nonce));
	if (memcmp(seen, magic, sizeof(magic)) != 0)
		return err_fail(e, ERR_PARSE,
				"%s: not a seedbank key file (or of a newer "
				"version)",
				name);
	if (len != FILE_LEN)
		return err_fail(e, ERR_PARSE, "%s: damaged: %zu bytes, want %d",
				name, len, (int)FILE_LEN);
	if (kind < KEYSTORE_12_WORDS || kind > KEYSTORE_RAW)
		return err_fail(e, ERR_PARSE, "%s: damaged: kind %u", name,
				kind);
	h->kind = (enum keystore_kind)kind;
	return check_cost(&h->cost, name, e);
}

/* The key that the passphrase gives, in locked memory. */
static uint8_t *stretch(const struct head *h, const char *passphrase,
			struct err *e)
{
	uint8_t *key = sodium_malloc(KEY_LEN);

	if (key &&
	    crypto_pwhash_argon2id(key, KEY_LEN, passphrase, strlen(passphrase),
				   h->salt, h->cost.passes,
				   (size_t)h->cost.mem_kib << 10,
				   crypto_pwhash_argon2id_ALG_ARGON2ID13) == 0)
		return key;
	sodium_free(key);
	(void)err_fail(e, ERR_NOMEM,
		       "opening a key file takes %u MiB of memory",
		       h->cost.mem_kib >> 10);
	return NULL;
}

static enum err_code check_pass(const char *passphrase, struct err *e)
{
	size_t len = strnlen(passphrase, KEYSTORE_PASS_MAX + 1);

	if (len == 0)
		return err_fail(e, ERR_LIMIT, "the passphrase is empty");
	if (len > KEYSTORE_PASS_MAX)
		return err_fail(e, ERR_LIMIT,
				"the passphrase is longer than %d bytes",
				KEYSTORE_PASS_MAX);
	return ERR_NONE;
}

enum err_code keystore_save(const struct keystore *ks, const char *path,
			    const char *passphrase, struct keystore_cost cost,
			    struct err *e)
{
	struct head h = {.kind = ks->kind, .cost = cost};
	struct rng rng = rng_system();
	uint8_t file[FILE_LEN];
	struct wr w = wr_into(file, HEAD_LEN);
	uint8_t *key;

	if (check_pass(passphrase, e) != ERR_NONE ||
	    check_cost(&cost, path, e) != ERR_NONE)
		return ERR_LIMIT;
	rng_fill(&rng, h.salt, sizeof(h.salt));
	rng_fill(&rng, h.nonce, sizeof(h.nonce));
	key = stretch(&h, passphrase, e);
	if (!key)
		return ERR_NOMEM;
	head_write(&w, &h);
	(void)crypto_aead_xchacha20poly1305_ietf_encrypt(
		file + HEAD_LEN, NULL, ks->secret, SECRET_LEN, file, HEAD_LEN,
		NULL, h.nonce, key);
	sodium_free(key);
	return file_create(path, file, sizeof(file), e);
}

static enum err_code unseal(struct keystore **out, const struct head *h,
			    const uint8_t *file, const uint8_t *key,
			    const char *name, struct err *e)
{
	static const uint8_t zeros[SECRET_LEN];
	struct keystore *ks = alloc(h->kind, zeros, e);
	size_t used = secret_len(h->kind);
	struct ecc_key seen;
	bool sound;

	if (!ks)
		return ERR_NOMEM;
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(
		    ks->secret, NULL, NULL, file + HEAD_LEN,
		    SECRET_LEN + TAG_LEN, file, HEAD_LEN, h->nonce, key) != 0) {
		keystore_free(ks);
		return err_fail(e, ERR_SIG,
				"%s: wrong passphrase, or the file is damaged",
				name);
	}
	/* sealed by whoever knows the passphrase, but perhaps not by us */
	sound = sodium_is_zero(ks->secret + used, SECRET_LEN - used) &&
		(h->kind != KEYSTORE_RAW ||
		 ecc_key_read(&seen, ks->secret, NULL) == ERR_NONE);
	ecc_key_clear(&seen);
	if (!sound) {
		keystore_free(ks);
		return err_fail(e, ERR_PARSE, "%s: holds no key of its kind",
				name);
	}
	*out = ks;
	return ERR_NONE;
}

enum err_code keystore_open(struct keystore **out, const uint8_t *file,
			    size_t len, const char *passphrase,
			    const char *name, struct err *e)
{
	struct head h;
	enum err_code code = head_read(&h, file, len, name, e);
	uint8_t *key;

	if (code == ERR_NONE)
		code = check_pass(passphrase, e);
	if (code == ERR_NONE && sodium_init() < 0)
		code = err_fail(e, ERR_NOMEM, "libsodium does not start");
	if (code != ERR_NONE)
		return code;
	key = stretch(&h, passphrase, e);
	if (!key)
		return ERR_NOMEM;
	code = unseal(out, &h, file, key, name, e);
	sodium_free(key);
	return code;
}

static enum err_code read_sealed(uint8_t file[FILE_LEN], struct head *h,
				 const char *path, struct err *e)
{
	struct err why = {0};
	size_t len;
	enum err_code code = file_read(path, true, file, FILE_LEN, &len, &why);

	if (code == ERR_LIMIT)
		return err_fail(e, ERR_PARSE, "%s: not a seedbank key file",
				path);
	if (code != ERR_NONE)
		return err_fail(e, code, "%s", why.msg);
	return head_read(h, file, len, path, e);
}

enum err_code keystore_load(struct keystore **out, const char *path,
			    const char *passphrase, struct err *e)
{
	uint8_t file[FILE_LEN];
	struct head h;
	enum err_code code = read_sealed(file, &h, path, e);

	if (code != ERR_NONE)
		return code;
	return keystore_open(out, file, sizeof(file), passphrase, path, e);
}

enum err_code keystore_peek(enum keystore_kind *kind, const char *path,
			    struct err *e)
{
	uint8_t file[FILE_LEN];
	struct head h;
	enum err_code code = read_sealed(file, &h, path, e);

	if (code == ERR_NONE)
		*kind = h.kind;
	return code;
}

enum err_code keystore_backup(const char *path, const char *to, struct err *e)
{
	uint8_t file[FILE_LEN];
	struct head h;
	enum err_code code = read_sealed(file, &h, path, e);

	return code == ERR_NONE ? file_create(to, file, sizeof(file), e) : code;
}

/* ---- what is in it */

enum keystore_kind keystore_kind(const struct keystore *ks)
{
	return ks->kind;
}

bool keystore_can_store(const struct keystore *ks)
{
	return ks->kind != KEYSTORE_RAW;
}

enum err_code keystore_phrase(const struct keystore *ks,
			      char out[BIP39_PHRASE_MAX], struct err *e)
{
	if (!keystore_can_store(ks))
		return err_fail(e, ERR_STATE,
				"an imported private key has no phrase: export "
				"it as hex or Web3 JSON");
	return bip39_from_entropy(out, ks->secret, secret_len(ks->kind), e);
}

/* The BIP-39 seed; its passphrase is always empty. */
static enum err_code seed_of(const struct keystore *ks,
			     uint8_t seed[BIP39_SEED_LEN], struct err *e)
{
	char phrase[BIP39_PHRASE_MAX];
	enum err_code code = keystore_phrase(ks, phrase, e);

	if (code == ERR_NONE)
		code = bip39_seed(seed, phrase, "", e);
	sodium_memzero(phrase, sizeof(phrase));
	return code;
}

enum err_code keystore_account(const struct keystore *ks, struct ecc_key *out,
			       enum address_kind kind, uint32_t index,
			       struct err *e)
{
	uint8_t seed[BIP39_SEED_LEN];
	enum err_code code;
	struct ecc *c;

	if (!keystore_can_store(ks)) {
		if (index != 0)
			return err_fail(e, ERR_STATE,
					"an imported private key is one "
					"account: only index 0");
		return ecc_key_read(out, ks->secret, e);
	}
	c = ecc_new(e);
	if (!c)
		return ERR_NOMEM;
	code = seed_of(ks, seed, e);
	if (code == ERR_NONE)
		code = bip32_account(out, c, seed, sizeof(seed), kind, index,
				     e);
	sodium_memzero(seed, sizeof(seed));
	ecc_free(c);
	return code;
}

enum err_code keystore_address(const struct keystore *ks, struct address *out,
			       enum address_kind kind, uint32_t index,
			       struct err *e)
{
	struct ecc_key key;
	enum err_code code = keystore_account(ks, &key, kind, index, e);
	struct ecc *c;

	if (code != ERR_NONE)
		return code;
	c = ecc_new(e);
	if (c)
		*out = ecc_address(c, &key);
	ecc_key_clear(&key);
	ecc_free(c);
	return c ? ERR_NONE : ERR_NOMEM;
}

enum err_code keystore_storage_key(const struct keystore *ks, uint8_t out[32],
				   struct err *e)
{
	uint8_t seed[BIP39_SEED_LEN];
	enum err_code code;

	if (!keystore_can_store(ks))
		return err_fail(e, ERR_STATE,
				"an imported private key can pay and earn, but "
				"not store: that takes a recovery phrase");
	code = seed_of(ks, seed, e);
	if (code == ERR_NONE)
		(void)crypto_generichash(
			out, 32, (const uint8_t *)storage_label,
			sizeof(storage_label) - 1, seed, sizeof(seed));
	sodium_memzero(seed, sizeof(seed));
	return code;
}

enum err_code keystore_hex(const struct keystore *ks,
			   char out[KEYSTORE_HEX_MAX], enum address_kind kind,
			   uint32_t index, struct err *e)
{
	struct ecc_key key;
	enum err_code code = keystore_account(ks, &key, kind, index, e);

	if (code == ERR_NONE)
		(void)hex_encode(out, key.bytes, sizeof(key.bytes));
	ecc_key_clear(&key);
	return code;
}

enum err_code keystore_web3_out(const struct keystore *ks,
				char out[WEB3_KEY_OUT], enum address_kind kind,
				uint32_t index, const char *passphrase,
				uint32_t scrypt_n, struct rng *rng,
				struct err *e)
{
	struct ecc_key key;
	enum err_code code = keystore_account(ks, &key, kind, index, e);

	if (code == ERR_NONE)
		code = web3_key_seal(out, &key, passphrase, scrypt_n, rng, e);
	ecc_key_clear(&key);
	return code;
}
