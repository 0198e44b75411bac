/* cli.h - the command line: finding the command, reading its options, running
 * its calls here or in the daemon, and telling the outcome.
 *
 * Exit codes: 0 done; 1 failed (one line on stderr says why and what to do);
 * 2 wrong usage or a wrong setting; 3 interrupted before it was done. With
 * --json the outcome is one JSON object on stdout ({"error":{...}} on failure)
 * and progress goes nowhere. (`store cat` writes the data alone: what becomes
 * of it is told on stderr.)
 */
#ifndef NODE_CLI_H
#define NODE_CLI_H

#include "base/err.h"
#include "base/options.h"
#include "node/core/engine.h"
#include "node/core/home.h"

#include <jansson.h>
#include <stdbool.h>

#define EXIT_USAGE 2
#define EXIT_INTERRUPTED 3

struct cli {
	struct home home;
	const struct command *command;
	struct options *options;  /* of the command, and the common ones */
	struct options *settings; /* HOME/config; command options override */
	const char **args;	  /* positional words behind the command */
	int arg_count;
	bool json;
	bool daemon_used; /* the last cli_call() went to a daemon */
	bool raw;	  /* set by one whose standard output is data alone */
	bool wrong_usage; /* set by a command that fails for its words */
	bool interrupted; /* set by one that was ended before it was done */
};

struct command {
	const char *name;  /* one or two words: "get", "wallet new" */
	const char *usage; /* "FILE --out DIR [options]" */
	const char *summary;
	const struct option *options;
	size_t option_count;
	int min_args, max_args;
	enum money_need money; /* of a node made for this command */
	/* Fills e on failure. Prints its own human result; gives its JSON
	 * result through *result (owned by the caller), may leave it NULL. */
	enum err_code (*run)(struct cli *cli, json_t **result, struct err *e);
};

/* Every command, by journey; see cli_commands.c. */
extern const struct command *const commands[];
extern const size_t command_count;

int cli_main(int argc, char **argv);

/* Runs `method` in the daemon when one listens, else in a node of our own that
 * lives as long as the call. take_params is consumed. */
enum err_code cli_call(struct cli *cli, const char *method, json_t *take_params,
		       void (*event)(void *ctx, const json_t *event), void *ctx,
		       json_t **result, struct err *e);

/* Set by SIGINT and SIGTERM. */
extern volatile int cli_stop;

/* Human output unless --json. */
void cli_print(const struct cli *cli, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
