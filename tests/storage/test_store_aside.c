/* Files that are not wanted: what pieces share with those that are lies aside,
 * and moves when that changes. */
#include "tests/storage/rig.h"

#define A 0
#define EMPTY 1
#define B 2
#define C 3

static struct rng rng;

static void aside_path(const struct rig *r, char out[400], int file)
{
	char name[STORE_ASIDE_CAP];

	store_aside_name(name, &r->torrent->hash);
	if (file < 0)
		(void)snprintf(out, 400, "%s/%s", r->root, name);
	else
		(void)snprintf(out, 400, "%s/%s/%d", r->root, name, file);
}

static bool there(const char *path)
{
	return access(path, F_OK) == 0;
}

static bool is_aside(const struct rig *r, int file)
{
	char path[400];

	aside_path(r, path, file);
	return there(path);
}

static bool in_place(const struct rig *r, int file)
{
	char path[400];

	(void)snprintf(path, sizeof(path), "%s/%s", r->root,
		       r->torrent->files[file].path);
	return there(path);
}

/* Pieces 0 and 1 hold a, 1 also the start of b; 3 the end of b and all of c. */
static void make(struct rig_torrent *t)
{
	memset(t, 0, sizeof(*t));
	t->piece_len = 65536;
	rig_add_file(t, "a", 100000, false);
	rig_add_file(t, "empty", 0, false);
	rig_add_file(t, "b", 100000, false);
	rig_add_file(t, "d/c", 50000, false);
	rig_torrent_finish(t, 5);
	rng = rng_seeded(5);
}

static void want(struct rig_torrent *t, const char *wanted)
{
	for (uint32_t i = 0; i < t->file_count; i++)
		t->files[i].unwanted = wanted[i] != '1';
}

static void change(struct rig *r, const char *wanted)
{
	uint8_t bits[1] = {0};
	struct err e = {0};

	for (uint32_t i = 0; i < r->torrent->file_count; i++)
		bits[0] |= (uint8_t)((wanted[i] != '1') << i);
	/* the one before may be under way still */
	rig_until(r, store_set_unwanted(r->store, bits, &e) == ERR_NONE);
}

static void fetch(struct rig *r, const uint32_t *pieces, unsigned n)
{
	unsigned before = r->good;

	for (unsigned i = 0; i < n; i++)
		rig_write_piece(r, pieces[i], &rng, false);
	rig_until(r, r->good == before + n);
}

static void only_what_is_wanted_is_in_its_place(void)
{
	static const uint32_t of_a[] = {0, 1}, rest[] = {2, 3};
	struct rig_torrent t;
	struct rig r;
	struct span s;

	make(&t);
	want(&t, "1000");
	rig_home(&r);
	rig_start(&r, NULL);
	rig_open(&r, &t);
	fetch(&r, of_a, 2);
	CHECK(in_place(&r, A) && !in_place(&r, B) && is_aside(&r, B) &&
		      !is_aside(&r, C) && !in_place(&r, EMPTY) &&
		      !is_aside(&r, EMPTY),
	      "places");
	if (store_read(r.store, 1, 0, 16384, &s, 65536) == STORE_NOW) {
		CHECK(memcmp(s.p, t.data + 65536, 16384) == 0, "bytes");
		span_unref(&s);
	} else {
		rig_until(&r, r.read_ok == 1);
	}
	rig_stop(&r);

	rig_start(&r, NULL);
	rig_open(&r, &t); /* and all of that is known again */
	CHECK(rig_have(&r) == 2 && r.hashed_calls == 0 && r.notes == 0,
	      "have %u, hashed %u: %s", rig_have(&r), r.hashed_calls, r.note);
	change(&r, "1111");
	rig_until(&r, in_place(&r, B) && !is_aside(&r, -1));
	CHECK(r.lost == 0 && rig_have(&r) == 2, "lost %u", r.lost);
	fetch(&r, rest, 2);
	rig_stop(&r);
	CHECK(rig_files_equal(&r), "other files");
	rig_remove(&r);
	rig_torrent_clear(&t);
}

/* What is complete stays, what is not goes out of sight, and comes back. */
static void what_is_not_wanted_any_more_moves(void)
{
	static const uint32_t first[] = {0, 1}, rest[] = {2, 3};
	struct rig_torrent t;
	struct rig r;

	make(&t);
	rig_home(&r);
	rig_start(&r, NULL);
	rig_open(&r, &t);
	fetch(&r, first, 2);
	CHECK(in_place(&r, A) && in_place(&r, B), "places");
	change(&r, "0000");
	rig_until(&r, is_aside(&r, B));
	CHECK(in_place(&r, A) && !in_place(&r, B) && rig_have(&r) == 2,
	      "places");
	fetch(&r, rest, 2); /* asked for before the change */
	CHECK(is_aside(&r, C) && !in_place(&r, C), "written after it");
	change(&r, "1111");
	rig_until(&r, !is_aside(&r, -1));
	rig_stop(&r);
	CHECK(rig_files_equal(&r), "other files");
	rig_remove(&r);
	rig_torrent_clear(&t);
}

/* The programs ended between the wish and the move. */
static void a_move_that_was_cut_off_is_made_at_the_start(void)
{
	static const uint32_t of_a[] = {0, 1};
	struct rig_torrent t;
	struct rig r;

	make(&t);
	want(&t, "1000");
	rig_home(&r);
	rig_start(&r, NULL);
	rig_open(&r, &t);
	fetch(&r, of_a, 2);
	rig_stop(&r);
	want(&t, "1111");
	for (int read_only = 1; read_only >= 0; read_only--) {
		rig_start(&r, NULL);
		CHECK(rig_open_as(&r, &t,
				  (struct store_cfg){.read_only = read_only},
				  NULL) == ERR_NONE,
		      "open");
		rig_until(&r, r.ready);
		CHECK(rig_have(&r) == 2 && r.hashed_calls == 0 &&
			      is_aside(&r, B) == read_only &&
			      in_place(&r, B) != read_only,
		      "read only %d: have %u", read_only, rig_have(&r));
		rig_stop(&r);
	}
	CHECK(!is_aside(&r, -1), "the directory is left");
	rig_remove(&r);
	rig_torrent_clear(&t);
}

/* Nothing is written over: what stands there is the file, and is looked at. */
static void what_stands_there_is_not_replaced(void)
{
	static const uint32_t of_a[] = {0, 1};
	struct rig_torrent t;
	struct rig r;
	char path[400];
	int fd;

	make(&t);
	want(&t, "1000");
	rig_home(&r);
	rig_start(&r, NULL);
	rig_open(&r, &t);
	fetch(&r, of_a, 2);
	(void)snprintf(path, sizeof(path), "%s/b", r.root);
	fd = open(path, O_WRONLY | O_CREAT, 0666);
	CHECK(fd >= 0 && write(fd, "mine", 4) == 4, "write");
	(void)close(fd);
	change(&r, "1111");
	rig_until(&r, r.lost == 1);
	CHECK(r.notes == 1 && strstr(r.note, "b: is there already"), "%s",
	      r.note);
	CHECK(rig_have(&r) == 1, "have %u", rig_have(&r));
	rig_stop(&r);
	rig_remove(&r);
	rig_torrent_clear(&t);
}

static void no_change_before_it_is_ready(void)
{
	const uint8_t bits[1] = {0};
	struct rig_torrent t;
	struct rig r;

	make(&t);
	rig_home(&r);
	rig_start(&r, NULL);
	CHECK(rig_open_as(&r, &t, (struct store_cfg){0}, NULL) == ERR_NONE,
	      "open");
	CHECK(store_set_unwanted(r.store, bits, NULL) == ERR_STATE, "taken");
	rig_stop(&r);
	rig_start(&r, NULL);
	CHECK(rig_open_as(&r, &t, (struct store_cfg){.read_only = true},
			  NULL) == ERR_NONE,
	      "open");
	rig_until(&r, r.ready);
	CHECK(store_set_unwanted(r.store, bits, NULL) == ERR_STATE,
	      "read only");
	rig_stop(&r);
	rig_remove(&r);
	rig_torrent_clear(&t);
}

int main(void)
{
	only_what_is_wanted_is_in_its_place();
	what_is_not_wanted_any_more_moves();
	a_move_that_was_cut_off_is_made_at_the_start();
	what_stands_there_is_not_replaced();
	no_change_before_it_is_ready();
	return CHECK_EXIT();
}
