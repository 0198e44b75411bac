/* Anybody in the local network may say anything: what is read keeps within its
 * bounds, and is written and read again as the same. */
#include "wire/find/lsd.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct lsd_msg m, again;
	static char buf[LSD_BYTES_MAX];
	size_t len;

	if (lsd_decode(&m, data, size, NULL) != ERR_NONE)
		return 0;
	if (!m.port || !m.n_hashes || m.n_hashes > LSD_HEAR_MAX ||
	    strlen(m.cookie) > LSD_COOKIE_MAX)
		abort();
	if (strlen(m.cookie) != strcspn(m.cookie, "\r\n \t") ||
	    m.n_hashes > LSD_SAY_MAX)
		return 0; /* nothing that we would say */
	len = lsd_encode(buf, &m, LSD_GROUP4);
	if (len == 0 ||
	    lsd_decode(&again, (uint8_t *)buf, len, NULL) != ERR_NONE ||
	    again.port != m.port || again.n_hashes != m.n_hashes ||
	    memcmp(again.hashes, m.hashes, m.n_hashes * sizeof(m.hashes[0])) !=
		    0)
		abort();
	return 0;
}
