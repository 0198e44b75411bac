#include "storage/torrent/store_scan.h"

#include "base/bits.h"

#include <stdlib.h>
#include <string.h>

enum verdict {		/* on one file */
	       SAME,	/* as it was recorded */
	       CHANGED, /* not as recorded, or there without a record */
	       MISSING, /* not there */
};

static const struct resume_stamp *stamp_of(const struct resume_state *r,
					   uint32_t file, uint32_t *at)
{
	while (*at < r->stamp_count && r->stamps[*at].file < file)
		(*at)++;
	return *at < r->stamp_count && r->stamps[*at].file == file
		       ? &r->stamps[*at]
		       : NULL;
}

static enum verdict judge_file(const struct store_scan *s, uint32_t file,
			       const struct resume_stamp *stamp)
{
	const struct resume_state *r = s->record;
	struct files_stat st;

	files_stat_one(s->files, file, &st);
	if (!st.exists)
		return MISSING;
	files_expect(s->files, file, &st); /* what follows rests on it */
	if (!stamp)
		return CHANGED;
	if (st.size == stamp->size && st.mtime_ns == stamp->mtime_ns)
		return SAME;
	/* we were writing when we ended: it grew and its time moved on */
	if (r->open && st.size >= stamp->size && st.mtime_ns >= stamp->mtime_ns)
		return SAME;
	return CHANGED;
}

static void judge_files(struct store_scan *s, uint8_t *verdicts)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < s->layout->file_count; i++) {
		const struct resume_stamp *stamp = stamp_of(s->record, i, &at);

		if (s->layout->files[i].pad) {
			verdicts[i] = SAME;
			continue;
		}
		verdicts[i] = (uint8_t)judge_file(s, i, stamp);
		s->files_changed += stamp && verdicts[i] == CHANGED;
		s->files_missing += stamp && verdicts[i] == MISSING;
		s->files_there += verdicts[i] != MISSING && stamp;
		if (verdicts[i] == CHANGED || (stamp && verdicts[i] == MISSING))
			bits_set(s->stamp, i);
	}
}

/* The worst verdict on the files that a piece lies in. */
static enum verdict judge_piece(const struct store_scan *s, uint32_t piece,
				const uint8_t *verdicts)
{
	uint64_t offset = layout_piece_offset(s->layout, piece);
	uint32_t size = layout_piece_size(s->layout, piece);
	struct layout_part part = {0};
	enum verdict worst = SAME;

	while (layout_next(s->layout, offset, size, &part))
		if (verdicts[part.file] > worst)
			worst = (enum verdict)verdicts[part.file];
	return worst;
}

/* Whether hashing it can find it good. `zero`: what a whole piece of zeroes
 * comes to; of a piece that is shorter we have to look. */
static bool worth_hashing(const struct store_scan *s, uint32_t piece,
			  const struct piece_digest *zero)
{
	unsigned kinds = piece_sums_kinds(s->sums), top;
	struct piece_digest own;

	switch (files_content(s->files, layout_piece_offset(s->layout, piece),
			      layout_piece_size(s->layout, piece))) {
	case FILES_SHORT:
		return false;
	case FILES_DATA:
		return true;
	case FILES_HOLE:
		break;
	}
	if (layout_piece_size(s->layout, piece) == s->layout->piece_len &&
	    (!(kinds & PIECE_ROOT) ||
	     layout_piece_data(s->layout, piece, &top) == s->layout->piece_len))
		return piece_sums_fit(s->sums, piece, zero) == PIECE_FITS;
	piece_sums_zero(&own, s->layout, piece, kinds);
	return piece_sums_fit(s->sums, piece, &own) == PIECE_FITS;
}

/* A whole piece: of a v2 torrent perhaps none is whole, then it is not asked
 * for. */
static void whole_zero(const struct store_scan *s, struct piece_digest *zero)
{
	const struct layout *l = s->layout;
	unsigned top;

	memset(zero, 0, sizeof(*zero));
	for (uint32_t i = 0; i < l->piece_count; i++) {
		if (layout_piece_size(l, i) != l->piece_len ||
		    (s->sums->roots &&
		     layout_piece_data(l, i, &top) != l->piece_len))
			continue;
		piece_sums_zero(zero, l, i, piece_sums_kinds(s->sums));
		return;
	}
}

static void scan_piece(struct store_scan *s, uint32_t piece,
		       const uint8_t *verdicts, const struct piece_digest *zero)
{
	const struct resume_state *r = s->record;
	bool recorded = r->have && bits_get(r->have, piece);
	bool complete_record = r->have && !r->open;
	enum verdict v = judge_piece(s, piece, verdicts);

	if (v == SAME && recorded) {
		bits_set(s->have, piece);
		s->trusted++;
	} else if (v == SAME && complete_record) {
		return; /* known not to be there */
	} else if (v != MISSING && worth_hashing(s, piece, zero)) {
		bits_set(s->todo, piece);
		s->to_hash++;
		s->doubted += recorded;
	} else {
		s->gone += recorded;
	}
}

enum err_code store_scan_run(struct store_scan *s, struct err *e)
{
	const struct layout *l = s->layout;
	uint8_t *verdicts = calloc(1, l->file_count);
	struct piece_digest zero;

	s->have = calloc(1, bits_bytes(l->piece_count));
	s->todo = calloc(1, bits_bytes(l->piece_count));
	s->stamp = calloc(1, bits_bytes(l->file_count));
	if (!verdicts || !s->have || !s->todo || !s->stamp) {
		free(verdicts);
		store_scan_clear(s);
		return err_fail(e, ERR_NOMEM, "bitfields");
	}
	judge_files(s, verdicts);
	whole_zero(s, &zero);
	for (uint32_t i = 0; i < l->piece_count; i++)
		scan_piece(s, i, verdicts, &zero);
	free(verdicts);
	return ERR_NONE;
}

void store_scan_clear(struct store_scan *s)
{
	free(s->have);
	free(s->todo);
	free(s->stamp);
	s->have = s->todo = s->stamp = NULL;
}
