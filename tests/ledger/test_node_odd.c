/* Who of several nodes is named, and when. */
#include "ledger/chain/chain_said.h"
#include "tests/check.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ------------------------------------------------------------- who is named */

static void most_are_right_and_without_most_all_are_named(void)
{
	static const struct {
		const char *name;
		size_t n;
		unsigned groups[4], odd;
	} rows[] = {
		{"one alone", 1, {0}, 0},
		{"two that agree", 2, {5, 5}, 0},
		{"two that do not", 2, {0, 1}, 3},
		{"one of three", 3, {0, 1, 0}, 2},
		{"the first of three", 3, {0, 1, 1}, 1},
		{"three, each another", 3, {0, 1, 2}, 7},
		{"two of four are not more than half", 4, {0, 0, 1, 2}, 15},
		{"one of four", 4, {3, 3, 3, 0}, 8},
		{"nobody", 0, {0}, 0},
	};

	for (size_t i = 0; i < ROWS(rows); i++)
		CHECK(node_odd_ones(rows[i].groups, rows[i].n) == rows[i].odd,
		      "%s: %u", rows[i].name,
		      node_odd_ones(rows[i].groups, rows[i].n));
}

/* -------------------------------------------------------- what the log says */

struct bench {
	struct loop *loop;
	struct http *http;
	struct node_set *nodes;
	struct log *log;
	struct node_odd odd;
	int ends[2];
	char text[4096]; /* logged since the last look */
};

static void bench_open(struct bench *b)
{
	const struct node_config cfg = {
		.urls = {"http://a:1", "http://b:2", "http://c:3"},
		.n_urls = 3};

	*b = (struct bench){.loop = loop_new(NULL)};
	if (!b->loop || http_new(&b->http, b->loop, 1, NULL) != ERR_NONE ||
	    pipe(b->ends) != 0 || fcntl(b->ends[0], F_SETFL, O_NONBLOCK) != 0)
		abort();
	b->log = log_new(b->ends[1], LOG_INFO);
	if (!b->log || node_set_new(&b->nodes, b->loop, b->http, &cfg, NULL,
				    NULL) != ERR_NONE)
		abort();
	b->odd = (struct node_odd){.log = b->log, .nodes = b->nodes};
}

static void bench_close(struct bench *b)
{
	node_set_free(b->nodes);
	log_free(b->log);
	(void)close(b->ends[0]);
	(void)close(b->ends[1]);
	http_free(b->http);
	loop_free(b->loop);
}

/* Were just these nodes named, as differing? */
static bool named(struct bench *b, const char *which)
{
	ssize_t n = read(b->ends[0], b->text, sizeof(b->text) - 1);
	bool good = true;

	b->text[n > 0 ? n : 0] = 0;
	for (const char *c = "abc"; *c; c++) {
		char want[] = "differs node=?:";

		want[sizeof(want) - 3] = *c;
		good = good && (strstr(b->text, want) != NULL) ==
				       (strchr(which, *c) != NULL);
	}
	return good;
}

static void a_node_is_named_once_until_it_agrees_again(void)
{
	const struct node_said good = {.odd = false};
	const struct node_said odd = {.odd = true, .words = "question=free"};
	struct bench b;

	bench_open(&b);
	node_odd_tell(&b.odd, NODE_ON_STATE, 1, &odd);
	CHECK(named(&b, "b") && strstr(b.text, "on=state question=free"), "%s",
	      b.text);
	node_odd_tell(&b.odd, NODE_ON_STATE, 1, &odd);
	CHECK(named(&b, ""), "again: %s", b.text);
	node_odd_tell(&b.odd, NODE_ON_FATE, 1, &odd);
	CHECK(named(&b, "b"), "on something else: %s", b.text);
	node_odd_tell(&b.odd, NODE_ON_STATE, 1, &good);
	CHECK(named(&b, "") && strstr(b.text, "agrees node=b:2 on=state"), "%s",
	      b.text);
	node_odd_tell(&b.odd, NODE_ON_STATE, 1, &good);
	CHECK(named(&b, "") && !b.text[0], "agrees all the time: %s", b.text);
	node_odd_tell(&b.odd, NODE_ON_STATE, 1, &odd);
	CHECK(named(&b, "b"), "once more: %s", b.text);
	bench_close(&b);
}

static void what_a_lag_explains_is_told_the_third_time(void)
{
	const struct node_said good = {.odd = false};
	const struct node_said odd = {.odd = true, .lag = true};
	struct bench b;

	bench_open(&b);
	for (int i = 0; i < 2; i++)
		node_odd_tell(&b.odd, NODE_ON_FATE, 0, &odd);
	node_odd_tell(&b.odd, NODE_ON_FATE, 0, &good);
	for (int i = 0; i < 2; i++)
		node_odd_tell(&b.odd, NODE_ON_FATE, 0, &odd);
	CHECK(named(&b, "") && !b.text[0], "twice: %s", b.text);
	node_odd_tell(&b.odd, NODE_ON_FATE, 0, &odd);
	CHECK(named(&b, "a"), "three times in a row: %s", b.text);
	bench_close(&b);
}

/* ----------------------------------------------------- what nodes say of it */

static struct chain_answer balance(bool known, uint64_t n)
{
	return (struct chain_answer){.known = known,
				     .amount = amount_from_u64(n)};
}

static void answers_are_compared_one_by_one(void)
{
	static const struct chain_ask asks[2] = {{.what = CHAIN_ASK_FREE},
						 {.what = CHAIN_ASK_COIN}};
	static const struct {
		const char *name;
		size_t n;
		uint64_t block[3], free[3], coin[3];
		bool known[3];
		const char *named;
	} rows[] = {
		{"all agree",
		 3,
		 {7, 7, 7},
		 {5, 5, 5},
		 {1, 1, 1},
		 {1, 1, 1},
		 ""},
		{"one of three",
		 3,
		 {7, 7, 7},
		 {5, 5, 9},
		 {1, 1, 1},
		 {1, 1, 1},
		 "c"},
		{"two of three, about two things",
		 3,
		 {7, 7, 7},
		 {5, 5, 9},
		 {2, 1, 1},
		 {1, 1, 1},
		 "ac"},
		{"one of two", 2, {7, 7}, {5, 9}, {1, 1}, {1, 1}, "ab"},
		{"one does not know", 2, {7, 7}, {5, 0}, {1, 1}, {1, 0}, ""},
		{"two know, and differ",
		 3,
		 {7, 7, 7},
		 {5, 0, 6},
		 {1, 1, 1},
		 {1, 0, 1},
		 "ac"},
		{"of other blocks", 2, {7, 8}, {5, 9}, {1, 1}, {1, 1}, ""},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct chain_answer a[3][2];
		struct chain_said_read said[3];
		struct bench b;

		for (size_t k = 0; k < 3; k++) {
			a[k][0] = balance(rows[i].known[k], rows[i].free[k]);
			a[k][1] = balance(true, rows[i].coin[k]);
			said[k] = (struct chain_said_read){k, rows[i].block[k],
							   a[k]};
		}
		bench_open(&b);
		chain_tell_reads(&b.odd, said, rows[i].n, asks, 2);
		CHECK(named(&b, rows[i].named), "%s: %s", rows[i].name, b.text);
		bench_close(&b);
	}
}

static void fates_that_exclude_each_other_are_told_at_once(void)
{
	enum {
		P = CHAIN_FATE_PENDING,
		M = CHAIN_FATE_MINED,
		F = CHAIN_FATE_FINAL,
		G = CHAIN_FATE_GONE
	};
	static const struct {
		const char *name;
		int fate[2];
		unsigned group[2];
		bool at_once;
	} rows[] = {
		{"pending, mined", {P, M}, {0, 1}, false},
		{"mined, final", {M, F}, {0, 0}, false},
		{"pending, gone", {P, G}, {0, 1}, false},
		{"pending, final", {P, F}, {0, 1}, true},
		{"gone, mined", {G, M}, {0, 1}, true},
		{"gone, final", {G, F}, {0, 1}, true},
		{"mined, mined otherwise", {M, M}, {0, 1}, true},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct chain_said_fate said[2];
		struct bench b;

		for (size_t k = 0; k < 2; k++)
			said[k] = (struct chain_said_fate){
				k, (enum chain_fate)rows[i].fate[k],
				rows[i].group[k]};
		bench_open(&b);
		chain_tell_fates(&b.odd, said, 2);
		CHECK(named(&b, rows[i].at_once ? "ab" : ""), "%s: %s",
		      rows[i].name, b.text);
		bench_close(&b);
	}
}

static void numbers_may_be_a_little_apart(void)
{
	static const struct {
		const char *name;
		uint64_t n[3];
		const char *named;
	} rows[] = {
		{"the same", {100, 100, 100}, ""},
		{"as far as may be", {100, 140, 120}, ""},
		{"one is behind", {100, 200, 210}, "a"},
		{"one is ahead", {100, 90, 9000}, "c"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct chain_said_number said[3];
		struct bench b;

		for (size_t k = 0; k < 3; k++)
			said[k] = (struct chain_said_number){k, rows[i].n[k]};
		bench_open(&b);
		chain_tell_numbers(&b.odd, NODE_ON_HEAD, said, 3, 40);
		CHECK(named(&b, rows[i].named), "%s: %s", rows[i].name, b.text);
		bench_close(&b);
	}
}

/* ------------------------------------------------------------------- trials */

static struct chain_trial trial(bool ok, uint64_t units, uint64_t coin)
{
	struct chain_trial t = {.ok = ok,
				.units = units,
				.fee = amount_from_u64(units),
				.fee_max = amount_from_u64(2 * units),
				.has_ret = ok,
				.means = {.known = true,
					  .coin = amount_from_u64(coin),
					  .units = coin}};

	t.ret[31] = (uint8_t)units;
	if (!ok)
		memcpy(t.reason, "no", 3);
	return t;
}

static void the_most_cautious_trial_counts(void)
{
	struct chain_trial cheap = trial(true, 5, 9), dear = trial(true, 7, 8);
	struct chain_trial bad = trial(false, 0, 0);
	struct chain_trials t = {.n = 0};
	struct bench b;

	bench_open(&b);
	chain_trials_add(&t, 0, &cheap);
	chain_trials_add(&t, 1, &dear);
	CHECK(t.all.ok && t.all.units == 7 && t.all.means.units == 8 &&
		      amount_cmp(t.all.fee_max, amount_from_u64(14)) == 0 &&
		      amount_cmp(t.all.means.coin, amount_from_u64(8)) == 0 &&
		      t.all.has_ret && t.all.ret[31] == 5,
	      "the dearer, and the smaller return");
	chain_tell_trials(&b.odd, &t);
	CHECK(named(&b, ""), "they agree: %s", b.text);
	chain_trials_add(&t, 2, &bad);
	chain_trials_add(&t, 0, &dear);
	CHECK(!t.all.ok && strcmp(t.all.reason, "no") == 0, "one says no");
	chain_tell_trials(&b.odd, &t);
	CHECK(named(&b, "c") && strstr(b.text, "says=\"no\""), "%s", b.text);
	CHECK(strcmp(t.all.reason, "no (so says c:3, not all)") == 0, "%s",
	      t.all.reason);
	bench_close(&b);
}

int main(void)
{
	most_are_right_and_without_most_all_are_named();
	a_node_is_named_once_until_it_agrees_again();
	what_a_lag_explains_is_told_the_third_time();
	answers_are_compared_one_by_one();
	fates_that_exclude_each_other_are_told_at_once();
	numbers_may_be_a_little_apart();
	the_most_cautious_trial_counts();
	return CHECK_EXIT();
}
