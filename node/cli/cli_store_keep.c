/* cli_store_keep.c - giving up what is stored, keeping it, and what it is at,
 * as typed. The work is done by methods_store_keep.c and _status.c. */
#include "node/cli/cli_store.h"

#include "node/cli/cli_params.h"
#include "node/cli/cli_progress.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define PLACING_OPTIONS \
	{"per-host", \
	 OPT_INT, \
	 "1", \
	 1, \
	 255, \
	 "N", \
	 "shards of the new catalogue that one host may have"}, \
	{ \
		"per-network", OPT_INT, "1", 1, 255, "N", \
			"and in one network (/24, /48)" \
	}

static json_int_t number_of(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static void put_common(const struct cli *cli, json_t *params)
{
	if (cli->arg_count)
		(void)json_object_set_new(params, "name",
					  json_string(cli->args[0]));
	cli_put_int(cli, params, "per-host");
	cli_put_int(cli, params, "per-network");
	cli_put_list(cli, params, "host");
}

/* ---- rm ---- */

static enum err_code run_rm(struct cli *cli, json_t **result, struct err *e)
{
	json_t *params = json_object();
	enum err_code code;
	char bytes[16];

	put_common(cli, params);
	code = cli_store_call(cli, "store_rm", params, result, e);
	if (code != ERR_NONE)
		return code;
	progress_bytes(bytes, sizeof(bytes), number_of(*result, "bytes"));
	cli_print(cli, "%lld entries removed, %s\n",
		  number_of(*result, "files"), bytes);
	return ERR_NONE;
}

/* ---- renew ---- */

static enum err_code run_renew(struct cli *cli, json_t **result, struct err *e)
{
	json_t *params = json_object();
	enum err_code code;

	put_common(cli, params);
	cli_put_int(cli, params, "term");
	cli_put_int(cli, params, "periods");
	cli_put_text(cli, params, "budget");
	code = cli_store_call(cli, "store_renew", params, result, e);
	if (code != ERR_NONE)
		return code;
	if (number_of(*result, "renewed") == 0)
		cli_print(cli, "nothing ends before that\n");
	else
		cli_print(cli,
			  "%lld agreements are renewed, until period %lld, for "
			  "%s; %lld sectors were lost%s\n",
			  number_of(*result, "renewed"),
			  number_of(*result, "until"),
			  cli_text_of(*result, "cost"),
			  number_of(*result, "lost"),
			  number_of(*result, "lost")
				  ? ": `seedbank store repair`"
				  : "");
	return ERR_NONE;
}

/* ---- pay ---- */

static enum err_code run_pay(struct cli *cli, json_t **result, struct err *e)
{
	json_t *params = json_object();
	enum err_code code;

	cli_put_text(cli, params, "budget");
	if (options_flag(cli->options, "opened"))
		(void)json_object_set_new(params, "opened", json_true());
	code = cli_store_call(cli, "store_pay", params, result, e);
	if (code != ERR_NONE)
		return code;
	if (number_of(*result, "due") == 0) {
		cli_print(cli, "nothing is due in this period\n");
		return ERR_NONE;
	}
	cli_print(cli,
		  "%lld of %lld agreements are paid for this period, %s by "
		  "receipts and %s out of funds; %lld of %lld blocks that "
		  "hosts were asked for are right\n",
		  number_of(*result, "paid"), number_of(*result, "due"),
		  cli_text_of(*result, "cost"), cli_text_of(*result, "moved"),
		  number_of(*result, "right"), number_of(*result, "samples"));
	if (number_of(*result, "wrong"))
		cli_print(cli,
			  "%lld hosts have lost something and are not paid for "
			  "it: `seedbank store repair`\n",
			  number_of(*result, "wrong"));
	if (number_of(*result, "silent"))
		cli_print(cli,
			  "%lld did not answer: they are paid when they do, up "
			  "to seven periods late\n",
			  number_of(*result, "silent"));
	return ERR_NONE;
}

/* ---- status ---- */

static enum err_code run_status(struct cli *cli, json_t **result, struct err *e)
{
	json_t *list, *at;
	enum err_code code =
		cli_store_call(cli, "store_status", json_object(), result, e);
	size_t i;

	if (code != ERR_NONE)
		return code;
	list = json_object_get(*result, "agreements");
	json_array_foreach(list, i, at)
		cli_print(cli,
			  "%s  %3lld  %-11s %6lld sectors, periods %lld to "
			  "%lld, settled to %lld, %s a period, %s left\n",
			  cli_text_of(at, "host"), number_of(at, "number"),
			  cli_text_of(at, "state"), number_of(at, "sectors"),
			  number_of(at, "from"), number_of(at, "until"),
			  number_of(at, "through"), cli_text_of(at, "rate"),
			  cli_text_of(at, "fund"));
	cli_print(cli, "paid %s, locked %s; period %lld\n",
		  cli_text_of(*result, "paid"), cli_text_of(*result, "locked"),
		  number_of(*result, "period"));
	if (number_of(*result, "closed"))
		cli_print(cli, "%lld closed, %s came back\n",
			  number_of(*result, "closed"),
			  cli_text_of(*result, "back"));
	list = json_object_get(*result, "warnings");
	json_array_foreach(list, i, at)
		cli_print(cli, "! %s\n", json_string_value(at));
	return ERR_NONE;
}

static const struct option rm_options[] = {PLACING_OPTIONS, WALLET_OPTIONS};

static const struct option renew_options[] = {
	{"term", OPT_INT, "90", 1, 36500, "DAYS",
	 "how long it is kept from now on"},
	{"periods", OPT_INT, NULL, 1, INT32_MAX, "N",
	 "the same in periods of the bank, instead of --term"},
	{"budget", OPT_AMOUNT, NULL, 0, 0, "TOKENS", "the most to pay for it"},
	PLACING_OPTIONS,
	WALLET_OPTIONS,
};

static const struct option status_options[] = {OPTION_PASSPHRASE_FILE,
					       OPTION_RPC, OPTION_LOG_LEVEL};

const struct command cmd_store_rm = {
	"store rm",
	"NAME",
	"Gives up what is stored under a name; its rent ends.",
	rm_options,
	COUNT(rm_options),
	1,
	1,
	MONEY_MUST,
	run_rm};
const struct command cmd_store_renew = {
	"store renew",
	"[NAME] [--term DAYS] [--budget TOKENS]",
	"Keeps what is stored for longer, without sending it again.",
	renew_options,
	COUNT(renew_options),
	0,
	1,
	MONEY_MUST,
	run_renew};
static const struct option pay_options[] = {
	{"opened", OPT_FLAG, "no", 0, 0, NULL,
	 "agreements on the chain, too: out of their funds, so that their "
	 "hosts "
	 "need not prove this period and the next"},
	{"budget", OPT_AMOUNT, NULL, 0, 0, "TOKENS",
	 "the most to pay; with less nothing is paid (default: what is due)"},
	WALLET_OPTIONS,
};

const struct command cmd_store_pay = {
	"store pay",
	"[--opened] [--budget TOKENS]",
	"Audits what was put with --unopened, and pays for the present period.",
	pay_options,
	COUNT(pay_options),
	0,
	0,
	MONEY_MUST,
	run_pay};
const struct command cmd_store_status = {"store status",
					 "",
					 "Shows agreements, what they cost and "
					 "when they end; closes what is over.",
					 status_options,
					 COUNT(status_options),
					 0,
					 0,
					 MONEY_MUST,
					 run_status};
