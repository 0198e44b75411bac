#include "node/cli/cli.h"

#include "node/cli/cli_commands.h"
#include "node/core/api.h"
#include "node/core/engine.h"
#include "node/core/fds.h"
#include "node/core/settings.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_OPTIONS 64

volatile int cli_stop;

static const struct option common[] = {
	{"home", OPT_STRING, NULL, 0, 0, "DIR",
	 "where the node keeps its data ($SEEDBANK_HOME, else ~/.seedbank)"},
	{"json", OPT_FLAG, "no", 0, 0, NULL,
	 "print the outcome as one JSON object"},
	{"help", OPT_FLAG, "no", 0, 0, NULL, "print this help"},
	{"version", OPT_FLAG, "no", 0, 0, NULL, "print the version"},
};

static void on_signal(int signo)
{
	(void)signo;
	cli_stop = 1;
}

static void catch_signals(void)
{
	struct sigaction sa = {.sa_handler = on_signal};

	(void)sigaction(SIGINT, &sa, NULL);
	(void)sigaction(SIGTERM, &sa, NULL);
	sa.sa_handler = SIG_IGN;
	(void)sigaction(SIGPIPE, &sa, NULL);
	(void)sigaction(SIGXFSZ, &sa, NULL); /* a file limit: a full disk */
}

void cli_print(const struct cli *cli, const char *fmt, ...)
{
	va_list ap;

	if (cli->json)
		return;
	va_start(ap, fmt);
	(void)vprintf(fmt, ap);
	va_end(ap);
}

/* Is `word` the first of two that name this command? */
static bool begins(const struct command *c, const char *word)
{
	size_t len = strlen(word);

	return strncmp(c->name, word, len) == 0 && c->name[len] == ' ';
}

static bool is_group(const char *word)
{
	for (size_t i = 0; word && i < command_count; i++)
		if (begins(commands[i], word))
			return true;
	return false;
}

/* `group` may be NULL: all commands. */
static void print_overview(FILE *out, const char *group)
{
	(void)fprintf(out,
		      "seedbank %s: a BitTorrent node that pays\n\n"
		      "usage: seedbank [--home DIR] [--json] %s ...\n\n",
		      SEEDBANK_VERSION, group ? group : "COMMAND");
	for (size_t i = 0; i < command_count; i++)
		if (!group || begins(commands[i], group))
			(void)fprintf(out, "  %-19s %s\n", commands[i]->name,
				      commands[i]->summary);
	(void)fprintf(out, "\n`seedbank COMMAND --help` shows a command's "
			   "options.\n");
}

static void print_help(const struct command *c)
{
	(void)printf("usage: seedbank %s%s%s\n\n%s\n", c->name,
		     *c->usage ? " " : "", c->usage, c->summary);
	if (c->option_count)
		(void)printf("\noptions:\n");
	options_print_help(c->options, c->option_count, stdout);
	(void)printf("\ncommon options:\n");
	options_print_help(common, sizeof(common) / sizeof(common[0]) - 1,
			   stdout);
}

/* How many words of `name` stand at the front of words; 0: another command. */
static int match(const char *name, const char *const *words, int count)
{
	const char *space = strchr(name, ' ');
	size_t first = space ? (size_t)(space - name) : strlen(name);

	if (count < 1 || strlen(words[0]) != first ||
	    memcmp(words[0], name, first) != 0)
		return 0;
	if (!space)
		return 1;
	return count > 1 && strcmp(words[1], space + 1) == 0 ? 2 : 0;
}

static const struct command *find_command(const char *const *words, int count,
					  int *used)
{
	const struct command *found = NULL;

	*used = 0;
	for (size_t i = 0; i < command_count; i++) {
		int n = match(commands[i]->name, words, count);

		if (n > *used) { /* "a b" goes before "a" */
			*used = n;
			found = commands[i];
		}
	}
	return found;
}

/* The command's name is found before its options are known: words that do not
 * start with "-" and are not the value of --home. */
static const struct command *scan(int argc, char **argv, const char *words[2])
{
	int count = 0, used;

	for (int i = 1; i < argc && count < 2; i++) {
		if (strcmp(argv[i], "--home") == 0)
			i++;
		else if (argv[i][0] != '-')
			words[count++] = argv[i];
		else if (count == 1)
			break; /* an option behind the first word */
	}
	return find_command(words, count, &used);
}

static bool asks(int argc, char **argv, const char *flag)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], flag) == 0)
			return true;
	return false;
}

static int fail(bool json, int exit_code, const struct err *e)
{
	if (json) {
		json_t *line =
			json_pack("{s{ss ss}}", "error", "code",
				  call_error_name(e->code), "message", e->msg);
		char *text = json_dumps(line, JSON_COMPACT);

		(void)printf("%s\n", text ? text : "{}");
		free(text);
		json_decref(line);
	} else {
		(void)fprintf(stderr, "seedbank: %s\n", e->msg);
	}
	return exit_code;
}

static size_t merge_tables(const struct command *c, struct option *out)
{
	size_t n = 0, extra = sizeof(common) / sizeof(common[0]);

	for (size_t i = 0; i < c->option_count && n < MAX_OPTIONS - extra; i++)
		out[n++] = c->options[i];
	for (size_t i = 0; i < extra; i++)
		out[n++] = common[i];
	return n;
}

static enum err_code check_words(struct cli *cli, struct err *e)
{
	const struct command *c = cli->command;
	int used;

	(void)find_command(cli->args, cli->arg_count, &used);
	cli->args += used;
	cli->arg_count -= used;
	if (cli->arg_count < c->min_args)
		return err_fail(e, ERR_PARSE, "usage: seedbank %s %.100s",
				c->name, c->usage);
	if (cli->arg_count > c->max_args)
		return err_fail(e, ERR_PARSE,
				"%s: '%.60s' is one word too many; usage: "
				"seedbank %s %.60s",
				c->name, cli->args[c->max_args], c->name,
				c->usage);
	return ERR_NONE;
}

/* `config` alone lives with values that mean nothing: it mends them. */
static enum err_code read_settings(struct cli *cli, struct err *e)
{
	enum err_code code = settings_load(&cli->settings, &cli->home, e);

	if (code != ERR_NONE || cli->command == &cmd_config)
		return code;
	return settings_check(cli->settings, cli->options, e);
}

static int run(struct cli *cli)
{
	struct err e = {0};
	json_t *result = NULL;
	enum err_code code;
	bool json;

	code = home_open(&cli->home, options_text(cli->options, "home"), &e);
	if (code == ERR_NONE) {
		code = read_settings(cli, &e);
		cli->wrong_usage = code == ERR_PARSE;
	}
	if (code == ERR_NONE)
		code = cli->command->run(cli, &result, &e);
	if (code == ERR_NONE && cli->json && !cli->raw) {
		char *text = json_dumps(result, JSON_COMPACT);

		(void)printf("%s\n", text ? text : "{}");
		free(text);
	}
	json_decref(result);
	options_free(cli->settings);
	json = cli->json && !cli->raw;
	if (code == ERR_NONE)
		return EXIT_SUCCESS;
	if (cli->wrong_usage)
		return fail(json, EXIT_USAGE, &e);
	return fail(json,
		    cli_stop || cli->interrupted ? EXIT_INTERRUPTED
						 : EXIT_FAILURE,
		    &e);
}

static int parse_and_run(struct cli *cli, int argc, char **argv)
{
	struct option table[MAX_OPTIONS];
	size_t count = merge_tables(cli->command, table);
	const char **rest = calloc((size_t)argc, sizeof(*rest));
	struct err e = {0};
	enum err_code code = ERR_NOMEM;
	int status;

	if (rest)
		code = options_new(&cli->options, table, count, &e);
	if (code == ERR_NONE)
		code = options_parse_args(cli->options, argc - 1, argv + 1,
					  rest, &cli->arg_count, &e);
	cli->args = rest;
	if (code == ERR_NONE && !options_flag(cli->options, "help"))
		code = check_words(cli, &e);
	if (code != ERR_NONE) {
		status = fail(cli->json, EXIT_USAGE, &e);
	} else if (options_flag(cli->options, "help")) {
		print_help(cli->command);
		status = EXIT_SUCCESS;
	} else {
		status = run(cli);
	}
	options_free(cli->options);
	free(rest);
	return status;
}

static int without_command(const struct cli *cli, int argc, char **argv,
			   const char *word)
{
	const char *group = is_group(word) ? word : NULL;
	struct err e = {0};

	if (asks(argc, argv, "--version")) {
		(void)printf("seedbank %s\n", SEEDBANK_VERSION);
		return EXIT_SUCCESS;
	}
	if (asks(argc, argv, "--help") && (!word || group)) {
		print_overview(stdout, group);
		return EXIT_SUCCESS;
	}
	if (argc < 2) {
		print_overview(stderr, NULL);
		return EXIT_USAGE;
	}
	if (strcmp(argv[argc - 1], "--home") == 0)
		(void)err_fail(&e, ERR_PARSE, "--home: want a value");
	else if (!word)
		(void)err_fail(&e, ERR_PARSE,
			       "no command was given; `seedbank --help` lists "
			       "them");
	else
		(void)err_fail(&e, ERR_PARSE,
			       "no command '%.40s%s'; `seedbank%s%.40s --help` "
			       "lists them",
			       word, group ? " ..." : "", group ? " " : "",
			       group ? group : "");
	return fail(cli->json, EXIT_USAGE, &e);
}

static bool reader_is_gone(void)
{
	struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};

	return poll(&out, 1, 0) > 0 && (out.revents & POLLERR) != 0;
}

/* What could not be written was not told: a phrase, a link, an export. Who
 * closed a pipe knows. */
static int told(int status)
{
	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	if (!reader_is_gone())
		(void)fprintf(stderr,
			      "seedbank: cannot write standard output%s%s\n",
			      errno ? ": " : "", errno ? strerror(errno) : "");
	return status == EXIT_SUCCESS ? EXIT_FAILURE : status;
}

static int run_line(int argc, char **argv)
{
	struct cli cli = {.json = asks(argc, argv, "--json")};
	const char *words[2] = {NULL, NULL};
	struct err e = {0};

	if (sodium_init() < 0) {
		(void)err_fail(&e, ERR_IO, "no source of randomness");
		return fail(cli.json, EXIT_FAILURE, &e);
	}
	catch_signals();
	cli.command = scan(argc, argv, words);
	if (!cli.command)
		return without_command(&cli, argc, argv, words[0]);
	return parse_and_run(&cli, argc, argv);
}

int cli_main(int argc, char **argv)
{
	fds_fill();
	return told(run_line(argc, argv));
}

/* ---- calls ---- */

struct local_call {
	struct engine *engine;
	struct call *call;
	void (*event)(void *ctx, const json_t *event);
	void *ctx;
	json_t *result;
	struct err e;
	bool done;
	bool cancelled;
};

static void local_event(void *ctx, const json_t *event)
{
	struct local_call *l = ctx;

	if (l->event)
		l->event(l->ctx, event);
}

static void local_done(void *ctx, const json_t *result, const struct err *e)
{
	struct local_call *l = ctx;

	if (e)
		l->e = *e;
	else
		l->result = json_deep_copy(result);
	l->done = true;
	engine_stop(l->engine);
}

static void local_signal(void *ctx)
{
	struct local_call *l = ctx;

	cli_stop = 1;
	if (l->done || l->cancelled)
		return;
	l->cancelled = true;
	call_cancel(l->call);
}

static enum err_code run_local(struct cli *cli, const char *method,
			       const json_t *params, struct local_call *l,
			       struct err *e)
{
	enum err_code code =
		engine_new(&l->engine, &cli->home, cli->settings, cli->options,
			   false, cli->command->money, e);

	if (code != ERR_NONE)
		return code;
	engine_on_stop_signal(l->engine, local_signal, l);
	l->call = call_new((struct call_sink){
		.event = local_event, .done = local_done, .ctx = l});
	if (l->call) {
		engine_dispatch(l->engine, method, params, l->call);
		if (cli_stop) /* before the engine took the signals over */
			local_signal(l);
		if (!l->done)
			engine_run(l->engine);
	} else {
		(void)err_fail(&l->e, ERR_NOMEM, "out of memory");
	}
	engine_free(l->engine); /* announces, flushes, saves */
	if (l->e.code != ERR_NONE)
		*e = l->e;
	return l->e.code;
}

enum err_code cli_call(struct cli *cli, const char *method, json_t *take_params,
		       void (*event)(void *ctx, const json_t *event), void *ctx,
		       json_t **result, struct err *e)
{
	struct local_call l = {.event = event, .ctx = ctx};
	char path[HOME_PATH_MAX];
	enum err_code code;

	home_file(&cli->home, "api.sock", path);
	code = api_call(path, method, take_params, &cli_stop, event, ctx,
			result, &cli->daemon_used, e);
	if (!cli->daemon_used) {
		code = run_local(cli, method, take_params, &l, e);
		*result = l.result;
	}
	json_decref(take_params);
	return code;
}
