#include "storage/torrent/piece_check.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SLOTS 4U
#define BATCH_PIECES 64U
#define BATCH_BYTES (4U << 20)
#define STEP (256U * 1024U) /* of each of two pieces: both stay in L2 */

struct slot {
	struct work_job job; /* first, see slot_of() */
	struct piece_check *check;
	uint8_t *buf; /* 2 * STEP */
	uint32_t count;
	uint64_t bytes;
	uint32_t pieces[BATCH_PIECES];
	enum err_code codes[BATCH_PIECES];
	uint8_t digests[BATCH_PIECES][SHA1_LEN];
	struct err err; /* of the last piece that failed */
};

struct piece_check {
	struct work *work;
	struct files *files;
	const struct layout *layout;
	const struct piece_check_ops *ops;
	void *ctx;
	uint8_t *todo;
	uint32_t next; /* pieces below it were given out */
	uint64_t done, total;
	unsigned running;
	bool cancelled;
	bool spare_cache; /* larger than the page cache should hold */
	struct slot *slots[SLOTS];
};

static struct slot *slot_of(struct work_job *job)
{
	return (struct slot *)(void *)job;
}

/* --- at a worker --- */

/* Hashes bytes [from, size) of one piece on top of `s`. */
static enum err_code hash_rest(struct slot *slot, struct sha1 *s,
			       uint32_t piece, uint32_t from, struct err *e)
{
	const struct layout *l = slot->check->layout;
	uint64_t base = layout_piece_offset(l, piece);
	uint32_t size = layout_piece_size(l, piece);

	while (from < size) {
		uint32_t n = size - from < 2 * STEP ? size - from : 2 * STEP;
		enum err_code code = files_read(slot->check->files, slot->buf,
						base + from, n, e);

		if (code != ERR_NONE)
			return code;
		sha1_update(s, slot->buf, n);
		from += n;
	}
	return ERR_NONE;
}

static void hash_one(struct slot *slot, uint32_t i, struct sha1 *s,
		     uint32_t from)
{
	struct err e = {0};

	slot->codes[i] = hash_rest(slot, s, slot->pieces[i], from, &e);
	if (slot->codes[i] == ERR_NONE)
		sha1_final(s, slot->digests[i]);
	else
		slot->err = e;
}

/* Pieces i and i + 1 in step, as far as both go. What cannot be read in step is
 * left to hash_one(), which finds out which of the two it was. */
static void hash_two(struct slot *slot, uint32_t i)
{
	struct piece_check *c = slot->check;
	uint64_t base[2];
	uint32_t size, at = 0;
	struct sha1 s[2];

	base[0] = layout_piece_offset(c->layout, slot->pieces[i]);
	base[1] = layout_piece_offset(c->layout, slot->pieces[i + 1]);
	/* only the last piece of a torrent is shorter, and it comes second */
	size = layout_piece_size(c->layout, slot->pieces[i + 1]);
	sha1_init(&s[0]);
	sha1_init(&s[1]);
	while (at < size) {
		uint32_t n = size - at < STEP ? size - at : STEP;

		if (files_read(c->files, slot->buf, base[0] + at, n, NULL) !=
			    ERR_NONE ||
		    files_read(c->files, slot->buf + STEP, base[1] + at, n,
			       NULL) != ERR_NONE)
			break;
		sha1_update_pair(&s[0], slot->buf, &s[1], slot->buf + STEP, n);
		at += n;
	}
	hash_one(slot, i, &s[0], at);
	hash_one(slot, i + 1, &s[1], at);
}

static void run_batch(struct work_job *job)
{
	struct slot *slot = slot_of(job);
	struct piece_check *c = slot->check;
	const struct layout *l = c->layout;
	uint8_t probe;
	bool was_cached = true;
	uint32_t i = 0;

	if (slot->count == 0)
		return;
	if (c->spare_cache)
		was_cached = files_read_now(
			c->files, &probe,
			layout_piece_offset(l, slot->pieces[0]), 1);
	for (; i + 1 < slot->count; i += 2)
		hash_two(slot, i);
	if (i < slot->count) {
		struct sha1 s;

		sha1_init(&s);
		hash_one(slot, i, &s, 0);
	}
	/* what we brought in goes out again; what others use stays */
	for (i = 0; !was_cached && i < slot->count; i++)
		files_drop_cached(c->files,
				  layout_piece_offset(l, slot->pieces[i]),
				  layout_piece_size(l, slot->pieces[i]));
}

/* --- on the loop --- */

static bool wanted(const struct piece_check *c, uint32_t piece)
{
	return !c->todo || (c->todo[piece / 8] >> (7 - piece % 8) & 1);
}

static void fill_batch(struct piece_check *c, struct slot *slot)
{
	slot->count = 0;
	slot->bytes = 0;
	while (c->next < c->layout->piece_count && slot->count < BATCH_PIECES &&
	       (slot->bytes < BATCH_BYTES || slot->count < 2)) {
		uint32_t piece = c->next++;

		if (!wanted(c, piece))
			continue;
		slot->pieces[slot->count++] = piece;
		slot->bytes += layout_piece_size(c->layout, piece);
	}
}

static void end(struct piece_check *c)
{
	const struct piece_check_ops *ops = c->ops;
	void *ctx = c->ctx;
	bool whole = !c->cancelled;

	for (unsigned i = 0; i < SLOTS; i++) {
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

static void batch_done(struct work_job *job)
{
	struct slot *slot = slot_of(job);
	struct piece_check *c = slot->check;

	for (uint32_t i = 0; i < slot->count && !c->cancelled; i++) {
		bool ok = slot->codes[i] == ERR_NONE;

		c->ops->piece(c->ctx, slot->pieces[i],
			      ok ? slot->digests[i] : NULL,
			      ok ? NULL : &slot->err);
	}
	c->done += slot->bytes;
	if (!c->cancelled && c->ops->progress)
		c->ops->progress(c->ctx, c->done, c->total);
	c->running--;
	if (!c->cancelled) {
		fill_batch(c, slot);
		if (slot->count > 0)
			submit(c, slot);
	}
	if (c->running == 0)
		end(c);
}

static struct slot *slot_new(struct piece_check *c)
{
	struct slot *slot = calloc(1, sizeof(*slot));

	if (!slot)
		return NULL;
	slot->buf = malloc((size_t)2 * STEP);
	if (!slot->buf) {
		free(slot);
		return NULL;
	}
	slot->check = c;
	slot->job.run = run_batch;
	slot->job.done = batch_done;
	return slot;
}

static uint64_t bytes_to_do(const struct piece_check *c)
{
	uint64_t total = 0;

	if (!c->todo)
		return c->layout->total;
	for (uint32_t i = 0; i < c->layout->piece_count; i++)
		if (wanted(c, i))
			total += layout_piece_size(c->layout, i);
	return total;
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
	bool ok = c != NULL;

	*out = NULL;
	if (ok) {
		c->work = cfg->work;
		c->files = cfg->files;
		c->layout = cfg->layout;
		c->ctx = ctx;
		if (cfg->todo)
			c->todo = malloc(bytes);
		ok = !cfg->todo || c->todo;
	}
	for (unsigned i = 0; ok && i < SLOTS; i++)
		ok = (c->slots[i] = slot_new(c)) != NULL;
	if (!ok) {
		if (c)
			end(c); /* without ops: no callback */
		return err_fail(e, ERR_NOMEM, "buffers for a check");
	}
	if (cfg->todo)
		memcpy(c->todo, cfg->todo, bytes);
	c->ops = ops;
	c->total = bytes_to_do(c);
	c->spare_cache = larger_than_cache(c->total);
	for (unsigned i = 0; i < SLOTS; i++) {
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
