#include "wire/find/udp_msg.h"

#include "tests/check.h"

#include <string.h>

static struct udp_reply reply;

static bool same(const uint8_t *got, size_t got_len, const char *want,
		 size_t want_len)
{
	return got_len == want_len && memcmp(got, want, want_len) == 0;
}

#define SAME(got, len, want) same(got, len, want, sizeof(want) - 1)

static void questions_are_as_in_the_bep(void)
{
	static const struct udp_head head = {0x0102030405060708, 0x0a0b0c0d};
	struct announce_query q = {.port = 0x1ae1,
				   .uploaded = 3,
				   .downloaded = 1,
				   .left = 2,
				   .event = ANNOUNCE_STARTED,
				   .key = 0x11223344,
				   .numwant = 80};
	uint8_t out[UDP_MSG_OUT_MAX];
	struct info_hash hashes[2];

	memset(q.info_hash.bytes, 'h', 20);
	memset(q.peer_id.bytes, 'p', 20);
	memset(hashes[0].bytes, 'a', 20);
	memset(hashes[1].bytes, 'b', 20);
	CHECK(SAME(out, udp_msg_connect(out, 0x0a0b0c0d),
		   "\x00\x00\x04\x17\x27\x10\x19\x80\0\0\0\0\x0a\x0b\x0c\x0d"),
	      "connect");
	CHECK(SAME(out, udp_msg_announce(out, &head, &q, ""),
		   "\1\2\3\4\5\6\7\10\0\0\0\1\x0a\x0b\x0c\x0d"
		   "hhhhhhhhhhhhhhhhhhhh"
		   "pppppppppppppppppppp"
		   "\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\3"
		   "\0\0\0\2\0\0\0\0\x11\x22\x33\x44\0\0\0\x50\x1a\xe1"),
	      "announce");
	CHECK(SAME(out, udp_msg_scrape(out, &head, hashes, 2),
		   "\1\2\3\4\5\6\7\10\0\0\0\2\x0a\x0b\x0c\x0d"
		   "aaaaaaaaaaaaaaaaaaaa"
		   "bbbbbbbbbbbbbbbbbbbb"),
	      "scrape");
	CHECK(udp_msg_scrape(out, &head, hashes, UDP_MSG_SCRAPES_MAX + 1) == 0,
	      "too many");
}

static void events_have_numbers_of_their_own(void)
{
	static const uint8_t want[] = {[ANNOUNCE_REGULAR] = 0,
				       [ANNOUNCE_STARTED] = 2,
				       [ANNOUNCE_COMPLETED] = 1,
				       [ANNOUNCE_STOPPED] = 3};
	static const struct udp_head head;
	uint8_t out[UDP_MSG_OUT_MAX];

	for (unsigned i = 0; i < ROWS(want); i++) {
		struct announce_query q = {.event = (enum announce_event)i};

		CHECK(udp_msg_announce(out, &head, &q, "") == 98 &&
			      out[83] == want[i],
		      "event %u is %u", i, out[83]);
	}
}

static void a_path_is_said_as_options(void)
{
	static const struct udp_head head;
	static const struct announce_query q;
	uint8_t out[UDP_MSG_OUT_MAX];
	char path[ANNOUNCE_UDP_PATH_MAX + 200];
	size_t n = udp_msg_announce(out, &head, &q, "/announce?key=1");

	CHECK(SAME(out + 98, n - 98, "\2\17/announce?key=1"), "short path");
	memset(path, 'x', sizeof(path));
	path[300] = '\0';
	n = udp_msg_announce(out, &head, &q, path);
	CHECK(n == 98 + 304 && out[98] == 2 && out[99] == 255 &&
		      out[98 + 257] == 2 && out[98 + 258] == 45,
	      "in two options, %zu", n);
	path[300] = 'x';
	path[ANNOUNCE_UDP_PATH_MAX] = '\0';
	CHECK(udp_msg_announce(out, &head, &q, path) > 0, "the longest");
	path[ANNOUNCE_UDP_PATH_MAX] = 'x';
	path[sizeof(path) - 1] = '\0';
	CHECK(udp_msg_announce(out, &head, &q, path) == 0, "over the buffer");
}

static enum err_code decode(const char *bytes, size_t len, size_t ip_len)
{
	return udp_msg_decode(&reply, (const uint8_t *)bytes, len, ip_len,
			      NULL);
}

static void answers_have_a_least_length(void)
{
	static const struct {
		const char *name, *bytes;
		size_t len;
		bool good;
	} rows[] = {
		{"nothing", "", 0, false},
		{"half a head", "\0\0\0\1\0\0", 6, false},
		{"a connect", "\0\0\0\0\0\0\0\7\0\0\0\0\0\0\0\1", 16, true},
		{"a connect with more behind",
		 "\0\0\0\0\0\0\0\7\0\0\0\0\0\0\0\1zz", 18, true},
		{"a short connect", "\0\0\0\0\0\0\0\7\0\0\0\0\0\0\0", 15,
		 false},
		{"an announce", "\0\0\0\1\0\0\0\7\0\0\7\10\0\0\0\1\0\0\0\2", 20,
		 true},
		{"a short announce", "\0\0\0\1\0\0\0\7\0\0\7\10\0\0\0\1\0\0\0",
		 19, false},
		{"a scrape", "\0\0\0\2\0\0\0\7\0\0\0\1\0\0\0\2\0\0\0\3", 20,
		 true},
		{"a scrape of nothing", "\0\0\0\2\0\0\0\7", 8, false},
		{"an error without words", "\0\0\0\3\0\0\0\7", 8, true},
		{"an action that is none", "\0\0\0\4\0\0\0\7\0\0\0\1", 12,
		 false},
	};

	for (size_t i = 0; i < ROWS(rows); i++)
		CHECK((decode(rows[i].bytes, rows[i].len, 4) == ERR_NONE) ==
			      rows[i].good,
		      "%s", rows[i].name);
}

static void an_announce_tells_who_is_there(void)
{
	static const char v4[] = "\0\0\0\1\x0a\x0b\x0c\x0d\0\0\7\x08\0\0\0\3"
				 "\0\0\0\4\1\2\3\4\x1a\xe1\0\0\0\0\1\1"
				 "\5\6\7\10\0\0\11\12\13\14\0\1\7";
	static const char v6[] = "\0\0\0\1\0\0\0\1\xff\xff\xff\xff\0\0\0\3"
				 "\xff\xff\xff\xff\x20\1\xd\xb8\0\0\0\0\0\0\0"
				 "\0\0\0\0\1\x1a\xe1";

	CHECK(decode(v4, sizeof(v4) - 1, 4) == ERR_NONE, "v4");
	CHECK(reply.action == UDP_ANNOUNCE && reply.transaction == 0x0a0b0c0d,
	      "head");
	CHECK(reply.announce.interval_s == 1800 &&
		      reply.announce.leechers == 3 && reply.announce.seeds == 4,
	      "figures");
	/* neither the unspecified address, nor port 0, nor the short rest */
	CHECK(reply.announce.peer_count == 2 &&
		      reply.announce.peers[0].port == 6881 &&
		      reply.announce.peers[1].ip[12] == 9,
	      "%u peers", reply.announce.peer_count);
	CHECK(decode(v6, sizeof(v6) - 1, 16) == ERR_NONE, "v6");
	CHECK(reply.announce.interval_s == 0 && reply.announce.seeds == -1,
	      "what is below zero says nothing");
	CHECK(reply.announce.peer_count == 1 &&
		      reply.announce.peers[0].ip[0] == 0x20,
	      "IPv6");
}

static void what_is_long_is_cut(void)
{
	static char big[20 + 6 * 2 * ANNOUNCE_MAX_PEERS];
	char text[8 + 300];

	memset(big, 1, sizeof(big));
	memcpy(big, "\0\0\0\1", 4);
	CHECK(decode(big, sizeof(big), 4) == ERR_NONE &&
		      reply.announce.peer_count == ANNOUNCE_MAX_PEERS,
	      "peers");
	CHECK(reply.announce.interval_s == 86400, "an interval of months");
	memcpy(big, "\0\0\0\2", 4);
	CHECK(decode(big, sizeof(big), 4) == ERR_NONE &&
		      reply.scrape_count == UDP_MSG_SCRAPES_MAX,
	      "scrapes");
	memset(text, 'e', sizeof(text));
	memcpy(text, "\0\0\0\3", 4);
	text[8] = '\33';
	CHECK(decode(text, sizeof(text), 4) == ERR_NONE &&
		      reply.announce.failed &&
		      strlen(reply.announce.text) == 127 &&
		      reply.announce.text[0] == '?',
	      "reason: %s", reply.announce.text);
}

int main(void)
{
	questions_are_as_in_the_bep();
	events_have_numbers_of_their_own();
	a_path_is_said_as_options();
	answers_have_a_least_length();
	an_announce_tells_who_is_there();
	what_is_long_is_cut();
	return CHECK_EXIT();
}
