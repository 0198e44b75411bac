#include "tests/wire/tracker_rig.h"

/* Takes a place in line; the URL. */
static const char *line_up(struct tracker *t, int64_t now_ms)
{
	struct tracker_due d;

	return tracker_due(t, &d, now_ms) ? d.url : "";
}

static enum announce_event turn(struct tracker *t, int64_t now_ms)
{
	struct tracker_announce a;

	CHECK(tracker_turn(t, &a, 0, now_ms, &stats), "its turn");
	return a.event;
}

/* What is asked is what is due when the turn comes. */
static void a_line_is_waited_in(void)
{
	struct tracker *t = make_one();
	struct tracker_announce a;
	struct tracker_status st;

	CHECK(!tracker_turn(t, &a, 0, T0, &stats), "not in line");
	tracker_start(t, T0);
	CHECK(strcmp(line_up(t, T0), "http://a") == 0, "by its URL");
	tracker_status(t, 0, &st);
	CHECK(st.asking, "under way, to others");
	CHECK(!*line_up(t, T0 + 60 * S) && tracker_wake_ms(t) == INT64_MAX,
	      "once");
	CHECK(turn(t, T0 + 60 * S) == ANNOUNCE_STARTED, "started");
	CHECK(!tracker_turn(t, &a, 0, T0 + 60 * S, &stats), "once");
	good(t, 0, T0 + 60 * S);
	CHECK(*line_up(t, T0 + 660 * S), "again");
	tracker_completed(t, T0 + 661 * S);
	CHECK(!*line_up(t, T0 + 661 * S), "it has its place");
	CHECK(turn(t, T0 + 662 * S) == ANNOUNCE_COMPLETED, "what came since");
	good(t, 0, T0 + 662 * S);
	CHECK(*line_up(t, T0 + 1262 * S), "again");
	tracker_stop(t, T0 + 1263 * S);
	CHECK(!tracker_done(t) && *line_up(t, T0 + 1263 * S), "a new place");
	tracker_stop(t, T0 + 1264 * S);
	CHECK(!tracker_done(t) && *line_up(t, T0 + 1264 * S), "and another");
	CHECK(turn(t, T0 + 1264 * S) == ANNOUNCE_STOPPED, "to say goodbye");
	good(t, 0, T0 + 1264 * S);
	CHECK(tracker_done(t), "done");
	tracker_free(t);
}

static void who_leaves_before_his_turn_says_nothing(void)
{
	struct tracker *t = make_one();
	struct tracker_announce a;

	tracker_start(t, T0);
	CHECK(*line_up(t, T0), "in line");
	tracker_stop(t, T0 + S);
	CHECK(tracker_done(t) && !*line_up(t, T0 + S), "nobody knows us");
	CHECK(!tracker_turn(t, &a, 0, T0 + S, &stats), "no turn");
	tracker_free(t);
}

/* A download that ends in the turn of the loop in which it is complete. */
static void completed_in_line_is_said_before_goodbye(void)
{
	struct tracker *t = make_one();

	tracker_start(t, T0);
	CHECK(*line_up(t, T0) && turn(t, T0) == ANNOUNCE_STARTED, "started");
	good(t, 0, T0);
	tracker_completed(t, T0 + S);
	CHECK(*line_up(t, T0 + S), "in line");
	tracker_stop(t, T0 + S);
	CHECK(*line_up(t, T0 + S), "again");
	CHECK(turn(t, T0 + S) == ANNOUNCE_COMPLETED, "completed");
	good(t, 0, T0 + S);
	CHECK(*line_up(t, T0 + S) && turn(t, T0 + S) == ANNOUNCE_STOPPED,
	      "then stopped");
	good(t, 0, T0 + S);
	CHECK(tracker_done(t), "done");
	tracker_free(t);
}

static void who_waited_in_vain_backs_off(void)
{
	static const char *const urls[] = {"0 http://a", "0 http://b"};
	struct tracker *t = make(urls, 2);
	const char *first, *second;

	tracker_start(t, T0);
	first = line_up(t, T0);
	bad(t, 0, T0 + S);
	second = line_up(t, T0 + S);
	CHECK(*second && strcmp(first, second) != 0, "the next of the tier");
	bad(t, 0, T0 + S);
	CHECK(!*line_up(t, T0 + 15 * S) && *line_up(t, T0 + 20 * S),
	      "then a while");
	tracker_free(t);
	t = make_one();
	tracker_start(t, T0);
	CHECK(*line_up(t, T0) && turn(t, T0) == ANNOUNCE_STARTED, "started");
	good(t, 0, T0);
	tracker_stop(t, T0 + 21 * S);
	CHECK(*line_up(t, T0 + 21 * S), "goodbye");
	bad(t, 0, T0 + 22 * S);
	CHECK(tracker_done(t), "said, heard or not");
	tracker_free(t);
}

int main(void)
{
	a_line_is_waited_in();
	who_leaves_before_his_turn_says_nothing();
	completed_in_line_is_said_before_goodbye();
	who_waited_in_vain_backs_off();
	return CHECK_EXIT();
}
