/* door.h - whether a stranger's connection is let in, when connections are few
 * and some hold them for nothing.
 *
 * Of the connections that came to us:
 * - a third (DOOR_SILENT_LEAST to DOOR_SILENT_MOST) may be silent, that is,
 *   have not said their handshake. Who comes then takes the place of the oldest
 *   of the address that has most of these: who means it has spoken by then;
 * - of one address (IPv6: one /64) an eighth (at least DOOR_ADDR_LEAST) may be
 *   here at all, and DOOR_ADDR_SILENT silent; private networks are not counted;
 * - where all are taken, a silent one gives way as above, then one to which
 *   neither side wants anything since DOOR_IDLE_MS, or of which we want
 *   something and get nothing since DOOR_HOPE_MS, and who wants nothing: the
 *   one with the lowest canonical priority (BEP 40). Who claims to have what is
 *   wanted and never serves holds no place for good. Those that are of use are
 *   never ended.
 *
 * Pure. Thread: any.
 */
#ifndef NODE_DOOR_H
#define NODE_DOOR_H

#include "wire/peer/peer.h"

#define DOOR_SILENT_LEAST 8U
#define DOOR_SILENT_MOST 256U
#define DOOR_ADDR_LEAST 4U
#define DOOR_ADDR_SILENT 8U
#define DOOR_IDLE_MS 60000
#define DOOR_HOPE_MS 300000

enum door_use {
	DOOR_SILENT, /* came to us, and has not said its handshake */
	DOOR_IDLE,   /* neither side wants anything */
	DOOR_HOPED,  /* we want something, and it serves nothing */
	DOOR_OF_USE,
};

struct door_row { /* a connection */
	struct wire_addr addr;
	enum door_use use;
	bool came;	  /* to us */
	int64_t since_ms; /* it is not of use */
	uint32_t prio;	  /* prio.h */
};

/* Of one that has said its handshake. */
enum door_use door_use_of(const struct peer_stats *st);

#define DOOR_OPEN (-1)
#define DOOR_SHUT (-2)

/* DOOR_OPEN, DOOR_SHUT, or the row that is to be ended for it. `max`: how many
 * connections there may be. */
long door_ask(const struct door_row *rows, unsigned n, unsigned max,
	      const struct wire_addr *from, int64_t now_ms);
/* All are taken, and we would go to somebody: DOOR_SHUT, or as above. */
long door_give_way(const struct door_row *rows, unsigned n, int64_t now_ms);

#endif
