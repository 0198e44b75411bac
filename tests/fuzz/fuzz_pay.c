/* The whole machine of sb_pay, both roles, fed with anything: messages built
 * from the input or raw bytes, blocks, slots, chokes, ticks, commits that fail,
 * signers that refuse, facts that change. What must hold is checked from the
 * outside: a payer was never served above its durable receipt, the buyer never
 * signed above its funds nor its job's budget, sums never fall. */
#include "ledger/pay/pay.h"

#include <stdlib.h>
#include <string.h>

#define PEERS 4
#define SESSIONS 6
#define FLOOR 1024

struct in {
	const uint8_t *p;
	size_t left;
};

struct world {
	struct pay *pay;
	struct pay_job *job;
	struct pay_session *s[SESSIONS];
	bool dead[SESSIONS];
	uint8_t payer_of[SESSIONS]; /* peer + 1 that its receipts name */
	struct book_pair stored[PEERS], staged[PEERS];
	struct book_job job_stored, job_staged;
	struct amount wanted[PEERS]; /* at the signer */
	bool wants[PEERS];
	struct amount signed_max[PEERS];
	struct amount own_free, reserve[PEERS];
	uint64_t charged[PEERS];
	struct amount bid[SESSIONS], shown[SESSIONS]; /* last sent to it */
	struct amount paid[PEERS]; /* highest receipt that it brought */
	int64_t now_ms;
	bool want_commit;
};

static const struct address me = {{1}};

static uint8_t take(struct in *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->p++;
}

static uint32_t take32(struct in *in)
{
	uint32_t v = take(in);

	v = v << 8 | take(in);
	v = v << 8 | take(in);
	return v << 8 | take(in);
}

static struct amount take_amount(struct in *in)
{
	uint8_t how = take(in);

	if (how < 0x20)
		return amount_sub_floor(amount_max112(), amount_from_u64(how));
	if (how < 0x40)
		return amount_from_u64(take(in));
	if (how < 0x60)
		return amount_from_u64(UINT64_MAX - how);
	return amount_from_u64(take32(in) >> (how & 15));
}

static struct address peer_address(uint8_t i)
{
	return (struct address){{0xa0, i}};
}

static int peer_index(const struct address *a)
{
	return a->bytes[0] == 0xa0 && a->bytes[1] < PEERS ? a->bytes[1] : -1;
}

static void sign(uint8_t sig[RECEIPT_SIG_LEN], const struct address *payer,
		 struct amount amount)
{
	memset(sig, payer->bytes[0] ^ payer->bytes[1], RECEIPT_SIG_LEN);
	amount_to_be16(sig + 8, amount);
}

/* ---- a book of four pairs ---- */

static enum err_code b_load(void *ctx, struct book_pair *out,
			    const struct address *peer, struct err *e)
{
	struct world *w = ctx;
	int i = peer_index(peer);

	(void)e;
	memset(out, 0, sizeof(*out));
	out->peer = *peer;
	if (i >= 0)
		*out = w->staged[i];
	return ERR_NONE;
}

static enum err_code b_in(void *ctx, const struct receipt *r,
			  struct amount owed, uint64_t owed_rem, int64_t now_s,
			  struct err *e)
{
	struct world *w = ctx;
	struct book_in *in = &w->staged[peer_index(&r->payer)].in;

	(void)now_s;
	if (in->have && amount_cmp(r->amount, in->newest.amount) <= 0)
		abort(); /* pay must never offer a sinking one */
	if (amount_cmp(owed, r->amount) > 0)
		abort();
	if ((amount_is_zero(r->amount) && in->have) || owed_rem >= PAY_GIB)
		return err_fail(e, ERR_STATE, "no");
	in->have = true;
	in->newest = *r;
	in->owed = owed;
	in->owed_rem = owed_rem;
	return ERR_NONE;
}

static enum err_code b_out(void *ctx, const struct address *payee,
			   const struct book_out *out,
			   const struct book_job *job, int64_t now_s,
			   struct err *e)
{
	struct world *w = ctx;
	struct book_out *kept = &w->staged[peer_index(payee)].out;
	struct book_facts facts = kept->facts;

	(void)now_s;
	(void)e;
	if (kept->have &&
	    amount_cmp(out->newest.amount, kept->newest.amount) < 0)
		abort();
	*kept = *out;
	kept->facts = facts;
	if (job)
		w->job_staged = *job;
	return ERR_NONE;
}

static enum err_code b_counts_in(void *ctx, const struct address *payer,
				 struct amount owed, uint64_t owed_rem,
				 struct err *e)
{
	struct world *w = ctx;
	struct book_in *in = &w->staged[peer_index(payer)].in;

	(void)e;
	if (in->have && amount_cmp(owed, in->newest.amount) > 0)
		abort(); /* served, or taken in, for nothing */
	in->owed = owed;
	in->owed_rem = owed_rem;
	return ERR_NONE;
}

static enum err_code b_counts_out(void *ctx, const struct address *payee,
				  const struct book_out *out, struct err *e)
{
	struct world *w = ctx;
	struct book_out *kept = &w->staged[peer_index(payee)].out;

	(void)e;
	kept->owed = out->owed;
	kept->owed_rem = out->owed_rem;
	kept->lost = out->lost;
	kept->bytes = out->bytes;
	kept->banned = out->banned;
	return ERR_NONE;
}

static enum err_code b_job(void *ctx, struct book_job *job, struct err *e)
{
	struct world *w = ctx;

	(void)e;
	job->spent = w->job_stored.spent;
	return ERR_NONE;
}

static struct amount beyond(const struct book_out *out)
{
	struct amount a = out->have ? out->newest.amount : AMOUNT_ZERO;

	a = amount_max(a, out->facts.paid);
	a = amount_sub_floor(a, out->facts.paid);
	return amount_sub_floor(a, out->facts.reserve);
}

static bool b_funds(void *ctx, struct amount *own, struct amount *promised)
{
	struct world *w = ctx;

	*own = w->own_free;
	*promised = AMOUNT_ZERO;
	for (int i = 0; i < PEERS; i++)
		*promised =
			amount_add_cap(*promised, beyond(&w->staged[i].out));
	return true;
}

/* ---- the host ---- */

static void h_send(void *ctx, void *session, const uint8_t *msg, size_t len)
{
	struct pay_msg m;

	struct world *w = ctx;
	size_t i = (size_t)((struct pay_session **)session - w->s);

	if (pay_msg_decode(&m, msg, len, NULL) != ERR_NONE)
		abort();
	if (m.kind == PAY_MSG_BID)
		w->bid[i] = m.u.price.price;
	if (m.kind == PAY_MSG_RECEIPT)
		w->shown[i] = m.u.receipt.r.amount;
}

static void h_close(void *ctx, void *session, const struct err *e)
{
	(void)ctx;
	(void)session;
	(void)e;
}

static void h_sign(void *ctx, const struct address *payee, struct amount amount)
{
	struct world *w = ctx;
	int i = peer_index(payee);

	if (i < 0)
		abort();
	w->wants[i] = true;
	w->wanted[i] = amount;
}

static bool h_check(void *ctx, const struct address *payer,
		    const struct address *payee, struct amount amount,
		    const uint8_t sig[RECEIPT_SIG_LEN])
{
	uint8_t want[RECEIPT_SIG_LEN];

	(void)ctx;
	(void)payee;
	sign(want, payer, amount);
	return memcmp(want, sig, sizeof(want)) == 0;
}

static bool h_channel(void *ctx, const struct address *payee,
		      const uint8_t key[32], const uint8_t sig[RECEIPT_SIG_LEN])
{
	(void)ctx;
	(void)key;
	return sig[0] == payee->bytes[1];
}

static void h_facts(void *ctx, const struct address *payer,
		    const struct address *payee)
{
	(void)ctx;
	(void)payer;
	(void)payee;
}

static void h_commit(void *ctx)
{
	struct world *w = ctx;

	w->want_commit = true;
}

static uint64_t h_missing(void *ctx, void *session_ctx, uint64_t enough)
{
	const struct world *w = ctx;

	(void)session_ctx; /* now much, now little, now nothing */
	return enough * (uint64_t)(w->now_ms / 1000 % 3) / 2;
}

static void h_event(void *ctx, const struct pay_event *ev)
{
	(void)ctx;
	(void)ev;
}

static void open_world(struct world *w)
{
	const struct pay_host host = {w,	 h_send,    h_close, h_sign,
				      h_check,	 h_channel, h_facts, h_commit,
				      h_missing, h_event};
	const struct pay_book book = {w,     b_load,	  b_in,
				      b_out, b_counts_in, b_counts_out,
				      b_job, b_funds};
	const struct pay_config cfg = {
		.chain_id = 5,
		.bank = {{0xb0}},
		.me = me,
		.sell = true,
		.floor = amount_from_u64(FLOOR),
		.trust_start = amount_from_u64(100000),
		.trust_max = amount_from_u64(1000000),
	};

	if (pay_new(&w->pay, &cfg, &host, &book, NULL, w->now_ms, 1000000,
		    NULL) != ERR_NONE)
		abort();
}

/* ---- messages ---- */

static struct pay_msg any_message(struct in *in)
{
	struct pay_msg m = {0};
	struct receipt *r = &m.u.receipt.r;

	m.kind = (enum pay_msg_kind)(1 + take(in) % PAY_MSG_METER);
	switch (m.kind) {
	case PAY_MSG_ASK:
		m.u.ask = (struct pay_msg_ask){1, 5, {{0xb0}}};
		break;
	case PAY_MSG_TERMS:
		m.u.terms = (struct pay_msg_terms){
			.version = 1,
			.chain_id = 5,
			.bank = {{0xb0}},
			.payee = peer_address(take(in) % PEERS),
			.price = take_amount(in),
			.step = 1 + take(in)};
		memset(m.u.terms.key_sig, m.u.terms.payee.bytes[1],
		       RECEIPT_SIG_LEN);
		break;
	case PAY_MSG_BID:
	case PAY_MSG_OK:
		m.u.price.price = take_amount(in);
		break;
	case PAY_MSG_NO:
		m.u.no.code = (enum pay_no)(1 + take(in) % PAY_NO_LAST);
		m.u.no.price = take_amount(in);
		break;
	case PAY_MSG_RECEIPT:
		r->payer = peer_address(take(in) % PEERS);
		r->amount = take_amount(in);
		m.u.receipt.owed = take_amount(in);
		m.u.receipt.bytes = take(in) & 1 ? take32(in) : 0;
		sign(r->sig, &r->payer, r->amount);
		break;
	case PAY_MSG_ACK:
		m.u.ack.amount = take_amount(in);
		m.u.ack.limit = take_amount(in);
		m.u.ack.owed = take_amount(in);
		m.u.ack.hold = take(in) & 1;
		break;
	case PAY_MSG_HELD:
		m.u.held.amount = take_amount(in);
		sign(m.u.held.sig, &me, m.u.held.amount);
		break;
	case PAY_MSG_METER:
		m.u.meter.price = take_amount(in);
		m.u.meter.paid = !amount_is_zero(m.u.meter.price);
		m.u.meter.bytes = take(in) & 1 ? take32(in) : 0;
		break;
	}
	return m;
}

static void say(struct world *w, unsigned i, const struct pay_msg *m)
{
	uint8_t buf[PAY_MSG_ROOM];
	size_t n = pay_msg_encode(m, buf, sizeof(buf));

	if (!n || !w->s[i])
		return;
	if (pay_receive(w->s[i], buf, n, w->now_ms, NULL) != ERR_NONE)
		w->dead[i] = true;
	else if (m->kind == PAY_MSG_RECEIPT && !w->dead[i])
		w->payer_of[i] = (uint8_t)(1 + m->u.receipt.r.payer.bytes[1]);
}

static void receive(struct world *w, unsigned i, struct in *in)
{
	struct pay_msg m = any_message(in);

	say(w, i, &m);
}

/* The usual words, so that the input need not find them. */
static void agree_as_buyer(struct world *w, unsigned i, struct in *in)
{
	struct pay_msg ask = {.kind = PAY_MSG_ASK, .u.ask = {1, 5, {{0xb0}}}};
	struct pay_msg bid = {.kind = PAY_MSG_BID};

	bid.u.price.price = amount_from_u64(FLOOR + take(in) * 1000U);
	say(w, i, &ask);
	say(w, i, &bid);
}

static void pay_as_buyer(struct world *w, unsigned i, struct in *in)
{
	struct pay_msg m = {.kind = PAY_MSG_RECEIPT};
	struct receipt *r = &m.u.receipt.r;
	uint8_t peer = take(in) % PEERS;

	if (i % 2)
		return;
	r->payer = peer_address(peer);
	r->amount = w->paid[peer] =
		amount_add_cap(w->paid[peer], amount_from_u64(take(in)));
	sign(r->sig, &r->payer, r->amount);
	say(w, i, &m);
}

static void agree_as_seller(struct world *w, unsigned i, struct in *in)
{
	struct pay_msg terms = {
		.kind = PAY_MSG_TERMS,
		.u.terms = {.version = 1,
			    .chain_id = 5,
			    .bank = {{0xb0}},
			    .payee = peer_address(take(in) % PEERS),
			    .price = amount_from_u64(1 + take32(in) % 90000000),
			    .step = 1}};
	struct pay_msg ok = {.kind = PAY_MSG_OK};

	memset(terms.u.terms.key_sig, terms.u.terms.payee.bytes[1],
	       RECEIPT_SIG_LEN);
	say(w, i, &terms);
	ok.u.price.price = w->bid[i];
	say(w, i, &ok);
	if (w->s[i])
		pay_set_choked(w->s[i], false, true, w->now_ms);
}

static void answer_as_seller(struct world *w, unsigned i, struct in *in)
{
	struct pay_msg ack = {.kind = PAY_MSG_ACK};
	struct pay_msg meter = {.kind = PAY_MSG_METER};

	ack.u.ack.amount = w->shown[i];
	ack.u.ack.limit = take(in) ? amount_max112() : take_amount(in);
	if (!amount_mul_div(&ack.u.ack.owed, NULL, w->shown[i], take(in), 0,
			    255))
		return;
	say(w, i, &ack);
	meter.u.meter.paid = true;
	meter.u.meter.price = w->bid[i];
	if (!amount_is_zero(w->bid[i]))
		say(w, i, &meter);
	for (int n = take(in); n > 0 && w->s[i]; n--)
		pay_on_block(w->s[i], 16384, w->now_ms);
}

static void receive_raw(struct world *w, unsigned i, struct in *in)
{
	size_t n = take(in);

	if (n > in->left)
		n = in->left;
	if (w->s[i] &&
	    pay_receive(w->s[i], in->p, n, w->now_ms, NULL) != ERR_NONE)
		w->dead[i] = true;
	in->p += n;
	in->left -= n;
}

/* ---- everything else that can happen ---- */

static void commit(struct world *w, bool ok)
{
	if (!w->want_commit)
		return;
	w->want_commit = false;
	if (ok) {
		memcpy(w->stored, w->staged, sizeof(w->stored));
		w->job_stored = w->job_staged;
	} else {
		memcpy(w->staged, w->stored, sizeof(w->staged));
		w->job_staged = w->job_stored;
	}
	pay_committed(w->pay, ok, w->now_ms);
}

static void answer_signer(struct world *w, uint8_t how)
{
	for (uint8_t i = 0; i < PEERS; i++) {
		struct address payee = peer_address(i);
		struct amount amount = w->wanted[i];
		uint8_t sig[RECEIPT_SIG_LEN];

		if (!w->wants[i])
			continue;
		w->wants[i] = false;
		sign(sig, &me, amount);
		pay_on_signed(w->pay, &payee, amount, how & 1 ? NULL : sig,
			      NULL, w->now_ms);
		if (!(how & 1))
			w->signed_max[i] = amount_max(w->signed_max[i], amount);
	}
}

static void change_facts(struct world *w, struct in *in)
{
	uint8_t i = take(in) % PEERS;
	struct address who = peer_address(i);
	struct book_facts *f = &w->staged[i].in.facts;

	f->known = true;
	f->block++;
	f->free = amount_from_u64(take32(in));
	f->reserve = amount_from_u64(take32(in) >> 8);
	f->until = take(in) & 1 ? 1000000 + 30 * 86400 : 0;
	w->stored[i].in.facts = *f;
	pay_on_facts(w->pay, &who, w->now_ms);
}

static void charge(struct world *w, unsigned i, struct in *in)
{
	uint32_t len = 1 + take(in) * 64U;

	if (!w->s[i])
		return;
	pay_set_slot(w->s[i], take(in) & 3 ? PAY_SLOT_PAID : PAY_SLOT_FREE);
	for (int n = take(in) % 32; n >= 0; n--) {
		if (!pay_charge_next(w->s[i], len) &&
		    pay_charge(w->s[i], len, w->now_ms) != PAY_CHARGE_PAID)
			break;
		if (!w->payer_of[i])
			abort();
		w->charged[w->payer_of[i] - 1] += len;
		if (take(in) == 7) {
			pay_uncharge(w->s[i], len);
			w->charged[w->payer_of[i] - 1] -= len;
		}
	}
}

static void open_session(struct world *w, unsigned i, struct in *in)
{
	struct pay_session_config cfg = {.role = i % 2 ? PAY_BUY : PAY_SELL,
					 .ctx = &w->s[i]};
	const struct pay_dues dues = {.one = amount_from_u64(1000),
				      .step = amount_from_u64(16000),
				      .most = amount_max112()};

	cfg.ip[0] = take(in);
	cfg.renting = cfg.ip[0] >= 0xc0;
	cfg.dues = &dues;
	if (w->s[i])
		pay_session_free(w->s[i]);
	w->s[i] = NULL;
	w->dead[i] = false;
	w->payer_of[i] = 0;
	w->bid[i] = w->shown[i] = AMOUNT_ZERO;
	if (cfg.role == PAY_BUY)
		cfg.job = w->job;
	if (pay_session_new(&w->s[i], w->pay, &cfg, w->now_ms, NULL) !=
	    ERR_NONE)
		w->s[i] = NULL;
}

/* Sectors that come and are stored, or not; and those of sessions that are
 * gone. */
static void dues(struct world *w, unsigned i, struct in *in)
{
	struct amount due = amount_from_u64(take(in) * 10U);
	struct address who = peer_address(take(in) % PEERS);
	uint8_t how = take(in);
	bool covered = false;

	if (how >= 0xf0) {
		(void)!pay_add_due_of(w->pay, how & 1 ? PAY_BUY : PAY_SELL,
				      &who, due, w->now_ms, NULL);
		return;
	}
	if (!w->s[i])
		return;
	if (i % 2)
		covered = pay_lead(w->s[i], due, amount_from_u64(1000),
				   w->now_ms);
	else
		covered = pay_covered(w->s[i], due, w->now_ms);
	if (covered || how < 0x10)
		pay_add_due(w->s[i], due, how * 1000U, w->now_ms);
}

static void check(struct world *w)
{
	struct pay_job_state st;

	for (int i = 0; i < PEERS; i++) {
		const struct book_in *in = &w->stored[i].in;
		struct amount cost;

		if (!amount_mul_div(&cost, NULL, amount_from_u64(FLOOR),
				    w->charged[i], 0, PAY_GIB))
			abort();
		if (amount_cmp(cost,
			       in->have ? in->newest.amount : AMOUNT_ZERO) > 0)
			abort(); /* served above what it durably signed */
	}
	pay_job_state(w->job, &st);
	if (amount_cmp(st.spent, amount_from_u64(4000000)) > 0)
		abort();
}

static void step(struct world *w, struct in *in)
{
	uint8_t op = take(in);
	unsigned i = (op >> 4) % SESSIONS;
	uint8_t how;

	switch (op & 15) {
	case 0:
		open_session(w, i, in);
		break;
	case 1:
		agree_as_buyer(w, i, in);
		break;
	case 2:
		pay_as_buyer(w, i, in);
		break;
	case 3:
		agree_as_seller(w, i, in);
		break;
	case 4:
		answer_as_seller(w, i, in);
		break;
	case 5:
		receive(w, i, in);
		break;
	case 6:
		receive_raw(w, i, in);
		break;
	case 7:
	case 8:
		charge(w, i, in);
		break;
	case 9:
		if (w->s[i])
			pay_set_choked(w->s[i], op & 0x80, true, w->now_ms);
		break;
	case 10:
		for (int n = take(in) % 20; n >= 0 && w->s[i]; n--)
			pay_on_block(w->s[i], 16384, w->now_ms);
		break;
	case 11:
		w->now_ms += take(in) * 100;
		pay_tick(w->pay, w->now_ms, 1000000 + w->now_ms / 1000);
		break;
	case 12:
		answer_signer(w, take(in) == 9);
		break;
	case 13:
		change_facts(w, in);
		break;
	case 14:
		how = take(in);
		if (how == 3 && w->s[i])
			pay_bad_bytes(w->s[i], 16384);
		else if (how >= 0x80)
			dues(w, i, in);
		else
			pay_set_floor(w->pay,
				      amount_from_u64(FLOOR + take(in)));
		break;
	case 15:
		commit(w, take(in) != 5);
		break;
	}
	/* the turn's end comes after each input of a real loop, or two */
	if (op & 0x40)
		commit(w, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world *w = calloc(1, sizeof(*w));
	const struct pay_job_config job = {.key = {1},
					   .max_per_gib =
						   amount_from_u64(100000000),
					   .budget = amount_from_u64(4000000)};
	struct in in = {data, size};

	if (!w)
		abort();
	w->own_free = amount_from_u64(3000000);
	open_world(w);
	if (pay_job_new(&w->job, w->pay, &job, NULL) != ERR_NONE)
		abort();
	while (in.left) {
		step(w, &in);
		check(w);
	}
	for (unsigned i = 0; i < SESSIONS; i++)
		pay_session_free(w->s[i]);
	pay_job_free(w->job);
	pay_free(w->pay);
	free(w);
	return 0;
}
