/* Decoding never crashes; what decodes, encodes, and that decodes to the same
 * value and the same bytes again (unknown keys are gone after the first). */
#include "ledger/pay/pay_msg.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pay_msg m, again;
	uint8_t one[PAY_MSG_ROOM], two[PAY_MSG_ROOM];
	size_t n;

	if (pay_msg_decode(&m, data, size, NULL) != ERR_NONE)
		return 0;
	n = pay_msg_encode(&m, one, sizeof(one));
	if (!n || n > size)
		abort();
	if (pay_msg_decode(&again, one, n, NULL) != ERR_NONE ||
	    pay_msg_encode(&again, two, sizeof(two)) != n ||
	    memcmp(one, two, n) != 0)
		abort();
	if (n == size && memcmp(one, data, n) != 0)
		abort();
	return 0;
}
