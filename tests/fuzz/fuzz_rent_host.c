/* A host and whoever connects to it: any order of messages, honest ones and
 * forged ones, answers that fail, time that passes. It never crashes, says only
 * what a host may say, signs only what its renter signed, and forgets nobody's
 * memory. */
#include "tests/storage/rent_rig.h"

static struct rig g;
static struct rig_session *s;
static uint8_t sector[SECTOR_LEN], buf[RENT_MSG_MAX];

struct input {
	const uint8_t *p;
	size_t n;
};

static uint8_t u8(struct input *in)
{
	if (in->n == 0)
		return 0;
	in->n--;
	return *in->p++;
}

static uint32_t u32(struct input *in)
{
	uint32_t v = u8(in);

	return v << 24 | (uint32_t)u8(in) << 16 | (uint32_t)u8(in) << 8 |
	       u8(in);
}

static void fill(struct input *in, uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out[i] = i < 4 ? u8(in) : 0;
}

static void hear(void *ctx, const uint8_t *msg, size_t len)
{
	struct rent_msg m;
	struct hash32 digest;
	struct address who;

	(void)ctx;
	if (rent_msg_decode(&m, msg, len, NULL) != ERR_NONE ||
	    rent_msg_from_renter(m.kind))
		abort();
	if (m.kind != RENT_HELD)
		return;
	digest = eip712_agreement(&rig_domain, &m.u.held.a);
	if (sig64_recover(&who, &digest, &m.u.held.renter_sig, NULL) !=
		    ERR_NONE ||
	    !address_eq(&who, &m.u.held.a.renter) ||
	    sig64_recover(&who, &digest, &m.u.held.host_sig, NULL) !=
		    ERR_NONE ||
	    !address_eq(&who, &g.host.address))
		abort();
}

/* Most have said an honest hello; else little more than that is tried. */
static void connect(unsigned account)
{
	struct rent_msg m;
	struct err e = {0};
	size_t len;

	if (s)
		rig_hangup(s);
	g.n_sessions = 0;
	g.now_ms += 2000;
	s = rig_connect(&g, account % 3 + 1);
	s->sink = hear;
	m = rig_hello(s, true);
	len = rent_msg_encode(&m, buf, sizeof(buf));
	if (account < 192 &&
	    rent_host_receive(s->s, buf, len, g.now_ms, &e) != ERR_NONE)
		abort();
}

static void deliver(const uint8_t *msg, size_t len)
{
	struct err e = {0};

	if (rent_host_receive(s->s, msg, len, g.now_ms, &e) != ERR_NONE ||
	    s->closed)
		connect(0);
}

static void say(const struct rent_msg *m)
{
	size_t len = rent_msg_encode(m, buf, sizeof(buf));

	if (len)
		deliver(buf, len);
}

static void write_sector(struct input *in)
{
	struct rent_msg m = {.kind = RENT_WRITE, .id = u8(in) + 1U};
	unsigned parts = u8(in);

	rig_sector_bytes(sector, &m.u.part.root, u8(in) % 4);
	if (parts < 16)
		sector[0] ^= 1;
	parts = parts < 16 ? parts + 1 : RENT_PARTS;
	for (unsigned i = 0; i < parts; i++) {
		m.u.part.off = i * RENT_PART;
		m.bulk = (struct rent_view){sector + m.u.part.off, RENT_PART};
		say(&m);
	}
}

static void write_part(struct input *in)
{
	struct rent_msg m = {.kind = RENT_WRITE, .id = u8(in)};

	fill(in, m.u.part.root.bytes, 32);
	m.u.part.off = u8(in) % RENT_PARTS * RENT_PART;
	m.bulk = (struct rent_view){sector, RENT_PART};
	say(&m);
}

/* As an honest renter makes it, and then one field of it may be another. */
static void revise(struct input *in)
{
	static struct hash32 roots[4];
	struct rent_msg m = {.kind = RENT_REVISE, .id = u8(in) + 1U};
	struct agreement *a = &m.u.revise.a;
	uint32_t from = u8(in) % 4, n = u8(in) % 4 + 1, how = u8(in);

	for (unsigned i = 0; i < 4; i++)
		rig_sector_bytes(sector, &roots[i], i);
	if (from >= n)
		from = 0;
	*a = (struct agreement){.renter = s->id.address,
				.host = g.host.address,
				.number = RENT_UNOPENED + how % 2,
				.revision = u8(in),
				.root = rig_list_root(roots, n),
				.sectors = n,
				.through = 101,
				.start = 100,
				.end = 130,
				.span = 7,
				.terms = g.offer.digest};
	a->rate = amount_from_u64(10ULL * n);
	a->earned = a->rate;
	m.u.revise.add = (struct rent_view){roots[from].bytes, 32 * (n - from)};
	if (how & 2)
		a->through += u8(in);
	if (how & 4)
		a->earned = amount_from_u64(u32(in));
	if (how & 8) { /* for the chain */
		a->number = u8(in);
		a->start = a->through = 101;
		a->earned = AMOUNT_ZERO;
		a->fund = amount_from_u64(u32(in));
		a->collateral = amount_from_u64(u8(in));
	}
	if (how & 16)
		a->end = u32(in);
	if (how & 32)
		a->terms = g.old_offer.digest;
	m.u.revise.sig = rig_sign_agreement(&s->id, a);
	if (how & 64)
		m.u.revise.sig.bytes[u8(in) % 64] ^= 1;
	say(&m);
}

static void small(struct input *in)
{
	static const enum rent_kind kinds[] = {
		RENT_OFFER, RENT_PEERS,	 RENT_HAVE,  RENT_READ,
		RENT_LIST,  RENT_NEWEST, RENT_LOST,  RENT_FETCH,
		RENT_HEAD,  RENT_KEEP,	 RENT_PLACE, RENT_TELL};
	static uint8_t many[RENT_HAVE_MAX * 32];
	struct rent_msg m = {.kind = kinds[u8(in) % ROWS(kinds)]};

	m.id = u8(in);
	if (m.kind == RENT_TELL)
		m.id = 0;
	switch (m.kind) {
	case RENT_PEERS:
		m.u.peers = u8(in) + 1U;
		break;
	case RENT_TELL:
		fill(in, many, sizeof(many));
		m.u.tell.nodes = (struct rent_view){
			many, RENT_NODE_LEN * (u8(in) % 8 + 1U)};
		break;
	case RENT_HAVE:
		rig_sector_bytes(sector, &m.u.read.root, u8(in) % 4);
		memcpy(many, m.u.read.root.bytes, 32);
		m.u.have.roots = (struct rent_view){many, 32 * (u8(in) + 1U)};
		break;
	case RENT_READ:
		rig_sector_bytes(sector, &m.u.read.root, u8(in) % 4);
		m.u.read.off = u8(in) % 64 * RENT_TILE;
		m.u.read.len = (u8(in) % 64 + 1U) * RENT_TILE;
		break;
	case RENT_LIST:
	case RENT_NEWEST:
	case RENT_LOST:
		m.u.page.number = RENT_UNOPENED + u8(in) % 2;
		m.u.page.from = u8(in);
		m.u.page.n = u8(in) + 1U;
		break;
	case RENT_FETCH:
		fill(in, m.u.fetch.id, 32);
		m.u.fetch.off = u8(in);
		break;
	case RENT_KEEP:
		m.u.keep.seq = u8(in);
		m.bulk = (struct rent_view){sector, u8(in) + 1U};
		break;
	case RENT_PLACE:
		fill(in, m.u.place.id, 32);
		m.u.place.seq = u8(in);
		m.u.place.size = u32(in) % 300000;
		m.u.place.off = u8(in) % 4 * RENT_PART;
		m.bulk = (struct rent_view){sector, RENT_PART};
		if (m.u.place.size < RENT_PART)
			m.bulk.len = m.u.place.size;
		break;
	case RENT_OFFER:
	case RENT_HEAD:
	case RENT_HELLO:
	case RENT_WRITE:
	case RENT_REVISE:
	case RENT_WELCOME:
	case RENT_SHEET:
	case RENT_NODES:
	case RENT_STORED:
	case RENT_HAS:
	case RENT_SIGNED:
	case RENT_DATA:
	case RENT_ROOTS:
	case RENT_HELD:
	case RENT_LOSSES:
	case RENT_RECORD:
	case RENT_KEPT:
	case RENT_ERROR:
		break;
	}
	say(&m);
}

static void hello(struct input *in)
{
	uint8_t how = u8(in);
	struct rent_msg m = rig_hello(s, how & 1);

	if (how & 2)
		m.u.hello.sig.bytes[3] ^= 1;
	if (how & 4)
		m.u.hello.chain_id++;
	say(&m);
}

static void raw(struct input *in)
{
	size_t len = u8(in);

	len = len << 8 | u8(in);
	if (len > in->n)
		len = in->n;
	deliver(in->p, len);
	in->p += len;
	in->n -= len;
}

static void pass_time(struct input *in)
{
	uint32_t by = u8(in);

	g.now_ms += by * 200;
	g.now_s += by / 5;
	rent_host_tick(g.h, g.now_ms, g.now_s);
	if (s->closed)
		connect(0);
}

static void change(struct input *in)
{
	uint8_t how = u8(in);

	s->room = how & 1 ? 0 : 1 << 20;
	s->credit = how & 2 ? s->charged + s->dues + u32(in) : UINT64_MAX / 2;
	g.period_known = !(how & 4);
	g.period = 100 + u8(in) % 40;
	g.facts.known = !(how & 8);
	g.facts.opened = how & 16;
	g.no_offer = how & 32;
	rent_host_set_closed(g.h, how & 64);
	rent_session_drained(s->s, g.now_ms);
	rent_session_paid(s->s, g.now_ms);
	if (s->closed)
		connect(0);
}

static void one(struct input *in)
{
	switch (u8(in) % 12) {
	case 0:
		connect(u8(in));
		break;
	case 1:
	case 2:
		hello(in);
		break;
	case 3:
		raw(in);
		break;
	case 4:
		write_sector(in);
		break;
	case 5:
		write_part(in);
		break;
	case 6:
		revise(in);
		break;
	case 7:
	case 8:
		small(in);
		break;
	case 9:
		g.fail_kind = u8(in) % RENT_ASK_KINDS;
		g.fail_code = u8(in) % (ERR_CHAIN + 1);
		break;
	case 10:
		pass_time(in);
		break;
	case 11:
		change(in);
		break;
	}
	/* what was asked is answered now and then */
	for (uint32_t n = u8(in) & 1 ? 4 : g.n_queue > 900; n && rig_step(&g);)
		n--;
	while (g.n_queue > 900 && rig_step(&g))
		continue;
	if (s->closed)
		connect(0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size < 4096 ? size : 4096};
	struct rent_session_view v;

	s = NULL;
	rig_init(&g);
	connect(0);
	while (in.n) {
		one(&in);
		rent_session_view(s->s, &v);
	}
	rig_free(&g);
	if (check_failures)
		abort();
	return 0;
}
