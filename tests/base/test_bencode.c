#include "base/bencode.h"
#include "tests/check.h"

#include <string.h>

#define D8 "llllllll"
#define E8 "eeeeeeee"
#define DEEPEST D8 D8 D8 D8 E8 E8 E8 E8

static void only_strict_bencoding_is_read(void)
{
	static const struct {
		const char *name;
		const char *in;
		unsigned flags;
		enum err_code want;
	} rows[] = {
		{"zero", "i0e", 0, ERR_NONE},
		{"negative", "i-42e", 0, ERR_NONE},
		{"largest integer", "i9223372036854775807e", 0, ERR_NONE},
		{"one over the largest", "i9223372036854775808e", 0, ERR_PARSE},
		{"smallest integer", "i-9223372036854775808e", 0, ERR_NONE},
		{"one under the smallest", "i-9223372036854775809e", 0,
		 ERR_PARSE},
		{"twenty digits", "i99999999999999999999e", 0, ERR_PARSE},
		{"minus zero", "i-0e", 0, ERR_PARSE},
		{"leading zero", "i03e", 0, ERR_PARSE},
		{"two zeros", "i00e", 0, ERR_PARSE},
		{"minus leading zero", "i-03e", 0, ERR_PARSE},
		{"no digits", "ie", 0, ERR_PARSE},
		{"only a minus", "i-e", 0, ERR_PARSE},
		{"plus sign", "i+1e", 0, ERR_PARSE},
		{"unfinished integer", "i12", 0, ERR_PARSE},
		{"a letter in an integer", "i1x2e", 0, ERR_PARSE},
		{"empty string", "0:", 0, ERR_NONE},
		{"string", "4:spam", 0, ERR_NONE},
		{"string one short", "5:spam", 0, ERR_PARSE},
		{"length with leading zero", "04:spam", 0, ERR_PARSE},
		{"length past any size", "99999999999999999999:x", 0,
		 ERR_PARSE},
		{"length without colon", "4", 0, ERR_PARSE},
		{"negative length", "-4:spam", 0, ERR_PARSE},
		{"empty list", "le", 0, ERR_NONE},
		{"nested lists", "lli1ee4:spame", 0, ERR_NONE},
		{"unfinished list", "li1e", 0, ERR_PARSE},
		{"empty dictionary", "de", 0, ERR_NONE},
		{"dictionary", "d1:ai1e1:bi2ee", BEN_SORTED_KEYS, ERR_NONE},
		{"a key that extends another", "d1:ai1e2:aai2ee",
		 BEN_SORTED_KEYS, ERR_NONE},
		{"empty key", "d0:i1ee", BEN_SORTED_KEYS, ERR_NONE},
		{"key without value", "d1:ae", 0, ERR_PARSE},
		{"integer as key", "di1ei2ee", 0, ERR_PARSE},
		{"list as key", "dlei2ee", 0, ERR_PARSE},
		{"unfinished dictionary", "d1:ai1e", 0, ERR_PARSE},
		{"unsorted keys allowed", "d1:bi1e1:ai2ee", 0, ERR_NONE},
		{"unsorted keys refused", "d1:bi1e1:ai2ee", BEN_SORTED_KEYS,
		 ERR_PARSE},
		{"sorted keys after a nested dictionary", "d1:ad1:zi1ee1:bi2ee",
		 BEN_SORTED_KEYS, ERR_NONE},
		{"unsorted keys inside", "d1:ad1:zi1e1:yi1eee", BEN_SORTED_KEYS,
		 ERR_PARSE},
		{"duplicate keys allowed", "d1:ai1e1:ai2ee", 0, ERR_NONE},
		{"duplicate keys refused", "d1:ai1e1:ai2ee", BEN_SORTED_KEYS,
		 ERR_PARSE},
		{"nothing", "", 0, ERR_PARSE},
		{"an end alone", "e", 0, ERR_PARSE},
		{"a letter", "x", 0, ERR_PARSE},
		{"bytes after", "i1ei2e", 0, ERR_PARSE},
		{"bytes after allowed", "i1ei2e", BEN_TRAILING, ERR_NONE},
		{"32 levels", DEEPEST, 0, ERR_NONE},
		{"33 levels", "l" DEEPEST "e", 0, ERR_LIMIT},
		{"20 values",
		 "l"
		 "lelelelelelelelelele"
		 "lelelelelelelelele"
		 "e",
		 0, ERR_NONE},
		{"21 values",
		 "l"
		 "lelelelelelelelelele"
		 "lelelelelelelelelele"
		 "e",
		 0, ERR_LIMIT},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct err e = {0};
		struct ben_doc *doc;
		/* 32 levels need 32 values, so that those rows get room */
		uint32_t max = strstr(rows[i].in, D8) ? 64 : 20;
		enum err_code got =
			ben_parse(&doc, (const uint8_t *)rows[i].in,
				  strlen(rows[i].in), max, rows[i].flags, &e);

		CHECK(got == rows[i].want, "%s: got %d (%s)", rows[i].name, got,
		      e.msg);
		CHECK((doc != NULL) == (got == ERR_NONE), "%s: document",
		      rows[i].name);
		ben_doc_free(doc);
	}
}

static void an_error_names_the_offset(void)
{
	static const char in[] = "d4:infod4:nameli03eeee";
	struct err e = {0};
	struct ben_doc *doc;

	CHECK(ben_parse(&doc, (const uint8_t *)in, strlen(in), 100, 0, &e) ==
		      ERR_PARSE,
	      "leading zero");
	CHECK(strstr(e.msg, "byte 17"), "%s", e.msg);
}

static void integers_keep_their_value(void)
{
	static const struct {
		const char *in;
		int64_t want;
	} rows[] = {
		{"i0e", 0},
		{"i-1e", -1},
		{"i9223372036854775807e", INT64_MAX},
		{"i-9223372036854775808e", INT64_MIN},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct ben_doc *doc;
		int64_t got = 7;

		if (ben_parse(&doc, (const uint8_t *)rows[i].in,
			      strlen(rows[i].in), 1, 0, NULL) != ERR_NONE) {
			CHECK(0, "%s was refused", rows[i].in);
			continue;
		}
		CHECK(ben_int(ben_root(doc), &got) && got == rows[i].want,
		      "%s: got %lld", rows[i].in, (long long)got);
		ben_doc_free(doc);
	}
}

static bool view_is(struct ben_view v, const char *want)
{
	return v.len == strlen(want) && memcmp(v.p, want, v.len) == 0;
}

static void values_are_found_by_key(void)
{
	static const char in[] =
		"d4:infod6:lengthi7e4:name3:abce4:listl1:ai5ed1:xi1eee"
		"3:twoi1e3:twoi2eetail";
	struct ben_doc *doc;
	struct ben_view view = {NULL, 0};
	struct ben root, info;
	int64_t n = 99;

	if (ben_parse(&doc, (const uint8_t *)in, strlen(in), 100, BEN_TRAILING,
		      NULL) != ERR_NONE) {
		CHECK(0, "refused");
		return;
	}
	root = ben_root(doc);
	info = ben_get(root, "info");
	CHECK(ben_end(doc) == strlen(in) - strlen("tail"), "%zu", ben_end(doc));
	CHECK(ben_count(root) == 4, "pairs: %u", ben_count(root));
	CHECK(view_is(ben_raw(info), "d6:lengthi7e4:name3:abce"), "info's raw");
	CHECK(ben_int(ben_get(info, "length"), &n) && n == 7, "length");
	CHECK(ben_str(ben_get(info, "name"), &view) && view_is(view, "abc"),
	      "name");
	CHECK(ben_int(ben_get(root, "two"), &n) && n == 1,
	      "the first of duplicates");
	n = 99;
	CHECK(!ben_int(ben_get(info, "name"), &n) && n == 99, "no integer");
	CHECK(!ben_str(ben_get(info, "length"), &view), "no string");
	CHECK(ben_type(ben_get(root, "lis")) == BEN_NONE, "prefix of a key");
	CHECK(ben_type(ben_get(ben_get(root, "no"), "no")) == BEN_NONE,
	      "a chain of absent keys");
	CHECK(ben_type(ben_get(ben_get(root, "list"), "a")) == BEN_NONE,
	      "a key in a list");
	CHECK(ben_raw(ben_get(root, "no")).len == 0, "raw of nothing");
	ben_doc_free(doc);
}

static void strings_are_copied_when_they_fit(void)
{
	static const struct {
		const char *in;
		bool fixed, line; /* of 3 bytes; of at most 4 */
	} rows[] = {
		{"3:abc", true, true},
		{"4:abcd", false, true},
		{"5:abcde", false, false},
		{"0:", false, true},
		{"3:a\tc", true, false},
		{"3:a\x7f"
		 "c",
		 true, false},
		{"3:a c", true, true},
		{"i123e", false, false},
		{"l3:abce", false, false},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		char fixed[4] = "???", line[6] = "?????";
		struct ben_doc *doc = NULL;
		struct ben v;

		CHECK(ben_parse(&doc, (const uint8_t *)rows[i].in,
				strlen(rows[i].in), 9, 0, NULL) == ERR_NONE,
		      "%s", rows[i].in);
		v = ben_root(doc);
		CHECK(ben_fixed(v, fixed, 3) == rows[i].fixed &&
			      (fixed[0] == '?') == !rows[i].fixed &&
			      fixed[3] == 0,
		      "%s: fixed", rows[i].in);
		CHECK(ben_line(v, line, 4) == rows[i].line &&
			      (line[0] == '?') == !rows[i].line && line[5] == 0,
		      "%s: a line", rows[i].in);
		if (rows[i].line)
			CHECK(memcmp(line, rows[i].in + 2, strlen(line)) == 0 &&
				      strlen(line) + 2 == strlen(rows[i].in),
			      "%s: '%s'", rows[i].in, line);
		ben_doc_free(doc);
	}
}

static void iteration_meets_each_child_once(void)
{
	static const struct {
		const char *name;
		const char *in;
		const char *want; /* raw of each child, '|' between */
		uint32_t count;
	} rows[] = {
		{"scalars", "li1e1:xe", "i1e|1:x|", 2},
		{"lists in a list", "lleli1eelee", "le|li1ee|le|", 3},
		{"nothing in a list", "le", "", 0},
		{"nothing in a dictionary", "de", "", 0},
		{"pairs", "d1:ali1ee1:bdee", "1:a=li1ee|1:b=de|", 2},
		{"an integer has no children", "i1e", "", 0},
		{"a string has no children", "3:abc", "", 0},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		char got[128] = "";
		size_t n = 0;
		struct ben_doc *doc;
		struct ben it;

		if (ben_parse(&doc, (const uint8_t *)rows[i].in,
			      strlen(rows[i].in), 20, 0, NULL) != ERR_NONE) {
			CHECK(0, "%s: refused", rows[i].name);
			continue;
		}
		CHECK(ben_count(ben_root(doc)) == rows[i].count, "%s",
		      rows[i].name);
		for (it = ben_first(ben_root(doc)); ben_type(it);
		     it = ben_next(it)) {
			struct ben_view k = ben_raw(it);
			struct ben_view v = ben_raw(ben_value(it));

			n += (size_t)snprintf(
				got + n, sizeof(got) - n, "%.*s%s%.*s|",
				(int)k.len, (const char *)k.p, v.len ? "=" : "",
				(int)v.len, v.len ? (const char *)v.p : "");
		}
		CHECK(strcmp(got, rows[i].want) == 0, "%s: %s", rows[i].name,
		      got);
		ben_doc_free(doc);
	}
}

static void the_writer_writes_what_the_reader_reads(void)
{
	static const char want[] = "d1:ai-5e1:blli0eee1:c3:\1\0\2"
				   "e";
	uint8_t buf[64];
	struct wr w = wr_into(buf, sizeof(buf));

	ben_w_dict(&w);
	ben_w_str(&w, "a");
	ben_w_int(&w, -5);
	ben_w_str(&w, "b");
	ben_w_list(&w);
	ben_w_list(&w);
	ben_w_int(&w, 0);
	ben_w_end(&w);
	ben_w_end(&w);
	ben_w_str(&w, "c");
	ben_w_bytes(&w, "\1\0\2", 3);
	ben_w_end(&w);
	CHECK(wr_len(&w) == sizeof(want) - 1 &&
		      memcmp(buf, want, sizeof(want) - 1) == 0,
	      "%.*s", (int)wr_len(&w), (const char *)buf);
	w = wr_into(buf, 4);
	ben_w_str(&w, "abc");
	CHECK(wr_len(&w) == 0, "a full buffer is a failure");
}

int main(void)
{
	only_strict_bencoding_is_read();
	an_error_names_the_offset();
	integers_keep_their_value();
	values_are_found_by_key();
	strings_are_copied_when_they_fit();
	iteration_meets_each_child_once();
	the_writer_writes_what_the_reader_reads();
	return CHECK_EXIT();
}
