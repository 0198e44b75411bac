#include "wire/torrent/magnet.h"

#include "base/hex.h"
#include "tests/check.h"

#include <stdlib.h>
#include <string.h>

#define V1 "c12fe1c06bba254a9dc9f519b335aa7c1367a88a"
#define V1_32 "YEX6DQDLXISUVHOJ6UM3GNNKPQJWPKEK"
#define V2 \
	"1220caf1e1c30e81cb361b9ee167c4aa64228a7fa4fa9f6105232b28ad099f3a302e"
#define OTHER "0000000000000000000000000000000000000001"

/* All of a magnet as one text. */
static const char *shown(const struct magnet *m)
{
	static char out[4096];
	char v1[41] = "-", v2[65] = "-";
	size_t n;

	if (m->has_v1)
		hex_encode(v1, m->hash.bytes, 20);
	if (m->has_v2)
		hex_encode(v2, m->hash_v2.bytes, 32);
	n = (size_t)snprintf(out, sizeof(out), "%.4s %.4s [%s]", v1, v2,
			     m->name ? m->name : "");
	for (uint32_t i = 0; i < m->tracker_count; i++)
		n += (size_t)snprintf(out + n, sizeof(out) - n, " tr=%s",
				      m->trackers[i]);
	for (uint32_t i = 0; i < m->seed_count; i++)
		n += (size_t)snprintf(out + n, sizeof(out) - n, " ws=%s",
				      m->seeds[i]);
	for (uint32_t i = 0; i < m->peer_count; i++)
		n += (size_t)snprintf(out + n, sizeof(out) - n, " pe=%s",
				      m->peers[i]);
	for (uint32_t i = 0; i < m->range_count; i++)
		n += (size_t)snprintf(out + n, sizeof(out) - n, " so=%u-%u",
				      m->ranges[i].first, m->ranges[i].last);
	return out;
}

static void links_are_read_or_refused(void)
{
	static const struct {
		const char *name, *in, *want; /* want NULL: refused */
	} rows[] = {
		{"a hash in hexadecimal", "magnet:?xt=urn:btih:" V1,
		 "c12f - []"},
		{"upper case all over",
		 "MAGNET:?XT=URN:BTIH:C12FE1C06BBA254A9DC9F519B335AA7C1367A88A",
		 "c12f - []"},
		{"a hash in base32", "magnet:?xt=urn:btih:" V1_32, "c12f - []"},
		{"base32 in lower case",
		 "magnet:?xt=urn:btih:yex6dqdlxisuvhoj6um3gnnkpqjwpkek",
		 "c12f - []"},
		{"v2 alone", "magnet:?xt=urn:btmh:" V2, "- caf1 []"},
		{"hybrid", "magnet:?xt=urn:btih:" V1 "&xt=urn:btmh:" V2,
		 "c12f caf1 []"},
		{"numbered keys",
		 "magnet:?xt.1=urn:btih:" V1 "&xt.2=urn:btmh:" V2
		 "&tr.1=http://a/announce&tr.2=http://b/announce",
		 "c12f caf1 [] tr=http://a/announce tr=http://b/announce"},
		{"the same hash twice",
		 "magnet:?xt=urn:btih:" V1 "&xt=urn:btih:" V1_32, "c12f - []"},
		{"another network beside it",
		 "magnet:?xt=urn:ed2k:31D6CFE0D16AE931B73C59D7E0C089C0"
		 "&xt=urn:btih:" V1,
		 "c12f - []"},
		{"the hash percent-encoded", "magnet:?xt=urn%3Abtih%3A" V1,
		 "c12f - []"},
		{"a name with blanks and percents",
		 "magnet:?dn=a+b%20c%2Bd%C3%A9%zz&xt=urn:btih:" V1,
		 "c12f - [a b c+d\xc3\xa9%zz]"},
		{"a name that would garble a terminal",
		 "magnet:?dn=a%1b%0a%ff%C2%80b&xt=urn:btih:" V1,
		 "c12f - [a____b]"},
		{"the first name counts", "magnet:?dn=a&dn=b&xt=urn:btih:" V1,
		 "c12f - [a]"},
		{"an empty name is none", "magnet:?dn=&xt=urn:btih:" V1,
		 "c12f - []"},
		{"trackers in their order, each once",
		 "magnet:?xt=urn:btih:" V1 "&tr=udp%3A%2F%2Fb%3A1&tr=http://a/"
		 "announce%3Fk%3D1%262&tr=udp://b:1",
		 "c12f - [] tr=udp://b:1 tr=http://a/announce?k=1&2"},
		{"a plus in a tracker stays",
		 "magnet:?xt=urn:btih:" V1 "&tr=http://a/a+b",
		 "c12f - [] tr=http://a/a+b"},
		{"trackers that are no words are left out",
		 "magnet:?xt=urn:btih:" V1 "&tr=&tr=http://a/%20&tr=http://%ff"
		 "&tr=%0d%0a",
		 "c12f - []"},
		{"copied from a page",
		 "magnet:?xt=urn:btih:" V1 "&amp;dn=x&amp;tr=http://a/",
		 "c12f - [x] tr=http://a/"},
		{"web seeds", "magnet:?xt=urn:btih:" V1 "&ws=http://w/%2520",
		 "c12f - [] ws=http://w/%20"},
		{"peers: IPv4, IPv6 and names",
		 "magnet:?xt=urn:btih:" V1 "&x.pe=10.0.0.1:6881&x.pe=[::1]:1"
		 "&x.pe=host.example:65535&x.pe=10.0.0.1:6881",
		 "c12f - [] pe=10.0.0.1:6881 pe=[::1]:1 pe=host.example:65535"},
		{"peers that are none are left out",
		 "magnet:?xt=urn:btih:" V1
		 "&x.pe=10.0.0.1&x.pe=:1&x.pe=a:0&x.pe=a:65536&x.pe=a:&x.pe="
		 "[]:1&x.pe=::1:5&x.pe=[::1:5&x.pe=a%20b:1&x.pe=a:1x"
		 "&x.pe=[::1]2:3&x.pe=::1]:5",
		 "c12f - []"},
		{"files wanted, sorted and joined",
		 "magnet:?xt=urn:btih:" V1 "&so=9,2,4-6,5-7,0,1",
		 "c12f - [] so=0-2 so=4-7 so=9-9"},
		{"unknown keys, none and empty ones",
		 "magnet:?&&x=1&xt=urn:btih:" V1 "&&kt=a&=b&xs&as=&xt",
		 "c12f - []"},
		{"a key that only begins like one",
		 "magnet:?xt=urn:btih:" V1 "&dnx=a&dn.x=b&xtra=urn:btih:" OTHER,
		 "c12f - []"},
		{"no link", "http://example/x.torrent", NULL},
		{"no question mark", "magnet:xt=urn:btih:" V1, NULL},
		{"no hash", "magnet:?dn=x", NULL},
		{"nothing", "magnet:?", NULL},
		{"a hash of another network only",
		 "magnet:?xt=urn:sha1:YNCKHTQCWBTRNJIV4WNAE52SJUQCZO5C", NULL},
		{"a hash too short", "magnet:?xt=urn:btih:c12f", NULL},
		{"a hash too long", "magnet:?xt=urn:btih:" V1 "0", NULL},
		{"a hash that is no hexadecimal",
		 "magnet:?xt=urn:btih:x12fe1c06bba254a9dc9f519b335aa7c1367a88a",
		 NULL},
		{"a hash with a prefix instead of digits",
		 "magnet:?xt=urn:btih:0x2fe1c06bba254a9dc9f519b335aa7c1367a88a",
		 NULL},
		{"a hash that is no base32",
		 "magnet:?xt=urn:btih:1EX6DQDLXISUVHOJ6UM3GNNKPQJWPKEK", NULL},
		{"two torrents",
		 "magnet:?xt=urn:btih:" V1 "&xt=urn:btih:" OTHER, NULL},
		{"a multihash that is no SHA-256",
		 "magnet:?xt=urn:btmh:1114c12fe1c06bba254a9dc9f519b335aa7c1367"
		 "a88a",
		 NULL},
		{"a multihash cut off", "magnet:?xt=urn:btmh:1220caf1", NULL},
		{"files: no number", "magnet:?xt=urn:btih:" V1 "&so=a", NULL},
		{"files: a range backwards",
		 "magnet:?xt=urn:btih:" V1 "&so=5-2", NULL},
		{"files: an open range", "magnet:?xt=urn:btih:" V1 "&so=5-",
		 NULL},
		{"files: a comma at the end",
		 "magnet:?xt=urn:btih:" V1 "&so=5,", NULL},
		{"files: more than a torrent has",
		 "magnet:?xt=urn:btih:" V1 "&so=0-100000", NULL},
		{"files: a number past 32 bits",
		 "magnet:?xt=urn:btih:" V1 "&so=4294967296", NULL},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct magnet m;
		struct err e = {0};
		enum err_code code = magnet_parse(&m, rows[i].in, &e);

		CHECK((code == ERR_NONE) == (rows[i].want != NULL) &&
			      (code == ERR_NONE || code == ERR_PARSE),
		      "%s: %d %s", rows[i].name, code, e.msg);
		if (code != ERR_NONE) {
			CHECK(!m.owned, "%s: not empty", rows[i].name);
			continue;
		}
		CHECK(strcmp(shown(&m), rows[i].want) == 0, "%s: %s",
		      rows[i].name, shown(&m));
		magnet_clear(&m);
	}
}

static void what_is_written_is_read_back(void)
{
	static const char in[] =
		"magnet:?xt=urn:btih:" V1 "&xt=urn:btmh:" V2
		"&dn=a%20%26%20b%2B%25%C3%A9&tr=http%3A%2F%2Fa%2Fannounce%3Fk"
		"%3D1%262&ws=http%3A%2F%2Fw%2F&x.pe=%5B%3A%3A1%5D%3A5&so=0-2,"
		"7";
	struct magnet m, again;
	char first[4096], *out;

	CHECK(magnet_parse(&m, in, NULL) == ERR_NONE, "unreadable");
	CHECK(magnet_print(&out, &m, NULL) == ERR_NONE, "not written");
	CHECK(strcmp(out, in) == 0, "%s", out);
	(void)snprintf(first, sizeof(first), "%s", shown(&m));
	CHECK(magnet_parse(&again, out, NULL) == ERR_NONE, "unreadable");
	CHECK(strcmp(first, shown(&again)) == 0, "%s", shown(&again));
	free(out);
	magnet_clear(&m);
	magnet_clear(&again);
}

static void wanted_files_are_told(void)
{
	static const struct {
		const char *so;
		uint32_t file;
		bool want;
	} rows[] = {
		{"", 5, true},		 {"&so=0,3-4", 0, true},
		{"&so=0,3-4", 1, false}, {"&so=0,3-4", 3, true},
		{"&so=0,3-4", 4, true},	 {"&so=0,3-4", 5, false},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		char text[128];
		struct magnet m;

		(void)snprintf(text, sizeof(text), "magnet:?xt=urn:btih:%s%s",
			       V1, rows[i].so);
		CHECK(magnet_parse(&m, text, NULL) == ERR_NONE, "unreadable");
		CHECK(magnet_wants(&m, rows[i].file) == rows[i].want,
		      "%s: file %u", rows[i].so, rows[i].file);
		magnet_clear(&m);
	}
}

/* Appends `n` values, numbered, to a link. */
static char *with_many(const char *key, const char *value, unsigned n)
{
	char *text = malloc(MAGNET_MAX_BYTES + 200);
	size_t len = (size_t)sprintf(text, "magnet:?xt=urn:btih:%s", V1);

	for (unsigned i = 0; i < n; i++)
		len += (size_t)sprintf(text + len, "%s%u%s", key, i, value);
	return text;
}

static void what_is_too_much_is_left_out_or_refused(void)
{
	char *trackers =
		with_many("&tr=http://a/", "", MAGNET_MAX_TRACKERS + 1);
	char *peers = with_many("&x.pe=a", ":1", MAGNET_MAX_PEERS + 1);
	char *seeds = with_many("&ws=http://a/", "", MAGNET_MAX_SEEDS + 1);
	char *ranges = malloc(MAGNET_MAX_BYTES + 200);
	size_t len = (size_t)sprintf(ranges, "magnet:?xt=urn:btih:%s&so=0", V1);
	struct magnet m;

	CHECK(magnet_parse(&m, trackers, NULL) == ERR_NONE &&
		      m.tracker_count == MAGNET_MAX_TRACKERS,
	      "trackers: %u", m.tracker_count);
	magnet_clear(&m);
	CHECK(magnet_parse(&m, peers, NULL) == ERR_NONE &&
		      m.peer_count == MAGNET_MAX_PEERS,
	      "peers: %u", m.peer_count);
	magnet_clear(&m);
	CHECK(magnet_parse(&m, seeds, NULL) == ERR_NONE &&
		      m.seed_count == MAGNET_MAX_SEEDS,
	      "seeds: %u", m.seed_count);
	magnet_clear(&m);
	for (unsigned i = 1; i < MAGNET_MAX_RANGES; i++)
		len += (size_t)sprintf(ranges + len, ",%u", 2 * i);
	CHECK(magnet_parse(&m, ranges, NULL) == ERR_NONE &&
		      m.range_count == MAGNET_MAX_RANGES,
	      "ranges: %u", m.range_count);
	magnet_clear(&m);
	(void)sprintf(ranges + len, ",1");
	CHECK(magnet_parse(&m, ranges, NULL) == ERR_LIMIT, "ranges taken");
	len = (size_t)sprintf(trackers, "magnet:?xt=urn:btih:%s&dn=", V1);
	memset(trackers + len, 'x', MAGNET_MAX_BYTES - len);
	trackers[MAGNET_MAX_BYTES] = '\0';
	CHECK(magnet_parse(&m, trackers, NULL) == ERR_NONE &&
		      strlen(m.name) == MAGNET_MAX_NAME,
	      "a long name");
	magnet_clear(&m);
	strcat(trackers, "x");
	CHECK(magnet_parse(&m, trackers, NULL) == ERR_LIMIT, "a long link");
	free(trackers);
	free(peers);
	free(seeds);
	free(ranges);
}

/* A long name is not cut within a character. */
static void a_name_is_cut_between_characters(void)
{
	char text[600] = "magnet:?xt=urn:btih:" V1 "&dn=x";
	struct magnet m;

	for (int i = 0; i < 200; i++)
		strcat(text, "\xc3\xa9");
	CHECK(magnet_parse(&m, text, NULL) == ERR_NONE, "unreadable");
	CHECK(strlen(m.name) == 255 && !strchr(m.name, '_'), "%s", m.name);
	magnet_clear(&m);
	memmove(strstr(text, "dn=x") + 3, strstr(text, "dn=x") + 4, 401);
	CHECK(magnet_parse(&m, text, NULL) == ERR_NONE, "unreadable");
	CHECK(strlen(m.name) == 254 && !strchr(m.name, '_'), "%s", m.name);
	magnet_clear(&m);
}

static void a_torrent_has_a_link(void)
{
	struct metainfo_tracker trackers[] = {{"http://a/announce", 0},
					      {"udp://b:1", 1}};
	struct metainfo info = {.v1 = true,
				.name = "a b",
				.trackers = trackers,
				.tracker_count = 2};
	char *out;

	memset(info.info_hash.bytes, 0xab, 20);
	CHECK(magnet_of(&out, &info, NULL, 0, NULL) == ERR_NONE, "not written");
	CHECK(strcmp(out, "magnet:?xt=urn:btih:"
			  "abababababababababababababababababababab"
			  "&dn=a%20b&tr=http%3A%2F%2Fa%2Fannounce"
			  "&tr=udp%3A%2F%2Fb%3A1") == 0,
	      "%s", out);
	free(out);
}

/* What a link tells, and the torrent that its info dictionary makes of it. */
static void a_link_becomes_a_torrent(void)
{
	static const char info[] = "d6:lengthi5e4:name1:x12:piece lengthi16384e"
				   "6:pieces20:aaaaaaaaaaaaaaaaaaaae";
	static const char *const tails[] = {
		"&dn=shown&tr=http://a/announce&tr=udp://b:1&ws=http://w/",
		"&tr=http://a/announce", ""};

	for (size_t i = 0; i < ROWS(tails); i++) {
		struct magnet link;
		struct metainfo told, whole;
		char text[300];
		uint8_t *file;
		size_t len;

		(void)snprintf(text, sizeof(text), "magnet:?xt=urn:btih:%s%s",
			       V1, tails[i]);
		CHECK(magnet_parse(&link, text, NULL) == ERR_NONE &&
			      magnet_metainfo(&told, &link, NULL) == ERR_NONE,
		      "unreadable");
		CHECK(strcmp(told.name, i ? V1 : "shown") == 0 &&
			      told.piece_count == 0 && told.v1 && !told.v2,
		      "%s", told.name);
		magnet_clear(&link);
		CHECK(magnet_make_torrent(&file, &len, &told,
					  (const uint8_t *)info,
					  sizeof(info) - 1, NULL) == ERR_NONE &&
			      metainfo_parse(&whole, file, len, NULL) ==
				      ERR_NONE,
		      "no torrent: %s", tails[i]);
		CHECK(whole.tracker_count == told.tracker_count &&
			      whole.web_seed_count == told.web_seed_count &&
			      strcmp(whole.name, "x") == 0,
		      "other content: %s", tails[i]);
		for (uint32_t k = 0; k < whole.tracker_count; k++)
			CHECK(whole.trackers[k].tier == k &&
				      strcmp(whole.trackers[k].url,
					     told.trackers[k].url) == 0,
			      "tracker %u", k);
		free(file);
		metainfo_clear(&told);
		metainfo_clear(&whole);
	}
}

int main(void)
{
	links_are_read_or_refused();
	what_is_written_is_read_back();
	wanted_files_are_told();
	what_is_too_much_is_left_out_or_refused();
	a_name_is_cut_between_characters();
	a_torrent_has_a_link();
	a_link_becomes_a_torrent();
	return CHECK_EXIT();
}
