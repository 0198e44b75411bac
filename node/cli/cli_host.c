/* cli_host.c - renting out, as typed. The work is done by the methods of
 * methods_host.c. */
#include "node/cli/cli_commands.h"

#include "node/cli/cli_params.h"
#include "node/cli/cli_progress.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define MIB (INT64_C(1) << 20)

static void bytes_of(const json_t *o, const char *key, char *out, size_t cap)
{
	progress_bytes(out, cap, json_integer_value(json_object_get(o, key)));
}

static void print_fees(const struct cli *cli, const json_t *q)
{
	json_int_t even =
		json_integer_value(json_object_get(q, "break_even_gib"));

	if (!json_object_get(q, "proof_fee"))
		return;
	cli_print(cli, "a proof costs      %s %s, an anchor %s\n",
		  cli_text_of(q, "proof_fee"), cli_text_of(q, "coin"),
		  cli_text_of(q, "anchor_fee"));
	if (even)
		cli_print(cli,
			  "break-even         %lld GiB rented pay for their "
			  "proofs (an agreement is taken from %lld GiB on)\n",
			  (long long)even,
			  (long long)json_integer_value(
				  json_object_get(q, "least_gib")));
	else
		cli_print(cli, "break-even         not known: `seedbank config "
			       "coin-price TOKENS`\n");
}

/* What it comes to, before anything is done. */
static void on_quote(void *ctx, const json_t *event)
{
	const struct cli *cli = ctx;
	json_t *list = json_object_get(event, "warnings"), *w;
	char space[32];
	size_t i;

	if (strcmp(cli_text_of(event, "type"), "quote") != 0)
		return;
	bytes_of(event, "space", space, sizeof(space));
	cli_print(cli, "space              %s in all\n", space);
	cli_print(cli, "income, all rented %s a month (30 days)\n",
		  cli_text_of(event, "income_month"));
	cli_print(cli, "collateral         %s locked when full, %s free now\n",
		  cli_text_of(event, "collateral"), cli_text_of(event, "free"));
	print_fees(cli, event);
	json_array_foreach(list, i, w)
		cli_print(cli, "note: %s\n", json_string_value(w));
}

/* The daemon may have another working directory. */
static enum err_code put_path(struct cli *cli, json_t *params, struct err *e)
{
	const char *path = options_text(cli->options, "path");
	char cwd[PATH_MAX], whole[2 * PATH_MAX];

	if (!path)
		return ERR_NONE;
	if (path[0] == '/') {
		(void)snprintf(whole, sizeof(whole), "%s", path);
	} else {
		if (!getcwd(cwd, sizeof(cwd)))
			return err_fail(e, ERR_IO,
					"where are we? give an absolute path");
		(void)snprintf(whole, sizeof(whole), "%s/%s", cwd, path);
	}
	(void)json_object_set_new(params, "path", json_string(whole));
	return ERR_NONE;
}

static void put_prices(const struct cli *cli, json_t *params)
{
	static const char *const texts[] = {"price",	  "ingress", "egress",
					    "collateral", "penalty", "endpoint",
					    "schedule"};
	static const char *const numbers[] = {"space", "span", "min-term",
					      "max-term"};

	for (size_t i = 0; i < COUNT(texts); i++)
		cli_put_text(cli, params, texts[i]);
	for (size_t i = 0; i < COUNT(numbers); i++)
		cli_put_int(cli, params, numbers[i]);
}

static enum err_code run_enable(struct cli *cli, json_t **result, struct err *e)
{
	json_t *params = json_object();
	enum err_code code;

	if (!options_is_set(cli->options, "path")) {
		json_decref(params);
		cli->wrong_usage = true;
		return err_fail(e, ERR_PARSE, "where? --path DIR");
	}
	put_prices(cli, params);
	(void)json_object_set_new(
		params, "dry_run",
		json_boolean(options_flag(cli->options, "dry-run")));
	code = put_path(cli, params, e);
	if (code != ERR_NONE) {
		json_decref(params);
		return code;
	}
	code = cli_call(cli, "host_enable", params, on_quote, cli, result, e);
	if (code == ERR_NONE)
		cli_print(cli, "%s\n", cli_text_of(*result, "text"));
	cli->wrong_usage = code == ERR_PARSE;
	return code;
}

static void print_paths(const struct cli *cli, const json_t *r)
{
	json_t *list = json_object_get(r, "paths"), *p;
	char space[32], used[32];
	size_t i;

	json_array_foreach(list, i, p)
	{
		bytes_of(p, "space", space, sizeof(space));
		bytes_of(p, "used", used, sizeof(used));
		cli_print(cli, "path       %s  %s of %s used, %s%s%s\n",
			  cli_text_of(p, "path"), used, space,
			  cli_text_of(p, "state"),
			  *cli_text_of(p, "note") ? ": " : "",
			  cli_text_of(p, "note"));
	}
}

static long long number(const json_t *r, const char *key)
{
	return (long long)json_integer_value(json_object_get(r, key));
}

static void print_status(const struct cli *cli, const json_t *r)
{
	json_t *prices = json_object_get(r, "prices");
	json_t *list = json_object_get(r, "alarms"), *a;
	size_t i;

	cli_print(cli, "renting    %s, %s\n",
		  json_is_true(json_object_get(r, "enabled")) ? "enabled"
							      : "disabled",
		  json_is_true(json_object_get(r, "daemon"))
			  ? cli_text_of(r, "state")
			  : "no daemon runs");
	if (*cli_text_of(r, "trouble"))
		cli_print(cli, "trouble    %s\n", cli_text_of(r, "trouble"));
	if (*cli_text_of(r, "address"))
		cli_print(cli, "address    %s at %s\n",
			  cli_text_of(r, "address"),
			  *cli_text_of(r, "endpoint")
				  ? cli_text_of(r, "endpoint")
				  : "no endpoint: --endpoint IP:PORT");
	cli_print(cli, "price      %s a GiB and month\n",
		  cli_text_of(prices, "price"));
	print_paths(cli, r);
	cli_print(cli,
		  "agreements %lld, %lld on the chain, %lld sectors, %lld "
		  "lost\n",
		  number(r, "agreements"), number(r, "opened"),
		  number(r, "sectors"), number(r, "lost"));
	if (!json_is_true(json_object_get(r, "daemon"))) {
		cli_print(cli,
			  "what is due and earned is known while seedbankd "
			  "runs\n");
		return;
	}
	cli_print(cli, "earned     %s; %s locked as collateral\n",
		  cli_text_of(r, "earned"), cli_text_of(r, "collateral"));
	cli_print(cli,
		  "period     %lld: %lld of %lld proofs given, %lld in the "
		  "next; %lld missed\n",
		  number(r, "period"), number(r, "proved"), number(r, "due"),
		  number(r, "due_next"), number(r, "missed"));
	json_array_foreach(list, i, a)
		cli_print(cli, "alarm      %s\n", cli_text_of(a, "text"));
}

static enum err_code run_status(struct cli *cli, json_t **result, struct err *e)
{
	enum err_code code = cli_call(cli, "host_status", json_object(), NULL,
				      NULL, result, e);

	if (code == ERR_NONE)
		print_status(cli, *result);
	return code;
}

static enum err_code run_disable(struct cli *cli, json_t **result,
				 struct err *e)
{
	json_t *params = json_object();
	enum err_code code = put_path(cli, params, e);

	if (code != ERR_NONE) {
		json_decref(params);
		return code;
	}
	code = cli_call(cli, "host_disable", params, NULL, NULL, result, e);
	if (code == ERR_NONE)
		cli_print(cli, "%s\n", cli_text_of(*result, "text"));
	return code;
}

static const struct option enable_options[] = {
	{"path", OPT_STRING, NULL, 0, 0, "DIR",
	 "where the space is; again with another one for more"},
	{"space", OPT_SIZE, NULL, MIB, INT64_C(1) << 44, "SIZE",
	 "how much of it; another size later grows or shrinks it"},
	{"price", OPT_AMOUNT, NULL, 0, 0, "TOKENS",
	 "rent of a GiB for 30 days"},
	{"ingress", OPT_AMOUNT, NULL, 0, 0, "TOKENS",
	 "what a GiB that renters store costs them (default nothing)"},
	{"egress", OPT_AMOUNT, NULL, 0, 0, "TOKENS",
	 "what a GiB that is read costs (default nothing)"},
	{"collateral", OPT_AMOUNT, NULL, 0, 0, "TOKENS",
	 "locked for a GiB stored (default 30 days' rent)"},
	{"penalty", OPT_AMOUNT, NULL, 0, 0, "TOKENS",
	 "burnt of it for a GiB and missed span (default a tenth of it)"},
	{"span", OPT_INT, NULL, 1, UINT16_MAX, "PERIODS",
	 "periods that one proof pays for (default 7)"},
	{"min-term", OPT_INT, NULL, 1, UINT32_MAX, "PERIODS",
	 "the shortest term (default 7)"},
	{"max-term", OPT_INT, NULL, 1, UINT32_MAX, "PERIODS",
	 "the longest term (default 400)"},
	{"endpoint", OPT_STRING, NULL, 0, 0, "IP:PORT",
	 "where others reach this host (default where it listens)"},
	{"schedule", OPT_STRING, NULL, 0, 0, "HH:MM-HH:MM",
	 "local time in which anything new is taken (default always)"},
	{"dry-run", OPT_FLAG, "no", 0, 0, NULL,
	 "say what it comes to, and change nothing"},
	OPTION_PASSPHRASE_FILE,
	OPTION_RPC,
	OPTION_LOG_LEVEL,
};
static const struct option look_options[] = {OPTION_LOG_LEVEL};
static const struct option disable_options[] = {
	{"path", OPT_STRING, NULL, 0, 0, "DIR", "this path only"},
	OPTION_LOG_LEVEL,
};

const struct command cmd_host_enable = {
	"host enable",
	"--path DIR --space SIZE --price TOKENS [options]",
	"Rents out disk space: shows what it comes to, then begins.",
	enable_options,
	COUNT(enable_options),
	0,
	0,
	MONEY_MUST,
	run_enable};
const struct command cmd_host_status = {
	"host status",
	"",
	"Shows what is rented out, what it earns, and what is wrong.",
	look_options,
	COUNT(look_options),
	0,
	0,
	MONEY_GLANCE,
	run_status};
const struct command cmd_host_disable = {
	"host disable",
	"[--path DIR]",
	"Takes nothing new and gives the space back as agreements end.",
	disable_options,
	COUNT(disable_options),
	0,
	0,
	MONEY_NONE,
	run_disable};
