/* torrent.h - one torrent of a running node: its metainfo, its files (storage),
 * its swarm (wire), its trackers and the addresses it may connect to.
 *
 * Life: torrent_add() -> METADATA (only when it was given a magnet link: the
 * info dictionary comes from peers) -> CHECKING (only when nothing trustworthy
 * is recorded about its files) -> DOWNLOADING or SEEDING <-> PAUSED; a disk
 * that refuses is FAULT, tried again by `resume`. torrent_stop() tells trackers
 * and saves, then torrent_free(). Thread: the loop.
 */
#ifndef NODE_TORRENT_H
#define NODE_TORRENT_H

#include "base/amount.h"
#include "base/err.h"
#include "base/ids.h"
#include "node/core/engine.h"
#include "node/net/net.h"
#include "wire/swarm/swarm.h"
#include "wire/torrent/metainfo.h"

#include <jansson.h>

enum torrent_state {
	TORRENT_METADATA, /* only its hash is known: no store yet, a swarm
			   * without pieces */
	TORRENT_CHECKING,
	TORRENT_DOWNLOADING,
	TORRENT_SEEDING,
	TORRENT_PAUSED,
	TORRENT_FAULT, /* the disk is full or refuses: see fault text */
	TORRENT_STOPPED,
};

/* Of a longer .torrent nothing goes out of memory: to read it again would keep
 * the loop too long. */
#define TORRENT_REST_MAX (4U << 20)

struct torrent_cfg {
	const uint8_t *file; /* the .torrent's bytes; copied */
	size_t file_len;
	const char *magnet; /* instead of `file`: a link; copied */
	/* absolute path where the .torrent is saved once it is known; NULL: not
	 */
	const char *save_torrent;
	/* Which files are wanted: words as in file_choice.h, or `file_prios` as
	 * a run before kept it; both NULL: all, or as the link says */
	const json_t *choice;
	const char *file_prios;
	bool in_order;	 /* for a player */
	const char *dir; /* absolute; the torrent's name goes below it */
	bool read_only;	 /* seeding only: files are never created or changed */
	bool preallocate;
	bool super_seed; /* BEP 16: the first seed of what it seeds */
	bool paused;
	bool verify_only; /* hash everything, connect to nobody */
	/* seeding ends at either, when given */
	uint64_t ratio_permille; /* 0: no such end */
	int64_t seed_time_s;	 /* -1: no such end */
	/* what counts towards them from before a restart */
	uint64_t seeded_up; /* bytes */
	int64_t seeded_ms;
	uint32_t slots;		 /* upload slots; 0: the node's setting */
	bool stop_when_complete; /* a `get` without seeding */
	bool paying;		 /* the two below count */
	struct amount bid;	 /* per GiB, hard maximum */
	struct amount budget;
};

/* What a watcher is told; the text is for people. */
typedef void torrent_event_fn(void *ctx, const char *type, const char *text);

/* Parses, opens the files and starts. ERR_STATE: already there (then *out is
 * that one). Other errors name what is wrong with the torrent or directory. */
enum err_code torrent_add(struct torrent **out, struct engine *en,
			  const struct torrent_cfg *cfg, struct err *e);
/* What torrents need only while somebody asks for them goes out of memory: what
 * they need again they read from the list that the daemon restores. For the
 * engine's timer; `engine` is a struct engine. */
void torrents_rest(void *engine);
/* The .torrent that a link led to when the command was given before, and did
 * not get all of it; *file is malloc'ed, NULL: none. For torrent_cfg, with the
 * link. */
void torrent_fetched(struct engine *en, const char *magnet, uint8_t **file,
		     size_t *len);
/* Those that the daemon had when it ended. */
enum err_code torrents_restore(struct engine *en, struct err *e);
/* Frees at once; see torrent_stop(). NULL is a no-op. */
void torrent_free(struct torrent *t);

/* Announces `stopped`, closes connections, makes everything durable; `done`
 * is called when it is so (maybe at once). */
void torrent_stop(struct torrent *t, void (*done)(void *ctx), void *ctx);
bool torrent_stopped(const struct torrent *t);

void torrent_pause(struct torrent *t);
void torrent_resume(struct torrent *t);
/* Forgets it (and deletes its files); t is gone. */
enum err_code torrent_remove(struct torrent *t, bool files, struct err *e);

/* A daemon's torrent and its files get another directory (absolute, there
 * already). The files are renamed, or were moved by the user before. t is gone
 * then, and `moved` in its place, or what it was if err is set; NULL: it could
 * not be begun again. ERR_STATE, ERR_IO: not now, or not there; nothing has
 * happened and done() does not come. */
typedef void torrent_moved_fn(void *ctx, struct torrent *moved,
			      const struct err *err);
/* To another disk, twice a second: bytes that are copied, of so many. */
typedef void torrent_moving_fn(void *ctx, uint64_t done, uint64_t total);
enum err_code torrent_move(struct torrent *t, const char *dir,
			   torrent_moving_fn *moving, torrent_moved_fn *done,
			   void *ctx, struct err *e);

/* Puts it into the list that the daemon restores, with its extras (below). */
enum err_code torrent_remember(struct torrent *t, const json_t *extras,
			       struct err *e);
/* The user's own trackers, peers and web seeds: extras' lists of text
 * "tracker", "peer" and "web-seed"; each may be missing. */
enum err_code torrent_add_extras(struct torrent *t, const json_t *extras,
				 struct err *e);
/* Hashes every piece again; CHECKING until it is done. */
enum err_code torrent_recheck(struct torrent *t, struct err *e);

/* One watcher at a time and torrent; NULL ends it. */
void torrent_watch(struct torrent *t, torrent_event_fn *fn, void *ctx);
/* Did it reach what it was started for (complete and seeded enough)? */
bool torrent_reached(const struct torrent *t);

/* `source` is "tracker", or another word for the log. Duplicates are ignored.
 * `keep`: the user named it, it is never forgotten. A private torrent takes
 * those two kinds only. */
void torrent_add_peer(struct torrent *t, const struct net_addr *addr, bool keep,
		      const char *source);
/* The same from others who may say anything (`source` "pex", "lsd"): they fill
 * no more than half of the list, so that it has room for better ones. */
void torrent_told_of(struct torrent *t, const struct net_addr *addr,
		     const char *source);
/* A host name or IP, and a port; a name is looked up without blocking. `keep`:
 * the user named it, not a link. */
enum err_code torrent_add_peer_text(struct torrent *t, const char *endpoint,
				    bool keep, struct err *e);
/* Of each of its hashes. */
enum err_code torrent_add_tracker(struct torrent *t, const char *url,
				  struct err *e);
enum err_code torrent_add_web_seed(struct torrent *t, const char *url,
				   struct err *e);

/* URL i of its trackers; NULL: there are no more. */
const char *torrent_tracker(const struct torrent *t, uint32_t i);
/* Whether its trackers may be scraped: not within `least_ms` of the last time.
 * True counts as such a time. */
bool torrent_may_scrape(struct torrent *t, int64_t least_ms);
/* The most that one of its trackers counts; -1: none has told. */
void torrent_tracker_counts(const struct torrent *t, int64_t *seeds,
			    int64_t *leechers);

/* Words of file_choice.h and "sequential" (a boolean). Errors are those of
 * choice_make() and store_set_unwanted(). */
enum err_code torrent_set_files(struct torrent *t, const json_t *words,
				struct err *e);
/* [{"number","path","length","have","priority"}...] */
json_t *torrent_files_json(const struct torrent *t);
/* Bytes of the pieces that are wanted, and of those what is here. */
void torrent_wanted(const struct torrent *t, uint64_t *total, uint64_t *have);

/* {"info_hash","name","state","total","have","percent","rate_down",...} */
json_t *torrent_json(const struct torrent *t);

const struct info_hash *torrent_hash(const struct torrent *t);
/* Hash i of those that it goes by, to peers, trackers, the DHT and the local
 * network: one, or the two of a hybrid (BEP 52). The first is torrent_hash();
 * NULL: there are no more. */
const struct info_hash *torrent_hash_at(const struct torrent *t, unsigned i);
bool torrent_goes_by(const struct torrent *t, const struct info_hash *hash);
const char *torrent_kind(const struct torrent *t); /* "v1", "v2", "hybrid" */
struct swarm *torrent_swarm(const struct torrent *t);
struct torrent *torrent_next(const struct torrent *t);
/* While torrent_knows() is false: what the link tells, see magnet_metainfo().
 */
const struct metainfo *torrent_meta(const struct torrent *t);
bool torrent_knows(const struct torrent *t);
enum torrent_state torrent_state(const struct torrent *t);
const char *torrent_state_name(enum torrent_state s);
struct pay_job *torrent_job(const struct torrent *t);

/* ---- from money.h and trade.h ---- */
/* Starts what waited for the wallet to be opened. */
void torrent_begin(struct torrent *t);
/* What trade_offer() gives has changed: handshakes say so from now on. */
void torrent_offer_changed(struct torrent *t);
/* Trading is possible from now on: a paid download opens its job. */
void torrent_trade_ready(struct torrent *t);
/* What the user pays at most. */
void torrent_terms(const struct torrent *t, struct amount *bid,
		   struct amount *budget);
/* Something about its money that a person should hear. */
void torrent_trade_event(struct torrent *t, int kind, const char *amount,
			 const char *text);

/* A connection has named this torrent. */
void torrent_expect(struct torrent *t);
/* From link.h, for an outgoing connection. */
void torrent_link_ended(void *torrent, const struct net_addr *to, bool lasted,
			enum peer_close why);

#endif
