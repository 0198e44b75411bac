/* ut_holepunch (BEP 55) in a swarm: relaying for others, being told to connect,
 * and asking for it. */
#include "wire/peer/holepunch.h"
#include "wire/swarm/swarm_int.h"

#include <stdlib.h>

static void say(struct link *l, enum holepunch_type type,
		const struct wire_addr *addr, enum holepunch_error error)
{
	const struct holepunch m = {type, *addr, error};
	uint8_t buf[HOLEPUNCH_BYTES_MAX];
	size_t len = holepunch_encode(buf, &m);

	(void)peer_send_extended(&l->peer, l->ext_id[EXT_UT_HOLEPUNCH], buf,
				 len);
}

/* PUNCH_BURST at once, one more every PUNCH_EVERY_MS: what a peer asks of us
 * must not make us say more than it could by itself. */
static bool may(int64_t *full_ms, int64_t now_ms)
{
	if (*full_ms - now_ms > (PUNCH_BURST - 1) * PUNCH_EVERY_MS)
		return false;
	*full_ms = (*full_ms > now_ms ? *full_ms : now_ms) + PUNCH_EVERY_MS;
	return true;
}

static struct link *find_at(const struct swarm *s, const struct wire_addr *a)
{
	for (uint32_t i = 0; i < s->n_links; i++) {
		struct link *l = s->links[i];
		struct wire_addr at;

		if (l->ready && !l->peer.closed &&
		    ((link_endpoint(l, &at) && wire_addr_eq(&at, a)) ||
		     wire_addr_eq(&l->peer.cfg.addr, a)))
			return l;
	}
	return NULL;
}

/* `l` wants to be connected with whom we are connected to. */
static void relay(struct link *l, const struct wire_addr *target)
{
	struct link *to = find_at(l->s, target);
	struct wire_addr from;

	if (!wire_addr_possible(target) || to == l) {
		say(l, HOLEPUNCH_ERROR, target, HOLEPUNCH_NO_SUCH_PEER);
	} else if (!to || !link_endpoint(l, &from)) {
		say(l, HOLEPUNCH_ERROR, target, HOLEPUNCH_NOT_CONNECTED);
	} else if (!to->ext_id[EXT_UT_HOLEPUNCH]) {
		say(l, HOLEPUNCH_ERROR, target, HOLEPUNCH_NO_SUPPORT);
	} else if (may(&to->punch_to_ms, l->s->now_ms)) {
		say(to, HOLEPUNCH_CONNECT, &from, HOLEPUNCH_OK);
		say(l, HOLEPUNCH_CONNECT, target, HOLEPUNCH_OK);
	}
}

/* A peer says where to connect to. Anybody may be there, so it is not done
 * often; and not when they are connected already (BEP 55). */
static void told_to_connect(struct link *l, const struct wire_addr *to)
{
	struct swarm *s = l->s;

	if (!s->cfg.ops->holepunch || !wire_addr_possible(to) ||
	    (wire_addr_is_private(to) &&
	     !wire_addr_is_private(&l->peer.cfg.addr)) ||
	    find_at(s, to) || !may(&s->punch_ms, s->now_ms))
		return;
	s->cfg.ops->holepunch(s->cfg.ctx, to);
}

void punch_take(struct link *l, const uint8_t *bytes, size_t len)
{
	struct holepunch m;

	/* also what the others call an error needs no answer */
	peer_nuisance(&l->peer, "ut_holepunch");
	if (l->peer.closed || !l->s->cfg.pex || !l->ext_id[EXT_UT_HOLEPUNCH] ||
	    holepunch_decode(&m, bytes, len, NULL) != ERR_NONE ||
	    !may(&l->punch_from_ms, l->s->now_ms))
		return;
	switch (m.type) {
	case HOLEPUNCH_RENDEZVOUS:
		relay(l, &m.addr);
		break;
	case HOLEPUNCH_CONNECT:
		told_to_connect(l, &m.addr);
		break;
	case HOLEPUNCH_ERROR:
		break;
	}
}

/* ---- asking for it ---- */

void punch_note(const struct link *l, const struct wire_addr *addr)
{
	struct swarm *s = l->s;

	if (!s->punch)
		s->punch = calloc(PUNCH_KNOWN, sizeof(*s->punch));
	if (!s->punch)
		return;
	s->punch[s->n_punch++ % PUNCH_KNOWN] =
		(struct punch){*addr, l->peer.serial};
}

bool swarm_holepunch(struct swarm *s, int64_t now_ms,
		     const struct wire_addr *target)
{
	uint32_t n = s->n_punch < PUNCH_KNOWN ? s->n_punch : PUNCH_KNOWN;
	bool said = false;

	swarm_enter(s, now_ms);
	for (uint32_t i = 0; i < n && !said; i++) {
		struct punch *k = &s->punch[i];
		struct link *l = wire_addr_eq(&k->addr, target)
					 ? swarm_find_serial(s, k->teller)
					 : NULL;

		if (!l || !l->ready || !l->ext_id[EXT_UT_HOLEPUNCH])
			continue;
		say(l, HOLEPUNCH_RENDEZVOUS, target, HOLEPUNCH_OK);
		k->teller = 0; /* once */
		said = true;
	}
	swarm_leave(s);
	return said;
}
