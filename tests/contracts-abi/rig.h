/* rig.h - values, bytes and logs for tests of the contracts' ABI. */
#ifndef TESTS_CONTRACTS_ABI_RIG_H
#define TESTS_CONTRACTS_ABI_RIG_H

#include "base/amount.h"
#include "base/ids.h"
#include "contracts-abi/abi.h"
#include "tests/check.h"
#include "tests/contracts-abi/vectors.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define BIG 4096

static inline size_t unhex(uint8_t *out, size_t cap, const char *hex)
{
	size_t n = strlen(hex) / 2;

	if (n > cap)
		abort();
	for (size_t i = 0; i < n; i++) {
		char two[3] = {hex[2 * i], hex[2 * i + 1], 0};

		out[i] = (uint8_t)strtoul(two, NULL, 16);
	}
	return n;
}

static inline struct address addr(uint8_t b)
{
	struct address a;

	memset(a.bytes, b, sizeof(a.bytes));
	return a;
}

static inline struct amount num(uint64_t v)
{
	return amount_from_u64(v);
}

static inline bool same(struct amount a, struct amount b)
{
	return amount_cmp(a, b) == 0;
}

/* A call as it is packed, and as ethers packs it. */
struct call_row {
	const char *name;
	void (*put)(struct wr *w);
	const char *want; /* hex */
	size_t len;	  /* what its macro says */
};

static inline void check_calls(const struct call_row *rows, size_t n)
{
	static uint8_t got[BIG], want[BIG];

	for (size_t i = 0; i < n; i++) {
		size_t len = unhex(want, sizeof(want), rows[i].want);
		struct wr w = wr_into(got, sizeof(got));

		rows[i].put(&w);
		CHECK(wr_len(&w) == len && memcmp(got, want, len) == 0,
		      "%s: differs from ethers", rows[i].name);
		CHECK(len == rows[i].len, "%s: length macro", rows[i].name);
		w = wr_into(got, len - 1);
		rows[i].put(&w);
		CHECK(wr_len(&w) == 0, "%s: fitted one short", rows[i].name);
	}
}

struct log_buf {
	struct abi_log log;
	struct hash32 topics[4];
	uint8_t data[BIG];
};

static inline void log_of(struct log_buf *l, const char *topics,
			  const char *data)
{
	l->log.topics = l->topics;
	l->log.topics_len =
		unhex((uint8_t *)l->topics, sizeof(l->topics), topics) /
		sizeof(struct hash32);
	l->log.data = l->data;
	l->log.data_len = unhex(l->data, sizeof(l->data), data);
}

static inline bool is_hash(struct hash32 got, const char *hex)
{
	struct hash32 want;

	(void)unhex(want.bytes, sizeof(want.bytes), hex);
	return memcmp(&got, &want, sizeof(got)) == 0;
}

#endif
