#include "base/eip712.h"
#include "tests/base/vec.h"
#include "tests/check.h"

#include <string.h>

/* Vector made with ethers 6, TypedDataEncoder.hash(). */
static void a_channel_is_what_ethers_says(void)
{
	struct address bank, payee;
	struct hash32 domain, digest;
	uint8_t key[32];

	memset(bank.bytes, 0xb4, sizeof(bank.bytes));
	memset(payee.bytes, 0xc1, sizeof(payee.bytes));
	memset(key, 0x5e, sizeof(key));
	domain = eip712_domain(1029, &bank);
	digest = eip712_channel(&domain, &payee, key);
	CHECK(vec_is(digest.bytes, 32,
		     "b85f1f3f2838ba0fe9177c6b1360f58cc0790e7b2cf91721c749d51c"
		     "2fcf3fcd"),
	      "digest");
	key[31] ^= 1;
	digest = eip712_channel(&domain, &payee, key);
	CHECK(!vec_is(digest.bytes, 32,
		      "b85f1f3f2838ba0fe9177c6b1360f58cc0790e7b2cf91721c749d51c"
		      "2fcf3fcd"),
	      "another key");
}

/* The rest: vectors of the same maker; test_agreement.c and test_offer.c have
 * the same values packed. */
static struct hash32 domain_b4(void)
{
	struct address bank;

	memset(bank.bytes, 0xb4, sizeof(bank.bytes));
	return eip712_domain(1029, &bank);
}

static void an_agreement_is_what_ethers_says(void)
{
	struct agreement a = {
		.number = 7,
		.revision = 0xfffffffe,
		.sectors = 1048576,
		.through = 20500,
		.rate = amount_max112(),
		.start = 20400,
		.end = 20765,
		.span = 0x0107,
		.fund = amount_from_parts((1ULL << 48) - 1, UINT64_MAX - 1),
		.collateral = amount_from_parts(1, 5),
		.penalty = amount_from_u64(9)};
	struct hash32 domain = domain_b4(), digest;

	memset(&a.renter, 0xa1, sizeof(a.renter));
	memset(&a.host, 0xc1, sizeof(a.host));
	memset(&a.root, 0x5e, sizeof(a.root));
	memset(&a.terms, 0x7e, sizeof(a.terms));
	CHECK(!amount_from_dec(&a.earned, "12345678901234567890123", 0, NULL),
	      "earned");
	digest = eip712_agreement(&domain, &a);
	CHECK(vec_is(digest.bytes, 32,
		     "d577b3814e1c3a4cd3d64460cff1f30a4d56b4402022d495d458a9f4"
		     "149ce435"),
	      "digest");
}

static void an_offer_is_what_ethers_says(void)
{
	struct sheet s = {.rent = amount_max112(),
			  .ingress = amount_from_parts(64, 0),
			  .egress = amount_from_u64(3),
			  .collateral = amount_from_u64(4),
			  .penalty = amount_from_u64(5),
			  .min_periods = 6,
			  .max_periods = UINT32_MAX,
			  .span = 0x0102,
			  .expires = 0x0102030405060708};
	struct endpoint p = {.ip = {[10] = 0xff, 0xff, 1, 2, 3, 4},
			     .port = 51413,
			     .time = 1800000000};
	struct hash32 domain = domain_b4(), digest;

	memset(&s.host, 0xc1, sizeof(s.host));
	p.host = s.host;
	digest = eip712_sheet(&domain, &s);
	CHECK(vec_is(digest.bytes, 32,
		     "10352561b55f8ef18da14474b4c1293f4ac52bcbe5156c8e7fc8280b"
		     "590076d8"),
	      "sheet");
	digest = eip712_endpoint(&domain, &p);
	CHECK(vec_is(digest.bytes, 32,
		     "4871bfcef8fe70b51df4dc580e12b8e4c0a9409321ecadb5c19f6ccc"
		     "f643901b"),
	      "endpoint");
}

int main(void)
{
	an_agreement_is_what_ethers_says();
	an_offer_is_what_ethers_says();
	a_channel_is_what_ethers_says();
	return CHECK_EXIT();
}
