/* methods_money.c - deploy, deposit, withdraw, reserve, release, settle,
 * exposure and the book. */
#include "node/core/methods.h"

#include "base/address.h"
#include "base/clock.h"
#include "base/eip712.h"
#include "base/hex.h"
#include "node/money/cash_cost.h"
#include "node/money/money.h"
#include "node/money/plan_text.h"
#include "node/money/step_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECKS_MAX 3U /* of a book against the chain, until they agree */

/* One journey on the chain that a call waits for. */
struct journey {
	struct engine *engine;
	struct money *money;
	struct purse *purse; /* whose money it moves */
	struct call *call;
	const char *what;      /* "deposited", for the last line */
	const char *call_name; /* of step_kind() */
	json_t *batches;       /* settle; check: findings */
	unsigned checks;       /* of the chain */
	bool says_cashing;     /* deposit: before it sends anything */
	json_t *cashing;       /* what it said; NULL: nothing */
	struct settle_options options;
	json_t *plan; /* a dry run's, while the signer is asked */
	struct amount most;
};

static void refuse(struct call *c, enum err_code code, const char *text)
{
	struct err e = {0};

	(void)err_fail(&e, code, "%s", text);
	call_error(c, &e);
}

static const char *coin_text(const struct money *m, struct amount a,
			     char out[MONEY_TEXT_MAX])
{
	return amount_to_dec(out, a, m->profile.coin_decimals);
}

static const char *addr_text(const struct money *m, const struct address *a,
			     char out[ADDRESS_TEXT_MAX])
{
	return address_text(out, a, m->profile.address);
}

/* The purse that the call is about, params.account; the storage account's is
 * opened, and its book made, when it is asked for. NULL after an error was
 * given to the call. */
static struct purse *purse_of(struct engine *en, const json_t *params,
			      struct call *c)
{
	struct money *m = en->money;
	const char *account = method_text(params, "account");
	struct err e = {0};

	if (!m->open) {
		refuse(c, ERR_STATE, "the wallet is being opened");
		return NULL;
	}
	if (!account || strcmp(account, "bandwidth") == 0)
		return &m->bandwidth;
	if (strcmp(account, "storage") != 0)
		(void)err_fail(&e, ERR_PARSE,
			       "account: want bandwidth or storage");
	else if (money_open_storage(m, &e) == ERR_NONE)
		return &m->storage;
	call_error(c, &e);
	return NULL;
}

static bool is_ready(const struct money *m, bool pinned, struct call *c)
{
	const bool open = m->open && m->bandwidth.settle;

	if (open && (!pinned || m->pinned))
		return true;
	if (m->trouble.code != ERR_NONE)
		call_error(c, &m->trouble);
	else
		refuse(c, ERR_STATE,
		       open ? "the bank is still being checked; try again in a "
			      "moment"
			    : "the wallet is still being opened; try again in "
			      "a second");
	return false;
}

/* NULL after an error was given to the call. `pinned`: it cannot begin before
 * the bank was checked and its token is known. */
static struct journey *journey_new(struct engine *en, const json_t *params,
				   struct call *c, const char *what,
				   bool pinned)
{
	struct journey *j;
	struct purse *purse;
	struct money *m = en->money;

	if (!is_ready(m, pinned, c))
		return NULL;
	purse = purse_of(en, params, c);
	if (!purse)
		return NULL;
	j = calloc(1, sizeof(*j));
	if (!j) {
		refuse(c, ERR_NOMEM, "out of memory");
		return NULL;
	}
	j->engine = en;
	j->money = m;
	j->purse = purse;
	j->call = c;
	j->what = what;
	return j;
}

static void journey_fail(struct journey *j, const struct err *e)
{
	struct call *c = j->call;

	json_decref(j->batches);
	json_decref(j->cashing);
	free(j);
	call_error(c, e);
}

static void journey_end(struct journey *j, json_t *take_result)
{
	struct call *c = j->call;

	free(j);
	call_result(c, take_result);
}

/* What was sent goes on by itself; only the telling ends. */
static void on_cancel(void *ctx)
{
	struct journey *j = ctx;
	struct err e = {0};

	(void)err_fail(&e, ERR_STATE,
		       "interrupted; what was sent already goes on and is "
		       "booked by the next command");
	settle_forget(j->purse->settle, j);
	if (j->plan) {
		signer_forget(j->money->signer, j);
		json_decref(j->plan);
	}
	journey_fail(j, &e);
}

/* One line of the settlement for each transaction that is final. */
static void note_batch(struct journey *j, const struct settle_step *st,
		       const char *tx)
{
	char fee[MONEY_TEXT_MAX], brings[MONEY_TEXT_MAX];

	if (!j->batches)
		j->batches = json_array();
	(void)json_array_append_new(
		j->batches,
		json_pack("{ss sI ss ss}", "txid", tx, plan_units(j->money),
			  (json_int_t)st->units, "fee",
			  coin_text(j->money, st->fee, fee), "brings",
			  money_text(j->money, st->amount, brings)));
}

/* What the payees of a deposit will have to pay, in text for people and in
 * numbers for the result; once, by the price of the first call's trial. */
static void say_cashing(struct journey *j, const struct settle_step *st)
{
	const struct money *m = j->money;
	const struct cash_price at = {st->units, st->fee, st->unit_price,
				      st->byte_price};
	char text[CASH_COST_TEXT_MAX], fee[2][MONEY_TEXT_MAX];
	char from[2][MONEY_TEXT_MAX];
	struct cash_cost c;

	if (!j->says_cashing || st->step != OUTBOX_TRIED)
		return;
	j->says_cashing = false;
	if (!purse_cash_cost(j->purse, &at, &c))
		return;
	call_event(j->call,
		   json_pack("{ss ss}", "type", "cashing", "text",
			     cash_cost_text(&c, &m->profile, m->decimals,
					    m->symbol, text)));
	j->cashing = json_pack(
		"{ss ss sI sI}", "fee", coin_text(m, c.alone, fee[0]),
		"fee_of_batch", coin_text(m, c.each, fee[1]), "batch",
		(json_int_t)c.receipts, "fee_share", (json_int_t)c.fee_share);
	if (!c.priced)
		return;
	(void)json_object_set_new(
		j->cashing, "from",
		json_string(money_text(m, c.alone_from, from[0])));
	(void)json_object_set_new(
		j->cashing, "from_of_batch",
		json_string(money_text(m, c.each_from, from[1])));
}

static void on_step(void *ctx, const struct settle_step *st)
{
	struct journey *j = ctx;
	char text[STEP_TEXT_MAX], tx[TX_TEXT_MAX] = "";
	json_t *event;

	if (st->txid)
		(void)tx_text(j->money, st->txid, tx);
	if (st->kind == OUTBOX_CASH && st->step == OUTBOX_FINAL)
		note_batch(j, st, tx);
	say_cashing(j, st);
	event = json_pack("{ss ss ss sI}", "type",
			  step_kind(st->kind, j->call_name), "text",
			  step_text(j->money, st, j->call_name, text), "txid",
			  tx, "units", (json_int_t)st->units);
	call_event(j->call, event);
}

static json_t *result_json(const struct journey *j,
			   const struct settle_result *r)
{
	char moved[MONEY_TEXT_MAX], fee[MONEY_TEXT_MAX], text[256];
	char tx[TX_TEXT_MAX];

	(void)money_text(j->money, r->moved, moved);
	(void)coin_text(j->money, r->fee, fee);
	(void)snprintf(text, sizeof(text), "%s %s; fee %s %s in %u %s", j->what,
		       moved, fee, j->money->profile.coin_symbol,
		       r->transactions,
		       r->transactions == 1 ? "transaction" : "transactions");
	return json_pack("{ss ss ss sI sI ss}", "text", text, "moved", moved,
			 "fee", fee, "transactions",
			 (json_int_t)r->transactions, plan_units(j->money),
			 (json_int_t)r->units, "txid",
			 tx_text(j->money, &r->txid, tx));
}

static void on_done(void *ctx, const struct settle_result *r,
		    const struct err *e)
{
	struct journey *j = ctx;
	json_t *result;

	if (e) {
		journey_fail(j, e);
		return;
	}
	result = result_json(j, r);
	if (j->cashing)
		(void)json_object_set_new(result, "cashing", j->cashing);
	journey_end(j, result);
}

/* ---- contracts ---- */

static void on_deployed(void *ctx, const struct settle_result *r,
			const struct err *error)
{
	struct journey *j = ctx;
	char bank[ADDRESS_TEXT_MAX], token[ADDRESS_TEXT_MAX];
	struct err e = {0};
	json_t *result;

	if (error) {
		journey_fail(j, error);
		return;
	}
	if (money_adopt_bank(j->money, &r->bank, &r->token, &e) != ERR_NONE) {
		journey_fail(j, &e);
		return;
	}
	result = result_json(j, r);
	(void)json_object_set_new(
		result, "bank",
		json_string(addr_text(j->money, &r->bank, bank)));
	(void)json_object_set_new(
		result, "token",
		json_string(addr_text(j->money, &r->token, token)));
	journey_end(j, result);
}

void method_deploy(struct engine *en, const json_t *params, struct call *c)
{
	struct journey *j = journey_new(en, params, c, "deployed", false);
	const char *text = method_text(params, "token");
	json_int_t period =
		json_integer_value(json_object_get(params, "period"));
	struct address token;
	struct err e = {0};

	if (!j)
		return;
	token = j->money->profile.deploy_token;
	if (period <= 0 || period > UINT32_MAX)
		period = profile_day_blocks(&j->money->profile);
	if (text && address_parse_as(&token, j->money->profile.address, text,
				     &e) != ERR_NONE) {
		journey_fail(j, &e);
		return;
	}
	call_on_cancel(c, on_cancel, j);
	settle_deploy(j->purse->settle, &token,
		      json_is_true(json_object_get(params, "test_token")),
		      (uint32_t)period, on_step, on_deployed, j);
}

/* ---- our own money ---- */

static bool read_amount(struct journey *j, const json_t *params,
			struct amount *amount, struct address *to,
			struct err *e)
{
	const char *text = method_text(params, "to");

	*to = j->purse->me;
	if (money_parse(j->money, method_text(params, "amount"), amount, e) !=
	    ERR_NONE)
		return false;
	if (amount_is_zero(*amount)) {
		(void)err_fail(e, ERR_PARSE, "the amount is zero");
		return false;
	}
	return !text || address_parse_as(to, j->money->profile.address, text,
					 e) == ERR_NONE;
}

static void amount_journey(struct engine *en, const json_t *params,
			   struct call *c, const char *what,
			   void (*start)(struct journey *j,
					 struct amount amount,
					 const struct address *to))
{
	struct journey *j = journey_new(en, params, c, what, true);
	struct amount amount;
	struct address to;
	struct err e = {0};

	if (!j)
		return;
	if (!read_amount(j, params, &amount, &to, &e)) {
		journey_fail(j, &e);
		return;
	}
	call_on_cancel(c, on_cancel, j);
	start(j, amount, &to);
}

static void start_mint(struct journey *j, struct amount amount,
		       const struct address *to)
{
	j->call_name = "mint";
	settle_mint(j->purse->settle, to, amount, on_step, on_done, j);
}

static void start_deposit(struct journey *j, struct amount amount,
			  const struct address *to)
{
	j->call_name = "deposit"; /* for another account */
	j->says_cashing = true;
	settle_deposit(j->purse->settle, amount, to, on_step, on_done, j);
}

static void start_withdraw(struct journey *j, struct amount amount,
			   const struct address *to)
{
	settle_withdraw(j->purse->settle, amount, to, on_step, on_done, j);
}

void method_mint(struct engine *en, const json_t *params, struct call *c)
{
	amount_journey(en, params, c, "minted", start_mint);
}

void method_deposit(struct engine *en, const json_t *params, struct call *c)
{
	amount_journey(en, params, c, "deposited", start_deposit);
}

void method_withdraw(struct engine *en, const json_t *params, struct call *c)
{
	amount_journey(en, params, c, "withdrew", start_withdraw);
}

void method_reserve(struct engine *en, const json_t *params, struct call *c)
{
	struct journey *j = journey_new(en, params, c, "reserved", true);
	int64_t duration =
		json_integer_value(json_object_get(params, "duration_s"));
	int64_t until = clock_unix_s() + duration;
	struct amount total;
	struct address payee;
	struct err e = {0};
	const char *text = method_text(params, "payee");

	if (!j)
		return;
	if (money_parse(j->money, method_text(params, "amount"), &total, &e) ==
		    ERR_NONE &&
	    address_parse_as(&payee, j->money->profile.address,
			     text ? text : "", &e) == ERR_NONE &&
	    (duration <= 0 || until > UINT32_MAX))
		(void)err_fail(&e, ERR_PARSE, "--for: out of range");
	if (e.code != ERR_NONE) {
		journey_fail(j, &e);
		return;
	}
	call_on_cancel(c, on_cancel, j);
	settle_reserve(j->purse->settle, &payee, total, (uint32_t)until,
		       on_step, on_done, j);
}

void method_release(struct engine *en, const json_t *params, struct call *c)
{
	struct journey *j = journey_new(en, params, c, "released", true);
	bool as_payee = json_is_true(json_object_get(params, "as_payee"));
	const char *text = method_text(params, "other");
	struct address other;
	struct err e = {0};

	if (!j)
		return;
	if (address_parse_as(&other, j->money->profile.address,
			     text ? text : "", &e) != ERR_NONE) {
		journey_fail(j, &e);
		return;
	}
	call_on_cancel(c, on_cancel, j);
	settle_release(j->purse->settle, as_payee ? &other : &j->purse->me,
		       as_payee ? &j->purse->me : &other, on_step, on_done, j);
}

/* ---- settle ---- */

/* The plan is told with what the signer would still let through today. */
static void on_limits(void *ctx, const struct signer_reply *r,
		      const struct err *e)
{
	struct journey *j = ctx;
	json_t *plan = j->plan;

	if (!e)
		plan_add_limit(j->money, plan,
			       amount_sub_floor(r->u.status.limits.fee_per_day,
						r->u.status.fees),
			       j->most);
	journey_end(j, plan);
}

static void on_plan(void *ctx, const struct settle_plan *p,
		    const struct err *error)
{
	struct journey *j = ctx;
	const struct signer_request q = {.type = SIGNER_STATUS};

	if (error) {
		journey_fail(j, error);
		return;
	}
	j->plan = plan_json(j->money, p);
	j->most = p->fee_max;
	if (!j->money->signer ||
	    signer_ask(j->money->signer, &q, on_limits, j, NULL) != ERR_NONE)
		journey_end(j, j->plan);
}

static void on_cashed(void *ctx, const struct settle_result *r,
		      const struct err *error)
{
	struct journey *j = ctx;
	char moved[MONEY_TEXT_MAX], text[512];
	json_t *result;

	if (error) {
		journey_fail(j, error);
		return;
	}
	result = result_json(j, r);
	(void)snprintf(text, sizeof(text),
		       "cashed %u receipts in %u %s: %s tokens; %u bounced",
		       r->receipts, r->transactions,
		       r->transactions == 1 ? "transaction" : "transactions",
		       money_text(j->money, r->moved, moved), r->bounced);
	(void)json_object_set_new(result, "text", json_string(text));
	(void)json_object_set_new(result, "receipts",
				  json_integer((json_int_t)r->receipts));
	(void)json_object_set_new(result, "bounced",
				  json_integer((json_int_t)r->bounced));
	(void)json_object_set_new(
		result, plan_units_each(j->money),
		json_integer((json_int_t)(r->receipts ? r->units / r->receipts
						      : 0)));
	(void)json_object_set_new(result, "batches",
				  j->batches ? j->batches : json_array());
	j->batches = NULL;
	journey_end(j, result);
}

void method_settle(struct engine *en, const json_t *params, struct call *c)
{
	struct journey *j = journey_new(en, params, c, "settled", true);
	const char *to = method_text(params, "to");
	struct err e = {0};

	if (!j)
		return;
	j->options.all = json_is_true(json_object_get(params, "all"));
	if (to && address_parse_as(&j->options.to, j->money->profile.address,
				   to, &e) != ERR_NONE) {
		journey_fail(j, &e);
		return;
	}
	call_on_cancel(c, on_cancel, j);
	if (json_is_true(json_object_get(params, "dry_run")))
		settle_dry_run(j->purse->settle, &j->options, on_plan, j);
	else
		settle_cash(j->purse->settle, &j->options, on_step, on_cashed,
			    j);
}

/* ---- looking ---- */

struct pair_list {
	const struct money *money;
	json_t *list;
};

/* One direction of a pair, as numbers. */
static json_t *pair_json(const struct money *m, const char *direction,
			 const struct address *peer, struct amount promised,
			 const struct book_facts *f)
{
	char addr[ADDRESS_TEXT_MAX], total[MONEY_TEXT_MAX];
	char secured[MONEY_TEXT_MAX], paid[MONEY_TEXT_MAX];
	char open_text[MONEY_TEXT_MAX], free_text[MONEY_TEXT_MAX];
	struct amount open = amount_sub_floor(promised, f->paid);
	bool safe = f->until - BOOK_SECURED_MARGIN_S > clock_unix_s();
	struct amount sure =
		safe ? amount_min(open, f->reserve) : amount_from_u64(0);

	return json_pack("{ss ss ss ss ss ss sb ss}", "peer",
			 addr_text(m, peer, addr), "direction", direction,
			 "total", money_text(m, promised, total), "promised",
			 money_text(m, amount_sub_floor(open, sure), open_text),
			 "secured", money_text(m, sure, secured), "paid",
			 money_text(m, f->paid, paid), "chain_known",
			 (int)f->known, "payer_free",
			 money_text(m, f->free, free_text));
}

/* And whether what covers it is going away. */
static json_t *payer_json(const struct money *m, const struct book_pair *p)
{
	const struct book_in *in = &p->in;
	int64_t now_s = clock_unix_s();
	char text[MONEY_TEXT_MAX];
	json_t *o = pair_json(m, "owes us", &p->peer, in->newest.amount,
			      &in->facts);

	(void)json_object_set_new(
		o, "cover",
		json_string(cover_name(cover_of(
			amount_sub_floor(in->newest.amount, in->facts.paid),
			&in->facts, &in->drain, now_s))));
	(void)json_object_set_new(
		o, "payer_fell",
		json_string(money_text(m, cover_elsewhere(&in->drain, now_s),
				       text)));
	return o;
}

static bool on_pair(void *ctx, const struct book_pair *p)
{
	const struct pair_list *l = ctx;

	if (p->in.have)
		(void)json_array_append_new(l->list, payer_json(l->money, p));
	if (p->out.have)
		(void)json_array_append_new(
			l->list,
			pair_json(l->money, "we owe", &p->peer,
				  p->out.newest.amount, &p->out.facts));
	return true;
}

void method_exposure(struct engine *en, const json_t *params, struct call *c)
{
	struct pair_list l = {.money = en->money, .list = json_array()};
	struct purse *purse = purse_of(en, params, c);
	struct err e = {0};

	if (!purse) {
		json_decref(l.list);
		return;
	}
	if (book_pair_list(purse->book, on_pair, &l, &e) != ERR_NONE) {
		json_decref(l.list);
		call_error(c, &e);
		return;
	}
	call_result(c, json_pack("{so}", "pairs", l.list));
}

static void on_finding(void *ctx, const char *what)
{
	(void)json_array_append_new(ctx, json_string(what));
}

static void end_check(struct journey *j, json_t *findings, const char *against)
{
	char text[200];

	(void)snprintf(text, sizeof(text), "the book %s%s",
		       json_array_size(findings) ? "has faults, checked "
						 : "is right, checked ",
		       against);
	journey_end(j, json_pack("{sb so ss}", "ok",
				 (int)(json_array_size(findings) == 0),
				 "findings", findings, "text", text));
}

static void on_check_refreshed(void *ctx, const struct err *e);

static void on_chain_read(void *ctx, const struct book_chain *chain,
			  const struct err *error)
{
	struct journey *j = ctx;
	json_t *findings = j->batches;
	struct err e = {0};
	unsigned n;

	j->batches = NULL;
	if (error) {
		json_decref(findings);
		(void)err_fail(&e, error->code,
			       "the book is right by itself; the chain cannot "
			       "be read (--offline leaves it out): %.80s",
			       error->msg);
		journey_fail(j, &e);
		return;
	}
	if (book_check_chain(j->purse->book, chain, on_finding, findings, &n,
			     &e) != ERR_NONE) {
		json_decref(findings);
		journey_fail(j, &e);
		return;
	}
	if (n && ++j->checks < CHECKS_MAX) {
		(void)json_array_clear(findings);
		j->batches = findings;
		settle_refresh(j->purse->settle, on_check_refreshed, j);
		return;
	}
	end_check(j, findings, "against itself and against the chain");
}

/* The book takes in what happened on the chain since it looked last; what then
 * still differs is a fault. A block may come between the two readings, so what
 * differs once is read again. */
static void on_check_refreshed(void *ctx, const struct err *e)
{
	struct journey *j = ctx;

	if (e)
		on_chain_read(j, NULL, e);
	else
		settle_read_chain(j->purse->settle, on_chain_read, j);
}

void method_ledger_check(struct engine *en, const json_t *params,
			 struct call *c)
{
	bool offline = json_is_true(json_object_get(params, "offline"));
	struct purse *purse = purse_of(en, params, c);
	struct hash32 domain;
	struct journey *j;
	struct err e = {0};
	unsigned n;

	if (!purse)
		return;
	domain = eip712_domain(en->money->domain.chain_id,
			       &en->money->domain.bank);
	j = calloc(1, sizeof(*j));
	if (!j) {
		refuse(c, ERR_NOMEM, "out of memory");
		return;
	}
	j->engine = en;
	j->money = en->money;
	j->purse = purse;
	j->call = c;
	j->batches = json_array();
	if (book_check(purse->book, en->money->pinned ? &domain : NULL,
		       on_finding, j->batches, &n, &e) != ERR_NONE) {
		journey_fail(j, &e);
		return;
	}
	if (!offline && purse->settle && en->money->pinned && n == 0) {
		call_on_cancel(c, on_cancel, j);
		settle_refresh(purse->settle, on_check_refreshed, j);
		return;
	}
	end_check(j, j->batches,
		  n == 0 && !offline
			  ? "against itself (no bank is pinned to compare with)"
			  : "against itself");
}

void method_ledger_export(struct engine *en, const json_t *params,
			  struct call *c)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f;
	struct purse *purse = purse_of(en, params, c);
	struct err e = {0};
	enum err_code code;

	if (!purse)
		return;
	f = open_memstream(&text, &len);
	if (!f) {
		refuse(c, ERR_NOMEM, "out of memory");
		return;
	}
	code = book_export_csv(purse->book, f, &e);
	(void)fclose(f);
	if (code != ERR_NONE)
		call_error(c, &e);
	else
		call_result(c, json_pack("{ss#}", "csv", text, len));
	free(text);
}
