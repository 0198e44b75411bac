/* engine.h - a running node: the loop, the workers, the sockets, the torrents,
 * and (when there is a wallet) the money.
 *
 * The daemon makes one and runs it until a signal; a command without a daemon
 * makes one that lives as long as its call. What either can do is a method:
 * engine_dispatch() finds it by name, see methods.h for the table.
 *
 * Thread: the loop, which engine_run() runs on the caller's thread.
 */
#ifndef NODE_ENGINE_H
#define NODE_ENGINE_H

#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/options.h"
#include "base/rng.h"
#include "base/work.h"
#include "node/core/call.h"
#include "node/core/home.h"
#include "node/net/link.h"
#include "wire/swarm/rate.h"

/* What a node does about the wallet. */
enum money_need {
	MONEY_NONE,   /* none: the command moves no money */
	MONEY_READ,   /* look at the book; no wallet is opened */
	MONEY_GLANCE, /* the same, when there is a book */
	MONEY_BOOK,   /* bring the book up to date; no wallet is opened */
	MONEY_IF_ANY, /* use it when it is there and opens without asking */
	MONEY_MUST,   /* the command is about money: ask on the terminal */
};

struct announcers;
struct dht_node;
struct hash_map;
struct host;
struct portmap;
struct http;
struct limiter;
struct rent_links;
struct rent_pay;
struct renter;
struct renting;
struct resume_db;
struct store_env;
struct torrent;
struct money;
struct trade;
struct tunnels;
struct udp;
struct udp_trackers;
struct locals;
struct watch;

struct engine {
	struct home home;
	const struct options *settings; /* borrowed */
	const struct options *override; /* the command's; may be NULL */
	struct loop *loop;
	struct log *log;
	struct work *work;
	struct rng rng;
	struct peer_id peer_id;
	struct rate *rate;
	struct loop_timer *rate_timer;
	struct limiter *limiter;
	struct http *http; /* trackers and the chain */
	struct http *web;  /* web seeds, which must not take their places */
	struct store_env *store_env;
	struct resume_db *resume;
	int claims; /* torrents.lock, see home_claim(); -1: not open yet */
	struct udp_trackers *udp_trackers;
	struct announcers *announcers; /* who waits for its turn to announce */
	struct locals *locals;	       /* local discovery */
	struct udp *udp; /* DHT, uTP, UDP trackers; listens where links do */
	struct dht_node *dht; /* asleep until the node listens */
	struct links *links;
	struct rent_links *rent;   /* renting connections */
	struct rent_pay *rent_pay; /* NULL: nothing is rented yet */
	struct renting *renting;   /* asleep until something rents */
	struct renter *renter;	   /* NULL: nothing was stored in this run */
	struct tenure *tenure;	   /* of a daemon */
	struct host *host;	   /* asleep until it rents out */
	struct watch *watch;	   /* asleep until a daemon begins */
	struct tunnels *tunnels;   /* NULL: no proxy */
	struct portmap *portmap;   /* asleep until a daemon listens */
	unsigned max_peers;	   /* connections in all */
	uint16_t listen_port;	   /* 0: not listening (yet) */
	struct torrent *torrents;
	struct hash_map *by_hash;      /* torrents, by all that they go by */
	unsigned running;	       /* torrents that have not stopped */
	struct loop_timer *rest_timer; /* torrents_rest(); set while some that
					* could rest do not */
	bool rest_set;
	struct money *money; /* NULL: no wallet in use */
	struct trade *trade; /* NULL: no wallet in use */
	char no_wallet[160]; /* why a wallet that is there is not used */
	bool daemon;
	bool stopping;
	void (*stop_signal)(void *ctx);
	void *stop_signal_ctx;
};

/* Both option objects must outlive the engine. Forks the signer first when the
 * command or the settings give a way to unlock a wallet; nothing else here
 * needs a wallet, a chain or a terminal. */
enum err_code engine_new(struct engine **out, const struct home *home,
			 const struct options *settings,
			 const struct options *override, bool daemon,
			 enum money_need need, struct err *e);
/* Stops torrents (announcing it, within 3 s), saves, frees. */
void engine_free(struct engine *en);

/* Runs until engine_stop(). */
void engine_run(struct engine *en);
void engine_stop(struct engine *en);
/* What SIGINT and SIGTERM do instead of engine_stop(). */
void engine_on_stop_signal(struct engine *en, void (*fn)(void *ctx), void *ctx);

void engine_dispatch(struct engine *en, const char *method,
		     const json_t *params, struct call *c);

/* Connections in one torrent, at the most. */
unsigned engine_torrent_peers(const struct engine *en);

/* Begins listening (once), with a proxy only where the user says; with an
 * explicit address failure is an error, with the default one a port of the
 * system's choice is taken instead. */
enum err_code engine_listen(struct engine *en, bool prefer_default_port,
			    struct err *e);

/* All that the node sends goes through a proxy: whoever would look up a name or
 * open a socket of another kind must not. */
bool engine_proxied(const struct engine *en);

/* A setting: the command's own option when it was given, else HOME/config. */
const char *engine_text(const struct engine *en, const char *name);
int64_t engine_int(const struct engine *en, const char *name);
bool engine_flag(const struct engine *en, const char *name);
/* Index runs over the command's list when it has one, else the config's. */
const char *engine_list_at(const struct engine *en, const char *name, size_t i);

/* By any of the hashes that it goes by. */
struct torrent *engine_find(const struct engine *en,
			    const struct info_hash *hash);

#endif
