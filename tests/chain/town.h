/* town.h - payers for tests against anvil: keys, coins, tokens, deposits. */
#ifndef TESTS_CHAIN_TOWN_H
#define TESTS_CHAIN_TOWN_H

#include "base/eip712.h"
#include "base/hash.h"
#include "contracts-abi/bank.h"
#include "contracts-abi/bank_abi.h"
#include "contracts-abi/token_abi.h"
#include "ledger/book/receipt.h"
#include "tests/chain/anvil.h"

#define PAYERS 200

struct town {
	struct bench b;
	struct anvil anvil;
	struct chain *ch;
	struct address token, bank;
	struct hash32 domain;
	struct ecc_key keys[PAYERS];
	struct address payers[PAYERS];
	struct got_tx g;
	struct got_read r;
};

/* A sector whose leaves are alike, so that a level's nodes are too: the path of
 * any leaf is one node of each level. */
ANVIL_FN void alike(uint8_t leaf[AGREEMENT_LEAF], struct hash32 path[11],
		    struct hash32 *root, uint8_t fill)
{
	uint8_t two[64];

	memset(leaf, fill, AGREEMENT_LEAF);
	sha256_once(root->bytes, leaf, AGREEMENT_LEAF);
	for (int i = 0; i < 11; i++) {
		path[i] = *root;
		memcpy(two, root->bytes, 32);
		memcpy(two + 32, root->bytes, 32);
		sha256_once(root->bytes, two, sizeof(two));
	}
}

/* One transaction of each payer, all in one HTTP body; anvil signs for them. */
ANVIL_FN void for_payers(struct town *t, const struct address *where,
			 size_t (*encode)(struct town *t, uint8_t *buf,
					  size_t i))
{
	struct node_text body = {0};
	json_t *answer, *hash;

	node_text_str(&body, "[");
	for (size_t i = 0; i < PAYERS; i++) {
		uint8_t data[256];
		struct chain_call call = {.from = t->payers[i],
					  .to = *where,
					  .data = data,
					  .len = encode(t, data, i)};

		if (i)
			node_text_str(&body, ",");
		evm_text_begin(&body, i, "eth_sendTransaction");
		evm_text_call(&body, &call);
		evm_text_end(&body);
	}
	node_text_str(&body, "]");
	answer = raw_post(&t->b, &t->anvil, body.s);
	hash = json_object_get(json_array_get(answer, PAYERS - 1), "result");
	if (!json_is_string(hash)) {
		char *text = json_dumps(json_array_get(answer, PAYERS - 1), 0);

		CHECK(false, "the last of %d: %s", PAYERS,
		      text ? text : "none");
		free(text);
	}
	json_decref(answer);
	node_text_clear(&body);
	raw_settle(&t->b, &t->anvil);
}

ANVIL_FN size_t encode_mint(struct town *t, uint8_t *buf, size_t i)
{
	struct wr w = wr_into(buf, 256);

	test_token_enc_mint(&w, &t->payers[i], amount_from_parts(100, 0));
	return wr_len(&w);
}

ANVIL_FN size_t encode_approve(struct town *t, uint8_t *buf, size_t i)
{
	struct wr w = wr_into(buf, 256);

	(void)i;
	erc20_enc_approve(&w, &t->bank, amount_from_parts(100, 0));
	return wr_len(&w);
}

ANVIL_FN size_t encode_deposit(struct town *t, uint8_t *buf, size_t i)
{
	struct wr w = wr_into(buf, 256);

	bank_enc_deposit(&w, &t->payers[i], amount_from_parts(100, 0));
	return wr_len(&w);
}

ANVIL_FN size_t encode_reserve(struct town *t, uint8_t *buf, size_t i)
{
	uint8_t promise[BANK_PROMISE_LEN];
	struct bank_promise p = {.payee = t->b.me,
				 .total = amount_from_parts(50, 0),
				 .until = UINT32_MAX};
	struct wr w = wr_into(promise, sizeof(promise));
	struct wr o = wr_into(buf, 256);

	(void)i;
	bank_put_promise(&w, &p);
	bank_enc_reserve(&o, promise, sizeof(promise));
	return wr_len(&o);
}

ANVIL_FN void make_payers(struct town *t)
{
	char one[128];

	for (size_t i = 0; i < PAYERS; i++) {
		uint8_t seed[2] = {(uint8_t)i, 0x5b};
		struct hash32 h = keccak256(seed, sizeof(seed));
		char hex[41];

		CHECK(ecc_key_read(&t->keys[i], h.bytes, NULL) == ERR_NONE,
		      "key %zu", i);
		t->payers[i] = ecc_address(t->b.ecc, &t->keys[i]);
		hex_encode(hex, t->payers[i].bytes, 20);
		(void)snprintf(one, sizeof(one),
			       "[\"0x%s\",\"0xde0b6b3a7640000\"]", hex);
		raw_do(&t->b, &t->anvil, "anvil_setBalance", one);
	}
	raw_do(&t->b, &t->anvil, "anvil_autoImpersonateAccount", "[true]");
}

ANVIL_FN void sign_receipt(struct town *t, struct receipt *r, size_t i,
			   struct amount amount)
{
	struct hash32 digest =
		eip712_receipt(&t->domain, &t->payers[i], &t->b.me, amount);
	struct ecc_sig sig = ecc_sign(t->b.ecc, &t->keys[i], &digest);
	struct sig64 packed = sig64_pack(&sig);

	*r = (struct receipt){.payer = t->payers[i], .amount = amount};
	memcpy(r->sig, packed.bytes, sizeof(r->sig));
}

/* Every payer gets coins and 100 << 64 units in the bank. */
ANVIL_FN void fill_purses(struct town *t)
{
	make_payers(t);
	for_payers(t, &t->token, encode_mint);
	for_payers(t, &t->token, encode_approve);
	for_payers(t, &t->bank, encode_deposit);
}

#endif
