/* Whatever decodes as a request or a reply, encodes to the same bytes. */
#include "ledger/signer/signer_proto.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t again[SIGNER_FRAME_MAX + 8];
	static struct signer_strings strings;
	struct signer_request q;
	struct signer_reply p;
	uint32_t id;

	if (signer_request_decode(&q, &id, &strings, data, size, NULL) ==
	    ERR_NONE) {
		if (signer_request_encode(&q, id, again, sizeof(again)) !=
			    size ||
		    memcmp(again, data, size) != 0)
			abort();
	}
	if (signer_reply_decode(&p, &id, data, size, NULL) == ERR_NONE) {
		if (signer_reply_encode(&p, id, again, sizeof(again)) != size ||
		    memcmp(again, data, size) != 0)
			abort();
	}
	return 0;
}
