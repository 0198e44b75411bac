#include "base/options.h"
#include "tests/check.h"

#include <string.h>

static const struct option table[] = {
	{"json", OPT_FLAG, "no", 0, 0, NULL, "print JSON"},
	{"slots", OPT_INT, "8", 1, 1000, "N", "upload slots"},
	{"cache", OPT_SIZE, "32MiB", 0, 0, "SIZE", "cache"},
	{"limit-up", OPT_RATE, "none", 0, 0, "RATE", "upload limit"},
	{"seed-time", OPT_DURATION, NULL, 0, 0, "TIME", "how long"},
	{"bid", OPT_AMOUNT, NULL, 0, 0, "TOKENS", "bid"},
	{"out", OPT_STRING, NULL, 0, 0, "DIR", "where"},
	{"listen", OPT_ENDPOINT, NULL, 0, 0, "IP:PORT", "where"},
	{"peer", OPT_LIST, NULL, 0, 0, "HOST:PORT", "peers"},
};

static struct options *fresh(void)
{
	struct options *o = NULL;
	struct err e = {0};

	CHECK(options_new(&o, table, ROWS(table), &e) == ERR_NONE, "%s", e.msg);
	return o;
}

static void values_are_checked_when_set(void)
{
	static const struct {
		const char *name, *value;
		enum err_code want;
		int64_t number;
	} rows[] = {
		{"slots", "20", ERR_NONE, 20},
		{"slots", "0", ERR_PARSE, 0},
		{"slots", "1001", ERR_PARSE, 0},
		{"slots", "12x", ERR_PARSE, 0},
		{"slots", "", ERR_PARSE, 0},
		{"slots", " 5", ERR_PARSE, 0},
		{"slots", "99999999999999999999", ERR_PARSE, 0},
		{"cache", "64KiB", ERR_NONE, 65536},
		{"cache", "1g", ERR_NONE, 1LL << 30},
		{"cache", "-1", ERR_PARSE, 0},
		{"cache", "9000000000GiB", ERR_PARSE, 0},
		{"limit-up", "none", ERR_NONE, 0},
		{"limit-up", "2MiB", ERR_NONE, 2 << 20},
		{"seed-time", "15m", ERR_NONE, 900},
		{"seed-time", "2y", ERR_PARSE, 0},
		{"json", "on", ERR_NONE, 1},
		{"json", "maybe", ERR_PARSE, 0},
		{"bid", "1.5", ERR_NONE, 0},
		{"bid", "1.5.5", ERR_PARSE, 0},
		{"bid", "-1", ERR_PARSE, 0},
		{"bid", ".", ERR_PARSE, 0},
		{"out", "a\nb", ERR_PARSE, 0},
		{"listen", "127.0.0.1:6881", ERR_NONE, 0},
		{"listen", "[::1]:6881", ERR_NONE, 0},
		{"listen", "::1:6881", ERR_PARSE, 0},
		{"listen", "host:65536", ERR_PARSE, 0},
		{"listen", ":1", ERR_PARSE, 0},
		{"colour", "red", ERR_PARSE, 0},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct options *o = fresh();
		struct err e = {0};

		CHECK(options_set(o, rows[i].name, rows[i].value, &e) ==
			      rows[i].want,
		      "%s=%s: %s", rows[i].name, rows[i].value, e.msg);
		if (rows[i].want == ERR_NONE && rows[i].number)
			CHECK(options_int(o, rows[i].name) == rows[i].number,
			      "%s=%s", rows[i].name, rows[i].value);
		CHECK(rows[i].want == ERR_NONE || e.msg[0], "no words");
		options_free(o);
	}
}

static void arguments_mix_with_words(void)
{
	char *argv[] = {"seed", "--slots=3", "DIR", "--json", "--peer",
			"a:1",	"--peer",    "b:2", "--",     "--not-one"};
	const char *rest[ROWS(argv)];
	struct options *o = fresh();
	struct err e = {0};
	int n;

	CHECK(options_parse_args(o, (int)ROWS(argv), argv, rest, &n, &e) ==
		      ERR_NONE,
	      "%s", e.msg);
	CHECK(n == 3 && strcmp(rest[1], "DIR") == 0 &&
		      strcmp(rest[2], "--not-one") == 0,
	      "n %d", n);
	CHECK(options_int(o, "slots") == 3 && options_flag(o, "json"), "set");
	CHECK(options_list_count(o, "peer") == 2, "two peers");
	CHECK(strcmp(options_list_at(o, "peer", 1), "b:2") == 0, "second");
	CHECK(!options_is_set(o, "cache") &&
		      options_int(o, "cache") == 32 << 20,
	      "default");
	options_free(o);
}

static void wrong_arguments_say_what_to_do(void)
{
	static const struct {
		const char *name;
		char *argv[2];
		int argc;
		const char *says;
	} rows[] = {
		{"a typing error names the nearest",
		 {"--slot", "3"},
		 2,
		 "did you mean 'slots'"},
		{"a value is missing", {"--slots"}, 1, "needs a value"},
		{"short options do not exist", {"-x"}, 1, "see --help"},
		{"one letter is near to no name", {"--x"}, 1, "see --help"},
		{"no- only takes flags", {"--no-slots"}, 1, "unknown"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		const char *rest[2];
		struct options *o = fresh();
		struct err e = {0};
		int n;

		CHECK(options_parse_args(o, rows[i].argc, rows[i].argv, rest,
					 &n, &e) == ERR_PARSE,
		      "%s", rows[i].name);
		CHECK(strstr(e.msg, rows[i].says) != NULL, "%s: %s",
		      rows[i].name, e.msg);
		options_free(o);
	}
}

static void a_file_error_names_its_line(void)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{"slots = 4\n# note\n\njson=yes\n", NULL},
		{"slots = 4\r\njson = on", NULL},
		{"slots = 4\nslots four\n", "conf line 2"},
		{"\n\nslots = none\n", "conf line 3"},
		{"colour = red\n", "conf line 1"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct options *o = fresh();
		struct err e = {0};
		enum err_code code =
			options_parse_file(o, "conf", rows[i].text,
					   strlen(rows[i].text), NULL, &e);

		CHECK((code == ERR_NONE) == (rows[i].says == NULL), "row %zu",
		      i);
		if (rows[i].says)
			CHECK(strstr(e.msg, rows[i].says) != NULL, "%s", e.msg);
		else
			CHECK(options_int(o, "slots") == 4, "row %zu", i);
		options_free(o);
	}
}

int main(void)
{
	values_are_checked_when_set();
	arguments_mix_with_words();
	wrong_arguments_say_what_to_do();
	a_file_error_names_its_line();
	return CHECK_EXIT();
}
