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

int main(void)
{
	a_channel_is_what_ethers_says();
	return CHECK_EXIT();
}
