#include "ledger/signer/evm_tx.h"

#include "base/bytes.h"
#include "base/keccak.h"
#include "base/rlp.h"

#include <string.h>

#define TYPE_1559 0x02

static void put_call(struct wr *w, const struct signer_tx_evm *t)
{
	rlp_bytes(w, t->to.bytes, t->create ? 0 : sizeof(t->to.bytes));
	rlp_amount(w, t->value);
	rlp_bytes(w, t->data, t->data_len);
}

static void put_legacy(struct wr *w, const struct signer_tx_evm *t,
		       const struct ecc_sig *sig)
{
	struct amount v = amount_from_u64(t->chain_id);

	rlp_u64(w, t->nonce);
	rlp_amount(w, t->max_fee);
	rlp_u64(w, t->gas);
	put_call(w, t);
	if (!sig) {
		rlp_u64(w, t->chain_id);
		rlp_u64(w, 0);
		rlp_u64(w, 0);
		return;
	}
	/* EIP-155: v = chain id x 2 + 35 + parity; a 65-bit number */
	v = amount_add_cap(v, v);
	rlp_amount(w, amount_add_cap(v, amount_from_u64(35U + sig->v)));
}

static void put_1559(struct wr *w, const struct signer_tx_evm *t,
		     const struct ecc_sig *sig)
{
	rlp_u64(w, t->chain_id);
	rlp_u64(w, t->nonce);
	rlp_amount(w, t->tip);
	rlp_amount(w, t->max_fee);
	rlp_u64(w, t->gas);
	put_call(w, t);
	rlp_list(w, NULL, 0); /* access list */
	if (sig)
		rlp_u64(w, sig->v);
}

/* Items are written where the list's head will not reach, then moved behind
 * it: the head's length depends on theirs. */
static size_t encode(const struct signer_tx_evm *t, const struct ecc_sig *sig,
		     uint8_t *buf, size_t cap)
{
	const size_t skip = 1 + RLP_HEAD_MAX;
	struct wr items, whole;
	uint8_t head[RLP_HEAD_MAX];
	size_t len;

	if (cap < skip)
		return 0;
	items = wr_into(buf + skip, cap - skip);
	if (t->style == SIGNER_TX_1559)
		put_1559(&items, t, sig);
	else
		put_legacy(&items, t, sig);
	if (sig) {
		rlp_number(&items, sig->r, sizeof(sig->r));
		rlp_number(&items, sig->s, sizeof(sig->s));
	}
	len = wr_len(&items);
	if (len == 0)
		return 0;
	whole = wr_into(head, sizeof(head));
	rlp_list_head(&whole, len);
	items = wr_into(buf, cap);
	if (t->style == SIGNER_TX_1559)
		wr_u8(&items, TYPE_1559);
	wr_copy(&items, head, wr_len(&whole));
	memmove(buf + items.len, buf + skip, len);
	return items.len + len;
}

enum err_code evm_tx_digest(struct hash32 *out, const struct signer_tx_evm *t,
			    uint8_t *buf, size_t cap, struct err *e)
{
	size_t len = encode(t, NULL, buf, cap);

	if (len == 0)
		return err_fail(e, ERR_LIMIT, "transaction: too long");
	*out = keccak256(buf, len);
	return ERR_NONE;
}

enum err_code evm_tx_seal(struct signer_tx *out, const struct signer_tx_evm *t,
			  const struct ecc_sig *sig, uint8_t *buf, size_t cap,
			  struct err *e)
{
	size_t len = encode(t, sig, buf, cap);

	if (len == 0)
		return err_fail(e, ERR_LIMIT, "transaction: too long");
	*out = (struct signer_tx){
		.hash = keccak256(buf, len), .raw = buf, .raw_len = len};
	return ERR_NONE;
}

enum err_code evm_tx_fee(struct amount *out, const struct signer_tx_evm *t,
			 struct err *e)
{
	if (!amount_mul_u64(out, t->max_fee, t->gas))
		return err_fail(e, ERR_LIMIT, "transaction: absurd fee");
	return ERR_NONE;
}
