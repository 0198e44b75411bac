/* agreement.h - what a renter and a host sign about rented sectors.
 *
 * One value for the wire, the databases and the bank contract, which takes the
 * same 200 bytes (contracts-abi/src/Agreements.sol). Its rules are here as the
 * bank has them, so that a node finds out before it signs or pays for a
 * transaction. Source: docs/protocol.md, section 4.
 *
 * Units: periods for start, end, through, span (period p is the blocks
 * p x PERIOD to (p + 1) x PERIOD - 1 of the chain, PERIOD being the bank's);
 * amounts in the token's smallest unit, below 2^112; sectors of 1 MiB.
 * Plain values; thread: any.
 */
#ifndef BASE_AGREEMENT_H
#define BASE_AGREEMENT_H

#include "base/amount.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/ids.h"

#include <stddef.h>
#include <stdint.h>

#define AGREEMENT_LEN 200
#define AGREEMENT_SPANS_MAX 4096
/* Periods after `end` until anyone may close it. */
#define AGREEMENT_CLOSE_WAIT 7

/* The tree of an agreement's sectors: SHA-256, leaf node = hash of 512 bytes,
 * inner node = hash of left and right; a sector has 2,048 leaves. Above the
 * sectors' roots the next power of two, filled up with 32 zero bytes. */
#define AGREEMENT_LEAF 512
#define AGREEMENT_LEAVES 2048 /* of a sector */
#define AGREEMENT_PATH_MAX 43 /* nodes: 11 in a sector, 32 above it */

struct agreement {
	struct address renter;
	struct address host;
	uint32_t number;      /* counts up from 0 for each renter and host */
	uint32_t revision;    /* the higher replaces the lower */
	struct hash32 root;   /* of the ordered list of sectors */
	uint32_t sectors;     /* 1 and more */
	uint32_t through;     /* periods before this one are settled */
	struct amount earned; /* all that the host was ever paid of it,
			       * by proofs and by revisions */
	struct amount rate;   /* for all sectors, a period */
	uint32_t start;	      /* first period */
	uint32_t end;	      /* first period after it, above start */
	uint16_t span;	      /* periods that one proof pays */
	struct amount fund;   /* the renter locks this when it is opened;
			       * the bank reads it only then */
	struct amount collateral; /* and the host this */
	struct amount penalty;	  /* burnt of it for each miss over a tenth */
	struct hash32 terms;	  /* EIP-712 digest of the host's price sheet */
};

/* The only encoding: fields in the order above, big-endian, amounts in 14
 * bytes, span in 2, AGREEMENT_LEN in all. The writer goes bad when an amount
 * passes 112 bits. Every AGREEMENT_LEN bytes read as some agreement: whether it
 * makes sense is agreement_check()'s. */
void agreement_put(struct wr *w, const struct agreement *a);
void agreement_get(struct rd *r, struct agreement *out);

/* What holds for every agreement, whatever came before: sectors, span and their
 * number, start < end, start <= through <= end, amounts of 112 bits. ERR_LIMIT
 * when not, and the message says what. */
enum err_code agreement_check(const struct agreement *a, struct err *e)
	__attribute__((warn_unused_result));

/* Is `a` one that open() takes in period `now`: nothing earned yet, and start
 * still ahead? ERR_STATE when not; also what agreement_check() says. */
enum err_code agreement_check_open(const struct agreement *a, uint32_t now,
				   struct err *e)
	__attribute__((warn_unused_result));

/* May `next` follow `last` in period `now`? The same agreement with a higher
 * revision; start, end, span, collateral, penalty, terms unchanged; through and
 * earned not lower, earned higher only with through; another rate only when
 * every period up to `now` is settled by it (through above now, or end), or
 * before start. The bank is laxer in two things, see there: it looks at no
 * terms, and takes a revision that a proof has overtaken.
 *
 * Since the last rule holds when a revision is posted, one with another rate
 * can be posted up to period through - 1: sign it with through a few periods
 * ahead. ERR_STATE when not; also what agreement_check(next) says. */
enum err_code agreement_check_next(const struct agreement *next,
				   const struct agreement *last, uint32_t now,
				   struct err *e)
	__attribute__((warn_unused_result));

/* Spans are counted from 0; the last may be shorter. All below need what
 * agreement_check() checks. */
uint32_t agreement_spans(const struct agreement *a);
/* The span that `period` (start <= period < end) is in. */
uint32_t agreement_span_of(const struct agreement *a, uint32_t period);
/* The first period after span k; the one before it is when its proof is due,
 * the only one in which the bank takes it. */
uint32_t agreement_span_end(const struct agreement *a, uint32_t k);
/* Misses that cost nothing: a tenth of the spans. */
uint32_t agreement_misses_free(const struct agreement *a);

/* rate x periods. False, *out unchanged, when it passes 112 bits. */
__attribute__((warn_unused_result)) bool
agreement_rent(struct amount *out, const struct agreement *a, uint32_t periods);

/* Nodes of a leaf's path: exactly 11 and ceil(log2 sectors). 0 for none. */
unsigned agreement_path_nodes(uint32_t sectors);

/* The leaf that is due: keccak256(beacon, renter, host, number) modulo all
 * leaves; leaf i is in sector i / 2,048 of the list. `sectors` are those in
 * force in the period of the beacon, 1 and more. */
uint64_t agreement_challenge(const struct hash32 *beacon,
			     const struct address *renter,
			     const struct address *host, uint32_t number,
			     uint32_t sectors);

#endif
