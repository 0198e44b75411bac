#include "ledger/settle/batch.h"

void batch_init(struct batch_size *b, unsigned most)
{
	most = most ? most : 1;
	*b = (struct batch_size){.most = most, .now = most};
}

void batch_set_most(struct batch_size *b, unsigned most)
{
	most = most ? most : 1;
	if (b->now == b->most || b->now > most)
		b->now = most;
	b->most = most;
}

void batch_too_long(struct batch_size *b, unsigned n)
{
	unsigned half = n / 2 ? n / 2 : 1;

	if (half < b->now)
		b->now = half;
	b->good = 0;
}

void batch_went_well(struct batch_size *b, unsigned n)
{
	unsigned more = b->now / 8 ? b->now / 8 : 1;

	if (n < b->now || b->now == b->most || ++b->good < BATCH_GROW_AFTER)
		return;
	b->good = 0;
	b->now = b->most - b->now < more ? b->most : b->now + more;
}
