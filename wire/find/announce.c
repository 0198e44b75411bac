#include "wire/find/announce.h"

#include "base/bencode.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define MAX_TOKENS 20000U /* about 2,500 peers as dictionaries */

/* --- the question ----------------------------------------------------------
 */

static bool is_udp(const char *url)
{
	return strncasecmp(url, "udp://", 6) == 0;
}

static bool read_port(uint16_t *out, const char *text, size_t len)
{
	uint32_t port = 0;

	if (len == 0 || len > 5)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		port = port * 10 + (uint32_t)(text[i] - '0');
	}
	*out = (uint16_t)port;
	return port > 0 && port <= UINT16_MAX;
}

bool announce_split_udp(const char *url, char host[ANNOUNCE_HOST_CAP],
			uint16_t *port, const char **path)
{
	const char *at = url + 6, *end, *colon;
	size_t len;

	if (!is_udp(url))
		return false;
	end = at + strcspn(at, "/?");
	for (colon = end; colon > at && *colon != ':'; colon--)
		;
	if (colon == at || colon == end ||
	    !read_port(port, colon + 1, (size_t)(end - colon - 1)))
		return false;
	if (*at == '[' && colon[-1] == ']') {
		at++;
		colon--;
	}
	len = (size_t)(colon - at);
	if (len == 0 || len >= ANNOUNCE_HOST_CAP ||
	    memchr(at, '@', len)) /* no names of users here */
		return false;
	memcpy(host, at, len);
	host[len] = '\0';
	*path = end;
	return true;
}

static enum err_code check_udp(const char *url, struct err *e)
{
	char host[ANNOUNCE_HOST_CAP];
	const char *path;
	uint16_t port;

	if (!announce_split_udp(url, host, &port, &path))
		return err_fail(e, ERR_PARSE,
				"tracker: not a URL of udp://HOST:PORT");
	if (strlen(path) > ANNOUNCE_UDP_PATH_MAX)
		return err_fail(e, ERR_LIMIT, "tracker: a path over %u bytes",
				ANNOUNCE_UDP_PATH_MAX);
	return ERR_NONE;
}

enum err_code announce_check_url(const char *url, struct err *e)
{
	size_t len = strlen(url);
	size_t skip = strncasecmp(url, "http://", 7) == 0    ? 7
		      : strncasecmp(url, "https://", 8) == 0 ? 8
							     : 0;

	if (len > ANNOUNCE_MAX_URL)
		return err_fail(e, ERR_LIMIT,
				"tracker: URL of %zu bytes, more than %u", len,
				ANNOUNCE_MAX_URL);
	for (size_t i = 0; i < len; i++)
		if (url[i] <= ' ' || url[i] >= 0x7f || url[i] == '#')
			return err_fail(e, ERR_PARSE,
					"tracker: bad character in its URL");
	if (is_udp(url))
		return check_udp(url, e);
	if (!skip && strstr(url, "://"))
		return err_fail(e, ERR_STATE,
				"tracker: only http, https and udp are "
				"supported, not %.5s",
				url);
	if (!skip || strchr("/?", url[skip])) /* matches the end, too */
		return err_fail(e, ERR_PARSE,
				"tracker: not a URL of http, https or udp");
	return ERR_NONE;
}

struct text {
	char *p;
	size_t cap;
	size_t len;
	bool full;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *t,
						      const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->p + t->len, t->cap - t->len, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= t->cap - t->len)
		t->full = true;
	else
		t->len += (size_t)n;
}

static bool is_unreserved(uint8_t c) /* RFC 3986, 2.3 */
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
	       c == '~';
}

static void add_bytes(struct text *t, const char *name, const void *bytes,
		      size_t len)
{
	const uint8_t *p = bytes;

	add(t, "%s", name);
	for (size_t i = 0; i < len; i++)
		add(t, is_unreserved(p[i]) ? "%c" : "%%%02X", p[i]);
}

static const char *event_text(const struct announce_query *q)
{
	switch (q->event) {
	case ANNOUNCE_REGULAR:
		return q->partial ? "&event=paused" : "";
	case ANNOUNCE_STARTED:
		return "&event=started";
	case ANNOUNCE_COMPLETED:
		return "&event=completed";
	case ANNOUNCE_STOPPED:
		return "&event=stopped";
	}
	return "";
}

enum err_code announce_url(char out[ANNOUNCE_URL_CAP], const char *base,
			   const struct announce_query *q, struct err *e)
{
	struct text t = {.p = out, .cap = ANNOUNCE_URL_CAP};

	add(&t, "%s", base);
	add_bytes(&t, strchr(base, '?') ? "&info_hash=" : "?info_hash=",
		  q->info_hash.bytes, sizeof(q->info_hash.bytes));
	add_bytes(&t, "&peer_id=", q->peer_id.bytes, sizeof(q->peer_id.bytes));
	add(&t,
	    "&port=%u&uploaded=%" PRIu64 "&downloaded=%" PRIu64 "&left=%" PRIu64
	    "&compact=1&no_peer_id=1&key=%08" PRIX32 "&numwant=%" PRIu32 "%s",
	    q->port, q->uploaded, q->downloaded, q->left, q->key, q->numwant,
	    event_text(q));
	if (q->tracker_id_len)
		add_bytes(&t, "&trackerid=", q->tracker_id, q->tracker_id_len);
	if (q->ipv6)
		add_bytes(&t, "&ipv6=", q->ipv6, strlen(q->ipv6));
	if (t.full)
		return err_fail(e, ERR_LIMIT, "tracker: URL is too long");
	return ERR_NONE;
}

/* --- the answer ------------------------------------------------------------
 */

static void add_peer(struct announce_reply *out, const struct wire_addr *a)
{
	if (out->peer_count < ANNOUNCE_MAX_PEERS && wire_addr_possible(a))
		out->peers[out->peer_count++] = *a;
}

/* Lists of ip_len + 2 bytes each; a rest that is too short is left out. */
static void read_compact(struct announce_reply *out, struct ben_view v,
			 size_t ip_len)
{
	struct wire_addr a;

	for (; v.len >= ip_len + 2; v.p += ip_len + 2, v.len -= ip_len + 2) {
		wire_addr_from_compact(&a, v.p, ip_len);
		add_peer(out, &a);
	}
}

static bool parse_ip(uint8_t ip[16], const char *text)
{
	memset(ip, 0, 10);
	ip[10] = ip[11] = 0xff;
	return inet_pton(AF_INET, text, ip + 12) == 1 ||
	       inet_pton(AF_INET6, text, ip) == 1;
}

static void read_dicts(struct announce_reply *out, struct ben list)
{
	for (struct ben it = ben_first(list); ben_type(it); it = ben_next(it)) {
		char text[INET6_ADDRSTRLEN];
		struct wire_addr a;
		struct ben_view v;
		int64_t port;

		if (!ben_str(ben_get(it, "ip"), &v) || v.len >= sizeof(text) ||
		    !ben_int(ben_get(it, "port"), &port) || port < 1 ||
		    port > UINT16_MAX)
			continue;
		memcpy(text, v.p, v.len);
		text[v.len] = '\0';
		a.port = (uint16_t)port;
		if (parse_ip(a.ip, text)) /* a name would need a look-up */
			add_peer(out, &a);
	}
}

static void read_peers(struct announce_reply *out, struct ben root)
{
	struct ben_view v;

	if (ben_str(ben_get(root, "peers"), &v))
		read_compact(out, v, 4);
	else
		read_dicts(out, ben_get(root, "peers"));
	if (ben_str(ben_get(root, "peers6"), &v))
		read_compact(out, v, 16);
}

static uint32_t read_seconds(struct ben root, const char *key, int64_t unit)
{
	int64_t n;

	if (!ben_int(ben_get(root, key), &n) || n <= 0)
		return 0;
	return n > 86400 / unit ? 86400 : (uint32_t)(n * unit);
}

static int64_t read_count(struct ben root, const char *key)
{
	int64_t n;

	return ben_int(ben_get(root, key), &n) && n >= 0 ? n : -1;
}

/* For logs and terminals: what is not plain ASCII becomes '?'. */
static bool read_text(char out[128], struct ben root, const char *key)
{
	struct ben_view v;
	size_t n;

	if (!ben_str(ben_get(root, key), &v))
		return false;
	n = v.len < 127 ? v.len : 127;
	for (size_t i = 0; i < n; i++)
		out[i] = v.p[i] >= ' ' && v.p[i] < 0x7f ? (char)v.p[i] : '?';
	out[n] = '\0';
	return true;
}

static void read_failure(struct announce_reply *out, struct ben root)
{
	struct ben_view v;

	out->failed = read_text(out->text, root, "failure reason");
	if (!out->failed)
		return;
	out->retry_s = read_seconds(root, "retry in", 60);
	if (ben_str(ben_get(root, "retry in"), &v) && v.len == 5 &&
	    memcmp(v.p, "never", 5) == 0)
		out->retry_s = ANNOUNCE_NEVER;
}

static void read_reply(struct announce_reply *out, struct ben root)
{
	struct ben_view v;

	(void)read_text(out->text, root, "warning message");
	out->interval_s = read_seconds(root, "interval", 1);
	out->min_interval_s = read_seconds(root, "min interval", 1);
	out->seeds = read_count(root, "complete");
	out->leechers = read_count(root, "incomplete");
	if (ben_str(ben_get(root, "tracker id"), &v) &&
	    v.len <= ANNOUNCE_MAX_ID) {
		memcpy(out->tracker_id, v.p, v.len);
		out->tracker_id_len = v.len;
	}
	read_peers(out, root);
}

enum err_code announce_parse(struct announce_reply *out, const uint8_t *buf,
			     size_t len, struct err *e)
{
	enum err_code code;
	struct ben_doc *doc;
	struct ben root;

	memset(out, 0, sizeof(*out));
	out->seeds = out->leechers = -1;
	code = ben_parse(&doc, buf, len, MAX_TOKENS, BEN_TRAILING, e);
	if (code != ERR_NONE)
		return code;
	root = ben_root(doc);
	read_failure(out, root);
	if (!out->failed)
		read_reply(out, root);
	if (!out->failed && !out->interval_s &&
	    !ben_type(ben_get(root, "peers")) &&
	    !ben_type(ben_get(root, "peers6")))
		code = err_fail(e, ERR_PARSE,
				"tracker: its answer has neither a failure, "
				"an interval nor peers");
	ben_doc_free(doc);
	return code;
}

/* --- where it may be -------------------------------------------------------
 */

/* The last part of a URL's path, up to '?' or the end. */
static const char *last_part(const char *url)
{
	const char *host = strstr(url, "://");
	const char *last = NULL;

	for (const char *p = host ? host + 3 : url; *p && *p != '?'; p++)
		if (*p == '/')
			last = p + 1;
	return last ? last : "";
}

static bool is_tracker_path(const char *url)
{
	const char *last = last_part(url);

	return strncmp(last, "announce", 8) == 0 ||
	       strncmp(last, "scrape", 6) == 0;
}

/* A query that is not ours alone, which begins with the info hash and names it
 * once. */
static bool has_own_query(const char *url)
{
	const char *query = strchr(url, '?');

	return query && strncasecmp(url, "udp:", 4) != 0 &&
	       (strncmp(query + 1, "info_hash=", 10) != 0 ||
		strstr(query + 11, "info_hash="));
}

bool announce_allowed(const char *ip, const char *url)
{
	struct wire_addr a = {.port = 1};
	char text[INET6_ADDRSTRLEN];

	(void)snprintf(text, sizeof(text), "%.*s", (int)strcspn(ip, "%"), ip);
	if (!parse_ip(a.ip, text))
		return false;
	if (wire_addr_is_local(&a) ||
	    (wire_addr_is_private(&a) && has_own_query(url)))
		return is_tracker_path(url);
	return wire_addr_possible(&a);
}
