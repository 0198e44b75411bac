/* A seller that counts what it never sent, charges above the bid, claims
 * receipts that are none. All it can get from a buyer that has no history with
 * it is one step; what contradicts itself costs the connection. */
#include "tests/sim/expect.h"
#include "tests/sim/sim.h"

#include <string.h>

#define MIB (UINT64_C(1) << 20)
#define STEP 262144

static const struct sim_node_config buyer_cfg = {.balance = 100000};
static const uint8_t ip[4] = {192, 0, 2, 1};

struct scene {
	struct sim *sim;
	struct sim_node *buyer;
	struct pay_job *job;
	struct sim_raw *r;
	struct address payee;
	struct amount promised;
};

static struct amount price(void)
{
	return sim_tokens(1024);
}

static struct amount cost(uint64_t bytes)
{
	struct amount a;

	if (!amount_mul_div(&a, NULL, price(), bytes, 0, PAY_GIB))
		abort();
	return a;
}

/* What the buyer has signed to this payee, ever. */
static struct amount signed_sum(struct scene *s)
{
	struct book_pair p;

	MUST(book_pair_load(sim_book(s->buyer), &p, &s->payee, NULL));
	return p.out.have ? p.out.newest.amount : AMOUNT_ZERO;
}

/* Bid taken, first receipt there. */
static struct scene set_up(void)
{
	struct scene s = {.sim = sim_new(), .payee = sim_address(2000)};
	struct pay_msg m;

	s.buyer = sim_node(s.sim, &buyer_cfg);
	s.job = sim_job(s.buyer, 1, 1024, 1000);
	s.r = sim_raw(s.sim, s.buyer, PAY_BUY, s.job, ip);
	EXPECT(sim_raw_sell(s.r, &s.payee, price()), "no bid");
	sim_run(s.sim, 1000);
	EXPECT(sim_raw_take(s.r, PAY_MSG_RECEIPT, &m), "no receipt");
	s.promised = m.u.receipt.r.amount;
	return s;
}

static void tear_down(struct scene *s)
{
	sim_check_books(s->sim);
	sim_free(s->sim);
}

static void counting_what_never_came(void)
{
	struct scene s = set_up();
	struct pay_msg m;

	for (int i = 0; i < 50; i++) {
		if (!sim_raw_ack(s.r, s.promised, sim_tokens(99999),
				 s.promised))
			break;
		sim_run(s.sim, 1000);
		if (sim_raw_take(s.r, PAY_MSG_RECEIPT, &m))
			s.promised = m.u.receipt.r.amount;
	}
	EXPECT(amount_cmp(signed_sum(&s), cost(STEP)) <= 0,
	       "it got more than a step for nothing");
	tear_down(&s);
}

/* It delivers a while, then counts more than it delivers. */
static void counting_a_little_more_each_time(void)
{
	struct scene s = set_up();
	uint64_t sent = 0;
	struct amount owed = AMOUNT_ZERO, fair;
	struct pay_msg m;

	EXPECT(sim_raw_meter(s.r, price(), 0), "meter");
	for (int i = 0; i < 2000 && !sim_raw_closed(s.r); i++) {
		sim_raw_blocks(s.r, 65536);
		sent += 65536;
		/* a tenth more than it sent */
		owed = amount_min(cost(sent + sent / 10), s.promised);
		if (!sim_raw_ack(s.r, s.promised, sim_tokens(99999), owed))
			break;
		sim_run(s.sim, 50);
		if (sim_raw_take(s.r, PAY_MSG_RECEIPT, &m))
			s.promised = m.u.receipt.r.amount;
	}
	fair = cost(sent + sent / 16 + sent / 64 + STEP + PAY_STEP_MAX);
	EXPECT(amount_cmp(signed_sum(&s), fair) <= 0, "it got more");
	EXPECT(sim_events(s.buyer, PAY_EV_SELLER_DROPPED) > 0, "not dropped");
	EXPECT(sent < 1024 * MIB, "it went on for a GiB");
	tear_down(&s);
}

enum lie {
	METER_ABOVE_BID,
	METER_BEFORE_MONEY,
	METER_OF_BYTES_NEVER_SENT,
	ACK_ABOVE_PROMISED,
	ACK_OWED_ABOVE_AMOUNT,
	OK_OF_ANOTHER_PRICE,
	OK_UNASKED,
	NO_AT_ITS_OWN_PRICE,
	TERMS_OF_ANOTHER_PAYEE,
	HELD_FORGED,
	HELD_OF_ANOTHER_PAYER,
	BUYERS_WORDS,
};

static const struct {
	const char *name;
	enum lie lie;
} lies[] = {
	{"meters above the bid", METER_ABOVE_BID},
	{"says it charged bytes that never came", METER_OF_BYTES_NEVER_SENT},
	{"acknowledges more than was promised", ACK_ABOVE_PROMISED},
	{"counts more as owed than was promised", ACK_OWED_ABOVE_AMOUNT},
	{"takes a bid that was not made", OK_OF_ANOTHER_PRICE},
	{"takes a bid twice", OK_UNASKED},
	{"changes the payee", TERMS_OF_ANOTHER_PAYEE},
	{"holds a receipt that we never signed", HELD_FORGED},
	{"holds a receipt of another payer", HELD_OF_ANOTHER_PAYER},
	{"speaks as a buyer", BUYERS_WORDS},
};

static struct pay_msg lie_of(enum lie lie, const struct scene *s)
{
	struct amount more = amount_add_cap(s->promised, amount_from_u64(1));
	struct address other = sim_address(2001), bank = sim_bank();
	struct pay_msg m = {.kind = PAY_MSG_ACK};

	m.u.ack.amount = s->promised;
	switch (lie) {
	case METER_ABOVE_BID:
	case METER_BEFORE_MONEY:
	case METER_OF_BYTES_NEVER_SENT:
		m.kind = PAY_MSG_METER;
		m.u.meter =
			(struct pay_msg_meter){.paid = true, .price = price()};
		if (lie == METER_ABOVE_BID)
			m.u.meter.price =
				amount_add_cap(price(), amount_from_u64(1));
		if (lie == METER_OF_BYTES_NEVER_SENT)
			m.u.meter.bytes = 2 * MIB;
		break;
	case ACK_ABOVE_PROMISED:
		m.u.ack.amount = more;
		break;
	case ACK_OWED_ABOVE_AMOUNT:
		m.u.ack.owed = more;
		break;
	case OK_OF_ANOTHER_PRICE:
	case OK_UNASKED:
		m.kind = PAY_MSG_OK;
		m.u.price.price = lie == OK_UNASKED ? price() : more;
		break;
	case NO_AT_ITS_OWN_PRICE:
		m.kind = PAY_MSG_NO;
		m.u.no = (struct pay_msg_no){.code = PAY_NO_PRICE,
					     .price = price()};
		break;
	case TERMS_OF_ANOTHER_PAYEE:
		m.kind = PAY_MSG_TERMS;
		m.u.terms = (struct pay_msg_terms){.version = 1,
						   .chain_id = SIM_CHAIN,
						   .bank = bank,
						   .payee = other,
						   .price = price(),
						   .step = STEP};
		break;
	case HELD_FORGED:
	case HELD_OF_ANOTHER_PAYER:
		m.kind = PAY_MSG_HELD;
		memset(&m.u, 0, sizeof(m.u));
		m.u.held.amount = sim_tokens(5000);
		if (lie == HELD_OF_ANOTHER_PAYER)
			sim_sign(m.u.held.sig, &bank, &other, &s->payee,
				 sim_tokens(5000));
		break;
	case BUYERS_WORDS:
		m.kind = PAY_MSG_BID;
		m.u.price.price = price();
		break;
	}
	return m;
}

static void contradictions_cost_the_connection(void)
{
	for (size_t i = 0; i < ROWS(lies); i++) {
		struct scene s = set_up();
		struct pay_msg m = lie_of(lies[i].lie, &s);
		struct amount before = signed_sum(&s);

		EXPECT(!sim_raw_send(s.r, &m), "%s: goes on", lies[i].name);
		sim_run(s.sim, 2000);
		EXPECT(amount_cmp(signed_sum(&s), before) == 0, "%s: and paid",
		       lies[i].name);
		tear_down(&s);
	}
}

static void what_comes_too_early(void)
{
	static const struct {
		const char *name;
		enum lie lie;
	} early[] = {
		{"a meter before money", METER_BEFORE_MONEY},
		{"an ack of nothing", ACK_OWED_ABOVE_AMOUNT},
		{"held, unasked", HELD_FORGED},
		{"an ok without a bid", OK_UNASKED},
	};

	for (size_t i = 0; i < ROWS(early); i++) {
		struct scene s = {.sim = sim_new(), .payee = sim_address(2000)};
		struct pay_msg m;

		s.buyer = sim_node(s.sim, &buyer_cfg);
		s.job = sim_job(s.buyer, 1, 1024, 1000);
		s.r = sim_raw(s.sim, s.buyer, PAY_BUY, s.job, ip);
		m = lie_of(early[i].lie, &s);
		EXPECT(!sim_raw_send(s.r, &m), "%s", early[i].name);
		tear_down(&s);
	}
}

static void what_answers_another_question(void)
{
	for (int i = 0; i < 2; i++) {
		struct scene s = {.sim = sim_new(), .payee = sim_address(2000)};
		struct pay_msg terms = {.kind = PAY_MSG_TERMS,
					.u.terms = {.version = 1,
						    .chain_id = SIM_CHAIN,
						    .bank = sim_bank(),
						    .payee = s.payee,
						    .price = price(),
						    .step = STEP}};
		struct pay_msg m;

		s.buyer = sim_node(s.sim, &buyer_cfg);
		s.job = sim_job(s.buyer, 1, 1024, 1000);
		s.r = sim_raw(s.sim, s.buyer, PAY_BUY, s.job, ip);
		sim_sign_channel(terms.u.terms.key_sig, &s.payee,
				 sim_raw_key());
		EXPECT(sim_raw_send(s.r, &terms), "terms");
		m = lie_of(i ? METER_BEFORE_MONEY : OK_OF_ANOTHER_PRICE, &s);
		EXPECT(!sim_raw_send(s.r, &m), "%s",
		       i ? "metered before money" : "took another price");
		tear_down(&s);
	}
}

/* "Too little! No, that is too little too." */
static void a_price_that_runs_away(void)
{
	struct sim *sim = sim_new();
	struct sim_node *buyer = sim_node(sim, &buyer_cfg);
	struct pay_job *job = sim_job(buyer, 1, 2000, 1000);
	struct sim_raw *r = sim_raw(sim, buyer, PAY_BUY, job, ip);
	struct address payee = sim_address(2000);
	struct pay_msg m, no = {.kind = PAY_MSG_NO};
	struct amount top = AMOUNT_ZERO;

	EXPECT(sim_raw_sell(r, &payee, price()), "no bid");
	for (uint64_t i = 1; i < 300; i++) {
		struct pay_msg terms = {
			.kind = PAY_MSG_TERMS,
			.u.terms = {.version = 1,
				    .chain_id = SIM_CHAIN,
				    .bank = sim_bank(),
				    .payee = payee,
				    .price = sim_tokens(1024 + 10 * i),
				    .step = STEP}};

		sim_run(sim, 20);
		if (!sim_raw_send(r, &terms))
			break;
		if (!sim_raw_take(r, PAY_MSG_BID, &m))
			continue;
		no.u.no.code = PAY_NO_PRICE;
		no.u.no.price = amount_add_cap(m.u.price.price, sim_tokens(5));
		if (!sim_raw_send(r, &no))
			break;
		if (sim_raw_take(r, PAY_MSG_BID, &m)) {
			struct pay_msg ok = {.kind = PAY_MSG_OK,
					     .u.price = m.u.price};

			top = amount_max(top, m.u.price.price);
			EXPECT(sim_raw_send(r, &ok), "ok");
		}
	}
	EXPECT(amount_cmp(top, sim_tokens(1900)) > 0, "did not follow");
	EXPECT(amount_cmp(top, sim_tokens(2000)) <= 0, "above the maximum");
	sim_free(sim);
}

int main(void)
{
	counting_what_never_came();
	counting_a_little_more_each_time();
	contradictions_cost_the_connection();
	what_comes_too_early();
	what_answers_another_question();
	a_price_that_runs_away();
	return EXPECT_EXIT();
}
