/* A stream reaches its hosts whatever they do and whenever it is interrupted,
 * and every segment can be brought back from any k of them. */
#include "storage/rent/upload.h"

#include "tests/storage/engine_rig.h"

struct rig {
	struct engine g;
	char dir[64], path[96];
	struct renter_db *db;
	struct renter_db *other; /* sees what is committed, only */
	struct placing *placing;
	struct upload *upload;
	struct renter_object object;
	struct object_keys keys;
	uint16_t k, n;
	uint64_t len;	   /* of the stream */
	uint8_t kind;	   /* another one */
	uint64_t fails_at; /* read says no from here on */
	unsigned slots;
	uint64_t rng;
	/* what was seen */
	bool commit;
	unsigned starved;
	struct err starved_why;
	unsigned deeds[UPLOAD_GIVEN_UP + 1];
	struct upload_progress progress;
	unsigned commits, kill_at; /* stop right after so many; 0: never */
	bool kill_before;	   /* ... before the commit is done */
	bool killed;
	bool hold_revisions; /* parked hosts get none */
	uint8_t tail[24];
	size_t tail_len;
	unsigned sent_most; /* at a time, to one host */
};

/* --- ops --- */

static void put_sector(void *ctx, const struct address *host,
		       const struct hash32 *root, const uint8_t *data,
		       uint64_t cookie)
{
	struct rig *r = ctx;
	struct town_ask *a = engine_ask_put(&r->g, host, root, data, cookie);
	struct renter_segment g;
	unsigned open = 0;
	bool known = false;

	CHECK(renter_db_segment(r->other, &g, &known, r->object.id, 0, NULL) ==
			      ERR_NONE &&
		      known,
	      "nothing leaves before its segment is committed");
	for (unsigned i = 0; i < TOWN_ASKED; i++)
		open += r->g.town.asks[i].open &&
			r->g.town.asks[i].host == a->host;
	if (open > r->sent_most)
		r->sent_most = open;
}

static enum err_code read_stream(void *ctx, uint64_t off, uint8_t *buf,
				 size_t len, size_t *got, struct err *e)
{
	const struct rig *r = ctx;
	uint64_t left = off < r->len ? r->len - off : 0;

	if (off + len > r->fails_at)
		return err_fail(e, ERR_IO, "cannot read");
	*got = left < len ? (size_t)left : len;
	stream_bytes(buf, off, *got, r->kind);
	return ERR_NONE;
}

static size_t tail(void *ctx, uint8_t *buf)
{
	const struct rig *r = ctx;

	memcpy(buf, r->tail, r->tail_len);
	return r->tail_len;
}

static void want_commit(void *ctx)
{
	((struct rig *)ctx)->commit = true;
}

static void progress(void *ctx, const struct upload_progress *p)
{
	((struct rig *)ctx)->progress = *p;
}

static void host_did(void *ctx, const struct address *host,
		     enum upload_deed deed, uint32_t ms)
{
	(void)host;
	(void)ms;
	((struct rig *)ctx)->deeds[deed]++;
}

static void starved(void *ctx, const struct err *why)
{
	struct rig *r = ctx;

	r->starved++;
	r->starved_why = *why;
}

static const struct upload_ops ops = {
	.put_sector = put_sector,
	.put_cancel = engine_cancel,
	.read = read_stream,
	.tail = tail,
	.want_commit = want_commit,
	.progress = progress,
	.host_did = host_did,
	.starved = starved,
	.ended = engine_ended,
	.freed = engine_freed,
};

/* --- driving --- */

static void answer(struct rig *r, const struct town_ask *a)
{
	struct address host = town_address(a->host);
	int64_t now = r->g.town.now_ms;
	enum upload_no no;

	if (engine_put(&r->g, a, upload_no_of(RENT_NO_FULL), &no)) {
		upload_on_stored(r->upload, a->cookie, 1000, now);
		return;
	}
	upload_on_refused(r->upload, a->cookie, no, NULL, now);
	if (no != UPLOAD_PARKED || r->hold_revisions)
		return;
	r->g.town.hosts[a->host].habit = HABIT_GOOD;
	upload_host_ready(r->upload, &host, now);
}

static bool commit(struct rig *r)
{
	r->commit = false;
	r->commits++;
	if (r->commits == r->kill_at && r->kill_before) {
		renter_db_rollback(r->db);
		r->killed = true;
		return false;
	}
	CHECK(renter_db_commit(r->db, NULL) == ERR_NONE, "commit");
	if (r->commits == r->kill_at) {
		r->killed = true;
		return false;
	}
	upload_committed(r->upload, r->g.town.now_ms);
	return true;
}

/* Until it ended, was killed, or nothing can happen any more. */
static void run(struct rig *r)
{
	for (unsigned turn = 0; turn < 100000 && !r->g.ended; turn++) {
		struct town_ask *a;

		engine_run_jobs(&r->g);
		a = town_next(&r->g.town);
		if (a)
			answer(r, a);
		if (r->commit && !commit(r))
			return;
		if (a || r->commit || work_pending(r->g.work))
			continue;
		if (!engine_wait(&r->g, upload_next_ms(r->upload)))
			return;
		upload_tick(r->upload, r->g.town.now_ms);
	}
}

static void open_db(struct rig *r)
{
	struct err e = {0};

	CHECK(renter_db_open(&r->db, r->path, &e) == ERR_NONE, "%s", e.msg);
	CHECK(renter_db_open(&r->other, r->path, &e) == ERR_NONE, "%s", e.msg);
	if (!r->db || !r->other)
		abort();
}

static void open_placing(struct rig *r, unsigned hosts)
{
	const struct placing_policy y = {
		.shards = r->n, .per_host = 1, .per_net = 1};
	struct rng rng = rng_seeded(3);

	CHECK(placing_new(&r->placing, &y, &rng, NULL) == ERR_NONE, "placing");
	for (unsigned i = 0; i < hosts; i++)
		town_join(r->placing, i);
}

static struct rig *rig_new(uint16_t k, uint16_t n, unsigned hosts, uint64_t len)
{
	struct rig *r = calloc(1, sizeof(*r));

	if (!r)
		abort();
	town_dir(r->dir, sizeof(r->dir));
	(void)snprintf(r->path, sizeof(r->path), "%s/store.db", r->dir);
	engine_init(&r->g);
	r->k = k;
	r->n = n;
	r->len = len;
	r->fails_at = UINT64_MAX;
	r->rng = 1;
	town_keys(&r->keys);
	open_db(r);
	open_placing(r, hosts);
	r->object = town_object(r->db, k, n);
	return r;
}

static enum err_code start(struct rig *r, struct err *e)
{
	struct upload_cfg cfg = {
		.db = r->db,
		.work = r->g.work,
		.placing = r->placing,
		.ops = &ops,
		.ctx = r,
		.keys = r->keys,
		.object = r->object,
		.rng = rng_seeded(r->rng++),
		.slots = r->slots,
	};

	r->g.ended = r->g.freed = r->killed = false;
	r->kill_at = r->kill_at ? r->kill_at : 0;
	return upload_start(&r->upload, &cfg, r->g.town.now_ms, e);
}

static void go(struct rig *r)
{
	struct err e = {0};

	CHECK(start(r, &e) == ERR_NONE, "start: %s", e.msg);
	run(r);
}

static void stop(struct rig *r)
{
	upload_free(r->upload);
	r->upload = NULL;
	engine_check_freed(&r->g);
	for (unsigned i = 0; i < TOWN_ASKED; i++)
		CHECK(!r->g.town.asks[i].open ||
			      r->g.town.hosts[r->g.town.asks[i].host].habit ==
				      HABIT_GOOD,
		      "all is cancelled");
	memset(r->g.town.asks, 0, sizeof(r->g.town.asks));
}

static void reopen(struct rig *r, unsigned hosts)
{
	stop(r);
	renter_db_close(r->db);
	renter_db_close(r->other);
	placing_free(r->placing);
	open_db(r);
	open_placing(r, hosts);
	r->commit = false;
}

static void rig_free(struct rig *r)
{
	static const char *const ends[] = {"", "-wal", "-shm"};

	if (r->upload)
		stop(r);
	renter_db_close(r->db);
	renter_db_close(r->other);
	placing_free(r->placing);
	for (size_t i = 0; i < ROWS(ends); i++) {
		char path[128];

		(void)snprintf(path, sizeof(path), "%s%s", r->path, ends[i]);
		(void)unlink(path);
	}
	(void)rmdir(r->dir);
	engine_clear(&r->g);
	free(r);
}

/* --- is it there? --- */

struct shard_list {
	struct renter_place at[TOWN_HOSTS * 2];
	unsigned n;
};

static bool list_place(void *ctx, const struct renter_place *p)
{
	struct shard_list *l = ctx;

	if (l->n < ROWS(l->at))
		l->at[l->n++] = *p;
	return true;
}

/* The last k shards bring back the stream's bytes of this segment. */
static void check_segment(struct rig *r, struct segment *s, uint32_t index,
			  const char *name)
{
	struct renter_segment g;
	struct shard_list l = {.n = 0};
	uint8_t got[FRAME_PLAIN], want[FRAME_PLAIN];
	uint64_t off = (uint64_t)index * segment_plain_len(r->k);
	bool known;

	CHECK(renter_db_segment(r->other, &g, &known, r->object.id, index,
				NULL) == ERR_NONE &&
		      known,
	      "%s: segment %u is noted", name, index);
	CHECK(renter_db_places(r->other, r->object.id, index, list_place, &l,
			       NULL) == ERR_NONE,
	      "places");
	CHECK(l.n == r->n, "%s: segment %u has %u places", name, index, l.n);
	CHECK(segment_begin(s, &r->keys, g.salt, 0, NULL) == ERR_NONE, "begin");
	for (unsigned i = r->n - r->k; i < r->n; i++) {
		unsigned host = town_number(&l.at[i].host);
		const uint8_t *data =
			town_sector(&r->g.town, host, &l.at[i].root);

		CHECK(data, "%s: host %u has shard %u", name, host, i);
		if (!data)
			return;
		for (unsigned j = 0; j < i; j++)
			CHECK(!address_eq(&l.at[i].host, &l.at[j].host),
			      "%s: one shard a host", name);
		CHECK(segment_load(s, l.at[i].shard, data, NULL) == ERR_NONE,
		      "load");
	}
	CHECK(segment_solve(s, NULL) == ERR_NONE, "%s: solve", name);
	for (unsigned f = 0; f < r->k * FRAMES_PER_ROW; f++) {
		uint64_t at = off + (uint64_t)f * FRAME_PLAIN;
		uint64_t left = at < r->len ? r->len - at : 0;
		size_t mine = left < FRAME_PLAIN ? (size_t)left : FRAME_PLAIN;

		memset(want, 0, sizeof(want));
		stream_bytes(want, at, mine, r->kind);
		if (r->tail_len && index + 1 == r->object.segments &&
		    f + 1 == r->k * FRAMES_PER_ROW)
			memcpy(want + FRAME_PLAIN - r->tail_len, r->tail,
			       r->tail_len);
		CHECK(segment_open(s, got, f, NULL) == ERR_NONE &&
			      memcmp(got, want, sizeof(want)) == 0,
		      "%s: frame %u of segment %u", name, f, index);
	}
}

static void check_stored(struct rig *r, uint32_t segments, const char *name)
{
	struct segment *s = NULL;

	CHECK(r->g.ended && r->g.why.code == ERR_NONE, "%s: ended: %s", name,
	      r->g.why.msg);
	if (!r->g.ended || !r->upload)
		return;
	r->object = *upload_object(r->upload);
	CHECK(r->object.segments == segments && r->object.size == r->len,
	      "%s: %u segments, %llu bytes", name, r->object.segments,
	      (unsigned long long)r->object.size);
	CHECK(segment_new(&s, r->k, r->n, SECTOR_LEN, NULL) == ERR_NONE, "new");
	for (uint32_t i = 0; i < segments; i++)
		check_segment(r, s, i, name);
	segment_free(s);
}

/* --- the tests --- */

static void streams_of_all_lengths(void)
{
	const uint64_t one = segment_plain_len(2);
	const struct {
		const char *name;
		uint64_t len;
		size_t tail;
		unsigned slots;
		uint32_t segments;
	} rows[] = {
		{"empty", 0, 0, 0, 1},
		{"a byte", 1, 0, 0, 1},
		{"a segment but one", one - 1, 0, 0, 1},
		{"exactly a segment", one, 0, 0, 1},
		{"a byte more", one + 1, 0, 0, 2},
		{"three segments through one slot", 2 * one + 5, 0, 1, 3},
		{"a tail that just fits", one - 24, 24, 0, 1},
		{"a tail that needs a segment of its own", one - 23, 24, 0, 2},
		{"a tail after a full segment", one, 24, 3, 2},
		{"a tail alone", 0, 24, 0, 1},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct rig *r = rig_new(2, 4, 6, rows[i].len);

		memset(r->tail, 0xee, sizeof(r->tail));
		r->tail_len = rows[i].tail;
		r->slots = rows[i].slots;
		go(r);
		check_stored(r, rows[i].segments, rows[i].name);
		CHECK(r->progress.sectors == 4U * rows[i].segments &&
			      r->progress.read == rows[i].len,
		      "%s: progress %llu", rows[i].name,
		      (unsigned long long)r->progress.sectors);
		rig_free(r);
	}
}

static void hosts_that_fail_are_replaced(void)
{
	static const struct {
		const char *name;
		enum town_habit habit;
		unsigned good_for;
		unsigned given_up; /* hosts */
		bool same_host;	   /* it gets its shards in the end */
	} rows[] = {
		{"refuses", HABIT_REFUSES, 0, 1, false},
		{"never there", HABIT_GONE, 0, 1, false},
		{"silent", HABIT_SILENT, 0, 1, false},
		{"vanishes after one sector", HABIT_GOOD, 1, 1, true},
		{"busy for once", HABIT_BUSY, 0, 0, true},
		{"wants a revision first", HABIT_PARKED, 0, 0, true},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct rig *r = rig_new(2, 6, 8, 3 * segment_plain_len(2) - 9);
		struct town_host *bad = &r->g.town.hosts[2];

		bad->habit = rows[i].habit;
		bad->good_for = rows[i].good_for;
		go(r);
		check_stored(r, 3, rows[i].name);
		CHECK(r->deeds[UPLOAD_GIVEN_UP] == rows[i].given_up,
		      "%s: %u given up", rows[i].name,
		      r->deeds[UPLOAD_GIVEN_UP]);
		CHECK((bad->n > 0) == rows[i].same_host, "%s: it has %u",
		      rows[i].name, bad->n);
		CHECK(r->sent_most <= UPLOAD_PER_HOST, "%s: %u at a time",
		      rows[i].name, r->sent_most);
		rig_free(r);
	}
}

static void a_slow_host_holds_nothing_up(void)
{
	struct rig *r = rig_new(4, 8, 9, 2 * segment_plain_len(4));

	r->g.town.hosts[1].takes_ms = 3600000;
	go(r);
	check_stored(r, 2, "slow");
	CHECK(r->g.town.now_ms < 2 * UPLOAD_SLOW_MS, "done after %lld ms",
	      (long long)r->g.town.now_ms);
	rig_free(r);
}

static unsigned open_asks(const struct rig *r)
{
	unsigned n = 0;

	for (unsigned i = 0; i < TOWN_ASKED; i++)
		n += r->g.town.asks[i].open;
	return n;
}

/* Three sectors share one slow line: two wait for the first to be through. */
static void what_waits_behind_others_does_not_stall(void)
{
	struct rig *r = rig_new(1, 1, 1, 3 * segment_plain_len(1));
	struct err e = {0};

	r->g.town.hosts[0].habit = HABIT_SILENT;
	CHECK(start(r, &e) == ERR_NONE, "start: %s", e.msg);
	for (unsigned turn = 0; turn < 100 && open_asks(r) < 3; turn++) {
		engine_run_jobs(&r->g);
		if (r->commit)
			(void)commit(r);
	}
	CHECK(open_asks(r) == 3, "%u are on their way", open_asks(r));
	for (unsigned i = 0; i < 5; i++) {
		r->g.town.now_ms += UPLOAD_STALL_MS / 3;
		upload_on_moving(r->upload, r->g.town.asks[0].cookie,
				 r->g.town.now_ms);
		upload_tick(r->upload, r->g.town.now_ms);
	}
	CHECK(open_asks(r) == 3 && r->deeds[UPLOAD_FAILED] == 0, "%u are left",
	      open_asks(r));
	r->g.town.hosts[0].habit = HABIT_GOOD;
	run(r);
	check_stored(r, 3, "at last");
	rig_free(r);
}

/* When all others have acknowledged, several that are gone look like our own
 * line: one after another is given up, to find out. */
static void the_last_hosts_may_all_be_gone(void)
{
	static const enum town_habit habits[] = {HABIT_GONE, HABIT_SILENT};

	for (size_t i = 0; i < ROWS(habits); i++) {
		struct rig *r = rig_new(2, 6, 9, 10);

		for (unsigned h = 3; h < 6; h++) {
			r->g.town.hosts[h].habit = habits[i];
			r->g.town.hosts[h].takes_ms = 5000;
		}
		go(r);
		check_stored(r, 1, "the last three");
		CHECK(r->deeds[UPLOAD_GIVEN_UP] >= 2 &&
			      r->deeds[UPLOAD_GIVEN_UP] <= 3 &&
			      r->g.town.now_ms < 600000,
		      "%u given up after %lld ms", r->deeds[UPLOAD_GIVEN_UP],
		      (long long)r->g.town.now_ms);
		rig_free(r);
	}
}

/* The line fails for a while when something was acknowledged already. */
static void a_line_that_fails_for_minutes_costs_few_hosts(void)
{
	struct rig *r = rig_new(2, 8, 12, 3 * segment_plain_len(2));

	CHECK(start(r, NULL) == ERR_NONE, "start");
	while (r->g.town.now_ms < 600000) {
		struct town_ask *a;

		for (unsigned i = 0; i < 12 && r->progress.sectors; i++)
			r->g.town.hosts[i].habit = HABIT_GONE;
		engine_run_jobs(&r->g);
		while ((a = town_next(&r->g.town)))
			answer(r, a);
		if (r->commit)
			(void)commit(r);
		r->g.town.now_ms += 1000;
		upload_tick(r->upload, r->g.town.now_ms);
	}
	CHECK(r->deeds[UPLOAD_GIVEN_UP] <= 4, "%u given up in ten minutes",
	      r->deeds[UPLOAD_GIVEN_UP]);
	for (unsigned i = 0; i < 12; i++)
		r->g.town.hosts[i].habit = HABIT_GOOD;
	CHECK(!r->g.ended && r->starved == 0, "it waits");
	run(r);
	check_stored(r, 3, "the line is back");
	rig_free(r);
}

/* Our own line is down: no host is to blame, and none is given up. */
static void nobody_is_blamed_for_our_own_line(void)
{
	struct rig *r = rig_new(2, 4, 4, 10);

	for (unsigned i = 0; i < 4; i++)
		r->g.town.hosts[i].habit = HABIT_GONE;
	CHECK(start(r, NULL) == ERR_NONE, "start");
	for (unsigned i = 0; i < 40; i++) {
		struct town_ask *a;

		engine_run_jobs(&r->g);
		while ((a = town_next(&r->g.town)))
			answer(r, a);
		if (r->commit)
			(void)commit(r);
		r->g.town.now_ms += 10000;
		upload_tick(r->upload, r->g.town.now_ms);
	}
	CHECK(r->deeds[UPLOAD_GIVEN_UP] == 0 && r->starved == 0, "%u given up",
	      r->deeds[UPLOAD_GIVEN_UP]);
	for (unsigned i = 0; i < 4; i++)
		r->g.town.hosts[i].habit = HABIT_GOOD;
	run(r);
	check_stored(r, 1, "the line is back");
	rig_free(r);
}

static void too_few_hosts_are_said_and_more_help(void)
{
	struct rig *r = rig_new(2, 6, 5, 10);
	struct err e = {0};

	CHECK(start(r, &e) == ERR_STATE &&
		      strstr(e.msg, "1 more hosts and 1 more networks"),
	      "at the start: %s", e.msg);
	r->upload = NULL;
	town_join(r->placing, 5);
	r->g.town.hosts[3].habit = HABIT_REFUSES;
	go(r);
	CHECK(!r->g.ended && r->starved == 1 &&
		      strstr(r->starved_why.msg, "1 more hosts"),
	      "starved %u: %s", r->starved, r->starved_why.msg);
	town_join(r->placing, 6);
	upload_hosts_changed(r->upload, r->g.town.now_ms);
	run(r);
	check_stored(r, 1, "with one more");
	rig_free(r);
}

static void errors_of_the_source_end_it(void)
{
	struct rig *r = rig_new(2, 4, 4, 3 * segment_plain_len(2));

	r->fails_at = segment_plain_len(2) + 1000;
	go(r);
	CHECK(r->g.ended && r->g.why.code == ERR_IO, "%s", r->g.why.msg);
	r->fails_at = UINT64_MAX;
	reopen(r, 4);
	go(r);
	check_stored(r, 3, "and goes on later");
	rig_free(r);
}

/* Killed around every commit that there is, it goes on to the same end, and no
 * sector that is committed is sent again. */
static void killed_at_any_commit_it_goes_on(void)
{
	unsigned commits;
	struct rig *r = rig_new(1, 3, 4, segment_plain_len(1) + 5);

	go(r);
	check_stored(r, 2, "undisturbed");
	commits = r->commits;
	rig_free(r);
	CHECK(commits >= 5, "%u commits", commits);
	for (unsigned at = 1; at <= 2 * commits; at++) {
		unsigned asked = 0;
		uint64_t had;

		r = rig_new(1, 3, 4, segment_plain_len(1) + 5);
		r->kill_at = (at + 1) / 2;
		r->kill_before = at % 2;
		go(r);
		CHECK(r->killed || r->g.ended, "killed at %u", at);
		had = r->progress.sectors;
		r->kill_at = 0;
		reopen(r, 4);
		for (unsigned i = 0; i < TOWN_HOSTS; i++)
			r->g.town.hosts[i].asked = 0;
		go(r);
		check_stored(r, 2, "killed");
		for (unsigned i = 0; i < TOWN_HOSTS; i++)
			asked += r->g.town.hosts[i].asked;
		CHECK(asked <= 6 - had,
		      "at %u: %u sent again of 6, %llu were "
		      "there",
		      at, asked, (unsigned long long)had);
		rig_free(r);
	}
}

static void get_salt(struct rig *r, uint8_t salt[16])
{
	struct renter_segment g;
	bool known;

	CHECK(renter_db_segment(r->other, &g, &known, r->object.id, 0, NULL) ==
			      ERR_NONE &&
		      known,
	      "noted");
	memcpy(salt, g.salt, 16);
}

/* (!) Two streams under one salt would give both away. */
static void other_bytes_get_another_salt(void)
{
	static const struct {
		const char *name;
		uint8_t kind;
		bool same;
	} rows[] = {{"the same bytes", 0, true}, {"others", 1, false}};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct rig *r = rig_new(2, 4, 5, 1000);
		uint8_t before[16], after[16];

		r->kill_at = 2;
		go(r);
		get_salt(r, before);
		r->kill_at = 0;
		reopen(r, 5);
		r->kind = rows[i].kind;
		go(r);
		check_stored(r, 1, rows[i].name);
		get_salt(r, after);
		CHECK((memcmp(before, after, 16) == 0) == rows[i].same, "%s",
		      rows[i].name);
		rig_free(r);
	}
}

static void sign_all(struct rig *r, unsigned hosts)
{
	for (unsigned i = 0; i < hosts; i++) {
		struct renter_agreement a = {.state = RENTER_UNOPENED};

		a.signed_.host = a.offered.host = town_address(i);
		CHECK(renter_db_add_agreement(r->db, &a, NULL) == ERR_NONE,
		      "agreement");
		CHECK(renter_db_sign_staged(r->db, a.id, &a.signed_.host,
					    SIZE_MAX, 5, NULL) == ERR_NONE,
		      "sign");
	}
	CHECK(renter_db_commit(r->db, NULL) == ERR_NONE, "commit");
}

static void what_is_signed_is_not_replaced(void)
{
	static const struct {
		const char *name;
		uint64_t len;
		uint8_t kind;
		const char *says;
	} rows[] = {
		{"changed", 1000, 1, "has changed"},
		{"shorter", 0, 0, "has changed"},
		{"shorter by a segment", 0, 2, "shorter"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		bool whole = rows[i].kind == 2;
		uint64_t one = segment_plain_len(2);
		struct rig *r = rig_new(2, 4, 4, whole ? one + 9 : 1000);

		go(r);
		sign_all(r, 4);
		reopen(r, 4);
		r->len = whole ? one : rows[i].len;
		r->kind = rows[i].kind & 1;
		go(r);
		CHECK(r->g.ended && r->g.why.code == ERR_STATE &&
			      strstr(r->g.why.msg, rows[i].says),
		      "%s: %s", rows[i].name, r->g.why.msg);
		rig_free(r);
	}
}

/* Nothing crashes and everything is given back, whenever it is freed. */
static void freed_at_any_time(void)
{
	for (unsigned turns = 0; turns < 16; turns++) {
		struct rig *r = rig_new(1, 3, 4, segment_plain_len(1) + 5);

		CHECK(start(r, NULL) == ERR_NONE, "start");
		for (unsigned i = 0; i < turns; i++) {
			struct town_ask *a = NULL;

			if (i % 3 == 0)
				engine_run_jobs(&r->g);
			r->g.town.now_ms += 7;
			a = town_next(&r->g.town);
			if (a)
				answer(r, a);
			if (r->commit && i % 2)
				(void)commit(r);
		}
		rig_free(r);
	}
}

static void a_parked_host_waits_for_its_revision(void)
{
	struct rig *r = rig_new(2, 4, 4, 10);
	struct address host = town_address(1);

	r->g.town.hosts[1].habit = HABIT_PARKED;
	r->hold_revisions = true;
	go(r);
	CHECK(!r->g.ended && r->progress.sectors == 3,
	      "the others have theirs");
	CHECK(r->deeds[UPLOAD_WAITS] == 1 && !r->starved, "it waits");
	r->g.town.hosts[1].habit = HABIT_GOOD;
	upload_host_ready(r->upload, &host, r->g.town.now_ms);
	run(r);
	check_stored(r, 1, "after its revision");
	rig_free(r);
}

int main(void)
{
	streams_of_all_lengths();
	hosts_that_fail_are_replaced();
	a_slow_host_holds_nothing_up();
	what_waits_behind_others_does_not_stall();
	the_last_hosts_may_all_be_gone();
	a_line_that_fails_for_minutes_costs_few_hosts();
	nobody_is_blamed_for_our_own_line();
	too_few_hosts_are_said_and_more_help();
	errors_of_the_source_end_it();
	killed_at_any_commit_it_goes_on();
	other_bytes_get_another_salt();
	what_is_signed_is_not_replaced();
	freed_at_any_time();
	a_parked_host_waits_for_its_revision();
	return CHECK_EXIT();
}
