/* choker.h - who gets the upload slots: a pure function over a table.
 *
 * Of `slots`, all but `free_slots` go to interested peers with a rank, highest
 * first. The free slots go by tit-for-tat: while downloading, to those that
 * send us most; while seeding, in turns of CHOKER_TURN_MS. One of them is the
 * optimistic slot, which goes by chance and changes every
 * CHOKER_OPTIMISTIC_MS. What one kind does not use goes to the other, and a
 * ranked peer that got no rank slot competes for the free ones like anybody.
 * A snubbed peer, or one that had a slot and asked for nothing, gets only the
 * optimistic slot, or a rank slot.
 * Source: BEP 3 (choking), docs/protocol.md section 3 (price, free share).
 * Thread: any.
 */
#ifndef WIRE_CHOKER_H
#define WIRE_CHOKER_H

#include "base/rng.h"
#include "wire/peer/peer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHOKER_ROUND_MS 10000
#define CHOKER_OPTIMISTIC_MS 30000
#define CHOKER_TURN_MS 30000
#define CHOKER_MUTE_MS 60000 /* with a slot, and without a request */
#define CHOKER_MUTE_REST_MS 300000

struct choker_row {
	uint64_t rank;
	uint32_t rate_in; /* payload bytes/s from them */
	bool interested;
	bool snubbed;	     /* or mute */
	bool optimistic;     /* in: had that slot; out: has it */
	int64_t since_ms;    /* when it got its slot; with slot NONE: when it
				lost one, INT64_MIN never had one */
	enum peer_slot slot; /* in: now; out: from now on */
	enum peer_slot want; /* the run's own */
	bool decided;
};

enum choker_mode {
	CHOKER_FILL,  /* keep all who have slots, fill what is empty; a rank
			 higher than one that has a rank slot replaces it */
	CHOKER_ROUND, /* the ten second round */
};

struct choker_cfg {
	enum choker_mode mode;
	uint32_t slots;
	uint32_t free_slots; /* <= slots */
	bool seeding;
	bool rotate; /* the optimistic slot is to change (ROUND) */
	int64_t now_ms;
};

/* Writes slot and optimistic of every row; since_ms is the caller's. */
void choker_run(struct choker_row *rows, size_t n, const struct choker_cfg *cfg,
		struct rng *rng);

#endif
