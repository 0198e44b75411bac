#include "node/host/host_int.h"

#include "node/rent/gossip.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TICK_MS 1000
#define SWEEP_MS 60000
#define RETRY_MS 15000
#define SCRUB_BYTES_PER_S (UINT64_C(2) << 20)
#define BUFFERS 48U /* sectors in memory before reading stops */
#define PUT_MIB 64U

static void on_tick(void *ctx);
static void on_soon(void *ctx);

/* ---- sessions ---- */

static void *on_up(void *ctx, struct rent_link *k)
{
	struct host *h = ctx;
	struct rent_session_cfg cfg = {.ctx = NULL};
	struct host_session *s = calloc(1, sizeof(*s));
	struct err e = {0};

	if (!s) {
		rent_link_close(k, "no memory");
		return NULL;
	}
	s->h = h;
	s->link = k;
	cfg.ctx = s;
	rent_link_ip(k, cfg.ip);
	memcpy(cfg.peer_key, rent_link_peer_key(k), sizeof(cfg.peer_key));
	if (!h->machine)
		(void)err_fail(&e, ERR_STATE, "this host is starting");
	else
		(void)!rent_session_new(&s->s, h->machine, &cfg, host_now(h),
					&e);
	if (!s->s || rent_till_host(&s->till, h->pay, k, s->s, &e) != ERR_NONE)
		rent_link_close(k, e.msg);
	s->next = h->sessions;
	if (s->next)
		s->next->prev = s;
	h->sessions = s;
	h->n_sessions++;
	return s;
}

static void on_message(void *ctx, struct rent_link *k, const uint8_t *msg,
		       size_t len)
{
	struct host_session *s = ctx;
	struct err e = {0};

	if (s && s->s &&
	    rent_host_receive(s->s, msg, len, host_now(s->h), &e) != ERR_NONE)
		rent_link_close(k, e.msg);
}

static void on_pay(void *ctx, struct rent_link *k, const uint8_t *msg,
		   size_t len)
{
	struct host_session *s = ctx;

	(void)k;
	if (s)
		rent_till_receive(s->till, msg, len);
}

static void on_drained(void *ctx, struct rent_link *k)
{
	struct host_session *s = ctx;

	(void)k;
	if (s && s->s)
		rent_session_drained(s->s, host_now(s->h));
}

static void on_down(void *ctx, struct rent_link *k, const char *why)
{
	struct host_session *s = ctx;
	struct host *h;

	(void)k;
	if (!s)
		return;
	h = s->h;
	log_line(h->en->log, LOG_DEBUG, "host", "session ended why=\"%s\"",
		 why);
	rent_till_free(s->till);
	rent_session_free(s->s);
	if (s->prev)
		s->prev->next = s->next;
	else
		h->sessions = s->next;
	if (s->next)
		s->next->prev = s->prev;
	h->n_sessions--;
	free(s);
}

static const struct rent_link_ops link_ops = {
	.up = on_up,
	.message = on_message,
	.pay = on_pay,
	.drained = on_drained,
	.down = on_down,
};

/* ---- what the machine is lent ---- */

static void op_send(void *ctx, void *session, const uint8_t *msg, size_t len)
{
	struct host_session *s = session;

	(void)ctx;
	(void)rent_link_send(s->link, msg, len); /* false: it is going down */
}

static size_t op_room(void *ctx, void *session)
{
	struct host_session *s = session;

	(void)ctx;
	return rent_link_room(s->link);
}

static void op_close(void *ctx, void *session, const struct err *e)
{
	struct host_session *s = session;

	(void)ctx;
	rent_link_close(s->link, e->msg);
}

static void op_block(void *ctx, void *session, bool blocked)
{
	struct host_session *s = session;

	(void)ctx;
	rent_link_block(s->link, blocked);
}

static void op_ask(void *ctx, uint64_t token, const struct rent_ask *q)
{
	struct host *h = ctx;

	rent_store_ask(h->store, token, q);
}

static bool op_period(void *ctx, uint32_t *now)
{
	struct host *h = ctx;

	return renting_period(h->en->renting, now);
}

static uint64_t op_space(void *ctx)
{
	struct host *h = ctx;

	return sectors_free(h->sectors);
}

static void log_revised(struct host *h, const struct agreement *a)
{
	char rate[MONEY_TEXT_MAX], earned[MONEY_TEXT_MAX];
	char renter[ADDRESS_TEXT_MAX];
	const struct money *m = h->en->money;

	log_line(h->en->log, LOG_INFO, "host",
		 "signed renter=%s number=%u revision=%u sectors=%u rate=%s "
		 "earned=%s through=%u end=%u",
		 address_text(renter, &a->renter, m->profile.address),
		 a->number, a->revision, a->sectors,
		 money_text(m, a->rate, rate), money_text(m, a->earned, earned),
		 a->through, a->end);
}

static void op_event(void *ctx, const struct rent_event *ev)
{
	struct host *h = ctx;
	struct host_session *s = ev->session_ctx;

	switch (ev->kind) {
	case RENT_EV_RENTER:
		if (s) {
			s->renter = ev->renter;
			rent_till_account(s->till, &ev->renter);
		}
		lease_renter_came(h, &ev->renter);
		break;
	case RENT_EV_REVISED:
		if (!lease_put(h, ev->a, true))
			host_alarm(h, true,
				   "no memory for an agreement: restart the "
				   "daemon");
		log_revised(h, ev->a);
		break;
	case RENT_EV_REFUSED:
		log_line(h->en->log, LOG_DEBUG, "host",
			 "refused code=%d text=\"%s\"", (int)ev->code,
			 ev->text ? ev->text : "");
		break;
	case RENT_EV_LOST:
		log_line(h->en->log, LOG_WARN, "host",
			 "a renter asked for a lost sector");
		break;
	case RENT_EV_STORED:
	case RENT_EV_SERVED:
	case RENT_EV_TOLD:
		break;
	}
}

static void on_store_answer(void *ctx, uint64_t token,
			    const struct rent_answer *a)
{
	struct host *h = ctx;

	rent_host_answer(h->machine, token, a, host_now(h));
}

/* ---- the disk ---- */

static void on_lost(void *ctx, const struct hash32 *root, uint32_t volume)
{
	(void)root;
	host_alarm(ctx, true,
		   "a sector of volume %u is lost; renters are told and may "
		   "repair it",
		   volume);
}

static void on_volume(void *ctx, uint32_t id, const char *text)
{
	host_alarm(ctx, true, "volume %u: %s", id, text);
}

static void on_pressure(void *ctx, bool blocked)
{
	(void)ctx;
	(void)blocked; /* puts wait in rent_store, reading stops by buffers */
}

static const struct sectors_ops disk_ops = {
	.lost = on_lost,
	.volume = on_volume,
	.pressure = on_pressure,
};

enum err_code host_open_disk(struct host *h, struct err *e)
{
	char path[HOME_PATH_MAX];
	struct sectors_cfg cfg = {
		.loop = h->en->loop,
		.work = h->en->work,
		.log = h->en->log,
		.index = path,
		.now_s = clock_unix_s(),
		.scrub_bytes_per_s = SCRUB_BYTES_PER_S,
		.max_put_mib = PUT_MIB,
		.ops = &disk_ops,
		.ctx = h,
	};
	enum err_code code;

	if (h->sectors)
		return ERR_NONE;
	home_file(&h->en->home, "sectors.db", path);
	if (h->lock < 0) {
		code = home_lock(&h->en->home, "host.lock", &h->lock, e);
		if (code != ERR_NONE)
			return code;
	}
	return sectors_open(&h->sectors, &cfg, e);
}

struct sectors *host_disk(struct host *h)
{
	return h->sectors;
}

static bool has_volume(const struct host *h, const char *dir)
{
	struct sectors_volume_state v;

	for (uint32_t i = 0; sectors_volume(h->sectors, i, &v); i++)
		if (strcmp(v.dir, dir) == 0)
			return true;
	return false;
}

/* Paths that were drained, and are. */
static void forget_drained(struct host *h)
{
	struct err e = {0};
	bool changed = false;

	for (unsigned i = 0; i < h->conf.n_paths;) {
		struct host_path *p = &h->conf.paths[i];

		if (p->sectors == 0 && !has_volume(h, p->dir)) {
			log_line(h->en->log, LOG_INFO, "host",
				 "drained path=\"%s\"", p->dir);
			host_conf_drop_path(&h->conf, p->dir);
			changed = true;
			continue;
		}
		i++;
	}
	if (changed && host_conf_store(&h->conf, &h->en->home, &e) != ERR_NONE)
		host_alarm(h, false, "the config was not written: %s", e.msg);
}

static void on_space(void *ctx, const struct sectors_answer *a,
		     const struct err *e)
{
	struct host *h = ctx;

	(void)a;
	if (h->closing || (e && e->code == ERR_STATE))
		return;
	if (e)
		host_alarm(h, true, "space: %s", e->msg);
	else
		forget_drained(h);
}

void host_space(struct host *h, const char *dir, uint32_t sectors)
{
	struct err e = {0};

	if (h->sectors && sectors_space(h->sectors, dir, sectors, on_space, h,
					&e) != ERR_NONE)
		host_alarm(h, true, "%.100s: %s", dir, e.msg);
}

/* What was asked for in an earlier run goes on; it may have ended after what
 * was drained had gone, and before the config knew. */
static void ask_space(struct host *h)
{
	forget_drained(h);
	for (unsigned i = 0; i < h->conf.n_paths; i++)
		host_space(h, h->conf.paths[i].dir, h->conf.paths[i].sectors);
}

/* ---- waking up ---- */

void host_trouble(struct host *h, const char *text)
{
	if (strcmp(h->trouble, text) != 0 && *text)
		log_line(h->en->log, LOG_WARN, "host",
			 "not renting out yet text=\"%s\"", text);
	(void)snprintf(h->trouble, sizeof(h->trouble), "%s", text);
}

static void try_again(struct host *h, const char *text)
{
	host_trouble(h, text);
	h->phase = HOST_OPENING;
	loop_timer_set(h->timer, RETRY_MS);
}

static void on_channel(void *ctx, const struct signer_reply *r,
		       const struct err *e)
{
	struct host *h = ctx;

	h->asking_key = false;
	if (e) { /* the next tick asks again */
		host_trouble(h, e->msg);
		return;
	}
	h->key_sig = r->u.sig;
	h->key_signed = true;
	host_maybe_up(h);
}

static enum err_code ask_channel(struct host *h, struct err *e)
{
	const struct money *m = h->en->money;
	struct signer_request q = {.type = SIGNER_CHANNEL,
				   .u.channel = {.purpose = SIGNER_STORAGE,
						 .chain_id = m->domain.chain_id,
						 .bank = m->domain.bank}};

	enum err_code code;

	if (h->key_signed || h->asking_key)
		return ERR_NONE;
	memcpy(q.u.channel.key, rent_door_key(h->door),
	       sizeof(q.u.channel.key));
	code = signer_ask(m->signer, &q, on_channel, h, e);
	h->asking_key = code == ERR_NONE;
	return code;
}

static void on_store_fault(void *ctx, const struct err *e)
{
	host_alarm(ctx, true, "the disk failed, a renter was refused: %s",
		   e->msg);
}

static enum err_code open_store(struct host *h, struct err *e)
{
	struct rent_store_cfg cfg = {
		.sectors = h->sectors,
		.loop = h->en->loop,
		.work = h->en->work,
		.log = h->en->log,
		.me = renting_me(h->en->renting),
		.sign = duty_sign,
		.answer = on_store_answer,
		.fault = on_store_fault,
		.ctx = h,
	};

	return h->store ? ERR_NONE : rent_store_new(&h->store, &cfg, e);
}

static enum err_code open_door(struct host *h, struct err *e)
{
	const struct money *m = h->en->money;
	struct address me = renting_me(h->en->renting);
	const struct info_hash names[] = {
		rent_name(m->domain.chain_id, &m->domain.bank, &me),
		rent_name_any(m->domain.chain_id, &m->domain.bank)};
	enum err_code code = ERR_NONE;

	if (!h->door)
		code = rent_door_new(&h->door, h->en->rent, names, 2, &link_ops,
				     h, e);
	return code == ERR_NONE ? ask_channel(h, e) : code;
}

static void on_head(void *ctx)
{
	struct host *h = ctx;

	if (h->phase < HOST_LOADING)
		return;
	lease_on_head(h);
	if (h->phase == HOST_UP)
		duty_step(h);
}

/* Account, bank and chain are there. */
static void on_ready(void *ctx, const struct err *error)
{
	struct host *h = ctx;
	struct err e = {0};
	enum err_code code;

	if (error) {
		try_again(h, error->msg);
		return;
	}
	code = host_open_disk(h, &e);
	if (code == ERR_NONE)
		code = open_store(h, &e);
	if (code == ERR_NONE)
		code = open_door(h, &e);
	if (code != ERR_NONE) {
		try_again(h, e.msg);
		return;
	}
	host_trouble(h, "");
	h->phase = HOST_LOADING;
	ask_space(h);
	renting_watch(h->en->renting, on_head, h);
	lease_load(h);
	offer_begin(h);
	loop_timer_set(h->timer, TICK_MS);
}

static enum err_code make_machine(struct host *h, struct err *e)
{
	const struct money *m = h->en->money;
	const struct rent_host_ops ops = {
		.ctx = h,
		.send = op_send,
		.room = op_room,
		.close = op_close,
		.block = op_block,
		.ask = op_ask,
		.period = op_period,
		.facts = lease_facts,
		.proof_fee = duty_proof_fee,
		.collateral = lease_collateral,
		.offer = offer_find,
		.space = op_space,
		.covered = host_covered,
		.add_due = host_add_due,
		.charge = host_charge,
		.event = op_event,
	};
	struct rent_host_cfg cfg = {
		.chain_id = m->domain.chain_id,
		.bank = m->domain.bank,
		.me = renting_me(h->en->renting),
		.key_sig = h->key_sig,
		.buffers = BUFFERS,
		.peers = renting_peers(h->en->renting),
		.log = h->en->log,
	};

	return rent_host_new(&h->machine, &cfg, &ops, host_now(h),
			     clock_unix_s(), e);
}

void host_maybe_up(struct host *h)
{
	const struct money *m = h->en->money;
	char text[ADDRESS_TEXT_MAX];
	struct address me;
	struct err e = {0};
	enum err_code code;

	if (h->phase != HOST_LOADING || !h->key_signed || !h->loaded)
		return;
	code = pay_begin(h, &e);
	if (code == ERR_NONE && !h->machine)
		code = make_machine(h, &e);
	if (code == ERR_NONE)
		code = duty_begin(h, &e);
	if (code != ERR_NONE) { /* the next tick tries again */
		host_trouble(h, e.msg);
		return;
	}
	host_trouble(h, "");
	h->phase = HOST_UP;
	if (!h->gossip && gossip_start(&h->gossip, h->en, &e) != ERR_NONE)
		host_alarm(h, false, "%s", e.msg);
	find_start(h);
	rent_host_set_closed(h->machine, host_is_closed(h));
	me = renting_me(h->en->renting);
	log_line(h->en->log, LOG_INFO, "host",
		 "renting out address=%s agreements=%zu free=%llu closed=%d",
		 address_text(text, &me, m->profile.address), h->n_leases,
		 (unsigned long long)sectors_free(h->sectors),
		 (int)host_is_closed(h));
}

/* ---- time ---- */

static unsigned minute_of_day(void)
{
	time_t now = (time_t)clock_unix_s();
	struct tm local;

	if (!localtime_r(&now, &local))
		return 0;
	return (unsigned)(local.tm_hour * 60 + local.tm_min);
}

bool host_is_closed(const struct host *h)
{
	return !h->conf.on ||
	       !host_schedule_has(h->conf.schedule, minute_of_day());
}

/* Something that it takes failed before. */
static void load_again(struct host *h)
{
	struct err e = {0};

	if (ask_channel(h, &e) != ERR_NONE)
		host_trouble(h, e.msg);
	lease_load(h);
	host_maybe_up(h);
}

static void on_tick(void *ctx)
{
	struct host *h = ctx;
	int64_t now = host_now(h);

	if (h->phase == HOST_OPENING) {
		renting_open(h->en->renting, RENTING_HEAD, on_ready, h);
		return;
	}
	if (h->phase == HOST_LOADING)
		load_again(h);
	if (h->machine) {
		rent_host_set_closed(h->machine, host_is_closed(h));
		rent_host_tick(h->machine, now, clock_unix_s());
	}
	if (now - h->swept_ms >= SWEEP_MS) {
		h->swept_ms = now;
		sectors_tick(h->sectors, clock_unix_s());
	}
	offer_tick(h);
	loop_timer_set(h->timer, TICK_MS);
}

static void on_soon(void *ctx)
{
	duty_late(ctx);
}

void host_soon(struct host *h)
{
	loop_timer_set(h->soon, 0);
}

/* ---- life ---- */

enum err_code host_new(struct host **out, struct engine *en, struct err *e)
{
	struct host *h = calloc(1, sizeof(*h));

	*out = NULL;
	if (h) {
		h->en = en;
		h->lock = -1;
		h->timer = loop_timer_new(en->loop, on_tick, h);
		h->soon = loop_timer_new(en->loop, on_soon, h);
	}
	if (!h || !h->timer || !h->soon) {
		host_free(h);
		return err_fail(e, ERR_NOMEM, "the host");
	}
	*out = h;
	return ERR_NONE;
}

static bool has_disk(const struct host *h)
{
	char path[HOME_PATH_MAX];

	home_file(&h->en->home, "sectors.db", path);
	return access(path, F_OK) == 0;
}

static void wake(struct host *h)
{
	h->phase = HOST_OPENING;
	loop_timer_set(h->timer, 0);
}

enum err_code host_look(struct host *h, struct err *e)
{
	return host_conf_read(&h->conf, h->en->settings, h->en->override, e);
}

void host_begin(struct host *h)
{
	struct err e = {0};

	if (host_look(h, &e) != ERR_NONE)
		host_trouble(h, e.msg);
	else if (h->conf.on || has_disk(h))
		wake(h);
}

void host_configure(struct host *h, const struct host_conf *c)
{
	h->conf = *c;
	if (h->phase == HOST_ASLEEP && h->en->daemon && (c->on || has_disk(h)))
		wake(h);
	if (h->phase >= HOST_LOADING)
		offer_changed(h);
	if (h->machine)
		rent_host_set_closed(h->machine, host_is_closed(h));
}

static void forget_others(struct host *h)
{
	struct money *m = h->en->money;

	renting_forget(h->en->renting, h);
	if (m && m->signer)
		signer_forget(m->signer, h);
	if (m && m->chain)
		chain_forget(m->chain, h);
}

void host_free(struct host *h)
{
	if (!h)
		return;
	h->closing = true;
	loop_timer_free(h->timer);
	loop_timer_free(h->soon);
	h->timer = h->soon = NULL;
	if (h->phase != HOST_ASLEEP)
		forget_others(h);
	duty_end(h);
	find_stop(h);
	gossip_free(h->gossip);
	rent_door_free(h->door);
	sectors_close(h->sectors);
	duty_forget(h);
	rent_store_free(h->store);
	rent_host_free(h->machine);
	lease_free_all(h);
	if (h->lock >= 0)
		(void)close(h->lock);
	free(h);
}
