/* files_int.h - the inside of struct files, for files*.c only.
 *
 * files.c        paths, opening, what others changed
 * files_flush.c  to the disk, one by one or all at once
 * files_spans.c  reading and writing
 * files_aside.c  what is not wanted
 * file_pool.c    the descriptors that stay open
 */
#ifndef STORAGE_FILES_INT_H
#define STORAGE_FILES_INT_H

#include "storage/torrent/file_pool.h"
#include "storage/torrent/files.h"
#include "storage/torrent/written.h"

#include <pthread.h>

struct files {
	struct file_pool *pool;
	const struct layout *layout;
	char *root;
	char *aside_name; /* NULL: none */
	bool read_only;
	bool preallocate;
	/* held for reading while a path is walked and opened, for writing
	 * while a file moves: nobody makes it anew where it was */
	pthread_rwlock_t moving;
	uint8_t *aside; /* bit per file, see files.h; NULL: none is */
	/* guards root_fd, root_users, fresh and written */
	pthread_mutex_t lock;
	int root_fd; /* -1: not open, as while nobody uses it */
	unsigned root_users;
	uint8_t *fresh; /* bit per file: made by us, directory not flushed */
	struct written written;
	struct stamps *stamps;
};

/* The root, to walk from; give it back with files_leave(). -1 with errno. */
int files_root(struct files *f, bool make);
void files_leave(struct files *f, int at);
/* The directory that holds `file` and, in name, the last component. Close with
 * files_leave(). -1 with errno. */
int files_enter(struct files *f, uint32_t file, bool make,
		char name[LAYOUT_MAX_COMPONENT + 1]);
/* From one directory, which is left, into another. -1 with errno. */
int files_step_into(struct files *f, int at, const char *name, bool make);
bool files_is_aside(const struct files *f, uint32_t file);
/* Its directory is to be flushed with it. */
void files_mark_fresh(struct files *f, uint32_t file);
/* Give it back with file_pool_done(). ERR_STATE: it is missing. */
enum err_code files_open(struct open_file **out, struct files *f, uint32_t file,
			 bool write, struct err *e);
/* ERR_IO with the file's name. */
enum err_code files_path_fail(const struct files *f, uint32_t file, int os,
			      struct err *e);

#endif
