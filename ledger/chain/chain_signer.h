/* chain_signer.h - who signs for a chain's backend: the signer process, or a
 * fake in a test. Thread: the loop.
 */
#ifndef LEDGER_CHAIN_SIGNER_H
#define LEDGER_CHAIN_SIGNER_H

#include "ledger/signer/signer_client.h"

struct chain_signer {
	/* As signer_ask(), for SIGNER_TX_EVM and SIGNER_TX_TRON: fn once,
	 * later; or an error now and never fn. */
	enum err_code (*ask)(void *ctx, const struct signer_request *q,
			     signer_reply_fn *fn, void *fn_ctx, struct err *e);
	void (*forget)(void *ctx, void *fn_ctx);
	void *ctx;
	/* The accounts that it signs for, by purpose; zero: has none. */
	struct address accounts[2];
};

struct chain_signer chain_signer_process(struct signer_client *client,
					 const struct address accounts[2]);

/* Which of them `from` is. ERR_STATE: none. */
enum err_code chain_signer_purpose(enum signer_purpose *out,
				   const struct chain_signer *s,
				   const struct address *from, struct err *e);

#endif
