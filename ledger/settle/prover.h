/* prover.h - a host's duties towards the chain: anchors, proofs, rehearsals,
 * closing; early, checked before they cost anything, and loud when late.
 *
 * A round (every few seconds while something is due, else seldom) reads the
 * newest block and does what is next:
 *
 *   something is due in this period
 *     no beacon yet   -> anchor, within DUTY_ANCHOR_BY blocks of its first;
 *                        after DUTY_ANCHOR_MAX none can be had: not paid, not
 *                        a miss
 *     beacon recorded -> ask the disk for each due leaf (want_proof), try the
 *                        batch, leave out what the bank would not take, send;
 *                        what takes too long is sent in halves (batch.h)
 *   something is due in the next period
 *                     -> rehearse once: a random leaf of each, from the disk
 *   settled to the end, or over for DUTY_CLOSE_AFTER periods
 *                     -> close: the collateral comes back
 *
 * What the bank counts as in force (root, sectors, through) is read from it
 * for each duty, so a proof is made for what it will be checked against.
 * Nothing here is stored: a restart reads the chain again. Two programs of one
 * host do no harm, the bank skips what is settled.
 *
 * Source: contracts-abi/DESIGN.md, docs/protocol.md. Thread: the loop.
 */
#ifndef LEDGER_PROVER_H
#define LEDGER_PROVER_H

#include "base/agreement.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/rng.h"
#include "ledger/chain/chain.h"
#include "ledger/settle/duty.h"
#include "ledger/settle/settle.h"

struct prover;

#define PROVER_MAX_DUE 4096 /* duties of one round; the rest is in the next */
#define DUTY_CLOSE_AFTER AGREEMENT_CLOSE_WAIT

/* A leaf that is wanted, of the list of sectors with this root. */
struct prover_ask {
	struct address renter;
	uint32_t number;
	struct hash32 root; /* of the list, as the bank has it in force */
	uint32_t sectors;
	uint64_t leaf;
	bool rehearsal;
};

enum prover_event_kind {
	PROVER_PROVED,	   /* final: amount is what it paid */
	PROVER_LATE,	   /* past half of the due period and not given */
	PROVER_GRAVE,	   /* its last eighth */
	PROVER_MISSED,	   /* the due period went by */
	PROVER_UNREADABLE, /* the disk has no such leaf, or a wrong one */
	PROVER_REFUSED,	   /* the bank would not take it: text */
	PROVER_NO_BEACON,  /* nobody anchored in time: not paid, not a miss */
	PROVER_CLOSED,
	PROVER_SEEN,	/* the bank's view of it: `view` is set */
	PROVER_TROUBLE, /* the chain cannot be asked, or no fee: text */
};

struct prover_event {
	enum prover_event_kind kind;
	struct address renter; /* zero: of no single agreement */
	uint32_t number;
	struct duty duty;
	bool rehearsal;
	struct amount amount;
	const struct bank_agreement *view; /* PROVER_SEEN; borrowed */
	uint64_t blocks_left;		   /* of the period */
	const char *text;		   /* for people; may be NULL */
};

typedef void prover_each_fn(void *fn_ctx, const struct agreement *a);

struct prover_host {
	void *ctx;
	/* fn for each opened agreement that is not closed: the newest revision
	 * that both signed. */
	void (*each)(void *ctx, prover_each_fn *fn, void *fn_ctx);
	/* Answered by one prover_on_proof(), later, never from inside. */
	void (*want_proof)(void *ctx, const struct prover_ask *ask);
	void (*event)(void *ctx, const struct prover_event *ev);
};

/* All are borrowed; cfg is copied. ERR_NOMEM. */
struct prover_config {
	struct address bank, host;
	int64_t block_ms; /* how often a block comes: the pace of rounds */
	/* Of one transaction, at first; 0: as much as the bank's call takes. */
	unsigned most_proofs;
	size_t most_bytes;
	struct prover_host node;
};
enum err_code prover_new(struct prover **out, struct loop *loop,
			 struct chain *chain, struct settle *settle,
			 const struct prover_config *cfg, struct log *log,
			 struct err *e) __attribute__((warn_unused_result));
/* NULL is a no-op. */
void prover_free(struct prover *p);

/* The leaf's 512 bytes and its path (`nodes` times 32 bytes, from the leaf up),
 * copied; leaf NULL: it cannot be had, e says why. */
void prover_on_proof(struct prover *p, const struct prover_ask *ask,
		     const uint8_t *leaf, const uint8_t *path, unsigned nodes,
		     const struct err *e);
/* Something changed (an agreement was opened): begin a round soon. */
void prover_wake(struct prover *p);

/* For status: the period and block of the last round, what is due in it and
 * how much of that is proved; known false: no round has ended yet. */
struct prover_state {
	bool known;
	struct duty_time now;
	uint64_t block;
	uint32_t period_blocks;
	unsigned due, proved;
	unsigned due_next; /* in the next period */
};
void prover_state(const struct prover *p, struct prover_state *out);

#endif
