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

/* A piece that is being hashed. */
struct lane {
	struct gather *g;
	uint8_t *copy; /* STORE_BLOCK, when it was needed */
};

/* A block that lies in several receive buffers, in one stretch: `copy`. */
static const uint8_t *joined(uint8_t *copy, const struct slot *s)
{
	size_t at = 0;

	for (unsigned k = 0; k < s->n; k++) {
		memcpy(copy + at, s->spans[k].p, s->spans[k].len);
		at += s->spans[k].len;
	}
	return copy;
}

/* The next block in order for the hash, if the lane's chunk has it. */
static const uint8_t *next_block(struct lane *lane, uint32_t *len)
{
	const struct gather *g = lane->g;
	const struct active *a = g ? g->active : NULL;
	uint32_t block, bit;

	if (!a || a->hashed >= a->size)
		return NULL;
	block = a->hashed / STORE_BLOCK;
	bit = block - g->chunk * CHUNK_BLOCKS;
	if (block / CHUNK_BLOCKS != g->chunk || !(g->wrote >> bit & 1))
		return NULL;
	*len = block_len(a, block);
	if (g->slots[bit].n == 1)
		return g->slots[bit].spans[0].p;
	if (!lane->copy)
		lane->copy = malloc(STORE_BLOCK);
	return lane->copy ? joined(lane->copy, &g->slots[bit]) : NULL;
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

/* Of a chunk whose blocks came in order from one peer, one or two lie in two
 * receive buffers. */
#define JOINED 2U

/* v2: the leaves of all blocks that it holds. Those that are whole are done
 * together, in one stretch of memory each. */
static void hash_leaves(const struct gather *g)
{
	const struct active *a = g->active;
	uint8_t copies[JOINED][STORE_BLOCK];
	struct hash32 leaves[CHUNK_BLOCKS];
	const uint8_t *in[CHUNK_BLOCKS];
	uint32_t at[CHUNK_BLOCKS], n = 0, copied = 0;

	for (uint32_t i = 0; i < CHUNK_BLOCKS; i++) {
		uint32_t block = g->chunk * CHUNK_BLOCKS + i, len;
		const struct slot *s = &g->slots[i];

		if (!(g->wrote >> i & 1))
			continue;
		len = block_data(a, block);
		if (len == STORE_BLOCK && (s->n == 1 || copied < JOINED)) {
			in[n] = s->n == 1 ? s->spans[0].p
					  : joined(copies[copied++], s);
			at[n++] = block;
		} else if (len > 0) {
			leaf_alone(&a->leaves[block], s, len);
		}
	}
	sha256_each(leaves->bytes, in, STORE_BLOCK, n);
	for (uint32_t i = 0; i < n; i++)
		a->leaves[at[i]] = leaves[i];
}

/* A block of each lane that has one. All but the last of a piece are as long as
 * each other, and those go in step. False: none has any more. */
static bool hash_step(struct lane *lanes, uint32_t n)
{
	struct sha1 *s[JOB_PARTS];
	const uint8_t *p[JOB_PARTS];
	uint32_t count = 0;
	bool any = false;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t len = 0;
		const uint8_t *block = next_block(&lanes[i], &len);
		struct active *a;

		if (!block)
			continue;
		any = true;
		a = lanes[i].g->active;
		if (len != STORE_BLOCK) {
			hash_block(a, block, len);
			continue;
		}
		s[count] = &a->sha;
		p[count++] = block;
		a->hashed += len;
	}
	sha1_update_many(s, p, STORE_BLOCK, count);
	return any;
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

/* A chunk of each part: written, then hashed from memory. */
static void run_chunks(const struct piece_writer_cfg *cfg, struct part *parts,
		       struct lane *lanes, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct gather *g = lanes[i].g;

		if (!g)
			continue;
		write_gather(cfg, &parts[i], g);
		if (cfg->sums.roots && parts[i].code == ERR_NONE)
			hash_leaves(g);
	}
	while (cfg->sums.sha1s && hash_step(lanes, n)) {
		/* the next block of each */
	}
}

static void run_parts(const struct piece_writer_cfg *cfg, struct part *parts,
		      uint32_t n)
{
	struct lane lanes[JOB_PARTS] = {{0}};
	bool more = true;

	for (uint32_t i = 0; i < n; i++)
		lanes[i].g = parts[i].list;
	while (more) {
		run_chunks(cfg, parts, lanes, n);
		more = false;
		for (uint32_t i = 0; i < n; i++) {
			struct gather *g = lanes[i].g;

			lanes[i].g =
				g && parts[i].code == ERR_NONE ? g->next : NULL;
			more = more || lanes[i].g;
		}
	}
	for (uint32_t i = 0; i < n; i++) {
		free(lanes[i].copy);
		if (parts[i].final && parts[i].code == ERR_NONE)
			judge(cfg, &parts[i]);
	}
}

void write_job_run(struct work_job *job)
{
	struct write_job *j = (struct write_job *)(void *)job;
	const struct piece_writer_cfg *cfg = j->cfg;
	struct err e = {0};
	enum err_code code = ERR_NONE;

	if (j->make_empty)
		code = files_make_empty(cfg->files, &e);
	if (code == ERR_NONE) {
		run_parts(cfg, j->parts, j->count);
		return;
	}
	for (uint32_t i = 0; i < j->count; i++) {
		j->parts[i].code = code;
		j->parts[i].err = e;
	}
}
