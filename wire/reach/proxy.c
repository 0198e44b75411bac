#include "wire/reach/proxy.h"

#include "base/bytes.h"
#include "base/ip.h"

#include <arpa/inet.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define VERSION 5
#define AUTH_VERSION 1
#define METHOD_NONE 0
#define METHOD_PASSWORD 2
#define CMD_CONNECT 1
#define CMD_UDP 3
#define ATYP_V4 1
#define ATYP_NAME 3
#define ATYP_V6 4

/* --- the setting -----------------------------------------------------------
 */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* False: too long, or a bad escape, or a zero byte. */
static bool decode(char out[PROXY_NAME_MAX + 1], const char *s, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		int c = (unsigned char)s[i];

		if (n == PROXY_NAME_MAX)
			return false;
		if (c == '%') {
			int high = i + 2 < len ? hex_digit(s[i + 1]) : -1;
			int low = i + 2 < len ? hex_digit(s[i + 2]) : -1;

			if (high < 0 || low < 0)
				return false;
			c = high << 4 | low;
			i += 2;
		}
		if (c < 0x20 || c == 0x7f)
			return false;
		out[n++] = (char)c;
	}
	out[n] = '\0';
	return true;
}

/* Digits up to the end, or to a slash that is the end. */
static bool read_port(const char *s, uint16_t *port)
{
	size_t len = strspn(s, "0123456789");
	unsigned long n = 0;

	if (len == 0 || len > 5 || (s[len] && strcmp(s + len, "/") != 0))
		return false;
	for (size_t i = 0; i < len; i++)
		n = n * 10 + (unsigned long)(s[i] - '0');
	*port = (uint16_t)n;
	return n > 0 && n <= UINT16_MAX;
}

/* "host", "host:port", "[v6]", "[v6]:port" */
static bool read_host(struct proxy *out, const char *s)
{
	const char *end = s[0] == '[' ? strchr(s, ']') : s + strcspn(s, ":");
	const char *begin = s[0] == '[' ? s + 1 : s;

	if (!end || end == begin || (size_t)(end - begin) > PROXY_NAME_MAX)
		return false;
	for (const char *p = begin; p < end; p++)
		if (*p <= 0x20 || *p == 0x7f || strchr("/?#@[]", *p))
			return false;
	memcpy(out->host, begin, (size_t)(end - begin));
	out->host[end - begin] = '\0';
	end += s[0] == '[';
	if (*end == '/' || *end == '\0')
		return end[0] == '\0' || end[1] == '\0';
	if (*end != ':')
		return false;
	return read_port(end + 1, &out->port);
}

enum err_code proxy_parse(struct proxy *out, const char *text, struct err *e)
{
	static const char wants[] =
		"want socks5://[USER:PASSWORD@]HOST[:PORT] or http://...";
	const char *rest, *at, *colon;

	*out = (struct proxy){.kind = PROXY_SOCKS5, .port = 1080};
	if (strncasecmp(text, "socks5://", 9) == 0) {
		rest = text + 9;
	} else if (strncasecmp(text, "socks5h://", 10) == 0) {
		rest = text + 10; /* names are always the proxy's to look up */
	} else if (strncasecmp(text, "http://", 7) == 0) {
		rest = text + 7;
		out->kind = PROXY_HTTP;
		out->port = 8080;
	} else {
		return err_fail(e, ERR_PARSE, "%s", wants);
	}
	at = strrchr(rest, '@');
	if (at) {
		colon = memchr(rest, ':', (size_t)(at - rest));
		if (!decode(out->user, rest,
			    (size_t)((colon ? colon : at) - rest)) ||
		    (colon &&
		     !decode(out->pass, colon + 1, (size_t)(at - colon - 1))) ||
		    !out->user[0])
			return err_fail(e, ERR_PARSE,
					"user or password are empty, too long "
					"or badly encoded");
		rest = at + 1;
	}
	if (!read_host(out, rest))
		return err_fail(e, ERR_PARSE, "%s", wants);
	return ERR_NONE;
}

/* --- what we say -----------------------------------------------------------
 */

static void put_socks_addr(struct wr *w, const struct wire_addr *a)
{
	size_t len;
	const uint8_t *ip = ip_bytes(a->ip, &len);

	wr_u8(w, len == 4 ? ATYP_V4 : ATYP_V6);
	wr_copy(w, ip, len);
	wr_u16(w, a->port);
}

static void say(struct proxy_hand *h, const struct wr *w)
{
	h->say_len = wr_len(w);
	h->said = 0;
	h->got_len = 0;
}

static void say_methods(struct proxy_hand *h)
{
	struct wr w = wr_into(h->say, sizeof(h->say));

	wr_u8(&w, VERSION);
	wr_u8(&w, h->proxy->user[0] ? 2 : 1);
	wr_u8(&w, METHOD_NONE);
	if (h->proxy->user[0])
		wr_u8(&w, METHOD_PASSWORD);
	say(h, &w);
	h->step = PROXY_METHOD;
}

static void say_password(struct proxy_hand *h)
{
	const char *user = h->proxy->user, *pass = h->proxy->pass;
	struct wr w = wr_into(h->say, sizeof(h->say));

	wr_u8(&w, AUTH_VERSION);
	wr_u8(&w, (uint8_t)strlen(user));
	wr_copy(&w, (const uint8_t *)user, strlen(user));
	wr_u8(&w, (uint8_t)strlen(pass));
	wr_copy(&w, (const uint8_t *)pass, strlen(pass));
	say(h, &w);
	h->step = PROXY_AUTH;
}

static void say_request(struct proxy_hand *h)
{
	struct wr w = wr_into(h->say, sizeof(h->say));

	wr_u8(&w, VERSION);
	wr_u8(&w, h->udp ? CMD_UDP : CMD_CONNECT);
	wr_u8(&w, 0);
	put_socks_addr(&w, &h->to);
	say(h, &w);
	h->step = PROXY_REPLY;
}

static size_t put_text(struct proxy_hand *h, size_t at, const char *text)
{
	size_t len = strlen(text);

	memcpy(h->say + at, text, len);
	return at + len;
}

/* The longest user and password are 684 characters of base64, so all fits. */
static void say_connect(struct proxy_hand *h)
{
	char where[INET6_ADDRSTRLEN], line[160];
	char plain[2 * PROXY_NAME_MAX + 2];
	char secret[4 * ((2 * PROXY_NAME_MAX + 1) / 3 + 1) + 1];
	bool v4 = ip_is_v4(h->to.ip);
	int n;

	(void)ip_text(where, h->to.ip);
	(void)snprintf(line, sizeof(line),
		       v4 ? "CONNECT %s:%u HTTP/1.1\r\nHost: %s:%u\r\n"
			  : "CONNECT [%s]:%u HTTP/1.1\r\nHost: [%s]:%u\r\n",
		       where, h->to.port, where, h->to.port);
	h->say_len = put_text(h, 0, line);
	if (h->proxy->user[0]) {
		n = snprintf(plain, sizeof(plain), "%s:%s", h->proxy->user,
			     h->proxy->pass);
		(void)sodium_bin2base64(secret, sizeof(secret),
					(const unsigned char *)plain, (size_t)n,
					sodium_base64_VARIANT_ORIGINAL);
		h->say_len =
			put_text(h, h->say_len, "Proxy-Authorization: Basic ");
		h->say_len = put_text(h, h->say_len, secret);
		h->say_len = put_text(h, h->say_len, "\r\n");
		sodium_memzero(plain, sizeof(plain));
		sodium_memzero(secret, sizeof(secret));
	}
	h->say_len = put_text(h, h->say_len, "\r\n");
	h->step = PROXY_HTTP_ANSWER;
}

void proxy_hand_tcp(struct proxy_hand *h, const struct proxy *p,
		    const struct wire_addr *to)
{
	memset(h, 0, sizeof(*h));
	h->proxy = p;
	h->to = *to;
	switch (p->kind) {
	case PROXY_SOCKS5:
		say_methods(h);
		return;
	case PROXY_HTTP:
		say_connect(h);
		return;
	}
}

void proxy_hand_udp(struct proxy_hand *h, const struct proxy *p)
{
	memset(h, 0, sizeof(*h));
	h->proxy = p;
	h->udp = true;
	h->to = (struct wire_addr){.ip = IP_ANY_V4};
	say_methods(h);
}

const uint8_t *proxy_hand_output(const struct proxy_hand *h, size_t *len)
{
	*len = h->say_len - h->said;
	return h->say + h->said;
}

void proxy_hand_sent(struct proxy_hand *h, size_t len)
{
	h->said += len;
}

/* --- what it says ----------------------------------------------------------
 */

static enum proxy_state on_method(struct proxy_hand *h, struct err *e)
{
	bool with = h->proxy->user[0] != '\0';

	if (h->got[0] != VERSION) {
		(void)err_fail(e, ERR_PARSE, "the proxy speaks no SOCKS5");
		return PROXY_REFUSED;
	}
	if (h->got[1] == METHOD_NONE) {
		say_request(h);
		return PROXY_GOING;
	}
	if (h->got[1] == METHOD_PASSWORD && with) {
		say_password(h);
		return PROXY_GOING;
	}
	(void)err_fail(e, ERR_STATE,
		       with ? "the proxy takes no password"
			    : "the proxy wants to know who we are");
	return PROXY_REFUSED;
}

static enum proxy_state on_auth(struct proxy_hand *h, struct err *e)
{
	if (h->got[1] != 0) {
		(void)err_fail(e, ERR_STATE,
			       "the proxy refuses user and password");
		return PROXY_REFUSED;
	}
	say_request(h);
	return PROXY_GOING;
}

static enum proxy_state refuse_reply(uint8_t code, struct err *e)
{
	static const char *const texts[] = {
		"",
		"the proxy failed",
		"the proxy does not allow it",
		"no way to that network",
		"no way to that host",
		"the connection was refused",
		"it lived too long",
		"the proxy does not know the command",
		"the proxy does not know such addresses",
	};
	bool known = code < sizeof(texts) / sizeof(texts[0]);

	(void)err_fail(e, code == 2 || code == 7 ? ERR_STATE : ERR_IO, "%s",
		       known ? texts[code] : "the proxy failed");
	return PROXY_REFUSED;
}

static size_t addr_len(const uint8_t *reply)
{
	switch (reply[3]) {
	case ATYP_V4:
		return 4;
	case ATYP_V6:
		return 16;
	case ATYP_NAME:
		return 1U + reply[4];
	}
	return 0;
}

static enum proxy_state on_reply(struct proxy_hand *h, struct err *e)
{
	if (h->got[0] != VERSION || !addr_len(h->got)) {
		(void)err_fail(e, ERR_PARSE, "the proxy speaks no SOCKS5");
		return PROXY_REFUSED;
	}
	if (h->got[1] != 0)
		return refuse_reply(h->got[1], e);
	h->step = PROXY_REPLY_REST;
	return PROXY_GOING;
}

static enum proxy_state on_reply_rest(struct proxy_hand *h)
{
	size_t len = addr_len(h->got);
	const uint8_t *p = h->got + 4;

	/* a name would have to be looked up: then it is the proxy's own */
	if (h->got[3] == ATYP_V4) {
		ip_from_bytes(h->bound.ip, p, 4);
		if (memcmp(p, "\0\0\0\0", 4) == 0)
			memset(h->bound.ip, 0, sizeof(h->bound.ip));
	} else if (h->got[3] == ATYP_V6) {
		memcpy(h->bound.ip, p, 16);
	}
	h->bound.port = (uint16_t)(p[len] << 8 | p[len + 1]);
	h->step = PROXY_DONE;
	return PROXY_THROUGH;
}

static enum proxy_state on_http(struct proxy_hand *h, struct err *e)
{
	const char *text = (const char *)h->got;
	int status = 0;

	if (h->got_len < 12 || strncmp(text, "HTTP/1.", 7) != 0 ||
	    text[8] != ' ') {
		(void)err_fail(e, ERR_PARSE, "the proxy speaks no HTTP");
		return PROXY_REFUSED;
	}
	for (int i = 9; i < 12 && text[i] >= '0' && text[i] <= '9'; i++)
		status = status * 10 + text[i] - '0';
	if (status < 200 || status > 299) {
		(void)err_fail(e, status >= 500 ? ERR_IO : ERR_STATE,
			       status == 407
				       ? "the proxy refuses user and password"
				       : "the proxy answers with status %d",
			       status);
		return PROXY_REFUSED;
	}
	h->step = PROXY_DONE;
	return PROXY_THROUGH;
}

/* Are enough bytes here to look at? Of HTTP each may be the last. */
static bool step_is_whole(const struct proxy_hand *h)
{
	size_t want = 0;

	switch (h->step) {
	case PROXY_METHOD:
	case PROXY_AUTH:
		want = 2;
		break;
	case PROXY_REPLY:
		want = 5;
		break;
	case PROXY_REPLY_REST:
		want = 4 + addr_len(h->got) + 2;
		break;
	case PROXY_HTTP_ANSWER:
	case PROXY_DONE:
		break;
	}
	return h->got_len >= want;
}

static enum proxy_state end_step(struct proxy_hand *h, struct err *e)
{
	switch (h->step) {
	case PROXY_METHOD:
		return on_method(h, e);
	case PROXY_AUTH:
		return on_auth(h, e);
	case PROXY_REPLY:
		return on_reply(h, e);
	case PROXY_REPLY_REST:
		return on_reply_rest(h);
	case PROXY_HTTP_ANSWER:
		if (h->got_len >= 4 &&
		    memcmp(h->got + h->got_len - 4, "\r\n\r\n", 4) == 0)
			return on_http(h, e);
		if (h->got_len < sizeof(h->got))
			return PROXY_GOING;
		(void)err_fail(e, ERR_PARSE, "the proxy answers too much");
		return PROXY_REFUSED;
	case PROXY_DONE:
		break;
	}
	return PROXY_THROUGH;
}

enum proxy_state proxy_hand_feed(struct proxy_hand *h, const uint8_t *bytes,
				 size_t len, size_t *used, struct err *e)
{
	enum proxy_state state = PROXY_GOING;

	*used = 0;
	while (state == PROXY_GOING && *used < len) {
		if (h->said < h->say_len) { /* an answer to nothing yet */
			(void)err_fail(e, ERR_PARSE,
				       "the proxy answers before it is asked");
			return PROXY_REFUSED;
		}
		h->got[h->got_len++] = bytes[(*used)++];
		if (step_is_whole(h))
			state = end_step(h, e);
	}
	return state;
}

/* --- datagrams -------------------------------------------------------------
 */

size_t proxy_udp_wrap(uint8_t out[PROXY_UDP_HEAD], const struct wire_addr *to)
{
	struct wr w = wr_into(out, PROXY_UDP_HEAD);

	wr_u16(&w, 0);
	wr_u8(&w, 0); /* no fragment */
	put_socks_addr(&w, to);
	return wr_len(&w);
}

size_t proxy_udp_unwrap(struct wire_addr *from, const uint8_t *bytes,
			size_t len)
{
	struct rd r = rd_from(bytes, len);
	uint8_t type;

	memset(from, 0, sizeof(*from));
	(void)rd_u16(&r);
	if (rd_u8(&r) != 0)
		return 0;
	type = rd_u8(&r);
	if (type == ATYP_V4) {
		rd_copy(&r, from->ip, 4);
		ip_from_bytes(from->ip, from->ip, 4);
	} else if (type == ATYP_V6) {
		rd_copy(&r, from->ip, 16);
	} else {
		return 0;
	}
	from->port = rd_u16(&r);
	return r.bad ? 0 : len - r.left;
}
