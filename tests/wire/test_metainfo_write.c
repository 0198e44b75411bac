#include "wire/torrent/metainfo.h"

#include "base/hash.h"
#include "base/merkle.h"
#include "tests/check.h"
#include "tests/wire/torrents_v2.h"

#include <stdlib.h>
#include <string.h>

#define R32 "0123456789abcdef0123456789abcdef"
#define S32 "abcdefghijklmnopqrstuvwxyzabcdef"
#define H20 "01234567890123456789"

/* --- what libtorrent made --- */

static void what_libtorrent_made_is_built_again(void)
{
	static const struct {
		const char *name;
		const uint8_t *bytes;
		size_t len;
	} rows[] = {
		{"a directory, v2", lt_multi_v2, sizeof(lt_multi_v2)},
		{"a directory, hybrid", lt_multi_hybrid,
		 sizeof(lt_multi_hybrid)},
		{"a file, v2", lt_one_v2, sizeof(lt_one_v2)},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct metainfo m, again;
		struct err e = {0};
		uint8_t *out = NULL;
		size_t len = 0;

		CHECK(metainfo_parse(&m, rows[i].bytes, rows[i].len, &e) ==
			      ERR_NONE,
		      "%s", e.msg);
		CHECK(metainfo_build(&out, &len, &m, &e) == ERR_NONE, "%s: %s",
		      rows[i].name, e.msg);
		CHECK(metainfo_parse(&again, out, len, &e) == ERR_NONE, "%s",
		      e.msg);
		CHECK(again.info_len == m.info_len &&
			      memcmp(again.info, m.info, m.info_len) == 0,
		      "%s: another info dictionary", rows[i].name);
		/* all of it: they have no keys that we do not write */
		CHECK(len == rows[i].len &&
			      memcmp(out, rows[i].bytes, len) == 0,
		      "%s: other bytes", rows[i].name);
		CHECK(again.layers_missing == 0, "%s: layers", rows[i].name);
		free(out);
		metainfo_clear(&again);
		metainfo_clear(&m);
	}
}

/* --- tables --- */

#define FILES 5

struct row {
	const char *name;
	struct metainfo m;
	struct metainfo_file files[FILES];
	enum err_code want;
	const char *is; /* the torrent, or what the error says */
};

static const struct metainfo_tracker tiers[] = {
	{"http://a/announce", 0}, {"udp://b:1/x", 0}, {"http://c/announce", 1}};
static const char *web_seeds[] = {"http://w/x/", "https://v/"};
static const char *twice[] = {"http://w/x/", "http://w/x/"};
static struct metainfo_node nodes[] = {{"router.example", 6881}, {"::1", 99}};
static uint8_t roots[] = R32 S32 R32 S32;

#define ROOT(r) .root = (const uint8_t *)(r)
#define LEAF(attr, len) \
	"d0:d" attr "6:lengthi" #len "e11:pieces root32:" R32 "ee"
#define EMPTY "d0:d6:lengthi0eee"

static const struct row rows[] = {
	{"attributes, nodes, web seeds, tiers, source",
	 {.multi = true,
	  .pieces = (const uint8_t *)H20,
	  .piece_count = 1,
	  .file_count = 3,
	  .trackers = (struct metainfo_tracker *)tiers,
	  .tracker_count = 3,
	  .web_seeds = web_seeds,
	  .web_seed_count = 2,
	  .nodes = nodes,
	  .node_count = 2,
	  .comment = "c",
	  .created_by = "us",
	  .creation_date = 7,
	  .is_private = true,
	  .source = "S"},
	 {{.path = "a", .length = 1, .executable = true},
	  {.path = ".pad/2", .length = 2, .pad = true},
	  {.path = ".b/c", .length = 3, .hidden = true, .executable = true}},
	 ERR_NONE,
	 "d8:announce17:http://a/announce13:announce-listll17:http://a/announce"
	 "11:udp://b:1/xel17:http://c/announceee7:comment1:c10:created by2:us"
	 "13:creation datei7e4:infod5:filesl"
	 "d4:attr1:x6:lengthi1e4:pathl1:aee"
	 "d4:attr1:p6:lengthi2e4:pathl4:.pad1:2ee"
	 "d4:attr2:hx6:lengthi3e4:pathl2:.b1:ceee"
	 "4:name1:n12:piece lengthi16384e6:pieces20:" H20
	 "7:privatei1e6:source1:Se"
	 "5:nodesll14:router.examplei6881eel3:::1i99eee"
	 "8:url-listl11:http://w/x/10:https://v/ee"},
	{"a single file that is executable",
	 {.pieces = (const uint8_t *)H20, .piece_count = 1, .file_count = 1},
	 {{.path = "n", .length = 9, .executable = true}},
	 ERR_NONE,
	 "d4:infod4:attr1:x6:lengthi9e4:name1:n12:piece lengthi16384e"
	 "6:pieces20:" H20 "ee"},
	{"v2: directories within each other",
	 {.multi = true, .roots = roots, .piece_count = 4, .file_count = 5},
	 {{.path = "a/b/c", .length = 1, ROOT(R32)},
	  {.path = "a/b/d/e", .length = 2, ROOT(R32), .executable = true},
	  {.path = "a/bb/c", .length = 3, ROOT(R32)},
	  {.path = "b/c", .length = 0},
	  {.path = "c", .length = 4, ROOT(R32), .hidden = true}},
	 ERR_NONE,
	 "d4:infod9:file treed1:ad1:bd1:c" LEAF("", 1) "1:dd1:e" LEAF(
		 "4:attr1:x",
		 2) "ee2:bbd1:c" LEAF("",
				      3) "ee1:bd1:c" EMPTY
					 "e1:c" LEAF("4:attr1:h",
						     4) "e12:meta "
							"versioni2e4:name1:n12:"
							"piece lengthi16384ee"
							"12:piece layersdee"},
	{"v2: padding is left out, an executable file alone",
	 {.roots = roots, .piece_count = 1, .file_count = 1},
	 {{.path = "n", .length = 9, ROOT(R32), .executable = true}},
	 ERR_NONE,
	 "d4:infod9:file treed1:n" LEAF(
		 "4:attr1:x",
		 9) "e12:meta versioni2e4:name1:n12:piece lengthi16384ee"
		    "12:piece layersdee"},
	{"a hybrid with padding",
	 {.multi = true,
	  .roots = roots,
	  .pieces = (const uint8_t *)H20 H20,
	  .piece_count = 2,
	  .file_count = 3},
	 {{.path = "a", .length = 16383, ROOT(R32)},
	  {.path = ".pad/1", .length = 1, .pad = true},
	  {.path = "b", .length = 5, ROOT(R32)}},
	 ERR_NONE,
	 "d4:infod9:file treed1:a" LEAF("", 16383) "1:b" LEAF(
		 "", 5) "e5:filesld6:lengthi16383e4:pathl1:aee"
			"d4:attr1:p6:lengthi1e4:pathl4:.pad1:1ee"
			"d6:lengthi5e4:pathl1:beee"
			"12:meta versioni2e4:name1:n12:piece lengthi16384e"
			"6:pieces40:" H20 H20 "e12:piece layersdee"},
	{"v2: a layer that is not known is left out",
	 {.roots = roots, .piece_count = 2, .file_count = 1},
	 {{.path = "n", .length = 16385, ROOT(R32), .layer_missing = true}},
	 ERR_NONE,
	 "d4:infod9:file treed1:n" LEAF(
		 "",
		 16385) "e12:meta versioni2e4:name1:n12:piece lengthi16384ee"
			"12:piece layersdee"},
	{"v2: a layer that does not lead to its root",
	 {.roots = roots, .piece_count = 2, .file_count = 1},
	 {{.path = "n", .length = 16385, ROOT(R32)}},
	 ERR_SIG,
	 "does not lead to its root"},
	{"v2: files in another order than the tree's",
	 {.multi = true, .roots = roots, .piece_count = 2, .file_count = 2},
	 {{.path = "b", .length = 1, ROOT(R32)},
	  {.path = "a", .length = 2, ROOT(R32)}},
	 ERR_PARSE,
	 "out of order"},
	{"v2: a directory with one file",
	 {.multi = true, .roots = roots, .piece_count = 1, .file_count = 1},
	 {{.path = "a", .length = 1, ROOT(R32)}},
	 ERR_STATE,
	 "one file in it"},
	{"a hybrid of a directory with one file",
	 {.multi = true,
	  .roots = roots,
	  .pieces = (const uint8_t *)H20,
	  .piece_count = 1,
	  .file_count = 1},
	 {{.path = "a", .length = 1, ROOT(R32)}},
	 ERR_NONE,
	 "d4:infod9:file treed1:a" LEAF(
		 "", 1) "e5:filesld6:lengthi1e4:pathl1:aeee"
			"12:meta versioni2e4:name1:n12:piece lengthi16384e"
			"6:pieces20:" H20 "e12:piece layersdee"},
	{"a hybrid without padding",
	 {.multi = true,
	  .roots = roots,
	  .pieces = (const uint8_t *)H20,
	  .piece_count = 1,
	  .file_count = 2},
	 {{.path = "a", .length = 1, ROOT(R32)},
	  {.path = "b", .length = 1, ROOT(R32)}},
	 ERR_PARSE,
	 "begins elsewhere"},
	{"v2: a file without a root",
	 {.roots = roots, .piece_count = 1, .file_count = 1},
	 {{.path = "n", .length = 1}},
	 ERR_PARSE,
	 "no pieces root"},
	{"a web seed twice",
	 {.pieces = (const uint8_t *)H20,
	  .piece_count = 1,
	  .file_count = 1,
	  .web_seeds = twice,
	  .web_seed_count = 2},
	 {{.path = "n", .length = 1}},
	 ERR_PARSE,
	 "cannot be read back"},
};

static void rows_are_built(void)
{
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct metainfo m = rows[i].m;
		struct err e = {0};
		uint8_t *out = NULL;
		size_t len = 0;

		m.name = "n";
		m.piece_length = 16384;
		m.files = (struct metainfo_file *)rows[i].files;
		CHECK(metainfo_build(&out, &len, &m, &e) == rows[i].want,
		      "%s: %s", rows[i].name, e.msg);
		if (rows[i].want == ERR_NONE)
			CHECK(len == strlen(rows[i].is) &&
				      memcmp(out, rows[i].is, len) == 0,
			      "%s: %.*s", rows[i].name, (int)len,
			      (const char *)out);
		else
			CHECK(!out && strstr(e.msg, rows[i].is), "%s: %s",
			      rows[i].name, e.msg);
		free(out);
	}
}

/* Two files of the same bytes have one layer; a third stands between them. */
static void layers_stand_once_and_in_order(void)
{
	struct hash32 pieces[7], other[3], root, last;
	struct metainfo_file files[3] = {
		{.path = "a", .length = 2 * 16384},
		{.path = "b", .length = 3 * 16384},
		{.path = "c", .length = 2 * 16384},
	};
	struct metainfo m = {.name = "n",
			     .multi = true,
			     .piece_length = 16384,
			     .piece_count = 7,
			     .file_count = 3,
			     .files = files,
			     .roots = (uint8_t *)pieces},
			again;
	struct err e = {0};
	uint8_t *out = NULL;
	size_t len = 0;

	for (uint8_t i = 0; i < 7; i++)
		memset(&pieces[i], i < 5 ? i : i - 5, sizeof(pieces[i]));
	memcpy(other, pieces, sizeof(other));
	merkle_root(&root, other, 2, 0, 1);
	memcpy(other, pieces + 2, sizeof(other));
	merkle_root(&last, other, 3, 0, 2);
	files[0].root = files[2].root = root.bytes;
	files[1].root = last.bytes;
	CHECK(metainfo_build(&out, &len, &m, &e) == ERR_NONE, "%s", e.msg);
	CHECK(metainfo_parse(&again, out, len, &e) == ERR_NONE, "%s", e.msg);
	CHECK(again.layers_missing == 0 &&
		      memcmp(again.roots, pieces, sizeof(pieces)) == 0,
	      "other hashes");
	/* two roots in the tree's files, one layer each */
	CHECK(len < 5 * 32 + 5 * 32 + 300, "%zu bytes", len);
	metainfo_clear(&again);
	free(out);
}

static void many_nodes_are_refused(void)
{
	struct metainfo_node many[METAINFO_MAX_NODES + 1];
	struct metainfo_file file = {.path = "n", .length = 1};
	struct metainfo m = {.name = "n",
			     .piece_length = 16384,
			     .piece_count = 1,
			     .file_count = 1,
			     .files = &file,
			     .nodes = many,
			     .node_count = METAINFO_MAX_NODES,
			     .pieces = (const uint8_t *)H20};
	struct err e = {0};
	uint8_t *out = NULL;
	size_t len;

	for (size_t i = 0; i < ROWS(many); i++)
		many[i] = nodes[0];
	CHECK(metainfo_build(&out, &len, &m, &e) == ERR_NONE, "%s", e.msg);
	free(out);
	m.node_count++;
	CHECK(metainfo_build(&out, &len, &m, &e) == ERR_PARSE && !out,
	      "one too many");
}

static void nodes_that_are_none_are_left_out(void)
{
	static const char *const bad[] = {
		"l1:he",      "li1e1:he",     "l0:i1ee",
		"l1:hi0ee",   "l1:hi65536ee", "l1:hi-1ee",
		"l3:a bi1ee", "1:h",	      "le",
	};
	char in[512];

	for (size_t i = 0; i < ROWS(bad); i++) {
		struct metainfo m;
		struct err e = {0};
		int n = snprintf(in, sizeof(in),
				 "d4:infod6:lengthi1e4:name1:n12:piece length"
				 "i16384e6:pieces20:" H20
				 "e5:nodesl%sl1:hi7eeee",
				 bad[i]);

		CHECK(metainfo_parse(&m, (const uint8_t *)in, (size_t)n, &e) ==
			      ERR_NONE,
		      "%s: %s", bad[i], e.msg);
		CHECK(m.node_count == 1 && m.nodes[0].port == 7, "%s", bad[i]);
		metainfo_clear(&m);
	}
}

int main(void)
{
	what_libtorrent_made_is_built_again();
	rows_are_built();
	layers_stand_once_and_in_order();
	many_nodes_are_refused();
	nodes_that_are_none_are_left_out();
	return CHECK_EXIT();
}
