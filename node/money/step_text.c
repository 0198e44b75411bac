#include "node/money/step_text.h"

#include "base/hex.h"

#include <stdio.h>
#include <string.h>

const char *step_kind(enum outbox_kind kind, const char *other)
{
	if (kind != OUTBOX_OTHER)
		return outbox_kind_name(kind);
	return other ? other : "call";
}

/* What it would have cost is told when it was tried. */
static bool costs(const struct settle_step *st)
{
	return !amount_is_zero(st->fee) && st->step != OUTBOX_REFUSED &&
	       st->step != OUTBOX_GONE;
}

const char *tx_text(const struct money *m, const struct hash32 *txid,
		    char out[TX_TEXT_MAX])
{
	const bool bare = m->profile.kind == PROFILE_TRON;

	memcpy(out, "0x", 2);
	(void)hex_encode(out + (bare ? 0 : 2), txid->bytes, 32);
	return out;
}

const char *step_text(const struct money *m, const struct settle_step *st,
		      const char *other, char out[STEP_TEXT_MAX])
{
	char amount[MONEY_TEXT_MAX] = "", fee[MONEY_TEXT_MAX] = "";
	char tx[TX_TEXT_MAX] = "";
	const bool moves = !amount_is_zero(st->amount);
	const bool paid = costs(st);

	if (moves)
		(void)money_text(m, st->amount, amount);
	if (paid)
		(void)amount_to_dec(fee, st->fee, m->profile.coin_decimals);
	if (st->txid)
		(void)tx_text(m, st->txid, tx);
	(void)snprintf(out, STEP_TEXT_MAX, "%s%s%s: %s%s%s%s%s%s%s",
		       step_kind(st->kind, other), moves ? " " : "", amount,
		       st->text, st->txid ? ", tx " : "", tx,
		       paid ? ", fee " : "", fee, paid ? " " : "",
		       paid ? m->profile.coin_symbol : "");
	return out;
}
