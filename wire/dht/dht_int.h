/* dht_int.h - what the parts of the DHT machine share: dht.c (what comes in and
 * what is due), dht_answer.c (questions of others), dht_search.c (ours).
 */
#ifndef WIRE_DHT_INT_H
#define WIRE_DHT_INT_H

#include "wire/dht/dht.h"
#include "wire/dht/dht_gate.h"
#include "wire/dht/kept_items.h"
#include "wire/dht/kept_peers.h"
#include "wire/dht/lookup.h"
#include "wire/dht/table.h"
#include "wire/dht/vote.h"

#define DHT_TOLD 64U /* slots, by address */
#define DHT_ALL_SEARCHES (DHT_MAX_SEARCHES + 2 * DHT_FAMILIES) /* ours, too */

enum ask_kind {
	ASK_CHECK,  /* is it there, and whom does it know? */
	ASK_LOOKUP, /* of a search */
	ASK_STORE,  /* announce_peer or put of a search */
};

struct asked {			       /* a question that has no answer yet */
	bool used, slow, named, again; /* again: asked for the second time */
	enum ask_kind kind;
	uint16_t secret; /* with the index its transaction id */
	uint32_t search;
	struct wire_addr to;
	struct dht_id id; /* who should answer, if named */
	int64_t sent_ms;
};

struct contact {
	struct wire_addr addr;
	bool named, again;
	struct dht_id id;
};

struct told { /* of somebody who was put among the contacts */
	struct wire_addr addr;
	int64_t at_ms;
};

struct side { /* one family */
	bool on, ready;
	struct dht_id id;
	struct table *table;
	struct vote vote;
	struct contact *contacts; /* ring of DHT_MAX_CONTACTS */
	uint32_t contact_first, contact_count;
	uint32_t checks;  /* ASK_CHECK under way */
	int64_t self_ms;  /* when our own id is looked up next */
	int64_t check_ms; /* when a questionable node may be asked next */
	uint32_t self_search, bucket_search;
	uint32_t spread; /* prefixes still to be looked up after a start */
};

struct search {
	uint32_t number;
	struct dht_search what; /* put, cas and salt point into this */
	struct dht_item *put;
	int64_t cas;
	uint8_t salt[KRPC_MAX_SALT];
	bool has_item, storing;
	int64_t seq; /* newest that was handed out */
	uint32_t storing_left;
	struct dht_outcome outcome;
	struct lookup lookup;
};

struct dht {
	struct dht_cfg cfg;
	struct side sides[DHT_FAMILIES];
	struct dht_gate *gate;
	struct kept_peers *peers;
	struct kept_items *items;
	struct asked *asked; /* asked_cap, up to DHT_MAX_ASKED */
	uint32_t asked_cap, asked_count, asked_hint;
	struct search *searches[DHT_ALL_SEARCHES];
	uint32_t search_count, last_number;
	int64_t wake_ms, expire_ms, credit_ms;
	uint32_t credit; /* of questions to contacts */
	struct told told[DHT_TOLD];
	uint64_t questions, refused, answers;
};

/* Sends a question. False: too many are under way. */
bool dht_ask(struct dht *d, const struct asked *a, struct krpc_msg *m,
	     int64_t now_ms);
/* May who is at `teller` tell of `addr`? */
bool dht_may_tell(const struct wire_addr *teller, const struct wire_addr *addr);
/* The nodes of an answer, of one family: calls fn for each that may be one. */
void dht_each_node(const struct krpc_msg *m, const struct wire_addr *teller,
		   enum dht_family family,
		   void (*fn)(void *ctx, const struct dht_id *id,
			      const struct wire_addr *addr),
		   void *ctx);
/* Worth a question: somebody whom the table would take. */
void dht_heard_of(struct dht *d, const struct dht_id *id,
		  const struct wire_addr *addr);

/* dht_answer.c */
void dht_answer(struct dht *d, const struct wire_addr *from,
		const struct krpc_msg *m, size_t len, int64_t now_ms);

/* dht_search.c. What becomes of a question of a search: answered by `m`, or m
 * NULL: lost, or refused. */
uint32_t dht_search_begin(struct dht *d, const struct dht_search *what,
			  size_t most);
bool dht_search_runs(const struct dht *d, uint32_t number);
void dht_search_result(struct dht *d, const struct asked *a,
		       const struct krpc_msg *m, int64_t now_ms);
void dht_search_slow(struct dht *d, const struct asked *a);
void dht_search_step_all(struct dht *d, int64_t now_ms);
void dht_search_free_all(struct dht *d);

#endif
