/* Bytes come back whatever hosts do, from any k of them, in order, whole or a
 * range; and when they cannot, it is said at once what is missing. */
#include "storage/rent/download.h"

#include "tests/storage/engine_rig.h"

struct rig {
	struct engine g;
	struct placement *placement;
	struct object_keys keys;
	struct download *download;
	/* what was seen */
	uint64_t next; /* byte that write() must begin with */
	bool wrong;
	uint64_t fails_at;	/* the file system is full there */
	unsigned reads, parity; /* of rows of parity */
	uint64_t read_bytes;
	unsigned deeds[DOWNLOAD_GIVEN_UP + 1];
	uint32_t known_dead; /* bit i: host i, known before */
};

static bool is_parity(const struct placement *p, const struct hash32 *root)
{
	for (size_t i = 0; i < (size_t)p->segments * p->n; i++)
		if (memcmp(&p->rows[i].root, root, sizeof(*root)) == 0)
			return i % p->n >= p->k;
	return false;
}

static void read_sector(void *ctx, const struct address *host,
			const struct hash32 *root, uint32_t off, uint32_t len,
			uint8_t *buf, uint64_t cookie)
{
	struct rig *r = ctx;

	engine_ask_read(&r->g, host, root, off, len, buf, cookie);
	r->reads++;
	r->parity += is_parity(r->placement, root);
	r->read_bytes += len;
}

static enum err_code write_bytes(void *ctx, uint64_t off, const uint8_t *p,
				 size_t len, struct err *e)
{
	struct rig *r = ctx;
	uint8_t want[FRAME_PLAIN];

	if (off + len > r->fails_at)
		return err_fail(e, ERR_IO, "no space");
	stream_bytes(want, off, len, 0);
	if (off != r->next || memcmp(p, want, len) != 0)
		r->wrong = true;
	r->next = off + len;
	return ERR_NONE;
}

static bool host_hint(void *ctx, const struct address *host, uint32_t *ms)
{
	*ms = 20;
	return !(((struct rig *)ctx)->known_dead >> town_number(host) & 1);
}

static void host_did(void *ctx, const struct address *host,
		     enum download_deed deed, uint32_t ms)
{
	(void)host;
	(void)ms;
	((struct rig *)ctx)->deeds[deed]++;
}

static const struct download_ops ops = {
	.read = read_sector,
	.cancel = engine_cancel,
	.write = write_bytes,
	.host = host_hint,
	.host_did = host_did,
	.ended = engine_ended,
	.freed = engine_freed,
};

static void answer(struct rig *r, const struct town_ask *a)
{
	int64_t now = r->g.town.now_ms;
	enum download_no no;

	CHECK(town_sector(&r->g.town, a->host, &a->root),
	      "host %u was asked for what it has", a->host);
	if (engine_read(&r->g, a, download_no_of(RENT_NO_ACCOUNT), &no))
		download_on_read(r->download, a->cookie, now);
	else
		download_on_failed(r->download, a->cookie, no, NULL, now);
}

static void turn(struct rig *r)
{
	struct town_ask *a;

	engine_run_jobs(&r->g);
	a = town_next(&r->g.town);
	if (a) {
		answer(r, a);
		return;
	}
	if (!engine_wait(&r->g, download_next_ms(r->download)))
		return;
	download_tick(r->download, r->g.town.now_ms);
}

static struct rig *rig_new(unsigned k, unsigned n, unsigned segments,
			   unsigned hosts)
{
	struct rig *r = calloc(1, sizeof(*r));

	if (!r)
		abort();
	engine_init(&r->g);
	r->fails_at = UINT64_MAX;
	town_keys(&r->keys);
	r->placement = town_store(&r->g.town, k, n, segments, hosts);
	return r;
}

static void stop(struct rig *r)
{
	download_free(r->download);
	r->download = NULL;
	engine_check_freed(&r->g);
	engine_check_cancelled(&r->g);
	for (unsigned i = 0; i < TOWN_HOSTS; i++)
		r->g.town.hosts[i].habit = HABIT_GOOD;
}

static void rig_free(struct rig *r)
{
	placement_free(r->placement);
	engine_clear(&r->g);
	free(r);
}

static void start(struct rig *r, uint64_t off, uint64_t len)
{
	const struct download_cfg cfg = {.placement = r->placement,
					 .work = r->g.work,
					 .ops = &ops,
					 .ctx = r,
					 .keys = r->keys,
					 .off = off,
					 .len = len};
	struct err e = {0};

	r->g.ended = r->g.freed = r->wrong = false;
	r->g.why = (struct err){0};
	r->next = off;
	r->reads = r->parity = 0;
	r->read_bytes = 0;
	memset(r->deeds, 0, sizeof(r->deeds));
	CHECK(download_start(&r->download, &cfg, r->g.town.now_ms, &e) ==
		      ERR_NONE,
	      "start: %s", e.msg);
}

static void go(struct rig *r, uint64_t off, uint64_t len)
{
	start(r, off, len);
	for (unsigned i = 0; i < 100000 && !r->g.ended; i++)
		turn(r);
	CHECK(r->g.ended, "it ends");
}

static void check_got(struct rig *r, uint64_t end, const char *name)
{
	CHECK(r->g.ended && r->g.why.code == ERR_NONE, "%s: %s", name,
	      r->g.why.msg);
	CHECK(!r->wrong && r->next == end, "%s: the right bytes up to %llu",
	      name, (unsigned long long)r->next);
}

/* --- the tests --- */

static void ranges_are_had_with_little_more_than_their_bytes(void)
{
	const uint64_t one = segment_plain_len(4);
	const struct {
		const char *name;
		uint64_t off, len;
		uint64_t most; /* bytes read */
	} rows[] = {
		{"nothing", 5, 0, 0},
		{"a byte", 5, 1, FRAME_LEN},
		{"the last byte", 3 * one - 1, 1, FRAME_LEN},
		{"over two frames", FRAME_PLAIN - 1, 2, 2 * FRAME_LEN},
		{"over two segments", one - 10, 20, 2 * FRAME_LEN},
		{"ten frames", 7 * FRAME_PLAIN, 10 * FRAME_PLAIN,
		 10 * FRAME_LEN},
		{"a segment", one, one, 4 * SECTOR_LEN},
		{"most of one", one + 9, one - 10, 4 * SECTOR_LEN},
		{"all", 0, 3 * one, 12 * SECTOR_LEN},
		{"an end, a whole and a beginning", one - 10, one + 20,
		 4 * SECTOR_LEN + 2 * FRAME_LEN},
	};
	struct rig *r = rig_new(4, 12, 3, 18);

	for (size_t i = 0; i < ROWS(rows); i++) {
		go(r, rows[i].off, rows[i].len);
		check_got(r, rows[i].off + rows[i].len, rows[i].name);
		CHECK(r->read_bytes <= rows[i].most, "%s: %llu bytes read",
		      rows[i].name, (unsigned long long)r->read_bytes);
		stop(r);
	}
	rig_free(r);
}

/* habits: one letter a host: G gone, L liar, F forgot, R refuses, S silent,
 * B busy, '.' good */
static void set_habits(struct rig *r, const char *habits)
{
	for (unsigned i = 0; habits[i]; i++) {
		struct town_host *h = &r->g.town.hosts[i];

		h->habit = habits[i] == 'G'   ? HABIT_GONE
			   : habits[i] == 'L' ? HABIT_LIAR
			   : habits[i] == 'F' ? HABIT_FORGOT
			   : habits[i] == 'R' ? HABIT_REFUSES
			   : habits[i] == 'S' ? HABIT_SILENT
			   : habits[i] == 'B' ? HABIT_BUSY
					      : HABIT_GOOD;
	}
}

static void any_k_bring_it_back(void)
{
	static const struct {
		const char *name, *habits;
	} rows[] = {
		{"five killed and one lying", "GGGGGL......"},
		{"the last five and a liar", "......LGGGGG"},
		{"exactly k left", "GGFFRRLL...."},
		{"exactly k left, parity only", "GGGGGGGG...."},
		{"exactly k left, data only", "....GGGGGGGG"},
		{"some never answer", "SS.S.S.S...."},
		{"all busy once", "BBBBBBBBBBBB"},
	};
	const uint64_t one = segment_plain_len(4);
	struct rig *r = rig_new(4, 12, 2, 12);

	for (size_t i = 0; i < ROWS(rows); i++) {
		set_habits(r, rows[i].habits);
		go(r, 0, 2 * one);
		check_got(r, 2 * one, rows[i].name);
		stop(r);
		set_habits(r, rows[i].habits);
		go(r, one - 70000, 140000);
		check_got(r, one + 70000, rows[i].name);
		stop(r);
	}
	rig_free(r);
}

static void what_cannot_be_had_is_said_at_once(void)
{
	static const struct {
		const char *name, *habits;
		uint32_t dead; /* known before */
		unsigned have;
		bool at_start;
	} rows[] = {
		{"one too many gone", "GGGGGGGGG...", 0, 3, false},
		{"one too many forgot", "FFFFFFFFF...", 0, 3, false},
		{"known before", "............", 0x1ff, 3, true},
		{"gone, and one known before", "GGGGGGGG....", 0x800, 3, false},
		{"lies and refusals", "LLLLRRRRR...", 0, 3, false},
	};
	struct rig *r = rig_new(4, 12, 2, 12);

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct download_loss loss = {0};
		int64_t began = r->g.town.now_ms;

		set_habits(r, rows[i].habits);
		r->known_dead = rows[i].dead;
		start(r, 0, 2 * (uint64_t)segment_plain_len(4));
		CHECK(r->g.ended == rows[i].at_start, "%s: at once",
		      rows[i].name);
		for (unsigned n = 0; n < 10000 && !r->g.ended; n++)
			turn(r);
		CHECK(r->g.ended && r->g.why.code == ERR_IO &&
			      strstr(r->g.why.msg, "unrecoverable"),
		      "%s: %s", rows[i].name, r->g.why.msg);
		CHECK(!strstr(r->g.why.msg, "may come back") ==
			      !strchr(rows[i].habits, 'G'),
		      "%s: %s", rows[i].name, r->g.why.msg);
		CHECK(strstr(r->g.why.msg, "3 of 12 shards") &&
			      strstr(r->g.why.msg, "1 are missing"),
		      "%s: %s", rows[i].name, r->g.why.msg);
		CHECK(download_loss(r->download, &loss) && loss.segment < 2 &&
			      loss.need == 4 && loss.have == rows[i].have,
		      "%s: %u of %u", rows[i].name, loss.have, loss.need);
		CHECK(r->g.town.now_ms - began < 10000, "%s: after %lld ms",
		      rows[i].name, (long long)(r->g.town.now_ms - began));
		stop(r);
	}
	r->known_dead = 0;
	rig_free(r);
}

static void nobody_answers(void)
{
	struct rig *r = rig_new(2, 4, 1, 4);

	set_habits(r, "GGGG");
	go(r, 0, 1000);
	CHECK(r->g.why.code == ERR_IO && strstr(r->g.why.msg, "online"), "%s",
	      r->g.why.msg);
	stop(r);
	rig_free(r);
}

/* Two of the first four take an hour: others are asked instead. */
static void slow_hosts_are_raced(void)
{
	const uint64_t one = segment_plain_len(4);
	struct rig *r = rig_new(4, 12, 3, 12);
	int64_t began;

	r->g.town.hosts[0].takes_ms = r->g.town.hosts[2].takes_ms = 3600000;
	began = r->g.town.now_ms;
	go(r, 0, 3 * one);
	check_got(r, 3 * one, "slow");
	CHECK(r->g.town.now_ms - began < 5000, "after %lld ms",
	      (long long)(r->g.town.now_ms - began));
	CHECK(r->read_bytes <= 20 * SECTOR_LEN, "%llu bytes",
	      (unsigned long long)r->read_bytes);
	stop(r);
	r->g.town.hosts[1].takes_ms = 3600000;
	go(r, FRAME_PLAIN * 17, 5);
	check_got(r, FRAME_PLAIN * 17 + 5, "a frame at a slow host");
	stop(r);
	rig_free(r);
}

static void the_fast_are_asked_more(void)
{
	const uint64_t one = segment_plain_len(2);
	struct rig *r = rig_new(2, 6, 8, 6);
	unsigned slow;

	for (unsigned i = 0; i < 6; i++)
		r->g.town.hosts[i].takes_ms = i < 3 ? 20 : 380;
	go(r, 0, 8 * one);
	check_got(r, 8 * one, "all");
	slow = r->g.town.hosts[3].asked + r->g.town.hosts[4].asked +
	       r->g.town.hosts[5].asked;
	CHECK(slow <= 6, "slow ones were asked %u of %u", slow, r->reads);
	stop(r);
	rig_free(r);
}

/* Parity costs us work, and spares us waiting. */
static void data_rows_are_asked_of_fast_hosts(void)
{
	static const struct {
		const char *name;
		int64_t takes_ms;
		unsigned least, most;
	} rows[] = {
		{"fast", 1, 0, 4}, /* until it is known that they are */
		{"slow", 500, 8, 32},
	};
	const uint64_t one = segment_plain_len(4);

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct rig *r = rig_new(4, 12, 8, 12);

		for (unsigned j = 0; j < 12; j++)
			r->g.town.hosts[j].takes_ms = rows[i].takes_ms;
		go(r, 0, 8 * one);
		check_got(r, 8 * one, rows[i].name);
		CHECK(r->parity >= rows[i].least && r->parity <= rows[i].most,
		      "%s: %u of %u are parity", rows[i].name, r->parity,
		      r->reads);
		stop(r);
		rig_free(r);
	}
}

/* Roots that prove what was never stored with this key. */
static void a_wrong_key_is_seen(void)
{
	struct rig *r = rig_new(2, 4, 1, 4);

	r->keys.full[0] ^= 1;
	go(r, 0, 100);
	CHECK(r->g.why.code == ERR_SIG && !r->next, "%s", r->g.why.msg);
	stop(r);
	r->keys.full[0] ^= 1;
	r->keys.access = OBJECT_REPAIR;
	{
		const struct download_cfg cfg = {.placement = r->placement,
						 .work = r->g.work,
						 .ops = &ops,
						 .ctx = r,
						 .keys = r->keys,
						 .len = 1};

		CHECK(download_start(&r->download, &cfg, 0, NULL) == ERR_STATE,
		      "a repair link reads nothing");
	}
	rig_free(r);
}

static void a_full_disk_ends_it_and_it_resumes(void)
{
	const uint64_t one = segment_plain_len(2);
	struct rig *r = rig_new(2, 4, 3, 4);
	uint64_t got;

	r->fails_at = one + 5 * FRAME_PLAIN + 1;
	go(r, 0, 3 * one);
	CHECK(r->g.why.code == ERR_IO && strstr(r->g.why.msg, "space"), "%s",
	      r->g.why.msg);
	got = r->next;
	CHECK(got == one + 5 * FRAME_PLAIN, "what was there is written");
	stop(r);
	r->fails_at = UINT64_MAX;
	go(r, got, 3 * one - got);
	check_got(r, 3 * one, "the rest");
	CHECK(r->read_bytes <= 4 * SECTOR_LEN, "no more than two segments");
	stop(r);
	rig_free(r);
}

static void a_place_more_is_used(void)
{
	struct rig *r = rig_new(2, 3, 1, 3);
	struct address spare = town_address(9);
	const struct hash32 *root = &placement_row(r->placement, 0, 0)->root;

	town_keep(&r->g.town, 9, root, town_sector(&r->g.town, 0, root));
	CHECK(placement_add(r->placement, 0, 0, &spare, NULL) == ERR_NONE,
	      "add");
	set_habits(r, "FG.");
	go(r, 0, segment_plain_len(2));
	check_got(r, segment_plain_len(2), "by the second place");
	stop(r);
	rig_free(r);
}

static void freed_at_any_time(void)
{
	struct rig *r = rig_new(2, 4, 2, 4);

	for (unsigned turns = 0; turns < 12; turns++) {
		start(r, 100, 2 * (uint64_t)segment_plain_len(2) - 100);
		for (unsigned i = 0; i < turns && !r->g.ended; i++) {
			struct town_ask *a = town_next(&r->g.town);

			if (i % 2)
				engine_run_jobs(&r->g);
			if (a)
				answer(r, a);
			r->g.town.now_ms += 6;
			download_tick(r->download, r->g.town.now_ms);
		}
		stop(r);
	}
	rig_free(r);
}

static void ranges_outside_are_refused(void)
{
	struct rig *r = rig_new(1, 2, 1, 2);
	struct download_cfg cfg = {.placement = r->placement,
				   .work = r->g.work,
				   .ops = &ops,
				   .ctx = r,
				   .keys = r->keys,
				   .off = segment_plain_len(1),
				   .len = 1};

	CHECK(download_start(&r->download, &cfg, 0, NULL) == ERR_LIMIT, "end");
	cfg.off = 1;
	cfg.len = UINT64_MAX;
	CHECK(download_start(&r->download, &cfg, 0, NULL) == ERR_LIMIT, "sum");
	rig_free(r);
}

int main(void)
{
	ranges_are_had_with_little_more_than_their_bytes();
	any_k_bring_it_back();
	what_cannot_be_had_is_said_at_once();
	nobody_answers();
	slow_hosts_are_raced();
	the_fast_are_asked_more();
	data_rows_are_asked_of_fast_hosts();
	a_wrong_key_is_seen();
	a_full_disk_ends_it_and_it_resumes();
	a_place_more_is_used();
	freed_at_any_time();
	ranges_outside_are_refused();
	return CHECK_EXIT();
}
