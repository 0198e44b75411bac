/* Sectors leave as hosts take them, and each answer has its consequence; what
 * is stale changes nothing. The engines' tests have whole journeys. */
#include "storage/rent/sending.h"

#include "tests/storage/town.h"

#define HOSTS 3U
#define SLOTS 12U

struct rig {
	struct sending s;
	struct placing *placing;
	uint16_t seat[SLOTS];
	uint64_t cookie[SLOTS]; /* of what was put last, by row */
	unsigned puts, cancels, deeds[UPLOAD_GIVEN_UP + 1];
};

static void on_put(void *ctx, const struct address *host,
		   const struct hash32 *root, const uint8_t *data,
		   uint64_t cookie)
{
	struct rig *r = ctx;

	CHECK(data[0] == root->bytes[0], "its own sector");
	CHECK(town_number(host) == r->seat[root->bytes[0]], "to its host");
	r->cookie[root->bytes[0]] = cookie;
	r->puts++;
}

static void on_cancel(void *ctx, const struct address *host, uint64_t cookie)
{
	(void)host;
	(void)cookie;
	((struct rig *)ctx)->cancels++;
}

static void on_did(void *ctx, const struct address *host, enum upload_deed deed,
		   uint32_t ms)
{
	(void)host;
	(void)ms;
	((struct rig *)ctx)->deeds[deed]++;
}

/* Row i is ready, for host i mod `hosts`. */
static void begin(struct rig *r, unsigned rows, unsigned hosts, bool doubts)
{
	const struct placing_policy y = {
		.shards = 1, .per_host = 1, .per_net = 1};
	struct rng rng = rng_seeded(3);
	struct sending_cfg cfg = {.name = "test",
				  .doubts_line = doubts,
				  .ctx = r,
				  .put = on_put,
				  .cancel = on_cancel,
				  .did = on_did};

	memset(r, 0, sizeof(*r));
	CHECK(placing_new(&r->placing, &y, &rng, NULL) == ERR_NONE, "placing");
	for (unsigned i = 0; i < HOSTS; i++)
		town_join(r->placing, i);
	cfg.placing = r->placing;
	CHECK(sending_init(&r->s, &cfg, SLOTS, 1000, NULL) == ERR_NONE, "init");
	for (unsigned i = 0; i < rows; i++) {
		r->seat[i] = (uint16_t)(i % hosts);
		sending_fill(&r->s, i, NULL, (uint16_t)i, &r->seat[i]);
		r->s.slots[i].root.bytes[0] = sending_sector(&r->s, i)[0] =
			(uint8_t)i;
		r->s.slots[i].state = SLOT_READY;
	}
	sending_go(&r->s);
}

static void end(struct rig *r)
{
	sending_clear(&r->s);
	placing_free(r->placing);
}

static void refuse(struct rig *r, unsigned row, enum upload_no no)
{
	struct sending_slot *slot = sending_find(&r->s, r->cookie[row]);

	CHECK(slot && sending_refused(&r->s, slot, no, NULL, NULL) == ERR_NONE,
	      "row %u is on its way", row);
}

static void a_host_takes_so_many_at_a_time(void)
{
	struct rig r;
	uint64_t stale;

	begin(&r, SLOTS, 1, false);
	CHECK(r.puts == UPLOAD_PER_HOST, "%u are sent", r.puts);
	CHECK(sending_stored(&r.s, sending_find(&r.s, r.cookie[0])) == 0,
	      "by host 0");
	CHECK(r.s.slots[0].state == SLOT_FREE && r.deeds[UPLOAD_GOOD] == 1,
	      "its slot is free");
	CHECK(!sending_find(&r.s, r.cookie[0]), "its cookie is stale");
	sending_go(&r.s);
	CHECK(r.puts == UPLOAD_PER_HOST + 1, "the next goes");
	sending_cancel_all(&r.s);
	CHECK(r.cancels == UPLOAD_PER_HOST && !sending_find(&r.s, r.cookie[1]),
	      "%u are cancelled", r.cancels);
	stale = r.cookie[1];
	sending_go(&r.s);
	CHECK(sending_find(&r.s, r.cookie[1]) && !sending_find(&r.s, stale),
	      "it goes under another cookie");
	end(&r);
}

static void each_answer_has_its_consequence(void)
{
	static const struct {
		const char *name;
		enum upload_no no;
		int64_t wait_ms; /* until it goes again; 0: never by itself */
		bool usable, again; /* again: when the host is ready */
	} rows[] = {
		{"gone once", UPLOAD_GONE, UPLOAD_BACKOFF_MS, true, false},
		{"busy", UPLOAD_BUSY, 2000, true, false},
		{"parked", UPLOAD_PARKED, 0, true, true},
		{"dropped", UPLOAD_DROP, 0, false, false},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct address host = town_address(0);
		struct rig r;

		begin(&r, 1, 1, false);
		refuse(&r, 0, rows[i].no);
		sending_go(&r.s);
		CHECK(placing_usable(r.placing, 0) == rows[i].usable, "%s",
		      rows[i].name);
		if (!rows[i].usable) {
			end(&r);
			continue;
		}
		CHECK(r.puts == 1, "%s: not at once", rows[i].name);
		CHECK(sending_next_ms(&r.s) ==
			      (rows[i].wait_ms ? r.s.now_ms + rows[i].wait_ms
					       : INT64_MAX),
		      "%s: looks again", rows[i].name);
		r.s.now_ms += rows[i].wait_ms ? rows[i].wait_ms : 3600000;
		sending_go(&r.s);
		CHECK(r.puts == (rows[i].again ? 1U : 2U), "%s: in time",
		      rows[i].name);
		if (rows[i].again)
			CHECK(sending_host_ready(&r.s, &host), "known");
		sending_go(&r.s);
		CHECK(r.puts == 2, "%s: sent again", rows[i].name);
		end(&r);
	}
}

static void what_only_we_can_mend_ends_it(void)
{
	struct err why = {0}, e = {0};
	struct rig r;

	begin(&r, 1, 1, false);
	(void)err_fail(&why, ERR_SIG, "a wrong root");
	CHECK(sending_refused(&r.s, sending_find(&r.s, r.cookie[0]),
			      UPLOAD_STOP, &why, &e) != ERR_NONE &&
		      e.code == ERR_SIG,
	      "for the reason that was given");
	end(&r);
}

/* All of one host fail, three times; another holds a sector of ours. */
static void a_dead_line_is_no_hosts_fault(void)
{
	static const struct {
		const char *name;
		bool doubts, acked, others, dropped;
	} rows[] = {
		{"nobody doubts", false, false, true, true},
		{"another answered meanwhile", true, true, true, true},
		{"nobody answers", true, false, true, false},
		{"nobody else is asked", true, false, false, true},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct rig r;

		begin(&r, rows[i].others ? 4 : 1, 2, rows[i].doubts);
		for (unsigned n = 0; n < UPLOAD_TRIES; n++) {
			refuse(&r, 0, UPLOAD_GONE);
			if (n == 0 && rows[i].acked)
				(void)sending_stored(
					&r.s, sending_find(&r.s, r.cookie[1]));
			r.s.now_ms += 60000;
			if (n + 1 < UPLOAD_TRIES)
				sending_go(&r.s);
		}
		CHECK(placing_usable(r.placing, 0) == !rows[i].dropped, "%s",
		      rows[i].name);
		CHECK(r.deeds[UPLOAD_FAILED] == UPLOAD_TRIES &&
			      r.deeds[UPLOAD_GIVEN_UP] == rows[i].dropped,
		      "%s: told", rows[i].name);
		end(&r);
	}
}

static void a_host_that_moves_is_not_late(void)
{
	struct rig r;
	int64_t late;

	begin(&r, 4, 2, true);
	late = sending_next_ms(&r.s);
	CHECK(late == 1000 + UPLOAD_STALL_MS, "%lld", (long long)late);
	sending_moving(&r.s, sending_find(&r.s, r.cookie[0]), 5000);
	CHECK(sending_next_ms(&r.s) == late, "the other host has not moved");
	sending_moving(&r.s, sending_find(&r.s, r.cookie[1]), 5000);
	CHECK(sending_next_ms(&r.s) == 5000 + UPLOAD_STALL_MS, "both have");
	r.s.now_ms = 5000 + UPLOAD_STALL_MS;
	sending_check_times(&r.s);
	CHECK(r.cancels == 4 && r.deeds[UPLOAD_FAILED] == 2,
	      "all are taken back, once a host: %u", r.deeds[UPLOAD_FAILED]);
	end(&r);
}

int main(void)
{
	a_host_takes_so_many_at_a_time();
	each_answer_has_its_consequence();
	what_only_we_can_mend_ends_it();
	a_dead_line_is_no_hosts_fault();
	a_host_that_moves_is_not_late();
	return CHECK_EXIT();
}
