/* mini_tvm.h - runs the code of a probe (ledger/chain/tron_probe.h), and
 * nothing else: the few opcodes that it is made of, on a machine whose
 * contracts, balances and code are answered by the test.
 */
#ifndef TESTS_LEDGER_MINI_TVM_H
#define TESTS_LEDGER_MINI_TVM_H

#include "base/ids.h"
#include "tests/check.h"

#include <stdlib.h>
#include <string.h>

#define TVM_FN __attribute__((unused)) static
#define TVM_MEMORY (1 << 18)

struct tvm {
	uint64_t chain_id, number;
	/* Answers a static call into ret (TVM_MEMORY bytes); false: it
	 * reverts. */
	bool (*call)(void *ctx, const struct address *to, const uint8_t *data,
		     size_t len, uint8_t *ret, size_t *ret_len);
	uint64_t (*balance)(void *ctx, const struct address *who);
	/* Code into out; its length. */
	size_t (*code)(void *ctx, const struct address *who, uint8_t *out);
	void *ctx;
	/* its own */
	uint8_t *memory, *ret;
	size_t ret_len, used;
};

struct tvm_word {
	uint64_t low; /* numbers below 2^64 */
	struct address address;
};

TVM_FN size_t tvm_at(struct tvm *m, uint64_t at, uint64_t len)
{
	if (at > TVM_MEMORY || len > TVM_MEMORY - at)
		abort();
	if (at + len > m->used)
		m->used = (size_t)(at + len);
	return (size_t)at;
}

TVM_FN void tvm_store(struct tvm *m, uint64_t at, uint64_t v)
{
	uint8_t *p = m->memory + tvm_at(m, at, 32);

	memset(p, 0, 32);
	for (int i = 0; i < 8; i++)
		p[31 - i] = (uint8_t)(v >> (8 * i));
}

/* What the code returns, borrowed from m->memory; *out_len 0 when it does
 * anything that a probe does not do. */
TVM_FN const uint8_t *tvm_run(struct tvm *m, const uint8_t *code, size_t len,
			      size_t *out_len)
{
	static uint8_t other[TVM_MEMORY];
	struct tvm_word s[16] = {{0}};
	size_t n = 0; /* words on the stack */

	if (!m->memory)
		m->memory = malloc(TVM_MEMORY);
	if (!m->ret)
		m->ret = malloc(TVM_MEMORY);
	if (!m->memory || !m->ret)
		abort();
	memset(m->memory, 0, TVM_MEMORY);
	m->used = 0;
	*out_len = 0;
	for (size_t pc = 0; pc < len; pc++) {
		struct tvm_word w = {0};
		uint8_t op = code[pc];

		if (n > 12)
			return NULL;
		if (op == 0x46 || op == 0x43 || op == 0x3d || op == 0x5a) {
			w.low = op == 0x46   ? m->chain_id
				: op == 0x43 ? m->number
				: op == 0x3d ? m->ret_len
					     : 1000000;
			s[n++] = w;
		} else if (op == 0x60) {
			s[n++] = (struct tvm_word){.low = code[++pc]};
		} else if (op == 0x61) {
			s[n++] = (struct tvm_word){
				.low = (uint64_t)(code[pc + 1] << 8 |
						  code[pc + 2])};
			pc += 2;
		} else if (op == 0x73) {
			memcpy(w.address.bytes, code + pc + 1, 20);
			s[n++] = w;
			pc += 20;
		} else if (op >= 0x80 && op <= 0x83 && n > op - 0x80U) {
			s[n] = s[n - 1 - (op - 0x80U)];
			n++;
		} else if (op == 0x01 && n >= 2) {
			s[n - 2].low += s[n - 1].low;
			n--;
		} else if (op == 0x52 && n >= 2) {
			tvm_store(m, s[n - 1].low, s[n - 2].low);
			n -= 2;
		} else if (op == 0x31 && n >= 1) {
			s[n - 1].low = m->balance(m->ctx, &s[n - 1].address);
		} else if (op == 0x3b && n >= 1) {
			s[n - 1].low =
				m->code(m->ctx, &s[n - 1].address, other);
		} else if (op == 0x3c && n >= 4) {
			size_t got = m->code(m->ctx, &s[n - 1].address, other);

			if (s[n - 3].low != 0 || s[n - 4].low != got)
				return NULL;
			memcpy(m->memory + tvm_at(m, s[n - 2].low, got), other,
			       got);
			n -= 4;
		} else if (op == 0x39 && n >= 3) {
			if (s[n - 2].low + s[n - 3].low > len)
				return NULL;
			memcpy(m->memory +
				       tvm_at(m, s[n - 1].low, s[n - 3].low),
			       code + s[n - 2].low, s[n - 3].low);
			n -= 3;
		} else if (op == 0x3e && n >= 3) {
			if (s[n - 2].low + s[n - 3].low > m->ret_len)
				return NULL;
			memcpy(m->memory +
				       tvm_at(m, s[n - 1].low, s[n - 3].low),
			       m->ret + s[n - 2].low, s[n - 3].low);
			n -= 3;
		} else if (op == 0xfa && n >= 6) {
			size_t at = tvm_at(m, s[n - 3].low, s[n - 4].low);
			bool good = m->call(m->ctx, &s[n - 2].address,
					    m->memory + at, s[n - 4].low,
					    m->ret, &m->ret_len);

			n -= 6;
			s[n++] = (struct tvm_word){.low = good};
		} else if (op == 0xf3 && n >= 2) {
			*out_len = s[n - 2].low;
			return m->memory +
			       tvm_at(m, s[n - 1].low, s[n - 2].low);
		} else {
			return NULL;
		}
	}
	return NULL;
}

TVM_FN void tvm_clear(struct tvm *m)
{
	free(m->memory);
	free(m->ret);
	m->memory = m->ret = NULL;
}

#endif
