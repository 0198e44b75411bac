/* What a java-tron 4.8 node was seen to answer, what is close to it and wrong,
 * and what it means. Fields that nobody reads are cut from the answers. */
#include "ledger/chain/tron_json.h"
#include "tests/base/vec.h"
#include "tests/check.h"

#include <inttypes.h>

static json_t *parse(const char *name, const char *body)
{
	struct err e = {0};
	json_t *v;

	CHECK(tron_body_decode(&v, body, strlen(body), &e) == ERR_NONE,
	      "%s: %s", name, e.msg);
	return v;
}

static void bodies_are_objects_and_no_errors(void)
{
	static const struct {
		const char *name, *body;
		enum err_code want;
		const char *says;
	} rows[] = {
		{"an empty object", "{}", ERR_NONE, ""},
		{"nothing", "", ERR_PARSE, "not JSON"},
		{"HTML", "<html>busy</html>", ERR_PARSE, "not JSON"},
		{"a list", "[]", ERR_PARSE, "an array, want an object"},
		{"the same key twice", "{\"a\":1,\"a\":2}", ERR_PARSE,
		 "not JSON"},
		{"a number over 2^63", "{\"fee\":9223372036854775808}",
		 ERR_PARSE, "not JSON"},
		{"getaccount, base58 without visible",
		 "{\"Error\":\"class org.tron.core.services.http.JsonFormat$Pa"
		 "rseException : 1:12: INVALID hex String\"}",
		 ERR_CHAIN, "INVALID hex String"},
		{"deploycontract bad percent",
		 "{\"Error\":\"class org.tron.core.exception.ContractValidateE"
		 "xception : percent must be >= 0 and <= 100\"}",
		 ERR_CHAIN, "percent must be"},
		{"createtransaction insufficient balance",
		 "{\"Error\":\"class org.tron.core.exception.ContractValidateE"
		 "xception : Validate TransferContract error, balance is not s"
		 "ufficient.\"}",
		 ERR_CHAIN, "balance is not sufficient"},
		{"createtransaction owner not there",
		 "{\"Error\":\"class org.tron.core.exception.ContractValidateE"
		 "xception : Validate TransferContract error, no OwnerAccount."
		 "\"}",
		 ERR_CHAIN, "no OwnerAccount"},
		{"createtransaction to a contract (forbidTransferToContract)",
		 "{\"Error\":\"class org.tron.core.exception.ContractValidateE"
		 "xception : Cannot transfer TRX to a smartContract.\"}",
		 ERR_CHAIN, "Cannot transfer TRX"},
		{"broadcasthex bad hex",
		 "{\"Error\":\"class org.bouncycastle.util.encoders.DecoderExc"
		 "eption : exception decoding Hex string: invalid characters e"
		 "ncountered in Hex string\"}",
		 ERR_CHAIN, "exception decoding Hex"},
		{"broadcasthex truncated protobuf",
		 "{\"Error\":\"class com.google.protobuf.InvalidProtocolBuffer"
		 "Exception : While parsing a protocol message, the input ende"
		 "d unexpectedly in the middle of a field.  This could mean ei"
		 "ther that the input has been truncated or that an embedded m"
		 "essage misreported its own length.\"}",
		 ERR_CHAIN, "protocol message"},
		{"broadcasthex not JSON",
		 "{\"Error\":\"class com.alibaba.fastjson.JSONException : ille"
		 "gal state. x\"}",
		 ERR_CHAIN, "illegal state"},
		{"broadcasttransaction empty object",
		 "{\"Error\":\"class java.lang.NullPointerException : Cannot i"
		 "nvoke \\\"com.alibaba.fastjson.JSONObject.getJSONArray(Strin"
		 "g)\\\" because \\\"rawData\\\" is null\"}",
		 ERR_CHAIN, "Cannot invoke"},
		{"too many requests",
		 "{\"Error\":\"class java.lang.IllegalAccessException : lack "
		 "of computing resources\"}",
		 ERR_CHAIN, "lack of computing"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct err e = {0};
		json_t *v;

		CHECK(tron_body_decode(&v, rows[i].body, strlen(rows[i].body),
				       &e) == rows[i].want &&
			      strstr(e.msg, rows[i].says) &&
			      !strstr(e.msg, "class "),
		      "%s: %s", rows[i].name, e.msg);
		json_decref(v);
	}
}

static void blocks_are_named_by_their_number(void)
{
	static const struct {
		const char *name, *body;
		enum err_code want;
		bool found;
		uint64_t number, time_ms;
		const char *says;
	} rows[] = {
		{"getnowblock",
		 "{\"blockID\":\"0000000000000109fa4838a7a3736a42337c4c38b1066"
		 "3b92606e4e5b2dda978\",\"block_header\":{\"raw_data\":{\"numb"
		 "er\":265,\"version\":32,\"timestamp\":1795231302000}}}",
		 ERR_NONE, true, 265, 1795231302000, ""},
		{"getblock, header only (cheap)",
		 "{\"blockID\":\"0000000000000109fa4838a7a3736a42337c4c38b1066"
		 "3b92606e4e5b2dda978\",\"block_header\":{\"raw_data\":{\"numb"
		 "er\":265,\"version\":32,\"timestamp\":1795231302000}}}",
		 ERR_NONE, true, 265, 1795231302000, ""},
		{"getblock by number",
		 "{\"blockID\":\"0000000000000001d857cf46b14b17d93ae1e2d6eba07"
		 "d9604e78c781420ccb0\",\"block_header\":{\"raw_data\":{\"numb"
		 "er\":1,\"version\":32,\"timestamp\":1795230447000}}}",
		 ERR_NONE, true, 1, 1795230447000, ""},
		{"getblockbynum",
		 "{\"blockID\":\"0000000000000001d857cf46b14b17d93ae1e2d6eba07"
		 "d9604e78c781420ccb0\",\"block_header\":{\"raw_data\":{\"numb"
		 "er\":1,\"version\":32,\"timestamp\":1795230447000}}}",
		 ERR_NONE, true, 1, 1795230447000, ""},
		{"the first, whose number and time are left out",
		 "{\"blockID\":"
		 "\"0000000000000000ed36fb4ffe3bc9cfb084fced7cdc0984"
		 "c2f66fbb6aa8c99e\",\"block_header\":{\"raw_data\":{}}}",
		 ERR_NONE, true, 0, 0, ""},
		{"not there", "{}", ERR_NONE, false, 0, 0, ""},
		{"an id of another number",
		 "{\"blockID\":"
		 "\"0000000000000001d857cf46b14b17d93ae1e2d6eba07d96"
		 "04e78c781420ccb0\",\"block_header\":{\"raw_data\":{"
		 "\"number\":2"
		 "}}}",
		 ERR_PARSE, false, 0, 0, "another block"},
		{"an id of 31 bytes",
		 "{\"blockID\":\"00000000000001d857cf46b14b17d93ae1e2d6eba07d96"
		 "04e78c781420ccb0\",\"block_header\":{\"raw_data\":{"
		 "\"number\":1"
		 "}}}",
		 ERR_PARSE, false, 0, 0, "32 bytes"},
		{"no header", "{\"blockID\":\"00\"}", ERR_PARSE, false, 0, 0,
		 "raw_data: nothing"},
		{"a number in words",
		 "{\"block_header\":{\"raw_data\":{\"number\":\"1\"}}}",
		 ERR_PARSE, false, 0, 0, "number: a string"},
		{"a negative number",
		 "{\"block_header\":{\"raw_data\":{\"number\":-1}}}", ERR_PARSE,
		 false, 0, 0, "number"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		json_t *v = parse(rows[i].name, rows[i].body);
		struct tron_block b = {0};
		struct err e = {0};
		bool found;

		CHECK(tron_get_block(&b, &found, v, &e) == rows[i].want &&
			      found == rows[i].found &&
			      b.number == rows[i].number &&
			      b.time_ms == rows[i].time_ms &&
			      strstr(e.msg, rows[i].says),
		      "%s: %s", rows[i].name, e.msg);
		json_decref(v);
	}
}

static void accounts_and_what_they_may_use(void)
{
	static const struct {
		const char *name, *body;
		enum err_code want;
		bool found;
		uint64_t balance, energy, bandwidth, free_bandwidth;
	} rows[] = {
		{"getaccount",
		 "{\"account_name\":\"416c696365\",\"address\":\"411d0e276e269"
		 "573b01a26defb37c8efc2cccd113a\",\"balance\":999999754314300,"
		 "\"latest_opration_time\":1795231110000,\"free_net_usage\":59"
		 "1,\"latest_consume_free_time\":1795230948000,\"net_window_si"
		 "ze\":28800000,\"net_window_optimized\":true,\"asset_optimize"
		 "d\":true}",
		 ERR_NONE, true, 999999754314300, 0, 0, 0},
		{"getaccount, visible",
		 "{\"account_name\":\"Alice\",\"address\":\"TCcqZ4VGvQV3VuW1p5"
		 "yFT8ehzzRb4B6R1L\",\"balance\":999999754314300,\"latest_opra"
		 "tion_time\":1795231110000,\"free_net_usage\":591,\"latest_co"
		 "nsume_free_time\":1795230948000,\"net_window_size\":28800000"
		 ",\"net_window_optimized\":true,\"asset_optimized\":true}",
		 ERR_NONE, true, 999999754314300, 0, 0, 0},
		{"getaccount, unknown account", "{}", ERR_NONE, false, 0, 0, 0,
		 0},
		{"getaccount of carol after that",
		 "{\"address\":\"412a63b2c0d424aa69e4b9532bdbcf0c64e7dcfd03\","
		 "\"create_time\":1795231626000,\"latest_opration_time\":17952"
		 "31638000,\"free_net_usage\":345,\"latest_consume_free_time\""
		 ":1795231638000,\"net_window_size\":28800000,\"net_window_opt"
		 "imized\":true,\"asset_optimized\":true}",
		 ERR_NONE, true, 0, 0, 0, 0},
		{"getaccountresource",
		 "{\"freeNetUsed\":591,\"freeNetLimit\":600,\"TotalNetLimit\":"
		 "43200000000,\"TotalEnergyLimit\":180000000000}",
		 ERR_NONE, true, 0, 0, 0, 9},
		{"getaccountresource, unknown account", "{}", ERR_NONE, false,
		 0, 0, 0, 0},
		{"getaccountresource of bob",
		 "{\"freeNetUsed\":590,\"freeNetLimit\":600,\"TotalNetLimit\":"
		 "43200000000,\"TotalEnergyLimit\":180000000000}",
		 ERR_NONE, true, 0, 0, 0, 10},
		{"getaccountresource of bob after staking",
		 "{\"freeNetUsed\":590,\"freeNetLimit\":600,\"NetLimit\":43200"
		 "000000,\"TotalNetLimit\":43200000000,\"TotalNetWeight\":1000"
		 "00,\"EnergyLimit\":180000000000,\"TotalEnergyLimit\":1800000"
		 "00000,\"TotalEnergyWeight\":100000}",
		 ERR_NONE, true, 0, 180000000000, 43200000000, 10},
		{"more used than there is",
		 "{\"EnergyUsed\":8,\"EnergyLimit\":7,\"NetLimit\":9,"
		 "\"NetUsed\":"
		 "2}",
		 ERR_NONE, true, 0, 0, 7, 0},
		{"a balance below zero", "{\"balance\":-1}", ERR_PARSE, false,
		 0, 0, 0, 0},
		{"energy in words", "{\"EnergyLimit\":\"7\"}", ERR_PARSE, false,
		 0, 0, 0, 0},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		json_t *v = parse(rows[i].name, rows[i].body);
		struct tron_resources r = {0};
		struct amount balance = AMOUNT_ZERO;
		bool found = false;
		enum err_code one = tron_get_account(&balance, &found, v, NULL);
		enum err_code two = tron_get_resources(&r, v, NULL);

		CHECK((one ? one : two) == rows[i].want &&
			      (rows[i].want || found == rows[i].found) &&
			      amount_cmp(balance,
					 amount_from_u64(rows[i].balance)) ==
				      0 &&
			      r.energy == rows[i].energy &&
			      r.bandwidth == rows[i].bandwidth &&
			      r.free_bandwidth == rows[i].free_bandwidth,
		      "%s", rows[i].name);
		json_decref(v);
	}
}

static void prices_are_in_the_chains_parameters(void)
{
	static const struct {
		const char *name, *body;
		enum err_code want;
		const char *says;
	} rows[] = {
		{"what is asked for and what is not",
		 "{\"chainParameter\":[{\"key\":\"getTransactionFee\","
		 "\"value\":1000"
		 "},{\"key\":\"getRemoveThePowerOfTheGr\"},{\"key\":"
		 "\"getEnergyFee\","
		 "\"value\":100},{\"key\":\"getMaxFeeLimit\",\"value\":"
		 "15000000000}]"
		 "}",
		 ERR_NONE, ""},
		{"no price of energy",
		 "{\"chainParameter\":[{\"key\":\"getTransactionFee\","
		 "\"value\":1000"
		 "},{\"key\":\"getEnergyFee\"},{\"key\":\"getMaxFeeLimit\","
		 "\"value\":15000000000}]}",
		 ERR_PARSE, "no getEnergyFee"},
		{"a price in words",
		 "{\"chainParameter\":[{\"key\":\"getEnergyFee\",\"value\":"
		 "\"1\"}]}",
		 ERR_PARSE, "value: a string"},
		{"nothing", "{}", ERR_PARSE, "no getEnergyFee"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		json_t *v = parse(rows[i].name, rows[i].body);
		struct tron_params p = {0};
		struct err e = {0};

		CHECK(tron_get_params(&p, v, &e) == rows[i].want &&
			      strstr(e.msg, rows[i].says),
		      "%s: %s", rows[i].name, e.msg);
		if (rows[i].want == ERR_NONE)
			CHECK(p.energy_sun == 100 && p.byte_sun == 1000 &&
				      p.max_fee_limit == 15000000000,
			      "%s", rows[i].name);
		json_decref(v);
	}
}

static void constant_calls_say_what_would_happen(void)
{
	static const struct {
		const char *name, *body;
		enum err_code want;
		bool ok, out_of_time;
		uint64_t energy;
		size_t len;
		const char *says;
	} rows[] = {
		{"ok (selector + parameter)",
		 "{\"result\":{\"result\":true},\"energy_used\":452,\"constant"
		 "_result\":[\"00000000000000000000000000000000000000000000000"
		 "00000000000000000\"],\"transaction\":{\"ret\":[{}]}}",
		 ERR_NONE, true, false, 452, 32, ""},
		{"ok (raw data)",
		 "{\"result\":{\"result\":true},\"energy_used\":452,\"constant"
		 "_result\":[\"00000000000000000000000000000000000000000000000"
		 "00000000000000000\"],\"transaction\":{\"ret\":[{}]}}",
		 ERR_NONE, true, false, 452, 32, ""},
		{"of a state-changing function (energy estimate; nothing "
		 "saved)",
		 "{\"result\":{\"result\":true},\"energy_used\":2951,\"constan"
		 "t_result\":[\"\"],\"logs\":[{\"address\":\"cf62b7936c2a11f12"
		 "1746bbaa5871cef8e356cf4\",\"data\":\"00000000000000000000000"
		 "000000000000000000000000000000000000000200000000000000000000"
		 "000000000000000000000000000000000000000000002010200000000000"
		 "0000000000000000000000000000000000000000000000000\",\"topics"
		 "\":[\"be8d013d1dfb7c3f269c53a8cf2a2b5c3edb57666a68686a305921"
		 "409554be29\",\"0000000000000000000000001d0e276e269573b01a26d"
		 "efb37c8efc2cccd113a\",\"000000000000000000000000000000000000"
		 "000000000000000000000000000b\"]}],\"transaction\":{\"ret\":["
		 "{}]}}",
		 ERR_NONE, true, false, 2951, 0, ""},
		{"unknown owner (fine)",
		 "{\"result\":{\"result\":true},\"energy_used\":315,\"constant"
		 "_result\":[\"00000000000000000000000000000000000000000000000"
		 "0000000000000000b\"],\"transaction\":{\"ret\":[{}]}}",
		 ERR_NONE, true, false, 315, 32, ""},
		{"solidity port 8091",
		 "{\"result\":{\"result\":true},\"energy_used\":315,\"constant"
		 "_result\":[\"00000000000000000000000000000000000000000000000"
		 "0000000000000000b\"],\"transaction\":{\"ret\":[{}]}}",
		 ERR_NONE, true, false, 315, 32, ""},
		{"deploy estimate (no contract_address, data = bytecode)",
		 "{\"result\":{\"result\":true},\"energy_used\":44273,\"consta"
		 "nt_result\":[\"6080604052348015600e575f5ffd5b506004361060265"
		 "75f3560e01c8063a56dfe4a14602a575b5f5ffd5b60315f5481565b60405"
		 "190815260200160405180910390f3fea2646970667358221220b1a9d26e7"
		 "10445df7e8a4743267066665b5366243035dab4030166f434d5ee1564736"
		 "f6c63430008250033\"],\"transaction\":{\"ret\":[{}]}}",
		 ERR_NONE, true, false, 44273, 121, ""},
		{"revert with reason",
		 "{\"result\":{\"result\":true,\"message\":\"524556455254206f7"
		 "0636f6465206578656375746564\"},\"energy_used\":344,\"constan"
		 "t_result\":[\"08c379a000000000000000000000000000000000000000"
		 "000000000000000000000000200000000000000000000000000000000000"
		 "0000000000000000000000000000066e6f20776179000000000000000000"
		 "0000000000000000000000000000000000\"],\"transaction\":{\"ret"
		 "\":[{\"ret\":\"FAILED\"}]}}",
		 ERR_NONE, false, false, 344, 100, "no way"},
		{"custom error",
		 "{\"result\":{\"result\":true,\"message\":\"524556455254206f7"
		 "0636f6465206578656375746564\"},\"energy_used\":316,\"constan"
		 "t_result\":[\"f988f73700000000000000000000000000000000000000"
		 "000000000000000000000000070000000000000000000000000000000000"
		 "000000000000000000000000000040000000000000000000000000000000"
		 "000000000000000000000000000000000762656361757365000000000000"
		 "00000000000000000000000000000000000000\"],\"transaction\":{"
		 "\"ret\":[{\"ret\":\"FAILED\"}]}}",
		 ERR_NONE, false, false, 316, 132, "error 0xf988f737"},
		{"panic (div by 0)",
		 "{\"result\":{\"result\":true,\"message\":\"524556455254206f7"
		 "0636f6465206578656375746564\"},\"energy_used\":385,\"constan"
		 "t_result\":[\"4e487b7100000000000000000000000000000000000000"
		 "00000000000000000000000012\"],\"transaction\":{\"ret\":[{\"r"
		 "et\":\"FAILED\"}]}}",
		 ERR_NONE, false, false, 385, 36, "panic 0x12"},
		{"invalid opcode",
		 "{\"result\":{\"code\":\"OTHER_ERROR\",\"message\":\"636c6173"
		 "73206f72672e74726f6e2e636f72652e766d2e70726f6772616d2e50726f"
		 "6772616d24496c6c6567616c4f7065726174696f6e457863657074696f6e"
		 "203a20496e76616c6964206f7065726174696f6e20636f64653a206f7043"
		 "6f64655b66655d3b\"}}",
		 ERR_NONE, false, false, 0, 0, "Invalid operation code"},
		{"out of CPU time",
		 "{\"result\":{\"code\":\"OTHER_ERROR\",\"message\":\"636c6173"
		 "73206f72672e74726f6e2e636f72652e766d2e70726f6772616d2e50726f"
		 "6772616d244f75744f6654696d65457863657074696f6e203a2043505520"
		 "74696d656f757420666f72202741444427206f7065726174696f6e206578"
		 "65637574696e67\"}}",
		 ERR_NONE, false, true, 0, 0, "more time than"},
		{"no such contract",
		 "{\"result\":{\"code\":\"CONTRACT_VALIDATE_ERROR\",\"message"
		 "\":\"536d61727420636f6e7472616374206973206e6f742065786973742"
		 "e\"}}",
		 ERR_NONE, false, false, 0, 0, "no such contract there"},
		{"owner missing",
		 "{\"result\":{\"code\":\"OTHER_ERROR\",\"message\":\"636c6173"
		 "73206a6176612e73656375726974792e496e76616c6964506172616d6574"
		 "6572457863657074696f6e203a206f776e65725f61646472657373206973"
		 "6e2774207365742e\"}}",
		 ERR_NONE, false, false, 0, 0, "owner_address isn't set"},
		{"odd/bad hex in parameter",
		 "{\"result\":{\"code\":\"OTHER_ERROR\",\"message\":\"636c6173"
		 "73206f72672e626f756e6379636173746c652e7574696c2e656e636f6465"
		 "72732e4465636f646572457863657074696f6e203a20657863657074696f"
		 "6e206465636f64696e672048657820737472696e673a20696e76616c6964"
		 "206368617261637465727320656e636f756e746572656420696e20486578"
		 "20737472696e67\"}}",
		 ERR_NONE, false, false, 0, 0, "exception decoding"},
		{"triggersmartcontract unknown contract, visible=true (message "
		 "is text)",
		 "{\"result\":{\"code\":\"CONTRACT_VALIDATE_ERROR\",\"message"
		 "\":\"No contract or not a valid smart contract\"}}",
		 ERR_NONE, false, false, 0, 0, "No contract or not"},
		{"estimateenergy, revert",
		 "{\"result\":{\"code\":\"CONTRACT_EXE_ERROR\",\"message\":\"5"
		 "24556455254206f70636f6465206578656375746564\"}}",
		 ERR_NONE, false, false, 0, 0, "REVERT opcode executed"},
		{"a revert without reason",
		 "{\"result\":{\"result\":true,\"message\":"
		 "\"524556455254206f70636f"
		 "6465206578656375746564\"},\"energy_used\":9,\"constant_"
		 "result\":[\"\"],"
		 "\"transaction\":{\"ret\":[{\"ret\":\"FAILED\"}]}}",
		 ERR_NONE, false, false, 9, 0, "REVERT opcode executed"},
		{"a node without constant calls",
		 "{\"result\":{\"code\":\"CONTRACT_VALIDATE_ERROR\","
		 "\"message\":"
		 "\"74686973206e6f646520646f6573206e6f7420737570706f727420636f6"
		 "e7374"
		 "616e74\"}}",
		 ERR_CHAIN, false, false, 0, 0, "not support constant"},
		{"a busy node", "{\"result\":{\"code\":\"SERVER_BUSY\"}}",
		 ERR_CHAIN, false, false, 0, 0, "SERVER_BUSY"},
		{"no result", "{\"energy_used\":5}", ERR_PARSE, false, false, 0,
		 0, "result: nothing"},
		{"a code without letters", "{\"result\":{\"code\":\"\"}}",
		 ERR_NONE, false, false, 0, 0, "without a reason"},
		{"neither result nor code", "{\"result\":{}}", ERR_PARSE, false,
		 false, 0, 0, "neither"},
		{"no word of how it ended",
		 "{\"result\":{\"result\":true},\"energy_used\":5,\"constant_"
		 "result\""
		 ":[\"\"],\"transaction\":{}}",
		 ERR_PARSE, false, false, 5, 0, "ret: nothing"},
		{"half a byte returned",
		 "{\"result\":{\"result\":true},\"constant_result\":[\"0\"],"
		 "\"transact"
		 "ion\":{\"ret\":[{}]}}",
		 ERR_PARSE, false, false, 0, 0, "not hex"},
		{"a number returned",
		 "{\"result\":{\"result\":true},\"constant_result\":[5],"
		 "\"transact"
		 "ion\":{\"ret\":[{}]}}",
		 ERR_PARSE, false, false, 0, 0, "not hex"},
		{"energy below zero",
		 "{\"result\":{\"result\":true},\"energy_used\":-5}", ERR_PARSE,
		 false, false, 0, 0, "energy_used"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		json_t *v = parse(rows[i].name, rows[i].body);
		struct tron_constant c;
		struct err e = {0};

		CHECK(tron_get_constant(&c, v, &e) == rows[i].want &&
			      c.ok == rows[i].ok &&
			      c.out_of_time == rows[i].out_of_time &&
			      c.energy == rows[i].energy,
		      "%s: %s, %" PRIu64, rows[i].name, e.msg, c.energy);
		CHECK(rows[i].want != ERR_NONE || c.len == rows[i].len,
		      "%s: %zu bytes", rows[i].name, c.len);
		CHECK(strstr(rows[i].want ? e.msg : c.reason, rows[i].says) &&
			      !strstr(c.reason, "class "),
		      "%s: says \"%s%s\"", rows[i].name, e.msg, c.reason);
		tron_constant_clear(&c);
		json_decref(v);
	}
}

#define ALICE "1d0e276e269573b01a26defb37c8efc2cccd113a"

static void requests_are_what_nodes_take(void)
{
	struct node_text t = {0};
	struct address a, c;

	vec(a.bytes, 20, ALICE);
	vec(c.bytes, 20, "cf62b7936c2a11f121746bbaa5871cef8e356cf4");
	tron_text_call(&t, &a, &c, 0, "\x0c\x55\x69\x9c", 4);
	CHECK(strcmp(t.s, "{\"owner_address\":\"41" ALICE "\",\"contract_addre"
			  "ss\":\"41cf62b7936c2a11f121746bbaa5871cef8e356cf4\","
			  "\"data\":\"0c55699c\"}") == 0,
	      "%s", t.s);
	node_text_clear(&t);
	tron_text_call(&t, &a, NULL, 7, "", 0);
	CHECK(strcmp(t.s, "{\"owner_address\":\"41" ALICE
			  "\",\"call_value\":7,\"data\":\"\"}") == 0,
	      "%s", t.s);
	node_text_clear(&t);
}

int main(void)
{
	bodies_are_objects_and_no_errors();
	blocks_are_named_by_their_number();
	accounts_and_what_they_may_use();
	prices_are_in_the_chains_parameters();
	constant_calls_say_what_would_happen();
	requests_are_what_nodes_take();
	return CHECK_EXIT();
}
