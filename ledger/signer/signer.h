/* signer.h - the process that holds the account keys, and nothing else.
 *
 * Contract
 *   - signer_fork() makes a child while the program has one thread. The two
 *     talk over one socketpair in the messages of signer_proto.h; most callers
 *     use signer_client.h and never see them.
 *   - Until SIGNER_UNLOCK it holds no key. Unlocking opens the key file and the
 *     state file, derives the accounts, and then shuts the door behind itself:
 *     signer_sandbox_enter(). What stays open is the socket and the state file.
 *   - It signs three things: an EIP-712 receipt of the pinned bank, its word
 *     that a seal key is its own (EIP-712 Channel, same domain), and a chain
 *     transaction that it decodes, checks and encodes itself. Never bytes.
 *   - Its limits are its own. What they count is on disk (signer_state.h)
 *     before the answer leaves, so a restart resets none of them.
 *   - It ends when the parent's end of the socket closes, however that came.
 *     Signals that a terminal sends to a whole group do not end it: the parent
 *     may still have promises to make while it shuts down.
 *
 * Format and rules: ledger/DESIGN.md, "Signer". Thread: main, before others.
 */
#ifndef LEDGER_SIGNER_H
#define LEDGER_SIGNER_H

#include "base/err.h"

#include <sys/types.h>

struct signer_proc {
	pid_t pid;
	int fd; /* the parent's end, close-on-exec, blocking */
};

/* Forks the signer. Call it before the first thread starts and before the
 * program opens what the child should not see; the child closes every
 * descriptor but its own. ERR_IO: no socket or no process. */
enum err_code signer_fork(struct signer_proc *out, struct err *e)
	__attribute__((warn_unused_result));

/* Closes the socket and waits for the child to end. Safe on a zeroed struct. */
void signer_stop(struct signer_proc *p);

/* The loop of the child: answers what comes in over fd until end of file. For
 * signer_fork() and for tests that play the parent. Returns the exit status. */
int signer_serve(int fd);

#endif
