/* pcp.h - what is said to a router so that it lets others in: NAT-PMP (RFC
 * 6886) and its successor PCP (RFC 6887, opcode MAP only), both at UDP port
 * 5351 and told apart by their first byte.
 *
 * Codecs of single datagrams. Pure; thread: any.
 */
#ifndef WIRE_PCP_H
#define WIRE_PCP_H

#include "wire/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PCP_PORT 5351
#define PCP_SAY_MAX 60U
#define PCP_NONCE 12U
#define PCP_ANSWER_MAX 1100U /* RFC 6887: 1,100 bytes at the most */

enum pcp_kind {
	PCP_PMP_ADDRESS, /* NAT-PMP: which address the router has */
	PCP_PMP_MAP,	 /* NAT-PMP: a mapping */
	PCP_MAP,	 /* PCP: a mapping, with the address */
};

struct pcp_ask {
	enum pcp_kind kind;
	bool udp;
	uint16_t port;		  /* ours */
	uint16_t want;		  /* the one outside that we would like */
	uint32_t life_s;	  /* 0: the mapping ends */
	uint8_t own_ip[16];	  /* PCP: as the router sees us */
	uint8_t nonce[PCP_NONCE]; /* PCP: the same for a mapping's whole life */
};
/* Returns the length. */
size_t pcp_write(uint8_t out[PCP_SAY_MAX], const struct pcp_ask *ask);

enum pcp_result {
	PCP_OK,
	PCP_OLD,     /* it speaks NAT-PMP only: say that */
	PCP_REFUSED, /* it will not: not before a long while */
	PCP_TROUBLE, /* it cannot now */
};

struct pcp_answer {
	enum pcp_kind kind;
	enum pcp_result result;
	unsigned code; /* as it was said, for the log */
	bool udp;
	uint16_t port;	 /* ours */
	uint16_t mapped; /* outside; of OK never 0 */
	uint32_t life_s;
	uint8_t ip[16]; /* ADDRESS and PCP_MAP: outside; else zero */
	uint8_t nonce[PCP_NONCE];
};
/* False: not an answer to any of these. */
bool pcp_read(struct pcp_answer *out, const uint8_t *bytes, size_t len);

/* The default gateway of a machine: `text` is Linux's /proc/net/route. False:
 * there is none. IPv4 as ::ffff:a.b.c.d */
bool pcp_gateway(uint8_t out[16], const char *text);

#endif
