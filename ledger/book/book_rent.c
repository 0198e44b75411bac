/* book_rent.c - agreements: what final state says of them, and what that does
 * to our money.
 *
 * A row is all that the bank said last. The accounts are moved from what that
 * meant for us to what the new one means, so a read that comes twice moves
 * nothing, and one that is skipped is made up for by the next. */
#include "ledger/book/book_impl.h"

#include "base/agreement.h"

/* ---- an agreement as figures ---- */

struct amount book_fund_left(const struct bank_agreement *v)
{
	if (v->state != BANK_AGREEMENT_OPEN)
		return AMOUNT_ZERO;
	return amount_sub_floor(v->fund, v->earned);
}

struct amount book_collateral_held(const struct bank_agreement *v)
{
	return v->state == BANK_AGREEMENT_OPEN ? v->collateral : AMOUNT_ZERO;
}

/* As close() has it: `misses` are then all that count. */
struct amount book_collateral_burnt(const struct bank_agreement *v)
{
	struct agreement a = {
		.start = v->start, .end = v->end, .span = v->span};
	struct amount burnt;
	uint32_t spare;

	if (v->state != BANK_AGREEMENT_CLOSED)
		return AMOUNT_ZERO;
	spare = agreement_misses_free(&a);
	if (v->misses <= spare)
		return AMOUNT_ZERO;
	if (!amount_mul_div(&burnt, NULL, v->penalty, v->misses - spare, 0, 1))
		return v->collateral;
	return amount_min(burnt, v->collateral);
}

struct book_stake book_stake_of(const struct address *me,
				const struct book_lease *lease,
				const struct bank_agreement *v)
{
	struct book_stake s = {0};

	if (address_eq(&lease->renter, me)) {
		s.of[BOOK_FUND - BOOK_FUND] = book_fund_left(v);
		s.of[BOOK_RENT_PAID - BOOK_FUND] = v->earned;
	}
	if (address_eq(&lease->host, me)) {
		s.of[BOOK_COLLATERAL - BOOK_FUND] = book_collateral_held(v);
		s.of[BOOK_RENT_EARNED - BOOK_FUND] = v->earned;
		s.of[BOOK_BURNT - BOOK_FUND] = book_collateral_burnt(v);
	}
	return s;
}

bool book_stake_add(struct book_stake *to, const struct book_stake *s)
{
	for (size_t i = 0; i < BOOK_RENT_ACCOUNTS; i++)
		if (!amount_add(&to->of[i], to->of[i], s->of[i]))
			return false;
	return true;
}

static struct book_sum with_sign(struct book_sum s, enum book_account kind)
{
	return kind == BOOK_RENT_EARNED ? book_sum_minus(s) : s;
}

struct book_sum book_stake_sum(const struct book_stake *s,
			       enum book_account kind)
{
	return with_sign(book_sum_of(s->of[kind - BOOK_FUND]), kind);
}

const struct address *book_stake_peer(const struct book_lease *lease,
				      enum book_account kind)
{
	return kind == BOOK_FUND || kind == BOOK_RENT_PAID ? &lease->host
							   : &lease->renter;
}

/* ---- following ---- */

static bool is_ours(const struct book *b, const struct book_lease *l)
{
	return address_eq(&l->renter, &b->me) || address_eq(&l->host, &b->me);
}

/* Loads its row, or makes one in memory. */
static enum err_code take_row(struct book *b, struct book_agreement *row,
			      const struct book_lease *lease, int64_t now_s,
			      struct err *e)
{
	uint64_t count;
	enum err_code rc;

	*row = (struct book_agreement){.lease = *lease};
	if (!is_ours(b, lease))
		return err_fail(e, ERR_STATE,
				"book: an agreement between others");
	rc = book_db_agreement_get(b->db, row, e);
	if (rc != ERR_NONE || row->followed)
		return rc;
	rc = book_db_agreement_count(b->db, &count, e);
	if (rc != ERR_NONE)
		return rc;
	if (count >= BOOK_AGREEMENTS_MAX)
		return err_fail(e, ERR_LIMIT, "book: over %d agreements",
				BOOK_AGREEMENTS_MAX);
	row->since_s = now_s;
	return ERR_NONE;
}

/* Of two ends (0: none), is the first the later? */
static bool lasts(uint64_t kept, uint64_t wanted)
{
	return kept == 0 || (wanted != 0 && wanted <= kept);
}

enum err_code book_agreement_follow(struct book *b,
				    const struct book_lease *lease,
				    uint64_t open_before, int64_t now_s,
				    struct err *e)
{
	struct book_agreement row;
	enum err_code rc = book_db_stage(b->db, e);

	if (rc == ERR_NONE)
		rc = take_row(b, &row, lease, now_s, e);
	if (rc != ERR_NONE ||
	    (row.followed && lasts(row.open_before, open_before)))
		return rc;
	row.open_before = open_before;
	return book_db_agreement_set(b->db, &row, e);
}

enum err_code book_agreement_drop(struct book *b,
				  const struct book_lease *lease, struct err *e)
{
	struct book_agreement row = {.lease = *lease};
	enum err_code rc = book_db_stage(b->db, e);

	if (rc == ERR_NONE)
		rc = book_db_agreement_get(b->db, &row, e);
	if (rc != ERR_NONE)
		return rc;
	if (row.view.state != BANK_AGREEMENT_NONE)
		return err_fail(e, ERR_STATE, "book: it was opened");
	return book_db_agreement_drop(b->db, lease, e);
}

enum err_code book_agreement_load(struct book *b, struct book_agreement *out,
				  struct err *e)
{
	return book_db_agreement_get(b->db, out, e);
}

struct list {
	book_agreement_fn *fn;
	void *ctx;
	bool stop;
};

static enum err_code give(void *ctx, const struct book_agreement *row,
			  struct err *e)
{
	struct list *l = ctx;

	(void)e;
	if (!l->stop)
		l->stop = !l->fn(l->ctx, row);
	return ERR_NONE;
}

enum err_code book_agreement_list(struct book *b, book_agreement_fn *fn,
				  void *ctx, struct err *e)
{
	struct list l = {.fn = fn, .ctx = ctx};

	return book_db_agreement_each(b->db, give, &l, e);
}

/* ---- what the chain says ---- */

static bool can_be(const struct bank_agreement *v)
{
	return v->state <= BANK_AGREEMENT_CLOSED && amount_fits112(v->fund) &&
	       amount_fits112(v->collateral) && amount_fits112(v->penalty) &&
	       amount_cmp(v->earned, v->fund) <= 0 &&
	       (v->state == BANK_AGREEMENT_NONE ||
		(v->span > 0 && v->start < v->end));
}

static bool same_deal(const struct bank_agreement *a,
		      const struct bank_agreement *b)
{
	return a->start == b->start && a->end == b->end && a->span == b->span &&
	       amount_cmp(a->collateral, b->collateral) == 0 &&
	       amount_cmp(a->penalty, b->penalty) == 0;
}

/* The bank lets none of this fall, and nothing move once it is closed. */
static bool follows(const struct bank_agreement *was,
		    const struct bank_agreement *is)
{
	if (was->state == BANK_AGREEMENT_NONE)
		return true;
	if (!same_deal(was, is) || is->state < was->state ||
	    is->revision < was->revision || is->through < was->through ||
	    is->misses < was->misses || amount_cmp(is->fund, was->fund) < 0 ||
	    amount_cmp(is->earned, was->earned) < 0)
		return false;
	return was->state != BANK_AGREEMENT_CLOSED ||
	       (is->misses == was->misses &&
		amount_cmp(is->fund, was->fund) == 0 &&
		amount_cmp(is->earned, was->earned) == 0);
}

static enum book_entry_kind kind_of(const struct bank_agreement *was,
				    const struct bank_agreement *is)
{
	if (was->state != is->state && is->state == BANK_AGREEMENT_CLOSED)
		return BOOK_AGREEMENT_END;
	return amount_cmp(was->earned, is->earned) ? BOOK_RENT : BOOK_AGREED;
}

/* From one stake to the next; what that takes or gives is our free balance. */
static enum err_code move(struct book *b, const struct book_agreement *row,
			  const struct bank_agreement *v, int64_t now_s,
			  struct err *e)
{
	struct book_lines ls = {.unit = BOOK_TOKEN};
	struct book_stake was = book_stake_of(&b->me, &row->lease, &row->view);
	struct book_stake is = book_stake_of(&b->me, &row->lease, v);
	struct book_row_entry entry = {.kind = kind_of(&row->view, v),
				       .time_s = now_s};
	struct book_sum sum = {0};

	entry.peer = address_eq(&row->lease.renter, &b->me) ? row->lease.host
							    : row->lease.renter;
	for (size_t i = 0; i < BOOK_RENT_ACCOUNTS; i++) {
		enum book_account kind = BOOK_FUND + i;
		struct book_sum delta =
			with_sign(book_diff(is.of[i], was.of[i]), kind);

		if (!book_sum_add(&sum, sum, delta))
			return book_too_large(e);
		book_line(&ls, kind, book_stake_peer(&row->lease, kind), delta);
	}
	book_line(&ls, BOOK_BANK, NULL, book_sum_minus(sum));
	return book_write_entry(b, &entry, &ls, e);
}

static enum err_code facts(struct book *b, const struct book_lease *lease,
			   const struct bank_agreement *v, uint64_t block,
			   int64_t now_s, struct err *e)
{
	struct book_agreement row;
	enum err_code rc = take_row(b, &row, lease, now_s, e);

	if (rc != ERR_NONE || (row.known && block < row.block))
		return rc;
	if (!can_be(v))
		return err_fail(e, ERR_CHAIN,
				"book: the bank says of an agreement what "
				"cannot be");
	if (v->state == BANK_AGREEMENT_NONE && !row.view.state &&
	    (!row.followed || (row.open_before && block >= row.open_before)))
		return book_db_agreement_drop(b->db, lease, e);
	if (row.known && !follows(&row.view, v))
		return err_fail(e, ERR_CHAIN,
				"book: the bank says less of an agreement than "
				"it said before");
	rc = move(b, &row, v, now_s, e);
	if (rc != ERR_NONE)
		return rc;
	row.known = true;
	row.view = *v;
	row.block = block;
	return book_db_agreement_set(b->db, &row, e);
}

enum err_code book_agreement_facts(struct book *b,
				   const struct book_lease *lease,
				   const struct bank_agreement *view,
				   uint64_t block, int64_t now_s, struct err *e)
{
	enum err_code rc = book_begin(b, e);

	if (rc != ERR_NONE)
		return rc;
	return book_end(b, facts(b, lease, view, block, now_s, e));
}
