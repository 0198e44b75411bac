/* Whatever reads as a phrase, is written so that it reads as the same. */
#include "base/bip39.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[BIP39_INPUT_MAX + 8], again[BIP39_PHRASE_MAX];
	uint8_t a[BIP39_ENTROPY_MAX], b[BIP39_ENTROPY_MAX];
	size_t len, len2;

	if (size >= sizeof(text))
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (bip39_to_entropy(a, &len, text, NULL) != ERR_NONE)
		return 0;
	if (bip39_from_entropy(again, a, len, NULL) != ERR_NONE ||
	    bip39_to_entropy(b, &len2, again, NULL) != ERR_NONE ||
	    len != len2 || memcmp(a, b, len) != 0)
		abort();
	return 0;
}
