/* renter_unchanged.h - is what is to be put stored already, as it is?
 *
 * By kind, size, permissions, modification time and target of every entry, as
 * the tools do that copy trees; no byte is read. Thread: the loop.
 */
#ifndef NODE_RENTER_UNCHANGED_H
#define NODE_RENTER_UNCHANGED_H

#include "node/renter/renter.h"
#include "storage/object/source.h"

struct unchanged_cfg {
	const char *name; /* what the entries' paths are, or are below */
	unsigned k, n;	  /* it would be stored so */
	bool unopened;
};

/* *same: each entry of the source is stored, coded and agreed on so. Entries
 * that are stored and are not in the source do not matter. ERR_DB, ERR_NOMEM.
 */
enum err_code renter_unchanged(bool *same, struct renter *r,
			       const struct source *s,
			       const struct unchanged_cfg *cfg, struct err *e)
	__attribute__((warn_unused_result));

#endif
