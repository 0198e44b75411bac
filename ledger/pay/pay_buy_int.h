/* pay_buy_int.h - what the files of the buyer's half share; nobody else
 * includes it. Each says at its top what its one matter is. */
#ifndef LEDGER_PAY_BUY_INT_H
#define LEDGER_PAY_BUY_INT_H

#include "ledger/pay/pay_int.h"

/* ---- pay_buy_count.c: what was promised, and what of it was served ---- */

struct amount pay_buy_promised(const struct pay_pair *pair);
/* What counts as served: it arrived, or the seller says so and was believed. */
struct amount pay_buy_used(const struct pay_pair *pair);
/* It has delivered a step at least: a bigger one may be risked. */
bool pay_buy_has_history(const struct pay_pair *pair);
/* A block arrived that is charged. */
void pay_buy_count(struct pay_session *s, uint32_t len);
/* The seller says that so much was served. Mends our count, or drops a seller
 * that counts too much; nothing while other connections of the pair have
 * something charged on its way, since the counts differ by that. */
void pay_buy_compare(struct pay_session *s, struct amount theirs);

/* ---- pay_buy_lead.c: how far a seller is led, by bytes and dues ---- */

void pay_buy_note_rate(struct pay_pair *pair, int64_t now_ms, uint32_t len);
/* Bytes of one step, as fast as the seller is now. */
uint64_t pay_buy_step(const struct pay_session *s);
/* How far this seller should be promised now; not above what is: nothing to
 * do. May tell the user that its limit is in the way. */
struct amount pay_buy_target(struct pay_session *s);
/* Less of `delta` than this is not worth a promise. */
struct amount pay_buy_least(const struct pay_session *s, struct amount delta);
/* PAY_EV_COVERED, when pay_lead() said no and it now would not. */
void pay_buy_tell_covered(struct pay_session *s);

/* ---- pay_buy_risk.c: what may be promised, and what is lost ---- */

/* May a seller without history be given `delta` more? */
bool pay_buy_may_risk(const struct pay_session *s, struct amount delta);
/* Both cut `delta` to what there is; false: not even the least, and the user
 * was told. *beyond: of delta, on our own free balance. */
bool pay_buy_within_budget(struct pay_session *s, struct amount *delta);
bool pay_buy_within_funds(struct pay_session *s, struct amount *delta,
			  struct amount *beyond);
/* Not promised anything more for PAY_DROP_MS; `lost` is what it took. */
void pay_buy_drop(struct pay_session *s, struct amount lost, const char *why);
/* Another chance: what is ahead of it counts as risk again, not as lost. */
void pay_buy_undrop(struct pay_session *s);
/* The same of one that went away, and is met again. */
void pay_buy_back_at_risk(struct pay_session *s);

/* ---- pay_buy_promise.c: a receipt, from the signer to the seller ---- */

/* At each contact the newest receipt goes first. BUY_HELLO, or BUY_PAYING when
 * there is none. */
void pay_buy_hello(struct pay_session *s);
/* A signer that is silent for PAY_SIGN_MS is not waited for any more. */
void pay_buy_forget_signer(struct pay_session *s);
/* The payee holds a receipt of ours that may be above all that we know. */
enum err_code pay_buy_adopt(struct pay_session *s, const struct pay_msg_held *m,
			    struct err *e);

/* ---- pay_buy.c ---- */

/* Not this seller: nothing is asked of it any more, or bid. */
void pay_buy_stop(struct pay_session *s);

#endif
