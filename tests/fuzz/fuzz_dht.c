/* A DHT node that asks, searches and stores hears anything from anybody: it
 * never crashes, and sends no more than its bounds allow.
 *
 * Input: steps of 2 bytes (who speaks, and whether it answers what was asked
 * last; how much time goes by), 2 bytes length, the datagram. */
#include "wire/dht/dht.h"

#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

struct world {
	struct dht *dht;
	size_t heard; /* bytes of the datagram being fed; 0: none */
	uint8_t tid[KRPC_MAX_TID]; /* of the last question */
	size_t tid_len;
	struct wire_addr asked;
};

static void on_send(void *ctx, const struct wire_addr *to, const uint8_t *p,
		    size_t len)
{
	struct world *w = ctx;
	struct krpc_msg m;

	if (len == 0 || dht_place_of(to) == DHT_NOWHERE ||
	    krpc_read(&m, p, len, NULL) != ERR_NONE)
		abort();
	if (m.type != KRPC_QUERY) {
		if (len > DHT_MAX_ANSWER || len > w->heard * DHT_MAX_GAIN)
			abort();
		return;
	}
	memcpy(w->tid, m.tid.p, m.tid.len);
	w->tid_len = m.tid.len;
	w->asked = *to;
}

static struct wire_addr speaker(uint8_t who)
{
	struct wire_addr a = {.ip = {[10] = 0xff, [11] = 0xff}, .port = 6881};

	a.ip[12] = who & 0x40 ? 192 : 20;
	a.ip[13] = who & 0x40 ? 168 : 7;
	a.ip[14] = who & 0x0f;
	a.ip[15] = 1;
	if (who & 0x20) {
		memset(a.ip, 0, sizeof(a.ip));
		a.ip[0] = 0x2a;
		a.ip[4] = who & 0x0f;
	}
	return a;
}

/* The same message as an answer to what was asked last, if it is one. */
static size_t as_answer(const struct world *w, uint8_t *out, const uint8_t *p,
			size_t len)
{
	struct krpc_msg m;

	if (krpc_read(&m, p, len, NULL) != ERR_NONE || m.type == KRPC_QUERY ||
	    !w->tid_len)
		return 0;
	m.tid = (struct ben_view){w->tid, w->tid_len};
	return krpc_write(&m, out, KRPC_MAX);
}

static void hear(struct world *w, uint8_t who, const uint8_t *p, size_t len,
		 int64_t now)
{
	uint8_t buf[KRPC_MAX];
	struct wire_addr from = speaker(who);
	size_t n = who & 0x80 ? as_answer(w, buf, p, len) : 0;

	if (n)
		from = w->asked;
	w->heard = n ? n : len;
	dht_feed(w->dht, &from, n ? buf : p, w->heard, now);
	w->heard = 0;
}

static void begin(struct world *w)
{
	static const struct dht_item item = {.value = "1:a", .value_len = 3};
	struct dht_cfg cfg = {
		.rng = rng_seeded(1),
		.family = {true, true},
		.send = on_send,
		.ctx = w,
	};
	struct dht_search peers = {
		.aim = DHT_FIND_PEERS, .announce = true, .port = 1};
	struct dht_search put = {
		.aim = DHT_FIND_ITEM, .put = &item, .family = DHT_V6};

	memset(w, 0, sizeof(*w));
	if (dht_new(&w->dht, &cfg, 0, NULL) != ERR_NONE)
		abort();
	for (uint8_t i = 0; i < 0x80; i += 3) {
		struct wire_addr a = speaker(i);

		(void)dht_add_contact(w->dht, &a, NULL, 0);
	}
	dht_tick(w->dht, 0);
	(void)dht_start(w->dht, &peers, 0);
	(void)dht_start(w->dht, &put, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd r = rd_from(data, size);
	struct dht_status st;
	struct world w;
	int64_t now = 0;

	begin(&w);
	while (r.left && !r.bad) {
		uint8_t who = rd_u8(&r);
		uint8_t time = rd_u8(&r);
		uint16_t len = rd_u16(&r);
		const uint8_t *p;

		len = len < r.left ? len : (uint16_t)r.left;
		p = rd_view(&r, len, KRPC_MAX + 1);
		if (p)
			hear(&w, who, p, len, now);
		now += time * 40;
		if (time)
			dht_tick(w.dht, now);
	}
	st = dht_status(w.dht);
	if (st.asked > DHT_MAX_ASKED || st.searches > DHT_MAX_SEARCHES + 4)
		abort();
	dht_free(w.dht);
	return 0;
}
