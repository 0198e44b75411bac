/* torrent_names.c - the hashes that a torrent goes by, and where others are
 * looked for by each: trackers, the DHT, the local network. A hybrid has two
 * (BEP 52), and peers that know it by one of them alone: all that is done by
 * name is done for each. */
#include "node/swarm/torrent_impl.h"

#include "base/hash_map.h"
#include "node/find/announcer.h"
#include "node/find/dht_node.h"
#include "node/swarm/locals.h"

#include <stdio.h>
#include <string.h>

/* ---- the list ---- */

static struct torrent_name *name_of(struct torrent *t,
				    const struct info_hash *hash)
{
	for (unsigned i = 0; i < t->n_names; i++)
		if (info_hash_eq(&t->names[i].hash, hash))
			return &t->names[i];
	return NULL;
}

bool torrent_goes_by(const struct torrent *t, const struct info_hash *hash)
{
	for (unsigned i = 0; i < t->n_names; i++)
		if (info_hash_eq(&t->names[i].hash, hash))
			return true;
	return false;
}

const struct info_hash *torrent_hash_at(const struct torrent *t, unsigned i)
{
	return i < t->n_names ? &t->names[i].hash : NULL;
}

void torrent_names_read(struct torrent *t)
{
	struct info_hash hashes[METAINFO_NAMES_MAX];

	t->n_names = metainfo_names(&t->meta, hashes);
	for (unsigned i = 0; i < t->n_names; i++)
		t->names[i].hash = hashes[i];
}

struct torrent *torrent_namesake(const struct torrent *t,
				 const struct metainfo *meta)
{
	struct info_hash hashes[METAINFO_NAMES_MAX];
	unsigned n = metainfo_names(meta, hashes);

	for (unsigned i = 0; i < n; i++) {
		struct torrent *o = engine_find(t->engine, &hashes[i]);

		if (o && o != t)
			return o;
	}
	return NULL;
}

bool torrent_names_index(struct torrent *t)
{
	for (unsigned i = 0; i < t->n_names; i++)
		if (!hash_map_put(t->engine->by_hash, &t->names[i].hash, t)) {
			while (i-- > 0)
				(void)hash_map_take(t->engine->by_hash,
						    &t->names[i].hash);
			return false;
		}
	return true;
}

void torrent_names_unindex(struct torrent *t)
{
	for (unsigned i = 0; i < t->n_names; i++)
		(void)hash_map_take(t->engine->by_hash, &t->names[i].hash);
}

void torrent_names_list(const struct torrent *t, bool on)
{
	for (unsigned i = 0; i < t->n_names; i++)
		(on ? links_list : links_unlist)(t->engine->links,
						 &t->names[i].hash);
}

/* ---- trackers ---- */

static void on_tracker_peer(void *ctx, const struct net_addr *addr)
{
	torrent_add_peer(ctx, addr, false, "tracker");
}

static void figures(void *ctx, uint64_t *up, uint64_t *down, uint64_t *left)
{
	const struct torrent *t = ctx;
	struct swarm_stats stats = {.left = torrent_knows(t) ? t->meta.wanted
							     : 1};

	if (t->swarm)
		swarm_stats_get(t->swarm, &stats);
	*up = stats.uploaded;
	*down = stats.downloaded;
	*left = stats.left;
}

static bool is_partial(void *ctx)
{
	const struct torrent *t = ctx;
	struct swarm_stats stats = {0};

	if (t->swarm)
		swarm_stats_get(t->swarm, &stats);
	return stats.upload_only && stats.left > 0;
}

static void on_note(void *ctx, const char *text)
{
	torrent_tell(ctx, "note", "%s", text);
}

static void on_goodbye(void *ctx)
{
	struct torrent *t = ctx;

	t->goodbyes++;
	t->goodbye_said = t->goodbyes == t->n_names;
	if (t->goodbye_said)
		torrent_stop_step(t);
}

static void on_switched(void *ctx)
{
	torrent_tracker_switched(ctx);
}

static enum err_code add_announcer(struct torrent *t, struct torrent_name *name,
				   struct err *e)
{
	static const struct announcer_ops ops = {.peer = on_tracker_peer,
						 .switched = on_switched,
						 .figures = figures,
						 .partial = is_partial,
						 .note = on_note,
						 .goodbye = on_goodbye};

	return announcer_new(&name->announcer, t->engine, &t->meta, &name->hash,
			     &ops, t, e);
}

enum err_code torrent_add_tracker(struct torrent *t, const char *url,
				  struct err *e)
{
	enum err_code code = ERR_NONE;

	for (unsigned i = 0; i < t->n_names && code == ERR_NONE; i++)
		code = announcer_add(t->names[i].announcer, url, e);
	return code;
}

const char *torrent_tracker(const struct torrent *t, uint32_t i)
{
	struct tracker_status st;

	return announcer_status(t->names[0].announcer, i, &st) ? st.url : NULL;
}

void torrent_tracker_counts(const struct torrent *t, int64_t *seeds,
			    int64_t *leechers)
{
	struct tracker_status st;

	*seeds = *leechers = -1;
	for (unsigned k = 0; k < t->n_names; k++)
		for (uint32_t i = 0;
		     announcer_status(t->names[k].announcer, i, &st); i++) {
			*seeds = st.seeds > *seeds ? st.seeds : *seeds;
			*leechers = st.leechers > *leechers ? st.leechers
							    : *leechers;
		}
}

/* ---- the DHT ---- */

static void on_dht_peer(void *ctx, const struct net_addr *addr)
{
	torrent_add_peer(ctx, addr, false, "dht");
}

static enum agenda_need need_of(const struct torrent *t)
{
	if (t->state == TORRENT_SEEDING || t->read_only)
		return AGENDA_CALM;
	return t->swarm && !swarm_is_alone(t->swarm) ? AGENDA_HUNGRY
						     : AGENDA_ALONE;
}

static void dht_begin(struct torrent *t, struct torrent_name *name)
{
	struct dht_topic_cfg cfg = {
		.announce = true,
		.seed = t->state == TORRENT_SEEDING,
		.need = need_of(t),
		.on_peer = on_dht_peer,
		.ctx = t,
	};

	if (name->dht) { /* since its metadata was looked for */
		dht_topic_set(name->dht, cfg.seed, cfg.need);
		return;
	}
	memcpy(cfg.target.bytes, name->hash.bytes, sizeof(cfg.target.bytes));
	(void)dht_topic_new(&name->dht, t->engine->dht, &cfg, NULL);
}

void torrent_names_tick(struct torrent *t)
{
	for (unsigned i = 0; i < t->n_names; i++)
		if (t->names[i].dht)
			dht_topic_set(t->names[i].dht,
				      t->state == TORRENT_SEEDING, need_of(t));
}

static void dht_end(struct torrent_name *name)
{
	dht_topic_free(name->dht);
	name->dht = NULL;
}

/* Nodes that the torrent names. */
static void dht_meet(struct torrent *t)
{
	for (uint32_t i = 0; i < t->meta.node_count; i++) {
		const struct metainfo_node *n = &t->meta.nodes[i];
		char text[300];

		if (strlen(n->host) > sizeof(text) - 16)
			continue; /* no name is so long */
		(void)snprintf(text, sizeof(text),
			       strchr(n->host, ':') ? "[%s]:%u" : "%s:%u",
			       n->host, n->port);
		(void)!dht_node_contact_text(t->engine->dht, text, NULL);
	}
}

/* ---- all of them ---- */

/* (!) BEP 27: a private torrent's peers are for its tracker to name. */
static void start(struct torrent *t, struct torrent_name *name)
{
	announcer_start(name->announcer);
	if (t->meta.is_private)
		return;
	locals_add(t->engine->locals, &name->hash);
	dht_begin(t, name);
}

/* But for trackers, which are told by themselves. */
static void end(struct torrent *t, struct torrent_name *name)
{
	locals_remove(t->engine->locals, &name->hash);
	dht_end(name);
}

enum err_code torrent_names_new(struct torrent *t, struct err *e)
{
	enum err_code code = ERR_NONE;

	for (unsigned i = 0; i < t->n_names && code == ERR_NONE; i++)
		code = add_announcer(t, &t->names[i], e);
	return code;
}

/* It is where the others are, and asks the same trackers. */
static enum err_code learn(struct torrent *t, const struct info_hash *hash,
			   struct err *e)
{
	struct torrent_name *name = &t->names[t->n_names];
	enum err_code code;

	name->hash = *hash;
	code = add_announcer(t, name, e);
	if (code == ERR_NONE)
		code = announcer_add_all(name->announcer, t->names[0].announcer,
					 e);
	if (code == ERR_NONE && !hash_map_put(t->engine->by_hash, hash, t))
		code = err_fail(e, ERR_NOMEM, "torrent");
	if (code != ERR_NONE) {
		announcer_free(name->announcer);
		name->announcer = NULL;
		return code;
	}
	t->n_names++;
	if (t->swarm)
		links_list(t->engine->links, hash);
	start(t, name);
	return ERR_NONE;
}

/* What the torrent is called here stands first. */
static void put_first(struct torrent *t, const struct info_hash *hash)
{
	struct torrent_name *name = name_of(t, hash), other = t->names[0];

	t->names[0] = *name;
	*name = other;
}

enum err_code torrent_names_learn(struct torrent *t, struct err *e)
{
	struct info_hash hashes[METAINFO_NAMES_MAX];
	unsigned n = metainfo_names(&t->meta, hashes);
	enum err_code code = ERR_NONE;

	for (unsigned i = 0; i < n && code == ERR_NONE; i++)
		if (!torrent_goes_by(t, &hashes[i]))
			code = learn(t, &hashes[i], e);
	if (code == ERR_NONE)
		put_first(t, &hashes[0]);
	return code;
}

void torrent_names_set_private(struct torrent *t)
{
	for (unsigned i = 0; i < t->n_names; i++)
		announcer_set_private(t->names[i].announcer);
}

void torrent_names_start(struct torrent *t)
{
	if (!t->meta.is_private)
		dht_meet(t);
	for (unsigned i = 0; i < t->n_names; i++)
		start(t, &t->names[i]);
}

void torrent_names_completed(struct torrent *t)
{
	for (unsigned i = 0; i < t->n_names; i++) {
		announcer_completed(t->names[i].announcer);
		if (t->names[i].dht)
			dht_topic_set(t->names[i].dht, true, AGENDA_CALM);
	}
}

void torrent_names_hide(struct torrent *t)
{
	for (unsigned i = 0; i < t->n_names; i++)
		end(t, &t->names[i]);
}

void torrent_names_pause(struct torrent *t)
{
	torrent_names_hide(t);
	for (unsigned i = 0; i < t->n_names; i++)
		announcer_pause(t->names[i].announcer);
}

void torrent_names_goodbye(struct torrent *t)
{
	t->goodbyes = 0;
	torrent_names_hide(t);
	for (unsigned i = 0; i < t->n_names; i++)
		announcer_goodbye(t->names[i].announcer);
}

void torrent_names_free(struct torrent *t)
{
	for (unsigned i = 0; i < t->n_names; i++) {
		/* the same may be there again, and be told of */
		if (!engine_find(t->engine, &t->names[i].hash))
			locals_remove(t->engine->locals, &t->names[i].hash);
		announcer_free(t->names[i].announcer);
		dht_end(&t->names[i]);
	}
}
