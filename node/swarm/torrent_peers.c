/* torrent_peers.c - whom a torrent connects to: host names that the user gave,
 * addresses that others gave, and when to try which. */
#include "node/swarm/torrent_impl.h"

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

void torrent_tracker_switched(struct torrent *t)
{
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
	bool by_v2 = t->n_names > 1 &&
		     candidates_failures(t->candidates, addr) % 2 == 1;
	struct err e = {0};

	(void)torrent_recall(t, &e); /* as in torrent_expect() */
	return (by_v2 ? links_open_v2 : links_open)(
		t->engine->links, t->swarm, addr, torrent_link_ended, t);
}

int64_t torrent_peers_tick(struct torrent *t, int64_t now_ms)
{
	struct net_addr addr;
	int64_t wake = now_ms + 1000;

	while (candidates_connected(t->candidates) < OPEN_MAX &&
	       swarm_has_room(t->swarm) &&
	       candidates_is_due(t->candidates, now_ms, &wake)) {
		if (!links_make_room(t->engine->links))
			return now_ms + 1000;
		if (!candidates_take(t->candidates, now_ms, &addr, &wake))
			break;
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
	if (why == PEER_CLOSE_UPGRADE)
		candidates_hurry(t->candidates, to);
	/* it cannot be reached: whoever told of it may let it and us meet */
	if (t->swarm && !lasted && why == PEER_CLOSE_NONE)
		(void)swarm_holepunch(t->swarm, torrent_now(t), &at);
	if (t->swarm)
		torrent_wake(t);
}

static void on_note(void *ctx, const char *text)
{
	torrent_tell(ctx, "note", "%s", text);
}

enum err_code torrent_peers_new(struct torrent *t, struct err *e)
{
	return torrent_names_new(t, e);
}

enum err_code torrent_need_web(struct torrent *t, struct err *e)
{
	return t->web ? ERR_NONE
		      : web_seeds_new(&t->web, t->engine, on_note, t, e);
}

enum err_code torrent_add_web_seed(struct torrent *t, const char *url,
				   struct err *e)
{
	enum err_code code = torrent_need_web(t, e);

	if (code == ERR_NONE)
		code = web_seeds_add(t->web, url, e);
	if (code == ERR_NONE && t->swarm)
		torrent_start_web_seeds(t);
	return code;
}

bool torrent_may_scrape(struct torrent *t, int64_t least_ms)
{
	int64_t now = torrent_now(t);

	if (t->scraped_ms && now - t->scraped_ms < least_ms)
		return false;
	t->scraped_ms = now;
	return true;
}

void torrent_drop_others(struct torrent *t)
{
	torrent_names_hide(t);
	candidates_drop_others(t->candidates);
	if (t->swarm) {
		swarm_end_pex(t->swarm);
		swarm_each_peer(t->swarm, close_other, t);
	}
}

void torrent_peers_free(struct torrent *t)
{
	for (struct lookup *k = t->lookups; k; k = k->next)
		k->torrent = NULL; /* frees itself when the worker is done */
	torrent_names_free(t);
	web_seeds_free(t->web);
	candidates_free(t->candidates);
}
