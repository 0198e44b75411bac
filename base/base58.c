#include "base/base58.h"

#include <openssl/sha.h>
#include <stdbool.h>
#include <string.h>

#define CHECK_LEN 4
#define RAW_MAX (BASE58_PAYLOAD_MAX + CHECK_LEN)

static const char alphabet[] =
	"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

static void checksum(uint8_t out[CHECK_LEN], const uint8_t *p, size_t len)
{
	uint8_t once[SHA256_DIGEST_LENGTH], twice[SHA256_DIGEST_LENGTH];

	(void)SHA256(p, len, once);
	(void)SHA256(once, sizeof(once), twice);
	memcpy(out, twice, CHECK_LEN);
}

/* Divides the number in `raw` by 58 in place, gives the remainder. */
static unsigned divide(uint8_t *raw, size_t len)
{
	unsigned rem = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned v = rem << 8 | raw[i];

		raw[i] = (uint8_t)(v / 58);
		rem = v % 58;
	}
	return rem;
}

char *base58check_encode(char *out, const uint8_t *payload, size_t len)
{
	uint8_t raw[RAW_MAX];
	char back[BASE58_TEXT_MAX];
	size_t zeros = 0, digits = 0, first = 0, total = len + CHECK_LEN;

	memcpy(raw, payload, len);
	checksum(raw + len, payload, len);
	while (zeros < total && raw[zeros] == 0)
		zeros++;
	first = zeros;
	while (first < total) {
		back[digits++] = alphabet[divide(raw + first, total - first)];
		while (first < total && raw[first] == 0)
			first++;
	}
	memset(out, alphabet[0], zeros);
	for (size_t i = 0; i < digits; i++)
		out[zeros + i] = back[digits - 1 - i];
	out[zeros + digits] = '\0';
	return out;
}

/* raw = raw * 58 + digit; false when it does not fit. */
static bool multiply(uint8_t *raw, size_t len, unsigned carry)
{
	for (size_t i = len; i-- > 0;) {
		unsigned v = raw[i] * 58U + carry;

		raw[i] = (uint8_t)v;
		carry = v >> 8;
	}
	return carry == 0;
}

enum err_code base58check_decode(uint8_t *out, size_t len, const char *s,
				 struct err *e)
{
	uint8_t raw[RAW_MAX] = {0}, sum[CHECK_LEN];
	size_t total = len + CHECK_LEN, zeros = 0, ones = 0;

	if (len > BASE58_PAYLOAD_MAX)
		return err_fail(e, ERR_LIMIT, "base58: payload too long");
	for (const char *c = s; *c; c++) {
		const char *at = strchr(alphabet, *c);

		if (!at)
			return err_fail(e, ERR_PARSE,
					"base58: character %zu is not in the "
					"alphabet",
					(size_t)(c - s) + 1);
		if ((size_t)(c - s) >= BASE58_TEXT_MAX ||
		    !multiply(raw, total, (unsigned)(at - alphabet)))
			return err_fail(e, ERR_PARSE, "base58: too long");
	}
	while (zeros < total && raw[zeros] == 0)
		zeros++;
	while (s[ones] == alphabet[0])
		ones++;
	if (zeros != ones) /* each leading zero byte is one '1' */
		return err_fail(e, ERR_PARSE, "base58: too short");
	checksum(sum, raw, len);
	if (memcmp(sum, raw + len, CHECK_LEN) != 0)
		return err_fail(e, ERR_PARSE,
				"base58: checksum does not match (a typing "
				"mistake?)");
	memcpy(out, raw, len);
	return ERR_NONE;
}
