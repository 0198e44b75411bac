/* dht_saved.h - what a DHT node keeps over a restart: its ids, and nodes that
 * were there, as a bencoded file (id, id6: 20 bytes; nodes, nodes6: compact).
 *
 * Pure. Thread: any.
 */
#ifndef WIRE_DHT_SAVED_H
#define WIRE_DHT_SAVED_H

#include "wire/dht/dht.h"

#define DHT_SAVED_NODES 64U	  /* of a family */
#define DHT_SAVED_MAX (16U << 10) /* bytes of a file */

struct dht_saved {
	bool has_id[DHT_FAMILIES];
	struct dht_id id[DHT_FAMILIES];
	size_t count[DHT_FAMILIES];
	struct dht_contact nodes[DHT_FAMILIES][DHT_SAVED_NODES];
};

/* ERR_PARSE: no bencoded dictionary. What is odd in it is left out. */
enum err_code dht_saved_read(struct dht_saved *out, const uint8_t *buf,
			     size_t len, struct err *e);
/* Bytes written; DHT_SAVED_MAX are enough. */
size_t dht_saved_write(const struct dht_saved *s, uint8_t *buf, size_t cap);

#endif
