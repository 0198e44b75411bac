/* One agreement between two nodes on a real EVM: after each step the books of
 * both sides equal the chain to the last unit. */
#include "base/hash.h"
#include "ledger/settle/settle.h"
#include "tests/chain/town.h"

#include <time.h>

#define PERIOD 20
#define SPANS 11 /* of one period: one miss is free */

struct side { /* a node's money */
	struct bench b;
	struct chain *ch;
	struct book *book;
	struct settle *s;
	unsigned findings;
	struct err e;
	struct settle_result r;
};

struct farm {
	struct town t; /* its bench is the host's */
	struct profile profile;
	struct side host, renter;
	struct settle_signed deal;
	struct book_lease lease;
};

static int64_t unix_now(void)
{
	return (int64_t)time(NULL);
}

static uint64_t low(struct amount a)
{
	uint64_t v = 0;

	CHECK(amount_to_u64(&v, a), "over 64 bits");
	return v;
}

/* ---- waiting */

static void on_done(void *ctx, const struct settle_result *r,
		    const struct err *e)
{
	struct side *d = ctx;

	d->e = e ? *e : (struct err){0};
	d->r = *r;
	loop_stop(d->b.loop);
}

static void on_refresh(void *ctx, const struct err *e)
{
	struct side *d = ctx;

	d->e = e ? *e : (struct err){0};
	loop_stop(d->b.loop);
}

static void on_finding(void *ctx, const char *what)
{
	(void)ctx;
	(void)fprintf(stderr, "  finding: %s\n", what);
}

static void on_chain(void *ctx, const struct book_chain *c, const struct err *e)
{
	struct side *d = ctx;

	d->e = e ? *e : (struct err){0};
	if (c)
		CHECK(book_check_chain(d->book, c, on_finding, d, &d->findings,
				       NULL) == ERR_NONE,
		      "against the chain");
	loop_stop(d->b.loop);
}

static void done(struct side *d, const char *what)
{
	CHECK(run_loop(&d->b) && d->e.code == ERR_NONE, "%s: %s", what,
	      d->e.msg);
}

/* ---- both books */

struct want {
	uint64_t bank, fund, rent_paid, collateral, rent_earned, burnt;
};

static void agrees(struct side *d, const char *who, const char *when,
		   struct want w)
{
	struct book_totals t;

	settle_refresh(d->s, on_refresh, d);
	done(d, when);
	CHECK(book_check(d->book, NULL, on_finding, d, &d->findings, NULL) ==
			      ERR_NONE &&
		      d->findings == 0,
	      "%s, %s: the book against itself", when, who);
	settle_read_chain(d->s, on_chain, d);
	done(d, when);
	CHECK(d->findings == 0, "%s, %s: the book against the chain", when,
	      who);
	CHECK(book_totals(d->book, &t, NULL) == ERR_NONE, "totals");
	CHECK(low(t.bank) == w.bank && low(t.fund) == w.fund &&
		      low(t.rent_paid) == w.rent_paid &&
		      low(t.collateral) == w.collateral &&
		      low(t.rent_earned) == w.rent_earned &&
		      low(t.burnt) == w.burnt,
	      "%s, %s: bank %llu fund %llu paid %llu collateral %llu earned "
	      "%llu burnt %llu",
	      when, who, (unsigned long long)low(t.bank),
	      (unsigned long long)low(t.fund),
	      (unsigned long long)low(t.rent_paid),
	      (unsigned long long)low(t.collateral),
	      (unsigned long long)low(t.rent_earned),
	      (unsigned long long)low(t.burnt));
}

static void both(struct farm *f, const char *when, struct want renter,
		 struct want host)
{
	agrees(&f->renter, "renter", when, renter);
	agrees(&f->host, "host", when, host);
}

/* ---- the chain */

static uint64_t block(struct farm *f)
{
	struct chain_ask ask = {.what = CHAIN_ASK_ID};

	CHECK(wait_read(&f->t.b, &f->t.r, f->host.ch, CHAIN_LATEST, &ask, 1),
	      "the head");
	return f->t.r.at.block;
}

/* To the second block of a period. */
static void go_to(struct farm *f, uint32_t period)
{
	uint64_t to = (uint64_t)period * PERIOD + 1, at = block(f);
	char params[32];

	CHECK(at <= to, "period %u is over", period);
	(void)snprintf(params, sizeof(params), "[\"0x%llx\"]",
		       (unsigned long long)(to - at));
	raw_do(&f->t.b, &f->t.anvil, "anvil_mine", params);
}

static void both_sign(struct farm *f)
{
	struct hash32 digest = eip712_agreement(&f->t.domain, &f->deal.a);
	struct ecc_sig sig = ecc_sign(f->t.b.ecc, &f->renter.b.key, &digest);

	f->deal.renter = sig64_pack(&sig);
	sig = ecc_sign(f->t.b.ecc, &f->host.b.key, &digest);
	f->deal.host = sig64_pack(&sig);
}

static void prove(struct farm *f, uint64_t paid)
{
	uint8_t leaf[AGREEMENT_LEAF], packed[BANK_PROOF_LEN(11)];
	struct hash32 path[11], root;
	struct wr w = wr_into(packed, sizeof(packed));
	struct bank_proof p = {.renter = f->deal.a.renter,
			       .number = f->deal.a.number,
			       .leaf = leaf,
			       .path = path[0].bytes,
			       .nodes = 11};

	alike(leaf, path, &root, 0x5a);
	bank_put_proof(&w, &p);
	settle_prove(f->host.s, &f->deal.a.host, packed, wr_len(&w), NULL,
		     on_done, &f->host);
	done(&f->host, "prove");
	CHECK(f->host.r.receipts == 1 && low(f->host.r.moved) == paid,
	      "a good proof pays %llu",
	      (unsigned long long)low(f->host.r.moved));
}

/* ---- the story */

static void money_is_deposited(struct farm *f)
{
	struct side *sides[] = {&f->renter, &f->host};

	for (size_t i = 0; i < ROWS(sides); i++) {
		struct side *d = sides[i];

		settle_mint(d->s, &d->b.me, amount_from_u64(1500), NULL,
			    on_done, d);
		done(d, "mint");
		settle_deposit(d->s, amount_from_u64(1000), &d->b.me, NULL,
			       on_done, d);
		done(d, "deposit");
	}
	both(f, "deposited", (struct want){.bank = 1000},
	     (struct want){.bank = 1000});
}

static void the_host_opens_what_both_signed(struct farm *f)
{
	struct agreement *a = &f->deal.a;
	uint8_t leaf[AGREEMENT_LEAF];
	struct hash32 path[11];

	*a = (struct agreement){.renter = f->renter.b.me,
				.host = f->host.b.me,
				.sectors = 1,
				.span = 1,
				.rate = amount_from_u64(7),
				.fund = amount_from_u64(100),
				.collateral = amount_from_u64(60),
				.penalty = amount_from_u64(20)};
	alike(leaf, path, &a->root, 0x5a);
	a->start = a->through = (uint32_t)(block(f) / PERIOD) + 2;
	a->end = a->start + SPANS;
	f->lease = (struct book_lease){a->renter, a->host, 0};
	both_sign(f);
	/* the renter's signature leaves its node */
	CHECK(book_agreement_follow(f->renter.book, &f->lease, 0, unix_now(),
				    NULL) == ERR_NONE &&
		      book_commit(f->renter.book, NULL) == ERR_NONE,
	      "follow");
	both(f, "signed", (struct want){.bank = 1000},
	     (struct want){.bank = 1000});
	settle_open(f->host.s, &f->deal, NULL, on_done, &f->host);
	done(&f->host, "open");
	both(f, "opened", (struct want){.bank = 900, .fund = 100},
	     (struct want){.bank = 940, .collateral = 60});
}

static void the_renter_tops_up(struct farm *f)
{
	settle_top_up(f->renter.s, &f->lease, amount_from_u64(11), NULL,
		      on_done, &f->renter);
	done(&f->renter, "top up");
	both(f, "topped up", (struct want){.bank = 889, .fund = 111},
	     (struct want){.bank = 940, .collateral = 60});
}

static void the_host_proves(struct farm *f)
{
	go_to(f, f->deal.a.start);
	prove(f, 7);
	both(f, "proved",
	     (struct want){.bank = 889, .fund = 104, .rent_paid = 7},
	     (struct want){.bank = 947, .collateral = 60, .rent_earned = 7});
}

static void the_renter_posts_a_revision_that_pays(struct farm *f)
{
	struct agreement *a = &f->deal.a;

	a->revision = 1;
	a->through = a->start + 2;
	a->earned = amount_from_u64(14);
	both_sign(f);
	settle_revise(f->renter.s, &f->deal, NULL, on_done, &f->renter);
	done(&f->renter, "revise");
	both(f, "revised",
	     (struct want){.bank = 889, .fund = 97, .rent_paid = 14},
	     (struct want){.bank = 954, .collateral = 60, .rent_earned = 14});
}

/* Three spans whose beacon is there and whose proof is not; then one proved. */
static void the_host_misses_and_proves_again(struct farm *f)
{
	uint32_t at = f->deal.a.start + 2;
	struct book_agreement a = {.lease = f->lease};

	for (int i = 0; i < 3; i++) {
		go_to(f, at++);
		settle_anchor(f->renter.s, NULL, on_done, &f->renter);
		done(&f->renter, "anchor");
	}
	go_to(f, at);
	prove(f, 7);
	both(f, "missed, and proved",
	     (struct want){.bank = 889, .fund = 90, .rent_paid = 21},
	     (struct want){.bank = 961, .collateral = 60, .rent_earned = 21});
	CHECK(book_agreement_load(f->renter.book, &a, NULL) == ERR_NONE &&
		      a.view.misses == 3,
	      "three are counted: %u", a.view.misses);
}

static void it_is_closed_and_two_misses_burn(struct farm *f)
{
	go_to(f, f->deal.a.end + AGREEMENT_CLOSE_WAIT);
	settle_close(f->renter.s, &f->lease, NULL, on_done, &f->renter);
	done(&f->renter, "close");
	both(f, "closed", (struct want){.bank = 979, .rent_paid = 21},
	     (struct want){.bank = 981, .rent_earned = 21, .burnt = 40});
	both(f, "and it stays", (struct want){.bank = 979, .rent_paid = 21},
	     (struct want){.bank = 981, .rent_earned = 21, .burnt = 40});
}

/* A second one, settled to its end by what both sign, and closed at once; the
 * host hears of it only by reading. */
static void another_ends_without_a_proof(struct farm *f)
{
	struct agreement *a = &f->deal.a;

	a->number = f->lease.number = 1;
	a->revision = 0;
	a->earned = AMOUNT_ZERO;
	a->fund = amount_from_u64(50);
	a->start = a->through = (uint32_t)(block(f) / PERIOD) + 2;
	a->end = a->start + 3;
	both_sign(f);
	CHECK(book_agreement_follow(f->host.book, &f->lease, 0, unix_now(),
				    NULL) == ERR_NONE,
	      "follow");
	settle_open(f->renter.s, &f->deal, NULL, on_done, &f->renter);
	done(&f->renter, "open");
	both(f, "a second one",
	     (struct want){.bank = 929, .fund = 50, .rent_paid = 21},
	     (struct want){.bank = 921,
			   .collateral = 60,
			   .rent_earned = 21,
			   .burnt = 40});
	a->revision = 1;
	a->through = a->end;
	a->earned = amount_from_u64(50);
	both_sign(f);
	settle_revise(f->renter.s, &f->deal, NULL, on_done, &f->renter);
	done(&f->renter, "revise");
	settle_close(f->renter.s, &f->lease, NULL, on_done, &f->renter);
	done(&f->renter, "close");
	both(f, "all of it paid", (struct want){.bank = 929, .rent_paid = 71},
	     (struct want){.bank = 1031, .rent_earned = 71, .burnt = 40});
}

/* ---- setting up */

static void side_open(struct farm *f, struct side *d)
{
	struct chain_signer signer = bench_signer(&d->b);
	struct settle_config cfg = {.me = d->b.me,
				    .fee_share = 2,
				    .unix_s = unix_now,
				    .poll_ms = 10};
	struct err e = {0};

	CHECK(profile_open_chain(&d->ch, &f->profile, d->b.loop, d->b.http,
				 &signer, AMOUNT_ZERO, NULL, &e) == ERR_NONE &&
		      book_open(&d->book, ":memory:", &d->b.me, &e) ==
			      ERR_NONE &&
		      settle_new(&d->s, d->b.loop, d->ch, d->book, &f->profile,
				 &cfg, NULL, &e) == ERR_NONE,
	      "%s", e.msg);
}

static void side_close(struct side *d)
{
	settle_free(d->s);
	book_close(d->book);
	chain_free(d->ch);
	loop_timer_free(d->b.sign_timer);
}

/* Both share loop, HTTP and curve with the town, but no key. */
static void make_sides(struct farm *f)
{
	struct side *sides[] = {&f->host, &f->renter};
	uint8_t key[32] = {0};
	char params[128], hex[41];

	for (size_t i = 0; i < ROWS(sides); i++) {
		struct bench *b = &sides[i]->b;

		*b = f->t.b;
		b->sign_timer = loop_timer_new(b->loop, sign_fired, b);
		key[31] = (uint8_t)(7 + i);
		CHECK(ecc_key_read(&b->key, key, NULL) == ERR_NONE, "key");
		b->me = ecc_address(b->ecc, &b->key);
		hex_encode(hex, b->me.bytes, 20);
		(void)snprintf(params, sizeof(params),
			       "[\"0x%s\",\"0xde0b6b3a7640000\"]", hex);
		raw_do(&f->t.b, &f->t.anvil, "anvil_setBalance", params);
		side_open(f, sides[i]);
	}
}

static void deploy(struct farm *f)
{
	struct address none = {{0}};
	struct err e = {0};

	settle_deploy(f->host.s, &none, true, PERIOD, NULL, on_done, &f->host);
	done(&f->host, "deploy");
	f->t.bank = f->profile.bank = f->host.r.bank;
	f->profile.token = f->host.r.token;
	f->profile.has_bank = f->profile.has_token = true;
	f->t.domain = eip712_domain(ANVIL_CHAIN_ID, &f->t.bank);
	CHECK(settle_set_profile(f->host.s, &f->profile, &e) == ERR_NONE &&
		      settle_set_profile(f->renter.s, &f->profile, &e) ==
			      ERR_NONE,
	      "%s", e.msg);
}

int main(int argc, char **argv)
{
	static struct farm f;

	if (!anvil_find(&f.t.anvil, argc, argv))
		return SKIPPED;
	bench_init(&f.t.b);
	if (anvil_start(&f.t.b, &f.t.anvil) &&
	    profile_find(&f.profile, "local-evm", NULL) == ERR_NONE &&
	    profile_set(&f.profile, "rpc", f.t.anvil.url, NULL) == ERR_NONE) {
		make_sides(&f);
		deploy(&f);
		money_is_deposited(&f);
		the_host_opens_what_both_signed(&f);
		the_renter_tops_up(&f);
		the_host_proves(&f);
		the_renter_posts_a_revision_that_pays(&f);
		the_host_misses_and_proves_again(&f);
		it_is_closed_and_two_misses_burn(&f);
		another_ends_without_a_proof(&f);
		side_close(&f.host);
		side_close(&f.renter);
	}
	anvil_stop(&f.t.anvil, SIGTERM);
	bench_clear(&f.t.b);
	return CHECK_EXIT();
}
