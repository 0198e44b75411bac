/* bench_sectors: a host's sectors on this disk, without network.
 * usage: bench_sectors [MiB a run [runs [sectors of the large host]]]
 *                      (default 512, 5, 1048576; 0: no large host)
 *
 *   dd       so many MiB in a new file by dd, then fsync: buffered and, where
 *            there is, with O_DIRECT
 *   put      so many sectors, each other bytes, 32 at a time, acknowledged:
 *            root checked, data synced, index committed; by turns with dd
 *   read     them all, checked against their roots: from the disk (the store
 *            writes past the page cache), and again from the page cache;
 *            beside plain reads of the volume, one after another
 *   large    a host with that many sectors in sparse volumes, all but 64 of
 *            them known to the index alone, in one agreement: how long it
 *            takes to start, what it holds in memory, what it does when idle,
 *            what a put costs, beside an empty host; proofs of single leaves
 *            of the agreement, beside plain reads of the same sectors
 *
 * Minimum / median / maximum of the runs. The directory is made in TMPDIR.
 */
#include "tests/storage/sector_rig.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#define WINDOW 32U
#define RUNS_MAX 32U
#define REAL 64U /* sectors of the large host that have bytes */
#define IDLE_S 5
#define OWNER_STAGED (1U << 22)
#define LIST_STEP LIST_MAX_OPS

struct bench {
	struct srig r;
	unsigned mib, runs;
	uint32_t large;
	struct cbuf_pool *sectors;
	struct hash32 *roots;
	uint32_t from, next, end, waiting;
	uint32_t stamp;
	uint64_t bytes;
	bool failed;
};

struct series {
	double v[RUNS_MAX];
	unsigned n;
};

static double now_s(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

static double cpu_s(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

static void die(const char *what)
{
	(void)fprintf(stderr, "bench_sectors: %s\n", what);
	exit(1);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void add(struct series *s, double v)
{
	if (s->n < RUNS_MAX)
		s->v[s->n++] = v;
}

static double median(struct series *s)
{
	if (!s->n)
		return 0;
	qsort(s->v, s->n, sizeof(s->v[0]), by_value);
	return s->v[s->n / 2];
}

static void print(const char *what, struct series *s, const char *unit)
{
	double mid = median(s);

	if (s->n)
		(void)printf("%-34s %8.1f / %8.1f / %8.1f %s\n", what, s->v[0],
			     mid, s->v[s->n - 1], unit);
	(void)fflush(stdout);
}

static long status_kib(const char *field)
{
	FILE *f = fopen("/proc/self/status", "r");
	size_t n = strlen(field);
	char line[256];
	long kib = 0;

	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, field, n) == 0 && line[n] == ':')
			kib = strtol(line + n + 1, NULL, 10);
	if (f)
		(void)fclose(f);
	return kib;
}

/* --- sectors that differ, without the cost of random bytes --- */

static void stamp(uint8_t *bytes, uint32_t n)
{
	for (size_t at = 0; at < SECTOR_LEN; at += TREE_TILE)
		memcpy(bytes + at, &n, sizeof(n));
}

static uint8_t *base_sector(void)
{
	static uint8_t bytes[SECTOR_LEN];
	static bool made;

	if (!made)
		srig_sector(0, bytes, NULL);
	made = true;
	return bytes;
}

static void make_roots(struct bench *b, uint32_t from, uint32_t to)
{
	uint8_t *bytes = base_sector();

	for (uint32_t i = from; i < to; i++) {
		stamp(bytes, b->stamp + i);
		tree_sector_root(&b->roots[i], bytes);
	}
}

/* --- writes --- */

static void put_more(struct bench *b);

static void was_put(void *ctx, const struct sectors_answer *a,
		    const struct err *e)
{
	struct bench *b = ctx;

	(void)a;
	if (e)
		die(e->msg);
	b->waiting--;
	put_more(b);
	if (!b->waiting)
		loop_stop(b->r.loop);
}

static void put_more(struct bench *b)
{
	while (b->waiting < WINDOW && b->next < b->end) {
		struct cbuf *buf = cbuf_get(b->sectors);
		struct sectors_put p = {.owner = srig_owner(0),
					.expires_s = INT64_MAX / 2,
					.span_count = 1};
		struct span span;
		struct err e = {0};

		if (!buf)
			die("no memory");
		memcpy(buf->data, base_sector(), SECTOR_LEN);
		stamp(buf->data, b->stamp + b->next);
		span = (struct span){buf, buf->data, SECTOR_LEN};
		p.spans = &span;
		p.root = b->roots[b->next];
		if (sectors_put(b->r.s, &p, was_put, b, &e) != ERR_NONE)
			die(e.msg);
		cbuf_unref(buf);
		b->next++;
		b->waiting++;
	}
}

static double put_range(struct bench *b, uint32_t from, uint32_t to)
{
	double t = now_s();

	b->next = from;
	b->end = to;
	put_more(b);
	while (b->waiting)
		loop_run(b->r.loop);
	return now_s() - t;
}

/* --- reads --- */

static void read_more(struct bench *b);

static void was_read(void *ctx, const struct sectors_answer *a,
		     const struct err *e)
{
	struct bench *b = ctx;

	if (e)
		die(e->msg);
	b->bytes += a->len;
	b->waiting--;
	read_more(b);
	if (!b->waiting)
		loop_stop(b->r.loop);
}

static void read_more(struct bench *b)
{
	struct err e = {0};

	while (b->waiting < 8 && b->next < b->end) {
		if (sectors_read(b->r.s, &b->roots[b->next], 0, SECTOR_LEN,
				 was_read, b, &e) != ERR_NONE)
			die(e.msg);
		b->next++;
		b->waiting++;
	}
}

static double read_range(struct bench *b, uint32_t from, uint32_t to)
{
	double t = now_s();

	b->next = from;
	b->end = to;
	read_more(b);
	while (b->waiting)
		loop_run(b->r.loop);
	return now_s() - t;
}

/* --- dd --- */

static double dd_s(const char *dir, unsigned mib, bool direct)
{
	char to[128], count[32];
	double t = now_s();
	int status;
	pid_t pid;

	(void)snprintf(to, sizeof(to), "of=%s/dd", dir);
	(void)snprintf(count, sizeof(count), "count=%u", mib);
	pid = fork();
	if (pid == 0) {
		(void)!freopen("/dev/null", "w", stderr);
		execlp("dd", "dd", "if=/dev/zero", to, "bs=1M", count,
		       "conv=fsync", direct ? "oflag=direct" : NULL,
		       (char *)NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		return 0;
	t = now_s() - t;
	(void)unlink(to + 3);
	return t;
}

/* The same sectors of the volume, one after another. */
static double plain_s(const struct bench *b, uint32_t from)
{
	uint8_t *buf = volume_buffer(SECTOR_LEN);
	char path[128];
	double t = now_s();
	int fd;

	(void)snprintf(path, sizeof(path), "%s/" VOLUME_FILE, b->r.at[0]);
	fd = open(path, O_RDONLY | O_DIRECT);
	for (uint32_t i = from; fd >= 0 && i < from + b->mib; i++)
		if (pread(fd, buf, SECTOR_LEN, ((off_t)i + 1) * SECTOR_LEN) !=
		    SECTOR_LEN)
			die("a plain read");
	if (fd >= 0)
		(void)close(fd);
	free(buf);
	return now_s() - t;
}

static void bench_disk(struct bench *b)
{
	struct series dd = {.n = 0}, direct = {.n = 0}, put = {.n = 0},
		      ratio = {.n = 0}, cold = {.n = 0}, warm = {.n = 0},
		      cpu = {.n = 0}, rcpu = {.n = 0}, plain = {.n = 0};
	double t, best, c;

	for (unsigned i = 0; i < b->runs; i++) {
		uint32_t from = i * b->mib, to = from + b->mib;

		make_roots(b, from, to);
		best = 0;
		for (unsigned way = 0; way < 2; way++) {
			t = dd_s(b->r.dir, b->mib, way);
			if (t > 0)
				add(way ? &direct : &dd, b->mib / t);
			if (t > 0 && b->mib / t > best)
				best = b->mib / t;
		}
		c = cpu_s();
		t = put_range(b, from, to);
		add(&cpu, (cpu_s() - c) / b->mib * 1024);
		add(&put, b->mib / t);
		add(&ratio, 100 * b->mib / t / best);
		add(&plain, b->mib / plain_s(b, from));
		add(&cold, b->mib / read_range(b, from, to));
		c = cpu_s();
		add(&warm, b->mib / read_range(b, from, to));
		add(&rcpu, (cpu_s() - c) / b->mib * 1024);
	}
	print("dd, buffered, then fsync", &dd, "MiB/s");
	print("dd, O_DIRECT, then fsync", &direct, "MiB/s");
	print("put, acknowledged", &put, "MiB/s");
	print("  of the better dd of its run", &ratio, "%");
	print("  CPU (copy of the bench included)", &cpu, "s/GiB");
	print("plain read of the volume, O_DIRECT", &plain, "MiB/s");
	print("read from the disk, checked", &cold, "MiB/s");
	print("read from the page cache, checked", &warm, "MiB/s");
	print("  CPU", &rcpu, "s/GiB");
}

/* --- the large host --- */

static struct hash32 fake_root(uint32_t n)
{
	struct hash32 root;
	struct rng rng = rng_seeded(n);

	rng_fill(&rng, root.bytes, sizeof(root.bytes));
	return root;
}

/* Where the real ones stand in the list. */
static bool is_real(const struct bench *b, uint32_t position)
{
	return position % (b->large / REAL) == 7 &&
	       position / (b->large / REAL) < REAL;
}

static struct hash32 list_root_at(const struct bench *b, uint32_t position)
{
	return is_real(b, position) ? b->roots[position / (b->large / REAL)]
				    : fake_root(position);
}

static void append(struct bench *b, struct sector_db *d, struct tree_fold *f,
		   struct sector_at *at, uint32_t from, uint32_t to)
{
	static struct list_op ops[LIST_STEP];
	static const uint8_t blob[6] = "signed";
	struct list_change c = {.key = srig_key(0),
				.revision = to,
				.ops = ops,
				.op_count = to - from,
				.sectors = to,
				.blob = blob,
				.blob_len = sizeof(blob)};
	struct sector_freed freed = {0};
	static struct tree_fold copy;
	struct err e = {0};
	bool placed;

	if (sector_db_begin(d, &e) != ERR_NONE)
		die(e.msg);
	for (uint32_t i = from; i < to; i++) {
		struct hash32 root = list_root_at(b, i);

		ops[i - from].kind = LIST_APPEND;
		ops[i - from].root = root;
		tree_fold_add(f, &root, 1);
		if (is_real(b, i))
			continue;
		if (sector_db_stage(d, &root, at, &c.key.renter, INT64_MAX / 2,
				    &placed, &e) != ERR_NONE)
			die(e.msg);
		at->slot++;
	}
	copy = *f;
	if (!tree_fold_end(&copy, &c.root) ||
	    list_change(d, &c, &freed, &e) != ERR_NONE ||
	    sector_db_commit(d, &e) != ERR_NONE)
		die(e.msg);
	sector_freed_clear(&freed);
}

/* The index alone is told of most: their slots are holes in a sparse file. */
static void fill(struct bench *b, uint32_t volume, struct hash32 *root)
{
	static struct tree_fold f;
	struct sector_at at = {volume, REAL};
	struct sector_db *d = NULL;
	struct err e = {0};

	if (sector_db_open(&d, b->r.index, false, &e) != ERR_NONE)
		die(e.msg);
	tree_fold_init(&f, 0);
	for (uint32_t i = 0; i < b->large; i += LIST_STEP)
		append(b, d, &f, &at, i,
		       i + LIST_STEP < b->large ? i + LIST_STEP : b->large);
	sector_db_close(d);
	if (!tree_fold_end(&f, root))
		die("a list");
}

static void make_large(struct bench *b, struct hash32 *root)
{
	struct sectors_volume_state v;

	srig_start(&b->r);
	if (srig_space(&b->r, 0, b->large + 4096) != ERR_NONE)
		die(b->r.got.msg);
	make_roots(b, 0, REAL);
	(void)put_range(b, 0, REAL);
	v = srig_volume(&b->r, 0);
	srig_stop(&b->r);
	fill(b, v.id, root);
}

/* One leaf each of different sectors, whose bytes are not in memory. */
static void prove(struct bench *b, const struct hash32 *root)
{
	struct series ms = {.n = 0}, plain = {.n = 0}, cpu = {.n = 0};
	struct list_key key = srig_key(0);
	char path[128];
	uint8_t *buf = volume_buffer(SECTOR_LEN);
	int fd, direct;

	(void)snprintf(path, sizeof(path), "%s/" VOLUME_FILE, b->r.at[0]);
	fd = open(path, O_RDONLY);
	direct = open(path, O_RDONLY | O_DIRECT);
	for (uint32_t i = 0; i < RUNS_MAX; i++) {
		uint64_t leaf =
			((uint64_t)i * (b->large / REAL) + 7) * SECTOR_LEAVES +
			i * 61;
		double t, c;

		(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		t = now_s();
		c = cpu_s();
		if (srig_do(&b->r, sectors_prove, &key, root, b->large, leaf) !=
		    ERR_NONE)
			die(b->r.got.msg);
		add(&ms, (now_s() - t) * 1e3);
		add(&cpu, (cpu_s() - c) * 1e3);
		t = now_s();
		if (pread(direct >= 0 ? direct : fd, buf, SECTOR_LEN,
			  ((off_t)i + 1) * SECTOR_LEN) != SECTOR_LEN)
			die("a plain read");
		add(&plain, (now_s() - t) * 1e3);
	}
	(void)close(fd);
	if (direct >= 0)
		(void)close(direct);
	free(buf);
	(void)printf("a leaf of an agreement of %u sectors\n", b->large);
	print("  proof, checked", &ms, "ms");
	print("  CPU of it", &cpu, "ms");
	print("  plain read of such a sector", &plain, "ms");
}

static void idle(struct bench *b)
{
	double c = cpu_s();
	int64_t now = b->r.cfg.now_s;

	for (unsigned i = 0; i < IDLE_S; i++) {
		b->r.timed_out = false;
		loop_timer_set(b->r.guard, 1000);
		while (!b->r.timed_out)
			loop_run(b->r.loop);
		sectors_tick(b->r.s, ++now);
	}
	b->r.timed_out = false;
	(void)printf("  idle, with a tick a second         %8.2f CPU ms/s\n",
		     (cpu_s() - c) / IDLE_S * 1e3);
}

/* In a process of its own: what it holds is only its. */
static void live(struct bench *b, const char *what, const struct hash32 *root)
{
	double t = now_s(), c = cpu_s();
	struct series put = {.n = 0}, cpu = {.n = 0};
	long before = status_kib("VmRSS");

	srig_start(&b->r);
	(void)printf("%s\n  start %27.0f ms, CPU %.0f ms\n", what,
		     (now_s() - t) * 1e3, (cpu_s() - c) * 1e3);
	idle(b);
	(void)printf("  RSS, idle %25.1f MiB, %.1f more than before\n",
		     (double)status_kib("VmRSS") / 1024,
		     (double)(status_kib("VmRSS") - before) / 1024);
	if (!root && srig_space(&b->r, 0, 1024) != ERR_NONE)
		die(b->r.got.msg);
	for (unsigned i = 0; i < 8; i++) {
		uint32_t from = REAL + i * 32;

		make_roots(b, from, from + 32);
		c = cpu_s();
		t = put_range(b, from, from + 32);
		add(&put, t * 1e3 / 32);
		add(&cpu, (cpu_s() - c) * 1e3 / 32);
	}
	print("  a put, in groups of 32", &put, "ms");
	print("  CPU of it", &cpu, "ms");
	if (root)
		prove(b, root);
	srig_stop(&b->r);
}

/* bench_sectors --live DIR SECTORS ROOT: this program, told where. */
static int live_main(char **argv)
{
	static struct bench b;
	struct hash32 root;

	srig_home(&b.r);
	srig_remove(&b.r);
	(void)snprintf(b.r.dir, sizeof(b.r.dir), "%s", argv[2]);
	(void)snprintf(b.r.index, sizeof(b.r.index), "%.60s/sectors.db",
		       b.r.dir);
	(void)snprintf(b.r.at[0], sizeof(b.r.at[0]), "%.60s/v0", b.r.dir);
	b.r.cfg.max_staged = OWNER_STAGED;
	b.large = (uint32_t)strtoul(argv[3], NULL, 10);
	for (unsigned i = 0; i < sizeof(root.bytes); i++) {
		char two[3] = {argv[4][2 * i], argv[4][2 * i + 1], 0};

		root.bytes[i] = (uint8_t)strtoul(two, NULL, 16);
	}
	b.sectors = cbuf_pool_new(SECTOR_LEN, 2 * WINDOW, 2);
	b.roots = calloc(REAL + 1024, sizeof(*b.roots));
	if (!b.sectors || !b.roots)
		die("no memory");
	b.stamp = 1U << 30;
	live(&b, b.large ? "a large host" : "an empty host",
	     b.large ? &root : NULL);
	cbuf_pool_free(b.sectors);
	free(b.roots);
	return 0;
}

static void live_apart(const struct bench *b, const struct hash32 *root)
{
	char number[16], hex[65];
	int status;
	pid_t pid;

	(void)snprintf(number, sizeof(number), "%u", root ? b->large : 0);
	for (unsigned i = 0; i < 32; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x",
			       root ? root->bytes[i] : 0U);
	(void)fflush(stdout);
	pid = fork();
	if (pid == 0) {
		execl("/proc/self/exe", "bench_sectors", "--live", b->r.dir,
		      number, hex, (char *)NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		die("the process of a host failed");
}

static void bench_large(struct bench *b)
{
	struct hash32 root;
	double t;

	srig_home(&b->r);
	b->r.cfg.max_staged = OWNER_STAGED;
	live_apart(b, NULL);
	srig_remove(&b->r);
	srig_home(&b->r);
	b->r.cfg.max_staged = OWNER_STAGED;
	b->stamp = 1U << 20;
	t = now_s();
	make_large(b, &root);
	(void)printf("(%u sectors put into an index in %.0f s)\n", b->large,
		     now_s() - t);
	live_apart(b, &root);
	srig_remove(&b->r);
}

int main(int argc, char **argv)
{
	static struct bench b = {.mib = 512, .runs = 5, .large = 1U << 20};
	double load = 0;

	if (argc == 5 && strcmp(argv[1], "--live") == 0)
		return live_main(argv);
	if (argc > 1)
		b.mib = (unsigned)strtoul(argv[1], NULL, 10);
	if (argc > 2)
		b.runs = (unsigned)strtoul(argv[2], NULL, 10);
	if (argc > 3)
		b.large = (uint32_t)strtoul(argv[3], NULL, 10);
	if (!b.mib || !b.runs || b.runs > RUNS_MAX || b.large % LIST_STEP)
		die("no such number");
	b.sectors = cbuf_pool_new(SECTOR_LEN, 2 * WINDOW, WINDOW);
	b.roots =
		calloc((size_t)b.mib * b.runs + REAL + 1024, sizeof(*b.roots));
	if (!b.sectors || !b.roots)
		die("no memory");
	(void)getloadavg(&load, 1);
	(void)printf("load of the machine %.1f; min / median / max\n", load);
	srig_home(&b.r);
	b.r.cfg.sparse = false;
	b.r.cfg.max_staged = OWNER_STAGED;
	srig_start(&b.r);
	if (srig_space(&b.r, 0, b.mib * b.runs) != ERR_NONE)
		die(b.r.got.msg);
	bench_disk(&b);
	srig_stop(&b.r);
	srig_remove(&b.r);
	if (b.large)
		bench_large(&b);
	cbuf_pool_free(b.sectors);
	free(b.roots);
	(void)printf("measured elsewhere (2 cores, Zen 5): hostd StoreSector, "
		     "SQLite + fsync: 244 / 286 / 524 MB/s, read 542 / 569 / "
		     "627; its leaf proof 0.058 ms with the sector in memory; "
		     "hostd idle 28.9 MB, bee 102-150, go-btfs 109\n");
	return 0;
}
