#include "tests/wire/tracker_rig.h"

#include <stdlib.h>

static void a_life_is_told_in_order(void)
{
	struct tracker *t = make_one();

	DUE(t, T0, "");
	CHECK(tracker_done(t), "before the start");
	tracker_start(t, T0);
	DUE(t, T0, "a started ");
	DUE(t, T0 + 3600 * S, ""); /* one at a time */
	good(t, 0, T0);
	CHECK(tracker_wake_ms(t) == T0 + 600 * S, "interval");
	DUE(t, T0 + 600 * S - 1, "");
	DUE(t, T0 + 600 * S, "a regular ");
	good(t, 0, T0 + 600 * S);
	tracker_completed(t, T0 + 700 * S);
	DUE(t, T0 + 700 * S, "a completed ");
	good(t, 0, T0 + 700 * S);
	DUE(t, T0 + 1300 * S, "a regular ");
	good(t, 0, T0 + 1300 * S);
	tracker_stop(t, T0 + 1301 * S);
	CHECK(!tracker_done(t), "it must be told");
	DUE(t, T0 + 1301 * S, "a stopped ");
	good(t, 0, T0 + 1301 * S);
	CHECK(tracker_done(t), "told");
	DUE(t, T0 + 9999 * S, "");
	tracker_start(t, T0 + 9999 * S);
	DUE(t, T0 + 9999 * S, "a started ");
	tracker_free(t);
}

static void events_wait_for_the_announce_under_way(void)
{
	struct tracker *t = make_one();

	tracker_start(t, T0);
	DUE(t, T0, "a started ");
	tracker_completed(t, T0);
	DUE(t, T0, "");
	good(t, 0, T0 + S);
	DUE(t, T0 + S, "a completed ");
	tracker_stop(t, T0 + S);
	DUE(t, T0 + S, "");
	CHECK(!tracker_done(t), "an answer is awaited");
	good(t, 0, T0 + 2 * S);
	DUE(t, T0 + 2 * S, "a stopped ");
	bad(t, 0, T0 + 3 * S);
	CHECK(tracker_done(t), "goodbye is said once, heard or not");
	tracker_free(t);
}

/* A short download ends while its first announce, or another, is under way. */
static void completed_is_said_before_goodbye(void)
{
	struct tracker *t = make_one();

	tracker_start(t, T0);
	DUE(t, T0, "a started ");
	tracker_completed(t, T0);
	tracker_stop(t, T0);
	good(t, 0, T0 + S);
	DUE(t, T0 + S, "a completed ");
	good(t, 0, T0 + S);
	DUE(t, T0 + S, "a stopped ");
	good(t, 0, T0 + S);
	CHECK(tracker_done(t), "told");
	tracker_free(t);

	t = make_one();
	tracker_start(t, T0);
	DUE(t, T0, "a started ");
	tracker_completed(t, T0);
	tracker_stop(t, T0);
	good(t, 0, T0 + S);
	DUE(t, T0 + S, "a completed ");
	bad(t, 0, T0 + S);
	DUE(t, T0 + S, "a stopped ");
	bad(t, 0, T0 + S);
	CHECK(tracker_done(t), "one that fails is not asked for long");
	tracker_free(t);
}

static void who_never_answered_hears_no_goodbye(void)
{
	struct tracker *t = make_one();

	tracker_start(t, T0);
	DUE(t, T0, "a started ");
	bad(t, 0, T0);
	tracker_stop(t, T0);
	CHECK(tracker_done(t), "it does not know us");
	tracker_start(t, T0);
	DUE(t, T0, "a started ");
	tracker_stop(t, T0);
	bad(t, 0, T0);
	CHECK(tracker_done(t), "nor now");
	DUE(t, T0, "");
	tracker_free(t);
}

static void start_again_while_goodbye_is_said(void)
{
	struct tracker *t = make_one();

	tracker_start(t, T0);
	DUE(t, T0, "a started ");
	good(t, 0, T0);
	tracker_stop(t, T0);
	DUE(t, T0, "a stopped ");
	tracker_start(t, T0);
	DUE(t, T0, "");
	good(t, 0, T0 + S);
	DUE(t, T0 + S, "a started ");
	tracker_free(t);
}

static void completed_is_not_lost_to_a_failure(void)
{
	struct tracker *t = make_one();

	tracker_start(t, T0);
	DUE(t, T0, "a started ");
	good(t, 0, T0);
	tracker_completed(t, T0);
	DUE(t, T0, "a completed ");
	bad(t, 0, T0);
	DUE(t, T0 + 14 * S, "");
	DUE(t, T0 + 19 * S, "a completed ");
	good(t, 0, T0 + 19 * S);
	DUE(t, T0 + 619 * S, "a regular ");
	tracker_free(t);
}

static void back_off_doubles_to_half_an_hour(void)
{
	static const int64_t wants_s[] = {15,  30,  60,	  120,	240,
					  480, 960, 1800, 1800, 1800};
	struct tracker *t = make_one();
	int64_t now = T0;

	tracker_start(t, T0);
	for (size_t i = 0; i < ROWS(wants_s); i++) {
		int64_t wait;

		DUE(t, now, "a started ");
		bad(t, 0, now);
		wait = tracker_wake_ms(t) - now;
		CHECK(wait >= wants_s[i] * S && wait <= wants_s[i] * S * 5 / 4,
		      "round %zu: %lld", i, (long long)wait);
		now = tracker_wake_ms(t);
	}
	DUE(t, now, "a started ");
	good(t, 0, now);
	DUE(t, now + 600 * S, "a regular ");
	bad(t, 0, now + 600 * S);
	CHECK(tracker_wake_ms(t) - now - 600 * S < 19 * S, "begins anew");
	tracker_free(t);
}

static void the_next_of_a_tier_stands_in(void)
{
	static const char *const urls[] = {"0 http://a", "0 http://b"};
	struct tracker *t = make(urls, 2);
	char first, second;

	tracker_start(t, T0);
	first = due(t, T0)[0];
	second = first == 'a' ? 'b' : 'a';
	good(t, 0, T0);
	CHECK(due(t, T0 + 600 * S)[0] == first, "it works: it is kept");
	bad(t, 0, T0 + 600 * S);
	CHECK(due(t, T0 + 600 * S)[0] == second, "at once the other");
	CHECK(reply.failed == false, "reply");
	good(t, 0, T0 + 600 * S);
	CHECK(due(t, T0 + 1200 * S)[0] == second, "moved to the front");
	bad(t, 0, T0 + 1200 * S);
	CHECK(due(t, T0 + 1200 * S)[0] == first, "the first again");
	bad(t, 0, T0 + 1200 * S);
	CHECK(due(t, T0 + 1214 * S)[0] == '\0', "both failed: back off");
	CHECK(due(t, T0 + 1219 * S)[0] == second, "from the front");
	tracker_free(t);
}

static void who_answers_moves_to_the_front(void)
{
	static const char *const urls[] = {"0 http://a", "0 http://b",
					   "0 http://c"};
	struct tracker *t = make(urls, 3);
	char first, second, third;

	tracker_start(t, T0);
	first = due(t, T0)[0];
	bad(t, 0, T0);
	second = due(t, T0)[0];
	good(t, 0, T0); /* now second, first, third */
	CHECK(due(t, T0 + 600 * S)[0] == second, "kept");
	bad(t, 0, T0 + 600 * S);
	CHECK(due(t, T0 + 600 * S)[0] == first, "then the first");
	bad(t, 0, T0 + 600 * S);
	third = due(t, T0 + 600 * S)[0];
	CHECK(third != first && third != second, "then the third");
	tracker_free(t);
}

static void each_tier_is_announced_to(void)
{
	static const char *const urls[] = {"1 http://b", "0 http://a",
					   "7 http://c"};
	struct tracker *t = make(urls, 3);

	tracker_start(t, T0);
	DUE(t, T0, "a started b started c started ");
	good(t, 1, T0);
	bad(t, 0, T0);
	good(t, 7, T0);
	tracker_stop(t, T0);
	DUE(t, T0, "b stopped c stopped ");
	good(t, 7, T0);
	CHECK(!tracker_done(t), "b is awaited");
	good(t, 1, T0);
	CHECK(tracker_done(t), "all said");
	tracker_free(t);
}

static void intervals_are_bounded(void)
{
	static const struct {
		const char *name;
		const char *body;
		bool hungry;
		int64_t want_s;
	} rows[] = {
		{"as stated", "d8:intervali900ee", true, 900},
		{"not stated", "d5:peers0:e", true, 1800},
		{"zero", "d8:intervali0e5:peers0:e", true, 1800},
		{"one second", "d8:intervali1ee", true, 5},
		{"a year", "d8:intervali31536000ee", true, 7200},
		{"hungry: the least", "d8:intervali900e12:min intervali60ee",
		 true, 60},
		{"fed: the usual", "d8:intervali900e12:min intervali60ee",
		 false, 900},
		{"a least above the usual",
		 "d8:intervali900e12:min intervali1000ee", true, 900},
		{"least of one second", "d8:intervali900e12:min intervali1ee",
		 true, 5},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct tracker *t = make_one();

		tracker_set_hungry(t, rows[i].hungry);
		tracker_start(t, T0);
		(void)due(t, T0);
		CHECK(answer(t, 0, rows[i].body, T0) == ERR_NONE, "%s",
		      rows[i].name);
		CHECK(tracker_wake_ms(t) - T0 == rows[i].want_s * S, "%s: %lld",
		      rows[i].name, (long long)(tracker_wake_ms(t) - T0));
		tracker_free(t);
	}
}

static void failures_are_named_and_waited_out(void)
{
	static const struct {
		const char *name;
		int status;
		const char *body;
		enum err_code want;
		const char *says;
		int64_t least_s; /* the wait; -1: for ever */
	} rows[] = {
		{"a reason", 200, "d14:failure reason4:gonee", ERR_STATE,
		 "refused: gone", 15},
		{"a reason with status 400", 400, "d14:failure reason4:gonee",
		 ERR_STATE, "refused: gone", 15},
		{"status 503", 503, "<html>", ERR_STATE, "HTTP status 503", 15},
		{"status 404 with peers", 404, "d5:peers0:e", ERR_STATE,
		 "HTTP status 404", 15},
		{"no answer at all", 200, "<html>", ERR_PARSE, "byte 0", 15},
		{"come again in 20 minutes", 200,
		 "d14:failure reason4:busy8:retry ini20ee", ERR_STATE, "busy",
		 1200},
		{"never come again", 200,
		 "d14:failure reason4:gone8:retry in5:nevere", ERR_STATE,
		 "gone", -1},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct tracker *t = make_one();
		struct tracker_status status;
		struct err e = {0};
		int64_t wait;

		tracker_start(t, T0);
		(void)due(t, T0);
		CHECK(tracker_on_answer(t, &reply, 0, rows[i].status,
					(const uint8_t *)rows[i].body,
					strlen(rows[i].body), T0,
					&e) == rows[i].want,
		      "%s", rows[i].name);
		CHECK(strstr(e.msg, rows[i].says), "%s: %s", rows[i].name,
		      e.msg);
		tracker_status(t, 0, &status);
		CHECK(strcmp(status.error, e.msg) == 0 || strlen(e.msg) >= 127,
		      "%s: %s", rows[i].name, status.error);
		wait = tracker_wake_ms(t) - T0;
		if (rows[i].least_s < 0)
			CHECK(tracker_wake_ms(t) == INT64_MAX, "%s",
			      rows[i].name);
		else
			CHECK(wait >= rows[i].least_s * S &&
				      wait <= rows[i].least_s * S * 5 / 4,
			      "%s: %lld", rows[i].name, (long long)wait);
		tracker_free(t);
	}
}

static void a_dead_tracker_leaves_its_tier_to_the_others(void)
{
	static const char *const urls[] = {"0 http://a", "0 http://b"};
	struct tracker *t = make(urls, 2);
	char first;

	tracker_start(t, T0);
	first = due(t, T0)[0];
	(void)answer(t, 0, "d14:failure reason1:x8:retry in5:nevere", T0);
	CHECK(due(t, T0)[0] == (first == 'a' ? 'b' : 'a'), "the other");
	bad(t, 0, T0);
	CHECK(due(t, T0 + 19 * S)[0] == (first == 'a' ? 'b' : 'a'), "it alone");
	(void)answer(t, 0, "d14:failure reason1:x8:retry in5:nevere", T0);
	CHECK(tracker_wake_ms(t) == INT64_MAX, "all dead");
	CHECK(tracker_add(t, "http://c", 0, NULL) == ERR_NONE, "add");
	DUE(t, T0 + 20 * S, "c started ");
	tracker_stop(t, T0);
	tracker_free(t);
}

static void trackers_may_come_late(void)
{
	struct tracker *t = make(NULL, 0);

	tracker_start(t, T0);
	DUE(t, T0, "");
	CHECK(tracker_wake_ms(t) == INT64_MAX, "nothing to do");
	CHECK(tracker_add(t, "http://a", 3, NULL) == ERR_NONE, "add");
	CHECK(tracker_add(t, "http://a", 5, NULL) == ERR_NONE, "the same");
	CHECK(tracker_count(t) == 1, "%u", tracker_count(t));
	CHECK(tracker_add(t, "wss://a", 0, NULL) == ERR_STATE, "wss");
	CHECK(tracker_wake_ms(t) <= T0, "due");
	DUE(t, T0, "a started ");
	tracker_free(t);
}

static void too_many_trackers_are_refused(void)
{
	struct tracker *t = make(NULL, 0);
	char url[32];

	for (uint32_t i = 0; i <= TRACKER_MAX_URLS; i++) {
		(void)snprintf(url, sizeof(url), "http://t%u", i);
		CHECK(tracker_add(t, url, i % 7, NULL) ==
			      (i < TRACKER_MAX_URLS ? ERR_NONE : ERR_LIMIT),
		      "%u", i);
	}
	tracker_free(t);
}

static void tiers_are_shuffled(void)
{
	char order[3][8];

	for (uint64_t seed = 0; seed < 3; seed++) {
		struct tracker_cfg cfg = {.rng = rng_seeded(seed)};
		struct tracker_status status;
		struct tracker *t;
		char url[] = "http://a";

		CHECK(tracker_new(&t, &cfg, NULL) == ERR_NONE, "new");
		for (; url[7] < 'g'; url[7]++)
			CHECK(tracker_add(t, url, 0, NULL) == ERR_NONE, "add");
		for (uint32_t i = 0; i < 6; i++) {
			tracker_status(t, i, &status);
			order[seed][i] = status.url[7];
			CHECK(status.current == (i == 0), "the first");
		}
		order[seed][6] = '\0';
		tracker_free(t);
	}
	CHECK(strcmp(order[0], order[1]) != 0 ||
		      strcmp(order[1], order[2]) != 0,
	      "%s %s %s", order[0], order[1], order[2]);
}

static void what_was_not_asked_is_not_taken(void)
{
	struct tracker *t = make_one();

	CHECK(answer(t, 0, "d8:intervali600ee", T0) == ERR_STATE, "not begun");
	tracker_start(t, T0);
	CHECK(answer(t, 0, "d8:intervali600ee", T0) == ERR_STATE, "not asked");
	bad(t, 0, T0);
	bad(t, 9, T0);
	DUE(t, T0, "a started ");
	tracker_free(t);
}

static void the_question_tells_our_state(void)
{
	const struct tracker_stats some = {
		.uploaded = 1, .downloaded = 2, .left = 3};
	struct tracker *t = make_one();
	struct tracker_announce a;

	tracker_start(t, T0);
	CHECK(next_announce(t, &a, T0, &some) && a.tier == 0, "started");
	CHECK(strstr(a.url, "&uploaded=1&downloaded=2&left=3&") &&
		      strstr(a.url, "&numwant=80") &&
		      !strstr(a.url, "trackerid"),
	      "%s", a.url);
	(void)answer(t, 0, "d8:intervali600e10:tracker id2:xye", T0);
	tracker_set_hungry(t, false);
	CHECK(next_announce(t, &a, T0 + 600 * S, &some), "regular");
	CHECK(strstr(a.url, "&numwant=0") && strstr(a.url, "&trackerid=xy"),
	      "%s", a.url);
	good(t, 0, T0 + 600 * S);
	CHECK(next_announce(t, &a, T0 + 1200 * S, &some), "regular");
	CHECK(strstr(a.url, "&trackerid=xy"), "kept: %s", a.url);
	tracker_free(t);
}

static void a_udp_tracker_is_asked_by_its_own_words(void)
{
	static const char *const urls[] = {"0 udp://a:1/announce",
					   "1 http://b"};
	static const struct announce_reply good_one = {
		.interval_s = 300, .seeds = 4, .leechers = 5};
	static const struct announce_reply refusal = {.failed = true,
						      .text = "no"};
	struct tracker *t = make(urls, 2);
	struct tracker_announce a;
	struct tracker_status st;
	struct err e = {0};

	tracker_start(t, T0);
	CHECK(next_announce(t, &a, T0, &stats) && a.udp &&
		      strcmp(a.url, "udp://a:1/announce") == 0 &&
		      a.query.event == ANNOUNCE_STARTED && a.query.left == 7 &&
		      a.query.port == 6881 && a.query.numwant == 80,
	      "udp: %s", a.url);
	CHECK(next_announce(t, &a, T0, &stats) && !a.udp, "http: %s", a.url);
	CHECK(tracker_on_reply(t, &good_one, 0, T0, &e) == ERR_NONE, "%s",
	      e.msg);
	tracker_status(t, 0, &st);
	CHECK(st.seeds == 4 && st.leechers == 5 && st.next_ms == T0 + 300 * S,
	      "figures");
	CHECK(tracker_on_reply(t, &good_one, 0, T0, NULL) == ERR_STATE,
	      "not asked");
	CHECK(next_announce(t, &a, T0 + 300 * S, &stats) &&
		      a.query.event == ANNOUNCE_REGULAR,
	      "again");
	CHECK(tracker_on_reply(t, &refusal, 0, T0 + 300 * S, &e) == ERR_STATE,
	      "refused");
	tracker_status(t, 0, &st);
	CHECK(strcmp(st.error, "tracker: refused: no") == 0, "%s", st.error);
	tracker_free(t);
}

int main(void)
{
	a_life_is_told_in_order();
	events_wait_for_the_announce_under_way();
	completed_is_said_before_goodbye();
	who_never_answered_hears_no_goodbye();
	start_again_while_goodbye_is_said();
	completed_is_not_lost_to_a_failure();
	back_off_doubles_to_half_an_hour();
	the_next_of_a_tier_stands_in();
	who_answers_moves_to_the_front();
	each_tier_is_announced_to();
	intervals_are_bounded();
	failures_are_named_and_waited_out();
	a_dead_tracker_leaves_its_tier_to_the_others();
	trackers_may_come_late();
	too_many_trackers_are_refused();
	tiers_are_shuffled();
	what_was_not_asked_is_not_taken();
	the_question_tells_our_state();
	a_udp_tracker_is_asked_by_its_own_words();
	return CHECK_EXIT();
}
