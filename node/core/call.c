#include "node/core/call.h"

#include <stdbool.h>
#include <stdlib.h>

struct call {
	struct call_sink sink;
	bool detached;
	void (*cancel)(void *ctx);
	void *cancel_ctx;
};

struct call *call_new(struct call_sink sink)
{
	struct call *c = calloc(1, sizeof(*c));

	if (c)
		c->sink = sink;
	return c;
}

void call_event(struct call *c, json_t *take_event)
{
	if (!c->detached && c->sink.event)
		c->sink.event(c->sink.ctx, take_event);
	json_decref(take_event);
}

void call_result(struct call *c, json_t *take_result)
{
	if (!c->detached)
		c->sink.done(c->sink.ctx, take_result, NULL);
	json_decref(take_result);
	free(c);
}

void call_error(struct call *c, const struct err *e)
{
	if (!c->detached)
		c->sink.done(c->sink.ctx, NULL, e);
	free(c);
}

void call_on_cancel(struct call *c, void (*fn)(void *ctx), void *ctx)
{
	c->cancel = fn;
	c->cancel_ctx = ctx;
}

void call_cancel(struct call *c)
{
	if (c->cancel)
		c->cancel(c->cancel_ctx);
}

void call_detach(struct call *c)
{
	c->detached = true;
}

const char *call_error_name(enum err_code code)
{
	switch (code) {
	case ERR_NONE:
		return "none";
	case ERR_NOMEM:
		return "memory";
	case ERR_PARSE:
		return "parse";
	case ERR_LIMIT:
		return "limit";
	case ERR_SIG:
		return "signature";
	case ERR_STATE:
		return "state";
	case ERR_FUNDS:
		return "funds";
	case ERR_IO:
		return "io";
	case ERR_DB:
		return "database";
	case ERR_CHAIN:
		return "chain";
	}
	return "unknown";
}
