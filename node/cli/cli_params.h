/* cli_params.h - what the commands of several journeys share: rows of their
 * option tables, and options as parameters of a method.
 *
 * A method's parameter has the name of the option it comes from. Thread: the
 * program's only one.
 */
#ifndef NODE_CLI_PARAMS_H
#define NODE_CLI_PARAMS_H

#include "ledger/signer/signer_proto.h"
#include "node/cli/cli.h"

#define OPTION_PASSPHRASE_FILE \
	{ \
		"passphrase-file", OPT_STRING, NULL, 0, 0, "FILE", \
			"the wallet's passphrase, first line of FILE" \
	}
#define OPTION_LOG_LEVEL \
	{ \
		"log-level", OPT_STRING, NULL, 0, 0, "LEVEL", \
			"error, warn, info or debug; to stderr" \
	}
#define OPTION_RPC \
	{ \
		"rpc", OPT_LIST, NULL, 0, 0, "URL", \
			"the chain's RPC, instead of the profile's" \
	}
#define OPTION_ACCOUNT \
	{ \
		"account", OPT_STRING, "bandwidth", 0, 0, "ACCOUNT", \
			"whose money: bandwidth (speed) or storage (renting)" \
	}

/* Each sets params[name] when the option was given, else does nothing; the list
 * is always set. */
void cli_put_text(const struct cli *cli, json_t *params, const char *name);
void cli_put_int(const struct cli *cli, json_t *params, const char *name);
void cli_put_list(const struct cli *cli, json_t *params, const char *name);
/* The option `account` of OPTION_ACCOUNT. ERR_PARSE (wrong usage): it names
 * none. */
enum err_code cli_account(struct cli *cli, enum signer_purpose *out,
			  struct err *e) __attribute__((warn_unused_result));
/* The same into params.account. */
enum err_code cli_put_account(struct cli *cli, json_t *params, struct err *e)
	__attribute__((warn_unused_result));

/* Sets params[name] to the whole path of a directory; `make`: it is made when
 * it is missing, and must be writable. ERR_IO says what is wrong with it. */
enum err_code cli_put_dir(json_t *params, const char *name, const char *dir,
			  bool make, struct err *e)
	__attribute__((warn_unused_result));

/* A text of a result; "" when there is none. */
const char *cli_text_of(const json_t *object, const char *key);

#endif
