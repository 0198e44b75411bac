/* trade.h - the journeys "seeding for pay" and "paying for speed": between the
 * peers of wire, the sealed messages and the ledger's pay machine.
 *
 * For every peer that speaks sb_pay it keeps up to two sealed sessions (we
 * sell; we buy), hands opened messages to ledger/pay/pay, seals what pay says,
 * and tells the swarm whom to serve first. A node that has no wallet has no
 * trade: its torrents pass NULL and all is tit-for-tat.
 *
 * Commit rule: trade_turn_end() commits the book once for the whole turn and
 * only then lets acks and receipts go out.
 * Thread: the loop.
 */
#ifndef NODE_TRADE_H
#define NODE_TRADE_H

#include "node/core/engine.h"
#include "wire/swarm/swarm.h"

struct trade;
struct pay_job;

enum err_code trade_new(struct trade **out, struct engine *en, struct err *e);
void trade_free(struct trade *t);
void trade_turn_end(struct trade *t);
/* The machine of ledger/pay/pay; NULL until the bank is pinned. */
struct pay *trade_pay(struct trade *t);
/* What our BEP 10 handshakes say under "sb_pay"; NULL: not selling (yet). */
const uint8_t *trade_offer(const struct trade *t, size_t *len);

/* A paid download; called when the torrent starts. ERR_STATE: the bank has not
 * been checked yet: it starts for free, and pays from when it is. */
enum err_code trade_job_open(struct trade *t, struct torrent *torrent,
			     struct pay_job **out, struct err *e);
void trade_job_close(struct trade *t, struct pay_job *job);
/* The download is complete or was removed: what is paid for the same torrent
 * from now on is of another download's budget. t may be NULL. */
void trade_job_end(struct trade *t, const struct info_hash *hash);

/* ---- from the swarm; t may be NULL ---- */
void trade_peer_ready(struct trade *t, struct torrent *torrent, struct peer *p,
		      const struct ext_handshake *ext);
void trade_peer_gone(struct trade *t, struct peer *p);
void trade_message(struct trade *t, struct peer *p, const uint8_t *bytes,
		   size_t len);
enum swarm_charge trade_charge(struct trade *t, struct peer *p, uint32_t len);
/* A block that was charged was not sent after all. */
void trade_uncharge(struct trade *t, struct peer *p, uint32_t len);
void trade_slot(struct trade *t, struct peer *p, enum peer_slot slot);
void trade_choked(struct trade *t, struct peer *p, bool choked);
void trade_block(struct trade *t, struct peer *p, uint32_t len);
void trade_bad_data(struct trade *t, struct peer *p);

/* {"earned","spent",...} for status; {"paid_bytes",...} of one peer. */
json_t *trade_peer_json(const struct trade *t, const struct peer *p);

#endif
