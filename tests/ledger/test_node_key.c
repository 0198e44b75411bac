/* The key of a provider of chain nodes, out of its file. */
#include "ledger/chain/node_key.h"
#include "tests/check.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void a_line_is_a_header_or_a_key(void)
{
	static const struct {
		const char *name, *text;
		bool bare;
		enum err_code want;
		const char *header;
	} rows[] = {
		{"a key alone", "0a1b-2c", true, ERR_NONE,
		 "TRON-PRO-API-KEY: 0a1b-2c"},
		{"with the end of its line", "0a1b\r\n", true, ERR_NONE,
		 "TRON-PRO-API-KEY: 0a1b"},
		{"a header", "X-Api-Key: abc def", true, ERR_NONE,
		 "X-Api-Key: abc def"},
		{"a header on another chain", "Authorization:Bearer  x \n",
		 false, ERR_NONE, "Authorization: Bearer  x"},
		{"a key alone on another chain", "0a1b", false, ERR_PARSE,
		 NULL},
		{"nothing", "", true, ERR_PARSE, NULL},
		{"an empty line", " \n", true, ERR_PARSE, NULL},
		{"two lines", "A: b\nC: d\n", true, ERR_PARSE, NULL},
		{"a header in a header", "A: b\rC: d", true, ERR_PARSE, NULL},
		{"no value", "X-Api-Key:", true, ERR_PARSE, NULL},
		{"only spaces for a value", "X-Api-Key:  ", true, ERR_PARSE,
		 NULL},
		{"no name", ": abc", true, ERR_PARSE, NULL},
		{"a space in the name", "X Api: abc", true, ERR_PARSE, NULL},
		{"a byte that is not ASCII", "X-Key: \xc3\xa4", true, ERR_PARSE,
		 NULL},
		{"a control byte", "X-Key: a\x01", true, ERR_PARSE, NULL},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		char out[NODE_KEY_MAX] = "";
		struct err e = {0};
		enum err_code rc =
			node_key_parse(out, rows[i].text, strlen(rows[i].text),
				       rows[i].bare, &e);

		CHECK(rc == rows[i].want, "%s: %d %s", rows[i].name, (int)rc,
		      e.msg);
		CHECK(!rows[i].header || strcmp(out, rows[i].header) == 0,
		      "%s: %s", rows[i].name, out);
		CHECK(!strstr(e.msg, "abc"), "%s: the key is told",
		      rows[i].name);
	}
}

static void long_ones_are_refused(void)
{
	char text[2 * NODE_KEY_MAX], out[NODE_KEY_MAX];
	const size_t most = NODE_KEY_MAX - 1 - strlen("TRON-PRO-API-KEY: ");

	memset(text, 'k', sizeof(text));
	CHECK(node_key_parse(out, text, most, true, NULL) == ERR_NONE &&
		      strlen(out) == NODE_KEY_MAX - 1,
	      "the longest");
	CHECK(node_key_parse(out, text, most + 1, true, NULL) == ERR_LIMIT,
	      "one more");
}

static void only_the_owner_may_have_the_file(void)
{
	static const struct {
		const char *name;
		mode_t mode;
		enum err_code want;
	} rows[] = {
		{"0600", 0600, ERR_NONE},
		{"0400", 0400, ERR_NONE},
		{"the group may read it", 0640, ERR_STATE},
		{"anyone may read it", 0604, ERR_STATE},
		{"the group may write it", 0620, ERR_STATE},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		char path[] = "/tmp/seedbank-key-XXXXXX", out[NODE_KEY_MAX];
		int fd = mkstemp(path);
		struct err e = {0};
		enum err_code rc;

		CHECK(fd >= 0 && write(fd, "abc\n", 4) == 4 &&
			      fchmod(fd, rows[i].mode) == 0,
		      "a file");
		(void)close(fd);
		rc = node_key_read(out, path, true, &e);
		CHECK(rc == rows[i].want, "%s: %d %s", rows[i].name, (int)rc,
		      e.msg);
		(void)unlink(path);
	}
	CHECK(node_key_read((char[NODE_KEY_MAX]){0}, "/nonexistent", true,
			    NULL) == ERR_IO,
	      "no file");
}

int main(void)
{
	a_line_is_a_header_or_a_key();
	long_ones_are_refused();
	only_the_owner_may_have_the_file();
	return CHECK_EXIT();
}
