/* announcer.h - a torrent's talk with its trackers: when to announce is
 * decided by wire/find/tracker.h, how to ask by base/http.h and udp_tracker.h;
 * this joins them. What all torrents ask one tracker goes through a line
 * (wire/find/turns.h). Thread: the loop.
 */
#ifndef NODE_ANNOUNCER_H
#define NODE_ANNOUNCER_H

#include "node/core/engine.h"
#include "node/net/net.h"
#include "wire/find/tracker.h"
#include "wire/torrent/metainfo.h"

struct announcer;
struct announcers; /* the lines */

/* ERR_NOMEM; what is there already is *out, to be freed. */
enum err_code announcers_new(struct announcers **out, struct engine *en,
			     struct err *e);
/* The node ends: as many hear of it as can in a few seconds. */
void announcers_hurry(struct engine *en);
/* After all announcers. */
void announcers_free(struct announcers *all);

struct announcer_ops {
	void (*peer)(void *ctx, const struct net_addr *addr);
	/* Of a private torrent: another tracker has answered, the peers of the
	 * one before are not to be kept (BEP 27). */
	void (*switched)(void *ctx);
	void (*figures)(void *ctx, uint64_t *up, uint64_t *down,
			uint64_t *left);
	/* Is it a seed of a part alone, which fetches no more (BEP 21)? */
	bool (*partial)(void *ctx);
	void (*note)(void *ctx, const char *text);
	/* announcer_goodbye() is over. */
	void (*goodbye)(void *ctx);
};

/* For one of the torrent's info hashes. */
enum err_code announcer_new(struct announcer **out, struct engine *en,
			    const struct metainfo *meta,
			    const struct info_hash *hash,
			    const struct announcer_ops *ops, void *ctx,
			    struct err *e);
/* Before announcer_start(). ERR_PARSE: no URL of http(s) or udp. */
enum err_code announcer_add(struct announcer *a, const char *url,
			    struct err *e);
/* All trackers of another one, in its tiers. */
enum err_code announcer_add_all(struct announcer *a, const struct announcer *of,
				struct err *e);
/* Its metadata says that it is private, which was not known before (BEP 27):
 * one tracker at a time from now on. */
void announcer_set_private(struct announcer *a);
/* First announce `started`, then at the tracker's interval. */
void announcer_start(struct announcer *a);
void announcer_completed(struct announcer *a);
/* `stopped`, when `started` was told, with the figures of this moment; nothing
 * more until announcer_start(), which may come before it is answered. */
void announcer_pause(struct announcer *a);
/* `stopped`, when `started` was told; ops.goodbye comes at once or later. */
void announcer_goodbye(struct announcer *a);
/* URL i of its trackers and what the tracker said; false: there are no more. */
bool announcer_status(const struct announcer *a, uint32_t i,
		      struct tracker_status *out);
void announcer_free(struct announcer *a);

/* For http_ask.allow: announce_allowed(), and true where a proxy connects,
 * which leaves the address unknown here. */
bool announcer_may_ask(void *ctx, const char *ip, const char *url);

#endif
