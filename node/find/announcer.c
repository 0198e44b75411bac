#include "node/find/announcer.h"

#include "base/http.h"
#include "node/find/udp_tracker.h"
#include "wire/find/announce.h"
#include "wire/find/turns.h"

#include <stdlib.h>
#include <string.h>

#define ANSWER_MS 15000
#define GOODBYE_MS 2500 /* of the whole program's stop */

/* Announces of all torrents at a time, to one tracker and in all. HTTP's leave
 * places to others (HTTP_REQUESTS of engine.c); those of UDP are two datagrams
 * each. */
#define HTTP_EACH 8U
#define HTTP_ALL 48U
#define UDP_EACH 16U
#define UDP_ALL 256U
/* While the node ends. */
#define HTTP_EACH_LEAVING 32U
#define HTTP_ALL_LEAVING 60U
#define UDP_EACH_LEAVING 256U
#define UDP_ALL_LEAVING 1024U

struct announcers {
	struct loop_timer *timer; /* whose turn it is is looked at soon */
	struct turns *http, *udp;
};

struct asked {		  /* one announce under way, or in line */
	struct turn turn; /* first: the line gives it back */
	struct announcer *announcer;
	struct asked *next;
	struct http_request *request; /* one of the two */
	struct udp_question *question;
	uint32_t tier;
	bool udp;
	bool begun;    /* its turn came */
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

static void soon(const struct announcer *a)
{
	loop_timer_set(a->engine->announcers->timer, 0);
}

static struct turns *line_of(const struct asked *k)
{
	struct announcers *all = k->announcer->engine->announcers;

	return k->udp ? all->udp : all->http;
}

static void end_turn(struct asked *k, enum turn_end end)
{
	turns_end(line_of(k), &k->turn, end);
	soon(k->announcer);
}

/* What `e` tells of the tracker. */
static enum turn_end end_of(const struct err *e)
{
	return e && e->code == ERR_IO ? TURN_SILENT : TURN_ANSWERED;
}

static void drop(struct asked *k, enum turn_end end)
{
	struct asked **at = &k->announcer->asked;

	end_turn(k, end);
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

	drop(k, end_of(error));
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
	/* who answers of one family is not waited for by others of the other */
	end_turn(k, end_of(&e));
	if (last)
		drop(k, TURN_ANSWERED);
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
				.packed = true,
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
	return udp_trackers_announce(a->engine->udp_trackers, &k->question,
				     due->url, &due->query, on_udp_answer, k,
				     e);
}

static void failed(struct announcer *a, uint32_t tier, const struct err *e)
{
	tracker_on_error(a->tracker, tier, e, loop_now_ms(a->engine->loop));
}

/* Takes a place in the line of its tracker; who leaves is let past. */
static void line_up(struct announcer *a, const struct tracker_due *due)
{
	struct asked *k = calloc(1, sizeof(*k));
	struct err e = {0};

	if (!k) {
		(void)err_fail(&e, ERR_NOMEM, "announce");
		failed(a, due->tier, &e);
		return;
	}
	k->announcer = a;
	k->tier = due->tier;
	k->udp = due->udp;
	k->next = a->asked;
	a->asked = k;
	if (turns_join(line_of(k), &k->turn, due->url, a->leaving || a->paused,
		       &e) != ERR_NONE) {
		drop(k, TURN_CANCELLED);
		failed(a, due->tier, &e);
		return;
	}
	if (a->leaving)
		loop_timer_set(a->patience, GOODBYE_MS);
	soon(a);
}

/* Ends one that is under way, or in line. */
static void cancel(struct asked *k)
{
	if (k->request)
		http_cancel(k->request);
	udp_question_cancel(k->question);
	drop(k, TURN_CANCELLED);
}

/* What waits would be said too late, or is another word now. */
static void leave_lines(struct announcer *a)
{
	struct asked *next;

	for (struct asked *k = a->asked; k; k = next) {
		next = k->next;
		if (!k->begun)
			drop(k, TURN_CANCELLED);
	}
}

static void read_stats(struct announcer *a)
{
	a->ops.figures(a->ctx, &a->stats.uploaded, &a->stats.downloaded,
		       &a->stats.left);
	a->stats.partial = a->ops.partial(a->ctx);
}

static void refresh_stats(struct announcer *a)
{
	if (!a->leaving && !a->paused) /* then the swarm may be gone */
		read_stats(a);
	tracker_set_hungry(a->tracker, a->stats.left > 0);
}

static void advance(struct announcer *a)
{
	int64_t now = loop_now_ms(a->engine->loop), wake;
	struct tracker_due due;

	refresh_stats(a);
	while (tracker_due(a->tracker, &due, now))
		line_up(a, &due);
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

/* ---- turns ---- */

static void begin(struct asked *k)
{
	struct announcer *a = k->announcer;
	struct tracker_announce what;
	struct err e = {0};
	uint32_t tier = k->tier;
	enum err_code code;

	refresh_stats(a);
	if (!tracker_turn(a->tracker, &what, tier, loop_now_ms(a->engine->loop),
			  &a->stats)) {
		drop(k, TURN_CANCELLED);
		advance(a);
		return;
	}
	k->begun = true;
	code = k->udp ? start_udp(a, k, &what, &e)
		      : start_http(a, k, &what, &e);
	if (code == ERR_NONE)
		return;
	drop(k, TURN_CANCELLED);
	if (code == ERR_STATE) /* it never will be */
		a->ops.note(a->ctx, e.msg);
	failed(a, tier, &e);
	advance(a);
}

static void give_up(struct asked *k)
{
	struct announcer *a = k->announcer;
	struct err e = {0};
	uint32_t tier = k->tier;

	(void)err_fail(&e, ERR_IO,
		       "tracker: it does not answer other torrents either");
	drop(k, TURN_CANCELLED);
	failed(a, tier, &e);
	if (!a->leaving)
		a->ops.note(a->ctx, e.msg);
	advance(a);
}

static void move_up(struct turns *line)
{
	struct turn *t;

	while ((t = turns_vain(line)))
		give_up((struct asked *)t);
	while ((t = turns_next(line)))
		begin((struct asked *)t);
}

static void on_turns(void *ctx)
{
	struct announcers *all = ctx;

	move_up(all->http);
	move_up(all->udp);
}

enum err_code announcers_new(struct announcers **out, struct engine *en,
			     struct err *e)
{
	struct announcers *all = calloc(1, sizeof(*all));

	*out = all;
	if (!all)
		return err_fail(e, ERR_NOMEM, "trackers");
	all->timer = loop_timer_new(en->loop, on_turns, all);
	all->http = turns_new(rng_system(), HTTP_EACH, HTTP_ALL);
	all->udp = turns_new(rng_system(), UDP_EACH, UDP_ALL);
	if (!all->timer || !all->http || !all->udp)
		return err_fail(e, ERR_NOMEM, "trackers");
	return ERR_NONE;
}

void announcers_hurry(struct engine *en)
{
	turns_widen(en->announcers->http, HTTP_EACH_LEAVING, HTTP_ALL_LEAVING);
	turns_widen(en->announcers->udp, UDP_EACH_LEAVING, UDP_ALL_LEAVING);
	http_set_per_host(en->http, HTTP_EACH_LEAVING);
}

void announcers_free(struct announcers *all)
{
	if (!all)
		return;
	turns_free(all->http);
	turns_free(all->udp);
	loop_timer_free(all->timer);
	free(all);
}

/* ---- one of them ---- */

/* Ends what was under way when we began to leave, and what is still in line. */
static void on_patience(void *ctx)
{
	struct announcer *a = ctx;
	struct err e = {0};

	(void)err_fail(&e, ERR_IO, "no answer while stopping");
	while (a->asked) {
		uint32_t tier = a->asked->tier;

		cancel(a->asked);
		failed(a, tier, &e);
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

void announcer_set_private(struct announcer *a)
{
	bool anew =
		tracker_set_private(a->tracker, loop_now_ms(a->engine->loop));

	while (anew && a->asked)
		cancel(a->asked);
	advance(a);
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
	leave_lines(a);
	tracker_stop(a->tracker, loop_now_ms(a->engine->loop));
	advance(a);
}

void announcer_goodbye(struct announcer *a)
{
	if (!a->paused)
		read_stats(a);
	a->leaving = true;
	leave_lines(a);
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
