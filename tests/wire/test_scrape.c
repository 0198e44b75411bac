#include "wire/find/scrape.h"

#include "tests/check.h"

#include <string.h>

#define HASH "\0\1abcdefghijklmnopqr"
#define ESCAPED "%00%01%61%62%63%64%65%66%67%68%69%6A%6B%6C%6D%6E%6F%70%71%72"

static struct info_hash hash(void)
{
	struct info_hash h;

	memcpy(h.bytes, HASH, sizeof(h.bytes));
	return h;
}

static void the_url_is_made_of_the_announce(void)
{
	static const struct {
		const char *announce, *want;
	} rows[] = {
		{"http://t.example/announce",
		 "http://t.example/scrape?info_hash=" ESCAPED},
		{"https://t.example/x/announce.php?key=1",
		 "https://t.example/x/scrape.php?key=1&info_hash=" ESCAPED},
		{"http://t.example/announce/", NULL},
		{"http://t.example/a", NULL},
		{"http://t.example", NULL},
		{"http://announce", NULL},
		{"http://t.example/?announce", NULL},
		{"udp://t.example:1/announce", NULL},
	};
	static char longest[ANNOUNCE_MAX_URL + 1] = "http://t/announce";
	struct info_hash h = hash();
	char url[ANNOUNCE_URL_CAP];

	for (size_t i = 0; i < ROWS(rows); i++) {
		enum err_code code =
			scrape_url(url, rows[i].announce, &h, NULL);

		if (!rows[i].want)
			CHECK(code == ERR_STATE, "%s", rows[i].announce);
		else
			CHECK(code == ERR_NONE &&
				      strcmp(url, rows[i].want) == 0,
			      "%s", url);
	}
	memset(longest + strlen(longest), 'x',
	       sizeof(longest) - 1 - strlen(longest));
	CHECK(scrape_url(url, longest, &h, NULL) == ERR_NONE, "the longest");
}

static void answers_are_read(void)
{
#define FILE20 "20:" HASH
	static const struct {
		const char *name, *body;
		size_t len;
		enum err_code want;
		int64_t seeds, completed, leechers;
	} rows[] = {
#define ROW(name, body, ...) {name, body, sizeof(body) - 1, __VA_ARGS__}
		ROW("a good one",
		    "d5:filesd" FILE20
		    "d8:completei5e10:downloadedi50e10:incompletei10eeee",
		    ERR_NONE, 5, 50, 10),
		ROW("with others' figures before it",
		    "d5:filesd20:aaaaaaaaaaaaaaaaaaaad8:completei1ee" FILE20
		    "d8:completei5eeee",
		    ERR_NONE, 5, -1, -1),
		ROW("below zero", "d5:filesd" FILE20 "d8:completei-5eeee",
		    ERR_NONE, -1, -1, -1),
		ROW("no figures", "d5:filesd" FILE20 "deee", ERR_NONE, -1, -1,
		    -1),
		ROW("another torrent's",
		    "d5:filesd20:aaaaaaaaaaaaaaaaaaaad8:completei1eeee",
		    ERR_STATE, -1, -1, -1),
		ROW("no torrents", "d5:filesdee", ERR_STATE, -1, -1, -1),
		ROW("refused", "d14:failure reason2:noe", ERR_STATE, -1, -1,
		    -1),
		ROW("refused without words", "d14:failure reasoni1ee",
		    ERR_STATE, -1, -1, -1),
		ROW("no files", "de", ERR_PARSE, -1, -1, -1),
		ROW("files that are a list", "d5:fileslee", ERR_PARSE, -1, -1,
		    -1),
		ROW("a file that is a number", "d5:filesd" FILE20 "i1eee",
		    ERR_STATE, -1, -1, -1),
		ROW("nonsense", "x", ERR_PARSE, -1, -1, -1),
		ROW("nothing", "", ERR_PARSE, -1, -1, -1),
	};
	struct info_hash h = hash();

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct scrape_reply r;
		enum err_code code =
			scrape_parse(&r, &h, (const uint8_t *)rows[i].body,
				     rows[i].len, NULL);

		CHECK(code == rows[i].want && r.seeds == rows[i].seeds &&
			      r.completed == rows[i].completed &&
			      r.leechers == rows[i].leechers,
		      "%s: %d", rows[i].name, code);
	}
}

int main(void)
{
	the_url_is_made_of_the_announce();
	answers_are_read();
	return CHECK_EXIT();
}
