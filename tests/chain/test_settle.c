/* The journeys of settle with a real book and a real EVM: deploy, deposit,
 * cash, reserve, withdraw, and what a restart in the middle does. */
#include "base/address.h"
#include "base/hash.h"
#include "base/hex.h"
#include "ledger/settle/settle.h"
#include "tests/chain/town.h"

#include <time.h>

struct shop {
	struct town t;
	struct profile profile;
	struct book *book;
	struct settle *s;
	struct settle_config cfg;
	char path[64];
	int64_t now_s;
	/* the newest answer */
	struct settle_result r;
	struct settle_plan plan;
	struct settle_bank bank;
	struct err e;
	unsigned findings;
	int stop_at; /* enum outbox_step at which the loop stops, or -1 */
	unsigned steps[16];
	char log[4096];
};

static struct shop *the_shop;

static int64_t unix_now(void)
{
	return the_shop->now_s;
}

static void on_step(void *ctx, const struct settle_step *st)
{
	struct shop *sh = ctx;

	sh->steps[st->step]++;
	if (sh->stop_at == (int)st->step)
		loop_stop(sh->t.b.loop);
}

static void on_done(void *ctx, const struct settle_result *r,
		    const struct err *e)
{
	struct shop *sh = ctx;

	sh->r = *r;
	if (e)
		sh->e = *e;
	loop_stop(sh->t.b.loop);
}

static void on_plan(void *ctx, const struct settle_plan *p, const struct err *e)
{
	struct shop *sh = ctx;

	if (p)
		sh->plan = *p;
	if (e)
		sh->e = *e;
	loop_stop(sh->t.b.loop);
}

static void on_bank(void *ctx, const struct settle_bank *b, const struct err *e)
{
	struct shop *sh = ctx;

	if (b)
		sh->bank = *b;
	if (e)
		sh->e = *e;
	loop_stop(sh->t.b.loop);
}

static void on_refresh(void *ctx, const struct err *e)
{
	struct shop *sh = ctx;

	if (e)
		sh->e = *e;
	loop_stop(sh->t.b.loop);
}

static void on_finding(void *ctx, const char *what)
{
	struct shop *sh = ctx;

	(void)sh;
	(void)fprintf(stderr, "finding: %s\n", what);
}

static void on_chain(void *ctx, const struct book_chain *c, const struct err *e)
{
	struct shop *sh = ctx;

	if (e)
		sh->e = *e;
	else
		CHECK(book_check_chain(sh->book, c, on_finding, sh,
				       &sh->findings, NULL) == ERR_NONE,
		      "book against chain");
	loop_stop(sh->t.b.loop);
}

static void expect(struct shop *sh, int stop_at)
{
	sh->e = (struct err){0};
	sh->r = (struct settle_result){0};
	memset(sh->steps, 0, sizeof(sh->steps));
	sh->stop_at = stop_at;
}

static bool wait_done(struct shop *sh)
{
	return run_loop(&sh->t.b) && sh->e.code == ERR_NONE;
}

static void open_shop(struct shop *sh)
{
	struct chain_signer signer = bench_signer(&sh->t.b);
	struct err e = {0};

	CHECK(profile_open_chain(&sh->t.ch, &sh->profile, sh->t.b.loop,
				 sh->t.b.http, &signer, AMOUNT_ZERO, NULL,
				 &e) == ERR_NONE,
	      "%s", e.msg);
	CHECK(book_open(&sh->book, sh->path, &sh->t.b.me, &e) == ERR_NONE, "%s",
	      e.msg);
	CHECK(settle_new(&sh->s, sh->t.b.loop, sh->t.ch, sh->book, &sh->profile,
			 &sh->cfg, NULL, &e) == ERR_NONE,
	      "%s", e.msg);
}

/* As a kill leaves it: what is committed, and no more. */
static void close_shop(struct shop *sh)
{
	settle_free(sh->s);
	book_close(sh->book);
	chain_free(sh->t.ch);
	sh->s = NULL;
}

static void the_books_agree(struct shop *sh, const char *when)
{
	expect(sh, -1);
	settle_refresh(sh->s, on_refresh, sh);
	CHECK(wait_done(sh), "%s: %s", when, sh->e.msg);
	CHECK(book_check(sh->book, NULL, on_finding, sh, &sh->findings, NULL) ==
			      ERR_NONE &&
		      sh->findings == 0,
	      "%s: the book against itself", when);
	expect(sh, -1);
	settle_read_chain(sh->s, on_chain, sh);
	CHECK(wait_done(sh) && sh->findings == 0, "%s: against the chain: %s",
	      when, sh->e.msg);
}

/* Before a bank is known: what its deployment cost is no token. */
static void fees_are_posted_as_coin(struct shop *sh)
{
	char *csv = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&csv, &len);

	CHECK(f && book_export_csv(sh->book, f, NULL) == ERR_NONE, "export");
	if (f)
		(void)fclose(f);
	CHECK(csv && strstr(csv, ",fees,,coin,") && !strstr(csv, ",token,"),
	      "%s", csv ? csv : "");
	free(csv);
}

static void a_bank_is_deployed_and_verified(struct shop *sh)
{
	struct address none = {{0}};
	struct err e = {0};

	expect(sh, -1);
	settle_verify(sh->s, on_bank, sh);
	CHECK(!wait_done(sh) && sh->e.code == ERR_STATE, "no bank yet: %s",
	      sh->e.msg);
	expect(sh, -1);
	settle_deploy(sh->s, &none, true, 1, on_step, on_done, sh);
	CHECK(!wait_done(sh) && sh->e.code == ERR_LIMIT,
	      "periods of a block: %d %s", (int)sh->e.code, sh->e.msg);
	expect(sh, -1);
	settle_deploy(sh->s, &none, true, 20, on_step, on_done, sh);
	CHECK(wait_done(sh), "deploy: %s", sh->e.msg);
	CHECK(sh->r.transactions == 2, "%u transactions", sh->r.transactions);
	fees_are_posted_as_coin(sh);
	sh->t.bank = sh->profile.bank = sh->r.bank;
	sh->t.token = sh->profile.token = sh->r.token;
	sh->profile.has_bank = sh->profile.has_token = true;
	sh->t.domain = eip712_domain(ANVIL_CHAIN_ID, &sh->t.bank);
	CHECK(settle_set_profile(sh->s, &sh->profile, &e) == ERR_NONE, "%s",
	      e.msg);
	expect(sh, -1);
	settle_verify(sh->s, on_bank, sh);
	CHECK(wait_done(sh), "verify: %s", sh->e.msg);
	CHECK(sh->bank.chain_id == ANVIL_CHAIN_ID && sh->bank.decimals == 18 &&
		      sh->bank.period == 20 &&
		      strcmp(sh->bank.symbol, "TEST") == 0,
	      "what it says");
}

static void another_contract_is_no_bank(struct shop *sh)
{
	struct profile wrong = sh->profile;

	wrong.bank = sh->profile.token;
	CHECK(settle_set_profile(sh->s, &wrong, NULL) == ERR_NONE, "set");
	expect(sh, -1);
	settle_verify(sh->s, on_bank, sh);
	CHECK(!wait_done(sh) && sh->e.code == ERR_SIG, "%s", sh->e.msg);
	wrong = sh->profile;
	wrong.token = sh->profile.bank;
	CHECK(settle_set_profile(sh->s, &wrong, NULL) == ERR_NONE, "set");
	expect(sh, -1);
	settle_verify(sh->s, on_bank, sh);
	CHECK(!wait_done(sh) && sh->e.code == ERR_SIG, "%s", sh->e.msg);
	CHECK(settle_set_profile(sh->s, &sh->profile, NULL) == ERR_NONE, "set");
}

static void a_deposit_is_approved_exactly_then_made(struct shop *sh)
{
	struct chain_ask ask = {.what = CHAIN_ASK_ALLOWANCE,
				.c = sh->t.token,
				.a = sh->t.b.me,
				.b = sh->t.bank};
	struct amount own = AMOUNT_ZERO;

	expect(sh, -1);
	settle_deposit(sh->s, amount_from_u64(1000), &sh->t.b.me, on_step,
		       on_done, sh);
	CHECK(!wait_done(sh) && sh->e.code == ERR_FUNDS, "too little: %s",
	      sh->e.msg);
	expect(sh, -1);
	settle_mint(sh->s, &sh->t.b.me, amount_from_u64(5000), on_step, on_done,
		    sh);
	CHECK(wait_done(sh), "mint: %s", sh->e.msg);
	expect(sh, -1);
	settle_deposit(sh->s, amount_from_u64(1000), &sh->t.b.me, on_step,
		       on_done, sh);
	CHECK(wait_done(sh), "deposit: %s", sh->e.msg);
	CHECK(sh->r.transactions == 2 &&
		      amount_cmp(sh->r.moved, amount_from_u64(1000)) == 0,
	      "approve and deposit");
	CHECK(wait_read(&sh->t.b, &sh->t.r, sh->t.ch, CHAIN_FINAL, &ask, 1) &&
		      sh->t.r.answers[0].known &&
		      amount_is_zero(sh->t.r.answers[0].amount),
	      "nothing more is approved");
	the_books_agree(sh, "after the deposit");
	CHECK(book_own_funds(sh->book, &own, NULL) &&
		      amount_cmp(own, amount_from_u64(1000)) == 0,
	      "in the book");
}

static void take_receipts_of(struct shop *sh, size_t from, size_t n,
			     struct amount amount)
{
	for (size_t i = from; i < from + n; i++) {
		struct receipt r;
		struct err e = {0};

		sign_receipt(&sh->t, &r, i, amount);
		CHECK(book_receipt_in(sh->book, &r, amount, 0, sh->now_s, &e) ==
			      ERR_NONE,
		      "%s", e.msg);
	}
	CHECK(book_commit(sh->book, NULL) == ERR_NONE, "commit");
}

static void take_receipts(struct shop *sh, size_t n, struct amount amount)
{
	take_receipts_of(sh, 0, n, amount);
}

static void two_hundred_receipts_are_cashed(struct shop *sh)
{
	struct settle_options to_wallet = {.to = sh->t.b.me};
	struct amount all = AMOUNT_ZERO;
	struct book_totals totals;

	take_receipts(sh, PAYERS, amount_from_parts(1, 0));
	CHECK(amount_mul_u64(&all, amount_from_parts(1, 0), PAYERS), "all");
	expect(sh, -1);
	settle_dry_run(sh->s, &to_wallet, on_plan, sh);
	CHECK(wait_done(sh), "plan: %s", sh->e.msg);
	CHECK(sh->plan.n_batches == 1 && sh->plan.batches[0].receipts == PAYERS,
	      "%zu batches", sh->plan.n_batches);
	CHECK(amount_cmp(sh->plan.batches[0].brings, all) == 0 &&
		      amount_cmp(sh->plan.batches[0].worth, all) == 0,
	      "what it brings");
	expect(sh, -1);
	settle_cash(sh->s, &to_wallet, on_step, on_done, sh);
	CHECK(wait_done(sh), "cash: %s", sh->e.msg);
	CHECK(sh->r.transactions == 1 && sh->r.receipts == PAYERS &&
		      sh->r.bounced == 0 && amount_cmp(sh->r.moved, all) == 0,
	      "%u receipts in %u transactions", sh->r.receipts,
	      sh->r.transactions);
	CHECK(sh->steps[OUTBOX_TRIED] == 1 && sh->steps[OUTBOX_STORED] == 1 &&
		      sh->steps[OUTBOX_MINED] == 1 &&
		      sh->steps[OUTBOX_FINAL] == 1,
	      "every step was told");
	the_books_agree(sh, "after cashing");
	CHECK(book_totals(sh->book, &totals, NULL) == ERR_NONE &&
		      amount_cmp(totals.final, all) == 0 &&
		      amount_is_zero(totals.promised) &&
		      amount_is_zero(totals.secured),
	      "all that was promised is final");
}

static void a_payer_without_cover_bounces(struct shop *sh)
{
	struct settle_options inside = {.to = {{0}}};
	struct amount had = amount_from_parts(99, 0);
	struct book_pair pair;

	take_receipts(sh, 1, amount_from_parts(150, 0)); /* 100 deposited */
	expect(sh, -1);
	settle_cash(sh->s, &inside, on_step, on_done, sh);
	CHECK(wait_done(sh), "%s", sh->e.msg);
	CHECK(sh->r.bounced == 1 && sh->r.receipts == 0 &&
		      amount_cmp(sh->r.moved, had) == 0,
	      "bounced %u", sh->r.bounced);
	CHECK(book_pair_load(sh->book, &pair, &sh->t.payers[0], NULL) ==
			      ERR_NONE &&
		      pair.in.bounced,
	      "the payer is marked");
	the_books_agree(sh, "after a bounce");
}

static void what_is_not_worth_its_fee_waits(struct shop *sh)
{
	struct settle_options o = {.to = {{0}}};
	/* a coin is worth 10^30 units: every receipt is dust beside the fee */
	struct settle_price dear =
		settle_price_of(amount_from_parts(1ULL << 36, 0), 18);

	take_receipts(sh, 3, amount_from_parts(200, 0));
	settle_set_price(sh->s, &dear);
	expect(sh, -1);
	settle_dry_run(sh->s, &o, on_plan, sh);
	CHECK(wait_done(sh), "%s", sh->e.msg);
	CHECK(sh->plan.n_batches == 0 && sh->plan.waiting == 2,
	      "%zu batches, %zu wait", sh->plan.n_batches, sh->plan.waiting);
	CHECK(sh->plan.uncovered == 1, "and one has nothing left");
	o.all = true;
	expect(sh, -1);
	settle_dry_run(sh->s, &o, on_plan, sh);
	CHECK(wait_done(sh) && sh->plan.n_batches == 1 &&
		      sh->plan.batches[0].receipts == 2,
	      "all: %zu", sh->plan.n_batches);
	settle_set_price(sh->s, &(struct settle_price){0});
}

static void reserves_and_withdrawals(struct shop *sh)
{
	struct book_totals totals;

	expect(sh, -1);
	settle_reserve(sh->s, &sh->t.payers[5], amount_from_u64(300),
		       (uint32_t)sh->now_s + 30 * 86400, on_step, on_done, sh);
	CHECK(wait_done(sh), "reserve: %s", sh->e.msg);
	CHECK(book_totals(sh->book, &totals, NULL) == ERR_NONE &&
		      amount_cmp(totals.reserved, amount_from_u64(300)) == 0,
	      "locked in the book");
	expect(sh, -1);
	settle_release(sh->s, &sh->t.b.me, &sh->t.payers[5], on_step, on_done,
		       sh);
	CHECK(!wait_done(sh) && strstr(sh->e.msg, "has not ended"),
	      "too early: %s", sh->e.msg);
	expect(sh, -1);
	settle_withdraw(sh->s, amount_from_u64(400), &sh->t.b.me, on_step,
			on_done, sh);
	CHECK(wait_done(sh), "withdraw: %s", sh->e.msg);
	the_books_agree(sh, "after reserve and withdrawal");
}

/* ---- an agreement: this node rents from payer 7 */

static struct chain_answer ask_one(struct shop *sh, struct chain_ask ask)
{
	ask.c = sh->t.bank;
	CHECK(wait_read(&sh->t.b, &sh->t.r, sh->t.ch, CHAIN_LATEST, &ask, 1) &&
		      sh->t.r.answers[0].known,
	      "question %d: %s", (int)ask.what, sh->t.r.answers[0].why);
	return sh->t.r.answers[0];
}

static void mine(struct shop *sh, uint64_t blocks)
{
	char params[32];

	(void)snprintf(params, sizeof(params), "[\"0x%llx\"]",
		       (unsigned long long)blocks);
	raw_do(&sh->t.b, &sh->t.anvil, "anvil_mine", params);
}

/* To the second block of a period (a beacon is known then). */
static void mine_to(struct shop *sh, uint32_t period)
{
	(void)ask_one(sh, (struct chain_ask){.what = CHAIN_ASK_PERIOD});
	mine(sh, (uint64_t)period * 20 + 1 - sh->t.r.at.block);
}

static void both_sign(struct shop *sh, struct settle_signed *v)
{
	struct hash32 digest = eip712_agreement(&sh->t.domain, &v->a);
	struct ecc_sig sig = ecc_sign(sh->t.b.ecc, &sh->t.b.key, &digest);

	v->renter = sig64_pack(&sig);
	sig = ecc_sign(sh->t.b.ecc, &sh->t.keys[7], &digest);
	v->host = sig64_pack(&sig);
}

static void prove_one(struct shop *sh, const struct settle_signed *v)
{
	uint8_t leaf[AGREEMENT_LEAF], packed[BANK_PROOF_LEN(11)];
	struct hash32 path[11], root;
	struct wr w = wr_into(packed, sizeof(packed));
	struct bank_proof p = {.renter = v->a.renter,
			       .number = v->a.number,
			       .leaf = leaf,
			       .path = path[0].bytes,
			       .nodes = 11};

	alike(leaf, path, &root, 0x5a);
	bank_put_proof(&w, &p);
	expect(sh, -1);
	settle_prove(sh->s, &v->a.host, packed, wr_len(&w), on_step, on_done,
		     sh);
}

static void an_agreement_is_opened_proved_and_closed(struct shop *sh)
{
	struct settle_signed v = {.a = {.renter = sh->t.b.me,
					.host = sh->t.payers[7],
					.sectors = 1,
					.span = 1,
					.rate = amount_from_u64(3),
					.fund = amount_from_u64(9),
					.collateral = amount_from_u64(50),
					.penalty = amount_from_u64(10)}};
	struct book_lease which = {v.a.renter, v.a.host, 0};
	struct chain_ask ask = {
		.what = CHAIN_ASK_AGREEMENT, .a = v.a.renter, .b = v.a.host};
	uint8_t leaf[AGREEMENT_LEAF];
	struct hash32 path[11];
	struct chain_answer a;
	struct bank_listed listed;
	struct rd r;

	alike(leaf, path, &v.a.root, 0x5a);
	(void)ask_one(sh, (struct chain_ask){.what = CHAIN_ASK_PERIOD});
	v.a.start = v.a.through = (uint32_t)(sh->t.r.at.block / 20) + 2;
	v.a.end = v.a.start + 3;
	both_sign(sh, &v);
	expect(sh, -1);
	settle_open(sh->s, &v, on_step, on_done, sh);
	CHECK(wait_done(sh), "open: %s", sh->e.msg);
	a = ask_one(sh, ask);
	CHECK(a.agreement.state == BANK_AGREEMENT_OPEN &&
		      amount_cmp(a.agreement.fund, v.a.fund) == 0,
	      "it is open");
	a = ask_one(sh, (struct chain_ask){.what = CHAIN_ASK_LIST,
					   .a = v.a.renter,
					   .n = {0, CHAIN_MAX_LIST}});
	r = rd_from(sh->t.r.code, a.len); /* data is gone with the answer */
	CHECK(bank_next_listed(&r, &listed) &&
		      address_eq(&listed.host, &v.a.host) &&
		      listed.number == 0 && !bank_next_listed(&r, &listed),
	      "and listed: %zu bytes", a.len);
	a = ask_one(sh, (struct chain_ask){.what = CHAIN_ASK_NEXT,
					   .a = v.a.renter,
					   .b = v.a.host});
	CHECK(a.number == 1, "the next is number 1");
	expect(sh, -1);
	settle_top_up(sh->s, &which, amount_from_u64(2), on_step, on_done, sh);
	CHECK(wait_done(sh), "top up: %s", sh->e.msg);

	mine_to(sh, v.a.start);
	expect(sh, -1);
	settle_anchor(sh->s, on_step, on_done, sh);
	CHECK(wait_done(sh), "anchor: %s", sh->e.msg);
	a = ask_one(sh, (struct chain_ask){.what = CHAIN_ASK_BEACON,
					   .n = {v.a.start}});
	CHECK(a.hash.bytes[0] | a.hash.bytes[1] | a.hash.bytes[2],
	      "the beacon is recorded");
	prove_one(sh, &v);
	CHECK(wait_done(sh) && sh->r.receipts == 1 &&
		      amount_cmp(sh->r.moved, v.a.rate) == 0,
	      "prove: %u good, %s", sh->r.receipts, sh->e.msg);
	prove_one(sh, &v);
	CHECK(wait_done(sh) && sh->r.receipts == 0, "once: %s", sh->e.msg);

	v.a.revision = 1;
	v.a.through = v.a.end;
	v.a.earned = amount_from_u64(7);
	both_sign(sh, &v);
	expect(sh, -1);
	settle_revise(sh->s, &v, on_step, on_done, sh);
	CHECK(wait_done(sh), "revise: %s", sh->e.msg);
	expect(sh, -1);
	settle_close(sh->s, &which, on_step, on_done, sh);
	CHECK(wait_done(sh), "close: %s", sh->e.msg);
	a = ask_one(sh, ask);
	CHECK(a.agreement.state == BANK_AGREEMENT_CLOSED &&
		      amount_cmp(a.agreement.earned, v.a.earned) == 0 &&
		      a.agreement.misses == 0,
	      "closed, 7 of 11 earned");
	expect(sh, -1);
	settle_close(sh->s, &which, on_step, on_done, sh);
	CHECK(!wait_done(sh), "only once");
	the_books_agree(sh, "after the agreement");
}

/* Killed when it was sent and not mined; the next run books it, once. */
static void a_restart_in_the_middle_loses_nothing(struct shop *sh)
{
	struct amount before = AMOUNT_ZERO, after = AMOUNT_ZERO;

	CHECK(book_own_funds(sh->book, &before, NULL), "before");
	raw_do(&sh->t.b, &sh->t.anvil, "evm_setAutomine", "[false]");
	expect(sh, OUTBOX_SENT);
	settle_withdraw(sh->s, amount_from_u64(100), &sh->t.b.me, on_step,
			on_done, sh);
	(void)run_loop(&sh->t.b);
	CHECK(sh->steps[OUTBOX_SENT] == 1, "sent: %s", sh->e.msg);
	close_shop(sh);
	raw_do(&sh->t.b, &sh->t.anvil, "anvil_dropAllTransactions", "[]");
	raw_do(&sh->t.b, &sh->t.anvil, "evm_setAutomine", "[true]");
	open_shop(sh);
	CHECK(settle_pending(sh->s, 0), "it is still known");
	for (int i = 0; i < 400 && settle_pending(sh->s, 0); i++)
		turn_ms(&sh->t.b, 10);
	CHECK(!settle_pending(sh->s, 0), "it ended");
	the_books_agree(sh, "after the restart");
	CHECK(book_own_funds(sh->book, &after, NULL) &&
		      amount_add(&after, after, amount_from_u64(100)) &&
		      amount_cmp(after, before) == 0,
	      "withdrawn once");
}

/* How many transactions of ours were ever in a block. */
static unsigned long sent_ever(struct shop *sh)
{
	char params[80], me[ADDRESS_TEXT_MAX];
	unsigned long n;
	json_t *r;

	(void)snprintf(params, sizeof(params), "[\"%s\",\"latest\"]",
		       address_text(me, &sh->t.b.me, ADDRESS_EVM));
	r = raw_rpc(&sh->t.b, &sh->t.anvil, "eth_getTransactionCount", params);
	n = r ? strtoul(json_string_value(r), NULL, 16) : 0;
	json_decref(r);
	return n;
}

/* Ten receipts in each transaction, no block but ours, until four of them are
 * on their way at once. */
static void four_abreast(struct shop *sh)
{
	static const struct settle_options inside = {.to = {{0}}};
	static const unsigned sent[] = {1, 3, 7};
	struct profile p = sh->profile;

	p.batch = 10;
	CHECK(settle_set_profile(sh->s, &p, NULL) == ERR_NONE, "batch");
	raw_do(&sh->t.b, &sh->t.anvil, "evm_setAutomine", "[false]");
	expect(sh, OUTBOX_SENT);
	settle_cash(sh->s, &inside, on_step, on_done, sh);
	for (size_t i = 0; i < ROWS(sent); i++) {
		while (sh->steps[OUTBOX_SENT] < sent[i])
			if (!run_loop(&sh->t.b))
				break;
		CHECK(sh->steps[OUTBOX_SENT] == sent[i], "%u of %u were sent",
		      sh->steps[OUTBOX_SENT], sent[i]);
		sh->stop_at = -1; /* not while anvil is asked */
		if (i + 1 < ROWS(sent))
			raw_do(&sh->t.b, &sh->t.anvil, "evm_mine", "[]");
		sh->stop_at = OUTBOX_SENT;
	}
	CHECK(settle_pending(sh->s, 3) && !settle_pending(sh->s, 4), "four");
	sh->stop_at = -1;
}

static void all_were_paid(struct shop *sh, size_t from, struct amount amount)
{
	struct book_pair pair;
	unsigned right = 0;

	for (size_t i = from; i < from + 80; i++)
		right += book_pair_load(sh->book, &pair, &sh->t.payers[i],
					NULL) == ERR_NONE &&
			 amount_cmp(pair.in.facts.paid, amount) == 0;
	CHECK(right == 80, "%u of 80 were paid", right);
}

/* Those behind it wait in the pool until its bytes are there again. */
static void a_pool_that_forgets_the_one_in_the_middle(struct shop *sh)
{
	const struct amount amount = amount_from_parts(2, 0);
	unsigned long before = sent_ever(sh);
	char hash[80] = "[\"0x";

	take_receipts_of(sh, 20, 80, amount);
	four_abreast(sh);
	(void)hex_encode(hash + 4,
			 settle_pending(sh->s, 1)->forms[0].txid.bytes, 32);
	(void)snprintf(hash + 68, sizeof(hash) - 68, "\"]");
	raw_do(&sh->t.b, &sh->t.anvil, "anvil_dropTransaction", hash);
	raw_do(&sh->t.b, &sh->t.anvil, "evm_mine", "[]");
	CHECK(sent_ever(sh) == before + 4, "the first of four is in a block");
	raw_do(&sh->t.b, &sh->t.anvil, "evm_setIntervalMining", "[1]");
	CHECK(wait_done(sh), "%s", sh->e.msg);
	raw_do(&sh->t.b, &sh->t.anvil, "evm_setIntervalMining", "[0]");
	raw_do(&sh->t.b, &sh->t.anvil, "evm_setAutomine", "[true]");
	all_were_paid(sh, 20, amount);
	CHECK(sent_ever(sh) == before + sh->r.transactions,
	      "%lu sent, %u of them good", sent_ever(sh) - before,
	      sh->r.transactions);
	the_books_agree(sh, "after the pool forgot one");
}

/* Killed with four on their way, and the pool forgets them all. */
static void a_restart_with_some_abreast_loses_nothing(struct shop *sh)
{
	static const struct settle_options inside = {.to = {{0}}};
	const struct amount amount = amount_from_parts(2, 0);
	unsigned long before = sent_ever(sh);
	unsigned after;

	take_receipts_of(sh, 110, 80, amount);
	four_abreast(sh);
	close_shop(sh);
	raw_do(&sh->t.b, &sh->t.anvil, "anvil_dropAllTransactions", "[]");
	raw_do(&sh->t.b, &sh->t.anvil, "evm_setAutomine", "[true]");
	open_shop(sh);
	expect(sh, -1);
	settle_cash(sh->s, &inside, on_step, on_done, sh);
	CHECK(wait_done(sh), "%s", sh->e.msg);
	after = sh->r.transactions;
	for (int i = 0; i < 400 && settle_pending(sh->s, 0); i++)
		turn_ms(&sh->t.b, 10);
	the_books_agree(sh, "after the restart");
	all_were_paid(sh, 110, amount);
	CHECK(after && sent_ever(sh) == before + 7 + after,
	      "%lu sent, 7 before and %u after", sent_ever(sh) - before, after);
}

/* The chain's machine goes away in the middle and comes back with its state. */
static void the_chain_goes_away_and_comes_back(struct shop *sh)
{
	expect(sh, -1);
	anvil_stop(&sh->t.anvil, SIGTERM);
	settle_refresh(sh->s, on_refresh, sh);
	CHECK(!wait_done(sh) && sh->e.code == ERR_CHAIN &&
		      strstr(sh->e.msg, "127.0.0.1"),
	      "says who: %s", sh->e.msg);
	CHECK(anvil_start(&sh->t.b, &sh->t.anvil), "again");
	for (int i = 0; i < 100; i++) {
		expect(sh, -1);
		settle_refresh(sh->s, on_refresh, sh);
		if (wait_done(sh))
			break;
		turn_ms(&sh->t.b, 50);
	}
	the_books_agree(sh, "after the chain came back");
}

static void run(struct shop *sh)
{
	a_bank_is_deployed_and_verified(sh);
	another_contract_is_no_bank(sh);
	a_deposit_is_approved_exactly_then_made(sh);
	fill_purses(&sh->t);
	two_hundred_receipts_are_cashed(sh);
	a_payer_without_cover_bounces(sh);
	what_is_not_worth_its_fee_waits(sh);
	reserves_and_withdrawals(sh);
	an_agreement_is_opened_proved_and_closed(sh);
	a_restart_in_the_middle_loses_nothing(sh);
	a_pool_that_forgets_the_one_in_the_middle(sh);
	a_restart_with_some_abreast_loses_nothing(sh);
	the_chain_goes_away_and_comes_back(sh);
}

int main(int argc, char **argv)
{
	static struct shop sh;
	char file[96];

	if (!anvil_find(&sh.t.anvil, argc, argv))
		return SKIPPED;
	the_shop = &sh;
	(void)snprintf(sh.path, sizeof(sh.path), "settle-%d.db", getpid());
	(void)snprintf(sh.t.anvil.state, sizeof(sh.t.anvil.state),
		       "settle-%d.json", getpid());
	bench_init(&sh.t.b);
	sh.now_s = time(NULL);
	if (anvil_start(&sh.t.b, &sh.t.anvil) &&
	    profile_find(&sh.profile, "local-evm", NULL) == ERR_NONE &&
	    profile_set(&sh.profile, "rpc", sh.t.anvil.url, NULL) == ERR_NONE) {
		sh.cfg = (struct settle_config){.me = sh.t.b.me,
						.fee_share = 2,
						.unix_s = unix_now,
						.poll_ms = 10};
		open_shop(&sh);
		run(&sh);
		close_shop(&sh);
	}
	anvil_stop(&sh.t.anvil, SIGTERM);
	bench_clear(&sh.t.b);
	(void)unlink(sh.t.anvil.state);
	for (int i = 0; i < 3; i++) {
		static const char *const tails[] = {"", "-wal", "-shm"};

		(void)snprintf(file, sizeof(file), "%s%s", sh.path, tails[i]);
		(void)unlink(file);
	}
	return CHECK_EXIT();
}
