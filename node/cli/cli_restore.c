/* cli_restore.c - a new machine, the phrase, and one host's endpoint. The work
 * is done by the method of methods_restore.c. */
#include "node/cli/cli_commands.h"

#include "node/cli/cli_params.h"
#include "node/cli/cli_progress.h"

#include <stdio.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct telling {
	const struct cli *cli;
	struct progress progress;
};

static void on_event(void *ctx, const json_t *event)
{
	struct telling *t = ctx;

	if (strcmp(cli_text_of(event, "type"), "step") != 0)
		progress_event(&t->progress, event);
	else if (!t->cli->json)
		(void)fprintf(stderr, "%s\n", cli_text_of(event, "text"));
}

static json_int_t int_of(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static void print_result(const struct cli *cli, const json_t *result)
{
	char bytes[16];

	progress_bytes(bytes, sizeof(bytes), int_of(result, "bytes"));
	cli_print(cli,
		  "%lld files, %s, in %lld objects; %lld agreements at %lld "
		  "hosts\n",
		  int_of(result, "files"), bytes, int_of(result, "objects"),
		  int_of(result, "agreements"), int_of(result, "hosts"));
	if (int_of(result, "unreachable"))
		cli_print(cli,
			  "%lld hosts could not be reached: `seedbank restore` "
			  "adds them when they are back\n",
			  int_of(result, "unreachable"));
	if (int_of(result, "lacking"))
		cli_print(cli, "of %lld objects too few shards are known\n",
			  int_of(result, "lacking"));
	cli_print(cli,
		  "The account %s has its home here now. The home that had it "
		  "before must not be\nused any more: what it signs, this one "
		  "does not know of.\n",
		  cli_text_of(result, "account"));
}

static enum err_code run_restore(struct cli *cli, json_t **result,
				 struct err *e)
{
	struct telling t = {.cli = cli, .progress = progress_start(cli->json)};
	json_t *params = json_object();
	enum err_code code = ERR_NONE;

	if (options_is_set(cli->options, "out"))
		code = cli_put_dir(params, "out",
				   options_text(cli->options, "out"), true, e);
	if (code != ERR_NONE) {
		json_decref(params);
		return code;
	}
	cli_put_list(cli, params, "host");
	code = cli_call(cli, "restore", params, on_event, &t, result, e);
	progress_end(&t.progress);
	if (code == ERR_NONE)
		print_result(cli, *result);
	return code;
}

static const struct option restore_options[] = {
	{"host", OPT_LIST, NULL, 0, 0, "IP:PORT",
	 "a host that is up, which tells of others; may be given again "
	 "(default: the DHT finds them)"},
	{"out", OPT_STRING, NULL, 0, 0, "DIR", "fetch all files to there, too"},
	OPTION_PASSPHRASE_FILE,
	OPTION_RPC,
	OPTION_LOG_LEVEL,
};

const struct command cmd_restore = {
	"restore",
	"[--host IP:PORT] [--out DIR]",
	"Finds all that was stored again, from the phrase alone; the old home "
	"must not be used any more.",
	restore_options,
	COUNT(restore_options),
	0,
	0,
	MONEY_MUST,
	run_restore};
