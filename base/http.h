/* http.h - HTTP requests that never block the loop (libcurl multi).
 *
 * Names are resolved in curl's own threads. Only http and https, also after a
 * redirect; no proxy and no credentials from the environment or from files.
 * Certificates are checked against the system's. Answers are kept whole in
 * memory up to `max_body`, never decompressed. Error texts name scheme, host
 * and port but not the path, because trackers' and chain nodes' paths hold
 * keys.
 *
 * Thread: the loop. libcurl is first touched by the first request, so a
 * program that makes none does not pay for it.
 */
#ifndef BASE_HTTP_H
#define BASE_HTTP_H

#include "base/err.h"
#include "base/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define HTTP_MAX_URL 8192U

struct http;
struct http_request;

enum http_family { HTTP_ANY, HTTP_V4, HTTP_V6 };

struct http_ask { /* borrowed for the call of http_start() only */
	const char *url;
	const char *const *headers; /* "Name: value" each */
	size_t header_count;
	const void *body; /* NULL: GET, else POST */
	size_t body_len;
	size_t max_body;	/* of the answer; over it: ERR_LIMIT */
	uint32_t timeout_ms;	/* for all of it; over 0 */
	unsigned max_redirects; /* 0: an answer of 3xx is given as it is */
	enum http_family family;
	/* Told of each new socket before it connects to `to`, to bind it to an
	 * address or the like; such a request shares no connection with others.
	 * May be NULL. */
	void (*on_socket)(void *ctx, int fd, const struct sockaddr *to,
			  socklen_t to_len);
	void *socket_ctx;      /* must outlive the request */
	const char *unix_path; /* connect to this socket; NULL: to url's host */
	/* Asked before each request is sent, redirects too, with the address
	 * that it goes to; false ends it with ERR_STATE. NULL allows all. */
	bool (*allow)(const char *ip, const char *url);
};

struct http_answer {
	int status;	     /* 100..999 */
	const uint8_t *body; /* never NULL; a zero byte follows the last */
	size_t body_len;
};

/* Called once, from the loop, never from within http_start(): with an answer
 * (of any status), or with an error (answer NULL): ERR_IO for all that the
 * network did, ERR_LIMIT, ERR_PARSE for what is no HTTP, ERR_STATE. The request
 * is gone. Both are borrowed. May start and cancel others, but not http_free().
 */
typedef void http_done_fn(void *ctx, const struct http_answer *answer,
			  const struct err *e);

/* At most max_requests run at once. ERR_NOMEM. */
enum err_code http_new(struct http **out, struct loop *l, unsigned max_requests,
		       struct err *e);
/* Cancels what runs. NULL is a no-op. */
void http_free(struct http *h);

/* *out may be NULL when it will not be cancelled. ERR_PARSE: the URL is none or
 * not http(s); ERR_LIMIT: max_requests are running; ERR_NOMEM. */
enum err_code http_start(struct http *h, struct http_request **out,
			 const struct http_ask *ask, http_done_fn *done,
			 void *ctx, struct err *e);
/* done will not be called; the request is gone. NULL is a no-op. */
void http_cancel(struct http_request *r);

#endif
