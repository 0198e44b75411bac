#include "base/address.h"

#include "base/base58.h"
#include "base/hex.h"
#include "base/keccak.h"

#include <string.h>

#define EVM_DIGITS 40
#define TRON_TEXT 34

static void evm_text(char out[ADDRESS_TEXT_MAX], const struct address *a)
{
	struct hash32 h;

	out[0] = '0';
	out[1] = 'x';
	(void)hex_encode(out + 2, a->bytes, sizeof(a->bytes));
	h = keccak256(out + 2, EVM_DIGITS);
	for (size_t i = 0; i < EVM_DIGITS; i++) {
		unsigned nibble =
			i % 2 ? h.bytes[i / 2] & 15U : h.bytes[i / 2] >> 4;

		if (nibble >= 8 && out[2 + i] >= 'a')
			out[2 + i] = (char)(out[2 + i] - 32);
	}
}

const char *address_text(char buf[ADDRESS_TEXT_MAX], const struct address *a,
			 enum address_kind kind)
{
	uint8_t payload[21] = {ADDRESS_TRON_PREFIX};
	char text[BASE58_TEXT_MAX];

	switch (kind) {
	case ADDRESS_EVM:
		evm_text(buf, a);
		break;
	case ADDRESS_TRON:
		memcpy(payload + 1, a->bytes, sizeof(a->bytes));
		memcpy(buf, base58check_encode(text, payload, sizeof(payload)),
		       TRON_TEXT + 1);
		break;
	}
	return buf;
}

static bool one_case(const char *digits)
{
	bool lower = false, upper = false;

	for (size_t i = 0; i < EVM_DIGITS; i++) {
		lower |= digits[i] >= 'a';
		upper |= digits[i] >= 'A' && digits[i] <= 'F';
	}
	return !lower || !upper;
}

static enum err_code parse_evm(struct address *out, const char *s,
			       struct err *e)
{
	char right[ADDRESS_TEXT_MAX];
	size_t len = strnlen(s, 64);
	struct address a;

	if (len != EVM_DIGITS + 2)
		return err_fail(e, ERR_PARSE,
				"address: 0x and %d digits wanted, got %zu%s",
				EVM_DIGITS, len - 2,
				len == 64 ? " or more" : "");
	if (!hex_decode(a.bytes, sizeof(a.bytes), s))
		return err_fail(e, ERR_PARSE,
				"address: not hexadecimal after 0x");
	evm_text(right, &a);
	if (!one_case(s + 2) && memcmp(s + 2, right + 2, EVM_DIGITS) != 0)
		return err_fail(e, ERR_PARSE,
				"address: its capital letters (EIP-55) do not "
				"match: a typing mistake?");
	*out = a;
	return ERR_NONE;
}

static enum err_code parse_tron(struct address *out, const char *s,
				struct err *e)
{
	uint8_t payload[21];
	struct err why = {0};

	if (strnlen(s, 64) != TRON_TEXT)
		return err_fail(e, ERR_PARSE,
				"address: T and %d more characters wanted",
				TRON_TEXT - 1);
	if (base58check_decode(payload, sizeof(payload), s, &why) != ERR_NONE)
		return err_fail(e, ERR_PARSE, "address: %s", why.msg);
	if (payload[0] != ADDRESS_TRON_PREFIX)
		return err_fail(e, ERR_PARSE,
				"address: another network's (prefix 0x%02x, "
				"TRON's is 0x41)",
				payload[0]);
	memcpy(out->bytes, payload + 1, sizeof(out->bytes));
	return ERR_NONE;
}

enum err_code address_parse(struct address *out, enum address_kind *kind,
			    const char *s, struct err *e)
{
	if (s[0] == '0' && s[1] == 'x') {
		*kind = ADDRESS_EVM;
		return parse_evm(out, s, e);
	}
	if (s[0] == 'T') {
		*kind = ADDRESS_TRON;
		return parse_tron(out, s, e);
	}
	return err_fail(e, ERR_PARSE,
			"address: starts with neither 0x (EVM) nor T (TRON)");
}

enum err_code address_parse_as(struct address *out, enum address_kind kind,
			       const char *s, struct err *e)
{
	enum address_kind seen;
	struct address a;
	enum err_code code = address_parse(&a, &seen, s, e);

	if (code != ERR_NONE)
		return code;
	if (seen != kind)
		return err_fail(e, ERR_PARSE,
				"address: this is a %s address, the chain in "
				"use is %s",
				seen == ADDRESS_EVM ? "0x (EVM)" : "T (TRON)",
				kind == ADDRESS_EVM ? "EVM (0x...)"
						    : "TRON (T...)");
	*out = a;
	return ERR_NONE;
}
