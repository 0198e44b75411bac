/* What a java-tron 4.8 node was seen to answer, what is close to it and wrong,
 * and what it means. Fields that nobody reads are cut from the answers. */
#include "ledger/tron_json.h"
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

static void mined_transactions_say_how_they_ended(void)
{
	static const struct {
		const char *name, *body;
		enum err_code want;
		bool found, ok;
		uint64_t block, units, fee;
		size_t logs;
		const char *says;
	} rows[] = {
		{"right after broadcast (pending)", "{}", ERR_NONE, false,
		 false, 0, 0, 0, 0, ""},
		{"success (no return value)",
		 "{\"id\":\"696205ce05ec28fd4f7583757098ca32034b213f69287c5d91"
		 "6421d0769da244\",\"fee\":838300,\"blockNumber\":266,\"blockT"
		 "imeStamp\":1795231305000,\"contractResult\":[\"\"],\"contrac"
		 "t_address\":\"41cf62b7936c2a11f121746bbaa5871cef8e356cf4\","
		 "\"receipt\":{\"energy_fee\":525300,\"energy_usage_total\":52"
		 "53,\"net_fee\":313000,\"result\":\"SUCCESS\"}}",
		 ERR_NONE, true, true, 266, 5253, 838300, 0, ""},
		{"on the solidity port 8091", "{}", ERR_NONE, false, false, 0,
		 0, 0, 0, ""},
		{"unknown", "{}", ERR_NONE, false, false, 0, 0, 0, 0, ""},
		{"0x prefix",
		 "{\"id\":\"696205ce05ec28fd4f7583757098ca32034b213f69287c5d91"
		 "6421d0769da244\",\"fee\":838300,\"blockNumber\":266,\"blockT"
		 "imeStamp\":1795231305000,\"contractResult\":[\"\"],\"contrac"
		 "t_address\":\"41cf62b7936c2a11f121746bbaa5871cef8e356cf4\","
		 "\"receipt\":{\"energy_fee\":525300,\"energy_usage_total\":52"
		 "53,\"net_fee\":313000,\"result\":\"SUCCESS\"}}",
		 ERR_NONE, true, true, 266, 5253, 838300, 0, ""},
		{"revert with reason",
		 "{\"id\":\"5a1a893534957b98256ddfb6c655b436bc91b7afbd3a0eed71"
		 "0f2df68c35a6ea\",\"fee\":313400,\"blockNumber\":268,\"blockT"
		 "imeStamp\":1795231311000,\"contractResult\":[\"08c379a000000"
		 "000000000000000000000000000000000000000000000000000000000200"
		 "000000000000000000000000000000000000000000000000000000000000"
		 "0066e6f20776179000000000000000000000000000000000000000000000"
		 "0000000\"],\"contract_address\":\"41cf62b7936c2a11f121746bba"
		 "a5871cef8e356cf4\",\"receipt\":{\"energy_fee\":34400,\"energ"
		 "y_usage_total\":344,\"net_fee\":279000,\"result\":\"REVERT\""
		 "},\"result\":\"FAILED\",\"resMessage\":\"524556455254206f706"
		 "36f6465206578656375746564\"}",
		 ERR_NONE, true, false, 268, 344, 313400, 0, ""},
		{"revert custom error",
		 "{\"id\":\"de5265abf5680201ef964f8018d1e9288768d9c9e6ed5db5f1"
		 "bebcbdd99ce263\",\"fee\":310600,\"blockNumber\":269,\"blockT"
		 "imeStamp\":1795231314000,\"contractResult\":[\"f988f73700000"
		 "000000000000000000000000000000000000000000000000000000000070"
		 "000000000000000000000000000000000000000000000000000000000000"
		 "040000000000000000000000000000000000000000000000000000000000"
		 "000000762656361757365000000000000000000000000000000000000000"
		 "00000000000\"],\"contract_address\":\"41cf62b7936c2a11f12174"
		 "6bbaa5871cef8e356cf4\",\"receipt\":{\"energy_fee\":31600,\"e"
		 "nergy_usage_total\":316,\"net_fee\":279000,\"result\":\"REVE"
		 "RT\"},\"result\":\"FAILED\",\"resMessage\":\"524556455254206"
		 "f70636f6465206578656375746564\"}",
		 ERR_NONE, true, false, 269, 316, 310600, 0, ""},
		{"panic",
		 "{\"id\":\"b7769b8d300fe68929b21287bb6b3be05a44f7769650270852"
		 "98f38d2ef0b17a\",\"fee\":351500,\"blockNumber\":270,\"blockT"
		 "imeStamp\":1795231317000,\"contractResult\":[\"4e487b7100000"
		 "00000000000000000000000000000000000000000000000000000000012"
		 "\"],\"contract_address\":\"41cf62b7936c2a11f121746bbaa5871ce"
		 "f8e356cf4\",\"receipt\":{\"energy_fee\":38500,\"energy_usage"
		 "_total\":385,\"net_fee\":313000,\"result\":\"REVERT\"},\"res"
		 "ult\":\"FAILED\",\"resMessage\":\"524556455254206f70636f6465"
		 "206578656375746564\"}",
		 ERR_NONE, true, false, 270, 385, 351500, 0, ""},
		{"invalid opcode (all energy of fee_limit burnt)",
		 "{\"id\":\"5c8df29b3fd474a9f1d459a49992e1602ec863023ee128a1f4"
		 "e3f9f7eaef706a\",\"fee\":2278000,\"blockNumber\":271,\"block"
		 "TimeStamp\":1795231320000,\"contractResult\":[\"\"],\"contra"
		 "ct_address\":\"41cf62b7936c2a11f121746bbaa5871cef8e356cf4\","
		 "\"receipt\":{\"energy_fee\":2000000,\"energy_usage_total\":2"
		 "0000,\"net_fee\":278000,\"result\":\"ILLEGAL_OPERATION\"},\""
		 "result\":\"FAILED\",\"resMessage\":\"496e76616c6964206f70657"
		 "26174696f6e20636f64653a206f70436f64655b66655d3b\"}",
		 ERR_NONE, true, false, 271, 20000, 2278000, 0, ""},
		{"out of energy (fee_limit too small)",
		 "{\"id\":\"04445436d8178788a04581a02ffa1ad17f09a8aa06c396ba07"
		 "eefcfbe067358a\",\"fee\":1344000,\"blockNumber\":272,\"block"
		 "TimeStamp\":1795231323000,\"contractResult\":[\"\"],\"contra"
		 "ct_address\":\"41cf62b7936c2a11f121746bbaa5871cef8e356cf4\","
		 "\"receipt\":{\"energy_fee\":1000000,\"energy_usage_total\":1"
		 "0000,\"net_fee\":344000,\"result\":\"OUT_OF_ENERGY\"},\"resu"
		 "lt\":\"FAILED\",\"resMessage\":\"4e6f7420656e6f75676820656e6"
		 "572677920666f7220275353544f524527206f7065726174696f6e2065786"
		 "5637574696e673a20637572496e766f6b65456e657267794c696d69745b3"
		 "1303030305d2c206375724f70456e657267795b32303030305d2c2075736"
		 "564456e657267795b3337345d\"}",
		 ERR_NONE, true, false, 272, 10000, 1344000, 0, ""},
		{"fee_limit 0",
		 "{\"id\":\"6dc54e28fb960f93d04bdd579a8ec5269aa7039d2fe071c0bf"
		 "05da6054f7e8d5\",\"fee\":339000,\"blockNumber\":273,\"blockT"
		 "imeStamp\":1795231326000,\"contractResult\":[\"\"],\"contrac"
		 "t_address\":\"41cf62b7936c2a11f121746bbaa5871cef8e356cf4\","
		 "\"receipt\":{\"net_fee\":339000,\"result\":\"OUT_OF_ENERGY\""
		 "},\"result\":\"FAILED\",\"resMessage\":\"4e6f7420656e6f75676"
		 "820656e6572677920666f722027505553483127206f7065726174696f6e2"
		 "0657865637574696e673a20637572496e766f6b65456e657267794c696d6"
		 "9745b305d2c206375724f70456e657267795b335d2c2075736564456e657"
		 "267795b305d\"}",
		 ERR_NONE, true, false, 273, 0, 339000, 0, ""},
		{"out of CPU time",
		 "{\"id\":\"e74c558e4a53883dc503a3f101de6346b2c3d03c95ec02e375"
		 "db902efa30026a\",\"fee\":15000314000,\"blockNumber\":274,\"b"
		 "lockTimeStamp\":1795231329000,\"contractResult\":[\"\"],\"co"
		 "ntract_address\":\"41cf62b7936c2a11f121746bbaa5871cef8e356cf"
		 "4\",\"receipt\":{\"energy_fee\":15000000000,\"energy_usage_t"
		 "otal\":150000000,\"net_fee\":314000,\"result\":\"OUT_OF_TIME"
		 "\"},\"result\":\"FAILED\",\"resMessage\":\"416c7265616479205"
		 "4696d65204f7574\"}",
		 ERR_NONE, true, false, 274, 150000000, 15000314000, 0, ""},
		{"success with return value and log",
		 "{\"id\":\"74b9045909dbb04dd8add91a79b26f7305a8778192cba8e2bd"
		 "a860dbb4f3d78a\",\"fee\":673100,\"blockNumber\":275,\"blockT"
		 "imeStamp\":1795231332000,\"contractResult\":[\"\"],\"contrac"
		 "t_address\":\"41cf62b7936c2a11f121746bbaa5871cef8e356cf4\","
		 "\"receipt\":{\"energy_fee\":295100,\"energy_usage_total\":29"
		 "51,\"net_fee\":378000,\"result\":\"SUCCESS\"},\"log\":[{\"ad"
		 "dress\":\"cf62b7936c2a11f121746bbaa5871cef8e356cf4\",\"topic"
		 "s\":[\"be8d013d1dfb7c3f269c53a8cf2a2b5c3edb57666a68686a30592"
		 "1409554be29\",\"0000000000000000000000001d0e276e269573b01a26"
		 "defb37c8efc2cccd113a\",\"00000000000000000000000000000000000"
		 "00000000000000000000000000008\"],\"data\":\"0000000000000000"
		 "000000000000000000000000000000000000000000000020000000000000"
		 "0000000000000000000000000000000000000000000000000004deadbeef"
		 "00000000000000000000000000000000000000000000000000000000\"}]"
		 "}",
		 ERR_NONE, true, true, 275, 2951, 673100, 1, ""},
		{"unknown selector, no fallback",
		 "{\"id\":\"8d4db50b5ea7b9f27a8be2bd19291591904738b0404be805d0"
		 "f440b62eeca09e\",\"fee\":300000,\"blockNumber\":276,\"blockT"
		 "imeStamp\":1795231335000,\"contractResult\":[\"\"],\"contrac"
		 "t_address\":\"41cf62b7936c2a11f121746bbaa5871cef8e356cf4\","
		 "\"receipt\":{\"energy_fee\":21000,\"energy_usage_total\":210"
		 ",\"net_fee\":279000,\"result\":\"REVERT\"},\"result\":\"FAIL"
		 "ED\",\"resMessage\":\"524556455254206f70636f6465206578656375"
		 "746564\"}",
		 ERR_NONE, true, false, 276, 210, 300000, 0, ""},
		{"non-payable with value",
		 "{\"id\":\"d713e004a2f7090eb09fd713e53e0c27bc5cb79e7276e07a93"
		 "b5098710b1cf4e\",\"fee\":331400,\"blockNumber\":268,\"blockT"
		 "imeStamp\":1795231311000,\"contractResult\":[\"\"],\"contrac"
		 "t_address\":\"41cf62b7936c2a11f121746bbaa5871cef8e356cf4\","
		 "\"receipt\":{\"energy_fee\":16400,\"energy_usage_total\":164"
		 ",\"net_fee\":315000,\"result\":\"REVERT\"},\"result\":\"FAIL"
		 "ED\",\"resMessage\":\"524556455254206f70636f6465206578656375"
		 "746564\"}",
		 ERR_NONE, true, false, 268, 164, 331400, 0, ""},
		{"memo",
		 "{\"id\":\"ef1593f7ed78042685bb23d39e1f41ddda3836ccbefdacadf0"
		 "86f9e28937d058\",\"fee\":1845300,\"blockNumber\":268,\"block"
		 "TimeStamp\":1795231311000,\"contractResult\":[\"\"],\"contra"
		 "ct_address\":\"41cf62b7936c2a11f121746bbaa5871cef8e356cf4\","
		 "\"receipt\":{\"energy_fee\":525300,\"energy_usage_total\":52"
		 "53,\"net_fee\":320000,\"result\":\"SUCCESS\"}}",
		 ERR_NONE, true, true, 268, 5253, 1845300, 0, ""},
		{"deploy",
		 "{\"id\":\"f0358c4664647f9d6db2fa7e53747f6677e70630fbb68af5a5"
		 "cc75ef3e96e9ec\",\"fee\":4874300,\"blockNumber\":277,\"block"
		 "TimeStamp\":1795231338000,\"contractResult\":[\"608060405234"
		 "8015600e575f5ffd5b50600436106026575f3560e01c8063a56dfe4a1460"
		 "2a575b5f5ffd5b60315f5481565b60405190815260200160405180910390"
		 "f3fea2646970667358221220b1a9d26e710445df7e8a4743267066665b53"
		 "66243035dab4030166f434d5ee1564736f6c63430008250033\"],\"cont"
		 "ract_address\":\"41afdb354effd9875b0fe40eb6ac369f3cbcfdbdb6"
		 "\",\"receipt\":{\"energy_fee\":4427300,\"energy_usage_total"
		 "\":44273,\"net_fee\":447000,\"result\":\"SUCCESS\"}}",
		 ERR_NONE, true, true, 277, 44273, 4874300, 0, ""},
		{"transfer that activates an account",
		 "{\"id\":\"2a905cadb8a7933d10d6c5e28458f6ad8a93c7969fecb4d06e"
		 "21374d5f4ba0e7\",\"fee\":1100000,\"blockNumber\":374,\"block"
		 "TimeStamp\":1795231629000,\"contractResult\":[\"\"],\"receip"
		 "t\":{\"net_fee\":100000}}",
		 ERR_PARSE, false, false, 374, 0, 1100000, 0,
		 "without a result"},
		{"plain transfer",
		 "{\"id\":\"59563d1b356ee226293fdacc44c2b21ba7fcea499364e91f4d"
		 "60bad508791f5a\",\"fee\":265000,\"blockNumber\":375,\"blockT"
		 "imeStamp\":1795231632000,\"contractResult\":[\"\"],\"receipt"
		 "\":{\"net_fee\":265000}}",
		 ERR_PARSE, false, false, 375, 0, 265000, 0,
		 "without a result"},
		{"energy limited by balance, not by fee_limit",
		 "{\"id\":\"e0ff1a0e1ea1c82a8bd5ffe564f8990cfb06ce85807487db16"
		 "6ada3491f93793\",\"fee\":2500000,\"blockNumber\":378,\"block"
		 "TimeStamp\":1795231641000,\"contractResult\":[\"\"],\"contra"
		 "ct_address\":\"41cf62b7936c2a11f121746bbaa5871cef8e356cf4\","
		 "\"receipt\":{\"energy_fee\":2500000,\"energy_usage_total\":2"
		 "5000,\"net_usage\":345,\"result\":\"OUT_OF_ENERGY\"},\"resul"
		 "t\":\"FAILED\",\"resMessage\":\"4e6f7420656e6f75676820656e65"
		 "72677920666f7220275353544f524527206f7065726174696f6e20657865"
		 "637574696e673a20637572496e766f6b65456e657267794c696d69745b32"
		 "353030305d2c206375724f70456e657267795b32303030305d2c20757365"
		 "64456e657267795b32303830315d\"}",
		 ERR_NONE, true, false, 378, 25000, 2500000, 0, ""},
		{"paid with staked energy and bandwidth",
		 "{\"id\":\"a4dce2a2e0eba02efe7daaf76104ce5e9644c276e124991f38"
		 "44500cd31a04bb\",\"blockNumber\":384,\"blockTimeStamp\":1795"
		 "231659000,\"contractResult\":[\"\"],\"contract_address\":\"4"
		 "1cf62b7936c2a11f121746bbaa5871cef8e356cf4\",\"receipt\":{\"e"
		 "nergy_usage\":20383,\"energy_usage_total\":20383,\"net_usage"
		 "\":345,\"result\":\"SUCCESS\"}}",
		 ERR_NONE, true, true, 384, 20383, 0, 0, ""},
		{"reverted by its receipt alone",
		 "{\"id\":\"74b9045909dbb04dd8add91a79b26f7305a8778192cba8e2bd"
		 "a860dbb4f3d78a\",\"fee\":673100,\"blockNumber\":275,\"blockT"
		 "imeStamp\":1795231332000,\"contractResult\":[\"\"],\"contrac"
		 "t_address\":\"41cf62b7936c2a11f121746bbaa5871cef8e356cf4\","
		 "\"receipt\":{\"energy_fee\":295100,\"energy_usage_total\":29"
		 "51,\"net_fee\":378000,\"result\":\"REVERT\"}}",
		 ERR_NONE, true, false, 275, 2951, 673100, 0, ""},
		{"failed by its result alone",
		 "{\"id\":\"74b9045909dbb04dd8add91a79b26f7305a8778192cba8e2bd"
		 "a860dbb4f3d78a\",\"fee\":673100,\"blockNumber\":275,\"blockT"
		 "imeStamp\":1795231332000,\"contractResult\":[\"\"],\"contrac"
		 "t_address\":\"41cf62b7936c2a11f121746bbaa5871cef8e356cf4\","
		 "\"receipt\":{\"energy_fee\":295100,\"energy_usage_total\":29"
		 "51,\"net_fee\":378000,\"result\":\"SUCCESS\"},\"result\":\"F"
		 "AILED\"}",
		 ERR_NONE, true, false, 275, 2951, 673100, 0, ""},
		{"no block",
		 "{\"id\":\"74b9045909dbb04dd8add91a79b26f7305a8778192cba8e2bd"
		 "a860dbb4f3d78a\",\"fee\":673100,\"blockTimeStamp\":179523133"
		 "2000,\"contractResult\":[\"\"],\"contract_address\":\"41cf62"
		 "b7936c2a11f121746bbaa5871cef8e356cf4\",\"receipt\":{\"energy"
		 "_fee\":295100,\"energy_usage_total\":2951,\"net_fee\":378000"
		 ",\"result\":\"SUCCESS\"},\"log\":[{\"address\":\"cf62b7936c2"
		 "a11f121746bbaa5871cef8e356cf4\",\"topics\":[\"be8d013d1dfb7c"
		 "3f269c53a8cf2a2b5c3edb57666a68686a305921409554be29\"],\"data"
		 "\":\"00\"}]}",
		 ERR_PARSE, false, false, 0, 0, 0, 0, "blockNumber"},
		{"another transaction",
		 "{\"id\":\"00000000000000000000000000000000000000000000000000"
		 "00000000000000\",\"fee\":673100,\"blockNumber\":275,\"blockT"
		 "imeStamp\":1795231332000,\"contractResult\":[\"\"],\"contrac"
		 "t_address\":\"41cf62b7936c2a11f121746bbaa5871cef8e356cf4\","
		 "\"receipt\":{\"energy_fee\":295100,\"energy_usage_total\":29"
		 "51,\"net_fee\":378000,\"result\":\"SUCCESS\"},\"log\":[{\"ad"
		 "dress\":\"cf62b7936c2a11f121746bbaa5871cef8e356cf4\",\"topic"
		 "s\":[\"be8d013d1dfb7c3f269c53a8cf2a2b5c3edb57666a68686a30592"
		 "1409554be29\"],\"data\":\"00\"}]}",
		 ERR_PARSE, false, false, 0, 0, 0, 0, "another transaction"},
		{"no id",
		 "{\"fee\":673100,\"blockNumber\":275,\"blockTimeStamp\":17952"
		 "31332000,\"contractResult\":[\"\"],\"contract_address\":\"41"
		 "cf62b7936c2a11f121746bbaa5871cef8e356cf4\",\"receipt\":{\"en"
		 "ergy_fee\":295100,\"energy_usage_total\":2951,\"net_fee\":37"
		 "8000,\"result\":\"SUCCESS\"},\"log\":[{\"address\":\"cf62b79"
		 "36c2a11f121746bbaa5871cef8e356cf4\",\"topics\":[\"be8d013d1d"
		 "fb7c3f269c53a8cf2a2b5c3edb57666a68686a305921409554be29\"],\""
		 "data\":\"00\"}]}",
		 ERR_PARSE, false, false, 0, 0, 0, 0, "id: nothing"},
		{"no receipt",
		 "{\"id\":\"74b9045909dbb04dd8add91a79b26f7305a8778192cba8e2bd"
		 "a860dbb4f3d78a\",\"fee\":673100,\"blockNumber\":275,\"blockT"
		 "imeStamp\":1795231332000,\"contractResult\":[\"\"],\"contrac"
		 "t_address\":\"41cf62b7936c2a11f121746bbaa5871cef8e356cf4\","
		 "\"log\":[{\"address\":\"cf62b7936c2a11f121746bbaa5871cef8e35"
		 "6cf4\",\"topics\":[\"be8d013d1dfb7c3f269c53a8cf2a2b5c3edb576"
		 "66a68686a305921409554be29\"],\"data\":\"00\"}]}",
		 ERR_PARSE, false, false, 0, 0, 0, 0, "receipt: nothing"},
		{"a fee below zero",
		 "{\"id\":\"74b9045909dbb04dd8add91a79b26f7305a8778192cba8e2bd"
		 "a860dbb4f3d78a\",\"fee\":-1,\"blockNumber\":275,\"blockTimeS"
		 "tamp\":1795231332000,\"contractResult\":[\"\"],\"contract_ad"
		 "dress\":\"41cf62b7936c2a11f121746bbaa5871cef8e356cf4\",\"rec"
		 "eipt\":{\"energy_fee\":295100,\"energy_usage_total\":2951,\""
		 "net_fee\":378000,\"result\":\"SUCCESS\"},\"log\":[{\"address"
		 "\":\"cf62b7936c2a11f121746bbaa5871cef8e356cf4\",\"topics\":["
		 "\"be8d013d1dfb7c3f269c53a8cf2a2b5c3edb57666a68686a3059214095"
		 "54be29\"],\"data\":\"00\"}]}",
		 ERR_PARSE, false, false, 0, 0, 0, 0, "fee"},
		{"an address of 21 bytes in an event",
		 "{\"id\":\"74b9045909dbb04dd8add91a79b26f7305a8778192cba8e2bd"
		 "a860dbb4f3d78a\",\"fee\":673100,\"blockNumber\":275,\"blockT"
		 "imeStamp\":1795231332000,\"contractResult\":[\"\"],\"contrac"
		 "t_address\":\"41cf62b7936c2a11f121746bbaa5871cef8e356cf4\","
		 "\"receipt\":{\"energy_fee\":295100,\"energy_usage_total\":29"
		 "51,\"net_fee\":378000,\"result\":\"SUCCESS\"},\"log\":[{\"ad"
		 "dress\":\"41cf62b7936c2a11f121746bbaa5871cef8e356cf4\",\"top"
		 "ics\":[\"be8d013d1dfb7c3f269c53a8cf2a2b5c3edb57666a68686a305"
		 "921409554be29\"],\"data\":\"00\"}]}",
		 ERR_PARSE, false, false, 0, 0, 0, 0, "address"},
		{"a contract of 20 bytes",
		 "{\"id\":\"74b9045909dbb04dd8add91a79b26f7305a8778192cba8e2bd"
		 "a860dbb4f3d78a\",\"fee\":673100,\"blockNumber\":275,\"blockT"
		 "imeStamp\":1795231332000,\"contractResult\":[\"\"],\"contrac"
		 "t_address\":\"cf62b7936c2a11f121746bbaa5871cef8e356cf4\",\"r"
		 "eceipt\":{\"energy_fee\":295100,\"energy_usage_total\":2951,"
		 "\"net_fee\":378000,\"result\":\"SUCCESS\"},\"log\":[{\"addre"
		 "ss\":\"cf62b7936c2a11f121746bbaa5871cef8e356cf4\",\"topics\""
		 ":[\"be8d013d1dfb7c3f269c53a8cf2a2b5c3edb57666a68686a30592140"
		 "9554be29\"],\"data\":\"00\"}]}",
		 ERR_PARSE, false, false, 0, 0, 0, 0, "contract_address"},
		{"another network's contract",
		 "{\"id\":\"74b9045909dbb04dd8add91a79b26f7305a8778192cba8e2bd"
		 "a860dbb4f3d78a\",\"fee\":673100,\"blockNumber\":275,\"blockT"
		 "imeStamp\":1795231332000,\"contractResult\":[\"\"],\"contrac"
		 "t_address\":\"a0cf62b7936c2a11f121746bbaa5871cef8e356cf4\","
		 "\"receipt\":{\"energy_fee\":295100,\"energy_usage_total\":29"
		 "51,\"net_fee\":378000,\"result\":\"SUCCESS\"},\"log\":[{\"ad"
		 "dress\":\"cf62b7936c2a11f121746bbaa5871cef8e356cf4\",\"topic"
		 "s\":[\"be8d013d1dfb7c3f269c53a8cf2a2b5c3edb57666a68686a30592"
		 "1409554be29\"],\"data\":\"00\"}]}",
		 ERR_PARSE, false, false, 0, 0, 0, 0, "without 41"},
		{"five topics",
		 "{\"id\":\"74b9045909dbb04dd8add91a79b26f7305a8778192cba8e2bd"
		 "a860dbb4f3d78a\",\"fee\":673100,\"blockNumber\":275,\"blockT"
		 "imeStamp\":1795231332000,\"contractResult\":[\"\"],\"contrac"
		 "t_address\":\"41cf62b7936c2a11f121746bbaa5871cef8e356cf4\","
		 "\"receipt\":{\"energy_fee\":295100,\"energy_usage_total\":29"
		 "51,\"net_fee\":378000,\"result\":\"SUCCESS\"},\"log\":[{\"ad"
		 "dress\":\"cf62b7936c2a11f121746bbaa5871cef8e356cf4\",\"topic"
		 "s\":[\"be8d013d1dfb7c3f269c53a8cf2a2b5c3edb57666a68686a30592"
		 "1409554be29\",\"be8d013d1dfb7c3f269c53a8cf2a2b5c3edb57666a68"
		 "686a305921409554be29\",\"be8d013d1dfb7c3f269c53a8cf2a2b5c3ed"
		 "b57666a68686a305921409554be29\",\"be8d013d1dfb7c3f269c53a8cf"
		 "2a2b5c3edb57666a68686a305921409554be29\",\"be8d013d1dfb7c3f2"
		 "69c53a8cf2a2b5c3edb57666a68686a305921409554be29\"],\"data\":"
		 "\"00\"}]}",
		 ERR_PARSE, false, false, 0, 0, 0, 0, "topics"},
		{"half a byte of data",
		 "{\"id\":\"74b9045909dbb04dd8add91a79b26f7305a8778192cba8e2bd"
		 "a860dbb4f3d78a\",\"fee\":673100,\"blockNumber\":275,\"blockT"
		 "imeStamp\":1795231332000,\"contractResult\":[\"\"],\"contrac"
		 "t_address\":\"41cf62b7936c2a11f121746bbaa5871cef8e356cf4\","
		 "\"receipt\":{\"energy_fee\":295100,\"energy_usage_total\":29"
		 "51,\"net_fee\":378000,\"result\":\"SUCCESS\"},\"log\":[{\"ad"
		 "dress\":\"cf62b7936c2a11f121746bbaa5871cef8e356cf4\",\"topic"
		 "s\":[\"be8d013d1dfb7c3f269c53a8cf2a2b5c3edb57666a68686a30592"
		 "1409554be29\"],\"data\":\"0\"}]}",
		 ERR_PARSE, false, false, 0, 0, 0, 0, "not hex"},
		{"events that are no list",
		 "{\"id\":\"74b9045909dbb04dd8add91a79b26f7305a8778192cba8e2bd"
		 "a860dbb4f3d78a\",\"fee\":673100,\"blockNumber\":275,\"blockT"
		 "imeStamp\":1795231332000,\"contractResult\":[\"\"],\"contrac"
		 "t_address\":\"41cf62b7936c2a11f121746bbaa5871cef8e356cf4\","
		 "\"receipt\":{\"energy_fee\":295100,\"energy_usage_total\":29"
		 "51,\"net_fee\":378000,\"result\":\"SUCCESS\"},\"log\":{}}",
		 ERR_PARSE, false, false, 0, 0, 0, 0, "want a list"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		json_t *v = parse(rows[i].name, rows[i].body);
		const char *id = json_string_value(json_object_get(v, "id"));
		struct hash32 txid = {{0}};
		struct address from;
		struct tron_info info;
		struct err e = {0};
		bool found;

		vec(from.bytes, 20, ALICE);
		if (id && strspn(id, "0") < 64)
			vec(txid.bytes, 32, id);
		else
			txid.bytes[0] = 1;
		CHECK(tron_get_info(&info, &found, &txid, &from, v, &e) ==
				      rows[i].want &&
			      found == rows[i].found &&
			      strstr(e.msg, rows[i].says),
		      "%s: %s", rows[i].name, e.msg);
		if (found)
			CHECK(info.o.ok == rows[i].ok &&
				      info.o.block == rows[i].block &&
				      info.o.units == rows[i].units &&
				      amount_cmp(info.o.fee,
						 amount_from_u64(
							 rows[i].fee)) == 0 &&
				      info.o.n_logs == rows[i].logs,
			      "%s: what it says", rows[i].name);
		CHECK(address_is_zero(&info.o.created) ==
			      (strcmp(rows[i].name, "deploy") != 0),
		      "%s: what it made", rows[i].name);
		if (info.o.n_logs == 1)
			CHECK(vec_is(info.o.logs[0].where.bytes, 20,
				     "cf62b7936c2a11f121746bbaa5871cef8e356cf"
				     "4") &&
				      info.o.logs[0].len <= 96,
			      "%s: the event", rows[i].name);
		tron_info_clear(&info);
		json_decref(v);
	}
}

static void refusals_of_a_broadcast_mean_something(void)
{
	static const struct {
		const char *name, *body;
		enum chain_send_result want;
		const char *says;
	} rows[] = {
		{"broadcasttransaction ok", "{\"result\":true}", CHAIN_SENT,
		 "SUCCESS"},
		{"broadcasttransaction duplicate while pending",
		 "{\"code\":\"DUP_TRANSACTION_ERROR\",\"message\":\"4475702074"
		 "72616e73616374696f6e2e\"}",
		 CHAIN_SENT, "DUP_TRANSACTION_ERROR"},
		{"broadcasttransaction duplicate after mined",
		 "{\"code\":\"DUP_TRANSACTION_ERROR\",\"message\":\"4475702074"
		 "72616e73616374696f6e2e\"}",
		 CHAIN_SENT, "DUP_TRANSACTION_ERROR"},
		{"broadcasthex ok",
		 "{\"result\":true,\"code\":\"SUCCESS\",\"message\":\"\"}",
		 CHAIN_SENT, "SUCCESS"},
		{"broadcasthex duplicate",
		 "{\"result\":false,\"code\":\"DUP_TRANSACTION_ERROR\",\"messa"
		 "ge\":\"Dup transaction.\"}",
		 CHAIN_SENT, "DUP_TRANSACTION_ERROR"},
		{"broadcasthex signed by another key",
		 "{\"result\":false,\"code\":\"SIGERROR\",\"message\":\"Valida"
		 "te signature error: 9383c9962b5da7ad5c94aa720cdc242f1fd6d92a"
		 "8027a477daf74a3e459469d6\"}",
		 CHAIN_SEND_NO, "SIGERROR"},
		{"broadcasthex garbage signature",
		 "{\"result\":false,\"code\":\"SIGERROR\",\"message\":\"Valida"
		 "te signature error: 0101010101010101010101010101010101010101"
		 "010101010101010101010101\"}",
		 CHAIN_SEND_NO, "SIGERROR"},
		{"broadcasthex 64-byte signature",
		 "{\"result\":false,\"code\":\"SIGERROR\",\"message\":\"Valida"
		 "te signature error: Signature size is 64\"}",
		 CHAIN_SEND_NO, "SIGERROR"},
		{"broadcasthex no signature",
		 "{\"result\":false,\"code\":\"SIGERROR\",\"message\":\"Valida"
		 "te signature error: miss sig or contract\"}",
		 CHAIN_SEND_NO, "SIGERROR"},
		{"broadcasthex with v = 0/1 (accepted)",
		 "{\"result\":true,\"code\":\"SUCCESS\",\"message\":\"\"}",
		 CHAIN_SENT, "SUCCESS"},
		{"broadcasthex with high-s signature",
		 "{\"result\":true,\"code\":\"SUCCESS\",\"message\":\"\"}",
		 CHAIN_SENT, "SUCCESS"},
		{"broadcasthex expired",
		 "{\"result\":false,\"code\":\"TRANSACTION_EXPIRATION_ERROR\","
		 "\"message\":\"Transaction expired\"}",
		 CHAIN_SEND_SLOT, "TRANSACTION_EXPIRATION_ERROR"},
		{"broadcasthex expiration more than 24 h ahead",
		 "{\"result\":false,\"code\":\"TRANSACTION_EXPIRATION_ERROR\","
		 "\"message\":\"Transaction expired\"}",
		 CHAIN_SEND_SLOT, "TRANSACTION_EXPIRATION_ERROR"},
		{"broadcasthex wrong ref_block_hash",
		 "{\"result\":false,\"code\":\"TAPOS_ERROR\",\"message\":\"Tap"
		 "os check error.\"}",
		 CHAIN_SEND_LATER, "TAPOS_ERROR"},
		{"broadcasthex ref block number not known",
		 "{\"result\":false,\"code\":\"TAPOS_ERROR\",\"message\":\"Tap"
		 "os check error.\"}",
		 CHAIN_SEND_LATER, "TAPOS_ERROR"},
		{"broadcasthex owner account not there",
		 "{\"result\":false,\"code\":\"CONTRACT_VALIDATE_ERROR\",\"mes"
		 "sage\":\"Contract validate error : account [TC4vdsLoq6Eo4WcQ"
		 "vjc6eMNDwo1tViyEhn] does not exist\"}",
		 CHAIN_SEND_FUNDS, "CONTRACT_VALIDATE_ERROR"},
		{"broadcasthex no such contract",
		 "{\"result\":false,\"code\":\"CONTRACT_VALIDATE_ERROR\",\"mes"
		 "sage\":\"Contract validate error : No contract or not a smar"
		 "t contract\"}",
		 CHAIN_SEND_NO, "CONTRACT_VALIDATE_ERROR"},
		{"broadcasthex fee_limit above the chain maximum",
		 "{\"result\":false,\"code\":\"CONTRACT_VALIDATE_ERROR\",\"mes"
		 "sage\":\"Contract validate error : feeLimit must be >= 0 and"
		 " <= 15000000000\"}",
		 CHAIN_SEND_NO, "CONTRACT_VALIDATE_ERROR"},
		{"broadcasthex call_value above the balance",
		 "{\"result\":false,\"code\":\"CONTRACT_VALIDATE_ERROR\",\"mes"
		 "sage\":\"Contract validate error : Validate InternalTransfer"
		 " error, balance is not sufficient.\"}",
		 CHAIN_SEND_FUNDS, "CONTRACT_VALIDATE_ERROR"},
		{"broadcasthex call_value to a non-payable function (accepted, "
		 "then reverts)",
		 "{\"result\":true,\"code\":\"SUCCESS\",\"message\":\"\"}",
		 CHAIN_SENT, "SUCCESS"},
		{"broadcasthex with raw_data.data memo (costs memoFee)",
		 "{\"result\":true,\"code\":\"SUCCESS\",\"message\":\"\"}",
		 CHAIN_SENT, "SUCCESS"},
		{"broadcasthex deploy",
		 "{\"result\":true,\"code\":\"SUCCESS\",\"message\":\"\"}",
		 CHAIN_SENT, "SUCCESS"},
		{"broadcasthex TransferContract to an address that is not yet "
		 "an account",
		 "{\"result\":true,\"code\":\"SUCCESS\",\"message\":\"\"}",
		 CHAIN_SENT, "SUCCESS"},
		{"broadcasthex, balance (2.5 TRX) below what the call needs",
		 "{\"result\":true,\"code\":\"SUCCESS\",\"message\":\"\"}",
		 CHAIN_SENT, "SUCCESS"},
		{"broadcasthex, no energy, free bandwidth left",
		 "{\"result\":false,\"code\":\"BANDWITH_ERROR\",\"message\":\""
		 "Account resource insufficient error.\"}",
		 CHAIN_SEND_FUNDS, "BANDWITH_ERROR"},
		{"broadcasthex, no balance and bandwidth used up",
		 "{\"result\":false,\"code\":\"BANDWITH_ERROR\",\"message\":\""
		 "Account resource insufficient error.\"}",
		 CHAIN_SEND_FUNDS, "BANDWITH_ERROR"},
		{"broadcasthex transfer with no balance",
		 "{\"result\":false,\"code\":\"BANDWITH_ERROR\",\"message\":\""
		 "Account resource insufficient error.\"}",
		 CHAIN_SEND_FUNDS, "BANDWITH_ERROR"},
		{"broadcasttransaction visible=true, wrong key (message is "
		 "text)",
		 "{\"code\":\"SIGERROR\",\"message\":\"Validate signature erro"
		 "r: aa429ef37cad38df6ca761b947ba61047b3472d150bb2110671584015"
		 "2fc18ce\"}",
		 CHAIN_SEND_NO, "SIGERROR"},
		{"broadcasthex, transaction of 511809 bytes",
		 "{\"result\":true,\"code\":\"SUCCESS\",\"message\":\"\"}",
		 CHAIN_SENT, "SUCCESS"},
		{"broadcasthex, transaction of 511841 bytes",
		 "{\"result\":true,\"code\":\"SUCCESS\",\"message\":\"\"}",
		 CHAIN_SENT, "SUCCESS"},
		{"broadcasthex, transaction of 511873 bytes",
		 "{\"result\":false,\"code\":\"TOO_BIG_TRANSACTION_ERROR\",\"m"
		 "essage\":\"Too big transaction with result, TxId 4ee04c55827"
		 "d61338e48071144b8f5ef2bbc353314427a182589\"}",
		 CHAIN_SEND_NO, "TOO_BIG_TRANSACTION_ERROR"},
		{"broadcasthex, transaction of 600289 bytes",
		 "{\"result\":false,\"code\":\"TOO_BIG_TRANSACTION_ERROR\",\"m"
		 "essage\":\"Too big transaction with result, TxId 3f9643fdda5"
		 "e127a638e0510fbda51e878359942d4f1fa4f2131\"}",
		 CHAIN_SEND_NO, "TOO_BIG_TRANSACTION_ERROR"},
		{"broadcasthex, transaction of 3000294 bytes",
		 "{\"result\":false,\"code\":\"TOO_BIG_TRANSACTION_ERROR\",\"m"
		 "essage\":\"Too big transaction with result, TxId 28d35d9841b"
		 "6326225382fae03fa18ab5209333522b4af3698cb\"}",
		 CHAIN_SEND_NO, "TOO_BIG_TRANSACTION_ERROR"},
		{"server busy", "{\"result\":false,\"code\":\"SERVER_BUSY\"}",
		 CHAIN_SEND_LATER, "SERVER_BUSY"},
		{"no connection",
		 "{\"result\":false,\"code\":\"NO_CONNECTION\"}",
		 CHAIN_SEND_LATER, "NO_CONNECTION"},
		{"not enough effective connection",
		 "{\"result\":false,\"code\":\"NOT_ENOUGH_EFFECTIVE_"
		 "CONNECTION\"}",
		 CHAIN_SEND_LATER, "NOT_ENOUGH_EFFECTIVE_CONNECTION"},
		{"block unsolidified",
		 "{\"result\":false,\"code\":\"BLOCK_UNSOLIDIFIED\"}",
		 CHAIN_SEND_LATER, "BLOCK_UNSOLIDIFIED"},
		{"other error", "{\"result\":false,\"code\":\"OTHER_ERROR\"}",
		 CHAIN_SEND_LATER, "OTHER_ERROR"},
		{"something new",
		 "{\"result\":false,\"code\":\"SOMETHING_NEW\"}",
		 CHAIN_SEND_LATER, "SOMETHING_NEW"},
		{"a call that fails at once",
		 "{\"result\":false,\"code\":\"CONTRACT_EXE_ERROR\"}",
		 CHAIN_SEND_NO, "CONTRACT_EXE"},
		{"neither a result nor a code", "{}", CHAIN_SEND_LATER, ""},
	};
	char why[160];

	for (size_t i = 0; i < ROWS(rows); i++) {
		json_t *v = parse(rows[i].name, rows[i].body);

		CHECK(tron_get_sent(why, sizeof(why), v) == rows[i].want &&
			      strstr(why, rows[i].says),
		      "%s: %s", rows[i].name, why);
		json_decref(v);
	}
	(void)snprintf(why, sizeof(why), "exception decoding Hex string");
	CHECK(tron_get_sent(why, sizeof(why), NULL) == CHAIN_SEND_NO, "%s",
	      why);
	(void)snprintf(why, sizeof(why), "lack of computing resources");
	CHECK(tron_get_sent(why, sizeof(why), NULL) == CHAIN_SEND_LATER, "%s",
	      why);
}

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
	mined_transactions_say_how_they_ended();
	refusals_of_a_broadcast_mean_something();
	requests_are_what_nodes_take();
	return CHECK_EXIT();
}
