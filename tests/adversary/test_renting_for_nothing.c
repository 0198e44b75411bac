/* Renters that want sectors taken in for nothing, or twice for one receipt, and
 * hosts that take the price of it and do nothing, or claim what they never
 * told. */
#include "tests/sim/expect.h"
#include "tests/sim/sim.h"

#define TOKEN UINT64_C(1000000000)
#define MIB (UINT64_C(1) << 20)

static const struct sim_node_config host_cfg = {.sell = true,
						.floor = 16,
						.trust_start = 100,
						.due_step = 16 * TOKEN,
						.asks_per_net = 100};
static const struct sim_node_config renter_cfg = {.balance = 100000};
static const uint8_t ip[4] = {192, 0, 2, 1};

static struct amount promised(struct sim_node *host)
{
	struct book_totals t;

	MUST(book_totals(sim_book(host), &t, NULL));
	return t.promised;
}

static struct amount written_off(struct sim_node *renter, struct sim_node *host)
{
	struct address who = sim_node_address(host);
	struct book_pair p;

	MUST(book_pair_load(sim_book(renter), &p, &who, NULL));
	return p.out.lost;
}

static void who_pays_nothing_stores_nothing(void)
{
	struct sim *sim = sim_new();
	struct sim_node *host = sim_node(sim, &host_cfg);
	struct sim_node *renter = sim_node(sim, &renter_cfg);
	struct sim_link_config cfg = {
		.renting = true, .sectors = 100, .due = TOKEN, .unpaid = true};
	struct pay_job *job = sim_job(renter, 1, 1024, 0);
	struct sim_link *l = sim_connect(sim, renter, job, host, &cfg);

	sim_run(sim, 30000);
	EXPECT(sim_taken(l) == 0 && sim_stored(l) == 0, "%u taken",
	       sim_taken(l));
	EXPECT(sim_refused(l) > 100, "it did not try");
	EXPECT(amount_is_zero(promised(host)), "it paid");
	sim_check_books(sim);
	sim_free(sim);
}

/* A renter of ten tokens that has proved itself on this connection. */
static struct sim_raw *paid_up(struct sim *sim, struct sim_node *host,
			       uint64_t paid)
{
	struct sim_raw *r = sim_raw_renter(sim, host, ip);
	struct address who = sim_address(1000);

	EXPECT(sim_raw_agree(r, sim_tokens(16)) &&
		       sim_raw_pay(r, &who, sim_tokens(paid), AMOUNT_ZERO),
	       "no agreement");
	sim_run(sim, 1000); /* its balance is read */
	return r;
}

static bool covered(struct sim *sim, struct sim_raw *r, uint64_t tokens)
{
	return pay_covered(sim_raw_session(r), sim_tokens(tokens),
			   sim_now_ms(sim));
}

static void one_receipt_covers_once(void)
{
	struct sim *sim = sim_new();
	struct sim_node *host = sim_node(sim, &host_cfg);
	struct address who = sim_address(1000);
	struct sim_raw *a, *b;

	sim_deposit(sim, &who, sim_tokens(1000));
	a = paid_up(sim, host, 10);
	b = paid_up(sim, host, 11);
	EXPECT(!covered(sim, a, 12), "more than it paid");
	EXPECT(covered(sim, a, 10), "what it paid");
	EXPECT(!covered(sim, b, 2), "twice, on another connection");
	EXPECT(covered(sim, b, 1), "what was left");
	EXPECT(sim_raw_pull(a, 64 * MIB) == 0 && sim_raw_pull(b, 64 * MIB) == 0,
	       "bytes were served on what is kept for sectors");
	pay_add_due(sim_raw_session(a), sim_tokens(4), 0, sim_now_ms(sim));
	EXPECT(!covered(sim, a, 7), "what was used up");
	EXPECT(covered(sim, a, 2), "less is under way now");
	EXPECT(!covered(sim, b, 6) && covered(sim, b, 5), "so there is more");
	pay_add_due(sim_raw_session(b), sim_tokens(5), 0, sim_now_ms(sim));
	EXPECT(covered(sim, a, 0) && sim_raw_pull(a, 256 * MIB) == 128 * MIB,
	       "two tokens are left for bytes");
	sim_check_books(sim);
	sim_free(sim);
}

/* The chain shows a cashed receipt to everyone. */
static void a_receipt_that_was_seen_covers_nothing(void)
{
	struct sim *sim = sim_new();
	struct sim_node *host = sim_node(sim, &host_cfg);
	struct address who = sim_address(1000);
	struct sim_raw *r;

	sim_deposit(sim, &who, sim_tokens(1000));
	(void)paid_up(sim, host, 10);
	r = paid_up(sim, host, 10);
	EXPECT(!covered(sim, r, 1), "a replayed receipt covers");
	sim_free(sim);
}

static void promises_beyond_the_limit_cover_nothing(void)
{
	struct sim *sim = sim_new();
	struct sim_node_config hc = host_cfg;
	struct address who = sim_address(1000);
	struct sim_node *host;
	struct sim_raw *r;

	hc.trust_start = 5;
	host = sim_node(sim, &hc);
	sim_deposit(sim, &who, sim_tokens(1000));
	r = paid_up(sim, host, 10);
	EXPECT(!covered(sim, r, 6), "beyond what it is trusted with");
	EXPECT(covered(sim, r, 5), "up to there");
	sim_free(sim);
}

/* An empty book, and a payer that says nothing was served: of one receipt the
 * dues of one step are good, not all of it. */
static void a_host_that_forgot_loses_a_step(void)
{
	struct sim *sim = sim_new();
	struct sim_node *host = sim_node(sim, &host_cfg);
	struct address who = sim_address(1000);
	struct sim_raw *r;

	sim_deposit(sim, &who, sim_tokens(1000));
	r = paid_up(sim, host, 90);
	/* 64 MiB at 16 tokens a GiB, and the step */
	EXPECT(!covered(sim, r, 18), "more than a step");
	EXPECT(covered(sim, r, 17), "a step");
	sim_free(sim);
}

/* A payer must not be able to add a due to another's debt, nor the host to that
 * of who never paid. */
static void dues_of_strangers_change_nothing(void)
{
	struct sim *sim = sim_new();
	struct sim_node *host = sim_node(sim, &host_cfg);
	struct address who = sim_address(1001);

	MUST(pay_add_due_of(sim_pay(host), PAY_SELL, &who, sim_tokens(5),
			    sim_now_ms(sim), NULL));
	sim_run(sim, 20000);
	sim_check_books(sim);
	sim_free(sim);
}

/* ---- hosts ---- */

/* It takes the price of a sector and says nothing: that one sector's, whatever
 * window the renter likes, on as many connections as it likes. */
static void a_mute_host_takes_one_due(void)
{
	struct sim *sim = sim_new();
	struct sim_node *host = sim_node(sim, &host_cfg);
	struct sim_node *renter = sim_node(sim, &renter_cfg);
	struct sim_link_config cfg = {.renting = true,
				      .sectors = 100,
				      .window = 16,
				      .due = TOKEN,
				      .rate = 64 * MIB,
				      .mute = true};

	for (int i = 0; i < 10; i++) {
		struct sim_link *l = sim_connect(
			sim, renter,
			sim_job(renter, (uint8_t)(i + 1), 1024, 10000), host,
			&cfg);

		sim_run(sim, 20000);
		sim_disconnect(l);
	}
	/* and a unit a connection, which makes a receipt a new one */
	EXPECT(amount_cmp(promised(host),
			  amount_add_cap(sim_tokens(1), amount_from_u64(10))) <=
		       0,
	       "more than one due");
	EXPECT(amount_cmp(promised(host), sim_tokens(1)) >= 0, "not tried");
	sim_check_books(sim);
	sim_free(sim);
}

/* Sectors go to many new hosts at a time: to thirty-two that may be mute, and
 * to no more once that cost a tenth of the budget. */
static void mute_hosts_take_one_due_each(void)
{
	enum { MUTES = 50, AT_ONCE = 32 };
	struct sim *sim = sim_new();
	struct sim_node *renter = sim_node(sim, &renter_cfg), *host[MUTES];
	struct pay_job *job = sim_job(renter, 1, 1024, 100);
	struct sim_link_config cfg = {
		.renting = true, .sectors = 10, .due = TOKEN, .mute = true};
	struct sim_link *l[MUTES];
	unsigned paid = 0;

	for (int i = 0; i < MUTES; i++) {
		host[i] = sim_node(sim, &host_cfg);
		l[i] = sim_connect(sim, renter, job, host[i], &cfg);
	}
	sim_run(sim, 60000);
	for (int i = 0; i < MUTES; i++)
		paid += !amount_is_zero(promised(host[i]));
	EXPECT(paid == AT_ONCE, "%u at a time", paid);
	for (int i = 0; i < MUTES; i++)
		if (!amount_is_zero(promised(host[i])))
			sim_disconnect(l[i]);
	sim_run(sim, 60000);
	paid = 0;
	for (int i = 0; i < MUTES; i++) {
		paid += !amount_is_zero(promised(host[i]));
		EXPECT(amount_cmp(promised(host[i]), sim_tokens(1)) <= 0,
		       "more than one due");
	}
	EXPECT(paid == AT_ONCE, "%u after a tenth was lost", paid);
	sim_check_books(sim);
	sim_free(sim);
}

/* It stored well, then takes what is under way and says nothing. */
static void a_host_with_history_takes_a_window(void)
{
	struct sim *sim = sim_new();
	struct sim_node *host = sim_node(sim, &host_cfg);
	struct sim_node *renter = sim_node(sim, &renter_cfg);
	struct sim_link_config cfg = {.renting = true,
				      .sectors = 1000,
				      .window = 4,
				      .due = TOKEN / 10,
				      .rate = 16 * MIB};
	struct pay_job *job = sim_job(renter, 1, 1024, 10000);
	struct sim_link *l = sim_connect(sim, renter, job, host, &cfg);
	struct amount heard;

	sim_run(sim, 10000);
	EXPECT(sim_stored(l) > 20, "%u stored", sim_stored(l));
	sim_mute(l, true);
	sim_run(sim, 60000);
	EXPECT(amount_mul_u64(&heard, amount_from_u64(TOKEN / 10),
			      sim_stored(l) + 5U),
	       "sum");
	EXPECT(amount_cmp(promised(host), heard) <= 0,
	       "more than what was under way");
	sim_check_books(sim);
	sim_free(sim);
}

/* It counts sectors that it never says are stored, over and over. */
static void a_host_that_claims_is_left(bool with_history)
{
	struct sim *sim = sim_new();
	struct sim_node *host = sim_node(sim, &host_cfg);
	struct sim_node *renter = sim_node(sim, &renter_cfg);
	struct sim_link_config cfg = {.renting = true,
				      .sectors = 40,
				      .window = 4,
				      .due = TOKEN,
				      .rate = 64 * MIB};
	uint64_t heard = 0, bound;

	for (int i = 0; i < 40; i++) {
		struct pay_job *job =
			sim_job(renter, (uint8_t)(i + 1), 1024, 10000);
		struct sim_link *l;

		cfg.counts_silent = i > 0 || !with_history;
		l = sim_connect(sim, renter, job, host, &cfg);
		sim_run(sim, i == 0 ? 10000 : 3000);
		heard += sim_stored(l);
		sim_disconnect(l);
		if (i % 8 == 7)
			sim_run(sim, 700000);
	}
	EXPECT(heard == (with_history ? 40 : 0), "%d stored", (int)heard);
	/* sixteen and a 64th of what it stored are written off, and the window
	 * that went beyond is gone as well; a stranger had one */
	bound = with_history ? 16 + 1 + 4 + heard : 1;
	EXPECT(amount_cmp(promised(host),
			  amount_add_cap(sim_tokens(bound),
					 amount_from_u64(40))) <= 0,
	       "it was paid more than can be lost");
	EXPECT(amount_cmp(written_off(renter, host),
			  sim_tokens(with_history ? 21 : 1)) <= 0,
	       "more was written off");
	sim_check_books(sim);
	sim_free(sim);
}

/* Its words of sb_pay ask more than the sheet that the renter chose it by. */
static void a_host_dearer_than_its_sheet_gets_no_bid(void)
{
	struct sim *sim = sim_new();
	struct sim_node *renter = sim_node(sim, &renter_cfg);
	struct pay_job *job = sim_job(renter, 1, 1024, 1000);
	struct pay_dues dues = {.one = amount_from_u64(TOKEN),
				.step = amount_from_u64(16 * TOKEN),
				.most = sim_tokens(16)};
	struct sim_raw *r = sim_raw_host(sim, renter, job, &dues, NULL);
	struct address payee = sim_address(2000);

	EXPECT(!sim_raw_sell(r, &payee, sim_tokens(17)), "a bid");
	EXPECT(sim_events(renter, PAY_EV_TOO_DEAR) == 1, "not said");
	sim_free(sim);
}

/* It has receipts made out to somebody else: another debt, which no book of
 * this host will ever know. */
static void a_host_cannot_name_another_payee(void)
{
	struct sim *sim = sim_new();
	struct sim_node *renter = sim_node(sim, &renter_cfg);
	struct pay_job *job = sim_job(renter, 1, 1024, 1000);
	struct pay_dues dues = {.one = amount_from_u64(TOKEN),
				.step = amount_from_u64(16 * TOKEN),
				.most = sim_tokens(16)};
	struct address payee = sim_address(2000), host = sim_address(2001);
	struct sim_raw *r = sim_raw_host(sim, renter, job, &dues, &host);

	EXPECT(!sim_raw_sell(r, &payee, sim_tokens(16)) && sim_raw_closed(r),
	       "another payee");
	r = sim_raw_host(sim, renter, job, &dues, &host);
	EXPECT(sim_raw_sell(r, &host, sim_tokens(16)), "the host itself");
	sim_free(sim);
}

int main(void)
{
	who_pays_nothing_stores_nothing();
	one_receipt_covers_once();
	a_receipt_that_was_seen_covers_nothing();
	promises_beyond_the_limit_cover_nothing();
	a_host_that_forgot_loses_a_step();
	dues_of_strangers_change_nothing();
	a_mute_host_takes_one_due();
	mute_hosts_take_one_due_each();
	a_host_with_history_takes_a_window();
	a_host_that_claims_is_left(false);
	a_host_that_claims_is_left(true);
	a_host_dearer_than_its_sheet_gets_no_bid();
	a_host_cannot_name_another_payee();
	return EXPECT_EXIT();
}
