#include "wire/swarm/swarm_int.h"

#include "base/bits.h"
#include "wire/peer/ut_metadata.h"

#include <stdlib.h>
#include <string.h>

/* ---- sending ---- */

static void send_msg(struct link *l, const struct ut_metadata_msg *m)
{
	uint8_t buf[UT_METADATA_PIECE + UT_METADATA_DICT_MAX];
	size_t len = ut_metadata_encode(buf, sizeof(buf), m);
	struct err e = {0};

	if (len == 0 || l->peer.closed || !l->ext_id[EXT_UT_METADATA])
		return;
	if (swarm_peer_send_ext(&l->peer, EXT_UT_METADATA, buf, len, &e) !=
	    ERR_NONE)
		peer_shut(&l->peer, PEER_CLOSE_FLOOD, "%s", e.msg);
}

void meta_say(const struct link *l, struct ext_handshake *hs)
{
	const struct swarm_cfg *c = &l->s->cfg;

	hs->id[EXT_UT_METADATA] = c->info != NULL || c->waits_for_metadata;
	hs->metadata_size = (uint32_t)c->info_len;
}

/* ---- fetching ---- */

static void ask(struct swarm *s)
{
	uint64_t serial;
	uint32_t piece;

	while (s->meta && meta_get_ask(s->meta, s->now_ms, &serial, &piece)) {
		struct link *l = swarm_find_serial(s, serial);

		if (l)
			send_msg(l, &(struct ut_metadata_msg){
					    .type = UT_METADATA_REQUEST,
					    .piece = piece});
	}
}

void meta_told(struct link *l)
{
	struct swarm *s = l->s;

	if (!s->meta)
		return;
	if (!l->meta_probe_ms)
		l->meta_probe_ms = s->now_ms + META_PROBE_MS;
	meta_get_peer(s->meta, s->now_ms, l->peer.serial,
		      l->ext_id[EXT_UT_METADATA] ? l->metadata_size : 0);
	ask(s);
}

/* Some that began with a link, too, never say that they know more by now: they
 * are asked for the first piece once they have anything, and now and then. What
 * they answer tells the size. */
static void probe(struct link *l)
{
	int64_t now = l->s->now_ms;
	bool has = l->seed || l->bits;

	if (!l->s->meta || l->metadata_size || !l->ext_id[EXT_UT_METADATA] ||
	    (now < l->meta_probe_ms && (l->meta_has_any || !has)))
		return;
	l->meta_has_any = has;
	l->meta_probe_ms = now + META_PROBE_MS;
	l->meta_probed = true;
	send_msg(l, &(struct ut_metadata_msg){.type = UT_METADATA_REQUEST});
}

/* Is it the answer to a probe? Its bytes come again, with all others. */
static bool probe_answered(struct link *l, const struct ut_metadata_msg *m)
{
	if (!l->meta_probed || m->piece != 0)
		return false;
	l->meta_probed = false;
	if (m->type == UT_METADATA_DATA && !l->metadata_size) {
		l->metadata_size = m->total;
		meta_told(l);
	}
	return true;
}

void meta_gone(struct link *l)
{
	if (!l->s->meta)
		return;
	meta_get_gone(l->s->meta, l->s->now_ms, l->peer.serial);
	ask(l->s);
}

static void is_here(struct swarm *s)
{
	struct meta_get *g = s->meta;
	size_t len;
	const uint8_t *info = meta_get_info(g, &len);

	s->meta = NULL;
	s->meta_size = (uint32_t)len;
	s->cfg.ops->metadata(s->cfg.ctx, info, len);
	meta_get_free(g);
}

static void on_data(struct link *l, const struct ut_metadata_msg *m)
{
	struct swarm *s = l->s;
	enum meta_got got =
		!s->meta ? META_USELESS
			 : meta_get_data(s->meta, s->now_ms, l->peer.serial,
					 m->piece, m->total, m->data,
					 m->data_len);
	uint64_t liar;

	while (s->meta && meta_get_liar(s->meta, &liar))
		check_ban(s, liar, "the metadata");
	switch (got) {
	case META_TAKEN:
	case META_FAILED:
		break;
	case META_USELESS:
		peer_nuisance(&l->peer, "metadata not asked for");
		break;
	case META_LIE:
		peer_shut(&l->peer, PEER_CLOSE_PROTOCOL,
			  "metadata of another size than it told");
		break;
	case META_DONE:
		is_here(s);
		break;
	}
}

static void on_reject(struct link *l, uint32_t piece)
{
	struct swarm *s = l->s;

	if (!s->meta || meta_get_reject(s->meta, s->now_ms, l->peer.serial,
					piece) == META_USELESS)
		peer_nuisance(&l->peer, "reject of metadata");
}

void swarm_metadata_progress(const struct swarm *s, uint32_t *have,
			     uint32_t *size)
{
	*have = *size = 0;
	if (s->meta)
		meta_get_progress(s->meta, have, size);
	else if (s->cfg.waits_for_metadata)
		*have = *size = s->meta_size;
}

/* ---- serving ---- */

/* All of it twice, and a piece a second: enough for one that lost its own, and
 * little for one that wants to keep us busy. */
static uint32_t credit_max(const struct swarm *s)
{
	return 2 * ut_metadata_pieces((uint32_t)s->cfg.info_len);
}

static void on_request(struct link *l, uint32_t piece)
{
	const struct swarm_cfg *c = &l->s->cfg;
	struct meta_up *u = l->meta_up;

	if (!u && (u = l->meta_up = calloc(1, sizeof(*u))))
		u->credit = credit_max(l->s);
	if (!u || !c->info || u->credit == 0 || u->n == META_QUEUE ||
	    piece >= ut_metadata_pieces((uint32_t)c->info_len)) {
		peer_nuisance(&l->peer, "request for metadata, not served");
		send_msg(l,
			 &(struct ut_metadata_msg){.type = UT_METADATA_REJECT,
						   .piece = piece});
		return;
	}
	u->credit--;
	u->queue[(u->first + u->n++) % META_QUEUE] = (uint16_t)piece;
	peer_want_write(&l->peer);
}

bool meta_wants(const struct link *l)
{
	return l->meta_up && l->meta_up->n > 0;
}

/* Called when output is about to be taken. */
void meta_fill(struct link *l)
{
	const struct swarm_cfg *c = &l->s->cfg;

	while (meta_wants(l) && !l->peer.closed &&
	       l->peer.out.bulk_bytes < META_BULK_LOW &&
	       l->peer.out.n < OUTQ_ENTRIES_MAX / 2 &&
	       rate_take(c->rate, &l->flow_up)) {
		struct meta_up *u = l->meta_up;
		uint32_t piece = u->queue[u->first];
		struct ut_metadata_msg m = {
			.type = UT_METADATA_DATA,
			.piece = piece,
			.total = (uint32_t)c->info_len,
			.data = c->info + (size_t)piece * UT_METADATA_PIECE,
			.data_len = ut_metadata_piece_len((uint32_t)c->info_len,
							  piece)};

		u->first = (u->first + 1) % META_QUEUE;
		u->n--;
		rate_spend(c->rate, &l->flow_up, m.data_len);
		send_msg(l, &m);
	}
	if (l->meta_up && l->meta_up->n == 0 && !up_wants(l))
		rate_idle(c->rate, &l->flow_up);
}

/* ---- both ---- */

void meta_take(struct link *l, const struct msg *msg)
{
	struct ut_metadata_msg m;
	struct err e = {0};

	if (ut_metadata_decode(&m, msg->body, msg->body_len, &e) != ERR_NONE) {
		peer_shut(&l->peer, PEER_CLOSE_PROTOCOL, "%s", e.msg);
		return;
	}
	switch (m.type) {
	case UT_METADATA_REQUEST:
		on_request(l, m.piece);
		break;
	case UT_METADATA_DATA:
		if (!probe_answered(l, &m))
			on_data(l, &m);
		break;
	case UT_METADATA_REJECT:
		if (!probe_answered(l, &m))
			on_reject(l, m.piece);
		break;
	case UT_METADATA_OTHER:
		peer_nuisance(&l->peer, "ut_metadata of another version");
		break;
	}
	ask(l->s);
}

void meta_second(struct swarm *s)
{
	ask(s);
}

void meta_link_second(struct link *l)
{
	if (l->meta_up && l->meta_up->credit < credit_max(l->s))
		l->meta_up->credit++;
	probe(l);
}

/* ---- the torrent is known ---- */

static enum err_code take_content(struct swarm *s,
				  const struct swarm_content *content,
				  struct err *e)
{
	struct swarm_cfg *c = &s->cfg;
	const struct swarm_cfg before = *c;
	enum err_code code;

	c->pieces = content->pieces;
	c->piece_len = content->piece_len;
	c->total_len = content->total_len;
	c->shorts = content->shorts;
	c->short_count = content->short_count;
	c->have = content->have;
	c->layers = content->layers;
	c->layer_count = content->layer_count;
	c->prios = content->prios;
	c->waits_for_metadata = false;
	hash_names(s, &content->info_hash, content->v2, &content->hash_v2);
	code = swarm_init_pieces(s, e);
	c->have = c->prios = NULL;
	if (code != ERR_NONE) {
		layers_free(s->layers);
		s->layers = NULL;
		free(s->have);
		s->have = NULL;
		s->n_have = 0;
		s->have_bytes = 0;
		s->bounds.pieces = 0;
		s->bounds.unknown = true;
		c->pieces = 0;
		c->waits_for_metadata = true;
		hash_names(s, &before.info_hash, before.v2, &before.hash_v2);
		return code;
	}
	c->info = content->info;
	c->info_len = content->info_len;
	return ERR_NONE;
}

enum err_code swarm_set_metadata(struct swarm *s, int64_t now_ms,
				 const struct swarm_content *content,
				 struct err *e)
{
	enum err_code code;

	if (!s->cfg.waits_for_metadata)
		return err_fail(e, ERR_STATE, "the metadata is known");
	if (content->pieces == 0)
		return err_fail(e, ERR_LIMIT, "a torrent without pieces");
	swarm_enter(s, now_ms);
	code = take_content(s, content, e);
	if (code == ERR_NONE) {
		meta_get_free(s->meta);
		s->meta = NULL;
		for (uint32_t i = 0; i < s->cfg.pieces; i++)
			if (bits_get(s->have, i))
				swarm_log_have(s, i);
		for (uint32_t i = 0; i < s->n_links; i++)
			s->links[i]->peer.bounds = s->bounds;
		hash_upgrade(s);
		for (uint32_t i = 0; i < s->n_links; i++)
			early_apply(s->links[i]);
		ext_say_again(s); /* that the dictionary is here */
		hash_ask_all(s);
		s->refill_soon = s->choke_soon = true;
	}
	swarm_leave(s);
	return code;
}
