#include "contracts-abi/bank.h"

#include "base/keccak.h"
#include "contracts-abi/abi.h"

#include <string.h>

void bank_put_promise(struct wr *w, const struct bank_promise *p)
{
	wr_copy(w, p->payee.bytes, sizeof(p->payee.bytes));
	amount_put14(w, p->total);
	wr_u32(w, p->until);
}

void bank_put_signed(struct wr *w, const struct agreement *a,
		     const struct sig64 *renter, const struct sig64 *host)
{
	agreement_put(w, a);
	wr_copy(w, renter->bytes, sizeof(renter->bytes));
	wr_copy(w, host->bytes, sizeof(host->bytes));
}

void bank_put_proof(struct wr *w, const struct bank_proof *p)
{
	if (p->nodes == 0 || p->nodes > AGREEMENT_PATH_MAX) {
		w->bad = true;
		return;
	}
	wr_copy(w, p->renter.bytes, sizeof(p->renter.bytes));
	wr_u32(w, p->number);
	wr_u8(w, (uint8_t)p->nodes);
	wr_copy(w, p->leaf, AGREEMENT_LEAF);
	wr_copy(w, p->path, (size_t)32 * p->nodes);
}

bool bank_next_proved(struct rd *r, struct bank_proved *out)
{
	if (r->bad || !r->left)
		return false;
	rd_copy(r, out->renter.bytes, sizeof(out->renter.bytes));
	out->number = rd_u32(r);
	out->through = rd_u32(r);
	out->paid = amount_get14(r);
	return !r->bad;
}

bool bank_next_listed(struct rd *r, struct bank_listed *out)
{
	if (r->bad || !r->left)
		return false;
	rd_copy(r, out->host.bytes, sizeof(out->host.bytes));
	out->number = rd_u32(r);
	return !r->bad;
}

void bank_put_deploy(struct wr *w, const struct address *token, uint32_t period)
{
	wr_copy(w, bank_creation, BANK_CREATION_LEN);
	abi_put_address(w, token);
	abi_put_u64(w, period);
}

void bank_code_fill(uint8_t out[BANK_RUNTIME_LEN], const struct address *token,
		    uint32_t period)
{
	memcpy(out, bank_runtime, BANK_RUNTIME_LEN);
	for (size_t i = 0; i < BANK_TOKEN_AT_COUNT; i++)
		memcpy(out + bank_token_at[i] + 12, token->bytes,
		       sizeof(token->bytes));
	for (size_t i = 0; i < BANK_PERIOD_AT_COUNT; i++) {
		struct wr w = wr_into(out + bank_period_at[i], ABI_WORD);

		abi_put_u64(&w, period);
	}
}

struct hash32 bank_code_hash(const struct address *token, uint32_t period)
{
	uint8_t code[BANK_RUNTIME_LEN];

	bank_code_fill(code, token, period);
	return keccak256(code, sizeof(code));
}

enum err_code bank_code_check(struct address *token, uint32_t *period,
			      const uint8_t *code, size_t len, struct err *e)
{
	uint8_t want[BANK_RUNTIME_LEN];
	struct address t;
	struct rd r;
	uint32_t p;

	if (len == 0)
		return err_fail(e, ERR_CHAIN, "no contract at this address");
	if (len != BANK_RUNTIME_LEN)
		return err_fail(e, ERR_CHAIN,
				"not a bank: %zu bytes of code, want %d", len,
				BANK_RUNTIME_LEN);
	memcpy(t.bytes, code + bank_token_at[0] + 12, sizeof(t.bytes));
	r = rd_from(code + bank_period_at[0] + ABI_WORD - 4, 4);
	p = rd_u32(&r);
	bank_code_fill(want, &t, p);
	for (size_t i = 0; i < len; i++)
		if (code[i] != want[i])
			return err_fail(e, ERR_CHAIN,
					"not a bank: code differs at byte %zu",
					i);
	*token = t;
	*period = p;
	return ERR_NONE;
}
