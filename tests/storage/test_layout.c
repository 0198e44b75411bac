#include "storage/torrent/layout.h"
#include "tests/check.h"

#include <stdlib.h>
#include <string.h>

static const struct store_file files[] = {
	{.path = "a", .length = 10},
	{.path = "empty", .length = 0},
	{.path = "b", .length = 5000},
	{.path = "none", .length = 0},
	{.path = "pad", .length = 86, .pad = true},
	{.path = "c", .length = 1},
	{.path = "end", .length = 0},
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
	static const struct store_file odd[] = {
		{.path = "f", .length = 1024},
		{.path = "../pad", .length = 1024, .pad = true}};
	struct layout l;

	CHECK(layout_init(&l, NULL, odd, 2, 1024, 2, NULL) == ERR_NONE, "pad");
	layout_clear(&l);
}

static void lengths_are_bounded(void)
{
	static const struct store_file huge[] = {
		{.path = "f", .length = UINT64_MAX},
		{.path = "g", .length = 2}};
	static const struct store_file sum[] = {
		{.path = "f", .length = 1ULL << 62},
		{.path = "g", .length = 1}};
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

static const struct store_file odd_files[] = {
	{.path = "a", .length = 70000},
	{.path = "p", .length = 61072, .pad = true},
	{.path = "none", .length = 0},
	{.path = "b", .length = 5},
	{.path = "p", .length = 65531, .pad = true},
	{.path = "c", .length = 32768},
};

static void short_pieces_must_fit(void)
{
	static const struct {
		const char *name;
		struct piece_short shorts[2];
		enum err_code want;
	} rows[] = {
		{"good", {{1, 16384}, {2, 5}}, ERR_NONE},
		{"the last, which is shorter anyway",
		 {{1, 1}, {3, 32768}},
		 ERR_NONE},
		{"one that is not there", {{1, 1}, {4, 1}}, ERR_LIMIT},
		{"more than its place", {{1, 65537}, {2, 1}}, ERR_LIMIT},
		{"more than the last one's place",
		 {{1, 1}, {3, 32769}},
		 ERR_LIMIT},
		{"of no size", {{1, 0}, {2, 1}}, ERR_LIMIT},
		{"twice", {{1, 1}, {1, 1}}, ERR_LIMIT},
		{"falling", {{2, 1}, {1, 1}}, ERR_LIMIT},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct layout l;

		CHECK(layout_init(&l, NULL, odd_files, ROWS(odd_files), 65536,
				  4, NULL) == ERR_NONE,
		      "layout");
		CHECK(layout_set_shorts(&l, rows[i].shorts, 2, NULL) ==
			      rows[i].want,
		      "%s", rows[i].name);
		if (rows[i].want == ERR_NONE)
			CHECK(layout_piece_wanted(&l, 0) == 65536 &&
				      layout_piece_wanted(&l, 1) ==
					      rows[i].shorts[0].size &&
				      layout_piece_wanted(
					      &l, rows[i].shorts[1].piece) ==
					      rows[i].shorts[1].size,
			      "%s: wanted", rows[i].name);
		layout_clear(&l);
	}
}

static void a_piece_has_the_bytes_of_its_file(void)
{
	static const struct {
		uint32_t data;
		unsigned top;
	} want[] = {{65536, 2}, {4464, 2}, {5, 0}, {32768, 1}};
	struct layout l;

	CHECK(layout_init(&l, NULL, odd_files, ROWS(odd_files), 65536, 4,
			  NULL) == ERR_NONE,
	      "layout");
	for (uint32_t i = 0; i < ROWS(want); i++) {
		unsigned top;
		uint32_t data = layout_piece_data(&l, i, &top);

		CHECK(data == want[i].data && top == want[i].top,
		      "piece %u: %u bytes, height %u", i, data, top);
	}
	layout_clear(&l);
}

int main(void)
{
	short_pieces_must_fit();
	a_piece_has_the_bytes_of_its_file();
	ranges_fall_into_parts();
	names_of_pad_files_do_not_matter();
	lengths_are_bounded();
	return CHECK_EXIT();
}
