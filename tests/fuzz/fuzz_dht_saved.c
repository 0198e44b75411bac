/* Reading the file of a DHT node never crashes, and what was read comes back.
 */
#include "wire/dht/dht_saved.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct dht_saved a, b;
	static uint8_t buf[DHT_SAVED_MAX];
	size_t len;

	if (dht_saved_read(&a, data, size, NULL) != ERR_NONE)
		return 0;
	len = dht_saved_write(&a, buf, sizeof(buf));
	if (!len || dht_saved_read(&b, buf, len, NULL) != ERR_NONE)
		abort();
	for (int f = 0; f < 2; f++) {
		if (a.has_id[f] != b.has_id[f] || a.count[f] != b.count[f] ||
		    a.count[f] > DHT_SAVED_NODES)
			abort();
		for (size_t i = 0; i < a.count[f]; i++)
			if (!dht_id_eq(&a.nodes[f][i].id, &b.nodes[f][i].id) ||
			    !dht_addr_eq(&a.nodes[f][i].addr,
					 &b.nodes[f][i].addr))
				abort();
	}
	return 0;
}
