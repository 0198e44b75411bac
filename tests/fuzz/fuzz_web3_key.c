/* A Web3 file of a stranger's making crashes nothing; a key that comes out of
 * one is a key. Costs are dear by design, so numbers of four digits and more
 * are left to the table test. */
#include "ledger/signer/web3_key.h"

#include <string.h>

#define FILE_MAX 4096

static bool is_dear(const uint8_t *data, size_t size)
{
	size_t digits = 0;
	bool number = false;

	for (size_t i = 0; i < size; i++) {
		bool digit = data[i] >= '0' && data[i] <= '9';

		if (data[i] == ':' || (number && data[i] <= ' '))
			number = true;
		else if (!digit)
			number = false;
		digits = number && digit ? digits + 1 : 0;
		if (digits > 3)
			return true;
	}
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t none[32];
	struct ecc_key key = {0};

	if (size > FILE_MAX || is_dear(data, size))
		return 0;
	if (web3_key_open(&key, (const char *)data, size, "file", NULL) ==
		    ERR_NONE &&
	    memcmp(&key, none, sizeof(none)) == 0)
		__builtin_trap();
	return 0;
}
