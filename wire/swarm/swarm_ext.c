#include "wire/swarm/swarm_int.h"

#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

/* ---- handshakes ---- */

void ext_say(struct link *l)
{
	const struct swarm_cfg *c = &l->s->cfg;
	struct ext_handshake hs = {
		.reqq = PEER_REQQ,
		.port = c->listen_port,
		.client = "seedbank " SEEDBANK_VERSION,
		/* who shows nothing does not say that it has everything */
		.upload_only = swarm_uploads_only(l->s) && !l->s->super,
		.was_upload_only = l->said_upload_only,
		.prefers_encryption = c->prefers_encryption,
		.sb_pay = c->sb_pay,
		.sb_pay_len = c->sb_pay_len,
		.sb_store = c->sb_store,
		.sb_store_len = c->sb_store_len,
	};
	uint8_t buf[EXT_HANDSHAKE_MAX];
	bool v4 = wire_addr_is_v4(&l->peer.cfg.addr);
	size_t len;

	hs.id[EXT_SB_PAY] = c->sb_pay != NULL;
	hs.id[EXT_SB_STORE] = c->sb_store != NULL;
	meta_say(l, &hs);
	hs.id[EXT_UT_PEX] = hs.id[EXT_UT_HOLEPUNCH] = c->pex;
	hs.id[EXT_LT_DONTHAVE] = c->pieces > 0 || c->waits_for_metadata;
	hs.yourip_len = v4 ? 4 : 16;
	memcpy(hs.yourip, l->peer.cfg.addr.ip + (v4 ? 12 : 0), hs.yourip_len);
	len = ext_encode(&hs, buf, sizeof(buf));
	if (len == 0) /* the caller's values are too long */
		return;
	for (int i = EXT_HANDSHAKE + 1; i < EXT_COUNT; i++)
		l->ext_said[i] |= hs.id[i] != 0;
	/* sealing needs the first */
	if ((c->sb_pay || c->sb_store) && !l->ext_sent) {
		l->ext_sent = swarm_copy_bytes(buf, len);
		l->ext_sent_len = l->ext_sent ? len : 0;
	}
	l->said_upload_only = hs.upload_only;
	(void)peer_send_extended(&l->peer, EXT_HANDSHAKE, buf, len);
}

bool swarm_uploads_only(const struct swarm *s)
{
	return s->cfg.pieces > 0 && (s->n_wanted == 0 || !s->download_on);
}

void ext_say_again(struct swarm *s)
{
	for (uint32_t i = 0; i < s->n_links; i++) {
		struct link *l = s->links[i];

		if (l->greeted && l->peer.extended && !l->peer.closed)
			ext_say(l);
	}
}

/* By another handshake, which BEP 10 allows and all clients read. */
void swarm_tell_upload_only(struct swarm *s)
{
	bool now = swarm_uploads_only(s);

	for (uint32_t i = 0; i < s->n_links; i++) {
		struct link *l = s->links[i];

		if (l->greeted && l->peer.extended && !l->peer.closed &&
		    !l->shown && l->said_upload_only != now)
			ext_say(l);
	}
}

static void on_ext_handshake(struct link *l, const struct msg *m)
{
	struct ext_handshake hs = {
		.metadata_size = l->metadata_size,
		.upload_only = l->upload_only,
		.prefers_encryption = l->prefers_encryption,
	};
	struct err e = {0};

	memcpy(hs.id, l->ext_id, sizeof(hs.id));
	if (ext_decode_again(&hs, m->body, m->body_len, &e) != ERR_NONE) {
		peer_shut(&l->peer, PEER_CLOSE_PROTOCOL, "%s", e.msg);
		return;
	}
	for (int i = EXT_HANDSHAKE + 1; i < EXT_COUNT; i++)
		if (!l->ext_said[i])
			hs.id[i] = 0;
	memcpy(l->ext_id, hs.id, sizeof(l->ext_id));
	l->metadata_size = hs.metadata_size;
	meta_told(l);
	l->upload_only = hs.upload_only;
	l->prefers_encryption = hs.prefers_encryption;
	if (l->ext_got) { /* BEP 10: it may come again, with changes */
		peer_nuisance(&l->peer, "extension handshake again");
		return;
	}
	l->ext_got = true;
	l->reqq = hs.reqq;
	l->listen_port = hs.port;
	memcpy(l->client, hs.client, sizeof(l->client));
	if (l->ext_sent) {
		l->ext_received = swarm_copy_bytes(m->body, m->body_len);
		l->ext_received_len = l->ext_received ? m->body_len : 0;
	}
	link_become_ready(l, &hs);
}

static void take_by_name(struct link *l, const struct msg *m)
{
	const struct swarm_cfg *c = &l->s->cfg;

	switch ((enum ext_id)m->ext) {
	case EXT_UT_PEX:
		pex_take(l, m->body, m->body_len);
		break;
	case EXT_UT_HOLEPUNCH:
		punch_take(l, m->body, m->body_len);
		break;
	case EXT_LT_DONTHAVE:
		lost_take(l, m->body, m->body_len);
		break;
	case EXT_UT_METADATA:
		meta_take(l, m);
		break;
	case EXT_SB_PAY:
	case EXT_SB_STORE:
		c->ops->ext_message(c->ctx, &l->peer, (enum ext_id)m->ext,
				    m->body, m->body_len);
		break;
	case EXT_HANDSHAKE:
	case EXT_COUNT:
		break;
	}
}

void ext_take(struct link *l, const struct msg *m)
{
	if (m->ext == EXT_HANDSHAKE) {
		on_ext_handshake(l, m);
		return;
	}
	if (m->ext >= EXT_COUNT || !l->ext_said[m->ext] || !l->ext_got ||
	    !l->ready) {
		peer_nuisance(&l->peer, "extension message of no use");
		return;
	}
	if (m->body_len > ext_max((enum ext_id)m->ext)) {
		peer_shut(&l->peer, PEER_CLOSE_PROTOCOL,
			  "%s message of %zu bytes",
			  ext_name((enum ext_id)m->ext), m->body_len);
		return;
	}
	take_by_name(l, m);
}

enum err_code swarm_set_pay_offer(struct swarm *s, const uint8_t *sb_pay,
				  size_t len, struct err *e)
{
	uint8_t *copy = swarm_copy_bytes(sb_pay, len);

	if (sb_pay && !copy)
		return err_fail(e, ERR_NOMEM, "swarm");
	free((void *)(uintptr_t)s->cfg.sb_pay);
	s->cfg.sb_pay = copy;
	s->cfg.sb_pay_len = len;
	return ERR_NONE;
}

const uint8_t *peer_ext_sent(const struct peer *p, size_t *len)
{
	const struct link *l = (const struct link *)p;

	*len = l->ext_sent_len;
	return l->ext_sent;
}

const uint8_t *peer_ext_received(const struct peer *p, size_t *len)
{
	const struct link *l = (const struct link *)p;

	*len = l->ext_received_len;
	return l->ext_received;
}

/* ---- sending ---- */

static bool ensure_bulk(struct swarm *s)
{
	if (!s->bulk)
		s->bulk = cbuf_pool_new(EXT_STORE_MAX, BULK_BUFFERS_MAX,
					BULK_KEEP);
	return s->bulk != NULL;
}

/* A long message in a buffer of its own, so that the ring stays small and the
 * peer's answers are read while it waits. */
static bool send_bulk(struct link *l, uint8_t id, const uint8_t *bytes,
		      size_t len)
{
	uint8_t head[6];
	struct wr w = wr_into(head, sizeof(head));
	struct cbuf *b = ensure_bulk(l->s) ? cbuf_get(l->s->bulk) : NULL;
	struct span span;

	if (!b)
		return false;
	memcpy(b->data, bytes, len);
	span = (struct span){b, b->data, len};
	wr_u32(&w, (uint32_t)len + 2);
	wr_u8(&w, MSG_EXTENDED);
	wr_u8(&w, id);
	if (!outq_put_bulk(&l->peer.out, head, sizeof(head), &span)) {
		cbuf_unref(b);
		return false;
	}
	if (swarm_is_bare(l->s))
		rate_spend(l->s->cfg.rate, &l->flow_up, len);
	peer_want_write(&l->peer);
	return true;
}

enum err_code swarm_peer_send_ext(struct peer *p, enum ext_id ext,
				  const uint8_t *bytes, size_t len,
				  struct err *e)
{
	struct link *l = link_of(p);
	bool sent;

	if (p->closed || ext == EXT_HANDSHAKE || ext >= EXT_COUNT ||
	    !l->ext_id[ext])
		return err_fail(e, ERR_STATE, "peer does not speak %s",
				ext < EXT_COUNT && ext_name(ext) ? ext_name(ext)
								 : "it");
	if (len > ext_max(ext))
		return err_fail(e, ERR_LIMIT, "%s message of %zu bytes",
				ext_name(ext), len);
	if (!outq_room(&p->out, (uint32_t)(len < BULK_FROM ? len : 0) + 6) ||
	    p->out.bulk_bytes >= 2 * EXT_QUEUE_MAX ||
	    p->out.n >= OUTQ_ENTRIES_MAX - 1)
		return err_fail(e, ERR_LIMIT, "peer's output is full");
	sent = len < BULK_FROM
		       ? peer_send_extended(p, l->ext_id[ext], bytes, len)
		       : send_bulk(l, l->ext_id[ext], bytes, len);
	return sent ? ERR_NONE : err_fail(e, ERR_NOMEM, "extension message");
}

/* Blocks have a flow of their own in a swarm with pieces; without any the flow
 * is there for these messages. */
static bool may_send(struct link *l)
{
	return !swarm_is_bare(l->s) || rate_take(l->s->cfg.rate, &l->flow_up);
}

size_t swarm_peer_ext_room(struct peer *p, int64_t now_ms)
{
	struct link *l = link_of(p);
	size_t queued = p->out.bulk_bytes;

	if (p->closed || !l->s)
		return 0;
	p->now_ms = now_ms;
	if (queued < EXT_QUEUE_MAX && p->out.n < OUTQ_ENTRIES_MAX / 2 &&
	    may_send(l))
		return EXT_QUEUE_MAX - queued;
	l->ext_waits = true;
	return 0;
}

/* Called when output is about to be taken: what was queued has become less. */
void ext_fill(struct link *l)
{
	struct swarm *s = l->s;

	if (l->ext_waits && l->peer.out.bulk_bytes <= EXT_QUEUE_MAX / 2 &&
	    l->peer.out.n <= OUTQ_ENTRIES_MAX / 4 && may_send(l)) {
		l->ext_waits = false;
		if (l->ready && s->cfg.ops->ext_drained)
			s->cfg.ops->ext_drained(s->cfg.ctx, &l->peer);
	}
	if (swarm_is_bare(s) && !l->ext_waits && !l->peer.closed &&
	    l->peer.out.bulk_bytes == 0)
		rate_idle(s->cfg.rate, &l->flow_up);
}
