#include "wire/swarm/meta_get.h"

#include "base/hash.h"

#include "wire/peer/ut_metadata.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct source { /* a peer that has the dictionary, or says so */
	uint64_t serial;
	uint32_t size;	/* as it told */
	unsigned asked; /* pieces under way */
	int64_t pause_until_ms;
	int64_t pause_ms; /* the next one */
};

struct asked {
	uint64_t serial; /* 0: nobody */
	int64_t at_ms;
};

struct piece {
	uint64_t sender; /* 0: not here */
	struct asked asked[META_ASKERS];
};

struct meta_get {
	struct info_hash hash;
	bool v2;
	struct hash32 hash_v2; /* counts instead, when v2 */
	struct source sources[META_PEERS_MAX];
	uint32_t n_sources;

	/* the attempt; size 0: none */
	uint32_t size;
	uint32_t n_pieces, n_here;
	uint8_t *blob;
	struct piece *pieces;
	uint64_t sole; /* the only one asked; 0: all are */
	int64_t round_until_ms, round_ms;

	/* the first that failed with several senders */
	uint8_t *failed;
	uint64_t *failed_senders;
	uint32_t failed_size;

	uint64_t liars[META_PEERS_MAX];
	uint32_t n_liars;
	bool done;
};

enum err_code meta_get_new(struct meta_get **out, const struct info_hash *hash,
			   const struct hash32 *hash_v2, struct err *e)
{
	*out = calloc(1, sizeof(**out));
	if (!*out)
		return err_fail(e, ERR_NOMEM, "metadata");
	(*out)->hash = *hash;
	(*out)->v2 = hash_v2 != NULL;
	if (hash_v2)
		(*out)->hash_v2 = *hash_v2;
	(*out)->round_ms = META_ROUND_MS;
	return ERR_NONE;
}

static void end_attempt(struct meta_get *g)
{
	free(g->blob);
	free(g->pieces);
	g->blob = NULL;
	g->pieces = NULL;
	g->size = g->n_pieces = g->n_here = 0;
	for (uint32_t i = 0; i < g->n_sources; i++)
		g->sources[i].asked = 0;
}

static void forget_failed(struct meta_get *g)
{
	free(g->failed);
	free(g->failed_senders);
	g->failed = NULL;
	g->failed_senders = NULL;
	g->failed_size = 0;
}

void meta_get_free(struct meta_get *g)
{
	if (!g)
		return;
	end_attempt(g);
	forget_failed(g);
	free(g);
}

/* ---- whom to ask ---- */

static struct source *find(struct meta_get *g, uint64_t serial)
{
	for (uint32_t i = 0; i < g->n_sources; i++)
		if (g->sources[i].serial == serial)
			return &g->sources[i];
	return NULL;
}

static bool may_ask(const struct source *k, int64_t now_ms)
{
	return now_ms >= k->pause_until_ms;
}

static void pause_source(struct source *k, int64_t now_ms)
{
	k->pause_until_ms = now_ms + k->pause_ms;
	k->pause_ms *= 2;
	if (k->pause_ms > META_PAUSE_MOST_MS)
		k->pause_ms = META_PAUSE_MOST_MS;
}

/* The piece is not under way at this peer any more. */
static bool unask(struct meta_get *g, struct source *k, uint32_t piece)
{
	for (unsigned i = 0; i < META_ASKERS; i++) {
		struct asked *a = &g->pieces[piece].asked[i];

		if (a->serial != k->serial)
			continue;
		a->serial = 0;
		k->asked--;
		return true;
	}
	return false;
}

static void unask_all(struct meta_get *g, struct source *k)
{
	for (uint32_t i = 0; i < g->n_pieces && k->asked; i++)
		(void)unask(g, k, i);
}

static void drop_source(struct meta_get *g, struct source *k)
{
	unask_all(g, k);
	*k = g->sources[--g->n_sources];
}

/* ---- which size ---- */

static unsigned votes(const struct meta_get *g, uint32_t size, int64_t now_ms)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < g->n_sources; i++)
		n += g->sources[i].size == size &&
		     may_ask(&g->sources[i], now_ms);
	return n;
}

/* The size that most of those tell who can be asked, but `other`, unless there
 * is no other; 0: nobody can be asked. */
static uint32_t choose_size(const struct meta_get *g, uint32_t other,
			    int64_t now_ms)
{
	uint32_t best = 0;
	unsigned most = 0;

	for (uint32_t i = 0; i < g->n_sources; i++) {
		uint32_t size = g->sources[i].size;
		unsigned n = size == best || size == other
				     ? 0
				     : votes(g, size, now_ms);

		if (n > most) {
			most = n;
			best = size;
		}
	}
	return best || !votes(g, other, now_ms) ? best : other;
}

/* After a failure with several senders: the next one that is asked alone. */
static uint64_t choose_sole(const struct meta_get *g, uint32_t size,
			    int64_t now_ms)
{
	for (uint32_t i = 0; i < g->n_sources; i++)
		if (g->sources[i].size == size &&
		    may_ask(&g->sources[i], now_ms))
			return g->sources[i].serial;
	return 0;
}

static void begin_attempt(struct meta_get *g, uint32_t size, int64_t now_ms)
{
	uint32_t n = ut_metadata_pieces(size);

	end_attempt(g);
	g->blob = malloc(size);
	g->pieces = calloc(n, sizeof(*g->pieces));
	if (!g->blob || !g->pieces) {
		end_attempt(g); /* tried again with the next input */
		return;
	}
	g->size = size;
	g->n_pieces = n;
	g->sole = g->failed ? choose_sole(g, size, now_ms) : 0;
	g->round_until_ms = now_ms + g->round_ms;
}

static bool someone_goes_on(const struct meta_get *g, int64_t now_ms)
{
	for (uint32_t i = 0; i < g->n_sources; i++) {
		const struct source *k = &g->sources[i];

		if (k->size == g->size &&
		    (g->sole == 0 || g->sole == k->serial) &&
		    (k->asked || may_ask(k, now_ms)))
			return true;
	}
	return false;
}

static void time_out(struct meta_get *g, int64_t now_ms)
{
	for (uint32_t i = 0; i < g->n_pieces; i++)
		for (unsigned j = 0; j < META_ASKERS; j++) {
			struct asked a = g->pieces[i].asked[j];
			struct source *k = a.serial ? find(g, a.serial) : NULL;

			if (!k || now_ms - a.at_ms < META_ANSWER_MS)
				continue;
			unask_all(g, k);
			pause_source(k, now_ms);
		}
}

/* Begins the attempt that is to be made now, or goes on with this one. */
static void look_around(struct meta_get *g, int64_t now_ms)
{
	uint32_t size;

	if (g->done)
		return;
	time_out(g, now_ms);
	if (g->size && now_ms >= g->round_until_ms) {
		size = choose_size(g, g->size, now_ms);
		g->round_until_ms = now_ms + g->round_ms;
		if (size && size != g->size) {
			g->round_ms = g->round_ms * 2 < META_ROUND_MOST_MS
					      ? g->round_ms * 2
					      : META_ROUND_MOST_MS;
			begin_attempt(g, size, now_ms);
		}
	}
	if (g->size && someone_goes_on(g, now_ms))
		return;
	size = choose_size(g, g->size, now_ms);
	if (size && (size != g->size || g->failed))
		begin_attempt(g, size, now_ms);
}

void meta_get_peer(struct meta_get *g, int64_t now_ms, uint64_t serial,
		   uint32_t size)
{
	struct source *k = find(g, serial);

	if (k && k->size == size)
		return;
	if (k)
		drop_source(g, k);
	if (size == 0 || size > UT_METADATA_SIZE_MAX ||
	    g->n_sources == META_PEERS_MAX)
		return;
	g->sources[g->n_sources++] = (struct source){
		.serial = serial,
		.size = size,
		.pause_until_ms = INT64_MIN,
		.pause_ms = META_PAUSE_MS,
	};
	look_around(g, now_ms);
}

void meta_get_gone(struct meta_get *g, int64_t now_ms, uint64_t serial)
{
	struct source *k = find(g, serial);

	if (!k)
		return;
	drop_source(g, k);
	look_around(g, now_ms);
}

/* ---- asking ---- */

/* Peers that are asked for it and not slow yet; UINT_MAX: it is here, this peer
 * is asked already, or there are too many. */
static unsigned askers(const struct piece *p, uint64_t serial, int64_t now_ms)
{
	unsigned fresh = 0, all = 0;

	for (unsigned i = 0; i < META_ASKERS; i++) {
		const struct asked *a = &p->asked[i];

		if (a->serial == serial)
			return UINT_MAX;
		all += a->serial != 0;
		fresh += a->serial && now_ms - a->at_ms < META_SLOW_MS;
	}
	return p->sender || all == META_ASKERS ? UINT_MAX : fresh;
}

/* A piece that is under way at nobody, else one that is at one peer only. */
static struct piece *pick(struct meta_get *g, uint64_t serial, int64_t now_ms)
{
	struct piece *second = NULL;

	for (uint32_t i = 0; i < g->n_pieces; i++) {
		unsigned n = askers(&g->pieces[i], serial, now_ms);

		if (n == 0)
			return &g->pieces[i];
		if (n == 1 && !second)
			second = &g->pieces[i];
	}
	return second;
}

static void ask(struct piece *p, struct source *k, int64_t now_ms)
{
	struct asked *a = p->asked;

	while (a->serial)
		a++;
	*a = (struct asked){k->serial, now_ms};
	k->asked++;
}

bool meta_get_ask(struct meta_get *g, int64_t now_ms, uint64_t *serial,
		  uint32_t *piece)
{
	look_around(g, now_ms);
	if (g->done)
		return false;
	for (uint32_t i = 0; i < g->n_sources; i++) {
		struct source *k = &g->sources[i];
		struct piece *p;

		if (k->size != g->size || k->asked == META_ASKS ||
		    !may_ask(k, now_ms) || (g->sole && g->sole != k->serial))
			continue;
		p = pick(g, k->serial, now_ms);
		if (!p)
			continue;
		ask(p, k, now_ms);
		*serial = k->serial;
		*piece = (uint32_t)(p - g->pieces);
		return true;
	}
	return false;
}

/* ---- answers ---- */

static void accuse(struct meta_get *g, uint64_t serial)
{
	struct source *k = find(g, serial);

	for (uint32_t i = 0; i < g->n_liars; i++)
		if (g->liars[i] == serial)
			return;
	if (g->n_liars < META_PEERS_MAX)
		g->liars[g->n_liars++] = serial;
	if (k)
		drop_source(g, k);
}

/* The senders of the whole; true when it is one alone. */
static bool one_sender(const struct meta_get *g)
{
	for (uint32_t i = 1; i < g->n_pieces; i++)
		if (g->pieces[i].sender != g->pieces[0].sender)
			return false;
	return true;
}

static void keep_failed(struct meta_get *g)
{
	g->failed_senders = calloc(g->n_pieces, sizeof(*g->failed_senders));
	if (!g->failed_senders)
		return; /* then all are asked together again */
	for (uint32_t i = 0; i < g->n_pieces; i++)
		g->failed_senders[i] = g->pieces[i].sender;
	g->failed = g->blob;
	g->failed_size = g->size;
	g->blob = NULL;
}

/* Who sent a piece of the failed one that differs from the true one lied; of
 * another size all of it is false. */
static void judge(struct meta_get *g)
{
	uint32_t n = ut_metadata_pieces(g->failed_size);

	for (uint32_t i = 0; g->failed && i < n; i++) {
		size_t at = (size_t)i * UT_METADATA_PIECE;

		if (g->failed_size != g->size ||
		    memcmp(g->failed + at, g->blob + at,
			   ut_metadata_piece_len(g->size, i)) != 0)
			accuse(g, g->failed_senders[i]);
	}
	forget_failed(g);
}

static bool is_right(const struct meta_get *g)
{
	struct info_hash hash;
	struct hash32 hash_v2;

	if (g->v2) {
		sha256_once(hash_v2.bytes, g->blob, g->size);
		return memcmp(hash_v2.bytes, g->hash_v2.bytes,
			      sizeof(hash_v2.bytes)) == 0;
	}
	sha1_once(hash.bytes, g->blob, g->size);
	return info_hash_eq(&hash, &g->hash);
}

static enum meta_got finish(struct meta_get *g, int64_t now_ms)
{
	if (is_right(g)) {
		g->done = true;
		judge(g);
		return META_DONE;
	}
	if (one_sender(g))
		accuse(g, g->pieces[0].sender);
	else if (!g->failed)
		keep_failed(g);
	end_attempt(g);
	look_around(g, now_ms);
	return META_FAILED;
}

/* It answers in order: what waits behind this answer is not late. */
static void is_alive(struct meta_get *g, struct source *k, int64_t now_ms)
{
	k->pause_ms = META_PAUSE_MS;
	for (uint32_t i = 0; i < g->n_pieces && k->asked; i++)
		for (unsigned j = 0; j < META_ASKERS; j++)
			if (g->pieces[i].asked[j].serial == k->serial)
				g->pieces[i].asked[j].at_ms = now_ms;
}

enum meta_got meta_get_data(struct meta_get *g, int64_t now_ms, uint64_t serial,
			    uint32_t piece, uint32_t total, const uint8_t *data,
			    size_t len)
{
	struct source *k = find(g, serial);

	if (!k || g->done || k->size != g->size || piece >= g->n_pieces ||
	    !unask(g, k, piece))
		return META_USELESS;
	if ((total && total != k->size) ||
	    len != ut_metadata_piece_len(g->size, piece)) {
		drop_source(g, k);
		look_around(g, now_ms);
		return META_LIE;
	}
	if (g->pieces[piece].sender)
		return META_USELESS;
	memcpy(g->blob + (size_t)piece * UT_METADATA_PIECE, data, len);
	g->pieces[piece].sender = serial;
	is_alive(g, k, now_ms);
	return ++g->n_here == g->n_pieces ? finish(g, now_ms) : META_TAKEN;
}

enum meta_got meta_get_reject(struct meta_get *g, int64_t now_ms,
			      uint64_t serial, uint32_t piece)
{
	struct source *k = find(g, serial);

	if (!k || k->size != g->size || piece >= g->n_pieces ||
	    !unask(g, k, piece))
		return META_USELESS;
	unask_all(g, k);
	pause_source(k, now_ms);
	look_around(g, now_ms);
	return META_TAKEN;
}

bool meta_get_liar(struct meta_get *g, uint64_t *serial)
{
	if (g->n_liars == 0)
		return false;
	*serial = g->liars[--g->n_liars];
	return true;
}

const uint8_t *meta_get_info(const struct meta_get *g, size_t *len)
{
	*len = g->done ? g->size : 0;
	return g->done ? g->blob : NULL;
}

void meta_get_progress(const struct meta_get *g, uint32_t *have, uint32_t *size)
{
	uint64_t bytes = (uint64_t)g->n_here * UT_METADATA_PIECE;

	*size = g->size;
	*have = bytes < g->size ? (uint32_t)bytes : g->size;
}
