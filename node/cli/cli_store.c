/* cli_store.c - storing with strangers, as typed. The work is done by the
 * methods of methods_store*.c. */
#include "node/cli/cli_store.h"

#include "node/cli/cli_params.h"
#include "node/cli/cli_pipe.h"
#include "node/cli/cli_progress.h"
#include "node/core/name_text.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define CODING_OPTIONS \
	{"k", OPT_INT, "10", 1, 64, "N", "shards that bring everything back"}, \
		{"n", \
		 OPT_INT, \
		 "30", \
		 1, \
		 255, \
		 "N", \
		 "shards that are stored, each at another host"}, \
		{"term", \
		 OPT_INT, \
		 "90", \
		 1, \
		 36500, \
		 "DAYS", \
		 "how long it is stored and paid for"}, \
		{"periods", \
		 OPT_INT, \
		 NULL, \
		 1, \
		 INT32_MAX, \
		 "N", \
		 "the same in periods of the bank, instead of --term"}, \
		{"per-host", \
		 OPT_INT, \
		 "1", \
		 1, \
		 255, \
		 "N", \
		 "shards of a segment that one host may have: more than one " \
		 "is lost with it"}, \
		{"per-network", \
		 OPT_INT, \
		 "1", \
		 1, \
		 255, \
		 "N", \
		 "shards of a segment in one network (/24, /48)"}, \
		{"max-price", \
		 OPT_AMOUNT, \
		 NULL, \
		 0, \
		 0, \
		 "TOKENS", \
		 "the most for one GiB at a host in 30 days"}, \
	{ \
		"budget", OPT_AMOUNT, NULL, 0, 0, "TOKENS", \
			"the most to pay for all of it" \
	}

static const struct option put_options[] = {
	{"as", OPT_STRING, NULL, 0, 0, "NAME",
	 "what it is called among what you store (default: its own name)"},
	{"unopened", OPT_FLAG, "no", 0, 0, NULL,
	 "paid a period at a time by receipts, after an audit (`store pay`, or "
	 "a daemon): no transaction, no proof, and no collateral of the hosts; "
	 "who stops paying loses it"},
	CODING_OPTIONS,
	WALLET_OPTIONS,
};

static const struct option hosts_options[] = {WALLET_OPTIONS};

/* ---- what is told while it runs ---- */

struct telling {
	struct cli *cli;
	struct cli_pipe *pipe; /* NULL: none */
	struct progress progress;
};

/* What was asked for, or a step on the way. */
static void tell_quote(const struct cli *cli, const json_t *q)
{
	const bool asked = cli->command == &cmd_store_cost;
	const char *token = cli_text_of(q, "token");
	const char *period = cli_text_of(q, "each_period");
	char bytes[16], stored[16];

	progress_bytes(bytes, sizeof(bytes),
		       json_integer_value(json_object_get(q, "bytes")));
	progress_bytes(stored, sizeof(stored),
		       json_integer_value(json_object_get(q, "stored_bytes")));
	if (cli->json)
		return;
	(void)fprintf(
		asked ? stdout : stderr,
		"%s become %s at %lld hosts, from period %lld to %lld: "
		"%s%s%s for all of it, and %s for writing; %s are locked, "
		"what is not used of them comes back at the end\n",
		bytes, stored, json_integer_value(json_object_get(q, "hosts")),
		json_integer_value(json_object_get(q, "from")),
		json_integer_value(json_object_get(q, "until")),
		cli_text_of(q, "cost"), *token ? " " : "", token,
		cli_text_of(q, "ingress"), cli_text_of(q, "locked"));
	if (strcmp(period, "0") != 0)
		(void)fprintf(asked ? stdout : stderr,
			      "of it %s are paid each period, after an audit; "
			      "a daemon does it, or `seedbank store pay`\n",
			      period);
}

static void on_event(void *ctx, const json_t *event)
{
	struct telling *t = ctx;
	const char *type = cli_text_of(event, "type");

	if (strcmp(type, "quote") == 0) {
		tell_quote(t->cli, event);
	} else if (strcmp(type, "step") == 0) {
		if (!t->cli->json)
			(void)fprintf(stderr, "%s\n",
				      cli_text_of(event, "text"));
	} else if (strcmp(type, "pipe") == 0) {
		if (t->pipe)
			cli_pipe_opened(t->pipe);
	} else {
		progress_event(&t->progress, event);
	}
}

static enum err_code call_telling(struct cli *cli, struct cli_pipe *pipe,
				  const char *method, json_t *take_params,
				  json_t **result, struct err *e)
{
	struct telling t = {.cli = cli,
			    .pipe = pipe,
			    .progress = progress_start(cli->json)};
	enum err_code code =
		cli_call(cli, method, take_params, on_event, &t, result, e);

	progress_end(&t.progress);
	return code;
}

enum err_code cli_store_call(struct cli *cli, const char *method,
			     json_t *take_params, json_t **result,
			     struct err *e)
{
	return call_telling(cli, NULL, method, take_params, result, e);
}

/* The same with standard input, or output, of this command. */
static enum err_code pipe_call(struct cli *cli, bool input, const char *method,
			       json_t *take_params, json_t **result,
			       struct err *e)
{
	struct cli_pipe pipe;
	struct err why = {0};
	enum err_code code = cli_pipe_open(&pipe, &cli->home, input, e);

	if (code != ERR_NONE) {
		json_decref(take_params);
		return code;
	}
	(void)json_object_set_new(take_params, "pipe", json_string(pipe.path));
	code = call_telling(cli, &pipe, method, take_params, result, e);
	if (cli_pipe_close(&pipe, code == ERR_NONE, &why) != ERR_NONE &&
	    code == ERR_NONE) {
		*e = why;
		code = why.code;
	}
	return code;
}

/* ---- put and cost ---- */

/* What can be seen to be wrong before anything is opened. */
static enum err_code check_words(struct cli *cli, struct err *e)
{
	int64_t k = options_int(cli->options, "k");
	int64_t n = options_int(cli->options, "n");
	size_t hosts = options_list_count(cli->options, "host");
	enum err_code code = ERR_NONE;
	char ip[64];
	uint16_t port;

	if (k > n)
		code = err_fail(e, ERR_PARSE,
				"--k %lld of --n %lld: k is n at the most",
				(long long)k, (long long)n);
	for (size_t i = 0; code == ERR_NONE && i < hosts; i++)
		code = options_split_endpoint(
			options_list_at(cli->options, "host", i), ip,
			sizeof(ip), &port, e);
	cli->wrong_usage = code != ERR_NONE;
	return code;
}

static enum err_code put_coding(struct cli *cli, json_t *params, struct err *e)
{
	static const char *const ints[] = {
		"k", "n", "term", "periods", "per-host", "per-network"};

	for (size_t i = 0; i < COUNT(ints); i++)
		cli_put_int(cli, params, ints[i]);
	cli_put_text(cli, params, "max-price");
	cli_put_text(cli, params, "budget");
	cli_put_list(cli, params, "host");
	if (options_flag(cli->options, "unopened"))
		(void)json_object_set_new(params, "unopened", json_true());
	return check_words(cli, e);
}

/* The last component of a path, without slashes behind it. */
static const char *base_name(char *path)
{
	size_t len = strlen(path);
	char *slash;

	while (len > 1 && path[len - 1] == '/')
		path[--len] = 0;
	slash = strrchr(path, '/');
	return slash && slash[1] ? slash + 1 : path;
}

static enum err_code read_path(const struct cli *cli, const char *path,
			       json_t *params, struct err *e)
{
	const char *as = options_is_set(cli->options, "as")
				 ? options_text(cli->options, "as")
				 : NULL;
	const size_t before = json_object_size(params);
	char *whole = realpath(path, NULL);

	if (!whole)
		return err_fail(e, ERR_IO, "%.150s: %s", path, strerror(errno));
	(void)json_object_set_new(params, "path", json_string(whole));
	(void)json_object_set_new(params, "name",
				  json_string(as ? as : base_name(whole)));
	free(whole);
	if (json_object_size(params) < before + 2)
		return err_fail(e, ERR_PARSE,
				"its path or name is not UTF-8: put the "
				"directory that it is in, or rename it");
	return ERR_NONE;
}

static enum err_code read_pipe(struct cli *cli, json_t *params, struct err *e)
{
	cli->wrong_usage = !options_is_set(cli->options, "as");
	if (cli->wrong_usage)
		return err_fail(e, ERR_PARSE,
				"--as NAME: what comes from standard input "
				"needs one");
	cli_put_text(cli, params, "as");
	(void)json_object_set_new(
		params, "name", json_string(options_text(cli->options, "as")));
	return ERR_NONE;
}

static enum err_code run_put(struct cli *cli, json_t **result, struct err *e)
{
	const bool pipe = strcmp(cli->args[0], "-") == 0;
	json_t *params = json_object();
	enum err_code code = pipe ? read_pipe(cli, params, e)
				  : read_path(cli, cli->args[0], params, e);
	char bytes[16];

	if (code == ERR_NONE)
		code = put_coding(cli, params, e);
	if (code != ERR_NONE) {
		json_decref(params);
		return code;
	}
	code = pipe ? pipe_call(cli, true, "store_put", params, result, e)
		    : cli_store_call(cli, "store_put", params, result, e);
	if (code != ERR_NONE)
		return code;
	if (json_is_true(json_object_get(*result, "unchanged"))) {
		cli_print(cli,
			  "%s is stored already, and has not changed; "
			  "`seedbank store renew` keeps it for longer\n",
			  cli_text_of(*result, "name"));
		return ERR_NONE;
	}
	progress_bytes(bytes, sizeof(bytes),
		       json_integer_value(json_object_get(*result, "bytes")));
	cli_print(cli,
		  "%s is stored: %s in %lld entries, %lld agreements, until "
		  "period %lld\n",
		  cli_text_of(*result, "name"), bytes,
		  json_integer_value(json_object_get(*result, "files")),
		  json_integer_value(json_object_get(*result, "agreements")),
		  json_integer_value(json_object_get(*result, "until")));
	return ERR_NONE;
}

/* A size where there is no such file. */
static enum err_code read_what(const struct cli *cli, json_t *params,
			       struct err *e)
{
	char *whole = realpath(cli->args[0], NULL);
	int64_t size;

	if (whole) {
		free(whole);
		return read_path(cli, cli->args[0], params, e);
	}
	if (!options_read_size(&size, cli->args[0]))
		return err_fail(e, ERR_PARSE,
				"'%.100s': neither a file nor a size such as "
				"20GiB",
				cli->args[0]);
	(void)json_object_set_new(params, "size", json_integer(size));
	return ERR_NONE;
}

static enum err_code run_cost(struct cli *cli, json_t **result, struct err *e)
{
	json_t *params = json_pack("{sb}", "quote_only", 1);
	enum err_code code = read_what(cli, params, e);

	if (code == ERR_NONE)
		code = put_coding(cli, params, e);
	if (code != ERR_NONE) {
		json_decref(params);
		return code;
	}
	return cli_store_call(cli, "store_cost", params, result, e);
}

/* ---- hosts ---- */

static enum err_code run_hosts(struct cli *cli, json_t **result, struct err *e)
{
	json_t *params = json_object(), *hosts, *h;
	enum err_code code;
	size_t i;

	cli_put_list(cli, params, "host");
	code = cli_store_call(cli, "store_hosts", params, result, e);
	if (code != ERR_NONE)
		return code;
	hosts = json_object_get(*result, "hosts");
	if (json_array_size(hosts) == 0)
		cli_print(cli, "no host answered; --host IP:PORT names one to "
			       "begin with\n");
	json_array_foreach(hosts, i, h)
		cli_print(cli,
			  "%s  %-21s  %s for a GiB and 30 days, writing %s, "
			  "reading %s\n",
			  cli_text_of(h, "address"), cli_text_of(h, "endpoint"),
			  cli_text_of(h, "price"), cli_text_of(h, "ingress"),
			  cli_text_of(h, "egress"));
	return ERR_NONE;
}

/* ---- ls, get, cat, share ---- */

const char *cli_name_or_link(const struct cli *cli, char buf[CLI_LINK_MAX])
{
	if (strcmp(cli->args[0], "-") != 0)
		return cli->args[0];
	if (!fgets(buf, CLI_LINK_MAX, stdin))
		return NULL;
	buf[strcspn(buf, "\r\n")] = 0;
	return buf;
}

/* NULL: e says why. */
static json_t *named(const struct cli *cli, struct err *e)
{
	char buf[CLI_LINK_MAX];
	const char *name = cli_name_or_link(cli, buf);
	json_t *params = name ? json_pack("{ss}", "name", name) : NULL;

	if (!name)
		(void)err_fail(e, ERR_PARSE, "no link came on standard input");
	else if (!params)
		(void)err_fail(e, ERR_PARSE,
			       "the name is not UTF-8: take the directory that "
			       "it is in");
	return params;
}

static enum err_code run_ls(struct cli *cli, json_t **result, struct err *e)
{
	json_t *params = json_object(), *files, *f;
	enum err_code code;
	size_t i;

	if (cli->arg_count)
		(void)json_object_set_new(params, "name",
					  json_string(cli->args[0]));
	code = cli_store_call(cli, "store_ls", params, result, e);
	if (code != ERR_NONE)
		return code;
	files = json_object_get(*result, "files");
	json_array_foreach(files, i, f)
	{
		bool link = strcmp(cli_text_of(f, "kind"), "link") == 0;
		char *path = name_shown(cli_text_of(f, "path"));
		char *target = name_shown(cli_text_of(f, "target"));

		cli_print(cli, "%-9s %12lld  %s%s%s\n", cli_text_of(f, "kind"),
			  json_integer_value(json_object_get(f, "size")),
			  path ? path : "", link ? " -> " : "",
			  target ? target : "");
		free(path);
		free(target);
	}
	return ERR_NONE;
}

static enum err_code run_get(struct cli *cli, json_t **result, struct err *e)
{
	char bytes[16];
	json_t *params = named(cli, e);
	enum err_code code =
		params ? cli_put_dir(params, "out",
				     options_text(cli->options, "out"), true, e)
		       : e->code;

	if (code != ERR_NONE) {
		json_decref(params);
		return code;
	}
	cli_put_list(cli, params, "host");
	code = cli_store_call(cli, "store_get", params, result, e);
	if (code != ERR_NONE)
		return code;
	progress_bytes(bytes, sizeof(bytes),
		       json_integer_value(json_object_get(*result, "bytes")));
	cli_print(cli, "%lld files, %s; %lld were there already\n",
		  json_integer_value(json_object_get(*result, "files")), bytes,
		  json_integer_value(json_object_get(*result, "there")));
	return ERR_NONE;
}

static enum err_code run_cat(struct cli *cli, json_t **result, struct err *e)
{
	json_t *params = named(cli, e);
	enum err_code code;

	cli->raw = true;
	if (!params)
		return e->code;
	cli_put_int(cli, params, "from");
	cli_put_int(cli, params, "bytes");
	cli_put_list(cli, params, "host");
	code = pipe_call(cli, false, "store_get", params, result, e);
	return code;
}

static enum err_code run_share(struct cli *cli, json_t **result, struct err *e)
{
	json_t *params = named(cli, e);
	enum err_code code;

	if (!params)
		return e->code;
	cli_put_text(cli, params, "access");
	code = cli_store_call(cli, "store_share", params, result, e);
	if (code == ERR_NONE)
		cli_print(cli, "%s\n", cli_text_of(*result, "link"));
	return code;
}

static const struct option ls_options[] = {OPTION_PASSPHRASE_FILE, OPTION_RPC,
					   OPTION_LOG_LEVEL};

static const struct option get_options[] = {
	{"out", OPT_STRING, ".", 0, 0, "DIR", "where the files go"},
	WALLET_OPTIONS,
};

static const struct option cat_options[] = {
	{"from", OPT_INT, "0", 0, INT64_MAX, "BYTE", "where to begin"},
	{"bytes", OPT_INT, NULL, 1, INT64_MAX, "N",
	 "how many (default: to the end)"},
	WALLET_OPTIONS,
};

static const struct option share_options[] = {
	{"access", OPT_STRING, "full", 0, 0, "LEVEL",
	 "full (reads), repair (rebuilds what is lost, reads nothing) or "
	 "sample (audits)"},
	OPTION_PASSPHRASE_FILE,
	OPTION_RPC,
	OPTION_LOG_LEVEL,
};

const struct command cmd_store_put = {
	"store put",
	"PATH|- [--as NAME] [options]",
	"Encrypts, codes and stores a file, a directory or standard input.",
	put_options,
	COUNT(put_options),
	1,
	1,
	MONEY_MUST,
	run_put};
const struct command cmd_store_cost = {
	"store cost",
	"PATH|SIZE [options]",
	"Shows what storing it would cost, to the unit; pays nothing.",
	put_options,
	COUNT(put_options),
	1,
	1,
	MONEY_MUST,
	run_cost};
const struct command cmd_store_hosts = {
	"store hosts",
	"[--host IP:PORT]",
	"Lists the hosts that can be reached, and what they ask for.",
	hosts_options,
	COUNT(hosts_options),
	0,
	0,
	MONEY_MUST,
	run_hosts};
const struct command cmd_store_ls = {
	"store ls", "[NAME]",	       "Lists what is stored.",
	ls_options, COUNT(ls_options), 0,
	1,	    MONEY_MUST,	       run_ls};
const struct command cmd_store_get = {
	"store get",
	"NAME|LINK|- [--out DIR]",
	"Fetches what is stored; goes on where it was cut off.",
	get_options,
	COUNT(get_options),
	1,
	1,
	MONEY_MUST,
	run_get};
const struct command cmd_store_cat = {
	"store cat",
	"NAME|LINK [--from BYTE] [--bytes N]",
	"Writes one stored file, or a range of it, to standard output.",
	cat_options,
	COUNT(cat_options),
	1,
	1,
	MONEY_MUST,
	run_cat};
const struct command cmd_store_share = {
	"store share",
	"NAME [--access LEVEL]",
	"Makes a link for others to what was put at once.",
	share_options,
	COUNT(share_options),
	1,
	1,
	MONEY_MUST,
	run_share};
