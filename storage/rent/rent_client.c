#include "storage/rent/rent_client_int.h"

#include "base/eip712.h"

#include <stdlib.h>
#include <string.h>

/* ---- life ---- */

enum err_code rent_client_new(struct rent_client **out,
			      const struct rent_client_cfg *cfg,
			      const struct rent_client_ops *ops, int64_t now_ms,
			      int64_t now_s, struct err *e)
{
	struct rent_client *c;

	*out = NULL;
	if (cfg->chain_id == 0 || cfg->chain_id > INT64_MAX ||
	    cfg->writes > RENT_WRITES_MAX || cfg->reads > RENT_READS_MAX / 2)
		return err_fail(e, ERR_LIMIT, "rent: a value out of range");
	c = calloc(1, sizeof(*c));
	if (!c)
		return err_fail(e, ERR_NOMEM, "rent: a client");
	c->cfg = *cfg;
	if (c->cfg.writes == 0)
		c->cfg.writes = 4;
	if (c->cfg.reads == 0)
		c->cfg.reads = 16;
	c->ops = *ops;
	c->domain = eip712_domain(cfg->chain_id, &cfg->bank);
	c->now_ms = now_ms;
	c->now_s = now_s;
	*out = c;
	return ERR_NONE;
}

void rent_client_free(struct rent_client *c)
{
	if (!c)
		return;
	for (int q = 0; q < QUEUES; q++)
		while (c->queues[q].first) {
			struct rent_call *k = c->queues[q].first;

			queue_leave(k);
			client_call_free(k);
		}
	free(c);
}

enum rent_remedy rent_remedy(enum rent_no code)
{
	switch (code) {
	case RENT_NO_NONE:
	case RENT_NO_BUSY:
	case RENT_NO_CHAIN:
	case RENT_NO_STORE:
	case RENT_NO_FUNDS:
		return RENT_REMEDY_LATER;
	case RENT_NO_ACCOUNT:
	case RENT_NO_ROOT:
	case RENT_NO_TERMS:
	case RENT_NO_PRICE:
	case RENT_NO_REVISION:
	case RENT_NO_LIST:
	case RENT_NO_PERIODS:
	case RENT_NO_STAGE:
	case RENT_NO_OLD:
		return RENT_REMEDY_CHANGE;
	case RENT_NO_UNKNOWN:
	case RENT_NO_FULL:
	case RENT_NO_LOST:
	case RENT_NO_CLOSED:
		return RENT_REMEDY_ELSEWHERE;
	case RENT_NO_BANK:
		return RENT_REMEDY_NEVER;
	}
	return RENT_REMEDY_NEVER;
}

/* ---- how calls end, or go on ---- */

void client_event(struct rent_client *c, enum rent_client_event_kind kind,
		  enum rent_no code, const char *text)
{
	struct rent_client_event ev = {
		.kind = kind, .code = code, .text = text};

	c->ops.event(c->ops.ctx, &ev);
}

void client_settled(struct rent_client *c, uint32_t number)
{
	if (c->unsettled && c->unsettled_number == number)
		c->unsettled = false;
}

/* Takes the request out of what is counted as under way. */
static void settle(struct rent_call *k)
{
	struct rent_client *c = k->c;

	if (k->queue != Q_ACTIVE)
		return;
	c->n_writes -= k->kind == RENT_WRITE;
	c->n_reads -= k->kind == RENT_READ;
	c->n_small -= queue_of(k->kind) == Q_SMALL;
	c->dues = amount_sub_floor(c->dues, k->due);
	k->due = AMOUNT_ZERO;
	if (c->sending == k)
		c->sending = NULL;
	if (c->placing == k)
		c->placing = NULL;
	if (c->revising == k)
		c->revising = NULL;
}

void client_back(struct rent_call *k)
{
	settle(k);
	queue_leave(k);
	k->state = CALL_WAITING;
	queue_push(k, queue_of(k->kind), true);
}

void client_end(struct rent_call *k, struct rent_result *r)
{
	struct rent_client *c = k->c;

	r->took_ms = c->now_ms - k->begun_ms;
	settle(k);
	queue_leave(k);
	c->n_calls--;
	if (c->own_offer == k)
		c->own_offer = NULL;
	if (k->done)
		k->done(k->ctx, r);
	client_call_free(k);
}

void client_fail(struct rent_call *k, enum rent_fate fate, enum rent_no code,
		 const char *why)
{
	struct rent_result r = {.fate = fate, .code = code, .why = why};

	client_end(k, &r);
}

void client_later(struct rent_call *k, enum rent_no code, const char *why)
{
	if (k->attempts >= RENT_ATTEMPTS_MAX || !k->done) {
		client_fail(k, RENT_REFUSED, code, why);
		return;
	}
	client_back(k);
	k->not_before_ms = k->c->now_ms + (RENT_AGAIN_MS << (k->attempts - 1));
}

/* ---- what is sent ---- */

static void say(struct rent_client *c, const struct rent_msg *m)
{
	size_t len = rent_msg_encode(m, c->out, sizeof(c->out));

	if (len)
		c->ops.send(c->ops.ctx, c->out, len);
}

static struct rent_view view(const void *p, size_t len)
{
	static const uint8_t nothing;

	return (struct rent_view){len ? p : &nothing, len};
}

static struct rent_msg revise_msg(const struct rent_call *k)
{
	struct rent_msg m = {.kind = RENT_REVISE};

	m.u.revise.a = k->revision.a;
	m.u.revise.sig = k->revision.renter_sig;
	m.u.revise.add = view(k->buf, (size_t)k->n_adds * 32);
	m.u.revise.cut = view(k->cuts, (size_t)k->n_cuts * 4);
	return m;
}

/* All but the parts of sectors and records. */
static struct rent_msg request_of(const struct rent_call *k)
{
	struct rent_msg m = {.kind = k->kind};

	switch (k->kind) {
	case RENT_PEERS:
		m.u.peers = k->len;
		break;
	case RENT_HAVE:
		m.u.have.roots = view(k->buf, k->buf_len);
		break;
	case RENT_WRITE: /* is it there since the last time? */
		m.kind = RENT_HAVE;
		m.u.have.roots = view(&k->root, sizeof(k->root));
		break;
	case RENT_REVISE:
		return revise_msg(k);
	case RENT_READ:
		m.u.read.root = k->root;
		m.u.read.off = k->off;
		m.u.read.len = k->len;
		break;
	case RENT_LIST:
	case RENT_LOST:
	case RENT_NEWEST:
		m.u.page =
			(struct rent_page){k->number, k->from, RENT_ROOTS_MAX};
		break;
	case RENT_FETCH:
		memcpy(m.u.fetch.id, k->id32, sizeof(k->id32));
		m.u.fetch.off = k->got;
		break;
	case RENT_KEEP:
		m.u.keep.seq = k->seq;
		m.bulk = view(k->buf, k->buf_len);
		break;
	case RENT_OFFER:
	case RENT_HEAD:
	case RENT_HELLO:
	case RENT_TELL:
	case RENT_PLACE:
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
	return m;
}

static uint32_t fresh_id(struct rent_client *c)
{
	if (++c->next_id == 0)
		c->next_id = 1;
	return c->next_id;
}

void client_ask_more(struct rent_call *k)
{
	struct rent_msg m = request_of(k);

	k->id = m.id = fresh_id(k->c);
	k->progress_ms = k->c->now_ms;
	say(k->c, &m);
}

static void begin(struct rent_call *k, enum call_state state)
{
	struct rent_client *c = k->c;

	queue_leave(k);
	queue_push(k, Q_ACTIVE, false);
	k->state = state;
	k->attempts++;
	k->begun_ms = k->progress_ms = c->now_ms;
	k->sent = 0;
	c->n_writes += k->kind == RENT_WRITE;
	c->n_reads += k->kind == RENT_READ;
	c->n_small += queue_of(k->kind) == Q_SMALL;
	if (state == CALL_SENDING)
		k->id = fresh_id(c);
	else
		client_ask_more(k);
}

/* The next part of the sector or record that is going out. */
static void send_part(struct rent_call *k)
{
	bool write = k->kind == RENT_WRITE;
	uint32_t whole = write ? RENT_SECTOR : k->buf_len;
	uint32_t n = whole - k->sent;
	struct rent_msg m = {.kind = k->kind, .id = k->id};

	if (n > RENT_PART)
		n = RENT_PART;
	if (write) {
		m.u.part.root = k->root;
		m.u.part.off = k->sent;
		m.bulk = view(k->data.p + k->sent, n);
	} else {
		memcpy(m.u.place.id, k->id32, sizeof(k->id32));
		m.u.place.seq = k->seq;
		m.u.place.size = whole;
		m.u.place.off = k->sent;
		m.bulk = view(k->buf + k->sent, n);
	}
	k->sent += n;
	k->progress_ms = k->c->now_ms;
	if (write && k->done && k->c->ops.moving)
		k->c->ops.moving(k->c->ops.ctx, k->ctx);
	if (k->sent == whole) {
		k->state = CALL_ASKED;
		if (write)
			k->c->sending = NULL;
	}
	say(k->c, &m);
}

/* ---- what is begun ---- */

static bool offer_is_live(const struct rent_client *c)
{
	return c->has_offer &&
	       (int64_t)c->offer.sheet.expires - SHEET_MARGIN_S > c->now_s;
}

static void own_offer_done(void *ctx, const struct rent_result *r)
{
	struct rent_client *c = ctx;

	if (r->fate != RENT_DONE) /* a host without prices */
		c->offer_after_ms = c->now_ms + OFFER_AGAIN_MS;
}

/* Prices are asked for on each connection, and before they end. */
static void want_offer(struct rent_client *c)
{
	if (!offer_is_live(c) && !c->own_offer &&
	    c->now_ms >= c->offer_after_ms)
		c->own_offer = rent_call_offer(c, own_offer_done, c, NULL);
}

static struct rent_call *ready_in(struct rent_client *c, enum call_queue q)
{
	struct rent_call *k = c->queues[q].first;

	while (k && (k->not_before_ms > c->now_ms ||
		     (k->kind == RENT_REVISE && c->revising) ||
		     (k->kind == RENT_PLACE && c->placing)))
		k = k->next;
	return k;
}

static bool begin_small(struct rent_client *c)
{
	struct rent_call *k =
		c->n_small < SMALL_MAX ? ready_in(c, Q_SMALL) : NULL;

	if (!k)
		return false;
	if (k->kind == RENT_REVISE)
		c->revising = k;
	if (k->kind == RENT_PLACE)
		c->placing = k;
	if (k->kind == RENT_FETCH)
		k->got = 0;
	if (k->kind == RENT_LIST || k->kind == RENT_LOST)
		k->from = k->n_roots = 0;
	begin(k, k->kind == RENT_PLACE ? CALL_SENDING : CALL_ASKED);
	return true;
}

static bool begin_read(struct rent_client *c)
{
	struct rent_call *k =
		c->n_reads < c->cfg.reads ? ready_in(c, Q_READ) : NULL;

	if (!k)
		return false;
	if (!k->tiles)
		k->tiles = malloc(k->len / RENT_TILE * sizeof(*k->tiles));
	if (!k->tiles) /* with the next pump */
		return false;
	k->got = 0;
	begin(k, CALL_ASKED);
	return true;
}

/* Is one more sector paid for in advance, with those under way? *dues is then
 * what all of them come to. */
static bool is_covered(struct rent_client *c, struct amount *price,
		       struct amount *dues)
{
	if (!offer_is_live(c) || c->unpaid ||
	    !rent_ingress(price, &c->offer.sheet, 1) ||
	    !amount_add(dues, c->dues, *price))
		return false;
	if (c->ops.covered(c->ops.ctx, *dues))
		return true;
	c->unpaid = true;
	return false;
}

static bool begin_write(struct rent_client *c)
{
	struct rent_call *k =
		c->n_writes < c->cfg.writes ? ready_in(c, Q_WRITE) : NULL;
	struct amount price, dues;

	if (!k || c->sending)
		return false;
	if (k->maybe) {
		k->have_first = true;
		begin(k, CALL_ASKED);
		return true;
	}
	if (!is_covered(c, &price, &dues))
		return false;
	k->due = price;
	c->dues = dues;
	k->have_first = false;
	c->sending = k;
	begin(k, CALL_SENDING);
	return true;
}

/* One record's part, one sector's, in turns: so that neither waits for all of
 * the other. */
static bool send_more(struct rent_client *c)
{
	bool any = false;

	if (c->placing && c->placing->state == CALL_SENDING &&
	    c->ops.room(c->ops.ctx)) {
		send_part(c->placing);
		any = true;
	}
	if (c->sending && c->ops.room(c->ops.ctx)) {
		send_part(c->sending);
		any = true;
	}
	return any;
}

void client_pump(struct rent_client *c)
{
	bool any = true;

	c->again = true;
	if (c->pumping)
		return;
	c->pumping = true;
	while (c->state == LINK_UP && (any || c->again)) {
		c->again = false;
		want_offer(c);
		any = begin_small(c) | begin_read(c) | begin_write(c) |
		      send_more(c);
	}
	c->pumping = false;
}

/* ---- the connection ---- */

static void set_state(struct rent_client *c, enum link_state state)
{
	c->state = state;
	c->since_ms = c->now_ms;
}

void rent_client_up(struct rent_client *c, const struct rent_client_link *l,
		    int64_t now_ms)
{
	struct rent_msg m = {.kind = RENT_HELLO};
	struct rent_hello *h = &m.u.hello;

	c->now_ms = now_ms;
	if (c->state != LINK_DOWN)
		return;
	memcpy(c->host_key, l->host_key, sizeof(c->host_key));
	h->version = RENT_VERSION;
	h->chain_id = c->cfg.chain_id;
	h->bank = c->cfg.bank;
	h->shown = !address_is_zero(&c->cfg.me);
	h->account = c->cfg.me;
	if (h->shown)
		h->sig = l->sig;
	c->has_offer = false; /* prices are of a connection */
	c->offer_after_ms = 0;
	c->unpaid = false;
	set_state(c, LINK_HELLO);
	say(c, &m);
}

/* What was under way waits again, or has failed. Nothing is called back
 * meanwhile. */
static void take_back(struct rent_call *k)
{
	struct rent_client *c = k->c;

	if (k->kind == RENT_REVISE && k->done) {
		c->unsettled = true;
		c->unsettled_number = k->number;
	}
	if (k->kind == RENT_WRITE)
		k->maybe = true;
	client_back(k);
	if (k->done && k->attempts < RENT_ATTEMPTS_MAX)
		return;
	queue_leave(k);
	queue_push(k, Q_FAILED, false);
}

void rent_client_down(struct rent_client *c, int64_t now_ms)
{
	struct rent_call *k;

	c->now_ms = now_ms;
	if (c->state == LINK_DOWN)
		return;
	set_state(c, LINK_DOWN);
	while ((k = c->queues[Q_ACTIVE].last)) /* so their order stays */
		take_back(k);
	while ((k = c->queues[Q_FAILED].first))
		client_fail(k, RENT_LATE, RENT_NO_NONE,
			    "the connection ended, again and again");
}

enum err_code rent_client_receive(struct rent_client *c, const uint8_t *msg,
				  size_t len, int64_t now_ms, struct err *e)
{
	struct err own = {0};
	struct rent_msg m;
	enum err_code rc;

	if (c->state == LINK_DOWN || c->state == LINK_DEAD)
		return ERR_NONE;
	if (!e)
		e = &own;
	c->now_ms = now_ms;
	rc = rent_msg_decode(&m, msg, len, e);
	if (rc == ERR_NONE && rent_msg_from_renter(m.kind))
		rc = err_fail(e, ERR_STATE, "sb_store: a message of our side");
	if (rc == ERR_NONE)
		rc = client_hear(c, &m, e);
	if (rc != ERR_NONE)
		set_state(c, LINK_DEAD);
	else
		client_pump(c);
	return rc;
}

void rent_client_drained(struct rent_client *c, int64_t now_ms)
{
	c->now_ms = now_ms;
	client_pump(c);
}

void rent_client_paid(struct rent_client *c, int64_t now_ms)
{
	c->now_ms = now_ms;
	c->unpaid = false;
	client_pump(c);
}

void rent_client_tell(struct rent_client *c, const uint8_t *nodes, size_t n)
{
	struct rent_msg m = {.kind = RENT_TELL};

	m.u.tell.nodes = view(nodes, n * RENT_NODE_LEN);
	if (c->state == LINK_UP)
		say(c, &m);
}

/* ---- time ---- */

static int64_t patience(const struct rent_call *k)
{
	bool disk = k->kind == RENT_WRITE || k->kind == RENT_PLACE ||
		    k->kind == RENT_REVISE || k->kind == RENT_KEEP;

	return disk ? RENT_STORED_MS : RENT_ANSWER_MS;
}

void client_close(struct rent_client *c, enum err_code code, const char *why)
{
	struct err e = {0};

	(void)err_fail(&e, code, "sb_store: %s", why);
	set_state(c, LINK_DEAD);
	c->ops.close(c->ops.ctx, &e);
}

static void give_up(struct rent_client *c, const char *why)
{
	set_state(c, LINK_DEAD);
	client_event(c, RENT_CLIENT_LATE, RENT_NO_NONE, why);
	client_close(c, ERR_LIMIT, why);
}

void rent_client_tick(struct rent_client *c, int64_t now_ms, int64_t now_s)
{
	c->now_ms = now_ms;
	c->now_s = now_s;
	if (c->state == LINK_HELLO &&
	    now_ms - c->since_ms >= RENT_CLIENT_HELLO_MS)
		give_up(c, "no welcome");
	for (struct rent_call *k = c->queues[Q_ACTIVE].first;
	     k && c->state == LINK_UP; k = k->next)
		if (now_ms - k->progress_ms >= patience(k))
			give_up(c, "no answer in time");
	client_pump(c);
}

/* ---- looking ---- */

bool rent_client_unsettled(const struct rent_client *c)
{
	return c->unsettled;
}

const struct rent_offer *rent_client_offer(const struct rent_client *c)
{
	return offer_is_live(c) ? &c->offer : NULL;
}

uint32_t rent_client_room(const struct rent_client *c)
{
	return c->room;
}

struct address rent_client_host(const struct rent_client *c)
{
	return c->cfg.host;
}

const char *rent_client_state(const struct rent_client *c)
{
	static const char *const names[] = {
		[LINK_DOWN] = "down",
		[LINK_HELLO] = "hello",
		[LINK_UP] = "up",
		[LINK_DEAD] = "dead",
	};

	return names[c->state];
}

static uint64_t wanted_of(const struct rent_call *k)
{
	if (k->kind == RENT_READ)
		return k->len - k->got;
	if (k->kind != RENT_FETCH)
		return 0;
	return k->buf_len > k->got ? k->buf_len - k->got : RENT_PART;
}

uint64_t rent_client_wanted(const struct rent_client *c, uint64_t enough)
{
	static const enum call_queue of[] = {Q_ACTIVE, Q_READ, Q_SMALL};
	uint64_t sum = 0;

	enough += c->coming;
	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++)
		for (const struct rent_call *k = c->queues[of[i]].first;
		     k && sum < enough; k = k->next)
			sum += wanted_of(k);
	sum = sum < enough ? sum : enough;
	return sum > c->coming ? sum - c->coming : 0;
}

uint32_t rent_client_calls(const struct rent_client *c)
{
	return c->n_calls;
}
