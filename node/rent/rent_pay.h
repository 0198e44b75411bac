/* rent_pay.h - sb_pay on renting connections: what a renter pays a host by
 * receipts, out of the storage account's purse (docs/protocol.md section 15).
 *
 * Ingress is due with each sector that is stored, an unopened agreement's
 * period with its signature; egress is charged by bytes. All of it is one debt
 * for a pair of accounts; ledger/pay/pay keeps it. Here that machine meets
 * renting: one struct rent_pay for the storage purse, one struct rent_till for
 * a rent link, on either side. A till knows the machine whose link it is
 * (struct rent_client, struct rent_session) and tells it when receipts came.
 *
 * Whoever has a link
 *   - makes a till when the machine has its session (rent_till_host(),
 *     rent_till_renter()), hands it what ops->pay of the link brings, and frees
 *     it in `down`, before the session;
 *   - answers the machine's callbacks covered, add_due and charge or charged
 *     with the functions of the same name here. All take a till that is NULL:
 *     then nothing that has a price is covered, and none is charged.
 * A renter's till opens sb_pay only when something that has a price is asked
 * for, and never while rent_client_unsettled(). It pays nobody but the host of
 * the link, nor more for traffic than the host's price sheet says.
 *
 * Commit rule: as for trade; the engine calls rent_pay_turn_end().
 * Thread: the loop.
 */
#ifndef NODE_RENT_PAY_H
#define NODE_RENT_PAY_H

#include "base/amount.h"
#include "base/ecc.h"
#include "base/err.h"
#include "base/ids.h"
#include "base/offer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct engine;
struct purse;
struct rent_client;
struct rent_link;
struct rent_pay;
struct rent_session;
struct rent_till;

/* The engine's, for the storage purse; made when it is asked for first, and
 * freed with the engine. NULL (e): renting is not open yet, or no memory. */
struct rent_pay *rent_pay_of(struct engine *en, struct err *e);
/* One for this purse, which is open, its bank pinned. An engine has one, but in
 * tests. ERR_NOMEM, ERR_PARSE (a setting). */
enum err_code rent_pay_new(struct rent_pay **out, struct engine *en,
			   struct purse *purse, struct err *e)
	__attribute__((warn_unused_result));
/* After the links that have tills. NULL is a no-op. */
void rent_pay_free(struct rent_pay *rp);
/* Of all that the engine has: commits, and tells who waits. */
void rent_pay_turn_end(struct engine *en);
/* Frees all that it has. */
void rent_pay_free_all(struct engine *en);

/* ---- a host ---- */

/* We sell with this key of the door; key_sig is our account's over it. */
enum err_code rent_pay_sell(struct rent_pay *rp, const uint8_t key[32],
			    const struct sig64 *key_sig, struct err *e)
	__attribute__((warn_unused_result));
/* A sheet of ours that renters may go by. `now`: it is the present one, its
 * egress is charged from here on, and a new renter is trusted with what a GiB
 * costs by it (but where `trust` is set); else an earlier one that has not
 * expired. */
void rent_pay_sheet(struct rent_pay *rp, const struct sheet *sheet, bool now);
/* ops->add_due of a session that is gone. */
void rent_pay_add_due(struct rent_pay *rp, const struct address *renter,
		      struct amount due);
/* ERR_NOMEM. */
enum err_code rent_till_host(struct rent_till **out, struct rent_pay *rp,
			     struct rent_link *link, struct rent_session *s,
			     struct err *e) __attribute__((warn_unused_result));
/* The renter's account, once hello showed it. */
void rent_till_account(struct rent_till *t, const struct address *renter);
bool rent_till_charge(struct rent_till *t, uint32_t len);

/* ---- a renter ---- */

enum err_code rent_till_renter(struct rent_till **out, struct rent_pay *rp,
			       struct rent_link *link, struct rent_client *c,
			       struct err *e)
	__attribute__((warn_unused_result));
/* To be asked before a revision of an unopened agreement: do acknowledged
 * receipts cover its `due`, beside what covered() asked for? If not they are
 * led so far, and `paid` (rent_pay_listen()) says when to ask again. Stands
 * until the due is owed; 0 takes it back. `kept`: the host has shown that it
 * kept what was paid before, which is history with it. */
bool rent_till_prepay(struct rent_till *t, struct amount due, bool kept);
void rent_till_charged(struct rent_till *t, uint32_t len);
/* ops->found */
void rent_till_found(struct rent_till *t, struct amount due);
/* A host may have counted so much for a revision whose answer did not come, or
 * was not kept: when the counts are compared it is no loss. */
void rent_pay_found(struct rent_pay *rp, const struct address *host,
		    struct amount due);
/* Why what was asked for is not covered, for people; "" when nothing is wrong.
 */
const char *rent_till_why(const struct rent_till *t);

/* What is spent from here on is of a budget: of one `store` call, known by its
 * key over restarts. One at a time; without one the price of what is fetched is
 * bounded by the setting `max-egress`. ERR_LIMIT, ERR_DB, ERR_NOMEM: the one
 * before stays. */
enum err_code rent_pay_budget(struct rent_pay *rp, const uint8_t key[20],
			      struct amount budget, struct err *e)
	__attribute__((warn_unused_result));
void rent_pay_end_budget(struct rent_pay *rp);
/* Forgets what was spent on a budget: it is complete. */
void rent_pay_forget_budget(struct rent_pay *rp, const uint8_t key[20]);
/* Promised on the present budget, over every run; all promised, without one. */
struct amount rent_pay_spent(const struct rent_pay *rp);

enum rent_stuck {
	RENT_STUCK_BUDGET, /* it is used up */
	RENT_STUCK_FUNDS,  /* our free balance is promised, or a limit of the
			    * signer reached */
	RENT_STUCK_HOST,   /* this host alone: its price, its trust, what it
			    * did; or nothing that will not pass */
};

/* Who waits for receipts of a renter's till. Embedded; from the end of a turn.
 */
struct rent_pay_listener {
	struct rent_pay_listener *next;
	void *ctx;
	/* What was led to this host is covered. May be NULL. */
	void (*paid)(void *ctx, const struct address *host);
	/* What was led to it is not covered, and why. */
	void (*stuck)(void *ctx, const struct address *host,
		      enum rent_stuck kind, const char *why);
};
void rent_pay_listen(struct rent_pay *rp, struct rent_pay_listener *l);
void rent_pay_unlisten(struct rent_pay *rp, struct rent_pay_listener *l);

/* ---- both ---- */

void rent_till_free(struct rent_till *t);
/* One opened message of sb_pay. */
void rent_till_receive(struct rent_till *t, const uint8_t *msg, size_t len);
bool rent_till_covered(struct rent_till *t, struct amount due);
void rent_till_add_due(struct rent_till *t, struct amount due);

#endif
