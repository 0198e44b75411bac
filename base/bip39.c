#include "base/bip39.h"

#include "base/kdf.h"

#include <openssl/sha.h>
#include <sodium.h>
#include <stdbool.h>
#include <string.h>

#define WORDS_MAX 24
#define LETTERS_MAX 8
#define ROUNDS 2048
#define SALT_LEN 8 /* "mnemonic" */

/* Entropy and its checksum, as the bits that the words spell. */
struct bits {
	uint8_t bytes[BIP39_ENTROPY_MAX + 1];
};

/* The checksum is a 32nd of the entropy's bits: the top 4 or 8 of one byte. */
static uint8_t checksum(const uint8_t *entropy, size_t len)
{
	uint8_t h[SHA256_DIGEST_LENGTH];
	uint8_t sum;

	(void)SHA256(entropy, len, h);
	sum = len == 16 ? h[0] & 0xf0 : h[0];
	sodium_memzero(h, sizeof(h));
	return sum;
}

/* The i-th group of 11 bits. */
static unsigned group(const struct bits *b, size_t i)
{
	unsigned v = 0;

	for (size_t bit = i * 11; bit < i * 11 + 11; bit++)
		v = v << 1 |
		    ((unsigned)b->bytes[bit / 8] >> (7 - bit % 8) & 1U);
	return v;
}

static void set_group(struct bits *b, size_t i, unsigned v)
{
	for (size_t k = 0; k < 11; k++) {
		size_t bit = i * 11 + k;

		if (v >> (10 - k) & 1U)
			b->bytes[bit / 8] |= (uint8_t)(0x80U >> bit % 8);
	}
}

enum err_code bip39_from_entropy(char out[BIP39_PHRASE_MAX],
				 const uint8_t *entropy, size_t len,
				 struct err *e)
{
	struct bits b = {{0}};
	size_t n = len * 3 / 4, at = 0;

	if (len != 16 && len != 32)
		return err_fail(e, ERR_LIMIT, "phrase: 12 or 24 words");
	memcpy(b.bytes, entropy, len);
	b.bytes[len] = checksum(entropy, len);
	for (size_t i = 0; i < n; i++) {
		const char *word = bip39_word(group(&b, i));
		size_t letters = strlen(word);

		if (i)
			out[at++] = ' ';
		memcpy(out + at, word, letters);
		at += letters;
	}
	out[at] = '\0';
	sodium_memzero(&b, sizeof(b));
	return ERR_NONE;
}

/* Binary search: the list is sorted. -1 when the word is not in it. */
static int word_index(const char *word)
{
	int low = 0, high = 2047;

	while (low <= high) {
		int mid = (low + high) / 2;
		int cmp = strcmp(word, bip39_word((unsigned)mid));

		if (cmp == 0)
			return mid;
		if (cmp < 0)
			high = mid - 1;
		else
			low = mid + 1;
	}
	return -1;
}

/* Copies the next word in lower case. False at the end; a word that is too
 * long comes out cut, and is then in no list. */
static bool next_word(char out[LETTERS_MAX + 2], const char **s)
{
	size_t n = 0;

	*s += strspn(*s, " \t\r\n");
	while (**s && !strchr(" \t\r\n", **s)) {
		char c = *(*s)++;

		if (n <= LETTERS_MAX)
			out[n++] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
	}
	out[n] = '\0';
	return n > 0;
}

static enum err_code read_words(struct bits *b, size_t *n, const char *phrase,
				struct err *e)
{
	char word[LETTERS_MAX + 2];

	*n = 0;
	while (next_word(word, &phrase)) {
		int index = word_index(word);

		sodium_memzero(word, sizeof(word));
		if (*n == WORDS_MAX)
			return err_fail(e, ERR_PARSE,
					"phrase: more than %d words",
					WORDS_MAX);
		if (index < 0)
			return err_fail(e, ERR_PARSE,
					"phrase: word %zu is not in the "
					"BIP-39 list",
					*n + 1);
		set_group(b, (*n)++, (unsigned)index);
	}
	if (*n != 12 && *n != 24)
		return err_fail(e, ERR_PARSE,
				"phrase: 12 or 24 words wanted, got %zu", *n);
	return ERR_NONE;
}

enum err_code bip39_to_entropy(uint8_t out[BIP39_ENTROPY_MAX], size_t *len,
			       const char *phrase, struct err *e)
{
	struct bits b = {{0}};
	enum err_code code;
	size_t n;

	if (strnlen(phrase, BIP39_INPUT_MAX) == BIP39_INPUT_MAX)
		return err_fail(e, ERR_PARSE, "phrase: too long");
	code = read_words(&b, &n, phrase, e);
	if (code == ERR_NONE) {
		*len = n * 4 / 3;
		if (b.bytes[*len] != checksum(b.bytes, *len))
			code = err_fail(e, ERR_PARSE,
					"phrase: checksum does not match: a "
					"word is wrong or out of place");
		else
			memcpy(out, b.bytes, *len);
	}
	sodium_memzero(&b, sizeof(b));
	return code;
}

enum err_code bip39_seed(uint8_t out[BIP39_SEED_LEN], const char *phrase,
			 const char *passphrase, struct err *e)
{
	uint8_t salt[SALT_LEN + BIP39_PASSPHRASE_MAX] = "mnemonic";
	size_t len = strnlen(passphrase, BIP39_PASSPHRASE_MAX + 1);
	bool good;

	if (len > BIP39_PASSPHRASE_MAX)
		return err_fail(e, ERR_LIMIT, "BIP-39 passphrase: too long");
	memcpy(salt + SALT_LEN, passphrase, len);
	good = kdf_pbkdf2(out, BIP39_SEED_LEN, KDF_SHA512, phrase,
			  strlen(phrase), salt, SALT_LEN + len, ROUNDS);
	sodium_memzero(salt, sizeof(salt));
	if (!good)
		return err_fail(e, ERR_NOMEM, "phrase: no memory");
	return ERR_NONE;
}
