#include "storage/rent/endpoint.h"

#include "base/eip712.h"
#include "tests/check.h"

#include <string.h>

#define NOW 1800000000

static struct ecc *ecc;
static struct hash32 domain;

static struct ecc_key key_of(unsigned n)
{
	struct ecc_key k = {{0}};

	k.bytes[0] = 1;
	k.bytes[30] = (uint8_t)(n >> 8);
	k.bytes[31] = (uint8_t)n;
	return k;
}

static struct address host_of(unsigned n)
{
	struct ecc_key k = key_of(n);

	return ecc_address(ecc, &k);
}

static void set_ip4(uint8_t ip[16], uint32_t v4)
{
	memset(ip, 0, 16);
	ip[10] = ip[11] = 0xff;
	for (int i = 0; i < 4; i++)
		ip[12 + i] = (uint8_t)(v4 >> (24 - 8 * i));
}

static struct rent_net net4(uint32_t v4)
{
	uint8_t ip[16];

	set_ip4(ip, v4);
	return rent_net_of(ip);
}

/* Host n says that it is at v4:5000. */
static struct endpoint_record record(unsigned n, uint32_t v4, uint64_t time)
{
	struct ecc_key k = key_of(n);
	struct endpoint_record r = {
		.p = {.host = host_of(n), .port = 5000, .time = time}};
	struct hash32 digest;
	struct ecc_sig sig;

	set_ip4(r.p.ip, v4);
	digest = eip712_endpoint(&domain, &r.p);
	sig = ecc_sign(ecc, &k, &digest);
	r.sig = sig64_pack(&sig);
	return r;
}

static struct endpoints *table(uint32_t max, bool local)
{
	struct endpoints_cfg cfg = {.domain = domain,
				    .self = host_of(0),
				    .max = max,
				    .local = local,
				    .rng = rng_seeded(9)};
	struct endpoints *t;

	CHECK(endpoints_new(&t, &cfg, NULL) == ERR_NONE, "no table");
	return t;
}

static void records_are_judged(void)
{
	static const struct {
		const char *name;
		unsigned host;
		const char *ip; /* 16 bytes, or NULL: 8.8.8.8 */
		uint16_t port;
		int64_t time;
		bool local, forge;
		enum endpoint_verdict want;
	} rows[] = {
		{"a good one", 1, NULL, 5000, NOW, false, false,
		 ENDPOINT_TAKEN},
		{"as old as may be", 1, NULL, 5000, NOW - ENDPOINT_KEEP_S + 1,
		 false, false, ENDPOINT_TAKEN},
		{"expired", 1, NULL, 5000, NOW - ENDPOINT_KEEP_S, false, false,
		 ENDPOINT_EXPIRED},
		{"of a clock that is an hour ahead", 1, NULL, 5000, NOW + 3600,
		 false, false, ENDPOINT_TAKEN},
		{"from the future", 1, NULL, 5000, NOW + 3601, false, false,
		 ENDPOINT_EXPIRED},
		{"from the end of time", 1, NULL, 5000, -1, false, false,
		 ENDPOINT_EXPIRED},
		{"forged", 1, NULL, 5000, NOW, false, true, ENDPOINT_FORGED},
		{"no port", 1, NULL, 0, NOW, false, false, ENDPOINT_NO_PLACE},
		{"loopback", 1, "\0\0\0\0\0\0\0\0\0\0\377\377\177\0\1\1", 5000,
		 NOW, false, false, ENDPOINT_NO_PLACE},
		{"loopback in a test", 1,
		 "\0\0\0\0\0\0\0\0\0\0\377\377\177\0\1\1", 5000, NOW, true,
		 false, ENDPOINT_TAKEN},
		{"a private network", 1,
		 "\0\0\0\0\0\0\0\0\0\0\377\377\300\250\1\1", 5000, NOW, false,
		 false, ENDPOINT_NO_PLACE},
		{"all of 0.0.0.0", 1, "\0\0\0\0\0\0\0\0\0\0\377\377\0\0\0\0",
		 5000, NOW, true, false, ENDPOINT_NO_PLACE},
		{"multicast", 1, "\0\0\0\0\0\0\0\0\0\0\377\377\340\0\0\1", 5000,
		 NOW, true, false, ENDPOINT_NO_PLACE},
		{"IPv6", 1, "\40\1\15\270\0\0\0\0\0\0\0\0\0\0\0\1", 5000, NOW,
		 false, false, ENDPOINT_TAKEN},
		{"IPv6 of nobody", 1, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 5000,
		 NOW, true, false, ENDPOINT_NO_PLACE},
		{"IPv6 multicast", 1, "\377\2\0\0\0\0\0\0\0\0\0\0\0\0\0\1",
		 5000, NOW, true, false, ENDPOINT_NO_PLACE},
		{"our own", 0, NULL, 5000, NOW, false, false, ENDPOINT_KNOWN},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct endpoints *t = table(64, rows[i].local);
		struct endpoint_record r = record(rows[i].host, 0x08080808,
						  (uint64_t)rows[i].time);
		struct ecc_key k = key_of(rows[i].host);
		struct hash32 digest;
		struct ecc_sig sig;

		if (rows[i].ip)
			memcpy(r.p.ip, rows[i].ip, 16);
		r.p.port = rows[i].port;
		digest = eip712_endpoint(&domain, &r.p);
		sig = ecc_sign(ecc, &k, &digest);
		r.sig = sig64_pack(&sig);
		if (rows[i].forge)
			r.p.port++;
		CHECK(endpoints_take(t, &r, NULL, NOW) == rows[i].want, "%s",
		      rows[i].name);
		endpoints_free(t);
	}
}

static void the_newest_is_kept(void)
{
	struct endpoints *t = table(64, false);
	struct endpoint_record a = record(1, 0x08080808, NOW),
			       b = record(1, 0x09090909, NOW + 1), got;
	struct address host = host_of(1);

	CHECK(endpoints_take(t, &a, NULL, NOW) == ENDPOINT_TAKEN, "first");
	CHECK(endpoints_take(t, &a, NULL, NOW) == ENDPOINT_KNOWN, "again");
	CHECK(endpoints_take(t, &b, NULL, NOW) == ENDPOINT_TAKEN, "newer");
	CHECK(endpoints_take(t, &a, NULL, NOW) == ENDPOINT_KNOWN, "older");
	CHECK(endpoints_count(t) == 1 && endpoints_find(t, &host, NOW, &got) &&
		      got.p.ip[15] == 9,
	      "not the newer");
	CHECK(!endpoints_find(t, &host, NOW + 2 + ENDPOINT_KEEP_S, &got),
	      "for ever");
	endpoints_tick(t, NOW + 2 + ENDPOINT_KEEP_S);
	CHECK(endpoints_count(t) == 0, "not forgotten");
	host = host_of(2);
	CHECK(!endpoints_find(t, &host, NOW, &got), "never told");
	endpoints_free(t);
}

/* One network tells as many as it can: an eighth of the table. */
static void nobody_fills_the_table(void)
{
	struct endpoints *t = table(64, false);
	struct rent_net liar = net4(0x05050505), other = net4(0x06060606);
	unsigned taken = 0, later = 0;

	for (unsigned i = 1; i <= 64; i++) {
		struct endpoint_record r = record(i, 0x08000000 + i * 256, NOW);

		taken += endpoints_take(t, &r, &liar, NOW) == ENDPOINT_TAKEN;
	}
	CHECK(taken == 8, "%u of 64", taken);
	/* eight more networks fill it, and one that comes later is let in */
	for (unsigned i = 65; i < 65 + 64; i++) {
		struct endpoint_record r = record(i, 0x08000000 + i * 256, NOW);
		struct rent_net from = net4(0x0a000000 + i / 8 * 256);

		(void)endpoints_take(t, &r, &from, NOW);
	}
	CHECK(endpoints_count(t) == 64, "%u", endpoints_count(t));
	for (unsigned i = 200; i < 220; i++) {
		struct endpoint_record r = record(i, 0x08000000 + i * 256, NOW);

		later += endpoints_take(t, &r, &other, NOW) == ENDPOINT_TAKEN;
	}
	CHECK(later >= 4 && later <= 8 && endpoints_count(t) == 64,
	      "%u came later", later);
	endpoints_free(t);
}

/* Sixteen false hosts that claim a victim's network. */
static void nobody_is_shut_out_of_its_network(void)
{
	struct endpoints *t = table(1024, false);
	struct rent_net liar = net4(0x05050505), other = net4(0x06060606);
	struct endpoint_record r;
	struct address victim = host_of(100), met = host_of(3);
	unsigned taken = 0;

	for (unsigned i = 1; i <= 40; i++) {
		r = record(i, 0x08080800 + i, NOW);
		taken += endpoints_take(t, &r, &liar, NOW) == ENDPOINT_TAKEN;
	}
	CHECK(taken == ENDPOINT_PER_NET, "%u", taken);
	endpoints_met(t, &met, true);
	r = record(100, 0x08080864, NOW);
	CHECK(endpoints_take(t, &r, &other, NOW) == ENDPOINT_TAKEN &&
		      endpoints_find(t, &victim, NOW, &r),
	      "shut out");
	for (unsigned i = 41; i <= 60; i++) {
		r = record(i, 0x08080800 + i, NOW);
		(void)endpoints_take(t, &r, &liar, NOW);
	}
	CHECK(endpoints_find(t, &victim, NOW, &r), "pushed out again");
	for (unsigned i = 61; i <= 90; i++) {
		r = record(i, 0x08080800 + i, NOW);
		(void)endpoints_take(t, &r, NULL, NOW);
	}
	CHECK(endpoints_find(t, &met, NOW, &r), "one that we met was dropped");
	CHECK(endpoints_count(t) == ENDPOINT_PER_NET, "%u", endpoints_count(t));
	endpoints_free(t);
}

static void answers_are_spread(void)
{
	static uint8_t out[RENT_NODES_MAX * RENT_NODE_LEN];
	struct endpoints *t = table(256, false);
	struct endpoint_record own = record(0, 0x01010101, NOW), r;
	unsigned in_net = 0;
	size_t n;

	for (unsigned i = 1; i <= 12; i++) {
		r = record(i, 0x08080800 + i, NOW);
		(void)endpoints_take(t, &r, NULL, NOW);
	}
	for (unsigned i = 20; i < 50; i++) {
		r = record(i, 0x09000000 + i * 256, NOW);
		(void)endpoints_take(t, &r, NULL, NOW);
	}
	endpoints_set_own(t, &own);
	n = endpoints_answer(t, out, RENT_NODES_MAX, NOW);
	CHECK(n == 1 + ENDPOINT_ANSWER_PER_NET + 30, "%zu", n);
	for (size_t i = 0; i < n; i++) {
		endpoint_record_get(&r, out + i * RENT_NODE_LEN);
		in_net += r.p.ip[12] == 8;
		for (size_t k = 0; k < i; k++)
			CHECK(memcmp(out + i * RENT_NODE_LEN,
				     out + k * RENT_NODE_LEN, 20) != 0,
			      "one host twice");
	}
	CHECK(in_net == ENDPOINT_ANSWER_PER_NET, "%u of one network", in_net);
	endpoint_record_get(&r, out);
	CHECK(address_eq(&r.p.host, &own.p.host), "our own is not the first");
	CHECK(endpoints_answer(t, out, 5, NOW) == 5, "more than wanted");
	CHECK(endpoints_answer(t, out, 5, NOW + 2 * ENDPOINT_KEEP_S) == 1,
	      "expired ones");
	endpoints_free(t);
}

static void count(void *ctx, const struct endpoint_record *r)
{
	(void)r;
	++*(unsigned *)ctx;
}

static void a_record_is_written_and_read(void)
{
	struct endpoint_record a = record(1, 0x08080808, NOW), b;
	struct endpoints *t = table(0, false);
	uint8_t buf[RENT_NODE_LEN];
	unsigned n = 0;

	endpoint_record_put(buf, &a);
	endpoint_record_get(&b, buf);
	CHECK(endpoints_take(t, &b, NULL, NOW) == ENDPOINT_TAKEN, "another");
	endpoints_each(t, NOW, count, &n);
	CHECK(n == 1, "%u", n);
	endpoints_free(t);
	CHECK(endpoints_new(&t, &(struct endpoints_cfg){.max = 70000}, NULL) ==
		      ERR_LIMIT,
	      "too large");
}

int main(void)
{
	struct address bank = {{7}};

	domain = eip712_domain(31337, &bank);
	ecc = ecc_new(NULL);
	CHECK(ecc != NULL, "no curve");
	records_are_judged();
	the_newest_is_kept();
	nobody_fills_the_table();
	nobody_is_shut_out_of_its_network();
	answers_are_spread();
	a_record_is_written_and_read();
	ecc_free(ecc);
	return CHECK_EXIT();
}
