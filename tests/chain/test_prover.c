/* A host's duties on a real EVM: anchored early, proved, rehearsed; a bad proof
 * harms no other; a missed period and one without a beacon; closing. */
#include "base/hash.h"
#include "ledger/settle/prover.h"
#include "tests/chain/town.h"

#include <time.h>

#define PERIOD 20
#define LEASES 5

struct farm {
	struct town t;
	struct profile profile;
	struct book *book;
	struct settle *s;
	struct prover *p;
	struct settle_signed lease[LEASES];
	bool away[LEASES]; /* the disk has it no more */
	bool lies[LEASES]; /* the disk gives other bytes */
	unsigned told[PROVER_TROUBLE + 1];
	unsigned rehearsed;
	struct err e;
	struct settle_result r;
	struct answer {
		struct farm *f;
		struct prover_ask ask;
		struct loop_post post;
	} answers[256];
	unsigned n_answers;
};

static int64_t unix_now(void)
{
	return (int64_t)time(NULL);
}

/* ---- the node that the prover sees */

static void each(void *ctx, prover_each_fn *fn, void *fn_ctx)
{
	struct farm *f = ctx;

	for (size_t i = 0; i < LEASES; i++)
		if (f->lease[i].a.sectors)
			fn(fn_ctx, &f->lease[i].a);
}

static size_t lease_of(const struct farm *f, const struct address *renter)
{
	for (size_t i = 0; i < LEASES; i++)
		if (address_eq(&f->lease[i].a.renter, renter))
			return i;
	abort();
}

static void answer(void *ctx)
{
	struct answer *a = ctx;
	struct farm *f = a->f;
	size_t i = lease_of(f, &a->ask.renter);
	uint8_t leaf[AGREEMENT_LEAF];
	struct hash32 path[11], root;
	struct err e = {0};

	alike(leaf, path, &root, f->lies[i] ? 0xee : 0x5a);
	(void)err_fail(&e, ERR_IO, "the disk is sick");
	prover_on_proof(f->p, &a->ask, f->away[i] ? NULL : leaf, path[0].bytes,
			11, &e);
}

static void want_proof(void *ctx, const struct prover_ask *ask)
{
	struct farm *f = ctx;
	struct answer *a = &f->answers[f->n_answers++ % 256];

	if (ask->rehearsal)
		f->rehearsed++;
	*a = (struct answer){
		.f = f, .ask = *ask, .post = {.fn = answer, .ctx = a}};
	loop_post(f->t.b.loop, &a->post);
}

static void on_event(void *ctx, const struct prover_event *ev)
{
	struct farm *f = ctx;

	if (!ev->rehearsal)
		f->told[ev->kind]++;
	if (ev->kind == PROVER_SEEN) { /* as a node keeps what the bank says */
		struct agreement *a = &f->lease[lease_of(f, &ev->renter)].a;

		a->through = ev->view->through;
		a->earned = ev->view->earned;
	} else if (ev->kind == PROVER_CLOSED) {
		f->lease[lease_of(f, &ev->renter)].a.sectors = 0;
	} else if (ev->kind == PROVER_TROUBLE) {
		(void)fprintf(stderr, "trouble: %s\n", ev->text);
	}
}

/* ---- moving the chain */

static void on_done(void *ctx, const struct settle_result *r,
		    const struct err *e)
{
	struct farm *f = ctx;

	f->e = e ? *e : (struct err){0};
	f->r = *r;
	loop_stop(f->t.b.loop);
}

static void done(struct farm *f, const char *what)
{
	CHECK(run_loop(&f->t.b) && f->e.code == ERR_NONE, "%s: %s", what,
	      f->e.msg);
}

static uint64_t block(struct farm *f)
{
	struct chain_ask ask = {.what = CHAIN_ASK_ID};

	CHECK(wait_read(&f->t.b, &f->t.r, f->t.ch, CHAIN_LATEST, &ask, 1),
	      "the head");
	return f->t.r.at.block;
}

static void mine_to(struct farm *f, uint64_t to)
{
	uint64_t at = block(f);
	char params[32];

	if (at >= to)
		return;
	(void)snprintf(params, sizeof(params), "[\"0x%llx\"]",
		       (unsigned long long)(to - at));
	raw_do(&f->t.b, &f->t.anvil, "anvil_mine", params);
}

/* Rounds, until nothing more happens. */
static void rounds(struct farm *f)
{
	prover_wake(f->p);
	turn_ms(&f->t.b, 600);
}

static struct bank_agreement view(struct farm *f, size_t i)
{
	struct chain_ask ask = {.what = CHAIN_ASK_AGREEMENT,
				.c = f->t.bank,
				.a = f->lease[i].a.renter,
				.b = f->t.b.me,
				.n = {f->lease[i].a.number}};

	CHECK(wait_read(&f->t.b, &f->t.r, f->t.ch, CHAIN_LATEST, &ask, 1) &&
		      f->t.r.answers[0].known,
	      "the bank's view");
	return f->t.r.answers[0].agreement;
}

static void open_lease(struct farm *f, size_t i, uint32_t start, uint32_t end)
{
	struct settle_signed *v = &f->lease[i];
	uint8_t leaf[AGREEMENT_LEAF];
	struct hash32 path[11], digest;
	struct ecc_sig sig;

	v->a = (struct agreement){.renter = f->t.payers[i],
				  .host = f->t.b.me,
				  .sectors = 1,
				  .start = start,
				  .through = start,
				  .end = end,
				  .span = 2,
				  .rate = amount_from_u64(5),
				  .fund = amount_from_u64(1000),
				  .collateral = amount_from_u64(60),
				  .penalty = amount_from_u64(20)};
	alike(leaf, path, &v->a.root, 0x5a);
	digest = eip712_agreement(&f->t.domain, &v->a);
	sig = ecc_sign(f->t.b.ecc, &f->t.keys[i], &digest);
	v->renter = sig64_pack(&sig);
	sig = ecc_sign(f->t.b.ecc, &f->t.b.key, &digest);
	v->host = sig64_pack(&sig);
	settle_open(f->s, v, NULL, on_done, f);
	done(f, "open");
}

/* ---- the story: spans of two periods; the first ends in start + 1 */

static void nothing_is_sent_while_nothing_is_due(struct farm *f, uint32_t start)
{
	struct prover_state st;

	mine_to(f, (uint64_t)start * PERIOD);
	rounds(f);
	prover_state(f->p, &st);
	CHECK(st.known && st.now.period == start && st.due == 0 &&
		      st.due_next == LEASES,
	      "due %u, next %u", st.due, st.due_next);
	CHECK(f->rehearsed == LEASES && f->told[PROVER_UNREADABLE] == 0,
	      "rehearsed %u", f->rehearsed);
	rounds(f);
	CHECK(f->rehearsed == LEASES, "once");
}

static void it_anchors_early_and_proves_all(struct farm *f, uint32_t start)
{
	struct chain_ask ask = {
		.what = CHAIN_ASK_BEACON, .c = f->t.bank, .n = {start + 1}};
	static const struct hash32 none;
	struct prover_state st;

	mine_to(f, (uint64_t)(start + 1) * PERIOD + 1);
	rounds(f);
	CHECK(wait_read(&f->t.b, &f->t.r, f->t.ch, CHAIN_LATEST, &ask, 1) &&
		      f->t.r.at.block <
			      (uint64_t)(start + 1) * PERIOD + DUTY_ANCHOR_BY &&
		      memcmp(&f->t.r.answers[0].hash, &none, sizeof(none)) != 0,
	      "anchored within %d blocks", DUTY_ANCHOR_BY);
	prover_state(f->p, &st);
	CHECK(st.due == LEASES && st.proved == LEASES, "%u of %u", st.proved,
	      st.due);
	for (size_t i = 0; i < LEASES; i++) {
		struct bank_agreement v = view(f, i);

		CHECK(v.through == start + 2 &&
			      amount_cmp(v.earned, amount_from_u64(10)) == 0,
		      "lease %zu is paid", i);
	}
	CHECK(f->told[PROVER_LATE] == 0 && f->told[PROVER_PROVED] == LEASES,
	      "%u proved", f->told[PROVER_PROVED]);
}

/* Lease 1 is gone from the disk, lease 2 is other bytes. */
static void a_bad_proof_harms_no_other(struct farm *f, uint32_t start)
{
	struct prover_state st;

	f->away[1] = f->lies[2] = true;
	mine_to(f, (uint64_t)(start + 3) * PERIOD + 1);
	rounds(f);
	prover_state(f->p, &st);
	CHECK(st.due == LEASES && st.proved == LEASES - 2, "%u of %u",
	      st.proved, st.due);
	CHECK(f->told[PROVER_UNREADABLE] == 1 && f->told[PROVER_REFUSED] == 1,
	      "told once: %u, %u", f->told[PROVER_UNREADABLE],
	      f->told[PROVER_REFUSED]);
	CHECK(view(f, 1).through == start + 2 &&
		      view(f, 2).through == start + 2,
	      "nothing was paid for the two");
	mine_to(f, (uint64_t)(start + 3) * PERIOD + PERIOD / 2 + 1);
	rounds(f);
	CHECK(f->told[PROVER_LATE] == 2, "%u are late", f->told[PROVER_LATE]);
	mine_to(f, (uint64_t)(start + 4) * PERIOD - 1);
	rounds(f);
	CHECK(f->told[PROVER_GRAVE] == 2, "%u are grave",
	      f->told[PROVER_GRAVE]);
	mine_to(f, (uint64_t)(start + 4) * PERIOD + 1);
	rounds(f);
	CHECK(f->told[PROVER_MISSED] == 2, "%u missed", f->told[PROVER_MISSED]);
	f->away[1] = f->lies[2] = false;
}

static void the_collateral_comes_back_less_the_misses(struct farm *f,
						      uint32_t end)
{
	struct chain_ask ask = {
		.what = CHAIN_ASK_FREE, .c = f->t.bank, .a = f->t.b.me};
	struct amount before;

	CHECK(wait_read(&f->t.b, &f->t.r, f->t.ch, CHAIN_LATEST, &ask, 1),
	      "free");
	before = f->t.r.answers[0].amount;
	mine_to(f, (uint64_t)(end - 1) * PERIOD + 1);
	for (int i = 0; i < 20 && f->told[PROVER_CLOSED] < LEASES; i++)
		rounds(f);
	CHECK(f->told[PROVER_CLOSED] == LEASES, "%u closed",
	      f->told[PROVER_CLOSED]);
	CHECK(wait_read(&f->t.b, &f->t.r, f->t.ch, CHAIN_LATEST, &ask, 1) &&
		      amount_sub(&before, f->t.r.answers[0].amount, before) &&
		      amount_cmp(before, amount_from_u64((60 + 10) * LEASES -
							 2 * 20)) == 0,
	      "the last span and the collateral, less two misses: %s",
	      amount_to_dec((char[AMOUNT_DEC_MAX]){0}, before, 0));
}

static void set_up(struct farm *f)
{
	struct address none = {{0}};
	struct err e = {0};

	settle_deploy(f->s, &none, true, PERIOD, NULL, on_done, f);
	done(f, "deploy");
	f->t.bank = f->profile.bank = f->r.bank;
	f->t.token = f->profile.token = f->r.token;
	f->profile.has_bank = f->profile.has_token = true;
	f->t.domain = eip712_domain(ANVIL_CHAIN_ID, &f->t.bank);
	CHECK(settle_set_profile(f->s, &f->profile, &e) == ERR_NONE, "%s",
	      e.msg);
	settle_mint(f->s, &f->t.b.me, amount_from_u64(5000), NULL, on_done, f);
	done(f, "mint");
	settle_deposit(f->s, amount_from_u64(1000), &f->t.b.me, NULL, on_done,
		       f);
	done(f, "deposit");
	fill_purses(&f->t);
}

static void run(struct farm *f)
{
	struct prover_config cfg = {.block_ms = 20,
				    .node = {.ctx = f,
					     .each = each,
					     .want_proof = want_proof,
					     .event = on_event}};
	struct err e = {0};
	uint32_t start;

	set_up(f);
	start = (uint32_t)(block(f) / PERIOD) +
		50; /* purses are still filled */
	for (size_t i = 0; i < LEASES; i++)
		open_lease(f, i, start, start + 6);
	cfg.bank = f->t.bank;
	cfg.host = f->t.b.me;
	CHECK(prover_new(&f->p, f->t.b.loop, f->t.ch, f->s, &cfg, NULL, &e) ==
		      ERR_NONE,
	      "%s", e.msg);
	nothing_is_sent_while_nothing_is_due(f, start);
	it_anchors_early_and_proves_all(f, start);
	a_bad_proof_harms_no_other(f, start);
	the_collateral_comes_back_less_the_misses(f, start + 6);
	prover_free(f->p);
}

int main(int argc, char **argv)
{
	static struct farm f;
	struct chain_signer signer;
	struct settle_config cfg;
	struct err e = {0};

	if (!anvil_find(&f.t.anvil, argc, argv))
		return SKIPPED;
	bench_init(&f.t.b);
	if (anvil_start(&f.t.b, &f.t.anvil) &&
	    profile_find(&f.profile, "local-evm", NULL) == ERR_NONE &&
	    profile_set(&f.profile, "rpc", f.t.anvil.url, NULL) == ERR_NONE) {
		signer = bench_signer(&f.t.b);
		cfg = (struct settle_config){.me = f.t.b.me,
					     .fee_share = 2,
					     .unix_s = unix_now,
					     .poll_ms = 10};
		CHECK(profile_open_chain(&f.t.ch, &f.profile, f.t.b.loop,
					 f.t.b.http, &signer, AMOUNT_ZERO, NULL,
					 &e) == ERR_NONE &&
			      book_open(&f.book, ":memory:", &f.t.b.me, &e) ==
				      ERR_NONE &&
			      settle_new(&f.s, f.t.b.loop, f.t.ch, f.book,
					 &f.profile, &cfg, NULL,
					 &e) == ERR_NONE,
		      "%s", e.msg);
		run(&f);
		settle_free(f.s);
		book_close(f.book);
		chain_free(f.t.ch);
	}
	anvil_stop(&f.t.anvil, SIGTERM);
	bench_clear(&f.t.b);
	return CHECK_EXIT();
}
