/* A config file of any bytes never crashes; what is refused names its line. */
#include "base/options.h"

#include <stdlib.h>
#include <string.h>

static const struct option table[] = {
	{"json", OPT_FLAG, "no", 0, 0, NULL, ""},
	{"slots", OPT_INT, "8", 1, 1000, "N", ""},
	{"cache", OPT_SIZE, "32MiB", 0, 0, "SIZE", ""},
	{"time", OPT_DURATION, NULL, 0, 0, "TIME", ""},
	{"bid", OPT_AMOUNT, NULL, 0, 0, "TOKENS", ""},
	{"listen", OPT_ENDPOINT, NULL, 0, 0, "IP:PORT", ""},
	{"peer", OPT_LIST, NULL, 0, 0, "HOST:PORT", ""},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct options *o = NULL;
	struct err e = {0};

	if (options_new(&o, table, sizeof(table) / sizeof(table[0]), NULL))
		abort();
	if (options_parse_file(o, "conf", (const char *)data, size, NULL, &e) &&
	    !strstr(e.msg, "conf line "))
		abort();
	options_free(o);
	return 0;
}
