/* options.h - one table of settings that drives the command line, the config
 * file, --help and the man page.
 *
 * A table is an array of struct option in static memory. struct options holds
 * the values of one table: the default, over it the config file, over it the
 * command line. A value is checked against its type and range when it is set,
 * so getters cannot fail.
 *
 * Types and how they are written:
 *   FLAG      --name, --no-name; in files yes/no/true/false/on/off/1/0
 *   INT       decimal
 *   SIZE      bytes: 4096, 64KiB, 1MiB, 2GiB, 3TiB (K M G T mean the same)
 *   RATE      bytes per second: as SIZE, "0" and "none" mean no limit
 *   DURATION  seconds: 90, 90s, 15m, 2h, 7d
 *   AMOUNT    tokens, decimal point allowed; kept as text, see amount.h
 *   STRING    anything without control characters, OPT_TEXT_MAX bytes at most
 *   ENDPOINT  host:port or [v6]:port, port 0..65535
 *   LIST      STRING that may be given several times, OPT_LIST_MAX at most
 *
 * Thread: any; an object belongs to one owner.
 */
#ifndef BASE_OPTIONS_H
#define BASE_OPTIONS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define OPT_TEXT_MAX 4096
#define OPT_LIST_MAX 64

enum opt_type {
	OPT_FLAG,
	OPT_INT,
	OPT_SIZE,
	OPT_RATE,
	OPT_DURATION,
	OPT_AMOUNT,
	OPT_STRING,
	OPT_ENDPOINT,
	OPT_LIST,
};

struct option {
	const char *name;
	enum opt_type type;
	const char *fallback; /* text of the default; NULL: unset */
	int64_t min, max;     /* INT SIZE RATE DURATION; both 0: no range */
	const char *arg;      /* what --help calls the value; NULL for FLAG */
	const char *help;
};

struct options;

/* ERR_NOMEM; a default that does not fit its own type is ERR_STATE. */
enum err_code options_new(struct options **out, const struct option *table,
			  size_t count, struct err *e);
void options_free(struct options *o);

/* Sets one value from text. ERR_PARSE names the option and what it wants; for
 * an unknown name the nearest known one is suggested. */
enum err_code options_set(struct options *o, const char *name,
			  const char *value, struct err *e);

/* Takes `--name value`, `--name=value`, `--flag`, `--no-flag` out of argv and
 * leaves the rest (positional words) in *rest, in order; `--` ends options.
 * rest must have room for argc pointers. */
enum err_code options_parse_args(struct options *o, int argc,
				 char *const argv[], const char **rest,
				 int *rest_count, struct err *e);

/* A config file's bytes: lines `name = value`, # comments, blank lines.
 * Errors name the line. Names of `others` (may be NULL) belong to another
 * table and are skipped. `what` names the file in errors. */
enum err_code options_parse_file(struct options *o, const char *what,
				 const char *text, size_t len,
				 const struct options *others, struct err *e);

bool options_is_set(const struct options *o, const char *name);
bool options_flag(const struct options *o, const char *name);
/* INT SIZE RATE DURATION; 0 when unset. */
int64_t options_int(const struct options *o, const char *name);
/* AMOUNT STRING ENDPOINT; NULL when unset. */
const char *options_text(const struct options *o, const char *name);
size_t options_list_count(const struct options *o, const char *name);
const char *options_list_at(const struct options *o, const char *name,
			    size_t i);

/* "64MiB" as a number, as an OPT_SIZE has it. False: it is none. */
bool options_read_size(int64_t *out, const char *text);
/* The table as --help shows it, one option a line, wrapped at 80. */
void options_print_help(const struct option *table, size_t count, FILE *out);

/* Parses "host:port" or "[v6]:port" into host (without brackets) and port. */
enum err_code options_split_endpoint(const char *text, char *host,
				     size_t host_cap, uint16_t *port,
				     struct err *e);

#endif
