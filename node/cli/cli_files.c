/* cli_files.c - the files of a torrent: which there are, which are wanted. */
#include "node/cli/cli_commands.h"

#include "base/file.h"
#include "node/cli/cli_params.h"
#include "node/cli/cli_progress.h"
#include "wire/torrent/metainfo.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *const words[] = {"want", "skip", "low", "high"};

/* A .torrent on the disk, of which nothing runs here. */
static enum err_code read_files(const char *path, json_t **result,
				struct err *e)
{
	json_t *list = json_array();
	struct metainfo m;
	int number = 0;
	char *bytes;
	size_t len;
	enum err_code code =
		file_load(path, METAINFO_MAX_BYTES, &bytes, &len, e);

	if (code == ERR_NONE) {
		code = metainfo_parse(&m, (const uint8_t *)bytes, len, e);
		free(bytes);
	}
	if (code != ERR_NONE) {
		json_decref(list);
		return code;
	}
	for (uint32_t i = 0; i < m.file_count; i++) {
		number += m.v1 || !m.files[i].pad;
		if (!m.files[i].pad)
			(void)json_array_append_new(
				list,
				json_pack("{si ss sI}", "number", number,
					  "path", m.files[i].path, "length",
					  (json_int_t)m.files[i].length));
	}
	*result = json_pack("{ss so}", "name", m.name, "files", list);
	metainfo_clear(&m);
	return ERR_NONE;
}

static void print_file(const struct cli *cli, const json_t *f)
{
	const char *prio = json_string_value(json_object_get(f, "priority"));
	json_int_t length = json_integer_value(json_object_get(f, "length"));
	json_int_t have = json_integer_value(json_object_get(f, "have"));
	char size[16];

	progress_bytes(size, sizeof(size), length);
	cli_print(cli, "%5lld  %9s",
		  json_integer_value(json_object_get(f, "number")), size);
	if (prio)
		cli_print(cli, "  %3lld%%  %-6s",
			  length ? have * 100 / length : 100, prio);
	cli_print(cli, "  %s\n", cli_text_of(f, "path"));
}

static bool is_file(const char *what)
{
	size_t len = strlen(what);

	return len > 8 && strcmp(what + len - 8, ".torrent") == 0;
}

static enum err_code ask_daemon(struct cli *cli, json_t **result, struct err *e)
{
	json_t *params = json_pack("{ss}", "info_hash", cli->args[0]);

	for (size_t i = 0; i < COUNT(words); i++)
		cli_put_text(cli, params, words[i]);
	if (options_is_set(cli->options, "sequential"))
		(void)json_object_set_new(
			params, "sequential",
			json_boolean(options_flag(cli->options, "sequential")));
	return cli_call(cli, "files", params, NULL, NULL, result, e);
}

static enum err_code run_files(struct cli *cli, json_t **result, struct err *e)
{
	enum err_code code = is_file(cli->args[0])
				     ? read_files(cli->args[0], result, e)
				     : ask_daemon(cli, result, e);
	json_t *f;
	size_t i;

	if (code != ERR_NONE)
		return code;
	json_array_foreach(json_object_get(*result, "files"), i, f)
		print_file(cli, f);
	return ERR_NONE;
}

static const struct option files_options[] = {
	{"want", OPT_STRING, NULL, 0, 0, "LIST",
	 "numbers of files to fetch, such as 1,3-5, or all"},
	{"skip", OPT_STRING, NULL, 0, 0, "LIST", "files not to fetch"},
	{"low", OPT_STRING, NULL, 0, 0, "LIST", "files to fetch last"},
	{"high", OPT_STRING, NULL, 0, 0, "LIST", "files to fetch first"},
	{"sequential", OPT_FLAG, "no", 0, 0, NULL,
	 "from the first byte to the last, for a player"},
};

const struct command cmd_files = {
	"files",
	"FILE.torrent | INFO-HASH [--want LIST] [--skip LIST]",
	"Lists the files of a torrent; of the daemon's, chooses among them.",
	files_options,
	COUNT(files_options),
	1,
	1,
	MONEY_NONE,
	run_files};
