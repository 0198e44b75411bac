/* text.h - names that strangers wrote, made fit for terminals, logs and JSON.
 * Thread: any.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of the UTF-8 character at p, 1..4; 0: none stands there. left > 0. */
size_t text_char_len(const uint8_t *p, size_t left);
bool text_is_utf8(const uint8_t *p, size_t len);
/* Copies at most len bytes to out (which may be p), which are valid UTF-8
 * without C0 and C1 controls: each such byte or character becomes '_'. Returns
 * how many. No NUL.
 */
size_t text_clean(char *out, const uint8_t *p, size_t len);

#endif
