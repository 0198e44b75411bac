#include "node/core/name_text.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ESCAPE_LEN 4 /* \xNN */

/* C0, DEL, and C1 as UTF-8 has it: the bytes at p that are such a one. */
static size_t control_len(const unsigned char *p)
{
	if (*p < 0x20 || *p == 0x7f)
		return 1;
	return p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0 ? 2 : 0;
}

static size_t high_len(const unsigned char *p)
{
	return *p >= 0x80;
}

static char *escape(const char *name, size_t (*bad)(const unsigned char *p))
{
	const unsigned char *p = (const unsigned char *)name;
	char *out = malloc(strlen(name) * ESCAPE_LEN + 1), *to = out;

	while (out && *p) {
		size_t n = bad(p);

		if (n == 0)
			*to++ = (char)*p++;
		for (; n > 0; n--) {
			(void)snprintf(to, ESCAPE_LEN + 1, "\\x%02x", *p++);
			to += ESCAPE_LEN;
		}
	}
	if (out)
		*to = 0;
	return out;
}

json_t *name_json(const char *name)
{
	json_t *text = json_string(name);
	char *escaped = text ? NULL : escape(name, high_len);

	if (escaped)
		text = json_string(escaped);
	free(escaped);
	return text;
}

char *name_shown(const char *name)
{
	return escape(name, control_len);
}
