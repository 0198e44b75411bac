/* No answer of a TRON node crashes us or passes for what it is not: the first
 * byte picks the question, the rest is the HTTP body. */
#include "ledger/chain/tron_json.h"

#include <stdlib.h>
#include <string.h>

static void read_info(const json_t *v)
{
	static const struct hash32 txid = {{1}};
	static const struct address from;
	struct tron_info info;
	bool found;

	if (tron_get_info(&info, &found, &txid, &from, v, NULL) == ERR_NONE &&
	    found &&
	    (info.o.n_logs > CHAIN_MAX_LOGS || info.o.block == 0 ||
	     memcmp(&info.o.txid, &txid, sizeof(txid)) != 0))
		abort();
	tron_info_clear(&info);
}

static void read_constant(const json_t *v)
{
	struct tron_constant c;

	if (tron_get_constant(&c, v, NULL) == ERR_NONE && !c.ok &&
	    (!c.reason[0] || c.len > TRON_MAX_RETURN))
		abort();
	tron_constant_clear(&c);
}

static void read_values(const json_t *v, unsigned question)
{
	struct tron_resources r;
	struct tron_params p;
	struct tron_block b;
	struct amount balance;
	char why[160];
	bool found;

	switch (question % 6) {
	case 0:
		(void)tron_get_block(&b, &found, v, NULL);
		break;
	case 1:
		read_info(v);
		break;
	case 2:
		read_constant(v);
		break;
	case 3:
		(void)tron_get_account(&balance, &found, v, NULL);
		(void)tron_get_resources(&r, v, NULL);
		break;
	case 4:
		(void)tron_get_params(&p, v, NULL);
		break;
	case 5:
		(void)tron_get_sent(why, sizeof(why), v);
		if (strlen(why) >= sizeof(why))
			abort();
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *root = NULL;

	if (size < 1)
		return 0;
	if (tron_body_decode(&root, (const char *)data + 1, size - 1, NULL) ==
	    ERR_NONE)
		read_values(root, data[0]);
	json_decref(root);
	return 0;
}
