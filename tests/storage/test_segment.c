#include "base/hex.h"
#include "base/rng.h"
#include "storage/object/segment.h"
#include "tests/check.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static uint8_t salt[SEGMENT_SALT_LEN];
static struct object_keys keys, repair;

/* A segment that was put, as its n hosts hold it. */
struct town {
	unsigned k, n;
	struct segment *s;
	uint8_t *plain;
	uint8_t *sectors;
	struct hash32 roots[CODER_N_MAX];
};

static void put_all(struct segment *s, const uint8_t *data, size_t len,
		    struct rng *rng)
{
	size_t at = 0, taken;

	while (at < len) {
		size_t now = 1 + rng_below(rng, 3 * FRAME_PLAIN);

		now = now > len - at ? len - at : now;
		CHECK(segment_put(s, &taken, data + at, now, NULL) == ERR_NONE,
		      "put");
		CHECK(taken == now, "all of it");
		at += now;
	}
	CHECK(segment_finish(s, NULL, 0, NULL) == ERR_NONE, "finish");
}

static void town_init(struct town *t, unsigned k, unsigned n, size_t len)
{
	struct rng rng = rng_seeded(k * 1000 + n);

	t->k = k;
	t->n = n;
	t->plain = calloc(1, segment_plain_len(k));
	t->sectors = malloc((size_t)n * SECTOR_LEN);
	if (!t->plain || !t->sectors)
		abort();
	for (size_t i = 0; i < len; i++)
		t->plain[i] = (uint8_t)(i % 251);
	CHECK(segment_new(&t->s, k, n, SECTOR_LEN, NULL) == ERR_NONE, "new");
	CHECK(segment_begin(t->s, &keys, salt, 0, NULL) == ERR_NONE, "begin");
	put_all(t->s, t->plain, len, &rng);
	CHECK(segment_sectors(t->s, 0, n, t->sectors, t->roots, NULL) ==
		      ERR_NONE,
	      "sectors");
}

static void town_clear(struct town *t)
{
	segment_free(t->s);
	free(t->sectors);
	free(t->plain);
}

static const uint8_t *sector(const struct town *t, unsigned row)
{
	return t->sectors + (size_t)row * SECTOR_LEN;
}

/* Made by another implementation; they stand in docs/protocol.md. */
static void published_roots_hold(void)
{
	static const char *const want[] = {
		"7aed145e1cdb89e9751989d91a8e1c7d"
		"272fc6476269b2378f9bc1b89af09592",
		"1b126d4f782745afe71998bd114cf48f"
		"1548785a94c5a2736e5423fd865215b8",
		"cb9f707af741134d8a1d738a886fd602"
		"63fdc63209f55ee7f2291ece315a51af",
	};
	struct town t;

	town_init(&t, 2, 3, 3 * FRAME_PLAIN + 5);
	for (unsigned i = 0; i < 3; i++) {
		char text[HEX_LEN(32)];
		struct hash32 root;

		hex_encode(text, t.roots[i].bytes, 32);
		CHECK(strcmp(text, want[i]) == 0, "row %u: %s", i, text);
		tree_sector_root(&root, sector(&t, i));
		CHECK(memcmp(&root, &t.roots[i], 32) == 0, "row %u's own", i);
	}
	town_clear(&t);
}

/* libsodium alone takes a data row apart. */
static void a_row_is_whitened_frames(void)
{
	static uint8_t row[SECTOR_LEN], out[FRAME_PLAIN];
	uint8_t nonce[24] = {0};
	struct town t;

	town_init(&t, 2, 3, segment_plain_len(2));
	memcpy(nonce, salt, SEGMENT_SALT_LEN);
	nonce[16] = 0x80;
	nonce[23] = 1;
	(void)crypto_stream_xchacha20_xor(row, sector(&t, 1), SECTOR_LEN, nonce,
					  keys.repair);
	nonce[16] = 0;
	for (unsigned f = 0; f < FRAMES_PER_ROW; f++) {
		nonce[23] = (uint8_t)(16 + f);
		CHECK(crypto_aead_xchacha20poly1305_ietf_decrypt(
			      out, NULL, NULL, row + (size_t)f * FRAME_LEN,
			      FRAME_LEN, NULL, 0, nonce, keys.full) == 0 &&
			      memcmp(out,
				     t.plain + (size_t)(16 + f) * FRAME_PLAIN,
				     FRAME_PLAIN) == 0,
		      "frame %u", 16 + f);
	}
	town_clear(&t);
}

static void load(struct segment *s, const struct town *t, const uint8_t *rows)
{
	for (unsigned i = 0; i < t->k; i++) {
		CHECK(segment_wants(s) == t->k - i, "wants");
		CHECK(segment_load(s, rows[i], sector(t, rows[i]), NULL) ==
			      ERR_NONE,
		      "row %u", rows[i]);
	}
	CHECK(segment_wants(s) == 0, "wants no more");
	CHECK(segment_solve(s, NULL) == ERR_NONE, "solve");
}

/* Whichever k are left, in whichever order they arrive: all bytes come back,
 * and with the repair key alone all sectors. */
static void any_k_sectors_bring_back_all(void)
{
	static const struct {
		const char *name;
		uint8_t rows[4];
	} rows[] = {
		{"the data rows", {0, 1, 2, 3}},
		{"the data rows, backwards", {3, 2, 1, 0}},
		{"parity rows", {4, 5, 6, 7}},
		{"a data row behind parity", {6, 5, 4, 3}},
		{"data rows behind parity", {4, 5, 3, 2}},
		{"mixed", {0, 7, 2, 5}},
		{"the first one last", {7, 6, 5, 0}},
	};
	static uint8_t out[FRAME_PLAIN];
	struct segment *s;
	struct town t;

	town_init(&t, 4, 8, segment_plain_len(4) - 70000);
	CHECK(segment_new(&s, 4, 8, SECTOR_LEN, NULL) == ERR_NONE, "new");
	for (size_t i = 0; i < ROWS(rows); i++) {
		CHECK(segment_begin(s, &keys, salt, 0, NULL) == ERR_NONE,
		      "begin");
		load(s, &t, rows[i].rows);
		for (unsigned f = 0; f < 4 * FRAMES_PER_ROW; f++)
			CHECK(segment_open(s, out, f, NULL) == ERR_NONE &&
				      memcmp(out,
					     t.plain + (size_t)f * FRAME_PLAIN,
					     FRAME_PLAIN) == 0,
			      "%s: frame %u", rows[i].name, f);
	}
	for (size_t i = 0; i < ROWS(rows); i += 2) {
		unsigned lost = (unsigned)i;
		static uint8_t again[2 * SECTOR_LEN];
		struct hash32 roots[2];

		CHECK(segment_begin(s, &repair, salt, 0, NULL) == ERR_NONE,
		      "begin");
		load(s, &t, rows[i].rows);
		CHECK(segment_sectors(s, lost, 2, again, roots, NULL) ==
			      ERR_NONE,
		      "%s", rows[i].name);
		CHECK(memcmp(again, sector(&t, lost), sizeof(again)) == 0,
		      "%s: row %u", rows[i].name, lost);
		CHECK(memcmp(roots, &t.roots[lost], sizeof(roots)) == 0,
		      "%s: roots", rows[i].name);
		CHECK(segment_open(s, out, 0, NULL) == ERR_STATE,
		      "a steward reads nothing");
	}
	segment_free(s);
	town_clear(&t);
}

/* 64 KiB each of k sectors are enough for the frames that stand there. */
static void a_slice_gives_its_frames(void)
{
	static const uint8_t rows[] = {5, 1, 3};
	static uint8_t out[FRAME_PLAIN];
	uint32_t offset = 11 * FRAME_LEN;
	struct segment *s;
	struct town t;

	town_init(&t, 3, 6, segment_plain_len(3));
	CHECK(segment_new(&s, 3, 6, FRAME_LEN, NULL) == ERR_NONE, "new");
	CHECK(segment_begin(s, &keys, salt, offset, NULL) == ERR_NONE, "begin");
	for (unsigned i = 0; i < 3; i++)
		CHECK(segment_load(s, rows[i], sector(&t, rows[i]) + offset,
				   NULL) == ERR_NONE,
		      "row %u", rows[i]);
	CHECK(segment_solve(s, NULL) == ERR_NONE, "solve");
	for (unsigned f = 11; f < 48; f += 16)
		CHECK(segment_open(s, out, f, NULL) == ERR_NONE &&
			      memcmp(out, t.plain + (size_t)f * FRAME_PLAIN,
				     FRAME_PLAIN) == 0,
		      "frame %u", f);
	CHECK(segment_open(s, out, 10, NULL) == ERR_LIMIT, "before the slice");
	CHECK(segment_open(s, out, 28, NULL) == ERR_LIMIT, "behind it");
	CHECK(segment_open(s, out, 59, NULL) == ERR_LIMIT, "beyond the rows");
	CHECK(segment_sectors(s, 0, 1, out, &t.roots[0], NULL) == ERR_STATE,
	      "no sectors from a slice");
	segment_free(s);
	town_clear(&t);
}

static void what_was_altered_does_not_open(void)
{
	static const uint8_t rows[] = {0, 3};
	static uint8_t out[FRAME_PLAIN];
	static const uint8_t zeroes[FRAME_PLAIN];
	struct town t;

	town_init(&t, 2, 4, segment_plain_len(2));
	t.sectors[3 * SECTOR_LEN + 5 * FRAME_LEN] ^= 1;
	CHECK(segment_begin(t.s, &keys, salt, 0, NULL) == ERR_NONE, "begin");
	load(t.s, &t, rows);
	CHECK(segment_open(t.s, out, 5, NULL) == ERR_NONE, "row 0 is whole");
	CHECK(segment_open(t.s, out, 16 + 5, NULL) == ERR_SIG, "row 1 is not");
	CHECK(memcmp(out, zeroes, sizeof(out)) == 0, "and shows nothing");
	CHECK(segment_open(t.s, out, 16 + 6, NULL) == ERR_NONE, "the next is");
	town_clear(&t);
}

static void a_full_segment_takes_no_more(void)
{
	static uint8_t data[3 * FRAME_PLAIN];
	struct segment *s;
	size_t sum = 0, taken;

	CHECK(segment_new(&s, 1, 1, SECTOR_LEN, NULL) == ERR_NONE, "new");
	CHECK(segment_begin(s, &keys, salt, 0, NULL) == ERR_NONE, "begin");
	do {
		CHECK(segment_put(s, &taken, data, sizeof(data) - 7, NULL) ==
			      ERR_NONE,
		      "put");
		sum += taken;
	} while (taken == sizeof(data) - 7);
	CHECK(sum == segment_plain_len(1), "%zu", sum);
	CHECK(segment_put(s, &taken, data, 1, NULL) == ERR_NONE && taken == 0,
	      "not a byte");
	CHECK(segment_finish(s, NULL, 0, NULL) == ERR_NONE, "finish");
	segment_free(s);
}

struct half {
	pthread_t thread;
	const struct town *t;
	unsigned first;
	uint8_t *out;
	struct hash32 roots[4];
	enum err_code code;
};

static void *make_half(void *ctx)
{
	struct half *h = ctx;

	h->code = segment_sectors(h->t->s, h->first, 4, h->out, h->roots, NULL);
	return NULL;
}

static void two_threads_may_make_sectors_of_one_segment(void)
{
	struct half halves[2];
	struct town t;

	town_init(&t, 4, 8, 5);
	for (unsigned i = 0; i < 2; i++) {
		halves[i].t = &t;
		halves[i].first = 4 * i;
		halves[i].out = malloc(4 * SECTOR_LEN);
		if (!halves[i].out ||
		    pthread_create(&halves[i].thread, NULL, make_half,
				   &halves[i]) != 0)
			abort();
	}
	for (unsigned i = 0; i < 2; i++) {
		(void)pthread_join(halves[i].thread, NULL);
		CHECK(halves[i].code == ERR_NONE &&
			      memcmp(halves[i].out, sector(&t, 4 * i),
				     4 * SECTOR_LEN) == 0 &&
			      memcmp(halves[i].roots, &t.roots[4 * i],
				     sizeof(halves[i].roots)) == 0,
		      "half %u", i);
		free(halves[i].out);
	}
	town_clear(&t);
}

/* A tail that a frame's border cuts in two. */
static void a_tail_is_the_last_of_the_segment(void)
{
	static const uint8_t tail[FRAME_PLAIN + 9] = {1, 2, 3};
	static uint8_t out[FRAME_PLAIN];
	struct segment *s;
	size_t taken;

	CHECK(segment_new(&s, 1, 1, SECTOR_LEN, NULL) == ERR_NONE, "new");
	CHECK(segment_begin(s, &keys, salt, 0, NULL) == ERR_NONE, "begin");
	CHECK(segment_put(s, &taken, tail, 3, NULL) == ERR_NONE, "put");
	CHECK(segment_room(s) == segment_plain_len(1) - 3, "room");
	CHECK(segment_finish(s, tail, sizeof(tail), NULL) == ERR_NONE, "tail");
	CHECK(segment_room(s) == 0, "no room");
	CHECK(segment_open(s, out, 14, NULL) == ERR_NONE &&
		      out[FRAME_PLAIN - 9] == 1 && out[FRAME_PLAIN - 7] == 3 &&
		      out[FRAME_PLAIN - 10] == 0,
	      "its begin");
	CHECK(segment_open(s, out, 0, NULL) == ERR_NONE && out[2] == 3, "data");
	CHECK(segment_begin(s, &keys, salt, 0, NULL) == ERR_NONE, "begin");
	while (segment_room(s) >= 10)
		CHECK(segment_put(s, &taken, out,
				  segment_room(s) - 9 < sizeof(out)
					  ? segment_room(s) - 9
					  : sizeof(out),
				  NULL) == ERR_NONE,
		      "put");
	CHECK(segment_finish(s, tail, 10, NULL) == ERR_LIMIT, "too long");
	CHECK(segment_finish(s, tail, 9, NULL) == ERR_NONE, "fits");
	segment_free(s);
}

/* Each call in each state. */
static void calls_out_of_order_are_refused(void)
{
	enum { NOT_BEGUN, EMPTY, FILLING, LOADING, LOADED, WHOLE, STATES };
	static const struct {
		const char *name;
		bool put, finish, load, solve, open;
	} rows[STATES] = {
		[NOT_BEGUN] = {"before begin", false, false, false, false,
			       false},
		[EMPTY] = {"empty", true, true, true, false, false},
		[FILLING] = {"filling", true, true, false, false, false},
		[LOADING] = {"loading", false, false, true, false, false},
		[LOADED] = {"loaded", false, false, false, true, false},
		[WHOLE] = {"whole", false, false, false, false, true},
	};
	static uint8_t data[SECTOR_LEN];

	for (int state = NOT_BEGUN; state < STATES; state++) {
		for (int call = 0; call < 5; call++) {
			const bool ok[] = {rows[state].put, rows[state].finish,
					   rows[state].load, rows[state].solve,
					   rows[state].open};
			enum err_code code = ERR_NONE;
			struct segment *s;
			struct hash32 root;
			size_t taken;

			CHECK(segment_new(&s, 2, 3, SECTOR_LEN, NULL) ==
				      ERR_NONE,
			      "new");
			if (state != NOT_BEGUN)
				code = segment_begin(s, &keys, salt, 0, NULL);
			if (state == FILLING)
				code = segment_put(s, &taken, data, 1, NULL);
			if (state == LOADING || state == LOADED)
				code = segment_load(s, 2, data, NULL);
			if (state == LOADED)
				code = segment_load(s, 1, data, NULL);
			if (state == WHOLE)
				code = segment_finish(s, NULL, 0, NULL);
			CHECK(code == ERR_NONE, "%s", rows[state].name);
			if (call == 0)
				code = segment_put(s, &taken, data, 1, NULL);
			if (call == 1)
				code = segment_finish(s, NULL, 0, NULL);
			if (call == 2)
				code = segment_load(s, 0, data, NULL);
			if (call == 3)
				code = segment_solve(s, NULL);
			if (call == 4) {
				code = segment_sectors(s, 0, 1, data, &root,
						       NULL);
				CHECK(segment_open(s, data, 0, NULL) == code,
				      "as sectors");
			}
			CHECK(code == (ok[call] ? ERR_NONE : ERR_STATE),
			      "%s: call %d", rows[state].name, call);
			segment_free(s);
		}
	}
}

static void what_is_out_of_range_is_refused(void)
{
	static uint8_t data[SECTOR_LEN];
	struct hash32 roots[3];
	struct object_keys sample;
	struct segment *s;
	size_t taken;

	CHECK(segment_new(&s, 2, 3, 0, NULL) == ERR_LIMIT, "no width");
	CHECK(segment_new(&s, 2, 3, FRAME_LEN + 1, NULL) == ERR_LIMIT, "width");
	CHECK(segment_new(&s, 2, 3, 2 * SECTOR_LEN, NULL) == ERR_LIMIT, "wide");
	CHECK(segment_new(&s, 2, 300, SECTOR_LEN, NULL) == ERR_LIMIT, "n");
	CHECK(segment_new(&s, 2, 3, 15 * FRAME_LEN, NULL) == ERR_NONE, "new");
	CHECK(segment_begin(s, &keys, salt, 1, NULL) == ERR_LIMIT, "offset");
	CHECK(segment_begin(s, &keys, salt, 2 * FRAME_LEN, NULL) == ERR_LIMIT,
	      "a slice over the end");
	object_keys_from_sample(&sample, keys.placement, keys.owner_pk);
	CHECK(segment_begin(s, &sample, salt, 0, NULL) == ERR_STATE, "sample");
	CHECK(segment_begin(s, &keys, salt, FRAME_LEN, NULL) == ERR_NONE,
	      "at 1");
	CHECK(segment_put(s, &taken, data, 1, NULL) == ERR_STATE,
	      "a slice cannot be put");
	CHECK(segment_load(s, 3, data, NULL) == ERR_LIMIT, "row 3 of 3");
	CHECK(segment_load(s, 2, data, NULL) == ERR_NONE, "row 2");
	CHECK(segment_load(s, 2, data, NULL) == ERR_STATE, "twice");
	segment_free(s);
	CHECK(segment_new(&s, 2, 3, SECTOR_LEN, NULL) == ERR_NONE, "new");
	CHECK(segment_begin(s, &repair, salt, 0, NULL) == ERR_NONE, "begin");
	CHECK(segment_put(s, &taken, data, 1, NULL) == ERR_STATE,
	      "a steward puts nothing");
	CHECK(segment_begin(s, &keys, salt, 0, NULL) == ERR_NONE &&
		      segment_finish(s, NULL, 0, NULL) == ERR_NONE,
	      "zeroes");
	CHECK(segment_sectors(s, 0, 0, data, roots, NULL) == ERR_LIMIT, "none");
	CHECK(segment_sectors(s, 2, 2, data, roots, NULL) == ERR_LIMIT, "over");
	CHECK(segment_sectors(s, 0, 4, data, roots, NULL) == ERR_LIMIT, "four");
	segment_free(s);
	segment_free(NULL);
}

int main(void)
{
	uint8_t master[OBJECT_KEY_LEN], full[OBJECT_KEY_LEN];

	if (sodium_init() < 0)
		return 1;
	for (uint8_t i = 0; i < OBJECT_KEY_LEN; i++) {
		full[i] = i;
		master[i] = (uint8_t)(32 + i);
	}
	for (uint8_t i = 0; i < SEGMENT_SALT_LEN; i++)
		salt[i] = (uint8_t)(0xa0 + i);
	object_keys_own(&keys, master, full);
	object_keys_from_repair(&repair, keys.repair, keys.owner_pk);
	published_roots_hold();
	a_row_is_whitened_frames();
	any_k_sectors_bring_back_all();
	a_slice_gives_its_frames();
	what_was_altered_does_not_open();
	a_full_segment_takes_no_more();
	two_threads_may_make_sectors_of_one_segment();
	a_tail_is_the_last_of_the_segment();
	calls_out_of_order_are_refused();
	what_is_out_of_range_is_refused();
	return CHECK_EXIT();
}
