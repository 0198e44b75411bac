/* bench_hash - digests by each way that this processor has, on one thread: GB a
 * second and CPU seconds a GiB. What the ways of base/sha1_many.h and
 * base/sha256_many.h are chosen by.
 *   bench_hash [RUNS] */
#include "base/hash.h"
#include "base/merkle.h"
#include "base/rng.h"
#include "base/sha1_many.h"
#include "base/sha256_many.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define MESSAGE MERKLE_BLOCK
#define MOST 16U
#define BYTES (256U << 20) /* of each figure */

static uint64_t cpu_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static void tell(const char *what, unsigned n, uint64_t bytes, uint64_t ns)
{
	(void)printf("%-14s %2u  %5.2f GB/s  %5.3f s/GiB\n", what, n,
		     (double)bytes / (double)ns,
		     (double)ns / 1e9 / ((double)bytes / (double)(1U << 30)));
}

static void bench_sha1(enum sha1_way way, const char *name, const uint8_t *data,
		       unsigned n)
{
	struct sha1 streams[MOST], *s[MOST];
	const uint8_t *p[MOST];
	uint64_t from, done = 0;

	for (unsigned i = 0; i < n; i++) {
		sha1_init(&streams[i]);
		s[i] = &streams[i];
		p[i] = data + (size_t)i * MESSAGE;
	}
	from = cpu_ns();
	for (; done < BYTES; done += (uint64_t)n * MESSAGE)
		sha1_update_many_by(way, s, p, MESSAGE, n);
	tell(name, n, done, cpu_ns() - from);
}

static void bench_sha256(enum sha256_way way, const char *name,
			 const uint8_t *data, unsigned n)
{
	uint8_t out[MOST * SHA256_LEN];
	uint64_t from = cpu_ns(), done = 0;

	for (; done < BYTES; done += (uint64_t)n * MESSAGE)
		sha256_many_by(way, out, data, MESSAGE, n);
	tell(name, n, done, cpu_ns() - from);
}

int main(int argc, char **argv)
{
	static const char *const ways[] = {"one", "pair", "lanes"};
	int runs = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 1;
	uint8_t *data = malloc((size_t)MOST * MESSAGE);
	struct rng rng = rng_seeded(1);
	char name[32];

	if (!data)
		return 1;
	rng_fill(&rng, data, (size_t)MOST * MESSAGE);
	while (runs-- > 0) {
		for (unsigned way = 0; way < 3; way++) {
			for (unsigned n = way == 2 ? 8 : 2; n <= MOST;
			     n += way == 2 ? 1 : 14) {
				(void)snprintf(name, sizeof(name), "sha1 %s",
					       ways[way]);
				if (sha1_has_way((enum sha1_way)way))
					bench_sha1((enum sha1_way)way, name,
						   data, n);
				(void)snprintf(name, sizeof(name), "sha256 %s",
					       ways[way]);
				if (sha256_has_way((enum sha256_way)way))
					bench_sha256((enum sha256_way)way, name,
						     data, n);
			}
		}
	}
	free(data);
	return 0;
}
