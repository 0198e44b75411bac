/* bench_dht.c - what a DHT node costs: CPU seconds for 100,000 questions of
 * each kind, from as many hosts, with 100,000 peers kept and a full table; and
 * the memory of these peers. Run by hand, in a release build. */
#include "wire/dht/dht.h"
#include "wire/dht/kept_peers.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define QUESTIONS 100000U
#define TORRENTS 5000U

static uint64_t sent, sent_bytes;
static uint8_t last[KRPC_MAX];
static size_t last_len;

static void count(void *ctx, const struct wire_addr *to, const uint8_t *p,
		  size_t len)
{
	(void)ctx;
	(void)to;
	sent++;
	sent_bytes += len;
	last_len = len;
	memcpy(last, p, len);
}

static double cpu_s(void)
{
	return (double)clock() / CLOCKS_PER_SEC;
}

static struct wire_addr host(uint32_t n)
{
	struct wire_addr a = {.port = (uint16_t)(1024 + n % 60000)};

	memcpy(a.ip, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
	a.ip[12] = (uint8_t)(20 + (n >> 20));
	a.ip[13] = (uint8_t)(n >> 12);
	a.ip[14] = (uint8_t)(n >> 4);
	a.ip[15] = (uint8_t)(n << 4 | 1);
	return a;
}

static struct dht_id target(uint32_t n)
{
	struct rng rng = rng_seeded(n % TORRENTS);
	struct dht_id id;

	rng_fill(&rng, id.bytes, sizeof(id.bytes));
	return id;
}

static size_t question(uint8_t *buf, enum krpc_method method, uint32_t n,
		       struct ben_view token)
{
	struct krpc_msg m = {
		.type = KRPC_QUERY,
		.method = method,
		.tid = {(const uint8_t *)"aa", 2},
		.has_id = true,
		.has_target = true,
		.target = target(n),
		.has_port = true,
		.port = 6881,
		.token = token,
	};
	struct rng rng = rng_seeded(n);

	rng_fill(&rng, m.id.bytes, sizeof(m.id.bytes));
	return krpc_write(&m, buf, KRPC_MAX);
}

/* Nodes that ask, and answer when they are asked back. */
static void fill_table(struct dht *d, int64_t *now)
{
	uint8_t buf[KRPC_MAX];

	for (uint32_t n = 0; n < 20000; n++) {
		struct wire_addr a = host(n);
		struct krpc_msg q;
		uint64_t before = sent;

		(void)dht_add_contact(d, &a, NULL, *now);
		dht_tick(d, *now);
		*now += 50;
		if (sent == before ||
		    krpc_read(&q, last, last_len, NULL) != ERR_NONE)
			continue;
		q.type = KRPC_ANSWER;
		q.id = target(n);
		memcpy(q.id.bytes, &n, 4);
		q.id.bytes[0] = (uint8_t)(n * 37);
		dht_feed(d, &a, buf, krpc_write(&q, buf, sizeof(buf)), *now);
	}
}

static void announce(struct dht *d, uint32_t n, int64_t now)
{
	uint8_t buf[KRPC_MAX];
	struct ben_view none = {NULL, 0};
	struct wire_addr a = host(n);
	struct krpc_msg r;
	size_t len = question(buf, KRPC_GET_PEERS, n, none);

	dht_feed(d, &a, buf, len, now);
	if (krpc_read(&r, last, last_len, NULL) != ERR_NONE)
		return;
	len = question(buf, KRPC_ANNOUNCE_PEER, n, r.token);
	dht_feed(d, &a, buf, len, now);
}

static void measure(struct dht *d, enum krpc_method method, int64_t *now)
{
	static uint8_t all[QUESTIONS][160];
	static size_t len[QUESTIONS];
	struct ben_view none = {NULL, 0};
	double before;

	for (uint32_t n = 0; n < QUESTIONS; n++) {
		uint8_t buf[KRPC_MAX];

		len[n] = question(buf, method, n, none);
		memcpy(all[n], buf, len[n]);
	}
	sent = sent_bytes = 0;
	before = cpu_s();
	for (uint32_t n = 0; n < QUESTIONS; n++) { /* 20,000 a second */
		struct wire_addr a = host(n);

		if (n % 20 == 0)
			dht_tick(d, ++*now);
		dht_feed(d, &a, all[n], len[n], *now);
	}
	before = cpu_s() - before;
	printf("%-18s %.3f CPU s for 100,000, %.0f a second; %llu answered, "
	       "%llu bytes each\n",
	       krpc_method_text(method), before, QUESTIONS / before,
	       (unsigned long long)sent,
	       (unsigned long long)(sent ? sent_bytes / sent : 0));
}

/* What costs most memory: an info hash for each peer. */
static void measure_memory(struct rng *rng, int64_t now)
{
	struct mallinfo2 before = mallinfo2();
	struct kept_peers *k;

	if (kept_peers_new(&k, rng, NULL) != ERR_NONE)
		return;
	for (uint32_t n = 0; n < QUESTIONS; n++) {
		struct wire_addr a = host(n);
		struct dht_id id = {.bytes = {(uint8_t)(n >> 16),
					      (uint8_t)(n >> 8), (uint8_t)n}};

		(void)kept_peers_add(k, &id, &a, false, now);
	}
	printf("%zu bytes for %zu peers of %zu info hashes, %zu with what "
	       "malloc adds\n",
	       kept_peers_bytes(k), kept_peers_count(k), kept_peers_torrents(k),
	       mallinfo2().uordblks - before.uordblks);
	kept_peers_free(k);
}

int main(void)
{
	static const enum krpc_method methods[] = {KRPC_PING, KRPC_FIND_NODE,
						   KRPC_GET_PEERS, KRPC_GET,
						   KRPC_SAMPLE};
	struct dht_cfg cfg = {
		.rng = rng_system(), .family = {true, false}, .send = count};
	int64_t now = 1000000;
	struct dht_status st;
	struct kept_peers *k;
	struct dht *d;

	if (dht_new(&d, &cfg, now, NULL) != ERR_NONE ||
	    kept_peers_new(&k, &cfg.rng, NULL) != ERR_NONE)
		return 1;
	fill_table(d, &now);
	for (uint32_t n = 0; n < QUESTIONS; n++) {
		struct wire_addr a = host(n);
		struct dht_id id = target(n);

		if (n % 20 == 0)
			now++;
		announce(d, n, now);
		(void)kept_peers_add(k, &id, &a, false, now);
	}
	st = dht_status(d);
	printf("%zu nodes known, %zu peers of %zu info hashes kept\n",
	       st.nodes[DHT_V4], st.peers, st.torrents);
	printf("%zu bytes for %zu peers\n", kept_peers_bytes(k),
	       kept_peers_count(k));
	measure_memory(&cfg.rng, now);
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		measure(d, methods[i], &now);
	kept_peers_free(k);
	dht_free(d);
	return 0;
}
