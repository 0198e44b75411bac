#include "ledger/chain/profile.h"
#include "tests/check.h"

#include <string.h>

static void built_in_rows_are_whole(void)
{
	for (size_t i = 0; profile_name(i); i++) {
		struct profile p;
		struct amount limit, day;
		struct err e = {0};

		CHECK(profile_find(&p, profile_name(i), &e) == ERR_NONE, "%s",
		      e.msg);
		CHECK(strcmp(p.name, profile_name(i)) == 0, "name");
		CHECK(p.n_urls > 0 && p.block_ms > 0, "%s", p.name);
		CHECK((p.chain_id > 0) == (strcmp(p.name, "local-tron") != 0),
		      "%s: its id is known", p.name);
		CHECK((p.kind == PROFILE_TRON) == (p.address == ADDRESS_TRON) &&
			      (p.kind == PROFILE_EVM) ==
				      (p.address == ADDRESS_EVM),
		      "%s: addresses are those of its kind", p.name);
		CHECK(p.fee_limit && p.day_fee_limit &&
			      amount_from_dec(&limit, p.fee_limit,
					      p.coin_decimals,
					      NULL) == ERR_NONE &&
			      amount_from_dec(&day, p.day_fee_limit,
					      p.coin_decimals,
					      NULL) == ERR_NONE &&
			      amount_cmp(limit, day) <= 0,
		      "%s: limits", p.name);
		CHECK(p.batch > 0 && p.batch <= 200 && p.proofs > 0 &&
			      p.proofs <= 200 && p.proof_bytes <= 60000,
		      "%s: batch", p.name);
		CHECK(p.kind == PROFILE_EVM ||
			      (p.batch == 20 && p.proofs == 10 &&
			       p.proof_bytes == 32768),
		      "%s: what fits into TRON's CPU time", p.name);
		CHECK(p.has_bank != address_is_zero(&p.bank), "%s: bank",
		      p.name);
	}
	CHECK(profile_name(100) == NULL, "past the last");
}

static void an_unknown_name_lists_the_known_ones(void)
{
	struct profile p;
	struct err e = {0};

	CHECK(profile_find(&p, "mainnet", &e) == ERR_PARSE, "found");
	for (size_t i = 0; profile_name(i); i++)
		CHECK(strstr(e.msg, profile_name(i)), "%s is not in: %s",
		      profile_name(i), e.msg);
}

static void a_chain_without_bank_says_what_to_do(void)
{
	struct profile p;
	struct err e = {0};

	CHECK(profile_find(&p, "local-evm", NULL) == ERR_NONE, "local");
	CHECK(profile_need_bank(&p, &e) == ERR_STATE, "has one");
	CHECK(strstr(e.msg, "contract deploy"), "%s", e.msg);
	CHECK(profile_set(&p, "bank",
			  "0x5FbDB2315678afecb367f032d93F642f64180aa3",
			  NULL) == ERR_NONE,
	      "set");
	CHECK(profile_need_bank(&p, NULL) == ERR_NONE, "has none");
	CHECK(profile_need_token(&p, &e) == ERR_STATE, "its token is known");
	CHECK(profile_set(&p, "token",
			  "0x5FbDB2315678afecb367f032d93F642f64180aa3",
			  NULL) == ERR_NONE &&
		      profile_need_token(&p, NULL) == ERR_NONE,
	      "its token is set");
	CHECK(profile_set(&p, "bank",
			  "0x5FbDB2315678afecb367f032d93F642f64180aa3",
			  NULL) == ERR_NONE &&
		      profile_need_token(&p, NULL) == ERR_STATE,
	      "another bank may have another token");
}

static void fields_are_checked_when_they_are_set(void)
{
	static const struct {
		const char *name, *field, *value;
		enum err_code want;
	} rows[] = {
		{"a bank", "bank", "0x5FbDB2315678afecb367f032d93F642f64180aa3",
		 ERR_NONE},
		{"a bank with a wrong checksum", "bank",
		 "0x5FbDB2315678afecb367f032d93F642f64180aA3", ERR_PARSE},
		{"a bank of TRON", "bank", "TCcqZ4VGvQV3VuW1p5yFT8ehzzRb4B6R1L",
		 ERR_PARSE},
		{"the zero bank", "bank",
		 "0x0000000000000000000000000000000000000000", ERR_PARSE},
		{"the zero token is the coin", "token",
		 "0x0000000000000000000000000000000000000000", ERR_NONE},
		{"an URL", "rpc", "https://rpc.example", ERR_NONE},
		{"an URL of another kind", "rpc", "ws://rpc.example",
		 ERR_PARSE},
		{"two ports", "rpc", "http://a,http://b", ERR_PARSE},
		{"a chain id", "chain-id", "1", ERR_NONE},
		{"chain id 0", "chain-id", "0", ERR_PARSE},
		{"a negative chain id", "chain-id", "-1", ERR_PARSE},
		{"a chain id with a tail", "chain-id", "1x", ERR_PARSE},
		{"a chain id over 2^63", "chain-id", "9223372036854775808",
		 ERR_PARSE},
		{"decimals", "token-decimals", "6", ERR_NONE},
		{"decimals 39", "token-decimals", "39", ERR_PARSE},
		{"a symbol", "token-symbol", "USDT", ERR_NONE},
		{"an empty symbol", "token-symbol", "", ERR_PARSE},
		{"confirmations", "confirmations", "12", ERR_NONE},
		{"finalized", "confirmations", "finalized", ERR_NONE},
		{"confirmations in words", "confirmations", "many", ERR_PARSE},
		{"legacy fees", "legacy-fees", "yes", ERR_NONE},
		{"legacy fees in numbers", "legacy-fees", "1", ERR_PARSE},
		{"the time of a block", "block-ms", "250", ERR_NONE},
		{"blocks without end", "block-ms", "99", ERR_PARSE},
		{"no block in ten minutes", "block-ms", "600001", ERR_PARSE},
		{"another field", "colour", "red", ERR_PARSE},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct profile p;
		struct err e = {0};

		CHECK(profile_find(&p, "bttc", NULL) == ERR_NONE, "bttc");
		CHECK(profile_set(&p, rows[i].field, rows[i].value, &e) ==
			      rows[i].want,
		      "%s: %s", rows[i].name, e.msg);
	}
}

static void fields_are_of_the_profiles_kind(void)
{
	static const struct {
		const char *name, *field, *value;
		enum err_code want;
		const char *says;
	} rows[] = {
		{"a bank", "bank", "TCcqZ4VGvQV3VuW1p5yFT8ehzzRb4B6R1L",
		 ERR_NONE, ""},
		{"a bank of an EVM chain", "bank",
		 "0x5FbDB2315678afecb367f032d93F642f64180aa3", ERR_PARSE,
		 "TRON (T...)"},
		{"a bank with a typing mistake", "bank",
		 "TCcqZ4VGvQV3VuW1p5yFT8ehzzRb4B6R1M", ERR_PARSE, "address"},
		{"a bank as nodes write it", "bank",
		 "411d0e276e269573b01a26defb37c8efc2cccd113a", ERR_PARSE,
		 "neither"},
		{"one URL", "rpc", "http://127.0.0.1:8090", ERR_NONE, ""},
		{"two ports of one node", "rpc",
		 "http://127.0.0.1:8090,http://127.0.0.1:8091", ERR_NONE, ""},
		{"three", "rpc", "http://a,http://b,http://c", ERR_PARSE,
		 "walletsolidity"},
		{"a second that is none", "rpc", "http://a,b", ERR_PARSE,
		 "walletsolidity"},
		{"confirmations", "confirmations", "5", ERR_PARSE, "solid"},
		{"a gas price", "legacy-fees", "yes", ERR_PARSE, "no gas"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct profile p;
		struct err e = {0};

		CHECK(profile_find(&p, "nile", NULL) == ERR_NONE, "nile");
		CHECK(profile_set(&p, rows[i].field, rows[i].value, &e) ==
				      rows[i].want &&
			      strstr(e.msg, rows[i].says),
		      "%s: %s", rows[i].name, e.msg);
	}
}

static void a_node_may_have_two_ports(void)
{
	struct profile p;

	CHECK(profile_find(&p, "local-tron", NULL) == ERR_NONE &&
		      p.n_urls == 1 &&
		      strcmp(p.urls[0], "http://127.0.0.1:8090") == 0 &&
		      strcmp(p.others[0], "http://127.0.0.1:8091") == 0,
	      "the usual ports");
	CHECK(profile_set(&p, "rpc", "http://a:1/,http://b:2//", NULL) ==
			      ERR_NONE &&
		      strcmp(p.urls[0], "http://a:1") == 0 &&
		      strcmp(p.others[0], "http://b:2") == 0,
	      "no slash twice");
	CHECK(profile_find(&p, "local-tron", NULL) == ERR_NONE &&
		      profile_set(&p, "rpc", "http://127.0.0.1:9000", NULL) ==
			      ERR_NONE &&
		      p.n_urls == 1 &&
		      strcmp(p.urls[0], "http://127.0.0.1:9000") == 0 &&
		      !p.others[0][0],
	      "all at one");
}

static void own_urls_replace_the_built_in_ones(void)
{
	struct profile p;

	CHECK(profile_find(&p, "bttc", NULL) == ERR_NONE && p.n_urls == 2,
	      "two are built in");
	for (int i = 0; i < PROFILE_URLS; i++)
		CHECK(profile_set(&p, "rpc", "http://10.0.0.1", NULL) ==
			      ERR_NONE,
		      "URL %d", i);
	CHECK(p.n_urls == PROFILE_URLS, "%zu", p.n_urls);
	CHECK(profile_set(&p, "rpc", "http://10.0.0.1", NULL) == ERR_LIMIT,
	      "one more");
}

static void a_day_is_counted_in_the_chains_blocks(void)
{
	static const struct {
		const char *name;
		uint32_t blocks;
	} rows[] = {{"local-evm", 86400}, {"bttc", 43200}};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct profile p;

		CHECK(profile_find(&p, rows[i].name, NULL) == ERR_NONE &&
			      profile_day_blocks(&p) == rows[i].blocks,
		      "%s", rows[i].name);
	}
}

int main(void)
{
	a_day_is_counted_in_the_chains_blocks();
	built_in_rows_are_whole();
	an_unknown_name_lists_the_known_ones();
	a_chain_without_bank_says_what_to_do();
	fields_are_checked_when_they_are_set();
	own_urls_replace_the_built_in_ones();
	fields_are_of_the_profiles_kind();
	a_node_may_have_two_ports();
	return CHECK_EXIT();
}
