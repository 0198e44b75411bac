/* Reading a tracker's answer to a scrape never crashes, nor does making its URL
 * of any text. */
#include "wire/find/scrape.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct info_hash hash = {"abcdefghijklmnopqrst"};
	char text[ANNOUNCE_MAX_URL + 1], url[ANNOUNCE_URL_CAP];
	struct scrape_reply r;

	(void)!scrape_parse(&r, &hash, data, size, NULL);
	if (r.seeds < -1 || r.completed < -1 || r.leechers < -1)
		abort();
	size = size < ANNOUNCE_MAX_URL ? size : ANNOUNCE_MAX_URL;
	memcpy(text, data, size);
	text[size] = '\0';
	if (scrape_url(url, text, &hash, NULL) == ERR_NONE &&
	    !memchr(url, '\0', sizeof(url)))
		abort();
	return 0;
}
