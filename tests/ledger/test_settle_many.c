/* Ten thousand due receipts, with the book on disk and a model of the bank: all
 * that is worth it is cashed in one run, nothing fails, and it takes no more
 * memory than a small machine has. Prints its figures. */
#include "tests/ledger/scratch.h"
#include "tests/ledger/settle_world.h"

#include <sys/resource.h>

#define PAYERS 10000
#define RSS_MAX_KIB (100 * 1024)

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RSS_COUNTS false /* what a sanitizer adds is not ours */
#else
#define RSS_COUNTS true
#endif

static double cpu_s(void)
{
	struct rusage u;

	(void)getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static long rss_kib(void)
{
	struct rusage u;

	(void)getrusage(RUSAGE_SELF, &u);
	return u.ru_maxrss;
}

/* Every tenth is worth no more than its share of the fee. */
static void fill(struct world *w)
{
	struct receipt r = {.amount = AMOUNT_ZERO};

	memset(r.sig, 0x51, sizeof(r.sig));
	for (unsigned i = 0; i < PAYERS; i++) {
		struct model_account *a = model_add(&w->m, i);

		a->free = 1000000;
		r.payer = a->who;
		r.amount = amount_from_u64(i % 10 ? 1000 + i : 5);
		CHECK(book_receipt_in(w->book, &r, r.amount, 0, fixed_time(),
				      NULL) == ERR_NONE,
		      "receipt %u", i);
	}
	CHECK(book_commit(w->book, NULL) == ERR_NONE, "commit");
}

static bool finish_many(struct world *w)
{
	for (int i = 0; i < 1000000 && !w->done; i++)
		if (!model_answer(&w->m))
			turn(w);
	return w->done && w->e.code == ERR_NONE;
}

static void on_disk(struct world *w, const char *path)
{
	settle_free(w->s);
	book_close(w->book);
	CHECK(book_open(&w->book, path, &w->m.accounts[0].who, NULL) ==
		      ERR_NONE,
	      "a book on disk");
	start(w);
}

static void all_that_is_worth_it_goes_in_one_run(struct scratch *dir)
{
	static const struct {
		const char *name;
		unsigned batch, transactions;
	} rows[] = {
		{"200 in one, as on EVM", 200, 45},
		{"20 in one, as on TRON", 20, 450},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		static struct world w;
		struct settle_options o = {.to = {{0}}};
		unsigned failed = 0;
		double before;

		world_open(&w);
		on_disk(&w, scratch_path(dir, rows[i].name));
		w.profile.batch = rows[i].batch;
		CHECK(settle_set_profile(w.s, &w.profile, NULL) == ERR_NONE,
		      "batch");
		fill(&w);
		before = cpu_s();
		begin(&w);
		settle_cash(w.s, &o, on_step, on_done, &w);
		CHECK(finish_many(&w), "%s: %s", rows[i].name, w.e.msg);
		for (size_t k = 0; k < w.m.n_txs; k++)
			failed += !w.m.txs[k].ok;
		CHECK(w.r.receipts == PAYERS - PAYERS / 10 &&
			      w.r.transactions == rows[i].transactions &&
			      failed == 0 && w.r.bounced == 0,
		      "%s: %u receipts in %u transactions, %u failed",
		      rows[i].name, w.r.receipts, w.r.transactions, failed);
		(void)printf("%s: %u receipts in %u transactions, %u failed, "
			     "%.2f s CPU, %ld KiB at most\n",
			     rows[i].name, w.r.receipts, w.r.transactions,
			     failed, cpu_s() - before, rss_kib());
		world_close(&w);
	}
	CHECK(!RSS_COUNTS || rss_kib() < RSS_MAX_KIB, "%ld KiB", rss_kib());
}

int main(void)
{
	struct scratch dir;

	scratch_make(&dir);
	all_that_is_worth_it_goes_in_one_run(&dir);
	scratch_remove(&dir);
	return CHECK_EXIT();
}
