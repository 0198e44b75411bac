/* tron_op.h - operations of the TRON backend: what its files share, nobody
 * else.
 *
 * An operation (chain_op.h) talks with one node or with all, a `tron_leg` each.
 * Thread: the loop.
 */
#ifndef LEDGER_TRON_OP_H
#define LEDGER_TRON_OP_H

#include "ledger/chain/chain_op.h"
#include "ledger/chain/chain_said.h"
#include "ledger/chain/chain_tron.h"

struct tron_op;

/* One operation's talk with one node. */
struct tron_leg {
	struct tron_op *op;
	struct tron_batch batch;
	size_t node;
	bool good; /* has answered all that it was asked */
	union {
		struct {
			struct tron_view at;	 /* the block that is read */
			struct tron_block block; /* newest when it began */
			struct chain_answer *answers; /* heap */
			size_t answered;
			unsigned restarts;
		} read;
		struct {
			struct tron_info info;
			enum chain_fate fate;
			bool again; /* the slot had passed, asked once more */
		} fate;
		enum chain_send_result sent;
	} u;
	struct err why;
};

struct tron_op {
	struct chain_op c; /* first */
	struct chain_tron *ct;
	struct tron_leg legs[NODE_MAX];
	/* new each time */
	size_t n_legs, waiting;
	unsigned tried; /* nodes that were asked one after another */
	struct chain_trials trials;
	union {
		struct {
			enum chain_state state;
			struct chain_ask *asks; /* heap */
			size_t n;
		} read;
		struct { /* also of a trial: tx */
			uint64_t units, floor;
			enum signer_purpose purpose;
			struct tron_tx tx;
			struct amount fee_max;
			bool signing;
			/* of all nodes so far */
			size_t n_good;
			struct tron_block solid; /* the oldest */
			size_t solid_of;	 /* the node that told it */
			uint64_t time_ms;	 /* the oldest head's */
			struct tron_params params;
			bool disputed; /* they differ about a solid block */
		} form;
		struct hash32 txid; /* of what is sent */
		struct {
			struct address from;
			uint64_t slot;
			struct hash32 txids[CHAIN_MAX_FORMS];
			size_t n;
		} fate;
	} u;
};

struct chain_tron {
	struct chain chain; /* first */
	struct tron_rpc *rpc;
	struct node_set *nodes; /* rpc's */
	struct chain_signer signer;
	struct chain_tron_config cfg;
	struct log *log;
	struct node_odd odd;
	struct chain_op_list ops;
};

/* Begins a batch to the leg's node. `check`: as tron_batch_begin(). */
void tron_leg_begin(struct tron_leg *leg, size_t node, bool check);
/* Sends it; fn's ctx is the leg. */
void tron_leg_send(struct tron_leg *leg, tron_batch_fn *fn);
/* The node said nonsense to `what`. */
void tron_leg_blame(struct tron_leg *leg, const char *what,
		    const struct err *why);
/* The leg has ended. True when it was the last of its operation. */
bool tron_leg_done(struct tron_leg *leg);

void tron_read(struct tron_op *op);
void tron_read_clear(struct tron_op *op);
void tron_fate(struct tron_op *op);
void tron_fate_clear(struct tron_op *op);

#endif
