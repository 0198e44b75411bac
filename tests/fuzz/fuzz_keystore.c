/* No bytes open as a key file but those that were sealed, and none crash it.
 * The cost that a file asks for is lowered first, or each run takes a second.
 */
#include "ledger/signer/keystore.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t least[8] = {0, 0, 0, 1, 0, 0, 0, 8};
	struct keystore *ks = NULL;
	char phrase[BIP39_PHRASE_MAX];
	uint8_t file[256];

	if (size > sizeof(file))
		return 0;
	memcpy(file, data, size);
	if (size >= 17 && (data[9] | data[10] | data[13]) == 0)
		memcpy(file + 9, least, sizeof(least));
	if (keystore_open(&ks, file, size, "fuzz", "file", NULL) == ERR_NONE) {
		if (keystore_can_store(ks) &&
		    keystore_phrase(ks, phrase, NULL) != ERR_NONE)
			__builtin_trap();
		keystore_free(ks);
	}
	return 0;
}
