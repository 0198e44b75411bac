/* Reading a tracker's answer never crashes and keeps within its bounds. */
#include "wire/find/announce.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct announce_reply r;

	if (announce_parse(&r, data, size, NULL) != ERR_NONE)
		return 0;
	if (r.peer_count > ANNOUNCE_MAX_PEERS || r.interval_s > 86400 ||
	    r.min_interval_s > 86400 || strlen(r.text) > 127 ||
	    r.tracker_id_len > ANNOUNCE_MAX_ID ||
	    (r.failed && (r.peer_count || r.interval_s)))
		abort();
	for (uint32_t i = 0; i < r.peer_count; i++)
		if (r.peers[i].port == 0)
			abort();
	return 0;
}
