#include "node/cli/passphrase.h"

#include "base/file.h"
#include "node/core/home.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define FILE_MAX 4096

static enum err_code keep(char *out, size_t cap, const char *line, size_t len,
			  struct err *e)
{
	if (len == 0)
		return err_fail(e, ERR_LIMIT, "the passphrase is empty");
	if (len >= cap)
		return err_fail(e, ERR_LIMIT,
				"the passphrase has more than %zu bytes",
				cap - 1);
	memcpy(out, line, len);
	out[len] = '\0';
	return ERR_NONE;
}

static enum err_code from_file(char *out, size_t cap, const char *path,
			       struct err *e)
{
	char *text;
	size_t len;
	enum err_code code = file_load(path, FILE_MAX, &text, &len, e);

	if (code != ERR_NONE)
		return code;
	code = keep(out, cap, text, strcspn(text, "\r\n"), e);
	sodium_memzero(text, len);
	free(text);
	return code;
}

static bool read_hidden(int tty, const char *prompt, char *line, size_t cap)
{
	struct termios old, hidden;
	size_t len = 0;
	char c;

	(void)!write(tty, prompt, strlen(prompt));
	if (tcgetattr(tty, &old) != 0)
		return false;
	hidden = old;
	hidden.c_lflag &= ~(tcflag_t)ECHO;
	(void)tcsetattr(tty, TCSAFLUSH, &hidden);
	while (read(tty, &c, 1) == 1 && c != '\n')
		if (len < cap - 1)
			line[len++] = c;
	line[len] = '\0';
	(void)tcsetattr(tty, TCSAFLUSH, &old);
	(void)!write(tty, "\n", 1);
	return true;
}

static enum err_code from_terminal(char *out, size_t cap, bool twice,
				   struct err *e)
{
	char line[1200], again[1200];
	int tty = open("/dev/tty", O_RDWR | O_CLOEXEC);
	enum err_code code = ERR_NONE;

	if (tty < 0 || !read_hidden(tty, "Passphrase: ", line, sizeof(line))) {
		code = err_fail(e, ERR_STATE,
				"no passphrase: give --passphrase-file FILE, "
				"or SEEDBANK_PASSPHRASE in the environment");
	} else if (twice) {
		(void)read_hidden(tty, "Once more: ", again, sizeof(again));
		if (strcmp(line, again) != 0)
			code = err_fail(e, ERR_STATE,
					"the two passphrases differ");
		sodium_memzero(again, sizeof(again));
	}
	if (code == ERR_NONE)
		code = keep(out, cap, line, strlen(line), e);
	sodium_memzero(line, sizeof(line));
	if (tty >= 0)
		(void)close(tty);
	return code;
}

enum err_code passphrase_get(char *out, size_t cap, const char *file,
			     enum passphrase_ask ask, struct err *e)
{
	const char *env;
	char path[HOME_PATH_MAX];

	if (file)
		return from_file(out, cap, file, e);
	env = getenv("SEEDBANK_PASSPHRASE_FILE");
	if (env && *env)
		return from_file(out, cap, env, e);
	env = getenv("CREDENTIALS_DIRECTORY");
	if (env && *env) {
		(void)snprintf(path, sizeof(path), "%.900s/passphrase", env);
		if (access(path, R_OK) == 0)
			return from_file(out, cap, path, e);
	}
	env = getenv("SEEDBANK_PASSPHRASE");
	if (env && *env)
		return keep(out, cap, env, strlen(env), e);
	if (ask == PASSPHRASE_QUIET)
		return err_fail(e, ERR_STATE, "no passphrase was given");
	return from_terminal(out, cap, ask == PASSPHRASE_TWICE, e);
}
