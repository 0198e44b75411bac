/* The daemon's socket, from both ends: a child process is the client. */
#include "node/core/api.h"
#include "tests/check.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char socket_path[64];
static struct loop *loop;
static bool cancelled;
static struct call *waiting;

static void on_cancel(void *ctx)
{
	struct err e = {.code = ERR_STATE};

	(void)ctx;
	cancelled = true;
	call_error(waiting, &e);
	loop_stop(loop);
}

static void dispatch(void *ctx, const char *method, const json_t *params,
		     struct call *c)
{
	struct err e = {0};

	(void)ctx;
	if (strcmp(method, "echo") == 0) {
		call_event(c, json_pack("{ss}", "type", "hello"));
		call_event(c, json_pack("{ss}", "type", "again"));
		call_result(c, json_deep_copy(params));
	} else if (strcmp(method, "wait") == 0) {
		waiting = c;
		call_on_cancel(c, on_cancel, NULL);
	} else if (strcmp(method, "stay") == 0) {
		waiting = c;
	} else {
		(void)err_fail(&e, ERR_FUNDS, "no money for %s", method);
		call_error(c, &e);
	}
}

static void count_event(void *ctx, const json_t *event)
{
	int *n = ctx;

	*n += json_object_get(event, "type") != NULL;
}

/* In the child; returns its exit status. */
static int client(const char *method, const char *raw)
{
	json_t *params = json_pack("{si}", "n", 7), *result = NULL;
	struct err e = {0};
	bool connected;
	int events = 0, fd;
	enum err_code code;

	if (raw) { /* bytes of our own */
		struct sockaddr_un sa = {.sun_family = AF_UNIX};
		char answer[4096];
		ssize_t n;

		(void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s",
			       socket_path);
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
		if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0 ||
		    write(fd, raw, strlen(raw)) < 0)
			return 10;
		if (strcmp(method, "wait") == 0)
			return 0; /* hangs up */
		n = read(fd, answer, sizeof(answer) - 1);
		answer[n > 0 ? n : 0] = '\0';
		return strstr(answer, "\"error\"") ? 0 : 11;
	}
	code = api_call(socket_path, method, params, NULL, count_event, &events,
			&result, &connected, &e);
	if (!connected)
		return 12;
	if (strcmp(method, "echo") == 0)
		return code == ERR_NONE && events == 2 &&
				       json_equal(params, result)
			       ? 0
			       : 13;
	if (strcmp(method, "stay") == 0)
		return code == ERR_STATE && strstr(e.msg, "stops") ? 0 : 15;
	return code == ERR_FUNDS && strstr(e.msg, "no money for") ? 0 : 14;
}

static int child_status = -1;
static pid_t child;
static bool until_cancelled; /* the child may be gone before it is heard */

static void on_child(void *ctx)
{
	int status;

	(void)ctx;
	if (waitpid(child, &status, WNOHANG) != child)
		return;
	child_status = WIFEXITED(status) ? WEXITSTATUS(status) : 99;
	if (!until_cancelled)
		loop_stop(loop);
}

static void each_call_has_one_end(void)
{
	static const struct {
		const char *name, *method, *raw;
	} rows[] = {
		{"a result comes after its events", "echo", NULL},
		{"an error keeps its code and words", "pay", NULL},
		{"a line that is no JSON is refused", "x", "hello\n"},
		{"a request without a method is refused", "x", "{}\n"},
		{"a method that is no string is refused", "x",
		 "{\"method\":7}\n"},
		{"a client that hangs up cancels its call", "wait",
		 "{\"method\":\"wait\"}\n"},
	};
	struct api *api = NULL;
	struct err e = {0};

	loop = loop_new(&e);
	CHECK(api_new(&api, loop, NULL, socket_path, dispatch, NULL, &e) ==
		      ERR_NONE,
	      "%s", e.msg);
	CHECK(loop_on_signal(loop, SIGCHLD, on_child, NULL, &e) == ERR_NONE,
	      "%s", e.msg);
	for (size_t i = 0; i < ROWS(rows); i++) {
		until_cancelled = strcmp(rows[i].method, "wait") == 0;
		child = fork();
		if (child == 0)
			_exit(client(rows[i].method, rows[i].raw));
		loop_run(loop);
		if (child_status < 0) {
			int status;

			(void)waitpid(child, &status, 0);
			child_status = WEXITSTATUS(status);
		}
		CHECK(child_status == 0, "%s: %d", rows[i].name, child_status);
		child_status = -1;
	}
	CHECK(cancelled, "the hang-up was not noticed");
	api_free(api);
	loop_free(loop);
	CHECK(access(socket_path, F_OK) != 0, "the socket file is left behind");
}

static void on_started(void *ctx)
{
	if (waiting)
		loop_stop(loop);
	else
		loop_timer_set(*(struct loop_timer **)ctx, 1);
}

/* Its call has no hook: the listener hears of the stop all the same. */
static void a_daemon_that_stops_says_so(void)
{
	struct api *api = NULL;
	struct loop_timer *timer;
	struct err e = {0};
	int status = -1;

	loop = loop_new(&e);
	waiting = NULL;
	timer = loop_timer_new(loop, on_started, &timer);
	CHECK(api_new(&api, loop, NULL, socket_path, dispatch, NULL, &e) ==
		      ERR_NONE,
	      "%s", e.msg);
	child = fork();
	if (child == 0)
		_exit(client("stay", NULL));
	loop_timer_set(timer, 1);
	loop_run(loop);
	api_free(api);
	CHECK(waitpid(child, &status, 0) == child && status == 0, "%d", status);
	e = (struct err){.code = ERR_STATE};
	call_error(waiting, &e);
	loop_timer_free(timer);
	loop_free(loop);
}

static void nobody_there_is_said(void)
{
	json_t *result;
	bool connected = true;

	CHECK(api_call("/nonexistent/api.sock", "x", NULL, NULL, NULL, NULL,
		       &result, &connected, NULL) == ERR_STATE &&
		      !connected,
	      "connected to nobody");
}

int main(void)
{
	char dir[] = "/tmp/seedbank-api-XXXXXX";

	if (!mkdtemp(dir))
		return 1;
	(void)snprintf(socket_path, sizeof(socket_path), "%s/api.sock", dir);
	each_call_has_one_end();
	a_daemon_that_stops_says_so();
	nobody_there_is_said();
	(void)rmdir(dir);
	return CHECK_EXIT();
}
