/* Small files: whole or not at all, never over another, never through what is
 * no file. */
#include "base/file.h"
#include "tests/check.h"
#include "tests/ledger/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct scratch dir;

static void loading_is_the_same(const char *path)
{
	char *text;
	size_t len = 0;
	struct err e = {0};

	CHECK(file_load(path, 8, &text, &len, &e) == ERR_NONE && len == 8 &&
		      strcmp(text, "12345678") == 0,
	      "loaded: %s", e.msg);
	free(text);
	CHECK(file_load(path, 7, &text, &len, NULL) == ERR_LIMIT && !text,
	      "a byte too many to load");
	CHECK(file_load(dir.dir, 8, &text, &len, NULL) == ERR_STATE && !text,
	      "a directory to load");
	CHECK(file_load(scratch_path(&dir, "nil"), 8, &text, &len, &e) ==
			      ERR_IO &&
		      e.os == ENOENT && !text,
	      "no file to load: %s", e.msg);
}

static void reading_is_bounded_and_careful(void)
{
	const char *path = scratch_path(&dir, "a");
	uint8_t buf[8];
	size_t len = 0;
	struct err e = {0};

	CHECK(file_read(path, false, buf, sizeof(buf), &len, &e) == ERR_IO &&
		      strstr(e.msg, path),
	      "no file: %s", e.msg);
	scratch_write(path, "12345678", 8);
	CHECK(file_read(path, false, buf, 8, &len, NULL) == ERR_NONE &&
		      len == 8 && memcmp(buf, "12345678", 8) == 0,
	      "exactly what fits");
	CHECK(file_read(path, false, buf, 7, &len, NULL) == ERR_LIMIT,
	      "a byte too many");
	(void)chmod(path, 0640);
	CHECK(file_read(path, false, buf, 8, &len, NULL) == ERR_NONE,
	      "no secret: anybody may read it");
	CHECK(file_read(path, true, buf, 8, &len, NULL) == ERR_STATE,
	      "a secret that the group may read");
	CHECK(file_read(dir.dir, false, buf, 8, &len, NULL) == ERR_STATE,
	      "a directory");
	loading_is_the_same(path);
	path = scratch_path(&dir, "fifo");
	CHECK(mkfifo(path, 0600) == 0, "fifo");
	CHECK(file_read(path, true, buf, 8, &len, NULL) == ERR_STATE,
	      "a FIFO, without waiting for its writer");
}

static void making_never_overwrites(void)
{
	const char *path = scratch_path(&dir, "b");
	struct stat st;
	uint8_t buf[8];
	struct err e = {0};

	CHECK(file_create(path, (const uint8_t *)"one", 3, &e) == ERR_NONE,
	      "%s", e.msg);
	CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600, "mode");
	CHECK(file_create(path, (const uint8_t *)"two", 3, &e) == ERR_STATE &&
		      strstr(e.msg, "not overwritten"),
	      "%s", e.msg);
	CHECK(scratch_read(path, buf, sizeof(buf)) == 3 &&
		      memcmp(buf, "one", 3) == 0,
	      "the first stands");
	CHECK(file_replace(path, (const uint8_t *)"three", 5, NULL) ==
			      ERR_NONE &&
		      scratch_read(path, buf, sizeof(buf)) == 5,
	      "replaced on purpose");
	(void)unlink(path);
	CHECK(file_create_shared(path, (const uint8_t *)"four", 4, NULL) ==
			      ERR_NONE &&
		      stat(path, &st) == 0 && (st.st_mode & 0777) == 0640,
	      "shared as far as the umask lets it");
	CHECK(file_create_shared(path, buf, 1, NULL) == ERR_STATE,
	      "nor does that overwrite");
	CHECK(file_create(scratch_path(&dir, "none/c"), buf, 1, NULL) == ERR_IO,
	      "a directory that is not there");
}

static void directories_are_made_down_to_the_last(void)
{
	char deep[sizeof(dir.dir) + 16], long_name[5000] = {0};
	struct stat st;

	(void)snprintf(deep, sizeof(deep), "%s/x/y/z/", dir.dir);
	CHECK(file_make_dirs(deep) == 0 && stat(deep, &st) == 0 &&
		      (st.st_mode & 0777) == 0750,
	      "as the umask has it");
	CHECK(file_make_dirs(deep) == 0, "it is there");
	(void)snprintf(deep, sizeof(deep), "%s/a/y", dir.dir);
	CHECK(file_make_dirs(deep) != 0 && errno == ENOTDIR, "below a file");
	CHECK(file_make_dirs("") != 0 && errno == ENOENT, "no name");
	memset(long_name, 'n', sizeof(long_name) - 1);
	CHECK(file_make_dirs(long_name) != 0 && errno == ENAMETOOLONG,
	      "a name that is too long");
	for (const char *const *p =
		     (const char *const[]){"x/y/z", "x/y", "x", NULL};
	     *p; p++)
		CHECK(rmdir(scratch_path(&dir, *p)) == 0, "%s", *p);
}

/* Nothing is left beside the file, whatever happened. */
static void nothing_is_left_behind(void)
{
	DIR *d = opendir(dir.dir);
	struct dirent *entry;
	unsigned n = 0;

	while (d && (entry = readdir(d)))
		n += entry->d_name[0] != '.';
	if (d)
		(void)closedir(d);
	CHECK(n == 3, "%u files: a, b and the fifo wanted", n);
}

/* A process that has ended, and left a file of that age. */
static const char *left_by(const char *name, long pid, int age_s)
{
	static char path[sizeof(dir.dir) + 64];
	struct timespec times[2] = {{.tv_sec = time(NULL) - age_s},
				    {.tv_sec = time(NULL) - age_s}};

	(void)snprintf(path, sizeof(path), "%s/%s.%ld-0", dir.dir, name, pid);
	scratch_write(path, "half", 4);
	CHECK(utimensat(AT_FDCWD, path, times, 0) == 0, "its age");
	return path;
}

static void what_the_killed_left_goes(void)
{
	const char *path;
	pid_t gone = fork();
	static const struct {
		const char *name, *what;
		int age_s;
		bool lives, stays;
	} rows[] = {
		{"swept", "one that was killed", 100, false, false},
		{"swept", "one that may be another machine's", 10, false, true},
		{"swept", "one that is writing", 100, true, true},
		{"sweptnot", "another file's", 100, false, true},
	};

	if (gone == 0)
		_exit(0);
	CHECK(waitpid(gone, NULL, 0) == gone, "wait");
	for (size_t i = 0; i < ROWS(rows); i++) {
		path = left_by(rows[i].name,
			       rows[i].lives ? (long)getpid() : (long)gone,
			       rows[i].age_s);
		CHECK(file_replace(scratch_path(&dir, "swept"),
				   (const uint8_t *)"x", 1, NULL) == ERR_NONE,
		      "replace");
		CHECK((access(path, F_OK) == 0) == rows[i].stays, "%s",
		      rows[i].what);
		(void)unlink(path);
	}
	(void)unlink(scratch_path(&dir, "swept"));
}

int main(void)
{
	(void)umask(027);
	scratch_make(&dir);
	reading_is_bounded_and_careful();
	making_never_overwrites();
	directories_are_made_down_to_the_last();
	what_the_killed_left_goes();
	nothing_is_left_behind();
	scratch_remove(&dir);
	return CHECK_EXIT();
}
