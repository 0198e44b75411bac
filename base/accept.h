/* accept.h - who comes to a listening socket.
 *
 * Where there is no descriptor or memory left for a connection (EMFILE, ENFILE,
 * ENOBUFS, ENOMEM) the socket stays readable, and a loop that asked again at
 * once would do nothing else. So it is left alone for ACCEPT_PAUSE_MS; who
 * comes meanwhile waits in the kernel's queue.
 *
 * Ownership: the acceptor does not own the listening socket. Thread: the loop.
 */
#ifndef BASE_ACCEPT_H
#define BASE_ACCEPT_H

#include "base/loop.h"

#include <sys/socket.h>

#define ACCEPT_A_TURN 64 /* then others get their turn */
#define ACCEPT_PAUSE_MS 1000

struct acceptor;

struct accept_ops {
	/* Takes fd, which is non-blocking and closed by exec. */
	void (*came)(void *ctx, int fd, const struct sockaddr_storage *from,
		     socklen_t len);
	/* It is left alone now because of this errno; may be NULL. */
	void (*short_of)(void *ctx, int error);
};

/* NULL: no memory. `fd` is listening and non-blocking. */
struct acceptor *acceptor_new(struct loop *loop, int fd,
			      const struct accept_ops *ops, void *ctx);
void acceptor_free(struct acceptor *a);

#endif
