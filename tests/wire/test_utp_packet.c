#include "wire/utp/utp_packet.h"

#include "tests/check.h"

#include <string.h>

/* A header as BEP 29 draws it, then whatever follows. */
#define HEAD(type_ver, ext) \
	type_ver, ext, 0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 2, 0, 1, 0, 0, 0xff, \
		0xfe, 0, 9

static void packets_are_read_or_refused(void)
{
	static const struct {
		const char *name;
		size_t len;
		enum err_code want;
		enum utp_type type;
		size_t sack, payload;
		uint8_t bytes[64];
	} rows[] = {
		{"data",
		 23,
		 ERR_NONE,
		 UTP_DATA,
		 0,
		 3,
		 {HEAD(0x01, 0), 1, 2, 3}},
		{"a state", 20, ERR_NONE, UTP_STATE, 0, 0, {HEAD(0x21, 0)}},
		{"a SYN", 20, ERR_NONE, UTP_SYN, 0, 0, {HEAD(0x41, 0)}},
		{"a selective ack",
		 26,
		 ERR_NONE,
		 UTP_STATE,
		 4,
		 0,
		 {HEAD(0x21, 1), 0, 4, 1, 0, 0, 0}},
		{"a selective ack before data",
		 28,
		 ERR_NONE,
		 UTP_DATA,
		 4,
		 2,
		 {HEAD(0x01, 1), 0, 4, 1, 0, 0, 0, 7, 8}},
		{"extension bits are passed over",
		 30,
		 ERR_NONE,
		 UTP_SYN,
		 0,
		 0,
		 {HEAD(0x41, 2), 0, 8, 0, 0, 0, 0, 0, 0, 0, 0}},
		{"a close reason before a selective ack",
		 32,
		 ERR_NONE,
		 UTP_FIN,
		 4,
		 0,
		 {HEAD(0x11, 3), 1, 4, 0, 0, 0, 5, 0, 4, 1, 0, 0, 0}},
		{"an empty extension that nobody knows",
		 22,
		 ERR_NONE,
		 UTP_STATE,
		 0,
		 0,
		 {HEAD(0x21, 77), 0, 0}},
		{"eight extensions",
		 36,
		 ERR_NONE,
		 UTP_STATE,
		 0,
		 0,
		 {HEAD(0x21, 9), 9, 0, 9, 0, 9, 0, 9, 0, 9, 0, 9, 0, 9, 0, 0,
		  0}},
		{"nine extensions",
		 38,
		 ERR_PARSE,
		 UTP_STATE,
		 0,
		 0,
		 {HEAD(0x21, 9), 9, 0, 9, 0, 9, 0, 9, 0, 9, 0, 9, 0, 9, 0, 9, 0,
		  0, 0}},
		{"version 2", 20, ERR_PARSE, UTP_DATA, 0, 0, {HEAD(0x02, 0)}},
		{"type 5", 20, ERR_PARSE, UTP_DATA, 0, 0, {HEAD(0x51, 0)}},
		{"an extension that is not there",
		 20,
		 ERR_PARSE,
		 UTP_DATA,
		 0,
		 0,
		 {HEAD(0x21, 1)}},
		{"an extension cut off in its head",
		 21,
		 ERR_PARSE,
		 UTP_DATA,
		 0,
		 0,
		 {HEAD(0x21, 1), 0}},
		{"an extension longer than the packet",
		 25,
		 ERR_PARSE,
		 UTP_DATA,
		 0,
		 0,
		 {HEAD(0x21, 1), 0, 4, 1, 1, 1}},
		{"a chain that goes on into nothing",
		 26,
		 ERR_PARSE,
		 UTP_DATA,
		 0,
		 0,
		 {HEAD(0x21, 1), 3, 4, 1, 0, 0, 0}},
		{"an empty selective ack",
		 22,
		 ERR_NONE,
		 UTP_STATE,
		 0,
		 0,
		 {HEAD(0x21, 1), 0, 0}},
		{"a selective ack of odd length, as libtorrent has",
		 27,
		 ERR_NONE,
		 UTP_STATE,
		 5,
		 0,
		 {HEAD(0x21, 1), 0, 5, 1, 0, 0, 0, 0}},
		{"two selective acks",
		 32,
		 ERR_PARSE,
		 UTP_DATA,
		 0,
		 0,
		 {HEAD(0x21, 1), 1, 4, 1, 0, 0, 0, 0, 4, 1, 0, 0, 0}},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct utp_packet p;
		enum err_code rc = utp_packet_decode(
			&p, rows[i].bytes, rows[i].bytes + UTP_HEAD,
			rows[i].len - UTP_HEAD, NULL);

		CHECK(rc == rows[i].want, "%s: %d", rows[i].name, rc);
		if (rc != ERR_NONE)
			continue;
		CHECK(p.type == rows[i].type && p.sack_len == rows[i].sack &&
			      p.len == rows[i].payload,
		      "%s: type %u, selective ack of %zu, payload of %zu",
		      rows[i].name, p.type, p.sack_len, p.len);
		CHECK(p.id == 0x1234 && p.stamp_us == 1 && p.delay_us == 2 &&
			      p.window == 0x10000 && p.seq == 0xfffe &&
			      p.ack == 9,
		      "%s: a field is another", rows[i].name);
	}
}

static void what_is_said_is_read_back(void)
{
	static const uint8_t sack[8] = {1, 2, 3, 4, 5, 6, 7, 0x80};
	const struct utp_packet in = {.type = UTP_STATE,
				      .id = 0xbeef,
				      .stamp_us = 0xfffffff0,
				      .delay_us = 77,
				      .window = 1 << 20,
				      .seq = 0xffff,
				      .ack = 0,
				      .sack = sack,
				      .sack_len = sizeof(sack)};
	struct utp_packet out;
	uint8_t buf[UTP_STATE_MAX];
	size_t len = utp_packet_encode(buf, sizeof(buf), &in);

	CHECK(len == UTP_HEAD + 2 + sizeof(sack), "%zu bytes", len);
	CHECK(utp_packet_decode(&out, buf, buf + UTP_HEAD, len - UTP_HEAD,
				NULL) == ERR_NONE &&
		      out.type == in.type && out.id == in.id &&
		      out.stamp_us == in.stamp_us &&
		      out.delay_us == in.delay_us && out.window == in.window &&
		      out.seq == in.seq && out.ack == in.ack &&
		      out.sack_len == in.sack_len &&
		      memcmp(out.sack, sack, sizeof(sack)) == 0,
	      "read as something else");
	utp_packet_stamp(buf, 1, 2, 3, 4);
	CHECK(utp_packet_decode(&out, buf, buf + UTP_HEAD, len - UTP_HEAD,
				NULL) == ERR_NONE &&
		      out.stamp_us == 1 && out.delay_us == 2 &&
		      out.window == 3 && out.ack == 4 && out.seq == in.seq,
	      "stamped as something else");
	CHECK(utp_packet_encode(buf, len - 1, &in) == 0, "overrun");
}

static void numbers_wrap(void)
{
	CHECK(utp_seq_diff(0, 65535) == 1 && utp_seq_diff(65535, 0) == -1 &&
		      utp_seq_diff(5, 5) == 0 &&
		      utp_seq_diff(100, 65500) == 136,
	      "sequence numbers");
}

int main(void)
{
	packets_are_read_or_refused();
	what_is_said_is_read_back();
	numbers_wrap();
	return CHECK_EXIT();
}
