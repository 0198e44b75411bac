/* tron_probe.h - many questions to a TRON chain in one constant call.
 *
 * The HTTP API answers one question at a time, of whatever block is newest just
 * then, and behind one URL there may be many machines. So the questions are
 * put as a contract's init code that is run by triggerconstantcontract and
 * stored by nobody: it asks them all and returns the answers, and before them
 * chain id and block number. What comes back is of one state, and says of which
 * one and of which chain.
 *
 *   returned: chain id 32 | number 32 | answers
 *   answer:   1 or 0 (reverted) 32 | length 32 | bytes
 *
 * Only opcodes that every TVM with constant calls has. Pure. Thread: any.
 */
#ifndef LEDGER_TRON_PROBE_H
#define LEDGER_TRON_PROBE_H

#include "ledger/chain/chain.h"

/* Calls take CPU time on the node, which is short: 50 to 80 ms, also of one
 * that was just started and runs everything for the first time. */
#define TRON_PROBE_ASKS 8
/* Bytes of code: what a question takes at most, and the rest. */
#define TRON_PROBE_MAX (64 + TRON_PROBE_ASKS * (96 + CHAIN_ASK_DATA))

struct tron_view {
	uint64_t chain_id, block;
};

/* How many of the questions, from the first on, go into one call: those that
 * return much go alone. At least 1 of n > 0. */
size_t tron_probe_take(const struct chain_ask *asks, size_t n);

/* Init code that asks n questions, 0 to TRON_PROBE_ASKS. Bytes written, 0: it
 * does not fit. */
size_t tron_probe_code(uint8_t *buf, size_t cap, const struct chain_ask *asks,
		       size_t n);

/* What it returned. A call that reverted, or returned what is none of its
 * answers, is unknown. Answers' data is heap, freed by the caller also after an
 * error. ERR_PARSE: not what our code returns. */
enum err_code tron_probe_read(struct tron_view *at,
			      struct chain_answer *answers,
			      const struct chain_ask *asks, size_t n,
			      const uint8_t *data, size_t len, struct err *e);

#endif
