#include "ledger/chain_evm.h"

#include <string.h>

static enum err_code ask(void *ctx, const struct signer_tx_evm *tx,
			 signer_reply_fn *fn, void *fn_ctx, struct err *e)
{
	struct signer_request q = {.type = SIGNER_TX_EVM, .u.tx = *tx};

	return signer_ask(ctx, &q, fn, fn_ctx, e);
}

static void forget(void *ctx, void *fn_ctx)
{
	signer_forget(ctx, fn_ctx);
}

struct evm_signer evm_signer_process(struct signer_client *client,
				     const struct address accounts[2])
{
	return (struct evm_signer){.ask = ask,
				   .forget = forget,
				   .ctx = client,
				   .accounts = {accounts[0], accounts[1]}};
}
