/* pay_int.h - what pay.c, pay_sell.c and the buyer's files (pay_buy_int.h)
 * share; nobody else includes it. State tables: ledger/DESIGN.md. */
#ifndef LEDGER_PAY_INT_H
#define LEDGER_PAY_INT_H

#include "ledger/pay/pay.h"

#define PAY_BUCKETS 1024U
#define PAY_NETS 1024U
#define PAY_BLOCK 16384U /* bytes: what "paid up" must at least cover */

/* Times in ms. */
#define PAY_FACTS_MS 30000    /* between reads of one pair */
#define PAY_FLUSH_MS 10000    /* counts without receipt go into the book */
#define PAY_HOLD_MS 3000      /* a held block waits, then the slot is lost */
#define PAY_RAISE_MS 10000    /* choked so long: bid more */
#define PAY_STALL_MS 20000    /* unchoked, paid, and nothing comes */
#define PAY_IDLE_MS 60000     /* choked at our highest bid, and paid */
#define PAY_ASK_MS 60000      /* before asking again, doubled up to */
#define PAY_ASK_MAX_MS 600000 /* this */
#define PAY_RETRY_MS 10000    /* signer, book or funds said no */
#define PAY_BLIND_MS 5000     /* a balance that could not be read */
#define PAY_SIGN_MS 60000     /* the signer did not answer */
#define PAY_SILENT_MS 30000   /* no answer to a receipt: say it again */
#define PAY_DROP_MS 600000    /* a seller that was dropped is left alone */
#define PAY_FLOOR_MS 5000     /* how long a first receipt waits for `paid` */

#define PAY_NEW_SELLERS 4	  /* without history at a time, per job */
#define PAY_NEW_HOSTS 32	  /* the same of renting, a sector's due each */
#define PAY_RISK_DIV 100	  /* of the budget on them */
#define PAY_RISK_LOST_DIV 10	  /* of the budget lost to them, and no more */
#define PAY_SINKS_MAX 3		  /* receipts below the held one, a session */
#define PAY_MSGS_PER_S 200	  /* taken from one peer, with that burst, */
#define PAY_ANSWERS 3		  /* these for each receipt it was sent, */
#define PAY_BYTES_A_MSG (1 << 20) /* and one for so many that it paid */
#define PAY_METER_SLACK (1 << 20) /* bytes: blocks charged, then withdrawn */
#define PAY_BLIND_MAX 16  /* payers served before their balance is read */
#define PAY_TRUST_DIV 4	  /* of what a payer paid is trusted on top */
#define PAY_DUES_LOST 16  /* dues may be told and not heard */
#define PAY_LOSS_DIV 64	  /* of what a payee delivered may get lost */
#define PAY_RAISE_DIV 8	  /* a bid rises by this part */
#define PAY_REFILL_DIV 16 /* of a step is left ahead at least */
#define PAY_EARLY_MS 8	  /* a hold adds this to early_ms, */
#define PAY_EARLY_MAX_MS 500
#define PAY_EARLY_DIV 16 /* each ack without takes this part away */
#define PAY_LOOK_DIV 64	 /* of a step arrives between two looks */
#define PAY_FACTS_PER_TICK 16

/* Bytes of the running and of the last whole interval. */
struct pay_rate {
	int64_t at; /* number of the running one */
	uint64_t now, last;
};

enum pay_pending { PENDING_NONE, PENDING_SIGN, PENDING_COMMIT };

/* One other address; all sessions with it share this. */
struct pay_pair {
	struct pay_pair *next; /* of its bucket */
	struct address peer;
	struct pay_pair *wait_next; /* of those that wait for the commit */
	bool waits;
	struct pay_session *sessions;
	int64_t facts_in_ms, facts_out_ms; /* asked; INT64_MIN: never */

	/* it pays us: in.newest is durable, in.owed runs ahead of the book */
	struct book_in in;
	bool in_dirty; /* owed moved since it was stored */
	bool due_late; /* by a due, which is stored behind next_in */
	bool staged;   /* `next_in` waits for its commit */
	struct receipt next_in;
	struct amount bump; /* that next_in adds to owed */
	struct amount kept; /* for dues: the sum of its sessions' sell.due */
	/* What bytes may bring owed up to, from the last look at receipts,
	 * facts and time. Whoever changes one of these, or `kept`, clears
	 * most_known: pay_sell_look(). */
	struct amount most;
	bool most_known;
	bool blind; /* holds one of PAY_BLIND_MAX places */

	/* we pay it: out.newest is durable, the counts run ahead */
	struct book_out out;
	bool out_dirty;
	bool dropped;	/* took money and did not serve */
	bool overdrawn; /* counts more than is written off: for this run */
	int64_t dropped_ms;
	bool adopting;	    /* next_out is one that the payee held */
	struct amount soft; /* of owed: adopted, perhaps not served */
	/* Promised, and not known to be served when the book was opened: an
	 * earlier run that was killed may have got it. */
	struct amount unsure;
	struct amount found; /* dues that the payee may count and we do not */
	uint64_t found_bytes;
	enum pay_pending pending;
	int64_t pending_ms; /* asked of the signer */
	struct receipt next_out;
	struct amount delta;	     /* that next_out adds */
	struct amount delta_beyond;  /* of it, on our free balance */
	struct pay_job *pending_job; /* NULL: adopted, or the job is gone */
	struct pay_session *pending_session;
	int64_t retry_ms;
	struct pay_rate second, moment; /* what arrived, charged */
};

enum sell_state { SELL_QUIET, SELL_TOLD, SELL_AGREED };

enum buy_state {
	BUY_OFF,     /* nothing asked, or nothing left to pay with */
	BUY_ASKED,   /* ask is out */
	BUY_BIDDING, /* terms known, first bid is out */
	BUY_HELLO,   /* bid taken; our newest receipt is out */
	BUY_PAYING,
	BUY_STOPPED, /* not this seller */
};

struct pay_session {
	struct pay_session *next, *prev;
	struct pay *p;
	enum pay_role role;
	void *ctx;
	bool dead, renting;
	uint8_t net[6]; /* /24 or /48 with its family */
	uint8_t seal_key[32];
	struct address payee;  /* buyer: nobody else; zero: whoever it is */
	struct pay_pair *pair; /* once the other side is known */
	struct pay_session *pair_next;
	struct amount bid; /* agreed, per GiB; zero: none */
	uint64_t paid_bytes, free_bytes;
	unsigned tokens; /* messages that may still come */
	int64_t tokens_ms;

	struct {
		enum sell_state state;
		enum pay_slot slot;
		bool proved; /* brought a receipt above all before */
		bool await;  /* its receipt waits for the commit */
		bool brings; /* and proves the session when it is stored */
		bool metered;
		struct amount price;	  /* of the last meter message */
		struct amount charged_at; /* of the last that charged */
		bool hold, told_hold;
		uint32_t hold_len; /* bytes of the block that waits */
		int64_t hold_ms;
		struct amount due;	   /* covered, and not owed yet */
		struct amount cap;	   /* highest bid ever agreed here */
		struct amount told_limit;  /* last EXPOSURE */
		struct amount acked_limit; /* of the last ack */
		bool acked;
		bool limited; /* told_limit stands */
		unsigned sinks;
		uint64_t rank; /* last told */
	} sell;

	struct {
		enum buy_state state;
		struct pay_job *job;
		struct amount floor;   /* of its terms */
		struct amount ceiling; /* highest price it may meter */
		struct amount bid_out; /* bid not answered yet; zero: none */
		bool proved;	       /* a receipt above all before was sent */
		bool metered, held;
		struct amount price;
		struct amount limit; /* of its last ack */
		bool limit_known;
		bool choked, interested;
		int64_t since_ms; /* choke state or last block */
		int64_t raised_ms;
		int64_t retry_ms; /* ask or hello again at; 0: no */
		int64_t ask_wait_ms;
		int64_t terms_ms;
		int64_t sent_ms;   /* newest receipt; 0: acknowledged */
		int64_t wanted_ms; /* when it was asked of the signer */
		int64_t took_ms;   /* from there to its ack; 0: not measured */
		int64_t early_ms;  /* on top: its blocks come in lumps */
		uint64_t unseen, look; /* bytes since the last look at what is
					* due; how many until the next */
		struct amount sent;    /* highest amount sent on this session */
		struct amount proof;   /* what made it proved */
		struct amount acked;   /* newest amount acknowledged on it */
		struct pay_dues dues;
		struct amount due;    /* to be covered, and not owed yet */
		struct amount single; /* the largest one of them */
		bool waits;	      /* pay_lead() said no */
		bool stuck_told;      /* that the limit is in its way */
	} buy;
};

struct pay_job {
	struct pay_job *next;
	struct pay *p;
	struct pay_job_config cfg;
	struct amount spent, pending;
	struct amount lost_new; /* to sellers without history */
	uint64_t paid_bytes;
	bool gone, funds_told;
};

struct pay_net {
	uint8_t net[6];
	unsigned asks;
};

struct pay {
	struct pay_config cfg;
	struct pay_host host;
	struct pay_book book;
	struct log *log;
	int64_t now_ms, now_s;
	struct pay_pair *buckets[PAY_BUCKETS];
	bool evicted; /* a pair, in this run */
	unsigned n_pairs, n_sessions, n_jobs, n_blind;
	unsigned evict; /* bucket where the search goes on */
	struct pay_session *sessions;
	struct pay_pair *waiting;
	struct pay_job *jobs;
	struct pay_net nets[PAY_NETS];
	unsigned n_nets, asks;
	int64_t asks_minute;
	int64_t flush_ms;
	unsigned facts_left;	      /* of this tick */
	struct amount pending_beyond; /* sum of delta_beyond */
};

/* ---- pay.c ---- */

/* NULL: out of memory, or PAY_PAIRS_MAX are busy, or the book fails (e). */
struct pay_pair *pay_pair_get(struct pay *p, const struct address *peer,
			      struct err *e);
/* The session turns out to be with this other address. */
void pay_pair_join(struct pay_session *s, struct pay_pair *pair);
/* Something of the pair was staged; its _committed() follows. */
void pay_wait_commit(struct pay *p, struct pay_pair *pair);
void pay_send(struct pay_session *s, const struct pay_msg *m);
void pay_send_no(struct pay_session *s, enum pay_no code, struct amount price,
		 const char *why);
void pay_tell(struct pay_session *s, enum pay_event_kind kind,
	      struct amount amount, enum pay_no code, const char *text);
/* Asks for a read of the pair, unless that was done a moment ago. */
void pay_ask_facts(struct pay *p, struct pay_pair *pair, bool in);
/* Price of `bytes`, rounded up: at least 1 unit unless bytes is 0. */
struct amount pay_cost_up(struct amount per_gib, uint64_t bytes);
/* One `div`th, rounded down. */
struct amount pay_part_of(struct amount a, uint64_t div);
/* Adds the exact price to a running sum; false (nothing changed) when it would
 * pass `most`. */
bool pay_cost_add(struct amount *sum, uint64_t *rem, struct amount per_gib,
		  uint64_t bytes, struct amount most);
bool pay_ask_allowed(struct pay *p, const uint8_t net[6]);
/* Counts that moved go into the book with the next commit. */
void pay_flush_pair(struct pay *p, struct pay_pair *pair);

/* ---- pay_sell.c ---- */

enum err_code pay_sell_receive(struct pay_session *s, const struct pay_msg *m,
			       struct err *e);
void pay_sell_committed(struct pay *p, struct pay_pair *pair, bool ok);
void pay_sell_tick(struct pay_session *s);
void pay_sell_leave(struct pay_session *s);
void pay_sell_floor(struct pay_session *s);
/* What bytes may use up is to be worked out again. */
void pay_sell_look(struct pay_pair *pair);
/* Facts, trust or receipts changed what this payer may be served. */
void pay_sell_review(struct pay *p, struct pay_pair *pair);
/* The first read of the chain since our book knows of this payer. */
void pay_sell_first_facts(struct pay_pair *pair);
/* Prepaid, countable and not served. */
struct amount pay_sell_credit(const struct pay *p, const struct pay_pair *pair);
/* So much of the credit is kept for dues of this session. */
void pay_sell_keep(struct pay_session *s, struct amount due);
void pay_sell_due(struct pay *p, struct pay_pair *pair, struct amount due);

/* ---- the buyer's half ---- */

/* pay_buy.c */
void pay_buy_start(struct pay_session *s);
enum err_code pay_buy_receive(struct pay_session *s, const struct pay_msg *m,
			      struct err *e);
void pay_buy_tick(struct pay_session *s);
void pay_buy_job_gone(struct pay_job *job);
/* pay_buy_promise.c: sends the next receipt if it is due and we may */
void pay_buy_pump(struct pay_session *s);
void pay_buy_committed(struct pay *p, struct pay_pair *pair, bool ok);
/* pay_buy_risk.c: the session ends */
void pay_buy_leave(struct pay_session *s);
/* pay_buy_count.c: promised and not arrived */
struct amount pay_buy_ahead(const struct pay_pair *pair);
/* What was written off, and was done: pair->found. */
void pay_buy_found(struct pay_pair *pair);
void pay_buy_due(struct pay_pair *pair, struct amount due, uint32_t bytes);

#endif
