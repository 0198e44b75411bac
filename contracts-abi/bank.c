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

bool bank_next_draw(struct rd *r, struct bank_draw *out)
{
	if (r->bad || !r->left)
		return false;
	rd_copy(r, out->payer.bytes, sizeof(out->payer.bytes));
	out->drawn = amount_get14(r);
	return !r->bad;
}

void bank_put_deploy(struct wr *w, const struct address *token)
{
	wr_copy(w, bank_creation, BANK_CREATION_LEN);
	abi_put_address(w, token);
}

void bank_code_fill(uint8_t out[BANK_RUNTIME_LEN], const struct address *token)
{
	memcpy(out, bank_runtime, BANK_RUNTIME_LEN);
	for (size_t i = 0; i < BANK_TOKEN_AT_COUNT; i++)
		memcpy(out + bank_token_at[i] + 12, token->bytes,
		       sizeof(token->bytes));
}

struct hash32 bank_code_hash(const struct address *token)
{
	uint8_t code[BANK_RUNTIME_LEN];

	bank_code_fill(code, token);
	return keccak256(code, sizeof(code));
}

enum err_code bank_code_check(struct address *token, const uint8_t *code,
			      size_t len, struct err *e)
{
	uint8_t want[BANK_RUNTIME_LEN];
	struct address t;

	if (len == 0)
		return err_fail(e, ERR_CHAIN, "no contract at this address");
	if (len != BANK_RUNTIME_LEN)
		return err_fail(e, ERR_CHAIN,
				"not a bank: %zu bytes of code, want %d", len,
				BANK_RUNTIME_LEN);
	memcpy(t.bytes, code + bank_token_at[0] + 12, sizeof(t.bytes));
	bank_code_fill(want, &t);
	for (size_t i = 0; i < len; i++)
		if (code[i] != want[i])
			return err_fail(e, ERR_CHAIN,
					"not a bank: code differs at byte %zu",
					i);
	*token = t;
	return ERR_NONE;
}
