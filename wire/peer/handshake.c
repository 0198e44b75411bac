#include "wire/peer/handshake.h"

#include <string.h>

static const uint8_t fixed[HANDSHAKE_FIXED + 1] = "\x13"
						  "BitTorrent protocol";

void handshake_encode(uint8_t out[HANDSHAKE_LEN], const struct handshake *hs)
{
	memcpy(out, fixed, HANDSHAKE_FIXED);
	memset(out + 20, 0, 8);
	if (hs->extended)
		out[20 + 5] |= 0x10;
	if (hs->dht)
		out[20 + 7] |= 0x01;
	if (hs->fast)
		out[20 + 7] |= 0x04;
	if (hs->v2)
		out[20 + 7] |= 0x10;
	memcpy(out + 28, hs->hash.bytes, 20);
	memcpy(out + 48, hs->id.bytes, 20);
}

bool handshake_starts(const uint8_t *p, size_t n)
{
	if (n > HANDSHAKE_FIXED)
		n = HANDSHAKE_FIXED;
	return memcmp(p, fixed, n) == 0;
}

bool handshake_decode(struct handshake *out, const uint8_t in[HANDSHAKE_LEN])
{
	if (!handshake_starts(in, HANDSHAKE_FIXED))
		return false;
	out->extended = (in[20 + 5] & 0x10) != 0;
	out->dht = (in[20 + 7] & 0x01) != 0;
	out->fast = (in[20 + 7] & 0x04) != 0;
	out->v2 = (in[20 + 7] & 0x10) != 0;
	memcpy(out->hash.bytes, in + 28, 20);
	memcpy(out->id.bytes, in + 48, 20);
	return true;
}

void handshake_make_id(struct peer_id *out, struct rng *rng)
{
	memcpy(out->bytes, HANDSHAKE_ID, sizeof(HANDSHAKE_ID) - 1);
	rng_fill(rng, out->bytes + sizeof(HANDSHAKE_ID) - 1,
		 sizeof(out->bytes) - sizeof(HANDSHAKE_ID) + 1);
}
