/* renter_term.h - how long what is stored is kept, and when that is too short.
 * Pure. */
#ifndef NODE_RENTER_TERM_H
#define NODE_RENTER_TERM_H

#include <stdbool.h>
#include <stdint.h>

#define RENTER_TERM_LEAST 8U /* periods */
#define RENTER_TERM_SLACK 3U /* periods by which a start may move */

/* See struct agree_cfg. */
struct renter_term {
	uint32_t periods, least;
};

/* A tenth of the term, 8 periods at the least, but no more than a third: what
 * was renewed a moment ago is not renewed again. 1 or more. */
uint32_t renter_term_margin(uint32_t start, uint32_t end);
/* Less than that is left, or nothing. */
bool renter_term_is_near(uint32_t start, uint32_t end, uint32_t now);

/* The term of a catalogue that goes with what is put for *own, while all that
 * is stored runs for `lasts` periods more: nothing of that is found without it.
 * Up to a tenth earlier will do, when its end is told anyway. Where *own can
 * reach so far, both have one term, *own with its least raised; else it is
 * longer than *own. */
struct renter_term renter_term_catalogue(struct renter_term *own,
					 uint32_t lasts);

#endif
