/* cli_create.c - making a .torrent: files are hashed by storage, the metainfo
 * is written by wire. It needs no home and no node, only workers. */
#include "node/cli/cli_commands.h"

#include "base/file.h"
#include "base/hex.h"
#include "node/cli/cli_progress.h"
#include "storage/torrent/hash_files.h"
#include "wire/find/announce.h"
#include "wire/torrent/metainfo.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define MIN_PIECE (16 << 10)
#define MAX_PIECE (64 << 20)
#define HOST_CAP 256U

_Static_assert(sizeof(struct hash32) == METAINFO_ROOT_LEN, "roots in a row");
_Static_assert(SHA1_LEN == METAINFO_HASH_LEN, "hashes in a row");

/* What stands beside the hashes, as the options have it; owns its memory. */
struct words {
	struct metainfo_tracker trackers[METAINFO_MAX_TRACKERS];
	uint32_t tracker_count;
	char *tracker_text; /* behind the trackers */
	const char *web_seeds[OPT_LIST_MAX];
	struct metainfo_node nodes[OPT_LIST_MAX];
	char hosts[OPT_LIST_MAX][HOST_CAP];
};

struct creation {
	struct cli *cli;
	struct loop *loop;
	struct work *work;
	struct hash_files *hashing;
	struct hash_files_list list;
	unsigned kinds; /* PIECE_SHA1: v1, PIECE_ROOT: v2, both: hybrid */
	uint32_t piece_len;
	struct words words;
	struct progress progress;
	uint32_t pieces;
	uint8_t *sha1;
	struct hash32 *roots, *file_roots;
	struct err e;
};

/* --- hashing --- */

static void on_progress(void *ctx, uint64_t done, uint64_t total)
{
	struct creation *c = ctx;
	json_t *event = json_pack("{ss sI sI}", "type", "progress", "have",
				  (json_int_t)done, "total", (json_int_t)total);

	progress_event(&c->progress, event);
	json_decref(event);
}

static void on_done(void *ctx, const struct hash_files_result *result,
		    const struct err *err)
{
	struct creation *c = ctx;

	c->hashing = NULL;
	if (!result)
		c->e = *err;
	if (result && result->sha1)
		memcpy(c->sha1, result->sha1, (size_t)c->pieces * SHA1_LEN);
	if (result && result->roots) {
		memcpy(c->roots, result->roots, c->pieces * sizeof(*c->roots));
		memcpy(c->file_roots, result->file_roots,
		       c->list.file_count * sizeof(*c->file_roots));
	}
	loop_stop(c->loop);
}

static void on_signal(void *ctx)
{
	struct creation *c = ctx;

	cli_stop = 1;
	if (c->hashing)
		hash_files_cancel(c->hashing);
}

static enum err_code hash_all(struct creation *c, struct err *e)
{
	static const struct hash_files_ops ops = {.progress = on_progress,
						  .done = on_done};
	enum err_code code;

	c->loop = loop_new(e);
	if (!c->loop || !(c->work = work_new(c->loop, 0, e)))
		return ERR_NOMEM;
	(void)loop_on_signal(c->loop, SIGINT, on_signal, c, NULL);
	(void)loop_on_signal(c->loop, SIGTERM, on_signal, c, NULL);
	code = hash_files_start(&c->hashing, c->work, &c->list, c->piece_len,
				c->kinds, &ops, c, e);
	if (code != ERR_NONE)
		return code;
	loop_run(c->loop);
	if (c->e.code != ERR_NONE)
		*e = c->e;
	return c->e.code;
}

/* --- what the options say --- */

static enum err_code choose_kinds(struct creation *c, struct err *e)
{
	const struct options *o = c->cli->options;
	bool v1 = options_flag(o, "v1"), v2 = options_flag(o, "v2");
	bool hybrid = options_flag(o, "hybrid");

	if (v1 + v2 + hybrid > 1) {
		c->cli->wrong_usage = true;
		return err_fail(e, ERR_PARSE,
				"--v1, --v2 and --hybrid: take one of them");
	}
	c->kinds = v2	    ? PIECE_ROOT
		   : hybrid ? PIECE_SHA1 | PIECE_ROOT
			    : PIECE_SHA1;
	return ERR_NONE;
}

static enum err_code choose_piece_len(struct creation *c, struct err *e)
{
	const struct options *o = c->cli->options;

	c->piece_len = options_is_set(o, "piece-length")
			       ? (uint32_t)options_int(o, "piece-length")
			       : metainfo_suggest_piece_length(c->list.total);
	if (c->kinds & PIECE_ROOT && (c->piece_len & (c->piece_len - 1)))
		return err_fail(e, ERR_PARSE,
				"--piece-length %u: for v2 and hybrid torrents "
				"it is a power of two",
				c->piece_len);
	return ERR_NONE;
}

static enum err_code add_tracker(struct words *w, const char *url,
				 uint32_t tier, struct err *e)
{
	struct err why = {0};

	/* ERR_STATE: a kind that others may speak */
	if (announce_check_url(url, &why) != ERR_NONE && why.code != ERR_STATE)
		return err_fail(e, why.code, "--tracker %.60s: %s", url,
				why.msg);
	if (w->tracker_count == METAINFO_MAX_TRACKERS)
		return err_fail(e, ERR_LIMIT, "--tracker: over %u URLs",
				METAINFO_MAX_TRACKERS);
	w->trackers[w->tracker_count++] =
		(struct metainfo_tracker){.url = url, .tier = tier};
	return ERR_NONE;
}

/* The comma in "http://a,http://b" that ends the first URL; commas within a URL
 * are not followed by a scheme. NULL: there is none. */
static char *tier_comma(char *text)
{
	for (char *p = text; (p = strchr(p, ',')); p++) {
		size_t n = strspn(p + 1, "abcdefghijklmnopqrstuvwxyz");

		if (n > 0 && strncmp(p + 1 + n, "://", 3) == 0)
			return p;
	}
	return NULL;
}

/* Each --tracker is a tier, its URLs stand between commas. */
static enum err_code read_trackers(struct creation *c, struct err *e)
{
	const struct options *o = c->cli->options;
	size_t n = options_list_count(o, "tracker"), len = 1;
	struct words *w = &c->words;
	char *at;

	for (size_t i = 0; i < n; i++)
		len += strlen(options_list_at(o, "tracker", i)) + 1;
	at = w->tracker_text = malloc(len);
	if (!at)
		return err_fail(e, ERR_NOMEM, "create");
	for (size_t i = 0; i < n; i++) {
		const char *text = options_list_at(o, "tracker", i);
		char *url = at, *comma;

		memcpy(at, text, strlen(text) + 1);
		at += strlen(text) + 1;
		do {
			enum err_code code;

			comma = tier_comma(url);
			if (comma)
				*comma = '\0';
			code = add_tracker(w, url, (uint32_t)i, e);
			if (code != ERR_NONE)
				return code;
			url = comma ? comma + 1 : url;
		} while (comma);
	}
	return ERR_NONE;
}

static enum err_code read_web_seeds(struct creation *c, struct err *e)
{
	const struct options *o = c->cli->options;

	for (size_t i = 0; i < options_list_count(o, "web-seed"); i++) {
		const char *url = options_list_at(o, "web-seed", i);

		if (strncmp(url, "http://", 7) != 0 &&
		    strncmp(url, "https://", 8) != 0)
			return err_fail(e, ERR_PARSE,
					"--web-seed %.80s: is no URL of http "
					"or https",
					url);
		c->words.web_seeds[i] = url;
	}
	return ERR_NONE;
}

static enum err_code read_nodes(struct creation *c, struct err *e)
{
	const struct options *o = c->cli->options;

	for (size_t i = 0; i < options_list_count(o, "node"); i++) {
		const char *text = options_list_at(o, "node", i);
		struct metainfo_node *node = &c->words.nodes[i];
		char *host = c->words.hosts[i];

		if (options_split_endpoint(text, host, HOST_CAP, &node->port,
					   NULL) != ERR_NONE ||
		    node->port == 0)
			return err_fail(e, ERR_PARSE,
					"--node %.80s: is no HOST:PORT", text);
		node->host = host;
	}
	return ERR_NONE;
}

/* --- the .torrent --- */

static void fill_files(const struct creation *c, struct metainfo_file *files)
{
	for (uint32_t i = 0; i < c->list.file_count; i++) {
		const struct hash_files_entry *f = &c->list.files[i];

		files[i] = (struct metainfo_file){.path = f->path,
						  .length = f->length,
						  .pad = f->pad,
						  .executable = f->executable,
						  .hidden = f->hidden};
		if (c->kinds & PIECE_ROOT && !f->pad && f->length > 0)
			files[i].root = c->file_roots[i].bytes;
	}
}

/* dry: the hashes are not known yet. */
static enum err_code build(struct creation *c, bool dry, uint8_t **out,
			   size_t *len, struct err *e)
{
	const struct options *o = c->cli->options;
	struct metainfo_file *files =
		calloc(c->list.file_count, sizeof(*files));
	struct metainfo m = {
		.name = c->list.name,
		.multi = c->list.multi,
		.is_private = options_flag(o, "private"),
		.piece_length = c->piece_len,
		.piece_count = c->pieces,
		.file_count = c->list.file_count,
		.pieces = c->sha1,
		.roots = (uint8_t *)c->roots,
		.files = files,
		.trackers = c->words.trackers,
		.tracker_count = c->words.tracker_count,
		.web_seeds = c->words.web_seeds,
		.web_seed_count = (uint32_t)options_list_count(o, "web-seed"),
		.nodes = c->words.nodes,
		.node_count = (uint32_t)options_list_count(o, "node"),
		.comment = options_text(o, "comment"),
		.source = options_text(o, "source"),
		.created_by = "seedbank " SEEDBANK_VERSION,
	};
	enum err_code code;

	if (!files)
		return err_fail(e, ERR_NOMEM, "create");
	fill_files(c, files);
	for (uint32_t i = 0; dry && i < m.file_count; i++)
		files[i].layer_missing = true;
	code = metainfo_build(out, len, &m, e);
	free(files);
	return code;
}

static void out_path(const struct creation *c, char *path, size_t cap)
{
	const char *out = options_text(c->cli->options, "out");

	(void)snprintf(path, cap, "%.4000s%s", out ? out : c->list.name,
		       out ? "" : ".torrent");
}

/* Room for the hashes, zeroes for now. */
static enum err_code make_room(struct creation *c, struct err *e)
{
	uint64_t pieces = (c->list.total - 1) / c->piece_len + 1;
	uint64_t bytes = (c->kinds & PIECE_SHA1 ? SHA1_LEN : 0) +
			 (c->kinds & PIECE_ROOT ? sizeof(*c->roots) : 0);

	if (pieces > METAINFO_MAX_BYTES / bytes)
		return err_fail(e, ERR_LIMIT,
				"%llu pieces: take a larger --piece-length",
				(unsigned long long)pieces);
	c->pieces = (uint32_t)pieces;
	if (c->kinds & PIECE_SHA1)
		c->sha1 = calloc(c->pieces, SHA1_LEN);
	if (c->kinds & PIECE_ROOT) {
		c->roots = calloc(c->pieces, sizeof(*c->roots));
		c->file_roots =
			calloc(c->list.file_count, sizeof(*c->file_roots));
	}
	if ((c->kinds & PIECE_SHA1 && !c->sha1) ||
	    (c->kinds & PIECE_ROOT && (!c->roots || !c->file_roots)))
		return err_fail(e, ERR_NOMEM, "create");
	return ERR_NONE;
}

/* What can be refused before anything is hashed: a torrent with zeroes for
 * hashes is made and read. */
static enum err_code check_early(struct creation *c, struct err *e)
{
	uint8_t *bytes = NULL;
	enum err_code code;
	char path[4096];
	size_t len;

	out_path(c, path, sizeof(path));
	if (access(path, F_OK) == 0)
		return err_fail(e, ERR_IO,
				"cannot write %.90s: it exists; "
				"move it away or use another --out",
				path);
	code = make_room(c, e);
	if (code == ERR_NONE)
		code = build(c, true, &bytes, &len, e);
	free(bytes);
	return code;
}

static void tell(const struct creation *c, const char *path,
		 const struct metainfo *m, json_t **result)
{
	const char *version = m->v1 ? (m->v2 ? "hybrid" : "v1") : "v2";
	char hex[41], hex2[65] = "";

	hex_encode(hex, m->info_hash.bytes, 20);
	if (m->v2)
		hex_encode(hex2, m->info_hash_v2.bytes, 32);
	*result = json_pack("{ss ss ss ss sI sI sI sI}", "file", path, "name",
			    m->name, "version", version, "info_hash", hex,
			    "total", (json_int_t)m->total, "pieces",
			    (json_int_t)m->piece_count, "piece_length",
			    (json_int_t)m->piece_length, "files",
			    (json_int_t)m->file_count);
	if (m->v2)
		json_object_set_new(*result, "info_hash_v2", json_string(hex2));
	cli_print(c->cli, "%s: %s, %u pieces of %u KiB, %s, info hash %s\n",
		  path, m->name, m->piece_count, m->piece_length >> 10, version,
		  m->v1 ? hex : hex2);
	if (m->v1 && m->v2)
		cli_print(c->cli, "info hash of v2 %s\n", hex2);
	if (c->list.left_out)
		cli_print(c->cli,
			  "%u %slinks or devices are left out (links are not "
			  "followed)\n",
			  c->list.left_out,
			  c->list.with_hidden ? "" : "hidden files, ");
}

static enum err_code finish(struct creation *c, json_t **result, struct err *e)
{
	struct metainfo m = {0};
	uint8_t *bytes = NULL;
	char path[4096];
	size_t len;
	enum err_code code = build(c, false, &bytes, &len, e);

	if (code != ERR_NONE)
		return code;
	out_path(c, path, sizeof(path));
	code = file_create_shared(path, bytes, len, e);
	if (code == ERR_NONE)
		code = metainfo_parse(&m, bytes, len, e);
	free(bytes);
	if (code != ERR_NONE)
		return code;
	tell(c, path, &m, result);
	metainfo_clear(&m);
	return ERR_NONE;
}

/* The list of files, and what the torrent is to be. */
static enum err_code prepare(struct creation *c, struct err *e)
{
	const struct options *o = c->cli->options;
	enum err_code code = choose_kinds(c, e);

	if (code == ERR_NONE)
		code = hash_files_walk(&c->list, c->cli->args[0],
				       options_flag(o, "hidden"), e);
	if (code == ERR_NONE)
		code = choose_piece_len(c, e);
	if (code == ERR_NONE &&
	    (c->kinds & PIECE_ROOT || options_flag(o, "pad")))
		code = hash_files_align(&c->list, c->piece_len, e);
	if (code == ERR_NONE)
		code = read_trackers(c, e);
	if (code == ERR_NONE)
		code = read_web_seeds(c, e);
	if (code == ERR_NONE)
		code = read_nodes(c, e);
	return code == ERR_NONE ? check_early(c, e) : code;
}

static void creation_free(struct creation *c)
{
	work_free(c->work);
	loop_free(c->loop);
	hash_files_list_clear(&c->list);
	free(c->words.tracker_text);
	free(c->sha1);
	free(c->roots);
	free(c->file_roots);
	free(c);
}

static enum err_code run_create(struct cli *cli, json_t **result, struct err *e)
{
	struct creation *c = calloc(1, sizeof(*c));
	enum err_code code;

	if (!c)
		return err_fail(e, ERR_NOMEM, "create");
	c->cli = cli;
	c->progress = progress_start(cli->json);
	code = prepare(c, e);
	if (code == ERR_NONE)
		code = hash_all(c, e);
	progress_end(&c->progress);
	if (code == ERR_NONE)
		code = finish(c, result, e);
	creation_free(c);
	return code;
}

static const struct option create_options[] = {
	{"out", OPT_STRING, NULL, 0, 0, "FILE",
	 "where to write it (default NAME.torrent here)"},
	{"v1", OPT_FLAG, "no", 0, 0, NULL,
	 "BitTorrent v1, which every client knows (the default)"},
	{"v2", OPT_FLAG, "no", 0, 0, NULL,
	 "v2 alone (BEP 52): SHA-256, a tree for each file; for new clients"},
	{"hybrid", OPT_FLAG, "no", 0, 0, NULL,
	 "both in one torrent; some old clients refuse it"},
	{"piece-length", OPT_SIZE, NULL, MIN_PIECE, MAX_PIECE, "SIZE",
	 "bytes of a piece (default: about a thousand pieces)"},
	{"pad", OPT_FLAG, "no", 0, 0, NULL,
	 "v1: each file begins with a piece of its own, behind padding (BEP "
	 "47); others always do"},
	{"hidden", OPT_FLAG, "no", 0, 0, NULL,
	 "files whose names begin with a dot, too"},
	{"tracker", OPT_LIST, NULL, 0, 0, "URL[,URL]",
	 "announce URLs of one tier; again for the next tier"},
	{"web-seed", OPT_LIST, NULL, 0, 0, "URL",
	 "an HTTP server that has the files (BEP 19); may be given again"},
	{"node", OPT_LIST, NULL, 0, 0, "HOST:PORT",
	 "a DHT node to begin with (BEP 5); may be given again"},
	{"private", OPT_FLAG, "no", 0, 0, NULL,
	 "peers come from the trackers only (BEP 27)"},
	{"source", OPT_STRING, NULL, 0, 0, "TEXT",
	 "makes the info hash a tracker's own"},
	{"comment", OPT_STRING, NULL, 0, 0, "TEXT", "a comment"},
};

const struct command cmd_create = {"create",
				   "PATH [--out FILE.torrent] [--tracker URL]",
				   "Makes a .torrent of a file or directory.",
				   create_options,
				   COUNT(create_options),
				   1,
				   1,
				   MONEY_NONE,
				   run_create};
