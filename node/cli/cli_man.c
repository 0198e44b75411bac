/* cli_man.c - the man pages, written by the same tables as --help. */
#include "node/cli/cli_commands.h"

#include "node/core/settings.h"

#include <string.h>

/* A leading dot or quote, and every backslash, mean something to roff. */
static void put(const char *text)
{
	for (const char *p = text; *p; p++) {
		if (*p == '\\' || *p == '-')
			(void)putchar('\\');
		if (p == text && (*p == '.' || *p == '\''))
			(void)printf("\\&");
		(void)putchar(*p);
	}
}

static void put_options(const struct option *table, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		(void)printf(".TP\n\\fB\\-\\-");
		put(table[i].name);
		(void)printf("\\fR");
		if (table[i].arg)
			(void)printf(" \\fI%s\\fR", table[i].arg);
		(void)putchar('\n');
		put(table[i].help);
		if (table[i].fallback && table[i].type != OPT_FLAG)
			(void)printf(" (default %s)", table[i].fallback);
		(void)putchar('\n');
	}
}

static void page_of_commands(void)
{
	(void)printf(".TH SEEDBANK 1 \"\" \"seedbank %s\"\n.SH NAME\nseedbank "
		     "\\- a BitTorrent node that pays\n.SH SYNOPSIS\n"
		     ".B seedbank\n[\\fB\\-\\-home\\fR \\fIDIR\\fR] "
		     "[\\fB\\-\\-json\\fR] \\fICOMMAND\\fR ...\n.SH COMMANDS\n",
		     SEEDBANK_VERSION);
	for (size_t i = 0; i < command_count; i++) {
		(void)printf(".SS ");
		put(commands[i]->name);
		(void)putchar(' ');
		put(commands[i]->usage);
		(void)putchar('\n');
		put(commands[i]->summary);
		(void)putchar('\n');
		put_options(commands[i]->options, commands[i]->option_count);
	}
	(void)printf(".SH EXIT STATUS\n0 done; 1 failed, one line says why and "
		     "what to do; 2 wrong usage or a wrong setting; 3 "
		     "interrupted before it was "
		     "done.\n.SH FILES\n.TP\n~/.seedbank\nor "
		     "$XDG_DATA_HOME/seedbank, $SEEDBANK_HOME, \\-\\-home: "
		     "config, torrents.db, book.db, storage-book.db, "
		     "sectors.db, wallet.key, signer.state, api.sock. Sectors "
		     "that are rented out lie in the file seedbank.volume of "
		     "each path of\n.BR \"host enable\" .\n"
		     "The databases can be copied while a node runs "
		     "with\n.BR \"sqlite3 book.db '.backup copy.db'\" .\n"
		     ".SH SEE ALSO\n.BR seedbankd (8)\n");
}

static void page_of_daemon(void)
{
	(void)printf(
		".TH SEEDBANKD 8 \"\" \"seedbank %s\"\n.SH NAME\nseedbankd "
		"\\- the seedbank daemon\n.SH SYNOPSIS\n.B seedbankd\n"
		"[\\fB\\-\\-home\\fR \\fIDIR\\fR] [\\fIoptions\\fR]\n"
		".SH DESCRIPTION\nRuns a node until SIGTERM: seeds and "
		"downloads what\n.BR seedbank (1)\nhands over to it, "
		"earns, and settles by itself where that pays. Every "
		"option below can stand in HOME/config as \\fIname\\fR = "
		"\\fIvalue\\fR.\n.SH OPTIONS\n",
		SEEDBANK_VERSION);
	put_options(settings_table, settings_count);
	(void)printf(".SH SEE ALSO\n.BR seedbank (1)\n");
}

static enum err_code run_man(struct cli *cli, json_t **result, struct err *e)
{
	const char *page = cli->arg_count ? cli->args[0] : "seedbank";

	(void)result;
	if (strcmp(page, "seedbank") == 0)
		page_of_commands();
	else if (strcmp(page, "seedbankd") == 0)
		page_of_daemon();
	else
		return err_fail(e, ERR_PARSE,
				"man: want seedbank or seedbankd");
	return ERR_NONE;
}

const struct command cmd_man = {
	"man",
	"[seedbank|seedbankd]",
	"Prints a man page; `seedbank man | man -l -` shows it.",
	NULL,
	0,
	0,
	1,
	MONEY_NONE,
	run_man};
