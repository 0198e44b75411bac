/* torrent_files.c - which files of a torrent are wanted: chosen at its start or
 * later, told to the store and the swarm, kept in its settings. */
#include "node/swarm/torrent_impl.h"

#include "base/bits.h"
#include "node/swarm/file_choice.h"
#include "wire/torrent/magnet.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool all_normal(const uint8_t *files, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (files[i] != PICKER_NORMAL)
			return false;
	return true;
}

char *torrent_choice_text(const struct torrent *t)
{
	char text[32];

	if (t->file_prios)
		return choice_text(t->file_prios, t->meta.file_count);
	if (!t->magnet || !torrent_knows(t))
		return NULL;
	/* said in full, so that the link's own choice is not made again */
	(void)snprintf(text, sizeof(text), "%dx%u", PICKER_NORMAL,
		       t->meta.file_count);
	return strdup(text);
}

/* Takes `files`; those of a torrent that is wanted as it is are not kept. */
static void adopt(struct torrent *t, uint8_t *files)
{
	if (files && all_normal(files, t->meta.file_count)) {
		free(files);
		files = NULL;
	}
	free(t->file_prios);
	t->file_prios = files;
	free(t->piece_prios);
	t->piece_prios = choice_pieces(&t->meta, files, t->in_order);
}

/* For the daemon's next run; what was wished while there were no files yet is
 * in it now. */
static void note_settings(struct torrent *t)
{
	char *text;
	json_t *o;

	if (!t->settings)
		return;
	o = torrent_settings(t);
	text = torrent_choice_text(t);
	(void)json_object_del(o, "choice");
	if (text)
		(void)json_object_set_new(o, "file_prios", json_string(text));
	else
		(void)json_object_del(o, "file_prios");
	(void)json_object_set_new(o, "in_order", json_boolean(t->in_order));
	free(text);
	torrent_take_settings(t, o);
}

static enum err_code choose_by_link(struct torrent *t, uint8_t **files,
				    struct err *e)
{
	struct magnet link;
	enum err_code code = magnet_parse(&link, t->magnet, e);

	*files = NULL;
	if (code == ERR_NONE && link.range_count)
		code = choice_of_link(files, &t->meta, &link, e);
	magnet_clear(&link);
	return code;
}

enum err_code torrent_choose(struct torrent *t, const char *kept, struct err *e)
{
	uint8_t *files = NULL;
	enum err_code code = ERR_NONE;

	if (t->read_only || !torrent_knows(t))
		return ERR_NONE;
	if (kept)
		files = choice_read(kept, t->meta.file_count);
	else if (t->choice)
		code = choice_make(&files, &t->meta, NULL, t->choice, e);
	else if (t->magnet)
		code = choose_by_link(t, &files, e);
	if (code != ERR_NONE)
		return code;
	adopt(t, files);
	return ERR_NONE;
}

void torrent_choice_known(struct torrent *t)
{
	json_decref(t->choice);
	t->choice = NULL;
	note_settings(t);
}

bool torrent_wants_file(const struct torrent *t, uint32_t file)
{
	return !t->file_prios || t->file_prios[file] != PICKER_SKIP;
}

/* ---- how much that is ---- */

static bool wants_piece(const struct torrent *t, uint32_t piece)
{
	return !t->piece_prios || t->piece_prios[piece] != PICKER_SKIP;
}

void torrent_wanted(const struct torrent *t, uint64_t *total, uint64_t *have)
{
	const struct pieces pieces = metainfo_pieces(&t->meta);
	const uint8_t *bits = NULL;
	size_t len;

	*total = *have = 0;
	if (t->store && store_is_ready(t->store))
		bits = store_have(t->store, &len);
	for (uint32_t i = 0; i < t->meta.piece_count; i++) {
		uint32_t bytes = pieces_size(&pieces, i);

		if (!wants_piece(t, i))
			continue;
		*total += bytes;
		*have += bits && bits_get(bits, i) ? bytes : 0;
	}
}

bool torrent_is_partial(const struct torrent *t)
{
	return t->file_prios != NULL;
}

/* Bytes of the file's range that lie in verified pieces. */
static uint64_t file_have(const struct torrent *t,
			  const struct metainfo_file *f, const uint8_t *bits)
{
	uint64_t end = f->offset + f->length, sum = 0;

	for (uint64_t at = f->offset; bits && at < end;) {
		uint32_t piece = (uint32_t)(at / t->meta.piece_length);
		uint64_t next = (uint64_t)(piece + 1) * t->meta.piece_length;

		next = next < end ? next : end;
		sum += bits_get(bits, piece) ? next - at : 0;
		at = next;
	}
	return sum;
}

json_t *torrent_files_json(const struct torrent *t)
{
	json_t *list = json_array();
	const uint8_t *bits = NULL;
	int number = 0;
	size_t len;

	if (t->store && store_is_ready(t->store))
		bits = store_have(t->store, &len);
	for (uint32_t i = 0; i < t->meta.file_count; i++) {
		const struct metainfo_file *f = &t->meta.files[i];
		enum picker_prio prio =
			t->file_prios ? (enum picker_prio)t->file_prios[i]
				      : PICKER_NORMAL;

		number += choice_counts(&t->meta, i);
		if (f->pad)
			continue;
		(void)json_array_append_new(
			list,
			json_pack("{si ss sI sI ss}", "number", number, "path",
				  f->path, "length", (json_int_t)f->length,
				  "have", (json_int_t)file_have(t, f, bits),
				  "priority", choice_prio_name(prio)));
	}
	return list;
}

void torrent_move_aside(const struct info_hash *hash, const char *from_dir,
			const char *to_dir)
{
	char from[PATH_MAX], to[PATH_MAX], name[STORE_ASIDE_CAP];

	store_aside_name(name, hash);
	(void)snprintf(from, sizeof(from), "%.3000s/%s", from_dir, name);
	(void)snprintf(to, sizeof(to), "%.3000s/%s", to_dir, name);
	/* what stays behind is fetched again */
	(void)renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
}

void torrent_delete_aside(const struct torrent *t)
{
	char path[PATH_MAX], name[STORE_ASIDE_CAP];

	store_aside_name(name, &t->meta.info_hash);
	for (uint32_t i = 0; i < t->meta.file_count; i++) {
		(void)snprintf(path, sizeof(path), "%.3000s/%s/%u", t->dir,
			       name, i);
		(void)unlink(path);
	}
	(void)snprintf(path, sizeof(path), "%.3000s/%s", t->dir, name);
	(void)rmdir(path);
}

/* ---- changed while it runs ---- */

static enum err_code tell_store(struct torrent *t, const uint8_t *files,
				struct err *e)
{
	uint8_t *unwanted = calloc(1, t->meta.file_count / 8 + 1);
	enum err_code code;

	if (!unwanted)
		return err_fail(e, ERR_NOMEM, "choice of files");
	for (uint32_t i = 0; i < t->meta.file_count; i++)
		if (files[i] == PICKER_SKIP)
			unwanted[i / 8] |= (uint8_t)(1U << i % 8);
	code = store_set_unwanted(t->store, unwanted, e);
	free(unwanted);
	return code;
}

static void tell_swarm(struct torrent *t)
{
	struct swarm_stats stats;
	struct err e = {0};

	if (!t->swarm)
		return;
	swarm_set_in_order(t->swarm, t->in_order);
	if (swarm_set_prios(t->swarm, torrent_now(t), t->piece_prios, &e) !=
	    ERR_NONE)
		torrent_tell(t, "note", "%s", e.msg);
	swarm_stats_get(t->swarm, &stats);
	if (t->state == TORRENT_SEEDING && stats.wanted > 0) {
		t->seeded_ms = torrent_seeded_ms(t);
		t->state = TORRENT_DOWNLOADING;
		t->complete_ms = -1;
	} else if (t->state == TORRENT_DOWNLOADING && stats.wanted == 0) {
		torrent_completed(t);
	}
	torrent_wake(t);
}

static enum err_code choose_anew(struct torrent *t, const json_t *words,
				 struct err *e)
{
	uint8_t *files;
	enum err_code code =
		choice_make(&files, &t->meta, t->file_prios, words, e);

	if (code != ERR_NONE)
		return code;
	code = tell_store(t, files, e);
	if (code != ERR_NONE) {
		free(files);
		return code;
	}
	adopt(t, files);
	return ERR_NONE;
}

enum err_code torrent_set_files(struct torrent *t, const json_t *words,
				struct err *e)
{
	const json_t *order = json_object_get(words, "sequential");
	enum err_code code = ERR_NONE;

	if (!torrent_knows(t) || !t->store)
		return err_fail(e, ERR_STATE,
				"%.80s: its metadata is not here yet",
				t->meta.name);
	if (t->read_only)
		return err_fail(e, ERR_STATE, "%.80s is only seeded",
				t->meta.name);
	if (order)
		t->in_order = json_is_true(order);
	if (choice_has_words(words))
		code = choose_anew(t, words, e);
	else if (order)
		adopt(t, t->file_prios ? choice_copy(t->file_prios,
						     t->meta.file_count)
				       : NULL);
	if (code != ERR_NONE)
		return code;
	tell_swarm(t);
	note_settings(t);
	return ERR_NONE;
}
