/* tron_server.h - a TRON node made of a script, on the test's own loop.
 *
 * A rule names a path ("wallet/getaccount"), a text that must occur in the
 * body (NULL: any) and the answer; the first that fits counts. Without a rule
 * blocks are made up, probes are run by mini_tvm.h, and the rest is a quiet
 * chain: prices as on the main chain, nobody has anything, nothing is mined,
 * everything is taken.
 */
#ifndef TESTS_LEDGER_TRON_SERVER_H
#define TESTS_LEDGER_TRON_SERVER_H

#include "base/hash.h"
#include "base/hex.h"
#include "ledger/signer/tron_tx.h"
#include "tests/ledger/mini_tvm.h"
#include "tests/ledger/rpc_server.h"

#define TRON_T0 UINT64_C(1795231302000) /* of block 0 */
#define TRON_CHAIN 0x6aa8c99e

struct tron_rule {
	const char *path, *needle, *answer;
};

struct tron_server {
	struct rpc_server http;
	const struct tron_rule *rules;
	size_t n_rules;
	unsigned after; /* HTTP requests before they count */
	uint64_t head, solid, chain_id;
	unsigned moves;	  /* how many probes still find a newer block */
	uint64_t free_of; /* what free() of the bank answers */
	uint8_t code;	  /* byte of which all code is made; 0: none */
	char sent[4096];  /* newest transaction, hex */
	struct tvm tvm;
};

static const struct address tron_bank = {{0xba}};

TVM_FN bool tron_call(void *ctx, const struct address *to, const uint8_t *data,
		      size_t len, uint8_t *ret, size_t *ret_len)
{
	const struct tron_server *s = ctx;

	(void)data;
	(void)len;
	*ret_len = 0;
	if (!address_eq(to, &tron_bank))
		return true;
	memset(ret, 0, 32);
	for (int i = 0; i < 8; i++)
		ret[31 - i] = (uint8_t)(s->free_of >> (8 * i));
	*ret_len = 32;
	return true;
}

TVM_FN uint64_t tron_balance(void *ctx, const struct address *who)
{
	(void)ctx;
	return who->bytes[0];
}

TVM_FN size_t tron_code(void *ctx, const struct address *who, uint8_t *out)
{
	const struct tron_server *s = ctx;

	if (!s->code || !address_eq(who, &tron_bank))
		return 0;
	memset(out, s->code, 3000);
	return 3000;
}

TVM_FN bool tron_is(const char *path, const char *name)
{
	const char *last = strrchr(path, '/');

	return last && strcmp(last + 1, name) == 0;
}

/* "0000000000000109aaaa..": the digit tells nodes apart. */
TVM_FN char *tron_block(const struct tron_server *s, uint64_t n)
{
	char *text = malloc(400), tail[49];

	memset(tail, s->http.hash_digit, 48);
	tail[48] = 0;
	if (!text)
		abort();
	(void)snprintf(
		text, 400,
		"{\"blockID\":\"%016llx%s\",\"block_header\":{\"raw_data\":"
		"{\"number\":%llu,\"timestamp\":%llu}}}",
		(unsigned long long)n, tail, (unsigned long long)n,
		(unsigned long long)(TRON_T0 + n * 3000));
	return text;
}

TVM_FN char *tron_get_block_of(const struct tron_server *s, uint64_t newest,
			       const json_t *q)
{
	const char *which = json_string_value(json_object_get(q, "id_or_num"));
	uint64_t n = which ? strtoull(which, NULL, 10) : newest;

	return n > newest ? strdup("{}") : tron_block(s, n);
}

TVM_FN char *tron_probe_run(struct tron_server *s, uint64_t at, const char *hex)
{
	uint8_t code[8192];
	size_t len = strlen(hex) / 2, got;
	const uint8_t *ret;
	char *text, *digits;

	s->tvm.chain_id = s->chain_id;
	s->tvm.number = at;
	if (len > sizeof(code) || !hex_decode(code, len, hex))
		abort();
	ret = tvm_run(&s->tvm, code, len, &got);
	text = malloc(2 * got + 200);
	digits = malloc(2 * got + 1);
	if (!ret || !text || !digits)
		abort();
	(void)snprintf(
		text, 2 * got + 200,
		"{\"result\":{\"result\":true},\"energy_used\":7,"
		"\"constant_result\":[\"%s\"],\"transaction\":{\"ret\":[{}"
		"]}}",
		hex_encode(digits, ret, got));
	free(digits);
	return text;
}

TVM_FN char *tron_take(struct tron_server *s, const char *hex)
{
	uint8_t raw[2048];
	size_t len = strlen(hex) / 2;
	struct tron_tx tx;
	struct ecc_sig sig;
	struct hash32 id;
	char *text = malloc(200), digits[65];

	if (len > sizeof(raw) || !hex_decode(raw, len, hex) || !text)
		abort();
	(void)snprintf(s->sent, sizeof(s->sent), "%s", hex);
	if (tron_tx_decode(&tx, &sig, &id, raw, len, NULL) != ERR_NONE)
		abort();
	(void)snprintf(text, 200,
		       "{\"result\":true,\"code\":\"SUCCESS\",\"txid\":\"%s\"}",
		       hex_encode(digits, id.bytes, 32));
	return text;
}

TVM_FN char *tron_default(struct tron_server *s, const char *path,
			  const json_t *q)
{
	bool solid = strstr(path, "walletsolidity") != NULL;
	uint64_t newest = solid ? s->solid : s->head;
	const char *data = json_string_value(json_object_get(q, "data"));
	const char *tx = json_string_value(json_object_get(q, "transaction"));

	if (tron_is(path, "getblock"))
		return tron_get_block_of(s, newest, q);
	if (tron_is(path, "triggerconstantcontract") && data &&
	    !json_object_get(q, "contract_address")) {
		char *text = tron_probe_run(s, newest, data);

		if (s->moves && strlen(data) > 80) { /* not an empty probe */
			s->moves--;
			s->head++;
			s->solid++;
		}
		return text;
	}
	if (tron_is(path, "getchainparameters"))
		return strdup("{\"chainParameter\":[{\"key\":\"getEnergyFee\","
			      "\"value\":100},{\"key\":\"getTransactionFee\","
			      "\"value\":1000},{\"key\":\"getMaxFeeLimit\","
			      "\"value\":15000000000}]}");
	if (tron_is(path, "broadcasthex") && tx)
		return tron_take(s, tx);
	return strdup("{}");
}

TVM_FN char *tron_answer(struct rpc_server *http, const char *path,
			 const char *body)
{
	struct tron_server *s = http->ctx;
	json_t *q = json_loads(body, 0, NULL);
	char *text = NULL;

	for (size_t i = 0; i < s->n_rules && !text; i++) {
		const struct tron_rule *r = &s->rules[i];

		if (http->posts > s->after && strcmp(r->path, path + 1) == 0 &&
		    (!r->needle || strstr(body, r->needle)))
			text = strdup(r->answer);
	}
	if (!text)
		text = tron_default(s, path, q);
	json_decref(q);
	return text;
}

TVM_FN void tron_open(struct tron_server *s, struct loop *loop)
{
	rpc_open(&s->http, loop);
	s->http.answer = tron_answer;
	s->http.ctx = s;
	s->head = 265;
	s->solid = 263;
	s->chain_id = TRON_CHAIN;
	s->tvm.call = tron_call;
	s->tvm.balance = tron_balance;
	s->tvm.code = tron_code;
	s->tvm.ctx = s;
}

TVM_FN void tron_close(struct tron_server *s)
{
	rpc_close(&s->http);
	tvm_clear(&s->tvm);
}

#endif
