/* What is read of ut_holepunch is written as the same bytes. */
#include "wire/peer/holepunch.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t buf[HOLEPUNCH_BYTES_MAX];
	struct holepunch m;

	if (holepunch_decode(&m, data, size, NULL) != ERR_NONE)
		return 0;
	/* an IPv4 address may come as a mapped IPv6 one, and is said as IPv4 */
	if (holepunch_encode(buf, &m) != size) {
		if (!wire_addr_is_v4(&m.addr))
			abort();
	} else if (memcmp(buf, data, size) != 0) {
		abort();
	}
	return 0;
}
