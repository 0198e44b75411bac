/* Whatever reads as a provider's key is one header, and reads as the same. */
#include "ledger/chain/node_key.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char out[NODE_KEY_MAX], again[NODE_KEY_MAX];
	bool bare;

	if (size == 0)
		return 0;
	bare = data[0] & 1;
	if (node_key_parse(out, (const char *)data + 1, size - 1, bare, NULL) !=
	    ERR_NONE)
		return 0;
	if (strpbrk(out, "\r\n") || !strstr(out, ": ") ||
	    node_key_parse(again, out, strlen(out), bare, NULL) != ERR_NONE ||
	    strcmp(out, again) != 0)
		abort();
	return 0;
}
