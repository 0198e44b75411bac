/* A host and a renter over real rent links, both in this process, each with a
 * purse and a book of its own: what is stored, read and prepaid is paid by
 * receipts, and both books say the same. */
#include "base/clock.h"
#include "ledger/signer/keystore.h"
#include "node/core/engine.h"
#include "node/core/settings.h"
#include "node/money/money.h"
#include "node/rent/rent_link.h"
#include "node/rent/rent_pay.h"
#include "storage/rent/rent_client.h"
#include "storage/rent/rent_rules.h"
#include "tests/ledger/scratch.h"
#include "tests/storage/rent_rig.h"

#define PASS "a passphrase"
#define PHRASE \
	"abandon abandon abandon abandon abandon abandon abandon abandon " \
	"abandon abandon abandon about"
#define GUARD_MS 30000
#define GIB (UINT64_C(1) << 30)

static struct {
	struct rig host; /* the host's disk, sheet and machine */
	struct rig_id renter;
	struct engine *en;
	struct options *settings;
	struct home home;
	struct scratch dir;
	struct money money;
	struct loop_timer *guard, *disk;
	bool timed_out;
	struct rent_pay *host_pay, *renter_pay;
	struct rent_door *door;
	/* the two ends of the present link */
	struct rent_link *in, *out;
	struct rent_till *in_till, *out_till;
	struct rent_session *session;
	struct rent_client *client;
	unsigned ended, fated[4], paid, downs;
	bool had;
	struct rent_result last;
	char why[120]; /* of the last one that was not done */
	char stuck[120];
	enum rent_stuck kind;
	uint64_t charged; /* bytes, by the renter */
	struct cbuf_pool *pool;
} w;

static int64_t now_ms(void)
{
	return loop_now_ms(w.en->loop);
}

/* ---- the host ---- */

static void on_disk(void *ctx)
{
	(void)ctx;
	w.host.now_ms = now_ms();
	rig_run(&w.host);
}

static void host_ask(void *ctx, uint64_t token, const struct rent_ask *q)
{
	rig_ask(ctx, token, q);
	loop_timer_set(w.disk, 0);
}

static void host_send(void *ctx, void *s, const uint8_t *msg, size_t len)
{
	(void)ctx;
	(void)s;
	(void)rent_link_send(w.in, msg, len);
}

static size_t host_room(void *ctx, void *s)
{
	(void)ctx;
	(void)s;
	return w.in ? rent_link_room(w.in) : 0;
}

static void host_close(void *ctx, void *s, const struct err *e)
{
	(void)ctx;
	(void)s;
	rent_link_close(w.in, e->msg);
}

static void host_block(void *ctx, void *s, bool blocked)
{
	(void)ctx;
	(void)s;
	rent_link_block(w.in, blocked);
}

static bool host_covered(void *ctx, void *s, struct amount due)
{
	(void)ctx;
	(void)s;
	return rent_till_covered(w.in_till, due);
}

static void host_add_due(void *ctx, void *s, const struct address *renter,
			 struct amount due)
{
	(void)ctx;
	if (s)
		rent_till_add_due(w.in_till, due);
	else
		rent_pay_add_due(w.host_pay, renter, due);
}

static bool host_charge(void *ctx, void *s, uint32_t len)
{
	(void)ctx;
	(void)s;
	return rent_till_charge(w.in_till, len);
}

static void host_event(void *ctx, const struct rent_event *ev)
{
	if (ev->kind == RENT_EV_RENTER)
		rent_till_account(w.in_till, &ev->renter);
	rig_event(ctx, ev);
}

static void *in_up(void *ctx, struct rent_link *k)
{
	struct rent_session_cfg cfg = {.ctx = &w};
	struct err e = {0};

	(void)ctx;
	w.in = k;
	rent_link_ip(k, cfg.ip);
	memcpy(cfg.peer_key, rent_link_peer_key(k), sizeof(cfg.peer_key));
	CHECK(rent_session_new(&w.session, w.host.h, &cfg, now_ms(), &e) ==
			      ERR_NONE &&
		      rent_till_host(&w.in_till, w.host_pay, k, w.session,
				     &e) == ERR_NONE,
	      "%s", e.msg);
	return &w;
}

static void in_message(void *ctx, struct rent_link *k, const uint8_t *msg,
		       size_t len)
{
	struct err e = {0};

	(void)ctx;
	w.host.now_ms = now_ms();
	if (rent_host_receive(w.session, msg, len, now_ms(), &e) != ERR_NONE)
		rent_link_close(k, e.msg);
}

static void in_pay(void *ctx, struct rent_link *k, const uint8_t *msg,
		   size_t len)
{
	(void)ctx;
	(void)k;
	rent_till_receive(w.in_till, msg, len);
}

static void in_drained(void *ctx, struct rent_link *k)
{
	(void)ctx;
	(void)k;
	rent_session_drained(w.session, now_ms());
}

static void in_down(void *ctx, struct rent_link *k, const char *why)
{
	(void)ctx;
	(void)k;
	(void)why;
	rent_till_free(w.in_till);
	rent_session_free(w.session);
	w.in = NULL;
	w.in_till = NULL;
	w.session = NULL;
	w.downs++;
	loop_stop(w.en->loop);
}

static const struct rent_link_ops in_ops = {
	.up = in_up,
	.message = in_message,
	.pay = in_pay,
	.drained = in_drained,
	.down = in_down,
};

/* ---- the renter ---- */

static void client_send(void *ctx, const uint8_t *msg, size_t len)
{
	(void)ctx;
	(void)rent_link_send(w.out, msg, len);
}

static size_t client_room(void *ctx)
{
	(void)ctx;
	return w.out ? rent_link_room(w.out) : 0;
}

static void client_close(void *ctx, const struct err *e)
{
	(void)ctx;
	CHECK(false, "the client closes: %s", e->msg);
	rent_link_close(w.out, e->msg);
}

static bool client_covered(void *ctx, struct amount due)
{
	(void)ctx;
	return rent_till_covered(w.out_till, due);
}

static void client_add_due(void *ctx, struct amount due)
{
	(void)ctx;
	rent_till_add_due(w.out_till, due);
}

static void client_charged(void *ctx, uint32_t len)
{
	(void)ctx;
	w.charged += len;
	rent_till_charged(w.out_till, len);
}

static void client_event(void *ctx, const struct rent_client_event *ev)
{
	(void)ctx;
	CHECK(ev->kind == RENT_CLIENT_UP || ev->kind == RENT_CLIENT_OFFER,
	      "event %d: %s", (int)ev->kind, ev->text ? ev->text : "");
}

static void *out_up(void *ctx, struct rent_link *k)
{
	struct rent_client_link l = {.sig = {{0}}};
	struct hash32 digest = eip712_channel(&rig_domain, &w.renter.address,
					      rent_link_own_key(k));
	struct err e = {0};

	(void)ctx;
	w.out = k;
	l.sig = rig_sign(&w.renter, &digest);
	memcpy(l.host_key, rent_link_peer_key(k), sizeof(l.host_key));
	CHECK(rent_till_renter(&w.out_till, w.renter_pay, k, w.client, &e) ==
		      ERR_NONE,
	      "%s", e.msg);
	rent_client_up(w.client, &l, now_ms());
	return &w;
}

static void out_message(void *ctx, struct rent_link *k, const uint8_t *msg,
			size_t len)
{
	struct err e = {0};

	(void)ctx;
	if (rent_client_receive(w.client, msg, len, now_ms(), &e) != ERR_NONE) {
		CHECK(false, "the client: %s", e.msg);
		rent_link_close(k, e.msg);
	}
}

static void out_pay(void *ctx, struct rent_link *k, const uint8_t *msg,
		    size_t len)
{
	(void)ctx;
	(void)k;
	rent_till_receive(w.out_till, msg, len);
}

static void out_drained(void *ctx, struct rent_link *k)
{
	(void)ctx;
	(void)k;
	rent_client_drained(w.client, now_ms());
}

static void out_down(void *ctx, struct rent_link *k, const char *why)
{
	(void)ctx;
	(void)k;
	(void)why;
	rent_till_free(w.out_till);
	w.out_till = NULL;
	w.out = NULL;
	rent_client_down(w.client, now_ms());
	w.downs++;
	loop_stop(w.en->loop);
}

static const struct rent_link_ops out_ops = {
	.up = out_up,
	.message = out_message,
	.pay = out_pay,
	.drained = out_drained,
	.down = out_down,
};

static void on_paid(void *ctx, const struct address *host)
{
	(void)ctx;
	CHECK(address_eq(host, &w.host.host.address), "another host");
	w.paid++;
	loop_stop(w.en->loop);
}

static void on_stuck(void *ctx, const struct address *host,
		     enum rent_stuck kind, const char *why)
{
	(void)ctx;
	(void)host;
	w.kind = kind;
	(void)snprintf(w.stuck, sizeof(w.stuck), "%s", why);
	loop_stop(w.en->loop);
}

static struct rent_pay_listener listener = {.paid = on_paid, .stuck = on_stuck};

static void on_done(void *ctx, const struct rent_result *r)
{
	(void)ctx;
	w.ended++;
	w.fated[r->fate]++;
	w.last = *r;
	if (r->why)
		(void)snprintf(w.why, sizeof(w.why), "%s", r->why);
	loop_stop(w.en->loop);
}

/* ---- running ---- */

static void on_guard(void *ctx)
{
	(void)ctx;
	w.timed_out = true;
	loop_stop(w.en->loop);
}

/* Turns of the loop until `done()`, or the guard. */
static bool run_until(bool (*done)(void), const char *what)
{
	w.timed_out = false;
	loop_timer_set(w.guard, GUARD_MS);
	while (!done() && !w.timed_out)
		loop_run(w.en->loop);
	CHECK(!w.timed_out, "%s: nothing happened", what);
	return !w.timed_out;
}

static unsigned want_ended;

static bool all_ended(void)
{
	return w.ended >= want_ended;
}

static bool both_down(void)
{
	return !w.in && !w.out;
}

static void connect_them(void)
{
	struct info_hash name =
		rent_name(RIG_CHAIN, &rig_bank, &w.host.host.address);
	struct rent_link *k;
	struct net_addr to;
	struct err e = {0};

	if (!net_addr_from_ip(&to, "127.0.0.1", w.en->listen_port))
		abort();
	CHECK(rent_link_open(&k, w.en->rent, &name, &to, &out_ops, &w, &e) ==
		      ERR_NONE,
	      "%s", e.msg);
}

static void disconnect_them(void)
{
	if (w.out)
		rent_link_close(w.out, "enough");
	(void)run_until(both_down, "both ends go down");
}

static void put(unsigned first, unsigned n)
{
	struct hash32 root;
	struct err e = {0};

	want_ended = w.ended + n;
	for (unsigned i = first; i < first + n; i++) {
		struct cbuf *b = cbuf_get(w.pool);
		struct span s = {b, b->data, RENT_SECTOR};

		rig_sector_bytes(b->data, &root, i);
		CHECK(rent_call_put(w.client, &root, &s, on_done, NULL, &e),
		      "%s", e.msg);
		cbuf_unref(b);
	}
	(void)run_until(all_ended, "sectors are stored");
}

static void read_back(unsigned first, unsigned n)
{
	static uint8_t bytes[RENT_SECTOR];
	struct hash32 root;
	struct err e = {0};

	want_ended = w.ended + n;
	for (unsigned i = first; i < first + n; i++) {
		rig_sector_bytes(bytes, &root, i);
		CHECK(rent_call_read(w.client, &root, 0, RENT_SECTOR, NULL,
				     on_done, NULL, &e),
		      "%s", e.msg);
	}
	(void)run_until(all_ended, "sectors are read");
}

/* ---- the books ---- */

static struct amount bytes_cost(uint64_t egress, uint64_t bytes)
{
	struct amount a;

	if (!amount_mul_div(&a, NULL, amount_from_u64(egress), bytes, 0, GIB))
		abort();
	return a;
}

static void finding(void *ctx, const char *what)
{
	(void)ctx;
	(void)fprintf(stderr, "  %s\n", what);
}

static void check_book(struct purse *p)
{
	unsigned findings = 0;
	struct err e = {0};

	CHECK(book_commit_now(p->book, &e) == ERR_NONE &&
		      book_check(p->book, NULL, finding, NULL, &findings, &e) ==
			      ERR_NONE,
	      "%s", e.msg);
	CHECK(findings == 0, "%u findings", findings);
}

/* What was owed before this test, and is afterwards. */
static struct amount owed_before;

static void books_agree(const char *name, struct amount more)
{
	struct book_pair in, out;
	struct amount want = amount_add_cap(owed_before, more);
	char got[AMOUNT_DEC_MAX], wanted[AMOUNT_DEC_MAX];
	struct err e = {0};

	CHECK(book_pair_load(w.money.storage.book, &in, &w.renter.address,
			     &e) == ERR_NONE &&
		      book_pair_load(w.money.bandwidth.book, &out,
				     &w.host.host.address, &e) == ERR_NONE,
	      "%s", e.msg);
	CHECK(amount_cmp(in.in.owed, want) == 0, "%s: the host counts %s of %s",
	      name, amount_to_dec(got, in.in.owed, 0),
	      amount_to_dec(wanted, want, 0));
	CHECK(amount_cmp(out.out.owed, want) == 0 &&
		      amount_is_zero(out.out.lost),
	      "%s: the renter counts %s of %s", name,
	      amount_to_dec(got, out.out.owed, 0),
	      amount_to_dec(wanted, want, 0));
	CHECK(in.in.have == out.out.have &&
		      amount_cmp(in.in.newest.amount, out.out.newest.amount) ==
			      0,
	      "%s: another receipt", name);
	check_book(&w.money.storage);
	check_book(&w.money.bandwidth);
	owed_before = want;
}

/* ---- prices ---- */

static void set_prices(uint64_t ingress, uint64_t egress)
{
	struct rent_offer *o = &w.host.offer;

	w.host.old_offer = *o;
	o->sheet.ingress = amount_from_u64(ingress * 1024);
	o->sheet.egress = amount_from_u64(egress);
	o->sheet.collateral = o->sheet.penalty = AMOUNT_ZERO;
	o->sheet.min_periods = 1;
	o->sheet.max_periods = 100;
	o->sheet.expires = (uint64_t)clock_unix_s() + 86400;
	o->digest = eip712_sheet(&rig_domain, &o->sheet);
	o->sig = rig_sign(&w.host.host, &o->digest);
	rent_pay_sheet(w.host_pay, &o->sheet, true);
}

static void where_nothing_has_a_price_nobody_pays(void)
{
	set_prices(0, 0);
	connect_them();
	put(0, 3);
	read_back(0, 3);
	CHECK(w.fated[RENT_DONE] == 6, "%u of 6", w.fated[RENT_DONE]);
	disconnect_them();
	books_agree("free", AMOUNT_ZERO);
}

static void ingress_and_egress_are_paid(uint64_t ingress, uint64_t egress,
					unsigned first)
{
	const uint64_t before = w.charged;
	const unsigned done = w.fated[RENT_DONE];
	struct amount owed, dues;
	char name[64];

	(void)snprintf(name, sizeof(name), "ingress %llu, egress %llu",
		       (unsigned long long)ingress, (unsigned long long)egress);
	set_prices(ingress, egress);
	connect_them();
	put(first, 9);
	read_back(first, 5);
	put(first + 9, 3);
	CHECK(w.fated[RENT_DONE] == done + 17, "%s: %u of 17", name,
	      w.fated[RENT_DONE] - done);
	CHECK(w.charged - before == 5U * RENT_SECTOR, "%s: bytes", name);
	disconnect_them();
	owed = bytes_cost(egress, w.charged - before);
	dues = amount_from_u64(12 * ingress);
	books_agree(name, amount_add_cap(owed, dues));
}

/* ---- an unopened agreement ---- */

static struct rent_revise_ask first_revision(unsigned sector, uint32_t periods)
{
	static struct hash32 root;
	static uint8_t bytes[RENT_SECTOR];
	struct rent_revise_ask ask = {.adds = &root, .n_adds = 1};
	struct agreement *a = &ask.a;

	rig_sector_bytes(bytes, &root, sector);
	a->renter = w.renter.address;
	a->host = w.host.host.address;
	a->number = RENT_UNOPENED + sector;
	a->revision = 1;
	a->sectors = 1;
	a->root = rig_list_root(&root, 1);
	a->rate = w.host.offer.sheet.rent;
	a->start = w.host.period;
	a->end = a->start + 50;
	a->through = a->start + periods;
	a->span = w.host.offer.sheet.span;
	a->terms = w.host.offer.digest;
	if (!amount_mul_u64(&a->earned, a->rate, periods))
		abort();
	ask.due = a->earned;
	ask.sig = rig_sign_agreement(&w.renter, a);
	return ask;
}

static struct amount prepaying;

static bool prepaid(void)
{
	return rent_till_prepay(w.out_till, prepaying, false);
}

static void revise(const struct rent_revise_ask *ask)
{
	struct err e = {0};

	CHECK(rent_call_revise(w.client, ask, on_done, NULL, &e), "%s", e.msg);
}

static void an_unopened_agreement_is_prepaid(void)
{
	struct rent_revise_ask ask;
	const unsigned done = w.fated[RENT_DONE];

	set_prices(0, 0);
	connect_them();
	put(60, 1);
	ask = first_revision(60, 30);
	prepaying = ask.due;
	CHECK(!prepaid(), "before anything was paid");
	(void)run_until(prepaid, "a prepaid period");
	want_ended = w.ended + 1;
	revise(&ask);
	(void)run_until(all_ended, "signed");
	CHECK(w.fated[RENT_DONE] == done + 2 && w.last.fate == RENT_DONE,
	      "signed: fate %d code %d %s", (int)w.last.fate, (int)w.last.code,
	      w.why);
	disconnect_them();
	books_agree("prepaid", ask.due);
}

static bool at_the_signature(void)
{
	return w.host.asked[RENT_ASK_CHANGE] > 0 && w.host.n_queue == 1;
}

static bool is_settled(void)
{
	return !rent_client_unsettled(w.client) && w.ended >= want_ended;
}

/* The connection ends with the revision on its way to the disk. The host counts
 * what nobody is told; the renter hears of it before it opens sb_pay again. */
static void an_unanswered_revision_is_counted_once(void)
{
	struct rent_revise_ask ask;

	set_prices(100, 0);
	connect_them();
	put(70, 1);
	ask = first_revision(70, 5);
	prepaying = ask.due;
	(void)run_until(prepaid, "a prepaid period");
	memset(w.host.asked, 0, sizeof(w.host.asked));
	want_ended = w.ended + 1;
	revise(&ask);
	while (!w.timed_out && !at_the_signature()) {
		/* one answer a turn, and none to the last */
		w.host.hold_answers = true;
		loop_timer_set(w.guard, 20);
		loop_run(w.en->loop);
		w.timed_out = false;
		w.host.now_ms = now_ms();
		if (!at_the_signature())
			(void)rig_step(&w.host);
	}
	disconnect_them();
	w.host.hold_answers = false;
	on_disk(NULL);
	CHECK(rent_client_unsettled(w.client), "the renter does not know");
	connect_them();
	(void)run_until(is_settled, "asked again");
	put(71, 4);
	disconnect_them();
	books_agree("asked again",
		    amount_add_cap(ask.due, amount_from_u64(5 * 100)));
}

/* ---- a budget ---- */

static bool is_stuck(void)
{
	return w.stuck[0] != 0;
}

static void a_budget_ends_it(void)
{
	static const uint8_t key[20] = "a budget";
	struct hash32 root;
	struct cbuf *b = cbuf_get(w.pool);
	struct span s = {b, b->data, RENT_SECTOR};
	const unsigned ended = w.ended;
	struct rent_call *calls[5];
	struct err e = {0};

	CHECK(rent_pay_budget(w.renter_pay, key, amount_from_u64(350), &e) ==
		      ERR_NONE,
	      "%s", e.msg);
	connect_them();
	w.stuck[0] = 0;
	for (unsigned i = 0; i < 5; i++) {
		rig_sector_bytes(b->data, &root, 80 + i);
		calls[i] =
			rent_call_put(w.client, &root, &s, on_done, NULL, &e);
		s.owner = b;
		if (i < 4) {
			cbuf_unref(b);
			b = cbuf_get(w.pool);
			s = (struct span){b, b->data, RENT_SECTOR};
		}
	}
	cbuf_unref(b);
	(void)run_until(is_stuck, "the budget ends");
	want_ended = ended + 3;
	(void)run_until(all_ended, "what was paid is stored");
	CHECK(w.ended == ended + 3, "%u stored", w.ended - ended);
	CHECK(strstr(w.stuck, "budget") && w.kind == RENT_STUCK_BUDGET,
	      "why: %s", w.stuck);
	CHECK(amount_cmp(rent_pay_spent(w.renter_pay), amount_from_u64(300)) <=
		      0,
	      "more was spent");
	rent_call_cancel(calls[3]);
	rent_call_cancel(calls[4]);
	disconnect_them();
	rent_pay_end_budget(w.renter_pay);
	books_agree("budget", amount_from_u64(300));
}

/* ---- setting up ---- */

static void make_key(struct keystore **ks)
{
	const struct keystore_cost cheap = {.passes = 1, .mem_kib = 64};
	struct err e = {0};

	CHECK(keystore_from_phrase(ks, PHRASE, &e) == ERR_NONE &&
		      keystore_save(*ks, scratch_path(&w.dir, "wallet.key"),
				    PASS, cheap, &e) == ERR_NONE,
	      "%s", e.msg);
}

static struct rig_id account(const struct keystore *ks, uint32_t index)
{
	struct rig_id id = rig_account(1);
	struct err e = {0};

	CHECK(keystore_account(ks, &id.key, ADDRESS_EVM, index, &e) == ERR_NONE,
	      "%s", e.msg);
	id.address = ecc_address(rig_ecc, &id.key);
	return id;
}

static void ask_signer(const struct signer_request *q)
{
	struct signer_reply r;
	struct err e = {0};

	CHECK(signer_call(w.money.signer, &r, q, &e) == ERR_NONE, "%s", e.msg);
}

static void open_signer(const struct signer_proc *proc)
{
	char key[SCRATCH_PATH + 64], state[SCRATCH_PATH + 64];
	struct signer_request q = {
		.type = SIGNER_UNLOCK,
		.u.unlock = {.key_path = key,
			     .state_path = state,
			     .passphrase = PASS,
			     .kind = ADDRESS_EVM,
			     .index = {0, 1},
			     .limits = {.payee_per_day = amount_max112(),
					.total_per_day = amount_max112()}}};
	struct err e = {0};

	(void)snprintf(key, sizeof(key), "%s",
		       scratch_path(&w.dir, "wallet.key"));
	(void)snprintf(state, sizeof(state), "%s",
		       scratch_path(&w.dir, "signer.state"));
	w.money.signer = signer_client_new(w.en->loop, proc, &e);
	CHECK(w.money.signer, "%s", e.msg);
	ask_signer(&q);
	q = (struct signer_request){.type = SIGNER_PIN,
				    .u.pin = w.money.domain};
	ask_signer(&q);
}

/* The chain is not asked in this test: what it would say. */
static void tell_facts(void)
{
	struct book_facts f = {.known = true,
			       .reserve = amount_from_u64(UINT64_C(1) << 60),
			       .free = amount_from_u64(UINT64_C(1) << 60),
			       .until = clock_unix_s() + 30 * 86400,
			       .block = 1};
	struct book *in = w.money.storage.book, *out = w.money.bandwidth.book;
	int64_t now = clock_unix_s();
	struct err e = {0};

	CHECK(book_facts_in(in, &w.renter.address, &f, BOOK_TO_UNKNOWN, now,
			    &e) == ERR_NONE &&
		      book_facts_out(out, &w.host.host.address, &f, now, &e) ==
			      ERR_NONE &&
		      book_facts_own(out, &f.free, NULL, NULL, 1, now, &e) ==
			      ERR_NONE &&
		      book_commit(in, &e) == ERR_NONE &&
		      book_commit(out, &e) == ERR_NONE,
	      "%s", e.msg);
}

static void open_money(const struct signer_proc *proc)
{
	struct err e = {0};

	w.money.engine = w.en;
	w.money.domain = (struct signer_domain){
		.chain_id = RIG_CHAIN, .bank = rig_bank, .token = {{0x70}}};
	w.money.decimals = 18;
	w.money.open = w.money.pinned = true;
	open_signer(proc);
	CHECK(purse_open(&w.money.bandwidth, &w.money, SIGNER_BANDWIDTH,
			 &w.renter.address, &e) == ERR_NONE &&
		      purse_open(&w.money.storage, &w.money, SIGNER_STORAGE,
				 &w.host.host.address, &e) == ERR_NONE,
	      "%s", e.msg);
	tell_facts();
	CHECK(rent_pay_new(&w.host_pay, w.en, &w.money.storage, &e) ==
			      ERR_NONE &&
		      rent_pay_new(&w.renter_pay, w.en, &w.money.bandwidth,
				   &e) == ERR_NONE,
	      "%s", e.msg);
	rent_pay_listen(w.renter_pay, &listener);
}

static void open_host(void)
{
	const struct rent_host_ops ops = {
		.ctx = &w.host,
		.send = host_send,
		.room = host_room,
		.close = host_close,
		.block = host_block,
		.ask = host_ask,
		.period = rig_period,
		.facts = rig_facts,
		.proof_fee = rig_proof_fee,
		.collateral = rig_collateral,
		.offer = rig_offer,
		.space = rig_space,
		.covered = host_covered,
		.add_due = host_add_due,
		.charge = host_charge,
		.event = host_event,
	};
	struct rent_host_cfg cfg = {.chain_id = RIG_CHAIN, .bank = rig_bank};
	struct info_hash name;
	struct hash32 digest;
	struct err e = {0};

	cfg.me = w.host.host.address;
	name = rent_name(RIG_CHAIN, &rig_bank, &cfg.me);
	CHECK(rent_door_new(&w.door, w.en->rent, &name, 1, &in_ops, &w, &e) ==
		      ERR_NONE,
	      "%s", e.msg);
	w.en->peer_id.bytes[19] ^= 1; /* or it would meet itself */
	digest = eip712_channel(&rig_domain, &cfg.me, rent_door_key(w.door));
	cfg.key_sig = rig_sign(&w.host.host, &digest);
	rent_host_free(w.host.h);
	CHECK(rent_host_new(&w.host.h, &cfg, &ops, now_ms(), clock_unix_s(),
			    &e) == ERR_NONE &&
		      rent_pay_sell(w.host_pay, rent_door_key(w.door),
				    &cfg.key_sig, &e) == ERR_NONE,
	      "%s", e.msg);
}

static void open_client(void)
{
	const struct rent_client_ops ops = {
		.send = client_send,
		.room = client_room,
		.close = client_close,
		.covered = client_covered,
		.add_due = client_add_due,
		.charged = client_charged,
		.event = client_event,
	};
	struct rent_client_cfg cfg = {.chain_id = RIG_CHAIN,
				      .bank = rig_bank,
				      .host = w.host.host.address,
				      .me = w.renter.address};
	struct err e = {0};

	CHECK(rent_client_new(&w.client, &cfg, &ops, now_ms(), clock_unix_s(),
			      &e) == ERR_NONE,
	      "%s", e.msg);
}

static bool set_up(void)
{
	struct signer_proc proc;
	struct keystore *ks = NULL;
	struct err e = {0};

	scratch_make(&w.dir);
	make_key(&ks);
	rig_init(&w.host);
	w.host.host = account(ks, 1);
	w.renter = account(ks, 0);
	w.host.offer.sheet.host = w.host.host.address;
	keystore_free(ks);
	if (signer_fork(&proc, &e) != ERR_NONE || /* before any thread */
	    home_open(&w.home, w.dir.dir, &e) != ERR_NONE ||
	    settings_load(&w.settings, &w.home, &e) != ERR_NONE ||
	    options_set(w.settings, "listen", "127.0.0.1:0", &e) != ERR_NONE ||
	    engine_new(&w.en, &w.home, w.settings, NULL, true, MONEY_NONE,
		       &e) != ERR_NONE ||
	    engine_listen(w.en, false, &e) != ERR_NONE) {
		CHECK(false, "%s", e.msg);
		return false;
	}
	w.guard = loop_timer_new(w.en->loop, on_guard, NULL);
	w.disk = loop_timer_new(w.en->loop, on_disk, NULL);
	w.pool = cbuf_pool_new(RENT_SECTOR, 64, 8);
	open_money(&proc);
	open_host();
	open_client();
	return check_failures == 0;
}

static void clean_up(void)
{
	rent_door_free(w.door);
	rent_client_free(w.client);
	rig_free(&w.host);
	rent_pay_free_all(w.en);
	purse_close(&w.money.storage);
	purse_close(&w.money.bandwidth);
	signer_client_free(w.money.signer);
	cbuf_pool_free(w.pool);
	loop_timer_free(w.disk);
	loop_timer_free(w.guard);
	engine_free(w.en);
	options_free(w.settings);
	scratch_remove(&w.dir);
}

int main(void)
{
	if (set_up()) {
		where_nothing_has_a_price_nobody_pays();
		ingress_and_egress_are_paid(100, 0, 10);
		ingress_and_egress_are_paid(0, GIB, 22);
		ingress_and_egress_are_paid(333, 7 * GIB, 34);
		an_unopened_agreement_is_prepaid();
		an_unanswered_revision_is_counted_once();
		a_budget_ends_it();
		clean_up();
	}
	return CHECK_EXIT();
}
