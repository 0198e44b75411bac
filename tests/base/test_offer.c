#include "base/offer.h"
#include "tests/base/vec.h"
#include "tests/check.h"

/* As ethers packs the same values (solidityPacked). */
#define SHEET \
	"c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1" \
	"ffffffffffffffffffffffffffff" \
	"0000000000400000000000000000" \
	"0000000000000000000000000003" \
	"0000000000000000000000000004" \
	"0000000000000000000000000005" \
	"00000006ffffffff01020102030405060708"
#define ENDPOINT \
	"c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1" \
	"00000000000000000000ffff01020304c8d5000000006b49d200"

static void a_sheet_has_one_encoding(void)
{
	struct sheet s;
	uint8_t bytes[SHEET_LEN], again[SHEET_LEN];
	struct wr w = wr_into(again, sizeof(again));
	struct rd r = rd_from(bytes, sizeof(bytes));

	vec(bytes, sizeof(bytes), SHEET);
	sheet_get(&r, &s);
	CHECK(rd_done(&r), "read");
	CHECK(amount_cmp(s.rent, amount_max112()) == 0 &&
		      amount_cmp(s.ingress, amount_from_parts(64, 0)) == 0 &&
		      amount_cmp(s.egress, amount_from_u64(3)) == 0 &&
		      amount_cmp(s.collateral, amount_from_u64(4)) == 0 &&
		      amount_cmp(s.penalty, amount_from_u64(5)) == 0,
	      "amounts");
	CHECK(s.min_periods == 6 && s.max_periods == UINT32_MAX &&
		      s.span == 0x0102 && s.expires == 0x0102030405060708,
	      "numbers");
	sheet_put(&w, &s);
	CHECK(wr_len(&w) == SHEET_LEN &&
		      memcmp(again, bytes, sizeof(bytes)) == 0,
	      "written again");
	s.ingress = amount_from_parts(1ULL << 48, 0);
	w = wr_into(again, sizeof(again));
	sheet_put(&w, &s);
	CHECK(wr_len(&w) == 0, "an amount of 113 bits fitted");
}

static void an_endpoint_has_one_encoding(void)
{
	struct endpoint p;
	uint8_t bytes[ENDPOINT_LEN], again[ENDPOINT_LEN];
	struct wr w = wr_into(again, sizeof(again));
	struct rd r = rd_from(bytes, sizeof(bytes));

	vec(bytes, sizeof(bytes), ENDPOINT);
	endpoint_get(&r, &p);
	CHECK(rd_done(&r) && p.port == 51413 && p.time == 1800000000 &&
		      p.ip[10] == 0xff && p.ip[15] == 4,
	      "read");
	endpoint_put(&w, &p);
	CHECK(wr_len(&w) == ENDPOINT_LEN &&
		      memcmp(again, bytes, sizeof(bytes)) == 0,
	      "written again");
}

static void what_makes_no_sense_is_refused(void)
{
	static const struct {
		const char *name;
		uint32_t min, max;
		uint16_t span;
		uint64_t high; /* of the penalty */
		enum err_code want;
	} rows[] = {
		{"a month to a year", 30, 365, 7, 0, ERR_NONE},
		{"one length", 1, 1, 1, 0, ERR_NONE},
		{"no periods", 0, 365, 7, 0, ERR_LIMIT},
		{"max below min", 30, 29, 7, 0, ERR_LIMIT},
		{"no span", 30, 365, 0, 0, ERR_LIMIT},
		{"a penalty of 112 bits", 30, 365, 7, (1ULL << 48) - 1,
		 ERR_NONE},
		{"a penalty of 113 bits", 30, 365, 7, 1ULL << 48, ERR_LIMIT},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct sheet s = {.min_periods = rows[i].min,
				  .max_periods = rows[i].max,
				  .span = rows[i].span,
				  .penalty =
					  amount_from_parts(rows[i].high, 0)};

		CHECK(sheet_check(&s, NULL) == rows[i].want, "%s",
		      rows[i].name);
	}
}

int main(void)
{
	a_sheet_has_one_encoding();
	an_endpoint_has_one_encoding();
	what_makes_no_sense_is_refused();
	return CHECK_EXIT();
}
