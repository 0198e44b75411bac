/* blame.h - who lied, when a piece with blocks of several senders fails.
 *
 * Of each failed attempt at a piece ("generation") we keep a fingerprint and
 * the sender of every block. When the piece verifies at last, the senders whose
 * block differs from the true one lied; all others are innocent, though their
 * piece failed. A generation with one sender only needs no record: that sender
 * lied (the swarm bans it at once).
 *
 * A fingerprint is 8 bytes of BLAKE2b with a key of this process, so nobody can
 * make a false block with the fingerprint of the true one. Bounded:
 * BLAME_PIECES pieces, of which the oldest is forgotten first,
 * BLAME_GENERATIONS each. Thread: the loop's.
 */
#ifndef WIRE_BLAME_H
#define WIRE_BLAME_H

#include "base/rng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLAME_PIECES 32U
#define BLAME_GENERATIONS 4U

struct blame;

struct blame *blame_new(struct rng *rng);
void blame_free(struct blame *b);
uint64_t blame_print(const struct blame *b, uint32_t piece, uint32_t block,
		     const uint8_t *data, size_t len);
/* Both arrays have n entries and are copied. Out of memory: forgotten. */
void blame_add(struct blame *b, uint32_t piece, const uint64_t *prints,
	       const uint64_t *senders, uint32_t n);
bool blame_knows(const struct blame *b, uint32_t piece);
/* The true fingerprints are known. Returns the number of liars written to
 * `guilty` (each once, at most `max`), and forgets the piece. */
size_t blame_judge(struct blame *b, uint32_t piece, const uint64_t *prints,
		   uint32_t n, uint64_t *guilty, size_t max);

#endif
