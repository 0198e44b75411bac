#include "wire/swarm/swarm.h"

#include "base/bits.h"
#include "wire/swarm/swarm_int.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BUFFERS_MAX 65536U

/* ---- entering and leaving ---- */

void swarm_enter(struct swarm *s, int64_t now_ms)
{
	s->now_ms = now_ms;
	s->depth++;
}

void swarm_leave(struct swarm *s)
{
	/* what is done here may ask for more, but each round has less to do */
	for (int i = 0; s->depth == 1 && i < 4; i++) {
		if (s->refill_soon) {
			s->refill_soon = false;
			down_fill_all(s);
			sources_wake(s);
		}
		if (s->choke_soon) {
			s->choke_soon = false;
			choke_run(s, CHOKER_FILL);
		}
	}
	s->depth--;
}

/* ---- life ---- */

static void set_defaults(struct swarm_cfg *c)
{
	if (c->max_peers == 0)
		c->max_peers = 200;
	if (c->slots == 0)
		c->slots = 8;
	if (c->free_slots == 0)
		c->free_slots = (c->slots + 3) / 4;
	if (c->free_slots > c->slots)
		c->free_slots = c->slots;
}

uint8_t *swarm_copy_bytes(const uint8_t *p, size_t len)
{
	uint8_t *copy = p ? malloc(len ? len : 1) : NULL;

	if (copy && len)
		memcpy(copy, p, len);
	return copy;
}

enum err_code swarm_init_pieces(struct swarm *s, struct err *e)
{
	const struct swarm_cfg *c = &s->cfg;

	s->bounds.unknown = c->waits_for_metadata;
	if (c->pieces == 0)
		return ERR_NONE; /* a connection without content (yet) */
	s->shape = (struct pieces){
		.count = c->pieces,
		.len = c->piece_len,
		.total = c->total_len,
		.shorts = c->shorts,
		.short_count = c->short_count,
	};
	if (picker_check_sizes(&s->shape, e) != ERR_NONE)
		return ERR_LIMIT;
	s->bounds.pieces = c->pieces;
	s->bounds.piece_len = c->piece_len;
	s->bounds.total_len = c->total_len;
	s->have = calloc(1, bits_bytes(c->pieces));
	if (!s->have)
		return err_fail(e, ERR_NOMEM, "swarm of %u pieces", c->pieces);
	for (uint32_t i = 0; c->have && i < c->pieces; i++) {
		if (!bits_get(c->have, i))
			continue;
		bits_set(s->have, i);
		s->n_have++;
		s->have_bytes += pieces_size(&s->shape, i);
	}
	if (hash_init(s, e) != ERR_NONE)
		return ERR_NOMEM;
	return wants_init(s, e);
}

static enum err_code init_extensions(struct swarm *s, struct err *e)
{
	struct swarm_cfg *c = &s->cfg;
	const uint8_t *pay = c->sb_pay, *store = c->sb_store;

	if (store)
		s->bounds.extended_max = EXT_STORE_MAX + 2;
	c->sb_pay = swarm_copy_bytes(pay, c->sb_pay_len);
	c->sb_store = swarm_copy_bytes(store, c->sb_store_len);
	if ((pay && !c->sb_pay) || (store && !c->sb_store))
		return err_fail(e, ERR_NOMEM, "swarm");
	return ERR_NONE;
}

enum err_code swarm_new(struct swarm **out, const struct swarm_cfg *cfg,
			int64_t now_ms, struct err *e)
{
	struct swarm *s = calloc(1, sizeof(*s));
	uint32_t high;
	enum err_code rc;

	if (!s)
		return err_fail(e, ERR_NOMEM, "swarm");
	s->cfg = *cfg;
	s->now_ms = now_ms;
	s->upload_on = s->download_on = true;
	s->free_read = UINT32_MAX;
	set_defaults(&s->cfg);
	hash_names(s, &cfg->info_hash, cfg->v2, &cfg->hash_v2);
	rng_fill(&s->cfg.rng, &high, sizeof(high));
	s->next_serial = ((uint64_t)high << 32) + 1;
	rc = init_extensions(s, e);
	if (rc == ERR_NONE)
		rc = swarm_init_pieces(s, e);
	s->cfg.have = s->cfg.prios = NULL;
	if (rc == ERR_NONE && s->cfg.waits_for_metadata)
		rc = meta_get_new(&s->meta, &s->cfg.info_hash,
				  s->cfg.v2 ? &s->cfg.hash_v2 : NULL, e);
	if (rc == ERR_NONE && !s->cfg.blocks) {
		s->own_blocks =
			cbuf_pool_new(PICKER_BLOCK, BLOCK_BUFFERS_MAX, 4);
		s->cfg.blocks = s->own_blocks;
		if (!s->own_blocks)
			rc = err_fail(e, ERR_NOMEM, "swarm");
	}
	if (rc != ERR_NONE) {
		swarm_free(s);
		return rc;
	}
	super_init(s);
	*out = s;
	return ERR_NONE;
}

void swarm_free(struct swarm *s)
{
	if (!s)
		return;
	assert(s->n_links == 0 && !s->sources);
	check_clear(s);
	leaf_check_clear(s);
	leaf_up_clear(s);
	meta_get_free(s->meta);
	layers_free(s->layers);
	cbuf_pool_free(s->bulk);
	blame_free(s->blame);
	picker_free(s->picker);
	pex_clear(s);
	cbuf_pool_free(s->own_blocks);
	free((void *)(uintptr_t)s->cfg.sb_pay);
	free((void *)(uintptr_t)s->cfg.sb_store);
	free(s->row_links);
	free(s->rows);
	free(s->reads);
	free(s->have_log);
	free(s->gone);
	free(s->links);
	free(s->prios);
	free(s->have);
	free(s);
}

void *swarm_ctx(const struct swarm *s)
{
	return s->cfg.ctx;
}

const struct info_hash *swarm_info_hash(const struct swarm *s)
{
	return &s->cfg.info_hash;
}

const struct info_hash *swarm_hash_for(const struct swarm *s, bool v2)
{
	return v2 && s->cfg.v2 ? &s->hash_v2 : &s->cfg.info_hash;
}

bool swarm_goes_by(const struct swarm *s, const struct info_hash *hash)
{
	return info_hash_eq(hash, &s->cfg.info_hash) ||
	       (s->cfg.v2 && info_hash_eq(hash, &s->hash_v2));
}

uint32_t swarm_piece_bytes(const struct swarm *s, uint32_t piece)
{
	return pieces_size(&s->shape, piece);
}

struct link *swarm_find_serial(const struct swarm *s, uint64_t serial)
{
	for (uint32_t i = 0; i < s->n_links; i++)
		if (s->links[i]->peer.serial == serial &&
		    !s->links[i]->peer.closed)
			return s->links[i];
	return NULL;
}

/* ---- pending reads ---- */

uint32_t swarm_read_begin(struct swarm *s, struct link *l, bool job,
			  uint32_t job_index)
{
	uint32_t i = s->free_read;

	if (i != UINT32_MAX) {
		s->free_read = s->reads[i].next_free;
	} else {
		if (s->n_reads == s->cap_reads) {
			uint32_t cap = s->cap_reads ? s->cap_reads * 2 : 16;
			struct read *reads;

			if (cap > READS_MAX)
				return UINT32_MAX;
			reads = realloc(s->reads, cap * sizeof(*reads));
			if (!reads)
				return UINT32_MAX;
			s->reads = reads;
			s->cap_reads = cap;
		}
		i = s->n_reads++;
		s->reads[i].gen = 0;
	}
	s->reads[i] = (struct read){.gen = s->reads[i].gen + 1,
				    .used = true,
				    .link = l,
				    .job = job,
				    .job_index = job_index};
	return i;
}

uint64_t swarm_read_cookie(const struct swarm *s, uint32_t index)
{
	return (uint64_t)s->reads[index].gen << 32 | index;
}

void swarm_read_end(struct swarm *s, uint32_t index)
{
	s->reads[index].used = false;
	s->reads[index].link = NULL;
	s->reads[index].next_free = s->free_read;
	s->free_read = index;
}

void swarm_read_done(struct swarm *s, int64_t now_ms, uint64_t cookie,
		     const struct span *data)
{
	uint32_t i = (uint32_t)cookie;
	struct read r;

	swarm_enter(s, now_ms);
	if (i < s->n_reads && s->reads[i].used &&
	    s->reads[i].gen == (uint32_t)(cookie >> 32)) {
		r = s->reads[i];
		swarm_read_end(s, i);
		if (r.job)
			check_read_done(s, r.job_index, data);
		else if (r.link)
			up_read_done(r.link, i, data);
	}
	if (data)
		span_unref(data);
	swarm_leave(s);
}

/* ---- verdicts ---- */

enum err_code swarm_need_picker(struct swarm *s)
{
	enum err_code rc;

	if (s->picker)
		return ERR_NONE;
	rc = wants_new_picker(s, NULL);
	if (rc != ERR_NONE)
		return rc;
	for (uint32_t i = 0; i < s->n_links; i++)
		if (s->links[i]->bits && !s->links[i]->peer.closed)
			picker_peer_bits(s->picker, s->links[i]->bits, false);
	return ERR_NONE;
}

void swarm_log_have(struct swarm *s, uint32_t piece)
{
	if (s->n_log == s->cap_log) {
		uint32_t cap = s->cap_log ? s->cap_log * 2 : 64;
		uint32_t *grown = realloc(s->have_log, cap * sizeof(*grown));

		if (!grown)
			return; /* peers learn it when they connect again */
		s->have_log = grown;
		s->cap_log = cap;
	}
	s->have_log[s->n_log++] = piece;
}

static void piece_is_had(struct swarm *s, uint32_t piece)
{
	bool wanted = swarm_wants(s, piece);

	bits_set(s->have, piece);
	s->n_have++;
	s->have_bytes += swarm_piece_bytes(s, piece);
	s->n_wanted -= wanted;
	swarm_log_have(s, piece);
	for (uint32_t i = 0; i < s->n_links; i++) {
		struct link *l = s->links[i];

		if (l->peer.closed || !l->greeted)
			continue;
		if (!link_has_all(l))
			peer_want_write(&l->peer);
		if (!link_has(l, piece))
			continue;
		l->wanted -= wanted;
		link_update_interest(l);
	}
}

void swarm_piece_verified(struct swarm *s, int64_t now_ms, uint32_t piece)
{
	bool was_done;

	if (piece >= s->cfg.pieces || bits_get(s->have, piece))
		return;
	swarm_enter(s, now_ms);
	was_done = swarm_is_done(s);
	leaf_check_drop(s, piece);
	picker_verified(s->picker, piece);
	if (s->n_have + 1 == s->cfg.pieces) {
		picker_free(s->picker);
		s->picker = NULL;
	}
	piece_is_had(s, piece);
	s->cfg.ops->piece_done(s->cfg.ctx, piece, true);
	check_verified(s, piece);
	if (swarm_is_done(s) && !was_done) {
		s->choke_soon = true;
		swarm_tell_upload_only(s);
		s->cfg.ops->complete(s->cfg.ctx);
	}
	swarm_leave(s);
}

void swarm_piece_failed(struct swarm *s, int64_t now_ms, uint32_t piece)
{
	if (piece >= s->cfg.pieces || bits_get(s->have, piece) || !s->picker)
		return;
	swarm_enter(s, now_ms);
	s->failed++;
	log_line(s->cfg.log, LOG_INFO, "wire", "piece-failed piece=%u", piece);
	s->cfg.ops->piece_done(s->cfg.ctx, piece, false);
	check_failed(s, piece);
	swarm_leave(s);
}

void swarm_piece_lost(struct swarm *s, int64_t now_ms, uint32_t piece)
{
	if (piece >= s->cfg.pieces)
		return;
	swarm_enter(s, now_ms);
	if (bits_get(s->have, piece)) {
		bits_clear(s->have, piece);
		s->n_have--;
		lost_say(s, piece);
		leaf_up_lost(s, piece);
		s->have_bytes -= swarm_piece_bytes(s, piece);
		s->n_wanted += swarm_wants(s, piece);
		for (uint32_t i = 0; i < s->n_links; i++)
			s->links[i]->wanted += swarm_wants(s, piece) &&
					       link_has(s->links[i], piece);
		if (s->picker)
			picker_want(s->picker, piece);
		else if (swarm_need_picker(s) != ERR_NONE)
			log_line(s->cfg.log, LOG_ERROR, "wire",
				 "no-memory piece=%u", piece);
	} else if (s->picker) {
		leaf_check_drop(s, piece);
		picker_retry(s->picker, piece, false, now_ms);
	}
	for (uint32_t i = 0; i < s->n_links; i++)
		link_update_interest(s->links[i]);
	swarm_tell_upload_only(s);
	s->refill_soon = true;
	swarm_leave(s);
}

/* ---- the caller's knobs ---- */

void swarm_set_write_blocked(struct swarm *s, int64_t now_ms, bool blocked)
{
	if (s->blocked == blocked)
		return;
	swarm_enter(s, now_ms);
	s->blocked = blocked;
	for (uint32_t i = 0; i < s->n_links && !blocked; i++)
		peer_want_read(&s->links[i]->peer);
	s->refill_soon = true;
	swarm_leave(s);
}

void swarm_peer_set_rank(struct peer *p, int64_t now_ms, uint64_t rank)
{
	struct link *l = link_of(p);

	if (!l->s || p->closed || l->rank == rank)
		return;
	swarm_enter(l->s, now_ms);
	l->rank = rank;
	l->s->choke_soon = true;
	if (rank)
		super_show_all(l);
	swarm_leave(l->s);
}

uint64_t swarm_peer_missing(const struct peer *p, uint64_t enough)
{
	const struct link *l = (const struct link *)p;

	if (!l->s || !l->s->picker || p->closed || (!l->seed && !l->bits))
		return 0;
	return picker_missing(l->s->picker, l->seed ? NULL : l->bits, enough);
}

void swarm_peer_resume(struct peer *p, int64_t now_ms)
{
	p->now_ms = now_ms;
	link_of(p)->up.held = false;
	if (!p->closed && up_wants(link_of(p)))
		peer_want_write(p);
}

void swarm_peer_set_quiet(struct peer *p, int64_t now_ms, bool quiet)
{
	struct link *l = link_of(p);

	if (!l->s || p->closed || l->down.quiet == quiet)
		return;
	swarm_enter(l->s, now_ms);
	l->down.quiet = quiet;
	if (!quiet)
		down_fill(l);
	swarm_leave(l->s);
}

void swarm_peer_set_blocked(struct peer *p, int64_t now_ms, bool blocked)
{
	struct link *l = link_of(p);

	p->now_ms = now_ms;
	l->blocked = blocked;
	if (!blocked)
		peer_want_read(p);
}

void swarm_set_upload(struct swarm *s, int64_t now_ms, bool on)
{
	swarm_enter(s, now_ms);
	s->upload_on = on;
	s->choke_soon = true;
	swarm_leave(s);
}

void swarm_set_download(struct swarm *s, int64_t now_ms, bool on)
{
	swarm_enter(s, now_ms);
	s->download_on = on;
	for (uint32_t i = 0; i < s->n_links; i++)
		link_update_interest(s->links[i]);
	swarm_tell_upload_only(s);
	s->refill_soon = true;
	swarm_leave(s);
}

void swarm_set_slots(struct swarm *s, int64_t now_ms, uint32_t slots,
		     uint32_t free_slots)
{
	swarm_enter(s, now_ms);
	s->cfg.slots = slots;
	s->cfg.free_slots = free_slots;
	set_defaults(&s->cfg);
	s->choke_soon = true;
	swarm_leave(s);
}

/* ---- time ---- */

void swarm_meter_second(struct meter *m, int64_t dt_ms)
{
	uint64_t bytes = m->total - m->seen, sum = 0;
	uint64_t per_s = bytes * 1000 / (uint64_t)(dt_ms > 0 ? dt_ms : 1);

	m->seen = m->total;
	m->last = per_s < UINT32_MAX ? (uint32_t)per_s : UINT32_MAX;
	m->slots[m->at] = m->last;
	m->at = (m->at + 1) % RATE_SECONDS;
	if (m->filled < RATE_SECONDS)
		m->filled++;
	for (unsigned i = 0; i < m->filled; i++)
		sum += m->slots[i];
	m->rate = (uint32_t)(sum / m->filled);
}

static void check_useless(struct link *l)
{
	bool useless =
		swarm_uploads_only(l->s) && (link_has_all(l) || l->upload_only);

	if (!useless) {
		l->useless_since_ms = INT64_MIN;
	} else if (l->useless_since_ms == INT64_MIN) {
		l->useless_since_ms = l->s->now_ms;
	} else if (l->s->now_ms - l->useless_since_ms >= USELESS_MS) {
		peer_shut(&l->peer, PEER_CLOSE_USELESS, "neither downloads");
	}
}

void swarm_keep_alive(struct link *l)
{
	static const uint8_t nothing[4];

	l->peer.last_out_ms = l->peer.now_ms;
	(void)peer_put(&l->peer, nothing, sizeof(nothing));
}

static void check_times(struct link *l)
{
	struct peer *p = &l->peer;
	int64_t now = l->s->now_ms;

	if (p->read_paused) /* its silence is our doing */
		p->last_in_ms = now;
	peer_check_timeout(p, now);
	if (!p->closed && now - p->last_in_ms >= PEER_IDLE_MS)
		peer_shut(p, PEER_CLOSE_TIMEOUT, "silent for %d s",
			  PEER_IDLE_MS / 1000);
	if (p->closed || !l->greeted)
		return;
	if (!l->ready && now - p->born_ms >= READY_WAIT_MS)
		link_become_ready(l, NULL);
	if (now - p->last_out_ms >= PEER_KEEPALIVE_MS && outq_empty(&p->out))
		swarm_keep_alive(l);
}

static void link_second(struct link *l, int64_t dt_ms)
{
	struct peer *p = &l->peer;

	if (p->closed)
		return;
	p->now_ms = l->s->now_ms;
	p->nuisance -= p->nuisance < PEER_NUISANCE_PER_S ? p->nuisance
							 : PEER_NUISANCE_PER_S;
	swarm_meter_second(&l->in, dt_ms);
	swarm_meter_second(&l->out, dt_ms);
	check_times(l);
	if (!p->closed && l->greeted)
		down_second(l);
	if (!p->closed)
		meta_link_second(l);
	if (!p->closed)
		check_useless(l);
	if (!p->closed)
		pex_second(l);
	l->leaf_spent -= l->leaf_spent < LEAF_PEER_PER_S ? l->leaf_spent
							 : LEAF_PEER_PER_S;
}

/* When all peers have been told of all pieces the log starts again. */
static void shorten_log(struct swarm *s)
{
	for (uint32_t i = 0; i < s->n_links; i++)
		if (s->links[i]->greeted && !s->links[i]->peer.closed &&
		    s->links[i]->haves < s->n_log)
			return;
	for (uint32_t i = 0; i < s->n_links; i++)
		s->links[i]->haves = 0;
	s->n_log = 0;
	if (!s->picker) {
		free(s->have_log);
		s->have_log = NULL;
		s->cap_log = 0;
	}
}

static void second(struct swarm *s)
{
	int64_t dt =
		s->second_ms ? s->now_ms - s->second_ms + SECOND_MS : SECOND_MS;

	s->second_ms = s->now_ms + SECOND_MS;
	fast_second(s);
	swarm_meter_second(&s->in, dt);
	swarm_meter_second(&s->out, dt);
	for (uint32_t i = 0; i < s->n_links; i++)
		link_second(s->links[i], dt);
	super_second(s);
	meta_second(s);
	hash_ask_all(s);
	leaf_up_second(s);
	leaf_check_second(s);
	sources_second(s, dt);
	shorten_log(s);
}

int64_t swarm_tick(struct swarm *s, int64_t now_ms)
{
	if (s->n_links == 0 && !s->sources)
		return INT64_MAX;
	swarm_enter(s, now_ms);
	if (now_ms >= s->second_ms)
		second(s);
	if (now_ms >= s->round_ms) {
		s->round_ms = now_ms + CHOKER_ROUND_MS;
		choke_run(s, CHOKER_ROUND);
	}
	swarm_leave(s);
	return s->second_ms < s->round_ms ? s->second_ms : s->round_ms;
}

/* ---- looking in ---- */

static uint64_t bytes_left(const struct swarm *s)
{
	if (s->cfg.pieces == 0)
		return s->cfg.waits_for_metadata;
	return pieces_bytes(&s->shape) - s->have_bytes;
}

void swarm_stats_get(const struct swarm *s, struct swarm_stats *out)
{
	*out = (struct swarm_stats){
		.left = bytes_left(s),
		.wanted = wants_bytes(s),
		.downloaded = s->in.total,
		.uploaded = s->out.total,
		.wasted = s->wasted,
		.rate_in = s->in.rate,
		.rate_out = s->out.rate,
		.have = s->n_have,
		.pieces = s->cfg.pieces,
		.upload_only = swarm_uploads_only(s),
		.failed = s->failed,
	};
	for (uint32_t i = 0; i < s->n_links; i++) {
		const struct link *l = s->links[i];

		if (!l->ready || l->peer.closed)
			continue;
		out->peers++;
		out->seeds += link_has_all(l);
	}
}

bool swarm_is_alone(const struct swarm *s)
{
	for (uint32_t i = 0; i < s->n_links; i++)
		if (s->links[i]->ready && !s->links[i]->peer.closed)
			return false;
	return true;
}

void peer_stats_get(const struct peer *p, struct peer_stats *out)
{
	const struct link *l = (const struct link *)p;

	*out = (struct peer_stats){
		.payload_in = p->payload_in,
		.payload_out = p->payload_out,
		.wasted_in = p->wasted_in,
		.rate_in = l->in.rate,
		.rate_out = l->out.rate,
		.requests_in = l->up.n + l->up.n_slots,
		.requests_out = l->down.active,
		.pieces = l->n_pieces,
		.slot = l->slot,
		.ready = l->ready,
		.seed = link_has_all(l),
		.am_interested = l->am_interested,
		.they_choke = l->they_choke,
		.they_interested = l->they_interested,
		.snubbed = l->down.snubbed,
		.fast = p->fast,
		.extended = p->extended,
		.upload_only = l->upload_only,
		.mute = choke_is_mute(l),
	};
	memcpy(out->client, l->client, sizeof(out->client));
}

uint16_t peer_listen_port(const struct peer *p)
{
	const struct link *l = (const struct link *)p;

	return p->outgoing ? p->cfg.addr.port : l->listen_port;
}

const uint8_t *swarm_have(const struct swarm *s, size_t *len)
{
	*len = bits_bytes(s->cfg.pieces);
	return s->have;
}

bool swarm_has_room(const struct swarm *s)
{
	return s->n_links < s->cfg.max_peers;
}

void swarm_each_peer(struct swarm *s, void (*fn)(void *ctx, struct peer *p),
		     void *ctx)
{
	for (uint32_t i = 0; i < s->n_links; i++)
		if (!s->links[i]->peer.closed)
			fn(ctx, &s->links[i]->peer);
}
