/* pay_lend.h - what a pay machine (ledger/pay/pay.h) asks of the node, the same
 * for whatever is paid: signatures, what the chain says, a commit a turn; for
 * one of the wallet's purses.
 *
 * Who has the machine embeds a struct pay_lend, says what is its own (where
 * messages go, what is missing, who hears of events) in struct pay_lend_ops,
 * gives pay_new() what pay_lend_host() returns, and sets `pay`. At the end of
 * each turn in which `work` was called it calls pay_lend_commit().
 *
 * Thread: the loop.
 */
#ifndef NODE_PAY_LEND_H
#define NODE_PAY_LEND_H

#include "ledger/pay/pay.h"
#include "node/money/purse.h"

struct signing;
struct reading;

/* As in struct pay_host; all are set. */
struct pay_lend_ops {
	void *ctx;
	void (*send)(void *ctx, void *session_ctx, const uint8_t *msg,
		     size_t len);
	void (*close)(void *ctx, void *session_ctx, const struct err *e);
	uint64_t (*missing)(void *ctx, void *session_ctx, uint64_t enough);
	void (*event)(void *ctx, const struct pay_event *ev);
	/* Something is to be done at the end of this turn. */
	void (*work)(void *ctx);
};

struct pay_lend {
	struct purse *purse;
	struct pay *pay;  /* NULL: not yet, or not any more */
	const char *name; /* of the subsystem, for log lines */
	struct pay_lend_ops ops;
	struct hash32 domain;
	struct signing *signing;
	struct reading *reading;
	bool want_commit;
};

void pay_lend_init(struct pay_lend *l, struct purse *purse, const char *name,
		   const struct pay_lend_ops *ops);
/* Once the bank is pinned and the purse is open. */
struct pay_host pay_lend_host(struct pay_lend *l);
/* Nothing that is under way will be answered any more; frees the machine and
 * writes its counts. Harmless where nothing was begun. */
void pay_lend_clear(struct pay_lend *l);

/* One commit for all that was promised in this turn, and for what that lets go.
 * Not from inside a callback of the machine. */
void pay_lend_commit(struct pay_lend *l);
/* Writes a line of what happened; tells the signer of a receipt that was
 * adopted. */
void pay_lend_note(struct pay_lend *l, const struct pay_event *ev);

#endif
