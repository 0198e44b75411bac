/* An extension handshake is read or refused; what was read and is said again
 * reads as the same. */
#include "wire/peer/ext.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ext_handshake a, b;
	uint8_t buf[2 * EXT_HANDSHAKE_MAX];
	size_t len;

	if (ext_decode(&a, data, size, NULL) != ERR_NONE)
		return 0;
	for (unsigned i = 0; i < EXT_COUNT; i++) /* said under our numbers */
		a.id[i] = a.id[i] ? (uint8_t)i : 0;
	len = ext_encode(&a, buf, sizeof(buf));
	if (len == 0)
		return 0;
	if (ext_decode(&b, buf, len, NULL) != ERR_NONE ||
	    memcmp(a.id, b.id, sizeof(a.id)) != 0 || a.reqq != b.reqq ||
	    a.port != b.port || a.upload_only != b.upload_only ||
	    a.prefers_encryption != b.prefers_encryption ||
	    strcmp(a.client, b.client) != 0 || a.sb_pay_len != b.sb_pay_len ||
	    a.sb_store_len != b.sb_store_len ||
	    a.metadata_size != b.metadata_size)
		abort();
	return 0;
}
