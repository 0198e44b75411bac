/* cli_wallet.c - making, reading in, showing and copying the key file. None of
 * these needs the node, the chain or the signer: the key file is opened here,
 * used and wiped. */
#include "node/cli/cli_commands.h"

#include "base/clock.h"
#include "base/file.h"
#include "ledger/chain/profile.h"
#include "ledger/signer/keystore.h"
#include "ledger/signer/signer_state.h"
#include "node/cli/cli_params.h"
#include "node/cli/passphrase.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define KEY_TEXT_MAX 65536
#define DAY_S 86400
#define INDEX_MAX ((INT32_MAX - 1) / 2) /* each has two accounts */
#define NO_STORAGE_ACCOUNT \
	"this wallet is an imported private key, which has no storage " \
	"account: storing takes a recovery phrase (`seedbank wallet new`)"

#define WALLET_OPTIONS \
	OPTION_PASSPHRASE_FILE, \
		{"tron", \
		 OPT_FLAG, \
		 "no", \
		 0, \
		 0, \
		 NULL, \
		 "the account for TRON chains (T...), whatever the setting " \
		 "profile is"}, \
	{ \
		"index", OPT_INT, NULL, 0, INDEX_MAX, "N", \
			"which accounts of the recovery phrase (default: " \
			"the setting wallet-index)" \
	}

struct wallet {
	char path[HOME_PATH_MAX];
	char passphrase[KEYSTORE_PASS_MAX + 1];
	struct keystore *keys;
};

static enum address_kind kind_of(const struct cli *cli)
{
	struct profile p;

	if (options_flag(cli->options, "tron") ||
	    (profile_find(&p, options_text(cli->settings, "profile"), NULL) ==
		     ERR_NONE &&
	     p.address == ADDRESS_TRON))
		return ADDRESS_TRON;
	return ADDRESS_EVM;
}

/* Of the account on its BIP-32 path, as the node takes them. */
static uint32_t index_of(const struct cli *cli, enum signer_purpose purpose)
{
	int64_t index = options_is_set(cli->options, "index")
				? options_int(cli->options, "index")
				: options_int(cli->settings, "wallet-index");

	return (uint32_t)index * 2 + purpose;
}

static const char *passphrase_file(const struct cli *cli)
{
	const char *own = options_text(cli->options, "passphrase-file");

	return own ? own : options_text(cli->settings, "passphrase-file");
}

static void wallet_close(struct wallet *w)
{
	keystore_free(w->keys);
	sodium_memzero(w, sizeof(*w));
}

static enum err_code wallet_open(struct wallet *w, const struct cli *cli,
				 struct err *e)
{
	enum err_code code;

	memset(w, 0, sizeof(*w));
	home_file(&cli->home, "wallet.key", w->path);
	if (access(w->path, F_OK) != 0)
		return err_fail(e, ERR_STATE,
				"no wallet in %.80s; `seedbank wallet new` "
				"makes one",
				cli->home.path);
	code = passphrase_get(w->passphrase, sizeof(w->passphrase),
			      passphrase_file(cli), PASSPHRASE_ASK, e);
	if (code == ERR_NONE)
		code = keystore_load(&w->keys, w->path, w->passphrase, e);
	if (code != ERR_NONE)
		wallet_close(w);
	return code;
}

/* Room for a new one, and its passphrase. */
static enum err_code wallet_prepare(struct wallet *w, const struct cli *cli,
				    struct err *e)
{
	memset(w, 0, sizeof(*w));
	home_file(&cli->home, "wallet.key", w->path);
	if (access(w->path, F_OK) == 0)
		return err_fail(e, ERR_STATE,
				"%.90s is there already; move it away first, "
				"or use another --home",
				w->path);
	return passphrase_get(w->passphrase, sizeof(w->passphrase),
			      passphrase_file(cli), PASSPHRASE_TWICE, e);
}

static enum err_code account_text(const struct cli *cli, const struct wallet *w,
				  enum signer_purpose purpose,
				  char text[ADDRESS_TEXT_MAX], struct err *e)
{
	struct address a;
	enum err_code code;

	if (purpose == SIGNER_STORAGE && !keystore_can_store(w->keys))
		return err_fail(e, ERR_STATE, NO_STORAGE_ACCOUNT);
	code = keystore_address(w->keys, &a, kind_of(cli),
				index_of(cli, purpose), e);
	if (code == ERR_NONE)
		(void)address_text(text, &a, kind_of(cli));
	return code;
}

/* Both accounts, as far as the key has them. */
static json_t *describe(const struct cli *cli, const struct wallet *w,
			struct err *e)
{
	const bool can_store = keystore_can_store(w->keys);
	char text[ADDRESS_TEXT_MAX];
	json_t *o;

	if (account_text(cli, w, SIGNER_BANDWIDTH, text, e) != ERR_NONE)
		return NULL;
	o = json_pack("{ss sb sb ss}", "address", text, "phrase",
		      (int)can_store, "can_store", (int)can_store, "file",
		      w->path);
	if (!can_store)
		return o;
	if (account_text(cli, w, SIGNER_STORAGE, text, e) != ERR_NONE) {
		json_decref(o);
		return NULL;
	}
	(void)json_object_set_new(o, "storage_address", json_string(text));
	return o;
}

static void print_accounts(const struct cli *cli, const json_t *o)
{
	const char *storage = cli_text_of(o, "storage_address");

	cli_print(cli, "bandwidth %s\n", cli_text_of(o, "address"));
	if (*storage)
		cli_print(cli, "storage   %s\n", storage);
}

static enum err_code save_and_tell(const struct cli *cli, struct wallet *w,
				   json_t **result, struct err *e)
{
	enum err_code code = keystore_save(w->keys, w->path, w->passphrase,
					   keystore_cost_default(), e);

	if (code != ERR_NONE)
		return code;
	*result = describe(cli, w, e);
	if (!*result)
		return e->code;
	print_accounts(cli, *result);
	if (keystore_can_store(w->keys))
		cli_print(cli,
			  "\nThe bandwidth account pays and earns for speed, "
			  "the storage account for renting\n"
			  "(--account storage). Each needs a little of the "
			  "chain's coin for fees, and\n"
			  "tokens of its own for what it pays.\n");
	else
		cli_print(cli,
			  "This is a single key without a recovery "
			  "phrase: it can pay and earn, but not store "
			  "files. Keep a backup of %s.\n",
			  w->path);
	return ERR_NONE;
}

static enum err_code run_new(struct cli *cli, json_t **result, struct err *e)
{
	struct rng rng = rng_system();
	char phrase[BIP39_PHRASE_MAX];
	const int64_t words = options_int(cli->options, "words");
	struct wallet w;
	enum err_code code;

	cli->wrong_usage = words != 12 && words != 24;
	if (cli->wrong_usage)
		return err_fail(e, ERR_PARSE, "--words: want 12 or 24");
	code = wallet_prepare(&w, cli, e);
	if (code == ERR_NONE)
		code = keystore_new(&w.keys, (unsigned)words, &rng, e);
	if (code == ERR_NONE)
		code = keystore_phrase(w.keys, phrase, e);
	if (code == ERR_NONE)
		code = save_and_tell(cli, &w, result, e);
	if (code == ERR_NONE) {
		cli_print(cli,
			  "\nWrite down this recovery phrase and keep it "
			  "offline. It is shown once;\nwho has it has the "
			  "money:\n\n  %s\n",
			  phrase);
		(void)json_object_set_new(*result, "recovery_phrase",
					  json_string(phrase));
		sodium_memzero(phrase, sizeof(phrase));
	}
	wallet_close(&w);
	return code;
}

static enum err_code read_phrase(char *out, size_t cap, struct err *e)
{
	if (isatty(STDIN_FILENO))
		(void)fprintf(stderr, "Recovery phrase: ");
	if (!fgets(out, (int)cap, stdin))
		return err_fail(e, ERR_STATE,
				"want the recovery phrase on standard input");
	out[strcspn(out, "\r\n")] = '\0';
	return ERR_NONE;
}

static enum err_code from_text(struct cli *cli, struct wallet *w, char *text,
			       size_t len, struct err *e)
{
	const char *other = options_text(cli->options, "file-passphrase-file");
	char passphrase[KEYSTORE_PASS_MAX + 1];
	const char *at = text + strspn(text, " \t\r\n");
	enum err_code code;

	if (*at != '{')
		return keystore_from_hex(&w->keys, text, e);
	/* a Web3 file has a passphrase of its own; often it is the same */
	if (!other)
		return keystore_from_web3(&w->keys, text, len, w->passphrase,
					  e);
	code = passphrase_get(passphrase, sizeof(passphrase), other,
			      PASSPHRASE_QUIET, e);
	if (code == ERR_NONE)
		code = keystore_from_web3(&w->keys, text, len, passphrase, e);
	sodium_memzero(passphrase, sizeof(passphrase));
	return code;
}

static enum err_code run_import(struct cli *cli, json_t **result, struct err *e)
{
	char phrase[BIP39_PHRASE_MAX + 2], *text = NULL;
	struct wallet w;
	size_t len = 0;
	enum err_code code;

	if (cli->arg_count == 0) {
		memset(&w, 0, sizeof(w));
		code = read_phrase(phrase, sizeof(phrase), e);
		if (code == ERR_NONE)
			code = wallet_prepare(&w, cli, e);
		if (code == ERR_NONE)
			code = keystore_from_phrase(&w.keys, phrase, e);
		sodium_memzero(phrase, sizeof(phrase));
	} else {
		code = wallet_prepare(&w, cli, e);
		if (code == ERR_NONE)
			code = file_load(cli->args[0], KEY_TEXT_MAX, &text,
					 &len, e);
		if (code == ERR_NONE)
			code = from_text(cli, &w, text, len, e);
	}
	if (text)
		sodium_memzero(text, len);
	free(text);
	if (code == ERR_NONE)
		code = save_and_tell(cli, &w, result, e);
	wallet_close(&w);
	return code;
}

static enum err_code export_web3(struct cli *cli, const struct wallet *w,
				 enum signer_purpose purpose, json_t **result,
				 struct err *e)
{
	struct rng rng = rng_system();
	char out[WEB3_KEY_OUT];
	enum err_code code = keystore_web3_out(
		w->keys, out, kind_of(cli), index_of(cli, purpose),
		w->passphrase, WEB3_SCRYPT_N, &rng, e);

	if (code != ERR_NONE)
		return code;
	cli_print(cli, "%s\n", out);
	*result = json_pack("{ss}", "web3", out);
	return ERR_NONE;
}

static enum err_code export_secret(struct cli *cli, const struct wallet *w,
				   enum signer_purpose purpose, json_t **result,
				   struct err *e)
{
	bool hex = options_flag(cli->options, "hex") ||
		   !keystore_can_store(w->keys);
	char out[BIP39_PHRASE_MAX > KEYSTORE_HEX_MAX ? BIP39_PHRASE_MAX
						     : KEYSTORE_HEX_MAX];
	enum err_code code = hex ? keystore_hex(w->keys, out, kind_of(cli),
						index_of(cli, purpose), e)
				 : keystore_phrase(w->keys, out, e);

	if (code != ERR_NONE)
		return code;
	cli_print(cli, "%s\n", out);
	*result = json_pack("{ss}", hex ? "key" : "recovery_phrase", out);
	sodium_memzero(out, sizeof(out));
	return ERR_NONE;
}

static enum err_code account_open(enum signer_purpose *purpose,
				  struct wallet *w, struct cli *cli,
				  struct err *e)
{
	enum err_code code = cli_account(cli, purpose, e);

	return code == ERR_NONE ? wallet_open(w, cli, e) : code;
}

static enum err_code run_export(struct cli *cli, json_t **result, struct err *e)
{
	enum signer_purpose purpose;
	struct wallet w;
	enum err_code code = account_open(&purpose, &w, cli, e);

	if (code != ERR_NONE)
		return code;
	if (purpose == SIGNER_STORAGE && !keystore_can_store(w.keys))
		code = err_fail(e, ERR_STATE, NO_STORAGE_ACCOUNT);
	else if (options_flag(cli->options, "web3"))
		code = export_web3(cli, &w, purpose, result, e);
	else
		code = export_secret(cli, &w, purpose, result, e);
	wallet_close(&w);
	return code;
}

/* One address and nothing else, for scripts. */
static enum err_code tell_account(const struct cli *cli, const struct wallet *w,
				  enum signer_purpose purpose, json_t **result,
				  struct err *e)
{
	char text[ADDRESS_TEXT_MAX];
	enum err_code code = account_text(cli, w, purpose, text, e);

	if (code != ERR_NONE)
		return code;
	cli_print(cli, "%s\n", text);
	*result = json_pack("{ss}", "address", text);
	return ERR_NONE;
}

static enum err_code run_address(struct cli *cli, json_t **result,
				 struct err *e)
{
	enum signer_purpose purpose;
	struct wallet w;
	enum err_code code = account_open(&purpose, &w, cli, e);

	if (code != ERR_NONE)
		return code;
	if (options_is_set(cli->options, "account"))
		code = tell_account(cli, &w, purpose, result, e);
	else
		*result = describe(cli, &w, e);
	wallet_close(&w);
	if (!*result)
		return e->code;
	if (!options_is_set(cli->options, "account"))
		print_accounts(cli, *result);
	return code;
}

static enum err_code run_backup(struct cli *cli, json_t **result, struct err *e)
{
	char path[HOME_PATH_MAX];
	enum err_code code;

	home_file(&cli->home, "wallet.key", path);
	code = keystore_backup(path, cli->args[0], e);
	if (code != ERR_NONE)
		return code;
	cli_print(cli,
		  "%s is a copy of the sealed key file; it opens with the "
		  "same passphrase\n",
		  cli->args[0]);
	*result = json_pack("{ss}", "file", cli->args[0]);
	return ERR_NONE;
}

/* The signer named this command when it refused a damaged state file. */
static enum err_code run_repair(struct cli *cli, json_t **result, struct err *e)
{
	char path[HOME_PATH_MAX];
	enum err_code code;

	home_file(&cli->home, "signer.state", path);
	code = signer_state_repair(path, (uint32_t)(clock_unix_s() / DAY_S), e);
	if (code != ERR_NONE)
		return code;
	cli_print(cli,
		  "%s is whole again; the damaged one is kept beside it as "
		  ".damaged.\nToday's spending limits count as used up until "
		  "00:00 UTC.\n",
		  path);
	*result = json_pack("{ss}", "file", path);
	return ERR_NONE;
}

static const struct option new_options[] = {
	{"words", OPT_INT, "24", 12, 24, "N",
	 "length of the recovery phrase: 12 or 24"},
	WALLET_OPTIONS,
};
static const struct option import_options[] = {
	{"file-passphrase-file", OPT_STRING, NULL, 0, 0, "FILE",
	 "passphrase of a Web3 file, when it is not the wallet's"},
	WALLET_OPTIONS,
};
static const struct option export_options[] = {
	{"hex", OPT_FLAG, "no", 0, 0, NULL,
	 "one account's private key instead of the phrase"},
	{"web3", OPT_FLAG, "no", 0, 0, NULL,
	 "one account as a Web3 v3 file under the same passphrase"},
	OPTION_ACCOUNT,
	WALLET_OPTIONS,
};
static const struct option address_options[] = {OPTION_ACCOUNT, WALLET_OPTIONS};

const struct command cmd_wallet_new = {
	"wallet new",
	"[--words 12|24] [--passphrase-file FILE]",
	"Makes a wallet and shows its recovery phrase once.",
	new_options,
	COUNT(new_options),
	0,
	0,
	MONEY_NONE,
	run_new};
const struct command cmd_wallet_import = {
	"wallet import",
	"[FILE]",
	"Reads a recovery phrase from standard input, or a hex key or Web3 "
	"file.",
	import_options,
	COUNT(import_options),
	0,
	1,
	MONEY_NONE,
	run_import};
const struct command cmd_wallet_export = {
	"wallet export",
	"[--hex | --web3]",
	"Shows the recovery phrase, or one account's key. Keep it secret.",
	export_options,
	COUNT(export_options),
	0,
	0,
	MONEY_NONE,
	run_export};
const struct command cmd_wallet_address = {"wallet address",
					   "[--account bandwidth|storage]",
					   "Shows the wallet's addresses.",
					   address_options,
					   COUNT(address_options),
					   0,
					   0,
					   MONEY_NONE,
					   run_address};
const struct command cmd_wallet_backup = {"wallet backup",
					  "FILE",
					  "Copies the sealed key file.",
					  NULL,
					  0,
					  1,
					  1,
					  MONEY_NONE,
					  run_backup};
const struct command cmd_wallet_repair_state = {
	"wallet repair-state",
	"",
	"Mends the signer's limits file after a disk error.",
	NULL,
	0,
	0,
	0,
	MONEY_NONE,
	run_repair};
