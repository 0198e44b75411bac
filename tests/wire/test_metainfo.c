#include "wire/torrent/metainfo.h"

#include "tests/check.h"

#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#define H20 "01234567890123456789"
#define H40 H20 H20
#define TAIL "12:piece lengthi16384e6:pieces20:" H20
#define SINGLE "6:lengthi7e4:name1:a" TAIL
/* a torrent of these files, 7 bytes each unless they say otherwise */
#define MULTI(files) "d4:infod5:filesl" files "e4:name1:d" TAIL "ee"
#define FILE_AT(path) "d6:lengthi7e4:pathl" path "ee"

static enum err_code parse(struct metainfo *m, const char *text, struct err *e)
{
	return metainfo_parse(m, (const uint8_t *)text, strlen(text), e);
}

static void bad_torrents_are_refused_with_the_field(void)
{
	static const struct {
		const char *name;
		const char *in;
		enum err_code want;
		const char *says;
	} rows[] = {
		{"good", "d4:infod" SINGLE "ee", ERR_NONE, ""},
		{"a newline at the end", "d4:infod" SINGLE "ee\n", ERR_NONE,
		 ""},
		{"no bencoding", "<html>", ERR_PARSE, "byte 0"},
		{"a list", "le", ERR_PARSE, "info"},
		{"two info dictionaries",
		 "d4:infod" SINGLE "e4:infod" SINGLE "ee", ERR_PARSE,
		 "info stands there twice"},
		{"two lengths",
		 "d4:infod6:lengthi7e6:lengthi8e4:name1:a" TAIL "ee", ERR_PARSE,
		 "info.length stands there twice"},
		{"two names", "d4:infod6:lengthi7e4:name1:a4:name1:b" TAIL "ee",
		 ERR_PARSE, "info.name stands there twice"},
		{"a file with two paths",
		 MULTI("d6:lengthi7e4:pathl1:ae4:pathl1:bee"), ERR_PARSE,
		 "info.files[0].path stands there twice"},
		{"an unknown key twice", "d4:infod" SINGLE "1:xi1e1:xi2eee",
		 ERR_NONE, ""},
		{"no info", "d8:announce3:urle", ERR_PARSE, "info"},
		{"info is a string", "d4:info2:hie", ERR_PARSE, "info"},
		{"no name", "d4:infod6:lengthi7e" TAIL "ee", ERR_PARSE, "name"},
		{"name is an integer", "d4:infod6:lengthi7e4:namei5e" TAIL "ee",
		 ERR_PARSE, "name"},
		{"empty name", "d4:infod6:lengthi7e4:name0:" TAIL "ee",
		 ERR_PARSE, "name"},
		{"name leads up", "d4:infod6:lengthi7e4:name2:.." TAIL "ee",
		 ERR_PARSE, "info.name is \"..\""},
		{"name is a path", "d4:infod6:lengthi7e4:name3:a/b" TAIL "ee",
		 ERR_PARSE, "slash"},
		{"neither length nor files", "d4:infod4:name1:a" TAIL "ee",
		 ERR_PARSE, "neither"},
		{"negative length", "d4:infod6:lengthi-7e4:name1:a" TAIL "ee",
		 ERR_PARSE, "info.length"},
		{"no data",
		 "d4:infod6:lengthi0e4:name1:a12:piece length"
		 "i16384e6:pieces0:ee",
		 ERR_PARSE, "no data"},
		{"piece length is zero",
		 "d4:infod6:lengthi7e4:name1:a12:piece lengthi0e6:pieces20:" H20
		 "ee",
		 ERR_LIMIT, "piece length"},
		{"piece length under 1 KiB",
		 "d4:infod6:lengthi7e4:name1:a12:piece lengthi1023e6:pieces"
		 "20:" H20 "ee",
		 ERR_LIMIT, "piece length"},
		{"piece length over 64 MiB",
		 "d4:infod6:lengthi7e4:name1:a12:piece lengthi67108865e6:"
		 "pieces20:" H20 "ee",
		 ERR_LIMIT, "piece length"},
		{"piece length that is no power of two",
		 "d4:infod6:lengthi7e4:name1:a12:piece lengthi16385e6:pieces"
		 "20:" H20 "ee",
		 ERR_NONE, ""},
		{"a hash too many",
		 "d4:infod6:lengthi7e4:name1:a12:piece lengthi16384e6:pieces"
		 "40:" H40 "ee",
		 ERR_PARSE, "info.pieces"},
		{"a hash too few",
		 "d4:infod6:lengthi16385e4:name1:a12:piece lengthi16384e6:"
		 "pieces20:" H20 "ee",
		 ERR_PARSE, "info.pieces"},
		{"a byte over two pieces needs two hashes",
		 "d4:infod6:lengthi16385e4:name1:a12:piece lengthi16384e6:"
		 "pieces40:" H40 "ee",
		 ERR_NONE, ""},
		{"a hash of 19 bytes",
		 "d4:infod6:lengthi7e4:name1:a12:piece lengthi16384e6:pieces"
		 "19:0123456789012345678ee",
		 ERR_PARSE, "info.pieces"},
		{"no pieces",
		 "d4:infod6:lengthi7e4:name1:a12:piece lengthi16384eee",
		 ERR_PARSE, "info.pieces"},
		{"files is empty", MULTI(""), ERR_PARSE, "neither"},
		{"a file is an integer", MULTI("i5e"), ERR_PARSE,
		 "info.files[0].length"},
		{"a path is missing", MULTI(FILE_AT("1:a") "d6:lengthi7ee"),
		 ERR_PARSE, "info.files[1].path"},
		{"a path is empty", MULTI(FILE_AT("")), ERR_PARSE,
		 "info.files[0].path"},
		{"a path is a string", MULTI("d6:lengthi7e4:path1:ae"),
		 ERR_PARSE, "info.files[0].path"},
		{"a component is an integer", MULTI(FILE_AT("1:ai5e")),
		 ERR_PARSE, "info.files[0].path[1] is empty"},
		{"a component is empty", MULTI(FILE_AT("1:a0:1:b")), ERR_PARSE,
		 "info.files[0].path[1] is empty"},
		{"a path leads up", MULTI(FILE_AT("1:a2:..2:..3:etc")),
		 ERR_PARSE, "info.files[0].path[1] is \"..\""},
		{"a component is a dot", MULTI(FILE_AT("1:.1:a")), ERR_PARSE,
		 "info.files[0].path[0] is \".\""},
		{"a component is a path", MULTI(FILE_AT("1:a6:../etc")),
		 ERR_PARSE, "info.files[0].path[1] holds a slash"},
		{"an absolute path", MULTI(FILE_AT("4:/etc")), ERR_PARSE,
		 "slash"},
		{"the same path twice", MULTI(FILE_AT("1:a") FILE_AT("1:a")),
		 ERR_PARSE, "two files"},
		{"a file as directory",
		 MULTI(FILE_AT("1:a") FILE_AT("2:a!") FILE_AT("1:a1:b")),
		 ERR_PARSE, "two files want the path \"a\""},
		{"names that begin alike",
		 MULTI(FILE_AT("1:a") FILE_AT("2:a!") FILE_AT("2:ab1:a")),
		 ERR_NONE, ""},
		{"names that differ in case",
		 MULTI(FILE_AT("1:a") FILE_AT("1:A")), ERR_NONE, ""},
		{"different bytes that are cleaned to one path",
		 MULTI(FILE_AT("1:\1") FILE_AT("1:\2")), ERR_PARSE,
		 "two files"},
		{"pad files of one path",
		 MULTI(FILE_AT("1:a") "d4:attr1:p6:lengthi7e4:pathl4:.padeed"
				      "4:attr1:p6:lengthi7e4:pathl4:.padee"),
		 ERR_NONE, ""},
		{"lengths that overflow",
		 MULTI("d6:lengthi9223372036854775807e4:pathl1:aeed6:"
		       "lengthi9223372036854775807e4:pathl1:bee"),
		 ERR_PARSE, "info.files[1].length"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct err e = {0};
		struct metainfo m;
		enum err_code got = parse(&m, rows[i].in, &e);

		CHECK(got == rows[i].want, "%s: got %d (%s)", rows[i].name, got,
		      e.msg);
		CHECK(strstr(e.msg, rows[i].says), "%s: %s", rows[i].name,
		      e.msg);
		CHECK((got == ERR_NONE) == (m.files != NULL), "%s: empty",
		      rows[i].name);
		metainfo_clear(&m);
	}
}

static void a_zero_byte_in_a_path_is_refused(void)
{
	static const char in[] = MULTI(FILE_AT("3:a\0b"));
	struct err e = {0};
	struct metainfo m;

	CHECK(metainfo_parse(&m, (const uint8_t *)in, sizeof(in) - 1, &e) ==
		      ERR_PARSE,
	      "%s", e.msg);
	CHECK(strstr(e.msg, "zero byte"), "%s", e.msg);
}

static void names_are_cleaned(void)
{
	static const struct {
		const char *name;
		const char *in; /* what follows "4:name" */
		const char *want;
	} rows[] = {
		{"ASCII", "3:a b", "a b"},
		{"two-byte letters", "2:\xc3\xa9", "\xc3\xa9"},
		{"four-byte letters", "4:\xf0\x9f\x8c\xb1", "\xf0\x9f\x8c\xb1"},
		{"Latin-1", "3:a\xe9z", "a_z"},
		{"a cut letter", "3:ab\xc3", "ab_"},
		{"overlong slash", "2:\xc0\xaf", "__"},
		{"overlong three bytes", "3:\xe0\x80\xaf", "___"},
		{"surrogate", "3:\xed\xa0\x80", "___"},
		{"above Unicode", "4:\xf4\x90\x80\x80", "____"},
		{"newline and escape", "4:a\n\x1b[", "a__["},
		{"C1 control", "3:a\xc2\x9b", "a_"},
		{"no-break space", "2:\xc2\xa0", "\xc2\xa0"},
		{"delete", "1:\x7f", "_"},
		{"name.utf-8 wins", "1:x10:name.utf-82:\xc3\xa9", "\xc3\xa9"},
		{"name.utf-8 that is none loses", "1:x10:name.utf-81:\xc3",
		 "x"},
		{"three dots are a name", "3:...", "..."},
		{"a leading dot is a name", "2:.a", ".a"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		char in[256];
		struct err e = {0};
		struct metainfo m;

		(void)snprintf(in, sizeof(in),
			       "d4:infod6:lengthi7e4:name%s" TAIL "ee",
			       rows[i].in);
		if (parse(&m, in, &e) != ERR_NONE) {
			CHECK(0, "%s: %s", rows[i].name, e.msg);
			continue;
		}
		CHECK(strcmp(m.name, rows[i].want) == 0, "%s: %s", rows[i].name,
		      m.name);
		metainfo_clear(&m);
	}
}

static void name_lengths_are_bounded(void)
{
	static const struct {
		const char *name;
		size_t component, depth;
		enum err_code want;
	} rows[] = {
		{"255 bytes", 255, 1, ERR_NONE},
		{"256 bytes", 256, 1, ERR_LIMIT},
		{"a path of 2047", 255, 8, ERR_NONE},
		{"a path of 2303", 255, 9, ERR_LIMIT},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		char in[4096], part[300];
		size_t n;
		struct err e = {0};
		struct metainfo m;

		memset(part, 'x', rows[i].component);
		part[rows[i].component] = '\0';
		n = (size_t)snprintf(in, sizeof(in),
				     "d4:infod5:filesld6:lengthi7e4:pathl");
		for (size_t k = 0; k < rows[i].depth; k++)
			n += (size_t)snprintf(in + n, sizeof(in) - n, "%zu:%s",
					      rows[i].component, part);
		(void)snprintf(in + n, sizeof(in) - n,
			       "eee4:name1:d" TAIL "ee");
		CHECK(parse(&m, in, &e) == rows[i].want, "%s: %s", rows[i].name,
		      e.msg);
		metainfo_clear(&m);
	}
}

static void all_fields_are_read(void)
{
	static const char info[] =
		"d5:filesld6:lengthi16000e4:pathl3:sub1:aeed4:attr1:p6:lengthi"
		"384e4:pathl4:.pad3:384eed4:attr1:l6:lengthi0e4:pathl4:linke12:"
		"symlink pathl2:..3:etceed6:lengthi5e4:pathl1:xe10:path.utf-8l"
		"2:\xc3\xa9"
		"eed6:lengthi0e4:pathl5:emptyeee4:name1:d12:piece lengthi16384"
		"e6:pieces40:" H40 "7:privatei1e6:source3:srce";
	char in[1024];
	struct err e = {0};
	struct metainfo m;
	uint8_t hash[20];

	(void)snprintf(
		in, sizeof(in),
		"d8:announce9:http://no13:announce-listll8:http://a"
		"8:http://belee7:comment2:hi10:created by2:me13:creation "
		"datei1500000000e4:info%se",
		info);
	if (parse(&m, in, &e) != ERR_NONE) {
		CHECK(0, "%s", e.msg);
		return;
	}
	(void)SHA1((const uint8_t *)info, strlen(info), hash);
	CHECK(memcmp(m.info_hash.bytes, hash, 20) == 0, "info hash");
	CHECK(m.info_len == strlen(info) &&
		      memcmp(m.info, info, m.info_len) == 0,
	      "info as it was");
	CHECK(m.multi && m.is_private && m.total == 16389, "flags and total");
	CHECK(m.piece_count == 2 && m.piece_length == 16384, "pieces");
	CHECK(memcmp(m.pieces, H40, 40) == 0, "hashes");
	CHECK(m.file_count == 4, "files: %u", m.file_count);
	CHECK(strcmp(m.files[0].path, "sub/a") == 0, "%s", m.files[0].path);
	CHECK(m.files[1].pad && !m.files[2].pad, "pad");
	CHECK(strcmp(m.files[2].path, "\xc3\xa9") == 0, "path.utf-8");
	CHECK(m.files[2].offset == 16384 && m.files[2].length == 5, "offset");
	CHECK(m.files[3].length == 0, "an empty file");
	CHECK(strcmp(m.comment, "hi") == 0 && strcmp(m.created_by, "me") == 0 &&
		      strcmp(m.source, "src") == 0 &&
		      m.creation_date == 1500000000,
	      "texts");
	CHECK(m.tracker_count == 2 &&
		      strcmp(m.trackers[1].url, "http://b") == 0,
	      "announce-list over announce");
	CHECK(metainfo_piece_size(&m, 0) == 16384 &&
		      metainfo_piece_size(&m, 1) == 5,
	      "piece sizes");
	metainfo_clear(&m);
}

static void trackers_stand_in_tiers(void)
{
	static const struct {
		const char *name;
		const char *in; /* before info */
		const char *want;
	} rows[] = {
		{"none", "", ""},
		{"announce alone", "8:announce3:abc", "0 abc "},
		{"tiers", "13:announce-listll1:ael1:b1:cee", "0 a 1 b 1 c "},
		{"an empty tier is none", "13:announce-listllel1:aee", "0 a "},
		{"an empty list gives way to announce",
		 "8:announce1:x13:announce-listllee", "0 x "},
		{"a list of strings gives way to announce",
		 "8:announce1:x13:announce-listl1:ae", "0 x "},
		{"a URL with a space or control byte is skipped",
		 "13:announce-listll3:a b2:a\n1:cee", "0 c "},
		{"numbers are skipped", "13:announce-listlli5e1:aee", "0 a "},
		{"announce is a list", "8:announcele", ""},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		char in[512], got[64] = "";
		size_t n = 0;
		struct err e = {0};
		struct metainfo m;

		(void)snprintf(in, sizeof(in), "d%s4:infod" SINGLE "ee",
			       rows[i].in);
		if (parse(&m, in, &e) != ERR_NONE) {
			CHECK(0, "%s: %s", rows[i].name, e.msg);
			continue;
		}
		for (uint32_t k = 0; k < m.tracker_count; k++)
			n += (size_t)snprintf(got + n, sizeof(got) - n,
					      "%u %s ", m.trackers[k].tier,
					      m.trackers[k].url);
		CHECK(strcmp(got, rows[i].want) == 0, "%s: %s", rows[i].name,
		      got);
		metainfo_clear(&m);
	}
}

static void a_thousand_trackers_are_cut(void)
{
	static char in[16384];
	size_t n = (size_t)snprintf(in, sizeof(in), "d13:announce-listll");
	struct metainfo m;
	struct err e = {0};

	for (int i = 0; i < 1000; i++)
		n += (size_t)snprintf(in + n, sizeof(in) - n, "6:url%03d", i);
	(void)snprintf(in + n, sizeof(in) - n, "ee4:infod" SINGLE "ee");
	CHECK(parse(&m, in, &e) == ERR_NONE, "%s", e.msg);
	CHECK(m.tracker_count == METAINFO_MAX_TRACKERS, "%u", m.tracker_count);
	metainfo_clear(&m);
}

static void web_seeds_are_read(void)
{
	static const struct {
		const char *name;
		const char *in; /* behind info */
		const char *want;
	} rows[] = {
		{"none", "", ""},
		{"one, as a string", "8:url-list8:http://a", "http://a "},
		{"a list", "8:url-listl8:http://a9:http://b/e",
		 "http://a http://b/ "},
		{"one that stands there twice counts once",
		 "8:url-listl8:http://a8:http://ae", "http://a "},
		{"an empty string is none", "8:url-list0:", ""},
		{"an empty list is none", "8:url-listle", ""},
		{"numbers and URLs with spaces are passed over",
		 "8:url-listli5e3:a b1:ce", "c "},
		{"a dictionary is none", "8:url-listde", ""},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		char in[512], got[64] = "";
		size_t n = 0;
		struct err e = {0};
		struct metainfo m;

		(void)snprintf(in, sizeof(in), "d4:infod" SINGLE "e%se",
			       rows[i].in);
		if (parse(&m, in, &e) != ERR_NONE) {
			CHECK(0, "%s: %s", rows[i].name, e.msg);
			continue;
		}
		for (uint32_t k = 0; k < m.web_seed_count; k++)
			n += (size_t)snprintf(got + n, sizeof(got) - n, "%s ",
					      m.web_seeds[k]);
		CHECK(strcmp(got, rows[i].want) == 0, "%s: %s", rows[i].name,
		      got);
		metainfo_clear(&m);
	}
}

static void a_hundred_web_seeds_are_cut(void)
{
	static char in[4096];
	size_t n = (size_t)snprintf(in, sizeof(in),
				    "d4:infod" SINGLE "e8:url-listl");
	struct metainfo m;
	struct err e = {0};

	for (int i = 0; i < 100; i++)
		n += (size_t)snprintf(in + n, sizeof(in) - n, "6:url%03d", i);
	(void)snprintf(in + n, sizeof(in) - n, "ee");
	CHECK(parse(&m, in, &e) == ERR_NONE, "%s", e.msg);
	CHECK(m.web_seed_count == METAINFO_MAX_WEB_SEEDS, "%u",
	      m.web_seed_count);
	metainfo_clear(&m);
}

static struct metainfo sample(struct metainfo_file *files,
			      struct metainfo_tracker *trackers)
{
	files[0] = (struct metainfo_file){.path = "a/b", .length = 16384};
	files[1] = (struct metainfo_file){.path = "c", .length = 1};
	trackers[0] = (struct metainfo_tracker){"http://x/announce", 0};
	trackers[1] = (struct metainfo_tracker){"http://y/announce", 0};
	trackers[2] = (struct metainfo_tracker){"http://z/announce", 1};
	return (struct metainfo){
		.name = "dir",
		.multi = true,
		.piece_length = 16384,
		.piece_count = 2,
		.file_count = 2,
		.tracker_count = 3,
		.pieces = (const uint8_t *)H40,
		.files = files,
		.trackers = trackers,
	};
}

static void what_is_built_is_canonical(void)
{
	static const char want[] =
		"d8:announce17:http://x/announce13:announce-listll17:"
		"http://x/announce17:http://y/announceel17:http://z/announceee"
		"7:comment4:text4:infod5:filesld6:lengthi16384e4:pathl1:a1:beed"
		"6:lengthi1e4:pathl1:ceee4:name3:dir12:piece lengthi16384e6:"
		"pieces40:" H40 "7:privatei1eee";
	struct metainfo_file files[2];
	struct metainfo_tracker trackers[3];
	struct metainfo m = sample(files, trackers);
	struct err e = {0};
	uint8_t *out;
	size_t len;

	m.is_private = true;
	m.comment = "text";
	if (metainfo_build(&out, &len, &m, &e) != ERR_NONE) {
		CHECK(0, "%s", e.msg);
		return;
	}
	CHECK(len == strlen(want) && memcmp(out, want, len) == 0, "%.*s",
	      (int)len, (const char *)out);
	free(out);
}

static void what_could_not_be_read_is_not_built(void)
{
	static const struct {
		const char *name;
		const char *path;
		uint32_t pieces, piece_length;
		enum err_code want;
	} rows[] = {
		{"good", "a/b", 2, 16384, ERR_NONE},
		{"a path that leads up", "../b", 2, 16384, ERR_PARSE},
		{"an absolute path", "/b", 2, 16384, ERR_PARSE},
		{"a path twice", "c", 2, 16384, ERR_PARSE},
		{"a path that is no UTF-8", "a/\xe9", 2, 16384, ERR_PARSE},
		{"a piece too few", "a/b", 1, 16384, ERR_PARSE},
		{"no piece length", "a/b", 2, 0, ERR_LIMIT},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct metainfo_file files[2];
		struct metainfo_tracker trackers[3];
		struct metainfo m = sample(files, trackers);
		struct err e = {0};
		uint8_t *out = NULL;
		size_t len;

		files[0].path = rows[i].path;
		m.piece_count = rows[i].pieces;
		m.piece_length = rows[i].piece_length;
		CHECK(metainfo_build(&out, &len, &m, &e) == rows[i].want,
		      "%s: %s", rows[i].name, e.msg);
		CHECK((out != NULL) == (rows[i].want == ERR_NONE), "%s",
		      rows[i].name);
		free(out);
	}
}

static void piece_lengths_suit_the_size(void)
{
	static const struct {
		uint64_t total;
		uint32_t want;
	} rows[] = {
		{1, 16U << 10},		  {16U << 20, 16U << 10},
		{139U << 20, 256U << 10}, {1ULL << 40, 16U << 20},
		{UINT64_MAX, 16U << 20},
	};

	for (size_t i = 0; i < ROWS(rows); i++)
		CHECK(metainfo_suggest_piece_length(rows[i].total) ==
			      rows[i].want,
		      "row %zu", i);
}

int main(void)
{
	bad_torrents_are_refused_with_the_field();
	a_zero_byte_in_a_path_is_refused();
	names_are_cleaned();
	name_lengths_are_bounded();
	all_fields_are_read();
	trackers_stand_in_tiers();
	a_thousand_trackers_are_cut();
	web_seeds_are_read();
	a_hundred_web_seeds_are_cut();
	what_is_built_is_canonical();
	what_could_not_be_read_is_not_built();
	piece_lengths_suit_the_size();
	return CHECK_EXIT();
}
