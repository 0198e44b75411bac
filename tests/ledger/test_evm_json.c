#include "ledger/chain/evm_json.h"
#include "tests/check.h"

#include <stdlib.h>
#include <string.h>

#define W0 "0000000000000000000000000000000000000000000000000000000000000000"
#define H32 \
	"0x00112233445566778899aabbccddeeff" \
	"00112233445566778899aabbccddeeff"
#define A20 "0x00112233445566778899aabbccddeeff00112233"

static void requests_are_json_rpc(void)
{
	struct chain_call call = {.data = (const uint8_t *)"\x01\xff",
				  .len = 2,
				  .value = amount_from_parts(1, 0)};
	struct node_text t = {0};
	json_t *v, *params;

	memset(call.from.bytes, 0xaa, 20);
	memset(call.to.bytes, 0xbb, 20);
	evm_text_begin(&t, 7, "eth_call");
	evm_text_call(&t, &call);
	node_text_str(&t, ",");
	evm_text_quantity(&t, 0);
	node_text_str(&t, ",");
	evm_text_quantity(&t, 0x1b4);
	evm_text_end(&t);
	CHECK(!t.bad, "too long?");
	v = json_loads(t.s, 0, NULL);
	CHECK(v, "not JSON: %s", t.s);
	params = json_object_get(v, "params");
	CHECK(json_integer_value(json_object_get(v, "id")) == 7, "id");
	CHECK(strcmp(json_string_value(json_object_get(
			     json_array_get(params, 0), "value")),
		     "0x10000000000000000") == 0,
	      "value: %s", t.s);
	CHECK(strcmp(json_string_value(json_object_get(
			     json_array_get(params, 0), "data")),
		     "0x01ff") == 0,
	      "data: %s", t.s);
	CHECK(strcmp(json_string_value(json_array_get(params, 1)), "0x0") == 0,
	      "zero: %s", t.s);
	CHECK(strcmp(json_string_value(json_array_get(params, 2)), "0x1b4") ==
		      0,
	      "no padding: %s", t.s);
	json_decref(v);
	node_text_clear(&t);
}

static void a_request_has_a_largest_size(void)
{
	struct node_text t = {0};
	uint8_t *big = calloc(1, NODE_MAX_REQUEST);

	evm_text_hex(&t, big, NODE_MAX_REQUEST / 2);
	CHECK(t.bad, "2^20 digits and quotes fit in 2^20 bytes");
	node_text_str(&t, "x");
	CHECK(t.bad, "bad is sticky");
	node_text_clear(&t);
	free(big);
}

static void replies_answer_each_id_once(void)
{
	static const struct {
		const char *name, *body;
		bool batch;
		enum err_code want;
		const char *says;
	} rows[] = {
		{"one result", "{\"jsonrpc\":\"2.0\",\"id\":5,\"result\":1}",
		 false, ERR_NONE, ""},
		{"a null result is a result",
		 "{\"jsonrpc\":\"2.0\",\"id\":5,\"result\":null}", false,
		 ERR_NONE, ""},
		{"an error",
		 "{\"jsonrpc\":\"2.0\",\"id\":5,\"error\":{\"code\":-32601,"
		 "\"message\":\"no such method\"}}",
		 false, ERR_NONE, ""},
		{"an error with a null id is ours when we asked one thing",
		 "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,"
		 "\"message\":\"parse\"}}",
		 false, ERR_NONE, ""},
		{"a batch in another order",
		 "[{\"jsonrpc\":\"2.0\",\"id\":6,\"result\":1},"
		 "{\"jsonrpc\":\"2.0\",\"id\":5,\"result\":1}]",
		 true, ERR_NONE, ""},
		{"HTML", "<html><body>busy</body></html>", false, ERR_PARSE,
		 "not JSON"},
		{"nothing", "", false, ERR_PARSE, "not JSON"},
		{"cut short", "{\"jsonrpc\":\"2.0\",\"id\":5,\"resu", false,
		 ERR_PARSE, "not JSON"},
		{"bytes after the value",
		 "{\"jsonrpc\":\"2.0\",\"id\":5,\"result\":1}x", false,
		 ERR_PARSE, "not JSON"},
		{"duplicate keys",
		 "{\"jsonrpc\":\"2.0\",\"id\":5,\"result\":1,\"result\":2}",
		 false, ERR_PARSE, "not JSON"},
		{"an array for an object", "[]", false, ERR_PARSE,
		 "an array, want an object"},
		{"an object for an array",
		 "{\"jsonrpc\":\"2.0\",\"id\":5,\"result\":1}", true, ERR_PARSE,
		 "want an array"},
		{"a batch refused as a whole",
		 "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32005,"
		 "\"message\":\"batch \\u0007too large\"}}",
		 true, ERR_CHAIN, "refused the batch: batch ?too large"},
		{"another id", "{\"jsonrpc\":\"2.0\",\"id\":6,\"result\":1}",
		 false, ERR_PARSE, "id 6, not asked"},
		{"an id under the first",
		 "{\"jsonrpc\":\"2.0\",\"id\":4,\"result\":1}", false,
		 ERR_PARSE, "id 4, not asked"},
		{"a negative id",
		 "{\"jsonrpc\":\"2.0\",\"id\":-5,\"result\":1}", false,
		 ERR_PARSE, "id is a number, want one we sent"},
		{"an id in quotes",
		 "{\"jsonrpc\":\"2.0\",\"id\":\"5\",\"result\":1}", false,
		 ERR_PARSE, "id is a string"},
		{"no id", "{\"jsonrpc\":\"2.0\",\"result\":1}", false,
		 ERR_PARSE, "id is nothing"},
		{"an id twice in a batch",
		 "[{\"jsonrpc\":\"2.0\",\"id\":5,\"result\":1},"
		 "{\"jsonrpc\":\"2.0\",\"id\":5,\"result\":1}]",
		 true, ERR_PARSE, "two answers to id 5"},
		{"one of two", "[{\"jsonrpc\":\"2.0\",\"id\":5,\"result\":1}]",
		 true, ERR_PARSE, "1 answers to 2"},
		{"numbers in a batch", "[1,2]", true, ERR_PARSE,
		 "a number, want an object"},
		{"neither result nor error", "{\"jsonrpc\":\"2.0\",\"id\":5}",
		 false, ERR_PARSE, "neither"},
		{"an error that is text",
		 "{\"jsonrpc\":\"2.0\",\"id\":5,\"error\":\"bad\"}", false,
		 ERR_PARSE, "error without"},
		{"JSON-RPC 1", "{\"id\":5,\"result\":1}", false, ERR_PARSE,
		 "2.0"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct evm_reply r;
		struct err e = {0};
		enum err_code rc = evm_reply_decode(
			&r, rows[i].body, strlen(rows[i].body), 5,
			rows[i].batch ? 2 : 1, rows[i].batch, &e);

		CHECK(rc == rows[i].want, "%s: %d (%s)", rows[i].name, rc,
		      e.msg);
		CHECK(strstr(e.msg, rows[i].says), "%s: says %s", rows[i].name,
		      e.msg);
		evm_reply_clear(&r);
	}
}

static void errors_carry_code_words_and_revert_data(void)
{
	static const struct {
		const char *name, *body, *revert;
	} rows[] = {
		{"geth: data is text",
		 "{\"jsonrpc\":\"2.0\",\"id\":5,\"error\":{\"code\":3,"
		 "\"message\":\"execution reverted\",\"data\":\"0x1234\"}}",
		 "0x1234"},
		{"Hardhat: data is an object",
		 "{\"jsonrpc\":\"2.0\",\"id\":5,\"error\":{\"code\":3,"
		 "\"message\":\"x\",\"data\":{\"data\":\"0x56\"}}}",
		 "0x56"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct evm_reply r;

		CHECK(evm_reply_decode(&r, rows[i].body, strlen(rows[i].body),
				       5, 1, false, NULL) == ERR_NONE,
		      "%s", rows[i].name);
		CHECK(!r.answers[0].result && r.answers[0].code == 3, "%s",
		      rows[i].name);
		CHECK(r.answers[0].revert &&
			      strcmp(r.answers[0].revert, rows[i].revert) == 0,
		      "%s", rows[i].name);
		evm_reply_clear(&r);
	}
}

static json_t *json(const char *text)
{
	json_t *v = json_loads(text, JSON_DECODE_ANY, NULL);

	CHECK(v, "the test's own JSON: %s", text);
	return v;
}

static void quantities_are_strict_and_bounded(void)
{
	static const struct {
		const char *name, *text;
		bool u64, amount;
		uint64_t value;
	} rows[] = {
		{"zero", "\"0x0\"", true, true, 0},
		{"small", "\"0x1f\"", true, true, 31},
		{"upper case", "\"0x1F\"", true, true, 31},
		{"padded", "\"0x000000000000000000000000000001\"", true, true,
		 1},
		{"largest of 64 bits", "\"0xffffffffffffffff\"", true, true,
		 UINT64_MAX},
		{"2^64 is an amount only", "\"0x10000000000000000\"", false,
		 true, 0},
		{"2^128", "\"0x100000000000000000000000000000000\"", false,
		 false, 0},
		{"nothing after 0x", "\"0x\"", false, false, 0},
		{"no 0x", "\"12\"", false, false, 0},
		{"empty", "\"\"", false, false, 0},
		{"a minus", "\"0x-1\"", false, false, 0},
		{"not hex", "\"0xg\"", false, false, 0},
		{"a blank", "\"0x1 \"", false, false, 0},
		{"65 digits", "\"0x" W0 "1\"", false, false, 0},
		{"a JSON number", "12", false, false, 0},
		{"null", "null", false, false, 0},
		{"an object", "{}", false, false, 0},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		json_t *v = json(rows[i].text);
		struct amount a = amount_from_u64(77);
		uint64_t u = 77;
		bool got = evm_get_u64(&u, v, NULL) == ERR_NONE;

		CHECK(got == rows[i].u64, "%s as u64", rows[i].name);
		CHECK(u == (got ? rows[i].value : 77), "%s: value",
		      rows[i].name);
		CHECK((evm_get_amount(&a, v, NULL) == ERR_NONE) ==
			      rows[i].amount,
		      "%s as amount", rows[i].name);
		json_decref(v);
	}
}

static void data_has_exact_or_bounded_length(void)
{
	static const struct {
		const char *name, *text;
		bool two, data;
	} rows[] = {
		{"two bytes", "\"0x01ff\"", true, true},
		{"none", "\"0x\"", false, true},
		{"one", "\"0x01\"", false, true},
		{"half a byte", "\"0x012\"", false, false},
		{"four", "\"0x01020304\"", false, true},
		{"five, over the bound", "\"0x0102030405\"", false, false},
		{"not hex", "\"0x01zz\"", false, false},
		{"a number", "258", false, false},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		json_t *v = json(rows[i].text);
		uint8_t two[2], *p = NULL;
		size_t len = 0;

		CHECK((evm_get_bytes(two, 2, v, NULL) == ERR_NONE) ==
			      rows[i].two,
		      "%s: two", rows[i].name);
		CHECK((evm_get_data(&p, &len, 4, v, NULL) == ERR_NONE) ==
			      rows[i].data,
		      "%s: data", rows[i].name);
		free(p);
		json_decref(v);
	}
}

#define BLOCK_HEAD \
	"{\"number\":\"0x10\",\"timestamp\":\"0x65\",\"gasLimit\":" \
	"\"0x1c9c380\""

static void blocks_need_their_fields(void)
{
	static const struct {
		const char *name, *text, *says;
		bool found, base;
	} rows[] = {
		{"with EIP-1559",
		 BLOCK_HEAD ",\"hash\":\"" H32 "\",\"baseFeePerGas\":\"0x7\"}",
		 "", true, true},
		{"without", BLOCK_HEAD ",\"hash\":\"" H32 "\"}", "", true,
		 false},
		{"base fee null",
		 BLOCK_HEAD ",\"hash\":\"" H32 "\",\"baseFeePerGas\":null}", "",
		 true, false},
		{"not there", "null", "", false, false},
		{"no hash", BLOCK_HEAD "}", "hash: nothing", false, false},
		{"a pending block's null hash", BLOCK_HEAD ",\"hash\":null}",
		 "hash: null", false, false},
		{"a number for the number", "{\"number\":16}",
		 "number: a number, want a quantity", false, false},
		{"absurd time",
		 "{\"number\":\"0x10\",\"timestamp\":\"0x10000000000000000\"}",
		 "timestamp: a number over 2^64", false, false},
		{"text", "\"0x10\"", "a string, want a block", false, false},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		json_t *v = json(rows[i].text);
		struct evm_block b = {0};
		struct err e = {0};
		bool found = false;

		(void)evm_get_block(&b, &found, v, &e);
		CHECK(strstr(e.msg, rows[i].says) &&
			      (e.msg[0] == 0) == (rows[i].says[0] == 0),
		      "%s: says '%s'", rows[i].name, e.msg);
		CHECK(found == rows[i].found, "%s: found", rows[i].name);
		CHECK(b.has_base_fee == rows[i].base, "%s: base fee",
		      rows[i].name);
		json_decref(v);
	}
}

static void the_tip_is_the_middle_one(void)
{
	static const struct {
		const char *name, *text;
		bool good;
		uint64_t want;
	} rows[] = {
		{"three blocks", "{\"reward\":[[\"0x9\"],[\"0x1\"],[\"0x3\"]]}",
		 true, 3},
		{"one absurd block moves nothing",
		 "{\"reward\":[[\"0x1\"],[\"0xffffffffffffffffffff\"],"
		 "[\"0x1\"]]}",
		 true, 1},
		{"no blocks", "{\"reward\":[]}", false, 0},
		{"no list", "{\"reward\":{}}", false, 0},
		{"rows that are no lists", "{\"reward\":[\"0x1\"]}", false, 0},
		{"null", "null", false, 0},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		json_t *v = json(rows[i].text);
		struct amount tip = AMOUNT_ZERO;

		CHECK((evm_get_tip(&tip, v, NULL) == ERR_NONE) == rows[i].good,
		      "%s", rows[i].name);
		CHECK(amount_cmp(tip, amount_from_u64(rows[i].want)) == 0,
		      "%s: value", rows[i].name);
		json_decref(v);
	}
}

#define RECEIPT(hash, status, logs) \
	"{\"transactionHash\":\"" hash "\",\"blockHash\":\"" H32 \
	"\",\"blockNumber\":\"0x10\",\"gasUsed\":\"0x5208\"," \
	"\"status\":" status \
	",\"effectiveGasPrice\":\"0x2\",\"contractAddress\":null," \
	"\"logs\":" logs "}"
#define OTHER32 \
	"0xff112233445566778899aabbccddeeff" \
	"00112233445566778899aabbccddeeff"

static void receipts_are_checked_field_by_field(void)
{
	static const struct {
		const char *name, *text, *says;
		bool found;
		size_t logs;
	} rows[] = {
		{"mined, no logs", RECEIPT(H32, "\"0x1\"", "[]"), "", true, 0},
		{"with a log",
		 RECEIPT(H32, "\"0x1\"",
			 "[{\"address\":\"" A20 "\",\"topics\":[\"" H32
			 "\"],\"data\":\"0x0102\"}]"),
		 "", true, 1},
		{"not mined", "null", "", false, 0},
		{"pending: block null", "{\"blockNumber\":null}", "", false, 0},
		{"of another transaction", RECEIPT(OTHER32, "\"0x1\"", "[]"),
		 "another transaction", true, 0},
		{"status 2", RECEIPT(H32, "\"0x2\"", "[]"), "status", true, 0},
		{"status true", RECEIPT(H32, "true", "[]"), "status", true, 0},
		{"logs null", RECEIPT(H32, "\"0x1\"", "null"), "logs: null",
		 true, 0},
		{"a log that is text", RECEIPT(H32, "\"0x1\"", "[\"x\"]"),
		 "address", true, 0},
		{"five topics",
		 RECEIPT(H32, "\"0x1\"",
			 "[{\"address\":\"" A20
			 "\",\"topics\":[1,2,3,4,5],\"data\":\"0x\"}]"),
		 "topics", true, 0},
		{"a topic of another length",
		 RECEIPT(H32, "\"0x1\"",
			 "[{\"address\":\"" A20
			 "\",\"topics\":[\"0x01\"],\"data\":\"0x\"}]"),
		 "hex digits", true, 0},
		{"log data that is not hex",
		 RECEIPT(H32, "\"0x1\"",
			 "[{\"address\":\"" A20
			 "\",\"topics\":[],\"data\":\"0xzz\"}]"),
		 "data is not hex", true, 0},
	};
	struct hash32 txid;
	size_t n;

	CHECK(evm_unhex(txid.bytes, &n, 32, H32), "txid");
	for (size_t i = 0; i < ROWS(rows); i++) {
		json_t *v = json(rows[i].text);
		struct evm_receipt r;
		struct err e = {0};
		bool found = false;
		enum err_code rc = evm_get_receipt(&r, &found, &txid, v, &e);

		CHECK(strstr(e.msg, rows[i].says) &&
			      (rc == ERR_NONE) == (rows[i].says[0] == 0),
		      "%s: says '%s'", rows[i].name, e.msg);
		CHECK(found == rows[i].found, "%s: found", rows[i].name);
		if (rc == ERR_NONE && found)
			CHECK(r.o.n_logs == rows[i].logs &&
				      amount_cmp(r.o.fee,
						 amount_from_u64(42000)) == 0,
			      "%s: logs or fee", rows[i].name);
		evm_receipt_clear(&r);
		json_decref(v);
	}
}

static void refusals_to_send_are_understood(void)
{
	static const struct {
		int64_t code;
		const char *message;
		enum chain_send_result want;
	} rows[] = {
		{-32000, "already known", CHAIN_SENT},
		{-32003, "transaction already imported", CHAIN_SENT},
		{-32000, "nonce too low: next nonce 5, tx nonce 3",
		 CHAIN_SEND_SLOT},
		{-32003, "nonce too low", CHAIN_SEND_SLOT},
		{-32000, "replacement transaction underpriced", CHAIN_SEND_FEE},
		{-32003, "max fee per gas less than block base fee",
		 CHAIN_SEND_FEE},
		{-32000, "insufficient funds for gas * price + value",
		 CHAIN_SEND_FUNDS},
		{-32003, "Insufficient funds for gas * price + value",
		 CHAIN_SEND_FUNDS},
		{-32005, "daily request count exceeded", CHAIN_SEND_LATER},
		{-32603, "internal error", CHAIN_SEND_LATER},
		{-32000, "intrinsic gas too low", CHAIN_SEND_NO},
		{-32000, "invalid sender", CHAIN_SEND_NO},
	};

	for (size_t i = 0; i < ROWS(rows); i++)
		CHECK(evm_send_meaning(rows[i].code, rows[i].message) ==
			      rows[i].want,
		      "%s", rows[i].message);
}

int main(void)
{
	requests_are_json_rpc();
	a_request_has_a_largest_size();
	replies_answer_each_id_once();
	errors_carry_code_words_and_revert_data();
	quantities_are_strict_and_bounded();
	data_has_exact_or_bounded_length();
	blocks_need_their_fields();
	the_tip_is_the_middle_one();
	receipts_are_checked_field_by_field();
	refusals_to_send_are_understood();
	return CHECK_EXIT();
}
