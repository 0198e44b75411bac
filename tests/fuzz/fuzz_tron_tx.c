/* Whatever decodes as a signed transaction encodes to the same bytes. */
#include "ledger/signer/tron_tx.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t again[TRON_TX_MAX];
	struct tron_tx t;
	struct ecc_sig sig;
	struct hash32 id, same;

	if (tron_tx_decode(&t, &sig, &id, data, size, NULL) != ERR_NONE)
		return 0;
	if (tron_tx_seal(&t, &sig, again, sizeof(again)) != size ||
	    memcmp(again, data, size) != 0 ||
	    tron_tx_id(&same, &t, again, sizeof(again), NULL) != ERR_NONE ||
	    memcmp(&same, &id, sizeof(id)) != 0)
		abort();
	return 0;
}
