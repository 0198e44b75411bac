/* Two honest nodes, and more: the whole of sb_pay on the simulator. */
#include "base/db.h"
#include "tests/ledger/scratch.h"
#include "tests/sim/expect.h"
#include "tests/sim/sim.h"

#define MIB (UINT64_C(1) << 20)

static const struct sim_node_config seller_cfg = {
	.sell = true, .floor = 1024, .trust_start = 100, .balance = 0};
static const struct sim_node_config buyer_cfg = {.balance = 100000};

/* floor 1024 tokens a GiB: a MiB costs one token */
static struct amount cost(uint64_t bytes)
{
	struct amount a;

	if (!amount_mul_div(&a, NULL, sim_tokens(1024), bytes, 0, PAY_GIB))
		abort();
	return a;
}

static struct amount stored(struct sim_node *seller, struct sim_node *buyer)
{
	struct address who = sim_node_address(buyer);
	struct book_pair p;

	MUST(book_pair_load(sim_book(seller), &p, &who, NULL));
	return p.in.have ? p.in.newest.amount : AMOUNT_ZERO;
}

static void bytes_are_paid_exactly(void)
{
	struct sim *sim = sim_new();
	struct sim_node *seller = sim_node(sim, &seller_cfg);
	struct sim_node *buyer = sim_node(sim, &buyer_cfg);
	struct pay_job *job = sim_job(buyer, 1, 1024, 10000);
	struct sim_link_config cfg = {.want = 64 * MIB};
	struct sim_link *l = sim_connect(sim, buyer, job, seller, &cfg);
	struct amount held, paid;
	struct pay_view v;

	sim_run(sim, 30000);
	EXPECT(sim_got_paid(l) + sim_got_free(l) == 64 * MIB, "%llu + %llu",
	       (unsigned long long)sim_got_paid(l),
	       (unsigned long long)sim_got_free(l));
	EXPECT(sim_got_paid(l) > 60 * MIB, "paid %llu",
	       (unsigned long long)sim_got_paid(l));
	held = stored(seller, buyer);
	paid = cost(sim_got_paid(l));
	EXPECT(amount_cmp(held, paid) >= 0, "less was promised than served");
	EXPECT(amount_cmp(held, amount_add_cap(paid, cost(PAY_STEP_MAX))) <= 0,
	       "more than a step ahead");
	pay_session_view(sim_buyer_session(l), &v);
	EXPECT(amount_cmp(amount_add_cap(paid, v.ahead), held) == 0,
	       "what is ahead and what was served are not what was promised");
	EXPECT(amount_cmp(sim_cash(sim, seller), held) == 0, "cashed");
	sim_check_books(sim);
	sim_free(sim);
}

/* Nothing to speak of is promised beyond the last byte: a block at most. */
static void a_download_ends_with_nothing_to_spare(void)
{
	static const struct {
		const char *name;
		uint64_t rate, want;
	} rows[] = {
		{"many steps", 16 * MIB, 200 * MIB + 16384},
		{"the last block is short", 16 * MIB, 100 * MIB + 5},
		{"steps have not grown yet", 0, 3 * MIB},
		{"less than the first step", 0, 200000},
		{"fast", 256 * MIB, 800 * MIB},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct sim *sim = sim_new();
		struct sim_node *seller = sim_node(sim, &seller_cfg);
		struct sim_node *buyer = sim_node(sim, &buyer_cfg);
		struct pay_job *job = sim_job(buyer, 1, 1024, 10000);
		struct sim_link_config cfg = {.rate = rows[i].rate,
					      .want = rows[i].want};
		struct sim_link *l;
		struct pay_view v;

		pay_set_trust_start(sim_pay(seller), sim_tokens(5000));
		l = sim_connect(sim, buyer, job, seller, &cfg);
		sim_run(sim, 60000);
		EXPECT(sim_got_paid(l) + sim_got_free(l) >= rows[i].want,
		       "%s: %llu of %llu bytes", rows[i].name,
		       (unsigned long long)(sim_got_paid(l) + sim_got_free(l)),
		       (unsigned long long)rows[i].want);
		pay_session_view(sim_buyer_session(l), &v);
		EXPECT(amount_cmp(v.ahead, cost(2UL * 16384)) <= 0,
		       "%s: more than a block is left over", rows[i].name);
		sim_check_books(sim);
		sim_free(sim);
	}
}

/* A payee cashes what is still ahead of the bytes: they come all the same. */
static void cashing_costs_the_payer_nothing(void)
{
	struct sim *sim = sim_new();
	struct sim_node *seller = sim_node(sim, &seller_cfg);
	struct sim_node *buyer = sim_node(sim, &buyer_cfg);
	struct pay_job *job = sim_job(buyer, 1, 1024, 10000);
	struct sim_link_config cfg = {.want = 200 * MIB};
	struct sim_link *l = sim_connect(sim, buyer, job, seller, &cfg);
	struct amount came = AMOUNT_ZERO;
	struct pay_view b, s;

	for (int i = 0; i < 60; i++) {
		sim_run(sim, 1000);
		came = amount_add_cap(came, sim_cash(sim, seller));
	}
	EXPECT(sim_got_paid(l) > 190 * MIB, "served %llu MiB",
	       (unsigned long long)(sim_got_paid(l) / MIB));
	pay_session_view(sim_buyer_session(l), &b);
	pay_session_view(sim_seller_session(l), &s);
	EXPECT(amount_cmp(b.ahead, s.credit) == 0, "the two count differently");
	EXPECT(amount_cmp(came,
			  amount_add_cap(cost(sim_got_paid(l)), b.ahead)) == 0,
	       "more was cashed than promised");
	sim_check_books(sim);
	sim_free(sim);
}

/* A GiB at 64 MiB/s takes 16 s, and growing the step costs less than one more.
 * What came before the first receipt was accepted (terms, a balance, the
 * signer: under half a second, 32 MiB) came in the free slot; all the rest was
 * paid for, by receipts that each add half a step or more: 4 MiB, and less only
 * while the step grows. */
static void steps_grow_with_the_rate(void)
{
	struct sim *sim = sim_new();
	struct sim_node_config sc = seller_cfg;
	struct sim_node *seller, *buyer = sim_node(sim, &buyer_cfg);
	struct pay_job *job = sim_job(buyer, 1, 1024, 100000);
	struct sim_link_config cfg = {.rate = 64 * MIB, .want = 1024 * MIB};
	struct sim_link *l;

	sc.trust_start = 5000;
	seller = sim_node(sim, &sc);
	l = sim_connect(sim, buyer, job, seller, &cfg);
	sim_run(sim, 17000);
	EXPECT(sim_got_paid(l) + sim_got_free(l) == 1024 * MIB,
	       "%llu MiB paid, %llu MiB free, in 17 s",
	       (unsigned long long)(sim_got_paid(l) / MIB),
	       (unsigned long long)(sim_got_free(l) / MIB));
	EXPECT(sim_got_free(l) <= 32 * MIB, "%llu MiB free",
	       (unsigned long long)(sim_got_free(l) / MIB));
	EXPECT(sim_signatures(buyer) < 250, "%u signatures for a GiB",
	       sim_signatures(buyer));
	sim_check_books(sim);
	sim_free(sim);
}

/* What comes in lumps (here of a turn each, a MiB) runs out between receipts
 * that are timed for a stream: after a few times they are timed for lumps. */
static void lumps_seldom_wait_for_a_receipt(void)
{
	struct sim *sim = sim_new();
	struct sim_node_config sc = seller_cfg;
	struct sim_node *seller, *buyer = sim_node(sim, &buyer_cfg);
	struct pay_job *job = sim_job(buyer, 1, 1024, 100000);
	struct sim_link_config cfg = {.rate = 100 * MIB, .latency_ms = 1};
	unsigned waited, asked;

	sc.trust_start = 5000;
	seller = sim_node(sim, &sc);
	(void)sim_connect(sim, buyer, job, seller, &cfg);
	sim_run(sim, 5000);
	waited = sim_events(seller, PAY_EV_READY);
	asked = sim_signatures(buyer);
	sim_run(sim, 10000);
	waited = sim_events(seller, PAY_EV_READY) - waited;
	asked = sim_signatures(buyer) - asked;
	EXPECT(waited * 8 <= asked, "%u waits for %u receipts", waited, asked);
	sim_check_books(sim);
	sim_free(sim);
}

/* Above 8 MiB no more is ahead than a sixteenth of what the seller ever
 * delivered: one that comes in a burst, and goes, has earned it. Once it has
 * delivered enough its step is there at the first sixteenth of a second. */
static void fast_sellers_have_earned_their_step(void)
{
	struct sim *sim = sim_new();
	struct sim_node_config sc = seller_cfg;
	struct sim_node *seller, *buyer = sim_node(sim, &buyer_cfg);
	struct pay_job *job = sim_job(buyer, 1, 1024, 100000);
	struct sim_link_config cfg = {
		.rate = 512 * MIB, .latency_ms = 10, .want = 1024 * MIB};
	uint64_t before = 0, most;
	struct sim_link *l;
	struct pay_view v;
	unsigned first;

	sc.trust_start = 5000;
	seller = sim_node(sim, &sc);
	for (int n = 0; n < 2; n++) {
		first = sim_signatures(buyer);
		l = sim_connect(sim, buyer, job, seller, &cfg);
		while (sim_got_paid(l) + sim_got_free(l) < cfg.want &&
		       sim_now_ms(sim) < 60000) {
			sim_run(sim, SIM_TURN_MS);
			pay_session_view(sim_buyer_session(l), &v);
			most = (before + sim_got_paid(l)) / 16;
			if (most < 8 * MIB)
				most = 8 * MIB;
			/* receipts are rounded up to whole units */
			EXPECT(amount_cmp(v.ahead, cost(most + 1)) <= 0,
			       "download %d: more ahead than earned, at %llu",
			       n, (unsigned long long)most);
		}
		before += sim_got_paid(l);
		sim_disconnect(l);
	}
	EXPECT(sim_signatures(buyer) - first < 60,
	       "%u signatures for a GiB at 512 MiB/s",
	       sim_signatures(buyer) - first);
	EXPECT(before > 1700 * MIB, "%llu MiB were paid",
	       (unsigned long long)(before / MIB));
	sim_check_books(sim);
	sim_free(sim);
}

static const uint8_t raw_ip[4] = {192, 0, 2, 1};

/* A buyer shows each receipt four times; in between it is served what that pays
 * for, or nothing. True: the seller ends the connection. */
static bool many_receipts_are_a_flood(bool with_bytes)
{
	struct sim *sim = sim_new();
	struct sim_node_config sc = seller_cfg;
	struct address payer = sim_address(2000);
	struct sim_node *seller;
	struct sim_raw *r;
	bool flood;

	sc.trust_start = 5000;
	seller = sim_node(sim, &sc);
	sim_deposit(sim, &payer, sim_tokens(5000));
	r = sim_raw(sim, seller, PAY_SELL, NULL, raw_ip);
	EXPECT(sim_raw_agree(r, sim_tokens(1024)) &&
		       sim_raw_pay(r, &payer, sim_tokens(1), AMOUNT_ZERO),
	       "no agreement");
	sim_run(sim, 1000); /* its balance is read */
	for (unsigned i = 1; i <= 200 && !sim_raw_closed(r); i++) {
		for (int n = 0; n < 4; n++)
			(void)sim_raw_pay(r, &payer, sim_tokens(4 * i),
					  AMOUNT_ZERO);
		sim_run(sim, SIM_TURN_MS);
		if (with_bytes && !sim_raw_closed(r))
			EXPECT(sim_raw_pull(r, 4 * MIB) == 4 * MIB,
			       "not served");
	}
	flood = sim_raw_closed(r);
	sim_free(sim);
	return flood;
}

/* A seller acknowledges three times: every receipt, or, without any, in every
 * turn. True: the buyer ends the connection. */
static bool many_acks_are_a_flood(bool with_receipts)
{
	struct sim *sim = sim_new();
	struct sim_node *buyer = sim_node(sim, &buyer_cfg);
	struct pay_job *job = sim_job(buyer, 1, 1024, 10000);
	struct sim_raw *r = sim_raw(sim, buyer, PAY_BUY, job, raw_ip);
	struct address payee = sim_address(2000);
	struct pay_msg m = {0};
	struct pay_view v;
	bool flood, got = true;

	EXPECT(sim_raw_sell(r, &payee, sim_tokens(1024)), "no bid");
	sim_run(sim, 1000);
	EXPECT(sim_raw_take(r, PAY_MSG_RECEIPT, &m), "no receipt");
	EXPECT(sim_raw_meter(r, sim_tokens(1024), 0), "not metered");
	for (int i = 0; i < 200 && !sim_raw_closed(r); i++) {
		if (with_receipts)
			sim_raw_blocks(r, 4 * MIB);
		pay_session_view(sim_raw_session(r), &v);
		for (int n = 0; n < 3 && (got || !with_receipts); n++)
			(void)sim_raw_ack(r, m.u.receipt.r.amount,
					  sim_tokens(99999),
					  amount_sub_floor(m.u.receipt.r.amount,
							   v.ahead));
		sim_run(sim, SIM_TURN_MS);
		got = sim_raw_take(r, PAY_MSG_RECEIPT, &m);
	}
	flood = sim_raw_closed(r);
	sim_free(sim);
	return flood;
}

/* Hundreds of messages a second are what a fast link needs. */
static void a_flood_is_what_nothing_calls_for(void)
{
	EXPECT(many_receipts_are_a_flood(false), "receipts without bytes");
	EXPECT(!many_receipts_are_a_flood(true), "a receipt for each MiB");
	EXPECT(many_acks_are_a_flood(false), "acks without receipts");
	EXPECT(!many_acks_are_a_flood(true), "acks of receipts");
}

static void a_free_slot_is_never_charged(void)
{
	struct sim *sim = sim_new();
	struct sim_node_config sc = seller_cfg;
	struct sim_node *seller, *buyer = sim_node(sim, &buyer_cfg);
	struct sim_link_config cfg = {.want = 16 * MIB};
	struct sim_link *l;

	seller = sim_node(sim, &sc);
	l = sim_connect(sim, buyer, NULL, seller, &cfg);
	sim_run(sim, 20000);
	EXPECT(sim_got_free(l) == 16 * MIB && sim_got_paid(l) == 0, "charged");
	EXPECT(sim_signatures(buyer) == 0, "signed");
	sim_free(sim);
}

static void a_budget_ends_and_the_rest_is_free(void)
{
	struct sim *sim = sim_new();
	struct sim_node *seller = sim_node(sim, &seller_cfg);
	struct sim_node *buyer = sim_node(sim, &buyer_cfg);
	struct pay_job *job = sim_job(buyer, 1, 1024, 5);
	struct sim_link_config cfg = {.want = 32 * MIB};
	struct sim_link *l = sim_connect(sim, buyer, job, seller, &cfg);
	struct pay_job_state st;

	sim_run(sim, 60000);
	pay_job_state(job, &st);
	EXPECT(amount_cmp(st.spent, sim_tokens(5)) <= 0, "over the budget");
	EXPECT(st.gone && sim_events(buyer, PAY_EV_BUDGET_GONE) == 1, "gone");
	EXPECT(sim_got_paid(l) <= 5 * MIB && sim_got_paid(l) > 4 * MIB,
	       "paid %llu", (unsigned long long)sim_got_paid(l));
	EXPECT(sim_got_paid(l) + sim_got_free(l) == 32 * MIB, "unfinished");
	sim_check_books(sim);
	sim_free(sim);
}

static void spending_outlives_a_restart(void)
{
	struct scratch dir;
	const char *path;
	struct sim *sim = sim_new();
	struct sim_node_config bc = buyer_cfg;
	struct sim_node *seller = sim_node(sim, &seller_cfg), *buyer;
	struct pay_job *job;
	struct pay_job_state before, after;
	struct sim_link_config cfg = {.want = 8 * MIB};

	scratch_make(&dir);
	path = scratch_path(&dir, "book.db");
	bc.path = path;
	buyer = sim_node(sim, &bc);
	job = sim_job(buyer, 1, 1024, 100);
	(void)sim_connect(sim, buyer, job, seller, &cfg);
	sim_run(sim, 10000);
	pay_job_state(job, &before);
	sim_restart(buyer, path);
	job = sim_job(buyer, 1, 1024, 100);
	pay_job_state(job, &after);
	EXPECT(!amount_is_zero(before.spent) &&
		       amount_cmp(before.spent, after.spent) == 0,
	       "the budget forgot");
	(void)sim_connect(sim, buyer, job, seller, &cfg);
	sim_run(sim, 10000);
	sim_check_books(sim);
	sim_free(sim);
	scratch_remove(&dir);
}

/* Migrations that are never applied, only counted. */
static struct db_cfg as_it_is(const char *path, size_t count)
{
	static const char *const none[] = {"", "", "", "", "", "", "", ""};

	return (struct db_cfg){.path = path,
			       .application_id = 0x53424c31,
			       .migrations = none,
			       .migration_count = count ? count : ROWS(none),
			       .read_only = count == 0};
}

/* One bit of an amount, as a bad disk changes it. */
static void spoil_receipt(const char *path)
{
	struct db_cfg cfg = as_it_is(path, 0);
	struct db_stmt *s;
	int64_t version;
	struct db *db;

	MUST(db_open(&db, &cfg, NULL));
	MUST(db_prepare(&s, db, "PRAGMA user_version", NULL));
	MUST(db_number(s, &version, NULL));
	db_stmt_free(s);
	db_close(db);
	cfg = as_it_is(path, (size_t)version);
	MUST(db_open(&db, &cfg, NULL));
	MUST(db_exec(db,
		     "UPDATE pair_out SET packed = CAST(substr(packed, 1, 24)"
		     " || x'01' || substr(packed, 26) AS BLOB)",
		     NULL));
	EXPECT(db_changes(db) == 1, "no receipt");
	db_close(db);
}

static void nothing_is_promised_upon_a_receipt_that_nobody_signed(void)
{
	struct scratch dir;
	const char *path;
	struct sim *sim = sim_new();
	struct sim_node_config bc = buyer_cfg;
	struct sim_node *seller = sim_node(sim, &seller_cfg), *buyer;
	struct sim_link_config cfg = {.want = 8 * MIB};
	struct pay_job *job;
	struct sim_link *l;
	struct address who = sim_node_address(seller);
	struct book_pair before, after;

	scratch_make(&dir);
	path = scratch_path(&dir, "book.db");
	bc.path = path;
	buyer = sim_node(sim, &bc);
	job = sim_job(buyer, 1, 1024, 100);
	(void)sim_connect(sim, buyer, job, seller, &cfg);
	sim_run(sim, 10000);
	spoil_receipt(path);
	sim_restart(buyer, path);
	MUST(book_pair_load(sim_book(buyer), &before, &who, NULL));
	job = sim_job(buyer, 1, 1024, 100);
	l = sim_connect(sim, buyer, job, seller, &cfg);
	sim_run(sim, 10000);
	MUST(book_pair_load(sim_book(buyer), &after, &who, NULL));
	EXPECT(before.out.have && amount_cmp(before.out.newest.amount,
					     after.out.newest.amount) == 0,
	       "another receipt was signed");
	EXPECT(sim_got_paid(l) == 0, "paid %llu",
	       (unsigned long long)sim_got_paid(l));
	sim_free(sim);
	scratch_remove(&dir);
}

static bool settled(struct sim_node *buyer, struct sim_node *seller)
{
	struct address who = sim_node_address(seller);
	struct book_pair p;

	MUST(book_pair_load(sim_book(buyer), &p, &who, NULL));
	EXPECT(p.out.have, "nothing was promised");
	return p.out.settled;
}

/* After a clean end the book's counts are exact, and a seller that counts more
 * is not believed; after a crash they are not. */
static void only_a_crash_is_an_excuse(void)
{
	struct sim *sim = sim_new();
	struct sim_node *seller = sim_node(sim, &seller_cfg);
	struct sim_node *buyer = sim_node(sim, &buyer_cfg);
	struct pay_job *job = sim_job(buyer, 1, 1024, 1000);
	struct sim_link *l = sim_connect(sim, buyer, job, seller, NULL);

	sim_run(sim, 15000);
	EXPECT(!settled(buyer, seller), "exact, while bytes flow");
	sim_disconnect(l);
	sim_run(sim, 1000);
	EXPECT(settled(buyer, seller), "not exact after the end");
	l = sim_connect(sim, buyer, job, seller, NULL);
	sim_run(sim, 5000);
	EXPECT(!settled(buyer, seller), "exact again too early");
	sim_check_books(sim);
	sim_free(sim);
}

static void two_connections_share_one_debt(void)
{
	struct sim *sim = sim_new();
	struct sim_node *seller = sim_node(sim, &seller_cfg);
	struct sim_node *buyer = sim_node(sim, &buyer_cfg);
	struct pay_job *a = sim_job(buyer, 1, 1024, 1000);
	struct pay_job *b = sim_job(buyer, 2, 1024, 1000);
	struct sim_link_config cfg = {.want = 16 * MIB};
	struct sim_link *la = sim_connect(sim, buyer, a, seller, &cfg);
	struct sim_link *lb = sim_connect(sim, buyer, b, seller, &cfg);
	struct amount paid;

	sim_run(sim, 20000);
	EXPECT(sim_got_paid(la) > 12 * MIB && sim_got_paid(lb) > 12 * MIB,
	       "%llu and %llu", (unsigned long long)sim_got_paid(la),
	       (unsigned long long)sim_got_paid(lb));
	paid = cost(sim_got_paid(la) + sim_got_paid(lb));
	EXPECT(amount_cmp(stored(seller, buyer), paid) >= 0, "debt");
	EXPECT(amount_cmp(stored(seller, buyer),
			  amount_add_cap(paid, cost(PAY_STEP_MAX))) <= 0,
	       "two debts");
	sim_check_books(sim);
	sim_free(sim);
}

static void the_higher_bid_is_served(void)
{
	struct sim *sim = sim_new();
	struct sim_node_config sc = seller_cfg;
	struct sim_node *seller, *rich, *poor;
	struct sim_link *lr, *lp;

	sc.paid_slots = 1;
	sc.trust_start = 1000;
	seller = sim_node(sim, &sc);
	poor = sim_node(sim, &buyer_cfg);
	rich = sim_node(sim, &buyer_cfg);
	lp = sim_connect(sim, poor, sim_job(poor, 1, 1024, 1000), seller, NULL);
	sim_run(sim, 5000);
	EXPECT(sim_got_paid(lp) > 0, "alone, it was not served");
	for (int i = 0; i < 3; i++) /* so that the free slot goes round */
		(void)sim_connect(sim, sim_node(sim, &buyer_cfg), NULL, seller,
				  NULL);
	lr = sim_connect(sim, rich, sim_job(rich, 1, 4096, 1000), seller, NULL);
	sim_run(sim, 150000);
	EXPECT(sim_events(rich, PAY_EV_BID_RAISED) > 0, "never raised");
	EXPECT(sim_events(poor, PAY_EV_BID_RAISED) == 0, "raised past its max");
	EXPECT(sim_got_paid(lr) > 3 * sim_got_paid(lp), "%llu and %llu",
	       (unsigned long long)sim_got_paid(lr),
	       (unsigned long long)sim_got_paid(lp));
	sim_check_books(sim);
	sim_free(sim);
}

static void an_alone_buyer_pays_the_floor(void)
{
	struct sim *sim = sim_new();
	struct sim_node *seller = sim_node(sim, &seller_cfg);
	struct sim_node *buyer = sim_node(sim, &buyer_cfg);
	struct pay_job *job = sim_job(buyer, 1, 9999, 1000);
	struct sim_link *l = sim_connect(sim, buyer, job, seller, NULL);
	struct pay_view v;

	sim_run(sim, 30000);
	pay_session_view(sim_buyer_session(l), &v);
	EXPECT(amount_cmp(v.bid, sim_tokens(1024)) == 0, "bid more");
	EXPECT(sim_events(buyer, PAY_EV_BID_RAISED) == 0, "raised");
	sim_free(sim);
}

static void a_new_floor_needs_a_new_bid(void)
{
	struct sim *sim = sim_new();
	struct sim_node *seller = sim_node(sim, &seller_cfg);
	struct sim_node *can = sim_node(sim, &buyer_cfg);
	struct sim_node *cannot = sim_node(sim, &buyer_cfg);
	struct sim_link *a = sim_connect(sim, can, sim_job(can, 1, 2048, 1000),
					 seller, NULL);
	struct sim_link *b = sim_connect(
		sim, cannot, sim_job(cannot, 1, 1024, 1000), seller, NULL);
	uint64_t had_a, had_b;
	struct pay_view v;

	sim_run(sim, 5000);
	pay_set_floor(sim_pay(seller), sim_tokens(2000));
	sim_run(sim, 500);
	had_a = sim_got_paid(a);
	had_b = sim_got_paid(b);
	sim_run(sim, 5000);
	pay_session_view(sim_buyer_session(a), &v);
	EXPECT(amount_cmp(v.bid, sim_tokens(2000)) == 0, "old price");
	EXPECT(sim_got_paid(a) > had_a, "not served at the new price");
	EXPECT(sim_got_paid(b) == had_b, "charged what it did not bid");
	EXPECT(sim_events(cannot, PAY_EV_TOO_DEAR) == 1, "not told");
	EXPECT(!sim_link_closed(a) && !sim_link_closed(b), "closed");
	sim_check_books(sim);
	sim_free(sim);
}

static void what_cannot_be_stored_is_not_served(void)
{
	struct sim *sim = sim_new();
	struct sim_node *seller = sim_node(sim, &seller_cfg);
	struct sim_node *buyer = sim_node(sim, &buyer_cfg);
	struct pay_job *job = sim_job(buyer, 1, 1024, 1000);
	struct sim_link *l;

	sim_run(sim, 100);
	sim_fail_commits(seller, true);
	l = sim_connect(sim, buyer, job, seller, NULL);
	sim_run(sim, 8000);
	EXPECT(sim_got_paid(l) == 0, "served on a receipt that is nowhere");
	EXPECT(sim_events(seller, PAY_EV_BOOK) > 0, "not told");
	EXPECT(sim_events(seller, PAY_EV_ACCEPTED) == 0, "acknowledged");
	sim_fail_commits(seller, false);
	sim_run(sim, 30000);
	EXPECT(sim_got_paid(l) > 0, "the disk is back, nothing is served");
	sim_check_books(sim);
	sim_free(sim);
}

static void what_cannot_be_noted_is_not_promised(void)
{
	struct sim *sim = sim_new();
	struct sim_node *seller = sim_node(sim, &seller_cfg);
	struct sim_node *buyer = sim_node(sim, &buyer_cfg);
	struct pay_job *job = sim_job(buyer, 1, 1024, 1000);
	struct sim_link *l;
	struct pay_job_state st;

	sim_run(sim, 100);
	sim_fail_commits(buyer, true);
	l = sim_connect(sim, buyer, job, seller, NULL);
	sim_run(sim, 15000);
	EXPECT(sim_events(buyer, PAY_EV_SENT) == 0, "a receipt went out");
	pay_job_state(job, &st);
	EXPECT(amount_is_zero(st.spent), "counted as spent");
	sim_fail_commits(buyer, false);
	sim_run(sim, 30000);
	EXPECT(sim_got_paid(l) > 0, "the disk is back, nothing is paid");
	sim_check_books(sim);
	sim_free(sim);
}

static void a_bid_below_the_floor_is_refused(void)
{
	const uint8_t ip[4] = {192, 0, 2, 1};
	struct sim *sim = sim_new();
	struct sim_node *seller = sim_node(sim, &seller_cfg);
	struct sim_raw *r = sim_raw(sim, seller, PAY_SELL, NULL, ip);
	struct pay_msg m;

	EXPECT(!sim_raw_agree(r, amount_sub_floor(sim_tokens(1024),
						  amount_from_u64(1))),
	       "taken");
	EXPECT(sim_raw_take(r, PAY_MSG_NO, &m) && m.u.no.code == PAY_NO_PRICE &&
		       amount_cmp(m.u.no.price, sim_tokens(1024)) == 0,
	       "not told the floor");
	EXPECT(sim_raw_agree(r, sim_tokens(1024)), "the floor was refused");
	sim_free(sim);
}

/* Ten sellers, a balance of 3 tokens: what is promised in all stays within it,
 * but for what a reserve covers. */
static void nobody_is_promised_what_is_not_there(void)
{
	struct sim *sim = sim_new();
	const struct sim_node_config bc = {.balance = 5};
	struct sim_node *buyer = sim_node(sim, &bc), *seller[10];
	struct address me = sim_node_address(buyer), payee;
	struct pay_job *job = sim_job(buyer, 1, 1024, 1000);
	struct book_totals t;
	uint64_t got = 0;
	struct sim_link *l[10];

	for (size_t i = 0; i < ROWS(seller); i++)
		seller[i] = sim_node(sim, &seller_cfg);
	payee = sim_node_address(seller[0]);
	sim_reserve(sim, &me, &payee, sim_tokens(2), SIM_START_S + 30 * 86400);
	sim_refresh(sim, buyer);
	for (size_t i = 0; i < ROWS(seller); i++)
		l[i] = sim_connect(sim, buyer, job, seller[i], NULL);
	sim_run(sim, 60000);
	for (size_t i = 0; i < ROWS(seller); i++)
		got += sim_got_paid(l[i]);
	MUST(book_totals(sim_book(buyer), &t, NULL));
	EXPECT(amount_cmp(t.spent, sim_tokens(5)) <= 0, "promised more");
	EXPECT(got > 4 * MIB, "promised little: %llu", (unsigned long long)got);
	EXPECT(sim_events(buyer, PAY_EV_FUNDS_GONE) > 0, "not told");
	for (size_t i = 0; i < ROWS(seller); i++)
		(void)sim_cash(sim, seller[i]);
	MUST(book_totals(sim_book(buyer), &t, NULL));
	EXPECT(amount_is_zero(t.owed), "a promise bounced");
	sim_check_books(sim);
	sim_free(sim);
}

static void hints_are_coarse(void)
{
	static const struct {
		const char *name;
		uint64_t floor, hint;
	} rows[] = {
		{"two digits stay", 99, 99},
		{"rounded up", 1024, 1100},
		{"round already", 1200, 1200},
		{"up to three digits", 999, 1000},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct sim *sim = sim_new();
		struct sim_node_config sc = seller_cfg;
		struct sim_node *n;

		sc.floor = rows[i].floor;
		n = sim_node(sim, &sc);
		EXPECT(amount_cmp(pay_price_hint(sim_pay(n)),
				  sim_tokens(rows[i].hint)) == 0,
		       "%s", rows[i].name);
		sim_free(sim);
	}
}

int main(void)
{
	bytes_are_paid_exactly();
	a_download_ends_with_nothing_to_spare();
	cashing_costs_the_payer_nothing();
	steps_grow_with_the_rate();
	lumps_seldom_wait_for_a_receipt();
	fast_sellers_have_earned_their_step();
	a_flood_is_what_nothing_calls_for();
	a_free_slot_is_never_charged();
	a_budget_ends_and_the_rest_is_free();
	spending_outlives_a_restart();
	nothing_is_promised_upon_a_receipt_that_nobody_signed();
	only_a_crash_is_an_excuse();
	two_connections_share_one_debt();
	the_higher_bid_is_served();
	an_alone_buyer_pays_the_floor();
	a_new_floor_needs_a_new_bid();
	what_cannot_be_stored_is_not_served();
	what_cannot_be_noted_is_not_promised();
	a_bid_below_the_floor_is_refused();
	nobody_is_promised_what_is_not_there();
	hints_are_coarse();
	return EXPECT_EXIT();
}
