/* anvil.h - a real EVM for tests: anvil on a free loopback port, started and
 * stopped here, and the bits that every test against it needs.
 *
 * Argument 1 of the program is the folder of npm's packages that has anvil's;
 * where it is not there the test is skipped (exit 77). Keys are those of the
 * well-known test mnemonic ("test test ... junk"), which hold coins on anvil
 * and nowhere else.
 */
#ifndef TESTS_CHAIN_ANVIL_H
#define TESTS_CHAIN_ANVIL_H

#include "base/ecc.h"
#include "base/hex.h"
#include "base/http.h"
#include "base/keccak.h"
#include "base/loop.h"
#include "base/rlp.h"
#include "ledger/chain/chain_evm.h"
#include "tests/check.h"

#include <arpa/inet.h>
#include <glob.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANVIL_FN __attribute__((unused)) static
#define ANVIL_CHAIN_ID 31337
#define SKIPPED 77
#define WAIT_MS 60000 /* a hang is told, not waited for by ctest */

/* The first account of the test mnemonic. */
#define ANVIL_KEY \
	"ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"

struct anvil;

struct bench { /* loop, HTTP and an in-process signer, shared by all tests */
	struct loop *loop;
	struct http *http;
	struct ecc *ecc;
	struct ecc_key key;
	struct address me;
	bool timed_out;
	/* the fake signer's one open request */
	struct loop_timer *sign_timer;
	struct signer_reply reply;
	uint8_t raw[SIGNER_RAW_MAX];
	signer_reply_fn *fn;
	void *fn_ctx;
	bool refuse;		   /* as a limit would */
	const struct anvil *anvil; /* the one started last */
};

struct anvil {
	char path[512];
	pid_t pid;
	uint16_t port;
	char url[64];
	char state[64]; /* file that survives a stop; "" none */
};

/* --------------------------------------------------------------- the loop */

ANVIL_FN void on_guard(void *ctx)
{
	struct bench *b = ctx;

	b->timed_out = true;
	loop_stop(b->loop);
}

/* Runs the loop until somebody stops it. */
ANVIL_FN bool run_loop(struct bench *b)
{
	struct loop_timer *guard = loop_timer_new(b->loop, on_guard, b);

	b->timed_out = false;
	loop_timer_set(guard, WAIT_MS);
	loop_run(b->loop);
	loop_timer_free(guard);
	CHECK(!b->timed_out, "nothing happened for %d s", WAIT_MS / 1000);
	return !b->timed_out;
}

ANVIL_FN void on_turn(void *ctx)
{
	struct bench *b = ctx;

	loop_stop(b->loop);
}

/* Lets the loop run for a while. */
ANVIL_FN void turn_ms(struct bench *b, int64_t ms)
{
	struct loop_timer *t = loop_timer_new(b->loop, on_turn, b);

	loop_timer_set(t, ms);
	loop_run(b->loop);
	loop_timer_free(t);
}

/* ------------------------------------------------------ a signer in-process */

ANVIL_FN size_t encode_tx(uint8_t *out, size_t cap,
			  const struct signer_tx_evm *t,
			  const struct ecc_sig *sig)
{
	static uint8_t body[SIGNER_RAW_MAX];
	static const uint8_t empty_list[] = {0xc0};
	bool old = t->style == SIGNER_TX_LEGACY;
	struct wr w = wr_into(body, sizeof(body)), o = wr_into(out, cap);

	if (!old)
		rlp_u64(&w, t->chain_id);
	rlp_u64(&w, t->nonce);
	if (!old)
		rlp_amount(&w, t->tip);
	rlp_amount(&w, t->max_fee);
	rlp_u64(&w, t->gas);
	rlp_bytes(&w, t->to.bytes, t->create ? 0 : 20);
	rlp_amount(&w, t->value);
	rlp_bytes(&w, t->data, t->data_len);
	if (!old)
		wr_copy(&w, empty_list, 1);
	if (sig) {
		rlp_u64(&w, old ? t->chain_id * 2 + 35 + sig->v : sig->v);
		rlp_number(&w, sig->r, 32);
		rlp_number(&w, sig->s, 32);
	} else if (old) {
		rlp_u64(&w, t->chain_id);
		rlp_u64(&w, 0);
		rlp_u64(&w, 0);
	}
	if (!old)
		wr_u8(&o, 2);
	rlp_list(&o, body, wr_len(&w));
	return wr_len(&o);
}

ANVIL_FN void seal_evm(struct bench *b, const struct signer_tx_evm *tx)
{
	size_t n = encode_tx(b->raw, sizeof(b->raw), tx, NULL);
	struct hash32 digest = keccak256(b->raw, n);
	struct ecc_sig sig = ecc_sign(b->ecc, &b->key, &digest);

	n = encode_tx(b->raw, sizeof(b->raw), tx, &sig);
	b->reply.u.tx.hash = keccak256(b->raw, n);
	b->reply.u.tx.raw_len = n;
}

ANVIL_FN void seal_tron(struct bench *b, const struct tron_tx *tx)
{
	struct ecc_sig sig;

	if (tron_tx_id(&b->reply.u.tx.hash, tx, b->raw, sizeof(b->raw), NULL))
		abort();
	sig = ecc_sign(b->ecc, &b->key, &b->reply.u.tx.hash);
	b->reply.u.tx.raw_len = tron_tx_seal(tx, &sig, b->raw, sizeof(b->raw));
}

ANVIL_FN enum err_code sign_tx(void *ctx, const struct signer_request *q,
			       signer_reply_fn *fn, void *fn_ctx, struct err *e)
{
	struct bench *b = ctx;

	if (b->fn)
		return err_fail(e, ERR_STATE, "one at a time");
	b->reply = (struct signer_reply){.type = q->type};
	b->reply.u.tx.raw = b->raw;
	if (q->type == SIGNER_TX_TRON)
		seal_tron(b, &q->u.tron.tx);
	else
		seal_evm(b, &q->u.tx);
	b->fn = fn;
	b->fn_ctx = fn_ctx;
	loop_timer_set(b->sign_timer, 0);
	return ERR_NONE;
}

ANVIL_FN void sign_fired(void *ctx)
{
	struct bench *b = ctx;
	signer_reply_fn *fn = b->fn;
	struct err e = {0};

	b->fn = NULL;
	if (!fn)
		return;
	if (!b->refuse) {
		fn(b->fn_ctx, &b->reply, NULL);
		return;
	}
	(void)err_fail(&e, ERR_FUNDS, "over the day's limit");
	fn(b->fn_ctx, NULL, &e);
}

ANVIL_FN void sign_forget(void *ctx, void *fn_ctx)
{
	struct bench *b = ctx;

	if (b->fn_ctx == fn_ctx)
		b->fn = NULL;
}

ANVIL_FN struct chain_signer bench_signer(struct bench *b)
{
	return (struct chain_signer){.ask = sign_tx,
				     .forget = sign_forget,
				     .ctx = b,
				     .accounts = {b->me}};
}

ANVIL_FN void bench_init(struct bench *b)
{
	uint8_t key[32];

	*b = (struct bench){0};
	b->loop = loop_new(NULL);
	b->ecc = ecc_new(NULL);
	if (!b->loop || !b->ecc ||
	    http_new(&b->http, b->loop, 16, NULL) != ERR_NONE ||
	    !hex_decode(key, 32, ANVIL_KEY) ||
	    ecc_key_read(&b->key, key, NULL) != ERR_NONE)
		abort();
	b->sign_timer = loop_timer_new(b->loop, sign_fired, b);
	b->me = ecc_address(b->ecc, &b->key);
}

ANVIL_FN void bench_clear(struct bench *b)
{
	loop_timer_free(b->sign_timer);
	http_free(b->http);
	ecc_free(b->ecc);
	loop_free(b->loop);
}

/* ----------------------------------------------------------------- the EVM */

ANVIL_FN uint16_t free_port(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) ||
	    getsockname(fd, (struct sockaddr *)&a, &len))
		abort();
	(void)close(fd);
	return ntohs(a.sin_port);
}

/* False: there is none, and it is said so. */
ANVIL_FN bool anvil_find(struct anvil *a, int argc, char **argv)
{
	char pattern[512];
	glob_t found = {0};
	bool good;

	(void)snprintf(pattern, sizeof(pattern), "%s/anvil-linux-*/bin/anvil",
		       argc > 1 ? argv[1] : ".");
	good = glob(pattern, 0, NULL, &found) == 0 &&
	       access(found.gl_pathv[0], X_OK) == 0;
	if (good)
		(void)snprintf(a->path, sizeof(a->path), "%s",
			       found.gl_pathv[0]);
	else
		(void)printf("no anvil: run scripts/setup\n");
	globfree(&found);
	return good;
}

/* One JSON-RPC body, whatever it is; waits for the answer's result. NULL: no
 * answer. The caller frees it. */
struct raw_call {
	struct bench *b;
	json_t *answer;
};

ANVIL_FN void on_raw(void *ctx, const struct http_answer *a,
		     const struct err *e)
{
	struct raw_call *c = ctx;

	if (!e)
		c->answer =
			json_loadb((const char *)a->body, a->body_len, 0, NULL);
	loop_stop(c->b->loop);
}

ANVIL_FN json_t *raw_post(struct bench *b, const struct anvil *a,
			  const char *body)
{
	static const char *const headers[] = {"Content-Type: application/json"};
	struct http_ask ask = {.url = a->url,
			       .headers = headers,
			       .header_count = 1,
			       .body = body,
			       .body_len = strlen(body),
			       .max_body = 1 << 22,
			       .timeout_ms = 30000};
	struct raw_call c = {.b = b};

	if (http_start(b->http, NULL, &ask, on_raw, &c, NULL) != ERR_NONE)
		return NULL;
	(void)run_loop(b);
	return c.answer;
}

/* result of METHOD(PARAMS); NULL when there is none. */
ANVIL_FN json_t *raw_rpc(struct bench *b, const struct anvil *a,
			 const char *method, const char *params)
{
	char body[4096];
	json_t *answer, *result;

	(void)snprintf(body, sizeof(body),
		       "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\","
		       "\"params\":%s}",
		       method, params);
	answer = raw_post(b, a, body);
	result = json_incref(json_object_get(answer, "result"));
	json_decref(answer);
	return result;
}

ANVIL_FN void raw_do(struct bench *b, const struct anvil *a, const char *method,
		     const char *params)
{
	json_t *r = raw_rpc(b, a, method, params);

	CHECK(r, "%s%s", method, params);
	json_decref(r);
}

/* Waits until anvil has mined all that it was given. */
ANVIL_FN void raw_settle(struct bench *b, const struct anvil *a)
{
	bool busy = true;

	for (int i = 0; i < 2000 && busy; i++) {
		json_t *r = raw_rpc(b, a, "txpool_status", "[]");
		const char *n =
			json_string_value(json_object_get(r, "pending"));

		busy = !n || strcmp(n, "0x0") != 0;
		json_decref(r);
		/* of many that come at once it may leave one lying */
		if (busy && i % 50 == 49)
			raw_do(b, a, "evm_mine", "[]");
	}
	CHECK(!busy, "anvil does not mine");
}

/* Starts anvil and waits until it answers. */
ANVIL_FN bool anvil_start(struct bench *b, struct anvil *a)
{
	char port[8];
	const char *argv[16] = {a->path,      "--silent", "--port",  port,
				"--chain-id", "31337",	  "--order", "fifo"};
	size_t n = 8;

	if (a->state[0]) {
		argv[n++] = "--state";
		argv[n++] = a->state;
	}
	if (!a->port)
		a->port = free_port();
	(void)snprintf(port, sizeof(port), "%u", a->port);
	(void)snprintf(a->url, sizeof(a->url), "http://127.0.0.1:%u", a->port);
	a->pid = fork();
	if (a->pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* leave none behind */
		(void)execv(a->path, (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	b->anvil = a;
	for (int i = 0; i < 400; i++) {
		json_t *r = raw_rpc(b, a, "eth_chainId", "[]");

		if (r) {
			json_decref(r);
			return true;
		}
		if (waitpid(a->pid, NULL, WNOHANG) == a->pid)
			break;
		turn_ms(b, 25); /* another process: no event to wait for */
	}
	CHECK(false, "anvil did not start");
	return false;
}

/* SIGTERM writes the state file, SIGKILL does not. */
ANVIL_FN void anvil_stop(struct anvil *a, int signo)
{
	if (a->pid <= 0)
		return;
	(void)kill(a->pid, signo);
	(void)waitpid(a->pid, NULL, 0);
	a->pid = 0;
}

ANVIL_FN struct chain_evm_config bench_config(const char *url)
{
	return (struct chain_evm_config){.rpc = {.nodes = {.urls = {url},
							   .n_urls = 1,
							   .timeout_ms = 20000,
							   .tries = 3,
							   .retry_ms = 50,
							   .max_down_ms = 400},
						 .chain_id = ANVIL_CHAIN_ID}};
}

ANVIL_FN struct chain *bench_chain(struct bench *b,
				   const struct chain_evm_config *cfg)
{
	struct chain_signer signer = bench_signer(b);
	struct chain *ch = NULL;
	struct err e = {0};

	CHECK(chain_evm_new(&ch, b->loop, b->http, &signer, cfg, NULL, &e) ==
		      ERR_NONE,
	      "%s", e.msg);
	return ch;
}

/* ----------------------------------------------------- waiting for the chain
 */

#define MAX_GOT 512

struct got_read {
	struct bench *b;
	bool good;
	struct chain_view at;
	struct chain_answer answers[MAX_GOT];
	uint8_t code[CHAIN_MAX_CODE];
	struct err e;
};

ANVIL_FN void on_read(void *ctx, const struct chain_view *at,
		      const struct chain_answer *answers, size_t n,
		      const struct err *e)
{
	struct got_read *g = ctx;

	loop_stop(g->b->loop);
	if (e) {
		g->e = *e;
		return;
	}
	g->good = true;
	g->at = *at;
	memcpy(g->answers, answers, n * sizeof(answers[0]));
	for (size_t i = 0; i < n; i++)
		if (answers[i].data)
			memcpy(g->code, answers[i].data, answers[i].len);
}

ANVIL_FN bool wait_read(struct bench *b, struct got_read *g, struct chain *ch,
			enum chain_state state, const struct chain_ask *asks,
			size_t n)
{
	*g = (struct got_read){.b = b};
	chain_read(ch, state, asks, n, on_read, g);
	return run_loop(b) && g->good;
}

struct got_tx {
	struct bench *b;
	struct chain_trial trial;
	struct chain_form form;
	uint8_t raw[SIGNER_RAW_MAX];
	enum chain_send_result sent;
	enum chain_fate fate;
	struct chain_outcome o;
	struct chain_log logs[64];
	uint8_t data[65536];
	struct err e;
};

ANVIL_FN void on_trial(void *ctx, const struct chain_trial *t,
		       const struct err *e)
{
	struct got_tx *g = ctx;

	loop_stop(g->b->loop);
	if (e)
		g->e = *e;
	else
		g->trial = *t;
}

ANVIL_FN void on_form(void *ctx, const struct chain_form *f,
		      const struct err *e)
{
	struct got_tx *g = ctx;

	loop_stop(g->b->loop);
	if (e) {
		g->e = *e;
		return;
	}
	g->form = *f;
	memcpy(g->raw, f->raw, f->raw_len);
	g->form.raw = g->raw;
}

ANVIL_FN void on_send(void *ctx, enum chain_send_result r, const char *why)
{
	struct got_tx *g = ctx;

	loop_stop(g->b->loop);
	g->sent = r;
	if (r != CHAIN_SENT)
		(void)err_fail(&g->e, ERR_CHAIN, "%s", why);
}

ANVIL_FN void on_fate(void *ctx, enum chain_fate fate,
		      const struct chain_outcome *o)
{
	struct got_tx *g = ctx;
	size_t used = 0;

	loop_stop(g->b->loop);
	g->fate = fate;
	if (!o)
		return;
	g->o = *o;
	g->o.logs = g->logs;
	g->o.n_logs = o->n_logs < ROWS(g->logs) ? o->n_logs : ROWS(g->logs);
	for (size_t i = 0; i < g->o.n_logs; i++) {
		g->logs[i] = o->logs[i];
		if (used + o->logs[i].len > sizeof(g->data))
			abort();
		memcpy(g->data + used, o->logs[i].data, o->logs[i].len);
		g->logs[i].data = g->data + used;
		used += o->logs[i].len;
	}
}

ANVIL_FN bool wait_trial(struct bench *b, struct got_tx *g, struct chain *ch,
			 const struct chain_call *call)
{
	*g = (struct got_tx){.b = b};
	chain_try(ch, call, on_trial, g);
	return run_loop(b) && g->e.code == ERR_NONE;
}

ANVIL_FN bool wait_form(struct bench *b, struct got_tx *g, struct chain *ch,
			const struct chain_call *call,
			const struct chain_form *older, uint64_t floor)
{
	g->b = b;
	g->e = (struct err){0};
	chain_form_tx(ch, call, g->trial.units, older, floor, on_form, g);
	return run_loop(b) && g->e.code == ERR_NONE;
}

ANVIL_FN enum chain_send_result wait_send(struct bench *b, struct got_tx *g,
					  struct chain *ch)
{
	g->e = (struct err){0};
	chain_send(ch, g->raw, g->form.raw_len, on_send, g);
	(void)run_loop(b);
	return g->sent;
}

ANVIL_FN enum chain_fate wait_fate(struct bench *b, struct got_tx *g,
				   struct chain *ch)
{
	g->fate = CHAIN_FATE_UNKNOWN;
	chain_ask_fate(ch, &b->me, g->form.slot, &g->form.txid, 1, on_fate, g);
	(void)run_loop(b);
	return g->fate;
}

/* Asks until it is so; mining is another process's work, which it sometimes
 * leaves lying until the next transaction comes. */
ANVIL_FN bool until_fate(struct bench *b, struct got_tx *g, struct chain *ch,
			 enum chain_fate want)
{
	for (int i = 0; i < 2000; i++) {
		if (wait_fate(b, g, ch) == want || b->timed_out)
			return !b->timed_out;
		if (i % 200 == 199)
			raw_do(b, b->anvil, "evm_mine", "[]");
	}
	return false;
}

/* Tried, signed, sent, final and successful: what most tests want of a call. */
ANVIL_FN bool do_call(struct bench *b, struct got_tx *g, struct chain *ch,
		      const struct chain_call *call)
{
	if (!wait_trial(b, g, ch, call) || !g->trial.ok) {
		CHECK(false, "trial: %s%s", g->e.msg, g->trial.reason);
		return false;
	}
	if (!wait_form(b, g, ch, call, NULL, 0) ||
	    wait_send(b, g, ch) != CHAIN_SENT ||
	    !until_fate(b, g, ch, CHAIN_FATE_FINAL)) {
		CHECK(false, "sent %d fate %d: %s", (int)g->sent, (int)g->fate,
		      g->e.msg);
		return false;
	}
	CHECK(g->o.ok, "failed in its block");
	return g->o.ok;
}

#endif
