#include "node/cli/cli_params.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string.h>

void cli_put_list(const struct cli *cli, json_t *params, const char *name)
{
	json_t *list = json_array();

	for (size_t i = 0; i < options_list_count(cli->options, name); i++)
		(void)json_array_append_new(
			list,
			json_string(options_list_at(cli->options, name, i)));
	(void)json_object_set_new(params, name, list);
}

void cli_put_text(const struct cli *cli, json_t *params, const char *name)
{
	if (options_is_set(cli->options, name))
		(void)json_object_set_new(
			params, name,
			json_string(options_text(cli->options, name)));
}

void cli_put_int(const struct cli *cli, json_t *params, const char *name)
{
	if (options_is_set(cli->options, name))
		(void)json_object_set_new(
			params, name,
			json_integer(options_int(cli->options, name)));
}

const char *cli_text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

enum err_code cli_account(struct cli *cli, enum signer_purpose *out,
			  struct err *e)
{
	const char *text = options_text(cli->options, "account");

	*out = strcmp(text, "storage") == 0 ? SIGNER_STORAGE : SIGNER_BANDWIDTH;
	if (*out == SIGNER_STORAGE || strcmp(text, "bandwidth") == 0)
		return ERR_NONE;
	cli->wrong_usage = true;
	return err_fail(e, ERR_PARSE, "--account: want bandwidth or storage");
}

enum err_code cli_put_account(struct cli *cli, json_t *params, struct err *e)
{
	enum signer_purpose purpose;
	enum err_code code = cli_account(cli, &purpose, e);

	if (code == ERR_NONE)
		(void)json_object_set_new(params, "account",
					  json_string(purpose == SIGNER_STORAGE
							      ? "storage"
							      : "bandwidth"));
	return code;
}

enum err_code cli_put_dir(json_t *params, const char *name, const char *dir,
			  bool make, struct err *e)
{
	char full[PATH_MAX];
	struct stat st;

	if (make && mkdir(dir, 0777) != 0 && errno != EEXIST)
		return err_fail(e, ERR_IO, "cannot make %.80s: %s", dir,
				strerror(errno));
	if (!realpath(dir, full))
		return err_fail(e, ERR_IO, "%.80s: %s", dir, strerror(errno));
	if (stat(full, &st) != 0 || !S_ISDIR(st.st_mode))
		return err_fail(e, ERR_IO, "%.80s is not a directory", dir);
	if (make && access(full, W_OK | X_OK) != 0)
		return err_fail(e, ERR_IO, "cannot write in %.80s: %s", dir,
				strerror(errno));
	(void)json_object_set_new(params, name, json_string(full));
	return ERR_NONE;
}
