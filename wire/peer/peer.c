#include "wire/peer/peer.h"

#include "base/bytes.h"
#include "wire/peer/peer_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *peer_close_name(enum peer_close why)
{
	switch (why) {
	case PEER_CLOSE_NONE:
		return "none";
	case PEER_CLOSE_LOCAL:
		return "local";
	case PEER_CLOSE_FULL:
		return "full";
	case PEER_CLOSE_SELF:
		return "self";
	case PEER_CLOSE_DUPLICATE:
		return "duplicate";
	case PEER_CLOSE_UPGRADE:
		return "upgrade";
	case PEER_CLOSE_NO_TORRENT:
		return "no-torrent";
	case PEER_CLOSE_USELESS:
		return "useless";
	case PEER_CLOSE_TIMEOUT:
		return "timeout";
	case PEER_CLOSE_NOMEM:
		return "no-memory";
	case PEER_CLOSE_PROTOCOL:
		return "protocol";
	case PEER_CLOSE_HASH:
		return "info-hash";
	case PEER_CLOSE_FLOOD:
		return "flood";
	case PEER_CLOSE_BAD_DATA:
		return "bad-data";
	case PEER_CLOSE_SEAL:
		return "seal";
	case PEER_CLOSE_EXTENSION:
		return "extension";
	}
	return "unknown";
}

void peer_init(struct peer *p, const struct peer_ops *ops,
	       const struct peer_cfg *cfg, bool outgoing, int64_t now_ms)
{
	memset(p, 0, sizeof(*p));
	p->ops = ops;
	p->cfg = *cfg;
	p->outgoing = outgoing;
	p->now_ms = p->born_ms = p->last_in_ms = p->last_out_ms = now_ms;
	outq_init(&p->out, PEER_ARENA_MAX);
}

void *peer_user(const struct peer *p)
{
	return p->cfg.user;
}

struct wire_addr peer_addr(const struct peer *p)
{
	return p->cfg.addr;
}

bool peer_outgoing(const struct peer *p)
{
	return p->outgoing;
}

bool peer_id(const struct peer *p, struct peer_id *out)
{
	if (p->id_known)
		*out = p->id;
	return p->id_known;
}

uint64_t peer_serial(const struct peer *p)
{
	return p->serial;
}

/* ---- the end ---- */

static void drop_block(struct peer *p)
{
	for (size_t i = 0; i < p->n_spans; i++)
		span_unref(&p->spans[i]);
	p->n_spans = 0;
	p->gather = NULL; /* its reference was the span's */
}

static void let_go(struct peer *p)
{
	p->closed = true;
	p->ops->closed(p);
	drop_block(p);
	outq_clear(&p->out, NULL, NULL);
	free(p->tail);
	p->tail = NULL;
	p->tail_len = p->tail_cap = 0;
}

void peer_shut(struct peer *p, enum peer_close why, const char *fmt, ...)
{
	char text[160];
	va_list ap;

	if (p->closed)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_line(p->cfg.log, why >= PEER_CLOSE_BAD_FIRST ? LOG_INFO : LOG_DEBUG,
		 "wire", "peer-close serial=%llu why=%s text=\"%s\"",
		 (unsigned long long)p->serial, peer_close_name(why), text);
	let_go(p);
	p->cfg.io->close(p->cfg.user, why, text);
}

void peer_free(struct peer *p)
{
	if (!p)
		return;
	if (!p->closed)
		let_go(p);
	p->ops->destroy(p);
}

void peer_nuisance(struct peer *p, const char *what)
{
	if (++p->nuisance > PEER_NUISANCE_MAX)
		peer_shut(p, PEER_CLOSE_FLOOD,
			  "too many messages to no purpose, the last: %s",
			  what);
}

/* ---- output ---- */

void peer_want_write(struct peer *p)
{
	if (p->closed || p->wants_write)
		return;
	p->wants_write = true;
	p->cfg.io->want_write(p->cfg.user);
}

void peer_want_read(struct peer *p)
{
	if (p->closed || !p->read_paused)
		return;
	p->read_paused = false;
	p->cfg.io->want_read(p->cfg.user);
}

bool peer_put(struct peer *p, const uint8_t *bytes, uint32_t len)
{
	if (p->closed)
		return false;
	if (!outq_put(&p->out, bytes, len)) {
		peer_shut(p, PEER_CLOSE_FLOOD,
			  "does not read what it makes us send");
		return false;
	}
	peer_want_write(p);
	return true;
}

bool peer_send(struct peer *p, const struct msg *m)
{
	uint8_t buf[MSG_FIXED_MAX];

	return peer_put(p, buf, (uint32_t)msg_encode(buf, m));
}

bool peer_send_id(struct peer *p, enum msg_id id)
{
	return peer_send(p, &(struct msg){.id = id});
}

bool peer_send_block_msg(struct peer *p, enum msg_id id, uint32_t piece,
			 uint32_t begin, uint32_t len)
{
	return peer_send(p, &(struct msg){.id = id,
					  .piece = piece,
					  .begin = begin,
					  .len = len});
}

void peer_send_handshake(struct peer *p, const struct handshake *hs)
{
	uint8_t buf[HANDSHAKE_LEN];

	handshake_encode(buf, hs);
	(void)peer_put(p, buf, sizeof(buf));
}

bool peer_send_extended(struct peer *p, uint8_t ext, const uint8_t *body,
			size_t len)
{
	uint8_t head[6];
	struct wr w = wr_into(head, sizeof(head));

	wr_u32(&w, (uint32_t)len + 2);
	wr_u8(&w, MSG_EXTENDED);
	wr_u8(&w, ext);
	return peer_put(p, head, sizeof(head)) &&
	       peer_put(p, body, (uint32_t)len);
}

bool peer_send_body(struct peer *p, enum msg_id id, const uint8_t *body,
		    size_t len)
{
	uint8_t head[5];
	struct wr w = wr_into(head, sizeof(head));

	wr_u32(&w, (uint32_t)len + 1);
	wr_u8(&w, (uint8_t)id);
	return peer_put(p, head, sizeof(head)) &&
	       peer_put(p, body, (uint32_t)len);
}

size_t peer_output(struct peer *p, int64_t now_ms, struct iovec *iov,
		   size_t max, size_t *bytes)
{
	size_t n;

	*bytes = 0;
	if (p->closed)
		return 0;
	p->now_ms = now_ms;
	/* set before fill, so that what fill queues asks for no second call */
	p->wants_write = true;
	p->ops->fill(p);
	if (p->closed)
		return 0;
	n = outq_peek(&p->out, iov, max, bytes);
	if (n == 0)
		p->wants_write = false;
	return n;
}

void peer_sent(struct peer *p, int64_t now_ms, size_t n)
{
	size_t blocks;

	if (p->closed)
		return;
	p->now_ms = now_ms;
	p->last_out_ms = now_ms;
	blocks = outq_drop(&p->out, n);
	p->payload_out += blocks;
	p->ops->sent(p, n, blocks);
	if (p->read_paused && p->out.used <= PEER_ARENA_PAUSE / 2)
		peer_want_read(p);
}

/* ---- input ---- */

/* n bytes in one run: from the feed itself when they are all there, else
 * gathered in the tail. NULL: more must come. They stay until take(). */
static const uint8_t *need(struct peer *p, struct span *in, uint32_t n)
{
	uint32_t more;

	if (p->tail_len == 0 && in->len >= n)
		return in->p;
	if (p->tail_cap < n) {
		uint8_t *grown = realloc(p->tail, n);

		if (!grown) {
			peer_shut(p, PEER_CLOSE_NOMEM, "no memory to read");
			return NULL;
		}
		p->tail = grown;
		p->tail_cap = n;
	}
	if (p->tail_len < n) {
		more = n - p->tail_len;
		if (more > in->len)
			more = (uint32_t)in->len;
		memcpy(p->tail + p->tail_len, in->p, more);
		p->tail_len += more;
		in->p += more;
		in->len -= more;
	}
	return p->tail_len >= n ? p->tail : NULL;
}

static void take(struct peer *p, struct span *in, uint32_t n)
{
	if (p->tail_len) { /* the feed was advanced by need() */
		p->tail_len = 0;
		if (p->tail_cap > 256) { /* bitfields and the like are rare */
			free(p->tail);
			p->tail = NULL;
			p->tail_cap = 0;
		}
		return;
	}
	in->p += n;
	in->len -= n;
}

static void read_handshake(struct peer *p, struct span *in)
{
	const char *text = NULL;
	struct handshake hs;
	enum peer_close why;
	const uint8_t *at;

	/* another protocol is told by its first bytes, not after 68 */
	at = p->tail_len ? p->tail : in->p;
	if (!handshake_starts(at, p->tail_len ? p->tail_len : in->len)) {
		peer_shut(p, PEER_CLOSE_PROTOCOL, "no BitTorrent handshake");
		return;
	}
	at = need(p, in, HANDSHAKE_LEN);
	if (!at)
		return;
	if (!handshake_decode(&hs, at)) {
		peer_shut(p, PEER_CLOSE_PROTOCOL, "no BitTorrent handshake");
		return;
	}
	take(p, in, HANDSHAKE_LEN);
	p->reading = RD_LENGTH;
	p->id = hs.id;
	p->id_known = true;
	p->fast = hs.fast; /* we always set both bits */
	p->extended = hs.extended;
	why = p->ops->handshake(p, &hs, &text);
	if (why != PEER_CLOSE_NONE)
		peer_shut(p, why, "%s", text ? text : "refused");
}

static void read_length(struct peer *p, struct span *in)
{
	const uint8_t *at = need(p, in, 4);
	struct rd r;

	if (!at)
		return;
	r = rd_from(at, 4);
	p->frame_len = rd_u32(&r);
	take(p, in, 4);
	if (p->frame_len == 0)
		peer_nuisance(p, "keep-alive");
	else
		p->reading = RD_FRAME;
}

static bool is_fast_message(enum msg_id id)
{
	return id == MSG_SUGGEST || id == MSG_HAVE_ALL || id == MSG_HAVE_NONE ||
	       id == MSG_REJECT || id == MSG_ALLOWED_FAST;
}

static void begin_block(struct peer *p, const struct msg *m)
{
	p->block = *m;
	p->left = m->len;
	p->reading = RD_BLOCK;
	p->block_wanted = p->ops->block_begin(p, m);
	if (!p->block_wanted) {
		p->wasted_in += m->len;
		p->reading = RD_SKIP;
	}
}

static void read_frame(struct peer *p, struct span *in)
{
	const uint8_t *at = need(p, in, 1);
	struct err e = {0};
	uint32_t n = p->frame_len;
	struct msg m;

	if (!at)
		return;
	if (msg_check_len(at[0], p->frame_len, &p->bounds, &e) != ERR_NONE) {
		peer_shut(p, PEER_CLOSE_PROTOCOL, "%s", e.msg);
		return;
	}
	if (at[0] == MSG_PIECE)
		n = MSG_PIECE_HEAD;
	else if (msg_is_unknown(at[0]))
		n = 1;
	at = need(p, in, n);
	if (!at)
		return;
	if (msg_decode(&m, at, p->frame_len, &p->bounds, &e) != ERR_NONE ||
	    (is_fast_message(m.id) && !p->fast)) {
		peer_shut(p, PEER_CLOSE_PROTOCOL, "%s",
			  e.code ? e.msg : "fast message, not agreed on");
		return;
	}
	p->reading = RD_LENGTH;
	if (m.id == MSG_PIECE) {
		begin_block(p, &m);
	} else if (m.id == MSG_UNKNOWN) {
		p->left = p->frame_len - 1;
		p->reading = RD_SKIP;
		peer_nuisance(p, "unknown message");
	} else {
		p->ops->message(p, &m);
	}
	if (!p->closed)
		take(p, in, n);
}

/* Adds n bytes to the block: to the last span when they follow it, as a new
 * span while there are few, else by copying into the gather buffer. */
static bool add_span(struct peer *p, const struct span *in, size_t n)
{
	struct span *last = p->n_spans ? &p->spans[p->n_spans - 1] : NULL;

	if (last && !p->gather && in->owner && last->owner == in->owner &&
	    last->p + last->len == in->p) {
		last->len += n;
		return true;
	}
	if (!p->gather && in->owner && p->n_spans < PEER_SPANS_MAX - 1) {
		p->spans[p->n_spans] = (struct span){in->owner, in->p, n};
		span_ref(&p->spans[p->n_spans++]);
		return true;
	}
	if (!p->gather) {
		p->gather = p->ops->gather(p);
		if (!p->gather) {
			peer_shut(p, PEER_CLOSE_NOMEM, "no block buffer");
			return false;
		}
		last = &p->spans[p->n_spans++];
		*last = (struct span){p->gather, p->gather->data, 0};
	}
	last = &p->spans[p->n_spans - 1];
	memcpy(p->gather->data + last->len, in->p, n);
	last->len += n;
	return true;
}

static void read_block(struct peer *p, struct span *in)
{
	size_t n = in->len < p->left ? in->len : p->left;

	if (!add_span(p, in, n))
		return;
	in->p += n;
	in->len -= n;
	p->left -= (uint32_t)n;
	if (p->left)
		return;
	p->reading = RD_LENGTH;
	p->ops->block(p, &p->block, p->spans, p->n_spans);
	drop_block(p);
}

static void skip(struct peer *p, struct span *in)
{
	size_t n = in->len < p->left ? in->len : p->left;

	in->p += n;
	in->len -= n;
	p->left -= (uint32_t)n;
	if (p->left == 0)
		p->reading = RD_LENGTH;
}

static void read_some(struct peer *p, struct span *in)
{
	switch (p->reading) {
	case RD_HANDSHAKE:
		read_handshake(p, in);
		return;
	case RD_LENGTH:
		read_length(p, in);
		return;
	case RD_FRAME:
		read_frame(p, in);
		return;
	case RD_BLOCK:
		read_block(p, in);
		return;
	case RD_SKIP:
		skip(p, in);
		return;
	}
}

void peer_feed(struct peer *p, int64_t now_ms, struct span bytes)
{
	struct span in = bytes;

	if (p->closed)
		return;
	p->now_ms = p->last_in_ms = now_ms;
	while (!p->closed && (in.len || (p->reading == RD_SKIP && !p->left)))
		read_some(p, &in);
	if (!p->closed)
		p->ops->fed(p, bytes.len);
}

size_t peer_read_quota(struct peer *p, int64_t now_ms)
{
	size_t quota;

	if (p->closed)
		return 0;
	p->now_ms = now_ms;
	quota = p->out.used > PEER_ARENA_PAUSE ? 0 : p->ops->quota(p);
	p->read_paused = quota == 0;
	return quota;
}
