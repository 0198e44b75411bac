/* profile.h - which chain, which bank: one row of data for each that is known.
 *
 * A profile is plain data. The built-in rows are the defaults; each field can
 * be overridden by the user's settings, checked when it is set. A row without
 * bank address names a chain on which none has been deployed yet: everything
 * but money works, and `contract deploy` makes one.
 *
 * Sources: BTTC's and TRON's documentation (chain ids, RPC, coins),
 * docs/protocol.md section 7 (batch sizes). Plain values; thread: any.
 */
#ifndef LEDGER_PROFILE_H
#define LEDGER_PROFILE_H

#include "base/address.h"
#include "base/amount.h"
#include "base/err.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/loop.h"
#include "ledger/chain/chain_evm.h"
#include "ledger/chain/chain_tron.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROFILE_URLS NODE_MAX
#define PROFILE_BLOCK_MS_MIN 100
#define PROFILE_BLOCK_MS_MAX 600000

/* Which backend speaks to it. */
enum profile_kind { PROFILE_EVM, PROFILE_TRON };

struct profile {
	char name[24];
	enum profile_kind kind;
	enum address_kind address;
	uint64_t chain_id; /* 0: a chain of one's own, which tells its id */
	bool has_bank;	   /* false: not deployed yet, bank is zero */
	struct address bank;
	bool has_token;	      /* false: not known before the bank was asked */
	struct address token; /* zero: the chain's coin */
	/* What `contract deploy` makes a bank of, unless told; zero: the coin
	 */
	struct address deploy_token;
	unsigned token_decimals;
	char token_symbol[ABI_TEXT_MAX];
	unsigned coin_decimals;
	char coin_symbol[12];
	char urls[PROFILE_URLS][NODE_URL_MAX];
	/* TRON: where the node's /walletsolidity is; "": at the same */
	char others[PROFILE_URLS][NODE_URL_MAX];
	size_t n_urls;
	bool own_urls;	    /* set by the user, not built in */
	unsigned batch;	    /* receipts in one transaction, at first */
	unsigned proofs;    /* proofs in one, at first */
	size_t proof_bytes; /* and what these may take together */
	bool finalized;	    /* the chain tells which block is final */
	uint64_t depth;	    /* blocks under the newest, where it does not */
	bool legacy_fees;   /* one gas price even where EIP-1559 is known */
	/* The signer's limits unless the user sets some: coins, decimal. */
	const char *fee_limit, *day_fee_limit;
	int64_t block_ms; /* how often a block comes, about */
	const char *key;  /* a header for its nodes (node_key.h), borrowed and
			     secret; NULL: none */
};

/* A copy of the built-in row. ERR_PARSE: no such name; the message lists those
 * that are. */
enum err_code profile_find(struct profile *out, const char *name, struct err *e)
	__attribute__((warn_unused_result));
/* Built-in names, for help and completion; NULL past the last. */
const char *profile_name(size_t i);

/* Overrides one field by the name that settings use: rpc (adds one; the first
 * replaces the built-in ones; on TRON "URL,URL" when /walletsolidity is at
 * another port), chain-id, bank (forgets the token: another bank
 * may hold another), token, token-decimals,
 * token-symbol, confirmations (blocks; "finalized" asks the chain),
 * legacy-fees (yes, no); the last two not on TRON, where solid blocks are
 * final; block-ms (PROFILE_BLOCK_MS_MIN to _MAX). ERR_PARSE: the value is none,
 * or no such field. ERR_LIMIT: over PROFILE_URLS. */
enum err_code profile_set(struct profile *p, const char *field,
			  const char *value, struct err *e)
	__attribute__((warn_unused_result));

/* Blocks of about a day: the periods of a new bank, unless told otherwise. */
uint32_t profile_day_blocks(const struct profile *p);
/* Whether the token is the chain's own coin. No meaning without has_token. */
bool profile_coin_is_token(const struct profile *p);
/* ERR_STATE in words that say what to do when there is no bank. */
enum err_code profile_need_bank(const struct profile *p, struct err *e);
/* The same where its token must be known too. */
enum err_code profile_need_token(const struct profile *p, struct err *e);

/* The chain of a profile. ERR_STATE: it names no URL. max_fee: of one
 * transaction, in coin; zero: the signer's limit alone. */
enum err_code profile_open_chain(struct chain **out, const struct profile *p,
				 struct loop *loop, struct http *http,
				 const struct chain_signer *signer,
				 struct amount max_fee, struct log *log,
				 struct err *e)
	__attribute__((warn_unused_result));

#endif
