/* batch.h - how many receipts or proofs go into one transaction: as many as
 * the profile says, half as many after one took longer than the chain lets it
 * run, and slowly more again.
 *
 * How long a node takes hangs on the machine, so no number is right for ever.
 * Kept in memory only: a restart begins with the profile's number, and the dry
 * run, which costs nothing, finds out again. Pure. Thread: any.
 */
#ifndef LEDGER_BATCH_H
#define LEDGER_BATCH_H

#define BATCH_GROW_AFTER 4 /* full batches in a row that went well */

struct batch_size {
	unsigned most; /* of the profile; 1 or more */
	unsigned now;  /* 1 to most */
	unsigned good; /* full ones in a row that went well */
};

/* most 0 counts as 1. */
void batch_init(struct batch_size *b, unsigned most);
/* Another profile: what was learned stays, as far as it is under the new one's
 * number. */
void batch_set_most(struct batch_size *b, unsigned most);
/* One with n in it took too long: half of that at the most. Another of the same
 * size, on its way since before, is no news. */
void batch_too_long(struct batch_size *b, unsigned n);
/* One with n in it is final and did what it should. After BATCH_GROW_AFTER full
 * ones in a row an eighth more fits, at least one. */
void batch_went_well(struct batch_size *b, unsigned n);

#endif
