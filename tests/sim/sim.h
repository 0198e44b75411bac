/* sim.h - many sb_pay nodes in one process, on fake time.
 *
 * What is real: struct pay and the book (SQLite, in memory or in a file). What
 * is played: the clock, the chain, signatures, connections (a FIFO each way
 * with latency and a rate) and the choker (best ranks get the paid slots, one
 * slot goes round for free). A turn is SIM_TURN_MS; commits happen at its end.
 *
 * A signature is a keyed hash of who signed what for which bank. Tests sign for
 * others only where they play a thief of keys; otherwise with sim_sign() of an
 * identity that is theirs.
 *
 * A raw peer is an end of a connection that the test itself plays: it says what
 * it likes and reads what it was told.
 *
 * Every turn asserts what must always hold: see invariants() in sim.c. Out of
 * memory ends the test.
 */
#ifndef TESTS_SIM_H
#define TESTS_SIM_H

#include "ledger/pay/pay.h"

#include <stdio.h>

#define SIM_TURN_MS 10
#define SIM_START_S INT64_C(1800000000)
#define SIM_CHAIN 31337
#define SIM_EVENTS 16

struct sim;
struct sim_node;
struct sim_link;
struct sim_raw;

struct sim *sim_new(void);
void sim_free(struct sim *sim);
void sim_run(struct sim *sim, int64_t ms);
int64_t sim_now_ms(const struct sim *sim);
/* Reads of the chain are answered (the start), or not. */
void sim_chain_reachable(struct sim *sim, bool yes);

struct amount sim_tokens(uint64_t n); /* n * 10^9 units */
struct address sim_address(unsigned n);
void sim_sign(uint8_t sig[RECEIPT_SIG_LEN], const struct address *bank,
	      const struct address *payer, const struct address *payee,
	      struct amount amount);
void sim_sign_channel(uint8_t sig[RECEIPT_SIG_LEN], const struct address *payee,
		      const uint8_t key[32]);
struct address sim_bank(void);

/* ---- the chain ---- */

void sim_deposit(struct sim *sim, const struct address *who, struct amount n);
void sim_withdraw_all(struct sim *sim, const struct address *who);
void sim_reserve(struct sim *sim, const struct address *payer,
		 const struct address *payee, struct amount n, int64_t until);
struct amount sim_paid(struct sim *sim, const struct address *payer,
		       const struct address *payee);
struct amount sim_balance(struct sim *sim, const struct address *who);
/* The node cashes everything it holds, then both sides read the chain. Returns
 * what came. */
struct amount sim_cash(struct sim *sim, struct sim_node *seller);
/* Fresh reads of all that the node deals with. */
void sim_refresh(struct sim *sim, struct sim_node *node);

/* ---- nodes ---- */

struct sim_node_config {
	bool sell;
	uint64_t floor;	      /* tokens per GiB */
	uint64_t trust_start; /* tokens */
	uint64_t balance;     /* tokens in the bank */
	uint64_t due_step;    /* units */
	unsigned paid_slots;  /* 0: 3 */
	unsigned free_slots;  /* 0: 1 */
	unsigned asks_per_net, asks_in_all;
	const char *path; /* NULL: the book is in memory */
};

struct sim_node *sim_node(struct sim *sim, const struct sim_node_config *cfg);
struct pay *sim_pay(struct sim_node *n);
struct book *sim_book(struct sim_node *n);
struct address sim_node_address(const struct sim_node *n);
/* Ends the node as kill -9 would and starts it again from `path` (NULL: an
 * empty book in memory). Its connections are gone. Same account. */
void sim_restart(struct sim_node *n, const char *path);
/* A consistent copy of the node's book (which has a path) into a new file. */
void sim_backup(struct sim_node *n, const char *path);
void sim_fail_commits(struct sim_node *n, bool fail);
/* How often the event came, and what it brought last. */
unsigned sim_events(const struct sim_node *n, enum pay_event_kind kind);
struct amount sim_event_amount(const struct sim_node *n,
			       enum pay_event_kind kind);
unsigned sim_signatures(const struct sim_node *n); /* asked of its signer */
unsigned sim_reads(const struct sim_node *n);	   /* of the chain */

struct pay_job *sim_job(struct sim_node *n, uint8_t key, uint64_t max,
			uint64_t budget); /* tokens */

/* ---- connections ---- */

struct sim_link_config {
	int64_t latency_ms; /* one way; 0: 20 */
	uint64_t rate;	    /* bytes/s of the seller; 0: 4 MiB/s */
	uint64_t want;	    /* bytes the buyer still needs; 0: no end */
	bool mute;	    /* the seller takes money and sends nothing */
	unsigned bad_every; /* each nth block is bad; 0: none */
	/* A renting connection: the buyer brings sectors at `due` units each,
	 * and `want` are bytes that it reads (0: none). A mute seller takes
	 * sectors and says nothing of them. */
	bool renting;
	unsigned sectors;
	unsigned window;    /* under way at a time; 0: 4 */
	uint64_t due;	    /* units */
	uint64_t due_step;  /* units; 0: 16 sectors' worth */
	bool free_sectors;  /* the sheet has no price for them: `due` is what a
			     * period costs */
	bool unpaid;	    /* it sends sectors that are not covered */
	bool counts_silent; /* the seller counts dues that it never tells */
};

struct sim_link *sim_connect(struct sim *sim, struct sim_node *buyer,
			     struct pay_job *job, struct sim_node *seller,
			     const struct sim_link_config *cfg);
void sim_disconnect(struct sim_link *l);
void sim_mute(struct sim_link *l, bool mute);
uint64_t sim_got_paid(const struct sim_link *l);
uint64_t sim_got_free(const struct sim_link *l);
bool sim_link_closed(const struct sim_link *l);
unsigned sim_stored(const struct sim_link *l);	/* heard by the buyer */
unsigned sim_taken(const struct sim_link *l);	/* by the seller */
unsigned sim_refused(const struct sim_link *l); /* not covered */
struct pay_session *sim_buyer_session(struct sim_link *l);
struct pay_session *sim_seller_session(struct sim_link *l);

/* ---- raw peers ---- */

/* `role` is the node's. ip: the last four bytes of where the raw peer is. */
struct sim_raw *sim_raw(struct sim *sim, struct sim_node *node,
			enum pay_role role, struct pay_job *job,
			const uint8_t ip[4]);
/* The channel key that raw sellers have. */
const uint8_t *sim_raw_key(void);
/* The node sells; any address. */
struct sim_raw *sim_raw_at(struct sim *sim, struct sim_node *node,
			   const uint8_t ip[16]);
/* Bytes as they are; false: the node closed the session. */
bool sim_raw_bytes(struct sim_raw *r, const uint8_t *msg, size_t len);
bool sim_raw_send(struct sim_raw *r, const struct pay_msg *m);
/* The newest message of that kind since the last call; false: none came. */
bool sim_raw_take(struct sim_raw *r, enum pay_msg_kind kind,
		  struct pay_msg *out);
bool sim_raw_closed(const struct sim_raw *r);
struct pay_session *sim_raw_session(struct sim_raw *r);
/* Node sells: how it would serve so many bytes now in a paid slot. Returns what
 * was served as paid before the first hold. */
uint64_t sim_raw_pull(struct sim_raw *r, uint64_t bytes);
/* Node buys: blocks arrive, and it may notice that they are bad. */
void sim_raw_blocks(struct sim_raw *r, uint64_t bytes);
/* The usual words of a raw seller: terms of `payee` (signed for this channel),
 * ok to the bid that follows. False when there was none. */
bool sim_raw_sell(struct sim_raw *r, const struct address *payee,
		  struct amount price);
bool sim_raw_ack(struct sim_raw *r, struct amount amount, struct amount limit,
		 struct amount owed);
/* Node buys, on a renting connection of the host `payee` (NULL: whoever). */
struct sim_raw *sim_raw_host(struct sim *sim, struct sim_node *node,
			     struct pay_job *job, const struct pay_dues *dues,
			     const struct address *payee);
/* Node sells, on a renting connection. */
struct sim_raw *sim_raw_renter(struct sim *sim, struct sim_node *node,
			       const uint8_t ip[4]);
bool sim_raw_meter(struct sim_raw *r, struct amount price, uint64_t bytes);
/* The usual words of a raw buyer: ask, bid `price`; then a signed receipt. */
bool sim_raw_agree(struct sim_raw *r, struct amount price);
bool sim_raw_pay(struct sim_raw *r, const struct address *payer,
		 struct amount amount, struct amount owed);

/* Every book proves itself; call it at the end. */
void sim_check_books(struct sim *sim);

#endif
