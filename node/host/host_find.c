/* How renters and other hosts find this one: in the DHT. */
#include "node/host/host_int.h"

#include "base/clock.h"
#include "node/rent/gossip.h"
#include "node/rent/rent_find.h"

/* Ourselves, as we are told of, too. */
static bool is_own(const struct host *h, const struct net_addr *addr)
{
	struct address me = renting_me(h->en->renting);
	struct endpoint_record rec;
	struct net_addr own;

	if (!endpoints_find(renting_peers(h->en->renting), &me, clock_unix_s(),
			    &rec))
		return false;
	net_addr_from_ip16(&own, rec.p.ip, rec.p.port);
	return net_addr_eq(&own, addr);
}

static void on_other(void *ctx, const struct net_addr *addr)
{
	struct host *h = ctx;

	if (h->gossip && !is_own(h, addr))
		gossip_meet(h->gossip, addr);
}

static void on_own_name(void *ctx, const struct net_addr *addr)
{
	(void)ctx; /* nobody else has it */
	(void)addr;
}

/* The port that `host-endpoint` names, when it is set: behind a router it may
 * be another than ours. */
static uint16_t told_port(const struct host *h)
{
	char ip[64];
	uint16_t port;

	if (!*h->conf.endpoint ||
	    options_split_endpoint(h->conf.endpoint, ip, sizeof(ip), &port,
				   NULL) != ERR_NONE)
		return 0;
	return port;
}

void find_start(struct host *h)
{
	struct address me = renting_me(h->en->renting);
	struct dht_topic_cfg cfg = {
		.announce = true,
		.port = told_port(h),
		.on_peer = on_other,
		.ctx = h,
	};
	struct err e = {0};
	enum err_code code = ERR_NONE;

	if (h->topics[0])
		return;
	code = rent_find_new(&h->topics[0], h->en, NULL, &cfg, &e);
	cfg.on_peer = on_own_name;
	if (code == ERR_NONE)
		code = rent_find_new(&h->topics[1], h->en, &me, &cfg, &e);
	if (code != ERR_NONE)
		host_alarm(h, false, "%s", e.msg);
}

void find_stop(struct host *h)
{
	for (int i = 0; i < 2; i++) {
		dht_topic_free(h->topics[i]);
		h->topics[i] = NULL;
	}
}
