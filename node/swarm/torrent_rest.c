/* torrent_rest.c - a torrent that nobody asks for is little: its hashes and the
 * bytes of its .torrent, which are nearly all of it, are read again from the
 * list that a daemon restores when somebody comes, or pieces are checked. */
#include "node/swarm/torrent_impl.h"

#include "storage/torrent/resume_db.h"

#include <malloc.h>
#include <stdlib.h>

#define REST_MS 10000
#define TRIM_MIN 32 /* torrents whose memory is worth a look at all of it */

/* Is all that would go to be had again, at little cost? */
static bool may_rest(const struct torrent *t)
{
	return t->settings && t->store && torrent_knows(t) &&
	       t->meta.layers_missing == 0 &&
	       t->meta.file_len <= TORRENT_REST_MAX;
}

static bool try_rest(struct torrent *t)
{
	if (candidates_connected(t->candidates) || !store_rest(t->store) ||
	    (t->swarm && !swarm_rest(t->swarm)))
		return false;
	metainfo_rest(&t->meta);
	return true;
}

void torrents_rest(void *engine)
{
	struct engine *en = engine;
	unsigned rested = 0;

	en->rest_set = false;
	for (struct torrent *t = en->torrents; t; t = t->next) {
		if (metainfo_rests(&t->meta) || !may_rest(t))
			continue;
		if (try_rest(t))
			rested++;
		else
			torrent_rest_soon(t);
	}
	if (rested)
		log_line(en->log, LOG_DEBUG, "torrent", "rest count=%u",
			 rested);
#ifdef M_TRIM_THRESHOLD
	if (rested >= TRIM_MIN) /* it lies between what stays */
		(void)malloc_trim(0);
#endif
}

void torrent_rest_soon(struct torrent *t)
{
	struct engine *en = t->engine;

	if (en->rest_set)
		return;
	en->rest_set = true;
	loop_timer_set(en->rest_timer, REST_MS);
}

/* ---- and back ---- */

struct recall {
	struct torrent *torrent;
	enum err_code code;
	struct err *err;
};

static bool recall_row(void *ctx, const struct resume_torrent *row)
{
	struct recall *r = ctx;

	r->code = metainfo_recall(&r->torrent->meta, row->torrent,
				  row->torrent_len, r->err);
	return true;
}

static enum err_code tell_swarm(struct torrent *t, struct err *e)
{
	struct layers_file *layers;
	uint32_t count;
	size_t len;
	const uint8_t *info = torrent_info_for_others(t, &len);
	enum err_code code = torrent_layers(t, &layers, &count, e);

	if (code == ERR_NONE)
		code = swarm_recall(t->swarm, info, len, layers, count, e);
	free(layers);
	return code;
}

enum err_code torrent_recall(struct torrent *t, struct err *e)
{
	struct recall r = {.torrent = t, .err = e};
	enum err_code code;

	if (!metainfo_rests(&t->meta))
		return ERR_NONE;
	code = resume_get(t->engine->resume, &t->meta.info_hash, recall_row, &r,
			  e);
	if (code == ERR_NONE)
		code = r.code;
	if (code == ERR_NONE && t->swarm)
		code = tell_swarm(t, e);
	if (code != ERR_NONE)
		log_line(t->engine->log, LOG_WARN, "torrent",
			 "not read again name=\"%s\" text=\"%s\"", t->meta.name,
			 e ? e->msg : "");
	torrent_rest_soon(t);
	return code;
}
