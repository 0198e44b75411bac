/* The book of an account that rents: what final state says of agreements, and
 * what that does to its money. */
#include "ledger/book/book_sum.h"
#include "tests/ledger/book_rig.h"

#include <stdlib.h>
#include <string.h>

static const struct address other = {{0xaa}};

/* Ten spans of two periods: one miss costs nothing. */
static struct bank_agreement opened(uint64_t fund, uint64_t collateral)
{
	return (struct bank_agreement){.state = BANK_AGREEMENT_OPEN,
				       .revision = 1,
				       .sectors = 3,
				       .through = 10,
				       .rate = n(5),
				       .start = 10,
				       .end = 30,
				       .span = 2,
				       .fund = n(fund),
				       .collateral = n(collateral),
				       .penalty = n(30)};
}

static struct book_lease renting(uint32_t number)
{
	return (struct book_lease){me, other, number};
}

static struct book_lease hosting(uint32_t number)
{
	return (struct book_lease){other, me, number};
}

static enum err_code say(struct book *b, struct book_lease lease,
			 const struct bank_agreement *v, uint64_t block)
{
	struct err e = {0};

	return book_agreement_facts(b, &lease, v, block, NOW, &e);
}

struct want {
	int64_t bank; /* from 1,000 */
	uint64_t fund, rent_paid, collateral, rent_earned, burnt;
};

static void expect(struct book *b, const char *name, struct want w)
{
	struct book_totals t;

	CHECK(book_totals(b, &t, NULL) == ERR_NONE, "%s", name);
	CHECK(amount_cmp(t.bank, n((uint64_t)(1000 + w.bank))) == 0,
	      "%s: free balance", name);
	CHECK(amount_cmp(t.fund, n(w.fund)) == 0, "%s: fund", name);
	CHECK(amount_cmp(t.rent_paid, n(w.rent_paid)) == 0, "%s: rent paid",
	      name);
	CHECK(amount_cmp(t.collateral, n(w.collateral)) == 0, "%s: collateral",
	      name);
	CHECK(amount_cmp(t.rent_earned, n(w.rent_earned)) == 0,
	      "%s: rent earned", name);
	CHECK(amount_cmp(t.burnt, n(w.burnt)) == 0, "%s: burnt", name);
	expect_sound(b, name);
}

/* A book with 1,000 in the bank. */
static struct book *with_money(void)
{
	struct book *b = fresh();
	struct amount own = n(1000);

	CHECK(book_facts_own(b, &own, NULL, NULL, 1, NOW, NULL) == ERR_NONE,
	      "own");
	return b;
}

/* One life, told step by step; the book sees it as renter, host or both. */
static void a_life_moves_what_the_bank_says(void)
{
	static const struct {
		const char *name;
		uint8_t state;
		uint64_t fund, earned;
		uint16_t misses;
		struct want renter, host, both;
	} steps[] = {
		{"not opened", BANK_AGREEMENT_NONE, 0, 0, 0, {0}, {0}, {0}},
		{"opened",
		 BANK_AGREEMENT_OPEN,
		 200,
		 0,
		 0,
		 {.bank = -200, .fund = 200},
		 {.bank = -100, .collateral = 100},
		 {.bank = -300, .fund = 200, .collateral = 100}},
		{"a proof paid",
		 BANK_AGREEMENT_OPEN,
		 200,
		 10,
		 0,
		 {.bank = -200, .fund = 190, .rent_paid = 10},
		 {.bank = -90, .collateral = 100, .rent_earned = 10},
		 {.bank = -290,
		  .fund = 190,
		  .rent_paid = 10,
		  .collateral = 100,
		  .rent_earned = 10}},
		{"topped up, and a revision paid",
		 BANK_AGREEMENT_OPEN,
		 250,
		 60,
		 0,
		 {.bank = -250, .fund = 190, .rent_paid = 60},
		 {.bank = -40, .collateral = 100, .rent_earned = 60},
		 {.bank = -290,
		  .fund = 190,
		  .rent_paid = 60,
		  .collateral = 100,
		  .rent_earned = 60}},
		{"misses cost nothing until it is closed",
		 BANK_AGREEMENT_OPEN,
		 250,
		 60,
		 3,
		 {.bank = -250, .fund = 190, .rent_paid = 60},
		 {.bank = -40, .collateral = 100, .rent_earned = 60},
		 {.bank = -290,
		  .fund = 190,
		  .rent_paid = 60,
		  .collateral = 100,
		  .rent_earned = 60}},
		{"closed: two misses over the tenth",
		 BANK_AGREEMENT_CLOSED,
		 250,
		 60,
		 3,
		 {.bank = -60, .rent_paid = 60},
		 {.bank = 0, .rent_earned = 60, .burnt = 60},
		 {.bank = -60,
		  .rent_paid = 60,
		  .rent_earned = 60,
		  .burnt = 60}},
	};
	const struct book_lease leases[] = {
		renting(0), hosting(0), {me, me, 0}};

	for (size_t k = 0; k < ROWS(leases); k++) {
		struct book *b = with_money();

		for (size_t i = 0; i < ROWS(steps); i++) {
			struct bank_agreement v = opened(steps[i].fund, 100);
			const struct want wants[] = {
				steps[i].renter, steps[i].host, steps[i].both};

			v.state = steps[i].state;
			v.earned = n(steps[i].earned);
			v.misses = steps[i].misses;
			if (v.state == BANK_AGREEMENT_NONE)
				v = (struct bank_agreement){0};
			CHECK(say(b, leases[k], &v, 10 + i) == ERR_NONE, "%s",
			      steps[i].name);
			expect(b, steps[i].name, wants[k]);
			CHECK(say(b, leases[k], &v, 10 + i) == ERR_NONE,
			      "%s, again", steps[i].name);
			expect(b, "read twice", wants[k]);
		}
		book_close(b);
	}
}

static void what_burns_is_what_the_bank_burns(void)
{
	static const struct {
		const char *name;
		uint16_t misses;
		uint64_t penalty, burnt;
	} rows[] = {
		{"none missed", 0, 30, 0}, {"a tenth missed", 1, 30, 0},
		{"one more", 2, 30, 30},   {"more than there is", 6, 30, 100},
		{"no penalty", 9, 0, 0},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct bank_agreement v = opened(200, 100);

		v.misses = rows[i].misses;
		v.penalty = n(rows[i].penalty);
		CHECK(amount_is_zero(book_collateral_burnt(&v)),
		      "%s: burnt while open", rows[i].name);
		v.state = BANK_AGREEMENT_CLOSED;
		CHECK(amount_cmp(book_collateral_burnt(&v), n(rows[i].burnt)) ==
			      0,
		      "%s", rows[i].name);
	}
}

static void a_penalty_near_the_limit_burns_all_and_no_more(void)
{
	struct bank_agreement v = opened(200, 100);

	v.state = BANK_AGREEMENT_CLOSED;
	v.misses = 4096;
	v.penalty = v.collateral = amount_max112();
	CHECK(amount_cmp(book_collateral_burnt(&v), amount_max112()) == 0,
	      "a product past 128 bits");
}

static void spoil_state(struct bank_agreement *v)
{
	v->state = BANK_AGREEMENT_NONE;
}

static void spoil_fund(struct bank_agreement *v)
{
	v->fund = n(199);
}

static void spoil_earned(struct bank_agreement *v)
{
	v->earned = n(9);
}

static void spoil_over_fund(struct bank_agreement *v)
{
	v->earned = n(201);
}

static void spoil_through(struct bank_agreement *v)
{
	v->through = 11;
}

static void spoil_revision(struct bank_agreement *v)
{
	v->revision = 1;
}

static void spoil_misses(struct bank_agreement *v)
{
	v->misses = 0;
}

static void spoil_collateral(struct bank_agreement *v)
{
	v->collateral = n(101);
}

static void spoil_end(struct bank_agreement *v)
{
	v->end = 31;
}

static void spoil_span(struct bank_agreement *v)
{
	v->span = 0;
}

static void spoil_wide(struct bank_agreement *v)
{
	v->fund = amount_from_parts(UINT64_C(1) << 48, 0);
}

static void what_must_not_fall_is_an_error(void)
{
	static const struct {
		const char *name;
		void (*spoil)(struct bank_agreement *v);
	} rows[] = {
		{"it was never opened", spoil_state},
		{"the fund fell", spoil_fund},
		{"the rent fell", spoil_earned},
		{"more rent than fund", spoil_over_fund},
		{"periods came back", spoil_through},
		{"an older revision", spoil_revision},
		{"misses were forgiven", spoil_misses},
		{"another collateral", spoil_collateral},
		{"another end", spoil_end},
		{"a span of nothing", spoil_span},
		{"a fund of 2^112", spoil_wide},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct book *b = with_money();
		struct bank_agreement v = opened(200, 100), bad;
		const struct want w = {
			.bank = -90, .collateral = 100, .rent_earned = 10};

		v.earned = n(10);
		v.through = 12;
		v.revision = 2;
		v.misses = 1;
		CHECK(say(b, hosting(4), &v, 20) == ERR_NONE, "%s: before",
		      rows[i].name);
		bad = v;
		rows[i].spoil(&bad);
		CHECK(say(b, hosting(4), &bad, 21) == ERR_CHAIN, "%s",
		      rows[i].name);
		expect(b, rows[i].name, w);
		CHECK(say(b, hosting(4), &bad, 19) == ERR_NONE,
		      "%s: an older view is no error", rows[i].name);
		expect(b, rows[i].name, w);
		book_close(b);
	}
}

static void what_is_closed_does_not_move(void)
{
	struct book *b = with_money();
	struct bank_agreement v = opened(200, 100);

	v.state = BANK_AGREEMENT_CLOSED;
	CHECK(say(b, renting(1), &v, 5) == ERR_NONE, "closed at first sight");
	expect(b, "closed", (struct want){0});
	v.earned = n(1);
	CHECK(say(b, renting(1), &v, 6) == ERR_CHAIN, "rent after the end");
	v.earned = n(0);
	v.state = BANK_AGREEMENT_OPEN;
	CHECK(say(b, renting(1), &v, 6) == ERR_CHAIN, "open again");
	expect(b, "still closed", (struct want){0});
	book_close(b);
}

static void an_older_read_is_dropped(void)
{
	struct book *b = with_money();
	struct bank_agreement v = opened(200, 100), old = v;
	struct book_agreement a = {.lease = renting(0)};

	v.earned = n(50);
	CHECK(say(b, renting(0), &v, 9) == ERR_NONE &&
		      say(b, renting(0), &old, 8) == ERR_NONE,
	      "facts");
	expect(b, "the newer one",
	       (struct want){.bank = -200, .fund = 150, .rent_paid = 50});
	CHECK(book_agreement_load(b, &a, NULL) == ERR_NONE && a.followed &&
		      a.known && a.block == 9 && a.since_s == NOW &&
		      memcmp(&a.lease, &(struct book_lease){me, other, 0},
			     sizeof(a.lease)) == 0,
	      "its row");
	book_close(b);
}

struct seen {
	unsigned n, stop_at;
	uint32_t numbers[8];
};

static bool on_agreement(void *ctx, const struct book_agreement *a)
{
	struct seen *s = ctx;

	s->numbers[s->n++ % 8] = a->lease.number;
	return s->n != s->stop_at;
}

static void agreements_are_followed_listed_and_dropped(void)
{
	struct book *b = with_money();
	struct book_lease one = renting(7), two = renting(3),
			  three = hosting(1);
	struct book_lease strange = {other, other, 0};
	struct bank_agreement v = opened(200, 100);
	struct book_agreement a = {.lease = one};
	struct seen s = {0};

	CHECK(book_agreement_load(b, &a, NULL) == ERR_NONE && !a.followed,
	      "unknown");
	CHECK(!book_agreement_follow(b, &one, 0, NOW, NULL) &&
		      !book_agreement_follow(b, &two, 0, NOW, NULL) &&
		      !book_agreement_follow(b, &three, 0, NOW, NULL) &&
		      !book_agreement_follow(b, &one, 0, NOW + 9, NULL),
	      "follow");
	CHECK(book_agreement_follow(b, &strange, 0, NOW, NULL) == ERR_STATE,
	      "others'");
	CHECK(say(b, strange, &v, 4) == ERR_STATE, "facts of others");
	CHECK(book_agreement_load(b, &a, NULL) == ERR_NONE && a.followed &&
		      !a.known && a.since_s == NOW,
	      "followed, unread");
	CHECK(book_agreement_list(b, on_agreement, &s, NULL) == ERR_NONE &&
		      s.n == 3 && s.numbers[0] == 1 && s.numbers[1] == 3 &&
		      s.numbers[2] == 7,
	      "by renter, host, number");
	s = (struct seen){.stop_at = 2};
	CHECK(!book_agreement_list(b, on_agreement, &s, NULL) && s.n == 2,
	      "stopped");
	expect(b, "nothing locked", (struct want){0});
	CHECK(say(b, two, &v, 4) == ERR_NONE, "opened");
	CHECK(book_agreement_drop(b, &two, NULL) == ERR_STATE, "has money");
	CHECK(book_agreement_drop(b, &one, NULL) == ERR_NONE &&
		      book_agreement_drop(b, &one, NULL) == ERR_NONE,
	      "never opened");
	s = (struct seen){0};
	CHECK(!book_agreement_list(b, on_agreement, &s, NULL) && s.n == 2,
	      "dropped");
	CHECK(book_commit(b, NULL) == ERR_NONE, "commit");
	book_close(b);
}

/* Its start has passed, and it is not open: nobody can open it any more. */
static void what_cannot_be_opened_any_more_is_forgotten(void)
{
	static const struct {
		const char *name;
		uint64_t open_before[2];
		uint64_t block;
		bool open, followed;
	} rows[] = {
		{"before its start", {100, 100}, 99, false, true},
		{"at its start", {100, 100}, 100, false, false},
		{"opened in time", {100, 100}, 100, true, true},
		{"signed again for later", {100, 120}, 119, false, true},
		{"and not opened then either", {100, 120}, 120, false, false},
		{"signed again for earlier", {120, 100}, 119, false, true},
		{"a start that is not known", {0, 0}, 900, false, true},
		{"not known, then known", {0, 100}, 900, false, true},
		{"known, then not", {100, 0}, 900, false, true},
	};
	const struct bank_agreement none = {0}, open = opened(200, 100);

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct book *b = with_money();
		struct book_agreement a = {.lease = renting(0)};

		for (int k = 0; k < 2; k++)
			CHECK(!book_agreement_follow(b, &a.lease,
						     rows[i].open_before[k],
						     NOW, NULL),
			      "%s: follow", rows[i].name);
		CHECK(say(b, a.lease, rows[i].open ? &open : &none,
			  rows[i].block) == ERR_NONE,
		      "%s: facts", rows[i].name);
		CHECK(!book_agreement_load(b, &a, NULL) &&
			      a.followed == rows[i].followed,
		      "%s", rows[i].name);
		book_close(b);
	}
}

static void what_is_not_open_nor_followed_leaves_no_row(void)
{
	const struct bank_agreement none = {0};
	struct book *b = with_money();
	struct book_agreement a = {.lease = renting(0)};

	CHECK(say(b, a.lease, &none, 5) == ERR_NONE &&
		      !book_agreement_load(b, &a, NULL) && !a.followed,
	      "a row for nothing");
	book_close(b);
}

/* Rows come back as they went in: no field is lost or mixed up. */
static void a_row_keeps_every_field(void)
{
	struct book *b = with_money();
	struct book_agreement a = {.lease = hosting(UINT32_MAX)};
	struct bank_agreement v = {.state = BANK_AGREEMENT_OPEN,
				   .revision = UINT32_MAX,
				   .root = {{1, 2}},
				   .sectors = UINT32_MAX - 1,
				   .through = 0xfffffff3,
				   .earned = n(4),
				   .rate = n(5),
				   .start = 0xfffffff0,
				   .end = 0xfffffff9,
				   .span = UINT16_MAX,
				   .fund = n(6),
				   .collateral = n(7),
				   .penalty = n(8),
				   .misses = UINT16_MAX,
				   .next_root = {{9}},
				   .next_sectors = 10,
				   .next_rate = n(11),
				   .from = 12};

	CHECK(say(b, a.lease, &v, UINT64_C(1) << 40) == ERR_NONE, "facts");
	CHECK(book_agreement_load(b, &a, NULL) == ERR_NONE &&
		      a.block == UINT64_C(1) << 40,
	      "load");
	CHECK(a.view.state == v.state && a.view.revision == v.revision &&
		      !memcmp(&a.view.root, &v.root, 32) &&
		      a.view.sectors == v.sectors &&
		      a.view.through == v.through &&
		      !amount_cmp(a.view.earned, v.earned) &&
		      !amount_cmp(a.view.rate, v.rate),
	      "one half");
	CHECK(a.view.start == v.start && a.view.end == v.end &&
		      a.view.span == v.span &&
		      !amount_cmp(a.view.fund, v.fund) &&
		      !amount_cmp(a.view.collateral, v.collateral) &&
		      !amount_cmp(a.view.penalty, v.penalty) &&
		      a.view.misses == v.misses,
	      "another");
	CHECK(!memcmp(&a.view.next_root, &v.next_root, 32) &&
		      a.view.next_sectors == v.next_sectors &&
		      !amount_cmp(a.view.next_rate, v.next_rate) &&
		      a.view.from == v.from,
	      "what is to come");
	book_close(b);
}

/* A fund that somebody else filled: it came from outside, not from us. */
static void what_others_put_into_our_fund_came_from_outside(void)
{
	struct book *b = with_money();
	struct bank_agreement v = opened(200, 0);
	struct amount own = n(800);

	CHECK(say(b, renting(0), &v, 4) == ERR_NONE &&
		      !book_facts_own(b, &own, NULL, NULL, 4, NOW, NULL),
	      "opened");
	v.fund = n(250);
	CHECK(say(b, renting(0), &v, 5) == ERR_NONE &&
		      !book_facts_own(b, &own, NULL, NULL, 5, NOW, NULL),
	      "topped up by another");
	expect(b, "outside", (struct want){.bank = -200, .fund = 250});
	book_close(b);
}

static void an_older_read_of_our_balance_is_dropped(void)
{
	struct book *b = with_money(); /* at block 1 */
	struct amount own = n(900), wallet = n(5);

	CHECK(!book_facts_own(b, &own, NULL, NULL, 7, NOW, NULL), "newer");
	own = n(1000);
	CHECK(!book_facts_own(b, &own, &wallet, NULL, 6, NOW, NULL), "older");
	expect(b, "as of block 7", (struct want){.bank = -100});
	CHECK(!book_facts_own(b, &own, NULL, NULL, 7, NOW, NULL), "the same");
	expect(b, "block 7 again", (struct want){0});
	book_close(b);
}

static void the_book_is_held_against_the_chain(void)
{
	struct bank_agreement v = opened(200, 100);
	struct book_chain_agreement on_chain[] = {{renting(0), v},
						  {hosting(5), v}};
	struct book_chain chain = {.agreements_known = true,
				   .agreements = on_chain,
				   .n_agreements = 2};
	struct book *b = with_money();
	unsigned findings = 9;

	CHECK(say(b, renting(0), &v, 4) == ERR_NONE &&
		      say(b, hosting(5), &v, 4) == ERR_NONE,
	      "facts");
	CHECK(!book_check_chain(b, &chain, NULL, NULL, &findings, NULL) &&
		      findings == 0,
	      "they agree: %u", findings);
	on_chain[0].view.earned = n(1); /* fund, rent; both sums */
	CHECK(!book_check_chain(b, &chain, NULL, NULL, &findings, NULL) &&
		      findings == 4,
	      "rent: %u", findings);
	chain.agreements_known = false;
	CHECK(!book_check_chain(b, &chain, NULL, NULL, &findings, NULL) &&
		      findings == 2,
	      "without the others no sums: %u", findings);
	on_chain[0] = on_chain[1];
	on_chain[0].view.state = BANK_AGREEMENT_CLOSED;
	CHECK(!book_check_chain(b, &chain, NULL, NULL, &findings, NULL) &&
		      findings == 3,
	      "closed: state, fund, collateral: %u", findings);
	chain = (struct book_chain){.agreements_known = true};
	CHECK(!book_check_chain(b, &chain, NULL, NULL, &findings, NULL) &&
		      findings == 2,
	      "a chain that knows of none: %u", findings);
	book_close(b);
}

static enum err_code spoil(struct book *b, int how)
{
	struct book_db *db = book_tables(b);
	struct book_row_account acc = {
		.kind = BOOK_COLLATERAL, .unit = BOOK_TOKEN, .peer = other};
	struct book_agreement row = {.lease = hosting(0)};
	struct book_sum sum = book_sum_of(n(1));

	if (book_db_stage(db, NULL) != ERR_NONE ||
	    book_db_account(db, &acc, false, NULL) != ERR_NONE ||
	    book_db_agreement_get(db, &row, NULL) != ERR_NONE)
		return ERR_DB;
	switch (how) {
	case 0:
		return book_db_balance_set(db, acc.id, &sum, NULL);
	case 1:
		row.view.earned = n(9);
		return book_db_agreement_set(db, &row, NULL);
	case 2:
		row.view.earned = n(201);
		return book_db_agreement_set(db, &row, NULL);
	case 3:
		row.known = false;
		return book_db_agreement_set(db, &row, NULL);
	case 4:
		row.lease.host = row.lease.renter;
		return book_db_agreement_set(db, &row, NULL);
	default: /* allowed: a number, not an enum */
		return book_db_agreement_drop(db, &row.lease, NULL);
	}
}

static void the_check_finds_what_was_spoilt(void)
{
	static const char *const names[] = {
		"a cached balance",    "an agreement's rent",
		"more rent than fund", "one that was never read",
		"another's agreement", "an agreement that is gone",
	};

	for (int i = 0; i < (int)ROWS(names); i++) {
		struct book *b = with_money();
		struct bank_agreement v = opened(200, 100);
		unsigned findings = 0;

		v.earned = n(10);
		CHECK(say(b, hosting(0), &v, 5) == ERR_NONE, "facts");
		expect_sound(b, names[i]);
		CHECK(spoil(b, i) == ERR_NONE, "%s: spoil", names[i]);
		CHECK(book_check(b, NULL, NULL, NULL, &findings, NULL) ==
				      ERR_NONE &&
			      findings > 0,
		      "%s was not found", names[i]);
		book_close(b);
	}
}

/* All sums are right, but not those of either. */
static void rent_that_is_booked_for_another_is_found(void)
{
	const struct address third = {{0xbb}};
	struct book_lease leases[2] = {hosting(0), {third, me, 0}};
	struct book *b = with_money();
	unsigned findings = 0;

	for (int i = 0; i < 2; i++) {
		struct bank_agreement v = opened(200, 100);

		v.earned = n(10 + (uint64_t)i);
		CHECK(say(b, leases[i], &v, 5) == ERR_NONE, "facts");
	}
	expect_sound(b, "two renters");
	for (int i = 0; i < 2; i++) {
		struct book_agreement row = {.lease = leases[i]};

		CHECK(!book_db_agreement_get(book_tables(b), &row, NULL),
		      "load");
		row.view.earned = n(11 - (uint64_t)i);
		CHECK(!book_db_agreement_set(book_tables(b), &row, NULL),
		      "spoil");
	}
	CHECK(!book_check(b, NULL, NULL, NULL, &findings, NULL) &&
		      findings == 2,
	      "not found: %u", findings);
	book_close(b);
}

static void the_export_shows_rent(void)
{
	struct book *b = fresh();
	struct bank_agreement v = opened(200, 100);
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	CHECK(say(b, hosting(0), &v, 5) == ERR_NONE, "opened");
	v.earned = n(10);
	CHECK(say(b, hosting(0), &v, 6) == ERR_NONE, "earned");
	v.state = BANK_AGREEMENT_CLOSED;
	v.misses = 2;
	CHECK(say(b, hosting(0), &v, 7) == ERR_NONE, "closed");
	CHECK(book_export_csv(b, f, NULL) == ERR_NONE, "export");
	(void)fclose(f);
	CHECK(strstr(text, "1,2027-01-15T08:00:00Z,agreed,collateral,0xaa") &&
		      strstr(text, "2,2027-01-15T08:00:00Z,rent,rent earned,"
				   "0xaa00000000000000000000000000000000000000"
				   ",token,-10,0\n") &&
		      strstr(text, ",agreement end,burnt,0xaa") &&
		      strstr(text, ",agreement end,bank,,token,70,0\n"),
	      "%s", text);
	free(text);
	book_close(b);
}

int main(void)
{
	a_life_moves_what_the_bank_says();
	what_burns_is_what_the_bank_burns();
	a_penalty_near_the_limit_burns_all_and_no_more();
	what_must_not_fall_is_an_error();
	what_is_closed_does_not_move();
	an_older_read_is_dropped();
	agreements_are_followed_listed_and_dropped();
	what_cannot_be_opened_any_more_is_forgotten();
	what_is_not_open_nor_followed_leaves_no_row();
	a_row_keeps_every_field();
	what_others_put_into_our_fund_came_from_outside();
	an_older_read_of_our_balance_is_dropped();
	the_book_is_held_against_the_chain();
	the_check_finds_what_was_spoilt();
	rent_that_is_booked_for_another_is_found();
	the_export_shows_rent();
	return CHECK_EXIT();
}
