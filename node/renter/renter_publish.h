/* renter_publish.h - how a change becomes true: a new catalogue, agreements for
 * all that was staged, records at the hosts, and then the database says so.
 *
 *   apart      where the catalogue has to last longer than what was put, and
 * not all of that goes into agreements that do: that is agreed on first
 *   catalogue  encoded, uploaded as an object of its own
 *   agree      signed and opened; hosts that fail lose their shards
 *   again      the caller uploads the shards that were lost, the catalogue
 *              follows; PUBLISH_ROUNDS times at most
 *   records    placement records and the head, at every host
 *   done       objects are STORED and the files of their put with them, the
 *              old catalogue is given up
 *
 * Cut off at any point it begins again with the next change: what was staged
 * and signed stays. Until the head is told, a restore finds the catalogue
 * before. Thread: the loop.
 */
#ifndef NODE_RENTER_PUBLISH_H
#define NODE_RENTER_PUBLISH_H

#include "node/renter/renter.h"
#include "node/renter/renter_term.h"

struct publish;

#define PUBLISH_ROUNDS 3U
#define PUBLISH_OBJECTS_MAX 512U

struct publish_result {
	unsigned agreements;  /* that were signed */
	unsigned hosts, told; /* see renter_records.h */
	bool starved; /* it ended because hosts are missing for n shards */
};

struct publish_ops {
	void (*step)(void *ctx, const char *text);
	/* Shards lost their hosts: upload the objects again, then
	 * publish_again(). NULL: nothing but the catalogue is put here. */
	void (*again)(void *ctx);
	/* Once. r is set in any case. */
	void (*ended)(void *ctx, const struct publish_result *r,
		      const struct err *e);
};

struct publish_cfg {
	struct placing *placing; /* borrowed; hosts that fail are dropped */
	unsigned k, n;
	uint32_t periods, least;      /* see struct agree_cfg */
	struct renter_term catalogue; /* renter_term_catalogue() */
	bool cut;		      /* as in struct agree_cfg */
	/* That are stored by it: of one put, which it finishes, or of none. */
	int64_t objects[PUBLISH_OBJECTS_MAX];
	size_t objects_n;
};

enum err_code publish_start(struct publish **out, struct renter *r,
			    const struct publish_cfg *cfg,
			    const struct publish_ops *ops, void *ctx,
			    struct err *e) __attribute__((warn_unused_result));
void publish_again(struct publish *p);
/* NULL is a no-op. */
void publish_free(struct publish *p);

/* Segments that the next catalogue takes at the most, when so many entries and
 * objects are added. */
uint32_t publish_catalogue_segments(struct renter *r, unsigned k,
				    uint64_t entries, uint64_t path_bytes);

#endif
