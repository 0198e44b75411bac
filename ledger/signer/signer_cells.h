/* signer_cells.h - the bytes of the signer's state file.
 *
 * A slot is two cells of SIGNER_CELL bytes, written in turn, so that the newer
 * whole one counts when the other was torn. A cell has its place in its
 * checksum: copied elsewhere it is not valid. Slot 0 is the head, the others
 * are rows. Layout: ledger/DESIGN.md, "Signer". Pure. Thread: any.
 */
#ifndef LEDGER_SIGNER_CELLS_H
#define LEDGER_SIGNER_CELLS_H

#include "base/amount.h"
#include "base/ids.h"
#include "ledger/signer/signer_proto.h"
#include "ledger/signer/signer_state.h"

#include <stdbool.h>
#include <stdint.h>

#define SIGNER_CELL 128
#define SIGNER_SLOT (2 * SIGNER_CELL)

enum signer_cell_type { /* values of the file */
			SIGNER_CELL_NONE = 0,
			SIGNER_CELL_HEAD = 1,
			SIGNER_CELL_PAIR = 2,
			SIGNER_CELL_ACCOUNT = 3,
};

/* What all slots have: which twin is the newer, and whether it is behind. */
struct signer_twin {
	uint64_t seq; /* of the newer; 0: never written */
	uint8_t newer;
	bool dirty;
};

struct signer_head {
	struct signer_twin twin;
	uint32_t day;
	bool torn; /* the day's limits count as spent */
	struct amount promised;
	struct amount ceiling; /* on disk; at least `promised` */
	struct amount fees;
	uint32_t rows; /* slots behind the head known to be durable */
	bool pinned;
	struct signer_domain domain;
};

/* PAIR: payer and payee. ACCOUNT: payer is the account, payee zero, base its
 * newest nonce, floor that transaction's fee. NONE: a free slot. */
struct signer_row {
	struct signer_twin twin;
	enum signer_cell_type type;
	struct address payer, payee;
	uint32_t day;		/* the last on which anything was promised */
	struct amount base;	/* promised before that day */
	struct amount floor;	/* promised at least; what the disk says */
	struct amount promised; /* at least `floor` */
};

void signer_head_encode(uint8_t cell[SIGNER_CELL], const struct signer_head *h);
void signer_row_encode(uint8_t cell[SIGNER_CELL], uint32_t slot,
		       const struct signer_row *row);

/* Each reads the newer whole cell of a slot; *torn: the other one is bad (the
 * row is then dirty, so that it gets written anew). False: neither is whole,
 * or they contradict. An empty slot is a row of type NONE, but no head. */
bool signer_head_load(struct signer_head *h, const uint8_t bytes[SIGNER_SLOT],
		      bool *torn);
bool signer_row_load(struct signer_row *row, const uint8_t bytes[SIGNER_SLOT],
		     uint32_t slot, bool *torn);

#endif
