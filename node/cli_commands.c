#include "node/cli_commands.h"

const struct command *const commands[] = {
	&cmd_seed,	     &cmd_get,		 &cmd_create,
	&cmd_verify,	     &cmd_list,		 &cmd_pause,
	&cmd_resume,	     &cmd_remove,	 &cmd_status,
	&cmd_wallet_new,     &cmd_wallet_import, &cmd_wallet_export,
	&cmd_wallet_address, &cmd_wallet_backup, &cmd_wallet_repair_state,
	&cmd_deposit,	     &cmd_withdraw,	 &cmd_reserve,
	&cmd_release,	     &cmd_settle,	 &cmd_exposure,
	&cmd_store_put,	     &cmd_store_cost,	 &cmd_store_hosts,
	&cmd_ledger_check,   &cmd_ledger_export, &cmd_contract_deploy,
	&cmd_contract_mint,  &cmd_host_enable,	 &cmd_host_status,
	&cmd_host_disable,   &cmd_config,	 &cmd_man,
};
const size_t command_count = sizeof(commands) / sizeof(commands[0]);
