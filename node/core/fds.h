/* fds.h - file descriptors: the first three, how many this process may have,
 * and how many connections these bear beside all else that needs one.
 */
#ifndef NODE_FDS_H
#define NODE_FDS_H

/* What may be open beside connections: files of torrents (128), requests to
 * trackers and web seeds (64 each), clients of the API (64), databases, UDP and
 * listening sockets, workers. */
#define FDS_RESERVED 400U

/* To be called first: what is closed of standard input, output and error is
 * opened so that using it fails. Else the next file that is opened is taken for
 * it, and a line of the log is written into a download. */
void fds_fill(void);

/* Raises the soft limit to the hard one; returns what holds then. */
unsigned fds_raise(void);

/* Of `want` connections those that fit: what FDS_RESERVED leaves, at least a
 * quarter of the limit, at least one. Pure. */
unsigned fds_peers(unsigned limit, unsigned want);

#endif
