/* host_int.h - the inside of struct host, for host*.c only.
 *
 * host.c         waking up, the clock, sessions, what the machine is lent
 * host_find.c    the DHT: what it announces there
 * host_offer.c   the sheet and the endpoint record: signed, renewed, kept
 * host_lease.c   the agreements in memory, and what the chain says of them
 * host_duty.c    the prover's questions and events; posting, ending
 * host_pay.c     what receipts cover
 * host_state.c   alarms, and what status shows
 */
#ifndef NODE_HOST_INT_H
#define NODE_HOST_INT_H

#include "contracts-abi/bank_abi.h"
#include "ledger/settle/prover.h"
#include "ledger/signer/signer_client.h"
#include "node/core/engine.h"
#include "node/host/host.h"
#include "node/host/host_figures.h"
#include "node/host/host_rules.h"
#include "node/host/rent_store.h"
#include "node/money/money.h"
#include "node/rent/rent_link.h"
#include "node/rent/rent_pay.h"
#include "node/rent/renting.h"
#include "storage/rent/rent_host.h"

#define HOST_LEASES_MAX 65536U
#define HOST_PAIRS_MAX 1024U
#define HOST_ALARMS 32U
#define HOST_OLD_OFFERS 64U /* of earlier sheets, in memory */

enum host_phase {
	HOST_ASLEEP,
	HOST_OPENING, /* account, bank and chain */
	HOST_LOADING, /* the disk is open; agreements, signatures */
	HOST_UP,
};

struct host_session {
	struct host *h;
	struct host_session *prev, *next;
	struct rent_link *link;
	struct rent_session *s;
	struct rent_till *till;
	struct address renter; /* zero: not shown */
};

/* An agreement: as both signed it, and as the chain has it in final state. */
struct host_lease {
	struct address renter;
	uint32_t number;
	struct agreement a; /* the newest; its signatures are on the disk */
	bool stored;	    /* false: being signed, for since_ms */
	bool from_disk;	    /* and the chain was not asked yet: no news */
	int64_t since_ms;
	int64_t revised_ms; /* when `a` came */
	/* numbers below RENT_UNOPENED only */
	bool known;
	struct bank_agreement view;
	uint32_t view_period; /* of the block that it was read at */
	bool dirty;	      /* is to be read again */
	uint32_t settled;     /* lists before this revision are given up */
	bool posting;
	int64_t post_after_ms; /* not tried before */
	uint32_t proved_due;   /* the last proof that was sent and is final */
};

struct host_pair { /* the next number between a renter and us */
	struct address renter;
	bool used, known, dirty;
	uint32_t count;
	uint64_t block;
	int64_t used_ms;
};

struct host_sign { /* a revision at the signer */
	struct host *h;
	struct host_sign *prev, *next;
	uint64_t token;
	struct rent_answer late; /* when it was refused at once */
	bool is_late;
};

struct host_proof { /* a leaf that the disk is asked for */
	struct host *h;
	struct host_proof *prev, *next;
	struct prover_ask ask;
	struct err late; /* when it was refused at once */
};

struct host_post { /* a revision on its way to the chain */
	struct host *h;
	struct host_post *prev, *next;
	struct list_key key;
};

struct dht_topic;
struct gossip;

struct host_alarm {
	int64_t time_s;
	bool grave;
	/* of a proof that may still be given; zero: of none */
	struct address renter;
	uint32_t number;
	char text[200];
};

struct host_asked; /* what one read of the chain asks for */

struct host {
	struct engine *en;
	struct host_conf conf;
	enum host_phase phase;
	bool closing;
	char trouble[160]; /* why it is not up */
	int lock;	   /* host.lock; -1 */
	struct loop_timer *timer, *soon;
	int64_t swept_ms; /* sectors_tick() */
	struct sectors *sectors;
	struct rent_store *store;
	struct gossip *gossip;	     /* NULL: not up yet */
	struct dht_topic *topics[2]; /* the bank's name and ours; likewise */
	struct rent_door *door;
	struct rent_host *machine; /* NULL until it is up */
	struct rent_pay *pay;	   /* the engine's; NULL until it is up */
	struct prover *prover;
	struct host_session *sessions;
	unsigned n_sessions;
	bool key_signed, asking_key;
	struct sig64 key_sig;
	/* host_offer.c */
	bool has_offer, signing_offer;
	struct rent_offer offer;
	struct sheet wanted; /* what is being signed */
	struct rent_offer old[HOST_OLD_OFFERS];
	unsigned n_old, next_old;
	int64_t offer_retry_s;
	bool has_endpoint, signing_endpoint;
	struct endpoint_record endpoint, endpoint_wanted;
	int64_t endpoint_retry_s;
	/* host_lease.c */
	struct host_lease **leases; /* by renter, number */
	size_t n_leases, cap_leases;
	struct host_pair *pairs; /* HOST_PAIRS_MAX */
	struct host_asked *asked;
	bool ask_again, loading, loaded;
	uint32_t period_read; /* leases were all marked in this one */
	/* host_duty.c */
	struct host_sign *signs;
	struct host_proof *proofs;
	struct host_post *posts;
	struct host_fees fees;
	int64_t fees_ms;
	bool asking_fees;
	uint64_t proved, missed;
	struct amount earned_before; /* of agreements that are gone */
	/* host_state.c */
	struct host_alarm alarms[HOST_ALARMS];
	unsigned n_alarms, next_alarm;
};

static inline int64_t host_now(const struct host *h)
{
	return loop_now_ms(h->en->loop);
}

/* ---- host.c ---- */
/* Something that waits for several answers may be complete. */
void host_maybe_up(struct host *h);
/* Why it is not up (yet), logged when it is another reason than before. */
void host_trouble(struct host *h, const char *text);
/* Takes it nothing new at this moment? */
bool host_is_closed(const struct host *h);
/* Runs what must not be answered from inside, soon. */
void host_soon(struct host *h);

/* ---- host_find.c ---- */
void find_start(struct host *h); /* once it is up and gossips */
void find_stop(struct host *h);	 /* before gossip ends */

/* ---- host_offer.c ---- */
void offer_begin(struct host *h);
void offer_tick(struct host *h);
/* Prices or the endpoint may have changed. */
void offer_changed(struct host *h);
/* ops->offer */
const struct rent_offer *offer_find(void *ctx, const struct hash32 *digest);
/* An agreement is about to name it: it stays over restarts. */
enum err_code offer_keep(struct host *h, const struct hash32 *digest,
			 struct err *e) __attribute__((warn_unused_result));
struct host_scale host_scale_of(const struct host *h);

/* ---- host_lease.c ---- */
/* Reads all agreements from the disk; then host_maybe_up(). */
void lease_load(struct host *h);
void lease_free_all(struct host *h);
struct host_lease *lease_find(const struct host *h,
			      const struct address *renter, uint32_t number);
/* Makes it when it is new. NULL: out of memory, or too many. */
struct host_lease *lease_put(struct host *h, const struct agreement *a,
			     bool stored);
void lease_remove(struct host *h, struct host_lease *l);
/* A newer head: what may have changed is read. */
void lease_on_head(struct host *h);
/* Reads what is marked. */
void lease_read(struct host *h);
void lease_renter_came(struct host *h, const struct address *renter);
/* ops->facts, ops->collateral */
void lease_facts(void *ctx, const struct address *renter, uint32_t number,
		 struct rent_facts *out);
bool lease_collateral(void *ctx, struct amount more);

/* ---- host_duty.c ---- */
enum err_code duty_begin(struct host *h, struct err *e)
	__attribute__((warn_unused_result));
void duty_end(struct host *h);	  /* before the disk closes */
void duty_forget(struct host *h); /* after it */
/* Posts, settles and ends what is due. */
void duty_step(struct host *h);
void duty_late(struct host *h); /* host_soon() */
/* The chain's view of it was read. */
void duty_seen(struct host *h, struct host_lease *l, bool was_open);
void duty_sign(void *ctx, uint64_t token, const struct rent_ask *q);
struct amount duty_proof_fee(void *ctx); /* ops->proof_fee */

/* ---- host_pay.c ---- */
/* Receipts are taken from here on. */
enum err_code pay_begin(struct host *h, struct err *e)
	__attribute__((warn_unused_result));
/* The present sheet is another; one of before is still good. */
void pay_new_offer(struct host *h);
void pay_old_offer(struct host *h, const struct rent_offer *o);
/* ops->covered, add_due, charge */
bool host_covered(void *ctx, void *session_ctx, struct amount due);
void host_add_due(void *ctx, void *session_ctx, const struct address *renter,
		  struct amount due);
bool host_charge(void *ctx, void *session_ctx, uint32_t len);

/* ---- host_state.c ---- */
void host_alarm(struct host *h, bool grave, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The newest alarm is about a proof of this agreement; it was given after all.
 */
void host_alarm_of(struct host *h, const struct address *renter,
		   uint32_t number);
void host_alarm_over(struct host *h, const struct address *renter,
		     uint32_t number);

#endif
