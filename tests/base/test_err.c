#include "base/err.h"

#include "tests/check.h"

#include <string.h>

static void what_it_names_may_be_no_text(void)
{
	static const struct {
		const char *name, *is;
	} rows[] = {
		{"plain", "plain: no"},
		{"\xc3\xa4", "\xc3\xa4: no"},
		{"a\xff"
		 "b",
		 "a_b: no"},
		{"new\nline\x1b[31m", "new_line_[31m: no"},
		{"cut \xc3", "cut _: no"},
		{"\xed\xa0\x80", "___: no"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct err e = {0};

		CHECK(err_fail(&e, ERR_IO, "%s: no", rows[i].name) == ERR_IO &&
			      strcmp(e.msg, rows[i].is) == 0,
		      "%zu: %s", i, e.msg);
	}
}

static void a_letter_is_not_cut(void)
{
	char path[400];
	struct err e = {0};

	for (size_t i = 0; i < sizeof(path) - 1; i++)
		path[i] = i & 1 ? '\xa4' : '\xc3';
	path[sizeof(path) - 1] = '\0';
	(void)err_fail(&e, ERR_STATE, "x%.21s|%s", path, path);
	CHECK(strlen(e.msg) == sizeof(e.msg) - 1 && e.msg[21] == '_' &&
		      e.msg[22] == '|' && e.msg[sizeof(e.msg) - 2] == '\xa4',
	      "%s", e.msg);
	e = (struct err){0};
	(void)err_fail(&e, ERR_STATE, "%s", path);
	CHECK(e.msg[sizeof(e.msg) - 2] == '_', "%s", e.msg);
}

static void the_first_failure_wins(void)
{
	struct err e = {0};

	CHECK(err_fail(&e, ERR_DB, "first") == ERR_DB &&
		      err_fail(&e, ERR_IO, "second") == ERR_DB &&
		      strcmp(e.msg, "first") == 0 &&
		      err_fail(NULL, ERR_IO, "nobody asks") == ERR_IO,
	      "%s", e.msg);
}

int main(void)
{
	what_it_names_may_be_no_text();
	a_letter_is_not_cut();
	the_first_failure_wins();
	return CHECK_EXIT();
}
