/* utp_packet.h - one uTP packet as a value (BEP 29): 20 bytes of header, a
 * chain of extensions, payload.
 *
 * Of the extensions only the selective ack (1) means something here; others
 * (extension bits, libtorrent's close reason, whatever comes) are passed over.
 * The chain consumes the packet from front to back, so it cannot loop; it is
 * held to UTP_EXTENSIONS_MAX links.
 * A packet is decoded from two pieces of memory, its first 20 bytes and the
 * rest, because a receive may scatter headers away from payload.
 * Pure. Thread: any.
 */
#ifndef WIRE_UTP_PACKET_H
#define WIRE_UTP_PACKET_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UTP_HEAD 20U
#define UTP_EXTENSIONS_MAX 8U
/* The length of an extension is one byte. BEP 29 has selective acks of a
 * multiple of 4, which is what we say; libtorrent's have any length. */
#define UTP_SACK_MAX 255U
#define UTP_SACK_OURS 252U
/* The longest packet without payload that utp_packet_encode() makes. */
#define UTP_STATE_MAX (UTP_HEAD + 2U + UTP_SACK_MAX)

enum utp_type { UTP_DATA, UTP_FIN, UTP_STATE, UTP_RESET, UTP_SYN };

struct utp_packet {
	enum utp_type type;
	uint16_t id;
	uint32_t stamp_us; /* when it was sent, by the sender's clock */
	uint32_t delay_us; /* what the sender measured of our last packet */
	uint32_t window;   /* bytes that the sender still takes */
	uint16_t seq;
	uint16_t ack;
	/* Bit i (from the lowest of the first byte on) stands for the packet
	 * ack + 2 + i. Borrowed; NULL: none. */
	const uint8_t *sack;
	size_t sack_len;
	const uint8_t *payload; /* borrowed, into `rest` */
	size_t len;
};

/* ERR_PARSE: no uTP, or an extension that does not fit. */
enum err_code utp_packet_decode(struct utp_packet *out,
				const uint8_t head[UTP_HEAD],
				const uint8_t *rest, size_t rest_len,
				struct err *e);
/* Header and selective ack; the payload is the caller's to append. Returns the
 * bytes written; 0: they do not fit. */
size_t utp_packet_encode(uint8_t *buf, size_t cap, const struct utp_packet *p);

/* What changes each time that a packet is sent. */
void utp_packet_stamp(uint8_t head[UTP_HEAD], uint32_t stamp_us,
		      uint32_t delay_us, uint32_t window, uint16_t ack);

/* a - b of two sequence numbers that are less than half their range apart. */
static inline int utp_seq_diff(uint16_t a, uint16_t b)
{
	return (int16_t)(uint16_t)(a - b);
}

#endif
