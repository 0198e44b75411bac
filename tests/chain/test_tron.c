/* The TRON backend under settle and a real book, against a chain that speaks
 * TRON's HTTP API over a real EVM: journeys, and everything that can happen to
 * a transaction on its way. Blocks come when the test says so. */
#include "contracts-abi/token_abi.h"
#include "ledger/settle/settle.h"
#include "tests/chain/anvil.h"

#include <time.h>

#define NODES 2
#define BLOCK_MS 15 /* of real time; on the chain they are 3 s apart */

struct yard {
	struct bench b;
	struct anvil nodes[NODES]; /* one chain */
	pid_t pid;
	struct loop_timer *miner;
	bool mining;
	struct profile profile;
	struct chain *ch;
	struct book *book;
	struct settle *s;
	struct settle_config cfg;
	char path[64];
	/* the newest answer */
	struct settle_result r;
	struct err e;
	unsigned findings;
	int stop_at; /* enum outbox_step at which the loop stops, or -1 */
	unsigned steps[16];
	char last[200]; /* newest step in words */
	struct got_read read;
};

static int64_t unix_now(void)
{
	return time(NULL);
}

/* ----------------------------------------------------------- moving the chain
 */

static void dev(struct yard *y, size_t node, const char *what, const char *body)
{
	struct anvil at = y->nodes[node];
	json_t *answer;

	(void)snprintf(at.url, sizeof(at.url), "http://127.0.0.1:%u/dev/%s",
		       y->nodes[node].port, what);
	answer = raw_post(&y->b, &at, body);
	CHECK(json_object_get(answer, "head"), "/dev/%s %s", what, body);
	json_decref(answer);
}

static void on_mined(void *ctx, const struct http_answer *a,
		     const struct err *e)
{
	struct yard *y = ctx;

	(void)a;
	(void)e;
	if (y->mining)
		loop_timer_set(y->miner, BLOCK_MS);
}

static void on_miner(void *ctx)
{
	static const char *const headers[] = {"Content-Type: application/json"};
	struct yard *y = ctx;
	char url[96];
	struct http_ask ask = {.url = url,
			       .headers = headers,
			       .header_count = 1,
			       .body = "{}",
			       .body_len = 2,
			       .max_body = 4096,
			       .timeout_ms = 30000};

	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/dev/mine",
		       y->nodes[0].port);
	if (y->mining &&
	    http_start(y->b.http, NULL, &ask, on_mined, y, NULL) != ERR_NONE)
		loop_timer_set(y->miner, BLOCK_MS);
}

static void mine(struct yard *y, bool on)
{
	y->mining = on;
	if (on)
		loop_timer_set(y->miner, 0);
	else
		loop_timer_cancel(y->miner);
}

/* "ready http://127.0.0.1:PORT http://127.0.0.1:PORT" */
static bool read_ready(struct yard *y, int fd)
{
	FILE *f = fdopen(fd, "r");
	unsigned ports[NODES] = {0};
	char line[256] = "";
	bool good =
		f && fgets(line, sizeof(line), f) &&
		sscanf(line, "ready http://127.0.0.1:%u http://127.0.0.1:%u",
		       &ports[0], &ports[1]) == NODES;

	if (f)
		(void)fclose(f);
	for (size_t i = 0; i < NODES; i++)
		y->nodes[i].port = (uint16_t)ports[i];
	CHECK(good, "the chain did not start: %s", line);
	return good;
}

static bool chain_start(struct yard *y, const char *server)
{
	char give[96], me[ADDRESS_TEXT_MAX];
	const char *argv[] = {"node", server,	"--give", give, "--port",
			      "0",    "--port", "0",	  NULL};
	int out[2];

	(void)snprintf(give, sizeof(give), "%s=100000000000",
		       address_text(me, &y->b.me, ADDRESS_TRON));
	if (pipe(out) != 0)
		return false;
	y->pid = fork();
	if (y->pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* leave none behind */
		(void)dup2(out[1], STDOUT_FILENO);
		(void)execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	(void)close(out[1]);
	return read_ready(y, out[0]);
}

/* -------------------------------------------------------------------- settle
 */

static void on_step(void *ctx, const struct settle_step *st)
{
	struct yard *y = ctx;

	y->steps[st->step]++;
	(void)snprintf(y->last, sizeof(y->last), "%s", st->text);
	if (y->stop_at == (int)st->step)
		loop_stop(y->b.loop);
}

static void on_done(void *ctx, const struct settle_result *r,
		    const struct err *e)
{
	struct yard *y = ctx;

	y->r = *r;
	if (e)
		y->e = *e;
	loop_stop(y->b.loop);
}

static void on_refresh(void *ctx, const struct err *e)
{
	struct yard *y = ctx;

	if (e)
		y->e = *e;
	loop_stop(y->b.loop);
}

static void on_bank(void *ctx, const struct settle_bank *b, const struct err *e)
{
	struct yard *y = ctx;

	(void)b;
	if (e)
		y->e = *e;
	loop_stop(y->b.loop);
}

static void on_finding(void *ctx, const char *what)
{
	(void)ctx;
	(void)fprintf(stderr, "finding: %s\n", what);
}

static void on_chain(void *ctx, const struct book_chain *c, const struct err *e)
{
	struct yard *y = ctx;

	if (e)
		y->e = *e;
	else
		CHECK(book_check_chain(y->book, c, on_finding, y, &y->findings,
				       NULL) == ERR_NONE,
		      "book against chain");
	loop_stop(y->b.loop);
}

static void expect(struct yard *y, int stop_at)
{
	y->e = (struct err){0};
	y->r = (struct settle_result){0};
	memset(y->steps, 0, sizeof(y->steps));
	y->stop_at = stop_at;
}

static bool wait_done(struct yard *y)
{
	y->stop_at = -1;
	return run_loop(&y->b) && y->e.code == ERR_NONE;
}

static void wait_step(struct yard *y, enum outbox_step step)
{
	y->stop_at = (int)step;
	(void)run_loop(&y->b);
	y->stop_at = -1;
	CHECK(y->steps[step] > 0, "step %d: %s %s", (int)step, y->last,
	      y->e.msg);
}

static void open_yard(struct yard *y)
{
	struct chain_signer signer = bench_signer(&y->b);
	struct err e = {0};

	CHECK(profile_open_chain(&y->ch, &y->profile, y->b.loop, y->b.http,
				 &signer, AMOUNT_ZERO, NULL, &e) == ERR_NONE,
	      "%s", e.msg);
	CHECK(book_open(&y->book, y->path, &y->b.me, &e) == ERR_NONE, "%s",
	      e.msg);
	CHECK(settle_new(&y->s, y->b.loop, y->ch, y->book, &y->profile, &y->cfg,
			 NULL, &e) == ERR_NONE,
	      "%s", e.msg);
}

/* As a kill leaves it: what is committed, and no more. */
static void close_yard(struct yard *y)
{
	settle_free(y->s);
	book_close(y->book);
	chain_free(y->ch);
	y->s = NULL;
}

static void the_books_agree(struct yard *y, const char *when)
{
	expect(y, -1);
	settle_refresh(y->s, on_refresh, y);
	CHECK(wait_done(y), "%s: %s", when, y->e.msg);
	expect(y, -1);
	settle_read_chain(y->s, on_chain, y);
	CHECK(wait_done(y) && y->findings == 0, "%s: against the chain: %s",
	      when, y->e.msg);
}

/* What is free in the bank, in final state. */
static uint64_t in_bank(struct yard *y)
{
	struct chain_ask ask = {
		.what = CHAIN_ASK_FREE, .c = y->profile.bank, .a = y->b.me};
	uint64_t n = 0;

	CHECK(wait_read(&y->b, &y->read, y->ch, CHAIN_FINAL, &ask, 1) &&
		      y->read.answers[0].known &&
		      amount_to_u64(&n, y->read.answers[0].amount),
	      "balance: %s %s", y->read.e.msg, y->read.answers[0].why);
	return n;
}

static void withdraw(struct yard *y, uint64_t n)
{
	expect(y, -1);
	settle_withdraw(y->s, amount_from_u64(n), &y->b.me, on_step, on_done,
			y);
}

/* After a restart nobody is told. */
static void until_ended(struct yard *y)
{
	for (int k = 0; k < 600 && settle_pending(y->s, 0); k++)
		turn_ms(&y->b, 10);
	CHECK(!settle_pending(y->s, 0), "it ended");
}

/* --------------------------------------------------------------------- tests
 */

static void a_bank_is_deployed_and_verified(struct yard *y)
{
	struct address none = {{0}};
	struct err e = {0};

	expect(y, -1);
	settle_deploy(y->s, &none, true, 20, on_step, on_done, y);
	CHECK(wait_done(y), "deploy: %s", y->e.msg);
	CHECK(y->r.transactions == 2, "%u transactions", y->r.transactions);
	y->profile.bank = y->r.bank;
	y->profile.token = y->r.token;
	y->profile.has_bank = y->profile.has_token = true;
	CHECK(settle_set_profile(y->s, &y->profile, &e) == ERR_NONE, "%s",
	      e.msg);
}

static void another_contract_is_no_bank(struct yard *y)
{
	struct profile wrong = y->profile;

	wrong.bank = y->profile.token;
	CHECK(settle_set_profile(y->s, &wrong, NULL) == ERR_NONE, "set");
	expect(y, -1);
	settle_verify(y->s, on_bank, y);
	CHECK(!wait_done(y) && y->e.code == ERR_SIG &&
		      strstr(y->e.msg, "not a bank"),
	      "%s", y->e.msg);
	CHECK(settle_set_profile(y->s, &y->profile, NULL) == ERR_NONE, "set");
	expect(y, -1);
	settle_verify(y->s, on_bank, y);
	CHECK(wait_done(y), "the bank itself: %s", y->e.msg);
}

static void tokens_are_deposited(struct yard *y)
{
	expect(y, -1);
	settle_mint(y->s, &y->b.me, amount_from_u64(5000), on_step, on_done, y);
	CHECK(wait_done(y), "mint: %s", y->e.msg);
	expect(y, -1);
	settle_deposit(y->s, amount_from_u64(2000), &y->b.me, on_step, on_done,
		       y);
	CHECK(wait_done(y) && y->r.transactions == 2, "deposit: %s", y->e.msg);
	the_books_agree(y, "after the deposit");
	CHECK(in_bank(y) == 2000, "in the bank");
}

static void what_would_fail_is_not_sent(struct yard *y)
{
	withdraw(y, 100000);
	CHECK(!wait_done(y) && y->steps[OUTBOX_STORED] == 0 &&
		      strstr(y->e.msg, "not free"),
	      "%s", y->e.msg);
}

static void what_vanishes_from_the_pool_is_sent_again(struct yard *y)
{
	uint64_t before = in_bank(y);

	mine(y, false);
	withdraw(y, 100);
	wait_step(y, OUTBOX_SENT);
	dev(y, 0, "drop", "{}");
	mine(y, true);
	CHECK(wait_done(y) && y->r.transactions == 1, "%s", y->e.msg);
	CHECK(in_bank(y) == before - 100, "withdrawn once");
	the_books_agree(y, "after a drop");
}

/* The nodes take it and lose it, and take nothing until it has expired. */
static void what_expired_is_made_anew_and_done_once(struct yard *y)
{
	static const char busy[] =
		"{\"path\":\"/wallet/broadcasthex\",\"times\":100000,"
		"\"answer\":{\"result\":false,\"code\":\"SERVER_BUSY\"}}";
	uint64_t before = in_bank(y);

	mine(y, false);
	withdraw(y, 100);
	wait_step(y, OUTBOX_SENT);
	for (size_t i = 0; i < NODES; i++)
		dev(y, i, "fault", busy);
	dev(y, 0, "drop", "{}");
	dev(y, 0, "mine", "{\"skip_ms\":300000}");
	dev(y, 0, "mine", "{\"blocks\":3}");
	while (!strstr(y->last, "tried anew") && y->e.code == ERR_NONE) {
		y->steps[OUTBOX_TROUBLE] = 0;
		wait_step(y, OUTBOX_TROUBLE);
	}
	CHECK(y->steps[OUTBOX_STORED] == 1, "stored once so far");
	for (size_t i = 0; i < NODES; i++)
		dev(y, i, "heal", "{}");
	mine(y, true);
	CHECK(wait_done(y) && y->steps[OUTBOX_STORED] == 2, "%s", y->e.msg);
	CHECK(in_bank(y) == before - 100, "withdrawn once");
	the_books_agree(y, "after an expiry");
}

static void what_is_rolled_back_is_sent_again(struct yard *y)
{
	uint64_t before = in_bank(y);

	mine(y, false);
	dev(y, 0, "solid", "{\"hold\":true}");
	withdraw(y, 100);
	wait_step(y, OUTBOX_SENT);
	dev(y, 0, "mine", "{}");
	wait_step(y, OUTBOX_MINED);
	dev(y, 0, "rollback", "{\"blocks\":1,\"forget\":true}");
	wait_step(y, OUTBOX_UNDONE);
	dev(y, 0, "solid", "{\"lag\":2}");
	mine(y, true);
	CHECK(wait_done(y) && y->r.transactions == 1, "%s", y->e.msg);
	CHECK(in_bank(y) == before - 100, "withdrawn once");
	the_books_agree(y, "after a rollback");
}

/* One node says that it failed: nothing is booked while they differ. (It is
 * told to lie while nobody asks, and from the block on that has it.) */
static void a_lie_about_the_end_is_not_believed(struct yard *y)
{
	static const char lie[] =
		"{\"path\":\"/walletsolidity/gettransactioninfobyid\","
		"\"times\":100000,\"set\":{\"receipt.result\":\"REVERT\"}}";
	uint64_t before = in_bank(y);

	mine(y, false);
	withdraw(y, 100);
	wait_step(y, OUTBOX_SENT);
	close_yard(y);
	dev(y, 0, "mine", "{\"blocks\":4}");
	dev(y, 1, "fault", lie);
	open_yard(y);
	turn_ms(&y->b, 400);
	CHECK(settle_pending(y->s, 0), "a lie was believed");
	dev(y, 1, "heal", "{}");
	until_ended(y);
	CHECK(in_bank(y) == before - 100, "withdrawn once");
	mine(y, true);
	the_books_agree(y, "after a lie");
}

static void a_node_that_lags_only_delays(struct yard *y)
{
	uint64_t before = in_bank(y);

	dev(y, 1, "lag", "{\"blocks\":8}");
	withdraw(y, 100);
	CHECK(wait_done(y) && y->r.transactions == 1, "%s", y->e.msg);
	CHECK(in_bank(y) == before - 100, "withdrawn once, seen by both");
	dev(y, 1, "heal", "{}");
	the_books_agree(y, "after a lag");
}

static void a_node_that_is_away_stops_nothing(struct yard *y)
{
	static const char *const paths[] = {
		"/wallet/broadcasthex", "/wallet/getblock",
		"/walletsolidity/triggerconstantcontract",
		"/walletsolidity/getblock"};
	uint64_t before = in_bank(y);
	char body[128];

	for (size_t i = 0; i < 4; i++) {
		(void)snprintf(body, sizeof(body),
			       "{\"path\":\"%s\",\"times\":100000,\"close\":"
			       "true}",
			       paths[i]);
		dev(y, 0, "fault", body);
	}
	withdraw(y, 100);
	CHECK(wait_done(y) && y->r.transactions == 1, "%s", y->e.msg);
	CHECK(in_bank(y) == before - 100, "withdrawn once");
	dev(y, 0, "heal", "{}");
	the_books_agree(y, "after a node was away");
}

static void running_out_of_time_costs_the_fee_and_nothing_else(struct yard *y)
{
	uint64_t before = in_bank(y);

	dev(y, 0, "outoftime", "{\"calls\":1}");
	withdraw(y, 100);
	CHECK(!wait_done(y) && strstr(y->e.msg, "only its fee is spent"), "%s",
	      y->e.msg);
	CHECK(!amount_is_zero(y->r.fee), "the fee");
	CHECK(in_bank(y) == before, "nothing was withdrawn");
	the_books_agree(y, "after a failure");
}

static void a_restart_in_the_middle_loses_and_doubles_nothing(struct yard *y)
{
	static const enum outbox_step at[] = {OUTBOX_STORED, OUTBOX_SENT,
					      OUTBOX_MINED};
	uint64_t before = in_bank(y);

	for (size_t i = 0; i < ROWS(at); i++) {
		mine(y, false);
		dev(y, 0, "solid", "{\"hold\":true}");
		withdraw(y, 100);
		if (at[i] == OUTBOX_MINED) {
			wait_step(y, OUTBOX_SENT);
			dev(y, 0, "mine", "{}");
		}
		wait_step(y, at[i]);
		close_yard(y);
		dev(y, 0, "solid", "{\"lag\":2}");
		mine(y, true);
		open_yard(y);
		CHECK(settle_pending(y->s, 0), "row %zu: still known", i);
		until_ended(y);
		CHECK(in_bank(y) == before - 100 * (i + 1),
		      "row %zu: withdrawn once", i);
		the_books_agree(y, "after a restart");
	}
}

static void an_account_without_coin_is_told_what_to_do(struct yard *y)
{
	struct chain_call call = {.from = {{0x77}}, .to = y->profile.token};
	uint8_t data[ERC20_APPROVE_LEN];
	struct wr w = wr_into(data, sizeof(data));
	struct got_tx g;

	erc20_enc_approve(&w, &y->profile.bank, amount_from_u64(5));
	call.data = data;
	call.len = wr_len(&w);
	CHECK(wait_trial(&y->b, &g, y->ch, &call) && !g.trial.ok &&
		      strstr(g.trial.reason, "send it to T"),
	      "%s %s", g.e.msg, g.trial.reason);
}

static void run(struct yard *y)
{
	mine(y, true);
	a_bank_is_deployed_and_verified(y);
	another_contract_is_no_bank(y);
	tokens_are_deposited(y);
	what_would_fail_is_not_sent(y);
	what_vanishes_from_the_pool_is_sent_again(y);
	what_expired_is_made_anew_and_done_once(y);
	what_is_rolled_back_is_sent_again(y);
	a_lie_about_the_end_is_not_believed(y);
	a_node_that_lags_only_delays(y);
	a_node_that_is_away_stops_nothing(y);
	running_out_of_time_costs_the_fee_and_nothing_else(y);
	a_restart_in_the_middle_loses_and_doubles_nothing(y);
	an_account_without_coin_is_told_what_to_do(y);
	mine(y, false);
}

static bool set_up(struct yard *y)
{
	bool good = profile_find(&y->profile, "local-tron", NULL) == ERR_NONE;

	for (size_t i = 0; i < NODES && good; i++) {
		char url[64];

		(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u",
			       y->nodes[i].port);
		good = profile_set(&y->profile, "rpc", url, NULL) == ERR_NONE;
	}
	CHECK(good, "profile");
	return good;
}

int main(int argc, char **argv)
{
	static struct yard y;
	char file[96], server[1024];

	if (!anvil_find(&y.nodes[0], argc, argv))
		return SKIPPED;
	(void)snprintf(server, sizeof(server),
		       "%s/../../../tests/tron/server.mjs", argv[1]);
	if (access(server, R_OK) != 0) {
		(void)printf("no TRON chain in this tree\n");
		return SKIPPED;
	}
	(void)snprintf(y.path, sizeof(y.path), "tron-%d.db", getpid());
	bench_init(&y.b);
	y.miner = loop_timer_new(y.b.loop, on_miner, &y);
	if (chain_start(&y, server) && set_up(&y)) {
		y.cfg = (struct settle_config){.me = y.b.me,
					       .fee_share = 2,
					       .unix_s = unix_now,
					       .poll_ms = 10};
		open_yard(&y);
		run(&y);
		close_yard(&y);
	}
	(void)kill(y.pid, SIGTERM);
	(void)waitpid(y.pid, NULL, 0);
	loop_timer_free(y.miner);
	bench_clear(&y.b);
	for (int i = 0; i < 3; i++) {
		static const char *const tails[] = {"", "-wal", "-shm"};

		(void)snprintf(file, sizeof(file), "%s%s", y.path, tails[i]);
		(void)unlink(file);
	}
	return CHECK_EXIT();
}
