#include "ledger/book/receipt.h"

#include "base/bytes.h"
#include "base/ecc.h"
#include "base/eip712.h"

#include <string.h>

static const struct address nobody;

enum err_code receipt_unpack(struct receipt *out, const uint8_t *buf,
			     size_t len, struct err *e)
{
	struct rd r = rd_from(buf, len);
	uint8_t amount[14];

	rd_copy(&r, out->payer.bytes, sizeof(out->payer.bytes));
	rd_copy(&r, amount, sizeof(amount));
	rd_copy(&r, out->sig, sizeof(out->sig));
	out->amount = amount_from_be14(amount);

	if (!rd_done(&r))
		return err_fail(e, ERR_PARSE, "receipt: %zu bytes, want %d",
				len, RECEIPT_LEN);
	if (memcmp(&out->payer, &nobody, sizeof(nobody)) == 0)
		return err_fail(e, ERR_PARSE, "receipt: payer is zero");
	return ERR_NONE;
}

size_t receipt_pack(const struct receipt *r, uint8_t *buf, size_t cap)
{
	struct wr w = wr_into(buf, cap);
	uint8_t amount[14];

	if (!amount_to_be14(amount, r->amount))
		return 0;
	wr_copy(&w, r->payer.bytes, sizeof(r->payer.bytes));
	wr_copy(&w, amount, sizeof(amount));
	wr_copy(&w, r->sig, sizeof(r->sig));
	return wr_len(&w);
}

enum err_code receipt_verify(const struct receipt *r,
			     const struct hash32 *domain,
			     const struct address *payee, struct err *e)
{
	struct hash32 digest =
		eip712_receipt(domain, &r->payer, payee, r->amount);
	struct address signer;
	struct sig64 sig;
	enum err_code rc;

	memcpy(sig.bytes, r->sig, sizeof(sig.bytes));
	rc = sig64_recover(&signer, &digest, &sig, e);
	if (rc == ERR_NONE && !address_eq(&signer, &r->payer))
		rc = err_fail(e, ERR_SIG, "receipt: its payer did not sign it");
	return rc;
}
