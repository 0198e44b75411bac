/* Vectors: the example of EIP-155; the others as ethers 6 signs them. */
#include "ledger/signer/evm_tx.h"
#include "tests/base/vec.h"
#include "tests/check.h"

#define KEY "4646464646464646464646464646464646464646464646464646464646464646"
#define BANK "8ba1f109551bd432803012645ac136ddd64dba72"

static const struct {
	const char *name;
	enum signer_tx_style style;
	uint64_t chain_id, nonce, max_fee, tip, gas;
	const char *to; /* NULL: create */
	uint64_t value_hi, value_lo;
	size_t data_len;
	const char *data, *digest, *hash;
	size_t raw_len;
	const char *raw;
} rows[] = {
	{"EIP-155's example", SIGNER_TX_LEGACY, 1, 9, 20000000000U, 0, 21000,
	 "3535353535353535353535353535353535353535", 0, 1000000000000000000U, 0,
	 "", "daf5a779ae972f972197303d7b574746c7ef83eadac0f2791ad23db92e4c8e53",
	 "33469b22e9f636356c4160a87eb19df52b7412e8eac32a4a55ffe88ea8350788",
	 110,
	 "f86c098504a817c8008252089435353535353535353535353535353535353535"
	 "35880de0b6b3a76400008025a028ef61340bd939bc2195fe537567866003e1a1"
	 "5d3c71ff63e1590620aa636276a067cbe9d8997f761aecb703304b3800ccf555"
	 "c9f3dc64214b297fb1966a3b6d83"},
	{"a call with EIP-1559 fees", SIGNER_TX_1559, 199, 300,
	 9000000000000000U, 0, 123456, BANK, 0, 0, 68,
	 "48b750440000000000000000000000001111111111111111111111111111111111"
	 "111111000000000000000000000000222222222222222222222222222222222222"
	 "2222",
	 "8e85811b0334882415950ecc5e9e3f820eb5a20591fa51c477ebd71ce0885b9c",
	 "24202484efe2e0f91c9044c345a116cd214be99c8329e0d25f03d8a411530c43",
	 181,
	 "02f8b281c782012c80871ff973cafa80008301e240948ba1f109551bd4328030"
	 "12645ac136ddd64dba7280b84448b75044000000000000000000000000111111"
	 "1111111111111111111111111111111111000000000000000000000000222222"
	 "2222222222222222222222222222222222c080a06fc97cdc679eb2e291ff77f7"
	 "4ea4c43d47d55b96579239f4683b9dbc9ec95a74a038491b9971eaf049837c19"
	 "52193eedec6408a1e7c2adb7a5b06d5182a585145f"},
	{"a contract is made", SIGNER_TX_1559, 31337, 0, 2, 1, 100000, NULL, 0,
	 0, 5, "60006000f3",
	 "584ad6a9cf39ebc21a295f4649c65fc5c38e162cdc45424c04d0c1314adc6b41",
	 "6cbc6cec583332d1ee57e0caba68a5434c9ca72edbe206601633ec1507d72b28", 89,
	 "02f856827a69800102830186a080808560006000f3c001a0b34e4072948be8a5"
	 "60149f09db6375c6db90f3a23ea5dd2a9f13459d08a697e2a024ea84b2d97769"
	 "6a37c64adc1eb83f19cedcf20d5fc8ad66aa3f4b95fad3fd58"},
	{"a large chain id, value and a zero byte", SIGNER_TX_LEGACY, 728126428,
	 1, 1, 0, 50000, BANK, UINT64_C(1) << 36, 0, 1, "00",
	 "3da1fcae4b52f58483d085c6cbeb8ef3a8532b97fe7f7d35e7603051886d8a93",
	 "83dcaaeae303d4305cfbd643fbf2def6ff86112c5d0ac0d3ba13716c756c09ab",
	 114,
	 "f870010182c350948ba1f109551bd432803012645ac136ddd64dba728d100000"
	 "00000000000000000000008456cca7dba05fbe32857a79254e9bc099f6ad6f05"
	 "54b904428df5cef3d98d572dd13e34895ba02952e9c12edf67ac7cae20cbc801"
	 "53e633b032813b9baef2dc7d18ba98ad1484"},
};

static void bytes_are_those_of_other_wallets(void)
{
	struct ecc *c = ecc_new(NULL);
	struct ecc_key key;

	vec(key.bytes, 32, KEY);
	for (size_t i = 0; i < ROWS(rows); i++) {
		uint8_t data[128], buf[128 + EVM_TX_OVERHEAD];
		struct signer_tx_evm t = {
			.style = rows[i].style,
			.chain_id = rows[i].chain_id,
			.nonce = rows[i].nonce,
			.max_fee = amount_from_u64(rows[i].max_fee),
			.tip = amount_from_u64(rows[i].tip),
			.gas = rows[i].gas,
			.create = rows[i].to == NULL,
			.value = amount_from_parts(rows[i].value_hi,
						   rows[i].value_lo),
			.data = data,
			.data_len = rows[i].data_len};
		struct hash32 digest;
		struct ecc_sig sig;
		struct signer_tx out;

		if (rows[i].to)
			vec(t.to.bytes, 20, rows[i].to);
		vec(data, rows[i].data_len, rows[i].data);
		CHECK(evm_tx_digest(&digest, &t, buf, sizeof(buf), NULL) ==
			      ERR_NONE,
		      "%s", rows[i].name);
		CHECK(vec_is(digest.bytes, 32, rows[i].digest), "%s: digest",
		      rows[i].name);
		sig = ecc_sign(c, &key, &digest);
		CHECK(evm_tx_seal(&out, &t, &sig, buf, sizeof(buf), NULL) ==
			      ERR_NONE,
		      "%s", rows[i].name);
		CHECK(out.raw_len == rows[i].raw_len &&
			      vec_is(out.raw, out.raw_len, rows[i].raw),
		      "%s: %zu bytes", rows[i].name, out.raw_len);
		CHECK(vec_is(out.hash.bytes, 32, rows[i].hash), "%s: hash",
		      rows[i].name);
		for (size_t cap = 0; cap < out.raw_len; cap++)
			CHECK(evm_tx_seal(&out, &t, &sig, buf, cap, NULL) ==
				      ERR_LIMIT,
			      "%s: %zu bytes were enough", rows[i].name, cap);
	}
	ecc_free(c);
}

static void a_fee_is_gas_times_price(void)
{
	struct signer_tx_evm t = {.max_fee = amount_from_parts(1, 0), .gas = 3};
	struct amount fee;

	CHECK(evm_tx_fee(&fee, &t, NULL) == ERR_NONE &&
		      amount_cmp(fee, amount_from_parts(3, 0)) == 0,
	      "three times");
	t.gas = UINT64_MAX;
	t.max_fee = amount_from_parts(2, 0);
	CHECK(evm_tx_fee(&fee, &t, NULL) == ERR_LIMIT, "past 2^128");
}

int main(void)
{
	bytes_are_those_of_other_wallets();
	a_fee_is_gas_times_price();
	return CHECK_EXIT();
}
