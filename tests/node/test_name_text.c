#include "node/core/name_text.h"
#include "tests/check.h"

#include <stdlib.h>
#include <string.h>

static const struct {
	const char *what, *name, *json, *shown;
} rows[] = {
	{"an ordinary name is itself", "a b/c\\d", "a b/c\\d", "a b/c\\d"},
	{"UTF-8 is itself", "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f",
	 "gr\xc3\xbc\xc3\x9f"},
	{"what is not UTF-8 is told by its bytes", "bad\xff.gz", "bad\\xff.gz",
	 "bad\xff.gz"},
	{"a terminal is not told to turn red", "\x1b[31m", "\x1b[31m",
	 "\\x1b[31m"},
	{"a name stays on its line", "a\nb\x7f", "a\nb\x7f", "a\\x0ab\\x7f"},
	{"an escape of 8 bits is one",
	 "\xc2\x9b"
	 "31m",
	 "\xc2\x9b"
	 "31m",
	 "\\xc2\\x9b31m"},
	{"no name", "", "", ""},
};

int main(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *json = name_json(rows[i].name);
		const char *text = json_string_value(json);
		char *shown = name_shown(rows[i].name);

		CHECK(text && strcmp(text, rows[i].json) == 0, "%s: %s",
		      rows[i].what, text ? text : "none");
		CHECK(shown && strcmp(shown, rows[i].shown) == 0, "%s: %s",
		      rows[i].what, shown ? shown : "none");
		json_decref(json);
		free(shown);
	}
	return CHECK_EXIT();
}
