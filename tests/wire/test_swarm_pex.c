#include "tests/wire/raw.h"
#include "wire/peer/holepunch.h"
#include "wire/peer/pex.h"

static struct sim sim;
static struct raw raw;
static struct pex_msg m;

#define PEX_ID 7 /* of the raw peer */
#define PUNCH_ID 8
#define S 1000

static struct sim_node *world(bool pex)
{
	sim_init(&sim, 5, 10, 4 * PICKER_BLOCK, 1000);
	sim.pex = pex;
	return sim_add(&sim, false); /* nobody has anything, all stay */
}

static void finish(void)
{
	sim_free(&sim);
}

static bool has_heard(const struct sim_node *n, unsigned of, uint8_t *flags)
{
	const struct wire_addr a = sim_addr(of);

	for (unsigned i = 0; i < n->n_pex && i < 16; i++) {
		if (!wire_addr_eq(&n->pex[i], &a))
			continue;
		*flags = n->pex_flags[i];
		return true;
	}
	return false;
}

static void peers_learn_of_each_other(void)
{
	struct sim_node *hub = world(true), *a = sim_add(&sim, false), *b;
	uint8_t flags = 0;

	sim.prefer_encryption = true;
	b = sim_add(&sim, false);
	(void)sim_connect(&sim, a, hub);
	(void)sim_connect(&sim, hub, b);
	sim_run(&sim, 4 * S);
	CHECK(has_heard(a, 2, &flags) && flags & PEX_REACHABLE &&
		      flags & PEX_HOLEPUNCH && flags & PEX_UTP &&
		      flags & PEX_PREFERS_ENCRYPTION,
	      "whom the hub had connected to: %x", flags);
	CHECK(has_heard(b, 1, &flags) &&
		      !(flags & (PEX_REACHABLE | PEX_PREFERS_ENCRYPTION)),
	      "who had come to it: %x", flags);
	CHECK(!has_heard(a, 1, &flags) && !has_heard(a, 0, &flags),
	      "neither of itself nor of who tells");
	finish();
}

static void a_private_torrent_tells_nobody(void)
{
	struct sim_node *hub = world(false), *a = sim_add(&sim, false),
			*b = sim_add(&sim, false);

	(void)sim_connect(&sim, a, hub);
	(void)sim_connect(&sim, b, hub);
	sim_run(&sim, 70 * S);
	CHECK(!a->n_pex && !b->n_pex, "told");
	finish();
}

/* A raw peer that speaks ut_pex and ut_holepunch. */
static void join_raw(struct sim_node *n)
{
	static const char hs[] = "d1:md12:ut_holepunchi8e6:ut_pexi7ee"
				 "1:pi6999ee";

	raw_open(&raw, &sim, n, false);
	raw_say_handshake(&raw, true, true);
	raw_say_ext(&raw, 0, hs, sizeof(hs) - 1);
	raw_say_id(&raw, MSG_HAVE_NONE);
}

/* What the node told the raw peer; false: nothing. */
static bool told(void)
{
	const uint8_t *bytes;
	size_t len;

	if (!raw_next_ext(&raw, PEX_ID, &bytes, &len))
		return false;
	CHECK(pex_decode(&m, bytes, len, NULL) == ERR_NONE, "decoded");
	return true;
}

static void changes_are_told_once_a_minute(void)
{
	struct sim_node *hub = world(true), *a = sim_add(&sim, false),
			*b = sim_add(&sim, false);
	const struct wire_addr at_b = sim_addr(2);
	unsigned c;

	(void)sim_connect(&sim, hub, a);
	join_raw(hub);
	sim_run(&sim, 3 * S);
	CHECK(told() && m.n_added == 1 && !m.n_dropped, "the first message");
	c = sim_connect(&sim, hub, b);
	sim_run(&sim, 56 * S);
	CHECK(!told(), "not within a minute");
	sim_run(&sim, 5 * S);
	CHECK(told() && m.n_added == 1 && !m.n_dropped &&
		      wire_addr_eq(&m.added[0].addr, &at_b),
	      "what is new");
	sim_hangup(&sim, c);
	sim_run(&sim, 62 * S);
	CHECK(told() && !m.n_added && m.n_dropped == 1 &&
		      wire_addr_eq(&m.dropped[0], &at_b),
	      "who left");
	sim_run(&sim, 62 * S);
	CHECK(!told(), "nothing is new");
	raw_close(&raw);
	finish();
}

static void who_comes_and_goes_within_a_minute_is_not_told(void)
{
	struct sim_node *hub = world(true), *a = sim_add(&sim, false),
			*b = sim_add(&sim, false);
	unsigned c;

	(void)sim_connect(&sim, hub, a);
	join_raw(hub);
	sim_run(&sim, 3 * S);
	CHECK(told(), "the first message");
	c = sim_connect(&sim, hub, b);
	sim_run(&sim, 5 * S);
	sim_hangup(&sim, c);
	sim_run(&sim, 60 * S);
	CHECK(!told(), "%u, %u", m.n_added, m.n_dropped);
	raw_close(&raw);
	finish();
}

static size_t list(uint8_t *buf, unsigned n, bool one_net, bool private)
{
	m = (struct pex_msg){.n_added = n};
	for (unsigned i = 0; i < n; i++)
		m.added[i].addr =
			(struct wire_addr){.ip = {[10] = 0xff,
						  0xff,
						  private ? 10 : 11,
						  one_net ? 0 : (uint8_t)i,
						  0,
						  (uint8_t)i},
					   .port = 6881};
	return pex_encode(buf, 8192, &m);
}

static void lists_are_bounded(void)
{
	static const struct {
		const char *name;
		unsigned said, taken, later;
		bool one_net, private;
	} rows[] = {
		{"a good one", 40, 40, 40, false, false},
		{"a long one", PEX_HEAR_MAX, PEX_TAKE_FIRST, PEX_TAKE_LATER,
		 false, false},
		{"all in one network", 40, PEX_SAME_NET, PEX_SAME_NET, true,
		 false},
		{"a network that is none of ours", 40, 0, 0, false, true},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct sim_node *hub = world(true);
		uint8_t buf[8192];
		size_t len;

		join_raw(hub);
		len = list(buf, rows[i].said, rows[i].one_net, rows[i].private);
		raw_say_ext(&raw, EXT_UT_PEX, buf, len);
		CHECK(hub->n_pex == rows[i].taken, "%s: %u", rows[i].name,
		      hub->n_pex);
		hub->n_pex = 0;
		sim_run(&sim, 60 * S);
		raw_say_ext(&raw, EXT_UT_PEX, buf, len);
		CHECK(hub->n_pex == rows[i].later, "%s, later: %u",
		      rows[i].name, hub->n_pex);
		CHECK(!raw.end.closed, "%s: closed", rows[i].name);
		raw_close(&raw);
		finish();
	}
}

static void many_ports_of_one_address_are_few_peers(void)
{
	struct sim_node *hub = world(true);
	uint8_t buf[8192];

	join_raw(hub);
	(void)list(buf, 30, true, false);
	for (unsigned i = 0; i < 30; i++) {
		m.added[i].addr.ip[15] = 1;
		m.added[i].addr.port = (uint16_t)(1000 + i);
	}
	raw_say_ext(&raw, EXT_UT_PEX, buf, pex_encode(buf, sizeof(buf), &m));
	CHECK(hub->n_pex == PEX_SAME_IP, "%u", hub->n_pex);
	raw_close(&raw);
	finish();
}

static void who_tells_too_often_is_not_heard(void)
{
	struct sim_node *hub = world(true);
	uint8_t buf[8192];
	size_t len;

	join_raw(hub);
	len = list(buf, 1, false, false);
	for (unsigned i = 0; i <= PEX_EARLY_MAX; i++)
		raw_say_ext(&raw, EXT_UT_PEX, buf, len);
	CHECK(hub->n_pex == 1 && !raw.end.closed, "ignored: %u", hub->n_pex);
	sim.now += PEX_LEAST_MS;
	raw_say_ext(&raw, EXT_UT_PEX, buf, len);
	CHECK(hub->n_pex == 2, "in time again");
	for (unsigned i = 0; i <= PEX_EARLY_MAX && !raw.end.closed; i++)
		raw_say_ext(&raw, EXT_UT_PEX, buf, len);
	CHECK(raw.end.closed && hub->last_close == PEER_CLOSE_FLOOD, "closed");
	raw_close(&raw);
	join_raw(hub);
	raw_say_ext(&raw, EXT_UT_PEX, "le", 2);
	CHECK(raw.end.closed && hub->last_close == PEER_CLOSE_PROTOCOL,
	      "nonsense");
	raw_close(&raw);
	finish();
}

static void a_torrent_may_turn_out_to_be_private(void)
{
	struct sim_node *hub = world(true), *a = sim_add(&sim, false);
	uint8_t buf[8192];
	size_t len = list(buf, 1, false, false);

	join_raw(hub);
	swarm_end_pex(hub->s);
	raw_say_ext(&raw, EXT_UT_PEX, buf, len);
	(void)sim_connect(&sim, hub, a);
	sim_run(&sim, 70 * S);
	CHECK(!hub->n_pex && !a->n_pex && !told(), "believed, or told");
	raw_close(&raw);
	finish();
}

/* ---- hole punching ---- */

static void rendezvous(const struct wire_addr *target)
{
	const struct holepunch h = {HOLEPUNCH_RENDEZVOUS, *target, 0};
	uint8_t buf[HOLEPUNCH_BYTES_MAX];

	raw_say_ext(&raw, EXT_UT_HOLEPUNCH, buf, holepunch_encode(buf, &h));
}

/* The answer's error; UINT32_MAX: none came. */
static uint32_t answer(enum holepunch_type *type)
{
	const uint8_t *bytes;
	struct holepunch h;
	size_t len;

	if (!raw_next_ext(&raw, PUNCH_ID, &bytes, &len))
		return UINT32_MAX;
	CHECK(holepunch_decode(&h, bytes, len, NULL) == ERR_NONE, "decoded");
	*type = h.type;
	return h.error;
}

static void a_relay_tells_both(void)
{
	struct sim_node *relay = world(true), *to = sim_add(&sim, false);
	const struct wire_addr at = sim_addr(1);
	struct wire_addr us = raw_addr();
	enum holepunch_type type = HOLEPUNCH_ERROR;

	(void)sim_connect(&sim, relay, to);
	join_raw(relay);
	sim_run(&sim, 2 * S);
	rendezvous(&at);
	CHECK(answer(&type) == HOLEPUNCH_OK && type == HOLEPUNCH_CONNECT,
	      "whoever asked");
	sim_run(&sim, S);
	us.port = 6999; /* where it listens */
	CHECK(to->n_punch == 1 && wire_addr_eq(&to->punch, &us), "the target");
	raw_close(&raw);
	finish();
}

static void what_cannot_be_relayed_is_told(void)
{
	struct sim_node *relay = world(true), *mute;
	const struct wire_addr nowhere = {.port = 1}, away = sim_addr(9),
			       there = sim_addr(1);
	struct wire_addr us = raw_addr();
	enum holepunch_type type = HOLEPUNCH_CONNECT;

	sim.pex = false; /* nor hole punching */
	mute = sim_add(&sim, false);
	(void)sim_connect(&sim, relay, mute);
	join_raw(relay);
	sim_run(&sim, 2 * S);
	us.port = 6999;
	rendezvous(&nowhere);
	CHECK(answer(&type) == HOLEPUNCH_NO_SUCH_PEER &&
		      type == HOLEPUNCH_ERROR,
	      "no address");
	rendezvous(&us);
	CHECK(answer(&type) == HOLEPUNCH_NO_SUCH_PEER, "itself");
	rendezvous(&away);
	CHECK(answer(&type) == HOLEPUNCH_NOT_CONNECTED, "not connected");
	rendezvous(&there);
	CHECK(answer(&type) == HOLEPUNCH_NO_SUPPORT, "does not speak it");
	CHECK(!mute->n_punch, "nothing was said to it");
	raw_close(&raw);
	finish();
}

static void a_relay_does_not_amplify(void)
{
	struct sim_node *relay = world(true), *to = sim_add(&sim, false);
	const struct wire_addr at = sim_addr(1);
	enum holepunch_type type;
	unsigned n = 0;

	(void)sim_connect(&sim, relay, to);
	join_raw(relay);
	sim_run(&sim, 2 * S);
	for (unsigned i = 0; i < 100; i++)
		rendezvous(&at);
	while (answer(&type) != UINT32_MAX)
		n++;
	sim_run(&sim, S);
	CHECK(n == PUNCH_BURST && to->n_punch <= PUNCH_BURST, "%u, %u", n,
	      to->n_punch);
	sim_run(&sim, PUNCH_EVERY_MS);
	rendezvous(&at);
	CHECK(answer(&type) == HOLEPUNCH_OK, "later");
	CHECK(!raw.end.closed, "closed");
	raw_close(&raw);
	finish();
}

static void who_does_not_speak_it_is_not_answered(void)
{
	struct sim_node *relay = world(true);
	const struct wire_addr away = sim_addr(9);
	enum holepunch_type type;

	raw_open(&raw, &sim, relay, false);
	raw_say_handshake(&raw, true, true);
	raw_say_ext(&raw, 0, "d1:mdee", 7);
	rendezvous(&away);
	CHECK(answer(&type) == UINT32_MAX && !raw.end.closed, "silence");
	raw_close(&raw);
	finish();
}

static void connecting_is_asked_of_who_told(void)
{
	struct sim_node *n = world(true);
	struct wire_addr target;
	const uint8_t *bytes;
	struct holepunch h;
	uint8_t buf[8192];
	size_t len;

	join_raw(n);
	(void)list(buf, 1, false, false);
	m.added[0].flags = PEX_HOLEPUNCH;
	target = m.added[0].addr;
	CHECK(!swarm_holepunch(n->s, sim.now, &target), "nobody told of it");
	raw_say_ext(&raw, EXT_UT_PEX, buf, pex_encode(buf, sizeof(buf), &m));
	CHECK(swarm_holepunch(n->s, sim.now, &target), "now");
	CHECK(raw_next_ext(&raw, PUNCH_ID, &bytes, &len) &&
		      holepunch_decode(&h, bytes, len, NULL) == ERR_NONE &&
		      h.type == HOLEPUNCH_RENDEZVOUS &&
		      wire_addr_eq(&h.addr, &target),
	      "said");
	CHECK(!swarm_holepunch(n->s, sim.now, &target), "once");
	h.type = HOLEPUNCH_CONNECT;
	raw_say_ext(&raw, EXT_UT_HOLEPUNCH, buf, holepunch_encode(buf, &h));
	CHECK(n->n_punch == 1 && wire_addr_eq(&n->punch, &target), "told");
	h.addr.ip[12] = 10;
	raw_say_ext(&raw, EXT_UT_HOLEPUNCH, buf, holepunch_encode(buf, &h));
	CHECK(n->n_punch == 1, "not into a private network");
	raw_close(&raw);
	finish();
}

int main(void)
{
	peers_learn_of_each_other();
	a_private_torrent_tells_nobody();
	changes_are_told_once_a_minute();
	who_comes_and_goes_within_a_minute_is_not_told();
	lists_are_bounded();
	many_ports_of_one_address_are_few_peers();
	who_tells_too_often_is_not_heard();
	a_torrent_may_turn_out_to_be_private();
	a_relay_tells_both();
	what_cannot_be_relayed_is_told();
	a_relay_does_not_amplify();
	who_does_not_speak_it_is_not_answered();
	connecting_is_asked_of_who_told();
	return CHECK_EXIT();
}
