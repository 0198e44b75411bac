#include "storage/torrent/layout.h"

#include "base/merkle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool layout_path_ok(const char *path)
{
	size_t total = strlen(path);

	if (total == 0 || total > LAYOUT_MAX_PATH)
		return false;
	for (;;) {
		size_t n = strcspn(path, "/");

		if (n == 0 || n > LAYOUT_MAX_COMPONENT)
			return false;
		if (path[0] == '.' && (n == 1 || (n == 2 && path[1] == '.')))
			return false;
		if (path[n] == '\0')
			return true;
		path += n + 1;
	}
}

static enum err_code check_sizes(const struct layout *l, struct err *e)
{
	uint64_t pieces;

	if (l->piece_len < 1024 || l->piece_len > STORE_MAX_PIECE)
		return err_fail(e, ERR_LIMIT, "piece length %u", l->piece_len);
	if (l->piece_count == 0 || l->piece_count > STORE_MAX_PIECES)
		return err_fail(e, ERR_LIMIT, "%u pieces", l->piece_count);
	pieces = (l->total + l->piece_len - 1) / l->piece_len;
	if (pieces != l->piece_count)
		return err_fail(e, ERR_LIMIT,
				"%llu bytes do not make %u pieces of %u",
				(unsigned long long)l->total, l->piece_count,
				l->piece_len);
	return ERR_NONE;
}

static enum err_code add_file(struct layout *l, char **at, size_t left,
			      const char *name, const struct store_file *f,
			      struct err *e)
{
	struct layout_file *out = &l->files[l->file_count];
	int n = snprintf(*at, left, "%s%s%s", name ? name : "", name ? "/" : "",
			 f->path);

	/* a pad file has no place on the disk, so its name does not matter */
	if (!f->pad && !layout_path_ok(*at))
		return err_fail(e, ERR_PARSE,
				"file %u has a path that is not allowed",
				l->file_count);
	if (f->length > LAYOUT_MAX_TOTAL - l->total)
		return err_fail(e, ERR_LIMIT, "the files are too large");
	out->path = *at;
	out->offset = l->total;
	out->length = f->length;
	out->pad = f->pad;
	out->executable = f->executable;
	l->total += f->length;
	l->file_count++;
	*at += n + 1;
	return ERR_NONE;
}

static enum err_code fill(struct layout *l, const char *name,
			  const struct store_file *files, uint32_t count,
			  struct err *e)
{
	size_t size = 0, prefix = name ? strlen(name) + 1 : 0;
	enum err_code code = ERR_NONE;
	char *at;

	for (uint32_t i = 0; i < count; i++)
		size += prefix + strlen(files[i].path) + 1;
	l->paths = malloc(size);
	l->files = calloc(count, sizeof(*l->files));
	if (!l->paths || !l->files)
		return err_fail(e, ERR_NOMEM, "%u files", count);
	at = l->paths;
	for (uint32_t i = 0; i < count && code == ERR_NONE; i++)
		code = add_file(l, &at, size - (size_t)(at - l->paths), name,
				&files[i], e);
	return code;
}

enum err_code layout_init(struct layout *l, const char *name,
			  const struct store_file *files, uint32_t file_count,
			  uint32_t piece_len, uint32_t piece_count,
			  struct err *e)
{
	enum err_code code;

	memset(l, 0, sizeof(*l));
	l->piece_len = piece_len;
	l->piece_count = piece_count;
	if (file_count == 0 || file_count > STORE_MAX_FILES)
		return err_fail(e, ERR_LIMIT, "%u files", file_count);
	if (name && (!layout_path_ok(name) || strchr(name, '/')))
		return err_fail(e, ERR_PARSE,
				"the torrent's name is not allowed as a "
				"directory");
	code = fill(l, name, files, file_count, e);
	if (code == ERR_NONE)
		code = check_sizes(l, e);
	if (code != ERR_NONE)
		layout_clear(l);
	return code;
}

static struct pieces pieces_of(const struct layout *l)
{
	return (struct pieces){
		.count = l->piece_count,
		.len = l->piece_len,
		.total = l->total,
		.shorts = l->shorts,
		.short_count = l->short_count,
	};
}

enum err_code layout_set_shorts(struct layout *l,
				const struct piece_short *shorts,
				uint32_t count, struct err *e)
{
	for (uint32_t i = 0; i < count; i++)
		if (shorts[i].piece >= l->piece_count || shorts[i].size == 0 ||
		    shorts[i].size > layout_piece_size(l, shorts[i].piece) ||
		    (i > 0 && shorts[i].piece <= shorts[i - 1].piece))
			return err_fail(e, ERR_LIMIT, "short piece %u",
					shorts[i].piece);
	if (count == 0)
		return ERR_NONE;
	l->shorts = malloc(count * sizeof(*shorts));
	if (!l->shorts)
		return err_fail(e, ERR_NOMEM, "%u short pieces", count);
	memcpy(l->shorts, shorts, count * sizeof(*shorts));
	l->short_count = count;
	return ERR_NONE;
}

void layout_clear(struct layout *l)
{
	free(l->shorts);
	free(l->files);
	free(l->paths);
	memset(l, 0, sizeof(*l));
}

uint64_t layout_piece_offset(const struct layout *l, uint32_t piece)
{
	return (uint64_t)piece * l->piece_len;
}

uint32_t layout_piece_size(const struct layout *l, uint32_t piece)
{
	uint64_t left = l->total - layout_piece_offset(l, piece);

	return left < l->piece_len ? (uint32_t)left : l->piece_len;
}

uint32_t layout_piece_wanted(const struct layout *l, uint32_t piece)
{
	const struct pieces p = pieces_of(l);

	return pieces_size(&p, piece);
}

uint64_t layout_wanted(const struct layout *l)
{
	const struct pieces p = pieces_of(l);

	return pieces_bytes(&p);
}

uint32_t layout_piece_data(const struct layout *l, uint32_t piece,
			   unsigned *top)
{
	uint64_t offset = layout_piece_offset(l, piece);
	const struct layout_file *f = &l->files[layout_file_at(l, offset)];
	uint64_t left = f->offset + f->length - offset;
	uint32_t size = layout_piece_size(l, piece);

	*top = merkle_piece_top(f->length, l->piece_len);
	return left < size ? (uint32_t)left : size;
}

uint32_t layout_file_at(const struct layout *l, uint64_t offset)
{
	uint32_t lo = 0, hi = l->file_count;

	while (hi - lo > 1) { /* the last file that begins at or before it */
		uint32_t mid = lo + (hi - lo) / 2;

		if (l->files[mid].offset <= offset)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

bool layout_next(const struct layout *l, uint64_t offset, uint64_t len,
		 struct layout_part *part)
{
	uint64_t at = offset, left;
	uint32_t i;

	if (part->len == 0) {
		if (len == 0 || offset >= l->total)
			return false;
		i = layout_file_at(l, offset);
	} else {
		at = l->files[part->file].offset + part->offset + part->len;
		i = part->file;
		if (at >= offset + len || at >= l->total)
			return false;
	}
	while (at >= l->files[i].offset + l->files[i].length)
		i++; /* ends: at < total, so a file with that byte follows */
	left = offset + len - at;
	part->file = i;
	part->offset = at - l->files[i].offset;
	part->len = l->files[i].length - part->offset;
	if (part->len > left)
		part->len = left;
	return true;
}
