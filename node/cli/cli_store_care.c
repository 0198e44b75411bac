/* cli_store_care.c - looking after what is stored, as typed. The work is done
 * by the methods of methods_store_care.c. */
#include "node/cli/cli_store.h"

#include "node/cli/cli_params.h"

#include <stdio.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static json_int_t number_of(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static void put_name(const struct cli *cli, json_t *params)
{
	char buf[CLI_LINK_MAX];
	const char *name = cli->arg_count ? cli_name_or_link(cli, buf) : NULL;

	if (name)
		(void)json_object_set_new(params, "name", json_string(name));
}

/* ---- audit ---- */

static const struct option audit_options[] = {
	{"samples", OPT_INT, "300", 1, 1 << 22, "N",
	 "random blocks that are asked for, at least one of each segment"},
	WALLET_OPTIONS,
};

/* "0.009937" as per cent. */
static void print_claim(const struct cli *cli, const json_t *claim)
{
	long long share = 0;
	unsigned long long whole = 0, part = 0;

	if (sscanf(cli_text_of(claim, "at_most"), "%llu.%llu", &whole, &part) ==
	    2)
		share = (long long)(whole * 1000000 + part);
	cli_print(
		cli,
		"with %lld %% confidence at most %lld.%04lld %% of the blocks "
		"are missing\n",
		number_of(claim, "confidence"), share / 10000, share % 10000);
}

static enum err_code run_audit(struct cli *cli, json_t **result, struct err *e)
{
	json_t *params = json_object(), *list, *at;
	enum err_code code;
	size_t i;

	put_name(cli, params);
	cli_put_int(cli, params, "samples");
	cli_put_list(cli, params, "host");
	code = cli_store_call(cli, "store_audit", params, result, e);
	if (code != ERR_NONE)
		return code;
	cli_print(cli,
		  "%lld samples: %lld right, %lld lost, %lld false, %lld not "
		  "answered\n",
		  number_of(*result, "samples"), number_of(*result, "right"),
		  number_of(*result, "lost"), number_of(*result, "lies"),
		  number_of(*result, "unanswered"));
	list = json_object_get(*result, "claims");
	json_array_foreach(list, i, at) print_claim(cli, at);
	list = json_object_get(*result, "hosts");
	json_array_foreach(list, i, at)
	{
		if (number_of(at, "right") != number_of(at, "samples"))
			cli_print(cli, "%s: %lld of %lld right\n",
				  cli_text_of(at, "address"),
				  number_of(at, "right"),
				  number_of(at, "samples"));
	}
	return ERR_NONE;
}

const struct command cmd_store_audit = {"store audit",
					"[NAME|LINK] [--samples N]",
					"Asks hosts for random parts of what "
					"is stored, and says what that shows.",
					audit_options,
					COUNT(audit_options),
					0,
					1,
					MONEY_MUST,
					run_audit};

/* ---- repair ---- */

static const struct option repair_options[] = {
	{"all", OPT_FLAG, "no", 0, 0, NULL,
	 "whatever is missing, also where enough is left"},
	{"term", OPT_INT, NULL, 1, 36500, "DAYS",
	 "how long it is stored and paid for (default: as long as the rest; of "
	 "a link 30 days)"},
	{"periods", OPT_INT, NULL, 1, INT32_MAX, "N",
	 "the same in periods of the bank, instead of --term"},
	{"max-price", OPT_AMOUNT, NULL, 0, 0, "TOKENS",
	 "the most for one GiB at a host in 30 days"},
	{"budget", OPT_AMOUNT, NULL, 0, 0, "TOKENS",
	 "the most to pay for all of it"},
	WALLET_OPTIONS,
};

static enum err_code run_repair(struct cli *cli, json_t **result, struct err *e)
{
	json_t *params = json_object();
	enum err_code code;

	put_name(cli, params);
	if (options_flag(cli->options, "all"))
		(void)json_object_set_new(params, "all", json_true());
	cli_put_int(cli, params, "term");
	cli_put_int(cli, params, "periods");
	cli_put_text(cli, params, "max-price");
	cli_put_text(cli, params, "budget");
	cli_put_list(cli, params, "host");
	code = cli_store_call(cli, "store_repair", params, result, e);
	if (code != ERR_NONE)
		return code;
	cli_print(cli,
		  "%lld shards are at no host that answers, %lld of them were "
		  "made again, for %s; %lld agreements\n",
		  number_of(*result, "lost"), number_of(*result, "repaired"),
		  cli_text_of(*result, "cost"),
		  number_of(*result, "agreements"));
	if (number_of(*result, "hopeless"))
		cli_print(cli,
			  "%lld segments have too few shards left to be made "
			  "again now\n",
			  number_of(*result, "hopeless"));
	if (number_of(*result, "lost") > number_of(*result, "repaired") &&
	    number_of(*result, "due") == 0)
		cli_print(cli,
			  "enough of each segment is left; --all makes the "
			  "rest again, too\n");
	if (cli_text_of(*result, "left")[0])
		cli_print(cli, "left: %s\n", cli_text_of(*result, "left"));
	return ERR_NONE;
}

const struct command cmd_store_repair = {
	"store repair",
	"[NAME|LINK] [--all] [options]",
	"Makes lost shards again and puts them to other hosts.",
	repair_options,
	COUNT(repair_options),
	0,
	1,
	MONEY_MUST,
	run_repair};

/* ---- stewards ---- */

static const struct option steward_options[] = {WALLET_OPTIONS};

static enum err_code run_steward_add(struct cli *cli, json_t **result,
				     struct err *e)
{
	char buf[CLI_LINK_MAX];
	const char *link = cli_name_or_link(cli, buf);
	json_t *params = json_pack("{ss}", "link", link ? link : "");
	enum err_code code;

	cli_put_list(cli, params, "host");
	code = cli_store_call(cli, "steward_add", params, result, e);
	if (code == ERR_NONE)
		cli_print(cli,
			  "the daemon looks after %s: %lld segments, %lld of "
			  "%lld shards bring each back\n",
			  cli_text_of(*result, "id"),
			  number_of(*result, "segments"),
			  number_of(*result, "k"), number_of(*result, "n"));
	return code;
}

static enum err_code run_steward_ls(struct cli *cli, json_t **result,
				    struct err *e)
{
	json_t *list, *at;
	enum err_code code =
		cli_store_call(cli, "steward_ls", json_object(), result, e);
	size_t i;

	if (code != ERR_NONE)
		return code;
	list = json_object_get(*result, "stewards");
	json_array_foreach(list, i, at)
		cli_print(cli, "%.16s  %s\n", cli_text_of(at, "id"),
			  cli_text_of(at, "note"));
	cli_print(cli, "repairs of 30 days: %s of %s spent\n",
		  cli_text_of(*result, "spent"),
		  cli_text_of(*result, "budget"));
	return ERR_NONE;
}

static enum err_code run_steward_rm(struct cli *cli, json_t **result,
				    struct err *e)
{
	json_t *params = json_pack("{ss}", "id", cli->args[0]);
	enum err_code code =
		cli_store_call(cli, "steward_rm", params, result, e);

	if (code == ERR_NONE)
		cli_print(cli,
			  "%s is not looked after any more; what was agreed on "
			  "is kept until it ends\n",
			  cli_text_of(*result, "id"));
	return code;
}

const struct command cmd_steward_add = {
	"steward add",
	"LINK|- [--host IP:PORT]",
	"Has the daemon audit and repair what a repair link leads to.",
	steward_options,
	COUNT(steward_options),
	1,
	1,
	MONEY_MUST,
	run_steward_add};
const struct command cmd_steward_ls = {"steward ls",
				       "",
				       "Lists what is looked after for others.",
				       steward_options,
				       COUNT(steward_options),
				       0,
				       0,
				       MONEY_MUST,
				       run_steward_ls};
const struct command cmd_steward_rm = {"steward rm",
				       "ID",
				       "Looks after it no more.",
				       steward_options,
				       COUNT(steward_options),
				       1,
				       1,
				       MONEY_MUST,
				       run_steward_rm};
