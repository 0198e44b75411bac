/* Trees copied, given up and taken away. */
#include "node/core/copy_tree.h"
#include "tests/check.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static char base[64];
static struct copy_tree_watch go;

static const char *at(const char *name)
{
	static char paths[8][256];
	static unsigned next;
	char *p = paths[next++ % 8];

	(void)snprintf(p, sizeof(paths[0]), "%s/%s", base, name);
	return p;
}

static void put(const char *name, const char *text, mode_t mode, time_t time)
{
	const struct timespec times[2] = {{time, 5}, {time, 6}};
	int fd = open(at(name), O_RDWR | O_CREAT | O_TRUNC, 0600);

	CHECK(fd >= 0 &&
		      write(fd, text, strlen(text)) == (ssize_t)strlen(text) &&
		      fchmod(fd, mode) == 0 && futimens(fd, times) == 0,
	      "%s", name);
	(void)close(fd);
}

static bool holds(const char *name, const char *text)
{
	char buf[100] = "";
	int fd = open(at(name), O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);

	if (fd >= 0)
		(void)close(fd);
	return n == (ssize_t)strlen(text) && strcmp(buf, text) == 0;
}

static bool is_there(const char *name)
{
	struct stat st;

	return lstat(at(name), &st) == 0;
}

static int take_away(const char *path, const struct stat *st, int kind,
		     struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

static void set_up(void)
{
	(void)snprintf(base, sizeof(base), "/tmp/test_copy_tree.XXXXXX");
	if (!mkdtemp(base))
		abort();
	CHECK(mkdir(at("a"), 0755) == 0 && mkdir(at("a/deep"), 0750) == 0,
	      "directories");
	put("a/one", "first", 0644, 1000000);
	put("a/deep/two", "second", 0755, 2000000);
	put("a/deep/none", "", 0600, 3000000);
	CHECK(symlink("../one", at("a/deep/link")) == 0, "a link");
}

static void clean_up(void)
{
	(void)nftw(base, take_away, 16, FTW_DEPTH | FTW_PHYS);
}

static void all_of_it_is_copied(void)
{
	struct err e = {0};
	struct stat st;
	char link[20] = "";

	set_up();
	CHECK(copy_tree(at("a"), at("b"), &go, &e) == ERR_NONE, "%s", e.msg);
	CHECK(go.total > 0 && go.done == go.total, "%u of %u bytes are told",
	      (unsigned)go.done, (unsigned)go.total);
	CHECK(holds("b/one", "first") && holds("b/deep/two", "second") &&
		      holds("b/deep/none", ""),
	      "the bytes");
	CHECK(stat(at("b/deep/two"), &st) == 0 &&
		      (st.st_mode & 07777) == 0755 &&
		      st.st_mtim.tv_sec == 2000000 && st.st_mtim.tv_nsec == 6,
	      "mode and time");
	CHECK(stat(at("b/deep"), &st) == 0 && (st.st_mode & 07777) == 0750,
	      "of a directory");
	CHECK(readlink(at("b/deep/link"), link, sizeof(link)) == 6 &&
		      strcmp(link, "../one") == 0,
	      "the link leads as before");
	CHECK(copy_tree(at("a"), at("b"), &go, &e) == ERR_IO &&
		      holds("b/one", "first"),
	      "never over what is there");
	copy_tree_remove(at("b"));
	CHECK(!is_there("b") && holds("a/one", "first"), "away, and no more");
	clean_up();
}

static void holes_stay_holes(void)
{
	struct err e = {0};
	struct stat st;
	int fd;

	set_up();
	fd = open(at("sparse"), O_RDWR | O_CREAT, 0600);
	CHECK(fd >= 0 && ftruncate(fd, 64 << 20) == 0 &&
		      pwrite(fd, "here", 4, 32 << 20) == 4,
	      "sparse");
	(void)close(fd);
	CHECK(copy_tree(at("sparse"), at("copy"), &go, &e) == ERR_NONE, "%s",
	      e.msg);
	CHECK(stat(at("copy"), &st) == 0 && st.st_size == 64 << 20 &&
		      st.st_blocks * 512 < 8 << 20,
	      "%lld bytes of %lld", (long long)st.st_blocks * 512,
	      (long long)st.st_size);
	clean_up();
}

static void what_cannot_be_copied_leaves_nothing(void)
{
	struct copy_tree_watch stop = {.stop = true};
	struct err e = {0};

	set_up();
	CHECK(copy_tree(at("a"), at("b"), &stop, &e) == ERR_STATE, "stopped");
	CHECK(!is_there("b"), "nothing is left");
	e = (struct err){0};
	CHECK(mkfifo(at("a/deep/pipe"), 0600) == 0, "a pipe");
	CHECK(copy_tree(at("a"), at("b"), &go, &e) == ERR_IO &&
		      strstr(e.msg, "pipe"),
	      "%s", e.msg);
	CHECK(!is_there("b"), "nothing is left");
	e = (struct err){0};
	CHECK(copy_tree(at("gone"), at("b"), &go, &e) == ERR_IO, "not there");
	clean_up();
}

/* A disk of 64 KiB that only this process sees. */
static bool mount_small(const char *dir)
{
	return (unshare(CLONE_NEWNS) == 0 ||
		unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0) &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("small", dir, "tmpfs", 0, "size=64k") == 0;
}

static void what_has_no_room_is_not_begun(void)
{
	struct err e = {0};
	int fd;

	set_up();
	CHECK(mkdir(at("small"), 0700) == 0, "a directory");
	if (!mount_small(at("small"))) {
		printf("left out: this machine lets nobody mount a disk\n");
		clean_up();
		return;
	}
	fd = open(at("a/deep/large"), O_WRONLY | O_CREAT, 0600);
	for (off_t i = 0; i < 30; i++)
		CHECK(pwrite(fd, base, sizeof(base), i * 4096) > 0, "written");
	(void)close(fd);
	CHECK(copy_tree(at("a"), at("small/b"), &go, &e) == ERR_IO &&
		      strstr(e.msg, "free"),
	      "%s", e.msg);
	CHECK(go.done == 0 && !is_there("small/b"), "it was begun");
	CHECK(umount(at("small")) == 0, "taken away");
	clean_up();
}

static void only_what_was_copied_goes(void)
{
	struct err e = {0};

	set_up();
	CHECK(copy_tree(at("a"), at("b"), &go, &e) == ERR_NONE, "%s", e.msg);
	put("a/new", "came since", 0600, 1);
	put("a/one", "first", 0644, 1000002); /* written anew */
	put("a/deep/none", "longer", 0600, 3000000);
	copy_tree_remove_source(at("a"), at("b"));
	CHECK(holds("a/new", "came since") && holds("a/one", "first"),
	      "what came or changed stays");
	CHECK(holds("a/deep/none", "longer") && !is_there("a/deep/two") &&
		      !is_there("a/deep/link"),
	      "the rest goes");
	CHECK(unlink(at("a/new")) == 0 && unlink(at("a/one")) == 0 &&
		      unlink(at("a/deep/none")) == 0,
	      "unlink");
	copy_tree_remove_source(at("a"), at("b"));
	CHECK(!is_there("a") && holds("b/deep/two", "second"), "all of it");
	clean_up();
}

/* A directory in the place of one to be copied may lead elsewhere. */
static void links_are_not_walked(void)
{
	struct err e = {0};

	set_up();
	CHECK(symlink(at("a/deep"), at("a/other")) == 0, "a link");
	CHECK(copy_tree(at("a"), at("b"), &go, &e) == ERR_NONE, "%s", e.msg);
	copy_tree_remove(at("b"));
	CHECK(!is_there("b") && holds("a/deep/two", "second"),
	      "what it leads to stays");
	clean_up();
}

int main(void)
{
	all_of_it_is_copied();
	holes_stay_holes();
	what_cannot_be_copied_leaves_nothing();
	what_has_no_room_is_not_begun();
	only_what_was_copied_goes();
	links_are_not_walked();
	return CHECK_EXIT();
}
