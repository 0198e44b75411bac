#include "ledger/settle/settle_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Two questions a direction and three of our own stay below CHAIN_MAX_ASKS. */
#define CHUNK 1000
#define OWN_ASKS 3 /* free balance, coin, wallet */
#define MAX_DIRS 131072

static void ask_chunk(struct reading *rd);

void reading_free(struct reading *rd)
{
	struct reading **at = &rd->s->readings;

	while (*at && *at != rd)
		at = &(*at)->next;
	if (*at)
		*at = rd->next;
	chain_forget(rd->s->chain, rd);
	free(rd->dirs);
	free(rd->pairs);
	free(rd->agreements);
	free(rd);
}

static void end(struct reading *rd, const struct err *e)
{
	struct reading **at = &rd->s->readings;

	while (*at != rd)
		at = &(*at)->next;
	*at = rd->next;
	rd->chain.pairs = rd->pairs;
	rd->chain.n_pairs = rd->n_pairs;
	rd->chain.agreements = rd->agreements;
	rd->chain.n_agreements = rd->n_agreements;
	rd->fn(rd->ctx, rd->collect && !e ? &rd->chain : NULL, e);
	free(rd->dirs);
	free(rd->pairs);
	free(rd->agreements);
	free(rd);
}

/* ------------------------------------------------------------- what was read
 */

static void note_unknown(struct reading *rd, const struct chain_answer *a)
{
	rd->unknown = (struct err){0};
	(void)err_fail(&rd->unknown, ERR_CHAIN, "a balance is unknown: %.110s",
		       a->why);
}

static enum err_code keep(struct reading *rd, const struct settle_dir *d,
			  const struct book_facts *f, struct err *e)
{
	struct settle *s = rd->s;
	int64_t now = s->cfg.unix_s();

	if (rd->collect) {
		rd->pairs[rd->n_pairs++] = (struct book_chain_pair){
			.peer = d->peer, .in = d->in, .facts = *f};
		return ERR_NONE;
	}
	if (d->in)
		return book_facts_in(s->book, &d->peer, f,
				     cash_destination(s, &d->peer), now, e);
	return book_facts_out(s->book, &d->peer, f, now, e);
}

static enum err_code keep_pair(struct reading *rd, const struct settle_dir *d,
			       const struct chain_view *at,
			       const struct chain_answer *pair,
			       const struct chain_answer *purse, struct err *e)
{
	struct book_facts f = {.known = true, .block = at->block};

	if (!pair->known || !purse->known) {
		note_unknown(rd, pair->known ? purse : pair);
		return ERR_NONE;
	}
	f.paid = pair->pair.paid;
	f.reserve = pair->pair.reserve;
	f.until = pair->pair.until;
	f.free = purse->amount;
	return keep(rd, d, &f, e);
}

static struct book_lease lease_of(const struct settle *s,
				  const struct settle_dir *d)
{
	return (struct book_lease){.renter = d->in ? d->peer : s->cfg.me,
				   .host = d->in ? s->cfg.me : d->peer,
				   .number = d->number};
}

static enum err_code keep_agreement(struct reading *rd,
				    const struct settle_dir *d,
				    const struct chain_view *at,
				    const struct chain_answer *a, struct err *e)
{
	struct settle *s = rd->s;
	struct book_lease lease = lease_of(s, d);

	if (!a->known) {
		note_unknown(rd, a);
		return ERR_NONE;
	}
	if (rd->collect) {
		rd->agreements[rd->n_agreements++] =
			(struct book_chain_agreement){.lease = lease,
						      .view = a->agreement};
		return ERR_NONE;
	}
	return book_agreement_facts(s->book, &lease, &a->agreement, at->block,
				    s->cfg.unix_s(), e);
}

/* *used: how many answers were theirs. */
static enum err_code keep_dirs(struct reading *rd, const struct chain_view *at,
			       const struct chain_answer *answers, size_t *used,
			       struct err *e)
{
	enum err_code rc = ERR_NONE;

	*used = 0;
	for (size_t i = 0; i < rd->chunk && rc == ERR_NONE; i++) {
		const struct settle_dir *d = &rd->dirs[rd->at + i];
		const struct chain_answer *a = answers + *used;

		*used += d->rent ? 1 : 2;
		rc = d->rent ? keep_agreement(rd, d, at, a, e)
			     : keep_pair(rd, d, at, a, a + 1, e);
	}
	return rc;
}

/* A transaction of ours that is in the chain but not booked yet would show as
 * money from nowhere, one that is booked and not yet in this view as money that
 * came back: then our balances are left for the next reading. */
static enum err_code keep_own(struct reading *rd, const struct chain_view *at,
			      const struct chain_answer *a, struct err *e)
{
	struct settle *s = rd->s;
	bool token = !profile_coin_is_token(&s->profile);

	for (int i = 0; i < 2 + token; i++)
		if (!a[i].known)
			note_unknown(rd, &a[i]);
	if (rd->collect) {
		rd->chain.free_known = a[0].known;
		rd->chain.free = a[0].amount;
		rd->chain.wallet_known = a[token ? 2 : 1].known;
		rd->chain.wallet = a[token ? 2 : 1].amount;
		return ERR_NONE;
	}
	if (outbox_open(s->outbox, 0) || at->block < s->seen)
		return ERR_NONE;
	return book_facts_own(s->book, a[0].known ? &a[0].amount : NULL,
			      token && a[2].known ? &a[2].amount : NULL,
			      a[1].known ? &a[1].amount : NULL, at->block,
			      s->cfg.unix_s(), e);
}

/* Deeper than the profile's rule: rare, and worth a word. */
static void tell_undone(struct settle *s, uint64_t block)
{
	unsigned n = book_undone(s->book);

	if (n == s->undone)
		return;
	log_line(s->log, LOG_WARN, "chain",
		 "undone pairs=%u block=%llu text=\"blocks that were final "
		 "are no more; what they paid is due again\"",
		 n - s->undone, (unsigned long long)block);
	s->undone = n;
}

static void on_read(void *ctx, const struct chain_view *at,
		    const struct chain_answer *answers, size_t n,
		    const struct err *e)
{
	struct reading *rd = ctx;
	struct err why = {0};
	size_t used;

	(void)n;
	if (e) {
		end(rd, e);
		return;
	}
	if (at->block < rd->min_block)
		(void)err_fail(&why, ERR_CHAIN,
			       "nodes are at block %llu, behind %llu",
			       (unsigned long long)at->block,
			       (unsigned long long)rd->min_block);
	else if (keep_dirs(rd, at, answers, &used, &why) == ERR_NONE) {
		answers += used;
		tell_undone(rd->s, at->block);
		if (!rd->collect && at->block > rd->s->seen)
			rd->s->seen = at->block;
		rd->at += rd->chunk;
		if (rd->at < rd->n) {
			ask_chunk(rd);
			return;
		}
		if (rd->own)
			(void)keep_own(rd, at, answers, &why);
	}
	if (why.code == ERR_NONE)
		why = rd->unknown;
	end(rd, why.code == ERR_NONE ? NULL : &why);
}

/* ------------------------------------------------------------------ asking */

static size_t own_asks(const struct settle *s, struct chain_ask *asks)
{
	asks[0] = (struct chain_ask){
		.what = CHAIN_ASK_FREE, .c = s->profile.bank, .a = s->cfg.me};
	asks[1] = (struct chain_ask){.what = CHAIN_ASK_COIN, .a = s->cfg.me};
	if (profile_coin_is_token(&s->profile))
		return 2;
	asks[2] = (struct chain_ask){.what = CHAIN_ASK_TOKEN_BALANCE,
				     .c = s->profile.token,
				     .a = s->cfg.me};
	return 3;
}

static struct chain_ask agreement_ask(const struct settle *s,
				      const struct settle_dir *d)
{
	struct book_lease lease = lease_of(s, d);

	return (struct chain_ask){.what = CHAIN_ASK_AGREEMENT,
				  .c = s->profile.bank,
				  .a = lease.renter,
				  .b = lease.host,
				  .n = {lease.number}};
}

/* How many pairs are read together. */
static size_t chunk_of(const struct reading *rd)
{
	size_t left = rd->n - rd->at, most = CHUNK;
	size_t at_once = rd->s->chain->at_once;

	if (at_once)
		most = at_once > OWN_ASKS + 2 ? (at_once - OWN_ASKS) / 2 : 1;
	if (most > CHUNK)
		most = CHUNK;
	return left < most ? left : most;
}

static void ask_chunk(struct reading *rd)
{
	static struct chain_ask asks[2 * CHUNK + OWN_ASKS]; /* copied */
	const struct settle *s = rd->s;
	size_t n = 0;

	rd->chunk = chunk_of(rd);
	for (size_t i = 0; i < rd->chunk; i++) {
		const struct settle_dir *d = &rd->dirs[rd->at + i];

		if (d->rent) {
			asks[n++] = agreement_ask(s, d);
			continue;
		}
		asks[n++] =
			(struct chain_ask){.what = CHAIN_ASK_PAIR,
					   .c = s->profile.bank,
					   .a = d->in ? d->peer : s->cfg.me,
					   .b = d->in ? s->cfg.me : d->peer};
		asks[n] = asks[n - 1];
		asks[n++].what = CHAIN_ASK_FREE;
	}
	if (rd->own && rd->at + rd->chunk == rd->n)
		n += own_asks(s, asks + n);
	chain_read(s->chain, CHAIN_FINAL, asks, n, on_read, rd);
}

bool reading_start(struct settle *s, struct settle_dir *take_dirs, size_t n,
		   bool own, bool collect, uint64_t min_block, reading_fn *fn,
		   void *ctx)
{
	struct reading *rd = calloc(1, sizeof(*rd));

	if (rd && collect) {
		rd->pairs = calloc(n + 1, sizeof(*rd->pairs));
		rd->agreements = calloc(n + 1, sizeof(*rd->agreements));
	}
	if (!rd || (collect && (!rd->pairs || !rd->agreements))) {
		if (rd) {
			free(rd->pairs);
			free(rd->agreements);
		}
		free(rd);
		free(take_dirs);
		return false;
	}
	rd->s = s;
	rd->dirs = take_dirs;
	rd->n = n;
	rd->own = own;
	rd->collect = collect;
	rd->chain.agreements_known = collect; /* else it fails as a whole */
	rd->min_block = min_block;
	rd->fn = fn;
	rd->ctx = ctx;
	rd->next = s->readings;
	s->readings = rd;
	ask_chunk(rd);
	return true;
}

/* -------------------------------------------------------- all that we know */

struct dir_list {
	struct settle_dir *dirs;
	size_t n, cap;
	bool full, closed;
	struct address me;
};

static void add_dir(struct dir_list *l, const struct settle_dir *d)
{
	size_t cap = l->cap ? 2 * l->cap : 64;
	struct settle_dir *grown;

	if (l->n == l->cap) {
		grown = cap <= MAX_DIRS
				? realloc(l->dirs, cap * sizeof(*l->dirs))
				: NULL;
		if (!grown) {
			l->full = true;
			return;
		}
		l->dirs = grown;
		l->cap = cap;
	}
	l->dirs[l->n++] = *d;
}

static bool on_pair(void *ctx, const struct book_pair *p)
{
	struct dir_list *l = ctx;

	if (p->in.have || p->in.facts.known)
		add_dir(l, &(struct settle_dir){.peer = p->peer, .in = true});
	if (p->out.have || p->out.facts.known)
		add_dir(l, &(struct settle_dir){.peer = p->peer});
	return !l->full;
}

static bool on_agreement(void *ctx, const struct book_agreement *a)
{
	struct dir_list *l = ctx;
	bool in = !address_eq(&a->lease.renter, &l->me);

	if (a->view.state != BANK_AGREEMENT_CLOSED || l->closed)
		add_dir(l, &(struct settle_dir){.peer = in ? a->lease.renter
							   : a->lease.host,
						.in = in,
						.rent = true,
						.number = a->lease.number});
	return !l->full;
}

enum err_code settle_all_dirs(struct settle *s, struct settle_dir **out,
			      size_t *n, bool closed, struct err *e)
{
	struct dir_list l = {.closed = closed, .me = s->cfg.me};
	enum err_code rc = book_pair_list(s->book, on_pair, &l, e);

	if (rc == ERR_NONE)
		rc = book_agreement_list(s->book, on_agreement, &l, e);
	if (rc == ERR_NONE && l.full)
		rc = err_fail(e, ERR_LIMIT, "over %d pairs and agreements",
			      MAX_DIRS);
	if (rc != ERR_NONE) {
		free(l.dirs);
		return rc;
	}
	*out = l.dirs;
	*n = l.n;
	return ERR_NONE;
}
