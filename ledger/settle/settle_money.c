#include "base/keccak.h"
#include "contracts-abi/bank.h"
#include "contracts-abi/bank_abi.h"
#include "contracts-abi/token_abi.h"
#include "ledger/settle/settle_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct job *job_begin(struct settle *s, settle_step_fn *step,
		      settle_done_fn *fn, void *ctx)
{
	struct job *j = job_new(s, JOB_MONEY, ctx, step);

	if (j)
		j->fn.done = fn;
	return j;
}

bool job_refused(struct job *j)
{
	if (j->e.code != ERR_NONE)
		job_fail_later(j, ERR_NONE, NULL);
	return j->e.code != ERR_NONE;
}

static bool check_amount(struct job *j, struct amount amount)
{
	if (amount_is_zero(amount))
		(void)err_fail(&j->e, ERR_PARSE, "an amount of zero");
	else if (!amount_fits112(amount))
		(void)err_fail(&j->e, ERR_LIMIT, "2^112 units or more");
	return j->e.code == ERR_NONE;
}

/* Of most transactions: the journey is over when none is under way. */
static void on_event(void *ctx, const struct outbox_event *ev)
{
	struct job *j = ctx;

	if (!job_event(j, ev))
		return;
	if (ev->step == OUTBOX_FINAL && ev->outcome->ok)
		j->r.moved = ev->record->amount;
	if (j->open == 0)
		job_end(j);
}

/* What was signed by both is said once: the one of a run that was cut off is on
 * its way, and a second would fail, or top up twice. */
static bool goes_on(struct job *j, enum outbox_kind kind, const struct wr *data)
{
	struct outbox *ob = j->s->outbox;
	void *ctx = NULL;
	struct job *was;

	if (data->bad || (kind != OUTBOX_OPEN && kind != OUTBOX_REVISE &&
			  kind != OUTBOX_TOP_UP && kind != OUTBOX_CLOSE))
		return false;
	if (!outbox_find_call(ob, kind, data->buf, wr_len(data), &ctx))
		return false;
	was = ctx;
	if (was && was->fn.done) /* somebody else's, who waits for it */
		return false;
	outbox_adopt(ob, kind, data->buf, wr_len(data), on_event, j);
	j->open++;
	if (was) /* it was forgotten, and waits no more */
		job_fail_later(was, ERR_NONE, NULL);
	return true;
}

void job_submit_bank(struct job *j, enum outbox_kind kind,
		     const struct wr *data, struct amount value,
		     const struct address *party)
{
	if (goes_on(j, kind, data))
		return;
	if (!job_submit(j, kind, &j->s->profile.bank, data, value, j->amount,
			party, on_event) &&
	    j->open == 0)
		job_fail_later(j, ERR_NONE, NULL);
}

/* ------------------------------------------------------------------ deposits
 */

static void submit_approve(struct job *j, struct amount amount);

static void submit_deposit(struct job *j)
{
	const struct settle *s = j->s;
	bool coin = profile_coin_is_token(&s->profile);
	bool own = address_eq(&j->account, &s->cfg.me);
	uint8_t data[BANK_DEPOSIT_LEN];
	struct wr w = wr_into(data, sizeof(data));

	bank_enc_deposit(&w, &j->account, j->amount);
	/* a gift to another account is no deposit of ours */
	job_submit_bank(j, own ? OUTBOX_DEPOSIT : OUTBOX_OTHER, &w,
			coin ? j->amount : AMOUNT_ZERO, &j->account);
}

/* What follows an approval is queued as soon as that is in a block; the outbox
 * tries it on top of it. A block that is undone and mined again changes
 * nothing: `stage` says what was queued already. */
static void on_approve(void *ctx, const struct outbox_event *ev)
{
	struct job *j = ctx;

	/* Some tokens change an allowance only by way of zero. */
	if (ev->step == OUTBOX_REFUSED && ev->trial && !ev->trial->ok &&
	    j->has_allowance && j->stage == APPROVE) {
		j->open--;
		j->stage = ZERO;
		submit_approve(j, AMOUNT_ZERO);
		return;
	}
	if (ev->step == OUTBOX_MINED && ev->outcome->ok) {
		bool zero = amount_is_zero(ev->record->amount);

		if (zero && j->stage == ZERO) {
			j->stage = APPROVE_AGAIN;
			submit_approve(j, j->amount);
		} else if (!zero && j->stage != DEPOSIT) {
			j->stage = DEPOSIT;
			submit_deposit(j);
		}
	}
	if (job_event(j, ev) && j->open == 0)
		job_end(j);
}

static void submit_approve(struct job *j, struct amount amount)
{
	const struct settle *s = j->s;
	uint8_t data[ERC20_APPROVE_LEN];
	struct wr w = wr_into(data, sizeof(data));

	erc20_enc_approve(&w, &s->profile.bank, amount);
	if (!job_submit(j, OUTBOX_APPROVE, &s->profile.token, &w, AMOUNT_ZERO,
			amount, &s->profile.bank, on_approve) &&
	    j->open == 0)
		job_fail_later(j, ERR_NONE, NULL);
}

static void on_purse(void *ctx, const struct chain_view *at,
		     const struct chain_answer *a, size_t n,
		     const struct err *e)
{
	struct job *j = ctx;

	(void)at;
	(void)n;
	if (e)
		j->e = *e;
	else if (!a[0].known)
		(void)err_fail(&j->e, ERR_CHAIN,
			       "the wallet's balance is unknown: %.100s",
			       a[0].why);
	else if (amount_cmp(a[0].amount, j->amount) < 0)
		(void)err_fail(&j->e, ERR_FUNDS,
			       "the wallet holds less than that");
	if (j->e.code != ERR_NONE) {
		job_end(j);
		return;
	}
	if (profile_coin_is_token(&j->s->profile)) {
		submit_deposit(j);
		return;
	}
	j->has_allowance = a[1].known && !amount_is_zero(a[1].amount);
	if (a[1].known && amount_cmp(a[1].amount, j->amount) >= 0) {
		j->stage = DEPOSIT;
		submit_deposit(j);
	} else {
		submit_approve(j, j->amount);
	}
}

void settle_deposit(struct settle *s, struct amount amount,
		    const struct address *account, settle_step_fn *step,
		    settle_done_fn *fn, void *ctx)
{
	struct job *j = job_begin(s, step, fn, ctx);
	const struct profile *p = &s->profile;
	bool coin = profile_coin_is_token(p);
	struct chain_ask asks[] = {
		{.what = coin ? CHAIN_ASK_COIN : CHAIN_ASK_TOKEN_BALANCE,
		 .c = p->token,
		 .a = s->cfg.me},
		{.what = CHAIN_ASK_ALLOWANCE,
		 .c = p->token,
		 .a = s->cfg.me,
		 .b = p->bank}};

	if (!j)
		return;
	j->amount = amount;
	j->account = *account;
	j->stage = APPROVE;
	if (address_is_zero(account))
		(void)err_fail(&j->e, ERR_PARSE, "the zero address");
	if (check_amount(j, amount))
		(void)profile_need_token(p, &j->e);
	if (!job_refused(j))
		chain_read(s->chain, CHAIN_LATEST, asks, coin ? 1 : 2, on_purse,
			   j);
}

/* -------------------------------------------- withdraw, reserve and release */

void settle_withdraw(struct settle *s, struct amount amount,
		     const struct address *to, settle_step_fn *step,
		     settle_done_fn *fn, void *ctx)
{
	struct job *j = job_begin(s, step, fn, ctx);
	uint8_t data[BANK_WITHDRAW_LEN];
	struct wr w = wr_into(data, sizeof(data));

	if (!j)
		return;
	j->amount = amount;
	if (address_is_zero(to))
		(void)err_fail(&j->e, ERR_PARSE, "the zero address");
	if (check_amount(j, amount))
		(void)profile_need_token(&s->profile, &j->e);
	if (job_refused(j))
		return;
	bank_enc_withdraw(&w, to, amount);
	job_submit_bank(j, OUTBOX_WITHDRAW, &w, AMOUNT_ZERO, to);
}

/* The contract takes the total, paid and reserved together: what makes a call
 * that is repeated change nothing. */
static void on_paid(void *ctx, const struct chain_view *at,
		    const struct chain_answer *a, size_t n, const struct err *e)
{
	struct job *j = ctx;
	struct bank_promise p = {.payee = j->account, .until = j->until};
	uint8_t packed[BANK_PROMISE_LEN],
		data[BANK_RESERVE_LEN(BANK_PROMISE_LEN)];
	struct wr w = wr_into(packed, sizeof(packed));

	(void)n;
	if (e)
		j->e = *e;
	else if (!a[0].known)
		(void)err_fail(&j->e, ERR_CHAIN,
			       "what was paid is unknown: %.110s", a[0].why);
	else if (j->until <= at->time_s)
		(void)err_fail(&j->e, ERR_PARSE,
			       "the reserve would end before now");
	else if (!amount_add(&p.total, a[0].pair.paid, j->amount) ||
		 !amount_fits112(p.total))
		(void)err_fail(&j->e, ERR_LIMIT, "2^112 units or more");
	if (j->e.code != ERR_NONE) {
		job_end(j);
		return;
	}
	bank_put_promise(&w, &p);
	w = wr_into(data, sizeof(data));
	bank_enc_reserve(&w, packed, sizeof(packed));
	job_submit_bank(j, OUTBOX_RESERVE, &w, AMOUNT_ZERO, &j->account);
}

void settle_reserve(struct settle *s, const struct address *payee,
		    struct amount amount, uint32_t until, settle_step_fn *step,
		    settle_done_fn *fn, void *ctx)
{
	struct job *j = job_begin(s, step, fn, ctx);
	struct chain_ask ask = {.what = CHAIN_ASK_PAIR,
				.c = s->profile.bank,
				.a = s->cfg.me,
				.b = *payee};

	if (!j)
		return;
	j->amount = amount;
	j->account = *payee;
	j->until = until;
	if (address_is_zero(payee) || address_eq(payee, &s->cfg.me))
		(void)err_fail(&j->e, ERR_PARSE,
			       "a reserve is for another account");
	if (check_amount(j, amount))
		(void)profile_need_token(&s->profile, &j->e);
	if (!job_refused(j))
		chain_read(s->chain, CHAIN_LATEST, &ask, 1, on_paid, j);
}

void settle_release(struct settle *s, const struct address *payer,
		    const struct address *payee, settle_step_fn *step,
		    settle_done_fn *fn, void *ctx)
{
	struct job *j = job_begin(s, step, fn, ctx);
	bool in = address_eq(payee, &s->cfg.me);
	uint8_t data[BANK_RELEASE_LEN];
	struct wr w = wr_into(data, sizeof(data));

	if (!j)
		return;
	if (!in && !address_eq(payer, &s->cfg.me))
		(void)err_fail(&j->e, ERR_PARSE, "not a reserve of ours");
	else
		(void)profile_need_token(&s->profile, &j->e);
	if (job_refused(j))
		return;
	bank_enc_release(&w, payer, payee);
	job_submit_bank(j, OUTBOX_RELEASE, &w, AMOUNT_ZERO, in ? payer : payee);
}

/* ----------------------------------------------------------- is it our bank?
 */

static void check_token(struct job *j, const struct chain_answer *a)
{
	const struct profile *p = &j->s->profile;

	j->bank.decimals = p->coin_decimals;
	(void)snprintf(j->bank.symbol, sizeof(j->bank.symbol), "%s",
		       p->coin_symbol);
	if (address_is_zero(&j->bank.token))
		return;
	if (!a[0].known || a[0].number > AMOUNT_DECIMALS_MAX)
		(void)err_fail(&j->e, ERR_CHAIN,
			       "the token's decimals are unknown: %.100s",
			       a[0].why);
	j->bank.decimals = (unsigned)a[0].number;
	/* the symbol is for showing only */
	(void)snprintf(j->bank.symbol, sizeof(j->bank.symbol), "%s",
		       a[1].known ? a[1].text : "tokens");
}

static void verified(struct job *j)
{
	j->r.bank = j->bank.bank;
	j->r.token = j->bank.token;
	job_end(j);
}

static void on_token(void *ctx, const struct chain_view *at,
		     const struct chain_answer *a, size_t n,
		     const struct err *e)
{
	struct job *j = ctx;

	(void)at;
	(void)n;
	if (e)
		j->e = *e;
	else
		check_token(j, a);
	verified(j);
}

static void on_code(void *ctx, const struct chain_view *at,
		    const struct chain_answer *a, size_t n, const struct err *e)
{
	struct job *j = ctx;
	struct chain_ask asks[] = {{.what = CHAIN_ASK_DECIMALS},
				   {.what = CHAIN_ASK_SYMBOL}};
	struct err why = {0};

	(void)at;
	(void)n;
	if (e)
		j->e = *e;
	else if (!a[0].known || !a[1].known)
		(void)err_fail(&j->e, ERR_CHAIN, "the bank is unknown: %.120s",
			       a[0].known ? a[1].why : a[0].why);
	else if (bank_code_check(&j->bank.token, &j->bank.period, a[0].data,
				 a[0].len, &why) != ERR_NONE)
		(void)err_fail(&j->e, ERR_SIG, "%s", why.msg);
	else if (j->expect && !address_eq(&j->bank.token, &j->expect_token))
		(void)err_fail(&j->e, ERR_SIG,
			       "this bank holds another token than the one "
			       "that is set; `seedbank config token --unset` "
			       "takes the bank's own");
	else if (j->deploying_bank && j->bank.period != j->period)
		(void)err_fail(&j->e, ERR_SIG,
			       "not what was sent: a bank with periods of %u "
			       "blocks, not %u",
			       j->bank.period, j->period);
	if (j->e.code != ERR_NONE) {
		job_end(j);
		return;
	}
	j->bank.code = keccak256(a[0].data, a[0].len);
	j->bank.chain_id = a[1].number;
	if (address_is_zero(&j->bank.token)) {
		check_token(j, NULL);
		verified(j);
		return;
	}
	asks[0].c = asks[1].c = j->bank.token;
	chain_read(j->s->chain, CHAIN_FINAL, asks, 2, on_token, j);
}

static void verify(struct job *j, const struct address *bank)
{
	struct chain_ask asks[] = {{.what = CHAIN_ASK_CODE, .c = *bank},
				   {.what = CHAIN_ASK_ID}};

	j->bank.bank = *bank;
	chain_read(j->s->chain, CHAIN_FINAL, asks, 2, on_code, j);
}

void settle_verify(struct settle *s, settle_bank_fn *fn, void *ctx)
{
	struct job *j = job_new(s, JOB_BANK, ctx, NULL);

	if (!j)
		return;
	j->fn.bank = fn;
	j->expect_token = s->profile.token;
	j->expect = s->profile.has_token;
	if (profile_need_bank(&s->profile, &j->e) != ERR_NONE)
		job_fail_later(j, ERR_NONE, NULL);
	else
		verify(j, &s->profile.bank);
}

/* ---------------------------------------------------------------- deployment
 */

static void deploy_bank(struct job *j, const struct address *token);

static void on_deployed(void *ctx, const struct outbox_event *ev)
{
	struct job *j = ctx;
	struct address made;

	if (!job_event(j, ev))
		return;
	if (j->e.code != ERR_NONE) {
		job_end(j);
		return;
	}
	made = ev->outcome->created;
	if (address_is_zero(&made)) {
		(void)err_fail(&j->e, ERR_CHAIN,
			       "the chain named no contract for it");
		job_end(j);
	} else if (j->deploying_bank) {
		verify(j, &made);
	} else {
		j->r.token = made;
		deploy_bank(j, &made);
	}
}

void settle_deploy_allowed(struct settle *s, const struct err *e)
{
	struct job *j = s->deploying;
	struct wr w;

	if (!j)
		return;
	s->deploying = NULL;
	if (e) {
		j->e = *e;
		job_fail_later(j, ERR_NONE, NULL);
		return;
	}
	w = (struct wr){.buf = j->code, .cap = j->code_len, .len = j->code_len};
	if (!job_submit(j, OUTBOX_DEPLOY, NULL, &w, AMOUNT_ZERO, AMOUNT_ZERO,
			&s->cfg.me, on_deployed))
		job_fail_later(j, ERR_NONE, NULL);
}

static void allow_deploy(struct job *j, uint64_t chain_id)
{
	struct settle *s = j->s;
	struct hash32 code = keccak256(j->code, j->code_len);

	s->deploying = j;
	if (s->cfg.allow_deploy)
		s->cfg.allow_deploy(s->cfg.ctx, s, chain_id, &code);
	else
		settle_deploy_allowed(s, NULL);
}

static void on_chain_id(void *ctx, const struct chain_view *at,
			const struct chain_answer *a, size_t n,
			const struct err *e)
{
	struct job *j = ctx;

	(void)at;
	(void)n;
	if (e)
		j->e = *e;
	else if (!a[0].known)
		(void)err_fail(&j->e, ERR_CHAIN,
			       "the chain's id is unknown: "
			       "%.120s",
			       a[0].why);
	if (j->e.code != ERR_NONE)
		job_end(j);
	else
		allow_deploy(j, a[0].number);
}

/* The signer is told for which chain; one of one's own says it itself. */
static void deploy_code(struct job *j)
{
	const struct chain_ask ask = {.what = CHAIN_ASK_ID};

	if (j->s->profile.chain_id)
		allow_deploy(j, j->s->profile.chain_id);
	else
		chain_read(j->s->chain, CHAIN_LATEST, &ask, 1, on_chain_id, j);
}

static void deploy_bank(struct job *j, const struct address *token)
{
	struct wr w = wr_into(j->code, BANK_DEPLOY_LEN);

	bank_put_deploy(&w, token, j->period);
	j->code_len = wr_len(&w);
	j->expect = true;
	j->expect_token = *token;
	j->deploying_bank = true;
	deploy_code(j);
}

void settle_deploy(struct settle *s, const struct address *token,
		   bool test_token, uint32_t period, settle_step_fn *step,
		   settle_done_fn *fn, void *ctx)
{
	struct job *j = job_begin(s, step, fn, ctx);

	if (!j)
		return;
	j->period = period;
	if (period < BANK_PERIOD_MIN)
		(void)err_fail(&j->e, ERR_LIMIT,
			       "a period has %d blocks and more",
			       BANK_PERIOD_MIN);
	if (s->deploying)
		(void)err_fail(&j->e, ERR_STATE, "a deployment is under way");
	j->code = malloc(BANK_DEPLOY_LEN > TEST_TOKEN_CREATION_LEN
				 ? BANK_DEPLOY_LEN
				 : TEST_TOKEN_CREATION_LEN);
	if (!j->code)
		(void)err_fail(&j->e, ERR_NOMEM, "no memory");
	/* its own fees are posted as the token that its bank will hold */
	else if (j->e.code == ERR_NONE && !s->profile.has_bank)
		j->e.code = book_set_coin_is_token(
			s->book, !test_token && address_is_zero(token), &j->e);
	if (job_refused(j))
		return;
	if (!test_token) {
		deploy_bank(j, token);
		return;
	}
	memcpy(j->code, test_token_creation, TEST_TOKEN_CREATION_LEN);
	j->code_len = TEST_TOKEN_CREATION_LEN;
	deploy_code(j);
}

void settle_mint(struct settle *s, const struct address *to,
		 struct amount amount, settle_step_fn *step, settle_done_fn *fn,
		 void *ctx)
{
	struct job *j = job_begin(s, step, fn, ctx);
	uint8_t data[TEST_TOKEN_MINT_LEN];
	struct wr w = wr_into(data, sizeof(data));

	if (!j)
		return;
	j->amount = amount;
	if (check_amount(j, amount) &&
	    profile_need_token(&s->profile, &j->e) == ERR_NONE &&
	    profile_coin_is_token(&s->profile))
		(void)err_fail(&j->e, ERR_STATE,
			       "the bank holds coin, which nobody can mint");
	if (job_refused(j))
		return;
	test_token_enc_mint(&w, to, amount);
	if (!job_submit(j, OUTBOX_OTHER, &s->profile.token, &w, AMOUNT_ZERO,
			amount, to, on_event))
		job_fail_later(j, ERR_NONE, NULL);
}
