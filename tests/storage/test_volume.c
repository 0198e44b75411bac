/* A volume: its bytes, its size, and every way in which the file is not the one
 * that the index knows.
 */
#include "base/rng.h"
#include "storage/sector/volume.h"
#include "tests/check.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
	char dir[64], path[96];
	struct volume_name name;
};

static void start(struct place *p)
{
	const char *tmp = getenv("TMPDIR");
	struct err e = {0};

	memset(p, 0, sizeof(*p));
	(void)snprintf(p->dir, sizeof(p->dir), "%.30s/sb-volume-XXXXXX",
		       tmp ? tmp : "/tmp");
	if (!mkdtemp(p->dir))
		abort();
	(void)snprintf(p->path, sizeof(p->path), "%s/" VOLUME_FILE, p->dir);
	p->name.store[0] = 1;
	p->name.volume[0] = 2;
	CHECK(volume_create(p->dir, &p->name, &e) == ERR_NONE, "%s", e.msg);
}

static void stop(struct place *p)
{
	(void)unlink(p->path);
	(void)rmdir(p->dir);
}

static struct volume *open_it(const struct place *p)
{
	struct volume *v;
	struct err e = {0};

	CHECK(volume_open(&v, p->dir, &p->name, &e) == ERR_NONE, "%s", e.msg);
	return v;
}

static void bytes_come_back(bool sparse)
{
	uint8_t *a = volume_buffer(SECTOR_LEN), *b = volume_buffer(SECTOR_LEN);
	struct rng rng = rng_seeded(3);
	struct err e = {0};
	struct place p;
	struct volume *v;

	start(&p);
	v = open_it(&p);
	if (!a || !b)
		abort();
	CHECK(volume_slots(v) == 0, "a new one has none");
	CHECK(volume_resize(v, 5, sparse, &e) == ERR_NONE, "%s", e.msg);
	CHECK(volume_slots(v) == 5, "%u", volume_slots(v));
	rng_fill(&rng, a, SECTOR_LEN);
	CHECK(volume_write(v, 3, a, &e) == ERR_NONE, "%s", e.msg);
	CHECK(volume_sync(v, &e) == ERR_NONE, "%s", e.msg);
	for (int cold = 0; cold < 2; cold++) {
		CHECK(volume_read(v, 3, 0, b, SECTOR_LEN, cold, &e) ==
				      ERR_NONE &&
			      memcmp(a, b, SECTOR_LEN) == 0,
		      "whole %d: %s", cold, e.msg);
		CHECK(volume_read(v, 3, 65536, b, 4096, cold, &e) == ERR_NONE &&
			      memcmp(a + 65536, b, 4096) == 0,
		      "part %d: %s", cold, e.msg);
	}
	CHECK(volume_resize(v, 4, sparse, &e) == ERR_NONE, "%s", e.msg);
	CHECK(volume_slots(v) == 4, "smaller");
	CHECK(volume_read(v, 4, 0, b, SECTOR_LEN, false, &e) == ERR_IO &&
		      e.os == 0,
	      "behind the end: %s", e.msg);
	volume_close(v);
	v = open_it(&p);
	CHECK(volume_read(v, 3, 0, b, SECTOR_LEN, false, &(struct err){0}) ==
			      ERR_NONE &&
		      memcmp(a, b, SECTOR_LEN) == 0,
	      "after opening again");
	volume_close(v);
	free(a);
	free(b);
	stop(&p);
}

/* --- what is not the file that it should be --- */

static void put_bytes(const struct place *p, off_t at, const char *bytes,
		      size_t len)
{
	int fd = open(p->path, O_WRONLY | O_CREAT, 0600);

	if (fd < 0 || pwrite(fd, bytes, len, at) != (ssize_t)len)
		abort();
	(void)close(fd);
}

static void no_file(struct place *p)
{
	(void)unlink(p->path);
}

static void other_volume(struct place *p)
{
	p->name.volume[5] = 9;
}

static void other_store(struct place *p)
{
	p->name.store[5] = 9;
}

static void no_volume(struct place *p)
{
	put_bytes(p, 0, "hello", 5);
}

static void newer_version(struct place *p)
{
	put_bytes(p, 16, "\0\0\0\7", 4);
}

static void damaged_header(struct place *p)
{
	put_bytes(p, 40, "x", 1);
}

static void empty_file(struct place *p)
{
	CHECK(truncate(p->path, 0) == 0, "truncate");
}

static void symbolic_link(struct place *p)
{
	char other[128];

	(void)snprintf(other, sizeof(other), "%s-moved", p->path);
	CHECK(rename(p->path, other) == 0 && symlink(other, p->path) == 0,
	      "link");
}

static void fifo(struct place *p)
{
	(void)unlink(p->path);
	CHECK(mkfifo(p->path, 0600) == 0, "fifo");
}

static const struct {
	const char *name;
	void (*spoil)(struct place *p);
	enum err_code code;
	int os;
	const char *says;
} faults[] = {
	{"a file that is not there", no_file, ERR_IO, ENOENT, "cannot open"},
	{"the volume of another directory", other_volume, ERR_STATE, 0,
	 "swapped"},
	{"the volume of another store", other_store, ERR_STATE, 0, "another"},
	{"a file of something else", no_volume, ERR_PARSE, 0, "no volume"},
	{"a newer version", newer_version, ERR_PARSE, 0, "upgrade"},
	{"a damaged header", damaged_header, ERR_PARSE, 0, "damaged"},
	{"an empty file", empty_file, ERR_PARSE, 0, "no volume"},
	{"a symbolic link", symbolic_link, ERR_IO, ELOOP, "cannot open"},
	{"a FIFO, without waiting for it", fifo, ERR_STATE, 0, "regular"},
};

static void wrong_files_are_noticed(void)
{
	for (size_t i = 0; i < ROWS(faults); i++) {
		char other[128];
		struct err e = {0};
		struct volume *v;
		struct place p;

		start(&p);
		faults[i].spoil(&p);
		CHECK(volume_open(&v, p.dir, &p.name, &e) == faults[i].code &&
			      !v,
		      "%s: %d", faults[i].name, e.code);
		if (faults[i].code == ERR_IO)
			CHECK(e.os == faults[i].os, "%s: os %d", faults[i].name,
			      e.os);
		CHECK(strstr(e.msg, faults[i].says), "%s: %s", faults[i].name,
		      e.msg);
		(void)snprintf(other, sizeof(other), "%s-moved", p.path);
		(void)unlink(other);
		stop(&p);
	}
}

static void one_process_has_it(void)
{
	struct err e = {0};
	struct volume *v, *again;
	struct place p;

	start(&p);
	v = open_it(&p);
	CHECK(volume_open(&again, p.dir, &p.name, &e) == ERR_STATE, "%s",
	      e.msg);
	volume_close(v);
	v = open_it(&p);
	volume_close(v);
	stop(&p);
}

static void making_it_twice(void)
{
	struct err e = {0};
	struct place p;

	start(&p);
	CHECK(volume_create(p.dir, &p.name, &e) == ERR_NONE,
	      "a crash came between: %s", e.msg);
	p.name.volume[0]++;
	CHECK(volume_create(p.dir, &p.name, &e) == ERR_IO && e.os == EEXIST &&
		      strstr(e.msg, "not ours"),
	      "another is there: %s", e.msg);
	p.name.volume[0]--;
	CHECK(truncate(p.path, 0) == 0 && truncate(p.path, SECTOR_LEN) == 0 &&
		      volume_create(p.dir, &p.name, &e) == ERR_NONE,
	      "power was lost while it was made");
	volume_close(open_it(&p));
	CHECK(volume_remove(p.dir, &e) == ERR_NONE && access(p.path, F_OK) != 0,
	      "%s", e.msg);
	CHECK(volume_remove(p.dir, &e) == ERR_NONE, "removed already");
	stop(&p);
}

/* A limit of the file's length stands for a full disk. */
static void no_space_leaves_it_as_it_was(bool sparse)
{
	struct rlimit was, less;
	struct err e = {0};
	struct volume *v;
	struct place p;

	start(&p);
	v = open_it(&p);
	CHECK(volume_resize(v, 2, sparse, &e) == ERR_NONE, "%s", e.msg);
	(void)signal(SIGXFSZ, SIG_IGN);
	CHECK(getrlimit(RLIMIT_FSIZE, &was) == 0, "limit");
	less = was;
	less.rlim_cur = 5U << 20;
	CHECK(setrlimit(RLIMIT_FSIZE, &less) == 0, "limit");
	CHECK(volume_resize(v, 100, sparse, &e) == ERR_IO &&
		      strstr(e.msg, "no space"),
	      "%s", e.msg);
	CHECK(volume_slots(v) == 2, "%u slots", volume_slots(v));
	CHECK(setrlimit(RLIMIT_FSIZE, &was) == 0, "limit");
	CHECK(volume_resize(v, 3, sparse, &e) == ERR_NONE, "%s", e.msg);
	CHECK(volume_resize(v, VOLUME_MAX_SLOTS + 1, true, NULL) == ERR_LIMIT,
	      "too many");
	volume_close(v);
	stop(&p);
}

int main(void)
{
	bytes_come_back(false);
	bytes_come_back(true);
	wrong_files_are_noticed();
	one_process_has_it();
	making_it_twice();
	no_space_leaves_it_as_it_was(false);
	no_space_leaves_it_as_it_was(true);
	return CHECK_EXIT();
}
