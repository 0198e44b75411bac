#include "storage/object/segment.h"

#include "base/aead.h"
#include "base/bytes.h"
#include "base/xchacha.h"

#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define WHITENING_INDEX (1ULL << 63)
#define STRIP 4096U /* decoded at a time: all rows of it stay in the cache */
#define NO_ROW 0xffU

_Static_assert(FRAME_PLAIN + AEAD_TAG_LEN == FRAME_LEN, "frame");
_Static_assert(SEGMENT_SALT_LEN + 8 == AEAD_NONCE_LEN, "nonce");
_Static_assert(XCHACHA_NONCE_LEN == AEAD_NONCE_LEN, "nonce");

enum state { EMPTY, FILLING, LOADING, WHOLE };

struct segment {
	unsigned k, n;
	uint32_t width, offset;
	enum state state;
	bool begun;
	struct coder *coder;
	struct object_keys keys;
	uint8_t salt[SEGMENT_SALT_LEN];
	uint8_t *memory;	   /* k x width */
	uint8_t *row[CODER_K_MAX]; /* into it; of data row i when WHOLE */
	uint8_t held[CODER_K_MAX]; /* LOADING: number of the row in it */
	unsigned loaded;
	unsigned frames;      /* FILLING: sealed so far */
	uint32_t pending_len; /* of an unfinished frame */
	uint8_t pending[FRAME_PLAIN];
};

enum err_code segment_new(struct segment **out, unsigned k, unsigned n,
			  uint32_t width, struct err *e)
{
	struct segment *s;
	enum err_code code;

	*out = NULL;
	if (width == 0 || width > SECTOR_LEN || width % FRAME_LEN)
		return err_fail(e, ERR_LIMIT, "segment: width %u", width);
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_fail(e, ERR_NOMEM, "segment: no memory");
	code = coder_new(&s->coder, k, n, e);
	if (code == ERR_NONE) {
		s->memory = malloc((size_t)k * width);
		if (!s->memory)
			code = err_fail(e, ERR_NOMEM, "segment: no memory");
	}
	if (code != ERR_NONE) {
		segment_free(s);
		return code;
	}
	s->k = k;
	s->n = n;
	s->width = width;
	*out = s;
	return ERR_NONE;
}

void segment_free(struct segment *s)
{
	if (!s)
		return;
	free(s->memory);
	coder_free(s->coder);
	sodium_memzero(s, sizeof(*s));
	free(s);
}

enum err_code segment_begin(struct segment *s, const struct object_keys *keys,
			    const uint8_t salt[SEGMENT_SALT_LEN],
			    uint32_t offset, struct err *e)
{
	if (keys->access < OBJECT_REPAIR)
		return err_fail(e, ERR_STATE,
				"segment: a sample link opens nothing");
	if (offset % FRAME_LEN || offset > SECTOR_LEN - s->width)
		return err_fail(e, ERR_LIMIT, "segment: slice at %u", offset);
	s->keys = *keys;
	memcpy(s->salt, salt, sizeof(s->salt));
	s->offset = offset;
	s->begun = true;
	s->state = EMPTY;
	s->loaded = s->frames = 0;
	s->pending_len = 0;
	for (unsigned i = 0; i < s->k; i++) {
		s->row[i] = s->memory + (size_t)i * s->width;
		s->held[i] = NO_ROW;
	}
	return ERR_NONE;
}

static void nonce_of(uint8_t nonce[AEAD_NONCE_LEN],
		     const uint8_t salt[SEGMENT_SALT_LEN], uint64_t index)
{
	struct wr w = wr_into(nonce, AEAD_NONCE_LEN);

	wr_copy(&w, salt, SEGMENT_SALT_LEN);
	wr_u64(&w, index);
}

static void nonce_for(uint8_t nonce[AEAD_NONCE_LEN], const struct segment *s,
		      uint64_t index)
{
	nonce_of(nonce, s->salt, index);
}

static enum err_code in_state(const struct segment *s, bool ok, struct err *e)
{
	if (s->begun && ok)
		return ERR_NONE;
	return err_fail(e, ERR_STATE, "segment: not in this state");
}

/* --- in, as plaintext --- */

static enum err_code seal_frame(struct segment *s, const uint8_t *plain,
				struct err *e)
{
	unsigned in_row = s->frames % FRAMES_PER_ROW;
	uint8_t nonce[AEAD_NONCE_LEN];

	nonce_for(nonce, s, s->frames);
	if (!aead_seal(s->row[s->frames / FRAMES_PER_ROW] +
			       (size_t)in_row * FRAME_LEN,
		       plain, FRAME_PLAIN, NULL, 0, nonce, s->keys.full))
		return err_fail(e, ERR_NOMEM, "segment: no memory");
	s->frames++;
	return ERR_NONE;
}

/* Takes what makes a frame, or all of it; straight from `data` when it can. */
static enum err_code put_frame(struct segment *s, size_t *taken,
			       const uint8_t *data, size_t len, struct err *e)
{
	size_t room = FRAME_PLAIN - s->pending_len;
	size_t now = len < room ? len : room;
	enum err_code code;

	if (now == FRAME_PLAIN) {
		code = seal_frame(s, data, e);
	} else {
		memcpy(s->pending + s->pending_len, data, now);
		s->pending_len += (uint32_t)now;
		if (s->pending_len < FRAME_PLAIN) {
			*taken += now;
			return ERR_NONE;
		}
		code = seal_frame(s, s->pending, e);
		s->pending_len = 0;
	}
	if (code == ERR_NONE)
		*taken += now;
	return code;
}

enum err_code segment_put(struct segment *s, size_t *taken, const uint8_t *data,
			  size_t len, struct err *e)
{
	enum err_code code;

	*taken = 0;
	code = in_state(s,
			(s->state == EMPTY || s->state == FILLING) &&
				s->width == SECTOR_LEN &&
				s->keys.access == OBJECT_FULL,
			e);
	while (code == ERR_NONE && *taken < len &&
	       s->frames < s->k * FRAMES_PER_ROW) {
		s->state = FILLING;
		code = put_frame(s, taken, data + *taken, len - *taken, e);
	}
	return code;
}

uint32_t segment_room(const struct segment *s)
{
	if (s->state != EMPTY && s->state != FILLING)
		return 0;
	return segment_plain_len(s->k) - s->frames * FRAME_PLAIN -
	       s->pending_len;
}

enum err_code segment_finish(struct segment *s, const uint8_t *tail,
			     size_t tail_len, struct err *e)
{
	static const uint8_t zeroes[FRAME_PLAIN];
	size_t taken, fill;
	enum err_code code = segment_put(s, &taken, zeroes, 0, e);

	if (code == ERR_NONE && tail_len > segment_room(s))
		return err_fail(e, ERR_LIMIT, "segment: no room for its tail");
	while (code == ERR_NONE && segment_room(s) > tail_len) {
		fill = segment_room(s) - tail_len;
		code = segment_put(s, &taken, zeroes,
				   fill < FRAME_PLAIN ? fill : FRAME_PLAIN, e);
	}
	if (code == ERR_NONE)
		code = segment_put(s, &taken, tail, tail_len, e);
	if (code == ERR_NONE)
		s->state = WHOLE;
	sodium_memzero(s->pending, sizeof(s->pending));
	return code;
}

/* --- in, as sectors --- */

static struct xchacha *whitening(const struct segment *s, unsigned row,
				 uint32_t offset)
{
	uint8_t nonce[AEAD_NONCE_LEN];

	nonce_for(nonce, s, WHITENING_INDEX + row);
	return xchacha_new(s->keys.repair, nonce, offset / XCHACHA_BLOCK);
}

static bool whiten_once(const struct segment *s, uint8_t *out,
			const uint8_t *in, unsigned row)
{
	struct xchacha *x = whitening(s, row, s->offset);
	bool ok = x && xchacha_xor(x, out, in, s->width);

	xchacha_free(x);
	return ok;
}

/* A place nobody needs so far: the last, where the fewest data rows have been
 * seen coming. */
static unsigned free_place(const struct segment *s)
{
	unsigned i = s->k - 1;

	while (s->held[i] != NO_ROW)
		i--;
	return i;
}

/* A data row goes to its own place; a parity row that is there moves. */
static unsigned place_for(struct segment *s, unsigned row)
{
	unsigned other = free_place(s);
	uint8_t *memory;

	if (row >= s->k)
		return other;
	if (s->held[row] != NO_ROW) {
		memory = s->row[row];
		s->row[row] = s->row[other];
		s->row[other] = memory;
		s->held[other] = s->held[row];
		s->held[row] = NO_ROW;
	}
	return row;
}

enum err_code segment_load(struct segment *s, unsigned row, const uint8_t *data,
			   struct err *e)
{
	enum err_code code =
		in_state(s, s->state == EMPTY || s->state == LOADING, e);
	unsigned place;

	if (code != ERR_NONE)
		return code;
	if (row >= s->n)
		return err_fail(e, ERR_LIMIT, "segment: row %u of %u", row,
				s->n);
	if (s->loaded == s->k || memchr(s->held, (int)row, s->k))
		return err_fail(e, ERR_STATE, "segment: row %u is not wanted",
				row);
	place = place_for(s, row);
	if (!whiten_once(s, s->row[place], data, row))
		return err_fail(e, ERR_NOMEM, "segment: no memory");
	s->held[place] = (uint8_t)row;
	s->loaded++;
	s->state = LOADING;
	return ERR_NONE;
}

unsigned segment_wants(const struct segment *s)
{
	return s->state == EMPTY || s->state == LOADING ? s->k - s->loaded : 0;
}

/* Strip by strip, since what is made takes the place of what it is made of. */
static void run_solution(struct segment *s, const struct coder_solution *sol,
			 uint8_t *strips)
{
	uint8_t made[CODER_K_MAX];
	unsigned count = coder_solution_rows(sol, made);
	const uint8_t *in[CODER_K_MAX];
	uint8_t *out[CODER_K_MAX];

	for (unsigned i = 0; i < count; i++)
		out[i] = strips + (size_t)i * STRIP;
	for (uint32_t at = 0; count && at < s->width; at += STRIP) {
		for (unsigned i = 0; i < s->k; i++)
			in[i] = s->row[i] + at;
		coder_solution_run(sol, out, in, STRIP);
		for (unsigned i = 0; i < count; i++)
			memcpy(s->row[made[i]] + at, out[i], STRIP);
	}
}

enum err_code segment_solve(struct segment *s, struct err *e)
{
	enum err_code code =
		in_state(s, s->state == LOADING && s->loaded == s->k, e);
	struct coder_solution *sol = NULL;
	uint8_t *strips;

	if (code != ERR_NONE)
		return code;
	strips = malloc((size_t)s->k * STRIP);
	code = strips ? coder_solve(&sol, s->coder, s->held, e)
		      : err_fail(e, ERR_NOMEM, "segment: no memory");
	if (code == ERR_NONE) {
		run_solution(s, sol, strips);
		s->state = WHOLE;
	}
	coder_solution_free(sol);
	free(strips);
	return code;
}

/* --- out --- */

enum err_code segment_open(const struct segment *s, uint8_t out[FRAME_PLAIN],
			   unsigned frame, struct err *e)
{
	enum err_code code = in_state(
		s, s->state == WHOLE && s->keys.access == OBJECT_FULL, e);
	uint32_t at = frame % FRAMES_PER_ROW * FRAME_LEN;
	uint8_t nonce[AEAD_NONCE_LEN];

	if (code != ERR_NONE)
		return code;
	if (frame >= s->k * FRAMES_PER_ROW || at < s->offset ||
	    at - s->offset >= s->width)
		return err_fail(e, ERR_LIMIT, "segment: frame %u is not here",
				frame);
	nonce_for(nonce, s, frame);
	if (!aead_open(out, s->row[frame / FRAMES_PER_ROW] + (at - s->offset),
		       FRAME_LEN, NULL, 0, nonce, s->keys.full))
		return err_fail(e, ERR_SIG,
				"segment: frame %u does not open with this key",
				frame);
	return ERR_NONE;
}

enum err_code segment_frame(uint8_t out[FRAME_PLAIN],
			    const struct object_keys *keys,
			    const uint8_t salt[SEGMENT_SALT_LEN],
			    unsigned frame, const uint8_t *data, struct err *e)
{
	uint32_t at = frame % FRAMES_PER_ROW * FRAME_LEN;
	uint8_t nonce[AEAD_NONCE_LEN];
	struct xchacha *x;
	uint8_t *sealed;
	enum err_code code = ERR_NONE;

	if (keys->access != OBJECT_FULL)
		return err_fail(e, ERR_STATE, "segment: no key to open with");
	nonce_of(nonce, salt, WHITENING_INDEX + frame / FRAMES_PER_ROW);
	x = xchacha_new(keys->repair, nonce, at / XCHACHA_BLOCK);
	sealed = malloc(FRAME_LEN);
	if (!x || !sealed || !xchacha_xor(x, sealed, data, FRAME_LEN)) {
		code = err_fail(e, ERR_NOMEM, "segment: no memory");
	} else {
		nonce_of(nonce, salt, frame);
		if (!aead_open(out, sealed, FRAME_LEN, NULL, 0, nonce,
			       keys->full))
			code = err_fail(e, ERR_SIG,
					"segment: frame %u does not open with "
					"this key",
					frame);
	}
	free(sealed);
	xchacha_free(x);
	return code;
}

/* What making sectors needs besides their own memory. */
struct making {
	const struct segment *s;
	unsigned first, count;
	uint8_t *out;
	struct xchacha *streams[CODER_N_MAX];
	uint8_t *parity;       /* a tile of each parity row */
	struct hash32 *leaves; /* of a tile of each row */
	struct hash32 *tiles;  /* SECTOR_TILES of each row */
};

static bool making_init(struct making *m, const struct segment *s,
			unsigned first, unsigned count, uint8_t *out)
{
	memset(m, 0, sizeof(*m));
	m->s = s;
	m->first = first;
	m->count = count;
	m->out = out;
	m->parity = malloc((size_t)count * TREE_TILE);
	m->leaves =
		malloc((size_t)count * TREE_TILE_LEAVES * sizeof(*m->leaves));
	m->tiles = malloc((size_t)count * SECTOR_TILES * sizeof(*m->tiles));
	for (unsigned i = 0; i < count; i++) {
		m->streams[i] = whitening(s, first + i, 0);
		if (!m->streams[i])
			return false;
	}
	return m->parity && m->leaves && m->tiles;
}

static void making_clear(struct making *m)
{
	for (unsigned i = 0; i < m->count; i++)
		xchacha_free(m->streams[i]);
	free(m->tiles);
	free(m->leaves);
	free(m->parity);
}

/* Rows of parity among those to be made, from tile `tile` of all data rows. */
static void encode_tile(struct making *m, unsigned tile)
{
	const struct segment *s = m->s;
	unsigned first = m->first > s->k ? m->first : s->k;
	unsigned end = m->first + m->count;
	const uint8_t *in[CODER_K_MAX];
	uint8_t *out[CODER_N_MAX];

	if (end <= first)
		return;
	for (uint32_t at = 0; at < TREE_TILE; at += STRIP) {
		for (unsigned i = 0; i < s->k; i++)
			in[i] = s->row[i] + (size_t)tile * TREE_TILE + at;
		for (unsigned j = first; j < end; j++)
			out[j - first] = m->parity +
					 (size_t)(j - m->first) * TREE_TILE +
					 at;
		coder_encode(s->coder, first, end - first, out, in, STRIP);
	}
}

/* Codes, whitens and hashes a tile of every row while it is in the cache. */
static bool make_tile(struct making *m, unsigned tile)
{
	size_t at = (size_t)tile * TREE_TILE;

	encode_tile(m, tile);
	for (unsigned i = 0; i < m->count; i++) {
		unsigned row = m->first + i;
		const uint8_t *in = row < m->s->k
					    ? m->s->row[row] + at
					    : m->parity + (size_t)i * TREE_TILE;
		uint8_t *out = m->out + (size_t)i * SECTOR_LEN + at;

		if (!xchacha_xor(m->streams[i], out, in, TREE_TILE))
			return false;
		tree_leaf_nodes(m->leaves + (size_t)i * TREE_TILE_LEAVES, out,
				TREE_TILE_LEAVES);
	}
	tree_tiles_of_leaves(m->leaves, m->count);
	for (unsigned i = 0; i < m->count; i++)
		m->tiles[i * SECTOR_TILES + tile] = m->leaves[i];
	return true;
}

enum err_code segment_sectors(const struct segment *s, unsigned first,
			      unsigned count, uint8_t *out,
			      struct hash32 *roots, struct err *e)
{
	enum err_code code =
		in_state(s, s->state == WHOLE && s->width == SECTOR_LEN, e);
	struct making m;
	bool ok;

	if (code != ERR_NONE)
		return code;
	if (count == 0 || count > s->n || first > s->n - count)
		return err_fail(e, ERR_LIMIT, "segment: rows %u + %u of %u",
				first, count, s->n);
	ok = making_init(&m, s, first, count, out);
	for (unsigned tile = 0; ok && tile < SECTOR_TILES; tile++)
		ok = make_tile(&m, tile);
	for (unsigned i = 0; ok && i < count; i++)
		tree_root_of_tiles(&roots[i],
				   m.tiles + (size_t)i * SECTOR_TILES);
	making_clear(&m);
	if (!ok)
		return err_fail(e, ERR_NOMEM, "segment: no memory");
	return ERR_NONE;
}
