#include "ledger/signer/signer_policy.h"

#include "base/bytes.h"
#include "base/keccak.h"
#include "contracts-abi/abi.h"
#include "contracts-abi/bank.h"
#include "contracts-abi/bank_abi.h"
#include "contracts-abi/token_abi.h"

#include <string.h>

#define DAY_S 86400

/* What every kind of transaction has. */
struct signer_call {
	uint64_t chain_id;
	bool create;
	struct address to;
	struct amount value;
	const uint8_t *data;
	size_t data_len;
};
#define SET_COLD "`seedbank config cold ADDRESS` sets one"

static bool is_own(const struct signer_rules *rules, const struct address *a)
{
	return !address_is_zero(a) &&
	       (address_eq(a, &rules->own[0]) || address_eq(a, &rules->own[1]));
}

static bool may_receive(const struct signer_rules *rules,
			const struct address *a)
{
	for (size_t i = 0; i < rules->cold_len; i++)
		if (address_eq(a, &rules->cold[i]) && !address_is_zero(a))
			return true;
	return is_own(rules, a);
}

static enum err_code malformed(const char *method, struct err *e)
{
	return err_fail(e, ERR_PARSE, "signer: malformed calldata of %s",
			method);
}

static enum err_code no_coin(const struct signer_call *tx, struct err *e)
{
	if (!amount_is_zero(tx->value))
		return err_fail(e, ERR_STATE,
				"signer: coin is sent along only with a "
				"deposit of coin");
	return ERR_NONE;
}

static enum err_code check_deposit(const struct signer_rules *rules,
				   const struct signer_call *tx, struct rd *r,
				   struct err *e)
{
	struct address account = abi_get_address(r);
	struct amount amount = abi_get_amount(r, 112);
	bool coin = address_is_zero(&rules->domain.token);

	if (!rd_done(r))
		return malformed("deposit", e);
	if (!is_own(rules, &account))
		return err_fail(e, ERR_STATE,
				"signer: a deposit goes to an own account "
				"only");
	if (!coin)
		return no_coin(tx, e);
	if (amount_cmp(tx->value, amount) != 0)
		return err_fail(e, ERR_STATE,
				"signer: a deposit of coin sends what it says");
	return ERR_NONE;
}

static enum err_code check_withdraw(const struct signer_rules *rules,
				    const struct signer_call *tx, struct rd *r,
				    struct err *e)
{
	struct address to = abi_get_address(r);

	(void)abi_get_amount(r, 112);
	if (!rd_done(r))
		return malformed("withdraw", e);
	if (!may_receive(rules, &to))
		return err_fail(e, ERR_STATE,
				"signer: withdraw only to an own account or a "
				"cold address; " SET_COLD);
	return no_coin(tx, e);
}

/* Another's receipts may be cashed for it, as any watchtower does: then the
 * bank itself lets nobody but the payee have the money. */
static enum err_code check_cash(const struct signer_rules *rules,
				const struct signer_call *tx, struct rd *r,
				struct err *e)
{
	struct address payee = abi_get_address(r), to = abi_get_address(r);
	const uint8_t *receipts;
	size_t len;

	abi_get_offset(r, 3);
	receipts = abi_get_tail(r, &len);
	if (!receipts || !rd_done(r) || len == 0 || len % BANK_RECEIPT_LEN)
		return malformed("cash", e);
	if (!address_is_zero(&to) && !address_eq(&to, &payee) &&
	    !(is_own(rules, &payee) && may_receive(rules, &to)))
		return err_fail(e, ERR_STATE,
				"signer: cash only inside the bank, to the "
				"payee or a cold address; " SET_COLD);
	return no_coin(tx, e);
}

static enum err_code check_reserve(const struct signer_rules *rules,
				   const struct signer_call *tx, struct rd *r,
				   struct err *e)
{
	const int64_t last =
		rules->now_s + (int64_t)rules->reserve_days * DAY_S;
	const uint8_t *promises;
	size_t len;

	abi_get_offset(r, 1);
	promises = abi_get_tail(r, &len);
	if (!promises || !rd_done(r) || len == 0 || len % BANK_PROMISE_LEN)
		return malformed("reserve", e);
	for (size_t at = 0; at < len; at += BANK_PROMISE_LEN) {
		struct rd until = rd_from(promises + at + 34, 4);

		if ((int64_t)rd_u32(&until) > last)
			return err_fail(e, ERR_FUNDS,
					"signer: a reserve ends at most %u "
					"days ahead",
					rules->reserve_days);
	}
	return no_coin(tx, e);
}

static enum err_code check_release(const struct signer_rules *rules,
				   const struct signer_call *tx, struct rd *r,
				   struct err *e)
{
	struct address payer = abi_get_address(r), payee = abi_get_address(r);

	if (!rd_done(r))
		return malformed("release", e);
	if (!is_own(rules, &payer) && !is_own(rules, &payee))
		return err_fail(e, ERR_STATE,
				"signer: neither side of this reserve is an "
				"own account");
	return no_coin(tx, e);
}

/* What both sides of an agreement signed is no more than that, whoever sends
 * it; our own side was counted when we signed. */
static enum err_code check_signed(const struct signer_call *tx, struct rd *r,
				  struct err *e)
{
	size_t len;

	abi_get_offset(r, 1);
	if (!abi_get_tail(r, &len) || !rd_done(r) || len != BANK_SIGNED_LEN)
		return malformed("open or revise", e);
	return no_coin(tx, e);
}

static enum err_code check_prove(const struct signer_call *tx, struct rd *r,
				 struct err *e)
{
	size_t len;

	(void)abi_get_address(r);
	abi_get_offset(r, 2);
	if (!abi_get_tail(r, &len) || !rd_done(r))
		return malformed("prove", e);
	return no_coin(tx, e);
}

static enum err_code check_close(const struct signer_call *tx, struct rd *r,
				 struct err *e)
{
	(void)abi_get_address(r);
	(void)abi_get_address(r);
	(void)abi_get_uint(r, 32);
	if (!rd_done(r))
		return malformed("close", e);
	return no_coin(tx, e);
}

/* The one of them that spends our free balance: into an own agreement only, and
 * counted. */
static enum err_code check_top_up(const struct signer_rules *rules,
				  const struct signer_call *tx, struct rd *r,
				  struct signer_spend *spend, struct err *e)
{
	struct address renter = abi_get_address(r);

	spend->renter = renter;
	spend->host = abi_get_address(r);
	spend->number = (uint32_t)abi_get_uint(r, 32);
	spend->amount = abi_get_amount(r, 112);
	spend->any = true;
	if (!rd_done(r))
		return malformed("topUp", e);
	if (!is_own(rules, &renter))
		return err_fail(e, ERR_STATE,
				"signer: only an own agreement is topped up");
	return no_coin(tx, e);
}

static enum err_code check_anchor(const struct signer_call *tx,
				  const struct rd *r, struct err *e)
{
	if (!rd_done(r))
		return malformed("anchor", e);
	return no_coin(tx, e);
}

static enum err_code check_bank(const struct signer_rules *rules,
				const struct signer_call *tx,
				struct signer_spend *spend, struct err *e)
{
	struct rd r = rd_from(tx->data, tx->data_len);

	switch (rd_u32(&r)) {
	case BANK_SEL_DEPOSIT:
		return check_deposit(rules, tx, &r, e);
	case BANK_SEL_WITHDRAW:
		return check_withdraw(rules, tx, &r, e);
	case BANK_SEL_CASH:
		return check_cash(rules, tx, &r, e);
	case BANK_SEL_RESERVE:
		return check_reserve(rules, tx, &r, e);
	case BANK_SEL_RELEASE:
		return check_release(rules, tx, &r, e);
	case BANK_SEL_OPEN:
	case BANK_SEL_REVISE:
		return check_signed(tx, &r, e);
	case BANK_SEL_PROVE:
		return check_prove(tx, &r, e);
	case BANK_SEL_CLOSE:
		return check_close(tx, &r, e);
	case BANK_SEL_TOP_UP:
		return check_top_up(rules, tx, &r, spend, e);
	case BANK_SEL_ANCHOR:
		return check_anchor(tx, &r, e);
	}
	return err_fail(e, ERR_STATE,
			"signer: not a method of the bank that is signed");
}

static enum err_code check_token(const struct signer_rules *rules,
				 const struct signer_call *tx, struct err *e)
{
	struct rd r = rd_from(tx->data, tx->data_len);
	uint32_t selector = rd_u32(&r);
	struct address spender = abi_get_address(&r);

	if (selector != ERC20_SEL_APPROVE && selector != TEST_TOKEN_SEL_MINT)
		return err_fail(e, ERR_STATE,
				"signer: of the token only approve, and a test "
				"token's mint, are signed");
	(void)abi_get_amount(&r, 112);
	if (!rd_done(&r))
		return malformed("approve or mint", e);
	if (selector == TEST_TOKEN_SEL_MINT)
		return no_coin(tx, e); /* takes nothing of ours */
	if (!address_eq(&spender, &rules->domain.bank))
		return err_fail(e, ERR_STATE,
				"signer: approve only for the pinned bank");
	return no_coin(tx, e);
}

static enum err_code check_create(const struct signer_rules *rules,
				  const struct signer_call *tx, struct err *e)
{
	struct hash32 code;

	if (rules->pinned)
		return err_fail(e, ERR_STATE,
				"signer: a bank is pinned: no more contracts "
				"are made");
	if (!rules->deploy_allowed)
		return err_fail(e, ERR_STATE,
				"signer: making a contract was not allowed");
	code = keccak256(tx->data, tx->data_len);
	if (tx->chain_id != rules->deploy.chain_id ||
	    memcmp(&code, &rules->deploy.code, sizeof(code)) != 0)
		return err_fail(e, ERR_STATE,
				"signer: another contract or chain than was "
				"allowed");
	return no_coin(tx, e);
}

/* A call or a creation, whatever kind of transaction carries it. */
static enum err_code check_call(const struct signer_rules *rules,
				const struct signer_call *tx,
				struct signer_spend *spend, struct err *e)
{
	if (tx->create)
		return check_create(rules, tx, e);
	if (!rules->pinned)
		return err_fail(e, ERR_STATE,
				"signer: no bank is pinned yet: nothing is "
				"signed");
	if (tx->chain_id != rules->domain.chain_id)
		return err_fail(e, ERR_STATE,
				"signer: chain %llu is not the pinned one",
				(unsigned long long)tx->chain_id);
	if (address_eq(&tx->to, &rules->domain.bank))
		return check_bank(rules, tx, spend, e);
	if (!address_is_zero(&rules->domain.token) &&
	    address_eq(&tx->to, &rules->domain.token))
		return check_token(rules, tx, e);
	return err_fail(e, ERR_STATE,
			"signer: neither the pinned bank nor its token");
}

enum err_code signer_policy_check(const struct signer_rules *rules,
				  const struct signer_tx_evm *tx,
				  struct signer_spend *spend, struct err *e)
{
	const struct signer_call call = {.chain_id = tx->chain_id,
					 .create = tx->create,
					 .to = tx->to,
					 .value = tx->value,
					 .data = tx->data,
					 .data_len = tx->data_len};

	*spend = (struct signer_spend){0};
	if (amount_cmp(tx->tip, tx->max_fee) > 0 ||
	    (tx->style == SIGNER_TX_LEGACY && !amount_is_zero(tx->tip)))
		return err_fail(e, ERR_PARSE,
				"signer: the tip is over the whole price");
	return check_call(rules, &call, spend, e);
}

/* What nobody can mine any more by the signer's own clock is harmless, and
 * what can still be mined in two days is not: a replacement would be a second
 * payment. */
static enum err_code check_expiration(const struct signer_rules *rules,
				      const struct tron_tx *t, struct err *e)
{
	const int64_t last_s = rules->now_s + SIGNER_TRON_AHEAD_S;

	if (last_s < 0 || t->expiration_ms / 1000 > (uint64_t)last_s)
		return err_fail(e, ERR_STATE,
				"signer: a transaction expires at most %d "
				"hours ahead",
				SIGNER_TRON_AHEAD_S / 3600);
	return ERR_NONE;
}

enum err_code signer_policy_check_tron(const struct signer_rules *rules,
				       const struct signer_tx_tron *q,
				       struct signer_spend *spend,
				       struct err *e)
{
	const struct tron_tx *t = &q->tx;
	const struct signer_call call = {.chain_id = q->chain_id,
					 .create = t->create,
					 .to = t->to,
					 .value = amount_from_u64(t->value),
					 .data = t->data,
					 .data_len = t->len};
	enum err_code rc;

	*spend = (struct signer_spend){0};
	if (!address_eq(&t->owner, &rules->own[q->purpose]))
		return err_fail(e, ERR_STATE, "signer: another's transaction");
	if (t->fee_limit == 0)
		return err_fail(e, ERR_PARSE,
				"signer: a fee limit of 0 buys only failure");
	rc = check_expiration(rules, t, e);
	return rc == ERR_NONE ? check_call(rules, &call, spend, e) : rc;
}
