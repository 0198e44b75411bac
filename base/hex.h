/* hex.h - bytes as hexadecimal text. Thread: any. */
#ifndef BASE_HEX_H
#define BASE_HEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that hex_encode() needs for n bytes, with the NUL. */
#define HEX_LEN(n) ((size_t)(n)*2 + 1)

/* Lower case, no prefix. `out` has HEX_LEN(len) bytes. Returns out. */
char *hex_encode(char *out, const void *data, size_t len);

/* Digits of either case, after an optional "0x". False when `s` is not exactly
 * `len` bytes of it; `out` then has no meaning. Constant time in the digits. */
bool hex_decode(void *out, size_t len, const char *s)
	__attribute__((warn_unused_result));

#endif
