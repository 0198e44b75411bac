/* webseed.h - a torrent's web seeds: what to ask and what an answer means is
 * decided by wire/find/web_seed.h, which bytes are next by
 * wire/swarm/swarm_source.h, base/http.h fetches; this joins the three.
 *
 * Of WEB_SEEDS_MAX URLs so many are sources at a time as a swarm takes, and
 * WEB_SEEDS_BUSY are asked at once, each for one range. Where a redirect leads
 * is kept until it fails. Thread: the loop.
 */
#ifndef NODE_WEBSEED_H
#define NODE_WEBSEED_H

#include "base/err.h"
#include "wire/swarm/swarm.h"
#include "wire/torrent/metainfo.h"

#include <jansson.h>

#define WEB_SEEDS_MAX 96U
#define WEB_SEEDS_BUSY 4U

struct engine;
struct web_seeds;

/* `note` hears what a person should. */
enum err_code web_seeds_new(struct web_seeds **out, struct engine *en,
			    void (*note)(void *ctx, const char *text),
			    void *ctx, struct err *e);
/* NULL is a no-op. */
void web_seeds_free(struct web_seeds *w);

/* One that the user names. Errors as web_seed_check_url(); ERR_LIMIT. */
enum err_code web_seeds_add(struct web_seeds *w, const char *url,
			    struct err *e);
/* From here on they fetch for this swarm; both must stay until
 * web_seeds_stop(). Takes in the torrent's own. */
void web_seeds_start(struct web_seeds *w, const struct metainfo *meta,
		     struct swarm *swarm);
void web_seeds_stop(struct web_seeds *w); /* NULL is a no-op */
/* Looks who may go on: at least once a second. NULL is a no-op. */
void web_seeds_tick(struct web_seeds *w);

/* [{"url","state","rate_down","downloaded","why"}]; NULL: there are none
 * (also of NULL). */
json_t *web_seeds_json(const struct web_seeds *w);

#endif
