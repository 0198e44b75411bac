/* link.h - what is handed on of an object, as text.
 *
 * Source: docs/protocol.md, section 14. "seedbank:full:", "seedbank:repair:" or
 * "seedbank:sample:", then base64url of the key, where to begin to look, and a
 * checksum. A full link and a repair link are secrets. Thread: any.
 */
#ifndef STORAGE_OBJECT_LINK_H
#define STORAGE_OBJECT_LINK_H

#include "base/err.h"
#include "base/ids.h"
#include "storage/object/keys.h"

#include <stdint.h>

#define LINK_HOSTS_MAX 8U
#define LINK_TEXT_MAX 384U /* with the NUL */

struct object_link {
	enum object_access access;
	uint64_t chain; /* 1 .. 2^63 - 1 */
	struct address bank;
	uint8_t key[OBJECT_KEY_LEN];	  /* full, repair or placement key */
	uint8_t owner_pk[OBJECT_KEY_LEN]; /* the object's id */
	uint8_t hosts_n;		  /* that have its records; 1 .. 8 */
	struct address hosts[LINK_HOSTS_MAX];
};

/* A link with all but chain, bank and hosts, of this access or less. ERR_STATE:
 * the keys do not have it. */
enum err_code link_from_keys(struct object_link *out,
			     const struct object_keys *keys,
			     enum object_access access, struct err *e)
	__attribute__((warn_unused_result));
void link_to_keys(struct object_keys *out, const struct object_link *l);

/* ERR_STATE: a value out of range. */
enum err_code link_encode(char out[LINK_TEXT_MAX], const struct object_link *l,
			  struct err *e) __attribute__((warn_unused_result));
/* ERR_PARSE: no link, of another version, cut or mistyped; the message says
 * which and shows nothing of it. */
enum err_code link_decode(struct object_link *out, const char *text,
			  struct err *e) __attribute__((warn_unused_result));

#endif
