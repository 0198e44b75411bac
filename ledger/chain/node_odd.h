/* node_odd.h - several nodes were asked the same: which one says something
 * else?
 *
 * Nobody can know who is right; the caller takes the most cautious answer. Here
 * it is only found out whom to name: where more than half say one thing those
 * who do not, else all of them. Each is told of once when it begins to differ
 * and once when it agrees again, so that a node that goes on lying fills no
 * log. Thread: the loop.
 */
#ifndef LEDGER_NODE_ODD_H
#define LEDGER_NODE_ODD_H

#include "ledger/chain/node_http.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NODE_ODD_SURE 3 /* times in a row for what a short lag explains too */
#define NODE_ODD_WORDS 160

enum node_topic {
	NODE_ON_HEAD,  /* which block is final */
	NODE_ON_STATE, /* balances, pairs, code */
	NODE_ON_TRIAL, /* whether a call would do */
	NODE_ON_FORM,  /* nonce; block to refer to */
	NODE_ON_FATE,  /* what became of a transaction */
	NODE_TOPICS,
};

/* What one node said, as the log has it. */
struct node_said {
	bool odd;
	bool lag; /* being a block or two behind would explain it */
	char words[NODE_ODD_WORDS]; /* "question=... says=..." */
};

/* Embedded in a backend; zeroed but for the first two. */
struct node_odd {
	struct log *log;
	const struct node_set *nodes;
	bool told[NODE_TOPICS][NODE_MAX];
	unsigned times[NODE_TOPICS][NODE_MAX]; /* odd in a row */
};

/* groups[i] is the same number for all who say the same. Bit i: to be named. */
unsigned node_odd_ones(const unsigned *groups, size_t n);

/* What a node said on a topic when it and others were asked. */
void node_odd_tell(struct node_odd *o, enum node_topic topic, size_t node,
		   const struct node_said *said);

#endif
