/* dht_id.h - names and places in the DHT: 160-bit ids under the XOR metric
 * (BEP 5), ids that follow from an address (BEP 42), compact addresses of both
 * families (BEP 32), and which addresses anybody can have.
 *
 * Plain values and pure functions. Thread: any.
 */
#ifndef WIRE_DHT_ID_H
#define WIRE_DHT_ID_H

#include "base/rng.h"
#include "wire/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DHT_ID_LEN 20U
#define DHT_ID_BITS 160U

struct dht_id { /* a node's, an info hash, an item's target */
	uint8_t bytes[DHT_ID_LEN];
};

enum dht_family { DHT_V4, DHT_V6 };
#define DHT_FAMILIES 2U

enum dht_place {
	DHT_NOWHERE, /* port 0, unspecified, multicast, broadcast: nobody */
	DHT_LOCAL, /* loopback, private, link-local: ids are exempt (BEP 42) */
	DHT_PUBLIC,
};

bool dht_id_eq(const struct dht_id *a, const struct dht_id *b);
/* < 0: a is nearer to the target than b; 0: the same id. */
int dht_id_nearer(const struct dht_id *target, const struct dht_id *a,
		  const struct dht_id *b);
/* How many leading bits are the same, 0 .. 160. */
unsigned dht_id_prefix(const struct dht_id *a, const struct dht_id *b);

/* An id that BEP 42 gives to this address, the rest by chance; for an address
 * that is not public all is by chance. */
struct dht_id dht_id_for(const uint8_t ip[16], struct rng *rng);
/* Is it one that the address may have? Always for local addresses. */
bool dht_id_fits(const struct dht_id *id, const uint8_t ip[16]);

enum dht_family dht_family_of(const struct wire_addr *a);
enum dht_place dht_place_of(const struct wire_addr *a);
bool dht_addr_eq(const struct wire_addr *a, const struct wire_addr *b);
/* One household: the same IPv4 address, the same /64 of IPv6. */
bool dht_same_host(const struct wire_addr *a, const struct wire_addr *b);
/* One operator, likely: the same /24 of IPv4, the same /48 of IPv6. */
bool dht_same_net(const struct wire_addr *a, const struct wire_addr *b);

/* "Compact" bytes of an address: 4 or 16, then the port. */
size_t dht_compact_len(enum dht_family family); /* 6 or 18 */
void dht_compact_write(uint8_t *out, const struct wire_addr *a);
struct wire_addr dht_compact_read(const uint8_t *p, enum dht_family family);

#endif
