/* money.h - the wallet of a running node: signer, chain and the purses of its
 * accounts, opened together and closed together.
 *
 * One process at a time holds HOME/wallet.lock, because the book and the
 * signer's state have one writer. A command that only looks opens the book
 * beside whoever has it, and no signer.
 *
 * Before anything is signed the bank is pinned: at first contact with the chain
 * its code is compared with the artifact, and the chain's id, the bank and its
 * token are noted in the book; from then on pinning needs no chain. Which token
 * that is the bank itself tells; a `token` that is set must be the same. Until
 * then the node runs but neither sells nor buys, and no balance is read.
 *
 * Thread: the loop; money_fork() before threads.
 */
#ifndef NODE_MONEY_H
#define NODE_MONEY_H

#include "ledger/chain/chain.h"
#include "ledger/chain/node_key.h"
#include "ledger/chain/profile.h"
#include "ledger/signer/signer_client.h"
#include "node/core/engine.h"
#include "node/money/purse.h"

struct money {
	struct engine *engine;
	int lock; /* -1: only looking */
	struct signer_proc proc;
	struct signer_client *signer; /* NULL: only looking */
	struct profile profile;	      /* with the user's overrides */
	char rpc_key[NODE_KEY_MAX];   /* profile.key; "": none */
	char *passphrase;	      /* locked memory, until it was sent */
	bool opening; /* unlocking: torrents wait, so that their first
		       * handshakes can say that we sell */
	bool open;    /* the purses are valid */
	struct address accounts[2]; /* by purpose; [1] zero: a raw key */
	struct purse bandwidth;
	struct purse storage; /* closed (no book) where nothing is rented */
	struct chain *chain;  /* NULL: no RPC is configured */
	struct signer_domain domain; /* bank zero: none is configured */
	unsigned decimals;	     /* of the token */
	uint32_t period;	   /* of the bank, blocks; 0: not checked yet */
	unsigned limit_decimals;   /* that the signer's limits were read with */
	char symbol[ABI_TEXT_MAX]; /* of the token; "" until known */
	bool pinned;
	bool waiting; /* money_start() runs the loop until pinned */
	struct loop_timer *retry;
	struct loop_timer *housekeeping;
	int64_t retry_ms;
	enum money_need need;
	struct err trouble; /* why it is not pinned, for status */
	void (*on_pinned)(void *ctx);
	void *on_pinned_ctx;
};

/* Decides whether there is a wallet to use (see enum money_need), gets the
 * passphrase, takes the lock and forks the signer. *out stays NULL when none
 * is used. */
enum err_code money_fork(struct money **out, struct engine *en,
			 enum money_need need, struct err *e);
/* Unlocks, opens book and chain on the engine's loop, and pins when it can. A
 * daemon does not wait for any of it; a command does, MONEY_WAIT_MS for the
 * chain at the most. */
#define MONEY_WAIT_MS 800
#define MONEY_PIN_WAIT_MS 20000 /* more, where nothing can be done without */
enum err_code money_start(struct money *m, struct err *e);
void money_free(struct money *m);

/* Opens the storage account's purse, making its book; nothing when it is open.
 * ERR_STATE: the wallet is an imported key, which has none; or it is not open
 * (MONEY_READ, MONEY_GLANCE, MONEY_BOOK) and there is no such book. */
enum err_code money_open_storage(struct money *m, struct err *e)
	__attribute__((warn_unused_result));
/* No signer: the book is looked at, or only brought up to date. */
bool money_only_looks(const struct money *m);
/* A purse has read its balances, or could not. */
void money_refreshed(struct money *m);

/* Called (once) as soon as the bank is pinned; at once when it is. */
void money_when_pinned(struct money *m, void (*fn)(void *ctx), void *ctx);
/* After a deploy: this bank is the node's from now on, also in HOME/config. */
enum err_code money_adopt_bank(struct money *m, const struct address *bank,
			       const struct address *token, struct err *e);

/* Asks the signer for our word on a seal key (eip712_channel()). */
enum err_code money_ask_channel(struct money *m, const uint8_t key[32],
				signer_reply_fn *fn, void *ctx, struct err *e);
/* Torrents that waited for the wallet may begin. */
void money_end_opening(struct money *m);
/* What a payer without reserves is trusted with, at first and at most. */
enum err_code money_trust(const struct money *m, struct amount *start,
			  struct amount *most, struct err *e);

/* Text of an amount in tokens, for people and JSON; returns out. */
#define MONEY_TEXT_MAX 64
const char *money_text(const struct money *m, struct amount a,
		       char out[MONEY_TEXT_MAX]);
enum err_code money_parse(const struct money *m, const char *text,
			  struct amount *out, struct err *e);

#endif
