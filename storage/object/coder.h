/* coder.h - Reed-Solomon, k data rows of n: any k of them bring back all.
 *
 * Source: docs/protocol.md, section 13: GF(2^8) with the polynomial 0x11d; row
 * i < k is data row i, row j >= k the sum over i of data row i times the
 * inverse of (j XOR i). The work is ISA-L's, and this is the only file that
 * knows it. A row is any piece of a shard: pieces of all rows that stand at the
 * same place belong together. A coder is not changed by use, so several threads
 * may share one.
 */
#ifndef STORAGE_OBJECT_CODER_H
#define STORAGE_OBJECT_CODER_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define CODER_K_MAX 64U
#define CODER_N_MAX 255U

struct coder;

/* ERR_LIMIT: not 1 <= k <= CODER_K_MAX and k <= n <= CODER_N_MAX. ERR_NOMEM. */
enum err_code coder_new(struct coder **out, unsigned k, unsigned n,
			struct err *e) __attribute__((warn_unused_result));
void coder_free(struct coder *c);

/* Makes rows first .. first + count - 1, all of them parity rows (k .. n - 1),
 * from the k data rows, len bytes of each, below 2^31. */
void coder_encode(const struct coder *c, unsigned first, unsigned count,
		  uint8_t *const *out, const uint8_t *const *data, size_t len);

/* What brings the data rows back that are not among `have`. */
struct coder_solution;

/* have: the numbers of k rows, all different, each below n (a data row that is
 * there stands for itself). ERR_STATE: they are not that. ERR_NOMEM. */
enum err_code coder_solve(struct coder_solution **out, const struct coder *c,
			  const uint8_t *have, struct err *e)
	__attribute__((warn_unused_result));
void coder_solution_free(struct coder_solution *s);
/* Data rows that it makes, in rising order; 0 .. k. */
unsigned coder_solution_rows(const struct coder_solution *s,
			     uint8_t rows[CODER_K_MAX]);
/* rows: those of `have`, in that order; out: those of coder_solution_rows(). */
void coder_solution_run(const struct coder_solution *s, uint8_t *const *out,
			const uint8_t *const *rows, size_t len);

#endif
