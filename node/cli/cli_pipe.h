/* cli_pipe.h - standard input and output of a command, handed to the node that
 * does the work: a FIFO in the home directory, pumped by a child, because that
 * node may be the daemon.
 *
 * Thread: the program's only one.
 */
#ifndef NODE_CLI_PIPE_H
#define NODE_CLI_PIPE_H

#include "node/core/home.h"

#include <stdbool.h>
#include <sys/types.h>

struct cli_pipe {
	char path[HOME_PATH_MAX]; /* what the method is told */
	pid_t pump;
	int held; /* keeps what is in it until the node has opened it */
	bool input;
};

/* input: standard input goes into the FIFO; else what comes out of it goes to
 * standard output. ERR_IO. */
enum err_code cli_pipe_open(struct cli_pipe *p, const struct home *home,
			    bool input, struct err *e)
	__attribute__((warn_unused_result));
/* The node has opened it (its event "pipe"): from here on the end of standard
 * input is the end of the FIFO, and a reader of standard output that went away
 * is one that the node notices. */
void cli_pipe_opened(struct cli_pipe *p);
/* ok: what was written is let out first; else the child ends at once. ERR_IO:
 * not all of it could be written. */
enum err_code cli_pipe_close(struct cli_pipe *p, bool ok, struct err *e);

#endif
