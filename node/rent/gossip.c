#include "node/rent/gossip.h"

#include "base/clock.h"
#include "node/core/engine.h"
#include "node/rent/rent_peer.h"
#include "node/rent/renting.h"

#include <stdlib.h>

#define ROUND_FIRST_MS 2000 /* after the start; then twice as long */
#define ROUND_LAST_MS 600000
#define ASK_RANDOM 3U
#define ASK_MAX 16U

struct asking {
	struct gossip *gossip;
	struct rent_peer *peer;
	struct rent_call *call; /* NULL: none */
};

struct gossip {
	struct engine *engine;
	struct rent_peers *peers;
	struct loop_timer *timer;
	int64_t wait_ms;
	struct asking asking[ASK_MAX];
	unsigned n;
};

static struct endpoints *records_of(struct engine *en)
{
	return renting_peers(en->renting);
}

void gossip_tell(struct engine *en, struct rent_client *c)
{
	uint8_t nodes[GOSSIP_NODES * RENT_NODE_LEN];
	size_t n = endpoints_answer(records_of(en), nodes, GOSSIP_NODES,
				    clock_unix_s());

	if (n)
		rent_client_tell(c, nodes, n);
}

static void on_nodes(void *ctx, const struct rent_result *r)
{
	struct asking *a = ctx;
	struct engine *en = a->gossip->engine;
	struct address host = rent_peer_host(a->peer);
	struct endpoint_record rec, teller;
	struct rent_net from, *known = NULL;

	a->call = NULL;
	if (r->fate != RENT_DONE)
		return;
	if (endpoints_find(records_of(en), &host, clock_unix_s(), &teller)) {
		from = rent_net_of(teller.p.ip);
		known = &from;
	}
	for (size_t i = 0; i + RENT_NODE_LEN <= r->len; i += RENT_NODE_LEN) {
		endpoint_record_get(&rec, r->data + i);
		(void)endpoints_take(records_of(en), &rec, known,
				     clock_unix_s());
	}
	gossip_tell(en, rent_peer_client(a->peer));
}

static void ask(struct gossip *g, struct rent_peer *p)
{
	struct asking *a = &g->asking[g->n];

	if (!p || g->n == ASK_MAX || rent_peer_is_gone(p))
		return;
	*a = (struct asking){.gossip = g, .peer = p};
	a->call = rent_call_peers(rent_peer_client(p), RENT_NODES_MAX, on_nodes,
				  a, NULL);
	if (!a->call)
		return;
	g->n++;
	rent_peer_wake(p);
}

static void ask_named(struct gossip *g)
{
	const char *text;
	struct net_addr at;
	char ip[64];
	uint16_t port;

	for (size_t i = 0; (text = engine_list_at(g->engine, "host-peer", i));
	     i++)
		if (options_split_endpoint(text, ip, sizeof(ip), &port, NULL) ==
			    ERR_NONE &&
		    net_addr_from_ip(&at, ip, port))
			ask(g, rent_peers_at(g->peers, &at));
}

static bool is_asked(const struct gossip *g, const struct rent_peer *p)
{
	for (unsigned i = 0; i < g->n; i++)
		if (g->asking[i].peer == p)
			return true;
	return false;
}

void gossip_meet(struct gossip *g, const struct net_addr *at)
{
	struct rent_peer *p =
		g->n < ASK_MAX ? rent_peers_at(g->peers, at) : NULL;

	if (p && !is_asked(g, p))
		ask(g, p);
}

static void ask_random(struct gossip *g)
{
	uint8_t nodes[(ASK_RANDOM + 1) * RENT_NODE_LEN];
	struct address me = renting_me(g->engine->renting);
	size_t n = endpoints_answer(records_of(g->engine), nodes,
				    ASK_RANDOM + 1, clock_unix_s());

	for (size_t i = 0; i < n; i++) {
		struct endpoint_record rec;

		endpoint_record_get(&rec, nodes + i * RENT_NODE_LEN);
		if (!address_eq(&rec.p.host, &me))
			ask(g, rent_peers_get(g->peers, &rec.p.host, false));
	}
}

static void drop_calls(struct gossip *g)
{
	for (unsigned i = 0; i < g->n; i++)
		if (g->asking[i].call)
			rent_call_cancel(g->asking[i].call);
	g->n = 0;
}

static void on_timer(void *ctx)
{
	struct gossip *g = ctx;

	drop_calls(g);
	ask_named(g);
	ask_random(g);
	loop_timer_set(g->timer, g->wait_ms);
	g->wait_ms =
		g->wait_ms * 2 > ROUND_LAST_MS ? ROUND_LAST_MS : g->wait_ms * 2;
}

enum err_code gossip_start(struct gossip **out, struct engine *en,
			   struct err *e)
{
	struct gossip *g = calloc(1, sizeof(*g));
	enum err_code code = ERR_NONE;

	if (!g)
		return err_fail(e, ERR_NOMEM, "gossip");
	g->engine = en;
	g->wait_ms = ROUND_FIRST_MS * 2;
	g->timer = loop_timer_new(en->loop, on_timer, g);
	code = g->timer ? rent_peers_new(&g->peers, en, e)
			: err_fail(e, ERR_NOMEM, "gossip");
	if (code != ERR_NONE) {
		gossip_free(g);
		return code;
	}
	loop_timer_set(g->timer, ROUND_FIRST_MS);
	*out = g;
	return ERR_NONE;
}

void gossip_free(struct gossip *g)
{
	if (!g)
		return;
	drop_calls(g);
	rent_peers_free(g->peers);
	loop_timer_free(g->timer);
	free(g);
}
