/* seedbankd: a node that runs until it is told to stop, with the API socket,
 * the torrents it had before, and settling on its own. */
#include "node/cli/cli.h"
#include "node/core/api.h"
#include "node/core/engine.h"
#include "node/core/fds.h"
#include "node/core/settings.h"
#include "node/host/host.h"
#include "node/net/portmap.h"
#include "node/renter/tenure.h"
#include "node/renter/watch.h"
#include "node/swarm/torrent.h"

#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct option own_options[] = {
	{"home", OPT_STRING, NULL, 0, 0, "DIR",
	 "where the node keeps its data ($SEEDBANK_HOME, else ~/.seedbank)"},
	{"help", OPT_FLAG, "no", 0, 0, NULL, "print this help"},
	{"version", OPT_FLAG, "no", 0, 0, NULL, "print the version"},
};

#define OWN_COUNT (sizeof(own_options) / sizeof(own_options[0]))

static int fail(int status, const struct err *e)
{
	(void)fprintf(stderr, "seedbankd: %s\n", e->msg);
	return status;
}

static void print_help(void)
{
	(void)printf("usage: seedbankd [--home DIR] [options]\n\nRuns a node "
		     "until SIGTERM. Every setting of HOME/config can be given "
		     "here too.\n\n");
	options_print_help(own_options, OWN_COUNT, stdout);
	options_print_help(settings_table, settings_count, stdout);
}

static void dispatch(void *ctx, const char *method, const json_t *params,
		     struct call *c)
{
	engine_dispatch(ctx, method, params, c);
}

static enum err_code serve(struct engine *en, const struct home *home,
			   struct err *e)
{
	char path[HOME_PATH_MAX];
	struct api *api = NULL;
	enum err_code code = engine_listen(en, true, e);

	home_file(home, "api.sock", path);
	if (code == ERR_NONE)
		code = api_new(&api, en->loop, en->log, path, dispatch, en, e);
	if (code == ERR_NONE)
		code = torrents_restore(en, e);
	if (code == ERR_NONE) {
		portmap_start(en->portmap);
		host_begin(en->host);
		watch_begin(en->watch);
		tenure_begin(en->tenure);
		log_line(en->log, LOG_INFO, "daemon",
			 "ready version=%s pid=%ld port=%u home=\"%s\" "
			 "wallet=%s",
			 SEEDBANK_VERSION, (long)getpid(), en->listen_port,
			 home->path, en->money ? "open" : "none");
		engine_run(en);
		log_line(en->log, LOG_INFO, "daemon", "stopping");
	}
	api_free(api);
	return code;
}

static int run(const struct options *options)
{
	struct err e = {0};
	struct home home;
	struct options *settings = NULL;
	struct engine *en = NULL;
	int lock = -1, status = EXIT_FAILURE;
	enum err_code code =
		home_open(&home, options_text(options, "home"), &e);

	if (code == ERR_NONE)
		code = home_lock(&home, "daemon.lock", &lock, &e);
	if (code == ERR_NONE)
		code = settings_load(&settings, &home, &e);
	if (code == ERR_NONE)
		code = settings_check(settings, options, &e);
	if (code == ERR_PARSE)
		status = EXIT_USAGE;
	if (code == ERR_NONE)
		code = engine_new(&en, &home, settings, options, true,
				  MONEY_IF_ANY, &e);
	if (code == ERR_NONE)
		code = serve(en, &home, &e);
	engine_free(en);
	options_free(settings);
	if (lock >= 0)
		(void)close(lock);
	return code == ERR_NONE ? EXIT_SUCCESS : fail(status, &e);
}

int main(int argc, char **argv)
{
	size_t count = OWN_COUNT + settings_count;
	struct option *table = calloc(count, sizeof(*table));
	const char **rest = calloc((size_t)argc, sizeof(*rest));
	struct options *options = NULL;
	struct err e = {0};
	int rest_count = 0, status;
	enum err_code code = ERR_NOMEM;

	fds_fill();
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN); /* a file limit is a full disk */
	if (sodium_init() < 0) {
		(void)err_fail(&e, ERR_IO, "no source of randomness");
	} else if (table && rest) {
		memcpy(table, own_options, sizeof(own_options));
		memcpy(table + OWN_COUNT, settings_table,
		       settings_count * sizeof(*table));
		code = options_new(&options, table, count, &e);
	}
	if (code == ERR_NONE)
		code = options_parse_args(options, argc - 1, argv + 1, rest,
					  &rest_count, &e);
	if (code == ERR_NONE && rest_count > 0)
		code = err_fail(&e, ERR_PARSE,
				"'%.60s' is no option; see --help", rest[0]);
	if (code != ERR_NONE) {
		status = fail(EXIT_USAGE, &e);
	} else if (options_flag(options, "help")) {
		print_help();
		status = EXIT_SUCCESS;
	} else if (options_flag(options, "version")) {
		(void)printf("seedbankd %s\n", SEEDBANK_VERSION);
		status = EXIT_SUCCESS;
	} else {
		status = run(options);
	}
	options_free(options);
	free(rest);
	free(table);
	return status;
}
