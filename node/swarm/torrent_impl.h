/* torrent_impl.h - the insides of struct torrent, for the torrent_*.c files
 * only: torrent.c (life), torrent_swarm.c (between wire, storage and trade),
 * torrent_names.c (the hashes that it goes by, and where others are by each),
 * torrent_peers.c (connections), torrent_list.c (restarts),
 * torrent_link.c (from a magnet link to a torrent), torrent_v2.c (what version
 * 2 has besides), torrent_move.c (to another directory), torrent_view.c
 * (telling), torrent_rest.c (what is not in memory all the time). */
#ifndef NODE_TORRENT_IMPL_H
#define NODE_TORRENT_IMPL_H

#include "node/find/candidates.h"
#include "node/swarm/torrent.h"
#include "node/swarm/webseed.h"
#include "storage/torrent/torrent_store.h"

struct lookup;
struct announcer;
struct dht_topic;

/* One of the hashes that it goes by, and where others are looked for by it. */
struct torrent_name {
	struct info_hash hash;
	struct announcer *announcer;
	struct dht_topic *dht; /* NULL: private, or not running */
};

struct torrent {
	struct engine *engine;
	struct torrent *prev, *next;
	bool listed; /* in the engine's list, and found by its names */
	struct metainfo meta;
	/* the first is meta.info_hash; of a link those that it tells */
	struct torrent_name names[METAINFO_NAMES_MAX];
	unsigned n_names;
	char *magnet;	      /* the link that it came as; NULL: none */
	char *save_torrent;   /* path for the .torrent; NULL: none, or done */
	json_t *choice;	      /* wished, before the files are known; or NULL */
	uint8_t *file_prios;  /* enum picker_prio; NULL: all normal */
	uint8_t *piece_prios; /* of those and in_order; NULL: all normal */
	bool in_order;
	char *dir;
	bool read_only; /* `seed`: the files are never written */
	char *claim;	/* what no other process may write; NULL: none */
	bool verify_only;
	bool preallocate;
	bool super_seed;
	uint32_t slots;		   /* 0: the node's setting */
	struct relocation *moving; /* NULL: it is not being moved */
	/* as in the resume database's list, as text: an object is five times
	 * as much; NULL: not there */
	char *settings;
	enum torrent_state state;
	char fault[160];
	struct store *store;
	struct swarm *swarm; /* NULL while checking, paused or stopped */
	struct loop_timer *tick;
	bool rechecking;
	bool check_soon; /* what its files hold can be told only now */
	bool roots_soon; /* of a hybrid: both hashes are to be looked at */
	bool pause_after_check; /* it was paused when the check began */
	uint64_t checked, check_total;

	/* ends of seeding, see struct torrent_cfg */
	uint64_t ratio_permille;
	int64_t seed_time_s;
	bool stop_when_complete;
	int64_t complete_ms; /* when seeding began; -1: not yet */
	/* towards those ends, by swarms that are gone */
	uint64_t seeded_up;
	int64_t seeded_ms;
	int64_t count_saved_ms;
	bool fresh; /* became complete in this run */

	bool paying;
	struct amount bid, budget;
	struct pay_job *job;

	int64_t started_ms;
	uint64_t up_saved, down_saved; /* of the swarm, in the totals already */

	struct candidates *candidates;
	int64_t scraped_ms;    /* 0: never */
	unsigned goodbyes;     /* said by names */
	struct web_seeds *web; /* NULL: none are known */
	struct lookup *lookups;

	torrent_event_fn *watcher;
	void *watcher_ctx;
	void (*stopped)(void *ctx);
	void *stopped_ctx;
	bool goodbye_said; /* the last announce is answered, or needless */
	bool store_closed;
};

extern const struct store_ops torrent_store_callbacks;

/* torrent.c: claims the files and opens the store. */
enum err_code torrent_open_files(struct torrent *t, struct err *e);

int64_t torrent_now(const struct torrent *t);
void torrent_tell(struct torrent *t, const char *type, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The torrent's tick runs at the next turn. */
void torrent_wake(struct torrent *t);
void torrent_opened(struct torrent *t);
void torrent_completed(struct torrent *t);
void torrent_fault(struct torrent *t, const struct err *err);
void torrent_check_progress(struct torrent *t, uint64_t done, uint64_t total);
void torrent_save_totals(struct torrent *t);
/* What the list keeps of it, an object of the caller's. NULL: it is not in the
 * list, or no memory. */
json_t *torrent_settings(const struct torrent *t);
/* The list keeps these from now on. ERR_NOMEM, and resume_set_settings()'s. */
enum err_code torrent_keep_settings(struct torrent *t, const json_t *settings,
				    struct err *e);
/* The same; takes the object, and a failure is logged. */
void torrent_take_settings(struct torrent *t, json_t *settings);
/* How long it was seeded, towards the end that the user set. */
int64_t torrent_seeded_ms(const struct torrent *t);
/* Stores what counts towards such ends, so that a restart counts on. */
void torrent_save_count(struct torrent *t);
/* One of the two halves of stopping is done. */
void torrent_stop_step(struct torrent *t);

/* torrent_swarm.c */
enum err_code torrent_swarm_start(struct torrent *t, struct err *e);
void torrent_swarm_stop(struct torrent *t);

/* torrent_list.c: one of the list, as a daemon's start has it. */
enum err_code torrent_restore(struct torrent **out, struct engine *en,
			      const struct info_hash *hash, struct err *e);

/* torrent_link.c */
/* Reads the link into meta; the info dictionary comes later. */
enum err_code torrent_read_link(struct torrent *t, struct err *e);
/* What it is known by before its metadata is here. */
enum err_code torrent_link_hash(struct info_hash *out, const char *magnet,
				struct err *e);
/* It is complete: no command will have to go on with it. */
void torrent_drop_fetched(const struct torrent *t);
/* Its peers (x.pe). */
void torrent_add_link_peers(struct torrent *t);
/* The swarm that looks for the info dictionary. */
void torrent_seek_metadata(struct torrent *t);
/* Keeps the whole .torrent, and writes it where the user wants it: now, or when
 * the hashes that are missing have come. */
void torrent_keep_file(struct torrent *t);
/* From the swarm: the info dictionary is here. */
void torrent_take_metadata(struct torrent *t, const uint8_t *info, size_t len);

/* BEP 27: who may know a private torrent is for its tracker to say; then there
 * is none. */
const uint8_t *torrent_info_for_others(const struct torrent *t, size_t *len);

/* Those that are known are asked, where it downloads. */
void torrent_start_web_seeds(struct torrent *t);

/* torrent_rest.c */
/* Has the whole metainfo again; before somebody is connected, hashes are looked
 * at. Errors are resume_get()'s and metainfo_recall()'s. */
enum err_code torrent_recall(struct torrent *t, struct err *e);
/* Unless something keeps it, it rests some seconds from now. */
void torrent_rest_soon(struct torrent *t);

/* torrent_v2.c */
/* Files of more than one block, for the swarm; *out is malloc'ed. */
enum err_code torrent_layers(const struct torrent *t, struct layers_file **out,
			     uint32_t *count, struct err *e);
/* Peers told the hashes of a file's pieces, and they are the right ones. */
void torrent_layer_came(struct torrent *t, uint32_t file,
			const uint8_t *pieces);

/* The store of a hybrid looks at both hashes from now on (or from the next call
 * on, while it is being checked). */
void torrent_add_roots(struct torrent *t);

/* torrent_files.c: which files are wanted */
/* The choice that the torrent began with, or that a run before kept. */
enum err_code torrent_choose(struct torrent *t, const char *kept,
			     struct err *e);
/* It is made, and kept from now on. */
void torrent_choice_known(struct torrent *t);
/* For the settings, malloc'ed; NULL: nothing was chosen. */
char *torrent_choice_text(const struct torrent *t);
bool torrent_wants_file(const struct torrent *t, uint32_t file);
/* What lies aside goes along to another directory, where it can. */
void torrent_move_aside(const struct info_hash *hash, const char *from_dir,
			const char *to_dir);
/* Its torrent ends while it is moved: the node stops. */
void torrent_move_orphan(struct relocation *r);
/* Moves that a crash cut off: the list gets to say where the files are. Before
 * the torrents of the list begin. */
void torrent_settle_moves(struct engine *en);
/* What lies aside is of no use to anybody once it is removed. */
void torrent_delete_aside(const struct torrent *t);
bool torrent_is_partial(const struct torrent *t);

/* torrent_names.c */
/* The list is made of meta's hashes. */
void torrent_names_read(struct torrent *t);
/* Another torrent of the node that goes by one of meta's hashes, or NULL: it,
 * or (as good as never) one that peers and trackers could not tell from it. */
struct torrent *torrent_namesake(const struct torrent *t,
				 const struct metainfo *meta);
/* engine_find() finds it by each of its names; false: no memory, or too many
 * torrents. */
bool torrent_names_index(struct torrent *t);
void torrent_names_unindex(struct torrent *t);
/* Each name has its trackers. */
enum err_code torrent_names_new(struct torrent *t, struct err *e);
/* Its metadata is here, perhaps with a hash more, by which others are looked
 * for from now on. */
enum err_code torrent_names_learn(struct torrent *t, struct err *e);
/* The metadata says that it is private, which was not known before. */
void torrent_names_set_private(struct torrent *t);
/* Others are told of it, and looked for, from here on. */
void torrent_names_start(struct torrent *t);
void torrent_names_completed(struct torrent *t);
/* It may have found others, or be alone again. */
void torrent_names_tick(struct torrent *t);
/* Trackers are told `stopped`; torrent_names_start() begins again. */
void torrent_names_pause(struct torrent *t);
/* Tells trackers `stopped`, when they were told `started`; sets goodbye_said
 * and calls torrent_stop_step() when it is answered, at once or later. */
void torrent_names_goodbye(struct torrent *t);
/* Nobody but trackers hears of it any more. */
void torrent_names_hide(struct torrent *t);
/* Encrypted connections are to find it, or not any more. */
void torrent_names_list(const struct torrent *t, bool on);
void torrent_names_free(struct torrent *t);

/* torrent_peers.c */
enum err_code torrent_peers_new(struct torrent *t, struct err *e);
/* t->web is there from now on. */
enum err_code torrent_need_web(struct torrent *t, struct err *e);
/* BEP 27: connections and addresses that are not of its trackers or the user
 * end; it was not known before that the torrent is private. */
void torrent_drop_others(struct torrent *t);
/* Connects to who is due; returns when to be called next. */
int64_t torrent_peers_tick(struct torrent *t, int64_t now_ms);
/* Of a private torrent another tracker took over: peers of the one before go.
 */
void torrent_tracker_switched(struct torrent *t);
void torrent_peers_free(struct torrent *t);

#endif
