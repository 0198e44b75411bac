/* methods_store.h - what the methods of storing share; nobody else includes
 * it. */
#ifndef NODE_METHODS_STORE_H
#define NODE_METHODS_STORE_H

#include "node/core/call.h"
#include "node/core/methods.h"
#include "node/renter/renter_scout.h"

/* One call of a store method while it runs. The renter is opened first; a
 * method that changes things claims it (renter_begin()). */
struct store_call {
	struct engine *engine;
	struct call *call;
	json_t *params;	       /* a copy */
	struct renter *renter; /* NULL: not open yet */
	const char *claim;     /* renter_begin()'s; NULL: none */
	bool claimed;
	bool reads;    /* needs no chain: what is stored is got without */
	bool restores; /* a home that knows nothing is welcome */
	struct reconcile *mending; /* the chain is asked before changes */
	struct leases *leases;	   /* and this, where nothing is known */
	struct net_addr hosts[SCOUT_NAMED_MAX];
	size_t n_hosts;
	void *journey;
	/* Begins; an error ends the call. */
	enum err_code (*begin)(struct store_call *s, struct err *e);
	/* Frees what was begun; NULL journey: nothing was. */
	void (*stop)(struct store_call *s);
	const char *cut_off; /* what Ctrl-C says */
};

/* template: begin, stop, claim, restores, cut_off. */
void store_call_start(struct engine *en, const json_t *params, struct call *c,
		      const struct store_call *template);
/* Each ends it: stop() is called, then it is gone. */
void store_call_result(struct store_call *s, json_t *take_result);
void store_call_error(struct store_call *s, const struct err *e);
/* As a journey's ops have them, with the call as their ctx:
 * {"type":"step","text":...} and {"type":"progress","read":N,"total":N}. */
void store_call_step(void *call, const char *text);
void store_call_read(void *call, uint64_t done, uint64_t total);

/* A parameter; NULL, or the fallback: it is not there. */
const char *store_text(const struct store_call *s, const char *key);
int64_t store_int(const struct store_call *s, const char *key,
		  int64_t fallback);
/* "periods", or "term" in days. */
enum err_code store_periods(const struct store_call *s, uint32_t *out,
			    struct err *e) __attribute__((warn_unused_result));

/* "max-price" and "budget". ERR_PARSE: no amounts; ERR_LIMIT: the price is too
 * much. */
struct store_money {
	struct amount rent_max; /* of a sector and period; zero: any */
	bool has_budget;
	struct amount budget;
};
enum err_code store_money(const struct store_call *s, struct store_money *out,
			  struct err *e) __attribute__((warn_unused_result));

/* The hosts that were named: HOST:PORT of "host". */
struct scout_cfg store_scout(const struct store_call *s, unsigned enough);

#endif
