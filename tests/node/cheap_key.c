/* cheap_key.c - seals a key file anew so that opening it costs nothing: a
 * command of a test's opens its wallet, a second of work that guards nothing
 * here. What the programs make is opened, once, by the tests of wallets.
 *
 * usage: cheap_key KEY-FILE PASSPHRASE-FILE, with the recovery phrase on
 * standard input; without one the file is opened, at what that costs.
 */
#include "ledger/signer/keystore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct keystore_cost cheap = {.passes = 1, .mem_kib = 8};

/* The first line, without its end. */
static void read_line(char *out, int cap, FILE *f)
{
	if (!f || !fgets(out, cap, f))
		out[0] = '\0';
	out[strcspn(out, "\r\n")] = '\0';
}

static enum err_code seal(const char *path, const char *passphrase,
			  const char *phrase, struct err *e)
{
	char made[4096];
	struct keystore *keys = NULL;
	enum err_code code =
		*phrase ? keystore_from_phrase(&keys, phrase, e)
			: keystore_load(&keys, path, passphrase, e);

	(void)snprintf(made, sizeof(made), "%s.cheap", path);
	if (code == ERR_NONE)
		code = keystore_save(keys, made, passphrase, cheap, e);
	keystore_free(keys);
	if (code == ERR_NONE && rename(made, path) != 0)
		code = err_fail(e, ERR_IO, "%s: cannot be renamed", made);
	return code;
}

int main(int argc, char **argv)
{
	char passphrase[KEYSTORE_PASS_MAX + 2], phrase[BIP39_PHRASE_MAX + 2];
	struct err e = {0};
	FILE *f;

	if (argc != 3)
		return 2;
	f = fopen(argv[2], "r");
	read_line(passphrase, sizeof(passphrase), f);
	if (f)
		(void)fclose(f);
	read_line(phrase, sizeof(phrase), stdin);
	if (seal(argv[1], passphrase, phrase, &e) == ERR_NONE)
		return 0;
	(void)fprintf(stderr, "cheap_key: %s\n", e.msg);
	return 1;
}
