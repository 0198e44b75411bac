#include "ledger/signer/signer_client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define OUT_START 4096U
#define IN_START 4096U
#define IN_MAX (SIGNER_FRAME_MAX + 8192U)
#define WAITING_START 64U

struct waiting {
	uint32_t id;
	enum signer_type type;
	signer_reply_fn *fn; /* NULL: forgotten */
	void *ctx;
};

struct signer_client {
	struct signer_proc proc;
	struct loop_watch *watch; /* NULL: calls only */
	bool dead;
	bool handing_out; /* a callback runs and borrows from `in` */
	uint32_t next_id;
	struct waiting *ring; /* a power of two places */
	uint32_t ring_cap, head, count;
	uint8_t *out;
	size_t out_len, out_sent, out_cap;
	uint8_t *in;
	size_t in_len, in_cap;
	size_t in_done; /* bytes of the answer that a caller still reads */
};

static const char stopped[] = "the signer has stopped";

/* A buffer that grows by doubling up to max; wiped when it moves, because a
 * passphrase may be in it. */
static bool room(uint8_t **buf, size_t *cap, size_t len, size_t want,
		 size_t start, size_t max)
{
	size_t n = *cap ? *cap : start;
	uint8_t *moved;

	if (want > max)
		return false;
	while (n < want)
		n *= 2;
	if (n == *cap)
		return true;
	moved = malloc(n);
	if (!moved)
		return false;
	if (len)
		memcpy(moved, *buf, len);
	if (*buf)
		sodium_memzero(*buf, *cap);
	free(*buf);
	*buf = moved;
	*cap = n;
	return true;
}

static bool ring_room(struct signer_client *c)
{
	uint32_t cap = c->ring_cap ? c->ring_cap * 2 : WAITING_START;
	struct waiting *ring;

	if (c->count < c->ring_cap)
		return true;
	ring = calloc(cap, sizeof(*ring));
	if (!ring)
		return false;
	for (uint32_t i = 0; i < c->count; i++)
		ring[i] = c->ring[(c->head + i) & (c->ring_cap - 1)];
	free(c->ring);
	c->ring = ring;
	c->ring_cap = cap;
	c->head = 0;
	return true;
}

static void push(struct signer_client *c, struct waiting w)
{
	c->ring[(c->head + c->count++) & (c->ring_cap - 1)] = w;
}

static struct waiting pop(struct signer_client *c)
{
	struct waiting w = c->ring[c->head & (c->ring_cap - 1)];

	c->head = (c->head + 1) & (c->ring_cap - 1);
	c->count--;
	return w;
}

static void watch_for(struct signer_client *c)
{
	if (!c->watch)
		return;
	loop_watch_set(c->watch, c->dead ? 0
				 : c->out_len > c->out_sent
					 ? LOOP_READ | LOOP_WRITE
					 : LOOP_READ);
}

/* Everyone who waits is told once, in order; who asks again meanwhile is
 * refused at once. */
static void die(struct signer_client *c)
{
	struct err e = {0};

	if (c->dead)
		return;
	c->dead = true;
	watch_for(c);
	(void)err_fail(&e, ERR_IO, "%s", stopped);
	while (c->count) {
		struct waiting w = pop(c);

		if (w.fn)
			w.fn(w.ctx, NULL, &e);
	}
}

/* Writes what the socket takes. False: the other end is gone. */
static bool send_some(struct signer_client *c)
{
	while (c->out_sent < c->out_len) {
		ssize_t n = send(c->proc.fd, c->out + c->out_sent,
				 c->out_len - c->out_sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return true;
		if (n <= 0)
			return false;
		sodium_memzero(c->out + c->out_sent, (size_t)n);
		c->out_sent += (size_t)n;
	}
	c->out_sent = c->out_len = 0;
	return true;
}

/* Reads what has come, once. False: end of file. */
static bool receive_some(struct signer_client *c)
{
	ssize_t n;

	if (!room(&c->in, &c->in_cap, c->in_len, c->in_len + IN_START, IN_START,
		  2U * IN_MAX))
		return false;
	do {
		n = recv(c->proc.fd, c->in + c->in_len, c->in_cap - c->in_len,
			 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK;
	c->in_len += (size_t)n;
	return n > 0;
}

/* The next whole reply, which must be to the first that waits. *len is 0 when
 * more has to come. False: the signer talks nonsense. */
static bool next_reply(struct signer_client *c, size_t at, size_t *len,
		       struct signer_reply *r)
{
	const struct waiting *w = &c->ring[c->head & (c->ring_cap - 1)];
	uint32_t id;
	bool bad;

	*len = signer_frame_len(c->in + at, c->in_len - at, &bad);
	if (bad)
		return false;
	if (*len > c->in_len - at)
		*len = 0;
	if (*len == 0)
		return true;
	return c->count &&
	       signer_reply_decode(r, &id, c->in + at, *len, NULL) ==
		       ERR_NONE &&
	       id == w->id && r->type == w->type;
}

static void consume(struct signer_client *c, size_t n)
{
	memmove(c->in, c->in + n, c->in_len - n);
	c->in_len -= n;
}

static void reply_err(struct err *e, const struct signer_reply *r)
{
	(void)err_fail(e, r->code, "%s", r->msg);
}

static void hand_out(const struct waiting *w, const struct signer_reply *r)
{
	struct err e = {0};

	if (!w->fn)
		return;
	if (r->code == ERR_NONE) {
		w->fn(w->ctx, r, NULL);
		return;
	}
	reply_err(&e, r);
	w->fn(w->ctx, NULL, &e);
}

static void on_socket(void *ctx, unsigned what)
{
	struct signer_client *c = ctx;
	size_t at = 0, len = 0;
	struct signer_reply r;
	bool good = true;

	if (what & LOOP_WRITE)
		good = send_some(c);
	if (good && (what & LOOP_READ))
		good = receive_some(c);
	c->handing_out = true;
	while (good && c->in_len > at) {
		struct waiting w;

		good = next_reply(c, at, &len, &r);
		if (!good || len == 0)
			break;
		w = pop(c);
		at += len;
		hand_out(&w, &r);
	}
	c->handing_out = false;
	if (c->in)
		consume(c, at);
	if (!good)
		die(c);
	watch_for(c);
}

struct signer_client *signer_client_new(struct loop *l,
					const struct signer_proc *take_proc,
					struct err *e)
{
	struct signer_client *c = calloc(1, sizeof(*c));
	int flags = fcntl(take_proc->fd, F_GETFL);

	if (!c || flags < 0 ||
	    fcntl(take_proc->fd, F_SETFL, flags | O_NONBLOCK) != 0)
		goto fail;
	c->proc = *take_proc;
	if (l) {
		c->watch = loop_watch_new(l, c->proc.fd, on_socket, c);
		if (!c->watch)
			goto fail;
		watch_for(c);
	}
	return c;
fail:
	free(c);
	(void)err_fail(e, ERR_NOMEM, "no memory for the signer's client");
	return NULL;
}

void signer_client_free(struct signer_client *c)
{
	if (!c)
		return;
	loop_watch_free(c->watch);
	signer_stop(&c->proc);
	if (c->out)
		sodium_memzero(c->out, c->out_cap);
	free(c->out);
	free(c->in);
	free(c->ring);
	free(c);
}

/* Longest frame of a request: what its data takes, and the rest. */
static size_t frame_bound(const struct signer_request *q)
{
	return 4096U + (q->type == SIGNER_TX_EVM    ? q->u.tx.data_len
			: q->type == SIGNER_TX_TRON ? q->u.tron.tx.len
						    : 0);
}

static enum err_code queue(struct signer_client *c,
			   const struct signer_request *q, signer_reply_fn *fn,
			   void *ctx, struct err *e)
{
	size_t len;

	if (c->dead)
		return err_fail(e, ERR_IO, "%s", stopped);
	if (c->in_done)
		consume(c, c->in_done);
	c->in_done = 0;
	if (c->count >= SIGNER_ASK_MAX ||
	    c->out_len + frame_bound(q) > SIGNER_ASK_BYTES)
		return err_fail(e, ERR_LIMIT,
				"too many requests wait for the signer");
	if (!ring_room(c) ||
	    !room(&c->out, &c->out_cap, c->out_len, c->out_len + frame_bound(q),
		  OUT_START, SIGNER_ASK_BYTES))
		return err_fail(e, ERR_NOMEM, "no memory to ask the signer");
	len = signer_request_encode(q, c->next_id, c->out + c->out_len,
				    c->out_cap - c->out_len);
	if (len == 0)
		return err_fail(e, ERR_LIMIT, "a request that no signer takes");
	c->out_len += len;
	push(c, (struct waiting){.id = c->next_id++,
				 .type = q->type,
				 .fn = fn,
				 .ctx = ctx});
	return ERR_NONE;
}

enum err_code signer_ask(struct signer_client *c,
			 const struct signer_request *q, signer_reply_fn *fn,
			 void *ctx, struct err *e)
{
	enum err_code code = queue(c, q, fn, ctx, e);

	if (code == ERR_NONE)
		watch_for(c); /* written when the loop turns, all at once */
	return code;
}

void signer_forget(struct signer_client *c, void *ctx)
{
	for (uint32_t i = 0; i < c->count; i++) {
		struct waiting *w = &c->ring[(c->head + i) & (c->ring_cap - 1)];

		if (w->ctx == ctx)
			w->fn = NULL;
	}
}

static bool wait_for(struct signer_client *c)
{
	struct pollfd p = {.fd = c->proc.fd, .events = POLLIN};

	if (c->out_len > c->out_sent)
		p.events |= POLLOUT;
	while (poll(&p, 1, -1) < 0)
		if (errno != EINTR)
			return false;
	if (p.revents & POLLOUT && !send_some(c))
		return false;
	return !(p.revents & (POLLIN | POLLHUP | POLLERR)) || receive_some(c);
}

enum err_code signer_call(struct signer_client *c, struct signer_reply *r,
			  const struct signer_request *q, struct err *e)
{
	enum err_code code;
	size_t len = 0;

	if (c->count || c->handing_out)
		return err_fail(e, ERR_STATE,
				"the signer has requests to answer first");
	code = queue(c, q, NULL, NULL, e);
	if (code != ERR_NONE)
		return code;
	while (len == 0) {
		if (!wait_for(c) || !next_reply(c, 0, &len, r)) {
			die(c);
			return err_fail(e, ERR_IO, "%s", stopped);
		}
	}
	(void)pop(c);
	c->in_done = len; /* *r borrows from it */
	if (r->code != ERR_NONE)
		reply_err(e, r);
	watch_for(c);
	return r->code;
}
