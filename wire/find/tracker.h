/* tracker.h - when a torrent announces what to which of its trackers.
 *
 * Trackers stand in tiers (BEP 12). Within a tier one is used at a time, in
 * random order, the one that answered moves to the front; every tier is
 * announced to, not only the first that works as BEP 12 has it, because a
 * tracker that answers but knows nobody would hide the others (Transmission and
 * libtorrent's users do the same).
 *
 * Each tier is WAITING for its time, IN LINE (it is due, and waits for its turn
 * with that tracker, see turns.h), ASKING (one announce is under way), or DONE.
 * A tracker is told `started` before anything else, `completed` once if the
 * torrent was completed since (also after a stop, where an announce was under
 * way then), `stopped` at the end if it knows us. After a failure the next of
 * the tier is asked at once; when all have failed, the tier waits 15 s, doubled
 * each time, 30 minutes at most, plus up to a quarter by chance, so that a
 * swarm does not come back in step.
 *
 * A private torrent (BEP 27) has one tracker at a time: all its URLs are one
 * tier, those of a lower number in front, and who answers after another one did
 * is told of by tracker_switched(). That a torrent is private may be known only
 * later, as of a magnet link's: tracker_set_private().
 *
 * No socket, no clock: the caller asks tracker_due() at tracker_wake_ms() and
 * after each input, has tracker_turn() say what to ask when the turn has come,
 * carries the announce out and reports how it went.
 * Thread: the loop.
 */
#ifndef WIRE_TRACKER_H
#define WIRE_TRACKER_H

#include "base/err.h"
#include "base/ids.h"
#include "base/rng.h"
#include "wire/find/announce.h"

#include <stdbool.h>
#include <stdint.h>

#define TRACKER_MAX_URLS 100U
#define TRACKER_INTERVAL_S 1800U /* when the tracker states none */
#define TRACKER_LEAST_S 5U	 /* bounds of what it may state */
#define TRACKER_MOST_S 7200U
#define TRACKER_NUMWANT 80U

struct tracker;

struct tracker_cfg {
	struct info_hash info_hash;
	struct peer_id peer_id;
	uint16_t port;
	const char *ipv6;   /* see announce.h; copied; may be NULL */
	bool one_at_a_time; /* BEP 27 */
	struct rng rng;
};

struct tracker_stats { /* see struct announce_query */
	uint64_t uploaded, downloaded, left;
	bool partial;
};

struct tracker_due {
	uint32_t tier;
	bool udp;
	const char *url; /* lasts until the next call that changes the tracker;
			  * may hold the user's key */
};

struct tracker_announce {
	uint32_t tier; /* hand it back with the result */
	enum announce_event event;
	/* http(s): the whole question; udp: the tracker's own URL, and what is
	 * to be said is in `query` (whose pointers are borrowed) */
	char url[ANNOUNCE_URL_CAP];
	bool udp;
	struct announce_query query;
};

/* ERR_NOMEM. */
enum err_code tracker_new(struct tracker **out, const struct tracker_cfg *cfg,
			  struct err *e);
void tracker_free(struct tracker *t);

/* Adds a URL; tiers are numbers that only order and group them. One that is
 * there already is no error. Errors: announce_check_url()'s, and ERR_LIMIT over
 * TRACKER_MAX_URLS. May be called at any time. */
enum err_code tracker_add(struct tracker *t, const char *url, uint32_t tier,
			  struct err *e);
uint32_t tracker_count(const struct tracker *t); /* URLs */
/* From now on there is one at a time: the first that has answered, or else the
 * first. Where several had answered it is asked at once, and tracker_switched()
 * is true when it answers: nobody knows which of them told of whom. True: what
 * is under way counts no more; the caller ends it, and reports nothing of it.
 */
bool tracker_set_private(struct tracker *t, int64_t now_ms);

/* From now on announces are due. No-op while running. */
void tracker_start(struct tracker *t, int64_t now_ms);
/* The last byte arrived (not for a torrent that was complete at its start). */
void tracker_completed(struct tracker *t, int64_t now_ms);
/* Those that know us are told once; see tracker_done(). Who is in line is not
 * any more: what is due then is told by tracker_due() again. */
void tracker_stop(struct tracker *t, int64_t now_ms);
/* Not started, or stopped with nothing left to say. */
bool tracker_done(const struct tracker *t);
/* Do we look for more peers? Then trackers are asked as often as their
 * `min interval` allows; else no peers are asked for. True at the start. */
void tracker_set_hungry(struct tracker *t, bool hungry);

/* A tier that is due; it is in line from now on (several may be: call until
 * false). */
bool tracker_due(struct tracker *t, struct tracker_due *out, int64_t now_ms);
/* Its turn has come. The caller must report the end of the announce with one of
 * the three below. False: nothing is due any more. */
bool tracker_turn(struct tracker *t, struct tracker_announce *out,
		  uint32_t tier, int64_t now_ms,
		  const struct tracker_stats *stats);
/* When to call tracker_due() again; INT64_MAX: after the next input only. */
int64_t tracker_wake_ms(const struct tracker *t);

/* The answer's body came (HTTP status `status`). Fills *reply. Errors, already
 * acted upon: ERR_PARSE it was none; ERR_STATE the tracker refused (its reason
 * or the status). */
enum err_code tracker_on_answer(struct tracker *t, struct announce_reply *reply,
				uint32_t tier, int status, const uint8_t *body,
				size_t len, int64_t now_ms, struct err *e);
/* The same for an answer that was read already (of UDP). */
enum err_code tracker_on_reply(struct tracker *t,
			       const struct announce_reply *reply,
			       uint32_t tier, int64_t now_ms, struct err *e);
/* No answer, or in line it was found that there will be none; `why` is kept for
 * tracker_status(). */
void tracker_on_error(struct tracker *t, uint32_t tier, const struct err *why,
		      int64_t now_ms);

/* Has another tracker answered than the one before, since the last call? Peers
 * that the one before told of are not of this swarm. Only where there is one at
 * a time. */
bool tracker_switched(struct tracker *t);

struct tracker_status {
	const char *url; /* may hold the user's key: not for logs */
	uint32_t tier;
	bool current;		 /* the one in use of its tier */
	bool asking;		 /* an announce is under way, or in line */
	const char *error;	 /* of its last announce; "" if it was good */
	int64_t next_ms;	 /* INT64_MAX: nothing is due */
	int64_t seeds, leechers; /* -1: not stated */
};
/* i < tracker_count(); pointers last until the next call that changes t. */
void tracker_status(const struct tracker *t, uint32_t i,
		    struct tracker_status *out);

#endif
