#include "storage/torrent/piece_check.h"

#include "base/merkle.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_SLOTS 8U
#define LANES 16U	      /* pieces hashed in step */
#define BATCH_PIECES 64U      /* given to a worker together */
#define BUFFER (512U * 1024U) /* parts of all lanes: they stay in L2 */
#define BLOCKS (BUFFER / MERKLE_BLOCK)
#define SLICE (8U << 20) /* bytes after which a worker is free again */
#define AHEAD (4U << 20) /* of a piece, asked of the disk in one go */

/* A piece of the group that is being hashed. */
struct lane {
	uint64_t base;
	uint32_t size; /* bytes of it that are hashed */
	uint32_t data; /* v2: of them in its file */
	unsigned top;  /* v2: height of its root */
	enum err_code code;
	struct sha1 sha1;
	struct merkle tree;
};

struct slot {
	struct work_job job; /* first, see slot_of() */
	struct piece_check *check;
	uint8_t *buf; /* BUFFER */
	uint32_t count;
	uint32_t pieces[BATCH_PIECES];
	enum err_code codes[BATCH_PIECES];
	struct piece_digest digests[BATCH_PIECES];
	struct err err; /* of the last piece that failed */
	/* how far it is: whole groups, and bytes of each piece of the next */
	uint32_t first, at;
	uint32_t ahead;	 /* of each piece that the disk was asked for */
	uint64_t hashed; /* in this slice */
	bool cached;	 /* the group's bytes need no disk */
	struct lane lanes[LANES];
};

struct piece_check {
	struct work *work;
	struct files *files;
	const struct layout *layout;
	const struct piece_check_ops *ops;
	void *ctx;
	uint8_t *todo;
	unsigned kinds;
	uint32_t width; /* lanes of a group */
	uint32_t part;	/* bytes of each that are hashed in step */
	uint32_t next;	/* pieces below it were given out */
	uint64_t done, total;
	unsigned running;
	bool cancelled;
	bool spare_cache; /* larger than the page cache should hold */
	struct slot *slots[MAX_SLOTS];
};

static struct slot *slot_of(struct work_job *job)
{
	return (struct slot *)(void *)job;
}

/* Bytes of the piece that are read. */
static uint32_t bytes_of(const struct piece_check *c, uint32_t piece)
{
	unsigned top;

	return c->kinds & PIECE_SHA1
		       ? layout_piece_size(c->layout, piece)
		       : layout_piece_data(c->layout, piece, &top);
}

/* --- at a worker --- */

static uint32_t group_size(const struct slot *slot)
{
	uint32_t left = slot->count - slot->first, width = slot->check->width;

	return left < width ? left : width;
}

static void lane_fail(struct slot *slot, struct lane *lane, enum err_code code,
		      const struct err *e)
{
	slot->hashed += lane->size - slot->at; /* there will be no more */
	slot->err = *e;
	lane->code = code;
	lane->size = 0;
}

static void begin_group(struct slot *slot, uint32_t n)
{
	const struct piece_check *c = slot->check;
	uint8_t probe;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t piece = slot->pieces[slot->first + i];
		struct lane *lane = &slot->lanes[i];

		lane->base = layout_piece_offset(c->layout, piece);
		lane->size = bytes_of(c, piece);
		lane->code = ERR_NONE;
		if (c->kinds & PIECE_SHA1)
			sha1_init(&lane->sha1);
		if (c->kinds & PIECE_ROOT) {
			lane->data =
				layout_piece_data(c->layout, piece, &lane->top);
			merkle_init(&lane->tree, 0);
		}
	}
	slot->ahead = 0;
	slot->cached = files_read_now(c->files, &probe, slot->lanes[0].base, 1);
}

/* The disk reads each piece in one go, though we take parts of many by turns.
 */
static void read_ahead(struct slot *slot, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct lane *lane = &slot->lanes[i];
		uint32_t left =
			lane->size > slot->at ? lane->size - slot->at : 0;

		files_will_need(slot->check->files, lane->base + slot->at,
				left < AHEAD ? left : AHEAD);
	}
	slot->ahead = slot->at + AHEAD;
}

static uint32_t part_of(const struct slot *slot, const struct lane *lane)
{
	uint32_t left = lane->size > slot->at ? lane->size - slot->at : 0;

	return left < slot->check->part ? left : slot->check->part;
}

static uint8_t *buf_of(const struct slot *slot, uint32_t i)
{
	return slot->buf + (size_t)i * slot->check->part;
}

/* Small pieces that follow each other are read together. */
static bool read_in_one(struct slot *slot, uint32_t n)
{
	const struct piece_check *c = slot->check;
	uint64_t base = slot->lanes[0].base, len;

	if (c->part < c->layout->piece_len || n < 2)
		return false;
	for (uint32_t i = 1; i < n; i++)
		if (slot->lanes[i].base !=
		    base + (uint64_t)i * c->layout->piece_len)
			return false;
	len = slot->lanes[n - 1].base + slot->lanes[n - 1].size - base;
	return files_read(c->files, slot->buf, base, (size_t)len, NULL) ==
	       ERR_NONE;
}

static void read_parts(struct slot *slot, uint32_t n)
{
	if (read_in_one(slot, n))
		return;
	for (uint32_t i = 0; i < n; i++) {
		struct lane *lane = &slot->lanes[i];
		uint32_t len = part_of(slot, lane);
		struct err e = {0};
		enum err_code code =
			len == 0 ? ERR_NONE
				 : files_read(slot->check->files,
					      buf_of(slot, i),
					      lane->base + slot->at, len, &e);

		if (code != ERR_NONE)
			lane_fail(slot, lane, code, &e);
	}
}

/* All but the last piece of a torrent are as long as each other. */
static void hash_sha1(struct slot *slot, uint32_t n)
{
	struct sha1 *s[LANES];
	const uint8_t *p[LANES];
	uint32_t full = 0, len = 0;

	for (uint32_t i = 0; i < n; i++)
		if (part_of(slot, &slot->lanes[i]) > len)
			len = part_of(slot, &slot->lanes[i]);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t part = part_of(slot, &slot->lanes[i]);

		if (part < len) {
			sha1_update(&slot->lanes[i].sha1, buf_of(slot, i),
				    part);
			continue;
		}
		s[full] = &slot->lanes[i].sha1;
		p[full++] = buf_of(slot, i);
	}
	sha1_update_many(s, p, len, full);
}

/* Bytes of the part that are the file's. */
static uint32_t data_part(const struct slot *slot, const struct lane *lane)
{
	uint32_t part = part_of(slot, lane);
	uint32_t left = lane->data > slot->at ? lane->data - slot->at : 0;

	return left < part ? left : part;
}

static void hash_roots(struct slot *slot, uint32_t n)
{
	const uint8_t *blocks[BLOCKS] = {NULL};
	struct hash32 leaves[BLOCKS];
	uint32_t count = 0, at = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t whole =
			data_part(slot, &slot->lanes[i]) / MERKLE_BLOCK;

		for (uint32_t k = 0; k < whole; k++)
			blocks[count++] = buf_of(slot, i) + k * MERKLE_BLOCK;
	}
	sha256_each(leaves->bytes, blocks, MERKLE_BLOCK, count);
	for (uint32_t i = 0; i < n; i++) {
		struct lane *lane = &slot->lanes[i];
		uint32_t len = data_part(slot, lane);

		merkle_add(&lane->tree, leaves + at, len / MERKLE_BLOCK);
		at += len / MERKLE_BLOCK;
		if (len % MERKLE_BLOCK)
			merkle_add_data(&lane->tree,
					buf_of(slot, i) + len -
						len % MERKLE_BLOCK,
					len % MERKLE_BLOCK);
	}
}

/* The next part of each piece of the group. False: that was the last. */
static bool hash_parts(struct slot *slot, uint32_t n)
{
	bool more = false;

	if (!slot->cached && slot->at >= slot->ahead)
		read_ahead(slot, n);
	read_parts(slot, n);
	if (slot->check->kinds & PIECE_SHA1)
		hash_sha1(slot, n);
	if (slot->check->kinds & PIECE_ROOT)
		hash_roots(slot, n);
	for (uint32_t i = 0; i < n; i++)
		slot->hashed += part_of(slot, &slot->lanes[i]);
	slot->at += slot->check->part;
	for (uint32_t i = 0; i < n; i++)
		more = more || slot->lanes[i].size > slot->at;
	return more;
}

static void end_group(struct slot *slot, uint32_t n)
{
	const struct piece_check *c = slot->check;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t k = slot->first + i;
		struct lane *lane = &slot->lanes[i];

		slot->codes[k] = lane->code;
		if (c->kinds & PIECE_SHA1)
			sha1_final(&lane->sha1, slot->digests[k].sha1);
		if (c->kinds & PIECE_ROOT)
			merkle_end(&lane->tree, &slot->digests[k].root,
				   lane->top);
		/* what we brought in goes out again; what others use stays */
		if (c->spare_cache && !slot->cached)
			files_drop_cached(
				c->files, lane->base,
				layout_piece_size(c->layout, slot->pieces[k]));
	}
	slot->first += n;
	slot->at = 0;
}

static void run_slice(struct work_job *job)
{
	struct slot *slot = slot_of(job);

	slot->hashed = 0;
	while (slot->first < slot->count && slot->hashed < SLICE) {
		uint32_t n = group_size(slot);

		if (slot->at == 0)
			begin_group(slot, n);
		if (!hash_parts(slot, n))
			end_group(slot, n);
	}
}

/* --- on the loop --- */

static bool wanted(const struct piece_check *c, uint32_t piece)
{
	return !c->todo || (c->todo[piece / 8] >> (7 - piece % 8) & 1);
}

/* A group at least, more of them as long as they are small. */
static void fill_batch(struct piece_check *c, struct slot *slot)
{
	uint64_t bytes = 0;

	slot->count = 0;
	slot->first = 0;
	slot->at = 0;
	while (c->next < c->layout->piece_count && slot->count < BATCH_PIECES &&
	       (slot->count < c->width || bytes < SLICE)) {
		uint32_t piece = c->next++;

		if (!wanted(c, piece))
			continue;
		slot->pieces[slot->count++] = piece;
		bytes += bytes_of(c, piece);
	}
}

static void end(struct piece_check *c)
{
	const struct piece_check_ops *ops = c->ops;
	void *ctx = c->ctx;
	bool whole = !c->cancelled;

	for (unsigned i = 0; i < MAX_SLOTS; i++) {
		if (c->slots[i])
			free(c->slots[i]->buf);
		free(c->slots[i]);
	}
	free(c->todo);
	free(c);
	if (ops)
		ops->done(ctx, whole);
}

static void submit(struct piece_check *c, struct slot *slot)
{
	c->running++;
	work_submit(c->work, NULL, &slot->job);
}

static void tell_batch(struct piece_check *c, const struct slot *slot)
{
	for (uint32_t i = 0; i < slot->count && !c->cancelled; i++) {
		bool ok = slot->codes[i] == ERR_NONE;

		c->ops->piece(c->ctx, slot->pieces[i],
			      ok ? &slot->digests[i] : NULL,
			      ok ? NULL : &slot->err);
	}
}

static void slice_done(struct work_job *job)
{
	struct slot *slot = slot_of(job);
	struct piece_check *c = slot->check;
	bool whole = slot->first == slot->count;

	if (whole)
		tell_batch(c, slot);
	c->done += slot->hashed;
	if (!c->cancelled && c->ops->progress)
		c->ops->progress(c->ctx, c->done, c->total);
	c->running--;
	if (!c->cancelled && whole)
		fill_batch(c, slot);
	if (!c->cancelled && slot->count > 0)
		submit(c, slot);
	if (c->running == 0)
		end(c);
}

static struct slot *slot_new(struct piece_check *c)
{
	struct slot *slot = calloc(1, sizeof(*slot));

	if (!slot)
		return NULL;
	slot->buf = malloc(BUFFER);
	if (!slot->buf) {
		free(slot);
		return NULL;
	}
	slot->check = c;
	slot->job.run = run_slice;
	slot->job.done = slice_done;
	return slot;
}

/* One more than workers, so that none waits for the loop. */
static unsigned slot_count(const struct piece_check *c)
{
	unsigned n = work_threads(c->work) + 1;

	return n < MAX_SLOTS ? n : MAX_SLOTS;
}

static void count_todo(struct piece_check *c, uint32_t *pieces)
{
	*pieces = 0;
	for (uint32_t i = 0; i < c->layout->piece_count; i++) {
		if (!wanted(c, i))
			continue;
		(*pieces)++;
		c->total += bytes_of(c, i);
	}
}

/* How many pieces in step, and how much of each: SHA-1 wants sixteen, but no
 * worker idle; roots alone want a full buffer, in the order of the disk. */
static void choose_width(struct piece_check *c, uint32_t pieces)
{
	unsigned threads = work_threads(c->work);
	uint32_t each = (pieces + threads - 1) / threads;
	uint32_t piece_len = c->layout->piece_len;

	c->width = c->kinds & PIECE_SHA1 ? LANES : BUFFER / piece_len;
	if (c->width > each)
		c->width = each;
	if (c->width > LANES)
		c->width = LANES;
	if (c->width == 0)
		c->width = 1;
	c->part = BUFFER / c->width / MERKLE_BLOCK * MERKLE_BLOCK;
	if (c->part > piece_len)
		c->part = piece_len;
}

static bool larger_than_cache(uint64_t bytes)
{
	long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);

	return pages > 0 && size > 0 &&
	       bytes > (uint64_t)pages * (uint64_t)size / 4;
}

enum err_code piece_check_start(struct piece_check **out,
				const struct piece_check_cfg *cfg,
				const struct piece_check_ops *ops, void *ctx,
				struct err *e)
{
	size_t bytes = ((size_t)cfg->layout->piece_count + 7) / 8;
	struct piece_check *c = calloc(1, sizeof(*c));
	unsigned slots = 0;
	uint32_t pieces;
	bool ok = c != NULL;

	*out = NULL;
	if (ok) {
		c->work = cfg->work;
		c->files = cfg->files;
		c->layout = cfg->layout;
		c->kinds = cfg->kinds;
		c->ctx = ctx;
		if (cfg->todo)
			c->todo = malloc(bytes);
		ok = !cfg->todo || c->todo;
		slots = slot_count(c);
	}
	for (unsigned i = 0; ok && i < slots; i++)
		ok = (c->slots[i] = slot_new(c)) != NULL;
	if (!ok) {
		if (c)
			end(c); /* without ops: no callback */
		return err_fail(e, ERR_NOMEM, "buffers for a check");
	}
	if (cfg->todo)
		memcpy(c->todo, cfg->todo, bytes);
	c->ops = ops;
	count_todo(c, &pieces);
	choose_width(c, pieces);
	c->spare_cache = larger_than_cache(c->total);
	for (unsigned i = 0; i < slots; i++) {
		fill_batch(c, c->slots[i]);
		/* an empty one too, once: done() must come from the loop */
		if (c->slots[i]->count > 0 || i == 0)
			submit(c, c->slots[i]);
	}
	*out = c;
	return ERR_NONE;
}

void piece_check_cancel(struct piece_check *c)
{
	if (c)
		c->cancelled = true;
}
