#include "node/find/announcer.h"

#include "base/http.h"
#include "node/find/udp_tracker.h"
#include "wire/find/announce.h"

#include <stdlib.h>
#include <string.h>

#define ANSWER_MS 15000
#define GOODBYE_MS 2500 /* of the whole program's stop */

struct asked { /* one announce under way */
	struct announcer *announcer;
	struct asked *next;
	struct http_request *request; /* one of the two */
	struct udp_question *question;
	uint32_t tier;
	bool answered; /* by one of its addresses (UDP) */
};

struct announcer {
	struct engine *engine;
	struct tracker *tracker;
	struct announcer_ops ops;
	void *ctx;
	struct loop_timer *timer;
	struct loop_timer *patience; /* with what is asked while leaving */
	struct asked *asked;
	struct tracker_stats stats;
	uint32_t next_tier; /* of the user's own trackers */
	bool paused;
	bool leaving;
	bool left;
};

static void advance(struct announcer *a);

static void drop(struct asked *k)
{
	struct asked **at = &k->announcer->asked;

	while (*at && *at != k)
		at = &(*at)->next;
	if (*at)
		*at = k->next;
	free(k);
}

static void take_peers(struct announcer *a, const struct announce_reply *reply)
{
	if (tracker_switched(a->tracker))
		a->ops.switched(a->ctx);
	for (uint32_t i = 0; i < reply->peer_count; i++) {
		struct net_addr addr;

		net_addr_of_wire(&addr, &reply->peers[i]);
		a->ops.peer(a->ctx, &addr);
	}
}

static void on_answer(void *ctx, const struct http_answer *answer,
		      const struct err *error)
{
	struct asked *k = ctx;
	struct announcer *a = k->announcer;
	int64_t now = loop_now_ms(a->engine->loop);
	struct announce_reply reply = {0};
	struct err e = {0};
	uint32_t tier = k->tier;

	drop(k);
	if (error) {
		e = *error;
		tracker_on_error(a->tracker, tier, error, now);
	} else {
		(void)tracker_on_answer(a->tracker, &reply, tier,
					answer->status, answer->body,
					answer->body_len, now, &e);
		take_peers(a, &reply);
	}
	if (e.code != ERR_NONE && !a->leaving)
		a->ops.note(a->ctx, e.msg);
	advance(a);
}

/* One address of a UDP tracker has answered, or none will. The first good
 * answer counts for the tier; the other family's tells more peers. */
static void on_udp_answer(void *ctx, const struct udp_result *result, bool last)
{
	struct asked *k = ctx;
	struct announcer *a = k->announcer;
	int64_t now = loop_now_ms(a->engine->loop);
	const struct announce_reply *reply = &result->reply.announce;
	struct err e = result->err;
	uint32_t tier = k->tier;
	bool first = !k->answered;

	if (!last && e.code != ERR_NONE)
		return; /* the other may still answer */
	k->answered = true;
	if (last)
		drop(k);
	if (e.code == ERR_NONE) {
		if (first)
			(void)tracker_on_reply(a->tracker, reply, tier, now,
					       &e);
		take_peers(a, reply);
	} else if (first) {
		tracker_on_error(a->tracker, tier, &e, now);
	}
	if (first && e.code != ERR_NONE && !a->leaving)
		a->ops.note(a->ctx, e.msg);
	advance(a);
}

/* A tracker tells others the address that we come from, so on a machine with
 * several it must be the one that we listen on. */
static void on_socket(void *ctx, int fd, const struct sockaddr *to,
		      socklen_t to_len)
{
	const struct engine *en = ctx;
	struct net_addr addr = {.len = to_len};

	if (to_len > sizeof(addr.sa))
		return;
	memcpy(&addr.sa, to, to_len);
	net_bind_source(links_net(en->links), fd, &addr);
}

/* Of a name that a proxy looks up nobody here knows the address. */
bool announcer_may_ask(void *ctx, const char *ip, const char *url)
{
	(void)ctx;
	return !ip || announce_allowed(ip, url);
}

static enum err_code start_http(struct announcer *a, struct asked *k,
				const struct tracker_announce *due,
				struct err *e)
{
	struct http_ask what = {.url = due->url,
				.max_body = ANNOUNCE_MAX_BODY,
				.timeout_ms =
					a->leaving ? GOODBYE_MS : ANSWER_MS,
				.max_redirects = 3,
				.on_socket = on_socket,
				.socket_ctx = a->engine,
				.allow = announcer_may_ask};

	return http_start(a->engine->http, &k->request, &what, on_answer, k, e);
}

static enum err_code start_udp(struct announcer *a, struct asked *k,
			       const struct tracker_announce *due,
			       struct err *e)
{
	if (a->leaving)
		loop_timer_set(a->patience, GOODBYE_MS);
	return udp_trackers_announce(a->engine->udp_trackers, &k->question,
				     due->url, &due->query, on_udp_answer, k,
				     e);
}

static void ask(struct announcer *a, const struct tracker_announce *due)
{
	struct asked *k = calloc(1, sizeof(*k));
	struct err e = {0};
	enum err_code code;

	if (!k) {
		(void)err_fail(&e, ERR_NOMEM, "announce");
	} else {
		k->announcer = a;
		k->tier = due->tier;
		k->next = a->asked;
		a->asked = k;
		code = due->udp ? start_udp(a, k, due, &e)
				: start_http(a, k, due, &e);
		if (code == ERR_NONE)
			return;
		drop(k);
	}
	if (e.code == ERR_STATE) /* it never will be */
		a->ops.note(a->ctx, e.msg);
	tracker_on_error(a->tracker, due->tier, &e,
			 loop_now_ms(a->engine->loop));
}

/* Ends one that is under way. */
static void cancel(struct asked *k)
{
	if (k->request)
		http_cancel(k->request);
	udp_question_cancel(k->question);
	drop(k);
}

static void read_stats(struct announcer *a)
{
	a->ops.figures(a->ctx, &a->stats.uploaded, &a->stats.downloaded,
		       &a->stats.left);
	a->stats.partial = a->ops.partial(a->ctx);
}

static void advance(struct announcer *a)
{
	int64_t now = loop_now_ms(a->engine->loop), wake;
	struct tracker_announce due;

	if (!a->leaving && !a->paused) /* then the swarm may be gone */
		read_stats(a);
	tracker_set_hungry(a->tracker, a->stats.left > 0);
	while (tracker_next(a->tracker, &due, now, &a->stats))
		ask(a, &due);
	if (a->leaving && tracker_done(a->tracker)) {
		loop_timer_cancel(a->timer);
		if (!a->left) {
			a->left = true;
			a->ops.goodbye(a->ctx);
		}
		return;
	}
	wake = tracker_wake_ms(a->tracker);
	if (wake != INT64_MAX)
		loop_timer_set(a->timer, wake - now);
}

static void on_timer(void *ctx)
{
	advance(ctx);
}

/* Ends what was under way when we began to leave. */
static void on_patience(void *ctx)
{
	struct announcer *a = ctx;
	struct err e = {0};

	(void)err_fail(&e, ERR_IO, "no answer while stopping");
	while (a->asked) {
		uint32_t tier = a->asked->tier;

		cancel(a->asked);
		tracker_on_error(a->tracker, tier, &e,
				 loop_now_ms(a->engine->loop));
	}
	advance(a);
}

enum err_code announcer_new(struct announcer **out, struct engine *en,
			    const struct metainfo *meta,
			    const struct info_hash *hash,
			    const struct announcer_ops *ops, void *ctx,
			    struct err *e)
{
	struct tracker_cfg cfg = {.info_hash = *hash,
				  .peer_id = en->peer_id,
				  .one_at_a_time = meta->is_private,
				  .port = en->listen_port,
				  .rng = rng_system()};
	struct announcer *a = calloc(1, sizeof(*a));
	char ipv6[NET_IP_TEXT_MAX];
	enum err_code code;

	if (!a)
		return err_fail(e, ERR_NOMEM, "trackers");
	if (!cfg.port) /* behind a proxy; many trackers refuse port 0 */
		cfg.port = 1;
	if (!engine_proxied(en) && net_global_ip6(links_net(en->links), ipv6))
		cfg.ipv6 = ipv6;
	a->engine = en;
	a->ops = *ops;
	a->ctx = ctx;
	a->timer = loop_timer_new(en->loop, on_timer, a);
	a->patience = loop_timer_new(en->loop, on_patience, a);
	code = a->timer && a->patience ? tracker_new(&a->tracker, &cfg, e)
				       : err_fail(e, ERR_NOMEM, "trackers");
	if (code != ERR_NONE) {
		announcer_free(a);
		return code;
	}
	for (uint32_t i = 0; i < meta->tracker_count; i++) {
		/* kinds that we do not speak (wss) are passed over */
		(void)tracker_add(a->tracker, meta->trackers[i].url,
				  meta->trackers[i].tier, NULL);
		if (meta->trackers[i].tier >= a->next_tier)
			a->next_tier = meta->trackers[i].tier + 1;
	}
	*out = a;
	return ERR_NONE;
}

enum err_code announcer_add(struct announcer *a, const char *url, struct err *e)
{
	return tracker_add(a->tracker, url, a->next_tier++, e);
}

enum err_code announcer_add_all(struct announcer *a, const struct announcer *of,
				struct err *e)
{
	enum err_code code = ERR_NONE;
	struct tracker_status st;

	for (uint32_t i = 0; code == ERR_NONE && announcer_status(of, i, &st);
	     i++)
		code = tracker_add(a->tracker, st.url, st.tier, e);
	if (a->next_tier < of->next_tier)
		a->next_tier = of->next_tier;
	return code;
}

void announcer_start(struct announcer *a)
{
	a->paused = false;
	tracker_start(a->tracker, loop_now_ms(a->engine->loop));
	advance(a);
}

void announcer_completed(struct announcer *a)
{
	tracker_completed(a->tracker, loop_now_ms(a->engine->loop));
	advance(a);
}

void announcer_pause(struct announcer *a)
{
	if (a->paused)
		return;
	read_stats(a);
	a->paused = true;
	tracker_stop(a->tracker, loop_now_ms(a->engine->loop));
	advance(a);
}

void announcer_goodbye(struct announcer *a)
{
	if (!a->paused)
		read_stats(a);
	a->leaving = true;
	/* What is under way may be `completed`: it is let through, for a while
	 */
	if (a->asked)
		loop_timer_set(a->patience, GOODBYE_MS);
	tracker_stop(a->tracker, loop_now_ms(a->engine->loop));
	advance(a);
}

bool announcer_status(const struct announcer *a, uint32_t i,
		      struct tracker_status *out)
{
	if (i >= tracker_count(a->tracker))
		return false;
	tracker_status(a->tracker, i, out);
	return true;
}

void announcer_free(struct announcer *a)
{
	if (!a)
		return;
	while (a->asked)
		cancel(a->asked);
	tracker_free(a->tracker);
	loop_timer_free(a->patience);
	loop_timer_free(a->timer);
	free(a);
}
