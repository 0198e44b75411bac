/* evm_op.h - operations of the EVM backend: what its files share, nobody else.
 *
 * An operation (chain_op.h) talks with one node or with all, a `leg` each.
 * Thread: the loop.
 */
#ifndef LEDGER_EVM_OP_H
#define LEDGER_EVM_OP_H

#include "ledger/chain/chain_evm.h"
#include "ledger/chain/chain_op.h"
#include "ledger/chain/chain_said.h"
#include "ledger/chain/evm_fee.h"

struct op;

/* One operation's talk with one node. */
struct leg {
	struct op *op;
	struct evm_batch batch;
	size_t node;
	bool good; /* has answered all that it was asked so far */
	union {
		struct {
			struct evm_block at; /* the block that was read */
			uint64_t final;	     /* newest block that counts */
			struct chain_answer *answers; /* heap */
			size_t answered;
		} read;
		struct {
			struct evm_receipt receipt;
			enum chain_fate fate;
			uint64_t final;
			bool slot_passed;
		} fate;
		enum chain_send_result sent;
	} u;
	struct err why;
};

/* All of an operation that is new each time, beside what chain_op.h keeps. */
struct op_state {
	size_t n_legs, waiting;
	unsigned tried; /* nodes that were asked one after another */
	struct chain_trials trials;
	union {
		struct {
			enum chain_state state;
			struct chain_ask *asks; /* heap */
			size_t n;
			uint64_t target; /* the block to read at */
		} read;
		struct {
			uint64_t units, slot; /* floor, or the slot to keep */
			struct evm_fee fee;   /* the first node's */
			struct chain_said_number next[NODE_MAX]; /* nonces */
			size_t n_next, n_good;
			uint8_t *older; /* heap; NULL: a fresh slot */
			size_t older_len;
			struct amount fee_max;
			bool signing;
			enum signer_purpose purpose;
		} form;
		struct {
			struct address from;
			uint64_t slot;
			struct hash32 txids[CHAIN_MAX_FORMS];
			size_t n;
		} fate;
	} u;
};

struct op {
	struct chain_op c; /* first */
	struct chain_evm *ce;
	struct leg legs[NODE_MAX];
	struct op_state s;
};

struct chain_evm {
	struct chain chain; /* first */
	struct evm_rpc *rpc;
	struct node_set *nodes; /* rpc's */
	struct loop *loop;
	struct chain_signer signer;
	struct chain_evm_config cfg;
	char symbol[16]; /* of the coin */
	struct log *log;
	struct node_odd odd;
	struct chain_op_list ops;
};

/* Begins a batch to the leg's node. */
void leg_begin(struct leg *leg, size_t node);
/* Sends it; fn's ctx is the leg. */
void leg_send(struct leg *leg, evm_batch_fn *fn);
/* The node said nonsense to `method`. */
void leg_blame(struct leg *leg, const char *method, const struct err *what);
/* The leg has ended. True when it was the last of its operation. */
bool leg_done(struct leg *leg);

/* eth_getBlockByNumber of a tag or a number, without transactions. */
void leg_add_block(struct leg *leg, const char *tag, uint64_t number);
/* The newest block that is final, out of the answers to "latest" and, where
 * the profile says so, "finalized". */
void leg_add_final(struct leg *leg);
enum err_code leg_read_final(struct leg *leg, uint64_t *head, uint64_t *final,
			     size_t *used, const struct evm_reply *r,
			     struct err *e);

void evm_read(struct op *op);
void evm_read_clear(struct op *op);
void evm_fate(struct op *op);
void evm_fate_clear(struct op *op);

#endif
