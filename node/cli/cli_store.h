/* cli_store.h - what the commands of storing share; nobody else includes it. */
#ifndef NODE_CLI_STORE_H
#define NODE_CLI_STORE_H

#include "node/cli/cli_commands.h"

#define OPTION_HOST \
	{ \
		"host", OPT_LIST, NULL, 0, 0, "IP:PORT", \
			"a host to begin with, which tells of others; may be " \
			"given again" \
	}
#define WALLET_OPTIONS \
	OPTION_HOST, OPTION_PASSPHRASE_FILE, OPTION_RPC, OPTION_LOG_LEVEL

/* A method, with what it tells on the way for people. */
enum err_code cli_store_call(struct cli *cli, const char *method,
			     json_t *take_params, json_t **result,
			     struct err *e) __attribute__((warn_unused_result));

/* The first word, a name or a link. "-": a line of standard input, since words
 * of a command are seen by everybody on the machine and links are secrets.
 * NULL: nothing came. */
#define CLI_LINK_MAX 4200 /* a path of a catalogue is as long */
const char *cli_name_or_link(const struct cli *cli, char buf[CLI_LINK_MAX]);

#endif
