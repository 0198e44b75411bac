/* renter_term.h - when what is stored has to be kept for longer. Pure. */
#ifndef NODE_RENTER_TERM_H
#define NODE_RENTER_TERM_H

#include <stdbool.h>
#include <stdint.h>

#define RENTER_TERM_LEAST 8U /* periods */

/* A tenth of the term, 8 periods at the least, but no more than a third: what
 * was renewed a moment ago is not renewed again. 1 or more. */
uint32_t renter_term_margin(uint32_t start, uint32_t end);
/* Less than that is left, or nothing. */
bool renter_term_is_near(uint32_t start, uint32_t end, uint32_t now);

#endif
