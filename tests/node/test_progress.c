/* What a command draws while it waits. */
#include "node/cli/cli_progress.h"
#include "tests/check.h"

#include <string.h>

int main(void)
{
	static const struct {
		const char *name, *event, *want;
		int width;
	} rows[] = {
		{"a download has rates",
		 "{\"have\":1048576,\"total\":2097152,\"rate_down\":2048,"
		 "\"rate_up\":0,\"peers\":2,\"eta_s\":75}",
		 " 50% [#####.....] 1.0 MiB/2.0 MiB down 2.0 KiB/s up 0 B/s "
		 "peers 2 left 1m15s",
		 0},
		{"a paid one says what was spent",
		 "{\"have\":0,\"total\":4,\"rate_down\":0,\"rate_up\":0,"
		 "\"peers\":0,\"spent\":\"1.5\"}",
		 "  0% [..........] 0 B/4 B down 0 B/s up 0 B/s peers 0 spent "
		 "1.5 left -",
		 0},
		{"a check has none", "{\"have\":3,\"total\":4}",
		 " 75% [#######...] 3 B/4 B", 0},
		{"a narrow terminal cuts it off", "{\"have\":4,\"total\":4}",
		 "100% [###", 10},
	};
	char line[512];

	for (size_t i = 0; i < ROWS(rows); i++) {
		json_t *event = json_loads(rows[i].event, 0, NULL);

		CHECK(event, "%s: its event", rows[i].name);
		progress_line(line, sizeof(line), rows[i].width, event);
		CHECK(strcmp(line, rows[i].want) == 0, "%s: \"%s\"",
		      rows[i].name, line);
		json_decref(event);
	}
	return CHECK_EXIT();
}
