/* The signer's limits and the file that keeps them: days, restarts, torn and
 * damaged cells, kills at any moment. Time is an argument here. */
#include "base/rng.h"
#include "ledger/signer/signer_state.h"
#include "tests/check.h"
#include "tests/ledger/scratch.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define CELL 128
#define SLOT 256

static struct scratch dir;

static const struct signer_limits limits = {.payee_per_day = {0, 6400},
					    .total_per_day = {0, 10000},
					    .fee_per_tx = {0, 100},
					    .fee_per_day = {0, 250}};

static struct address who(uint32_t n)
{
	struct address a = {{0}};

	memcpy(a.bytes, &n, sizeof(n));
	a.bytes[19] = 1;
	return a;
}

static struct signer_state *open_state(const char *path, uint32_t day)
{
	struct signer_state *s = NULL;
	struct err e = {0};

	CHECK(signer_state_open(&s, path, day, &e) == ERR_NONE, "open: %s",
	      e.msg);
	if (!s)
		abort();
	return s;
}

static enum err_code promise(struct signer_state *s, uint32_t day,
			     uint32_t payee, uint64_t amount)
{
	struct address a = who(0), b = who(payee);

	return signer_state_promise(s, &limits, day, &a, &b,
				    amount_from_u64(amount), NULL);
}

static enum err_code adopt(struct signer_state *s, uint32_t day, uint32_t payee,
			   uint64_t amount)
{
	struct address a = who(0), b = who(payee);

	return signer_state_adopt(s, day, &a, &b, amount_from_u64(amount),
				  NULL);
}

static enum err_code fee(struct signer_state *s, uint32_t day, uint64_t nonce,
			 uint64_t amount)
{
	struct address a = who(0);

	return signer_state_fee(s, &limits, day, &a, nonce,
				amount_from_u64(amount), NULL);
}

/* Steps of one signer's life; '!' ends the process without a flush of what a
 * clean end would write, '.' ends it cleanly. */
static void limits_are_of_a_utc_day(void)
{
	static const struct {
		const char *name;
		char op; /* p romise, a dopt, f ee, . restart, ! crash */
		uint32_t day, who;
		uint64_t amount;
		enum err_code want;
	} rows[] = {
		{"a first promise", 'p', 10, 1, 100, ERR_NONE},
		{"the same again", 'p', 10, 1, 100, ERR_NONE},
		{"less", 'p', 10, 1, 99, ERR_STATE},
		{"up to the payee's limit", 'p', 10, 1, 6400, ERR_NONE},
		{"one over it", 'p', 10, 1, 6401, ERR_FUNDS},
		{"what is left of the day", 'p', 10, 2, 3600, ERR_NONE},
		{"one over the day", 'p', 10, 2, 3601, ERR_FUNDS},
		{"a new payee on a spent day", 'p', 10, 3, 1, ERR_FUNDS},
		{"the clock goes back", 'p', 9, 3, 1, ERR_FUNDS},
		{"after a restart", '.', 10, 0, 0, ERR_NONE},
		{"still spent", 'p', 10, 3, 1, ERR_FUNDS},
		{"a restart with an older clock", '.', 9, 0, 0, ERR_NONE},
		{"still spent", 'p', 9, 3, 1, ERR_FUNDS},
		{"the same as before is no new promise", 'p', 10, 1, 6400,
		 ERR_NONE},
		{"the next day", 'p', 11, 1, 6500, ERR_NONE},
		{"in a second step", 'p', 11, 1, 12800, ERR_NONE},
		{"and its limit", 'p', 11, 1, 12801, ERR_FUNDS},
		{"a restart the day after", '.', 12, 0, 0, ERR_NONE},
		{"a whole day's rise", 'p', 12, 1, 19200, ERR_NONE},
		{"another restart in it", '.', 12, 0, 0, ERR_NONE},
		{"no second one", 'p', 12, 1, 19201, ERR_FUNDS},
		{"what another payee proved we signed", 'a', 12, 4, 500000,
		 ERR_NONE},
		{"below that", 'p', 12, 4, 499999, ERR_STATE},
		{"above it, within the day", 'p', 12, 4, 503600, ERR_NONE},
		{"adopting less changes nothing", 'a', 12, 4, 5, ERR_NONE},
		{"the same amount still stands", 'p', 12, 4, 503600, ERR_NONE},
		{"adopting more of a known payee", 'a', 13, 4, 510000,
		 ERR_NONE},
		{"counts towards that payee's day", 'p', 13, 4, 510001,
		 ERR_FUNDS},
		{"a fee", 'f', 13, 0, 100, ERR_NONE},
		{"over a transaction's limit", 'f', 13, 0, 101, ERR_FUNDS},
		{"the same nonce again", 'f', 13, 0, 100, ERR_NONE},
		{"the next nonce", 'f', 13, 1, 60, ERR_NONE},
		{"the same for more", 'f', 13, 1, 100, ERR_NONE},
		{"a restart", '.', 13, 0, 0, ERR_NONE},
		{"the third, over the day", 'f', 13, 2, 51, ERR_FUNDS},
		{"the third, within it", 'f', 13, 2, 50, ERR_NONE},
		{"the next day's", 'f', 14, 3, 100, ERR_NONE},
		{"a clock that is a year ahead", 'p', 380, 2, 6000, ERR_NONE},
		{"with a fee", 'f', 380, 4, 100, ERR_NONE},
		{"is set right: nothing is forgotten", 'p', 15, 2, 10001,
		 ERR_FUNDS},
		{"what is left of that payee's day", 'p', 15, 2, 10000,
		 ERR_NONE},
		{"what is left of the day", 'p', 15, 5, 3600, ERR_NONE},
		{"one over the day", 'p', 15, 5, 3601, ERR_FUNDS},
		{"nor the fee", 'f', 15, 5, 100, ERR_NONE},
		{"a third", 'f', 15, 6, 51, ERR_FUNDS},
		{"a restart", '.', 15, 0, 0, ERR_NONE},
		{"still spent", 'p', 15, 5, 3601, ERR_FUNDS},
		{"and the next day is another", 'p', 16, 2, 16400, ERR_NONE},
		{"with its limit", 'p', 16, 2, 16401, ERR_FUNDS},
		{"and fees", 'f', 16, 6, 100, ERR_NONE},
	};
	const char *path = scratch_path(&dir, "days");
	struct signer_state *s = open_state(path, 10);

	for (size_t i = 0; i < ROWS(rows); i++) {
		enum err_code got = ERR_NONE;

		switch (rows[i].op) {
		case 'p':
			got = promise(s, rows[i].day, rows[i].who,
				      rows[i].amount);
			break;
		case 'a':
			got = adopt(s, rows[i].day, rows[i].who,
				    rows[i].amount);
			break;
		case 'f':
			got = fee(s, rows[i].day, rows[i].who, rows[i].amount);
			break;
		case '.':
			signer_state_close(s);
			s = open_state(path, rows[i].day);
			break;
		}
		CHECK(got == rows[i].want, "row %zu, %s: %d", i, rows[i].name,
		      got);
	}
	signer_state_close(s);
}

/* A child does it and dies without a word, as by kill -9. */
static void crash_after(const char *path, uint32_t day, uint32_t payee,
			uint64_t amount)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct signer_state *s = open_state(path, day);

		if (promise(s, day, payee, amount) != ERR_NONE ||
		    signer_state_flush(s, NULL) != ERR_NONE)
			_exit(1);
		_exit(0);
	}
	int status = 1;

	CHECK(waitpid(pid, &status, 0) == pid && status == 0, "child");
}

static void a_crash_wastes_a_slice_at_most(void)
{
	const char *path = scratch_path(&dir, "slices");
	struct signer_state *s;
	struct amount promised, fees;
	uint32_t day;

	crash_after(path, 10, 1, 1000);
	s = open_state(path, 10);
	signer_state_sums(s, &day, &promised, &fees);
	CHECK(amount_cmp(promised, amount_from_u64(1000 + 10000 / 64)) == 0,
	      "the day's sum runs a slice ahead");
	signer_state_close(s);
	crash_after(path, 10, 1, 1050); /* within both slices: no write */
	s = open_state(path, 10);
	CHECK(promise(s, 10, 1, 999) == ERR_STATE, "below what the disk says");
	CHECK(promise(s, 10, 1, 6401) == ERR_FUNDS, "the payee's day");
	CHECK(promise(s, 10, 1, 6400) == ERR_NONE, "exactly the payee's day");
	signer_state_close(s);
}

static void flushes_are_rare(void)
{
	const char *path = scratch_path(&dir, "rare");
	struct signer_state *s = open_state(path, 10);
	uint8_t before[4 * SLOT] = {0}, after[4 * SLOT] = {0};
	unsigned writes = 0;

	for (uint64_t amount = 1; amount <= 6400; amount++) {
		(void)scratch_read(path, before, sizeof(before));
		CHECK(promise(s, 10, 1, amount) == ERR_NONE, "%u",
		      (unsigned)amount);
		CHECK(signer_state_flush(s, NULL) == ERR_NONE, "flush");
		(void)scratch_read(path, after, sizeof(after));
		writes += memcmp(before, after, sizeof(after)) != 0;
	}
	CHECK(writes <= 130, "%u writes for 6,400 receipts", writes);
	signer_state_close(s);
}

static void pins_are_for_good(void)
{
	const char *path = scratch_path(&dir, "pin");
	struct signer_domain d = {.chain_id = 5, .bank = who(9)}, got;
	struct signer_state *s = open_state(path, 1);

	CHECK(!signer_state_domain(s, &got), "pinned from the start");
	CHECK(signer_state_pin(s, &d, NULL) == ERR_NONE, "pin");
	signer_state_close(s);
	s = open_state(path, 1);
	CHECK(signer_state_domain(s, &got) && got.chain_id == 5 &&
		      address_eq(&got.bank, &d.bank),
	      "after a restart");
	CHECK(signer_state_pin(s, &d, NULL) == ERR_NONE, "the same");
	d.chain_id = 6;
	CHECK(signer_state_pin(s, &d, NULL) == ERR_STATE, "another chain");
	d.chain_id = 5;
	d.token = who(3);
	CHECK(signer_state_pin(s, &d, NULL) == ERR_STATE, "another token");
	signer_state_close(s);
}

/* Two payees and the head, each with both cells written. */
static size_t sample(const char *path, uint8_t file[4 * SLOT])
{
	struct signer_state *s = open_state(path, 10);

	for (uint64_t i = 1; i <= 3; i++) {
		CHECK(promise(s, 10, 1, 1000 * i) == ERR_NONE, "1");
		CHECK(promise(s, 10, 2, 500 * i) == ERR_NONE, "2");
		CHECK(signer_state_flush(s, NULL) == ERR_NONE, "flush");
	}
	signer_state_close(s);
	return scratch_read(path, file, 4 * SLOT);
}

static void a_torn_cell_costs_the_rest_of_the_day(void)
{
	const char *path = scratch_path(&dir, "torn");
	uint8_t file[4 * SLOT];
	size_t len = sample(path, file);

	CHECK(len == 3 * SLOT, "%zu bytes", len);
	for (size_t at = 0; at < len; at += 61) {
		struct signer_state *s;
		struct err e = {0};
		struct address a = who(0), b = who(1);

		file[at] ^= 0x40;
		scratch_write(path, file, len);
		file[at] ^= 0x40;
		s = open_state(path, 10);
		CHECK(signer_state_promise(s, &limits, 10, &a, &b,
					   amount_from_u64(6400),
					   &e) == ERR_FUNDS &&
			      strstr(e.msg, "torn"),
		      "byte %zu: %s", at, e.msg);
		CHECK(fee(s, 10, 0, 1) == ERR_FUNDS, "byte %zu: a fee", at);
		signer_state_close(s);
		s = open_state(path, 10); /* put right, and not forgotten */
		CHECK(promise(s, 10, 3, 1) == ERR_FUNDS, "byte %zu", at);
		CHECK(promise(s, 11, 1, 3001) == ERR_NONE,
		      "byte %zu: the next day", at);
		signer_state_close(s);
	}
}

static void damage_is_refused_and_named(void)
{
	static const struct {
		const char *name;
		size_t cut, flip_a, flip_b; /* flip 0: none */
	} rows[] = {
		{"empty", 0, 0, 0},
		{"only half a head", 60, 0, 0},
		{"both cells of the head", 3 * SLOT, 20, CELL + 20},
		{"both cells of a payee", 3 * SLOT, SLOT + 20,
		 SLOT + CELL + 20},
		{"a payee cut off", 2 * SLOT, 0, 0},
		{"all payees cut off", SLOT, 0, 0},
	};
	const char *path = scratch_path(&dir, "damage");
	uint8_t file[4 * SLOT];

	(void)sample(path, file);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct signer_state *s = NULL;
		struct err e = {0};

		file[rows[i].flip_a] ^= rows[i].flip_a ? 1 : 0;
		file[rows[i].flip_b] ^= rows[i].flip_b ? 1 : 0;
		scratch_write(path, file, rows[i].cut);
		file[rows[i].flip_a] ^= rows[i].flip_a ? 1 : 0;
		file[rows[i].flip_b] ^= rows[i].flip_b ? 1 : 0;
		CHECK(signer_state_open(&s, path, 10, &e) == ERR_STATE,
		      "%s: opened", rows[i].name);
		CHECK(strstr(e.msg, path) && strstr(e.msg, "repair-state"),
		      "%s: %s", rows[i].name, e.msg);
	}
}

static void a_slot_moved_to_another_place_is_no_slot(void)
{
	const char *path = scratch_path(&dir, "moved");
	uint8_t file[4 * SLOT], swap[SLOT];
	struct signer_state *s = NULL;

	(void)sample(path, file);
	memcpy(swap, file + SLOT, SLOT);
	memmove(file + SLOT, file + (size_t)2 * SLOT, SLOT);
	memcpy(file + (size_t)2 * SLOT, swap, SLOT);
	scratch_write(path, file, (size_t)3 * SLOT);
	CHECK(signer_state_open(&s, path, 10, NULL) == ERR_STATE, "opened");
}

static void others_may_not_write_it(void)
{
	const char *path = scratch_path(&dir, "mode");
	struct signer_state *s = open_state(path, 10);
	struct err e = {0};

	signer_state_close(s);
	(void)chmod(path, 0622);
	CHECK(signer_state_open(&s, path, 10, &e) == ERR_STATE &&
		      strstr(e.msg, "chmod 600"),
	      "%s", e.msg);
}

static void repair_keeps_what_is_whole(void)
{
	const char *path = scratch_path(&dir, "repair");
	struct signer_state *s;
	uint8_t file[4 * SLOT];
	struct err e = {0};

	CHECK(signer_state_repair(path, 10, &e) == ERR_IO, "no file: %s",
	      e.msg);
	(void)sample(path, file);
	CHECK(signer_state_repair(path, 10, NULL) == ERR_STATE, "whole");
	file[SLOT + 20] ^= 1;
	file[SLOT + CELL + 20] ^= 1;
	scratch_write(path, file, 3 * SLOT);
	e = (struct err){0};
	CHECK(signer_state_repair(path, 10, &e) == ERR_NONE, "%s", e.msg);
	s = open_state(path, 10);
	CHECK(promise(s, 10, 2, 1499) == ERR_STATE, "payee 2 was whole");
	CHECK(promise(s, 10, 2, 1501) == ERR_FUNDS, "the day is spent");
	CHECK(promise(s, 11, 2, 1501) == ERR_NONE, "the next one is not");
	CHECK(promise(s, 11, 1, 1) == ERR_NONE, "payee 1 is unknown");
	signer_state_close(s);
	CHECK(scratch_read(scratch_path(&dir, "repair.damaged"), file,
			   sizeof(file)) == 3 * SLOT,
	      "the damaged file is kept");
	file[0] ^= 1;
	file[CELL] ^= 1;
	scratch_write(path, file, 3 * SLOT);
	CHECK(signer_state_repair(path, 10, NULL) == ERR_STATE,
	      "would lose the older damaged file");
}

static void the_oldest_payees_make_room(void)
{
	const char *path = scratch_path(&dir, "full");
	struct signer_state *s = open_state(path, 10);

	for (uint32_t i = 1; i <= SIGNER_STATE_ROWS; i++)
		CHECK(promise(s, i <= 10 ? 10 : 11, i, 1) == ERR_NONE, "%u", i);
	CHECK(promise(s, 11, 999999, 1) == ERR_NONE, "a guest too many");
	CHECK(promise(s, 11, 11, 0) == ERR_STATE, "of today, remembered");
	CHECK(promise(s, 11, 2, 0) == ERR_STATE, "of yesterday, remembered");
	CHECK(signer_state_flush(s, NULL) == ERR_NONE, "flush");
	signer_state_close(s);
	s = open_state(path, 11);
	CHECK(promise(s, 11, 999999, 0) == ERR_STATE, "after a restart");
	for (uint32_t i = 0; i < 9; i++)
		CHECK(promise(s, 11, 2000000 + i, 1) == ERR_NONE, "%u", i);
	CHECK(promise(s, 11, 3000000, 1) == ERR_LIMIT, "all are of today");
	CHECK(promise(s, 12, 3000000, 1) == ERR_NONE, "tomorrow again");
	signer_state_close(s);
}

/* A child promises as fast as it can and writes down, in memory shared with
 * this process, what it was told it may; it is killed at some moment, again
 * and again. Whatever it was told in one day stays within the day's limit, to
 * the last unit. */
struct told {
	uint64_t amount[4]; /* by payee */
};

/* A byte a round goes into `beat`: that is how the parent picks the moment. */
static void promise_on(const char *path, struct told *told, uint64_t seed,
		       int beat)
{
	struct rng rng = rng_seeded(seed);
	struct signer_state *s = open_state(path, 10);

	for (;;) {
		uint32_t payee = rng_below(&rng, 4);
		uint64_t next = told->amount[payee] + 1 + rng_below(&rng, 40);
		enum err_code code = promise(s, 10, payee + 1, next);

		if (code == ERR_NONE && signer_state_flush(s, NULL) == ERR_NONE)
			told->amount[payee] = next;
		if (write(beat, "", 1) != 1)
			_exit(1);
	}
}

static void kills_never_lift_a_limit(void)
{
	const char *path = scratch_path(&dir, "killed");
	struct told *told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct rng rng = rng_seeded(7);
	uint64_t all = 0;

	if (told == MAP_FAILED)
		abort();
	for (uint64_t i = 0; i < 40; i++) {
		uint32_t rounds = 1 + rng_below(&rng, 40);
		int beat[2];
		char byte;
		pid_t pid;

		if (pipe(beat) != 0)
			abort();
		pid = fork();
		if (pid == 0)
			promise_on(path, told, i, beat[1]);
		(void)close(beat[1]);
		while (rounds-- > 0)
			CHECK(read(beat[0], &byte, 1) == 1, "child");
		(void)kill(pid, SIGKILL);
		CHECK(waitpid(pid, NULL, 0) == pid, "wait");
		(void)close(beat[0]);
		for (size_t k = 0; k < 4; k++)
			CHECK(told->amount[k] <= 6400, "payee %zu: %u", k,
			      (unsigned)told->amount[k]);
	}
	for (size_t k = 0; k < 4; k++)
		all += told->amount[k];
	CHECK(all <= 10000, "%u promised", (unsigned)all);
	CHECK(all > 2000, "only %u promised: slices are too dear",
	      (unsigned)all);
	(void)munmap(told, sizeof(*told));
}

int main(void)
{
	scratch_make(&dir);
	limits_are_of_a_utc_day();
	a_crash_wastes_a_slice_at_most();
	flushes_are_rare();
	pins_are_for_good();
	a_torn_cell_costs_the_rest_of_the_day();
	damage_is_refused_and_named();
	a_slot_moved_to_another_place_is_no_slot();
	others_may_not_write_it();
	repair_keeps_what_is_whole();
	the_oldest_payees_make_room();
	kills_never_lift_a_limit();
	scratch_remove(&dir);
	return CHECK_EXIT();
}
