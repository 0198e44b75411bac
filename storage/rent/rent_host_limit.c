#include "storage/rent/rent_host_int.h"

#include <string.h>

#define MINUTE_MS 60000

static bool can_go(const struct rent_host *h, const struct rent_net_entry *n)
{
	return !n->used ||
	       (n->sessions == 0 && h->now_ms - n->used_ms >= NET_FORGET_MS);
}

/* The entry of this network, a fresh one, or NULL: its sessions are too many,
 * or too many networks were here within the minute. */
struct rent_net_entry *limit_enter(struct rent_host *h,
				   const struct rent_net *net)
{
	struct rent_net_entry *n = NULL, *fresh = NULL;

	for (uint32_t i = 0; i < NETS && !n; i++) {
		struct rent_net_entry *at = &h->nets[i];

		if (at->used && memcmp(&at->net, net, sizeof(*net)) == 0)
			n = at;
		else if (!fresh && can_go(h, at))
			fresh = at;
	}
	if (!n && fresh) {
		n = fresh;
		memset(n, 0, sizeof(*n));
		n->used = true;
		n->net = *net;
		n->minute = -1;
		n->tokens = 2 * RENT_TOKENS_PER_S * RENT_NET_TIMES;
		n->tokens_ms = h->now_ms;
	}
	if (!n || n->sessions >= h->cfg.net_sessions)
		return NULL;
	n->sessions++;
	n->used_ms = h->now_ms;
	return n;
}

void limit_leave(struct rent_host *h, struct rent_net_entry *n)
{
	n->sessions--;
	n->used_ms = h->now_ms;
}

/* Looking at a signature is what a stranger can make us do: so many a minute.
 */
bool limit_hello(struct rent_host *h, struct rent_net_entry *n)
{
	int64_t minute = h->now_ms / MINUTE_MS;

	if (minute != h->hello_minute) {
		h->hello_minute = minute;
		h->hellos = 0;
	}
	if (minute != n->minute) {
		n->minute = minute;
		n->hellos = 0;
	}
	if (h->hellos >= h->cfg.all_hellos || n->hellos >= h->cfg.net_hellos)
		return false;
	h->hellos++;
	n->hellos++;
	return true;
}

static void give(uint32_t *tokens, uint64_t more, uint32_t per_s)
{
	more += *tokens;
	*tokens = more < 2 * per_s ? (uint32_t)more : 2 * per_s;
}

/* A bucket of two seconds' worth. What is less than a token stays in the time.
 */
static void fill(uint32_t *tokens, int64_t *since_ms, int64_t now_ms,
		 uint32_t per_s)
{
	int64_t passed = now_ms - *since_ms;
	uint64_t more;

	if (passed <= 0)
		return;
	if (passed >= 2000) {
		*tokens = 2 * per_s;
		*since_ms = now_ms;
		return;
	}
	more = (uint64_t)passed * per_s / 1000;
	*since_ms += (int64_t)(more * 1000 / per_s);
	give(tokens, more, per_s);
}

void limit_give(struct rent_session *s, uint32_t cost)
{
	give(&s->tokens, cost, RENT_TOKENS_PER_S);
	give(&s->net->tokens, cost, RENT_TOKENS_PER_S * RENT_NET_TIMES);
}

bool limit_take(struct rent_session *s, uint32_t cost)
{
	struct rent_net_entry *n = s->net;
	int64_t now = s->h->now_ms;

	fill(&s->tokens, &s->tokens_ms, now, RENT_TOKENS_PER_S);
	fill(&n->tokens, &n->tokens_ms, now,
	     RENT_TOKENS_PER_S * RENT_NET_TIMES);
	if (s->tokens < cost || n->tokens < cost)
		return false;
	s->tokens -= cost;
	n->tokens -= cost;
	return true;
}
