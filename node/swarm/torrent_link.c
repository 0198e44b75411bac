/* torrent_link.c - a torrent that began as a magnet link: until its info
 * dictionary is here it has a swarm without pieces and no store. */
#include "node/swarm/torrent_impl.h"

#include "base/file.h"
#include "base/hash.h"
#include "storage/torrent/resume_db.h"
#include "wire/torrent/magnet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum err_code torrent_link_hash(struct info_hash *out, const char *magnet,
				struct err *e)
{
	struct metainfo meta = {0};
	struct magnet link;
	enum err_code code = magnet_parse(&link, magnet, e);

	if (code == ERR_NONE)
		code = magnet_metainfo(&meta, &link, e);
	*out = meta.info_hash;
	metainfo_clear(&meta);
	magnet_clear(&link);
	return code;
}

enum err_code torrent_read_link(struct torrent *t, struct err *e)
{
	struct magnet link;
	enum err_code code = magnet_parse(&link, t->magnet, e);

	if (code == ERR_NONE)
		code = magnet_metainfo(&t->meta, &link, e);
	magnet_clear(&link);
	return code;
}

void torrent_add_link_peers(struct torrent *t)
{
	struct magnet link;
	struct err e = {0};

	if (magnet_parse(&link, t->magnet, NULL) != ERR_NONE)
		return;
	for (uint32_t i = 0; i < link.peer_count; i++)
		if (torrent_add_peer_text(t, link.peers[i], false, &e) !=
		    ERR_NONE)
			torrent_tell(t, "note", "%s", e.msg);
	magnet_clear(&link);
}

void torrent_seek_metadata(struct torrent *t)
{
	struct err e = {0};

	if (torrent_swarm_start(t, &e) != ERR_NONE) {
		torrent_fault(t, &e);
		return;
	}
	t->up_saved = t->down_saved = 0;
	torrent_tell(t, "seek", "%s: looking for its metadata", t->meta.name);
	candidates_retry_now(t->candidates);
	torrent_names_start(t);
	torrent_wake(t);
}

static void save_torrent(struct torrent *t, const uint8_t *file, size_t len)
{
	struct err e = {0};

	if (!t->save_torrent)
		return;
	if (file_create_shared(t->save_torrent, file, len, &e) == ERR_NONE)
		torrent_tell(t, "saved", "%s is written", t->save_torrent);
	else
		torrent_tell(t, "note", "not written: %s", e.msg);
	free(t->save_torrent);
	t->save_torrent = NULL;
}

/* A command that is interrupted goes on without asking peers again; a daemon
 * has it in its list. */
static enum err_code keep_fetched(const struct torrent *t, const uint8_t *file,
				  size_t len, struct err *e)
{
	struct info_hash hash;

	if (!t->magnet || torrent_link_hash(&hash, t->magnet, e) != ERR_NONE)
		return ERR_NONE;
	return resume_keep_fetched(t->engine->resume, &hash, file, len, e);
}

void torrent_drop_fetched(const struct torrent *t)
{
	struct info_hash hash;
	struct err e = {0};

	if (!t->magnet || t->settings ||
	    torrent_link_hash(&hash, t->magnet, &e) != ERR_NONE)
		return;
	if (resume_drop_fetched(t->engine->resume, &hash, &e) != ERR_NONE)
		log_line(t->engine->log, LOG_WARN, "torrent",
			 "metadata stays name=\"%s\" text=\"%s\"", t->meta.name,
			 e.msg);
}

void torrent_keep_file(struct torrent *t)
{
	const struct metainfo *m = &t->meta;
	struct err e = {0};
	uint8_t *file;
	size_t len;

	if (!m->v2) {
		save_torrent(t, m->file, m->file_len);
		return;
	}
	if (m->layers_missing)
		return;
	if (metainfo_with_layers(&file, &len, m, &e) != ERR_NONE ||
	    (t->settings ? resume_set_torrent(t->engine->resume, &m->info_hash,
					      file, len, &e)
			 : keep_fetched(t, file, len, &e)) != ERR_NONE)
		log_line(t->engine->log, LOG_WARN, "torrent",
			 "hashes not saved name=\"%s\" text=\"%s\"", m->name,
			 e.msg);
	if (file)
		save_torrent(t, file, len);
	free(file);
}

/* The daemon's next run has it from the start. A hybrid that came by its v2
 * hash has another first name from now on. */
static void remember(struct torrent *t, const struct info_hash *before)
{
	struct resume_db *db = t->engine->resume;
	struct err e = {0};
	enum err_code code;
	json_t *settings = torrent_settings(t);

	if (!t->settings) {
		code = keep_fetched(t, t->meta.file, t->meta.file_len, &e);
	} else if (info_hash_eq(before, &t->meta.info_hash)) {
		code = resume_set_torrent(db, before, t->meta.file,
					  t->meta.file_len, &e);
	} else {
		code = torrent_remember(t, settings, &e);
		if (code == ERR_NONE)
			code = resume_remove(db, before, &e);
	}
	json_decref(settings);
	if (code != ERR_NONE)
		log_line(t->engine->log, LOG_WARN, "torrent",
			 "metadata not saved name=\"%s\" text=\"%s\"",
			 t->meta.name, e.msg);
}

/* One hash of the link was checked; where it had two, both must be this
 * torrent's. */
static enum err_code check_names(const struct metainfo *link,
				 const struct metainfo *meta, struct err *e)
{
	bool v1 = !link->v1 || (meta->v1 && info_hash_eq(&link->info_hash,
							 &meta->info_hash));
	bool v2 = !link->v2 || (meta->v2 && memcmp(link->info_hash_v2.bytes,
						   meta->info_hash_v2.bytes,
						   SHA256_LEN) == 0);

	return v1 && v2 ? ERR_NONE
			: err_fail(e, ERR_PARSE,
				   "the link's hashes are of two torrents");
}

static enum err_code become(struct torrent *t, const uint8_t *info, size_t len,
			    struct err *e)
{
	struct metainfo meta;
	uint8_t *file;
	size_t file_len;
	enum err_code code =
		magnet_make_torrent(&file, &file_len, &t->meta, info, len, e);

	if (code != ERR_NONE)
		return code;
	code = metainfo_parse(&meta, file, file_len, e);
	free(file);
	if (code != ERR_NONE)
		return code;
	code = check_names(&t->meta, &meta, e);
	/* by its other hash, which the link did not tell */
	if (code == ERR_NONE && torrent_namesake(t, &meta))
		code = err_fail(e, ERR_STATE, "%.60s is there already",
				meta.name);
	if (code != ERR_NONE) {
		metainfo_clear(&meta);
		return code;
	}
	metainfo_clear(&t->meta);
	t->meta = meta;
	return ERR_NONE;
}

static void of_no_use(struct torrent *t, const char *what, const struct err *e)
{
	(void)snprintf(t->fault, sizeof(t->fault), "%s", e->msg);
	t->state = TORRENT_FAULT;
	torrent_tell(t, "fault", "%s: %s: %s", t->meta.name, what, e->msg);
	torrent_wake(t); /* the swarm is not stopped from inside it */
}

void torrent_take_metadata(struct torrent *t, const uint8_t *info, size_t len)
{
	const struct info_hash before = t->meta.info_hash;
	struct err e = {0};
	enum err_code code;

	code = become(t, info, len, &e);
	if (code == ERR_NONE)
		code = torrent_names_learn(t, &e);
	if (code != ERR_NONE) {
		of_no_use(t, "its metadata is of no use", &e);
		return;
	}
	/* all of it is not what was asked for */
	if (torrent_choose(t, NULL, &e) != ERR_NONE) {
		of_no_use(t, "cannot choose files", &e);
		return;
	}
	torrent_choice_known(t);
	if (t->meta.is_private) {
		torrent_drop_others(t);
		torrent_names_set_private(t);
	}
	remember(t, &before);
	torrent_keep_file(t);
	t->state = TORRENT_CHECKING;
	t->check_total = t->meta.total;
	if (torrent_open_files(t, &e) != ERR_NONE) {
		torrent_fault(t, &e);
		torrent_wake(t);
		return;
	}
	torrent_trade_ready(t);
	torrent_tell(t, "metadata", "%s: the metadata is here", t->meta.name);
}

/* What was kept is looked at like any .torrent, and must be what the link
 * names.
 */
void torrent_fetched(struct engine *en, const char *magnet, uint8_t **file,
		     size_t *len)
{
	struct info_hash hash, names[METAINFO_NAMES_MAX];
	struct metainfo meta = {0};
	struct err e = {0};
	bool same = false;

	*file = NULL;
	if (torrent_link_hash(&hash, magnet, &e) != ERR_NONE ||
	    resume_get_fetched(en->resume, &hash, file, len, &e) != ERR_NONE ||
	    !*file)
		return;
	if (metainfo_parse(&meta, *file, *len, &e) == ERR_NONE)
		for (unsigned i = metainfo_names(&meta, names); i-- > 0;)
			same |= info_hash_eq(&names[i], &hash);
	metainfo_clear(&meta);
	if (same)
		return;
	free(*file);
	*file = NULL;
}
