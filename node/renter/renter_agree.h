/* renter_agree.h - agreements for what was staged: which one, signed by both,
 * told to the chain.
 *
 * For every host with staged sectors a run looks up whether an agreement that
 * runs takes them (renter_running.h), and drafts a new one where none does;
 * then each has everything signed, and opened or posted:
 *
 *   offer   the host's prices are wanted
 *   read    what the chain says, once more: the host knows better
 *   top up  the fund of one that runs does not reach
 *   sign    our signature, by the signer
 *   noted   committed as offered (!: before it leaves)
 *   pay     of one that is never opened: receipts are to cover what it costs
 *   asked   the host signs
 *   kept    both signatures and the new list are committed; then sign again
 *           while more is staged, or to be cut
 *   chain   open or revise on its way to a final block; one that is never
 *           opened is done without
 *
 * What ended: `done`, or `failed` with the reason; a host that failed has no
 * staged sectors any more, so that they can be put elsewhere. Cuts alone that a
 * host does not sign are put off to another run.
 *
 * A run that was cut off (a crash, Ctrl-C) is taken up by the next: what we
 * offered and do not know to be signed is asked for first, what both signed
 * is opened while there is time, and what was not posted is posted, or signed
 * anew where the bank would not take it any more. Thread: the loop.
 */
#ifndef NODE_RENTER_AGREE_H
#define NODE_RENTER_AGREE_H

#include "node/renter/renter.h"

struct agree;

#define AGREE_HOST_MS 120000 /* a host that does not answer */
#define AGREE_CUT_MS 20000   /* nor one that only something is cut at */
#define AGREE_AGAIN_MS 3000  /* it said "later", or its chain is behind */

struct agree_ops {
	/* One line for people. */
	void (*step)(void *ctx, const char *text);
	/* Once. e: nothing could be done at all. failed: hosts that did not
	 * sign or whose agreement could not be opened. */
	void (*ended)(void *ctx, unsigned done, unsigned failed,
		      const struct err *e);
};

struct agree_cfg {
	uint32_t periods; /* how long, from the start on */
	/* One that runs will do when it lasts so long; 0: as `periods`. */
	uint32_t least;
	/* Have the lists of all that run cut what is DROPPING; else only those
	 * that something is added to. */
	bool cut;
	/* Settle the present period of these, and do nothing else
	 * (renter_prepay.h): ids of the database, rising; borrowed until it
	 * ended. */
	const int64_t *pay;
	size_t pay_n;
};

/* For what is staged now: the agreements that are never opened and that
 * agree_start() will use, so that a catalogue can list them before. Staged in
 * the database. ERR_CHAIN: the period is not known. ERR_DB, ERR_LIMIT. */
enum err_code agree_draft_unopened(struct renter *r,
				   const struct agree_cfg *cfg, struct err *e)
	__attribute__((warn_unused_result));
enum err_code agree_start(struct agree **out, struct renter *r,
			  const struct agree_cfg *cfg,
			  const struct agree_ops *ops, void *ctx, struct err *e)
	__attribute__((warn_unused_result));
/* What is signed already stays. NULL is a no-op. */
void agree_free(struct agree *a);

/* ---- what a put will come to, before anything is staged ---- */

/* Sectors that a fund pays for besides those that are stored: room for what
 * comes later (a new catalogue); it comes back at the end. */
uint32_t agree_spare(uint32_t sectors);
/* The first period of an agreement that is signed now with so many hosts;
 * false: the chain is not known. */
bool agree_start_period(const struct renter *r, unsigned hosts,
			uint32_t *start);
/* What so many sectors cost at these prices for so many periods, and what is
 * locked for them. False: it passes 112 bits. */
bool agree_cost(struct amount *rent, struct amount *fund,
		const struct sheet *sheet, uint32_t sectors, uint32_t periods)
	__attribute__((warn_unused_result));

#endif
