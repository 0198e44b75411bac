/* Every cell of the state tables in ledger/DESIGN.md: in each state each
 * message, and what comes of it. */
#include "tests/sim/expect.h"
#include "tests/sim/sim.h"

#include <string.h>

static const struct sim_node_config seller_cfg = {.sell = true,
						  .floor = 1024,
						  .trust_start = 100,
						  .asks_per_net = 100,
						  .asks_in_all = 100};
static const struct sim_node_config buyer_cfg = {.balance = 100000};
static const uint8_t ip[4] = {192, 0, 2, 1};

enum said {
	TERMS,
	TERMS_DEARER,
	OK,
	NO_BUSY,
	NO_BANK,
	NO_PRICE,
	NO_EXPOSURE,
	NO_STORE,
	NO_SELLING,
	NO_BANNED,
	ACK,
	HELD,
	METER,
	SAID,
};

static const char *const said_names[] = {
	"terms",    "dearer terms", "ok",	"no busy",    "no bank",
	"no price", "no exposure",  "no store", "no selling", "no banned",
	"ack",	    "held",	    "meter",
};

enum at { OFF, ASKED, BIDDING, HELLO, PAYING, STOPPED, AT };

static const char *const at_names[] = {"off",	"asked",  "bidding",
				       "hello", "paying", "stopped"};

/* "ends": the connection is given up. */
static const char *const buyer[AT][SAID] = {
	[OFF] = {"off", "off", "ends", "off", "stopped", "off", "off", "off",
		 "stopped", "stopped", "ends", "ends", "ends"},
	[ASKED] = {"bidding", "bidding", "ends", "off", "stopped", "asked",
		   "asked", "asked", "stopped", "stopped", "ends", "ends",
		   "ends"},
	[BIDDING] = {"bidding", "bidding", "paying", "bidding", "stopped",
		     "bidding", "bidding", "bidding", "stopped", "stopped",
		     "ends", "ends", "ends"},
	[HELLO] = {"hello", "hello", "ends", "hello", "stopped", "hello",
		   "hello", "hello", "stopped", "stopped", "paying", "hello",
		   "hello"},
	[PAYING] = {"paying", "paying", "ends", "paying", "stopped", "paying",
		    "paying", "hello", "stopped", "stopped", "paying", "hello",
		    "paying"},
	[STOPPED] = {"stopped", "stopped", "ends", "stopped", "stopped",
		     "stopped", "stopped", "stopped", "stopped", "stopped",
		     "stopped", "stopped", "stopped"},
};

struct scene {
	struct sim *sim;
	struct sim_node *node;
	struct sim_raw *r;
	struct address payee, me;
	struct pay_job *job;
};

static struct amount price(void)
{
	return sim_tokens(1024);
}

static struct pay_msg words(const struct scene *s, enum said what)
{
	static const enum pay_no codes[] = {
		[NO_BUSY] = PAY_NO_BUSY,     [NO_BANK] = PAY_NO_BANK,
		[NO_PRICE] = PAY_NO_PRICE,   [NO_EXPOSURE] = PAY_NO_EXPOSURE,
		[NO_STORE] = PAY_NO_STORE,   [NO_SELLING] = PAY_NO_SELLING,
		[NO_BANNED] = PAY_NO_BANNED,
	};
	struct pay_msg m = {.kind = PAY_MSG_NO};
	struct address bank = sim_bank();
	struct amount high = sim_tokens(500);

	switch (what) {
	case TERMS:
	case TERMS_DEARER:
		m.kind = PAY_MSG_TERMS;
		m.u.terms = (struct pay_msg_terms){
			.version = 1,
			.chain_id = SIM_CHAIN,
			.bank = bank,
			.payee = s->payee,
			.price = what == TERMS ? price() : sim_tokens(1100),
			.step = PAY_STEP_MIN};
		sim_sign_channel(m.u.terms.key_sig, &s->payee, sim_raw_key());
		break;
	case OK:
		m.kind = PAY_MSG_OK;
		m.u.price.price = price();
		break;
	case NO_BUSY:
	case NO_BANK:
	case NO_PRICE:
	case NO_EXPOSURE:
	case NO_STORE:
	case NO_SELLING:
	case NO_BANNED:
		m.u.no.code = codes[what];
		m.u.no.price = sim_tokens(1100);
		break;
	case ACK: {
		struct book_pair p;

		m.kind = PAY_MSG_ACK;
		MUST(book_pair_load(sim_book(s->node), &p, &s->payee, NULL));
		m.u.ack.amount = p.out.newest.amount;
		m.u.ack.limit = sim_tokens(100);
		break;
	}
	case HELD:
		m.kind = PAY_MSG_HELD;
		m.u.held.amount = high;
		sim_sign(m.u.held.sig, &bank, &s->me, &s->payee, high);
		break;
	case METER:
	case SAID:
		m.kind = PAY_MSG_METER;
		m.u.meter = (struct pay_msg_meter){true, price(), 0};
		break;
	}
	return m;
}

static void tell(struct scene *s, enum said what)
{
	struct pay_msg m = words(s, what);

	EXPECT(sim_raw_send(s->r, &m), "set-up: %s", said_names[what]);
}

static void reconnect(struct scene *s)
{
	s->r = sim_raw(s->sim, s->node, PAY_BUY, s->job, ip);
}

/* A node that buys, brought to a state. */
static struct scene buyer_at(enum at at)
{
	struct scene s = {.sim = sim_new(), .payee = sim_address(2000)};

	s.node = sim_node(s.sim, &buyer_cfg);
	s.me = sim_node_address(s.node);
	s.job = sim_job(s.node, 1, 1200, 1000);
	reconnect(&s);
	switch (at) {
	case OFF:
		tell(&s, NO_BUSY);
		break;
	case ASKED:
	case AT:
		break;
	case BIDDING:
		tell(&s, TERMS);
		break;
	case HELLO:
	case PAYING:
	case STOPPED:
		tell(&s, TERMS);
		tell(&s, OK);
		sim_run(s.sim, 1000); /* the first receipt */
		if (at == HELLO) {
			reconnect(&s);
			tell(&s, TERMS);
			tell(&s, OK);
		}
		if (at == STOPPED)
			tell(&s, NO_SELLING);
		break;
	}
	return s;
}

static const char *state_of(struct scene *s)
{
	struct pay_view v;

	if (sim_raw_closed(s->r))
		return "ends";
	pay_session_view(sim_raw_session(s->r), &v);
	return v.state;
}

static void a_buyer_in_every_state(void)
{
	for (int at = 0; at < AT; at++)
		for (int said = 0; said < SAID; said++) {
			struct scene s = buyer_at((enum at)at);
			struct pay_msg m;

			EXPECT(strcmp(state_of(&s), at_names[at]) == 0,
			       "set-up of %s is %s", at_names[at],
			       state_of(&s));
			m = words(&s, (enum said)said);
			(void)sim_raw_send(s.r, &m);
			sim_run(s.sim, 50);
			EXPECT(strcmp(state_of(&s), buyer[at][said]) == 0,
			       "%s, told %s: %s, not %s", at_names[at],
			       said_names[said], state_of(&s), buyer[at][said]);
			sim_check_books(s.sim);
			sim_free(s.sim);
		}
}

/* ---- the seller ---- */

enum asked { ASK, ASK_OTHER, BID, BID_LOW, RECEIPT, LOWER, OWN_WORDS, ASKED_N };

static const char *const asked_names[] = {
	"ask", "another bank", "bid", "low bid", "receipt", "lower", "terms"};

enum sells { QUIET, TOLD, AGREED, PAID, SELLS };

static const char *const sells_names[] = {"quiet", "told", "agreed", "paid"};

/* state after it, and what was answered */
static const struct cell {
	const char *state;
	int answer; /* enum pay_msg_kind, 0: nothing */
} seller[SELLS][ASKED_N] = {
	[QUIET] = {{"told", PAY_MSG_TERMS},
		   {"quiet", PAY_MSG_NO},
		   {"ends", 0},
		   {"ends", 0},
		   {"ends", 0},
		   {"ends", 0},
		   {"ends", 0}},
	[TOLD] = {{"told", PAY_MSG_TERMS},
		  {"told", PAY_MSG_NO},
		  {"agreed", PAY_MSG_OK},
		  {"told", PAY_MSG_NO},
		  {"ends", 0},
		  {"ends", 0},
		  {"ends", 0}},
	[AGREED] = {{"agreed", PAY_MSG_TERMS},
		    {"agreed", PAY_MSG_NO},
		    {"agreed", PAY_MSG_OK},
		    {"agreed", PAY_MSG_NO},
		    {"agreed", PAY_MSG_ACK},
		    {"agreed", PAY_MSG_ACK},
		    {"ends", 0}},
	[PAID] = {{"agreed", PAY_MSG_TERMS},
		  {"agreed", PAY_MSG_NO},
		  {"agreed", PAY_MSG_OK},
		  {"agreed", PAY_MSG_NO},
		  {"agreed", PAY_MSG_ACK},
		  {"agreed", PAY_MSG_HELD},
		  {"ends", 0}},
};

static void ask(struct scene *s, enum asked what)
{
	struct pay_msg m = {.kind = PAY_MSG_ASK,
			    .u.ask = {1, SIM_CHAIN, sim_bank()}};
	struct address payer = sim_address(1000);

	switch (what) {
	case ASK_OTHER:
		m.u.ask.chain_id++;
		break;
	case BID:
	case BID_LOW:
		m.kind = PAY_MSG_BID;
		m.u.price.price = what == BID ? price() : sim_tokens(1023);
		break;
	case RECEIPT:
	case LOWER:
		(void)sim_raw_pay(s->r, &payer,
				  sim_tokens(what == RECEIPT ? 5 : 3),
				  AMOUNT_ZERO);
		return;
	case OWN_WORDS:
		s->payee = sim_address(3);
		m = words(s, TERMS);
		break;
	case ASK:
	case ASKED_N:
		break;
	}
	(void)sim_raw_send(s->r, &m);
}

static struct scene seller_at(enum sells at)
{
	struct scene s = {.sim = sim_new()};
	struct address payer = sim_address(1000);

	s.node = sim_node(s.sim, &seller_cfg);
	sim_deposit(s.sim, &payer, sim_tokens(90));
	s.r = sim_raw(s.sim, s.node, PAY_SELL, NULL, ip);
	if (at >= TOLD)
		ask(&s, ASK);
	if (at >= AGREED)
		ask(&s, BID);
	if (at >= PAID)
		(void)sim_raw_pay(s.r, &payer, sim_tokens(4), AMOUNT_ZERO);
	sim_run(s.sim, 1000);
	for (int k = PAY_MSG_ASK; k <= PAY_MSG_METER; k++)
		(void)sim_raw_take(s.r, (enum pay_msg_kind)k, NULL);
	return s;
}

static void a_seller_in_every_state(void)
{
	for (int at = 0; at < SELLS; at++)
		for (int what = 0; what < ASKED_N; what++) {
			struct scene s = seller_at((enum sells)at);
			const struct cell *want = &seller[at][what];

			ask(&s, (enum asked)what);
			sim_run(s.sim, 50);
			EXPECT(strcmp(state_of(&s), want->state) == 0,
			       "%s, %s: %s, not %s", sells_names[at],
			       asked_names[what], state_of(&s), want->state);
			for (int k = PAY_MSG_ASK; k <= PAY_MSG_METER; k++)
				EXPECT(sim_raw_take(s.r, (enum pay_msg_kind)k,
						    NULL) ==
					       (k == want->answer),
				       "%s, %s: answer %d", sells_names[at],
				       asked_names[what], k);
			sim_check_books(s.sim);
			sim_free(s.sim);
		}
}

/* ---- charging ---- */

static void charging_in_every_state(void)
{
	static const struct {
		enum sells at;
		enum pay_slot slot;
		uint32_t len;
		enum pay_charge want;
		bool meter, ack;
	} rows[] = {
		{QUIET, PAY_SLOT_FREE, 16384, PAY_CHARGE_FREE, false, false},
		{QUIET, PAY_SLOT_PAID, 16384, PAY_CHARGE_HOLD, false, false},
		{AGREED, PAY_SLOT_FREE, 16384, PAY_CHARGE_FREE, false, false},
		{AGREED, PAY_SLOT_PAID, 16384, PAY_CHARGE_HOLD, false, false},
		{PAID, PAY_SLOT_FREE, 16384, PAY_CHARGE_FREE, false, false},
		{PAID, PAY_SLOT_PAID, 16384, PAY_CHARGE_PAID, true, false},
		{PAID, PAY_SLOT_PAID, 4 << 20, PAY_CHARGE_PAID, true, false},
		{PAID, PAY_SLOT_PAID, (4 << 20) + 1, PAY_CHARGE_HOLD, false,
		 true},
		{PAID, PAY_SLOT_PAID, 5 << 20, PAY_CHARGE_HOLD, false, true},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct scene s = seller_at(rows[i].at);
		struct pay_session *session = sim_raw_session(s.r);

		pay_set_slot(session, rows[i].slot);
		EXPECT(pay_charge(session, rows[i].len, sim_now_ms(s.sim)) ==
			       rows[i].want,
		       "row %zu", i);
		EXPECT(sim_raw_take(s.r, PAY_MSG_METER, NULL) == rows[i].meter,
		       "row %zu: meter", i);
		EXPECT(sim_raw_take(s.r, PAY_MSG_ACK, NULL) == rows[i].ack,
		       "row %zu: ack", i);
		if (rows[i].want == PAY_CHARGE_PAID) {
			struct pay_view v;

			pay_uncharge(session, rows[i].len);
			pay_session_view(session, &v);
			EXPECT(amount_cmp(v.credit, sim_tokens(4)) == 0,
			       "row %zu: taken back, not whole", i);
		}
		sim_free(s.sim);
	}
}

/* ---- the usual block ---- */

enum change {
	NOTHING,
	BALANCE_GONE,
	RESERVE_ENDS,
	TRUST_GONE,
	KEPT_FOR_DUES,
	SLOT_FREE,
	BID_RAISED,
	CREDIT_USED,
};

static void change(struct scene *s, enum change what)
{
	struct address payer = sim_address(1000);
	struct pay_session *session = sim_raw_session(s->r);

	switch (what) {
	case NOTHING:
		break;
	case BALANCE_GONE:
		sim_withdraw_all(s->sim, &payer);
		sim_refresh(s->sim, s->node);
		break;
	case RESERVE_ENDS: /* the clock alone says so */
		sim_chain_reachable(s->sim, false);
		sim_run(s->sim, 60000);
		break;
	case TRUST_GONE:
		pay_set_trust_start(sim_pay(s->node), AMOUNT_ZERO);
		break;
	case KEPT_FOR_DUES:
		EXPECT(pay_covered(session, sim_tokens(3), sim_now_ms(s->sim)),
		       "three of four tokens are not covered");
		break;
	case SLOT_FREE:
		pay_set_slot(session, PAY_SLOT_FREE);
		break;
	case BID_RAISED:
		(void)sim_raw_send(
			s->r,
			&(struct pay_msg){.kind = PAY_MSG_BID,
					  .u.price.price = sim_tokens(2048)});
		break;
	case CREDIT_USED:
		EXPECT(pay_charge(session, 3 << 20, sim_now_ms(s->sim)) ==
			       PAY_CHARGE_PAID,
		       "three of four tokens are not there");
		break;
	}
}

/* What a look found covered must be found anew when what it came from is no
 * longer so: 1 MiB is left of four tokens, and is not served any more. */
static void the_usual_block_is_not_served_on_old_news(void)
{
	static const struct {
		const char *name;
		enum change what;
		bool reserve, paid;
	} rows[] = {
		{"nothing happened", NOTHING, false, true},
		{"the payer withdrew its balance", BALANCE_GONE, false, false},
		{"its reserve covers it all the same", BALANCE_GONE, true,
		 true},
		{"its reserve is in its last three days", RESERVE_ENDS, true,
		 false},
		{"it is not trusted any more", TRUST_GONE, false, false},
		{"the rest is kept for dues", KEPT_FOR_DUES, false, false},
		{"its slot is a free one", SLOT_FREE, false, false},
		{"its bid is another", BID_RAISED, false, false},
		{"the rest was used up", CREDIT_USED, false, false},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct scene s = seller_at(AGREED);
		struct address payer = sim_address(1000);
		struct address me = sim_node_address(s.node);
		struct pay_session *session = sim_raw_session(s.r);

		if (rows[i].reserve) {
			sim_reserve(s.sim, &payer, &me, sim_tokens(50),
				    SIM_START_S + BOOK_SECURED_MARGIN_S + 30);
			sim_withdraw_all(s.sim, &payer);
		}
		(void)sim_raw_pay(s.r, &payer, sim_tokens(4), AMOUNT_ZERO);
		sim_run(s.sim, 1000);
		pay_set_slot(session, PAY_SLOT_PAID);
		EXPECT(!pay_charge_next(session, 16384), "%s: not metered",
		       rows[i].name);
		EXPECT(pay_charge(session, 16384, sim_now_ms(s.sim)) ==
			       PAY_CHARGE_PAID,
		       "%s: not covered at first", rows[i].name);
		change(&s, rows[i].what);
		EXPECT(pay_charge_next(session, 1 << 20) == rows[i].paid, "%s",
		       rows[i].name);
		sim_free(s.sim);
	}
}

int main(void)
{
	a_buyer_in_every_state();
	a_seller_in_every_state();
	charging_in_every_state();
	the_usual_block_is_not_served_on_old_news();
	return EXPECT_EXIT();
}
