/* fds.h - file descriptors: how many this process may have, and how many
 * connections these bear beside all else that needs one.
 */
#ifndef NODE_FDS_H
#define NODE_FDS_H

/* What may be open beside connections: files of torrents (128), requests to
 * trackers and web seeds (64 each), clients of the API (64), databases, UDP and
 * listening sockets, workers. */
#define FDS_RESERVED 400U

/* Raises the soft limit to the hard one; returns what holds then. */
unsigned fds_raise(void);

/* Of `want` connections those that fit: what FDS_RESERVED leaves, at least a
 * quarter of the limit, at least one. Pure. */
unsigned fds_peers(unsigned limit, unsigned want);

#endif
