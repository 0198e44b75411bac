#include "storage/rent/rent_msg.h"

#include "base/bencode.h"
#include "base/bytes.h"
#include "tests/check.h"

#include <stdlib.h>
#include <string.h>

static uint8_t bytes[RENT_MSG_MAX + 1], again[RENT_MSG_MAX];
static uint8_t roots[RENT_ROOTS_MAX * 32],
	nodes[RENT_NODES_MAX * RENT_NODE_LEN];

#define VIEW(at, n) ((struct rent_view){at, n})

/* One good message of each kind, at the edge of what it may hold. */
static struct rent_msg sample(enum rent_kind kind)
{
	struct rent_msg m = {.kind = kind, .id = 7};
	struct rent_hello hello = {
		.version = 1, .chain_id = 199, .shown = true};
	struct agreement a = {.number = 3, .sectors = 5, .end = 9, .span = 7};
	struct rent_place place = {.seq = INT64_MAX,
				   .size = RENT_RECORD_MAX,
				   .off = RENT_RECORD_MAX - 5};

	memset(&hello.bank, 'b', 20);
	memset(&hello.account, 'a', 20);
	memset(&hello.sig, 's', 64);
	a.fund = amount_max112();
	switch (kind) {
	case RENT_HELLO:
	case RENT_WELCOME:
		m.id = 0;
		m.u.hello = hello;
		break;
	case RENT_OFFER:
	case RENT_HEAD:
	case RENT_STORED:
		break;
	case RENT_PEERS:
		m.u.peers = RENT_NODES_MAX;
		break;
	case RENT_TELL:
		m.id = 0;
		m.u.tell.nodes = VIEW(nodes, sizeof(nodes));
		break;
	case RENT_NODES:
		break;
	case RENT_HAVE:
		m.u.have.roots = VIEW(roots, RENT_HAVE_MAX * 32);
		break;
	case RENT_WRITE:
		m.u.part.off = RENT_SECTOR - RENT_PART;
		m.bulk = VIEW(roots, RENT_PART);
		break;
	case RENT_REVISE:
		m.u.revise.a = a;

		m.u.revise.add = VIEW(roots, RENT_ADD_MAX * 32);
		m.u.revise.cut = VIEW(roots, (RENT_OPS_MAX - RENT_ADD_MAX) * 4);
		break;
	case RENT_READ:
		m.u.read.len = RENT_SECTOR;
		break;
	case RENT_LIST:
		m.u.page = (struct rent_page){UINT32_MAX, UINT32_MAX,
					      RENT_ROOTS_MAX};
		break;
	case RENT_NEWEST:
	case RENT_LOST:
		break;
	case RENT_PLACE:
		memset(place.id, 'i', 32);
		m.u.place = place;
		m.bulk = VIEW(roots, 5);
		break;
	case RENT_RECORD:
		m.u.place = place;
		m.bulk = VIEW(roots, 1);
		break;
	case RENT_FETCH:
		m.u.fetch.off = RENT_RECORD_MAX - 1;
		break;
	case RENT_KEEP:
	case RENT_KEPT:
		m.u.keep.seq = 1;
		m.bulk = VIEW(roots, RENT_HEAD_MAX);
		break;
	case RENT_SHEET:
		m.u.sheet.room = 12;
		m.u.sheet.sheet.rent = amount_from_u64(5);
		break;
	case RENT_HAS:
		m.u.has.bits = VIEW(roots, RENT_HAVE_MAX / 8);
		break;
	case RENT_SIGNED:
		m.u.sign.due = amount_max112();
		break;
	case RENT_DATA:
		m.u.data.off = RENT_SECTOR - RENT_PART;
		m.u.data.proof = VIEW(roots, RENT_PROOF_MAX * 32);
		m.bulk = VIEW(roots, RENT_PART);
		break;
	case RENT_ROOTS:
	case RENT_LOSSES:
		m.u.list =
			(struct rent_list){8, 8 + RENT_ROOTS_MAX, UINT32_MAX};
		m.bulk = VIEW(roots, sizeof(roots));
		break;
	case RENT_HELD:
		m.u.held.a = a;
		break;
	case RENT_ERROR:
		m.u.error.code = RENT_NO_LAST;
		(void)memcpy(m.u.error.why, "so", 3);
		break;
	}
	return m;
}

static void each_kind_comes_back(void)
{
	for (int k = RENT_HELLO; k <= RENT_ERROR; k++) {
		struct rent_msg m = sample((enum rent_kind)k), back;
		size_t len = rent_msg_encode(&m, bytes, sizeof(bytes)), n;
		struct err e = {0};

		CHECK(len > 0, "%s: not encoded", rent_kind_name(m.kind));
		CHECK(rent_msg_decode(&back, bytes, len, &e) == ERR_NONE, "%s",
		      e.msg);
		CHECK(back.kind == m.kind && back.id == m.id &&
			      back.bulk.len == m.bulk.len,
		      "%s: another", rent_kind_name(m.kind));
		n = rent_msg_encode(&back, again, sizeof(again));
		CHECK(n == len && memcmp(bytes, again, len) == 0,
		      "%s: other bytes", rent_kind_name(m.kind));
		CHECK(rent_msg_encode(&m, again, len - 1) == 0,
		      "%s: into too little", rent_kind_name(m.kind));
	}
}

/* A message that is cut anywhere, or longer by a byte, is none. */
static void no_kind_can_be_cut(void)
{
	for (int k = RENT_HELLO; k <= RENT_ERROR; k++) {
		struct rent_msg m = sample((enum rent_kind)k), back;
		size_t len = rent_msg_encode(&m, bytes, sizeof(bytes));
		size_t dict = len - m.bulk.len;
		bool any = k == RENT_PLACE || k == RENT_RECORD ||
			   k == RENT_KEEP || k == RENT_KEPT;

		for (size_t cut = dict > 300 ? 300 : dict - 1; cut; cut--)
			CHECK(rent_msg_decode(&back, bytes, cut, NULL) ==
				      ERR_PARSE,
			      "%s: %zu bytes", rent_kind_name(m.kind), cut);
		bytes[len] = 0;
		CHECK(rent_msg_decode(&back, bytes, len + 1, NULL) ==
				      ERR_PARSE ||
			      k == RENT_RECORD,
		      "%s: a byte more", rent_kind_name(m.kind));
		if (m.bulk.len && !any)
			CHECK(rent_msg_decode(&back, bytes, len - 1, NULL) ==
				      ERR_PARSE,
			      "%s: a byte less", rent_kind_name(m.kind));
		if (m.bulk.len && k != RENT_ROOTS && k != RENT_LOSSES)
			CHECK(rent_msg_decode(&back, bytes, dict, NULL) ==
				      ERR_PARSE,
			      "%s: no bulk", rent_kind_name(m.kind));
	}
}

#define H32 "32:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A20 "20:aaaaaaaaaaaaaaaaaaaa"
#define Z20 "20:\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define S64 \
	"64:ssssssssssssssssssssssssssssssss" \
	"ssssssssssssssssssssssssssssssss"
#define ROW(text) (const uint8_t *)(text), sizeof(text) - 1

static void ranges_are_kept(void)
{
	static const struct {
		const char *name;
		const uint8_t *bytes;
		size_t len;
		enum err_code want;
	} rows[] = {
		{"an offer", ROW("d1:ii1e1:t5:offere"), ERR_NONE},
		{"request 0", ROW("d1:ii0e1:t5:offere"), ERR_PARSE},
		{"request 2^32-1", ROW("d1:ii4294967295e1:t5:offere"),
		 ERR_NONE},
		{"request 2^32", ROW("d1:ii4294967296e1:t5:offere"), ERR_PARSE},
		{"request -1", ROW("d1:ii-1e1:t5:offere"), ERR_PARSE},
		{"request as text", ROW("d1:i1:11:t5:offere"), ERR_PARSE},
		{"no request number", ROW("d1:t5:offere"), ERR_PARSE},
		{"no type", ROW("d1:ii1ee"), ERR_PARSE},
		{"an unknown type", ROW("d1:ii1e1:t5:offexe"), ERR_PARSE},
		{"a type that is a prefix", ROW("d1:ii1e1:t4:offee"),
		 ERR_PARSE},
		{"an unknown key", ROW("d1:ii1e1:t5:offer3:zzzlee"), ERR_NONE},
		{"keys out of order", ROW("d1:t5:offer1:ii1ee"), ERR_PARSE},
		{"a key twice", ROW("d1:ii1e1:ii1e1:t5:offere"), ERR_PARSE},
		{"bytes behind what has no bulk", ROW("d1:ii1e1:t5:offerex"),
		 ERR_PARSE},
		{"a list", ROW("l1:t5:offere"), ERR_PARSE},
		{"nothing", ROW(""), ERR_PARSE},
		{"a hello without account",
		 ROW("d4:bank" A20 "5:chaini1e1:t5:hello1:vi1ee"), ERR_NONE},
		{"a hello with one",
		 ROW("d3:acc" A20 "4:bank" A20 "5:chaini1e3:sig" S64
		     "1:t5:hello1:vi1ee"),
		 ERR_NONE},
		{"an account without signature",
		 ROW("d3:acc" A20 "4:bank" A20 "5:chaini1e1:t5:hello1:vi1ee"),
		 ERR_PARSE},
		{"a signature without account",
		 ROW("d4:bank" A20 "5:chaini1e3:sig" S64 "1:t5:hello1:vi1ee"),
		 ERR_PARSE},
		{"an account of zeroes",
		 ROW("d3:acc" Z20 "4:bank" A20 "5:chaini1e3:sig" S64
		     "1:t5:hello1:vi1ee"),
		 ERR_PARSE},
		{"a host of zeroes",
		 ROW("d3:acc" Z20 "4:bank" A20 "5:chaini1e3:sig" S64
		     "1:t7:welcome1:vi1ee"),
		 ERR_PARSE},
		{"chain 0", ROW("d4:bank" A20 "5:chaini0e1:t5:hello1:vi1ee"),
		 ERR_PARSE},
		{"version 0", ROW("d4:bank" A20 "5:chaini1e1:t5:hello1:vi0ee"),
		 ERR_PARSE},
		{"version 256",
		 ROW("d4:bank" A20 "5:chaini1e1:t5:hello1:vi256ee"), ERR_PARSE},
		{"no peers wanted", ROW("d1:ii1e1:ni0e1:t5:peerse"), ERR_PARSE},
		{"257 peers", ROW("d1:ii1e1:ni257e1:t5:peerse"), ERR_PARSE},
		{"a record that is short", ROW("d5:nodes3:abc1:t4:telle"),
		 ERR_PARSE},
		{"no record told", ROW("d5:nodes0:1:t4:telle"), ERR_PARSE},
		{"no record known", ROW("d1:ii1e5:nodes0:1:t5:nodese"),
		 ERR_NONE},
		{"have, of nothing", ROW("d1:ii1e5:roots0:1:t4:havee"),
		 ERR_PARSE},
		{"have, of half a root", ROW("d1:ii1e5:roots4:abcd1:t4:havee"),
		 ERR_PARSE},
		{"a read",
		 ROW("d1:ii1e3:leni16384e3:offi0e4:root" H32 "1:t4:reade"),
		 ERR_NONE},
		{"a read of the last tile",
		 ROW("d1:ii1e3:leni16384e3:offi1032192e4:root" H32
		     "1:t4:reade"),
		 ERR_NONE},
		{"a read past the end",
		 ROW("d1:ii1e3:leni32768e3:offi1032192e4:root" H32
		     "1:t4:reade"),
		 ERR_PARSE},
		{"a read from the end",
		 ROW("d1:ii1e3:leni16384e3:offi1048576e4:root" H32
		     "1:t4:reade"),
		 ERR_PARSE},
		{"a read of nothing",
		 ROW("d1:ii1e3:leni0e3:offi0e4:root" H32 "1:t4:reade"),
		 ERR_PARSE},
		{"a read of half a tile",
		 ROW("d1:ii1e3:leni8192e3:offi0e4:root" H32 "1:t4:reade"),
		 ERR_PARSE},
		{"a read from half a tile",
		 ROW("d1:ii1e3:leni16384e3:offi8192e4:root" H32 "1:t4:reade"),
		 ERR_PARSE},
		{"a read below zero",
		 ROW("d1:ii1e3:leni16384e3:offi-16384e4:root" H32 "1:t4:reade"),
		 ERR_PARSE},
		{"a list of nothing",
		 ROW("d4:fromi0e1:ii1e1:ni0e6:numberi0e1:t4:liste"), ERR_PARSE},
		{"a list of 2,049",
		 ROW("d4:fromi0e1:ii1e1:ni2049e6:numberi0e1:t4:liste"),
		 ERR_PARSE},
		{"roots",
		 ROW("d4:fromi2e1:ii1e4:nexti3e1:t5:roots5:totali4ee"
		     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
		 ERR_NONE},
		{"no roots at the end",
		 ROW("d4:fromi2e1:ii1e4:nexti2e1:t5:roots5:totali2ee"),
		 ERR_NONE},
		{"roots that begin after the last",
		 ROW("d4:fromi3e1:ii1e4:nexti3e1:t5:roots5:totali2ee"),
		 ERR_PARSE},
		{"roots that go backwards",
		 ROW("d4:fromi2e1:ii1e4:nexti1e1:t5:roots5:totali4ee"),
		 ERR_PARSE},
		{"fewer roots than said",
		 ROW("d4:fromi2e1:ii1e4:nexti4e1:t5:roots5:totali4ee"
		     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
		 ERR_PARSE},
		{"losses that were looked for further",
		 ROW("d4:fromi2e1:ii1e4:nexti4e1:t6:losses5:totali4ee"
		     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
		 ERR_NONE},
		{"more losses than sectors",
		 ROW("d4:fromi2e1:ii1e4:nexti2e1:t6:losses5:totali4ee"
		     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
		 ERR_PARSE},
		{"a record of nothing",
		 ROW("d1:ii1e3:offi0e3:seqi1e4:sizei0e1:t6:recorde"),
		 ERR_PARSE},
		{"a record over the most",
		 ROW("d1:ii1e3:offi0e3:seqi1e4:sizei16777217e1:t6:recordex"),
		 ERR_PARSE},
		{"a record of sequence 0",
		 ROW("d1:ii1e3:offi0e3:seqi0e4:sizei5e1:t6:recordex"),
		 ERR_PARSE},
		{"a record past its size",
		 ROW("d1:ii1e3:offi4e3:seqi1e4:sizei5e1:t6:recordexy"),
		 ERR_PARSE},
		{"a record from its end",
		 ROW("d1:ii1e3:offi5e3:seqi1e4:sizei5e1:t6:recordex"),
		 ERR_PARSE},
		{"a part of a record",
		 ROW("d1:ii1e3:offi4e3:seqi1e4:sizei5e1:t6:recordex"),
		 ERR_NONE},
		{"a head of nothing", ROW("d1:ii1e3:seqi1e1:t4:keepe"),
		 ERR_PARSE},
		{"an error", ROW("d4:codei1e1:ii0e1:t5:error3:why0:e"),
		 ERR_NONE},
		{"an error without code",
		 ROW("d4:codei0e1:ii0e1:t5:error3:why0:e"), ERR_PARSE},
		{"an error nobody knows",
		 ROW("d4:codei19e1:ii0e1:t5:error3:why0:e"), ERR_PARSE},
		{"an error with control bytes",
		 ROW("d4:codei1e1:ii0e1:t5:error3:why2:a\ne"), ERR_PARSE},
		{"an error of 81 letters",
		 ROW("d4:codei1e1:ii0e1:t5:error3:why81:"
		     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaae"),
		 ERR_PARSE},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct rent_msg m;

		CHECK(rent_msg_decode(&m, rows[i].bytes, rows[i].len, NULL) ==
			      rows[i].want,
		      "%s", rows[i].name);
	}
}

static void what_is_too_long_is_refused(void)
{
	struct rent_msg m;

	CHECK(rent_msg_decode(&m, bytes, sizeof(bytes), NULL) == ERR_LIMIT,
	      "taken");
}

/* What is no message of ours is not made either. */
static void values_out_of_range_are_not_encoded(void)
{
	struct rent_msg m = sample(RENT_READ);

	m.u.read.off = RENT_TILE;
	CHECK(rent_msg_encode(&m, bytes, sizeof(bytes)) == 0, "read");
	m = sample(RENT_WRITE);
	m.bulk.len--;
	CHECK(rent_msg_encode(&m, bytes, sizeof(bytes)) == 0, "part");
	m = sample(RENT_SIGNED);
	m.u.sign.due = amount_from_parts(1ULL << 48, 0);
	CHECK(rent_msg_encode(&m, bytes, sizeof(bytes)) == 0, "due");
	m = sample(RENT_OFFER);
	m.id = 0;
	CHECK(rent_msg_encode(&m, bytes, sizeof(bytes)) == 0, "id");
	m = sample(RENT_ERROR);
	m.u.error.code = RENT_NO_NONE;
	CHECK(rent_msg_encode(&m, bytes, sizeof(bytes)) == 0, "code");
	m = sample(RENT_REVISE);
	m.u.revise.add.len -= 1;
	CHECK(rent_msg_encode(&m, bytes, sizeof(bytes)) == 0, "add");
}

static void too_many_changes_are_refused(void)
{
	struct rent_msg m = sample(RENT_REVISE);

	m.u.revise.cut.len += 4;
	CHECK(rent_msg_encode(&m, bytes, sizeof(bytes)) == 0, "encoded");
}

static void codes_have_names(void)
{
	for (int i = 0; i <= RENT_NO_LAST; i++)
		CHECK(rent_no_name((enum rent_no)i) != NULL, "%d", i);
	CHECK(rent_msg_from_renter(RENT_HEAD) &&
		      !rent_msg_from_renter(RENT_WELCOME),
	      "sides");
}

/* argv[1]: a directory to write one file of each kind into, for the fuzzer. */
static void write_corpus(const char *dir)
{
	for (int k = RENT_HELLO; k <= RENT_ERROR; k++) {
		struct rent_msg m = sample((enum rent_kind)k);
		char path[256];
		size_t len;
		FILE *f;

		if (m.bulk.len > 64 && k != RENT_WRITE)
			m.bulk.len = k == RENT_DATA ? RENT_TILE : 64;
		if (k == RENT_REVISE || k == RENT_HAVE || k == RENT_HAS)
			m.u.revise.add.len = m.u.revise.cut.len =
				m.u.have.roots.len = 32;
		if (k == RENT_ROOTS)
			m.u.list.next = m.u.list.from + 2;
		if (k == RENT_TELL)
			m.u.tell.nodes.len = RENT_NODE_LEN;
		len = rent_msg_encode(&m, bytes, sizeof(bytes));
		(void)snprintf(path, sizeof(path), "%s/%s", dir,
			       rent_kind_name(m.kind));
		f = fopen(path, "wb");
		CHECK(f && fwrite(bytes, 1, len, f) == len, "%s", path);
		if (f)
			(void)fclose(f);
	}
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		write_corpus(argv[1]);
		return CHECK_EXIT();
	}
	each_kind_comes_back();
	no_kind_can_be_cut();
	ranges_are_kept();
	what_is_too_long_is_refused();
	values_out_of_range_are_not_encoded();
	too_many_changes_are_refused();
	codes_have_names();
	return CHECK_EXIT();
}
