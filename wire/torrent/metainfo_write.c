#include "wire/torrent/metainfo.h"

#include "base/bencode.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void write_path(struct wr *w, const char *path)
{
	ben_w_list(w);
	for (;;) {
		size_t n = strcspn(path, "/");

		ben_w_bytes(w, path, n);
		if (!path[n])
			break;
		path += n + 1;
	}
	ben_w_end(w);
}

static void write_files(struct wr *w, const struct metainfo *m)
{
	ben_w_str(w, "files");
	ben_w_list(w);
	for (uint32_t i = 0; i < m->file_count; i++) {
		ben_w_dict(w);
		if (m->files[i].pad) {
			ben_w_str(w, "attr");
			ben_w_str(w, "p");
		}
		ben_w_str(w, "length");
		ben_w_int(w, (int64_t)m->files[i].length);
		ben_w_str(w, "path");
		write_path(w, m->files[i].path);
		ben_w_end(w);
	}
	ben_w_end(w);
}

static void write_pair(struct wr *w, const char *key, const char *value)
{
	if (!value)
		return;
	ben_w_str(w, key);
	ben_w_str(w, value);
}

static void write_info(struct wr *w, const struct metainfo *m)
{
	ben_w_str(w, "info");
	ben_w_dict(w);
	if (m->multi) {
		write_files(w, m);
	} else if (m->file_count == 1) {
		ben_w_str(w, "length");
		ben_w_int(w, (int64_t)m->files[0].length);
	}
	write_pair(w, "name", m->name);
	ben_w_str(w, "piece length");
	ben_w_int(w, m->piece_length);
	ben_w_str(w, "pieces");
	ben_w_bytes(w, m->pieces, (size_t)m->piece_count * METAINFO_HASH_LEN);
	if (m->is_private) {
		ben_w_str(w, "private");
		ben_w_int(w, 1);
	}
	write_pair(w, "source", m->source);
	ben_w_end(w);
}

static void write_tiers(struct wr *w, const struct metainfo *m)
{
	ben_w_str(w, "announce-list");
	ben_w_list(w);
	for (uint32_t i = 0; i < m->tracker_count; i++) {
		bool first = i == 0 ||
			     m->trackers[i].tier != m->trackers[i - 1].tier;
		bool last = i + 1 == m->tracker_count ||
			    m->trackers[i].tier != m->trackers[i + 1].tier;

		if (first)
			ben_w_list(w);
		ben_w_str(w, m->trackers[i].url);
		if (last)
			ben_w_end(w);
	}
	ben_w_end(w);
}

static void write_torrent(struct wr *w, const struct metainfo *m)
{
	ben_w_dict(w);
	if (m->tracker_count)
		write_pair(w, "announce", m->trackers[0].url);
	if (m->tracker_count > 1)
		write_tiers(w, m);
	write_pair(w, "comment", m->comment);
	write_pair(w, "created by", m->created_by);
	if (m->creation_date > 0) {
		ben_w_str(w, "creation date");
		ben_w_int(w, m->creation_date);
	}
	write_info(w, m);
	ben_w_end(w);
}

static size_t text_room(const char *s)
{
	return s ? strlen(s) + 64 : 0;
}

/* Generous: 64 bytes for the punctuation of each thing that is written. */
static size_t room_for(const struct metainfo *m)
{
	size_t n = 1024 + (size_t)m->piece_count * METAINFO_HASH_LEN;

	n += text_room(m->name) + text_room(m->comment) +
	     text_room(m->created_by) + text_room(m->source);
	for (uint32_t i = 0; i < m->tracker_count; i++)
		n += 2 * text_room(m->trackers[i].url);
	/* "a/b" becomes "1:a1:b": at most 4 bytes more for each slash */
	for (uint32_t i = 0; i < m->file_count; i++)
		n += 64 + 4 * text_room(m->files[i].path);
	return n;
}

static enum err_code check_again(const struct metainfo *m,
				 const struct metainfo *again, struct err *e)
{
	if (strcmp(m->name, again->name) != 0)
		return err_fail(e, ERR_PARSE,
				"torrent: its name is no valid UTF-8");
	for (uint32_t i = 0; i < m->file_count; i++)
		if (strcmp(m->files[i].path, again->files[i].path) != 0)
			return err_fail(e, ERR_PARSE,
					"torrent: path of file %" PRIu32
					" is no valid UTF-8",
					i);
	return ERR_NONE;
}

enum err_code metainfo_build(uint8_t **out, size_t *out_len,
			     const struct metainfo *m, struct err *e)
{
	size_t cap = room_for(m);
	struct metainfo again;
	enum err_code code;
	struct wr w;

	*out = NULL;
	w = wr_into(malloc(cap), cap);
	if (!w.buf)
		return err_fail(e, ERR_NOMEM, "torrent");
	write_torrent(&w, m);
	code = metainfo_parse(&again, w.buf, wr_len(&w), e);
	if (code == ERR_NONE)
		code = check_again(m, &again, e);
	metainfo_clear(&again);
	if (code != ERR_NONE) {
		free(w.buf);
		return code;
	}
	*out = w.buf;
	*out_len = wr_len(&w);
	return ERR_NONE;
}
