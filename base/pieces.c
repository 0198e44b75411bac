#include "base/pieces.h"

uint32_t pieces_place(const struct pieces *p, uint32_t i)
{
	uint64_t left = p->total - (uint64_t)i * p->len;

	return left < p->len ? (uint32_t)left : p->len;
}

uint32_t pieces_size(const struct pieces *p, uint32_t i)
{
	uint32_t lo = 0, hi = p->short_count;

	while (lo < hi) { /* the first that is not before i */
		uint32_t mid = lo + (hi - lo) / 2;

		if (p->shorts[mid].piece < i)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo < p->short_count && p->shorts[lo].piece == i)
		return p->shorts[lo].size;
	return pieces_place(p, i);
}

uint64_t pieces_bytes(const struct pieces *p)
{
	uint64_t n = p->total;

	for (uint32_t i = 0; i < p->short_count; i++)
		n -= pieces_place(p, p->shorts[i].piece) - p->shorts[i].size;
	return n;
}
