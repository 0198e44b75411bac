/* dump_encodings: signed transactions, receipts, agreements, offers and
 * addresses of a seeded stream, one JSON object a line, for crosscheck.mjs to
 * hold against ethers and tronweb.
 * usage: dump_encodings SEED COUNT */
#include "base/address.h"
#include "base/agreement.h"
#include "base/ecc.h"
#include "base/eip712.h"
#include "base/hex.h"
#include "base/rlp.h"
#include "base/rng.h"
#include "ledger/signer/evm_tx.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define DATA_MAX 600

static struct rng rng;

/* Lengths and numbers of every size, zero and the largest among them. */
static uint64_t number(unsigned bits)
{
	uint64_t v;

	rng_fill(&rng, &v, sizeof(v));
	v >>= rng_below(&rng, 64);
	return bits < 64 ? v & ((1ULL << bits) - 1) : v;
}

static struct amount amount112(void)
{
	return amount_from_parts(number(48) >> rng_below(&rng, 49), number(64));
}

static void put_hex(const char *name, const void *p, size_t len)
{
	static char text[HEX_LEN(DATA_MAX + EVM_TX_OVERHEAD)];

	(void)printf("\"%s\":\"0x%s\",", name, hex_encode(text, p, len));
}

static void put_amount(const char *name, struct amount a)
{
	char text[AMOUNT_DEC_MAX];

	(void)printf("\"%s\":\"%s\",", name, amount_to_dec(text, a, 0));
}

static void put_address(const char *name, const struct address *a)
{
	char evm[ADDRESS_TEXT_MAX], tron[ADDRESS_TEXT_MAX];

	(void)printf("\"%s\":\"%s\",\"%s_tron\":\"%s\",", name,
		     address_text(evm, a, ADDRESS_EVM), name,
		     address_text(tron, a, ADDRESS_TRON));
}

static void dump_tx(const struct ecc *ecc, const struct ecc_key *key)
{
	static uint8_t data[DATA_MAX], buf[DATA_MAX + EVM_TX_OVERHEAD];
	struct signer_tx_evm t = {.style = number(1) ? SIGNER_TX_1559
						     : SIGNER_TX_LEGACY,
				  .chain_id = 1 + number(31),
				  .nonce = number(53),
				  .max_fee = amount_from_u64(number(64)),
				  .gas = number(53),
				  .create = rng_below(&rng, 5) == 0,
				  .value = amount112(),
				  .data = data,
				  .data_len = rng_below(&rng, DATA_MAX)};
	struct hash32 digest;
	struct signer_tx sealed;
	struct ecc_sig sig;

	rng_fill(&rng, data, sizeof(data));
	if (!t.create)
		rng_fill(&rng, t.to.bytes, sizeof(t.to.bytes));
	if (t.style == SIGNER_TX_1559)
		t.tip = amount_from_u64(number(20));
	t.max_fee = amount_max(t.max_fee, t.tip);
	if (evm_tx_digest(&digest, &t, buf, sizeof(buf), NULL) != ERR_NONE)
		abort();
	sig = ecc_sign(ecc, key, &digest);
	if (evm_tx_seal(&sealed, &t, &sig, buf, sizeof(buf), NULL) != ERR_NONE)
		abort();
	(void)printf("\"type\":%d,\"chainId\":\"%" PRIu64
		     "\",\"nonce\":%" PRIu64 ",\"gas\":\"%" PRIu64
		     "\",\"create\":%s,",
		     (int)t.style, t.chain_id, t.nonce, t.gas,
		     t.create ? "true" : "false");
	put_amount("max", t.max_fee);
	put_amount("tip", t.tip);
	put_amount("value", t.value);
	put_address("to", &t.to);
	put_hex("data", data, t.data_len);
	put_hex("digest", digest.bytes, 32);
	put_hex("hash", sealed.hash.bytes, 32);
	put_hex("raw", sealed.raw, sealed.raw_len);
}

/* And gives its domain. */
static struct hash32 dump_receipt(const struct ecc *ecc,
				  const struct ecc_key *key,
				  const struct address *payer)
{
	uint64_t chain_id = 1 + number(53);
	struct address bank, payee;
	struct amount amount = amount112();
	struct hash32 domain, digest;
	struct ecc_sig sig;
	struct sig64 packed;

	rng_fill(&rng, bank.bytes, 20);
	rng_fill(&rng, payee.bytes, 20);
	domain = eip712_domain(chain_id, &bank);
	digest = eip712_receipt(&domain, payer, &payee, amount);
	sig = ecc_sign(ecc, key, &digest);
	packed = sig64_pack(&sig);
	(void)printf("\"r_chain\":\"%" PRIu64 "\",", chain_id);
	put_address("r_bank", &bank);
	put_address("r_payee", &payee);
	put_amount("r_amount", amount);
	put_hex("r_digest", digest.bytes, 32);
	put_hex("r_sig", packed.bytes, 64);
	return domain;
}

static struct address any_address(void)
{
	struct address a;

	rng_fill(&rng, a.bytes, sizeof(a.bytes));
	return a;
}

static struct hash32 any_hash(void)
{
	struct hash32 h;

	rng_fill(&rng, h.bytes, sizeof(h.bytes));
	return h;
}

/* Packed as for the wire and the bank, and its digest: crosscheck.mjs unpacks
 * it, so that every field's place is checked too. */
static void dump_agreement(const struct hash32 *domain)
{
	struct agreement a = {.renter = any_address(),
			      .host = any_address(),
			      .number = (uint32_t)number(32),
			      .revision = (uint32_t)number(32),
			      .root = any_hash(),
			      .sectors = (uint32_t)number(32),
			      .through = (uint32_t)number(32),
			      .earned = amount112(),
			      .rate = amount112(),
			      .start = (uint32_t)number(32),
			      .end = (uint32_t)number(32),
			      .span = (uint16_t)number(16),
			      .fund = amount112(),
			      .collateral = amount112(),
			      .penalty = amount112(),
			      .terms = any_hash()};
	struct hash32 digest = eip712_agreement(domain, &a);
	uint8_t buf[AGREEMENT_LEN];
	struct wr w = wr_into(buf, sizeof(buf));

	agreement_put(&w, &a);
	put_hex("agreement", buf, wr_len(&w));
	put_hex("agreement_digest", digest.bytes, 32);
}

static void dump_offers(const struct hash32 *domain)
{
	struct sheet s = {.host = any_address(),
			  .rent = amount112(),
			  .ingress = amount112(),
			  .egress = amount112(),
			  .collateral = amount112(),
			  .penalty = amount112(),
			  .min_periods = (uint32_t)number(32),
			  .max_periods = (uint32_t)number(32),
			  .span = (uint16_t)number(16),
			  .expires = number(64)};
	struct endpoint p = {.host = any_address(),
			     .port = (uint16_t)number(16),
			     .time = number(64)};
	uint8_t buf[SHEET_LEN];
	struct wr w = wr_into(buf, sizeof(buf));
	struct hash32 digest = eip712_sheet(domain, &s);

	sheet_put(&w, &s);
	put_hex("sheet", buf, wr_len(&w));
	put_hex("sheet_digest", digest.bytes, 32);
	rng_fill(&rng, p.ip, sizeof(p.ip));
	w = wr_into(buf, sizeof(buf));
	endpoint_put(&w, &p);
	digest = eip712_endpoint(domain, &p);
	put_hex("endpoint", buf, wr_len(&w));
	put_hex("endpoint_digest", digest.bytes, 32);
}

int main(int argc, char **argv)
{
	struct ecc *ecc = ecc_new(NULL);
	struct ecc_key key;
	struct address me, made;
	struct hash32 domain;
	uint64_t nonce;
	uint8_t bytes[32];
	int count = argc == 3 ? (int)strtol(argv[2], NULL, 10) : 0;

	if (!ecc || argc != 3)
		return 2;
	rng = rng_seeded(strtoull(argv[1], NULL, 10));
	for (int i = 0; i < count; i++) {
		do
			rng_fill(&rng, bytes, sizeof(bytes));
		while (ecc_key_read(&key, bytes, NULL) != ERR_NONE);
		me = ecc_address(ecc, &key);
		nonce = number(53);
		made = rlp_create_address(&me, nonce);
		(void)printf("{");
		put_hex("key", key.bytes, 32);
		put_address("me", &me);
		put_address("made", &made);
		dump_tx(ecc, &key);
		domain = dump_receipt(ecc, &key, &me);
		dump_agreement(&domain);
		dump_offers(&domain);
		(void)printf("\"made_nonce\":%" PRIu64 "}\n", nonce);
	}
	ecc_free(ecc);
	return 0;
}
