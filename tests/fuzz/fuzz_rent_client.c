/* A renter and a host that says anything at any time: its own messages, others
 * changed in a byte, made-up ones, none. Every call ends at most once; bytes,
 * lists and revisions that are given as good are good. */
#include "tests/storage/rent_line.h"

#define CALLS 512

struct asked { /* a call, and what is good for it */
	unsigned called;
	enum rent_kind kind;
	unsigned sector;
	uint32_t off, len;
	struct agreement a;
};

static struct rig g;
static struct rig_session *s;
static struct rent_client *c;
static struct rig_id me;
static struct queue up, down;
static struct asked calls[CALLS];
static unsigned n_calls;
static bool closed;
static uint8_t sectors[4][SECTOR_LEN];
static struct hash32 roots[4];

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

/* ---- what the client is lent ---- */

static void on_send(void *ctx, const uint8_t *msg, size_t len)
{
	(void)ctx;
	if (up.n < QUEUE_MOST) /* lost: who is hostile may do that */
		queue_push(&up, msg, len);
}

static size_t on_room(void *ctx)
{
	(void)ctx;
	return up.n < 400 ? 1 << 20 : 0;
}

static void on_close(void *ctx, const struct err *e)
{
	(void)ctx;
	(void)e;
	closed = true;
}

static void on_event(void *ctx, const struct rent_client_event *ev)
{
	(void)ctx;
	(void)ev;
}

static bool signed_by(const struct agreement *a, const struct sig64 *sig,
		      const struct address *who)
{
	struct hash32 digest = eip712_agreement(&rig_domain, a);
	struct address signer;

	return sig64_recover(&signer, &digest, sig, NULL) == ERR_NONE &&
	       address_eq(&signer, who);
}

static bool is_good(const struct asked *k, const struct rent_result *r)
{
	struct hash32 root;

	if (k->kind == RENT_READ)
		return r->len == k->len &&
		       memcmp(r->data, sectors[k->sector] + k->off, k->len) ==
			       0;
	if (k->kind == RENT_LIST) {
		root = rig_list_root(r->roots, r->n_roots);
		return r->n_roots == k->a.sectors &&
		       memcmp(&root, &k->a.root, sizeof(root)) == 0;
	}
	if (k->kind == RENT_REVISE)
		return signed_by(&k->a, &r->revision->host_sig,
				 &g.host.address);
	if (k->kind == RENT_NEWEST)
		return signed_by(&r->revision->a, &r->revision->host_sig,
				 &g.host.address) &&
		       signed_by(&r->revision->a, &r->revision->renter_sig,
				 &me.address);
	return true;
}

static void on_done(void *ctx, const struct rent_result *r)
{
	struct asked *k = ctx;

	if (k->called++)
		abort();
	if (r->fate == RENT_DONE && !is_good(k, r))
		abort();
}

/* ---- the connection ---- */

static void from_host(void *ctx, const uint8_t *msg, size_t len)
{
	(void)ctx;
	if (down.n < QUEUE_MOST)
		queue_push(&down, msg, len);
}

static void hang_up(void)
{
	if (!s)
		return;
	rig_hangup(s);
	s = NULL;
	queue_drop(&up);
	queue_drop(&down);
	rent_client_down(c, g.now_ms);
	closed = false;
}

static void connect(void)
{
	if (!s)
		line_connect(&s, &g, &me, c, from_host);
}

static void to_host(void)
{
	struct err e = {0};
	size_t len;
	uint8_t *msg;

	if (!s || !up.n)
		return;
	msg = queue_pop(&up, &len);
	if (rent_host_receive(s->s, msg, len, g.now_ms, &e) != ERR_NONE)
		closed = true;
	free(msg);
	rent_client_drained(c, g.now_ms);
}

static void hear(const uint8_t *msg, size_t len)
{
	struct err e = {0};

	if (s && rent_client_receive(c, msg, len, g.now_ms, &e) != ERR_NONE)
		closed = true;
}

static void to_client(struct input *in, bool harm)
{
	size_t len, at;
	uint8_t *msg;

	if (!s || !down.n)
		return;
	msg = queue_pop(&down, &len);
	if (harm && len) {
		at = u8(in);
		at = at << 8 | u8(in);
		msg[at % len] ^= (uint8_t)(u8(in) | 1);
	}
	hear(msg, len);
	free(msg);
}

static void raw(struct input *in)
{
	size_t len = u8(in);

	len = len << 8 | u8(in);
	if (len > in->n)
		len = in->n;
	hear(in->p, len);
	in->p += len;
	in->n -= len;
}

/* ---- calls ---- */

static struct agreement agreement_of(uint32_t n, uint32_t revision)
{
	struct agreement a = rig_prepaid(&g, &me.address, roots, n);

	a.revision = revision;
	return a;
}

static void call_revise(struct asked *k, struct input *in)
{
	uint32_t from = u8(in) % 4, n = from + u8(in) % (5 - from);
	struct rent_revise_ask ask = {.adds = roots + from, .n_adds = n - from};

	if (n == 0)
		return;
	k->a = ask.a = agreement_of(n, u8(in));
	ask.due = ask.a.earned;
	ask.sig = rig_sign_agreement(&me, &ask.a);
	(void)rent_call_revise(c, &ask, on_done, k, NULL);
}

static void call(struct input *in)
{
	static const enum rent_kind kinds[] = {
		RENT_WRITE,  RENT_READ, RENT_REVISE, RENT_LIST,
		RENT_NEWEST, RENT_LOST, RENT_HAVE,   RENT_PLACE,
		RENT_FETCH,  RENT_KEEP, RENT_HEAD,   RENT_PEERS};
	struct asked *k = &calls[n_calls];
	struct span data;
	uint8_t id[32] = {1};

	if (n_calls == CALLS)
		return;
	*k = (struct asked){.kind = kinds[u8(in) % ROWS(kinds)],
			    .sector = u8(in) % 4};
	n_calls++;
	data = (struct span){NULL, sectors[k->sector], SECTOR_LEN};
	switch (k->kind) {
	case RENT_WRITE:
		(void)rent_call_put(c, &roots[k->sector], &data, on_done, k,
				    NULL);
		break;
	case RENT_READ:
		k->off = u8(in) % 64 * RENT_TILE;
		k->len = (u8(in) % (64 - k->off / RENT_TILE) + 1U) * RENT_TILE;
		(void)rent_call_read(c, &roots[k->sector], k->off, k->len, NULL,
				     on_done, k, NULL);
		break;
	case RENT_REVISE:
		call_revise(k, in);
		break;
	case RENT_LIST:
		k->a = agreement_of(k->sector + 1, u8(in));
		(void)rent_call_list(c, &k->a, on_done, k, NULL);
		break;
	case RENT_NEWEST:
		k->a = agreement_of(k->sector + 1, u8(in));
		(void)rent_call_newest(c, RENT_UNOPENED,
				       u8(in) & 1 ? &k->a : NULL, on_done, k,
				       NULL);
		break;
	case RENT_LOST:
		(void)rent_call_lost(c, RENT_UNOPENED, on_done, k, NULL);
		break;
	case RENT_HAVE:
		(void)rent_call_have(c, roots, k->sector + 1, on_done, k, NULL);
		break;
	case RENT_PLACE:
		(void)rent_call_place(c, id, u8(in) + 1U, sectors[0],
				      u8(in) * 700U + 1, on_done, k, NULL);
		break;
	case RENT_FETCH:
		(void)rent_call_fetch(c, id, on_done, k, NULL);
		break;
	case RENT_KEEP:
		(void)rent_call_keep(c, u8(in) + 1U, sectors[0], 100, on_done,
				     k, NULL);
		break;
	case RENT_HEAD:
		(void)rent_call_head(c, on_done, k, NULL);
		break;
	case RENT_PEERS:
		(void)rent_call_peers(c, 9, on_done, k, NULL);
		break;
	case RENT_HELLO:
	case RENT_OFFER:
	case RENT_TELL:
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
}

/* Everything that can happen, for a while. */
static void flow(struct input *in, unsigned n)
{
	while (n-- && s && !closed) {
		to_host();
		(void)rig_step(&g);
		if (!closed)
			to_client(in, false);
	}
}

static void one(struct input *in)
{
	switch (u8(in) % 10) {
	case 0:
		connect();
		break;
	case 1:
		hang_up();
		break;
	case 2:
	case 3:
		call(in);
		break;
	case 4:
		flow(in, u8(in));
		break;
	case 5:
		to_client(in, true);
		break;
	case 6:
		raw(in);
		break;
	case 7:
		g.now_ms += u8(in) * 200;
		rent_client_tick(c, g.now_ms, g.now_s);
		break;
	case 8:
		g.fail_kind = u8(in) % RENT_ASK_KINDS;
		g.fail_code = u8(in) % (ERR_CHAIN + 1);
		break;
	case 9:
		g.corrupt = !g.corrupt;
		break;
	}
	if (closed || (s && s->closed))
		hang_up();
	closed = false;
}

static void begin(void)
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
	struct rent_client_cfg cfg = {.chain_id = RIG_CHAIN, .bank = rig_bank};

	rig_init(&g);
	me = rig_account(1);
	if (roots[0].bytes[0] == 0 && roots[0].bytes[1] == 0)
		for (unsigned i = 0; i < 4; i++)
			rig_sector_bytes(sectors[i], &roots[i], i);
	cfg.host = g.host.address;
	cfg.me = me.address;
	s = NULL;
	n_calls = 0;
	closed = false;
	if (rent_client_new(&c, &cfg, &ops, g.now_ms, g.now_s, NULL) !=
	    ERR_NONE)
		abort();
	connect();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size < 4096 ? size : 4096};

	begin();
	while (in.n)
		one(&in);
	hang_up();
	rent_client_free(c);
	rig_free(&g);
	queue_drop(&up);
	queue_drop(&down);
	if (check_failures)
		abort();
	return 0;
}
