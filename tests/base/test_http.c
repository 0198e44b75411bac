/* A server thread answers from a script chosen by the path; real sockets on the
 * loopback, no waiting but for the one row that is about a timeout. */
#include "base/http.h"

#include "tests/check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_HELD 8

struct server {
	int fd;
	uint16_t port;
	pthread_t thread;
	int held[MAX_HELD]; /* connections that never get an answer */
	int held_count;
};

static size_t read_request(int fd, char *buf, size_t cap)
{
	size_t n = 0, body = 0;
	char *end = NULL, *length;
	ssize_t got;

	while (n < cap - 1) {
		got = recv(fd, buf + n, cap - 1 - n, 0);
		if (got <= 0)
			return 0;
		n += (size_t)got;
		buf[n] = '\0';
		end = end ? end : strstr(buf, "\r\n\r\n");
		if (!end)
			continue;
		length = strstr(buf, "Content-Length: ");
		if (length && length < end)
			body = strtoul(length + 16, NULL, 10);
		if (n >= (size_t)(end + 4 - buf) + body)
			return n;
	}
	return 0;
}

static void reply(int fd, const char *status, const char *more,
		  const char *body, size_t len)
{
	char head[512];
	int n = snprintf(head, sizeof(head),
			 "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n"
			 "Connection: close\r\n\r\n",
			 status, more, len);

	(void)!send(fd, head, (size_t)n, MSG_NOSIGNAL);
	(void)!send(fd, body, len, MSG_NOSIGNAL);
}

static void reply_raw(int fd, const char *text)
{
	(void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}

static void redirect(const struct server *s, int fd, const char *scheme,
		     const char *path)
{
	char more[256];

	(void)snprintf(more, sizeof(more), "Location: %s://127.0.0.1:%u%s\r\n",
		       scheme, s->port, path);
	reply(fd, "302 Found", more, "gone", 4);
}

static void reply_packed(int fd, const char *path)
{
	static const char text[] = /* "unpacked" */
		"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x2b\xcd\x2b\x48\x4c"
		"\xce\x4e\x4d\x01\x00\x96\x62\x2f\xca\x08\x00\x00\x00";
	static const char bomb[] = /* 100,000 times "b" */
		"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xed\xc1\x31\x01\x00"
		"\x00\x00\xc2\xa0\xae\xeb\x1f\xc2\x1a\x1e\x40\x01\x00\x00\x00"
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
		"\x00\x00\x00\xaf\x06\xd8\xbc\x4f\xf7\xa0\x86\x01\x00";
	static char nothing[100000]; /* a head, and blocks of no bytes */

	memcpy(nothing, text, 10);
	for (size_t i = 10; i + 5 <= sizeof(nothing); i += 5)
		memcpy(nothing + i, "\0\0\0\xff\xff", 5);
	if (strcmp(path, "/packed") == 0)
		reply(fd, "200 OK", "Content-Encoding: gzip\r\n", text,
		      sizeof(text) - 1);
	else if (strcmp(path, "/packed-bomb") == 0)
		reply(fd, "200 OK", "Content-Encoding: gzip\r\n", bomb,
		      sizeof(bomb) - 1);
	else if (strcmp(path, "/packed-nothing") == 0)
		reply(fd, "200 OK", "Content-Encoding: gzip\r\n", nothing,
		      sizeof(nothing));
	else
		reply(fd, "200 OK", "Content-Encoding: gzip\r\n", "no gzip", 7);
}

/* True when the connection stays open without an answer. */
static bool answer(struct server *s, int fd, const char *path, const char *in)
{
	static char big[100000];
	struct sockaddr_in peer;
	socklen_t len = sizeof(peer);

	if (strcmp(path, "/hold") == 0)
		return true;
	if (strcmp(path, "/echo") == 0 || strncmp(path, "http://", 7) == 0) {
		reply(fd, "200 OK", "", in, strlen(in));
	} else if (strncmp(path, "/packed", 7) == 0) {
		reply_packed(fd, path);
	} else if (strcmp(path, "/404") == 0) {
		reply(fd, "404 Not Found", "", "no", 2);
	} else if (strcmp(path, "/empty") == 0) {
		reply(fd, "200 OK", "", "", 0);
	} else if (strcmp(path, "/100000") == 0) {
		memset(big, 'b', sizeof(big));
		reply(fd, "200 OK", "", big, sizeof(big));
	} else if (strcmp(path, "/part") == 0) {
		reply(fd, "206 Partial Content",
		      "Content-Range: bytes 2-4/9\r\nRetry-After: 7\r\n", "cde",
		      3);
	} else if (strcmp(path, "/stuck") == 0) {
		reply_raw(fd,
			  "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
		return true;
	} else if (strcmp(path, "/trickle") == 0) {
		reply_raw(fd,
			  "HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n");
		while (send(fd, "x", 1, MSG_NOSIGNAL) == 1) /* until it goes */
			(void)poll(NULL, 0, 5);
	} else if (strcmp(path, "/chunked") == 0) {
		reply_raw(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked"
			      "\r\nConnection: close\r\n\r\n3\r\nabc\r\n"
			      "4\r\ndefg\r\n0\r\n\r\n");
	} else if (strcmp(path, "/short") == 0) {
		reply_raw(fd,
			  "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
	} else if (strcmp(path, "/garbage") == 0) {
		reply_raw(fd, "d8:intervali1800ee");
	} else if (strcmp(path, "/hangup") == 0) {
		return false;
	} else if (strcmp(path, "/to-echo") == 0) {
		redirect(s, fd, "http", "/echo");
	} else if (strcmp(path, "/to-ftp") == 0) {
		redirect(s, fd, "ftp", "/echo");
	} else if (strcmp(path, "/round") == 0) {
		redirect(s, fd, "http", "/round");
	} else if (strcmp(path, "/from") == 0) {
		char text[INET_ADDRSTRLEN] = "";

		if (getpeername(fd, (struct sockaddr *)&peer, &len) == 0)
			(void)inet_ntop(AF_INET, &peer.sin_addr, text,
					sizeof(text));
		reply(fd, "200 OK", "", text, strlen(text));
	}
	return false;
}

static void *serve(void *ctx)
{
	struct server *s = ctx;
	static char buf[65536];
	char path[64];
	int fd;

	while ((fd = accept(s->fd, NULL, NULL)) >= 0) {
		if (read_request(fd, buf, sizeof(buf)) > 0 &&
		    sscanf(buf, "%*s %63s", path) == 1 &&
		    answer(s, fd, path, buf) && s->held_count < MAX_HELD)
			s->held[s->held_count++] = fd;
		else
			(void)close(fd);
	}
	return NULL;
}

static void server_start(struct server *s, const char *unix_path)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	socklen_t len = sizeof(in);

	memset(s, 0, sizeof(*s));
	if (unix_path) {
		(void)snprintf(un.sun_path, sizeof(un.sun_path), "%s",
			       unix_path);
		(void)unlink(unix_path);
		s->fd = socket(AF_UNIX, SOCK_STREAM, 0);
		CHECK(bind(s->fd, (struct sockaddr *)&un, sizeof(un)) == 0,
		      "bind");
	} else {
		in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		s->fd = socket(AF_INET, SOCK_STREAM, 0);
		CHECK(bind(s->fd, (struct sockaddr *)&in, sizeof(in)) == 0,
		      "bind");
		(void)getsockname(s->fd, (struct sockaddr *)&in, &len);
		s->port = ntohs(in.sin_port);
	}
	CHECK(listen(s->fd, 64) == 0, "listen");
	CHECK(pthread_create(&s->thread, NULL, serve, s) == 0, "thread");
}

static void server_stop(struct server *s)
{
	(void)shutdown(s->fd, SHUT_RDWR);
	(void)pthread_join(s->thread, NULL);
	(void)close(s->fd);
	while (s->held_count)
		(void)close(s->held[--s->held_count]);
}

struct result {
	struct loop *loop;
	struct http *http;
	int calls;
	int stop_after; /* calls */
	int status;
	struct err e;
	char body[4096];
	size_t body_len;
};

static void on_done(void *ctx, const struct http_answer *a, const struct err *e)
{
	struct result *r = ctx;

	if (e) {
		r->e = *e;
	} else {
		r->status = a->status;
		r->body_len = a->body_len;
		(void)snprintf(r->body, sizeof(r->body), "%s",
			       (const char *)a->body);
	}
	if (++r->calls == r->stop_after)
		loop_stop(r->loop);
}

static void client_start(struct result *r, unsigned max)
{
	memset(r, 0, sizeof(*r));
	r->stop_after = 1;
	r->loop = loop_new(NULL);
	CHECK(http_new(&r->http, r->loop, max, NULL) == ERR_NONE, "http_new");
}

static void client_stop(struct result *r)
{
	http_free(r->http);
	loop_free(r->loop);
}

static void ask_once(struct result *r, const struct http_ask *ask)
{
	enum err_code code;

	client_start(r, 4);
	code = http_start(r->http, NULL, ask, on_done, r, &r->e);
	CHECK(r->calls == 0, "done was called from within http_start");
	if (code == ERR_NONE)
		loop_run(r->loop);
	client_stop(r);
}

static bool only_echo(void *ctx, const char *ip, const char *url)
{
	CHECK(((struct result *)ctx)->calls == 0, "whose request it is");
	return ip && strcmp(ip, "127.0.0.1") == 0 &&
	       strstr(url, "/echo") != NULL;
}

static const char *url_on(const struct server *s, const char *path)
{
	static char url[256];

	if (path[0] != '/')
		return path;
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", s->port,
		       path);
	return url;
}

static void answers_and_failures_are_told_apart(struct server *s)
{
	static const struct {
		const char *name;
		const char *path; /* or a whole URL */
		size_t max_body;
		unsigned redirects;
		bool (*allow)(void *ctx, const char *ip, const char *url);
		enum err_code want;
		int status;
		const char *says; /* in the body or the error */
	} rows[] = {
		{"an answer", "/echo", 4096, 0, NULL, ERR_NONE, 200,
		 "GET /echo HTTP/1.1"},
		{"we name ourselves", "/echo", 4096, 0, NULL, ERR_NONE, 200,
		 "User-Agent: seedbank/"},
		{"an empty answer", "/empty", 4096, 0, NULL, ERR_NONE, 200, ""},
		{"another status", "/404", 4096, 0, NULL, ERR_NONE, 404, "no"},
		{"chunks", "/chunked", 7, 0, NULL, ERR_NONE, 200, "abcdefg"},
		{"chunks over the bound", "/chunked", 6, 0, NULL, ERR_LIMIT, 0,
		 "longer than 6 bytes"},
		{"the bound exactly", "/100000", 100000, 0, NULL, ERR_NONE, 200,
		 "bbbb"},
		{"over the bound", "/100000", 99999, 0, NULL, ERR_LIMIT, 0,
		 "longer than 99999 bytes"},
		{"an answer that breaks off", "/short", 4096, 0, NULL, ERR_IO,
		 0, "http://127.0.0.1:"},
		{"an answer that is no HTTP", "/garbage", 4096, 0, NULL,
		 ERR_PARSE, 0, "http://127.0.0.1:"},
		{"hung up", "/hangup", 4096, 0, NULL, ERR_IO, 0, "127.0.0.1"},
		{"a redirect is given as it is", "/to-echo", 4096, 0, NULL,
		 ERR_NONE, 302, "gone"},
		{"a redirect is followed", "/to-echo", 4096, 1, NULL, ERR_NONE,
		 200, "GET /echo"},
		{"a redirect to another scheme", "/to-ftp", 4096, 5, NULL,
		 ERR_PARSE, 0, "127.0.0.1"},
		{"redirects without end", "/round", 4096, 5, NULL, ERR_IO, 0,
		 "127.0.0.1"},
		{"allowed", "/echo", 4096, 0, only_echo, ERR_NONE, 200, ""},
		{"not allowed", "/404", 4096, 0, only_echo, ERR_STATE, 0,
		 "not allowed"},
		{"not allowed after a redirect", "/round", 4096, 5, only_echo,
		 ERR_STATE, 0, "not allowed"},
		{"nobody listens", "http://127.0.0.1:1/secret", 4096, 0, NULL,
		 ERR_IO, 0, "http://127.0.0.1:1: "},
		{"ftp", "ftp://127.0.0.1/x", 4096, 0, NULL, ERR_PARSE, 0,
		 "not an http"},
		{"a file", "file:///etc/passwd", 4096, 0, NULL, ERR_PARSE, 0,
		 "not an http"},
		{"no scheme", "127.0.0.1:80/x", 4096, 0, NULL, ERR_PARSE, 0,
		 "not an http"},
		{"port over 65535", "http://127.0.0.1:65536/", 4096, 0, NULL,
		 ERR_PARSE, 0, "not an http"},
		{"a space", "http://127.0.0.1/a b", 4096, 0, NULL, ERR_PARSE, 0,
		 "not an http"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct http_ask ask = {
			.url = url_on(s, rows[i].path),
			.max_body = rows[i].max_body,
			.timeout_ms = 10000,
			.max_redirects = rows[i].redirects,
			.allow = rows[i].allow,
		};
		struct result r;

		ask_once(&r, &ask);
		CHECK(r.e.code == rows[i].want, "%s: got %d (%s)", rows[i].name,
		      r.e.code, r.e.msg);
		CHECK(r.status == rows[i].status, "%s: %d", rows[i].name,
		      r.status);
		CHECK(strstr(r.e.code ? r.e.msg : r.body, rows[i].says),
		      "%s: %s%s", rows[i].name, r.body, r.e.msg);
		CHECK(!strstr(r.e.msg, "secret"), "a path was told: %s",
		      r.e.msg);
	}
}

static void what_comes_packed_is_unpacked(struct server *s)
{
	static const struct {
		const char *name, *path;
		bool packed;
		size_t max_body;
		enum err_code want;
		const char *says;
	} rows[] = {
		{"it is asked for", "/echo", true, 4096, ERR_NONE,
		 "Accept-Encoding: gzip"},
		{"it comes", "/packed", true, 4096, ERR_NONE, "unpacked"},
		{"not asked for", "/packed", false, 4096, ERR_NONE, "\x1f"},
		{"an answer that is not packed", "/404", true, 4096, ERR_NONE,
		 "no"},
		{"the bound, unpacked", "/packed-bomb", true, 100000, ERR_NONE,
		 "bbbb"},
		{"over the bound, unpacked", "/packed-bomb", true, 99999,
		 ERR_LIMIT, "longer than 99999 bytes"},
		{"over the bound, packed", "/packed-nothing", true, 4096,
		 ERR_LIMIT, "longer than 4096 bytes"},
		{"what is not gzip", "/packed-badly", true, 4096, ERR_PARSE,
		 "127.0.0.1"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct http_ask ask = {
			.url = url_on(s, rows[i].path),
			.max_body = rows[i].max_body,
			.packed = rows[i].packed,
			.timeout_ms = 10000,
		};
		struct result r;

		ask_once(&r, &ask);
		CHECK(r.e.code == rows[i].want, "%s: got %d (%s)", rows[i].name,
		      r.e.code, r.e.msg);
		CHECK(strstr(r.e.code ? r.e.msg : r.body, rows[i].says),
		      "%s: %s%s", rows[i].name, r.body, r.e.msg);
	}
}

/* ---- bodies as they come ---- */

struct stream {
	struct result r; /* first: on_done's ctx */
	struct http_request *request;
	struct loop_timer *timer;
	size_t enough; /* bytes after which it is; 0: never */
	bool wait;     /* once */
	size_t got;
	unsigned waits;
	char first, range[40];
	int status;
	int64_t length, retry_s;
};

static void on_later(void *ctx)
{
	struct stream *t = ctx;

	http_resume(t->request);
	http_resume(t->request); /* once is enough */
}

static enum http_flow on_body(void *ctx, struct http_request *q,
			      const uint8_t *bytes, size_t len)
{
	struct stream *t = ctx;
	const char *range = http_header(q, "content-range");

	if (t->wait) {
		t->wait = false;
		t->waits++;
		t->request = q;
		loop_timer_set(t->timer, 0);
		return HTTP_FLOW_WAIT;
	}
	if (t->got == 0) {
		t->first = (char)bytes[0];
		t->status = http_status(q);
		t->length = http_body_length(q);
		t->retry_s = http_retry_after_s(q);
		(void)snprintf(t->range, sizeof(t->range), "%s",
			       range ? range : "");
	}
	t->got += len;
	return t->enough && t->got >= t->enough ? HTTP_FLOW_ENOUGH
						: HTTP_FLOW_ON;
}

static void bodies_are_handed_on(struct server *s)
{
	static const struct {
		const char *name, *path;
		size_t enough;
		bool wait;
		unsigned redirects;
		enum err_code want;
		int status;
		size_t least, most; /* bytes */
		int64_t length;
	} rows[] = {
		{"all of it", "/100000", 0, false, 0, ERR_NONE, 200, 100000,
		 100000, 100000},
		{"after a pause", "/100000", 0, true, 0, ERR_NONE, 200, 100000,
		 100000, 100000},
		{"until it is enough", "/100000", 1, false, 0, ERR_NONE, 200, 1,
		 65536, 100000},
		{"of another status, too", "/404", 0, false, 0, ERR_NONE, 404,
		 2, 2, 2},
		{"not of a redirect", "/to-echo", 0, false, 1, ERR_NONE, 200,
		 10, 1000, -2},
		{"of no stated length", "/chunked", 0, false, 0, ERR_NONE, 200,
		 7, 7, -1},
		{"a part", "/part", 0, false, 0, ERR_NONE, 206, 3, 3, 3},
		{"one that breaks off", "/short", 0, false, 0, ERR_IO, 0, 3, 3,
		 9},
		{"one that does not go on", "/stuck", 0, false, 0, ERR_IO, 0, 3,
		 3, 9},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct http_ask ask = {.url = url_on(s, rows[i].path),
				       .stall_s = 1,
				       .max_redirects = rows[i].redirects,
				       .on_body = on_body};
		struct stream t = {.enough = rows[i].enough,
				   .wait = rows[i].wait};
		bool part = strcmp(rows[i].path, "/part") == 0;

		client_start(&t.r, 1);
		t.timer = loop_timer_new(t.r.loop, on_later, &t);
		CHECK(http_start(t.r.http, NULL, &ask, on_done, &t, NULL) ==
			      ERR_NONE,
		      "%s", rows[i].name);
		loop_run(t.r.loop);
		CHECK(t.r.e.code == rows[i].want &&
			      t.r.status == rows[i].status,
		      "%s: %d, status %d, %s", rows[i].name, t.r.e.code,
		      t.r.status, t.r.e.msg);
		CHECK(t.got >= rows[i].least && t.got <= rows[i].most &&
			      t.r.body_len == 0,
		      "%s: %zu bytes", rows[i].name, t.got);
		CHECK(t.waits == rows[i].wait, "%s: waits", rows[i].name);
		CHECK(rows[i].length == -2 || t.length == rows[i].length,
		      "%s: length %lld", rows[i].name, (long long)t.length);
		CHECK(!part || (strcmp(t.range, "bytes 2-4/9") == 0 &&
				t.retry_s == 7 && t.first == 'c'),
		      "%s: '%s'", rows[i].name, t.range);
		loop_timer_free(t.timer);
		client_stop(&t.r);
	}
}

/* ---- a proxy ---- */

static const char *allowed_ip;

static bool note_ip(void *ctx, const char *ip, const char *url)
{
	static char copy[64];

	(void)ctx;
	(void)url;
	(void)snprintf(copy, sizeof(copy), "%s", ip ? ip : "none");
	allowed_ip = copy;
	return true;
}

static void a_proxy_is_asked_for_all(struct server *s)
{
	static const struct {
		const char *name;
		bool up;
		const char *url;
		bool direct;
		enum err_code want;
		const char *says;
		const char *ip; /* that is told before the request */
	} rows[] = {
		{"a name", true, "http://tracker.example/echo", false, ERR_NONE,
		 "GET http://tracker.example/echo HTTP", "none"},
		{"an address", true, "http://203.0.113.7/echo", false, ERR_NONE,
		 "GET http://203.0.113.7/echo HTTP", "203.0.113.7"},
		{"an IPv6 address", true, "http://[2001:db8::1]/", false,
		 ERR_NONE, "GET http://[2001:db8::1]/ HTTP", "2001:db8::1"},
		{"this machine, by name", true, "http://a.localhost/", false,
		 ERR_NONE, "GET http://a.localhost/ HTTP", "127.0.0.1"},
		{"this machine", true, "/echo", false, ERR_NONE,
		 "GET http://127.0.0.1:", "127.0.0.1"},
		{"this machine, directly", true, "/echo", true, ERR_NONE,
		 "GET /echo HTTP", "127.0.0.1"},
		{"elsewhere is not direct", true, "http://h.example/", true,
		 ERR_NONE, "GET http://h.example/ HTTP", "none"},
		{"down", false, "/echo", false, ERR_IO, "", NULL},
		{"down, with a name", false, "http://tracker.example/echo",
		 false, ERR_IO, "", NULL},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		char proxy[64], url[256];
		struct http_ask ask = {.url = url,
				       .max_body = 10000,
				       .timeout_ms = 10000,
				       .direct_to_loopback = rows[i].direct,
				       .allow = note_ip};
		struct result r;

		(void)snprintf(url, sizeof(url), "%s", url_on(s, rows[i].url));
		(void)snprintf(proxy, sizeof(proxy),
			       "http://me:secret@127.0.0.1:%u",
			       rows[i].up ? s->port : 1);
		allowed_ip = NULL;
		client_start(&r, 4);
		CHECK(http_set_proxy(r.http, proxy, NULL) == ERR_NONE, "set");
		CHECK(http_start(r.http, NULL, &ask, on_done, &r, &r.e) ==
			      ERR_NONE,
		      "%s", r.e.msg);
		loop_run(r.loop);
		CHECK(r.e.code == rows[i].want &&
			      strncmp(r.body, rows[i].says,
				      strlen(rows[i].says)) == 0,
		      "%s: %d %s%s", rows[i].name, r.e.code, r.body, r.e.msg);
		CHECK(r.e.code || rows[i].direct ||
			      strstr(r.body, "Proxy-Authorization: Basic "),
		      "%s: %s", rows[i].name, r.body);
		CHECK(!strstr(r.e.msg, "secret"), "told: %s", r.e.msg);
		CHECK(rows[i].ip ? allowed_ip &&
					   strcmp(allowed_ip, rows[i].ip) == 0
				 : !allowed_ip,
		      "%s: told %s", rows[i].name,
		      allowed_ip ? allowed_ip : "nothing");
		client_stop(&r);
	}
}

static void posts_carry_body_and_headers(struct server *s)
{
	static const char *const headers[] = {"Content-Type: application/json",
					      "X-Key: abc"};
	static char body[2000];
	struct http_ask ask = {
		.url = url_on(s, "/echo"),
		.headers = headers,
		.header_count = 2,
		.body = body,
		.body_len = sizeof(body),
		.max_body = 10000,
		.timeout_ms = 10000,
	};
	struct result r;

	memset(body, 'p', sizeof(body));
	ask_once(&r, &ask);
	CHECK(r.status == 200, "%s", r.e.msg);
	CHECK(strstr(r.body, "POST /echo") &&
		      strstr(r.body, "X-Key: abc\r\n") &&
		      strstr(r.body, "Content-Type: application/json\r\n") &&
		      strstr(r.body, "Content-Length: 2000\r\n"),
	      "%s", r.body);
	CHECK(strstr(r.body, "\r\n\r\nppppp"), "body");
}

static void the_environment_names_no_proxy(struct server *s)
{
	struct http_ask ask = {.url = url_on(s, "/echo"),
			       .max_body = 10000,
			       .timeout_ms = 10000};
	struct result r;

	(void)setenv("http_proxy", "http://127.0.0.1:1", 1);
	ask_once(&r, &ask);
	(void)unsetenv("http_proxy");
	CHECK(r.status == 200, "%s", r.e.msg);
}

static void bind_to(void *ctx, int fd, const struct sockaddr *to, socklen_t len)
{
	struct sockaddr_in from = {.sin_family = AF_INET};
	uint16_t *port = ctx;

	(void)inet_pton(AF_INET, "127.0.0.77", &from.sin_addr);
	if (len >= sizeof(from))
		*port = ntohs(((const struct sockaddr_in *)to)->sin_port);
	(void)!bind(fd, (const struct sockaddr *)&from, sizeof(from));
}

static void the_source_address_is_chosen(struct server *s)
{
	uint16_t port = 0;
	struct http_ask ask = {.url = url_on(s, "/from"),
			       .max_body = 100,
			       .timeout_ms = 10000,
			       .on_socket = bind_to,
			       .socket_ctx = &port};
	struct result r;

	ask_once(&r, &ask);
	CHECK(strcmp(r.body, "127.0.0.77") == 0, "%s%s", r.body, r.e.msg);
	CHECK(port == s->port, "bound for port %u", port);
}

static void a_family_that_the_host_has_not_fails(struct server *s)
{
	struct http_ask ask = {.url = url_on(s, "/echo"),
			       .max_body = 10000,
			       .timeout_ms = 10000,
			       .family = HTTP_V6};
	struct result r;

	ask_once(&r, &ask);
	CHECK(r.e.code == ERR_IO, "got %d", r.e.code);
}

static void silence_times_out(struct server *s)
{
	struct http_ask ask = {
		.url = url_on(s, "/hold"), .max_body = 100, .timeout_ms = 50};
	struct result r;

	ask_once(&r, &ask);
	CHECK(r.e.code == ERR_IO && strstr(r.e.msg, "timed out"), "%d %s",
	      r.e.code, r.e.msg);
}

/* A byte now and then is no answer, however long it goes on. */
static void a_trickle_times_out(struct server *s)
{
	struct http_ask ask = {.url = url_on(s, "/trickle"),
			       .max_body = 10000,
			       .timeout_ms = 100};
	struct result r;

	ask_once(&r, &ask);
	CHECK(r.e.code == ERR_IO && strstr(r.e.msg, "timed out"), "%d %s",
	      r.e.code, r.e.msg);
}

static void a_unix_socket_is_reached(void)
{
	struct http_ask ask = {.url = "http://node/echo",
			       .max_body = 10000,
			       .timeout_ms = 10000};
	char path[64];
	struct server s;
	struct result r;

	(void)snprintf(path, sizeof(path), "/tmp/test_http.%d.sock",
		       (int)getpid());
	server_start(&s, path);
	ask.unix_path = path;
	ask_once(&r, &ask);
	CHECK(strstr(r.body, "Host: node"), "%s%s", r.body, r.e.msg);
	server_stop(&s);
	(void)unlink(path);
}

static void never(void *ctx, const struct http_answer *a, const struct err *e)
{
	(void)ctx;
	(void)a;
	CHECK(0, "a cancelled request was answered: %s", e ? e->msg : "");
}

static void what_is_cancelled_stays_silent(struct server *s)
{
	struct http_ask ask = {.url = url_on(s, "/hold"),
			       .max_body = 100,
			       .timeout_ms = 60000};
	struct http_ask quick = {.max_body = 10000, .timeout_ms = 10000};
	struct http_request *held[2];
	char url[256];
	struct result r;

	client_start(&r, 4);
	for (size_t i = 0; i < 2; i++)
		CHECK(http_start(r.http, &held[i], &ask, never, NULL, NULL) ==
			      ERR_NONE,
		      "start");
	http_cancel(held[0]); /* before the loop ever ran */
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/echo", s->port);
	quick.url = url;
	CHECK(http_start(r.http, NULL, &quick, on_done, &r, NULL) == ERR_NONE,
	      "start");
	loop_run(r.loop);
	CHECK(r.status == 200, "%s", r.e.msg);
	http_cancel(held[1]); /* while it waits for its answer */
	http_cancel(NULL);
	CHECK(http_start(r.http, NULL, &ask, never, NULL, NULL) == ERR_NONE,
	      "start");
	client_stop(&r); /* cancels the third */
}

static void many_run_at_once_but_not_more_than_agreed(struct server *s)
{
	struct http_ask ask = {.url = url_on(s, "/empty"),
			       .max_body = 100,
			       .timeout_ms = 10000};
	struct result r;

	client_start(&r, 50);
	r.stop_after = 50;
	for (int i = 0; i < 50; i++)
		CHECK(http_start(r.http, NULL, &ask, on_done, &r, NULL) ==
			      ERR_NONE,
		      "request %d", i);
	CHECK(http_start(r.http, NULL, &ask, never, NULL, NULL) == ERR_LIMIT,
	      "the 51st");
	loop_run(r.loop);
	CHECK(r.calls == 50 && r.e.code == ERR_NONE, "%d %s", r.calls, r.e.msg);
	r.stop_after = 51;
	CHECK(http_start(r.http, NULL, &ask, on_done, &r, NULL) == ERR_NONE,
	      "places are free again");
	loop_run(r.loop);
	client_stop(&r);
}

/* With one at a time the second waits until the first has failed. */
static void of_one_host_as_many_as_are_set(struct server *s)
{
	struct http_ask held = {.max_body = 100, .timeout_ms = 100};
	struct http_ask ask = {.max_body = 100, .timeout_ms = 10000};
	struct result r;

	for (unsigned most = 1; most <= 2; most++) {
		client_start(&r, 4);
		http_set_per_host(r.http, 1);
		held.url = url_on(s, "/hold");
		CHECK(http_start(r.http, NULL, &held, on_done, &r, NULL) ==
			      ERR_NONE,
		      "held");
		http_set_per_host(r.http, most);
		ask.url = url_on(s, "/empty");
		CHECK(http_start(r.http, NULL, &ask, on_done, &r, NULL) ==
			      ERR_NONE,
		      "asked");
		loop_run(r.loop);
		CHECK((r.e.code == ERR_IO) == (most == 1),
		      "%u at a time: the first to end %s", most, r.e.msg);
		client_stop(&r);
	}
}

int main(void)
{
	struct server s;

	server_start(&s, NULL);
	what_comes_packed_is_unpacked(&s);
	answers_and_failures_are_told_apart(&s);
	bodies_are_handed_on(&s);
	a_proxy_is_asked_for_all(&s);
	posts_carry_body_and_headers(&s);
	the_environment_names_no_proxy(&s);
	the_source_address_is_chosen(&s);
	a_family_that_the_host_has_not_fails(&s);
	silence_times_out(&s);
	a_trickle_times_out(&s);
	what_is_cancelled_stays_silent(&s);
	many_run_at_once_but_not_more_than_agreed(&s);
	of_one_host_as_many_as_are_set(&s);
	server_stop(&s);
	a_unix_socket_is_reached();
	return CHECK_EXIT();
}
