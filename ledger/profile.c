#include "ledger/profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bank and token as text: "" none yet, or the coin. */
static const struct row {
	const char *name;
	uint64_t chain_id;
	const char *bank, *token;
	unsigned token_decimals;
	const char *token_symbol;
	unsigned coin_decimals;
	const char *coin_symbol;
	const char *urls[PROFILE_URLS];
	bool finalized;
	uint64_t depth;
	int64_t block_ms;
} rows[] = {
	/* An anvil on this machine: every block is final, for it has no other
	 * writer. Its token is what `contract deploy` made. */
	{"local-evm",
	 31337,
	 "",
	 "",
	 18,
	 "TEST",
	 18,
	 "ETH",
	 {"http://127.0.0.1:8545"},
	 false,
	 0,
	 1000},
	/* BTT is BTTC's own coin. Its blocks are checkpointed on other chains
	 * much later; until then reorganisations stay within some dozen blocks
	 * (its consensus is Polygon's Bor). */
	{"bttc",
	 199,
	 "",
	 "",
	 18,
	 "BTT",
	 18,
	 "BTT",
	 {"https://rpc.bt.io", "https://bttc.trongrid.io"},
	 false,
	 64,
	 2000},
	{"bttc-testnet",
	 1029,
	 "",
	 "",
	 18,
	 "BTT",
	 18,
	 "BTT",
	 {"https://pre-rpc.bt.io"},
	 false,
	 64,
	 2000},
};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))
#define BATCH 200
#define DAY_MS 86400000

const char *profile_name(size_t i)
{
	return i < ROW_COUNT ? rows[i].name : NULL;
}

static bool put_text(char *out, size_t cap, const char *s)
{
	size_t len = strlen(s);

	if (len >= cap)
		return false;
	memcpy(out, s, len + 1);
	return true;
}

static enum err_code fill(struct profile *p, const struct row *r, struct err *e)
{
	*p = (struct profile){.kind = PROFILE_EVM,
			      .address = ADDRESS_EVM,
			      .chain_id = r->chain_id,
			      .token_decimals = r->token_decimals,
			      .coin_decimals = r->coin_decimals,
			      .batch = BATCH,
			      .finalized = r->finalized,
			      .depth = r->depth,
			      .block_ms = r->block_ms};
	(void)put_text(p->name, sizeof(p->name), r->name);
	(void)put_text(p->token_symbol, sizeof(p->token_symbol),
		       r->token_symbol);
	(void)put_text(p->coin_symbol, sizeof(p->coin_symbol), r->coin_symbol);
	for (size_t i = 0; i < PROFILE_URLS && r->urls[i]; i++)
		(void)put_text(p->urls[p->n_urls++], NODE_URL_MAX, r->urls[i]);
	if (r->bank[0] && profile_set(p, "bank", r->bank, e) != ERR_NONE)
		return e ? e->code : ERR_PARSE;
	if (r->token[0] && profile_set(p, "token", r->token, e) != ERR_NONE)
		return e ? e->code : ERR_PARSE;
	p->has_token =
		p->has_bank; /* "" is the coin, of a bank that is there */
	return ERR_NONE;
}

enum err_code profile_find(struct profile *out, const char *name, struct err *e)
{
	for (size_t i = 0; i < ROW_COUNT; i++)
		if (strcmp(rows[i].name, name) == 0)
			return fill(out, &rows[i], e);
	return err_fail(e, ERR_PARSE,
			"no profile '%.24s': there are local-evm, bttc, "
			"bttc-testnet",
			name);
}

/* ---------------------------------------------------------------- overrides */

/* The first URL that is set takes the place of the built-in ones. */
static enum err_code set_rpc(struct profile *p, const char *value,
			     struct err *e)
{
	if (strncmp(value, "http://", 7) != 0 &&
	    strncmp(value, "https://", 8) != 0)
		return err_fail(e, ERR_PARSE,
				"rpc: want http://HOST or https://HOST");
	if (!p->own_urls) {
		p->n_urls = 0;
		p->own_urls = true;
	}
	if (p->n_urls == PROFILE_URLS)
		return err_fail(e, ERR_LIMIT, "rpc: at most %d URLs",
				PROFILE_URLS);
	if (!put_text(p->urls[p->n_urls], NODE_URL_MAX, value))
		return err_fail(e, ERR_PARSE, "rpc: over %d characters",
				NODE_URL_MAX - 1);
	p->n_urls++;
	return ERR_NONE;
}

static enum err_code set_bank(struct profile *p, const char *value,
			      struct err *e)
{
	enum err_code rc = address_parse_as(&p->bank, p->address, value, e);

	if (rc == ERR_NONE && address_is_zero(&p->bank))
		return err_fail(e, ERR_PARSE, "bank: the zero address");
	p->has_bank = rc == ERR_NONE;
	p->has_token = false;
	p->token = (struct address){{0}};
	return rc;
}

static enum err_code set_token(struct profile *p, const char *value,
			       struct err *e)
{
	enum err_code rc = address_parse_as(&p->token, p->address, value, e);

	p->has_token = rc == ERR_NONE;
	return rc;
}

static bool whole(uint64_t *out, const char *s, uint64_t max)
{
	char *end;
	unsigned long long v;

	if (*s < '0' || *s > '9')
		return false;
	v = strtoull(s, &end, 10);
	if (*end || v > max)
		return false;
	*out = v;
	return true;
}

static enum err_code set_chain_id(struct profile *p, const char *value,
				  struct err *e)
{
	uint64_t v;

	if (!whole(&v, value, INT64_MAX) || v == 0)
		return err_fail(e, ERR_PARSE, "chain-id: want 1 to 2^63-1");
	p->chain_id = v;
	return ERR_NONE;
}

static enum err_code set_decimals(struct profile *p, const char *value,
				  struct err *e)
{
	uint64_t v;

	if (!whole(&v, value, AMOUNT_DECIMALS_MAX))
		return err_fail(e, ERR_PARSE, "token-decimals: want 0 to %d",
				AMOUNT_DECIMALS_MAX);
	p->token_decimals = (unsigned)v;
	return ERR_NONE;
}

static enum err_code set_symbol(struct profile *p, const char *value,
				struct err *e)
{
	if (!value[0] ||
	    !put_text(p->token_symbol, sizeof(p->token_symbol), value))
		return err_fail(e, ERR_PARSE,
				"token-symbol: want 1 to %d characters",
				ABI_TEXT_MAX - 1);
	return ERR_NONE;
}

static enum err_code set_confirmations(struct profile *p, const char *value,
				       struct err *e)
{
	uint64_t v;

	if (strcmp(value, "finalized") == 0) {
		p->finalized = true;
		return ERR_NONE;
	}
	if (!whole(&v, value, 100000))
		return err_fail(e, ERR_PARSE,
				"confirmations: want 0 to 100000 blocks, or "
				"'finalized'");
	p->finalized = false;
	p->depth = v;
	return ERR_NONE;
}

static enum err_code set_legacy(struct profile *p, const char *value,
				struct err *e)
{
	if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
		return err_fail(e, ERR_PARSE, "legacy-fees: want yes or no");
	p->legacy_fees = value[0] == 'y';
	return ERR_NONE;
}

enum err_code profile_set(struct profile *p, const char *field,
			  const char *value, struct err *e)
{
	static const struct {
		const char *field;
		enum err_code (*set)(struct profile *p, const char *value,
				     struct err *e);
	} table[] = {
		{"rpc", set_rpc},
		{"chain-id", set_chain_id},
		{"bank", set_bank},
		{"token", set_token},
		{"token-decimals", set_decimals},
		{"token-symbol", set_symbol},
		{"confirmations", set_confirmations},
		{"legacy-fees", set_legacy},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(table[i].field, field) == 0)
			return table[i].set(p, value, e);
	return err_fail(e, ERR_PARSE, "a profile has no '%.32s'", field);
}

/* -------------------------------------------------------------------- using */

uint32_t profile_day_blocks(const struct profile *p)
{
	return (uint32_t)(DAY_MS / p->block_ms);
}

bool profile_coin_is_token(const struct profile *p)
{
	return address_is_zero(&p->token);
}

enum err_code profile_need_bank(const struct profile *p, struct err *e)
{
	if (p->has_bank)
		return ERR_NONE;
	return err_fail(e, ERR_STATE,
			"no bank is known on %s yet: run `seedbank contract "
			"deploy`, or set `bank`",
			p->name);
}

enum err_code profile_need_token(const struct profile *p, struct err *e)
{
	enum err_code rc = profile_need_bank(p, e);

	if (rc != ERR_NONE || p->has_token)
		return rc;
	return err_fail(e, ERR_STATE,
			"which token the bank holds is not known yet: the "
			"chain tells it when it is reached");
}

enum err_code profile_open_chain(struct chain **out, const struct profile *p,
				 struct loop *loop, struct http *http,
				 const struct chain_signer *signer,
				 struct amount max_fee, struct log *log,
				 struct err *e)
{
	struct chain_evm_config cfg = {.rpc = {.nodes = {.n_urls = p->n_urls,
							 .timeout_ms = 15000,
							 .tries = 3,
							 .retry_ms = 500,
							 .max_down_ms = 30000},
					       .chain_id = p->chain_id},
				       .finalized = p->finalized,
				       .depth = p->depth,
				       .legacy_fees = p->legacy_fees,
				       .max_fee = max_fee};

	if (p->n_urls == 0)
		return err_fail(e, ERR_STATE, "no chain URL: set `rpc`");
	for (size_t i = 0; i < p->n_urls; i++)
		cfg.rpc.nodes.urls[i] = p->urls[i];
	return chain_evm_new(out, loop, http, signer, &cfg, log, e);
}
