/* Agreements between the book and a model of the bank: what we send and what
 * others send is booked, whenever it is read and wherever it is killed. */
#include "tests/ledger/settle_world.h"

#define HOST 1
#define RENTER 2

static const struct address *account(const struct world *w, size_t i)
{
	return &w->m.accounts[i].who;
}

/* Ours, as the renter's (or the host's) other half signed it. */
static struct settle_signed deal(const struct world *w, size_t renter,
				 size_t host, uint32_t number)
{
	struct settle_signed s = {.a = {.renter = *account(w, renter),
					.host = *account(w, host),
					.number = number,
					.revision = 1,
					.sectors = 2,
					.through = 10,
					.rate = amount_from_u64(20),
					.start = 10,
					.end = 30,
					.span = 2,
					.fund = amount_from_u64(900),
					.collateral = amount_from_u64(400),
					.penalty = amount_from_u64(150)}};

	memset(s.renter.bytes, 0x11, sizeof(s.renter.bytes));
	memset(s.host.bytes, 0x22, sizeof(s.host.bytes));
	return s;
}

static struct book_lease lease_of(const struct agreement *a)
{
	return (struct book_lease){a->renter, a->host, a->number};
}

static void rent_open(struct world *w)
{
	world_open(w);
	(void)model_add(&w->m, HOST);
	(void)model_add(&w->m, RENTER);
	for (size_t i = 0; i < 3; i++)
		w->m.accounts[i].free = 5000;
	books_agree(w, "before anything is rented");
}

static void expect(struct world *w, const char *name, uint64_t fund,
		   uint64_t paid, uint64_t collateral, uint64_t earned,
		   uint64_t burnt)
{
	struct book_totals t;

	books_agree(w, name);
	CHECK(book_totals(w->book, &t, NULL) == ERR_NONE, "%s", name);
	CHECK(model_u64(t.bank) == w->m.accounts[0].free, "%s: free", name);
	CHECK(model_u64(t.fund) == fund, "%s: fund", name);
	CHECK(model_u64(t.rent_paid) == paid, "%s: paid", name);
	CHECK(model_u64(t.collateral) == collateral, "%s: collateral", name);
	CHECK(model_u64(t.rent_earned) == earned, "%s: earned", name);
	CHECK(model_u64(t.burnt) == burnt, "%s: burnt", name);
}

/* The entries' word for it: nothing may be unexplained. */
static bool unexplained(struct world *w)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	const char *at;
	unsigned n = 0;

	if (!f)
		abort();
	CHECK(book_export_csv(w->book, f, NULL) == ERR_NONE, "export");
	(void)fclose(f);
	for (at = text; (at = strstr(at, ",observed,bank,")); at++)
		n++;
	free(text);
	return n != 1; /* the deposit that was there before the book */
}

static void what_a_renter_sends_is_booked(void)
{
	struct world w;
	struct settle_signed s;
	struct book_lease l;

	rent_open(&w);
	s = deal(&w, 0, HOST, 0);
	l = lease_of(&s.a);
	begin(&w);
	settle_open(w.s, &s, on_step, on_done, &w);
	CHECK(finish(&w), "open: %s", w.e.msg);
	expect(&w, "opened", 900, 0, 0, 0, 0);
	begin(&w);
	settle_top_up(w.s, &l, amount_from_u64(100), on_step, on_done, &w);
	CHECK(finish(&w), "top up: %s", w.e.msg);
	expect(&w, "topped up", 1000, 0, 0, 0, 0);
	s.a.revision = 2;
	s.a.through = 16;
	s.a.earned = amount_from_u64(120);
	begin(&w);
	settle_revise(w.s, &s, on_step, on_done, &w);
	CHECK(finish(&w), "revise: %s", w.e.msg);
	expect(&w, "revised", 880, 120, 0, 0, 0);
	begin(&w);
	settle_close(w.s, &l, on_step, on_done, &w);
	CHECK(finish(&w), "close: %s", w.e.msg);
	expect(&w, "closed", 0, 120, 0, 0, 0);
	CHECK(!unexplained(&w), "some entry explains nothing");
	world_close(&w);
}

/* Killed while it was on its way, or Ctrl-C: the same again is the same
 * transaction, and a second is not sent. */
static void what_is_on_its_way_is_not_sent_again(void)
{
	struct world w;
	struct settle_signed s;
	struct book_lease l;

	rent_open(&w);
	s = deal(&w, 0, HOST, 0);
	l = lease_of(&s.a);
	begin(&w);
	settle_open(w.s, &s, on_step, on_done, &w);
	settle_forget(w.s, &w);
	settle_open(w.s, &s, on_step, on_done, &w);
	CHECK(finish(&w), "open: %s", w.e.msg);
	expect(&w, "opened", 900, 0, 0, 0, 0);
	begin(&w);
	settle_top_up(w.s, &l, amount_from_u64(100), on_step, on_done, &w);
	settle_forget(w.s, &w);
	settle_top_up(w.s, &l, amount_from_u64(100), on_step, on_done, &w);
	CHECK(finish(&w), "top up: %s", w.e.msg);
	expect(&w, "topped up once", 1000, 0, 0, 0, 0);
	world_close(&w);
}

static size_t put_proof(uint8_t *out, size_t cap, const struct address *renter,
			uint32_t number)
{
	static const uint8_t leaf[AGREEMENT_LEAF], path[12 * 32];
	struct bank_proof p = {.renter = *renter,
			       .number = number,
			       .leaf = leaf,
			       .path = path,
			       .nodes = 12};
	struct wr w = wr_into(out, cap);

	bank_put_proof(&w, &p);
	return wr_len(&w);
}

/* Two agreements of two renters in one batch of proofs. */
static void what_a_host_proves_is_booked(void)
{
	static uint8_t proofs[3 * BANK_PROOF_LEN(12)];
	struct settle_signed s;
	struct book_totals t;
	size_t len;
	struct world w;

	rent_open(&w);
	for (size_t i = 1; i <= 2; i++) {
		s = deal(&w, i, 0, (uint32_t)i);
		begin(&w);
		settle_open(w.s, &s, on_step, on_done, &w);
		CHECK(finish(&w), "open: %s", w.e.msg);
	}
	expect(&w, "opened", 0, 0, 800, 0, 0);
	len = put_proof(proofs, sizeof(proofs), account(&w, 1), 1);
	len += put_proof(proofs + len, sizeof(proofs) - len, account(&w, 2), 2);
	begin(&w);
	settle_prove(w.s, account(&w, 0), proofs, len, on_step, on_done, &w);
	CHECK(finish(&w) && w.r.receipts == 2 && model_u64(w.r.moved) == 80,
	      "prove: %s", w.e.msg);
	CHECK(book_totals(w.book, &t, NULL) == ERR_NONE &&
		      model_u64(t.rent_earned) == 80,
	      "both are booked when it ends");
	expect(&w, "proved", 0, 0, 800, 80, 0);
	w.m.agreements[0].v.misses = 3; /* one of ten is free */
	begin(&w);
	settle_close(w.s,
		     &(struct book_lease){*account(&w, 1), *account(&w, 0), 1},
		     on_step, on_done, &w);
	CHECK(finish(&w), "close: %s", w.e.msg);
	expect(&w, "closed with penalty", 0, 0, 400, 80, 300);
	CHECK(!unexplained(&w), "some entry explains nothing");
	world_close(&w);
}

/* The other side opens, posts and closes; we only read. */
static void what_others_send_is_seen_when_it_is_followed(void)
{
	struct world w;
	struct settle_signed s;
	struct book_lease l;

	rent_open(&w);
	s = deal(&w, 0, HOST, 0);
	l = lease_of(&s.a);
	CHECK(book_agreement_follow(w.book, &l, 0, fixed_time(), NULL) ==
			      ERR_NONE &&
		      book_commit(w.book, NULL) == ERR_NONE,
	      "follow");
	expect(&w, "signed, not opened", 0, 0, 0, 0, 0);
	CHECK(model_open(&w.m, &s.a, false), "open");
	w.m.block++;
	expect(&w, "opened by the host", 900, 0, 0, 0, 0);
	(void)model_earn(&w.m, &w.m.agreements[0], 40);
	w.m.block++;
	expect(&w, "the host proved", 860, 40, 0, 0, 0);
	CHECK(model_close(&w.m, &w.m.agreements[0], false), "close");
	w.m.block++;
	expect(&w, "closed by anyone", 0, 40, 0, 0, 0);
	CHECK(!unexplained(&w), "some entry explains nothing");
	world_close(&w);
}

/* An older book, or a restore: what it does not follow shows as money that
 * left, and is put right as soon as it is followed. */
static void what_was_not_followed_is_put_right(void)
{
	struct world w;
	struct settle_signed s;
	struct book_lease l;

	rent_open(&w);
	s = deal(&w, 0, HOST, 0);
	l = lease_of(&s.a);
	CHECK(model_open(&w.m, &s.a, false), "open");
	w.m.block++;
	expect(&w, "unknown to the book", 0, 0, 0, 0, 0);
	CHECK(book_agreement_follow(w.book, &l, 0, fixed_time(), NULL) ==
			      ERR_NONE &&
		      book_commit(w.book, NULL) == ERR_NONE,
	      "follow");
	expect(&w, "followed", 900, 0, 0, 0, 0);
	world_close(&w);
}

static void renting_from_oneself_moves_no_money_but_in_and_out(void)
{
	struct world w;
	struct settle_signed s;
	struct book_lease l;

	rent_open(&w);
	s = deal(&w, 0, 0, 0);
	l = lease_of(&s.a);
	begin(&w);
	settle_open(w.s, &s, on_step, on_done, &w);
	CHECK(finish(&w), "open: %s", w.e.msg);
	expect(&w, "both sides", 900, 0, 400, 0, 0);
	(void)model_earn(&w.m, &w.m.agreements[0], 40);
	w.m.block++;
	expect(&w, "earned from oneself", 860, 40, 400, 40, 0);
	begin(&w);
	settle_close(w.s, &l, on_step, on_done, &w);
	CHECK(finish(&w), "close: %s", w.e.msg);
	expect(&w, "closed", 0, 40, 0, 40, 0);
	CHECK(w.m.accounts[0].free == 5000, "money was made");
	world_close(&w);
}

static void an_unknown_agreement_is_not_zero(void)
{
	struct world w;
	struct settle_signed s;

	rent_open(&w);
	s = deal(&w, 0, HOST, 0);
	begin(&w);
	settle_open(w.s, &s, on_step, on_done, &w);
	CHECK(finish(&w), "open: %s", w.e.msg);
	w.m.hide_agreements = true;
	begin(&w);
	settle_refresh(w.s, on_refreshed, &w);
	CHECK(!finish(&w) && w.e.code == ERR_CHAIN, "it was told as known");
	begin(&w);
	settle_read_chain(w.s, on_chain, &w);
	CHECK(!finish(&w) && w.e.code == ERR_CHAIN, "it was compared");
	w.m.hide_agreements = false;
	expect(&w, "known again", 900, 0, 0, 0, 0);
	world_close(&w);
}

/* A view that is older than the transaction is asked again, not booked. */
static void a_node_behind_does_not_end_a_transaction(void)
{
	struct world w;
	struct settle_signed s;

	rent_open(&w);
	s = deal(&w, 0, HOST, 0);
	w.m.behind = 5;
	begin(&w);
	settle_open(w.s, &s, on_step, on_done, &w);
	CHECK(!finish(&w) && !w.done && settle_pending(w.s, 0),
	      "ended by an old view");
	w.m.behind = 0;
	CHECK(finish(&w), "open: %s", w.e.msg);
	expect(&w, "opened", 900, 0, 0, 0, 0);
	world_close(&w);
}

/* A view from before what is booked would show the fund as still ours. */
static void an_older_view_does_not_touch_our_balance(void)
{
	struct book_totals t;
	struct world w;
	struct settle_signed s;

	rent_open(&w);
	s = deal(&w, 0, HOST, 0);
	begin(&w);
	settle_open(w.s, &s, on_step, on_done, &w);
	CHECK(finish(&w), "open: %s", w.e.msg);
	w.m.behind = 1;
	w.m.accounts[0].free += 900;
	begin(&w);
	settle_refresh(w.s, on_refreshed, &w);
	CHECK(finish(&w), "refresh: %s", w.e.msg);
	CHECK(book_totals(w.book, &t, NULL) == ERR_NONE &&
		      model_u64(t.bank) == 4100 && !unexplained(&w),
	      "it was believed");
	begin(&w);
	settle_read_chain(w.s, on_chain, &w);
	CHECK(!finish(&w) && w.e.code == ERR_CHAIN, "it was compared");
	w.m.behind = 0;
	w.m.accounts[0].free -= 900;
	expect(&w, "the newest view", 900, 0, 0, 0, 0);
	begin(&w); /* one that reads nothing when it is final */
	settle_withdraw(w.s, amount_from_u64(300), account(&w, HOST), on_step,
			on_done, &w);
	CHECK(finish(&w), "withdraw: %s", w.e.msg);
	w.m.behind = 1;
	w.m.accounts[0].free += 300;
	begin(&w);
	settle_refresh(w.s, on_refreshed, &w);
	CHECK(finish(&w) && !book_totals(w.book, &t, NULL) &&
		      model_u64(t.bank) == 3800 && !unexplained(&w),
	      "a withdrawal came back: %s", w.e.msg);
	world_close(&w);
}

/* Killed after any number of answers: every step is made once or not at all,
 * and the book knows it. */
static void killed_anywhere_the_book_agrees_with_the_chain(void)
{
	struct rng rng = rng_seeded(11);

	for (int round = 0; round < 40; round++) {
		static uint8_t proof[BANK_PROOF_LEN(12)];
		uint32_t kill_after = rng_below(&rng, 60);
		struct settle_signed out, in;
		struct book_lease l;
		struct world w;
		uint64_t all = 0;
		size_t len;

		rent_open(&w);
		w.m.lag = rng_below(&rng, 4);
		out = deal(&w, 0, HOST, 0);
		in = deal(&w, RENTER, 0, 0);
		l = lease_of(&out.a);
		len = put_proof(proof, sizeof(proof), account(&w, RENTER), 0);
		settle_open(w.s, &out, on_step, on_done, &w);
		settle_open(w.s, &in, on_step, on_done, &w);
		settle_prove(w.s, account(&w, 0), proof, len, on_step, on_done,
			     &w);
		settle_top_up(w.s, &l, amount_from_u64(50), on_step, on_done,
			      &w);
		settle_close(w.s, &l, on_step, on_done, &w);
		kill_after_answers(&w, kill_after);
		CHECK(!unexplained(&w), "round %d: an unexplained entry",
		      round);
		for (size_t i = 0; i < 3; i++)
			all += w.m.accounts[i].free;
		for (size_t i = 0; i < w.m.n_agreements; i++) {
			const struct bank_agreement *v = &w.m.agreements[i].v;

			all += model_u64(book_fund_left(v));
			all += model_u64(book_collateral_held(v));
		}
		CHECK(all == 15000, "round %d: money was made", round);
		world_close(&w);
	}
}

int main(void)
{
	what_a_renter_sends_is_booked();
	what_is_on_its_way_is_not_sent_again();
	what_a_host_proves_is_booked();
	what_others_send_is_seen_when_it_is_followed();
	what_was_not_followed_is_put_right();
	renting_from_oneself_moves_no_money_but_in_and_out();
	an_unknown_agreement_is_not_zero();
	a_node_behind_does_not_end_a_transaction();
	an_older_view_does_not_touch_our_balance();
	killed_anywhere_the_book_agrees_with_the_chain();
	return CHECK_EXIT();
}
