/* A message is read or refused within its bounds; what was read and is said
 * again reads as the same. */
#include "wire/peer/ut_metadata.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static void must(bool ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t buf[UT_METADATA_PIECE + UT_METADATA_DICT_MAX];
	struct ut_metadata_msg a, b;
	size_t len;

	if (ut_metadata_decode(&a, data, size, NULL) != ERR_NONE ||
	    a.type == UT_METADATA_OTHER)
		return 0;
	must(a.piece < ut_metadata_pieces(UT_METADATA_SIZE_MAX));
	must(a.total <= UT_METADATA_SIZE_MAX &&
	     a.data_len <= UT_METADATA_PIECE);
	if (a.type == UT_METADATA_DATA && a.total == 0)
		a.total = 1; /* as we always tell it */
	len = ut_metadata_encode(buf, sizeof(buf), &a);
	must(len > 0 && ut_metadata_decode(&b, buf, len, NULL) == ERR_NONE);
	must(a.type == b.type && a.piece == b.piece && a.total == b.total &&
	     a.data_len == b.data_len);
	must(a.data_len == 0 || memcmp(a.data, b.data, a.data_len) == 0);
	return 0;
}
