#include "base/agreement.h"
#include "tests/base/vec.h"
#include "tests/check.h"

/* As ethers packs the same values (solidityPacked). */
#define PACKED \
	"a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1" \
	"c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1" \
	"00000007fffffffe" \
	"5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e" \
	"001000000000501400000000029d42b64e76714244cb" \
	"ffffffffffffffffffffffffffff00004fb00000511d0107" \
	"fffffffffffffffffffffffffffe" \
	"0000000000010000000000000005" \
	"0000000000000000000000000009" \
	"7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e"

static struct amount num(uint64_t v)
{
	return amount_from_u64(v);
}

static struct agreement sample(void)
{
	struct agreement a = {.number = 7,
			      .revision = 3,
			      .sectors = 1000,
			      .through = 110,
			      .earned = num(500),
			      .rate = num(50),
			      .start = 100,
			      .end = 465,
			      .span = 7,
			      .fund = num(50 * 365),
			      .collateral = num(1000),
			      .penalty = num(100)};

	memset(&a.renter, 0xa1, sizeof(a.renter));
	memset(&a.host, 0xc1, sizeof(a.host));
	return a;
}

static void there_is_one_encoding(void)
{
	struct agreement a;
	uint8_t bytes[AGREEMENT_LEN], again[AGREEMENT_LEN];
	struct wr w = wr_into(again, sizeof(again));
	struct rd r = rd_from(bytes, sizeof(bytes));

	vec(bytes, sizeof(bytes), PACKED);
	agreement_get(&r, &a);
	CHECK(rd_done(&r), "read");
	CHECK(a.number == 7 && a.revision == 0xfffffffe &&
		      a.sectors == 1048576 && a.through == 20500 &&
		      a.start == 20400 && a.end == 20765 && a.span == 0x0107,
	      "numbers");
	CHECK(amount_cmp(a.rate, amount_max112()) == 0 &&
		      amount_cmp(a.collateral, amount_from_parts(1, 5)) == 0,
	      "amounts");
	agreement_put(&w, &a);
	CHECK(wr_len(&w) == AGREEMENT_LEN &&
		      memcmp(again, bytes, sizeof(bytes)) == 0,
	      "written again");
	a.penalty = amount_from_parts(1ULL << 48, 0);
	w = wr_into(again, sizeof(again));
	agreement_put(&w, &a);
	CHECK(wr_len(&w) == 0, "an amount of 113 bits fitted");
}

static void what_makes_no_sense_is_refused(void)
{
	static const struct {
		const char *name;
		uint32_t sectors, start, end, through;
		uint16_t span;
		enum err_code want;
	} rows[] = {
		{"a year of weeks", 1, 100, 465, 100, 7, ERR_NONE},
		{"settled to its end", 1, 100, 465, 465, 7, ERR_NONE},
		{"one span longer than the term", 1, 1, 2, 1, 9, ERR_NONE},
		{"the last period of all", 1, UINT32_MAX - 1, UINT32_MAX,
		 UINT32_MAX - 1, 1, ERR_NONE},
		{"4,096 spans", 1, 0, 4096, 0, 1, ERR_NONE},
		{"4,097 spans", 1, 0, 4097, 0, 1, ERR_LIMIT},
		{"4,096 and a part", 1, 0, 8193, 0, 2, ERR_LIMIT},
		{"no sectors", 0, 100, 465, 100, 7, ERR_LIMIT},
		{"no span", 1, 100, 465, 100, 0, ERR_LIMIT},
		{"of no periods", 1, 100, 100, 100, 7, ERR_LIMIT},
		{"ends before it starts", 1, 100, 99, 100, 7, ERR_LIMIT},
		{"settled before its start", 1, 100, 465, 99, 7, ERR_LIMIT},
		{"settled past its end", 1, 100, 465, 466, 7, ERR_LIMIT},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct agreement a = sample();

		a.sectors = rows[i].sectors;
		a.start = rows[i].start;
		a.end = rows[i].end;
		a.through = rows[i].through;
		a.span = rows[i].span;
		CHECK(agreement_check(&a, NULL) == rows[i].want, "%s",
		      rows[i].name);
	}
}

static void every_amount_has_112_bits(void)
{
	for (int i = 0; i < 5; i++) {
		struct agreement a = sample();
		struct amount *all[] = {&a.earned, &a.rate, &a.fund,
					&a.collateral, &a.penalty};

		*all[i] = amount_max112();
		CHECK(agreement_check(&a, NULL) == ERR_NONE, "largest %d", i);
		*all[i] = amount_from_parts(1ULL << 48, 0);
		CHECK(agreement_check(&a, NULL) == ERR_LIMIT, "2^112 in %d", i);
	}
}

static void only_what_lies_ahead_is_opened(void)
{
	static const struct {
		const char *name;
		uint32_t now, through;
		uint64_t earned;
		enum err_code want;
	} rows[] = {
		{"tomorrow", 99, 100, 0, ERR_NONE},
		{"today", 100, 100, 0, ERR_STATE},
		{"with a period settled", 99, 101, 0, ERR_STATE},
		{"with something earned", 99, 100, 1, ERR_STATE},
		{"settled past its end", 99, 466, 0, ERR_LIMIT},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct agreement a = sample();

		a.through = rows[i].through;
		a.earned = num(rows[i].earned);
		CHECK(agreement_check_open(&a, rows[i].now, NULL) ==
			      rows[i].want,
		      "%s", rows[i].name);
	}
}

/* sample() is settled through 110 with 500 earned, at a rate of 50. */
static void a_revision_takes_nothing_back(void)
{
	static const struct {
		const char *name;
		uint32_t now, revision, through;
		uint64_t earned, rate;
		enum err_code want;
	} rows[] = {
		{"other sectors only", 112, 4, 110, 500, 50, ERR_NONE},
		{"two periods more", 112, 4, 112, 600, 50, ERR_NONE},
		{"two periods for nothing", 112, 4, 112, 500, 50, ERR_NONE},
		{"the same revision", 112, 3, 112, 600, 50, ERR_STATE},
		{"a lower one", 112, 2, 112, 600, 50, ERR_STATE},
		{"through sinks", 112, 4, 109, 500, 50, ERR_STATE},
		{"earned sinks", 112, 4, 112, 499, 50, ERR_STATE},
		{"paid again", 112, 4, 110, 501, 50, ERR_STATE},
		{"rate, all settled", 112, 4, 113, 650, 60, ERR_NONE},
		{"rate, prepaid", 112, 4, 115, 750, 60, ERR_NONE},
		{"rate, today unsettled", 112, 4, 112, 600, 60, ERR_STATE},
		{"rate, before the start", 99, 4, 110, 500, 60, ERR_NONE},
		{"rate, settled to the end", 900, 4, 465, 500, 60, ERR_NONE},
		{"rate, after the end", 900, 4, 464, 500, 60, ERR_STATE},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct agreement last = sample(), next = last;

		next.revision = rows[i].revision;
		next.through = rows[i].through;
		next.earned = num(rows[i].earned);
		next.rate = num(rows[i].rate);
		memset(&next.root, 0x77, sizeof(next.root));
		next.sectors = 2000;
		CHECK(agreement_check_next(&next, &last, rows[i].now, NULL) ==
			      rows[i].want,
		      "%s", rows[i].name);
	}
}

static void what_is_fixed_stays(void)
{
	for (int i = 0; i < 10; i++) {
		struct agreement last = sample(), next = last;

		next.revision++;
		switch (i) {
		case 0:
			next.renter.bytes[19] ^= 1;
			break;
		case 1:
			next.host.bytes[0] ^= 1;
			break;
		case 2:
			next.number++;
			break;
		case 3:
			next.start--;
			break;
		case 4:
			next.end++;
			break;
		case 5:
			next.span++;
			break;
		case 6:
			next.collateral = num(1001);
			break;
		case 7:
			next.penalty = num(99);
			break;
		case 8:
			next.terms.bytes[31] ^= 1;
			break;
		default: /* only told: what the bank holds counts */
			next.fund = num(1);
		}
		CHECK(agreement_check_next(&next, &last, 112, NULL) ==
			      (i < 9 ? ERR_STATE : ERR_NONE),
		      "field %d", i);
	}
}

static void spans_cover_the_term(void)
{
	static const struct {
		uint32_t start, end;
		uint16_t span;
		uint32_t spans, first_end, last_end, free;
	} rows[] = {
		{100, 465, 7, 53, 107, 465, 5},
		{100, 170, 7, 10, 107, 170, 1},
		{100, 169, 7, 10, 107, 169, 1},
		{100, 163, 7, 9, 107, 163, 0},
		{100, 103, 30, 1, 103, 103, 0},
		{0, 4096, 1, 4096, 1, 4096, 409},
		{UINT32_MAX - 8, UINT32_MAX, 7, 2, UINT32_MAX - 1, UINT32_MAX,
		 0},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct agreement a = sample();
		uint32_t last = rows[i].spans - 1;

		a.start = rows[i].start;
		a.end = rows[i].end;
		a.span = rows[i].span;
		CHECK(agreement_spans(&a) == rows[i].spans, "spans %zu", i);
		CHECK(agreement_span_end(&a, 0) == rows[i].first_end,
		      "first %zu", i);
		CHECK(agreement_span_end(&a, last) == rows[i].last_end,
		      "last %zu", i);
		CHECK(agreement_misses_free(&a) == rows[i].free, "free %zu", i);
		CHECK(agreement_span_of(&a, a.start) == 0 &&
			      agreement_span_of(&a, a.end - 1) == last,
		      "span of the first and last period, %zu", i);
	}
}

static void paths_grow_with_the_sectors(void)
{
	static const struct {
		uint32_t sectors;
		unsigned nodes;
	} rows[] = {
		{0, 0},
		{1, 11},
		{2, 12},
		{3, 13},
		{4, 13},
		{5, 14},
		{1024, 21},
		{1025, 22},
		{1U << 20, 31},
		{1U << 31, 42},
		{UINT32_MAX, AGREEMENT_PATH_MAX},
	};

	for (size_t i = 0; i < ROWS(rows); i++)
		CHECK(agreement_path_nodes(rows[i].sectors) == rows[i].nodes,
		      "%u sectors", rows[i].sectors);
}

/* Vectors made with ethers 6. */
static void the_challenge_is_what_the_bank_computes(void)
{
	struct agreement a = sample();
	struct hash32 beacon;
	static const struct {
		uint32_t sectors;
		uint64_t leaf;
	} rows[] = {{1, 143}, {1048576, 161177743}, {UINT32_MAX, 782771198095}};

	memset(&beacon, 0x11, sizeof(beacon));
	for (size_t i = 0; i < ROWS(rows); i++)
		CHECK(agreement_challenge(&beacon, &a.renter, &a.host, a.number,
					  rows[i].sectors) == rows[i].leaf,
		      "%u sectors", rows[i].sectors);
	CHECK(agreement_challenge(&beacon, &a.host, &a.renter, a.number, 1) !=
		      143,
	      "the other way round");
}

static void rent_is_checked(void)
{
	struct agreement a = sample();
	struct amount n = num(1);

	CHECK(agreement_rent(&n, &a, 7) && amount_cmp(n, num(350)) == 0,
	      "a week");
	a.rate = amount_max112();
	CHECK(!agreement_rent(&n, &a, 2) && amount_cmp(n, num(350)) == 0,
	      "over 112 bits");
	CHECK(agreement_rent(&n, &a, 0) && amount_is_zero(n), "no period");
}

int main(void)
{
	there_is_one_encoding();
	what_makes_no_sense_is_refused();
	every_amount_has_112_bits();
	only_what_lies_ahead_is_opened();
	a_revision_takes_nothing_back();
	what_is_fixed_stays();
	spans_cover_the_term();
	paths_grow_with_the_sectors();
	the_challenge_is_what_the_bank_computes();
	rent_is_checked();
	return CHECK_EXIT();
}
