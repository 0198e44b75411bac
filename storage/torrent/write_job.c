#include "storage/torrent/writer_int.h"

#include <stdlib.h>
#include <string.h>

/* Writes the run of blocks that starts at bit `from`; *end is the bit behind
 * it. */
static enum err_code write_run(const struct piece_writer_cfg *cfg,
			       const struct gather *g, uint32_t from,
			       uint32_t *end, struct err *e)
{
	const struct active *a = g->active;
	struct iovec iov[FILES_IOV_MAX];
	uint64_t at = layout_piece_offset(cfg->layout, a->piece) +
		      (uint64_t)g->chunk * STORE_CHUNK + from * STORE_BLOCK;
	unsigned n = 0;
	uint32_t i = from;

	for (; i < CHUNK_BLOCKS && g->mask >> i & 1; i++) {
		const struct slot *s = &g->slots[i];

		for (unsigned k = 0; k < s->n; k++, n++) {
			/* iovec is not const; pwritev only reads */
			iov[n].iov_base = (void *)(uintptr_t)s->spans[k].p;
			iov[n].iov_len = s->spans[k].len;
		}
	}
	*end = i;
	return files_write(cfg->files, at, iov, n, e);
}

static void write_gather(const struct piece_writer_cfg *cfg, struct part *p,
			 struct gather *g)
{
	uint32_t i = 0;

	while (i < CHUNK_BLOCKS && p->code == ERR_NONE) {
		uint32_t end;

		if (!((g->mask & ~g->wrote) >> i & 1)) {
			i++;
			continue;
		}
		p->code = write_run(cfg, g, i, &end, &p->err);
		for (; p->code == ERR_NONE && i < end; i++)
			g->wrote |= (uint16_t)(1U << i);
	}
}

/* The next block in order for the hash, if g has it: one stretch of memory. A
 * block that lies in two receive buffers is copied together, so that streams
 * stay in step. */
static const uint8_t *next_block(const struct gather *g, uint8_t *copy,
				 uint32_t *len)
{
	const struct active *a = g->active;
	uint32_t block = a->hashed / STORE_BLOCK;
	uint32_t bit = block - g->chunk * CHUNK_BLOCKS;
	const struct slot *s;
	size_t at = 0;

	if (a->hashed >= a->size || block / CHUNK_BLOCKS != g->chunk ||
	    !(g->wrote >> bit & 1))
		return NULL;
	s = &g->slots[bit];
	*len = block_len(a, block);
	if (s->n == 1)
		return s->spans[0].p;
	for (unsigned k = 0; k < s->n; k++) {
		memcpy(copy + at, s->spans[k].p, s->spans[k].len);
		at += s->spans[k].len;
	}
	return copy;
}

static void hash_block(struct active *a, const uint8_t *p, uint32_t len)
{
	sha1_update(&a->sha, p, len);
	a->hashed += len;
}

/* Bytes of the block that lie in its file; 0: padding. */
static uint32_t block_data(const struct active *a, uint32_t block)
{
	uint32_t at = block * STORE_BLOCK;
	uint32_t left = a->data > at ? a->data - at : 0;

	return left < STORE_BLOCK ? left : STORE_BLOCK;
}

static void leaf_alone(struct hash32 *out, const struct slot *s, uint32_t len)
{
	struct sha256 sha;

	sha256_init(&sha);
	for (unsigned k = 0; k < s->n && len > 0; k++) {
		size_t n = s->spans[k].len < len ? s->spans[k].len : len;

		sha256_update(&sha, s->spans[k].p, n);
		len -= (uint32_t)n;
	}
	sha256_final(&sha, out->bytes);
}

/* v2: the leaves of all blocks that it holds. Those that are whole and lie in
 * one stretch of memory are done together. */
static void hash_leaves(const struct gather *g)
{
	const struct active *a = g->active;
	struct hash32 leaves[CHUNK_BLOCKS];
	const uint8_t *in[CHUNK_BLOCKS];
	uint32_t at[CHUNK_BLOCKS], n = 0;

	for (uint32_t i = 0; i < CHUNK_BLOCKS; i++) {
		uint32_t block = g->chunk * CHUNK_BLOCKS + i, len;

		if (!(g->wrote >> i & 1))
			continue;
		len = block_data(a, block);
		if (len == STORE_BLOCK && g->slots[i].n == 1) {
			in[n] = g->slots[i].spans[0].p;
			at[n++] = block;
		} else if (len > 0) {
			leaf_alone(&a->leaves[block], &g->slots[i], len);
		}
	}
	sha256_each(leaves->bytes, in, STORE_BLOCK, n);
	for (uint32_t i = 0; i < n; i++)
		a->leaves[at[i]] = leaves[i];
}

/* Both may be NULL. */
static void hash_gathers(struct gather *x, struct gather *y)
{
	uint8_t copy_x[STORE_BLOCK], copy_y[STORE_BLOCK];

	for (;;) {
		uint32_t lx = 0, ly = 0;
		const uint8_t *px = x ? next_block(x, copy_x, &lx) : NULL;
		const uint8_t *py = y ? next_block(y, copy_y, &ly) : NULL;

		if (!px && !py)
			return;
		if (px && py && lx == ly) {
			sha1_update_pair(&x->active->sha, px, &y->active->sha,
					 py, lx);
			x->active->hashed += lx;
			y->active->hashed += ly;
			continue;
		}
		if (px)
			hash_block(x->active, px, lx);
		if (py)
			hash_block(y->active, py, ly);
	}
}

/* What was not hashed in order is read back. */
static void hash_rest(const struct piece_writer_cfg *cfg, struct part *p)
{
	struct active *a = p->a;
	uint64_t base = layout_piece_offset(cfg->layout, a->piece);
	uint8_t *buf = a->hashed < a->size ? malloc(STORE_CHUNK) : NULL;

	while (a->hashed < a->size && p->code == ERR_NONE) {
		uint32_t left = a->size - a->hashed;
		uint32_t n = left < STORE_CHUNK ? left : STORE_CHUNK;

		if (!buf)
			p->code = err_fail(&p->err, ERR_NOMEM, "a buffer");
		else
			p->code = files_read(cfg->files, buf, base + a->hashed,
					     n, &p->err);
		if (p->code == ERR_NONE)
			hash_block(a, buf, n);
	}
	free(buf);
}

/* The piece may be judged once more (see PIECE_CONTRADICTS), so what it was
 * made of stays as it is. */
static void end_root(struct part *p, struct hash32 *root)
{
	const struct active *a = p->a;
	struct merkle tree;

	merkle_init(&tree, 0);
	merkle_add(&tree, a->leaves, merkle_blocks(a->data));
	merkle_end(&tree, root, a->top);
}

/* v1 counts the padding that was not asked for. */
static void end_sha1(const struct piece_writer_cfg *cfg, struct part *p,
		     uint8_t digest[SHA1_LEN])
{
	static const uint8_t zeroes[STORE_BLOCK];
	const struct active *a = p->a;
	uint32_t left = layout_piece_size(cfg->layout, a->piece) - a->size;
	struct sha1 sha = a->sha;

	for (uint32_t n; left > 0; left -= n) {
		n = left < STORE_BLOCK ? left : STORE_BLOCK;
		sha1_update(&sha, zeroes, n);
	}
	sha1_final(&sha, digest);
}

static void judge(const struct piece_writer_cfg *cfg, struct part *p)
{
	struct piece_digest digest;
	enum piece_fit fit;

	if (cfg->sums.sha1s)
		hash_rest(cfg, p);
	if (p->code == ERR_STATE) { /* cut under our hands: not good, then */
		p->code = ERR_NONE;
		p->ok = false;
		return;
	}
	if (p->code != ERR_NONE)
		return;
	if (cfg->sums.sha1s)
		end_sha1(cfg, p, digest.sha1);
	if (cfg->sums.roots)
		end_root(p, &digest.root);
	fit = piece_sums_fit(&cfg->sums, p->a->piece, &digest);
	p->ok = fit == PIECE_FITS;
	if (fit == PIECE_CONTRADICTS)
		p->code = err_fail(&p->err, ERR_SIG,
				   "the torrent contradicts itself: piece %u "
				   "fits one of its two hashes only",
				   p->a->piece);
}

/* Two pieces (or one: y NULL) chunk by chunk: write both, hash both. */
static void run_parts(const struct piece_writer_cfg *cfg, struct part *x,
		      struct part *y)
{
	struct gather *gx = x->list, *gy = y ? y->list : NULL;

	while (gx || gy) {
		if (gx)
			write_gather(cfg, x, gx);
		if (gy)
			write_gather(cfg, y, gy);
		if (cfg->sums.roots && gx && x->code == ERR_NONE)
			hash_leaves(gx);
		if (cfg->sums.roots && gy && y->code == ERR_NONE)
			hash_leaves(gy);
		if (cfg->sums.sha1s)
			hash_gathers(gx, gy);
		gx = gx && x->code == ERR_NONE ? gx->next : NULL;
		gy = gy && y->code == ERR_NONE ? gy->next : NULL;
	}
	if (x->final && x->code == ERR_NONE)
		judge(cfg, x);
	if (y && y->final && y->code == ERR_NONE)
		judge(cfg, y);
}

void write_job_run(struct work_job *job)
{
	struct write_job *j = (struct write_job *)(void *)job;
	const struct piece_writer_cfg *cfg = j->cfg;
	struct err e = {0};
	enum err_code code = ERR_NONE;

	if (j->make_empty)
		code = files_make_empty(cfg->files, &e);
	for (uint32_t i = 0; i < j->count; i += 2) {
		struct part *y = i + 1 < j->count ? &j->parts[i + 1] : NULL;

		if (code == ERR_NONE) {
			run_parts(cfg, &j->parts[i], y);
			continue;
		}
		j->parts[i].code = code;
		j->parts[i].err = e;
		if (y)
			y->code = code;
	}
}
