/* tron_rpc.h - asking TRON nodes: some requests at a time (over node_http.h).
 *
 * A batch goes to one node, its requests side by side, and is answered once:
 * with all answers, or with one line that says who, which request, what. A node
 * is believed only when it is of the chain that is expected: a probe
 * (tron_probe.h) is in every batch, since behind one URL there may be many
 * machines; an empty one, unless the batch asks by probes anyway. Thread: the
 * loop.
 */
#ifndef LEDGER_TRON_RPC_H
#define LEDGER_TRON_RPC_H

#include "ledger/chain/node_http.h"
#include "ledger/chain/tron_json.h"
#include "ledger/chain/tron_probe.h"

#define TRON_MAX_BATCH 8 /* requests in one batch */

struct tron_rpc_config {
	struct node_config
		nodes;	   /* urls: of /wallet; others: where
			      /walletsolidity is; max_reply is set here */
	uint64_t chain_id; /* 0: whatever the first node says (local only) */
};

struct tron_rpc;

/* http and log are borrowed. ERR_PARSE: an URL that is none. */
enum err_code tron_rpc_new(struct tron_rpc **out, struct loop *loop,
			   struct http *http, const struct tron_rpc_config *cfg,
			   struct log *log, struct err *e);
/* Every batch must be cleared. NULL is a no-op. */
void tron_rpc_free(struct tron_rpc *rpc);

struct node_set *tron_rpc_nodes(struct tron_rpc *rpc);
/* 0 until known. */
uint64_t tron_rpc_chain_id(const struct tron_rpc *rpc);

struct tron_answer {
	const json_t *v; /* borrowed; NULL: the node refused */
	struct err why;	 /* then, in its words */
};

struct tron_reply {
	size_t n;
	struct tron_answer answers[TRON_MAX_BATCH];
};

/* `r` has the answers in the order added, or e. Both live until it returns. */
typedef void tron_batch_fn(void *ctx, const struct tron_reply *r,
			   const struct err *e);

struct tron_batch;

/* A batch's request; members are tron_rpc.c's own. */
struct tron_slot {
	struct tron_batch *batch;
	struct node_post post;
	struct node_text text;
	const char *path;
	bool solid;
	json_t *root;
	struct err why;
};

/* Embedded in the caller's object and used again and again; members are
 * tron_rpc.c's own. */
struct tron_batch {
	struct tron_rpc *rpc;
	size_t node;
	struct tron_slot slots[TRON_MAX_BATCH + 1]; /* the check first */
	size_t n, waiting;
	bool check;
	tron_batch_fn *fn;
	void *ctx;
};

/* ERR_NOMEM. Cleared with tron_batch_clear(), which also takes it back. */
enum err_code tron_batch_init(struct tron_batch *b, struct tron_rpc *rpc,
			      struct err *e);
void tron_batch_clear(struct tron_batch *b);
/* Empties it. Not while it is sent. `check`: an empty probe is added; else the
 * caller looks at the chain's id in probes of its own. */
void tron_batch_begin(struct tron_batch *b, size_t node, bool check);
/* Adds a request, at most TRON_MAX_BATCH; its body is then written to the text.
 * `path` is static, without /wallet or /walletsolidity: "getblock". */
struct node_text *tron_batch_add(struct tron_batch *b, bool solid,
				 const char *path);
/* The same for a probe. */
void tron_batch_add_probe(struct tron_batch *b, bool solid,
			  const struct chain_ask *asks, size_t n);
/* fn is called once, later; it may begin the batch anew. */
void tron_batch_send(struct tron_batch *b, tron_batch_fn *fn, void *ctx);
/* fn will not be called. */
void tron_batch_cancel(struct tron_batch *b);

/* What a probe in an answer says: as tron_probe_read(). ERR_CHAIN also: the
 * node refused, runs no such call, or is of another chain. */
enum err_code tron_answer_probe(struct tron_rpc *rpc, struct tron_view *at,
				struct chain_answer *answers,
				const struct chain_ask *asks, size_t n,
				const struct tron_answer *a, struct err *e);

#endif
