/* bench_put: what making sectors of a file costs on one core, without network
 * and disk.
 * usage: bench_put [MiB of input [k [n]]]     (default 1024, 10 of 30)
 *
 *   encrypt   frames of plaintext
 *   code      parity rows
 *   whiten    every row
 *   hash      every sector's tree
 *   total     the pipeline as it is used, which does the last three tile by
 *             tile; best of three parts of the run
 *   get       from the last k sectors back to plaintext
 *   trees     leaves and nodes of a sector by each way that the processor has
 *
 * Rates are MiB of input a second of processor time. RSS is the most that the
 * process had, input buffer and all sectors of a segment included.
 */
#include "base/hash.h"
#include "base/sha256_many.h"
#include "base/xchacha.h"
#include "storage/object/segment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define PARTS 3

struct bench {
	unsigned k, n, segments;
	struct segment *s;
	struct object_keys keys;
	uint8_t *out; /* n sectors */
	struct hash32 *roots;
	uint8_t plain[FRAME_PLAIN]; /* the input, again and again */
};

static double cpu_s(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

static void die(const char *what)
{
	(void)fprintf(stderr, "bench_put: %s\n", what);
	exit(1);
}

static void print(const struct bench *b, const char *what, unsigned segments,
		  double s)
{
	double mib = (double)segments * segment_plain_len(b->k) / 1048576.0;

	(void)printf("%-8s %8.0f MiB/s  %6.3f CPU s/GiB\n", what, mib / s,
		     s / mib * 1024);
}

static void encrypt(struct bench *b, unsigned number)
{
	uint8_t salt[SEGMENT_SALT_LEN] = {0};
	size_t taken;

	memcpy(salt, &number, sizeof(number));
	if (segment_begin(b->s, &b->keys, salt, 0, NULL) != ERR_NONE)
		die("begin");
	for (unsigned f = 0; f < b->k * FRAMES_PER_ROW; f++)
		if (segment_put(b->s, &taken, b->plain, FRAME_PLAIN, NULL) !=
		    ERR_NONE)
			die("put");
	if (segment_finish(b->s, NULL, 0, NULL) != ERR_NONE)
		die("finish");
}

static void sectors(struct bench *b)
{
	if (segment_sectors(b->s, 0, b->n, b->out, b->roots, NULL) != ERR_NONE)
		die("sectors");
}

static void bench_code(const struct bench *b)
{
	const uint8_t *in[CODER_K_MAX];
	uint8_t *out[CODER_N_MAX], *parity = malloc(b->n * 4096UL);
	struct coder *c;
	double t;

	if (!parity || coder_new(&c, b->k, b->n, NULL) != ERR_NONE)
		die("no memory");
	for (unsigned i = 0; i < b->n - b->k; i++)
		out[i] = parity + i * 4096UL;
	t = cpu_s();
	for (unsigned s = 0; s < b->segments; s++) {
		for (size_t at = 0; at < SECTOR_LEN; at += 4096) {
			for (unsigned i = 0; i < b->k; i++)
				in[i] = b->out + (size_t)i * SECTOR_LEN + at;
			coder_encode(c, b->k, b->n - b->k, out, in, 4096);
		}
	}
	print(b, "code", b->segments, cpu_s() - t);
	coder_free(c);
	free(parity);
}

static void bench_whiten(const struct bench *b)
{
	uint8_t nonce[XCHACHA_NONCE_LEN] = {0};
	struct xchacha *x = xchacha_new(b->keys.repair, nonce, 0);
	double t = cpu_s();

	for (unsigned s = 0; x && s < b->segments; s++)
		for (size_t at = 0; at < (size_t)b->n * SECTOR_LEN;
		     at += TREE_TILE)
			if (!xchacha_xor(x, b->out + at, b->out + at,
					 TREE_TILE))
				die("whiten");
	print(b, "whiten", b->segments, cpu_s() - t);
	xchacha_free(x);
}

static void bench_hash(const struct bench *b)
{
	double t = cpu_s();

	for (unsigned s = 0; s < b->segments; s++)
		for (unsigned i = 0; i < b->n; i++)
			tree_sector_root(&b->roots[i],
					 b->out + (size_t)i * SECTOR_LEN);
	print(b, "hash", b->segments, cpu_s() - t);
}

static void bench_total(struct bench *b)
{
	double best = 0, t;

	for (unsigned part = 0; part < PARTS; part++) {
		t = cpu_s();
		for (unsigned s = 0; s < b->segments; s++) {
			encrypt(b, s);
			sectors(b);
		}
		t = cpu_s() - t;
		best = part == 0 || t < best ? t : best;
	}
	print(b, "total", b->segments, best);
}

static void bench_get(struct bench *b)
{
	uint8_t salt[SEGMENT_SALT_LEN] = {0};
	double t;

	encrypt(b, 0);
	sectors(b);
	t = cpu_s();
	for (unsigned s = 0; s < b->segments; s++) {
		if (segment_begin(b->s, &b->keys, salt, 0, NULL) != ERR_NONE)
			die("begin");
		for (unsigned i = b->n - b->k; i < b->n; i++)
			if (segment_load(b->s, i,
					 b->out + (size_t)i * SECTOR_LEN,
					 NULL) != ERR_NONE)
				die("load");
		if (segment_solve(b->s, NULL) != ERR_NONE)
			die("solve");
		for (unsigned f = 0; f < b->k * FRAMES_PER_ROW; f++)
			if (segment_open(b->s, b->plain, f, NULL) != ERR_NONE)
				die("open");
	}
	print(b, "get", b->segments, cpu_s() - t);
}

static void bench_ways(const struct bench *b)
{
	static const char *const names[] = {"one by one", "pairs", "lanes"};
	static uint8_t nodes[SECTOR_LEAVES * SHA256_LEN];
	enum { TURNS = 500 };

	for (int way = SHA256_ONE; way <= SHA256_LANES; way++) {
		double t = cpu_s();

		if (!sha256_has_way((enum sha256_way)way))
			continue;
		for (unsigned i = 0; i < TURNS; i++) {
			sha256_many_by((enum sha256_way)way, nodes, b->out,
				       TREE_LEAF, SECTOR_LEAVES);
			for (size_t n = SECTOR_LEAVES / 2; n; n /= 2)
				sha256_many_by((enum sha256_way)way, nodes,
					       nodes, 2 * SHA256_LEN, n);
		}
		(void)printf("trees    %8.2f GB/s, %s\n",
			     TURNS * (double)SECTOR_LEN / (cpu_s() - t) / 1e9,
			     names[way]);
	}
}

int main(int argc, char **argv)
{
	static const uint8_t full[OBJECT_KEY_LEN] = {1};
	unsigned mib = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1024;
	static struct bench b = {.k = 10, .n = 30};
	struct rusage u;
	double t;

	if (argc > 2)
		b.k = (unsigned)strtoul(argv[2], NULL, 10);
	if (argc > 3)
		b.n = (unsigned)strtoul(argv[3], NULL, 10);
	object_keys_from_full(&b.keys, full, full);
	if (segment_new(&b.s, b.k, b.n, SECTOR_LEN, NULL) != ERR_NONE)
		die("no such k and n");
	b.segments = (mib / PARTS + b.k - 1) / b.k;
	b.out = calloc(b.n, SECTOR_LEN);
	b.roots = calloc(b.n, sizeof(*b.roots));
	if (!b.out || !b.roots)
		die("no memory");
	encrypt(&b, 0); /* the first touch of the memory is the machine's */
	sectors(&b);
	t = cpu_s();
	for (unsigned s = 0; s < b.segments; s++)
		encrypt(&b, s);
	print(&b, "encrypt", b.segments, cpu_s() - t);
	bench_code(&b);
	bench_whiten(&b);
	bench_hash(&b);
	bench_total(&b);
	bench_get(&b);
	bench_ways(&b);
	(void)getrusage(RUSAGE_SELF, &u);
	(void)printf("%u of %u, RSS at most %.1f MiB\n", b.k, b.n,
		     (double)u.ru_maxrss / 1024.0);
	free(b.roots);
	free(b.out);
	segment_free(b.s);
	return 0;
}
