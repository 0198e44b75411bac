/* rlp.h - Ethereum's recursive length prefix, writing only.
 *
 * Source: Yellow Paper, appendix B. Lists know their length before their
 * content: write the items into one writer, then rlp_list() into another. Every
 * function goes through the sticky writer of base/bytes.h. Thread: any.
 */
#ifndef BASE_RLP_H
#define BASE_RLP_H

#include "base/amount.h"
#include "base/bytes.h"
#include "base/ids.h"

#include <stddef.h>
#include <stdint.h>

#define RLP_HEAD_MAX 9 /* the longest prefix of a string or list */

void rlp_bytes(struct wr *w, const uint8_t *p, size_t len);
void rlp_u64(struct wr *w, uint64_t v); /* no leading zeros; 0 is empty */
void rlp_amount(struct wr *w, struct amount v);
/* A big-endian number of len (up to 32) bytes, leading zeros dropped. */
void rlp_number(struct wr *w, const uint8_t *be, size_t len);
/* The list whose items are already encoded in `items`. */
void rlp_list(struct wr *w, const uint8_t *items, size_t len);

/* Its prefix alone, for items that are len bytes. */
void rlp_list_head(struct wr *w, size_t len);

/* Where a contract that `from` creates with its transaction number `nonce`
 * lies: keccak256(rlp([from, nonce])), last 20 bytes. */
struct address rlp_create_address(const struct address *from, uint64_t nonce);

#endif
