#include "tests/wire/raw.h"
#include "wire/peer/allowed.h"

static struct sim sim;
static struct raw raw;

#define PIECES 100

static const struct wire_addr v4 = {.ip = {[10] = 0xff, 0xff, 11, 2, 3, 4},
				    .port = 1};

static uint32_t set[ALLOWED_MAX], n_set;

static struct sim_node *world(uint32_t piece_len, struct wire_addr at,
			      bool fast, const char *hs)
{
	struct sim_node *n;

	sim_init(&sim, 5, PIECES, piece_len, 1000);
	n = sim_add(&sim, true);
	raw_open_at(&raw, &sim, n, false, at);
	raw_say_handshake(&raw, fast, hs != NULL);
	if (hs)
		raw_say_ext(&raw, 0, hs, strlen(hs));
	sim_run(&sim, 3000);
	n_set = allowed_set(set, ALLOWED_MAX, &v4, swarm_info_hash(n->s),
			    PIECES);
	return n;
}

static void finish(void)
{
	raw_close(&raw);
	sim_free(&sim);
}

static void ask(uint32_t piece, uint32_t begin)
{
	raw_say_msg(&raw, &(struct msg){.id = MSG_REQUEST,
					.piece = piece,
					.begin = begin,
					.len = PICKER_BLOCK});
}

/* MSG_PIECE or MSG_REJECT; MSG_UNKNOWN: silence. */
static enum msg_id answer(void)
{
	struct msg m;

	do
		m = raw_next(&raw);
	while (m.id != MSG_PIECE && m.id != MSG_REJECT && m.id != MSG_UNKNOWN);
	return m.id;
}

static void the_set_is_told(void)
{
	static const struct {
		const char *name;
		uint32_t piece_len, want;
		bool fast, v6;
	} rows[] = {
		{"small pieces", 65536, 10, true, false},
		{"larger pieces", 262144, 4, true, false},
		{"pieces of a MiB", 1U << 20, 1, true, false},
		{"larger than that", 1U << 21, 0, true, false},
		{"without BEP 6", 65536, 0, false, false},
		{"over IPv6", 65536, 0, true, true},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct msg m;

		(void)world(rows[i].piece_len, rows[i].v6 ? raw_addr() : v4,
			    rows[i].fast, NULL);
		for (uint32_t k = 0; k < rows[i].want; k++)
			CHECK(raw_expect(&raw, MSG_ALLOWED_FAST, &m) &&
				      m.piece == set[k],
			      "%s: %u", rows[i].name, k);
		CHECK(!raw_expect(&raw, MSG_ALLOWED_FAST, NULL), "%s: more",
		      rows[i].name);
		finish();
	}
}

static void its_pieces_need_no_slot(void)
{
	struct sim_node *n = world(65536, v4, true, NULL);
	uint32_t other = 0;

	while (other == set[0] || other == set[1])
		other++;
	ask(set[0], 0);
	CHECK(answer() == MSG_PIECE, "one of the set");
	ask(set[1], 16384);
	CHECK(answer() == MSG_PIECE, "another");
	CHECK(n->charged == 0, "charged");
	for (uint32_t p = 0; p < PIECES - 1; p++) {
		bool in = false;

		for (uint32_t k = 0; k < n_set; k++)
			in |= set[k] == p;
		if (in)
			continue;
		ask(p, 0);
		CHECK(answer() == MSG_REJECT, "piece %u", p);
	}
	CHECK(!raw.end.closed, "closed");
	finish();
}

static void they_are_given_once(void)
{
	unsigned given = 0;

	(void)world(65536, v4, true, NULL);
	for (unsigned i = 0; i < 200; i++) {
		ask(set[i % n_set], 0);
		given += answer() == MSG_PIECE;
		sim_run(&sim, 1000); /* the torrent's share fills up */
	}
	CHECK(given == 10 * 4, "%u blocks", given);
	finish();
}

static void there_is_so_much_for_all(void)
{
	unsigned given = 0;

	(void)world(65536, v4, true, NULL);
	for (unsigned i = 0; i < 40; i++) {
		ask(set[i / 4], i % 4 * PICKER_BLOCK);
		given += answer() == MSG_PIECE;
	}
	/* three or four seconds have passed */
	CHECK(given >= 12 && given <= 16, "%u blocks", given);
	finish();
}

static void who_has_begun_gets_none(void)
{
	(void)world(65536, v4, true, NULL);
	for (uint32_t i = 0; i < 11; i++)
		raw_say_msg(&raw,
			    &(struct msg){.id = MSG_HAVE, .piece = 50 + i});
	ask(set[0], 0);
	CHECK(answer() == MSG_REJECT, "with eleven pieces");
	finish();
}

static void who_can_pay_gets_none(void)
{
	(void)world(65536, v4, true, "d1:md6:sb_payi1ee6:sb_paydee");
	ask(set[0], 0);
	CHECK(answer() == MSG_REJECT, "it can pay");
	finish();
}

int main(void)
{
	the_set_is_told();
	its_pieces_need_no_slot();
	they_are_given_once();
	there_is_so_much_for_all();
	who_has_begun_gets_none();
	who_can_pay_gets_none();
	return CHECK_EXIT();
}
