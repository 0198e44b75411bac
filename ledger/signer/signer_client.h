/* signer_client.h - asking the signer, from the loop or by waiting.
 *
 * Contract
 *   - One client owns one signer process. signer_ask() queues a request and
 *     calls back once, in the order asked, never before it has returned;
 *     requests queued in one turn of the loop go out in one write, and the
 *     signer answers what it reads at once with one fsync at most.
 *   - signer_call() asks and waits: for commands, and for start-up. It is
 *     refused (ERR_STATE) while asked requests wait for their answer, and in a
 *     callback.
 *   - When the signer dies every waiting request and every later one gets
 *     ERR_IO, "the signer has stopped". It is never restarted silently: its
 *     keys are gone, the passphrase must come again.
 *   - The queue is bounded (SIGNER_ASK_MAX requests, SIGNER_ASK_BYTES bytes);
 *     passing it is ERR_LIMIT and changes nothing.
 *
 * Requests and replies are those of signer_proto.h. Errors that the signer
 * gives: ERR_STATE (locked, not pinned, another domain, amount fell, call not
 * allowed, state file damaged or in use), ERR_FUNDS (a limit of its own),
 * ERR_PARSE (key file or calldata malformed), ERR_SIG (wrong passphrase, not
 * our signature), ERR_LIMIT, ERR_IO. Thread: the loop.
 */
#ifndef LEDGER_SIGNER_CLIENT_H
#define LEDGER_SIGNER_CLIENT_H

#include "base/loop.h"
#include "ledger/signer/signer.h"
#include "ledger/signer/signer_proto.h"

#define SIGNER_ASK_MAX 4096
#define SIGNER_ASK_BYTES (1U << 20)

struct signer_client;

/* `e` is NULL and the reply good, or `e` says why not. Both live until the
 * callback returns; it may ask again, but not free the client. */
typedef void signer_reply_fn(void *ctx, const struct signer_reply *r,
			     const struct err *e);

/* Takes the process over: signer_client_free() stops it. `l` may be NULL for a
 * client that only calls. NULL on failure (ERR_NOMEM, ERR_IO); the process is
 * then still the caller's. */
struct signer_client *signer_client_new(struct loop *l,
					const struct signer_proc *take_proc,
					struct err *e);
/* Drops what is queued without calling back. NULL is a no-op. */
void signer_client_free(struct signer_client *c);

enum err_code signer_ask(struct signer_client *c,
			 const struct signer_request *q, signer_reply_fn *fn,
			 void *ctx, struct err *e)
	__attribute__((warn_unused_result));

/* The signer's refusal is returned as the error. What `r` borrows lives until
 * the next call or ask. */
enum err_code signer_call(struct signer_client *c, struct signer_reply *r,
			  const struct signer_request *q, struct err *e)
	__attribute__((warn_unused_result));

/* No callback with this ctx comes any more; the requests themselves stand. */
void signer_forget(struct signer_client *c, void *ctx);

/* Signing a receipt: the request that is made most often. */
static inline struct signer_request
signer_receipt_request(const struct signer_domain *d, enum signer_purpose p,
		       const struct address *payee, struct amount amount)
{
	return (struct signer_request){
		.type = SIGNER_RECEIPT,
		.u.receipt = {.purpose = p,
			      .chain_id = d->chain_id,
			      .bank = d->bank,
			      .payee = *payee,
			      .amount = amount},
	};
}

#endif
