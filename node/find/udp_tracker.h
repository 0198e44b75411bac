/* udp_tracker.h - questions to UDP trackers, of all torrents: names are looked
 * up by a worker (one at a time, so that slow ones leave the others' workers
 * alone) and remembered for five minutes, wire/find/udp_client.h says what and
 * when, node/net/udp.h carries it.
 *
 * A tracker with addresses of both families is asked at one of each, since it
 * tells of each family's peers only there. Addresses are held to
 * announce_allowed(): a torrent's author chooses the names.
 * Thread: the loop.
 */
#ifndef NODE_UDP_TRACKER_H
#define NODE_UDP_TRACKER_H

#include "node/core/engine.h"
#include "wire/find/udp_client.h"

struct udp_trackers;
struct udp_question; /* under way; gone after its last answer */

#define UDP_TRACKER_NAMES_MAX 256U
#define UDP_TRACKER_NAME_MS 300000   /* that a name's addresses are good */
#define UDP_TRACKER_NO_NAME_MS 60000 /* that it counts as unknown */

/* One for each address that is asked, `last` with the last; an error (with
 * `last`) also when none could be. result->ticket means nothing here. */
typedef void udp_answer_fn(void *ctx, const struct udp_result *result,
			   bool last);

enum err_code udp_trackers_new(struct udp_trackers **out, struct engine *en,
			       struct err *e);
void udp_trackers_free(struct udp_trackers *u);

/* `url` has passed announce_check_url() and is one of udp. fn is called later,
 * never from here. ERR_LIMIT, ERR_NOMEM. */
enum err_code udp_trackers_announce(struct udp_trackers *u,
				    struct udp_question **out, const char *url,
				    const struct announce_query *q,
				    udp_answer_fn *fn, void *ctx,
				    struct err *e);
enum err_code udp_trackers_scrape(struct udp_trackers *u,
				  struct udp_question **out, const char *url,
				  const struct info_hash *hash,
				  udp_answer_fn *fn, void *ctx, struct err *e);
/* fn is not called any more. */
void udp_question_cancel(struct udp_question *q);

#endif
