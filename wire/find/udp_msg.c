#include "wire/find/udp_msg.h"

#include "base/bytes.h"

#include <string.h>

#define PROTOCOL 0x41727101980ULL /* BEP 15's magic number */
#define OPTION_URL 2U		  /* BEP 41 */
#define OPTION_MAX 255U

static void put_head(struct wr *w, const struct udp_head *head,
		     enum udp_action action)
{
	wr_u64(w, head->connection);
	wr_u32(w, action);
	wr_u32(w, head->transaction);
}

size_t udp_msg_connect(uint8_t out[UDP_MSG_OUT_MAX], uint32_t transaction)
{
	const struct udp_head head = {PROTOCOL, transaction};
	struct wr w = wr_into(out, UDP_MSG_OUT_MAX);

	put_head(&w, &head, UDP_CONNECT);
	return wr_len(&w);
}

/* BEP 15 numbers them otherwise than announce.h. */
static uint32_t event_number(enum announce_event event)
{
	switch (event) {
	case ANNOUNCE_REGULAR:
		break;
	case ANNOUNCE_STARTED:
		return 2;
	case ANNOUNCE_COMPLETED:
		return 1;
	case ANNOUNCE_STOPPED:
		return 3;
	}
	return 0;
}

static void put_path(struct wr *w, const char *path)
{
	size_t left = strlen(path);

	while (left) {
		size_t n = left < OPTION_MAX ? left : OPTION_MAX;

		wr_u8(w, OPTION_URL);
		wr_u8(w, (uint8_t)n);
		wr_copy(w, (const uint8_t *)path, n);
		path += n;
		left -= n;
	}
}

size_t udp_msg_announce(uint8_t out[UDP_MSG_OUT_MAX],
			const struct udp_head *head,
			const struct announce_query *q, const char *path)
{
	struct wr w = wr_into(out, UDP_MSG_OUT_MAX);

	put_head(&w, head, UDP_ANNOUNCE);
	wr_copy(&w, q->info_hash.bytes, sizeof(q->info_hash.bytes));
	wr_copy(&w, q->peer_id.bytes, sizeof(q->peer_id.bytes));
	wr_u64(&w, q->downloaded);
	wr_u64(&w, q->left);
	wr_u64(&w, q->uploaded);
	wr_u32(&w, event_number(q->event));
	wr_u32(&w, 0); /* our address: the one that it sees */
	wr_u32(&w, q->key);
	wr_u32(&w, q->numwant);
	wr_u16(&w, q->port);
	put_path(&w, path);
	return wr_len(&w);
}

size_t udp_msg_scrape(uint8_t out[UDP_MSG_OUT_MAX], const struct udp_head *head,
		      const struct info_hash *hashes, size_t count)
{
	struct wr w = wr_into(out, UDP_MSG_OUT_MAX);

	if (count > UDP_MSG_SCRAPES_MAX)
		return 0;
	put_head(&w, head, UDP_SCRAPE);
	for (size_t i = 0; i < count; i++)
		wr_copy(&w, hashes[i].bytes, sizeof(hashes[i].bytes));
	return wr_len(&w);
}

/* --- the answer ------------------------------------------------------------
 */

/* A count is signed in BEP 15; below zero it says nothing. */
static int64_t read_count(struct rd *r)
{
	uint32_t n = rd_u32(r);

	return n > INT32_MAX ? -1 : (int64_t)n;
}

static void read_peers(struct announce_reply *out, struct rd *r, size_t ip_len)
{
	const uint8_t *p;

	while (out->peer_count < ANNOUNCE_MAX_PEERS && r->left >= ip_len + 2 &&
	       (p = rd_view(r, ip_len + 2, ip_len + 2))) {
		struct wire_addr *a = &out->peers[out->peer_count];

		wire_addr_from_compact(a, p, ip_len);
		out->peer_count += wire_addr_possible(a);
	}
}

static bool read_announce(struct announce_reply *out, struct rd *r,
			  size_t ip_len)
{
	uint32_t interval = rd_u32(r);

	out->interval_s = interval > INT32_MAX ? 0
			  : interval > 86400   ? 86400
					       : interval;
	out->leechers = read_count(r);
	out->seeds = read_count(r);
	if (r->bad)
		return false;
	read_peers(out, r, ip_len);
	return true;
}

static bool read_scrape(struct udp_reply *out, struct rd *r)
{
	while (out->scrape_count < UDP_MSG_SCRAPES_MAX && r->left >= 12) {
		struct udp_scrape *s = &out->scrapes[out->scrape_count++];

		s->seeds = read_count(r);
		s->completed = read_count(r);
		s->leechers = read_count(r);
	}
	return out->scrape_count > 0;
}

/* For logs and terminals, as announce.c does. */
static void read_error(struct announce_reply *out, const struct rd *r)
{
	size_t n = r->left < sizeof(out->text) - 1 ? r->left
						   : sizeof(out->text) - 1;

	out->failed = true;
	for (size_t i = 0; i < n && r->p[i]; i++)
		out->text[i] =
			r->p[i] >= ' ' && r->p[i] < 0x7f ? (char)r->p[i] : '?';
}

enum err_code udp_msg_decode(struct udp_reply *out, const uint8_t *buf,
			     size_t len, size_t ip_len, struct err *e)
{
	struct rd r = rd_from(buf, len);
	uint32_t action = rd_u32(&r);
	bool good = true;

	memset(out, 0, sizeof(*out));
	out->announce.seeds = out->announce.leechers = -1;
	out->transaction = rd_u32(&r);
	if (r.bad || action > UDP_ERROR)
		return err_fail(e, ERR_PARSE,
				"tracker: a datagram of %zu bytes, action %u",
				len, action);
	out->action = (enum udp_action)action;
	switch (out->action) {
	case UDP_CONNECT:
		out->connection = rd_u64(&r);
		good = !r.bad;
		break;
	case UDP_ANNOUNCE:
		good = read_announce(&out->announce, &r, ip_len);
		break;
	case UDP_SCRAPE:
		good = read_scrape(out, &r);
		break;
	case UDP_ERROR:
		read_error(&out->announce, &r);
		break;
	}
	if (!good)
		return err_fail(e, ERR_PARSE,
				"tracker: an answer of %zu bytes is short",
				len);
	return ERR_NONE;
}
