/* The journeys of settle with a book in memory and a model of the bank. */
#include "tests/ledger/settle_world.h"

/* A payer with a receipt in the book. */
static struct model_account *owes(struct world *w, unsigned n, uint64_t amount,
				  uint64_t free, uint64_t reserve,
				  uint32_t until)
{
	struct model_account *a = model_add(&w->m, n);
	struct receipt r = {.payer = a->who, .amount = amount_from_u64(amount)};
	struct err e = {0};

	a->free = free;
	a->reserve_in = reserve;
	a->until_in = until;
	memset(r.sig, 0x51, sizeof(r.sig));
	CHECK(book_receipt_in(w->book, &r, r.amount, 0, fixed_time(), &e) ==
			      ERR_NONE &&
		      book_commit(w->book, &e) == ERR_NONE,
	      "%s", e.msg);
	return a;
}

static void prices_convert_and_round_up(void)
{
	static const struct {
		const char *name;
		uint64_t hi, lo; /* token units for one coin */
		unsigned decimals;
		uint64_t coin, want;
		bool known;
	} rows[] = {
		{"one to one", 0, 1000000, 6, 5, 5, true},
		{"a third, rounded up", 0, 333333, 6, 10, 4, true},
		{"two tokens a coin, 18 decimals", 0, 2000000000000000000ULL,
		 18, 7, 14, true},
		{"a price over 64 bits", 1, 0, 18, 1000000000, 18446744074,
		 true},
		{"no price", 0, 0, 18, 1, 0, false},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct settle_price p = settle_price_of(
			amount_from_parts(rows[i].hi, rows[i].lo),
			rows[i].decimals);
		struct amount out = AMOUNT_ZERO;
		uint64_t got = 0;

		CHECK(settle_in_token(&out, amount_from_u64(rows[i].coin),
				      &p) == rows[i].known,
		      "%s", rows[i].name);
		CHECK(!rows[i].known ||
			      (amount_to_u64(&got, out) && got == rows[i].want),
		      "%s: %llu", rows[i].name, (unsigned long long)got);
	}
}

static void what_is_worth_twice_its_fee_is_cashed(void)
{
	/* fee of a batch of n: 30 + 10 n; one to one */
	static const struct {
		const char *name;
		uint64_t worth[4];
		bool all, known;
		size_t receipts, waiting;
	} rows[] = {
		{"all worth it", {1000, 500, 200, 100}, false, true, 4, 0},
		{"the small one waits",
		 {1000, 500, 200, 20},
		 false,
		 true,
		 3,
		 1},
		/* 18 share 4 ways: 2 x 70/4 = 35; alone: 2 x 40 = 80 */
		{"with fewer to share the fee more wait",
		 {100, 36, 36, 30},
		 false,
		 true,
		 1,
		 3},
		{"nothing is worth it", {20, 10, 5, 1}, false, true, 0, 4},
		{"all asked for", {20, 10, 5, 1}, true, true, 4, 0},
		{"no price: all that brings anything",
		 {20, 10, 5, 1},
		 false,
		 false,
		 4,
		 0},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct settle_options o = {.all = rows[i].all};
		struct world w;

		world_open(&w);
		if (!rows[i].known)
			settle_set_price(w.s, &(struct settle_price){0});
		for (unsigned k = 0; k < 4; k++)
			(void)owes(&w, k, rows[i].worth[k], 100000, 0, 0);
		begin(&w);
		settle_dry_run(w.s, &o, on_plan, &w);
		CHECK(!w.done, "%s: called back at once", rows[i].name);
		CHECK(finish(&w), "%s: %s", rows[i].name, w.e.msg);
		CHECK((w.plan.n_batches ? w.plan.batches[0].receipts : 0) ==
				      rows[i].receipts &&
			      w.plan.waiting == rows[i].waiting,
		      "%s: %zu cashed, %zu wait", rows[i].name,
		      w.plan.n_batches ? w.plan.batches[0].receipts : 0,
		      w.plan.waiting);
		CHECK(w.plan.by_hand == !rows[i].known, "%s: by hand",
		      rows[i].name);
		CHECK(w.m.n_txs == 0, "%s: a dry run signed something",
		      rows[i].name);
		world_close(&w);
	}
}

static void worth_is_what_the_payer_can_pay(void)
{
	static const struct {
		const char *name;
		uint64_t amount, free, reserve, paid, worth;
	} rows[] = {
		{"covered by free money", 1000, 2000, 0, 0, 1000},
		{"partly covered", 1000, 300, 0, 0, 300},
		{"covered by a reserve", 1000, 0, 2000, 0, 1000},
		{"by both", 1000, 300, 400, 0, 700},
		{"paid already in part", 1000, 2000, 0, 600, 400},
		{"paid already", 1000, 2000, 0, 1000, 0},
		{"nothing left", 1000, 0, 0, 0, 0},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct settle_options o = {.all = true};
		struct amount worth = AMOUNT_ZERO;
		struct model_account *a;
		struct world w;

		world_open(&w);
		a = owes(&w, 1, rows[i].amount, rows[i].free, rows[i].reserve,
			 5000000);
		a->paid_in = rows[i].paid;
		begin(&w);
		settle_dry_run(w.s, &o, on_plan, &w);
		CHECK(finish(&w), "%s: %s", rows[i].name, w.e.msg);
		if (w.plan.n_batches)
			worth = w.plan.batches[0].worth;
		CHECK(amount_cmp(worth, amount_from_u64(rows[i].worth)) == 0,
		      "%s", rows[i].name);
		CHECK(w.plan.uncovered == (rows[i].worth == 0 &&
					   rows[i].paid < rows[i].amount),
		      "%s: uncovered", rows[i].name);
		world_close(&w);
	}
}

static void by_itself_the_node_waits_for_a_good_price(void)
{
	static const struct {
		const char *name;
		uint64_t worth;
		uint64_t reserve;
		uint32_t until;
		bool sends;
	} rows[] = {
		/* fee of one: 40; 2 % of 1000 is 20, of 2000 is 40 */
		{"a fee of 4 %", 1000, 0, 0, false},
		{"a fee of 2 %", 2000, 0, 0, true},
		{"4 %, but its reserve ends soon", 1000, 1000, 1000000 + 86400,
		 true},
		{"4 %, and its reserve lasts", 1000, 1000, 1000000 + 30 * 86400,
		 false},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct settle_options o = {.by_itself = true};
		struct world w;

		world_open(&w);
		(void)owes(&w, 1, rows[i].worth, 10000, rows[i].reserve,
			   rows[i].until);
		begin(&w);
		settle_refresh(w.s, on_refreshed, &w);
		CHECK(finish(&w) && w.facts == 1, "%s: refresh", rows[i].name);
		CHECK(settle_due(w.s, fixed_time()), "%s: worth a look",
		      rows[i].name);
		begin(&w);
		settle_cash(w.s, &o, on_step, on_done, &w);
		CHECK(finish(&w), "%s: %s", rows[i].name, w.e.msg);
		CHECK((w.r.transactions == 1) == rows[i].sends,
		      "%s: %u transactions", rows[i].name, w.r.transactions);
		if (!rows[i].sends)
			CHECK(settle_due(w.s, fixed_time()) == false ||
				      rows[i].until,
			      "%s: now the fee is known", rows[i].name);
		books_agree(&w, rows[i].name);
		world_close(&w);
	}
}

static bool refreshed(struct world *w)
{
	begin(w);
	settle_refresh(w->s, on_refreshed, w);
	return finish(w);
}

/* By itself; how many receipts were cashed. */
static unsigned cashed_by_itself(struct world *w)
{
	const struct settle_options o = {.by_itself = true};

	begin(w);
	settle_cash(w->s, &o, on_step, on_done, w);
	CHECK(finish(w), "%s", w->e.msg);
	return w->r.receipts + w->r.bounced;
}

static void what_may_be_lost_goes_at_a_worse_price(void)
{
	/* fee of one: 40, so 2 % are right from 2000 on */
	static const struct {
		const char *name;
		uint64_t due, free, then, reserve;
		uint32_t until;
		bool sends;
	} rows[] = {
		{"4 %, and its balance stays", 1000, 10000, 10000, 0, 0, false},
		{"it falls, far from what is due", 1000, 10000, 6000, 0, 0,
		 false},
		{"as much again, and it is not enough", 1000, 10000, 5000, 0, 0,
		 true},
		{"as much again, for twice the fee", 80, 10000, 100, 0, 0,
		 false},
		{"and for a little more", 81, 10000, 100, 0, 0, true},
		{"a part is left, of more than the fee", 1000, 10000, 41, 0, 0,
		 true},
		{"a part is left, the fee's", 1000, 10000, 40, 0, 0, false},
		{"all is gone", 1000, 10000, 0, 0, 0, false},
		{"it falls, and a reserve covers us", 1000, 10000, 0, 1000,
		 30000000, false},
		{"a reserve ends, of more than the fee", 41, 0, 0, 41, 1086400,
		 true},
		{"a reserve ends, of the fee", 40, 0, 0, 40, 1086400, false},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct model_account *a;
		struct world w;

		world_open(&w);
		a = owes(&w, 1, rows[i].due, rows[i].free, rows[i].reserve, 0);
		a->until_in = 30000000;
		CHECK(refreshed(&w) && cashed_by_itself(&w) == 0 &&
			      !settle_due(w.s, fixed_time()),
		      "%s: before", rows[i].name);
		a->free = rows[i].then;
		if (rows[i].until)
			a->until_in = rows[i].until;
		w.m.block++;
		CHECK(refreshed(&w), "%s: %s", rows[i].name, w.e.msg);
		CHECK(!rows[i].sends || settle_due(w.s, fixed_time()),
		      "%s: due", rows[i].name);
		CHECK(cashed_by_itself(&w) == rows[i].sends, "%s: %u cashed",
		      rows[i].name, w.r.receipts);
		CHECK(!settle_due(w.s, fixed_time()), "%s: over and over",
		      rows[i].name);
		books_agree(&w, rows[i].name);
		world_close(&w);
	}
}

static void only_what_may_be_lost_goes_in_a_hurry(void)
{
	static const struct settle_options by_hand = {.to = {{0}}};
	struct model_account *some[4];
	struct world w;

	world_open(&w);
	for (unsigned i = 0; i < 4; i++) /* 7 % of each would be the fee */
		some[i] = owes(&w, i, 200 + i, 10000, 0, 0);
	CHECK(refreshed(&w) && cashed_by_itself(&w) == 0, "all wait");
	some[1]->free = 50;
	some[2]->free = 20; /* less than its share of the fee */
	w.m.block++;
	CHECK(refreshed(&w) && cashed_by_itself(&w) == 1, "%u cashed",
	      w.r.receipts + w.r.bounced);
	CHECK(some[1]->paid_in == 50 && w.r.bounced == 1, "the wrong one");
	books_agree(&w, "after one");
	some[2]->free = 100;
	w.m.block++;
	begin(&w);
	settle_dry_run(w.s, &by_hand, on_plan, &w);
	CHECK(finish(&w) && w.plan.n_batches == 1 &&
		      w.plan.batches[0].receipts == 3 &&
		      w.plan.batches[0].at_risk == 1 && w.plan.waiting == 0,
	      "%zu batches, %zu wait", w.plan.n_batches, w.plan.waiting);
	world_close(&w);
}

/* By hand, too, what waits for its own sake goes when it may be lost. */
static void in_a_hurry_the_worth_of_what_waits_is_told_right(void)
{
	static const struct settle_options by_hand = {.to = {{0}}};
	struct model_account *small;
	struct world w;

	world_open(&w);
	(void)owes(&w, 1, 1000, 10000, 0, 0);
	(void)owes(&w, 2, 15, 10000, 0, 0);
	small = owes(&w, 3, 70, 10000, 0, 0);
	w.m.fee_base = 100; /* of one 110, of two 120, of three 130 */
	w.m.fee_each = 10;
	small->until_in = 1086400;
	small->reserve_in = 70;
	begin(&w);
	settle_dry_run(w.s, &by_hand, on_plan, &w);
	CHECK(finish(&w) && w.plan.n_batches == 1 &&
		      w.plan.batches[0].receipts == 1 && w.plan.waiting == 2 &&
		      amount_cmp(w.plan.waiting_worth, amount_from_u64(85)) ==
			      0,
	      "not worth its fee alone: %zu wait", w.plan.waiting);
	w.m.fee_base = 50; /* of one 60 */
	begin(&w);
	settle_dry_run(w.s, &by_hand, on_plan, &w);
	CHECK(finish(&w) && w.plan.n_batches == 2 &&
		      w.plan.batches[1].receipts == 1 &&
		      w.plan.batches[1].at_risk == 1 && w.plan.waiting == 1 &&
		      amount_cmp(w.plan.waiting_worth, amount_from_u64(15)) ==
			      0,
	      "worth it alone: %zu batches, %zu wait", w.plan.n_batches,
	      w.plan.waiting);
	world_close(&w);
}

static void without_a_price_nothing_goes_by_itself(void)
{
	struct settle_options o = {.by_itself = true};
	struct world w;

	world_open(&w);
	settle_set_price(w.s, &(struct settle_price){0});
	(void)owes(&w, 1, 1000000, 1000000, 0, 0);
	CHECK(!settle_due(w.s, fixed_time()), "due");
	begin(&w);
	settle_cash(w.s, &o, on_step, on_done, &w);
	CHECK(!finish(&w) && w.e.code == ERR_STATE, "%s", w.e.msg);
	world_close(&w);
}

static void many_receipts_go_in_batches_most_worth_first(void)
{
	struct settle_options o = {.to = {{0}}};
	struct world w;

	world_open(&w);
	w.profile.batch = 20;
	CHECK(settle_set_profile(w.s, &w.profile, NULL) == ERR_NONE, "batch");
	for (unsigned i = 0; i < 50; i++)
		(void)owes(&w, i, 1000 + i, 100000, 0, 0);
	begin(&w);
	settle_dry_run(w.s, &o, on_plan, &w);
	CHECK(finish(&w) && w.plan.n_batches == 3 &&
		      w.plan.batches[0].receipts == 20 &&
		      w.plan.batches[2].receipts == 10,
	      "%zu batches", w.plan.n_batches);
	CHECK(amount_cmp(w.plan.batches[0].worth, w.plan.batches[1].worth) > 0,
	      "most worth first");
	begin(&w);
	settle_cash(w.s, &o, on_step, on_done, &w);
	CHECK(finish(&w), "%s", w.e.msg);
	CHECK(w.r.transactions == 3 && w.r.receipts == 50 && w.r.bounced == 0,
	      "%u receipts in %u", w.r.receipts, w.r.transactions);
	books_agree(&w, "after three batches");
	world_close(&w);
}

static void the_price_at_which_a_fee_eats_all_is_told(void)
{
	static const struct {
		const char *name;
		uint64_t brings, fee;
		unsigned decimals;
		bool ok;
		uint64_t want;
	} rows[] = {
		{"as much as the fee", 5000000, 5000000, 6, true, 1000000},
		{"twice the fee", 10000000, 5000000, 6, true, 2000000},
		{"a third, rounded down", 10, 30000000, 6, true, 0},
		{"18 decimals", 4000, 2000000000000000000ULL, 18, true, 2000},
		{"a coin without decimals", 7, 2, 0, true, 3},
		{"no fee: no price does", 7, 0, 6, false, 0},
		{"more decimals than counted", 7, 1, 20, false, 0},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct amount got = AMOUNT_ZERO;
		bool ok = settle_even_price(
			&got, amount_from_u64(rows[i].brings),
			amount_from_u64(rows[i].fee), rows[i].decimals);

		CHECK(ok == rows[i].ok &&
			      amount_cmp(got, amount_from_u64(rows[i].want)) ==
				      0,
		      "%s", rows[i].name);
	}
}

/* Six receipts in three calls, of 40 units and 20 bytes each. */
static void a_dry_run_says_what_each_batch_costs_after_those_before(void)
{
	struct settle_options o = {.to = {{0}}};
	static const struct {
		const char *name;
		uint64_t coin, units, bytes, free_bytes;
		uint64_t fees[3], units_staked[3], bytes_staked[3], fee;
		size_t short_from; /* the first that is not paid for */
		const char *says;
	} rows[] = {
		{"all is burnt",
		 1000,
		 0,
		 0,
		 0,
		 {60, 60, 60},
		 {0, 0, 0},
		 {0, 0, 0},
		 180,
		 3,
		 ""},
		{"stake pays as long as it lasts",
		 1000,
		 100,
		 0,
		 0,
		 {20, 20, 40},
		 {40, 40, 20},
		 {0, 0, 0},
		 80,
		 3,
		 ""},
		{"bandwidth of stake, then the free share",
		 1000,
		 0,
		 20,
		 30,
		 {40, 40, 60},
		 {0, 0, 0},
		 {20, 20, 0},
		 140,
		 3,
		 ""},
		{"coin for two of three",
		 130,
		 0,
		 0,
		 0,
		 {60, 60, 60},
		 {0, 0, 0},
		 {0, 0, 0},
		 180,
		 2,
		 "not enough TRX or energy: need 60, have 10: send it to T"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct settle_plan *p;
		struct world w;

		world_open(&w);
		p = &w.plan;
		w.m.f.ch.coin = (struct chain_coin){"TRX", 0, ADDRESS_TRON};
		w.m.unit_price = 1;
		w.m.means = (struct chain_means){
			.known = true,
			.coin = amount_from_u64(rows[i].coin),
			.units = rows[i].units,
			.bytes = rows[i].bytes,
			.free_bytes = rows[i].free_bytes};
		w.profile.batch = 2;
		CHECK(settle_set_profile(w.s, &w.profile, NULL) == ERR_NONE,
		      "batch");
		for (unsigned k = 0; k < 6; k++)
			(void)owes(&w, k, 10000, 100000, 0, 0);
		begin(&w);
		settle_dry_run(w.s, &o, on_plan, &w);
		CHECK(finish(&w) && p->n_batches == 3 && w.m.f.sends == 0,
		      "%s: %s", rows[i].name, w.e.msg);
		for (size_t k = 0; k < 3; k++) {
			const struct settle_batch *b = &p->batches[k];

			CHECK(amount_cmp(b->fee,
					 amount_from_u64(rows[i].fees[k])) ==
					      0 &&
				      b->units_staked ==
					      rows[i].units_staked[k] &&
				      b->bytes_staked ==
					      rows[i].bytes_staked[k],
			      "%s: batch %zu", rows[i].name, k);
			CHECK(b->ok == (k < rows[i].short_from) &&
				      b->no_funds == !b->ok &&
				      (b->ok ||
				       strstr(b->reason, rows[i].says)),
			      "%s: batch %zu: %s", rows[i].name, k, b->reason);
		}
		CHECK(amount_cmp(p->fee, amount_from_u64(rows[i].fee)) == 0 &&
			      amount_cmp(p->brings, amount_from_u64(60000)) ==
				      0 &&
			      p->units == 120,
		      "%s: the sums", rows[i].name);
		begin(&w);
		settle_cash(w.s, &o, on_step, on_done, &w);
		CHECK(finish(&w) == (rows[i].short_from == 3) &&
			      w.r.transactions == rows[i].short_from,
		      "%s: %u sent: %s", rows[i].name, w.r.transactions,
		      w.e.msg);
		CHECK(rows[i].short_from == 3 || w.e.code == ERR_FUNDS, "%s",
		      rows[i].name);
		world_close(&w);
	}
}

static void a_signer_at_its_limit_ends_the_run(void)
{
	struct settle_options o = {.to = {{0}}};
	struct world w;

	world_open(&w);
	w.profile.batch = 1;
	CHECK(settle_set_profile(w.s, &w.profile, NULL) == ERR_NONE, "batch");
	for (unsigned k = 0; k < 100; k++)
		(void)owes(&w, k, 10000, 100000, 0, 0);
	w.m.forms_most = 2;
	begin(&w);
	settle_cash(w.s, &o, on_step, on_done, &w);
	CHECK(!finish(&w) && w.e.code == ERR_FUNDS && w.r.transactions == 2,
	      "%u sent: %s", w.r.transactions, w.e.msg);
	CHECK(w.m.forms <= 2 + 3, "%u were asked for", w.m.forms);
	w.m.forms_most = 0;
	begin(&w);
	settle_cash(w.s, &o, on_step, on_done, &w);
	CHECK(finish(&w) && w.r.transactions == 98, "the next day: %u, %s",
	      w.r.transactions, w.e.msg);
	books_agree(&w, "after both");
	world_close(&w);
}

/* Each batch is tried when it is planned, and again before it is signed. */
static void what_would_fail_is_not_paid_for(void)
{
	static const struct {
		const char *name;
		unsigned from, trials, transactions, receipts;
		const char *says;
	} rows[] = {
		{"nothing fails", 0, 0, 3, 6, ""},
		{"the first, when it is planned", 1, 1, 2, 4,
		 "a batch would fail: it would revert"},
		{"the first, before it is signed", 2, 1, 2, 4,
		 "it would fail: it would revert"},
		{"the last, when it is planned", 4, 1, 2, 4,
		 "a batch would fail: it would revert"},
		{"all", 1, 99, 0, 0, "a batch would fail: it would revert"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct settle_options o = {.to = {{0}}};
		struct world w;

		world_open(&w);
		w.profile.batch = 2;
		CHECK(settle_set_profile(w.s, &w.profile, NULL) == ERR_NONE,
		      "batch");
		for (unsigned k = 0; k < 6; k++)
			(void)owes(&w, k, 10000 - k, 100000, 0, 0);
		w.m.bad_from = rows[i].from;
		w.m.bad_trials = rows[i].trials;
		begin(&w);
		settle_cash(w.s, &o, on_step, on_done, &w);
		CHECK(finish(&w) == !*rows[i].says &&
			      strstr(w.e.msg, rows[i].says),
		      "%s: %s", rows[i].name, w.e.msg);
		CHECK(w.r.transactions == rows[i].transactions &&
			      w.r.receipts == rows[i].receipts &&
			      w.m.n_txs == rows[i].transactions,
		      "%s: %zu signed, %u receipts", rows[i].name, w.m.n_txs,
		      w.r.receipts);
		w.m.bad_from = 0;
		begin(&w);
		settle_cash(w.s, &o, on_step, on_done, &w);
		CHECK(finish(&w) && w.r.receipts == 6 - rows[i].receipts,
		      "%s: the next run: %u", rows[i].name, w.r.receipts);
		books_agree(&w, rows[i].name);
		world_close(&w);
	}
}

/* A daemon and its user settle at once: both plan the same. */
static void what_another_run_has_cashed_is_not_paid_for_again(void)
{
	struct settle_options o = {.to = {{0}}};
	struct world w;

	world_open(&w);
	w.profile.batch = 2;
	CHECK(settle_set_profile(w.s, &w.profile, NULL) == ERR_NONE, "batch");
	for (unsigned k = 0; k < 6; k++)
		(void)owes(&w, k, 10000, 100000, 0, 0);
	begin(&w);
	settle_cash(w.s, &o, on_step, on_done, &w);
	settle_cash(w.s, &o, on_step, on_done, &w);
	CHECK(finish(&w) && w.r.receipts == 6, "the first: %s", w.e.msg);
	w.done = false;
	CHECK(!finish(&w) && strstr(w.e.msg, "would bring nothing"),
	      "the second: %s", w.e.msg);
	CHECK(w.m.n_txs == 3, "%zu transactions", w.m.n_txs);
	books_agree(&w, "after both");
	world_close(&w);
}

/* How long a call takes hangs on the machine that runs it. */
static void what_takes_too_long_is_sent_in_halves(void)
{
	struct settle_options o = {.to = {{0}}};
	static const struct {
		const char *name;
		unsigned try_most, mine_most;
		size_t first, last; /* batches of two dry runs */
		unsigned transactions, failed, receipts;
	} rows[] = {
		{"nothing does", 0, 0, 2, 2, 2, 0, 40},
		{"the dry run does: it costs nothing", 12, 0, 4, 4, 4, 0, 40},
		/* four did well: three are tried, then one */
		{"down to two by two", 2, 0, 20, 20, 24, 0, 40},
		{"only the block: nothing else goes, the next are half", 0, 12,
		 2, 4, 0, 1, 0},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct world w;

		world_open(&w);
		w.profile.batch = 20;
		CHECK(settle_set_profile(w.s, &w.profile, NULL) == ERR_NONE,
		      "batch");
		for (unsigned k = 0; k < 40; k++)
			(void)owes(&w, k, 1000 + k, 100000, 0, 0);
		w.m.try_most = rows[i].try_most;
		w.m.mine_most = rows[i].mine_most;
		begin(&w);
		settle_dry_run(w.s, &o, on_plan, &w);
		CHECK(finish(&w) && w.plan.n_batches == rows[i].first,
		      "%s: %zu batches", rows[i].name, w.plan.n_batches);
		begin(&w);
		settle_cash(w.s, &o, on_step, on_done, &w);
		CHECK(finish(&w) == (rows[i].failed == 0) &&
			      w.r.transactions == rows[i].transactions &&
			      w.r.receipts == rows[i].receipts &&
			      w.r.out_of_time == (rows[i].failed != 0) &&
			      w.m.n_txs ==
				      rows[i].transactions + rows[i].failed,
		      "%s: %u receipts in %u: %s", rows[i].name, w.r.receipts,
		      w.r.transactions, w.e.msg);
		for (unsigned k = 0; k < 40; k++)
			(void)owes(&w, 100 + k, 1000 + k, 100000, 0, 0);
		begin(&w);
		settle_dry_run(w.s, &o, on_plan, &w);
		CHECK(finish(&w), "%s: %s", rows[i].name, w.e.msg);
		if (rows[i].failed)
			CHECK(w.plan.n_batches == 2 * rows[i].last &&
				      w.plan.batches[0].receipts == 10,
			      "%s: then %zu batches", rows[i].name,
			      w.plan.n_batches);
		books_agree(&w, rows[i].name);
		world_close(&w);
	}
}

/* Sent, and in no block yet. */
static unsigned on_their_way(const struct model *m)
{
	unsigned n = 0;

	for (size_t i = 0; i < m->n_txs; i++)
		n += m->txs[i].sent && !m->txs[i].mined;
	return n;
}

static void each_that_did_well_lets_one_more_go_beside_it(void)
{
	struct settle_options o = {.to = {{0}}};
	unsigned most[3] = {0}; /* before 1, before 4 are mined, and ever */
	struct world w;

	world_open(&w);
	w.profile.batch = 1;
	w.m.lag = 40;
	CHECK(settle_set_profile(w.s, &w.profile, NULL) == ERR_NONE, "batch");
	for (unsigned k = 0; k < 50; k++)
		(void)owes(&w, k, 10000, 100000, 0, 0);
	begin(&w);
	settle_cash(w.s, &o, on_step, on_done, &w);
	for (int i = 0; i < 60000 && !w.done; i++) {
		unsigned now = on_their_way(&w.m);
		unsigned mined = w.steps[OUTBOX_MINED];

		for (unsigned k = 0; k < 3; k++)
			if ((k == 2 || mined < (k ? 4U : 1U)) && now > most[k])
				most[k] = now;
		if (!model_answer(&w.m))
			turn(&w);
	}
	CHECK(w.done && w.r.transactions == 50, "%u: %s", w.r.transactions,
	      w.e.msg);
	CHECK(most[0] == 1 && most[1] <= 4 && most[2] == SETTLE_ABREAST,
	      "%u, %u, %u abreast", most[0], most[1], most[2]);
	books_agree(&w, "after all");
	world_close(&w);
}

/* In how many transactions that a node has this payer's receipt is. */
static unsigned cashed_in(const struct model *m, const struct address *payer)
{
	unsigned n = 0;

	for (size_t i = 0; i < m->n_txs; i++)
		for (size_t at = 0; at + 20 <= m->txs[i].call.len; at++)
			n += m->txs[i].sent &&
			     memcmp(m->txs[i].data + at, payer->bytes, 20) == 0;
	return n;
}

static void a_plan_leaves_out_what_is_under_way(void)
{
	struct settle_options o = {.to = {{0}}};
	struct world w;

	world_open(&w);
	w.profile.batch = 2;
	w.m.lag = 1000;
	CHECK(settle_set_profile(w.s, &w.profile, NULL) == ERR_NONE, "batch");
	for (unsigned k = 0; k < 6; k++)
		(void)owes(&w, k, 10000 - k, 100000, 0, 0);
	settle_cash(w.s, &o, NULL, NULL, NULL);
	for (int i = 0; i < 30; i++)
		if (!model_answer(&w.m))
			turn(&w);
	CHECK(w.m.n_txs == 1, "one is sent: %zu", w.m.n_txs);
	kill_and_restart(&w);
	(void)owes(&w, 10, 20000, 100000, 0, 0);
	begin(&w);
	settle_dry_run(w.s, &o, on_plan, &w);
	CHECK(finish(&w) && w.plan.under_way == 2 && w.plan.n_batches == 3 &&
		      w.plan.batches[2].receipts == 1,
	      "%zu under way, %zu batches", w.plan.under_way, w.plan.n_batches);
	world_close(&w);
}

/* Several batches are under way when it is killed, and the next run begins at
 * once; somebody has begun to owe more than all others, so that its batches
 * are cut elsewhere. */
static void killed_anywhere_no_receipt_is_in_two_transactions(void)
{
	struct rng rng = rng_seeded(78);

	for (int round = 0; round < 40; round++) {
		uint32_t kill_after = rng_below(&rng, 200);
		struct settle_options o = {.to = {{0}}};
		struct world w;

		world_open(&w);
		w.profile.batch = 2;
		w.m.lag = rng_below(&rng, 8);
		CHECK(settle_set_profile(w.s, &w.profile, NULL) == ERR_NONE,
		      "batch");
		for (unsigned i = 0; i < 24; i++)
			(void)owes(&w, i, 1000, 2000, 0, 0);
		settle_cash(w.s, &o, NULL, NULL, NULL);
		for (uint32_t i = 0; i < kill_after; i++)
			if (!model_answer(&w.m))
				turn(&w);
		kill_and_restart(&w);
		CHECK(settle_set_profile(w.s, &w.profile, NULL) == ERR_NONE,
		      "batch");
		(void)owes(&w, 99, 1001, 2000, 0, 0);
		begin(&w);
		settle_cash(w.s, &o, on_step, on_done, &w);
		for (int i = 0; i < 6000 && (!w.done || settle_pending(w.s, 0));
		     i++)
			if (!model_answer(&w.m))
				turn(&w);
		for (size_t i = 1; i < w.m.n_accounts; i++)
			CHECK(w.m.accounts[i].paid_in / 1000 == 1 &&
				      cashed_in(&w.m, &w.m.accounts[i].who) ==
					      1,
			      "round %d: payer %zu in %u transactions", round,
			      i, cashed_in(&w.m, &w.m.accounts[i].who));
		books_agree(&w, "after the kill");
		world_close(&w);
	}
}

/* The chain changes between the plan and the block. */
static void a_payer_that_withdraws_in_between_bounces(void)
{
	struct settle_options o = {.to = {{0}}};
	struct model_account *a;
	struct book_pair pair;
	struct world w;

	world_open(&w);
	a = owes(&w, 1, 1000, 1000, 0, 0);
	(void)owes(&w, 2, 1000, 1000, 0, 0);
	w.m.lag = 3;
	begin(&w);
	settle_cash(w.s, &o, on_step, on_done, &w);
	while (!w.steps[OUTBOX_SENT])
		if (!model_answer(&w.m))
			turn(&w);
	a->free = 100;
	CHECK(finish(&w), "%s", w.e.msg);
	CHECK(w.r.bounced == 1 && w.r.receipts == 1 &&
		      amount_cmp(w.r.moved, amount_from_u64(1100)) == 0,
	      "%u bounced, %u cashed", w.r.bounced, w.r.receipts);
	CHECK(book_pair_load(w.book, &pair, &a->who, NULL) == ERR_NONE &&
		      pair.in.bounced,
	      "marked");
	books_agree(&w, "after a bounce");
	world_close(&w);
}

static void a_stubborn_token_is_approved_by_way_of_zero(void)
{
	static const struct {
		const char *name;
		uint64_t allowance;
		bool stubborn;
		unsigned transactions;
	} rows[] = {
		{"nothing was approved", 0, false, 2},
		{"enough was approved", 500, false, 1},
		{"too little was approved", 100, false, 2},
		{"too little, and the token is stubborn", 100, true, 3},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct world w;

		world_open(&w);
		w.m.accounts[0].wallet = 10000;
		w.m.allowance = rows[i].allowance;
		w.m.stubborn_token = rows[i].stubborn;
		begin(&w);
		settle_deposit(w.s, amount_from_u64(500), &w.cfg.me, on_step,
			       on_done, &w);
		CHECK(finish(&w), "%s: %s", rows[i].name, w.e.msg);
		CHECK(w.r.transactions == rows[i].transactions, "%s: %u",
		      rows[i].name, w.r.transactions);
		CHECK(w.m.accounts[0].free == 500, "%s: %llu deposited",
		      rows[i].name, (unsigned long long)w.m.accounts[0].free);
		books_agree(&w, rows[i].name);
		world_close(&w);
	}
}

static void what_cannot_be_is_refused_before_the_chain_is_asked(void)
{
	struct address none = {{0}};
	struct world w;

	world_open(&w);
	begin(&w);
	settle_deposit(w.s, AMOUNT_ZERO, &w.cfg.me, on_step, on_done, &w);
	CHECK(!w.done && !finish(&w) && w.e.code == ERR_PARSE, "%s", w.e.msg);
	begin(&w);
	settle_withdraw(w.s, amount_from_parts(1ULL << 48, 0), &w.cfg.me,
			on_step, on_done, &w);
	CHECK(!finish(&w) && w.e.code == ERR_LIMIT, "%s", w.e.msg);
	begin(&w);
	settle_withdraw(w.s, amount_from_u64(1), &none, on_step, on_done, &w);
	CHECK(!finish(&w) && w.e.code == ERR_PARSE, "%s", w.e.msg);
	begin(&w);
	settle_release(w.s, &none, &none, on_step, on_done, &w);
	CHECK(!finish(&w) && w.e.code == ERR_PARSE, "%s", w.e.msg);
	w.profile.has_bank = false;
	CHECK(settle_set_profile(w.s, &w.profile, NULL) == ERR_NONE, "set");
	begin(&w);
	settle_refresh(w.s, on_refreshed, &w);
	CHECK(!finish(&w) && w.e.code == ERR_STATE &&
		      strstr(w.e.msg, "contract deploy"),
	      "%s", w.e.msg);
	CHECK(w.m.f.n == 0 && w.m.n_txs == 0, "the chain was asked");
	world_close(&w);
}

/* The bank tells its token; before that nobody's balance is any money that the
 * book could count. */
static void a_token_that_is_not_set_is_taken_from_the_bank(void)
{
	struct settle_options o = {.to = {{0}}};
	struct book_totals t;
	struct world w;

	world_open(&w);
	w.m.accounts[0].wallet = 70;
	settle_free(w.s);
	w.profile.has_token = false;
	w.profile.token = (struct address){{0}};
	start(&w);
	for (int i = 0; i < 4; i++) {
		begin(&w);
		switch (i) {
		case 0:
			settle_refresh(w.s, on_refreshed, &w);
			break;
		case 1:
			settle_cash(w.s, &o, on_step, on_done, &w);
			break;
		case 2:
			settle_deposit(w.s, amount_from_u64(5), &w.cfg.me,
				       on_step, on_done, &w);
			break;
		case 3:
			settle_mint(w.s, &w.cfg.me, amount_from_u64(5), on_step,
				    on_done, &w);
			break;
		}
		CHECK(!finish(&w) && w.e.code == ERR_STATE &&
			      strstr(w.e.msg, "not known yet"),
		      "%d: %s", i, w.e.msg);
	}
	CHECK(w.m.f.n == 0 && w.m.n_txs == 0, "the chain was asked");
	CHECK(book_totals(w.book, &t, NULL) == ERR_NONE &&
		      amount_is_zero(t.wallet),
	      "coin was booked as tokens");
	begin(&w);
	settle_verify(w.s, on_bank, &w);
	CHECK(finish(&w) && address_eq(&w.bank.token, &w.m.token) &&
		      w.bank.decimals == 6,
	      "%s", w.e.msg);
	w.profile.has_token = true;
	w.profile.token = w.bank.token;
	CHECK(settle_set_profile(w.s, &w.profile, NULL) == ERR_NONE, "set");
	books_agree(&w, "with the token");
	CHECK(book_totals(w.book, &t, NULL) == ERR_NONE &&
		      amount_cmp(t.wallet, amount_from_u64(70)) == 0,
	      "the tokens are counted");
	w.profile.token = w.m.bank;
	CHECK(settle_set_profile(w.s, &w.profile, NULL) == ERR_NONE, "set");
	begin(&w);
	settle_verify(w.s, on_bank, &w);
	CHECK(!finish(&w) && w.e.code == ERR_SIG &&
		      strstr(w.e.msg, "config token --unset"),
	      "another that is set: %s", w.e.msg);
	world_close(&w);
}

static void a_read_asks_no_more_than_is_answered_at_once(void)
{
	static const struct {
		const char *name;
		size_t at_once, most;
	} rows[] = {
		{"all of it", 0, 43},
		{"nine questions: three pairs, or two and our own", 9, 7},
		{"not even a pair and our own: one pair", 3, 5},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct world w;

		world_open(&w);
		w.m.f.ch.at_once = rows[i].at_once;
		for (unsigned k = 0; k < 20; k++)
			(void)owes(&w, k, 1000, 100000, 0, 0);
		begin(&w);
		settle_refresh(w.s, on_refreshed, &w);
		CHECK(finish(&w), "%s: %s", rows[i].name, w.e.msg);
		books_agree(&w, rows[i].name);
		CHECK(w.m.asked_most == rows[i].most, "%s: %zu asked",
		      rows[i].name, w.m.asked_most);
		world_close(&w);
	}
}

/* A deployment succeeds only with the code that was sent, of
 * its token and period: on an EVM the node names the address,
 * on both it tells the code. */
static void what_is_deployed_is_compared(void)
{
	static uint8_t code[BANK_RUNTIME_LEN];
	static const struct address other = {{0x99}};
	static const struct {
		const char *name, *says;
		size_t at; /* of the byte that differs */
		size_t len;
		const struct address *token;
		uint32_t period;
	} rows[] = {
		{"as it was sent", NULL, 0, BANK_RUNTIME_LEN, NULL, 28800},
		{"a byte is another", "code differs at byte 700", 700,
		 BANK_RUNTIME_LEN, NULL, 28800},
		{"so is the last", "code differs", BANK_RUNTIME_LEN - 1,
		 BANK_RUNTIME_LEN, NULL, 28800},
		{"nothing lies there", "no contract", 0, 0, NULL, 28800},
		{"a part of it", "bytes of code", 0, BANK_RUNTIME_LEN - 1, NULL,
		 28800},
		{"a bank of another token", "another token", 0,
		 BANK_RUNTIME_LEN, &other, 28800},
		{"a bank of shorter periods", "periods of 20 blocks", 0,
		 BANK_RUNTIME_LEN, NULL, 20},
	};
	static const char *const kinds[] = {"local-evm", "local-tron"};

	for (size_t i = 0; i < ROWS(kinds) * ROWS(rows); i++) {
		const char *kind = kinds[i / ROWS(rows)];
		size_t n = i % ROWS(rows);
		struct world w;

		world_open(&w);
		settle_free(w.s);
		CHECK(!profile_find(&w.profile, kind, NULL), "%s", kind);
		start(&w);
		bank_code_fill(code, rows[n].token ? rows[n].token : &w.m.token,
			       rows[n].period);
		code[rows[n].at] ^= rows[n].at != 0;
		w.m.other_code = code;
		w.m.other_code_len = rows[n].len;
		begin(&w);
		settle_deploy(w.s, &w.m.token, false, 28800, on_step, on_done,
			      &w);
		CHECK(finish(&w) == !rows[n].says &&
			      (!rows[n].says || strstr(w.e.msg, rows[n].says)),
		      "%s, %s: %s", kind, rows[n].name, w.e.msg);
		CHECK(w.m.n_txs == 1, "%s, %s: one transaction", kind,
		      rows[n].name);
		world_close(&w);
	}
}

static void a_chain_that_is_away_changes_nothing(void)
{
	struct settle_options o = {.to = {{0}}};
	struct world w;

	world_open(&w);
	(void)owes(&w, 1, 1000, 1000, 0, 0);
	w.m.away = true;
	begin(&w);
	settle_cash(w.s, &o, on_step, on_done, &w);
	CHECK(!finish(&w) && w.e.code == ERR_CHAIN, "%s", w.e.msg);
	w.m.away = false;
	begin(&w);
	settle_cash(w.s, &o, on_step, on_done, &w);
	CHECK(finish(&w) && w.r.receipts == 1, "%s", w.e.msg);
	books_agree(&w, "after it came back");
	world_close(&w);
}

static void a_forgotten_journey_goes_on_in_silence(void)
{
	struct settle_options o = {.to = {{0}}};
	struct world w;

	world_open(&w);
	(void)owes(&w, 1, 1000, 1000, 0, 0);
	begin(&w);
	settle_cash(w.s, &o, on_step, on_done, &w);
	while (!w.steps[OUTBOX_STORED])
		if (!model_answer(&w.m))
			turn(&w);
	settle_forget(w.s, &w);
	for (int i = 0; i < 3000 && settle_pending(w.s, 0); i++)
		if (!model_answer(&w.m))
			turn(&w);
	CHECK(!w.done && !settle_pending(w.s, 0), "it ended without a word");
	books_agree(&w, "after it");
	world_close(&w);
}

/* Killed after any number of answers, again and again: every
 * journey's money is moved once or not at all, and the book
 * knows it. */
static void killed_anywhere_the_book_agrees_with_the_chain(void)
{
	struct rng rng = rng_seeded(7);

	for (int round = 0; round < 60; round++) {
		uint32_t kill_after = rng_below(&rng, 40);
		struct settle_options o = {.to = {{0}}};
		uint64_t before, total;
		struct world w;

		world_open(&w);
		w.m.lag = rng_below(&rng, 4);
		w.m.accounts[0].wallet = 100000;
		w.m.accounts[0].free = 5000;
		for (unsigned i = 0; i < 5; i++)
			(void)owes(&w, i, 1000, 400 + 200 * i, 0, 0);
		books_agree(&w, "at first");
		before = w.m.accounts[0].wallet + w.m.accounts[0].free;
		if (round % 3 == 0)
			o.to = w.cfg.me;
		settle_cash(w.s, &o, on_step, on_done, &w);
		settle_deposit(w.s, amount_from_u64(700), &w.cfg.me, on_step,
			       on_done, &w);
		settle_withdraw(w.s, amount_from_u64(300), &w.cfg.me, on_step,
				on_done, &w);
		kill_after_answers(&w, kill_after);
		total = w.m.accounts[0].wallet + w.m.accounts[0].free;
		for (size_t i = 1; i < w.m.n_accounts; i++)
			total -= w.m.accounts[i].paid_in;
		CHECK(total == before, "round %d: money was made", round);
		world_close(&w);
	}
}

int main(void)
{
	prices_convert_and_round_up();
	what_is_worth_twice_its_fee_is_cashed();
	worth_is_what_the_payer_can_pay();
	by_itself_the_node_waits_for_a_good_price();
	what_may_be_lost_goes_at_a_worse_price();
	only_what_may_be_lost_goes_in_a_hurry();
	in_a_hurry_the_worth_of_what_waits_is_told_right();
	without_a_price_nothing_goes_by_itself();
	many_receipts_go_in_batches_most_worth_first();
	the_price_at_which_a_fee_eats_all_is_told();
	a_dry_run_says_what_each_batch_costs_after_those_before();
	what_takes_too_long_is_sent_in_halves();
	each_that_did_well_lets_one_more_go_beside_it();
	a_signer_at_its_limit_ends_the_run();
	what_would_fail_is_not_paid_for();
	what_another_run_has_cashed_is_not_paid_for_again();
	a_payer_that_withdraws_in_between_bounces();
	a_stubborn_token_is_approved_by_way_of_zero();
	what_cannot_be_is_refused_before_the_chain_is_asked();
	a_token_that_is_not_set_is_taken_from_the_bank();
	a_read_asks_no_more_than_is_answered_at_once();
	what_is_deployed_is_compared();
	a_chain_that_is_away_changes_nothing();
	a_forgotten_journey_goes_on_in_silence();
	killed_anywhere_the_book_agrees_with_the_chain();
	a_plan_leaves_out_what_is_under_way();
	killed_anywhere_no_receipt_is_in_two_transactions();
	return CHECK_EXIT();
}
