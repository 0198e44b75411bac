#include "node/money/purse.h"

#include "base/clock.h"
#include "node/money/money.h"

#include <string.h>

#define REFRESH_MS 300000 /* balances and pairs are read again after this */
#define BOOK_TICK_MS 3600000
#define SETTLE_WAIT_FIRST_MS 60000
#define SETTLE_WAIT_LAST_MS 21600000

const char *purse_file(enum signer_purpose purpose)
{
	switch (purpose) {
	case SIGNER_BANDWIDTH:
		return "book.db";
	case SIGNER_STORAGE:
		return "storage-book.db";
	}
	return "book.db";
}

static const char *name_of(const struct purse *p)
{
	return p->purpose == SIGNER_STORAGE ? "storage" : "bandwidth";
}

/* What the chain said may let a payer be served further. */
static void on_facts_read(void *ctx)
{
	struct purse *p = ctx;

	if (p->on_facts)
		p->on_facts(p->on_facts_ctx);
}

static void on_deploy_allowed(void *ctx, const struct signer_reply *r,
			      const struct err *e)
{
	struct purse *p = ctx;

	(void)r;
	settle_deploy_allowed(p->settle, e);
}

static void allow_deploy(void *ctx, struct settle *s, uint64_t chain_id,
			 const struct hash32 *code)
{
	struct purse *p = ctx;
	struct signer_request q = {
		.type = SIGNER_ALLOW_DEPLOY,
		.u.deploy = {.chain_id = chain_id, .code = *code}};
	struct err e = {0};
	enum err_code rc;

	if (!p->money->signer)
		rc = err_fail(&e, ERR_STATE, "the wallet is not open");
	else
		rc = signer_ask(p->money->signer, &q, on_deploy_allowed, p, &e);
	if (rc != ERR_NONE)
		settle_deploy_allowed(s, &e);
}

static enum err_code read_price(const struct money *m,
				struct settle_price *price, struct err *e)
{
	const char *text = engine_text(m->engine, "coin-price");
	struct amount tokens;
	enum err_code code;

	*price = (struct settle_price){0};
	if (!m->profile.has_token)
		return ERR_NONE; /* purse_set_profile() tells it later */
	if (profile_coin_is_token(&m->profile)) {
		*price = settle_price_same();
		return ERR_NONE;
	}
	if (!text)
		return ERR_NONE;
	code = money_parse(m, text, &tokens, e);
	if (code == ERR_NONE)
		*price = settle_price_of(tokens, m->profile.coin_decimals);
	return code;
}

bool purse_in_token(const struct purse *p, struct amount coin,
		    struct amount *out)
{
	struct settle_price price;

	return p->money && read_price(p->money, &price, NULL) == ERR_NONE &&
	       settle_in_token(out, coin, &price);
}

bool purse_cash_cost(const struct purse *p, const struct cash_price *at,
		     struct cash_cost *out)
{
	const struct money *m = p->money;
	struct settle_price price;

	if (read_price(m, &price, NULL) != ERR_NONE)
		price = (struct settle_price){0};
	return cash_cost_of(out, m->profile.kind, at, &price,
			    (unsigned)engine_int(m->engine, "fee-share"));
}

enum err_code purse_set_profile(struct purse *p, struct err *e)
{
	const struct money *m = p->money;
	struct settle_price price;
	enum err_code code;

	if (!p->settle)
		return ERR_NONE;
	code = settle_set_profile(p->settle, &m->profile, e);
	if (code == ERR_NONE)
		code = read_price(m, &price, e);
	if (code == ERR_NONE)
		settle_set_price(p->settle, &price);
	return code;
}

static enum err_code open_settle(struct purse *p, struct err *e)
{
	struct money *m = p->money;
	struct engine *en = m->engine;
	struct settle_config cfg = {
		.me = p->me,
		.fee_share = (unsigned)engine_int(en, "fee-share"),
		.unix_s = clock_unix_s,
		.allow_deploy = allow_deploy,
		.on_facts = on_facts_read,
		.ctx = p,
	};
	enum err_code code = read_price(m, &cfg.price, e);

	if (code != ERR_NONE || !m->chain)
		return code;
	return settle_new(&p->settle, en->loop, m->chain, p->book, &m->profile,
			  &cfg, en->log, e);
}

enum err_code purse_open(struct purse *p, struct money *m,
			 enum signer_purpose purpose, const struct address *me,
			 struct err *e)
{
	char path[HOME_PATH_MAX];
	enum err_code code;

	*p = (struct purse){.money = m, .purpose = purpose};
	/* the loop's clock may begin at 0, and the first tick is due at once */
	p->ticked_ms = loop_now_ms(m->engine->loop) - BOOK_TICK_MS;
	home_file(&m->engine->home, purse_file(purpose), path);
	code = me ? book_open(&p->book, path, me, e)
		  : book_open_readonly(&p->book, path, e);
	if (code != ERR_NONE)
		return code;
	p->me = book_me(p->book);
	return open_settle(p, e);
}

void purse_close(struct purse *p)
{
	if (p->money && p->money->chain)
		chain_forget(p->money->chain, p);
	settle_free(p->settle);
	book_close(p->book);
	p->settle = NULL;
	p->book = NULL;
}

enum err_code purse_follow(struct purse *p, const struct agreement *a,
			   struct err *e)
{
	const struct book_lease lease = {a->renter, a->host, a->number};
	const uint64_t open_before = (uint64_t)a->start * p->money->period;
	enum err_code code = book_agreement_follow(p->book, &lease, open_before,
						   clock_unix_s(), e);

	return code == ERR_NONE ? book_commit_now(p->book, e) : code;
}

static void on_refreshed(void *ctx, const struct err *e)
{
	struct purse *p = ctx;

	p->refreshing = false;
	if (e)
		log_line(p->money->engine->log, LOG_WARN, "money",
			 "balances not read account=%s text=\"%s\"", name_of(p),
			 e->msg);
	money_refreshed(p->money);
}

static void on_means(void *ctx, const struct chain_means *m,
		     const struct err *e)
{
	struct purse *p = ctx;

	if (!e)
		p->means = *m;
}

void purse_refresh(struct purse *p)
{
	if (p->refreshing || !p->settle || money_only_looks(p->money))
		return;
	p->refreshing = true;
	p->refreshed_ms = loop_now_ms(p->money->engine->loop);
	settle_refresh(p->settle, on_refreshed, p);
	chain_ask_means(p->money->chain, &p->me, on_means, p);
}

int64_t purse_wait_after(int64_t was)
{
	if (was == 0)
		return SETTLE_WAIT_FIRST_MS;
	return was * 2 > SETTLE_WAIT_LAST_MS ? SETTLE_WAIT_LAST_MS : was * 2;
}

static void on_settled(void *ctx, const struct settle_result *r,
		       const struct err *e)
{
	struct purse *p = ctx;
	char moved[MONEY_TEXT_MAX];

	p->settling = false;
	p->settle_wait_ms = e ? purse_wait_after(p->settle_wait_ms) : 0;
	p->settle_at_ms =
		loop_now_ms(p->money->engine->loop) + p->settle_wait_ms;
	if (!e && r->transactions == 0) /* the plan knew better */
		p->settle_at_ms += SETTLE_WAIT_FIRST_MS;
	log_line(p->money->engine->log, e ? LOG_WARN : LOG_INFO, "money",
		 "settled account=%s receipts=%u moved=%s text=\"%s\"",
		 name_of(p), r->receipts, money_text(p->money, r->moved, moved),
		 e ? e->msg : "");
}

/* A daemon settles by itself where that pays, or money would be lost. */
static void settle_if_due(struct purse *p)
{
	const struct settle_options options = {.by_itself = true};

	if (p->settling || !p->settle || !p->money->engine->daemon ||
	    loop_now_ms(p->money->engine->loop) < p->settle_at_ms ||
	    !settle_due(p->settle, clock_unix_s()))
		return;
	p->settling = true;
	settle_cash(p->settle, &options, NULL, on_settled, p);
}

void purse_housekeeping(struct purse *p)
{
	struct err e = {0};
	struct engine *en;
	int64_t now;

	if (!p->book)
		return;
	en = p->money->engine;
	now = loop_now_ms(en->loop);
	if (now - p->ticked_ms >= BOOK_TICK_MS) {
		p->ticked_ms = now;
		if (book_tick(p->book, clock_unix_s(), &e) != ERR_NONE ||
		    book_commit_now(p->book, &e) != ERR_NONE)
			log_line(en->log, LOG_ERROR, "money",
				 "the book was not written account=%s "
				 "text=\"%s\"",
				 name_of(p), e.msg);
	}
	if (now - p->refreshed_ms >= REFRESH_MS)
		purse_refresh(p);
	settle_if_due(p);
}
