#include "base/ecc.h"
#include "base/eip712.h"
#include "ledger/book/book_sum.h"
#include "tests/ledger/book_rig.h"
#include "tests/ledger/scratch.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DAY INT64_C(86400)

static struct address who(uint8_t n)
{
	struct address a = {{0}};

	a.bytes[0] = 0xaa;
	a.bytes[19] = n;
	return a;
}

static struct receipt signed_by(struct address payer, uint64_t amount)
{
	struct receipt r = {.payer = payer, .amount = n(amount)};

	memset(r.sig, (int)(amount % 251), sizeof(r.sig));
	return r;
}

static uint64_t low(struct amount a)
{
	uint64_t v = 0;

	CHECK(amount_to_u64(&v, a), "over 64 bits");
	return v;
}

static enum err_code take(struct book *b, uint8_t payer, uint64_t amount,
			  int64_t now_s)
{
	struct receipt r = signed_by(who(payer), amount);

	return book_receipt_in(b, &r, n(0), 0, now_s, NULL);
}

static enum err_code give(struct book *b, uint8_t payee, uint64_t amount,
			  uint64_t owed)
{
	struct address a = who(payee);
	struct book_out out = {
		.have = true, .newest = signed_by(me, amount), .owed = n(owed)};

	return book_receipt_out(b, &a, &out, NULL, NOW, NULL);
}

static struct book_facts facts(uint64_t paid, uint64_t reserve, int64_t until,
			       uint64_t free_balance, uint64_t block)
{
	return (struct book_facts){.known = true,
				   .paid = n(paid),
				   .reserve = n(reserve),
				   .until = until,
				   .free = n(free_balance),
				   .block = block};
}

static void expect_totals(struct book *b, const char *name, uint64_t promised,
			  uint64_t secured, uint64_t final)
{
	struct book_totals t;

	CHECK(book_totals(b, &t, NULL) == ERR_NONE, "%s", name);
	CHECK(low(t.promised) == promised, "%s: promised %llu", name,
	      (unsigned long long)low(t.promised));
	CHECK(low(t.secured) == secured, "%s: secured %llu", name,
	      (unsigned long long)low(t.secured));
	CHECK(low(t.final) == final, "%s: final %llu", name,
	      (unsigned long long)low(t.final));
}

static void receipts_in_only_rise(void)
{
	static const struct {
		const char *name;
		uint64_t amount;
		enum err_code want;
	} rows[] = {
		{"the first", 100, ERR_NONE},	 {"the same", 100, ERR_STATE},
		{"lower", 99, ERR_STATE},	 {"higher", 101, ERR_NONE},
		{"much higher", 5000, ERR_NONE},
	};
	struct book *b = fresh();
	struct address a = who(1);
	struct book_pair pair;

	for (size_t i = 0; i < ROWS(rows); i++)
		CHECK(take(b, 1, rows[i].amount, NOW) == rows[i].want, "%s",
		      rows[i].name);
	CHECK(book_commit(b, NULL) == ERR_NONE, "commit");
	CHECK(book_pair_load(b, &pair, &a, NULL) == ERR_NONE, "load");
	CHECK(pair.in.have && low(pair.in.newest.amount) == 5000, "newest");
	CHECK(memcmp(pair.in.newest.sig, signed_by(a, 5000).sig, 64) == 0,
	      "its signature");
	expect_totals(b, "receipts", 5000, 0, 0);
	expect_sound(b, "receipts");
	book_close(b);
}

static void receipts_of_an_hour_share_an_entry(void)
{
	struct book *b = fresh();
	struct book_totals t;

	for (uint64_t i = 1; i <= 500; i++) {
		CHECK(take(b, 1, i * 10, NOW + (int64_t)i) == ERR_NONE, "take");
		if (i % 50 == 0)
			CHECK(book_tick(b, NOW + (int64_t)i, NULL) == ERR_NONE,
			      "tick");
	}
	CHECK(take(b, 1, 6000, NOW + 3600) == ERR_NONE, "an hour on");
	expect_sound(b, "not booked yet");
	expect_totals(b, "not booked yet", 6000, 0, 0);
	CHECK(book_tick(b, NOW + 3600, NULL) == ERR_NONE, "tick");
	CHECK(take(b, 2, 70, NOW) == ERR_NONE, "another payer");
	CHECK(book_tick(b, NOW + 3601, NULL) == ERR_NONE, "tick");
	CHECK(book_totals(b, &t, NULL) == ERR_NONE, "totals");
	CHECK(t.entries == 3, "%llu entries", (unsigned long long)t.entries);
	CHECK(low(t.promised) == 6070, "sum");
	expect_sound(b, "an hour");
	book_close(b);
}

static void money_moves_with_what_the_bank_says(void)
{
	/* payer 1 has promised 1000; each row is a later read */
	static const struct {
		const char *name;
		uint64_t paid, reserve;
		int64_t until;
		uint64_t block, promised, secured, final;
		enum err_code want;
	} rows[] = {
		{"a reserve secures", 0, 300, NOW + 30 * DAY, 10, 700, 300, 0,
		 ERR_NONE},
		{"an older read changes nothing", 0, 0, 0, 9, 700, 300, 0,
		 ERR_NONE},
		{"a reserve over all of it", 0, 5000, NOW + 30 * DAY, 11, 0,
		 1000, 0, ERR_NONE},
		{"a reserve that ends too soon", 0, 5000, NOW + 3 * DAY - 1, 12,
		 1000, 0, 0, ERR_NONE},
		{"just long enough", 0, 5000, NOW + 3 * DAY, 13, 0, 1000, 0,
		 ERR_NONE},
		{"cashed in part", 400, 4600, NOW + 30 * DAY, 14, 0, 600, 400,
		 ERR_NONE},
		{"what was paid and is undone is due again", 100, 4900,
		 NOW + 30 * DAY, 15, 0, 900, 100, ERR_NONE},
		{"cashed", 1000, 4000, NOW + 30 * DAY, 16, 0, 0, 1000,
		 ERR_NONE},
		{"another database cashed more", 1500, 3500, NOW + 30 * DAY, 17,
		 0, 0, 1500, ERR_NONE},
	};
	struct book *b = fresh();
	struct address a = who(1);

	CHECK(take(b, 1, 1000, NOW) == ERR_NONE, "take");
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct book_facts f = facts(rows[i].paid, rows[i].reserve,
					    rows[i].until, 0, rows[i].block);

		CHECK(book_facts_in(b, &a, &f, BOOK_TO_BANK, NOW, NULL) ==
			      rows[i].want,
		      "%s", rows[i].name);
		expect_totals(b, rows[i].name, rows[i].promised,
			      rows[i].secured, rows[i].final);
		expect_sound(b, rows[i].name);
	}
	book_close(b);
}

static void a_reserve_near_its_end_secures_nothing(void)
{
	struct book *b = fresh();
	struct address a = who(1);
	struct book_facts f = facts(0, 900, NOW + 10 * DAY, 0, 1);

	CHECK(take(b, 1, 1000, NOW) == ERR_NONE, "take");
	CHECK(book_facts_in(b, &a, &f, BOOK_TO_BANK, NOW, NULL) == ERR_NONE,
	      "facts");
	CHECK(book_tick(b, NOW + 7 * DAY, NULL) == ERR_NONE, "tick");
	expect_totals(b, "3 days before", 100, 900, 0);
	CHECK(book_tick(b, NOW + 7 * DAY + 1, NULL) == ERR_NONE, "tick");
	expect_totals(b, "a second later", 1000, 0, 0);
	expect_sound(b, "ended");
	book_close(b);
}

static void what_payees_draw_leaves_reserve_then_balance(void)
{
	struct book *b = fresh();
	struct address a = who(7);
	struct amount start = n(10000), own, beyond;
	struct book_totals t;
	struct book_facts f;

	CHECK(!book_own_funds(b, &own, &beyond), "known before it was read");
	CHECK(book_facts_own(b, &start, NULL, NULL, 1, NOW, NULL) == ERR_NONE,
	      "own");
	CHECK(give(b, 7, 3000, 2500) == ERR_NONE, "give");
	CHECK(give(b, 7, 2999, 2500) == ERR_STATE, "a lower one was kept");
	CHECK(book_own_funds(b, &own, &beyond), "funds");
	CHECK(low(own) == 10000 && low(beyond) == 3000, "nothing drawn yet");
	f = facts(0, 2000, NOW + DAY, 8000, 2);
	CHECK(book_facts_out(b, &a, &f, NOW, NULL) == ERR_NONE, "reserve");
	CHECK(book_own_funds(b, &own, &beyond), "funds");
	CHECK(low(own) == 8000 && low(beyond) == 1000, "reserved %llu %llu",
	      (unsigned long long)low(own), (unsigned long long)low(beyond));
	expect_sound(b, "reserved");
	f = facts(3000, 0, NOW + DAY, 7000, 3);
	CHECK(book_facts_out(b, &a, &f, NOW, NULL) == ERR_NONE, "drawn");
	CHECK(book_own_funds(b, &own, &beyond), "funds");
	CHECK(low(own) == 7000 && low(beyond) == 0, "drawn: %llu %llu",
	      (unsigned long long)low(own), (unsigned long long)low(beyond));
	CHECK(book_totals(b, &t, NULL) == ERR_NONE, "totals");
	CHECK(low(t.spent) == 3000 && low(t.owed) == 0 && low(t.bank) == 7000,
	      "totals");
	expect_sound(b, "drawn");
	book_close(b);
}

static void money_through_others_hands_is_found(void)
{
	struct book *b = fresh();
	struct address a = who(1);
	struct amount own = n(50);
	struct book_facts f = facts(400, 0, 0, 0, 5);
	struct book_totals t;

	CHECK(book_facts_own(b, &own, &own, NULL, 1, NOW, NULL) == ERR_NONE,
	      "own");
	CHECK(take(b, 1, 400, NOW) == ERR_NONE, "take");
	CHECK(book_facts_in(b, &a, &f, BOOK_TO_UNKNOWN, NOW, NULL) == ERR_NONE,
	      "a watchtower cashed");
	own = n(450);
	CHECK(book_facts_own(b, &own, NULL, NULL, 5, NOW, NULL) == ERR_NONE,
	      "own");
	CHECK(book_totals(b, &t, NULL) == ERR_NONE, "totals");
	CHECK(low(t.bank) == 450 && low(t.wallet) == 50, "totals");
	expect_sound(b, "watchtower");
	book_close(b);
}

/* Cashed, final, and then its blocks are no more: both balance and promise are
 * as they were, and nobody outside has had anything to do with it. */
static void what_was_final_and_is_undone_is_taken_back(void)
{
	struct book *b = fresh();
	struct address a = who(1);
	struct amount own = n(50);
	struct book_facts f = facts(400, 0, 0, 0, 5);
	struct book_totals t;

	CHECK(book_facts_own(b, &own, NULL, NULL, 1, NOW, NULL) == ERR_NONE,
	      "own");
	CHECK(take(b, 1, 400, NOW) == ERR_NONE, "take");
	CHECK(book_facts_in(b, &a, &f, BOOK_TO_BANK, NOW, NULL) == ERR_NONE,
	      "cashed");
	CHECK(book_undone(b) == 0, "nothing is undone yet");
	f = facts(0, 0, 0, 400, 6);
	CHECK(book_facts_in(b, &a, &f, BOOK_TO_BANK, NOW, NULL) == ERR_NONE,
	      "undone");
	CHECK(book_undone(b) == 1, "it is told");
	expect_sound(b, "undone");
	CHECK(book_facts_own(b, &own, NULL, NULL, 6, NOW, NULL) == ERR_NONE,
	      "own");
	CHECK(book_totals(b, &t, NULL) == ERR_NONE, "totals");
	CHECK(low(t.bank) == 50 && low(t.promised) == 400 && t.entries == 5,
	      "bank %llu promised %llu, %llu entries",
	      (unsigned long long)low(t.bank),
	      (unsigned long long)low(t.promised),
	      (unsigned long long)t.entries);
	f = facts(400, 0, 0, 0, 7);
	CHECK(book_facts_in(b, &a, &f, BOOK_TO_BANK, NOW, NULL) == ERR_NONE,
	      "cashed again");
	own = n(450);
	CHECK(book_facts_own(b, &own, NULL, NULL, 7, NOW, NULL) == ERR_NONE &&
		      book_totals(b, &t, NULL) == ERR_NONE &&
		      low(t.bank) == 450 && low(t.promised) == 0 &&
		      t.entries == 6,
	      "nothing was left in between: %llu entries",
	      (unsigned long long)t.entries);
	expect_sound(b, "cashed again");
	book_close(b);
}

/* The same of what a payee drew. */
static void what_a_payee_drew_and_is_undone_is_owed_again(void)
{
	struct book *b = fresh();
	struct address a = who(7);
	struct amount start = n(1000), own, beyond;
	struct book_facts f = facts(300, 0, 0, 700, 2);

	CHECK(book_facts_own(b, &start, NULL, NULL, 1, NOW, NULL) == ERR_NONE &&
		      give(b, 7, 300, 250) == ERR_NONE &&
		      book_facts_out(b, &a, &f, NOW, NULL) == ERR_NONE,
	      "drawn");
	f = facts(0, 0, 0, 1000, 3);
	CHECK(book_facts_out(b, &a, &f, NOW, NULL) == ERR_NONE, "undone");
	CHECK(book_own_funds(b, &own, &beyond) && low(own) == 1000 &&
		      low(beyond) == 300,
	      "%llu, %llu beyond", (unsigned long long)low(own),
	      (unsigned long long)low(beyond));
	CHECK(book_undone(b) == 1, "it is told");
	expect_sound(b, "undone");
	book_close(b);
}

static struct book_tx_form form_of(uint8_t id)
{
	static uint8_t raw[300];
	struct book_tx_form f = {.raw = raw, .raw_len = sizeof(raw)};

	f.txid.bytes[0] = id;
	f.fee_max = n(id);
	return f;
}

struct seen {
	unsigned n;
	size_t forms;
	uint8_t last_id;
	size_t meta_len;
};

static bool see(void *ctx, const struct book_tx *tx,
		const struct book_tx_form *forms, size_t count)
{
	struct seen *s = ctx;

	s->n++;
	s->forms = count;
	s->last_id = count ? forms[count - 1].txid.bytes[0] : 0;
	s->meta_len = tx->meta_len;
	CHECK(count == 0 || forms[0].raw_len == 300, "raw");
	return true;
}

static void transactions_are_stored_and_end_once(void)
{
	struct book *b = fresh();
	struct book_tx tx = {.kind = BOOK_TX_DEPOSIT,
			     .slot = 41,
			     .amount = n(500),
			     .meta = (const uint8_t *)"call",
			     .meta_len = 4};
	struct book_tx_form f = form_of(1);
	struct amount wallet = n(600), none = n(0);
	struct seen s = {0};
	struct book_totals t;
	uint64_t slot_floor = 9;

	CHECK(book_tx_slot_floor(b, &slot_floor, NULL) == ERR_NONE, "floor");
	CHECK(slot_floor == 0, "no slot yet");
	CHECK(book_facts_own(b, &none, &wallet, &wallet, 1, NOW, NULL) ==
		      ERR_NONE,
	      "own");
	CHECK(book_tx_add(b, &tx, &f, NULL) == ERR_NONE && tx.id > 0, "add");
	for (uint8_t i = 2; i <= BOOK_TX_FORMS_MAX; i++) {
		f = form_of(i);
		CHECK(book_tx_add_form(b, tx.id, &f, NULL) == ERR_NONE, "form");
	}
	CHECK(book_tx_add_form(b, tx.id, &f, NULL) == ERR_LIMIT, "a ninth");
	CHECK(book_tx_list(b, BOOK_TX_PENDING, 0, see, &s, NULL) == ERR_NONE,
	      "list");
	CHECK(s.n == 1 && s.forms == 8 && s.last_id == 8 && s.meta_len == 4,
	      "%u listed, %zu forms", s.n, s.forms);
	CHECK(book_tx_slot_floor(b, &slot_floor, NULL) == ERR_NONE &&
		      slot_floor == 42,
	      "floor");
	CHECK(book_tx_end(b, tx.id, BOOK_TX_FINAL, 77, n(3), NOW, NULL) ==
		      ERR_NONE,
	      "end");
	CHECK(book_tx_end(b, tx.id, BOOK_TX_FINAL, 77, n(3), NOW, NULL) ==
		      ERR_STATE,
	      "booked twice");
	CHECK(book_tx_add_form(b, tx.id, &f, NULL) == ERR_STATE, "ended");
	CHECK(book_totals(b, &t, NULL) == ERR_NONE, "totals");
	CHECK(low(t.bank) == 500 && low(t.wallet) == 100 && low(t.fees) == 3,
	      "totals");
	expect_sound(b, "deposit");
	book_close(b);
}

static void a_withdrawal_goes_where_it_went(void)
{
	static const struct {
		const char *name;
		bool to_me, ok;
		uint64_t bank, wallet;
	} rows[] = {
		{"to our wallet", true, true, 300, 200},
		{"to a cold address", false, true, 300, 0},
		{"it failed", true, false, 500, 0},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct book *b = fresh();
		struct book_tx tx = {.kind = BOOK_TX_WITHDRAW,
				     .amount = n(200),
				     .to = rows[i].to_me ? me : who(9)};
		struct book_tx_form f = form_of(1);
		struct amount bank = n(500);
		struct book_totals t;

		CHECK(book_facts_own(b, &bank, NULL, NULL, 1, NOW, NULL) ==
			      ERR_NONE,
		      "own");
		CHECK(book_tx_add(b, &tx, &f, NULL) == ERR_NONE, "add");
		CHECK(book_tx_end(b, tx.id,
				  rows[i].ok ? BOOK_TX_FINAL : BOOK_TX_FAILED,
				  5, n(0), NOW, NULL) == ERR_NONE,
		      "end");
		CHECK(book_totals(b, &t, NULL) == ERR_NONE, "totals");
		CHECK(low(t.bank) == rows[i].bank &&
			      low(t.wallet) == rows[i].wallet,
		      "%s", rows[i].name);
		expect_sound(b, rows[i].name);
		book_close(b);
	}
}

struct dues {
	unsigned n;
	uint64_t last;
};

static bool see_due(void *ctx, const struct book_due *d)
{
	struct dues *s = ctx;
	uint64_t v = low(d->uncashed);

	CHECK(v <= s->last, "not by worth");
	s->last = v;
	s->n++;
	return true;
}

static void settlement_sees_the_most_worth_first(void)
{
	struct book *b = fresh();
	struct address a = who(3);
	struct book_facts f = facts(900, 0, 0, 0, 1);
	struct dues s = {.last = UINT64_MAX};

	for (uint8_t i = 1; i <= 5; i++)
		CHECK(take(b, i, 300 * (uint64_t)i, NOW) == ERR_NONE, "take");
	CHECK(book_facts_in(b, &a, &f, BOOK_TO_BANK, NOW, NULL) == ERR_NONE,
	      "payer 3 is cashed");
	CHECK(book_due_list(b, NOW, see_due, &s, NULL) == ERR_NONE, "list");
	CHECK(s.n == 4, "%u due", s.n);
	book_close(b);
}

/* Reads that follow one another, and what they say of the payer's balance. */
static void what_a_payer_lost_elsewhere_is_kept(void)
{
	struct book *b = fresh();
	struct address a = who(1);
	struct book_facts f = facts(0, 0, 0, 0, 2);
	struct book_pair p;

	CHECK(take(b, 1, 1000, NOW) == ERR_NONE, "take");
	f.free = n(5000);
	CHECK(book_facts_in(b, &a, &f, BOOK_TO_BANK, NOW, NULL) == ERR_NONE,
	      "first");
	f = facts(300, 0, 0, 0, 3);
	f.free = n(4000); /* 300 of these 1000 came to us */
	CHECK(book_facts_in(b, &a, &f, BOOK_TO_BANK, NOW, NULL) == ERR_NONE,
	      "second");
	f.block = 1;
	f.free = n(0);
	CHECK(book_facts_in(b, &a, &f, BOOK_TO_BANK, NOW, NULL) == ERR_NONE,
	      "an older one");
	CHECK(take(b, 1, 1100, NOW) == ERR_NONE, "a receipt in between");
	CHECK(book_pair_load(b, &p, &a, NULL) == ERR_NONE &&
		      low(cover_elsewhere(&p.in.drain, NOW)) == 700,
	      "kept: %llu",
	      (unsigned long long)low(cover_elsewhere(&p.in.drain, NOW)));
	book_close(b);
}

static void a_bounce_lasts_until_it_is_made_good(void)
{
	struct book *b = fresh();
	struct address a = who(1);
	struct book_facts f = facts(600, 0, 0, 0, 2);
	struct book_pair p;

	CHECK(take(b, 1, 1000, NOW) == ERR_NONE, "take");
	CHECK(book_facts_in(b, &a, &f, BOOK_TO_BANK, NOW, NULL) == ERR_NONE,
	      "a part came");
	CHECK(book_bounced(b, &a, NULL) == ERR_NONE, "bounced");
	CHECK(book_pair_load(b, &p, &a, NULL) == ERR_NONE && p.in.bounced,
	      "not marked");
	f = facts(999, 0, 0, 0, 3);
	CHECK(book_facts_in(b, &a, &f, BOOK_TO_BANK, NOW, NULL) == ERR_NONE,
	      "more");
	CHECK(book_pair_load(b, &p, &a, NULL) == ERR_NONE && p.in.bounced,
	      "forgiven too early");
	f = facts(1000, 0, 0, 0, 4);
	CHECK(book_facts_in(b, &a, &f, BOOK_TO_BANK, NOW, NULL) == ERR_NONE,
	      "all");
	CHECK(book_pair_load(b, &p, &a, NULL) == ERR_NONE && !p.in.bounced,
	      "not forgiven");
	book_close(b);
}

static void a_budget_ends_with_its_download(void)
{
	struct book *b = NULL;
	struct address a = who(4);
	struct book_out out = {.have = true, .newest = signed_by(me, 800)};
	struct book_job job = {.key = {1}, .spent = n(800)};
	struct book_job next = {.key = {2}, .spent = n(900)};
	const uint8_t unknown[20] = {3};

	CHECK(book_open(&b, ":memory:", &me, NULL) == ERR_NONE, "open");
	CHECK(book_receipt_out(b, &a, &out, &job, NOW, NULL) == ERR_NONE &&
		      book_receipt_out(b, &a, &out, &next, NOW, NULL) ==
			      ERR_NONE &&
		      book_commit(b, NULL) == ERR_NONE,
	      "give");
	CHECK(book_job_end(b, job.key, NULL) == ERR_NONE, "end");
	book_rollback(b);
	CHECK(book_job_load(b, &job, NULL) == ERR_NONE && low(job.spent) == 800,
	      "before the commit nothing has ended");
	(void)!book_commit(b, NULL); /* the next turn begins */
	CHECK(book_job_end(b, job.key, NULL) == ERR_NONE &&
		      book_job_end(b, unknown, NULL) == ERR_NONE &&
		      book_commit(b, NULL) == ERR_NONE,
	      "end");
	CHECK(book_job_load(b, &job, NULL) == ERR_NONE && low(job.spent) == 0,
	      "the next one begins at nothing");
	CHECK(book_job_load(b, &next, NULL) == ERR_NONE &&
		      low(next.spent) == 900,
	      "another download goes on");
	expect_sound(b, "after it");
	book_close(b);
}

static void budgets_and_counts_survive(void)
{
	struct scratch dir;
	const char *path;
	struct book *b = NULL;
	struct address a = who(4), other = who(5);
	struct book_out out = {.have = true,
			       .newest = signed_by(me, 800),
			       .owed = n(700),
			       .owed_rem = 12345,
			       .lost = n(3),
			       .bytes = 1 << 20};
	struct book_job job = {.key = {1, 2, 3}, .spent = n(800)};
	struct book_pair p;

	scratch_make(&dir);
	path = scratch_path(&dir, "book.db");
	CHECK(book_open(&b, path, &me, NULL) == ERR_NONE, "open");
	CHECK(book_receipt_out(b, &a, &out, &job, NOW, NULL) == ERR_NONE,
	      "give");
	CHECK(book_commit(b, NULL) == ERR_NONE, "commit");
	CHECK(book_note_set(b, "lost", "x", 1, NULL) == ERR_NONE, "staged");
	book_close(b); /* without a commit: the note is gone */
	CHECK(book_open(&b, path, &other, NULL) == ERR_STATE,
	      "another account's book was opened");
	CHECK(book_open_readonly(&b, path, NULL) == ERR_NONE, "read only");
	job.spent = n(0);
	CHECK(book_job_load(b, &job, NULL) == ERR_NONE && low(job.spent) == 800,
	      "budget");
	CHECK(book_pair_load(b, &p, &a, NULL) == ERR_NONE, "load");
	CHECK(p.out.owed_rem == 12345 && low(p.out.lost) == 3 &&
		      p.out.bytes == 1 << 20 && !p.out.banned,
	      "counts");
	CHECK(take(b, 1, 5, NOW) == ERR_STATE, "a read-only book was changed");
	{
		uint8_t buf[8];
		size_t len = sizeof(buf);

		CHECK(book_note_get(b, "lost", buf, &len, NULL) == ERR_NONE &&
			      len == 0,
		      "staged without commit, and there");
	}
	CHECK(book_set_coin_is_token(b, true, NULL) == ERR_NONE,
	      "a book that is only read cannot be looked at as the coin's");
	expect_sound(b, "read only");
	book_close(b);
	scratch_remove(&dir);
}

static void the_book_is_held_against_the_chain(void)
{
	struct book *b = fresh();
	struct address a = who(1);
	struct amount own = n(100);
	struct book_facts f = facts(400, 50, NOW + 9 * DAY, 0, 5);
	struct book_chain_pair pair = {.peer = a, .in = true, .facts = f};
	struct book_chain chain = {.free_known = true,
				   .free = n(500),
				   .pairs = &pair,
				   .n_pairs = 1};
	unsigned findings = 9;

	CHECK(book_facts_own(b, &own, NULL, NULL, 1, NOW, NULL) == ERR_NONE,
	      "own");
	CHECK(take(b, 1, 400, NOW) == ERR_NONE, "take");
	CHECK(book_facts_in(b, &a, &f, BOOK_TO_BANK, NOW, NULL) == ERR_NONE,
	      "facts");
	CHECK(book_check_chain(b, &chain, tell_finding,
			       (void *)(uintptr_t) "chain", &findings,
			       NULL) == ERR_NONE &&
		      findings == 0,
	      "%u findings", findings);
	pair.facts.paid = n(401);
	chain.free = n(501);
	CHECK(book_check_chain(b, &chain, NULL, NULL, &findings, NULL) ==
			      ERR_NONE &&
		      findings == 3,
	      "free, paid, and more than signed: %u", findings);
	book_close(b);
}

static void a_turn_that_lost_something_fails_whole(void)
{
	struct book *b = fresh();
	struct address a = who(1);
	struct book_pair p;

	CHECK(take(b, 1, 10, NOW) == ERR_NONE, "take");
	book_rollback(b); /* as a commit in mid-turn that fails */
	CHECK(book_dirty(b), "nobody would hear of it");
	CHECK(take(b, 1, 20, NOW) == ERR_NONE, "take");
	CHECK(book_commit(b, NULL) == ERR_DB, "the turn's end was not told");
	CHECK(book_pair_load(b, &p, &a, NULL) == ERR_NONE && !p.in.have,
	      "told as failed, and stored");
	CHECK(take(b, 1, 10, NOW) == ERR_NONE, "take again");
	CHECK(book_commit(b, NULL) == ERR_NONE, "told twice");
	expect_sound(b, "after a lost turn");
	book_close(b);
}

static enum err_code spoil(struct book *b, int how)
{
	struct book_db *db = book_tables(b);
	struct book_row_account acc = {
		.kind = BOOK_PROMISED, .unit = BOOK_TOKEN, .peer = who(1)};
	struct book_sum sum = book_sum_of(n(41));
	struct book_row_pair row = {.side = BOOK_SIDE_IN, .peer = who(1)};
	struct book_row_pair out = {.side = BOOK_SIDE_OUT, .peer = who(2)};

	if (book_db_stage(db, NULL) != ERR_NONE ||
	    book_db_account(db, &acc, false, NULL) != ERR_NONE ||
	    book_db_pair_get(db, &row, NULL) != ERR_NONE ||
	    book_db_pair_get(db, &out, NULL) != ERR_NONE)
		return ERR_DB;
	switch (how) {
	case 0:
		return book_db_balance_set(db, acc.id, &sum, NULL);
	case 1:
		return book_db_posting_set(db, 1, acc.id, &sum, NULL);
	case 2:
		row.in.newest.amount = n(41);
		row.uncashed = n(41);
		return book_db_pair_set(db, &row, NULL);
	case 3:
		row.in.newest.payer = who(9);
		row.uncashed = n(42);
		return book_db_pair_set(db, &row, NULL);
	case 4:
		row.in.owed = n(43);
		row.uncashed = n(42);
		return book_db_pair_set(db, &row, NULL);
	case 5:
		out.out.owed = n(50);
		out.out.lost = n(1);
		return book_db_pair_set(db, &out, NULL);
	default: /* allowed: a number, not an enum */
		out.out.newest.amount = n(49);
		return book_db_pair_set(db, &out, NULL);
	}
}

static void the_check_finds_what_was_spoilt(void)
{
	static const char *const names[] = {
		"a cached balance",	 "a posting",
		"a receipt's amount",	 "a receipt's payer",
		"served beyond it",	 "owed beyond what was promised",
		"a receipt of ours cut",
	};

	for (int i = 0; i < (int)ROWS(names); i++) {
		struct book *b = fresh();
		unsigned findings = 0;

		CHECK(take(b, 1, 42, NOW) == ERR_NONE, "take");
		CHECK(give(b, 2, 50, 10) == ERR_NONE, "give");
		expect_sound(b, "not booked yet");
		CHECK(book_tick(b, NOW, NULL) == ERR_NONE, "tick");
		expect_sound(b, names[i]);
		CHECK(spoil(b, i) == ERR_NONE, "%s: spoil", names[i]);
		CHECK(book_check(b, NULL, NULL, NULL, &findings, NULL) ==
				      ERR_NONE &&
			      findings > 0,
		      "%s was not found", names[i]);
		book_close(b);
	}
}

static void the_export_has_a_line_a_posting(void)
{
	struct book *b = fresh();
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	CHECK(take(b, 1, 42, NOW) == ERR_NONE, "take");
	CHECK(book_tick(b, NOW, NULL) == ERR_NONE, "tick");
	CHECK(take(b, 1, 43, NOW) == ERR_NONE, "take");
	CHECK(book_export_csv(b, f, NULL) == ERR_NONE, "export");
	(void)fclose(f);
	CHECK(strcmp(text,
		     "entry,time,kind,account,peer,unit,amount,transaction\n"
		     "1,2027-01-15T08:00:00Z,receipt in,promised,0xaa0000000000"
		     "00000000000000000000000000"
		     "01,token,42,0\n"
		     "1,2027-01-15T08:00:00Z,receipt in,earned,0xaa0000000000"
		     "00000000000000000000000000"
		     "01,token,-42,0\n"
		     "0,,receipt in,promised,0xaa0000000000"
		     "00000000000000000000000000"
		     "01,token,1,0\n"
		     "0,,receipt in,earned,0xaa0000000000"
		     "00000000000000000000000000"
		     "01,token,-1,0\n") == 0,
	      "%s", text);
	free(text);
	book_close(b);
}

static void receipts_are_what_was_signed(void)
{
	const uint8_t secret[32] = {7, 7, 7};
	const struct address bank = {{0xb0}};
	const struct hash32 domain = eip712_domain(5, &bank);
	struct ecc *c = ecc_new(NULL);
	struct ecc_key key;

	CHECK(c && ecc_key_read(&key, secret, NULL) == ERR_NONE, "a key");
	for (int spoil = 0; spoil < 2; spoil++) {
		struct receipt r = {.payer = ecc_address(c, &key),
				    .amount = n(77)};
		struct hash32 digest =
			eip712_receipt(&domain, &r.payer, &me, r.amount);
		struct ecc_sig full = ecc_sign(c, &key, &digest);
		struct sig64 sig = sig64_pack(&full);
		struct book *b = fresh();
		unsigned findings = 0;

		memcpy(r.sig, sig.bytes, sizeof(r.sig));
		if (spoil)
			r.amount = n(79);
		CHECK(book_receipt_in(b, &r, n(0), 0, NOW, NULL) == ERR_NONE,
		      "receipt");
		CHECK(book_commit(b, NULL) == ERR_NONE, "commit");
		CHECK(book_check(b, NULL, NULL, NULL, &findings, NULL) ==
				      ERR_NONE &&
			      findings == 0,
		      "without the bank it is not looked at");
		CHECK(book_check(b, &domain, NULL, NULL, &findings, NULL) ==
				      ERR_NONE &&
			      findings == (unsigned)spoil,
		      "%d: %u findings", spoil, findings);
		book_close(b);
	}
	ecc_key_clear(&key);
	ecc_free(c);
}

int main(void)
{
	receipts_in_only_rise();
	receipts_of_an_hour_share_an_entry();
	money_moves_with_what_the_bank_says();
	a_reserve_near_its_end_secures_nothing();
	what_payees_draw_leaves_reserve_then_balance();
	money_through_others_hands_is_found();
	what_was_final_and_is_undone_is_taken_back();
	what_a_payee_drew_and_is_undone_is_owed_again();
	transactions_are_stored_and_end_once();
	a_withdrawal_goes_where_it_went();
	settlement_sees_the_most_worth_first();
	what_a_payer_lost_elsewhere_is_kept();
	a_bounce_lasts_until_it_is_made_good();
	budgets_and_counts_survive();
	a_budget_ends_with_its_download();
	the_book_is_held_against_the_chain();
	a_turn_that_lost_something_fails_whole();
	the_check_finds_what_was_spoilt();
	the_export_has_a_line_a_posting();
	receipts_are_what_was_signed();
	return CHECK_EXIT();
}
