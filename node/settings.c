#include "node/settings.h"

#include "base/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG_MAX (1U << 20)

const struct option settings_table[] = {
	{"listen", OPT_LIST, NULL, 0, 0, "IP:PORT",
	 "address to listen on; may be given again (default every address, "
	 "port "
	 "6881)"},
	{"limit-up", OPT_RATE, "none", 0, 0, "RATE",
	 "upload limit in bytes a second"},
	{"limit-down", OPT_RATE, "none", 0, 0, "RATE",
	 "download limit in bytes a second"},
	{"max-peers", OPT_INT, "200", 1, 100000, "N",
	 "connections in all torrents together"},
	{"slots", OPT_INT, "8", 1, 10000, "N", "upload slots a torrent"},
	{"free-share", OPT_INT, "25", 1, 100, "PERCENT",
	 "share of slots and upload kept for peers who do not pay"},
	{"cache", OPT_SIZE, "32MiB", 1 << 20, 1LL << 40, "SIZE",
	 "memory for blocks being served"},
	{"sell", OPT_FLAG, "yes", 0, 0, NULL,
	 "take receipts for seeding, when there is a wallet"},
	{"price", OPT_AMOUNT, "0.01", 0, 0, "TOKENS",
	 "the least that a GiB costs a paying peer"},
	{"profile", OPT_STRING, "local-evm", 0, 0, "NAME",
	 "which chain: local-evm, bttc, bttc-testnet"},
	{"rpc", OPT_LIST, NULL, 0, 0, "URL",
	 "the chain's RPC, instead of the profile's; may be given again"},
	{"bank", OPT_STRING, NULL, 0, 0, "ADDRESS",
	 "the bank contract, instead of the profile's"},
	{"token", OPT_STRING, NULL, 0, 0, "ADDRESS",
	 "the bank's token, instead of the profile's"},
	{"chain-id", OPT_INT, NULL, 1, INT64_MAX, "N",
	 "the chain's id, instead of the profile's"},
	{"confirmations", OPT_STRING, NULL, 0, 0, "BLOCKS",
	 "blocks until something is final, or \"finalized\" to ask the chain"},
	{"legacy-fees", OPT_STRING, NULL, 0, 0, "YES|NO",
	 "one gas price even where the chain knows EIP-1559"},
	{"coin-price", OPT_AMOUNT, NULL, 0, 0, "TOKENS",
	 "tokens that one coin of the chain is worth; unset: settle by hand"},
	{"fee-share", OPT_INT, "2", 1, 100, "PERCENT",
	 "settle when the fee is under this share of what it brings"},
	{"trust", OPT_AMOUNT, NULL, 0, 0, "TOKENS",
	 "what a new payer without a reserve may owe before it is cashed "
	 "(default: what a GiB costs)"},
	{"max-trust", OPT_AMOUNT, "1000", 0, 0, "TOKENS",
	 "what a payer without a reserve may owe at the most"},
	{"wallet-index", OPT_INT, "0", 0, INT32_MAX, "N",
	 "account of the recovery phrase"},
	{"passphrase-file", OPT_STRING, NULL, 0, 0, "FILE",
	 "the key file's passphrase, first line of FILE"},
	{"day-limit", OPT_AMOUNT, "1000", 0, 0, "TOKENS",
	 "the most that is promised to sellers in a day"},
	{"payee-day-limit", OPT_AMOUNT, "1000", 0, 0, "TOKENS",
	 "the most that is promised to one seller in a day"},
	{"fee-limit", OPT_AMOUNT, "10", 0, 0, "COINS",
	 "the most that one transaction may cost in fees"},
	{"day-fee-limit", OPT_AMOUNT, "100", 0, 0, "COINS",
	 "the most that all transactions of a day may cost in fees"},
	{"cold", OPT_LIST, NULL, 0, 0, "ADDRESS",
	 "an address that earnings may be paid to; may be given again"},
	{"log-level", OPT_STRING, "info", 0, 0, "LEVEL",
	 "error, warn, info or debug"},
};
const size_t settings_count =
	sizeof(settings_table) / sizeof(settings_table[0]);

static enum err_code read_config(const struct home *h, char **text, size_t *len,
				 char path[HOME_PATH_MAX], struct err *e)
{
	struct err inner = {0};

	*text = NULL;
	*len = 0;
	home_file(h, "config", path);
	if (file_load(path, CONFIG_MAX, text, len, &inner) == ERR_NONE ||
	    inner.os == ENOENT)
		return ERR_NONE;
	return err_fail(e, inner.code, "%s", inner.msg);
}

enum err_code settings_load(struct options **out, const struct home *h,
			    struct err *e)
{
	char path[HOME_PATH_MAX], *text;
	struct options *o = NULL;
	size_t len;
	enum err_code code = options_new(&o, settings_table, settings_count, e);

	if (code == ERR_NONE)
		code = read_config(h, &text, &len, path, e);
	if (code == ERR_NONE) {
		code = options_parse_file(o, path, text ? text : "", len, NULL,
					  e);
		free(text);
	}
	if (code != ERR_NONE) {
		options_free(o);
		return code;
	}
	*out = o;
	return ERR_NONE;
}

/* Is this line `name = ...`? */
static bool line_sets(const char *line, size_t len, const char *name)
{
	size_t n = strlen(name);

	while (len > 0 && (*line == ' ' || *line == '\t')) {
		line++;
		len--;
	}
	if (len < n || memcmp(line, name, n) != 0)
		return false;
	line += n;
	len -= n;
	while (len > 0 && (*line == ' ' || *line == '\t')) {
		line++;
		len--;
	}
	return len > 0 && *line == '=';
}

static size_t keep_lines(char *out, const char *text, size_t len,
			 const char *name)
{
	size_t kept = 0;

	while (len > 0) {
		const char *nl = memchr(text, '\n', len);
		size_t n = nl ? (size_t)(nl - text) : len;

		if (!line_sets(text, n, name)) {
			memcpy(out + kept, text, n);
			kept += n;
			out[kept++] = '\n';
		}
		text += n + (nl != NULL);
		len -= n + (nl != NULL);
	}
	return kept;
}

static enum err_code replace_config(const char *path, const char *text,
				    size_t len, const char *name,
				    const char *value, struct err *e)
{
	/* room for a newline that the last line lacked, and for " = " */
	size_t cap = len + strlen(name) + (value ? strlen(value) : 0) + 8;
	char *out = malloc(cap);
	size_t n;
	enum err_code code;

	if (!out)
		return err_fail(e, ERR_NOMEM, "config");
	n = keep_lines(out, text, len, name);
	if (value)
		n += (size_t)snprintf(out + n, cap - n, "%s = %s\n", name,
				      value);
	code = file_replace(path, (const uint8_t *)out, n, e);
	free(out);
	return code;
}

static bool is_setting(const char *name)
{
	for (size_t i = 0; i < settings_count; i++)
		if (strcmp(settings_table[i].name, name) == 0)
			return true;
	return false;
}

enum err_code settings_store(const struct home *h, const char *name,
			     const char *value, struct err *e)
{
	char path[HOME_PATH_MAX], *text = NULL;
	struct options *check = NULL;
	size_t len;
	enum err_code code =
		options_new(&check, settings_table, settings_count, e);

	if (code == ERR_NONE && value)
		code = options_set(check, name, value, e);
	else if (code == ERR_NONE && !is_setting(name))
		code = err_fail(e, ERR_PARSE, "no setting '%.60s'", name);
	options_free(check);
	if (code == ERR_NONE)
		code = read_config(h, &text, &len, path, e);
	if (code == ERR_NONE)
		code = replace_config(path, text ? text : "", len, name, value,
				      e);
	free(text);
	return code;
}
