/* Either side comes back with an old copy of its book, or with none. Whatever
 * was promised stays promised, nothing is paid twice but for a step, and a
 * payer that lies about what it was served gains a step at most. */
#include "tests/sim/expect.h"
#include "tests/sim/sim.h"

#include <string.h>
#include <unistd.h>

#define MIB (UINT64_C(1) << 20)

static const struct sim_node_config seller_cfg = {
	.sell = true, .floor = 1024, .trust_start = 200};
static const struct sim_node_config buyer_cfg = {.balance = 100000};

enum who { PAYER, PAYEE };
enum how { OLD_COPY, NOTHING };

static const struct row {
	const char *name;
	enum who who;
	enum how how;
	bool cashed; /* the payee had cashed part of it before */
	bool reachable;
} rows[] = {
	{"payer, old copy", PAYER, OLD_COPY, false, true},
	{"payer, empty", PAYER, NOTHING, false, true},
	{"payer, empty, partly cashed", PAYER, NOTHING, true, true},
	{"payer, old copy, no chain", PAYER, OLD_COPY, false, false},
	{"payee, old copy", PAYEE, OLD_COPY, false, true},
	{"payee, empty", PAYEE, NOTHING, false, true},
	{"payee, empty, partly cashed", PAYEE, NOTHING, true, true},
};

static struct amount cost(uint64_t bytes)
{
	struct amount a;

	if (!amount_mul_div(&a, NULL, sim_tokens(1024), bytes, 0, PAY_GIB))
		abort();
	return a;
}

static struct amount newest(struct sim_node *seller, struct sim_node *buyer)
{
	struct address who = sim_node_address(buyer);
	struct book_pair p;

	MUST(book_pair_load(sim_book(seller), &p, &who, NULL));
	return p.in.have ? p.in.newest.amount : AMOUNT_ZERO;
}

struct files {
	char book[2][64], copy[2][64];
};

static void make_files(struct files *f)
{
	for (int i = 0; i < 2; i++) {
		char dir[] = "/tmp/seedbank-restore-XXXXXX";

		if (!mkdtemp(dir))
			abort();
		(void)snprintf(f->book[i], sizeof(f->book[i]), "%s/b", dir);
		(void)snprintf(f->copy[i], sizeof(f->copy[i]), "%s/c", dir);
	}
}

static void remove_files(struct files *f)
{
	static const char *const tails[] = {"b",     "b-wal", "b-shm", "c",
					    "c-wal", "c-shm", ""};

	for (int i = 0; i < 2; i++)
		for (size_t t = 0; t < ROWS(tails); t++) {
			char path[80];

			(void)snprintf(path, sizeof(path), "%.*s%s",
				       (int)strlen(f->book[i]) - 1, f->book[i],
				       tails[t]);
			if (*tails[t])
				(void)unlink(path);
			else
				(void)rmdir(path);
		}
}

static void restore(const struct row *row)
{
	struct files f;
	struct sim *sim = sim_new();
	struct sim_node_config bc = buyer_cfg, sc = seller_cfg;
	struct sim_node *node[2];
	struct sim_link_config half = {.want = 16 * MIB};
	struct amount before, after, all;
	uint64_t bytes = 0;
	struct sim_link *l;

	make_files(&f);
	bc.path = f.book[PAYER];
	sc.path = f.book[PAYEE];
	node[PAYEE] = sim_node(sim, &sc);
	node[PAYER] = sim_node(sim, &bc);
	l = sim_connect(sim, node[PAYER], sim_job(node[PAYER], 1, 1024, 1000),
			node[PAYEE], &half);
	sim_run(sim, 10000);
	bytes += sim_got_paid(l);
	sim_backup(node[row->who], f.copy[row->who]);
	if (row->cashed)
		(void)sim_cash(sim, node[PAYEE]);
	sim_disconnect(l);
	l = sim_connect(sim, node[PAYER], sim_job(node[PAYER], 2, 1024, 1000),
			node[PAYEE], &half);
	sim_run(sim, 10000);
	bytes += sim_got_paid(l);
	before = newest(node[PAYEE], node[PAYER]);
	EXPECT(bytes > 28 * MIB, "%s: not served before", row->name);
	EXPECT(amount_cmp(before, cost(bytes + PAY_STEP_MAX)) <= 0, "ahead");

	sim_chain_reachable(sim, row->reachable);
	sim_restart(node[row->who],
		    row->how == OLD_COPY ? f.copy[row->who] : NULL);
	l = sim_connect(sim, node[PAYER], sim_job(node[PAYER], 3, 1024, 1000),
			node[PAYEE], &half);
	sim_run(sim, 25000);
	EXPECT(!sim_link_closed(l), "%s: the connection was ended", row->name);
	EXPECT(sim_got_paid(l) > 12 * MIB, "%s: paid for %llu KiB after it",
	       row->name, (unsigned long long)(sim_got_paid(l) / 1024));
	bytes += sim_got_paid(l);
	after = newest(node[PAYEE], node[PAYER]);
	all = cost(bytes);
	EXPECT(amount_cmp(after, all) >= 0, "%s: served for nothing",
	       row->name);
	EXPECT(amount_cmp(after, amount_add_cap(all, cost(2 * PAY_STEP_MAX))) <=
		       0,
	       "%s: paid twice", row->name);
	if (row->who == PAYER)
		EXPECT(sim_events(node[PAYER], PAY_EV_ADOPTED) == 1,
		       "%s: %u receipts were adopted", row->name,
		       sim_events(node[PAYER], PAY_EV_ADOPTED));
	sim_chain_reachable(sim, true);
	(void)sim_cash(sim, node[PAYEE]);
	sim_check_books(sim);
	sim_free(sim);
	remove_files(&f);
}

/* Its book is the newest there is, but what arrived since the last receipt is
 * not in it. An honest payee is not blamed for that, however often. */
static void a_payer_is_killed(void)
{
	struct files f;
	struct sim *sim = sim_new();
	struct sim_node_config bc = buyer_cfg;
	struct sim_node *seller = sim_node(sim, &seller_cfg), *buyer;
	struct sim_link_config half = {.want = 64 * MIB};
	uint64_t bytes = 0;
	unsigned kills = 4; /* more asks a minute are turned away */

	make_files(&f);
	bc.path = f.book[PAYER];
	buyer = sim_node(sim, &bc);
	for (unsigned i = 0; i < kills; i++) {
		struct sim_link *l = sim_connect(
			sim, buyer,
			sim_job(buyer, (uint8_t)(i + 1), 1024, 1000), seller,
			&half);

		sim_run(sim, 4000 + 217 * (int64_t)i);
		EXPECT(sim_events(buyer, PAY_EV_SELLER_DROPPED) == 0,
		       "kill %u: the payee is blamed", i);
		EXPECT(sim_got_paid(l) > 8 * MIB, "kill %u: paid for %llu KiB",
		       i, (unsigned long long)(sim_got_paid(l) / 1024));
		bytes += sim_got_paid(l);
		sim_restart(buyer, f.book[PAYER]);
	}
	EXPECT(amount_cmp(newest(seller, buyer),
			  cost(bytes + kills * PAY_STEP_MAX)) <= 0,
	       "more than a step a kill");
	sim_check_books(sim);
	sim_free(sim);
	remove_files(&f);
}

/* The payee forgot, and its payer says that it was never served. */
static void a_payer_uses_the_payees_loss(bool knows_paid)
{
	const uint8_t ip[4] = {192, 0, 2, 1};
	struct sim *sim = sim_new();
	struct sim_node *seller = sim_node(sim, &seller_cfg);
	struct address payer = sim_address(1000);
	struct sim_raw *r = sim_raw(sim, seller, PAY_SELL, NULL, ip);

	sim_deposit(sim, &payer, sim_tokens(1000));
	EXPECT(sim_raw_agree(r, sim_tokens(1024)), "terms");
	for (uint64_t i = 1; i <= 100; i++) {
		EXPECT(sim_raw_pay(r, &payer, sim_tokens(i), AMOUNT_ZERO), "p");
		sim_run(sim, i == 1 ? 500 : 10);
		EXPECT(sim_raw_pull(r, MIB) == MIB, "served");
	}
	if (knows_paid)
		(void)sim_cash(sim, seller);
	sim_restart(seller, NULL);
	r = sim_raw(sim, seller, PAY_SELL, NULL, ip);
	EXPECT(sim_raw_agree(r, sim_tokens(1024)), "terms");
	EXPECT(sim_raw_pay(r, &payer, sim_tokens(100), AMOUNT_ZERO), "p");
	sim_run(sim, 1000);
	{
		uint64_t got = sim_raw_pull(r, 200 * MIB);

		if (knows_paid)
			EXPECT(got == 0, "%llu KiB of what was cashed",
			       (unsigned long long)(got / 1024));
		else
			EXPECT(got <= PAY_STEP_MAX, "%llu KiB for nothing",
			       (unsigned long long)(got / 1024));
	}
	sim_check_books(sim);
	sim_free(sim);
}

/* An honest payer says what it was served, and so it counts. */
static void a_payers_own_count_is_heard(void)
{
	const uint8_t ip[4] = {192, 0, 2, 1};
	struct sim *sim = sim_new();
	struct sim_node *seller = sim_node(sim, &seller_cfg);
	struct address payer = sim_address(1000);
	struct sim_raw *r = sim_raw(sim, seller, PAY_SELL, NULL, ip);

	sim_deposit(sim, &payer, sim_tokens(1000));
	EXPECT(sim_raw_agree(r, sim_tokens(1024)), "terms");
	EXPECT(sim_raw_pay(r, &payer, sim_tokens(100), sim_tokens(99)), "pay");
	sim_run(sim, 1000);
	EXPECT(sim_raw_pull(r, 64 * MIB) == MIB, "served twice");
	sim_check_books(sim);
	sim_free(sim);
}

int main(void)
{
	for (size_t i = 0; i < ROWS(rows); i++)
		restore(&rows[i]);
	a_payer_is_killed();
	a_payer_uses_the_payees_loss(false);
	a_payer_uses_the_payees_loss(true);
	a_payers_own_count_is_heard();
	return EXPECT_EXIT();
}
