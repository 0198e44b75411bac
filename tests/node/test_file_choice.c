#include "node/swarm/file_choice.h"

#include "tests/check.h"

#include <stdlib.h>
#include <string.h>

/* 5 files over 8 pieces of 10 bytes; the third is a pad */
static struct metainfo_file list[] = {
	{.path = "a.txt", .length = 15, .offset = 0},
	{.path = "d/b.MKV", .length = 25, .offset = 15},
	{.path = "pad", .length = 10, .offset = 40, .pad = true},
	{.path = "d/c.mkv", .length = 25, .offset = 50},
	{.path = "empty", .length = 0, .offset = 75},
};
static const struct metainfo torrent = {.v1 = true,
					.piece_length = 10,
					.piece_count = 8,
					.file_count = 5,
					.total = 75,
					.files = list};

/* As "22022", one digit a file or piece. */
static const char *shown(const uint8_t *prios, uint32_t n)
{
	static char out[64];

	for (uint32_t i = 0; i < n; i++)
		out[i] = (char)('0' + prios[i]);
	out[n] = '\0';
	return out;
}

static void words_make_a_choice(void)
{
	static const struct {
		const char *name, *words, *before, *want; /* NULL: refused */
		enum err_code code;
	} rows[] = {
		{"none", "{}", NULL, "22222", 0},
		{"numbers", "{\"files\":\"1,4-5\"}", NULL, "20022", 0},
		{"one number", "{\"files\":\"2\"}", "33333", "02000", 0},
		{"all", "{\"files\":\"all\"}", "00020", "22222", 0},
		{"a pattern, in directories too", "{\"only\":[\"*.mkv\"]}",
		 NULL, "00020", 0},
		{"patterns and numbers",
		 "{\"only\":[\"*.mkv\",\"a?txt\"],\"files\":\"5\"}", NULL,
		 "20022", 0},
		{"changes to what is",
		 "{\"skip\":\"1\",\"want\":\"4\",\"low\":\"2\",\"high\":\"5\"}",
		 "22002", "01023", 0},
		{"all to one", "{\"skip\":\"all\",\"want\":\"2\"}", NULL,
		 "02000", 0},
		{"no number", "{\"files\":\"\"}", NULL, NULL, ERR_PARSE},
		{"zero", "{\"files\":\"0\"}", NULL, NULL, ERR_PARSE},
		{"too large", "{\"files\":\"6\"}", NULL, NULL, ERR_PARSE},
		{"far too large", "{\"files\":\"99999999999999999999999\"}",
		 NULL, NULL, ERR_PARSE},
		{"backwards", "{\"files\":\"3-2\"}", NULL, NULL, ERR_PARSE},
		{"open", "{\"files\":\"3-\"}", NULL, NULL, ERR_PARSE},
		{"a comma at the end", "{\"files\":\"3,\"}", NULL, NULL,
		 ERR_PARSE},
		{"a letter", "{\"files\":\"1x\"}", NULL, NULL, ERR_PARSE},
		{"no match", "{\"only\":[\"*.avi\"]}", NULL, NULL, ERR_STATE},
		{"nothing left", "{\"skip\":\"all\"}", NULL, NULL, ERR_STATE},
		{"a pad alone", "{\"files\":\"3\"}", NULL, NULL, ERR_STATE},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		json_t *words = json_loads(rows[i].words, 0, NULL);
		uint8_t before[5], *got;
		struct err e = {0};
		enum err_code code;

		for (size_t k = 0; rows[i].before && k < 5; k++)
			before[k] = (uint8_t)(rows[i].before[k] - '0');
		code = choice_make(&got, &torrent,
				   rows[i].before ? before : NULL, words, &e);
		CHECK(code == rows[i].code, "%s: %d %s", rows[i].name, code,
		      e.msg);
		CHECK(!got == !rows[i].want &&
			      (!got ||
			       strcmp(shown(got, 5), rows[i].want) == 0),
		      "%s: %s", rows[i].name, got ? shown(got, 5) : "none");
		CHECK(choice_has_words(words) == (i > 0), "%s: words",
		      rows[i].name);
		free(got);
		json_decref(words);
	}
}

/* Padding of version 2 stands in no list: it has no number. */
static void what_stands_in_no_list_has_no_number(void)
{
	struct metainfo v2 = torrent;
	json_t *words = json_pack("{ss}", "files", "3");
	uint8_t *got;

	v2.v1 = false;
	v2.v2 = true;
	CHECK(choice_make(&got, &v2, NULL, words, NULL) == ERR_NONE &&
		      strcmp(shown(got, 5), "00020") == 0,
	      "the third");
	free(got);
	(void)json_object_set_new(words, "files", json_string("5"));
	CHECK(choice_make(&got, &v2, NULL, words, NULL) == ERR_PARSE,
	      "there are four");
	json_decref(words);
}

static void a_link_chooses(void)
{
	struct magnet link;
	uint8_t *got;

	CHECK(magnet_parse(&link,
			   "magnet:?xt=urn:btih:c12fe1c06bba254a9dc9f519b335aa"
			   "7c1367a88a&so=0,3-9",
			   NULL) == ERR_NONE,
	      "link");
	CHECK(choice_of_link(&got, &torrent, &link, NULL) == ERR_NONE &&
		      strcmp(shown(got, 5), "20022") == 0,
	      "choice");
	free(got);
	link.ranges[0] = (struct magnet_range){2, 2};
	link.range_count = 1;
	CHECK(choice_of_link(&got, &torrent, &link, NULL) == ERR_STATE && !got,
	      "a pad alone");
	magnet_clear(&link);
}

static void pieces_follow_their_files(void)
{
	static const struct {
		const char *name, *files; /* NULL: all normal */
		bool in_order;
		const char *want; /* NULL: all normal */
	} rows[] = {
		{"all", NULL, false, NULL},
		{"the first", "20000", false, "22000000"},
		{"the second shares a piece with it", "02000", false,
		 "02220000"},
		{"the highest counts", "31000", false, "33110000"},
		{"the last", "00020", false, "00000222"},
		{"an empty one has none", "20002", false, "22000000"},
		{"in order: the ends of the first media file", NULL, true,
		 "23232222"},
		{"of those that are wanted", "20020", true, "22000323"},
		{"no media at all", "20000", true, "22000000"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		uint8_t files[5], *got;

		for (size_t k = 0; rows[i].files && k < 5; k++)
			files[k] = (uint8_t)(rows[i].files[k] - '0');
		got = choice_pieces(&torrent, rows[i].files ? files : NULL,
				    rows[i].in_order);
		CHECK(!got == !rows[i].want &&
			      (!got ||
			       strcmp(shown(got, 8), rows[i].want) == 0),
		      "%s: %s", rows[i].name, got ? shown(got, 8) : "none");
		free(got);
	}
}

static void a_choice_is_kept_as_text(void)
{
	static const struct {
		const char *text;
		bool good;
	} rows[] = {
		{"2x5", true},	    {"2x1,0x3,3x1", true}, {"", false},
		{"2x4", false},	    {"2x6", false},	   {"4x5", false},
		{"2x5,", true},	    {"2x5x", false},	   {"2y5", false},
		{"2x0,2x5", false}, {"2x5,0x1", false},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		uint8_t *files = choice_read(rows[i].text, 5);
		char *text = files ? choice_text(files, 5) : NULL;

		CHECK(!files == !rows[i].good, "%s", rows[i].text);
		CHECK(!text || strncmp(text, rows[i].text, strlen(text)) == 0,
		      "%s became %s", rows[i].text, text);
		free(files);
		free(text);
	}
}

int main(void)
{
	words_make_a_choice();
	what_stands_in_no_list_has_no_number();
	a_link_chooses();
	pieces_follow_their_files();
	a_choice_is_kept_as_text();
	return CHECK_EXIT();
}
