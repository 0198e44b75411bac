/* Rows that are nowhere are made again bit for bit and put elsewhere, whatever
 * hosts do; what is not the owner's goes nowhere; what cannot be made is told.
 */
#include "storage/rent/repair.h"

#include "storage/rent/renter_placement.h"
#include "tests/storage/engine_rig.h"

#define SEGMENTS_MOST 4
#define ROWS_MOST 8

struct rig {
	struct engine g;
	struct placement *placement;
	struct placing *placing;
	struct object_keys keys; /* a repair link's */
	struct repair *repair;
	unsigned k, n;
	unsigned slots;
	bool due_only;
	uint32_t dead;			     /* bit i: host i */
	bool lost[SEGMENTS_MOST][ROWS_MOST]; /* wherever it was */
	uint8_t placed_at[SEGMENTS_MOST]
			 [ROWS_MOST]; /* host + 1: it was put there again */
	bool forget;	       /* places are not added to the placement */
	enum upload_no put_no; /* what REFUSES says to a put */
	enum download_no read_no;
	struct renter_db *db; /* places go there, if there is one */
	int64_t object;
	unsigned commits, kill_at;
	bool killed;
	/* what was seen */
	unsigned starved, puts, reads, placed, put_open, put_most;
	struct repair_progress progress;
	uint64_t first_read; /* its cookie */
	unsigned put_deeds[UPLOAD_GIVEN_UP + 1];
	unsigned read_deeds[DOWNLOAD_GIVEN_UP + 1];
};

/* --- ops --- */

static void read_sector(void *ctx, const struct address *host,
			const struct hash32 *root, uint32_t off, uint32_t len,
			uint8_t *buf, uint64_t cookie)
{
	struct rig *r = ctx;
	struct town_ask *a =
		engine_ask_read(&r->g, host, root, off, len, buf, cookie);

	if (r->reads++ == 0)
		r->first_read = cookie;
	CHECK(!(r->dead >> a->host & 1), "who is dead is not asked");
}

static void put_sector(void *ctx, const struct address *host,
		       const struct hash32 *root, const uint8_t *data,
		       uint64_t cookie)
{
	struct rig *r = ctx;
	struct hash32 is;

	engine_ask_put(&r->g, host, root, data, cookie);
	r->puts++;
	if (++r->put_open > r->put_most)
		r->put_most = r->put_open;
	tree_sector_root(&is, data);
	CHECK(memcmp(&is, root, sizeof(is)) == 0, "what is sent is right");
}

static void put_cancel(void *ctx, const struct address *host, uint64_t cookie)
{
	((struct rig *)ctx)->put_open--;
	engine_cancel(ctx, host, cookie);
}

static bool is_alive(void *ctx, uint32_t segment, uint16_t row,
		     const struct address *host)
{
	const struct rig *r = ctx;

	if (r->placed_at[segment][row] == town_number(host) + 1)
		return true;
	return !r->lost[segment][row] && !(r->dead >> town_number(host) & 1);
}

static void placed(void *ctx, uint32_t segment, uint16_t row,
		   const struct hash32 *root, const struct address *host)
{
	struct rig *r = ctx;
	const struct renter_place p = {.object = r->object,
				       .segment = segment,
				       .shard = row,
				       .root = *root,
				       .host = *host};

	r->placed++;
	CHECK(memcmp(root, &placement_row(r->placement, segment, row)->root,
		     sizeof(*root)) == 0,
	      "its root");
	for (unsigned i = 0; i < r->n; i++) {
		const struct placement_row *x =
			placement_row(r->placement, segment, i);

		for (unsigned k = 0; k < x->places; k++)
			CHECK(!address_eq(&r->placement->hosts[x->host[k]],
					  host),
			      "a host that never had a row of segment %u",
			      segment);
	}
	if (r->db)
		CHECK(renter_db_stage(r->db, &p, NULL) == ERR_NONE, "stage");
	if (r->forget)
		return;
	r->placed_at[segment][row] = (uint8_t)(town_number(host) + 1);
	CHECK(placement_add(r->placement, segment, row, host, NULL) == ERR_NONE,
	      "added while it goes on");
}

static void progress(void *ctx, const struct repair_progress *p)
{
	((struct rig *)ctx)->progress = *p;
}

static void read_did(void *ctx, const struct address *host,
		     enum download_deed deed, uint32_t ms)
{
	(void)host;
	(void)ms;
	((struct rig *)ctx)->read_deeds[deed]++;
}

static void put_did(void *ctx, const struct address *host,
		    enum upload_deed deed, uint32_t ms)
{
	(void)host;
	(void)ms;
	((struct rig *)ctx)->put_deeds[deed]++;
}

static void starved(void *ctx, const struct err *why)
{
	struct rig *r = ctx;

	CHECK(why->code == ERR_STATE && why->msg[0], "says why");
	r->starved++;
}

static const struct repair_ops ops = {
	.read = read_sector,
	.cancel = engine_cancel,
	.read_did = read_did,
	.put_sector = put_sector,
	.put_cancel = put_cancel,
	.put_did = put_did,
	.alive = is_alive,
	.placed = placed,
	.progress = progress,
	.starved = starved,
	.ended = engine_ended,
	.freed = engine_freed,
};

/* --- driving --- */

static void commit(struct rig *r)
{
	if (!r->db || !renter_db_dirty(r->db))
		return;
	if (++r->commits == r->kill_at) {
		renter_db_rollback(r->db);
		r->killed = true;
		return;
	}
	CHECK(renter_db_commit(r->db, NULL) == ERR_NONE, "commit");
}

static void answer_put(struct rig *r, const struct town_ask *a)
{
	struct address host = town_address(a->host);
	int64_t now = r->g.town.now_ms;
	enum upload_no no;

	r->put_open--;
	if (engine_put(&r->g, a, r->put_no, &no)) {
		repair_on_stored(r->repair, a->cookie, now);
		return;
	}
	repair_on_refused(r->repair, a->cookie, no, NULL, now);
	if (no != UPLOAD_PARKED)
		return;
	r->g.town.hosts[a->host].habit = HABIT_GOOD;
	repair_host_ready(r->repair, &host, now);
}

static void answer_read(struct rig *r, const struct town_ask *a)
{
	int64_t now = r->g.town.now_ms;
	enum download_no no;

	if (engine_read(&r->g, a, r->read_no, &no))
		repair_on_read(r->repair, a->cookie, now);
	else
		repair_on_failed(r->repair, a->cookie, no, NULL, now);
}

/* False: nothing can happen any more. */
static bool turn(struct rig *r)
{
	struct town_ask *a;

	engine_run_jobs(&r->g);
	if (r->g.ended)
		return false;
	a = town_next(&r->g.town);
	if (a) {
		if (a->data)
			answer_put(r, a);
		else
			answer_read(r, a);
		commit(r);
		return !r->killed;
	}
	if (!engine_wait(&r->g, repair_next_ms(r->repair)))
		return false;
	repair_tick(r->repair, r->g.town.now_ms);
	return true;
}

/* k of n in `segments` at the first n hosts; `spares` more are there. */
static struct rig *rig_new(unsigned k, unsigned n, unsigned segments,
			   unsigned spares)
{
	struct rig *r = calloc(1, sizeof(*r));
	const struct placing_policy y = {
		.shards = (uint16_t)n, .per_host = 1, .per_net = 1};
	struct rng rng = rng_seeded(3);
	struct object_keys full;

	if (!r || segments > SEGMENTS_MOST || n > ROWS_MOST)
		abort();
	engine_init(&r->g);
	r->k = k;
	r->n = n;
	r->put_no = UPLOAD_DROP;
	r->read_no = DOWNLOAD_DROP;
	town_keys(&full);
	object_keys_from_repair(&r->keys, full.repair, full.owner_pk);
	r->placement = town_store(&r->g.town, k, n, segments, n);
	CHECK(placing_new(&r->placing, &y, &rng, NULL) == ERR_NONE, "placing");
	for (unsigned i = 0; i < n + spares; i++)
		town_join(r->placing, i);
	return r;
}

/* All its sectors are gone with it. */
static void kill_host(struct rig *r, unsigned host)
{
	r->dead |= 1U << host;
	r->g.town.hosts[host].habit = HABIT_GONE;
	town_burn(&r->g.town, host);
}

static enum err_code start(struct rig *r, struct err *e)
{
	const struct repair_cfg cfg = {.placement = r->placement,
				       .placing = r->placing,
				       .work = r->g.work,
				       .ops = &ops,
				       .ctx = r,
				       .keys = r->keys,
				       .slots = r->slots,
				       .due_only = r->due_only};

	r->g.ended = r->g.freed = r->killed = false;
	r->puts = r->reads = r->placed = 0;
	return repair_start(&r->repair, &cfg, r->g.town.now_ms, e);
}

static void stop(struct rig *r)
{
	repair_free(r->repair);
	r->repair = NULL;
	engine_check_freed(&r->g);
	engine_check_cancelled(&r->g);
	r->put_open = 0;
}

static void go(struct rig *r)
{
	struct err e = {0};

	CHECK(start(r, &e) == ERR_NONE, "start: %s", e.msg);
	for (unsigned i = 0; i < 100000 && turn(r); i++)
		;
}

static void rig_free(struct rig *r)
{
	if (r->repair)
		stop(r);
	renter_db_close(r->db);
	placing_free(r->placing);
	placement_free(r->placement);
	engine_clear(&r->g);
	free(r);
}

static void check_good(struct rig *r, const char *name)
{
	struct repair_survey v;

	CHECK(r->g.ended && r->g.why.code == ERR_NONE, "%s: %s", name,
	      r->g.why.msg);
	repair_look(&v, r->placement, is_alive, r);
	CHECK(v.missing == 0 && v.least == r->n, "%s: %llu missing", name,
	      (unsigned long long)v.missing);
	for (unsigned s = 0; s < r->placement->segments; s++)
		for (unsigned i = 0; i < r->n; i++) {
			const struct placement_row *x =
				placement_row(r->placement, s, i);
			const struct address *a =
				&r->placement->hosts[x->host[x->places - 1]];

			CHECK(town_sector(&r->g.town, town_number(a), &x->root),
			      "%s: row %u of segment %u is there", name, i, s);
		}
}

/* --- when --- */

static void it_is_time_when_fewer_than_a_third_above_k_answer(void)
{
	static const struct {
		unsigned k, n, live;
		bool due;
	} rows[] = {
		{10, 30, 30, false},  {10, 30, 17, false},
		{10, 30, 16, true},   {10, 30, 10, true},
		{10, 30, 9, true},    {4, 12, 7, false},
		{4, 12, 6, true},     {1, 1, 1, false},
		{1, 1, 0, true},      {2, 3, 3, false},
		{2, 3, 2, true},      {64, 255, 128, false},
		{64, 255, 127, true},
	};

	for (size_t i = 0; i < ROWS(rows); i++)
		CHECK(repair_due(rows[i].k, rows[i].n, rows[i].live) ==
			      rows[i].due,
		      "%u of %u of %u", rows[i].live, rows[i].k, rows[i].n);
}

static void what_is_missing_is_counted(void)
{
	struct rig *r = rig_new(2, 6, 3, 0);
	struct repair_survey v;

	repair_look(&v, r->placement, is_alive, r);
	CHECK(v.missing == 0 && v.segments == 0 && v.least == 6,
	      "all is there");
	r->lost[0][1] = true;
	for (unsigned i = 0; i < 3; i++)
		r->lost[1][i] = true;
	for (unsigned i = 0; i < 5; i++)
		r->lost[2][i] = true;
	repair_look(&v, r->placement, is_alive, r);
	CHECK(v.missing == 9 && v.segments == 3 && v.due == 2 && v.lost == 1 &&
		      v.least == 1,
	      "%llu %u %u %u %u", (unsigned long long)v.missing, v.segments,
	      v.due, v.lost, v.least);
	rig_free(r);
}

/* --- good and bad hosts --- */

static void rows_of_a_host_that_is_gone_are_made_again(void)
{
	struct rig *r = rig_new(2, 6, 4, 2);

	kill_host(r, 1);
	kill_host(r, 4);
	go(r);
	check_good(r, "two of six");
	CHECK(r->placed == 8 && r->puts == 8, "%u rows, %u sent", r->placed,
	      r->puts);
	CHECK(r->reads == 8, "k reads a segment: %u", r->reads);
	CHECK(r->progress.placed == 8 && r->progress.missing == 8 &&
		      r->progress.looked == 4,
	      "progress");
	stop(r);
	go(r);
	CHECK(r->g.ended && r->g.why.code == ERR_NONE && r->reads == 0,
	      "again: nothing is to be done");
	rig_free(r);
}

static void spare_hosts_that_fail_are_replaced(void)
{
	static const struct {
		const char *name;
		enum town_habit habit;
		unsigned good_for;
		unsigned given_up;
	} rows[] = {
		{"refuses", HABIT_REFUSES, 0, 1},
		{"never there", HABIT_GONE, 0, 1},
		{"silent", HABIT_SILENT, 0, 1},
		{"vanishes after one sector", HABIT_GOOD, 1, 1},
		{"busy for once", HABIT_BUSY, 0, 0},
		{"wants a revision first", HABIT_PARKED, 0, 0},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct rig *r = rig_new(2, 6, 3, 3);

		kill_host(r, 0);
		kill_host(r, 3);
		r->g.town.hosts[6].habit = rows[i].habit;
		r->g.town.hosts[6].good_for = rows[i].good_for;
		go(r);
		check_good(r, rows[i].name);
		CHECK(r->placed == 6, "%s: %u", rows[i].name, r->placed);
		CHECK(r->put_deeds[UPLOAD_GIVEN_UP] == rows[i].given_up,
		      "%s: %u given up", rows[i].name,
		      r->put_deeds[UPLOAD_GIVEN_UP]);
		rig_free(r);
	}
}

/* None of them is taken for the proof that the other's silence is our own
 * line's. */
static void several_spare_hosts_may_be_gone(void)
{
	static const enum town_habit habits[] = {HABIT_GONE, HABIT_SILENT,
						 HABIT_REFUSES};

	for (size_t i = 0; i < ROWS(habits); i++) {
		struct rig *r = rig_new(2, 4, 1, 5);

		kill_host(r, 0);
		kill_host(r, 1);
		for (unsigned h = 4; h < 7; h++)
			r->g.town.hosts[h].habit = habits[i];
		go(r);
		check_good(r, "the last two");
		rig_free(r);
	}
}

static void join_net(struct rig *r, unsigned host, unsigned net, uint64_t rent)
{
	uint8_t ip[16] = {[10] = 0xff, [11] = 0xff, 127, 0, (uint8_t)net, 1};
	const struct placing_host h = {.address = town_address(host),
				       .net = placing_net_of(ip),
				       .rent = amount_from_u64(rent),
				       .good = 1000,
				       .room = 1000};
	uint16_t number;

	CHECK(placing_add(r->placing, &number, &h, NULL) == ERR_NONE, "join");
}

/* One of two seats cannot be had until the host of the other is dropped, whose
 * network it shares. */
static void a_dropped_host_leaves_its_network_to_others(void)
{
	struct rig *r = rig_new(2, 4, 1, 0);

	kill_host(r, 0);
	kill_host(r, 1);
	join_net(r, 4, 100, 1);
	join_net(r, 5, 100, 1000);
	r->g.town.hosts[4].habit = HABIT_REFUSES;
	go(r);
	CHECK(!r->g.ended && r->starved == 1 && r->placed == 1 &&
		      r->g.town.hosts[5].n == 1,
	      "%u placed, starved %u times", r->placed, r->starved);
	rig_free(r);
}

static void a_late_answer_of_the_last_segment_is_ignored(void)
{
	struct rig *r = rig_new(2, 4, 2, 2);
	struct err e = {0};

	kill_host(r, 0);
	CHECK(start(r, &e) == ERR_NONE, "%s", e.msg);
	while (r->reads < 4 && turn(r))
		;
	repair_on_failed(r->repair, r->first_read, DOWNLOAD_STOP, NULL,
			 r->g.town.now_ms);
	repair_on_read(r->repair, r->first_read, r->g.town.now_ms);
	repair_on_stored(r->repair, 12345, r->g.town.now_ms);
	repair_on_refused(r->repair, 12345, UPLOAD_STOP, NULL,
			  r->g.town.now_ms);
	while (turn(r))
		;
	check_good(r, "late answers");
	rig_free(r);
}

static void any_k_rows_will_do(void)
{
	static const struct {
		const char *name;
		enum town_habit habit;
	} rows[] = {
		{"gone", HABIT_GONE},
		{"silent", HABIT_SILENT},
		{"lies", HABIT_LIAR},
		{"refuses", HABIT_REFUSES},
		{"has forgotten", HABIT_FORGOT},
		{"busy", HABIT_BUSY},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct rig *r = rig_new(2, 6, 3, 2);

		kill_host(r, 5);
		for (unsigned h = 0; h < 3; h++)
			r->g.town.hosts[h].habit = rows[i].habit;
		go(r);
		CHECK(r->g.ended && r->g.why.code == ERR_NONE && r->placed == 3,
		      "%s: %u: %s", rows[i].name, r->placed, r->g.why.msg);
		rig_free(r);
	}
}

static void who_lied_or_gave_up_is_not_asked_of_the_next_segment(void)
{
	struct rig *r = rig_new(2, 6, 4, 2);

	kill_host(r, 5);
	r->g.town.hosts[0].habit = HABIT_LIAR;
	r->g.town.hosts[1].habit = HABIT_REFUSES;
	go(r);
	CHECK(r->g.ended && r->g.why.code == ERR_NONE, "%s", r->g.why.msg);
	CHECK(r->read_deeds[DOWNLOAD_FALSE] == 1 &&
		      r->read_deeds[DOWNLOAD_GIVEN_UP] == 2,
	      "once: %u, %u", r->read_deeds[DOWNLOAD_FALSE],
	      r->read_deeds[DOWNLOAD_GIVEN_UP]);
	CHECK(r->g.town.hosts[0].asked == 1 && r->g.town.hosts[1].asked == 1,
	      "%u, %u", r->g.town.hosts[0].asked, r->g.town.hosts[1].asked);
	rig_free(r);
}

/* --- what must not happen --- */

static void a_row_without_its_root_goes_nowhere(void)
{
	static const struct {
		const char *name;
		bool root, salt, key, other;
	} rows[] = {
		{.name = "another root", .root = true},
		{.name = "another salt", .salt = true},
		{.name = "another key", .key = true},
		{.name = "the second of its rows", .other = true},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct rig *r = rig_new(2, 6, 1, 4);

		kill_host(r, 1);
		kill_host(r, 4);
		if (rows[i].root)
			placement_row(r->placement, 0, 1)->root.bytes[5] ^= 1;
		if (rows[i].other)
			placement_row(r->placement, 0, 4)->root.bytes[5] ^= 1;
		r->placement->salts[0][3] ^= rows[i].salt;
		r->keys.repair[7] ^= rows[i].key;
		go(r);
		CHECK(r->g.ended && r->g.why.code == ERR_SIG, "%s: %d %s",
		      rows[i].name, r->g.why.code, r->g.why.msg);
		CHECK(r->puts == 0 && r->placed == 0, "%s: %u sent",
		      rows[i].name, r->puts);
		rig_free(r);
	}
}

static void what_cannot_be_made_is_told_and_the_rest_is_made(void)
{
	static const struct {
		const char *name;
		bool known; /* before it is fetched */
	} rows[] = {{"known", true}, {"found out", false}};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct rig *r = rig_new(3, 6, 3, 2);
		struct download_loss l = {0};

		r->lost[0][5] = r->lost[1][5] = r->lost[2][5] = true;
		for (unsigned row = 0; row < 3; row++) {
			r->lost[1][row] = rows[i].known;
			if (!rows[i].known) /* nobody has that */
				placement_row(r->placement, 1, row)
					->root.bytes[0] ^= 1;
		}
		go(r);
		CHECK(r->g.ended && r->g.why.code == ERR_IO, "%s: %s",
		      rows[i].name, r->g.why.msg);
		CHECK(repair_loss(r->repair, &l) && l.segment == 1 &&
			      l.have == 2 && l.need == 3 && l.segments == 1,
		      "%s: segment %u has %u", rows[i].name, l.segment, l.have);
		CHECK(r->placed == 2 && r->placed_at[0][5] &&
			      r->placed_at[2][5],
		      "%s: the others", rows[i].name);
		rig_free(r);
	}
}

/* Nobody is looked for to take what cannot be made. */
static void what_cannot_be_made_waits_for_nobody(void)
{
	struct rig *r = rig_new(3, 6, 1, 0);
	struct download_loss l = {0};

	for (unsigned h = 0; h < 4; h++)
		kill_host(r, h);
	go(r);
	CHECK(r->g.ended && r->g.why.code == ERR_IO && r->starved == 0, "%s",
	      r->g.why.msg);
	CHECK(repair_loss(r->repair, &l) && l.have == 2 && l.segments == 1,
	      "two of three");
	rig_free(r);
}

static void what_is_ours_to_mend_ends_it(void)
{
	for (unsigned read = 0; read < 2; read++) {
		struct rig *r = rig_new(2, 4, 2, 2);

		kill_host(r, 3);
		r->put_no = UPLOAD_STOP;
		r->read_no = DOWNLOAD_STOP;
		for (unsigned h = 0; h < 6; h++)
			if ((h < 4) == read)
				r->g.town.hosts[h].habit = HABIT_REFUSES;
		go(r);
		CHECK(r->g.ended && r->g.why.code == ERR_STATE, "%s",
		      r->g.why.msg);
		CHECK(r->placed == 0, "nothing");
		rig_free(r);
	}
}

static void a_sample_link_repairs_nothing(void)
{
	struct rig *r = rig_new(2, 4, 1, 0);
	struct object_keys keys = r->keys;
	struct err e = {0};

	object_keys_from_sample(&r->keys, keys.placement, keys.owner_pk);
	CHECK(start(r, &e) == ERR_STATE && !r->repair, "a sample link");
	r->keys = keys;
	r->slots = UPLOAD_SLOTS_MAX + 1;
	CHECK(start(r, NULL) == ERR_LIMIT && !r->repair, "slots");
	rig_free(r);
}

/* --- bounds --- */

static void it_waits_for_hosts_and_goes_on(void)
{
	struct rig *r = rig_new(2, 4, 3, 1);

	kill_host(r, 0);
	kill_host(r, 1);
	go(r);
	CHECK(!r->g.ended && r->starved == 1, "starved %u times", r->starved);
	CHECK(r->placed == 3, "%u: what could be seated is there", r->placed);
	repair_tick(r->repair, r->g.town.now_ms);
	repair_tick(r->repair, r->g.town.now_ms);
	CHECK(r->starved == 1, "told once");
	town_join(r->placing, 5);
	repair_hosts_changed(r->repair, r->g.town.now_ms);
	while (turn(r))
		;
	check_good(r, "with one more");
	CHECK(r->starved == 1 && r->placed == 6, "%u", r->placed);
	rig_free(r);
}

static void few_slots_are_enough(void)
{
	static const struct {
		unsigned slots, reads;
	} rows[] = {
		{1, 4 * 2 * 3}, /* each row of a segment fetches it again */
		{3, 2 * 2 * 3},
		{4, 2 * 3},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct rig *r = rig_new(2, 6, 3, 5);

		for (unsigned h = 0; h < 4; h++)
			kill_host(r, h);
		r->slots = rows[i].slots;
		go(r);
		check_good(r, "few slots");
		CHECK(r->put_most <= rows[i].slots, "%u of %u slots",
		      r->put_most, rows[i].slots);
		CHECK(r->reads == rows[i].reads, "%u slots: %u reads",
		      rows[i].slots, r->reads);
		rig_free(r);
	}
}

static void what_is_not_due_is_left_alone(void)
{
	struct rig *r = rig_new(2, 6, 2, 4);

	r->due_only = true;
	r->lost[0][1] = true;
	for (unsigned i = 0; i < 3; i++)
		r->lost[1][i] = true;
	go(r);
	CHECK(r->g.ended && r->g.why.code == ERR_NONE && r->placed == 3 &&
		      !r->placed_at[0][1],
	      "%u: the second alone", r->placed);
	rig_free(r);
}

/* A row with two places, one of them dead, is there; its living one counts
 * where a spare is looked for, and so does who lost a row. */
static void second_places_count(void)
{
	struct rig *r = rig_new(2, 4, 1, 2);
	struct address second = town_address(4);

	join_net(r, 4, 4, 1); /* by far the best */
	CHECK(placement_add(r->placement, 0, 2, &second, NULL) == ERR_NONE,
	      "a second place");
	town_keep(&r->g.town, 4, &placement_row(r->placement, 0, 2)->root,
		  town_sector(&r->g.town, 2,
			      &placement_row(r->placement, 0, 2)->root));
	r->lost[0][3] = true;
	go(r);
	check_good(r, "second places");
	CHECK(r->g.town.hosts[5].n == 1 && r->placed == 1,
	      "the one that is left");
	rig_free(r);
}

static void it_can_be_given_up_at_any_moment(void)
{
	for (unsigned steps = 0; steps < 60; steps++) {
		struct rig *r = rig_new(2, 4, 2, 2);
		struct err e = {0};
		bool more = true;

		kill_host(r, 0);
		kill_host(r, 3);
		CHECK(start(r, &e) == ERR_NONE, "%s", e.msg);
		for (unsigned i = 0; i < steps && more; i++)
			more = turn(r);
		stop(r);
		rig_free(r);
		if (!more)
			return;
	}
	CHECK(false, "it ends within these steps");
}

/* Freed while a worker has its rows. */
static void it_can_be_given_up_while_rows_are_made(void)
{
	struct rig *r = rig_new(2, 4, 1, 2);
	struct err e = {0};
	struct town_ask *a;

	kill_host(r, 0);
	CHECK(start(r, &e) == ERR_NONE, "%s", e.msg);
	engine_run_jobs(&r->g);
	for (unsigned i = 0; i < 2; i++) {
		r->g.town.now_ms += 10;
		a = town_next(&r->g.town);
		if (a)
			answer_read(r, a);
	}
	CHECK(work_pending(r->g.work) > 0, "a worker is at it");
	stop(r);
	CHECK(r->puts == 0, "nothing left");
	rig_free(r);
}

/* --- with the database --- */

/* The object of the rig as the renter's database has it after a put. */
static struct renter_object into_db(struct rig *r)
{
	struct hash32 roots[TOWN_HOSTS][SEGMENTS_MOST * ROWS_MOST];
	struct renter_list list[TOWN_HOSTS] = {0};
	struct renter_lists *lists = NULL;
	struct renter_restored done;
	struct renter_object o;

	CHECK(renter_db_open(&r->db, DB_IN_MEMORY, NULL) == ERR_NONE, "open");
	if (!r->db)
		abort();
	o = town_object(r->db, (uint16_t)r->k, (uint16_t)r->n);
	o.segments = r->placement->segments;
	r->object = o.id;
	for (unsigned h = 0; h < r->n; h++) {
		struct renter_agreement a = {.state = RENTER_OPENED};

		a.offered.host = a.signed_.host = town_address(h);
		CHECK(renter_db_add_agreement(r->db, &a, NULL) == ERR_NONE,
		      "an agreement");
		list[h] = (struct renter_list){.agreement = a.id,
					       .host = town_address(h),
					       .roots = roots[h],
					       .n = r->g.town.hosts[h].n};
		for (unsigned i = 0; i < list[h].n; i++)
			roots[h][i] = r->g.town.hosts[h].has[i].root;
	}
	CHECK(renter_lists_new(&lists, list, r->n, NULL) == ERR_NONE, "lists");
	CHECK(renter_placement_restore(r->db, &o, r->placement, 1, lists, 1,
				       &done, NULL) == ERR_NONE &&
		      done.unknown == 0,
	      "restore");
	renter_lists_free(lists);
	CHECK(renter_db_commit(r->db, NULL) == ERR_NONE, "commit");
	return o;
}

/* Dies at each of its commits in turn, and is begun again from what the
 * database has by then: nothing is missing in the end, and no host has two
 * rows of a segment. */
static void killed_between_any_two_commits_it_goes_on(void)
{
	for (unsigned at = 1; at <= 4; at++) {
		struct rig *r = rig_new(2, 4, 2, 4);
		struct renter_object o = into_db(r);
		struct object_keys keys;

		town_keys(&keys);
		kill_host(r, 0);
		kill_host(r, 3);
		r->forget = true;
		r->kill_at = at;
		go(r);
		CHECK(r->killed, "killed");
		stop(r);
		placement_free(r->placement);
		r->placement = NULL;
		CHECK(renter_placement(&r->placement, r->db, &o, &keys,
				       RENTER_COUNT_STAGED, NULL) == ERR_NONE,
		      "from the database");
		if (!r->placement)
			abort();
		r->kill_at = 0;
		r->forget = false;
		go(r);
		check_good(r, "begun again");
		CHECK(r->placed == 4 - (at - 1),
		      "%u: only what was not "
		      "committed",
		      r->placed);
		rig_free(r);
	}
}

int main(void)
{
	it_is_time_when_fewer_than_a_third_above_k_answer();
	what_is_missing_is_counted();
	rows_of_a_host_that_is_gone_are_made_again();
	spare_hosts_that_fail_are_replaced();
	several_spare_hosts_may_be_gone();
	a_dropped_host_leaves_its_network_to_others();
	a_late_answer_of_the_last_segment_is_ignored();
	any_k_rows_will_do();
	who_lied_or_gave_up_is_not_asked_of_the_next_segment();
	a_row_without_its_root_goes_nowhere();
	what_cannot_be_made_is_told_and_the_rest_is_made();
	what_cannot_be_made_waits_for_nobody();
	what_is_ours_to_mend_ends_it();
	a_sample_link_repairs_nothing();
	it_waits_for_hosts_and_goes_on();
	few_slots_are_enough();
	what_is_not_due_is_left_alone();
	second_places_count();
	it_can_be_given_up_at_any_moment();
	it_can_be_given_up_while_rows_are_made();
	killed_between_any_two_commits_it_goes_on();
	return CHECK_EXIT();
}
