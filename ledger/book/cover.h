/* cover.h - what covers a payer's debt to us, and whether it is going away.
 *
 * A reserve is ours until it is released; the rest of what a payer owes hangs
 * on its free balance, which everybody draws from: other payees who cash, its
 * own withdrawals, reserves and agreements. What it owes to others is not on
 * the chain, but what became of that is: its balance falls. So each read of a
 * pair in final state is held against the one before, and what went elsewhere
 * is kept for two days. A payer is *falling* when one more day like the worse
 * of these would leave less than it owes us, and *going* when there is less
 * already; what is there then is whose cash comes first.
 *
 * Pure; the caller gives the time (Unix s). Thread: any.
 */
#ifndef LEDGER_COVER_H
#define LEDGER_COVER_H

#include "base/amount.h"

#include <stdint.h>

struct book_facts; /* ledger/book/book.h */

#define COVER_DAY_S 86400

/* What left a payer's cover (free + reserve + paid) other than to us. Zeroed:
 * nothing was seen yet. */
struct cover_drain {
	struct amount day;    /* in the day that began at since_s */
	struct amount before; /* in the day before that */
	int64_t since_s;
};

enum cover {
	COVER_GOOD,    /* no reason to hurry */
	COVER_FALLING, /* another such day, and it covers us no more */
	COVER_GOING,   /* it covers us in part, or not at all */
	COVER_ENDING,  /* a reserve that can soon be taken back */
};

/* A read that says `is` after one that said `was`. An unknown `was` tells
 * nothing; a balance that rose does not make up for one that fell. */
void cover_note(struct cover_drain *d, const struct book_facts *was,
		const struct book_facts *is, int64_t now_s);
/* What went elsewhere in the worse of the last two days. */
struct amount cover_elsewhere(const struct cover_drain *d, int64_t now_s);

/* Of a debt of `uncashed`. GOOD too when nothing is owed, or the facts are not
 * known. */
enum cover cover_of(struct amount uncashed, const struct book_facts *f,
		    const struct cover_drain *d, int64_t now_s);
/* A receipt is cashed for that reason alone when it is worth more than so many
 * times its share of the fee; 0: it is no reason. What would be lost is worth
 * any fee under it. */
unsigned cover_times(enum cover c);
/* A word, for JSON and people. */
const char *cover_name(enum cover c);

#endif
