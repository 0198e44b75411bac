/* A renter's and a host's machine with a real disk between: what is stored is
 * there, and what the disk refuses is told by the right name. */
#include "node/host/rent_store.h"
#include "storage/object/record.h"
#include "tests/storage/rent_line.h"
#include "tests/storage/sector_rig.h"

#define SECTORS 8

static struct world {
	struct rig rig;
	struct srig disk;
	struct rent_store *store;
	struct rig_session *s;
	struct rent_client *c;
	struct rig_id me;
	struct queue up, down;
	uint64_t sign_token; /* waits for the signer */
	struct agreement to_sign;
	bool signing, closed;
	unsigned asked, answers;
} w;

static uint8_t sectors[SECTORS][SECTOR_LEN];
static struct hash32 roots[SECTORS];

/* ---- the host's side ---- */

static void on_ask(void *ctx, uint64_t token, const struct rent_ask *q)
{
	(void)ctx;
	w.asked += q->kind != RENT_ASK_SIGN;
	rent_store_ask(w.store, token, q);
}

static void on_answer(void *ctx, uint64_t token, const struct rent_answer *a)
{
	(void)ctx;
	w.answers++;
	rent_host_answer(w.rig.h, token, a, w.rig.now_ms);
	loop_stop(w.disk.loop);
}

static void on_sign(void *ctx, uint64_t token, const struct rent_ask *q)
{
	(void)ctx;
	w.signing = true;
	w.sign_token = token;
	w.to_sign = *q->a;
}

static void from_host(void *ctx, const uint8_t *msg, size_t len)
{
	(void)ctx;
	queue_push(&w.down, msg, len);
}

static void open_store(void)
{
	struct rent_store_cfg cfg = {
		.sectors = w.disk.s,
		.loop = w.disk.loop,
		.work = w.disk.work,
		.me = w.rig.host.address,
		.sign = on_sign,
		.answer = on_answer,
	};
	struct err e = {0};

	CHECK(rent_store_new(&w.store, &cfg, &e) == ERR_NONE, "%s", e.msg);
}

/* ---- the renter's side ---- */

static void on_send(void *ctx, const uint8_t *msg, size_t len)
{
	(void)ctx;
	queue_push(&w.up, msg, len);
}

static size_t on_room(void *ctx)
{
	(void)ctx;
	return w.up.n < 400 ? 1 << 20 : 0;
}

static void on_close(void *ctx, const struct err *e)
{
	(void)ctx;
	w.closed = true;
	CHECK(false, "the client ends it: %s", e->msg);
}

static void on_event(void *ctx, const struct rent_client_event *ev)
{
	(void)ctx;
	CHECK(ev->kind == RENT_CLIENT_UP || ev->kind == RENT_CLIENT_OFFER,
	      "event %d: %s", (int)ev->kind, ev->text ? ev->text : "");
}

static void start(void)
{
	const struct rent_client_ops ops = {
		.send = on_send,
		.room = on_room,
		.close = on_close,
		.covered = line_covered,
		.add_due = line_due,
		.charged = line_charged,
		.event = on_event,
	};
	struct rent_client_cfg cfg = {.chain_id = RIG_CHAIN,
				      .bank = rig_bank,
				      .writes = RENT_WRITES_MAX};
	struct err e = {0};

	memset(&w, 0, sizeof(w));
	srig_home(&w.disk);
	w.disk.cfg.max_staged = 6;
	rig_init(&w.rig);
	w.rig.hook = on_ask;
	srig_start(&w.disk);
	CHECK(srig_space(&w.disk, 0, 16) == ERR_NONE, "%s", w.disk.got.msg);
	open_store();
	w.me = rig_account(1);
	cfg.host = w.rig.host.address;
	cfg.me = w.me.address;
	CHECK(rent_client_new(&w.c, &cfg, &ops, w.rig.now_ms, w.rig.now_s,
			      &e) == ERR_NONE,
	      "%s", e.msg);
	line_connect(&w.s, &w.rig, &w.me, w.c, from_host);
}

static void close_disk(void)
{
	srig_stop(&w.disk);
	rent_store_free(w.store);
	w.store = NULL;
}

static void stop(void)
{
	rent_client_free(w.c);
	rig_hangup(w.s);
	if (w.store)
		close_disk();
	rig_free(&w.rig);
	queue_drop(&w.up);
	queue_drop(&w.down);
	srig_check_index(&w.disk);
	srig_remove(&w.disk);
}

static bool deliver(void)
{
	struct err e = {0};
	size_t len;
	uint8_t *msg;

	if (w.up.n) {
		msg = queue_pop(&w.up, &len);
		CHECK(rent_host_receive(w.s->s, msg, len, w.rig.now_ms, &e) ==
			      ERR_NONE,
		      "the host ends it: %s", e.msg);
		free(msg);
		rent_client_drained(w.c, w.rig.now_ms);
		return true;
	}
	if (!w.down.n)
		return false;
	msg = queue_pop(&w.down, &len);
	CHECK(rent_client_receive(w.c, msg, len, w.rig.now_ms, &e) == ERR_NONE,
	      "the renter ends it: %s", e.msg);
	free(msg);
	return true;
}

static bool sign(void)
{
	struct rent_answer a = {.code = ERR_NONE};
	struct sig64 sig;

	if (!w.signing)
		return false;
	w.signing = false;
	sig = rig_sign_agreement(&w.rig.host, &w.to_sign);
	a.bytes = sig.bytes;
	a.n_bytes = sizeof(sig.bytes);
	rent_host_answer(w.rig.h, w.sign_token, &a, w.rig.now_ms);
	return true;
}

/* Until all n have ended. */
static void run(const struct outcome *o, size_t n)
{
	size_t ended = 0;

	loop_timer_set(w.disk.guard, 30000);
	while (ended < n && !w.disk.timed_out && !w.closed) {
		if (!deliver() && !sign())
			loop_run(w.disk.loop);
		for (ended = 0; ended < n && o[ended].called; ended++)
			continue;
	}
	loop_timer_cancel(w.disk.guard);
	CHECK(!w.disk.timed_out, "only %zu of %zu ended", ended, n);
}

static void done(struct outcome *o, size_t n, const char *what)
{
	run(o, n);
	for (size_t i = 0; i < n; i++)
		CHECK(o[i].called == 1 && o[i].r.fate == RENT_DONE,
		      "%s %zu: fate %d, %s (%s)", what, i, o[i].r.fate,
		      rent_no_name(o[i].r.code), o[i].why);
}

static void refused(struct outcome *o, enum rent_no code, const char *what)
{
	run(o, 1);
	CHECK(o->called == 1 && o->r.fate == RENT_REFUSED && o->r.code == code,
	      "%s: called %u, fate %d, %s (%s), not %s", what, o->called,
	      o->r.fate, rent_no_name(o->r.code), o->why, rent_no_name(code));
	outcome_clear(o, 1);
}

/* ---- what is asked ---- */

static void put(unsigned n, struct outcome *o)
{
	struct span data = {NULL, sectors[n], SECTOR_LEN};
	struct err e = {0};

	CHECK(rent_call_put(w.c, &roots[n], &data, outcome_set, o, &e) != NULL,
	      "%s", e.msg);
}

static struct agreement agreement_of(uint32_t n, uint32_t revision)
{
	struct agreement a = rig_prepaid(&w.rig, &w.me.address, roots, n);

	a.revision = revision;
	return a;
}

static void revise(const struct agreement *a, uint32_t from, uint32_t n,
		   struct outcome *o)
{
	struct rent_revise_ask ask = {
		.a = *a, .adds = roots + from, .n_adds = n, .due = a->earned};
	struct err e = {0};

	ask.sig = rig_sign_agreement(&w.me, a);
	CHECK(rent_call_revise(w.c, &ask, outcome_set, o, &e) != NULL, "%s",
	      e.msg);
}

/* Puts the first n sectors under an agreement. */
static struct agreement rent(uint32_t n)
{
	struct outcome o[SECTORS] = {0}, rev = {0};
	struct agreement a = agreement_of(n, 0);

	for (unsigned i = 0; i < n; i++)
		put(i, &o[i]);
	done(o, n, "put");
	revise(&a, 0, n, &rev);
	done(&rev, 1, "revise");
	return a;
}

static const uint8_t master[32] = {1}, full[32] = {2};

/* A signed record of some bytes; *id is its key. */
static uint8_t *record(uint64_t seq, size_t content, size_t *len,
		       uint8_t id[32])
{
	struct rng rng = rng_seeded(3);
	struct object_keys keys;
	uint8_t *bytes = calloc(1, content + 1), *out = NULL;
	struct err e = {0};

	object_keys_own(&keys, master, full);
	CHECK(record_seal(&out, len, &keys, master, seq, bytes, content, &rng,
			  &e) == ERR_NONE,
	      "%s", e.msg);
	memcpy(id, keys.owner_pk, 32);
	free(bytes);
	return out;
}

static void place(uint64_t seq, const uint8_t id[32], const uint8_t *bytes,
		  size_t len, struct outcome *o)
{
	struct err e = {0};

	CHECK(rent_call_place(w.c, id, seq, bytes, (uint32_t)len, outcome_set,
			      o, &e) != NULL,
	      "%s", e.msg);
}

/* ---- tests ---- */

static void all_that_is_stored_is_there(void)
{
	struct outcome o[9] = {0};
	struct agreement a;
	struct err e = {0};
	uint8_t id[32], *bytes;
	size_t len;

	start();
	a = rent(3);
	bytes = record(4, 100000, &len, id);
	place(4, id, bytes, len, &o[0]);
	(void)rent_call_keep(w.c, 9, bytes, 100, outcome_set, &o[1], &e);
	(void)rent_call_newest(w.c, RENT_UNOPENED, &a, outcome_set, &o[2], &e);
	(void)rent_call_list(w.c, &a, outcome_set, &o[3], &e);
	(void)rent_call_lost(w.c, RENT_UNOPENED, outcome_set, &o[4], &e);
	(void)rent_call_read(w.c, &roots[2], 5 * RENT_TILE, 6 * RENT_TILE, NULL,
			     outcome_set, &o[5], &e);
	(void)rent_call_have(w.c, roots, 5, outcome_set, &o[6], &e);
	done(o, 7, "call");
	(void)rent_call_fetch(w.c, id, outcome_set, &o[7], &e);
	(void)rent_call_head(w.c, outcome_set, &o[8], &e);
	done(o, 9, "call");
	CHECK(e.code == ERR_NONE, "%s", e.msg);
	CHECK(o[3].r.n_roots == 3 && o[4].r.n_roots == 0, "lists");
	CHECK(o[5].r.len == 6 * RENT_TILE &&
		      memcmp(o[5].data, sectors[2] + 5 * RENT_TILE,
			     6 * RENT_TILE) == 0,
	      "bytes");
	CHECK(o[6].r.len == 1 && o[6].data[0] == 0xe0, "have");
	CHECK(o[7].r.len == len && o[7].r.seq == 4 &&
		      memcmp(o[7].data, bytes, len) == 0,
	      "record");
	CHECK(o[8].r.len == 100 && o[8].r.seq == 9, "head");
	outcome_clear(o, 9);
	free(bytes);
	stop();
}

static void what_is_not_here_is_told_apart_from_what_is_lost(void)
{
	struct outcome o = {0};
	struct agreement a;
	struct err e = {0};
	uint8_t id[32] = {7};

	start();
	a = rent(2);
	(void)rent_call_read(w.c, &roots[5], 0, RENT_TILE, NULL, outcome_set,
			     &o, &e);
	refused(&o, RENT_NO_UNKNOWN, "a sector that never was here");
	(void)rent_call_newest(w.c, RENT_UNOPENED + 7, NULL, outcome_set, &o,
			       &e);
	refused(&o, RENT_NO_UNKNOWN, "an agreement that is none");
	(void)rent_call_lost(w.c, RENT_UNOPENED + 7, outcome_set, &o, &e);
	refused(&o, RENT_NO_UNKNOWN, "what is lost of it");
	(void)rent_call_fetch(w.c, id, outcome_set, &o, &e);
	refused(&o, RENT_NO_UNKNOWN, "a record that is none");
	(void)rent_call_head(w.c, outcome_set, &o, &e);
	refused(&o, RENT_NO_UNKNOWN, "a head that is none");
	srig_spoil(&w.disk, 0, 0);
	srig_spoil(&w.disk, 0, 1);
	(void)rent_call_read(w.c, &roots[1], 0, RENT_TILE, NULL, outcome_set,
			     &o, &e);
	refused(&o, RENT_NO_LOST, "a sector whose bytes rotted");
	(void)rent_call_lost(w.c, RENT_UNOPENED, outcome_set, &o, &e);
	done(&o, 1, "lost");
	CHECK(o.r.n_roots == 1, "%u lost", o.r.n_roots);
	outcome_clear(&o, 1);
	put(1, &o);
	done(&o, 1, "put again");
	outcome_clear(&o, 1);
	(void)rent_call_read(w.c, &roots[1], 0, RENT_TILE, NULL, outcome_set,
			     &o, &e);
	done(&o, 1, "read what was put again");
	outcome_clear(&o, 1);
	(void)a;
	stop();
}

static void what_the_disk_refuses_has_a_name(void)
{
	struct outcome o[SECTORS] = {0};
	struct agreement a;
	struct hash32 was = roots[7];

	start();
	a = agreement_of(2, 0);
	revise(&a, 0, 2, &o[0]);
	refused(&o[0], RENT_NO_LIST, "sectors that are not here");
	roots[7].bytes[0] ^= 1;
	put(7, &o[0]);
	refused(&o[0], RENT_NO_ROOT, "other bytes than the root says");
	roots[7] = was;
	for (unsigned i = 0; i < 6; i++)
		put(i, &o[i]);
	done(o, 6, "put");
	outcome_clear(o, 6);
	put(6, &o[0]);
	refused(&o[0], RENT_NO_STAGE, "more than may be staged");
	CHECK(srig_space(&w.disk, 0, 6) == ERR_NONE, "%s", w.disk.got.msg);
	revise(&a, 0, 2, &o[0]);
	done(o, 1, "revise");
	outcome_clear(o, 1);
	put(6, &o[0]);
	refused(&o[0], RENT_NO_STAGE, "a full disk");
	stop();
}

static void records_are_their_signers_and_follow_what_is_stored(void)
{
	struct outcome o = {0};
	uint8_t id[32], *bytes, *large;
	size_t len, large_len;

	start();
	bytes = record(5, 1000, &len, id);
	place(5, id, bytes, len, &o);
	refused(&o, RENT_NO_ACCOUNT, "of who stores nothing");
	(void)rent(1);
	bytes[len - 1] ^= 1;
	place(5, id, bytes, len, &o);
	refused(&o, RENT_NO_ROOT, "not signed");
	bytes[len - 1] ^= 1;
	place(6, id, bytes, len, &o);
	refused(&o, RENT_NO_ROOT, "another sequence than it says");
	id[0] ^= 1;
	place(5, id, bytes, len, &o);
	refused(&o, RENT_NO_ROOT, "another key than it says");
	id[0] ^= 1;
	place(5, id, bytes, len, &o);
	done(&o, 1, "place");
	outcome_clear(&o, 1);
	free(bytes);
	bytes = record(4, 1000, &len, id);
	place(4, id, bytes, len, &o);
	refused(&o, RENT_NO_OLD, "an older one");
	large = record(7, 3U << 20, &large_len, id);
	place(7, id, large, large_len, &o);
	refused(&o, RENT_NO_FULL, "4 MiB for one sector");
	free(large);
	free(bytes);
	stop();
}

/* A steward stores nothing here, and the key is known. */
static void a_record_that_is_here_is_gone_on_with_by_others(void)
{
	struct outcome o = {0};
	uint8_t id[32], *first, *bytes, *large;
	size_t len, large_len;
	struct record_put owners = {.sequence = 1, .expires_s = 5000};

	start();
	first = record(1, 100, &len, id);
	memcpy(owners.object.bytes, id, sizeof(id));
	memset(owners.owner.bytes, 0x44, sizeof(owners.owner.bytes));
	owners.bytes = first;
	owners.len = len;
	CHECK(srig_do(&w.disk, sectors_put_placement, &owners) == ERR_NONE,
	      "%s", w.disk.got.msg);
	free(first);
	large = record(2, 300000, &large_len, id);
	place(2, id, large, large_len, &o);
	refused(&o, RENT_NO_ACCOUNT, "more than 256 KiB");
	free(large);
	bytes = record(2, 200000, &len, id);
	place(2, id, bytes, len, &o);
	done(&o, 1, "place");
	outcome_clear(&o, 1);
	free(bytes);
	stop();
}

/* The disk takes one sector at a time; all of them come in at once. */
static void sectors_wait_for_the_disk(void)
{
	struct outcome o[6] = {0};

	start();
	close_disk();
	w.disk.cfg.max_put_mib = 1;
	srig_start(&w.disk);
	open_store();
	for (unsigned i = 0; i < 6; i++)
		put(i, &o[i]);
	done(o, 6, "put");
	stop();
}

static void a_disk_that_is_not_there_is_told(void)
{
	struct outcome o = {0};
	char path[128];
	struct err e = {0};

	start();
	(void)rent(1);
	close_disk();
	(void)snprintf(path, sizeof(path), "%s/" VOLUME_FILE, w.disk.at[0]);
	if (unlink(path) != 0)
		abort();
	srig_start(&w.disk);
	open_store();
	(void)rent_call_read(w.c, &roots[0], 0, RENT_TILE, NULL, outcome_set,
			     &o, &e);
	/* "later": the client asks some times before it says so */
	while (!o.called && w.rig.now_ms < 1100000) {
		if (deliver())
			continue;
		if (w.asked > w.answers) {
			loop_run(w.disk.loop);
			continue;
		}
		w.rig.now_ms += 500;
		rent_client_tick(w.c, w.rig.now_ms, w.rig.now_s);
	}
	CHECK(o.called == 1 && o.r.fate == RENT_REFUSED &&
		      o.r.code == RENT_NO_STORE,
	      "called %u, fate %d, %s", o.called, o.r.fate,
	      rent_no_name(o.r.code));
	outcome_clear(&o, 1);
	stop();
}

/* Sessions end, then the disk, with everything under way: what was stored is
 * counted, and nothing is left (the sanitizers say). */
static void the_end_comes_in_the_middle(void)
{
	struct outcome o[SECTORS + 2] = {0};
	struct err e = {0};
	uint8_t id[32], *bytes;
	unsigned answers;
	size_t len;

	start();
	(void)rent(1);
	bytes = record(5, 100000, &len, id);
	for (unsigned i = 1; i < 6; i++)
		put(i, &o[i]);
	place(5, id, bytes, len, &o[6]);
	(void)rent_call_read(w.c, &roots[0], 0, RENT_SECTOR, NULL, outcome_set,
			     &o[7], &e);
	(void)rent_call_head(w.c, outcome_set, &o[8], &e);
	while (deliver())
		continue;
	answers = w.answers;
	rig_hangup(w.s);
	w.rig.orphan_dues = 0;
	close_disk();
	CHECK(w.answers > answers, "the disk answered before it closed");
	CHECK(w.rig.orphan_dues == 5 * 100,
	      "%llu due of sectors that nobody was told of",
	      (unsigned long long)w.rig.orphan_dues);
	free(bytes);
	outcome_clear(o, SECTORS + 2);
	stop();
}

int main(void)
{
	for (unsigned i = 0; i < SECTORS; i++)
		rig_sector_bytes(sectors[i], &roots[i], i + 1);
	all_that_is_stored_is_there();
	what_is_not_here_is_told_apart_from_what_is_lost();
	what_the_disk_refuses_has_a_name();
	records_are_their_signers_and_follow_what_is_stored();
	a_record_that_is_here_is_gone_on_with_by_others();
	sectors_wait_for_the_disk();
	a_disk_that_is_not_there_is_told();
	the_end_comes_in_the_middle();
	ecc_free(rig_ecc);
	return CHECK_EXIT();
}
