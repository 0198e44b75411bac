/* swarm_int.h - the inside of struct swarm, shared by swarm*.c only.
 *
 * swarm.c        life, pieces, the caller's knobs, the clockwork
 * swarm_peers.c  peers come and go, handshakes, messages
 * swarm_ext.c    BEP 10: our handshake, extension messages both ways
 * swarm_wants.c  which pieces are wanted
 * swarm_meta.c   BEP 9: the info dictionary, fetched and served
 * swarm_hash.c   BEP 52: hashes of pieces, asked for and told
 * swarm_leaf_up.c     hashes of blocks, told
 * swarm_leaf_check.c  hashes of blocks, asked for when a piece fails
 * swarm_early.c  what peers say of pieces before we know the torrent
 * swarm_down.c   what we ask for: requests, timeouts, arriving blocks
 * swarm_up.c     what is asked of us: queue, reads, charging
 * swarm_check.c  verdicts on pieces, and who lied
 * swarm_choke.c  slots
 * swarm_fast.c   Allowed Fast: blocks for who has no slot
 * swarm_lost.c   lt_donthave: pieces that are no longer there
 * swarm_pex.c    ut_pex: peers tell of peers
 * swarm_holepunch.c  ut_holepunch: peers let others connect
 * swarm_source.c blocks that come from elsewhere than from peers
 * swarm_super.c  super seeding
 */
#ifndef WIRE_SWARM_INT_H
#define WIRE_SWARM_INT_H

#include "wire/peer/allowed.h"
#include "wire/peer/peer_int.h"
#include "wire/swarm/blame.h"
#include "wire/swarm/choker.h"
#include "wire/swarm/meta_get.h"
#include "wire/swarm/picker.h"
#include "wire/swarm/swarm.h"

#define RATE_SECONDS 5
#define DOWN_ALLOWED_MAX 16U
#define DOWN_SUGGESTED_MAX 8U
#define DOWN_REQUESTS_MAX 1024U /* ours on their way, ring size */
/* Bytes/s from which a peer's pieces come side by side. */
#define DOWN_WIDE_FROM (32U << 20)
#define DOWN_TARGET_START 32U
#define DOWN_TARGET_SLOW 4U
#define DOWN_QUEUE_S 2U	       /* seconds of their rate that we ask ahead */
#define DOWN_REQQ_DEFAULT 250U /* when their handshake does not tell */
#define DOWN_ENDGAME_MAX 16U   /* doubled requests of one peer at a time */
#define DOWN_REFUSED_MS 900    /* so the next second asks again */
#define DOWN_REFUSALS_MAX 8U   /* in a second */
#define DOWN_BORNE 64U	       /* requests, 1 MiB: what every peer bears */
#define DOWN_STALL_MS 10000    /* of one that has more, and sends nothing */
#define DOWN_SNUB_MS 60000
#define DOWN_REQUEST_MS 120000 /* one request while others are answered */
/* Pieces that a peer is shown and has not passed on. */
#define SUPER_OFFERS 2U
#define UP_SLOTS 32U
#define READS_MAX 8192U
#define JOBS_MAX 4U
#define GONE_MAX 256U
#define READY_WAIT_MS 10000 /* for a promised BEP 10 handshake */
#define USELESS_MS 60000    /* neither downloads: grace before closing */
#define SECOND_MS 1000
/* Given to who has no slot: so much in a burst, and a second in all. */
#define FAST_BYTES (1U << 20)
#define FAST_PER_S (64U << 10)
#define PEX_KNOWN_MAX 1024U
#define PUNCH_KNOWN 32U
/* An extension message this long is queued as a span. */
#define BULK_FROM 8192U
#define BULK_BUFFERS_MAX 65536U
#define BULK_KEEP 16U
#define META_QUEUE 64U /* pieces of our metadata that a peer may wait for */
#define META_PROBE_MS 30000
#define META_BULK_LOW (128U * 1024U) /* more is served when less is queued */
#define EARLY_BYTES_MAX (16U << 20)  /* of all peers' bitfields, see below */
/* Blocks of a hybrid wait so long for the hashes of pieces (BEP 52). */
#define HASH_HOLD_MS 5000
/* Hashes of blocks (BEP 52), told: bytes that a peer, and all of a swarm, may
 * have us hash at once and a second in the long run (the last piece may go over
 * it), and questions that wait. */
#define LEAF_PEER_BYTES (32 << 20)
#define LEAF_PEER_PER_S (1 << 20)
#define LEAF_SWARM_BYTES (128 << 20)
#define LEAF_SWARM_PER_S (8 << 20)
#define LEAF_WANTS_MAX 16U
#define LEAF_WANTS_PEER 8U /* a piece of 64 MiB is asked for in eight parts */
#define LEAF_KEEP_MS 30000
/* Asked for: pieces at once, of how many of which; how long one peer may take,
 * and all of them; how long one that refused is left alone. */
#define LEAF_CHECKS_MAX 4U
#define LEAF_ANSWER_MS 5000
#define LEAF_CHECK_MS 20000
#define LEAF_AGAIN_MS 60000
#define LEAF_COOKIE_UP 0xffU

struct meter { /* payload bytes/s */
	uint64_t total, seen;
	uint32_t slots[RATE_SECONDS];
	uint32_t rate; /* mean */
	uint32_t last; /* of the last second */
	unsigned at, filled;
};

enum ask_state {
	ASK_DONE,   /* answered; a gap in the ring */
	ASK_ACTIVE, /* on its way, held in the picker */
	ASK_LATE,   /* given up here, but it may still come and is then owed */
};

struct ask {
	struct picker_block b;
	int64_t at_ms;
	enum ask_state state;
};

struct down {
	struct ask *ring;
	uint32_t cap, first, n; /* n: first..last, gaps included */
	uint32_t active, late;
	uint32_t target;
	uint32_t most; /* no more than this: it stopped when it had more */
	bool starting; /* target grows with each block */
	bool snubbed;
	bool quiet;
	int64_t last_block_ms;
	int64_t less_ms;	/* when `most` last fell */
	int64_t pause_until_ms; /* after refusals */
	uint32_t refusals;	/* in this second */
	uint32_t last_piece;	/* for the picker */
	uint32_t allowed[DOWN_ALLOWED_MAX];
	uint32_t n_allowed;
	uint32_t suggested[DOWN_SUGGESTED_MAX];
	uint32_t n_suggested;
};

struct up_req {
	uint32_t piece, begin, len;
};

enum up_state { UP_PENDING, UP_READY };

struct up_slot {
	struct up_req req;
	enum up_state state;
	uint32_t read; /* PENDING: index in swarm.reads */
	struct span span;
};

struct up {
	struct up_req *ring;
	uint32_t cap, first, n;
	struct up_slot *slots; /* UP_SLOTS of them, made when first needed */
	uint32_t slot_first, n_slots;
	uint32_t slot_bytes;
	bool held;
};

struct link { /* a peer as the swarm sees it; freed by peer_free() */
	struct peer peer; /* first member */
	struct swarm *s;  /* NULL before an accepted peer's handshake */
	swarm_find_fn *find;
	void *find_ctx;
	uint32_t index; /* in s->links */

	bool greeted; /* handshake is through, both ways */
	bool banned;
	bool v2;       /* hash messages may be said (BEP 52) */
	bool knows_v2; /* so it said */
	bool heard;    /* and a message came after it */
	bool ready;
	bool dht_told; /* they said where their DHT node is */
	bool ext_got;
	bool they_choke, they_interested, am_interested;
	bool prefers_encryption; /* its handshake says so */
	bool upload_only;	 /* BEP 21: it downloads nothing (any more) */
	bool said_upload_only;	 /* we told it so of ourselves */
	enum peer_slot slot;
	bool optimistic;
	int64_t slot_since_ms;
	int64_t asked_ms;      /* its last request that was taken */
	int64_t mute_until_ms; /* see choke_is_mute(); 0: not */
	uint64_t rank;
	int64_t useless_since_ms; /* 0: is of use */

	uint8_t *bits; /* NULL: nothing, or seed */
	/* bytes at `bits` while the swarm waits for its metadata; else 0 */
	uint32_t early_bytes;
	uint32_t early_exact; /* of a bitfield message; 0: none came */
	bool seed;
	uint32_t n_pieces;
	uint32_t wanted; /* pieces they have and we want */
	uint32_t haves;	 /* how much of s->have_log they were told */

	/* super seeding: what it was shown; NULL: everything */
	uint8_t *shown;
	uint32_t offered[SUPER_OFFERS];
	unsigned n_offered;
	bool showing_all; /* the rest is being told, from show_at on */
	uint32_t show_at;

	uint16_t listen_port; /* "p"; 0: not told */
	uint8_t ext_id[EXT_COUNT];
	uint32_t metadata_size;	  /* 0: not told */
	bool ext_said[EXT_COUNT]; /* named in our handshake */
	bool ext_waits;		  /* ext_room was too small: say ext_drained */
	bool blocked; /* nothing is read from it: swarm_peer_set_blocked */
	uint32_t reqq;
	char client[EXT_CLIENT_MAX + 1];
	uint8_t *ext_sent, *ext_received;
	size_t ext_sent_len, ext_received_len;

	uint8_t n_fast; /* pieces that it may have without a slot */
	uint32_t fast[ALLOWED_MAX];
	uint32_t fast_bytes; /* given so */
	uint8_t pex_flags;   /* the caller's */
	uint64_t pex_told;   /* events up to this one */
	int64_t pex_next_ms;
	bool pex_heard;
	int64_t pex_heard_ms;
	uint32_t pex_early;
	int64_t leaf_spent;	/* bytes hashed for it */
	int64_t leaves_from_ms; /* it is not asked for blocks' hashes before */
	/* BEP 55: when each may be done so often again */
	int64_t punch_from_ms, punch_to_ms;

	struct down down;
	struct up up;
	struct meta_up *meta_up; /* NULL: nothing was asked for */
	int64_t meta_probe_ms;	 /* told no size: asked for it from then on */
	bool meta_probed;	 /* and has not answered yet */
	bool meta_has_any;	 /* it was asked since it has pieces */
	struct rate_flow flow_up, flow_down;
	struct meter in, out;
};

struct meta_up { /* pieces of our metadata that a peer asked for */
	uint16_t queue[META_QUEUE];
	unsigned first, n;
	uint32_t credit; /* pieces that it may still ask for */
};

struct read { /* an ops->read that was answered LATER */
	uint32_t gen;
	uint32_t next_free;
	bool used;
	struct link *link; /* NULL: nobody waits any more, or a job */
	bool job;
	uint32_t job_index;
};

struct job { /* reads a piece back to fingerprint its blocks */
	bool used;
	bool verified; /* else failed */
	bool waiting;  /* a read is pending */
	uint32_t piece, n, next;
	uint64_t *prints, *senders;
};

struct gone {
	uint64_t serial;
	struct wire_addr addr;
	bool banned;
};

struct pex_known;

struct punch { /* who told us of a peer that can be reached so */
	struct wire_addr addr;
	uint64_t teller; /* serial */
};

struct swarm {
	struct swarm_cfg cfg;
	struct msg_bounds bounds;
	struct pieces shape;
	struct info_hash hash_v2; /* cfg.hash_v2, cut */
	struct layers *layers;	  /* NULL: not of v2 */
	int64_t hash_hold_ms;	  /* see hash_holds() */
	uint8_t *have;
	uint32_t n_have;
	uint64_t have_bytes;
	uint8_t *prios;	       /* enum picker_prio; NULL: all are wanted */
	uint32_t n_wanted;     /* pieces that are wanted and not had */
	struct picker *picker; /* NULL when all is had, and while it waits */
	struct meta_get *meta; /* NULL: not waiting, or it is all here */
	uint32_t meta_size;    /* then its bytes */
	size_t early_bytes;    /* of all links */
	struct blame *blame;   /* made when first needed */
	struct cbuf_pool *own_blocks;
	struct cbuf_pool *bulk; /* extension messages to be sent; NULL: none */
	uint64_t next_serial;
	int64_t now_ms;
	int64_t second_ms;     /* next of the once-a-second works */
	int64_t round_ms;      /* next choker round */
	int64_t optimistic_ms; /* next change */
	bool blocked;	       /* the store takes no more */
	bool upload_on, download_on;
	bool super;	     /* super seeding, until there is another seed */
	uint32_t super_next; /* where the round of pieces is */
	/* What is to be done when the outermost call into the swarm ends, so
	 * that no callback changes slots or requests under a loop's feet. */
	unsigned depth;
	bool choke_soon;	 /* a slot or a claim to one changed */
	bool refill_soon;	 /* blocks became free to be asked of others */
	struct choker_row *rows; /* as many as cap_links */
	struct link **row_links;

	struct link **links;
	uint32_t n_links, cap_links;

	uint32_t *have_log; /* pieces verified since the links' bitfields */
	uint32_t n_log, cap_log;

	struct read *reads;
	uint32_t n_reads, cap_reads, free_read;
	struct job jobs[JOBS_MAX];
	struct leaf_up *leaf_up;	/* NULL: nothing was asked for */
	struct leaf_check *leaf_checks; /* LEAF_CHECKS_MAX; NULL: none yet */
	uint64_t leaf_cookies;
	struct gone *gone; /* GONE_MAX of them; NULL: nobody has left yet */
	uint32_t n_gone;

	uint32_t fast_credit;  /* bytes to give to who has no slot */
	struct pex_known *pex; /* who came, and who left; in order of coming */
	uint32_t n_pex, cap_pex;
	uint64_t pex_seq;    /* of comings and goings */
	struct punch *punch; /* PUNCH_KNOWN of them; NULL: none yet */
	uint32_t n_punch;
	int64_t punch_ms;
	struct swarm_source *sources;

	struct meter in, out;
	uint64_t wasted;
	uint32_t failed;
};

/* Nothing is to be had or asked for, ever. */
static inline bool swarm_is_bare(const struct swarm *s)
{
	return s->cfg.pieces == 0 && !s->cfg.waits_for_metadata;
}

static inline struct link *link_of(struct peer *p)
{
	return (struct link *)p; /* its first member */
}

/* swarm.c */
uint8_t *swarm_copy_bytes(const uint8_t *p, size_t len);
void swarm_enter(struct swarm *s, int64_t now_ms);
void swarm_leave(struct swarm *s);
/* Bytes of it that are asked for. */
uint32_t swarm_piece_bytes(const struct swarm *s, uint32_t piece);
struct link *swarm_find_serial(const struct swarm *s, uint64_t serial);
/* Pending reads: UINT32_MAX when there are too many. */
uint32_t swarm_read_begin(struct swarm *s, struct link *l, bool job,
			  uint32_t job_index);
uint64_t swarm_read_cookie(const struct swarm *s, uint32_t index);
void swarm_read_end(struct swarm *s, uint32_t index);
enum err_code swarm_need_picker(struct swarm *s);
enum err_code swarm_init_pieces(struct swarm *s, struct err *e);
void swarm_log_have(struct swarm *s, uint32_t piece);

void swarm_meter_second(struct meter *m, int64_t dt_ms);
/* BEP 21: there is nothing that we (still) want of anybody. */
bool swarm_uploads_only(const struct swarm *s);
/* That may have changed: whoever was told otherwise is told. */
void swarm_tell_upload_only(struct swarm *s);

/* swarm_peers.c */
void link_update_interest(struct link *l);
void swarm_keep_alive(struct link *l);
bool link_has(const struct link *l, uint32_t piece);
bool link_has_all(const struct link *l);
void link_become_ready(struct link *l, const struct ext_handshake *ext);

/* swarm_ext.c */
void ext_say(struct link *l);
void ext_take(struct link *l, const struct msg *m);
void ext_fill(struct link *l);
void ext_say_again(struct swarm *s); /* to all: what our handshake tells */

/* swarm_wants.c */
bool swarm_wants(const struct swarm *s, uint32_t piece);
/* Nothing more is to be had, though there may be pieces. */
bool swarm_is_done(const struct swarm *s);
enum err_code wants_init(struct swarm *s, struct err *e);
enum err_code wants_new_picker(struct swarm *s, struct err *e);
uint32_t wants_of_link(const struct link *l);
uint64_t wants_bytes(const struct swarm *s);

/* swarm_meta.c */
void meta_say(const struct link *l, struct ext_handshake *hs);
void meta_told(struct link *l);
void meta_take(struct link *l, const struct msg *m);
void meta_fill(struct link *l);
bool meta_wants(const struct link *l); /* something to fill */
void meta_gone(struct link *l);
void meta_second(struct swarm *s);
void meta_link_second(struct link *l);

/* swarm_hash.c */
void hash_names(struct swarm *s, const struct info_hash *v1, bool v2,
		const struct hash32 *hash_v2);
enum err_code hash_init(struct swarm *s, struct err *e);
void hash_request(struct link *l, const struct msg *m);
void hash_hashes(struct link *l, const struct msg *m);
void hash_reject(struct link *l, const struct msg *m);
/* The torrent is known, and is a hybrid: whom we connected to for its v1 hash,
 * and who knows it as one too, is to be connected to anew. */
void hash_upgrade(struct swarm *s);
/* Asks this peer, or all, for what is missing. */
void hash_ask_more(struct link *l);
void hash_ask_all(struct swarm *s);
void hash_gone(struct link *l);
/* To who asked; body: HASH_MSG_MAX, hashes and uncles are in their place. */
void hash_tell(struct link *l, const struct hash_ask *ask, uint8_t *body);
void hash_refuse(struct link *l, const struct hash_ask *ask);
/* Hashes are missing: no block can be checked yet, or not by all of them. */
bool hash_holds(const struct swarm *s);

/* swarm_leaf_up.c */
/* False: it is to be refused. */
bool leaf_up_take(struct link *l, const struct hash_ask *ask);
void leaf_up_done(struct swarm *s, uint64_t cookie, const struct hash32 *leaves,
		  uint32_t n);
void leaf_up_lost(struct swarm *s, uint32_t piece);
void leaf_up_second(struct swarm *s);
void leaf_up_clear(struct swarm *s);

/* swarm_leaf_check.c */
/* The piece failed. True: it is held, and will be fetched again in part, or
 * handed to check_blame(). */
bool leaf_check_begin(struct swarm *s, uint32_t piece);
/* False: not asked for by it. */
bool leaf_check_hashes(struct link *l, const struct hash_ask *ask,
		       const struct hash32 *hashes,
		       const struct hash32 *uncles);
bool leaf_check_refused(struct link *l, const struct hash_ask *ask);
void leaf_check_done(struct swarm *s, uint64_t cookie,
		     const struct hash32 *leaves, uint32_t n);
void leaf_check_read_done(struct swarm *s, uint32_t index,
			  const struct span *data);
/* It is had, or lost. */
void leaf_check_drop(struct swarm *s, uint32_t piece);
bool leaf_check_any(const struct swarm *s); /* is under way */
void leaf_check_second(struct swarm *s);
void leaf_check_clear(struct swarm *s);
/* For ops->leaves; `who` is LEAF_COOKIE_UP or the number of a check. */
uint64_t leaf_cookie(struct swarm *s, uint8_t who);

/* swarm_early.c */
void early_have(struct link *l, uint32_t piece);
void early_bitfield(struct link *l, const struct msg *m);
void early_have_all(struct link *l);
/* The torrent is known: checks and applies what was kept. */
void early_apply(struct link *l);
void early_clear(struct link *l);
/* swarm_pex.c */
/* Where others reach the peer; false: not known. */
bool link_endpoint(const struct link *l, struct wire_addr *out);
void pex_joined(struct link *l);
void pex_left(struct link *l);
void pex_second(struct link *l);
void pex_take(struct link *l, const uint8_t *bytes, size_t len);
void pex_clear(struct swarm *s);

/* swarm_holepunch.c */
void punch_take(struct link *l, const uint8_t *bytes, size_t len);
void punch_note(const struct link *l, const struct wire_addr *addr);

/* swarm_fast.c */
void fast_say(struct link *l);
/* May a peer without a slot have this block? It is counted when so. */
bool fast_take(struct link *l, const struct msg *m);
void fast_second(struct swarm *s);

/* swarm_lost.c */
void lost_say(struct swarm *s, uint32_t piece);
void lost_take(struct link *l, const uint8_t *bytes, size_t len);

/* swarm_down.c */
/* The piece is not had by the peer any more. */
void down_lost(struct link *l, uint32_t piece);
void down_init(struct link *l);
void down_fill(struct link *l);
void down_fill_all(struct swarm *s);
void down_release_all(struct link *l); /* to LATE; picker and pieces freed */
void down_choked(struct link *l, bool choked);
void down_reject(struct link *l, const struct msg *m);
void down_allowed_fast(struct link *l, uint32_t piece);
void down_suggest(struct link *l, uint32_t piece);
bool down_block_begin(struct link *l, const struct msg *m);
void down_block(struct link *l, const struct msg *m, const struct span *spans,
		size_t n);
/* A whole block that came, of a link or a source: written when it is wanted,
 * and cancelled where else it was asked for. The last one of its piece: the
 * caller says piece_complete. */
enum down_taken { DOWN_UNWANTED, DOWN_TAKEN, DOWN_TAKEN_LAST };
enum down_taken down_take(struct swarm *s, struct picker_block b,
			  uint64_t serial, uint32_t len,
			  const struct span *spans, size_t n);
void down_second(struct link *l);
void down_clear(struct link *l);
/* Cancels what was asked for and is not wanted any more. */
void down_cancel_skipped(struct link *l);

/* swarm_up.c */
void up_request(struct link *l, const struct msg *m);
void up_cancel(struct link *l, const struct msg *m);
void up_fill(struct link *l);
void up_read_done(struct link *l, uint32_t read, const struct span *data);
void up_choke(struct link *l); /* answer or forget what waits */
void up_clear(struct link *l);
void up_lost(struct link *l, uint32_t piece); /* rejects what waits for it */
bool up_wants(const struct link *l);	      /* something to fill */

/* swarm_check.c */
void check_read_done(struct swarm *s, uint32_t job, const struct span *data);
void check_failed(struct swarm *s, uint32_t piece);
/* Of all pieces that no hashes of blocks are known of: who lied shows when it
 * is here at last. */
void check_blame(struct swarm *s, uint32_t piece);
void check_verified(struct swarm *s, uint32_t piece);
void check_clear(struct swarm *s);
/* It is proved to have sent false data; `where` for the log. */
void check_ban(struct swarm *s, uint64_t serial, const char *where);

/* swarm_source.c */
void sources_wake(struct swarm *s);
void sources_second(struct swarm *s, int64_t dt_ms);
/* False: none of them has this serial. */
bool sources_ban(struct swarm *s, uint64_t serial);

/* swarm_super.c */
void super_init(struct swarm *s);
bool super_greet(struct link *l); /* true: it is shown nothing at first */
bool super_hides(const struct link *l, uint32_t piece);
void super_offer(struct link *l);
void super_show_all(struct link *l);
void super_fill(struct link *l); /* output is about to be taken */
void super_has(struct link *l, uint32_t piece); /* it has got it */
void super_second(struct swarm *s);
void super_clear(struct link *l);

/* swarm_choke.c */
/* It had a slot for CHOKER_MUTE_MS and asked for nothing. */
bool choke_is_mute(const struct link *l);
void choke_run(struct swarm *s, enum choker_mode mode);

#endif
