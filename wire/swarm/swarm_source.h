/* swarm_source.h - where a swarm's blocks come from besides peers: a server
 * that has the files and sends long runs of their bytes (BEP 19). It is asked
 * for nothing in words of ours, is served nothing, and is not paid.
 *
 * The owner asks what to fetch, fetches it by whatever means and feeds the
 * bytes in their order. Blocks are counted, checked and blamed like those of a
 * peer; who sent false data is banned and gets nothing more to do.
 *
 * Sources fill in where peers are slow or rare: while peers alone will be done
 * within SOURCE_PATIENCE_S, a source is given only pieces that no peer has.
 *
 * Thread: the loop's. The callbacks must not call back into the swarm.
 */
#ifndef WIRE_SWARM_SOURCE_H
#define WIRE_SWARM_SOURCE_H

#include "wire/swarm/swarm.h"

#define SOURCES_MAX 16U /* of a swarm */
#define SOURCE_PATIENCE_S 10U
#define SOURCE_RUN_S 4U /* a run is what comes in so many seconds, within: */
#define SOURCE_RUN_MIN (1U << 20)
#define SOURCE_RUN_MAX (64U << 20) /* or one piece */

struct swarm_source;

struct swarm_source_ops {
	/* There may be something to take, or room for more bytes. */
	void (*wake)(void *ctx);
	void (*banned)(void *ctx);
};

/* NULL: out of memory, or SOURCES_MAX are there. Must be freed before the
 * swarm. */
struct swarm_source *swarm_source_new(struct swarm *s,
				      const struct swarm_source_ops *ops,
				      void *ctx);
/* NULL is a no-op. */
void swarm_source_free(struct swarm_source *src);

/* The torrent's bytes [*at, *end) are to be fetched next. False: nothing for
 * now; ask again on wake, or after a second. Not while a run is under way. */
bool swarm_source_take(struct swarm_source *src, int64_t now_ms, uint64_t *at,
		       uint64_t *end);
/* How many bytes may be fed now; 0: wait for wake (the download limit, or a
 * store that takes no more). A source may go over by what it has read. */
size_t swarm_source_quota(struct swarm_source *src, int64_t now_ms);
/* The next bytes of the run; NULL: so many zeroes. What is over its end is
 * ignored. */
void swarm_source_feed(struct swarm_source *src, int64_t now_ms,
		       const uint8_t *bytes, size_t len);
/* What of the run has not come goes to others. */
void swarm_source_drop(struct swarm_source *src, int64_t now_ms);
/* It has not the torrent's bytes [at, end): it is not asked for pieces that
 * reach into them. False: it has nothing any more, or no memory is left. */
bool swarm_source_lacks(struct swarm_source *src, uint64_t at, uint64_t end);

uint64_t swarm_source_bytes(const struct swarm_source *src); /* that came */
uint32_t swarm_source_rate(const struct swarm_source *src);  /* bytes/s */

#endif
