/* cli_progress.h - what a person sees while bytes move.
 *
 * On a terminal: one line on stderr, redrawn. Elsewhere: a line at each tenth.
 * progress_line() is pure and tested; the rest only prints it.
 */
#ifndef NODE_CLI_PROGRESS_H
#define NODE_CLI_PROGRESS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress {
	bool terminal;
	bool quiet;
	bool drawn; /* a redrawn line stands on the terminal */
	int last_tenth;
};

struct progress progress_start(bool quiet);
/* An event of the calls `add` and `verify`; others print as notes. */
void progress_event(struct progress *p, const json_t *event);
void progress_end(struct progress *p);

/* "1.5 GiB", "12 KiB", "900 B": three digits at most before the unit. */
void progress_bytes(char *out, size_t cap, int64_t bytes);
/* "1h02m", "3m05s", "12s"; "-" when negative. */
void progress_time(char *out, size_t cap, int64_t seconds);
/* The bar: `width` columns, from an event {"have","total","rate_down",
 * "rate_up","peers","spent","eta_s"}. */
void progress_line(char *out, size_t cap, int width, const json_t *event);

#endif
