#include "wire/peer/ut_metadata.h"

#include "tests/check.h"

#include <string.h>

static void messages_are_read_or_refused(void)
{
	static const struct {
		const char *name, *in;
		enum err_code want;
		enum ut_metadata_type type;
		uint32_t piece, total;
		const char *data;
	} rows[] = {
		{"a request (as in BEP 9)", "d8:msg_typei0e5:piecei0ee",
		 ERR_NONE, UT_METADATA_REQUEST, 0, 0, ""},
		{"a reject", "d8:msg_typei2e5:piecei7ee", ERR_NONE,
		 UT_METADATA_REJECT, 7, 0, ""},
		{"data", "d8:msg_typei1e5:piecei1e10:total_sizei20000eexxxxx",
		 ERR_NONE, UT_METADATA_DATA, 1, 20000, "xxxxx"},
		{"data that looks like a dictionary",
		 "d8:msg_typei1e5:piecei0e10:total_sizei2eede", ERR_NONE,
		 UT_METADATA_DATA, 0, 2, "de"},
		{"data without a size", "d8:msg_typei1e5:piecei0eex", ERR_NONE,
		 UT_METADATA_DATA, 0, 0, "x"},
		{"keys in another order", "d5:piecei3e8:msg_typei0ee", ERR_NONE,
		 UT_METADATA_REQUEST, 3, 0, ""},
		{"a later kind", "d8:msg_typei3eewhatever", ERR_NONE,
		 UT_METADATA_OTHER, 0, 0, ""},
		{"the last piece that may be", "d8:msg_typei0e5:piecei1023ee",
		 ERR_NONE, UT_METADATA_REQUEST, 1023, 0, ""},
		{"a piece too far", "d8:msg_typei0e5:piecei1024ee", ERR_PARSE,
		 0, 0, 0, ""},
		{"a negative piece", "d8:msg_typei0e5:piecei-1ee", ERR_PARSE, 0,
		 0, 0, ""},
		{"no piece", "d8:msg_typei0ee", ERR_PARSE, 0, 0, 0, ""},
		{"a piece that is text", "d8:msg_typei0e5:piece1:0e", ERR_PARSE,
		 0, 0, 0, ""},
		{"no kind", "d5:piecei0ee", ERR_PARSE, 0, 0, 0, ""},
		{"a negative kind", "d8:msg_typei-1e5:piecei0ee", ERR_PARSE, 0,
		 0, 0, ""},
		{"bytes behind a request", "d8:msg_typei0e5:piecei0eex",
		 ERR_PARSE, 0, 0, 0, ""},
		{"data without data",
		 "d8:msg_typei1e5:piecei1e10:total_sizei20000ee", ERR_PARSE, 0,
		 0, 0, ""},
		{"no size", "d8:msg_typei1e5:piecei0e10:total_sizei0eex",
		 ERR_PARSE, 0, 0, 0, ""},
		{"a size too large",
		 "d8:msg_typei1e5:piecei0e10:total_sizei16777217eex", ERR_PARSE,
		 0, 0, 0, ""},
		{"no dictionary", "i0e", ERR_PARSE, 0, 0, 0, ""},
		{"nothing", "", ERR_PARSE, 0, 0, 0, ""},
		{"cut off", "d8:msg_typei0e5:pie", ERR_PARSE, 0, 0, 0, ""},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct ut_metadata_msg m;
		struct err e = {0};
		enum err_code rc =
			ut_metadata_decode(&m, (const uint8_t *)rows[i].in,
					   strlen(rows[i].in), &e);

		CHECK(rc == rows[i].want, "%s: %d %s", rows[i].name, rc, e.msg);
		if (rc != ERR_NONE)
			continue;
		CHECK(m.type == rows[i].type && m.piece == rows[i].piece &&
			      m.total == rows[i].total &&
			      m.data_len == strlen(rows[i].data) &&
			      (m.data_len == 0 ||
			       memcmp(m.data, rows[i].data, m.data_len) == 0),
		      "%s: type %d piece %u total %u data %zu", rows[i].name,
		      m.type, m.piece, m.total, m.data_len);
	}
}

static void what_is_said_is_read_back(void)
{
	static uint8_t data[UT_METADATA_PIECE + 1];
	static uint8_t buf[sizeof(data) + UT_METADATA_DICT_MAX];
	struct ut_metadata_msg in = {UT_METADATA_DATA, 1023,
				     UT_METADATA_SIZE_MAX, data,
				     UT_METADATA_PIECE};
	struct ut_metadata_msg out;
	size_t len = ut_metadata_encode(buf, sizeof(buf), &in);

	CHECK(len > 0 && len <= UT_METADATA_PIECE + UT_METADATA_DICT_MAX,
	      "%zu bytes", len);
	CHECK(ut_metadata_decode(&out, buf, len, NULL) == ERR_NONE &&
		      out.total == in.total && out.data_len == in.data_len,
	      "unreadable");
	CHECK(ut_metadata_encode(buf, len - 1, &in) == 0, "too little room");
	in.data_len++;
	len = ut_metadata_encode(buf, sizeof(buf), &in);
	CHECK(ut_metadata_decode(&out, buf, len, NULL) == ERR_PARSE,
	      "a piece too long");
	in.type = UT_METADATA_REQUEST;
	len = ut_metadata_encode(buf, sizeof(buf), &in);
	CHECK(len == strlen("d8:msg_typei0e5:piecei1023ee") &&
		      memcmp(buf, "d8:msg_typei0e5:piecei1023ee", len) == 0,
	      "a request");
}

static void pieces_are_counted(void)
{
	static const struct {
		uint32_t size, pieces, last;
	} rows[] = {{1, 1, 1},
		    {16384, 1, 16384},
		    {16385, 2, 1},
		    {UT_METADATA_SIZE_MAX, 1024, 16384}};

	for (size_t i = 0; i < ROWS(rows); i++)
		CHECK(ut_metadata_pieces(rows[i].size) == rows[i].pieces &&
			      ut_metadata_piece_len(rows[i].size,
						    rows[i].pieces - 1) ==
				      rows[i].last,
		      "of %u bytes", rows[i].size);
}

int main(void)
{
	messages_are_read_or_refused();
	what_is_said_is_read_back();
	pieces_are_counted();
	return CHECK_EXIT();
}
