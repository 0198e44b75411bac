/* renter_ward.h - objects of others that we look after with a repair link, in
 * our own database: so that what is stored of them stands in agreements of
 * ours.
 *
 * The link is a secret and stands there wrapped, as keys of objects do. Changes
 * are staged, the caller commits. Thread: the loop.
 */
#ifndef NODE_RENTER_WARD_H
#define NODE_RENTER_WARD_H

#include "node/renter/renter_holding.h"

/* The row of this object; *found false: there is none. */
enum err_code ward_find(struct renter *r, const uint8_t id[OBJECT_KEY_LEN],
			struct renter_steward *out, bool *found, struct err *e)
	__attribute__((warn_unused_result));
/* What is looked after: one that is not there yet is added, with its segments
 * and roots. h: opened by a link that repairs, not ours. */
enum err_code ward_note(struct renter *r, const struct holding *h,
			struct renter_steward *out, struct err *e)
	__attribute__((warn_unused_result));
/* ERR_SIG: wrapped by another master key, or damaged. text is wiped by the
 * caller. */
enum err_code ward_link(const struct renter *r, const struct renter_steward *s,
			char text[LINK_TEXT_MAX], struct err *e)
	__attribute__((warn_unused_result));
/* Places that we have of it are merged into the placement; *untold: some of
 * those that both signed are in no record. */
enum err_code ward_merge(struct renter *r, struct holding *h, int64_t object,
			 bool *untold, struct err *e)
	__attribute__((warn_unused_result));

/* The record of additions with all that was said before and what we have; its
 * sequence is in s, to be committed before it leaves. *take_out is heap. */
enum err_code ward_seal(struct renter *r, const struct holding *h,
			struct renter_steward *s, uint8_t **take_out,
			size_t *len, struct err *e)
	__attribute__((warn_unused_result));

#endif
