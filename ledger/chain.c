#include "ledger/chain.h"

void chain_free(struct chain *ch)
{
	if (ch)
		ch->ops->free(ch);
}

void chain_forget(struct chain *ch, void *ctx)
{
	ch->ops->forget(ch, ctx);
}

void chain_read(struct chain *ch, enum chain_state state,
		const struct chain_ask *asks, size_t n, chain_read_fn *cb,
		void *ctx)
{
	ch->ops->read(ch, state, asks, n, cb, ctx);
}

void chain_try(struct chain *ch, const struct chain_call *call,
	       chain_trial_fn *cb, void *ctx)
{
	ch->ops->try_call(ch, call, cb, ctx);
}

void chain_form_tx(struct chain *ch, const struct chain_call *call,
		   uint64_t units, const struct chain_form *older,
		   uint64_t slot_floor, chain_form_fn *cb, void *ctx)
{
	ch->ops->form(ch, call, units, older, slot_floor, cb, ctx);
}

void chain_send(struct chain *ch, const uint8_t *raw, size_t len,
		chain_send_fn *cb, void *ctx)
{
	ch->ops->send(ch, raw, len, cb, ctx);
}

void chain_ask_fate(struct chain *ch, const struct address *from, uint64_t slot,
		    const struct hash32 *txids, size_t n, chain_fate_fn *cb,
		    void *ctx)
{
	ch->ops->fate(ch, from, slot, txids, n, cb, ctx);
}
