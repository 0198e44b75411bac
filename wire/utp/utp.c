#include "wire/utp/utp_int.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS_MIN 64U
#define SECOND_US 1000000

const char *utp_close_name(enum utp_close why)
{
	switch (why) {
	case UTP_CLOSE_FIN:
		return "closed by the peer";
	case UTP_CLOSE_RESET:
		return "reset by the peer";
	case UTP_CLOSE_TIMEOUT:
		return "no answer";
	case UTP_CLOSE_LIED:
		return "it acks what was not sent";
	case UTP_CLOSE_NOMEM:
		return "out of memory";
	}
	return "?";
}

/* ---- the table: by address and id ---- */

static uint64_t mix(uint64_t h)
{
	h ^= h >> 32;
	h *= 0x9e3779b97f4a7c15U;
	return h ^ h >> 29;
}

/* Keyed, so that nobody can choose ids and ports that share a bucket. */
static struct utp_conn **bucket(const struct utp *u,
				const struct utp_path *path, uint16_t id)
{
	uint64_t word[2], h = u->seed ^ path->local;

	memcpy(word, path->to.ip, sizeof(word));
	h = mix(h ^ word[0]);
	h = mix(h ^ word[1]);
	h = mix(h ^ (uint64_t)path->to.port << 16 ^ id);
	return &u->buckets[h & (u->bucket_count - 1)];
}

static bool same_path(const struct utp_path *a, const struct utp_path *b)
{
	return a->to.port == b->to.port && a->local == b->local &&
	       memcmp(a->to.ip, b->to.ip, sizeof(a->to.ip)) == 0;
}

static struct utp_conn *find(const struct utp *u, const struct utp_path *path,
			     uint16_t id)
{
	for (struct utp_conn *c = *bucket(u, path, id); c; c = c->next_bucket)
		if (c->recv_id == id && same_path(&c->path, path))
			return c;
	return NULL;
}

static bool grow_table(struct utp *u)
{
	unsigned count = u->bucket_count ? u->bucket_count * 2 : BUCKETS_MIN;
	struct utp_conn **buckets = calloc(count, sizeof(struct utp_conn *));

	if (!buckets)
		return u->bucket_count != 0;
	free(u->buckets);
	u->buckets = buckets;
	u->bucket_count = count;
	for (struct utp_conn *c = u->all; c; c = c->next) {
		struct utp_conn **at = bucket(u, &c->path, c->recv_id);

		c->next_bucket = *at;
		*at = c;
	}
	return true;
}

static struct utp_conn *conn_new(struct utp *u, const struct utp_path *path,
				 uint16_t recv_id, uint16_t send_id,
				 uint16_t seq)
{
	struct utp_conn *c, **at;

	if (u->count >= u->max ||
	    (u->count >= u->bucket_count && !grow_table(u)))
		return NULL;
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->u = u;
	c->path = *path;
	c->recv_id = recv_id;
	c->send_id = send_id;
	utp_conn_init(c, seq);
	at = bucket(u, path, recv_id);
	c->next_bucket = *at;
	*at = c;
	c->next = u->all;
	if (c->next)
		c->next->prev = c;
	u->all = c;
	u->count++;
	return c;
}

static void unlink_conn(struct utp_conn *c)
{
	struct utp *u = c->u;
	struct utp_conn **at = bucket(u, &c->path, c->recv_id);

	while (*at != c)
		at = &(*at)->next_bucket;
	*at = c->next_bucket;
	if (c->prev)
		c->prev->next = c->next;
	else
		u->all = c->next;
	if (c->next)
		c->next->prev = c->prev;
	u->count--;
}

void utp_drop(struct utp_conn *c)
{
	if (c->state == UTP_DEAD)
		return;
	unlink_conn(c);
	c->state = UTP_DEAD;
	utp_rx_clear(c);
	utp_tx_clear(c);
	c->rto_at = c->probe_at = c->close_at = 0;
	/* whoever is in one of its callbacks still looks at its state */
	c->next_dead = c->u->dead;
	c->u->dead = c;
}

void utp_end(struct utp_conn *c, enum utp_close why)
{
	bool heard = c->state == UTP_SYN_SENT || c->state == UTP_OPEN;

	if (why == UTP_CLOSE_FIN)
		utp_conn_leave(c);
	else
		utp_drop(c);
	if (heard)
		c->u->ops->closed(c->ctx, why);
}

void utp_mark(struct utp_conn *c)
{
	if (c->dirty || c->state == UTP_DEAD)
		return;
	c->dirty = true;
	c->next_dirty = c->u->dirty;
	c->u->dirty = c;
}

/* ---- life ---- */

struct utp *utp_new(const struct utp_ops *ops, void *ctx, const struct rng *rng,
		    unsigned max_conns, struct err *e)
{
	struct utp *u = calloc(1, sizeof(*u));

	if (u && !grow_table(u)) {
		free(u);
		u = NULL;
	}
	if (!u) {
		(void)err_fail(e, ERR_NOMEM, "uTP");
		return NULL;
	}
	u->ops = ops;
	u->ctx = ctx;
	u->rng = *rng;
	u->max = max_conns;
	u->wake_us = INT64_MAX;
	rng_fill(&u->rng, &u->seed, sizeof(u->seed));
	return u;
}

static void free_dead(struct utp *u)
{
	struct utp_conn **at = &u->dirty;

	while (*at)
		if ((*at)->state == UTP_DEAD)
			*at = (*at)->next_dirty;
		else
			at = &(*at)->next_dirty;
	while (u->dead) {
		struct utp_conn *c = u->dead;

		u->dead = c->next_dead;
		free(c);
	}
}

void utp_free(struct utp *u, int64_t now_us)
{
	if (!u)
		return;
	u->now_us = now_us;
	while (u->all) {
		struct utp_conn *c = u->all;

		if (c->state == UTP_OPEN)
			utp_conn_leave(c);
		if (c->state == UTP_CLOSING)
			utp_conn_flush(c);
		utp_drop(c);
	}
	free_dead(u);
	utp_spare_free(u);
	free(u->buckets);
	free(u);
}

static uint16_t random16(struct utp *u)
{
	return (uint16_t)rng_below(&u->rng, 1U << 16);
}

struct utp_conn *utp_connect(struct utp *u, int64_t now_us,
			     const struct utp_path *path, void *conn_ctx)
{
	uint16_t id = random16(u);
	struct utp_conn *c;

	u->now_us = now_us;
	for (unsigned i = 0; find(u, path, id); i++) {
		if (i == u->max)
			return NULL;
		id++;
	}
	c = conn_new(u, path, id, (uint16_t)(id + 1), random16(u));
	if (!c)
		return NULL;
	c->ctx = conn_ctx;
	c->state = UTP_SYN_SENT;
	utp_mark(c);
	return c;
}

/* ---- small packets ---- */

enum utp_sent utp_send_small(struct utp *u, const struct utp_path *path,
			     const uint8_t *p, size_t len)
{
	const struct utp_datagrams out = {.p = p, .len = len, .segment = len};
	enum utp_sent sent = u->ops->send(u->ctx, path, &out);

	if (sent == UTP_BUSY)
		u->blocked = true;
	return sent;
}

void utp_say_reset(struct utp *u, const struct utp_path *path, uint16_t id,
		   uint16_t ack)
{
	struct utp_packet p = {.type = UTP_RESET,
			       .id = id,
			       .stamp_us = (uint32_t)u->now_us,
			       .seq = random16(u),
			       .ack = ack};
	uint8_t buf[UTP_HEAD];

	if (u->now_us - u->resets_from >= SECOND_US) {
		u->resets_from = u->now_us;
		u->resets = 0;
	}
	if (u->resets++ >= UTP_RESETS_A_SECOND)
		return;
	(void)utp_packet_encode(buf, sizeof(buf), &p);
	(void)utp_send_small(u, path, buf, sizeof(buf));
}

/* ---- who knocks ---- */

static struct utp_half *find_half(struct utp *u, const struct utp_path *path,
				  uint16_t id)
{
	for (unsigned i = 0; i < UTP_HALF_OPEN; i++)
		if (u->halves[i].since_us && u->halves[i].id == id &&
		    same_path(&u->halves[i].path, path))
			return &u->halves[i];
	return NULL;
}

static bool is_over(const struct utp *u, const struct utp_half *h)
{
	return !h->since_us || u->now_us - h->since_us > UTP_HALF_OPEN_US;
}

/* A free place, else that of who has waited longest: who means it answers in a
 * round trip. One address gets no more than its share. */
static struct utp_half *half_place(struct utp *u, const struct utp_path *path)
{
	struct utp_half *oldest = NULL, *own = NULL;
	unsigned owned = 0;

	for (unsigned i = 0; i < UTP_HALF_OPEN; i++) {
		struct utp_half *h = &u->halves[i];
		bool mine = !is_over(u, h) && memcmp(h->path.to.ip, path->to.ip,
						     sizeof(path->to.ip)) == 0;

		if (is_over(u, h))
			h->since_us = 0;
		if (mine)
			owned++;
		if (mine && (!own || h->since_us < own->since_us))
			own = h;
		if (!oldest || h->since_us < oldest->since_us)
			oldest = h;
	}
	return owned >= UTP_HALF_OPEN_IP ? own : oldest;
}

static void answer_syn(struct utp *u, struct utp_half *h,
		       const struct utp_packet *syn)
{
	struct utp_packet p = {.type = UTP_STATE,
			       .id = h->id,
			       .stamp_us = (uint32_t)u->now_us,
			       .delay_us = (uint32_t)u->now_us - syn->stamp_us,
			       .window = UTP_WINDOW,
			       .seq = h->seq,
			       .ack = h->their_seq};
	uint8_t buf[UTP_HEAD];

	if (h->answers >= UTP_SYN_ANSWERS)
		return;
	if (h->answers++ == 0)
		h->said_us = p.stamp_us;
	(void)utp_packet_encode(buf, sizeof(buf), &p);
	(void)utp_send_small(u, &h->path, buf, sizeof(buf));
}

static void on_syn(struct utp *u, const struct utp_path *from,
		   const struct utp_packet *p)
{
	struct utp_conn *c = find(u, from, (uint16_t)(p->id + 1));
	struct utp_half *h;

	if (c) {
		utp_conn_input(c, p, NULL);
		return;
	}
	h = find_half(u, from, p->id);
	if (!h || is_over(u, h) || h->their_seq != p->seq) {
		if (!h)
			h = half_place(u, from);
		*h = (struct utp_half){.path = *from,
				       .since_us = u->now_us ? u->now_us : 1,
				       .id = p->id,
				       .seq = random16(u),
				       .their_seq = p->seq};
	}
	answer_syn(u, h, p);
}

static void note_guess(struct utp *u)
{
	if (u->now_us - u->guesses_from >= UTP_HALF_OPEN_US) {
		u->guesses_from = u->now_us;
		u->guesses = 0;
	}
	u->guesses++;
}

/* Our number has 16 bits, so whoever may send 65,536 packets would find it, and
 * have us send files to a forged address. While there are guesses, who is let
 * in must have heard our clock too: the delay that it measured leads from its
 * own stamp back to that of our answer. Else that is not asked, since some may
 * not say it in their first packet. */
static bool had_answer(struct utp *u, const struct utp_half *h,
		       const struct utp_packet *p)
{
	uint32_t heard_us = p->stamp_us - p->delay_us;

	if (p->ack != (uint16_t)(h->seq - 1)) {
		note_guess(u);
		return false;
	}
	if (u->guesses <= UTP_GUESSES ||
	    u->now_us - u->guesses_from >= 2LL * UTP_HALF_OPEN_US)
		return true;
	return heard_us - h->said_us <= (uint32_t)u->now_us - h->said_us;
}

/* Its sender has had our answer: it acks a number that only that told. */
static struct utp_conn *promote(struct utp *u, const struct utp_path *from,
				const struct utp_packet *p)
{
	struct utp_half *h = find_half(u, from, (uint16_t)(p->id - 1));
	struct utp_conn *c;

	if (!h || is_over(u, h) || !had_answer(u, h, p))
		return NULL;
	h->since_us = 0;
	c = conn_new(u, from, p->id, h->id, h->seq);
	if (!c)
		return NULL;
	c->state = UTP_OPEN;
	c->rx.ack = h->their_seq;
	c->peer_window = p->window;
	c->ctx = u->ops->accepted(u->ctx, c, from);
	if (!c->ctx) {
		utp_say_reset(u, from, c->send_id, p->seq);
		utp_drop(c);
		return NULL;
	}
	c->tx.wants = true;
	return c;
}

static void on_reset(struct utp *u, const struct utp_path *from,
		     const struct utp_packet *p)
{
	/* it names the connection by the id that either side receives by */
	struct utp_conn *c = find(u, from, p->id);

	if (!c) {
		c = find(u, from, (uint16_t)(p->id + 1));
		if (!c || c->send_id != p->id)
			c = find(u, from, (uint16_t)(p->id - 1));
		if (c && c->send_id != p->id)
			c = NULL;
	}
	if (c)
		utp_conn_reset(c, p);
}

void utp_input(struct utp *u, int64_t now_us, const struct utp_path *from,
	       const uint8_t head[UTP_HEAD], const struct span *rest)
{
	struct utp_packet p;
	struct utp_conn *c;

	u->now_us = now_us;
	if (utp_packet_decode(&p, head, rest->p, rest->len, NULL) != ERR_NONE)
		return;
	if (p.type == UTP_RESET) {
		on_reset(u, from, &p);
		return;
	}
	if (p.type == UTP_SYN) {
		on_syn(u, from, &p);
		return;
	}
	c = find(u, from, p.id);
	if (!c)
		c = promote(u, from, &p);
	if (c)
		utp_conn_input(c, &p, rest->owner);
	else
		utp_say_reset(u, from, p.id, p.seq);
}

/* ---- turns and time ---- */

void utp_deliver(struct utp *u, int64_t now_us)
{
	u->now_us = now_us;
	for (struct utp_conn *c = u->dirty; c; c = c->next_dirty)
		if (c->state == UTP_OPEN)
			utp_rx_deliver(c);
}

void utp_flush(struct utp *u, int64_t now_us)
{
	struct utp_conn *c = u->dirty, *next;

	u->now_us = now_us;
	u->dirty = NULL; /* who wants again during this waits for the next */
	for (; c; c = next) {
		int64_t wake;

		next = c->next_dirty;
		c->dirty = false;
		if (c->state != UTP_DEAD)
			utp_conn_tick(c);
		if (c->state != UTP_DEAD)
			utp_conn_flush(c);
		wake = utp_conn_wake_us(c);
		if (c->state != UTP_DEAD && wake < u->wake_us)
			u->wake_us = wake;
	}
	free_dead(u);
}

/* Whose time has come is called at the flush, where connections may go. */
void utp_tick(struct utp *u, int64_t now_us)
{
	u->now_us = now_us;
	if (now_us < u->wake_us)
		return;
	u->wake_us = INT64_MAX;
	for (struct utp_conn *c = u->all; c; c = c->next) {
		int64_t wake = utp_conn_wake_us(c);

		if (wake <= now_us)
			utp_mark(c);
		else if (wake < u->wake_us)
			u->wake_us = wake;
	}
}

int64_t utp_wake_us(const struct utp *u)
{
	return u->wake_us;
}

void utp_writable(struct utp *u)
{
	if (!u->blocked)
		return;
	u->blocked = false;
	for (struct utp_conn *c = u->all; c; c = c->next)
		utp_mark(c);
}

bool utp_is_dirty(const struct utp *u)
{
	return u->dirty != NULL || u->dead != NULL;
}

unsigned utp_count(const struct utp *u)
{
	return u->count;
}
