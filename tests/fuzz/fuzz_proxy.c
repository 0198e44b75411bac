/* Whatever a proxy answers, in whatever pieces, ends within its bounds, and a
 * setting is either refused or whole. The first byte says which proxy. */
#include "wire/reach/proxy.h"

#include <stdlib.h>
#include <string.h>

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void talk(uint8_t how, const uint8_t *data, size_t size)
{
	const struct wire_addr to = {{0x20, 1}, 1};
	struct proxy p = {.kind = how & 1 ? PROXY_HTTP : PROXY_SOCKS5};
	size_t step = (how >> 4) + 1U, used, len;
	enum proxy_state state = PROXY_GOING;
	struct proxy_hand h;

	if (how & 2)
		strcpy(p.user, "user");
	if ((how & 4) && !(how & 1))
		proxy_hand_udp(&h, &p);
	else
		proxy_hand_tcp(&h, &p, &to);
	while (state == PROXY_GOING && size) {
		size_t n = size < step ? size : step;
		struct err e = {0};

		(void)proxy_hand_output(&h, &len);
		proxy_hand_sent(&h, len);
		state = proxy_hand_feed(&h, data, n, &used, &e);
		must(used <= n && (used > 0 || state == PROXY_REFUSED) &&
		     h.got_len <= PROXY_HEAD_MAX);
		must((state == PROXY_REFUSED) == (e.code != ERR_NONE));
		data += used;
		size -= used;
	}
	must(state != PROXY_THROUGH || h.step == PROXY_DONE);
}

static void setting(const uint8_t *data, size_t size)
{
	char text[1024];
	struct proxy p;

	if (size >= sizeof(text))
		return;
	memcpy(text, data, size);
	text[size] = '\0';
	if (proxy_parse(&p, text, NULL) == ERR_NONE)
		must(p.host[0] && p.port);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_addr from;

	if (size == 0)
		return 0;
	talk(data[0], data + 1, size - 1);
	setting(data, size);
	must(proxy_udp_unwrap(&from, data, size) <= size);
	return 0;
}
