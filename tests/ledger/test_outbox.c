#include "ledger/settle/outbox.h"
#include "tests/check.h"
#include "tests/ledger/fake_chain.h"

/* A store that remembers, and that fails when told to. */
struct kept {
	struct outbox_record r;
	uint8_t raw[CHAIN_MAX_FORMS][16];
	bool ended, failed_tx;
};

struct world {
	struct fake_chain chain;
	struct kept kept[32];
	size_t n;
	bool store_fails;
	struct outbox *ob;
	struct outbox_store store;
	struct outbox_config cfg;
	unsigned wakes;
	int steps[64]; /* enum outbox_step, as told */
	size_t n_steps;
	bool book_later; /* on_final does not answer at once */
	int64_t now;
};

static enum err_code keep(struct world *w, struct err *e)
{
	return w->store_fails ? err_fail(e, ERR_DB, "the disk is full")
			      : ERR_NONE;
}

static void keep_form(struct kept *k, const struct chain_form *f)
{
	size_t at = k->r.n_forms++;

	k->r.forms[at] = *f;
	memcpy(k->raw[at], f->raw, 16);
	k->r.forms[at].raw = k->raw[at];
}

static enum err_code store_add(void *ctx, struct outbox_record *r,
			       struct err *e)
{
	struct world *w = ctx;
	struct kept *k = &w->kept[w->n];

	if (keep(w, e) != ERR_NONE)
		return ERR_DB;
	r->id = (int64_t)++w->n;
	k->r = *r;
	k->r.call.data = NULL;
	k->r.call.len = 0;
	k->r.n_forms = 0;
	keep_form(k, &r->forms[0]);
	return ERR_NONE;
}

static enum err_code store_form(void *ctx, int64_t id,
				const struct chain_form *f, struct err *e)
{
	struct world *w = ctx;

	if (keep(w, e) != ERR_NONE)
		return ERR_DB;
	keep_form(&w->kept[id - 1], f);
	return ERR_NONE;
}

static enum err_code store_end(void *ctx, const struct outbox_record *r,
			       const struct chain_outcome *o, struct err *e)
{
	struct world *w = ctx;

	if (keep(w, e) != ERR_NONE)
		return ERR_DB;
	CHECK(!w->kept[r->id - 1].ended, "ended twice");
	w->kept[r->id - 1].ended = true;
	w->kept[r->id - 1].failed_tx = o && !o->ok;
	return ERR_NONE;
}

static enum err_code store_load(void *ctx, outbox_load_fn *fn, void *fn_ctx,
				struct err *e)
{
	struct world *w = ctx;

	if (keep(w, e) != ERR_NONE)
		return ERR_DB;
	for (size_t i = 0; i < w->n; i++)
		if (!w->kept[i].ended)
			fn(fn_ctx, &w->kept[i].r);
	return ERR_NONE;
}

static void on_wake(void *ctx)
{
	((struct world *)ctx)->wakes++;
}

static void on_final(void *ctx, struct outbox *ob, int64_t id,
		     const struct outbox_record *r,
		     const struct chain_outcome *o)
{
	struct world *w = ctx;

	(void)r;
	(void)o;
	if (!w->book_later)
		outbox_ended(ob, id, ERR_NONE);
}

static void on_step(void *ctx, const struct outbox_event *ev)
{
	struct world *w = ctx;

	if (w->n_steps < ROWS(w->steps))
		w->steps[w->n_steps++] = (int)ev->step;
}

static void start(struct world *w)
{
	CHECK(outbox_new(&w->ob, &w->chain.ch, &w->store, &w->cfg, NULL,
			 NULL) == ERR_NONE,
	      "start");
}

static void world_init(struct world *w)
{
	*w = (struct world){.now = 1000};
	fake_chain_init(&w->chain);
	w->store = (struct outbox_store){.add = store_add,
					 .add_form = store_form,
					 .end = store_end,
					 .load = store_load,
					 .ctx = w};
	w->cfg = (struct outbox_config){.poll_ms = 1000,
					.resend_ms = 5000,
					.stuck_ms = 60000,
					.gone_ms = 30000,
					.wake = on_wake,
					.on_final = on_final,
					.ctx = w};
	start(w);
}

static void world_clear(struct world *w)
{
	outbox_free(w->ob);
	CHECK(w->chain.n == 0, "%zu calls left behind", w->chain.n);
	fake_chain_clear(&w->chain);
}

/* What a kill -9 leaves: the store and the chain. */
static void restart(struct world *w)
{
	outbox_free(w->ob);
	w->n_steps = 0;
	start(w);
}

static void tick(struct world *w, int64_t later_ms)
{
	w->now += later_ms;
	(void)outbox_tick(w->ob, w->now);
}

static void submit_order(struct world *w, enum outbox_kind kind, uint64_t cap,
			 uint8_t with, uint64_t run)
{
	static const uint8_t data[4] = {1, 2, 3, 4};
	const struct outbox_order o = {
		.kind = kind,
		.call = {.data = data, .len = sizeof(data)},
		.party = {{with}},
		.fee_cap = amount_from_u64(cap),
		.run = run};

	CHECK(outbox_submit(w->ob, &o, on_step, w, NULL) == ERR_NONE, "submit");
}

static void submit_with(struct world *w, enum outbox_kind kind, uint64_t cap,
			uint8_t with)
{
	submit_order(w, kind, cap, with, 0);
}

static void submit(struct world *w, enum outbox_kind kind, uint64_t cap)
{
	submit_with(w, kind, cap, 7);
}

static bool last_step(const struct world *w, enum outbox_step step)
{
	return w->n_steps && w->steps[w->n_steps - 1] == (int)step;
}

/* Up to stored and handed to a node. */
static void bring_to_sent(struct world *w)
{
	submit(w, OUTBOX_DEPOSIT, 0);
	tick(w, 0);
	CHECK(fake_trial(&w->chain, true, 21000, 10), "tried");
	CHECK(fake_form(&w->chain, 20), "formed");
	CHECK(last_step(w, OUTBOX_STORED), "stored");
	CHECK(w->chain.sends == 0, "sent before the turn after the commit");
	tick(w, 0);
	CHECK(fake_sent(&w->chain, CHAIN_SENT), "sent");
	CHECK(last_step(w, OUTBOX_SENT), "told");
}

static void a_deposit_goes_from_queue_to_final(void)
{
	struct world w;

	world_init(&w);
	bring_to_sent(&w);
	CHECK(fake_fate(&w.chain, CHAIN_FATE_PENDING, true), "asked");
	tick(&w, 1000);
	CHECK(fake_fate(&w.chain, CHAIN_FATE_MINED, true), "asked again");
	CHECK(last_step(&w, OUTBOX_MINED), "mined");
	CHECK(!w.kept[0].ended, "mined is not final");
	tick(&w, 1000);
	CHECK(fake_fate(&w.chain, CHAIN_FATE_FINAL, true), "asked again");
	CHECK(last_step(&w, OUTBOX_FINAL), "final");
	CHECK(w.kept[0].ended && !outbox_open(w.ob, 0), "ended");
	world_clear(&w);
}

static void nothing_is_sent_that_is_not_stored(void)
{
	struct world w;

	world_init(&w);
	submit(&w, OUTBOX_DEPOSIT, 0);
	tick(&w, 0);
	(void)fake_trial(&w.chain, true, 21000, 10);
	w.store_fails = true;
	(void)fake_form(&w.chain, 20);
	CHECK(last_step(&w, OUTBOX_REFUSED), "refused");
	tick(&w, 100000);
	CHECK(w.chain.sends == 0, "sent though the store failed");
	w.store_fails = false;
	world_clear(&w);
}

static void what_cannot_work_is_refused_before_it_is_signed(void)
{
	static const struct {
		const char *name;
		bool ok, node_gone;
		uint64_t fee, cap;
	} rows[] = {
		{"the trial reverts", false, false, 1, 0},
		{"the node is gone", true, true, 1, 0},
		{"the fee is over the cap", true, false, 11, 10},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct world w;

		world_init(&w);
		submit(&w, OUTBOX_CASH, rows[i].cap);
		tick(&w, 0);
		if (rows[i].node_gone)
			(void)fake_trial_error(&w.chain);
		else
			(void)fake_trial(&w.chain, rows[i].ok, 1, rows[i].fee);
		CHECK(last_step(&w, OUTBOX_REFUSED), "%s", rows[i].name);
		CHECK(fake_count(&w.chain, FAKE_FORM) == 0, "%s: signed",
		      rows[i].name);
		CHECK(w.n == 0, "%s: stored", rows[i].name);
		world_clear(&w);
	}
}

static void the_signer_may_refuse(void)
{
	struct world w;

	world_init(&w);
	submit(&w, OUTBOX_WITHDRAW, 0);
	tick(&w, 0);
	(void)fake_trial(&w.chain, true, 1, 1);
	CHECK(fake_form_error(&w.chain, ERR_FUNDS), "formed");
	CHECK(last_step(&w, OUTBOX_REFUSED) && w.n == 0, "refused");
	world_clear(&w);
}

static void a_restart_sends_the_same_bytes_and_no_others(void)
{
	static const struct {
		const char *name;
		int sent; /* enum chain_send_result, -1: killed before */
		enum chain_fate fate;
	} rows[] = {
		{"killed between store and send", -1, CHAIN_FATE_PENDING},
		{"killed after a node took it", CHAIN_SENT, CHAIN_FATE_PENDING},
		{"killed after it was mined", CHAIN_SENT, CHAIN_FATE_MINED},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct fake_pending p;
		struct world w;

		world_init(&w);
		submit(&w, OUTBOX_DEPOSIT, 0);
		tick(&w, 0);
		(void)fake_trial(&w.chain, true, 1, 1);
		(void)fake_form(&w.chain, 20);
		if (rows[i].sent >= 0) {
			tick(&w, 0);
			(void)fake_sent(&w.chain,
					(enum chain_send_result)rows[i].sent);
			(void)fake_fate(&w.chain, rows[i].fate, true);
		}
		restart(&w);
		tick(&w, 0);
		CHECK(fake_count(&w.chain, FAKE_TRY) == 0, "%s: tried again",
		      rows[i].name);
		CHECK(fake_take(&w.chain, FAKE_SEND, &p), "%s: not sent",
		      rows[i].name);
		CHECK(memcmp(p.raw, w.kept[0].raw[0], 16) == 0,
		      "%s: other bytes", rows[i].name);
		p.fn.send(p.ctx, CHAIN_SENT, "");
		CHECK(fake_fate(&w.chain, CHAIN_FATE_FINAL, true), "%s: asked",
		      rows[i].name);
		CHECK(w.kept[0].ended && w.n == 1, "%s: ended", rows[i].name);
		world_clear(&w);
	}
}

static void killed_before_the_store_nothing_happened(void)
{
	struct world w;

	world_init(&w);
	submit(&w, OUTBOX_DEPOSIT, 0);
	tick(&w, 0);
	(void)fake_trial(&w.chain, true, 1, 1);
	restart(&w);
	tick(&w, 0);
	CHECK(w.chain.n == 0 && w.chain.sends == 0, "something goes on");
	world_clear(&w);
}

static void pending_bytes_are_sent_again_then_raised(void)
{
	struct fake_pending p;
	struct world w;

	world_init(&w);
	bring_to_sent(&w);
	(void)fake_fate(&w.chain, CHAIN_FATE_PENDING, true);
	tick(&w, 4999);
	CHECK(fake_count(&w.chain, FAKE_SEND) == 0, "too early");
	CHECK(fake_count(&w.chain, FAKE_FORM) == 0, "raised too early");
	(void)fake_fate(&w.chain, CHAIN_FATE_PENDING, true);
	tick(&w, 1);
	CHECK(fake_take(&w.chain, FAKE_SEND, &p), "not sent again");
	p.fn.send(p.ctx, CHAIN_SENT, "");
	tick(&w, 55000);
	CHECK(fake_count(&w.chain, FAKE_FORM) == 1, "not raised");
	CHECK(fake_form(&w.chain, 40), "raised");
	CHECK(last_step(&w, OUTBOX_RAISED), "told");
	CHECK(w.kept[0].r.n_forms == 2, "stored before it is sent");
	CHECK(w.kept[0].r.forms[1].slot == w.kept[0].r.forms[0].slot,
	      "another slot");
	(void)fake_sent(&w.chain, CHAIN_SENT); /* of the older form */
	tick(&w, 0);
	CHECK(fake_take(&w.chain, FAKE_SEND, &p), "new form not sent");
	CHECK(p.raw[15] == 40, "the older form was sent");
	p.fn.send(p.ctx, CHAIN_SENT, "");
	(void)fake_fate(&w.chain, CHAIN_FATE_UNKNOWN, true);
	tick(&w, 1000);
	CHECK(fake_take(&w.chain, FAKE_FATE, &p) && p.n_txids == 2,
	      "not asked for both forms");
	world_clear(&w);
}

static void a_fee_too_low_is_raised_at_once(void)
{
	struct world w;

	world_init(&w);
	submit(&w, OUTBOX_CASH, 0);
	tick(&w, 0);
	(void)fake_trial(&w.chain, true, 1, 1);
	(void)fake_form(&w.chain, 20);
	tick(&w, 0);
	(void)fake_sent(&w.chain, CHAIN_SEND_FEE);
	CHECK(last_step(&w, OUTBOX_TROUBLE), "told");
	tick(&w, 0);
	CHECK(fake_form(&w.chain, 30), "raised");
	world_clear(&w);
}

static void an_undone_block_sends_it_again(void)
{
	struct world w;

	world_init(&w);
	bring_to_sent(&w);
	(void)fake_fate(&w.chain, CHAIN_FATE_MINED, true);
	tick(&w, 1000);
	(void)fake_fate(&w.chain, CHAIN_FATE_PENDING, true);
	CHECK(last_step(&w, OUTBOX_UNDONE), "told");
	tick(&w, 0);
	CHECK(fake_sent(&w.chain, CHAIN_SENT), "sent again");
	world_clear(&w);
}

static void what_every_node_refuses_is_gone(void)
{
	struct world w;

	world_init(&w);
	submit(&w, OUTBOX_CASH, 0);
	tick(&w, 0);
	(void)fake_trial(&w.chain, true, 1, 1);
	(void)fake_form(&w.chain, 20);
	tick(&w, 0);
	CHECK(fake_sent(&w.chain, CHAIN_SEND_NO), "sent");
	CHECK(last_step(&w, OUTBOX_GONE) && w.kept[0].ended, "gone");
	world_clear(&w);
}

static void refused_bytes_that_a_node_may_have_stay_open(void)
{
	struct world w;

	world_init(&w);
	bring_to_sent(&w);
	(void)fake_fate(&w.chain, CHAIN_FATE_PENDING, true);
	tick(&w, 5000);
	CHECK(fake_sent(&w.chain, CHAIN_SEND_NO), "sent again");
	CHECK(last_step(&w, OUTBOX_TROUBLE) && !w.kept[0].ended, "open");
	restart(&w);
	tick(&w, 0);
	CHECK(fake_sent(&w.chain, CHAIN_SEND_NO), "sent after the restart");
	CHECK(!w.kept[0].ended, "ended though a node may have it");
	world_clear(&w);
}

static void a_taken_slot_ends_it_when_it_is_said_long_enough(void)
{
	struct world w;

	world_init(&w);
	bring_to_sent(&w);
	CHECK(fake_fate(&w.chain, CHAIN_FATE_GONE, true), "asked");
	tick(&w, 29000);
	CHECK(fake_count(&w.chain, FAKE_SEND) == 0, "sent though it is gone");
	CHECK(fake_fate(&w.chain, CHAIN_FATE_GONE, true), "asked again");
	tick(&w, 1000);
	CHECK(fake_fate(&w.chain, CHAIN_FATE_UNKNOWN, true), "no answer");
	CHECK(!w.kept[0].ended, "too early");
	tick(&w, 1000);
	CHECK(fake_fate(&w.chain, CHAIN_FATE_GONE, true), "the third time");
	CHECK(last_step(&w, OUTBOX_GONE) && w.kept[0].ended, "gone");
	world_clear(&w);
}

/* A node behind the others has the count already and the receipt not yet. */
static void gone_for_a_moment_is_not_gone(void)
{
	struct world w;

	world_init(&w);
	bring_to_sent(&w);
	for (int i = 0; i < 5; i++) {
		CHECK(fake_fate(&w.chain, CHAIN_FATE_GONE, true), "asked");
		tick(&w, 1000);
	}
	CHECK(fake_fate(&w.chain, CHAIN_FATE_FINAL, true), "there it is");
	CHECK(last_step(&w, OUTBOX_FINAL) && w.kept[0].ended, "final");
	world_clear(&w);
}

/* As often as is believed. */
static void say_gone(struct world *w)
{
	for (int i = 0; i < 3; i++) {
		CHECK(fake_fate(&w->chain, CHAIN_FATE_GONE, true), "asked");
		tick(w, 16000);
	}
}

static void what_expired_is_formed_anew(void)
{
	struct world w;

	world_init(&w);
	w.chain.ch.expires = true;
	w.chain.next_slot = 50;
	bring_to_sent(&w);
	(void)fake_fate(&w.chain, CHAIN_FATE_PENDING, true);
	tick(&w, 5000);
	CHECK(fake_count(&w.chain, FAKE_SEND) == 1, "the same bytes");
	say_gone(&w);
	CHECK(last_step(&w, OUTBOX_TROUBLE) && w.kept[0].ended && w.n == 1,
	      "ended before anything else is signed");
	CHECK(fake_count(&w.chain, FAKE_SEND) == 0, "old bytes on their way");
	w.chain.next_slot = 60;
	CHECK(fake_trial(&w.chain, true, 21000, 10), "tried again");
	CHECK(fake_form(&w.chain, 20), "formed again");
	CHECK(w.n == 2 && w.kept[1].r.slot == 60, "stored as another");
	tick(&w, 0);
	CHECK(fake_sent(&w.chain, CHAIN_SENT), "sent");
	CHECK(fake_fate(&w.chain, CHAIN_FATE_FINAL, true), "asked");
	CHECK(last_step(&w, OUTBOX_FINAL) && w.kept[1].ended, "final");
	world_clear(&w);
}

static void what_expires_again_and_again_is_gone(void)
{
	struct world w;

	world_init(&w);
	w.chain.ch.expires = true;
	bring_to_sent(&w);
	for (int i = 0; i < 3; i++) {
		say_gone(&w);
		(void)fake_trial(&w.chain, true, 21000, 10);
		CHECK(fake_form(&w.chain, 20), "formed again");
		tick(&w, 0);
		CHECK(fake_sent(&w.chain, CHAIN_SENT), "sent");
	}
	say_gone(&w);
	CHECK(last_step(&w, OUTBOX_GONE) && w.n == 4 && w.kept[3].ended,
	      "gone");
	world_clear(&w);
}

static void where_slots_expire_no_fee_is_raised(void)
{
	struct world w;

	world_init(&w);
	w.chain.ch.expires = true;
	bring_to_sent(&w);
	(void)fake_fate(&w.chain, CHAIN_FATE_PENDING, true);
	tick(&w, 61000);
	CHECK(fake_count(&w.chain, FAKE_FORM) == 0, "a form");
	CHECK(fake_sent(&w.chain, CHAIN_SEND_FEE), "sent again");
	(void)fake_fate(&w.chain, CHAIN_FATE_PENDING, true);
	CHECK(outbox_tick(w.ob, w.now) > w.now, "nothing is due at once");
	CHECK(fake_count(&w.chain, FAKE_FORM) == 0, "a form");
	world_clear(&w);
}

/* A node that lies could keep the bytes and send them on. */
static void refused_bytes_stay_open_until_they_expire(void)
{
	struct world w;

	world_init(&w);
	w.chain.ch.expires = true;
	submit(&w, OUTBOX_CASH, 0);
	tick(&w, 0);
	(void)fake_trial(&w.chain, true, 1, 1);
	(void)fake_form(&w.chain, 20);
	tick(&w, 0);
	CHECK(fake_sent(&w.chain, CHAIN_SEND_NO), "sent");
	CHECK(last_step(&w, OUTBOX_TROUBLE) && !w.kept[0].ended, "open");
	(void)fake_fate(&w.chain, CHAIN_FATE_PENDING, true);
	tick(&w, 5000);
	CHECK(fake_sent(&w.chain, CHAIN_SEND_NO), "sent again");
	say_gone(&w);
	CHECK(last_step(&w, OUTBOX_GONE) && w.kept[0].ended && w.n == 1,
	      "not tried anew: it would be refused again");
	world_clear(&w);
}

static void a_reverted_one_is_final_and_not_ok(void)
{
	struct world w;

	world_init(&w);
	bring_to_sent(&w);
	CHECK(fake_fate(&w.chain, CHAIN_FATE_FINAL, false), "asked");
	CHECK(last_step(&w, OUTBOX_FINAL) && w.kept[0].failed_tx, "failed");
	world_clear(&w);
}

static void one_at_a_time_is_on_its_way_to_a_block(void)
{
	struct world w;

	world_init(&w);
	bring_to_sent(&w);
	submit(&w, OUTBOX_CASH, 0);
	tick(&w, 0);
	CHECK(fake_count(&w.chain, FAKE_TRY) == 0, "the first is not mined");
	(void)fake_fate(&w.chain, CHAIN_FATE_MINED, true);
	tick(&w, 0);
	CHECK(fake_trial(&w.chain, true, 1, 1), "the first is mined");
	CHECK(w.chain.pending[w.chain.n - 1].op == FAKE_FORM &&
		      w.chain.pending[w.chain.n - 1].slot == 1,
	      "slot floor is one past the first");
	world_clear(&w);
}

/* Takes the trial and the form of the newest, and hands it to a node. */
static void send_newest(struct world *w)
{
	tick(w, 0);
	CHECK(fake_trial(&w->chain, true, 1, 1), "tried");
	CHECK(fake_form(&w->chain, 20), "formed");
	tick(w, 0);
	CHECK(fake_sent(&w->chain, CHAIN_SENT), "sent");
}

static void agreements_go_side_by_side(void)
{
	static const struct {
		const char *name;
		enum outbox_kind first, second;
		uint8_t with;
		bool at_once;
	} rows[] = {
		{"with another host", OUTBOX_OPEN, OUTBOX_OPEN, 8, true},
		{"with the same host", OUTBOX_OPEN, OUTBOX_OPEN, 7, false},
		{"another kind", OUTBOX_OPEN, OUTBOX_REVISE, 8, false},
		{"revisions", OUTBOX_REVISE, OUTBOX_REVISE, 8, true},
		{"ends", OUTBOX_CLOSE, OUTBOX_CLOSE, 8, true},
		{"top ups move our balance", OUTBOX_TOP_UP, OUTBOX_TOP_UP, 8,
		 false},
		{"deposits do, too", OUTBOX_DEPOSIT, OUTBOX_DEPOSIT, 8, false},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct world w;

		world_init(&w);
		submit_with(&w, rows[i].first, 0, 7);
		submit_with(&w, rows[i].second, 0, rows[i].with);
		tick(&w, 0);
		CHECK(fake_count(&w.chain, FAKE_TRY) == 1,
		      "%s: not before the first is sent", rows[i].name);
		send_newest(&w);
		tick(&w, 0);
		CHECK(fake_count(&w.chain, FAKE_TRY) == rows[i].at_once,
		      "%s: then", rows[i].name);
		world_clear(&w);
	}
}

/* No payer is in two batches of one run; of two runs nobody knows. */
static void batches_of_one_run_go_side_by_side(void)
{
	static const struct {
		const char *name;
		uint64_t first, second;
		bool restarts, at_once;
	} rows[] = {
		{"of one run", 1, 1, false, true},
		{"of another run", 1, 2, false, false},
		{"of none", 0, 0, false, false},
		{"after a restart, though the number is the same", 1, 1, true,
		 false},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct world w;

		world_init(&w);
		submit_order(&w, OUTBOX_CASH, 0, 7, rows[i].first);
		send_newest(&w);
		if (rows[i].restarts) {
			restart(&w);
			tick(&w, 0);
			CHECK(fake_sent(&w.chain, CHAIN_SENT), "sent again");
		}
		submit_order(&w, OUTBOX_CASH, 0, 7, rows[i].second);
		tick(&w, 0);
		CHECK(fake_count(&w.chain, FAKE_TRY) == rows[i].at_once, "%s",
		      rows[i].name);
		world_clear(&w);
	}
}

static void what_is_under_way_is_counted_by_run(void)
{
	struct world w;

	world_init(&w);
	submit_order(&w, OUTBOX_CASH, 0, 7, 1);
	submit_order(&w, OUTBOX_CASH, 0, 7, 1);
	submit_order(&w, OUTBOX_CASH, 0, 7, 2);
	CHECK(outbox_under_way(w.ob, 1) == 2 && outbox_under_way(w.ob, 2) == 1,
	      "queued");
	send_newest(&w);
	CHECK(outbox_under_way(w.ob, 1) == 2, "sent");
	(void)fake_fate(&w.chain, CHAIN_FATE_MINED, true);
	CHECK(outbox_under_way(w.ob, 1) == 1, "in a block");
	tick(&w, 1000);
	(void)fake_fate(&w.chain, CHAIN_FATE_PENDING, true);
	CHECK(last_step(&w, OUTBOX_UNDONE) && outbox_under_way(w.ob, 1) == 2,
	      "its block undone");
	world_clear(&w);
}

/* Asks the newest three for their fates, which are told in the order in which
 * they were sent. */
static void fates(struct world *w, int64_t later_ms, enum chain_fate first,
		  enum chain_fate second, enum chain_fate third)
{
	tick(w, later_ms);
	CHECK(fake_fate(&w->chain, first, true) &&
		      fake_fate(&w->chain, second, true) &&
		      fake_fate(&w->chain, third, true),
	      "three are asked for");
}

static void three_abreast(struct world *w)
{
	world_init(w);
	for (uint8_t i = 0; i < 3; i++) {
		submit_order(w, OUTBOX_CASH, 0, i, 1);
		send_newest(w);
		if (i < 2) /* asked for together from now on */
			(void)fake_fate(&w->chain, CHAIN_FATE_PENDING, true);
	}
	CHECK(w->n == 3 && w->kept[0].r.slot + 1 == w->kept[1].r.slot &&
		      w->kept[1].r.slot + 1 == w->kept[2].r.slot,
	      "slots that follow one another");
	while (fake_fate(&w->chain, CHAIN_FATE_PENDING, true))
		;
}

/* A pool forgets the one in the middle: the slots after it wait for it. */
static void one_that_vanishes_in_the_middle_is_sent_again(void)
{
	struct fake_pending p;
	struct world w;
	bool again = false;

	three_abreast(&w);
	fates(&w, 1000, CHAIN_FATE_FINAL, CHAIN_FATE_PENDING,
	      CHAIN_FATE_PENDING);
	CHECK(w.kept[0].ended && !w.kept[1].ended && !w.kept[2].ended, "first");
	tick(&w, 5000);
	while (fake_take(&w.chain, FAKE_SEND, &p)) {
		again = again ||
			memcmp(p.raw, w.kept[1].raw[0], sizeof(p.raw)) == 0;
		p.fn.send(p.ctx, CHAIN_SENT, "");
	}
	CHECK(again && w.n == 3, "the same bytes into the gap");
	(void)fake_fate(&w.chain, CHAIN_FATE_FINAL, true);
	(void)fake_fate(&w.chain, CHAIN_FATE_FINAL, true);
	CHECK(w.kept[1].ended && w.kept[2].ended, "all");
	world_clear(&w);
}

/* Another program with the same key took its slot. */
static void one_that_is_replaced_in_the_middle_leaves_the_others(void)
{
	struct world w;

	three_abreast(&w);
	for (unsigned i = 0; i < 40 && w.kept[1].ended == false; i++)
		fates(&w, 1000, CHAIN_FATE_MINED, CHAIN_FATE_GONE,
		      CHAIN_FATE_PENDING);
	CHECK(w.kept[1].ended && w.n_steps && last_step(&w, OUTBOX_GONE),
	      "its slot was taken");
	CHECK(!w.kept[0].ended && !w.kept[2].ended && w.n == 3, "the others");
	tick(&w, 1000);
	(void)fake_fate(&w.chain, CHAIN_FATE_FINAL, true);
	(void)fake_fate(&w.chain, CHAIN_FATE_FINAL, true);
	CHECK(w.kept[0].ended && w.kept[2].ended, "go on to their end");
	while (fake_sent(&w.chain, CHAIN_SENT) || fake_form(&w.chain, 90))
		;
	world_clear(&w);
}

/* What no node takes is over before anything is formed behind it. */
static void one_that_is_refused_leaves_no_gap(void)
{
	struct world w;

	world_init(&w);
	submit_order(&w, OUTBOX_CASH, 0, 7, 1);
	submit_order(&w, OUTBOX_CASH, 0, 8, 1);
	tick(&w, 0);
	(void)fake_trial(&w.chain, true, 1, 1);
	(void)fake_form(&w.chain, 20);
	tick(&w, 0);
	CHECK(fake_count(&w.chain, FAKE_TRY) == 0, "before the first is taken");
	(void)fake_sent(&w.chain, CHAIN_SEND_NO);
	CHECK(w.kept[0].ended, "gone");
	tick(&w, 0);
	CHECK(fake_trial(&w.chain, true, 1, 1), "the second");
	CHECK(w.chain.pending[w.chain.n - 1].op == FAKE_FORM &&
		      w.chain.pending[w.chain.n - 1].slot == 0,
	      "in the slot that is free again");
	world_clear(&w);
}

static void so_many_go_side_by_side(void)
{
	struct world w;

	world_init(&w);
	for (unsigned i = 0; i <= OUTBOX_ABREAST; i++)
		submit_with(&w, OUTBOX_OPEN, 0, (uint8_t)(10 + i));
	for (unsigned i = 0; i < OUTBOX_ABREAST; i++)
		send_newest(&w);
	tick(&w, 0);
	CHECK(fake_count(&w.chain, FAKE_TRY) == 0, "one too many");
	world_clear(&w);
}

static void booking_that_fails_is_done_again(void)
{
	struct world w;

	world_init(&w);
	bring_to_sent(&w);
	w.book_later = true;
	(void)fake_fate(&w.chain, CHAIN_FATE_FINAL, true);
	CHECK(!w.kept[0].ended, "ended before it was booked");
	outbox_ended(w.ob, 1, ERR_DB);
	tick(&w, 1000);
	CHECK(fake_fate(&w.chain, CHAIN_FATE_FINAL, true), "asked again");
	w.store_fails = true;
	outbox_ended(w.ob, 1, ERR_NONE);
	CHECK(last_step(&w, OUTBOX_TROUBLE) && !w.kept[0].ended, "disk full");
	w.store_fails = false;
	tick(&w, 1000);
	(void)fake_fate(&w.chain, CHAIN_FATE_FINAL, true);
	outbox_ended(w.ob, 1, ERR_NONE);
	CHECK(last_step(&w, OUTBOX_FINAL) && w.kept[0].ended, "ended");
	world_clear(&w);
}

/* Or it would wait for ever for a tick that nobody owes it. */
static void every_answer_asks_for_a_tick(void)
{
	struct world w;

	world_init(&w);
	bring_to_sent(&w);
	w.wakes = 0;
	CHECK(fake_fate(&w.chain, CHAIN_FATE_PENDING, true) && w.wakes == 1,
	      "a fate");
	tick(&w, 60000);
	CHECK(fake_sent(&w.chain, CHAIN_SENT) && w.wakes == 2, "a sending");
	CHECK(fake_form(&w.chain, 99) && w.wakes == 3, "a raised form");
	world_clear(&w);
}

static void the_queue_has_a_largest_size(void)
{
	const struct outbox_order o = {.kind = OUTBOX_CASH};
	struct world w;

	world_init(&w);
	for (int i = 0; i < OUTBOX_MAX; i++)
		submit(&w, OUTBOX_CASH, 0);
	CHECK(outbox_submit(w.ob, &o, NULL, NULL, NULL) == ERR_LIMIT,
	      "one more");
	world_clear(&w);
}

int main(void)
{
	a_deposit_goes_from_queue_to_final();
	nothing_is_sent_that_is_not_stored();
	what_cannot_work_is_refused_before_it_is_signed();
	the_signer_may_refuse();
	a_restart_sends_the_same_bytes_and_no_others();
	killed_before_the_store_nothing_happened();
	pending_bytes_are_sent_again_then_raised();
	a_fee_too_low_is_raised_at_once();
	an_undone_block_sends_it_again();
	what_every_node_refuses_is_gone();
	refused_bytes_that_a_node_may_have_stay_open();
	a_taken_slot_ends_it_when_it_is_said_long_enough();
	gone_for_a_moment_is_not_gone();
	what_expired_is_formed_anew();
	what_expires_again_and_again_is_gone();
	where_slots_expire_no_fee_is_raised();
	refused_bytes_stay_open_until_they_expire();
	a_reverted_one_is_final_and_not_ok();
	one_at_a_time_is_on_its_way_to_a_block();
	agreements_go_side_by_side();
	batches_of_one_run_go_side_by_side();
	what_is_under_way_is_counted_by_run();
	one_that_vanishes_in_the_middle_is_sent_again();
	one_that_is_replaced_in_the_middle_leaves_the_others();
	one_that_is_refused_leaves_no_gap();
	so_many_go_side_by_side();
	booking_that_fails_is_done_again();
	every_answer_asks_for_a_tick();
	the_queue_has_a_largest_size();
	return CHECK_EXIT();
}
