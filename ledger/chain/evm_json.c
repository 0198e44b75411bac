#include "ledger/chain/evm_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- requests */

void evm_text_hex(struct node_text *t, const void *p, size_t len)
{
	node_text_str(t, "\"0x");
	node_text_digits(t, p, len);
	node_text_str(t, "\"");
}

void evm_text_amount(struct node_text *t, struct amount v)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t be[16];
	char s[40] = "\"0x", *p = s + 3;
	bool some = false;

	amount_to_be16(be, v);
	for (size_t i = 0; i < 32; i++) {
		unsigned d = i % 2 ? be[i / 2] & 15U : be[i / 2] >> 4;

		some = some || d != 0 || i == 31;
		if (some)
			*p++ = digits[d];
	}
	*p++ = '"';
	*p = 0;
	node_text_str(t, s);
}

void evm_text_quantity(struct node_text *t, uint64_t v)
{
	evm_text_amount(t, amount_from_u64(v));
}

void evm_text_begin(struct node_text *t, uint64_t id, const char *method)
{
	char s[128];

	(void)snprintf(s, sizeof(s),
		       "{\"jsonrpc\":\"2.0\",\"id\":%llu,\"method\":\"%s\","
		       "\"params\":[",
		       (unsigned long long)id, method);
	node_text_str(t, s);
}

void evm_text_end(struct node_text *t)
{
	node_text_str(t, "]}");
}

void evm_text_call(struct node_text *t, const struct chain_call *call)
{
	node_text_str(t, "{\"from\":");
	evm_text_hex(t, call->from.bytes, sizeof(call->from.bytes));
	if (!call->create) {
		node_text_str(t, ",\"to\":");
		evm_text_hex(t, call->to.bytes, sizeof(call->to.bytes));
	}
	if (!amount_is_zero(call->value)) {
		node_text_str(t, ",\"value\":");
		evm_text_amount(t, call->value);
	}
	node_text_str(t, ",\"data\":");
	evm_text_hex(t, call->data, call->len);
	node_text_str(t, "}");
}

/* ----------------------------------------------------------------- replies */

/* Revert data lies in error.data: a string, or (anvil, Hardhat) an object. */
static const char *revert_of(const json_t *error)
{
	const json_t *data = json_object_get(error, "data");

	if (json_is_object(data))
		data = json_object_get(data, "data");
	return json_string_value(data);
}

static enum err_code read_error(struct evm_answer *a, const json_t *error,
				struct err *e)
{
	const json_t *code = json_object_get(error, "code");
	const char *message =
		json_string_value(json_object_get(error, "message"));

	if (!json_is_integer(code) || !message)
		return err_fail(e, ERR_PARSE, "error without code and message");
	a->code = json_integer_value(code);
	node_tame(a->message, sizeof(a->message), message);
	a->revert = revert_of(error);
	return ERR_NONE;
}

static enum err_code read_one(struct evm_reply *r, bool *seen, json_t *v,
			      uint64_t first_id, struct err *e)
{
	const json_t *id = json_object_get(v, "id");
	const char *version = json_string_value(json_object_get(v, "jsonrpc"));
	json_t *error = json_object_get(v, "error");
	json_t *result = json_object_get(v, "result");
	uint64_t at;

	if (!json_is_object(v))
		return err_fail(e, ERR_PARSE, "%s, want an object",
				node_kind(v));
	if (!version || strcmp(version, "2.0") != 0)
		return err_fail(e, ERR_PARSE, "not JSON-RPC 2.0");
	if (json_is_null(error)) /* some nodes write both */
		error = NULL;
	if (error && json_is_null(id) && r->n == 1)
		return read_error(&r->answers[0], error, e);
	if (!json_is_integer(id) || json_integer_value(id) < 0)
		return err_fail(e, ERR_PARSE, "id is %s, want one we sent",
				node_kind(id));
	at = (uint64_t)json_integer_value(id) - first_id;
	if (at >= r->n)
		return err_fail(e, ERR_PARSE, "answer to id %lld, not asked",
				(long long)json_integer_value(id));
	if (seen[at])
		return err_fail(e, ERR_PARSE, "two answers to id %lld",
				(long long)json_integer_value(id));
	seen[at] = true;
	if (error)
		return read_error(&r->answers[at], error, e);
	if (!result)
		return err_fail(e, ERR_PARSE, "neither result nor error");
	r->answers[at].result = result;
	return ERR_NONE;
}

/* A refused batch may come back as one error object instead of an array. */
static enum err_code refused_whole(const json_t *root, struct err *e)
{
	struct evm_answer a;
	const json_t *error = json_object_get(root, "error");

	if (!error || read_error(&a, error, NULL) != ERR_NONE)
		return err_fail(e, ERR_PARSE, "%s, want an array",
				node_kind(root));
	return err_fail(e, ERR_CHAIN, "refused the batch: %s (%lld)", a.message,
			(long long)a.code);
}

enum err_code evm_reply_decode(struct evm_reply *r, const char *body,
			       size_t len, uint64_t first_id, size_t n,
			       bool batch, struct err *e)
{
	bool seen[EVM_MAX_BATCH] = {false};
	json_error_t why;
	size_t got;

	*r = (struct evm_reply){.n = n};
	if (n < 1 || n > EVM_MAX_BATCH || (!batch && n != 1))
		return err_fail(e, ERR_LIMIT, "%zu requests in one", n);
	r->root = json_loadb(body, len, JSON_REJECT_DUPLICATES, &why);
	if (!r->root) {
		char text[80];

		node_tame(text, sizeof(text), why.text);
		return err_fail(e, ERR_PARSE, "not JSON: %s", text);
	}
	if (!batch)
		return read_one(r, seen, r->root, first_id, e);
	if (!json_is_array(r->root))
		return refused_whole(r->root, e);
	got = json_array_size(r->root);
	if (got != n)
		return err_fail(e, ERR_PARSE, "%zu answers to %zu questions",
				got, n);
	for (size_t i = 0; i < n; i++) {
		enum err_code rc = read_one(r, seen, json_array_get(r->root, i),
					    first_id, e);

		if (rc != ERR_NONE)
			return rc;
	}
	return ERR_NONE;
}

void evm_reply_clear(struct evm_reply *r)
{
	json_decref(r->root);
	r->root = NULL;
	r->n = 0;
}

/* ------------------------------------------------------------------ values */

bool evm_unhex(uint8_t *out, size_t *len, size_t cap, const char *s)
{
	return s && s[0] == '0' && s[1] == 'x' &&
	       node_unhex(out, len, cap, s + 2);
}

/* Hex text of a string value that holds no NUL; NULL when it is none. */
static const char *hex_text(const json_t *v, size_t *digits)
{
	const char *s = json_string_value(v);

	if (!s || s[0] != '0' || s[1] != 'x' ||
	    strlen(s) != json_string_length(v))
		return NULL;
	*digits = strlen(s) - 2;
	return s + 2;
}

enum err_code evm_get_amount(struct amount *out, const json_t *v, struct err *e)
{
	uint8_t be[16] = {0};
	size_t digits;
	const char *s = hex_text(v, &digits);

	if (!s || digits < 1 || digits > 64)
		return err_fail(e, ERR_PARSE, "%s, want a quantity",
				node_kind(v));
	while (digits > 1 && *s == '0') {
		s++;
		digits--;
	}
	if (digits > 32)
		return err_fail(e, ERR_PARSE, "a number over 2^128");
	for (size_t i = 0; i < digits; i++) {
		int d = node_hex_digit(s[digits - 1 - i]);

		if (d < 0)
			return err_fail(e, ERR_PARSE,
					"a quantity that is not hex");
		be[15 - i / 2] |= (uint8_t)(d << (i % 2 ? 4 : 0));
	}
	*out = amount_from_be16(be);
	return ERR_NONE;
}

enum err_code evm_get_u64(uint64_t *out, const json_t *v, struct err *e)
{
	struct amount a;
	enum err_code rc = evm_get_amount(&a, v, e);

	if (rc == ERR_NONE && !amount_to_u64(out, a))
		return err_fail(e, ERR_PARSE, "a number over 2^64");
	return rc;
}

enum err_code evm_get_bytes(void *out, size_t len, const json_t *v,
			    struct err *e)
{
	uint8_t buf[256];
	size_t got, digits;

	if (len > sizeof(buf))
		return err_fail(e, ERR_LIMIT, "%zu bytes wanted", len);
	if (!hex_text(v, &digits))
		return err_fail(e, ERR_PARSE, "%s, want %zu bytes of hex",
				node_kind(v), len);
	if (digits != 2 * len)
		return err_fail(e, ERR_PARSE, "%zu hex digits, want %zu",
				digits, 2 * len);
	if (!evm_unhex(buf, &got, len, json_string_value(v)))
		return err_fail(e, ERR_PARSE, "data that is not hex");
	memcpy(out, buf, len);
	return ERR_NONE;
}

enum err_code evm_get_data(uint8_t **out, size_t *len, size_t max,
			   const json_t *v, struct err *e)
{
	uint8_t *buf;
	size_t digits;

	if (!hex_text(v, &digits) || digits % 2)
		return err_fail(e, ERR_PARSE, "%s, want bytes in hex",
				node_kind(v));
	if (digits / 2 > max)
		return err_fail(e, ERR_PARSE, "%zu bytes, at most %zu",
				digits / 2, max);
	if (digits == 0) {
		*out = NULL;
		*len = 0;
		return ERR_NONE;
	}
	buf = malloc(digits / 2);
	if (!buf)
		return err_fail(e, ERR_NOMEM, "no memory");
	if (!evm_unhex(buf, len, digits / 2, json_string_value(v))) {
		free(buf);
		return err_fail(e, ERR_PARSE, "data that is not hex");
	}
	*out = buf;
	return ERR_NONE;
}

/* ------------------------------------------------------- blocks and fees */

/* Adds which field it was to the reason below it. */
static enum err_code field(struct err *e, const struct err *inner,
			   const char *name)
{
	return err_fail(e, inner->code, "%s: %s", name, inner->msg);
}

static enum err_code field_u64(uint64_t *out, const json_t *object,
			       const char *name, struct err *e)
{
	struct err in = {0};

	if (evm_get_u64(out, json_object_get(object, name), &in) != ERR_NONE)
		return field(e, &in, name);
	return ERR_NONE;
}

static enum err_code field_bytes(void *out, size_t len, const json_t *object,
				 const char *name, struct err *e)
{
	struct err in = {0};

	if (evm_get_bytes(out, len, json_object_get(object, name), &in) !=
	    ERR_NONE)
		return field(e, &in, name);
	return ERR_NONE;
}

enum err_code evm_get_block(struct evm_block *out, bool *found, const json_t *v,
			    struct err *e)
{
	struct evm_block b = {0};
	const json_t *base = json_object_get(v, "baseFeePerGas");
	struct err in = {0};
	enum err_code rc;

	if (json_is_null(v)) {
		*found = false;
		return ERR_NONE;
	}
	if (!json_is_object(v))
		return err_fail(e, ERR_PARSE, "%s, want a block", node_kind(v));
	if ((rc = field_u64(&b.number, v, "number", e)) ||
	    (rc = field_u64(&b.time_s, v, "timestamp", e)) ||
	    (rc = field_u64(&b.gas_limit, v, "gasLimit", e)) ||
	    (rc = field_bytes(b.hash.bytes, 32, v, "hash", e)))
		return rc;
	b.has_base_fee = base && !json_is_null(base);
	if (b.has_base_fee && evm_get_amount(&b.base_fee, base, &in))
		return field(e, &in, "baseFeePerGas");
	*out = b;
	*found = true;
	return ERR_NONE;
}

static int by_amount(const void *a, const void *b)
{
	return amount_cmp(*(const struct amount *)a, *(const struct amount *)b);
}

#define MAX_TIPS 64

enum err_code evm_get_tip(struct amount *out, const json_t *v, struct err *e)
{
	const json_t *list = json_object_get(v, "reward");
	struct amount tips[MAX_TIPS];
	size_t n = json_array_size(list);

	if (!json_is_array(list) || n < 1 || n > MAX_TIPS)
		return err_fail(e, ERR_PARSE, "reward: %s, want a list",
				node_kind(list));
	for (size_t i = 0; i < n; i++) {
		const json_t *row = json_array_get(list, i);
		struct err in = {0};

		if (evm_get_amount(&tips[i], json_array_get(row, 0), &in))
			return field(e, &in, "reward");
	}
	qsort(tips, n, sizeof(tips[0]), by_amount);
	*out = tips[n / 2];
	return ERR_NONE;
}

/* ---------------------------------------------------------------- receipts */

static enum err_code read_log(struct evm_receipt *r, size_t *used, size_t room,
			      const json_t *v, struct err *e)
{
	struct chain_log *log = &r->logs[r->o.n_logs];
	const json_t *topics = json_object_get(v, "topics");
	const char *data = json_string_value(json_object_get(v, "data"));
	enum err_code rc = field_bytes(log->where.bytes, 20, v, "address", e);

	if (rc != ERR_NONE)
		return rc;
	log->n_topics = json_array_size(topics);
	if (!json_is_array(topics) || log->n_topics > 4)
		return err_fail(e, ERR_PARSE, "log: bad list of topics");
	for (size_t i = 0; i < log->n_topics; i++) {
		rc = evm_get_bytes(log->topics[i].bytes, 32,
				   json_array_get(topics, i), e);
		if (rc != ERR_NONE)
			return rc;
	}
	if (!evm_unhex(r->data + *used, &log->len, room - *used, data))
		return err_fail(e, ERR_PARSE, "log: data is not hex");
	log->data = r->data + *used;
	*used += log->len;
	r->o.n_logs++;
	return ERR_NONE;
}

/* Two hex digits a byte: an upper bound for the room that all data needs. */
static size_t logs_room(const json_t *logs)
{
	size_t room = 0;

	for (size_t i = 0; i < json_array_size(logs); i++)
		room += json_string_length(json_object_get(
				json_array_get(logs, i), "data")) /
			2;
	return room;
}

static enum err_code read_logs(struct evm_receipt *r, const json_t *logs,
			       struct err *e)
{
	size_t n = json_array_size(logs), room = logs_room(logs), used = 0;
	enum err_code rc;

	if (!json_is_array(logs))
		return err_fail(e, ERR_PARSE, "logs: %s, want a list",
				node_kind(logs));
	if (n > CHAIN_MAX_LOGS)
		return err_fail(e, ERR_LIMIT, "%zu logs, at most %d", n,
				CHAIN_MAX_LOGS);
	r->logs = calloc(n + 1, sizeof(*r->logs));
	r->data = malloc(room + 1);
	if (!r->logs || !r->data)
		return err_fail(e, ERR_NOMEM, "no memory");
	for (size_t i = 0; i < n; i++) {
		rc = read_log(r, &used, room, json_array_get(logs, i), e);
		if (rc != ERR_NONE)
			return rc;
	}
	r->o.logs = r->logs;
	return ERR_NONE;
}

static enum err_code read_receipt(struct evm_receipt *r,
				  const struct hash32 *txid, const json_t *v,
				  struct err *e)
{
	const json_t *created = json_object_get(v, "contractAddress");
	const json_t *price = json_object_get(v, "effectiveGasPrice");
	struct amount each = AMOUNT_ZERO;
	struct err in = {0};
	uint64_t status;
	enum err_code rc;

	if ((rc = field_bytes(r->o.txid.bytes, 32, v, "transactionHash", e)) ||
	    (rc = field_bytes(r->block_hash.bytes, 32, v, "blockHash", e)) ||
	    (rc = field_u64(&r->o.block, v, "blockNumber", e)) ||
	    (rc = field_u64(&r->o.units, v, "gasUsed", e)) ||
	    (rc = field_u64(&status, v, "status", e)))
		return rc;
	if (memcmp(&r->o.txid, txid, sizeof(*txid)) != 0)
		return err_fail(e, ERR_PARSE, "receipt of another transaction");
	if (status > 1)
		return err_fail(e, ERR_PARSE, "status is neither 0 nor 1");
	r->o.ok = status == 1;
	if (created && !json_is_null(created) &&
	    (rc = field_bytes(r->o.created.bytes, 20, v, "contractAddress", e)))
		return rc;
	if (evm_get_amount(&each, price, &in) != ERR_NONE)
		return field(e, &in, "effectiveGasPrice");
	if (!amount_mul_u64(&r->o.fee, each, r->o.units))
		return err_fail(e, ERR_PARSE, "a fee over 2^128");
	return read_logs(r, json_object_get(v, "logs"), e);
}

enum err_code evm_get_receipt(struct evm_receipt *out, bool *found,
			      const struct hash32 *txid, const json_t *v,
			      struct err *e)
{
	*out = (struct evm_receipt){0};
	*found = false;
	if (json_is_null(v))
		return ERR_NONE;
	if (!json_is_object(v))
		return err_fail(e, ERR_PARSE, "%s, want a receipt",
				node_kind(v));
	/* geth shows pending ones in some versions: no block yet */
	if (json_is_null(json_object_get(v, "blockNumber")))
		return ERR_NONE;
	*found = true;
	return read_receipt(out, txid, v, e);
}

void evm_receipt_clear(struct evm_receipt *r)
{
	free(r->logs);
	free(r->data);
	*r = (struct evm_receipt){0};
}

/* ------------------------------------------------------ what refusals mean */

enum chain_send_result evm_send_meaning(int64_t code, const char *message)
{
	static const struct {
		const char *words;
		enum chain_send_result means;
	} table[] = {
		{"already known", CHAIN_SENT},
		{"known transaction", CHAIN_SENT},
		{"already imported", CHAIN_SENT},
		{"alreadyknown", CHAIN_SENT},
		{"nonce too low", CHAIN_SEND_SLOT},
		{"nonce is too low", CHAIN_SEND_SLOT},
		{"nonce too high", CHAIN_SEND_LATER},
		{"nonce is too high", CHAIN_SEND_LATER},
		{"underpriced", CHAIN_SEND_FEE},
		{"max fee per gas less than block base fee", CHAIN_SEND_FEE},
		{"fee cap less than block base fee", CHAIN_SEND_FEE},
		{"transaction gas price below minimum", CHAIN_SEND_FEE},
		{"insufficient funds", CHAIN_SEND_FUNDS},
		{"txpool is full", CHAIN_SEND_LATER},
		{"limit exceeded", CHAIN_SEND_LATER},
		{"rate limit", CHAIN_SEND_LATER},
		{"too many requests", CHAIN_SEND_LATER},
		{"timeout", CHAIN_SEND_LATER},
	};
	char low[120];
	size_t n = 0;

	for (; message[n] && n + 1 < sizeof(low); n++)
		low[n] = (char)(message[n] >= 'A' && message[n] <= 'Z'
					? message[n] - 'A' + 'a'
					: message[n]);
	low[n] = 0;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strstr(low, table[i].words))
			return table[i].means;
	/* -32603 internal, -32005 limit exceeded: not a verdict on the bytes */
	if (code == -32603 || code == -32005)
		return CHAIN_SEND_LATER;
	return CHAIN_SEND_NO;
}
