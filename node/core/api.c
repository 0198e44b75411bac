#include "node/core/api.h"

#include "base/accept.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define OUT_MAX (64U << 20)

struct text { /* grows up to its maximum */
	char *p;
	size_t len, cap, max;
};

struct client {
	struct api *api;
	struct client *next;
	int fd;
	struct loop_watch *watch;
	struct text in, out;
	struct call *call;
	bool finished; /* the last line is in `out` */
};

struct api {
	struct loop *loop;
	struct log *log;
	api_dispatch_fn *dispatch;
	void *ctx;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	int fd;
	struct acceptor *acceptor;
	struct client *clients;
	unsigned client_count;
};

static bool text_add(struct text *t, const char *p, size_t n)
{
	if (n > t->max - t->len)
		return false;
	if (t->len + n > t->cap) {
		size_t cap = t->cap ? t->cap : 4096;
		char *grown;

		while (cap < t->len + n)
			cap *= 2;
		grown = realloc(t->p, cap);
		if (!grown)
			return false;
		t->p = grown;
		t->cap = cap;
	}
	memcpy(t->p + t->len, p, n);
	t->len += n;
	return true;
}

static void client_free(struct client *k)
{
	struct client **at = &k->api->clients;

	while (*at != k)
		at = &(*at)->next;
	*at = k->next;
	k->api->client_count--;
	loop_watch_free(k->watch);
	(void)close(k->fd);
	free(k->in.p);
	free(k->out.p);
	free(k);
}

/* The client is gone before its answer. */
static void hang_up(struct client *k)
{
	struct call *c = k->call;

	if (c && !k->finished) {
		call_detach(c);
		call_cancel(c);
	}
	client_free(k);
}

static bool flush(struct client *k)
{
	while (k->out.len > 0) {
		ssize_t n = send(k->fd, k->out.p, k->out.len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			loop_watch_set(k->watch, LOOP_READ | LOOP_WRITE);
			return true;
		}
		if (n <= 0)
			return false;
		memmove(k->out.p, k->out.p + n, k->out.len - (size_t)n);
		k->out.len -= (size_t)n;
	}
	loop_watch_set(k->watch, LOOP_READ);
	return !k->finished; /* all said: close */
}

static void say(struct client *k, const char *name, const json_t *value)
{
	json_t *line = json_pack("{sO}", name, value);
	char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;

	/* a client that does not read loses events, never the last line */
	if (text && (k->out.len < OUT_MAX / 2 || k->finished)) {
		(void)(text_add(&k->out, text, strlen(text)) &&
		       text_add(&k->out, "\n", 1));
	}
	free(text);
	json_decref(line);
	loop_watch_set(k->watch, LOOP_READ | LOOP_WRITE);
}

static void on_event(void *ctx, const json_t *event)
{
	say(ctx, "event", event);
}

static void on_done(void *ctx, const json_t *result, const struct err *e)
{
	struct client *k = ctx;

	k->finished = true;
	if (e) {
		json_t *error =
			json_pack("{ss ss}", "code", call_error_name(e->code),
				  "message", e->msg);

		say(k, "error", error);
		json_decref(error);
	} else {
		say(k, "result", result);
	}
}

static void refuse(struct client *k, const char *why)
{
	struct err e = {0};

	(void)err_fail(&e, ERR_PARSE, "%s", why);
	on_done(k, NULL, &e);
}

static void start(struct client *k, size_t line_len)
{
	json_error_t bad;
	json_t *request = json_loadb(k->in.p, line_len, 0, &bad);
	const char *method =
		json_string_value(json_object_get(request, "method"));

	if (!method) {
		refuse(k, "want one line {\"method\":...,\"params\":{...}}");
		json_decref(request);
		return;
	}
	k->call = call_new((struct call_sink){
		.event = on_event, .done = on_done, .ctx = k});
	if (!k->call)
		refuse(k, "out of memory");
	else
		k->api->dispatch(k->api->ctx, method,
				 json_object_get(request, "params"), k->call);
	json_decref(request);
}

static bool take_input(struct client *k)
{
	char buf[65536];
	ssize_t n = recv(k->fd, buf, sizeof(buf), MSG_DONTWAIT);
	char *nl;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0)
		return false;
	if (k->call || k->finished)
		return true; /* nothing more is expected */
	if (!text_add(&k->in, buf, (size_t)n)) {
		refuse(k, "the request is too long");
		return true;
	}
	nl = memchr(k->in.p, '\n', k->in.len);
	if (nl)
		start(k, (size_t)(nl - k->in.p));
	return true;
}

static void on_client(void *ctx, unsigned what)
{
	struct client *k = ctx;

	if ((what & LOOP_READ) && !take_input(k)) {
		hang_up(k);
		return;
	}
	if (!flush(k))
		hang_up(k);
}

static void on_came(void *ctx, int fd, const struct sockaddr_storage *from,
		    socklen_t len)
{
	struct api *a = ctx;
	struct client *k;

	(void)from;
	(void)len;
	k = a->client_count < API_CLIENTS_MAX ? calloc(1, sizeof(*k)) : NULL;
	if (!k) {
		(void)close(fd);
		return;
	}
	k->api = a;
	k->fd = fd;
	k->in.max = API_LINE_MAX;
	k->out.max = OUT_MAX;
	k->watch = loop_watch_new(a->loop, fd, on_client, k);
	if (!k->watch) {
		(void)close(fd);
		free(k);
		return;
	}
	k->next = a->clients;
	a->clients = k;
	a->client_count++;
	loop_watch_set(k->watch, LOOP_READ);
}

static const struct accept_ops acceptor_ops = {.came = on_came};

static bool fill_address(struct sockaddr_un *sa, const char *path,
			 struct err *e)
{
	*sa = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(sa->sun_path)) {
		(void)err_fail(
			e, ERR_LIMIT,
			"%.80s: too long for a socket (%zu bytes); use a "
			"shorter --home",
			path, sizeof(sa->sun_path) - 1);
		return false;
	}
	memcpy(sa->sun_path, path, strlen(path) + 1);
	return true;
}

static enum err_code listen_at(struct api *a, const struct sockaddr_un *sa,
			       struct err *e)
{
	mode_t old;
	int bound;

	/* the caller holds daemon.lock: a socket file here is a dead one */
	(void)unlink(sa->sun_path);
	a->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	old = umask(0177);
	bound = a->fd < 0
			? -1
			: bind(a->fd, (const struct sockaddr *)sa, sizeof(*sa));
	(void)umask(old);
	if (bound != 0 || listen(a->fd, 16) != 0)
		return err_fail(e, ERR_IO, "cannot listen at %.90s: %s",
				sa->sun_path, strerror(errno));
	return ERR_NONE;
}

enum err_code api_new(struct api **out, struct loop *loop, struct log *log,
		      const char *socket_path, api_dispatch_fn *dispatch,
		      void *ctx, struct err *e)
{
	struct sockaddr_un sa;
	struct api *a;

	if (!fill_address(&sa, socket_path, e))
		return ERR_LIMIT;
	a = calloc(1, sizeof(*a));
	if (!a)
		return err_fail(e, ERR_NOMEM, "api");
	a->loop = loop;
	a->log = log;
	a->dispatch = dispatch;
	a->ctx = ctx;
	a->fd = -1;
	memcpy(a->path, sa.sun_path, sizeof(a->path));
	if (listen_at(a, &sa, e) != ERR_NONE) {
		api_free(a);
		return ERR_IO;
	}
	a->acceptor = acceptor_new(loop, a->fd, &acceptor_ops, a);
	if (!a->acceptor) {
		api_free(a);
		return err_fail(e, ERR_NOMEM, "api");
	}
	*out = a;
	return ERR_NONE;
}

/* Its call ends with a word, where it can: the client still listens. */
static void end_call(struct client *k)
{
	struct call *c = k->call;
	struct err e = {0};

	if (!c || k->finished)
		return;
	call_cancel(c);
	if (k->finished)
		return;
	call_detach(c);
	(void)err_fail(&e, ERR_STATE, "the daemon stops before this is done");
	on_done(k, NULL, &e);
}

void api_free(struct api *a)
{
	if (!a)
		return;
	while (a->clients) {
		end_call(a->clients);
		(void)flush(a->clients); /* a last answer may wait there */
		hang_up(a->clients);
	}
	acceptor_free(a->acceptor);
	if (a->fd >= 0) {
		(void)close(a->fd);
		(void)unlink(a->path);
	}
	free(a);
}

/* ---- client ---- */

static int dial(const struct sockaddr_un *sa)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) != 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

static bool send_request(int fd, const char *method, const json_t *params)
{
	json_t *request =
		params ? json_pack("{ss sO}", "method", method, "params",
				   params)
		       : json_pack("{ss s{}}", "method", method, "params");
	char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
	size_t len = text ? strlen(text) : 0, sent = 0;

	if (text)
		text[len++] = '\n'; /* over the terminating zero */
	while (sent < len) {
		ssize_t n = send(fd, text + sent, len - sent, MSG_NOSIGNAL);

		if (n <= 0)
			break;
		sent += (size_t)n;
	}
	free(text);
	json_decref(request);
	return len > 0 && sent == len;
}

static enum err_code remote_error(const json_t *error, struct err *e)
{
	const char *name = json_string_value(json_object_get(error, "code"));
	const char *message =
		json_string_value(json_object_get(error, "message"));
	enum err_code code = ERR_STATE;

	for (int i = ERR_NOMEM; name && i <= ERR_CHAIN; i++)
		if (strcmp(name, call_error_name((enum err_code)i)) == 0)
			code = (enum err_code)i;
	return err_fail(e, code, "%s", message ? message : "the daemon failed");
}

/* True when the line was the last one; *code is then the outcome. */
static bool take_line(const char *line, size_t len,
		      void (*event)(void *ctx, const json_t *event), void *ctx,
		      json_t **result, enum err_code *code, struct err *e)
{
	json_t *reply = json_loadb(line, len, 0, NULL);
	json_t *part;
	bool last = true;

	if ((part = json_object_get(reply, "event"))) {
		if (event)
			event(ctx, part);
		last = false;
	} else if ((part = json_object_get(reply, "result"))) {
		*result = json_incref(part);
		*code = ERR_NONE;
	} else if ((part = json_object_get(reply, "error"))) {
		*code = remote_error(part, e);
	} else {
		*code = err_fail(e, ERR_PARSE,
				 "the daemon gave an answer of no known form");
	}
	json_decref(reply);
	return last;
}

static enum err_code read_replies(int fd, const volatile int *stop,
				  void (*event)(void *ctx, const json_t *event),
				  void *ctx, json_t **result, struct err *e)
{
	struct text in = {.max = OUT_MAX};
	enum err_code code = ERR_NONE;
	char buf[65536], *nl;

	for (;;) {
		ssize_t n;

		while (in.len && (nl = memchr(in.p, '\n', in.len))) {
			size_t len = (size_t)(nl - in.p) + 1;

			if (take_line(in.p, len, event, ctx, result, &code,
				      e)) {
				free(in.p);
				return code;
			}
			memmove(in.p, in.p + len, in.len - len);
			in.len -= len;
		}
		if (stop && *stop) {
			code = err_fail(e, ERR_STATE, "interrupted");
			break;
		}
		n = recv(fd, buf, sizeof(buf), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || !text_add(&in, buf, (size_t)n)) {
			code = err_fail(e, ERR_IO,
					"the daemon closed the connection");
			break;
		}
	}
	free(in.p);
	return code;
}

enum err_code api_call(const char *socket_path, const char *method,
		       const json_t *params, const volatile int *stop,
		       void (*event)(void *ctx, const json_t *event), void *ctx,
		       json_t **result, bool *connected, struct err *e)
{
	struct sockaddr_un sa;
	enum err_code code;
	int fd;

	*result = NULL;
	*connected = false;
	if (!fill_address(&sa, socket_path, NULL))
		return ERR_STATE; /* nobody can listen at such a path */
	fd = dial(&sa);
	if (fd < 0)
		return ERR_STATE;
	*connected = true;
	if (!send_request(fd, method, params)) {
		(void)close(fd);
		return err_fail(e, ERR_IO, "cannot talk to the daemon: %s",
				strerror(errno));
	}
	code = read_replies(fd, stop, event, ctx, result, e);
	(void)close(fd);
	return code;
}
