#include "wire/find/tracker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BACKOFF_MS 15000
#define BACKOFF_MOST_MS 1800000
#define NOT_DUE INT64_MAX
#define DUE_NOW 0

struct url {
	struct url *next; /* in its tier, the one to ask first in front */
	char *text;
	uint32_t number; /* of the tier that it was added to */
	bool knows_us;	 /* answered our `started`, not yet told `stopped` */
	bool owes_done;	 /* is to be told `completed` */
	bool dead;	 /* told us never to come back */
	uint8_t id[ANNOUNCE_MAX_ID];
	size_t id_len;
	int64_t seeds, leechers;
	char error[128];
};

struct tier {
	uint32_t number;
	struct url *urls;
	struct url *current; /* NULL: all are dead */
	bool in_line;	     /* for its turn */
	bool asking;
	enum announce_event asked; /* while asking */
	uint32_t failed;	   /* URLs in this round */
	uint32_t rounds;	   /* in which all failed */
	int64_t due_ms;		   /* by the tracker's interval */
	int64_t early_ms;	   /* by its min interval; at most due_ms */
};

struct tracker {
	struct tracker_cfg cfg;
	char ipv6[64];
	uint32_t key;
	bool running;
	bool stopping;
	bool hungry;
	bool switched;
	const struct url *heard; /* the last that answered; NULL: none yet */
	uint32_t url_count;
	uint32_t tier_count;
	struct tier **tiers; /* by number, ascending */
};

enum err_code tracker_new(struct tracker **out, const struct tracker_cfg *cfg,
			  struct err *e)
{
	struct tracker *t = calloc(1, sizeof(*t));

	*out = t;
	if (!t)
		return err_fail(e, ERR_NOMEM, "tracker");
	t->cfg = *cfg;
	t->hungry = true;
	if (cfg->ipv6) {
		(void)snprintf(t->ipv6, sizeof(t->ipv6), "%s", cfg->ipv6);
		t->cfg.ipv6 = t->ipv6;
	}
	rng_fill(&t->cfg.rng, &t->key, sizeof(t->key));
	return ERR_NONE;
}

void tracker_free(struct tracker *t)
{
	if (!t)
		return;
	for (uint32_t i = 0; i < t->tier_count; i++) {
		struct url *u;

		while ((u = t->tiers[i]->urls)) {
			t->tiers[i]->urls = u->next;
			free(u->text);
			free(u);
		}
		free(t->tiers[i]);
	}
	free((void *)t->tiers);
	free(t);
}

/* --- tiers and their URLs --------------------------------------------------
 */

static bool has_url(const struct tracker *t, const char *text)
{
	for (uint32_t i = 0; i < t->tier_count; i++)
		for (struct url *u = t->tiers[i]->urls; u; u = u->next)
			if (strcmp(u->text, text) == 0)
				return true;
	return false;
}

static struct tier *find_tier(struct tracker *t, uint32_t number)
{
	struct tier *tier, **tiers;
	uint32_t at = 0;

	while (at < t->tier_count && t->tiers[at]->number < number)
		at++;
	if (at < t->tier_count && t->tiers[at]->number == number)
		return t->tiers[at];
	tiers = realloc((void *)t->tiers,
			(t->tier_count + 1) * sizeof(struct tier *));
	if (!tiers)
		return NULL;
	t->tiers = tiers;
	tier = calloc(1, sizeof(*tier));
	if (!tier)
		return NULL;
	tier->number = number;
	tier->due_ms = tier->early_ms = NOT_DUE;
	memmove(&t->tiers[at + 1], &t->tiers[at],
		(t->tier_count - at) * sizeof(struct tier *));
	t->tiers[at] = tier;
	t->tier_count++;
	return tier;
}

static struct url *make_url(const char *text)
{
	struct url *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	u->text = strdup(text);
	if (!u->text) {
		free(u);
		return NULL;
	}
	u->seeds = u->leechers = -1;
	return u;
}

/* Among those of its number at a place by chance: adding all so shuffles the
 * tier, as BEP 12 wants. */
static void insert_url(struct tracker *t, struct tier *tier, struct url *u)
{
	struct url **place = &tier->urls;
	uint32_t count = 0;

	while (*place && (*place)->number < u->number)
		place = &(*place)->next;
	for (struct url *other = *place; other && other->number == u->number;
	     other = other->next)
		count++;
	for (uint32_t at = rng_below(&t->cfg.rng, count + 1); at > 0; at--)
		place = &(*place)->next;
	u->next = *place;
	*place = u;
	t->url_count++;
}

static void move_to_front(struct tier *tier)
{
	struct url **place = &tier->urls;

	while (*place != tier->current)
		place = &(*place)->next;
	*place = tier->current->next;
	tier->current->next = tier->urls;
	tier->urls = tier->current;
}

static void set_due(struct tier *tier, int64_t due_ms, int64_t early_ms)
{
	tier->due_ms = due_ms;
	tier->early_ms = early_ms < due_ms ? early_ms : due_ms;
}

enum err_code tracker_add(struct tracker *t, const char *url, uint32_t tier,
			  struct err *e)
{
	enum err_code code = announce_check_url(url, e);
	struct tier *where;
	struct url *u;

	if (code != ERR_NONE || has_url(t, url))
		return code;
	if (t->url_count == TRACKER_MAX_URLS)
		return err_fail(e, ERR_LIMIT, "more than %u trackers",
				TRACKER_MAX_URLS);
	u = make_url(url);
	if (u && t->cfg.one_at_a_time && t->tier_count)
		where = t->tiers[0];
	else
		where = u ? find_tier(t, tier) : NULL;
	if (!where) {
		if (u)
			free(u->text);
		free(u);
		return err_fail(e, ERR_NOMEM, "tracker");
	}
	u->number = tier;
	insert_url(t, where, u);
	if (!where->current) { /* new, or all its others are dead */
		where->current = u;
		where->rounds = where->failed = 0;
		if (t->running)
			set_due(where, DUE_NOW, DUE_NOW);
	} else if (!t->running && !where->asking && where->due_ms == NOT_DUE) {
		where->current = where->urls;
	}
	return ERR_NONE;
}

uint32_t tracker_count(const struct tracker *t)
{
	return t->url_count;
}

/* --- what is due -----------------------------------------------------------
 */

static enum announce_event next_event(const struct tracker *t,
				      const struct url *u)
{
	if (t->stopping)
		return u->knows_us && u->owes_done ? ANNOUNCE_COMPLETED
						   : ANNOUNCE_STOPPED;
	if (!u->knows_us)
		return ANNOUNCE_STARTED;
	return u->owes_done ? ANNOUNCE_COMPLETED : ANNOUNCE_REGULAR;
}

/* After an input: events do not wait for an interval. */
static void hasten(struct tracker *t, struct tier *tier, int64_t now_ms)
{
	if (!tier->current)
		set_due(tier, NOT_DUE, NOT_DUE);
	else if (!t->running && !(t->stopping && tier->current->knows_us))
		set_due(tier, NOT_DUE, NOT_DUE);
	else if (next_event(t, tier->current) != ANNOUNCE_REGULAR)
		set_due(tier, now_ms, now_ms);
}

static void hasten_all(struct tracker *t, int64_t now_ms)
{
	for (uint32_t i = 0; i < t->tier_count; i++)
		if (!t->tiers[i]->asking)
			hasten(t, t->tiers[i], now_ms);
}

void tracker_start(struct tracker *t, int64_t now_ms)
{
	if (t->running)
		return;
	t->running = true;
	t->stopping = false;
	for (uint32_t i = 0; i < t->tier_count; i++)
		t->tiers[i]->rounds = t->tiers[i]->failed = 0;
	hasten_all(t, now_ms);
}

void tracker_completed(struct tracker *t, int64_t now_ms)
{
	if (!t->running)
		return;
	for (uint32_t i = 0; i < t->tier_count; i++) {
		for (struct url *u = t->tiers[i]->urls; u; u = u->next)
			u->owes_done = true;
		/* one that is in trouble is left to its back-off */
		if (!t->tiers[i]->asking && !t->tiers[i]->rounds)
			hasten(t, t->tiers[i], now_ms);
	}
}

/* What waits in line is due again. */
static void leave_lines(struct tracker *t)
{
	for (uint32_t i = 0; i < t->tier_count; i++)
		t->tiers[i]->in_line = false;
}

void tracker_stop(struct tracker *t, int64_t now_ms)
{
	for (uint32_t i = 0; i < t->tier_count && t->running; i++) {
		const struct tier *tier = t->tiers[i];
		bool busy = tier->asking || tier->in_line;

		/* who is just being told something else could not be told */
		for (struct url *u = tier->urls; u; u = u->next)
			u->owes_done &= busy && u == tier->current;
	}
	leave_lines(t);
	if (!t->running)
		return;
	t->running = false;
	t->stopping = true;
	hasten_all(t, now_ms);
}

bool tracker_done(const struct tracker *t)
{
	if (t->running)
		return false;
	for (uint32_t i = 0; i < t->tier_count; i++)
		if (t->tiers[i]->asking || t->tiers[i]->due_ms != NOT_DUE)
			return false;
	return true;
}

void tracker_set_hungry(struct tracker *t, bool hungry)
{
	t->hungry = hungry;
}

static int64_t tier_due(const struct tracker *t, const struct tier *tier)
{
	if (tier->asking || tier->in_line)
		return NOT_DUE;
	return t->hungry ? tier->early_ms : tier->due_ms;
}

int64_t tracker_wake_ms(const struct tracker *t)
{
	int64_t wake = NOT_DUE;

	for (uint32_t i = 0; i < t->tier_count; i++) {
		int64_t due = tier_due(t, t->tiers[i]);

		wake = due < wake ? due : wake;
	}
	return wake;
}

/* --- asking ----------------------------------------------------------------
 */

static struct announce_query make_query(const struct tracker *t,
					const struct tier *tier,
					enum announce_event event,
					const struct tracker_stats *stats)
{
	const struct url *u = tier->current;

	return (struct announce_query){
		.info_hash = t->cfg.info_hash,
		.peer_id = t->cfg.peer_id,
		.port = t->cfg.port,
		.uploaded = stats->uploaded,
		.downloaded = stats->downloaded,
		.left = stats->left,
		.partial = stats->partial,
		.event = event,
		.key = t->key,
		.numwant = t->hungry && !t->stopping ? TRACKER_NUMWANT : 0,
		.tracker_id = u->id,
		.tracker_id_len = u->id_len,
		.ipv6 = t->cfg.ipv6,
	};
}

static bool is_udp(const struct tier *tier)
{
	char host[ANNOUNCE_HOST_CAP];
	const char *path;
	uint16_t port;

	return announce_split_udp(tier->current->text, host, &port, &path);
}

static void write_announce(const struct tracker *t, const struct tier *tier,
			   struct tracker_announce *out,
			   const struct tracker_stats *stats)
{
	const char *url = tier->current->text;

	out->tier = tier->number;
	out->event = next_event(t, tier->current);
	out->query = make_query(t, tier, out->event, stats);
	out->udp = is_udp(tier);
	if (out->udp)
		(void)snprintf(out->url, sizeof(out->url), "%s", url);
	else /* cannot fail: the base URL and all parts are bounded */
		(void)announce_url(out->url, url, &out->query, NULL);
}

bool tracker_due(struct tracker *t, struct tracker_due *out, int64_t now_ms)
{
	for (uint32_t i = 0; i < t->tier_count; i++) {
		struct tier *tier = t->tiers[i];

		if (tier_due(t, tier) > now_ms)
			continue;
		*out = (struct tracker_due){.tier = tier->number,
					    .udp = is_udp(tier),
					    .url = tier->current->text};
		tier->in_line = true;
		return true;
	}
	return false;
}

static struct tier *tier_in_line(struct tracker *t, uint32_t number)
{
	for (uint32_t i = 0; i < t->tier_count; i++)
		if (t->tiers[i]->number == number && t->tiers[i]->in_line)
			return t->tiers[i];
	return NULL;
}

bool tracker_turn(struct tracker *t, struct tracker_announce *out,
		  uint32_t number, int64_t now_ms,
		  const struct tracker_stats *stats)
{
	struct tier *tier = tier_in_line(t, number);

	if (!tier)
		return false;
	tier->in_line = false;
	if (tier_due(t, tier) > now_ms)
		return false;
	write_announce(t, tier, out, stats);
	tier->asking = true;
	tier->asked = out->event;
	return true;
}

/* --- one at a time ---------------------------------------------------------
 */

/* All tiers become the first. */
static void join_tiers(struct tracker *t)
{
	struct url **end = &t->tiers[0]->urls;

	for (uint32_t i = 1; i < t->tier_count; i++) {
		while (*end)
			end = &(*end)->next;
		*end = t->tiers[i]->urls;
		free(t->tiers[i]);
	}
	t->tier_count = 1;
}

/* The first tier whose tracker in use has answered; NULL: none. */
static const struct tier *first_heard(const struct tracker *t)
{
	for (uint32_t i = 0; i < t->tier_count; i++)
		if (t->tiers[i]->current && t->tiers[i]->current->knows_us)
			return t->tiers[i];
	return NULL;
}

static struct url *first_alive(struct tier *tier)
{
	struct url *u = tier->urls;

	while (u && u->dead)
		u = u->next;
	return u;
}

/* How many know us; none but `kept` from now on. */
static uint32_t forget_others(struct tier *tier, const struct url *kept)
{
	uint32_t n = 0;

	for (struct url *u = tier->urls; u; u = u->next) {
		n += u->knows_us;
		u->knows_us &= u == kept;
	}
	return n;
}

bool tracker_set_private(struct tracker *t, int64_t now_ms)
{
	struct tier was = {.due_ms = now_ms, .early_ms = now_ms}, *all;
	const struct tier *heard;

	t->cfg.one_at_a_time = true;
	if (t->url_count < 2)
		return false;
	heard = first_heard(t);
	if (heard)
		was = *heard;
	join_tiers(t);
	all = t->tiers[0];
	all->asking = all->in_line = false;
	all->failed = all->rounds = 0;
	all->current = was.current ? was.current : first_alive(all);
	/* of a goodbye under way nothing will be heard */
	t->switched = forget_others(all, t->running ? was.current : NULL) > 1;
	if (was.current) {
		t->heard = was.current;
		move_to_front(all);
	}
	if (t->switched || was.asking)
		was.due_ms = was.early_ms = now_ms;
	if (!t->running || !all->current)
		was.due_ms = was.early_ms = NOT_DUE;
	set_due(all, was.due_ms, was.early_ms);
	return true;
}

/* --- results ---------------------------------------------------------------
 */

static struct tier *asking_tier(struct tracker *t, uint32_t number)
{
	for (uint32_t i = 0; i < t->tier_count; i++)
		if (t->tiers[i]->number == number && t->tiers[i]->asking)
			return t->tiers[i];
	return NULL;
}

static uint32_t bounded(uint32_t seconds, uint32_t fallback)
{
	if (seconds == 0)
		return fallback;
	if (seconds < TRACKER_LEAST_S)
		return TRACKER_LEAST_S;
	return seconds > TRACKER_MOST_S ? TRACKER_MOST_S : seconds;
}

static void note_heard(struct tracker *t, const struct url *u)
{
	t->switched |= t->cfg.one_at_a_time && t->heard && t->heard != u;
	t->heard = u;
}

bool tracker_switched(struct tracker *t)
{
	bool switched = t->switched;

	t->switched = false;
	return switched;
}

static void take_reply(struct tier *tier, const struct announce_reply *reply,
		       int64_t now_ms)
{
	uint32_t interval = bounded(reply->interval_s, TRACKER_INTERVAL_S);
	uint32_t least = bounded(reply->min_interval_s, interval);
	struct url *u = tier->current;

	u->knows_us = tier->asked != ANNOUNCE_STOPPED;
	if (tier->asked == ANNOUNCE_COMPLETED)
		u->owes_done = false;
	u->error[0] = '\0';
	u->seeds = reply->seeds;
	u->leechers = reply->leechers;
	if (reply->tracker_id_len) { /* BEP 3: else keep the one before */
		memcpy(u->id, reply->tracker_id, reply->tracker_id_len);
		u->id_len = reply->tracker_id_len;
	}
	tier->failed = tier->rounds = 0;
	move_to_front(tier);
	set_due(tier, now_ms + (int64_t)interval * 1000,
		now_ms + (int64_t)least * 1000);
}

static struct url *next_alive(struct tier *tier, struct url *after)
{
	struct url *u = after;

	do {
		u = u->next ? u->next : tier->urls;
		if (!u->dead)
			return u;
	} while (u != after);
	return NULL;
}

static uint32_t alive(const struct tier *tier)
{
	uint32_t n = 0;

	for (struct url *u = tier->urls; u; u = u->next)
		n += !u->dead;
	return n;
}

static int64_t backoff_ms(struct tracker *t, const struct tier *tier,
			  uint32_t retry_s)
{
	uint32_t doublings = tier->rounds - 1 < 7 ? tier->rounds - 1 : 7;
	int64_t wait = (int64_t)BACKOFF_MS << doublings;

	if (wait > BACKOFF_MOST_MS)
		wait = BACKOFF_MOST_MS;
	if (wait < (int64_t)retry_s * 1000)
		wait = (int64_t)retry_s * 1000;
	return wait + rng_below(&t->cfg.rng, (uint32_t)(wait / 4) + 1);
}

static void take_failure(struct tracker *t, struct tier *tier, const char *why,
			 uint32_t retry_s, int64_t now_ms)
{
	struct url *u = tier->current;
	int64_t due = now_ms;

	(void)snprintf(u->error, sizeof(u->error), "%s", why);
	if (tier->asked == ANNOUNCE_STOPPED)
		u->knows_us = false; /* once is enough */
	u->owes_done &= !t->stopping;
	if (retry_s == ANNOUNCE_NEVER) {
		u->dead = true;
		retry_s = 0;
	}
	tier->failed += !u->dead;
	tier->current = next_alive(tier, u);
	if (!tier->current) {
		due = NOT_DUE;
	} else if (tier->failed >= alive(tier)) {
		tier->failed = 0;
		tier->rounds++;
		due += backoff_ms(t, tier, retry_s);
	}
	set_due(tier, due, due);
}

/* The events that came while the tier was asking. */
static void after_result(struct tracker *t, struct tier *tier, int64_t now_ms)
{
	tier->asking = false;
	if (!tier->rounds || !t->running)
		hasten(t, tier, now_ms);
}

/* `why`: what was wrong before its words were looked at. */
static enum err_code take_result(struct tracker *t, struct tier *at,
				 const struct announce_reply *reply,
				 struct err *why, int64_t now_ms, struct err *e)
{
	if (why->code == ERR_NONE && reply->failed)
		(void)err_fail(why, ERR_STATE, "tracker: refused: %s",
			       reply->text);
	if (why->code == ERR_NONE)
		note_heard(t, at->current);
	if (why->code == ERR_NONE)
		take_reply(at, reply, now_ms);
	else
		take_failure(t, at, why->msg,
			     reply->failed ? reply->retry_s : 0, now_ms);
	after_result(t, at, now_ms);
	if (why->code != ERR_NONE && e && e->code == ERR_NONE)
		*e = *why;
	return why->code;
}

enum err_code tracker_on_answer(struct tracker *t, struct announce_reply *reply,
				uint32_t tier, int status, const uint8_t *body,
				size_t len, int64_t now_ms, struct err *e)
{
	struct tier *at = asking_tier(t, tier);
	struct err why = {0};

	(void)announce_parse(reply, body, len, &why);
	if (!at)
		return err_fail(e, ERR_STATE, "tracker: nothing was asked");
	if (!reply->failed && status != 200) {
		why = (struct err){0};
		(void)err_fail(&why, ERR_STATE, "tracker: HTTP status %d",
			       status);
	}
	return take_result(t, at, reply, &why, now_ms, e);
}

enum err_code tracker_on_reply(struct tracker *t,
			       const struct announce_reply *reply,
			       uint32_t tier, int64_t now_ms, struct err *e)
{
	struct tier *at = asking_tier(t, tier);
	struct err why = {0};

	if (!at)
		return err_fail(e, ERR_STATE, "tracker: nothing was asked");
	return take_result(t, at, reply, &why, now_ms, e);
}

void tracker_on_error(struct tracker *t, uint32_t tier, const struct err *why,
		      int64_t now_ms)
{
	struct tier *at = asking_tier(t, tier);

	if (!at && (at = tier_in_line(t, tier)))
		at->asked = next_event(t, at->current);
	if (!at)
		return;
	at->in_line = false;
	take_failure(t, at, why->msg, 0, now_ms);
	after_result(t, at, now_ms);
}

void tracker_status(const struct tracker *t, uint32_t i,
		    struct tracker_status *out)
{
	*out = (struct tracker_status){.next_ms = NOT_DUE};
	for (uint32_t k = 0; k < t->tier_count; k++) {
		const struct tier *tier = t->tiers[k];

		for (const struct url *u = tier->urls; u; u = u->next) {
			if (i-- > 0)
				continue;
			out->url = u->text;
			out->tier = tier->number;
			out->current = u == tier->current;
			out->asking =
				out->current && (tier->asking || tier->in_line);
			out->error = u->error;
			out->seeds = u->seeds;
			out->leechers = u->leechers;
			if (out->current)
				out->next_ms = tier_due(t, tier);
			return;
		}
	}
}
