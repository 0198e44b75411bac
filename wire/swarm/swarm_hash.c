#include "wire/peer/hash_msg.h"
#include "wire/swarm/swarm_int.h"

#include <string.h>

void hash_names(struct swarm *s, const struct info_hash *v1, bool v2,
		const struct hash32 *hash_v2)
{
	s->cfg.info_hash = *v1;
	s->cfg.v2 = v2;
	s->cfg.hash_v2 = *hash_v2;
	memcpy(s->hash_v2.bytes, hash_v2->bytes, sizeof(s->hash_v2.bytes));
}

enum err_code hash_init(struct swarm *s, struct err *e)
{
	struct swarm_cfg *c = &s->cfg;
	enum err_code code = ERR_NONE;

	if (c->v2 && c->pieces)
		code = layers_new(&s->layers, c->layers, c->layer_count,
				  c->piece_len, e);
	c->layers = NULL;
	s->hash_hold_ms = s->now_ms + HASH_HOLD_MS;
	return code;
}

static bool hash_waits(const struct swarm *s)
{
	return s->layers && layers_missing(s->layers) > 0;
}

bool swarm_rest(struct swarm *s)
{
	if (s->n_links > 0 || s->cfg.waits_for_metadata || hash_waits(s) ||
	    leaf_check_any(s))
		return false;
	leaf_up_clear(s);
	s->cfg.info = NULL;
	s->cfg.info_len = 0;
	layers_free(s->layers);
	s->layers = NULL;
	return true;
}

enum err_code swarm_recall(struct swarm *s, const uint8_t *info,
			   size_t info_len, const struct layers_file *layers,
			   uint32_t layer_count, struct err *e)
{
	s->cfg.info = info;
	s->cfg.info_len = info_len;
	layers_free(s->layers);
	s->layers = NULL;
	s->cfg.layers = layers;
	s->cfg.layer_count = layer_count;
	return hash_init(s, e);
}

static bool any_tells(const struct swarm *s)
{
	for (uint32_t i = 0; i < s->n_links; i++)
		if (s->links[i]->v2 && s->links[i]->n_pieces > 0 &&
		    !s->links[i]->peer.closed)
			return true;
	return false;
}

/* Of a hybrid v1's hashes do, when nobody tells them soon. */
bool hash_holds(const struct swarm *s)
{
	return hash_waits(s) && (info_hash_eq(&s->hash_v2, &s->cfg.info_hash) ||
				 (s->now_ms < s->hash_hold_ms && any_tells(s)));
}

/* ---- what others ask ---- */

static void say_reject(struct link *l, const struct msg *m)
{
	(void)peer_send_body(&l->peer, MSG_HASH_REJECT, m->body, HASH_ASK_LEN);
	peer_nuisance(&l->peer, "hash request, rejected");
}

void hash_refuse(struct link *l, const struct hash_ask *ask)
{
	uint8_t body[HASH_ASK_LEN];

	hash_ask_encode(body, ask);
	(void)peer_send_body(&l->peer, MSG_HASH_REJECT, body, sizeof(body));
	peer_nuisance(&l->peer, "hash request, rejected");
}

void hash_tell(struct link *l, const struct hash_ask *ask, uint8_t *body)
{
	size_t n = ask->count + hash_ask_uncles(ask);

	hash_ask_encode(body, ask);
	(void)peer_send_body(&l->peer, MSG_HASHES, body, HASH_ASK_LEN + n * 32);
}

void hash_request(struct link *l, const struct msg *m)
{
	uint8_t body[HASH_MSG_MAX];
	struct hash_ask ask;

	if (!l->v2) {
		peer_nuisance(&l->peer, "hash request, without v2");
		return;
	}
	/* what it does not read is not heaped up */
	if (!l->s->layers || !hash_ask_decode(&ask, m->body, m->body_len) ||
	    l->peer.out.used > PEER_ARENA_PAUSE)
		say_reject(l, m);
	else if (layers_answer(l->s->layers, &ask,
			       (struct hash32 *)(void *)(body + HASH_ASK_LEN)))
		hash_tell(l, &ask, body);
	else if (!leaf_up_take(l, &ask))
		say_reject(l, m);
}

/* ---- hashes of blocks, as the caller makes them ---- */

uint64_t leaf_cookie(struct swarm *s, uint8_t who)
{
	return ++s->leaf_cookies << 8 | who;
}

void swarm_leaves(struct swarm *s, int64_t now_ms, uint64_t cookie,
		  const struct hash32 *leaves, uint32_t n)
{
	swarm_enter(s, now_ms);
	if ((cookie & 0xff) == LEAF_COOKIE_UP)
		leaf_up_done(s, cookie, leaves, n);
	else
		leaf_check_done(s, cookie, leaves, n);
	swarm_leave(s);
}

/* ---- what we ask ---- */

void hash_upgrade(struct swarm *s)
{
	for (uint32_t i = 0; i < s->n_links && s->cfg.v2; i++) {
		const struct link *l = s->links[i];

		if (l->peer.outgoing && l->knows_v2 && !l->v2)
			peer_shut(&s->links[i]->peer, PEER_CLOSE_UPGRADE,
				  "a hybrid: once more, as one of v2");
	}
}

void hash_ask_more(struct link *l)
{
	struct swarm *s = l->s;
	uint8_t body[HASH_ASK_LEN];
	struct hash_ask ask;

	if (!l->v2 || !l->greeted || l->peer.closed || !hash_waits(s) ||
	    l->n_pieces == 0)
		return;
	while (layers_pick(s->layers, &ask, l->peer.serial,
			   l->seed ? NULL : l->bits, s->now_ms)) {
		hash_ask_encode(body, &ask);
		if (!peer_send_body(&l->peer, MSG_HASH_REQUEST, body,
				    sizeof(body)))
			return;
	}
}

void hash_ask_all(struct swarm *s)
{
	for (uint32_t i = 0; i < s->n_links && hash_waits(s); i++)
		hash_ask_more(s->links[i]);
}

void hash_gone(struct link *l)
{
	if (l->s->layers)
		layers_gone(l->s->layers, l->peer.serial);
}

static void take(struct link *l, const struct hash_ask *ask,
		 const struct hash32 *hashes, const struct hash32 *uncles)
{
	const struct layers_file *done;
	struct swarm *s = l->s;

	switch (layers_take(s->layers, ask, hashes, uncles, &done)) {
	case LAYERS_UNASKED:
		peer_nuisance(&l->peer, "hashes, not asked for");
		return;
	case LAYERS_FALSE:
		check_ban(s, l->peer.serial, "false hashes");
		s->refill_soon = true;
		return;
	case LAYERS_TAKEN:
		break;
	}
	if (done)
		s->cfg.ops->layer(s->cfg.ctx, done->number, done->pieces);
	hash_ask_more(l);
	s->refill_soon |= !hash_waits(s);
}

void hash_hashes(struct link *l, const struct msg *m)
{
	const struct hash32 *hashes, *uncles;
	struct hash_ask ask;

	if (!l->v2 || !l->s->layers)
		peer_nuisance(&l->peer, "hashes, without v2");
	else if (!hashes_decode(&ask, &hashes, &uncles, m->body, m->body_len))
		peer_shut(&l->peer, PEER_CLOSE_PROTOCOL,
			  "hashes that no question asks for");
	else if (!leaf_check_hashes(l, &ask, hashes, uncles))
		take(l, &ask, hashes, uncles);
}

void hash_reject(struct link *l, const struct msg *m)
{
	struct hash_ask ask;

	peer_nuisance(&l->peer, "hash reject");
	if (l->v2 && l->s->layers && !l->peer.closed &&
	    hash_ask_decode(&ask, m->body, m->body_len) &&
	    !leaf_check_refused(l, &ask))
		layers_refused(l->s->layers, l->peer.serial, &ask,
			       l->s->now_ms);
}
