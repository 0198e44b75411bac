/* holepunch.h - a message of ut_holepunch (BEP 55): 12 or 24 bytes by which a
 * peer that is connected to two others lets them connect to each other, though
 * neither can be reached by itself.
 *
 * swarm_holepunch.c says who may ask whom what. Thread: any.
 */
#ifndef WIRE_HOLEPUNCH_H
#define WIRE_HOLEPUNCH_H

#include "base/err.h"
#include "wire/addr.h"

#include <stddef.h>
#include <stdint.h>

#define HOLEPUNCH_BYTES_MAX 24U

enum holepunch_type {
	HOLEPUNCH_RENDEZVOUS, /* let me and that one connect */
	HOLEPUNCH_CONNECT,    /* connect to that one, it does the same */
	HOLEPUNCH_ERROR,      /* a rendezvous that cannot be */
};

enum holepunch_error {
	HOLEPUNCH_OK, /* in all but HOLEPUNCH_ERROR */
	HOLEPUNCH_NO_SUCH_PEER,
	HOLEPUNCH_NOT_CONNECTED, /* the relay to the target */
	HOLEPUNCH_NO_SUPPORT,	 /* by the target */
	HOLEPUNCH_NO_SELF,	 /* the target is the relay */
};

struct holepunch {
	enum holepunch_type type;
	struct wire_addr addr;
	uint32_t error; /* enum holepunch_error, or what others make of it */
};

size_t holepunch_encode(uint8_t buf[HOLEPUNCH_BYTES_MAX],
			const struct holepunch *m);
/* ERR_PARSE: of another length, type or kind of address. */
enum err_code holepunch_decode(struct holepunch *out, const uint8_t *buf,
			       size_t len, struct err *e);

#endif
