/* keystore.h - the owner's secret, and the file that it sleeps in.
 *
 * Contract
 *   - A keystore holds either the entropy of a recovery phrase (12 or 24 words,
 *     BIP-39) or one raw private key. A phrase yields any number of accounts
 *     and the storage master key; a raw key is one account and nothing else:
 *     keystore_can_store() is false.
 *   - The secret lies in memory that is locked and guarded (libsodium);
 *     keystore_free() wipes it. What the functions below write out is the
 *     caller's to clear.
 *   - On disk it is sealed by a passphrase: argon2id, XChaCha20-Poly1305. The
 *     file is written whole and renamed into place, mode 0600, and is never
 *     overwritten.
 *   - Messages name the file and what to do; never a secret.
 * Format: ledger/DESIGN.md, "Key file". Thread: any, one at a time.
 */
#ifndef LEDGER_KEYSTORE_H
#define LEDGER_KEYSTORE_H

#include "base/address.h"
#include "base/bip39.h"
#include "base/ecc.h"
#include "base/err.h"
#include "base/hex.h"
#include "base/rng.h"
#include "ledger/signer/web3_key.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEYSTORE_PASS_MAX 1024 /* bytes of a passphrase, without the NUL */
#define KEYSTORE_HEX_MAX HEX_LEN(32)

/* Values of the key file, so numbered. */
enum keystore_kind {
	KEYSTORE_12_WORDS = 1,
	KEYSTORE_24_WORDS = 2,
	KEYSTORE_RAW = 3,
};

struct keystore;

/* What guessing a passphrase costs: argon2id passes and memory. */
struct keystore_cost {
	uint32_t passes;  /* 1 .. 20 */
	uint32_t mem_kib; /* 8 .. 1048576 */
};

/* 12 passes over 64 MiB: about a second, once a start, on machines of little
 * memory too. */
struct keystore_cost keystore_cost_default(void);

/* Making one. Each sets *out on success only. */

/* `words` is 12 or 24, else ERR_LIMIT. */
enum err_code keystore_new(struct keystore **out, unsigned words,
			   struct rng *rng, struct err *e)
	__attribute__((warn_unused_result));
/* ERR_PARSE as bip39_to_entropy() says. */
enum err_code keystore_from_phrase(struct keystore **out, const char *phrase,
				   struct err *e)
	__attribute__((warn_unused_result));
/* 64 hex digits, with or without 0x, blanks around them allowed. ERR_PARSE:
 * not that, or not a key of the curve. */
enum err_code keystore_from_hex(struct keystore **out, const char *hex,
				struct err *e)
	__attribute__((warn_unused_result));
/* The text of a Web3 v3 file; errors as web3_key_open() says. */
enum err_code keystore_from_web3(struct keystore **out, const char *json,
				 size_t len, const char *passphrase,
				 struct err *e)
	__attribute__((warn_unused_result));

void keystore_free(struct keystore *ks);

/* The file. */

/* Seals and writes. ERR_STATE: a file is there already. ERR_LIMIT: an empty or
 * too long passphrase, a cost out of range. ERR_IO, ERR_NOMEM. */
enum err_code keystore_save(const struct keystore *ks, const char *path,
			    const char *passphrase, struct keystore_cost cost,
			    struct err *e) __attribute__((warn_unused_result));
/* ERR_IO: cannot be read. ERR_STATE: group or others can read it, or it is no
 * regular file. ERR_PARSE: no key file. ERR_SIG: wrong passphrase or damaged
 * (the two look alike). */
enum err_code keystore_load(struct keystore **out, const char *path,
			    const char *passphrase, struct err *e)
	__attribute__((warn_unused_result));
/* What the file holds, without its passphrase. Errors as keystore_load(). */
enum err_code keystore_peek(enum keystore_kind *kind, const char *path,
			    struct err *e) __attribute__((warn_unused_result));
/* Copies the sealed file as it is, after looking that it is one. ERR_STATE:
 * something is at `to` already; else as keystore_load(). */
enum err_code keystore_backup(const char *path, const char *to, struct err *e)
	__attribute__((warn_unused_result));

/* Opening sealed bytes, for keystore_load() and the fuzzer. `name` is for
 * messages. */
enum err_code keystore_open(struct keystore **out, const uint8_t *file,
			    size_t len, const char *passphrase,
			    const char *name, struct err *e)
	__attribute__((warn_unused_result));

/* What is in it. */

enum keystore_kind keystore_kind(const struct keystore *ks);
/* Only a phrase yields the storage master key: it alone brings files back. */
bool keystore_can_store(const struct keystore *ks);

/* The account with this index (below 2^31). A raw key has index 0 only:
 * another is ERR_STATE. */
enum err_code keystore_account(const struct keystore *ks, struct ecc_key *out,
			       enum address_kind kind, uint32_t index,
			       struct err *e)
	__attribute__((warn_unused_result));
enum err_code keystore_address(const struct keystore *ks, struct address *out,
			       enum address_kind kind, uint32_t index,
			       struct err *e)
	__attribute__((warn_unused_result));
/* What all files of this owner are encrypted under; ERR_STATE for a raw key. */
enum err_code keystore_storage_key(const struct keystore *ks, uint8_t out[32],
				   struct err *e)
	__attribute__((warn_unused_result));

/* ERR_STATE for a raw key, which has no phrase. */
enum err_code keystore_phrase(const struct keystore *ks,
			      char out[BIP39_PHRASE_MAX], struct err *e)
	__attribute__((warn_unused_result));
/* An account's private key as hex digits. */
enum err_code keystore_hex(const struct keystore *ks,
			   char out[KEYSTORE_HEX_MAX], enum address_kind kind,
			   uint32_t index, struct err *e)
	__attribute__((warn_unused_result));
/* An account as a Web3 v3 file under a passphrase of its own; scrypt_n is
 * WEB3_SCRYPT_N but in tests. */
enum err_code keystore_web3_out(const struct keystore *ks,
				char out[WEB3_KEY_OUT], enum address_kind kind,
				uint32_t index, const char *passphrase,
				uint32_t scrypt_n, struct rng *rng,
				struct err *e)
	__attribute__((warn_unused_result));

#endif
