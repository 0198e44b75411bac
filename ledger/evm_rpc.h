/* evm_rpc.h - asking EVM nodes: batches of JSON-RPC over HTTP, with patience.
 *
 * A node is one URL. Each batch goes to one node and is answered once: with a
 * checked reply, or with one line that says who, which method, what. A batch
 * that fails on the way (refused, time-out, 429, 5xx, not JSON) is sent again a
 * few times, later each time; all that is sent here is safe to send twice. A
 * node that goes on failing is left alone for a while, up to max_down_ms.
 *
 * A node is believed only when it names the chain id that is expected: the
 * question rides along in every batch, since behind one URL there may be many
 * machines. Thread: the loop.
 */
#ifndef LEDGER_EVM_RPC_H
#define LEDGER_EVM_RPC_H

#include "base/http.h"
#include "base/log.h"
#include "base/loop.h"
#include "ledger/evm_json.h"

#define EVM_MAX_NODES 4
#define EVM_URL_MAX 256

struct evm_rpc_config {
	const char *urls[EVM_MAX_NODES];
	size_t n_urls;
	uint64_t chain_id;   /* 0: whatever the first node says (local only) */
	uint32_t timeout_ms; /* of one HTTP request */
	unsigned tries;	     /* of one batch */
	int64_t retry_ms;    /* before the second try; doubles each time */
	int64_t max_down_ms; /* longest that a failing node is left alone */
};

struct evm_rpc;

/* http and log are borrowed. ERR_PARSE: an URL that is none. */
enum err_code evm_rpc_new(struct evm_rpc **out, struct loop *loop,
			  struct http *http, const struct evm_rpc_config *cfg,
			  struct log *log, struct err *e);
/* Every batch must be cleared. NULL is a no-op. */
void evm_rpc_free(struct evm_rpc *rpc);

size_t evm_rpc_nodes(const struct evm_rpc *rpc);
/* Host and port, for people; no path, which may hold a secret. */
const char *evm_rpc_name(const struct evm_rpc *rpc, size_t node);
/* The node that failed least of those not in `tried` (bit i: node i), which it
 * joins; false when all are. */
bool evm_rpc_pick(const struct evm_rpc *rpc, unsigned *tried, size_t *node);
/* 0 until known. */
uint64_t evm_rpc_chain_id(const struct evm_rpc *rpc);

/* `r` has the answers in the order added, or e. Both live until it returns. */
typedef void evm_batch_fn(void *ctx, const struct evm_reply *r,
			  const struct err *e);

/* One batch, embedded in the caller's object and used again and again. The
 * members are evm_rpc.c's own. */
struct evm_batch {
	struct evm_rpc *rpc;
	struct evm_batch *next; /* among those under way */
	struct loop_timer *timer;
	size_t node;
	struct evm_text text;
	const char *methods[EVM_MAX_BATCH];
	size_t n;
	bool open; /* a request's parameters are being written */
	bool sent;
	struct http_request *request; /* while it runs */
	uint64_t first_id;
	unsigned tries;
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
struct evm_text *evm_batch_add(struct evm_batch *b, const char *method);
/* fn is called once, later; it may begin the batch anew. */
void evm_batch_send(struct evm_batch *b, evm_batch_fn *fn, void *ctx);
/* fn will not be called. */
void evm_batch_cancel(struct evm_batch *b);

/* A node's answer decoded to nonsense: one line in the log, and the node counts
 * as failing. *out (may be NULL) gets "node: method: what". */
void evm_rpc_blame(struct evm_rpc *rpc, size_t node, const char *method,
		   const struct err *what, struct err *out);

#endif
