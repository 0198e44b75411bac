/* cli_money.c - contract, deposit, withdraw, reserve, settle, exposure and the
 * book, as typed. The work is done by the methods of methods_money.c. */
#include "contracts-abi/bank.h"
#include "node/cli/cli_commands.h"

#include "node/cli/cli_params.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define WALLET_OPTIONS OPTION_PASSPHRASE_FILE, OPTION_RPC, OPTION_LOG_LEVEL
#define PURSE_OPTIONS OPTION_ACCOUNT, WALLET_OPTIONS

/* Every step that a chain journey tells is one line. */
static void on_step(void *ctx, const json_t *event)
{
	const struct cli *cli = ctx;
	const char *text = cli_text_of(event, "text");

	if (!cli->json && *text)
		(void)fprintf(stderr, "%s\n", text);
}

static enum err_code money_call(struct cli *cli, const char *method,
				json_t *take_params, json_t **result,
				struct err *e)
{
	return cli_call(cli, method, take_params, on_step, cli, result, e);
}

/* For the commands that know --account. */
static enum err_code account_call(struct cli *cli, const char *method,
				  json_t *take_params, json_t **result,
				  struct err *e)
{
	enum err_code code = cli_put_account(cli, take_params, e);

	if (code == ERR_NONE)
		return money_call(cli, method, take_params, result, e);
	json_decref(take_params);
	return code;
}

static enum err_code run_deploy(struct cli *cli, json_t **result, struct err *e)
{
	json_t *params = json_object();
	enum err_code code;

	cli_put_text(cli, params, "token");
	(void)json_object_set_new(
		params, "test_token",
		json_boolean(options_flag(cli->options, "test-token")));
	if (options_is_set(cli->options, "period"))
		(void)json_object_set_new(
			params, "period",
			json_integer(options_int(cli->options, "period")));
	code = money_call(cli, "deploy", params, result, e);
	if (code == ERR_NONE)
		cli_print(cli, "bank %s\ntoken %s\n",
			  cli_text_of(*result, "bank"),
			  cli_text_of(*result, "token"));
	return code;
}

static enum err_code run_amount(struct cli *cli, const char *method,
				json_t *take_params, json_t **result,
				struct err *e)
{
	enum err_code code;

	(void)json_object_set_new(take_params, "amount",
				  json_string(cli->args[0]));
	cli_put_text(cli, take_params, "to");
	code = account_call(cli, method, take_params, result, e);
	if (code == ERR_NONE)
		cli_print(cli, "%s\n", cli_text_of(*result, "text"));
	return code;
}

static enum err_code run_mint(struct cli *cli, json_t **result, struct err *e)
{
	return run_amount(cli, "mint", json_object(), result, e);
}

static enum err_code run_deposit(struct cli *cli, json_t **result,
				 struct err *e)
{
	return run_amount(cli, "deposit", json_object(), result, e);
}

static enum err_code run_withdraw(struct cli *cli, json_t **result,
				  struct err *e)
{
	return run_amount(cli, "withdraw", json_object(), result, e);
}

static enum err_code run_reserve(struct cli *cli, json_t **result,
				 struct err *e)
{
	json_t *params = json_pack(
		"{ss ss sI}", "payee", cli->args[0], "amount", cli->args[1],
		"duration_s", (json_int_t)options_int(cli->options, "for"));
	enum err_code code = account_call(cli, "reserve", params, result, e);

	if (code == ERR_NONE)
		cli_print(cli, "%s\n", cli_text_of(*result, "text"));
	return code;
}

static enum err_code run_release(struct cli *cli, json_t **result,
				 struct err *e)
{
	json_t *params = json_pack("{ss sb}", "other", cli->args[0], "as_payee",
				   (int)options_flag(cli->options, "as-payee"));
	enum err_code code = account_call(cli, "release", params, result, e);

	if (code == ERR_NONE)
		cli_print(cli, "%s\n", cli_text_of(*result, "text"));
	return code;
}

static void print_sent(const struct cli *cli, size_t i, const json_t *b)
{
	const bool tron = json_object_get(b, "energy") != NULL;
	const char *units = tron ? "energy" : "gas";

	cli_print(cli, "transaction %zu: %s tokens, %s %lld, fee %s%s%s\n", i,
		  cli_text_of(b, "brings"), units,
		  json_integer_value(json_object_get(b, units)),
		  cli_text_of(b, "fee"), *cli_text_of(b, "txid") ? ", tx " : "",
		  cli_text_of(b, "txid"));
}

/* A transaction of a dry run has a line of its own. */
static void print_settlement(const struct cli *cli, const json_t *r)
{
	json_t *batches = json_object_get(r, "batches"), *b;
	size_t i;

	json_array_foreach(batches, i, b)
	{
		if (*cli_text_of(b, "text")) {
			cli_print(cli, "transaction %zu: %s\n", i + 1,
				  cli_text_of(b, "text"));
			continue;
		}
		print_sent(cli, i + 1, b);
	}
	cli_print(cli, "%s\n", cli_text_of(r, "text"));
}

static enum err_code run_settle(struct cli *cli, json_t **result, struct err *e)
{
	json_t *params =
		json_pack("{sb sb}", "dry_run",
			  (int)options_flag(cli->options, "dry-run"), "all",
			  (int)options_flag(cli->options, "all"));
	enum err_code code;

	cli_put_text(cli, params, "to");
	code = account_call(cli, "settle", params, result, e);
	if (code == ERR_NONE)
		print_settlement(cli, *result);
	return code;
}

/* Of what may be lost by waiting. */
static const char *cover_words(const char *cover)
{
	static const struct {
		const char *cover, *words;
	} all[] = {
		{"falling", "  its balance falls"},
		{"going", "  its balance is less"},
		{"ending", "  its reserve ends"},
	};

	for (size_t i = 0; i < COUNT(all); i++)
		if (strcmp(all[i].cover, cover) == 0)
			return all[i].words;
	return "";
}

static enum err_code run_exposure(struct cli *cli, json_t **result,
				  struct err *e)
{
	enum err_code code =
		account_call(cli, "exposure", json_object(), result, e);
	json_t *pairs, *p;
	size_t i;

	if (code != ERR_NONE)
		return code;
	pairs = json_object_get(*result, "pairs");
	if (json_array_size(pairs) == 0)
		cli_print(cli, "nobody owes anything\n");
	json_array_foreach(pairs, i, p) cli_print(
		cli, "%s  %-9s  promised %s  secured %s  paid %s%s\n",
		cli_text_of(p, "peer"), cli_text_of(p, "direction"),
		cli_text_of(p, "promised"), cli_text_of(p, "secured"),
		cli_text_of(p, "paid"), cover_words(cli_text_of(p, "cover")));
	return ERR_NONE;
}

static enum err_code run_ledger_check(struct cli *cli, json_t **result,
				      struct err *e)
{
	json_t *params = json_pack("{sb}", "offline",
				   (int)options_flag(cli->options, "offline"));
	enum err_code code =
		account_call(cli, "ledger_check", params, result, e);
	json_t *findings, *f;
	size_t i;

	if (code != ERR_NONE)
		return code;
	findings = json_object_get(*result, "findings");
	json_array_foreach(findings, i, f)
		cli_print(cli, "%s\n", json_string_value(f));
	cli_print(cli, "%s\n", cli_text_of(*result, "text"));
	if (json_array_size(findings) > 0)
		return err_fail(e, ERR_STATE,
				"the book has %zu faults; keep a copy of it "
				"(seedbank ledger export) before anything else",
				json_array_size(findings));
	return ERR_NONE;
}

static enum err_code run_ledger_export(struct cli *cli, json_t **result,
				       struct err *e)
{
	const char *path = options_text(cli->options, "out");
	enum err_code code =
		account_call(cli, "ledger_export", json_object(), result, e);
	const char *csv;
	FILE *f;
	bool ok;

	if (code != ERR_NONE || (cli->json && !path))
		return code;
	csv = cli_text_of(*result, "csv");
	f = path ? fopen(path, "we") : stdout;
	if (!f)
		return err_fail(e, ERR_IO, "cannot write %.100s", path);
	ok = fputs(csv, f) >= 0 && fflush(f) == 0;
	if (path)
		ok = fclose(f) == 0 && ok;
	if (!ok)
		return err_fail(e, ERR_IO, "cannot write %.100s",
				path ? path : "the output");
	return ERR_NONE;
}

static const struct option deploy_options[] = {
	{"token", OPT_STRING, NULL, 0, 0, "ADDRESS",
	 "the bank's token; without it the chain's own coin"},
	{"test-token", OPT_FLAG, "no", 0, 0, NULL,
	 "deploy a token that anyone can mint, for trying things out"},
	{"period", OPT_INT, NULL, BANK_PERIOD_MIN, UINT32_MAX, "BLOCKS",
	 "blocks of a period, by which rent is counted (default about a day)"},
	WALLET_OPTIONS,
};
static const struct option amount_options[] = {
	{"to", OPT_STRING, NULL, 0, 0, "ADDRESS",
	 "whose account it goes to (default your own)"},
	PURSE_OPTIONS,
};
static const struct option reserve_options[] = {
	{"for", OPT_DURATION, "30d", 86400, 3650LL * 86400, "TIME",
	 "how long it stays locked, from now"},
	PURSE_OPTIONS,
};
static const struct option release_options[] = {
	{"as-payee", OPT_FLAG, "no", 0, 0, NULL,
	 "give back what ADDRESS reserved for you"},
	PURSE_OPTIONS,
};
static const struct option settle_options[] = {
	{"dry-run", OPT_FLAG, "no", 0, 0, NULL,
	 "say what would be sent, what it costs, and from when it pays"},
	{"all", OPT_FLAG, "no", 0, 0, NULL,
	 "cash every receipt, also those worth less than twice their fee"},
	{"to", OPT_STRING, NULL, 0, 0, "ADDRESS",
	 "a cold address (see `config cold`), instead of your own"},
	PURSE_OPTIONS,
};
static const struct option check_options[] = {
	{"offline", OPT_FLAG, "no", 0, 0, NULL,
	 "only the book against itself, not against the chain"},
	PURSE_OPTIONS,
};
static const struct option export_options[] = {
	{"out", OPT_STRING, NULL, 0, 0, "FILE", "where to write the CSV"},
	PURSE_OPTIONS,
};
static const struct option purse_only[] = {PURSE_OPTIONS};

const struct command cmd_contract_deploy = {
	"contract deploy",
	"[--token ADDRESS | --test-token] [--period BLOCKS]",
	"Deploys a bank and checks the code on chain against the artifact.",
	deploy_options,
	COUNT(deploy_options),
	0,
	0,
	MONEY_MUST,
	run_deploy};
const struct command cmd_contract_mint = {
	"contract mint",
	"AMOUNT [--to ADDRESS]",
	"Mints test tokens (only a --test-token lets you).",
	amount_options,
	COUNT(amount_options),
	1,
	1,
	MONEY_MUST,
	run_mint};
const struct command cmd_deposit = {
	"deposit",
	"AMOUNT [--to ADDRESS]",
	"Puts tokens into the bank: approves exactly that, then deposits.",
	amount_options,
	COUNT(amount_options),
	1,
	1,
	MONEY_MUST,
	run_deposit};
const struct command cmd_withdraw = {"withdraw",
				     "AMOUNT [--to ADDRESS]",
				     "Takes free balance out of the bank.",
				     amount_options,
				     COUNT(amount_options),
				     1,
				     1,
				     MONEY_MUST,
				     run_withdraw};
const struct command cmd_reserve = {
	"reserve",
	"PAYEE TOTAL [--for TIME]",
	"Locks tokens for one payee; TOTAL counts what it was paid already.",
	reserve_options,
	COUNT(reserve_options),
	2,
	2,
	MONEY_MUST,
	run_reserve};
const struct command cmd_release = {
	"release",
	"ADDRESS [--as-payee]",
	"Takes back a reserve that has ended (or gives one back).",
	release_options,
	COUNT(release_options),
	1,
	1,
	MONEY_MUST,
	run_release};
const struct command cmd_settle = {
	"settle",
	"[--dry-run] [--all] [--to ADDRESS]",
	"Cashes the receipts earned, many in one transaction.",
	settle_options,
	COUNT(settle_options),
	0,
	0,
	MONEY_MUST,
	run_settle};
const struct command cmd_exposure = {"exposure",
				     "",
				     "Shows who owes what, and how safe it is.",
				     purse_only,
				     COUNT(purse_only),
				     0,
				     0,
				     MONEY_READ,
				     run_exposure};
const struct command cmd_ledger_check = {
	"ledger check",
	"[--offline]",
	"Proves the book against itself and against the chain.",
	check_options,
	COUNT(check_options),
	0,
	0,
	MONEY_BOOK,
	run_ledger_check};
const struct command cmd_ledger_export = {
	"ledger export",
	"[--out FILE]",
	"Writes every posting of the book as CSV.",
	export_options,
	COUNT(export_options),
	0,
	0,
	MONEY_READ,
	run_ledger_export};
