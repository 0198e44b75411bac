/* pay_buy.c - the buyer's half of sb_pay as a session goes: asking, bidding,
 * what the seller answers, chokes and time. */
#include "ledger/pay/pay_buy_int.h"

/* ---- asking and bidding ---- */

void pay_buy_stop(struct pay_session *s)
{
	s->buy.state = BUY_STOPPED;
	s->buy.retry_ms = 0;
}

void pay_buy_start(struct pay_session *s)
{
	const struct pay_config *cfg = &s->p->cfg;
	struct pay_msg m = {
		.kind = PAY_MSG_ASK,
		.u.ask = {.version = PAY_VERSION,
			  .chain_id = cfg->chain_id,
			  .bank = cfg->bank},
	};

	s->buy.state = BUY_OFF;
	s->buy.retry_ms = 0;
	if (!s->buy.job || s->buy.job->gone)
		return;
	s->buy.state = BUY_ASKED;
	pay_send(s, &m);
}

static void bid(struct pay_session *s, struct amount price)
{
	struct pay_msg m = {.kind = PAY_MSG_BID, .u.price.price = price};

	s->buy.bid_out = price;
	s->buy.ceiling = amount_max(s->buy.ceiling, price);
	s->buy.raised_ms = s->p->now_ms;
	pay_send(s, &m);
}

/* The floor, or what the user wants to start with. */
static void first_bid(struct pay_session *s)
{
	const struct pay_job_config *cfg = &s->buy.job->cfg;
	struct amount most = cfg->max_per_gib, price;

	if (s->renting)
		most = amount_min(most, s->buy.dues.most);
	price = amount_min(cfg->start_per_gib, most);
	price = amount_max(amount_max(price, s->buy.floor), s->bid);
	if (amount_cmp(s->buy.floor, most) > 0) {
		pay_buy_stop(s);
		pay_tell(s, PAY_EV_TOO_DEAR, s->buy.floor, PAY_NO_PRICE,
			 "its price is above our maximum");
		return;
	}
	bid(s, price);
}

static void raise_bid(struct pay_session *s)
{
	const struct pay_job_config *cfg = &s->buy.job->cfg;
	struct amount step = amount_max(amount_from_u64(1),
					pay_part_of(s->bid, PAY_RAISE_DIV));
	struct amount price =
		amount_min(amount_add_cap(s->bid, step), cfg->max_per_gib);

	if (amount_cmp(price, s->bid) <= 0)
		return;
	bid(s, price);
	pay_tell(s, PAY_EV_BID_RAISED, price, PAY_NO_NONE, "");
}

/* ---- what the seller says ---- */

static enum err_code first_terms(struct pay_session *s,
				 const struct pay_msg_terms *m, struct err *e)
{
	struct pay *p = s->p;
	struct pay_pair *pair;

	if (m->chain_id != p->cfg.chain_id ||
	    !address_eq(&m->bank, &p->cfg.bank))
		return err_fail(e, ERR_STATE, "sb_pay: another chain or bank");
	if (!p->host.check_channel(p->host.ctx, &m->payee, s->seal_key,
				   m->key_sig))
		return err_fail(e, ERR_SIG,
				"sb_pay: the payee did not sign this channel");
	if (!address_is_zero(&s->payee) && !address_eq(&m->payee, &s->payee))
		return err_fail(e, ERR_SIG, "sb_pay: another payee");
	if (address_eq(&m->payee, &p->cfg.me)) {
		pay_buy_stop(s); /* we met ourselves */
		return ERR_NONE;
	}
	pair = pay_pair_get(p, &m->payee, NULL);
	if (!pair) {
		pay_buy_stop(s);
		return ERR_NONE;
	}
	pay_pair_join(s, pair);
	pay_buy_back_at_risk(s);
	s->buy.terms_ms = p->now_ms;
	pay_tell(s, PAY_EV_TERMS, m->price, PAY_NO_NONE, "");
	if (pair->out.banned || !s->buy.job) {
		pay_buy_stop(s);
		return ERR_NONE;
	}
	pay_ask_facts(p, pair, false);
	s->buy.state = BUY_BIDDING;
	return ERR_NONE;
}

static enum err_code on_terms(struct pay_session *s,
			      const struct pay_msg_terms *m, struct err *e)
{
	enum err_code rc;

	if (s->pair && !address_eq(&m->payee, &s->pair->peer))
		return err_fail(e, ERR_STATE, "sb_pay: another payee");
	if (s->buy.state == BUY_OFF || s->buy.state == BUY_STOPPED)
		return ERR_NONE;
	s->buy.floor = m->price;
	if (!s->pair) {
		rc = first_terms(s, m, e);
		if (rc != ERR_NONE || s->buy.state != BUY_BIDDING)
			return rc;
	}
	if (amount_is_zero(s->buy.bid_out) &&
	    amount_cmp(s->bid, s->buy.floor) < 0)
		first_bid(s);
	return ERR_NONE;
}

static enum err_code on_ok(struct pay_session *s, const struct pay_msg_price *m,
			   struct err *e)
{
	if (amount_is_zero(s->buy.bid_out) ||
	    amount_cmp(m->price, s->buy.bid_out) != 0)
		return err_fail(e, ERR_STATE, "sb_pay: took what was not bid");
	s->bid = m->price;
	s->buy.bid_out = AMOUNT_ZERO;
	if (s->buy.state == BUY_BIDDING)
		pay_buy_hello(s);
	pay_buy_pump(s);
	return ERR_NONE;
}

static enum err_code on_price_no(struct pay_session *s,
				 const struct pay_msg_no *m, struct err *e)
{
	if (amount_is_zero(s->buy.bid_out))
		return ERR_NONE;
	if (amount_cmp(m->price, s->buy.bid_out) <= 0)
		return err_fail(e, ERR_STATE,
				"sb_pay: refused a bid at its own price");
	s->buy.bid_out = AMOUNT_ZERO;
	s->buy.floor = m->price;
	if (s->buy.job && s->buy.state != BUY_STOPPED)
		first_bid(s);
	return ERR_NONE;
}

static void ask_later(struct pay_session *s)
{
	if (s->buy.state != BUY_ASKED)
		return;
	s->buy.ask_wait_ms =
		s->buy.ask_wait_ms ? 2 * s->buy.ask_wait_ms : PAY_ASK_MS;
	if (s->buy.ask_wait_ms > PAY_ASK_MAX_MS)
		s->buy.ask_wait_ms = PAY_ASK_MAX_MS;
	s->buy.state = BUY_OFF;
	s->buy.retry_ms = s->p->now_ms + s->buy.ask_wait_ms;
}

static enum err_code on_no(struct pay_session *s, const struct pay_msg_no *m,
			   struct err *e)
{
	enum err_code rc = ERR_NONE;

	switch (m->code) {
	case PAY_NO_NONE:
		break;
	case PAY_NO_BUSY:
		ask_later(s);
		break;
	case PAY_NO_PRICE:
		rc = on_price_no(s, m, e);
		break;
	case PAY_NO_EXPOSURE:
		s->buy.limit = m->price;
		s->buy.limit_known = true;
		break;
	case PAY_NO_STORE:
		if (s->buy.state == BUY_PAYING || s->buy.state == BUY_HELLO) {
			s->buy.state = BUY_HELLO;
			s->buy.proved = false;
			s->buy.retry_ms = s->p->now_ms + PAY_RETRY_MS;
		}
		break;
	case PAY_NO_BANK:
	case PAY_NO_SELLING:
	case PAY_NO_BANNED:
		pay_buy_stop(s);
		break;
	}
	if (rc == ERR_NONE)
		pay_tell(s, PAY_EV_NO, m->price, m->code, m->why);
	return rc;
}

/* A capped seller sends what its cap grants at each tick in one lump, and what
 * waits for a receipt then is lost to both. */
static void learn_lumps(struct pay_session *s, bool ran_out)
{
	int64_t ms = s->buy.early_ms;

	if (!ran_out)
		ms -= (ms + PAY_EARLY_DIV - 1) / PAY_EARLY_DIV;
	else if (s->buy.proved)
		ms += PAY_EARLY_MS;
	s->buy.early_ms = ms < PAY_EARLY_MAX_MS ? ms : PAY_EARLY_MAX_MS;
}

static enum err_code on_ack(struct pay_session *s, const struct pay_msg_ack *m,
			    struct err *e)
{
	struct pay_pair *pair = s->pair;
	int64_t now = s->p->now_ms;

	if (!pair || amount_is_zero(s->buy.sent))
		return err_fail(e, ERR_STATE, "sb_pay: ack of nothing");
	if (amount_cmp(m->amount, pay_buy_promised(pair)) > 0 ||
	    amount_cmp(m->owed, m->amount) > 0)
		return err_fail(e, ERR_STATE, "sb_pay: ack of too much");
	s->buy.limit = m->limit;
	s->buy.limit_known = true;
	s->buy.held = m->hold;
	if (amount_cmp(m->amount, s->buy.sent) == 0 && s->buy.sent_ms) {
		s->buy.took_ms = now - s->buy.wanted_ms + 1;
		s->buy.sent_ms = 0;
		s->buy.since_ms = now;
	}
	learn_lumps(s, m->hold);
	s->buy.acked = amount_max(s->buy.acked, m->amount);
	pay_buy_compare(s, m->owed);
	if (s->buy.state == BUY_HELLO && !s->buy.retry_ms &&
	    amount_cmp(m->amount, s->buy.sent) == 0)
		s->buy.state = BUY_PAYING;
	pay_buy_pump(s);
	pay_buy_tell_covered(s);
	return ERR_NONE;
}

static enum err_code on_meter(struct pay_session *s,
			      const struct pay_msg_meter *m, struct err *e)
{
	if (!s->pair || (m->paid && !s->pair->out.have))
		return err_fail(e, ERR_STATE, "sb_pay: metered, but not paid");
	if (amount_cmp(m->price, s->buy.ceiling) > 0)
		return err_fail(e, ERR_STATE, "sb_pay: metered above the bid");
	if (m->bytes > s->paid_bytes + PAY_METER_SLACK)
		return err_fail(e, ERR_STATE,
				"sb_pay: charged for bytes that never came");
	s->buy.metered = m->paid;
	s->buy.price = m->price;
	return ERR_NONE;
}

enum err_code pay_buy_receive(struct pay_session *s, const struct pay_msg *m,
			      struct err *e)
{
	switch (m->kind) {
	case PAY_MSG_TERMS:
		return on_terms(s, &m->u.terms, e);
	case PAY_MSG_OK:
		return on_ok(s, &m->u.price, e);
	case PAY_MSG_NO:
		return on_no(s, &m->u.no, e);
	case PAY_MSG_ACK:
		return on_ack(s, &m->u.ack, e);
	case PAY_MSG_HELD:
		return pay_buy_adopt(s, &m->u.held, e);
	case PAY_MSG_METER:
		return on_meter(s, &m->u.meter, e);
	case PAY_MSG_ASK:
	case PAY_MSG_BID:
	case PAY_MSG_RECEIPT:
		break;
	}
	return err_fail(e, ERR_STATE, "sb_pay: not a seller's message");
}

/* ---- blocks, chokes, time ---- */

void pay_on_block(struct pay_session *s, uint32_t len, int64_t now_ms)
{
	struct pay_pair *pair = s->pair;

	if (s->dead || s->role != PAY_BUY)
		return;
	s->p->now_ms = now_ms;
	s->buy.since_ms = now_ms;
	s->buy.held = false;
	if (!s->buy.metered) {
		s->free_bytes += len;
		return;
	}
	if (pair->dropped && s->buy.state == BUY_PAYING)
		pay_buy_undrop(s); /* it serves after all */
	pay_buy_count(s, len);
	s->buy.unseen += len; /* a look is dear beside counting a block */
	if (s->buy.unseen < s->buy.look)
		return;
	s->buy.unseen = 0;
	s->buy.look = pay_buy_step(s) / PAY_LOOK_DIV;
	pay_buy_pump(s);
}

void pay_set_choked(struct pay_session *s, bool choked, bool interested,
		    int64_t now_ms)
{
	if (s->dead || s->role != PAY_BUY)
		return;
	s->p->now_ms = now_ms;
	if (s->buy.choked != choked || s->buy.interested != interested)
		s->buy.since_ms = now_ms;
	s->buy.choked = choked;
	s->buy.interested = interested;
	pay_buy_pump(s);
}

void pay_bad_bytes(struct pay_session *s, uint32_t len)
{
	struct pay *p = s->p;
	struct pay_pair *pair = s->pair;
	struct err e = {0};

	(void)len; /* nothing that it sent is paid for any more */
	if (s->role != PAY_BUY || !pair || pair->out.banned)
		return;
	pair->out.banned = true;
	pay_buy_drop(s, pay_buy_ahead(pair), "sent bad data");
	for (struct pay_session *q = pair->sessions; q; q = q->pair_next)
		if (q->role == PAY_BUY)
			pay_buy_stop(q);
	if (p->book.counts_out(p->book.ctx, &pair->peer, &pair->out, &e) ==
	    ERR_NONE)
		p->host.want_commit(p->host.ctx);
	else
		pair->out_dirty = true;
}

static bool waited(const struct pay_session *s, int64_t since, int64_t ms)
{
	return s->p->now_ms - since >= ms;
}

static void watch_service(struct pay_session *s)
{
	struct pay_pair *pair = s->pair;
	bool at_max = amount_cmp(s->bid, s->buy.job->cfg.max_per_gib) >= 0;

	if (s->renting || !s->buy.interested || !s->buy.proved ||
	    pair->dropped || amount_is_zero(pay_buy_ahead(pair)))
		return;
	if (!s->buy.choked && waited(s, s->buy.since_ms, PAY_STALL_MS)) {
		pay_buy_drop(s, pay_buy_ahead(pair),
			     "took a step and served nothing");
		pay_buy_stop(s);
		s->buy.retry_ms = s->p->now_ms + PAY_DROP_MS;
	} else if (s->buy.choked && at_max &&
		   waited(s, s->buy.since_ms, PAY_IDLE_MS)) {
		/* outbid perhaps: others get its place, a block revives it */
		pay_buy_drop(s, pay_buy_ahead(pair), "keeps us choked");
	}
}

static void raise_when_choked(struct pay_session *s)
{
	if (s->buy.choked && s->buy.interested && !s->renting &&
	    amount_is_zero(s->buy.bid_out) &&
	    waited(s, s->buy.since_ms, PAY_RAISE_MS) &&
	    waited(s, s->buy.raised_ms, PAY_RAISE_MS))
		raise_bid(s);
}

void pay_buy_tick(struct pay_session *s)
{
	bool due = s->buy.retry_ms && s->p->now_ms >= s->buy.retry_ms;

	s->buy.look = 0; /* it may have become slow */
	switch (s->buy.state) {
	case BUY_OFF:
		if (due)
			pay_buy_start(s);
		break;
	case BUY_HELLO:
		if (due || (s->buy.sent_ms &&
			    waited(s, s->buy.sent_ms, PAY_SILENT_MS)))
			pay_buy_hello(s);
		break;
	case BUY_PAYING:
		if (!s->buy.job || s->buy.job->gone)
			break;
		pay_buy_forget_signer(s);
		raise_when_choked(s);
		watch_service(s);
		pay_buy_pump(s);
		pay_buy_tell_covered(s);
		break;
	case BUY_STOPPED:
		if (due && s->pair && s->buy.job)
			pay_buy_hello(s);
		break;
	case BUY_ASKED:
	case BUY_BIDDING:
		break;
	}
}

void pay_session_set_job(struct pay_session *s, struct pay_job *job,
			 int64_t now_ms)
{
	if (s->role != PAY_BUY || s->dead || s->buy.job == job)
		return;
	s->p->now_ms = now_ms;
	s->buy.job = job;
	if (job && s->buy.state == BUY_OFF && !s->buy.retry_ms)
		pay_buy_start(s);
	else if (job)
		pay_buy_pump(s);
}

void pay_buy_job_gone(struct pay_job *job)
{
	struct pay *p = job->p;

	for (struct pay_session *s = p->sessions; s; s = s->next)
		if (s->role == PAY_BUY && s->buy.job == job) {
			s->buy.job = NULL;
			pay_buy_stop(s);
		}
	for (unsigned i = 0; i < PAY_BUCKETS; i++)
		for (struct pay_pair *q = p->buckets[i]; q; q = q->next)
			if (q->pending_job == job)
				q->pending_job = NULL;
}
