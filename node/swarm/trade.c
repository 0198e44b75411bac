#include "node/swarm/trade_int.h"

#include "base/bencode.h"
#include "base/clock.h"
#include "node/money/money.h"
#include "node/swarm/torrent.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define TICK_MS 250

int64_t trade_now(const struct trade *t)
{
	return loop_now_ms(t->engine->loop);
}

void trade_note_work(struct trade *t)
{
	t->work_noted = true;
	loop_want_turn_end(t->engine->loop);
}

static void on_work(void *ctx)
{
	trade_note_work(ctx);
}

/* ---- life ---- */

static void on_tick(void *ctx)
{
	struct trade *t = ctx;

	if (t->lend.pay) {
		trade_refresh_interest(t);
		pay_tick(t->lend.pay, trade_now(t), clock_unix_s());
	}
	trade_note_work(t);
	loop_timer_set(t->tick, TICK_MS);
}

static void make_offer(struct trade *t)
{
	struct wr w = wr_into(t->offer, sizeof(t->offer));
	uint8_t price[16];

	ben_w_dict(&w);
	if (t->lend.pay && engine_flag(t->engine, "sell")) {
		ben_w_str(&w, "k");
		ben_w_bytes(&w, t->key.pk, sizeof(t->key.pk));
		amount_to_be16(price, pay_price_hint(t->lend.pay));
		ben_w_str(&w, "p");
		ben_w_bytes(&w, price + 2, 14);
	}
	ben_w_str(&w, "v");
	ben_w_int(&w, PAY_VERSION);
	ben_w_end(&w);
	t->offer_len = wr_len(&w);
}

const uint8_t *trade_offer(const struct trade *t, size_t *len)
{
	*len = t->offer_len;
	return t->offer;
}

struct pay *trade_pay(struct trade *t)
{
	return t->lend.pay;
}

static enum err_code start_pay(struct trade *t, const struct sig64 *sig,
			       struct err *e)
{
	struct money *m = t->engine->money;
	const struct pay_host host = pay_lend_host(&t->lend);
	struct pay_book book = pay_book_of(m->bandwidth.book);
	struct pay_config cfg = {
		.chain_id = m->domain.chain_id,
		.bank = m->domain.bank,
		.me = m->bandwidth.me,
		.sell = engine_flag(t->engine, "sell"),
	};
	enum err_code code =
		money_parse(m, engine_text(t->engine, "price"), &cfg.floor, e);

	if (code == ERR_NONE)
		code = money_trust(m, &cfg.trust_start, &cfg.trust_max, e);
	memcpy(cfg.seal_sig, sig->bytes, sizeof(cfg.seal_sig));
	memcpy(cfg.seal_key, t->key.pk, sizeof(cfg.seal_key));
	if (code == ERR_NONE)
		code = pay_new(&t->lend.pay, &cfg, &host, &book, t->engine->log,
			       trade_now(t), clock_unix_s(), e);
	return code;
}

/* Our own balance was read again. */
static void on_own_facts(void *ctx)
{
	struct trade *t = ctx;
	const struct address nobody = {{0}};

	if (t->lend.pay)
		pay_on_facts(t->lend.pay, &nobody, trade_now(t));
	trade_note_work(t);
}

/* Our account has vouched for our seal key: from here on we trade. */
static void on_channel(void *ctx, const struct signer_reply *r,
		       const struct err *error)
{
	struct trade *t = ctx;
	struct err e = {0};

	if (error)
		e = *error;
	if (error || start_pay(t, &r->u.sig, &e) != ERR_NONE) {
		log_line(t->engine->log, LOG_ERROR, "trade",
			 "neither buying nor selling text=\"%s\"", e.msg);
		money_end_opening(t->engine->money);
		return;
	}
	make_offer(t);
	loop_timer_set(t->tick, TICK_MS);
	for (struct torrent *at = t->engine->torrents; at;
	     at = torrent_next(at)) {
		if (engine_flag(t->engine, "sell"))
			torrent_offer_changed(at);
		torrent_trade_ready(at);
	}
	money_end_opening(t->engine->money);
}

static void on_pinned(void *ctx)
{
	struct trade *t = ctx;
	struct err e = {0};

	if (money_ask_channel(t->engine->money, t->key.pk, on_channel, t, &e) !=
	    ERR_NONE)
		on_channel(t, NULL, &e);
}

enum err_code trade_new(struct trade **out, struct engine *en, struct err *e)
{
	struct trade *t = calloc(1, sizeof(*t));
	struct pay_lend_ops ops = {
		.ctx = t,
		.send = trade_send,
		.close = trade_close,
		.missing = trade_missing,
		.event = trade_event,
		.work = on_work,
	};

	if (!t)
		return err_fail(e, ERR_NOMEM, "trade");
	t->engine = en;
	pay_lend_init(&t->lend, &en->money->bandwidth, "trade", &ops);
	t->noted_end = &t->noted;
	t->tick = loop_timer_new(en->loop, on_tick, t);
	if (!t->tick) {
		free(t);
		return err_fail(e, ERR_NOMEM, "trade");
	}
	seal_keypair_new(&t->key);
	make_offer(t);
	*out = t;
	en->money->bandwidth.on_facts = on_own_facts;
	en->money->bandwidth.on_facts_ctx = t;
	money_when_pinned(en->money, on_pinned, t);
	return ERR_NONE;
}

void trade_free(struct trade *t)
{
	if (!t)
		return;
	t->engine->money->bandwidth.on_facts = NULL;
	if (t->engine->money->signer)
		signer_forget(t->engine->money->signer, t);
	t->engine->money->on_pinned = NULL;
	while (t->deals)
		trade_deal_free(t->deals);
	pay_lend_clear(&t->lend);
	loop_timer_free(t->tick);
	sodium_memzero(&t->key, sizeof(t->key));
	free(t);
}

/* ---- the end of a turn ---- */

void trade_turn_end(struct trade *t)
{
	if (!t->work_noted && !t->lend.want_commit)
		return;
	t->work_noted = false;
	pay_lend_commit(&t->lend);
	/* acting may note again: those wait for the next turn */
	for (unsigned n = t->n_noted; n && t->noted; n--)
		trade_act(t, t->noted);
	pay_lend_commit(&t->lend);
}

/* ---- jobs ---- */

enum err_code trade_job_open(struct trade *t, struct torrent *torrent,
			     struct pay_job **out, struct err *e)
{
	struct pay_job_config cfg = {0};
	enum err_code code;

	if (!t->lend.pay)
		return err_fail(e, ERR_STATE,
				"the bank has not been checked yet");
	memcpy(cfg.key, torrent_hash(torrent)->bytes, sizeof(cfg.key));
	torrent_terms(torrent, &cfg.max_per_gib, &cfg.budget);
	code = pay_job_new(out, t->lend.pay, &cfg, e);
	if (code != ERR_NONE)
		return code;
	for (struct deal *d = t->deals; d; d = d->next)
		if (d->torrent == torrent)
			trade_start_buying(d);
	return ERR_NONE;
}

void trade_job_close(struct trade *t, struct pay_job *job)
{
	if (!job)
		return;
	for (struct deal *d = t->deals; d; d = d->next)
		if (torrent_job(d->torrent) == job)
			trade_end_side(&d->buy);
	pay_job_free(job);
	trade_note_work(t);
}

void trade_job_end(struct trade *t, const struct info_hash *hash)
{
	struct err e = {0};

	if (!t || !t->engine->money->open)
		return;
	if (book_job_end(t->engine->money->bandwidth.book, hash->bytes, &e) !=
	    ERR_NONE)
		log_line(t->engine->log, LOG_WARN, "trade",
			 "a budget was not ended text=\"%s\"", e.msg);
	t->lend.want_commit = true;
	trade_note_work(t);
}
