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

struct creation {
	struct cli *cli;
	struct loop *loop;
	struct work *work;
	struct hash_files *hashing;
	struct hash_files_list list;
	uint32_t piece_len;
	struct progress progress;
	uint8_t *hashes;
	uint32_t pieces;
	struct err e;
};

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
	size_t len = result ? (size_t)result->pieces * METAINFO_HASH_LEN : 0;

	c->hashing = NULL;
	if (!result)
		c->e = *err;
	else if (!(c->hashes = malloc(len)))
		(void)err_fail(&c->e, ERR_NOMEM, "create");
	else
		memcpy(c->hashes, result->sha1, len);
	c->pieces = result ? result->pieces : 0;
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
				PIECE_SHA1, &ops, c, e);
	if (code != ERR_NONE)
		return code;
	loop_run(c->loop);
	if (c->e.code != ERR_NONE)
		*e = c->e;
	return c->e.code;
}

static void fill_trackers(const struct cli *cli, struct metainfo *m,
			  struct metainfo_tracker *trackers)
{
	size_t n = options_list_count(cli->options, "tracker");

	for (size_t i = 0; i < n; i++)
		trackers[i] = (struct metainfo_tracker){
			.url = options_list_at(cli->options, "tracker", i),
			.tier = (uint32_t)i};
	m->trackers = trackers;
	m->tracker_count = (uint32_t)n;
}

static void out_path(const struct creation *c, char *path, size_t cap)
{
	const char *out = options_text(c->cli->options, "out");

	(void)snprintf(path, cap, "%.4000s%s", out ? out : c->list.name,
		       out ? "" : ".torrent");
}

/* What can be refused before much is hashed. */
static enum err_code check_early(const struct creation *c, struct err *e)
{
	const struct options *o = c->cli->options;
	char path[4096];

	for (size_t i = 0; i < options_list_count(o, "tracker"); i++) {
		const char *url = options_list_at(o, "tracker", i);
		struct err why = {0};

		/* ERR_STATE: a kind that others may speak, such as udp */
		if (announce_check_url(url, &why) != ERR_NONE &&
		    why.code != ERR_STATE)
			return err_fail(e, why.code, "--tracker %.60s: %s", url,
					why.msg);
	}
	out_path(c, path, sizeof(path));
	if (access(path, F_OK) == 0)
		return err_fail(e, ERR_IO,
				"cannot write %.90s: it exists; "
				"move it away or use another --out",
				path);
	return ERR_NONE;
}

static enum err_code build(struct creation *c, uint8_t **out, size_t *len,
			   struct err *e)
{
	struct metainfo_tracker trackers[OPT_LIST_MAX];
	struct metainfo_file *files =
		calloc(c->list.file_count, sizeof(*files));
	struct metainfo m = {
		.name = c->list.name,
		.multi = c->list.multi,
		.is_private = options_flag(c->cli->options, "private"),
		.piece_length = c->piece_len,
		.piece_count = c->pieces,
		.file_count = c->list.file_count,
		.pieces = c->hashes,
		.files = files,
		.comment = options_text(c->cli->options, "comment"),
		.created_by = "seedbank " SEEDBANK_VERSION,
	};
	enum err_code code;

	if (!files)
		return err_fail(e, ERR_NOMEM, "create");
	for (uint32_t i = 0; i < c->list.file_count; i++) {
		files[i].path = c->list.files[i].path;
		files[i].length = c->list.files[i].length;
	}
	(void)fill_trackers(c->cli, &m, trackers);
	code = metainfo_build(out, len, &m, e);
	free(files);
	return code;
}

static enum err_code finish(struct creation *c, json_t **result, struct err *e)
{
	char path[4096], hex[41];
	struct metainfo m = {0};
	uint8_t *bytes = NULL;
	size_t len;
	enum err_code code = build(c, &bytes, &len, e);

	if (code != ERR_NONE)
		return code;
	out_path(c, path, sizeof(path));
	code = file_create_shared(path, bytes, len, e);
	if (code == ERR_NONE)
		code = metainfo_parse(&m, bytes, len, e);
	free(bytes);
	if (code != ERR_NONE)
		return code;
	hex_encode(hex, m.info_hash.bytes, 20);
	*result = json_pack(
		"{ss ss ss sI sI sI sI}", "file", path, "name", m.name,
		"info_hash", hex, "total", (json_int_t)m.total, "pieces",
		(json_int_t)m.piece_count, "piece_length",
		(json_int_t)m.piece_length, "files", (json_int_t)m.file_count);
	cli_print(c->cli, "%s: %s, %u pieces of %u KiB, info hash %s\n", path,
		  m.name, m.piece_count, m.piece_length >> 10, hex);
	metainfo_clear(&m);
	if (c->list.left_out)
		cli_print(c->cli,
			  "%u hidden files, links or devices are left out\n",
			  c->list.left_out);
	return ERR_NONE;
}

static enum err_code run_create(struct cli *cli, json_t **result, struct err *e)
{
	struct creation c = {.cli = cli, .progress = progress_start(cli->json)};
	enum err_code code = hash_files_walk(&c.list, cli->args[0], false, e);

	if (code != ERR_NONE)
		return code;
	c.piece_len =
		options_is_set(cli->options, "piece-size")
			? (uint32_t)options_int(cli->options, "piece-size")
			: metainfo_suggest_piece_length(c.list.total);
	code = check_early(&c, e);
	if (code == ERR_NONE)
		code = hash_all(&c, e);
	progress_end(&c.progress);
	if (code == ERR_NONE)
		code = finish(&c, result, e);
	work_free(c.work);
	loop_free(c.loop);
	hash_files_list_clear(&c.list);
	free(c.hashes);
	return code;
}

static const struct option create_options[] = {
	{"out", OPT_STRING, NULL, 0, 0, "FILE",
	 "where to write it (default NAME.torrent here)"},
	{"tracker", OPT_LIST, NULL, 0, 0, "URL",
	 "an announce URL; may be given again"},
	{"piece-size", OPT_SIZE, NULL, MIN_PIECE, MAX_PIECE, "SIZE",
	 "bytes of a piece (default: about a thousand pieces)"},
	{"private", OPT_FLAG, "no", 0, 0, NULL,
	 "peers come from the trackers only (BEP 27)"},
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
