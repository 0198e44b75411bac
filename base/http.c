#include "base/http.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FIRST_BODY 4096U
#define CONNECT_TIMEOUT_MS 15000
#define KEPT_CONNECTIONS 8L
#define STREAM_BUFFER (64L << 10)
#define STALL_BYTES 1024L

struct http_request {
	struct http *http;
	struct http_request *next;
	struct http_request **prev; /* what points here */
	CURL *easy;
	struct curl_slist *headers;
	http_done_fn *done;
	void *ctx;
	enum http_flow (*on_body)(void *ctx, struct http_request *r,
				  const uint8_t *bytes, size_t len);
	bool (*allow)(void *ctx, const char *ip, const char *url);
	void (*on_socket)(void *ctx, int fd, const struct sockaddr *to,
			  socklen_t to_len);
	void *socket_ctx;
	bool too_long;
	bool refused;
	bool enough;
	bool waits;
	bool proxied;
	uint8_t *body;
	size_t body_len;
	size_t body_cap;
	size_t max_body;
	char where[128]; /* scheme://host:port, for errors */
	char curl_error[CURL_ERROR_SIZE];
};

struct http {
	struct loop *loop;
	struct loop_timer *timer;
	CURLM *multi; /* NULL until the first request */
	struct http_request *requests;
	unsigned count;
	unsigned max_requests;
	unsigned per_host;
	char *proxy; /* NULL: none */
};

static void finish_all(struct http *h);

/* --- curl's sockets and timer on the loop --------------------------------- */

static void on_fd(void *ctx, unsigned what);

struct socket_watch {
	struct http *http;
	struct loop_watch *watch;
	curl_socket_t fd;
};

static void drop_watch(struct http *h, struct socket_watch *s)
{
	if (!s)
		return;
	(void)curl_multi_assign(h->multi, s->fd, NULL);
	loop_watch_free(s->watch);
	free(s);
}

static struct socket_watch *add_watch(struct http *h, curl_socket_t fd)
{
	struct socket_watch *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->http = h;
	s->fd = fd;
	s->watch = loop_watch_new(h->loop, fd, on_fd, s);
	if (!s->watch) {
		free(s);
		return NULL;
	}
	(void)curl_multi_assign(h->multi, fd, s);
	return s;
}

static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *ctx,
			  void *socket_ctx)
{
	struct socket_watch *s = socket_ctx;
	struct http *h = ctx;
	unsigned want = 0;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		drop_watch(h, s);
		return 0;
	}
	if (!s)
		s = add_watch(h, fd);
	if (!s)
		return -1;
	if (what & CURL_POLL_IN)
		want |= LOOP_READ;
	if (what & CURL_POLL_OUT)
		want |= LOOP_WRITE;
	loop_watch_set(s->watch, want);
	return 0;
}

static int on_curl_timer(CURLM *multi, long delay_ms, void *ctx)
{
	struct http *h = ctx;

	(void)multi;
	if (delay_ms < 0)
		loop_timer_cancel(h->timer);
	else
		loop_timer_set(h->timer, delay_ms);
	return 0;
}

static void on_fd(void *ctx, unsigned what)
{
	struct socket_watch *s = ctx;
	struct http *h = s->http;
	int mask = 0, running;

	if (what & LOOP_READ)
		mask |= CURL_CSELECT_IN;
	if (what & LOOP_WRITE)
		mask |= CURL_CSELECT_OUT;
	(void)curl_multi_socket_action(h->multi, s->fd, mask, &running);
	finish_all(h); /* s may be gone by now */
}

static void on_timer(void *ctx)
{
	struct http *h = ctx;
	int running;

	(void)curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0,
				       &running);
	finish_all(h);
}

/* --- one request -----------------------------------------------------------
 */

static size_t hand_on(struct http_request *r, const char *p, size_t n)
{
	switch (r->on_body(r->ctx, r, (const uint8_t *)p, n)) {
	case HTTP_FLOW_ON:
		return n;
	case HTTP_FLOW_WAIT:
		r->waits = true;
		return CURL_WRITEFUNC_PAUSE;
	case HTTP_FLOW_ENOUGH:
		r->enough = true;
		break;
	}
	return 0; /* anything but n ends the transfer */
}

/* What arrives, as it is on the line: it may be much and unpack to nothing. */
static int on_progress(void *ctx, curl_off_t total, curl_off_t got,
		       curl_off_t to_send, curl_off_t sent)
{
	struct http_request *r = ctx;

	(void)total;
	(void)to_send;
	(void)sent;
	if (got <= 0 || (uint64_t)got <= r->max_body)
		return 0;
	r->too_long = true;
	return 1;
}

static size_t on_body(char *p, size_t size, size_t count, void *ctx)
{
	struct http_request *r = ctx;
	size_t n = size * count, cap = r->body_cap;
	uint8_t *grown;

	if (r->on_body)
		return n ? hand_on(r, p, n) : 0;
	if (n > r->max_body - r->body_len) {
		r->too_long = true;
		return 0;
	}
	while (cap - r->body_len <= n)
		cap = cap ? cap * 2 : FIRST_BODY;
	if (cap != r->body_cap) {
		grown = realloc(r->body, cap);
		if (!grown)
			return 0;
		r->body = grown;
		r->body_cap = cap;
	}
	memcpy(r->body + r->body_len, p, n);
	r->body_len += n;
	r->body[r->body_len] = 0;
	return n;
}

/* The address that a URL itself names, or the loopback's for what is always
 * this machine. False: a name. */
static bool address_in(char out[64], const char *url)
{
	CURLU *parts = curl_url();
	char *host = NULL;
	size_t len, skip;
	bool found = false;

	if (parts && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK)
		(void)curl_url_get(parts, CURLUPART_HOST, &host, 0);
	len = host ? strlen(host) : 0;
	skip = len && host[0] == '[';
	if (len >= 9 && strcasecmp(host + len - 9, "localhost") == 0 &&
	    (len == 9 || host[len - 10] == '.')) {
		(void)snprintf(out, 64, "127.0.0.1");
		found = true;
	} else if (len) {
		uint8_t ip[16];

		(void)snprintf(out, 64, "%.*s", (int)(len - 2 * skip),
			       host + skip);
		found = inet_pton(AF_INET, out, ip) == 1 ||
			inet_pton(AF_INET6, out, ip) == 1;
	}
	curl_free(host);
	curl_url_cleanup(parts);
	return found;
}

static int on_before_request(void *ctx, char *ip, char *local_ip, int port,
			     int local_port)
{
	struct http_request *r = ctx;
	const char *at = ip;
	char *url = NULL, named[64];

	(void)local_ip;
	(void)port;
	(void)local_port;
	(void)curl_easy_getinfo(r->easy, CURLINFO_EFFECTIVE_URL, &url);
	if (r->proxied) /* ip is the proxy's */
		at = url && address_in(named, url) ? named : NULL;
	r->refused = r->allow && !r->allow(r->ctx, at, url ? url : "");
	return r->refused ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

static void free_request(struct http_request *r)
{
	if (r->easy) {
		(void)curl_multi_remove_handle(r->http->multi, r->easy);
		curl_easy_cleanup(r->easy);
	}
	if (r->prev) {
		*r->prev = r->next;
		if (r->next)
			r->next->prev = r->prev;
		r->http->count--;
	}
	curl_slist_free_all(r->headers);
	free(r->body);
	free(r);
}

static enum err_code to_error(const struct http_request *r, CURLcode result,
			      struct err *e)
{
	const char *text =
		r->curl_error[0] ? r->curl_error : curl_easy_strerror(result);

	if (r->too_long)
		return err_fail(e, ERR_LIMIT,
				"%s: answer is longer than %zu bytes", r->where,
				r->max_body);
	if (r->refused)
		return err_fail(e, ERR_STATE, "%s: address is not allowed",
				r->where);
	if (result == CURLE_OUT_OF_MEMORY || result == CURLE_WRITE_ERROR)
		return err_fail(e, ERR_NOMEM, "%s", r->where);
	if (result == CURLE_UNSUPPORTED_PROTOCOL ||
	    result == CURLE_WEIRD_SERVER_REPLY ||
	    result == CURLE_BAD_CONTENT_ENCODING)
		return err_fail(e, ERR_PARSE, "%s: %s", r->where, text);
	return err_fail(e, ERR_IO, "%s: %s", r->where, text);
}

int http_status(const struct http_request *r)
{
	long status = 0;

	(void)curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
	return (int)status;
}

const char *http_header(const struct http_request *r, const char *name)
{
	struct curl_header *header = NULL;

	if (curl_easy_header(r->easy, name, 0, CURLH_HEADER, -1, &header) !=
	    CURLHE_OK)
		return NULL;
	return header->value;
}

int64_t http_body_length(const struct http_request *r)
{
	curl_off_t length = -1;

	(void)curl_easy_getinfo(r->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T,
				&length);
	return length;
}

int64_t http_retry_after_s(const struct http_request *r)
{
	curl_off_t s = 0;

	(void)curl_easy_getinfo(r->easy, CURLINFO_RETRY_AFTER, &s);
	return s;
}

const char *http_final_url(const struct http_request *r)
{
	char *url = NULL;

	(void)curl_easy_getinfo(r->easy, CURLINFO_EFFECTIVE_URL, &url);
	return url ? url : "";
}

static void finish(struct http_request *r, CURLcode result)
{
	struct http_answer answer = {.body = (const uint8_t *)""};
	struct err e = {0};

	if (result == CURLE_OK || r->enough) {
		answer.status = http_status(r);
		if (r->body)
			answer.body = r->body;
		answer.body_len = r->body_len;
		r->done(r->ctx, &answer, NULL);
	} else {
		(void)to_error(r, result, &e);
		r->done(r->ctx, NULL, &e);
	}
	free_request(r);
}

static void finish_all(struct http *h)
{
	struct http_request *r = NULL;
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(h->multi, &left))) {
		CURLcode result = msg->data.result;
		CURL *easy = msg->easy_handle;

		if (msg->msg != CURLMSG_DONE)
			continue;
		(void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&r);
		finish(r, result);
	}
}

/* --- starting --------------------------------------------------------------
 */

static void use_per_host(const struct http *h)
{
	(void)curl_multi_setopt(h->multi, CURLMOPT_MAX_HOST_CONNECTIONS,
				(long)h->per_host);
}

static bool start_curl(struct http *h)
{
	CURLM *m;

	if (h->multi)
		return true;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return false;
	m = curl_multi_init();
	if (!m) {
		curl_global_cleanup();
		return false;
	}
	(void)curl_multi_setopt(m, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
	(void)curl_multi_setopt(m, CURLMOPT_SOCKETDATA, h);
	(void)curl_multi_setopt(m, CURLMOPT_TIMERFUNCTION, on_curl_timer);
	(void)curl_multi_setopt(m, CURLMOPT_TIMERDATA, h);
	(void)curl_multi_setopt(m, CURLMOPT_MAXCONNECTS, KEPT_CONNECTIONS);
	h->multi = m;
	use_per_host(h);
	return true;
}

/* Checks the URL and keeps the part of it that may be shown. */
static enum err_code read_url(struct http_request *r, const char *url,
			      struct err *e)
{
	char *scheme = NULL, *host = NULL, *port = NULL;
	CURLU *parts = curl_url();
	bool ok;

	if (!parts)
		return err_fail(e, ERR_NOMEM, "http");
	ok = strlen(url) <= HTTP_MAX_URL &&
	     curl_url_set(parts, CURLUPART_URL, url,
			  CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
	     curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
	     curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
	     curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) ==
		     CURLUE_OK &&
	     (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
	if (ok)
		(void)snprintf(r->where, sizeof(r->where), "%s://%s:%s", scheme,
			       host, port);
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(parts);
	if (!ok)
		return err_fail(e, ERR_PARSE, "not an http or https URL");
	return ERR_NONE;
}

static bool add_headers(struct http_request *r, const struct http_ask *ask)
{
	for (size_t i = 0; i < ask->header_count; i++) {
		struct curl_slist *more =
			curl_slist_append(r->headers, ask->headers[i]);

		if (!more)
			return false;
		r->headers = more;
	}
	return true;
}

static bool set_limits(struct http_request *r, const struct http_ask *ask)
{
	static const long families[] = {[HTTP_ANY] = CURL_IPRESOLVE_WHATEVER,
					[HTTP_V4] = CURL_IPRESOLVE_V4,
					[HTTP_V6] = CURL_IPRESOLVE_V6};
	CURL *c = r->easy;
	CURLcode bad = CURLE_OK;

	bad |= curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	bad |= curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	bad |= curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION,
				ask->max_redirects ? 1L : 0L);
	bad |= curl_easy_setopt(c, CURLOPT_MAXREDIRS, (long)ask->max_redirects);
	bad |= curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)ask->timeout_ms);
	bad |= curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS,
				(long)CONNECT_TIMEOUT_MS);
	bad |= curl_easy_setopt(c, CURLOPT_IPRESOLVE, families[ask->family]);
	bad |= curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT,
				ask->stall_s ? STALL_BYTES : 0L);
	bad |= curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)ask->stall_s);
	/* a name still being looked up must not hold up a cancel */
	bad |= curl_easy_setopt(c, CURLOPT_QUICK_EXIT, 1L);
	return bad == CURLE_OK;
}

static bool is_loopback(const char *url)
{
	char ip[64];

	return address_in(ip, url) &&
	       (strncmp(ip, "127.", 4) == 0 || strcmp(ip, "::1") == 0);
}

/* "" keeps the environment's away. */
static bool set_proxy(struct http_request *r, const struct http_ask *ask)
{
	const char *proxy = r->http->proxy;
	CURL *c = r->easy;
	CURLcode bad = CURLE_OK;

	if (!proxy || (ask->direct_to_loopback && is_loopback(ask->url)))
		proxy = "";
	r->proxied = *proxy != '\0';
	bad |= curl_easy_setopt(c, CURLOPT_PROXY, proxy);
	bad |= curl_easy_setopt(c, CURLOPT_NOPROXY, "");
	return bad == CURLE_OK;
}

static curl_socket_t open_socket(void *ctx, curlsocktype purpose,
				 struct curl_sockaddr *to)
{
	struct http_request *r = ctx;
	int fd = socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);

	(void)purpose;
	if (fd < 0)
		return CURL_SOCKET_BAD;
	r->on_socket(r->socket_ctx, fd, &to->addr, to->addrlen);
	return fd;
}

static bool set_sockets(struct http_request *r, const struct http_ask *ask)
{
	CURL *c = r->easy;
	CURLcode bad = CURLE_OK;

	if (ask->unix_path)
		bad |= curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH,
					ask->unix_path);
	if (!ask->on_socket)
		return bad == CURLE_OK;
	r->on_socket = ask->on_socket;
	r->socket_ctx = ask->socket_ctx;
	bad |= curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	bad |= curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, r);
	bad |= curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, 1L);
	bad |= curl_easy_setopt(c, CURLOPT_FORBID_REUSE, 1L);
	return bad == CURLE_OK;
}

static bool set_packed(struct http_request *r)
{
	CURL *c = r->easy;
	CURLcode bad = CURLE_OK;

	bad |= curl_easy_setopt(c, CURLOPT_ACCEPT_ENCODING, "gzip");
	bad |= curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
	bad |= curl_easy_setopt(c, CURLOPT_XFERINFODATA, r);
	bad |= curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
	return bad == CURLE_OK;
}

static bool set_request(struct http_request *r, const struct http_ask *ask)
{
	CURL *c = r->easy;
	CURLcode bad = CURLE_OK;

	bad |= curl_easy_setopt(c, CURLOPT_URL, ask->url);
	bad |= curl_easy_setopt(c, CURLOPT_USERAGENT,
				"seedbank/" SEEDBANK_VERSION);
	bad |= curl_easy_setopt(c, CURLOPT_HTTPHEADER, r->headers);
	bad |= curl_easy_setopt(c, CURLOPT_PRIVATE, r);
	bad |= curl_easy_setopt(c, CURLOPT_ERRORBUFFER, r->curl_error);
	bad |= curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	bad |= curl_easy_setopt(c, CURLOPT_WRITEDATA, r);
	bad |= curl_easy_setopt(c, CURLOPT_PREREQFUNCTION, on_before_request);
	bad |= curl_easy_setopt(c, CURLOPT_PREREQDATA, r);
	if (ask->on_body)
		bad |= curl_easy_setopt(c, CURLOPT_BUFFERSIZE, STREAM_BUFFER);
	if (ask->body) {
		bad |= curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE,
					(curl_off_t)ask->body_len);
		bad |= curl_easy_setopt(c, CURLOPT_COPYPOSTFIELDS, ask->body);
	}
	return bad == CURLE_OK;
}

static enum err_code prepare(struct http_request *r, const struct http_ask *ask,
			     struct err *e)
{
	enum err_code code = read_url(r, ask->url, e);

	if (code != ERR_NONE)
		return code;
	r->easy = curl_easy_init();
	if (!r->easy || !add_headers(r, ask) || !set_limits(r, ask) ||
	    !set_request(r, ask) || !set_proxy(r, ask) ||
	    !set_sockets(r, ask) || (ask->packed && !set_packed(r)) ||
	    curl_multi_add_handle(r->http->multi, r->easy) != CURLM_OK)
		return err_fail(e, ERR_NOMEM, "%s: cannot start a request",
				r->where);
	return ERR_NONE;
}

enum err_code http_start(struct http *h, struct http_request **out,
			 const struct http_ask *ask, http_done_fn *done,
			 void *ctx, struct err *e)
{
	struct http_request *r;
	enum err_code code;

	if (out)
		*out = NULL;
	if (h->count == h->max_requests)
		return err_fail(e, ERR_LIMIT, "%u requests are running",
				h->count);
	r = start_curl(h) ? calloc(1, sizeof(*r)) : NULL;
	if (!r)
		return err_fail(e, ERR_NOMEM, "http");
	r->http = h;
	r->done = done;
	r->ctx = ctx;
	r->allow = ask->allow;
	r->on_body = ask->on_body;
	r->max_body = ask->max_body;
	code = prepare(r, ask, e);
	if (code != ERR_NONE) {
		free_request(r);
		return code;
	}
	r->next = h->requests;
	r->prev = &h->requests;
	if (r->next)
		r->next->prev = &r->next;
	h->requests = r;
	h->count++;
	if (out)
		*out = r;
	return ERR_NONE;
}

void http_cancel(struct http_request *r)
{
	if (r)
		free_request(r);
}

void http_resume(struct http_request *r)
{
	if (!r->waits)
		return;
	r->waits = false;
	(void)curl_easy_pause(r->easy, CURLPAUSE_CONT);
}

enum err_code http_set_proxy(struct http *h, const char *url, struct err *e)
{
	char *copy = strdup(url);

	if (!copy)
		return err_fail(e, ERR_NOMEM, "http");
	free(h->proxy);
	h->proxy = copy;
	return ERR_NONE;
}

void http_set_per_host(struct http *h, unsigned most)
{
	h->per_host = most;
	if (h->multi)
		use_per_host(h);
}

enum err_code http_new(struct http **out, struct loop *l, unsigned max_requests,
		       struct err *e)
{
	struct http *h = calloc(1, sizeof(*h));

	*out = NULL;
	if (!h)
		return err_fail(e, ERR_NOMEM, "http");
	h->loop = l;
	h->max_requests = max_requests;
	h->per_host = HTTP_PER_HOST;
	h->timer = loop_timer_new(l, on_timer, h);
	if (!h->timer) {
		free(h);
		return err_fail(e, ERR_NOMEM, "http");
	}
	*out = h;
	return ERR_NONE;
}

void http_free(struct http *h)
{
	if (!h)
		return;
	while (h->requests)
		free_request(h->requests);
	if (h->multi) {
		(void)curl_multi_cleanup(h->multi);
		curl_global_cleanup();
	}
	loop_timer_free(h->timer);
	free(h->proxy);
	free(h);
}
