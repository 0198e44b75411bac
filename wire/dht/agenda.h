/* agenda.h - when which info hash is looked up and announced in the DHT, so
 * that thousands of them are spread over time.
 *
 * A topic is announced again after 20 minutes or so (others forget after 30 to
 * 45); one that looks for peers and has found few is looked up after 5 minutes.
 * Sooner at first, after 15 s, 30 s, 1, 2, 4 and 5 minutes: for as long as it
 * is alone, however many peers were told, since they may be dead; and where
 * fewer than AGENDA_FEW_NODES answered, as when the DHT was joined a moment
 * ago, but then AGENDA_STEPS times at most, for it may be no larger.
 *
 * At most AGENDA_AT_ONCE run at a time, and one begins every 200 ms; every
 * 600 ms while few nodes are known, since then each of them is asked in nearly
 * every round, and twice: libtorrent takes nothing for five minutes from whom
 * 50 datagrams come within ten seconds. When there are more topics than that
 * carries, those that were never looked up come first, then those that waited
 * longest.
 *
 * No clock. Topics are embedded in the caller's objects. Thread: the loop.
 */
#ifndef WIRE_DHT_AGENDA_H
#define WIRE_DHT_AGENDA_H

#include "base/rng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AGENDA_AT_ONCE 12U
#define AGENDA_STEP_MS 200
#define AGENDA_SMALL_STEP_MS 600
#define AGENDA_SMALL 40U		 /* nodes known */
#define AGENDA_AGAIN_MS (20 * 60 * 1000) /* and up to a quarter more */
#define AGENDA_HUNGRY_MS (5 * 60 * 1000) /* likewise */
#define AGENDA_RETRY_MS (60 * 1000)	 /* nobody answered; likewise */
#define AGENDA_FEW 20U			 /* peers */
#define AGENDA_FEW_NODES 8U		 /* an announce is to be at so many */
#define AGENDA_STEPS 6U			 /* from 15 s to AGENDA_HUNGRY_MS */

enum agenda_need {
	AGENDA_CALM,   /* is announced, or may be found by chance */
	AGENDA_HUNGRY, /* looks for more peers */
	AGENDA_ALONE,  /* and none is connected */
};

struct agenda_topic {
	/* in the heap while it waits; prev: the one before among its siblings,
	 * of the first their parent */
	struct agenda_topic *next, *prev, *child;
	int64_t due_ms;
	int64_t early_ms; /* while it is alone; at most due_ms */
	uint32_t step;	  /* rounds in a row after which it looks again soon */
	enum agenda_need need;
	bool listed, running, ran;
};

struct agenda {
	struct rng rng;
	struct agenda_topic *waiting; /* the root: none is due sooner */
	uint32_t running;
	int64_t next_ms; /* when another may begin */
	size_t nodes;	 /* that are known */
};

void agenda_init(struct agenda *a, const struct rng *rng);
/* Due at once. A topic that is listed already becomes due. */
void agenda_add(struct agenda *a, struct agenda_topic *t, int64_t now_ms);
/* Also one that runs; no-op for one that is not listed. */
void agenda_remove(struct agenda *a, struct agenda_topic *t);
/* At any time. Who becomes alone may be due at once, at the pace that it had:
 * peers that come and go do not begin it anew. */
void agenda_set_need(struct agenda *a, struct agenda_topic *t,
		     enum agenda_need need);

/* How many nodes are known by now, for the pace. */
void agenda_set_nodes(struct agenda *a, size_t nodes);

/* One to begin with now; it runs from then on. NULL: none, see
 * agenda_wake_ms(). */
struct agenda_topic *agenda_next(struct agenda *a, int64_t now_ms);
/* It ran: so many nodes answered, and so many peers were found. */
void agenda_done(struct agenda *a, struct agenda_topic *t, uint32_t answered,
		 size_t peers, int64_t now_ms);
/* INT64_MAX: when one is done, or added. */
int64_t agenda_wake_ms(const struct agenda *a);

#endif
