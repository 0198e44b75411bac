/* cli_config.c - reading and changing HOME/config. */
#include "node/cli/cli_commands.h"

#include "node/core/settings.h"

#include <string.h>

static json_t *value_of(const struct cli *cli, const struct option *option)
{
	const char *text;
	json_t *list;

	if (option->type == OPT_LIST) {
		list = json_array();
		for (size_t i = 0;
		     i < options_list_count(cli->settings, option->name); i++)
			(void)json_array_append_new(
				list, json_string(options_list_at(
					      cli->settings, option->name, i)));
		return list;
	}
	text = options_text(cli->settings, option->name);
	return text ? json_string(text) : json_null();
}

static void print_value(const struct cli *cli, const struct option *option,
			const json_t *value)
{
	const char *from =
		options_is_set(cli->settings, option->name) ? "" : " (default)";

	if (json_is_array(value)) {
		size_t i;
		json_t *item;

		if (json_array_size(value) == 0)
			cli_print(cli, "%s =\n", option->name);
		json_array_foreach((json_t *)(uintptr_t)value, i, item)
			cli_print(cli, "%s = %s\n", option->name,
				  json_string_value(item));
		return;
	}
	cli_print(cli, "%s = %s%s\n", option->name,
		  json_is_string(value) ? json_string_value(value) : "", from);
}

static enum err_code show(struct cli *cli, const char *only, json_t **result,
			  struct err *e)
{
	bool found = false;

	*result = json_object();
	for (size_t i = 0; i < settings_count; i++) {
		const struct option *option = &settings_table[i];
		json_t *value;

		if (only && strcmp(only, option->name) != 0)
			continue;
		found = true;
		value = value_of(cli, option);
		print_value(cli, option, value);
		(void)json_object_set_new(*result, option->name, value);
	}
	if (!found)
		return err_fail(e, ERR_PARSE,
				"no setting '%.60s'; `seedbank config` lists "
				"them",
				only);
	return ERR_NONE;
}

static enum err_code change_or_show(struct cli *cli, json_t **result,
				    struct err *e)
{
	const char *name = cli->arg_count > 0 ? cli->args[0] : NULL;
	const char *value = cli->arg_count > 1 ? cli->args[1] : NULL;
	enum err_code code;

	if (options_flag(cli->options, "unset") && name)
		code = settings_store(&cli->home, name, NULL, e);
	else if (value)
		code = settings_store(&cli->home, name, value, e);
	else
		return show(cli, name, result, e);
	if (code != ERR_NONE)
		return code;
	options_free(cli->settings);
	cli->settings = NULL;
	code = settings_load(&cli->settings, &cli->home, e);
	if (code != ERR_NONE)
		return code;
	return show(cli, name, result, e);
}

static enum err_code run_config(struct cli *cli, json_t **result, struct err *e)
{
	enum err_code code = change_or_show(cli, result, e);

	cli->wrong_usage = code == ERR_PARSE;
	return code;
}

static const struct option config_options[] = {
	{"unset", OPT_FLAG, "no", 0, 0, NULL,
	 "take NAME out of the file: back to the default"},
};

const struct command cmd_config = {"config",
				   "[NAME [VALUE]]",
				   "Shows or changes settings; a running "
				   "daemon reads them when it starts.",
				   config_options,
				   1,
				   0,
				   2,
				   MONEY_NONE,
				   run_config};
