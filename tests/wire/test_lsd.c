#include "wire/find/lsd.h"

#include "tests/check.h"

#include <stdio.h>
#include <string.h>

#define T0 1000000
#define S 1000

static struct lsd_msg m, back;
static char buf[LSD_BYTES_MAX];

#define HASH "0123456789abcdef0123456789abcdef01234567"

static struct info_hash hash_of(unsigned n)
{
	struct info_hash h = {{(uint8_t)(n >> 8), (uint8_t)n}};

	return h;
}

static void it_is_written_as_in_the_bep(void)
{
	static const char want[] =
		"BT-SEARCH * HTTP/1.1\r\n"
		"Host: 239.192.152.143:6771\r\n"
		"Port: 6881\r\n"
		"Infohash: 0001000000000000000000000000000000"
		"000000\r\n"
		"cookie: abc\r\n\r\n\r\n";
	size_t n;

	m = (struct lsd_msg){.port = 6881, .n_hashes = 1, .cookie = "abc"};
	m.hashes[0] = hash_of(1);
	n = lsd_encode(buf, &m, LSD_GROUP4);
	CHECK(n == sizeof(want) - 1 && memcmp(buf, want, n) == 0, "%.*s",
	      (int)n, buf);
	m.n_hashes = LSD_SAY_MAX;
	m.port = UINT16_MAX;
	memset(m.cookie, 'c', LSD_COOKIE_MAX);
	n = lsd_encode(buf, &m, "[" LSD_GROUP6 "]");
	CHECK(n > 0, "the longest that we say");
	CHECK(lsd_decode(&back, (uint8_t *)buf, n, NULL) == ERR_NONE &&
		      back.n_hashes == LSD_SAY_MAX && back.port == UINT16_MAX,
	      "read");
	m.n_hashes = LSD_HEAR_MAX;
	CHECK(lsd_encode(buf, &m, "[" LSD_GROUP6 "]") == 0, "too long");
}

static void what_others_say_is_read(void)
{
	static const struct {
		const char *name, *text;
		uint16_t port;
		uint32_t hashes;
		const char *cookie;
	} rows[] = {
		{"libtorrent's",
		 "BT-SEARCH * HTTP/1.1\r\nHost: 239.192.152.143:6771\r\n"
		 "Port: 6881\r\nInfohash: " HASH
		 "\r\ncookie: 7fffffff\r\n\r\n\r\n",
		 6881, 1, "7fffffff"},
		{"without a cookie",
		 "BT-SEARCH * HTTP/1.1\r\nPort: 1\r\nInfohash: " HASH
		 "\r\n\r\n\r\n",
		 1, 1, ""},
		{"names in any case, spaces, plain newlines",
		 "BT-SEARCH * HTTP/1.1\nPORT:  77 \nINFOHASH:" HASH
		 "\nX-Y: z\nCookie:\tq\t\n\n",
		 77, 1, "q"},
		{"several hashes",
		 "BT-SEARCH * HTTP/1.1\r\nPort: 1\r\nInfohash: " HASH
		 "\r\nInfohash: " HASH "\r\n",
		 1, 2, ""},
		{"a hash among what is none",
		 "BT-SEARCH * HTTP/1.1\r\nPort: 1\r\nInfohash: xyz\r\n"
		 "Infohash: 0x23456789abcdef0123456789abcdef01234567\r\n"
		 "Infohash: " HASH "\r\n\r\n",
		 1, 1, ""},
		{"what is behind the empty line",
		 "BT-SEARCH * HTTP/1.1\r\nPort: 1\r\nInfohash: " HASH
		 "\r\n\r\nPort: 2\r\n",
		 1, 1, ""},
		{"a cookie that is too long",
		 "BT-SEARCH * HTTP/1.1\r\nPort: 1\r\nInfohash: " HASH
		 "\r\ncookie: 123456789012345678901234567890123\r\n\r\n",
		 1, 1, ""},
		{"nothing", "", 0, 0, ""},
		{"another method",
		 "M-SEARCH * HTTP/1.1\r\nPort: 1\r\nInfohash: " HASH "\r\n\r\n",
		 0, 0, ""},
		{"no hash", "BT-SEARCH * HTTP/1.1\r\nPort: 1\r\n\r\n", 0, 0,
		 ""},
		{"no port",
		 "BT-SEARCH * HTTP/1.1\r\nInfohash: " HASH "\r\n\r\n", 0, 0,
		 ""},
		{"port 0",
		 "BT-SEARCH * HTTP/1.1\r\nPort: 0\r\nInfohash: " HASH
		 "\r\n\r\n",
		 0, 0, ""},
		{"port 65536",
		 "BT-SEARCH * HTTP/1.1\r\nPort: 65536\r\nInfohash: " HASH
		 "\r\n\r\n",
		 0, 0, ""},
		{"a port of many digits",
		 "BT-SEARCH * HTTP/1.1\r\nPort: 42949672971\r\n"
		 "Infohash: " HASH "\r\n\r\n",
		 0, 0, ""},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		bool good = lsd_decode(&back, (const uint8_t *)rows[i].text,
				       strlen(rows[i].text), NULL) == ERR_NONE;

		CHECK(good == (rows[i].port > 0), "%s", rows[i].name);
		CHECK(!good || (back.port == rows[i].port &&
				back.n_hashes == rows[i].hashes &&
				strcmp(back.cookie, rows[i].cookie) == 0),
		      "%s: %u, %u hashes, %s", rows[i].name, back.port,
		      back.n_hashes, back.cookie);
	}
	memset(buf, 'x', sizeof(buf));
	CHECK(lsd_decode(&back, (uint8_t *)buf, LSD_BYTES_MAX + 1, NULL) ==
		      ERR_LIMIT,
	      "a long one");
}

static uint32_t said(struct lsd *l, int64_t now)
{
	return lsd_next(l, &m, now) ? m.n_hashes : 0;
}

static void a_torrent_is_told_every_five_minutes(void)
{
	const struct info_hash one = hash_of(1), two = hash_of(2);
	struct lsd *l = lsd_new(rng_seeded(1));

	CHECK(lsd_wake_ms(l) == INT64_MAX && !said(l, T0), "nothing to tell");
	(void)!lsd_add(l, &one, NULL);
	CHECK(lsd_add(l, &one, NULL) == ERR_NONE, "twice is once");
	CHECK(said(l, T0) == 1 && info_hash_eq(&m.hashes[0], &one) &&
		      m.cookie[0],
	      "at once");
	CHECK(lsd_wake_ms(l) == T0 + LSD_AGAIN_MS && !said(l, T0 + 299 * S),
	      "not again");
	(void)!lsd_add(l, &two, NULL);
	CHECK(said(l, T0 + 299 * S) == 1 && info_hash_eq(&m.hashes[0], &two),
	      "a new one");
	CHECK(said(l, T0 + 300 * S) == 1 && info_hash_eq(&m.hashes[0], &one),
	      "again");
	CHECK(said(l, T0 + 700 * S) == 2, "both in one");
	lsd_remove(l, &one);
	lsd_remove(l, &one);
	CHECK(said(l, T0 + 1100 * S) == 1 && info_hash_eq(&m.hashes[0], &two),
	      "gone");
	lsd_remove(l, &two);
	CHECK(lsd_wake_ms(l) == INT64_MAX, "all gone");
	lsd_free(l);
}

static void there_is_one_datagram_a_minute(void)
{
	struct lsd *l = lsd_new(rng_seeded(1));
	unsigned n = 0, hashes = 0;

	for (unsigned i = 0; i < 1000; i++) {
		struct info_hash h = hash_of(i);

		(void)!lsd_add(l, &h, NULL);
	}
	for (int64_t now = T0; now < T0 + 600 * S; now += 100)
		while (said(l, now)) {
			n++;
			hashes += m.n_hashes;
			CHECK(m.n_hashes <= LSD_SAY_MAX, "%u", m.n_hashes);
		}
	CHECK(n >= 13 && n <= 10 + LSD_SAY_BURST, "%u in ten minutes", n);
	CHECK(hashes == n * LSD_SAY_MAX, "full ones");
	lsd_free(l);
}

static void our_own_words_and_floods_are_not_heard(void)
{
	struct lsd *l = lsd_new(rng_seeded(1)), *other = lsd_new(rng_seeded(2));
	const struct info_hash one = hash_of(1);
	unsigned heard = 0;
	size_t n;

	(void)!lsd_add(l, &one, NULL);
	(void)said(l, T0);
	m.port = 7;
	n = lsd_encode(buf, &m, LSD_GROUP4);
	CHECK(!lsd_hear(l, &back, T0, (uint8_t *)buf, n), "ours");
	CHECK(lsd_hear(other, &back, T0, (uint8_t *)buf, n) && back.port == 7,
	      "another's");
	CHECK(!lsd_hear(other, &back, T0, (uint8_t *)buf, 10), "nonsense");
	for (unsigned i = 0; i < 1000; i++)
		heard +=
			lsd_hear(other, &back, T0 + 100 * S, (uint8_t *)buf, n);
	CHECK(heard == LSD_HEAR_BURST, "%u at once", heard);
	CHECK(lsd_hear(other, &back, T0 + 101 * S, (uint8_t *)buf, n), "later");
	lsd_free(l);
	lsd_free(other);
}

int main(void)
{
	it_is_written_as_in_the_bep();
	what_others_say_is_read();
	a_torrent_is_told_every_five_minutes();
	there_is_one_datagram_a_minute();
	our_own_words_and_floods_are_not_heard();
	return CHECK_EXIT();
}
