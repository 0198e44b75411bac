#include "wire/find/web_seed.h"

#include "tests/check.h"

#include <string.h>

static struct metainfo_file files[] = {
	{.path = "a b.bin", .length = 10},
	{.path = "empty", .offset = 10},
	{.path = "d/\xc3\xa9+.txt", .length = 5, .offset = 10},
	{.path = ".pad/17", .length = 17, .offset = 15, .pad = true},
	{.path = "last", .length = 8, .offset = 32},
};
static const struct metainfo multi = {.name = "my dir",
				      .multi = true,
				      .files = files,
				      .file_count = ROWS(files),
				      .total = 40};
static struct metainfo_file one[] = {{.path = "x&y.iso", .length = 40}};
static const struct metainfo single = {
	.name = "x&y.iso", .files = one, .file_count = 1, .total = 40};

static void a_file_has_its_url(void)
{
	static const struct {
		const char *name, *base;
		const struct metainfo *m;
		uint32_t file;
		const char *want;
	} rows[] = {
		{"one file: the seed's own", "http://h/some.iso", &single, 0,
		 "http://h/some.iso"},
		{"one file below a directory", "http://h/d/", &single, 0,
		 "http://h/d/x%26y.iso"},
		{"a query stays as it is", "http://h/get?f=1&g=2", &single, 0,
		 "http://h/get?f=1&g=2"},
		{"many files below a directory", "http://h/", &multi, 0,
		 "http://h/my%20dir/a%20b.bin"},
		{"the slash may be missing", "http://h/d", &multi, 4,
		 "http://h/d/my%20dir/last"},
		{"bytes beyond ASCII, and a directory", "http://h/", &multi, 2,
		 "http://h/my%20dir/d/%C3%A9%2B.txt"},
		{"behind a query", "http://h/get?f=", &multi, 4,
		 "http://h/get?f=/my%20dir/last"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		char url[WEB_SEED_URL_CAP];
		struct err e = {0};

		CHECK(web_seed_url(url, rows[i].base, rows[i].m, rows[i].file,
				   &e) == ERR_NONE &&
			      strcmp(url, rows[i].want) == 0,
		      "%s: %s %s", rows[i].name, url, e.msg);
	}
}

static void a_url_that_is_too_long_is_refused(void)
{
	static char path[4000];
	struct metainfo_file f = {.path = path, .length = 1};
	struct metainfo m = {
		.name = "n", .multi = true, .files = &f, .file_count = 1};
	char url[WEB_SEED_URL_CAP];

	memset(path, ' ', sizeof(path) - 1);
	CHECK(web_seed_url(url, "http://h/", &m, 0, NULL) == ERR_LIMIT,
	      "of %zu bytes", strlen(url));
}

static void what_is_no_url_is_refused(void)
{
	static const struct {
		const char *url;
		enum err_code want;
	} rows[] = {
		{"http://h", ERR_NONE},
		{"HTTPS://h/x?y", ERR_NONE},
		{"http://[::1]:8/", ERR_NONE},
		{"", ERR_PARSE},
		{"http://", ERR_PARSE},
		{"http:///x", ERR_PARSE},
		{"ftp://h/x", ERR_PARSE},
		{"file:///etc/passwd", ERR_PARSE},
		{"http://h/a b", ERR_PARSE},
		{"http://h/a\r\nX: y", ERR_PARSE},
		{"http://h/#a", ERR_PARSE},
		{"http://h/\xff", ERR_PARSE},
	};
	static char big[METAINFO_MAX_URL + 2] = "http://h/";

	for (size_t i = 0; i < ROWS(rows); i++)
		CHECK(web_seed_check_url(rows[i].url, NULL) == rows[i].want,
		      "'%s'", rows[i].url);
	memset(big + 9, 'a', sizeof(big) - 10);
	CHECK(web_seed_check_url(big, NULL) == ERR_LIMIT, "a long one");
}

static void nobody_makes_us_ask_what_only_we_reach(void)
{
	static const struct {
		const char *name;
		enum web_seed_by by;
		bool seen_global;
		const char *ip, *url;
		bool want;
	} rows[] = {
		{"the internet", WEB_SEED_BY_TORRENT, false, "203.0.113.7",
		 "http://h/x?y", true},
		{"the internet again", WEB_SEED_BY_TORRENT, true, "2001:db8::1",
		 "http://h/x?y", true},
		{"this machine", WEB_SEED_BY_TORRENT, false, "127.0.0.1",
		 "http://h/x", false},
		{"this machine, mapped", WEB_SEED_BY_TORRENT, false,
		 "::ffff:127.0.0.1", "http://h/x", false},
		{"this link", WEB_SEED_BY_TORRENT, false, "169.254.169.254",
		 "http://h/x", false},
		{"this network", WEB_SEED_BY_TORRENT, false, "192.168.0.2",
		 "http://h/x", true},
		{"this network with a query", WEB_SEED_BY_TORRENT, false,
		 "192.168.0.2", "http://h/x?y", false},
		{"from the internet into this network", WEB_SEED_BY_TORRENT,
		 true, "192.168.0.2", "http://h/x", false},
		{"the user's, this machine", WEB_SEED_BY_USER, false,
		 "127.0.0.1", "http://h/x?y", true},
		{"the user's, this network", WEB_SEED_BY_USER, false,
		 "10.0.0.1", "http://h/x?y", true},
		{"the user's, led from the internet to this machine",
		 WEB_SEED_BY_USER, true, "127.0.0.1", "http://h/x", false},
		{"nobody", WEB_SEED_BY_USER, false, "0.0.0.0", "http://h/x",
		 false},
		{"no address", WEB_SEED_BY_USER, false, "", "http://h/x",
		 false},
	};

	for (size_t i = 0; i < ROWS(rows); i++)
		CHECK(web_seed_allowed(rows[i].by, rows[i].seen_global,
				       rows[i].ip, rows[i].url) == rows[i].want,
		      "%s", rows[i].name);
}

static void ranges_follow_the_files(void)
{
	static const struct {
		uint64_t at, end;
		struct web_range want;
	} rows[] = {
		{0, 40, {0, false, 0, 10}}, {4, 8, {0, false, 4, 4}},
		{9, 10, {0, false, 9, 1}},  {10, 40, {2, false, 0, 5}},
		{14, 40, {2, false, 4, 1}}, {15, 40, {3, true, 0, 17}},
		{20, 25, {3, true, 5, 5}},  {32, 40, {4, false, 0, 8}},
		{39, 40, {4, false, 7, 1}},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct web_range *w = &rows[i].want;
		struct web_range r;

		web_seed_range(&r, &multi, rows[i].at, rows[i].end);
		CHECK(r.file == w->file && r.pad == w->pad &&
			      r.offset == w->offset && r.len == w->len,
		      "row %zu: file %u offset %llu len %llu", i, r.file,
		      (unsigned long long)r.offset, (unsigned long long)r.len);
	}
}

#define FILE_LEN (20ULL << 20)
#define PART(range, length) \
	{ \
		206, range, length \
	}

static void answers_are_judged(void)
{
	static const struct {
		const char *name;
		struct web_head head;
		uint64_t offset, len;
		enum web_verdict want;
		uint64_t skip, take;
		const char *says;
	} rows[] = {
		{"what was asked for", PART("bytes 100-199/20971520", 100), 100,
		 100, WEB_TAKE, 0, 100, ""},
		{"its length not stated", PART("bytes 100-199/20971520", -1),
		 100, 100, WEB_TAKE, 0, 100, ""},
		{"the file's not stated", PART("bytes 100-199/*", 100), 100,
		 100, WEB_TAKE, 0, 100, ""},
		{"its beginning only", PART("bytes 100-149/20971520", 50), 100,
		 100, WEB_TAKE, 0, 50, ""},
		{"no Content-Range", PART(NULL, 100), 100, 100, WEB_BROKEN, 0,
		 0, "Content-Range"},
		{"a bad one", PART("100-199/300", 100), 100, 100, WEB_BROKEN, 0,
		 0, "Content-Range"},
		{"more behind it", PART("bytes 100-199/300x", 100), 100, 100,
		 WEB_BROKEN, 0, 0, "Content-Range"},
		{"a huge one", PART("bytes 99999999999999999999-1/2", 100), 100,
		 100, WEB_BROKEN, 0, 0, "Content-Range"},
		{"from elsewhere", PART("bytes 99-198/20971520", 100), 100, 100,
		 WEB_BROKEN, 0, 0, "another part"},
		{"too much", PART("bytes 100-200/20971520", 101), 100, 100,
		 WEB_BROKEN, 0, 0, "another part"},
		{"back to front", PART("bytes 100-99/20971520", 0), 100, 100,
		 WEB_BROKEN, 0, 0, "another part"},
		{"two lengths", PART("bytes 100-199/20971520", 99), 100, 100,
		 WEB_BROKEN, 0, 0, "another part"},
		{"of another file", PART("bytes 100-199/20971519", 100), 100,
		 100, WEB_BROKEN, 0, 0, "20971519 bytes there"},
		{"the whole file, from its beginning",
		 {200, NULL, FILE_LEN},
		 0,
		 100,
		 WEB_TAKE,
		 0,
		 100,
		 ""},
		{"the whole file, from near it",
		 {200, NULL, -1},
		 1000,
		 100,
		 WEB_TAKE,
		 1000,
		 100,
		 ""},
		{"the whole file, from far behind",
		 {200, NULL, FILE_LEN},
		 WEB_SEED_SKIP_MAX + 1,
		 100,
		 WEB_BROKEN,
		 0,
		 0,
		 "no ranges"},
		{"another whole file",
		 {200, NULL, 500},
		 0,
		 100,
		 WEB_BROKEN,
		 0,
		 0,
		 "500 bytes there"},
		{"not there", {404, NULL, -1}, 0, 1, WEB_NO_FILE, 0, 0, "404"},
		{"gone", {410, NULL, -1}, 0, 1, WEB_NO_FILE, 0, 0, "410"},
		{"forbidden", {403, NULL, -1}, 0, 1, WEB_NO_FILE, 0, 0, "403"},
		{"too short",
		 {416, NULL, -1},
		 0,
		 1,
		 WEB_BROKEN,
		 0,
		 0,
		 "shorter"},
		{"busy", {503, NULL, -1}, 0, 1, WEB_LATER, 0, 0, "503"},
		{"asked too much",
		 {429, NULL, -1},
		 0,
		 1,
		 WEB_LATER,
		 0,
		 0,
		 "429"},
		{"broken for now",
		 {500, NULL, -1},
		 0,
		 1,
		 WEB_LATER,
		 0,
		 0,
		 "500"},
		{"a redirect too many",
		 {302, NULL, -1},
		 0,
		 1,
		 WEB_BROKEN,
		 0,
		 0,
		 "302"},
		{"wants a password",
		 {401, NULL, -1},
		 0,
		 1,
		 WEB_BROKEN,
		 0,
		 0,
		 "401"},
		{"nothing", {204, NULL, -1}, 0, 1, WEB_BROKEN, 0, 0, "204"},
		{"beyond all", {600, NULL, -1}, 0, 1, WEB_BROKEN, 0, 0, "600"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct web_range asked = {.offset = rows[i].offset,
					  .len = rows[i].len};
		struct web_answer a;

		web_seed_judge(&a, &rows[i].head, &asked, FILE_LEN);
		CHECK(a.verdict == rows[i].want && a.skip == rows[i].skip &&
			      a.len == rows[i].take &&
			      (*rows[i].says
				       ? strstr(a.why, rows[i].says) != NULL
				       : !*a.why),
		      "%s: %d skip %llu len %llu '%s'", rows[i].name,
		      (int)a.verdict, (unsigned long long)a.skip,
		      (unsigned long long)a.len, a.why);
	}
}

static void who_fails_is_left_alone_longer_each_time(void)
{
	static const struct {
		unsigned fails;
		int64_t told_s, want_ms;
	} rows[] = {
		{1, 0, 10000},
		{2, 0, 20000},
		{3, 0, 40000},
		{9, 0, 1800000},
		{4000000000U, 0, 1800000},
		{1, 5, 10000},
		{1, 60, 60000},
		{1, 86400, 3600000},
		{9, 2000, 2000000},
		{1, -7, 10000},
	};

	for (size_t i = 0; i < ROWS(rows); i++)
		CHECK(web_seed_wait_ms(rows[i].fails, rows[i].told_s) ==
			      rows[i].want_ms,
		      "%u, told %lld", rows[i].fails,
		      (long long)rows[i].told_s);
}

int main(void)
{
	a_file_has_its_url();
	a_url_that_is_too_long_is_refused();
	what_is_no_url_is_refused();
	nobody_makes_us_ask_what_only_we_reach();
	ranges_follow_the_files();
	answers_are_judged();
	who_fails_is_left_alone_longer_each_time();
	return CHECK_EXIT();
}
