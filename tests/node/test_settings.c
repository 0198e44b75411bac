#include "node/core/settings.h"

#include "base/file.h"
#include "tests/check.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct home home;

static void write_config(const char *text)
{
	char path[HOME_PATH_MAX];
	FILE *f;

	home_file(&home, "config", path);
	f = fopen(path, "we");
	CHECK(f != NULL, "%s", path);
	if (!f)
		return;
	(void)fputs(text, f);
	(void)fclose(f);
}

static void setting_one_line_leaves_the_others(void)
{
	struct options *o = NULL;
	struct err e = {0};
	char path[HOME_PATH_MAX], *text = NULL;
	size_t len;

	write_config("# mine\nprice = 2\nslots = 4\n");
	CHECK(settings_store(&home, "price", "3.5", &e) == ERR_NONE, "%s",
	      e.msg);
	CHECK(settings_store(&home, "slots", NULL, &e) == ERR_NONE, "%s",
	      e.msg);
	home_file(&home, "config", path);
	CHECK(file_load(path, 4096, &text, &len, &e) == ERR_NONE, "%s", e.msg);
	CHECK(text && strcmp(text, "# mine\nprice = 3.5\n") == 0, "%s",
	      text ? text : "");
	free(text);
	CHECK(settings_load(&o, &home, &e) == ERR_NONE, "%s", e.msg);
	CHECK(strcmp(options_text(o, "price"), "3.5") == 0, "price");
	CHECK(options_int(o, "slots") == 8, "back to the default");
	options_free(o);
}

#define WRITERS 4

/* Each of them says that it was set, so it is. */
static void two_that_set_something_at_once_both_do(void)
{
	static const char *const names[WRITERS] = {"slots", "max-peers",
						   "free-share", "price"};
	pid_t pid[WRITERS];
	struct options *o = NULL;
	struct err e = {0};
	int status;

	write_config("");
	for (int i = 0; i < WRITERS; i++) {
		pid[i] = fork();
		if (pid[i] == 0) {
			bool good = true;
			char text[8];

			for (int n = 1; n <= 30; n++) {
				(void)snprintf(text, sizeof(text), "%d", n);
				good = good &&
				       settings_store(&home, names[i], text,
						      NULL) == ERR_NONE;
			}
			_exit(good ? 0 : 1);
		}
	}
	for (int i = 0; i < WRITERS; i++)
		CHECK(waitpid(pid[i], &status, 0) == pid[i] && status == 0,
		      "writer %d", i);
	CHECK(settings_load(&o, &home, &e) == ERR_NONE, "%s", e.msg);
	for (int i = 0; i < WRITERS; i++)
		CHECK(strcmp(options_text(o, names[i]), "30") == 0, "%s is %s",
		      names[i], options_text(o, names[i]));
	options_free(o);
}

static void what_is_wrong_is_named(void)
{
	static const struct {
		const char *name, *config, *says;
	} rows[] = {
		{"an unknown name", "colour = red\n", "line 1"},
		{"a value of another type", "price = 2\nslots = many\n",
		 "line 2"},
		{"no name at all", "\n\nhello\n", "line 3"},
	};
	struct err e = {0};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct options *o = NULL;
		struct err bad = {0};

		write_config(rows[i].config);
		CHECK(settings_load(&o, &home, &bad) == ERR_PARSE, "%s",
		      rows[i].name);
		CHECK(strstr(bad.msg, rows[i].says) != NULL, "%s: %s",
		      rows[i].name, bad.msg);
	}
	write_config("");
	CHECK(settings_store(&home, "slots", "0", &e) == ERR_PARSE, "range");
	e = (struct err){0};
	CHECK(settings_store(&home, "colour", NULL, &e) == ERR_PARSE,
	      "unknown");
}

static void what_a_value_means_is_checked(void)
{
	static const struct {
		const char *name, *bad, *says, *good;
	} rows[] = {
		{"log-level", "loud", "log-level 'loud': want error", "debug"},
		{"limit-schedule", "noon up=1M",
		 "schedule 'noon up=1M': want DAYS",
		 "mon-fri 08:00-18:00 up=1M"},
		{"encryption", "yes", "encryption 'yes': want off, allow",
		 "prefer"},
		{"utp", "perhaps", "utp 'perhaps': want yes", "only"},
		{"listen", "there", "listen 'there'", "127.0.0.1:7000"},
		{"dht-node", "a.example", "dht-node", "a.example:6881"},
		{"dht-node", "[::1]:0", "dht-node '[::1]:0': nobody",
		 "[::1]:6881"},
		{"listen", "a.example:1", "listen 'a.example': want an IP",
		 "[::1]:7000"},
		{"profile", "mars", "mars", "bttc"},
		{"chain-id", "0", "chain-id", "7"},
		{"bank", "0x12",
		 "bank '0x12': ", "0x52908400098527886E0F7030069857D2E4169EE7"},
		{"token", "none", "token 'none': ",
		 "0x52908400098527886E0F7030069857D2E4169EE7"},
		{"rpc", "gopher://a", "rpc 'gopher://a': ", "http://a:1"},
		{"confirmations", "few", "confirmations 'few': ", "finalized"},
		{"legacy-fees", "maybe", "legacy-fees 'maybe': ", "yes"},
		{"block-ms", "99", "block-ms", "250"},
		{"cold", "0x12",
		 "cold '0x12': ", "0x52908400098527886E0F7030069857D2E4169EE7"},
		{"host-path", "/mnt", "host-path '/mnt': want a size",
		 "1GiB /mnt"},
		{"host-endpoint", "here", "host-endpoint 'here'",
		 "10.0.0.1:6881"},
		{"host-peer", "b.example:1",
		 "host-peer 'b.example': want an IP", "10.0.0.1:6881"},
		{"host-schedule", "late", "schedule 'late': want HH:MM",
		 "22:00-06:30"},
	};

	write_config("");
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct err e = {0};

		CHECK(settings_store(&home, rows[i].name, rows[i].bad, &e) ==
				      ERR_PARSE &&
			      strstr(e.msg, rows[i].says),
		      "%s = %s: %s", rows[i].name, rows[i].bad, e.msg);
		e = (struct err){0};
		CHECK(settings_store(&home, rows[i].name, rows[i].good, &e) ==
			      ERR_NONE,
		      "%s = %s: %s", rows[i].name, rows[i].good, e.msg);
		CHECK(settings_store(&home, rows[i].name, NULL, &e) == ERR_NONE,
		      "%s: %s", rows[i].name, e.msg);
	}
}

static void a_lock_names_its_holder(void)
{
	struct err e = {0};
	char pid[32];
	int first, second;

	CHECK(home_lock(&home, "daemon.lock", &first, &e) == ERR_NONE, "%s",
	      e.msg);
	CHECK(home_lock(&home, "daemon.lock", &second, &e) == ERR_STATE,
	      "taken twice");
	(void)snprintf(pid, sizeof(pid), "process %ld", (long)getpid());
	CHECK(strstr(e.msg, pid) != NULL, "%s", e.msg);
	(void)close(first);
	e = (struct err){0};
	CHECK(home_lock(&home, "daemon.lock", &second, &e) == ERR_NONE, "%s",
	      e.msg);
	(void)close(second);
}

/* A child is the other process: claims are the process's own. */
static void what_is_written_is_claimed(void)
{
	struct err e = {0};
	char pid[32];
	int fd, status = 0;
	pid_t child;

	CHECK(home_claims_open(&home, &fd, &e) == ERR_NONE, "%s", e.msg);
	CHECK(home_claim(fd, "/a/one", &e) == ERR_NONE &&
		      home_claim(fd, "/a/two", &e) == ERR_NONE,
	      "%s", e.msg);
	home_release(fd, "/a/two");
	(void)snprintf(pid, sizeof(pid), "process %ld", (long)getpid());
	child = fork();
	if (child == 0) {
		bool ok = home_claim(fd, "/a/one", &e) == ERR_STATE &&
			  strstr(e.msg, pid) && strstr(e.msg, "/a/one") &&
			  home_claim(fd, "/a/two", &e) == ERR_NONE;

		_exit(ok ? 0 : 1);
	}
	CHECK(waitpid(child, &status, 0) == child && status == 0, "%d", status);
	CHECK(home_claim(fd, "/a/two", &e) == ERR_NONE, "the child is gone");
	(void)close(fd);
}

int main(void)
{
	char dir[] = "/tmp/seedbank-test-XXXXXX", path[HOME_PATH_MAX];
	struct err e = {0};

	if (!mkdtemp(dir))
		return 1;
	(void)snprintf(path, sizeof(path), "%s/deep/home/", dir);
	CHECK(home_open(&home, path, &e) == ERR_NONE, "%s", e.msg);
	setting_one_line_leaves_the_others();
	two_that_set_something_at_once_both_do();
	what_is_wrong_is_named();
	what_a_value_means_is_checked();
	a_lock_names_its_holder();
	what_is_written_is_claimed();
	home_file(&home, "config", path);
	(void)unlink(path);
	home_file(&home, "daemon.lock", path);
	(void)unlink(path);
	home_file(&home, "torrents.lock", path);
	(void)unlink(path);
	(void)rmdir(home.path);
	(void)snprintf(path, sizeof(path), "%s/deep", dir);
	(void)rmdir(path);
	(void)rmdir(dir);
	return CHECK_EXIT();
}
