#include "wire/dht/dht_id.h"

#include "base/ip.h"

#include <string.h>

bool dht_id_eq(const struct dht_id *a, const struct dht_id *b)
{
	return memcmp(a->bytes, b->bytes, DHT_ID_LEN) == 0;
}

int dht_id_nearer(const struct dht_id *target, const struct dht_id *a,
		  const struct dht_id *b)
{
	for (size_t i = 0; i < DHT_ID_LEN; i++) {
		int da = a->bytes[i] ^ target->bytes[i];
		int db = b->bytes[i] ^ target->bytes[i];

		if (da != db)
			return da - db;
	}
	return 0;
}

unsigned dht_id_prefix(const struct dht_id *a, const struct dht_id *b)
{
	for (unsigned i = 0; i < DHT_ID_LEN; i++) {
		unsigned differ = (unsigned)(a->bytes[i] ^ b->bytes[i]);

		if (differ)
			return 8 * i + (unsigned)__builtin_clz(differ) - 24;
	}
	return DHT_ID_BITS;
}

/* --- ids that follow from an address (BEP 42) ------------------------------
 */

static uint32_t crc32c(const uint8_t *p, size_t len)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < len; i++) {
		crc ^= p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78U : 0);
	}
	return ~crc;
}

/* The 21 bits that stand first in such an id; `r` is its last byte. */
static uint32_t prefix_of(const uint8_t ip[16], uint8_t r)
{
	static const uint8_t mask4[] = {0x03, 0x0f, 0x3f, 0xff};
	static const uint8_t mask6[] = {0x01, 0x03, 0x07, 0x0f,
					0x1f, 0x3f, 0x7f, 0xff};
	bool v4 = ip_is_v4(ip);
	const uint8_t *from = v4 ? ip + 12 : ip;
	const uint8_t *mask = v4 ? mask4 : mask6;
	size_t len = v4 ? sizeof(mask4) : sizeof(mask6);
	uint8_t bits[8];

	for (size_t i = 0; i < len; i++)
		bits[i] = from[i] & mask[i];
	bits[0] |= (uint8_t)((r & 7) << 5);
	return crc32c(bits, len) >> 11;
}

static bool is_public(const uint8_t ip[16])
{
	struct wire_addr a = {.port = 1};

	memcpy(a.ip, ip, sizeof(a.ip));
	return dht_place_of(&a) == DHT_PUBLIC;
}

struct dht_id dht_id_for(const uint8_t ip[16], struct rng *rng)
{
	struct dht_id id;
	uint32_t prefix;

	rng_fill(rng, id.bytes, sizeof(id.bytes));
	if (!is_public(ip))
		return id;
	prefix = prefix_of(ip, id.bytes[DHT_ID_LEN - 1]);
	id.bytes[0] = (uint8_t)(prefix >> 13);
	id.bytes[1] = (uint8_t)(prefix >> 5);
	id.bytes[2] = (uint8_t)(prefix << 3 | (id.bytes[2] & 7));
	return id;
}

bool dht_id_fits(const struct dht_id *id, const uint8_t ip[16])
{
	uint32_t prefix = (uint32_t)id->bytes[0] << 13 |
			  (uint32_t)id->bytes[1] << 5 | id->bytes[2] >> 3;

	return !is_public(ip) ||
	       prefix == prefix_of(ip, id->bytes[DHT_ID_LEN - 1]);
}

/* --- addresses -------------------------------------------------------------
 */

enum dht_family dht_family_of(const struct wire_addr *a)
{
	return ip_is_v4(a->ip) ? DHT_V4 : DHT_V6;
}

static enum dht_place place4(const uint8_t ip[4])
{
	if (ip[0] == 0 || ip[0] >= 224)
		return DHT_NOWHERE;
	if (ip[0] == 10 || ip[0] == 127 || (ip[0] == 172 && ip[1] >> 4 == 1) ||
	    (ip[0] == 192 && ip[1] == 168) || (ip[0] == 169 && ip[1] == 254) ||
	    (ip[0] == 100 && ip[1] >> 6 == 1)) /* RFC 6598: behind a provider */
		return DHT_LOCAL;
	return DHT_PUBLIC;
}

static enum dht_place place6(const uint8_t ip[16])
{
	static const uint8_t zero[16];

	if (ip[0] == 0xff || memcmp(ip, zero, sizeof(zero)) == 0)
		return DHT_NOWHERE;
	if ((ip[0] & 0xfe) == 0xfc || (ip[0] == 0xfe && ip[1] >> 6 == 2) ||
	    (memcmp(ip, zero, 15) == 0 && ip[15] == 1))
		return DHT_LOCAL;
	/* what nobody routes: all but 2000::/3, the ways to write IPv4 in IPv6
	 * with it */
	return ip[0] >> 5 == 1 ? DHT_PUBLIC : DHT_NOWHERE;
}

enum dht_place dht_place_of(const struct wire_addr *a)
{
	if (a->port == 0)
		return DHT_NOWHERE;
	return dht_family_of(a) == DHT_V4 ? place4(a->ip + 12) : place6(a->ip);
}

bool dht_addr_eq(const struct wire_addr *a, const struct wire_addr *b)
{
	return a->port == b->port && memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

static bool same_bytes(const struct wire_addr *a, const struct wire_addr *b,
		       size_t v4, size_t v6)
{
	size_t n = dht_family_of(a) == DHT_V4 ? v4 : v6;

	return memcmp(a->ip, b->ip, n) == 0;
}

bool dht_same_host(const struct wire_addr *a, const struct wire_addr *b)
{
	return same_bytes(a, b, 16, 8);
}

bool dht_same_net(const struct wire_addr *a, const struct wire_addr *b)
{
	return same_bytes(a, b, 15, 6);
}

size_t dht_compact_len(enum dht_family family)
{
	return family == DHT_V4 ? 6 : 18;
}

void dht_compact_write(uint8_t *out, const struct wire_addr *a)
{
	size_t ip = dht_compact_len(dht_family_of(a)) - 2;

	memcpy(out, a->ip + sizeof(a->ip) - ip, ip);
	out[ip] = (uint8_t)(a->port >> 8);
	out[ip + 1] = (uint8_t)a->port;
}

struct wire_addr dht_compact_read(const uint8_t *p, enum dht_family family)
{
	size_t ip = dht_compact_len(family) - 2;
	struct wire_addr a;

	ip_from_bytes(a.ip, p, ip);
	a.port = (uint16_t)(p[ip] << 8 | p[ip + 1]);
	return a;
}
