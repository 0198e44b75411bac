/* book_check.c - the book proved against itself and against the chain. */
#include "ledger/book/book_impl.h"

#include <stdarg.h>
#include <string.h>

struct check {
	struct book *b;
	struct book_db *db;
	const struct hash32 *domain; /* NULL: not known */
	book_finding_fn *fn;
	void *ctx;
	unsigned findings;
	/* the entry or account that is being summed, 0: none yet */
	int64_t id;
	struct book_sum sum[3];	     /* per unit, of an entry */
	struct book_sum total;	     /* of an account */
	struct book_row_account acc; /* the account */
	/* agreements of one renter and host, summed; and of all */
	bool has_lease;
	struct book_lease lease;
	struct book_stake stake, stakes;
	struct book_sum rent[BOOK_RENT_ACCOUNTS]; /* of all accounts */
};

__attribute__((format(printf, 2, 3))) static void found(struct check *c,
							const char *fmt, ...)
{
	char text[200];
	va_list ap;

	c->findings++;
	if (!c->fn)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	c->fn(c->ctx, text);
}

static bool same(struct book_sum a, struct book_sum b)
{
	return a.neg == b.neg && amount_cmp(a.size, b.size) == 0;
}

/* ---- sums ---- */

static void end_entry(struct check *c)
{
	for (int unit = BOOK_TOKEN; unit <= BOOK_COIN && c->id; unit++)
		if (!book_sum_zero(c->sum[unit]))
			found(c, "entry %lld does not sum to zero",
			      (long long)c->id);
	memset(c->sum, 0, sizeof(c->sum));
}

static enum err_code see_entry(void *ctx, const struct book_row_posting *row,
			       struct err *e)
{
	struct check *c = ctx;
	enum book_unit unit = row->account.unit;

	(void)e;
	if (row->entry.id != c->id)
		end_entry(c);
	c->id = row->entry.id;
	if ((unit != BOOK_TOKEN && unit != BOOK_COIN) ||
	    !book_sum_add(&c->sum[unit], c->sum[unit], row->sum))
		found(c, "entry %lld holds a sum that cannot be",
		      (long long)row->entry.id);
	return ERR_NONE;
}

static void end_account(struct check *c)
{
	char who[BOOK_HEX_MAX];

	if (c->id && !same(c->total, c->acc.balance))
		found(c,
		      "account %s of %s: its balance is not its postings' sum",
		      book_account_name(c->acc.kind),
		      book_hex(who, &c->acc.peer));
	c->total = (struct book_sum){0};
}

static enum err_code see_account(void *ctx, const struct book_row_posting *row,
				 struct err *e)
{
	struct check *c = ctx;

	(void)e;
	if (row->account.id != c->id)
		end_account(c);
	c->id = row->account.id;
	c->acc = row->account;
	if (!book_sum_add(&c->total, c->total, row->sum))
		found(c, "account %lld passes 2^128", (long long)c->id);
	return ERR_NONE;
}

static enum err_code check_sums(struct check *c, struct err *e)
{
	enum err_code rc;

	c->id = 0;
	rc = book_db_posting_each(c->db, BOOK_DB_BY_ENTRY, see_entry, c, e);
	if (rc != ERR_NONE)
		return rc;
	end_entry(c);
	c->id = 0;
	rc = book_db_posting_each(c->db, BOOK_DB_BY_ACCOUNT, see_account, c, e);
	if (rc == ERR_NONE)
		end_account(c);
	return rc;
}

/* ---- pairs against their accounts ---- */

/* One balance that a row determines. */
static enum err_code expect(struct check *c, enum book_account kind,
			    const struct address *peer, struct book_sum want,
			    struct err *e)
{
	char who[BOOK_HEX_MAX], is[AMOUNT_DEC_MAX], should[AMOUNT_DEC_MAX];
	struct book_sum have;
	enum err_code rc = book_balance(c->b, kind, peer, &have, e);

	if (rc == ERR_NONE && !same(have, want))
		found(c, "%s of %s is %s%s, receipts and bank say %s%s",
		      book_account_name(kind), book_hex(who, peer),
		      have.neg ? "-" : "", book_units(is, have.size),
		      want.neg ? "-" : "", book_units(should, want.size));
	return rc;
}

static bool is_signed(const struct check *c, const struct receipt *r,
		      const struct address *payee)
{
	return !c->domain ||
	       receipt_verify(r, c->domain, payee, NULL) == ERR_NONE;
}

static enum err_code see_in(void *ctx, const struct book_row_pair *row,
			    struct err *e)
{
	struct check *c = ctx;
	const struct book_in *in = &row->in;
	struct book_sum promised, secured, both;
	const struct address me = book_me(c->b);
	char who[BOOK_HEX_MAX];
	enum err_code rc;

	if (in->have && !address_eq(&in->newest.payer, &row->peer))
		found(c, "the receipt kept for %s is another's",
		      book_hex(who, &row->peer));
	if (in->have && !is_signed(c, &in->newest, &me))
		found(c, "the receipt kept for %s is not what it signed",
		      book_hex(who, &row->peer));
	if (in->have && amount_cmp(in->owed, in->newest.amount) > 0)
		found(c, "%s was served beyond its receipt",
		      book_hex(who, &row->peer));
	rc = book_balance(c->b, BOOK_PROMISED, &row->peer, &promised, e);
	if (rc == ERR_NONE)
		rc = book_balance(c->b, BOOK_SECURED, &row->peer, &secured, e);
	if (rc != ERR_NONE)
		return rc;
	if (!book_sum_add(&both, promised, secured) || promised.neg ||
	    secured.neg ||
	    !same(both,
		  book_sum_of(amount_sub_floor(row->booked, in->facts.paid))))
		found(c,
		      "promised and secured of %s are not its receipts less "
		      "what the bank paid",
		      book_hex(who, &row->peer));
	if (amount_cmp(row->booked, book_in_total(in)) > 0 ||
	    amount_cmp(row->booked, in->facts.paid) < 0)
		found(c, "what is booked for %s lies outside its receipts",
		      book_hex(who, &row->peer));
	if (amount_cmp(secured.size, in->facts.reserve) > 0)
		found(c, "more is secured than %s has reserved",
		      book_hex(who, &row->peer));
	return expect(c, BOOK_EARNED, &row->peer,
		      book_sum_minus(book_sum_of(row->booked)), e);
}

static enum err_code see_out(void *ctx, const struct book_row_pair *row,
			     struct err *e)
{
	struct check *c = ctx;
	const struct book_out *out = &row->out;
	struct address me = book_me(c->b);
	struct amount total = book_out_total(out), used;
	char who[BOOK_HEX_MAX];
	enum err_code rc;

	if (out->have && !address_eq(&out->newest.payer, &me))
		found(c, "the receipt given to %s is not ours",
		      book_hex(who, &row->peer));
	if (out->have && !is_signed(c, &out->newest, &row->peer))
		found(c, "the receipt given to %s is not what was signed",
		      book_hex(who, &row->peer));
	if (!amount_add(&used, out->owed, out->lost) ||
	    amount_cmp(used, total) > 0)
		found(c, "more is owed to %s than was promised",
		      book_hex(who, &row->peer));
	if (amount_cmp(row->booked, total) > 0 ||
	    amount_cmp(row->booked, out->facts.paid) < 0)
		found(c, "what is booked for %s lies outside its receipts",
		      book_hex(who, &row->peer));
	rc = expect(c, BOOK_OWED, &row->peer,
		    book_sum_minus(book_sum_of(
			    amount_sub_floor(row->booked, out->facts.paid))),
		    e);
	if (rc == ERR_NONE)
		rc = expect(c, BOOK_SPENT, &row->peer, book_sum_of(row->booked),
			    e);
	if (rc == ERR_NONE)
		rc = expect(c, BOOK_RESERVED, &row->peer,
			    book_sum_of(out->facts.reserve), e);
	return rc;
}

/* ---- agreements against their accounts ---- */

/* The accounts of a renter and host, whose agreements were all seen. */
static enum err_code end_leases(struct check *c, struct err *e)
{
	struct address me = book_me(c->b);
	enum err_code rc = ERR_NONE;

	for (int i = 0; i < BOOK_RENT_ACCOUNTS && c->has_lease; i++) {
		enum book_account kind = BOOK_FUND + i;
		bool ours = address_eq(kind < BOOK_COLLATERAL ? &c->lease.renter
							      : &c->lease.host,
				       &me);

		if (ours && rc == ERR_NONE)
			rc = expect(c, kind, book_stake_peer(&c->lease, kind),
				    book_stake_sum(&c->stake, kind), e);
	}
	c->has_lease = false;
	c->stake = (struct book_stake){0};
	return rc;
}

static enum err_code see_agreement(void *ctx, const struct book_agreement *row,
				   struct err *e)
{
	struct check *c = ctx;
	struct address me = book_me(c->b);
	struct book_stake s = book_stake_of(&me, &row->lease, &row->view);
	char who[BOOK_HEX_MAX];
	enum err_code rc = ERR_NONE;

	if (!address_eq(&c->lease.renter, &row->lease.renter) ||
	    !address_eq(&c->lease.host, &row->lease.host))
		rc = end_leases(c, e);
	c->has_lease = true;
	c->lease = row->lease;
	if (!address_eq(&row->lease.renter, &me) &&
	    !address_eq(&row->lease.host, &me))
		found(c, "agreement %u of %s is not ours", row->lease.number,
		      book_hex(who, &row->lease.renter));
	if (amount_cmp(row->view.earned, row->view.fund) > 0)
		found(c, "agreement %u with %s earned more than its fund",
		      row->lease.number,
		      book_hex(who, address_eq(&row->lease.renter, &me)
					    ? &row->lease.host
					    : &row->lease.renter));
	if (!row->known && row->view.state != BANK_AGREEMENT_NONE)
		found(c, "agreement %u is open and was never read",
		      row->lease.number);
	if (!book_stake_add(&c->stake, &s) || !book_stake_add(&c->stakes, &s))
		found(c, "agreements pass 2^128");
	return rc;
}

static enum err_code add_rent(void *ctx, const struct book_row_account *row,
			      struct err *e)
{
	struct check *c = ctx;
	struct book_sum *sum;

	(void)e;
	if (row->kind < BOOK_FUND || row->kind > BOOK_BURNT)
		return ERR_NONE;
	sum = &c->rent[row->kind - BOOK_FUND];
	if (!book_sum_add(sum, *sum, row->balance))
		found(c, "%s passes 2^128", book_account_name(row->kind));
	return ERR_NONE;
}

/* The sums over all show an account that no agreement stands behind. */
static enum err_code check_agreements(struct check *c, struct err *e)
{
	enum err_code rc = book_db_agreement_each(c->db, see_agreement, c, e);

	if (rc == ERR_NONE)
		rc = end_leases(c, e);
	if (rc == ERR_NONE)
		rc = book_db_account_each(c->db, add_rent, c, e);
	for (int i = 0; i < BOOK_RENT_ACCOUNTS && rc == ERR_NONE; i++)
		if (!same(c->rent[i],
			  book_stake_sum(&c->stakes, BOOK_FUND + i)))
			found(c, "%s is not what the agreements say",
			      book_account_name(BOOK_FUND + i));
	return rc;
}

static bool see_tx(void *ctx, const struct book_tx *tx,
		   const struct book_tx_form *forms, size_t n)
{
	struct check *c = ctx;

	(void)forms;
	if (!n)
		found(c, "transaction %lld has no signed bytes",
		      (long long)tx->id);
	return true;
}

enum err_code book_check(struct book *b, const struct hash32 *domain,
			 book_finding_fn *fn, void *ctx, unsigned *findings,
			 struct err *e)
{
	struct check c = {.b = b,
			  .db = book_tables(b),
			  .domain = domain,
			  .fn = fn,
			  .ctx = ctx};
	enum err_code rc = book_db_sound(c.db, e);

	if (rc == ERR_NONE)
		rc = check_sums(&c, e);
	if (rc == ERR_NONE)
		rc = book_db_pair_each(c.db, BOOK_DB_PAYERS, 0, see_in, &c, e);
	if (rc == ERR_NONE)
		rc = book_db_pair_each(c.db, BOOK_DB_PAYEES, 0, see_out, &c, e);
	if (rc == ERR_NONE)
		rc = check_agreements(&c, e);
	if (rc == ERR_NONE)
		rc = book_db_tx_each(c.db, BOOK_TX_PENDING, 0, see_tx, &c, e);
	*findings = c.findings;
	return rc;
}

/* ---- against the chain ---- */

static void compare(struct check *c, const char *what,
		    const struct address *peer, struct amount book,
		    struct amount chain)
{
	char who[BOOK_HEX_MAX], is[AMOUNT_DEC_MAX], should[AMOUNT_DEC_MAX];
	struct address me = book_me(c->b);

	if (amount_cmp(book, chain) != 0)
		found(c, "%s of %s: the book has %s, the chain %s", what,
		      book_hex(who, peer ? peer : &me), book_units(is, book),
		      book_units(should, chain));
}

static const char *state_name(uint8_t state)
{
	static const char *const names[] = {
		[BANK_AGREEMENT_NONE] = "not opened",
		[BANK_AGREEMENT_OPEN] = "open",
		[BANK_AGREEMENT_CLOSED] = "closed",
	};

	return state <= BANK_AGREEMENT_CLOSED ? names[state] : "unknown";
}

static enum err_code check_pair(struct check *c,
				const struct book_chain_pair *p, struct err *e)
{
	struct book_pair pair;
	enum err_code rc = book_pair_load(c->b, &pair, &p->peer, e);
	const struct book_facts *f = p->in ? &pair.in.facts : &pair.out.facts;
	struct amount signed_for =
		p->in ? book_in_total(&pair.in) : book_out_total(&pair.out);

	if (rc != ERR_NONE || !p->facts.known)
		return rc;
	compare(c, p->in ? "paid by" : "paid to", &p->peer, f->paid,
		p->facts.paid);
	compare(c, p->in ? "reserved by" : "reserved for", &p->peer, f->reserve,
		p->facts.reserve);
	/* The bank can pay only what was signed; for us as payer more than we
	 * know of means that the key signs elsewhere too. */
	if (amount_cmp(p->facts.paid, signed_for) > 0)
		found(c, "the bank paid more than the book's newest receipt");
	return ERR_NONE;
}

static enum err_code check_agreement(struct check *c,
				     const struct book_chain_agreement *p,
				     struct err *e)
{
	struct address me = book_me(c->b);
	struct book_agreement a = {.lease = p->lease};
	const struct address *peer = address_eq(&p->lease.renter, &me)
					     ? &p->lease.host
					     : &p->lease.renter;
	const struct bank_agreement *book = &a.view, *chain = &p->view;
	struct book_stake s = book_stake_of(&me, &p->lease, chain);
	char what[64], who[BOOK_HEX_MAX];
	enum err_code rc = book_agreement_load(c->b, &a, e);

	if (rc != ERR_NONE)
		return rc;
	if (!book_stake_add(&c->stakes, &s))
		found(c, "agreements pass 2^128");
	if (book->state != chain->state)
		found(c, "agreement %u with %s is %s, the book says %s",
		      p->lease.number, book_hex(who, peer),
		      state_name(chain->state), state_name(book->state));
	(void)snprintf(what, sizeof(what), "fund of agreement %u",
		       p->lease.number);
	compare(c, what, peer, book_fund_left(book), book_fund_left(chain));
	(void)snprintf(what, sizeof(what), "rent of agreement %u",
		       p->lease.number);
	compare(c, what, peer, book->earned, chain->earned);
	(void)snprintf(what, sizeof(what), "collateral of agreement %u",
		       p->lease.number);
	compare(c, what, peer, book_collateral_held(book),
		book_collateral_held(chain));
	return ERR_NONE;
}

/* All that the accounts have of agreements against all that the chain says. */
static void check_stakes(struct check *c, const struct book_totals *t)
{
	const struct amount book[BOOK_RENT_ACCOUNTS] = {
		[BOOK_FUND - BOOK_FUND] = t->fund,
		[BOOK_RENT_PAID - BOOK_FUND] = t->rent_paid,
		[BOOK_COLLATERAL - BOOK_FUND] = t->collateral,
		[BOOK_RENT_EARNED - BOOK_FUND] = t->rent_earned,
		[BOOK_BURNT - BOOK_FUND] = t->burnt,
	};

	for (int i = 0; i < BOOK_RENT_ACCOUNTS; i++)
		compare(c, book_account_name(BOOK_FUND + i), NULL, book[i],
			c->stakes.of[i]);
}

enum err_code book_check_chain(struct book *b, const struct book_chain *chain,
			       book_finding_fn *fn, void *ctx,
			       unsigned *findings, struct err *e)
{
	struct check c = {.b = b, .db = book_tables(b), .fn = fn, .ctx = ctx};
	struct book_totals t;
	enum err_code rc = book_totals(b, &t, e);

	if (rc == ERR_NONE && chain->free_known)
		compare(&c, "free balance", NULL, t.bank, chain->free);
	if (rc == ERR_NONE && chain->wallet_known)
		compare(&c, "wallet", NULL, t.wallet, chain->wallet);
	for (size_t i = 0; i < chain->n_pairs && rc == ERR_NONE; i++)
		rc = check_pair(&c, &chain->pairs[i], e);
	for (size_t i = 0; i < chain->n_agreements && rc == ERR_NONE; i++)
		rc = check_agreement(&c, &chain->agreements[i], e);
	if (rc == ERR_NONE && chain->agreements_known)
		check_stakes(&c, &t);
	*findings = c.findings;
	return rc;
}
