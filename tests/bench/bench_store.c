/* bench_store: what the store costs without the network, in CPU seconds a GiB.
 * usage: bench_store [DIR [MiB [piece-KiB [pieces at once]]]]
 * DIR should be on tmpfs (default /dev/shm), so that no disk is measured.
 *
 *   write   blocks as they lie in 256 KiB receive buffers (13 byte headers
 *           between them), several pieces at once, until all are verified
 *   read    every block once, the last 32 kept as if queued for a peer
 *   verify  the whole torrent again
 */
#include "tests/storage/rig.h"

#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

#define QUEUE 32
#define RECV (256U * 1024U)

struct bench {
	struct rig rig;
	struct rig_torrent t;
	struct loop_timer *feed;
	struct cbuf_pool *recv;
	struct cbuf *buf; /* being filled */
	uint32_t used;
	uint32_t lanes; /* pieces at once */
	uint64_t next;	/* block, counted over all */
	uint64_t blocks;
	uint32_t per_piece;
};

static double cpu_s(void)
{
	struct rusage u;

	(void)getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static double wall_s(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

static void print(const struct bench *b, const char *what, double cpu,
		  double wall)
{
	double gib = (double)b->t.total / (double)(1ULL << 30);

	(void)printf("%-8s %6.3f CPU s/GiB   %7.0f MB/s\n", what, cpu / gib,
		     (double)b->t.total / wall / 1e6);
}

/* Blocks go round `lanes` pieces, as from that many peers. */
static void place(const struct bench *b, uint64_t n, uint32_t *piece,
		  uint32_t *offset)
{
	uint64_t group = (uint64_t)b->lanes * b->per_piece;
	uint64_t base = n / group * b->lanes, in = n % group;
	uint64_t lanes =
		b->t.pieces - base < b->lanes ? b->t.pieces - base : b->lanes;

	*piece = (uint32_t)(base + in % lanes);
	*offset = (uint32_t)(in / lanes) * STORE_BLOCK;
}

/* The payload is made in place of recv(): one copy of 16 KiB. */
static void feed_block(struct bench *b)
{
	uint32_t piece, offset;
	struct span s;

	if (b->buf && b->used + 13 + STORE_BLOCK > RECV) {
		cbuf_unref(b->buf);
		b->buf = NULL;
	}
	if (!b->buf) {
		b->buf = cbuf_get(b->recv);
		b->used = 0;
	}
	place(b, b->next++, &piece, &offset);
	s = (struct span){b->buf, b->buf->data + b->used + 13, STORE_BLOCK};
	memcpy(b->buf->data + b->used + 13, b->t.data + offset, STORE_BLOCK);
	b->used += 13 + STORE_BLOCK;
	if (store_write(b->rig.store, piece, offset, &s, 1, NULL) != ERR_NONE)
		(void)fprintf(stderr, "write failed\n");
}

static void on_feed(void *ctx)
{
	struct bench *b = ctx;

	for (int i = 0; i < 16 && b->next < b->blocks && !b->rig.blocked; i++)
		feed_block(b);
	if (b->next < b->blocks)
		loop_timer_set(b->feed, b->rig.blocked ? 1 : 0);
}

static void bench_write(struct bench *b)
{
	double cpu = cpu_s(), wall = wall_s();

	loop_timer_set(b->feed, 0);
	while (b->rig.good < b->t.pieces && b->rig.bad == 0)
		loop_run(b->rig.loop);
	cbuf_unref(b->buf);
	b->buf = NULL;
	print(b, "write", cpu_s() - cpu, wall_s() - wall);
}

static void bench_read(struct bench *b)
{
	struct span queue[QUEUE] = {{NULL, NULL, 0}};
	double cpu = cpu_s(), wall = wall_s();
	unsigned later = 0;

	b->rig.read_ok = b->rig.read_failed = 0;
	for (uint64_t n = 0; n < b->blocks; n++) {
		struct span *s = &queue[n % QUEUE];
		uint32_t piece = (uint32_t)(n / b->per_piece);
		uint32_t offset = (uint32_t)(n % b->per_piece) * STORE_BLOCK;

		span_unref(s);
		s->owner = NULL;
		if (store_read(b->rig.store, piece, offset, STORE_BLOCK, s,
			       offset) == STORE_LATER) {
			later++;
			while (b->rig.read_ok + b->rig.read_failed < later)
				loop_run(b->rig.loop);
		}
	}
	for (int i = 0; i < QUEUE; i++)
		span_unref(&queue[i]);
	print(b, "read", cpu_s() - cpu, wall_s() - wall);
}

static void bench_verify(struct bench *b)
{
	double cpu = cpu_s(), wall = wall_s();

	if (store_verify(b->rig.store, rig_verified, &b->rig, NULL) != ERR_NONE)
		return;
	while (!b->rig.verified)
		loop_run(b->rig.loop);
	print(b, "verify", cpu_s() - cpu, wall_s() - wall);
}

/* One file; all pieces are the same bytes, so that no 2 GiB are needed. */
static void make(struct bench *b, uint64_t mib, uint32_t piece_kib)
{
	struct rng rng = rng_seeded(1);
	struct rig_torrent *t = &b->t;

	rig_add_file(t, "file", mib << 20, false);
	t->piece_len = piece_kib * 1024;
	t->total = mib << 20;
	t->pieces = (uint32_t)(t->total / t->piece_len);
	t->data = malloc(t->piece_len);
	t->hashes = malloc((size_t)t->pieces * SHA1_LEN);
	if (!t->data || !t->hashes)
		abort();
	rng_fill(&rng, t->data, t->piece_len);
	for (uint32_t i = 0; i < t->pieces; i++)
		sha1_once(t->hashes + (size_t)i * SHA1_LEN, t->data,
			  t->piece_len);
	b->per_piece = t->piece_len / STORE_BLOCK;
	b->blocks = t->total / STORE_BLOCK;
}

static unsigned long number(char **argv, int argc, int i, unsigned long other)
{
	return argc > i ? strtoul(argv[i], NULL, 10) : other;
}

int main(int argc, char **argv)
{
	static struct bench b;
	unsigned long mib = number(argv, argc, 2, 2048);
	unsigned long kib = number(argv, argc, 3, 1024);

	(void)setenv("TMPDIR", argc > 1 ? argv[1] : "/dev/shm", 1);
	b.lanes = (uint32_t)number(argv, argc, 4, 1);
	if (mib == 0 || kib < 16 || kib % 16 != 0 || mib * 1024 % kib != 0 ||
	    b.lanes == 0) {
		(void)fprintf(stderr, "sizes must be multiples\n");
		return 1;
	}
	make(&b, mib, (uint32_t)kib);
	rig_home(&b.rig);
	rig_start(&b.rig, &(struct store_env_cfg){.save_ms = 5000});
	b.recv = cbuf_pool_new(RECV, 4096, 256);
	b.feed = loop_timer_new(b.rig.loop, on_feed, &b);
	rig_open(&b.rig, &b.t);
	bench_write(&b);
	bench_read(&b);
	bench_verify(&b);
	loop_timer_free(b.feed);
	rig_stop(&b.rig);
	cbuf_pool_free(b.recv);
	rig_remove(&b.rig);
	rig_torrent_clear(&b.t);
	return b.rig.bad > 0;
}
