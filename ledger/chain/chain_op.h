/* chain_op.h - operations of a chain's backend, whatever the kind of chain.
 *
 * An operation is one call of chain.h on its way: it ends by calling back once.
 * It leaves the list of those under way before it calls back, so that the
 * callback may forget its ctx. A backend's own struct begins with one, and a
 * backend's own struct chain_ops_open keeps them. For backends only. Thread:
 * the loop.
 */
#ifndef LEDGER_CHAIN_OP_H
#define LEDGER_CHAIN_OP_H

#include "base/log.h"
#include "base/loop.h"
#include "ledger/chain/chain.h"

enum chain_op_kind {
	CHAIN_OP_READ,
	CHAIN_OP_TRY,
	CHAIN_OP_FORM,
	CHAIN_OP_SEND,
	CHAIN_OP_FATE,
	CHAIN_OP_MEANS
};

struct chain_op_list;

struct chain_op {
	struct chain_op_list *list;
	struct chain_op *next;
	struct loop_timer *later;
	/* new each time */
	enum chain_op_kind kind;
	union {
		chain_read_fn *read;
		chain_trial_fn *trial;
		chain_form_fn *form;
		chain_send_fn *send;
		chain_fate_fn *fate;
		chain_means_fn *means;
	} fn;
	void *ctx;
	struct err why; /* newest failure */
	struct chain_call call;
	uint8_t *data; /* heap: calldata */
	size_t data_len;
};

/* What a backend adds to an operation. */
struct chain_op_kit {
	size_t size; /* of its own struct, zeroed when made */
	/* Once made; false: no memory, and destroy() follows. */
	bool (*make)(void *backend, struct chain_op *op);
	/* Takes back what it is doing and makes it as good as new. */
	void (*reset)(struct chain_op *op);
	void (*destroy)(struct chain_op *op);
};

struct chain_op_list {
	const struct chain_op_kit *kit;
	void *backend;
	struct loop *loop;
	struct log *log;
	struct chain_op *open;	 /* under way */
	struct chain_op *spares; /* made ahead, so that lack of memory can be
				    told */
	size_t n_spares;
};

/* ERR_NOMEM; chain_op_list_clear() then too. */
enum err_code chain_op_list_init(struct chain_op_list *l,
				 const struct chain_op_kit *kit, void *backend,
				 struct loop *loop, struct log *log,
				 struct err *e);
void chain_op_list_clear(struct chain_op_list *l);

/* A fresh operation; NULL only when memory and spares are out, which is logged:
 * the callback is then lost. */
struct chain_op *chain_op_new(struct chain_op_list *l, enum chain_op_kind kind,
			      void *ctx);
/* Frees all with this ctx. */
void chain_op_forget(struct chain_op_list *l, void *ctx);
/* Takes it off the list: its callback is about to be called. */
void chain_op_unlink(struct chain_op *op);
void chain_op_free(struct chain_op *op);
/* Calls chain_op_fail() from the loop. */
void chain_op_fail_later(struct chain_op *op, enum err_code code,
			 const char *what);
/* Calls back with the error and frees it. */
void chain_op_fail(struct chain_op *op, const struct err *e);
/* Copies the call and its data. False: no memory. */
bool chain_op_keep_call(struct chain_op *op, const struct chain_call *call);

/* One answer out of several nodes' to the sending of one transaction: one that
 * took it is enough, and only when all refuse it for good is it refused. */
enum chain_send_result chain_send_better(enum chain_send_result a,
					 enum chain_send_result b);
/* The less certain of two nodes' answers; UNKNOWN when they exclude each other.
 * `same`: what they say of a mined transaction is the same. */
enum chain_fate chain_fate_merge(enum chain_fate a, enum chain_fate b,
				 bool same);
/* Do two nodes say the same of a mined transaction? */
bool chain_outcome_same(const struct chain_outcome *a,
			const struct chain_outcome *b);

#endif
