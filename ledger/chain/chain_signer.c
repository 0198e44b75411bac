#include "ledger/chain/chain_signer.h"

static enum err_code ask(void *ctx, const struct signer_request *q,
			 signer_reply_fn *fn, void *fn_ctx, struct err *e)
{
	return signer_ask(ctx, q, fn, fn_ctx, e);
}

static void forget(void *ctx, void *fn_ctx)
{
	signer_forget(ctx, fn_ctx);
}

struct chain_signer chain_signer_process(struct signer_client *client,
					 const struct address accounts[2])
{
	return (struct chain_signer){.ask = ask,
				     .forget = forget,
				     .ctx = client,
				     .accounts = {accounts[0], accounts[1]}};
}

enum err_code chain_signer_purpose(enum signer_purpose *out,
				   const struct chain_signer *s,
				   const struct address *from, struct err *e)
{
	if (!address_is_zero(from) && address_eq(from, &s->accounts[0]))
		*out = SIGNER_BANDWIDTH;
	else if (!address_is_zero(from) && address_eq(from, &s->accounts[1]))
		*out = SIGNER_STORAGE;
	else
		return err_fail(e, ERR_STATE, "not an account of this wallet");
	return ERR_NONE;
}
