/* renter_catalogue.h - between the renter's database and the catalogue: what is
 * stored, written down so that a phrase finds it again.
 *
 * Source: docs/protocol.md, section 14. The same database gives the same
 * catalogue. It is stored before the agreements of a put are signed and opened,
 * so that nothing is ever paid for that only this machine knows of: it names
 * objects that are about to be stored and agreements that are drafts.
 *
 * Thread: the loop; the table's functions any.
 */
#ifndef STORAGE_RENT_RENTER_CATALOGUE_H
#define STORAGE_RENT_RENTER_CATALOGUE_H

#include "base/err.h"
#include "base/rng.h"
#include "storage/object/catalogue.h"
#include "storage/object/head.h"
#include "storage/object/keys.h"
#include "storage/object/placement.h"
#include "storage/rent/renter_db.h"

#include <stddef.h>
#include <stdint.h>

/* What the database has now, as catalogue number `sequence`: objects that are
 * STORED, and those of `about` (ids, about to be), with the dates of their
 * puts; catalogues' own never. Files all of whose objects are among them, those
 * that wait for the put of `about` in place of what is stored under their
 * names; directories and links. Parents that are not there are added, mode
 * 0755, as old as what comes first in them. Agreements that have not ended,
 * drafts too. What a decoder would not take is said by catalogue_encode().
 * ERR_STATE: a file's place is not in its objects. ERR_SIG: the key of an
 * object does not open. ERR_LIMIT, ERR_NOMEM, ERR_DB. */
enum err_code
renter_catalogue_build(struct catalogue **out, struct renter_db *db,
		       const uint8_t master[OBJECT_KEY_LEN], uint64_t sequence,
		       const int64_t *about, size_t about_n, struct err *e)
	__attribute__((warn_unused_result));

/* Adds its objects (STORED, their placements not known yet: sequence 0) and its
 * files, and notes its sequence as RENTER_CATALOGUE. Its agreements are left to
 * the caller, who asks their hosts. One transaction, the caller commits.
 * ERR_STATE: there are objects of files already. ERR_DB, ERR_NOMEM. */
enum err_code renter_catalogue_restore(struct renter_db *db,
				       const struct catalogue *c,
				       const uint8_t master[OBJECT_KEY_LEN],
				       struct rng *rng, struct err *e)
	__attribute__((warn_unused_result));

/* The object that holds the catalogue of this head, as it goes into the
 * database (id 0). keys: all of them; may be NULL. ERR_NOMEM. */
enum err_code renter_catalogue_object(struct renter_object *out,
				      struct object_keys *keys,
				      const struct object_head *h,
				      const uint8_t master[OBJECT_KEY_LEN],
				      struct rng *rng, struct err *e)
	__attribute__((warn_unused_result));

/* --- the table at the end of an object (made by storage/object/source.h) ---
 */

/* The bytes that the footer f of an object told of. (!) Whoever made the object
 * wrote them: they may name this object alone, and only its files' bytes.
 * ERR_PARSE: something else. ERR_LIMIT, ERR_NOMEM. */
enum err_code renter_table_open(struct catalogue **out, const uint8_t *bytes,
				size_t len, const struct placement *p,
				const struct catalogue_footer *f, struct err *e)
	__attribute__((warn_unused_result));

#endif
