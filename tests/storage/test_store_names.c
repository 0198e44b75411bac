/* Two paths of a torrent that are one file on the disk, as where a file system
 * does not tell upper from lower case. */
#include "storage/torrent/written.h"
#include "tests/storage/rig.h"

static void files_are_told_apart_by_what_they_are(void)
{
	struct written w = {0};
	struct stat st = {.st_dev = 1};

	st.st_ino = 5;
	CHECK(written_find(&w, &st) == WRITTEN_NONE, "empty");
	for (uint32_t i = 0; i < 1000; i++) {
		st.st_ino = 5 + i * 16;
		CHECK(written_find(&w, &st) == WRITTEN_NONE, "new: %u", i);
		CHECK(written_note(&w, &st, i), "noted");
	}
	for (uint32_t i = 0; i < 1000; i++) {
		st.st_ino = 5 + i * 16;
		CHECK(written_find(&w, &st) == i, "found: %u", i);
	}
	st.st_dev = 2;
	CHECK(written_find(&w, &st) == WRITTEN_NONE, "of another disk");
	st.st_dev = 1;
	CHECK(written_note(&w, &st, 7) && written_find(&w, &st) == 7,
	      "another file has its place now");
	written_clear(&w);
}

static void make(struct rig *r, struct rig_torrent *t)
{
	memset(t, 0, sizeof(*t));
	t->piece_len = 32768;
	rig_add_file(t, "dir/name", 65536, false);
	rig_add_file(t, "dir/NAME", 65536, false);
	rig_torrent_finish(t, 7);
	rig_home(r);
	rig_start(r, NULL);
	rig_open(r, t);
}

static void path_of(const struct rig *r, uint32_t file, char out[300])
{
	(void)snprintf(out, 300, "%s/%s", r->root,
		       r->torrent->files[file].path);
}

static void one_file_of_two_names_is_not_written(void)
{
	struct rng rng = rng_seeded(1);
	struct rig_torrent t;
	char a[300], b[300];
	struct rig r;

	make(&r, &t);
	rig_write_piece(&r, 0, &rng, false);
	rig_write_piece(&r, 1, &rng, false);
	rig_until(&r, r.good == 2);
	path_of(&r, 0, a);
	path_of(&r, 1, b);
	CHECK(link(a, b) == 0, "they are one");
	rig_write_piece(&r, 2, &rng, false);
	rig_until(&r, r.errors == 1);
	CHECK(strstr(r.err.msg, "name") && strstr(r.err.msg, "NAME") &&
		      strstr(r.err.msg, "one file"),
	      "%s", r.err.msg);
	CHECK(r.good == 2 && r.lost == 0, "what is there stays");
	/* the user sees to it */
	CHECK(unlink(b) == 0, "unlink");
	store_resume(r.store);
	rig_write_piece(&r, 3, &rng, false);
	rig_until(&r, r.good == 4);
	CHECK(rig_files_equal(&r), "all of it");
	rig_stop(&r);
	rig_remove(&r);
	rig_torrent_clear(&t);
}

/* Numbers of files that are gone are given to others. */
static void a_file_that_was_replaced_is_no_other(void)
{
	struct rng rng = rng_seeded(1);
	struct rig_torrent t;
	char a[300], b[300];
	struct rig r;

	make(&r, &t);
	rig_write_piece(&r, 0, &rng, false);
	rig_write_piece(&r, 1, &rng, false);
	rig_until(&r, r.good == 2);
	path_of(&r, 0, a);
	path_of(&r, 1, b);
	CHECK(rename(a, b) == 0, "what was the first is the second");
	rig_write_piece(&r, 2, &rng, false);
	rig_write_piece(&r, 3, &rng, false);
	rig_until(&r, r.good == 4);
	CHECK(r.errors == 0, "%s", r.err.msg);
	rig_stop(&r);
	rig_remove(&r);
	rig_torrent_clear(&t);
}

int main(void)
{
	files_are_told_apart_by_what_they_are();
	one_file_of_two_names_is_not_written();
	a_file_that_was_replaced_is_no_other();
	return CHECK_EXIT();
}
