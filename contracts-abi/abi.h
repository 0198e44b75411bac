/* abi.h - words of the Solidity contract ABI, for the generated codecs.
 *
 * Every value takes a 32-byte big-endian word; `bytes` and `string` put an
 * offset in the head and length, data and zero padding in the tail (Solidity
 * documentation, "Contract ABI Specification"). Writers and readers are those
 * of base/bytes.h and as sticky: write or read all, look once at the end.
 *
 * What a chain node answers is hostile: a word that does not fit its type, an
 * offset that is not where a compiler puts it, padding that is not zero, all
 * make the reader bad. Pure; thread: any.
 */
#ifndef CONTRACTS_ABI_ABI_H
#define CONTRACTS_ABI_ABI_H

#include "base/amount.h"
#include "base/bytes.h"
#include "base/ids.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ABI_WORD 32
/* Longest symbol() or name() that is shown, with its NUL. */
#define ABI_TEXT_MAX 33
/* Bytes of the tail that holds n bytes: length word, data, padding. */
#define ABI_TAIL(n) (ABI_WORD + ((n) + 31) / 32 * 32)

/* One log entry of a transaction, borrowed from whoever parsed it. The caller
 * has checked which contract emitted it. */
struct abi_log {
	const struct hash32 *topics;
	size_t topics_len; /* 0..4 */
	const uint8_t *data;
	size_t data_len;
};

void abi_put_u64(struct wr *w, uint64_t v);
void abi_put_amount(struct wr *w, struct amount v);
void abi_put_address(struct wr *w, const struct address *v);
void abi_put_hash(struct wr *w, const struct hash32 *v);
void abi_put_tail(struct wr *w, const uint8_t *p, size_t len);

/* An unsigned word of at most `bits` (1..64) bits. */
uint64_t abi_get_uint(struct rd *r, unsigned bits);
/* An unsigned word of at most `bits` (a multiple of 8, up to 128) bits. */
struct amount abi_get_amount(struct rd *r, unsigned bits);
/* Any uint256; what passes 2^128-1 reads as 2^128-1 (an allowance without
 * limit is 2^256-1). */
struct amount abi_get_amount_cap(struct rd *r);
bool abi_get_bool(struct rd *r);
struct address abi_get_address(struct rd *r);
struct hash32 abi_get_hash(struct rd *r);
/* The offset word of the only dynamic value of a head of `words` words. */
void abi_get_offset(struct rd *r, size_t words);
/* The tail that follows; a borrowed view, NULL when bad. */
const uint8_t *abi_get_tail(struct rd *r, size_t *len);
/* A whole `string` answer, or the bytes32 that some old tokens give instead.
 * What is not printable ASCII becomes '?', what is too long is cut: the text is
 * for showing and decides nothing. */
void abi_get_text(struct rd *r, char out[ABI_TEXT_MAX]);

#endif
