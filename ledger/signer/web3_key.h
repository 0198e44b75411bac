/* web3_key.h - one private key in a Web3 Secret Storage file, version 3.
 *
 * Source: the Ethereum wiki's "Web3 Secret Storage Definition"; what geth and
 * ethers write. Read: aes-128-ctr under scrypt or PBKDF2-HMAC-SHA-256, other
 * members ignored, "crypto" or "Crypto". Written: scrypt, r 8, p 1, no address
 * (it would tie the file to the account for whoever finds it).
 * Keys that come out are secret: the caller clears them. Thread: any.
 */
#ifndef LEDGER_WEB3_KEY_H
#define LEDGER_WEB3_KEY_H

#include "base/ecc.h"
#include "base/err.h"
#include "base/rng.h"

#include <stddef.h>
#include <stdint.h>

#define WEB3_KEY_MAX 65536 /* bytes of a file that is read */
#define WEB3_KEY_OUT 1024  /* bytes that web3_key_seal() needs */
#define WEB3_SCRYPT_N 262144

/* ERR_PARSE: malformed, or names an address that is not the key's. ERR_LIMIT:
 * costs more than we pay (scrypt n over 262144, 300 MiB, 10 million rounds).
 * ERR_SIG: wrong passphrase or damaged. */
enum err_code web3_key_open(struct ecc_key *out, const char *json, size_t len,
			    const char *passphrase, struct err *e)
	__attribute__((warn_unused_result));

/* scrypt_n: a power of two, at most WEB3_SCRYPT_N. ERR_LIMIT: it is not. */
enum err_code web3_key_seal(char out[WEB3_KEY_OUT], const struct ecc_key *key,
			    const char *passphrase, uint32_t scrypt_n,
			    struct rng *rng, struct err *e)
	__attribute__((warn_unused_result));

#endif
