#include "storage/object/coder.h"

#include "base/vector.h"

#include <isa-l/erasure_code.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define TABLE 32U /* ISA-L's, for each coefficient */

struct coder {
	unsigned k, n;
	uint8_t *matrix; /* n rows of k */
	uint8_t *tables; /* of the parity rows */
};

struct coder_solution {
	unsigned k;
	unsigned made;
	uint8_t rows[CODER_K_MAX];
	uint8_t *tables;
};

enum err_code coder_new(struct coder **out, unsigned k, unsigned n,
			struct err *e)
{
	struct coder *c;

	*out = NULL;
	if (k < 1 || k > CODER_K_MAX || n < k || n > CODER_N_MAX)
		return err_fail(e, ERR_LIMIT,
				"coding: %u of %u is not possible: 1 to %u of "
				"at most %u",
				k, n, CODER_K_MAX, CODER_N_MAX);
	c = calloc(1, sizeof(*c));
	if (!c)
		return err_fail(e, ERR_NOMEM, "coding: no memory");
	c->k = k;
	c->n = n;
	c->matrix = malloc((size_t)n * k);
	c->tables = malloc((size_t)TABLE * k * (n - k) + 1);
	if (!c->matrix || !c->tables) {
		coder_free(c);
		return err_fail(e, ERR_NOMEM, "coding: no memory");
	}
	gf_gen_cauchy1_matrix(c->matrix, (int)n, (int)k);
	if (n > k)
		ec_init_tables((int)k, (int)(n - k), c->matrix + (size_t)k * k,
			       c->tables);
	*out = c;
	return ERR_NONE;
}

void coder_free(struct coder *c)
{
	if (!c)
		return;
	free(c->tables);
	free(c->matrix);
	free(c);
}

/* ISA-L reads tables and sources only, but says so of neither. */
static void run(unsigned k, unsigned rows, const uint8_t *tables,
		uint8_t *const *out, const uint8_t *const *in, size_t len)
{
	uint8_t *src[CODER_K_MAX], *dst[CODER_N_MAX];

	if (rows == 0 || len == 0)
		return;
	for (unsigned i = 0; i < k; i++)
		src[i] = (uint8_t *)(uintptr_t)in[i];
	for (unsigned i = 0; i < rows; i++)
		dst[i] = out[i];
	ec_encode_data((int)len, (int)k, (int)rows,
		       (uint8_t *)(uintptr_t)tables, src, dst);
	vector_clear_upper();
}

void coder_encode(const struct coder *c, unsigned first, unsigned count,
		  uint8_t *const *out, const uint8_t *const *data, size_t len)
{
	run(c->k, count, c->tables + (size_t)TABLE * c->k * (first - c->k), out,
	    data, len);
}

static bool are_rows(const struct coder *c, const uint8_t *have)
{
	for (unsigned i = 0; i < c->k; i++)
		if (have[i] >= c->n)
			return false;
	return true;
}

/* Rows of the inverse that make what is missing, as tables. */
static bool fill_solution(struct coder_solution *s, const struct coder *c,
			  const uint8_t *have, uint8_t *square,
			  uint8_t *inverse)
{
	bool there[CODER_N_MAX] = {false};
	unsigned k = c->k;

	for (unsigned i = 0; i < k; i++) {
		there[have[i]] = true;
		memcpy(square + (size_t)i * k, c->matrix + (size_t)have[i] * k,
		       k);
	}
	if (gf_invert_matrix(square, inverse, (int)k) != 0)
		return false; /* a row stands there twice */
	for (unsigned i = 0; i < k; i++) {
		if (there[i])
			continue;
		memmove(inverse + (size_t)s->made * k, inverse + (size_t)i * k,
			k);
		s->rows[s->made++] = (uint8_t)i;
	}
	if (s->made)
		ec_init_tables((int)k, (int)s->made, inverse, s->tables);
	return true;
}

enum err_code coder_solve(struct coder_solution **out, const struct coder *c,
			  const uint8_t *have, struct err *e)
{
	size_t cells = (size_t)c->k * c->k;
	uint8_t *square = malloc(2 * cells);
	struct coder_solution *s = calloc(1, sizeof(*s));
	enum err_code code = ERR_NONE;

	*out = NULL;
	if (s)
		s->tables = malloc(TABLE * cells);
	if (!square || !s || !s->tables)
		code = err_fail(e, ERR_NOMEM, "coding: no memory");
	else if (!are_rows(c, have) ||
		 !fill_solution(s, c, have, square, square + cells))
		code = err_fail(e, ERR_STATE,
				"coding: these are not %u different rows",
				c->k);
	free(square);
	if (code != ERR_NONE) {
		coder_solution_free(s);
		return code;
	}
	s->k = c->k;
	*out = s;
	return ERR_NONE;
}

void coder_solution_free(struct coder_solution *s)
{
	if (!s)
		return;
	free(s->tables);
	free(s);
}

unsigned coder_solution_rows(const struct coder_solution *s,
			     uint8_t rows[CODER_K_MAX])
{
	memcpy(rows, s->rows, s->made);
	return s->made;
}

void coder_solution_run(const struct coder_solution *s, uint8_t *const *out,
			const uint8_t *const *rows, size_t len)
{
	run(s->k, s->made, s->tables, out, rows, len);
}
