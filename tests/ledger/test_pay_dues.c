/* Dues beside bytes, on the simulator: sectors that are brought at a price, a
 * period prepaid. Both sides count the same, whatever ends in between, and
 * nothing is promised that is not needed. */
#include "tests/ledger/scratch.h"
#include "tests/sim/expect.h"
#include "tests/sim/sim.h"

#define MIB (UINT64_C(1) << 20)
#define TOKEN UINT64_C(1000000000)

static const struct sim_node_config host_cfg = {
	.sell = true, .floor = 1, .trust_start = 5000, .due_step = 16 * TOKEN};
static const struct sim_node_config renter_cfg = {.balance = 100000};

static struct book_pair pair_of(struct sim_node *n, struct sim_node *other)
{
	struct address who = sim_node_address(other);
	struct book_pair p;

	MUST(book_pair_load(sim_book(n), &p, &who, NULL));
	return p;
}

/* What the two count, and what is promised beyond it. */
static void count_alike(const char *name, struct sim_link *l,
			struct amount spare)
{
	struct pay_view b, s;

	pay_session_view(sim_buyer_session(l), &b);
	pay_session_view(sim_seller_session(l), &s);
	EXPECT(amount_cmp(b.ahead, s.credit) == 0,
	       "%s: the two count differently", name);
	EXPECT(amount_cmp(b.ahead, spare) <= 0, "%s: promised beyond need",
	       name);
}

static const struct row {
	const char *name;
	unsigned sectors, window;
	uint64_t due, want;
	uint64_t floor;
	int64_t latency_ms;
	uint64_t rate;
} rows[] = {
	{"one sector", 1, 4, TOKEN, 0, 1, 20, 0},
	{"one at a time", 20, 1, TOKEN, 0, 1, 20, 0},
	{"four at a time", 50, 4, TOKEN, 0, 1, 20, 0},
	{"sixteen, far away", 60, 16, TOKEN, 0, 1, 300, 64 * MIB},
	{"a unit each", 30, 4, 1, 0, 1, 20, 0},
	{"an odd price", 30, 4, 333333333, 0, 1, 20, 0},
	{"reads alone", 0, 4, TOKEN, 16 * MIB, 1024, 20, 0},
	{"reads beside", 30, 4, TOKEN, 16 * MIB, 1024, 20, 0},
	{"dear reads, cheap sectors", 30, 4, 1, 16 * MIB, 1024, 50, 0},
	{"cheap reads, dear sectors", 30, 4, TOKEN, 16 * MIB, 1, 50, 0},
};

static void dues_are_counted_exactly(const struct row *r)
{
	struct sim *sim = sim_new();
	struct sim_node_config hc = host_cfg;
	struct sim_node *host, *renter = sim_node(sim, &renter_cfg);
	struct sim_link_config cfg = {.renting = true,
				      .sectors = r->sectors,
				      .window = r->window,
				      .due = r->due,
				      .want = r->want,
				      .latency_ms = r->latency_ms,
				      .rate = r->rate};
	struct amount bytes, dues;
	struct book_pair p;
	struct sim_link *l;

	hc.floor = r->floor;
	host = sim_node(sim, &hc);
	l = sim_connect(sim, renter, sim_job(renter, 1, 1024, 10000), host,
			&cfg);
	sim_run(sim, 120000);
	EXPECT(sim_stored(l) == r->sectors, "%s: %u stored", r->name,
	       sim_stored(l));
	/* bytes under way may have used up what looked free from here */
	EXPECT(sim_refused(l) <= (r->want ? 3U : 0U), "%s: %u not covered",
	       r->name, sim_refused(l));
	EXPECT(sim_got_paid(l) == r->want && sim_got_free(l) == 0,
	       "%s: %llu bytes paid, %llu free", r->name,
	       (unsigned long long)sim_got_paid(l),
	       (unsigned long long)sim_got_free(l));
	/* one unit for the rounding of each receipt that bytes took */
	count_alike(r->name, l, amount_from_u64(r->want ? 16 : 0));
	p = pair_of(host, renter);
	EXPECT(amount_mul_div(&bytes, NULL, sim_tokens(r->floor),
			      sim_got_paid(l), 0, PAY_GIB) &&
		       amount_mul_u64(&dues, amount_from_u64(r->due),
				      r->sectors),
	       "cost");
	if (sim_events(renter, PAY_EV_SENT))
		sim_disconnect(l); /* what is counted goes into the books */
	sim_run(sim, 100);
	p = pair_of(host, renter);
	EXPECT(amount_cmp(p.in.owed, amount_add_cap(bytes, dues)) == 0,
	       "%s: owed is not bytes and dues", r->name);
	p = pair_of(renter, host);
	EXPECT(amount_cmp(p.out.owed, amount_add_cap(bytes, dues)) == 0,
	       "%s: the renter counts otherwise", r->name);
	sim_check_books(sim);
	sim_free(sim);
}

/* Each is killed in turn, at all kinds of moments. Who is killed may have lost
 * a moment's counts; the two agree again, and nobody is blamed. */
static void kills_change_no_count(bool host_dies, bool reads, int64_t after_ms)
{
	struct scratch dir;
	struct sim *sim = sim_new();
	struct sim_node_config hc = host_cfg, rc = renter_cfg;
	struct sim_link_config cfg = {.renting = true,
				      .sectors = 200,
				      .due = TOKEN,
				      .want = reads ? 64 * MIB : 0};
	char path[2][SCRATCH_PATH + 64];
	struct sim_node *host, *renter;
	struct sim_link *l = NULL;
	unsigned heard = 0;

	scratch_make(&dir);
	(void)snprintf(path[0], sizeof(path[0]), "%s",
		       scratch_path(&dir, "host"));
	(void)snprintf(path[1], sizeof(path[1]), "%s",
		       scratch_path(&dir, "renter"));
	hc.path = path[0];
	rc.path = path[1];
	hc.floor = 16;
	hc.asks_per_net = 100;
	host = sim_node(sim, &hc);
	renter = sim_node(sim, &rc);
	for (unsigned i = 0; i < 5; i++) {
		if (l)
			sim_restart(host_dies ? host : renter,
				    path[!host_dies]);
		l = sim_connect(sim, renter,
				sim_job(renter, (uint8_t)(i + 1), 1024, 10000),
				host, &cfg);
		sim_run(sim, i < 4 ? after_ms + 7 * (int64_t)i : 90000);
		heard += sim_stored(l);
		EXPECT(sim_events(renter, PAY_EV_SELLER_DROPPED) == 0,
		       "kill %u after %d ms: the host is blamed", i,
		       (int)after_ms);
	}
	EXPECT(sim_stored(l) == 200, "%u of the last 200", sim_stored(l));
	EXPECT(heard > 200, "nothing was stored before");
	count_alike("after kills", l, amount_from_u64(16));
	sim_check_books(sim);
	sim_free(sim);
	scratch_remove(&dir);
}

/* A due may be a month's rent: it is in both books when the turn ends that
 * counts it, and not with the next receipt. */
static void a_due_is_stored_at_once(void)
{
	struct scratch dir;
	struct sim *sim = sim_new();
	struct sim_node_config hc = host_cfg, rc = renter_cfg;
	struct sim_link_config cfg = {
		.renting = true, .sectors = 9, .window = 1, .due = TOKEN};
	char path[2][SCRATCH_PATH + 64];
	struct sim_node *host, *renter;
	struct sim_link *l;
	struct book_pair p;

	scratch_make(&dir);
	(void)snprintf(path[0], sizeof(path[0]), "%s",
		       scratch_path(&dir, "host"));
	(void)snprintf(path[1], sizeof(path[1]), "%s",
		       scratch_path(&dir, "renter"));
	hc.path = path[0];
	rc.path = path[1];
	host = sim_node(sim, &hc);
	renter = sim_node(sim, &rc);
	l = sim_connect(sim, renter, sim_job(renter, 1, 1024, 100), host, &cfg);
	while (sim_stored(l) < 5 && sim_now_ms(sim) < 60000)
		sim_run(sim, SIM_TURN_MS);
	sim_restart(host, path[0]);
	sim_restart(renter, path[1]);
	p = pair_of(host, renter);
	EXPECT(amount_cmp(p.in.owed, sim_tokens(5)) == 0, "the host forgot");
	p = pair_of(renter, host);
	EXPECT(amount_cmp(p.out.owed, sim_tokens(5)) == 0, "the renter forgot");
	sim_check_books(sim);
	sim_free(sim);
	scratch_remove(&dir);
}

/* Answers are lost with connections: written off, sixteen sectors' worth. */
static void lost_answers_are_written_off(void)
{
	struct sim *sim = sim_new();
	struct sim_node_config hc = host_cfg;
	struct sim_link_config cfg = {.renting = true,
				      .sectors = 100,
				      .due = TOKEN,
				      .rate = 64 * MIB};
	struct sim_node *host, *renter = sim_node(sim, &renter_cfg);
	struct sim_link *l;
	unsigned taken = 0, heard = 0;
	struct book_pair p;

	hc.asks_per_net = 100;
	host = sim_node(sim, &hc);
	for (unsigned i = 0; i < 4; i++) {
		struct pay_job *job =
			sim_job(renter, (uint8_t)(i + 1), 1024, 10000);

		l = sim_connect(sim, renter, job, host, &cfg);
		sim_run(sim, 1000 + 11 * (int64_t)i);
		sim_disconnect(l);
		taken += sim_taken(l);
		heard += sim_stored(l);
	}
	EXPECT(taken > heard, "no answer was lost");
	l = sim_connect(sim, renter, sim_job(renter, 9, 1024, 10000), host,
			&cfg);
	sim_run(sim, 60000);
	EXPECT(sim_stored(l) == 100, "%u after it", sim_stored(l));
	count_alike("after losses", l, AMOUNT_ZERO);
	sim_disconnect(l);
	sim_run(sim, 100);
	p = pair_of(renter, host);
	EXPECT(amount_cmp(p.out.lost, sim_tokens(taken - heard)) == 0,
	       "another sum is written off");
	sim_check_books(sim);
	sim_free(sim);
}

/* The very first answer of a host is lost. Written off alone it would leave a
 * host without history that is paid no more; the sector is there, though. */
static void a_first_sector_is_found_again(bool found)
{
	struct sim *sim = sim_new();
	struct sim_node *host = sim_node(sim, &host_cfg);
	struct sim_node *renter = sim_node(sim, &renter_cfg);
	struct sim_link_config cfg = {.renting = true,
				      .sectors = 10,
				      .window = 1,
				      .due = TOKEN,
				      .latency_ms = 200};
	struct pay_job *job = sim_job(renter, 1, 1024, 1000);
	struct sim_link *l = sim_connect(sim, renter, job, host, &cfg);
	struct address who = sim_node_address(host);
	struct book_pair p;

	while (!sim_taken(l) && sim_now_ms(sim) < 60000)
		sim_run(sim, SIM_TURN_MS);
	sim_disconnect(l);
	EXPECT(sim_stored(l) == 0, "it was heard");
	l = sim_connect(sim, renter, job, host, &cfg);
	if (found)
		pay_found_due(sim_pay(renter), &who, amount_from_u64(TOKEN),
			      1U << 20, sim_now_ms(sim));
	sim_run(sim, 60000);
	EXPECT(sim_stored(l) == (found ? 10 : 0), "%u stored, %s found",
	       sim_stored(l), found ? "the first" : "not");
	sim_disconnect(l);
	sim_run(sim, 100);
	p = pair_of(renter, host);
	EXPECT(amount_cmp(p.out.owed, sim_tokens(found ? 11 : 0)) == 0 &&
		       amount_cmp(p.out.lost, sim_tokens(!found)) == 0,
	       "counted otherwise, %s found", found ? "the first" : "not");
	sim_check_books(sim);
	sim_free(sim);
}

/* The first bytes of a host are lost with their connection, which it counts as
 * served: the next receipt is for so much more, else what was asked for is held
 * back for ever. */
static void lost_bytes_hold_nothing_back(uint64_t want)
{
	struct sim *sim = sim_new();
	struct sim_node_config hc = host_cfg;
	struct sim_node *host, *renter = sim_node(sim, &renter_cfg);
	struct sim_link_config cfg = {
		.renting = true, .want = want, .latency_ms = 200};
	struct pay_job *job = sim_job(renter, 1, 1024, 1000);
	struct pay_view v = {0};
	struct sim_link *l;

	hc.floor = 16;
	host = sim_node(sim, &hc);
	l = sim_connect(sim, renter, job, host, &cfg);
	while (v.paid_bytes == 0 && sim_now_ms(sim) < 60000) {
		sim_run(sim, SIM_TURN_MS);
		pay_session_view(sim_seller_session(l), &v);
	}
	sim_disconnect(l);
	EXPECT(v.paid_bytes > 0 && sim_got_paid(l) == 0, "it came");
	l = sim_connect(sim, renter, job, host, &cfg);
	sim_run(sim, 60000);
	EXPECT(sim_got_paid(l) == want, "%llu of %llu",
	       (unsigned long long)sim_got_paid(l), (unsigned long long)want);
	pay_session_view(sim_buyer_session(l), &v);
	EXPECT(amount_cmp(v.ahead, amount_from_u64(16)) <= 0,
	       "promised beyond need");
	sim_check_books(sim);
	sim_free(sim);
}

/* A sum that is larger than what one receipt may add comes in several, and is
 * prepaid all the same: none of it counts as served long ago. */
static void a_large_due_takes_several_receipts(void)
{
	struct sim *sim = sim_new();
	struct sim_node *host = sim_node(sim, &host_cfg);
	struct sim_node *renter = sim_node(sim, &renter_cfg);
	struct sim_link_config cfg = {.renting = true,
				      .sectors = 2,
				      .window = 1,
				      .due = 100 * TOKEN,
				      .due_step = 16 * TOKEN};
	struct sim_link *l = sim_connect(
		sim, renter, sim_job(renter, 1, 1024, 10000), host, &cfg);

	sim_run(sim, 20000);
	EXPECT(sim_stored(l) == 2, "%u", sim_stored(l));
	EXPECT(sim_signatures(renter) >= 13 && sim_signatures(renter) <= 16,
	       "%u receipts", sim_signatures(renter));
	count_alike("large", l, AMOUNT_ZERO);
	sim_check_books(sim);
	sim_free(sim);
}

/* Hosts that bring sectors for nothing have no history when a first period is
 * to be paid; none of them waits for another's answer. */
static void first_periods_are_paid_side_by_side(void)
{
	struct sim *sim = sim_new();
	struct sim_node *renter = sim_node(sim, &renter_cfg);
	struct pay_job *job = sim_job(renter, 1, 1024, 10000);
	const struct sim_link_config cfg = {.renting = true,
					    .sectors = 1,
					    .window = 1,
					    .due = TOKEN,
					    .free_sectors = true,
					    .latency_ms = 2000};
	struct sim_link *l[8];

	for (size_t i = 0; i < ROWS(l); i++)
		l[i] = sim_connect(sim, renter, job, sim_node(sim, &host_cfg),
				   &cfg);
	sim_run(sim, 20000);
	for (size_t i = 0; i < ROWS(l); i++)
		EXPECT(sim_stored(l[i]) == 1, "host %zu was not paid", i);
	sim_check_books(sim);
	sim_free(sim);
}

/* Whole dues or nothing, whatever ends first. */
static void what_ends_first_ends_it(void)
{
	static const struct {
		const char *name;
		uint64_t budget, balance, trust;
	} ends[] = {
		{"budget", 5, 1000, 1000},
		{"funds", 1000, 5, 1000},
		{"trust", 1000, 1000, 5},
	};

	for (size_t i = 0; i < ROWS(ends); i++) {
		struct sim *sim = sim_new();
		struct sim_node_config hc = host_cfg, rc = renter_cfg;
		struct sim_link_config cfg = {
			.renting = true, .sectors = 20, .due = 3 * TOKEN / 2};
		struct sim_node *host, *renter;
		struct sim_link *l;

		hc.trust_start = ends[i].trust;
		rc.balance = ends[i].balance;
		host = sim_node(sim, &hc);
		renter = sim_node(sim, &rc);
		l = sim_connect(sim, renter,
				sim_job(renter, 1, 1024, ends[i].budget), host,
				&cfg);
		sim_run(sim, 30000);
		EXPECT(sim_stored(l) == 3, "%s: %u stored", ends[i].name,
		       sim_stored(l));
		EXPECT(sim_refused(l) == 0, "%s: tried", ends[i].name);
		count_alike(ends[i].name, l, AMOUNT_ZERO);
		if (i == 2) { /* it cashes, and trusts on */
			(void)sim_cash(sim, host);
			sim_run(sim, 30000);
			EXPECT(sim_stored(l) == 7, "%u after cashing",
			       sim_stored(l));
		}
		sim_check_books(sim);
		sim_free(sim);
	}
}

int main(void)
{
	for (size_t i = 0; i < ROWS(rows); i++)
		dues_are_counted_exactly(&rows[i]);
	for (int64_t ms = 1400; ms < 1600; ms += 50)
		for (int i = 0; i < 4; i++)
			kills_change_no_count(i & 1, i & 2, ms);
	a_due_is_stored_at_once();
	lost_answers_are_written_off();
	a_first_sector_is_found_again(false);
	a_first_sector_is_found_again(true);
	lost_bytes_hold_nothing_back(UINT64_C(16) << 10);
	lost_bytes_hold_nothing_back(UINT64_C(64) << 10);
	a_large_due_takes_several_receipts();
	first_periods_are_paid_side_by_side();
	what_ends_first_ends_it();
	return EXPECT_EXIT();
}
