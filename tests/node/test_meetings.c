/* How hosts answered: summed up, then written. */
#include "node/renter/meetings.h"
#include "tests/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[64], path[80];
static struct renter_db *db;
static struct meetings m;

static struct address host(unsigned n)
{
	return (struct address){{1, (uint8_t)(n >> 8), (uint8_t)n}};
}

static struct renter_host known(unsigned n)
{
	struct address a = host(n);
	struct renter_host h;

	CHECK(renter_db_host(db, &h, &a, NULL) == ERR_NONE, "host %u", n);
	return h;
}

static void answers_are_summed_up(void)
{
	/* times of good answers, one letter a bad one */
	static const struct {
		const char *what;
		uint32_t before_ms, ms[10];
		unsigned good, bad;
		uint32_t after_ms;
	} rows[] = {
		{"a first one is taken as it is", 0, {80}, 1, 0, 80},
		{"one more counts for an eighth", 80, {160}, 1, 0, 90},
		{"two for two", 80, {160, 160}, 2, 0, 100},
		{"many for all but one",
		 80,
		 {160, 160, 160, 160, 160, 160, 160, 160, 160, 160},
		 10,
		 0,
		 150},
		{"without a time it stays", 80, {0}, 3, 0, 80},
		{"a bad one has none", 80, {0}, 0, 4, 80},
	};

	for (unsigned i = 0; i < ROWS(rows); i++) {
		struct renter_host h = {.address = host(i),
					.good = 5,
					.bad = 7,
					.rtt_ms = rows[i].before_ms,
					.seen_s = 50,
					.shunned = true};

		CHECK(renter_db_set_host(db, &h, NULL) == ERR_NONE, "set");
		for (unsigned j = 0; j < rows[i].good; j++)
			CHECK(meetings_note(&m, &h.address, true, rows[i].ms[j],
					    100 + j),
			      "good");
		for (unsigned j = 0; j < rows[i].bad; j++)
			CHECK(meetings_note(&m, &h.address, false, 0, 100),
			      "bad");
		h = known(i);
		CHECK(h.good == 5 && h.bad == 7, "not written yet");
		CHECK(meetings_write(&m, db), "%s: nothing", rows[i].what);
		h = known(i);
		CHECK(h.good == 5 + rows[i].good && h.bad == 7 + rows[i].bad &&
			      h.rtt_ms == rows[i].after_ms && h.shunned,
		      "%s: %u ms", rows[i].what, h.rtt_ms);
		CHECK(h.seen_s == (rows[i].good ? 99 + (int)rows[i].good : 50),
		      "%s: seen at %d", rows[i].what, (int)h.seen_s);
		CHECK(!meetings_write(&m, db), "%s: twice", rows[i].what);
	}
}

static void so_many_hosts_and_no_more(void)
{
	struct address a;

	for (unsigned i = 0; i < MEETINGS_MAX; i++) {
		a = host(100 + i);
		CHECK(meetings_note(&m, &a, true, 1, 9), "host %u", i);
	}
	CHECK(meetings_note(&m, &a, true, 1, 9), "one that is noted");
	a = host(99);
	CHECK(!meetings_note(&m, &a, true, 1, 9), "one too many");
	CHECK(meetings_write(&m, db) && meetings_note(&m, &a, true, 1, 9),
	      "room again");
	CHECK(known(100).good == 1 && known(100 + MEETINGS_MAX - 1).good == 2 &&
		      known(99).good == 0,
	      "all but the last");
}

int main(void)
{
	static const char *const ends[] = {"", "-wal", "-shm"};
	struct err e = {0};

	(void)snprintf(dir, sizeof(dir), "/tmp/seedbank-meet-XXXXXX");
	if (!mkdtemp(dir))
		abort();
	(void)snprintf(path, sizeof(path), "%s/r", dir);
	CHECK(renter_db_open(&db, path, &e) == ERR_NONE, "%s", e.msg);
	answers_are_summed_up();
	so_many_hosts_and_no_more();
	renter_db_close(db);
	for (size_t i = 0; i < ROWS(ends); i++) {
		(void)snprintf(path, sizeof(path), "%s/r%s", dir, ends[i]);
		(void)unlink(path);
	}
	(void)rmdir(dir);
	return CHECK_EXIT();
}
