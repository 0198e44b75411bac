/* api.h - the daemon's door: JSON lines over a unix socket.
 *
 * A client connects to HOME/api.sock, writes one line
 *     {"method":"list","params":{...}}
 * and reads lines until the last: any number of {"event":{...}}, then exactly
 * one {"result":{...}} or {"error":{"code":"...","message":"..."}}. Closing
 * early cancels the call. One call a connection.
 *
 * The socket has mode 0600 and the home directory 0700: who can open it is the
 * user. A line is at most API_LINE_MAX bytes; at most API_CLIENTS_MAX clients.
 * Thread: the loop.
 */
#ifndef NODE_API_H
#define NODE_API_H

#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "node/core/call.h"

#include <stdbool.h>

#define API_LINE_MAX (32U << 20) /* a 16 MiB torrent in base64, and room */
#define API_CLIENTS_MAX 64

struct api;

/* Starts `method` with borrowed params; ends c in time. */
typedef void api_dispatch_fn(void *ctx, const char *method,
			     const json_t *params, struct call *c);

/* Binds and listens; a dead socket file of an earlier run is replaced. */
enum err_code api_new(struct api **out, struct loop *loop, struct log *log,
		      const char *socket_path, api_dispatch_fn *dispatch,
		      void *ctx, struct err *e);
/* Cancels what is under way, whose clients still hear how it ended; removes the
 * socket file. */
void api_free(struct api *a);

/* Client, blocking: is a daemon there? Then runs one call to its end. Returns
 * ERR_STATE with *connected false when no daemon listens. `event` may be NULL.
 * The remote error comes back as code and message. *stop set (by a signal
 * handler) hangs up and returns ERR_STATE "interrupted". */
enum err_code api_call(const char *socket_path, const char *method,
		       const json_t *params, const volatile int *stop,
		       void (*event)(void *ctx, const json_t *event), void *ctx,
		       json_t **result, bool *connected, struct err *e);

#endif
