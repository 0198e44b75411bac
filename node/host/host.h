/* host.h - this node rents out space: its disk, its door, its prices, and what
 * it owes the chain.
 *
 * Every engine has one, asleep. A daemon wakes it when the config says `host =
 * yes`, or when sectors are here that somebody may still rely on: then it takes
 * nothing new and serves what it holds. It joins the machines that each do one
 * thing: storage/rent/rent_host.h (who may do what), node/host/rent_store.h and
 * storage/sector (the disk), node/rent/rent_link.h (connections),
 * ledger/settle/prover.h (proofs), node/rent/renting.h (account, period,
 * endpoints).
 *
 * What goes wrong is logged once and kept as an alarm for status.
 *
 * Thread: the loop. Owned by the engine.
 */
#ifndef NODE_HOST_H
#define NODE_HOST_H

#include "base/err.h"
#include "node/host/host_conf.h"
#include "storage/sector/sector_store.h"

#include <jansson.h>
#include <stdbool.h>

struct engine;
struct host;

/* Cheap: opens nothing. ERR_NOMEM. */
enum err_code host_new(struct host **out, struct engine *en, struct err *e);
/* Outside of the loop's callbacks, before renting_free(): sessions end, the
 * disk answers what was asked, what waits for the chain is read again in the
 * next run. NULL is a no-op. */
void host_free(struct host *h);

/* The daemon is up: wakes it when there is something to do. */
void host_begin(struct host *h);

/* Takes another configuration over, which the caller has stored: prices (a new
 * sheet), schedule, open or closed. Space is host_space()'s. */
void host_configure(struct host *h, const struct host_conf *c);

/* Opens the disk alone (a command without a daemon). Nothing when it is open.
 * ERR_STATE: another process has it; ERR_IO, ERR_DB. */
enum err_code host_open_disk(struct host *h, struct err *e)
	__attribute__((warn_unused_result));
/* NULL: it is not open. */
struct sectors *host_disk(struct host *h);

/* The directory shall have so many sectors (0: none, and no volume), as
 * sectors_space(); nobody waits for it. Drained ones leave the config. */
void host_space(struct host *h, const char *dir, uint32_t sectors);
/* Reads the configuration without waking up. */
enum err_code host_look(struct host *h, struct err *e)
	__attribute__((warn_unused_result));

/* {"state", ...} of `host status`, without what has to be asked for. */
json_t *host_status(struct host *h);

#endif
