/* chain_said.h - what several nodes said of the same: merged with caution, and
 * told of where they differ (node_odd.h). For backends only. Thread: the loop.
 */
#ifndef LEDGER_CHAIN_SAID_H
#define LEDGER_CHAIN_SAID_H

#include "ledger/chain/chain.h"
#include "ledger/chain/node_odd.h"

/* A node's answers to one read, and the block that they are of. */
struct chain_said_read {
	size_t node;
	uint64_t block;
	const struct chain_answer *answers;
};

/* A node's word on one transaction. */
struct chain_said_fate {
	size_t node;
	enum chain_fate fate;
	unsigned group; /* the same number for all who say just the same */
};

/* A node's newest final block, or the next nonce. */
struct chain_said_number {
	size_t node;
	uint64_t number;
};

/* One call, tried by several nodes. */
struct chain_trials {
	size_t n;
	struct chain_trial all; /* merged; where n > 0 */
	struct {
		size_t node;
		bool ok;
		char reason[CHAIN_REASON_MAX];
	} said[NODE_MAX];
};

/* All of them take up to NODE_MAX nodes; one alone differs from nobody. */

/* Before the answers are merged. Nodes that answered for different blocks may
 * differ for a while without one of them being wrong. */
void chain_tell_reads(struct node_odd *o, const struct chain_said_read *said,
		      size_t n, const struct chain_ask *asks, size_t n_asks);
/* In a block for one and in none yet for another is a lag; final and in none,
 * or two different ends, are not. */
void chain_tell_fates(struct node_odd *o, const struct chain_said_fate *said,
		      size_t n);
/* More than `most` apart. */
void chain_tell_numbers(struct node_odd *o, enum node_topic topic,
			const struct chain_said_number *said, size_t n,
			uint64_t most);
/* Where some say that it would do, the reason gets who says that it would not.
 */
void chain_tell_trials(struct node_odd *o, struct chain_trials *t);

/* One more node's trial: the call would fail where one says so; else the dearer
 * one counts, and the smaller means and return. */
void chain_trials_add(struct chain_trials *t, size_t node,
		      const struct chain_trial *one);

#endif
