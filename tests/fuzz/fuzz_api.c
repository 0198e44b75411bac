/* Any bytes as a line to the daemon's socket: exactly one answer, and no method
 * that falls over its params. The engine has no torrents, money or sockets;
 * what would need them is not asked. */
#include "node/core/api.h"
#include "node/core/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define TURNS 200

static struct engine en;
static struct api *api;
static struct loop_timer *turn;
static char dir[] = "/tmp/seedbank-fuzz-XXXXXX", path[64];

static void on_turn(void *ctx)
{
	(void)ctx;
	loop_stop(en.loop);
}

/* A torrent's bytes are metainfo's own fuzz target, and would start it. */
static void dispatch(void *ctx, const char *method, const json_t *params,
		     struct call *c)
{
	json_t *own = json_deep_copy(params);

	(void)ctx;
	if (json_is_object(own))
		(void)json_object_del(own, "torrent");
	engine_dispatch(&en, strcmp(method, "status") == 0 ? "nothing" : method,
			own, c);
	json_decref(own);
}

static void tidy(void)
{
	api_free(api);
	loop_timer_free(turn);
	loop_free(en.loop);
	(void)rmdir(dir);
}

static void set_up(void)
{
	en.daemon = true;
	en.loop = loop_new(NULL);
	turn = en.loop ? loop_timer_new(en.loop, on_turn, NULL) : NULL;
	if (!turn || !mkdtemp(dir))
		abort();
	(void)snprintf(path, sizeof(path), "%s/api.sock", dir);
	if (api_new(&api, en.loop, NULL, path, dispatch, NULL, NULL) !=
	    ERR_NONE)
		abort();
	(void)atexit(tidy);
}

static int dial(void)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0)
		abort();
	return fd;
}

/* The one line of the answer. */
static void expect_end(const char *text, size_t len)
{
	json_t *line = json_loadb(text, len, 0, NULL);

	if (memchr(text, '\n', len) != text + len - 1 ||
	    !json_object_get(line, "result") == !json_object_get(line, "error"))
		abort();
	json_decref(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char answer[65536];
	size_t len = 0;
	ssize_t n = 1;
	int fd;

	if (size > 16384)
		return 0;
	if (!api)
		set_up();
	fd = dial();
	if (send(fd, data, size, MSG_NOSIGNAL) != (ssize_t)size ||
	    send(fd, "\n", 1, MSG_NOSIGNAL) < 0)
		abort();
	for (int i = 0; i < TURNS && n != 0; i++) {
		loop_timer_set(turn, 0);
		loop_run(en.loop);
		n = recv(fd, answer + len, sizeof(answer) - len, MSG_DONTWAIT);
		len += n > 0 ? (size_t)n : 0;
	}
	if (n != 0 || len == 0)
		abort(); /* no answer, or more than one */
	expect_end(answer, len);
	(void)close(fd);
	return 0;
}
