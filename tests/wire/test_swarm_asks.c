#include "tests/wire/raw.h"

/* How much is asked of a peer that stops in the middle. */

static struct sim sim;
static struct raw raw;

#define PIECES 100U
#define PIECE_LEN (4 * PICKER_BLOCK)
#define FIRST 90U /* blocks that it answers before it stops */
#define MOST 64U  /* swarm_int.h: what every peer bears */
#define STALL_S 10U

static struct sim_node *asking(bool fast)
{
	struct sim_node *n;

	sim_init(&sim, 77, PIECES, PIECE_LEN, PIECE_LEN);
	n = sim_add(&sim, false);
	raw_open(&raw, &sim, n, false);
	raw_say_handshake(&raw, fast, false);
	(void)swarm_tick(n->s, sim.now);
	if (fast) {
		raw_say_id(&raw, MSG_HAVE_ALL);
	} else {
		uint8_t all[(PIECES + 7) / 8];

		memset(all, 0xff, sizeof(all));
		all[sizeof(all) - 1] = 0xf0;
		raw_say_body(&raw, MSG_BITFIELD, all, sizeof(all));
	}
	raw_say_id(&raw, MSG_UNCHOKE);
	return n;
}

static void finish(void)
{
	raw_close(&raw);
	sim_free(&sim);
}

struct heard {
	uint32_t asked, cancelled;
};

/* Answers up to `most` requests, and refuses what is cancelled. */
static struct heard listen(uint32_t most, bool refuse)
{
	struct heard h = {0, 0};
	struct msg m;

	while ((m = raw_next(&raw)).id != MSG_UNKNOWN) {
		if (m.id == MSG_REQUEST && h.asked++ < most)
			raw_say_block(&raw, m.piece, m.begin, m.len);
		if (m.id != MSG_CANCEL)
			continue;
		h.cancelled++;
		m.id = MSG_REJECT;
		if (refuse)
			raw_say_msg(&raw, &m);
	}
	return h;
}

static uint32_t on_their_way(void)
{
	struct peer_stats st;

	peer_stats_get(raw.end.p, &st);
	return st.requests_out;
}

static struct heard silence(struct sim_node *n, unsigned seconds)
{
	struct heard sum = {0, 0}, h;

	for (unsigned i = 0; i < seconds; i++) {
		sim.now += 1000;
		(void)swarm_tick(n->s, sim.now);
		h = listen(0, true);
		sum.asked += h.asked;
		sum.cancelled += h.cancelled;
	}
	return sum;
}

/* anacrolix/torrent up to 1.59.1 answers nothing any more when it happens to
 * look at a request beyond the first MiB of them. */
static void who_stops_when_asked_for_much_is_asked_for_less(void)
{
	struct sim_node *n = asking(true);
	struct heard h;
	uint32_t before;

	(void)listen(FIRST, true);
	before = on_their_way();
	CHECK(before > MOST, "%u on their way", before);
	h = silence(n, STALL_S - 1);
	CHECK(h.cancelled == 0 && on_their_way() == before, "too early");
	h = silence(n, 2);
	CHECK(h.cancelled == before - MOST && h.asked == 0 &&
		      on_their_way() == MOST,
	      "%u taken back of %u, %u asked", h.cancelled, before, h.asked);
	for (unsigned i = 0; i < 20 && n->verified < PIECES; i++) {
		sim.now += 1000;
		(void)swarm_tick(n->s, sim.now);
		CHECK(on_their_way() <= MOST, "%u once more", on_their_way());
		(void)listen(UINT32_MAX, true);
	}
	CHECK(n->closes == 0, "closed");
	finish();
}

/* Without BEP 6 nobody would say that the cancelled are given up. */
static void without_rejects_nothing_is_taken_back(void)
{
	struct sim_node *n = asking(false);
	uint32_t before;

	(void)listen(FIRST, false);
	before = on_their_way();
	CHECK(before > MOST, "%u on their way", before);
	CHECK(silence(n, STALL_S + 5).cancelled == 0, "taken back");
	CHECK(on_their_way() == before, "%u", on_their_way());
	finish();
}

static void few_requests_are_left(void)
{
	struct sim_node *n = asking(true);
	uint32_t before;

	(void)listen(2, true);
	before = on_their_way();
	CHECK(before > 1 && before <= MOST, "%u on their way", before);
	CHECK(silence(n, STALL_S + 5).cancelled == 0, "taken back");
	CHECK(on_their_way() == before, "%u", on_their_way());
	finish();
}

int main(void)
{
	who_stops_when_asked_for_much_is_asked_for_less();
	without_rejects_nothing_is_taken_back();
	few_requests_are_left();
	return CHECK_EXIT();
}
