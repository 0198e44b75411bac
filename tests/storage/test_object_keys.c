#include "base/hex.h"
#include "storage/object/keys.h"
#include "tests/check.h"

#include <string.h>

static uint8_t master[OBJECT_KEY_LEN], full[OBJECT_KEY_LEN];

static void check_hex(const char *name, const void *p, const char *want)
{
	char text[HEX_LEN(32)];

	hex_encode(text, p, 32);
	CHECK(strcmp(text, want) == 0, "%s: %s", name, text);
}

/* Made by another implementation; they stand in docs/protocol.md. */
static void published_keys_hold(void)
{
	struct object_keys k;
	uint8_t head[OBJECT_KEY_LEN];

	object_keys_own(&k, master, full);
	check_hex("repair", k.repair,
		  "682588a8b87fa33c2116ef0747b4b9484"
		  "ae1cbb8e121ecc875db67cdb68f38a3");
	check_hex("placement", k.placement,
		  "915962ba622812d33b501ed6f997939d2"
		  "4cdc512459c7a8c28bb52d23f62f759");
	check_hex("steward", k.steward_pk,
		  "c7442ce7975123296eac5c67c5049493f"
		  "cc8e5878e6779e0407fba88184c30fa");
	check_hex("owner", k.owner_pk,
		  "84177a43ee01a7dac1e0342e813a5dfd6"
		  "502ac1620897f5b7c0b2431a0fb80df");
	object_head_key(head, master);
	check_hex("head", head,
		  "d186759f5d2719ee1da8b08b059e1d482"
		  "b5737c094fb5774861c9547fd98716c");
}

static void each_link_knows_what_is_below_it(void)
{
	static const uint8_t none[OBJECT_KEY_LEN];
	struct object_keys own, f, r, s;

	object_keys_own(&own, master, full);
	object_keys_from_full(&f, full, own.owner_pk);
	CHECK(memcmp(&own, &f, sizeof(f)) == 0, "a full link is all");
	object_keys_from_repair(&r, own.repair, own.owner_pk);
	CHECK(r.access == OBJECT_REPAIR, "repair");
	CHECK(memcmp(r.full, none, 32) == 0, "repair does not read");
	CHECK(memcmp(r.owner_pk, own.owner_pk, 32) == 0, "the same object");
	CHECK(memcmp(r.steward_pk, own.steward_pk, 32) == 0, "its steward");
	CHECK(memcmp(r.placement, own.placement, 32) == 0, "finds it");
	object_keys_from_sample(&s, own.placement, own.owner_pk);
	CHECK(s.access == OBJECT_SAMPLE, "sample");
	CHECK(memcmp(s.repair, none, 32) == 0, "a sample does not repair");
	object_keys_clear(&s);
	CHECK(memcmp(s.placement, none, 32) == 0, "forgotten");
}

static void owner_and_steward_sign_each_for_itself(void)
{
	static const uint8_t word[] = "a record";
	uint8_t other[OBJECT_KEY_LEN] = {9}, sig[OBJECT_SIG_LEN];
	struct object_keys k;

	object_keys_own(&k, master, full);
	object_sign_owner(sig, &k, master, word, sizeof(word));
	CHECK(object_verify(sig, k.owner_pk, word, sizeof(word)), "owner");
	CHECK(!object_verify(sig, k.steward_pk, word, sizeof(word)),
	      "an owner's is no steward's");
	CHECK(!object_verify(sig, k.owner_pk, word, sizeof(word) - 1),
	      "another word");
	object_sign_owner(sig, &k, other, word, sizeof(word));
	CHECK(!object_verify(sig, k.owner_pk, word, sizeof(word)),
	      "another master key");
	object_sign_steward(sig, &k, word, sizeof(word));
	CHECK(object_verify(sig, k.steward_pk, word, sizeof(word)), "steward");
	CHECK(!object_verify(sig, k.owner_pk, word, sizeof(word)),
	      "a steward's is no owner's");
}

int main(void)
{
	for (uint8_t i = 0; i < OBJECT_KEY_LEN; i++) {
		full[i] = i;
		master[i] = (uint8_t)(32 + i);
	}
	published_keys_hold();
	each_link_knows_what_is_below_it();
	owner_and_steward_sign_each_for_itself();
	return CHECK_EXIT();
}
