/* A disk that fails: flushes that do not work, files that cannot be opened. */
#include "tests/storage/rig.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/syscall.h>

static atomic_bool flushes_fail;

/* In the place of the library's, for the recorder. SQLite's fails, too. */
int fdatasync(int fd)
{
	if (!flushes_fail)
		return (int)syscall(SYS_fdatasync, fd);
	errno = EIO;
	return -1;
}

static void make(struct rig_torrent *t)
{
	memset(t, 0, sizeof(*t));
	t->piece_len = 32768;
	rig_add_file(t, "dir/a", 65536, false);
	rig_add_file(t, "dir/b", 65536, false);
	rig_torrent_finish(t, 7);
}

/* What was not flushed counts as lost, though nothing is served any more. */
static void a_flush_may_fail_while_the_store_closes(void)
{
	struct rng rng = rng_seeded(1);
	struct rig_torrent t;
	struct rig r;

	make(&t);
	rig_home(&r);
	rig_start(&r, NULL);
	rig_open(&r, &t);
	rig_write_piece(&r, 0, &rng, false);
	rig_write_piece(&r, 2, &rng, false);
	rig_until(&r, r.good == 2);
	flushes_fail = true;
	rig_close(&r);
	flushes_fail = false;
	rig_open(&r, &t);
	CHECK(rig_have(&r) == 2 && r.hashed_calls > 0,
	      "%u pieces, found by hashing", rig_have(&r));
	rig_stop(&r);
	rig_remove(&r);
	rig_torrent_clear(&t);
}

/* Root may read what nobody may: the store is opened by somebody else. */
static void a_file_that_cannot_be_opened_is_named(void)
{
	struct rig_torrent t;
	char path[300];
	struct rig r;

	make(&t);
	rig_home(&r);
	rig_put_files(&r, &t);
	(void)snprintf(path, sizeof(path), "%s/dir/b", r.root);
	CHECK(chmod(path, 0) == 0 && chmod(r.dir, 0755) == 0, "mode");
	rig_start(&r, NULL);
	if (getuid() == 0)
		CHECK(seteuid(65534) == 0, "nobody");
	rig_open(&r, &t);
	if (getuid() == 0)
		CHECK(seteuid(0) == 0, "root");
	CHECK(rig_have(&r) == 2 && r.notes == 1 &&
		      strcmp(r.note, "cannot read: dir/b: Permission denied") ==
			      0,
	      "%u pieces, %u notes: %s", rig_have(&r), r.notes, r.note);
	rig_stop(&r);
	rig_remove(&r);
	rig_torrent_clear(&t);
}

int main(void)
{
	a_flush_may_fail_while_the_store_closes();
	a_file_that_cannot_be_opened_is_named();
	return CHECK_EXIT();
}
