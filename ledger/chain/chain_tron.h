/* chain_tron.h - the chain behind TRON's HTTP API.
 *
 * Makes a struct chain (chain.h) over one to NODE_MAX java-tron nodes. Final
 * reads and a transaction's fate are asked of all nodes, and the most cautious
 * answer counts; the rest is asked of the node that failed least, then of the
 * next. What a node calls solid (/walletsolidity) is final.
 *
 * A slot is an expiration: Unix ms, compared with blocks' time. A transaction
 * refers to a solid block, so that every node knows it, and can be mined until
 * its slot. There is no nonce, and so nothing that takes the place of another:
 * the same bytes are sent until they are mined or a solid block is past the
 * slot; a fee is never raised.
 *
 * The fee limit is what the trial used and a half more: a call that runs out of
 * energy or time loses all of it.
 * Source: java-tron 4.8, as a running node was seen to answer. Thread: the
 * loop.
 */
#ifndef LEDGER_CHAIN_TRON_H
#define LEDGER_CHAIN_TRON_H

#include "ledger/chain/chain.h"
#include "ledger/chain/chain_signer.h"
#include "ledger/chain/tron_rpc.h"

/* How long a transaction can be mined, by the newest block's time. */
#define TRON_LIFE_MS 180000
/* Solid blocks that nodes may lie apart before the log says so. */
#define TRON_MAX_LAG 40
/* A read whose blocks move on is begun anew so often. */
#define TRON_MAX_RESTARTS 5
/* What a contract is called that `contract deploy` makes. */
#define TRON_DEPLOY_NAME "seedbank"

struct chain_tron_config {
	struct tron_rpc_config rpc;
	struct amount max_fee; /* of one transaction, sun; zero: the signer's
				  own limit alone */
};

/* http, signer's ctx and log are borrowed and outlive the chain. */
enum err_code chain_tron_new(struct chain **out, struct loop *loop,
			     struct http *http,
			     const struct chain_signer *signer,
			     const struct chain_tron_config *cfg,
			     struct log *log, struct err *e);

#endif
