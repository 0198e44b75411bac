/* cli_transfer.c - seed, get, verify and the list of torrents, as typed. */
#include "node/cli/cli_commands.h"

#include "base/file.h"
#include "node/cli/cli_params.h"
#include "node/cli/cli_progress.h"
#include "node/core/api.h"
#include "wire/torrent/magnet.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TORRENT_FILE_MAX (16U << 20)
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define TRANSFER_OPTIONS \
	{"listen", \
	 OPT_LIST, \
	 NULL, \
	 0, \
	 0, \
	 "IP:PORT", \
	 "address to listen on; may be given again"}, \
		{"peer", \
		 OPT_LIST, \
		 NULL, \
		 0, \
		 0, \
		 "HOST:PORT", \
		 "a peer to connect to; may be given again"}, \
		{"tracker", \
		 OPT_LIST, \
		 NULL, \
		 0, \
		 0, \
		 "URL", \
		 "a tracker besides those of the torrent"}, \
		{"limit-up", \
		 OPT_RATE, \
		 NULL, \
		 0, \
		 0, \
		 "RATE", \
		 "upload limit in bytes a second, such as 2MiB"}, \
		{"limit-down", \
		 OPT_RATE, \
		 NULL, \
		 0, \
		 0, \
		 "RATE", \
		 "download limit in bytes a second"}, \
		{"proxy", \
		 OPT_STRING, \
		 NULL, \
		 0, \
		 0, \
		 "URL", \
		 "socks5://HOST:PORT or http://HOST:PORT, through which " \
		 "everything goes"}, \
		{"slots", OPT_INT, NULL, 1, 10000, "N", "upload slots"}, \
		{"dht", \
		 OPT_FLAG, \
		 NULL, \
		 0, \
		 0, \
		 NULL, \
		 "find peers in the DHT (--no-dht: only as the torrent " \
		 "says)"}, \
		{"dht-node", \
		 OPT_LIST, \
		 NULL, \
		 0, \
		 0, \
		 "HOST:PORT", \
		 "a node of the DHT to begin with; may be given again"}, \
		OPTION_LOG_LEVEL, OPTION_PASSPHRASE_FILE

static const struct option seed_options[] = {
	{"torrent", OPT_STRING, NULL, 0, 0, "FILE", "the .torrent to seed"},
	TRANSFER_OPTIONS,
	{"price", OPT_AMOUNT, NULL, 0, 0, "TOKENS",
	 "the least that a GiB costs a paying peer"},
	{"seed-ratio", OPT_AMOUNT, NULL, 0, 0, "RATIO",
	 "stop after uploading RATIO times the size"},
	{"seed-time", OPT_DURATION, NULL, 0, 0, "TIME", "stop after TIME"},
	{"super-seed", OPT_FLAG, "no", 0, 0, NULL,
	 "as the first seed: show who does not pay a few pieces at a time, "
	 "until there is another seed"},
};

static const struct option get_options[] = {
	{"save-torrent", OPT_STRING, NULL, 0, 0, "FILE",
	 "of a magnet link: where its .torrent goes, once it is known"},
	{"out", OPT_STRING, ".", 0, 0, "DIR", "where the files go"},
	TRANSFER_OPTIONS,
	{"web-seed", OPT_LIST, NULL, 0, 0, "URL",
	 "where the files lie on a web server, besides those of the torrent; "
	 "may be given again"},
	{"bid", OPT_AMOUNT, NULL, 0, 0, "TOKENS",
	 "the most to pay for a GiB; nothing is paid without it"},
	{"budget", OPT_AMOUNT, NULL, 0, 0, "TOKENS",
	 "the most to pay for this download until it is complete, also when it "
	 "is interrupted and goes on"},
	{"seed-ratio", OPT_AMOUNT, NULL, 0, 0, "RATIO",
	 "when complete, seed until RATIO times the size was uploaded"},
	{"seed-time", OPT_DURATION, NULL, 0, 0, "TIME",
	 "when complete, seed for TIME"},
	{"files", OPT_STRING, NULL, 0, 0, "LIST",
	 "only these, by their numbers in `seedbank files`: 1,3-5"},
	{"only", OPT_LIST, NULL, 0, 0, "PATTERN",
	 "only files whose path matches, such as '*.mkv'; may be given again"},
	{"sequential", OPT_FLAG, "no", 0, 0, NULL,
	 "from the first byte to the last, for a player"},
	{"preallocate", OPT_FLAG, "no", 0, 0, NULL,
	 "take the disk space before the download starts"},
};

static enum err_code read_torrent(const char *path, json_t *params,
				  struct err *e)
{
	char *bytes, *text;
	size_t len, cap;
	enum err_code code = file_load(path, TORRENT_FILE_MAX, &bytes, &len, e);

	if (code != ERR_NONE)
		return code;
	cap = sodium_base64_ENCODED_LEN(len, sodium_base64_VARIANT_ORIGINAL);
	text = malloc(cap);
	if (!text) {
		free(bytes);
		return err_fail(e, ERR_NOMEM, "%.80s", path);
	}
	(void)sodium_bin2base64(text, cap, (const uint8_t *)bytes, len,
				sodium_base64_VARIANT_ORIGINAL);
	free(bytes);
	(void)json_object_set_new(params, "torrent", json_string(text));
	(void)json_object_set_new(params, "file", json_string(path));
	free(text);
	return ERR_NONE;
}

static void on_progress(void *ctx, const json_t *event)
{
	progress_event(ctx, event);
}

static void print_outcome(const struct cli *cli, const json_t *r)
{
	char bytes[16], up[16], time[16];

	progress_bytes(bytes, sizeof(bytes),
		       json_integer_value(json_object_get(r, "downloaded")));
	progress_bytes(up, sizeof(up),
		       json_integer_value(json_object_get(r, "uploaded")));
	progress_time(time, sizeof(time),
		      json_integer_value(json_object_get(r, "seconds")));
	cli_print(cli, "%s: %s, downloaded %s, uploaded %s in %s\n",
		  json_string_value(json_object_get(r, "name")),
		  json_is_true(json_object_get(r, "complete")) ? "complete"
							       : "not complete",
		  bytes, up, time);
}

/* A daemon has limits, addresses and a price of its own; and a proxy, without
 * which it must not do what was to go through one. */
static enum err_code note_daemon_settings(const struct cli *cli, struct err *e)
{
	static const char *const names[] = {
		"limit-up", "limit-down", "listen", "price", "dht", "dht-node"};
	bool proxy = options_is_set(cli->options, "proxy");
	char path[HOME_PATH_MAX];
	json_t *result;
	bool connected = false;
	size_t set = 0;

	for (size_t i = 0; i < COUNT(names); i++)
		set += options_is_set(cli->options, names[i]);
	if (!proxy && (!set || cli->json))
		return ERR_NONE;
	home_file(&cli->home, "api.sock", path);
	(void)api_call(path, "status", NULL, NULL, NULL, NULL, &result,
		       &connected, NULL);
	json_decref(result);
	if (connected && proxy)
		return err_fail(e, ERR_STATE,
				"the daemon of this home has its own proxy, or "
				"none: `seedbank config proxy`, and start it "
				"again");
	if (connected && set && !cli->json)
		(void)fprintf(stderr,
			      "the daemon's own --listen, limits, DHT and "
			      "price stay in force; `seedbank config` sets "
			      "them for its next start\n");
	return ERR_NONE;
}

/* Seeding has no end of its own, so this is as good as any; a download is not
 * done. */
static enum err_code on_daemon_stopped(struct cli *cli, bool seeding,
				       const json_t *r, struct err *e)
{
	if (seeding || json_is_true(json_object_get(r, "complete"))) {
		cli_print(cli, "the daemon stopped; the torrent stays in its "
			       "list and goes on when it starts again\n");
		return ERR_NONE;
	}
	cli->interrupted = true;
	return err_fail(e, ERR_STATE,
			"the daemon stopped; the download stays in its list "
			"and goes on when it starts again");
}

static enum err_code run_transfer(struct cli *cli, json_t *take_params,
				  json_t **result, struct err *e)
{
	struct progress progress = progress_start(cli->json);
	bool seeding =
		strcmp(json_string_value(json_object_get(take_params, "mode")),
		       "seed") == 0;
	enum err_code code;

	code = note_daemon_settings(cli, e);
	if (code != ERR_NONE) {
		progress_end(&progress);
		json_decref(take_params);
		return code;
	}
	code = cli_call(cli, "add", take_params, on_progress, &progress, result,
			e);

	progress_end(&progress);
	if (code == ERR_NONE)
		print_outcome(cli, *result);
	if (code == ERR_NONE &&
	    json_is_true(json_object_get(*result, "daemon_stopped")))
		return on_daemon_stopped(cli, seeding, *result, e);
	if (code != ERR_NONE && cli->daemon_used && cli_stop) {
		*e = (struct err){0};
		code = err_fail(e, ERR_STATE,
				"the daemon goes on with it; `seedbank list` "
				"shows it, `seedbank pause` halts it");
	}
	return code;
}

static void put_shared(const struct cli *cli, json_t *params)
{
	cli_put_list(cli, params, "peer");
	cli_put_list(cli, params, "tracker");
	cli_put_text(cli, params, "seed-ratio");
	cli_put_int(cli, params, "seed-time");
	cli_put_int(cli, params, "slots");
}

static enum err_code run_seed(struct cli *cli, json_t **result, struct err *e)
{
	json_t *params = json_pack("{ss}", "mode", "seed");
	const char *file = options_text(cli->options, "torrent");
	enum err_code code;

	cli->wrong_usage = !file;
	if (!file)
		code = err_fail(e, ERR_PARSE,
				"seed needs --torrent FILE (seedbank create "
				"makes one)");
	else
		code = read_torrent(file, params, e);
	if (code == ERR_NONE)
		code = cli_put_dir(params, "dir", cli->args[0], false, e);
	if (code != ERR_NONE) {
		json_decref(params);
		return code;
	}
	put_shared(cli, params);
	cli_put_int(cli, params, "super-seed");
	return run_transfer(cli, params, result, e);
}

/* The daemon has another working directory. */
static enum err_code put_path(json_t *params, const char *name,
			      const char *path, struct err *e)
{
	char full[PATH_MAX], dir[PATH_MAX], copy[PATH_MAX];
	size_t len = strlen(path);

	if (len == 0 || len >= sizeof(copy) || path[len - 1] == '/')
		return err_fail(e, ERR_PARSE, "'%.80s' names no file", path);
	memcpy(copy, path, len + 1);
	if (!realpath(dirname(copy), dir))
		return err_fail(e, ERR_IO, "%.80s: %s", path, strerror(errno));
	memcpy(copy, path, len + 1);
	(void)snprintf(full, sizeof(full), "%.3000s/%.1000s", dir,
		       basename(copy));
	if (access(full, F_OK) == 0)
		return err_fail(e, ERR_IO, "%.80s exists; move it away", path);
	(void)json_object_set_new(params, name, json_string(full));
	return ERR_NONE;
}

/* A .torrent, or a magnet link. */
static enum err_code put_source(struct cli *cli, json_t *params, struct err *e)
{
	const char *what = cli->args[0];
	const char *save = options_text(cli->options, "save-torrent");

	if (!magnet_is(what)) {
		cli->wrong_usage = save != NULL;
		return save ? err_fail(e, ERR_PARSE,
				       "--save-torrent is for magnet links")
			    : read_torrent(what, params, e);
	}
	(void)json_object_set_new(params, "magnet", json_string(what));
	return save ? put_path(params, "save-torrent", save, e) : ERR_NONE;
}

static enum err_code run_get(struct cli *cli, json_t **result, struct err *e)
{
	json_t *params = json_pack("{ss}", "mode", "get");
	enum err_code code;

	cli->wrong_usage = options_is_set(cli->options, "bid") !=
			   options_is_set(cli->options, "budget");
	if (cli->wrong_usage)
		code = err_fail(e, ERR_PARSE,
				"--bid and --budget belong together");
	else
		code = put_source(cli, params, e);
	if (code == ERR_NONE)
		code = cli_put_dir(params, "dir",
				   options_text(cli->options, "out"), true, e);
	if (code != ERR_NONE) {
		json_decref(params);
		return code;
	}
	put_shared(cli, params);
	cli_put_list(cli, params, "web-seed");
	cli_put_text(cli, params, "bid");
	cli_put_text(cli, params, "budget");
	cli_put_int(cli, params, "preallocate");
	cli_put_text(cli, params, "files");
	if (options_list_count(cli->options, "only"))
		cli_put_list(cli, params, "only");
	if (options_flag(cli->options, "sequential"))
		(void)json_object_set_new(params, "sequential", json_true());
	return run_transfer(cli, params, result, e);
}

static enum err_code run_verify(struct cli *cli, json_t **result, struct err *e)
{
	struct progress progress = progress_start(cli->json);
	json_t *params = json_object();
	enum err_code code = ERR_NONE;

	if (options_text(cli->options, "torrent"))
		code = read_torrent(options_text(cli->options, "torrent"),
				    params, e);
	else
		(void)json_object_set_new(params, "info_hash",
					  json_string(cli->args[0]));
	if (code == ERR_NONE && options_text(cli->options, "torrent"))
		code = cli_put_dir(params, "dir", cli->args[0], false, e);
	if (code != ERR_NONE) {
		json_decref(params);
		return code;
	}
	code = cli_call(cli, "verify", params, on_progress, &progress, result,
			e);
	progress_end(&progress);
	if (code != ERR_NONE)
		return code;
	cli_print(cli, "%lld of %lld pieces are good\n",
		  json_integer_value(json_object_get(*result, "good")),
		  json_integer_value(json_object_get(*result, "pieces")));
	if (json_integer_value(json_object_get(*result, "good")) !=
	    json_integer_value(json_object_get(*result, "pieces")))
		return err_fail(e, ERR_SIG,
				"some pieces are missing or damaged; "
				"`seedbank get` fetches them again");
	return ERR_NONE;
}

static void print_tracker(const struct cli *cli, const json_t *t)
{
	static const char *const names[] = {"seeds", "leechers", "completed"};
	const char *error = json_string_value(json_object_get(t, "error"));

	cli_print(cli, "%s", json_string_value(json_object_get(t, "tracker")));
	for (size_t i = 0; i < COUNT(names); i++) {
		const json_t *n = json_object_get(t, names[i]);

		if (n)
			cli_print(cli, "  %s %lld", names[i],
				  json_integer_value(n));
	}
	cli_print(cli, "%s%s\n", error ? "  " : "", error ? error : "");
}

/* A name that is no file may be the beginning of an info hash. */
static enum err_code run_scrape(struct cli *cli, json_t **result, struct err *e)
{
	json_t *params = json_object(), *t;
	enum err_code code = ERR_NONE;
	size_t i;

	if (access(cli->args[0], F_OK) == 0)
		code = read_torrent(cli->args[0], params, e);
	else
		(void)json_object_set_new(params, "info_hash",
					  json_string(cli->args[0]));
	if (code != ERR_NONE) {
		json_decref(params);
		return code;
	}
	code = cli_call(cli, "scrape", params, NULL, NULL, result, e);
	if (code != ERR_NONE)
		return code;
	params = json_object_get(*result, "trackers");
	if (json_array_size(params) == 0)
		cli_print(cli, "no trackers\n");
	json_array_foreach(params, i, t) print_tracker(cli, t);
	return ERR_NONE;
}

/* What its trackers count; "" where none has told. */
static void swarm_text(char out[64], const json_t *t)
{
	const json_t *seeds = json_object_get(t, "swarm_seeds");
	const json_t *leechers = json_object_get(t, "swarm_leechers");

	out[0] = '\0';
	if (seeds || leechers)
		(void)snprintf(out, 64, " (of %lld seeds, %lld leechers)",
			       json_integer_value(seeds),
			       json_integer_value(leechers));
}

static void print_torrent(const struct cli *cli, const json_t *t)
{
	char size[16], up[16], down[16], swarm[64];

	swarm_text(swarm, t);

	progress_bytes(size, sizeof(size),
		       json_integer_value(json_object_get(t, "total")));
	progress_bytes(down, sizeof(down),
		       json_integer_value(json_object_get(t, "rate_down")));
	progress_bytes(up, sizeof(up),
		       json_integer_value(json_object_get(t, "rate_up")));
	cli_print(cli,
		  "%.12s  %-6s  %-9s %3lld%%  %9s  down %s/s  up %s/s  peers "
		  "%lld%s  %s\n",
		  json_string_value(json_object_get(t, "info_hash")),
		  json_string_value(json_object_get(t, "kind")),
		  json_string_value(json_object_get(t, "state")),
		  json_integer_value(json_object_get(t, "percent")), size, down,
		  up, json_integer_value(json_object_get(t, "peers")), swarm,
		  json_string_value(json_object_get(t, "name")));
}

static enum err_code run_list(struct cli *cli, json_t **result, struct err *e)
{
	enum err_code code =
		cli_call(cli, "list", json_object(), NULL, NULL, result, e);
	json_t *torrents, *t;
	size_t i;

	if (code != ERR_NONE)
		return code;
	torrents = json_object_get(*result, "torrents");
	if (json_array_size(torrents) == 0)
		cli_print(cli, "no torrents\n");
	json_array_foreach(torrents, i, t) print_torrent(cli, t);
	return ERR_NONE;
}

static enum err_code run_on_one(struct cli *cli, const char *method,
				json_t *take_params, json_t **result,
				struct err *e)
{
	struct progress progress = progress_start(cli->json);
	enum err_code code;

	(void)json_object_set_new(take_params, "info_hash",
				  json_string(cli->args[0]));
	code = cli_call(cli, method, take_params, on_progress, &progress,
			result, e);
	progress_end(&progress);
	if (code == ERR_NONE)
		cli_print(cli, "%s: %s\n",
			  json_string_value(json_object_get(*result, "name")),
			  json_string_value(json_object_get(*result, "state")));
	return code;
}

static enum err_code run_pause(struct cli *cli, json_t **result, struct err *e)
{
	return run_on_one(cli, "pause", json_object(), result, e);
}

static enum err_code run_resume(struct cli *cli, json_t **result, struct err *e)
{
	return run_on_one(cli, "resume", json_object(), result, e);
}

static enum err_code run_move(struct cli *cli, json_t **result, struct err *e)
{
	json_t *params = json_object();
	enum err_code code = cli_put_dir(params, "dir", cli->args[1], true, e);

	if (code == ERR_NONE)
		return run_on_one(cli, "move", params, result, e);
	json_decref(params);
	return code;
}

static enum err_code run_remove(struct cli *cli, json_t **result, struct err *e)
{
	json_t *params = json_pack("{sb}", "files",
				   (int)options_flag(cli->options, "files"));

	return run_on_one(cli, "remove", params, result, e);
}

/* What lies within an object comes behind it, under its name. */
static void print_pairs(const struct cli *cli, const json_t *object)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)object, key, value)
	{
		char *text;

		if (json_is_object(value)) {
			cli_print(cli, "%s:\n", key);
			print_pairs(cli, value);
			continue;
		}
		text = json_is_string(value)
			       ? NULL
			       : json_dumps(value,
					    JSON_ENCODE_ANY | JSON_COMPACT);
		cli_print(cli, "%-16s %s\n", key,
			  text ? text : json_string_value(value));
		free(text);
	}
}

static enum err_code run_status(struct cli *cli, json_t **result, struct err *e)
{
	enum err_code code =
		cli_call(cli, "status", json_object(), NULL, NULL, result, e);

	if (code == ERR_NONE)
		print_pairs(cli, *result);
	return code;
}

static const struct option verify_options[] = {
	{"torrent", OPT_STRING, NULL, 0, 0, "FILE",
	 "the .torrent; then the word is the directory of its files"},
};

static const struct option remove_options[] = {
	{"files", OPT_FLAG, "no", 0, 0, NULL,
	 "delete the downloaded files too"},
};

const struct command cmd_seed = {
	"seed",
	"DIR --torrent FILE [options]",
	"Seeds the files in DIR until stopped; earns when there is a wallet.",
	seed_options,
	COUNT(seed_options),
	1,
	1,
	MONEY_IF_ANY,
	run_seed};
const struct command cmd_get = {
	"get",
	"FILE.torrent|MAGNET-LINK [--out DIR] [--bid TOKENS --budget TOKENS]",
	"Downloads a torrent; pays for speed when it is given a bid and "
	"budget.",
	get_options,
	COUNT(get_options),
	1,
	1,
	MONEY_IF_ANY,
	run_get};
const struct command cmd_verify = {
	"verify",
	"DIR --torrent FILE | INFO-HASH",
	"Hashes every piece again and says which are good.",
	verify_options,
	COUNT(verify_options),
	1,
	1,
	MONEY_NONE,
	run_verify};
const struct command cmd_scrape = {
	"scrape",
	"TORRENT | INFO-HASH",
	"Asks a torrent's trackers how many have it, without joining them.",
	NULL,
	0,
	1,
	1,
	MONEY_NONE,
	run_scrape};
const struct command cmd_list = {
	"list",	    "",	     "Lists the torrents of the daemon.", NULL, 0, 0, 0,
	MONEY_NONE, run_list};
const struct command cmd_pause = {
	"pause", "INFO-HASH", "Pauses a torrent of the daemon.",
	NULL,	 0,	      1,
	1,	 MONEY_NONE,  run_pause};
const struct command cmd_resume = {
	"resume",   "INFO-HASH", "Lets a paused torrent go on.", NULL, 0, 1, 1,
	MONEY_NONE, run_resume};
const struct command cmd_move = {
	"move",
	"INFO-HASH DIR",
	"Moves a torrent's files to DIR, or follows those that were moved.",
	NULL,
	0,
	2,
	2,
	MONEY_NONE,
	run_move};
const struct command cmd_remove = {
	"remove",
	"INFO-HASH [--files]",
	"Forgets a torrent; its files stay unless --files is given.",
	remove_options,
	COUNT(remove_options),
	1,
	1,
	MONEY_NONE,
	run_remove};
const struct command cmd_status = {
	"status",
	"",
	"Shows what the node does, earns and spends.",
	NULL,
	0,
	0,
	0,
	MONEY_GLANCE,
	run_status};
