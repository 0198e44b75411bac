/* Hashes of blocks, told to who asks (BEP 52). Nobody keeps them: the piece is
 * hashed again, by ops->leaves, and what that costs is bounded for a peer and
 * for the swarm. One piece is hashed at a time, and the last one is kept for a
 * while: a peer asks for a large one in parts, and several ask for one that a
 * liar has sent them all. */
#include "wire/swarm/swarm_int.h"

#include "base/bits.h"
#include "base/merkle.h"

#include <stdlib.h>
#include <string.h>

struct want {
	uint64_t serial; /* who asks */
	uint32_t piece;
	struct hash_ask ask;
};

struct leaf_up {
	struct want wants[LEAF_WANTS_MAX];
	unsigned n;
	uint64_t cookie; /* of the piece that is being hashed; 0: none is */
	uint32_t hashing;
	struct merkle_tree *tree; /* of the last one; NULL: none */
	uint32_t piece;
	int64_t used_ms;
	int64_t spent; /* bytes hashed, see leaf_up_second() */
};

static void next(struct swarm *s);

static void answer(struct link *l, const struct hash_ask *ask)
{
	struct leaf_up *u = l->s->leaf_up;
	uint8_t body[HASH_MSG_MAX];

	u->used_ms = l->s->now_ms;
	/* what it does not read is not heaped up */
	if (l->peer.out.used > PEER_ARENA_PAUSE ||
	    !layers_answer_below(
		    l->s->layers, ask, u->tree,
		    (struct hash32 *)(void *)(body + HASH_ASK_LEN)))
		hash_refuse(l, ask);
	else
		hash_tell(l, ask, body);
}

/* Answers, or refuses, all that is asked of the piece. */
static void settle(struct swarm *s, uint32_t piece, bool good)
{
	struct leaf_up *u = s->leaf_up;
	unsigned kept = 0;

	for (unsigned i = 0; i < u->n; i++) {
		struct want *w = &u->wants[i];
		struct link *l = swarm_find_serial(s, w->serial);

		if (w->piece != piece)
			u->wants[kept++] = *w;
		else if (l && good)
			answer(l, &w->ask);
		else if (l)
			hash_refuse(l, &w->ask);
	}
	u->n = kept;
}

static void begin(struct swarm *s, struct link *l, uint32_t piece)
{
	struct leaf_up *u = s->leaf_up;
	uint32_t bytes = swarm_piece_bytes(s, piece);

	l->leaf_spent += bytes;
	u->spent += bytes;
	u->cookie = leaf_cookie(s, LEAF_COOKIE_UP);
	u->hashing = piece;
	if (s->cfg.ops->leaves(s->cfg.ctx, piece, u->cookie))
		return;
	u->cookie = 0;
	settle(s, piece, false);
}

static void next(struct swarm *s)
{
	struct leaf_up *u = s->leaf_up;

	while (u->cookie == 0 && u->n > 0) {
		struct link *l = swarm_find_serial(s, u->wants[0].serial);

		if (l)
			begin(s, l, u->wants[0].piece);
		else
			u->wants[0] = u->wants[--u->n];
	}
}

static unsigned wants_of(const struct leaf_up *u, const struct link *l)
{
	unsigned n = 0;

	for (unsigned i = 0; i < u->n; i++)
		n += u->wants[i].serial == l->peer.serial;
	return n;
}

bool leaf_up_take(struct link *l, const struct hash_ask *ask)
{
	struct swarm *s = l->s;
	struct leaf_up *u = s->leaf_up;
	uint32_t piece;

	if (!s->cfg.ops->leaves || !layers_below(s->layers, ask, &piece) ||
	    !bits_get(s->have, piece) || super_hides(l, piece))
		return false;
	if (!u && !(u = s->leaf_up = calloc(1, sizeof(*u))))
		return false;
	if (u->tree && u->piece == piece) {
		answer(l, ask);
		return true;
	}
	if (u->n == LEAF_WANTS_MAX || wants_of(u, l) == LEAF_WANTS_PEER ||
	    l->leaf_spent >= LEAF_PEER_BYTES || u->spent >= LEAF_SWARM_BYTES)
		return false;
	u->wants[u->n++] = (struct want){l->peer.serial, piece, *ask};
	next(s);
	return true;
}

void leaf_up_done(struct swarm *s, uint64_t cookie, const struct hash32 *leaves,
		  uint32_t n)
{
	struct leaf_up *u = s->leaf_up;

	if (!u || u->cookie != cookie)
		return;
	u->cookie = 0;
	merkle_tree_free(u->tree);
	u->piece = u->hashing;
	u->tree = leaves && bits_get(s->have, u->piece)
			  ? layers_leaf_tree(s->layers, u->piece, leaves, n)
			  : NULL;
	settle(s, u->piece, u->tree != NULL);
	next(s);
}

void leaf_up_lost(struct swarm *s, uint32_t piece)
{
	struct leaf_up *u = s->leaf_up;

	if (!u || u->piece != piece)
		return;
	merkle_tree_free(u->tree);
	u->tree = NULL;
}

void leaf_up_second(struct swarm *s)
{
	struct leaf_up *u = s->leaf_up;

	if (!u)
		return;
	u->spent -= u->spent < LEAF_SWARM_PER_S ? u->spent : LEAF_SWARM_PER_S;
	if (u->tree && s->now_ms - u->used_ms >= LEAF_KEEP_MS)
		leaf_up_lost(s, u->piece);
}

void leaf_up_clear(struct swarm *s)
{
	if (!s->leaf_up)
		return;
	merkle_tree_free(s->leaf_up->tree);
	free(s->leaf_up);
	s->leaf_up = NULL;
}
