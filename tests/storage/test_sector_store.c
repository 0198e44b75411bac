/* A host's sectors from end to end: in, out, proven, grown, drained, damaged in
 * every way that a disk has.
 */
#include "tests/storage/sector_rig.h"

#include <signal.h>
#include <sys/resource.h>

static struct srig r;

static void begin(uint32_t slots)
{
	srig_home(&r);
	srig_start(&r);
	CHECK(srig_space(&r, 0, slots) == ERR_NONE && r.got.count == slots,
	      "%s", r.got.msg);
}

static void end(void)
{
	srig_stop(&r);
	srig_check_index(&r);
	srig_remove(&r);
}

static void again(void)
{
	srig_stop(&r);
	srig_check_index(&r);
	srig_start(&r);
}

/* --- in and out --- */

static void what_goes_in_comes_out(void)
{
	begin(8);
	CHECK(sectors_free(r.s) == 8, "free");
	for (uint32_t i = 0; i < 5; i++)
		CHECK(srig_put(&r, i) == ERR_NONE, "%s", r.got.msg);
	CHECK(sectors_free(r.s) == 3 && srig_volume(&r, 0).used == 5,
	      "counted");
	for (uint32_t i = 0; i < 5; i++)
		CHECK(srig_read(&r, i) == ERR_NONE, "%s", r.got.msg);
	CHECK(srig_read(&r, 5) == ERR_STATE, "one that is not here");
	CHECK(srig_put(&r, 2) == ERR_NONE && sectors_free(r.s) == 3,
	      "twice the same takes one slot");
	again();
	CHECK(sectors_free(r.s) == 3 && srig_volume(&r, 0).used == 5,
	      "still counted");
	for (uint32_t i = 0; i < 5; i++)
		CHECK(srig_read(&r, i) == ERR_NONE, "%s", r.got.msg);
	for (uint32_t i = 5; i < 8; i++)
		CHECK(srig_put(&r, i) == ERR_NONE, "%s", r.got.msg);
	CHECK(srig_put(&r, 8) == ERR_LIMIT, "full");
	CHECK(srig_put(&r, 7) == ERR_NONE, "what is here needs no space");
	end();
}

static void ranges_come_with_proofs(void)
{
	static const struct {
		uint32_t offset, len;
		enum err_code code;
		const char *name;
	} rows[] = {
		{0, 16384, ERR_NONE, "the first tile"},
		{SECTOR_LEN - 16384, 16384, ERR_NONE, "the last tile"},
		{65536, 65536, ERR_NONE, "four tiles"},
		{16384, 81920, ERR_NONE, "five, off their place"},
		{0, SECTOR_LEN, ERR_NONE, "all"},
		{0, 0, ERR_PARSE, "nothing"},
		{1, 16384, ERR_PARSE, "no tile"},
		{0, 100, ERR_PARSE, "part of a tile"},
		{SECTOR_LEN, 16384, ERR_PARSE, "behind the end"},
		{65536, SECTOR_LEN, ERR_PARSE, "over the end"},
		{UINT32_MAX - 16383, 32768, ERR_PARSE, "around zero"},
	};
	struct hash32 root = srig_root(3);

	begin(4);
	CHECK(srig_put(&r, 3) == ERR_NONE, "%s", r.got.msg);
	for (size_t i = 0; i < ROWS(rows); i++) {
		enum err_code code = srig_do(&r, sectors_read, &root,
					     rows[i].offset, rows[i].len);

		CHECK(code == rows[i].code, "%s: %d", rows[i].name, code);
		if (code != ERR_NONE)
			continue;
		CHECK(r.got.len == rows[i].len &&
			      tree_range_verify(
				      &root, rows[i].offset / TREE_TILE,
				      rows[i].len / TREE_TILE, r.got.data,
				      r.got.nodes, r.got.node_count),
		      "%s: proof", rows[i].name);
	}
	end();
}

static void wrong_bytes_are_refused(void)
{
	struct span one = {NULL, (const uint8_t *)"x", 1};
	struct sectors_put p = {.spans = &one, .span_count = 1};
	struct err e = {0};

	begin(2);
	r.got.done = false;
	CHECK(srig_wait(&r, srig_put_as(&r, 1, 0, true, srig_answer, &r,
					NULL)) == ERR_SIG,
	      "%s", r.got.msg);
	CHECK(sectors_free(r.s) == 2, "its slot is free again");
	CHECK(sectors_put(r.s, &p, srig_answer, &r, &e) == ERR_PARSE,
	      "too short: %s", e.msg);
	CHECK(srig_read(&r, 1) == ERR_STATE, "nothing was stored");
	end();
}

/* --- many at once --- */

struct flood {
	unsigned ok, failed;
};

static void flooded(void *ctx, const struct sectors_answer *a,
		    const struct err *e)
{
	struct flood *f = ctx;

	(void)a;
	f->ok += !e;
	f->failed += e != NULL;
	loop_stop(r.loop);
}

static void too_much_waits_outside(void)
{
	struct flood f = {0};
	struct err e = {0};
	uint32_t n = 0;

	srig_home(&r);
	r.cfg.max_put_mib = 4;
	srig_start(&r);
	CHECK(srig_space(&r, 0, 20) == ERR_NONE, "%s", r.got.msg);
	while (srig_put_as(&r, n, 0, false, flooded, &f, &e) == ERR_NONE)
		n++;
	CHECK(n == 4 && r.blocked && e.code == ERR_LIMIT, "%u at once", n);
	while (n < 16) {
		srig_until(&r, !r.blocked);
		while (!r.blocked && n < 16 &&
		       srig_put_as(&r, n, 0, false, flooded, &f, NULL) ==
			       ERR_NONE)
			n++;
	}
	srig_until(&r, f.ok + f.failed == 16);
	CHECK(f.ok == 16 && !r.blocked, "%u of 16", f.ok);
	end();
}

static void a_forgotten_call_is_still_done(void)
{
	struct flood f = {0};

	begin(4);
	CHECK(srig_put_as(&r, 1, 0, false, flooded, &f, NULL) == ERR_NONE,
	      "put");
	sectors_forget(r.s, &f);
	again(); /* closing ends what was taken */
	CHECK(f.ok + f.failed == 0, "no callback");
	CHECK(srig_read(&r, 1) == ERR_NONE, "%s", r.got.msg);
	end();
}

static void staging_is_bounded_and_ends(void)
{
	const struct hash32 two[] = {srig_root(2), srig_root(3)};
	struct address other = srig_owner(7);

	srig_home(&r);
	r.cfg.max_staged = 3;
	srig_start(&r);
	CHECK(srig_space(&r, 0, 8) == ERR_NONE, "%s", r.got.msg);
	for (uint32_t i = 0; i < 3; i++)
		CHECK(srig_put(&r, i) == ERR_NONE, "%s", r.got.msg);
	CHECK(srig_put(&r, 3) == ERR_LIMIT && sectors_free(r.s) == 5,
	      "a fourth one: %s", r.got.msg);
	CHECK(srig_do(&r, sectors_have, two, 2, &other, 9000) == ERR_NONE &&
		      r.got.count == 1 && r.got.len == 1 &&
		      r.got.data[0] == 0x80,
	      "one of two is here: %s", r.got.msg);
	CHECK(srig_append(&r, 0, 1, 0, 0, 1) == ERR_NONE, "%s", r.got.msg);
	CHECK(srig_put(&r, 4) == ERR_NONE, "a list took one: %s", r.got.msg);
	sectors_tick(r.s, 4999);
	CHECK(srig_read(&r, 0) == ERR_NONE && sectors_free(r.s) == 4,
	      "not yet");
	sectors_tick(r.s, 5000);
	srig_poll(srig_read(&r, 4) == ERR_STATE);
	CHECK(srig_read(&r, 1) == ERR_STATE && srig_read(&r, 0) == ERR_NONE &&
		      srig_read(&r, 2) == ERR_NONE,
	      "listed and held ones stay");
	CHECK(sectors_free(r.s) == 6, "free");
	sectors_tick(r.s, 9000);
	srig_poll(srig_read(&r, 2) == ERR_STATE);
	end();
}

/* --- agreements --- */

static void agreements_are_kept_and_proven(void)
{
	const uint32_t names[] = {0, 1, 2, 3, 4, 5};
	struct list_key key = srig_key(0);
	struct hash32 root = srig_list_root(names, 4);
	struct hash32 bigger = srig_list_root(names, 6);
	struct list_change c = {.key = key, .revision = 2, .sectors = 9};

	begin(8);
	for (uint32_t i = 0; i < 6; i++)
		CHECK(srig_put(&r, i) == ERR_NONE, "%s", r.got.msg);
	CHECK(srig_do(&r, sectors_agreement, &key) == ERR_STATE, "none yet");
	CHECK(srig_append(&r, 0, 1, 0, 0, 4) == ERR_NONE, "%s", r.got.msg);
	CHECK(srig_do(&r, sectors_change, &c, false) == ERR_SIG,
	      "a wrong number of sectors");
	CHECK(srig_append(&r, 0, 5, 0, 4, 6) == ERR_NONE, "%s", r.got.msg);
	again();
	CHECK(srig_do(&r, sectors_agreement, &key) == ERR_NONE &&
		      r.got.info.revision == 5 && r.got.info.sectors == 6 &&
		      r.got.info.blob_len == 6 &&
		      memcmp(r.got.blob, "signed", 6) == 0 &&
		      memcmp(&r.got.info.root, &bigger, 32) == 0,
	      "the newest revision: %s", r.got.msg);
	for (uint64_t leaf = 0; leaf < 6 * SECTOR_LEAVES; leaf += 1777) {
		bool old = leaf < 4 * SECTOR_LEAVES;
		const struct hash32 *of = old ? &root : &bigger;
		uint32_t n = old ? 4 : 6;

		CHECK(srig_do(&r, sectors_prove, &key, of, n, leaf) == ERR_NONE,
		      "leaf %u: %s", (unsigned)leaf, r.got.msg);
		CHECK(tree_leaf_verify(of, n, leaf, r.got.data, r.got.nodes,
				       r.got.node_count),
		      "leaf %u", (unsigned)leaf);
	}
	CHECK(srig_do(&r, sectors_prove, &key, &root, 4, 4 * SECTOR_LEAVES) ==
		      ERR_STATE,
	      "no such leaf");
	CHECK(srig_do(&r, sectors_settle, &key, 5) == ERR_NONE, "%s",
	      r.got.msg);
	CHECK(srig_do(&r, sectors_prove, &key, &root, 4, 0) == ERR_STATE,
	      "an old revision that is settled");
	CHECK(srig_do(&r, sectors_roots, &key, 2) == ERR_NONE &&
		      r.got.node_count == 4 && r.got.next == 6 &&
		      r.got.count == 6,
	      "roots");
	CHECK(srig_do(&r, sectors_next_agreement, NULL) == ERR_NONE &&
		      r.got.info.key.number == 0,
	      "listed");
	CHECK(srig_do(&r, sectors_next_agreement, &key) == ERR_STATE,
	      "the last one");
	CHECK(srig_do(&r, sectors_drop, &key) == ERR_NONE, "%s", r.got.msg);
	srig_poll(srig_read(&r, 5) == ERR_STATE);
	CHECK(sectors_free(r.s) == 8 && srig_volume(&r, 0).used == 0,
	      "all is free again");
	end();
}

static void a_preview_stores_nothing(void)
{
	struct list_key key = srig_key(0);
	struct list_op op = {.kind = LIST_APPEND, .root = srig_root(1)};
	struct list_change c = {.key = key,
				.revision = 1,
				.ops = &op,
				.op_count = 1,
				.sectors = 1,
				.root = op.root};

	begin(4);
	CHECK(srig_put(&r, 1) == ERR_NONE, "%s", r.got.msg);
	CHECK(srig_do(&r, sectors_change, &c, true) == ERR_NONE, "%s",
	      r.got.msg);
	CHECK(srig_do(&r, sectors_agreement, &key) == ERR_STATE, "nothing");
	c.sectors = 2;
	CHECK(srig_do(&r, sectors_change, &c, true) == ERR_SIG, "looked at");
	end();
}

static void records_are_kept(void)
{
	static uint8_t bytes[200000];
	struct record_put p = {.owner = srig_owner(1),
			       .sequence = 3,
			       .expires_s = 9000,
			       .bytes = bytes,
			       .len = sizeof(bytes)};

	begin(1);
	rng_fill(&r.rng, bytes, sizeof(bytes));
	CHECK(srig_do(&r, sectors_placement, &p.object, 0, 0, 100) ==
			      ERR_NONE &&
		      r.got.record.size == 0,
	      "none: %s", r.got.msg);
	CHECK(srig_do(&r, sectors_put_placement, &p) == ERR_NONE &&
		      r.got.stored && r.got.record.sequence == 3,
	      "%s", r.got.msg);
	CHECK(srig_do(&r, sectors_placement, &p.object, 0, 70000, 65536) ==
			      ERR_NONE &&
		      r.got.record.size == sizeof(bytes) &&
		      r.got.len == 65536 &&
		      memcmp(r.got.data, bytes + 70000, 65536) == 0,
	      "%s", r.got.msg);
	CHECK(srig_do(&r, sectors_placement, &p.object, 2, 0, 10) == ERR_STATE,
	      "another sequence");
	CHECK(srig_do(&r, sectors_owned, &p.owner) == ERR_NONE &&
		      r.got.count == 1,
	      "one MiB begun");
	p.len = 500;
	CHECK(srig_do(&r, sectors_put_head, &p) == ERR_NONE && r.got.stored,
	      "%s", r.got.msg);
	again();
	CHECK(srig_do(&r, sectors_head, &p.owner) == ERR_NONE &&
		      r.got.len == 500 && memcmp(r.got.data, bytes, 500) == 0,
	      "%s", r.got.msg);
	end();
}

/* What the disk answers for head and placement record: are they there? */
static bool has_records(const struct record_put *p)
{
	bool head;

	CHECK(srig_do(&r, sectors_head, &p->owner) == ERR_NONE, "%s",
	      r.got.msg);
	head = r.got.len > 0;
	CHECK(srig_do(&r, sectors_placement, &p->object, 0, 0, 1) == ERR_NONE,
	      "%s", r.got.msg);
	CHECK((r.got.record.size > 0) == head, "one without the other");
	return head;
}

/* Until all has gone whose time has come: a record that is the last of it, and
 * that nothing keeps, has. A change that is asked for later comes later. */
static void expire_until(int64_t now_s)
{
	static uint64_t sequence;
	static const uint8_t bytes[1];
	struct record_put p = {.owner = srig_owner(3),
			       .expires_s = now_s,
			       .bytes = bytes,
			       .len = sizeof(bytes)};

	p.sequence = ++sequence;
	p.object.bytes[0] = 3;
	CHECK(srig_do(&r, sectors_put_placement, &p) == ERR_NONE, "%s",
	      r.got.msg);
	sectors_tick(r.s, now_s);
	srig_poll(srig_do(&r, sectors_put_head, &p) == ERR_NONE &&
		  srig_do(&r, sectors_placement, &p.object, 0, 0, 1) ==
			  ERR_NONE &&
		  r.got.record.size == 0);
}

#define DAY_S 86400

/* Nobody puts them again for as long as an agreement runs. */
static void records_last_as_long_as_agreements(void)
{
	static const uint8_t bytes[100] = {1};
	const struct list_key key = srig_key(1);
	struct record_put p = {.owner = key.renter,
			       .sequence = 3,
			       .expires_s = RECORD_LASTS_S,
			       .bytes = bytes,
			       .len = sizeof(bytes)};
	struct record_put others = p;
	int64_t dropped;

	begin(2);
	others.owner = srig_owner(2);
	others.object.bytes[0] = 1;
	CHECK(srig_put(&r, 0) == ERR_NONE, "%s", r.got.msg);
	CHECK(srig_append(&r, 1, 1, 0, 0, 1) == ERR_NONE, "%s", r.got.msg);
	CHECK(srig_do(&r, sectors_put_placement, &p) == ERR_NONE &&
		      srig_do(&r, sectors_put_head, &p) == ERR_NONE &&
		      srig_do(&r, sectors_put_placement, &others) == ERR_NONE &&
		      srig_do(&r, sectors_put_head, &others) == ERR_NONE,
	      "%s", r.got.msg);
	expire_until(RECORD_LASTS_S - 1);
	CHECK(has_records(&p) && has_records(&others), "not their time");
	expire_until(RECORD_LASTS_S + DAY_S);
	CHECK(!has_records(&others), "no agreement and not put again");
	CHECK(has_records(&p), "an agreement runs");
	expire_until(3 * RECORD_LASTS_S);
	CHECK(has_records(&p), "it runs on");
	dropped = 3 * RECORD_LASTS_S + 50 * DAY_S;
	expire_until(dropped);
	CHECK(srig_do(&r, sectors_drop, &key) == ERR_NONE, "%s", r.got.msg);
	again();
	expire_until(dropped + RECORD_LASTS_S - 1);
	CHECK(has_records(&p), "counted from when the agreement went");
	expire_until(dropped + RECORD_LASTS_S);
	CHECK(!has_records(&p), "then they go");
	end();
}

/* --- space --- */

static void space_grows_and_shrinks(void)
{
	begin(4);
	for (uint32_t i = 0; i < 4; i++)
		CHECK(srig_put(&r, i) == ERR_NONE, "%s", r.got.msg);
	CHECK(srig_space(&r, 0, 10) == ERR_NONE && sectors_free(r.s) == 6,
	      "grown: %s", r.got.msg);
	for (uint32_t i = 4; i < 8; i++)
		CHECK(srig_put(&r, i) == ERR_NONE, "%s", r.got.msg);
	CHECK(srig_append(&r, 0, 1, 0, 0, 8) == ERR_NONE, "%s", r.got.msg);
	CHECK(srig_space(&r, 1, 6) == ERR_NONE, "a second: %s", r.got.msg);
	CHECK(srig_space(&r, 0, 3) == ERR_NONE && r.got.count == 3,
	      "shrunk: %s", r.got.msg);
	CHECK(srig_volume(&r, 0).used + srig_volume(&r, 1).used == 8 &&
		      srig_volume(&r, 0).used <= 3,
	      "moved");
	for (uint32_t i = 0; i < 8; i++)
		CHECK(srig_read(&r, i) == ERR_NONE, "%u: %s", i, r.got.msg);
	again();
	CHECK(srig_volume(&r, 0).slots == 3, "%u", srig_volume(&r, 0).slots);
	for (uint32_t i = 0; i < 8; i++)
		CHECK(srig_read(&r, i) == ERR_NONE, "%u: %s", i, r.got.msg);
	end();
}

static void a_drain_waits_for_room(void)
{
	struct srig_got *g = &r.got;
	char path[128];

	begin(5);
	for (uint32_t i = 0; i < 5; i++)
		CHECK(srig_put(&r, i) == ERR_NONE, "%s", g->msg);
	CHECK(srig_space(&r, 1, 2) == ERR_NONE, "%s", g->msg);
	g->done = false;
	CHECK(sectors_space(r.s, r.at[0], 0, srig_answer, &r, NULL) == ERR_NONE,
	      "drain");
	srig_until(&r, r.notes > 0);
	CHECK(strstr(r.note, "3 MiB more are needed"), "%s", r.note);
	CHECK(!g->done && sectors_free(r.s) == 0, "nothing new goes there");
	for (uint32_t i = 0; i < 5; i++) { /* without srig_do: one waits */
		struct flood f = {0};
		struct hash32 root = srig_root(i);

		CHECK(sectors_read(r.s, &root, 0, 16384, flooded, &f, NULL) ==
			      ERR_NONE,
		      "read");
		srig_until(&r, f.ok + f.failed);
		CHECK(f.ok == 1, "served while it drains");
	}
	{
		struct flood f = {0};

		CHECK(sectors_space(r.s, r.at[1], 6, flooded, &f, NULL) ==
			      ERR_NONE,
		      "more room");
		srig_until(&r, f.ok + f.failed && g->done);
	}
	CHECK(g->code == ERR_NONE && g->count == 0, "%s", g->msg);
	(void)snprintf(path, sizeof(path), "%s/" VOLUME_FILE, r.at[0]);
	CHECK(access(path, F_OK) != 0 && !srig_volume(&r, 0).dir,
	      "the volume is gone");
	for (uint32_t i = 0; i < 5; i++)
		CHECK(srig_read(&r, i) == ERR_NONE, "%u: %s", i, g->msg);
	CHECK(srig_space(&r, 0, 2) == ERR_NONE, "and may come back: %s",
	      g->msg);
	end();
}

static void a_drain_goes_on_after_a_restart(void)
{
	begin(5);
	for (uint32_t i = 0; i < 5; i++)
		CHECK(srig_put(&r, i) == ERR_NONE, "%s", r.got.msg);
	CHECK(srig_append(&r, 0, 1, 0, 0, 5) == ERR_NONE, "%s", r.got.msg);
	r.got.done = false;
	CHECK(sectors_space(r.s, r.at[0], 1, srig_answer, &r, NULL) == ERR_NONE,
	      "shrink");
	srig_until(&r, r.notes > 0); /* no room anywhere */
	srig_stop(&r);
	CHECK(r.got.done && r.got.code == ERR_STATE, "answered at the end");
	srig_start(&r);
	CHECK(srig_space(&r, 1, 8) == ERR_NONE, "%s", r.got.msg);
	srig_poll(srig_read(&r, 0) == ERR_NONE &&
		  srig_volume(&r, 0).slots == 1);
	for (uint32_t i = 0; i < 5; i++)
		CHECK(srig_read(&r, i) == ERR_NONE, "%u: %s", i, r.got.msg);
	end();
}

static void space_that_cannot_be(void)
{
	char path[128];
	int fd;

	srig_home(&r);
	srig_start(&r);
	CHECK(srig_space(&r, 0, 0) == ERR_STATE, "nothing to drain");
	CHECK(srig_space(&r, 0, VOLUME_MAX_SLOTS + 1) == ERR_LIMIT, "too much");
	(void)snprintf(path, sizeof(path), "%s/" VOLUME_FILE, r.at[0]);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	CHECK(fd >= 0 && write(fd, "mine", 4) == 4, "a file in the way");
	(void)close(fd);
	CHECK(srig_space(&r, 0, 4) == ERR_IO && strstr(r.got.msg, "not ours"),
	      "%s", r.got.msg);
	CHECK(srig_do(&r, sectors_space, "/nonexistent", 4) == ERR_IO &&
		      r.got.os == ENOENT,
	      "%s", r.got.msg);
	CHECK(sectors_free(r.s) == 0, "nothing came of it");
	CHECK(srig_space(&r, 1, 4) == ERR_NONE, "%s", r.got.msg);
	end();
}

/* A limit of the file's length stands for a full disk. */
static void a_full_disk_gives_what_it_has(void)
{
	struct rlimit was, less;

	srig_home(&r);
	r.cfg.sparse = false;
	srig_start(&r);
	(void)signal(SIGXFSZ, SIG_IGN);
	CHECK(getrlimit(RLIMIT_FSIZE, &was) == 0, "limit");
	less = was;
	less.rlim_cur = 12U << 20;
	CHECK(setrlimit(RLIMIT_FSIZE, &less) == 0, "limit");
	CHECK(srig_space(&r, 0, 100) == ERR_IO && r.got.count == 11, "%u: %s",
	      r.got.count, r.got.msg);
	CHECK(strstr(r.got.msg, "no space for"), "%s", r.got.msg);
	for (uint32_t i = 0; i < 11; i++)
		CHECK(srig_put(&r, i) == ERR_NONE, "%s", r.got.msg);
	CHECK(setrlimit(RLIMIT_FSIZE, &was) == 0, "limit");
	CHECK(srig_space(&r, 0, 14) == ERR_NONE, "%s", r.got.msg);
	end();
}

static void a_full_disk_of_the_index_refuses_and_keeps(void)
{
	static uint8_t bytes[3 << 20];
	struct record_put p = {.owner = srig_owner(1),
			       .sequence = 3,
			       .expires_s = 9000,
			       .bytes = bytes,
			       .len = sizeof(bytes)};
	struct rlimit was, less;

	begin(1);
	CHECK(srig_put(&r, 0) == ERR_NONE, "%s", r.got.msg);
	(void)signal(SIGXFSZ, SIG_IGN);
	CHECK(getrlimit(RLIMIT_FSIZE, &was) == 0, "limit");
	less = was;
	less.rlim_cur = 2U << 20;
	CHECK(setrlimit(RLIMIT_FSIZE, &less) == 0, "limit");
	CHECK(srig_do(&r, sectors_put_placement, &p) == ERR_IO, "%d: %s",
	      r.got.code, r.got.msg);
	CHECK(srig_append(&r, 0, 1, 0, 0, 1) == ERR_NONE ||
		      r.got.code == ERR_IO,
	      "what still fits goes on");
	CHECK(srig_read(&r, 0) == ERR_NONE, "reads go on: %s", r.got.msg);
	CHECK(setrlimit(RLIMIT_FSIZE, &was) == 0, "limit");
	CHECK(srig_do(&r, sectors_put_placement, &p) == ERR_NONE &&
		      r.got.stored,
	      "then it goes: %s", r.got.msg);
	CHECK(srig_append(&r, 0, 2, 0, 1, 1) == ERR_NONE ||
		      srig_append(&r, 0, 2, 0, 0, 1) == ERR_NONE,
	      "%s", r.got.msg);
	end();
}

/* --- damage --- */

static void rot_is_noticed_before_it_is_served(void)
{
	struct list_key key = srig_key(0);
	struct hash32 root = srig_root(1), list = {{0}};
	const uint32_t names[] = {0, 1, 2};

	begin(6);
	for (uint32_t i = 0; i < 3; i++)
		CHECK(srig_put(&r, i) == ERR_NONE, "%s", r.got.msg);
	CHECK(srig_append(&r, 0, 1, 0, 0, 3) == ERR_NONE, "%s", r.got.msg);
	list = srig_list_root(names, 3);
	srig_spoil(&r, 0, 1);
	CHECK(srig_read(&r, 1) == ERR_STATE && strstr(r.got.msg, "lost"), "%s",
	      r.got.msg);
	CHECK(r.lost == 1 && r.notes == 1 && strstr(r.note, "is lost"), "%s",
	      r.note);
	CHECK(srig_read(&r, 1) == ERR_STATE && r.lost == 1, "lost once");
	CHECK(srig_do(&r, sectors_lost, &key, 0) == ERR_NONE &&
		      r.got.node_count == 1 &&
		      memcmp(&r.got.nodes[0], &root, 32) == 0 &&
		      r.got.next == 3,
	      "listed");
	CHECK(srig_do(&r, sectors_prove, &key, &list, 3, 2048 + 5) == ERR_STATE,
	      "no proof of what is lost");
	CHECK(srig_do(&r, sectors_prove, &key, &list, 3, 5) == ERR_NONE,
	      "the others are proven");
	again();
	CHECK(srig_put(&r, 1) == ERR_NONE && srig_read(&r, 1) == ERR_NONE,
	      "put again: %s", r.got.msg);
	CHECK(srig_do(&r, sectors_lost, &key, 0) == ERR_NONE &&
		      r.got.node_count == 0,
	      "nothing is lost");
	CHECK(srig_do(&r, sectors_prove, &key, &list, 3, 2048 + 5) == ERR_NONE,
	      "proven again: %s", r.got.msg);
	CHECK(srig_volume(&r, 0).retired == 1 && sectors_free(r.s) == 2,
	      "the slot is not used again");
	end();
}

static void scrub_finds_rot_and_a_sick_disk(void)
{
	begin(12);
	for (uint32_t i = 0; i < 8; i++)
		CHECK(srig_put(&r, i) == ERR_NONE, "%s", r.got.msg);
	CHECK(srig_append(&r, 0, 1, 0, 0, 8) == ERR_NONE, "%s", r.got.msg);
	srig_stop(&r);
	srig_spoil(&r, 0, 2);
	srig_spoil(&r, 0, 4);
	srig_spoil(&r, 0, 7);
	r.cfg.scrub_bytes_per_s = UINT64_C(1) << 40;
	srig_start(&r);
	srig_until(&r, r.lost == 3);
	CHECK(strstr(r.note, "failing") && srig_volume(&r, 0).sick, "%s",
	      r.note);
	CHECK(srig_put(&r, 9) == ERR_LIMIT, "nothing new goes there");
	srig_poll(srig_read(&r, 0) == ERR_NONE &&
		  srig_volume(&r, 0).scrubbed_s == 1000);
	again();
	CHECK(srig_volume(&r, 0).sick && srig_volume(&r, 0).scrubbed_s == 1000,
	      "remembered");
	CHECK(srig_space(&r, 1, 9) == ERR_NONE, "%s", r.got.msg);
	CHECK(srig_space(&r, 0, 0) == ERR_NONE, "drained: %s", r.got.msg);
	CHECK(srig_volume(&r, 1).used == 5, "what could be read");
	end();
}

static void a_volume_cut_short(void)
{
	char path[128];

	begin(8);
	for (uint32_t i = 0; i < 6; i++)
		CHECK(srig_put(&r, i) == ERR_NONE, "%s", r.got.msg);
	CHECK(srig_append(&r, 0, 1, 0, 0, 6) == ERR_NONE, "%s", r.got.msg);
	srig_stop(&r);
	(void)snprintf(path, sizeof(path), "%s/" VOLUME_FILE, r.at[0]);
	CHECK(truncate(path, (4 << 20) + 5) == 0, "cut");
	srig_start(&r);
	srig_until(&r, r.notes > 0);
	CHECK(r.lost == 3 && strstr(r.note, "cut short: 3 sectors"), "%u: %s",
	      r.lost, r.note);
	for (uint32_t i = 0; i < 6; i++)
		CHECK(srig_read(&r, i) == (i < 3 ? ERR_NONE : ERR_STATE), "%u",
		      i);
	srig_poll(srig_read(&r, 0) == ERR_NONE &&
		  srig_volume(&r, 0).retired == 0 && sectors_free(r.s) == 5);
	for (uint32_t i = 3; i < 6; i++)
		CHECK(srig_put(&r, i) == ERR_NONE &&
			      srig_read(&r, i) == ERR_NONE,
		      "%s", r.got.msg);
	end();
}

static void volumes_that_are_not_there(void)
{
	char a[128], b[128], c[128];
	uint32_t id;

	begin(4);
	CHECK(srig_space(&r, 1, 4) == ERR_NONE, "%s", r.got.msg);
	for (uint32_t i = 0; i < 8; i++)
		CHECK(srig_put(&r, i) == ERR_NONE, "%s", r.got.msg);
	CHECK(srig_append(&r, 0, 1, 0, 0, 8) == ERR_NONE, "%s", r.got.msg);
	srig_stop(&r);
	(void)snprintf(a, sizeof(a), "%s/" VOLUME_FILE, r.at[0]);
	(void)snprintf(b, sizeof(b), "%s/" VOLUME_FILE, r.at[1]);
	(void)snprintf(c, sizeof(c), "%s/aside", r.at[2]);
	CHECK(rename(a, c) == 0, "unmounted");
	srig_start(&r);
	srig_until(&r, r.notes > 0);
	CHECK(strstr(r.note, "cannot open"), "%s", r.note);
	CHECK(!srig_volume(&r, 0).open && srig_volume(&r, 1).open, "one is");
	for (uint32_t i = 0, there = 0; i < 8; i++) {
		enum err_code code = srig_read(&r, i);

		CHECK(code == ERR_NONE ||
			      (code == ERR_IO && strstr(r.got.msg, "mount")),
		      "%s", r.got.msg);
		there += code == ERR_NONE;
		CHECK(i < 7 || there == 4, "half of them");
	}
	CHECK(r.lost == 0, "not there is not lost");
	CHECK(srig_space(&r, 0, 8) == ERR_STATE, "no change of it");
	srig_stop(&r);
	CHECK(rename(c, a) == 0 && rename(b, c) == 0 && rename(a, b) == 0 &&
		      rename(c, a) == 0,
	      "swapped");
	srig_start(&r);
	srig_until(&r, r.notes == 2);
	CHECK(strstr(r.note, "swapped"), "%s", r.note);
	srig_stop(&r);
	CHECK(rename(a, c) == 0 && rename(b, a) == 0 && rename(c, b) == 0,
	      "as they were");
	srig_start(&r);
	for (uint32_t i = 0; i < 8; i++)
		CHECK(srig_read(&r, i) == ERR_NONE, "%u: %s", i, r.got.msg);
	srig_stop(&r);
	CHECK(unlink(a) == 0, "for good");
	srig_start(&r);
	srig_until(&r, r.notes > 0);
	id = srig_volume(&r, 1).id;
	CHECK(srig_do(&r, sectors_give_up, id) == ERR_STATE, "it can be read");
	id = srig_volume(&r, 0).id;
	CHECK(srig_do(&r, sectors_give_up, id) == ERR_NONE && r.got.count == 4,
	      "%u lost: %s", r.got.count, r.got.msg);
	CHECK(r.lost == 4 && !srig_volume(&r, 0).dir, "and forgotten");
	CHECK(srig_space(&r, 0, 4) == ERR_NONE, "a new disk: %s", r.got.msg);
	for (uint32_t i = 0; i < 8; i++)
		CHECK(srig_put(&r, i) == ERR_NONE &&
			      srig_read(&r, i) == ERR_NONE,
		      "%u: %s", i, r.got.msg);
	end();
}

static void a_damaged_index_says_so(void)
{
	struct err e = {0};
	char copy[128];
	int fd;

	begin(4);
	CHECK(srig_put(&r, 1) == ERR_NONE, "%s", r.got.msg);
	CHECK(srig_append(&r, 0, 1, 1, 1, 2) == ERR_NONE, "%s", r.got.msg);
	(void)snprintf(copy, sizeof(copy), "%s/copy.db", r.dir);
	CHECK(srig_do(&r, sectors_copy, copy) == ERR_NONE, "%s", r.got.msg);
	CHECK(srig_do(&r, sectors_copy, copy) == ERR_IO && r.got.os == EEXIST,
	      "nothing is overwritten");
	srig_stop(&r);
	fd = open(r.index, O_WRONLY);
	CHECK(fd >= 0 && pwrite(fd, "garbage garbage garbage!", 24, 0) == 24,
	      "spoilt");
	(void)close(fd);
	CHECK(srig_try_start(&r, &e) == ERR_DB && !r.s, "%s", e.msg);
	CHECK(strstr(e.msg, "sectors.db"), "%s", e.msg);
	srig_stop(&r);
	CHECK(rename(copy, r.index) == 0, "the copy");
	srig_start(&r);
	CHECK(srig_read(&r, 1) == ERR_NONE, "%s", r.got.msg);
	end();
}

int main(void)
{
	what_goes_in_comes_out();
	ranges_come_with_proofs();
	wrong_bytes_are_refused();
	too_much_waits_outside();
	a_forgotten_call_is_still_done();
	staging_is_bounded_and_ends();
	agreements_are_kept_and_proven();
	a_preview_stores_nothing();
	records_are_kept();
	records_last_as_long_as_agreements();
	space_grows_and_shrinks();
	a_drain_waits_for_room();
	a_drain_goes_on_after_a_restart();
	space_that_cannot_be();
	a_full_disk_gives_what_it_has();
	a_full_disk_of_the_index_refuses_and_keeps();
	rot_is_noticed_before_it_is_served();
	scrub_finds_rot_and_a_sick_disk();
	a_volume_cut_short();
	volumes_that_are_not_there();
	a_damaged_index_says_so();
	return CHECK_EXIT();
}
