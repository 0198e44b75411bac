/* What decodes, encoded again, gives the same bytes; no path in it leaves the
 * directory that it would be unpacked in. */
#include "storage/object/catalogue.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct catalogue *c;
	uint8_t *again;
	size_t len;

	if (catalogue_decode(&c, data, size, NULL) != ERR_NONE)
		return 0;
	for (uint32_t i = 0; i < c->entries_n; i++) {
		const char *path = c->entries[i].path;

		if (path[0] == '/' || strstr(path, "/../") ||
		    strncmp(path, "../", 3) == 0 ||
		    catalogue_find(c, path) != &c->entries[i])
			abort();
	}
	if (catalogue_encode(&again, &len, c, NULL) != ERR_NONE ||
	    len != size || memcmp(again, data, size) != 0)
		abort();
	free(again);
	catalogue_free(c);
	return 0;
}
