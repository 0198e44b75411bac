/* torrent_swarm.c - between wire, storage and trade: what the swarm asks of the
 * rest of the node, and what the store answers. */
#include "base/hash.h"
#include "node/find/dht_node.h"

#include "base/ip.h"
#include "node/swarm/torrent_impl.h"

#include "node/swarm/trade.h"
#include "wire/peer/pex.h"

#include <string.h>

#include <stdlib.h>

/* ---- the swarm asks ---- */

static enum swarm_read on_read(void *ctx, uint32_t piece, uint32_t offset,
			       uint32_t len, struct span *out, uint64_t cookie)
{
	struct torrent *t = ctx;

	switch (store_read(t->store, piece, offset, len, out, cookie)) {
	case STORE_NOW:
		return SWARM_READ_NOW;
	case STORE_LATER:
		return SWARM_READ_LATER;
	case STORE_FAILED:
		break;
	}
	return SWARM_READ_FAILED;
}

static bool on_leaves(void *ctx, uint32_t piece, uint64_t cookie)
{
	struct torrent *t = ctx;

	return store_leaves(t->store, piece, cookie);
}

static void on_write(void *ctx, uint32_t piece, uint32_t offset,
		     const struct span *spans, size_t n)
{
	struct torrent *t = ctx;
	struct err e = {0};

	if (store_write(t->store, piece, offset, spans, n, &e) == ERR_NONE)
		return;
	log_line(t->engine->log, LOG_WARN, "torrent",
		 "block not taken name=\"%s\" piece=%u text=\"%s\"",
		 t->meta.name, piece, e.msg);
	swarm_piece_lost(t->swarm, torrent_now(t), piece);
}

/* The store counts blocks itself and answers through on_store_piece(). */
static void on_piece_complete(void *ctx, uint32_t piece)
{
	(void)ctx;
	(void)piece;
}

static void on_piece_done(void *ctx, uint32_t piece, bool ok)
{
	struct torrent *t = ctx;

	if (!ok)
		log_line(t->engine->log, LOG_WARN, "torrent",
			 "piece failed its hash name=\"%s\" piece=%u",
			 t->meta.name, piece);
}

static void on_complete(void *ctx)
{
	torrent_completed(ctx);
}

static enum swarm_charge on_charge(void *ctx, struct peer *p, uint32_t len,
				   enum peer_slot slot)
{
	struct torrent *t = ctx;

	(void)slot; /* the trade heard of it by peer_slot */
	if (!t->engine->trade)
		return WIRE_FREE;
	return trade_charge(t->engine->trade, p, len);
}

static void on_uncharge(void *ctx, struct peer *p, uint32_t len)
{
	struct torrent *t = ctx;

	if (t->engine->trade)
		trade_uncharge(t->engine->trade, p, len);
}

static void on_block_received(void *ctx, struct peer *p, uint32_t len,
			      bool wanted)
{
	struct torrent *t = ctx;

	(void)wanted; /* owed either way, protocol section 3 */
	if (t->engine->trade)
		trade_block(t->engine->trade, p, len);
}

static void on_ext_message(void *ctx, struct peer *p, enum ext_id ext,
			   const uint8_t *bytes, size_t len)
{
	struct torrent *t = ctx;

	if (ext == EXT_SB_PAY && t->engine->trade)
		trade_message(t->engine->trade, p, bytes, len);
}

/* Where the peer sees us; a false word would only change an order. */
static void note_us(struct torrent *t, const struct ext_handshake *ext)
{
	struct wire_addr us = {.port = t->engine->listen_port};

	ip_from_bytes(us.ip, ext->yourip, ext->yourip_len);
	candidates_set_us(t->candidates, &us);
}

/* What other peers may be told of the connection (BEP 11). */
static uint8_t flags_of(const struct link *k)
{
	uint8_t flags = link_by_utp(k) ? PEX_UTP : 0;

	switch (link_encryption(k)) {
	case VEIL_NOT_YET:
	case VEIL_PLAIN:
		break;
	case VEIL_RC4:
	case VEIL_FRAMES:
		flags |= PEX_PREFERS_ENCRYPTION;
		break;
	}
	return flags;
}

static void on_peer_ready(void *ctx, struct peer *p,
			  const struct ext_handshake *ext)
{
	struct torrent *t = ctx;
	struct link *k = peer_user(p);

	link_set_ready(k);
	if (ext && ext->yourip_len)
		note_us(t, ext);
	swarm_peer_set_flags(p, flags_of(k));
	if (t->engine->trade)
		trade_peer_ready(t->engine->trade, t, p, ext);
}

static void on_peer_gone(void *ctx, struct peer *p)
{
	struct torrent *t = ctx;

	if (t->engine->trade)
		trade_peer_gone(t->engine->trade, p);
}

static void on_peer_choked(void *ctx, struct peer *p, bool choked)
{
	struct torrent *t = ctx;

	if (t->engine->trade)
		trade_choked(t->engine->trade, p, choked);
}

static void on_peer_slot(void *ctx, struct peer *p, enum peer_slot slot)
{
	static const char *const names[] = {"none", "free", "rank"};
	struct torrent *t = ctx;

	log_line(t->engine->log, LOG_DEBUG, "torrent", "slot peer=%llu slot=%s",
		 (unsigned long long)peer_serial(p), names[slot]);
	if (t->engine->trade)
		trade_slot(t->engine->trade, p, slot);
}

static void on_layer(void *ctx, uint32_t file, const uint8_t *pieces)
{
	torrent_layer_came(ctx, file, pieces);
}

static void on_peer_banned(void *ctx, struct peer *p, uint64_t serial,
			   const struct wire_addr *addr)
{
	struct torrent *t = ctx;

	(void)serial;
	(void)addr; /* torrent_link_ended() bans what was connected to */
	torrent_tell(t, "note", "a peer sent false data and is banned");
	if (p && t->engine->trade)
		trade_bad_data(t->engine->trade, p);
}

static void on_metadata(void *ctx, const uint8_t *info, size_t len)
{
	torrent_take_metadata(ctx, info, len);
}

static void on_pex_peer(void *ctx, struct peer *from,
			const struct wire_addr *at, uint8_t flags)
{
	struct torrent *t = ctx;
	struct net_addr addr;

	(void)from;
	(void)flags;
	net_addr_of_wire(&addr, at);
	torrent_told_of(t, &addr, "pex");
}

static void on_dht_port(void *ctx, struct peer *p, uint16_t port)
{
	struct torrent *t = ctx;
	struct wire_addr at = peer_addr(p);
	struct net_addr addr;

	at.port = port;
	net_addr_of_wire(&addr, &at);
	dht_node_contact(t->engine->dht, &addr);
}

/* The other side is told at the same moment; connections by uTP, which go first
 * where both sides have it, open the way through both NATs. */
static void on_holepunch(void *ctx, const struct wire_addr *to)
{
	struct torrent *t = ctx;
	struct net_addr addr;

	net_addr_of_wire(&addr, to);
	torrent_told_of(t, &addr, "holepunch");
	candidates_hurry(t->candidates, &addr);
	torrent_wake(t);
}

static const struct swarm_ops swarm_callbacks = {
	.read = on_read,
	.write = on_write,
	.piece_complete = on_piece_complete,
	.piece_done = on_piece_done,
	.complete = on_complete,
	.charge = on_charge,
	.uncharge = on_uncharge,
	.block_received = on_block_received,
	.ext_message = on_ext_message,
	.peer_ready = on_peer_ready,
	.dht_port = on_dht_port,
	.peer_gone = on_peer_gone,
	.peer_choked = on_peer_choked,
	.peer_slot = on_peer_slot,
	.peer_banned = on_peer_banned,
	.layer = on_layer,
	.leaves = on_leaves,
	.metadata = on_metadata,
	.pex_peer = on_pex_peer,
	.holepunch = on_holepunch,
};

const uint8_t *torrent_info_for_others(const struct torrent *t, size_t *len)
{
	const bool told = !t->meta.is_private && t->meta.info;

	*len = told ? t->meta.info_len : 0;
	return told ? t->meta.info : NULL;
}

/* They have files, which a link does not know. */
void torrent_start_web_seeds(struct torrent *t)
{
	struct err e = {0};

	if (!torrent_knows(t) || t->read_only)
		return;
	if (t->meta.web_seed_count && torrent_need_web(t, &e) != ERR_NONE)
		torrent_tell(t, "note", "%s", e.msg);
	if (t->web)
		web_seeds_start(t->web, &t->meta, t->swarm);
}

/* The swarm that fetched the metadata becomes that of the torrent. */
static enum err_code know(struct torrent *t, struct err *e)
{
	struct swarm_content content = {
		.info_hash = t->meta.info_hash,
		.v2 = t->meta.v2,
		.hash_v2 = t->meta.info_hash_v2,
		.pieces = t->meta.piece_count,
		.piece_len = t->meta.piece_length,
		.total_len = t->meta.total,
		.shorts = t->meta.shorts,
		.short_count = t->meta.short_count,
		.prios = t->piece_prios,
	};
	struct layers_file *layers;
	enum err_code code;
	size_t len;

	swarm_set_in_order(t->swarm, t->in_order);
	content.info = torrent_info_for_others(t, &content.info_len);
	content.have = store_have(t->store, &len);
	code = torrent_layers(t, &layers, &content.layer_count, e);
	content.layers = layers;
	if (code == ERR_NONE)
		code = swarm_set_metadata(t->swarm, torrent_now(t), &content,
					  e);
	free(layers);
	if (code == ERR_NONE)
		torrent_start_web_seeds(t);
	return code;
}

enum err_code torrent_swarm_start(struct torrent *t, struct err *e)
{
	struct engine *en = t->engine;
	struct swarm_cfg cfg = {
		.info_hash = t->meta.info_hash,
		.v2 = t->meta.v2,
		.hash_v2 = t->meta.info_hash_v2,
		.self = en->peer_id,
		.pieces = t->meta.piece_count,
		.piece_len = t->meta.piece_length,
		.total_len = t->meta.total,
		.waits_for_metadata = !torrent_knows(t),
		.shorts = t->meta.shorts,
		.short_count = t->meta.short_count,
		.super_seed = t->super_seed,
		.prios = t->piece_prios,
		.in_order = t->in_order,
		.in_step = t->meta.v2 && !t->meta.v1 ? 1 : sha1_in_step(),
		.max_peers = engine_torrent_peers(en),
		.slots =
			t->slots ? t->slots : (uint32_t)engine_int(en, "slots"),
		.listen_port = en->listen_port,
		.pex = !t->meta.is_private && engine_flag(en, "pex"),
		.prefers_encryption = links_prefer_encryption(en->links),
		.dht_port = t->meta.is_private ? 0 : dht_node_port(en->dht),
		.rate = en->rate,
		.local_unlimited = !engine_flag(en, "limit-local"),
		.rng = en->rng,
		.log = en->log,
		.ops = &swarm_callbacks,
		.ctx = t,
	};
	struct layers_file *layers = NULL;
	enum err_code code;
	size_t len;

	if (t->swarm)
		return know(t, e);
	cfg.info = torrent_info_for_others(t, &cfg.info_len);
	cfg.free_slots =
		(cfg.slots * (uint32_t)engine_int(en, "free-share") + 99) / 100;
	if (t->store)
		cfg.have = store_have(t->store, &len);
	if (en->trade)
		cfg.sb_pay = trade_offer(en->trade, &cfg.sb_pay_len);
	code = torrent_layers(t, &layers, &cfg.layer_count, e);
	cfg.layers = layers;
	if (code == ERR_NONE)
		code = swarm_new(&t->swarm, &cfg, torrent_now(t), e);
	free(layers);
	if (code == ERR_NONE)
		torrent_names_list(t, true);
	if (code == ERR_NONE)
		torrent_start_web_seeds(t);
	return code;
}

void torrent_offer_changed(struct torrent *t)
{
	struct engine *en = t->engine;
	const uint8_t *offer;
	struct err e = {0};
	size_t len;

	if (!t->swarm || !en->trade)
		return;
	offer = trade_offer(en->trade, &len);
	if (swarm_set_pay_offer(t->swarm, offer, len, &e) != ERR_NONE)
		log_line(en->log, LOG_WARN, "torrent",
			 "not offered name=\"%s\" text=\"%s\"", t->meta.name,
			 e.msg);
}

void torrent_swarm_stop(struct torrent *t)
{
	struct swarm_stats stats;

	if (!t->swarm)
		return;
	torrent_names_list(t, false);
	web_seeds_stop(t->web);
	links_close_swarm(t->engine->links, t->swarm, t);
	torrent_save_totals(t);
	swarm_stats_get(t->swarm, &stats);
	t->seeded_up += stats.uploaded;
	if (t->complete_ms >= 0)
		t->seeded_ms += torrent_now(t) - t->complete_ms;
	swarm_free(t->swarm);
	t->swarm = NULL;
}

/* ---- the store answers ---- */

static void on_store_ready(void *ctx)
{
	torrent_opened(ctx);
}

static void on_store_piece(void *ctx, uint32_t piece, bool ok)
{
	struct torrent *t = ctx;

	if (!t->swarm)
		return;
	if (ok)
		swarm_piece_verified(t->swarm, torrent_now(t), piece);
	else
		swarm_piece_failed(t->swarm, torrent_now(t), piece);
	torrent_wake(t);
}

static void on_store_lost(void *ctx, uint32_t piece)
{
	struct torrent *t = ctx;

	if (t->swarm)
		swarm_piece_lost(t->swarm, torrent_now(t), piece);
}

static void on_store_found(void *ctx, uint32_t piece)
{
	struct torrent *t = ctx;

	if (t->swarm)
		swarm_piece_verified(t->swarm, torrent_now(t), piece);
}

static void on_store_read_done(void *ctx, uint64_t cookie,
			       const struct span *data)
{
	struct torrent *t = ctx;

	if (t->swarm)
		swarm_read_done(t->swarm, torrent_now(t), cookie, data);
	else if (data)
		span_unref(data);
}

static void on_store_leaves(void *ctx, uint64_t cookie,
			    const struct hash32 *leaves, uint32_t n)
{
	struct torrent *t = ctx;

	if (t->swarm)
		swarm_leaves(t->swarm, torrent_now(t), cookie, leaves, n);
}

static void on_store_pressure(void *ctx, bool blocked)
{
	struct torrent *t = ctx;

	if (t->swarm)
		swarm_set_write_blocked(t->swarm, torrent_now(t), blocked);
}

static void on_store_error(void *ctx, const struct err *err)
{
	torrent_fault(ctx, err);
}

static void on_store_progress(void *ctx, uint64_t done, uint64_t total)
{
	torrent_check_progress(ctx, done, total);
}

static void on_store_note(void *ctx, const char *text)
{
	torrent_tell(ctx, "note", "%s", text);
}

static enum err_code on_store_hashes(void *ctx, const uint8_t **hashes,
				     const uint8_t **roots, struct err *e)
{
	struct torrent *t = ctx;
	enum err_code code = torrent_recall(t, e);

	*hashes = t->meta.pieces;
	*roots = t->meta.roots;
	return code;
}

const struct store_ops torrent_store_callbacks = {
	.ready = on_store_ready,
	.piece = on_store_piece,
	.lost = on_store_lost,
	.found = on_store_found,
	.read_done = on_store_read_done,
	.leaves = on_store_leaves,
	.pressure = on_store_pressure,
	.error = on_store_error,
	.progress = on_store_progress,
	.note = on_store_note,
	.hashes = on_store_hashes,
};
