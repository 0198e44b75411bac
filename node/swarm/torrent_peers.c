/* torrent_peers.c - whom a torrent connects to: names that the user gave,
 * addresses that trackers gave, and when to try which. */
#include "node/swarm/torrent_impl.h"

#include "node/find/announcer.h"
#include "node/find/dht_node.h"
#include "node/swarm/locals.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPEN_MAX 40 /* outgoing connections that a torrent keeps trying */

/* A host name being looked up by a worker. */
struct lookup {
	struct work_job job;	 /* first: the job is the lookup */
	struct torrent *torrent; /* NULL: the torrent is gone */
	struct lookup *next;
	char host[256];
	char port[8];
	struct addrinfo *found;
	int error;
	bool keep;
};

static void run_lookup(struct work_job *job)
{
	struct lookup *k = (struct lookup *)job;
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};

	k->error = getaddrinfo(k->host, k->port, &hints, &k->found);
}

static void unlink_lookup(struct lookup *k)
{
	struct lookup **at = &k->torrent->lookups;

	while (*at && *at != k)
		at = &(*at)->next;
	if (*at)
		*at = k->next;
}

static void add_peer(struct torrent *t, const struct net_addr *addr, bool keep)
{
	torrent_add_peer(t, addr, keep, keep ? "user" : "link");
}

static void add_found(const struct lookup *k)
{
	for (struct addrinfo *a = k->found; a; a = a->ai_next) {
		struct net_addr addr = {.len = a->ai_addrlen};

		if (a->ai_addrlen > sizeof(addr.sa))
			continue;
		memcpy(&addr.sa, a->ai_addr, a->ai_addrlen);
		add_peer(k->torrent, &addr, k->keep);
	}
}

static void lookup_done(struct work_job *job)
{
	struct lookup *k = (struct lookup *)job;

	if (k->torrent) {
		unlink_lookup(k);
		if (k->error)
			torrent_tell(k->torrent, "note", "peer %.60s: %s",
				     k->host, gai_strerror(k->error));
		else
			add_found(k);
	}
	if (k->found)
		freeaddrinfo(k->found);
	free(k);
}

enum err_code torrent_add_peer_text(struct torrent *t, const char *endpoint,
				    bool keep, struct err *e)
{
	struct lookup *k;
	struct net_addr addr;
	char host[256];
	uint16_t port;
	enum err_code code =
		options_split_endpoint(endpoint, host, sizeof(host), &port, e);

	if (code != ERR_NONE)
		return code;
	if (net_addr_from_ip(&addr, host, port)) {
		add_peer(t, &addr, keep);
		return ERR_NONE;
	}
	if (engine_proxied(t->engine))
		return err_fail(e, ERR_STATE,
				"--peer %.80s: with a proxy no name is looked "
				"up here; give an address",
				endpoint);
	k = calloc(1, sizeof(*k));
	if (!k)
		return err_fail(e, ERR_NOMEM, "--peer %.80s", endpoint);
	memcpy(k->host, host, sizeof(host));
	(void)snprintf(k->port, sizeof(k->port), "%u", port);
	k->torrent = t;
	k->keep = keep;
	k->next = t->lookups;
	t->lookups = k;
	k->job.run = run_lookup;
	k->job.done = lookup_done;
	work_submit(t->engine->work, NULL, &k->job);
	return ERR_NONE;
}

void torrent_add_peer(struct torrent *t, const struct net_addr *addr, bool keep,
		      const char *source)
{
	bool told = strcmp(source, "tracker") == 0, fresh;
	char text[64];

	if (t->meta.is_private && !told && !keep)
		return;
	fresh = candidates_add(t->candidates, addr, keep);
	if (told)
		candidates_vouch(t->candidates, addr);
	if (!fresh)
		return;
	net_addr_text(addr, text, sizeof(text));
	log_line(t->engine->log, LOG_DEBUG, "torrent",
		 "peer address=%s source=%s", text, source);
	if (t->swarm)
		torrent_wake(t);
}

static void close_other(void *ctx, struct peer *p)
{
	const struct torrent *t = ctx;
	struct wire_addr at = peer_addr(p);
	struct net_addr addr;

	net_addr_of_wire(&addr, &at);
	if (peer_outgoing(p) && !candidates_has(t->candidates, &addr))
		swarm_peer_close(p, PEER_CLOSE_LOCAL,
				 "private: its tracker did not tell of it");
}

void torrent_told_of(struct torrent *t, const struct net_addr *addr,
		     const char *source)
{
	if (candidates_count(t->candidates) < CANDIDATES_MAX / 2)
		torrent_add_peer(t, addr, false, source);
}

static void close_incoming(void *ctx, struct peer *p)
{
	(void)ctx;
	if (!peer_outgoing(p))
		swarm_peer_close(p, PEER_CLOSE_LOCAL,
				 "private: another tracker took over");
}

static void on_tracker_switched(void *ctx)
{
	struct torrent *t = ctx;

	candidates_vouch_none(t->candidates);
	torrent_drop_others(t);
	if (t->swarm)
		swarm_each_peer(t->swarm, close_incoming, t);
}

struct sought {
	struct wire_addr addr;
	bool found;
};

static void compare_peer(void *ctx, struct peer *p)
{
	struct sought *k = ctx;
	struct wire_addr at = peer_addr(p);

	if (peer_listen_port(p) == k->addr.port &&
	    memcmp(at.ip, k->addr.ip, sizeof(at.ip)) == 0)
		k->found = true;
}

/* Is the peer that listens there connected, as it is when it came to us before
 * a tracker told its address? */
static bool is_here(const struct torrent *t, const struct net_addr *addr)
{
	struct sought k = {.addr = wire_addr_of(addr)};

	swarm_each_peer(t->swarm, compare_peer, &k);
	return k.found;
}

/* A hybrid's peers may know it by one of its hashes alone: where one was in
 * vain the other is tried. Who knows both takes either. */
static bool open_peer(struct torrent *t, const struct net_addr *addr)
{
	bool by_v2 = t->meta.v1 && t->meta.v2 &&
		     candidates_failures(t->candidates, addr) % 2 == 1;

	return (by_v2 ? links_open_v2 : links_open)(
		t->engine->links, t->swarm, addr, torrent_link_ended, t);
}

int64_t torrent_peers_tick(struct torrent *t, int64_t now_ms)
{
	struct net_addr addr;
	int64_t wake = now_ms + 1000;

	while (candidates_connected(t->candidates) < OPEN_MAX &&
	       !links_full(t->engine->links) &&
	       candidates_take(t->candidates, now_ms, &addr, &wake)) {
		if (is_here(t, &addr))
			candidates_ended(t->candidates, &addr, now_ms,
					 CANDIDATE_HERE);
		else if (!open_peer(t, &addr))
			candidates_ended(t->candidates, &addr, now_ms,
					 CANDIDATE_FAILED);
	}
	return wake;
}

void torrent_link_ended(void *owner, const struct net_addr *to, bool lasted,
			enum peer_close why)
{
	struct torrent *t = owner;
	struct wire_addr at = wire_addr_of(to);

	candidates_ended(t->candidates, to, torrent_now(t),
			 candidate_end_of(lasted, why));
	/* it cannot be reached: whoever told of it may let it and us meet */
	if (t->swarm && !lasted && why == PEER_CLOSE_NONE)
		(void)swarm_holepunch(t->swarm, torrent_now(t), &at);
	if (t->swarm)
		torrent_wake(t);
}

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
	t->goodbye_said = !t->announcers[1] || t->goodbyes == 2;
	if (t->goodbye_said)
		torrent_stop_step(t);
}

static enum err_code add_announcer(struct torrent *t,
				   const struct info_hash *hash, struct err *e)
{
	static const struct announcer_ops ops = {.peer = on_tracker_peer,
						 .switched =
							 on_tracker_switched,
						 .figures = figures,
						 .partial = is_partial,
						 .note = on_note,
						 .goodbye = on_goodbye};

	return announcer_new(&t->announcers[t->announcers[0] != NULL],
			     t->engine, &t->meta, hash, &ops, t, e);
}

enum err_code torrent_peers_new(struct torrent *t, struct err *e)
{
	struct info_hash hashes[2];
	unsigned n = torrent_hashes(t, hashes);
	enum err_code code = ERR_NONE;

	for (unsigned i = 0; i < n && code == ERR_NONE; i++)
		code = add_announcer(t, &hashes[i], e);
	if (code == ERR_NONE)
		code = web_seeds_new(&t->web, t->engine, on_note, t, e);
	return code;
}

enum err_code torrent_add_web_seed(struct torrent *t, const char *url,
				   struct err *e)
{
	return web_seeds_add(t->web, url, e);
}

enum err_code torrent_add_tracker(struct torrent *t, const char *url,
				  struct err *e)
{
	enum err_code code = announcer_add(t->announcers[0], url, e);

	if (code == ERR_NONE && t->announcers[1])
		code = announcer_add(t->announcers[1], url, e);
	return code;
}

static void each_announcer(struct torrent *t, void (*fn)(struct announcer *a))
{
	for (unsigned i = 0; i < 2; i++)
		if (t->announcers[i])
			fn(t->announcers[i]);
}

const char *torrent_tracker(const struct torrent *t, uint32_t i)
{
	struct tracker_status st;

	return announcer_status(t->announcers[0], i, &st) ? st.url : NULL;
}

bool torrent_may_scrape(struct torrent *t, int64_t least_ms)
{
	int64_t now = torrent_now(t);

	if (t->scraped_ms && now - t->scraped_ms < least_ms)
		return false;
	t->scraped_ms = now;
	return true;
}

void torrent_tracker_counts(const struct torrent *t, int64_t *seeds,
			    int64_t *leechers)
{
	struct tracker_status st;

	*seeds = *leechers = -1;
	for (uint32_t i = 0; announcer_status(t->announcers[0], i, &st); i++) {
		*seeds = st.seeds > *seeds ? st.seeds : *seeds;
		*leechers = st.leechers > *leechers ? st.leechers : *leechers;
	}
}

static void on_dht_peer(void *ctx, const struct net_addr *addr)
{
	torrent_add_peer(ctx, addr, false, "dht");
}

/* A hybrid has two names (BEP 52): peers of either kind are of use. */
static void dht_begin(struct torrent *t, int which, const uint8_t *hash)
{
	const bool seed = t->state == TORRENT_SEEDING;
	struct dht_topic_cfg cfg = {
		.announce = true,
		.seed = seed,
		.hungry = !seed && !t->read_only,
		.on_peer = on_dht_peer,
		.ctx = t,
	};

	if (t->dht[which])
		return;
	memcpy(cfg.target.bytes, hash, sizeof(cfg.target.bytes));
	(void)dht_topic_new(&t->dht[which], t->engine->dht, &cfg, NULL);
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

/* (!) BEP 27: a private torrent's peers are for its tracker to name. */
static void dht_start(struct torrent *t)
{
	if (t->meta.is_private)
		return;
	dht_meet(t);
	dht_begin(t, 0, t->meta.info_hash.bytes);
	if (t->meta.v1 && t->meta.v2)
		dht_begin(t, 1, t->meta.info_hash_v2.bytes);
}

static void dht_stop(struct torrent *t)
{
	for (int i = 0; i < 2; i++) {
		dht_topic_free(t->dht[i]);
		t->dht[i] = NULL;
	}
}

static void dht_completed(struct torrent *t)
{
	for (int i = 0; i < 2; i++)
		if (t->dht[i])
			dht_topic_set(t->dht[i], true, false);
}

/* The same on the local network. */
static void each_local(struct torrent *t,
		       void (*fn)(struct locals *l, const struct info_hash *h))
{
	struct info_hash hashes[2];
	unsigned n = torrent_hashes(t, hashes);

	for (unsigned i = 0; i < n; i++)
		fn(t->engine->locals, &hashes[i]);
}

void torrent_drop_others(struct torrent *t)
{
	dht_stop(t);
	candidates_drop_others(t->candidates);
	each_local(t, locals_remove);
	if (t->swarm) {
		swarm_end_pex(t->swarm);
		swarm_each_peer(t->swarm, close_other, t);
	}
}

enum err_code torrent_peers_renamed(struct torrent *t,
				    const struct info_hash *before,
				    struct err *e)
{
	struct info_hash hashes[2];
	unsigned n = torrent_hashes(t, hashes);
	enum err_code code;

	if (info_hash_eq(&hashes[0], before) && (n < 2 || t->announcers[1]))
		return ERR_NONE;
	/* torrent_peers_start() goes by all names, once the files are open */
	locals_remove(t->engine->locals, before);
	dht_stop(t);
	if (n < 2 || t->announcers[1])
		return ERR_NONE;
	code = add_announcer(t, &hashes[info_hash_eq(&hashes[0], before)], e);
	if (code == ERR_NONE)
		announcer_start(t->announcers[1]);
	return code;
}

void torrent_peers_start(struct torrent *t)
{
	if (!t->meta.is_private)
		each_local(t, locals_add);
	each_announcer(t, announcer_start);
	dht_start(t);
}

void torrent_peers_completed(struct torrent *t)
{
	each_announcer(t, announcer_completed);
	dht_completed(t);
}

void torrent_peers_pause(struct torrent *t)
{
	each_local(t, locals_remove);
	each_announcer(t, announcer_pause);
	dht_stop(t);
}

void torrent_peers_goodbye(struct torrent *t)
{
	t->goodbyes = 0;
	each_local(t, locals_remove);
	each_announcer(t, announcer_goodbye);
	dht_stop(t);
}

void torrent_peers_free(struct torrent *t)
{
	for (struct lookup *k = t->lookups; k; k = k->next)
		k->torrent = NULL; /* frees itself when the worker is done */
	if (!engine_find(t->engine,
			 &t->meta.info_hash)) /* not the same, again */
		each_local(t, locals_remove);
	each_announcer(t, announcer_free);
	dht_stop(t);
	web_seeds_free(t->web);
	candidates_free(t->candidates);
}
