/* scrape.h - what an HTTP tracker is asked about a torrent without joining it
 * (BEP 48), and what it answers. udp_msg.h has the same for UDP.
 *
 * Pure text and bytes. Thread: any.
 */
#ifndef WIRE_SCRAPE_H
#define WIRE_SCRAPE_H

#include "wire/find/announce.h"

struct scrape_reply {
	int64_t seeds, completed, leechers; /* -1: not stated */
};

/* The question's URL: of an http(s) tracker whose path's last part begins with
 * "announce", which becomes "scrape". ERR_STATE: it is none; ERR_LIMIT. */
enum err_code scrape_url(char out[ANNOUNCE_URL_CAP], const char *announce,
			 const struct info_hash *hash, struct err *e);
/* ERR_STATE: refused, with its reason, or it knows no such torrent; ERR_PARSE:
 * no bencoded dictionary with files. */
enum err_code scrape_parse(struct scrape_reply *out,
			   const struct info_hash *hash, const uint8_t *buf,
			   size_t len, struct err *e);

#endif
