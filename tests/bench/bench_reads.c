/* bench_reads: sectors read from a host over a sealed renting connection and
 * verified: two nodes, two processes, one TCP connection over loopback. No
 * chain and no money: a host's disk, machine and door, a renter's machine.
 * usage: bench_reads [MiB [runs]]    (default 256, 5)
 *
 *   sectors  whole ones, as a download asks for them: hashed to their roots
 *   ranges   64 KiB each of another sector, with their Merkle proofs; not more
 *            than a host answers at once (its requests are counted)
 *
 * MiB/s, and CPU seconds a GiB of either process with all its threads: minimum
 * / median / maximum of the runs; one run before the first is not counted. The
 * directory is made in TMPDIR.
 */
#include "base/eip712.h"
#include "node/core/engine.h"
#include "node/core/settings.h"
#include "node/host/rent_store.h"
#include "node/rent/rent_link.h"
#include "storage/rent/rent_client.h"
#include "tests/storage/sector_rig.h"

#include <sys/wait.h>
#include <time.h>

#define CHAIN 31337
#define WINDOW 4U /* reads under way: DOWNLOAD_PER_HOST */
#define RANGE (4 * TREE_TILE)
#define RANGES_MAX 64U /* a run; all runs together below a host's tokens */
#define RUNS_MAX 5U
#define WAIT_MS 60000

static const struct address bank = {{7, 7}};
static unsigned sectors_n = 256, runs = RUNS_MAX;

static void die(const char *what, const char *why)
{
	(void)fprintf(stderr, "bench_reads: %s: %s\n", what, why);
	exit(1);
}

/* ---- a node: an engine with a home of its own ---- */

struct node {
	char dir[80];
	struct home home;
	struct options *settings;
	struct engine *en;
};

static void node_start(struct node *n, const char *top, const char *name)
{
	struct err e = {0};

	(void)snprintf(n->dir, sizeof(n->dir), "%s/%s", top, name);
	if (mkdir(n->dir, 0700) != 0 ||
	    home_open(&n->home, n->dir, &e) != ERR_NONE ||
	    settings_load(&n->settings, &n->home, &e) != ERR_NONE ||
	    options_set(n->settings, "listen", "127.0.0.1:0", &e) != ERR_NONE ||
	    engine_new(&n->en, &n->home, n->settings, NULL, true, MONEY_NONE,
		       &e) != ERR_NONE ||
	    engine_listen(n->en, false, &e) != ERR_NONE)
		die(name, e.msg);
}

/* ---- the host ---- */

struct host {
	struct node node;
	struct sectors *sectors;
	struct rent_store *store;
	struct rent_host *machine;
	struct rent_door *door;
	struct rent_session *session; /* of the one renter */
	struct rent_link *link;
};

static int64_t host_now(const struct host *h)
{
	return loop_now_ms(h->node.en->loop);
}

static void op_send(void *ctx, void *session, const uint8_t *msg, size_t len)
{
	(void)session;
	(void)rent_link_send(((struct host *)ctx)->link, msg, len);
}

static size_t op_room(void *ctx, void *session)
{
	(void)session;
	return rent_link_room(((struct host *)ctx)->link);
}

static void op_close(void *ctx, void *session, const struct err *e)
{
	(void)session;
	rent_link_close(((struct host *)ctx)->link, e->msg);
}

static void op_block(void *ctx, void *session, bool blocked)
{
	(void)session;
	rent_link_block(((struct host *)ctx)->link, blocked);
}

static void op_ask(void *ctx, uint64_t token, const struct rent_ask *q)
{
	rent_store_ask(((struct host *)ctx)->store, token, q);
}

static bool op_period(void *ctx, uint32_t *now)
{
	(void)ctx;
	*now = 0;
	return false;
}

static void op_facts(void *ctx, const struct address *renter, uint32_t number,
		     struct rent_facts *out)
{
	(void)ctx;
	(void)renter;
	(void)number;
	memset(out, 0, sizeof(*out));
}

static struct amount op_proof_fee(void *ctx)
{
	(void)ctx;
	return AMOUNT_ZERO;
}

static bool op_collateral(void *ctx, struct amount more)
{
	(void)ctx;
	(void)more;
	return false;
}

static const struct rent_offer *op_offer(void *ctx, const struct hash32 *digest)
{
	(void)ctx;
	(void)digest;
	return NULL;
}

static uint64_t op_space(void *ctx)
{
	(void)ctx;
	return 0;
}

static bool op_covered(void *ctx, void *session, struct amount due)
{
	(void)ctx;
	(void)session;
	(void)due;
	return true;
}

static void op_add_due(void *ctx, void *session, const struct address *renter,
		       struct amount due)
{
	(void)ctx;
	(void)session;
	(void)renter;
	(void)due;
}

static bool op_charge(void *ctx, void *session, uint32_t len)
{
	(void)ctx;
	(void)session;
	(void)len;
	return true;
}

static void op_event(void *ctx, const struct rent_event *ev)
{
	(void)ctx;
	(void)ev;
}

static void on_answer(void *ctx, uint64_t token, const struct rent_answer *a)
{
	struct host *h = ctx;

	rent_host_answer(h->machine, token, a, host_now(h));
}

static void on_sign(void *ctx, uint64_t token, const struct rent_ask *q)
{
	const struct rent_answer no = {.code = ERR_STATE};

	(void)q;
	on_answer(ctx, token, &no);
}

static void *host_up(void *ctx, struct rent_link *k)
{
	struct host *h = ctx;
	struct rent_session_cfg cfg = {.ctx = h};
	struct err e = {0};

	h->link = k;
	rent_link_ip(k, cfg.ip);
	memcpy(cfg.peer_key, rent_link_peer_key(k), sizeof(cfg.peer_key));
	if (rent_session_new(&h->session, h->machine, &cfg, host_now(h), &e) !=
	    ERR_NONE)
		die("session", e.msg);
	return h;
}

static void host_message(void *ctx, struct rent_link *k, const uint8_t *msg,
			 size_t len)
{
	struct host *h = ctx;
	struct err e = {0};

	if (rent_host_receive(h->session, msg, len, host_now(h), &e) !=
	    ERR_NONE)
		rent_link_close(k, e.msg);
}

static void host_drained(void *ctx, struct rent_link *k)
{
	struct host *h = ctx;

	(void)k;
	rent_session_drained(h->session, host_now(h));
}

/* The renter has gone: that ends the process. */
static void host_down(void *ctx, struct rent_link *k, const char *why)
{
	(void)ctx;
	(void)k;
	(void)why;
	_exit(0);
}

static const struct rent_link_ops host_link_ops = {.up = host_up,
						   .message = host_message,
						   .drained = host_drained,
						   .down = host_down};

static void host_machine(struct host *h)
{
	const struct rent_host_ops ops = {
		.ctx = h,
		.send = op_send,
		.room = op_room,
		.close = op_close,
		.block = op_block,
		.ask = op_ask,
		.period = op_period,
		.facts = op_facts,
		.proof_fee = op_proof_fee,
		.collateral = op_collateral,
		.offer = op_offer,
		.space = op_space,
		.covered = op_covered,
		.add_due = op_add_due,
		.charge = op_charge,
		.event = op_event,
	};
	const struct ecc_key key = {.bytes = {[31] = 9}};
	const struct hash32 domain = eip712_domain(CHAIN, &bank);
	struct rent_host_cfg cfg = {.chain_id = CHAIN, .bank = bank};
	struct err e = {0};
	struct ecc *ecc = ecc_new(&e);
	struct ecc_sig sig;
	struct hash32 digest;

	if (!ecc)
		die("host", e.msg);
	cfg.me = ecc_address(ecc, &key);
	digest = eip712_channel(&domain, &cfg.me, rent_door_key(h->door));
	sig = ecc_sign(ecc, &key, &digest);
	cfg.key_sig = sig64_pack(&sig);
	ecc_free(ecc);
	if (rent_host_new(&h->machine, &cfg, &ops, host_now(h), 1000, &e) !=
	    ERR_NONE)
		die("host", e.msg);
}

static void run_host(const struct srig *r, int port_fd)
{
	struct host *h = calloc(1, sizeof(*h));
	struct info_hash name = rent_name_any(CHAIN, &bank);
	struct sectors_cfg disk = r->cfg;
	struct rent_store_cfg store = {
		.answer = on_answer, .sign = on_sign, .ctx = h};
	struct err e = {0};

	if (!h)
		die("host", "no memory");
	node_start(&h->node, r->dir, "host");
	disk.loop = store.loop = h->node.en->loop;
	disk.work = store.work = h->node.en->work;
	if (sectors_open(&h->sectors, &disk, &e) != ERR_NONE)
		die("disk", e.msg);
	store.sectors = h->sectors;
	if (rent_store_new(&h->store, &store, &e) != ERR_NONE ||
	    rent_door_new(&h->door, h->node.en->rent, &name, 1, &host_link_ops,
			  h, &e) != ERR_NONE)
		die("host", e.msg);
	host_machine(h);
	if (write(port_fd, &h->node.en->listen_port,
		  sizeof(h->node.en->listen_port)) < 0)
		die("host", "no pipe");
	loop_run(h->node.en->loop);
	_exit(0);
}

/* ---- the renter ---- */

struct renter {
	struct node node;
	struct rent_client *client;
	struct rent_link *link;
	struct loop_timer *guard;
	struct hash32 *roots;
	uint8_t *buf[WINDOW];
	/* the run */
	uint32_t len, next, end, done;
	bool up, over;
};

static int64_t renter_now(const struct renter *r)
{
	return loop_now_ms(r->node.en->loop);
}

static void client_send(void *ctx, const uint8_t *msg, size_t len)
{
	(void)rent_link_send(((struct renter *)ctx)->link, msg, len);
}

static size_t client_room(void *ctx)
{
	return rent_link_room(((struct renter *)ctx)->link);
}

static void client_close(void *ctx, const struct err *e)
{
	(void)ctx;
	die("renter", e->msg);
}

static bool client_covered(void *ctx, struct amount due)
{
	(void)ctx;
	(void)due;
	return true;
}

static void client_due(void *ctx, struct amount due)
{
	(void)ctx;
	(void)due;
}

static void client_charged(void *ctx, uint32_t len)
{
	(void)ctx;
	(void)len;
}

static void client_event(void *ctx, const struct rent_client_event *ev)
{
	struct renter *r = ctx;

	if (ev->kind == RENT_CLIENT_LIED)
		die("renter", ev->text);
	r->up |= ev->kind == RENT_CLIENT_UP;
	loop_stop(r->node.en->loop);
}

static void *renter_up(void *ctx, struct rent_link *k)
{
	struct renter *r = ctx;
	struct rent_client_link l = {{0}, {{0}}};

	memcpy(l.host_key, rent_link_peer_key(k), sizeof(l.host_key));
	rent_client_up(r->client, &l, renter_now(r));
	return r;
}

static void renter_message(void *ctx, struct rent_link *k, const uint8_t *msg,
			   size_t len)
{
	struct renter *r = ctx;
	struct err e = {0};

	(void)k;
	if (rent_client_receive(r->client, msg, len, renter_now(r), &e) !=
	    ERR_NONE)
		die("renter", e.msg);
}

static void renter_drained(void *ctx, struct rent_link *k)
{
	struct renter *r = ctx;

	(void)k;
	rent_client_drained(r->client, renter_now(r));
}

static void renter_down(void *ctx, struct rent_link *k, const char *why)
{
	(void)k;
	if (!((struct renter *)ctx)->over)
		die("connection", why);
}

static const struct rent_link_ops renter_link_ops = {.up = renter_up,
						     .message = renter_message,
						     .drained = renter_drained,
						     .down = renter_down};

static void on_guard(void *ctx)
{
	(void)ctx;
	die("renter", "nothing happens");
}

static void ask(struct renter *r, uint8_t *buf);

static void on_read(void *ctx, const struct rent_result *res)
{
	struct renter *r = ctx;

	if (res->fate != RENT_DONE)
		die("a read", res->why);
	r->done++;
	if (r->next < r->end)
		ask(r, (uint8_t *)(uintptr_t)res->data); /* it was lent by us */
	else if (r->done == r->end)
		loop_stop(r->node.en->loop);
}

static void ask(struct renter *r, uint8_t *buf)
{
	uint32_t n = r->next++;
	uint32_t off = n % (SECTOR_LEN / r->len) * r->len;
	struct err e = {0};

	if (!rent_call_read(r->client, &r->roots[n % sectors_n], off, r->len,
			    buf, on_read, r, &e))
		die("a read", e.msg);
	/* calls are sent when something is said to the client */
	rent_client_drained(r->client, renter_now(r));
}

static void renter_start(struct renter *r, const struct srig *s, uint16_t port)
{
	const struct rent_client_ops ops = {
		.ctx = r,
		.send = client_send,
		.room = client_room,
		.close = client_close,
		.covered = client_covered,
		.add_due = client_due,
		.charged = client_charged,
		.event = client_event,
	};
	const struct rent_client_cfg cfg = {.chain_id = CHAIN, .bank = bank};
	struct info_hash name = rent_name_any(CHAIN, &bank);
	struct net_addr to;
	struct err e = {0};

	node_start(&r->node, s->dir, "renter");
	r->guard = loop_timer_new(r->node.en->loop, on_guard, r);
	loop_timer_set(r->guard, WAIT_MS);
	if (!net_addr_from_ip(&to, "127.0.0.1", port) ||
	    rent_client_new(&r->client, &cfg, &ops, renter_now(r), 1000, &e) !=
		    ERR_NONE ||
	    rent_link_open(&r->link, r->node.en->rent, &name, &to,
			   &renter_link_ops, r, &e) != ERR_NONE)
		die("renter", e.msg);
	while (!r->up)
		loop_run(r->node.en->loop);
	for (unsigned i = 0; i < WINDOW; i++) {
		r->buf[i] = malloc(SECTOR_LEN);
		if (!r->buf[i])
			die("renter", "no memory");
	}
}

static void renter_stop(struct renter *r)
{
	r->over = true;
	loop_timer_free(r->guard);
	engine_free(r->node.en); /* with the link */
	options_free(r->node.settings);
	rent_client_free(r->client);
	for (unsigned i = 0; i < WINDOW; i++)
		free(r->buf[i]);
	free(r->roots);
	free(r);
}

/* ---- runs ---- */

struct series {
	double v[RUNS_MAX];
	unsigned n;
};

static double clock_s(clockid_t id)
{
	struct timespec ts;

	(void)clock_gettime(id, &ts);
	return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void print(const char *what, struct series *s, const char *form)
{
	qsort(s->v, s->n, sizeof(s->v[0]), by_value);
	(void)printf("  %-28s", what);
	(void)printf(form, s->v[0], s->v[s->n / 2], s->v[s->n - 1]);
}

static void measure(struct renter *r, pid_t host, const char *title,
		    uint32_t len, uint32_t count)
{
	struct series rate = {.n = 0}, ours = {.n = 0}, theirs = {.n = 0};
	const double gib = (double)len * count / (1U << 30);
	clockid_t host_clock;

	if (clock_getcpuclockid(host, &host_clock) != 0)
		die("host", "no clock");
	for (unsigned i = 0; i <= runs; i++) {
		double t = clock_s(CLOCK_MONOTONIC), h = clock_s(host_clock);
		double c = clock_s(CLOCK_PROCESS_CPUTIME_ID);

		loop_timer_set(r->guard, WAIT_MS);
		r->len = len;
		r->next = r->done = 0;
		r->end = count;
		for (unsigned j = 0; j < WINDOW && r->next < r->end; j++)
			ask(r, r->buf[j]);
		while (r->done < r->end)
			loop_run(r->node.en->loop);
		if (i == 0)
			continue;
		rate.v[rate.n++] = gib * 1024 / (clock_s(CLOCK_MONOTONIC) - t);
		theirs.v[theirs.n++] = (clock_s(host_clock) - h) / gib;
		ours.v[ours.n++] =
			(clock_s(CLOCK_PROCESS_CPUTIME_ID) - c) / gib;
	}
	(void)printf("%s\n", title);
	print("MiB/s", &rate, "%7.0f / %.0f / %.0f\n");
	print("host, CPU s a GiB", &theirs, "%7.2f / %.2f / %.2f\n");
	print("renter, CPU s a GiB", &ours, "%7.2f / %.2f / %.2f\n");
	(void)fflush(stdout);
}

static void store_sectors(struct srig *s, struct hash32 *roots)
{
	static uint8_t bytes[SECTOR_LEN];

	srig_start(s);
	if (srig_space(s, 0, sectors_n) != ERR_NONE)
		die("space", s->got.msg);
	for (uint32_t i = 0; i < sectors_n; i++) {
		if (srig_put(s, i) != ERR_NONE)
			die("put", s->got.msg);
		srig_sector(i, bytes, &roots[i]);
	}
	srig_stop(s);
}

int main(int argc, char **argv)
{
	struct renter *r = calloc(1, sizeof(*r));
	struct srig *s = calloc(1, sizeof(*s));
	uint16_t port = 0;
	int ends[2];
	pid_t host;

	if (argc > 1)
		sectors_n = (unsigned)strtoul(argv[1], NULL, 10);
	if (argc > 2)
		runs = (unsigned)strtoul(argv[2], NULL, 10);
	if (!r || !s || argc > 3 || sectors_n < 1 || sectors_n > 16384 ||
	    runs < 1 || runs > RUNS_MAX)
		die("usage", "bench_reads [MiB, 1..16384 [runs, 1..5]]");
	r->roots = calloc(sectors_n, sizeof(*r->roots));
	srig_home(s);
	s->cfg.max_staged = sectors_n;
	if (!r->roots || pipe(ends) != 0)
		die("start", "no memory, or no pipe");
	store_sectors(s, r->roots);
	host = fork();
	if (host == 0)
		run_host(s, ends[1]);
	if (host < 0 || read(ends[0], &port, sizeof(port)) != sizeof(port))
		die("host", "does not start");
	renter_start(r, s, port);
	measure(r, host, "whole sectors", SECTOR_LEN, sectors_n);
	measure(r, host, "ranges of 64 KiB, proved", RANGE, RANGES_MAX);
	renter_stop(r);
	(void)waitpid(host, NULL, 0); /* it sees the connection end */
	srig_remove(s);
	free(s);
	return 0;
}
