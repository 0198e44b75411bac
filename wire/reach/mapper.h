/* mapper.h - has a router let others in at our ports: by PCP, else NAT-PMP
 * (pcp.h), else UPnP (igd.h), whichever answers first; renewed at half of their
 * life, given back at the end.
 *
 * A machine without sockets: the caller carries out what mapper_next() says and
 * tells what came of it. Only the same port outside as inside is of use, since
 * that is the one that trackers and peers are told: another one is given back.
 * Times are monotonic milliseconds. Thread: the loop's.
 */
#ifndef WIRE_MAPPER_H
#define WIRE_MAPPER_H

#include "base/err.h"
#include "base/rng.h"
#include "wire/reach/igd.h"
#include "wire/reach/pcp.h"

struct mapper;

struct mapper_cfg {
	uint16_t tcp, udp; /* 0: none; one at least */
	uint8_t own_ip[16];
	bool gateway; /* its address is known: PCP and NAT-PMP are tried */
	struct rng rng;
};

enum mapper_do {
	MAPPER_SEND,   /* to the gateway, PCP_PORT */
	MAPPER_SEARCH, /* to IGD_SEARCH_IP, IGD_SEARCH_PORT */
	MAPPER_GET,
	MAPPER_POST,
};

struct mapper_step {
	enum mapper_do what;
	uint8_t bytes[IGD_BODY_MAX]; /* SEND, SEARCH, and POST's body */
	size_t len;
	char url[IGD_TEXT_MAX];	   /* GET, POST */
	char header[IGD_TEXT_MAX]; /* POST, beside Content-Type */
};

enum err_code mapper_new(struct mapper **out, const struct mapper_cfg *cfg,
			 int64_t now_ms, struct err *e);
void mapper_free(struct mapper *m);

/* What is to be done now; false: nothing. */
bool mapper_next(struct mapper *m, struct mapper_step *out, int64_t now_ms);
int64_t mapper_wake_ms(const struct mapper *m);

/* A datagram of the gateway. */
void mapper_on_datagram(struct mapper *m, const uint8_t *bytes, size_t len,
			int64_t now_ms);
/* An answer to the search, from `ip`. */
void mapper_on_found(struct mapper *m, const char *ip, const uint8_t *bytes,
		     size_t len, int64_t now_ms);
/* The answer to GET or POST; status 0: none. */
void mapper_on_answer(struct mapper *m, int status, const uint8_t *bytes,
		      size_t len, int64_t now_ms);

/* Gives back what is held; mapper_next() says how. */
void mapper_stop(struct mapper *m, int64_t now_ms);
bool mapper_done(const struct mapper *m);

struct mapper_view {
	const char *how;  /* "PCP", "NAT-PMP", "UPnP"; NULL: nothing is held */
	bool tcp, udp;	  /* held */
	char address[64]; /* the router's outside; "": not told */
	const char *why;  /* nothing is held; static */
};
void mapper_view(const struct mapper *m, struct mapper_view *out);

#endif
