#include "node/renter/renter_term.h"

uint32_t renter_term_margin(uint32_t start, uint32_t end)
{
	uint32_t tenth = (end - start) / 10;

	return tenth > RENTER_TERM_LEAST ? tenth : RENTER_TERM_LEAST;
}

bool renter_term_is_near(uint32_t start, uint32_t end, uint32_t now)
{
	return now >= end || end - now < renter_term_margin(start, end);
}
