#include "storage/torrent/store_int.h"
#include "tests/storage/rig.h"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

struct block {
	uint32_t piece, offset;
};

/* All blocks of the torrent in random order. */
static struct block *shuffled(const struct rig_torrent *t, struct rng *rng,
			      size_t *count)
{
	size_t n = 0;
	struct block *b =
		malloc((t->total / STORE_BLOCK + t->pieces + 1) * sizeof(*b));

	for (uint32_t p = 0; b && p < t->pieces; p++)
		for (uint32_t at = 0; at < rig_piece_size(t, p);
		     at += STORE_BLOCK)
			b[n++] = (struct block){p, at};
	for (size_t i = n; b && i > 1; i--) {
		size_t k = rng_below(rng, (uint32_t)i);
		struct block swap = b[k];

		b[k] = b[i - 1];
		b[i - 1] = swap;
	}
	*count = n;
	return b;
}

static void write_shuffled(struct rig *r, struct rng *rng, unsigned corrupt)
{
	struct rig_torrent *t = r->torrent;
	/* what is there is skipped: at first nothing but padding */
	uint32_t done = rig_have(r) - r->good - r->bad;
	size_t count, len;
	struct block *b = shuffled(t, rng, &count);

	for (size_t i = 0; b && i < count; i++) {
		bool bad = corrupt && b[i].offset == 0 &&
			   b[i].piece % corrupt == 0;

		if (bits_get(store_have(r->store, &len), b[i].piece))
			continue;
		CHECK(rig_write(r, b[i].piece, b[i].offset, rng, bad) ==
			      ERR_NONE,
		      "block");
		if (r->blocked)
			rig_until(r, !r->blocked);
	}
	free(b);
	rig_until(r, done + r->good + r->bad == t->pieces);
}

static void read_random(struct rig *r, struct rng *rng, unsigned count)
{
	struct rig_torrent *t = r->torrent;
	unsigned later = 0, now = 0;

	r->read_ok = r->read_failed = 0;
	for (unsigned i = 0; i < count; i++) {
		uint32_t piece = rng_below(rng, t->pieces);
		uint32_t size = rig_piece_size(t, piece), offset, len;
		uint64_t at;
		struct span s;

		offset = rng_below(rng, size);
		if (i % 2)
			offset = offset / STORE_BLOCK * STORE_BLOCK;
		len = 1 + rng_below(rng, size - offset);
		if (len > STORE_BLOCK)
			len = STORE_BLOCK;
		if (i == count / 2) /* from here on the files are open */
			rig_until(r, r->read_ok + r->read_failed == later);
		at = (uint64_t)piece * t->piece_len + offset;
		switch (store_read(r->store, piece, offset, len, &s, at)) {
		case STORE_NOW:
			now++;
			CHECK(s.len == len && !memcmp(s.p, t->data + at, len),
			      "bytes at %llu", (unsigned long long)at);
			span_unref(&s);
			break;
		case STORE_LATER:
			later++;
			break;
		case STORE_FAILED:
			CHECK(false, "failed");
			break;
		}
	}
	rig_until(r, r->read_ok + r->read_failed == later);
	CHECK(r->read_failed == 0 && !r->wrong_bytes, "late answers");
	CHECK(now > 0, "some were at hand");
}

/* Nothing of the piece is on the disk. */
static bool is_pad(const struct rig_torrent *t, uint32_t piece)
{
	uint64_t from = (uint64_t)piece * t->piece_len, at = 0;
	uint64_t to = from + rig_piece_size(t, piece);

	for (uint32_t i = 0; i < t->file_count; i++) {
		uint64_t end = at + t->files[i].length;

		if (!t->files[i].pad && at < to && end > from && at < end)
			return false;
		at = end;
	}
	return true;
}

static uint32_t pad_pieces(const struct rig_torrent *t)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < t->pieces; i++)
		n += is_pad(t, i);
	return n;
}

static void random_layouts_come_back_byte_for_byte(void)
{
	for (uint64_t seed = 1; seed <= 12; seed++) {
		struct rng rng = rng_seeded(seed);
		struct rig_torrent t;
		struct rig r;
		unsigned corrupt = seed % 3 == 0 ? 3 : 0;

		rig_torrent_random(&t, seed);
		rig_home(&r);
		rig_start(&r, NULL);
		rig_open(&r, &t);
		CHECK(rig_have(&r) == pad_pieces(&t), "fresh");
		write_shuffled(&r, &rng, corrupt);
		for (uint32_t p = 0; corrupt && p < t.pieces; p += corrupt) {
			if (r.verdicts[p] == 2)
				rig_write_piece(&r, p, &rng, false);
			else
				CHECK(is_pad(&t, p), "piece %u passed", p);
		}
		rig_until(&r, rig_have(&r) == t.pieces);
		CHECK(rig_files_equal(&r), "seed %d", (int)seed);
		read_random(&r, &rng, 300);
		store_add_totals(r.store, 7, 9);
		rig_close(&r);
		rig_open(&r, &t);
		CHECK(rig_have(&r) == t.pieces, "trusted after a restart");
		CHECK(r.hashed_calls == 0 && r.notes == 0, "without hashing");
		read_random(&r, &rng, 50);
		rig_stop(&r);
		CHECK(rig_files_equal(&r), "untouched");
		rig_remove(&r);
		rig_torrent_clear(&t);
	}
}

static void one_piece_torrent(struct rig_torrent *t, const char *path)
{
	memset(t, 0, sizeof(*t));
	t->piece_len = 32768;
	rig_add_file(t, path, 40000, false);
	rig_torrent_finish(t, 5);
}

static void paths_out_of_the_root_are_refused(void)
{
	static const struct {
		const char *path, *name;
		bool ok;
	} rows[] = {
		{"a/b c/d", NULL, true}, {"..a/.b/c..", "n", true},
		{"", NULL, false},	 {"/etc/x", NULL, false},
		{"..", NULL, false},	 {"../x", NULL, false},
		{"a/../x", NULL, false}, {"a/..", NULL, false},
		{".", NULL, false},	 {"a/./b", NULL, false},
		{"a//b", NULL, false},	 {"a/", NULL, false},
		{"x", "..", false},	 {"x", "a/b", false},
		{"x", "", false},	 {"x", "/tmp", false},
	};
	struct rig r;

	rig_home(&r);
	rig_start(&r, NULL);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct rig_torrent t;
		struct err e = {0};
		enum err_code code;

		one_piece_torrent(&t, rows[i].path);
		code = rig_open_as(
			&r, &t, (struct store_cfg){.name = rows[i].name}, &e);
		CHECK(code == (rows[i].ok ? ERR_NONE : ERR_PARSE), "'%s' '%s'",
		      rows[i].path, rows[i].name ? rows[i].name : "");
		if (code == ERR_NONE)
			rig_close(&r);
		rig_torrent_clear(&t);
	}
	rig_stop(&r);
	rig_remove(&r);
}

static void sizes_that_do_not_fit_are_refused(void)
{
	static const struct {
		const char *name;
		uint32_t piece_len, pieces, files;
	} rows[] = {
		{"no files", 32768, 2, 0},
		{"too few pieces", 32768, 1, 1},
		{"too many pieces", 32768, 3, 1},
		{"no pieces", 32768, 0, 1},
		{"tiny pieces", 512, 79, 1},
		{"huge pieces", STORE_MAX_PIECE + 1, 1, 1},
		{"length zero", 0, 1, 1},
	};
	struct rig_torrent t;
	struct rig r;

	one_piece_torrent(&t, "f");
	rig_home(&r);
	rig_start(&r, NULL);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct rig_torrent odd = t;

		odd.piece_len = rows[i].piece_len;
		odd.pieces = rows[i].pieces;
		odd.file_count = rows[i].files;
		CHECK(rig_open_as(&r, &odd, (struct store_cfg){0}, NULL) ==
			      ERR_LIMIT,
		      "%s", rows[i].name);
	}
	rig_stop(&r);
	rig_remove(&r);
	rig_torrent_clear(&t);
}

/* A link in the place of a directory or of a file is never followed, neither
 * for writing nor for reading. */
static void links_are_not_followed(void)
{
	static const struct {
		const char *name, *link, *target;
	} rows[] = {
		{"a directory that is a link", "sub", "outside"},
		{"a file that is a link", "sub/f", "outside/f"},
		{"a link that leads nowhere", "sub/f", "outside/new"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct rng rng = rng_seeded(1);
		struct rig_torrent t;
		struct stat st;
		struct rig r;
		char path[300], target[300];

		one_piece_torrent(&t, "sub/f");
		rig_home(&r);
		rig_start(&r, NULL);
		(void)snprintf(target, sizeof(target), "%s/outside", r.dir);
		CHECK(mkdir(r.root, 0700) == 0 && mkdir(target, 0700) == 0,
		      "directories");
		(void)snprintf(target, sizeof(target), "%s/outside/f", r.dir);
		CHECK(close(open(target, O_CREAT | O_WRONLY, 0600)) == 0, "f");
		(void)snprintf(path, sizeof(path), "%s/sub", r.root);
		if (strchr(rows[i].link, '/'))
			CHECK(mkdir(path, 0700) == 0, "sub");
		(void)snprintf(path, sizeof(path), "%s/%s", r.root,
			       rows[i].link);
		(void)snprintf(target, sizeof(target), "%s/%s", r.dir,
			       rows[i].target);
		CHECK(symlink(target, path) == 0, "link");
		rig_open(&r, &t);
		rig_write_piece(&r, 0, &rng, false);
		rig_until(&r, r.errors > 0);
		CHECK(r.err.code == ERR_IO && store_is_paused(r.store), "%s",
		      rows[i].name);
		(void)snprintf(target, sizeof(target), "%s/outside/f", r.dir);
		CHECK(stat(target, &st) == 0 && st.st_size == 0, "%s: written",
		      rows[i].name);
		(void)snprintf(target, sizeof(target), "%s/outside/new", r.dir);
		CHECK(stat(target, &st) != 0, "%s: made", rows[i].name);
		rig_stop(&r);
		rig_remove(&r);
		rig_torrent_clear(&t);
	}
}

static void a_fifo_in_the_place_of_a_file_does_not_stop_us(void)
{
	struct rng rng = rng_seeded(1);
	struct rig_torrent t;
	struct rig r;
	char path[300];

	one_piece_torrent(&t, "f");
	rig_home(&r);
	rig_start(&r, NULL);
	(void)snprintf(path, sizeof(path), "%s/f", r.root);
	CHECK(mkdir(r.root, 0700) == 0 && mkfifo(path, 0600) == 0, "fifo");
	rig_open(&r, &t);
	CHECK(rig_have(&r) == 0, "nothing");
	rig_write_piece(&r, 0, &rng, false);
	rig_until(&r, r.errors > 0);
	CHECK(strstr(r.err.msg, "regular") != NULL, "%s", r.err.msg);
	rig_stop(&r);
	rig_remove(&r);
	rig_torrent_clear(&t);
}

/* --- opening over files that changed --- */

static void three_files(struct rig_torrent *t)
{
	memset(t, 0, sizeof(*t));
	t->piece_len = 65536;
	rig_add_file(t, "a", 5 * 65536, false);
	rig_add_file(t, "d/b", 5 * 65536, false);
	rig_add_file(t, "c", 5 * 65536 + 1000, false);
	rig_torrent_finish(t, 77);
}

static void no_change(const char *path)
{
	(void)path;
}

static void touch(const char *path)
{
	struct timespec ts[2] = {{1000, 0}, {1000, 0}};

	CHECK(utimensat(AT_FDCWD, path, ts, 0) == 0, "touch");
}

static void cut(const char *path)
{
	CHECK(truncate(path, 2 * 65536 + 100) == 0, "cut");
}

static void take_away(const char *path)
{
	CHECK(unlink(path) == 0, "unlink");
}

static void scribble(const char *path)
{
	int fd = open(path, O_WRONLY);

	CHECK(pwrite(fd, "scribble", 8, 65536 + 5) == 8, "write");
	(void)close(fd);
}

static void lengthen(const char *path)
{
	int fd = open(path, O_WRONLY | O_APPEND);

	CHECK(write(fd, "more", 4) == 4, "write");
	(void)close(fd);
}

static void only_pieces_of_changed_files_are_checked_again(void)
{
	static const struct {
		const char *name;
		void (*change)(const char *path);
		uint32_t have; /* of 16 */
		bool hashes, notes;
	} rows[] = {
		{"nothing changed", no_change, 16, false, false},
		{"only the time changed", touch, 16, true, true},
		{"a file was cut", cut, 13, true, true},
		{"a file is gone", take_away, 11, false, true},
		{"bytes changed", scribble, 15, true, true},
		{"a file grew", lengthen, 16, true, true},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct rig_torrent t;
		struct rng rng = rng_seeded(i);
		struct rig r;
		char path[300];

		three_files(&t);
		rig_home(&r);
		rig_start(&r, NULL);
		rig_open(&r, &t);
		write_shuffled(&r, &rng, 0);
		rig_close(&r);
		(void)snprintf(path, sizeof(path), "%s/d/b", r.root);
		rows[i].change(path);
		rig_open(&r, &t);
		CHECK(rig_have(&r) == rows[i].have, "%s: %u", rows[i].name,
		      rig_have(&r));
		CHECK((r.hashed_calls > 0) == rows[i].hashes, "%s",
		      rows[i].name);
		CHECK((r.notes > 0) == rows[i].notes, "%s: %s", rows[i].name,
		      r.note);
		rig_close(&r);
		rig_open(&r, &t); /* settled: the second time is quiet */
		CHECK(rig_have(&r) == rows[i].have && r.notes == 0 &&
			      r.hashed_calls == 0,
		      "%s, once more: %s", rows[i].name, r.note);
		for (uint32_t p = 0; p < t.pieces; p++) {
			size_t len;

			if (!bits_get(store_have(r.store, &len), p))
				rig_write_piece(&r, p, &rng, false);
		}
		rig_until(&r, rig_have(&r) == t.pieces);
		CHECK(rows[i].change == lengthen || rig_files_equal(&r),
		      "%s: mended", rows[i].name);
		rig_stop(&r);
		rig_remove(&r);
		rig_torrent_clear(&t);
	}
}

static void a_file_that_is_too_long_is_cut_by_the_first_write(void)
{
	struct rng rng = rng_seeded(1);
	struct rig_torrent t;
	struct rig r;
	char path[300];

	three_files(&t);
	rig_home(&r);
	rig_put_files(&r, &t);
	(void)snprintf(path, sizeof(path), "%s/d/b", r.root);
	lengthen(path);
	scribble(path);
	rig_start(&r, NULL);
	rig_open(&r, &t);
	CHECK(rig_have(&r) == 15, "%u", rig_have(&r));
	rig_write_piece(&r, 6, &rng, false);
	rig_until(&r, r.good == 1);
	CHECK(rig_files_equal(&r), "cut");
	rig_stop(&r);
	rig_remove(&r);
	rig_torrent_clear(&t);
}

static void files_without_a_record_are_checked(void)
{
	struct rig_torrent t;
	struct rng rng = rng_seeded(3);
	struct rig r;
	char path[300];

	three_files(&t);
	rig_home(&r);
	rig_put_files(&r, &t);
	(void)snprintf(path, sizeof(path), "%s/a", r.root);
	scribble(path);
	rig_start(&r, NULL);
	CHECK(rig_open_as(&r, &t, (struct store_cfg){.read_only = true},
			  NULL) == ERR_NONE,
	      "open");
	rig_until(&r, r.ready);
	CHECK(rig_have(&r) == 15 && r.hashed_calls > 0, "%u", rig_have(&r));
	CHECK(rig_write(&r, 1, 0, &rng, false) == ERR_STATE, "read only");
	rig_close(&r);
	rig_open(&r, &t);
	CHECK(rig_have(&r) == 15 && r.hashed_calls == 0, "recorded by it");
	rig_stop(&r);
	rig_remove(&r);
	rig_torrent_clear(&t);
}

/* The disk is not mounted: what was known stays known. */
static void a_missing_root_does_not_cost_the_record(void)
{
	struct rig_torrent t;
	struct rig r;
	char away[200];

	three_files(&t);
	rig_home(&r);
	rig_put_files(&r, &t);
	rig_start(&r, NULL);
	rig_open(&r, &t);
	CHECK(rig_have(&r) == 16, "checked");
	rig_close(&r);
	(void)snprintf(away, sizeof(away), "%s/away", r.dir);
	CHECK(rename(r.root, away) == 0, "away");
	rig_open(&r, &t);
	CHECK(rig_have(&r) == 0 && strstr(r.note, "mounted"), "%s", r.note);
	store_add_totals(r.store, 5, 0);
	rig_close(&r);
	CHECK(rename(away, r.root) == 0, "back");
	rig_open(&r, &t);
	CHECK(rig_have(&r) == 16 && r.hashed_calls == 0, "still trusted");
	rig_stop(&r);
	rig_remove(&r);
	rig_torrent_clear(&t);
}

/* --- trouble while running --- */

static void set_file_limit(rlim_t bytes)
{
	struct rlimit lim;

	(void)getrlimit(RLIMIT_FSIZE, &lim);
	lim.rlim_cur = bytes;
	CHECK(setrlimit(RLIMIT_FSIZE, &lim) == 0, "limit");
}

/* A limit on file sizes fails writes as a full disk does. */
static void a_full_disk_pauses_and_nothing_is_lost(void)
{
	struct rig_torrent t;
	struct rng rng = rng_seeded(4);
	struct rig r;

	memset(&t, 0, sizeof(t));
	t.piece_len = 131072;
	rig_add_file(&t, "big", 20 * 131072 + 5, false);
	rig_torrent_finish(&t, 4);
	rig_home(&r);
	rig_start(&r, NULL);
	rig_open(&r, &t);
	for (uint32_t p = 0; p < 4; p++)
		rig_write_piece(&r, p, &rng, false);
	rig_until(&r, r.good == 4);
	set_file_limit(6 * 131072 + 70000);
	for (uint32_t p = 4; p < t.pieces; p++)
		rig_write_piece(&r, p, &rng, false);
	rig_until(&r, r.errors > 0);
	CHECK(r.err.code == ERR_IO && r.err.os == EFBIG, "%s", r.err.msg);
	CHECK(r.blocked && store_is_paused(r.store), "paused");
	store_resume(r.store); /* it is still full */
	rig_until(&r, r.errors == 2);
	set_file_limit(RLIM_INFINITY);
	store_resume(r.store);
	rig_until(&r, r.good == t.pieces);
	CHECK(r.errors == 2 && r.bad == 0 && !r.blocked, "once per pause");
	CHECK(rig_files_equal(&r), "whole");
	rig_stop(&r);
	rig_remove(&r);
	rig_torrent_clear(&t);
}

/* A real one, where we may mount: two MiB of tmpfs, enlarged later. */
static void a_full_tmpfs_pauses_and_goes_on(void)
{
	struct rig_torrent t;
	struct rng rng = rng_seeded(4);
	struct rig r;

	if (unshare(CLONE_NEWNS) != 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
		(void)fprintf(stderr, "no mounts here: not tested\n");
		return;
	}
	memset(&t, 0, sizeof(t));
	t.piece_len = 262144;
	rig_add_file(&t, "a", 1 << 20, false);
	rig_add_file(&t, "b", 2 << 20, false);
	rig_torrent_finish(&t, 41);
	rig_home(&r);
	CHECK(mkdir(r.root, 0700) == 0 &&
		      mount("tmpfs", r.root, "tmpfs", 0, "size=2m") == 0,
	      "mount");
	rig_start(&r, NULL);
	rig_open(&r, &t);
	for (uint32_t p = 0; p < t.pieces; p++)
		rig_write_piece(&r, p, &rng, false);
	rig_until(&r, r.errors > 0);
	CHECK(r.err.code == ERR_IO && r.err.os == ENOSPC, "%s", r.err.msg);
	CHECK(mount("tmpfs", r.root, "tmpfs", MS_REMOUNT, "size=16m") == 0,
	      "remount");
	store_resume(r.store);
	rig_until(&r, r.good == t.pieces);
	CHECK(r.bad == 0 && rig_files_equal(&r), "whole");
	rig_stop(&r);
	CHECK(umount(r.root) == 0, "umount");
	rig_remove(&r);
	rig_torrent_clear(&t);
}

static void closing_while_paused_gives_up_and_forgets_nothing_good(void)
{
	struct rig_torrent t;
	struct rng rng = rng_seeded(4);
	struct rig r;

	three_files(&t);
	rig_home(&r);
	rig_start(&r, NULL);
	rig_open(&r, &t);
	for (uint32_t p = 0; p < 5; p++)
		rig_write_piece(&r, p, &rng, false);
	rig_until(&r, r.good == 5);
	set_file_limit(65536 + 10);
	for (uint32_t p = 5; p < 10; p++)
		rig_write_piece(&r, p, &rng, false);
	rig_until(&r, r.errors > 0);
	rig_close(&r);
	set_file_limit(RLIM_INFINITY);
	rig_open(&r, &t);
	CHECK(rig_have(&r) >= 5, "%u", rig_have(&r));
	rig_stop(&r);
	rig_remove(&r);
	rig_torrent_clear(&t);
}

static bool settled(const struct rig *r)
{
	return !r->store->check && !r->store->suspect;
}

/* Pieces whose record is made: what changes later is noticed. */
static uint32_t saved(const struct rig *r)
{
	struct store_stats stats;

	store_stats_get(r->store, &stats);
	return stats.saved;
}

/* While what was changed is hashed again, nothing of it is served. */
static void doubt_is_not_served(struct rig *r)
{
	struct span s;

	for (uint32_t p = 5; p < 10; p++)
		CHECK(store_read(r->store, p, 0, 16384, &s, 1) == STORE_FAILED,
		      "piece %u is in doubt", p);
	CHECK(store_read(r->store, 4, 0, 16384, &s, 1) == STORE_NOW,
	      "another file's is not");
	span_unref(&s);
}

/* By a program that is not us, and looked at by a read of a good piece. */
static void a_file_that_changes_is_noticed_by_reads(void)
{
	static const struct {
		const char *name;
		void (*change)(const char *path);
		unsigned lost;
	} rows[] = {
		{"touched", touch, 0},	   {"bytes changed", scribble, 1},
		{"grown", lengthen, 0},	   {"cut", cut, 3},
		{"removed", take_away, 5},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct rig_torrent t;
		struct span s;
		struct rig r;
		char path[300];

		three_files(&t);
		rig_home(&r);
		rig_put_files(&r, &t);
		rig_start(&r, NULL);
		rig_open(&r, &t);
		r.on_read_failed = doubt_is_not_served;
		/* opens it */
		if (store_read(r.store, 5, 0, 16384, &s, 5 * 65536) ==
		    STORE_NOW)
			span_unref(&s);
		else
			rig_until(&r, r.read_ok == 1);
		(void)snprintf(path, sizeof(path), "%s/d/b", r.root);
		rig_until(&r, saved(&r) == 16);
		rows[i].change(path);
		CHECK(store_read(r.store, 9, 0, 16384, &s, 0) == STORE_LATER,
		      "%s: a worker looks", rows[i].name);
		rig_until(&r, r.read_failed == 1 && settled(&r));
		CHECK(r.lost == rows[i].lost && r.notes == 1,
		      "%s: %u lost, %u notes", rows[i].name, r.lost, r.notes);
		CHECK(strstr(r.note, "cannot read: d/b: "), "%s", r.note);
		r.on_read_failed = NULL;
		r.notes = 0;
		if (rows[i].lost < 3) { /* the rest is served again */
			CHECK(store_read(r.store, 8, 0, 16384, &s, 0) ==
				      STORE_NOW,
			      "%s: served", rows[i].name);
			span_unref(&s);
		}
		rig_close(&r);
		rig_open(&r, &t); /* and was recorded as it is now */
		CHECK(rig_have(&r) == 16 - rows[i].lost &&
			      r.hashed_calls == 0 && r.notes == 0,
		      "%s, again: %s", rows[i].name, r.note);
		rig_stop(&r);
		rig_remove(&r);
		rig_torrent_clear(&t);
	}
}

/* BEP 47: those that we make, and only those. */
static void files_are_executable_where_the_torrent_says_so(void)
{
	static const struct {
		const char *name;
		bool executable, there;
		mode_t want;
	} files[] = {
		{"run", true, false, 0750},
		{"text", false, false, 0640},
		{"kept", true, true, 0600},
	};
	struct rng rng = rng_seeded(1);
	mode_t mask = umask(0027);
	struct rig_torrent t = {.piece_len = 65536};
	struct rig r;
	char path[300];

	rig_home(&r);
	CHECK(mkdir(r.root, 0700) == 0, "%s", r.root);
	for (uint32_t i = 0; i < ROWS(files); i++) {
		rig_add_file(&t, files[i].name, 65536, false);
		t.files[i].executable = files[i].executable;
		(void)snprintf(path, sizeof(path), "%s/%s", r.root,
			       files[i].name);
		if (files[i].there)
			(void)close(open(path, O_WRONLY | O_CREAT, 0600));
	}
	rig_add_file(&t, ".pad/5", 5, true);
	t.files[3].executable = true;
	rig_torrent_finish(&t, 5);
	rig_start(&r, NULL);
	rig_open(&r, &t);
	for (uint32_t p = 0; p < ROWS(files); p++)
		rig_write_piece(&r, p, &rng, false);
	rig_until(&r, rig_have(&r) == t.pieces);
	for (uint32_t i = 0; i < ROWS(files); i++) {
		struct stat st = {0};

		(void)snprintf(path, sizeof(path), "%s/%s", r.root,
			       files[i].name);
		CHECK(stat(path, &st) == 0 &&
			      (st.st_mode & 0777) == files[i].want,
		      "%s: %o", path, st.st_mode);
	}
	(void)snprintf(path, sizeof(path), "%s/.pad", r.root);
	CHECK(access(path, F_OK) != 0, "pads are never on the disk");
	rig_stop(&r);
	rig_remove(&r);
	rig_torrent_clear(&t);
	(void)umask(mask);
}

/* A clock that is too coarse, or a program that sets times back. */
static void scribble_unseen(const char *path)
{
	struct timespec times[2];
	struct stat st;

	CHECK(stat(path, &st) == 0, "%s", path);
	scribble(path);
	times[0] = times[1] = st.st_mtim;
	CHECK(utimensat(AT_FDCWD, path, times, 0) == 0, "%s", path);
}

/* Bytes that were read while they were bad are not served when they are good.
 */
static void a_bad_piece_leaves_the_cache(struct rig *r, const char *path)
{
	struct rng rng = rng_seeded(1);
	struct span s;

	/* settle what the changes before it left, recorded by now or not */
	rig_until(r, saved(r) == 16);
	touch(path);
	CHECK(store_read(r->store, 6, 0, 16384, &s, 0) == STORE_LATER, "look");
	rig_until(r, r->read_failed > 0 && settled(r));
	scribble_unseen(path);
	CHECK(store_read(r->store, 6, 0, 16384, &s, 0) == STORE_NOW &&
		      memcmp(s.p + 5, "scribble", 8) == 0,
	      "as it is on the disk");
	span_unref(&s);
	r->verified = false;
	CHECK(store_verify(r->store, rig_verified, r, NULL) == ERR_NONE, "go");
	rig_until(r, r->verified);
	CHECK(rig_have(r) == 15, "lost");
	r->good = 0;
	rig_write_piece(r, 6, &rng, false);
	rig_until(r, r->good == 1);
	CHECK(store_read(r->store, 6, 0, 16384, &s, 0) == STORE_NOW &&
		      memcmp(s.p, r->torrent->data + 6 * 65536, 16384) == 0,
	      "as it was written");
	span_unref(&s);
}

static void verify_finds_what_changed(void)
{
	struct rig_torrent t;
	struct rig r;
	char path[300];
	int fd;

	three_files(&t);
	rig_home(&r);
	rig_put_files(&r, &t);
	rig_start(&r, NULL);
	rig_open(&r, &t);
	(void)snprintf(path, sizeof(path), "%s/d/b", r.root);
	scribble(path);
	CHECK(store_verify(r.store, rig_verified, &r, NULL) == ERR_NONE, "go");
	CHECK(store_verify(r.store, rig_verified, &r, NULL) == ERR_STATE,
	      "one at a time");
	rig_until(&r, r.verified);
	CHECK(r.verify_whole && r.lost == 1 && rig_have(&r) == 15, "lost %u",
	      r.lost);
	fd = open(path, O_WRONLY);
	CHECK(pwrite(fd, t.data + 6 * 65536 + 5, 8, 65536 + 5) == 8, "mend");
	(void)close(fd);
	r.verified = false;
	CHECK(store_verify(r.store, rig_verified, &r, NULL) == ERR_NONE, "go");
	rig_until(&r, r.verified);
	CHECK(r.found == 1 && rig_have(&r) == 16, "found %u", r.found);
	a_bad_piece_leaves_the_cache(&r, path);
	r.verified = false;
	CHECK(store_verify(r.store, rig_verified, &r, NULL) == ERR_NONE, "go");
	store_verify_cancel(r.store);
	rig_until(&r, r.verified);
	CHECK(!r.verify_whole && rig_have(&r) == 16, "cancelled");
	CHECK(store_verify(r.store, rig_verified, &r, NULL) == ERR_NONE, "go");
	r.verified = false;
	rig_close(&r);
	CHECK(r.verified && !r.verify_whole, "closed meanwhile");
	rig_stop(&r);
	rig_remove(&r);
	rig_torrent_clear(&t);
}

static void mark_closed(void *ctx)
{
	*(bool *)ctx = true;
}

/* Who waited for its end may be gone before. */
static void another_may_be_told_of_the_end(void)
{
	struct rng rng = rng_seeded(22);
	struct rig_torrent t;
	struct rig r;
	bool first = false;

	three_files(&t);
	rig_home(&r);
	rig_start(&r, NULL);
	rig_open(&r, &t);
	rig_write_piece(&r, 0, &rng, false);
	store_close(r.store, mark_closed, &first);
	rig_close(&r);
	CHECK(r.closed && !first, "the first was told");
	rig_stop(&r);
	rig_remove(&r);
	rig_torrent_clear(&t);
}

/* --- data path --- */

/* Without hashes it reads; it asks for them when it writes or checks. */
static void a_store_at_rest_asks_for_its_hashes(void)
{
	struct rng rng = rng_seeded(21);
	struct rig_torrent t;
	struct span s;
	char path[200];
	struct rig r;

	three_files(&t);
	rig_home(&r);
	rig_start(&r, NULL);
	rig_open(&r, &t);
	CHECK(store_rest(r.store) && r.recalls == 0, "nothing is written");
	rig_write_piece(&r, 0, &rng, false);
	CHECK(r.recalls == 1, "%u recalls for a piece", r.recalls);
	CHECK(!store_rest(r.store), "while it writes");
	rig_until(&r, r.good == 1);
	CHECK(store_rest(r.store), "written");
	write_shuffled(&r, &rng, 0);
	CHECK(r.recalls == 2, "%u recalls", r.recalls);
	CHECK(store_rest(r.store) && store_rest(r.store), "complete");
	read_random(&r, &rng, 200);
	CHECK(r.recalls == 2, "reads need none");

	CHECK(store_verify(r.store, rig_verified, &r, NULL) == ERR_NONE, "go");
	CHECK(r.recalls == 3 && !store_rest(r.store), "while it checks");
	rig_until(&r, r.verified);
	CHECK(r.verify_whole && r.lost == 0, "%u lost", r.lost);
	CHECK(store_rest(r.store), "checked");

	/* another program changes a file: a read has it checked */
	rig_close(&r);
	rig_open(&r, &t);
	CHECK(store_rest(r.store), "opened");
	(void)snprintf(path, sizeof(path), "%s/d/b", r.root);
	scribble(path);
	r.read_failed = 0;
	CHECK(store_read(r.store, 9, 0, 16384, &s, 0) == STORE_LATER, "looks");
	rig_until(&r, r.read_failed == 1 && settled(&r));
	CHECK(r.lost == 1 && r.recalls == 4, "%u lost, %u recalls", r.lost,
	      r.recalls);
	CHECK(store_rest(r.store), "though a piece is missing");

	r.recall = ERR_DB;
	CHECK(store_verify(r.store, rig_verified, &r, NULL) == ERR_DB,
	      "what cannot be had is said");
	CHECK(r.errors == 0, "and no more");
	CHECK(rig_write(&r, 6, 0, &rng, false) == ERR_DB && r.errors == 1,
	      "a block that cannot be checked is not taken");
	rig_stop(&r);
	rig_remove(&r);
	rig_torrent_clear(&t);
}

static void many_readers_wait_for_one_read(void)
{
	struct rig_torrent t;
	struct store_env_stats stats;
	struct span s;
	struct rig r;

	memset(&t, 0, sizeof(t));
	t.piece_len = 524288;
	rig_add_file(&t, "f", 4 * 524288, false);
	rig_torrent_finish(&t, 9);
	rig_home(&r);
	rig_put_files(&r, &t);
	rig_start(&r, NULL);
	CHECK(rig_open_as(&r, &t, (struct store_cfg){.read_only = true},
			  NULL) == ERR_NONE,
	      "open");
	rig_until(&r, r.ready);
	rig_close(&r); /* so that no descriptor is open */
	rig_open(&r, &t);
	r.read_ok = 0;
	for (uint32_t i = 0; i < 16; i++)
		CHECK(store_read(r.store, 2, i * 16384, 16384, &s,
				 2 * 524288 + i * 16384) == STORE_LATER,
		      "wait");
	rig_until(&r, r.read_ok == 16);
	store_env_stats_get(r.env, &stats);
	CHECK(stats.worker_reads == 1, "%u", (unsigned)stats.worker_reads);
	for (uint32_t i = 0; i < 16; i++) {
		CHECK(store_read(r.store, 2, 262144 + i * 16384, 16384, &s,
				 0) == STORE_NOW,
		      "at hand");
		CHECK(memcmp(s.p, t.data + 2 * 524288 + 262144 + i * 16384,
			     16384) == 0,
		      "bytes");
		span_unref(&s);
	}
	store_env_stats_get(r.env, &stats);
	CHECK(stats.loop_reads == 1 && stats.hits == 15, "%u %u",
	      (unsigned)stats.loop_reads, (unsigned)stats.hits);
	CHECK(!r.wrong_bytes, "bytes");
	CHECK(store_read(r.store, 0, 262143, 2, &s, 262143) == STORE_NOW &&
		      s.len == 2,
	      "across two blocks");
	span_unref(&s);
	CHECK(store_read(r.store, 0, 524288, 1, &s, 0) == STORE_FAILED &&
		      store_read(r.store, 0, 524287, 2, &s, 0) ==
			      STORE_FAILED &&
		      store_read(r.store, 0, 0, 0, &s, 0) == STORE_FAILED &&
		      store_read(r.store, 4, 0, 1, &s, 0) == STORE_FAILED &&
		      store_read(r.store, 0, UINT32_MAX, 16, &s, 0) ==
			      STORE_FAILED,
	      "out of range");
	rig_stop(&r);
	rig_remove(&r);
	rig_torrent_clear(&t);
}

/* Spans that slow peers hold keep their bytes, whatever the cache does. */
static void held_spans_keep_their_bytes(void)
{
	enum { N = 24 };
	const struct store_env_cfg small = {.cache_max = 2 * STORE_CHUNK};
	struct rig_torrent t;
	struct span held[N];
	struct rig r;

	memset(&t, 0, sizeof(t));
	t.piece_len = 262144;
	rig_add_file(&t, "f", N * 262144, false);
	rig_torrent_finish(&t, 10);
	rig_home(&r);
	rig_put_files(&r, &t);
	rig_start(&r, &small);
	rig_open(&r, &t);
	for (uint32_t i = 0; i < N; i++) {
		enum store_read got =
			store_read(r.store, i, 16384, 16384, &held[i], 0);

		CHECK(got == STORE_NOW, "%u", i);
	}
	for (uint32_t i = 0; i < N; i++) {
		CHECK(memcmp(held[i].p, t.data + i * 262144 + 16384, 16384) ==
			      0,
		      "%u", i);
		span_unref(&held[i]);
	}
	rig_stop(&r);
	rig_remove(&r);
	rig_torrent_clear(&t);
}

static void wrong_blocks_are_refused_and_doubles_ignored(void)
{
	struct rig_torrent t;
	struct rng rng = rng_seeded(4);
	uint8_t bytes[STORE_BLOCK] = {0};
	struct span s = {NULL, bytes, sizeof(bytes)};
	struct span half = {NULL, bytes, 100};
	struct rig r;

	three_files(&t);
	rig_home(&r);
	rig_start(&r, NULL);
	rig_open(&r, &t);
	CHECK(store_write(r.store, 0, 1, &s, 1, NULL) == ERR_LIMIT, "offset");
	CHECK(store_write(r.store, 0, 0, &half, 1, NULL) == ERR_LIMIT, "part");
	CHECK(store_write(r.store, 0, 65536, &s, 1, NULL) == ERR_LIMIT, "end");
	CHECK(store_write(r.store, 16, 0, &s, 1, NULL) == ERR_LIMIT, "piece");
	CHECK(store_write(r.store, 0, 0, &s, 0, NULL) == ERR_LIMIT, "empty");
	for (int twice = 0; twice < 2; twice++)
		for (uint32_t at = 0; at < 65536 - STORE_BLOCK;
		     at += STORE_BLOCK)
			CHECK(rig_write(&r, 3, at, &rng, twice) == ERR_NONE,
			      "again");
	CHECK(rig_write(&r, 3, 65536 - STORE_BLOCK, &rng, false) == ERR_NONE,
	      "last");
	rig_until(&r, r.good == 1);
	CHECK(rig_write(&r, 3, 0, &rng, false) == ERR_STATE, "verified");
	/* spans without owner are copied */
	for (uint32_t at = 0; at < 65536; at += STORE_BLOCK) {
		memcpy(bytes, t.data + 65536 + at, STORE_BLOCK);
		CHECK(store_write(r.store, 1, at, &s, 1, NULL) == ERR_NONE,
		      "copy");
	}
	memset(bytes, 0, sizeof(bytes));
	rig_until(&r, r.good == 2);
	rig_stop(&r);
	rig_remove(&r);
	rig_torrent_clear(&t);
}

static uint64_t gathering(const struct rig *r)
{
	struct store_stats s;

	store_stats_get(r->store, &s);
	return s.gathering;
}

/* A chunk that comes slowly, or too many unfinished ones, go to the disk in
 * part and give their receive buffers back; partial pieces can be forgotten. */
static void slow_chunks_do_not_hold_buffers(void)
{
	struct rig_torrent t;
	struct rng rng = rng_seeded(4);
	struct rig r;

	memset(&t, 0, sizeof(t));
	t.piece_len = 32768;
	rig_add_file(&t, "f", 700 * 32768, false);
	rig_torrent_finish(&t, 11);
	rig_home(&r);
	rig_start(&r, NULL);
	rig_open(&r, &t);
	for (uint32_t p = 0; p < 600; p++)
		CHECK(rig_write(&r, p, 0, &rng, false) == ERR_NONE, "%u", p);
	CHECK(gathering(&r) <= 8U << 20, "over the bound");
	rig_until(&r, gathering(&r) == 0 && cbuf_pool_in_use(r.pool) == 0);
	for (uint32_t p = 0; p < 300; p++)
		CHECK(rig_write(&r, p, 16384, &rng, false) == ERR_NONE, "%u",
		      p);
	rig_until(&r, r.good == 300);
	store_forget_partial(r.store);
	for (uint32_t p = 300; p < 310; p++)
		rig_write_piece(&r, p, &rng, false);
	rig_until(&r, r.good == 310);
	CHECK(r.bad == 0, "bad");
	rig_stop(&r);
	rig_remove(&r);
	rig_torrent_clear(&t);
}

static void pressure_blocks_and_frees(void)
{
	const struct store_env_cfg tight = {.write_max = 1U << 20};
	struct rig_torrent t;
	struct rng rng = rng_seeded(4);
	bool was_blocked = false;
	struct rig r;

	memset(&t, 0, sizeof(t));
	t.piece_len = 262144;
	rig_add_file(&t, "f", 32 * 262144, false);
	rig_torrent_finish(&t, 12);
	rig_home(&r);
	rig_start(&r, &tight);
	rig_open(&r, &t);
	for (uint32_t p = 0; p < t.pieces; p++) {
		rig_write_piece(&r, p, &rng, false);
		if (r.blocked) {
			was_blocked = true;
			rig_until(&r, !r.blocked);
		}
	}
	rig_until(&r, r.good == t.pieces && !r.blocked);
	CHECK(was_blocked, "never blocked");
	rig_stop(&r);
	rig_remove(&r);
	rig_torrent_clear(&t);
}

/* Descriptors of this process for the directory. */
static unsigned open_at(const char *dir)
{
	unsigned n = 0;

	for (int fd = 0; fd < 1024; fd++) {
		char name[64], path[300];
		ssize_t len;

		(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
		len = readlink(name, path, sizeof(path) - 1);
		if (len > 0) {
			path[len] = '\0';
			n += strcmp(path, dir) == 0;
		}
	}
	return n;
}

/* Thousands of torrents have a root each, which is not kept open. */
static void a_torrent_at_rest_has_no_descriptor(void)
{
	struct rng rng = rng_seeded(4);
	struct rig_torrent t;
	struct rig r;

	three_files(&t);
	rig_home(&r);
	rig_start(&r, NULL);
	rig_open(&r, &t);
	CHECK(open_at(r.root) == 0, "opened, nothing there");
	write_shuffled(&r, &rng, 0);
	rig_until(&r, saved(&r) == t.pieces && settled(&r));
	CHECK(open_at(r.root) == 0, "written and recorded");
	rig_close(&r);
	rig_open(&r, &t);
	CHECK(open_at(r.root) == 0, "opened again");
	rig_stop(&r);
	rig_remove(&r);
	rig_torrent_clear(&t);
}

static void descriptors_are_bounded_and_space_is_taken(void)
{
	const struct store_env_cfg few = {.max_fds = 3};
	struct rig_torrent t;
	struct rng rng = rng_seeded(4);
	struct store_env_stats stats;
	struct err e = {0};
	struct stat st;
	struct rig r;
	char path[300];

	memset(&t, 0, sizeof(t));
	t.piece_len = 16384;
	for (int i = 0; i < 12; i++) {
		(void)snprintf(path, sizeof(path), "dir/%d", i);
		rig_add_file(&t, path, 50000, false);
	}
	rig_torrent_finish(&t, 13);
	rig_home(&r);
	rig_start(&r, &few);
	CHECK(rig_open_as(&r, &t,
			  (struct store_cfg){.preallocate = true,
					     .name = "torrent"},
			  &e) == ERR_NONE,
	      "%s", e.msg);
	rig_until(&r, r.ready);
	rig_write_piece(&r, 0, &rng, false);
	rig_until(&r, r.good == 1);
	(void)snprintf(path, sizeof(path), "%s/torrent/dir/0", r.root);
	CHECK(stat(path, &st) == 0 && st.st_size == 50000 &&
		      st.st_blocks * 512 >= 50000,
	      "space is taken at once");
	write_shuffled(&r, &rng, 0);
	store_env_stats_get(r.env, &stats);
	CHECK(stats.open_fds <= 3, "%u open", stats.open_fds);
	rig_stop(&r);
	rig_remove(&r);
	rig_torrent_clear(&t);
}

int main(void)
{
	(void)signal(SIGXFSZ, SIG_IGN);
	random_layouts_come_back_byte_for_byte();
	paths_out_of_the_root_are_refused();
	sizes_that_do_not_fit_are_refused();
	links_are_not_followed();
	a_fifo_in_the_place_of_a_file_does_not_stop_us();
	only_pieces_of_changed_files_are_checked_again();
	a_file_that_is_too_long_is_cut_by_the_first_write();
	files_without_a_record_are_checked();
	a_missing_root_does_not_cost_the_record();
	a_full_disk_pauses_and_nothing_is_lost();
	a_full_tmpfs_pauses_and_goes_on();
	closing_while_paused_gives_up_and_forgets_nothing_good();
	a_file_that_changes_is_noticed_by_reads();
	files_are_executable_where_the_torrent_says_so();
	verify_finds_what_changed();
	another_may_be_told_of_the_end();
	a_store_at_rest_asks_for_its_hashes();
	many_readers_wait_for_one_read();
	held_spans_keep_their_bytes();
	wrong_blocks_are_refused_and_doubles_ignored();
	slow_chunks_do_not_hold_buffers();
	pressure_blocks_and_frees();
	a_torrent_at_rest_has_no_descriptor();
	descriptors_are_bounded_and_space_is_taken();
	return CHECK_EXIT();
}
