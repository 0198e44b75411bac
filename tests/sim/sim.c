#include "tests/sim/sim.h"

#include "base/db.h"
#include "tests/sim/expect.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK 16384U
#define CHAIN_MS 200 /* an answer of the chain takes so long */
#define STORE_MS 30  /* and a disk */
#define SECTOR (1U << 20)
#define STORING 64
#define QUEUE 1024

unsigned expect_failures;

enum sector_item { NO_SECTOR, SECTOR_SENT, SECTOR_STORED, SECTOR_REFUSED };

struct item {
	int64_t due_ms;
	bool block, bad, paid;
	enum sector_item sector;
	uint32_t len;
	uint8_t bytes[PAY_MSG_ROOM];
	size_t n;
};

struct fifo {
	struct item *items;
	size_t head, count;
};

struct end { /* session_ctx */
	struct sim_link *link;
	bool buyer;
};

struct sim_link {
	struct sim_link *next;
	struct end ends[2];
	struct sim *sim;
	struct sim_node *buyer, *seller;
	struct sim_raw *raw; /* the other end, where one is played */
	struct pay_session *buy, *sell;
	struct sim_link_config cfg;
	struct fifo to_seller, to_buyer;
	bool closed, unchoked, paid_slot, held;
	uint64_t allowance; /* bytes that the rate lets go now */
	uint64_t left, got_paid, got_free, sent;
	/* sectors: the buyer's */
	unsigned to_bring, under_way, heard;
	uint64_t up; /* bytes that the rate lets it bring now */
	bool waits;  /* pay_lead() said no */
	/* and the seller's */
	unsigned storing, taken, refused;
	int64_t stored_at[STORING];
};

struct sim_raw {
	struct sim_link *link;
	struct pay_msg last[PAY_MSG_METER + 1];
	bool has[PAY_MSG_METER + 1];
};

struct account {
	struct address who;
	struct amount free;
};

struct sim_pair {
	struct address payer, payee;
	struct amount paid, reserve;
	int64_t until;
};

struct ask { /* a read of the chain under way */
	int64_t due_ms;
	struct address payer, payee;
};

struct wish { /* a receipt to be signed */
	struct address payee;
	struct amount amount;
};

struct sim_node {
	struct sim_node *next;
	struct sim *sim;
	struct sim_node_config cfg;
	struct address me;
	struct book *book;
	struct pay *pay;
	bool want_commit, fail_commits, rechoke;
	struct wish wishes[64];
	size_t n_wishes;
	struct ask asks[256];
	size_t n_asks;
	unsigned events[SIM_EVENTS];
	struct amount event_amount[SIM_EVENTS];
	unsigned signatures, reads, blocks;
};

struct sim {
	int64_t now_ms;
	bool reachable;
	unsigned n_nodes;
	uint64_t block;
	struct sim_node *nodes;
	struct sim_link *links;
	struct account *accounts;
	size_t n_accounts;
	struct sim_pair *pairs;
	size_t n_pairs;
};

static void *must(void *p)
{
	if (!p)
		abort();
	return p;
}

/* ---- values ---- */

struct amount sim_tokens(uint64_t n)
{
	struct amount a;

	if (!amount_mul_u64(&a, amount_from_u64(n), 1000000000))
		abort();
	return a;
}

struct address sim_address(unsigned n)
{
	struct address a = {{0x51}};

	for (size_t i = 0; i < 4; i++)
		a.bytes[19 - i] = (uint8_t)(n >> (8 * i));
	return a;
}

struct address sim_bank(void)
{
	return (struct address){{0xba, 0x4b}};
}

static void keyed_hash(uint8_t sig[RECEIPT_SIG_LEN], const uint8_t *in,
		       size_t len)
{
	static const uint8_t key[32] = {7};

	(void)crypto_generichash(sig, RECEIPT_SIG_LEN, in, len, key,
				 sizeof(key));
}

void sim_sign(uint8_t sig[RECEIPT_SIG_LEN], const struct address *bank,
	      const struct address *payer, const struct address *payee,
	      struct amount amount)
{
	uint8_t in[76];

	memcpy(in, bank->bytes, 20);
	memcpy(in + 20, payer->bytes, 20);
	memcpy(in + 40, payee->bytes, 20);
	amount_to_be16(in + 60, amount);
	keyed_hash(sig, in, sizeof(in));
}

void sim_sign_channel(uint8_t sig[RECEIPT_SIG_LEN], const struct address *payee,
		      const uint8_t key[32])
{
	uint8_t in[53] = {'c'};

	memcpy(in + 1, payee->bytes, 20);
	memcpy(in + 21, key, 32);
	keyed_hash(sig, in, sizeof(in));
}

/* ---- the chain ---- */

static struct amount *free_of(struct sim *sim, const struct address *who)
{
	for (size_t i = 0; i < sim->n_accounts; i++)
		if (address_eq(&sim->accounts[i].who, who))
			return &sim->accounts[i].free;
	sim->accounts = must(realloc(
		sim->accounts, (sim->n_accounts + 1) * sizeof(struct account)));
	sim->accounts[sim->n_accounts] =
		(struct account){.who = *who, .free = AMOUNT_ZERO};
	return &sim->accounts[sim->n_accounts++].free;
}

static struct sim_pair *pair_of(struct sim *sim, const struct address *payer,
				const struct address *payee)
{
	for (size_t i = 0; i < sim->n_pairs; i++)
		if (address_eq(&sim->pairs[i].payer, payer) &&
		    address_eq(&sim->pairs[i].payee, payee))
			return &sim->pairs[i];
	sim->pairs = must(realloc(sim->pairs, (sim->n_pairs + 1) *
						      sizeof(struct sim_pair)));
	sim->pairs[sim->n_pairs] =
		(struct sim_pair){.payer = *payer, .payee = *payee};
	return &sim->pairs[sim->n_pairs++];
}

void sim_chain_reachable(struct sim *sim, bool yes)
{
	sim->reachable = yes;
}

void sim_deposit(struct sim *sim, const struct address *who, struct amount n)
{
	struct amount *f = free_of(sim, who);

	*f = amount_add_cap(*f, n);
	sim->block++;
}

void sim_withdraw_all(struct sim *sim, const struct address *who)
{
	*free_of(sim, who) = AMOUNT_ZERO;
	sim->block++;
}

void sim_reserve(struct sim *sim, const struct address *payer,
		 const struct address *payee, struct amount n, int64_t until)
{
	struct sim_pair *p = pair_of(sim, payer, payee);
	struct amount *f = free_of(sim, payer);

	if (amount_cmp(*f, n) < 0)
		abort();
	*f = amount_sub_floor(*f, n);
	p->reserve = amount_add_cap(p->reserve, n);
	p->until = until;
	sim->block++;
}

struct amount sim_paid(struct sim *sim, const struct address *payer,
		       const struct address *payee)
{
	return pair_of(sim, payer, payee)->paid;
}

struct amount sim_balance(struct sim *sim, const struct address *who)
{
	return *free_of(sim, who);
}

static struct book_facts facts_of(struct sim *sim, const struct address *payer,
				  const struct address *payee)
{
	struct sim_pair *p = pair_of(sim, payer, payee);

	return (struct book_facts){.known = true,
				   .paid = p->paid,
				   .reserve = p->reserve,
				   .free = *free_of(sim, payer),
				   .until = p->until,
				   .block = sim->block};
}

/* What the bank's cash() does with one receipt. */
static struct amount draw(struct sim *sim, const struct receipt *r,
			  const struct address *payee)
{
	struct sim_pair *p = pair_of(sim, &r->payer, payee);
	struct amount *f = free_of(sim, &r->payer);
	struct amount due = amount_sub_floor(r->amount, p->paid);
	struct amount locked = amount_min(due, p->reserve);
	struct amount rest = amount_min(amount_sub_floor(due, locked), *f);
	uint8_t sig[RECEIPT_SIG_LEN];
	struct address bank = sim_bank();

	sim_sign(sig, &bank, &r->payer, payee, r->amount);
	EXPECT(memcmp(sig, r->sig, sizeof(sig)) == 0,
	       "the bank got a receipt that it would skip");
	p->reserve = amount_sub_floor(p->reserve, locked);
	*f = amount_sub_floor(*f, rest);
	p->paid = amount_add_cap(p->paid, amount_add_cap(locked, rest));
	f = free_of(sim, payee);
	*f = amount_add_cap(*f, amount_add_cap(locked, rest));
	return amount_add_cap(locked, rest);
}

struct cashing {
	struct receipt list[512];
	size_t n;
};

static bool collect(void *ctx, const struct book_due *d)
{
	struct cashing *c = ctx;

	c->list[c->n++] = d->receipt;
	return c->n < 512;
}

static void own_facts(struct sim_node *n)
{
	struct sim *sim = n->sim;
	struct amount *f = free_of(sim, &n->me);

	MUST(book_facts_own(n->book, f, NULL, NULL, sim->block,
			    SIM_START_S + sim->now_ms / 1000, NULL));
	n->want_commit = true;
}

static void read_in(struct sim_node *n, const struct address *payer,
		    enum book_to to)
{
	struct book_facts f = facts_of(n->sim, payer, &n->me);

	MUST(book_facts_in(n->book, payer, &f, to,
			   SIM_START_S + n->sim->now_ms / 1000, NULL));
	n->want_commit = true;
}

static void read_out(struct sim_node *n, const struct address *payee)
{
	struct book_facts f = facts_of(n->sim, &n->me, payee);

	MUST(book_facts_out(n->book, payee, &f,
			    SIM_START_S + n->sim->now_ms / 1000, NULL));
	own_facts(n);
}

struct peers {
	struct address in[512], out[512];
	size_t n_in, n_out;
};

static bool collect_peer(void *ctx, const struct book_pair *p)
{
	struct peers *list = ctx;

	if (p->in.have && list->n_in < 512)
		list->in[list->n_in++] = p->peer;
	if (p->out.have && list->n_out < 512)
		list->out[list->n_out++] = p->peer;
	return true;
}

void sim_refresh(struct sim *sim, struct sim_node *n)
{
	struct peers *list = must(calloc(1, sizeof(*list)));

	(void)sim;
	MUST(book_pair_list(n->book, collect_peer, list, NULL));
	for (size_t i = 0; i < list->n_in; i++)
		read_in(n, &list->in[i], BOOK_TO_BANK);
	for (size_t i = 0; i < list->n_out; i++)
		read_out(n, &list->out[i]);
	own_facts(n);
	for (size_t i = 0; i < list->n_in; i++)
		pay_on_facts(n->pay, &list->in[i], n->sim->now_ms);
	for (size_t i = 0; i < list->n_out; i++)
		pay_on_facts(n->pay, &list->out[i], n->sim->now_ms);
	free(list);
}

struct amount sim_cash(struct sim *sim, struct sim_node *seller)
{
	struct cashing *c = must(calloc(1, sizeof(*c)));
	struct amount sum = AMOUNT_ZERO;

	MUST(book_due_list(seller->book, SIM_START_S + sim->now_ms / 1000,
			   collect, c, NULL));
	for (size_t i = 0; i < c->n; i++) {
		struct amount came = draw(sim, &c->list[i], &seller->me);
		const struct address *payer = &c->list[i].payer;

		sum = amount_add_cap(sum, came);
		sim->block++;
		read_in(seller, payer, BOOK_TO_BANK);
		if (amount_cmp(sim_paid(sim, payer, &seller->me),
			       c->list[i].amount) < 0)
			MUST(book_bounced(seller->book, payer, NULL));
	}
	free(c);
	for (struct sim_node *n = sim->nodes; n; n = n->next)
		sim_refresh(sim, n);
	return sum;
}

/* ---- what a node lends to pay ---- */

static void push(struct fifo *f, const struct item *it)
{
	if (!f->items)
		f->items = must(calloc(QUEUE, sizeof(struct item)));
	if (f->count == QUEUE)
		abort();
	f->items[(f->head + f->count++) % QUEUE] = *it;
}

static struct item *front(struct fifo *f)
{
	return f->count ? &f->items[f->head] : NULL;
}

static void pop(struct fifo *f)
{
	f->head = (f->head + 1) % QUEUE;
	f->count--;
}

/* session_ctx is the link; who sends follows from which session it is */
static void send_from(struct sim_link *l, bool by_buyer, const uint8_t *msg,
		      size_t len)
{
	struct item it = {.due_ms = l->sim->now_ms + l->cfg.latency_ms,
			  .n = len};
	struct pay_msg m;

	if (len > sizeof(it.bytes) || l->closed)
		return;
	memcpy(it.bytes, msg, len);
	if (l->raw) {
		EXPECT(pay_msg_decode(&m, msg, len, NULL) == ERR_NONE,
		       "a node sent what nobody reads");
		l->raw->last[m.kind] = m;
		l->raw->has[m.kind] = true;
		return;
	}
	push(by_buyer ? &l->to_seller : &l->to_buyer, &it);
}

static void on_send(void *ctx, void *session_ctx, const uint8_t *msg,
		    size_t len)
{
	struct end *end = session_ctx;

	(void)ctx;
	send_from(end->link, end->buyer, msg, len);
}

static void on_close(void *ctx, void *session_ctx, const struct err *e)
{
	struct end *end = session_ctx;

	(void)ctx;
	(void)e;
	end->link->closed = true;
}

static void on_sign(void *ctx, const struct address *payee,
		    struct amount amount)
{
	struct sim_node *n = ctx;

	if (n->n_wishes == ROWS(n->wishes))
		abort();
	n->wishes[n->n_wishes++] =
		(struct wish){.payee = *payee, .amount = amount};
	n->signatures++;
}

static bool on_check(void *ctx, const struct address *payer,
		     const struct address *payee, struct amount amount,
		     const uint8_t sig[RECEIPT_SIG_LEN])
{
	struct address bank = sim_bank();
	uint8_t want[RECEIPT_SIG_LEN];

	(void)ctx;
	sim_sign(want, &bank, payer, payee, amount);
	return memcmp(want, sig, sizeof(want)) == 0;
}

static bool on_check_channel(void *ctx, const struct address *payee,
			     const uint8_t key[32],
			     const uint8_t sig[RECEIPT_SIG_LEN])
{
	uint8_t want[RECEIPT_SIG_LEN];

	(void)ctx;
	sim_sign_channel(want, payee, key);
	return memcmp(want, sig, sizeof(want)) == 0;
}

static void on_want_facts(void *ctx, const struct address *payer,
			  const struct address *payee)
{
	struct sim_node *n = ctx;

	n->reads++;
	if (n->n_asks < ROWS(n->asks))
		n->asks[n->n_asks++] =
			(struct ask){.due_ms = n->sim->now_ms + CHAIN_MS,
				     .payer = *payer,
				     .payee = *payee};
}

static void on_want_commit(void *ctx)
{
	struct sim_node *n = ctx;

	n->want_commit = true;
}

static uint64_t on_missing(void *ctx, void *session_ctx, uint64_t enough)
{
	const struct end *end = session_ctx;
	const struct sim_link *l = end->link;
	uint64_t got = l->got_paid + l->got_free;

	(void)ctx;
	if (l->cfg.renting && !l->cfg.want)
		return 0;
	if (!l->cfg.want || l->raw)
		return enough;
	got = got < l->cfg.want ? l->cfg.want - got : 0;
	return got < enough ? got : enough;
}

static void on_event(void *ctx, const struct pay_event *ev)
{
	struct sim_node *n = ctx;
	struct end *end = ev->session_ctx;

	if ((size_t)ev->kind < SIM_EVENTS) {
		n->events[ev->kind]++;
		n->event_amount[ev->kind] = ev->amount;
	}
	if (ev->kind == PAY_EV_READY && end)
		end->link->held = false;
	if (ev->kind == PAY_EV_COVERED && end)
		end->link->waits = false;
	if (ev->kind == PAY_EV_RANK)
		n->rechoke = true;
}

/* ---- nodes ---- */

static void start_pay(struct sim_node *n)
{
	struct pay_host host = {
		.ctx = n,
		.send = on_send,
		.close = on_close,
		.sign = on_sign,
		.check = on_check,
		.check_channel = on_check_channel,
		.want_facts = on_want_facts,
		.want_commit = on_want_commit,
		.missing = on_missing,
		.event = on_event,
	};
	struct pay_config cfg = {
		.chain_id = SIM_CHAIN,
		.bank = sim_bank(),
		.me = n->me,
		.sell = n->cfg.sell,
		.floor = sim_tokens(n->cfg.floor),
		.trust_start = sim_tokens(n->cfg.trust_start),
		.trust_max = sim_tokens(1000000),
		.due_step = amount_from_u64(n->cfg.due_step),
		.asks_per_net = n->cfg.asks_per_net,
		.asks_in_all = n->cfg.asks_in_all,
	};
	struct pay_book book = pay_book_of(n->book);

	memcpy(cfg.seal_key, n->me.bytes, sizeof(n->me.bytes));
	sim_sign_channel(cfg.seal_sig, &n->me, cfg.seal_key);
	MUST(pay_new(&n->pay, &cfg, &host, &book, NULL, n->sim->now_ms,
		     SIM_START_S + n->sim->now_ms / 1000, NULL));
}

struct sim_node *sim_node(struct sim *sim, const struct sim_node_config *cfg)
{
	struct sim_node *n = must(calloc(1, sizeof(*n)));

	n->sim = sim;
	n->cfg = *cfg;
	if (!n->cfg.paid_slots)
		n->cfg.paid_slots = 3;
	if (!n->cfg.free_slots)
		n->cfg.free_slots = 1;
	n->me = sim_address(++sim->n_nodes);
	n->next = sim->nodes;
	sim->nodes = n;
	sim_deposit(sim, &n->me, sim_tokens(cfg->balance));
	MUST(book_open(&n->book, cfg->path ? cfg->path : DB_IN_MEMORY, &n->me,
		       NULL));
	own_facts(n);
	MUST(book_commit(n->book, NULL));
	start_pay(n);
	return n;
}

struct pay *sim_pay(struct sim_node *n)
{
	return n->pay;
}

struct book *sim_book(struct sim_node *n)
{
	return n->book;
}

struct address sim_node_address(const struct sim_node *n)
{
	return n->me;
}

unsigned sim_events(const struct sim_node *n, enum pay_event_kind kind)
{
	return n->events[kind];
}

struct amount sim_event_amount(const struct sim_node *n,
			       enum pay_event_kind kind)
{
	return n->event_amount[kind];
}

unsigned sim_signatures(const struct sim_node *n)
{
	return n->signatures;
}

unsigned sim_reads(const struct sim_node *n)
{
	return n->reads;
}

void sim_fail_commits(struct sim_node *n, bool fail)
{
	n->fail_commits = fail;
}

void sim_restart(struct sim_node *n, const char *path)
{
	for (struct sim_link *l = n->sim->links; l; l = l->next)
		if (l->buyer == n || l->seller == n)
			sim_disconnect(l);
	pay_free(n->pay); /* what it stages now dies with the book */
	book_close(n->book);
	n->n_wishes = n->n_asks = 0;
	n->want_commit = false;
	MUST(book_open(&n->book, path ? path : DB_IN_MEMORY, &n->me, NULL));
	own_facts(n);
	MUST(book_commit(n->book, NULL));
	start_pay(n);
}

void sim_backup(struct sim_node *n, const char *path)
{
	/* read only: none is ever applied, they are only counted */
	static const char *const none[] = {"", "", "", "", "", "", "", ""};
	struct db_cfg cfg = {.path = n->cfg.path,
			     .application_id = 0x53424c31,
			     .migrations = none,
			     .migration_count = ROWS(none),
			     .read_only = true};
	struct db *db = NULL;

	MUST(book_commit(n->book, NULL));
	MUST(db_open(&db, &cfg, NULL));
	MUST(db_copy_to(db, path, NULL));
	db_close(db);
}

struct pay_job *sim_job(struct sim_node *n, uint8_t key, uint64_t max,
			uint64_t budget)
{
	struct pay_job_config cfg = {.key = {key},
				     .max_per_gib = sim_tokens(max),
				     .budget = sim_tokens(budget)};
	struct pay_job *job = NULL;

	MUST(pay_job_new(&job, n->pay, &cfg, NULL));
	return job;
}

/* ---- connections ---- */

static struct pay_session *open_session(struct sim_link *l, struct sim_node *n,
					enum pay_role role, struct pay_job *job,
					const uint8_t key[32],
					const uint8_t ip[16])
{
	struct end *end = &l->ends[role == PAY_BUY];
	struct pay_session_config cfg = {.role = role,
					 .ctx = end,
					 .job = job,
					 .renting = l->cfg.renting};
	struct pay_dues dues = {.one = amount_from_u64(l->cfg.due),
				.step = amount_from_u64(l->cfg.due_step),
				.most = amount_max112()};
	struct pay_session *s = NULL;

	if (l->cfg.free_sectors)
		dues.one = AMOUNT_ZERO;
	cfg.dues = l->cfg.renting ? &dues : NULL;

	*end = (struct end){.link = l, .buyer = role == PAY_BUY};
	memcpy(cfg.ip, ip, sizeof(cfg.ip));
	if (key)
		memcpy(cfg.seal_key, key, sizeof(cfg.seal_key));
	MUST(pay_session_new(&s, n->pay, &cfg, n->sim->now_ms, NULL));
	return s;
}

static void map_v4(uint8_t out[16], const uint8_t ip[4])
{
	memset(out, 0, 16);
	out[10] = out[11] = 0xff;
	memcpy(out + 12, ip, 4);
}

static struct sim_link *new_link(struct sim *sim)
{
	struct sim_link *l = must(calloc(1, sizeof(*l)));

	l->sim = sim;
	l->cfg.latency_ms = 20;
	l->cfg.rate = 4 << 20;
	l->left = UINT64_MAX;
	l->next = sim->links;
	sim->links = l;
	return l;
}

struct sim_link *sim_connect(struct sim *sim, struct sim_node *buyer,
			     struct pay_job *job, struct sim_node *seller,
			     const struct sim_link_config *cfg)
{
	struct sim_link *l = new_link(sim);
	uint8_t key[32] = {0}, ip[16];

	if (cfg)
		l->cfg = *cfg;
	if (!l->cfg.latency_ms)
		l->cfg.latency_ms = 20;
	if (!l->cfg.rate)
		l->cfg.rate = 4 << 20;
	if (l->cfg.want)
		l->left = l->cfg.want;
	if (!l->cfg.window)
		l->cfg.window = 4;
	if (!l->cfg.due_step)
		l->cfg.due_step = 16 * l->cfg.due;
	l->to_bring = l->cfg.sectors;
	l->buyer = buyer;
	l->seller = seller;
	memcpy(key, seller->me.bytes, sizeof(seller->me.bytes));
	/* each node in a /24 of its own */
	map_v4(ip, (const uint8_t[4]){10, buyer->me.bytes[18],
				      buyer->me.bytes[19], 1});
	l->sell = open_session(l, seller, PAY_SELL, NULL, NULL, ip);
	if (job)
		l->buy = open_session(l, buyer, PAY_BUY, job, key, ip);
	if (l->cfg.renting) { /* nobody is choked there */
		l->unchoked = true;
		pay_set_slot(l->sell, PAY_SLOT_PAID);
	}
	return l;
}

static void close_end(struct pay_session **s)
{
	if (!*s)
		return;
	pay_session_free(*s);
	*s = NULL;
}

/* A disk goes on with what it was given. */
static void finish_storing(struct sim_link *l)
{
	struct amount due = amount_from_u64(l->cfg.due);

	for (; l->storing; l->storing--) {
		MUST(pay_add_due_of(l->seller->pay, PAY_SELL, &l->buyer->me,
				    due, l->sim->now_ms, NULL));
		l->taken++;
	}
}

void sim_disconnect(struct sim_link *l)
{
	l->closed = true;
	close_end(&l->buy);
	close_end(&l->sell);
	finish_storing(l);
	l->to_buyer.count = l->to_seller.count = 0;
}

void sim_mute(struct sim_link *l, bool mute)
{
	l->cfg.mute = mute;
}

uint64_t sim_got_paid(const struct sim_link *l)
{
	return l->got_paid;
}

uint64_t sim_got_free(const struct sim_link *l)
{
	return l->got_free;
}

bool sim_link_closed(const struct sim_link *l)
{
	return l->closed;
}

unsigned sim_stored(const struct sim_link *l)
{
	return l->heard;
}

unsigned sim_taken(const struct sim_link *l)
{
	return l->taken;
}

unsigned sim_refused(const struct sim_link *l)
{
	return l->refused;
}

struct pay_session *sim_buyer_session(struct sim_link *l)
{
	return l->buy;
}

struct pay_session *sim_seller_session(struct sim_link *l)
{
	return l->sell;
}

/* ---- a turn ---- */

static void arrive(struct sim_link *l, struct pay_session *s,
		   const struct item *it)
{
	if (s && !l->closed &&
	    pay_receive(s, it->bytes, it->n, l->sim->now_ms, NULL) != ERR_NONE)
		l->closed = true;
}

static void block_arrives(struct sim_link *l, const struct item *it)
{
	l->left -= l->left < it->len ? l->left : it->len;
	if (it->paid)
		l->got_paid += it->len;
	else
		l->got_free += it->len;
	if (l->buy)
		pay_on_block(l->buy, it->len, l->sim->now_ms);
	if (it->bad && l->buy) {
		pay_bad_bytes(l->buy, it->len);
		l->closed = true;
	}
}

/* ---- sectors ---- */

static void tell_sector(struct sim_link *l, enum sector_item what)
{
	struct item it = {.sector = what,
			  .due_ms = l->sim->now_ms + l->cfg.latency_ms};

	push(what == SECTOR_SENT ? &l->to_seller : &l->to_buyer, &it);
}

static void bring_sectors(struct sim_link *l)
{
	struct amount due = amount_from_u64(l->cfg.due), all;

	l->up += l->cfg.rate * SIM_TURN_MS / 1000;
	if (l->up > l->cfg.rate)
		l->up = l->cfg.rate;
	while (l->buy && !l->closed && l->to_bring &&
	       l->under_way < l->cfg.window && l->up >= SECTOR) {
		all = amount_from_u64(l->cfg.due * (l->under_way + 1));
		if (!l->cfg.unpaid && l->waits)
			return;
		l->waits = !pay_lead(l->buy, all, due, l->sim->now_ms);
		if (l->waits && !l->cfg.unpaid)
			return;
		l->up -= SECTOR;
		l->to_bring--;
		l->under_way++;
		tell_sector(l, SECTOR_SENT);
	}
}

/* Decided on when it comes, as if its first part and its last were one. */
static void sector_comes(struct sim_link *l)
{
	struct amount all = amount_from_u64(l->cfg.due * (l->storing + 1));

	if (!l->sell || l->closed)
		return;
	if (l->storing == STORING ||
	    !pay_covered(l->sell, all, l->sim->now_ms)) {
		l->refused++;
		tell_sector(l, SECTOR_REFUSED);
		return;
	}
	l->stored_at[l->storing++] = l->sim->now_ms + STORE_MS;
}

static void store_sectors(struct sim_link *l)
{
	struct amount due = amount_from_u64(l->cfg.due);

	while (l->storing && !l->closed && !l->cfg.mute &&
	       l->stored_at[0] <= l->sim->now_ms) {
		memmove(l->stored_at, l->stored_at + 1,
			--l->storing * sizeof(l->stored_at[0]));
		pay_add_due(l->sell, due, 0, l->sim->now_ms);
		l->taken++;
		if (!l->cfg.counts_silent)
			tell_sector(l, SECTOR_STORED);
	}
}

static void sector_is_answered(struct sim_link *l, bool stored)
{
	if (!l->buy || l->closed)
		return;
	l->under_way--;
	l->waits = false;
	if (!stored) {
		l->to_bring++;
		return;
	}
	l->heard++;
	pay_add_due(l->buy, amount_from_u64(l->cfg.due), SECTOR,
		    l->sim->now_ms);
}

static void deliver(struct sim_link *l)
{
	struct item *it;

	while ((it = front(&l->to_seller)) && it->due_ms <= l->sim->now_ms) {
		if (it->sector)
			sector_comes(l);
		else
			arrive(l, l->sell, it);
		pop(&l->to_seller);
	}
	while ((it = front(&l->to_buyer)) && it->due_ms <= l->sim->now_ms) {
		if (it->sector)
			sector_is_answered(l, it->sector == SECTOR_STORED);
		else if (it->block)
			block_arrives(l, it);
		else
			arrive(l, l->buy, it);
		pop(&l->to_buyer);
	}
	if (l->buy && !l->closed)
		pay_set_choked(l->buy, !l->unchoked, l->left > 0,
			       l->sim->now_ms);
}

/* The seller sends what the rate allows, asking pay before each block. */
static void serve(struct sim_link *l)
{
	struct item it = {.block = true, .len = BLOCK};

	l->allowance += l->cfg.rate * SIM_TURN_MS / 1000;
	if (l->allowance > l->cfg.rate)
		l->allowance = l->cfg.rate;
	if (l->closed || !l->unchoked || l->cfg.mute || !l->left ||
	    (l->cfg.renting && !l->cfg.want))
		return;
	while (l->allowance >= BLOCK && !l->held &&
	       l->to_buyer.count < QUEUE / 2 &&
	       (!l->cfg.want || l->sent < l->cfg.want)) {
		enum pay_charge c =
			pay_charge_next(l->sell, BLOCK)
				? PAY_CHARGE_PAID
				: pay_charge(l->sell, BLOCK, l->sim->now_ms);

		if (c == PAY_CHARGE_HOLD) {
			l->held = true;
			break;
		}
		it.paid = c == PAY_CHARGE_PAID;
		it.due_ms = l->sim->now_ms + l->cfg.latency_ms;
		it.bad = l->cfg.bad_every &&
			 ++l->seller->blocks % l->cfg.bad_every == 0;
		push(&l->to_buyer, &it);
		l->allowance -= BLOCK;
		l->sent += BLOCK;
	}
}

static void set_slot(struct sim_link *l, bool unchoked, bool paid)
{
	if (l->unchoked != unchoked || l->paid_slot != paid)
		l->held = false;
	l->unchoked = unchoked;
	l->paid_slot = paid;
	if (l->sell)
		pay_set_slot(l->sell, paid ? PAY_SLOT_PAID : PAY_SLOT_FREE);
}

/* Of equal ranks the one that has the slot keeps it. */
static bool before(const struct sim_link *a, const struct sim_link *b)
{
	uint64_t ra = pay_rank(a->sell), rb = pay_rank(b->sell);

	return ra > rb || (ra == rb && ra && a->paid_slot && !b->paid_slot);
}

/* The best ranks get the paid slots; of the others the free slots' turn comes
 * round every 10 s. */
#define CHOKE_MAX 512
static void choke(struct sim_node *n)
{
	struct sim_link *list[CHOKE_MAX];
	size_t count = 0, paid = 0, turn_of;

	n->rechoke = false;
	for (struct sim_link *l = n->sim->links; l; l = l->next)
		if (l->seller == n && !l->closed && !l->raw &&
		    !l->cfg.renting && count < CHOKE_MAX)
			list[count++] = l;
	for (; paid < count && paid < n->cfg.paid_slots; paid++) {
		size_t top = paid;
		struct sim_link *swap = list[paid];

		for (size_t i = paid + 1; i < count; i++)
			if (before(list[i], list[top]))
				top = i;
		if (!pay_rank(list[top]->sell))
			break;
		list[paid] = list[top];
		list[top] = swap;
		set_slot(list[paid], true, true);
	}
	turn_of = (size_t)(n->sim->now_ms / 10000);
	for (size_t i = paid; i < count; i++) {
		size_t place = (i - paid + turn_of) % (count - paid);

		set_slot(list[i], place < n->cfg.free_slots, false);
	}
}

static void answer_signer(struct sim_node *n)
{
	struct address bank = sim_bank();
	size_t count = n->n_wishes;
	struct wish wishes[ROWS(n->wishes)];

	if (!count)
		return;
	memcpy(wishes, n->wishes, sizeof(wishes));
	n->n_wishes = 0;
	for (size_t i = 0; i < count; i++) {
		uint8_t sig[RECEIPT_SIG_LEN];

		sim_sign(sig, &bank, &n->me, &wishes[i].payee,
			 wishes[i].amount);
		pay_on_signed(n->pay, &wishes[i].payee, wishes[i].amount, sig,
			      NULL, n->sim->now_ms);
	}
}

static void answer_chain(struct sim_node *n)
{
	size_t kept = 0;

	if (!n->sim->reachable)
		return;
	for (size_t i = 0; i < n->n_asks; i++) {
		struct ask a = n->asks[i];
		bool in = address_eq(&a.payee, &n->me);

		if (a.due_ms > n->sim->now_ms) {
			n->asks[kept++] = a;
			continue;
		}
		if (in)
			read_in(n, &a.payer, BOOK_TO_UNKNOWN);
		else
			read_out(n, &a.payee);
		pay_on_facts(n->pay, in ? &a.payer : &a.payee, n->sim->now_ms);
	}
	n->n_asks = kept;
}

static void end_turn(struct sim_node *n)
{
	bool ok;

	if (!n->want_commit)
		return;
	n->want_commit = false;
	if (n->fail_commits)
		book_rollback(n->book);
	ok = book_commit(n->book, NULL) == ERR_NONE;
	pay_committed(n->pay, ok, n->sim->now_ms);
}

/* What must hold at every moment for every pair of nodes. */
static void invariants(struct sim_link *l)
{
	struct pay_view b, s;
	struct amount step;

	if (!l->buy || !l->sell || l->closed)
		return;
	pay_session_view(l->buy, &b);
	pay_session_view(l->sell, &s);
	if (!amount_mul_div(&step, NULL, b.bid, PAY_STEP_MAX, 0, PAY_GIB))
		abort();
	if (l->cfg.renting) /* and those that answers were lost of */
		step = amount_add_cap(
			step, amount_from_u64(32 * l->cfg.window * l->cfg.due));
	if (!amount_is_zero(b.bid))
		EXPECT(amount_cmp(b.ahead,
				  amount_add_cap(step, amount_from_u64(8))) <=
			       0,
		       "more than a step is ahead");
	EXPECT(b.paid_bytes <= s.paid_bytes,
	       "the buyer counts more than was charged");
}

static void turn(struct sim *sim)
{
	sim->now_ms += SIM_TURN_MS;
	for (struct sim_link *l = sim->links; l; l = l->next)
		deliver(l);
	for (struct sim_node *n = sim->nodes; n; n = n->next) {
		answer_signer(n);
		answer_chain(n);
		if (sim->now_ms % 50 == 0 || n->rechoke)
			choke(n);
		if (sim->now_ms % 500 == 0)
			pay_tick(n->pay, sim->now_ms,
				 SIM_START_S + sim->now_ms / 1000);
	}
	for (struct sim_link *l = sim->links; l; l = l->next)
		if (!l->raw) {
			serve(l);
			bring_sectors(l);
			store_sectors(l);
		}
	for (struct sim_node *n = sim->nodes; n; n = n->next)
		end_turn(n);
	for (struct sim_link *l = sim->links; l; l = l->next)
		invariants(l);
}

struct sim *sim_new(void)
{
	struct sim *sim = must(calloc(1, sizeof(*sim)));

	sim->reachable = true;
	sim->block = 1;
	return sim;
}

void sim_run(struct sim *sim, int64_t ms)
{
	for (int64_t end = sim->now_ms + ms; sim->now_ms < end;)
		turn(sim);
}

int64_t sim_now_ms(const struct sim *sim)
{
	return sim->now_ms;
}

void sim_free(struct sim *sim)
{
	for (struct sim_link *l = sim->links, *next; l; l = next) {
		next = l->next;
		sim_disconnect(l);
		free(l->to_buyer.items);
		free(l->to_seller.items);
		free(l->raw);
		free(l);
	}
	for (struct sim_node *n = sim->nodes, *next; n; n = next) {
		next = n->next;
		pay_free(n->pay);
		book_close(n->book);
		free(n);
	}
	free(sim->accounts);
	free(sim->pairs);
	free(sim);
}

/* ---- raw peers ---- */

static const uint8_t raw_key[32] = {0xcc};

const uint8_t *sim_raw_key(void)
{
	return raw_key;
}

struct sim_raw *sim_raw(struct sim *sim, struct sim_node *node,
			enum pay_role role, struct pay_job *job,
			const uint8_t ip[4])
{
	struct sim_raw *r = must(calloc(1, sizeof(*r)));
	struct sim_link *l = new_link(sim);
	uint8_t mapped[16];

	map_v4(mapped, ip);
	r->link = l;
	l->raw = r;
	if (role == PAY_SELL) {
		l->seller = node;
		l->sell = open_session(l, node, role, NULL, NULL, mapped);
	} else {
		l->buyer = node;
		l->buy = open_session(l, node, role, job, raw_key, mapped);
		l->unchoked = true;
	}
	return r;
}

struct sim_raw *sim_raw_host(struct sim *sim, struct sim_node *node,
			     struct pay_job *job, const struct pay_dues *dues,
			     const struct address *payee)
{
	struct sim_raw *r = must(calloc(1, sizeof(*r)));
	struct sim_link *l = new_link(sim);
	struct pay_session_config cfg = {.role = PAY_BUY,
					 .ctx = &l->ends[1],
					 .job = job,
					 .renting = true,
					 .dues = dues};

	r->link = l;
	l->raw = r;
	l->buyer = node;
	l->cfg.renting = true;
	l->ends[1] = (struct end){.link = l, .buyer = true};
	memcpy(cfg.seal_key, raw_key, sizeof(cfg.seal_key));
	if (payee)
		cfg.payee = *payee;
	MUST(pay_session_new(&l->buy, node->pay, &cfg, sim->now_ms, NULL));
	return r;
}

struct sim_raw *sim_raw_renter(struct sim *sim, struct sim_node *node,
			       const uint8_t ip[4])
{
	struct sim_raw *r = must(calloc(1, sizeof(*r)));
	struct sim_link *l = new_link(sim);
	uint8_t mapped[16];

	map_v4(mapped, ip);
	r->link = l;
	l->raw = r;
	l->seller = node;
	l->cfg.renting = true;
	l->sell = open_session(l, node, PAY_SELL, NULL, NULL, mapped);
	return r;
}

struct sim_raw *sim_raw_at(struct sim *sim, struct sim_node *node,
			   const uint8_t ip[16])
{
	struct sim_raw *r = must(calloc(1, sizeof(*r)));
	struct sim_link *l = new_link(sim);

	r->link = l;
	l->raw = r;
	l->seller = node;
	l->sell = open_session(l, node, PAY_SELL, NULL, NULL, ip);
	return r;
}

struct pay_session *sim_raw_session(struct sim_raw *r)
{
	return r->link->sell ? r->link->sell : r->link->buy;
}

bool sim_raw_bytes(struct sim_raw *r, const uint8_t *msg, size_t len)
{
	struct sim_link *l = r->link;

	if (l->closed)
		return false;
	if (pay_receive(sim_raw_session(r), msg, len, l->sim->now_ms, NULL) !=
	    ERR_NONE)
		l->closed = true;
	return !l->closed;
}

bool sim_raw_send(struct sim_raw *r, const struct pay_msg *m)
{
	uint8_t buf[PAY_MSG_ROOM];
	size_t n = pay_msg_encode(m, buf, sizeof(buf));

	if (!n)
		abort();
	return sim_raw_bytes(r, buf, n);
}

bool sim_raw_take(struct sim_raw *r, enum pay_msg_kind kind,
		  struct pay_msg *out)
{
	bool has = r->has[kind];

	if (has && out)
		*out = r->last[kind];
	r->has[kind] = false;
	return has;
}

bool sim_raw_closed(const struct sim_raw *r)
{
	return r->link->closed;
}

uint64_t sim_raw_pull(struct sim_raw *r, uint64_t bytes)
{
	struct sim_link *l = r->link;
	uint64_t got = 0;

	if (l->closed)
		return 0;
	pay_set_slot(l->sell, PAY_SLOT_PAID);
	while (got < bytes &&
	       pay_charge(l->sell, BLOCK, l->sim->now_ms) == PAY_CHARGE_PAID)
		got += BLOCK;
	return got;
}

bool sim_raw_agree(struct sim_raw *r, struct amount price)
{
	struct pay_msg ask = {.kind = PAY_MSG_ASK,
			      .u.ask = {.version = PAY_VERSION,
					.chain_id = SIM_CHAIN,
					.bank = sim_bank()}};
	struct pay_msg bid = {.kind = PAY_MSG_BID, .u.price.price = price};

	return sim_raw_send(r, &ask) && sim_raw_take(r, PAY_MSG_TERMS, NULL) &&
	       sim_raw_send(r, &bid) && sim_raw_take(r, PAY_MSG_OK, NULL);
}

bool sim_raw_pay(struct sim_raw *r, const struct address *payer,
		 struct amount amount, struct amount owed)
{
	struct pay_msg m = {.kind = PAY_MSG_RECEIPT};
	struct address bank = sim_bank();

	m.u.receipt.r.payer = *payer;
	m.u.receipt.r.amount = amount;
	m.u.receipt.owed = owed;
	sim_sign(m.u.receipt.r.sig, &bank, payer, &r->link->seller->me, amount);
	return sim_raw_send(r, &m);
}

void sim_raw_blocks(struct sim_raw *r, uint64_t bytes)
{
	for (uint64_t n = 0; n < bytes; n += BLOCK)
		pay_on_block(r->link->buy, BLOCK, r->link->sim->now_ms);
}

bool sim_raw_sell(struct sim_raw *r, const struct address *payee,
		  struct amount price)
{
	struct pay_msg terms = {.kind = PAY_MSG_TERMS,
				.u.terms = {.version = PAY_VERSION,
					    .chain_id = SIM_CHAIN,
					    .bank = sim_bank(),
					    .payee = *payee,
					    .price = price,
					    .step = PAY_STEP_MIN}};
	struct pay_msg bid, ok = {.kind = PAY_MSG_OK};

	sim_sign_channel(terms.u.terms.key_sig, payee, raw_key);
	if (!sim_raw_take(r, PAY_MSG_ASK, NULL) || !sim_raw_send(r, &terms) ||
	    !sim_raw_take(r, PAY_MSG_BID, &bid))
		return false;
	ok.u.price = bid.u.price;
	return sim_raw_send(r, &ok);
}

bool sim_raw_ack(struct sim_raw *r, struct amount amount, struct amount limit,
		 struct amount owed)
{
	struct pay_msg m = {
		.kind = PAY_MSG_ACK,
		.u.ack = {.amount = amount, .limit = limit, .owed = owed}};

	return sim_raw_send(r, &m);
}

bool sim_raw_meter(struct sim_raw *r, struct amount price, uint64_t bytes)
{
	struct pay_msg m = {.kind = PAY_MSG_METER,
			    .u.meter = {.paid = !amount_is_zero(price),
					.price = price,
					.bytes = bytes}};

	return sim_raw_send(r, &m);
}

/* ---- at the end ---- */

static void complain(void *ctx, const char *what)
{
	struct sim_node *n = ctx;

	(void)fprintf(stderr, "  book of node ..%02x: %s\n", n->me.bytes[19],
		      what);
}

void sim_check_books(struct sim *sim)
{
	for (struct sim_node *n = sim->nodes; n; n = n->next) {
		unsigned findings = 0;

		MUST(book_commit(n->book, NULL));
		MUST(book_check(n->book, NULL, complain, n, &findings, NULL));
		EXPECT(findings == 0, "%u findings", findings);
	}
}
