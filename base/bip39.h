/* bip39.h - a recovery phrase: 12 or 24 English words for 16 or 32 bytes.
 *
 * Source: BIP-39. The other lengths of the BIP are refused: 15, 18 and 21 words
 * bring nothing, and two lengths are easier to check by eye. Phrases are ASCII,
 * so NFKD changes nothing and is not implemented; a BIP-39 passphrase is not
 * offered (a forgotten one looks like an empty wallet).
 * What is written here is secret: the caller clears it. Messages name the
 * position of a word, never the word. Thread: any.
 */
#ifndef BASE_BIP39_H
#define BASE_BIP39_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define BIP39_PHRASE_MAX 216 /* 24 words of at most 8 letters, with the NUL */
#define BIP39_ENTROPY_MAX 32
#define BIP39_SEED_LEN 64
#define BIP39_PASSPHRASE_MAX 256
#define BIP39_INPUT_MAX 512 /* a phrase as typed, with its blanks */

/* The i-th word (0 .. 2047). */
const char *bip39_word(unsigned i);

/* len is 16 or 32, else ERR_LIMIT. */
enum err_code bip39_from_entropy(char out[BIP39_PHRASE_MAX],
				 const uint8_t *entropy, size_t len,
				 struct err *e)
	__attribute__((warn_unused_result));

/* Reads a phrase as people type it: any blanks between words, either case.
 * ERR_PARSE: not 12 or 24 words, a word that is not in the list, or a checksum
 * that does not match. */
enum err_code bip39_to_entropy(uint8_t out[BIP39_ENTROPY_MAX], size_t *len,
			       const char *phrase, struct err *e)
	__attribute__((warn_unused_result));

/* PBKDF2-HMAC-SHA512, 2,048 rounds, salt "mnemonic" and the given passphrase
 * ("" in seedbank; tests use the BIP's). `phrase` as bip39_from_entropy()
 * spells it. ERR_LIMIT: passphrase over BIP39_PASSPHRASE_MAX bytes. */
enum err_code bip39_seed(uint8_t out[BIP39_SEED_LEN], const char *phrase,
			 const char *passphrase, struct err *e)
	__attribute__((warn_unused_result));

#endif
