/* written.h - which of a torrent's files is which on the disk, of those that
 * were opened to be written. Two paths of a torrent may be one file: where a
 * file system does not tell upper from lower case, or leaves dots off at the
 * end of names, or where somebody made links. Pieces of one would then destroy
 * those of the other, for ever.
 *
 * Memory: 24 bytes a file, to the next power of two and twice that. Not locked.
 */
#ifndef STORAGE_WRITTEN_H
#define STORAGE_WRITTEN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#define WRITTEN_NONE UINT32_MAX

struct written { /* all zeroes: empty */
	struct written_row *rows;
	uint32_t cap, count;
};

/* The file that was noted last with what st is of; WRITTEN_NONE: none. */
uint32_t written_find(const struct written *w, const struct stat *st);
/* From now on st is of this file. False: no memory. */
bool written_note(struct written *w, const struct stat *st, uint32_t file);
void written_clear(struct written *w);

#endif
