/* bench_wire.c - what the wire alone costs: a seeder and a leecher process over
 * loopback TCP, the seeder's store one cached buffer, the leecher's a counter.
 *
 * usage: bench_wire [MiB [piece-KiB]]
 * Prints CPU seconds per GiB (user, system) of both sides and the speed. Not a
 * test: figures depend on the machine.
 */
#include "base/bits.h"
#include "base/clock.h"
#include "wire/swarm/swarm.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define RECV_BUF (256U * 1024U)
#define RECV_MIN (16U * 1024U)

struct side {
	struct swarm *s;
	struct cbuf *cache;
	struct cbuf_pool *pool;
	struct cbuf *recv_buf;
	uint32_t recv_at;
	struct peer *p;
	int fd;
	bool wants_write, closed, done;
	unsigned long reads, recvs, writes;
};

static enum swarm_read on_read(void *ctx, uint32_t piece, uint32_t offset,
			       uint32_t len, struct span *out, uint64_t cookie)
{
	struct side *me = ctx;

	(void)piece;
	(void)cookie;
	*out = (struct span){me->cache, me->cache->data + offset % RECV_BUF,
			     len};
	span_ref(out);
	me->reads++;
	return SWARM_READ_NOW;
}

static void on_write(void *ctx, uint32_t piece, uint32_t offset,
		     const struct span *spans, size_t n)
{
	(void)ctx;
	(void)piece;
	(void)offset;
	(void)spans;
	(void)n;
}

static void on_piece_complete(void *ctx, uint32_t piece)
{
	swarm_piece_verified(((struct side *)ctx)->s, clock_now_ms(), piece);
}

static void on_piece_done(void *ctx, uint32_t piece, bool ok)
{
	(void)ctx;
	(void)piece;
	(void)ok;
}

static void on_complete(void *ctx)
{
	((struct side *)ctx)->done = true;
}

static enum swarm_charge on_charge(void *ctx, struct peer *p, uint32_t len,
				   enum peer_slot slot)
{
	(void)ctx;
	(void)p;
	(void)len;
	(void)slot;
	return WIRE_FREE;
}

static void on_uncharge(void *ctx, struct peer *p, uint32_t len)
{
	(void)ctx;
	(void)p;
	(void)len;
}

static void on_block(void *ctx, struct peer *p, uint32_t len, bool wanted)
{
	(void)ctx;
	(void)p;
	(void)len;
	(void)wanted;
}

static void on_ext(void *ctx, struct peer *p, enum ext_id ext,
		   const uint8_t *bytes, size_t len)
{
	(void)ctx;
	(void)p;
	(void)ext;
	(void)bytes;
	(void)len;
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

static void on_choked(void *ctx, struct peer *p, bool choked)
{
	(void)ctx;
	(void)p;
	(void)choked;
}

static void on_slot(void *ctx, struct peer *p, enum peer_slot slot)
{
	(void)ctx;
	(void)p;
	(void)slot;
}

static void on_banned(void *ctx, struct peer *p, uint64_t serial,
		      const struct wire_addr *addr)
{
	(void)ctx;
	(void)p;
	(void)serial;
	(void)addr;
}

static const struct swarm_ops ops = {
	.read = on_read,
	.write = on_write,
	.piece_complete = on_piece_complete,
	.piece_done = on_piece_done,
	.complete = on_complete,
	.charge = on_charge,
	.uncharge = on_uncharge,
	.block_received = on_block,
	.ext_message = on_ext,
	.peer_ready = on_ready,
	.peer_gone = on_gone,
	.peer_choked = on_choked,
	.peer_slot = on_slot,
	.peer_banned = on_banned,
};

static void want_write(void *user)
{
	((struct side *)user)->wants_write = true;
}

static void want_read(void *user)
{
	(void)user;
}

static void on_close(void *user, enum peer_close why, const char *text)
{
	(void)fprintf(stderr, "closed: %s: %s\n", peer_close_name(why), text);
	((struct side *)user)->closed = true;
}

static const struct peer_io io = {want_write, want_read, on_close};

static struct swarm *find(void *ctx, const struct info_hash *hash)
{
	(void)hash;
	return ((struct side *)ctx)->s;
}

static bool make_side(struct side *me, uint32_t pieces, uint32_t piece_len,
		      bool seed)
{
	uint8_t *have = malloc(bits_bytes(pieces));
	struct swarm_cfg cfg = {
		.pieces = pieces,
		.piece_len = piece_len,
		.total_len = (uint64_t)pieces * piece_len,
		.have = have,
		.rng = rng_system(),
		.ops = &ops,
		.ctx = me,
	};

	if (!have)
		return false;
	memset(have, 0, bits_bytes(pieces));
	for (uint32_t i = 0; seed && i < pieces; i++)
		bits_set(have, i);
	cfg.self.bytes[0] = seed ? 's' : 'l';
	me->pool = cbuf_pool_new(RECV_BUF, 64, 8);
	me->cache = cbuf_get(me->pool);
	me->recv_buf = cbuf_get(me->pool);
	memset(me->cache->data, 0x5a, RECV_BUF);
	if (swarm_new(&me->s, &cfg, clock_now_ms(), NULL) != ERR_NONE)
		return false;
	free(have);
	return true;
}

/* True: the socket took all there was. */
static bool write_all(struct side *me, int64_t now)
{
	struct iovec iov[34];
	size_t bytes, n;

	while ((n = peer_output(me->p, now, iov, 34, &bytes)) > 0) {
		ssize_t sent = writev(me->fd, iov, (int)n);

		me->writes++;
		if (sent < 0)
			return false;
		peer_sent(me->p, now, (size_t)sent);
		if ((size_t)sent < bytes)
			return false;
	}
	me->wants_write = false;
	return true;
}

static bool read_some(struct side *me, int64_t now)
{
	struct span in;
	ssize_t n;

	if (me->recv_buf->cap - me->recv_at < RECV_MIN) {
		cbuf_unref(me->recv_buf);
		me->recv_buf = cbuf_get(me->pool);
		me->recv_at = 0;
	}
	n = recv(me->fd, me->recv_buf->data + me->recv_at,
		 me->recv_buf->cap - me->recv_at, 0);
	if (n == 0 || (n < 0 && errno != EAGAIN))
		return false;
	if (n < 0)
		return true;
	me->recvs++;
	in = (struct span){me->recv_buf, me->recv_buf->data + me->recv_at,
			   (size_t)n};
	peer_feed(me->p, now, in);
	if (me->recv_buf->refs == 1)
		me->recv_at = 0; /* nobody holds what came before */
	else
		me->recv_at += (uint32_t)n;
	return true;
}

static void run(struct side *me)
{
	struct pollfd pfd = {.fd = me->fd};

	while (!me->closed && !me->done) {
		int64_t now;

		pfd.events = (short)(POLLIN | (me->wants_write ? POLLOUT : 0));
		(void)poll(&pfd, 1, 200);
		now = clock_now_ms();
		(void)swarm_tick(me->s, now);
		if ((pfd.revents & (POLLIN | POLLHUP | POLLERR)) &&
		    !read_some(me, now))
			return;
		if (me->wants_write)
			(void)write_all(me, now);
	}
}

static void report(const char *who, const struct side *me, double gib)
{
	struct rusage u;
	double user, sys;

	(void)getrusage(RUSAGE_SELF, &u);
	user = (double)u.ru_utime.tv_sec + (double)u.ru_utime.tv_usec / 1e6;
	sys = (double)u.ru_stime.tv_sec + (double)u.ru_stime.tv_usec / 1e6;
	(void)printf("%-5s %.3f s/GiB (user %.3f, system %.3f), %lu recv, "
		     "%lu writev, rss %ld KiB\n",
		     who, (user + sys) / gib, user / gib, sys / gib, me->recvs,
		     me->writes, u.ru_maxrss);
}

static int open_listener(struct sockaddr_in *at)
{
	socklen_t len = sizeof(*at);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	memset(at, 0, sizeof(*at));
	at->sin_family = AF_INET;
	at->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)at, sizeof(*at)) ||
	    listen(fd, 1) || getsockname(fd, (struct sockaddr *)at, &len))
		return -1;
	return fd;
}

static int connect_to(const struct sockaddr_in *at)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)at, sizeof(*at)))
		return -1;
	return fd;
}

static int play(int fd, bool seed, uint32_t pieces, uint32_t piece_len)
{
	struct side me = {.fd = fd};
	struct peer_cfg cfg = {.io = &io, .user = &me};
	double gib = (double)pieces * piece_len / (1024.0 * 1024 * 1024);
	int one = 1;
	int64_t began = clock_now_ms();

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	if (!make_side(&me, pieces, piece_len, seed))
		return 1;
	me.p = seed ? swarm_accept(find, &me, &cfg, began)
		    : swarm_connect(me.s, &cfg, began);
	run(&me);
	if (!seed)
		(void)printf("%.2f GiB at %.0f MB/s\n", gib,
			     gib * 1073.741824 * 1000 /
				     (double)(clock_now_ms() - began));
	report(seed ? "seed" : "leech", &me, gib);
	(void)fflush(stdout);
	(void)close(fd);
	return seed || me.done ? 0 : 1;
}

int main(int argc, char **argv)
{
	uint32_t mib = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 2048;
	uint32_t kib = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 1024;
	struct sockaddr_in at;
	int listener = open_listener(&at), rc;
	pid_t child;

	if (listener < 0 || kib < 16)
		return 2;
	child = fork();
	if (child == 0)
		_exit(play(accept(listener, NULL, NULL), true, mib * 1024 / kib,
			   kib * 1024));
	rc = play(connect_to(&at), false, mib * 1024 / kib, kib * 1024);
	(void)close(listener);
	(void)waitpid(child, NULL, 0);
	return rc;
}
