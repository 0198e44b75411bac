/* cli_magnet.c - the magnet link of a .torrent. It needs no home and no node.
 */
#include "node/cli/cli_commands.h"

#include "base/file.h"
#include "wire/torrent/magnet.h"

#include <stdlib.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static enum err_code link_of(const struct cli *cli, const struct metainfo *m,
			     char **out, struct err *e)
{
	const char *peers[OPT_LIST_MAX];
	size_t n = options_list_count(cli->options, "peer");

	for (size_t i = 0; i < n; i++) {
		char host[MAGNET_MAX_HOST + 1];
		uint16_t port;
		enum err_code code;

		peers[i] = options_list_at(cli->options, "peer", i);
		code = options_split_endpoint(peers[i], host, sizeof(host),
					      &port, e);
		if (code != ERR_NONE)
			return code;
	}
	return magnet_of(out, m, peers, (uint32_t)n, e);
}

static enum err_code run_magnet(struct cli *cli, json_t **result, struct err *e)
{
	struct metainfo m;
	char *bytes, *text;
	size_t len;
	enum err_code code =
		file_load(cli->args[0], METAINFO_MAX_BYTES, &bytes, &len, e);

	if (code != ERR_NONE)
		return code;
	code = metainfo_parse(&m, (const uint8_t *)bytes, len, e);
	free(bytes);
	if (code != ERR_NONE)
		return code;
	code = link_of(cli, &m, &text, e);
	if (code == ERR_NONE) {
		*result = json_pack("{ss ss}", "magnet", text, "name", m.name);
		cli_print(cli, "%s\n", text);
		free(text);
	}
	metainfo_clear(&m);
	return code;
}

static const struct option magnet_options[] = {
	{"peer", OPT_LIST, NULL, 0, 0, "HOST:PORT",
	 "a peer that whoever opens the link may ask; may be given again"},
};

const struct command cmd_magnet = {"magnet",
				   "FILE.torrent [--peer HOST:PORT]",
				   "Prints the magnet link of a torrent.",
				   magnet_options,
				   COUNT(magnet_options),
				   1,
				   1,
				   MONEY_NONE,
				   run_magnet};
