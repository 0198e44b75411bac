#include "ledger/signer/signer_state.h"

#include "base/file.h"
#include "ledger/signer/signer_cells.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define CELL SIGNER_CELL
#define SLOT SIGNER_SLOT
#define SLICES 64
#define SLOTS_MAX (1 + SIGNER_STATE_ROWS)
#define INDEX_LEN 16384U /* a power of two, twice the rows */

struct signer_state {
	int fd;
	bool broken;
	bool dirty; /* some twin is */
	struct signer_head head;
	struct signer_row *rows;
	uint32_t rows_len, rows_cap;
	uint32_t index[INDEX_LEN]; /* row + 1, open addressing */
	uint8_t index_key[crypto_shorthash_KEYBYTES];
	char path[SIGNER_PATH_MAX + 1];
};

static enum err_code unwritable(struct signer_state *s, struct err *e)
{
	int os = errno;

	s->broken = true;
	return err_fail(e, ERR_IO,
			"signer: cannot write %s (%s): nothing is "
			"signed until a restart",
			s->path, strerror(os));
}

/* Writes over the older twin; the newer stays whole until this one is. */
static bool cell_write(const struct signer_state *s, uint32_t slot,
		       struct signer_twin *t, const uint8_t cell[CELL])
{
	uint8_t where = t->newer ^ 1U;
	off_t at = (off_t)slot * SLOT + (off_t)where * CELL;

	if (pwrite(s->fd, cell, CELL, at) != CELL)
		return false;
	t->newer = where;
	t->dirty = false;
	return true;
}

/* A slot whose first cell was torn holds nothing yet. */
static bool slot_wipe(const struct signer_state *s, uint32_t slot,
		      struct signer_twin *t)
{
	static const uint8_t zeros[SLOT];

	*t = (struct signer_twin){.newer = 1};
	return pwrite(s->fd, zeros, SLOT, (off_t)slot * SLOT) == SLOT;
}

enum err_code signer_state_flush(struct signer_state *s, struct err *e)
{
	uint8_t cell[CELL];

	if (s->broken)
		return err_fail(e, ERR_IO,
				"signer: %s could not be written before",
				s->path);
	if (!s->dirty)
		return ERR_NONE;
	for (uint32_t i = 0; i < s->rows_len; i++) {
		struct signer_row *row = &s->rows[i];

		if (!row->twin.dirty)
			continue;
		row->twin.seq++;
		signer_row_encode(cell, i + 1, row);
		if (row->type == SIGNER_CELL_NONE
			    ? !slot_wipe(s, i + 1, &row->twin)
			    : !cell_write(s, i + 1, &row->twin, cell))
			return unwritable(s, e);
	}
	if (s->head.twin.dirty) {
		s->head.twin.seq++;
		signer_head_encode(cell, &s->head);
		if (!cell_write(s, 0, &s->head.twin, cell))
			return unwritable(s, e);
	}
	if (fdatasync(s->fd) != 0)
		return unwritable(s, e);
	s->head.rows = s->rows_len; /* the next head will say it */
	s->dirty = false;
	return ERR_NONE;
}

/* ---- rows by account */

static uint32_t *index_find(struct signer_state *s, enum signer_cell_type type,
			    const struct address *payer,
			    const struct address *payee)
{
	uint8_t key[41], hash[crypto_shorthash_BYTES];
	uint32_t at = 0;

	key[0] = (uint8_t)type;
	memcpy(key + 1, payer->bytes, 20);
	memcpy(key + 21, payee->bytes, 20);
	(void)crypto_shorthash(hash, key, sizeof(key), s->index_key);
	memcpy(&at, hash, sizeof(at));
	for (;; at++) { /* ends: at most half of the places are taken */
		uint32_t *place = &s->index[at & (INDEX_LEN - 1)];
		const struct signer_row *row =
			*place ? &s->rows[*place - 1] : NULL;

		if (!row ||
		    (row->type == type && address_eq(&row->payer, payer) &&
		     address_eq(&row->payee, payee)))
			return place;
	}
}

/* An account that is twice in the file: refused, or the later one dropped. */
static bool index_build(struct signer_state *s, bool lossy)
{
	memset(s->index, 0, sizeof(s->index));
	for (uint32_t i = 0; i < s->rows_len; i++) {
		struct signer_row *row = &s->rows[i];
		uint32_t *place;

		if (row->type == SIGNER_CELL_NONE)
			continue;
		place = index_find(s, row->type, &row->payer, &row->payee);
		if (*place && !lossy)
			return false;
		if (*place)
			row->type = SIGNER_CELL_NONE;
		else
			*place = i + 1;
	}
	return true;
}

static bool rows_grow(struct signer_state *s, uint32_t want)
{
	uint32_t cap = s->rows_cap ? s->rows_cap : 16;
	struct signer_row *rows;

	while (cap < want)
		cap *= 2;
	if (cap > s->rows_cap) {
		rows = realloc(s->rows, cap * sizeof(*rows));
		if (!rows)
			return false;
		s->rows = rows;
		s->rows_cap = cap;
	}
	memset(s->rows + s->rows_len, 0,
	       (want - s->rows_len) * sizeof(*s->rows));
	s->rows_len = want;
	return true;
}

/* The row that has slept longest, or NULL when every one was used today. */
static struct signer_row *oldest(struct signer_state *s)
{
	struct signer_row *found = NULL;

	for (uint32_t i = 0; i < s->rows_len; i++) {
		struct signer_row *row = &s->rows[i];

		if (row->type == SIGNER_CELL_PAIR && row->day < s->head.day &&
		    (!found || row->day < found->day))
			found = row;
	}
	return found;
}

/* A payee that made room is as unknown as a new one: its whole amount would
 * count again, until signer_state_adopt(). */
static enum err_code row_new(struct signer_state *s, struct signer_row **out,
			     struct err *e)
{
	if (s->rows_len < SIGNER_STATE_ROWS) {
		if (!rows_grow(s, s->rows_len + 1))
			return err_fail(e, ERR_NOMEM, "signer: no memory");
		*out = &s->rows[s->rows_len - 1];
		return ERR_NONE;
	}
	*out = oldest(s);
	if (!*out)
		return err_fail(e, ERR_LIMIT,
				"signer: %d payees today, no more before 00:00 "
				"UTC",
				SIGNER_STATE_ROWS);
	return ERR_NONE;
}

static void touch(struct signer_state *s, struct signer_twin *t)
{
	t->dirty = true;
	s->dirty = true;
}

static struct signer_row *row_find(struct signer_state *s,
				   enum signer_cell_type type,
				   const struct address *payer,
				   const struct address *payee)
{
	uint32_t place = *index_find(s, type, payer, payee);

	return place ? &s->rows[place - 1] : NULL;
}

static enum err_code row_get(struct signer_state *s, struct signer_row **out,
			     enum signer_cell_type type,
			     const struct address *payer,
			     const struct address *payee, struct err *e)
{
	struct signer_row *row = row_find(s, type, payer, payee);
	enum err_code code = ERR_NONE;

	if (!row) {
		code = row_new(s, &row, e);
		if (code != ERR_NONE)
			return code;
		*row = (struct signer_row){.twin = row->twin,
					   .type = type,
					   .payer = *payer,
					   .payee = *payee,
					   .day = s->head.day};
		touch(s, &row->twin);
		(void)index_build(s, false);
	}
	*out = row;
	return ERR_NONE;
}

/* ---- days and limits */

/* A clock that was ahead must not end all signing until that day comes: the
 * days go on from today, and what was counted counts as today's. A day is let
 * pass, as a clock that is set goes back by less. */
static bool was_ahead(const struct signer_state *s, uint32_t day)
{
	return s->head.day > day && s->head.day - day > 1;
}

/* Also a row of a day that has not come. */
static bool is_todays(const struct signer_state *s,
		      const struct signer_row *row)
{
	return row->day >= s->head.day;
}

static void turn_day(struct signer_state *s, uint32_t day)
{
	struct signer_head *h = &s->head;

	if (was_ahead(s, day)) {
		h->day = day;
		touch(s, &h->twin);
		return;
	}
	if (day <= h->day)
		return;
	h->day = day;
	h->torn = false;
	h->promised = h->ceiling = h->fees = AMOUNT_ZERO;
	touch(s, &h->twin);
}

static struct amount slice_of(struct amount limit)
{
	struct amount slice = AMOUNT_ZERO;

	(void)!amount_mul_div(&slice, NULL, limit, 1, 0, SLICES);
	return slice;
}

static enum err_code spent(const struct signer_state *s, const char *what,
			   struct err *e)
{
	if (s->head.torn)
		return err_fail(e, ERR_FUNDS,
				"signer: %s was torn by a crash, so today's "
				"limits count as spent until 00:00 UTC",
				s->path);
	return err_fail(e, ERR_FUNDS, "signer: over %s", what);
}

/* Checks a rise of what one payee is promised and says what the day's sum
 * would be. */
static enum err_code check_rise(const struct signer_state *s,
				const struct signer_limits *l,
				const struct signer_row *row,
				struct amount amount, struct amount *sum,
				struct err *e)
{
	struct amount base = is_todays(s, row) ? row->base : row->promised;
	struct amount rise = amount_sub_floor(amount, row->promised);

	if (s->head.torn)
		return spent(s, "", e);
	if (amount_cmp(amount_sub_floor(amount, base), l->payee_per_day) > 0)
		return spent(s, "the limit of a day to one payee", e);
	*sum = amount_add_cap(s->head.promised, rise);
	if (amount_cmp(*sum, l->total_per_day) > 0)
		return spent(s, "the limit of a day to all payees", e);
	return ERR_NONE;
}

static void count_rise(struct signer_state *s, const struct signer_limits *l,
		       struct signer_row *row, struct amount amount,
		       struct amount sum)
{
	struct signer_head *h = &s->head;

	if (row->day != h->day) {
		if (!is_todays(s, row))
			row->base = row->promised;
		row->day = h->day;
		touch(s, &row->twin);
	}
	row->promised = amount;
	if (amount_cmp(amount_sub_floor(amount, row->floor),
		       slice_of(l->payee_per_day)) > 0)
		touch(s, &row->twin);
	if (row->twin.dirty)
		row->floor = amount;
	h->promised = sum;
	if (amount_cmp(sum, h->ceiling) > 0) {
		h->ceiling = amount_min(
			amount_add_cap(sum, slice_of(l->total_per_day)),
			l->total_per_day);
		touch(s, &h->twin);
	}
}

/* `amount` is above what the row has, if there is one. */
static enum err_code
raise_row(struct signer_state *s, const struct signer_limits *l,
	  struct signer_row *row, const struct address *payer,
	  const struct address *payee, struct amount amount, struct err *e)
{
	struct signer_row fresh = {.type = SIGNER_CELL_PAIR,
				   .payer = *payer,
				   .payee = *payee,
				   .day = s->head.day};
	struct amount sum;
	enum err_code code =
		check_rise(s, l, row ? row : &fresh, amount, &sum, e);

	if (code == ERR_NONE && !row) /* no row for what is refused */
		code = row_get(s, &row, SIGNER_CELL_PAIR, payer, payee, e);
	if (code == ERR_NONE)
		count_rise(s, l, row, amount, sum);
	return code;
}

enum err_code signer_state_promise(struct signer_state *s,
				   const struct signer_limits *l, uint32_t day,
				   const struct address *payer,
				   const struct address *payee,
				   struct amount amount, struct err *e)
{
	struct signer_row *row;

	turn_day(s, day);
	row = row_find(s, SIGNER_CELL_PAIR, payer, payee);
	if (row && amount_cmp(amount, row->promised) < 0)
		return err_fail(e, ERR_STATE,
				"signer: more was promised to this payee "
				"before: an amount never falls");
	if (row && amount_cmp(amount, row->promised) == 0)
		return ERR_NONE;
	return raise_row(s, l, row, payer, payee, amount, e);
}

enum err_code signer_state_lock(struct signer_state *s,
				const struct signer_limits *l, uint32_t day,
				const struct address *account,
				const struct address *name,
				struct amount amount, struct err *e)
{
	struct signer_row *row;

	turn_day(s, day);
	row = row_find(s, SIGNER_CELL_PAIR, account, name);
	if (row && amount_cmp(amount, row->promised) <= 0)
		return ERR_NONE;
	return raise_row(s, l, row, account, name, amount, e);
}

enum err_code signer_state_lock_more(struct signer_state *s,
				     const struct signer_limits *l,
				     uint32_t day,
				     const struct address *account,
				     const struct address *name,
				     struct amount more, struct err *e)
{
	struct signer_row *row;
	struct amount sum;

	turn_day(s, day);
	row = row_find(s, SIGNER_CELL_PAIR, account, name);
	sum = amount_add_cap(row ? row->promised : AMOUNT_ZERO, more);
	return raise_row(s, l, row, account, name, sum, e);
}

enum err_code signer_state_adopt(struct signer_state *s, uint32_t day,
				 const struct address *payer,
				 const struct address *payee,
				 struct amount amount, struct err *e)
{
	struct signer_row *row;
	enum err_code code;
	bool known;

	turn_day(s, day);
	known = row_find(s, SIGNER_CELL_PAIR, payer, payee) != NULL;
	code = row_get(s, &row, SIGNER_CELL_PAIR, payer, payee, e);
	if (code != ERR_NONE || amount_cmp(amount, row->promised) <= 0)
		return code;
	/* A known payee's base stays: what the receipt is ahead of us may be of
	 * today, and must go on counting. */
	if (!known)
		row->base = amount;
	else if (!is_todays(s, row))
		row->base = row->promised;
	row->day = s->head.day;
	row->floor = row->promised = amount;
	touch(s, &row->twin);
	return ERR_NONE;
}

static enum err_code fee_fits(const struct signer_limits *l, struct amount fee,
			      struct err *e)
{
	if (amount_cmp(fee, l->fee_per_tx) > 0)
		return err_fail(e, ERR_FUNDS,
				"signer: over the limit of one transaction's "
				"fee");
	return ERR_NONE;
}

/* Of the day; what was counted already is not counted again. */
static enum err_code count_fee(struct signer_state *s,
			       const struct signer_limits *l, struct amount fee,
			       struct amount counted, struct err *e)
{
	struct amount sum =
		amount_add_cap(s->head.fees, amount_sub_floor(fee, counted));

	if (s->head.torn || amount_cmp(sum, l->fee_per_day) > 0)
		return spent(s, "the limit of a day's fees", e);
	s->head.fees = sum;
	touch(s, &s->head.twin);
	return ERR_NONE;
}

enum err_code signer_state_fee_once(struct signer_state *s,
				    const struct signer_limits *l, uint32_t day,
				    struct amount fee, struct err *e)
{
	enum err_code code;

	turn_day(s, day);
	code = fee_fits(l, fee, e);
	return code == ERR_NONE ? count_fee(s, l, fee, AMOUNT_ZERO, e) : code;
}

enum err_code signer_state_fee(struct signer_state *s,
			       const struct signer_limits *l, uint32_t day,
			       const struct address *account, uint64_t nonce,
			       struct amount fee, struct err *e)
{
	static const struct address nobody;
	struct amount number = amount_from_u64(nonce), counted = AMOUNT_ZERO;
	enum err_code code;
	struct signer_row *row;

	turn_day(s, day);
	code = fee_fits(l, fee, e);
	if (code == ERR_NONE)
		code = row_get(s, &row, SIGNER_CELL_ACCOUNT, account, &nobody,
			       e);
	if (code != ERR_NONE)
		return code;
	if (amount_cmp(row->base, number) == 0)
		counted = row->floor; /* only one of the two can be mined */
	code = count_fee(s, l, fee, counted, e);
	if (code != ERR_NONE)
		return code;
	row->base = number;
	row->floor = row->promised = amount_max(fee, counted);
	touch(s, &row->twin);
	return ERR_NONE;
}

bool signer_state_domain(const struct signer_state *s,
			 struct signer_domain *out)
{
	if (s->head.pinned)
		*out = s->head.domain;
	return s->head.pinned;
}

enum err_code signer_state_pin(struct signer_state *s,
			       const struct signer_domain *d, struct err *e)
{
	struct signer_domain *own = &s->head.domain;

	if (!s->head.pinned) {
		*own = *d;
		s->head.pinned = true;
		touch(s, &s->head.twin);
		return ERR_NONE;
	}
	if (own->chain_id != d->chain_id || !address_eq(&own->bank, &d->bank) ||
	    !address_eq(&own->token, &d->token))
		return err_fail(e, ERR_STATE,
				"signer: %s is pinned to another bank (chain "
				"%llu): another bank takes another --home",
				s->path, (unsigned long long)own->chain_id);
	return ERR_NONE;
}

void signer_state_sums(const struct signer_state *s, uint32_t *day,
		       struct amount *promised, struct amount *fees)
{
	*day = s->head.day;
	*promised = s->head.promised;
	*fees = s->head.fees;
}

int signer_state_fd(const struct signer_state *s)
{
	return s->fd;
}

/* ---- the file */

static enum err_code damaged(const struct signer_state *s, const char *what,
			     struct err *e)
{
	return err_fail(e, ERR_STATE,
			"signer: %s is damaged (%s): nothing is signed; see "
			"`seedbank wallet repair-state`",
			s->path, what);
}

/* With `lossy` what cannot be read is left out instead of refused. `file` has
 * whole slots, zeros behind its end. */
static enum err_code load(struct signer_state *s, const uint8_t *file,
			  uint32_t slots, bool lossy, bool *torn, struct err *e)
{
	bool one = false;

	*torn = false;
	if (slots < 1 || !signer_head_load(&s->head, file, torn)) {
		if (!lossy)
			return damaged(s, "its head", e);
		s->head = (struct signer_head){.twin = {.newer = 1}};
	}
	if (!lossy && slots < 1 + s->head.rows)
		return damaged(s, "cut short", e);
	if (slots > 1 && !rows_grow(s, slots - 1))
		return err_fail(e, ERR_NOMEM, "signer: no memory");
	for (uint32_t i = 1; i < slots; i++) {
		struct signer_row *row = &s->rows[i - 1];
		bool good =
			signer_row_load(row, file + (size_t)i * SLOT, i, &one);

		if (row->type == SIGNER_CELL_NONE && i <= s->head.rows)
			good = false; /* it was durable once */
		if (!good && !lossy)
			return damaged(s, "a payee's cells", e);
		if (!good)
			*row = (struct signer_row){.twin = {.newer = 1}};
		*torn |= one;
	}
	if (!index_build(s, lossy))
		return damaged(s, "a payee twice", e);
	return ERR_NONE;
}

static enum err_code read_file(struct signer_state *s, uint8_t **file,
			       uint32_t *slots, struct err *e)
{
	struct stat st;
	size_t len, room, at = 0;

	if (fstat(s->fd, &st) != 0)
		return err_fail(e, ERR_IO, "signer: cannot look at %s",
				s->path);
	if (!S_ISREG(st.st_mode) || st.st_size > (off_t)SLOTS_MAX * SLOT)
		return damaged(s, "not a state file", e);
	if (st.st_mode & 022)
		return err_fail(e, ERR_STATE,
				"signer: others may write %s: run chmod 600 on "
				"it",
				s->path);
	len = (size_t)st.st_size;
	room = (len + SLOT - 1) / SLOT * SLOT;
	*file = calloc(1, room + 1);
	if (!*file)
		return err_fail(e, ERR_NOMEM, "signer: no memory");
	while (at < len) {
		ssize_t n = pread(s->fd, *file + at, len - at, (off_t)at);

		if (n <= 0)
			return err_fail(e, ERR_IO, "signer: cannot read %s",
					s->path);
		at += (size_t)n;
	}
	*slots = (uint32_t)(room / SLOT);
	return ERR_NONE;
}

static enum err_code make_fresh(const char *path, uint32_t day, struct err *e)
{
	struct signer_head h = {.twin = {.seq = 1}, .day = day};
	uint8_t cell[CELL];
	struct err why = {0};
	enum err_code code;

	signer_head_encode(cell, &h);
	code = file_create(path, cell, sizeof(cell), &why);
	if (code != ERR_NONE && code != ERR_STATE) /* another one was first */
		return err_fail(e, code, "signer: %s", why.msg);
	return ERR_NONE;
}

/* The descriptor and the lock; ERR_IO with ENOENT when there is no file. */
static enum err_code open_locked(struct signer_state *s, struct err *e)
{
	s->fd = open(s->path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (s->fd < 0)
		return err_fail(e, ERR_IO, "signer: cannot open %s: %s",
				s->path, strerror(errno));
	if (flock(s->fd, LOCK_EX | LOCK_NB) != 0)
		return err_fail(e, ERR_STATE,
				"signer: another seedbank process uses %s",
				s->path);
	return ERR_NONE;
}

static void drop(struct signer_state *s)
{
	if (s->fd >= 0)
		(void)close(s->fd);
	free(s->rows);
	free(s);
}

static struct signer_state *alloc(const char *path, struct err *e)
{
	struct signer_state *s = calloc(1, sizeof(*s));

	if (!s || strlen(path) >= sizeof(s->path)) {
		free(s);
		(void)err_fail(e, ERR_NOMEM, "signer: no memory");
		return NULL;
	}
	s->fd = -1;
	memcpy(s->path, path, strlen(path) + 1);
	randombytes_buf(s->index_key, sizeof(s->index_key));
	return s;
}

static enum err_code open_and_load(struct signer_state *s, uint32_t day,
				   struct err *e)
{
	uint8_t *file = NULL;
	uint32_t slots = 0;
	bool torn = false;
	enum err_code code = ERR_NONE;

	if (access(s->path, F_OK) != 0 && errno == ENOENT)
		code = make_fresh(s->path, day, e);
	if (code == ERR_NONE)
		code = open_locked(s, e);
	if (code == ERR_NONE)
		code = read_file(s, &file, &slots, e);
	if (code == ERR_NONE)
		code = load(s, file, slots, false, &torn, e);
	free(file);
	if (code != ERR_NONE)
		return code;
	turn_day(s, day);
	if (!torn)
		return ERR_NONE;
	s->head.torn = true;
	touch(s, &s->head.twin);
	return signer_state_flush(s, e);
}

enum err_code signer_state_open(struct signer_state **out, const char *path,
				uint32_t day, struct err *e)
{
	struct signer_state *s = alloc(path, e);
	enum err_code code;

	if (!s)
		return ERR_NOMEM;
	code = open_and_load(s, day, e);
	if (code != ERR_NONE) {
		drop(s);
		return code;
	}
	*out = s;
	return ERR_NONE;
}

void signer_state_close(struct signer_state *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; i < s->rows_len; i++) {
		struct signer_row *row = &s->rows[i];

		if (amount_cmp(row->floor, row->promised) == 0)
			continue;
		row->floor = row->promised;
		touch(s, &row->twin);
	}
	if (amount_cmp(s->head.ceiling, s->head.promised) != 0) {
		s->head.ceiling = s->head.promised;
		touch(s, &s->head.twin);
	}
	/* what is promised is on disk already: a failure only wastes limits */
	(void)!signer_state_flush(s, NULL);
	drop(s);
}

/* ---- repair */

/* A new file of every row that is left, all in their first cells. */
static uint8_t *rebuild(struct signer_state *s, uint32_t day, size_t *len)
{
	uint8_t *file = calloc(1 + (size_t)s->rows_len, SLOT);
	uint32_t slot = 0;

	if (!file)
		return NULL;
	for (uint32_t i = 0; i < s->rows_len; i++) {
		uint8_t *cell;

		if (s->rows[i].type == SIGNER_CELL_NONE)
			continue;
		cell = file + (size_t)++slot * SLOT;
		signer_row_encode(cell, slot, &s->rows[i]);
	}
	if (s->head.day < day || was_ahead(s, day))
		s->head.day = day;
	s->head.torn = true;
	s->head.rows = slot;
	s->head.twin.seq++;
	signer_head_encode(file, &s->head);
	*len = (1 + (size_t)slot) * SLOT;
	return file;
}

static enum err_code replace(struct signer_state *s, uint32_t day,
			     struct err *e)
{
	char aside[SIGNER_PATH_MAX + 16];
	size_t len;
	uint8_t *file = rebuild(s, day, &len);
	enum err_code code;

	if (!file)
		return err_fail(e, ERR_NOMEM, "signer: no memory");
	(void)snprintf(aside, sizeof(aside), "%s.damaged", s->path);
	if (link(s->path, aside) != 0)
		code = err_fail(e, errno == EEXIST ? ERR_STATE : ERR_IO,
				"cannot keep the damaged file as %s: %s", aside,
				strerror(errno));
	else
		code = file_replace(s->path, file, len, e);
	free(file);
	return code;
}

enum err_code signer_state_repair(const char *path, uint32_t day, struct err *e)
{
	struct signer_state *s = alloc(path, e);
	uint8_t *file = NULL;
	uint32_t slots = 0;
	bool torn;
	enum err_code code;

	if (!s)
		return ERR_NOMEM;
	code = open_locked(s, e);
	if (code == ERR_NONE)
		code = read_file(s, &file, &slots, e);
	if (code == ERR_NONE) {
		if (load(s, file, slots, false, &torn, NULL) == ERR_NONE)
			code = err_fail(e, ERR_STATE,
					"%s is whole: nothing to repair", path);
		s->rows_len = 0;
	}
	if (code == ERR_NONE)
		code = load(s, file, slots, true, &torn, e);
	if (code == ERR_NONE)
		code = replace(s, day, e);
	free(file);
	drop(s);
	return code;
}
