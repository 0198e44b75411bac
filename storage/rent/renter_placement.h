/* renter_placement.h - between the renter's database and the records of where
 * sectors lie: keys, placement records, and the way back from them.
 *
 * Source: docs/protocol.md, section 14. The database knows places as they come
 * and go; the record that hosts keep says where the sectors of one object lie
 * at one moment. A record that is sealed here opens here, and restored into an
 * empty database it gives the same placement, as far as lists of agreements
 * bear it out.
 *
 * Changes are staged in the turn's transaction, the caller commits. Thread: the
 * loop; what takes no database, any.
 */
#ifndef STORAGE_RENT_RENTER_PLACEMENT_H
#define STORAGE_RENT_RENTER_PLACEMENT_H

#include "base/err.h"
#include "base/ids.h"
#include "base/rng.h"
#include "storage/object/keys.h"
#include "storage/object/placement.h"
#include "storage/rent/renter_db.h"

#include <stddef.h>
#include <stdint.h>

/* --- keys: an object's full key under the storage master key --- */

/* nonce 24 | box: XChaCha20-Poly1305 under object_wrap_key(), associated data
 * the object's name */
#define RENTER_WRAPPED_LEN 72U

/* Sets the object's name and wrapped key from its full key (32 random bytes for
 * a new object). keys: all of them; NULL when not wanted. ERR_NOMEM. */
enum err_code renter_wrap_key(struct renter_object *o, struct object_keys *keys,
			      const uint8_t master[OBJECT_KEY_LEN],
			      const uint8_t full[OBJECT_KEY_LEN],
			      struct rng *rng, struct err *e)
	__attribute__((warn_unused_result));
/* All keys of an object. ERR_SIG: wrapped by another master key, or damaged;
 * keys are zeroes then. */
enum err_code
renter_unwrap_key(struct object_keys *keys, const struct renter_object *o,
		  const uint8_t master[OBJECT_KEY_LEN], struct err *e)
	__attribute__((warn_unused_result));

/* --- the placement of an object, as the database has it --- */

enum renter_count {
	RENTER_COUNT_SIGNED, /* places that lists of agreements name */
	RENTER_COUNT_STAGED, /* and those that a revision will name soon */
	RENTER_COUNT_ALL,    /* and LOST ones: for repair alone, where they bar
			      * their hosts from the same row; never sealed */
};

/* Rows may be without a place, not without a root; of more
 * than PLACEMENT_PLACES_MAX places the signed ones come first. ERR_STATE: a
 * segment is not noted, a row was never made, or the rows have two roots.
 * ERR_LIMIT: no such k, n, segments, or too many hosts. ERR_NOMEM, ERR_DB. */
enum err_code renter_placement(struct placement **out, struct renter_db *db,
			       const struct renter_object *o,
			       const struct object_keys *keys,
			       enum renter_count count, struct err *e)
	__attribute__((warn_unused_result));

/* --- records; *take_out is heap, the caller's --- */

/* The owner's: content of its places, signed with the master key. Who stores it
 * counts on: sequence is renter_object.sequence + 1. ERR_LIMIT, ERR_NOMEM. */
enum err_code
renter_placement_seal(uint8_t **take_out, size_t *len,
		      const struct placement *p, const struct object_keys *keys,
		      const uint8_t master[OBJECT_KEY_LEN], uint64_t sequence,
		      struct rng *rng, struct err *e)
	__attribute__((warn_unused_result));
/* One that was fetched. ERR_SIG: not the owner's, or of another key. ERR_PARSE,
 * ERR_LIMIT, ERR_NOMEM. */
enum err_code renter_placement_open(struct placement **out, uint64_t *sequence,
				    const struct object_keys *keys,
				    const uint8_t *record, size_t len,
				    struct err *e)
	__attribute__((warn_unused_result));

/* A steward's; sorts `a`. keys: OBJECT_REPAIR at least, else ERR_STATE.
 * ERR_LIMIT, ERR_NOMEM. */
enum err_code renter_additions_seal(uint8_t **take_out, size_t *len,
				    const struct object_keys *keys,
				    uint64_t sequence,
				    struct placement_addition *a, size_t n,
				    struct rng *rng, struct err *e)
	__attribute__((warn_unused_result));
/* One that was fetched; *take_out NULL when nothing is in it. p: the owner's
 * placement, which says whose additions count. Errors as above. */
enum err_code
renter_additions_open(struct placement_addition **take_out, size_t *n,
		      uint64_t *sequence, const struct placement *p,
		      const struct object_keys *keys, const uint8_t *record,
		      size_t len, struct err *e)
	__attribute__((warn_unused_result));
/* The same, added to p; *added: places that were new. */
enum err_code renter_additions_merge(struct placement *p, size_t *added,
				     const struct object_keys *keys,
				     const uint8_t *record, size_t len,
				     struct err *e)
	__attribute__((warn_unused_result));

/* --- back into the database --- */

struct renter_list {	   /* of an agreement, as its host told and proved it */
	int64_t agreement; /* id in the database */
	struct address host;
	const struct hash32 *roots; /* by position */
	size_t n;
};

/* All lists of a restore, to be asked by root. Each position is given out
 * once. After a rollback: make it anew. */
struct renter_lists;
/* The roots are copied: 37 bytes each. ERR_LIMIT: 2^32 of them, or more than
 * 65,536 lists. ERR_NOMEM. */
enum err_code renter_lists_new(struct renter_lists **out,
			       const struct renter_list *lists, size_t n,
			       struct err *e)
	__attribute__((warn_unused_result));
void renter_lists_free(struct renter_lists *l);

struct renter_restored {
	uint64_t signed_; /* places that are in the database now */
	uint64_t unknown; /* places of the record that no list bears out */
};

/* Notes the segments and roots of an object that is in the database, and as
 * SIGNED every place that the list of an agreement with that host has. Places
 * that are there already stay: a host that was out of reach is added by a
 * second call, with its list. o: its sequence becomes that of the record if
 * that is higher. (!) What the segments held is not known, so that a put that
 * went on would take new salts. ERR_STATE: not the shape of this object, or its
 * segments have other salts. ERR_DB. */
enum err_code
renter_placement_restore(struct renter_db *db, struct renter_object *o,
			 const struct placement *p, uint64_t sequence,
			 struct renter_lists *lists, int64_t now_s,
			 struct renter_restored *out, struct err *e)
	__attribute__((warn_unused_result));

/* When every object is restored: what is left in the lists belongs to none
 * (objects that were removed, older catalogues). It becomes an object per
 * agreement that has no key, so that lists are complete: RENTER_DROPPING, and
 * its places are given up like those of any other; or, (!) where an object's
 * record could not be found and they may be its own, RENTER_PUTTING (`hold`),
 * which nobody touches until a later restore knows more. What an earlier one
 * left is forgotten first, renter_db_forget_rest(). *n: sectors. ERR_DB,
 * ERR_NOMEM. */
enum err_code renter_lists_rest(struct renter_lists *l, struct renter_db *db,
				bool hold, int64_t now_s, uint64_t *n,
				struct err *e)
	__attribute__((warn_unused_result));

#endif
