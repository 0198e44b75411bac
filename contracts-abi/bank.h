/* bank.h - the bank contract as C sees it, beyond what its ABI tells.
 *
 * Packed promises and draws, deployment, and proof that the code on chain is
 * the code we know. Calls and events are in bank_abi.h (generated), the
 * contract in src/Bank.sol, its rules in DESIGN.md. Pure; thread: any.
 *
 * The bank's code hash, as a profile pins it, is keccak256 of the code that the
 * chain gives for its address (EXTCODEHASH). Only the token's address differs
 * between banks, so the hash follows from the token: bank_code_hash().
 */
#ifndef CONTRACTS_ABI_BANK_H
#define CONTRACTS_ABI_BANK_H

#include "base/amount.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/ids.h"
#include "contracts-abi/bank_code.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BANK_RECEIPT_LEN 98 /* cash(): payer, amount 14, r, vs */
#define BANK_PROMISE_LEN 38 /* in reserve(): payee 20 | total 14 | until 4 */
#define BANK_DRAW_LEN 34    /* in Cashed: payer 20 | drawn 14 */
#define BANK_DEPLOY_LEN (BANK_CREATION_LEN + 32)

/* One entry of reserve(): `total` is paid + reserve once the call is
 * through, below 2^112; `until` in Unix seconds. Neither falls by a
 * call. */
struct bank_promise {
	struct address payee;
	struct amount total;
	uint32_t until;
};

/* One entry of the event Cashed: what a payer's receipt really gave. */
struct bank_draw {
	struct address payer;
	struct amount drawn;
};

/* Appends the packed form; the writer goes bad when total >= 2^112. */
void bank_put_promise(struct wr *w, const struct bank_promise *p);

/* Reads the next draw out of `draws` of bank_ev_cashed. False at the end; the
 * reader is then bad when the list did not end on a whole entry. */
bool bank_next_draw(struct rd *r, struct bank_draw *out);

/* Appends the data of the transaction that creates a bank (BANK_DEPLOY_LEN
 * bytes). `token` of all zeros: the chain's own coin. */
void bank_put_deploy(struct wr *w, const struct address *token);

/* The code that the chain holds for a bank of `token`, and its keccak256, which
 * is what a profile pins. */
void bank_code_fill(uint8_t out[BANK_RUNTIME_LEN], const struct address *token);
struct hash32 bank_code_hash(const struct address *token);

/* Is `code` (eth_getCode) a bank's? The token that it was made with goes to
 * *token. ERR_CHAIN: no code there, or another program. */
enum err_code bank_code_check(struct address *token, const uint8_t *code,
			      size_t len, struct err *e)
	__attribute__((warn_unused_result));

#endif
