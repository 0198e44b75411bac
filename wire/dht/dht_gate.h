/* dht_gate.h - who may ask a DHT node how much, and tokens (BEP 5).
 *
 * A token shows that who announces was told something at that address a short
 * while ago; it is a keyed hash of host and target, with a key that changes
 * every five minutes; the one before still counts. So nothing is kept of
 * anyone.
 *
 * Questions are held to a rate by host (IPv4 address, /64 of IPv6) and by
 * network (/24, /48; not one's own): what cannot be answered within it is
 * dropped without a word, so that nobody is flooded from forged addresses. Both
 * share slots by a keyed hash, 8,192 each. Thread: the loop.
 */
#ifndef WIRE_DHT_GATE_H
#define WIRE_DHT_GATE_H

#include "base/err.h"
#include "base/rng.h"
#include "wire/dht/dht_id.h"

#include <stdbool.h>
#include <stdint.h>

#define DHT_GATE_TOKEN_LEN 8U
#define DHT_GATE_BURST 60U /* questions of one host at once */
#define DHT_GATE_PER_S 15U /* and then */
#define DHT_GATE_NET_BURST 240U
#define DHT_GATE_NET_PER_S 60U
#define DHT_GATE_TOKEN_MS (5 * 60 * 1000)

struct dht_gate;

/* ERR_NOMEM. */
enum err_code dht_gate_new(struct dht_gate **out, struct rng *rng,
			   int64_t now_ms, struct err *e);
void dht_gate_free(struct dht_gate *g);

/* One question of this host more; false: too many. */
bool dht_gate_admits(struct dht_gate *g, const struct wire_addr *from,
		     int64_t now_ms);

void dht_gate_token(struct dht_gate *g, uint8_t out[DHT_GATE_TOKEN_LEN],
		    const struct wire_addr *to, const struct dht_id *target,
		    struct rng *rng, int64_t now_ms);
bool dht_gate_token_ok(struct dht_gate *g, const uint8_t *token, size_t len,
		       const struct wire_addr *from,
		       const struct dht_id *target, struct rng *rng,
		       int64_t now_ms);

#endif
