/* settle_impl.h - what the files of settle share, nobody else. */
#ifndef LEDGER_SETTLE_IMPL_H
#define LEDGER_SETTLE_IMPL_H

#include "ledger/settle/batch.h"
#include "ledger/settle/settle.h"

/* One direction of a pair to be read, or an agreement. */
struct settle_dir {
	struct address peer;
	bool in; /* peer pays us; else we pay peer */
	bool rent;
	uint32_t number; /* of the agreement */
};

/* What a reading found, when it is done. `chain` is set when it was asked for
 * instead of booking. */
typedef void reading_fn(void *ctx, const struct book_chain *chain,
			const struct err *e);

/* Reads pairs (and our own balances) in final state and stages what they mean
 * in the book, or only collects them. */
struct reading {
	struct settle *s;
	struct reading *next;
	struct settle_dir *dirs; /* heap */
	size_t n, at, chunk;
	bool own;	    /* our own balances too, with the last chunk */
	bool collect;	    /* for `ledger check`: do not book */
	uint64_t min_block; /* an older view is no answer */
	struct book_chain_pair *pairs; /* heap, when collecting */
	struct book_chain_agreement *agreements;
	size_t n_pairs, n_agreements;
	struct book_chain chain;
	struct err unknown; /* the newest answer that was missing */
	reading_fn *fn;
	void *ctx;
};

/* What one transaction of receipts or proofs did, from its events. */
struct cash_sum {
	int64_t id;
	struct amount moved;
	unsigned draws, bounced; /* draws: or good proofs */
};

struct due { /* one receipt that could be cashed */
	struct receipt r;
	struct amount worth;
	/* Orders them: the worth, doubled in a plan in a hurry where any gain
	 * is reason enough. */
	struct amount weight;
	enum cover cover;
	bool left; /* not worth it for its own sake */
};

enum job_kind { JOB_READ, JOB_CHAIN, JOB_BANK, JOB_PLAN, JOB_MONEY };

/* One journey under way. */
struct job {
	struct settle *s;
	struct job *next;
	enum job_kind kind;
	union {
		settle_read_fn *read;
		settle_chain_fn *chain;
		settle_bank_fn *bank;
		settle_plan_fn *plan;
		settle_done_fn *done;
	} fn;
	settle_step_fn *step;
	void *ctx; /* of fn and step */
	struct settle_result r;
	struct err e;
	bool failed;	 /* ends when s->later fires */
	unsigned open;	 /* transactions that have not ended */
	bool submitting; /* more are to come: do not end yet */
	/* money */
	struct amount amount;
	struct address account;
	uint32_t until;
	bool has_allowance;
	enum { APPROVE, ZERO, APPROVE_AGAIN, DEPOSIT } stage;
	/* deploy */
	bool deploying_bank;
	uint32_t period; /* of the bank that is made */
	bool expect;	 /* a bank that is verified must hold this token */
	struct address expect_token;
	uint8_t *code; /* heap */
	size_t code_len;
	/* cash */
	struct settle_options options;
	struct settle_plan *plan; /* heap */
	struct due *due;	  /* heap, heaviest first */
	size_t n_all;		  /* of them */
	size_t n_due, at, n;	  /* at, n: the batch that is tried */
	bool hurry;		  /* those left that may be lost, by now */
	bool send;		  /* after planning */
	bool stop;		  /* no further batch is sent */
	bool has_more;		  /* planning waits for room */
	uint64_t run;	/* number of this one; 0: it is none that cashes */
	unsigned width; /* how many may be on their way to a block at once */
	struct chain_means means,
		left; /* before the batch that is tried, after */
	struct settle_bank bank;
};

struct settle {
	struct loop *loop;
	struct chain *chain;
	struct book *book;
	struct profile profile;
	struct settle_config cfg;
	struct log *log;
	struct outbox *outbox;
	struct loop_timer *tick;
	struct loop_timer *later; /* ends jobs that failed at once */
	struct job *jobs;
	struct reading *readings;
	struct job *deploying; /* waits for settle_deploy_allowed() */
	struct cash_sum last;  /* of the cash that is ending now */
	uint64_t runs;	       /* that cashed, or planned to */
	uint64_t seen;	       /* the newest block that anything booked is of */
	unsigned undone;       /* book_undone() that was logged */
	struct batch_size cash_size; /* receipts in one transaction */
	/* Coin a receipt in the newest trial: of a plan, and in a hurry. */
	struct {
		bool known;
		struct amount each;
	} fee[2];
};

/* ---- readings: settle_read.c ---- */

/* Takes dirs. fn is called once, later; never when it returns false, for lack
 * of memory. */
bool reading_start(struct settle *s, struct settle_dir *take_dirs, size_t n,
		   bool own, bool collect, uint64_t min_block, reading_fn *fn,
		   void *ctx);
void reading_free(struct reading *rd);
/* Every direction that the book knows, and the agreements: those that can still
 * move, or `closed` ones too. Heap. */
enum err_code settle_all_dirs(struct settle *s, struct settle_dir **out,
			      size_t *n, bool closed, struct err *e);

/* ---- jobs: settle.c ---- */

struct job *job_new(struct settle *s, enum job_kind kind, void *ctx,
		    settle_step_fn *step);
/* Calls back (with j->e when its code is set) and frees. */
void job_end(struct job *j);
/* Ends it from the loop, since a caller is not called back at once. */
void job_fail_later(struct job *j, enum err_code code, const char *what);
/* Submits a call of ours; events go to fn with the job. */
bool job_submit(struct job *j, enum outbox_kind kind, const struct address *to,
		const struct wr *data, struct amount value,
		struct amount amount, const struct address *party,
		outbox_fn *fn);
/* Tells a step, counts what is final. True when the transaction has ended;
 * j->e is set when it did not do what it should. */
bool job_event(struct job *j, const struct outbox_event *ev);

/* ---- journeys of one transaction: settle_money.c ---- */

/* NULL: no memory; fn is then never called. */
struct job *job_begin(struct settle *s, settle_step_fn *step,
		      settle_done_fn *fn, void *ctx);
/* Ends it from the loop when j->e is set, that is when a check of its
 * arguments failed. */
bool job_refused(struct job *j);
/* Calls the bank; the journey ends with that transaction, r.moved is then
 * j->amount. */
void job_submit_bank(struct job *j, enum outbox_kind kind,
		     const struct wr *data, struct amount value,
		     const struct address *party);

/* ---- agreements: settle_rent.c ---- */

/* Sums a final batch of proofs into s->last. */
void prove_final(struct settle *s, const struct chain_outcome *o);
/* The agreements of ours that a call of the outbox is about; *n 0: none, or it
 * is another kind of call. Heap; NULL: no memory. */
struct settle_dir *rent_dirs(struct settle *s, const struct outbox_record *r,
			     size_t *n);

/* ---- cashing: settle_cash.c ---- */

/* payers of a cash() call, and where its money goes; false: it is none. */
bool cash_decode(const struct chain_call *call, struct address *to,
		 const uint8_t **receipts, size_t *len);
/* Where the money of a cash under way goes, for a payer of it. */
enum book_to cash_destination(struct settle *s, const struct address *payer);
/* Receipts in a call; 0: it is no cash(). */
unsigned cash_count(const struct chain_call *call);
/* Books a final cash, then answers outbox_ended(). */
void cash_final(struct settle *s, int64_t id, const struct outbox_record *r,
		const struct chain_outcome *o);
void cash_clear(struct job *j);
struct cash_end;
void cash_end_free(struct cash_end *c);

#endif
