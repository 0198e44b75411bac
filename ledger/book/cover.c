#include "ledger/book/cover.h"

#include "ledger/book/book.h"

/* Brings it to now: a day that has passed is the one before. */
static void turn_days(struct cover_drain *d, int64_t now_s)
{
	int64_t age = now_s - d->since_s;

	if (age >= 0 && age < COVER_DAY_S)
		return;
	if (age < 0) { /* the clock was set back: nothing is forgotten */
		d->since_s = now_s;
		return;
	}
	d->before = age < 2 * COVER_DAY_S ? d->day : AMOUNT_ZERO;
	d->day = AMOUNT_ZERO;
	d->since_s = now_s;
}

/* What we draw, what is set aside for us and what is released stays in it. */
static struct amount all_of(const struct book_facts *f)
{
	return amount_add_cap(amount_add_cap(f->free, f->reserve), f->paid);
}

void cover_note(struct cover_drain *d, const struct book_facts *was,
		const struct book_facts *is, int64_t now_s)
{
	struct amount fell;

	if (!was->known || !is->known)
		return;
	turn_days(d, now_s);
	fell = amount_sub_floor(all_of(was), all_of(is));
	d->day = amount_add_cap(d->day, fell);
}

struct amount cover_elsewhere(const struct cover_drain *d, int64_t now_s)
{
	struct cover_drain now = *d;

	turn_days(&now, now_s);
	return amount_max(now.day, now.before);
}

enum cover cover_of(struct amount uncashed, const struct book_facts *f,
		    const struct cover_drain *d, int64_t now_s)
{
	struct amount open = amount_sub_floor(uncashed, f->reserve);
	struct amount elsewhere = cover_elsewhere(d, now_s);

	if (!f->known || amount_is_zero(uncashed))
		return COVER_GOOD;
	if (!amount_is_zero(f->reserve) &&
	    f->until < now_s + BOOK_SECURED_MARGIN_S)
		return COVER_ENDING;
	if (amount_cmp(f->free, open) < 0)
		return COVER_GOING;
	if (!amount_is_zero(open) && !amount_is_zero(elsewhere) &&
	    amount_cmp(f->free, amount_add_cap(open, elsewhere)) < 0)
		return COVER_FALLING;
	return COVER_GOOD;
}

unsigned cover_times(enum cover c)
{
	switch (c) {
	case COVER_GOOD:
		return 0;
	case COVER_FALLING:
		return 2;
	case COVER_GOING:
	case COVER_ENDING:
		return 1;
	}
	return 0;
}

const char *cover_name(enum cover c)
{
	switch (c) {
	case COVER_GOOD:
		return "good";
	case COVER_FALLING:
		return "falling";
	case COVER_GOING:
		return "going";
	case COVER_ENDING:
		return "ending";
	}
	return "good";
}
