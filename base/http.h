/* http.h - HTTP requests that never block the loop (libcurl multi).
 *
 * Names are resolved in curl's own threads. Only http and https, also after a
 * redirect; no proxy but that of http_set_proxy(), and no credentials from the
 * environment or from files. Certificates are checked against the system's.
 * Answers are kept whole in memory up to `max_body`, or handed on as they come;
 * never decompressed. Error texts name scheme, host
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

#define HTTP_PER_HOST 8U /* requests to one host, if nothing else is said */
#define HTTP_MAX_URL 8192U

struct http;
struct http_request;

enum http_family { HTTP_ANY, HTTP_V4, HTTP_V6 };

enum http_flow {
	HTTP_FLOW_ON,	  /* the bytes were taken */
	HTTP_FLOW_WAIT,	  /* they were not: again after http_resume() */
	HTTP_FLOW_ENOUGH, /* no more are wanted: the request ends well */
};

struct http_ask { /* borrowed for the call of http_start() only */
	const char *url;
	const char *const *headers; /* "Name: value" each */
	size_t header_count;
	const void *body; /* NULL: GET, else POST */
	size_t body_len;
	size_t max_body; /* of the answer; over it: ERR_LIMIT */
	/* It may come packed (gzip): both that and what is in it are held to
	 * max_body. Not with on_body. */
	bool packed;
	/* Is given the body as it comes, some KiB at a time, instead of its
	 * being kept; of the last answer only, not of redirects. Must start and
	 * cancel no request. NULL: it is kept. */
	enum http_flow (*on_body)(void *ctx, struct http_request *r,
				  const uint8_t *bytes, size_t len);
	uint32_t timeout_ms;	/* for all of it; over 0, but with stall_s */
	uint32_t stall_s;	/* so long under 1 KiB/s ends it; 0: may be */
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
	 * that it goes to (NULL: the proxy looks the name up, so nobody here
	 * knows); false ends it with ERR_STATE. NULL allows all. */
	bool (*allow)(void *ctx, const char *ip, const char *url);
	/* Not through the proxy where the URL's host is an address of this
	 * machine. */
	bool direct_to_loopback;
};

struct http_answer {
	int status;	     /* 100..999 */
	const uint8_t *body; /* never NULL; a zero byte follows the last */
	size_t body_len;
};

/* Of the answer that is being read or has just ended, borrowed for the call of
 * on_body or done. */
int http_status(const struct http_request *r);
/* The first header of that name; NULL: none. */
const char *http_header(const struct http_request *r, const char *name);
int64_t http_body_length(const struct http_request *r);	  /* -1: not stated */
int64_t http_retry_after_s(const struct http_request *r); /* 0: not stated */
/* Where redirects led. */
const char *http_final_url(const struct http_request *r);

/* Called once, from the loop, never from within http_start(): with an answer
 * (of any status), or with an error (answer NULL): ERR_IO for all that the
 * network did, ERR_LIMIT, ERR_PARSE for what is no HTTP, ERR_STATE. The request
 * is gone. Both are borrowed. May start and cancel others, but not http_free().
 */
typedef void http_done_fn(void *ctx, const struct http_answer *answer,
			  const struct err *e);

/* At most max_requests run at once, HTTP_PER_HOST of them to one host.
 * ERR_NOMEM. */
enum err_code http_new(struct http **out, struct loop *l, unsigned max_requests,
		       struct err *e);
/* Cancels what runs. NULL is a no-op. */
void http_free(struct http *h);
/* All requests from now on go through this proxy ("socks5h://..." or
 * "http://...", user and password percent-encoded), which looks names up; also
 * when it is down. ERR_NOMEM. */
enum err_code http_set_proxy(struct http *h, const char *url, struct err *e);

/* From now on so many run to one host at once. */
void http_set_per_host(struct http *h, unsigned most);

/* *out may be NULL when it will not be cancelled. ERR_PARSE: the URL is none or
 * not http(s); ERR_LIMIT: max_requests are running; ERR_NOMEM. */
enum err_code http_start(struct http *h, struct http_request **out,
			 const struct http_ask *ask, http_done_fn *done,
			 void *ctx, struct err *e);
/* done will not be called; the request is gone. NULL is a no-op. */
void http_cancel(struct http_request *r);
/* After HTTP_FLOW_WAIT; may call on_body at once. */
void http_resume(struct http_request *r);

#endif
