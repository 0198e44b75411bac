/* What decodes, encoded again, gives the same bytes; nothing crashes. The first
 * byte says which of the two contents, or an envelope as a host checks it. */
#include "storage/object/placement.h"
#include "storage/object/record.h"

#include <stdlib.h>
#include <string.h>

static void owner(const uint8_t *data, size_t size)
{
	struct placement *p;
	uint8_t *again;
	size_t len;

	if (placement_decode(&p, data, size, NULL) != ERR_NONE)
		return;
	if (placement_encode(&again, &len, p, NULL) != ERR_NONE ||
	    len != size || memcmp(again, data, size) != 0)
		abort();
	free(again);
	placement_free(p);
}

static void steward(const uint8_t *data, size_t size)
{
	struct placement_addition *a;
	struct placement *p;
	uint8_t *again;
	size_t len, n;

	if (placement_additions_decode(&a, &n, data, size, NULL) != ERR_NONE)
		return;
	if (placement_new(&p, 2, 3, 2, NULL) != ERR_NONE)
		abort();
	if (placement_merge(p, a, n) > 6UL * PLACEMENT_PLACES_MAX)
		abort();
	placement_free(p);
	if (placement_additions_encode(&again, &len, a, n, NULL) != ERR_NONE ||
	    len != size || memcmp(again, data, size) != 0)
		abort();
	free(again);
	free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct record_head h;

	if (size == 0)
		return 0;
	if (data[0] == 0)
		owner(data + 1, size - 1);
	else if (data[0] == 1)
		steward(data + 1, size - 1);
	else if (record_check(&h, data + 1, size - 1, NULL) == ERR_NONE &&
		 h.sequence == 0)
		abort();
	return 0;
}
