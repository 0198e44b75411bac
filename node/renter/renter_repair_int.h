/* renter_repair_int.h - what the files of a repair share, nobody else.
 *
 *   renter_repair.c        begins, goes from phase to phase, ends
 *   renter_repair_look.c   hold, alive: what is missing of one object
 *   renter_repair_hosts.c  hosts: prices, the budget, until when
 *   renter_repair_make.c   make: rows again, put to spare hosts
 *   renter_repair_agree.c  agree: signed, paid for; again where one did not
 *   renter_repair_tell.c   records, or a new catalogue
 *
 * The phases are those of renter_repair.h; each begins on the timer, with
 * mend_go(), and a failure of the run itself is mend_end(). Thread: the loop.
 */
#ifndef NODE_RENTER_REPAIR_INT_H
#define NODE_RENTER_REPAIR_INT_H

#include "node/renter/renter_holding.h"
#include "node/renter/renter_repair.h"
#include "storage/rent/placing.h"
#include "storage/rent/repair.h"

#define MEND_FAILED_MAX 256U /* hosts that did not sign */

/* A holding, for as long as a repair of it is read by workers. */
struct mend_kept {
	struct holding *h;
	unsigned refs;
};

struct mend_put { /* a row that was put in this run */
	int64_t object;
	uint32_t segment;
	uint16_t row;
	struct address host;
	struct amount cost;
};

enum mend_phase {
	MEND_RECONCILE,
	MEND_LOST,
	MEND_OPEN,
	MEND_MAKE,
	MEND_AGREE,
	MEND_TELL,
	MEND_PUBLISH,
};

struct mend {
	struct renter *renter;
	struct mend_cfg cfg;
	char *name;
	bool link;
	struct net_addr named[SCOUT_NAMED_MAX];
	const struct mend_ops *ops;
	void *ctx;
	struct loop_timer *timer; /* every phase begins there */
	enum mend_phase phase;
	unsigned round;
	struct reconcile *reconcile;
	struct lost *lost;
	struct holding_list list;
	size_t at;
	struct holding_open *opening;
	struct mend_kept *kept;
	struct renter_steward ward; /* of a link: object 0, none yet */
	bool untold;		    /* the one that is held */
	struct alive *alive;
	struct repair_survey survey;
	struct scout *scout;
	bool scouted;
	struct placing *placing;
	uint32_t periods; /* of the agreements; the longest of the objects */
	struct object_repair *repair;
	struct agree *agree;
	struct records *records;
	struct publish *publish;
	struct renter_object catalogue;	     /* hopeless; id 0: it is not */
	int64_t changed[REPAIR_OBJECTS_MAX]; /* ours */
	size_t changed_n;
	bool tell_ward;
	struct mend_put *puts;		      /* heap */
	size_t puts_n, puts_cap, puts_before; /* before: of other objects */
	struct address failed[MEND_FAILED_MAX];
	unsigned failed_n;
	bool ended, told;
	struct mend_result result;
	struct err why;
};

/* ---- renter_repair.c ---- */

/* The run ends, at the next turn of the loop; NULL: as it should. */
void mend_end(struct mend *m, const struct err *why);
void mend_go(struct mend *m, enum mend_phase phase);
/* Something is left undone, and the run goes on; the first reason is told. */
void mend_leave(struct mend *m, const struct err *why);
/* As a `step` of other journeys' ops. */
void mend_step(void *mend, const char *text);

/* ---- renter_repair_look.c ---- */

/* MEND_OPEN: the next object, or on to MEND_AGREE. */
void mend_open_next(struct mend *m);
/* The one that is held is done with, whatever became of it. */
void mend_finish_object(struct mend *m);
void mend_drop_object(struct mend *m);
/* NULL is a no-op. */
void mend_kept_unref(struct mend_kept *k);

/* ---- renter_repair_hosts.c ---- */

/* Asks hosts for their prices, once a run; then that phase. */
void mend_want_hosts(struct mend *m, enum mend_phase next);
/* m->periods: no shorter than what is held wants. ERR_CHAIN: the chain is not
 * known. */
enum err_code mend_set_periods(struct mend *m, struct err *e)
	__attribute__((warn_unused_result));
/* m->placing: hosts that live and have not failed. */
enum err_code mend_set_placing(struct mend *m, struct err *e)
	__attribute__((warn_unused_result));
/* *out: what so many rows cost at the most, at the dearest host of m->placing.
 * ERR_FUNDS: over budget or balance; ERR_LIMIT: over 128 bits. */
enum err_code mend_check_cost(struct mend *m, uint64_t rows, struct amount *out,
			      struct err *e)
	__attribute__((warn_unused_result));
/* Of one sector there, to the end. False: its prices are not known. */
bool mend_cost_of(struct mend *m, const struct address *host,
		  struct amount *out);
/* On all that was put in this run. */
struct amount mend_spent(const struct mend *m);

/* ---- the other phases ---- */

void mend_make(struct mend *m);	   /* MEND_MAKE: renter_repair_make.c */
void mend_agree(struct mend *m);   /* MEND_AGREE: renter_repair_agree.c */
void mend_tell(struct mend *m);	   /* MEND_TELL: renter_repair_tell.c */
void mend_publish(struct mend *m); /* MEND_PUBLISH: there, too */

#endif
