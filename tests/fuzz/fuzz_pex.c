/* Reading a ut_pex message keeps within its bounds; what was read is written
 * and read again as the same. */
#include "wire/peer/pex.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pex_msg m, again;
	static uint8_t buf[64 * 1024];
	size_t len;

	if (pex_decode(&m, data, size, NULL) != ERR_NONE)
		return 0;
	if (m.n_added > PEX_HEAR_MAX || m.n_dropped > PEX_HEAR_MAX)
		abort();
	len = pex_encode(buf, sizeof(buf), &m);
	if (len == 0 || pex_decode(&again, buf, len, NULL) != ERR_NONE ||
	    again.n_added != m.n_added || again.n_dropped != m.n_dropped)
		abort();
	for (uint32_t i = 0; i < m.n_added; i++)
		if (!wire_addr_possible(&m.added[i].addr) ||
		    m.added[i].flags & ~PEX_FLAGS)
			abort();
	return 0;
}
