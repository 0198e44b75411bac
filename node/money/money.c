#include "node/money/money.h"

#include "base/address.h"
#include "base/clock.h"
#include "node/cli/passphrase.h"
#include "node/core/settings.h"
#include "node/swarm/torrent.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RETRY_FIRST_MS 2000
#define RETRY_LAST_MS 60000
#define HOUSEKEEPING_FIRST_MS 1000 /* after pinning */
#define HOUSEKEEPING_MS 30000
#define BANK_NOTE "bank"
/* chain id 8 | bank 20 | token 20 | decimals 1 | period 4 */
#define BANK_NOTE_LEN 53

bool money_only_looks(const struct money *m)
{
	return m->lock < 0;
}

/* ---- before threads ---- */

static enum err_code get_passphrase(struct money *m, enum money_need need,
				    struct err *e)
{
	m->passphrase = sodium_malloc(SIGNER_PASS_MAX + 1);
	if (!m->passphrase)
		return err_fail(e, ERR_NOMEM, "passphrase");
	return passphrase_get(
		m->passphrase, SIGNER_PASS_MAX + 1,
		engine_text(m->engine, "passphrase-file"),
		need == MONEY_MUST ? PASSPHRASE_ASK : PASSPHRASE_QUIET, e);
}

/* Whose book it is; zero when there is none. */
static enum err_code book_owner(struct money *m, enum signer_purpose purpose,
				struct err *e)
{
	char path[HOME_PATH_MAX];
	struct book *b;
	enum err_code code;

	home_file(&m->engine->home, purse_file(purpose), path);
	if (access(path, F_OK) != 0)
		return ERR_NONE;
	code = book_open_readonly(&b, path, e);
	if (code != ERR_NONE)
		return code;
	m->accounts[purpose] = book_me(b);
	book_close(b);
	return ERR_NONE;
}

/* The books alone, for writing: nobody else may have them. */
static enum err_code take_books(struct money *m, struct err *e)
{
	enum err_code code =
		home_lock(&m->engine->home, "wallet.lock", &m->lock, e);

	if (code == ERR_NONE)
		code = book_owner(m, SIGNER_BANDWIDTH, e);
	if (code == ERR_NONE)
		code = book_owner(m, SIGNER_STORAGE, e);
	return code;
}

static enum err_code take_wallet(struct money *m, enum money_need need,
				 struct err *e)
{
	enum err_code code = get_passphrase(m, need, e);

	if (code == ERR_NONE)
		code = home_lock(&m->engine->home, "wallet.lock", &m->lock, e);
	if (code == ERR_NONE)
		code = signer_fork(&m->proc, e);
	return code;
}

enum err_code money_fork(struct money **out, struct engine *en,
			 enum money_need need, struct err *e)
{
	const bool look = need == MONEY_READ || need == MONEY_GLANCE ||
			  need == MONEY_BOOK;
	char path[HOME_PATH_MAX];
	struct err why = {0};
	struct money *m;
	enum err_code code;

	*out = NULL;
	if (need == MONEY_NONE)
		return ERR_NONE;
	home_file(&en->home, look ? purse_file(SIGNER_BANDWIDTH) : "wallet.key",
		  path);
	if (access(path, F_OK) != 0) {
		if (need == MONEY_IF_ANY || need == MONEY_GLANCE)
			return ERR_NONE;
		return err_fail(e, ERR_STATE,
				look ? "no book in %.80s: nothing was "
				       "earned or spent there yet"
				     : "no wallet in %.80s; `seedbank "
				       "wallet new` makes one",
				en->home.path);
	}
	m = calloc(1, sizeof(*m));
	if (!m)
		return err_fail(e, ERR_NOMEM, "wallet");
	m->engine = en;
	m->need = need;
	m->lock = -1;
	m->decimals = 18;
	if (need == MONEY_BOOK && (code = take_books(m, e)) != ERR_NONE) {
		money_free(m);
		return code;
	}
	if (look) {
		*out = m;
		return ERR_NONE;
	}
	code = take_wallet(m, need, &why);
	/* without a way to open it a node still moves bytes for free */
	if (code == ERR_STATE && need == MONEY_IF_ANY) {
		(void)snprintf(en->no_wallet, sizeof(en->no_wallet), "%s",
			       why.msg);
		money_free(m);
		return ERR_NONE;
	}
	if (code != ERR_NONE) {
		money_free(m);
		return err_fail(e, code, "%s", why.msg);
	}
	*out = m;
	return ERR_NONE;
}

/* ---- settings ---- */

static enum err_code override(struct money *m, const char *field, struct err *e)
{
	const char *text = engine_text(m->engine, field);

	return text ? profile_set(&m->profile, field, text, e) : ERR_NONE;
}

static enum err_code read_key(struct money *m, struct err *e)
{
	const char *path = engine_text(m->engine, "rpc-key-file");
	struct err why = {0};

	if (!path)
		return ERR_NONE;
	if (node_key_read(m->rpc_key, path, m->profile.kind == PROFILE_TRON,
			  &why) != ERR_NONE)
		return err_fail(e, why.code, "rpc-key-file: %.130s", why.msg);
	m->profile.key = m->rpc_key;
	return ERR_NONE;
}

static enum err_code read_profile(struct money *m, struct err *e)
{
	static const char *const fields[] = {"chain-id",    "bank",
					     "token",	    "confirmations",
					     "legacy-fees", "block-ms"};
	const char *url;
	enum err_code code =
		profile_find(&m->profile, engine_text(m->engine, "profile"), e);

	for (size_t i = 0;
	     code == ERR_NONE && i < sizeof(fields) / sizeof(fields[0]); i++)
		code = override(m, fields[i], e);
	for (size_t i = 0;
	     code == ERR_NONE && (url = engine_list_at(m->engine, "rpc", i));
	     i++)
		code = profile_set(&m->profile, "rpc", url, e);
	if (code == ERR_NONE)
		code = read_key(m, e);
	m->domain = (struct signer_domain){.chain_id = m->profile.chain_id,
					   .bank = m->profile.bank,
					   .token = m->profile.token};
	m->decimals = m->profile.token_decimals;
	return code;
}

static enum err_code parse_address(const struct money *m, struct address *out,
				   const char *text, struct err *e)
{
	return address_parse_as(out, m->profile.address, text, e);
}

/* Coins; what the user has not set is the chain's own. */
static enum err_code coin_amount(const struct money *m, const char *name,
				 const char *unset, struct amount *out,
				 struct err *e)
{
	const char *text = engine_text(m->engine, name);

	return amount_from_dec(out, text ? text : unset,
			       m->profile.coin_decimals, e);
}

/* What the token's limits are in units hangs on its decimals. */
static enum err_code read_limits(const struct money *m, unsigned decimals,
				 struct signer_limits *l, struct err *e)
{
	struct engine *en = m->engine;
	enum err_code code = amount_from_dec(
		&l->total_per_day, engine_text(en, "day-limit"), decimals, e);

	if (code == ERR_NONE)
		code = amount_from_dec(&l->payee_per_day,
				       engine_text(en, "payee-day-limit"),
				       decimals, e);
	if (code == ERR_NONE)
		code = coin_amount(m, "fee-limit", m->profile.fee_limit,
				   &l->fee_per_tx, e);
	if (code == ERR_NONE)
		code = coin_amount(m, "day-fee-limit", m->profile.day_fee_limit,
				   &l->fee_per_day, e);
	l->reserve_days = 3650;
	return code;
}

static enum err_code read_cold(struct money *m, struct signer_unlock *u,
			       struct err *e)
{
	const char *cold;
	enum err_code code = ERR_NONE;

	for (size_t i = 0; code == ERR_NONE && i < SIGNER_COLD_MAX &&
			   (cold = engine_list_at(m->engine, "cold", i));
	     i++) {
		code = parse_address(m, &u->cold[i], cold, e);
		u->cold_len = i + 1;
	}
	return code;
}

/* ---- unlocking ---- */

static enum err_code refuse_to_sign(void *ctx, const struct signer_request *q,
				    signer_reply_fn *fn, void *fn_ctx,
				    struct err *e)
{
	(void)ctx;
	(void)q;
	(void)fn;
	(void)fn_ctx;
	return err_fail(e, ERR_STATE, "the wallet is not open: only looking");
}

static void forget_nothing(void *ctx, void *fn_ctx)
{
	(void)ctx;
	(void)fn_ctx;
}

static enum err_code open_chain(struct money *m, struct err *e)
{
	const struct chain_signer nobody = {.ask = refuse_to_sign,
					    .forget = forget_nothing};
	struct chain_signer signer =
		m->signer ? chain_signer_process(m->signer, m->accounts)
			  : nobody;

	if (m->profile.n_urls == 0)
		return ERR_NONE;
	return profile_open_chain(&m->chain, &m->profile, m->engine->loop,
				  m->engine->http, &signer, amount_from_u64(0),
				  m->engine->log, e);
}

static void set_trouble(struct money *m, const struct err *e)
{
	if (strcmp(m->trouble.msg, e->msg) != 0)
		log_line(m->engine->log, LOG_WARN, "money",
			 "neither buying nor selling yet text=\"%s\"", e->msg);
	m->trouble = *e;
}

static void try_pin(struct money *m);

void money_end_opening(struct money *m)
{
	if (!m->opening)
		return;
	m->opening = false;
	for (struct torrent *t = m->engine->torrents; t; t = torrent_next(t))
		torrent_begin(t);
}

/* Only a home that rents, or rents out, has a book for it. */
static bool storage_book_is_there(const struct money *m)
{
	char path[HOME_PATH_MAX];

	home_file(&m->engine->home, purse_file(SIGNER_STORAGE), path);
	return access(path, F_OK) == 0;
}

enum err_code money_open_storage(struct money *m, struct err *e)
{
	enum err_code code;

	if (m->storage.book)
		return ERR_NONE;
	if (!m->signer && !storage_book_is_there(m))
		return err_fail(e, ERR_STATE,
				"no book of the storage account in %.80s: "
				"nothing was rented there yet",
				m->engine->home.path);
	if (!money_only_looks(m) && address_is_zero(&m->accounts[1]))
		return err_fail(e, ERR_STATE,
				"this wallet is an imported private key: "
				"storing takes a recovery phrase (`seedbank "
				"wallet new`)");
	code = purse_open(&m->storage, m, SIGNER_STORAGE,
			  money_only_looks(m) ? NULL : &m->accounts[1], e);
	if (code != ERR_NONE)
		purse_close(&m->storage);
	else if (m->pinned)
		purse_refresh(&m->storage);
	return code;
}

static enum err_code opened(struct money *m, struct err *e)
{
	enum err_code code = open_chain(m, e);

	if (code == ERR_NONE)
		code = purse_open(&m->bandwidth, m, SIGNER_BANDWIDTH,
				  money_only_looks(m) ? NULL : &m->accounts[0],
				  e);
	if (code == ERR_NONE && storage_book_is_there(m))
		code = money_open_storage(m, e);
	if (code != ERR_NONE)
		return code;
	m->open = true;
	try_pin(m);
	return ERR_NONE;
}

static void forget_passphrase(struct money *m)
{
	sodium_free(m->passphrase); /* wipes it */
	m->passphrase = NULL;
}

static void on_unlocked(void *ctx, const struct signer_reply *r,
			const struct err *error)
{
	struct money *m = ctx;
	struct err e = {0};

	forget_passphrase(m);
	if (error) {
		e = *error;
	} else {
		memcpy(m->accounts, r->u.unlocked.account, sizeof(m->accounts));
		(void)opened(m, &e);
	}
	if (e.code == ERR_NONE)
		return;
	set_trouble(m, &e);
	log_line(m->engine->log, LOG_ERROR, "money",
		 "the wallet stays closed text=\"%s\"", e.msg);
	money_end_opening(m);
}

/* Was this bank of this chain checked before? Then chain id, token, decimals
 * and the length of a period are known without asking. */
static bool read_note(struct money *m, struct book *book)
{
	const struct profile *p = &m->profile;
	uint8_t note[BANK_NOTE_LEN];
	size_t len = sizeof(note);
	struct rd r;
	struct signer_domain d;

	if (book_note_get(book, BANK_NOTE, note, &len, NULL) != ERR_NONE ||
	    len != sizeof(note))
		return false;
	r = rd_from(note, len);
	d.chain_id = rd_u64(&r);
	rd_copy(&r, d.bank.bytes, 20);
	rd_copy(&r, d.token.bytes, 20);
	if (!address_eq(&d.bank, &m->domain.bank) ||
	    (m->domain.chain_id && d.chain_id != m->domain.chain_id) ||
	    (p->has_token && !address_eq(&d.token, &p->token)))
		return false;
	m->domain = d;
	m->decimals = rd_u8(&r);
	m->period = rd_u32(&r);
	return true;
}

/* The limits are given with the passphrase, before the book is open. */
static void peek_note(struct money *m)
{
	char path[HOME_PATH_MAX];
	struct book *book;

	home_file(&m->engine->home, purse_file(SIGNER_BANDWIDTH), path);
	if (access(path, F_OK) != 0 ||
	    book_open_readonly(&book, path, NULL) != ERR_NONE)
		return;
	(void)read_note(m, book);
	book_close(book);
}

static enum err_code unlock(struct money *m, struct err *e)
{
	char key_path[HOME_PATH_MAX], state_path[HOME_PATH_MAX];
	struct signer_request q = {.type = SIGNER_UNLOCK};
	struct signer_reply r;
	uint32_t index = (uint32_t)engine_int(m->engine, "wallet-index");
	enum err_code code;

	peek_note(m);
	m->limit_decimals = m->decimals;
	code = read_limits(m, m->decimals, &q.u.unlock.limits, e);
	if (code == ERR_NONE)
		code = read_cold(m, &q.u.unlock, e);
	if (code != ERR_NONE)
		return code;
	home_file(&m->engine->home, "wallet.key", key_path);
	home_file(&m->engine->home, "signer.state", state_path);
	q.u.unlock.key_path = key_path;
	q.u.unlock.state_path = state_path;
	q.u.unlock.passphrase = m->passphrase;
	q.u.unlock.kind = m->profile.address;
	/* a separate account for storage, never used for bandwidth */
	q.u.unlock.index[SIGNER_BANDWIDTH] = index * 2;
	q.u.unlock.index[SIGNER_STORAGE] = index * 2 + 1;
	m->signer = signer_client_new(m->engine->loop, &m->proc, e);
	if (!m->signer)
		return ERR_IO;
	m->proc = (struct signer_proc){0}; /* the client's now */
	if (m->engine->daemon) {	   /* deriving the key takes a second */
		m->opening = true;
		return signer_ask(m->signer, &q, on_unlocked, m, e);
	}
	code = signer_call(m->signer, &r, &q, e);
	forget_passphrase(m);
	if (code != ERR_NONE)
		return code;
	memcpy(m->accounts, r.u.unlocked.account, sizeof(m->accounts));
	return opened(m, e);
}

static void stop_waiting(void *ctx)
{
	struct money *m = ctx;

	loop_stop(m->engine->loop);
}

static void wait_ms(struct money *m, int64_t ms)
{
	struct loop_timer *limit =
		loop_timer_new(m->engine->loop, stop_waiting, m);

	if (!limit)
		return;
	m->waiting = true;
	loop_timer_set(limit, ms);
	loop_run(m->engine->loop);
	m->waiting = false;
	loop_timer_free(limit);
}

static bool is_refreshing(const struct money *m)
{
	return m->bandwidth.refreshing || m->storage.refreshing;
}

/* A command wants to know where it stands before it starts; one that moves
 * money cannot start before the bank is checked. */
static void wait_for_pin(struct money *m)
{
	if ((m->pinned && !is_refreshing(m)) || !m->chain ||
	    address_is_zero(&m->domain.bank))
		return;
	wait_ms(m, MONEY_WAIT_MS);
	if (m->need == MONEY_MUST && !m->pinned && m->trouble.code == ERR_NONE)
		wait_ms(m, MONEY_PIN_WAIT_MS);
}

static void on_housekeeping(void *ctx);

static void on_retry(void *ctx)
{
	try_pin(ctx);
}

enum err_code money_start(struct money *m, struct err *e)
{
	enum err_code code = read_profile(m, e);

	if (code != ERR_NONE)
		return code;
	m->retry_ms = RETRY_FIRST_MS;
	m->retry = loop_timer_new(m->engine->loop, on_retry, m);
	m->housekeeping = loop_timer_new(m->engine->loop, on_housekeeping, m);
	if (!m->retry || !m->housekeeping)
		return err_fail(e, ERR_NOMEM, "wallet");
	code = m->passphrase ? unlock(m, e) : opened(m, e);
	if (code == ERR_NONE && !m->engine->daemon)
		wait_for_pin(m);
	return code;
}

void money_free(struct money *m)
{
	if (!m)
		return;
	purse_close(&m->storage);
	purse_close(&m->bandwidth);
	chain_free(m->chain);
	loop_timer_free(m->retry);
	loop_timer_free(m->housekeeping);
	signer_client_free(m->signer);
	signer_stop(&m->proc);
	if (m->passphrase)
		forget_passphrase(m);
	sodium_memzero(m->rpc_key, sizeof(m->rpc_key));
	if (m->lock >= 0)
		(void)close(m->lock);
	free(m);
}

/* ---- pinning ---- */

static void put_note(const struct money *m, uint8_t out[BANK_NOTE_LEN])
{
	struct wr w = wr_into(out, BANK_NOTE_LEN);

	wr_u64(&w, m->domain.chain_id);
	wr_copy(&w, m->domain.bank.bytes, 20);
	wr_copy(&w, m->domain.token.bytes, 20);
	wr_u8(&w, (uint8_t)m->decimals);
	wr_u32(&w, m->period);
}

static bool was_checked(struct money *m)
{
	return read_note(m, m->bandwidth.book);
}

static void stop_waiting_for(struct money *m)
{
	if (m->waiting)
		loop_stop(m->engine->loop);
}

void money_refreshed(struct money *m)
{
	if (!is_refreshing(m))
		stop_waiting_for(m);
}

static void on_housekeeping(void *ctx)
{
	struct money *m = ctx;

	purse_housekeeping(&m->bandwidth);
	purse_housekeeping(&m->storage);
	loop_timer_set(m->housekeeping, HOUSEKEEPING_MS);
}

static void be_pinned(struct money *m)
{
	void (*fn)(void *ctx) = m->on_pinned;

	m->pinned = true;
	m->trouble = (struct err){0};
	m->on_pinned = NULL;
	if (fn)
		fn(m->on_pinned_ctx);
	if (money_only_looks(m) || !m->bandwidth.settle) {
		stop_waiting_for(m);
		return;
	}
	/* nothing is promised while our balance is unknown */
	purse_refresh(&m->bandwidth);
	purse_refresh(&m->storage);
	loop_timer_set(m->housekeeping, HOUSEKEEPING_FIRST_MS);
}

static void on_pin_reply(void *ctx, const struct signer_reply *r,
			 const struct err *error)
{
	struct money *m = ctx;

	(void)r;
	if (!error) {
		be_pinned(m); /* the trade ends the opening */
		return;
	}
	set_trouble(m, error);
	money_end_opening(m);
}

static void ask_pin(struct money *m);

static void on_limits(void *ctx, const struct signer_reply *r,
		      const struct err *error)
{
	struct money *m = ctx;

	(void)r;
	if (error) {
		set_trouble(m, error);
		money_end_opening(m);
		return;
	}
	m->limit_decimals = m->decimals;
	ask_pin(m);
}

/* The limits were read before the token's decimals were known. More decimals
 * than thought make them stricter than meant until the next start, which knows
 * better; fewer would make them void, so they fall before anything is signed.
 */
static void lower_limits(struct money *m)
{
	struct signer_request q = {.type = SIGNER_LIMITS};
	struct err e = {0};

	if (read_limits(m, m->decimals, &q.u.limits, &e) != ERR_NONE ||
	    signer_ask(m->signer, &q, on_limits, m, &e) != ERR_NONE)
		set_trouble(m, &e);
}

static void ask_pin(struct money *m)
{
	struct signer_request q = {.type = SIGNER_PIN, .u.pin = m->domain};
	struct err e = {0};

	if (!m->signer) {
		be_pinned(m);
		return;
	}
	if (m->decimals < m->limit_decimals) {
		lower_limits(m);
		return;
	}
	if (signer_ask(m->signer, &q, on_pin_reply, m, &e) != ERR_NONE)
		set_trouble(m, &e);
}

static void retry_later(struct money *m)
{
	stop_waiting_for(m);
	loop_timer_set(m->retry, m->retry_ms);
	m->retry_ms = m->retry_ms * 2 > RETRY_LAST_MS ? RETRY_LAST_MS
						      : m->retry_ms * 2;
}

static enum err_code note_bank(struct money *m, struct err *e)
{
	uint8_t note[BANK_NOTE_LEN];
	enum err_code code;

	if (money_only_looks(m))
		return ERR_NONE;
	put_note(m, note);
	code = book_note_set(m->bandwidth.book, BANK_NOTE, note, sizeof(note),
			     e);
	return code == ERR_NONE ? book_commit_now(m->bandwidth.book, e) : code;
}

/* What the bank holds is what we count in from now on. */
static enum err_code take_token(struct money *m, struct err *e)
{
	char text[ADDRESS_TEXT_MAX];
	enum err_code code;

	m->profile.token = m->domain.token;
	m->profile.token_decimals = m->decimals;
	m->profile.has_token = true;
	code = purse_set_profile(&m->bandwidth, e);
	if (code == ERR_NONE)
		code = purse_set_profile(&m->storage, e);
	if (code == ERR_NONE)
		log_line(m->engine->log, LOG_INFO, "money",
			 "bank checked token=%s decimals=%u",
			 address_text(text, &m->domain.token,
				      m->profile.address),
			 m->decimals);
	return code;
}

static void on_verified(void *ctx, const struct settle_bank *b,
			const struct err *error)
{
	struct money *m = ctx;
	struct err e = {0};

	if (error) {
		set_trouble(m, error);
		retry_later(m);
		return;
	}
	m->domain = (struct signer_domain){
		.chain_id = b->chain_id, .bank = b->bank, .token = b->token};
	m->decimals = b->decimals;
	m->period = b->period;
	(void)snprintf(m->symbol, sizeof(m->symbol), "%s", b->symbol);
	/* one commit: how fees are posted goes with the note */
	if (take_token(m, &e) != ERR_NONE || note_bank(m, &e) != ERR_NONE)
		set_trouble(m, &e);
	else
		ask_pin(m);
}

static void try_pin(struct money *m)
{
	struct err e = {0};
	bool known;

	if (m->pinned)
		return;
	known = was_checked(m);
	if (!known)
		money_end_opening(m); /* the chain may take its time */
	if (address_is_zero(&m->domain.bank)) {
		(void)err_fail(&e, ERR_STATE,
			       "no bank is configured: `seedbank config bank "
			       "ADDRESS`, or `seedbank contract deploy`");
	} else if (known) {
		m->profile.chain_id = m->domain.chain_id;
		if (take_token(m, &e) == ERR_NONE)
			ask_pin(m);
	} else if (!m->bandwidth.settle) {
		(void)err_fail(
			&e, ERR_STATE,
			"no RPC is configured: `seedbank config rpc URL`");
	} else {
		settle_verify(m->bandwidth.settle, on_verified, m);
	}
	if (e.code != ERR_NONE)
		set_trouble(m, &e);
}

enum err_code money_adopt_bank(struct money *m, const struct address *bank,
			       const struct address *token, struct err *e)
{
	const struct home *home = &m->engine->home;
	char text[ADDRESS_TEXT_MAX];
	enum err_code code;

	(void)address_text(text, bank, m->profile.address);
	code = settings_store(home, "bank", text, e);
	if (code == ERR_NONE)
		code = profile_set(&m->profile, "bank", text, e);
	(void)address_text(text, token, m->profile.address);
	if (code == ERR_NONE)
		code = settings_store(home, "token", text, e);
	if (code == ERR_NONE)
		code = profile_set(&m->profile, "token", text, e);
	if (code != ERR_NONE)
		return code;
	m->domain.bank = *bank;
	m->domain.token = *token;
	code = purse_set_profile(&m->bandwidth, e);
	if (code == ERR_NONE)
		code = purse_set_profile(&m->storage, e);
	if (code == ERR_NONE)
		try_pin(m);
	return code;
}

void money_when_pinned(struct money *m, void (*fn)(void *ctx), void *ctx)
{
	if (m->pinned) {
		fn(ctx);
		return;
	}
	m->on_pinned = fn;
	m->on_pinned_ctx = ctx;
}

/* ---- signer and amounts ---- */

enum err_code money_ask_channel(struct money *m, const uint8_t key[32],
				signer_reply_fn *fn, void *ctx, struct err *e)
{
	struct signer_request q = {.type = SIGNER_CHANNEL,
				   .u.channel = {.purpose = SIGNER_BANDWIDTH,
						 .chain_id = m->domain.chain_id,
						 .bank = m->domain.bank}};

	memcpy(q.u.channel.key, key, sizeof(q.u.channel.key));
	return signer_ask(m->signer, &q, fn, ctx, e);
}

enum err_code money_trust(const struct money *m, struct amount *start,
			  struct amount *most, struct err *e)
{
	const char *trust = engine_text(m->engine, "trust");
	enum err_code code = money_parse(
		m, trust ? trust : engine_text(m->engine, "price"), start, e);

	if (code == ERR_NONE)
		code = money_parse(m, engine_text(m->engine, "max-trust"), most,
				   e);
	return code;
}

const char *money_text(const struct money *m, struct amount a,
		       char out[MONEY_TEXT_MAX])
{
	return amount_to_dec(out, a, m->decimals);
}

enum err_code money_parse(const struct money *m, const char *text,
			  struct amount *out, struct err *e)
{
	if (!text)
		return err_fail(e, ERR_PARSE, "an amount is missing");
	return amount_from_dec(out, text, m->decimals, e);
}
