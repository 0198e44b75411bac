/* renter_pact.h - what renter_agree.c (which agreements there are to be),
 * renter_pact.c (one host: sign, ask, keep, open) and renter_revision.c (what
 * is signed) share; nobody else includes it. */
#ifndef NODE_RENTER_PACT_H
#define NODE_RENTER_PACT_H

#include "contracts-abi/bank.h"
#include "node/rent/rent_pay.h"
#include "node/renter/renter_agree.h"

enum pact_state {
	PACT_DRAFTED,
	PACT_MENDING, /* did the host sign what we offered last time? */
	PACT_OFFER,
	PACT_READ,   /* what the chain says of it */
	PACT_TOP_UP, /* its fund grows */
	PACT_SIGN,
	PACT_NOTED,
	PACT_PAY, /* receipts do not cover it yet */
	PACT_ASKED,
	PACT_KEPT,
	PACT_QUEUED, /* too many transactions are under way */
	PACT_CHAIN,
	PACT_DONE,
	PACT_FAILED,
	PACT_PUT_OFF, /* nothing of it is urgent */
};

struct pact {
	struct agree *all;
	struct address host;
	struct rent_peer *peer;
	enum pact_state state;
	struct renter_agreement row;
	bool unopened;	     /* it never goes to the chain */
	bool takes;	     /* what is staged at the host is for it */
	bool unfit;	     /* but only what it was offered already */
	bool pays;	     /* the present period is to be settled */
	uint32_t total;	     /* sectors staged at the beginning */
	uint32_t left;	     /* of them, not in a list yet */
	size_t adding;	     /* in the revision under way */
	struct hash32 *adds; /* heap */
	uint32_t *cuts;	     /* heap, falling */
	size_t n_cuts;
	uint32_t going; /* sectors that are to be cut, in all */
	struct rent_signed_revision held; /* whose list is looked up */
	struct agreement next;		  /* the revision under way */
	struct sig64 sig;
	struct amount due;
	struct rent_call *call;
	struct amount top_up; /* the fund needs it before the revision */
	bool topped, reread;
	bool older;    /* its host has signed what is not known here */
	bool led;      /* receipts are led to its host for it */
	bool told_due; /* the host may have counted `due` */
	bool waited;   /* it was told that the host is away */
	bool troubled; /* and that its transaction has trouble */
	unsigned tries;
	int64_t since_ms, again_ms;
	struct err why;
};

struct agree {
	struct renter *renter;
	struct agree_cfg cfg;
	const struct agree_ops *ops;
	void *ctx;
	struct loop_timer *timer;
	struct rent_listener listener;
	struct rent_pay_listener receipts;
	struct pact *pacts; /* heap */
	unsigned n;
	unsigned gone;	/* that never came to be: what lay there is to be stored
			 * again */
	uint32_t start; /* of agreements that are drafted in this run */
	uint32_t final; /* the period of the newest final block */
	bool signing, reading, ended, told;
	/* what was offered to one that does not fit is known: the rest that is
	 * staged there waits for a second round */
	bool again, second;
	unsigned done, failed, older; /* of the first round */
	unsigned all;
	struct err why;
};

/* We offered something that the host may have signed without our knowing. */
bool pact_is_open(const struct renter_agreement *row);
/* It pays a period of one that is on the chain, and changes nothing else. */
static inline bool pact_settles(const struct pact *p)
{
	return p->pays && !p->unopened;
}
/* Sectors that its next revisions can cut: an empty list is none. */
uint32_t pact_going(struct renter_db *db, const struct renter_agreement *row);
/* Begins, or goes on: looks what is next for it. */
void pact_go_on(struct pact *p);
/* Our changes were committed, or lost. */
void pact_committed(struct pact *p, bool ok);
/* Its host cannot be paid: nothing of ours is left that may be promised. */
void pact_broke(struct pact *p, const char *why);
/* Time goes by; the host came up, or went. */
void pact_tick(struct pact *p);
void pact_fail(struct pact *p, const struct err *why);
void pact_clear(struct pact *p);

/* renter_revision.c: the next revision, in p->next, p->due and p->top_up, its
 * adds and cuts; what the host's prices are, or NULL. */
enum err_code pact_make_revision(struct pact *p, struct err *e)
	__attribute__((warn_unused_result));
void pact_drop_revision(struct pact *p);
const struct rent_offer *pact_offer(const struct pact *p);
/* Is the list of what the host holds what we have and the first staged ones?
 * Then it was signed, and we know what is in it. */
bool pact_is_offered_list(struct pact *p, const struct agreement *held);

/* agree.c: a pact ended, or wants to be looked at. */
void agree_wake(struct agree *a);
void agree_say(struct agree *a, const struct pact *p, const char *text);

#endif
