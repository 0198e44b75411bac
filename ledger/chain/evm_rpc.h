/* evm_rpc.h - asking EVM nodes: batches of JSON-RPC (over node_http.h).
 *
 * Each batch goes to one node and is answered once: with a checked reply, or
 * with one line that says who, which method, what. A node is believed only when
 * it names the chain id that is expected: the question rides along in every
 * batch, since behind one URL there may be many machines. Thread: the loop.
 */
#ifndef LEDGER_EVM_RPC_H
#define LEDGER_EVM_RPC_H

#include "ledger/chain/evm_json.h"
#include "ledger/chain/node_http.h"

struct evm_rpc_config {
	struct node_config nodes; /* max_reply is set here */
	uint64_t chain_id; /* 0: whatever the first node says (local only) */
};

struct evm_rpc;

/* http and log are borrowed. ERR_PARSE: an URL that is none. */
enum err_code evm_rpc_new(struct evm_rpc **out, struct loop *loop,
			  struct http *http, const struct evm_rpc_config *cfg,
			  struct log *log, struct err *e);
/* Every batch must be cleared. NULL is a no-op. */
void evm_rpc_free(struct evm_rpc *rpc);

struct node_set *evm_rpc_nodes(struct evm_rpc *rpc);
/* 0 until known. */
uint64_t evm_rpc_chain_id(const struct evm_rpc *rpc);

/* `r` has the answers in the order added, or e. Both live until it returns. */
typedef void evm_batch_fn(void *ctx, const struct evm_reply *r,
			  const struct err *e);

/* One batch, embedded in the caller's object and used again and again. The
 * members are evm_rpc.c's own. */
struct evm_batch {
	struct evm_rpc *rpc;
	struct node_post post;
	size_t node;
	struct node_text text;
	const char *methods[EVM_MAX_BATCH];
	char what[64];
	size_t n;
	bool open; /* a request's parameters are being written */
	uint64_t first_id;
	evm_batch_fn *fn;
	void *ctx;
};

/* ERR_NOMEM. Cleared with evm_batch_clear(), which also takes it back. */
enum err_code evm_batch_init(struct evm_batch *b, struct evm_rpc *rpc,
			     struct err *e);
void evm_batch_clear(struct evm_batch *b);
/* Empties it. Not while it is sent. */
void evm_batch_begin(struct evm_batch *b, size_t node);
/* Adds a request; its parameters are then written to the text, with commas. At
 * most EVM_MAX_BATCH - 1, else the text is bad. `method` is static. */
struct node_text *evm_batch_add(struct evm_batch *b, const char *method);
/* fn is called once, later; it may begin the batch anew. */
void evm_batch_send(struct evm_batch *b, evm_batch_fn *fn, void *ctx);
/* fn will not be called. */
void evm_batch_cancel(struct evm_batch *b);

#endif
