#include "storage/object/keys.h"

#include <sodium.h>
#include <string.h>

_Static_assert(OBJECT_SIG_LEN == crypto_sign_BYTES, "Ed25519");
_Static_assert(OBJECT_KEY_LEN == crypto_sign_SEEDBYTES, "Ed25519");
_Static_assert(OBJECT_KEY_LEN == crypto_sign_PUBLICKEYBYTES, "Ed25519");

/* BLAKE2b-256 with this key of the label and what follows it. */
static void derive(uint8_t out[32], const uint8_t *key, const char *label,
		   const uint8_t *more, size_t more_len)
{
	crypto_generichash_state h;

	(void)crypto_generichash_init(&h, key, OBJECT_KEY_LEN, 32);
	(void)crypto_generichash_update(&h, (const uint8_t *)label,
					strlen(label));
	if (more_len)
		(void)crypto_generichash_update(&h, more, more_len);
	(void)crypto_generichash_final(&h, out, 32);
	sodium_memzero(&h, sizeof(h));
}

struct signer_pair {
	uint8_t pk[crypto_sign_PUBLICKEYBYTES];
	uint8_t sk[crypto_sign_SECRETKEYBYTES];
};

static void pair_of(struct signer_pair *p, const uint8_t seed[32])
{
	(void)crypto_sign_seed_keypair(p->pk, p->sk, seed);
}

static void steward_pair(struct signer_pair *p, const uint8_t repair[32])
{
	uint8_t seed[32];

	derive(seed, repair, "seedbank steward v1", NULL, 0);
	pair_of(p, seed);
	sodium_memzero(seed, sizeof(seed));
}

static void owner_pair(struct signer_pair *p, const uint8_t master[32],
		       const uint8_t steward_pk[32])
{
	uint8_t seed[32];

	derive(seed, master, "seedbank owner v1", steward_pk, 32);
	pair_of(p, seed);
	sodium_memzero(seed, sizeof(seed));
}

/* All but `full` and who the owner is, from the repair key. */
static void fill_below_repair(struct object_keys *out,
			      const uint8_t repair[OBJECT_KEY_LEN])
{
	struct signer_pair p;

	memmove(out->repair, repair, OBJECT_KEY_LEN);
	derive(out->placement, repair, "seedbank placement v1", NULL, 0);
	steward_pair(&p, repair);
	memcpy(out->steward_pk, p.pk, sizeof(p.pk));
	sodium_memzero(&p, sizeof(p));
}

static void fill_below_full(struct object_keys *out,
			    const uint8_t full[OBJECT_KEY_LEN])
{
	memset(out, 0, sizeof(*out));
	out->access = OBJECT_FULL;
	memcpy(out->full, full, OBJECT_KEY_LEN);
	derive(out->repair, full, "seedbank repair v1", NULL, 0);
	fill_below_repair(out, out->repair);
}

void object_keys_own(struct object_keys *out,
		     const uint8_t master[OBJECT_KEY_LEN],
		     const uint8_t full[OBJECT_KEY_LEN])
{
	struct signer_pair p;

	fill_below_full(out, full);
	owner_pair(&p, master, out->steward_pk);
	memcpy(out->owner_pk, p.pk, sizeof(p.pk));
	sodium_memzero(&p, sizeof(p));
}

void object_keys_from_full(struct object_keys *out,
			   const uint8_t full[OBJECT_KEY_LEN],
			   const uint8_t owner_pk[OBJECT_KEY_LEN])
{
	fill_below_full(out, full);
	memcpy(out->owner_pk, owner_pk, OBJECT_KEY_LEN);
}

void object_keys_from_repair(struct object_keys *out,
			     const uint8_t repair[OBJECT_KEY_LEN],
			     const uint8_t owner_pk[OBJECT_KEY_LEN])
{
	memset(out, 0, sizeof(*out));
	out->access = OBJECT_REPAIR;
	fill_below_repair(out, repair);
	memcpy(out->owner_pk, owner_pk, OBJECT_KEY_LEN);
}

void object_keys_from_sample(struct object_keys *out,
			     const uint8_t placement[OBJECT_KEY_LEN],
			     const uint8_t owner_pk[OBJECT_KEY_LEN])
{
	memset(out, 0, sizeof(*out));
	out->access = OBJECT_SAMPLE;
	memcpy(out->placement, placement, OBJECT_KEY_LEN);
	memcpy(out->owner_pk, owner_pk, OBJECT_KEY_LEN);
}

void object_keys_clear(struct object_keys *k)
{
	sodium_memzero(k, sizeof(*k));
}

void object_head_key(uint8_t out[OBJECT_KEY_LEN],
		     const uint8_t master[OBJECT_KEY_LEN])
{
	derive(out, master, "seedbank head v1", NULL, 0);
}

void object_wrap_key(uint8_t out[OBJECT_KEY_LEN],
		     const uint8_t master[OBJECT_KEY_LEN])
{
	derive(out, master, "seedbank wrap v1", NULL, 0);
}

void object_sign_owner(uint8_t sig[OBJECT_SIG_LEN], const struct object_keys *k,
		       const uint8_t master[OBJECT_KEY_LEN],
		       const uint8_t *message, size_t len)
{
	struct signer_pair p;

	owner_pair(&p, master, k->steward_pk);
	(void)crypto_sign_detached(sig, NULL, message, len, p.sk);
	sodium_memzero(&p, sizeof(p));
}

void object_sign_steward(uint8_t sig[OBJECT_SIG_LEN],
			 const struct object_keys *k, const uint8_t *message,
			 size_t len)
{
	struct signer_pair p;

	steward_pair(&p, k->repair);
	(void)crypto_sign_detached(sig, NULL, message, len, p.sk);
	sodium_memzero(&p, sizeof(p));
}

bool object_verify(const uint8_t sig[OBJECT_SIG_LEN],
		   const uint8_t pk[OBJECT_KEY_LEN], const uint8_t *message,
		   size_t len)
{
	return crypto_sign_verify_detached(sig, message, len, pk) == 0;
}
