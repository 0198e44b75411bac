#include "ledger/chain/profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BTT_OF_TRON "TAFjULxiVgT4qWk6UZwjqwZXTSaGaqnVp4"

#define BTT_DECIMALS 18 /* and of test tokens */

/* What a kind of chain lets one transaction do: on TRON about 20 signatures, or
 * 10 proofs in 32 KiB, fit into its CPU time. */
static const struct kind {
	enum address_kind address;
	unsigned coin_decimals;
	bool finalized;
	unsigned batch, proofs;
	size_t proof_bytes;
} kinds[] = {
	[PROFILE_EVM] = {.address = ADDRESS_EVM,
			 .coin_decimals = 18,
			 .batch = 200,
			 .proofs = 200,
			 .proof_bytes = 60000},
	[PROFILE_TRON] = {.address = ADDRESS_TRON,
			  .coin_decimals = 6,
			  .finalized = true,
			  .batch = 20,
			  .proofs = 10,
			  .proof_bytes = 32768},
};

/* Bank and tokens as text: "" none yet, or the coin. */
static const struct row {
	const char *name;
	enum profile_kind kind;
	uint64_t chain_id;
	const char *bank, *token, *deploy_token;
	const char *token_symbol, *coin_symbol;
	const char *urls[PROFILE_URLS];
	uint64_t depth;
	int64_t block_ms;
	const char *fee_limit, *day_fee_limit;
} rows[] = {
	/* An anvil on this machine: every block is final, for it has no other
	 * writer. Its token is what `contract deploy` made. */
	{.name = "local-evm",
	 .kind = PROFILE_EVM,
	 .chain_id = 31337,
	 .token_symbol = "TEST",
	 .coin_symbol = "ETH",
	 .urls = {"http://127.0.0.1:8545"},
	 .block_ms = 1000,
	 .fee_limit = "10",
	 .day_fee_limit = "100"},
	/* BTT is BTTC's own coin. Its blocks are checkpointed on other chains
	 * much later; until then reorganisations stay within some dozen blocks
	 * (its consensus is Polygon's Bor). */
	{.name = "bttc",
	 .kind = PROFILE_EVM,
	 .chain_id = 199,
	 .token_symbol = "BTT",
	 .coin_symbol = "BTT",
	 .urls = {"https://rpc.bt.io", "https://bttc.trongrid.io"},
	 .depth = 64,
	 .block_ms = 2000,
	 .fee_limit = "2000",
	 .day_fee_limit = "20000"},
	{.name = "bttc-testnet",
	 .kind = PROFILE_EVM,
	 .chain_id = 1029,
	 .token_symbol = "BTT",
	 .coin_symbol = "BTT",
	 .urls = {"https://pre-rpc.bt.io"},
	 .depth = 64,
	 .block_ms = 2000,
	 .fee_limit = "2000",
	 .day_fee_limit = "20000"},
	/* A java-tron of one's own, with its usual ports; its chain id is the
	 * end of its first block's id, whatever that is. */
	{.name = "local-tron",
	 .kind = PROFILE_TRON,
	 .token_symbol = "TEST",
	 .coin_symbol = "TRX",
	 .urls = {"http://127.0.0.1:8090,http://127.0.0.1:8091"},
	 .block_ms = 3000,
	 .fee_limit = "2000",
	 .day_fee_limit = "20000"},
	/* A cash of 20 new pairs takes some 60 TRX. */
	{.name = "tron",
	 .kind = PROFILE_TRON,
	 .chain_id = 728126428,
	 .deploy_token = BTT_OF_TRON,
	 .token_symbol = "BTT",
	 .coin_symbol = "TRX",
	 .urls = {"https://api.trongrid.io"},
	 .block_ms = 3000,
	 .fee_limit = "150",
	 .day_fee_limit = "500"},
	{.name = "nile",
	 .kind = PROFILE_TRON,
	 .chain_id = 3448148188,
	 .token_symbol = "TEST",
	 .coin_symbol = "TRX",
	 .urls = {"https://nile.trongrid.io"},
	 .block_ms = 3000,
	 .fee_limit = "2000",
	 .day_fee_limit = "20000"},
};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))
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

/* On TRON paths follow, which begin with a slash. */
static bool put_url(const struct profile *p, char out[NODE_URL_MAX],
		    const char *s, size_t len)
{
	while (p->kind == PROFILE_TRON && len && s[len - 1] == '/')
		len--;
	if (len >= NODE_URL_MAX)
		return false;
	memcpy(out, s, len);
	out[len] = 0;
	return true;
}

/* "URL", or "URL,URL" where /walletsolidity is at another port. */
static enum err_code add_url(struct profile *p, const char *value,
			     struct err *e)
{
	const char *comma = p->kind == PROFILE_TRON ? strchr(value, ',') : NULL;
	const char *other = comma ? comma + 1 : "";
	size_t len = comma ? (size_t)(comma - value) : strlen(value);

	if (!put_url(p, p->urls[p->n_urls], value, len) ||
	    !put_url(p, p->others[p->n_urls], other, strlen(other)))
		return err_fail(e, ERR_PARSE, "rpc: over %d characters",
				NODE_URL_MAX - 1);
	p->n_urls++;
	return ERR_NONE;
}

static enum err_code fill(struct profile *p, const struct row *r, struct err *e)
{
	const struct kind *k = &kinds[r->kind];
	enum err_code rc = ERR_NONE;

	*p = (struct profile){.kind = r->kind,
			      .address = k->address,
			      .chain_id = r->chain_id,
			      .token_decimals = BTT_DECIMALS,
			      .coin_decimals = k->coin_decimals,
			      .batch = k->batch,
			      .proofs = k->proofs,
			      .proof_bytes = k->proof_bytes,
			      .finalized = k->finalized,
			      .depth = r->depth,
			      .block_ms = r->block_ms,
			      .fee_limit = r->fee_limit,
			      .day_fee_limit = r->day_fee_limit};

	(void)put_text(p->name, sizeof(p->name), r->name);
	(void)put_text(p->token_symbol, sizeof(p->token_symbol),
		       r->token_symbol);
	(void)put_text(p->coin_symbol, sizeof(p->coin_symbol), r->coin_symbol);
	for (size_t i = 0; rc == ERR_NONE && i < PROFILE_URLS && r->urls[i];
	     i++)
		rc = add_url(p, r->urls[i], e);
	if (rc == ERR_NONE && r->bank)
		rc = profile_set(p, "bank", r->bank, e);
	if (rc == ERR_NONE && r->token)
		rc = profile_set(p, "token", r->token, e);
	if (rc == ERR_NONE && r->deploy_token)
		rc = address_parse_as(&p->deploy_token, p->address,
				      r->deploy_token, e);
	/* none is the coin, of a bank that is there */
	p->has_token = p->has_bank;
	return rc;
}

enum err_code profile_find(struct profile *out, const char *name, struct err *e)
{
	for (size_t i = 0; i < ROW_COUNT; i++)
		if (strcmp(rows[i].name, name) == 0)
			return fill(out, &rows[i], e);
	return err_fail(e, ERR_PARSE,
			"no profile '%.24s': there are local-evm, bttc, "
			"bttc-testnet, local-tron, tron, nile",
			name);
}

/* ---------------------------------------------------------------- overrides */

static bool is_http(const char *s)
{
	return strncmp(s, "http://", 7) == 0 || strncmp(s, "https://", 8) == 0;
}

/* The first URL that is set takes the place of the built-in ones. */
static enum err_code set_rpc(struct profile *p, const char *value,
			     struct err *e)
{
	const char *comma = strchr(value, ',');

	if (!is_http(value) ||
	    (comma && (p->kind != PROFILE_TRON || !is_http(comma + 1) ||
		       strchr(comma + 1, ','))))
		return err_fail(e, ERR_PARSE,
				p->kind == PROFILE_TRON
					? "rpc: want http://HOST or "
					  "https://HOST, and after a comma "
					  "where its /walletsolidity is, if "
					  "elsewhere"
					: "rpc: want http://HOST or "
					  "https://HOST");
	if (!p->own_urls) {
		p->n_urls = 0;
		p->own_urls = true;
	}
	if (p->n_urls == PROFILE_URLS)
		return err_fail(e, ERR_LIMIT, "rpc: at most %d URLs",
				PROFILE_URLS);
	return add_url(p, value, e);
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

	if (p->kind == PROFILE_TRON)
		return err_fail(e, ERR_PARSE,
				"confirmations: on TRON solid blocks are "
				"final");
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
	if (p->kind == PROFILE_TRON)
		return err_fail(e, ERR_PARSE,
				"legacy-fees: there is no gas price on TRON");
	if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
		return err_fail(e, ERR_PARSE, "legacy-fees: want yes or no");
	p->legacy_fees = value[0] == 'y';
	return ERR_NONE;
}

static enum err_code set_block_ms(struct profile *p, const char *value,
				  struct err *e)
{
	uint64_t v;

	if (!whole(&v, value, PROFILE_BLOCK_MS_MAX) || v < PROFILE_BLOCK_MS_MIN)
		return err_fail(e, ERR_PARSE, "block-ms: want %d to %d",
				PROFILE_BLOCK_MS_MIN, PROFILE_BLOCK_MS_MAX);
	p->block_ms = (int64_t)v;
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
		{"block-ms", set_block_ms},
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

static struct node_config nodes_of(const struct profile *p)
{
	struct node_config nodes = {.n_urls = p->n_urls,
				    .timeout_ms = 15000,
				    .tries = 3,
				    .retry_ms = 500,
				    .max_down_ms = 30000,
				    .key = p->key};

	for (size_t i = 0; i < p->n_urls; i++) {
		nodes.urls[i] = p->urls[i];
		nodes.others[i] = p->others[i][0] ? p->others[i] : NULL;
	}
	return nodes;
}

enum err_code profile_open_chain(struct chain **out, const struct profile *p,
				 struct loop *loop, struct http *http,
				 const struct chain_signer *signer,
				 struct amount max_fee, struct log *log,
				 struct err *e)
{
	const struct node_config nodes = nodes_of(p);
	const struct chain_evm_config evm = {
		.rpc = {.nodes = nodes, .chain_id = p->chain_id},
		.finalized = p->finalized,
		.depth = p->depth,
		.legacy_fees = p->legacy_fees,
		.max_fee = max_fee,
		.coin = {p->coin_symbol, p->coin_decimals, p->address}};
	const struct chain_tron_config tron = {
		.rpc = {.nodes = nodes, .chain_id = p->chain_id},
		.max_fee = max_fee};

	if (p->n_urls == 0)
		return err_fail(e, ERR_STATE, "no chain URL: set `rpc`");
	switch (p->kind) {
	case PROFILE_EVM:
		return chain_evm_new(out, loop, http, signer, &evm, log, e);
	case PROFILE_TRON:
		return chain_tron_new(out, loop, http, signer, &tron, log, e);
	}
	return err_fail(e, ERR_STATE, "no such kind of chain");
}
