/* store_scan.h - which pieces are there when a torrent is opened: the record
 * against the files. Reads no piece; says which must be read.
 *
 * The rules stand as a table in storage/DESIGN.md ("Opening").
 * Thread: any; blocks on the file system.
 */
#ifndef STORAGE_STORE_SCAN_H
#define STORAGE_STORE_SCAN_H

#include "base/err.h"
#include "storage/torrent/files.h"
#include "storage/torrent/layout.h"
#include "storage/torrent/piece_sums.h"
#include "storage/torrent/resume_db.h"

#include <stdbool.h>
#include <stdint.h>

struct store_scan {
	/* in */
	struct files *files;
	const struct layout *layout;
	const struct piece_sums *sums;
	const struct resume_state *record; /* have NULL: there is none */
	/* out: bitfields of pieces, and of files whose stamp must be stored */
	uint8_t *have; /* trusted as recorded */
	uint8_t *todo; /* to be hashed */
	uint8_t *stamp;
	uint32_t trusted, to_hash;
	uint32_t gone;	  /* recorded, but their bytes are not there */
	uint32_t doubted; /* recorded, to be hashed again */
	uint32_t files_there, files_changed, files_missing; /* of those
							     * recorded */
};

__attribute__((warn_unused_result)) enum err_code
store_scan_run(struct store_scan *s, struct err *e);
void store_scan_clear(struct store_scan *s);

#endif
