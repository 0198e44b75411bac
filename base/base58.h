/* base58.h - base58check: base 58 with a 4-byte checksum.
 *
 * Source: the Bitcoin address format, taken over by TRON: payload followed by
 * the first four bytes of SHA-256(SHA-256(payload)). Thread: any.
 */
#ifndef BASE_BASE58_H
#define BASE_BASE58_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define BASE58_PAYLOAD_MAX 64
#define BASE58_TEXT_MAX 96 /* of such a payload, with the NUL */

/* `out` has BASE58_TEXT_MAX bytes; len at most BASE58_PAYLOAD_MAX. */
char *base58check_encode(char *out, const uint8_t *payload, size_t len);

/* ERR_PARSE: a character outside the alphabet, a length other than `len` with
 * its checksum, or a checksum that does not match (the message says which). */
enum err_code base58check_decode(uint8_t *out, size_t len, const char *s,
				 struct err *e)
	__attribute__((warn_unused_result));

#endif
