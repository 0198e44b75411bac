#include "tests/wire/tracker_rig.h"

/* BEP 27: the next of them only when one fails, in the order of the tiers, and
 * the caller hears of it. */
static void a_private_torrent_has_one_tracker_at_a_time(void)
{
	static const char *const urls[] = {"0 http://a", "2 http://c",
					   "1 http://b"};
	const struct tracker_cfg cfg = {
		.port = 6881, .rng = rng_seeded(1), .one_at_a_time = true};
	struct tracker *t = make_with(&cfg, urls, 3);

	tracker_start(t, T0);
	DUE(t, T0, "a started ");
	good(t, 0, T0);
	CHECK(!tracker_switched(t), "the first is no other");
	DUE(t, T0 + 599 * S, "");
	DUE(t, T0 + 600 * S, "a regular ");
	bad(t, 0, T0 + 600 * S);
	DUE(t, T0 + 600 * S, "b started ");
	CHECK(!tracker_switched(t), "not before it answers");
	bad(t, 0, T0 + 600 * S);
	DUE(t, T0 + 600 * S, "c started ");
	good(t, 0, T0 + 600 * S);
	CHECK(tracker_switched(t) && !tracker_switched(t), "told once");
	DUE(t, T0 + 1200 * S, "c regular ");
	good(t, 0, T0 + 1200 * S);
	CHECK(!tracker_switched(t), "it goes on with that one");
	tracker_free(t);
}

/* What the trackers of a link's torrent had said when its metadata came: "a",
 * "b" and "c" are asked, each of `answered` has answered. */
static struct tracker *make_link(const char *answered)
{
	static const char *const urls[] = {"0 http://a", "1 http://b",
					   "2 http://c"};
	struct tracker *t = make(urls, 3);

	tracker_start(t, T0);
	DUE(t, T0, "a started b started c started ");
	for (; *answered; answered++)
		good(t, (uint32_t)(*answered - 'a'), T0);
	return t;
}

static void a_link_turns_out_to_be_private(void)
{
	static const struct {
		const char *name, *answered, *now, *later;
		bool switched;
	} rows[] = {
		{"none answered", "", "a started ", "", false},
		{"one answered", "b", "", "b regular ", false},
		{"another", "a", "", "a regular ", false},
		{"two answered", "cb", "b regular ", "", true},
		{"all answered", "abc", "a regular ", "", true},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct tracker *t = make_link(rows[i].answered);
		const char *got;

		CHECK(tracker_set_private(t, T0 + S), "%s", rows[i].name);
		got = due(t, T0 + S);
		CHECK(strcmp(got, rows[i].now) == 0, "%s: at once %s",
		      rows[i].name, got);
		got = due(t, T0 + 600 * S);
		CHECK(strcmp(got, rows[i].later) == 0, "%s: later %s",
		      rows[i].name, got);
		good(t, 0, T0 + 600 * S);
		CHECK(tracker_switched(t) == rows[i].switched, "%s: switched",
		      rows[i].name);
		CHECK(!tracker_switched(t), "%s: once", rows[i].name);
		CHECK(tracker_count(t) == 3, "%s: all are there", rows[i].name);
		tracker_free(t);
	}
}

static void the_private_link_goes_on_by_one(void)
{
	static struct tracker_announce asked;
	struct tracker_due line;
	struct tracker *t = make_link("b");

	CHECK(tracker_set_private(t, T0 + S), "what is asked counts no more");
	CHECK(tracker_add(t, "http://d", 9, NULL) == ERR_NONE, "add");
	DUE(t, T0 + 600 * S, "b regular ");
	bad(t, 0, T0 + 600 * S);
	DUE(t, T0 + 600 * S, "a started ");
	bad(t, 0, T0 + 600 * S);
	DUE(t, T0 + 600 * S, "c started ");
	bad(t, 0, T0 + 600 * S);
	DUE(t, T0 + 600 * S, "d started ");
	good(t, 0, T0 + 600 * S);
	CHECK(tracker_switched(t), "the peers were another's");
	tracker_stop(t, T0 + 700 * S);
	DUE(t, T0 + 700 * S, "d stopped ");
	tracker_free(t);

	t = make_link("a");
	DUE(t, T0 + 600 * S, "a regular ");
	bad(t, 0, T0 + 600 * S);
	CHECK(tracker_due(t, &line, T0 + 700 * S), "it is in line");
	CHECK(tracker_set_private(t, T0 + 700 * S), "which is left");
	CHECK(!tracker_turn(t, &asked, line.tier, T0 + 700 * S, &stats),
	      "so its turn does not come");
	DUE(t, T0 + 700 * S, "a regular ");
	tracker_free(t);

	t = make_link("ab"); /* paused meanwhile */
	tracker_stop(t, T0);
	CHECK(tracker_set_private(t, T0), "stopped");
	DUE(t, T0 + 600 * S, "");
	CHECK(tracker_done(t), "nothing is awaited");
	tracker_start(t, T0 + 600 * S);
	DUE(t, T0 + 600 * S, "a started ");
	tracker_free(t);
}

static void a_private_link_with_one_tracker_is_as_before(void)
{
	struct tracker *t = make(NULL, 0);

	CHECK(!tracker_set_private(t, T0), "none");
	tracker_free(t);
	t = make_one();
	tracker_start(t, T0);
	DUE(t, T0, "a started ");
	CHECK(!tracker_set_private(t, T0), "what is asked goes on");
	DUE(t, T0, "");
	good(t, 0, T0);
	CHECK(!tracker_switched(t), "there is no other");
	CHECK(tracker_add(t, "http://b", 5, NULL) == ERR_NONE, "add");
	DUE(t, T0 + 599 * S, "");
	DUE(t, T0 + 600 * S, "a regular ");
	tracker_free(t);
}

int main(void)
{
	a_private_torrent_has_one_tracker_at_a_time();
	a_link_turns_out_to_be_private();
	the_private_link_goes_on_by_one();
	a_private_link_with_one_tracker_is_as_before();
	return CHECK_EXIT();
}
