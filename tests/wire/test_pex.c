#include "wire/peer/pex.h"

#include "tests/check.h"

#include <stdlib.h>
#include <string.h>

static struct pex_msg m, back;
static uint8_t buf[64 * 1024];

static struct wire_addr v4(uint8_t last, uint16_t port)
{
	return (struct wire_addr){.ip = {[10] = 0xff, 0xff, 203, 0, 113, last},
				  .port = port};
}

static struct wire_addr v6(uint8_t last)
{
	return (struct wire_addr){.ip = {0x20, 1, 0xd, 0xb8, [15] = last},
				  .port = 6881};
}

static enum err_code decode(const char *bytes, size_t len)
{
	return pex_decode(&back, (const uint8_t *)bytes, len, NULL);
}

static void it_is_written_as_in_the_bep(void)
{
	static const char want[] =
		"d5:added6:\xcb\0\x71\1\x1a\xe1"
		"7:added.f1:\x12"
		"6:added618:\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\7\x1a\xe1"
		"8:added6.f1:\4"
		"7:dropped6:\xcb\0\x71\2\x1a\xe1"
		"8:dropped618:\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\x9\x1a\xe1"
		"e";
	size_t len;

	m = (struct pex_msg){.n_added = 2, .n_dropped = 2};
	m.added[0] = (struct pex_peer){v6(7), PEX_UTP};
	m.added[1] = (struct pex_peer){v4(1, 6881), PEX_SEED | PEX_REACHABLE};
	m.dropped[0] = v4(2, 6881);
	m.dropped[1] = v6(9);
	len = pex_encode(buf, sizeof(buf), &m);
	CHECK(len == sizeof(want) - 1 && memcmp(buf, want, len) == 0, "%zu",
	      len);
	CHECK(pex_decode(&back, buf, len, NULL) == ERR_NONE &&
		      back.n_added == 2 && back.n_dropped == 2,
	      "read");
	CHECK(wire_addr_eq(&back.added[0].addr, &m.added[1].addr) &&
		      back.added[0].flags == (PEX_SEED | PEX_REACHABLE) &&
		      wire_addr_eq(&back.added[1].addr, &m.added[0].addr) &&
		      wire_addr_eq(&back.dropped[1], &m.dropped[1]),
	      "the same");
	m = (struct pex_msg){0};
	CHECK(pex_encode(buf, sizeof(buf), &m) == 2, "nothing to say");
}

static void all_that_may_be_said_fits(void)
{
	m = (struct pex_msg){.n_added = PEX_SAY_MAX, .n_dropped = PEX_SAY_MAX};
	for (uint32_t i = 0; i < PEX_SAY_MAX; i++) {
		m.added[i].addr = v6((uint8_t)i);
		m.dropped[i] = v6((uint8_t)(100 + i));
	}
	CHECK(pex_encode(buf, PEX_BYTES_MAX, &m) > 1800, "all of IPv6");
	CHECK(pex_encode(buf, 100, &m) == 0, "no room");
}

static void what_is_odd_is_left_out(void)
{
	static const struct {
		const char *name, *bytes;
		size_t len;
		enum err_code want;
		uint32_t added, dropped;
	} rows[] = {
#define ROW(name, bytes, want, added, dropped) \
	{name, bytes, sizeof(bytes) - 1, want, added, dropped}
		ROW("nothing", "", ERR_PARSE, 0, 0),
		ROW("no dictionary", "le", ERR_PARSE, 0, 0),
		ROW("an empty one", "de", ERR_NONE, 0, 0),
		ROW("keys of others", "d1:xi1ee", ERR_NONE, 0, 0),
		ROW("a number for a list", "d5:addedi1ee", ERR_PARSE, 0, 0),
		ROW("a list for flags", "d5:added0:7:added.flee", ERR_PARSE, 0,
		    0),
		ROW("a number for dropped6", "d8:dropped6i1ee", ERR_PARSE, 0,
		    0),
		ROW("a short rest", "d5:added9:\1\2\3\4\5\6\1\2\3e", ERR_NONE,
		    1, 0),
		ROW("port 0", "d5:added6:\1\2\3\4\0\0e", ERR_NONE, 0, 0),
		ROW("multicast", "d5:added6:\xe0\2\3\4\1\1e", ERR_NONE, 0, 0),
		ROW("no address", "d7:dropped6:\0\2\3\4\1\1e", ERR_NONE, 0, 0),
		ROW("dropped", "d7:dropped6:\1\2\3\4\1\1e", ERR_NONE, 0, 1),
	};

	for (size_t i = 0; i < ROWS(rows); i++)
		CHECK(decode(rows[i].bytes, rows[i].len) == rows[i].want &&
			      back.n_added == rows[i].added &&
			      back.n_dropped == rows[i].dropped,
		      "%s: %u, %u", rows[i].name, back.n_added, back.n_dropped);
	CHECK(decode("d5:added12:\1\2\3\4\5\6\1\2\3\4\5\7"
		     "7:added.f1:\xff"
		     "e",
		     36) == ERR_NONE &&
		      back.added[0].flags == PEX_FLAGS && !back.added[1].flags,
	      "flags that are unknown or not there");
}

static void no_more_is_read_than_there_is_room_for(void)
{
	const size_t peers = 2 * PEX_HEAR_MAX, len = peers * 6;
	size_t n =
		(size_t)snprintf((char *)buf, sizeof(buf), "d5:added%zu:", len);

	memset(buf + n, 1, len);
	n += len;
	n += (size_t)snprintf((char *)buf + n, sizeof(buf) - n,
			      "7:dropped%zu:", len);
	memset(buf + n, 1, len);
	n += len;
	buf[n++] = 'e';
	CHECK(pex_decode(&back, buf, n, NULL) == ERR_NONE &&
		      back.n_added == PEX_HEAR_MAX &&
		      back.n_dropped == PEX_HEAR_MAX,
	      "%u, %u", back.n_added, back.n_dropped);
}

int main(void)
{
	it_is_written_as_in_the_bep();
	all_that_may_be_said_fits();
	what_is_odd_is_left_out();
	no_more_is_read_than_there_is_room_for();
	return CHECK_EXIT();
}
