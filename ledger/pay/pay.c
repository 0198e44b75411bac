#include "ledger/pay/pay_int.h"

#include "base/ip.h"

#include <stdlib.h>
#include <string.h>

#define ASKS_PER_NET 4
#define ASKS_IN_ALL 60

/* ---- prices ---- */

struct amount pay_cost_up(struct amount per_gib, uint64_t bytes)
{
	struct amount cost = amount_max112();
	uint64_t rem = 0;

	if (!amount_mul_div(&cost, &rem, per_gib, bytes, 0, PAY_GIB))
		return cost;
	if (rem || (amount_is_zero(cost) && bytes))
		cost = amount_add_cap(cost, amount_from_u64(1));
	return amount_min(cost, amount_max112());
}

struct amount pay_part_of(struct amount a, uint64_t div)
{
	struct amount out = AMOUNT_ZERO;

	(void)!amount_mul_div(&out, NULL, a, 1, 0, div);
	return out;
}

bool pay_cost_add(struct amount *sum, uint64_t *rem, struct amount per_gib,
		  uint64_t bytes, struct amount most)
{
	struct amount cost, total;
	uint64_t rest;

	if (!amount_mul_div(&cost, &rest, per_gib, bytes, *rem, PAY_GIB) ||
	    !amount_add(&total, *sum, cost) || amount_cmp(total, most) > 0)
		return false;
	*sum = total;
	*rem = rest;
	return true;
}

/* ---- making and ending ---- */

static bool config_fits(const struct pay_config *cfg)
{
	return cfg->chain_id >= 1 && cfg->chain_id <= INT64_MAX &&
	       !address_is_zero(&cfg->bank) && !address_is_zero(&cfg->me) &&
	       amount_fits112(cfg->floor) && amount_fits112(cfg->trust_start) &&
	       amount_fits112(cfg->trust_max) &&
	       amount_fits112(cfg->due_step) &&
	       (!cfg->sell || !amount_is_zero(cfg->floor));
}

enum err_code pay_new(struct pay **out, const struct pay_config *cfg,
		      const struct pay_host *host, const struct pay_book *book,
		      struct log *log, int64_t now_ms, int64_t now_s,
		      struct err *e)
{
	struct pay *p;

	*out = NULL;
	if (!config_fits(cfg))
		return err_fail(e, ERR_LIMIT,
				"pay: chain, bank, account, price or trust "
				"is out of range");
	p = calloc(1, sizeof(*p));
	if (!p)
		return err_fail(e, ERR_NOMEM, "pay");
	p->cfg = *cfg;
	if (!p->cfg.asks_per_net)
		p->cfg.asks_per_net = ASKS_PER_NET;
	if (!p->cfg.asks_in_all)
		p->cfg.asks_in_all = ASKS_IN_ALL;
	if (p->cfg.asks_in_all > PAY_NETS)
		p->cfg.asks_in_all = PAY_NETS;
	p->host = *host;
	p->book = *book;
	p->log = log;
	p->now_ms = now_ms;
	p->now_s = now_s;
	p->flush_ms = now_ms;
	p->asks_minute = INT64_MIN;
	p->facts_left = PAY_FACTS_PER_TICK;
	*out = p;
	return ERR_NONE;
}

/* Counts that moved without a receipt. What fails here is counted again after a
 * restart from the last receipt on: a step at most. */
void pay_flush_pair(struct pay *p, struct pay_pair *pair)
{
	bool exact = !pair->sessions && amount_is_zero(pair->unsure);
	bool staged = false;
	struct err e = {0};

	if (pair->in_dirty && pair->in.have && !pair->staged) {
		pair->in_dirty =
			p->book.counts_in(p->book.ctx, &pair->peer,
					  pair->in.owed, pair->in.owed_rem,
					  &e) != ERR_NONE;
		staged = staged || !pair->in_dirty;
	}
	if (exact && pair->out.have && !pair->out.settled)
		pair->out_dirty = true; /* to say that they are */
	if (pair->out_dirty && pair->pending == PENDING_NONE) {
		pair->out.settled = exact;
		pair->out_dirty =
			p->book.counts_out(p->book.ctx, &pair->peer, &pair->out,
					   &e) != ERR_NONE;
		staged = staged || !pair->out_dirty;
	}
	if (e.code != ERR_NONE)
		log_line(p->log, LOG_WARN, "pay",
			 "counts_not_stored why=\"%s\"", e.msg);
	if (staged)
		p->host.want_commit(p->host.ctx);
}

static void flush(struct pay *p)
{
	for (unsigned i = 0; i < PAY_BUCKETS; i++)
		for (struct pay_pair *q = p->buckets[i]; q; q = q->next)
			pay_flush_pair(p, q);
}

void pay_free(struct pay *p)
{
	if (!p)
		return;
	while (p->sessions)
		pay_session_free(p->sessions);
	while (p->jobs)
		pay_job_free(p->jobs);
	flush(p);
	for (unsigned i = 0; i < PAY_BUCKETS; i++)
		while (p->buckets[i]) {
			struct pay_pair *pair = p->buckets[i];

			p->buckets[i] = pair->next;
			free(pair);
		}
	free(p);
}

/* ---- pairs ---- */

static unsigned bucket_of(const struct address *a)
{
	unsigned h = 0;

	for (size_t i = 0; i < sizeof(a->bytes); i++)
		h = h * 31 + a->bytes[i];
	return h % PAY_BUCKETS;
}

static struct pay_pair *find_pair(struct pay *p, const struct address *peer)
{
	struct pay_pair *q = p->buckets[bucket_of(peer)];

	while (q && !address_eq(&q->peer, peer))
		q = q->next;
	return q;
}

/* A blind pair is kept: forgetting it would give its place to the next fresh
 * identity, and the bound on what such cost us would be gone. */
static bool can_go(const struct pay_pair *q)
{
	return !q->sessions && !q->blind && !q->waits && !q->staged &&
	       q->pending == PENDING_NONE;
}

static bool evict_one(struct pay *p)
{
	for (unsigned n = 0; n < PAY_BUCKETS; n++) {
		struct pay_pair **at = &p->buckets[p->evict];

		p->evict = (p->evict + 1) % PAY_BUCKETS;
		for (; *at; at = &(*at)->next) {
			struct pay_pair *q = *at;

			if (!can_go(q))
				continue;
			pay_flush_pair(p, q);
			p->evicted = true;
			*at = q->next;
			free(q);
			p->n_pairs--;
			return true;
		}
	}
	return false;
}

/* The bank paid more than any receipt that our book knows of: an old copy, or
 * an empty one. What is missing from it was served long ago, as far as anyone
 * can tell. (Else what is paid says nothing about service: a payee may cash
 * what is still ahead of the bytes.) */
static void raise_to_paid(struct pay_pair *q)
{
	struct book_out *out = &q->out;
	struct amount have = out->have ? out->newest.amount : AMOUNT_ZERO;
	struct amount used = amount_add_cap(out->owed, out->lost);

	if (amount_cmp(out->facts.paid, have) > 0 &&
	    amount_cmp(used, out->facts.paid) < 0)
		out->owed = amount_sub_floor(out->facts.paid, out->lost);
}

/* A bit that flipped on the disk in one of them would make us promise, or
 * serve, what nobody signed. */
static enum err_code check_kept(const struct pay *p, const struct book_pair *k,
				const struct address *peer, struct err *e)
{
	const struct receipt *in = &k->in.newest, *out = &k->out.newest;
	const struct address *me = &p->cfg.me;
	bool good = (!k->in.have || p->host.check(p->host.ctx, peer, me,
						  in->amount, in->sig)) &&
		    (!k->out.have || p->host.check(p->host.ctx, me, peer,
						   out->amount, out->sig));

	return good ? ERR_NONE
		    : err_fail(e, ERR_DB,
			       "book: is damaged, a receipt is not as it was "
			       "signed; run `seedbank ledger check`");
}

struct pay_pair *pay_pair_get(struct pay *p, const struct address *peer,
			      struct err *e)
{
	struct pay_pair *q = find_pair(p, peer);
	struct book_pair kept;

	if (q)
		return q;
	if (p->n_pairs >= PAY_PAIRS_MAX && !evict_one(p)) {
		(void)err_fail(e, ERR_LIMIT, "pay: %u pairs are busy",
			       p->n_pairs);
		return NULL;
	}
	if (p->book.pair_load(p->book.ctx, &kept, peer, e) != ERR_NONE ||
	    check_kept(p, &kept, peer, e) != ERR_NONE)
		return NULL;
	q = calloc(1, sizeof(*q));
	if (!q) {
		(void)err_fail(e, ERR_NOMEM, "pay: a pair");
		return NULL;
	}
	q->peer = *peer;
	q->in = kept.in;
	q->out = kept.out;
	q->facts_in_ms = q->facts_out_ms = INT64_MIN;
	raise_to_paid(q);
	/* after a clean end the counts are exact; and what this run evicted and
	 * reads again is no news */
	if (!p->evicted && !q->out.settled)
		q->unsure = pay_buy_ahead(q);
	q->next = p->buckets[bucket_of(peer)];
	p->buckets[bucket_of(peer)] = q;
	p->n_pairs++;
	return q;
}

void pay_pair_join(struct pay_session *s, struct pay_pair *q)
{
	s->pair = q;
	s->pair_next = q->sessions;
	q->sessions = s;
	pay_sell_look(q); /* without sessions it has no ticks */
}

static void pair_leave(struct pay_session *s)
{
	struct pay_session **at = &s->pair->sessions;

	while (*at != s)
		at = &(*at)->pair_next;
	*at = s->pair_next;
}

void pay_wait_commit(struct pay *p, struct pay_pair *q)
{
	if (!q->waits) {
		q->waits = true;
		q->wait_next = p->waiting;
		p->waiting = q;
	}
	p->host.want_commit(p->host.ctx);
}

void pay_ask_facts(struct pay *p, struct pay_pair *q, bool in)
{
	int64_t *asked = in ? &q->facts_in_ms : &q->facts_out_ms;

	if (*asked != INT64_MIN && p->now_ms - *asked < PAY_FACTS_MS)
		return;
	if (!p->facts_left) /* strangers must not make us flood the nodes */
		return;
	p->facts_left--;
	*asked = p->now_ms;
	p->host.want_facts(p->host.ctx, in ? &q->peer : &p->cfg.me,
			   in ? &p->cfg.me : &q->peer);
}

static void facts_of(struct pay *p, struct pay_pair *q)
{
	struct book_pair kept;
	bool first = !q->in.facts.known;

	if (p->book.pair_load(p->book.ctx, &kept, &q->peer, NULL) != ERR_NONE)
		return;
	q->in.facts = kept.in.facts;
	q->in.bounced = kept.in.bounced;
	q->in.due_mark = kept.in.due_mark;
	q->out.facts = kept.out.facts;
	raise_to_paid(q);
	if (first)
		pay_sell_first_facts(q);
	pay_sell_review(p, q);
}

void pay_on_facts(struct pay *p, const struct address *other, int64_t now_ms)
{
	struct pay_pair *q = find_pair(p, other);

	p->now_ms = now_ms;
	if (q)
		facts_of(p, q);
	for (struct pay_session *s = p->sessions; s; s = s->next)
		if (s->role == PAY_BUY && !s->dead && (!q || s->pair == q))
			pay_buy_pump(s);
}

/* ---- talking ---- */

void pay_send(struct pay_session *s, const struct pay_msg *m)
{
	uint8_t buf[PAY_MSG_ROOM];
	size_t len = pay_msg_encode(m, buf, sizeof(buf));

	if (len && !s->dead)
		s->p->host.send(s->p->host.ctx, s->ctx, buf, len);
}

void pay_send_no(struct pay_session *s, enum pay_no code, struct amount price,
		 const char *why)
{
	struct pay_msg m = {.kind = PAY_MSG_NO,
			    .u.no = {.code = code, .price = price}};

	(void)strncpy(m.u.no.why, why, PAY_WHY_MAX);
	pay_send(s, &m);
}

void pay_tell(struct pay_session *s, enum pay_event_kind kind,
	      struct amount amount, enum pay_no code, const char *text)
{
	struct pay_event ev = {
		.kind = kind,
		.session_ctx = s->ctx,
		.job = s->role == PAY_BUY ? s->buy.job : NULL,
		.amount = amount,
		.code = code,
		.text = text,
	};

	if (s->pair)
		ev.peer = s->pair->peer;
	if (!s->dead)
		s->p->host.event(s->p->host.ctx, &ev);
}

/* ---- jobs ---- */

enum err_code pay_job_new(struct pay_job **out, struct pay *p,
			  const struct pay_job_config *cfg, struct err *e)
{
	struct book_job kept = {.spent = AMOUNT_ZERO};
	struct pay_job *job;
	enum err_code rc;

	*out = NULL;
	if (p->n_jobs >= PAY_JOBS_MAX)
		return err_fail(e, ERR_LIMIT, "pay: %u paid downloads",
				p->n_jobs);
	if (!amount_fits112(cfg->max_per_gib) ||
	    !amount_fits112(cfg->start_per_gib) || !amount_fits112(cfg->budget))
		return err_fail(e, ERR_LIMIT, "pay: bid or budget too large");
	memcpy(kept.key, cfg->key, sizeof(kept.key));
	rc = p->book.job_load(p->book.ctx, &kept, e);
	if (rc != ERR_NONE)
		return rc;
	job = calloc(1, sizeof(*job));
	if (!job)
		return err_fail(e, ERR_NOMEM, "pay: a job");
	job->p = p;
	job->cfg = *cfg;
	job->spent = kept.spent;
	job->gone = amount_cmp(kept.spent, cfg->budget) >= 0;
	job->next = p->jobs;
	p->jobs = job;
	p->n_jobs++;
	*out = job;
	return ERR_NONE;
}

void pay_job_free(struct pay_job *job)
{
	struct pay_job **at;

	if (!job)
		return;
	pay_buy_job_gone(job);
	for (at = &job->p->jobs; *at != job; at = &(*at)->next)
		continue;
	*at = job->next;
	job->p->n_jobs--;
	free(job);
}

void pay_job_state(const struct pay_job *job, struct pay_job_state *out)
{
	memset(out, 0, sizeof(*out));
	out->spent = job->spent;
	out->left = amount_sub_floor(job->cfg.budget, job->spent);
	out->paid_bytes = job->paid_bytes;
	out->gone = job->gone;
	for (struct pay_session *s = job->p->sessions; s; s = s->next) {
		if (s->role != PAY_BUY || s->buy.job != job || s->dead)
			continue;
		out->sellers += s->buy.state == BUY_PAYING;
		out->top_bid = amount_max(out->top_bid,
					  amount_max(s->bid, s->buy.bid_out));
	}
}

/* ---- sessions ---- */

/* First byte tells the families apart; then the prefix. */
static void net_of(uint8_t out[6], const uint8_t ip[16])
{
	memset(out, 0, 6);
	if (ip_is_v4(ip))
		memcpy(out + 3, ip + 12, 3);
	else
		memcpy(out, ip, 6);
}

enum err_code pay_session_new(struct pay_session **out, struct pay *p,
			      const struct pay_session_config *cfg,
			      int64_t now_ms, struct err *e)
{
	struct pay_session *s;

	*out = NULL;
	p->now_ms = now_ms;
	if (p->n_sessions >= PAY_SESSIONS_MAX)
		return err_fail(e, ERR_LIMIT, "pay: %u sessions",
				p->n_sessions);
	if (cfg->role == PAY_SELL && !p->cfg.sell)
		return err_fail(e, ERR_STATE, "pay: nothing is sold here");
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_fail(e, ERR_NOMEM, "pay: a session");
	s->p = p;
	s->role = cfg->role;
	s->ctx = cfg->ctx;
	s->renting = cfg->renting;
	s->payee = cfg->payee;
	net_of(s->net, cfg->ip);
	memcpy(s->seal_key, cfg->seal_key, sizeof(s->seal_key));
	s->tokens = PAY_MSGS_PER_S;
	s->tokens_ms = now_ms;
	s->next = p->sessions;
	if (s->next)
		s->next->prev = s;
	p->sessions = s;
	p->n_sessions++;
	*out = s;
	if (s->role == PAY_BUY) {
		s->buy.job = cfg->job;
		s->buy.choked = !cfg->renting;
		s->buy.since_ms = now_ms;
		if (cfg->dues)
			s->buy.dues = *cfg->dues;
		pay_buy_start(s);
	}
	return ERR_NONE;
}

void pay_session_free(struct pay_session *s)
{
	struct pay *p;

	if (!s)
		return;
	p = s->p;
	s->dead = true;
	if (s->role == PAY_SELL)
		pay_sell_leave(s);
	else
		pay_buy_leave(s);
	if (s->pair) {
		pair_leave(s);
		if (!s->pair->sessions)
			pay_flush_pair(p, s->pair);
	}
	if (s->prev)
		s->prev->next = s->next;
	else
		p->sessions = s->next;
	if (s->next)
		s->next->prev = s->prev;
	p->n_sessions--;
	free(s);
}

/* A bucket that fills by PAY_MSGS_PER_S a second; what fast transfers need
 * beyond that is added where the receipt goes out or the bytes are paid. */
static bool message_allowed(struct pay_session *s)
{
	int64_t passed = s->p->now_ms - s->tokens_ms;

	if (passed >= 1000) {
		s->tokens = PAY_MSGS_PER_S;
		s->tokens_ms = s->p->now_ms;
	}
	if (!s->tokens)
		return false;
	s->tokens--;
	return true;
}

enum err_code pay_receive(struct pay_session *s, const uint8_t *msg, size_t len,
			  int64_t now_ms, struct err *e)
{
	struct pay_msg m;
	enum err_code rc;

	if (s->dead)
		return ERR_NONE;
	s->p->now_ms = now_ms;
	rc = pay_msg_decode(&m, msg, len, e);
	if (rc == ERR_NONE && !message_allowed(s))
		rc = err_fail(e, ERR_LIMIT, "sb_pay: too many messages");
	if (rc == ERR_NONE &&
	    pay_msg_from_buyer(m.kind) != (s->role == PAY_SELL))
		rc = err_fail(e, ERR_STATE, "sb_pay: a message of our side");
	if (rc == ERR_NONE)
		rc = s->role == PAY_SELL ? pay_sell_receive(s, &m, e)
					 : pay_buy_receive(s, &m, e);
	if (rc != ERR_NONE)
		s->dead = true;
	return rc;
}

/* ---- asks ---- */

bool pay_ask_allowed(struct pay *p, const uint8_t net[6])
{
	int64_t minute = p->now_ms / 60000;
	struct pay_net *n = NULL;

	if (minute != p->asks_minute) {
		p->asks_minute = minute;
		p->asks = 0;
		p->n_nets = 0;
	}
	for (unsigned i = 0; i < p->n_nets && !n; i++)
		if (memcmp(p->nets[i].net, net, 6) == 0)
			n = &p->nets[i];
	if (p->asks >= p->cfg.asks_in_all ||
	    (n && n->asks >= p->cfg.asks_per_net))
		return false;
	if (!n) { /* n_nets <= asks < asks_in_all <= PAY_NETS */
		n = &p->nets[p->n_nets++];
		memcpy(n->net, net, 6);
		n->asks = 0;
	}
	n->asks++;
	p->asks++;
	return true;
}

/* ---- settings ---- */

void pay_set_floor(struct pay *p, struct amount floor_per_gib)
{
	if (amount_is_zero(floor_per_gib) || !amount_fits112(floor_per_gib))
		return;
	p->cfg.floor = floor_per_gib;
	for (struct pay_session *s = p->sessions; s; s = s->next)
		if (s->role == PAY_SELL && !s->dead)
			pay_sell_floor(s);
}

void pay_set_trust_start(struct pay *p, struct amount trust)
{
	p->cfg.trust_start = amount_min(trust, amount_max112());
	for (struct pay_session *s = p->sessions; s; s = s->next)
		if (s->pair)
			pay_sell_look(s->pair);
}

enum err_code pay_sell_as(struct pay *p, const uint8_t seal_key[32],
			  const uint8_t seal_sig[RECEIPT_SIG_LEN],
			  struct amount floor_per_gib, struct err *e)
{
	if (amount_is_zero(floor_per_gib) || !amount_fits112(floor_per_gib))
		return err_fail(e, ERR_LIMIT, "pay: the price is out of range");
	memcpy(p->cfg.seal_key, seal_key, sizeof(p->cfg.seal_key));
	memcpy(p->cfg.seal_sig, seal_sig, sizeof(p->cfg.seal_sig));
	p->cfg.sell = true;
	pay_set_floor(p, floor_per_gib);
	return ERR_NONE;
}

void pay_raise_due_step(struct pay *p, struct amount due_step)
{
	p->cfg.due_step = amount_max(p->cfg.due_step,
				     amount_min(due_step, amount_max112()));
}

struct amount pay_price_hint(const struct pay *p)
{
	struct amount v = p->cfg.floor;
	uint64_t rem, scale = 0, up = 0;

	while (amount_cmp(v, amount_from_u64(100)) >= 0 &&
	       amount_mul_div(&v, &rem, v, 1, 0, 10)) {
		up |= rem;
		scale++;
	}
	if (up)
		v = amount_add_cap(v, amount_from_u64(1));
	for (; scale; scale--)
		if (!amount_mul_u64(&v, v, 10))
			break;
	return amount_min(v, amount_max112());
}

/* ---- time and commits ---- */

void pay_tick(struct pay *p, int64_t now_ms, int64_t now_s)
{
	p->now_ms = now_ms;
	p->now_s = now_s;
	p->facts_left = PAY_FACTS_PER_TICK;
	for (struct pay_session *s = p->sessions; s; s = s->next) {
		if (s->dead)
			continue;
		if (s->role == PAY_SELL)
			pay_sell_tick(s);
		else
			pay_buy_tick(s);
	}
	if (now_ms - p->flush_ms >= PAY_FLUSH_MS) {
		p->flush_ms = now_ms;
		flush(p);
	}
}

/* Counts staged with a commit that failed are gone from the book. */
static void recount(struct pay *p)
{
	for (unsigned i = 0; i < PAY_BUCKETS; i++)
		for (struct pay_pair *q = p->buckets[i]; q; q = q->next) {
			q->in_dirty = q->in_dirty || q->in.have;
			q->out_dirty = q->out_dirty || q->out.have;
		}
}

void pay_committed(struct pay *p, bool ok, int64_t now_ms)
{
	struct pay_pair *q = p->waiting;

	p->now_ms = now_ms;
	p->waiting = NULL;
	while (q) {
		struct pay_pair *next = q->wait_next;

		q->waits = false;
		if (q->staged)
			pay_sell_committed(p, q, ok);
		if (q->pending == PENDING_COMMIT)
			pay_buy_committed(p, q, ok);
		q = next;
	}
	if (!ok)
		recount(p);
}

/* ---- dues ---- */

void pay_set_dues(struct pay_session *s, const struct pay_dues *d)
{
	s->buy.dues = *d;
}

void pay_add_due(struct pay_session *s, struct amount due, uint32_t bytes,
		 int64_t now_ms)
{
	struct pay *p = s->p;

	p->now_ms = now_ms;
	if (!s->pair)
		return;
	if (s->role == PAY_SELL) {
		pay_sell_keep(s, amount_sub_floor(s->sell.due, due));
		s->tokens++; /* its receipt was one more message */
		pay_sell_due(p, s->pair, due);
	} else {
		s->buy.due = amount_sub_floor(s->buy.due, due);
		s->buy.since_ms = now_ms;
		pay_buy_due(s->pair, due, bytes);
		pay_flush_pair(p, s->pair);
		pay_buy_pump(s);
	}
}

enum err_code pay_add_due_of(struct pay *p, enum pay_role role,
			     const struct address *other, struct amount due,
			     int64_t now_ms, struct err *e)
{
	struct err why = {0};
	struct pay_pair *pair = pay_pair_get(p, other, &why);

	p->now_ms = now_ms;
	if (!pair)
		return err_fail(e, why.code, "%s", why.msg);
	if (role == PAY_SELL) {
		pay_sell_due(p, pair, due);
	} else {
		pay_buy_due(pair, due, 0);
		pay_flush_pair(p, pair);
	}
	return ERR_NONE;
}

void pay_found_due(struct pay *p, const struct address *payee,
		   struct amount due, uint32_t bytes, int64_t now_ms)
{
	struct pay_pair *pair = pay_pair_get(p, payee, NULL);

	p->now_ms = now_ms;
	if (!pair)
		return; /* a loss then, as it was */
	pair->found = amount_add_cap(pair->found, due);
	pair->found_bytes += bytes;
	pay_buy_found(pair);
}

/* ---- looking ---- */

void pay_session_view(const struct pay_session *s, struct pay_view *out)
{
	static const char *const selling[] = {
		[SELL_QUIET] = "quiet",
		[SELL_TOLD] = "told",
		[SELL_AGREED] = "agreed",
	};
	static const char *const buying[] = {
		[BUY_OFF] = "off",	   [BUY_ASKED] = "asked",
		[BUY_BIDDING] = "bidding", [BUY_HELLO] = "hello",
		[BUY_PAYING] = "paying",   [BUY_STOPPED] = "stopped",
	};

	memset(out, 0, sizeof(*out));
	out->role = s->role;
	out->state = s->role == PAY_SELL ? selling[s->sell.state]
					 : buying[s->buy.state];
	out->bid = s->bid;
	out->paid_bytes = s->paid_bytes;
	out->free_bytes = s->free_bytes;
	out->metered = s->role == PAY_SELL ? s->sell.metered : s->buy.metered;
	if (!s->pair)
		return;
	out->peer = s->pair->peer;
	if (s->role == PAY_SELL)
		out->credit = pay_sell_credit(s->p, s->pair);
	else
		out->ahead = pay_buy_ahead(s->pair);
}

/* ---- the real book ---- */

static enum err_code on_pair_load(void *ctx, struct book_pair *out,
				  const struct address *peer, struct err *e)
{
	return book_pair_load(ctx, out, peer, e);
}

static enum err_code on_receipt_in(void *ctx, const struct receipt *r,
				   struct amount owed, uint64_t owed_rem,
				   int64_t now_s, struct err *e)
{
	return book_receipt_in(ctx, r, owed, owed_rem, now_s, e);
}

static enum err_code on_receipt_out(void *ctx, const struct address *payee,
				    const struct book_out *out,
				    const struct book_job *job, int64_t now_s,
				    struct err *e)
{
	return book_receipt_out(ctx, payee, out, job, now_s, e);
}

static enum err_code on_counts_in(void *ctx, const struct address *payer,
				  struct amount owed, uint64_t owed_rem,
				  struct err *e)
{
	return book_counts_in(ctx, payer, owed, owed_rem, e);
}

static enum err_code on_counts_out(void *ctx, const struct address *payee,
				   const struct book_out *out, struct err *e)
{
	return book_counts_out(ctx, payee, out, e);
}

static enum err_code on_job_load(void *ctx, struct book_job *job, struct err *e)
{
	return book_job_load(ctx, job, e);
}

static bool on_own_funds(void *ctx, struct amount *own_free,
			 struct amount *promised)
{
	return book_own_funds(ctx, own_free, promised);
}

struct pay_book pay_book_of(struct book *b)
{
	return (struct pay_book){
		.ctx = b,
		.pair_load = on_pair_load,
		.receipt_in = on_receipt_in,
		.receipt_out = on_receipt_out,
		.counts_in = on_counts_in,
		.counts_out = on_counts_out,
		.job_load = on_job_load,
		.own_funds = on_own_funds,
	};
}
