/* What a web server says of a range never makes us take more than was asked
 * for: a status, what was asked for, then the Content-Range. */
#include "wire/find/web_seed.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint64_t length = 1000000;
	struct web_head head = {.content_length = -1};
	struct web_range asked = {0};
	struct web_answer a;
	char text[128];

	if (size < 6 || size - 6 >= sizeof(text))
		return 0;
	head.status = data[0] << 8 | data[1];
	asked.offset = (uint64_t)(data[2] << 8 | data[3]);
	asked.len = (uint64_t)(data[4] << 8 | data[5]) + 1;
	memcpy(text, data + 6, size - 6);
	text[size - 6] = '\0';
	head.content_range = text;
	web_seed_judge(&a, &head, &asked, length);
	if (a.verdict == WEB_TAKE
		    ? a.len == 0 || a.len > asked.len || a.skip > asked.offset
		    : a.len != 0 || !*a.why)
		abort();
	if (web_seed_check_url(text, NULL) == ERR_NONE && strlen(text) < 8)
		abort();
	return 0;
}
