#include "ledger/signer/signer_cells.h"

#include "base/bytes.h"

#include <sodium.h>
#include <string.h>

#define CELL SIGNER_CELL
#define SLOT SIGNER_SLOT
#define SUM_AT 112
#define SUM_LEN 16

static void cell_sum(uint8_t out[SUM_LEN], const uint8_t cell[CELL],
		     uint32_t slot)
{
	uint8_t in[SUM_AT + 4];
	struct wr w = wr_into(in, sizeof(in));

	wr_copy(&w, cell, SUM_AT);
	wr_u32(&w, slot); /* a cell copied to another place is not valid */
	(void)crypto_generichash(out, SUM_LEN, in, sizeof(in), NULL, 0);
}

static void wr_amount(struct wr *w, struct amount a)
{
	uint8_t be[16];

	amount_to_be16(be, a);
	wr_copy(w, be, sizeof(be));
}

static struct amount rd_amount(struct rd *r)
{
	uint8_t be[16];

	rd_copy(r, be, sizeof(be));
	return amount_from_be16(be);
}

void signer_head_encode(uint8_t cell[CELL], const struct signer_head *h)
{
	struct wr w = wr_into(cell, SUM_AT);

	memset(cell, 0, CELL);
	wr_u8(&w, SIGNER_CELL_HEAD);
	wr_u64(&w, h->twin.seq);
	wr_u32(&w, h->day);
	wr_u8(&w, h->torn);
	wr_amount(&w, h->ceiling);
	wr_amount(&w, h->fees);
	wr_u32(&w, h->rows);
	wr_u8(&w, h->pinned);
	wr_u64(&w, h->domain.chain_id);
	wr_copy(&w, h->domain.bank.bytes, sizeof(h->domain.bank.bytes));
	wr_copy(&w, h->domain.token.bytes, sizeof(h->domain.token.bytes));
	cell_sum(cell + SUM_AT, cell, 0);
}

static bool head_decode(struct signer_head *h, const uint8_t cell[CELL])
{
	struct rd r = rd_from(cell, SUM_AT);
	uint8_t type = rd_u8(&r);

	h->twin.seq = rd_u64(&r);
	h->day = rd_u32(&r);
	h->torn = rd_u8(&r) != 0;
	h->ceiling = h->promised = rd_amount(&r);
	h->fees = rd_amount(&r);
	h->rows = rd_u32(&r);
	h->pinned = rd_u8(&r) != 0;
	h->domain.chain_id = rd_u64(&r);
	rd_copy(&r, h->domain.bank.bytes, sizeof(h->domain.bank.bytes));
	rd_copy(&r, h->domain.token.bytes, sizeof(h->domain.token.bytes));
	return !r.bad && type == SIGNER_CELL_HEAD &&
	       h->rows <= SIGNER_STATE_ROWS;
}

void signer_row_encode(uint8_t cell[CELL], uint32_t slot,
		       const struct signer_row *row)
{
	struct wr w = wr_into(cell, SUM_AT);

	memset(cell, 0, CELL);
	wr_u8(&w, (uint8_t)row->type);
	wr_u64(&w, row->twin.seq);
	wr_copy(&w, row->payer.bytes, sizeof(row->payer.bytes));
	wr_copy(&w, row->payee.bytes, sizeof(row->payee.bytes));
	wr_u32(&w, row->day);
	wr_amount(&w, row->base);
	wr_amount(&w, row->floor);
	cell_sum(cell + SUM_AT, cell, slot);
}

static bool row_decode(struct signer_row *row, const uint8_t cell[CELL])
{
	struct rd r = rd_from(cell, SUM_AT);
	uint8_t type = rd_u8(&r);

	row->twin.seq = rd_u64(&r);
	rd_copy(&r, row->payer.bytes, sizeof(row->payer.bytes));
	rd_copy(&r, row->payee.bytes, sizeof(row->payee.bytes));
	row->day = rd_u32(&r);
	row->base = rd_amount(&r);
	row->floor = row->promised = rd_amount(&r);
	row->type = type == SIGNER_CELL_PAIR ? SIGNER_CELL_PAIR
					     : SIGNER_CELL_ACCOUNT;
	return !r.bad &&
	       (type == SIGNER_CELL_PAIR || type == SIGNER_CELL_ACCOUNT);
}

enum cell_is { CELL_EMPTY, CELL_GOOD, CELL_BAD };

static enum cell_is cell_look(const uint8_t cell[CELL], uint32_t slot)
{
	uint8_t sum[SUM_LEN];

	if (sodium_is_zero(cell, CELL))
		return CELL_EMPTY;
	cell_sum(sum, cell, slot);
	return memcmp(sum, cell + SUM_AT, SUM_LEN) == 0 ? CELL_GOOD : CELL_BAD;
}

static uint64_t cell_seq(const uint8_t cell[CELL])
{
	struct rd r = rd_from(cell + 1, 8);

	return rd_u64(&r);
}

/* Which cell of a slot counts. What is said of the rest: `torn` when a twin is
 * bad and the other is not. False: both are bad, or the same age. */
static bool slot_pick(const uint8_t slot_bytes[SLOT], uint32_t slot,
		      const uint8_t **cell, struct signer_twin *t, bool *torn)
{
	const uint8_t *a = slot_bytes, *b = slot_bytes + CELL;
	enum cell_is is_a = cell_look(a, slot), is_b = cell_look(b, slot);

	*cell = NULL;
	*t = (struct signer_twin){.newer = 1};
	*torn = is_a == CELL_BAD || is_b == CELL_BAD;
	if (is_a == CELL_BAD && is_b == CELL_BAD)
		return false;
	if (is_a == CELL_GOOD && is_b == CELL_GOOD &&
	    cell_seq(a) == cell_seq(b))
		return false;
	if (is_a == CELL_GOOD &&
	    (is_b != CELL_GOOD || cell_seq(a) > cell_seq(b)))
		*cell = a;
	else if (is_b == CELL_GOOD)
		*cell = b;
	if (*cell)
		*t = (struct signer_twin){.seq = cell_seq(*cell),
					  .newer = *cell == b};
	return true;
}

/* Reads one slot of a row; false when it is beyond help. */
bool signer_row_load(struct signer_row *row, const uint8_t bytes[SLOT],
		     uint32_t slot, bool *torn)
{
	const uint8_t *cell;
	struct signer_twin t;
	bool good = slot_pick(bytes, slot, &cell, &t, torn);

	memset(row, 0, sizeof(*row));
	if (good && cell)
		good = row_decode(row, cell);
	row->twin = t;
	row->twin.dirty = *torn; /* written anew once loaded */
	return good;
}

bool signer_head_load(struct signer_head *h, const uint8_t bytes[SLOT],
		      bool *torn)
{
	const uint8_t *cell;
	struct signer_twin t;
	bool good = slot_pick(bytes, 0, &cell, &t, torn);

	memset(h, 0, sizeof(*h));
	good = good && cell && head_decode(h, cell);
	h->twin = t;
	return good;
}
