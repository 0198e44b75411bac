#include "storage/torrent/resume_seal.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

static_assert(RESUME_SEAL_LEN == crypto_generichash_BYTES_MIN, "the shortest");

struct part {
	const void *p;
	size_t len;
};

static void put_le64(uint8_t out[8], uint64_t v)
{
	for (int i = 0; i < 8; i++)
		out[i] = (uint8_t)(v >> 8 * i);
}

static struct resume_seal seal_of(const struct info_hash *hash,
				  const struct part *parts, size_t count)
{
	crypto_generichash_state st;
	struct resume_seal seal;

	(void)crypto_generichash_init(&st, NULL, 0, sizeof(seal.bytes));
	(void)crypto_generichash_update(&st, hash->bytes, sizeof(hash->bytes));
	for (size_t i = 0; i < count; i++) {
		uint8_t len[8];

		put_le64(len, parts[i].len);
		(void)crypto_generichash_update(&st, len, sizeof(len));
		if (parts[i].len)
			(void)crypto_generichash_update(&st, parts[i].p,
							parts[i].len);
	}
	(void)crypto_generichash_final(&st, seal.bytes, sizeof(seal.bytes));
	return seal;
}

struct resume_seal resume_seal_texts(const struct info_hash *hash,
				     const char *root, const char *settings)
{
	const struct part parts[] = {{root, strlen(root)},
				     {settings, strlen(settings)}};

	return seal_of(hash, parts, 2);
}

struct resume_seal resume_seal_torrent(const struct info_hash *hash,
				       const uint8_t *torrent, size_t len)
{
	return seal_of(hash, &(struct part){torrent, len}, 1);
}

struct resume_seal resume_seal_state(const struct info_hash *hash,
				     uint32_t pieces, const uint8_t *have,
				     bool open)
{
	const uint8_t flag = open;
	const struct part parts[] = {{have, ((size_t)pieces + 7) / 8},
				     {&flag, 1}};

	return seal_of(hash, parts, 2);
}

bool resume_seal_fits(const uint8_t *kept, size_t len, struct resume_seal seal)
{
	return !kept || (len == sizeof(seal.bytes) &&
			 memcmp(kept, seal.bytes, len) == 0);
}
