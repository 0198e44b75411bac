#include "storage/torrent/layout.h"
#include "tests/check.h"

#include <stdlib.h>
#include <string.h>

static const struct store_file files[] = {
	{"a", 10, false},   {"empty", 0, false}, {"b", 5000, false},
	{"none", 0, false}, {"pad", 86, true},	 {"c", 1, false},
	{"end", 0, false},
};

/* Parts of a range, against the list above (5097 bytes). */
static void ranges_fall_into_parts(void)
{
	static const struct {
		const char *name;
		uint64_t offset, len;
		struct layout_part want[4];
	} rows[] = {
		{"the first byte", 0, 1, {{0, 0, 1}}},
		{"up to the end of a file", 0, 10, {{0, 0, 10}}},
		{"over an empty file", 9, 2, {{0, 9, 1}, {2, 0, 1}}},
		{"behind an empty file", 10, 5, {{2, 0, 5}}},
		{"over the pad file",
		 5009,
		 88,
		 {{2, 4999, 1}, {4, 0, 86}, {5, 0, 1}}},
		{"the last byte", 5096, 1, {{5, 0, 1}}},
		{"beyond the end", 5096, 100, {{5, 0, 1}}},
		{"nothing", 100, 0, {{0}}},
		{"after the end", 5097, 10, {{0}}},
	};
	struct layout l;

	CHECK(layout_init(&l, "dir", files, ROWS(files), 1024, 5, NULL) ==
		      ERR_NONE,
	      "init");
	CHECK(l.total == 5097 && layout_piece_size(&l, 4) == 1001 &&
		      layout_piece_size(&l, 0) == 1024,
	      "sizes");
	CHECK(strcmp(l.files[2].path, "dir/b") == 0, "%s", l.files[2].path);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct layout_part part = {0};
		size_t n = 0;

		while (layout_next(&l, rows[i].offset, rows[i].len, &part)) {
			CHECK(n < 4 && memcmp(&part, &rows[i].want[n],
					      sizeof(part)) == 0,
			      "%s: part %zu is %u %llu+%llu", rows[i].name, n,
			      part.file, (unsigned long long)part.offset,
			      (unsigned long long)part.len);
			n++;
		}
		CHECK(n == 4 || rows[i].want[n].len == 0, "%s: %zu parts",
		      rows[i].name, n);
	}
	layout_clear(&l);
}

static void names_of_pad_files_do_not_matter(void)
{
	static const struct store_file odd[] = {{"f", 1024, false},
						{"../pad", 1024, true}};
	struct layout l;

	CHECK(layout_init(&l, NULL, odd, 2, 1024, 2, NULL) == ERR_NONE, "pad");
	layout_clear(&l);
}

static void lengths_are_bounded(void)
{
	static const struct store_file huge[] = {{"f", UINT64_MAX, false},
						 {"g", 2, false}};
	static const struct store_file sum[] = {{"f", 1ULL << 62, false},
						{"g", 1, false}};
	char path[LAYOUT_MAX_PATH + 3];
	struct layout l;

	CHECK(layout_init(&l, NULL, huge, 2, 1024, 1, NULL) == ERR_LIMIT, "1");
	CHECK(layout_init(&l, NULL, sum, 2, STORE_MAX_PIECE, 1, NULL) ==
		      ERR_LIMIT,
	      "2");
	memset(path, 'x', sizeof(path));
	path[256] = '\0';
	CHECK(!layout_path_ok(path), "a component of 256 bytes");
	path[255] = '\0';
	CHECK(layout_path_ok(path), "one of 255");
	for (size_t i = 0; i < sizeof(path); i++)
		path[i] = i % 100 == 99 ? '/' : 'x';
	path[LAYOUT_MAX_PATH + 1] = '\0';
	CHECK(!layout_path_ok(path), "a path that is too long");
	path[LAYOUT_MAX_PATH] = '\0';
	CHECK(layout_path_ok(path), "the longest");
}

int main(void)
{
	ranges_fall_into_parts();
	names_of_pad_files_do_not_matter();
	lengths_are_bounded();
	return CHECK_EXIT();
}
