/* rpc_server.h - a chain node made of a script: a JSON-RPC server on the test's
 * own loop that answers as told, well or badly.
 *
 * A rule names a method, a text that must occur in the request's parameters
 * (NULL: any), and the JSON of the result, or of an error object. The first
 * that fits counts. Blocks are made up: number N for "latest" or as asked.
 */
#ifndef TESTS_LEDGER_RPC_SERVER_H
#define TESTS_LEDGER_RPC_SERVER_H

#include "base/http.h"
#include "base/loop.h"
#include "tests/check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RPC_FN __attribute__((unused)) static
#define RPC_CONNS 16

enum rpc_mode {
	RPC_GOOD,
	RPC_RAW,    /* `raw` with `status`, whatever was asked */
	RPC_HANGUP, /* closes without a word */
	RPC_SILENT, /* never answers */
};

struct rpc_rule {
	const char *method, *needle, *result, *error;
};

struct rpc_server;

struct rpc_conn {
	struct rpc_server *s;
	int fd;
	struct loop_watch *watch;
	char *in, *out;
	size_t len, out_len, out_at;
};

struct rpc_server {
	struct loop *loop;
	int fd;
	struct loop_watch *watch;
	char url[64];
	struct rpc_conn conns[RPC_CONNS];
	enum rpc_mode mode;
	unsigned bad_times; /* then GOOD; 0: for ever */
	int status;
	const char *raw;
	size_t raw_len; /* 0: strlen(raw) */
	const struct rpc_rule *rules;
	size_t n_rules;
	uint64_t head;
	uint64_t chain_id;
	const char *base_fee; /* JSON; NULL: none */
	char hash_digit;      /* of made-up block hashes */
	/* Another kind of node: its answer to a body, heap; NULL: JSON-RPC. */
	char *(*answer)(struct rpc_server *s, const char *path,
			const char *body);
	void *ctx;
	unsigned posts;	   /* HTTP requests seen */
	char path[64];	   /* of the newest */
	char header[2048]; /* request line and headers of the newest */
	char last[65536];  /* body of the newest */
};

RPC_FN void rpc_hang_up(struct rpc_conn *c)
{
	loop_watch_free(c->watch);
	(void)close(c->fd);
	free(c->in);
	free(c->out);
	*c = (struct rpc_conn){.fd = -1, .s = c->s};
}

RPC_FN json_t *rpc_block(const struct rpc_server *s, const json_t *params)
{
	const char *which = json_string_value(json_array_get(params, 0));
	uint64_t n = s->head;
	char number[32], hash[67];
	json_t *b;

	if (which && strncmp(which, "0x", 2) == 0)
		n = strtoull(which, NULL, 16);
	(void)snprintf(number, sizeof(number), "0x%llx", (unsigned long long)n);
	memset(hash, s->hash_digit, sizeof(hash));
	memcpy(hash, "0x", 2);
	hash[66] = 0;
	b = json_pack("{ss ss ss ss}", "number", number, "hash", hash,
		      "timestamp", "0x65000000", "gasLimit", "0x1c9c380");
	if (s->base_fee)
		(void)json_object_set_new(
			b, "baseFeePerGas",
			json_loads(s->base_fee, JSON_DECODE_ANY, NULL));
	return b;
}

RPC_FN void rpc_fill(const struct rpc_server *s, const json_t *q, json_t *a)
{
	const char *method = json_string_value(json_object_get(q, "method"));
	json_t *params = json_object_get(q, "params");
	char *text = json_dumps(params, JSON_COMPACT), id[32];

	for (size_t i = 0; i < s->n_rules; i++) {
		const struct rpc_rule *r = &s->rules[i];

		if (strcmp(r->method, method) != 0 ||
		    (r->needle && !strstr(text, r->needle)))
			continue;
		(void)json_object_set_new(
			a, r->error ? "error" : "result",
			json_loads(r->error ? r->error : r->result,
				   JSON_DECODE_ANY, NULL));
		free(text);
		return;
	}
	free(text);
	(void)snprintf(id, sizeof(id), "0x%llx",
		       (unsigned long long)s->chain_id);
	if (strcmp(method, "eth_chainId") == 0)
		(void)json_object_set_new(a, "result", json_string(id));
	else if (strcmp(method, "eth_getBlockByNumber") == 0)
		(void)json_object_set_new(a, "result", rpc_block(s, params));
	else
		(void)json_object_set_new(a, "error",
					  json_pack("{si ss}", "code", -32601,
						    "message",
						    "no such method"));
}

RPC_FN char *rpc_answer(const struct rpc_server *s, const char *body)
{
	json_t *in = json_loads(body, 0, NULL), *out = json_array(), *q;
	char *text;
	size_t i;

	json_array_foreach(in, i, q)
	{
		json_t *a = json_pack("{ss}", "jsonrpc", "2.0");

		(void)json_object_set(a, "id", json_object_get(q, "id"));
		rpc_fill(s, q, a);
		(void)json_array_append_new(out, a);
	}
	text = json_dumps(out, JSON_COMPACT);
	json_decref(in);
	json_decref(out);
	return text;
}

/* As much as the socket takes; the client shares this thread. */
RPC_FN void rpc_push(struct rpc_conn *c)
{
	ssize_t did = send(c->fd, c->out + c->out_at, c->out_len - c->out_at,
			   MSG_NOSIGNAL | MSG_DONTWAIT);

	if (did > 0)
		c->out_at += (size_t)did;
	if (c->out_at == c->out_len ||
	    (did < 0 && errno != EAGAIN && errno != EWOULDBLOCK))
		rpc_hang_up(c);
	else
		loop_watch_set(c->watch, LOOP_WRITE);
}

RPC_FN void rpc_send(struct rpc_conn *c, int status, const char *body,
		     size_t len)
{
	int n;

	c->out = malloc(len + 128);
	if (!c->out)
		abort();
	n = snprintf(c->out, 128,
		     "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n"
		     "Connection: close\r\n\r\n",
		     status, len);
	memcpy(c->out + n, body, len);
	c->out_len = (size_t)n + len;
	rpc_push(c);
}

/* The body of a whole request in c->in, or NULL. */
RPC_FN const char *rpc_body(const struct rpc_conn *c)
{
	const char *end = strstr(c->in, "\r\n\r\n"), *length;

	if (!end)
		return NULL;
	length = strstr(c->in, "Content-Length: ");
	if (!length ||
	    c->len < (size_t)(end + 4 - c->in) + strtoul(length + 16, NULL, 10))
		return NULL;
	return end + 4;
}

RPC_FN void rpc_serve(struct rpc_conn *c, const char *body)
{
	struct rpc_server *s = c->s;
	enum rpc_mode mode = s->mode;
	char *text;

	s->posts++;
	(void)sscanf(c->in, "%*s %63s", s->path);
	(void)snprintf(s->header, sizeof(s->header), "%.*s",
		       (int)(body - c->in), c->in);
	(void)snprintf(s->last, sizeof(s->last), "%s", body);
	if (mode != RPC_GOOD && s->bad_times && --s->bad_times == 0)
		s->mode = RPC_GOOD;
	switch (mode) {
	case RPC_GOOD:
		text = s->answer ? s->answer(s, s->path, body)
				 : rpc_answer(s, body);
		rpc_send(c, 200, text, strlen(text));
		free(text);
		break;
	case RPC_RAW:
		rpc_send(c, s->status, s->raw,
			 s->raw_len ? s->raw_len : strlen(s->raw));
		break;
	case RPC_HANGUP:
		rpc_hang_up(c);
		break;
	case RPC_SILENT:
		loop_watch_set(c->watch, 0);
		break;
	}
}

RPC_FN void rpc_on_data(void *ctx, unsigned what)
{
	struct rpc_conn *c = ctx;
	const char *body;
	ssize_t n;

	if (what & LOOP_WRITE) {
		rpc_push(c);
		return;
	}
	c->in = realloc(c->in, c->len + 65537);
	if (!c->in)
		abort();
	n = recv(c->fd, c->in + c->len, 65536, 0);
	if (n <= 0) {
		rpc_hang_up(c);
		return;
	}
	c->len += (size_t)n;
	c->in[c->len] = 0;
	if (strstr(c->in, "Expect: 100-continue") && !rpc_body(c))
		(void)!send(c->fd, "HTTP/1.1 100 Continue\r\n\r\n", 25,
			    MSG_NOSIGNAL);
	body = rpc_body(c);
	if (body)
		rpc_serve(c, body);
}

RPC_FN void rpc_on_accept(void *ctx, unsigned what)
{
	struct rpc_server *s = ctx;
	int fd = accept(s->fd, NULL, NULL);

	(void)what;
	for (size_t i = 0; fd >= 0 && i < RPC_CONNS; i++) {
		struct rpc_conn *c = &s->conns[i];

		if (c->fd >= 0)
			continue;
		c->fd = fd;
		c->watch = loop_watch_new(s->loop, fd, rpc_on_data, c);
		loop_watch_set(c->watch, LOOP_READ);
		return;
	}
	abort();
}

RPC_FN void rpc_open(struct rpc_server *s, struct loop *loop)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t len = sizeof(a);

	*s = (struct rpc_server){.loop = loop,
				 .head = 100,
				 .chain_id = 31337,
				 .status = 200,
				 .hash_digit = 'a'};
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (s->fd < 0 || bind(s->fd, (struct sockaddr *)&a, sizeof(a)) ||
	    listen(s->fd, 16) ||
	    getsockname(s->fd, (struct sockaddr *)&a, &len))
		abort();
	(void)snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%u",
		       ntohs(a.sin_port));
	for (size_t i = 0; i < RPC_CONNS; i++)
		s->conns[i] = (struct rpc_conn){.fd = -1, .s = s};
	s->watch = loop_watch_new(loop, s->fd, rpc_on_accept, s);
	loop_watch_set(s->watch, LOOP_READ);
}

RPC_FN void rpc_close(struct rpc_server *s)
{
	for (size_t i = 0; i < RPC_CONNS; i++)
		if (s->conns[i].fd >= 0)
			rpc_hang_up(&s->conns[i]);
	loop_watch_free(s->watch);
	(void)close(s->fd);
}

#endif
