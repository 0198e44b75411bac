/* Whatever a loss of power leaves of what was not flushed, a store that opens
 * next claims no piece that is not on the disk, and misses none that was
 * recorded. A download is noted call by call (power_disk.h) and cut at many
 * points; from some of these it goes on and is cut again.
 */
#include "tests/storage/power_disk.h"

#define MARKS 4096
#define CUTS 40

/* So many pieces were recorded by then. */
struct mark {
	size_t notes;
	uint32_t saved;
};

static struct mark marks[MARKS];
static size_t mark_count;

static void note_saved(struct rig *r)
{
	struct store_stats st;

	store_stats_get(r->store, &st);
	if (mark_count < MARKS &&
	    (!mark_count || marks[mark_count - 1].saved != st.saved))
		marks[mark_count++] = (struct mark){power_count(), st.saved};
}

static uint32_t saved_before(size_t notes)
{
	uint32_t saved = 0;

	for (size_t i = 0; i < mark_count && marks[i].notes <= notes; i++)
		saved = marks[i].saved;
	return saved;
}

static void make_torrent(struct rig_torrent *t, uint64_t seed)
{
	struct rng rng = rng_seeded(seed);

	memset(t, 0, sizeof(*t));
	t->piece_len = 16384U << rng_below(&rng, 3);
	rig_add_file(t, "a", 200000 + rng_below(&rng, 100000), false);
	for (int i = 0; i < 4; i++) {
		char path[64];

		(void)snprintf(path, sizeof(path), "many/%d", i);
		rig_add_file(t, path, rng_below(&rng, 30000), i == 2);
	}
	rig_add_file(t, "deep/er/b", 300000, false);
	/* so many that they are flushed with the whole file system */
	for (int i = 0; seed == 3 && i < 60; i++) {
		char path[64];

		(void)snprintf(path, sizeof(path), "small/%d/%d", i / 20, i);
		rig_add_file(t, path, rng_below(&rng, 800), false);
	}
	rig_torrent_finish(t, seed);
}

/* Writes what is missing, wrong bytes first now and then, while all is noted.
 */
static void download(struct rig *r, struct rig_torrent *t, uint64_t seed,
		     bool preallocate)
{
	const struct store_env_cfg quick = {.save_ms = 2, .save_bytes = 65536};
	const struct store_cfg cfg = {.preallocate = preallocate};
	struct rng rng = rng_seeded(seed);
	uint32_t start = rng_below(&rng, t->pieces), missing = 0;
	struct err e = {0};
	size_t len;

	mark_count = 0;
	power_on(r->dir);
	rig_start(r, &quick);
	CHECK(rig_open_as(r, t, cfg, &e) == ERR_NONE, "%s", e.msg);
	rig_until(r, r->ready);
	for (uint32_t i = 0; i < t->pieces; i++) {
		uint32_t p = (start + i * 7) % t->pieces;
		unsigned bad = r->bad;

		if (bits_get(store_have(r->store, &len), p))
			continue;
		if (rng_below(&rng, 8) == 0) {
			rig_write_piece(r, p, &rng, true);
			rig_until(r, r->bad > bad);
		}
		rig_write_piece(r, p, &rng, false);
		missing++;
		if (rng_below(&rng, 3) == 0)
			rig_until(r, r->good == missing);
		note_saved(r);
	}
	rig_until(r, r->good == missing);
	note_saved(r);
	rig_stop(r);
	(void)power_off();
}

/* Not by the store's own word. */
static bool is_on_disk(const struct rig *r, const struct rig_torrent *t,
		       uint32_t piece)
{
	uint64_t at = 0, from = (uint64_t)piece * t->piece_len;
	uint64_t to = from + rig_piece_size(t, piece);
	bool same = true;

	for (uint32_t i = 0; i < t->file_count; i++) {
		uint64_t low = at > from ? at : from;
		uint64_t end = at + t->files[i].length;
		uint64_t high = end < to ? end : to;
		uint8_t buf[65536];
		char path[300];
		int fd;

		if (low < high && !t->files[i].pad) {
			(void)snprintf(path, sizeof(path), "%s/%s", r->root,
				       t->files[i].path);
			fd = open(path, O_RDONLY);
			same = same && fd >= 0 &&
			       pread(fd, buf, high - low, (off_t)(low - at)) ==
				       (ssize_t)(high - low) &&
			       memcmp(buf, t->data + low, high - low) == 0;
			if (fd >= 0)
				(void)close(fd);
		}
		at = end;
	}
	return same;
}

/* Returns how many pieces the store that opens now believes it has. */
static uint32_t claims(struct rig *r, struct rig_torrent *t, size_t notes,
		       uint64_t seed)
{
	const struct store_env_cfg late = {.save_ms = 600000};
	uint32_t n = 0;
	size_t len;

	rig_start(r, &late);
	rig_open(r, t);
	for (uint32_t p = 0; p < t->pieces; p++) {
		if (!bits_get(store_have(r->store, &len), p))
			continue;
		n++;
		CHECK(is_on_disk(r, t, p),
		      "seed %d, cut after %zu: piece %u is not on the disk",
		      (int)seed, notes, p);
	}
	CHECK(n >= saved_before(notes),
	      "seed %d, cut after %zu: %u pieces were recorded, %u are there",
	      (int)seed, notes, saved_before(notes), n);
	rig_stop(r);
	return n;
}

static void cut_anywhere(uint64_t seed)
{
	struct rng rng = rng_seeded(seed);
	struct rig_torrent t;
	uint32_t least = UINT32_MAX, most = 0;
	struct rig r;

	make_torrent(&t, seed);
	rig_home(&r);
	for (int generation = 0; generation < 3; generation++) {
		size_t all;

		download(&r, &t, seed + (uint64_t)generation, seed % 2);
		all = power_count();
		for (int i = 0; i < CUTS; i++) {
			size_t notes =
				i ? rng_below(&rng, (uint32_t)all + 1) : all;
			uint32_t n;

			power_cut(notes, &rng);
			n = claims(&r, &t, notes, seed);
			CHECK(i || n == t.pieces, "closed, and then whole: %u",
			      n);
			least = n < least ? n : least;
			most = n > most ? n : most;
		}
		/* it goes on from one of them */
		power_cut(rng_below(&rng, (uint32_t)all + 1), &rng);
	}
	CHECK(least < t.pieces / 4 && most > t.pieces / 2, "%u to %u of %u",
	      least, most, t.pieces);
	power_forget();
	rig_remove(&r);
	rig_torrent_clear(&t);
}

int main(void)
{
	for (uint64_t seed = 1; seed <= 3; seed++)
		cut_anywhere(seed);
	return CHECK_EXIT();
}
