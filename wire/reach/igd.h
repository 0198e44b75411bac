/* igd.h - what is said to a router that speaks UPnP (Internet Gateway Device 1
 * and 2), and what it answers: the search by SSDP, the description of the
 * device, the three actions of SOAP that a mapping takes.
 *
 * Texts alone: base/http carries them, bounded, and the caller sends the
 * search. libminiupnpc would do all of it, but blocks for seconds, in threads
 * that cannot be stopped, and reads answers without an end.
 *
 * What a device says is not believed further than it must be: only URLs at the
 * address that answered the search are taken. Pure; thread: any.
 */
#ifndef WIRE_IGD_H
#define WIRE_IGD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IGD_SEARCH_IP "239.255.255.250"
#define IGD_SEARCH_PORT 1900
#define IGD_SEARCHES 2U
#define IGD_TEXT_MAX 512U	    /* of a search, an URL, a value */
#define IGD_BODY_MAX 2048U	    /* of what we post */
#define IGD_ANSWER_MAX (128U << 10) /* of a description or an answer */

/* The search for devices of the one and of the other version. */
size_t igd_search(char out[IGD_TEXT_MAX], unsigned which);
/* Where the description of a device is that answered from `ip` (as text).
 * False: it is no such answer, or says to look elsewhere than at itself. */
bool igd_read_found(char url[IGD_TEXT_MAX], const char *ip,
		    const uint8_t *bytes, size_t len);

struct igd {			    /* the service that makes mappings */
	char control[IGD_TEXT_MAX]; /* URL */
	char service[128];	    /* its type */
};
/* From the description at `url`. False: there is no such service, or its URL is
 * not at the same host. */
bool igd_read_description(struct igd *out, const char *url,
			  const uint8_t *bytes, size_t len);

enum igd_action { IGD_ADDRESS, IGD_ADD, IGD_DELETE };

struct igd_ask {
	enum igd_action action;
	bool udp;
	uint16_t port;	    /* ours, and the one outside */
	const char *own_ip; /* text; ADD */
	uint32_t life_s;    /* ADD; 0: until it is deleted */
};
/* The body; `header` gets "SOAPAction: ..." */
size_t igd_write(char body[IGD_BODY_MAX], char header[IGD_TEXT_MAX],
		 const struct igd *igd, const struct igd_ask *ask);

#define IGD_NO_LIFE 725 /* it keeps mappings for ever, or none */

struct igd_answer {
	unsigned error;	  /* UPnP's code; 0: none was said */
	char address[64]; /* of IGD_ADDRESS; "": none was said */
};
void igd_read_answer(struct igd_answer *out, const uint8_t *bytes, size_t len);

#endif
