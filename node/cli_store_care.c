/* cli_store_care.c - looking after what is stored, as typed. The work is done
 * by the methods of methods_store_care.c. */
#include "node/cli_store.h"

#include "node/cli_params.h"

#include <stdio.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static json_int_t number_of(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static void put_name(const struct cli *cli, json_t *params)
{
	if (cli->arg_count)
		(void)json_object_set_new(params, "name",
					  json_string(cli->args[0]));
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

const struct command cmd_store_audit = {
	"store audit",
	"[NAME|LINK] [--samples N]",
	"ask hosts for random parts of what is stored, and say what that shows",
	audit_options,
	COUNT(audit_options),
	0,
	1,
	MONEY_MUST,
	run_audit};
