/* resume_seal.h - what tells that a row of torrents.db is as it was stored.
 *
 * SQLite notices a page that makes no sense, and no flipped bit in what we
 * stored. Such a bit could be a piece that is not there, a budget, or the leave
 * to write into files that are only seeded. So rows carry a hash of what they
 * say. It is no secret: it is against disks, not against people. Thread: any.
 */
#ifndef STORAGE_RESUME_SEAL_H
#define STORAGE_RESUME_SEAL_H

#include "base/ids.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RESUME_SEAL_LEN 16

struct resume_seal { /* BLAKE2b of the info hash and, each led by its length,
			the rest */
	uint8_t bytes[RESUME_SEAL_LEN];
};

struct resume_seal resume_seal_texts(const struct info_hash *hash,
				     const char *root, const char *settings);
struct resume_seal resume_seal_torrent(const struct info_hash *hash,
				       const uint8_t *torrent, size_t len);
/* have: (pieces + 7) / 8 bytes */
struct resume_seal resume_seal_state(const struct info_hash *hash,
				     uint32_t pieces, const uint8_t *have,
				     bool open);
/* `kept` NULL, in a row of before there were seals, fits all. */
bool resume_seal_fits(const uint8_t *kept, size_t len, struct resume_seal seal);

#endif
