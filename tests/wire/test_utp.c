/* uTP's rules, one packet at a time: the test is the other side. */
#include "tests/wire/utp_rig.h"

#define ID 0x7000
#define SEQ 65530 /* of our SYN: soon to wrap */
#define MINUTE 60000000

/* The other side of one connection of side 1, made by hand. */
struct raw {
	struct rig *r;
	struct rig_end *e; /* who it talks to */
	uint16_t id;	   /* that we send by */
	uint16_t seq, ack; /* our next; their last */
	uint32_t window;
	uint32_t answered_us; /* stamp of their answer to our SYN */
};

static struct utp_packet heard(const struct rig *r, unsigned side)
{
	struct utp_packet p = {.type = UTP_SYN};

	if (r->last_len[side] >= UTP_HEAD)
		CHECK(utp_packet_decode(
			      &p, r->last[side], r->last[side] + UTP_HEAD,
			      r->last_len[side] - UTP_HEAD, NULL) == ERR_NONE,
		      "cannot be read");
	return p;
}

static void say_packet(struct rig *r, unsigned to, const struct utp_packet *p)
{
	uint8_t buf[UTP_STATE_MAX + 2048];
	struct utp_packet q = *p;
	size_t len;

	q.stamp_us = (uint32_t)r->now;
	len = utp_packet_encode(buf, sizeof(buf), &q);
	if (p->len)
		memcpy(buf + len, p->payload, p->len);
	rig_input(r, to, buf, len + p->len);
	rig_settle(r);
}

static void say(struct raw *k, enum utp_type type, uint16_t seq, uint16_t ack,
		const uint8_t *payload, size_t len)
{
	const struct utp_packet p = {.type = type,
				     .id = k->id,
				     .seq = seq,
				     .ack = ack,
				     .window = k->window,
				     .payload = payload,
				     .len = len};

	say_packet(k->r, k->e->side, &p);
}

/* `n` bytes of the pattern, from byte `at` of the stream on. */
static void say_data(struct raw *k, uint16_t seq, uint64_t at, size_t n)
{
	say(k, UTP_DATA, seq, k->ack, k->r->pattern + at % RIG_PERIOD, n);
}

static struct raw raw_new(void)
{
	struct raw k = {.r = rig_new(5), .window = 1 << 20};

	k.r->cut[0] = k.r->cut[1] = true;
	k.e = rig_end_new(k.r, 1, 0);
	return k;
}

/* A connection that we have opened to side 1; nothing was said in it yet. */
static struct raw raw_half(void)
{
	struct raw k = raw_new();

	k.id = ID;
	say(&k, UTP_SYN, SEQ, 0, NULL, 0);
	k.id = ID + 1;
	k.seq = SEQ + 1;
	k.ack = (uint16_t)(heard(k.r, 1).seq - 1);
	k.answered_us = heard(k.r, 1).stamp_us;
	return k;
}

static struct raw raw_open(void)
{
	struct raw k = raw_half();

	say_data(&k, k.seq++, 0, 1);
	CHECK(k.e->accepted && k.e->received == 1, "no connection");
	return k;
}

static struct raw raw_closing(void)
{
	struct raw k = raw_open();

	utp_conn_close(k.e->conn);
	k.e->conn = NULL;
	k.e->closed = true;
	rig_settle(k.r);
	CHECK(heard(k.r, 1).type == UTP_FIN, "no FIN was said");
	return k;
}

/* One that side 0 has begun and that nobody has answered. */
static struct raw raw_syn_sent(void)
{
	struct raw k = {.r = rig_new(5), .window = 1 << 20};
	struct utp_packet syn;

	k.r->cut[0] = k.r->cut[1] = true;
	k.e = rig_pair(k.r, 0, 0);
	rig_settle(k.r);
	syn = heard(k.r, 0);
	CHECK(syn.type == UTP_SYN, "no SYN was said");
	k.id = syn.id;
	k.seq = SEQ;
	k.ack = syn.seq;
	return k;
}

/* ---- the table of DESIGN.md ---- */

enum what { SYN, STATE, DATA, FIN, RESET, CLOSE, SILENCE };

static void happen(struct raw *k, enum what what)
{
	static const uint8_t byte = 7;
	struct rig *r = k->r;

	switch (what) {
	case SYN:
		k->id--;
		say(k, UTP_SYN, SEQ, 0, NULL, 0);
		k->id++;
		break;
	case STATE:
		say(k, UTP_STATE, k->seq, k->ack, NULL, 0);
		break;
	case DATA:
		say(k, UTP_DATA, k->seq, k->ack, &byte, 1);
		break;
	case FIN:
		say(k, UTP_FIN, k->seq, k->ack, NULL, 0);
		break;
	case RESET:
		say(k, UTP_RESET, 0, k->ack, NULL, 0);
		break;
	case CLOSE:
		if (k->e->conn)
			utp_conn_close(k->e->conn);
		rig_settle(r);
		break;
	case SILENCE:
		rig_run(r, 3LL * MINUTE);
		break;
	}
}

static void every_state_meets_every_event(void)
{
	enum { IN_HALF, IN_SYN_SENT, IN_OPEN, IN_CLOSING };
	enum { NOTHING = -1 };
	/* what is there afterwards; what it says, if anything */
	static const struct {
		int state;
		enum what what;
		unsigned conns;
		bool connected, closed;
		int says;
	} rows[] = {
		{IN_HALF, SYN, 0, false, false, UTP_STATE},
		{IN_HALF, STATE, 1, true, false, NOTHING},
		{IN_HALF, DATA, 1, true, false, UTP_STATE},
		{IN_HALF, FIN, 1, true, true, UTP_FIN},
		{IN_HALF, RESET, 0, false, false, NOTHING},
		{IN_HALF, CLOSE, 0, false, false, NOTHING},
		{IN_HALF, SILENCE, 0, false, false, NOTHING},
		{IN_SYN_SENT, SYN, 1, false, false, NOTHING},
		{IN_SYN_SENT, STATE, 1, true, false, NOTHING},
		{IN_SYN_SENT, DATA, 1, false, false, NOTHING},
		{IN_SYN_SENT, FIN, 1, false, false, NOTHING},
		{IN_SYN_SENT, RESET, 0, false, true, NOTHING},
		{IN_SYN_SENT, CLOSE, 0, false, false, NOTHING},
		{IN_SYN_SENT, SILENCE, 0, false, true, UTP_SYN},
		{IN_OPEN, SYN, 1, true, false, UTP_STATE},
		{IN_OPEN, STATE, 1, true, false, NOTHING},
		{IN_OPEN, DATA, 1, true, false, UTP_STATE},
		{IN_OPEN, FIN, 1, true, true, UTP_FIN},
		{IN_OPEN, RESET, 0, true, true, NOTHING},
		{IN_OPEN, CLOSE, 1, true, false, UTP_FIN},
		{IN_OPEN, SILENCE, 1, true, false, UTP_STATE},
		{IN_CLOSING, SYN, 1, true, true, UTP_STATE},
		{IN_CLOSING, STATE, 1, true, true, NOTHING},
		{IN_CLOSING, DATA, 1, true, true, UTP_STATE},
		{IN_CLOSING, FIN, 1, true, true, UTP_STATE},
		{IN_CLOSING, RESET, 0, true, true, NOTHING},
		{IN_CLOSING, CLOSE, 1, true, true, NOTHING},
		{IN_CLOSING, SILENCE, 0, true, true, UTP_RESET},
	};
	static struct raw (*const make[])(void) = {raw_half, raw_syn_sent,
						   raw_open, raw_closing};
	static const char *const states[] = {"half", "syn sent", "open",
					     "closing"};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct raw k = make[rows[i].state]();
		unsigned side = k.e->side;
		uint64_t before = k.r->packets[side];
		struct utp_packet p;

		happen(&k, rows[i].what);
		CHECK(utp_count(k.r->u[side]) == rows[i].conns &&
			      k.e->connected == rows[i].connected &&
			      k.e->closed == rows[i].closed,
		      "%s, event %d: %u connections, connected %d, closed %d",
		      states[rows[i].state], rows[i].what,
		      utp_count(k.r->u[side]), k.e->connected, k.e->closed);
		p = heard(k.r, side);
		CHECK(k.r->packets[side] == before
			      ? rows[i].says == NOTHING
			      : rows[i].says == (int)p.type,
		      "%s, event %d: says %u", states[rows[i].state],
		      rows[i].what, p.type);
		rig_free(k.r);
	}
}

/* ---- who may end a connection ---- */

static void a_reset_needs_ids_and_a_number(void)
{
	static const struct {
		const char *name;
		int id, ack; /* more than the right ones */
		bool ends;
	} rows[] = {
		{"as it should be", 0, 0, true},
		{"by the id that we receive by", -1, 0, true},
		{"another id", 5, 0, false},
		{"a number never sent", 0, 2, false},
		{"a number long acked", 0, -1, false},
		{"half the space away", 0, 32768, false},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct raw k = raw_open();

		k.id = (uint16_t)(k.id + rows[i].id);
		say(&k, UTP_RESET, 1, (uint16_t)(k.ack + rows[i].ack), NULL, 0);
		CHECK(k.e->closed == rows[i].ends &&
			      (!k.e->closed || k.e->why == UTP_CLOSE_RESET),
		      "%s", rows[i].name);
		rig_free(k.r);
	}
}

static void only_the_one_asked_answers_a_syn(void)
{
	struct raw k = raw_syn_sent();

	say(&k, UTP_STATE, k.seq, (uint16_t)(k.ack + 1), NULL, 0);
	say(&k, UTP_STATE, k.seq, (uint16_t)(k.ack - 1), NULL, 0);
	CHECK(!k.e->connected, "it took a number that was never told");
	say(&k, UTP_STATE, k.seq, k.ack, NULL, 0);
	CHECK(k.e->connected, "the right one is not taken");
	rig_free(k.r);
}

/* ---- acks ---- */

/* Ten packets of 100 bytes on their way. */
static void send_ten(struct raw *k)
{
	for (unsigned n = 0; n < 10; n++) {
		k->e->to_send += 100;
		utp_conn_want_write(k->e->conn);
		rig_settle(k->r);
	}
}

static void only_what_was_sent_is_acked(void)
{
	static const struct {
		const char *name;
		int ack; /* more than the first that is not acked, less 1 */
		uint8_t sack[4];
		uint32_t flight; /* left of 10 packets */
	} rows[] = {
		{"nothing new", 0, {0}, 10},
		{"three", 3, {0}, 7},
		{"all", 10, {0}, 0},
		{"one more than all", 11, {0}, 10},
		{"many more", 5000, {0}, 10},
		{"from long ago", -6000, {0}, 10},
		{"the second and the fourth by name", 0, {0x05}, 8},
		{"all of the rest by name", 1, {0xff}, 1},
		{"by name what was not sent", 9, {0xff}, 1},
		{"by name far beyond", 0, {0, 0, 0, 0x80}, 10},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct raw k = raw_open();
		struct utp_stats s;
		struct utp_packet p = {.type = UTP_STATE,
				       .id = k.id,
				       .seq = k.seq,
				       .ack = (uint16_t)(k.ack + rows[i].ack),
				       .window = k.window,
				       .sack = rows[i].sack};

		send_ten(&k);
		p.sack_len = rows[i].sack[0] || rows[i].sack[3] ? 4 : 0;
		k.r->busy = 100; /* so nothing is sent again meanwhile */
		say_packet(k.r, 1, &p);
		utp_conn_stats(k.e->conn, &s);
		CHECK(1000 - s.bytes_acked == rows[i].flight * 100,
		      "%s: %llu bytes acked", rows[i].name,
		      (unsigned long long)s.bytes_acked);
		rig_free(k.r);
	}
}

/* It acks all at once, whether it can have arrived or not. */
static void who_acks_what_cannot_have_arrived_is_left(void)
{
	struct raw k = raw_open();

	k.e->to_send = 1ULL << 30;
	utp_conn_want_write(k.e->conn);
	rig_settle(k.r);
	for (unsigned n = 0; n < 100000 && !k.e->closed; n++) {
		k.r->now += 1000;
		say(&k, UTP_STATE, k.seq, heard(k.r, 1).seq, NULL, 0);
	}
	CHECK(k.e->closed && k.e->why == UTP_CLOSE_LIED, "after %llu packets",
	      (unsigned long long)k.r->packets[1]);
	CHECK(k.r->packets[1] <= 2 * UTP_HOLD_EVERY + UTP_FLIGHT_PACKETS,
	      "%llu packets", (unsigned long long)k.r->packets[1]);
	rig_free(k.r);
}

static void say_sack(struct raw *k, uint8_t bits)
{
	const struct utp_packet p = {.type = UTP_STATE,
				     .id = k->id,
				     .seq = k->seq,
				     .ack = k->ack,
				     .window = k->window,
				     .sack = (uint8_t[4]){bits},
				     .sack_len = 4};

	say_packet(k->r, k->e->side, &p);
}

/* And the window is halved, once for all that was on its way. */
static void what_three_have_overtaken_is_lost(void)
{
	struct raw k = raw_open();
	struct utp_stats s;
	uint32_t cwnd;

	send_ten(&k);
	utp_conn_stats(k.e->conn, &s);
	cwnd = s.cwnd;
	say_sack(&k, 0x03); /* of ten the second and the third */
	utp_conn_stats(k.e->conn, &s);
	CHECK(s.packets_resent == 0 && s.cwnd >= cwnd, "two were enough");
	say_sack(&k, 0x07);
	utp_conn_stats(k.e->conn, &s);
	CHECK(s.packets_resent == 1 && s.losses == 1 && s.cwnd <= cwnd / 2 &&
		      heard(k.r, 1).seq == (uint16_t)(k.ack + 1),
	      "%llu sent again, window %u of %u",
	      (unsigned long long)s.packets_resent, s.cwnd, cwnd);
	cwnd = s.cwnd;
	say_sack(&k, 0xe7); /* the fifth and sixth, too */
	utp_conn_stats(k.e->conn, &s);
	CHECK(s.losses == 3 && s.cwnd >= cwnd, "%llu losses, window %u of %u",
	      (unsigned long long)s.losses, s.cwnd, cwnd);
	rig_free(k.r);
}

/* Nobody can tell which of the two is acked (Karn). */
static void a_packet_sent_twice_measures_nothing(void)
{
	struct raw k = raw_open();
	struct utp_stats s;

	k.e->to_send = 100;
	utp_conn_want_write(k.e->conn);
	rig_run(k.r, 20000);
	say(&k, UTP_STATE, k.seq, ++k.ack, NULL, 0);
	utp_conn_stats(k.e->conn, &s);
	CHECK(s.srtt_us == 20000, "%lld us", (long long)s.srtt_us);
	k.e->to_send = 200;
	utp_conn_want_write(k.e->conn);
	rig_run(k.r, 3000000);
	say(&k, UTP_STATE, k.seq, ++k.ack, NULL, 0);
	utp_conn_stats(k.e->conn, &s);
	CHECK(s.srtt_us == 20000 && s.bytes_acked == 200 &&
		      s.packets_resent > 0,
	      "%lld us", (long long)s.srtt_us);
	rig_free(k.r);
}

static void three_acks_of_the_same_bring_it_again(void)
{
	struct raw k = raw_open();
	struct utp_stats s;

	for (unsigned n = 0; n < 6; n++) {
		k.e->to_send += 100;
		utp_conn_want_write(k.e->conn);
		rig_settle(k.r);
	}
	for (unsigned n = 0; n < 2; n++)
		say(&k, UTP_STATE, k.seq, k.ack, NULL, 0);
	utp_conn_stats(k.e->conn, &s);
	CHECK(s.packets_resent == 0, "too early");
	say(&k, UTP_STATE, k.seq, k.ack, NULL, 0);
	CHECK(heard(k.r, 1).seq == (uint16_t)(k.ack + 1), "not sent again");
	for (unsigned n = 0; n < 50; n++)
		say(&k, UTP_STATE, k.seq, k.ack, NULL, 0);
	utp_conn_stats(k.e->conn, &s);
	CHECK(s.packets_resent == 1 && s.losses == 1,
	      "%llu sent again, %llu losses",
	      (unsigned long long)s.packets_resent,
	      (unsigned long long)s.losses);
	rig_free(k.r);
}

/* ---- windows ---- */

static void no_window_is_believed_too_much(void)
{
	struct raw k = raw_half();
	struct utp_stats s;

	k.window = UINT32_MAX;
	say_data(&k, k.seq++, 0, 1);
	k.e->to_send = 1 << 30;
	utp_conn_want_write(k.e->conn);
	/* it is left before long, as one that acks too much */
	for (unsigned i = 0; i < 20000 && !k.e->closed; i++) {
		struct utp_packet last = heard(k.r, 1);

		utp_conn_stats(k.e->conn, &s);
		CHECK(s.cwnd <= UTP_FLIGHT_BYTES &&
			      s.flight <= UTP_FLIGHT_BYTES,
		      "window %u, %u on their way", s.cwnd, s.flight);
		rig_run(k.r, 1000);
		if (last.type == UTP_DATA)
			say(&k, UTP_STATE, k.seq, last.seq, NULL, 0);
	}
	CHECK(s.cwnd > UTP_FLIGHT_BYTES / 2 && k.e->sent > 1 << 20,
	      "only %llu were sent, window %u", (unsigned long long)k.e->sent,
	      s.cwnd);
	rig_free(k.r);
}

/* Every now and then one packet is sent into it, ever less often; when it
 * opens all goes on. */
static void a_shut_window_is_asked_about(void)
{
	struct raw k = raw_half();
	struct utp_stats s;

	k.window = 0;
	say_data(&k, k.seq++, 0, 1);
	k.e->to_send = 100000;
	utp_conn_want_write(k.e->conn);
	rig_settle(k.r);
	CHECK(k.e->sent == 0, "%llu sent into it",
	      (unsigned long long)k.e->sent);
	for (unsigned i = 0; i < 120; i++) {
		rig_run(k.r, 1000000);
		say(&k, UTP_STATE, k.seq, k.ack, NULL, 0);
	}
	utp_conn_stats(k.e->conn, &s);
	CHECK(!k.e->closed && s.packets_sent >= 4 && s.packets_sent <= 12,
	      "%llu packets", (unsigned long long)s.packets_sent);
	k.window = 1 << 20;
	for (unsigned i = 0; i < 1000 && k.e->sent < 100000; i++) {
		rig_run(k.r, 40000);
		k.ack = heard(k.r, 1).type == UTP_DATA ? heard(k.r, 1).seq
						       : k.ack;
		say(&k, UTP_STATE, k.seq, k.ack, NULL, 0);
	}
	CHECK(k.e->sent == 100000, "%llu sent when it opened",
	      (unsigned long long)k.e->sent);
	rig_free(k.r);
}

/* One that sends on though our window is shut. */
static void who_ignores_our_window_fills_nothing(void)
{
	struct raw k = raw_open();
	struct utp_stats s;

	k.e->quota = 0;
	for (unsigned i = 0; i < 3000; i++)
		say_data(&k, k.seq++, 1 + i * 1000, 1000);
	utp_conn_stats(k.e->conn, &s);
	CHECK(s.held <= UTP_WINDOW + 65536 + 1000 && s.dropped_in > 1500,
	      "%u held, %llu dropped", s.held,
	      (unsigned long long)s.dropped_in);
	CHECK(heard(k.r, 1).window == 0, "told %u", heard(k.r, 1).window);
	k.e->quota = SIZE_MAX;
	utp_conn_want_read(k.e->conn);
	rig_settle(k.r);
	CHECK(k.e->received > UTP_WINDOW / 2 && k.e->wrong == 0,
	      "%llu read, %llu wrong", (unsigned long long)k.e->received,
	      (unsigned long long)k.e->wrong);
	CHECK(heard(k.r, 1).window >= UTP_WINDOW / 2,
	      "nobody is told that it opened: %u", heard(k.r, 1).window);
	rig_free(k.r);
}

/* ---- what arrives ---- */

static void what_comes_early_has_bounds(void)
{
	struct raw k = raw_open();
	struct utp_stats s;

	for (unsigned i = 1; i <= UTP_REORDER_PACKETS; i++)
		say_data(&k, (uint16_t)(k.seq + i), 1 + i * 1000, 1000);
	utp_conn_stats(k.e->conn, &s);
	CHECK(s.held <= UTP_WINDOW && k.e->received == 1, "%u held, %llu read",
	      s.held, (unsigned long long)k.e->received);
	CHECK(heard(k.r, 1).sack_len > 0, "no selective ack");
	say_data(&k, (uint16_t)(k.seq + UTP_REORDER_PACKETS), 1, 1);
	say_data(&k, (uint16_t)(k.seq + 30000), 1, 1);
	say_data(&k, (uint16_t)(k.seq - 30000), 1, 1);
	CHECK(!k.e->closed && k.e->received == 1, "a number far away");
	say_data(&k, k.seq, 1, 1000);
	utp_conn_stats(k.e->conn, &s);
	CHECK(s.held == 0 && k.e->received > 1000000 && k.e->wrong == 0,
	      "%u still held, %llu read", s.held,
	      (unsigned long long)k.e->received);
	rig_free(k.r);
}

static void a_copy_is_acked_and_not_read_twice(void)
{
	struct raw k = raw_open();
	uint64_t before = k.r->packets[1];
	struct utp_stats s;

	for (unsigned i = 0; i < 3; i++)
		say_data(&k, (uint16_t)(k.seq - 1), 0, 1);
	for (unsigned i = 0; i < 3; i++) /* and one that came early */
		say_data(&k, (uint16_t)(k.seq + 1), 11, 10);
	say_data(&k, k.seq, 1, 10);
	utp_conn_stats(k.e->conn, &s);
	CHECK(k.e->received == 21 && k.e->wrong == 0 && s.duplicates_in == 5,
	      "%llu read, %llu copies", (unsigned long long)k.e->received,
	      (unsigned long long)s.duplicates_in);
	CHECK(k.r->packets[1] - before == 7, "%llu acks",
	      (unsigned long long)(k.r->packets[1] - before));
	rig_free(k.r);
}

static void an_ack_waits_for_the_socket(void)
{
	struct raw k = raw_open();
	uint64_t before = k.r->packets[1];

	k.r->busy = 1;
	say_data(&k, k.seq++, 1, 10);
	CHECK(k.r->packets[1] == before, "it was not busy");
	utp_writable(k.r->u[1]);
	rig_settle(k.r);
	CHECK(k.r->packets[1] == before + 1 &&
		      heard(k.r, 1).ack == (uint16_t)(k.seq - 1),
	      "the ack is lost");
	rig_free(k.r);
}

static void the_end_is_where_fin_says(void)
{
	static const struct {
		const char *name;
		struct {
			enum utp_type type;
			int at; /* from the next on */
			size_t len;
		} say[4];
		unsigned n;
		uint64_t received; /* beside the first byte */
		bool closed;
	} rows[] = {
		{"FIN alone", {{UTP_FIN, 0, 0}}, 1, 0, true},
		{"FIN with the last bytes", {{UTP_FIN, 0, 30}}, 1, 30, true},
		{"FIN before what it ends",
		 {{UTP_FIN, 1, 0}, {UTP_DATA, 0, 30}},
		 2,
		 30,
		 true},
		{"FIN whose bytes are missing", {{UTP_FIN, 1, 0}}, 1, 0, false},
		{"bytes behind it",
		 {{UTP_FIN, 1, 0}, {UTP_DATA, 2, 30}, {UTP_DATA, 0, 30}},
		 3,
		 30,
		 true},
		{"another FIN behind it",
		 {{UTP_FIN, 1, 0}, {UTP_FIN, 2, 0}, {UTP_DATA, 0, 30}},
		 3,
		 30,
		 true},
		{"a FIN before bytes that are here",
		 {{UTP_DATA, 2, 30}, {UTP_FIN, 1, 0}, {UTP_DATA, 0, 30}},
		 3,
		 30,
		 false},
		{"data where FIN was",
		 {{UTP_FIN, 1, 0}, {UTP_DATA, 1, 30}, {UTP_DATA, 0, 30}},
		 3,
		 30,
		 true},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct raw k = raw_open();

		for (unsigned n = 0; n < rows[i].n; n++)
			say(&k, rows[i].say[n].type,
			    (uint16_t)(k.seq + rows[i].say[n].at), k.ack,
			    k.r->pattern + 1, rows[i].say[n].len);
		CHECK(k.e->received == 1 + rows[i].received &&
			      k.e->closed == rows[i].closed &&
			      (!k.e->closed || k.e->why == UTP_CLOSE_FIN),
		      "%s: %llu read, closed %d", rows[i].name,
		      (unsigned long long)k.e->received, k.e->closed);
		rig_free(k.r);
	}
}

/* ---- who knocks ---- */

static void a_syn_is_worth_one_small_packet(void)
{
	struct raw k = raw_new();

	k.id = ID;
	for (unsigned i = 0; i < 100; i++)
		say(&k, UTP_SYN, SEQ, 0, NULL, 0);
	rig_run(k.r, MINUTE);
	CHECK(k.r->packets[1] == UTP_SYN_ANSWERS &&
		      k.r->bytes[1] == UTP_SYN_ANSWERS * UTP_HEAD,
	      "%llu packets, %llu bytes", (unsigned long long)k.r->packets[1],
	      (unsigned long long)k.r->bytes[1]);
	CHECK(!k.e->connected && utp_count(k.r->u[1]) == 0,
	      "a SYN alone made a connection");
	rig_free(k.r);
}

static void flood(struct raw *k, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++) {
		struct utp_path path = rig_path(1);
		struct utp_packet p = {
			.type = UTP_SYN, .id = (uint16_t)i, .seq = (uint16_t)i};
		uint8_t buf[UTP_HEAD];
		struct span rest = {.p = buf + UTP_HEAD};

		(void)utp_packet_encode(buf, sizeof(buf), &p);
		path.to.ip[13] = (uint8_t)(i >> 8);
		path.to.ip[14] = (uint8_t)i;
		utp_input(k->r->u[1], ++k->r->now, &path, buf, &rest);
	}
}

/* From many addresses that are not the sender's own: as many as there are
 * places may come between its SYN and its answer. */
static void a_flood_of_syns_shuts_nobody_out(void)
{
	struct raw k = raw_new();

	k.id = ID;
	flood(&k, 1, 5000);
	say(&k, UTP_SYN, SEQ, 0, NULL, 0);
	k.id = ID + 1;
	k.seq = SEQ + 1;
	k.ack = (uint16_t)(heard(k.r, 1).seq - 1);
	flood(&k, 5000, 5000 + UTP_HALF_OPEN - 1);
	CHECK(utp_count(k.r->u[1]) == 0, "a SYN alone made a connection");
	say_data(&k, k.seq, 0, 1);
	CHECK(k.e->connected, "it is shut out");
	rig_free(k.r);
}

static void one_address_has_its_share_of_half_open(void)
{
	struct raw other = raw_half(), k = other;
	struct utp_path from = rig_path(1);
	struct utp_packet p = {.type = UTP_SYN};
	uint8_t buf[UTP_HEAD];
	struct span rest = {.p = buf + UTP_HEAD};

	from.to.ip[15] = 99;
	for (unsigned i = 0; i < 5000; i++) {
		p.id = p.seq = (uint16_t)i;
		(void)utp_packet_encode(buf, sizeof(buf), &p);
		utp_input(k.r->u[1], rig_clock(k.r, 1) + 1 + i, &from, buf,
			  &rest);
	}
	say_data(&k, k.seq, 0, 1);
	CHECK(k.e->connected, "it took the place of another address");
	rig_free(k.r);
}

/* All numbers that there are, by one who cannot hear: then by one who can. */
static void who_guesses_gets_in_nowhere(void)
{
	struct raw k = raw_half();
	struct utp_packet p = {.type = UTP_DATA,
			       .id = k.id,
			       .seq = k.seq,
			       .window = k.window,
			       .payload = k.r->pattern,
			       .len = 1};

	k.r->now += 5000;
	for (uint32_t i = 1; i <= 65536; i++) {
		p.ack = (uint16_t)(k.ack + i);
		p.delay_us = i * 2654435761U; /* of a clock that it never saw */
		say_packet(k.r, k.e->side, &p);
	}
	CHECK(!k.e->connected, "a guess was let in");
	CHECK(k.r->packets[1] <= 1 + UTP_RESETS_A_SECOND &&
		      k.r->bytes[1] <= (1 + UTP_RESETS_A_SECOND) * UTP_HEAD,
	      "%llu packets in answer", (unsigned long long)k.r->packets[1]);
	p.ack = k.ack;
	p.delay_us = (uint32_t)k.r->now - k.answered_us;
	say_packet(k.r, k.e->side, &p);
	CHECK(k.e->connected, "who had our answer is shut out");
	rig_free(k.r);
}

/* A wrong number or two are no attack: a clock is not asked for. */
static void a_first_packet_without_a_delay_is_taken(void)
{
	struct raw k = raw_half();

	for (unsigned i = 1; i <= UTP_GUESSES; i++)
		say(&k, UTP_DATA, k.seq, (uint16_t)(k.ack + i),
		    (const uint8_t *)"x", 1);
	CHECK(!k.e->connected, "a wrong number was let in");
	say_data(&k, k.seq, 0, 1);
	CHECK(k.e->connected, "the right one is shut out");
	rig_free(k.r);
}

static void who_is_refused_is_told(void)
{
	struct rig *r = rig_new(9);
	struct rig_end *e;

	r->refuse = true;
	e = rig_pair(r, 10, 10);
	rig_run(r, 2000000);
	CHECK(e->connected && e->closed && e->why == UTP_CLOSE_RESET,
	      "connected %d, closed %d", e->connected, e->closed);
	CHECK(utp_count(r->u[0]) == 0 && utp_count(r->u[1]) == 0, "left over");
	rig_free(r);
}

/* ---- silence ---- */

static void nobody_is_waited_for_without_end(void)
{
	struct raw k = raw_syn_sent();
	struct rig_end *e = k.e;

	rig_run(k.r, 20000000);
	CHECK(e->closed && e->why == UTP_CLOSE_TIMEOUT && !e->connected &&
		      k.r->packets[0] == UTP_SYN_TRIES,
	      "a SYN: closed %d after %llu", e->closed,
	      (unsigned long long)k.r->packets[0]);
	rig_free(k.r);

	k = raw_open();
	k.e->to_send = 1 << 20;
	utp_conn_want_write(k.e->conn);
	rig_run(k.r, 4LL * MINUTE);
	CHECK(k.e->closed && k.e->why == UTP_CLOSE_TIMEOUT, "data: closed %d",
	      k.e->closed);
	CHECK(k.r->packets[1] < 40, "%llu packets to nobody",
	      (unsigned long long)k.r->packets[1]);
	rig_free(k.r);
}

/* It says something now and then, and acks nothing. */
static void who_never_acks_is_left(void)
{
	struct raw k = raw_open();

	k.e->to_send = 1 << 20;
	utp_conn_want_write(k.e->conn);
	for (unsigned i = 0; i < 40 && !k.e->closed; i++) {
		rig_run(k.r, MINUTE / 2);
		if (!k.e->closed)
			say(&k, UTP_STATE, k.seq, k.ack, NULL, 0);
	}
	CHECK(k.e->closed && k.e->why == UTP_CLOSE_TIMEOUT, "held for good");
	rig_free(k.r);
}

static void a_quiet_connection_keeps_its_mapping(void)
{
	struct raw k = raw_open();
	uint64_t before = k.r->packets[1];

	rig_run(k.r, 5LL * MINUTE);
	CHECK(!k.e->closed && k.r->packets[1] - before == 10, "%llu packets",
	      (unsigned long long)(k.r->packets[1] - before));
	rig_free(k.r);
}

/* ---- the end ---- */

static void what_was_handed_over_still_arrives(void)
{
	static const struct {
		const char *name;
		uint32_t loss;
		uint64_t bytes;
	} rows[] = {{"nothing", 0, 0},
		    {"a little", 0, 5000},
		    {"much", 0, 1 << 20},
		    {"over a bad path", 50000, 200000}};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct rig *r = rig_new(200 + i);
		struct rig_end *e = rig_pair(r, 1 + rows[i].bytes, 0);

		r->net[0].loss = r->net[1].loss = rows[i].loss;
		e->close_when_sent = true;
		rig_run(r, 15000000); /* before it is given up */
		CHECK(r->ends[1].received == 1 + rows[i].bytes &&
			      r->ends[1].closed &&
			      r->ends[1].why == UTP_CLOSE_FIN,
		      "%s: %llu read, closed %d", rows[i].name,
		      (unsigned long long)r->ends[1].received,
		      r->ends[1].closed);
		CHECK(utp_count(r->u[0]) == 0 && utp_count(r->u[1]) == 0,
		      "%s: %u and %u left over", rows[i].name,
		      utp_count(r->u[0]), utp_count(r->u[1]));
		rig_free(r);
	}
}

static void closing_in_a_callback_is_fine(void)
{
	struct rig *r = rig_new(210);
	struct rig_end *e = rig_pair(r, 1 << 20, 1 << 20);

	r->net[0].jitter_us = r->net[1].jitter_us = 2000;
	r->ends[1].close_in_read = true;
	rig_run(r, 60000000);
	CHECK(r->ends[1].reads == 1 && e->closed, "%u reads, closed %d",
	      r->ends[1].reads, e->closed);
	CHECK(utp_count(r->u[0]) == 0 && utp_count(r->u[1]) == 0, "left over");
	rig_free(r);
}

static void there_are_not_more_than_allowed(void)
{
	struct rig *r = rig_new(220);
	struct utp_path path = rig_path(0);
	struct rig_end *e = rig_end_new(r, 0, 0);
	unsigned n = 0;

	while (n < 100 && utp_connect(r->u[0], rig_clock(r, 0), &path, e))
		n++;
	CHECK(n == 64, "%u connections", n);
	e->closed = true;
	rig_free(r);
}

/* More packets than there are numbers, both ways. */
static void numbers_begin_anew(void)
{
	struct rig *r = rig_new(230);
	struct rig_end *e;

	r->net[0].delay_us = r->net[1].delay_us = 100;
	r->net[0].loss = r->net[1].loss = 300;
	e = rig_pair(r, 7000000, 7000000);
	utp_conn_limit(e->conn, UTP_HEAD + 100, UTP_WINDOW);
	(void)rig_run_all(r, 600000000);
	rig_check_whole(r, "numbers begin anew");
	CHECK(r->packets[0] > 70000, "%llu packets",
	      (unsigned long long)r->packets[0]);
	rig_free(r);
}

int main(void)
{
	every_state_meets_every_event();
	a_reset_needs_ids_and_a_number();
	only_the_one_asked_answers_a_syn();
	only_what_was_sent_is_acked();
	who_acks_what_cannot_have_arrived_is_left();
	what_three_have_overtaken_is_lost();
	a_packet_sent_twice_measures_nothing();
	three_acks_of_the_same_bring_it_again();
	no_window_is_believed_too_much();
	a_shut_window_is_asked_about();
	who_ignores_our_window_fills_nothing();
	what_comes_early_has_bounds();
	a_copy_is_acked_and_not_read_twice();
	an_ack_waits_for_the_socket();
	the_end_is_where_fin_says();
	a_syn_is_worth_one_small_packet();
	a_flood_of_syns_shuts_nobody_out();
	one_address_has_its_share_of_half_open();
	who_guesses_gets_in_nowhere();
	a_first_packet_without_a_delay_is_taken();
	who_is_refused_is_told();
	nobody_is_waited_for_without_end();
	who_never_acks_is_left();
	a_quiet_connection_keeps_its_mapping();
	what_was_handed_over_still_arrives();
	closing_in_a_callback_is_fine();
	there_are_not_more_than_allowed();
	numbers_begin_anew();
	return CHECK_EXIT();
}
