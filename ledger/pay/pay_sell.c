/* pay_sell.c - the seller's half of sb_pay: who has paid for what, and how far
 * a payer is served before it is cashed. */
#include "ledger/pay/pay_int.h"

#include <string.h>

/* ---- how far a payer is served ---- */

/* Beyond what is secured: never more than it has, nor than we trust it. Its own
 * account of what it paid us is the chain's, so it cannot be faked; a part of
 * that, not all, so that paying in order to cheat later does not pay. */
static struct amount unsecured(const struct pay *p, const struct pay_pair *pair)
{
	const struct book_facts *f = &pair->in.facts;
	struct amount trust = p->cfg.trust_start;

	if (!f->known)
		return pair->blind ? trust : AMOUNT_ZERO;
	if (pair->in.bounced)
		return AMOUNT_ZERO;
	trust = amount_add_cap(trust, pay_part_of(f->paid, PAY_TRUST_DIV));
	trust = amount_min(trust,
			   amount_max(p->cfg.trust_max, p->cfg.trust_start));
	return amount_min(trust, f->free);
}

/* Receipts count up to here. */
static struct amount limit_of(const struct pay *p, const struct pay_pair *pair)
{
	const struct book_facts *f = &pair->in.facts;
	struct amount limit = amount_add_cap(f->paid, unsecured(p, pair));

	if (f->until >= p->now_s + BOOK_SECURED_MARGIN_S)
		limit = amount_add_cap(limit, f->reserve);
	return amount_min(limit, amount_max112());
}

static struct amount countable(const struct pay *p, const struct pay_pair *pair)
{
	if (!pair->in.have)
		return AMOUNT_ZERO;
	return amount_min(pair->in.newest.amount, limit_of(p, pair));
}

struct amount pay_sell_credit(const struct pay *p, const struct pay_pair *pair)
{
	return amount_sub_floor(countable(p, pair), pair->in.owed);
}

/* Of it, what bytes may use up. */
static struct amount for_bytes(const struct pay *p, const struct pay_pair *pair)
{
	return amount_sub_floor(pay_sell_credit(p, pair), pair->kept);
}

void pay_sell_look(struct pay_pair *pair)
{
	pair->most_known = false;
}

/* Asked for every block, so kept until something that it comes from changes. */
static struct amount most_for_bytes(const struct pay *p, struct pay_pair *pair)
{
	if (!pair->most_known)
		pair->most = amount_sub_floor(countable(p, pair), pair->kept);
	pair->most_known = true;
	return pair->most;
}

static bool limited(const struct pay *p, const struct pay_pair *pair)
{
	return pair->in.have &&
	       amount_cmp(pair->in.newest.amount, limit_of(p, pair)) > 0;
}

/* A payer whose balance cannot be read gets one of a few places, once the chain
 * has had its time to answer. Served at once, each fresh identity would have
 * its trust for nothing in the moment before the answer; without a bound on the
 * places, for as long as no node of the chain can be reached. */
static void take_blind_place(struct pay *p, struct pay_pair *pair)
{
	if (pair->in.facts.known || pair->blind || !pair->in.have ||
	    p->n_blind >= PAY_BLIND_MAX || pair->facts_in_ms == INT64_MIN ||
	    p->now_ms - pair->facts_in_ms < PAY_BLIND_MS)
		return;
	pair->blind = true;
	p->n_blind++;
	pay_sell_look(pair);
}

/* The place is free again when what was served in it turns out to be covered;
 * else it stays taken, so that identities without a coin use it up once. */
static void leave_blind_place(struct pay *p, struct pay_pair *pair)
{
	if (!pair->blind || !pair->in.facts.known ||
	    amount_cmp(limit_of(p, pair), pair->in.owed) < 0)
		return;
	pair->blind = false;
	p->n_blind--;
}

/* ---- ranks ---- */

/* Order-preserving: the position of the highest bit, then the 56 bits below. */
static uint64_t rank_of_price(struct amount price)
{
	uint8_t be[16];
	unsigned bit = 0;
	uint64_t mantissa = 0;

	amount_to_be16(be, price);
	while (bit < 128 && !(be[bit / 8] & (0x80U >> (bit % 8))))
		bit++;
	if (bit == 128)
		return 0;
	for (unsigned i = bit; i < bit + 56; i++) {
		unsigned set = i < 128 && (be[i / 8] & (0x80U >> (i % 8))) != 0;

		mantissa = mantissa << 1 | set;
	}
	return (uint64_t)(128 - bit) << 56 | mantissa;
}

static bool covers_block(const struct pay_session *s)
{
	return amount_cmp(for_bytes(s->p, s->pair),
			  pay_cost_up(s->bid, PAY_BLOCK)) >= 0;
}

/* The block that waits may be another length than the usual one. */
static bool covers_held(const struct pay_session *s)
{
	return amount_cmp(for_bytes(s->p, s->pair),
			  pay_cost_up(s->bid, s->sell.hold_len)) >= 0;
}

static bool paid_up(const struct pay_session *s)
{
	if (s->dead || !s->sell.proved || amount_is_zero(s->bid))
		return false;
	if (covers_block(s))
		return true;
	/* its next receipt may be on the way; one that nobody has bounded yet
	 * does not hold a slot meanwhile */
	return !limited(s->p, s->pair) &&
	       (!s->sell.hold || s->p->now_ms - s->sell.hold_ms < PAY_HOLD_MS);
}

uint64_t pay_rank(const struct pay_session *s)
{
	if (s->role != PAY_SELL || !paid_up(s))
		return 0;
	return rank_of_price(s->bid);
}

static void update_rank(struct pay_session *s)
{
	uint64_t rank = pay_rank(s);

	if (rank == s->sell.rank)
		return;
	s->sell.rank = rank;
	pay_tell(s, PAY_EV_RANK, s->bid, PAY_NO_NONE, "");
}

/* ---- saying it ---- */

static void send_terms(struct pay_session *s)
{
	const struct pay_config *cfg = &s->p->cfg;
	struct pay_msg m = {
		.kind = PAY_MSG_TERMS,
		.u.terms = {.version = PAY_VERSION,
			    .chain_id = cfg->chain_id,
			    .bank = cfg->bank,
			    .payee = cfg->me,
			    .price = cfg->floor,
			    .step = PAY_STEP_MIN / 2},
	};

	memcpy(m.u.terms.key_sig, cfg->seal_sig, RECEIPT_SIG_LEN);
	pay_send(s, &m);
}

static void send_ack(struct pay_session *s)
{
	const struct pay_pair *pair = s->pair;
	struct pay_msg m = {
		.kind = PAY_MSG_ACK,
		.u.ack = {.amount = pair->in.have ? pair->in.newest.amount
						  : AMOUNT_ZERO,
			  .limit = limit_of(s->p, pair),
			  .owed = pair->in.owed,
			  .hold = s->sell.hold},
	};

	m.u.ack.owed = amount_min(m.u.ack.owed, m.u.ack.amount);
	s->sell.acked = true;
	s->sell.acked_limit = m.u.ack.limit;
	pay_send(s, &m);
}

/* Says once per limit that receipts above it are kept and not served on. */
static void tell_limit(struct pay_session *s)
{
	struct amount limit = limit_of(s->p, s->pair);

	s->sell.limited = s->sell.limited && limited(s->p, s->pair);
	if (!limited(s->p, s->pair))
		return;
	pay_ask_facts(s->p, s->pair, true);
	if (!s->pair->in.facts.known && !s->pair->blind)
		return; /* an answer is on its way */
	if (s->sell.limited && amount_cmp(s->sell.told_limit, limit) == 0)
		return;
	s->sell.limited = true;
	s->sell.told_limit = limit;
	pay_send_no(s, PAY_NO_EXPOSURE, limit, "kept, served on when cashed");
	pay_tell(s, PAY_EV_LIMIT, limit, PAY_NO_EXPOSURE,
		 "uncashed receipts are at their limit");
}

/* Credit, limit or slot changed: lets held blocks go, and tells what is new. */
static void review(struct pay_session *s)
{
	tell_limit(s);
	if (s->sell.acked &&
	    amount_cmp(limit_of(s->p, s->pair), s->sell.acked_limit) > 0 &&
	    (s->renting ||
	     amount_cmp(s->pair->in.newest.amount, s->sell.acked_limit) >= 0))
		send_ack(s); /* the buyer waits for a higher limit */
	if (s->sell.hold && s->sell.proved && !amount_is_zero(s->bid) &&
	    covers_held(s)) {
		s->sell.hold = s->sell.told_hold = false;
		pay_tell(s, PAY_EV_READY, AMOUNT_ZERO, PAY_NO_NONE, "");
	}
	update_rank(s);
}

void pay_sell_review(struct pay *p, struct pay_pair *pair)
{
	leave_blind_place(p, pair);
	pay_sell_look(pair);
	for (struct pay_session *s = pair->sessions; s; s = s->pair_next)
		if (s->role == PAY_SELL && !s->dead)
			review(s);
}

/* ---- messages ---- */

static enum err_code on_ask(struct pay_session *s, const struct pay_msg_ask *m)
{
	const struct pay_config *cfg = &s->p->cfg;

	if (!pay_ask_allowed(s->p, s->net)) {
		pay_send_no(s, PAY_NO_BUSY, AMOUNT_ZERO, "ask again later");
	} else if (m->chain_id != cfg->chain_id ||
		   !address_eq(&m->bank, &cfg->bank)) {
		pay_send_no(s, PAY_NO_BANK, AMOUNT_ZERO,
			    "another chain or bank");
	} else {
		if (s->sell.state == SELL_QUIET)
			s->sell.state = SELL_TOLD;
		send_terms(s);
	}
	return ERR_NONE;
}

static enum err_code on_bid(struct pay_session *s,
			    const struct pay_msg_price *m, struct err *e)
{
	struct pay_msg ok = {.kind = PAY_MSG_OK, .u.price = *m};

	if (s->sell.state == SELL_QUIET)
		return err_fail(e, ERR_STATE, "sb_pay: bid before terms");
	if (amount_cmp(m->price, s->p->cfg.floor) < 0) {
		pay_send_no(s, PAY_NO_PRICE, s->p->cfg.floor, "below my price");
		pay_tell(s, PAY_EV_REFUSED, m->price, PAY_NO_PRICE,
			 "bid below the floor");
		return ERR_NONE;
	}
	s->bid = m->price;
	s->sell.cap = amount_max(s->sell.cap, m->price);
	s->sell.state = SELL_AGREED;
	pay_send(s, &ok);
	update_rank(s);
	return ERR_NONE;
}

void pay_sell_floor(struct pay_session *s)
{
	if (s->sell.state == SELL_QUIET)
		return;
	if (amount_cmp(s->bid, s->p->cfg.floor) < 0)
		s->bid = AMOUNT_ZERO; /* a new bid is needed */
	send_terms(s);
	update_rank(s);
}

/* What is wrong with a receipt whatever we hold, and costs the connection. */
static enum err_code check_receipt(struct pay_session *s,
				   const struct pay_msg_receipt *m,
				   struct err *e)
{
	struct pay *p = s->p;

	if (amount_is_zero(s->sell.cap))
		return err_fail(e, ERR_STATE, "sb_pay: receipt before a bid");
	if (address_eq(&m->r.payer, &p->cfg.me))
		return err_fail(e, ERR_STATE, "sb_pay: a receipt of our own");
	if (s->pair && !address_eq(&m->r.payer, &s->pair->peer))
		return err_fail(e, ERR_STATE, "sb_pay: another payer");
	if (amount_cmp(m->owed, m->r.amount) > 0)
		return err_fail(e, ERR_STATE, "sb_pay: owed beyond promised");
	if (m->bytes > s->paid_bytes)
		return err_fail(e, ERR_STATE,
				"sb_pay: more bytes than were charged");
	if (!p->host.check(p->host.ctx, &m->r.payer, &p->cfg.me, m->r.amount,
			   m->r.sig))
		return err_fail(e, ERR_SIG, "sb_pay: a forged receipt");
	return ERR_NONE;
}

static const struct receipt *highest(const struct pay_pair *pair)
{
	if (pair->staged)
		return &pair->next_in;
	return pair->in.have ? &pair->in.newest : NULL;
}

/* Of what a receipt adds, at most the largest step, of bytes and where dues are
 * paid of those too, is prepaid service; the rest
 * can only be for service that our books have forgotten (an old backup, an
 * empty database). The payer's own count may say that it was even more. */
static void count_as_served(struct pay_session *s,
			    const struct pay_msg_receipt *m, struct amount held)
{
	struct pay_pair *pair = s->pair;
	struct amount most = pay_cost_up(s->sell.cap, PAY_STEP_MAX);
	struct amount grown = amount_sub_floor(m->r.amount, held);
	struct amount dues = s->renting ? s->p->cfg.due_step : AMOUNT_ZERO;
	struct amount owed = amount_add_cap(pair->in.owed, pair->bump);

	most = amount_add_cap(most, dues);
	owed = amount_add_cap(owed, amount_sub_floor(grown, most));
	if (amount_cmp(held, pair->in.facts.paid) < 0) /* we cashed it once */
		owed = amount_max(owed, pair->in.facts.paid);
	owed = amount_min(amount_max(owed, m->owed), m->r.amount);
	pair->bump = amount_sub_floor(owed, pair->in.owed);
}

/* A receipt came before the chain could be read, and part of it had been cashed
 * already: by us, whose book has forgotten it. */
void pay_sell_first_facts(struct pay_pair *pair)
{
	struct book_in *in = &pair->in;

	if (!in->have)
		return;
	in->owed = amount_max(in->owed, in->facts.paid);
	in->owed = amount_min(in->owed, in->newest.amount);
	pair->in_dirty = true;
}

static void stage(struct pay_session *s, const struct pay_msg_receipt *m)
{
	struct pay *p = s->p;
	struct pay_pair *pair = s->pair;
	const struct receipt *held = highest(pair);
	struct amount before = pair->bump;
	struct err e = {0};

	count_as_served(s, m, held ? held->amount : AMOUNT_ZERO);
	if (p->book.receipt_in(p->book.ctx, &m->r,
			       amount_add_cap(pair->in.owed, pair->bump),
			       pair->in.owed_rem, p->now_s, &e) != ERR_NONE) {
		pair->bump = before;
		pay_send_no(s, PAY_NO_STORE, AMOUNT_ZERO, "not stored");
		pay_tell(s, PAY_EV_BOOK, m->r.amount, PAY_NO_STORE, e.msg);
		return;
	}
	pair->next_in = m->r;
	pair->staged = true;
	s->sell.await = s->sell.brings = true;
	pay_ask_facts(p, pair, true);
	pay_wait_commit(p, pair);
}

static enum err_code return_higher(struct pay_session *s,
				   const struct receipt *held, struct err *e)
{
	struct pay_msg m = {.kind = PAY_MSG_HELD,
			    .u.held = {.amount = held->amount}};

	if (++s->sell.sinks > PAY_SINKS_MAX)
		return err_fail(e, ERR_STATE, "sb_pay: receipts that sink");
	memcpy(m.u.held.sig, held->sig, RECEIPT_SIG_LEN);
	pay_send(s, &m);
	return ERR_NONE;
}

static enum err_code on_receipt(struct pay_session *s,
				const struct pay_msg_receipt *m, struct err *e)
{
	enum err_code rc = check_receipt(s, m, e);
	const struct receipt *held;
	struct pay_pair *pair;
	int order;

	if (rc != ERR_NONE)
		return rc;
	pair = s->pair ? s->pair : pay_pair_get(s->p, &m->r.payer, NULL);
	if (!pair) {
		pay_send_no(s, PAY_NO_STORE, AMOUNT_ZERO, "no room");
		return ERR_NONE;
	}
	if (!s->pair)
		pay_pair_join(s, pair);
	held = highest(pair);
	order = held ? amount_cmp(m->r.amount, held->amount)
		     : !amount_is_zero(m->r.amount);
	if (order > 0) {
		stage(s, m);
	} else if (order < 0) {
		return return_higher(s, held, e);
	} else if (pair->staged) {
		s->sell.await = true; /* acknowledged with the commit */
	} else {
		/* seen before, so it proves nothing: cashed receipts are public
		 * on the chain, and anyone can bring one. Its owner's count of
		 * what was served is heard only with a receipt that is new. */
		send_ack(s);
	}
	return ERR_NONE;
}

enum err_code pay_sell_receive(struct pay_session *s, const struct pay_msg *m,
			       struct err *e)
{
	switch (m->kind) {
	case PAY_MSG_ASK:
		return on_ask(s, &m->u.ask);
	case PAY_MSG_BID:
		return on_bid(s, &m->u.price, e);
	case PAY_MSG_RECEIPT:
		return on_receipt(s, &m->u.receipt, e);
	case PAY_MSG_TERMS:
	case PAY_MSG_OK:
	case PAY_MSG_NO:
	case PAY_MSG_ACK:
	case PAY_MSG_HELD:
	case PAY_MSG_METER:
		break;
	}
	return err_fail(e, ERR_STATE, "sb_pay: not a buyer's message");
}

static void answer(struct pay_session *s, bool ok)
{
	s->sell.await = false;
	if (!ok) {
		pay_send_no(s, PAY_NO_STORE, AMOUNT_ZERO, "not stored");
		pay_tell(s, PAY_EV_BOOK, AMOUNT_ZERO, PAY_NO_STORE,
			 "the book could not commit");
	} else {
		s->sell.proved = s->sell.proved || s->sell.brings;
		s->sell.told_hold = false;
		send_ack(s);
		pay_tell(s, PAY_EV_ACCEPTED, s->pair->in.newest.amount,
			 PAY_NO_NONE, "");
	}
	s->sell.brings = false;
}

void pay_sell_committed(struct pay *p, struct pay_pair *pair, bool ok)
{
	pair->staged = false;
	if (ok) {
		pair->in.newest = pair->next_in;
		pair->in.have = true;
		pair->in.owed = amount_add_cap(pair->in.owed, pair->bump);
		pay_sell_look(pair);
	}
	pair->bump = AMOUNT_ZERO;
	if (pair->due_late)
		pay_flush_pair(p, pair);
	pair->due_late = false;
	for (struct pay_session *s = pair->sessions; s; s = s->pair_next)
		if (s->role == PAY_SELL && s->sell.await && !s->dead)
			answer(s, ok);
	pay_sell_review(p, pair);
}

/* ---- blocks ---- */

static void meter(struct pay_session *s, bool paid, struct amount price)
{
	struct pay_msg m = {
		.kind = PAY_MSG_METER,
		.u.meter = {.paid = paid,
			    .price = price,
			    .bytes = s->paid_bytes},
	};

	if (s->sell.metered == paid && amount_cmp(s->sell.price, price) == 0)
		return;
	s->sell.metered = paid;
	s->sell.price = price;
	if (paid)
		s->sell.charged_at = price;
	pay_send(s, &m);
}

static enum pay_charge hold(struct pay_session *s, uint32_t len)
{
	s->sell.hold_len = len;
	if (!s->sell.hold) {
		s->sell.hold = true;
		s->sell.hold_ms = s->p->now_ms;
	}
	if (!s->sell.told_hold && s->pair) {
		s->sell.told_hold = true;
		send_ack(s);
		tell_limit(s);
	}
	update_rank(s);
	return PAY_CHARGE_HOLD;
}

void pay_set_slot(struct pay_session *s, enum pay_slot slot)
{
	if (s->dead || s->role != PAY_SELL || s->sell.slot == slot)
		return;
	s->sell.slot = slot;
	/* what waited goes out for free; `hold` stays until a receipt covers a
	 * block, else the peer would be ranked, held and let go in turns */
	if (slot == PAY_SLOT_FREE && s->sell.hold)
		pay_tell(s, PAY_EV_READY, AMOUNT_ZERO, PAY_NO_NONE, "");
}

bool pay_charge_next(struct pay_session *s, uint32_t len)
{
	struct pay_pair *pair = s->pair;

	if (s->dead || s->role != PAY_SELL || s->sell.slot == PAY_SLOT_FREE ||
	    !s->sell.proved || !s->sell.metered ||
	    amount_cmp(s->sell.price, s->bid) != 0 ||
	    !pay_cost_add(&pair->in.owed, &pair->in.owed_rem, s->bid, len,
			  most_for_bytes(s->p, pair)))
		return false;
	if (s->paid_bytes % PAY_BYTES_A_MSG + len >= PAY_BYTES_A_MSG)
		s->tokens++;
	s->paid_bytes += len;
	pair->in_dirty = true;
	return true;
}

enum pay_charge pay_charge(struct pay_session *s, uint32_t len, int64_t now_ms)
{
	struct amount owed;
	uint64_t rem;

	if (s->dead || s->role != PAY_SELL)
		return PAY_CHARGE_HOLD;
	s->p->now_ms = now_ms;
	if (s->sell.slot == PAY_SLOT_FREE) {
		meter(s, false, AMOUNT_ZERO);
		s->free_bytes += len;
		return PAY_CHARGE_FREE;
	}
	if (!s->sell.proved || amount_is_zero(s->bid))
		return hold(s, len);
	owed = s->pair->in.owed;
	rem = s->pair->in.owed_rem;
	if (!pay_cost_add(&owed, &rem, s->bid, len,
			  most_for_bytes(s->p, s->pair)))
		return hold(s, len);
	meter(s, true, s->bid);
	return pay_charge_next(s, len) ? PAY_CHARGE_PAID : hold(s, len);
}

/* The price is that of the last meter message that charged. */
void pay_uncharge(struct pay_session *s, uint32_t len)
{
	struct book_in *in = s->pair ? &s->pair->in : NULL;
	struct amount cost;
	uint64_t rem;

	if (s->role != PAY_SELL || !in || len > s->paid_bytes ||
	    !amount_mul_div(&cost, &rem, s->sell.charged_at, len, 0, PAY_GIB))
		return;
	if (in->owed_rem < rem) {
		in->owed_rem += PAY_GIB;
		cost = amount_add_cap(cost, amount_from_u64(1));
	}
	if (amount_cmp(cost, in->owed) > 0) {
		in->owed_rem %= PAY_GIB;
		return;
	}
	in->owed_rem -= rem;
	in->owed = amount_sub_floor(in->owed, cost);
	s->paid_bytes -= len;
	s->pair->in_dirty = true;
}

/* ---- dues ---- */

void pay_sell_keep(struct pay_session *s, struct amount due)
{
	struct pay_pair *pair = s->pair;

	pair->kept = amount_sub_floor(pair->kept, s->sell.due);
	pair->kept = amount_add_cap(pair->kept, due);
	s->sell.due = due;
	pay_sell_look(pair);
}

bool pay_covered(struct pay_session *s, struct amount due, int64_t now_ms)
{
	struct pay *p = s->p;
	struct amount need;

	p->now_ms = now_ms;
	if (amount_is_zero(due)) {
		if (s->pair)
			pay_sell_keep(s, due);
		return true;
	}
	if (s->dead || s->role != PAY_SELL || !s->sell.proved)
		return false;
	need = amount_sub_floor(s->pair->kept, s->sell.due);
	if (!amount_add(&need, need, due) ||
	    amount_cmp(pay_sell_credit(p, s->pair), need) < 0) {
		tell_limit(s);
		return false;
	}
	pay_sell_keep(s, due);
	update_rank(s);
	return true;
}

/* Stored at once: a host that stops now has told what it took for it. Never
 * above what was promised: the rest was served unasked, which only happens when
 * its session is gone and another used up what was kept. */
void pay_sell_due(struct pay *p, struct pay_pair *pair, struct amount due)
{
	struct book_in *in = &pair->in;

	in->owed = amount_min(amount_add_cap(in->owed, due),
			      in->have ? in->newest.amount : AMOUNT_ZERO);
	pair->in_dirty = true;
	pair->due_late = pair->staged;
	pay_flush_pair(p, pair);
}

/* ---- time and leaving ---- */

void pay_sell_tick(struct pay_session *s)
{
	if (!s->pair)
		return;
	if (!s->pair->in.facts.known || s->sell.limited)
		pay_ask_facts(s->p, s->pair, true);
	take_blind_place(s->p, s->pair);
	pay_sell_look(s->pair);
	review(s); /* reserves end, waits run out */
}

void pay_sell_leave(struct pay_session *s)
{
	s->sell.await = false;
	if (s->pair)
		pay_sell_keep(s, AMOUNT_ZERO);
}
