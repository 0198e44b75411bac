/* methods.h - what can be asked of a node, by name.
 *
 * A method gets its params as JSON, checks them, and ends its call with one
 * result or one error. The daemon's socket and the command line share this
 * table, so whatever one can do the other can.
 */
#ifndef NODE_METHODS_H
#define NODE_METHODS_H

#include "node/core/call.h"
#include "node/core/engine.h"

struct method {
	const char *name;
	bool needs_wallet; /* an unlocked wallet and the book */
	bool needs_daemon; /* makes no sense in a node of one call */
	void (*run)(struct engine *en, const json_t *params, struct call *c);
};

/* A parameter of text; NULL: there is none. */
const char *method_text(const json_t *params, const char *key);

/* The torrent that "info_hash" begins the hash of; NULL: none, or several. */
struct torrent *method_torrent_named(struct engine *en, const json_t *params,
				     struct err *e);
/* The bytes of "torrent" (base64); the caller frees them. */
enum err_code method_torrent_file(const json_t *params, uint8_t **out,
				  size_t *len, struct err *e);

/* transfer: methods_transfer.c, methods_scrape.c */
void method_add(struct engine *en, const json_t *params, struct call *c);
void method_list(struct engine *en, const json_t *params, struct call *c);
void method_pause(struct engine *en, const json_t *params, struct call *c);
void method_resume(struct engine *en, const json_t *params, struct call *c);
void method_move(struct engine *en, const json_t *params, struct call *c);
void method_remove(struct engine *en, const json_t *params, struct call *c);
void method_files(struct engine *en, const json_t *params, struct call *c);
void method_verify(struct engine *en, const json_t *params, struct call *c);
void method_scrape(struct engine *en, const json_t *params, struct call *c);
void method_status(struct engine *en, const json_t *params, struct call *c);
void method_stop(struct engine *en, const json_t *params, struct call *c);

/* money: methods_money.c */
void method_deploy(struct engine *en, const json_t *params, struct call *c);
void method_mint(struct engine *en, const json_t *params, struct call *c);
void method_deposit(struct engine *en, const json_t *params, struct call *c);
void method_withdraw(struct engine *en, const json_t *params, struct call *c);
void method_reserve(struct engine *en, const json_t *params, struct call *c);
void method_release(struct engine *en, const json_t *params, struct call *c);
void method_settle(struct engine *en, const json_t *params, struct call *c);
void method_exposure(struct engine *en, const json_t *params, struct call *c);
void method_ledger_check(struct engine *en, const json_t *params,
			 struct call *c);
void method_ledger_export(struct engine *en, const json_t *params,
			  struct call *c);

/* renting out: methods_host.c */
void method_host_enable(struct engine *en, const json_t *params,
			struct call *c);
void method_host_status(struct engine *en, const json_t *params,
			struct call *c);
void method_host_disable(struct engine *en, const json_t *params,
			 struct call *c);

/* storing: methods_store.c */
void method_store_put(struct engine *en, const json_t *params, struct call *c);
void method_store_cost(struct engine *en, const json_t *params, struct call *c);
void method_store_hosts(struct engine *en, const json_t *params,
			struct call *c);
void method_store_ls(struct engine *en, const json_t *params, struct call *c);
void method_store_get(struct engine *en, const json_t *params, struct call *c);
void method_store_share(struct engine *en, const json_t *params,
			struct call *c);
/* methods_store_keep.c, methods_store_status.c */
void method_store_rm(struct engine *en, const json_t *params, struct call *c);
void method_store_pay(struct engine *en, const json_t *params, struct call *c);
void method_store_renew(struct engine *en, const json_t *params,
			struct call *c);
void method_store_status(struct engine *en, const json_t *params,
			 struct call *c);
/* looking after it: methods_store_care.c */
void method_store_audit(struct engine *en, const json_t *params,
			struct call *c);
void method_restore(struct engine *en, const json_t *params, struct call *c);
void method_store_repair(struct engine *en, const json_t *params,
			 struct call *c);
/* that of others: methods_steward.c */
void method_steward_add(struct engine *en, const json_t *params,
			struct call *c);
void method_steward_ls(struct engine *en, const json_t *params, struct call *c);
void method_steward_rm(struct engine *en, const json_t *params, struct call *c);

extern const struct method methods[];
extern const size_t method_count;

#endif
