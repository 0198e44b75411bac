/* stamps.h - how files looked when their bytes were known to be right, to
 * notice when another program changes them.
 *
 * Whoever reads a file says what it looks like then; the first difference is
 * remembered until stamps_take_changed(). Our own writes clear a stamp before
 * they begin. The time of change has the clock tick's grain (some ms): what
 * changes within the same one is not told apart.
 *
 * Thread: any.
 */
#ifndef STORAGE_STAMPS_H
#define STORAGE_STAMPS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct stamps;

/* For files 0 .. files - 1, none expected to look like anything. NULL: no
 * memory. */
struct stamps *stamps_new(uint32_t files);
void stamps_free(struct stamps *s); /* NULL is a no-op */

/* From now on it is expected to look so. */
void stamps_set(struct stamps *s, uint32_t file, uint64_t size,
		int64_t mtime_ns);
/* Nothing is expected of it; a change that was seen is forgotten. */
void stamps_clear(struct stamps *s, uint32_t file);
/* False: it looks otherwise than expected, is not in its directory any more, or
 * did so before and nobody took notice yet. */
bool stamps_same(struct stamps *s, uint32_t file, const struct stat *st);
/* True when stamps_same() was false; clears the stamp. */
bool stamps_take_changed(struct stamps *s, uint32_t file);

#endif
