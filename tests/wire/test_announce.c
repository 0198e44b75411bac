#include "wire/find/announce.h"

#include "tests/check.h"

#include <arpa/inet.h>
#include <string.h>

static void http_and_udp_trackers_are_taken(void)
{
	static const struct {
		const char *url;
		enum err_code want;
	} rows[] = {
		{"http://t.example/announce", ERR_NONE},
		{"HTTPS://t.example/announce", ERR_NONE},
		{"http://t.example", ERR_NONE},
		{"http://10.77.0.1:6969/announce?passkey=abc", ERR_NONE},
		{"http://[2001:db8::1]:65535/announce", ERR_NONE},
		{"udp://t.example:80", ERR_NONE},
		{"UDP://[2001:db8::1]:80/announce", ERR_NONE},
		{"udp://t.example", ERR_PARSE},
		{"udp://t.example/announce:80", ERR_PARSE},
		{"udp://:80", ERR_PARSE},
		{"udp://[]:80", ERR_PARSE},
		{"udp://t.example:0", ERR_PARSE},
		{"udp://t.example:65536", ERR_PARSE},
		{"udp://t.example:8a", ERR_PARSE},
		{"udp://me@t.example:80", ERR_PARSE},
		{"wss://t.example", ERR_STATE},
		{"file:///etc/passwd", ERR_STATE},
		{"t.example/announce", ERR_PARSE},
		{"http:/t.example", ERR_PARSE},
		{"http://", ERR_PARSE},
		{"http:///announce", ERR_PARSE},
		{"http://?x", ERR_PARSE},
		{"", ERR_PARSE},
		{"http://t.example/a b", ERR_PARSE},
		{"http://t.example/a\nb", ERR_PARSE},
		{"http://t.example/a#b", ERR_PARSE},
		{"http://t.\xc3\xa9xample/", ERR_PARSE},
	};
	static char longest[ANNOUNCE_MAX_URL + 2] = "http://";

	for (size_t i = 0; i < ROWS(rows); i++)
		CHECK(announce_check_url(rows[i].url, NULL) == rows[i].want,
		      "%s", rows[i].url);
	memset(longest + 7, 'a', ANNOUNCE_MAX_URL - 7);
	CHECK(announce_check_url(longest, NULL) == ERR_NONE, "the longest");
	longest[ANNOUNCE_MAX_URL] = 'a';
	CHECK(announce_check_url(longest, NULL) == ERR_LIMIT, "one over");
}

static void udp_urls_are_taken_apart(void)
{
	static const struct {
		const char *url, *host;
		uint16_t port;
		const char *path;
	} rows[] = {
		{"udp://t.example:80", "t.example", 80, ""},
		{"udp://t.example:6969/announce?a=:1", "t.example", 6969,
		 "/announce?a=:1"},
		{"udp://1.2.3.4:65535?x", "1.2.3.4", 65535, "?x"},
		{"udp://[2001:db8::1]:7/", "2001:db8::1", 7, "/"},
	};
	static char longest[ANNOUNCE_UDP_PATH_MAX + 32] = "udp://h:1/";
	char host[ANNOUNCE_HOST_CAP];
	const char *path;
	uint16_t port;

	for (size_t i = 0; i < ROWS(rows); i++)
		CHECK(announce_split_udp(rows[i].url, host, &port, &path) &&
			      strcmp(host, rows[i].host) == 0 &&
			      port == rows[i].port &&
			      strcmp(path, rows[i].path) == 0,
		      "%s", rows[i].url);
	CHECK(!announce_split_udp("http://t.example:80/", host, &port, &path),
	      "another kind");
	memset(longest + 10, 'a', ANNOUNCE_UDP_PATH_MAX - 1);
	CHECK(announce_check_url(longest, NULL) == ERR_NONE, "longest path");
	longest[9 + ANNOUNCE_UDP_PATH_MAX] = 'a';
	CHECK(announce_check_url(longest, NULL) == ERR_LIMIT, "one over");
	memcpy(longest, "udp://", 6);
	memset(longest + 6, 'h', ANNOUNCE_HOST_CAP);
	memcpy(longest + 6 + ANNOUNCE_HOST_CAP, ":1", 3);
	CHECK(announce_check_url(longest, NULL) == ERR_PARSE, "a long host");
}

static void a_question_is_written(void)
{
	static const struct {
		const char *name;
		const char *base;
		enum announce_event event;
		const char *id, *ipv6;
		const char *want;
		bool partial;
	} rows[] = {
		{"regular", "http://t/a", ANNOUNCE_REGULAR, "", NULL,
		 "http://t/a?info_hash=%00%01Az09-._~%20%25%26%2B%2F%3F%FF%80ab"
		 "&peer_id=-SE0001-abcdefghijkl&port=6881&uploaded="
		 "18446744073709551615&downloaded=0&left=5&compact=1&no_peer_id"
		 "=1&key=0000BEEF&numwant=80",
		 false},
		{"the base has a query", "http://t/a?k=1", ANNOUNCE_STARTED, "",
		 NULL,
		 "http://t/a?k=1&info_hash=%00%01Az09-._~%20%25%26%2B%2F%3F%FF"
		 "%80ab&peer_id=-SE0001-abcdefghijkl&port=6881&uploaded="
		 "18446744073709551615&downloaded=0&left=5&compact=1&no_peer_id"
		 "=1&key=0000BEEF&numwant=80&event=started",
		 false},
		{"id and address", "http://t", ANNOUNCE_STOPPED, "i&d",
		 "2001:db8::1",
		 "http://t?info_hash=%00%01Az09-._~%20%25%26%2B%2F%3F%FF%80ab"
		 "&peer_id=-SE0001-abcdefghijkl&port=6881&uploaded="
		 "18446744073709551615&downloaded=0&left=5&compact=1&no_peer_id"
		 "=1&key=0000BEEF&numwant=80&event=stopped&trackerid=i%26d"
		 "&ipv6=2001%3Adb8%3A%3A1",
		 false},
		{"completed", "http://t", ANNOUNCE_COMPLETED, "", NULL,
		 "http://t?info_hash=%00%01Az09-._~%20%25%26%2B%2F%3F%FF%80ab"
		 "&peer_id=-SE0001-abcdefghijkl&port=6881&uploaded="
		 "18446744073709551615&downloaded=0&left=5&compact=1&no_peer_id"
		 "=1&key=0000BEEF&numwant=80&event=completed",
		 false},
		{"a partial seed", "http://t", ANNOUNCE_REGULAR, "", NULL,
		 "http://t?info_hash=%00%01Az09-._~%20%25%26%2B%2F%3F%FF%80ab"
		 "&peer_id=-SE0001-abcdefghijkl&port=6881&uploaded="
		 "18446744073709551615&downloaded=0&left=5&compact=1&no_peer_id"
		 "=1&key=0000BEEF&numwant=80&event=paused",
		 true},
		{"a partial seed that goes", "http://t", ANNOUNCE_STOPPED, "",
		 NULL,
		 "http://t?info_hash=%00%01Az09-._~%20%25%26%2B%2F%3F%FF%80ab"
		 "&peer_id=-SE0001-abcdefghijkl&port=6881&uploaded="
		 "18446744073709551615&downloaded=0&left=5&compact=1&no_peer_id"
		 "=1&key=0000BEEF&numwant=80&event=stopped",
		 true},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct announce_query q = {
			.port = 6881,
			.uploaded = UINT64_MAX,
			.left = 5,
			.partial = rows[i].partial,
			.event = rows[i].event,
			.key = 0xbeef,
			.numwant = 80,
			.tracker_id = (const uint8_t *)rows[i].id,
			.tracker_id_len = strlen(rows[i].id),
			.ipv6 = rows[i].ipv6,
		};
		char url[ANNOUNCE_URL_CAP];

		memcpy(q.info_hash.bytes,
		       "\0\1Az09-._~ %&+/?\xff\x80"
		       "ab",
		       20);
		memcpy(q.peer_id.bytes, "-SE0001-abcdefghijkl", 20);
		CHECK(announce_url(url, rows[i].base, &q, NULL) == ERR_NONE,
		      "%s", rows[i].name);
		CHECK(strcmp(url, rows[i].want) == 0, "%s: %s", rows[i].name,
		      url);
	}
}

static void the_longest_question_fits(void)
{
	static char base[ANNOUNCE_MAX_URL + 1] = "http://";
	static uint8_t id[ANNOUNCE_MAX_ID];
	struct announce_query q = {
		.port = 65535,
		.uploaded = UINT64_MAX,
		.downloaded = UINT64_MAX,
		.left = UINT64_MAX,
		.event = ANNOUNCE_COMPLETED,
		.key = UINT32_MAX,
		.numwant = UINT32_MAX,
		.tracker_id = id,
		.tracker_id_len = sizeof(id),
		.ipv6 = "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
	};
	char url[ANNOUNCE_URL_CAP];

	memset(base + 7, 'a', ANNOUNCE_MAX_URL - 7);
	CHECK(announce_url(url, base, &q, NULL) == ERR_NONE, "the longest");
}

/* "ip:port " of each peer */
static void list_peers(const struct announce_reply *r, char *out, size_t cap)
{
	size_t n = 0;

	out[0] = '\0';
	for (uint32_t i = 0; i < r->peer_count; i++) {
		char ip[INET6_ADDRSTRLEN];

		(void)inet_ntop(AF_INET6, r->peers[i].ip, ip, sizeof(ip));
		n += (size_t)snprintf(out + n, cap - n, "%s.%u ", ip,
				      r->peers[i].port);
	}
}

#define V6 "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\x1a\xe1"
#define ANSWER(text) text, sizeof(text) - 1

static void peers_are_read(void)
{
	static const struct {
		const char *name;
		const char *in;
		size_t len;
		enum err_code want;
		const char *peers;
	} rows[] = {
		{"compact",
		 ANSWER("d8:intervali60e5:peers12:\x0a\x4d\0\1\x1a\xe1"
			"\x0a\x4d\0\2\0\x50"
			"e"),
		 ERR_NONE, "::ffff:10.77.0.1.6881 ::ffff:10.77.0.2.80 "},
		{"nobody", ANSWER("d8:intervali60e5:peers0:e"), ERR_NONE, ""},
		{"peers without interval", ANSWER("d5:peers0:e"), ERR_NONE, ""},
		{"interval without peers", ANSWER("d8:intervali60ee"), ERR_NONE,
		 ""},
		{"a cut compact list",
		 ANSWER("d5:peers9:\x0a\x4d\0\1\x1a\xe1\x0a\x4d\0e"), ERR_NONE,
		 "::ffff:10.77.0.1.6881 "},
		{"version 6", ANSWER("d6:peers618:" V6 "e"), ERR_NONE,
		 "2001:db8::1.6881 "},
		{"both",
		 ANSWER("d5:peers6:\x0a\x4d\0\1\x1a\xe1"
			"6:peers618:" V6 "e"),
		 ERR_NONE, "::ffff:10.77.0.1.6881 2001:db8::1.6881 "},
		{"dictionaries",
		 ANSWER("d5:peersld2:ip9:10.77.0.17:peer id20:"
			"aaaaaaaaaaaaaaaaaaaa4:porti6881eed2:ip11:2001:db8::14:"
			"porti80eeee"),
		 ERR_NONE, "::ffff:10.77.0.1.6881 2001:db8::1.80 "},
		{"dictionaries with a name, no port, a bad port, no address",
		 ANSWER("d5:peersld2:ip9:localhost4:porti1eed2:ip7:1.2.3.4ed2:"
			"ip7:1.2.3.44:porti0eed2:ip7:1.2.3.44:porti65536eed4:"
			"porti1eei5e3:abcd2:ip7:1.2.3.44:porti65535eeee"),
		 ERR_NONE, "::ffff:1.2.3.4.65535 "},
		{"port 0, 0.0.0.0, multicast, broadcast, ::, ff02::1",
		 ANSWER("d5:peers24:\x0a\x4d\0\1\0\0"
			"\0\0\0\0\0\1"
			"\xe0\0\0\1\0\1"
			"\xff\xff\xff\xff\0\1"
			"6:peers636:"
			"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"
			"\xff\2\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\1"
			"e"),
		 ERR_NONE, ""},
		{"loopback, for a swarm on one machine",
		 ANSWER("d5:peers6:\x7f\0\0\1\x1a\xe1"
			"6:peers618:"
			"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\x1a\xe1"
			"e"),
		 ERR_NONE, "::ffff:127.0.0.1.6881 ::1.6881 "},
		{"neither", ANSWER("d4:peeri1ee"), ERR_PARSE, ""},
		{"a web page", ANSWER("<html>"), ERR_PARSE, ""},
		{"nothing", ANSWER(""), ERR_PARSE, ""},
		{"a list", ANSWER("le"), ERR_PARSE, ""},
		{"a newline after", ANSWER("d8:intervali60ee\n"), ERR_NONE, ""},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		static struct announce_reply r;
		char got[512];

		CHECK(announce_parse(&r, (const uint8_t *)rows[i].in,
				     rows[i].len, NULL) == rows[i].want,
		      "%s", rows[i].name);
		list_peers(&r, got, sizeof(got));
		CHECK(strcmp(got, rows[i].peers) == 0, "%s: %s", rows[i].name,
		      got);
	}
}

static void numbers_and_texts_are_bounded(void)
{
	static const struct {
		const char *name;
		const char *in;
		bool failed;
		const char *text;
		uint32_t interval, least, retry;
		int64_t seeds, leechers;
		size_t id_len;
	} rows[] = {
		{"all",
		 "d8:completei3e10:incompletei4e8:intervali1800e12:min "
		 "intervali60e10:tracker id3:abc15:warning message4:slow"
		 "e",
		 false, "slow", 1800, 60, 0, 3, 4, 3},
		{"negative",
		 "d8:completei-1e8:intervali-5e12:min intervali-5e"
		 "5:peers0:e",
		 false, "", 0, 0, 0, -1, -1, 0},
		{"absurd",
		 "d8:completei9223372036854775807e8:intervali"
		 "9223372036854775807e12:min intervali"
		 "9223372036854775807ee",
		 false, "", 86400, 86400, 0, INT64_MAX, -1, 0},
		{"strings for numbers", "d8:interval2:605:peers0:e", false, "",
		 0, 0, 0, -1, -1, 0},
		{"failure", "d14:failure reason4:gonee", true, "gone", 0, 0, 0,
		 -1, -1, 0},
		{"failure wins over peers",
		 "d14:failure reason4:gone8:intervali60e5:peers6:aaaaaae", true,
		 "gone", 0, 0, 0, -1, -1, 0},
		{"failure with control bytes",
		 "d14:failure reason5:\x1b[2J\xff"
		 "e",
		 true, "?[2J?", 0, 0, 0, -1, -1, 0},
		{"retry in minutes", "d14:failure reason4:busy8:retry ini15ee",
		 true, "busy", 0, 0, 900, -1, -1, 0},
		{"retry in a million years",
		 "d14:failure reason4:busy8:retry ini9223372036854775807ee",
		 true, "busy", 0, 0, 86400, -1, -1, 0},
		{"retry never", "d14:failure reason4:gone8:retry in5:nevere",
		 true, "gone", 0, 0, ANNOUNCE_NEVER, -1, -1, 0},
		{"a long tracker id",
		 "d8:intervali60e10:tracker id65:12345678901234567890123456789"
		 "012345678901234567890123456789012345e",
		 false, "", 60, 0, 0, -1, -1, 0},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		static struct announce_reply r;

		CHECK(announce_parse(&r, (const uint8_t *)rows[i].in,
				     strlen(rows[i].in), NULL) == ERR_NONE,
		      "%s", rows[i].name);
		CHECK(r.failed == rows[i].failed &&
			      strcmp(r.text, rows[i].text) == 0,
		      "%s: %s", rows[i].name, r.text);
		CHECK(r.interval_s == rows[i].interval &&
			      r.min_interval_s == rows[i].least &&
			      r.retry_s == rows[i].retry,
		      "%s: %u %u %u", rows[i].name, r.interval_s,
		      r.min_interval_s, r.retry_s);
		CHECK(r.seeds == rows[i].seeds &&
			      r.leechers == rows[i].leechers &&
			      r.tracker_id_len == rows[i].id_len,
		      "%s: counts", rows[i].name);
		CHECK(!r.failed || r.peer_count == 0, "%s: peers",
		      rows[i].name);
	}
}

static void a_flood_of_peers_is_cut(void)
{
	static uint8_t in[6 * 3000 + 64];
	static struct announce_reply r;
	int n = snprintf((char *)in, sizeof(in), "d5:peers%d:", 6 * 3000);

	memset(in + n, 9, 6 * 3000);
	in[n + 6 * 3000] = 'e';
	CHECK(announce_parse(&r, in, (size_t)n + 6 * 3000 + 1, NULL) ==
		      ERR_NONE,
	      "parse");
	CHECK(r.peer_count == ANNOUNCE_MAX_PEERS, "%u", r.peer_count);
}

static void services_of_this_machine_are_not_asked(void)
{
	static const struct {
		const char *ip, *url;
		bool want;
	} rows[] = {
		{"93.184.216.34", "http://t.example/anything", true},
		{"10.77.0.1", "http://10.77.0.1:6969/x", true},
		{"10.77.0.1", "http://10.77.0.1:6969/x?info_hash=a&port=1",
		 true},
		{"10.77.0.1", "http://10.77.0.1/announce?key=1&info_hash=a",
		 true},
		{"10.77.0.1", "http://10.77.0.1/scrape?key=1&info_hash=a",
		 true},
		{"10.77.0.1", "udp://10.77.0.1:80/x?key=1", true},
		{"192.168.1.1", "http://192.168.1.1/set?reboot=1&info_hash=a",
		 false},
		{"192.168.1.1",
		 "http://192.168.1.1/set?info_hash=&reboot=1&info_hash=a",
		 false},
		{"fd00::1", "http://[fd00::1]/set?reboot=1", false},
		{"93.184.216.34", "http://t.example/x?key=1", true},
		{"127.0.0.1", "http://127.0.0.1:6969/scrape?info_hash=a", true},
		{"2001:db8::1", "http://[2001:db8::1]/x", true},
		{"127.0.0.1", "http://127.0.0.1:6969/announce", true},
		{"127.0.0.1", "http://127.0.0.1:6969/key/announce.php?a=/b",
		 true},
		{"127.0.0.1", "http://localhost:8545/", false},
		{"127.0.0.1", "http://localhost:8545", false},
		{"127.0.0.1", "http://localhost:8545/?x=/announce", false},
		{"127.0.0.1", "http://announce:8545", false},
		{"127.9.9.9", "http://127.9.9.9/admin", false},
		{"::ffff:127.0.0.1", "http://x/admin", false},
		{"::1", "http://[::1]/admin", false},
		{"::1", "http://[::1]/announce", true},
		{"::", "http://[::]/admin", false},
		{"::", "http://[::]/announce", false},
		{"0.0.0.0", "http://0.0.0.0/announce", false},
		{"169.254.169.254", "http://169.254.169.254/latest/meta-data",
		 false},
		{"fe80::1%eth0", "http://x/admin", false},
		{"224.0.0.1", "http://x/announce", false},
		{"/run/x.sock", "http://x/announce", false},
		{"", "http://x/announce", false},
	};

	for (size_t i = 0; i < ROWS(rows); i++)
		CHECK(announce_allowed(rows[i].ip, rows[i].url) == rows[i].want,
		      "%s %s", rows[i].ip, rows[i].url);
}

int main(void)
{
	http_and_udp_trackers_are_taken();
	udp_urls_are_taken_apart();
	a_question_is_written();
	the_longest_question_fits();
	peers_are_read();
	numbers_and_texts_are_bounded();
	a_flood_of_peers_is_cut();
	services_of_this_machine_are_not_asked();
	return CHECK_EXIT();
}
