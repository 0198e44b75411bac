/* meetings.h - how hosts answered, before it is written down.
 *
 * A download meets its hosts a thousand times a GiB; written one by one, each
 * would make the loop wait for the disk. So they are summed up for a moment,
 * and what a crash loses of it is a second's experience.
 *
 * Plain memory, no allocation. Thread: the loop.
 */
#ifndef NODE_MEETINGS_H
#define NODE_MEETINGS_H

#include "storage/rent/renter_db.h"

#define MEETINGS_MAX 64U /* hosts of which something is not written yet */

struct meeting {
	struct address host;
	uint32_t good, bad; /* answers; see struct renter_host */
	uint32_t timed;	    /* of the good: with a time */
	uint64_t ms;	    /* these times' sum */
	int64_t seen_s;	    /* the last good one; 0: none */
};

struct meetings {
	struct meeting at[MEETINGS_MAX];
	unsigned n;
};

/* ms: how long a good answer took; 0: not measured. False: there is no room,
 * and nothing was noted: write them first. */
bool meetings_note(struct meetings *m, const struct address *host, bool good,
		   uint32_t ms, int64_t now_s);
/* Adds all to what r knows of these hosts, and forgets them; the commit is the
 * caller's. False: there was nothing. */
bool meetings_write(struct meetings *m, struct renter_db *r);

#endif
