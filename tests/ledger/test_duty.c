/* Which proof is next, what it pays, how pressing it is: in tables. */
#include "ledger/settle/duty.h"
#include "tests/check.h"

static struct agreement of(uint32_t start, uint32_t end, uint16_t span,
			   uint32_t through)
{
	return (struct agreement){.sectors = 1,
				  .start = start,
				  .end = end,
				  .span = span,
				  .through = through,
				  .rate = amount_from_u64(3)};
}

static void a_proof_is_due_in_the_last_period_of_each_span(void)
{
	static const struct {
		const char *name;
		uint32_t start, end;
		uint16_t span;
		uint32_t through, now;
		bool want;
		uint32_t first, due;
		uint64_t pays;
	} rows[] = {
		{"before the start the first span is next", 100, 130, 7, 100,
		 90, true, 100, 106, 21},
		{"in its first period", 100, 130, 7, 100, 100, true, 100, 106,
		 21},
		{"in its due period", 100, 130, 7, 100, 106, true, 100, 106,
		 21},
		{"one that went by is lost", 100, 130, 7, 100, 107, true, 107,
		 113, 21},
		{"one that was given is over", 100, 130, 7, 107, 106, true, 107,
		 113, 21},
		{"a span settled in part pays its rest", 100, 130, 7, 110, 108,
		 true, 110, 113, 12},
		{"a span settled but for its due period", 100, 130, 7, 113, 113,
		 true, 113, 113, 3},
		{"the last span is shorter", 100, 130, 7, 128, 128, true, 128,
		 129, 6},
		{"nothing after the end", 100, 130, 7, 128, 130, false, 0, 0,
		 0},
		{"nothing when all is settled", 100, 130, 7, 130, 120, false, 0,
		 0, 0},
		{"one span as long as the term", 5, 35, 30, 5, 20, true, 5, 34,
		 90},
		{"a span longer than the term", 5, 8, 30, 5, 6, true, 5, 7, 9},
		{"spans of one period", 5, 8, 1, 5, 6, true, 6, 6, 3},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct agreement a = of(rows[i].start, rows[i].end,
					rows[i].span, rows[i].through);
		struct amount pays = AMOUNT_ZERO;
		struct duty d = {0};
		bool got = duty_next(&d, &a, rows[i].now);

		CHECK(got == rows[i].want, "%s", rows[i].name);
		CHECK(d.first == rows[i].first && d.due == rows[i].due,
		      "%s: %u..%u", rows[i].name, d.first, d.due);
		if (got)
			CHECK(duty_pay(&pays, &d, &a) &&
				      amount_cmp(pays, amount_from_u64(
							       rows[i].pays)) ==
					      0,
			      "%s: pays", rows[i].name);
	}
}

static void alarms_grow_with_the_period(void)
{
	static const struct {
		const char *name;
		uint64_t block;
		uint32_t period, into, left;
		enum duty_alarm want;
	} rows[] = {
		{"its first block", 2000, 100, 0, 19, DUTY_CALM},
		{"just before half", 2009, 100, 9, 10, DUTY_CALM},
		{"half", 2010, 100, 10, 9, DUTY_LATE},
		{"two blocks are left", 2017, 100, 17, 2, DUTY_GRAVE},
		{"its last block", 2019, 100, 19, 0, DUTY_GRAVE},
		{"the next period", 2020, 101, 0, 19, DUTY_CALM},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct duty_time t = duty_time_at(rows[i].block, 20);

		CHECK(t.period == rows[i].period && t.into == rows[i].into &&
			      t.left == rows[i].left,
		      "%s: %u, %u, %u", rows[i].name, t.period, t.into, t.left);
		CHECK(duty_alarm_at(&t) == rows[i].want, "%s", rows[i].name);
	}
}

/* Early enough, and not all of them at once. */
static void anchors_are_spread_over_hosts(void)
{
	static const struct {
		uint32_t period_blocks, most;
	} rows[] = {{1, 1}, {15, 1}, {48, 3}, {160, 10}, {28800, 10}};
	unsigned at[DUTY_ANCHOR_BY] = {0};

	for (size_t i = 0; i < ROWS(rows); i++)
		for (unsigned k = 0; k < 1000; k++) {
			const struct address host = {
				.bytes = {[3] = (uint8_t)(k >> 8),
					  [19] = (uint8_t)k}};
			uint32_t from = duty_anchor_from(&host, 77,
							 rows[i].period_blocks);

			CHECK(from >= 1 && from <= rows[i].most,
			      "%u blocks: %u", rows[i].period_blocks, from);
			at[from % DUTY_ANCHOR_BY] += i == 4;
		}
	for (unsigned from = 1; from <= 10; from++)
		CHECK(at[from] > 50 && at[from] < 200, "from block %u: %u",
		      from, at[from]);
}

int main(void)
{
	a_proof_is_due_in_the_last_period_of_each_span();
	alarms_grow_with_the_period();
	anchors_are_spread_over_hosts();
	return CHECK_EXIT();
}
