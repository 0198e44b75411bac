#include "storage/rent/rent_client_int.h"

#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

/* ---- queues ---- */

enum call_queue queue_of(enum rent_kind kind)
{
	if (kind == RENT_WRITE)
		return Q_WRITE;
	return kind == RENT_READ ? Q_READ : Q_SMALL;
}

void queue_push(struct rent_call *k, enum call_queue q, bool front)
{
	struct call_list *l = &k->c->queues[q];

	k->queue = q;
	k->prev = front ? NULL : l->last;
	k->next = front ? l->first : NULL;
	if (k->prev)
		k->prev->next = k;
	else
		l->first = k;
	if (k->next)
		k->next->prev = k;
	else
		l->last = k;
}

void queue_leave(struct rent_call *k)
{
	struct call_list *l = &k->c->queues[k->queue];

	if (k->prev)
		k->prev->next = k->next;
	else
		l->first = k->next;
	if (k->next)
		k->next->prev = k->prev;
	else
		l->last = k->prev;
}

void client_call_free(struct rent_call *k)
{
	span_unref(&k->data);
	if (!k->lent)
		free(k->buf);
	free(k->tiles);
	free(k->roots);
	free(k);
}

/* ---- making ---- */

static struct rent_call *new_call(struct rent_client *c, enum rent_kind kind,
				  size_t buf_len, rent_done *done, void *ctx,
				  struct err *e)
{
	struct rent_call *k;

	if (c->n_calls >= RENT_CALLS_MAX) {
		(void)err_fail(e, ERR_LIMIT, "rent: %u calls", c->n_calls);
		return NULL;
	}
	k = calloc(1, sizeof(*k));
	if (k && buf_len) {
		k->buf = malloc(buf_len);
		k->buf_len = (uint32_t)buf_len;
	}
	if (!k || (buf_len && !k->buf)) {
		free(k);
		(void)err_fail(e, ERR_NOMEM, "rent: a call");
		return NULL;
	}
	k->c = c;
	k->kind = kind;
	k->done = done;
	k->ctx = ctx;
	return k;
}

static struct rent_call *enter(struct rent_call *k)
{
	k->c->n_calls++;
	queue_push(k, queue_of(k->kind), false);
	client_pump(k->c);
	return k;
}

static struct rent_call *range(struct err *e, const char *what)
{
	(void)err_fail(e, ERR_LIMIT, "rent: %s out of range", what);
	return NULL;
}

struct rent_call *rent_call_offer(struct rent_client *c, rent_done *done,
				  void *ctx, struct err *e)
{
	struct rent_call *k = new_call(c, RENT_OFFER, 0, done, ctx, e);

	return k ? enter(k) : NULL;
}

struct rent_call *rent_call_peers(struct rent_client *c, uint32_t n,
				  rent_done *done, void *ctx, struct err *e)
{
	struct rent_call *k;

	if (n == 0 || n > RENT_NODES_MAX)
		return range(e, "peers");
	k = new_call(c, RENT_PEERS, 0, done, ctx, e);
	if (!k)
		return NULL;
	k->len = n;
	return enter(k);
}

struct rent_call *rent_call_have(struct rent_client *c,
				 const struct hash32 *roots, uint32_t n,
				 rent_done *done, void *ctx, struct err *e)
{
	struct rent_call *k;

	if (n == 0 || n > RENT_HAVE_MAX)
		return range(e, "roots");
	k = new_call(c, RENT_HAVE, n * sizeof(*roots), done, ctx, e);
	if (!k)
		return NULL;
	memcpy(k->buf, roots, n * sizeof(*roots));
	k->n_bits = n;
	return enter(k);
}

struct rent_call *rent_call_put(struct rent_client *c,
				const struct hash32 *root,
				const struct span *data, rent_done *done,
				void *ctx, struct err *e)
{
	struct rent_call *k;

	if (data->len != RENT_SECTOR)
		return range(e, "a sector");
	k = new_call(c, RENT_WRITE, 0, done, ctx, e);
	if (!k)
		return NULL;
	k->root = *root;
	k->data = *data;
	span_ref(&k->data);
	return enter(k);
}

struct rent_call *rent_call_read(struct rent_client *c,
				 const struct hash32 *root, uint32_t off,
				 uint32_t len, uint8_t *into, rent_done *done,
				 void *ctx, struct err *e)
{
	struct rent_call *k;

	if (off % RENT_TILE || len % RENT_TILE || len == 0 ||
	    off >= RENT_SECTOR || len > RENT_SECTOR - off)
		return range(e, "a read");
	k = new_call(c, RENT_READ, into ? 0 : len, done, ctx, e);
	if (!k)
		return NULL;
	if (into) {
		k->buf = into;
		k->buf_len = len;
		k->lent = true;
	}
	k->root = *root;
	k->off = off;
	k->len = len;
	return enter(k);
}

struct rent_call *rent_call_revise(struct rent_client *c,
				   const struct rent_revise_ask *ask,
				   rent_done *done, void *ctx, struct err *e)
{
	struct rent_call *k;
	struct wr w;

	if (ask->n_adds > RENT_ADD_MAX || ask->n_cuts > RENT_CUT_MAX ||
	    ask->n_adds + ask->n_cuts > RENT_OPS_MAX)
		return range(e, "changes of a list");
	if (!address_eq(&ask->a.host, &c->cfg.host) ||
	    !address_eq(&ask->a.renter, &c->cfg.me))
		return range(e, "an agreement of others");
	k = new_call(c, RENT_REVISE, ask->n_adds * 32 + ask->n_cuts * 4 + 1,
		     done, ctx, e);
	if (!k)
		return NULL;
	k->number = ask->a.number;
	k->revision.a = ask->a;
	k->revision.renter_sig = ask->sig;
	k->revision.due = ask->due;
	k->n_adds = ask->n_adds;
	k->n_cuts = ask->n_cuts;
	if (ask->n_adds)
		memcpy(k->buf, ask->adds, ask->n_adds * sizeof(*ask->adds));
	k->cuts = k->buf + ask->n_adds * 32;
	w = wr_into(k->cuts, ask->n_cuts * 4);
	for (uint32_t i = 0; i < ask->n_cuts; i++)
		wr_u32(&w, ask->cuts[i]);
	return enter(k);
}

struct rent_call *rent_call_newest(struct rent_client *c, uint32_t number,
				   const struct agreement *known,
				   rent_done *done, void *ctx, struct err *e)
{
	struct rent_call *k = new_call(c, RENT_NEWEST, 0, done, ctx, e);

	if (!k)
		return NULL;
	k->number = number;
	k->known = known != NULL;
	if (known)
		k->agreement = *known;
	return enter(k);
}

struct rent_call *rent_call_list(struct rent_client *c,
				 const struct agreement *a, rent_done *done,
				 void *ctx, struct err *e)
{
	struct rent_call *k;

	if (a->sectors == 0 || a->sectors > RENT_LIST_ROOTS_MAX)
		return range(e, "a list");
	k = new_call(c, RENT_LIST, 0, done, ctx, e);
	if (!k)
		return NULL;
	k->number = a->number;
	k->agreement = *a;
	return enter(k);
}

struct rent_call *rent_call_lost(struct rent_client *c, uint32_t number,
				 rent_done *done, void *ctx, struct err *e)
{
	struct rent_call *k = new_call(c, RENT_LOST, 0, done, ctx, e);

	if (!k)
		return NULL;
	k->number = number;
	return enter(k);
}

struct rent_call *rent_call_place(struct rent_client *c, const uint8_t id[32],
				  uint64_t seq, const uint8_t *record,
				  uint32_t len, rent_done *done, void *ctx,
				  struct err *e)
{
	struct rent_call *k;

	if (len == 0 || len > RENT_RECORD_MAX || seq == 0 || seq > INT64_MAX)
		return range(e, "a record");
	k = new_call(c, RENT_PLACE, len, done, ctx, e);
	if (!k)
		return NULL;
	memcpy(k->buf, record, len);
	memcpy(k->id32, id, sizeof(k->id32));
	k->seq = seq;
	return enter(k);
}

struct rent_call *rent_call_fetch(struct rent_client *c, const uint8_t id[32],
				  rent_done *done, void *ctx, struct err *e)
{
	struct rent_call *k = new_call(c, RENT_FETCH, 0, done, ctx, e);

	if (!k)
		return NULL;
	memcpy(k->id32, id, sizeof(k->id32));
	return enter(k);
}

struct rent_call *rent_call_keep(struct rent_client *c, uint64_t seq,
				 const uint8_t *record, uint32_t len,
				 rent_done *done, void *ctx, struct err *e)
{
	struct rent_call *k;

	if (len == 0 || len > RENT_HEAD_MAX || seq == 0 || seq > INT64_MAX)
		return range(e, "a head record");
	k = new_call(c, RENT_KEEP, len, done, ctx, e);
	if (!k)
		return NULL;
	memcpy(k->buf, record, len);
	k->seq = seq;
	return enter(k);
}

struct rent_call *rent_call_head(struct rent_client *c, rent_done *done,
				 void *ctx, struct err *e)
{
	struct rent_call *k = new_call(c, RENT_HEAD, 0, done, ctx, e);

	return k ? enter(k) : NULL;
}

/* The sector that is going out: its rest is still sent, and is our own from now
 * on. Without memory for it the connection ends. */
static void keep_rest(struct rent_call *k)
{
	if (k->data.owner)
		return;
	k->buf = malloc(RENT_SECTOR);
	if (k->buf) {
		memcpy(k->buf + k->sent, k->data.p + k->sent,
		       RENT_SECTOR - k->sent);
		k->data.p = k->buf;
	} else {
		client_close(k->c, ERR_NOMEM, "no memory for a sector");
	}
}

void rent_call_cancel(struct rent_call *k)
{
	struct rent_client *c = k->c;

	k->done = NULL;
	if (k->lent) {
		k->lent = false;
		k->buf = NULL;
	}
	if (k->kind == RENT_WRITE && k->state == CALL_SENDING)
		keep_rest(k);
	if (k->queue == Q_ACTIVE) /* its answer is still to be counted */
		return;
	if (k->kind == RENT_REVISE)
		client_settled(c, k->number);
	queue_leave(k);
	c->n_calls--;
	client_call_free(k);
}
