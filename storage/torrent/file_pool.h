/* file_pool.h - the descriptors that stay open, of all torrents' files; for
 * files.c and files_spans.c only. file_pool_new(), _free and _open stand in
 * files.h.
 *
 * Who uses one keeps it open, whatever happens to it meanwhile: it may be
 * replaced, or crowded out, and is closed by its last user then.
 * Thread: any.
 */
#ifndef STORAGE_FILE_POOL_H
#define STORAGE_FILE_POOL_H

#include <stdbool.h>
#include <stdint.h>

struct file_pool;
struct files;

/* An open descriptor. In the table while it may be found, on the LRU list while
 * in the table; closed when it is out of the table and nobody uses it. */
struct open_file {
	struct files *owner;
	uint32_t file;
	int fd;
	bool writable;
	/* tmpfs: no RWF_NOWAIT there, and no disk to wait for */
	bool in_memory;
	/* the pool's, under its lock */
	bool listed;
	unsigned users;
	struct open_file *hash_next;
	struct open_file *newer, *older;
};

/* The descriptor if it is open already (for writing, if asked); give it back
 * with file_pool_done(). NULL: it is not. */
struct open_file *file_pool_use(struct file_pool *p, struct files *f,
				uint32_t file, bool write);
void file_pool_done(struct file_pool *p, struct open_file *o);
/* Takes a new one, of one user; the one that it replaces leaves. */
void file_pool_publish(struct file_pool *p, struct open_file *o);
/* It is not of the file that counts from now on. */
void file_pool_forget(struct file_pool *p, const struct files *f,
		      uint32_t file);
/* One of these files', which is the caller's then; NULL: none is left. */
struct open_file *file_pool_take_any(struct file_pool *p,
				     const struct files *f);
/* NULL is a no-op. */
void open_file_close(struct open_file *o);

#endif
