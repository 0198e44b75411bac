/* ext.h - the BEP 10 extension handshake and the extensions we speak.
 *
 * The handshake is a bencoded dictionary in extended message 0. We read "m"
 * (names to message ids), "e", "v", "reqq", "p", "yourip", "upload_only" (BEP
 * 21), "metadata_size" (BEP 9) and the opaque values of "sb_pay" and
 * "sb_store"; all else is ignored. Thread: any.
 */
#ifndef WIRE_EXT_H
#define WIRE_EXT_H

#include "base/bytes.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Our own message ids: what peers put in the byte after 20 to reach us. */
enum ext_id {
	EXT_HANDSHAKE,
	EXT_SB_PAY,
	EXT_SB_STORE,
	EXT_UT_METADATA,  /* BEP 9 */
	EXT_UT_PEX,	  /* BEP 11 */
	EXT_UT_HOLEPUNCH, /* BEP 55 */
	EXT_LT_DONTHAVE,  /* BEP 54 */
	EXT_COUNT
};

/* Payload of one extension message. */
#define EXT_PAY_MAX (16U * 1024U)
#define EXT_STORE_MAX (80U * 1024U)
#define EXT_METADATA_MAX (20U * 1024U)
#define EXT_PEX_MAX (16U * 1024U)
#define EXT_SMALL_MAX 64U		/* those of a fixed form */
#define EXT_HANDSHAKE_MAX (16U * 1024U) /* bencoded bytes */
#define EXT_CLIENT_MAX 32

struct ext_handshake {
	/* message id at the other side, 0: it does not speak it */
	uint8_t id[EXT_COUNT];
	uint32_t reqq;		/* 0: not told */
	uint16_t port;		/* "p"; 0: not told */
	uint32_t metadata_size; /* of the info dictionary; 0: not told */
	uint8_t yourip_len;	/* 0, 4 or 16 */
	uint8_t yourip[16];
	bool upload_only;
	bool was_upload_only;	 /* encode: says so when it is not any more */
	bool prefers_encryption; /* "e" */
	char client[EXT_CLIENT_MAX + 1]; /* printable ASCII, others as '?' */
	/* bencoded values, borrowed; NULL: not there */
	const uint8_t *sb_pay, *sb_store;
	size_t sb_pay_len, sb_store_len;
};

/* "sb_pay" and so on; NULL for EXT_HANDSHAKE. */
const char *ext_name(enum ext_id id);
/* EXT_PAY_MAX and so on; 0 for EXT_COUNT. */
size_t ext_max(enum ext_id id);

/* `in->id[x]` non-zero offers x under our own number (enum ext_id). Returns the
 * length, 0 when it does not fit. */
size_t ext_encode(const struct ext_handshake *in, uint8_t *buf, size_t cap);
/* The views in *out live as long as buf. ERR_PARSE: no dictionary, a known key
 * of a wrong type or an id over 255; ERR_LIMIT: over EXT_HANDSHAKE_MAX. */
enum err_code ext_decode(struct ext_handshake *out, const uint8_t *buf,
			 size_t len, struct err *e);
/* A later one, over what *io has of those before: BEP 10 lets it tell changes
 * alone, as rtorrent does. What it does not name stays; of the views none. */
enum err_code ext_decode_again(struct ext_handshake *io, const uint8_t *buf,
			       size_t len, struct err *e);

#endif
