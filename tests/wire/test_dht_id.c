#include "wire/dht/dht_id.h"

#include "base/hex.h"
#include "tests/check.h"

#include <arpa/inet.h>
#include <string.h>

static struct wire_addr at(const char *text, uint16_t port)
{
	struct wire_addr a = {.port = port};

	memcpy(a.ip, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
	if (inet_pton(AF_INET, text, a.ip + 12) != 1)
		CHECK(inet_pton(AF_INET6, text, a.ip) == 1, "%s", text);
	return a;
}

static struct dht_id id_of(const char *hex)
{
	struct dht_id id = {{0}};

	for (size_t i = 0; hex[2 * i]; i++) {
		unsigned byte;

		CHECK(sscanf(hex + 2 * i, "%2x", &byte) == 1, "%s", hex);
		id.bytes[i] = (uint8_t)byte;
	}
	return id;
}

static void ids_follow_from_addresses(void)
{
	/* the examples of BEP 42; and what is exempt, or differs in one bit */
	static const struct {
		const char *name, *ip, *id;
		bool fits;
	} rows[] = {
		{"1", "124.31.75.21",
		 "5fbfbff10c5d6a4ec8a88e4c6ab4c28b95eee401", true},
		{"2", "21.75.31.124",
		 "5a3ce9c14e7a08645677bbd1cfe7d8f956d53256", true},
		{"3", "65.23.51.170",
		 "a5d43220bc8f112a3d426c84764f8c2a1150e616", true},
		{"4", "84.124.73.14",
		 "1b0321dd1bb1fe518101ceef99462b947a01ff41", true},
		{"5", "43.213.53.83",
		 "e56f6cbf5b7c4be0237986d5243b87aa6d51305a", true},
		{"the 21st bit is another", "124.31.75.21",
		 "5fbfb7f10c5d6a4ec8a88e4c6ab4c28b95eee401", false},
		{"the 22nd bit is free", "124.31.75.21",
		 "5fbfbbf10c5d6a4ec8a88e4c6ab4c28b95eee401", true},
		{"another last byte", "124.31.75.21",
		 "5fbfbff10c5d6a4ec8a88e4c6ab4c28b95eee402", false},
		{"somebody else's", "124.31.76.21",
		 "5fbfbff10c5d6a4ec8a88e4c6ab4c28b95eee401", false},
		{"at home all may be", "192.168.1.7",
		 "5fbfbff10c5d6a4ec8a88e4c6ab4c28b95eee401", true},
		{"and on this machine", "127.0.0.1",
		 "0000000000000000000000000000000000000000", true},
		{"of IPv6, too", "::1",
		 "0000000000000000000000000000000000000000", true},
		{"not elsewhere", "2001:db8::1",
		 "0000000000000000000000000000000000000000", false},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct wire_addr a = at(rows[i].ip, 1);
		struct dht_id id = id_of(rows[i].id);

		CHECK(dht_id_fits(&id, a.ip) == rows[i].fits, "%s",
		      rows[i].name);
	}
}

static void a_made_id_fits(void)
{
	static const char *const ips[] = {"8.8.4.4", "203.0.113.77",
					  "2a02:1234:5678:9abc::1",
					  "127.0.0.1"};
	struct rng rng = rng_seeded(1);

	for (size_t i = 0; i < ROWS(ips); i++)
		for (int n = 0; n < 50; n++) {
			struct wire_addr a = at(ips[i], 1);
			struct dht_id id = dht_id_for(a.ip, &rng);

			CHECK(dht_id_fits(&id, a.ip), "%s", ips[i]);
		}
}

static void distances_are_by_xor(void)
{
	struct dht_id zero = id_of("00");
	static const struct {
		const char *a, *b;
		int order;
		unsigned prefix;
	} rows[] = {
		{"00", "00", 0, 160},
		{"01", "80", -1, 0},
		{"80", "7f", 1, 0},
		{"0102", "0101", 1, 14},
		{"00000000000000000000000000000000000000ff",
		 "00000000000000000000000000000000000000fe", 1, 159},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct dht_id a = id_of(rows[i].a), b = id_of(rows[i].b);
		int order = dht_id_nearer(&zero, &a, &b);

		CHECK((order > 0) - (order < 0) == rows[i].order, "row %zu", i);
		CHECK(dht_id_prefix(&a, &b) == rows[i].prefix, "row %zu: %u", i,
		      dht_id_prefix(&a, &b));
	}
}

static void places_are_told_apart(void)
{
	static const struct {
		const char *ip;
		uint16_t port;
		enum dht_place want;
	} rows[] = {
		{"8.8.8.8", 53, DHT_PUBLIC},
		{"8.8.8.8", 0, DHT_NOWHERE},
		{"0.0.0.0", 1, DHT_NOWHERE},
		{"0.1.2.3", 1, DHT_NOWHERE},
		{"224.0.0.1", 1, DHT_NOWHERE},
		{"255.255.255.255", 1, DHT_NOWHERE},
		{"127.0.0.1", 1, DHT_LOCAL},
		{"10.77.0.1", 1, DHT_LOCAL},
		{"172.16.0.1", 1, DHT_LOCAL},
		{"172.32.0.1", 1, DHT_PUBLIC},
		{"192.168.3.4", 1, DHT_LOCAL},
		{"192.169.3.4", 1, DHT_PUBLIC},
		{"169.254.0.9", 1, DHT_LOCAL},
		{"100.64.0.1", 1, DHT_LOCAL},
		{"100.128.0.1", 1, DHT_PUBLIC},
		{"::", 1, DHT_NOWHERE},
		{"::1", 1, DHT_LOCAL},
		{"::2", 1, DHT_NOWHERE},
		{"ff02::1", 1, DHT_NOWHERE},
		{"fe80::1", 1, DHT_LOCAL},
		{"fd00::1", 1, DHT_LOCAL},
		{"64:ff9b::808:808", 1, DHT_NOWHERE},
		{"2001:4860:4860::8888", 1, DHT_PUBLIC},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct wire_addr a = at(rows[i].ip, rows[i].port);

		CHECK(dht_place_of(&a) == rows[i].want, "%s port %u",
		      rows[i].ip, rows[i].port);
	}
}

static void neighbours_are_told(void)
{
	static const struct {
		const char *a, *b;
		bool host, net;
	} rows[] = {
		{"8.8.8.8", "8.8.8.8", true, true},
		{"8.8.8.8", "8.8.8.9", false, true},
		{"8.8.8.8", "8.8.9.8", false, false},
		{"2001:db8:1:2::1", "2001:db8:1:2::2", true, true},
		{"2001:db8:1:2::1", "2001:db8:1:3::1", false, true},
		{"2001:db8:1:2::1", "2001:db8:2:2::1", false, false},
		{"8.8.8.8", "2001:db8::1", false, false},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct wire_addr a = at(rows[i].a, 1), b = at(rows[i].b, 2);

		CHECK(dht_same_host(&a, &b) == rows[i].host, "%s %s", rows[i].a,
		      rows[i].b);
		CHECK(dht_same_net(&a, &b) == rows[i].net, "%s %s", rows[i].a,
		      rows[i].b);
	}
}

static void compact_addresses_come_back(void)
{
	static const char *const ips[] = {"1.2.3.4", "2001:db8::5"};
	uint8_t bytes[18];

	for (size_t i = 0; i < ROWS(ips); i++) {
		struct wire_addr a = at(ips[i], 0x1234), b;

		dht_compact_write(bytes, &a);
		CHECK(bytes[dht_compact_len(dht_family_of(&a)) - 2] == 0x12,
		      "the port is big-endian");
		b = dht_compact_read(bytes, dht_family_of(&a));
		CHECK(dht_addr_eq(&a, &b), "%s", ips[i]);
	}
}

int main(void)
{
	ids_follow_from_addresses();
	a_made_id_fits();
	distances_are_by_xor();
	places_are_told_apart();
	neighbours_are_told();
	compact_addresses_come_back();
	return CHECK_EXIT();
}
