/* node_key.h - the key that a provider of chain nodes wants with each request,
 * as an HTTP header out of a file.
 *
 * The file has mode 0600 and one line: "Header-Name: value", or on TRON the key
 * alone, which is then sent as TRON-PRO-API-KEY. It is sent to the chain's URLs
 * and nowhere else (no redirect is followed), and no message holds any of it.
 * Thread: any; node_key_read() blocks.
 */
#ifndef LEDGER_NODE_KEY_H
#define LEDGER_NODE_KEY_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define NODE_KEY_MAX 512 /* "Name: value", with the NUL */

/* Out of the file's content. `bare`: a key alone is one. ERR_PARSE: empty, more
 * than a line, or no header; ERR_LIMIT: too long. */
enum err_code node_key_parse(char out[NODE_KEY_MAX], const char *text,
			     size_t len, bool bare, struct err *e)
	__attribute__((warn_unused_result));
/* Reads it. ERR_STATE also: others than the owner may read or write the file;
 * ERR_IO: it cannot be read. */
enum err_code node_key_read(char out[NODE_KEY_MAX], const char *path, bool bare,
			    struct err *e) __attribute__((warn_unused_result));

#endif
