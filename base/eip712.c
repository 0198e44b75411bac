#include "base/eip712.h"

#include "base/keccak.h"

#include <string.h>

/* keccak256 of the two type strings, of "seedbank" and of "1": constants of
 * the protocol, computed again by the test. */
static const uint8_t domain_type[32] = {
	0x8b, 0x73, 0xc3, 0xc6, 0x9b, 0xb8, 0xfe, 0x3d, 0x51, 0x2e, 0xcc,
	0x4c, 0xf7, 0x59, 0xcc, 0x79, 0x23, 0x9f, 0x7b, 0x17, 0x9b, 0x0f,
	0xfa, 0xca, 0xa9, 0xa7, 0x5d, 0x52, 0x2b, 0x39, 0x40, 0x0f};
static const uint8_t receipt_type[32] = {
	0x85, 0xfa, 0x2b, 0x1b, 0x9d, 0x73, 0xf7, 0x5a, 0xbd, 0x8e, 0xd3,
	0x36, 0x18, 0x60, 0x38, 0x22, 0x9c, 0xce, 0x09, 0x65, 0xe5, 0x2c,
	0xce, 0xfc, 0x9a, 0x0c, 0xee, 0x3a, 0x25, 0xff, 0xa4, 0xa3};
static const uint8_t name_hash[32] = {
	0x0c, 0xca, 0xde, 0x2a, 0xd5, 0x7e, 0x72, 0x42, 0x50, 0x41, 0x2d,
	0xb2, 0xc4, 0xc0, 0x9b, 0x8d, 0x7a, 0xa9, 0xeb, 0x74, 0x35, 0x56,
	0xf3, 0xbf, 0xc6, 0xfe, 0xa9, 0x72, 0x07, 0x07, 0x7b, 0xbe};
static const uint8_t version_hash[32] = {
	0xc8, 0x9e, 0xfd, 0xaa, 0x54, 0xc0, 0xf2, 0x0c, 0x7a, 0xdf, 0x61,
	0x28, 0x82, 0xdf, 0x09, 0x50, 0xf5, 0xa9, 0x51, 0x63, 0x7e, 0x03,
	0x07, 0xcd, 0xcb, 0x4c, 0x67, 0x2f, 0x29, 0x8b, 0x8b, 0xc6};

static void put_address(uint8_t word[32], const struct address *a)
{
	memcpy(word + 12, a->bytes, sizeof(a->bytes));
}

static void put_u64(uint8_t word[32], uint64_t v)
{
	for (size_t i = 0; i < 8; i++)
		word[31 - i] = (uint8_t)(v >> (8 * i));
}

static void put_amount(uint8_t word[32], struct amount v)
{
	amount_to_be16(word + 16, v);
}

struct hash32 eip712_domain(uint64_t chain_id, const struct address *bank)
{
	uint8_t words[5][32] = {{0}};

	memcpy(words[0], domain_type, 32);
	memcpy(words[1], name_hash, 32);
	memcpy(words[2], version_hash, 32);
	put_u64(words[3], chain_id);
	put_address(words[4], bank);
	return keccak256(words, sizeof(words));
}

static struct hash32 signing_hash(const struct hash32 *domain,
				  const struct hash32 *what)
{
	uint8_t signing[2 + 64] = {0x19, 0x01};

	memcpy(signing + 2, domain->bytes, 32);
	memcpy(signing + 34, what->bytes, 32);
	return keccak256(signing, sizeof(signing));
}

struct hash32 eip712_receipt(const struct hash32 *domain,
			     const struct address *payer,
			     const struct address *payee, struct amount amount)
{
	uint8_t words[4][32] = {{0}};
	struct hash32 h;

	memcpy(words[0], receipt_type, 32);
	put_address(words[1], payer);
	put_address(words[2], payee);
	put_amount(words[3], amount);
	h = keccak256(words, sizeof(words));
	return signing_hash(domain, &h);
}

struct hash32 eip712_channel(const struct hash32 *domain,
			     const struct address *payee, const uint8_t key[32])
{
	static const char type[] = "Channel(address payee,bytes32 key)";
	uint8_t words[3][32] = {{0}};
	struct hash32 h = keccak256(type, sizeof(type) - 1);

	memcpy(words[0], h.bytes, 32);
	put_address(words[1], payee);
	memcpy(words[2], key, 32);
	h = keccak256(words, sizeof(words));
	return signing_hash(domain, &h);
}

struct hash32 eip712_agreement(const struct hash32 *domain,
			       const struct agreement *a)
{
	static const char type[] =
		"Agreement(address renter,address host,uint32 number,"
		"uint32 revision,bytes32 root,uint32 sectors,uint32 through,"
		"uint112 earned,uint112 rate,uint32 start,uint32 end,"
		"uint16 span,uint112 fund,uint112 collateral,uint112 penalty,"
		"bytes32 terms)";
	uint8_t words[17][32] = {{0}};
	struct hash32 h = keccak256(type, sizeof(type) - 1);

	memcpy(words[0], h.bytes, 32);
	put_address(words[1], &a->renter);
	put_address(words[2], &a->host);
	put_u64(words[3], a->number);
	put_u64(words[4], a->revision);
	memcpy(words[5], a->root.bytes, 32);
	put_u64(words[6], a->sectors);
	put_u64(words[7], a->through);
	put_amount(words[8], a->earned);
	put_amount(words[9], a->rate);
	put_u64(words[10], a->start);
	put_u64(words[11], a->end);
	put_u64(words[12], a->span);
	put_amount(words[13], a->fund);
	put_amount(words[14], a->collateral);
	put_amount(words[15], a->penalty);
	memcpy(words[16], a->terms.bytes, 32);
	h = keccak256(words, sizeof(words));
	return signing_hash(domain, &h);
}

struct hash32 eip712_sheet(const struct hash32 *domain, const struct sheet *s)
{
	static const char type[] =
		"Sheet(address host,uint112 rent,uint112 ingress,"
		"uint112 egress,uint112 collateral,uint112 penalty,"
		"uint32 minPeriods,uint32 maxPeriods,uint16 span,"
		"uint64 expires)";
	uint8_t words[11][32] = {{0}};
	struct hash32 h = keccak256(type, sizeof(type) - 1);

	memcpy(words[0], h.bytes, 32);
	put_address(words[1], &s->host);
	put_amount(words[2], s->rent);
	put_amount(words[3], s->ingress);
	put_amount(words[4], s->egress);
	put_amount(words[5], s->collateral);
	put_amount(words[6], s->penalty);
	put_u64(words[7], s->min_periods);
	put_u64(words[8], s->max_periods);
	put_u64(words[9], s->span);
	put_u64(words[10], s->expires);
	h = keccak256(words, sizeof(words));
	return signing_hash(domain, &h);
}

struct hash32 eip712_endpoint(const struct hash32 *domain,
			      const struct endpoint *p)
{
	static const char type[] =
		"Endpoint(address host,bytes16 ip,uint16 port,uint64 time)";
	uint8_t words[5][32] = {{0}};
	struct hash32 h = keccak256(type, sizeof(type) - 1);

	memcpy(words[0], h.bytes, 32);
	put_address(words[1], &p->host);
	memcpy(words[2], p->ip, sizeof(p->ip)); /* bytes16 stand on the left */
	put_u64(words[3], p->port);
	put_u64(words[4], p->time);
	h = keccak256(words, sizeof(words));
	return signing_hash(domain, &h);
}
