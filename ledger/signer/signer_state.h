/* signer_state.h - what the signer has promised, kept so that no restart and no
 * crash gives a limit back.
 *
 * Contract
 *   - A request is checked and counted in memory, then signer_state_flush()
 *     makes durable what must be, and only then may the answer leave. One flush
 *     serves any number of requests.
 *   - To keep flushes rare, the day's sum on disk runs ahead of what was
 *     promised by up to a 64th of the limit, and a payee's amount lags by up to
 *     a 64th of its limit. After a crash the former counts as promised, the
 *     latter as all that was: limits are reached early, never late.
 *   - Every cell on disk has a checksum and an older twin. A twin that was torn
 *     by a power cut is put right by itself, but the day's limits then count as
 *     spent; anything worse is refused (ERR_STATE) until
 *     signer_state_repair() was run.
 *   - One process at a time: the file is locked while open.
 *   - Days are UTC, given by the caller; a clock that goes back changes
 * nothing. Format and crash rules: ledger/DESIGN.md, "Signer". Thread: the
 * signer's.
 */
#ifndef LEDGER_SIGNER_STATE_H
#define LEDGER_SIGNER_STATE_H

#include "base/amount.h"
#include "base/err.h"
#include "base/ids.h"
#include "ledger/signer/signer_proto.h"

#include <stdbool.h>
#include <stdint.h>

#define SIGNER_STATE_ROWS 8192 /* payees remembered; the oldest make room */

struct signer_state;

/* Opens the file, or makes it. ERR_STATE: damaged, or another process has it.
 * ERR_IO, ERR_NOMEM. Flushes when a torn cell had to be put right. */
enum err_code signer_state_open(struct signer_state **out, const char *path,
				uint32_t day, struct err *e)
	__attribute__((warn_unused_result));
/* Writes the exact sums (so that a clean end wastes nothing) and closes. */
void signer_state_close(struct signer_state *s);
/* The only descriptor that the sandbox leaves open besides the socket. */
int signer_state_fd(const struct signer_state *s);

/* Is a bank pinned? Then *out is it. */
bool signer_state_domain(const struct signer_state *s,
			 struct signer_domain *out);
/* Pins for good; the same again changes nothing. ERR_STATE: another one is. */
enum err_code signer_state_pin(struct signer_state *s,
			       const struct signer_domain *d, struct err *e)
	__attribute__((warn_unused_result));

/* May `payer` promise `payee` this much in all? Counts it if so. ERR_STATE:
 * less than was signed before. ERR_FUNDS: over a limit of the day. ERR_LIMIT:
 * more payees in one day than SIGNER_STATE_ROWS. */
enum err_code signer_state_promise(struct signer_state *s,
				   const struct signer_limits *l, uint32_t day,
				   const struct address *payer,
				   const struct address *payee,
				   struct amount amount, struct err *e)
	__attribute__((warn_unused_result));
/* May `account` lock this much in all in the agreement of that name (a hash of
 * its parties and number)? Counted like a promise, but a lower amount than
 * before is no matter: what was locked stays locked. ERR_FUNDS, ERR_LIMIT. */
enum err_code signer_state_lock(struct signer_state *s,
				const struct signer_limits *l, uint32_t day,
				const struct address *account,
				const struct address *name,
				struct amount amount, struct err *e)
	__attribute__((warn_unused_result));
/* The same for `more` on top of what is locked there already. */
enum err_code
signer_state_lock_more(struct signer_state *s, const struct signer_limits *l,
		       uint32_t day, const struct address *account,
		       const struct address *name, struct amount more,
		       struct err *e) __attribute__((warn_unused_result));
/* Takes over an amount that `payer` is proven to have signed. Never lowers. */
enum err_code signer_state_adopt(struct signer_state *s, uint32_t day,
				 const struct address *payer,
				 const struct address *payee,
				 struct amount amount, struct err *e)
	__attribute__((warn_unused_result));
/* Counts the most that a transaction can cost. Another form of the newest
 * nonce counts only what it costs more. ERR_FUNDS: over a limit. */
enum err_code signer_state_fee(struct signer_state *s,
			       const struct signer_limits *l, uint32_t day,
			       const struct address *account, uint64_t nonce,
			       struct amount fee, struct err *e)
	__attribute__((warn_unused_result));

/* The same where two transactions of one account are never forms of each other
 * (TRON): each counts whole. */
enum err_code signer_state_fee_once(struct signer_state *s,
				    const struct signer_limits *l, uint32_t day,
				    struct amount fee, struct err *e)
	__attribute__((warn_unused_result));

/* Makes durable what the requests since the last flush need. After a failure
 * (ERR_IO) nothing is signed any more in this process. */
enum err_code signer_state_flush(struct signer_state *s, struct err *e)
	__attribute__((warn_unused_result));

/* The day and what counts towards its limits, for SIGNER_STATUS. */
void signer_state_sums(const struct signer_state *s, uint32_t *day,
		       struct amount *promised, struct amount *fees);

/* For `seedbank wallet repair-state`: moves a damaged file to PATH.damaged and
 * writes a new one from every cell that is whole; the day's limits count as
 * spent. ERR_STATE: the file is whole, in use, or there is no file; or an older
 * PATH.damaged is in the way. */
enum err_code signer_state_repair(const char *path, uint32_t day, struct err *e)
	__attribute__((warn_unused_result));

#endif
