/* copy_tree.h - a file, or a directory with all in it, copied to another file
 * system: what rename() does within one. Blocks: for a worker.
 *
 * Names are walked below descriptors and links are never followed. Kept are
 * modes (but set-user-id and the like), times and holes; links are made anew.
 * What is neither file, directory nor link is refused.
 */
#ifndef NODE_COPY_TREE_H
#define NODE_COPY_TREE_H

#include "base/err.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define COPY_TREE_DEPTH 64

struct copy_tree_watch {
	atomic_bool stop; /* set by others: enough */
	/* bytes that are copied, and that take up disk space in all */
	atomic_uint_least64_t done, total;
};

/* Copies `from` to `to`, which must not be there, and flushes it. ERR_IO: what
 * and why, also that there is no room for it, or that it changed meanwhile;
 * ERR_STATE: w->stop became true. Then nothing is left of the copy. */
__attribute__((warn_unused_result)) enum err_code
copy_tree(const char *from, const char *to, struct copy_tree_watch *w,
	  struct err *e);

/* Takes away of `from` what is in `to` as it is here (kind, size, time to two
 * seconds; where a link leads), and directories that are empty then. What has
 * come or changed since stays. */
void copy_tree_remove_source(const char *from, const char *to);

/* Takes all of it away. */
void copy_tree_remove(const char *path);

#endif
