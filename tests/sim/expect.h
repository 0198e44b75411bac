/* expect.h - check.h for programs of several files: one count of failures. */
#ifndef TESTS_SIM_EXPECT_H
#define TESTS_SIM_EXPECT_H

#include <stdio.h>
#include <stdlib.h>

extern unsigned expect_failures;

#define EXPECT(cond, ...) \
	do { \
		if (!(cond)) { \
			expect_failures++; \
			(void)fprintf(stderr, "%s:%d: %s: ", __FILE__, \
				      __LINE__, #cond); \
			(void)fprintf(stderr, __VA_ARGS__); \
			(void)fputc('\n', stderr); \
		} \
	} while (0)

/* For what only a broken machine lets fail. */
#define MUST(call) \
	do { \
		if ((call) != ERR_NONE) { \
			(void)fprintf(stderr, "%s:%d: %s\n", __FILE__, \
				      __LINE__, #call); \
			abort(); \
		} \
	} while (0)

#define EXPECT_EXIT() (expect_failures ? 1 : 0)
#define ROWS(a) (sizeof(a) / sizeof((a)[0]))

#endif
