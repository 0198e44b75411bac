#include "wire/reach/pcp.h"

#include "base/bytes.h"
#include "base/ip.h"

#include <stdio.h>
#include <string.h>

#define PMP_VERSION 0
#define PCP_VERSION 2
#define ANSWER 0x80
#define OP_ADDRESS 0 /* NAT-PMP */
#define OP_UDP 1     /* NAT-PMP */
#define OP_TCP 2     /* NAT-PMP */
#define OP_MAP 1     /* PCP */
#define PROTO_TCP 6
#define PROTO_UDP 17
#define ROUTE_UP 1
#define ROUTE_GATEWAY 2

static void write_pmp_map(struct wr *w, const struct pcp_ask *ask)
{
	wr_u8(w, PMP_VERSION);
	wr_u8(w, ask->udp ? OP_UDP : OP_TCP);
	wr_u16(w, 0);
	wr_u16(w, ask->port);
	/* an end is asked for with a port of 0 (RFC 6886, 3.4) */
	wr_u16(w, ask->life_s ? ask->want : 0);
	wr_u32(w, ask->life_s);
}

static void write_pcp_map(struct wr *w, const struct pcp_ask *ask)
{
	static const uint8_t any_v4[16] = IP_ANY_V4;
	static const uint8_t any_v6[16];
	bool v4 = ip_is_v4(ask->own_ip);

	wr_u8(w, PCP_VERSION);
	wr_u8(w, OP_MAP);
	wr_u16(w, 0);
	wr_u32(w, ask->life_s);
	wr_copy(w, ask->own_ip, 16);
	wr_copy(w, ask->nonce, PCP_NONCE);
	wr_u8(w, ask->udp ? PROTO_UDP : PROTO_TCP);
	wr_u8(w, 0);
	wr_u16(w, 0);
	wr_u16(w, ask->port);
	wr_u16(w, ask->life_s ? ask->want : 0);
	wr_copy(w, v4 ? any_v4 : any_v6, 16);
}

size_t pcp_write(uint8_t out[PCP_SAY_MAX], const struct pcp_ask *ask)
{
	struct wr w = wr_into(out, PCP_SAY_MAX);

	switch (ask->kind) {
	case PCP_PMP_ADDRESS:
		wr_u8(&w, PMP_VERSION);
		wr_u8(&w, OP_ADDRESS);
		break;
	case PCP_PMP_MAP:
		write_pmp_map(&w, ask);
		break;
	case PCP_MAP:
		write_pcp_map(&w, ask);
		break;
	}
	return wr_len(&w);
}

/* RFC 6886, 3.5. 3: its network is not there; 4: its tables are full. */
static enum pcp_result pmp_result(unsigned code)
{
	if (code == 0)
		return PCP_OK;
	return code == 3 || code == 4 ? PCP_TROUBLE : PCP_REFUSED;
}

/* RFC 6887, 7.4. 7: its network is not there; 8: its tables are full; 10: we
 * have too many. */
static enum pcp_result pcp_result(unsigned code)
{
	if (code == 0)
		return PCP_OK;
	if (code == 1)
		return PCP_OLD;
	return code == 7 || code == 8 || code == 10 ? PCP_TROUBLE : PCP_REFUSED;
}

static bool read_pmp(struct pcp_answer *out, struct rd *r, uint8_t op)
{
	out->code = rd_u16(r);
	out->result = pmp_result(out->code);
	(void)rd_u32(r); /* since its tables are empty: we ask anew anyway */
	if (op == OP_ADDRESS) {
		out->kind = PCP_PMP_ADDRESS;
		if (out->result == PCP_OK) {
			rd_copy(r, out->ip, 4);
			ip_from_bytes(out->ip, out->ip, 4);
		}
		return !r->bad;
	}
	if (op != OP_UDP && op != OP_TCP)
		return false;
	out->kind = PCP_PMP_MAP;
	out->udp = op == OP_UDP;
	out->port = rd_u16(r);
	out->mapped = rd_u16(r);
	out->life_s = rd_u32(r);
	return !r->bad &&
	       (out->result != PCP_OK || out->mapped || out->life_s == 0);
}

static bool read_pcp(struct pcp_answer *out, struct rd *r, uint8_t op)
{
	uint8_t proto;

	(void)rd_u8(r);
	out->code = rd_u8(r);
	out->result = pcp_result(out->code);
	out->life_s = rd_u32(r);
	(void)rd_u32(r);
	(void)rd_view(r, 12, 12);
	out->kind = PCP_MAP;
	if (r->bad)
		return false;
	/* who does not know the version may repeat nothing more */
	if (out->result == PCP_OLD)
		return true;
	if (op != OP_MAP)
		return false;
	rd_copy(r, out->nonce, PCP_NONCE);
	proto = rd_u8(r);
	(void)rd_u8(r);
	(void)rd_u16(r);
	out->udp = proto == PROTO_UDP;
	out->port = rd_u16(r);
	out->mapped = rd_u16(r);
	rd_copy(r, out->ip, 16);
	if (r->bad || (proto != PROTO_UDP && proto != PROTO_TCP))
		return false;
	return out->result != PCP_OK || out->mapped || out->life_s == 0;
}

bool pcp_read(struct pcp_answer *out, const uint8_t *bytes, size_t len)
{
	struct rd r = rd_from(bytes, len);
	uint8_t version = rd_u8(&r), op = rd_u8(&r);

	memset(out, 0, sizeof(*out));
	if (len > PCP_ANSWER_MAX || r.bad || !(op & ANSWER))
		return false;
	op &= (uint8_t)~ANSWER;
	if (version == PMP_VERSION) {
		/* the answer of NAT-PMP to a version that it does not know (RFC
		 * 6887, 9) */
		if (len >= 4 && bytes[2] == 0 && bytes[3] == 1 && len < 16) {
			out->kind = PCP_MAP;
			out->result = PCP_OLD;
			out->code = 1;
			return true;
		}
		return read_pmp(out, &r, op);
	}
	return version == PCP_VERSION && read_pcp(out, &r, op);
}

bool pcp_gateway(uint8_t out[16], const char *text)
{
	for (const char *line = strchr(text, '\n'); line;
	     line = strchr(line + 1, '\n')) {
		unsigned to, gateway, flags, mask;
		uint8_t bytes[4];

		if (sscanf(line + 1, "%*31s %8x %8x %4x %*d %*d %*d %8x", &to,
			   &gateway, &flags, &mask) != 4)
			continue;
		if (to || mask || !(flags & ROUTE_UP) ||
		    !(flags & ROUTE_GATEWAY) || !gateway)
			continue;
		memcpy(bytes, &gateway, 4); /* as the kernel has it */
		ip_from_bytes(out, bytes, 4);
		return true;
	}
	return false;
}
