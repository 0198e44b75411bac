/* kept_items.h - values that others put here (BEP 44), two hours from the last
 * put; when all is full, the one that was not put for longest goes.
 * Thread: the loop.
 */
#ifndef WIRE_DHT_KEPT_ITEMS_H
#define WIRE_DHT_KEPT_ITEMS_H

#include "base/err.h"
#include "wire/dht/dht_item.h"

#include <stdint.h>

#define KEPT_ITEMS_MAX 2048U
#define KEPT_ITEMS_MS (2 * 60 * 60 * 1000)

struct kept_items;

/* ERR_NOMEM. */
enum err_code kept_items_new(struct kept_items **out, struct err *e);
void kept_items_free(struct kept_items *k);

/* Takes a good item (dht_item_read()). `cas`: NULL, or the sequence that must
 * stand there. Returns 0, or KRPC_CAS, KRPC_OLD_SEQ (an older sequence, or the
 * same with another value), KRPC_SERVER (no memory). */
int kept_items_put(struct kept_items *k, const struct dht_item *item,
		   const int64_t *cas, int64_t now_ms);
/* NULL: not there. Good until the next call that changes something. */
const struct dht_item *kept_items_get(const struct kept_items *k,
				      const struct dht_id *target,
				      int64_t now_ms);
void kept_items_expire(struct kept_items *k, int64_t now_ms);
size_t kept_items_count(const struct kept_items *k);

#endif
