/* udp_client.h - questions to UDP trackers (BEP 15), many at once.
 *
 * A tracker first gives an id to whoever asks for one, which shows that the
 * asker's address is not a forged one; an id is used for a minute and by all
 * questions to that address. What is not answered is said again after 15 s,
 * then 30 s; 60 s after the third time the question has failed (BEP 15 goes on
 * to an hour; here the tier asks its next tracker meanwhile, and comes back by
 * its own back-off).
 *
 * An answer counts only from the address that was asked and with the number
 * that was drawn for the question from `rng` (unguessable with rng_system()).
 * Whatever else comes is dropped, so nobody off the path can answer.
 *
 * No socket, no clock: call udp_client_send() at udp_client_wake_ms() and after
 * each question, give what arrives to udp_client_feed(), then take results.
 * Thread: the loop.
 */
#ifndef WIRE_UDP_CLIENT_H
#define WIRE_UDP_CLIENT_H

#include "base/err.h"
#include "base/rng.h"
#include "wire/find/udp_msg.h"

#define UDP_CLIENT_ASKS_MAX 4096U
#define UDP_CLIENT_SERVERS_MAX 1024U
#define UDP_CLIENT_TRIES 3U
#define UDP_CLIENT_WAIT_MS 15000 /* doubled with each try */
#define UDP_CLIENT_ID_MS 60000	 /* BEP 15: how long an id is used */

struct udp_client;

struct udp_result {
	uint64_t ticket;
	/* ERR_IO: no answer; ERR_STATE: refused, with its reason; ERR_PARSE:
	 * the answer is none. */
	struct err err;
	struct udp_reply reply; /* when err.code is ERR_NONE */
};

/* NULL: out of memory. */
struct udp_client *udp_client_new(struct rng rng);
void udp_client_free(struct udp_client *c);

/* Ask; *ticket (never 0) comes back with the result. `path` is copied.
 * ERR_LIMIT: too many questions or trackers; ERR_NOMEM. */
enum err_code udp_client_announce(struct udp_client *c, uint64_t *ticket,
				  const struct wire_addr *server,
				  const struct announce_query *q,
				  const char *path, int64_t now_ms,
				  struct err *e);
enum err_code udp_client_scrape(struct udp_client *c, uint64_t *ticket,
				const struct wire_addr *server,
				const struct info_hash *hash, int64_t now_ms,
				struct err *e);
/* No result any more. A ticket that is over is no error. */
void udp_client_cancel(struct udp_client *c, uint64_t ticket);

/* The next datagram that is due. Call until false. */
bool udp_client_send(struct udp_client *c, int64_t now_ms, struct wire_addr *to,
		     uint8_t out[UDP_MSG_OUT_MAX], size_t *len);
/* INT64_MAX: nothing waits. */
int64_t udp_client_wake_ms(const struct udp_client *c);
/* A datagram came. False: it answers nothing that was asked. */
bool udp_client_feed(struct udp_client *c, int64_t now_ms,
		     const struct wire_addr *from, const uint8_t *bytes,
		     size_t len);
/* Takes a result, after udp_client_feed() or udp_client_send(). */
bool udp_client_result(struct udp_client *c, struct udp_result *out);
unsigned udp_client_count(const struct udp_client *c); /* questions */

#endif
