#include "base/text.h"

size_t text_char_len(const uint8_t *p, size_t left)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = p[0] < 0x80	 ? 1
		   : p[0] < 0xc2 ? 0
		   : p[0] < 0xe0 ? 2
		   : p[0] < 0xf0 ? 3
		   : p[0] < 0xf5 ? 4
				 : 0;
	uint32_t code;

	if (n < 2 || n > left)
		return n > left ? 0 : n;
	code = p[0] & (0x7fU >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3fU);
	}
	if (code < least[n] || code > 0x10ffff ||
	    (code >= 0xd800 && code < 0xe000))
		return 0;
	return n;
}

bool text_is_utf8(const uint8_t *p, size_t len)
{
	for (size_t i = 0, n; i < len; i += n) {
		n = text_char_len(p + i, len - i);
		if (!n)
			return false;
	}
	return true;
}

size_t text_clean(char *out, const uint8_t *p, size_t len)
{
	size_t at = 0;

	for (size_t i = 0; i < len;) {
		size_t n = text_char_len(p + i, len - i);

		if (n == 0 || (n == 1 && (p[i] < 0x20 || p[i] == 0x7f)) ||
		    (n == 2 && p[i] == 0xc2 && p[i + 1] < 0xa0)) {
			out[at++] = '_';
			i += n ? n : 1;
			continue;
		}
		while (n--)
			out[at++] = (char)p[i++];
	}
	return at;
}
