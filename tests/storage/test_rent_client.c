#include "tests/storage/rent_line.h"

/* A client and a host with two queues between them, that can be cut. */

struct world {
	struct rig rig;
	struct rig_session *s; /* NULL: not connected */
	struct rent_client *c;
	struct rig_id me;
	struct queue up, down; /* to the host, to the client */
	unsigned delivered, cut_at, cuts;
	bool never_again; /* does not connect again */
	bool frozen;	  /* the host's store does not answer */
	unsigned asked_covered;
	/* the client's side of the money */
	uint64_t credit, dues, charged, found;
	unsigned events[8];
	size_t room;
	bool closed;
	char why[200];
	/* what comes from the host is changed on its way; false: swallowed */
	bool (*harm)(struct world *w, struct rent_msg *m);
	enum rent_kind harm_kind;
	unsigned harmed;
	int harm_what;
	uint64_t host_dues; /* of sessions that ended */
};

static struct world w;
static uint8_t sectors[8][SECTOR_LEN];
static struct hash32 roots[8];

/* ---- what the client is lent ---- */

static void on_send(void *ctx, const uint8_t *msg, size_t len)
{
	(void)ctx;
	if (w.s)
		queue_push(&w.up, msg, len);
}

static size_t on_room(void *ctx)
{
	(void)ctx;
	return w.up.n < 40 ? w.room : 0;
}

static void on_close(void *ctx, const struct err *e)
{
	(void)ctx;
	CHECK(!w.closed, "closed twice");
	w.closed = true;
	(void)snprintf(w.why, sizeof(w.why), "%s", e->msg);
}

static bool on_covered(void *ctx, struct amount due)
{
	(void)ctx;
	w.asked_covered++;
	return w.dues + w.charged + rig_units(due) <= w.credit;
}

static void on_due(void *ctx, struct amount due)
{
	(void)ctx;
	w.dues += rig_units(due);
}

static void on_found(void *ctx, struct amount due)
{
	(void)ctx;
	w.found += rig_units(due);
}

static void on_charged(void *ctx, uint32_t len)
{
	(void)ctx;
	w.charged += len;
}

static void on_event(void *ctx, const struct rent_client_event *ev)
{
	(void)ctx;
	w.events[ev->kind]++;
}

/* ---- the world ---- */

static void from_host(void *ctx, const uint8_t *msg, size_t len)
{
	static uint8_t buf[RENT_MSG_MAX];
	struct rent_msg m;

	(void)ctx;
	if (!w.harm) {
		queue_push(&w.down, msg, len);
		return;
	}
	CHECK(rent_msg_decode(&m, msg, len, NULL) == ERR_NONE, "nonsense");
	if (m.kind == w.harm_kind) {
		w.harmed++;
		if (!w.harm(&w, &m))
			return;
		len = rent_msg_encode(&m, buf, sizeof(buf));
		CHECK(len > 0, "harmed beyond encoding");
		msg = buf;
	}
	queue_push(&w.down, msg, len);
}

static void connect(void)
{
	w.closed = false;
	line_connect(&w.s, &w.rig, &w.me, w.c, from_host);
}

static void hang_up(void)
{
	if (!w.s)
		return;
	w.host_dues += w.s->dues;
	rig_hangup(w.s);
	w.s = NULL;
	queue_drop(&w.up);
	queue_drop(&w.down);
	rent_client_down(w.c, w.rig.now_ms);
}

static void start_with(bool known)
{
	const struct rent_client_ops ops = {
		.send = on_send,
		.room = on_room,
		.close = on_close,
		.covered = on_covered,
		.add_due = on_due,
		.found = on_found,
		.charged = on_charged,
		.event = on_event,
	};
	struct rent_client_cfg cfg = {.chain_id = RIG_CHAIN, .bank = rig_bank};
	struct err e = {0};

	memset(&w, 0, sizeof(w));
	rig_init(&w.rig);
	w.me = rig_account(1);
	w.credit = UINT64_MAX / 2;
	w.room = 1 << 20;
	if (known)
		cfg.host = w.rig.host.address;
	cfg.me = w.me.address;
	CHECK(rent_client_new(&w.c, &cfg, &ops, w.rig.now_ms, w.rig.now_s,
			      &e) == ERR_NONE,
	      "%s", e.msg);
}

static void start(void)
{
	start_with(true);
}

static void stop(void)
{
	w.never_again = true;
	if (w.s) {
		rig_hangup(w.s);
		w.s = NULL;
	}
	queue_drop(&w.up);
	queue_drop(&w.down);
	rent_client_free(w.c);
	w.rig.n_sessions = 0;
	rig_free(&w.rig);
}

static void deliver_up(void)
{
	struct err e = {0};
	size_t len;
	uint8_t *msg = queue_pop(&w.up, &len);

	CHECK(rent_host_receive(w.s->s, msg, len, w.rig.now_ms, &e) == ERR_NONE,
	      "the host ends it: %s", e.msg);
	free(msg);
	rent_client_drained(w.c, w.rig.now_ms);
}

static void deliver_down(void)
{
	struct err e = {0};
	size_t len;
	uint8_t *msg = queue_pop(&w.down, &len);

	if (rent_client_receive(w.c, msg, len, w.rig.now_ms, &e) != ERR_NONE) {
		(void)snprintf(w.why, sizeof(w.why), "%s", e.msg);
		w.closed = true;
	}
	free(msg);
}

/* Lets everything happen that can without time passing. */
static void run(void)
{
	for (bool any = true; any;) {
		any = false;
		if (w.s && w.up.n) {
			deliver_up();
			any = true;
			w.delivered++;
		}
		any |= !w.frozen && rig_step(&w.rig);
		if (w.s && w.down.n) {
			deliver_down();
			any = true;
			w.delivered++;
		}
		if (w.s && (w.closed || (w.cut_at && w.delivered >= w.cut_at &&
					 w.cuts == 0))) {
			w.cuts++;
			hang_up();
			any = true;
		}
		if (!w.s && !w.never_again && rent_client_calls(w.c)) {
			connect();
			any = true;
		}
	}
}

static void tick(int64_t ms)
{
	w.rig.now_ms += ms;
	if (w.s)
		rent_host_tick(w.rig.h, w.rig.now_ms, w.rig.now_s);
	rent_client_tick(w.c, w.rig.now_ms, w.rig.now_s);
	run();
}

/* ---- calls ---- */

static struct span span_of(unsigned n)
{
	return (struct span){NULL, sectors[n], SECTOR_LEN};
}

static struct agreement agreement_of(uint32_t n, uint32_t revision)
{
	struct agreement a = rig_prepaid(&w.rig, &w.me.address, roots, n);

	a.revision = revision;
	return a;
}

static struct rent_call *revise(struct outcome *o, const struct agreement *a,
				const struct hash32 *adds, uint32_t n)
{
	struct rent_revise_ask ask = {
		.a = *a, .adds = adds, .n_adds = n, .due = a->earned};

	ask.sig = rig_sign_agreement(&w.me, a);
	return rent_call_revise(w.c, &ask, outcome_set, o, NULL);
}

static void check_done(const struct outcome *o, size_t n, const char *what)
{
	for (size_t i = 0; i < n; i++)
		CHECK(o[i].called == 1 && o[i].r.fate == RENT_DONE,
		      "%s %zu: called %u, fate %d, %s (%s)", what, i,
		      o[i].called, o[i].r.fate, rent_no_name(o[i].r.code),
		      o[i].why);
}

/* All kinds of calls; whatever is cut, every one ends well, the host has
 * everything once, and what both count agrees but for what was being stored. */
static void whole_life(unsigned cut_at, unsigned *messages)
{
	struct outcome put[2] = {0}, rev = {0}, o[10] = {0};
	static uint8_t record[100000];
	struct agreement a;
	struct err e = {0};
	uint8_t id[32] = {3};

	start();
	w.cut_at = cut_at;
	for (unsigned i = 0; i < 2; i++) {
		struct span data = span_of(i);

		CHECK(rent_call_put(w.c, &roots[i], &data, outcome_set, &put[i],
				    &e) != NULL,
		      "%s", e.msg);
	}
	run();
	check_done(put, 2, "put");
	a = agreement_of(2, 0);
	CHECK(revise(&rev, &a, roots, 2) != NULL, "revise");
	run();
	check_done(&rev, 1, "revise");
	CHECK(memcmp(&rev.revision.host_sig,
		     rig_sign_agreement(&w.rig.host, &a).bytes, 64) == 0,
	      "not the host's signature");
	memset(record, 0x42, sizeof(record));
	(void)rent_call_place(w.c, id, 4, record, sizeof(record), outcome_set,
			      &o[0], &e);
	(void)rent_call_keep(w.c, 9, record, 100, outcome_set, &o[1], &e);
	(void)rent_call_newest(w.c, RENT_UNOPENED, &a, outcome_set, &o[2], &e);
	(void)rent_call_list(w.c, &a, outcome_set, &o[3], &e);
	(void)rent_call_lost(w.c, RENT_UNOPENED, outcome_set, &o[4], &e);
	(void)rent_call_read(w.c, &roots[0], 0, RENT_SECTOR, NULL, outcome_set,
			     &o[5], &e);
	(void)rent_call_read(w.c, &roots[1], 5 * RENT_TILE, 6 * RENT_TILE, NULL,
			     outcome_set, &o[6], &e);
	(void)rent_call_have(w.c, roots, 3, outcome_set, &o[7], &e);
	run();
	check_done(o, 8, "call");
	(void)rent_call_fetch(w.c, id, outcome_set, &o[8], &e);
	(void)rent_call_head(w.c, outcome_set, &o[9], &e);
	run();
	check_done(o, 10, "call");
	CHECK(e.code == ERR_NONE, "%s", e.msg);
	CHECK(o[3].r.n_roots == 2 && memcmp(o[3].roots, roots, 64) == 0 &&
		      o[4].r.n_roots == 0,
	      "list");
	CHECK(o[5].r.len == RENT_SECTOR &&
		      memcmp(o[5].data, sectors[0], SECTOR_LEN) == 0 &&
		      memcmp(o[6].data, sectors[1] + 5 * RENT_TILE,
			     6 * RENT_TILE) == 0,
	      "bytes");
	CHECK(o[7].data[0] == 0xc0, "have: %02x", o[7].data[0]);
	CHECK(o[8].r.len == sizeof(record) && o[8].r.seq == 4 &&
		      memcmp(o[8].data, record, sizeof(record)) == 0,
	      "record");
	CHECK(o[9].r.len == 100 && o[9].r.seq == 9, "head");
	CHECK(w.rig.n_sectors == 2 && w.rig.n_lists == 1 &&
		      w.rig.lists[0].n == 2,
	      "%u sectors", w.rig.n_sectors);
	w.host_dues += w.s ? w.s->dues : 0;
	w.host_dues += w.rig.orphan_dues;
	CHECK(w.host_dues >= w.dues && w.host_dues - w.dues <= 2 * 100 &&
		      w.dues >= 20,
	      "host counts %llu, we %llu", (unsigned long long)w.host_dues,
	      (unsigned long long)w.dues);
	CHECK(cut_at || (w.dues == 220 && w.host_dues == 220), "dues");
	CHECK(!rent_client_unsettled(w.c), "unsettled");
	*messages = w.delivered;
	outcome_clear(put, 2);
	outcome_clear(&rev, 1);
	outcome_clear(o, 10);
	stop();
}

static void cut_anywhere_all_is_done(void)
{
	unsigned all, n;

	whole_life(0, &all);
	for (unsigned cut = 1; cut <= all; cut++)
		whole_life(cut, &n);
}

/* ---- money ---- */

static void nothing_is_written_that_is_not_covered(void)
{
	struct outcome put[3] = {0};
	struct err e = {0};

	start();
	w.credit = 150;
	for (unsigned i = 0; i < 3; i++) {
		struct span data = span_of(i);

		(void)rent_call_put(w.c, &roots[i], &data, outcome_set, &put[i],
				    &e);
	}
	run();
	CHECK(put[0].called == 1 && put[1].called == 0 && w.dues == 100, "%llu",
	      (unsigned long long)w.dues);
	w.asked_covered = 0;
	tick(1000);
	CHECK(w.asked_covered == 0, "asked %u times before it was paid",
	      w.asked_covered);
	w.credit = 300;
	rent_client_paid(w.c, w.rig.now_ms);
	run();
	check_done(put, 3, "put");
	CHECK(w.dues == 300 && w.s->dues == 300, "%llu",
	      (unsigned long long)w.dues);
	outcome_clear(put, 3);
	stop();
}

/* The host does not see it covered, though we do. */
static void what_the_host_does_not_see_covered_waits(void)
{
	struct outcome put = {0};
	struct span data = span_of(0);

	start();
	(void)rent_call_put(w.c, &roots[0], &data, outcome_set, &put, NULL);
	run();
	CHECK(put.called == 1, "first");
	w.s->credit = w.s->dues + 99;
	data = span_of(1);
	put.called = 0;
	(void)rent_call_put(w.c, &roots[1], &data, outcome_set, &put, NULL);
	run();
	CHECK(put.called == 0, "ended: %s", put.why);
	w.s->credit += 1;
	tick(RENT_AGAIN_MS - 1);
	CHECK(put.called == 0, "too early");
	tick(1);
	check_done(&put, 1, "put");
	/* and if it never does, it is said */
	w.s->credit = 0;
	data = span_of(2);
	put.called = 0;
	(void)rent_call_put(w.c, &roots[2], &data, outcome_set, &put, NULL);
	run();
	for (unsigned i = 0; i < 20; i++)
		tick(RENT_AGAIN_MS);
	CHECK(put.called == 1 && put.r.fate == RENT_REFUSED &&
		      put.r.code == RENT_NO_FUNDS,
	      "called %u", put.called);
	outcome_clear(&put, 1);
	stop();
}

/* ---- lies ---- */

enum lie {
	FLIP_SIG,
	OTHER_ACCOUNT,
	OTHER_BANK,
	EXPIRED,
	BAD_SHEET,
	MORE_DUE,
	LESS_DUE,
	FLIP_BYTE,
	FLIP_PROOF,
	NO_PROOF,
	SKIP_BYTES,
	TWICE,
	FLIP_ROOT,
	OTHER_TOTAL,
	SWAP_ROOTS,
	OLD,
	SAME_NUMBER,
	OTHER_NUMBER,
	FORGET,
	MORE_BITS,
	OTHER_ID,
	OTHER_KIND,
	EMPTY_PAGE,
	SWALLOW,
};

static struct rent_signed_revision old_revision;

static void flip(struct rent_view *v, size_t at)
{
	static uint8_t copy[RENT_MSG_MAX];

	memcpy(copy, v->p, v->len);
	copy[at] ^= 1;
	v->p = copy;
}

static void swap_first_two(struct rent_view *v)
{
	static uint8_t copy[RENT_MSG_MAX];

	memcpy(copy, v->p, v->len);
	memcpy(copy, v->p + 32, 32);
	memcpy(copy + 32, v->p, 32);
	v->p = copy;
}

static void sign_held(struct rent_msg *m)
{
	m->u.held.renter_sig = rig_sign_agreement(&w.me, &m->u.held.a);
	m->u.held.host_sig = rig_sign_agreement(&w.rig.host, &m->u.held.a);
}

static bool tell_lie(struct world *x, struct rent_msg *m)
{
	static const uint8_t bits[2];

	switch ((enum lie)x->harm_what) {
	case FLIP_SIG:
		if (m->kind == RENT_WELCOME)
			m->u.hello.sig.bytes[7] ^= 1;
		else if (m->kind == RENT_SHEET)
			m->u.sheet.sig.bytes[7] ^= 1;
		else if (m->kind == RENT_HELD)
			m->u.held.host_sig.bytes[7] ^= 1;
		else
			m->u.sign.sig.bytes[7] ^= 1;
		return true;
	case OTHER_ACCOUNT:
		m->u.hello.account.bytes[0] ^= 1;
		return true;
	case OTHER_BANK:
		m->u.hello.bank.bytes[0] ^= 1;
		return true;
	case EXPIRED:
	case BAD_SHEET:
		if (x->harm_what == EXPIRED)
			m->u.sheet.sheet.expires = 1700000000;
		else
			m->u.sheet.sheet.span = 0;
		{
			struct hash32 digest =
				eip712_sheet(&rig_domain, &m->u.sheet.sheet);

			m->u.sheet.sig = rig_sign(&x->rig.host, &digest);
		}
		return true;
	case MORE_DUE:
		m->u.sign.due =
			amount_add_cap(m->u.sign.due, amount_from_u64(1));
		return true;
	case LESS_DUE:
		m->u.sign.due = AMOUNT_ZERO;
		return true;
	case FLIP_BYTE:
		flip(&m->bulk, 99);
		return true;
	case FLIP_PROOF:
		if (m->u.data.proof.len)
			flip(&m->u.data.proof, 9);
		return true;
	case NO_PROOF:
		m->u.data.proof.len = 0;
		return true;
	case SKIP_BYTES:
		m->u.data.off += RENT_TILE;
		m->bulk.len -= RENT_TILE;
		return true;
	case TWICE:
		if (x->harmed == 2)
			m->u.data.off -= RENT_PART;
		return true;
	case FLIP_ROOT:
		flip(&m->bulk, 40);
		return true;
	case OTHER_TOTAL:
		m->u.list.total++;
		return true;
	case SWAP_ROOTS:
		swap_first_two(&m->bulk);
		return true;
	case OLD:
		m->u.held.a = old_revision.a;
		sign_held(m);
		return true;
	case SAME_NUMBER:
		m->u.held.a.span++;
		sign_held(m);
		return true;
	case OTHER_NUMBER:
		m->u.held.a.number++;
		sign_held(m);
		return true;
	case FORGET:
		m->kind = RENT_ERROR;
		m->u.error = (struct rent_error){RENT_NO_UNKNOWN, "none"};
		return true;
	case MORE_BITS:
		m->u.has.bits = (struct rent_view){bits, 2};
		return true;
	case OTHER_ID:
		m->id += 1000;
		return true;
	case OTHER_KIND:
		m->kind = RENT_STORED;
		m->u.sign.due = AMOUNT_ZERO;
		m->bulk.len = 0;
		return true;
	case EMPTY_PAGE:
		m->u.list.next = m->u.list.from;
		m->bulk.len = 0;
		return true;
	case SWALLOW:
		return false;
	}
	return true;
}

/* What a call is there to be lied to. */
enum called {
	C_NONE,
	C_OFFER,
	C_PUT,
	C_REVISE,
	C_READ_ALL,
	C_READ,
	C_LIST,
	C_NEWEST,
	C_NEWEST_OF_ANY,
	C_HAVE,
	C_PEERS,
};

static struct rent_call *make(enum called what, struct outcome *o,
			      struct agreement *a)
{
	struct span data = span_of(2);

	switch (what) {
	case C_NONE:
		return NULL;
	case C_OFFER:
		return rent_call_offer(w.c, outcome_set, o, NULL);
	case C_PUT:
		return rent_call_put(w.c, &roots[2], &data, outcome_set, o,
				     NULL);
	case C_REVISE:
		a->revision++;
		a->through++;
		a->earned = amount_from_u64(30 + 20);
		{
			struct rent_revise_ask ask = {
				.a = *a, .due = amount_from_u64(20)};

			ask.sig = rig_sign_agreement(&w.me, a);
			return rent_call_revise(w.c, &ask, outcome_set, o,
						NULL);
		}
	case C_READ_ALL:
		return rent_call_read(w.c, &roots[0], 0, RENT_SECTOR, NULL,
				      outcome_set, o, NULL);
	case C_READ:
		return rent_call_read(w.c, &roots[0], RENT_PART, RENT_PART,
				      NULL, outcome_set, o, NULL);
	case C_LIST:
		return rent_call_list(w.c, a, outcome_set, o, NULL);
	case C_NEWEST:
		return rent_call_newest(w.c, RENT_UNOPENED, a, outcome_set, o,
					NULL);
	case C_NEWEST_OF_ANY:
		return rent_call_newest(w.c, RENT_UNOPENED, NULL, outcome_set,
					o, NULL);
	case C_HAVE:
		return rent_call_have(w.c, roots, 2, outcome_set, o, NULL);
	case C_PEERS:
		return rent_call_peers(w.c, 5, outcome_set, o, NULL);
	}
	return NULL;
}

/* A world in which two sectors are signed for, at revision 1. */
static struct agreement prepared(void)
{
	struct outcome o[4] = {0};
	struct agreement a;

	start();
	for (unsigned i = 0; i < 2; i++) {
		struct span data = span_of(i);

		(void)rent_call_put(w.c, &roots[i], &data, outcome_set, &o[i],
				    NULL);
	}
	run();
	a = agreement_of(1, 0);
	(void)revise(&o[2], &a, roots, 1);
	run();
	old_revision = o[2].revision;
	a = agreement_of(2, 1);
	a.earned = amount_from_u64(20);
	a.through = 102;
	{
		struct rent_revise_ask ask = {.a = a,
					      .adds = &roots[1],
					      .n_adds = 1,
					      .due = amount_from_u64(10)};

		/* the period that is added costs the new rate */
		ask.a.earned = a.earned = amount_from_u64(10 + 20);
		ask.due = amount_from_u64(20);
		ask.sig = rig_sign_agreement(&w.me, &ask.a);
		(void)rent_call_revise(w.c, &ask, outcome_set, &o[3], NULL);
	}
	run();
	check_done(o, 4, "prepare");
	outcome_clear(o, 4);
	return a;
}

static void lies_are_named(void)
{
	static const struct {
		const char *name;
		enum called call;
		enum rent_kind kind;
		enum lie lie;
		bool is_lie; /* else it only ends the connection */
	} rows[] = {
		{"a welcome with a bad signature", C_OFFER, RENT_WELCOME,
		 FLIP_SIG, true},
		{"a welcome of another host", C_OFFER, RENT_WELCOME,
		 OTHER_ACCOUNT, true},
		{"a welcome for another bank", C_OFFER, RENT_WELCOME,
		 OTHER_BANK, true},
		{"prices with a bad signature", C_OFFER, RENT_SHEET, FLIP_SIG,
		 true},
		{"prices that expired", C_OFFER, RENT_SHEET, EXPIRED, true},
		{"prices that make no sense", C_OFFER, RENT_SHEET, BAD_SHEET,
		 true},
		{"more for a sector than the sheet says", C_PUT, RENT_STORED,
		 MORE_DUE, true},
		{"a revision with a bad signature", C_REVISE, RENT_SIGNED,
		 FLIP_SIG, true},
		{"more for a revision than agreed", C_REVISE, RENT_SIGNED,
		 MORE_DUE, true},
		{"less for a revision than agreed", C_REVISE, RENT_SIGNED,
		 LESS_DUE, true},
		{"a byte of a sector", C_READ_ALL, RENT_DATA, FLIP_BYTE, true},
		{"a byte of a part", C_READ, RENT_DATA, FLIP_BYTE, true},
		{"a proof that is none", C_READ, RENT_DATA, FLIP_PROOF, true},
		{"a part without proof", C_READ, RENT_DATA, NO_PROOF, true},
		{"bytes left out", C_READ_ALL, RENT_DATA, SKIP_BYTES, false},
		{"bytes that came before", C_READ_ALL, RENT_DATA, TWICE, false},
		{"a list with another root", C_LIST, RENT_ROOTS, FLIP_ROOT,
		 true},
		{"a list that is longer", C_LIST, RENT_ROOTS, OTHER_TOTAL,
		 true},
		{"a list in another order", C_LIST, RENT_ROOTS, SWAP_ROOTS,
		 true},
		{"an empty page", C_LIST, RENT_ROOTS, EMPTY_PAGE, false},
		{"an old revision", C_NEWEST, RENT_HELD, OLD, true},
		{"another revision of that number", C_NEWEST, RENT_HELD,
		 SAME_NUMBER, true},
		{"another agreement", C_NEWEST, RENT_HELD, OTHER_NUMBER, true},
		{"another agreement than asked for", C_NEWEST_OF_ANY, RENT_HELD,
		 OTHER_NUMBER, true},
		{"an agreement with a bad signature", C_NEWEST, RENT_HELD,
		 FLIP_SIG, true},
		{"an agreement forgotten", C_NEWEST, RENT_HELD, FORGET, true},
		{"more bits than roots", C_HAVE, RENT_HAS, MORE_BITS, false},
		{"an answer that nobody asked for", C_HAVE, RENT_HAS, OTHER_ID,
		 false},
		{"an answer of another kind", C_READ, RENT_DATA, OTHER_KIND,
		 false},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct agreement a = prepared();
		struct outcome o = {0};
		struct rent_call *k;

		w.never_again = true;
		if (rows[i].kind == RENT_WELCOME || rows[i].kind == RENT_SHEET)
			hang_up();
		w.harm = tell_lie;
		w.harm_kind = rows[i].kind;
		w.harm_what = (int)rows[i].lie;
		k = make(rows[i].call, &o, &a);
		if (!w.s)
			connect();
		run();
		CHECK(w.harmed > 0, "%s: not told", rows[i].name);
		CHECK(w.s == NULL, "%s: the connection stays", rows[i].name);
		CHECK((w.events[RENT_CLIENT_LIED] == 1) == rows[i].is_lie,
		      "%s: named %u times (%s)", rows[i].name,
		      w.events[RENT_CLIENT_LIED], w.why);
		if (rows[i].kind == RENT_WELCOME || !rows[i].is_lie ||
		    rows[i].kind == RENT_SHEET)
			CHECK(o.called == 0 || o.r.fate == RENT_LIED,
			      "%s: called", rows[i].name);
		else
			CHECK(o.called == 1 && o.r.fate == RENT_LIED,
			      "%s: fate %d", rows[i].name, o.r.fate);
		if (o.called == 0)
			rent_call_cancel(k);
		outcome_clear(&o, 1);
		stop();
	}
}

/* ---- late, and later ---- */

/* The host counted it, and its answer never came. */
static void a_sector_whose_answer_was_lost_is_found(void)
{
	struct agreement a = prepared();
	struct outcome o = {0};
	uint64_t dues = w.dues;

	w.harm = tell_lie;
	w.harm_kind = RENT_STORED;
	w.harm_what = SWALLOW;
	(void)make(C_PUT, &o, &a);
	run();
	CHECK(o.called == 0 && w.found == 0, "it was heard");
	hang_up();
	w.harm = NULL;
	connect();
	run();
	CHECK(o.called == 1 && o.r.fate == RENT_DONE && o.r.had, "fate %d",
	      o.r.fate);
	CHECK(w.found == 100 && w.dues == dues, "%llu found, %llu heard",
	      (unsigned long long)w.found, (unsigned long long)(w.dues - dues));
	outcome_clear(&o, 1);
	stop();
}

static void who_does_not_answer_is_late(void)
{
	static const struct {
		const char *name;
		enum called call;
		enum rent_kind kind;
		int64_t ms;
	} rows[] = {
		{"a read", C_READ, RENT_DATA, RENT_ANSWER_MS},
		{"prices", C_OFFER, RENT_SHEET, RENT_ANSWER_MS},
		{"a sector", C_PUT, RENT_STORED, RENT_STORED_MS},
		{"a revision", C_REVISE, RENT_SIGNED, RENT_STORED_MS},
		{"a welcome", C_OFFER, RENT_WELCOME, RENT_CLIENT_HELLO_MS},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct agreement a = prepared();
		struct outcome o = {0};
		struct rent_call *k;

		hang_up();
		w.never_again = true;
		w.harm = tell_lie;
		w.harm_kind = rows[i].kind;
		w.harm_what = SWALLOW;
		k = make(rows[i].call, &o, &a);
		connect();
		run();
		tick(rows[i].ms - 1);
		CHECK(w.s && !w.closed, "%s: too early: %s", rows[i].name,
		      w.why);
		tick(1);
		CHECK(!w.s && w.events[RENT_CLIENT_LATE] == 1 && o.called == 0,
		      "%s: not late", rows[i].name);
		/* heard at last */
		w.harm = NULL;
		w.never_again = false;
		run();
		CHECK(o.called == 1 && o.r.fate == RENT_DONE, "%s: fate %d",
		      rows[i].name, o.r.fate);
		(void)k;
		outcome_clear(&o, 1);
		stop();
	}
}

static void in_the_end_it_is_given_up(void)
{
	struct agreement a = prepared();
	struct outcome o = {0};

	w.harm = tell_lie;
	w.harm_kind = RENT_DATA;
	w.harm_what = SWALLOW;
	(void)make(C_READ, &o, &a);
	run();
	for (unsigned i = 0; i < RENT_ATTEMPTS_MAX && !o.called; i++)
		tick(RENT_ANSWER_MS);
	CHECK(o.called == 1 && o.r.fate == RENT_LATE && w.harmed == 4,
	      "called %u after %u", o.called, w.harmed);
	outcome_clear(&o, 1);
	stop();
}

static void busy_hosts_are_asked_again(void)
{
	static const struct {
		const char *name;
		enum err_code fault;
		unsigned times;
		enum rent_fate want;
		enum rent_no code;
	} rows[] = {
		{"once", ERR_LIMIT, 1, RENT_DONE, 0},
		{"three times", ERR_IO, 3, RENT_DONE, 0},
		{"for ever", ERR_IO, 9, RENT_REFUSED, RENT_NO_STORE},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct agreement a = prepared();
		struct outcome o = {0};

		(void)make(C_READ, &o, &a);
		for (unsigned k = 0; k < 60 && !o.called; k++) {
			w.rig.fail_kind = RENT_ASK_READ;
			w.rig.fail_code =
				w.rig.asked[RENT_ASK_READ] < rows[i].times
					? rows[i].fault
					: ERR_NONE;
			run();
			tick(500);
		}
		CHECK(o.called == 1 && o.r.fate == rows[i].want &&
			      (o.r.fate == RENT_DONE ||
			       o.r.code == rows[i].code),
		      "%s: fate %d, %s", rows[i].name, o.r.fate,
		      rent_no_name(o.r.code));
		outcome_clear(&o, 1);
		stop();
	}
}

static void refusals_are_passed_on(void)
{
	struct agreement a = prepared();
	struct outcome o[3] = {0};
	struct hash32 other = {{1}};

	(void)rent_call_read(w.c, &other, 0, RENT_TILE, NULL, outcome_set,
			     &o[0], NULL);
	(void)rent_call_newest(w.c, 5, NULL, outcome_set, &o[1], NULL);
	a.revision = 0;
	(void)revise(&o[2], &a, NULL, 0);
	run();
	CHECK(o[0].r.fate == RENT_REFUSED && o[0].r.code == RENT_NO_UNKNOWN,
	      "read");
	CHECK(o[1].r.fate == RENT_REFUSED && o[1].r.code == RENT_NO_UNKNOWN,
	      "newest");
	CHECK(o[2].r.fate == RENT_REFUSED && o[2].r.code == RENT_NO_REVISION,
	      "revise");
	outcome_clear(o, 3);
	stop();
}

static void every_code_has_a_remedy(void)
{
	unsigned n[4] = {0};

	for (int i = 1; i <= RENT_NO_LAST; i++)
		n[rent_remedy((enum rent_no)i)]++;
	CHECK(n[0] == 4 && n[1] == 9 && n[2] == 4 && n[3] == 1, "%u %u %u %u",
	      n[0], n[1], n[2], n[3]);
}

/* ---- the revision that hangs ---- */

static void an_open_revision_is_known_as_such(void)
{
	struct agreement a = prepared();
	struct outcome o = {0};

	w.harm = tell_lie;
	w.harm_kind = RENT_SIGNED;
	w.harm_what = SWALLOW;
	w.never_again = true;
	(void)make(C_REVISE, &o, &a);
	run();
	CHECK(!rent_client_unsettled(w.c), "before it ends");
	hang_up();
	CHECK(rent_client_unsettled(w.c), "after");
	CHECK(w.dues == 230, "%llu", (unsigned long long)w.dues);
	w.harm = NULL;
	connect();
	CHECK(rent_client_unsettled(w.c), "while it is asked again");
	run();
	check_done(&o, 1, "revise");
	CHECK(!rent_client_unsettled(w.c) && w.dues == 250, "%llu",
	      (unsigned long long)w.dues);
	CHECK(w.host_dues + w.s->dues == w.dues, "the host counts %llu",
	      (unsigned long long)(w.host_dues + w.s->dues));
	outcome_clear(&o, 1);
	stop();
}

/* ---- cancelling, and what is asked too much ---- */

static void cancelled_calls_are_silent(void)
{
	struct outcome o[4] = {0};
	struct agreement a = prepared();
	struct rent_call *k[4];
	uint64_t before;

	hang_up();
	w.never_again = true;
	k[0] = make(C_READ, &o[0], &a);
	rent_call_cancel(k[0]); /* waiting */
	connect();
	run();
	before = w.charged;
	k[1] = make(C_READ, &o[1], &a);
	k[2] = make(C_PUT, &o[2], &a);
	rent_call_cancel(k[1]); /* asked */
	rent_call_cancel(k[2]); /* half sent */
	k[3] = make(C_READ, &o[3], &a);
	run();
	CHECK(!o[0].called && !o[1].called && !o[2].called, "called");
	check_done(&o[3], 1, "the other");
	CHECK(w.charged == before + 2 * RENT_PART,
	      "what came was not counted: %llu",
	      (unsigned long long)(w.charged - before));
	CHECK(rent_client_calls(w.c) == 0, "%u", rent_client_calls(w.c));
	outcome_clear(o, 4);
	stop();
}

/* A put of which the first parts went out, and one read into memory of ours. */
static void what_was_lent_is_given_back(void)
{
	static uint8_t lent[RENT_SECTOR], into[RENT_PART], was[RENT_PART];
	const struct span ours = {.p = lent, .len = RENT_SECTOR};
	struct outcome o[5] = {0};
	struct rent_call *k;
	struct span data;

	(void)prepared();
	memcpy(lent, sectors[5], RENT_SECTOR);
	for (unsigned i = 3; i < 5; i++) { /* fill the way */
		data = (struct span){.p = sectors[i], .len = RENT_SECTOR};
		(void)rent_call_put(w.c, &roots[i], &data, outcome_set,
				    &o[i - 3], NULL);
	}
	k = rent_call_put(w.c, &roots[5], &ours, outcome_set, &o[2], NULL);
	CHECK(w.up.n == 40, "%u parts are out", w.up.n);
	rent_call_cancel(k);
	memset(lent, 0xee, sizeof(lent));
	run();
	CHECK(!o[2].called && o[0].called && o[1].called, "called");
	(void)rent_call_have(w.c, &roots[5], 1, outcome_set, &o[2], NULL);
	run();
	CHECK(o[2].called && o[2].data[0] == 0x80, "the host got other bytes");

	memset(was, 0x55, sizeof(was));
	memcpy(into, was, sizeof(into));
	k = rent_call_read(w.c, &roots[0], 0, RENT_PART, into, outcome_set,
			   &o[3], NULL);
	rent_call_cancel(k);
	run();
	CHECK(!o[3].called && memcmp(into, was, sizeof(into)) == 0, "touched");
	(void)rent_call_read(w.c, &roots[0], 0, RENT_PART, into, outcome_set,
			     &o[3], NULL);
	run();
	CHECK(o[3].called && o[3].r.data == into &&
		      memcmp(into, sectors[0], sizeof(into)) == 0,
	      "not the bytes");
	CHECK(rent_client_calls(w.c) == 0, "%u", rent_client_calls(w.c));
	outcome_clear(o, 5);
	stop();
}

static struct rent_call *to_cancel;

static bool cancel_then(struct world *all, struct rent_msg *m)
{
	(void)m;
	all->harm = NULL;
	rent_call_cancel(to_cancel);
	return true;
}

/* Whether it is there was asked first, and nobody wants to know any more. */
static void a_cancelled_sector_is_not_sent_again(void)
{
	struct agreement a = prepared();
	struct outcome o[2] = {0};

	to_cancel = make(C_PUT, &o[0], &a);
	hang_up();
	w.harm = cancel_then;
	w.harm_kind = RENT_HAS;
	run();
	CHECK(!o[0].called && w.harmed == 1, "%u", w.harmed);
	CHECK(rent_client_calls(w.c) == 0, "%u", rent_client_calls(w.c));
	(void)rent_call_have(w.c, &roots[2], 1, outcome_set, &o[1], NULL);
	run();
	CHECK(o[1].called && o[1].data[0] == 0, "it was sent");
	outcome_clear(o, 2);
	stop();
}

static void what_cannot_be_asked_is_refused(void)
{
	struct agreement a = prepared(), none = a;
	struct rent_revise_ask ask = {.a = a, .n_adds = RENT_ADD_MAX + 1};
	struct rent_revise_ask foreign = {.a = a};
	struct span data = {NULL, sectors[0], SECTOR_LEN - 1};
	uint8_t id[32] = {0};

	none.sectors = 0;
	foreign.a.host.bytes[0] ^= 1;
	CHECK(!rent_call_peers(w.c, 0, outcome_set, NULL, NULL), "peers");
	CHECK(!rent_call_have(w.c, roots, 0, outcome_set, NULL, NULL), "have");
	CHECK(!rent_call_put(w.c, roots, &data, outcome_set, NULL, NULL),
	      "put");
	CHECK(!rent_call_read(w.c, roots, 1, RENT_TILE, NULL, outcome_set, NULL,
			      NULL),
	      "read");
	CHECK(!rent_call_read(w.c, roots, RENT_SECTOR, RENT_TILE, NULL,
			      outcome_set, NULL, NULL),
	      "read");
	CHECK(!rent_call_list(w.c, &none, outcome_set, NULL, NULL), "list");
	CHECK(!rent_call_revise(w.c, &ask, outcome_set, NULL, NULL), "revise");
	CHECK(!rent_call_revise(w.c, &foreign, outcome_set, NULL, NULL),
	      "of others");
	CHECK(!rent_call_place(w.c, id, 0, id, 1, outcome_set, NULL, NULL),
	      "place");
	CHECK(!rent_call_keep(w.c, 1, id, RENT_HEAD_MAX + 1, outcome_set, NULL,
			      NULL),
	      "keep");
	stop();
}

/* Many at once: windows are kept, and all of them end. */
static void many_calls_go_through_the_windows(void)
{
	static struct outcome o[300];
	struct agreement a = prepared();

	memset(o, 0, sizeof(o));
	for (unsigned i = 0; i < 300; i++)
		CHECK(make(i % 3 == 0	? C_READ
			   : i % 3 == 1 ? C_HAVE
					: C_PUT,
			   &o[i], &a) != NULL,
		      "%u", i);
	for (unsigned i = 0; i < 20; i++) {
		run();
		tick(1000); /* the host's tokens come back */
	}
	check_done(o, 300, "call");
	outcome_clear(o, 300);
	stop();
}

/* While the store answers nothing, only so much is under way. */
static void windows_are_kept(void)
{
	static struct outcome o[300];
	struct agreement a = prepared();
	struct rent_session_view v;

	memset(o, 0, sizeof(o));
	w.frozen = true;
	for (unsigned i = 0; i < 300; i++)
		(void)make(i % 3 == 0	? C_READ
			   : i % 3 == 1 ? C_HAVE
					: C_PUT,
			   &o[i], &a);
	run();
	rent_session_view(w.s->s, &v);
	CHECK(v.writes == 4 && v.reads == 16 && v.others == 24, "%u %u %u",
	      v.writes, v.reads, v.others);
	w.frozen = false;
	for (unsigned i = 0; i < 20; i++) {
		run();
		tick(1000);
	}
	check_done(o, 300, "call");
	outcome_clear(o, 300);
	stop();
}

static void one_record_and_one_revision_at_a_time(void)
{
	static uint8_t record[200000];
	struct agreement a = prepared(), b;
	struct outcome o[4] = {0};
	uint8_t id[32] = {1};

	w.room =
		0; /* nothing of the first goes out before the second is made */
	for (unsigned i = 0; i < 2; i++) {
		id[1] = (uint8_t)i;
		(void)rent_call_place(w.c, id, 5, record, sizeof(record),
				      outcome_set, &o[i], NULL);
	}
	w.room = 1 << 20;
	rent_client_drained(w.c, w.rig.now_ms);
	b = a;
	(void)make(C_REVISE, &o[2], &b);
	b.revision++;
	b.through++;
	b.earned = amount_from_u64(70);
	{
		struct rent_revise_ask ask = {.a = b,
					      .due = amount_from_u64(20)};

		ask.sig = rig_sign_agreement(&w.me, &b);
		(void)rent_call_revise(w.c, &ask, outcome_set, &o[3], NULL);
	}
	run();
	check_done(o, 4, "call");
	CHECK(w.rig.events[RENT_EV_REFUSED] == 0, "%u were refused",
	      w.rig.events[RENT_EV_REFUSED]);
	outcome_clear(o, 4);
	stop();
}

static void a_host_without_prices_is_not_pestered(void)
{
	struct outcome o = {0};
	struct span data = span_of(0);

	start();
	w.rig.no_offer = true;
	(void)rent_call_put(w.c, &roots[0], &data, outcome_set, &o, NULL);
	for (unsigned i = 0; i < 50; i++) {
		run();
		tick(1000);
	}
	CHECK(w.rig.events[RENT_EV_REFUSED] == 1 && !o.called, "asked %u times",
	      w.rig.events[RENT_EV_REFUSED]);
	w.rig.no_offer = false;
	tick(20000);
	check_done(&o, 1, "put");
	outcome_clear(&o, 1);
	stop();
}

/* Three times the connection is cut within the sector. */
static void a_sector_survives_cuts(void)
{
	struct outcome o = {0};
	struct span data = span_of(0);

	start();
	w.never_again = true;
	(void)rent_call_put(w.c, &roots[0], &data, outcome_set, &o, NULL);
	for (unsigned i = 0; i < 3; i++) {
		connect();
		for (unsigned k = 0; k < 12; k++) {
			if (w.up.n)
				deliver_up();
			(void)rig_step(&w.rig);
			if (w.down.n)
				deliver_down();
		}
		hang_up();
		CHECK(!o.called && w.rig.n_sectors == 0, "cut %u", i);
	}
	connect();
	run();
	check_done(&o, 1, "put");
	outcome_clear(&o, 1);
	stop();
}

/* ---- the table of states ---- */

enum client_event_kind {
	E_UP,
	E_WELCOME,
	E_ANSWER,
	E_REFUSAL,
	E_NONSENSE,
	E_DOWN,
	E_LONG,
	E_CALL,
	E_PAID,
};

static const char *to_state(const char *state)
{
	start();
	w.never_again = true;
	if (strcmp(state, "down") == 0)
		return state;
	connect();
	if (strcmp(state, "hello") == 0)
		return state;
	run();
	if (strcmp(state, "up") == 0)
		return state;
	CHECK(rent_client_receive(w.c, (const uint8_t *)"x", 1, w.rig.now_ms,
				  NULL) == ERR_PARSE,
	      "taken");
	return state;
}

static void every_cell_of_the_client(void)
{
	static const char *const states[] = {"down", "hello", "up", "dead"};
	static const struct {
		const char *name;
		enum client_event_kind ev;
		const char *want[4];
	} rows[] = {
		{"a connection", E_UP, {"hello", "hello", "up", "dead"}},
		{"welcome", E_WELCOME, {"down", "up", "dead", "dead"}},
		{"an answer", E_ANSWER, {"down", "dead", "dead", "dead"}},
		{"a general error", E_REFUSAL, {"down", "dead", "up", "dead"}},
		{"nonsense", E_NONSENSE, {"down", "dead", "dead", "dead"}},
		{"the end", E_DOWN, {"down", "down", "down", "down"}},
		{"a long time", E_LONG, {"down", "dead", "up", "dead"}},
		{"a call", E_CALL, {"down", "hello", "up", "dead"}},
		{"money", E_PAID, {"down", "hello", "up", "dead"}},
	};
	static uint8_t buf[RENT_MSG_MAX];

	for (size_t i = 0; i < ROWS(rows); i++)
		for (size_t k = 0; k < ROWS(states); k++) {
			struct rent_client_link l = {{0}, {{0}}};
			struct rent_msg m = {.kind = RENT_STORED, .id = 77777};
			struct outcome o = {0};
			struct hash32 digest;
			bool say = true;
			size_t len;

			(void)to_state(states[k]);
			CHECK(strcmp(rent_client_state(w.c), states[k]) == 0,
			      "%s is %s", states[k], rent_client_state(w.c));
			switch (rows[i].ev) {
			case E_UP:
				rent_client_up(w.c, &l, w.rig.now_ms);
				say = false;
				break;
			case E_WELCOME:
				m.kind = RENT_WELCOME;
				m.id = 0;
				digest = eip712_channel(&rig_domain,
							&w.rig.host.address,
							rig_host_key);
				m.u.hello = (struct rent_hello){
					1,
					RIG_CHAIN,
					rig_bank,
					true,
					w.rig.host.address,
					rig_sign(&w.rig.host, &digest)};
				break;
			case E_ANSWER:
				break;
			case E_REFUSAL:
				m.kind = RENT_ERROR;
				m.id = 0;
				m.u.error.code = RENT_NO_BANK;
				break;
			case E_NONSENSE:
				m.kind = RENT_OFFER;
				break;
			case E_DOWN:
				rent_client_down(w.c, w.rig.now_ms);
				say = false;
				break;
			case E_LONG:
				rent_client_tick(w.c, w.rig.now_ms + 3600000,
						 w.rig.now_s);
				say = false;
				break;
			case E_CALL:
				(void)rent_call_head(w.c, outcome_set, &o,
						     NULL);
				say = false;
				break;
			case E_PAID:
				rent_client_paid(w.c, w.rig.now_ms);
				rent_client_drained(w.c, w.rig.now_ms);
				say = false;
				break;
			}
			len = rent_msg_encode(&m, buf, sizeof(buf));
			if (say &&
			    rent_client_receive(w.c, buf, len, w.rig.now_ms,
						NULL) != ERR_NONE)
				CHECK(strcmp(rent_client_state(w.c), "dead") ==
					      0,
				      "not dead");
			CHECK(strcmp(rent_client_state(w.c), rows[i].want[k]) ==
				      0,
			      "%s when %s: %s", rows[i].name, states[k],
			      rent_client_state(w.c));
			stop();
		}
}

static void a_refused_hello_is_told(void)
{
	start();
	w.never_again = true;
	connect();
	queue_drop(&w.up);
	{
		struct rent_msg m = rig_hello(w.s, true);
		uint8_t buf[512];

		m.u.hello.bank.bytes[0] ^= 1;
		queue_push(&w.up, buf, rent_msg_encode(&m, buf, sizeof(buf)));
	}
	run();
	CHECK(w.events[RENT_CLIENT_REFUSED] == 1 && !w.s, "not told");
	stop();
}

static void a_host_may_be_known_by_its_place_alone(void)
{
	struct address who;

	start_with(false);
	who = rent_client_host(w.c);
	CHECK(address_is_zero(&who), "it knows it already");
	connect();
	run();
	who = rent_client_host(w.c);
	CHECK(w.events[RENT_CLIENT_UP] == 1 && rent_client_offer(w.c) &&
		      address_eq(&who, &w.rig.host.address),
	      "not taken for what it proved to be");
	CHECK(rent_client_room(w.c) == w.rig.space, "room %u",
	      rent_client_room(w.c));
	stop();
}

int main(void)
{
	for (unsigned i = 0; i < ROWS(roots); i++)
		rig_sector_bytes(sectors[i], &roots[i], i);
	cut_anywhere_all_is_done();
	nothing_is_written_that_is_not_covered();
	what_the_host_does_not_see_covered_waits();
	lies_are_named();
	a_sector_whose_answer_was_lost_is_found();
	who_does_not_answer_is_late();
	in_the_end_it_is_given_up();
	busy_hosts_are_asked_again();
	refusals_are_passed_on();
	every_code_has_a_remedy();
	an_open_revision_is_known_as_such();
	cancelled_calls_are_silent();
	what_was_lent_is_given_back();
	a_cancelled_sector_is_not_sent_again();
	what_cannot_be_asked_is_refused();
	many_calls_go_through_the_windows();
	windows_are_kept();
	one_record_and_one_revision_at_a_time();
	a_host_without_prices_is_not_pestered();
	a_sector_survives_cuts();
	every_cell_of_the_client();
	a_refused_hello_is_told();
	a_host_may_be_known_by_its_place_alone();
	ecc_free(rig_ecc);
	return CHECK_EXIT();
}
