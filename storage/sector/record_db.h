/* record_db.h - small records that a host keeps for renters: placement records
 * by object, head records by renter. The highest sequence wins.
 *
 * What is in them, only renters know; signatures are the caller's to check. A
 * placement record lies in parts of 64 KiB within the index: so it is replaced
 * as a whole by one commit, no file can be left over, and no part of it waits
 * for another file's flush. Functions and errors as in sector_db.h.
 */
#ifndef STORAGE_SECTOR_RECORD_DB_H
#define STORAGE_SECTOR_RECORD_DB_H

#include "storage/sector/sector_db.h"

#define RECORD_MAX_PLACEMENT (16U << 20)
#define RECORD_MAX_HEAD 1024U
#define RECORD_MAX_SEQUENCE (UINT64_MAX >> 1)
/* How long one stays that nobody put again and no agreement keeps. */
#define RECORD_LASTS_S (INT64_C(60) * 86400)

#define RECORD_ROOM (1U << 20) /* bytes a sector */

struct record_put {
	struct hash32 object; /* placement: its id */
	struct address owner; /* who puts it; head: the renter's, and the key */
	uint64_t sequence;
	int64_t expires_s; /* Unix time */
	const uint8_t *bytes;
	size_t len;
};

/* One that an account without agreements puts in the place of another's stays
 * that one's, if it has any: a steward need not store here.
 *
 * *stored false: one with this sequence or a higher one is here already; its
 * time is still made longer when it is the same. ERR_LIMIT: too long, or a
 * sequence that is too high. */
__attribute__((warn_unused_result)) enum err_code
record_put_placement(struct sector_db *d, const struct record_put *p,
		     bool *stored, struct err *e);
__attribute__((warn_unused_result)) enum err_code
record_put_head(struct sector_db *d, const struct record_put *p, bool *stored,
		struct err *e);

struct record_info {
	uint64_t sequence;
	uint32_t size; /* 0: there is none */
	struct address owner;
	int64_t expires_s;
};

__attribute__((warn_unused_result)) enum err_code
record_placement(struct sector_db *d, const struct hash32 *object,
		 struct record_info *out, struct err *e);
/* Bytes from `offset` on of the record with this sequence, *len at most; *len
 * is what there was. ERR_STATE: it is another one by now. */
__attribute__((warn_unused_result)) enum err_code
record_read_placement(struct sector_db *d, const struct hash32 *object,
		      uint64_t sequence, uint32_t offset, uint8_t *out,
		      uint32_t *len, struct err *e);
/* out holds RECORD_MAX_HEAD bytes; info->size of them are set. */
__attribute__((warn_unused_result)) enum err_code
record_head(struct sector_db *d, const struct address *renter,
	    struct record_info *info, uint8_t *out, struct err *e);
/* Bytes of all placement records that this account put here. */
__attribute__((warn_unused_result)) enum err_code
record_owned(struct sector_db *d, const struct address *owner, uint64_t *bytes,
	     struct err *e);
/* The account's last agreement went: its records stay until then at the least.
 * Nothing, while it has another. */
__attribute__((warn_unused_result)) enum err_code
record_let_go(struct sector_db *d, const struct address *owner,
	      int64_t expires_s, struct err *e);
/* Takes away records whose time has come. A head stays for RECORD_LASTS_S more
 * while its account has an agreement; so does a placement record, while those
 * of its account are not more than RECORD_ROOM for each of its sectors, and one
 * more. max of those are looked at; *n: how many were. */
__attribute__((warn_unused_result)) enum err_code
record_expire(struct sector_db *d, int64_t now_s, uint32_t max, uint32_t *n,
	      struct err *e);

#endif
