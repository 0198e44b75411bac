#include "node/renter/renter_term.h"

uint32_t renter_term_margin(uint32_t start, uint32_t end)
{
	const uint32_t tenth = (end - start) / 10, third = (end - start) / 3;
	const uint32_t least =
		third < RENTER_TERM_LEAST ? third : RENTER_TERM_LEAST;

	if (tenth > least)
		return tenth;
	return least ? least : 1;
}

bool renter_term_is_near(uint32_t start, uint32_t end, uint32_t now)
{
	return now >= end || end - now < renter_term_margin(start, end);
}

struct renter_term renter_term_catalogue(struct renter_term *own,
					 uint32_t lasts)
{
	uint32_t slack = lasts / 10;

	if (slack < RENTER_TERM_SLACK)
		slack = RENTER_TERM_SLACK;
	if (lasts > slack && lasts - slack > own->periods)
		return (struct renter_term){lasts, lasts - slack};
	if (own->least == 0)
		own->least = own->periods;
	if (lasts > slack && lasts - slack > own->least)
		own->least = lasts - slack;
	return *own;
}
