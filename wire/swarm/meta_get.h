/* meta_get.h - fetching an info dictionary from peers (BEP 9): which piece to
 * ask of whom, until the hash is right.
 *
 * Peers tell sizes; of those that differ the one that most of them tell is
 * tried first, and another when it comes to nothing: when nobody is left to
 * ask, or after META_ROUND_MS, doubled each time, while others tell another.
 * Pieces are asked of all that tell the size, META_ASKS at once each, the last
 * ones of two peers at once, and of more when those are slow. Who rejects, or
 * is silent for META_ANSWER_MS, is not asked for a while.
 *
 * When the whole fails its hash and one peer sent all of it, that one lied.
 * Else the whole is fetched again, from one peer alone, then another, until it
 * is right; whose piece of the failed one differs from that lied, too.
 *
 * No socket, no clock: the caller carries out meta_get_ask() after each input
 * and at least once a second. Peers are named by their serial (never 0).
 * Thread: the loop's.
 */
#ifndef WIRE_META_GET_H
#define WIRE_META_GET_H

#include "base/err.h"
#include "base/ids.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define META_PEERS_MAX 200U /* more are not asked */
#define META_ASKS 4U	    /* at one peer at once */
#define META_ASKERS 8U	    /* peers asked for one piece at once */
#define META_SLOW_MS 3000   /* then another may be asked for the piece */
#define META_ANSWER_MS 20000
#define META_PAUSE_MS 30000 /* doubled with each, to META_PAUSE_MOST_MS */
#define META_PAUSE_MOST_MS 300000
#define META_ROUND_MS 30000
#define META_ROUND_MOST_MS 600000

struct meta_get;

/* Right is what has this hash; the v2 hash (BEP 52) where it is not NULL. */
enum err_code meta_get_new(struct meta_get **out, const struct info_hash *hash,
			   const struct hash32 *hash_v2, struct err *e);
void meta_get_free(struct meta_get *g); /* NULL is a no-op */

/* The peer has a dictionary of so many bytes; it may say so again. A size over
 * UT_METADATA_SIZE_MAX, or 0, is nobody's. */
void meta_get_peer(struct meta_get *g, int64_t now_ms, uint64_t serial,
		   uint32_t size);
void meta_get_gone(struct meta_get *g, int64_t now_ms, uint64_t serial);

/* The next piece to ask, of whom; it counts as asked. False: none now. */
bool meta_get_ask(struct meta_get *g, int64_t now_ms, uint64_t *serial,
		  uint32_t *piece);

enum meta_got {
	META_TAKEN,
	META_USELESS, /* not asked for, or too late */
	META_LIE,     /* contradicts what it said: forgotten, to be closed */
	META_FAILED,  /* all is here and the hash is wrong; see liars */
	META_DONE,    /* meta_get_info() has it; see liars */
};

/* `total` 0: not told. */
enum meta_got meta_get_data(struct meta_get *g, int64_t now_ms, uint64_t serial,
			    uint32_t piece, uint32_t total, const uint8_t *data,
			    size_t len);
/* META_TAKEN or META_USELESS. */
enum meta_got meta_get_reject(struct meta_get *g, int64_t now_ms,
			      uint64_t serial, uint32_t piece);

/* Who was proved to have lied since the last call, one at a time; each is
 * forgotten already. False: nobody more. */
bool meta_get_liar(struct meta_get *g, uint64_t *serial);

/* The dictionary once META_DONE, until meta_get_free(); NULL before. */
const uint8_t *meta_get_info(const struct meta_get *g, size_t *len);
/* Bytes that are here, and the size as it is believed now; 0: not known. */
void meta_get_progress(const struct meta_get *g, uint32_t *have,
		       uint32_t *size);

#endif
