/* kept_peers.h - who announced what to us (BEP 5): a list of peers for each
 * info hash and family, 8 bytes for an IPv4 peer and 20 for an IPv6 one.
 *
 * A peer is forgotten 45 minutes after it announced. When all is full, the info
 * hash that was not announced for longest goes; one host fills at most a small
 * part. Thread: the loop.
 */
#ifndef WIRE_DHT_KEPT_PEERS_H
#define WIRE_DHT_KEPT_PEERS_H

#include "base/err.h"
#include "base/rng.h"
#include "wire/dht/dht_id.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEPT_PEERS_MAX 100000U	   /* of all info hashes */
#define KEPT_PEERS_OF_ONE 1000U	   /* info hash and family */
#define KEPT_PEERS_OF_A_HOST 2000U /* and of those that share its slot */
#define KEPT_PEERS_MS (45 * 60 * 1000)

struct kept_peers;

/* ERR_NOMEM. */
enum err_code kept_peers_new(struct kept_peers **out, struct rng *rng,
			     struct err *e);
void kept_peers_free(struct kept_peers *k);

/* False: full for this info hash or host, or no memory. */
bool kept_peers_add(struct kept_peers *k, const struct dht_id *info_hash,
		    const struct wire_addr *peer, bool seed, int64_t now_ms);
/* Writes as many as fit into `cap` bytes as a bencoded list of compact
 * addresses (`values`), from a place by chance on. Returns its length, 0 when
 * there is none. */
size_t kept_peers_write(struct kept_peers *k, uint8_t *buf, size_t cap,
			const struct dht_id *info_hash, enum dht_family family,
			bool noseed, uint32_t chance, int64_t now_ms);
/* Forgets info hashes that nobody announces any more. */
void kept_peers_expire(struct kept_peers *k, int64_t now_ms);
/* Info hashes from a place by chance on (BEP 51); of both families. */
size_t kept_peers_sample(const struct kept_peers *k, struct dht_id *out,
			 size_t max, uint32_t chance);

size_t kept_peers_count(const struct kept_peers *k);	/* peers */
size_t kept_peers_torrents(const struct kept_peers *k); /* info hashes */
size_t kept_peers_bytes(const struct kept_peers *k);	/* of memory */

#endif
