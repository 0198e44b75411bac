/* outbox.h - transactions on their way: tried, signed, stored, sent, sent
 * again, until they are final or can never be mined.
 *
 * One transaction at a time is on its way to a block; the next is tried only
 * when the one before is mined (a deposit can be tried only after its approval
 * was), while several may wait to become final. But agreements with different
 * parties have nothing to do with each other, nor do batches of one run that
 * cashes: those of one kind are on their
 * way side by side, OUTBOX_ABREAST at most, each once the one before was taken
 * by a node, in slots that follow one another. The rule that keeps money
 * whole: nothing is sent before its signed bytes are stored durably, and a
 * transaction that is stored is never signed again in another form than the
 * same slot, the same content and a higher fee.
 *
 *   state      | what is true              | a crash here means
 *   QUEUED     | only in memory            | nothing was asked
 *   TRYING     | only in memory            | nothing was asked
 *   FORMING    | perhaps signed, not sent  | the same; the bytes are lost
 *   STORED     | bytes stored              | sent after the restart
 *   SENT       | a node may have them      | asked for, sent again
 *   MINED      | in a block, may be undone | asked for
 *   ENDING     | final, being booked       | asked for, booked then
 *
 * Where slots expire (struct chain) no form takes another's place. So a fee is
 * not raised, and what every node refuses stays open until it has expired in
 * final state, for a node that lies could send it on; what expired unmined is
 * tried, formed and stored anew, three times at most.
 *
 * No clock and no timer: outbox_tick() is given `now` and says when it wants to
 * be called again. Thread: the loop.
 */
#ifndef LEDGER_OUTBOX_H
#define LEDGER_OUTBOX_H

#include "base/log.h"
#include "ledger/chain/chain.h"

#define OUTBOX_MAX 64 /* transactions queued and under way together */
#define OUTBOX_ABREAST 16

/* What a transaction is for. (stored: same numbers as the book's) */
enum outbox_kind {
	OUTBOX_DEPLOY = 1,
	OUTBOX_APPROVE = 2,
	OUTBOX_DEPOSIT = 3,
	OUTBOX_WITHDRAW = 4,
	OUTBOX_RESERVE = 5,
	OUTBOX_RELEASE = 6,
	OUTBOX_CASH = 7,
	OUTBOX_OTHER = 8,
	OUTBOX_OPEN = 9, /* agreements: ledger/settle/settle_rent.c */
	OUTBOX_REVISE = 10,
	OUTBOX_TOP_UP = 11,
	OUTBOX_CLOSE = 12,
	OUTBOX_ANCHOR = 13,
	OUTBOX_PROVE = 14,
};

/* A word for each, for people and the log. */
const char *outbox_kind_name(enum outbox_kind kind);

/* One stored transaction, as it goes into and comes out of the store. */
struct outbox_record {
	int64_t id; /* given by the store */
	enum outbox_kind kind;
	struct amount amount; /* what moves, for the books; zero: nothing */
	struct address party; /* payee, receiver or contract, for the books */
	struct chain_call call;
	uint64_t units; /* what the trial said */
	uint64_t slot;
	struct chain_form forms[CHAIN_MAX_FORMS]; /* oldest first */
	size_t n_forms;
};

typedef void outbox_load_fn(void *ctx, const struct outbox_record *r);

/* Where transactions are kept: the book, or a fake. All are durable when they
 * return ERR_NONE, and change nothing when they do not. */
struct outbox_store {
	/* r->id is set. */
	enum err_code (*add)(void *ctx, struct outbox_record *r, struct err *e);
	enum err_code (*add_form)(void *ctx, int64_t id,
				  const struct chain_form *f, struct err *e);
	/* Marks it ended. o: NULL when it is GONE. */
	enum err_code (*end)(void *ctx, const struct outbox_record *r,
			     const struct chain_outcome *o, struct err *e);
	/* Every transaction that has not ended, oldest first. */
	enum err_code (*load)(void *ctx, outbox_load_fn *fn, void *fn_ctx,
			      struct err *e);
	void *ctx;
};

enum outbox_step {
	OUTBOX_TRIED,	/* trial is set */
	OUTBOX_STORED,	/* signed and stored: txid */
	OUTBOX_SENT,	/* a node took it: txid */
	OUTBOX_RAISED,	/* a form with a higher fee was stored: txid */
	OUTBOX_MINED,	/* outcome, not final */
	OUTBOX_UNDONE,	/* its block was undone; it is sent again */
	OUTBOX_TROUBLE, /* e; it goes on by itself */
	/* Each of these is the last step of a transaction. */
	OUTBOX_REFUSED, /* never stored: e, and trial if that was why */
	OUTBOX_FINAL,	/* outcome, ok or not */
	OUTBOX_GONE,	/* e: will never be mined, nothing happened */
};

struct outbox_event {
	enum outbox_step step;
	const struct outbox_record *record;
	const struct chain_trial *trial;
	const struct hash32 *txid;
	const struct chain_outcome *outcome;
	const struct err *e;
};

/* For the one who submitted; may submit more. */
typedef void outbox_fn(void *ctx, const struct outbox_event *ev);

/* Books what a final transaction did, before the store marks it ended. Calls
 * `outbox_ended()` when it is done, at once or later; that ends it. Whatever it
 * stages must become durable together with the end, or be harmless twice. */
struct outbox;
typedef void outbox_final_fn(void *ctx, struct outbox *ob, int64_t id,
			     const struct outbox_record *r,
			     const struct chain_outcome *o);

struct outbox_config {
	int64_t poll_ms;   /* between questions for a transaction's fate */
	int64_t resend_ms; /* between sendings of the same bytes */
	int64_t stuck_ms;  /* pending so long: raise the fee */
	int64_t gone_ms;   /* GONE for so long: believe it */
	/* Asks the owner to call outbox_tick() soon. Never from within it. */
	void (*wake)(void *ctx);
	outbox_final_fn *on_final; /* NULL: ended at once */
	void *ctx;		   /* of both */
};

/* chain, store's ctx and log are borrowed. Loads what has not ended: it is
 * asked for and sent again from the first tick on. */
enum err_code outbox_new(struct outbox **out, struct chain *ch,
			 const struct outbox_store *store,
			 const struct outbox_config *cfg, struct log *log,
			 struct err *e);
/* Nothing stored is lost by it. NULL is a no-op. */
void outbox_free(struct outbox *ob);

/* What is to become a transaction. */
struct outbox_order {
	enum outbox_kind kind;
	struct chain_call call; /* its data is copied */
	struct amount amount;	/* as in the record, with `party` */
	struct address party;
	struct amount fee_cap; /* refuse when the trial expects a higher fee;
				  zero: no cap */
	/* Of the same number and kind, other than 0: nothing that one of them
	 * does matters to another. Not stored: after a restart they are
	 * strangers to all that is submitted. */
	uint64_t run;
};

/* Queues it. `fn` may be NULL. ERR_LIMIT: OUTBOX_MAX are under way. */
enum err_code outbox_submit(struct outbox *ob, const struct outbox_order *o,
			    outbox_fn *fn, void *ctx, struct err *e);
/* No event goes to this ctx any more; the transactions go on. */
void outbox_forget(struct outbox *ob, void *ctx);

/* The answer to on_final: ERR_NONE ends the transaction, anything else has it
 * asked for and booked again at the next poll. */
void outbox_ended(struct outbox *ob, int64_t id, enum err_code rc);

/* Of this run: how many are queued or on their way to a block. */
unsigned outbox_under_way(const struct outbox *ob, uint64_t run);

/* Does what is due at now_ms (monotonic); returns when it wants to be called
 * next, INT64_MAX: not before a wake. */
int64_t outbox_tick(struct outbox *ob, int64_t now_ms);

/* Stored and not ended, oldest first; NULL when there are fewer. The pointer
 * lives until the next call into the outbox. */
const struct outbox_record *outbox_open(const struct outbox *ob, size_t i);
/* The same call is queued or under way, stored or not; *ctx is who waits for
 * it: NULL, nobody, as after a restart. */
bool outbox_find_call(const struct outbox *ob, enum outbox_kind kind,
		      const uint8_t *data, size_t len, void **ctx);
/* Its events go to fn from now on, and to nobody else. */
void outbox_adopt(struct outbox *ob, enum outbox_kind kind, const uint8_t *data,
		  size_t len, outbox_fn *fn, void *ctx);
/* So many more can be submitted. */
unsigned outbox_room(const struct outbox *ob);

#endif
