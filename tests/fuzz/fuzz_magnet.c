/* Reading never crashes and keeps its promises; what was read is written as a
 * link that reads as the same value, and that is written the same way. */
#include "base/text.h"
#include "wire/torrent/magnet.h"

#include <stdlib.h>
#include <string.h>

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void check_words(const char *const *list, uint32_t n, uint32_t max)
{
	must(n <= max);
	for (uint32_t i = 0; i < n; i++) {
		must(list[i][0] && strlen(list[i]) <= METAINFO_MAX_URL);
		for (const char *p = list[i]; *p; p++)
			must(*p > 0x20 && *p < 0x7f);
	}
}

static void check_promises(const struct magnet *m)
{
	must(m->has_v1 || m->has_v2);
	check_words(m->trackers, m->tracker_count, MAGNET_MAX_TRACKERS);
	check_words(m->seeds, m->seed_count, MAGNET_MAX_SEEDS);
	check_words(m->peers, m->peer_count, MAGNET_MAX_PEERS);
	for (uint32_t i = 0; i < m->peer_count; i++)
		must(strrchr(m->peers[i], ':') != NULL);
	must(m->range_count <= MAGNET_MAX_RANGES);
	for (uint32_t i = 0; i < m->range_count; i++) {
		must(m->ranges[i].first <= m->ranges[i].last &&
		     m->ranges[i].last < METAINFO_MAX_FILES);
		must(i == 0 || m->ranges[i].first > m->ranges[i - 1].last + 1);
	}
	if (m->name)
		must(text_is_utf8((const uint8_t *)m->name, strlen(m->name)) &&
		     strlen(m->name) <= MAGNET_MAX_NAME);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *out, *again;
	struct magnet a, b;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (magnet_parse(&a, text, NULL) == ERR_NONE) {
		check_promises(&a);
		must(magnet_print(&out, &a, NULL) == ERR_NONE);
		if (strlen(out) <= MAGNET_MAX_BYTES) {
			must(magnet_parse(&b, out, NULL) == ERR_NONE);
			must(magnet_print(&again, &b, NULL) == ERR_NONE);
			must(strcmp(out, again) == 0);
			magnet_clear(&b);
			free(again);
		}
		free(out);
		magnet_clear(&a);
	}
	free(text);
	return 0;
}
