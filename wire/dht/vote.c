#include "wire/dht/vote.h"

#include <string.h>

static bool is_public(const uint8_t ip[16])
{
	struct wire_addr a = {.port = 1};

	memcpy(a.ip, ip, sizeof(a.ip));
	return dht_place_of(&a) == DHT_PUBLIC;
}

/* The place of this voter: its own of before, or the next of the ring. */
static uint32_t place_for(struct vote *v, const struct wire_addr *voter)
{
	uint32_t at = 0;

	while (at < v->count && !dht_same_host(&v->ring[at].voter, voter))
		at++;
	if (at < v->count)
		return at;
	at = v->next;
	v->next = (v->next + 1) % VOTE_RING;
	if (v->count < VOTE_RING)
		v->count++;
	return at;
}

bool vote_add(struct vote *v, const struct wire_addr *voter,
	      const uint8_t ip[16])
{
	uint32_t at, same = 0;

	if (!is_public(ip))
		return false;
	at = place_for(v, voter);
	v->ring[at].voter = *voter;
	memcpy(v->ring[at].ip, ip, 16);
	if (v->known && memcmp(v->ip, ip, 16) == 0)
		return false;
	for (uint32_t i = 0; i < v->count; i++)
		same += memcmp(v->ring[i].ip, ip, 16) == 0;
	if (same < VOTE_LEAST || 2 * same <= v->count)
		return false;
	memcpy(v->ip, ip, 16);
	v->known = true;
	return true;
}
