/* The agreements' side of the bank's ABI against ethers. */
#include "base/agreement.h"
#include "base/eip712.h"
#include "base/keccak.h"
#include "contracts-abi/bank.h"
#include "contracts-abi/bank_abi.h"
#include "tests/check.h"
#include "tests/contracts-abi/rig.h"

static struct address a, b;
static uint8_t filled[32 * AGREEMENT_PATH_MAX];
static struct hash32 filled_hash;

static struct hash32 id_of(const char *text)
{
	return keccak256(text, strlen(text));
}

static struct agreement sample(void)
{
	return (struct agreement){
		.renter = a,
		.host = b,
		.number = 7,
		.revision = UINT32_MAX - 1,
		.root = filled_hash,
		.sectors = 1048576,
		.through = 20500,
		.earned = amount_from_parts(1, 0),
		.rate = amount_max112(),
		.start = 20400,
		.end = 20765,
		.span = 263,
		.fund = amount_from_parts((1ULL << 48) - 1, UINT64_MAX - 1),
		.collateral = num(5),
		.penalty = num(9),
		.terms = id_of("terms")};
}

static size_t put_signed(uint8_t out[BANK_SIGNED_LEN])
{
	struct agreement deal = sample();
	struct wr w = wr_into(out, BANK_SIGNED_LEN);
	struct sig64 sig;

	memcpy(sig.bytes, filled, sizeof(sig.bytes));
	bank_put_signed(&w, &deal, &sig, &sig);
	return wr_len(&w);
}

static void put_open(struct wr *w)
{
	uint8_t buf[BANK_SIGNED_LEN];
	size_t len = put_signed(buf);

	bank_enc_open(w, buf, len);
}

static void put_revise(struct wr *w)
{
	uint8_t buf[BANK_SIGNED_LEN];
	size_t len = put_signed(buf);

	bank_enc_revise(w, buf, len);
}

static void put_prove(struct wr *w)
{
	static uint8_t buf[BANK_PROOF_LEN(11) + BANK_PROOF_LEN(12)];
	struct bank_proof proofs[] = {{a, 7, filled, filled, 11},
				      {b, UINT32_MAX, filled, filled, 12}};
	struct wr p = wr_into(buf, sizeof(buf));

	for (size_t i = 0; i < ROWS(proofs); i++)
		bank_put_proof(&p, &proofs[i]);
	bank_enc_prove(w, &b, buf, wr_len(&p));
}

static void put_agreement(struct wr *w)
{
	bank_enc_agreement(w, &a, &b, 7);
}

static void put_anchor(struct wr *w)
{
	bank_enc_anchor(w);
}

static void put_beacon(struct wr *w)
{
	bank_enc_beacon(w, UINT32_MAX);
}

static void put_close(struct wr *w)
{
	bank_enc_close(w, &a, &b, 7);
}

static void put_count(struct wr *w)
{
	bank_enc_count(w, &a);
}

static void put_list(struct wr *w)
{
	bank_enc_list(w, &a, 3, UINT32_MAX);
}

static void put_next(struct wr *w)
{
	bank_enc_next(w, &a, &b);
}

static void put_period(struct wr *w)
{
	bank_enc_period(w);
}

static void put_root_of(struct wr *w)
{
	bank_enc_root_of(w, (1ULL << 43) - 1, filled, 544);
}

static void put_top_up(struct wr *w)
{
	bank_enc_top_up(w, &a, &b, 7, amount_max112());
}

static void calls_are_encoded_as_ethers_does(void)
{
	static const struct call_row rows[] = {
		{"agreement", put_agreement, VEC_BANK_AGREEMENT,
		 BANK_AGREEMENT_LEN},
		{"anchor", put_anchor, VEC_BANK_ANCHOR, BANK_ANCHOR_LEN},
		{"beacon", put_beacon, VEC_BANK_BEACON, BANK_BEACON_LEN},
		{"close", put_close, VEC_BANK_CLOSE, BANK_CLOSE_LEN},
		{"count", put_count, VEC_BANK_COUNT, BANK_COUNT_LEN},
		{"list", put_list, VEC_BANK_LIST, BANK_LIST_LEN},
		{"next", put_next, VEC_BANK_NEXT, BANK_NEXT_LEN},
		{"open", put_open, VEC_BANK_OPEN,
		 BANK_OPEN_LEN(BANK_SIGNED_LEN)},
		{"period", put_period, VEC_BANK_PERIOD, BANK_PERIOD_LEN},
		{"prove", put_prove, VEC_BANK_PROVE,
		 BANK_PROVE_LEN(BANK_PROOF_LEN(11) + BANK_PROOF_LEN(12))},
		{"revise", put_revise, VEC_BANK_REVISE,
		 BANK_REVISE_LEN(BANK_SIGNED_LEN)},
		{"rootOf", put_root_of, VEC_BANK_ROOT_OF,
		 BANK_ROOT_OF_LEN(544)},
		{"topUp", put_top_up, VEC_BANK_TOP_UP, BANK_TOP_UP_LEN},
	};

	check_calls(rows, ROWS(rows));
}

static void what_cannot_be_packed_is_refused(void)
{
	static const unsigned nodes[] = {0, AGREEMENT_PATH_MAX + 1, 256};
	static uint8_t buf[BIG];
	struct bank_proof longest = {a, 7, filled, filled, AGREEMENT_PATH_MAX};
	struct agreement deal = sample();
	struct sig64 sig = {{0}};
	struct wr w = wr_into(buf, sizeof(buf));

	bank_put_proof(&w, &longest);
	CHECK(wr_len(&w) == BANK_PROOF_LEN(AGREEMENT_PATH_MAX), "the longest");
	w = wr_into(buf, sizeof(buf));
	deal.earned = amount_from_parts(1ULL << 48, 0);
	bank_put_signed(&w, &deal, &sig, &sig);
	CHECK(wr_len(&w) == 0, "2^112 was packed");
	for (size_t i = 0; i < ROWS(nodes); i++) {
		struct bank_proof p = {a, 7, filled, filled, nodes[i]};

		w = wr_into(buf, sizeof(buf));
		bank_put_proof(&w, &p);
		CHECK(wr_len(&w) == 0, "a path of %u nodes", nodes[i]);
	}
}

static void an_agreement_is_read(void)
{
	struct bank_agreement v;
	struct hash32 next = id_of("next");
	uint8_t d[BIG];
	size_t len = unhex(d, BIG, VEC_RET_AGREEMENT);

	CHECK(!bank_ret_agreement(&v, d, len, NULL), "read");
	CHECK(v.state == BANK_AGREEMENT_OPEN && v.revision == UINT32_MAX &&
		      memcmp(&v.root, &filled_hash, sizeof(v.root)) == 0 &&
		      v.sectors == 3 && v.through == 4,
	      "content");
	CHECK(same(v.earned, num(5)) && same(v.rate, amount_max112()) &&
		      v.start == 7 && v.end == 8 && v.span == UINT16_MAX,
	      "time");
	CHECK(same(v.fund, num(10)) && same(v.collateral, num(11)) &&
		      same(v.penalty, num(12)) && v.misses == 13,
	      "stake");
	CHECK(memcmp(&v.next_root, &next, sizeof(next)) == 0 &&
		      v.next_sectors == 14 && same(v.next_rate, num(15)) &&
		      v.from == 16,
	      "pending");
	d[9 * ABI_WORD + 29] = 1;
	CHECK(bank_ret_agreement(&v, d, len, NULL) == ERR_PARSE,
	      "a span of 17 bits");
	CHECK(bank_ret_agreement(&v, d, len - 32, NULL) == ERR_PARSE, "short");
}

static void answers_are_read(void)
{
	struct bank_prove proved;
	struct bank_listed listed;
	struct hash32 hash;
	const uint8_t *list;
	uint8_t d[BIG];
	size_t len = unhex(d, BIG, VEC_RET_PROVE), n;
	uint32_t v;
	struct rd r;

	CHECK(!bank_ret_prove(&proved, d, len, NULL) && proved.good == 50 &&
		      same(proved.total, amount_max112()),
	      "prove");
	len = unhex(d, BIG, VEC_RET_BEACON);
	CHECK(!bank_ret_beacon(&hash, d, len, NULL) &&
		      memcmp(&hash, &filled_hash, sizeof(hash)) == 0,
	      "beacon");
	len = unhex(d, BIG, VEC_RET_COUNT);
	CHECK(!bank_ret_count(&v, d, len, NULL) && v == UINT32_MAX, "count");
	len = unhex(d, BIG, VEC_RET_NEXT);
	CHECK(!bank_ret_next(&v, d, len, NULL) && v == 9, "next");
	len = unhex(d, BIG, VEC_RET_PERIOD);
	CHECK(!bank_ret_period(&v, d, len, NULL) && v == 28800, "period");
	len = unhex(d, BIG, VEC_RET_LIST);
	CHECK(!bank_ret_list(&list, &n, d, len, NULL) &&
		      n == 2 * BANK_LISTED_LEN,
	      "list");
	r = rd_from(list, n);
	CHECK(bank_next_listed(&r, &listed) && address_eq(&listed.host, &b) &&
		      listed.number == 0,
	      "first");
	CHECK(bank_next_listed(&r, &listed) && address_eq(&listed.host, &a) &&
		      listed.number == UINT32_MAX,
	      "second");
	CHECK(!bank_next_listed(&r, &listed) && rd_done(&r), "end");
	r = rd_from(list, n - 1);
	CHECK(bank_next_listed(&r, &listed) && !bank_next_listed(&r, &listed) &&
		      !rd_done(&r),
	      "half an entry");
}

static void events_are_read(void)
{
	struct log_buf l;
	struct bank_ev_opened opened;
	struct bank_ev_revised revised;
	struct bank_ev_topped_up topped_up;
	struct bank_ev_closed closed;
	struct bank_ev_burnt burnt;
	struct hash32 terms = id_of("terms");

	log_of(&l, VEC_TOPICS_OPENED, VEC_DATA_OPENED);
	CHECK(!bank_ev_opened_read(&opened, &l.log, NULL) &&
		      address_eq(&opened.renter, &a) &&
		      address_eq(&opened.host, &b) && opened.number == 7 &&
		      opened.start == 20400 && opened.end == 20765 &&
		      same(opened.fund, amount_max112()) &&
		      same(opened.collateral, num(5)) &&
		      memcmp(&opened.terms, &terms, sizeof(terms)) == 0,
	      "Opened");
	log_of(&l, VEC_TOPICS_REVISED, VEC_DATA_REVISED);
	CHECK(!bank_ev_revised_read(&revised, &l.log, NULL) &&
		      revised.number == 7 &&
		      revised.revision == UINT32_MAX - 1 &&
		      revised.through == 20500 &&
		      same(revised.paid, amount_max112()),
	      "Revised");
	log_of(&l, VEC_TOPICS_TOPPED_UP, VEC_DATA_TOPPED_UP);
	CHECK(!bank_ev_topped_up_read(&topped_up, &l.log, NULL) &&
		      same(topped_up.amount, num(5)),
	      "ToppedUp");
	log_of(&l, VEC_TOPICS_CLOSED, VEC_DATA_CLOSED);
	CHECK(!bank_ev_closed_read(&closed, &l.log, NULL) &&
		      same(closed.to_renter, num(5)) &&
		      same(closed.to_host, amount_max112()),
	      "Closed");
	CHECK(bank_ev_burnt_read(&burnt, &l.log, NULL) == ERR_PARSE,
	      "Closed read as Burnt");
	log_of(&l, VEC_TOPICS_BURNT, VEC_DATA_BURNT);
	CHECK(!bank_ev_burnt_read(&burnt, &l.log, NULL) && burnt.number == 7 &&
		      same(burnt.amount, num(9)),
	      "Burnt");
}

static void proved_tells_what_each_agreement_paid(void)
{
	struct log_buf l;
	struct bank_ev_proved ev;
	struct bank_proved one;
	struct rd r;

	log_of(&l, VEC_TOPICS_PROVED, VEC_DATA_PROVED);
	CHECK(!bank_ev_proved_read(&ev, &l.log, NULL) &&
		      address_eq(&ev.host, &b) && same(ev.total, num(300)) &&
		      ev.proofs_len == 2 * BANK_PROVED_LEN,
	      "Proved");
	r = rd_from(ev.proofs, ev.proofs_len);
	CHECK(bank_next_proved(&r, &one) && address_eq(&one.renter, &a) &&
		      one.number == 7 && one.through == 20500 &&
		      same(one.paid, num(100)),
	      "first");
	CHECK(bank_next_proved(&r, &one) && address_eq(&one.renter, &b) &&
		      one.number == UINT32_MAX && one.through == 20501 &&
		      same(one.paid, num(200)),
	      "second");
	CHECK(!bank_next_proved(&r, &one) && rd_done(&r), "end");
	r = rd_from(ev.proofs, BANK_PROVED_LEN + 1);
	CHECK(bank_next_proved(&r, &one) && !bank_next_proved(&r, &one) &&
		      !rd_done(&r),
	      "half an entry");
}

/* What is signed is what the bank checks, as ethers and tronweb hash it. */
static void agreements_are_hashed_as_wallets_do(void)
{
	struct hash32 domain = eip712_domain(199, &b);
	struct agreement deal = sample();
	uint8_t got[AGREEMENT_LEN], want[AGREEMENT_LEN];
	struct wr w = wr_into(got, sizeof(got));

	CHECK(is_hash(eip712_agreement(&domain, &deal), VEC_AGREEMENT_DIGEST),
	      "digest");
	(void)unhex(want, sizeof(want), VEC_AGREEMENT_PACKED);
	agreement_put(&w, &deal);
	CHECK(wr_len(&w) == sizeof(want) &&
		      memcmp(got, want, sizeof(want)) == 0,
	      "packed");
}

static void offers_are_hashed_as_wallets_do(void)
{
	struct hash32 domain = eip712_domain(199, &b);
	struct sheet sheet = {.host = b,
			      .rent = amount_max112(),
			      .ingress = num(1),
			      .egress = num(2),
			      .collateral = num(3),
			      .penalty = num(4),
			      .min_periods = 5,
			      .max_periods = UINT32_MAX,
			      .span = 263,
			      .expires = UINT64_MAX};
	struct endpoint p = {.host = b, .port = 51413, .time = 1800000000};
	uint8_t got[SHEET_LEN], want[SHEET_LEN];
	struct wr w = wr_into(got, sizeof(got));

	CHECK(is_hash(eip712_sheet(&domain, &sheet), VEC_SHEET_DIGEST),
	      "sheet");
	(void)unhex(want, SHEET_LEN, VEC_SHEET_PACKED);
	sheet_put(&w, &sheet);
	CHECK(wr_len(&w) == SHEET_LEN && memcmp(got, want, SHEET_LEN) == 0,
	      "packed sheet");
	memcpy(p.ip, filled, sizeof(p.ip));
	CHECK(is_hash(eip712_endpoint(&domain, &p), VEC_ENDPOINT_DIGEST),
	      "endpoint");
	(void)unhex(want, ENDPOINT_LEN, VEC_ENDPOINT_PACKED);
	w = wr_into(got, sizeof(got));
	endpoint_put(&w, &p);
	CHECK(wr_len(&w) == ENDPOINT_LEN &&
		      memcmp(got, want, ENDPOINT_LEN) == 0,
	      "packed endpoint");
}

int main(void)
{
	a = addr(0xa1);
	b = addr(0xb2);
	for (size_t i = 0; i < sizeof(filled); i++)
		filled[i] = (uint8_t)i;
	memcpy(&filled_hash, filled, sizeof(filled_hash));
	calls_are_encoded_as_ethers_does();
	what_cannot_be_packed_is_refused();
	an_agreement_is_read();
	answers_are_read();
	events_are_read();
	proved_tells_what_each_agreement_paid();
	agreements_are_hashed_as_wallets_do();
	offers_are_hashed_as_wallets_do();
	return CHECK_EXIT();
}
