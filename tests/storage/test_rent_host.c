#include "tests/storage/rent_rig.h"

static struct rig rig;
static uint8_t sector[SECTOR_LEN];

static struct rent_msg part_msg(uint32_t id, const struct hash32 *root,
				uint32_t off)
{
	struct rent_msg m = {.kind = RENT_WRITE, .id = id};

	m.u.part.root = *root;
	m.u.part.off = off;
	m.bulk = (struct rent_view){sector + off, RENT_PART};
	return m;
}

/* All sixteen parts of sector n; the root as it should be. */
static enum err_code write_sector(struct rig_session *s, uint32_t id,
				  unsigned n, struct hash32 *root)
{
	enum err_code rc = ERR_NONE;

	rig_sector_bytes(sector, root, n);
	for (uint32_t off = 0; off < RENT_SECTOR && rc == ERR_NONE;
	     off += RENT_PART) {
		struct rent_msg m = part_msg(id, root, off);

		rc = rig_say(s, &m);
	}
	return rc;
}

static struct hash32 stored_sector(struct rig_session *s, unsigned n)
{
	struct hash32 root;
	struct rent_msg m;

	CHECK(write_sector(s, 5000 + n, n, &root) == ERR_NONE, "%s", s->why);
	m = rig_next(s);
	CHECK(m.kind == RENT_STORED && m.id == 5000 + n, "sector %u: kind %d",
	      n, m.kind);
	return root;
}

static struct agreement prepaid(const struct rig_session *s,
				const struct hash32 *roots, uint32_t n)
{
	return rig_prepaid(&rig, &s->id.address, roots, n);
}

static struct agreement for_chain(const struct rig_session *s,
				  const struct hash32 *roots, uint32_t n)
{
	struct agreement a = prepaid(s, roots, n);

	a.number = 0;
	a.start = a.through = 101;
	a.end = 131;
	a.earned = AMOUNT_ZERO;
	a.fund = amount_from_u64(300ULL * n);
	a.collateral = amount_from_u64(50ULL * n);
	a.penalty = amount_from_u64(5ULL * n);
	return a;
}

static struct rent_msg revise_msg(const struct rig_session *s, uint32_t id,
				  const struct agreement *a,
				  const struct hash32 *add, size_t n_add)
{
	struct rent_msg m = {.kind = RENT_REVISE, .id = id};

	m.u.revise.a = *a;
	m.u.revise.sig = rig_sign_agreement(&s->id, a);
	m.u.revise.add = (struct rent_view){
		n_add ? add->bytes : (const uint8_t *)"", n_add * 32};
	m.u.revise.cut = (struct rent_view){(const uint8_t *)"", 0};
	return m;
}

/* n sectors written and signed for. */
static struct agreement signed_for(struct rig_session *s, struct hash32 *roots,
				   uint32_t n)
{
	struct agreement a;
	struct rent_msg m;
	struct hash32 digest;

	for (uint32_t i = 0; i < n; i++)
		roots[i] = stored_sector(s, i);
	a = prepaid(s, roots, n);
	m = revise_msg(s, 77, &a, roots, n);
	CHECK(rig_say(s, &m) == ERR_NONE, "%s", s->why);
	m = rig_next(s);
	CHECK(m.kind == RENT_SIGNED && m.id == 77, "kind %d: %s", m.kind,
	      rent_no_name(rig.last_refusal));
	digest = eip712_agreement(&rig_domain, &a);
	CHECK(m.kind != RENT_SIGNED || rig_units(m.u.sign.due) == 10ULL * n,
	      "due");
	(void)digest;
	return a;
}

/* ---- hello ---- */

enum hello_harm {
	NO_HARM,
	NOT_SHOWN,
	OTHER_CHAIN,
	OTHER_BANK,
	FORGED,
	OTHER_SESSION,
	OUR_ACCOUNT
};

static void hello_is_judged(void)
{
	static const struct {
		const char *name;
		enum hello_harm harm;
		enum err_code want;
		enum rent_kind answer;
		const char *state;
	} rows[] = {
		{"with an account", NO_HARM, ERR_NONE, RENT_WELCOME, "known"},
		{"without one", NOT_SHOWN, ERR_NONE, RENT_WELCOME, "open"},
		{"for another chain", OTHER_CHAIN, ERR_NONE, RENT_ERROR, "new"},
		{"for another bank", OTHER_BANK, ERR_NONE, RENT_ERROR, "new"},
		{"forged", FORGED, ERR_SIG, 0, "dead"},
		{"taken from another session", OTHER_SESSION, ERR_SIG, 0,
		 "dead"},
		{"of our own account", OUR_ACCOUNT, ERR_STATE, 0, "dead"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct rent_session_view v;
		struct rig_session *s;
		struct rent_msg m;

		rig_init(&rig);
		s = rig_connect(&rig, 1);
		if (rows[i].harm == OTHER_SESSION)
			s->key[0] ^= 1;
		if (rows[i].harm == OUR_ACCOUNT)
			s->id = rig.host;
		m = rig_hello(s, rows[i].harm != NOT_SHOWN);
		if (rows[i].harm == OTHER_CHAIN)
			m.u.hello.chain_id++;
		if (rows[i].harm == OTHER_BANK)
			m.u.hello.bank.bytes[0]++;
		if (rows[i].harm == FORGED)
			m.u.hello.sig.bytes[40] ^= 1;
		CHECK(rig_say(s, &m) == rows[i].want, "%s: %s", rows[i].name,
		      s->why);
		CHECK(rig_next(s).kind == rows[i].answer, "%s: answer",
		      rows[i].name);
		rent_session_view(s->s, &v);
		CHECK(strcmp(v.state, rows[i].state) == 0, "%s: %s",
		      rows[i].name, v.state);
		rig_free(&rig);
	}
}

static void the_host_shows_its_account(void)
{
	struct rig_session *s;
	struct hash32 digest;
	struct rent_msg m;

	rig_init(&rig);
	s = rig_connect(&rig, 1);
	m = rig_hello(s, false);
	CHECK(rig_say(s, &m) == ERR_NONE, "%s", s->why);
	m = rig_next(s);
	digest = eip712_channel(&rig_domain, &rig.host.address, rig_host_key);
	CHECK(m.kind == RENT_WELCOME &&
		      address_eq(&m.u.hello.account, &rig.host.address) &&
		      memcmp(m.u.hello.sig.bytes,
			     rig_sign(&rig.host, &digest).bytes, 64) == 0,
	      "not its own");
	rig_free(&rig);
}

/* ---- the table: each state, each message ---- */

enum outcome { ENDS, REFUSED, ANSWERED, NOTHING };

static struct rent_msg any_msg(const struct rig_session *s, enum rent_kind kind,
			       const struct hash32 *root)
{
	static uint8_t record[RENT_NODE_LEN];
	struct agreement a = prepaid(s, root, 1);
	struct rent_msg m = {.kind = kind, .id = 9};

	switch (kind) {
	case RENT_HELLO:
		return rig_hello(s, true);
	case RENT_PEERS:
		m.u.peers = 3;
		break;
	case RENT_TELL:
		m.id = 0;
		m.u.tell.nodes = (struct rent_view){record, sizeof(record)};
		break;
	case RENT_HAVE:
		m.u.have.roots = (struct rent_view){root->bytes, 32};
		break;
	case RENT_WRITE:
		return part_msg(9, root, 0);
	case RENT_REVISE:
		return revise_msg(s, 9, &a, root, 1);
	case RENT_READ:
		m.u.read.root = *root;
		m.u.read.len = RENT_TILE;
		break;
	case RENT_LIST:
		m.u.page.n = 5;
		m.u.page.number = RENT_UNOPENED;
		break;
	case RENT_NEWEST:
	case RENT_LOST:
		m.u.page.number = RENT_UNOPENED;
		break;
	case RENT_PLACE:
		m.u.place.seq = 3;
		m.u.place.size = 4;
		m.bulk = (struct rent_view){(const uint8_t *)"abcd", 4};
		break;
	case RENT_KEEP:
		m.u.keep.seq = 3;
		m.bulk = (struct rent_view){(const uint8_t *)"abcd", 4};
		break;
	case RENT_OFFER:
	case RENT_FETCH:
	case RENT_HEAD:
	case RENT_STORED:
		break;
	case RENT_WELCOME:
		m = rig_hello(s, true);
		m.kind = RENT_WELCOME;
		break;
	case RENT_NODES:
		m.u.tell.nodes = (struct rent_view){record, 0};
		break;
	case RENT_HAS:
		m.u.has.bits = (struct rent_view){record, 1};
		break;
	case RENT_DATA:
		m.u.data.proof = (struct rent_view){record, 0};
		m.bulk = (struct rent_view){sector, RENT_TILE};
		break;
	case RENT_RECORD:
		m.u.place.seq = 3;
		m.u.place.size = 4;
		m.bulk = (struct rent_view){record, 4};
		break;
	case RENT_KEPT:
		m.u.keep.seq = 3;
		m.bulk = (struct rent_view){record, 4};
		break;
	case RENT_ERROR:
		m.u.error.code = RENT_NO_BUSY;
		break;
	case RENT_SHEET:
	case RENT_SIGNED:
	case RENT_ROOTS:
	case RENT_HELD:
	case RENT_LOSSES:
		break;
	}
	return m;
}

static const struct {
	enum rent_kind kind;
	enum outcome fresh, open, known; /* by state */
} cells[] = {
	{RENT_HELLO, ANSWERED, ENDS, ENDS},
	{RENT_OFFER, ENDS, ANSWERED, ANSWERED},
	{RENT_PEERS, ENDS, ANSWERED, ANSWERED},
	{RENT_TELL, ENDS, NOTHING, NOTHING},
	{RENT_HAVE, ENDS, REFUSED, ANSWERED},
	{RENT_WRITE, ENDS, NOTHING, NOTHING}, /* the other parts */
	{RENT_REVISE, ENDS, REFUSED, ANSWERED},
	{RENT_READ, ENDS, ANSWERED, ANSWERED},
	{RENT_LIST, ENDS, REFUSED, REFUSED},
	{RENT_NEWEST, ENDS, REFUSED, REFUSED},
	{RENT_LOST, ENDS, REFUSED, REFUSED},
	{RENT_PLACE, ENDS, REFUSED, ANSWERED},
	{RENT_FETCH, ENDS, REFUSED, REFUSED},
	{RENT_KEEP, ENDS, REFUSED, ANSWERED},
	{RENT_HEAD, ENDS, REFUSED, REFUSED},
	{RENT_WELCOME, ENDS, ENDS, ENDS},
	{RENT_SHEET, ENDS, ENDS, ENDS},
	{RENT_NODES, ENDS, ENDS, ENDS},
	{RENT_STORED, ENDS, ENDS, ENDS},
	{RENT_HAS, ENDS, ENDS, ENDS},
	{RENT_SIGNED, ENDS, ENDS, ENDS},
	{RENT_DATA, ENDS, ENDS, ENDS},
	{RENT_ROOTS, ENDS, ENDS, ENDS},
	{RENT_HELD, ENDS, ENDS, ENDS},
	{RENT_LOSSES, ENDS, ENDS, ENDS},
	{RENT_RECORD, ENDS, ENDS, ENDS},
	{RENT_KEPT, ENDS, ENDS, ENDS},
	{RENT_ERROR, ENDS, ENDS, ENDS},
};

static enum outcome outcome_of(struct rig_session *s, enum err_code rc)
{
	struct rent_msg m;

	if (rc != ERR_NONE)
		return ENDS;
	m = rig_next(s);
	if (m.kind == 0)
		return NOTHING;
	return m.kind == RENT_ERROR ? REFUSED : ANSWERED;
}

static void every_cell_does_what_it_should(void)
{
	CHECK(ROWS(cells) == RENT_ERROR, "a kind is missing");
	for (size_t i = 0; i < ROWS(cells); i++)
		for (unsigned state = 0; state < 3; state++) {
			struct rig_session *other, *s;
			enum outcome want = state == 0	 ? cells[i].fresh
					    : state == 1 ? cells[i].open
							 : cells[i].known;
			struct hash32 root;
			struct rent_msg m;

			rig_init(&rig);
			other = rig_known(&rig, 2);
			root = stored_sector(other, 1);
			s = rig_connect(&rig, 1);
			m = rig_hello(s, state == 2);
			if (state) {
				CHECK(rig_say(s, &m) == ERR_NONE, "%s", s->why);
				(void)rig_next(s);
			}
			m = any_msg(s, cells[i].kind, &root);
			CHECK(outcome_of(s, rig_say(s, &m)) == want,
			      "%s in state %u: %s",
			      rent_kind_name(cells[i].kind), state, s->why);
			/* the dead say nothing and are told nothing */
			if (want == ENDS) {
				unsigned said = s->n_out;

				m = rig_hello(s, true);
				CHECK(rig_say(s, &m) == ERR_NONE &&
					      s->n_out == said,
				      "%s: not dead",
				      rent_kind_name(cells[i].kind));
			}
			rig_free(&rig);
		}
}

/* ---- sectors come in ---- */

static void a_sector_is_stored(void)
{
	struct rig_session *s;
	struct hash32 root;
	struct rent_msg m;

	rig_init(&rig);
	s = rig_known(&rig, 1);
	CHECK(write_sector(s, 4, 9, &root) == ERR_NONE, "%s", s->why);
	m = rig_next(s);
	CHECK(m.kind == RENT_STORED && m.id == 4 &&
		      rig_units(m.u.sign.due) == 100,
	      "kind %d", m.kind);
	CHECK(s->dues == 100 && rig.n_sectors == 1 &&
		      memcmp(rig.sectors[0].bytes, sector, SECTOR_LEN) == 0,
	      "not what was sent");
	CHECK(rig.events[RENT_EV_STORED] == 1, "no event");
	rig_free(&rig);
}

enum write_harm {
	LATE_START,
	GAP,
	AGAIN,
	ROOT_CHANGES,
	WITHIN,
	ID_TAKEN,
};

static void parts_come_in_order(void)
{
	static const struct {
		const char *name;
		enum write_harm harm;
		enum err_code want;
	} rows[] = {
		{"begun in the middle", LATE_START, ERR_STATE},
		{"with a gap", GAP, ERR_STATE},
		{"a part twice", AGAIN, ERR_STATE},
		{"another root half way", ROOT_CHANGES, ERR_STATE},
		{"a sector within a sector", WITHIN, ERR_STATE},
		{"a number that waits for its answer", ID_TAKEN, ERR_STATE},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct rig_session *s;
		struct hash32 root;
		struct rent_msg m;

		rig_init(&rig);
		s = rig_known(&rig, 1);
		rig_sector_bytes(sector, &root, 1);
		if (rows[i].harm == ID_TAKEN) {
			rig.hold_answers = true;
			(void)write_sector(s, 4, 1, &root);
		}
		m = part_msg(4, &root,
			     rows[i].harm == LATE_START ? RENT_PART : 0);
		if (rows[i].harm != LATE_START && rows[i].harm != ID_TAKEN) {
			CHECK(rig_say(s, &m) == ERR_NONE, "%s", s->why);
			m = part_msg(4, &root, RENT_PART);
		}
		if (rows[i].harm == GAP)
			m.u.part.off += RENT_PART;
		if (rows[i].harm == AGAIN)
			m.u.part.off = 0;
		if (rows[i].harm == ROOT_CHANGES)
			m.u.part.root.bytes[0] ^= 1;
		if (rows[i].harm == WITHIN)
			m = part_msg(5, &root, 0);
		CHECK(rig_say(s, &m) == rows[i].want, "%s: %s", rows[i].name,
		      s->why);
		rig_free(&rig);
	}
}

enum write_fault {
	BAD_BYTES,
	NO_SPACE,
	NO_MONEY,
	DRAINING,
	STAGE_FULL,
	DISK_FAILS,
	NO_PRICE,
	ANONYMOUS,
};

static void a_sector_is_refused_once_it_has_passed(void)
{
	static const struct {
		const char *name;
		enum write_fault fault;
		enum rent_no want;
		unsigned asked;
	} rows[] = {
		{"other bytes than the root says", BAD_BYTES, RENT_NO_ROOT, 1},
		{"no space", NO_SPACE, RENT_NO_FULL, 0},
		{"not covered by receipts", NO_MONEY, RENT_NO_FUNDS, 0},
		{"a host that drains", DRAINING, RENT_NO_CLOSED, 0},
		{"too many that no revision names", STAGE_FULL, RENT_NO_STAGE,
		 1},
		{"a disk that fails", DISK_FAILS, RENT_NO_STORE, 1},
		{"no account shown", ANONYMOUS, RENT_NO_ACCOUNT, 0},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		enum write_fault fault = rows[i].fault;
		struct rig_session *s;
		struct hash32 root;
		struct rent_msg m;

		rig_init(&rig);
		s = rig_connect(&rig, 1);
		m = rig_hello(s, fault != ANONYMOUS);
		CHECK(rig_say(s, &m) == ERR_NONE, "%s", s->why);
		(void)rig_next(s);
		if (fault == NO_SPACE)
			rig.space = 0;
		if (fault == NO_MONEY)
			s->credit = 99;
		if (fault == DRAINING)
			rent_host_set_closed(rig.h, true);
		if (fault == STAGE_FULL)
			rig.stage_max = 0;
		if (fault == DISK_FAILS) {
			rig.fail_kind = RENT_ASK_PUT;
			rig.fail_code = ERR_IO;
		}
		rig_sector_bytes(sector, &root, 1);
		if (fault == BAD_BYTES)
			root.bytes[3] ^= 1;
		for (uint32_t off = 0; off < RENT_SECTOR; off += RENT_PART) {
			m = part_msg(4, &root, off);
			CHECK(rig_say(s, &m) == ERR_NONE, "%s: %s",
			      rows[i].name, s->why);
			CHECK(off + RENT_PART == RENT_SECTOR ||
				      rig_next(s).kind == 0,
			      "%s: answered early", rows[i].name);
		}
		m = rig_next(s);
		CHECK(m.kind == RENT_ERROR && m.id == 4 &&
			      m.u.error.code == rows[i].want,
		      "%s: kind %d, %s", rows[i].name, m.kind,
		      rent_no_name(m.u.error.code));
		CHECK(rig.asked[RENT_ASK_PUT] == rows[i].asked && s->dues == 0,
		      "%s: asked %u, dues %llu", rows[i].name,
		      rig.asked[RENT_ASK_PUT], (unsigned long long)s->dues);
		/* the next one is taken when the fault is over */
		rig.space = 1000;
		s->credit = 1000;
		rent_host_set_closed(rig.h, false);
		rig.stage_max = 100;
		if (fault != ANONYMOUS)
			(void)stored_sector(s, 2);
		rig_free(&rig);
	}
}

/* What is under way counts against the receipts already. */
static void credit_is_not_used_twice(void)
{
	struct rig_session *s;
	struct hash32 root;
	unsigned stored = 0, refused = 0;

	rig_init(&rig);
	s = rig_known(&rig, 1);
	s->credit = 250;
	rig.hold_answers = true;
	for (unsigned i = 0; i < 4; i++)
		CHECK(write_sector(s, 10 + i, i, &root) == ERR_NONE, "%s",
		      s->why);
	rig.hold_answers = false;
	rig_run(&rig);
	for (struct rent_msg m = rig_next(s); m.kind; m = rig_next(s)) {
		stored += m.kind == RENT_STORED;
		refused +=
			m.kind == RENT_ERROR && m.u.error.code == RENT_NO_FUNDS;
	}
	CHECK(stored == 2 && refused == 2 && s->dues == 200, "%u, %u, %llu",
	      stored, refused, (unsigned long long)s->dues);
	rig_free(&rig);
}

/* Three that are covered one after another, not all at once. */
static void credit_comes_back(void)
{
	struct rig_session *s;

	rig_init(&rig);
	s = rig_known(&rig, 1);
	s->credit = 300;
	for (unsigned i = 0; i < 3; i++)
		(void)stored_sector(s, i);
	CHECK(s->dues == 300, "%llu", (unsigned long long)s->dues);
	rig_free(&rig);
}

static void sectors_at_once_are_bounded(void)
{
	struct rig_session *s;
	struct hash32 root;
	struct rent_msg m;

	rig_init(&rig);
	s = rig_known(&rig, 1);
	rig.hold_answers = true;
	for (unsigned i = 0; i < RENT_WRITES_MAX; i++)
		CHECK(write_sector(s, 10 + i, i, &root) == ERR_NONE, "%u: %s",
		      i, s->why);
	m = part_msg(100, &root, 0);
	CHECK(rig_say(s, &m) == ERR_LIMIT, "%s", s->why);
	rig_free(&rig);
}

/* cfg.buffers is 8: whoever completes the eighth is not read until some are
 * stored, but half a sector is always completed. */
static void reading_stops_while_memory_is_used_up(void)
{
	struct rig_session *a, *b;
	struct hash32 root;
	struct rent_msg m;

	rig_init(&rig);
	a = rig_known(&rig, 1);
	b = rig_known(&rig, 2);
	rig.hold_answers = true;
	rig_sector_bytes(sector, &root, 50);
	m = part_msg(1, &root, 0);
	CHECK(rig_say(b, &m) == ERR_NONE, "%s", b->why);
	for (unsigned i = 0; i < 7; i++)
		CHECK(write_sector(a, 10 + i, i, &root) == ERR_NONE, "%s",
		      a->why);
	CHECK(a->blocked && !b->blocked, "blocked: %d %d", a->blocked,
	      b->blocked);
	rig_sector_bytes(sector, &root, 50);
	for (uint32_t off = RENT_PART; off < RENT_SECTOR; off += RENT_PART) {
		m = part_msg(1, &root, off);
		CHECK(rig_say(b, &m) == ERR_NONE, "%s", b->why);
	}
	CHECK(b->blocked, "b is still read");
	CHECK(rig_step(&rig) && a->blocked, "after one");
	CHECK(rig_step(&rig) && !a->blocked && !b->blocked, "after two");
	rig.hold_answers = false;
	rig_run(&rig);
	CHECK(rig.n_sectors == 8, "%u", rig.n_sectors);
	rig_free(&rig);
}

/* Half a sector, and nothing more; bytes that trickle are let be. */
static void half_a_sector_does_not_rest(void)
{
	struct rig_session *s;
	struct hash32 root;
	struct rent_msg m;

	rig_init(&rig);
	s = rig_known(&rig, 1);
	rig_sector_bytes(sector, &root, 50);
	for (uint32_t off = 0; off < 3 * RENT_PART; off += RENT_PART) {
		m = part_msg(1, &root, off);
		CHECK(rig_say(s, &m) == ERR_NONE, "%s", s->why);
		rig.now_ms += RENT_STALL_MS - 1;
		rent_host_tick(rig.h, rig.now_ms, rig.now_s);
		CHECK(!s->closed, "closed at %u", off);
	}
	rent_host_tick(rig.h, rig.now_ms + 1, rig.now_s);
	CHECK(s->closed, "rests");
	rig_free(&rig);
}

static void silence_at_the_start_ends(void)
{
	struct rig_session *s;

	rig_init(&rig);
	s = rig_connect(&rig, 1);
	rent_host_tick(rig.h, rig.now_ms + RENT_HELLO_MS - 1, rig.now_s);
	CHECK(!s->closed, "too early");
	rent_host_tick(rig.h, rig.now_ms + RENT_HELLO_MS, rig.now_s);
	CHECK(s->closed, "waits");
	rig_free(&rig);
}

/* The renter goes while its sector is on its way to the disk. */
static void what_was_stored_is_owed(void)
{
	struct rig_session *s;
	struct hash32 root;

	rig_init(&rig);
	s = rig_known(&rig, 1);
	rig.hold_answers = true;
	CHECK(write_sector(s, 1, 1, &root) == ERR_NONE, "%s", s->why);
	rig_hangup(s);
	rig.hold_answers = false;
	rig_run(&rig);
	CHECK(rig.n_sectors == 1 && rig.orphan_dues == 100 && s->dues == 0,
	      "%llu", (unsigned long long)rig.orphan_dues);
	rig_free(&rig);
}

static void have_says_what_is_here(void)
{
	struct rig_session *s;
	struct hash32 roots[10];
	struct rent_msg m = {.kind = RENT_HAVE, .id = 3};

	rig_init(&rig);
	s = rig_known(&rig, 1);
	memset(roots, 0x77, sizeof(roots));
	roots[1] = stored_sector(s, 1);
	roots[9] = stored_sector(s, 9);
	m.u.have.roots = (struct rent_view){roots[0].bytes, sizeof(roots)};
	CHECK(rig_say(s, &m) == ERR_NONE, "%s", s->why);
	m = rig_next(s);
	CHECK(m.kind == RENT_HAS && m.u.has.bits.len == 2 &&
		      m.u.has.bits.p[0] == 0x40 && m.u.has.bits.p[1] == 0x40,
	      "kind %d", m.kind);
	rig_free(&rig);
}

/* ---- revisions ---- */

static void a_revision_is_signed_and_kept(void)
{
	struct rig_session *s;
	struct hash32 roots[4];
	struct rent_signed_revision kept;
	struct agreement a, b;
	struct rent_msg m;
	uint8_t cut[4] = {0, 0, 0, 1};

	rig_init(&rig);
	s = rig_known(&rig, 1);
	a = signed_for(s, roots, 3);
	CHECK(s->dues == 300 + 30 && rig.n_lists == 1 &&
		      rig.events[RENT_EV_REVISED] == 1,
	      "%llu", (unsigned long long)s->dues);
	CHECK(rent_blob_get(&kept, rig.lists[0].blob, RENT_BLOB_LEN, NULL) ==
			      ERR_NONE &&
		      kept.a.sectors == 3 && rig_units(kept.due) == 30,
	      "not kept");
	/* one is cut, another appended */
	roots[3] = stored_sector(s, 3);
	roots[1] = roots[2];
	roots[2] = roots[3];
	b = a;
	b.revision = 1;
	b.root = rig_list_root(roots, 3);
	m = revise_msg(s, 78, &b, &roots[3], 1);
	m.u.revise.cut = (struct rent_view){cut, 4};
	CHECK(rig_say(s, &m) == ERR_NONE, "%s", s->why);
	m = rig_next(s);
	CHECK(m.kind == RENT_SIGNED && rig_units(m.u.sign.due) == 0,
	      "kind %d: %s", m.kind, rent_no_name(rig.last_refusal));
	CHECK(memcmp(&m.u.sign.sig, rig_sign_agreement(&rig.host, &b).bytes,
		     64) == 0,
	      "another signature");
	rig_free(&rig);
}

enum revise_harm {
	OTHERS_RENTER,
	OTHERS_HOST,
	BAD_SIG,
	OTHER_SIGNER,
	OLD_REVISION,
	SAME_REVISION,
	WRONG_ROOT,
	WRONG_COUNT,
	UNKNOWN_SECTOR,
	CUT_BEYOND,
	CHEAP,
	OLD_SHEET,
	FOREIGN_SHEET,
	UNPAID,
	NO_CHAIN,
	CLOSED_HOST,
	NO_FACTS,
	NO_COLLATERAL,
	FOR_CHAIN,
	ABSURD_AMOUNT,
};

static void revisions_are_judged(void)
{
	static const struct {
		const char *name;
		enum revise_harm harm;
		enum err_code end;
		enum rent_no want;
	} rows[] = {
		{"of another renter", OTHERS_RENTER, ERR_STATE, 0},
		{"with another host", OTHERS_HOST, ERR_STATE, 0},
		{"with a signature that is none", BAD_SIG, ERR_SIG, 0},
		{"signed by another", OTHER_SIGNER, ERR_SIG, 0},
		{"below the newest", OLD_REVISION, ERR_NONE, RENT_NO_REVISION},
		{"the newest number again, with other contents", SAME_REVISION,
		 ERR_NONE, RENT_NO_REVISION},
		{"with another root than the list's", WRONG_ROOT, ERR_NONE,
		 RENT_NO_LIST},
		{"with more sectors than the list has", WRONG_COUNT, ERR_NONE,
		 RENT_NO_LIST},
		{"with a sector that is not here", UNKNOWN_SECTOR, ERR_NONE,
		 RENT_NO_LIST},
		{"that cuts beyond the end", CUT_BEYOND, ERR_NONE,
		 RENT_NO_LIST},
		{"too cheap", CHEAP, ERR_NONE, RENT_NO_PRICE},
		{"on an expired sheet", OLD_SHEET, ERR_NONE, RENT_NO_TERMS},
		{"on a sheet of others", FOREIGN_SHEET, ERR_NONE,
		 RENT_NO_TERMS},
		{"that receipts do not cover", UNPAID, ERR_NONE, RENT_NO_FUNDS},
		{"while the chain is away", NO_CHAIN, ERR_NONE, RENT_NO_CHAIN},
		{"of a host that drains", CLOSED_HOST, ERR_NONE,
		 RENT_NO_CLOSED},
		{"for the chain, that is not read yet", NO_FACTS, ERR_NONE,
		 RENT_NO_CHAIN},
		{"for the chain, with no collateral left", NO_COLLATERAL,
		 ERR_NONE, RENT_NO_PRICE},
		{"for the chain", FOR_CHAIN, ERR_NONE, RENT_NO_NONE},
		{"with the largest of rates", ABSURD_AMOUNT, ERR_NONE,
		 RENT_NO_PERIODS},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		enum revise_harm harm = rows[i].harm;
		bool chain = harm == NO_FACTS || harm == NO_COLLATERAL ||
			     harm == FOR_CHAIN;
		struct rig_session *s;
		struct hash32 roots[4];
		struct agreement a;
		struct rent_msg m;
		uint8_t cut[4] = {0, 0, 0, 200};
		enum err_code rc;
		uint64_t dues;

		rig_init(&rig);
		s = rig_known(&rig, 1);
		a = signed_for(s, roots, 3);
		roots[3] = stored_sector(s, 3);
		a.revision = 5;
		if (chain)
			a = for_chain(s, &roots[3], 1);
		else
			a.root = rig_list_root(roots, 4);
		if (!chain) {
			a.sectors = 4;
			a.rate = amount_from_u64(40);
			a.through = 102;
			a.earned = amount_from_u64(30 + 40);
		}
		if (harm == OTHERS_RENTER)
			a.renter.bytes[0] ^= 1;
		if (harm == OTHERS_HOST)
			a.host.bytes[0] ^= 1;
		if (harm == OLD_REVISION || harm == SAME_REVISION)
			a.revision = 0;
		if (harm == WRONG_ROOT)
			a.root.bytes[9] ^= 1;
		if (harm == WRONG_COUNT)
			a.sectors = 3;
		if (harm == UNKNOWN_SECTOR) {
			roots[3].bytes[0] ^= 1;
			a.root = rig_list_root(roots, 4);
		}
		if (harm == CHEAP)
			a.rate = amount_from_u64(39);
		if (harm == OLD_SHEET || harm == FOREIGN_SHEET) {
			a.number++;
			a.sectors = 1;
			a.root = roots[3];
			a.terms = rig.old_offer.digest;
		}
		if (harm == FOREIGN_SHEET)
			a.terms.bytes[0] ^= 1;
		if (harm == UNPAID)
			s->credit = s->dues + 39;
		if (harm == ABSURD_AMOUNT)
			a.rate = amount_max112();
		rig.period_known = harm != NO_CHAIN;
		rig.facts.known = harm != NO_FACTS;
		rig.no_collateral = harm == NO_COLLATERAL;
		rent_host_set_closed(rig.h, harm == CLOSED_HOST);
		m = revise_msg(s, 78, &a, &roots[3], 1);
		if (harm == CUT_BEYOND)
			m.u.revise.cut = (struct rent_view){cut, 4};
		if (harm == BAD_SIG)
			memset(&m.u.revise.sig, 0xff, 64);
		if (harm == OTHER_SIGNER)
			m.u.revise.sig = rig_sign_agreement(&rig.host, &a);
		dues = s->dues;
		rc = rig_say(s, &m);
		CHECK(rc == rows[i].end, "%s: %s", rows[i].name, s->why);
		if (rc != ERR_NONE) {
			rig_free(&rig);
			continue;
		}
		m = rig_next(s);
		CHECK(m.id == 78 && (rows[i].want == RENT_NO_NONE
					     ? m.kind == RENT_SIGNED
					     : m.kind == RENT_ERROR &&
						       m.u.error.code ==
							       rows[i].want),
		      "%s: kind %d, %s: %s", rows[i].name, m.kind,
		      rent_no_name(m.u.error.code), m.u.error.why);
		if (rows[i].want != RENT_NO_NONE)
			CHECK(s->dues == dues && rig.lists[0].n == 3 &&
				      rig.n_lists == 1,
			      "%s: something changed", rows[i].name);
		rig_free(&rig);
	}
}

/* The disk, the index or the signer say no at each step: nothing is signed,
 * stored or owed, and the very same revision passes afterwards. */
static void a_fault_at_any_step_changes_nothing(void)
{
	static const unsigned steps[] = {RENT_ASK_AGREEMENT, RENT_ASK_PREVIEW,
					 RENT_ASK_SIGN, RENT_ASK_CHANGE};
	static const enum err_code faults[] = {ERR_IO, ERR_DB, ERR_LIMIT,
					       ERR_FUNDS, ERR_NOMEM};

	for (size_t i = 0; i < ROWS(steps); i++)
		for (size_t k = 0; k < ROWS(faults); k++) {
			struct rig_session *s;
			struct hash32 root;
			struct agreement a;
			struct rent_msg m, again;

			rig_init(&rig);
			s = rig_known(&rig, 1);
			root = stored_sector(s, 1);
			a = prepaid(s, &root, 1);
			again = m = revise_msg(s, 3, &a, &root, 1);
			rig.fail_kind = steps[i];
			rig.fail_code = faults[k];
			CHECK(rig_say(s, &m) == ERR_NONE, "%s", s->why);
			m = rig_next(s);
			CHECK(m.kind == RENT_ERROR && m.id == 3,
			      "step %u: kind %d", steps[i], m.kind);
			CHECK(rig.n_lists == 0 && s->dues == 100,
			      "step %u: changed", steps[i]);
			CHECK(rig_say(s, &again) == ERR_NONE, "%s", s->why);
			m = rig_next(s);
			CHECK(m.kind == RENT_SIGNED && s->dues == 110,
			      "step %u: not afterwards", steps[i]);
			rig_free(&rig);
		}
}

/* The renter vanishes at each step. Before the last nothing is done; after it
 * the revision stands, is owed once, and is answered when it comes again. */
static void a_renter_may_vanish_at_any_step(void)
{
	for (unsigned step = 0; step <= 4; step++) {
		struct rig_session *s;
		struct hash32 root;
		struct agreement a;
		struct rent_msg m;

		rig_init(&rig);
		s = rig_known(&rig, 1);
		root = stored_sector(s, 1);
		a = prepaid(s, &root, 1);
		m = revise_msg(s, 3, &a, &root, 1);
		rig.hold_answers = true;
		CHECK(rig_say(s, &m) == ERR_NONE, "%s", s->why);
		for (unsigned i = 0; i < step; i++)
			CHECK(rig_step(&rig), "step %u of %u", i, step);
		rig_hangup(s);
		rig.hold_answers = false;
		rig_run(&rig);
		CHECK(rig.n_lists == (step >= 3), "step %u: %u lists", step,
		      rig.n_lists);
		CHECK(rig.orphan_dues + s->dues == (step >= 3 ? 110 : 100),
		      "step %u: owed %llu", step,
		      (unsigned long long)(rig.orphan_dues + s->dues));
		s = rig_known(&rig, 1);
		CHECK(rig_say(s, &m) == ERR_NONE, "%s", s->why);
		m = rig_next(s);
		CHECK(m.kind == RENT_SIGNED && rig_units(m.u.sign.due) == 10,
		      "step %u: not signed again", step);
		CHECK(s->dues == (step >= 3 ? 0 : 10), "step %u: owed twice",
		      step);
		CHECK(rig.n_lists == 1 && rig.lists[0].n == 1, "step %u", step);
		rig_free(&rig);
	}
}

static void one_revision_at_a_time(void)
{
	struct rig_session *s, *t;
	struct hash32 root;
	struct agreement a;
	struct rent_msg m, n;

	rig_init(&rig);
	s = rig_known(&rig, 1);
	t = rig_known(&rig, 1);
	root = stored_sector(s, 1);
	a = prepaid(s, &root, 1);
	rig.hold_answers = true;
	m = revise_msg(s, 3, &a, &root, 1);
	CHECK(rig_say(s, &m) == ERR_NONE, "%s", s->why);
	m.id = 4;
	CHECK(rig_say(s, &m) == ERR_NONE, "%s", s->why);
	CHECK(rig_say(t, &m) == ERR_NONE, "%s", t->why);
	n = rig_next(s);
	CHECK(n.kind == RENT_ERROR && n.id == 4 &&
		      n.u.error.code == RENT_NO_BUSY,
	      "a second one");
	n = rig_next(t);
	CHECK(n.kind == RENT_ERROR && n.u.error.code == RENT_NO_BUSY,
	      "a second one on another session");
	rig.hold_answers = false;
	rig_run(&rig);
	CHECK(rig_next(s).kind == RENT_SIGNED, "the first");
	rig_free(&rig);
}

/* What covers a revision is not there for a sector that comes meanwhile. */
static void a_revision_keeps_what_covers_it(void)
{
	struct rig_session *s;
	struct hash32 root, other;
	struct agreement a;
	struct rent_msg m;

	rig_init(&rig);
	s = rig_known(&rig, 1);
	root = stored_sector(s, 1);
	a = prepaid(s, &root, 1);
	s->credit = s->dues + 100;
	rig.hold_answers = true;
	m = revise_msg(s, 3, &a, &root, 1);
	CHECK(rig_say(s, &m) == ERR_NONE && rig_step(&rig), "%s", s->why);
	CHECK(write_sector(s, 4, 2, &other) == ERR_NONE, "%s", s->why);
	m = rig_next(s);
	CHECK(m.kind == RENT_ERROR && m.id == 4 &&
		      m.u.error.code == RENT_NO_FUNDS,
	      "one receipt for both");
	rig.hold_answers = false;
	rig_run(&rig);
	CHECK(rig_next(s).kind == RENT_SIGNED, "signed");
	s->credit += 10;
	CHECK(write_sector(s, 5, 2, &other) == ERR_NONE, "%s", s->why);
	rig_run(&rig);
	CHECK(rig_next(s).kind == RENT_STORED, "what it kept is owed now");
	rig_free(&rig);
}

static void newest_is_what_is_held(void)
{
	struct rig_session *s, *t;
	struct hash32 roots[2];
	struct agreement a;
	struct rent_msg m = {.kind = RENT_NEWEST, .id = 3};

	rig_init(&rig);
	s = rig_known(&rig, 1);
	t = rig_known(&rig, 2);
	a = signed_for(s, roots, 2);
	m.u.page.number = RENT_UNOPENED;
	CHECK(rig_say(s, &m) == ERR_NONE && rig_say(t, &m) == ERR_NONE, "%s",
	      s->why);
	m = rig_next(t);
	CHECK(m.kind == RENT_ERROR && m.u.error.code == RENT_NO_UNKNOWN,
	      "another's agreement is shown");
	m = rig_next(s);
	CHECK(m.kind == RENT_HELD && m.u.held.a.sectors == 2 &&
		      rig_units(m.u.held.due) == 20 &&
		      memcmp(&m.u.held.host_sig,
			     rig_sign_agreement(&rig.host, &a).bytes,
			     64) == 0 &&
		      memcmp(&m.u.held.renter_sig,
			     rig_sign_agreement(&s->id, &a).bytes, 64) == 0,
	      "kind %d", m.kind);
	rig_free(&rig);
}

/* ---- what goes out ---- */

static struct rent_msg read_msg(uint32_t id, const struct hash32 *root,
				uint32_t off, uint32_t len)
{
	struct rent_msg m = {.kind = RENT_READ, .id = id};

	m.u.read.root = *root;
	m.u.read.off = off;
	m.u.read.len = len;
	return m;
}

static void reads_are_proved(void)
{
	static const struct {
		const char *name;
		uint32_t off, len;
		unsigned messages;
	} rows[] = {
		{"a whole sector", 0, RENT_SECTOR, 16},
		{"the first tile", 0, RENT_TILE, 1},
		{"the last tile", RENT_SECTOR - RENT_TILE, RENT_TILE, 1},
		{"64 KiB", RENT_PART, RENT_PART, 1},
		{"80 KiB", 3 * RENT_TILE, 5 * RENT_TILE, 2},
	};
	static uint8_t got[SECTOR_LEN];

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct rig_session *s, *t;
		struct rent_msg m;
		struct hash32 root, proof[RENT_PROOF_MAX];
		uint32_t have = 0;
		unsigned n = 0;

		rig_init(&rig);
		s = rig_known(&rig, 1);
		root = stored_sector(s, 5);
		t = rig_connect(&rig, 2); /* anybody who pays may read */
		m = rig_hello(t, false);
		CHECK(rig_say(t, &m) == ERR_NONE, "%s", t->why);
		(void)rig_next(t);
		m = read_msg(6, &root, rows[i].off, rows[i].len);
		CHECK(rig_say(t, &m) == ERR_NONE, "%s: %s", rows[i].name,
		      t->why);
		while ((m = rig_next(t)).kind == RENT_DATA) {
			CHECK(m.u.data.off == rows[i].off + have &&
				      have + m.bulk.len <= rows[i].len,
			      "%s: at %u", rows[i].name, m.u.data.off);
			memcpy(got + have, m.bulk.p, m.bulk.len);
			have += (uint32_t)m.bulk.len;
			n++;
			CHECK(m.u.data.proof.len == 0 || have == rows[i].len,
			      "%s: an early proof", rows[i].name);
			if (have < rows[i].len)
				continue;
			memcpy(proof, m.u.data.proof.p, m.u.data.proof.len);
			CHECK(tree_range_verify(&root, rows[i].off / RENT_TILE,
						rows[i].len / RENT_TILE, got,
						proof, m.u.data.proof.len / 32),
			      "%s: not proved", rows[i].name);
		}
		CHECK(have == rows[i].len && n == rows[i].messages &&
			      t->charged == rows[i].len,
		      "%s: %u bytes in %u", rows[i].name, have, n);
		rig_free(&rig);
	}
}

static void what_cannot_be_read_is_said(void)
{
	static const struct {
		const char *name;
		enum err_code fail;
		bool unknown, lost;
		enum rent_no want;
	} rows[] = {
		{"not here", ERR_NONE, true, false, RENT_NO_UNKNOWN},
		{"lost", ERR_NONE, false, true, RENT_NO_LOST},
		{"a disk that fails", ERR_IO, false, false, RENT_NO_STORE},
		{"too much at once", ERR_LIMIT, false, false, RENT_NO_BUSY},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct rig_session *s;
		struct hash32 root;
		struct rent_msg m;

		rig_init(&rig);
		s = rig_known(&rig, 1);
		root = stored_sector(s, 5);
		if (rows[i].unknown)
			root.bytes[0] ^= 1;
		rig.sectors[0].lost = rows[i].lost;
		rig.fail_kind = RENT_ASK_READ;
		rig.fail_code = rows[i].fail;
		m = read_msg(6, &root, 0, RENT_TILE);
		CHECK(rig_say(s, &m) == ERR_NONE, "%s", s->why);
		m = rig_next(s);
		CHECK(m.kind == RENT_ERROR && m.id == 6 &&
			      m.u.error.code == rows[i].want,
		      "%s: kind %d", rows[i].name, m.kind);
		CHECK(rig.events[RENT_EV_LOST] == rows[i].lost, "%s: event",
		      rows[i].name);
		rig_free(&rig);
	}
}

static unsigned data_in(struct rig_session *s)
{
	unsigned n = 0;

	while (rig_next(s).kind == RENT_DATA)
		n++;
	return n;
}

/* Three parts are paid for; then a receipt brings two more; then no more. */
static void unpaid_data_waits(void)
{
	struct rig_session *s;
	struct hash32 root;
	struct rent_msg m;

	rig_init(&rig);
	s = rig_known(&rig, 1);
	root = stored_sector(s, 5);
	s->credit = s->dues + 3 * RENT_PART;
	m = read_msg(6, &root, 0, RENT_SECTOR);
	CHECK(rig_say(s, &m) == ERR_NONE, "%s", s->why);
	CHECK(data_in(s) == 3, "for three");
	s->credit += 2 * RENT_PART;
	rent_session_paid(s->s, rig.now_ms);
	CHECK(data_in(s) == 2, "for two more");
	rig.now_ms += RENT_HOLD_MS - 1;
	rent_host_tick(rig.h, rig.now_ms, rig.now_s);
	CHECK(data_in(s) == 0 && s->at == s->n_out, "too early");
	rent_host_tick(rig.h, rig.now_ms + 1, rig.now_s);
	m = rig_next(s);
	CHECK(m.kind == RENT_ERROR && m.id == 6 &&
		      m.u.error.code == RENT_NO_FUNDS,
	      "kind %d", m.kind);
	CHECK(!s->closed, "closed");
	rig_free(&rig);
}

static void data_waits_for_room(void)
{
	struct rig_session *s;
	struct hash32 root;
	struct rent_msg m;

	rig_init(&rig);
	s = rig_known(&rig, 1);
	root = stored_sector(s, 5);
	s->room = 0;
	m = read_msg(6, &root, 0, RENT_SECTOR);
	CHECK(rig_say(s, &m) == ERR_NONE, "%s", s->why);
	CHECK(data_in(s) == 0 && rig.asked[RENT_ASK_READ] == 0, "no room");
	s->room = 1;
	rent_session_drained(s->s, rig.now_ms);
	rig_run(&rig);
	CHECK(data_in(s) == 16, "room");
	/* begun, and then it does not read any more */
	rig.hold_answers = true;
	CHECK(rig_say(s, &m) == ERR_NONE, "%s", s->why);
	s->room = 0;
	rig.hold_answers = false;
	rig_run(&rig);
	rent_host_tick(rig.h, rig.now_ms + RENT_HOLD_MS - 1, rig.now_s);
	CHECK(!s->closed, "too early");
	rent_host_tick(rig.h, rig.now_ms + RENT_HOLD_MS, rig.now_s);
	CHECK(s->closed, "stays");
	rig_free(&rig);
}

static void reads_open_at_once_are_bounded(void)
{
	struct rig_session *s;
	struct hash32 root;
	struct rent_msg m;

	rig_init(&rig);
	s = rig_known(&rig, 1);
	root = stored_sector(s, 5);
	rig.hold_answers = true;
	for (uint32_t i = 0; i < RENT_READS_MAX; i++) {
		m = read_msg(10 + i, &root, 0, RENT_TILE);
		CHECK(rig_say(s, &m) == ERR_NONE, "%u: %s", i, s->why);
	}
	CHECK(rig.n_queue == 1, "%u before it paid", rig.n_queue);
	(void)rig_step(&rig);
	CHECK(rig.n_queue == RENT_OPEN_MAX, "%u at once", rig.n_queue);
	m = read_msg(500, &root, 0, RENT_TILE);
	CHECK(rig_say(s, &m) == ERR_NONE, "one was answered: %s", s->why);
	m.id++;
	CHECK(rig_say(s, &m) == ERR_LIMIT, "one too many");
	rig_free(&rig);
}

static void lists_come_in_pages(void)
{
	struct rig_session *s, *t;
	struct hash32 roots[5];
	struct rent_msg m = {.kind = RENT_LIST, .id = 6};

	rig_init(&rig);
	s = rig_known(&rig, 1);
	t = rig_known(&rig, 2);
	(void)signed_for(s, roots, 5);
	m.u.page = (struct rent_page){RENT_UNOPENED, 1, 3};
	CHECK(rig_say(s, &m) == ERR_NONE, "%s", s->why);
	CHECK(rig_say(t, &m) == ERR_NONE, "%s", t->why);
	CHECK(rig_next(t).kind == RENT_ERROR, "another's list is shown");
	m = rig_next(s);
	CHECK(m.kind == RENT_ROOTS && m.u.list.from == 1 &&
		      m.u.list.next == 4 && m.u.list.total == 5 &&
		      m.bulk.len == 96 &&
		      memcmp(m.bulk.p, roots[1].bytes, 96) == 0,
	      "kind %d", m.kind);
	rig.sectors[3].lost = true;
	m = (struct rent_msg){.kind = RENT_LOST, .id = 7};
	m.u.page.number = RENT_UNOPENED;
	CHECK(rig_say(s, &m) == ERR_NONE, "%s", s->why);
	m = rig_next(s);
	CHECK(m.kind == RENT_LOSSES && m.u.list.next == 5 && m.bulk.len == 32 &&
		      memcmp(m.bulk.p, roots[3].bytes, 32) == 0,
	      "kind %d", m.kind);
	m = (struct rent_msg){.kind = RENT_LIST, .id = 7};
	m.u.page = (struct rent_page){RENT_UNOPENED, 6, 3};
	CHECK(rig_say(s, &m) == ERR_NONE, "%s", s->why);
	CHECK(rig_next(s).kind == RENT_ERROR, "beyond the end");
	rig_free(&rig);
}

/* ---- records ---- */

static enum err_code place(struct rig_session *s, uint32_t id, uint64_t seq,
			   const uint8_t *bytes, uint32_t size, uint32_t off,
			   uint32_t len)
{
	struct rent_msg m = {.kind = RENT_PLACE, .id = id};

	memset(m.u.place.id, 'p', 32);
	m.u.place.seq = seq;
	m.u.place.size = size;
	m.u.place.off = off;
	m.bulk = (struct rent_view){bytes + off, len};
	return rig_say(s, &m);
}

static void records_are_kept_and_given_back(void)
{
	static uint8_t bytes[100000];
	struct rig_session *s, *t;
	struct rent_msg m;

	rig_init(&rig);
	s = rig_known(&rig, 1);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	CHECK(place(s, 1, 8, bytes, sizeof(bytes), 0, 65536) == ERR_NONE &&
		      place(s, 1, 8, bytes, sizeof(bytes), 65536, 34464) ==
			      ERR_NONE,
	      "%s", s->why);
	CHECK(rig_next(s).kind == RENT_STORED, "not stored");
	CHECK(place(s, 2, 8, bytes, 10, 0, 10) == ERR_NONE, "%s", s->why);
	m = rig_next(s);
	CHECK(m.kind == RENT_ERROR && m.u.error.code == RENT_NO_OLD,
	      "the same sequence");
	t = rig_connect(&rig, 2);
	m = rig_hello(t, false);
	CHECK(rig_say(t, &m) == ERR_NONE, "%s", t->why);
	(void)rig_next(t);
	m = (struct rent_msg){.kind = RENT_FETCH, .id = 5};
	memset(m.u.fetch.id, 'p', 32);
	m.u.fetch.off = 50000;
	CHECK(rig_say(t, &m) == ERR_NONE, "%s", t->why);
	m = rig_next(t);
	CHECK(m.kind == RENT_RECORD && m.u.place.seq == 8 &&
		      m.u.place.size == sizeof(bytes) && m.bulk.len == 50000 &&
		      memcmp(m.bulk.p, bytes + 50000, 50000) == 0 &&
		      t->charged == 50000,
	      "kind %d", m.kind);
	m = (struct rent_msg){.kind = RENT_FETCH, .id = 6};
	CHECK(rig_say(t, &m) == ERR_NONE, "%s", t->why);
	CHECK(rig_next(t).kind == RENT_ERROR, "one that is not here");
	rig_free(&rig);
}

static void heads_are_kept_and_given_back(void)
{
	struct rig_session *s;
	struct rent_msg m = {.kind = RENT_HEAD, .id = 1};

	rig_init(&rig);
	s = rig_known(&rig, 1);
	CHECK(rig_say(s, &m) == ERR_NONE, "%s", s->why);
	m = rig_next(s);
	CHECK(m.kind == RENT_ERROR && m.u.error.code == RENT_NO_UNKNOWN,
	      "none yet");
	m = (struct rent_msg){.kind = RENT_KEEP, .id = 2};
	m.u.keep.seq = 5;
	m.bulk = (struct rent_view){(const uint8_t *)"head", 4};
	CHECK(rig_say(s, &m) == ERR_NONE, "%s", s->why);
	CHECK(rig_next(s).kind == RENT_STORED, "not kept");
	m.u.keep.seq = 4;
	CHECK(rig_say(s, &m) == ERR_NONE, "%s", s->why);
	m = rig_next(s);
	CHECK(m.kind == RENT_ERROR && m.u.error.code == RENT_NO_OLD, "older");
	m = (struct rent_msg){.kind = RENT_HEAD, .id = 1};
	CHECK(rig_say(s, &m) == ERR_NONE, "%s", s->why);
	m = rig_next(s);
	CHECK(m.kind == RENT_KEPT && m.u.keep.seq == 5 && m.bulk.len == 4,
	      "kind %d", m.kind);
	rig_free(&rig);
}

static void records_that_arrive_are_bounded(void)
{
	static uint8_t bytes[65537];
	struct rig_session *s[12];
	struct rent_msg m;
	unsigned busy = 0;

	rig_init(&rig);
	for (unsigned i = 0; i < ROWS(s); i++) {
		s[i] = rig_known(&rig, i + 1);
		CHECK(place(s[i], 1, 8, bytes, 65537, 0, 65536) == ERR_NONE,
		      "%s", s[i]->why);
	}
	for (unsigned i = 0; i < ROWS(s); i++) {
		CHECK(place(s[i], 1, 8, bytes, 65537, 65536, 1) == ERR_NONE,
		      "%s", s[i]->why);
		m = rig_next(s[i]);
		busy += m.kind == RENT_ERROR && m.u.error.code == RENT_NO_BUSY;
	}
	CHECK(busy == ROWS(s) - RENT_RECORDS_MAX, "%u were refused", busy);
	CHECK(place(s[0], 2, 8, bytes, 65537, 0, 65536) == ERR_NONE, "%s",
	      s[0]->why);
	rent_host_tick(rig.h, rig.now_ms + RENT_STALL_MS, rig.now_s);
	CHECK(s[0]->closed && !s[1]->closed, "half a record rests");
	rig_free(&rig);
}

/* Of one network two at a time. */
static void a_network_has_its_share_of_records(void)
{
	static uint8_t bytes[65537];
	struct rig_session *s[3];
	struct rent_msg m;

	rig_init(&rig);
	for (unsigned i = 0; i < ROWS(s); i++) {
		s[i] = rig_known(&rig, 1);
		CHECK(place(s[i], 1, 8, bytes, 65537, 0, 65536) == ERR_NONE,
		      "%s", s[i]->why);
	}
	for (unsigned i = 0; i < ROWS(s); i++) {
		CHECK(place(s[i], 1, 8, bytes, 65537, 65536, 1) == ERR_NONE,
		      "%s", s[i]->why);
		m = rig_next(s[i]);
		CHECK((m.kind == RENT_ERROR &&
		       m.u.error.code == RENT_NO_BUSY) == (i == 2),
		      "session %u", i);
	}
	rig_free(&rig);
}

static void parts_of_records_come_in_order(void)
{
	static const struct {
		const char *name;
		uint64_t seq;
		uint32_t first, size, second, id;
	} rows[] = {
		{"begun in the middle", 8, 65536, 200000, 131072, 1},
		{"with a gap", 8, 0, 200000, 131072, 1},
		{"a part twice", 8, 0, 200000, 0, 1},
		{"of another size half way", 8, 0, 150000, 65536, 1},
		{"of another sequence half way", 9, 0, 200000, 65536, 1},
		{"a record within a record", 8, 0, 200000, 0, 2},
	};
	static uint8_t bytes[200000];

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct rig_session *s;
		enum err_code rc;

		rig_init(&rig);
		s = rig_known(&rig, 1);
		rc = place(s, 1, 8, bytes, 200000, rows[i].first, 65536);
		if (rows[i].first == 0) {
			CHECK(rc == ERR_NONE, "%s: %s", rows[i].name, s->why);
			rc = place(s, rows[i].id, rows[i].seq, bytes,
				   rows[i].size, rows[i].second, 65536);
		}
		CHECK(rc == ERR_STATE, "%s: %d", rows[i].name, rc);
		rig_free(&rig);
	}
}

/* ---- prices and hosts ---- */

static void prices_are_told(void)
{
	struct rig_session *s;
	struct rent_msg m = {.kind = RENT_OFFER, .id = 3}, n;

	rig_init(&rig);
	s = rig_known(&rig, 1);
	CHECK(rig_say(s, &m) == ERR_NONE, "%s", s->why);
	n = rig_next(s);
	CHECK(n.kind == RENT_SHEET && n.u.sheet.room == 1000 &&
		      memcmp(&n.u.sheet.sig, &rig.offer.sig, 64) == 0,
	      "kind %d", n.kind);
	rent_host_set_closed(rig.h, true);
	CHECK(rig_say(s, &m) == ERR_NONE, "%s", s->why);
	CHECK(rig_next(s).u.sheet.room == 0, "room though it drains");
	rig.no_offer = true;
	CHECK(rig_say(s, &m) == ERR_NONE, "%s", s->why);
	CHECK(rig_next(s).u.error.code == RENT_NO_CLOSED, "prices of none");
	rig_free(&rig);
}

static void hosts_are_passed_on(void)
{
	uint8_t nodes[2 * RENT_NODE_LEN];
	struct endpoint_record r;
	struct rig_session *s, *t;
	struct rent_msg m;

	rig_init(&rig);
	s = rig_known(&rig, 1);
	t = rig_known(&rig, 2);
	for (unsigned i = 0; i < 2; i++) {
		struct rig_id id = rig_account(50 + i);
		struct hash32 digest;

		r = (struct endpoint_record){.p = {.host = id.address,
						   .port = 7,
						   .time = 1800000000}};
		r.p.ip[10] = r.p.ip[11] = 0xff;
		r.p.ip[12] = 127;
		r.p.ip[14] = (uint8_t)(1 + i);
		r.p.ip[15] = 1;
		digest = eip712_endpoint(&rig_domain, &r.p);
		r.sig = rig_sign(&id, &digest);
		if (i)
			r.sig.bytes[0] ^= 1; /* forged */
		endpoint_record_put(nodes + i * RENT_NODE_LEN, &r);
	}
	m = (struct rent_msg){.kind = RENT_TELL};
	m.u.tell.nodes = (struct rent_view){nodes, sizeof(nodes)};
	CHECK(rig_say(s, &m) == ERR_NONE, "%s", s->why);
	CHECK(endpoints_count(rig.peers) == 1 && rig.events[RENT_EV_TOLD] == 1,
	      "%u taken", endpoints_count(rig.peers));
	m = (struct rent_msg){.kind = RENT_PEERS, .id = 4};
	m.u.peers = 10;
	CHECK(rig_say(t, &m) == ERR_NONE, "%s", t->why);
	m = rig_next(t);
	CHECK(m.kind == RENT_NODES && m.u.tell.nodes.len == RENT_NODE_LEN &&
		      memcmp(m.u.tell.nodes.p, nodes, RENT_NODE_LEN) == 0,
	      "kind %d", m.kind);
	rig_free(&rig);
}

/* ---- too much of everything ---- */

static void a_flood_is_refused_then_ended(void)
{
	struct rig_session *s;
	struct rent_msg m = {.kind = RENT_OFFER, .id = 3};
	unsigned answered = 0, refused = 0;
	enum err_code rc = ERR_NONE;

	rig_init(&rig);
	s = rig_known(&rig, 1);
	for (unsigned i = 0; i < 1000 && rc == ERR_NONE; i++) {
		struct rent_msg a;

		rc = rig_say(s, &m);
		a = rig_next(s);
		answered += a.kind == RENT_SHEET;
		refused +=
			a.kind == RENT_ERROR && a.u.error.code == RENT_NO_BUSY;
	}
	CHECK(rc == ERR_LIMIT && answered == 2 * RENT_TOKENS_PER_S - 1 &&
		      refused == RENT_REFUSED_MAX,
	      "%u answered, %u refused", answered, refused);
	rig_free(&rig);
}

/* Somebody who asks a little too often has all that it may have: what is left
 * of a token is not lost between two requests. */
static void tokens_come_at_their_rate(void)
{
	const unsigned seconds = 10, every_ms = 4;
	const unsigned rate = RENT_TOKENS_PER_S;
	struct rig_session *s;
	struct rent_msg m = {.kind = RENT_OFFER, .id = 3};
	unsigned answered = 0;

	rig_init(&rig);
	s = rig_known(&rig, 1);
	for (unsigned i = 0; i < 2 * rate; i++) {
		(void)rig_say(s, &m);
		(void)rig_next(s);
	}
	for (unsigned ms = 0; ms < seconds * 1000; ms += every_ms) {
		rig.now_ms += every_ms;
		if (rig_say(s, &m) != ERR_NONE)
			break;
		answered += rig_next(s).kind == RENT_SHEET;
		rig_clear_out(s);
	}
	CHECK(answered >= rate * seconds - 1 && answered <= rate * seconds,
	      "%u answered", answered);
	rig_free(&rig);
}

/* Data is bounded by what the renter takes and pays, not by how often it asks;
 * a little data of many sectors is work all the same. */
static void whole_sectors_give_their_tokens_back(void)
{
	static const struct {
		uint32_t len;
		unsigned asked, answered;
	} rows[] = {
		{RENT_SECTOR, 5 * RENT_TOKENS_PER_S, 5 * RENT_TOKENS_PER_S},
		{RENT_TILE, 2 * RENT_TOKENS_PER_S + 50,
		 2 * RENT_TOKENS_PER_S - 1},
		{RENT_SECTOR - RENT_TILE, 2 * RENT_TOKENS_PER_S + 50,
		 2 * RENT_TOKENS_PER_S - 1},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct rig_session *s;
		struct hash32 root;
		unsigned answered = 0;

		rig_init(&rig);
		s = rig_known(&rig, 1);
		root = stored_sector(s, 5);
		for (unsigned k = 0; k < rows[i].asked; k++) {
			struct rent_msg m = read_msg(6, &root, 0, rows[i].len);

			CHECK(rig_say(s, &m) == ERR_NONE, "%s", s->why);
			answered += rig_next(s).kind == RENT_DATA;
			rig_clear_out(s);
		}
		CHECK(answered == rows[i].answered, "%zu, of %u bytes: %u", i,
		      rows[i].len, answered);
		rig_free(&rig);
	}
}

/* Ten sessions of one network have what four of different ones would have. */
static void a_network_shares_its_requests(void)
{
	struct rig_session *s;
	struct rent_msg m = {.kind = RENT_OFFER, .id = 3};
	const unsigned share = 2 * RENT_TOKENS_PER_S * RENT_NET_TIMES;
	unsigned answered = 0;

	rig_init(&rig);
	for (unsigned i = 0; i < 10; i++) {
		struct rent_msg hello;

		s = rig_connect(&rig, 1);
		hello = rig_hello(s, true);
		if (rig_say(s, &hello) == ERR_NONE)
			(void)rig_next(s);
		for (unsigned k = 0; k < 2 * RENT_TOKENS_PER_S - 1; k++) {
			if (rig_say(s, &m) != ERR_NONE)
				break;
			answered += rig_next(s).kind == RENT_SHEET;
		}
	}
	CHECK(answered > share - 20 && answered < share, "%u answered",
	      answered);
	s = rig_known(&rig, 2);
	CHECK(rig_say(s, &m) == ERR_NONE && rig_next(s).kind == RENT_SHEET,
	      "another network is refused");
	rig_free(&rig);
}

static void sessions_are_bounded(void)
{
	struct rig_session *s = NULL;
	struct rent_msg m;
	unsigned n = 0;

	rig_init(&rig);
	for (; n < 17; n++) {
		s = rig_connect(&rig, 1);
		if (!s->s)
			break;
	}
	CHECK(n == 16, "%u of one network", n);
	s = rig_connect(&rig, 2);
	CHECK(s->s != NULL, "another network is shut out: %s", s->why);
	m = rig_hello(s, true);
	CHECK(rig_say(s, &m) == ERR_NONE, "%s", s->why);
	rig_free(&rig);
}

/* Each hello makes us look at a signature. */
static void hellos_are_counted(void)
{
	unsigned welcome = 0, busy = 0;

	rig_init(&rig);
	for (unsigned i = 0; i < 70; i++) {
		struct rig_session *s = rig_connect(&rig, 1);
		struct rent_msg m = rig_hello(s, true);

		CHECK(rig_say(s, &m) == ERR_NONE, "%s", s->why);
		m = rig_next(s);
		welcome += m.kind == RENT_WELCOME;
		busy += m.kind == RENT_ERROR && m.u.error.code == RENT_NO_BUSY;
		rig_hangup(s);
		rig_clear_out(s);
		rig.n_sessions--;
	}
	CHECK(welcome == 60 && busy == 10, "%u, %u", welcome, busy);
	rig.now_ms += 60000;
	(void)rig_known(&rig, 1);
	rig_free(&rig);
}

/* Sessions in one world do whatever they like, and the disk answers late or not
 * well; what holds must hold. */
static void nothing_breaks_at_random(void)
{
	struct rng rng = rng_seeded(4);
	struct hash32 roots[4];

	rig_init(&rig);
	rig.hold_answers = true;
	for (unsigned i = 0; i < 4; i++)
		rig_sector_bytes(sector, &roots[i], i);
	for (unsigned round = 0; round < 6000; round++) {
		unsigned n = rng_below(&rng, RIG_SESSIONS);
		struct rig_session *s = &rig.sessions[n % 6];
		unsigned what = rng_below(&rng, 40);
		struct hash32 *root = &roots[rng_below(&rng, 4)];
		struct rent_msg m;

		if (n % 6 >= rig.n_sessions) {
			s = rig_connect(&rig, rig.n_sessions + 1);
			m = rig_hello(s, rng_below(&rng, 4) != 0);
			CHECK(rig_say(s, &m) == ERR_NONE, "%s", s->why);
			continue;
		}
		if (what == 0) {
			rig.fail_kind = rng_below(&rng, RENT_ASK_KINDS);
			rig.fail_code = ERR_IO;
		}
		if (what == 1)
			rent_host_tick(rig.h, rig.now_ms += 500, rig.now_s);
		if (what == 2)
			s->room = rng_below(&rng, 2);
		if (what == 3)
			s->credit =
				s->charged + s->dues + rng_below(&rng, 1 << 20);
		if (what < 8 || rig.n_queue > RIG_QUEUE / 2) {
			(void)rig_step(&rig);
			rig_clear_out(s);
			if (s->s) {
				rent_session_drained(s->s, rig.now_ms);
				rent_session_paid(s->s, rig.now_ms);
			}
			continue;
		}
		if (!s->s)
			continue;
		m = any_msg(s, (enum rent_kind)(1 + what % RENT_HEAD), root);
		if (m.id)
			m.id = 1 + rng_below(&rng, 100000);
		if (m.kind == RENT_READ && what & 1)
			m.u.read.len = RENT_SECTOR;
		if (m.kind == RENT_WRITE)
			(void)write_sector(s, m.id, rng_below(&rng, 4), root);
		else if (rig_say(s, &m) != ERR_NONE || what == 39) {
			rig_hangup(s);
			rig_clear_out(s);
			*s = *rig_connect(&rig, n % 6 + 1);
			rig.n_sessions--;
			rig_hangup(s);
		}
		rig_clear_out(s);
	}
	for (unsigned i = 0; i < rig.n_lists; i++) {
		struct rig_list *l = &rig.lists[i];
		struct rent_signed_revision r;
		struct hash32 root = rig_list_root(l->roots, l->n);

		CHECK(rent_blob_get(&r, l->blob, RENT_BLOB_LEN, NULL) ==
				      ERR_NONE &&
			      r.a.sectors == l->n &&
			      memcmp(&r.a.root, &root, 32) == 0,
		      "a list that is not as signed");
	}
	rig_free(&rig);
}

int main(void)
{
	hello_is_judged();
	the_host_shows_its_account();
	every_cell_does_what_it_should();
	a_sector_is_stored();
	parts_come_in_order();
	a_sector_is_refused_once_it_has_passed();
	credit_is_not_used_twice();
	credit_comes_back();
	sectors_at_once_are_bounded();
	reading_stops_while_memory_is_used_up();
	half_a_sector_does_not_rest();
	silence_at_the_start_ends();
	what_was_stored_is_owed();
	have_says_what_is_here();
	a_revision_is_signed_and_kept();
	revisions_are_judged();
	a_fault_at_any_step_changes_nothing();
	a_renter_may_vanish_at_any_step();
	one_revision_at_a_time();
	a_revision_keeps_what_covers_it();
	newest_is_what_is_held();
	reads_are_proved();
	what_cannot_be_read_is_said();
	unpaid_data_waits();
	data_waits_for_room();
	reads_open_at_once_are_bounded();
	lists_come_in_pages();
	records_are_kept_and_given_back();
	heads_are_kept_and_given_back();
	records_that_arrive_are_bounded();
	a_network_has_its_share_of_records();
	parts_of_records_come_in_order();
	prices_are_told();
	hosts_are_passed_on();
	a_flood_is_refused_then_ended();
	tokens_come_at_their_rate();
	whole_sectors_give_their_tokens_back();
	a_network_shares_its_requests();
	sessions_are_bounded();
	hellos_are_counted();
	nothing_breaks_at_random();
	ecc_free(rig_ecc);
	return CHECK_EXIT();
}
