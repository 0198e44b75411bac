/* A peer that says anything, in any portions, to a seeder, a leecher, or one
 * that knows the info hash alone (and learns the rest at some time). The
 * input is a list of steps: one byte of command, one of length, then that many
 * bytes to feed. The machine never crashes, holds what it may hold, and after
 * the end every buffer is back. */
#include "tests/wire/raw.h"

static struct sim sim;
static struct raw raw;

#define CMD_SEED 1U
#define CMD_FAST 2U
#define CMD_EXTENDED 4U
#define CMD_LATER 8U /* and over IPv4 */
#define CMD_RAW 16U  /* no handshake said for the input */
#define CMD_OUTGOING 32U
#define CMD_WAITING 64U
#define CMD_V2 128U /* of both versions; hashes missing unless it seeds */

static bool waiting; /* for its metadata */
static const struct wire_addr ipv4 = {.ip = {[10] = 0xff, 0xff, 11, 2, 3, 4},
				      .port = 1};
/* Somebody that the input may tell of. */
static const struct wire_addr told = {.ip = {[10] = 0xff, 0xff, 203, 0, 113, 1},
				      .port = 6881};

static void step(struct sim_node *n, uint8_t cmd, const uint8_t *p, size_t len)
{
	switch (cmd & 7) {
	case 0:
	case 1:
	case 2:
		raw_say(&raw, p, len);
		break;
	case 3:
		sim.now += 50 * (int64_t)len;
		(void)swarm_tick(n->s, sim.now);
		break;
	case 4:
		if (!raw.end.closed)
			raw_pull(&raw);
		raw.len = raw.at = 0;
		break;
	case 5:
		sim_answer_later(&sim, n);
		if (len == 1)
			swarm_piece_lost(n->s, sim.now, 0);
		if (len == 2)
			(void)swarm_holepunch(n->s, sim.now, &told);
		break;
	case 6:
		if (waiting && (len & 2))
			sim_know(n, NULL);
		waiting &= !(len & 2);
		swarm_set_write_blocked(n->s, sim.now, len & 1);
		(void)peer_read_quota(raw.end.p, sim.now);
		break;
	case 7: /* a whole block where it may be asked for */
		if (len >= 2 && p[0] < 3 && p[1] < (p[0] == 2 ? 1 : 2))
			raw_say_block(&raw, p[0], p[1] * PICKER_BLOCK,
				      p[0] == 2 ? 1000 : PICKER_BLOCK);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sim_node *n;
	struct peer_stats st;
	uint8_t flags;

	if (size < 1)
		return 0;
	flags = *data++;
	size--;
	sim_init(&sim, 1, 3, 2 * PICKER_BLOCK, 1000);
	if (flags & CMD_V2)
		sim_make_v2(&sim);
	sim.layer_off = !(flags & CMD_SEED);
	sim.pex = true;
	sim.waiting = waiting = (flags & CMD_WAITING) != 0;
	n = sim_add(&sim, !waiting && (flags & CMD_SEED));
	n->reads_later = (flags & CMD_LATER) != 0;
	raw_open_at(&raw, &sim, n, (flags & CMD_OUTGOING) != 0,
		    flags & CMD_LATER ? ipv4 : raw_addr());
	if (!(flags & CMD_RAW))
		raw_say_handshake(&raw, flags & CMD_FAST,
				  (flags & CMD_EXTENDED) != 0);
	while (size >= 2) {
		size_t len = data[1] < size - 2 ? data[1] : size - 2;

		step(n, data[0], data + 2, len);
		data += 2 + len;
		size -= 2 + len;
		peer_stats_get(raw.end.p, &st);
		if (st.requests_in > PEER_REQUESTS_MAX)
			abort();
	}
	raw_close(&raw);
	sim_free(&sim);
	if (check_failures)
		abort();
	return 0;
}
