/* No answer of a chain node crashes us or passes for what it is not: the first
 * byte picks the question, the rest is the HTTP body. */
#include "ledger/chain/evm_json.h"

#include <stdlib.h>

static void read_values(const json_t *v, unsigned question)
{
	static const struct hash32 txid;
	struct evm_receipt receipt;
	struct evm_block block;
	struct amount amount;
	uint8_t *data = NULL;
	uint8_t word[32];
	char words[32];
	bool found;
	size_t len;

	switch (question % 6) {
	case 0:
		(void)evm_get_block(&block, &found, v, NULL);
		break;
	case 1:
		if (evm_get_receipt(&receipt, &found, &txid, v, NULL) ==
			    ERR_NONE &&
		    found && receipt.o.n_logs > CHAIN_MAX_LOGS)
			abort();
		evm_receipt_clear(&receipt);
		break;
	case 2:
		(void)evm_get_tip(&amount, v, NULL);
		break;
	case 3:
		(void)evm_get_bytes(word, sizeof(word), v, NULL);
		break;
	case 4:
		(void)evm_get_amount(&amount, v, NULL);
		break;
	case 5:
		if (evm_get_data(&data, &len, 1024, v, NULL) == ERR_NONE) {
			chain_revert_words(words, sizeof(words), data, len);
			free(data);
		}
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct evm_reply r;
	size_t n;

	if (size < 1)
		return 0;
	n = data[0] & 0x80 ? 3 : 1;
	if (evm_reply_decode(&r, (const char *)data + 1, size - 1, 1, n, n > 1,
			     NULL) == ERR_NONE)
		for (size_t i = 0; i < n; i++) {
			if (r.answers[i].result)
				read_values(r.answers[i].result,
					    data[0] & 0x7fU);
			else
				(void)evm_send_meaning(r.answers[i].code,
						       r.answers[i].message);
		}
	evm_reply_clear(&r);
	return 0;
}
