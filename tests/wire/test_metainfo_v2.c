#include "wire/torrent/metainfo.h"

#include "tests/check.h"
#include "tests/wire/torrents_v2.h"

#include <stdlib.h>
#include <string.h>

#define R32 "0123456789abcdef0123456789abcdef"
#define H20 "01234567890123456789"
#define ROOT "11:pieces root32:" R32
#define FILE7 "d0:d6:lengthi7e" ROOT "ee"
#define TAIL2 "12:meta versioni2e4:name1:a12:piece lengthi16384e"
/* of v2 alone, with this tree */
#define TREE(t) "d4:infod9:file treed" t "e" TAIL2 "ee"
/* of both: v1's part stands before "meta version" and after "piece length" */
#define BOTH(t, v1, pieces) \
	"d4:infod9:file treed" t "e" v1 TAIL2 "6:pieces" pieces "ee"
#define LIST(files) "5:filesl" files "e"
#define V1(len, name) "d6:lengthi" #len "e4:pathl" name "ee"
#define PAD(len) "d4:attr1:p6:lengthi" #len "e4:pathl4:.padee"
#define V2(len, name) name "d0:d6:lengthi" #len "e" ROOT "ee"

static void bad_torrents_are_refused_with_words(void)
{
	static const struct {
		const char *name;
		const char *in;
		enum err_code want;
		const char *says;
	} rows[] = {
		{"one file", TREE("1:a" FILE7), ERR_NONE, ""},
		{"a version that is not known",
		 "d4:infod12:meta versioni3e4:name1:aee", ERR_STATE,
		 "version 3"},
		{"no tree", "d4:infod" TAIL2 "ee", ERR_PARSE,
		 "file tree is missing"},
		{"the tree is a list", "d4:infod9:file treele" TAIL2 "ee",
		 ERR_PARSE, "file tree is missing"},
		{"an empty tree", TREE(""), ERR_PARSE, "no data"},
		{"an empty file alone", TREE("1:ad0:d6:lengthi0eee"), ERR_PARSE,
		 "no data"},
		{"an empty file and one more",
		 TREE("1:ad0:d6:lengthi0eee1:b" FILE7), ERR_NONE, ""},
		{"an empty directory", TREE("1:ade1:b" FILE7), ERR_NONE, ""},
		{"no length", TREE("1:ad0:d" ROOT "ee"), ERR_PARSE,
		 "\"a\" has no length"},
		{"a length below 0", TREE("1:ad0:d6:lengthi-7e" ROOT "ee"),
		 ERR_PARSE, "below 0"},
		{"two lengths", TREE("1:ad0:d6:lengthi7e6:lengthi8e" ROOT "ee"),
		 ERR_PARSE, "twice"},
		{"no root", TREE("1:ad0:d6:lengthi7eee"), ERR_PARSE,
		 "no pieces root"},
		{"a root of 31 bytes",
		 TREE("1:ad0:d6:lengthi7e11:pieces root31:"
		      "0123456789abcdef0123456789abcdeee"),
		 ERR_PARSE, "no pieces root"},
		{"more pieces than we take",
		 TREE("1:ad0:d6:lengthi34359738369e" ROOT "ee"), ERR_LIMIT,
		 "too many pieces"},
		{"lengths that overflow",
		 TREE("1:ad0:d6:lengthi9223372036854775807e" ROOT "ee"),
		 ERR_LIMIT, "too many pieces"},
		{"an entry that is no dictionary", TREE("1:ai7e"), ERR_PARSE,
		 "is no dictionary"},
		{"a file that is no dictionary", TREE("1:ad0:i7ee"), ERR_PARSE,
		 "is no file"},
		{"a file that is a directory too",
		 TREE("1:ad0:d6:lengthi7e" ROOT "e1:b" FILE7 "e"), ERR_PARSE,
		 "a file and a directory"},
		{"the tree itself is a file", TREE("0:d6:lengthi7e" ROOT "e"),
		 ERR_PARSE, "is empty"},
		{"a name that leads up", TREE("2:.." FILE7), ERR_PARSE,
		 "\"..\""},
		{"a directory that leads up", TREE("2:..d1:a" FILE7 "e"),
		 ERR_PARSE, "\"..\""},
		{"a dot", TREE("1:." FILE7), ERR_PARSE, "\".\""},
		{"a slash in a name", TREE("3:a/b" FILE7), ERR_PARSE, "slash"},
		{"an absolute name", TREE("4:/etc" FILE7), ERR_PARSE, "slash"},
		{"names out of order", TREE("1:b" FILE7 "1:a" FILE7), ERR_PARSE,
		 "out of order"},
		{"a name twice", TREE("1:a" FILE7 "1:a" FILE7), ERR_PARSE,
		 "twice"},
		{"names that are mended to one",
		 TREE("1:\1" FILE7 "1:\2" FILE7), ERR_PARSE, "two files"},
		{"a link is left out",
		 TREE("1:ad0:d4:attr1:l12:symlink pathl2:..eee1:b" FILE7),
		 ERR_NONE, ""},
		{"padding in a tree",
		 TREE("1:ad0:d4:attr1:p6:lengthi7e" ROOT "ee"), ERR_PARSE,
		 "is padding"},
		{"a piece length that is no power of two",
		 "d4:infod9:file treed1:a" FILE7 "e12:meta versioni2e4:name1:a"
		 "12:piece lengthi24576eee",
		 ERR_PARSE, "power of two"},
		{"a piece length under a block",
		 "d4:infod9:file treed1:a" FILE7 "e12:meta versioni2e4:name1:a"
		 "12:piece lengthi8192eee",
		 ERR_PARSE, "power of two"},
		{"a hybrid", BOTH("1:a" FILE7, "6:lengthi7e", "20:" H20),
		 ERR_NONE, ""},
		{"a hybrid without pieces",
		 "d4:infod9:file treed1:a" FILE7 "e6:lengthi7e" TAIL2 "ee",
		 ERR_PARSE, "info.pieces is missing"},
		{"a hybrid with a list and no pieces",
		 "d4:infod9:file treed1:a" FILE7 "e" LIST(V1(7, "1:a")) TAIL2
		 "ee",
		 ERR_PARSE, "info.pieces is missing"},
		{"pieces without files of v1", BOTH("1:a" FILE7, "", "20:" H20),
		 ERR_PARSE, "neither"},
		{"a hybrid with a hash too many",
		 BOTH("1:a" FILE7, "6:lengthi7e", "40:" H20 H20), ERR_PARSE,
		 "info.pieces has"},
		{"another length", BOTH("1:a" FILE7, "6:lengthi8e", "20:" H20),
		 ERR_PARSE, "another file in version 1"},
		{"another name", BOTH("1:b" FILE7, "6:lengthi7e", "20:" H20),
		 ERR_PARSE, "another file in version 1"},
		{"a file that v1 has not",
		 BOTH("1:a" FILE7 "1:b" FILE7, LIST(V1(7, "1:a")), "20:" H20),
		 ERR_PARSE, "\"b\" is no file of version 1"},
		{"a file that v2 has not",
		 BOTH("1:a" FILE7, LIST(V1(7, "1:a") PAD(16377) V1(7, "1:b")),
		      "40:" H20 H20),
		 ERR_PARSE, "more files"},
		{"two files with padding between",
		 BOTH("1:a" FILE7 "1:b" FILE7,
		      LIST(V1(7, "1:a") PAD(16377) V1(7, "1:b")),
		      "40:" H20 H20),
		 ERR_NONE, ""},
		{"and behind the last",
		 BOTH("1:a" FILE7 "1:b" FILE7,
		      LIST(V1(7, "1:a") PAD(16377) V1(7, "1:b") PAD(16377)),
		      "40:" H20 H20),
		 ERR_NONE, ""},
		{"padding of more than a piece behind the last",
		 BOTH("1:a" FILE7, LIST(V1(7, "1:a") PAD(16378)),
		      "40:" H20 H20),
		 ERR_PARSE, "more files"},
		{"no padding",
		 BOTH("1:a" FILE7 "1:b" FILE7, LIST(V1(7, "1:a") V1(7, "1:b")),
		      "20:" H20),
		 ERR_PARSE, "begins elsewhere"},
		{"padding of a piece more",
		 BOTH("1:a" FILE7 "1:b" FILE7,
		      LIST(V1(7, "1:a") PAD(32761) V1(7, "1:b")),
		      "60:" H20 H20 H20),
		 ERR_PARSE, "begins elsewhere"},
		{"another order",
		 BOTH("1:a" FILE7 "1:b" FILE7,
		      LIST(V1(7, "1:b") PAD(16377) V1(7, "1:a")),
		      "40:" H20 H20),
		 ERR_PARSE, "another file in version 1"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct err e = {0};
		struct metainfo m;
		enum err_code got =
			metainfo_parse(&m, (const uint8_t *)rows[i].in,
				       strlen(rows[i].in), &e);

		CHECK(got == rows[i].want, "%s: got %d (%s)", rows[i].name, got,
		      e.msg);
		CHECK(strstr(e.msg, rows[i].says), "%s: %s", rows[i].name,
		      e.msg);
		CHECK((got == ERR_NONE) == (m.files != NULL), "%s: empty",
		      rows[i].name);
		metainfo_clear(&m);
	}
}

static void a_zero_byte_in_a_name_is_refused(void)
{
	static const char in[] = TREE("3:a\0b" FILE7);
	struct err e = {0};
	struct metainfo m;

	CHECK(metainfo_parse(&m, (const uint8_t *)in, sizeof(in) - 1, &e) ==
		      ERR_PARSE,
	      "%s", e.msg);
	CHECK(strstr(e.msg, "zero byte"), "%s", e.msg);
}

static void names_and_trees_are_bounded(void)
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
		{"26 directories", 1, 27, ERR_NONE},
		{"a tree as deep as no directory is", 1, 1000, ERR_LIMIT},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		static char in[16384];
		char part[300];
		struct err e = {0};
		struct metainfo m;
		size_t n;

		memset(part, 'x', rows[i].component);
		part[rows[i].component] = '\0';
		n = (size_t)snprintf(in, sizeof(in), "d4:infod9:file treed");
		for (size_t k = 0; k < rows[i].depth; k++)
			n += (size_t)snprintf(
				in + n, sizeof(in) - n, "%zu:%s%s",
				rows[i].component, part,
				k + 1 < rows[i].depth ? "d" : FILE7);
		for (size_t k = 0; k < rows[i].depth; k++)
			in[n++] = 'e';
		(void)snprintf(in + n, sizeof(in) - n, TAIL2 "ee");
		CHECK(metainfo_parse(&m, (const uint8_t *)in, strlen(in), &e) ==
			      rows[i].want,
		      "%s: %s", rows[i].name, e.msg);
		metainfo_clear(&m);
	}
}

/* Paths repeat their directories: 2 MB of tree would be 72 MB of paths. */
static void paths_are_bounded_all_together(void)
{
	const uint32_t files = 40000;
	size_t cap = (size_t)files * 40 + 4096, n;
	char *in = malloc(cap);
	struct err e = {0};
	struct metainfo m;

	if (!in) {
		CHECK(0, "no memory");
		return;
	}
	n = (size_t)snprintf(in, cap, "d4:infod9:file treed");
	for (int k = 0; k < 7; k++)
		n += (size_t)snprintf(in + n, cap - n, "255:%0255dd", k);
	for (uint32_t k = 0; k < files; k++)
		n += (size_t)snprintf(in + n, cap - n,
				      "6:%06ud0:d6:lengthi0eee", k);
	n += (size_t)snprintf(in + n, cap - n,
			      "7:fullest" FILE7 "eeeeeeee" TAIL2 "ee");
	CHECK(metainfo_parse(&m, (const uint8_t *)in, n, &e) == ERR_LIMIT, "%s",
	      e.msg);
	CHECK(strstr(e.msg, "paths too long"), "%s", e.msg);
	metainfo_clear(&m);
	free(in);
}

static void check_file(const struct metainfo *m, uint32_t i, const char *path,
		       uint64_t offset, uint64_t length)
{
	const struct metainfo_file *f = &m->files[i];

	if (i >= m->file_count) {
		CHECK(0, "no file %u", i);
		return;
	}
	CHECK(strcmp(f->path, path) == 0, "file %u: %s", i, f->path);
	CHECK(f->offset == offset && f->length == length,
	      "%s: %llu bytes at %llu", path, (unsigned long long)f->length,
	      (unsigned long long)f->offset);
	CHECK(f->pad == (strncmp(path, ".pad", 4) == 0), "%s: pad", path);
	CHECK((f->root != NULL) == (!f->pad && length > 0), "%s: root", path);
}

static void check_sizes(const struct metainfo *m, const char *name,
			const uint32_t *sizes, uint32_t n)
{
	struct pieces p = metainfo_pieces(m);

	CHECK(m->piece_count == n, "%s: %u pieces", name, m->piece_count);
	for (uint32_t i = 0; i < n && i < m->piece_count; i++)
		CHECK(pieces_size(&p, i) == sizes[i], "%s: piece %u: %u", name,
		      i, pieces_size(&p, i));
}

static void version_2_alone_as_libtorrent_makes_it(void)
{
	static const uint32_t sizes[] = {16384, 16384, 16384, 16384, 4464, 5,
					 16384, 16384, 16384, 16384, 7233};
	struct err e = {0};
	struct metainfo m;
	struct info_hash cut;

	if (metainfo_parse(&m, lt_multi_v2, sizeof(lt_multi_v2), &e) !=
	    ERR_NONE) {
		CHECK(0, "%s", e.msg);
		return;
	}
	cut = metainfo_hash_v2(&m);
	CHECK(m.v2 && !m.v1 && !m.pieces && m.multi, "kind");
	CHECK(m.info_hash_v2.bytes[0] == 0x50 &&
		      m.info_hash_v2.bytes[31] == 0xda,
	      "info hash");
	CHECK(info_hash_eq(&cut, &m.info_hash), "cut to 20 bytes");
	CHECK(m.file_count == 8 && m.total == 180224 &&
		      m.wanted == 4 * 16384 + 4464 + 5 + 4 * 16384 + 7233,
	      "%u files, %llu bytes", m.file_count,
	      (unsigned long long)m.total);
	check_file(&m, 0, "a.bin", 0, 70000);
	check_file(&m, 1, ".pad", 70000, 11920);
	check_file(&m, 2, "b.txt", 81920, 5);
	check_file(&m, 3, "empty", 81925, 0);
	check_file(&m, 4, ".pad", 81925, 16379);
	check_file(&m, 5, "sub/c.bin", 98304, 32768);
	check_file(&m, 6, "sub/deep/d.bin", 131072, 40001);
	check_file(&m, 7, ".pad", 171073, 9151);
	check_sizes(&m, "v2", sizes, ROWS(sizes));
	CHECK(m.layers_missing == 0, "layers");
	CHECK(memcmp(m.roots + 5 * 32, m.files[2].root, 32) == 0,
	      "a file of one piece is checked against its root");
	metainfo_clear(&m);
}

static void a_hybrid_as_libtorrent_makes_it(void)
{
	/* what of a piece is asked for ends with a block there */
	static const uint32_t sizes[] = {16384, 16384, 16384, 16384,
					 16384, 16384, 16384, 16384,
					 16384, 16384, 16384};
	struct err e = {0};
	struct metainfo m;

	if (metainfo_parse(&m, lt_multi_hybrid, sizeof(lt_multi_hybrid), &e) !=
	    ERR_NONE) {
		CHECK(0, "%s", e.msg);
		return;
	}
	CHECK(m.v2 && m.v1 && m.pieces && m.roots, "kind");
	CHECK(m.info_hash_v2.bytes[0] == 0xec && m.info_hash.bytes[0] == 0x03,
	      "info hashes");
	CHECK(m.file_count == 8 && m.total == 180224, "%u files, %llu bytes",
	      m.file_count, (unsigned long long)m.total);
	check_file(&m, 5, "sub/c.bin", 98304, 32768);
	check_file(&m, 6, "sub/deep/d.bin", 131072, 40001);
	check_sizes(&m, "hybrid", sizes, ROWS(sizes));
	CHECK(m.layers_missing == 0, "layers");
	metainfo_clear(&m);
}

/* Whole blocks of padding are not asked for. */
static void padding_makes_pieces_short(void)
{
	static const char in[] = "d4:infod5:filesl" V1(40000, "1:a") PAD(25536)
		V1(10, "1:b") PAD(65526) V1(65536, "1:c") PAD(65536) V1(
			5, "1:d") PAD(7)
			V1(5, "1:e") "e4:name1:a12:piece length"
				     "i65536e6:pieces100:" H20 H20 H20 H20 H20
				     "ee";
	static const uint32_t sizes[] = {49152, 16384, 65536, 65536, 17};
	struct err e = {0};
	struct metainfo m;

	CHECK(metainfo_parse(&m, (const uint8_t *)in, sizeof(in) - 1, &e) ==
		      ERR_NONE,
	      "%s", e.msg);
	if (!m.files)
		return;
	check_sizes(&m, "v1 with padding", sizes, ROWS(sizes));
	metainfo_clear(&m);
}

/* Offset of `what` in a torrent. */
static size_t find(const uint8_t *in, size_t len, const char *what)
{
	size_t n = strlen(what);

	for (size_t i = 0; i + n <= len; i++)
		if (memcmp(in + i, what, n) == 0)
			return i;
	CHECK(0, "no %s", what);
	return 0;
}

static void layers_lead_to_roots(void)
{
	uint8_t in[sizeof(lt_one_v2)];
	size_t at = find(lt_one_v2, sizeof(in), "12:piece layersd32:");
	struct err e = {0};
	struct metainfo m;

	memcpy(in, lt_one_v2, sizeof(in));
	in[at + 19 + 32 + 4 + 100] ^= 1; /* in the last hash of four */
	CHECK(metainfo_parse(&m, in, sizeof(in), &e) == ERR_SIG, "%s", e.msg);
	CHECK(strstr(e.msg, "does not lead to its root"), "%s", e.msg);
	metainfo_clear(&m);

	/* 128 bytes become 118: the rest is another string */
	memset(&e, 0, sizeof(e));
	memcpy(in, lt_one_v2, sizeof(in));
	memcpy(in + at + 19 + 32, "118:", 4);
	memcpy(in + at + 19 + 32 + 4 + 118, "1:a5:12345", 10);
	CHECK(metainfo_parse(&m, in, sizeof(in), &e) == ERR_PARSE, "%s", e.msg);
	CHECK(strstr(e.msg, "118 bytes, not 128"), "%s", e.msg);
	metainfo_clear(&m);
}

static void layers_may_come_later(void)
{
	uint8_t in[sizeof(lt_one_v2)], layer[128];
	size_t from, to = find(lt_one_v2, sizeof(in), "12:piece layersd32:");
	struct err e = {0};
	struct metainfo m;

	from = find(lt_one_v2, sizeof(in), "4:infod");
	in[0] = 'd';
	memcpy(in + 1, lt_one_v2 + from, to - from);
	in[1 + to - from] = 'e';
	memcpy(layer, lt_one_v2 + to + 19 + 32 + 4, sizeof(layer));
	if (metainfo_parse(&m, in, 2 + to - from, &e) != ERR_NONE) {
		CHECK(0, "%s", e.msg);
		return;
	}
	CHECK(m.layers_missing == 1 && m.files[0].layer_missing, "missing");
	CHECK(metainfo_file_pieces(&m, 0) == 4, "pieces");
	layer[127] ^= 1;
	CHECK(metainfo_set_layer(&m, 0, layer, &e) == ERR_SIG, "a false one");
	CHECK(m.layers_missing == 1, "still");
	layer[127] ^= 1;
	CHECK(metainfo_set_layer(&m, 0, layer, NULL) == ERR_NONE, "the right");
	CHECK(m.layers_missing == 0 && !m.files[0].layer_missing, "there");
	CHECK(memcmp(m.roots, layer, sizeof(layer)) == 0, "taken");
	metainfo_clear(&m);
}

/* Without its layers, and with them again: the bytes that libtorrent made. */
static void a_torrent_gets_its_layers_back(void)
{
	static const struct {
		const char *name;
		const uint8_t *torrent;
		size_t len;
	} rows[] = {
		{"one file", lt_one_v2, sizeof(lt_one_v2)},
		{"many", lt_multi_v2, sizeof(lt_multi_v2)},
		{"a hybrid", lt_multi_hybrid, sizeof(lt_multi_hybrid)},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		uint8_t bare[2048], *out = NULL;
		size_t to = find(rows[i].torrent, rows[i].len,
				 "12:piece layers"),
		       n;
		struct metainfo m, whole;
		struct err e = {0};

		memcpy(bare, rows[i].torrent, to);
		bare[to] = 'e';
		CHECK(metainfo_parse(&m, bare, to + 1, &e) == ERR_NONE &&
			      metainfo_parse(&whole, rows[i].torrent,
					     rows[i].len, &e) == ERR_NONE,
		      "%s: %s", rows[i].name, e.msg);
		CHECK(m.layers_missing > 0 &&
			      metainfo_with_layers(&out, &n, &m, NULL) ==
				      ERR_STATE,
		      "%s: missing", rows[i].name);
		for (uint32_t k = 0; k < m.file_count; k++)
			if (m.files[k].layer_missing)
				CHECK(metainfo_set_layer(
					      &m, k,
					      whole.roots +
						      m.files[k].offset /
							      m.piece_length *
							      32,
					      NULL) == ERR_NONE,
				      "%s: file %u", rows[i].name, k);
		CHECK(metainfo_with_layers(&out, &n, &m, &e) == ERR_NONE, "%s",
		      e.msg);
		CHECK(n == rows[i].len && memcmp(out, rows[i].torrent, n) == 0,
		      "%s: other bytes", rows[i].name);
		free(out);
		metainfo_clear(&whole);
		metainfo_clear(&m);
	}
}

/* What is left of it at rest, and all of it again. */
static void what_rests_is_had_again(void)
{
	static const char v1[] =
		"d4:infod6:lengthi20000e4:name1:a12:piece length"
		"i16384e6:pieces40:" H20 H20 "ee";
	static const struct {
		const char *name;
		const uint8_t *torrent;
		size_t len;
	} rows[] = {
		{"v1", (const uint8_t *)v1, sizeof(v1) - 1},
		{"v2", lt_multi_v2, sizeof(lt_multi_v2)},
		{"a hybrid", lt_multi_hybrid, sizeof(lt_multi_hybrid)},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		const char *name = rows[i].name;
		struct metainfo m, whole;
		struct err e = {0};

		CHECK(metainfo_parse(&m, rows[i].torrent, rows[i].len, &e) ==
				      ERR_NONE &&
			      metainfo_parse(&whole, rows[i].torrent,
					     rows[i].len, &e) == ERR_NONE,
		      "%s: %s", name, e.msg);
		CHECK(!metainfo_rests(&m), "%s: awake", name);
		metainfo_rest(&m);
		metainfo_rest(&m); /* twice is once */
		CHECK(metainfo_rests(&m) && !m.file && !m.info && !m.pieces &&
			      !m.roots,
		      "%s: something is left", name);
		CHECK(strcmp(m.name, whole.name) == 0 &&
			      m.total == whole.total &&
			      strcmp(m.files[m.file_count - 1].path,
				     whole.files[m.file_count - 1].path) == 0,
		      "%s: names and sizes stay", name);
		CHECK(metainfo_recall(&m, rows[i].torrent, rows[i].len - 1,
				      NULL) == ERR_PARSE &&
			      metainfo_rests(&m),
		      "%s: broken", name);
		CHECK(metainfo_recall(&m, lt_one_v2, sizeof(lt_one_v2), NULL) ==
				      ERR_SIG &&
			      metainfo_rests(&m) && !m.pieces && !m.roots,
		      "%s: another torrent", name);
		CHECK(metainfo_recall(&m, rows[i].torrent, rows[i].len, &e) ==
			      ERR_NONE,
		      "%s: %s", name, e.msg);
		CHECK(!metainfo_rests(&m) && m.info_len == whole.info_len &&
			      memcmp(m.info, whole.info, m.info_len) == 0 &&
			      memcmp(m.file, whole.file, m.file_len) == 0,
		      "%s: bytes", name);
		CHECK(!m.v1 || memcmp(m.pieces, whole.pieces,
				      m.piece_count * 20) == 0,
		      "%s: SHA-1", name);
		CHECK(!m.v2 || memcmp(m.roots, whole.roots,
				      m.piece_count * 32) == 0,
		      "%s: roots", name);
		for (uint32_t k = 0; k < m.file_count; k++)
			CHECK(!m.files[k].root == !whole.files[k].root &&
				      (!m.files[k].root ||
				       memcmp(m.files[k].root,
					      whole.files[k].root, 32) == 0),
			      "%s: root of file %u", name, k);
		metainfo_clear(&whole);
		metainfo_clear(&m);
	}
}

/* What was not kept with its layers stays: it could not be had again. */
static void what_waits_for_layers_does_not_rest(void)
{
	size_t to = find(lt_one_v2, sizeof(lt_one_v2), "12:piece layers");
	uint8_t bare[sizeof(lt_one_v2)];
	struct err e = {0};
	struct metainfo m;

	memcpy(bare, lt_one_v2, to);
	bare[to] = 'e';
	CHECK(metainfo_parse(&m, bare, to + 1, &e) == ERR_NONE, "%s", e.msg);
	metainfo_rest(&m);
	CHECK(!metainfo_rests(&m) && m.info && m.roots, "it rests");
	metainfo_clear(&m);

	CHECK(metainfo_parse(&m, lt_one_v2, sizeof(lt_one_v2), &e) == ERR_NONE,
	      "%s", e.msg);
	metainfo_rest(&m);
	CHECK(metainfo_recall(&m, bare, to + 1, &e) == ERR_SIG &&
		      metainfo_rests(&m) && m.layers_missing == 0,
	      "without its layers");
	metainfo_clear(&m);
}

static void a_tree_of_one_file_is_that_file(void)
{
	static const struct {
		const char *name;
		const char *in;
		bool multi;
	} rows[] = {
		{"a file", TREE("1:b" FILE7), false},
		{"a file in a directory", TREE("1:bd1:c" FILE7 "e"), true},
		{"two files", TREE("1:b" FILE7 "1:c" FILE7), true},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct metainfo m;

		CHECK(metainfo_parse(&m, (const uint8_t *)rows[i].in,
				     strlen(rows[i].in), NULL) == ERR_NONE,
		      "%s", rows[i].name);
		CHECK(m.multi == rows[i].multi, "%s", rows[i].name);
		metainfo_clear(&m);
	}
}

int main(void)
{
	bad_torrents_are_refused_with_words();
	a_zero_byte_in_a_name_is_refused();
	names_and_trees_are_bounded();
	paths_are_bounded_all_together();
	version_2_alone_as_libtorrent_makes_it();
	a_hybrid_as_libtorrent_makes_it();
	padding_makes_pieces_short();
	layers_lead_to_roots();
	layers_may_come_later();
	a_torrent_gets_its_layers_back();
	what_rests_is_had_again();
	what_waits_for_layers_does_not_rest();
	a_tree_of_one_file_is_that_file();
	return CHECK_EXIT();
}
