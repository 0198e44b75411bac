#include "ledger/chain/tron_json.h"

#include "base/address.h"
#include "ledger/signer/tron_tx.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- requests */

void tron_text_hex(struct node_text *t, const void *p, size_t len)
{
	node_text_str(t, "\"");
	node_text_digits(t, p, len);
	node_text_str(t, "\"");
}

void tron_text_address(struct node_text *t, const struct address *a)
{
	uint8_t full[21] = {ADDRESS_TRON_PREFIX};

	memcpy(full + 1, a->bytes, sizeof(a->bytes));
	tron_text_hex(t, full, sizeof(full));
}

void tron_text_call(struct node_text *t, const struct address *owner,
		    const struct address *to, uint64_t value, const void *data,
		    size_t len)
{
	node_text_str(t, "{\"owner_address\":");
	tron_text_address(t, owner);
	if (to) {
		node_text_str(t, ",\"contract_address\":");
		tron_text_address(t, to);
	}
	if (value) {
		node_text_str(t, ",\"call_value\":");
		node_text_u64(t, value);
	}
	node_text_str(t, ",\"data\":");
	tron_text_hex(t, data, len);
	node_text_str(t, "}");
}

/* ------------------------------------------------------------------ values */

/* "class a.b.C : words": the words. */
static const char *without_class(const char *s)
{
	const char *words = strstr(s, " : ");

	return strncmp(s, "class ", 6) == 0 && words ? words + 3 : s;
}

enum err_code tron_body_decode(json_t **root, const char *body, size_t len,
			       struct err *e)
{
	const char *error;
	json_error_t why;
	char text[120];

	*root = json_loadb(body, len, JSON_REJECT_DUPLICATES, &why);
	if (!*root) {
		node_tame(text, sizeof(text), why.text);
		return err_fail(e, ERR_PARSE, "not JSON: %.80s", text);
	}
	if (!json_is_object(*root))
		return err_fail(e, ERR_PARSE, "%s, want an object",
				node_kind(*root));
	error = json_string_value(json_object_get(*root, "Error"));
	if (!error)
		return ERR_NONE;
	node_tame(text, sizeof(text), error);
	return err_fail(e, ERR_CHAIN, "%s", without_class(text));
}

/* A number that may be left out when it is zero; never negative. */
static enum err_code field_u64(uint64_t *out, const json_t *object,
			       const char *name, struct err *e)
{
	const json_t *v = json_object_get(object, name);

	*out = 0;
	if (!v)
		return ERR_NONE;
	if (!json_is_integer(v) || json_integer_value(v) < 0)
		return err_fail(e, ERR_PARSE, "%s: %s, want a number", name,
				node_kind(v));
	*out = (uint64_t)json_integer_value(v);
	return ERR_NONE;
}

/* The string of a field, or NULL. */
static const char *field_text(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

static enum err_code read_bytes(void *out, size_t len, const json_t *v,
				const char *name, struct err *e)
{
	const char *s = json_string_value(v);
	size_t got = 0;

	if (!s)
		return err_fail(e, ERR_PARSE, "%s: %s, want %zu bytes of hex",
				name, node_kind(v), len);
	if (!node_unhex(out, &got, len, s) || got != len)
		return err_fail(e, ERR_PARSE, "%s: want %zu bytes of hex", name,
				len);
	return ERR_NONE;
}

/* Words that come as hex, or (some nodes) as they are. */
static void read_words(char *out, size_t cap, const json_t *v)
{
	const char *s = json_string_value(v);
	uint8_t raw[160];
	char text[160];
	size_t len = 0, digits = s ? strlen(s) : 0;

	out[0] = 0;
	if (!s)
		return;
	if (digits > 2 * (sizeof(raw) - 1)) /* cut what is too long */
		digits = 2 * (sizeof(raw) - 1);
	text[0] = 0;
	for (size_t i = 0; i + 1 < digits && len < sizeof(text) - 1; i += 2) {
		int hi = node_hex_digit(s[i]), lo = node_hex_digit(s[i + 1]);

		if (hi < 0 || lo < 0) {
			node_tame(out, cap, s);
			return;
		}
		text[len++] = (char)(hi << 4 | lo);
	}
	text[len] = 0;
	node_tame(out, cap, text);
}

/* ------------------------------------------------- blocks, accounts, prices */

enum err_code tron_get_block(struct tron_block *out, bool *found,
			     const json_t *v, struct err *e)
{
	const json_t *raw =
		json_object_get(json_object_get(v, "block_header"), "raw_data");
	struct tron_block b = {0};
	uint64_t number = 0;
	enum err_code rc;

	*found = false;
	if (json_object_size(v) == 0)
		return ERR_NONE;
	if (!json_is_object(raw))
		return err_fail(e, ERR_PARSE, "raw_data: %s, want a header",
				node_kind(raw));
	if ((rc = field_u64(&b.number, raw, "number", e)) ||
	    (rc = field_u64(&b.time_ms, raw, "timestamp", e)) ||
	    (rc = read_bytes(b.id.bytes, sizeof(b.id.bytes),
			     json_object_get(v, "blockID"), "blockID", e)))
		return rc;
	for (size_t i = 0; i < 8; i++)
		number = number << 8 | b.id.bytes[i];
	if (number != b.number)
		return err_fail(e, ERR_PARSE, "blockID of another block");
	*out = b;
	*found = true;
	return ERR_NONE;
}

enum err_code tron_get_account(struct amount *balance, bool *found,
			       const json_t *v, struct err *e)
{
	uint64_t sun;
	enum err_code rc = field_u64(&sun, v, "balance", e);

	if (rc != ERR_NONE)
		return rc;
	*balance = amount_from_u64(sun);
	*found = json_object_size(v) > 0;
	return ERR_NONE;
}

static enum err_code read_pool(uint64_t *left, const json_t *v,
			       const char *limit, const char *used,
			       struct err *e)
{
	uint64_t most, gone;
	enum err_code rc;

	if ((rc = field_u64(&most, v, limit, e)) ||
	    (rc = field_u64(&gone, v, used, e)))
		return rc;
	*left = most > gone ? most - gone : 0;
	return ERR_NONE;
}

enum err_code tron_get_resources(struct tron_resources *out, const json_t *v,
				 struct err *e)
{
	struct tron_resources r;
	enum err_code rc;

	if ((rc = read_pool(&r.energy, v, "EnergyLimit", "EnergyUsed", e)) ||
	    (rc = read_pool(&r.bandwidth, v, "NetLimit", "NetUsed", e)) ||
	    (rc = read_pool(&r.free_bandwidth, v, "freeNetLimit", "freeNetUsed",
			    e)))
		return rc;
	*out = r;
	return ERR_NONE;
}

enum err_code tron_get_params(struct tron_params *out, const json_t *v,
			      struct err *e)
{
	const json_t *list = json_object_get(v, "chainParameter");
	struct tron_params p = {0};
	const struct {
		const char *key;
		uint64_t *out;
	} want[] = {{"getEnergyFee", &p.energy_sun},
		    {"getTransactionFee", &p.byte_sun},
		    {"getMaxFeeLimit", &p.max_fee_limit}};

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);
		const char *key = field_text(one, "key");

		for (size_t k = 0; key && k < 3; k++)
			if (strcmp(want[k].key, key) == 0 &&
			    field_u64(want[k].out, one, "value", e) != ERR_NONE)
				return e ? e->code : ERR_PARSE;
	}
	for (size_t k = 0; k < 3; k++)
		if (*want[k].out == 0)
			return err_fail(e, ERR_PARSE, "no %s", want[k].key);
	*out = p;
	return ERR_NONE;
}

/* ---------------------------------------------------------- constant calls */

void tron_constant_clear(struct tron_constant *c)
{
	free(c->data);
	*c = (struct tron_constant){0};
}

static enum err_code read_return(struct tron_constant *c, const json_t *v,
				 struct err *e)
{
	const json_t *list = json_object_get(v, "constant_result");
	const char *s = json_string_value(json_array_get(list, 0));
	size_t digits = s ? strlen(s) : 0;

	if (json_array_size(list) > 0 && !s)
		return err_fail(e, ERR_PARSE, "constant_result: not hex");
	if (digits == 0)
		return ERR_NONE;
	if (digits / 2 > TRON_MAX_RETURN)
		return err_fail(e, ERR_LIMIT, "%zu bytes returned", digits / 2);
	c->data = malloc(digits / 2 + 1);
	if (!c->data)
		return err_fail(e, ERR_NOMEM, "no memory");
	if (!node_unhex(c->data, &c->len, digits / 2, s))
		return err_fail(e, ERR_PARSE, "constant_result: not hex");
	return ERR_NONE;
}

/* By the node and not by the call? */
static bool nodes_fault(const char *code, const char *words)
{
	static const char *const codes[] = {"SERVER_BUSY", "NO_CONNECTION",
					    "NOT_ENOUGH_EFFECTIVE_CONNECTION",
					    "BLOCK_UNSOLIDIFIED"};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (strcmp(codes[i], code) == 0)
			return true;
	return strstr(words, "not support constant") ||
	       strstr(words, "lack of computing");
}

/* No result at all: code and words say why. */
static enum err_code refused(struct tron_constant *c, const json_t *result,
			     struct err *e)
{
	const char *code = field_text(result, "code");
	char words[160];

	read_words(words, sizeof(words), json_object_get(result, "message"));
	if (!code)
		return err_fail(e, ERR_PARSE, "neither a result nor a code");
	if (nodes_fault(code, words))
		return err_fail(e, ERR_CHAIN, "%s", words[0] ? words : code);
	c->out_of_time = strstr(words, "OutOfTime") != NULL;
	if (c->out_of_time)
		(void)snprintf(c->reason, sizeof(c->reason),
			       "it takes more time than the chain gives one "
			       "transaction");
	else if (strcmp(words, "Smart contract is not exist.") == 0)
		(void)snprintf(c->reason, sizeof(c->reason),
			       "no such contract there");
	else
		(void)snprintf(c->reason, sizeof(c->reason), "%.95s",
			       words[0] ? without_class(words) : code);
	if (!c->reason[0])
		(void)snprintf(c->reason, sizeof(c->reason),
			       "refused without a reason");
	return ERR_NONE;
}

enum err_code tron_get_constant(struct tron_constant *out, const json_t *v,
				struct err *e)
{
	const json_t *result = json_object_get(v, "result");
	const json_t *ret = json_array_get(
		json_object_get(json_object_get(v, "transaction"), "ret"), 0);
	const char *fate = field_text(ret, "ret");
	enum err_code rc;

	*out = (struct tron_constant){0};
	if (!json_is_object(result))
		return err_fail(e, ERR_PARSE, "result: %s, want an object",
				node_kind(result));
	if (!json_is_true(json_object_get(result, "result")))
		return refused(out, result, e);
	rc = field_u64(&out->energy, v, "energy_used", e);
	if (rc == ERR_NONE)
		rc = read_return(out, v, e);
	if (rc != ERR_NONE)
		return rc;
	if (!json_is_object(ret))
		return err_fail(e, ERR_PARSE, "ret: %s, want an object",
				node_kind(ret));
	out->ok = !fate || strcmp(fate, "SUCESS") == 0; /* sic */
	if (out->ok)
		return ERR_NONE;
	if (out->len)
		chain_revert_words(out->reason, sizeof(out->reason), out->data,
				   out->len);
	else
		read_words(out->reason, sizeof(out->reason),
			   json_object_get(result, "message"));
	if (!out->reason[0])
		(void)snprintf(out->reason, sizeof(out->reason),
			       "failed without a reason");
	return ERR_NONE;
}

/* ---------------------------------------------------- mined transactions */

void tron_info_clear(struct tron_info *i)
{
	free(i->logs);
	free(i->data);
	*i = (struct tron_info){0};
}

/* Events name contracts by 20 bytes, without the prefix. */
static enum err_code read_log(struct tron_info *r, size_t *used, size_t room,
			      const json_t *v, struct err *e)
{
	struct chain_log *log = &r->logs[r->o.n_logs];
	const json_t *topics = json_object_get(v, "topics");
	const json_t *data = json_object_get(v, "data");
	enum err_code rc =
		read_bytes(log->where.bytes, 20, json_object_get(v, "address"),
			   "address", e);

	if (rc != ERR_NONE)
		return rc;
	log->n_topics = json_array_size(topics);
	if ((topics && !json_is_array(topics)) || log->n_topics > 4)
		return err_fail(e, ERR_PARSE, "log: bad list of topics");
	for (size_t i = 0; i < log->n_topics; i++) {
		rc = read_bytes(log->topics[i].bytes, 32,
				json_array_get(topics, i), "topic", e);
		if (rc != ERR_NONE)
			return rc;
	}
	log->data = r->data + *used;
	if (data && (!json_is_string(data) ||
		     !node_unhex(r->data + *used, &log->len, room - *used,
				 json_string_value(data))))
		return err_fail(e, ERR_PARSE, "log: data is not hex");
	*used += log->len;
	r->o.n_logs++;
	return ERR_NONE;
}

static enum err_code read_logs(struct tron_info *r, const json_t *logs,
			       struct err *e)
{
	size_t n = json_array_size(logs), room = 0, used = 0;
	enum err_code rc;

	if (logs && !json_is_array(logs))
		return err_fail(e, ERR_PARSE, "log: %s, want a list",
				node_kind(logs));
	if (n > CHAIN_MAX_LOGS)
		return err_fail(e, ERR_LIMIT, "%zu logs, at most %d", n,
				CHAIN_MAX_LOGS);
	for (size_t i = 0; i < n; i++)
		room += json_string_length(json_object_get(
				json_array_get(logs, i), "data")) /
			2;
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

/* All that we send runs a contract, so all of it has a receipt's result. */
static enum err_code read_result(struct chain_outcome *o, const json_t *v,
				 const json_t *receipt, struct err *e)
{
	const char *result = field_text(receipt, "result");
	const char *whole = field_text(v, "result");

	if (!result && !whole)
		return err_fail(e, ERR_PARSE, "receipt without a result");
	o->ok = result && strcmp(result, "SUCCESS") == 0 &&
		(!whole || strcmp(whole, "SUCESS") == 0);
	o->out_of_time = result && strcmp(result, "OUT_OF_TIME") == 0;
	return ERR_NONE;
}

static enum err_code read_created(struct chain_outcome *o,
				  const struct address *from, const json_t *v,
				  struct err *e)
{
	const json_t *at = json_object_get(v, "contract_address");
	struct address made = tron_tx_created(&o->txid, from);
	uint8_t full[21];
	enum err_code rc;

	if (!at)
		return ERR_NONE;
	rc = read_bytes(full, sizeof(full), at, "contract_address", e);
	if (rc != ERR_NONE)
		return rc;
	if (full[0] != ADDRESS_TRON_PREFIX)
		return err_fail(e, ERR_PARSE, "contract_address without 41");
	if (memcmp(full + 1, made.bytes, sizeof(made.bytes)) == 0)
		o->created = made;
	return ERR_NONE;
}

enum err_code tron_get_info(struct tron_info *out, bool *found,
			    const struct hash32 *txid,
			    const struct address *from, const json_t *v,
			    struct err *e)
{
	const json_t *receipt = json_object_get(v, "receipt");
	struct chain_outcome *o = &out->o;
	uint64_t fee;
	enum err_code rc;

	*out = (struct tron_info){0};
	*found = false;
	if (json_object_size(v) == 0)
		return ERR_NONE;
	if ((rc = read_bytes(o->txid.bytes, sizeof(o->txid.bytes),
			     json_object_get(v, "id"), "id", e)) ||
	    (rc = field_u64(&o->block, v, "blockNumber", e)) ||
	    (rc = field_u64(&fee, v, "fee", e)))
		return rc;
	if (memcmp(&o->txid, txid, sizeof(*txid)) != 0)
		return err_fail(e, ERR_PARSE, "info of another transaction");
	if (o->block == 0)
		return err_fail(e, ERR_PARSE, "blockNumber: nothing");
	if (!json_is_object(receipt))
		return err_fail(e, ERR_PARSE, "receipt: %s, want an object",
				node_kind(receipt));
	o->fee = amount_from_u64(fee);
	if ((rc = field_u64(&o->units, receipt, "energy_usage_total", e)) ||
	    (rc = read_result(o, v, receipt, e)) ||
	    (rc = read_created(o, from, v, e)) ||
	    (rc = read_logs(out, json_object_get(v, "log"), e)))
		return rc;
	*found = true;
	return ERR_NONE;
}

/* ------------------------------------------------------------ broadcasting */

enum chain_send_result tron_get_sent(char *why, size_t cap, const json_t *v)
{
	static const struct {
		const char *code, *words; /* NULL: whatever they are */
		enum chain_send_result means;
	} table[] = {
		{"SUCCESS", NULL, CHAIN_SENT},
		{"DUP_TRANSACTION_ERROR", NULL, CHAIN_SENT},
		{"TRANSACTION_EXPIRATION_ERROR", NULL, CHAIN_SEND_SLOT},
		{"BANDWITH_ERROR", NULL, CHAIN_SEND_FUNDS}, /* sic */
		{"CONTRACT_VALIDATE_ERROR", "balance is not sufficient",
		 CHAIN_SEND_FUNDS},
		{"CONTRACT_VALIDATE_ERROR", "does not exist",
		 CHAIN_SEND_FUNDS}, /* nobody paid this account yet */
		{"CONTRACT_VALIDATE_ERROR", NULL, CHAIN_SEND_NO},
		{"CONTRACT_EXE_ERROR", NULL, CHAIN_SEND_NO},
		{"SIGERROR", NULL, CHAIN_SEND_NO},
		{"TOO_BIG_TRANSACTION_ERROR", NULL, CHAIN_SEND_NO},
	};
	const char *code = field_text(v, "code");
	char words[120];

	if (!v)
		return strstr(why, "decoding Hex") || strstr(why, "protocol")
			       ? CHAIN_SEND_NO
			       : CHAIN_SEND_LATER;
	if (!code)
		code = json_is_true(json_object_get(v, "result")) ? "SUCCESS"
								  : "";
	read_words(words, sizeof(words), json_object_get(v, "message"));
	(void)snprintf(why, cap, "%s%s%.90s", code, words[0] ? ": " : "",
		       words);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(table[i].code, code) == 0 &&
		    (!table[i].words || strstr(words, table[i].words)))
			return table[i].means;
	/* busy, not connected, behind (TAPOS: it does not know our block yet)
	 * or something new: what is sent expires, so asking again is bounded */
	return CHAIN_SEND_LATER;
}
