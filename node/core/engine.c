#include "node/core/engine.h"

#include "base/hash_map.h"
#include "base/http.h"
#include "node/core/fds.h"
#include "node/core/methods.h"
#include "node/core/settings.h"
#include "node/find/announcer.h"
#include "node/find/dht_node.h"
#include "node/find/udp_tracker.h"
#include "node/host/host.h"
#include "node/money/money.h"
#include "node/net/portmap.h"
#include "node/net/tunnel.h"
#include "node/net/udp.h"
#include "node/rent/rent_link.h"
#include "node/rent/rent_pay.h"
#include "node/rent/renting.h"
#include "node/renter/renter.h"
#include "node/renter/tenure.h"
#include "node/renter/watch.h"
#include "node/swarm/limiter.h"
#include "node/swarm/locals.h"
#include "node/swarm/torrent.h"
#include "node/swarm/trade.h"
#include "storage/torrent/resume_db.h"
#include "storage/torrent/torrent_store.h"
#include "wire/peer/handshake.h"

#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HTTP_REQUESTS 64
#define WEB_REQUESTS 64
#define STOP_MS 3000
#define MMAP_THRESHOLD (256 * 1024)

const char *engine_text(const struct engine *en, const char *name)
{
	if (en->override && options_is_set(en->override, name))
		return options_text(en->override, name);
	return options_text(en->settings, name);
}

int64_t engine_int(const struct engine *en, const char *name)
{
	if (en->override && options_is_set(en->override, name))
		return options_int(en->override, name);
	return options_int(en->settings, name);
}

bool engine_flag(const struct engine *en, const char *name)
{
	return engine_int(en, name) != 0;
}

const char *engine_list_at(const struct engine *en, const char *name, size_t i)
{
	if (en->override && options_list_count(en->override, name) > 0)
		return options_list_at(en->override, name, i);
	return options_list_at(en->settings, name, i);
}

struct torrent *engine_find(const struct engine *en,
			    const struct info_hash *hash)
{
	return hash_map_get(en->by_hash, hash);
}

/* ---- wiring ---- */

static struct swarm *on_find(void *ctx, const struct info_hash *hash)
{
	struct engine *en = ctx;
	struct torrent *t = engine_find(en, hash);

	if (t)
		torrent_expect(t);
	return t ? torrent_swarm(t) : rent_links_find(en->rent, hash);
}

static void on_rate_tick(void *ctx)
{
	struct engine *en = ctx;
	int64_t now = loop_now_ms(en->loop);
	int64_t next = rate_tick(en->rate, now);

	if (next != INT64_MAX)
		loop_timer_set(en->rate_timer, next > now ? next - now : 0);
}

static void on_want_rate_tick(void *ctx)
{
	struct engine *en = ctx;

	loop_timer_set(en->rate_timer, 0);
}

/* Money first: what it releases is written in the same turn. */
static void on_turn_end(void *ctx)
{
	struct engine *en = ctx;

	if (en->trade)
		trade_turn_end(en->trade);
	/* (!) what a host counted is in the book before its signature is kept;
	 * and what that releases is led in the same turn */
	rent_pay_turn_end(en);
	renting_turn_end(en->renting);
	rent_pay_turn_end(en);
	links_turn_end(en->links);
	rent_links_turn_end(en->rent);
}

static void on_signal(void *ctx)
{
	struct engine *en = ctx;

	if (en->stop_signal)
		en->stop_signal(en->stop_signal_ctx);
	else
		engine_stop(en);
}

static enum err_code set_limits(struct engine *en, struct err *e)
{
	rate_set_free_share(
		en->rate, (unsigned)(engine_int(en, "free-share") * 256 / 100));
	rate_on_want_tick(en->rate, on_want_rate_tick, en);
	return limiter_new(&en->limiter, en, e);
}

bool engine_proxied(const struct engine *en)
{
	return en->tunnels != NULL;
}

/* socks5h: curl leaves names to the proxy. */
static enum err_code set_http_proxy(struct engine *en, const char *text,
				    struct err *e)
{
	char url[OPT_TEXT_MAX + 2];
	bool socks = strncasecmp(text, "socks5://", 9) == 0;
	enum err_code code;

	(void)snprintf(url, sizeof(url), "%s%s", socks ? "socks5h://" : "",
		       socks ? text + 9 : text);
	code = http_set_proxy(en->http, url, e);
	if (code == ERR_NONE)
		code = http_set_proxy(en->web, url, e);
	return code;
}

static enum err_code open_proxy(struct engine *en, struct err *e)
{
	const char *text = engine_text(en, "proxy");
	struct err why = {0};
	struct proxy proxy;
	enum err_code code;

	if (!text || !*text)
		return ERR_NONE;
	if (proxy_parse(&proxy, text, &why) != ERR_NONE)
		return err_fail(e, ERR_PARSE, "proxy: %s", why.msg);
	code = set_http_proxy(en, text, e);
	if (code == ERR_NONE)
		code = tunnels_new(&en->tunnels, en->loop, en->work, en->log,
				   en->udp, &proxy, e);
	if (code == ERR_NONE)
		net_set_tunnels(links_net(en->links), en->tunnels);
	return code;
}

static enum err_code open_env(struct engine *en, struct err *e)
{
	struct store_env_cfg cfg = {
		.loop = en->loop,
		.work = en->work,
		.log = en->log,
		.resume = en->resume,
		.cache_max = (size_t)engine_int(en, "cache"),
	};

	return store_env_new(&en->store_env, &cfg, e);
}

/* Of `max-peers` those that descriptors bear. */
static void count_peers(struct engine *en)
{
	unsigned want = (unsigned)engine_int(en, "max-peers");
	unsigned limit = fds_raise();

	en->max_peers = fds_peers(limit, want);
	if (en->max_peers < want)
		log_line(en->log, LOG_WARN, "net",
			 "max-peers is %u, and %u fit in the %u files that "
			 "this process may have open: raise that limit (ulimit "
			 "-Hn; LimitNOFILE of a service)",
			 want, en->max_peers, limit);
}

unsigned engine_torrent_peers(const struct engine *en)
{
	unsigned most = (unsigned)engine_int(en, "max-peers-torrent");

	return most && most < en->max_peers ? most : en->max_peers;
}

static enum err_code use_utp(struct engine *en, struct err *e)
{
	enum settings_utp utp = SETTINGS_UTP_NO;
	enum err_code code = settings_utp(&utp, engine_text(en, "utp"), e);

	if (code != ERR_NONE || utp == SETTINGS_UTP_NO)
		return code;
	if (engine_proxied(en) && utp == SETTINGS_UTP_ONLY)
		return err_fail(e, ERR_STATE, "utp = only: not by a proxy");
	if (engine_proxied(en))
		return ERR_NONE;
	return net_use_utp(links_net(en->links), en->udp,
			   utp == SETTINGS_UTP_ONLY,
			   /* those that say goodbye count too */
			   2 * en->max_peers, e);
}

static enum err_code build(struct engine *en, struct err *e)
{
	static const struct links_ops link_ops = {.find = on_find};
	char path[HOME_PATH_MAX];
	enum log_level level = LOG_ERROR;
	enum veil_policy policy = VEIL_ALLOW;
	enum err_code code =
		settings_log_level(&level, engine_text(en, "log-level"), e);

	if (code == ERR_NONE)
		code = settings_encryption(&policy,
					   engine_text(en, "encryption"), e);
	if (code != ERR_NONE)
		return code;
	/* a command's own lines are for people; its log is for trouble */
	if (!en->daemon &&
	    !(en->override && options_is_set(en->override, "log-level")))
		level = LOG_ERROR;
	en->log = log_new(STDERR_FILENO, level);
	en->rate = rate_new();
	en->loop = loop_new(e);
	if (!en->loop || !en->log || !en->rate)
		return err_fail(e, ERR_NOMEM, "node");
	en->by_hash = hash_map_new(rng_system(), LINKS_HASHES_MAX);
	en->rate_timer = loop_timer_new(en->loop, on_rate_tick, en);
	en->rest_timer = loop_timer_new(en->loop, torrents_rest, en);
	en->work = work_new(en->loop, 0, e);
	if (http_new(&en->http, en->loop, HTTP_REQUESTS, e) != ERR_NONE ||
	    http_new(&en->web, en->loop, WEB_REQUESTS, e) != ERR_NONE)
		return ERR_NOMEM;
	count_peers(en);
	en->udp = udp_new(en->loop, en->log, e);
	en->links =
		links_new(en->loop, en->log, &link_ops, en, en->max_peers, e);
	if (en->links)
		links_set_encryption(en->links, policy);
	en->rent = rent_links_new(en, e);
	if (!en->by_hash || !en->rate_timer || !en->rest_timer || !en->work ||
	    !en->udp || !en->links || !en->rent ||
	    locals_new(&en->locals, en, e) != ERR_NONE ||
	    udp_trackers_new(&en->udp_trackers, en, e) != ERR_NONE ||
	    announcers_new(&en->announcers, en, e) != ERR_NONE ||
	    dht_node_new(&en->dht, en, e) != ERR_NONE ||
	    renting_new(&en->renting, en, e) != ERR_NONE ||
	    host_new(&en->host, en, e) != ERR_NONE ||
	    watch_new(&en->watch, en, e) != ERR_NONE ||
	    tenure_new(&en->tenure, en, e) != ERR_NONE)
		return err_fail(e, ERR_NOMEM, "node");
	loop_on_turn_end(en->loop, on_turn_end, en);
	home_file(&en->home, "torrents.db", path);
	code = set_limits(en, e);
	if (code == ERR_NONE)
		code = resume_open(&en->resume, path, e);
	if (code == ERR_NONE)
		code = home_claims_open(&en->home, &en->claims, e);
	if (code == ERR_NONE)
		code = open_env(en, e);
	if (code == ERR_NONE)
		code = open_proxy(en, e);
	if (code == ERR_NONE)
		code = use_utp(en, e);
	if (code == ERR_NONE)
		code = portmap_new(&en->portmap, en, e);
	if (code == ERR_NONE)
		code = loop_on_signal(en->loop, SIGINT, on_signal, en, e);
	if (code == ERR_NONE)
		code = loop_on_signal(en->loop, SIGTERM, on_signal, en, e);
	return code;
}

/* Buffers of a sector come and go between those that stay: what is freed goes
 * back to the system at once, whatever lies behind it. By itself the library
 * raises this bound until they no longer do. */
static void bound_memory(void)
{
#ifdef M_MMAP_THRESHOLD
	(void)mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD);
#endif
}

enum err_code engine_new(struct engine **out, const struct home *home,
			 const struct options *settings,
			 const struct options *override, bool daemon,
			 enum money_need need, struct err *e)
{
	struct engine *en = calloc(1, sizeof(*en));
	enum err_code code;

	if (!en)
		return err_fail(e, ERR_NOMEM, "node");
	bound_memory();
	en->home = *home;
	en->settings = settings;
	en->override = override;
	en->daemon = daemon;
	en->claims = -1;
	en->rng = rng_system();
	handshake_make_id(&en->peer_id, &en->rng);
	/* the signer is forked before the first thread starts */
	code = money_fork(&en->money, en, need, e);
	if (code == ERR_NONE)
		code = build(en, e);
	if (code == ERR_NONE && en->money && en->money->passphrase)
		code = trade_new(&en->trade, en, e);
	if (code == ERR_NONE && en->money)
		code = money_start(en->money, e);
	if (code != ERR_NONE) {
		engine_free(en);
		return code;
	}
	*out = en;
	return ERR_NONE;
}

static void stop_running(void *ctx)
{
	struct engine *en = ctx;

	loop_stop(en->loop);
}

static bool all_stopped(const struct engine *en)
{
	return portmap_stopped(en->portmap) && en->running == 0;
}

static void stopped_one(void *ctx)
{
	struct engine *en = ctx;

	if (all_stopped(en))
		loop_stop(en->loop);
}

/* Says goodbye to trackers and the router, and saves; gives up after STOP_MS.
 */
static void say_goodbye(struct engine *en)
{
	struct loop_timer *limit = loop_timer_new(en->loop, stop_running, en);

	portmap_stop(en->portmap, stopped_one, en);
	if (en->torrents)
		announcers_hurry(en);
	for (struct torrent *t = en->torrents; t; t = torrent_next(t))
		torrent_stop(t, stopped_one, en);
	/* where nobody is to be told, all of it was done at once */
	if (limit && !all_stopped(en)) {
		loop_timer_set(limit, STOP_MS);
		loop_run(en->loop);
	}
	loop_timer_free(limit);
	while (en->torrents)
		torrent_free(en->torrents);
}

void engine_free(struct engine *en)
{
	if (!en)
		return;
	en->stopping = true;
	if (en->loop && en->links)
		say_goodbye(en);
	/* workers are waited for below, when its owners are gone */
	if (en->loop)
		loop_on_turn_end(en->loop, NULL, NULL);
	trade_free(en->trade);
	en->trade = NULL;
	host_free(en->host);
	en->host = NULL;
	watch_free(en->watch);
	en->watch = NULL;
	tenure_free(en->tenure);
	en->tenure = NULL;
	renter_free(en->renter);
	rent_links_free(en->rent);
	rent_pay_free_all(en);
	renting_free(en->renting);
	locals_free(en->locals);
	links_free(en->links);
	announcers_free(en->announcers);
	udp_trackers_free(en->udp_trackers);
	dht_node_free(en->dht);
	portmap_free(en->portmap);
	tunnels_free(en->tunnels);
	udp_free(en->udp);
	money_free(en->money);
	http_free(en->web);
	http_free(en->http);
	work_free(en->work);
	store_env_free(en->store_env);
	resume_close(en->resume);
	if (en->claims >= 0)
		(void)close(en->claims);
	limiter_free(en->limiter);
	loop_timer_free(en->rate_timer);
	loop_timer_free(en->rest_timer);
	rate_free(en->rate);
	hash_map_free(en->by_hash, NULL);
	loop_free(en->loop);
	log_free(en->log);
	free(en);
}

void engine_run(struct engine *en)
{
	loop_run(en->loop);
}

void engine_stop(struct engine *en)
{
	loop_stop(en->loop);
}

void engine_on_stop_signal(struct engine *en, void (*fn)(void *ctx), void *ctx)
{
	en->stop_signal = fn;
	en->stop_signal_ctx = ctx;
}

/* TCP and UDP at one port. With port 0, UDP takes what TCP was given; when
 * somebody else has that, there is no UDP there, and the log says so. */
static enum err_code listen_at(struct engine *en, const char *host,
			       uint16_t port, struct err *e)
{
	struct err udp_err = {0};
	uint16_t bound;
	enum err_code code =
		net_listen(links_net(en->links), host, port, &bound, e);

	if (code != ERR_NONE)
		return code;
	if (!engine_proxied(en) &&
	    udp_listen(en->udp, host, bound, &bound, &udp_err) != ERR_NONE)
		log_line(en->log, LOG_WARN, "net", "no UDP: %s", udp_err.msg);
	if (!en->listen_port)
		en->listen_port = bound;
	return ERR_NONE;
}

static enum err_code listen_default(struct engine *en, bool default_port,
				    struct err *e)
{
	uint16_t want = default_port ? 6881 : 0;

	if (listen_at(en, "::", want, NULL) == ERR_NONE ||
	    listen_at(en, "0.0.0.0", want, NULL) == ERR_NONE ||
	    listen_at(en, "::", 0, NULL) == ERR_NONE)
		return ERR_NONE;
	return listen_at(en, "0.0.0.0", 0, e);
}

static enum err_code listen_all(struct engine *en, bool prefer_default_port,
				struct err *e)
{
	const char *endpoint;

	if (engine_proxied(en))
		tunnels_want_udp(en->tunnels);
	if (!engine_list_at(en, "listen", 0))
		return engine_proxied(en)
			       ? ERR_NONE
			       : listen_default(en, prefer_default_port, e);
	for (size_t i = 0; (endpoint = engine_list_at(en, "listen", i)); i++) {
		char host[64];
		uint16_t port;
		enum err_code code = options_split_endpoint(
			endpoint, host, sizeof(host), &port, e);

		if (code == ERR_NONE)
			code = listen_at(en, host, port, e);
		if (code != ERR_NONE)
			return code;
	}
	return ERR_NONE;
}

enum err_code engine_listen(struct engine *en, bool prefer_default_port,
			    struct err *e)
{
	enum err_code code = ERR_NONE;

	if (en->listen_port)
		return ERR_NONE;
	code = listen_all(en, prefer_default_port, e);
	if (code == ERR_NONE)
		dht_node_start(en->dht);
	return code;
}

void engine_dispatch(struct engine *en, const char *method,
		     const json_t *params, struct call *c)
{
	struct err e = {0};

	for (size_t i = 0; i < method_count; i++) {
		if (strcmp(methods[i].name, method) != 0)
			continue;
		if (methods[i].needs_wallet && !en->money) {
			(void)err_fail(&e, ERR_STATE,
				       "%s needs a wallet%s%.80s", method,
				       en->no_wallet[0] ? ": " : "",
				       en->no_wallet);
			call_error(c, &e);
			return;
		}
		if (methods[i].needs_daemon && !en->daemon) {
			(void)err_fail(
				&e, ERR_STATE,
				"no daemon runs in %.80s; start seedbankd",
				en->home.path);
			call_error(c, &e);
			return;
		}
		methods[i].run(en, params, c);
		return;
	}
	(void)err_fail(&e, ERR_PARSE, "no such method '%.40s'", method);
	call_error(c, &e);
}
