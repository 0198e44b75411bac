/* cli_commands.h - every command of the CLI; each file of cli_*.c holds the
 * commands of one journey. */
#ifndef NODE_CLI_COMMANDS_H
#define NODE_CLI_COMMANDS_H

#include "node/cli/cli.h"

/* cli_transfer.c */
extern const struct command cmd_seed, cmd_get, cmd_verify, cmd_scrape, cmd_list,
	cmd_pause, cmd_resume, cmd_move, cmd_remove, cmd_status;
/* cli_magnet.c */
extern const struct command cmd_magnet;
/* cli_create.c */
extern const struct command cmd_create;
/* cli_files.c */
extern const struct command cmd_files;
/* cli_wallet.c */
extern const struct command cmd_wallet_new, cmd_wallet_import,
	cmd_wallet_export, cmd_wallet_address, cmd_wallet_backup,
	cmd_wallet_repair_state;
/* cli_money.c */
extern const struct command cmd_contract_deploy, cmd_contract_mint, cmd_deposit,
	cmd_withdraw, cmd_reserve, cmd_release, cmd_settle, cmd_exposure,
	cmd_ledger_check, cmd_ledger_export;
/* cli_host.c */
extern const struct command cmd_host_enable, cmd_host_status, cmd_host_disable;

/* cli_store.c */
extern const struct command cmd_store_put, cmd_store_cost, cmd_store_hosts,
	cmd_store_ls, cmd_store_get, cmd_store_cat, cmd_store_share;
/* cli_store_keep.c */
extern const struct command cmd_store_rm, cmd_store_renew, cmd_store_pay;
extern const struct command cmd_store_status;
/* cli_store_care.c */
extern const struct command cmd_store_audit, cmd_store_repair, cmd_steward_add,
	cmd_steward_ls, cmd_steward_rm;
/* cli_restore.c */
extern const struct command cmd_restore;
/* cli_config.c */
extern const struct command cmd_config;
/* cli_man.c */
extern const struct command cmd_man;

#endif
