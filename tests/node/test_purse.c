/* A purse without a chain: one that was never opened, as the storage account of
 * whoever only shares files; and what it keeps. */
#include "node/money/money.h"
#include "node/money/purse.h"
#include "tests/check.h"
#include "tests/ledger/scratch.h"

static void one_that_was_never_opened_does_nothing(void)
{
	struct purse p = {0};

	purse_housekeeping(&p);
	purse_close(&p);
	purse_housekeeping(&p);
	CHECK(!p.book && !p.refreshing && !p.settling, "it began something");
}

/* What was said to be followed is in the file, whatever happens then. */
static void what_it_follows_outlives_it(void)
{
	const struct address me = {{1}}, other = {{2}};
	struct agreement ours = {
		.renter = me, .host = other, .number = 3, .start = 100};
	struct agreement theirs = {.renter = other, .host = other};
	struct book_agreement a = {.lease = {me, other, 3}};
	struct money m = {.period = 28800};
	struct purse p = {.money = &m};
	struct scratch s;
	struct err e = {0};

	scratch_make(&s);
	CHECK(book_open(&p.book, scratch_path(&s, "book.db"), &me, &e) ==
		      ERR_NONE,
	      "%s", e.msg);
	CHECK(purse_follow(&p, &ours, &e) == ERR_NONE, "%s", e.msg);
	CHECK(purse_follow(&p, &theirs, NULL) == ERR_STATE, "others'");
	purse_close(&p);
	CHECK(book_open_readonly(&p.book, scratch_path(&s, "book.db"), &e) ==
			      ERR_NONE &&
		      book_agreement_load(p.book, &a, &e) == ERR_NONE &&
		      a.followed && a.since_s > 0 &&
		      a.open_before == UINT64_C(2880000),
	      "it is gone: %s", e.msg);
	purse_close(&p);
	scratch_remove(&s);
}

/* A limit of the day, or a coin that is not there, does not pass in seconds. */
static void settling_that_fails_waits_longer_each_time(void)
{
	static const struct {
		const char *name;
		int64_t was, want;
	} rows[] = {
		{"the first", 0, 60000},
		{"the second", 60000, 120000},
		{"near the end", 15360000, 21600000},
		{"the longest", 21600000, 21600000},
	};

	for (size_t i = 0; i < ROWS(rows); i++)
		CHECK(purse_wait_after(rows[i].was) == rows[i].want, "%s",
		      rows[i].name);
}

int main(void)
{
	what_it_follows_outlives_it();
	one_that_was_never_opened_does_nothing();
	settling_that_fails_waits_longer_each_time();
	return CHECK_EXIT();
}
