#include "wire/reach/proxy.h"

#include "tests/check.h"

#include <string.h>

static const struct wire_addr v4 = {{[10] = 0xff, [11] = 0xff, 203, 0, 113, 7},
				    6881};
static const struct wire_addr v6 = {{0x20, 0x01, 0x0d, 0xb8, [15] = 1}, 51413};

static void settings_are_read(void)
{
	static const struct {
		const char *text;
		bool good;
		enum proxy_kind kind;
		const char *host;
		uint16_t port;
		const char *user, *pass;
	} rows[] = {
		{"socks5://127.0.0.1:9050", true, PROXY_SOCKS5, "127.0.0.1",
		 9050, "", ""},
		{"SOCKS5://h", true, PROXY_SOCKS5, "h", 1080, "", ""},
		{"socks5h://h:1/", true, PROXY_SOCKS5, "h", 1, "", ""},
		{"http://u:p@h", true, PROXY_HTTP, "h", 8080, "u", "p"},
		{"http://u@h:3128", true, PROXY_HTTP, "h", 3128, "u", ""},
		{"socks5://a%40b:c%3Ad%25@[2001:db8::1]:5", true, PROXY_SOCKS5,
		 "2001:db8::1", 5, "a@b", "c:d%"},
		{"socks5://u:a:b@h", true, PROXY_SOCKS5, "h", 1080, "u", "a:b"},
		{"socks5://[::1]", true, PROXY_SOCKS5, "::1", 1080, "", ""},
		{"", false, 0, "", 0, "", ""},
		{"h:1080", false, 0, "", 0, "", ""},
		{"socks4://h", false, 0, "", 0, "", ""},
		{"https://h", false, 0, "", 0, "", ""},
		{"socks5://", false, 0, "", 0, "", ""},
		{"socks5://:1080", false, 0, "", 0, "", ""},
		{"socks5://h:", false, 0, "", 0, "", ""},
		{"socks5://h:0", false, 0, "", 0, "", ""},
		{"socks5://h:65536", false, 0, "", 0, "", ""},
		{"socks5://h:1x", false, 0, "", 0, "", ""},
		{"socks5://h/path", false, 0, "", 0, "", ""},
		{"socks5://[::1", false, 0, "", 0, "", ""},
		{"socks5://[::1]x", false, 0, "", 0, "", ""},
		{"socks5://a b", false, 0, "", 0, "", ""},
		{"socks5://@h", false, 0, "", 0, "", ""},
		{"socks5://:p@h", false, 0, "", 0, "", ""},
		{"socks5://u%4@h", false, 0, "", 0, "", ""},
		{"socks5://u%zz@h", false, 0, "", 0, "", ""},
		{"socks5://u%00@h", false, 0, "", 0, "", ""},
		{"socks5://u%0a@h", false, 0, "", 0, "", ""},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct proxy p;
		struct err e = {0};
		bool good = proxy_parse(&p, rows[i].text, &e) == ERR_NONE;

		CHECK(good == rows[i].good, "'%s': %s", rows[i].text, e.msg);
		if (!good || !rows[i].good)
			continue;
		CHECK(p.kind == rows[i].kind && p.port == rows[i].port &&
			      strcmp(p.host, rows[i].host) == 0 &&
			      strcmp(p.user, rows[i].user) == 0 &&
			      strcmp(p.pass, rows[i].pass) == 0,
		      "'%s': %s %u '%s' '%s'", rows[i].text, p.host, p.port,
		      p.user, p.pass);
	}
}

static void a_long_password_is_refused(void)
{
	char text[400] = "socks5://u:";
	struct proxy p;
	struct err e = {0};

	memset(text + 11, 'a', 256);
	strcpy(text + 11 + 256, "@h");
	CHECK(proxy_parse(&p, text, &e) == ERR_PARSE && !strstr(e.msg, "aaa"),
	      "%s", e.msg);
	strcpy(text + 11 + 255, "@h");
	CHECK(proxy_parse(&p, text, &e) == ERR_NONE, "255 bytes");
}

struct line { /* what we say, then what it answers */
	const char *say;
	size_t say_len;
	const char *answer;
	size_t answer_len;
};
#define LINE(say, answer) \
	{ \
		say, sizeof(say) - 1, answer, sizeof(answer) - 1 \
	}
#define V4_TO "\x01\xcb\x00\x71\x07\x1a\xe1"
#define HELLO "\x05\x01\x00"
#define HELLO_PASS "\x05\x02\x00\x02"
#define OK_V4 "\x05\x00\x00\x01\x0a\x00\x00\x01\x12\x34"

static const struct talk {
	const char *name;
	const char *proxy;
	const struct wire_addr *to; /* NULL: datagrams */
	struct line lines[4];
	enum proxy_state want;
	enum err_code code;
	const char *says;
} talks[] = {
	{"no password",
	 "socks5://h",
	 &v4,
	 {LINE(HELLO, "\x05\x00"), LINE("\x05\x01\x00" V4_TO, OK_V4)},
	 PROXY_THROUGH,
	 ERR_NONE,
	 ""},
	{"IPv6, bound to a name",
	 "socks5://h",
	 &v6,
	 {LINE(HELLO, "\x05\x00"),
	  LINE("\x05\x01\x00\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
	       "\xc8\xd5",
	       "\x05\x00\x00\x03\x02hi\x00\x01")},
	 PROXY_THROUGH,
	 ERR_NONE,
	 ""},
	{"bound to IPv6",
	 "socks5://h",
	 &v4,
	 {LINE(HELLO, "\x05\x00"),
	  LINE("\x05\x01\x00" V4_TO, "\x05\x00\x00\x04"
				     "0123456789abcdef\x00\x01")},
	 PROXY_THROUGH,
	 ERR_NONE,
	 ""},
	{"a password that is taken",
	 "socks5://me:pw@h",
	 &v4,
	 {LINE(HELLO_PASS, "\x05\x02"), LINE("\x01\x02me\x02pw", "\x01\x00"),
	  LINE("\x05\x01\x00" V4_TO, OK_V4)},
	 PROXY_THROUGH,
	 ERR_NONE,
	 ""},
	{"a password that is not asked for",
	 "socks5://me:pw@h",
	 &v4,
	 {LINE(HELLO_PASS, "\x05\x00"), LINE("\x05\x01\x00" V4_TO, OK_V4)},
	 PROXY_THROUGH,
	 ERR_NONE,
	 ""},
	{"a password that is refused",
	 "socks5://me:pw@h",
	 &v4,
	 {LINE(HELLO_PASS, "\x05\x02"), LINE("\x01\x02me\x02pw", "\x01\x01")},
	 PROXY_REFUSED,
	 ERR_STATE,
	 "password"},
	{"it wants one and there is none",
	 "socks5://h",
	 &v4,
	 {LINE(HELLO, "\x05\xff")},
	 PROXY_REFUSED,
	 ERR_STATE,
	 "who we are"},
	{"it chooses what was not offered",
	 "socks5://h",
	 &v4,
	 {LINE(HELLO, "\x05\x02")},
	 PROXY_REFUSED,
	 ERR_STATE,
	 "who we are"},
	{"it is none",
	 "socks5://h",
	 &v4,
	 {LINE(HELLO, "HTTP/1.0 400 no\r\n")},
	 PROXY_REFUSED,
	 ERR_PARSE,
	 "no SOCKS5"},
	{"the peer cannot be reached",
	 "socks5://h",
	 &v4,
	 {LINE(HELLO, "\x05\x00"),
	  LINE("\x05\x01\x00" V4_TO, "\x05\x05\x00\x01\0\0\0\0\0\0")},
	 PROXY_REFUSED,
	 ERR_IO,
	 "refused"},
	{"it is not allowed",
	 "socks5://h",
	 &v4,
	 {LINE(HELLO, "\x05\x00"),
	  LINE("\x05\x01\x00" V4_TO, "\x05\x02\x00\x01\0\0\0\0\0\0")},
	 PROXY_REFUSED,
	 ERR_STATE,
	 "allow"},
	{"a reason beyond the list",
	 "socks5://h",
	 &v4,
	 {LINE(HELLO, "\x05\x00"),
	  LINE("\x05\x01\x00" V4_TO, "\x05\xfe\x00\x01\0\0\0\0\0\0")},
	 PROXY_REFUSED,
	 ERR_IO,
	 "failed"},
	{"an address of no kind",
	 "socks5://h",
	 &v4,
	 {LINE(HELLO, "\x05\x00"),
	  LINE("\x05\x01\x00" V4_TO, "\x05\x00\x00\x09\0\0\0\0\0\0")},
	 PROXY_REFUSED,
	 ERR_PARSE,
	 "no SOCKS5"},
	{"datagrams",
	 "socks5://h",
	 NULL,
	 {LINE(HELLO, "\x05\x00"), LINE("\x05\x03\x00\x01\0\0\0\0\0\0", OK_V4)},
	 PROXY_THROUGH,
	 ERR_NONE,
	 ""},
	{"it knows no datagrams",
	 "socks5://h",
	 NULL,
	 {LINE(HELLO, "\x05\x00"),
	  LINE("\x05\x03\x00\x01\0\0\0\0\0\0", "\x05\x07\x00\x01\0\0\0\0\0\0")},
	 PROXY_REFUSED,
	 ERR_STATE,
	 "command"},
	{"HTTP",
	 "http://h",
	 &v4,
	 {LINE("CONNECT 203.0.113.7:6881 HTTP/1.1\r\n"
	       "Host: 203.0.113.7:6881\r\n\r\n",
	       "HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n")},
	 PROXY_THROUGH,
	 ERR_NONE,
	 ""},
	{"HTTP with a password, to IPv6",
	 "http://me:pw@h",
	 &v6,
	 {LINE("CONNECT [2001:db8::1]:51413 HTTP/1.1\r\n"
	       "Host: [2001:db8::1]:51413\r\n"
	       "Proxy-Authorization: Basic bWU6cHc=\r\n\r\n",
	       "HTTP/1.0 200 ok\r\n\r\n")},
	 PROXY_THROUGH,
	 ERR_NONE,
	 ""},
	{"HTTP, password refused",
	 "http://h",
	 &v4,
	 {LINE("CONNECT 203.0.113.7:6881 HTTP/1.1\r\n"
	       "Host: 203.0.113.7:6881\r\n\r\n",
	       "HTTP/1.1 407 who\r\n\r\n")},
	 PROXY_REFUSED,
	 ERR_STATE,
	 "password"},
	{"HTTP, not reached",
	 "http://h",
	 &v4,
	 {LINE("CONNECT 203.0.113.7:6881 HTTP/1.1\r\n"
	       "Host: 203.0.113.7:6881\r\n\r\n",
	       "HTTP/1.1 502 no\r\n\r\n")},
	 PROXY_REFUSED,
	 ERR_IO,
	 "502"},
	{"HTTP, no HTTP",
	 "http://h",
	 &v4,
	 {LINE("CONNECT 203.0.113.7:6881 HTTP/1.1\r\n"
	       "Host: 203.0.113.7:6881\r\n\r\n",
	       "200\r\n\r\n")},
	 PROXY_REFUSED,
	 ERR_PARSE,
	 "no HTTP"},
};

/* `step` bytes at a time, and behind them a byte of the peer's. */
static void run_talk(const struct talk *t, size_t step)
{
	struct proxy p;
	struct proxy_hand h;
	enum proxy_state state = PROXY_GOING;
	struct err e = {0};

	CHECK(proxy_parse(&p, t->proxy, &e) == ERR_NONE, "%s", e.msg);
	if (t->to)
		proxy_hand_tcp(&h, &p, t->to);
	else
		proxy_hand_udp(&h, &p);
	for (size_t i = 0; i < 4 && t->lines[i].say; i++) {
		const struct line *l = &t->lines[i];
		uint8_t answer[200];
		size_t len, used;
		const uint8_t *out = proxy_hand_output(&h, &len);

		CHECK(len == l->say_len && memcmp(out, l->say, len) == 0,
		      "%s: line %zu is of %zu bytes", t->name, i, len);
		proxy_hand_sent(&h, len);
		memcpy(answer, l->answer, l->answer_len);
		answer[l->answer_len] = 'x';
		for (size_t at = 0; at < l->answer_len && state == PROXY_GOING;
		     at += used) {
			size_t n = l->answer_len - at;
			bool last = i == 3 || !t->lines[i + 1].say;

			n = n < step ? n : n == step || !last ? step : n + 1;
			state = proxy_hand_feed(&h, answer + at, n, &used, &e);
			CHECK(at + used <= l->answer_len,
			      "%s: it took the peer's bytes", t->name);
		}
	}
	CHECK(state == t->want && e.code == t->code && strstr(e.msg, t->says),
	      "%s: state %d, %s", t->name, (int)state, e.msg);
}

static void talks_end_as_they_should(void)
{
	for (size_t i = 0; i < ROWS(talks); i++) {
		run_talk(&talks[i], 1);
		run_talk(&talks[i], 1000);
	}
}

static void the_relay_is_where_it_says(void)
{
	static const struct {
		const char *name, *reply;
		size_t len;
		uint8_t ip[16];
		uint16_t port;
	} rows[] = {
		{"IPv4",
		 OK_V4,
		 sizeof(OK_V4) - 1,
		 {[10] = 0xff, [11] = 0xff, 10, 0, 0, 1},
		 0x1234},
		{"the proxy's own address",
		 "\x05\x00\x00\x01\0\0\0\0\x12\x34",
		 10,
		 {0},
		 0x1234},
		{"a name is the proxy's own",
		 "\x05\x00\x00\x03\x01h\x12\x34",
		 8,
		 {0},
		 0x1234},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct proxy p = {.kind = PROXY_SOCKS5};
		struct proxy_hand h;
		size_t used, len;
		struct err e = {0};

		proxy_hand_udp(&h, &p);
		(void)proxy_hand_output(&h, &len);
		proxy_hand_sent(&h, len);
		CHECK(proxy_hand_feed(&h, (const uint8_t *)"\x05\x00", 2, &used,
				      &e) == PROXY_GOING,
		      "%s", e.msg);
		(void)proxy_hand_output(&h, &len);
		proxy_hand_sent(&h, len);
		CHECK(proxy_hand_feed(&h, (const uint8_t *)rows[i].reply,
				      rows[i].len, &used, &e) == PROXY_THROUGH,
		      "%s: %s", rows[i].name, e.msg);
		CHECK(memcmp(h.bound.ip, rows[i].ip, 16) == 0 &&
			      h.bound.port == rows[i].port,
		      "%s: port %u", rows[i].name, h.bound.port);
	}
}

static void who_answers_too_much_is_refused(void)
{
	struct proxy p = {.kind = PROXY_HTTP};
	struct proxy_hand h;
	enum proxy_state state = PROXY_GOING;
	struct err e = {0};
	size_t used, len, n = 0;

	proxy_hand_tcp(&h, &p, &v4);
	CHECK(proxy_hand_feed(&h, (const uint8_t *)"H", 1, &used, &e) ==
		      PROXY_REFUSED,
	      "before it was asked");
	proxy_hand_tcp(&h, &p, &v4);
	(void)proxy_hand_output(&h, &len);
	proxy_hand_sent(&h, len);
	for (; state == PROXY_GOING && n < 10000; n++)
		state = proxy_hand_feed(&h, (const uint8_t *)"a", 1, &used, &e);
	CHECK(state == PROXY_REFUSED && n == PROXY_HEAD_MAX, "after %zu", n);
}

/* The longest of everything fits what is said. */
static void the_longest_request_fits(void)
{
	struct proxy p = {.kind = PROXY_HTTP};
	struct wire_addr far;
	struct proxy_hand h;
	size_t len;
	const uint8_t *out;

	memset(p.user, 'u', PROXY_NAME_MAX);
	memset(p.pass, 'p', PROXY_NAME_MAX);
	memset(&far, 0xee, sizeof(far));
	proxy_hand_tcp(&h, &p, &far);
	out = proxy_hand_output(&h, &len);
	CHECK(len > 800 && len < PROXY_SAY_MAX &&
		      memcmp(out + len - 4, "\r\n\r\n", 4) == 0,
	      "%zu bytes", len);
}

static void datagrams_are_wrapped_and_unwrapped(void)
{
	static const struct {
		const char *name, *bytes;
		size_t len, want;
	} rows[] = {
		{"IPv4", "\0\0\0\x01\xcb\x00\x71\x07\x1a\xe1hello", 15, 10},
		{"nothing in it", "\0\0\0\x01\xcb\x00\x71\x07\x1a\xe1", 10, 10},
		{"IPv6",
		 "\0\0\0\x04"
		 "0123456789abcdef\x1a\xe1hello",
		 27, 22},
		{"a fragment", "\0\0\1\x01\xcb\x00\x71\x07\x1a\xe1hello", 15,
		 0},
		{"from a name", "\0\0\0\x03\x01h\x1a\xe1hello", 13, 0},
		{"cut off", "\0\0\0\x01\xcb\x00\x71\x07\x1a", 9, 0},
		{"empty", "", 0, 0},
	};
	uint8_t head[PROXY_UDP_HEAD];
	struct wire_addr from;

	for (size_t i = 0; i < ROWS(rows); i++)
		CHECK(proxy_udp_unwrap(&from, (const uint8_t *)rows[i].bytes,
				       rows[i].len) == rows[i].want,
		      "%s", rows[i].name);
	CHECK(proxy_udp_wrap(head, &v4) == 10 &&
		      proxy_udp_unwrap(&from, head, 10) == 10 &&
		      memcmp(&from, &v4, sizeof(from)) == 0,
	      "IPv4 there and back");
	CHECK(proxy_udp_wrap(head, &v6) == 22 &&
		      proxy_udp_unwrap(&from, head, 22) == 22 &&
		      memcmp(&from, &v6, sizeof(from)) == 0,
	      "IPv6 there and back");
}

int main(void)
{
	settings_are_read();
	a_long_password_is_refused();
	talks_end_as_they_should();
	the_relay_is_where_it_says();
	who_answers_too_much_is_refused();
	the_longest_request_fits();
	datagrams_are_wrapped_and_unwrapped();
	return CHECK_EXIT();
}
