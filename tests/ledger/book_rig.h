/* book_rig.h - a book in memory, and what its own check finds in it. */
#ifndef TESTS_LEDGER_BOOK_RIG_H
#define TESTS_LEDGER_BOOK_RIG_H

#include "ledger/book/book.h"
#include "tests/check.h"

#define NOW INT64_C(1800000000)

static const struct address me = {{0xee}};

static inline struct amount n(uint64_t v)
{
	return amount_from_u64(v);
}

static inline struct book *fresh(void)
{
	struct book *b = NULL;
	struct err e = {0};

	CHECK(book_open(&b, ":memory:", &me, &e) == ERR_NONE, "%s", e.msg);
	return b;
}

static inline void tell_finding(void *ctx, const char *what)
{
	(void)fprintf(stderr, "  finding in %s: %s\n", (const char *)ctx, what);
}

static inline void expect_sound(struct book *b, const char *name)
{
	unsigned findings = 99;
	struct err e = {0};

	CHECK(book_check(b, NULL, tell_finding, (void *)(uintptr_t)name,
			 &findings, &e) == ERR_NONE,
	      "%s: %s", name, e.msg);
	CHECK(findings == 0, "%s: %u findings", name, findings);
}

#endif
