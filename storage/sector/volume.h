/* volume.h - one preallocated file of 1 MiB slots, in which sectors lie.
 *
 * The first MiB is the header: what this is, whose, and which (store and volume
 * names of 16 random bytes each), so that a wrong, swapped or copied file is
 * noticed before a byte is read from it or written to it. Slot s follows at
 * (s + 1) MiB. What a slot holds, only the index knows (sector_db.h); nothing
 * here is ever searched.
 *
 * Sizes: format in storage/DESIGN.md. Data goes past the page cache where the
 * file system can (O_DIRECT), so that a TiB written once does not push out what
 * is read often; buffers are therefore aligned to VOLUME_ALIGN.
 *
 * Thread: reading, writing and syncing from any, at the same time; opening,
 * resizing and closing from one at a time.
 */
#ifndef STORAGE_SECTOR_VOLUME_H
#define STORAGE_SECTOR_VOLUME_H

#include "base/err.h"
#include "storage/sector/tree.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct volume;

#define VOLUME_FILE "seedbank.volume" /* in the directory that was given */
#define VOLUME_MAX_SLOTS (1U << 24)   /* 16 TiB, the most that ext4 has */
#define VOLUME_ALIGN 4096U

struct volume_name {
	uint8_t store[16];  /* of the index that knows it */
	uint8_t volume[16]; /* its own */
};

/* Makes the file in `dir` with no slots; it survives a crash once this
 * returned. A file with the same names that is there already is fine (a crash
 * came before the index knew of it). ERR_STATE: no regular file is there.
 * ERR_IO; os EEXIST: another volume is there, or something else. */
__attribute__((warn_unused_result)) enum err_code
volume_create(const char *dir, const struct volume_name *name, struct err *e);
/* ERR_IO: cannot (os ENOENT: no file, is the disk mounted?). ERR_STATE: not
 * this volume, or another process has it. ERR_PARSE: no volume at all, its
 * header is damaged, or it is of a newer version. */
__attribute__((warn_unused_result)) enum err_code
volume_open(struct volume **out, const char *dir,
	    const struct volume_name *name, struct err *e);
void volume_close(struct volume *v); /* NULL is a no-op */
/* Deletes the file. ERR_IO. */
__attribute__((warn_unused_result)) enum err_code volume_remove(const char *dir,
								struct err *e);

/* Whole slots that the file is long enough for, as it is now. */
uint32_t volume_slots(const struct volume *v);
/* Takes or gives back space at the end, durable when it returned. `sparse`
 * takes no space (tests). ERR_IO, os ENOSPC: the disk is full; the file is as
 * long as it was. */
__attribute__((warn_unused_result)) enum err_code
volume_resize(struct volume *v, uint32_t slots, bool sparse, struct err *e);

/* Durable after the next volume_sync(). ERR_IO. */
__attribute__((warn_unused_result)) enum err_code
volume_write(struct volume *v, uint32_t slot, const uint8_t data[SECTOR_LEN],
	     struct err *e);
/* len bytes at offset of the slot, VOLUME_ALIGN multiples both. `cold`: from
 * the disk itself and not into the page cache. ERR_IO; os 0: the file ends
 * before. */
__attribute__((warn_unused_result)) enum err_code
volume_read(struct volume *v, uint32_t slot, uint32_t offset, uint8_t *buf,
	    uint32_t len, bool cold, struct err *e);
__attribute__((warn_unused_result)) enum err_code volume_sync(struct volume *v,
							      struct err *e);

/* A buffer for the two above. NULL when out of memory; free() gives it back. */
uint8_t *volume_buffer(size_t len);

#endif
