#include "storage/torrent/store_int.h"

#include "base/bits.h"
#include "base/hex.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct move { /* of one file */
	uint32_t file;
	bool aside;
	enum err_code code;
};

struct moves {
	struct work_job job; /* first */
	struct store *t;
	uint32_t n;
	struct err err; /* the first */
	struct move list[];
};

static bool bit(const uint8_t *bits, uint32_t file)
{
	return bits && (bits[file / 8] >> file % 8 & 1);
}

static size_t bytes_of(const struct store *t)
{
	return (size_t)t->layout.file_count / 8 + 1;
}

void store_aside_name(char out[STORE_ASIDE_CAP], const struct info_hash *hash)
{
	char hex[HEX_LEN(sizeof(hash->bytes))];

	(void)snprintf(out, STORE_ASIDE_CAP, ".%s.parts",
		       hex_encode(hex, hash->bytes, sizeof(hash->bytes)));
}

enum err_code store_aside_init(struct store *t, const struct store_cfg *cfg,
			       struct err *e)
{
	for (uint32_t i = 0; i < cfg->file_count; i++) {
		if (!cfg->files[i].unwanted)
			continue;
		if (!t->unwanted && !(t->unwanted = calloc(1, bytes_of(t))))
			return err_fail(e, ERR_NOMEM, "a store");
		t->unwanted[i / 8] |= (uint8_t)(1U << i % 8);
	}
	return ERR_NONE;
}

static bool is_complete(const struct store *t, uint32_t file)
{
	const struct layout_file *f = &t->layout.files[file];
	uint64_t first = f->offset / t->layout.piece_len;
	uint64_t end = f->offset + f->length;

	for (uint64_t i = first; i * t->layout.piece_len < end; i++)
		if (!bits_get(t->have, (uint32_t)i))
			return false;
	return true;
}

static void run_moves(struct work_job *job)
{
	struct moves *m = (struct moves *)(void *)job;

	for (uint32_t i = 0; i < m->n; i++)
		m->list[i].code = files_set_aside(m->t->files, m->list[i].file,
						  m->list[i].aside, &m->err);
}

/* Another file stands in its place: whatever was had of it is to be looked at
 * again. */
static void doubt(struct store *t, uint32_t file)
{
	const struct layout_file *f = &t->layout.files[file];

	if (f->length)
		store_suspect(t, f->offset, f->offset + f->length);
}

static void moves_done(struct work_job *job)
{
	struct moves *m = (struct moves *)(void *)job;
	struct store *t = m->t;

	t->moving = false;
	if (m->err.code != ERR_NONE)
		store_note(t, "not moved: %s", m->err.msg);
	for (uint32_t i = 0; i < m->n; i++)
		if (m->list[i].code == ERR_STATE)
			doubt(t, m->list[i].file);
	free(m);
	store_part_ended(t);
}

/* Becomes m, with those that have to move. */
static void collect(struct moves *m, const uint8_t *unwanted)
{
	struct store *t = m->t;

	for (uint32_t i = 0; i < t->layout.file_count; i++) {
		bool aside = bit(unwanted, i);

		if (t->layout.files[i].pad || aside == bit(t->unwanted, i) ||
		    (aside && is_complete(t, i)))
			continue;
		m->list[m->n++] = (struct move){.file = i, .aside = aside};
	}
}

enum err_code store_set_unwanted(struct store *t, const uint8_t *unwanted,
				 struct err *e)
{
	struct moves *m;
	uint8_t *copy;

	if (t->phase != PHASE_READY || t->moving || t->read_only)
		return err_fail(e, ERR_STATE,
				"its files cannot be moved just now");
	copy = malloc(bytes_of(t));
	m = calloc(1, sizeof(*m) + t->layout.file_count * sizeof(m->list[0]));
	if (!copy || !m) {
		free(copy);
		free(m);
		return err_fail(e, ERR_NOMEM, "a store");
	}
	memcpy(copy, unwanted, bytes_of(t));
	m->t = t;
	collect(m, unwanted);
	free(t->unwanted);
	t->unwanted = copy;
	m->job.run = run_moves;
	m->job.done = moves_done;
	t->moving = true;
	t->pending++;
	work_submit(t->env->cfg.work, NULL, &m->job);
	return ERR_NONE;
}
