/* handshake.h - the 68 bytes that open a connection (BEP 3), with the reserved
 * bits of BEP 5 (DHT), BEP 6 (fast) and BEP 10 (extensions).
 *
 * Thread: any.
 */
#ifndef WIRE_HANDSHAKE_H
#define WIRE_HANDSHAKE_H

#include "base/ids.h"
#include "base/rng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HANDSHAKE_LEN 68
#define HANDSHAKE_FIXED 20	/* length byte and protocol name */
#define HANDSHAKE_ID "-SE0100-" /* BEP 20; why SE: DESIGN.md */

struct handshake {
	bool dht;      /* reserved[7] & 0x01, BEP 5 */
	bool fast;     /* reserved[7] & 0x04 */
	bool extended; /* reserved[5] & 0x10 */
	/* reserved[7] & 0x10 (BEP 52): the torrent is known as one of v2 too;
	 * who accepts a connection for the v1 hash may answer with the v2 hash,
	 * and hash messages may be said then */
	bool v2;
	struct info_hash hash;
	struct peer_id id;
};

void handshake_encode(uint8_t out[HANDSHAKE_LEN], const struct handshake *hs);
/* True when the first n (<= 20) bytes can be the start of a handshake. */
bool handshake_starts(const uint8_t *p, size_t n);
/* False: another protocol. Unknown reserved bits are ignored. */
bool handshake_decode(struct handshake *out, const uint8_t in[HANDSHAKE_LEN]);
/* HANDSHAKE_ID and 12 random bytes (BEP 20). */
void handshake_make_id(struct peer_id *out, struct rng *rng);

#endif
