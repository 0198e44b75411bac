/* renter_probe.h - questions to hosts: a tile of 16 KiB of a sector each, with
 * the proof that it belongs to the root. What an audit samples and what a
 * repair looks at first are both lists of these.
 *
 * A host that does not answer one is not asked the rest. What is answered is
 * noted as our experience with the host; one that is proved to lie is shunned
 * (node/rent/rent_peer.h). Thread: the loop.
 */
#ifndef NODE_RENTER_PROBE_H
#define NODE_RENTER_PROBE_H

#include "node/renter/renter.h"
#include "storage/object/placement.h"

struct probe;

#define PROBE_SILENT_MS 30000 /* of one question */
#define PROBE_AT_A_TIME 256U
#define PROBE_PER_HOST 16U
#define PROBE_NOWHERE UINT16_MAX

enum probe_verdict {
	PROBE_OPEN = 0,
	PROBE_RIGHT,
	PROBE_LOST,   /* the host says so, or it lies nowhere */
	PROBE_FALSE,  /* what came was not that tile */
	PROBE_SILENT, /* nothing was shown, and nothing is known to be lost */
};
/* What an answer other than the tile says of it. A disk that could not be read
 * may be read the next time: the host says so when it gives a sector up. */
enum probe_verdict probe_verdict(enum rent_fate fate, enum rent_no code);

struct probe_question {
	uint32_t segment;
	uint16_t row;
	uint16_t host; /* of the placement; PROBE_NOWHERE: it has no place */
	uint8_t tile;  /* 0 .. 63 */
	uint8_t verdict;
};

/* A random tile of this place. */
struct probe_question probe_ask(struct rng *rng, uint32_t segment, unsigned row,
				uint16_t host);

struct probe_cfg {
	const struct placement *placement; /* borrowed, as questions are */
	struct probe_question *questions;
	size_t n;
	bool shown; /* see rent_peers_get() */
	void (*progress)(void *ctx, size_t done);
	void (*ended)(void *ctx); /* once, later */
	void *ctx;
};
/* ERR_NOMEM. */
enum err_code probe_start(struct probe **out, struct renter *r,
			  const struct probe_cfg *cfg, struct err *e)
	__attribute__((warn_unused_result));
/* NULL is a no-op. */
void probe_free(struct probe *p);

#endif
