/* ut_pex (BEP 11) in a swarm: who is told of whom, and what is believed.
 *
 * One table of all that came and left serves every peer: each is told what lies
 * behind the event up to which it was told before. */
#include "wire/peer/pex.h"
#include "wire/swarm/swarm_int.h"

#include <stdlib.h>
#include <string.h>

struct pex_known {
	struct wire_addr addr;
	struct link *link; /* NULL: it left */
	uint64_t joined, left;
};

bool link_endpoint(const struct link *l, struct wire_addr *out)
{
	*out = l->peer.cfg.addr;
	if (!l->peer.outgoing)
		out->port = l->listen_port;
	return wire_addr_possible(out);
}

/* ---- who is there ---- */

static void forget(struct swarm *s, uint32_t i)
{
	s->n_pex--;
	memmove(&s->pex[i], &s->pex[i + 1], (s->n_pex - i) * sizeof(s->pex[0]));
}

static void forget_addr(struct swarm *s, const struct wire_addr *a)
{
	for (uint32_t i = 0; i < s->n_pex; i++) {
		if (!s->pex[i].link && wire_addr_eq(&s->pex[i].addr, a)) {
			forget(s, i);
			return;
		}
	}
}

/* The one that came first of those that left. */
static bool forget_one(struct swarm *s)
{
	for (uint32_t i = 0; i < s->n_pex; i++) {
		if (!s->pex[i].link) {
			forget(s, i);
			return true;
		}
	}
	return false;
}

static bool make_room(struct swarm *s)
{
	uint32_t cap = s->cap_pex ? s->cap_pex * 2 : 16;
	struct pex_known *grown;

	if (s->n_pex < s->cap_pex)
		return true;
	if (cap > PEX_KNOWN_MAX)
		return forget_one(s);
	grown = realloc(s->pex, cap * sizeof(*grown));
	if (!grown)
		return false;
	s->pex = grown;
	s->cap_pex = cap;
	return true;
}

void pex_joined(struct link *l)
{
	struct swarm *s = l->s;
	struct pex_known k = {.link = l};

	if (!s->cfg.pex || !link_endpoint(l, &k.addr))
		return;
	forget_addr(s, &k.addr);
	if (!make_room(s))
		return;
	k.joined = ++s->pex_seq;
	s->pex[s->n_pex++] = k;
}

void pex_left(struct link *l)
{
	struct swarm *s = l->s;

	for (uint32_t i = 0; i < s->n_pex; i++) {
		if (s->pex[i].link == l) {
			s->pex[i].link = NULL;
			s->pex[i].left = ++s->pex_seq;
			return;
		}
	}
}

void pex_clear(struct swarm *s)
{
	free(s->pex);
	free(s->punch);
	s->pex = NULL;
	s->punch = NULL;
}

void swarm_peer_set_flags(struct peer *p, uint8_t flags)
{
	link_of(p)->pex_flags = flags & PEX_FLAGS;
}

void swarm_end_pex(struct swarm *s)
{
	s->cfg.pex = false;
	s->n_pex = s->n_punch = 0;
}

/* ---- what we tell ---- */

static uint8_t flags_of(const struct link *l)
{
	uint8_t flags = l->pex_flags;

	if (link_has_all(l) || l->upload_only)
		flags |= PEX_SEED;
	if (l->prefers_encryption)
		flags |= PEX_PREFERS_ENCRYPTION;
	if (l->ext_id[EXT_UT_HOLEPUNCH])
		flags |= PEX_HOLEPUNCH;
	if (l->peer.outgoing)
		flags |= PEX_REACHABLE;
	return flags;
}

/* An address of a private network means something else elsewhere. */
static bool may_tell(const struct link *l, const struct wire_addr *a)
{
	return !wire_addr_is_private(a) ||
	       wire_addr_is_private(&l->peer.cfg.addr);
}

static void gather_added(const struct link *l, struct pex_msg *m,
			 uint64_t *told)
{
	const struct swarm *s = l->s;

	for (uint32_t i = 0; i < s->n_pex; i++) { /* in the order of joining */
		const struct pex_known *k = &s->pex[i];

		if (!k->link || k->link == l || k->joined <= l->pex_told ||
		    !may_tell(l, &k->addr))
			continue;
		if (m->n_added == PEX_SAY_MAX)
			return;
		m->added[m->n_added++] =
			(struct pex_peer){k->addr, flags_of(k->link)};
		*told = k->joined;
	}
	*told = s->pex_seq;
}

static void gather_dropped(const struct link *l, struct pex_msg *m,
			   uint64_t told)
{
	const struct swarm *s = l->s;

	for (uint32_t i = 0; i < s->n_pex && m->n_dropped < PEX_SAY_MAX; i++) {
		const struct pex_known *k = &s->pex[i];

		if (!k->link && k->joined <= l->pex_told &&
		    k->left > l->pex_told && k->left <= told &&
		    may_tell(l, &k->addr))
			m->dropped[m->n_dropped++] = k->addr;
	}
}

void pex_second(struct link *l)
{
	struct pex_msg m = {0};
	uint8_t buf[PEX_BYTES_MAX];
	uint64_t told = l->pex_told;
	size_t len;

	if (!l->s->cfg.pex || !l->ext_id[EXT_UT_PEX] || !l->ready ||
	    l->pex_told == l->s->pex_seq || l->s->now_ms < l->pex_next_ms)
		return;
	gather_added(l, &m, &told);
	gather_dropped(l, &m, told);
	l->pex_told = told;
	if (!m.n_added && !m.n_dropped)
		return;
	len = pex_encode(buf, sizeof(buf), &m);
	l->pex_next_ms = l->s->now_ms + PEX_EVERY_MS;
	(void)peer_send_extended(&l->peer, l->ext_id[EXT_UT_PEX], buf, len);
}

/* ---- what we are told ---- */

/* False: it comes too soon, and is not looked at. */
static bool in_time(struct link *l)
{
	int64_t now = l->peer.now_ms;

	if (!l->pex_heard || now - l->pex_heard_ms >= PEX_LEAST_MS) {
		l->pex_heard_ms = now;
		l->pex_early = 0;
		return true;
	}
	if (++l->pex_early > PEX_EARLY_MAX)
		peer_shut(&l->peer, PEER_CLOSE_FLOOD, "ut_pex too often");
	else
		peer_nuisance(&l->peer, "ut_pex, too soon");
	return false;
}

/* Of one message: few of one address, and of one network. So a list made up to
 * lead us somewhere leads us to few places there. */
static bool is_one_too_many(const struct pex_msg *m, uint32_t at)
{
	const struct wire_addr *a = &m->added[at].addr;
	unsigned same_ip = 0, same_net = 0;

	for (uint32_t i = 0; i < at; i++) {
		const struct wire_addr *b = &m->added[i].addr;

		same_ip += memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
		same_net += wire_addr_same_net(a, b);
	}
	return same_ip >= PEX_SAME_IP ||
	       (same_net >= PEX_SAME_NET && !wire_addr_is_private(a));
}

void pex_take(struct link *l, const uint8_t *bytes, size_t len)
{
	const struct swarm *s = l->s;
	struct pex_msg m;
	struct err e = {0};
	uint32_t most;

	if (!s->cfg.pex) {
		peer_nuisance(&l->peer, "ut_pex of a private torrent");
		return;
	}
	if (!in_time(l))
		return;
	if (pex_decode(&m, bytes, len, &e) != ERR_NONE) {
		peer_shut(&l->peer, PEER_CLOSE_PROTOCOL, "%s", e.msg);
		return;
	}
	most = l->pex_heard ? PEX_TAKE_LATER : PEX_TAKE_FIRST;
	l->pex_heard = true;
	for (uint32_t i = 0; i < m.n_added && i < most; i++) {
		if (!may_tell(l, &m.added[i].addr) || is_one_too_many(&m, i))
			continue;
		if (m.added[i].flags & PEX_HOLEPUNCH)
			punch_note(l, &m.added[i].addr);
		if (s->cfg.ops->pex_peer)
			s->cfg.ops->pex_peer(s->cfg.ctx, &l->peer,
					     &m.added[i].addr,
					     m.added[i].flags);
	}
}
