#include "wire/find/udp_client.h"

#include "tests/check.h"

#include <stdlib.h>
#include <string.h>

#define T0 1000000
#define S 1000

static struct udp_client *c;
static uint8_t out[UDP_MSG_OUT_MAX];
static size_t out_len;
static struct wire_addr to;
static struct udp_result result;

static struct wire_addr server(uint8_t n)
{
	return (struct wire_addr){.ip = {[10] = 0xff, 0xff, 203, 0, 113, n},
				  .port = 6969};
}

static uint64_t ask(uint8_t n, int64_t now)
{
	const struct announce_query q = {.left = 7};
	const struct wire_addr at = server(n);
	uint64_t ticket = 0;

	CHECK(udp_client_announce(c, &ticket, &at, &q, "/a", now, NULL) ==
		      ERR_NONE,
	      "ask");
	return ticket;
}

/* The action that is said now; -1: nothing. */
static int said(int64_t now)
{
	if (!udp_client_send(c, now, &to, out, &out_len))
		return -1;
	return out[11];
}

static bool hear(uint8_t n, int64_t now, const char *head, const char *body,
		 size_t body_len)
{
	const struct wire_addr from = server(n);
	uint8_t bytes[64];

	memcpy(bytes, head, 4);
	memcpy(bytes + 4, out + 12, 4); /* the last one's transaction */
	memcpy(bytes + 8, body, body_len);
	return udp_client_feed(c, now, &from, bytes, 8 + body_len);
}

#define CONNECTED(n, now) hear(n, now, "\0\0\0\0", "connectd", 8)
#define ANNOUNCED(n, now) \
	hear(n, now, "\0\0\0\1", "\0\0\7\10\0\0\0\1\0\0\0\2", 12)

static void begin(void)
{
	c = udp_client_new(rng_seeded(1));
}

static void finish(void)
{
	udp_client_free(c);
}

static void an_announce_needs_an_id_first(void)
{
	uint64_t ticket;

	begin();
	CHECK(udp_client_wake_ms(c) == INT64_MAX, "nothing to do");
	ticket = ask(1, T0);
	CHECK(udp_client_wake_ms(c) == T0, "at once");
	CHECK(said(T0) == UDP_CONNECT && to.ip[15] == 1, "connect");
	CHECK(said(T0) == -1, "once");
	CHECK(CONNECTED(1, T0 + 5), "taken");
	CHECK(said(T0 + 5) == UDP_ANNOUNCE && memcmp(out, "connectd", 8) == 0,
	      "announce, with the id");
	CHECK(!udp_client_result(c, &result), "not yet");
	CHECK(ANNOUNCED(1, T0 + 9), "answer");
	CHECK(udp_client_result(c, &result) && result.ticket == ticket &&
		      result.err.code == ERR_NONE &&
		      result.reply.announce.seeds == 2,
	      "result");
	CHECK(!udp_client_result(c, &result) && !udp_client_count(c) &&
		      udp_client_wake_ms(c) == INT64_MAX,
	      "over");
	finish();
}

static void an_id_serves_all_for_a_minute(void)
{
	begin();
	(void)ask(1, T0);
	(void)ask(1, T0);
	CHECK(said(T0) == UDP_CONNECT && said(T0) == -1, "one connect");
	(void)CONNECTED(1, T0);
	CHECK(said(T0) == UDP_ANNOUNCE && said(T0) == UDP_ANNOUNCE &&
		      said(T0) == -1,
	      "both");
	(void)ask(1, T0 + 1);
	(void)ask(2, T0 + 1);
	CHECK(said(T0 + 1) == UDP_ANNOUNCE && said(T0 + 1) == UDP_CONNECT &&
		      to.ip[15] == 2,
	      "another server needs its own");
	udp_client_free(c);
	begin();
	(void)ask(1, T0);
	(void)said(T0);
	(void)CONNECTED(1, T0);
	(void)said(T0);
	(void)ANNOUNCED(1, T0);
	(void)ask(1, T0 + UDP_CLIENT_ID_MS);
	CHECK(said(T0 + UDP_CLIENT_ID_MS) == UDP_CONNECT, "it is over");
	finish();
}

static void silence_is_asked_again_and_ends(void)
{
	uint64_t ticket;
	uint8_t first[4];

	begin();
	ticket = ask(1, T0);
	(void)said(T0);
	memcpy(first, out + 12, 4);
	CHECK(udp_client_wake_ms(c) == T0 + 15 * S, "15 s");
	CHECK(said(T0 + 15 * S - 1) == -1, "not before");
	CHECK(said(T0 + 15 * S) == UDP_CONNECT, "again");
	CHECK(memcmp(first, out + 12, 4) != 0, "with another number");
	CHECK(udp_client_wake_ms(c) == T0 + 45 * S, "30 s");
	CHECK(said(T0 + 45 * S) == UDP_CONNECT, "a third time");
	CHECK(said(T0 + 105 * S - 1) == -1, "60 s");
	CHECK(said(T0 + 105 * S) == -1, "no more");
	CHECK(udp_client_result(c, &result) && result.ticket == ticket &&
		      result.err.code == ERR_IO,
	      "no answer");
	finish();
}

static void a_silent_announce_gets_a_new_id(void)
{
	begin();
	(void)ask(1, T0);
	(void)said(T0);
	(void)CONNECTED(1, T0);
	CHECK(said(T0) == UDP_ANNOUNCE, "first");
	CHECK(said(T0 + 15 * S) == UDP_ANNOUNCE, "the same id");
	CHECK(said(T0 + 45 * S) == UDP_ANNOUNCE, "still");
	CHECK(said(T0 + 105 * S) == -1 && udp_client_result(c, &result) &&
		      result.err.code == ERR_IO,
	      "ended");
	udp_client_free(c);
	begin();
	(void)ask(1, T0);
	(void)said(T0);
	(void)CONNECTED(1, T0 + 14 * S);
	CHECK(said(T0 + 60 * S) == UDP_ANNOUNCE, "late");
	CHECK(said(T0 + 75 * S) == UDP_CONNECT, "its id is over");
	(void)CONNECTED(1, T0 + 75 * S);
	CHECK(said(T0 + 75 * S) == UDP_ANNOUNCE, "on");
	finish();
}

static void only_who_was_asked_can_answer(void)
{
	begin();
	(void)ask(1, T0);
	(void)ask(2, T0);
	(void)said(T0);
	(void)said(T0); /* to one of them the last, `out` is its */
	CHECK(!hear((uint8_t)(3 - to.ip[15]), T0, "\0\0\0\0", "connectd", 8),
	      "another server, the right number");
	out[12] ^= 1;
	CHECK(!CONNECTED(to.ip[15], T0), "another number");
	out[12] ^= 1;
	CHECK(CONNECTED(to.ip[15], T0), "the right one");
	CHECK(!CONNECTED(to.ip[15], T0), "not twice");
	CHECK(!udp_client_feed(c, T0, &to, out, 7), "too short for anything");
	finish();
}

static void an_answer_before_the_question_is_none(void)
{
	const struct wire_addr from = server(1);
	static const uint8_t zero[20] = {[3] = 1};

	begin();
	(void)ask(1, T0);
	CHECK(!udp_client_feed(c, T0, &from, zero, sizeof(zero)),
	      "nothing was said yet");
	(void)said(T0);
	(void)CONNECTED(1, T0);
	CHECK(!udp_client_feed(c, T0, &from, zero, sizeof(zero)),
	      "nor the announce");
	finish();
}

static void bad_answers_end_the_question(void)
{
	static const struct {
		const char *name;
		bool to_connect;
		const char *head, *body;
		size_t len;
		enum err_code want;
	} rows[] = {
		{"a refused connect", true, "\0\0\0\3", "go away", 7,
		 ERR_STATE},
		{"a short connect", true, "\0\0\0\0", "abc", 3, ERR_PARSE},
		{"an announce for a connect", true, "\0\0\0\1", "abcdefghijkl",
		 12, ERR_PARSE},
		{"a refused announce", false, "\0\0\0\3", "no such", 7,
		 ERR_STATE},
		{"a short announce", false, "\0\0\0\1", "abc", 3, ERR_PARSE},
		{"a scrape for an announce", false, "\0\0\0\2", "abcdefghijkl",
		 12, ERR_PARSE},
		{"no action of the protocol", false, "\0\0\0\7", "abcdefghijkl",
		 12, ERR_PARSE},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		begin();
		(void)ask(1, T0);
		(void)said(T0);
		if (!rows[i].to_connect) {
			(void)CONNECTED(1, T0);
			(void)said(T0);
		}
		CHECK(hear(1, T0, rows[i].head, rows[i].body, rows[i].len),
		      "%s: not taken", rows[i].name);
		CHECK(udp_client_result(c, &result) &&
			      result.err.code == rows[i].want,
		      "%s: %s", rows[i].name, result.err.msg);
		/* after a refusal nothing is owed to the old id */
		(void)ask(1, T0);
		CHECK(said(T0) ==
			      (rows[i].to_connect || rows[i].want == ERR_STATE
				       ? UDP_CONNECT
				       : UDP_ANNOUNCE),
		      "%s: then", rows[i].name);
		finish();
	}
}

static void a_scrape_goes_the_same_way(void)
{
	const struct wire_addr at = server(1);
	const struct info_hash hash = {{1, 2, 3}};
	uint64_t ticket;

	begin();
	CHECK(udp_client_scrape(c, &ticket, &at, &hash, T0, NULL) == ERR_NONE,
	      "ask");
	(void)said(T0);
	(void)CONNECTED(1, T0);
	CHECK(said(T0) == UDP_SCRAPE && out_len == 36, "scrape");
	CHECK(hear(1, T0, "\0\0\0\2", "\0\0\0\5\0\0\0\6\0\0\0\7", 12), "heard");
	CHECK(udp_client_result(c, &result) &&
		      result.reply.scrapes[0].seeds == 5 &&
		      result.reply.scrapes[0].leechers == 7,
	      "figures");
	finish();
}

static void what_is_cancelled_is_silent(void)
{
	uint64_t ticket;

	begin();
	ticket = ask(1, T0);
	(void)said(T0);
	udp_client_cancel(c, ticket);
	CHECK(said(T0 + 15 * S) == -1, "nobody waits for the id any more");
	CHECK(!udp_client_result(c, &result), "no result");
	udp_client_cancel(c, ticket);
	finish();
}

static void all_is_bounded(void)
{
	const struct announce_query q = {0};
	char path[ANNOUNCE_UDP_PATH_MAX + 2];
	struct wire_addr at = server(1);
	uint64_t ticket;

	begin();
	memset(path, 'x', sizeof(path));
	path[ANNOUNCE_UDP_PATH_MAX + 1] = '\0';
	CHECK(udp_client_announce(c, &ticket, &at, &q, path, T0, NULL) ==
		      ERR_LIMIT,
	      "a long path");
	for (unsigned i = 0; i < UDP_CLIENT_ASKS_MAX; i++)
		CHECK(udp_client_announce(c, &ticket, &at, &q, "", T0, NULL) ==
			      ERR_NONE,
		      "%u", i);
	CHECK(udp_client_announce(c, &ticket, &at, &q, "", T0, NULL) ==
		      ERR_LIMIT,
	      "questions");
	udp_client_free(c);
	begin();
	for (unsigned i = 0; i < UDP_CLIENT_SERVERS_MAX; i++) {
		at.port = (uint16_t)(1000 + i);
		CHECK(udp_client_announce(c, &ticket, &at, &q, "", T0, NULL) ==
			      ERR_NONE,
		      "%u", i);
	}
	at.port = 1;
	CHECK(udp_client_announce(c, &ticket, &at, &q, "", T0, NULL) ==
		      ERR_LIMIT,
	      "servers");
	while (said(T0) >= 0 || said(T0 + 15 * S) >= 0 ||
	       said(T0 + 45 * S) >= 0 || said(T0 + 105 * S) >= 0)
		;
	while (udp_client_result(c, &result))
		;
	CHECK(udp_client_announce(c, &ticket, &at, &q, "", T0, NULL) ==
		      ERR_NONE,
	      "those without questions give way");
	finish();
}

int main(void)
{
	an_announce_needs_an_id_first();
	an_id_serves_all_for_a_minute();
	silence_is_asked_again_and_ends();
	a_silent_announce_gets_a_new_id();
	only_who_was_asked_can_answer();
	an_answer_before_the_question_is_none();
	bad_answers_end_the_question();
	a_scrape_goes_the_same_way();
	what_is_cancelled_is_silent();
	all_is_bounded();
	return CHECK_EXIT();
}
