/* bench_ext.c - what sealed sb_store messages cost: two nodes in one process,
 * no socket, 64 KiB messages sealed, queued, taken out, fed and opened.
 *
 * usage: bench_ext [MiB]
 * Prints MiB a second of either side's own CPU. Not a test: figures depend on
 * the machine.
 */
#include "wire/peer/seal.h"
#include "wire/swarm/swarm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MESSAGE (64U * 1024U)
#define RECV_BUF (256U * 1024U)
#define WIRE_MAX (2U * 1024U * 1024U)

struct side {
	struct swarm *s;
	struct peer *p;
	struct seal seal;
	uint64_t messages, bytes;
	bool closed;
	double cpu;
};

static uint8_t plain[MESSAGE + 128], outer[EXT_STORE_MAX],
	opened[EXT_STORE_MAX];

static double cpu_now(void)
{
	return (double)clock() / CLOCKS_PER_SEC;
}

static void on_ext(void *ctx, struct peer *p, enum ext_id ext,
		   const uint8_t *bytes, size_t len)
{
	struct side *me = ctx;
	struct seal_outer o;
	size_t n;

	(void)p;
	(void)ext;
	if (seal_outer_read(&o, bytes, len, NULL) != ERR_NONE ||
	    seal_open(&me->seal, 's', opened, sizeof(opened), &n, o.p, o.len,
		      NULL) != ERR_NONE) {
		(void)fprintf(stderr, "does not open\n");
		exit(1);
	}
	me->messages++;
	me->bytes += n;
}

static void on_ready(void *ctx, struct peer *p, const struct ext_handshake *x)
{
	(void)ctx;
	(void)p;
	(void)x;
}

static void on_gone(void *ctx, struct peer *p)
{
	(void)ctx;
	(void)p;
}

static const struct swarm_ops ops = {
	.ext_message = on_ext,
	.peer_ready = on_ready,
	.peer_gone = on_gone,
};

static void want(void *user)
{
	(void)user;
}

static void on_close(void *user, enum peer_close why, const char *text)
{
	(void)fprintf(stderr, "closed: %s: %s\n", peer_close_name(why), text);
	((struct side *)user)->closed = true;
}

static const struct peer_io io = {want, want, on_close};

static struct swarm *find(void *ctx, const struct info_hash *hash)
{
	(void)hash;
	return ((struct side *)ctx)->s;
}

static bool make(struct side *me, char id, struct side *to)
{
	struct swarm_cfg cfg = {
		.sb_store = (const uint8_t *)"de",
		.sb_store_len = 2,
		.rng = rng_seeded(1),
		.ops = &ops,
		.ctx = me,
	};
	struct peer_cfg peer = {.io = &io, .user = me};

	memset(&cfg.self, id, sizeof(cfg.self));
	if (swarm_new(&me->s, &cfg, 0, NULL) != ERR_NONE)
		return false;
	me->p = to ? swarm_connect(me->s, &peer, 0)
		   : swarm_accept(find, me, &peer, 0);
	return me->p != NULL;
}

static bool seal_both(struct side *a, struct side *b)
{
	struct seal_keypair seller, buyer;
	const struct seal_transcript t = {0};

	seal_keypair_new(&seller);
	seal_keypair_new(&buyer);
	return seal_seller_new(&a->seal, &seller, buyer.pk, &t, NULL) ==
		       ERR_NONE &&
	       seal_buyer_new(&b->seal, &buyer, seller.pk, &t, NULL) ==
		       ERR_NONE;
}

/* All that `from` has to say, to `to`: through buffers as a socket fills them.
 */
static void carry(struct side *from, struct side *to, struct cbuf_pool *pool)
{
	static uint8_t wire[WIRE_MAX];
	struct iovec iov[34];
	size_t bytes, n, len = 0;
	double start = cpu_now();

	while ((n = peer_output(from->p, 1, iov, 34, &bytes)) > 0) {
		for (size_t i = 0; i < n; i++) { /* the kernel's copy */
			memcpy(wire + len, iov[i].iov_base, iov[i].iov_len);
			len += iov[i].iov_len;
		}
		peer_sent(from->p, 1, bytes);
	}
	from->cpu += cpu_now() - start;
	start = cpu_now();
	for (size_t at = 0; at < len;) {
		struct cbuf *b = cbuf_get(pool);
		size_t part = len - at < RECV_BUF ? len - at : RECV_BUF;

		memcpy(b->data, wire + at, part);
		peer_feed(to->p, 1, (struct span){b, b->data, part});
		cbuf_unref(b);
		at += part;
	}
	to->cpu += cpu_now() - start;
}

static void fill(struct side *from)
{
	double start = cpu_now();
	size_t n;

	while (swarm_peer_ext_room(from->p, 1) > 0) {
		if (seal_outer_box(&from->seal, SEAL_OUTER_BUYER, 's', outer,
				   sizeof(outer), &n, plain, sizeof(plain),
				   NULL) != ERR_NONE ||
		    swarm_peer_send_ext(from->p, EXT_SB_STORE, outer, n,
					NULL) != ERR_NONE)
			exit(1);
		from->messages++;
		from->bytes += sizeof(plain);
	}
	from->cpu += cpu_now() - start;
}

int main(int argc, char **argv)
{
	uint64_t total = (argc > 1 ? strtoull(argv[1], NULL, 10) : 2048) << 20;
	struct cbuf_pool *pool = cbuf_pool_new(RECV_BUF, 8, 4);
	struct side a = {0}, b = {0};

	if (!pool || !make(&a, 'a', NULL) || !make(&b, 'b', &a) ||
	    !seal_both(&a, &b))
		return 1;
	for (int i = 0; i < 3; i++) { /* the handshakes */
		carry(&b, &a, pool);
		carry(&a, &b, pool);
	}
	a.cpu = b.cpu = 0;
	while (b.bytes < total && !a.closed && !b.closed) {
		fill(&b);
		carry(&b, &a, pool);
	}
	if (a.bytes != b.bytes)
		return 1;
	(void)printf("%llu messages of %zu bytes: %.0f MiB/s of the sender's "
		     "CPU, %.0f of the receiver's\n",
		     (unsigned long long)a.messages, sizeof(plain),
		     (double)a.bytes / b.cpu / (1 << 20),
		     (double)a.bytes / a.cpu / (1 << 20));
	peer_free(a.p);
	peer_free(b.p);
	swarm_free(a.s);
	swarm_free(b.s);
	cbuf_pool_free(pool);
	return 0;
}
