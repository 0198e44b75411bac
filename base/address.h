/* address.h - accounts as people write them.
 *
 * EVM: "0x" and 40 hex digits whose case is a checksum (EIP-55); all lower or
 * all upper case carries none and is taken as it is. TRON: base58check of 0x41
 * and the 20 bytes, always "T" and 33 more. Thread: any.
 */
#ifndef BASE_ADDRESS_H
#define BASE_ADDRESS_H

#include "base/err.h"
#include "base/ids.h"

#define ADDRESS_TEXT_MAX 43 /* of either kind, with the NUL */
#define ADDRESS_TRON_PREFIX 0x41

/* Values of the wire and of files, so numbered. */
enum address_kind {
	ADDRESS_EVM = 0,
	ADDRESS_TRON = 1,
};

/* Returns buf. */
const char *address_text(char buf[ADDRESS_TEXT_MAX], const struct address *a,
			 enum address_kind kind);

/* Reads either kind and says which. ERR_PARSE: neither, or a checksum that does
 * not match; the message says what is wrong. */
enum err_code address_parse(struct address *out, enum address_kind *kind,
			    const char *s, struct err *e)
	__attribute__((warn_unused_result));

/* Reads the kind that this chain uses; the other kind is ERR_PARSE and named.
 */
enum err_code address_parse_as(struct address *out, enum address_kind kind,
			       const char *s, struct err *e)
	__attribute__((warn_unused_result));

#endif
