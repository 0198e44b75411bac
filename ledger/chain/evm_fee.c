#include "ledger/chain/evm_fee.h"

#include "base/bytes.h"

#include <string.h>

static enum err_code read_price(struct amount *out, const struct evm_answer *a,
				struct err *e)
{
	if (!a->result)
		return err_fail(e, ERR_CHAIN, "%s", a->message);
	return evm_get_amount(out, a->result, e);
}

/* The middle tip of late blocks, or what the node itself would add, if that is
 * more: after empty blocks the first is nothing. */
static void read_tip(struct evm_fee *fee, const struct evm_answer *history,
		     const struct evm_answer *price)
{
	struct amount own;

	fee->tip = AMOUNT_ZERO;
	if (history->result)
		(void)evm_get_tip(&fee->tip, history->result, NULL);
	if (read_price(&own, price, NULL) == ERR_NONE)
		fee->tip =
			amount_max(fee->tip, amount_sub_floor(own, fee->base));
}

enum err_code evm_fee_read(struct evm_fee *out, const char **method,
			   const struct evm_answer answers[EVM_FEE_ASKS],
			   bool legacy, struct err *e)
{
	struct evm_fee fee = {0};
	struct evm_block head;
	bool found = false;
	enum err_code rc;

	*method = "eth_getBlockByNumber";
	if (!answers[0].result)
		return err_fail(e, ERR_CHAIN, "%s", answers[0].message);
	rc = evm_get_block(&head, &found, answers[0].result, e);
	if (rc != ERR_NONE)
		return rc;
	if (!found)
		return err_fail(e, ERR_CHAIN, "no newest block");
	fee.block_limit = head.gas_limit;
	fee.legacy = legacy || !head.has_base_fee;
	if (fee.legacy) {
		*method = "eth_gasPrice";
		rc = read_price(&fee.max, &answers[2], e);
		if (rc == ERR_NONE)
			*out = fee;
		return rc;
	}
	fee.base = head.base_fee;
	read_tip(&fee, &answers[1], &answers[2]);
	if (!amount_mul_u64(&fee.max, fee.base, 2) ||
	    !amount_add(&fee.max, fee.max, fee.tip))
		return err_fail(e, ERR_PARSE, "an absurd base fee");
	*out = fee;
	return ERR_NONE;
}

uint64_t evm_fee_gas(uint64_t units, uint64_t block_limit)
{
	uint64_t gas =
		units > UINT64_MAX - units / 4 ? UINT64_MAX : units + units / 4;

	return gas > block_limit && units <= block_limit ? block_limit : gas;
}

/* The next item of an RLP list, as number; only what our own forms hold. */
static bool rlp_next(struct rd *r, struct amount *out)
{
	uint8_t head = rd_u8(r), be[16] = {0};
	size_t n = head >= 0x80 && head <= 0x90 ? head - 0x80U : 0;

	if (head > 0x90)
		return false;
	if (head < 0x80)
		be[15] = head;
	else
		rd_copy(r, be + 16 - n, n);
	*out = amount_from_be16(be);
	return !r->bad;
}

/* Steps over a list's prefix. */
static void rlp_enter(struct rd *r)
{
	uint8_t head = rd_u8(r);

	if (head < 0xc0)
		r->bad = true;
	else if (head > 0xf7)
		(void)rd_view(r, head - 0xf7U, 8);
}

static bool old_prices(struct amount *tip, struct amount *max,
		       const uint8_t *raw, size_t len)
{
	struct rd r = rd_from(raw, len);
	struct amount skip;

	if (len && raw[0] == 2) { /* EIP-1559: chain id, nonce, tip, max */
		(void)rd_u8(&r);
		rlp_enter(&r);
		return rlp_next(&r, &skip) && rlp_next(&r, &skip) &&
		       rlp_next(&r, tip) && rlp_next(&r, max);
	}
	*tip = AMOUNT_ZERO;
	rlp_enter(&r); /* legacy: nonce, price */
	return rlp_next(&r, &skip) && rlp_next(&r, max);
}

/* An eighth more, and one: above the tenth that nodes ask for. */
static bool bump(struct amount *v)
{
	struct amount more;

	return amount_mul_div(&more, NULL, *v, 9, 0, 8) &&
	       amount_add(v, more, amount_from_u64(1));
}

enum err_code evm_fee_raise(struct evm_fee *fee, const uint8_t *raw, size_t len,
			    struct err *e)
{
	struct amount tip, max;
	bool was_legacy = len && raw[0] != 2;

	if (!old_prices(&tip, &max, raw, len))
		return err_fail(e, ERR_PARSE,
				"a stored transaction cannot be read");
	if (!bump(&max) || (!was_legacy && !bump(&tip)))
		return err_fail(e, ERR_LIMIT, "an absurd fee");
	if (was_legacy && !fee->legacy) { /* stay in the form it has */
		fee->legacy = true;
		fee->tip = AMOUNT_ZERO;
	}
	fee->tip = fee->legacy ? AMOUNT_ZERO : amount_max(fee->tip, tip);
	fee->max = amount_max(fee->max, max);
	return ERR_NONE;
}

enum err_code evm_fee_of(struct amount *out, struct amount price, uint64_t gas,
			 struct err *e)
{
	if (!amount_mul_u64(out, price, gas))
		return err_fail(e, ERR_LIMIT, "an absurd fee");
	return ERR_NONE;
}

struct amount evm_fee_now(const struct evm_fee *fee)
{
	if (fee->legacy)
		return fee->max;
	return amount_min(amount_add_cap(fee->base, fee->tip), fee->max);
}
