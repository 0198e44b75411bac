/* A UDP tracker may answer anything, and others may answer for it: the codec
 * keeps within its bounds, and a question ends at most once. */
#include "wire/find/udp_client.h"

#include <stdlib.h>
#include <string.h>

static const struct wire_addr server = {
	.ip = {[10] = 0xff, 0xff, 203, 0, 113, 1}, .port = 6969};

static void check_reply(const struct udp_reply *r)
{
	if (r->announce.peer_count > ANNOUNCE_MAX_PEERS ||
	    r->announce.interval_s > 86400 ||
	    r->scrape_count > UDP_MSG_SCRAPES_MAX ||
	    strlen(r->announce.text) > 127)
		abort();
	for (uint32_t i = 0; i < r->announce.peer_count; i++)
		if (!wire_addr_possible(&r->announce.peers[i]))
			abort();
}

/* Datagrams of one length byte each, as if from the tracker; where the first
 * bit of the length is set, with the number of the last question. */
static void converse(struct udp_client *c, const uint8_t *data, size_t size)
{
	uint8_t out[UDP_MSG_OUT_MAX] = {0}, in[128];
	const struct announce_query q = {0};
	struct udp_result result;
	struct wire_addr to;
	uint64_t ticket;
	unsigned results = 0;
	size_t len;

	if (udp_client_announce(c, &ticket, &server, &q, "", 0, NULL) !=
	    ERR_NONE)
		abort();
	for (int64_t now = 0; size > 0; now += 5000) {
		size_t n = data[0] & 0x7f;
		bool know = data[0] & 0x80;

		data++;
		size--;
		n = n < size ? n : size;
		while (udp_client_send(c, now, &to, out, &len))
			;
		memcpy(in, data, n);
		if (know && n >= 8)
			memcpy(in + 4, out + 12, 4);
		(void)udp_client_feed(c, now, &server, in, n);
		while (udp_client_result(c, &result)) {
			results++;
			if (result.err.code == ERR_NONE)
				check_reply(&result.reply);
		}
		data += n;
		size -= n;
	}
	if (results > 1)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct udp_reply r;
	struct udp_client *c = udp_client_new(rng_seeded(1));

	if (udp_msg_decode(&r, data, size, 4, NULL) == ERR_NONE)
		check_reply(&r);
	if (udp_msg_decode(&r, data, size, 16, NULL) == ERR_NONE)
		check_reply(&r);
	if (c)
		converse(c, data, size);
	udp_client_free(c);
	return 0;
}
