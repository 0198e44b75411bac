#include "wire/peer/holepunch.h"

#include "base/bytes.h"

#include <string.h>

enum { ADDR_V4, ADDR_V6 };

size_t holepunch_encode(uint8_t buf[HOLEPUNCH_BYTES_MAX],
			const struct holepunch *m)
{
	struct wr w = wr_into(buf, HOLEPUNCH_BYTES_MAX);
	uint8_t compact[18];
	size_t n = wire_addr_to_compact(compact, &m->addr);

	wr_u8(&w, (uint8_t)m->type);
	wr_u8(&w, wire_addr_is_v4(&m->addr) ? ADDR_V4 : ADDR_V6);
	wr_copy(&w, compact, n);
	wr_u32(&w, m->error);
	return wr_len(&w);
}

enum err_code holepunch_decode(struct holepunch *out, const uint8_t *buf,
			       size_t len, struct err *e)
{
	struct rd r = rd_from(buf, len);
	uint8_t type = rd_u8(&r), kind = rd_u8(&r);
	size_t ip_len = kind == ADDR_V6 ? 16 : 4;
	const uint8_t *compact = rd_view(&r, ip_len + 2, 18);

	memset(out, 0, sizeof(*out));
	out->error = rd_u32(&r);
	if (!rd_done(&r) || type > HOLEPUNCH_ERROR || kind > ADDR_V6)
		return err_fail(e, ERR_PARSE,
				"ut_holepunch of %zu bytes, type %u", len,
				type);
	out->type = (enum holepunch_type)type;
	wire_addr_from_compact(&out->addr, compact, ip_len);
	return ERR_NONE;
}
