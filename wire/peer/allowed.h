/* allowed.h - which pieces a peer may have though it is choked (BEP 6, Allowed
 * Fast): those that every client comes to for this torrent and the peer's
 * network, so that nobody gets more of them by asking more of us. Thread: any.
 */
#ifndef WIRE_ALLOWED_H
#define WIRE_ALLOWED_H

#include "base/ids.h"
#include "wire/addr.h"

#define ALLOWED_MAX 10U /* the BEP's k */

/* The first `k` of the set, in its order; returns how many: no more than there
 * are pieces, and none for an IPv6 address, of which the BEP says nothing. */
uint32_t allowed_set(uint32_t out[ALLOWED_MAX], uint32_t k,
		     const struct wire_addr *peer, const struct info_hash *hash,
		     uint32_t pieces);

#endif
