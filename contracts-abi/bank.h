/* bank.h - the bank contract as C sees it, beyond what its ABI tells.
 *
 * Packed arguments and events, deployment, and proof that the code on chain is
 * the code we know. Calls and events are in bank_abi.h (generated), the
 * contract in src/Bank.sol, its rules in DESIGN.md. Pure; thread: any.
 *
 * The bank's code hash, as a profile pins it, is keccak256 of the code that the
 * chain gives for its address (EXTCODEHASH). Only the token's address and the
 * length of a period differ between banks, so the hash follows from these:
 * bank_code_hash().
 */
#ifndef CONTRACTS_ABI_BANK_H
#define CONTRACTS_ABI_BANK_H

#include "base/agreement.h"
#include "base/amount.h"
#include "base/bytes.h"
#include "base/ecc.h"
#include "base/err.h"
#include "base/ids.h"
#include "contracts-abi/bank_code.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BANK_RECEIPT_LEN 98 /* cash(): payer, amount 14, r, vs */
#define BANK_PROMISE_LEN 38 /* in reserve(): payee 20 | total 14 | until 4 */
#define BANK_DEPLOY_LEN (BANK_CREATION_LEN + 64)
#define BANK_PERIOD_MIN 2 /* blocks */

/* open(), revise(): the agreement, the renter's signature, the host's */
#define BANK_SIGNED_LEN (AGREEMENT_LEN + 64 + 64)
/* prove(): renter 20 | number 4 | nodes 1 | leaf 512 | path */
#define BANK_PROOF_LEN(nodes) (25 + AGREEMENT_LEAF + 32 * (nodes))
#define BANK_PROVED_LEN 42 /* in Proved: renter, number, through, paid 14 */
#define BANK_LISTED_LEN 24 /* in list(): host 20 | number 4 */

/* `state` of struct bank_agreement. */
#define BANK_AGREEMENT_NONE 0 /* never opened; all else is zero then */
#define BANK_AGREEMENT_OPEN 1
#define BANK_AGREEMENT_CLOSED 2

/* One entry of reserve(): `total` is paid + reserve once the call is
 * through, below 2^112; `until` in Unix seconds. Neither falls by a
 * call. */
struct bank_promise {
	struct address payee;
	struct amount total;
	uint32_t until;
};

/* One entry of prove(): the leaf that agreement_challenge() picks, and the
 * nodes beside its way up, agreement_path_nodes() of them. */
struct bank_proof {
	struct address renter;
	uint32_t number;
	const uint8_t *leaf; /* AGREEMENT_LEAF bytes */
	const uint8_t *path; /* 32 bytes each, from the leaf up */
	unsigned nodes;	     /* 1 to AGREEMENT_PATH_MAX */
};

/* One entry of the event Proved: a proof that was good. */
struct bank_proved {
	struct address renter;
	uint32_t number;
	uint32_t through;   /* settled up to this period now */
	struct amount paid; /* less than rate x periods when the fund is short
			     */
};

/* One entry of list(): an agreement that the renter once opened. */
struct bank_listed {
	struct address host;
	uint32_t number;
};

/* Appends the packed form; the writer goes bad when total >= 2^112. */
void bank_put_promise(struct wr *w, const struct bank_promise *p);

/* Appends what open() and revise() take, BANK_SIGNED_LEN bytes; the writer goes
 * bad when an amount passes 112 bits. Both signatures over
 * eip712_agreement(). */
void bank_put_signed(struct wr *w, const struct agreement *a,
		     const struct sig64 *renter, const struct sig64 *host);
/* Appends the packed form; the writer goes bad when nodes is out of range. */
void bank_put_proof(struct wr *w, const struct bank_proof *p);
/* Reads the next entry out of `proofs` of bank_ev_proved and of
 * bank_ret_list(). False at the end; the reader is then bad when the list did
 * not end on a whole entry. */
bool bank_next_proved(struct rd *r, struct bank_proved *out);
bool bank_next_listed(struct rd *r, struct bank_listed *out);

/* Appends the data of the transaction that creates a bank (BANK_DEPLOY_LEN
 * bytes). `token` of all zeros: the chain's own coin. `period`: blocks of a
 * period, BANK_PERIOD_MIN and more, else the transaction fails. */
void bank_put_deploy(struct wr *w, const struct address *token,
		     uint32_t period);

/* The code that the chain holds for such a bank, and its keccak256, which is
 * what a profile pins. */
void bank_code_fill(uint8_t out[BANK_RUNTIME_LEN], const struct address *token,
		    uint32_t period);
struct hash32 bank_code_hash(const struct address *token, uint32_t period);

/* Is `code` (eth_getCode) a bank's? What it was made with goes to *token and
 * *period. ERR_CHAIN: no code there, or another program. */
enum err_code bank_code_check(struct address *token, uint32_t *period,
			      const uint8_t *code, size_t len, struct err *e)
	__attribute__((warn_unused_result));

#endif
