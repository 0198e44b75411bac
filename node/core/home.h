/* home.h - the directory where a node keeps what must outlive it.
 *
 * Layout (mode 0700):
 *   config        settings, `name = value` lines
 *   torrents.db   resume data, safe for several processes
 *   book.db       the double-entry book (one process at a time: wallet.lock)
 *   wallet.key    the sealed key file
 *   signer.state  what the signer must remember (last amounts, the day's sums)
 *   api.sock      the daemon's socket, while it runs
 *   sectors.db    the index of what a host keeps (one process: host.lock)
 *   daemon.lock, wallet.lock, host.lock   held by flock, with the holder's pid
 *   torrents.lock   one byte of it is locked for each torrent being written
 *
 * Found as --home, else $SEEDBANK_HOME, else $XDG_DATA_HOME/seedbank, else
 * ~/.seedbank. Thread: any; a value, owned by whoever opened it.
 */
#ifndef NODE_HOME_H
#define NODE_HOME_H

#include "base/err.h"

#define HOME_PATH_MAX 1024

struct home {
	char path[HOME_PATH_MAX - 64]; /* room for a file name behind it */
};

/* Picks the directory and makes it (0700) when it is not there. ERR_IO says
 * which path and what to do. `path` may be NULL. */
enum err_code home_open(struct home *h, const char *path, struct err *e);

/* h->path "/" name into out. */
void home_file(const struct home *h, const char *name, char out[HOME_PATH_MAX]);

/* Takes `name` exclusively; *fd is to be closed to give it back. ERR_STATE
 * names the pid of who has it. */
enum err_code home_lock(const struct home *h, const char *name, int *fd,
			struct err *e);

/* Claims the files at `path` (absolute) for writing, among all processes of
 * this home, until home_release() or the process ends. `fd` is torrents.lock as
 * home_claims_open() gives it: once in a process, for closing any descriptor of
 * it gives up all claims. ERR_STATE names the pid of who writes there. */
enum err_code home_claims_open(const struct home *h, int *fd, struct err *e);
enum err_code home_claim(int fd, const char *path, struct err *e);
void home_release(int fd, const char *path);

#endif
