/* Whether what covers a payer's debt is going away: by numbers and fake time.
 */
#include "ledger/book/book.h"
#include "ledger/book/cover.h"
#include "tests/check.h"

#define NOW 10000000
#define DAY COVER_DAY_S

static struct book_facts facts(uint64_t free, uint64_t reserve, uint64_t paid,
			       int64_t until)
{
	return (struct book_facts){.known = true,
				   .free = amount_from_u64(free),
				   .reserve = amount_from_u64(reserve),
				   .paid = amount_from_u64(paid),
				   .until = until};
}

static void what_went_elsewhere_is_seen(void)
{
	static const struct {
		const char *name;
		uint64_t free, reserve, paid; /* after 1000, 200, 50 */
		uint64_t fell;
	} rows[] = {
		{"nothing happened", 1000, 200, 50, 0},
		{"we were paid from its balance", 700, 200, 350, 0},
		{"from the reserve", 1000, 0, 250, 0},
		{"it set more aside for us", 900, 300, 50, 0},
		{"the reserve was released", 1200, 0, 50, 0},
		{"it deposited", 5000, 200, 50, 0},
		{"it withdrew, or others were paid", 600, 200, 50, 400},
		{"both we and others were paid", 500, 200, 250, 300},
		{"all is gone", 0, 0, 50, 1200},
	};
	const struct book_facts was = facts(1000, 200, 50, NOW);

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct cover_drain d = {.since_s = 0};
		struct book_facts is =
			facts(rows[i].free, rows[i].reserve, rows[i].paid, NOW);

		cover_note(&d, &was, &is, NOW);
		CHECK(amount_cmp(cover_elsewhere(&d, NOW),
				 amount_from_u64(rows[i].fell)) == 0,
		      "%s", rows[i].name);
	}
}

static void the_first_read_says_nothing_of_before(void)
{
	struct cover_drain d = {.since_s = 0};
	const struct book_facts none = {.known = false};
	const struct book_facts is = facts(5, 0, 0, 0);

	cover_note(&d, &none, &is, NOW);
	CHECK(amount_is_zero(cover_elsewhere(&d, NOW)), "fell from nothing");
}

/* Falls at some seconds after NOW, and what is said of them later. */
static void the_worse_of_two_days_counts(void)
{
	static const struct {
		const char *name;
		struct {
			int64_t at;
			uint64_t fell;
		} falls[3];
		int64_t at;
		uint64_t want;
	} rows[] = {
		{"those of a day add up",
		 {{0, 10}, {60, 20}, {3600, 5}},
		 3601,
		 35},
		{"yesterday's count", {{0, 10}, {60, 20}}, DAY + 60, 30},
		{"the worse of today and yesterday",
		 {{0, 10}, {DAY, 40}},
		 DAY + 1,
		 40},
		{"yesterday was worse", {{0, 90}, {DAY, 40}}, DAY + 1, 90},
		{"the day before yesterday does not",
		 {{0, 90}, {DAY, 40}},
		 2 * DAY,
		 40},
		{"two calm days", {{0, 90}}, 2 * DAY, 0},
		{"a clock that was set back", {{DAY, 7}}, 0, 7},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct cover_drain d = {.since_s = 0};
		const struct book_facts was = facts(1000, 0, 0, 0);

		for (size_t k = 0; k < 3; k++) {
			struct book_facts is =
				facts(1000 - rows[i].falls[k].fell, 0, 0, 0);

			if (rows[i].falls[k].fell)
				cover_note(&d, &was, &is,
					   NOW + rows[i].falls[k].at);
		}
		CHECK(amount_cmp(cover_elsewhere(&d, NOW + rows[i].at),
				 amount_from_u64(rows[i].want)) == 0,
		      "%s", rows[i].name);
	}
}

static void what_covers_a_debt_is_named(void)
{
	static const struct {
		const char *name;
		uint64_t due, free, reserve;
		int64_t until;
		uint64_t fell; /* today */
		bool known;
		enum cover want;
	} rows[] = {
		{"plenty is there, and stays", 100, 1000, 0, 0, 0, true,
		 COVER_GOOD},
		{"just enough, and it stays", 100, 100, 0, 0, 0, true,
		 COVER_GOOD},
		{"it falls from afar", 100, 1000, 0, 0, 900, true, COVER_GOOD},
		{"another such day would take ours", 100, 1000, 0, 0, 901, true,
		 COVER_FALLING},
		{"just enough, and it falls", 100, 100, 0, 0, 1, true,
		 COVER_FALLING},
		{"less than we are owed", 100, 99, 0, 0, 0, true, COVER_GOING},
		{"less, and it falls", 100, 99, 0, 0, 500, true, COVER_GOING},
		{"nothing is left", 100, 0, 0, 0, 500, true, COVER_GOING},
		{"a reserve for all of it", 100, 0, 100, NOW + 30 * DAY, 500,
		 true, COVER_GOOD},
		{"a reserve for some, the rest falls", 100, 50, 60,
		 NOW + 30 * DAY, 20, true, COVER_FALLING},
		{"a reserve that ends in three days", 100, 1000, 100,
		 NOW + 3 * DAY - 1, 0, true, COVER_ENDING},
		{"in three days and a second", 100, 1000, 100, NOW + 3 * DAY, 0,
		 true, COVER_GOOD},
		{"one that has ended, and was not taken back", 100, 0, 100,
		 NOW - 5 * DAY, 0, true, COVER_ENDING},
		{"nothing is owed", 0, 0, 100, NOW, 500, true, COVER_GOOD},
		{"nothing is known", 100, 0, 0, 0, 0, false, COVER_GOOD},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct cover_drain d = {.day = amount_from_u64(rows[i].fell),
					.since_s = NOW - 60};
		struct book_facts f =
			facts(rows[i].free, rows[i].reserve, 0, rows[i].until);
		enum cover got;

		f.known = rows[i].known;
		got = cover_of(amount_from_u64(rows[i].due), &f, &d, NOW);
		CHECK(got == rows[i].want, "%s: %s", rows[i].name,
		      cover_name(got));
	}
}

static void what_would_be_lost_is_worth_any_fee_under_it(void)
{
	static const struct {
		enum cover c;
		unsigned times;
	} rows[] = {
		{COVER_GOOD, 0},
		{COVER_FALLING, 2},
		{COVER_GOING, 1},
		{COVER_ENDING, 1},
	};

	for (size_t i = 0; i < ROWS(rows); i++)
		CHECK(cover_times(rows[i].c) == rows[i].times, "%s: %u",
		      cover_name(rows[i].c), cover_times(rows[i].c));
}

int main(void)
{
	what_went_elsewhere_is_seen();
	the_first_read_says_nothing_of_before();
	the_worse_of_two_days_counts();
	what_covers_a_debt_is_named();
	what_would_be_lost_is_worth_any_fee_under_it();
	return CHECK_EXIT();
}
