/* pex.h - a message of ut_pex (BEP 11): peers tell each other whom they are
 * connected to. A bencoded dictionary with compact lists: added, added.f (a
 * byte of flags each), dropped, and the same with a 6 for IPv6.
 *
 * swarm_pex.c says when to say what, and what is believed. Thread: any.
 */
#ifndef WIRE_PEX_H
#define WIRE_PEX_H

#include "base/err.h"
#include "wire/addr.h"

#include <stddef.h>
#include <stdint.h>

#define PEX_PREFERS_ENCRYPTION 0x01U
#define PEX_SEED 0x02U /* or upload only */
#define PEX_UTP 0x04U
#define PEX_HOLEPUNCH 0x08U
#define PEX_REACHABLE 0x10U /* we connected to it */
#define PEX_FLAGS 0x1fU

/* What one message holds, both families together: BEP 11 lets 50 be said, and
 * more in a first message; what is over this is not read. */
#define PEX_SAY_MAX 50U
#define PEX_HEAR_MAX 200U
#define PEX_BYTES_MAX 4096U /* of what we say */

struct pex_peer {
	struct wire_addr addr;
	uint8_t flags;
};

struct pex_msg {
	uint32_t n_added, n_dropped;
	struct pex_peer added[PEX_HEAR_MAX];
	struct wire_addr dropped[PEX_HEAR_MAX];
};

/* Keys that would be empty are left out. Returns the length; 0: it does not
 * fit, which PEX_SAY_MAX of each does. */
size_t pex_encode(uint8_t *buf, size_t cap, const struct pex_msg *m);
/* Addresses where nobody can be are left out, as are short rests and flags that
 * are not told or unknown. ERR_PARSE: no dictionary, or a list of another type;
 * ERR_LIMIT: too many tokens. */
enum err_code pex_decode(struct pex_msg *out, const uint8_t *buf, size_t len,
			 struct err *e);

#endif
