/* passphrase.h - where a passphrase comes from.
 *
 * In this order: the file named by --passphrase-file (or its setting), the file
 * named by $SEEDBANK_PASSPHRASE_FILE, $CREDENTIALS_DIRECTORY/passphrase (a
 * systemd credential), $SEEDBANK_PASSPHRASE, and, when allowed to ask, the
 * terminal without echo. A file's first line counts, without its line end.
 * The caller clears what it got with sodium_memzero(). Thread: main.
 */
#ifndef NODE_PASSPHRASE_H
#define NODE_PASSPHRASE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum passphrase_ask {
	PASSPHRASE_QUIET, /* never ask */
	PASSPHRASE_ASK,
	PASSPHRASE_TWICE, /* a new one: typed twice, or from file/environment */
};

/* ERR_STATE: there is none (and nobody to ask); says how to give one. ERR_IO:
 * the file named cannot be read. ERR_LIMIT: longer than cap - 1, or empty. */
enum err_code passphrase_get(char *out, size_t cap, const char *file,
			     enum passphrase_ask ask, struct err *e);

#endif
