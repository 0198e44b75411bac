/* kill -9 at random moments: what was acknowledged is there, and the book is
 * sound. The child reports each receipt on a pipe after its commit; the parent
 * kills it after a random number of reports, while it goes on working. */
#include "base/rng.h"
#include "ledger/book/book.h"
#include "tests/check.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 25
#define PEERS 6
#define NOW INT64_C(1800000000)

static const struct address me = {{0xee}};

enum what { GIVEN, TAKEN, RENT, KINDS };

struct report {
	uint8_t peer;
	uint8_t what; /* enum what */
	uint64_t amount;
};

static struct address who(uint8_t n)
{
	return (struct address){{0xaa, n}};
}

static struct receipt signed_by(struct address payer, uint64_t amount)
{
	struct receipt r = {.payer = payer, .amount = amount_from_u64(amount)};

	memset(r.sig, (int)(amount % 251), sizeof(r.sig));
	return r;
}

/* Odd peers rent from us, we rent from even ones. */
static struct book_lease lease_with(uint8_t n)
{
	return n % 2 ? (struct book_lease){who(n), me, n}
		     : (struct book_lease){me, who(n), n};
}

static enum err_code stage_rent(struct book *b, const struct report *r,
				int64_t now)
{
	struct book_lease lease = lease_with(r->peer);
	struct bank_agreement v = {.state = BANK_AGREEMENT_OPEN,
				   .start = 10,
				   .end = 30,
				   .span = 2,
				   .earned = amount_from_u64(r->amount),
				   .fund = amount_from_u64(3 * r->amount),
				   .collateral = amount_from_u64(500)};

	return book_agreement_facts(b, &lease, &v, r->amount, now, NULL);
}

static enum err_code stage(struct book *b, const struct report *r, int64_t now)
{
	struct address peer = who(r->peer);
	struct receipt in = signed_by(peer, r->amount);
	struct book_out out = {.have = true,
			       .newest = signed_by(me, r->amount),
			       .owed = amount_from_u64(r->amount / 2)};
	struct book_job job = {.key = {r->peer},
			       .spent = amount_from_u64(r->amount)};

	if (r->what == RENT)
		return stage_rent(b, r, now);
	return r->what == TAKEN
		       ? book_receipt_in(b, &in, amount_from_u64(0), 0, now,
					 NULL)
		       : book_receipt_out(b, &peer, &out, &job, now, NULL);
}

/* Never returns: works until it is killed. */
static void work(const char *path, int fd, uint64_t seed,
		 uint64_t last[KINDS][PEERS])
{
	struct rng rng = rng_seeded(seed);
	struct book *b = NULL;

	if (book_open(&b, path, &me, NULL) != ERR_NONE)
		_exit(1);
	for (int64_t now = NOW;; now += 70) {
		struct report batch[4];
		uint32_t n = 1 + rng_below(&rng, 4);

		for (uint32_t i = 0; i < n; i++) {
			struct report *r = &batch[i];

			memset(r, 0, sizeof(*r));
			r->peer = (uint8_t)rng_below(&rng, PEERS);
			r->what = (uint8_t)rng_below(&rng, KINDS);
			r->amount = last[r->what][r->peer] +=
				1 + rng_below(&rng, 1000);
			if (stage(b, r, now) != ERR_NONE)
				_exit(2);
		}
		if (rng_below(&rng, 4) == 0 &&
		    book_tick(b, now, NULL) != ERR_NONE)
			_exit(5);
		if (book_commit(b, NULL) != ERR_NONE)
			_exit(3);
		if (write(fd, batch, n * sizeof(batch[0])) < 0)
			_exit(4);
	}
}

static void run_and_kill(const char *path, struct rng *rng,
			 uint64_t last[KINDS][PEERS])
{
	uint32_t reports = 1 + rng_below(rng, 60);
	uint64_t seed = rng_below(rng, UINT32_MAX);
	struct report r;
	int fds[2], status = 0;
	pid_t pid;

	CHECK(pipe(fds) == 0, "pipe");
	pid = fork();
	if (pid == 0) {
		(void)close(fds[0]);
		work(path, fds[1], seed, last);
	}
	(void)close(fds[1]);
	while (read(fds[0], &r, sizeof(r)) == (ssize_t)sizeof(r)) {
		if (r.amount > last[r.what][r.peer])
			last[r.what][r.peer] = r.amount;
		if (reports && --reports == 0)
			(void)kill(pid, SIGKILL);
	}
	(void)close(fds[0]);
	CHECK(waitpid(pid, &status, 0) == pid, "wait");
	CHECK(WIFSIGNALED(status), "the child gave up: %d", status);
}

static uint64_t expect_rent(struct book *b, uint8_t peer, uint64_t last)
{
	struct book_agreement a = {.lease = lease_with(peer)};
	uint64_t rent = 0;

	CHECK(book_agreement_load(b, &a, NULL) == ERR_NONE, "load");
	CHECK(amount_to_u64(&rent, a.view.earned) && rent >= last,
	      "rent is lost: %llu of %llu", (unsigned long long)rent,
	      (unsigned long long)last);
	return rent;
}

static void expect_all(const char *path, uint64_t last[KINDS][PEERS])
{
	struct book *b = NULL;
	unsigned findings = 9;
	struct err e = {0};

	CHECK(book_open(&b, path, &me, &e) == ERR_NONE, "%s", e.msg);
	for (uint8_t i = 0; i < PEERS; i++) {
		struct address peer = who(i);
		struct book_pair p;
		uint64_t in = 0, out = 0;

		CHECK(book_pair_load(b, &p, &peer, NULL) == ERR_NONE, "load");
		CHECK(amount_to_u64(&in, p.in.newest.amount) &&
			      in >= last[TAKEN][i],
		      "a receipt taken is lost: %llu of %llu",
		      (unsigned long long)in,
		      (unsigned long long)last[TAKEN][i]);
		CHECK(amount_to_u64(&out, p.out.newest.amount) &&
			      out >= last[GIVEN][i],
		      "a receipt given is lost: %llu of %llu",
		      (unsigned long long)out,
		      (unsigned long long)last[GIVEN][i]);
		CHECK(!p.in.have || p.in.newest.sig[0] == in % 251, "torn");
		last[TAKEN][i] = in;
		last[GIVEN][i] = out;
		last[RENT][i] = expect_rent(b, i, last[RENT][i]);
	}
	CHECK(book_check(b, NULL, NULL, NULL, &findings, &e) == ERR_NONE, "%s",
	      e.msg);
	CHECK(findings == 0, "%u findings", findings);
	book_close(b);
}

int main(void)
{
	char dir[] = "/tmp/seedbank-kill-XXXXXX", path[64], extra[80];
	uint64_t last[KINDS][PEERS] = {{0}};
	struct rng rng = rng_seeded(20261121);

	if (!mkdtemp(dir))
		return 2;
	(void)snprintf(path, sizeof(path), "%s/book.db", dir);
	for (int i = 0; i < ROUNDS; i++) {
		run_and_kill(path, &rng, last);
		expect_all(path, last);
	}
	(void)unlink(path);
	(void)snprintf(extra, sizeof(extra), "%s-wal", path);
	(void)unlink(extra);
	(void)snprintf(extra, sizeof(extra), "%s-shm", path);
	(void)unlink(extra);
	(void)rmdir(dir);
	return CHECK_EXIT();
}
