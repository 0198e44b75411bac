/* turns.h - how many questions one server is asked at a time, so that thousands
 * of torrents that begin, or end, at once do not all ask the same tracker at
 * once.
 *
 * Who has a question takes a place in line by the URL that it is for; the
 * server is its scheme, host and port. So many of a server are asked at a time,
 * and so many of all; servers take turns, and who waits for one is asked in the
 * order of coming, but for those that came with `first`.
 *
 * A server that left TURNS_VAIN questions in a row unanswered is silent: who
 * waits for it is given back by turns_vain(), as good as asked. From then on it
 * is asked one at a time, and each that it does not answer gives back who waits
 * meanwhile, until it answers.
 *
 * No socket, no clock. Places are embedded in the caller's objects.
 * Thread: the loop.
 */
#ifndef WIRE_TURNS_H
#define WIRE_TURNS_H

#include "base/err.h"
#include "base/rng.h"

#include <stdbool.h>
#include <stddef.h>

#define TURNS_VAIN 8U
#define TURNS_SERVERS_MAX 512U /* silent ones of whom nobody asks give way */

struct turns;
struct turns_server;

struct turn {
	struct turn *next, *prev;
	struct turns_server *server; /* NULL: not in line */
	bool asking;		     /* its turn has come */
};

enum turn_end {
	TURN_ANSWERED,	/* in whatever words */
	TURN_SILENT,	/* nobody answered */
	TURN_CANCELLED, /* not asked, or the answer was not waited for */
};

/* NULL: no memory. */
struct turns *turns_new(struct rng rng, unsigned per_server, unsigned in_all);
void turns_free(struct turns *s); /* NULL is a no-op; nobody is in line */
/* From now on so many. */
void turns_widen(struct turns *s, unsigned per_server, unsigned in_all);

/* Takes a place; *t is zeroed, or was ended. ERR_LIMIT: TURNS_SERVERS_MAX are
 * asked; ERR_NOMEM. */
enum err_code turns_join(struct turns *s, struct turn *t, const char *url,
			 bool first, struct err *e);
/* One whose turn has come. Call after each join and end, until NULL. */
struct turn *turns_next(struct turns *s);
/* One that waited in vain, and is not in line any more. Likewise. */
struct turn *turns_vain(struct turns *s);
/* Leaves the line, from either state; no-op for who is in none. */
void turns_end(struct turns *s, struct turn *t, enum turn_end end);

/* Of all servers. */
unsigned turns_asking(const struct turns *s);
unsigned turns_waiting(const struct turns *s);

#endif
