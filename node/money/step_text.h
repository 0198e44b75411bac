/* step_text.h - one step of one transaction as a line for people.
 *
 * Such as "deposit 10: in a block, tx 0x12ab.., fee 0.0021 ETH". Pure; thread:
 * any.
 */
#ifndef NODE_STEP_TEXT_H
#define NODE_STEP_TEXT_H

#include "ledger/settle/settle.h"
#include "node/money/money.h"

#define STEP_TEXT_MAX 512

/* What is done, in a word. `other` is that of a transaction that has no kind of
 * its own, since only who began it knows: "mint"; NULL: "call". */
const char *step_kind(enum outbox_kind kind, const char *other);
/* A transaction as its chain's explorers write it: with 0x on EVM chains,
 * without on TRON. Returns out. */
#define TX_TEXT_MAX 67
const char *tx_text(const struct money *m, const struct hash32 *txid,
		    char out[TX_TEXT_MAX]);
/* No fee where nothing is paid, and none of what was not done. Returns out. */
const char *step_text(const struct money *m, const struct settle_step *st,
		      const char *other, char out[STEP_TEXT_MAX]);

#endif
