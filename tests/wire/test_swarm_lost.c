#include "tests/wire/raw.h"

static struct sim sim;
static struct raw raw;

#define PIECE_LEN (4 * PICKER_BLOCK)
#define LOST_ID 9 /* of the raw peer */

static struct sim_node *world(bool seed, bool fast)
{
	static const char hs[] = "d1:md11:lt_donthavei9eee";
	struct sim_node *n;

	sim_init(&sim, 5, 10, PIECE_LEN, 1000);
	n = sim_add(&sim, seed);
	raw_open(&raw, &sim, n, false);
	raw_say_handshake(&raw, fast, true);
	raw_say_ext(&raw, 0, hs, sizeof(hs) - 1);
	(void)swarm_tick(n->s, sim.now);
	return n;
}

static void finish(void)
{
	raw_close(&raw);
	sim_free(&sim);
}

static unsigned told_lost(uint32_t piece)
{
	const uint8_t *bytes;
	unsigned n = 0;
	size_t len;

	while (raw_next_ext(&raw, LOST_ID, &bytes, &len)) {
		struct rd r = rd_from(bytes, len);

		CHECK(rd_u32(&r) == piece && rd_done(&r), "which piece");
		n++;
	}
	return n;
}

static void a_lost_piece_is_taken_back(void)
{
	struct sim_node *n = world(true, true);
	struct msg m;

	raw_say_id(&raw, MSG_INTERESTED);
	(void)swarm_tick(n->s, sim.now);
	CHECK(raw_expect(&raw, MSG_UNCHOKE, NULL), "unchoked");
	swarm_piece_lost(n->s, sim.now, 3);
	CHECK(told_lost(3) == 1, "told");
	raw_say_msg(&raw, &(struct msg){.id = MSG_REQUEST,
					.piece = 3,
					.len = PICKER_BLOCK});
	CHECK(raw_expect(&raw, MSG_REJECT, &m) && m.piece == 3,
	      "asked for: rejected");
	finish();
}

static void what_waits_for_a_lost_piece_is_rejected(void)
{
	struct sim_node *n = world(true, true);

	raw_say_id(&raw, MSG_INTERESTED);
	(void)swarm_tick(n->s, sim.now);
	CHECK(raw_expect(&raw, MSG_UNCHOKE, NULL), "unchoked");
	for (uint32_t i = 0; i < 8; i++)
		raw_say_msg(&raw, &(struct msg){.id = MSG_REQUEST,
						.piece = 3 + i / 4,
						.begin = i % 4 * PICKER_BLOCK,
						.len = PICKER_BLOCK});
	swarm_piece_lost(n->s, sim.now, 3);
	raw_pull(&raw);
	raw.at = 0;
	CHECK(raw_count(&raw, MSG_REJECT) == 4, "rejected");
	raw.at = 0;
	CHECK(raw_count(&raw, MSG_PIECE) == 4, "served");
	finish();
}

static void who_never_heard_of_it_hears_nothing(void)
{
	struct sim_node *n = world(false, true);

	raw_pull(&raw);
	swarm_piece_verified(n->s, sim.now, 2);
	swarm_piece_lost(n->s, sim.now, 2);
	CHECK(told_lost(2) == 0, "it was not told that we had it");
	raw.at = 0;
	raw_pull(&raw);
	for (size_t i = 0; i + 9 <= raw.len; i++)
		CHECK(memcmp(raw.out + i, "\0\0\0\5\4\0\0\0\2", 9) != 0,
		      "nor is it now");
	finish();
}

static uint32_t wanted_of(const struct raw *r)
{
	struct peer_stats st;

	peer_stats_get(r->end.p, &st);
	return st.pieces;
}

static void say_lost(uint32_t piece)
{
	uint8_t bytes[4] = {0, 0, 0, (uint8_t)piece};

	raw_say_ext(&raw, EXT_LT_DONTHAVE, bytes, 4);
}

static void a_peer_takes_pieces_back(void)
{
	static const bool fast[] = {false, true};

	for (size_t i = 0; i < ROWS(fast); i++) {
		struct sim_node *n = world(false, fast[i]);
		struct peer_stats st;
		struct msg m;

		if (fast[i])
			raw_say_id(&raw, MSG_HAVE_ALL);
		else
			for (uint32_t k = 0; k < 10; k++)
				raw_say_msg(&raw, &(struct msg){.id = MSG_HAVE,
								.piece = k});
		CHECK(wanted_of(&raw) == 10, "all");
		for (uint32_t k = 0; k < 9; k++)
			say_lost(k);
		say_lost(4); /* again: no more than a nuisance */
		CHECK(wanted_of(&raw) == 1, "%u left", wanted_of(&raw));
		raw_say_id(&raw, MSG_UNCHOKE);
		(void)swarm_tick(n->s, sim.now);
		CHECK(raw_expect(&raw, MSG_REQUEST, &m) && m.piece == 9,
		      "asked for what is left");
		CHECK(!raw_expect(&raw, MSG_REQUEST, &m), "alone");
		say_lost(9);
		peer_stats_get(raw.end.p, &st);
		CHECK(!st.am_interested && !st.seed, "nothing to want");
		CHECK(st.requests_out == (fast[i] ? 1U : 0U),
		      "with BEP 6 the request is still answered: %u",
		      st.requests_out);
		raw_say_msg(&raw, &(struct msg){.id = MSG_HAVE, .piece = 9});
		CHECK(wanted_of(&raw) == 1, "it has it again");
		CHECK(!raw.end.closed, "closed");
		finish();
	}
}

static void nonsense_closes(void)
{
	static const struct {
		const char *name, *bytes;
		size_t len;
		bool closed;
	} rows[] = {
		{"the last piece", "\0\0\0\11", 4, false},
		{"one behind it", "\0\0\0\12", 4, true},
		{"a short one", "\0\0\0", 3, true},
		{"a long one", "\0\0\0\0\0", 5, true},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		(void)world(false, true);
		raw_say_ext(&raw, EXT_LT_DONTHAVE, rows[i].bytes, rows[i].len);
		CHECK(raw.end.closed == rows[i].closed, "%s", rows[i].name);
		finish();
	}
}

int main(void)
{
	a_lost_piece_is_taken_back();
	what_waits_for_a_lost_piece_is_rejected();
	who_never_heard_of_it_hears_nothing();
	a_peer_takes_pieces_back();
	nonsense_closes();
	return CHECK_EXIT();
}
