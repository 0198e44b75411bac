/* Whatever a node says that a probe returned: no answer is known that was not
 * in it, and nothing is read beyond it. Every question is asked once. */
#include "ledger/chain/tron_probe.h"

#include <stdlib.h>

#define ASKS (CHAIN_ASK_LIST + 1)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct chain_answer answers[ASKS];
	struct chain_ask asks[ASKS] = {{0}};
	struct tron_view at;

	for (size_t i = 0; i < ASKS; i++)
		asks[i].what = (enum chain_ask_what)i;
	if (tron_probe_read(&at, answers, asks, ASKS, data, size, NULL) ==
		    ERR_NONE &&
	    (size < 64 || !answers[CHAIN_ASK_ID].known ||
	     answers[CHAIN_ASK_ID].number != at.chain_id))
		abort();
	for (size_t i = 0; i < ASKS; i++) {
		if (answers[i].len > size ||
		    (answers[i].len && !answers[i].data))
			abort();
		free((void *)(uintptr_t)answers[i].data);
	}
	return 0;
}
