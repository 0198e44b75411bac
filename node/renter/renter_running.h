/* renter_running.h - our agreements that run, as renter.db and the book tell,
 * and which of them takes more sectors.
 *
 * The rules stand in storage/rent/renter_next.h. What the chain says is the
 * book's: as of the last settle_refresh(). Thread: the loop.
 */
#ifndef NODE_RENTER_RUNNING_H
#define NODE_RENTER_RUNNING_H

#include "contracts-abi/bank_abi.h"
#include "node/renter/renter.h"
#include "node/renter/renter_term.h"
#include "storage/rent/renter_next.h"

/* What the chain's final state says of it. False: it was never read. */
bool running_read(struct renter *r, const struct renter_agreement *row,
		  struct renter_running *out, struct bank_agreement *view);
/* What a host asks for: as it told us on this connection, or as we remember.
 * False: not known. */
bool running_sheet(struct renter *r, const struct address *host,
		   struct sheet *out);

/* Both signed it, and nobody has opened it yet: until it starts. */
bool running_may_open(const struct renter_agreement *row, uint32_t now);

/* An agreement for sectors that are to be stored from `start` on for `periods`
 * may end so much later. */
struct renter_want running_want(uint32_t start, uint32_t periods,
				uint32_t least);

/* For how many periods from a start with so many hosts on there is something
 * stored, in agreements of any kind; 0: for none. ERR_CHAIN: the period is not
 * known. ERR_DB. */
enum err_code running_lasts(uint32_t *periods, struct renter *r, unsigned hosts,
			    struct err *e) __attribute__((warn_unused_result));

struct running {
	struct renter_agreement row;
	struct renter_running run;
	struct renter_step step; /* all of the sectors in it */
};

/* Does this one take them? want->now and ->period are filled in here. */
bool running_takes(struct renter *r, const struct renter_agreement *row,
		   const struct renter_want *want);
/* The agreement with this host that is to have them; want->now and ->period are
 * filled in here. *found false: none takes them. */
enum err_code running_choose(struct running *out, bool *found, struct renter *r,
			     const struct address *host,
			     const struct renter_want *want, struct err *e)
	__attribute__((warn_unused_result));
/* Would so many sectors, that are to be stored from `start` on for *term, go
 * into one that runs with this host and lasts as long as *longer, too? */
enum err_code running_lasts_as(bool *out, struct renter *r,
			       const struct address *host, uint32_t sectors,
			       uint32_t start, const struct renter_term *term,
			       const struct renter_term *longer, struct err *e)
	__attribute__((warn_unused_result));
/* Both signed what the chain does not know, and it is ours to post: another
 * list or rate. What only settles periods is its host's, who is paid by it. */
bool running_is_unposted(struct renter *r, const struct renter_agreement *row);
/* Is the period that runs, or the next, to be settled by a revision? */
bool running_is_due(struct renter *r, const struct renter_agreement *row);
/* What is locked besides for so many sectors more: nothing while the fund
 * reaches; else what is missing, and as much room as a new one has. False: it
 * passes 112 bits. */
bool running_top_up(struct amount *out, const struct renter_running *run,
		    const struct renter_step *step, uint32_t adds)
	__attribute__((warn_unused_result));

#endif
