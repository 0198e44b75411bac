#include "wire/utp/utp_packet.h"

#include <string.h>

#define VERSION 1U
#define EXT_SACK 1U

/* Where the fields stand (BEP 29). */
enum {
	AT_EXTENSION = 1,
	AT_ID = 2,
	AT_STAMP = 4,
	AT_DELAY = 8,
	AT_WINDOW = 12,
	AT_SEQ = 16,
	AT_ACK = 18,
};

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, (uint16_t)(v >> 16));
	put16(p + 2, (uint16_t)v);
}

static enum err_code take_sack(struct utp_packet *out, const uint8_t *p,
			       size_t len, struct err *e)
{
	if (out->sack_len)
		return err_fail(e, ERR_PARSE, "two uTP selective acks");
	out->sack = p;
	out->sack_len = len;
	return ERR_NONE;
}

static enum err_code take_extensions(struct utp_packet *out, uint8_t kind,
				     struct err *e)
{
	for (unsigned i = 0; kind != 0; i++) {
		const uint8_t *p = out->payload;
		size_t len;

		if (i == UTP_EXTENSIONS_MAX || out->len < 2 ||
		    out->len - 2 < p[1])
			return err_fail(e, ERR_PARSE,
					"uTP extension %u does not fit", kind);
		len = p[1];
		if (kind == EXT_SACK &&
		    take_sack(out, p + 2, len, e) != ERR_NONE)
			return ERR_PARSE;
		kind = p[0];
		out->payload += 2 + len;
		out->len -= 2 + len;
	}
	return ERR_NONE;
}

enum err_code utp_packet_decode(struct utp_packet *out,
				const uint8_t head[UTP_HEAD],
				const uint8_t *rest, size_t rest_len,
				struct err *e)
{
	if ((head[0] & 0x0f) != VERSION || head[0] >> 4 > UTP_SYN)
		return err_fail(e, ERR_PARSE, "no uTP: first byte %u", head[0]);
	*out = (struct utp_packet){
		.type = (enum utp_type)(head[0] >> 4),
		.id = get16(head + AT_ID),
		.stamp_us = get32(head + AT_STAMP),
		.delay_us = get32(head + AT_DELAY),
		.window = get32(head + AT_WINDOW),
		.seq = get16(head + AT_SEQ),
		.ack = get16(head + AT_ACK),
		.payload = rest,
		.len = rest_len,
	};
	return take_extensions(out, head[AT_EXTENSION], e);
}

size_t utp_packet_encode(uint8_t *buf, size_t cap, const struct utp_packet *p)
{
	size_t len = UTP_HEAD + (p->sack_len ? 2 + p->sack_len : 0);

	if (cap < len || p->sack_len > UTP_SACK_MAX)
		return 0;
	buf[0] = (uint8_t)((unsigned)p->type << 4 | VERSION);
	buf[AT_EXTENSION] = p->sack_len ? EXT_SACK : 0;
	put16(buf + AT_ID, p->id);
	put16(buf + AT_SEQ, p->seq);
	utp_packet_stamp(buf, p->stamp_us, p->delay_us, p->window, p->ack);
	if (p->sack_len) {
		buf[UTP_HEAD] = 0;
		buf[UTP_HEAD + 1] = (uint8_t)p->sack_len;
		memcpy(buf + UTP_HEAD + 2, p->sack, p->sack_len);
	}
	return len;
}

void utp_packet_stamp(uint8_t head[UTP_HEAD], uint32_t stamp_us,
		      uint32_t delay_us, uint32_t window, uint16_t ack)
{
	put32(head + AT_STAMP, stamp_us);
	put32(head + AT_DELAY, delay_us);
	put32(head + AT_WINDOW, window);
	put16(head + AT_ACK, ack);
}
