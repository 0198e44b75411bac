#include "base/hex.h"

#include <string.h>

static char digit(unsigned v)
{
	/* no table lookup by a secret: '0'..'9', then 'a'..'f' */
	return (char)('0' + v + ((9 - v) >> 8 & ('a' - '0' - 10)));
}

char *hex_encode(char *out, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digit(p[i] >> 4);
		out[2 * i + 1] = digit(p[i] & 15U);
	}
	out[2 * len] = '\0';
	return out;
}

/* The digit's value; bit 8 set when it is none. */
static unsigned value(char c)
{
	unsigned u = (unsigned char)c;
	unsigned num = u - '0', low = (u | 32U) - 'a';
	unsigned is_num = ((num - 10) & ~num) >> 16 & 1U;
	unsigned is_low = ((low - 6) & ~low) >> 16 & 1U;

	return (num & (0U - is_num)) | ((low + 10) & (0U - is_low)) |
	       (1U ^ (is_num | is_low)) << 8;
}

bool hex_decode(void *out, size_t len, const char *s)
{
	uint8_t *p = out;
	unsigned bad = 0;

	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
		s += 2;
	if (strnlen(s, 2 * len + 1) != 2 * len)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned hi = value(s[2 * i]), lo = value(s[2 * i + 1]);

		bad |= hi | lo;
		p[i] = (uint8_t)(hi << 4 | lo);
	}
	return !(bad & 256U);
}
